/* `init` speaks to the peer port as a guest: one handshake, one request, one answer. */
#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "cli/cli.h"
#include "io/backends.h"
#include "net/net.h"
#include "shard/shard.h"
#include "sql/catalog.h"

struct init_run {
    const struct cli_founding *founding;
    struct net_visit *visit;
    bool over, answered;
    uint16_t answer;
    enum net_refusal refusal;
};

const char *cli_founding_check(const struct cli_founding *f)
{
    if (f->ranges < 1 || f->ranges > CLI_FOUNDING_RANGES_MAX) return "--ranges is 1 to 20000";
    if (f->rows < 1 || f->rows > UINT64_C(1000000000000)) return "--range-rows is 1 to 1000000000000";
    return NULL;
}

static void put_split_keys(const struct cli_founding *f, struct buf *out)
{
    struct buf key;
    buf_init(&key, 256);
    for (uint64_t i = 1; i < f->ranges; i++) {
        buf_reset(&key);
        catalog_first_table_key((int64_t)(i * f->rows), &key);
        put_sized(out, buf_view(&key));
    }
    if (key.failed) out->failed = true;
    buf_deinit(&key);
}

static void on_open(void *ctx, struct net_visit *v, const struct net_identity *peer)
{
    struct init_run *run = ctx;
    (void)peer;
    struct buf keys;
    buf_init(&keys, NET_GUEST_MESSAGE_BYTES_MAX);
    put_split_keys(run->founding, &keys);
    if (keys.failed || net_visit_send(v, SHARD_MESSAGE_INIT, buf_view(&keys)) != STATUS_OK) net_visit_close(v);
    buf_deinit(&keys);
}

static void on_message(void *ctx, struct net_visit *v, uint16_t type, struct bytes payload)
{
    struct init_run *run = ctx;
    struct reader in = reader_make(payload);
    uint16_t answer = get_u16(&in);
    if (type == SHARD_MESSAGE_INIT_REPLY && reader_done(&in)) {
        run->answered = true;
        run->answer = answer;
    }
    net_visit_close(v);
}

static void on_end(void *ctx, struct net_visit *v, enum status reason, enum net_refusal refusal)
{
    struct init_run *run = ctx;
    (void)v;
    (void)reason;
    run->visit = NULL;
    run->over = true;
    run->refusal = refusal;
}

/* A guest is visited by nobody: all of these stay quiet. */
static void ignore_message(void *ctx, struct node_id from, enum net_link link, uint16_t type,
                           uint16_t from_store, uint16_t to_store, struct bytes payload)
{
    (void)ctx, (void)from, (void)link, (void)type, (void)from_store, (void)to_store, (void)payload;
}
static void ignore_guest(void *ctx, struct net_guest *g, uint16_t type, struct bytes payload)
{
    (void)ctx, (void)g, (void)type, (void)payload;
}
static void ignore_guest_closed(void *ctx, struct net_guest *g) { (void)ctx, (void)g; }
static void ignore_link(void *ctx, struct node_id peer, enum net_link link, bool up)
{
    (void)ctx, (void)peer, (void)link, (void)up;
}
static void ignore_peer(void *ctx, const struct net_identity *peer) { (void)ctx, (void)peer; }
static void ignore_refused(void *ctx, struct node_id peer, enum net_refusal refusal)
{
    (void)ctx, (void)peer, (void)refusal;
}
static enum net_refusal refuse_all(void *ctx, const struct net_identity *peer)
{
    (void)ctx, (void)peer;
    return NET_REFUSAL_NOT_READY;
}
static const struct net_handler quiet = {ignore_message, ignore_guest, ignore_guest_closed, ignore_link,
                                         ignore_peer, ignore_refused, refuse_all};
static const struct net_visit_handler visiting = {on_open, on_message, on_end};

/* Visits once; true when there was an answer. */
static bool visit_once(struct env *env, struct timer_heap *timers, struct net *net, const char *host_port,
                       uint64_t end_ns, struct init_run *run)
{
    *run = (struct init_run){.founding = run->founding};
    if (net_visit_open(net, host_port, &visiting, run, &run->visit) != STATUS_OK) return false;
    while (!run->over) {
        if (env_now_ns(env) >= end_ns && run->visit != NULL) net_visit_close(run->visit);
        timer_heap_fire(timers, env_now_ns(env));
        net_flush(net);
        uint64_t next_ns = timer_heap_next(timers), latest_ns = env_now_ns(env) + 50000000u;
        env_poll(env, next_ns < latest_ns ? next_ns : latest_ns);
    }
    return run->answered;
}

static int outcome(const struct init_run *run, const char **why)
{
    switch (run->answer) {
    case STATUS_OK: return CLI_OK;
    case STATUS_EXISTS:
        *why = "this node is already a member of a cluster; nothing was done";
        return CLI_ERROR;
    case STATUS_INVALID:
        *why = "an init of this node was cut short and had another --ranges or --range-rows; repeat that one, or start "
               "with an empty data directory";
        return CLI_ERROR;
    default: *why = status_name((enum status)run->answer); return CLI_ERROR;
    }
}

int cli_init_cluster(const char *host_port, const struct cli_founding *founding, uint64_t timeout_ns,
                     const char **why)
{
    struct logger logger;
    logger_init_stderr(&logger, LOG_LEVEL_ERROR);
    struct env_options eo = {.root = ".", .logger = &logger};
    struct env *env;
    *why = "cannot set up the network";
    if (env_epoll_create(&eo, &env) != STATUS_OK) return CLI_ERROR;
    struct timer_heap timers;
    timer_heap_init(&timers);
    struct net_options no = {.env = env, .timers = &timers, .logger = NULL, .handler = &quiet};
    struct net *net;
    int status = CLI_ERROR;
    if (net_create(&no, &net) == STATUS_OK) {
        uint64_t end_ns = env_now_ns(env) + timeout_ns;
        struct init_run run = {.founding = founding};
        bool answered = false;
        while (!answered && env_now_ns(env) < end_ns) {
            answered = visit_once(env, &timers, net, host_port, end_ns, &run);
            /* The node may still be starting: try again until the time is over. */
            uint64_t pause_ns = env_now_ns(env) + 100000000u;
            while (!answered && env_now_ns(env) < pause_ns && env_now_ns(env) < end_ns)
                env_poll(env, pause_ns);
        }
        *why = run.refusal != NET_REFUSAL_NONE ? net_refusal_text(run.refusal)
                                               : "no answer from that address; is the node running?";
        status = answered ? outcome(&run, why) : CLI_TIMEOUT;
        env_shutdown(env);
        for (int i = 0; i < 10; i++) env_poll(env, 0);
        net_destroy(net);
    }
    timer_heap_deinit(&timers);
    env_destroy(env);
    return status;
}

int cli_init(int argc, char **argv)
{
    const char *host = "127.0.0.1:7433";
    uint64_t timeout_ns = 30000000000u;
    struct cli_founding founding = {.ranges = 1, .rows = 1000};
    const struct cli_flag flags[] = {
        {"host", 'H', CLI_PLACE, &host, "H:P", "peer address of the first node (127.0.0.1:7433)"},
        {"timeout", 0, CLI_DURATION, &timeout_ns, "TIME", "how long to try (30s)"},
        {"ranges", 0, CLI_NUMBER, &founding.ranges, "N", "divide the first table from the start (1); its key: one bigint"},
        {"range-rows", 0, CLI_NUMBER, &founding.rows, "R", "with --ranges: at the keys R, 2R, 3R ... (1000)"},
    };
    const struct cli_command command = {"init", "Founds a new cluster on one running node, once.",
                                        "init [--host H:P]", flags,
                                        sizeof flags / sizeof flags[0], NULL};
    int status = cli_parse(&command, argc, argv, NULL, 0, NULL);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    const char *why = cli_founding_check(&founding);
    if (why != NULL) {
        fprintf(stderr, "ostraka init: %s\n", why);
        return CLI_USAGE;
    }
    status = cli_init_cluster(host, &founding, timeout_ns, &why);
    if (status == CLI_OK) printf("cluster created; other nodes join with --join %s\n", host);
    else fprintf(stderr, "ostraka init: %s: %s\n", host, why);
    return status;
}
