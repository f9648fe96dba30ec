/* Many ranges at rest, and what happens to them when something happens to their leader: counted in elections and
 * messages, not in time (shard/README.md, Liveness). */
#include "tests/test.h"

#include <stdlib.h>

#include "shard/nodes.h"
#include "tests/sim/cluster/cluster.h"

#define RANGES 600 /* more than may stand at once */
#define NODES  3

static struct bytes split_keys[RANGES - 1];
static char key_texts[RANGES - 1][8];

static struct store *store_of(struct cluster *c, uint64_t machine)
{
    return cluster_up(c, machine) ? core_store(cluster_machine(c, machine)->core) : NULL;
}

/* A cluster whose ranges all rest. */
static struct cluster *resting(uint64_t seed)
{
    for (int i = 0; i < RANGES - 1; i++) {
        int size = snprintf(key_texts[i], sizeof key_texts[i], "%c%04d", SHARD_SPLIT_BYTE_MIN, i);
        split_keys[i] = bytes_make(key_texts[i], (size_t)size);
    }
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    struct cluster_options options;
    cluster_options_init(&options, seed);
    options.node_count = NODES;
    options.split_keys = split_keys;
    options.split_count = RANGES - 1;
    struct cluster *c = cluster_create(&options);
    assert_true(cluster_boot(c, 120 * SIM_SEC));
    cluster_run(c, 12 * SIM_SEC); /* placement levels leaders */
    return c;
}

struct count {
    uint64_t elections, messages;
};

static struct count count_of(struct cluster *c)
{
    struct count n = {0};
    for (uint64_t i = 1; i <= NODES; i++) {
        if (store_of(c, i) == NULL) continue;
        const struct store_metrics *m = store_metrics(store_of(c, i));
        n.elections += m->elections;
        n.messages += m->raft_messages_out;
    }
    return n;
}

/* Where most ranges are led. */
static uint64_t hub(struct cluster *c, uint64_t *led_out)
{
    uint64_t best = 0;
    *led_out = 0;
    for (uint64_t i = 1; i <= NODES; i++) {
        uint64_t led = store_metrics(store_of(c, i))->leaders;
        if (led <= *led_out) continue;
        *led_out = led;
        best = i;
    }
    return best;
}

static bool all_led(struct cluster *c, void *ctx)
{
    (void)ctx;
    uint64_t led = 0;
    for (uint64_t i = 1; i <= NODES; i++)
        if (store_of(c, i) != NULL) led += store_metrics(store_of(c, i))->leaders;
    return led == RANGES + 1;
}

/* Sum of the terms of the ranges that machine led at first; it is 0 for one that is led by another now. */
static uint64_t led_still(struct cluster *c, uint64_t machine, const uint64_t *terms)
{
    uint64_t count = 0;
    struct store *s = store_of(c, machine);
    struct replica *r = NULL;
    while ((r = store_replica_next(s, r)) != NULL) {
        uint64_t id = r->range.value;
        count += id < RANGES + 2 && terms[id] != 0 && replica_serving(r) && replica_term(r) == terms[id];
    }
    return count;
}

static uint64_t note_terms(struct cluster *c, uint64_t machine, uint64_t *terms)
{
    uint64_t count = 0;
    struct replica *r = NULL;
    while ((r = store_replica_next(store_of(c, machine), r)) != NULL) {
        if (!replica_serving(r) || r->range.value >= RANGES + 2) continue;
        terms[r->range.value] = replica_term(r);
        count++;
    }
    return count;
}

/* Of a machine's ranges, those whose log holds something. Most hold no data and are cut, also by who does not lead. */
static uint64_t with_a_log(struct cluster *c, uint64_t machine)
{
    uint64_t count = 0;
    struct replica *r = NULL;
    while ((r = store_replica_next(store_of(c, machine), r)) != NULL)
        count += raft_log_start(r->raft) < r->applied.index;
    return count;
}

TEST(rest, who_rests_says_nothing_and_keeps_no_log)
{
    struct cluster *c = resting(21);
    struct count before = count_of(c);
    cluster_run(c, 10 * SIM_SEC);
    struct count after = count_of(c);
    assert_true(after.elections - before.elections <= RANGES / 50); /* placement still levels leaders */
    assert_true(after.messages - before.messages < 10 * RANGES / 5);
    for (uint64_t i = 1; i <= NODES; i++) assert_true(with_a_log(c, i) <= RANGES / 20);
    cluster_destroy(c);
}

static void kill_the_hub(struct cluster *c, uint64_t *led_out, struct count *cost_out)
{
    uint64_t victim = hub(c, led_out);
    uint64_t terms[NODES + 1][RANGES + 2] = {0}, led[NODES + 1] = {0};
    for (uint64_t i = 1; i <= NODES; i++) {
        led[i] = note_terms(c, i, terms[i]);
        store_of(c, i)->campaigns.open_most = 0; /* transfers stand without asking */
    }
    const struct store_metrics *m = store_metrics(store_of(c, victim));
    struct count before = count_of(c);
    before.elections -= m->elections;
    before.messages -= m->raft_messages_out;
    cluster_crash(c, victim, SIM_CRASH_POWER);
    assert_true(cluster_run_until(c, all_led, NULL, 3 * SIM_SEC)); /* by turns (rest_ask) it would take 40 s */
    struct count after = count_of(c);
    *cost_out = (struct count){after.elections - before.elections, after.messages - before.messages};
    for (uint64_t i = 1; i <= NODES; i++) {
        if (i == victim) continue;
        assert_int_equal(led_still(c, i, terms[i]), led[i]); /* who led goes on in the same term */
        assert_true(store_of(c, i)->campaigns.open_most <= 128 + 2);
    }
}

/* Each range of the dead node is elected about once, and no other. Also rest_not_called: who rests is called. */
TEST(rest, a_dead_node_costs_each_of_its_ranges_one_election)
{
    struct cluster *c = resting(22);
    uint64_t led;
    struct count cost;
    kill_the_hub(c, &led, &cost);
    assert_true(led > RANGES / 3);
    assert_true(cost.elections >= led);
    assert_true(cost.elections <= led + led / 5);
    assert_true(cost.messages <= 40 * led);
    cluster_destroy(c);
}

/* A disk on which each write takes half as long as an election waits: slower, and no more of them. */
TEST(rest, slow_disks_make_no_storm)
{
    struct cluster *c = resting(22);
    for (uint64_t i = 1; i <= NODES; i++) sim_disk_slow(sim_disk(cluster_sim(c), i), 1000);
    uint64_t led;
    struct count cost;
    kill_the_hub(c, &led, &cost);
    assert_true(cost.elections <= 2 * led);
    cluster_destroy(c);
}

/* The others support that machine's store no longer. */
static bool lapsed(struct cluster *c, void *ctx)
{
    struct node_id node = store_identity(store_of(c, *(uint64_t *)ctx))->node;
    for (uint64_t i = 1; i <= NODES; i++) {
        struct store *s = store_of(c, i);
        if (i != *(uint64_t *)ctx && env_now_ns(s->env) < nodes_find(s, node)->liveness.given_until_ns) return false;
    }
    return true;
}

/* Its store was silent for a moment longer than its support lasts: it leads on where nobody has stood meanwhile. */
TEST(rest, a_leader_that_is_back_in_time_is_left_to_lead)
{
    struct cluster *c = resting(24);
    uint64_t led;
    uint64_t machine = hub(c, &led);
    struct count before = count_of(c);
    sim_node_pause(cluster_sim(c), machine);
    assert_true(cluster_run_until(c, lapsed, &machine, SIM_SEC));
    sim_node_resume(cluster_sim(c), machine);
    cluster_run(c, 5 * SIM_SEC);
    assert_true(all_led(c, NULL));
    assert_true(count_of(c).elections - before.elections < led / 2);
    cluster_destroy(c);
}
