/* Cancel requests: 16 bytes on a connection of their own, which the server closes without an answer. */
#include "tests/sim/cluster/sql_client_int.h"

#define PATIENCE_NS SIM_SEC

static void on_connected(void *ctx, struct env_socket *socket)
{
    struct sql_client *c = ctx;
    env_send(c->options.env, socket, c->cancel_out.data, c->cancel_out.size);
}

static void on_received(void *ctx, struct env_socket *socket, struct bytes bytes)
{
    struct sql_client *c = ctx;
    (void)socket;
    (void)bytes;
    client_violate(c, "an answer to a cancel request", 0);
}

static void on_sent(void *ctx, struct env_socket *socket)
{
    (void)ctx;
    (void)socket;
}

static void on_closed(void *ctx, struct env_socket *socket, enum status reason)
{
    struct sql_client *c = ctx;
    (void)socket;
    (void)reason;
    c->cancel_socket = NULL;
}

static const struct env_socket_handler socket_handler = {
    .on_connected = on_connected, .on_received = on_received, .on_sent = on_sent, .on_closed = on_closed};

static void on_patience_over(void *ctx)
{
    struct sql_client *c = ctx;
    c->cancel_due = false;
    if (c->cancel_socket != NULL) env_close(c->options.env, c->cancel_socket);
}

static void on_due(void *ctx)
{
    struct sql_client *c = ctx;
    bool useful = c->state == CLIENT_QUERY && c->key_pid != 0 && c->cancel_socket == NULL;
    if (!useful) {
        c->cancel_due = false;
        return;
    }
    buf_reset(&c->cancel_out);
    put_be32(&c->cancel_out, 16);
    put_be32(&c->cancel_out, PGWIRE_CANCEL_REQUEST);
    put_be32(&c->cancel_out, c->key_pid);
    put_be32(&c->cancel_out, c->key_secret);
    if (env_connect(c->options.env, &c->addr, &socket_handler, c, &c->cancel_socket) != STATUS_OK)
        c->cancel_socket = NULL;
    sim_call_after(c->options.sim, PATIENCE_NS, on_patience_over, c);
}

void sql_client_cancel_later(struct sql_client *c, uint64_t delay_ns)
{
    if (c->cancel_due) return; /* one at a time */
    c->cancel_due = true;
    sim_call_after(c->options.sim, delay_ns, on_due, c);
}
