/* The life of a large cluster, phase by phase. */
#include "tests/sim/big/big.h"

#include <stdlib.h>

#include "base/assert.h"
#include "shard/admin.h"
#include "tests/sim/big/big_int.h"
#include "txn/txn.h"

#define QUIET_NS   (3 * SIM_SEC) /* nothing changes for so long: it is quiet */
#define REST_NS    (10 * SIM_SEC)
#define PHASE_NS   (600 * SIM_SEC)
/* A leader is missed after D = 600 ms, its successor elected in one round: a second more for chance and stagger. */
#define GAP_NS     (3 * SIM_SEC)

/* ---- conditions ---- */

static bool formed(struct big *b, void *ctx)
{
    (void)ctx;
    struct meta_state *m = big_meta(b);
    if (m == NULL) return false;
    uint32_t there = 0;
    for (uint32_t i = 0; i < m->node_count; i++) there += !m->nodes[i]->removed;
    return there >= b->options.node_count && big_misplaced(b) == NULL;
}

/* Whether epochs and leaders have stood still for a while. */
struct stillness {
    uint64_t sum, since_ns;
};

static uint64_t sum_of(struct big *b)
{
    struct meta_state *m = big_meta(b);
    uint64_t sum = m == NULL ? 0 : m->ranges.count + ((uint64_t)m->job_count << 32);
    for (uint32_t i = 0; m != NULL && i < m->ranges.count; i++) {
        const struct descriptor *d = m->ranges.items[i];
        sum = sum * 1099511628211u ^ (d->epoch << 16) ^ b->ranges[d->range.value].leader;
    }
    return sum;
}

static bool quiet(struct big *b, void *ctx)
{
    struct stillness *s = ctx;
    uint64_t sum = sum_of(b), now_ns = sim_now(b->sim);
    if (sum != s->sum || s->since_ns == 0) *s = (struct stillness){sum, now_ns};
    bool placed = now_ns - s->since_ns >= QUIET_NS && now_ns % (1000 * SIM_MS) < BIG_SAMPLE_NS && big_misplaced(b) == NULL;
    if (placed && b->phase.done_ns == 0) b->phase.done_ns = s->since_ns;
    return placed && big_orphaned(b) == NULL;
}

/* Ends the phase when all is in its place and nothing moves any more. */
static void settle(struct big *b)
{
    struct stillness s = {0};
    if (!big_run_until(b, quiet, &s, PHASE_NS) && !big_failed(b)) {
        const char *why = big_misplaced(b);
        if (why == NULL) why = big_orphaned(b);
        big_fail(b, "%s: not quiet after %.0f s: %s", b->phase.name, (double)PHASE_NS / 1e9, why != NULL ? why : "it goes on moving");
    }
    if (b->phase.gap_ns > GAP_NS)
        big_fail(b, "%s: range %llu had no leader for %.2f s", b->phase.name, (unsigned long long)b->phase.gap_range,
                 (double)b->phase.gap_ns / 1e9);
    big_phase_end(b);
}

/* ---- founding ---- */

static bool opened(struct big *b, void *ctx)
{
    return big_store(b, *(const uint64_t *)ctx) != NULL;
}

static void on_founded(void *ctx, enum status status)
{
    struct big *b = ctx;
    if (status != STATUS_OK && status != STATUS_CANCELLED) big_fail(b, "not founded: %s", status_name(status));
}

void big_form(struct big *b)
{
    uint64_t first = 1;
    struct stillness s = {0};
    big_phase_begin(b, "form");
    for (uint64_t i = 1; i <= b->options.node_count; i++) big_start(b, i);
    if (!big_run_until(b, opened, &first, 10 * SIM_SEC)) big_fail(b, "the first machine does not start");
    if (big_failed(b)) return;
    store_init_cluster(big_store(b, 1), NULL, 0, on_founded, b);
    big_poke(b, 1);
    if (!big_run_until(b, formed, NULL, PHASE_NS)) big_fail(b, "the cluster does not form");
    b->phase.done_ns = sim_now(b->sim);
    if (!big_run_until(b, quiet, &s, PHASE_NS)) big_fail(b, "the cluster does not come to rest");
    big_phase_end(b);
}

/* ---- settings ---- */

static void on_set(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    struct big_question *q = CONTAINER_OF(call, struct big_question, setting);
    q->done = true;
    q->status = status;
}

static bool is_answered(struct big *b, void *ctx)
{
    (void)ctx;
    return b->question.done;
}

void big_set(struct big *b, enum cluster_setting setting, uint64_t value)
{
    uint64_t machine = b->ranges[RANGE_META.value].leader;
    struct store *s = machine == 0 ? NULL : big_store(b, machine);
    struct buf body;
    b->question = (struct big_question){.setting = {.on_done = on_set}};
    buf_init(&body, 100);
    put_u8(&body, META_SETTING_PUT);
    put_u16(&body, (uint16_t)setting);
    put_sized(&body, BYTES_EMPTY);
    put_u64(&body, value);
    enum status status = s == NULL ? STATUS_NOT_LEADER
                                   : rpc_start(s->rpc, &b->question.setting, s->identity.node, RPC_META_CHANGE,
                                               buf_view(&body), 5 * SIM_SEC);
    buf_deinit(&body);
    big_poke(b, machine == 0 ? 1 : machine);
    if (status == STATUS_OK && !big_run_until(b, is_answered, NULL, 10 * SIM_SEC)) status = STATUS_TIMEOUT;
    if (status == STATUS_OK) status = b->question.status;
    if (status != STATUS_OK) big_fail(b, "the setting is refused: %s", status_name(status));
}

/* ---- splits ---- */

static void split_run(void *arg)
{
    struct big_splitter *p = arg;
    struct core *core = p->big->machines[1].core;
    enum status status = STATUS_OK;
    for (; p->next < p->big->options.range_count && status != STATUS_CANCELLED; p->next += p->step) {
        uint8_t key[9];
        big_key(p->next, p->big->options.range_count, key);
        do {
            struct arena arena;
            struct txn *t;
            arena_init(&arena, 1 << 20);
            status = txn_create(core_kv(core), &arena, &t);
            ASSERT(status == STATUS_OK);
            status = txn_split(t, bytes_make(key, sizeof key));
            txn_destroy(t);
            arena_deinit(&arena);
            if (status == STATUS_BUSY) store_fiber_sleep(core_store(core), 100 * SIM_MS);
        } while (status != STATUS_OK && status != STATUS_CANCELLED && !big_failed(p->big));
    }
    p->done = true;
}

static bool all_split(struct big *b, void *ctx)
{
    (void)ctx;
    for (int i = 0; i < BIG_SPLITTERS; i++)
        if (!b->splitters[i].done) return false;
    return true;
}

static void split(struct big *b)
{
    big_phase_begin(b, "split and balance");
    for (uint64_t i = 0; i < BIG_SPLITTERS; i++) {
        b->splitters[i] = (struct big_splitter){.big = b, .next = 1 + i, .step = BIG_SPLITTERS};
        enum status status = fiber_spawn(core_fibers(b->machines[1].core), split_run, &b->splitters[i], NULL);
        ASSERT(status == STATUS_OK);
    }
    big_poke(b, 1);
    uint64_t began_ns = sim_now(b->sim);
    if (!big_run_until(b, all_split, NULL, PHASE_NS)) big_fail(b, "the ranges are not split");
    if (b->options.report != NULL)
        fprintf(b->options.report, "split: %u ranges after %.1f s\n", b->options.range_count,
                (double)(sim_now(b->sim) - began_ns) / 1e9);
    settle(b);
}

/* ---- rest, losses, newcomers ---- */

static void rest(struct big *b)
{
    big_phase_begin(b, "rest");
    big_run_for(b, REST_NS);
    if (b->phase.gap_ns > BIG_SAMPLE_NS) big_fail(b, "at rest a range has no leader for a while");
    big_phase_end(b);
}

static void lose_one(struct big *b)
{
    big_phase_begin(b, "one node lost");
    big_lose(b, b->options.node_count);
    settle(b);
}

static void join(struct big *b)
{
    big_phase_begin(b, "one node joins");
    big_start(b, b->options.node_count + 1);
    settle(b);
}

static void for_rack(struct big *b, const char *rack, void (*act)(struct big *b, uint64_t number))
{
    for (uint64_t i = 1; i <= b->options.node_count; i++)
        if (strcmp(b->machines[i].locality, rack) == 0) act(b, i);
}

static void lose_rack(struct big *b)
{
    uint64_t leader = b->ranges[RANGE_META.value].leader;
    const char *rack = b->machines[leader != 0 ? leader : 1].locality; /* the one whose loss costs most */
    big_phase_begin(b, "the rack of the metadata leader lost");
    for_rack(b, rack, big_lose);
    settle(b);
    if (big_failed(b)) return;
    big_phase_begin(b, "the rack comes back");
    for_rack(b, rack, big_start);
    settle(b);
}

/* ---- decommission ---- */

static void on_asked(struct admin_call *call, enum status status, const struct admin_answer *answer)
{
    struct big_question *a = CONTAINER_OF(call, struct big_question, call);
    (void)answer;
    a->done = true;
    a->status = status;
}

static bool is_removed(struct big *b, void *ctx)
{
    struct meta_state *m = big_meta(b);
    return m != NULL && meta_node_state(m, (struct node_id){*(const uint64_t *)ctx}) == NODE_STATE_REMOVED;
}

static void decommission(struct big *b)
{
    uint64_t machine = b->options.node_count - 1, node = big_node(b, machine);
    struct big_question *a = &b->question;
    const struct admin_question q = {.node = {node}, .state = NODE_STATE_DECOMMISSIONING};
    *a = (struct big_question){.call = {.on_done = on_asked}};
    big_phase_begin(b, "one node decommissioned");
    enum status status = node == 0 ? STATUS_NOT_FOUND : store_admin(big_store(b, 1), &a->call, &q);
    big_poke(b, 1);
    if (status == STATUS_OK && !big_run_until(b, is_answered, NULL, 30 * SIM_SEC)) status = STATUS_TIMEOUT;
    if (status == STATUS_OK) status = a->status;
    if (status != STATUS_OK) big_fail(b, "the decommission is refused: %s", status_name(status));
    if (!big_run_until(b, is_removed, &node, PHASE_NS)) big_fail(b, "the decommissioned node is not removed");
    b->phase.done_ns = sim_now(b->sim);
    settle(b);
}

/* ---- the whole ---- */

static void end_load(struct big *b)
{
    big_phase_begin(b, "all keys read");
    big_load_stop(b->load);
    big_load_check(b->load);
    big_phase_end(b);
}

static void live(struct big *b)
{
    static void (*const phases[])(struct big *b) = {split, rest, lose_one, join, lose_rack, decommission, rest, end_load};
    big_form(b);
    if (big_failed(b)) return;
    b->load = big_load_create(b, b->options.client_count);
    for (size_t i = 0; i < sizeof phases / sizeof phases[0] && !big_failed(b); i++) phases[i](b);
}

struct big *big_create(const struct big_options *options)
{
    ASSERT(options->node_count >= 6 && options->node_count < BIG_NODES_MAX);
    struct big *b = calloc(1, sizeof *b);
    ASSERT(b != NULL);
    b->options = *options;
    if (b->options.range_count == 0) b->options.range_count = 10 * options->node_count;
    if (b->options.client_count == 0) b->options.client_count = options->node_count;
    struct sim_options so;
    sim_options_init(&so, options->seed);
    b->sim = sim_create(&so);
    big_machines_init(b);
    return b;
}

void big_destroy(struct big *b)
{
    if (b->load != NULL) big_load_stop(b->load);
    big_machines_end(b);
    sim_destroy(b->sim);
    if (b->load != NULL) big_load_destroy(b->load);
    free(b);
}

void big_run(const struct big_options *options, struct big_result *result)
{
    struct big *b = big_create(options);
    big_report_head(b);
    live(b);
    *result = (struct big_result){.passed = !big_failed(b), .hash = sim_trace_hash(b->sim),
                                  .virtual_ns = sim_now(b->sim), .events = sim_event_count(b->sim)};
    snprintf(result->failure, sizeof result->failure, "%s", b->failure);
    big_destroy(b);
}
