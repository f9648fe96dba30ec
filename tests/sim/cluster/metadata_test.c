/* The metadata range under whole clusters, as named facts: who needs it finds it, who knows enough does without. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>

#include "shard/meta_call.h"
#include "shard/nodes.h"
#include "shard/overview.h"
#include "tests/sim/cluster/meta_check.h"

#define KEYS 5
static const struct bytes split_keys[KEYS] = {BYTES_LITERAL("\x04"), BYTES_LITERAL("\x05"), BYTES_LITERAL("\x06"),
                                              BYTES_LITERAL("\x07"), BYTES_LITERAL("\x08")};

static struct cluster *cluster_make(uint32_t nodes, bool no_leases)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    struct cluster_options o;
    cluster_options_init(&o, 7);
    o.node_count = nodes;
    o.split_keys = split_keys;
    o.split_count = KEYS;
    o.no_leases = no_leases;
    struct cluster *c = cluster_create(&o);
    assert_true(cluster_boot(c, 60 * SIM_SEC));
    cluster_run(c, 2 * SIM_SEC);
    return c;
}

static struct store *store_on(struct cluster *c, uint64_t number)
{
    return core_store(cluster_machine(c, number)->core);
}

/* What was asked for from outside of a turn is sent. */
static void wake(struct cluster *c, uint64_t number)
{
    struct cluster_machine *m = cluster_machine(c, number);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
}

/* A machine without a replica of the metadata range. */
static uint64_t outsider(struct cluster *c)
{
    for (uint64_t n = cluster_size(c); n >= 1; n--)
        if (store_replica(store_on(c, n), RANGE_META) == NULL) return n;
    fail_msg("all machines have the metadata");
    return 0;
}

static bool finds_all(struct cluster *c, void *ctx)
{
    uint64_t number = *(uint64_t *)ctx;
    for (uint32_t i = 0; i < KEYS; i++) {
        struct route up, down;
        bool known = store_route(store_on(c, number), split_keys[i], &up) == STATUS_OK &&
                     store_route_before(store_on(c, number), split_keys[i], &down) == STATUS_OK;
        wake(c, number);
        if (!known) return false;
        assert_u64_equal(up.range.value, i + 3);
        assert_u64_equal(down.range.value, i + 2);
        assert_true(bytes_equal(up.start, split_keys[i]) && bytes_equal(down.end, split_keys[i]));
    }
    return true;
}

TEST(metadata, who_has_none_of_it_asks_once_and_remembers)
{
    struct cluster *c = cluster_make(5, false);
    uint64_t asker = outsider(c);
    assert_true(cluster_run_until(c, finds_all, &asker, 10 * SIM_SEC));
    uint64_t asked = store_on(c, asker)->routes.lookups_ever;
    assert_true(asked <= 2 * KEYS);
    for (int i = 0; i < 50; i++) assert_true(finds_all(c, &asker));
    assert_u64_equal(store_on(c, asker)->routes.lookups_ever, asked);
    assert_null(meta_check(c));
    cluster_destroy(c);
}

/* The metadata range has no quorum: nobody decides anything, and everybody still finds what he knew. */
TEST(metadata, without_it_routes_that_are_known_go_on)
{
    struct cluster *c = cluster_make(5, false);
    uint64_t asker = outsider(c);
    assert_true(cluster_run_until(c, finds_all, &asker, 10 * SIM_SEC));
    uint64_t leader = cluster_leader(c, RANGE_META);
    for (uint64_t n = 1; n <= 5; n++)
        if (n != leader) sim_net_cut_pair(cluster_sim(c), leader, n);
    cluster_run(c, 200 * SIM_MS);
    assert_true(finds_all(c, &asker));
    cluster_run(c, 5 * SIM_SEC);
    assert_true(finds_all(c, &asker));
    cluster_destroy(c);
}

static bool knows_next_leader(struct cluster *c, void *ctx)
{
    uint64_t *numbers = ctx; /* asker, old leader */
    struct node_id known = route_leader_hint(store_on(c, numbers[0]), RANGE_META);
    return known.value != 0 && known.value != numbers[1];
}

/* Scenario 48: the address of a leader that does not answer any more is not kept. */
TEST(metadata, a_dead_address_is_dropped_and_the_next_leader_found)
{
    struct cluster *c = cluster_make(5, false);
    uint64_t numbers[2] = {outsider(c), cluster_leader(c, RANGE_META)};
    assert_true(numbers[0] != numbers[1]);
    assert_u64_equal(route_leader_hint(store_on(c, numbers[0]), RANGE_META).value, numbers[1]);
    cluster_crash(c, numbers[1], SIM_CRASH_POWER);
    assert_true(cluster_run_until(c, knows_next_leader, numbers, 10 * SIM_SEC)); /* its load is reported each second */
    cluster_destroy(c);
}

/* ---- what people are told ---- */

struct told {
    struct overview_call call;
    char text[ADMIN_TEXT_MAX];
    bool done;
};

static void on_told(struct overview_call *call, enum status status, const struct overview *o)
{
    struct told *t = CONTAINER_OF(call, struct told, call);
    t->done = true;
    if (status == STATUS_OK) snprintf(t->text, sizeof t->text, "%s", o->text);
}

static bool is_told(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct told *)ctx)->done;
}

static void assert_told(struct cluster *c, uint64_t asker, const char *text)
{
    struct told t = {.call = {.on_done = on_told}};
    assert_int_equal(store_overview(store_on(c, asker), &t.call), STATUS_OK);
    wake(c, asker);
    assert_true(cluster_run_until(c, is_told, &t, 10 * SIM_SEC));
    assert_string_equal(t.text, text);
}

/* The support of a node that died is over: nobody waits for the moment at which it is replaced, or suspected, to say so. */
TEST(metadata, a_node_that_died_is_not_counted_on_as_soon_as_its_support_is_over)
{
    struct cluster *c = cluster_make(3, false);
    uint64_t leader = cluster_leader(c, RANGE_META), dead = leader % 3 + 1, third = dead % 3 + 1;
    assert_told(c, leader, "can lose 1 more node");
    cluster_crash(c, dead, SIM_CRASH_POWER);
    cluster_run(c, SIM_SEC);
    assert_told(c, leader, "cannot lose any more nodes");
    struct node_view nodes[3];
    uint64_t askers[2] = {leader, third};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(store_nodes(store_on(c, askers[i]), nodes, 3), 3);
        for (int k = 0; k < 3; k++)
            assert_int_equal(store_node_seen(store_on(c, askers[i]), &nodes[k]), nodes[k].record.node.value != dead);
    }
    cluster_start(c, dead);
    cluster_run(c, 2 * SIM_SEC);
    assert_told(c, leader, "can lose 1 more node");
    cluster_destroy(c);
}

/* ---- proof ---- */

struct answer {
    struct range_lookup lookup;
    bool done;
    enum status status;
    enum range_verdict verdict;
    uint64_t epoch;
};

static void on_answer(struct range_lookup *l, enum status status, enum range_verdict verdict,
                      const struct descriptor *d)
{
    struct answer *a = CONTAINER_OF(l, struct answer, lookup);
    a->done = true;
    a->status = status;
    a->verdict = verdict;
    a->epoch = d == NULL ? 0 : d->epoch;
}

static bool answered(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct answer *)ctx)->done;
}

static struct answer look_up(struct cluster *c, uint64_t number, uint64_t range)
{
    struct answer a = {.lookup = {.on_done = on_answer}};
    enum status status = store_range_lookup(store_on(c, number), &a.lookup, (struct range_id){range}, true);
    assert_int_equal(status, STATUS_OK);
    wake(c, number);
    assert_true(cluster_run_until(c, answered, &a, 20 * SIM_SEC));
    return a;
}

TEST(metadata, what_it_proves_is_said_by_who_leads_it_now)
{
    struct cluster *c = cluster_make(3, true);
    struct answer a = look_up(c, 2, 3);
    assert_int_equal(a.status, STATUS_OK);
    assert_int_equal(a.verdict, RANGE_VERDICT_KNOWN);
    assert_true(a.epoch > 0);
    a = look_up(c, 2, 99);
    assert_int_equal(a.status, STATUS_OK);
    assert_int_equal(a.verdict, RANGE_VERDICT_NEVER);
    uint64_t leader = cluster_leader(c, RANGE_META);
    for (uint64_t n = 1; n <= 3; n++)
        if (n != leader) sim_net_cut_pair(cluster_sim(c), leader, n);
    assert_true(meta_serving(store_on(c, leader))); /* for all it knows */
    a = look_up(c, leader, 99);
    assert_int_equal(a.status, STATUS_NOT_LEADER);
    cluster_destroy(c);
}

/* ---- changes ---- */

struct change {
    struct meta_call call;
    bool done;
    enum status status;
};

static void on_changed(struct meta_call *call, enum status status, uint64_t id)
{
    struct change *x = CONTAINER_OF(call, struct change, call);
    (void)id;
    x->done = true;
    x->status = status;
}

static bool changed(struct cluster *c, void *ctx)
{
    (void)c;
    return ((struct change *)ctx)->done;
}

static enum status change_setting(struct cluster *c, uint64_t number, uint64_t value)
{
    struct change x = {.call = {.on_done = on_changed}};
    struct buf command;
    buf_init(&command, 4096);
    meta_put_setting(&command, SETTING_REPLICATION_FACTOR, split_keys[0], value);
    assert_int_equal(store_meta_change(store_on(c, number), &x.call, buf_view(&command)), STATUS_OK);
    buf_deinit(&command);
    wake(c, number);
    assert_true(cluster_run_until(c, changed, &x, 20 * SIM_SEC));
    return x.status;
}

static bool all_know_five(struct cluster *c, void *ctx)
{
    (void)ctx;
    for (uint64_t n = 1; n <= cluster_size(c); n++) {
        if (store_setting(store_on(c, n), SETTING_REPLICATION_FACTOR, split_keys[0]) != 5) return false;
        assert_u64_equal(store_setting(store_on(c, n), SETTING_REPLICATION_FACTOR, split_keys[1]), 3);
    }
    return true;
}

TEST(metadata, a_setting_is_changed_from_any_node_and_reaches_every_node)
{
    struct cluster *c = cluster_make(5, false);
    uint64_t asker = outsider(c);
    assert_int_equal(change_setting(c, asker, 8), STATUS_INVALID);
    assert_int_equal(change_setting(c, asker, 5), STATUS_OK);
    assert_true(cluster_run_until(c, all_know_five, NULL, 5 * SIM_SEC));
    /* One that starts later hears of it, too. */
    cluster_crash(c, asker, SIM_CRASH_POWER);
    cluster_run(c, SIM_SEC);
    cluster_start(c, asker);
    cluster_run(c, SIM_SEC);
    assert_true(cluster_run_until(c, all_know_five, NULL, 5 * SIM_SEC));
    cluster_destroy(c);
}

/* ---- the mirror ---- */

static bool quiet(struct cluster *c, void *ctx)
{
    (void)ctx;
    return meta_check_quiet(c) == NULL;
}

TEST(metadata, the_mirror_follows_whoever_leads)
{
    struct cluster *c = cluster_make(4, false);
    assert_true(cluster_run_until(c, quiet, NULL, 60 * SIM_SEC));
    cluster_crash(c, cluster_leader(c, RANGE_META), SIM_CRASH_POWER);
    cluster_run(c, 3 * SIM_SEC);
    assert_null(meta_check(c));
    for (uint64_t n = 1; n <= 4; n++)
        if (!cluster_up(c, n)) cluster_start(c, n);
    assert_true(cluster_run_until(c, quiet, NULL, 60 * SIM_SEC));
    cluster_destroy(c);
}
