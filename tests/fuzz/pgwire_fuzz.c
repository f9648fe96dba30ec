/* Fuzzes the SQL port: a node with a database of its own in the simulation, and a client that sends whatever the input
 * says.
 *
 * The input is a byte of choices, a byte for the size of pieces, and the stream. One choice sends a proper start-up
 * packet first, another turns the rest into messages whose lengths fit: type u8, size u8, body. What must hold: the
 * connection ends when the client ends, whatever it said; replies are well-formed messages; what a statement held is
 * given back. */
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "sql/pgwire.h"
#include "sql/server.h"
#include "tests/sim/cluster/cluster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { START = 1, FRAME = 2, TERMINATE = 4, HURRY = 8 };
#define INPUTS_PER_DATABASE 1000
#define REPLY_BYTES_MAX (64u << 20)

static struct cluster *cluster;
static struct sql_server *server;
static struct env *client_env;
static unsigned inputs;

struct client {
    struct env_socket *socket; /* NULL: closed */
    bool sending; /* or connecting */
    struct buf replies;
};

static void on_connected(void *ctx, struct env_socket *s)
{
    struct client *k = ctx;
    (void)s;
    k->sending = false;
}

static void on_received(void *ctx, struct env_socket *s, struct bytes bytes)
{
    struct client *k = ctx;
    (void)s;
    buf_append_bytes(&k->replies, bytes);
}

static void on_sent(void *ctx, struct env_socket *s)
{
    struct client *k = ctx;
    (void)s;
    k->sending = false;
}

static void on_closed(void *ctx, struct env_socket *s, enum status reason)
{
    struct client *k = ctx;
    (void)s, (void)reason;
    k->socket = NULL;
    k->sending = false;
}

static const struct env_socket_handler handler = {on_connected, on_received, on_sent, on_closed};

/* ---- the node ---- */

static void node_start(void)
{
    struct cluster_options o;
    cluster_options_init(&o, 1);
    o.node_count = 1;
    cluster = cluster_create(&o);
    bool booted = cluster_boot(cluster, 60 * SIM_SEC);
    ASSERT(booted);
    server = cluster_machine(cluster, 1)->sql;
    client_env = cluster_client_env(cluster);
}

static void node_end(void)
{
    cluster_destroy(cluster);
    inputs = 0;
}

/* ---- what is sent ---- */

static void put_startup(struct buf *out)
{
    static const char parameters[] = "user\0postgres\0database\0postgres\0";
    put_be32(out, (uint32_t)(8 + sizeof parameters));
    put_be32(out, PGWIRE_VERSION_3);
    buf_append(out, parameters, sizeof parameters);
}

static void put_framed(struct buf *out, struct bytes stream)
{
    for (size_t at = 0; at + 2 <= stream.size;) {
        uint8_t type = stream.data[at];
        size_t size = stream.data[at + 1];
        at += 2;
        if (size > stream.size - at) size = stream.size - at;
        put_u8(out, type);
        put_be32(out, (uint32_t)size + 4);
        buf_append(out, stream.data + at, size);
        at += size;
    }
}

static bool done(struct cluster *c, void *ctx)
{
    struct client *k = ctx;
    (void)c;
    return !k->sending;
}

static void send_all(struct client *k, struct bytes stream, size_t piece)
{
    for (size_t at = 0; at < stream.size && k->socket != NULL; at += piece) {
        size_t size = stream.size - at < piece ? stream.size - at : piece;
        k->sending = true;
        env_send(client_env, k->socket, stream.data + at, size);
        bool sent = cluster_run_until(cluster, done, k, 10 * SIM_SEC);
        ASSERT(sent || k->socket != NULL);
        if (!sent) return; /* the server makes us wait */
    }
}

/* ---- what comes back ---- */

static void check_replies(struct bytes replies)
{
    static const char types[] = "RSKZTDCEINGvst123n";
    struct reader r = reader_make(replies);
    while (reader_left(&r) >= 5) {
        uint8_t type = get_u8(&r);
        uint32_t size = get_be32(&r);
        ASSERT(type != 0 && strchr(types, type) != NULL);
        ASSERT(size >= 4 && size <= REPLY_BYTES_MAX);
        if (size - 4 > reader_left(&r)) return; /* the client went before it came */
        struct bytes body = get_bytes(&r, size - 4);
        if (type == 'E') ASSERT(body.size > 6 && body.data[body.size - 1] == 0);
        if (type == 'Z') ASSERT(body.size == 1 && strchr("ITE", body.data[0]) != NULL);
    }
}

static bool nobody(struct cluster *c, void *ctx)
{
    (void)c, (void)ctx;
    return sql_server_metrics(server)->connections == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) return 0;
    if (inputs == INPUTS_PER_DATABASE) node_end();
    if (inputs++ == 0) node_start();
    struct client k = {.sending = true};
    struct buf stream;
    buf_init(&stream, 1 << 20);
    buf_init(&k.replies, REPLY_BYTES_MAX);
    struct bytes rest = bytes_make(data + 2, size - 2);
    if ((data[0] & START) != 0) put_startup(&stream);
    if ((data[0] & FRAME) != 0) put_framed(&stream, rest);
    else buf_append_bytes(&stream, rest);
    if ((data[0] & TERMINATE) != 0) buf_append(&stream, "X\0\0\0\4", 5);
    struct env_addr addr = sim_addr(1, CLUSTER_SQL_PORT);
    enum status status = env_connect(client_env, &addr, &handler, &k, &k.socket);
    ASSERT(status == STATUS_OK);
    bool connected = cluster_run_until(cluster, done, &k, 10 * SIM_SEC);
    ASSERT(connected && k.socket != NULL);
    send_all(&k, buf_view(&stream), data[1] == 0 ? stream.size + 1 : data[1]);
    cluster_run(cluster, (data[0] & HURRY) != 0 ? SIM_MS : 100 * SIM_MS);
    if (k.socket != NULL) env_close(client_env, k.socket);
    bool over = cluster_run_until(cluster, nobody, NULL, 60 * SIM_SEC);
    ASSERT(over);
    while (k.socket != NULL) cluster_run(cluster, SIM_MS);
    if ((data[0] & START) != 0) check_replies(buf_view(&k.replies));
    ASSERT(cluster_up(cluster, 1));
    buf_deinit(&k.replies);
    buf_deinit(&stream);
    return 0;
}
