/* One-phase commits, rule by rule (T1 of txn/README.md). */
#include "tests/test.h"

#include <stdio.h>

#include "tests/txn/world.h"

/* ---- what was read ---- */

TEST(txn_commit, a_key_that_was_read_and_then_written_by_another_refuses_it)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "a", "1");
    struct actor a;
    actor_begin_at_leader(&a, &w);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    world_put(&w, "a", "2");
    actor_put(&a, "b", "x");
    assert_int_equal(actor_commit(&a), STATUS_CONFLICT);
    actor_end(&a);
    actor_begin_at_leader(&a, &w);
    assert_int_equal(actor_get(&a, "b"), STATUS_NOT_FOUND); /* nothing was written */
    actor_end(&a);
    world_close(&w);
}

TEST(txn_commit, a_delete_of_what_was_read_refuses_it)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "a", "1");
    struct actor a;
    actor_begin_at_leader(&a, &w);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    world_put(&w, "a", NULL);
    actor_put(&a, "b", "x");
    assert_int_equal(actor_commit(&a), STATUS_CONFLICT);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_commit, a_new_row_in_a_span_that_was_read_refuses_it)
{
    struct world w;
    world_open(&w, 1, 0);
    struct actor a;
    actor_begin_at_leader(&a, &w);
    assert_int_equal(actor_count(&a, "a", "c"), STATUS_OK);
    assert_u64_equal(a.count, 0);
    world_put(&w, "b", "phantom");
    actor_put(&a, "z", "x");
    assert_int_equal(actor_commit(&a), STATUS_CONFLICT);
    actor_end(&a);
    world_close(&w);
}

#define READ_APART 4224u /* keys: more than a transaction keeps as spans of their own (W3) */

/* The next keys in one request. */
static enum status read_some(struct core *core, void *ctx)
{
    struct actor *a = ctx;
    struct bytes keys[TXN_GET_MANY_MAX], values[TXN_GET_MANY_MAX];
    char room[TXN_GET_MANY_MAX][16];
    (void)core;
    for (uint32_t i = 0; i < TXN_GET_MANY_MAX; i++) {
        int size = snprintf(room[i], sizeof room[i], "\x04s%05u", (unsigned)(a->count + i));
        keys[i] = bytes_make(room[i], (size_t)size);
    }
    a->count += TXN_GET_MANY_MAX;
    return txn_get_many(a->txn, keys, TXN_GET_MANY_MAX, values);
}

/* Reads all of them one by one, has `changed` written by another, and commits. */
static enum status commit_behind(struct world *w, const char *changed)
{
    struct actor a;
    actor_begin_at_leader(&a, w);
    for (a.count = 0; a.count < READ_APART;) assert_int_equal(world_call(w, a.machine, read_some, &a), STATUS_OK);
    world_put(w, changed, "1");
    actor_put(&a, "z", "x");
    enum status status = actor_commit(&a);
    actor_end(&a);
    return status;
}

/* Many spans become one that covers them all. */
TEST(txn_commit, however_many_keys_were_read_all_of_them_are_looked_at)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "s00000", "0");
    assert_int_equal(commit_behind(&w, "t"), STATUS_OK);
    assert_int_equal(commit_behind(&w, "s00000"), STATUS_CONFLICT);
    assert_int_equal(commit_behind(&w, "s04223"), STATUS_CONFLICT);
    world_close(&w);
}

TEST(txn_commit, a_change_outside_of_the_spans_does_not_matter)
{
    struct world w;
    world_open(&w, 1, 0);
    struct actor a;
    actor_begin_at_leader(&a, &w);
    assert_int_equal(actor_count(&a, "a", "c"), STATUS_OK);
    world_put(&w, "c", "just behind");
    world_put(&w, "A", "before");
    actor_put(&a, "z", "x");
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_commit, a_transaction_that_only_reads_needs_no_commit)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "a", "1");
    struct actor a;
    actor_begin_at_leader(&a, &w);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    world_put(&w, "a", "2");
    uint64_t commits = kv_metrics(world_kv(&w, 1))->commits;
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_u64_equal(a.ts, txn_read_ts(a.txn));
    assert_u64_equal(kv_metrics(world_kv(&w, 1))->commits, commits);
    actor_end(&a);
    world_close(&w);
}

TEST(txn_commit, blind_writes_conflict_with_nobody)
{
    struct world w;
    world_open(&w, 1, 0);
    struct actor a, b;
    actor_begin_at_leader(&a, &w);
    actor_begin_at_leader(&b, &w);
    actor_put(&a, "k", "a");
    actor_put(&b, "k", "b");
    actor_start_commit(&a);
    actor_start_commit(&b);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_int_equal(actor_await(&b), STATUS_OK);
    assert_true(a.ts != b.ts);
    struct actor c;
    actor_begin_at_leader(&c, &w);
    assert_int_equal(actor_get(&c, "k"), STATUS_OK);
    assert_string_equal(c.value, a.ts > b.ts ? "a" : "b");
    actor_end(&a);
    actor_end(&b);
    actor_end(&c);
    world_close(&w);
}

/* Two that read what the other writes (write skew): one of them has to go. */
TEST(txn_commit, of_two_that_read_what_the_other_writes_one_is_refused)
{
    struct world w;
    world_open(&w, 1, 0);
    struct actor a, b;
    actor_begin_at_leader(&a, &w);
    actor_begin_at_leader(&b, &w);
    assert_int_equal(actor_get(&a, "x"), STATUS_NOT_FOUND);
    assert_int_equal(actor_get(&b, "y"), STATUS_NOT_FOUND);
    actor_put(&a, "y", "a");
    actor_put(&b, "x", "b");
    actor_start_commit(&a);
    actor_start_commit(&b);
    enum status first = actor_await(&a), second = actor_await(&b);
    assert_true((first == STATUS_OK) != (second == STATUS_OK));
    assert_true(first == STATUS_CONFLICT || second == STATUS_CONFLICT);
    actor_end(&a);
    actor_end(&b);
    world_close(&w);
}

/* ---- inserts ---- */

TEST(txn_commit, an_insert_wants_the_key_to_have_no_value)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "taken", "1");
    world_put(&w, "deleted", "1");
    world_put(&w, "deleted", NULL);
    static const struct { const char *key; enum status expected; } cases[] = {
        {"taken", STATUS_EXISTS}, {"deleted", STATUS_OK}, {"new", STATUS_OK}, {"new", STATUS_EXISTS}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct actor a;
        actor_begin_at_leader(&a, &w);
        assert_int_equal(actor_insert(&a, cases[i].key, "2"), STATUS_OK);
        assert_int_equal(actor_commit(&a), cases[i].expected);
        actor_end(&a);
    }
    world_close(&w);
}

TEST(txn_commit, an_insert_after_an_own_delete_replaces_and_after_an_own_write_is_refused)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "a", "1");
    struct actor a;
    actor_begin_at_leader(&a, &w);
    assert_int_equal(actor_insert(&a, "b", "1"), STATUS_OK);
    assert_int_equal(actor_insert(&a, "b", "2"), STATUS_EXISTS);
    actor_delete(&a, "a");
    assert_int_equal(actor_insert(&a, "a", "2"), STATUS_OK);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
    actor_begin_at_leader(&a, &w);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    assert_string_equal(a.value, "2");
    actor_end(&a);
    world_close(&w);
}

TEST(txn_commit, of_two_inserts_of_one_key_at_once_one_finds_it_taken)
{
    struct world w;
    world_open(&w, 1, 0);
    struct actor a, b;
    actor_begin_at_leader(&a, &w);
    actor_begin_at_leader(&b, &w);
    assert_int_equal(actor_insert(&a, "k", "a"), STATUS_OK);
    assert_int_equal(actor_insert(&b, "k", "b"), STATUS_OK);
    actor_start_commit(&a);
    actor_start_commit(&b);
    enum status first = actor_await(&a), second = actor_await(&b);
    assert_true((first == STATUS_OK && second == STATUS_EXISTS) ||
                (first == STATUS_EXISTS && second == STATUS_OK));
    actor_end(&a);
    actor_end(&b);
    world_close(&w);
}

/* ---- the timestamp ---- */

static uint64_t *floor_of(struct world *w) { return &world_range(w)->floor; }
static uint64_t *high_of(struct world *w) { return &world_range(w)->high; }

/* Each of the two bounds alone: five seconds ahead of the clock, which then has to be waited for or moved. */
TEST(txn_commit, ct_lies_above_the_floor_and_above_every_version)
{
    uint64_t *(*const bounds[])(struct world *) = {floor_of, high_of};
    for (int i = 0; i < 2; i++) {
        struct world w;
        world_open(&w, 1, 0);
        world_put(&w, "a", "1");
        uint64_t bound = kv_timestamp_seen(world_kv(&w, 1)) + 4 * SIM_SEC;
        *bounds[i](&w) = bound;
        assert_u64_equal(world_put(&w, "a", "2"), bound + 1);
        /* Acknowledged: so the clock is past it, and a new reader sees it. */
        struct actor a;
        actor_begin_at_leader(&a, &w);
        assert_int_equal(actor_get(&a, "a"), STATUS_OK);
        assert_string_equal(a.value, "2");
        assert_true(txn_read_ts(a.txn) > bound + 1);
        actor_end(&a);
        world_close(&w);
    }
}

TEST(txn_commit, a_read_raises_the_floor_and_a_blind_write_does_not)
{
    struct world w;
    world_open(&w, 1, 0);
    world_put(&w, "a", "1");
    uint64_t before = world_range(&w)->floor;
    world_put(&w, "a", "2");
    assert_u64_equal(world_range(&w)->floor, before);
    struct actor a;
    actor_begin_at_leader(&a, &w);
    assert_int_equal(actor_get(&a, "a"), STATUS_OK);
    assert_u64_equal(world_range(&w)->floor, txn_read_ts(a.txn));
    actor_put(&a, "a", "3");
    assert_int_equal(actor_commit(&a), STATUS_OK);
    assert_u64_equal(world_range(&w)->floor, a.ts); /* it is a read at its ct, too */
    actor_end(&a);
    world_close(&w);
}

TEST(txn_commit, a_new_leader_commits_above_everything_the_old_one_did)
{
    struct world w;
    world_open(&w, 3, 0);
    uint64_t last = 0;
    for (int round = 0; round < 4; round++) {
        uint64_t leader = world_leader(&w);
        for (int i = 0; i < 5; i++) {
            uint64_t ct = world_put(&w, "a", "x");
            assert_true(ct > last);
            last = ct;
        }
        struct range *g = world_range(&w);
        assert_true(g->high >= last);
        cluster_crash(w.cluster, leader, SIM_CRASH_PROCESS);
        assert_true(world_leader(&w) != leader);
        cluster_start(w.cluster, leader);
        world_run_ms(&w, 3000);
    }
    world_close(&w);
}

/* ---- validation that has to wait for the disk ---- */

#define COLD_ROWS 3000u

/* Rows on disk, more than the block cache holds. */
static void fill_cold(struct world *w)
{
    char key[32], value[2000];
    struct prng prng;
    prng_init(&prng, 5);
    for (uint32_t first = 0; first < COLD_ROWS; first += 50) {
        struct actor a;
        actor_begin_at_leader(&a, w);
        for (uint32_t i = first; i < first + 50; i++) {
            snprintf(key, sizeof key, "m%06u", i);
            for (size_t k = 0; k < sizeof value - 1; k++) value[k] = (char)('!' + prng_next(&prng) % 90);
            value[sizeof value - 1] = '\0';
            actor_put(&a, key, value);
        }
        assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
    }
    world_flush(w, world_leader(w));
    uint64_t leader = world_leader(w); /* a cold cache */
    cluster_crash(w->cluster, leader, SIM_CRASH_PROCESS);
    cluster_start(w->cluster, leader);
    world_leader(w);
}

static bool validates(struct cluster *c, void *ctx)
{
    (void)c;
    struct range *g = ctx;
    LIST_FOR_EACH(item, &g->ops) {
        struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op->kind == RANGE_OP_COMMIT && op->state == OP_LOADING && op->at.scan != NULL) return true;
    }
    return false;
}

/* Somebody writes into the span, or beside it, while the validation stands in its middle. */
static enum status commit_overtaken_by(const char *key)
{
    struct world w;
    world_open(&w, 1, 0);
    fill_cold(&w);
    struct actor a, b;
    actor_begin_at_leader(&a, &w);
    actor_begin_at_leader(&b, &w);
    assert_int_equal(actor_count(&a, "m", "n"), STATUS_OK);
    assert_u64_equal(a.count, COLD_ROWS);
    world_put(&w, "other", "x"); /* so that there is something to validate */
    actor_put(&a, "z", "x");
    actor_put(&b, key, "y");
    actor_start_commit(&a);
    struct range *g = world_range(&w);
    for (int i = 0; i < 10000 && !validates(w.cluster, g); i++) sim_run_for(cluster_sim(w.cluster), 10000);
    assert_true(validates(w.cluster, g));
    actor_start_commit(&b);
    assert_int_equal(actor_await(&b), STATUS_OK);
    enum status status = actor_await(&a);
    assert_u64_equal(g->validating, 0);
    actor_end(&a);
    actor_end(&b);
    world_close(&w);
    return status;
}

TEST(txn_commit, a_validation_that_waits_for_the_disk_is_not_overtaken)
{
    assert_int_equal(commit_overtaken_by("m000000x"), STATUS_CONFLICT); /* behind its scan already */
    assert_int_equal(commit_overtaken_by("m9"), STATUS_CONFLICT);
    assert_int_equal(commit_overtaken_by("outside"), STATUS_OK);
    assert_true(mutant_select("validation_overtaken") > 0);
    enum status status = commit_overtaken_by("m000000x");
    mutant_select(NULL);
    assert_int_equal(status, STATUS_OK); /* so the rule is needed */
}
