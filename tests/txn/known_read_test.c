/* Reads of single keys see through intents of which it is known what becomes of them, while the entries that carry it out wait for
 * company or for the disks (txn/known.c). Requests of the commit are sent one by one, as a coordinator would. */
#include "tests/sim/cluster/owners.h"
#include "tests/sim/cluster/splits.h"
#include "tests/test.h"

#include "tests/txn/ask.h"
#include "txn/two_phase_leader.h"

#define LEFT   WORLD_LEFT
#define MIDDLE WORLD_MIDDLE

/* A staged attempt that writes a, the anchor, and k, in another range; it lives. The disks stand still: nothing more comes
 * into a log. */
struct scene {
    struct world w;
    struct asker c;
    struct actor alive;
};

static void prepare(struct scene *s)
{
    asker_begin_unknown(&s->c, &s->w, 1, 77);
    asker_bring_alive(&s->c, &s->alive);
    s->c.staged = "k";
    must_prepare(&s->c, "k", "new");
    must_prepare(&s->c, "a", "new");
}

static void scene_open_unstalled(struct scene *s)
{
    world_open_three(&s->w, 3);
    world_put(&s->w, "a", "old");
    world_put(&s->w, "k", "old");
    prepare(s);
}

static void stall_disks(struct scene *s)
{
    for (uint64_t machine = 1; machine <= 3; machine++) sim_disk_stall(sim_disk(cluster_sim(s->w.cluster), machine), 400 * SIM_MS);
}

static void scene_open(struct scene *s)
{
    scene_open_unstalled(s);
    stall_disks(s);
}

static void heal_disks(struct scene *s)
{
    for (uint64_t machine = 1; machine <= 3; machine++) sim_disk_heal(sim_disk(cluster_sim(s->w.cluster), machine));
}

static void scene_close(struct scene *s)
{
    heal_disks(s);
    if (s->c.under_way != NULL) assert_int_equal(ask_await_decide(&s->c), RECORD_COMMITTED);
    world_must_read(&s->w, "a", "new");
    world_must_read(&s->w, "k", "new");
    actor_end(&s->alive);
    world_close(&s->w);
}

static const struct range_op *intent_in(struct scene *s, struct range_id range)
{
    LIST_FOR_EACH(item, &world_range_of(&s->w, range)->ops) {
        const struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op->kind == RANGE_OP_PREPARE && range_op_in_flight(op)) return op;
    }
    return NULL;
}

static void decide(struct scene *s, enum decide_what what)
{
    ask_start_decide(&s->c, what);
    for (int i = 0; i < 200 && !intent_in(s, LEFT)->known && intent_in(s, LEFT)->state == OP_PREPARED; i++)
        sim_run_for(cluster_sim(s->w.cluster), 10 * SIM_US);
}

static void start_get(struct scene *s, struct actor *a, const char *key)
{
    actor_begin(a, &s->w, 2);
    actor_start_get(a, key);
    world_run_ms(&s->w, 5);
}

static void must_get(struct scene *s, const char *key, const char *value)
{
    struct actor a;
    start_get(s, &a, key);
    assert_false(a.running);
    assert_int_equal(a.status, value == NULL ? STATUS_NOT_FOUND : STATUS_OK);
    if (value != NULL) assert_string_equal(a.value, value);
    actor_end(&a);
}

static void must_wait(struct scene *s, const char *key, const char *value)
{
    struct actor a;
    start_get(s, &a, key);
    assert_true(a.running);
    heal_disks(s);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, value);
    actor_end(&a);
}

TEST(txn_known_read, what_waits_for_company_is_seen)
{
    struct scene s;
    scene_open(&s);
    decide(&s, DECIDE_KNOWN);
    assert_int_equal(intent_in(&s, LEFT)->state, OP_PREPARED);
    must_get(&s, "a", "new");
    assert_int_equal(kv_metrics(world_range_of(&s.w, LEFT)->kv)->known_reads, 1);
    scene_close(&s);
}

TEST(txn_known_read, what_is_on_its_way_to_the_log_is_seen)
{
    struct scene s;
    scene_open(&s);
    decide(&s, DECIDE_WANTED); /* it does not wait for company */
    assert_int_equal(intent_in(&s, LEFT)->state, OP_RESOLVING);
    must_get(&s, "a", "new");
    scene_close(&s);
}

/* Whoever asks by the id of the transaction is told. */
TEST(txn_known_read, its_outcome_is_known)
{
    struct scene s;
    scene_open(&s);
    assert_int_equal(ask_outcome(&s.c), TXN_OUTCOME_IN_PROGRESS);
    decide(&s, DECIDE_KNOWN);
    assert_int_equal(ask_outcome(&s.c), TXN_OUTCOME_COMMITTED);
    world_run_ms(&s.w, 5);
    assert_int_equal(ask_outcome(&s.c), TXN_OUTCOME_COMMITTED);
    assert_non_null(intent_in(&s, LEFT));
    assert_int_equal(intent_in(&s, LEFT)->state, OP_RESOLVING);
    scene_close(&s);
}

/* Who met the intent before is shown it as soon as the entry is on its way. */
TEST(txn_known_read, who_waits_already_is_shown_it_too)
{
    struct scene s;
    struct actor a;
    scene_open(&s);
    start_get(&s, &a, "a");
    assert_true(a.running);
    ask_start_decide(&s.c, DECIDE_KNOWN);
    world_run_ms(&s.w, 5);
    assert_false(a.running);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    scene_close(&s);
}

/* The range is another owner of its keys when the decision comes into its log, at a timestamp below the read: that showed it. */
static void read_beside_split(uint64_t after_us)
{
    static const uint8_t key[] = {KEY_PREFIX_TABLE, 'b'};
    struct scene s;
    char failure[256] = "";
    scene_open_unstalled(&s);
    struct splits *splits = splits_create(s.w.cluster);
    assert_non_null(splits_order(splits, LEFT, bytes_make(key, sizeof key)));
    sim_run_for(cluster_sim(s.w.cluster), after_us * SIM_US);
    ask_start_decide(&s.c, DECIDE_KNOWN);
    must_get(&s, "a", "new");
    assert_int_equal(ask_await_decide(&s.c), RECORD_COMMITTED);
    world_run_ms(&s.w, 100);
    assert_int_equal(splits_count(splits), 1);
    world_must_read(&s.w, "a", "new");
    if (!owners_check(cluster_owners(s.w.cluster), failure, sizeof failure)) fail_msg("%s", failure);
    actor_end(&s.alive);
    world_close(&s.w);
    splits_destroy(splits);
}

TEST(txn_known_read, a_split_in_front_of_the_decision_does_no_harm)
{
    for (uint64_t us = 0; us < 6000; us += 250) read_beside_split(us);
}

/* Its leader has to ask that of the anchor's range. */
TEST(txn_known_read, it_is_seen_in_another_range)
{
    struct scene s;
    scene_open(&s);
    decide(&s, DECIDE_KNOWN);
    assert_false(intent_in(&s, MIDDLE)->known);
    must_get(&s, "k", "new");
    assert_int_equal(intent_in(&s, MIDDLE)->state, OP_PREPARED);
    assert_true(intent_in(&s, MIDDLE)->known);
    must_get(&s, "k", "new");
    const struct kv_metrics *m = kv_metrics(world_range_of(&s.w, MIDDLE)->kv);
    assert_int_equal(m->questions, 1);
    assert_int_equal(m->known_reads, 2);
    scene_close(&s);
}

/* Who asked before there was an answer does not wait for company, nor until it is pushed. */
TEST(txn_known_read, who_asked_too_early_is_not_kept_waiting)
{
    struct scene s;
    struct actor a;
    scene_open_unstalled(&s);
    actor_begin(&a, &s.w, 2);
    actor_start_get(&a, "k");
    world_run_ms(&s.w, 2);
    assert_true(a.running);
    ask_start_decide(&s.c, DECIDE_KNOWN);
    uint64_t held = kv_metrics(world_range_of(&s.w, LEFT)->kv)->held_back;
    world_run_ms(&s.w, 5);
    assert_false(a.running);
    assert_string_equal(a.value, "new");
    assert_int_equal(kv_metrics(world_range_of(&s.w, LEFT)->kv)->held_back, held);
    actor_end(&a);
    scene_close(&s);
}

/* It may turn out to be another one. */
TEST(txn_known_read, a_decision_that_decides_is_not_seen_before_it_is_in_the_log)
{
    struct scene s;
    scene_open(&s);
    decide(&s, DECIDE_COMMIT);
    assert_int_equal(intent_in(&s, LEFT)->state, OP_RESOLVING);
    must_wait(&s, "a", "new");
    scene_close(&s);
}

TEST(txn_known_read, it_is_not_told_of_in_another_range_either)
{
    struct scene s;
    scene_open(&s);
    decide(&s, DECIDE_COMMIT);
    must_wait(&s, "k", "new");
    scene_close(&s);
}

/* A read between the lb and the timestamp of the commit sees what was before. */
TEST(txn_known_read, what_comes_after_the_read_is_not_seen)
{
    struct scene s;
    scene_open(&s);
    s.c.ct += 50 * SIM_MS;
    decide(&s, DECIDE_KNOWN);
    must_wait(&s, "a", "old");
    scene_close(&s);
}

/* The key that it deletes has no value. */
TEST(txn_known_read, a_deletion_is_seen)
{
    struct scene s;
    struct actor a;
    scene_open_unstalled(&s);
    ask_start_decide(&s.c, DECIDE_KNOWN);
    assert_int_equal(ask_await_decide(&s.c), RECORD_COMMITTED);
    world_run_ms(&s.w, 20);
    actor_begin(&a, &s.w, 2);
    actor_delete(&a, "a");
    actor_delete(&a, "k");
    actor_start_commit(&a);
    for (int i = 0; i < 10000 && a.running; i++) sim_run_for(cluster_sim(s.w.cluster), 10 * SIM_US);
    assert_int_equal(actor_await(&a), STATUS_OK);
    stall_disks(&s);
    assert_non_null(intent_in(&s, LEFT));
    must_get(&s, "a", NULL);
    must_get(&s, "k", NULL);
    actor_end(&a);
    heal_disks(&s);
    world_put(&s.w, "a", "new");
    world_put(&s.w, "k", "new");
    scene_close(&s);
}

/* A part that was prepared so late that it does not count. */
TEST(txn_known_read, what_comes_to_nothing_is_not_seen)
{
    struct scene s;
    scene_open(&s);
    uint64_t lb = intent_in(&s, LEFT)->ct;
    ask_start_resolve(&s.c, &(struct asked_resolve){.asker = &s.c, .ct = lb - 1, .key = 'a'}, 1);
    world_run_ms(&s.w, 1);
    assert_true(intent_in(&s, LEFT)->known);
    must_get(&s, "a", "old");
    heal_disks(&s);
    assert_int_equal(ask_await_resolve(&s.c), STATUS_OK);
    world_put(&s.w, "a", "new");
    ask_resolve(&s.c, &(struct asked_resolve){.asker = &s.c, .ct = s.c.ct, .key = 'k'}, 1);
    scene_close(&s);
}

/* Scans go by what is applied. */
TEST(txn_known_read, scans_wait_until_it_is_done)
{
    struct scene s;
    struct actor a;
    world_open_three(&s.w, 3);
    prepare(&s);
    decide(&s, DECIDE_KNOWN);
    actor_begin(&a, &s.w, 2);
    actor_must_count(&a, "a", "b", 1);
    actor_must_count(&a, "k", "l", 1);
    actor_end(&a);
    scene_close(&s);
}

static void add_for_nobody(const struct cover_mark *mark, void *ctx)
{
    uint64_t *hits = ctx;
    if (strcmp(mark->name, "txn_known_for_nobody") == 0) *hits += mark->hits;
}

/* How often an answer came when the one that had asked was gone. */
static uint64_t answers_for_nobody(void)
{
    uint64_t hits = 0;
    cover_visit(add_for_nobody, &hits);
    return hits;
}

/* The range has another leader before the answer is here, which does not come. */
TEST(txn_known_read, a_question_outlives_who_asked)
{
    struct scene s;
    struct actor a;
    scene_open_unstalled(&s);
    uint64_t before = answers_for_nobody();
    uint64_t asks = world_leader_of(&s.w, MIDDLE), asked = asks % 3 + 1, other = asked % 3 + 1;
    world_hand_over(&s.w, LEFT, asked);
    world_run_ms(&s.w, 100);
    actor_begin(&a, &s.w, asks);
    actor_start_get(&a, "k");
    const struct kv_metrics *m = kv_metrics(world_kv(&s.w, asks));
    for (int i = 0; i < 2000 && m->questions == 0; i++) sim_run_for(cluster_sim(s.w.cluster), 10 * SIM_US);
    assert_int_equal(m->questions, 1);
    world_isolate(&s.w, asked);
    world_hand_over(&s.w, MIDDLE, other);
    assert_false(list_empty(&world_kv(&s.w, asks)->questions));
    world_run_ms(&s.w, 50);
    assert_true(list_empty(&world_kv(&s.w, asks)->questions));
    assert_u64_equal(answers_for_nobody(), before + 1);
    sim_net_heal(cluster_sim(s.w.cluster));
    ask_start_decide(&s.c, DECIDE_KNOWN);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    scene_close(&s);
}
