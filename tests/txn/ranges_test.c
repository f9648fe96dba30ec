/* Transactions over several ranges: one timestamp for all reads, scans over their bounds, and commits that write to one
 * range and have read in others. */
#include "tests/test.h"

#include <stdio.h>
#include <string.h>

#include "tests/sim/cluster/splits.h"
#include "tests/txn/world.h"
#include "txn/divide.h"
#include "txn/txn_state.h"

#define T "\x04"
#define LEFT   WORLD_LEFT
#define MIDDLE WORLD_MIDDLE
#define RIGHT  WORLD_RIGHT

static uint64_t machine_besides(uint64_t machine)
{
    return machine % 3 + 1;
}

TEST(txn_ranges, a_scan_goes_on_where_a_range_ends)
{
    struct world w;
    struct actor a;
    char key[8];
    world_open_three(&w, 3);
    for (int i = 0; i < 52; i++) {
        snprintf(key, sizeof key, "%c%d", 'a' + i / 2, i % 2);
        world_put(&w, key, "1");
    }
    for (int reverse = 0; reverse < 2; reverse++) {
        actor_begin(&a, &w, 1);
        a.reverse = reverse != 0;
        actor_put(&a, "h", "own");      /* the first key of a range */
        actor_put(&a, "oz", "own");     /* the last one of a range */
        actor_delete(&a, "p0");
        assert_int_equal(actor_count_bytes(&a, bytes_of_string(T), bytes_of_string("\x05")), STATUS_OK);
        assert_u64_equal(a.count, 53);
        assert_int_equal(actor_count(&a, "h", "p"), STATUS_OK);
        assert_u64_equal(a.count, 18);
        assert_int_equal(actor_count(&a, "g1", "h0"), STATUS_OK); /* both sides of a bound */
        assert_u64_equal(a.count, 2);
        assert_int_equal(actor_count(&a, "z", "zz"), STATUS_OK);
        assert_u64_equal(a.count, 2);
        assert_int_equal(actor_count(&a, "m", "m"), STATUS_OK); /* nothing */
        assert_u64_equal(a.count, 0);
        assert_int_equal(actor_count_bytes(&a, bytes_of_string(T), BYTES_EMPTY), STATUS_OK);
        assert_u64_equal(a.count, 53);
        actor_end(&a);
    }
    world_close(&w);
}

struct many {
    const char *keys[16];
    struct bytes values[16];
    uint32_t count;
    struct txn *txn;
};

static enum status get_many_on_fiber(struct core *core, void *ctx)
{
    struct many *m = ctx;
    struct bytes keys[16];
    char room[16][8];
    (void)core;
    for (uint32_t i = 0; i < m->count; i++) {
        int size = snprintf(room[i], sizeof room[i], T "%s", m->keys[i]);
        keys[i] = bytes_make(room[i], (size_t)size);
    }
    return txn_get_many(m->txn, keys, m->count, m->values);
}

/* In any order, with keys that are not there, and own writes among them: in as many requests as there are ranges. */
TEST(txn_ranges, keys_of_several_ranges_are_fetched_together)
{
    struct world w;
    struct actor a;
    struct many m = {.keys = {"z", "a", "k", "zz", "b", "l", "none", "y"}, .count = 8};
    world_open_three(&w, 3);
    for (uint32_t i = 0; i < m.count; i++)
        if (i != 6) world_put(&w, m.keys[i], m.keys[i]);
    for (int first = 0; first < 2; first++) {
        actor_begin(&a, &w, 1);
        if (first == 1) assert_int_equal(actor_get(&a, "a"), STATUS_OK); /* it has a timestamp already */
        actor_put(&a, "b", "own");
        actor_delete(&a, "y");
        uint64_t requests = a.txn->interrupt.requests;
        m.txn = a.txn;
        assert_int_equal(world_call(&w, 1, get_many_on_fiber, &m), STATUS_OK);
        assert_u64_equal(a.txn->interrupt.requests - requests, 3);
        for (uint32_t i = 0; i < m.count; i++) {
            bool gone = i == 6 || i == 7;
            assert_int_equal(m.values[i].data == NULL, gone);
            if (!gone) assert_true(bytes_equal(m.values[i], bytes_of_string(i == 4 ? "own" : m.keys[i])));
        }
        actor_end(&a);
    }
    world_close(&w);
}

/* What commits between two reads in different ranges is seen by neither. */
TEST(txn_ranges, all_reads_are_of_one_timestamp)
{
    struct world w;
    struct actor a;
    world_open_three(&w, 3);
    world_put(&w, "a", "0");
    world_put(&w, "k", "0");
    actor_begin(&a, &w, 2);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    world_put(&w, "k", "1");
    assert_int_equal(actor_get(&a, "k"), STATUS_OK);
    assert_string_equal(a.value, "0");
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
    world_close(&w);
}

static uint64_t intents_on(struct world *w, struct range_id range)
{
    return world_range_of(w, range)->prepared_count;
}

TEST(txn_ranges, a_write_to_two_ranges_is_seen_in_both)
{
    struct world w;
    struct actor a;
    char value[16];
    world_open_three(&w, 3);
    for (int i = 0; i < 20; i++) {
        snprintf(value, sizeof value, "%d", i);
        actor_begin(&a, &w, 1 + (uint64_t)i % 3);
        if (i > 0) assert_int_equal(actor_get(&a, "a"), STATUS_OK);
        actor_put(&a, "a", value);
        actor_put(&a, "k", value);
        actor_put(&a, "z", value);
        assert_int_equal(actor_commit(&a), STATUS_OK);
        uint64_t ct = a.ts;
        actor_end(&a);
        actor_begin(&a, &w, 1 + (uint64_t)(i + 1) % 3);
        assert_int_equal(actor_get(&a, "z"), STATUS_OK);
        assert_string_equal(a.value, value);
        assert_int_equal(actor_get(&a, "a"), STATUS_OK);
        assert_string_equal(a.value, value);
        assert_int_equal(actor_get(&a, "k"), STATUS_OK);
        assert_string_equal(a.value, value);
        assert_int_equal(actor_commit(&a), STATUS_OK);
        assert_true(a.ts > ct);
        actor_end(&a);
    }
    world_run_ms(&w, 1000);
    assert_u64_equal(intents_on(&w, LEFT) + intents_on(&w, MIDDLE) + intents_on(&w, RIGHT), 0);
    assert_true(world_range_of(&w, LEFT)->records.count > 0);
    world_run_ms(&w, 30000);
    assert_u64_equal(world_range_of(&w, LEFT)->records.count, 0);
    assert_false(world_range_of(&w, LEFT)->may_hold);
    assert_false(world_range_of(&w, RIGHT)->may_hold);
    world_close(&w);
}

/* More than an entry holds is prepared in several, also in one range. */
TEST(txn_ranges, a_transaction_may_be_larger_than_an_entry)
{
    struct world w;
    struct actor a;
    char key[16];
    world_open_three(&w, 3);
    char value[1000];
    memset(value, 'x', sizeof value - 1);
    value[sizeof value - 1] = '\0';
    for (uint64_t machine = 1; machine <= 3; machine++)
        kv_set_entry_bytes(world_kv(&w, machine), 4000);
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_count(&a, "a", "b"), STATUS_OK); /* so that there is something to validate */
    for (int i = 0; i < 14; i++) {
        snprintf(key, sizeof key, "%c%d", i < 12 ? 'a' : 'k', i);
        actor_put(&a, key, value);
    }
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
    actor_begin(&a, &w, 2);
    assert_int_equal(actor_count(&a, "a", "b"), STATUS_OK);
    assert_u64_equal(a.count, 12);
    assert_int_equal(actor_count(&a, "k", "l"), STATUS_OK);
    assert_u64_equal(a.count, 2);
    actor_end(&a);
    world_run_ms(&w, 2000);
    assert_u64_equal(intents_on(&w, LEFT) + intents_on(&w, MIDDLE), 0);
    world_close(&w);
}

/* By whoever looks, at whatever moment. */
TEST(txn_ranges, a_write_to_several_ranges_is_there_as_a_whole)
{
    struct world w;
    struct actor a, b;
    const char *keys[] = {"a", "k", "z"};
    world_open_three(&w, 3);
    for (uint64_t i = 0; i < 12; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", (int)i);
        actor_begin(&a, &w, 1 + i % 3);
        for (int k = 0; k < 3; k++) actor_put(&a, keys[k], value);
        actor_start_commit(&a);
        world_run_ms(&w, i % 6);
        actor_begin(&b, &w, 1 + (i + 1) % 3); /* meanwhile */
        char first[sizeof b.value] = "none";
        for (int k = 0; k < 3; k++) {
            enum status status = actor_get(&b, keys[k]);
            assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
            const char *found = status == STATUS_OK ? b.value : "none";
            if (k == 0) snprintf(first, sizeof first, "%s", found);
            assert_string_equal(found, first);
        }
        actor_end(&b);
        assert_int_equal(actor_await(&a), STATUS_OK);
        actor_end(&a);
        actor_begin(&b, &w, 1 + (i + 2) % 3); /* afterwards */
        for (int k = 0; k < 3; k++) {
            assert_int_equal(actor_get(&b, keys[k]), STATUS_OK);
            assert_string_equal(b.value, value);
        }
        actor_end(&b);
    }
    world_close(&w);
}

/* What others have done meanwhile, or hold, refuses all of it. */
TEST(txn_ranges, a_write_to_several_ranges_that_is_refused_leaves_nothing)
{
    struct world w;
    struct actor a;
    world_open_three(&w, 3);
    world_put(&w, "z", "0");
    actor_begin(&a, &w, 1);
    actor_put(&a, "a", "1");
    assert_int_equal(actor_insert(&a, "z", "1"), STATUS_OK);
    assert_int_equal(actor_commit(&a), STATUS_EXISTS);
    actor_end(&a);
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_get(&a, "z"), STATUS_OK);
    world_put(&w, "z", "2");
    actor_put(&a, "a", "1");
    actor_put(&a, "z", "1");
    assert_int_equal(actor_commit(&a), STATUS_CONFLICT);
    actor_end(&a);
    actor_begin(&a, &w, 2);
    assert_int_equal(actor_get(&a, "a"), STATUS_NOT_FOUND);
    assert_int_equal(actor_get(&a, "z"), STATUS_OK);
    assert_string_equal(a.value, "2");
    actor_put(&a, "a", "2"); /* nothing is in the way of others */
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
    world_close(&w);
}

/* Two that write the same keys of two ranges, and begin together, again and again: each gets through. */
TEST(txn_ranges, who_writes_the_same_keys_of_two_ranges_comes_through)
{
    struct world w;
    struct actor a[4];
    world_open_three(&w, 3);
    for (int round = 0; round < 8; round++) {
        for (int i = 0; i < 4; i++) {
            actor_begin(&a[i], &w, 1 + (uint64_t)i % 3);
            char value[16];
            snprintf(value, sizeof value, "%d", i);
            actor_put(&a[i], "a", value);
            actor_put(&a[i], "z", value);
        }
        for (int i = 0; i < 4; i++) actor_start_commit(&a[i]);
        int last = 0;
        for (int i = 0; i < 4; i++) assert_int_equal(actor_await(&a[i]), STATUS_OK);
        for (int i = 1; i < 4; i++)
            if (a[i].ts > a[last].ts) last = i;
        for (int i = 0; i < 4; i++) actor_end(&a[i]);
        char expected[16];
        snprintf(expected, sizeof expected, "%d", last);
        struct actor b;
        actor_begin(&b, &w, 1);
        assert_int_equal(actor_get(&b, "a"), STATUS_OK);
        assert_string_equal(b.value, expected);
        assert_int_equal(actor_get(&b, "z"), STATUS_OK);
        assert_string_equal(b.value, expected);
        actor_end(&b);
    }
    world_close(&w);
}

/* What stands in the way of a lock gets its timestamp later than the lock has asked for: the lock shows what became of it. */
TEST(txn_ranges, a_lock_behind_an_intent_shows_what_it_became)
{
    struct world w;
    struct actor a, b;
    world_open_three(&w, 3);
    world_put(&w, "z", "0");
    actor_begin(&a, &w, 1);
    actor_put(&a, "a", "1");
    actor_put(&a, "z", "1");
    world_range_of(&w, LEFT)->high = world_kv(&w, 1)->clock.seen + 50000000;
    actor_start_commit(&a);
    struct range *g = world_range_of(&w, RIGHT);
    for (int i = 0; i < 20000 && g->prepared_count == 0; i++) sim_run_for(cluster_sim(w.cluster), 10000);
    assert_true(g->prepared_count > 0);
    actor_begin(&b, &w, cluster_leader(w.cluster, RIGHT));
    assert_int_equal(actor_lock(&b, "z"), STATUS_OK);
    assert_string_equal(b.value, "1");
    actor_put(&b, "z", "2");
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_true(txn_read_ts(b.txn) > a.ts);
    assert_int_equal(actor_commit(&b), STATUS_OK);
    actor_end(&a);
    actor_end(&b);
    world_close(&w);
}

struct shown {
    struct kv_prepared last;
    uint32_t count;
};

static void take_shown(void *ctx, const struct kv_prepared *p)
{
    struct shown *s = ctx;
    s->last = *p;
    s->count++;
}

static struct kv *kv_of_leader(struct world *w, struct range_id range)
{
    return world_kv(w, cluster_leader(w->cluster, range));
}

/* Operators see what is not decided, under the id that a client would ask about. */
TEST(txn_ranges, what_is_prepared_is_shown_until_it_is_decided)
{
    struct world w;
    struct actor a;
    struct shown s = {.count = 0};
    world_open_three(&w, 3);
    actor_begin(&a, &w, world_leader_of(&w, LEFT)); /* so the anchor lies there */
    actor_put(&a, "a", "1");
    actor_put(&a, "x", "1");
    actor_put(&a, "z", "1");
    struct range *g = world_range_of(&w, RIGHT);
    actor_start_commit(&a);
    for (int i = 0; i < 20000 && g->prepared_count == 0; i++) sim_run_for(cluster_sim(w.cluster), 10000);
    kv_prepared(kv_of_leader(&w, RIGHT), take_shown, &s);
    for (int i = 0; i < 20000 && s.count == 0; i++) { /* it is in the log first */
        sim_run_for(cluster_sim(w.cluster), 10000);
        kv_prepared(kv_of_leader(&w, RIGHT), take_shown, &s);
    }
    assert_u64_equal(s.last.range.value, RIGHT.value);
    assert_u64_equal(s.last.id.range.value, LEFT.value);
    assert_u64_equal(s.last.node, store_identity(kv_of_leader(&w, LEFT)->store)->node.value);
    assert_u64_equal(s.last.key_count, 2);
    uint64_t age_ns;
    assert_u64_equal(kv_prepared_count(kv_of_leader(&w, RIGHT), &age_ns), 1);
    assert_true(age_ns < SIM_SEC);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_u64_equal(txn_id_of(a.txn).tag, s.last.id.tag);
    assert_u64_equal(txn_id_of(a.txn).sent_ts, s.last.id.sent_ts);
    actor_end(&a);
    world_run_ms(&w, 100);
    assert_u64_equal(kv_prepared_count(kv_of_leader(&w, RIGHT), &age_ns), 0);
    world_close(&w);
}

/* Write skew over two ranges: each reads what the other one writes. */
TEST(txn_ranges, what_was_read_elsewhere_is_unchanged_at_the_commit)
{
    struct world w;
    struct actor a, b;
    world_open_three(&w, 3);
    world_put(&w, "a", "0");
    world_put(&w, "k", "0");
    for (uint64_t i = 0; i < 12; i++) {
        actor_begin(&a, &w, 1 + i % 3);
        actor_begin(&b, &w, 1 + (i + 1) % 3);
        assert_int_equal(actor_get(&a, "a"), STATUS_OK);
        assert_int_equal(actor_count(&b, "j", "l"), STATUS_OK);
        actor_put(&a, "k", "1");
        actor_put(&b, "a", "1");
        enum status first, second;
        if (i < 6) { /* one after the other, or at once */
            first = actor_commit(&a);
            second = actor_commit(&b);
            assert_int_equal(first, STATUS_OK);
        } else {
            actor_start_commit(&a);
            actor_start_commit(&b);
            first = actor_await(&a);
            second = actor_await(&b);
        }
        assert_true(first == STATUS_CONFLICT || second == STATUS_CONFLICT);
        actor_end(&a);
        actor_end(&b);
    }
    world_close(&w);
}

TEST(txn_ranges, who_reads_elsewhere_and_writes_here_commits)
{
    struct world w;
    struct actor a;
    char value[16];
    world_open_three(&w, 3);
    world_put(&w, "a", "0");
    for (int i = 0; i < 10; i++) {
        actor_begin(&a, &w, 1 + (uint64_t)i % 3);
        assert_int_equal(actor_get(&a, "a"), STATUS_OK);
        assert_int_equal(actor_count(&a, "q", "r"), STATUS_OK);
        snprintf(value, sizeof value, "%d", i);
        actor_put(&a, "k", value);
        assert_int_equal(actor_commit(&a), STATUS_OK);
        uint64_t ct = a.ts;
        assert_true(world_range_of(&w, LEFT)->floor >= ct);  /* nothing comes below it there any more */
        assert_true(world_range_of(&w, RIGHT)->floor >= ct);
        actor_end(&a);
    }
    actor_begin(&a, &w, 3);
    assert_int_equal(actor_get(&a, "k"), STATUS_OK);
    assert_string_equal(a.value, "9");
    actor_end(&a);
    world_close(&w);
}

/* A commit that writes k, is read elsewhere, and held: the way from the one leader to the other is cut. Returns the
 * machine that leads where it writes. */
static uint64_t hold_commit(struct world *w, struct actor *a)
{
    world_put(w, "a", "0");
    world_put(w, "k", "0");
    world_put(w, "l", "0");
    uint64_t writes = cluster_leader(w->cluster, MIDDLE), reads = cluster_leader(w->cluster, LEFT);
    assert_true(writes != 0 && reads != 0);
    if (writes == reads) { /* they have to be different machines here */
        struct replica *r = store_replica(core_store(cluster_machine(w->cluster, reads)->core), LEFT);
        assert_int_equal(replica_transfer(r, (struct node_id){machine_besides(reads)}), STATUS_OK);
        world_run_ms(w, 500);
        reads = cluster_leader(w->cluster, LEFT);
        assert_true(reads != 0 && reads != writes);
    }
    actor_begin(a, w, 6 - writes - reads);
    assert_int_equal(actor_get(a, "a"), STATUS_OK);
    actor_put(a, "k", "1");
    sim_net_cut_pair(cluster_sim(w->cluster), writes, reads);
    actor_start_commit(a);
    for (int i = 0; i < 200 && world_range_of(w, MIDDLE)->in_flight_count == 0; i++) world_run_ms(w, 1);
    assert_true(world_range_of(w, MIDDLE)->in_flight_count > 0);
    return writes;
}

/* Meanwhile who reads its keys later waits, everybody else goes on. */
TEST(txn_ranges, a_held_commit_stops_only_its_own_keys)
{
    struct world w;
    struct actor a, b, c;
    world_open_three(&w, 3);
    uint64_t leader = hold_commit(&w, &a);
    actor_begin(&b, &w, leader);
    actor_start_get(&b, "k");
    actor_begin(&c, &w, leader);
    assert_int_equal(actor_get(&c, "l"), STATUS_OK);
    actor_put(&c, "l", "1");
    assert_int_equal(actor_commit(&c), STATUS_OK);
    assert_true(a.running && b.running);
    sim_net_heal(cluster_sim(w.cluster));
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_true(a.ts < c.ts); /* proposed later, with the earlier timestamp */
    assert_int_equal(actor_await(&b), STATUS_OK);
    assert_string_equal(b.value, "1");
    actor_end(&a);
    actor_end(&b);
    actor_end(&c);
    world_close(&w);
}

/* It may come to nothing while its leader goes on: nobody builds upon it. */
TEST(txn_ranges, what_a_held_commit_writes_is_shown_to_nobody)
{
    struct world w;
    struct actor a, b;
    world_open_three(&w, 3);
    uint64_t leader = hold_commit(&w, &a);
    actor_begin(&b, &w, leader);
    b.overlay = true;
    actor_start_lock(&b, "k");
    world_run_ms(&w, 20);
    assert_true(a.running && b.running);
    sim_net_heal(cluster_sim(w.cluster));
    assert_int_equal(actor_await(&b), STATUS_OK);
    actor_end(&b);
    assert_int_equal(actor_await(&a), STATUS_OK);
    actor_end(&a);
    world_close(&w);
}

static uint64_t last_of(struct world *w, struct range_id range)
{
    struct raft_status status;
    replica_raft_status(world_range_of(w, range)->replica, &status);
    return status.last.index;
}

/* What it read elsewhere is unchanged, but a split has been proposed since: behind it nothing is written to the right half. */
TEST(txn_ranges, a_held_commit_does_not_stand_behind_a_split)
{
    static const uint8_t key[] = {KEY_PREFIX_TABLE, 'j'};
    struct world w;
    struct actor a;
    world_open_three(&w, 3);
    hold_commit(&w, &a);
    struct range *g = world_range_of(&w, MIDDLE);
    uint64_t last = last_of(&w, MIDDLE);
    struct buf part;
    buf_init(&part, 64);
    assert_int_equal(divide_begin(g, bytes_make(key, sizeof key), &part), STATUS_OK);
    buf_deinit(&part);
    sim_net_heal(cluster_sim(w.cluster));
    world_run_ms(&w, 300);
    assert_true(a.running);
    assert_u64_equal(last_of(&w, MIDDLE), last);
    divide_end(g); /* the proposal was lost */
    assert_int_equal(actor_await(&a), STATUS_OK);
    actor_end(&a);
    world_close(&w);
}

static uint64_t refreshes_of(struct world *w, uint64_t machine)
{
    return kv_metrics(world_kv(w, machine))->refreshes;
}

/* A reader waits for a held commit, and a split sends both away: the reader does not look at the left side first, where its key
 * is not any more. */
TEST(txn_ranges, who_waits_for_what_a_split_sends_away_is_sent_away)
{
    static const uint8_t key[] = {KEY_PREFIX_TABLE, 'j'};
    struct world w;
    struct actor a, b;
    world_open_three(&w, 3);
    struct splits *splits = splits_create(w.cluster);
    actor_begin(&b, &w, hold_commit(&w, &a));
    actor_start_get(&b, "k");
    world_run_ms(&w, 5);
    assert_true(b.running);
    const struct split_result *result = splits_order(splits, MIDDLE, bytes_make(key, sizeof key));
    assert_non_null(result);
    for (int i = 0; i < 800 && !result->done && b.running; i++) world_run_ms(&w, 1);
    assert_true(a.running); /* it is held again, or asks for its range */
    sim_net_heal(cluster_sim(w.cluster));
    assert_int_equal(actor_await(&b), STATUS_OK);
    assert_int_equal(actor_await(&a), STATUS_OK);
    world_run_ms(&w, 1000);
    assert_true(result->done);
    assert_int_equal(result->status, STATUS_OK);
    actor_end(&a);
    actor_end(&b);
    world_close(&w);
    splits_destroy(splits);
}

/* W2 over ranges: a lock moves the view of all that was read, wherever. */
TEST(txn_ranges, a_lock_moves_what_was_read_in_other_ranges)
{
    struct world w;
    struct actor a;
    world_open_three(&w, 3);
    world_put(&w, "a", "0");
    world_put(&w, "k", "0");
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    uint64_t ts = txn_read_ts(a.txn), refreshes = refreshes_of(&w, 1);
    world_put(&w, "b", "0"); /* somewhere else */
    assert_int_equal(actor_lock(&a, "k"), STATUS_OK);
    assert_u64_equal(txn_read_ts(a.txn), ts); /* what it was shown was so when it began to read */
    assert_u64_equal(refreshes_of(&w, 1), refreshes);
    world_put(&w, "l", "0");
    assert_int_equal(actor_lock(&a, "l"), STATUS_OK);
    assert_true(txn_read_ts(a.txn) > ts);
    assert_u64_equal(refreshes_of(&w, 1), refreshes + 1);
    actor_put(&a, "k", "1");
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);

    actor_begin(&a, &w, 1);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    world_put(&w, "a", "1");
    world_put(&w, "k", "1");
    assert_int_equal(actor_lock(&a, "k"), STATUS_CONFLICT);
    actor_end(&a);
    world_run_ms(&w, 100);
    assert_u64_equal(world_range_of(&w, MIDDLE)->locks.lock_count, 0);
    world_close(&w);
}

TEST(txn_ranges, locks_are_given_back_in_all_ranges)
{
    struct world w;
    struct actor a;
    world_open_three(&w, 3);
    for (int i = 0; i < 2; i++) {
        actor_begin(&a, &w, 1);
        assert_int_equal(actor_lock(&a, "z"), STATUS_NOT_FOUND);
        assert_int_equal(actor_lock(&a, "a"), STATUS_NOT_FOUND);
        assert_int_equal(actor_lock(&a, "k"), STATUS_NOT_FOUND);
        assert_u64_equal(world_range_of(&w, LEFT)->locks.lock_count, 1);
        assert_u64_equal(world_range_of(&w, RIGHT)->locks.lock_count, 1);
        actor_put(&a, "k", "1");
        if (i == 1) assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
        world_run_ms(&w, 100);
        assert_u64_equal(world_range_of(&w, LEFT)->locks.lock_count, 0);
        assert_u64_equal(world_range_of(&w, MIDDLE)->locks.lock_count, 0);
        assert_u64_equal(world_range_of(&w, RIGHT)->locks.lock_count, 0);
        if (i == 0) continue;
        actor_begin(&a, &w, 2);
        assert_int_equal(actor_get(&a, "k"), STATUS_OK);
        actor_end(&a);
    }
    world_close(&w);
}

/* The id of a transaction leads to the range whose log has it. */
struct question {
    struct txn_id id;
    enum txn_outcome outcome;
    uint64_t ts;
};

static enum status ask_on_fiber(struct core *core, void *ctx)
{
    struct question *q = ctx;
    struct arena arena;
    struct txn *t;
    arena_init(&arena, 1 << 20);
    enum status status = txn_create(core_kv(core), &arena, &t);
    if (status == STATUS_OK) {
        status = txn_outcome_of(t, q->id, &q->outcome, &q->ts);
        txn_destroy(t);
    }
    arena_deinit(&arena);
    return status;
}

TEST(txn_ranges, the_outcome_is_asked_for_where_the_commit_went)
{
    struct world w;
    struct actor a;
    const char *keys[] = {"a", "k", "z"};
    world_open_three(&w, 3);
    for (int i = 0; i < 3; i++) {
        char text[TXN_ID_BYTES];
        struct question q;
        actor_begin(&a, &w, 1);
        assert_int_equal(actor_get(&a, keys[(i + 1) % 3]), STATUS_NOT_FOUND);
        actor_put(&a, keys[i], "1");
        if (actor_commit(&a) != STATUS_OK) fail();
        txn_id(a.txn, text);
        assert_true(txn_id_parse(bytes_of_string(text), &q.id));
        assert_u64_equal(q.id.range.value, 2 + (uint64_t)i);
        assert_int_equal(world_call(&w, 2, ask_on_fiber, &q), STATUS_OK);
        assert_int_equal(q.outcome, TXN_OUTCOME_COMMITTED);
        assert_u64_equal(q.ts, a.ts);
        actor_end(&a);
        actor_begin(&a, &w, 1);
        actor_delete(&a, keys[i]);
        assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
    }
    world_close(&w);
}

/* Who began later, as their gateways saw the clock. */
static bool younger(const struct actor *a, const struct actor *b)
{
    if (a->txn->begin_ts != b->txn->begin_ts) return a->txn->begin_ts > b->txn->begin_ts;
    return a->txn->name.node > b->txn->name.node;
}

static struct actor *youngest_of(struct actor *a, int count)
{
    struct actor *youngest = a;
    for (int i = 1; i < count; i++)
        if (younger(&a[i], youngest)) youngest = &a[i];
    return youngest;
}

/* A circle over two or three ranges, whose leaders each see a part of it; and one that waits for it from outside. */
static void break_circle(int count)
{
    struct world w;
    struct actor a[3], outside;
    const char *keys[] = {"a", "k", "z"};
    world_open_three(&w, 3);
    for (int i = 0; i < count; i++) {
        actor_begin(&a[i], &w, 1 + (uint64_t)i);
        assert_int_equal(actor_lock(&a[i], keys[i]), STATUS_NOT_FOUND);
        world_put(&w, "c", "0");
    }
    for (int i = 0; i < count; i++) actor_start_lock(&a[i], keys[(i + 1) % count]);
    world_run_ms(&w, 10);
    actor_begin(&outside, &w, 3);
    assert_int_equal(actor_lock(&outside, "zz"), STATUS_NOT_FOUND);
    actor_start_lock(&outside, keys[0]);
    struct actor *victim = youngest_of(a, count);
    assert_int_equal(actor_await(victim), STATUS_DEADLOCK);
    world_run_ms(&w, 3000);
    assert_true(outside.running);
    actor_end(victim);
    for (int at = (int)(victim - a) + count - 1, n = 1; n < count; n++, at--) { /* who waited for it goes first */
        assert_int_equal(actor_await(&a[at % count]), STATUS_NOT_FOUND);
        actor_end(&a[at % count]);
    }
    assert_int_equal(actor_await(&outside), STATUS_NOT_FOUND);
    actor_end(&outside);
    world_close(&w);
}

TEST(txn_ranges, the_youngest_of_a_circle_over_ranges_gives_up)
{
    break_circle(2);
    break_circle(3);
}
