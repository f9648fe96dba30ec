/* Writes in two ranges, story by story: messages of two-phase commit are lost, late or waited for, and whoever reads both keys
 * sees both writes or neither (scenarios 26, 27, 51, 52, 63 and anomalies that need two ranges). */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/cluster/frames.h"
#include "tests/sim/cluster/splits.h"
#include "tests/txn/world.h"
#include "txn/txn_state.h"

#define T "\x04"
#define MACHINES 4u
#define LEFT   WORLD_LEFT
#define MIDDLE WORLD_MIDDLE
#define SECOND SIM_SEC

/* What becomes of one kind of frame: of requests, or of their answers. */
struct rule {
    uint16_t kind;
    bool reply;
    uint32_t skip, lost_max; /* so many pass before; so many are lost or late, then it is over */
    uint64_t delay_ns;       /* 0: lost */
    uint64_t asker, asked;   /* nodes; 0: any */
};

struct stage {
    struct world w;
    struct frames frames;
    struct rule rules[4];
    uint64_t seen[RPC_KIND_COUNT][2]; /* that arrived, requests and answers */
    uint64_t hit;                     /* by a rule */
    uint64_t gateway;                 /* a machine that leads neither range */
    uint64_t mute;                    /* a node: of what it sends, only requests and answers arrive; 0: none */
};

static bool on_frame(void *ctx, struct sim_frame *f)
{
    struct stage *s = ctx;
    struct frames_step step = frames_step(&s->frames, f);
    for (size_t i = 0; i < 4; i++) {
        struct rule *r = &s->rules[i];
        if (r->lost_max == 0 || r->kind != step.kind || r->reply != step.reply) continue;
        if ((r->asker != 0 && r->asker != step.asker) || (r->asked != 0 && r->asked != step.asked)) continue;
        if (r->skip > 0) {
            r->skip--;
            continue;
        }
        r->lost_max--;
        s->hit++;
        f->delay_ns = r->delay_ns;
        if (r->delay_ns == 0) return false;
    }
    if (step.kind < RPC_KIND_COUNT) s->seen[step.kind][step.reply]++;
    return s->mute == 0 || f->from != s->mute || f->type == SHARD_MESSAGE_REQUEST || f->type == SHARD_MESSAGE_REPLY;
}

static uint64_t leader_of(struct stage *s, struct range_id range)
{
    uint64_t machine = cluster_leader(s->w.cluster, range);
    assert_true(machine != 0);
    return machine;
}

static struct replica *replica_on(struct stage *s, uint64_t machine, struct range_id range)
{
    return store_replica(core_store(cluster_machine(s->w.cluster, machine)->core), range);
}

static uint64_t node_of(struct stage *s, uint64_t machine)
{
    return store_identity(core_store(cluster_machine(s->w.cluster, machine)->core))->node.value;
}

/* To any other of its voters; away_from: not to that one either. */
static void hand_over(struct stage *s, struct range_id range, uint64_t away_from)
{
    uint64_t leader = leader_of(s, range);
    for (uint64_t i = 1; i <= MACHINES; i++) {
        if (i == leader || i == away_from || replica_on(s, i, range) == NULL) continue;
        struct node_id to = {node_of(s, i)};
        if (replica_transfer(replica_on(s, leader, range), to) != STATUS_OK) continue;
        for (int tries = 0; tries < 100 && cluster_leader(s->w.cluster, range) != i; tries++) world_run_ms(&s->w, 20);
        assert_u64_equal(cluster_leader(s->w.cluster, range), i);
        return;
    }
    assert_true(false);
}

/* Four machines, three ranges; LEFT and MIDDLE have different leaders, the gateway leads none of all. a, c and k hold 0. */
static void open_either(struct stage *s, bool plain)
{
    *s = (struct stage){0};
    const char *mutant = getenv("OSTRAKA_MUTANT");
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    if (plain) world_open_three_plain(&s->w, MACHINES);
    else world_open_three(&s->w, MACHINES);
    cluster_set(s->w.cluster, SETTING_REBALANCE, 0); /* leaders stay where they are put */
    if (leader_of(s, LEFT) == leader_of(s, MIDDLE)) hand_over(s, MIDDLE, 0);
    for (uint64_t i = 1; i <= MACHINES && s->gateway == 0; i++)
        if (i != leader_of(s, LEFT) && i != leader_of(s, MIDDLE)) s->gateway = i;
    if (leader_of(s, WORLD_RIGHT) == s->gateway) hand_over(s, WORLD_RIGHT, 0);
    world_put(&s->w, "a", "0");
    world_put(&s->w, "c", "0");
    world_put(&s->w, "k", "0");
    sim_net_watch(cluster_sim(s->w.cluster), on_frame, s);
}

/* Two rounds, whatever is written. */
static void open_stage(struct stage *s)
{
    open_either(s, true);
}

static void put_one(struct stage *s, const char *key, const char *value)
{
    struct actor a;
    actor_begin(&a, &s->w, s->gateway);
    actor_put(&a, key, value);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
}

static void close_stage(struct stage *s)
{
    sim_net_watch(cluster_sim(s->w.cluster), NULL, NULL);
    world_close(&s->w);
}

static void lose(struct stage *s, uint32_t slot, uint16_t kind, bool reply, uint32_t count)
{
    s->rules[slot] = (struct rule){.kind = kind, .reply = reply, .lost_max = count};
}

static void be_late(struct stage *s, uint32_t slot, uint16_t kind, uint64_t delay_ns, uint32_t count)
{
    s->rules[slot] = (struct rule){.kind = kind, .lost_max = count, .delay_ns = delay_ns};
}

static void pass_all(struct stage *s)
{
    for (size_t i = 0; i < 4; i++) s->rules[i].lost_max = 0;
}

/* A third machine, if there is one: not the gateway. */
static uint64_t other_machine(const struct stage *s)
{
    return s->gateway % MACHINES + 1;
}

/* A transaction that writes value to a, c and k, begun at the gateway. */
static void begin_write(struct stage *s, struct actor *a, const char *value)
{
    actor_begin(a, &s->w, s->gateway);
    actor_put(a, "a", value);
    actor_put(a, "c", value);
    actor_put(a, "k", value);
}

/* Runs until so many frames of the kind have arrived. */
static void await_frames(struct stage *s, uint16_t kind, bool reply, uint64_t count)
{
    for (int i = 0; i < 5000 && s->seen[kind][reply] < count; i++) cluster_run(s->w.cluster, SIM_MS / 5);
    assert_true(s->seen[kind][reply] >= count);
}

/* Reads the three keys in one transaction, elsewhere, and returns what all of them hold. */
static int read_all(struct stage *s, uint64_t machine)
{
    static const char *const keys[] = {"k", "a", "c"};
    struct actor r;
    int first = 0;
    actor_begin(&r, &s->w, machine);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(actor_get(&r, keys[i]), STATUS_OK);
        if (i == 0) first = atoi(r.value);
        assert_int_equal(atoi(r.value), first); /* all or nothing */
    }
    actor_end(&r);
    return first;
}

/* Writes of others go through: nothing was left behind. */
static void expect_writable(struct stage *s, const char *value)
{
    struct actor a;
    actor_begin(&a, &s->w, other_machine(s));
    actor_put(&a, "a", value);
    actor_put(&a, "c", value);
    actor_put(&a, "k", value);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
    assert_int_equal(read_all(s, leader_of(s, MIDDLE)), atoi(value));
}

static void both_writes_are_there_or_neither(bool plain)
{
    struct stage s;
    struct actor a;
    open_either(&s, plain);
    for (int i = 1; i <= 10; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        begin_write(&s, &a, value);
        actor_start_commit(&a);
        for (int k = 0; k < 3; k++) { /* while it is under way, wherever */
            int seen = read_all(&s, 1 + (uint64_t)(i + k) % MACHINES);
            assert_true(seen == i || seen == i - 1);
        }
        assert_int_equal(actor_await(&a), STATUS_OK);
        actor_end(&a);
        assert_int_equal(read_all(&s, 1 + (uint64_t)i % MACHINES), i);
    }
    close_stage(&s);
}

TEST(two_ranges, both_writes_are_there_or_neither)
{
    both_writes_are_there_or_neither(true);
    both_writes_are_there_or_neither(false);
}

/* Fractured read: one key is resolved, the other is not, for nobody is told. Who meets the intent asks. */
TEST(two_ranges, what_was_decided_is_read_where_nobody_was_told)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    lose(&s, 0, RPC_RESOLVE, false, UINT32_MAX);
    for (int i = 1; i <= 4; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        begin_write(&s, &a, value);
        assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
        assert_int_equal(read_all(&s, 1 + (uint64_t)i % MACHINES), i);
    }
    assert_true(s.hit > 0);
    close_stage(&s);
}

/* ---- scenario 51: the coordinator dies ---- */

/* At the moment at which a frame of that kind has arrived (or, lost, was sent). */
static void die(struct stage *s, uint16_t kind, bool reply, uint32_t passed, bool committed)
{
    struct actor a;
    open_stage(s);
    begin_write(s, &a, "1");
    a.ends_itself = true;
    s->rules[0] = (struct rule){.kind = kind, .reply = reply, .skip = passed, .lost_max = UINT32_MAX};
    actor_start_commit(&a);
    for (int i = 0; i < 5000 && s->hit == 0; i++) cluster_run(s->w.cluster, SIM_MS / 5);
    assert_true(s->hit > 0);
    cluster_crash(s->w.cluster, s->gateway, SIM_CRASH_PROCESS);
    assert_false(a.running);
    actor_end(&a);
    pass_all(s);
    uint64_t start_ns = sim_now(cluster_sim(s->w.cluster));
    uint64_t reader = other_machine(s);
    assert_int_equal(read_all(s, reader), committed ? 1 : 0);
    assert_true(sim_now(cluster_sim(s->w.cluster)) - start_ns < 8 * SECOND); /* nobody waits for the dead */
    expect_writable(s, "2");
    close_stage(s);
}

TEST(scenario_51, the_coordinator_dies_when_some_have_prepared)
{
    struct stage s;
    die(&s, RPC_PREPARE, false, 1, false);
}

TEST(scenario_51, the_coordinator_dies_before_it_knows_that_all_have_prepared)
{
    struct stage s;
    die(&s, RPC_PREPARE, true, 1, false);
}

TEST(scenario_51, the_coordinator_dies_before_its_decision_arrives)
{
    struct stage s;
    die(&s, RPC_DECIDE, false, 0, false);
}

TEST(scenario_51, the_coordinator_dies_before_it_hears_of_its_decision)
{
    struct stage s;
    die(&s, RPC_DECIDE, true, 0, true);
}

/* The leader that decided goes before anybody was told, and so does the coordinator, which had the answer. */
TEST(scenario_51, who_decided_dies_while_it_resolves)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    begin_write(&s, &a, "1");
    lose(&s, 0, RPC_RESOLVE, false, UINT32_MAX);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
    uint64_t gone = leader_of(&s, LEFT);
    cluster_crash(s.w.cluster, gone, SIM_CRASH_PROCESS);
    world_run_ms(&s.w, 3000);
    pass_all(&s);
    assert_int_equal(read_all(&s, s.gateway), 1);
    cluster_start(s.w.cluster, gone);
    world_run_ms(&s.w, 15000); /* the record goes when all is resolved, not before */
    assert_int_equal(read_all(&s, s.gateway), 1);
    expect_writable(&s, "2");
    close_stage(&s);
}

/* T6: what is decided is what stands in the log. Who decides cannot replicate it, dies, and its transaction with it: nobody may have acted
 * upon what was only proposed. */
TEST(two_ranges, nobody_acts_on_a_decision_that_is_only_proposed)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    uint64_t leader = leader_of(&s, LEFT);
    actor_begin(&a, &s.w, leader);
    actor_put(&a, "a", "1");
    actor_put(&a, "c", "1");
    actor_put(&a, "k", "1");
    a.ends_itself = true;
    s.rules[0] = (struct rule){.kind = RPC_PREPARE, .reply = true, .lost_max = 1, .delay_ns = 20 * SIM_MS};
    actor_start_commit(&a);
    for (int i = 0; i < 5000 && s.hit == 0; i++) cluster_run(s.w.cluster, SIM_MS / 5);
    assert_true(s.hit > 0);
    s.mute = node_of(&s, leader); /* before it hears that the other part is prepared */
    world_run_ms(&s.w, 100);
    assert_true(a.running);
    cluster_crash(s.w.cluster, leader, SIM_CRASH_PROCESS);
    assert_false(a.running);
    actor_end(&a);
    s.mute = 0;
    assert_int_equal(read_all(&s, other_machine(&s) == leader ? s.gateway : other_machine(&s)), 0);
    cluster_start(s.w.cluster, leader);
    world_run_ms(&s.w, 3000);
    expect_writable(&s, "2");
    close_stage(&s);
}

/* ---- leaders change between prepare and decision ---- */

TEST(two_ranges, a_new_leader_knows_what_is_prepared)
{
    struct stage s;
    struct actor a, r;
    open_stage(&s);
    begin_write(&s, &a, "1");
    lose(&s, 0, RPC_DECIDE, false, UINT32_MAX);
    actor_start_commit(&a);
    await_frames(&s, RPC_PREPARE, true, 2);
    world_run_ms(&s.w, 50);
    hand_over(&s, MIDDLE, s.gateway);
    actor_begin(&r, &s.w, other_machine(&s));
    actor_start_get(&r, "k"); /* waits: it may be committed below what it reads at */
    world_run_ms(&s.w, 200);
    assert_true(r.running && a.running);
    pass_all(&s);
    assert_int_equal(actor_await(&a), STATUS_OK);
    assert_int_equal(actor_await(&r), STATUS_OK);
    actor_end(&a);
    actor_end(&r);
    assert_int_equal(read_all(&s, other_machine(&s)), 1);
    close_stage(&s);
}

/* The anchor's range has another leader by then. */
TEST(two_ranges, a_decision_finds_the_next_leader)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    begin_write(&s, &a, "1");
    lose(&s, 0, RPC_DECIDE, false, UINT32_MAX);
    actor_start_commit(&a);
    await_frames(&s, RPC_PREPARE, true, 2);
    world_run_ms(&s.w, 50);
    hand_over(&s, LEFT, s.gateway);
    pass_all(&s);
    assert_int_equal(actor_await(&a), STATUS_OK);
    actor_end(&a);
    assert_int_equal(read_all(&s, other_machine(&s)), 1);
    expect_writable(&s, "2");
    close_stage(&s);
}

/* ---- ranges change between prepare and decision (scenario 63) ---- */

/* What the anchor's group wrote lies in two ranges when it is decided: c is resolved where it is by then, and stays when the
 * record has gone. */
TEST(two_ranges, what_is_prepared_goes_with_a_split)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    struct splits *splits = splits_create(s.w.cluster);
    begin_write(&s, &a, "1");
    lose(&s, 0, RPC_DECIDE, false, UINT32_MAX);
    actor_start_commit(&a);
    await_frames(&s, RPC_PREPARE, true, 2);
    const struct split_result *done = splits_order(splits, LEFT, bytes_of_string(T "b"));
    assert_non_null(done);
    world_run_ms(&s.w, 2000);
    assert_u64_equal(splits_count(splits), 1);
    pass_all(&s);
    assert_int_equal(actor_await(&a), STATUS_OK);
    actor_end(&a);
    world_run_ms(&s.w, 15000);
    assert_int_equal(read_all(&s, other_machine(&s)), 1);
    expect_writable(&s, "2");
    close_stage(&s);
    splits_destroy(splits);
}

/* T8: who has written is named by keys. Part of what the anchor's group wrote lies in another range when it is resolved, and nobody who
 * meets it can ask for the record before that has gone. */
TEST(two_ranges, all_is_resolved_before_the_record_goes_wherever_it_lies)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    struct splits *splits = splits_create(s.w.cluster);
    begin_write(&s, &a, "1");
    lose(&s, 0, RPC_DECIDE, false, UINT32_MAX);
    actor_start_commit(&a);
    await_frames(&s, RPC_PREPARE, true, 2);
    assert_non_null(splits_order(splits, LEFT, bytes_of_string(T "b")));
    world_run_ms(&s.w, 1000);
    assert_u64_equal(splits_count(splits), 1);
    struct range_id right = {cluster_range_max(s.w.cluster)};
    hand_over(&s, right, 0); /* else it would ask on its own node */
    pass_all(&s);
    assert_int_equal(actor_await(&a), STATUS_OK);
    actor_end(&a);
    lose(&s, 0, RPC_DECIDE, false, UINT32_MAX);
    for (int i = 0; i < 16; i++) { /* clocks of idle clusters stand still */
        put_one(&s, "y", "1");
        world_run_ms(&s.w, 1000);
    }
    assert_u64_equal(world_range_of(&s.w, LEFT)->records.count, 0);
    pass_all(&s);
    assert_int_equal(read_all(&s, other_machine(&s)), 1);
    expect_writable(&s, "2");
    close_stage(&s);
    splits_destroy(splits);
}

/* ---- a table changes between prepare and decision (T11) ---- */

static const uint8_t record[] = {KEY_PREFIX_SYSTEM, KEY_SYSTEM_RECORD, 't'};
#define RECORD bytes_make(record, sizeof record)

static uint64_t change_table(struct stage *s, const char *value)
{
    struct actor a;
    actor_begin(&a, &s->w, other_machine(s));
    assert_int_equal(txn_put(a.txn, RECORD, bytes_of_string(value)), STATUS_OK);
    assert_int_equal(actor_commit(&a), STATUS_OK);
    uint64_t ct = a.ts;
    actor_end(&a);
    return ct;
}

/* Rows in two ranges, on the word of what was known of the table at ts. */
static void begin_rows(struct stage *s, struct actor *a, uint64_t ts)
{
    actor_begin(a, &s->w, s->gateway);
    assert_int_equal(txn_assume(a->txn, RECORD, ts), STATUS_OK);
    actor_put(a, "k", "1");
    actor_put(a, "z", "1");
}

static void a_table_changes(bool plain, uint16_t kind, bool reply)
{
    struct stage s;
    struct actor a;
    open_either(&s, plain);
    uint64_t known = change_table(&s, "1");
    for (int i = 0; i < 4; i++) { /* from the second one on there is a lease on the record */
        begin_rows(&s, &a, known);
        assert_int_equal(actor_commit(&a), STATUS_OK);
        actor_end(&a);
        world_run_ms(&s.w, 50);
    }
    begin_rows(&s, &a, known);
    s.rules[0] = (struct rule){.kind = kind, .reply = reply, .lost_max = UINT32_MAX};
    actor_start_commit(&a);
    for (int i = 0; i < 5000 && s.hit == 0; i++) cluster_run(s.w.cluster, SIM_MS / 5);
    assert_true(s.hit > 0);
    uint64_t changed = change_table(&s, "2");
    pass_all(&s);
    enum status status = actor_await(&a);
    /* It stands before the change, or it is refused: of the new table it knows nothing. */
    if (status == STATUS_OK) assert_true(a.ts < changed);
    else assert_int_equal(status, STATUS_CONFLICT);
    actor_end(&a);
    begin_rows(&s, &a, known);
    assert_int_equal(actor_commit(&a), STATUS_CONFLICT);
    actor_end(&a);
    close_stage(&s);
}

TEST(two_ranges, no_commit_straddles_the_change_of_a_table)
{
    for (int plain = 0; plain < 2; plain++) {
        a_table_changes(plain != 0, RPC_PREPARE, false);
        a_table_changes(plain != 0, RPC_PREPARE, true);
        a_table_changes(plain != 0, RPC_DECIDE, false);
    }
}

/* ---- scenario 52: messages that come when all is over ---- */

/* The first requests to prepare are seconds late; the transaction is given up meanwhile. What they place is dropped. */
TEST(scenario_52, a_prepare_that_comes_late_leaves_nothing)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    begin_write(&s, &a, "1");
    be_late(&s, 0, RPC_PREPARE, 3 * SECOND, 2);
    actor_start_commit(&a);
    world_run_ms(&s.w, 20);
    txn_interrupt(a.txn);
    assert_int_not_equal(actor_await(&a), STATUS_OK);
    actor_end(&a);
    assert_int_equal(s.hit, 2);
    world_run_ms(&s.w, 4000);
    assert_int_equal(read_all(&s, other_machine(&s)), 0);
    expect_writable(&s, "2");
    close_stage(&s);
}

/* Its links end and come back: the requests are sent again, and the first ones come when it is committed and resolved. */
TEST(scenario_52, a_prepare_that_comes_behind_the_commit_leaves_nothing)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    begin_write(&s, &a, "1");
    be_late(&s, 0, RPC_PREPARE, 6 * SECOND, 2);
    actor_start_commit(&a);
    enum status status = actor_await(&a);
    actor_end(&a);
    bool committed = status == STATUS_OK;
    assert_true(committed || status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT || status == STATUS_CONFLICT);
    world_run_ms(&s.w, 8000);
    assert_int_equal(read_all(&s, other_machine(&s)), committed ? 1 : 0);
    expect_writable(&s, "2");
    close_stage(&s);
}

/* A decision that comes when it was decided otherwise: the coordinator is cut off, and given up. late_ns: before or behind the end of
 * its window, when no record says so any more. */
static void late_decision(uint64_t late_ns)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    begin_write(&s, &a, "1");
    be_late(&s, 0, RPC_DECIDE, late_ns, UINT32_MAX);
    s.rules[0].asker = node_of(&s, s.gateway); /* who pushes is in time */
    actor_start_commit(&a);
    for (int i = 0; i < 5000 && s.hit == 0; i++) cluster_run(s.w.cluster, SIM_MS / 5);
    assert_true(s.hit > 0);
    lose(&s, 1, RPC_TXN_ALIVE, false, UINT32_MAX);
    assert_int_equal(read_all(&s, other_machine(&s)), 0); /* waits until it is aborted */
    expect_writable(&s, "2");
    if (a.running) actor_await(&a);
    assert_int_not_equal(a.status, STATUS_OK);
    actor_end(&a);
    world_run_ms(&s.w, 2 * late_ns / SIM_MS);
    assert_int_equal(read_all(&s, other_machine(&s)), 2);
    close_stage(&s);
}

TEST(scenario_52, a_decision_that_comes_behind_an_abort_is_refused)
{
    late_decision(6 * SECOND);
}

TEST(scenario_52, a_decision_that_comes_behind_its_window_is_refused)
{
    late_decision(13 * SECOND);
}

static void add_dropped(const struct cover_mark *mark, void *ctx)
{
    if (strcmp(mark->name, "txn_intent_not_counted") == 0) *(uint64_t *)ctx += mark->hits;
}

/* Intents that no decision had counted, in this process. */
static uint64_t intents_dropped(void)
{
    uint64_t hits = 0;
    cover_visit(add_dropped, &hits);
    return hits;
}

/* It is sent again when its link is reset; the first one comes when the second one is committed and resolved, and places an intent
 * that no decision has counted: whoever meets it drops it. */
TEST(scenario_52, a_prepare_that_comes_twice_is_counted_once)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    uint64_t middle = leader_of(&s, MIDDLE);
    begin_write(&s, &a, "1");
    be_late(&s, 0, RPC_PREPARE, 3 * SECOND, 1);
    s.rules[0].asked = node_of(&s, middle);
    actor_start_commit(&a);
    for (int i = 0; i < 5000 && s.hit == 0; i++) cluster_run(s.w.cluster, SIM_MS / 5);
    sim_net_reset(cluster_sim(s.w.cluster), s.gateway, middle);
    assert_int_equal(actor_await(&a), STATUS_OK);
    actor_end(&a);
    assert_int_equal(read_all(&s, other_machine(&s)), 1);
    uint64_t dropped = intents_dropped();
    world_run_ms(&s.w, 4000);
    assert_int_equal(read_all(&s, other_machine(&s)), 1);
    world_run_ms(&s.w, 3000);
    assert_true(intents_dropped() > dropped);
    expect_writable(&s, "2");
    close_stage(&s);
}

/* The coordinator has given up, with its decision still on its way. Somebody has it aborted; what nobody has met yet
 * (z) is not committed by the decision that comes then. */
TEST(scenario_52, what_was_aborted_is_not_committed_in_the_range_that_has_not_heard)
{
    struct stage s;
    struct actor a, r;
    open_stage(&s);
    put_one(&s, "z", "0");
    begin_write(&s, &a, "1");
    actor_put(&a, "z", "1");
    lose(&s, 1, RPC_RESOLVE, false, UINT32_MAX);
    be_late(&s, 0, RPC_DECIDE, 1800 * SIM_MS, UINT32_MAX);
    s.rules[0].asker = node_of(&s, s.gateway);
    actor_start_commit(&a);
    for (int i = 0; i < 5000 && s.hit == 0; i++) cluster_run(s.w.cluster, SIM_MS / 5);
    txn_interrupt(a.txn);
    assert_int_equal(actor_await(&a), STATUS_UNKNOWN_OUTCOME);
    actor_end(&a);
    actor_begin(&r, &s.w, other_machine(&s));
    assert_int_equal(actor_get(&r, "k"), STATUS_OK);
    assert_string_equal(r.value, "0");
    actor_end(&r);
    world_run_ms(&s.w, 600);
    pass_all(&s);
    world_run_ms(&s.w, 3000);
    actor_begin(&r, &s.w, other_machine(&s));
    assert_int_equal(actor_get(&r, "z"), STATUS_OK);
    assert_string_equal(r.value, "0");
    actor_end(&r);
    assert_int_equal(read_all(&s, other_machine(&s)), 0);
    expect_writable(&s, "2");
    close_stage(&s);
}

/* A range that hears of nothing for longer than a window: what was committed waits for it. */
TEST(two_ranges, a_decision_is_kept_until_all_have_heard)
{
    struct stage s;
    struct actor a;
    open_stage(&s);
    begin_write(&s, &a, "1");
    lose(&s, 0, RPC_RESOLVE, false, UINT32_MAX);
    lose(&s, 1, RPC_DECIDE, false, UINT32_MAX);
    s.rules[1].asker = node_of(&s, leader_of(&s, MIDDLE)); /* it pushes in vain */
    assert_int_equal(actor_commit(&a), STATUS_OK);
    actor_end(&a);
    world_run_ms(&s.w, 15000);
    pass_all(&s);
    assert_int_equal(read_all(&s, other_machine(&s)), 1);
    expect_writable(&s, "2");
    close_stage(&s);
}

/* ---- the order of things ---- */

/* Scenario 26, causal reverse: who writes to one range was told before another one began to write to the other. */
static void what_came_later_shows_what_came_before(bool plain)
{
    struct stage s;
    struct actor first, second, readers[2];
    char value[16];
    open_either(&s, plain);
    for (int i = 1; i <= 20; i++) {
        snprintf(value, sizeof value, "%d", i);
        actor_begin(&readers[0], &s.w, s.gateway);
        actor_begin(&readers[1], &s.w, leader_of(&s, LEFT));
        actor_begin(&first, &s.w, 1 + (uint64_t)i % MACHINES);
        actor_put(&first, i % 2 == 0 ? "a" : "k", value);
        actor_put(&first, "z", value);
        if (i % 3 == 0) actor_start_get(&readers[0], i % 2 == 0 ? "a" : "k");
        assert_int_equal(actor_commit(&first), STATUS_OK);
        if (i % 3 == 1) actor_start_get(&readers[0], i % 2 == 0 ? "a" : "k");
        actor_begin(&second, &s.w, 1 + (uint64_t)(i + 1) % MACHINES);
        actor_put(&second, i % 2 == 0 ? "k" : "a", value);
        actor_put(&second, "y", value);
        actor_start_commit(&second);
        actor_start_get(&readers[1], i % 2 == 0 ? "k" : "a"); /* the later one, at any moment */
        assert_int_equal(actor_await(&readers[1]), STATUS_OK);
        bool saw_second = atoi(readers[1].value) == i;
        assert_int_equal(actor_get(&readers[1], i % 2 == 0 ? "a" : "k"), STATUS_OK);
        assert_true(!saw_second || atoi(readers[1].value) == i);
        assert_int_equal(actor_await(&second), STATUS_OK);
        if (i % 3 != 2) { /* it began before: it sees the second one only with the first one */
            assert_int_equal(actor_await(&readers[0]), STATUS_OK);
            bool saw_first = atoi(readers[0].value) == i;
            assert_int_equal(actor_get(&readers[0], i % 2 == 0 ? "k" : "a"), STATUS_OK);
            assert_true(saw_first || atoi(readers[0].value) < i);
        }
        actor_end(&first);
        actor_end(&second);
        actor_end(&readers[0]);
        actor_end(&readers[1]);
    }
    close_stage(&s);
}

TEST(scenario_26, what_came_later_shows_what_came_before)
{
    what_came_later_shows_what_came_before(true);
    what_came_later_shows_what_came_before(false);
}

/* Scenario 27, long fork: two that write in different ranges, and two that read both. */
static void two_readers_agree_on_who_was_first(bool plain)
{
    struct stage s;
    struct actor writers[2], readers[2];
    char value[16];
    open_either(&s, plain);
    for (int i = 1; i <= 20; i++) {
        int saw[2][2]; /* by reader: the first writer's, the second one's */
        snprintf(value, sizeof value, "%d", i);
        for (uint64_t n = 0; n < 2; n++) {
            actor_begin(&writers[n], &s.w, 1 + ((uint64_t)i + n) % MACHINES);
            actor_put(&writers[n], n == 0 ? "a" : "k", value);
            actor_put(&writers[n], n == 0 ? "l" : "b", value); /* the other range, too */
            actor_begin(&readers[n], &s.w, 1 + ((uint64_t)i + n + 2) % MACHINES);
            actor_start_commit(&writers[n]);
        }
        cluster_run(s.w.cluster, sim_below(cluster_sim(s.w.cluster), 2 * SIM_MS));
        for (uint64_t n = 0; n < 2; n++) actor_start_get(&readers[n], n == 0 ? "a" : "k");
        for (uint64_t n = 0; n < 2; n++) {
            assert_int_equal(actor_await(&readers[n]), STATUS_OK);
            saw[n][n] = atoi(readers[n].value);
            assert_int_equal(actor_get(&readers[n], n == 0 ? "k" : "a"), STATUS_OK);
            saw[n][1 - n] = atoi(readers[n].value);
        }
        bool forked = saw[0][0] > saw[1][0] && saw[0][1] < saw[1][1];
        forked = forked || (saw[0][0] < saw[1][0] && saw[0][1] > saw[1][1]);
        assert_false(forked);
        for (uint64_t n = 0; n < 2; n++) {
            assert_int_equal(actor_await(&writers[n]), STATUS_OK);
            actor_end(&writers[n]);
            actor_end(&readers[n]);
        }
    }
    close_stage(&s);
}

TEST(scenario_27, two_readers_agree_on_who_was_first)
{
    two_readers_agree_on_who_was_first(true);
    two_readers_agree_on_who_was_first(false);
}

/* Write skew, each of the two writes where the other one reads, and in a third range. */
static void of_two_that_read_what_the_other_writes_one_fails(bool plain)
{
    struct stage s;
    struct actor a, b;
    open_either(&s, plain);
    for (uint64_t i = 0; i < 12; i++) {
        actor_begin(&a, &s.w, 1 + i % MACHINES);
        actor_begin(&b, &s.w, 1 + (i + 1) % MACHINES);
        assert_int_equal(actor_count(&a, "a", "b"), STATUS_OK);
        assert_int_equal(actor_count(&b, "j", "l"), STATUS_OK);
        actor_put(&a, "k", "1");
        actor_put(&a, "y", "1");
        actor_put(&b, "a", "1");
        actor_put(&b, "z", "1");
        actor_start_commit(&a);
        if (i % 2 == 0) cluster_run(s.w.cluster, sim_below(cluster_sim(s.w.cluster), SIM_MS));
        actor_start_commit(&b);
        enum status first = actor_await(&a), second = actor_await(&b);
        assert_true(first == STATUS_CONFLICT || second == STATUS_CONFLICT);
        actor_end(&a);
        actor_end(&b);
    }
    close_stage(&s);
}

TEST(two_ranges, of_two_that_read_what_the_other_writes_one_fails)
{
    of_two_that_read_what_the_other_writes_one_fails(true);
    of_two_that_read_what_the_other_writes_one_fails(false);
}

/* What somebody has prepared may be committed below the timestamp at which it is looked at again. */
TEST(two_ranges, a_refresh_does_not_pass_what_others_have_prepared)
{
    struct stage s;
    struct actor a, b;
    open_stage(&s);
    actor_begin(&b, &s.w, s.gateway);
    assert_int_equal(actor_get(&b, "k"), STATUS_OK);
    begin_write(&s, &a, "1");
    s.rules[0] = (struct rule){.kind = RPC_DECIDE, .lost_max = 1}; /* sent again after a while */
    actor_start_commit(&a);
    await_frames(&s, RPC_PREPARE, true, 2);
    actor_put(&b, "b", "1"); /* only where a does not write, and z */
    actor_put(&b, "z", "1");
    enum status second = actor_commit(&b), first = actor_await(&a);
    assert_int_equal(first, STATUS_OK);
    assert_int_equal(second, STATUS_CONFLICT);
    actor_end(&a);
    actor_end(&b);
    close_stage(&s);
}
