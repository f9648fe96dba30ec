/* Commits over several ranges as their leaders see them: requests are sent one by one, as a coordinator, a late
 * message or somebody who waits would. The coordinator is a transaction that no node knows, unless a test says otherwise:
 * whoever waits for its intents finds that it is gone. */
#include "tests/test.h"

#include <stdio.h>

#include "tests/sim/cluster/merges.h"
#include "tests/sim/cluster/splits.h"
#include "tests/txn/world.h"
#include "txn/txn_state.h"

#define T "\x04"
#define LEFT   WORLD_LEFT
#define MIDDLE WORLD_MIDDLE

static void open_three(struct world *w)
{
    world_open_three(w, 3);
    world_put(w, "a", "old");
    world_put(w, "k", "old");
}

static struct range *range_of(struct world *w, struct range_id range)
{
    uint64_t machine = cluster_leader(w->cluster, range);
    assert_true(machine != 0);
    return replica_app(store_replica(core_store(cluster_machine(w->cluster, machine)->core), range));
}

/* ---- a coordinator by hand ---- */

struct coordinator {
    struct world *w;
    uint64_t machine, number;
    struct attempt attempt;
    uint64_t ct; /* the highest lb so far */
};

struct question {
    enum rpc_kind kind;
    struct bytes key;
    struct buf body, reply;
};

static enum status ask_on_fiber(struct core *core, void *ctx)
{
    struct question *q = ctx;
    struct gateway_request r = {.kind = q->kind, .key = q->key, .body = &q->body, .repeatable = true};
    return gateway_call(core_kv(core), &r, &q->reply);
}

static void question_begin(struct question *q, enum rpc_kind kind, struct bytes key)
{
    *q = (struct question){.kind = kind, .key = key};
    buf_init(&q->body, 1 << 16);
    buf_init(&q->reply, 1 << 16);
    buf_append_zero(&q->body, GATEWAY_HEAD_BYTES);
}

static enum status question_ask(struct coordinator *c, struct question *q)
{
    return world_call(c->w, c->machine, ask_on_fiber, q);
}

static void question_end(struct question *q)
{
    buf_deinit(&q->body);
    buf_deinit(&q->reply);
}

static struct kv *kv_on(struct world *w, uint64_t machine)
{
    return core_kv(cluster_machine(w->cluster, machine)->core);
}

static void coordinator_begin(struct coordinator *c, struct world *w, uint64_t machine, uint64_t tag)
{
    uint64_t seen = kv_timestamp_seen(kv_on(w, machine));
    *c = (struct coordinator){.w = w, .machine = machine, .number = 1u << 30, .attempt = {seen >> 16 << 16, tag}};
}

/* Its node answers for it, and for this attempt. The actor has locked something. */
static void live_as(struct coordinator *c, const struct actor *a)
{
    c->number = a->txn->name.number;
    c->attempt.tag = a->txn->id.tag;
}

static struct txn_name name_of(const struct coordinator *c)
{
    return (struct txn_name){store_identity(kv_store(kv_on(c->w, c->machine)))->node.value, c->number};
}

#define ANCHOR bytes_of_string(T "a")

/* Puts the value under each of the keys, which lie in one range. read_ts 0: it has read nothing. */
static enum status prepare(struct coordinator *c, const char *const *keys, uint32_t count, const char *value, uint64_t read_ts)
{
    char key[8][16];
    struct question q;
    for (uint32_t i = 0; i < count; i++) snprintf(key[i], sizeof key[i], T "%s", keys[i]);
    question_begin(&q, RPC_PREPARE, bytes_of_string(key[0]));
    put_u64(&q.body, name_of(c).node);
    put_u64(&q.body, name_of(c).number);
    put_u64(&q.body, read_ts);
    put_u64(&q.body, c->attempt.sent);
    put_u64(&q.body, c->attempt.tag);
    put_u64(&q.body, UINT64_MAX);
    put_u8(&q.body, 0);
    put_sized(&q.body, ANCHOR);
    put_sized(&q.body, BYTES_EMPTY); /* it is not staged */
    put_u32(&q.body, read_ts == 0 ? 0 : count);
    for (uint32_t i = 0; i < count && read_ts != 0; i++)
        encode_span(&q.body, &(struct span){.start = bytes_of_string(key[i]), .point = true});
    put_u32(&q.body, count);
    for (uint32_t i = 0; i < count; i++)
        encode_write(&q.body, &(struct write){.key = bytes_of_string(key[i]), .value = bytes_of_string(value)});
    enum status status = question_ask(c, &q);
    if (status == STATUS_OK) {
        assert_u64_equal(q.reply.size, 8);
        uint64_t lb = load_le64(q.reply.data);
        if (lb > c->ct) c->ct = lb;
    }
    question_end(&q);
    return status;
}

static enum status prepare_one(struct coordinator *c, const char *key, const char *value)
{
    return prepare(c, &key, 1, value, 0);
}

static void question_decide(struct question *q, const struct coordinator *c, enum decide_what what)
{
    static const char *const bounds[] = {T "a", T "c", T "i", T "o"};
    struct buf participants;
    buf_init(&participants, 100);
    put_u16(&participants, 2);
    for (int i = 0; i < 4; i++) put_sized(&participants, bytes_of_string(bounds[i]));
    question_begin(q, RPC_DECIDE, ANCHOR);
    bool commits = what == DECIDE_COMMIT;
    decide_encode(&q->body, name_of(c), c->attempt, what, commits ? c->ct : 0, ANCHOR, commits ? buf_view(&participants) : BYTES_EMPTY);
    buf_deinit(&participants);
}

static enum record_state decide(struct coordinator *c, enum decide_what what)
{
    struct question q;
    question_decide(&q, c, what);
    enum status status = question_ask(c, &q);
    assert_int_equal(status, STATUS_OK);
    assert_u64_equal(q.reply.size, 9);
    enum record_state state = (enum record_state)q.reply.data[0];
    if (state == RECORD_COMMITTED) assert_u64_equal(load_le64(q.reply.data + 1), c->ct);
    question_end(&q);
    return state;
}

static void must_read(struct world *w, const char *key, const char *value)
{
    struct actor a;
    actor_begin(&a, w, 1);
    assert_int_equal(actor_get(&a, key), STATUS_OK);
    assert_string_equal(a.value, value);
    actor_end(&a);
}

static uint32_t intents_in(struct world *w, struct range_id range)
{
    return range_of(w, range)->prepared_count;
}

static void until_gone(struct world *w, struct range_id range)
{
    for (int i = 0; i < 500 && intents_in(w, range) > 0; i++) world_run_ms(w, 10);
    assert_u64_equal(intents_in(w, range), 0);
}

/* ---- one leader ---- */

TEST(txn_prepare, what_is_decided_is_seen_everywhere)
{
    struct world w;
    struct coordinator c;
    open_three(&w);
    coordinator_begin(&c, &w, 1, 77);
    assert_int_equal(prepare_one(&c, "a", "new"), STATUS_OK);
    assert_int_equal(prepare_one(&c, "k", "new"), STATUS_OK);
    assert_int_equal(decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    must_read(&w, "k", "new");
    must_read(&w, "a", "new");
    assert_int_equal(decide(&c, DECIDE_COMMIT), RECORD_COMMITTED); /* as often as one likes */
    assert_int_equal(decide(&c, DECIDE_ABORT), RECORD_COMMITTED);
    assert_int_equal(decide(&c, DECIDE_ASK), RECORD_COMMITTED);
    world_close(&w);
}

/* ---- one round ---- */

/* Asked while the script looks on. */
struct asked_decide {
    struct kv *kv;
    struct question q;
    bool answered;
};

static void run_decide(void *arg)
{
    struct asked_decide *d = arg;
    struct gateway_request r = {.kind = RPC_DECIDE, .key = ANCHOR, .body = &d->q.body, .repeatable = true};
    assert_int_equal(gateway_call(d->kv, &r, &d->q.reply), STATUS_OK);
    d->answered = true;
}

static const struct range_op *decision_in(struct world *w, struct range_id range)
{
    LIST_FOR_EACH(item, &range_of(w, range)->ops) {
        const struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op->kind == RANGE_OP_DECIDE) return op;
    }
    return NULL;
}

static void all_disks(struct world *w, uint64_t stall_ns)
{
    for (uint64_t machine = 1; machine <= 3; machine++) {
        struct sim_disk *disk = sim_disk(cluster_sim(w->cluster), machine);
        if (stall_ns != 0) sim_disk_stall(disk, stall_ns);
        else sim_disk_heal(disk);
    }
}

/* The entry is on its way to the disks, the wait until the clock is past ct begins beside it: not when the one is there. */
TEST(txn_prepare, a_decision_waits_for_its_entry_and_for_the_clock_at_once)
{
    struct world w;
    struct coordinator c;
    struct asked_decide d = {0};
    open_three(&w);
    coordinator_begin(&c, &w, 1, 77);
    assert_int_equal(prepare_one(&c, "a", "new"), STATUS_OK);
    assert_int_equal(prepare_one(&c, "k", "new"), STATUS_OK);
    c.ct += 5 * SIM_MS; /* the clock is not past that */
    d.kv = kv_on(&w, 1);
    question_decide(&d.q, &c, DECIDE_COMMIT);
    all_disks(&w, 300 * SIM_MS);
    struct core *core = cluster_machine(w.cluster, 1)->core;
    assert_int_equal(fiber_spawn(core_fibers(core), run_decide, &d, NULL), STATUS_OK);
    sim_env_set_deadline(core_env(core), env_now_ns(core_env(core)));
    const struct range_op *op = NULL;
    for (int i = 0; i < 1000 && op == NULL; i++) {
        sim_run_for(cluster_sim(w.cluster), 10 * SIM_US);
        op = decision_in(&w, LEFT);
    }
    assert_non_null(op);
    assert_false(op->past);
    world_run_ms(&w, 100);
    assert_ptr_equal(decision_in(&w, LEFT), op);
    assert_true(op->state == OP_COMMITTING && !op->applied);
    assert_true(op->past);
    all_disks(&w, 0);
    for (int i = 0; i < 1000 && !d.answered; i++) world_run_ms(&w, 1);
    assert_true(d.answered);
    assert_int_equal(d.q.reply.data[0], RECORD_COMMITTED);
    question_end(&d.q);
    world_close(&w);
}

TEST(txn_prepare, a_reader_waits_until_it_is_known_what_becomes_of_an_intent)
{
    struct world w;
    struct coordinator c;
    struct actor a, b;
    open_three(&w);
    coordinator_begin(&c, &w, 1, 77);
    actor_begin(&b, &w, 2);
    assert_int_equal(actor_get(&b, "m"), STATUS_NOT_FOUND);
    assert_int_equal(prepare_one(&c, "a", "new"), STATUS_OK);
    assert_int_equal(prepare_one(&c, "k", "new"), STATUS_OK);
    assert_int_equal(actor_get(&b, "k"), STATUS_OK); /* below it: goes by */
    assert_string_equal(b.value, "old");
    actor_end(&b);
    actor_begin(&a, &w, 2);
    actor_start_get(&a, "k");
    world_run_ms(&w, 3);
    assert_true(a.running);
    assert_int_equal(decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    world_close(&w);
}

TEST(txn_prepare, intents_of_one_that_nobody_answers_for_are_pushed_away)
{
    struct world w;
    struct coordinator c;
    open_three(&w);
    coordinator_begin(&c, &w, 1, 77);
    assert_int_equal(prepare_one(&c, "a", "new"), STATUS_OK);
    assert_int_equal(prepare_one(&c, "k", "new"), STATUS_OK);
    must_read(&w, "k", "old"); /* its reader has waited, asked and had it aborted */
    assert_int_equal(decide(&c, DECIDE_COMMIT), RECORD_ABORTED);
    until_gone(&w, LEFT); /* nobody waits for those */
    must_read(&w, "a", "old");
    world_close(&w);
}

TEST(txn_prepare, intents_of_one_that_lives_are_waited_for)
{
    struct world w;
    struct coordinator c;
    struct actor a, b;
    open_three(&w);
    coordinator_begin(&c, &w, 1, 77);
    actor_begin(&b, &w, 1);
    assert_int_equal(actor_lock(&b, "z"), STATUS_NOT_FOUND); /* so its node answers for it */
    live_as(&c, &b);
    assert_int_equal(prepare_one(&c, "a", "new"), STATUS_OK);
    assert_int_equal(prepare_one(&c, "k", "new"), STATUS_OK);
    actor_begin(&a, &w, 2);
    actor_start_get(&a, "k");
    world_run_ms(&w, 4000);
    assert_true(a.running);
    assert_u64_equal(intents_in(&w, MIDDLE), 1);
    b.txn->id.tag ^= 2; /* what it makes now is another attempt */
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "old");
    actor_end(&a);
    actor_end(&b);
    world_close(&w);
}

/* T3: what it read is validated where it is prepared; of what stands in the way it is told. */
TEST(txn_prepare, what_does_not_hold_is_refused_and_nothing_is_placed)
{
    static const char *const k[] = {"k"};
    struct world w;
    struct coordinator c, d;
    struct actor a;
    open_three(&w);
    coordinator_begin(&c, &w, 1, 77);
    uint64_t ct = world_put(&w, "k", "newer");
    assert_int_equal(prepare(&c, k, 1, "new", ct - 1), STATUS_CONFLICT);
    assert_u64_equal(intents_in(&w, MIDDLE), 0);
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_lock(&a, "k"), STATUS_OK);
    assert_int_equal(prepare(&c, k, 1, "new", ct), STATUS_WAIT); /* never waits for locks */
    actor_end(&a);
    world_run_ms(&w, 100);
    assert_int_equal(prepare(&c, k, 1, "new", ct), STATUS_OK);
    assert_int_equal(prepare(&c, k, 1, "new", ct), STATUS_OK); /* asked again */
    assert_u64_equal(intents_in(&w, MIDDLE), 1);
    coordinator_begin(&d, &w, 1, 78); /* a younger one does not wait for an older one */
    if (d.attempt.sent == c.attempt.sent) d.attempt.sent += 1u << 16;
    assert_int_equal(prepare(&d, k, 1, "x", 0), STATUS_WAIT);
    d.attempt.sent = c.attempt.sent - (1u << 16); /* an older one does, until it is pushed away */
    assert_int_equal(prepare(&d, k, 1, "x", 0), STATUS_OK);
    world_close(&w);
}

/* ---- late ---- */

TEST(txn_prepare, an_intent_that_comes_after_the_decision_goes)
{
    struct world w;
    struct coordinator c;
    open_three(&w);
    coordinator_begin(&c, &w, 1, 77);
    assert_int_equal(prepare_one(&c, "a", "new"), STATUS_OK);
    assert_int_equal(prepare_one(&c, "k", "new"), STATUS_OK);
    assert_int_equal(decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    until_gone(&w, MIDDLE);
    world_put(&w, "k", "newest");
    struct coordinator late = c;
    assert_int_equal(prepare_one(&late, "k", "new"), STATUS_OK);
    assert_true(late.ct > c.ct);
    must_read(&w, "k", "newest");
    assert_u64_equal(intents_in(&w, MIDDLE), 0);
    assert_int_equal(prepare_one(&late, "a", "new"), STATUS_CONFLICT); /* the record says more */
    world_close(&w);
}

static enum status decide_late(struct coordinator *c)
{
    struct question q;
    struct buf participants;
    buf_init(&participants, 100);
    put_u16(&participants, 1);
    put_sized(&participants, ANCHOR);
    put_sized(&participants, ANCHOR);
    question_begin(&q, RPC_DECIDE, ANCHOR);
    decide_encode(&q.body, name_of(c), c->attempt, DECIDE_COMMIT, c->ct, ANCHOR, buf_view(&participants));
    enum status status = question_ask(c, &q);
    buf_deinit(&participants);
    question_end(&q);
    return status;
}

/* Records go; what they said stays so. */
TEST(txn_prepare, nothing_is_decided_when_its_time_is_over)
{
    struct world w;
    struct coordinator c, d;
    open_three(&w);
    coordinator_begin(&c, &w, 1, 77);
    coordinator_begin(&d, &w, 1, 78);
    assert_int_equal(prepare_one(&c, "a", "new"), STATUS_OK);
    assert_int_equal(prepare_one(&c, "k", "new"), STATUS_OK);
    assert_int_equal(decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    assert_int_equal(prepare_one(&d, "b", "new"), STATUS_OK);
    assert_int_equal(decide(&d, DECIDE_ABORT), RECORD_ABORTED);
    for (int i = 0; i < 20; i++) { /* clocks of idle clusters stand still */
        world_put(&w, "y", "1");
        world_run_ms(&w, 1000);
    }
    assert_u64_equal(range_of(&w, LEFT)->records.count, 0);
    assert_int_equal(decide(&d, DECIDE_ABORT), RECORD_ABORTED);
    assert_u64_equal(range_of(&w, LEFT)->records.count, 0);
    assert_int_not_equal(decide_late(&d), STATUS_OK);
    assert_int_not_equal(decide_late(&c), STATUS_OK);
    must_read(&w, "a", "new");
    struct actor a;
    actor_begin(&a, &w, 1);
    assert_int_equal(actor_get(&a, "b"), STATUS_NOT_FOUND);
    actor_end(&a);
    world_close(&w);
}

/* ---- leaders change ---- */

static void move_leader(struct world *w, struct range_id range)
{
    uint64_t from = cluster_leader(w->cluster, range);
    struct cluster_machine *m = cluster_machine(w->cluster, from);
    struct cluster_machine *to = cluster_machine(w->cluster, from % 3 + 1);
    struct replica *r = store_replica(core_store(m->core), range);
    assert_int_equal(replica_transfer(r, store_identity(core_store(to->core))->node), STATUS_OK);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    for (int i = 0; i < 3000 && cluster_leader(w->cluster, range) != from % 3 + 1; i++) world_run_ms(w, 1);
    assert_u64_equal(cluster_leader(w->cluster, range), from % 3 + 1);
    world_run_ms(w, 100);
}

TEST(txn_prepare, the_next_leader_knows_what_is_prepared)
{
    struct world w;
    struct coordinator c;
    struct actor b, a;
    open_three(&w);
    coordinator_begin(&c, &w, 1, 77);
    actor_begin(&b, &w, 1);
    assert_int_equal(actor_lock(&b, "z"), STATUS_NOT_FOUND);
    live_as(&c, &b);
    assert_int_equal(prepare_one(&c, "a", "new"), STATUS_OK);
    assert_int_equal(prepare_one(&c, "k", "new"), STATUS_OK);
    uint64_t ct = c.ct;
    move_leader(&w, LEFT);
    move_leader(&w, MIDDLE);
    actor_begin(&a, &w, 2);
    actor_start_get(&a, "k");
    world_run_ms(&w, 50);
    assert_true(a.running);
    assert_int_equal(prepare_one(&c, "k", "new"), STATUS_OK); /* its answer was lost, say */
    assert_u64_equal(c.ct, ct);
    assert_int_equal(decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    actor_end(&b);
    move_leader(&w, LEFT);
    assert_u64_equal(range_of(&w, LEFT)->records.count, 1);
    assert_int_equal(decide(&c, DECIDE_ABORT), RECORD_COMMITTED);
    world_close(&w);
}

/* The leader of the anchor is gone before it could tell anybody: the next one does. */
TEST(txn_prepare, the_next_leader_carries_out_what_was_decided)
{
    struct world w;
    struct coordinator c;
    open_three(&w);
    coordinator_begin(&c, &w, 1, 77);
    uint64_t left = cluster_leader(w.cluster, LEFT), middle = cluster_leader(w.cluster, MIDDLE);
    if (left == middle) move_leader(&w, MIDDLE);
    middle = cluster_leader(w.cluster, MIDDLE);
    c.machine = left;
    assert_int_equal(prepare_one(&c, "a", "new"), STATUS_OK);
    assert_int_equal(prepare_one(&c, "k", "new"), STATUS_OK);
    range_of(&w, LEFT)->kv->resolvers = RESOLVERS_MAX; /* it tells nobody */
    assert_int_equal(decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    assert_u64_equal(intents_in(&w, MIDDLE), 1);
    move_leader(&w, LEFT);
    until_gone(&w, MIDDLE);
    must_read(&w, "k", "new");
    world_close(&w);
}

/* ---- bounds change ---- */

static void split_at(struct world *w, struct splits *s, const char *key)
{
    const struct split_result *result = splits_order(s, LEFT, bytes_of_string(key));
    assert_non_null(result);
    for (int i = 0; i < 5000 && !result->done; i++) world_run_ms(w, 1);
    assert_int_equal(result->status, STATUS_OK);
    world_run_ms(w, 2000);
}

/* Intents divide by their keys, records by their anchors; both sides are resolved. Then the ranges unite again, with others. */
TEST(txn_prepare, intents_live_through_splits_and_merges)
{
    static const char *const both[] = {"a", "c"};
    struct world w;
    struct coordinator c, d;
    struct actor alive;
    open_three(&w);
    world_put(&w, "c", "old");
    struct splits *s = splits_create(w.cluster);
    struct merges *m = merges_create(w.cluster);
    coordinator_begin(&c, &w, 1, 77);
    actor_begin(&alive, &w, 1);
    assert_int_equal(actor_lock(&alive, "z"), STATUS_NOT_FOUND);
    live_as(&c, &alive);
    assert_int_equal(prepare(&c, both, 2, "new", 0), STATUS_OK);
    assert_int_equal(prepare_one(&c, "k", "new"), STATUS_OK);
    split_at(&w, s, T "b");
    assert_u64_equal(intents_in(&w, LEFT), 1);
    assert_u64_equal(range_of(&w, (struct range_id){cluster_range_max(w.cluster)})->prepared_count, 1);
    assert_int_equal(decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    must_read(&w, "c", "new");
    must_read(&w, "a", "new");
    must_read(&w, "k", "new");

    coordinator_begin(&d, &w, 1, 78);
    live_as(&d, &alive);
    d.attempt.tag = alive.txn->id.tag ^= 2; /* it makes another attempt */
    assert_int_equal(prepare_one(&d, "a", "newer"), STATUS_OK);
    assert_int_equal(prepare_one(&d, "c", "newer"), STATUS_OK);
    const struct merge_result *result = merges_order(m, LEFT);
    assert_non_null(result);
    for (int i = 0; i < 20000 && !result->done; i++) world_run_ms(&w, 1);
    assert_int_equal(result->status, STATUS_OK);
    world_run_ms(&w, 1000);
    assert_u64_equal(intents_in(&w, LEFT), 2);
    assert_int_equal(decide(&d, DECIDE_COMMIT), RECORD_COMMITTED);
    must_read(&w, "c", "newer");
    must_read(&w, "a", "newer");
    actor_end(&alive);
    world_close(&w);
    splits_destroy(s);
    merges_destroy(m);
}
