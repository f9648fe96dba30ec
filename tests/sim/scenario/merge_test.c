/* Scenarios 65 to 67: what two ranges that become one may lose. Each ends like every scene: nothing acknowledged is lost, what
 * clients saw is explained, owners of a key follow each other in time, replicas and the metadata range agree. */
#include "tests/test.h"

#include "base/assert.h"
#include "shard/range_change.h"
#include "tests/sim/cluster/scene.h"
#include "txn/range.h"

#define CUT 12 /* keys from here on are the right side's */

static struct scene divided(uint64_t seed, bool short_logs)
{
    struct cluster_options o = scene_options(seed, 3);
    if (short_logs) o.log_bytes_max = o.log_cache_bytes = 4u << 10;
    struct scene s = scene_begin(&o);
    scene_split_at(&s, CUT);
    cluster_run(s.cluster, 2 * SIM_SEC);
    return s;
}

/* The replica that leads the right side, or NULL. */
static struct replica *right_of(struct scene *s)
{
    struct replica *r = scene_leader_for(s, CUT);
    struct scene_cut cut = {s, CUT};
    return r != NULL && scene_is_cut(s->cluster, &cut) ? r : NULL;
}

static bool is_frozen(struct scene *s)
{
    struct replica *r = right_of(s);
    return r != NULL && replica_frozen(r);
}

/* Steps until the right side is frozen and not taken in yet; false: that moment was missed. */
static bool await_frozen(struct scene *s)
{
    for (int tries = 0; tries < 20; tries++) {
        const struct merge_result *result = scene_order_merge(s, CUT);
        while (result != NULL && !result->done && !is_frozen(s) && sim_step(scene_sim(s))) continue;
        if (is_frozen(s)) return true;
        cluster_run(s->cluster, 100 * SIM_MS);
    }
    return false;
}

static uint64_t machine_of(struct scene *s, const struct replica *r)
{
    for (uint64_t i = 1; i <= cluster_size(s->cluster); i++)
        if (core_store(cluster_machine(s->cluster, i)->core) == replica_store(r)) return i;
    return 0;
}

/* Both sides go on, as one or as two, with all that was acknowledged. */
static bool open_again(struct cluster *c, void *ctx)
{
    (void)c;
    struct scene *s = ctx;
    const struct replica *left = scene_leader_for(s, CUT - 1), *right = scene_leader_for(s, CUT);
    return left != NULL && right != NULL && !replica_frozen(left) && !replica_frozen(right);
}

static void end(struct scene *s)
{
    sim_net_heal(scene_sim(s));
    scene_start_all(s);
    bool opens = cluster_run_until(s->cluster, open_again, s, 20 * SIM_SEC);
    if (!opens) scene_print(s);
    assert_true(opens);
    scene_end(s);
}

TEST(scenario_65, whoever_leads_both_sides_goes_down_between_freeze_and_merge)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 3, 60); seed++) {
        struct scene s = divided(100 + seed, false);
        assert_true(await_frozen(&s));
        uint64_t leader = machine_of(&s, right_of(&s));
        uint64_t steps = sim_below(scene_sim(&s), 60);
        while (steps-- > 0 && sim_step(scene_sim(&s))) continue;
        cluster_crash(s.cluster, leader, SIM_CRASH_POWER);
        cluster_run(s.cluster, sim_below(scene_sim(&s), 5000) * SIM_MS);
        end(&s);
    }
}

/* It was the left side's leader that saw to it; who leads then knows of no merge, and the right side has to be thawed. */
TEST(scenario_65, the_left_side_is_handed_over_between_freeze_and_merge)
{
    uint64_t thawed = scene_hits("shard_thawed");
    for (uint64_t seed = 1; seed <= scene_seeds(1, 3, 60); seed++) {
        struct scene s = divided(200 + seed, false);
        assert_true(await_frozen(&s));
        uint64_t epoch = replica_descriptor(right_of(&s))->frozen_epoch;
        struct replica *left = scene_leader_for(&s, CUT - 1);
        if (left != NULL && replica_transfer(left, (struct node_id){0}) != STATUS_OK) left = NULL;
        cluster_run(s.cluster, sim_below(scene_sim(&s), 3000) * SIM_MS);
        assert_true(cluster_run_until(s.cluster, open_again, &s, 20 * SIM_SEC));
        left = scene_leader_for(&s, CUT - 1);
        assert_true(replica_descriptor(left)->epoch > epoch); /* that merge can happen no more, or has happened */
        end(&s);
    }
    assert_true(scene_hits("shard_thawed") > thawed);
}

static void on_done(struct proposal *p, enum status status, struct bytes result)
{
    bool *counted = p->ctx;
    *counted = status == STATUS_OK && result.size == 1 && result.data[0] == 1;
}

static void propose(struct proposal *p, bool *counted, struct replica *r, const struct range_change *c)
{
    struct buf command;
    buf_init(&command, 1024);
    merge_encode(c, &command);
    *p = (struct proposal){.on_done = on_done, .ctx = counted};
    assert_int_equal(replica_propose(r, buf_view(&command), 10 * SIM_SEC, p), STATUS_OK);
    buf_deinit(&command);
}

/* The left side's leader has promised that the merge will not happen, and then the entry of one who led before it turns up:
 * of the two only the first counts, whoever applies them. */
TEST(scenario_65, a_merge_of_an_epoch_that_was_given_up_does_nothing)
{
    struct scene s = divided(700, false);
    struct replica *left = scene_leader_for(&s, CUT - 1), *right = right_of(&s);
    assert_non_null(left);
    assert_non_null(right);
    const struct descriptor *d = replica_descriptor(left);
    uint8_t part[16] = {0};
    struct proposal bump, merge;
    bool bumped = false, merged = true;
    struct range_change c = {.kind = RANGE_COMMAND_BUMP, .epoch = d->epoch};
    propose(&bump, &bumped, left, &c);
    c.kind = RANGE_COMMAND_MERGE;
    c.right = replica_range(right);
    c.key = replica_descriptor(right)->start;
    c.frozen = (struct log_pos){1, 1};
    c.part = bytes_make(part, sizeof part);
    propose(&merge, &merged, left, &c);
    cluster_run(s.cluster, 500 * SIM_MS);
    assert_true(bumped);
    assert_false(merged);
    assert_u64_equal(scene_merges_applied(&s), 0);
    end(&s);
}

/* All restart in between: the freeze is still in force, and somebody has to end it. */
TEST(scenario_65, all_restart_between_freeze_and_merge)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 3, 60); seed++) {
        struct scene s = divided(300 + seed, seed % 2 == 0);
        assert_true(await_frozen(&s));
        uint64_t steps = sim_below(scene_sim(&s), 100);
        while (steps-- > 0 && sim_step(scene_sim(&s))) continue;
        for (uint64_t i = 1; i <= 3; i++) cluster_crash(s.cluster, i, SIM_CRASH_POWER);
        cluster_run(s.cluster, 200 * SIM_MS);
        end(&s);
    }
}

/* Nobody but the right side's leader has heard of the freeze; then of the merge. Logs are cut meanwhile. */
TEST(scenario_65, a_node_misses_it_while_logs_are_cut)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 3, 60); seed++) {
        struct scene s = divided(400 + seed, true);
        assert_true(await_frozen(&s));
        uint64_t leader = machine_of(&s, right_of(&s));
        uint64_t steps = sim_below(scene_sim(&s), 60), away = leader % 3 + 1;
        while (steps-- > 0 && sim_step(scene_sim(&s))) continue;
        scene_isolate(&s, away);
        cluster_run(s.cluster, 3 * SIM_SEC);
        for (uint64_t i = 1; i <= 3; i++) cluster_flush(s.cluster, i, RANGE_DATA);
        if (seed % 3 == 0) cluster_crash(s.cluster, away, SIM_CRASH_POWER);
        cluster_run(s.cluster, 3 * SIM_SEC);
        end(&s);
    }
}

/* One machine leads both sides; the right one's leader is it. */
static struct replica *led_together(struct scene *s)
{
    for (int i = 0; i < 100; i++) {
        struct replica *left = scene_leader_for(s, CUT - 1), *right = right_of(s);
        bool both = left != NULL && right != NULL;
        if (both && replica_store(left) == replica_store(right)) return right;
        if (both) (void)!replica_transfer(left, store_identity(replica_store(right))->node);
        cluster_run(s->cluster, 200 * SIM_MS);
    }
    fail_msg("nobody leads both");
    return NULL;
}

/* All its voters are there until the freeze is proposed; one of them then hears nothing more. What it has of the right side
 * could be anything, so the right side is not taken in, and thaws. */
TEST(scenario_65, a_voter_that_does_not_have_the_freeze_holds_the_merge_up)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 2, 30); seed++) {
        struct scene s = divided(800 + seed, false);
        uint64_t leader = machine_of(&s, led_together(&s));
        cluster_run(s.cluster, SIM_SEC);
        const struct replica *right = led_together(&s);
        assert_u64_equal(machine_of(&s, right), leader);
        const uint8_t any[] = {SHARD_COMMAND_APP};
        const struct merge_result *result = scene_order_merge(&s, CUT);
        assert_non_null(result);
        while (!result->done && !merge_closes(right, bytes_make(any, sizeof any)) && sim_step(scene_sim(&s))) continue;
        scene_isolate(&s, leader % 3 + 1); /* nothing was sent yet */
        bool frozen = false;
        for (int i = 0; i < 1000; i++) {
            cluster_run(s.cluster, SIM_MS);
            frozen |= is_frozen(&s);
        }
        assert_true(frozen);
        assert_u64_equal(scene_merges_applied(&s), 0);
        end(&s);
    }
}

static struct range *range_of(const struct replica *r)
{
    return replica_app(r);
}

/* What every later commit to the merged keys has to lie above. */
static void merge_behind(struct scene *s, uint64_t ts)
{
    size_t count;
    const struct operation *history = workload_history(s->workload, &count);
    size_t before = count;
    scene_merge_at(s, CUT);
    struct replica *both = scene_leader_for(s, CUT);
    assert_non_null(both);
    assert_true(range_of(both)->floor >= ts);
    uint64_t merged_ns = sim_now(scene_sim(s));
    cluster_run(s->cluster, SIM_SEC);
    history = workload_history(s->workload, &count);
    bool any = false;
    for (size_t i = before; i < count; i++) {
        const struct operation *o = &history[i];
        bool wrote = o->kind != OPERATION_READ && o->outcome == OUTCOME_OK;
        if (!wrote || o->key < CUT || o->invoked_ns < merged_ns) continue;
        assert_true(o->ts > ts);
        any = true;
    }
    assert_true(any);
}

/* A read on the right side was served at a timestamp that no clock of the left side has reached. */
TEST(scenario_66, a_read_on_the_right_side_forbids_later_writes_below_it)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 2, 30); seed++) {
        struct scene s = divided(500 + seed, false);
        /* The leader of both must be the one that has promised it: other leaders take their floor from the clock. */
        struct range *g = range_of(led_together(&s));
        uint64_t ahead = kv_timestamp_seen(g->kv) + 300 * SIM_MS;
        if (g->floor < ahead) g->floor = ahead;
        merge_behind(&s, ahead);
        end(&s);
    }
}

/* The right side's clock had been ahead: it has versions above what the left side's leader has ever heard of. */
TEST(scenario_67, versions_of_a_right_side_whose_clock_was_ahead_are_not_overtaken)
{
    for (uint64_t seed = 1; seed <= scene_seeds(1, 2, 30); seed++) {
        struct scene s = divided(600 + seed, false);
        struct range *g = range_of(led_together(&s));
        uint64_t ahead = kv_timestamp_seen(g->kv) + 300 * SIM_MS;
        if (g->high < ahead) g->high = ahead;
        merge_behind(&s, ahead);
        end(&s);
    }
}
