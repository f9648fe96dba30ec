/* Staged commits as their leaders see them: PREPAREs are sent one by one, as a coordinator or a late message would. The coordinator is
 * a transaction that no node knows, unless a test says otherwise: whoever waits for its intents finds that it is gone. */
#include "tests/test.h"

#include <stdio.h>

#include "tests/sim/cluster/splits.h"
#include "tests/txn/world.h"
#include "txn/txn_state.h"

#define T "\x04"
static const struct bytes SPLITS[] = {{(const uint8_t *)T "h", 2}, {(const uint8_t *)T "p", 2}};
#define LEFT ((struct range_id){2})   /* to g */
#define MIDDLE ((struct range_id){3}) /* h to o */
#define RIGHT ((struct range_id){4})
#define ANCHOR bytes_of_string(T "a")
#define SOON_NS (60 * SIM_MS) /* a request that nobody answers is given up */

struct coordinator {
    struct world *w;
    uint64_t number;
    struct attempt attempt;
    uint64_t ct;       /* the highest lb so far */
    bool gated;
    const char *staged; /* the keys that the anchor's PREPARE lists, a letter each */
    uint64_t patience_ns; /* 0: as long as it takes */
};

struct question {
    enum rpc_kind kind;
    struct bytes key;
    uint64_t patience_ns;
    struct buf body, reply;
};

static enum status ask_on_fiber(struct core *core, void *ctx)
{
    struct question *q = ctx;
    struct kv *kv = core_kv(core);
    struct gateway_request r = {.kind = q->kind, .key = q->key, .body = &q->body, .repeatable = true};
    if (q->patience_ns != 0) r.deadline_ns = env_now_ns(store_env(kv_store(kv))) + q->patience_ns;
    return gateway_call(kv, &r, &q->reply);
}

static void question_begin(struct question *q, const struct coordinator *c, enum rpc_kind kind, struct bytes key)
{
    *q = (struct question){.kind = kind, .key = key, .patience_ns = c->patience_ns};
    buf_init(&q->body, 1 << 16);
    buf_init(&q->reply, 1 << 16);
    buf_append_zero(&q->body, GATEWAY_HEAD_BYTES);
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

static void open_three(struct world *w)
{
    world_open_split(w, 3, SPLITS, 2);
    world_run_ms(w, 10000);
    world_put(w, "a", "old");
    world_put(w, "c", "old");
    world_put(w, "k", "old");
    world_put(w, "z", "old");
}

static void coordinator_begin(struct coordinator *c, struct world *w, uint64_t tag)
{
    uint64_t seen = kv_timestamp_seen(kv_on(w, 1));
    *c = (struct coordinator){.w = w, .number = 1u << 30, .attempt = {seen >> 16 << 16, tag}, .staged = ""};
}

/* Its node answers for it, and for this attempt. The actor has locked something. */
static void live_as(struct coordinator *c, const struct actor *a)
{
    c->number = a->txn->name.number;
    c->attempt.tag = a->txn->id.tag;
}

static void put_name(struct question *q, const struct coordinator *c)
{
    put_u64(&q->body, store_identity(kv_store(kv_on(c->w, 1)))->node.value);
    put_u64(&q->body, c->number);
}

static void put_keys(struct buf *out, const char *keys)
{
    put_u16(out, (uint16_t)strlen(keys));
    for (; *keys != '\0'; keys++) {
        uint8_t key[2] = {0x04, (uint8_t)*keys};
        put_sized(out, bytes_make(key, 2));
    }
}

static void put_staged(struct question *q, const struct coordinator *c, bool staged)
{
    struct buf keys;
    buf_init(&keys, 4096);
    if (staged) put_keys(&keys, c->staged);
    put_sized(&q->body, buf_view(&keys));
    buf_deinit(&keys);
}

/* Puts the value under each of the keys, letters, which lie in one range; with the anchor comes what is staged. */
static enum status prepare(struct coordinator *c, const char *keys, const char *value)
{
    uint8_t first[2] = {0x04, (uint8_t)keys[0]};
    struct question q;
    question_begin(&q, c, RPC_PREPARE, bytes_make(first, 2));
    put_name(&q, c);
    put_u64(&q.body, 0);
    put_u64(&q.body, c->attempt.sent);
    put_u64(&q.body, c->attempt.tag);
    put_u64(&q.body, UINT64_MAX);
    put_u8(&q.body, c->gated);
    put_sized(&q.body, ANCHOR);
    put_staged(&q, c, keys[0] == 'a' && c->staged[0] != '\0');
    put_u32(&q.body, 0);
    put_u32(&q.body, (uint32_t)strlen(keys));
    for (const char *k = keys; *k != '\0'; k++) {
        uint8_t key[2] = {0x04, (uint8_t)*k};
        encode_write(&q.body, &(struct write){.key = bytes_make(key, 2), .value = bytes_of_string(value)});
    }
    enum status status = world_call(c->w, 1, ask_on_fiber, &q);
    if (status == STATUS_OK && load_le64(q.reply.data) > c->ct) c->ct = load_le64(q.reply.data);
    question_end(&q);
    return status;
}

static enum status try_decide(struct coordinator *c, enum decide_what what, enum record_state *state_out, uint64_t *ct_out)
{
    struct question q;
    struct buf participants;
    buf_init(&participants, 100);
    put_u16(&participants, 3);
    static const char *const bounds[] = {T "a", T "c", T "k", T "k", T "z", T "z"};
    for (int i = 0; i < 6; i++) put_sized(&participants, bytes_of_string(bounds[i]));
    question_begin(&q, c, RPC_DECIDE, ANCHOR);
    bool commits = what == DECIDE_COMMIT;
    decide_encode(&q.body, (struct txn_name){1, c->number}, c->attempt, what, commits ? c->ct : 0, ANCHOR,
                  commits ? buf_view(&participants) : BYTES_EMPTY);
    enum status status = world_call(c->w, 1, ask_on_fiber, &q);
    if (status == STATUS_OK) {
        assert_u64_equal(q.reply.size, 9);
        *state_out = (enum record_state)q.reply.data[0];
        *ct_out = load_le64(q.reply.data + 1);
    }
    buf_deinit(&participants);
    question_end(&q);
    return status;
}

static enum record_state decide(struct coordinator *c, enum decide_what what)
{
    enum record_state state = RECORD_NONE;
    uint64_t ct;
    assert_int_equal(try_decide(c, what, &state, &ct), STATUS_OK);
    if (state == RECORD_COMMITTED) assert_u64_equal(ct, c->ct);
    return state;
}

/* Are all of the keys, which lie in one range, prepared? */
static enum status ask_staged(struct coordinator *c, const char *keys, bool *all_out, uint64_t *lb_out)
{
    uint8_t first[2] = {0x04, (uint8_t)keys[0]};
    struct question q;
    question_begin(&q, c, RPC_STAGED, bytes_make(first, 2));
    put_name(&q, c);
    put_u64(&q.body, c->attempt.sent);
    put_u64(&q.body, c->attempt.tag);
    put_keys(&q.body, keys);
    enum status status = world_call(c->w, 1, ask_on_fiber, &q);
    if (status == STATUS_OK) {
        assert_u64_equal(q.reply.size, 9);
        *all_out = q.reply.data[0] == 1;
        *lb_out = load_le64(q.reply.data + 1);
    }
    question_end(&q);
    return status;
}

static enum txn_outcome outcome(struct coordinator *c)
{
    struct question q;
    question_begin(&q, c, RPC_OUTCOME, ANCHOR);
    put_u64(&q.body, c->attempt.sent);
    put_u64(&q.body, c->attempt.tag);
    assert_int_equal(world_call(c->w, 1, ask_on_fiber, &q), STATUS_OK);
    enum txn_outcome found = (enum txn_outcome)q.reply.data[0];
    question_end(&q);
    return found;
}

static void must_read(struct world *w, const char *key, const char *value)
{
    struct actor a;
    actor_begin(&a, w, 1);
    assert_int_equal(actor_get(&a, key), STATUS_OK);
    assert_string_equal(a.value, value);
    actor_end(&a);
}

static struct range *range_of(struct world *w, struct range_id range)
{
    uint64_t machine = cluster_leader(w->cluster, range);
    assert_true(machine != 0);
    return replica_app(store_replica(core_store(cluster_machine(w->cluster, machine)->core), range));
}

static uint32_t refusals_in(struct world *w, struct range_id range)
{
    uint32_t count = 0;
    const struct range *g = range_of(w, range);
    LIST_FOR_EACH(item, &g->refusals) count++;
    return count;
}

/* Any transaction that lives, to lend its name. */
static void live(struct actor *a, struct world *w)
{
    actor_begin(a, w, 1);
    assert_int_equal(actor_lock(a, "y"), STATUS_NOT_FOUND);
}

/* ---- it is found out about ---- */

TEST(txn_staged, what_is_prepared_everywhere_is_committed_and_nobody_has_to_say_so)
{
    struct world w;
    struct coordinator c;
    open_three(&w);
    coordinator_begin(&c, &w, 77);
    c.staged = "ckz";
    assert_int_equal(prepare(&c, "ac", "new"), STATUS_OK);
    assert_int_equal(prepare(&c, "z", "new"), STATUS_OK);
    assert_int_equal(prepare(&c, "k", "new"), STATUS_OK);
    must_read(&w, "k", "new"); /* its reader has waited, asked and had it found out */
    must_read(&w, "a", "new");
    must_read(&w, "z", "new");
    must_read(&w, "c", "new");
    assert_int_equal(decide(&c, DECIDE_ASK), RECORD_COMMITTED);
    assert_int_equal(decide(&c, DECIDE_GIVE_UP), RECORD_COMMITTED); /* it obeys what it finds */
    assert_int_equal(decide(&c, DECIDE_COMMIT), RECORD_COMMITTED);
    assert_int_equal(outcome(&c), TXN_OUTCOME_COMMITTED);
    world_close(&w);
}

TEST(txn_staged, what_misses_a_part_is_aborted_and_never_gets_it)
{
    struct world w;
    struct coordinator c;
    open_three(&w);
    coordinator_begin(&c, &w, 77);
    c.staged = "kz";
    assert_int_equal(prepare(&c, "a", "new"), STATUS_OK);
    assert_int_equal(prepare(&c, "k", "new"), STATUS_OK);
    must_read(&w, "k", "old");
    assert_u64_equal(refusals_in(&w, RIGHT), 1);
    assert_int_equal(prepare(&c, "z", "new"), STATUS_CONFLICT);
    assert_int_equal(decide(&c, DECIDE_COMMIT), RECORD_ABORTED);
    assert_int_equal(outcome(&c), TXN_OUTCOME_ABORTED);
    must_read(&w, "a", "old");
    must_read(&w, "z", "old");
    world_close(&w);
}

/* Neither before it is asked about nor by one of the range that has another part of it. */
TEST(txn_staged, only_what_is_listed_counts_and_only_for_that_key)
{
    struct world w;
    struct coordinator c;
    bool all;
    uint64_t lb;
    open_three(&w);
    coordinator_begin(&c, &w, 77);
    c.staged = "kl";
    assert_int_equal(prepare(&c, "k", "new"), STATUS_OK);
    assert_int_equal(ask_staged(&c, "k", &all, &lb), STATUS_OK);
    assert_true(all);
    assert_u64_equal(lb, c.ct);
    assert_int_equal(ask_staged(&c, "kl", &all, &lb), STATUS_OK);
    assert_false(all);
    assert_u64_equal(refusals_in(&w, MIDDLE), 1);
    assert_int_equal(ask_staged(&c, "kl", &all, &lb), STATUS_OK); /* as often as one likes */
    assert_false(all);
    assert_int_equal(prepare(&c, "l", "new"), STATUS_CONFLICT);
    assert_int_equal(prepare(&c, "m", "new"), STATUS_OK); /* nobody has asked for that one */
    world_close(&w);
}

TEST(txn_staged, one_that_lives_is_waited_for)
{
    struct world w;
    struct coordinator c;
    struct actor a, alive;
    open_three(&w);
    coordinator_begin(&c, &w, 77);
    c.staged = "k";
    live(&alive, &w);
    live_as(&c, &alive);
    assert_int_equal(prepare(&c, "a", "new"), STATUS_OK);
    actor_begin(&a, &w, 2);
    actor_start_get(&a, "a");
    world_run_ms(&w, 4000);
    assert_true(a.running);
    assert_u64_equal(refusals_in(&w, MIDDLE), 0);
    assert_int_equal(prepare(&c, "k", "new"), STATUS_OK);
    alive.txn->id.tag ^= 2; /* what it makes now is another attempt */
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    actor_end(&alive);
    world_close(&w);
}

/* A1: its gateway tells its client as soon as all have answered. */
TEST(txn_staged, it_is_answered_when_the_clock_is_past_its_timestamp)
{
    struct world w;
    struct coordinator c;
    open_three(&w);
    for (uint64_t tag = 77; tag < 80; tag++) {
        coordinator_begin(&c, &w, tag);
        c.staged = "k";
        c.gated = true;
        struct actor alive;
        live(&alive, &w);
        live_as(&c, &alive);
        for (int again = 0; again < 2; again++) { /* asked again, too */
            assert_int_equal(prepare(&c, "a", "new"), STATUS_OK);
            assert_true(kv_timestamp_seen(range_of(&w, LEFT)->kv) > c.ct);
        }
        assert_int_equal(decide(&c, DECIDE_GIVE_UP), RECORD_ABORTED);
        actor_end(&alive);
    }
    world_close(&w);
}

/* What it is given lies ahead of the cluster's clock, since something in the range does. */
TEST(txn_staged, a_timestamp_ahead_of_the_clock_is_waited_for)
{
    struct world w;
    struct coordinator c;
    open_three(&w);
    coordinator_begin(&c, &w, 77);
    c.staged = "k";
    c.gated = true;
    assert_int_equal(prepare(&c, "k", "new"), STATUS_OK);
    struct range *g = range_of(&w, LEFT);
    g->high = kv_timestamp_seen(g->kv) + SIM_SEC;
    uint64_t high = g->high;
    assert_int_equal(prepare(&c, "a", "new"), STATUS_OK);
    assert_true(c.ct > high);
    assert_true(kv_timestamp_seen(g->kv) > c.ct);
    must_read(&w, "a", "new");
    must_read(&w, "k", "new");
    world_close(&w);
}

/* ---- it is given up ---- */

TEST(txn_staged, its_coordinator_gives_it_up_and_nothing_of_the_anchor_is_left)
{
    struct world w;
    struct coordinator c;
    struct actor alive;
    open_three(&w);
    coordinator_begin(&c, &w, 77);
    c.staged = "ck";
    live(&alive, &w);
    live_as(&c, &alive);
    assert_int_equal(prepare(&c, "ac", "new"), STATUS_OK);
    assert_int_equal(prepare(&c, "k", "new"), STATUS_OK);
    assert_int_equal(decide(&c, DECIDE_GIVE_UP), RECORD_ABORTED);
    assert_u64_equal(range_of(&w, LEFT)->prepared_count, 0);
    assert_int_equal(prepare(&c, "ac", "new"), STATUS_CONFLICT); /* a late one: the record says more */
    must_read(&w, "k", "old");
    must_read(&w, "a", "old");
    actor_end(&alive);
    world_close(&w);
}

TEST(txn_staged, malformed_lists_are_refused)
{
    static const char *const lists[] = {"ak", "kc", "cc"};
    struct world w;
    struct coordinator c;
    open_three(&w);
    coordinator_begin(&c, &w, 77);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        c.staged = lists[i];
        assert_int_equal(prepare(&c, "a", "new"), STATUS_INVALID);
    }
    assert_u64_equal(range_of(&w, LEFT)->prepared_count, 0);
    world_close(&w);
}

/* ---- leaders change, time goes by ---- */

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

TEST(txn_staged, the_next_leaders_know_what_is_listed_and_what_is_refused)
{
    struct world w;
    struct coordinator c, d;
    struct actor alive;
    open_three(&w);
    coordinator_begin(&c, &w, 77);
    c.staged = "kz";
    live(&alive, &w);
    live_as(&c, &alive);
    assert_int_equal(prepare(&c, "a", "new"), STATUS_OK);
    assert_int_equal(prepare(&c, "k", "new"), STATUS_OK);
    assert_int_equal(prepare(&c, "z", "new"), STATUS_OK);
    move_leader(&w, LEFT);
    move_leader(&w, RIGHT);
    alive.txn->id.tag ^= 2;
    must_read(&w, "z", "new");
    must_read(&w, "a", "new");
    coordinator_begin(&d, &w, 78);
    d.staged = "k";
    assert_int_equal(prepare(&d, "a", "newer"), STATUS_OK);
    must_read(&w, "a", "new");
    move_leader(&w, MIDDLE);
    assert_u64_equal(refusals_in(&w, MIDDLE), 1);
    assert_int_equal(prepare(&d, "k", "newer"), STATUS_CONFLICT);
    must_read(&w, "k", "new");
    actor_end(&alive);
    world_close(&w);
}

static void go_past_the_window(struct world *w)
{
    for (int i = 0; i < 13; i++) { /* clocks of idle clusters stand still */
        world_put(w, "b", "1");
        world_put(w, "l", "1");
        world_put(w, "x", "1");
        world_run_ms(w, 1000);
    }
}

/* Its coordinator may have told its client long ago. */
TEST(txn_staged, one_that_nobody_has_asked_about_is_committed_however_late)
{
    struct world w;
    struct coordinator c;
    struct actor alive;
    open_three(&w);
    coordinator_begin(&c, &w, 77);
    c.staged = "k";
    live(&alive, &w);
    live_as(&c, &alive);
    assert_int_equal(prepare(&c, "a", "new"), STATUS_OK);
    assert_int_equal(prepare(&c, "k", "new"), STATUS_OK);
    go_past_the_window(&w);
    range_of(&w, LEFT)->floor = c.attempt.sent + 2 * OUTCOME_WINDOW_NS; /* as a record of others, or a read, raises it */
    assert_int_equal(outcome(&c), TXN_OUTCOME_IN_PROGRESS);
    alive.txn->id.tag ^= 2;
    must_read(&w, "k", "new");
    must_read(&w, "a", "new");
    enum txn_outcome now = outcome(&c);
    assert_true(now == TXN_OUTCOME_COMMITTED || now == TXN_OUTCOME_EXPIRED);
    actor_end(&alive);
    world_close(&w);
}

TEST(txn_staged, refusals_are_forgotten_and_what_they_said_stays_so)
{
    struct world w;
    struct coordinator c;
    open_three(&w);
    coordinator_begin(&c, &w, 77);
    c.staged = "k";
    assert_int_equal(prepare(&c, "a", "new"), STATUS_OK);
    must_read(&w, "a", "old");
    world_run_ms(&w, 3000);
    assert_u64_equal(refusals_in(&w, MIDDLE), 1);
    go_past_the_window(&w);
    assert_u64_equal(refusals_in(&w, MIDDLE), 0);
    c.patience_ns = SOON_NS;
    assert_int_not_equal(prepare(&c, "k", "new"), STATUS_OK);
    assert_u64_equal(range_of(&w, MIDDLE)->prepared_count, 0);
    /* Nor is its coordinator, who comes late, told that it was aborted: it could as well have been committed, and forgotten. */
    assert_int_equal(decide(&c, DECIDE_GIVE_UP), RECORD_NONE);
    assert_int_equal(decide(&c, DECIDE_ABORT), RECORD_ABORTED);
    world_close(&w);
}

/* ---- bounds change ---- */

/* What lay beside the anchor is in another range by then, and is found. */
TEST(txn_staged, a_split_takes_away_what_was_prepared_with_the_anchor)
{
    struct world w;
    struct coordinator c;
    struct actor alive;
    open_three(&w);
    struct splits *s = splits_create(w.cluster);
    coordinator_begin(&c, &w, 77);
    c.staged = "ck";
    live(&alive, &w);
    live_as(&c, &alive);
    assert_int_equal(prepare(&c, "ac", "new"), STATUS_OK);
    assert_int_equal(prepare(&c, "k", "new"), STATUS_OK);
    const struct split_result *result = splits_order(s, LEFT, bytes_of_string(T "b"));
    assert_non_null(result);
    for (int i = 0; i < 5000 && !result->done; i++) world_run_ms(&w, 1);
    assert_int_equal(result->status, STATUS_OK);
    world_run_ms(&w, 2000);
    alive.txn->id.tag ^= 2;
    must_read(&w, "a", "new");
    must_read(&w, "c", "new");
    must_read(&w, "k", "new");
    go_past_the_window(&w); /* its record is gone */
    must_read(&w, "c", "new");
    actor_end(&alive);
    world_close(&w);
    splits_destroy(s);
}

/* Asked for by the range that it was prepared in, one whose anchor has moved away is not said to be aborted. */
TEST(txn_staged, a_split_that_takes_the_anchor_away_leaves_its_outcome_unknown)
{
    struct world w;
    struct coordinator c;
    open_three(&w);
    struct splits *s = splits_create(w.cluster);
    coordinator_begin(&c, &w, 77);
    assert_int_equal(prepare(&c, "c", "new"), STATUS_OK); /* the range holds something */
    coordinator_begin(&c, &w, 78);
    uint64_t before = range_of(&w, LEFT)->divided;
    const struct split_result *result = splits_order(s, LEFT, bytes_of_string(T "b"));
    assert_non_null(result);
    for (int i = 0; i < 5000 && !result->done; i++) world_run_ms(&w, 1);
    assert_int_equal(result->status, STATUS_OK);
    assert_true(range_of(&w, LEFT)->divided > before);
    go_past_the_window(&w);
    c.attempt.sent = range_of(&w, LEFT)->divided - 1;
    assert_int_equal(outcome(&c), TXN_OUTCOME_EXPIRED);
    world_close(&w);
    splits_destroy(s);
}

/* ---- what is only proposed ---- */

/* The leader of the range cannot commit anything, and still leads. */
static void cut_off(struct world *w, struct range_id range)
{
    world_isolate(w, cluster_leader(w->cluster, range));
}

/* The one machine leads all ranges, so that requests get there. */
static void gather(struct world *w)
{
    static const uint64_t ranges[] = {2, 3, 4};
    for (size_t i = 0; i < 3; i++)
        for (int tries = 0; tries < 3 && cluster_leader(w->cluster, (struct range_id){ranges[i]}) != 1; tries++)
            move_leader(w, (struct range_id){ranges[i]});
    for (size_t i = 0; i < 3; i++) assert_u64_equal(cluster_leader(w->cluster, (struct range_id){ranges[i]}), 1);
}

TEST(txn_staged, a_prepare_counts_when_it_is_committed)
{
    struct world w;
    struct coordinator c;
    bool all = false;
    uint64_t lb;
    open_three(&w);
    gather(&w);
    coordinator_begin(&c, &w, 77);
    c.patience_ns = SOON_NS;
    cut_off(&w, MIDDLE);
    assert_int_not_equal(prepare(&c, "k", "new"), STATUS_OK);
    assert_u64_equal(range_of(&w, MIDDLE)->prepared_count, 1);
    assert_int_not_equal(ask_staged(&c, "k", &all, &lb), STATUS_OK);
    assert_u64_equal(refusals_in(&w, MIDDLE), 0);
    sim_net_heal(cluster_sim(w.cluster));
    c.patience_ns = 0;
    assert_int_equal(ask_staged(&c, "k", &all, &lb), STATUS_OK);
    world_close(&w);
}

TEST(txn_staged, nothing_is_prepared_behind_a_decision_or_a_refusal_on_its_way)
{
    struct world w;
    struct coordinator c;
    bool all = false;
    uint64_t lb, ct;
    enum record_state found;
    open_three(&w);
    gather(&w);
    coordinator_begin(&c, &w, 77);
    c.staged = "k";
    c.patience_ns = SOON_NS;
    cut_off(&w, LEFT);
    assert_int_not_equal(try_decide(&c, DECIDE_GIVE_UP, &found, &ct), STATUS_OK);
    assert_int_not_equal(prepare(&c, "a", "new"), STATUS_OK);
    assert_u64_equal(range_of(&w, LEFT)->prepared_count, 0);
    assert_int_not_equal(ask_staged(&c, "k", &all, &lb), STATUS_OK);
    assert_int_equal(prepare(&c, "k", "new"), STATUS_CONFLICT);
    assert_u64_equal(range_of(&w, MIDDLE)->prepared_count, 0);
    sim_net_heal(cluster_sim(w.cluster));
    world_close(&w);
}
