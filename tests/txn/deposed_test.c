/* A leader that has been deposed and does not know it yet, and the leader after it (R2, A3 of txn/README.md). */
#include "tests/test.h"

#include "tests/txn/world.h"

/* Machines by what they are: `old` leads the range, another one is clock master. */
struct stage {
    struct world w;
    uint64_t old, master, third;
};

static void open_stage(struct stage *s)
{
    world_open_leased(&s->w, 3);
    world_need_oracle(&s->w);
    s->old = world_leader(&s->w);
    s->master = s->old % 3 + 1;
    s->third = s->master % 3 + 1;
    if (cluster_leader(s->w.cluster, RANGE_META) != s->master) {
        assert_u64_equal(cluster_leader(s->w.cluster, RANGE_META), s->old);
        world_hand_over(&s->w, RANGE_META, s->master);
    }
    world_run_ms(&s->w, 1000); /* leases are as they are in quiet times */
    world_put(&s->w, "k", "old"); /* a new master's clock begins far ahead of its predecessor's */
}

static struct range *range_on(struct stage *s, uint64_t machine)
{
    return replica_app(store_replica(core_store(cluster_machine(s->w.cluster, machine)->core), WORLD_RANGE));
}

/* The op of this kind that is in this state there, or NULL. */
static struct range_op *find_op(struct stage *s, enum range_op_kind kind, int state)
{
    LIST_FOR_EACH(item, &range_on(s, s->old)->ops) {
        struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op->kind == kind && (int)op->state == state) return op;
    }
    return NULL;
}

/* The others have a leader, and it commits. */
static uint64_t replace(struct stage *s, const char *value)
{
    uint64_t found = 0;
    for (int i = 0; i < 10000 && found == 0; i++) {
        world_run_ms(&s->w, 1);
        if (range_on(s, s->master)->ready) found = s->master;
        if (range_on(s, s->third)->ready) found = s->third;
    }
    assert_true(found != 0);
    struct actor b;
    actor_begin(&b, &s->w, found);
    actor_put(&b, "k", value);
    assert_int_equal(actor_commit(&b), STATUS_OK);
    uint64_t ct = b.ts;
    actor_end(&b);
    return ct;
}

/* What it had asked for is answered so late that the reading is above the other leader's commit; the answer is the first
 * thing that it looks at when it wakes up. */
static void wake_with_reading(struct stage *s, struct range_op *op, uint64_t ts)
{
    list_remove(&op->clock.link);
    op->clock.on_done(&op->clock, STATUS_OK, ts);
    sim_node_resume(cluster_sim(s->w.cluster), s->old);
}

static void asks_alone(struct stage *s, struct actor *a, bool locks)
{
    actor_begin(a, &s->w, s->old);
    world_isolate(&s->w, s->old);
    if (locks) actor_start_lock(a, "k");
    else actor_start_get(a, "k");
    world_run_ms(&s->w, 2); /* its lease still lasts, and it knows it */
}

static void asked_then_deposed(bool locks)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    asks_alone(&s, &a, locks);
    struct range_op *op = find_op(&s, locks ? RANGE_OP_LOCK : RANGE_OP_READ, OP_CLOCK);
    assert_non_null(op);
    sim_node_pause(cluster_sim(s.w.cluster), s.old);
    uint64_t ct = replace(&s, "new");
    wake_with_reading(&s, op, ct + 1000);
    world_run_ms(&s.w, 20);
    if (!a.running) assert_string_not_equal(a.value, "old"); /* by itself it may not answer at all */
    sim_net_heal(cluster_sim(s.w.cluster));
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "new");
    actor_end(&a);
    world_close(&s.w);
}

/* Leadership is confirmed after the timestamp was taken: a look at the lease before it says nothing about it. */
TEST(deposed, a_leader_whose_timestamp_came_late_shows_nothing_old)
{
    asked_then_deposed(false);
}

TEST(deposed, a_leader_whose_timestamp_came_late_grants_nothing_old)
{
    asked_then_deposed(true);
}

/* Under load commits run ahead of the clock, and the next leader's reading is below what is in the log. */
TEST(deposed, the_next_leader_begins_above_everything_in_the_log)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    range_on(&s, s.old)->high += 300 * SIM_MS;
    actor_begin(&a, &s.w, s.old);
    actor_put(&a, "k", "ahead");
    actor_start_commit(&a);
    for (int i = 0; i < 1000 && find_op(&s, RANGE_OP_COMMIT, OP_COMMITTING) == NULL; i++)
        cluster_run(s.w.cluster, 10 * SIM_US);
    sim_net_cut_pair(cluster_sim(s.w.cluster), s.old, s.master); /* the master is not told how far it has to go */
    world_run_ms(&s.w, 20);
    assert_true(a.running); /* applied, and not answered: it is of the future */
    world_hand_over(&s.w, WORLD_RANGE, s.third);
    struct actor b;
    actor_begin(&b, &s.w, s.third);
    actor_put(&b, "k", "after");
    assert_int_equal(actor_commit(&b), STATUS_OK);
    sim_net_heal(cluster_sim(s.w.cluster));
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_true(b.ts > a.ts);
    actor_end(&a);
    actor_end(&b);
    actor_begin(&a, &s.w, s.master);
    assert_int_equal(actor_get(&a, "k"), STATUS_OK);
    assert_string_equal(a.value, "after");
    actor_end(&a);
    world_close(&s.w);
}

/* The locks are lost with the leader, and what was read under them counts from the step that granted them: a timestamp
 * that the gateway took later would hide what was committed in between (W2). */
TEST(deposed, a_grant_that_is_heard_of_late_hides_nothing)
{
    struct stage s;
    struct actor a, b;
    open_stage(&s);
    uint64_t gateway = s.third;
    actor_begin(&a, &s.w, gateway);
    actor_start_lock(&a, "k");
    for (int i = 0; i < 1000 && range_on(&s, s.old)->locks.lock_count == 0; i++)
        cluster_run(s.w.cluster, 5 * SIM_US);
    sim_node_pause(cluster_sim(s.w.cluster), gateway);
    world_run_ms(&s.w, 20); /* granted; the answer waits for the gateway */
    assert_true(a.running);
    assert_u64_equal(range_on(&s, s.old)->locks.lock_count, 1);
    world_hand_over(&s.w, WORLD_RANGE, s.master);
    actor_begin(&b, &s.w, s.master);
    actor_put(&b, "k", "in between");
    assert_int_equal(actor_commit(&b), STATUS_OK);
    /* What else comes to the gateway tells it how late it is. */
    world_kv(&s.w, gateway)->clock.seen = b.ts + 1000;
    sim_node_resume(cluster_sim(s.w.cluster), gateway);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_string_equal(a.value, "old");
    actor_put(&a, "k", "lost update");
    assert_int_equal(actor_commit(&a), STATUS_CONFLICT);
    actor_end(&a);
    actor_end(&b);
    world_close(&s.w);
}

/* A new leader that cannot ask the clock does not know what earlier leaders have read: it commits nothing until it
 * does (scenario 63). */
TEST(deposed, the_next_leader_commits_nothing_before_it_knows_its_floor)
{
    struct stage s;
    struct actor reader, writer;
    open_stage(&s);
    sim_net_cut_pair(cluster_sim(s.w.cluster), s.third, s.master);
    actor_begin(&reader, &s.w, s.old);
    assert_int_equal(actor_get(&reader, "k"), STATUS_OK);
    world_transfer(&s.w, WORLD_RANGE, s.third);
    world_run_ms(&s.w, 50);
    assert_true(replica_serving(range_on(&s, s.third)->replica));
    assert_false(range_on(&s, s.third)->ready);
    actor_begin(&writer, &s.w, s.old);
    actor_put(&writer, "k", "new");
    actor_start_commit(&writer);
    world_run_ms(&s.w, 500);
    assert_true(writer.running);
    sim_net_heal(cluster_sim(s.w.cluster));
    assert_int_equal(actor_await(&writer), STATUS_OK);
    assert_true(writer.ts > txn_read_ts(reader.txn));
    assert_int_equal(actor_get(&reader, "k"), STATUS_OK);
    assert_string_equal(reader.value, "old");
    actor_end(&reader);
    actor_end(&writer);
    world_close(&s.w);
}
