#include "tests/sim/scenario/scenario.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/sim/check/register.h"
#include "tests/sim/cluster/ts_check.h"

#define BOOT_TIMEOUT_NS   (60 * SIM_SEC)
#define SETTLE_TIMEOUT_NS (60 * SIM_SEC)
#define SLICE_NS          (5 * SIM_MS)

void scenario_expect(struct scenario *s, bool condition, const char *what, const char *file,
                     int line)
{
    if (condition) return;
    fprintf(stderr, "%s:%d: seed %llu, virtual time %.3f s: %s\n", file, line,
            (unsigned long long)s->seed, s->sim == NULL ? 0.0 : (double)sim_now(s->sim) / 1e9,
            what);
    abort();
}

uint64_t scenario_count(uint64_t normal)
{
    const char *size = getenv("OSTRAKA_TEST_SIZE");
    if (getenv("OSTRAKA_MUTANT") != NULL) return normal; /* which ends with the first seed that notices */
    if (size != NULL && strcmp(size, "quick") == 0) return (normal + 9) / 10;
    return size != NULL && strcmp(size, "full") == 0 ? normal * 10 : (normal + 3) / 4;
}

void scenario_seeds(uint64_t count, void (*scenario)(struct scenario *s))
{
    count = scenario_count(count);
    const char *only = getenv("OSTRAKA_SEED"); /* one seed again */
    const char *mutant =
        getenv("OSTRAKA_MUTANT"); /* with a deliberate bug, which is to be noticed */
    if (mutant != NULL) ASSERT(mutant_select(mutant) > 0);
    uint64_t first = only != NULL ? strtoull(only, NULL, 10) : 1;
    if (only != NULL) count = 1;
    for (uint64_t seed = first; seed < first + count; seed++) {
        struct scenario s = {.seed = seed};
        scenario(&s);
        ASSERT(s.c == NULL); /* ended by scenario_end */
    }
}

void scenario_options(struct scenario *s, uint32_t size, struct cluster_options *options_out)
{
    cluster_options_init(options_out, s->seed);
    options_out->node_count = size;
    options_out->replication_factor = size;
    options_out->verbose = getenv("OSTRAKA_VERBOSE") != NULL;
}

void scenario_boot_with(struct scenario *s, const struct cluster_options *options)
{
    s->size = options->node_count;
    s->c = cluster_create(options);
    s->sim = cluster_sim(s->c);
    EXPECT(s, cluster_boot(s->c, BOOT_TIMEOUT_NS));
}

void scenario_boot(struct scenario *s, uint32_t size)
{
    struct cluster_options options;
    scenario_options(s, size, &options);
    scenario_boot_with(s, &options);
}

void scenario_load_with(struct scenario *s, const struct workload_options *options)
{
    ASSERT(s->w == NULL);
    s->w = workload_create(s->c, options);
    scenario_run(s, SIM_SEC); /* everything warm */
}

void scenario_load(struct scenario *s, uint32_t clients, uint32_t keys)
{
    scenario_load_with(s, &(struct workload_options){.client_count = clients,
                                                     .key_count = keys,
                                                     .think_mean_ns = 10 * SIM_MS,
                                                     .operation_max = 200000});
}

void scenario_run(struct scenario *s, uint64_t duration_ns)
{
    cluster_run(s->c, duration_ns);
}

/* ---- who leads ---- */

struct replica *scenario_replica(struct scenario *s, uint64_t machine, struct range_id range)
{
    if (!cluster_up(s->c, machine)) return NULL;
    struct store *store = core_store(cluster_machine(s->c, machine)->core);
    return store == NULL ? NULL : store_replica(store, range);
}

void scenario_status(struct scenario *s, uint64_t machine, struct range_id range,
                     struct raft_status *out)
{
    struct replica *r = scenario_replica(s, machine, range);
    EXPECT(s, r != NULL);
    replica_raft_status(r, out);
}

/* Numbers of nodes come from the order in which they joined. 0: that node is not up. */
static uint64_t machine_of_node(struct scenario *s, uint64_t node)
{
    for (uint64_t i = 1; i <= s->size; i++) {
        if (!cluster_up(s->c, i)) continue;
        struct store *store = core_store(cluster_machine(s->c, i)->core);
        if (store != NULL && store_identity(store)->node.value == node) return i;
    }
    return 0;
}

static bool linked(struct scenario *s, uint64_t a, uint64_t b)
{
    return a == b || (!sim_net_is_cut(s->sim, a, b) && !sim_net_is_cut(s->sim, b, a));
}

static bool reaches_majority(struct scenario *s, uint64_t machine, const struct raft_config *config)
{
    uint32_t reached = 0;
    for (uint32_t i = 0; i < config->voter_count; i++) {
        uint64_t voter = machine_of_node(s, config->voters[i].node);
        if (voter != 0 && linked(s, machine, voter)) reached++;
    }
    return 2 * reached > config->voter_count;
}

uint64_t scenario_leader(struct scenario *s, struct range_id range)
{
    for (uint64_t i = 1; i <= s->size; i++) {
        struct replica *r = scenario_replica(s, i, range);
        if (r == NULL || !replica_serving(r)) continue;
        struct raft_status status;
        replica_raft_status(r, &status);
        if (reaches_majority(s, i, status.config)) return i;
    }
    return 0;
}

uint64_t scenario_term(struct scenario *s, struct range_id range)
{
    uint64_t highest = 0;
    for (uint64_t i = 1; i <= s->size; i++) {
        struct replica *r = scenario_replica(s, i, range);
        if (r == NULL) continue;
        struct raft_status status;
        replica_raft_status(r, &status);
        if (status.term > highest) highest = status.term;
    }
    return highest;
}

void scenario_lead_range(struct scenario *s, uint64_t machine, struct range_id range)
{
    uint64_t end = sim_now(s->sim) + SETTLE_TIMEOUT_NS;
    struct node_id node = store_identity(core_store(cluster_machine(s->c, machine)->core))->node;
    while (scenario_leader(s, range) != machine) {
        EXPECT(s, sim_now(s->sim) < end);
        uint64_t leader = scenario_leader(s, range);
        enum status status = leader == 0
                                 ? STATUS_NOT_LEADER
                                 : replica_transfer(scenario_replica(s, leader, range), node);
        if (status == STATUS_OK) sim_env_set_deadline(cluster_machine(s->c, leader)->env, 0);
        scenario_run(s, 100 * SIM_MS);
    }
}

void scenario_lead(struct scenario *s, uint64_t machine)
{
    scenario_lead_range(s, machine, RANGE_META);
    scenario_lead_range(s, machine, RANGE_DATA);
}

uint64_t scenario_await_leader(struct scenario *s, uint64_t limit_ns)
{
    uint64_t start = sim_now(s->sim);
    while (scenario_leader(s, RANGE_META) == 0 || scenario_leader(s, RANGE_DATA) == 0) {
        EXPECT(s, sim_now(s->sim) - start < limit_ns);
        scenario_run(s, SLICE_NS);
    }
    return sim_now(s->sim) - start;
}

uint64_t scenario_await_write(struct scenario *s, uint64_t limit_ns)
{
    uint64_t start = sim_now(s->sim);
    for (;;) {
        size_t count;
        const struct operation *history = workload_history(s->w, &count);
        for (size_t i = count; i-- > 0 && history[i].invoked_ns >= start;)
            if (history[i].kind == OPERATION_WRITE && history[i].outcome == OUTCOME_OK)
                return sim_now(s->sim) - start;
        EXPECT(s, sim_now(s->sim) - start < limit_ns);
        scenario_run(s, SLICE_NS);
    }
}

/* ---- the network ---- */

void scenario_only_links(struct scenario *s, const char *links)
{
    bool works[CLUSTER_NODE_MAX + 1][CLUSTER_NODE_MAX + 1] = {{false}};
    for (const char *at = links; *at != '\0'; at++) {
        if (*at == ' ') continue;
        ASSERT(at[0] >= '1' && at[0] <= '9' && at[1] == '-' && at[2] >= '1' && at[2] <= '9');
        works[at[0] - '0'][at[2] - '0'] = works[at[2] - '0'][at[0] - '0'] = true;
        at += 2;
    }
    for (uint64_t a = 1; a <= s->size; a++)
        for (uint64_t b = a + 1; b <= s->size; b++)
            if (!works[a][b]) sim_net_cut_pair(s->sim, a, b);
}

void scenario_heal_network(struct scenario *s)
{
    struct sim_options *o = sim_options(s->sim);
    o->frame_loss_ppm = o->frame_duplicate_ppm = o->frame_delay_ppm = o->connection_reset_ppm = 0;
    sim_net_heal(s->sim);
}

/* ---- the end ---- */

uint64_t scenario_commits(struct scenario *s)
{
    return workload_committed(s->w);
}

uint64_t scenario_commits_in(struct scenario *s, uint64_t duration_ns)
{
    uint64_t before = scenario_commits(s);
    scenario_run(s, duration_ns);
    return scenario_commits(s) - before;
}

static void heal(struct scenario *s)
{
    scenario_heal_network(s);
    for (uint64_t i = 1; i <= s->size; i++) {
        sim_disk_heal(sim_disk(s->sim, i));
        sim_node_resume(s->sim, i);
        sim_node_slow(s->sim, i, 1);
        if (cluster_machine(s->c, i)->env == NULL) cluster_start(s->c, i);
    }
}

static void check_histories(struct scenario *s)
{
    char failure[512] = "";
    if (!ts_check(s->w, failure, sizeof failure)) {
        fprintf(stderr, "%s\n", failure);
        EXPECT(s, !"timestamps contradict each other");
    }
    struct buf report;
    buf_init(&report, 1 << 16);
    if (register_check(workload_seen(s->w), 0, &report) == CHECK_INVALID) {
        fprintf(stderr, "%.*s\n", (int)report.size, (const char *)report.data);
        EXPECT(s, !"what clients saw is not linearizable");
    }
    buf_deinit(&report);
}

static void check_replicas(struct scenario *s)
{
    EXPECT(s, cluster_await_equal(s->c, 30, SIM_SEC));
}

void scenario_end(struct scenario *s)
{
    heal(s);
    uint64_t end = sim_now(s->sim) + SETTLE_TIMEOUT_NS;
    if (s->w != NULL) {
        uint64_t before = scenario_commits(s);
        uint32_t clients = workload_client_count(s->w);
        workload_use(s->w, clients < 16 ? clients : 16);
        workload_gateways(s->w, 0);
        while (scenario_commits(s) < before + 50) {
            EXPECT(s, sim_now(s->sim) < end); /* progress after everything was healed */
            scenario_run(s, 100 * SIM_MS);
        }
        workload_stop(s->w);
        while (!workload_idle(s->w)) {
            EXPECT(s, sim_now(s->sim) < end); /* no operation hangs */
            scenario_run(s, 100 * SIM_MS);
        }
        check_histories(s);
    }
    scenario_run(s, 3 * SIM_SEC);
    check_replicas(s);
    if (!s->lossy) EXPECT(s, cluster_ended(s->c) == 0);
    scenario_expect_idle(s);
    cluster_destroy(s->c);
    if (s->w != NULL) workload_destroy(s->w);
    s->c = NULL;
    s->w = NULL;
}
