/* Many ranges that nobody uses: scenario 72 (README.md). bench/ranges.sh has the same with ten thousand and real
 * processes. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "shard/shard_int.h"
#include "tests/sim/scenario/scenario.h"
#include "tests/test.h"

#define RANGES    120u /* of data */
#define KEY_BYTES 9u
#define BOUND_NS  (4 * SCENARIO_TIMEOUT_NS)

struct bounds {
    uint8_t bytes[RANGES - 1][KEY_BYTES];
    struct bytes keys[RANGES - 1];
};

static uint64_t messages(struct scenario *s)
{
    uint64_t sum = 0;
    for (uint64_t i = 1; i <= s->size; i++)
        if (cluster_up(s->c, i)) sum += store_metrics(core_store(cluster_machine(s->c, i)->core))->raft_messages_out;
    return sum;
}

static uint64_t terms(struct scenario *s)
{
    uint64_t sum = 0;
    for (uint64_t id = 1; id <= RANGES + 1; id++) sum += scenario_term(s, (struct range_id){id});
    return sum;
}

static bool all_led(struct cluster *c, void *ctx)
{
    (void)ctx;
    for (uint64_t id = 1; id <= RANGES + 1; id++)
        if (cluster_leader(c, (struct range_id){id}) == 0) return false;
    return true;
}

/* They cost nothing while nothing happens; when a node dies, each of its ranges has a leader soon, for one election; and
 * when they are used again, they are as they were. */
static void node_dies(struct scenario *s)
{
    struct bounds b;
    for (uint32_t i = 0; i < RANGES - 1; i++) {
        b.bytes[i][0] = KEY_PREFIX_TABLE;
        store_be64(b.bytes[i] + 1, i + 2);
        b.keys[i] = bytes_make(b.bytes[i], KEY_BYTES);
    }
    struct cluster_options o;
    scenario_options(s, 3, &o);
    o.no_leases = false; /* rest is for those who have them */
    o.split_keys = b.keys;
    o.split_count = RANGES - 1;
    scenario_boot_with(s, &o);
    scenario_run(s, 15 * SIM_SEC); /* leaders find their places */
    uint64_t before = messages(s), term = terms(s);
    scenario_run(s, 10 * SIM_SEC);
    EXPECT(s, messages(s) - before < 10 * RANGES); /* each would send 200 heartbeats to each of two */
    EXPECT(s, terms(s) == term);

    uint64_t victim = 1 + s->seed % 3, dead = 0;
    for (uint64_t id = 1; id <= RANGES + 1; id++) dead += cluster_leader(s->c, (struct range_id){id}) == victim;
    EXPECT(s, dead > RANGES / 6); /* resting leaders were spread over the nodes */
    cluster_crash(s->c, victim, SIM_CRASH_POWER);
    before = messages(s);
    EXPECT(s, cluster_run_until(s->c, all_led, NULL, BOUND_NS));
    scenario_run(s, 100 * SIM_MS);
    EXPECT(s, terms(s) - term <= dead + dead / 4);   /* few votes were split */
    EXPECT(s, messages(s) - before < 50 * dead + 1000); /* no storm */
    scenario_run(s, 10 * SIM_SEC); /* the two level what they lead */
    EXPECT(s, terms(s) - term <= 2 * dead + dead / 4);

    cluster_start(s->c, victim);
    scenario_load(s, 8, RANGES);
    EXPECT(s, scenario_commits_in(s, 5 * SIM_SEC) > 100);
    scenario_end(s);
}

TEST(scenario_72, idle_ranges_of_a_dead_node_are_led_again_without_a_storm)
{
    scenario_seeds(4, node_dies);
}
