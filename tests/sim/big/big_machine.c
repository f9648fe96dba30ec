/* Machines: the core that production runs, stepped by the scheduler, each turn at the price of the cost model. */
#include <stdarg.h>

#include "base/assert.h"
#include "tests/sim/big/big_int.h"

#define SEEDS 3

void big_fail(struct big *b, const char *format, ...)
{
    if (big_failed(b)) return;
    va_list args;
    va_start(args, format);
    vsnprintf(b->failure, sizeof b->failure, format, args);
    va_end(args);
}

void big_machines_init(struct big *b)
{
    int at = 0;
    for (uint64_t i = 1; i <= SEEDS; i++)
        at += snprintf(b->seeds + at, sizeof b->seeds - (size_t)at, "%s10.0.0.%llu:%u", i > 1 ? "," : "",
                       (unsigned long long)i, BIG_PEER_PORT);
    uint32_t racks = b->options.node_count >= 20 ? 10 : 5;
    for (uint64_t i = 1; i <= BIG_NODES_MAX; i++) {
        struct big_machine *m = &b->machines[i];
        m->big = b;
        m->number = i;
        snprintf(m->locality, sizeof m->locality, "rack=%llu", (unsigned long long)((i - 1) % racks));
    }
}

/* What the turn took, and what was taken in since the one before, has its price. */
static void charge(struct big_machine *m)
{
    const struct net_metrics *n = net_metrics(core_net(m->core));
    uint64_t messages = n->messages_sent + n->messages_received, bytes = n->bytes_sent + n->bytes_received;
    uint64_t cost_ns = (messages - m->charged_messages) * BIG_MESSAGE_NS + (bytes - m->charged_bytes) * BIG_KIB_NS / 1024;
    m->charged_messages = messages;
    m->charged_bytes = bytes;
    m->busy_ns += BIG_TURN_NS + cost_ns;
    sim_env_charge(m->env, cost_ns);
}

static void on_turn(void *ctx)
{
    struct big_machine *m = ctx;
    uint64_t wake_ns = core_step(m->core);
    charge(m);
    sim_env_set_deadline(m->env, wake_ns);
}

static void on_end(void *ctx, int exit_status, const char *why)
{
    struct big_machine *m = ctx;
    (void)exit_status;
    m->ended = true;
    sim_trace(m->big->sim, "machine %llu ended: %s", (unsigned long long)m->number, why);
    bool removed = strstr(why, "was removed from the cluster") != NULL; /* decommissioned: it shall end */
    if (!removed) big_fail(m->big, "machine %llu ended: %s", (unsigned long long)m->number, why);
}

static void log_to_stderr(void *ctx, const char *line, int size)
{
    struct big_machine *m = ctx;
    fprintf(stderr, "%12.6f m%llu %.*s", (double)sim_now(m->big->sim) / 1e9, (unsigned long long)m->number, size, line);
}

void big_start(struct big *b, uint64_t number)
{
    ASSERT(number >= 1 && number <= BIG_NODES_MAX);
    struct big_machine *m = &b->machines[number];
    ASSERT(m->env == NULL);
    if (number > b->machine_count) b->machine_count = (uint32_t)number;
    if (b->options.verbose) m->logger = (struct logger){.level = LOG_LEVEL_INFO, .write = log_to_stderr, .ctx = m};
    else sim_logger_init(b->sim, number, &m->logger);
    sim_env_create(b->sim, number, &m->logger, &m->env);
    m->ended = false;
    m->charged_messages = m->charged_bytes = 0;
    struct core_options o = {
        .env = m->env,
        .logger = &m->logger,
        .seed = sim_random(b->sim),
        .listen = sim_addr(number, BIG_PEER_PORT),
        .join = b->seeds,
        .memory_bytes = 4u << 20,
        .table_bytes = 256u << 10,
        .wal_segment_bytes = 1u << 20,
        .wal_sync_mode = WAL_SYNC_FDATASYNC,
        .dead_after_ns = 10 * SIM_SEC,
        .fiber_count_max = 512,
        .on_end = on_end,
        .ctx = m,
    };
    snprintf(o.locality, sizeof o.locality, "%s", m->locality);
    enum status status = core_create(&o, &m->core);
    ASSERT(status == STATUS_OK);
    sim_env_on_turn(m->env, on_turn, m);
    big_poke(b, number);
}

static void tear_down(struct big *b, struct big_machine *m)
{
    big_tally_add(&b->gone, m);
    core_abandon(m->core);
    for (int round = 0; round < 8; round++) {
        sim_env_drain(m->env);
        fiber_run_ready(core_fibers(m->core));
    }
    core_destroy(m->core);
    sim_env_drain(m->env);
    m->core = NULL;
    env_destroy(m->env);
    m->env = NULL;
    m->ended = false;
}

void big_lose(struct big *b, uint64_t number)
{
    struct big_machine *m = &b->machines[number];
    if (m->env == NULL) return;
    b->lost_ns = sim_now(b->sim);
    sim_node_crash(b->sim, number, SIM_CRASH_POWER);
    tear_down(b, m);
}

void big_machines_end(struct big *b)
{
    for (uint64_t i = 1; i <= b->machine_count; i++) big_lose(b, i);
}

struct store *big_store(struct big *b, uint64_t number)
{
    const struct big_machine *m = &b->machines[number];
    return m->env == NULL || m->ended ? NULL : core_store(m->core);
}

void big_poke(struct big *b, uint64_t number)
{
    struct big_machine *m = &b->machines[number];
    if (m->env != NULL) sim_env_set_deadline(m->env, env_now_ns(m->env));
}

uint64_t big_node(struct big *b, uint64_t number)
{
    struct store *s = big_store(b, number);
    return s == NULL ? 0 : store_identity(s)->node.value;
}

static void reap(struct big *b)
{
    for (uint64_t i = 1; i <= b->machine_count; i++)
        if (b->machines[i].env != NULL && b->machines[i].ended) big_lose(b, i);
}

bool big_run_until(struct big *b, bool (*holds)(struct big *b, void *ctx), void *ctx, uint64_t timeout_ns)
{
    uint64_t end_ns = sim_now(b->sim) + timeout_ns;
    while (sim_now(b->sim) < end_ns && !big_failed(b)) {
        if (holds != NULL && holds(b, ctx)) return true;
        uint64_t left_ns = end_ns - sim_now(b->sim);
        sim_run_for(b->sim, left_ns < BIG_SAMPLE_NS ? left_ns : BIG_SAMPLE_NS);
        reap(b);
        big_watch(b);
    }
    return !big_failed(b) && holds != NULL && holds(b, ctx);
}

void big_run_for(struct big *b, uint64_t duration_ns)
{
    if (big_run_until(b, NULL, NULL, duration_ns)) UNREACHABLE();
}
