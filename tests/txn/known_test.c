/* Locks behind intents of which it is known what becomes of them: whoever is granted one is shown that, while the entry that carries it
 * out is still on its way to the disks, and whoever writes the same keys goes behind that entry. Requests are sent one by one, as a coordinator would. */
#include "tests/sim/cluster/owners.h"
#include "tests/sim/cluster/splits.h"
#include "tests/test.h"

#include "tests/txn/ask.h"

#define LEFT   WORLD_LEFT
#define MIDDLE WORLD_MIDDLE
#define STALL_MS 400u
#define STEP_US 10u

/* A staged attempt of one that lives; it writes a and k, whose ranges the nodes 1 and 2 lead or not. */
static void prepare_staged(struct world *w, struct asker *c, struct actor *alive)
{
    asker_begin_unknown(c, w, 1, 77);
    asker_bring_alive(c, alive);
    c->staged = "k";
    must_prepare(c, "k", "new");
    must_prepare(c, "a", "new");
}

/* Both have had a value before. */
static void open_staged(struct world *w, struct asker *c, struct actor *alive)
{
    world_open_three(w, 3);
    world_put(w, "a", "old");
    world_put(w, "k", "old");
    prepare_staged(w, c, alive);
}

static void close_staged(struct world *w, struct actor *alive)
{
    actor_end(alive);
    world_close(w);
}

static void stall_disks(struct world *w)
{
    for (uint64_t machine = 1; machine <= 3; machine++)
        sim_disk_stall(sim_disk(cluster_sim(w->cluster), machine), STALL_MS * SIM_MS);
}

static void heal_disks(struct world *w)
{
    for (uint64_t machine = 1; machine <= 3; machine++) sim_disk_heal(sim_disk(cluster_sim(w->cluster), machine));
}

static void start_lock(struct world *w, struct actor *a, const char *key)
{
    actor_begin(a, w, 2);
    actor_start_lock(a, key);
}

/* Its intent in the range, or none. */
static const struct range_op *intent_in(struct world *w, struct range_id range)
{
    LIST_FOR_EACH(item, &world_range_of(w, range)->ops) {
        const struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op->kind == RANGE_OP_PREPARE && range_op_in_flight(op)) return op;
    }
    return NULL;
}

/* Requests in that range whose entries are on their way. */
static int committing_in(struct world *w, struct range_id range)
{
    int count = 0;
    LIST_FOR_EACH(item, &world_range_of(w, range)->ops) {
        const struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op->kind == RANGE_OP_PREPARE || op->kind == RANGE_OP_COMMIT) count += op->state == OP_COMMITTING;
    }
    return count;
}

/* The lock is granted, with that value, and the intent is there still. */
static void is_shown(struct world *w, struct actor *a, struct range_id range, const char *value)
{
    assert_int_equal(actor_await(a), STATUS_OK);
    assert_string_equal(a->value, value);
    const struct range_op *p = intent_in(w, range);
    assert_non_null(p);
    assert_int_equal(p->state, OP_RESOLVING);
}

TEST(txn_known, a_decision_that_stands_is_shown_before_it_is_in_the_log)
{
    struct world w;
    struct asker c;
    struct actor a, alive;
    open_staged(&w, &c, &alive);
    start_lock(&w, &a, "a");
    world_run_ms(&w, 5);
    assert_true(a.running);
    stall_disks(&w);
    ask_start_decide(&c, DECIDE_KNOWN);
    is_shown(&w, &a, LEFT, "new");
    assert_true(txn_read_ts(a.txn) > c.ct);
    heal_disks(&w);
    assert_int_equal(ask_await_decide(&c), RECORD_COMMITTED);
    actor_put(&a, "a", "newer");
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
    world_must_read(&w, "a", "newer");
    world_must_read(&w, "k", "new");
    close_staged(&w, &alive);
}

static void owners_are_in_order(struct world *w)
{
    char failure[256] = "";
    if (!owners_check(cluster_owners(w->cluster), failure, sizeof failure)) fail_msg("%s", failure);
}

/* The range is another owner of its keys by then: it has written below a read, which showed just that, and what goes behind it was
 * evaluated before. */
TEST(txn_known, a_split_in_front_of_a_decision_leaves_what_was_shown_to_its_owner)
{
    static const uint8_t key[] = {KEY_PREFIX_TABLE, 'b'};
    struct world w;
    struct asker c;
    struct actor a, alive;
    open_staged(&w, &c, &alive);
    struct splits *s = splits_create(w.cluster);
    start_lock(&w, &a, "a");
    world_run_ms(&w, 5);
    assert_non_null(splits_order(s, WORLD_LEFT, bytes_make(key, sizeof key)));
    for (int i = 0; i < 100000 && world_range_of(&w, WORLD_LEFT)->latch == NULL; i++)
        sim_run_for(cluster_sim(w.cluster), STEP_US * SIM_US);
    stall_disks(&w);
    ask_start_decide(&c, DECIDE_KNOWN);
    is_shown(&w, &a, LEFT, "new");
    actor_put(&a, "a", "newer");
    actor_start_commit(&a);
    world_run_ms(&w, STALL_MS / 4);
    assert_int_equal(committing_in(&w, LEFT), 1);
    assert_non_null(world_range_of(&w, WORLD_LEFT)->latch);
    heal_disks(&w);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_int_equal(ask_await_decide(&c), RECORD_COMMITTED);
    world_must_read(&w, "a", "newer");
    owners_are_in_order(&w);
    actor_end(&a);
    close_staged(&w, &alive);
    splits_destroy(s);
}

/* The leader is cut off, with its entry; the next one's range is divided before it finds out. */
TEST(txn_known, what_was_shown_and_lost_is_written_by_a_later_owner)
{
    static const uint8_t key[] = {KEY_PREFIX_TABLE, 'b'};
    struct world w;
    struct asker c;
    struct actor a, alive;
    world_open_three(&w, 3);
    struct splits *s = splits_create(w.cluster);
    uint64_t leader = world_leader_of(&w, WORLD_LEFT);
    world_hand_over(&w, RANGE_META, leader);
    world_run_ms(&w, 2000);
    asker_begin_unknown(&c, &w, leader, 77);
    asker_bring_alive(&c, &alive);
    c.staged = "k";
    must_prepare(&c, "k", "new");
    must_prepare(&c, "a", "new");
    actor_begin(&a, &w, leader);
    actor_start_lock(&a, "a");
    world_run_ms(&w, 5);
    world_isolate(&w, leader);
    c.patience_ns = 60000 * SIM_MS;
    ask_start_decide(&c, DECIDE_KNOWN);
    is_shown(&w, &a, LEFT, "new");
    actor_end(&alive);
    uint64_t next = leader;
    for (int i = 0; i < 100 && (next == 0 || next == leader); i++) {
        world_run_ms(&w, 100);
        next = cluster_leader(w.cluster, WORLD_LEFT);
    }
    assert_int_not_equal(next, leader);
    for (int i = 0; i < 20 && splits_count(s) == 0; i++) {
        assert_non_null(splits_order(s, WORLD_LEFT, bytes_make(key, sizeof key)));
        world_run_ms(&w, 200);
    }
    assert_int_equal(splits_count(s), 1);
    assert_non_null(intent_in(&w, LEFT)); /* nobody has said so here */
    sim_net_heal(cluster_sim(w.cluster));
    assert_int_equal(ask_await_decide(&c), RECORD_COMMITTED);
    world_must_read(&w, "a", "new");
    owners_are_in_order(&w);
    actor_end(&a);
    world_close(&w);
    splits_destroy(s);
}

/* That entry decides: it may be another one. */
TEST(txn_known, a_decision_that_is_only_proposed_is_not_shown)
{
    struct world w;
    struct asker c;
    struct actor a, alive;
    open_staged(&w, &c, &alive);
    start_lock(&w, &a, "a");
    world_run_ms(&w, 5);
    stall_disks(&w);
    ask_start_decide(&c, DECIDE_COMMIT);
    world_run_ms(&w, STALL_MS / 2);
    assert_int_equal(intent_in(&w, LEFT)->state, OP_RESOLVING);
    assert_true(a.running);
    heal_disks(&w);
    assert_int_equal(ask_await_decide(&c), RECORD_COMMITTED);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    close_staged(&w, &alive);
}

/* The record is in the log by then, in another range. */
TEST(txn_known, what_is_carried_out_in_another_range_is_shown_before_it_is_done)
{
    struct world w;
    struct asker c;
    struct actor a, alive;
    open_staged(&w, &c, &alive);
    start_lock(&w, &a, "k");
    world_run_ms(&w, 5);
    ask_start_decide(&c, DECIDE_COMMIT);
    for (int i = 0; i < 20000 && intent_in(&w, MIDDLE)->state != OP_RESOLVING; i++) sim_run_for(cluster_sim(w.cluster), STEP_US * SIM_US);
    stall_disks(&w);
    is_shown(&w, &a, MIDDLE, "new");
    heal_disks(&w);
    assert_int_equal(ask_await_decide(&c), RECORD_COMMITTED);
    actor_end(&a);
    close_staged(&w, &alive);
}

static void resolve_in(struct asker *c, uint64_t ct, char key)
{
    assert_int_equal(ask_resolve(c, &(struct asked_resolve){.asker = c, .ct = ct, .key = key}, 1), STATUS_OK);
}

/* Also when it was aborted, or was prepared so late that it does not count. */
TEST(txn_known, what_comes_to_nothing_is_not_shown)
{
    for (int late = 0; late < 2; late++) {
        struct world w;
        struct asker c;
        struct actor a, alive;
        open_staged(&w, &c, &alive);
        uint64_t lb = intent_in(&w, LEFT)->ct;
        start_lock(&w, &a, "a");
        world_run_ms(&w, 5);
        stall_disks(&w);
        resolve_in(&c, late != 0 ? lb - 1 : 0, 'a'); /* answered when the disks are well again */
        assert_int_equal(actor_await(&a), STATUS_OK);
        assert_string_equal(a.value, "old");
        actor_end(&a);
        close_staged(&w, &alive);
    }
}

/* Behind the prefix of user tables it has the hash of a: whoever wants that goes by the hashes of keys in flight. */
#define LIKE_A \
    "beszycidpyopumz" \
    "\xdf\xd4m\xe9\x83\x90\x97\xdb" \
    "d\xaax\xfd\x8f\xf7\x84" \
    "3"

TEST(txn_known, another_key_of_the_same_hash_is_not_shown)
{
    struct world w;
    struct asker c;
    struct actor a, alive;
    static const char like[] = "\x04" LIKE_A, key[] = "\x04" "a";
    assert_int_equal(hash64(like, sizeof like - 1, 0), hash64(key, sizeof key - 1, 0));
    world_open_three(&w, 3);
    for (uint64_t machine = 1; machine <= 3; machine++) world_kv(&w, machine)->key_seed = 0;
    prepare_staged(&w, &c, &alive);
    start_lock(&w, &a, LIKE_A);
    world_run_ms(&w, 5);
    ask_start_decide(&c, DECIDE_KNOWN);
    assert_int_equal(actor_await(&a), STATUS_NOT_FOUND);
    assert_int_equal(ask_await_decide(&c), RECORD_COMMITTED);
    actor_end(&a);
    close_staged(&w, &alive);
}

/* Nobody can make such keys who does not know the seed. */
TEST(txn_known, a_key_that_was_made_to_have_the_hash_of_another_has_not)
{
    struct world w;
    struct asker c;
    struct actor a, alive;
    open_staged(&w, &c, &alive);
    start_lock(&w, &a, LIKE_A);
    world_run_ms(&w, 50);
    assert_false(a.running);
    assert_int_equal(intent_in(&w, LEFT)->state, OP_PREPARED);
    assert_int_equal(actor_await(&a), STATUS_NOT_FOUND);
    actor_end(&a);
    close_staged(&w, &alive);
}

/* Its lock was granted below ct: all else that it reads would be of before. */
static void lock_beside_decision(uint64_t after_us)
{
    struct world w;
    struct asker c;
    struct actor a, alive;
    open_staged(&w, &c, &alive);
    c.ct += 20 * SIM_MS;
    start_lock(&w, &a, "a");
    sim_run_for(cluster_sim(w.cluster), after_us * SIM_US);
    ask_start_decide(&c, DECIDE_WANTED); /* it does not wait for company */
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    assert_int_equal(actor_get(&a, "k"), STATUS_OK);
    assert_string_equal(a.value, "new");
    assert_int_equal(ask_await_decide(&c), RECORD_COMMITTED);
    actor_end(&a);
    close_staged(&w, &alive);
}

TEST(txn_known, a_lock_is_granted_above_what_it_shows)
{
    for (uint64_t us = 0; us < 1500; us += 50) lock_beside_decision(us);
}

static void await_resolving(struct world *w, struct range_id range)
{
    for (int i = 0; i < 20000 && intent_in(w, range)->state != OP_RESOLVING; i++) sim_run_for(cluster_sim(w->cluster), STEP_US * SIM_US);
    assert_int_equal(intent_in(w, range)->state, OP_RESOLVING);
}

/* The entry that takes the intents away stands before it in the log. */
TEST(txn_known, whoever_prepares_goes_behind_what_takes_intents_away)
{
    struct world w;
    struct asker c, d;
    struct actor alive;
    open_staged(&w, &c, &alive);
    asker_begin_unknown(&d, &w, 2, 78);
    d.attempt.sent = c.attempt.sent + 1;
    assert_int_equal(ask_prepare(&d, "a", "newer"), STATUS_WAIT); /* nobody knows yet what becomes of them */
    stall_disks(&w);
    ask_start_decide(&c, DECIDE_KNOWN);
    await_resolving(&w, LEFT);
    ask_start_prepare(&d, "a", "newer");
    world_run_ms(&w, STALL_MS / 2);
    assert_int_equal(committing_in(&w, LEFT), 1);
    assert_int_equal(intent_in(&w, LEFT)->state, OP_RESOLVING);
    heal_disks(&w);
    assert_int_equal(ask_await_prepare(&d), STATUS_OK);
    assert_int_equal(ask_await_decide(&c), RECORD_COMMITTED);
    assert_true(d.ct > c.ct);
    close_staged(&w, &alive);
}

/* A commit in one range as well. */
TEST(txn_known, whoever_commits_goes_behind_what_takes_intents_away)
{
    struct world w;
    struct asker c;
    struct actor a, alive;
    open_staged(&w, &c, &alive);
    stall_disks(&w);
    ask_start_decide(&c, DECIDE_KNOWN);
    await_resolving(&w, LEFT);
    actor_begin(&a, &w, 2);
    actor_put(&a, "a", "newer");
    actor_start_commit(&a);
    world_run_ms(&w, STALL_MS / 2);
    assert_int_equal(committing_in(&w, LEFT), 1);
    heal_disks(&w);
    assert_int_equal(actor_await(&a), STATUS_OK);
    actor_end(&a);
    assert_int_equal(ask_await_decide(&c), RECORD_COMMITTED);
    world_must_read(&w, "a", "newer");
    world_must_read(&w, "k", "new");
    close_staged(&w, &alive);
}

/* Whether a key has a value is looked up among what is applied. */
TEST(txn_known, what_has_to_be_new_waits_until_intents_are_gone)
{
    struct world w;
    struct asker c, d;
    struct actor alive;
    world_open_three(&w, 3);
    prepare_staged(&w, &c, &alive);
    asker_begin_unknown(&d, &w, 2, 78);
    d.attempt.sent = c.attempt.sent + 1;
    d.inserts = true;
    stall_disks(&w);
    ask_start_decide(&c, DECIDE_KNOWN);
    await_resolving(&w, LEFT);
    ask_start_prepare(&d, "a", "newer");
    world_run_ms(&w, STALL_MS / 2);
    assert_int_equal(committing_in(&w, LEFT), 0);
    heal_disks(&w);
    assert_int_equal(ask_await_prepare(&d), STATUS_EXISTS);
    assert_int_equal(ask_await_decide(&c), RECORD_COMMITTED);
    close_staged(&w, &alive);
}
