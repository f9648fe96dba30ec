#include "cli/visit.h"

#include "io/backends.h"
#include "net/net.h"

struct run {
    struct cli_visit *wanted;
    struct net_visit *visit;
    bool over, answered;
    enum net_refusal refusal;
};

static void on_open(void *ctx, struct net_visit *v, const struct net_identity *peer)
{
    struct run *run = ctx;
    (void)peer;
    if (net_visit_send(v, run->wanted->request, run->wanted->payload) != STATUS_OK) net_visit_close(v);
}

static void on_message(void *ctx, struct net_visit *v, uint16_t type, struct bytes payload)
{
    struct run *run = ctx;
    if (type == run->wanted->reply) {
        buf_reset(&run->wanted->answer);
        buf_append_bytes(&run->wanted->answer, payload);
        run->answered = !run->wanted->answer.failed;
    }
    net_visit_close(v);
}

static void on_end(void *ctx, struct net_visit *v, enum status reason, enum net_refusal refusal)
{
    struct run *run = ctx;
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
                       uint64_t end_ns, struct run *run)
{
    *run = (struct run){.wanted = run->wanted};
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

static int visit_again(struct cli_visit *v, struct env *env, struct timer_heap *timers, struct net *net,
                       const char *host_port, uint64_t timeout_ns, const char **why)
{
    uint64_t end_ns = env_now_ns(env) + timeout_ns;
    struct run run = {.wanted = v};
    bool answered = false;
    while (!answered && env_now_ns(env) < end_ns) {
        answered = visit_once(env, timers, net, host_port, end_ns, &run);
        /* The node may still be starting: try again until the time is over. */
        uint64_t pause_ns = env_now_ns(env) + 100000000u;
        while (!answered && env_now_ns(env) < pause_ns && env_now_ns(env) < end_ns) env_poll(env, pause_ns);
    }
    *why = run.refusal != NET_REFUSAL_NONE ? net_refusal_text(run.refusal)
                                           : "no answer from that address; is the node running?";
    return answered ? CLI_OK : CLI_TIMEOUT;
}

int cli_visit_run(struct cli_visit *v, const char *host_port, uint64_t timeout_ns, const char **why)
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
        status = visit_again(v, env, &timers, net, host_port, timeout_ns, why);
        env_shutdown(env);
        for (int i = 0; i < 10; i++) env_poll(env, 0);
        net_destroy(net);
    }
    timer_heap_deinit(&timers);
    env_destroy(env);
    return status;
}
