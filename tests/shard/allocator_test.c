/* Decisions about who holds and who leads what, one by one and by the thousand. */
#include "shard/allocator.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/test.h"

#define RANGES_MAX 64

struct rig {
    struct allocator a;
    struct raft_config configs[RANGES_MAX];
    struct allocator_range ranges[RANGES_MAX];
    uint32_t range_count;
};

static void rig_init(struct rig *g)
{
    memset(g, 0, sizeof *g);
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) mutant_select(mutant);
    allocator_init(&g->a);
}

static void nodes(struct rig *g, uint32_t count)
{
    for (uint64_t id = 1; id <= count; id++) allocator_add(&g->a, (struct node_id){id});
    allocator_seal(&g->a);
}

static struct allocator_node *node(struct rig *g, uint64_t id)
{
    struct allocator_node *n = allocator_node(&g->a, id);
    assert_non_null(n);
    return n;
}

static struct allocator_range *range(struct rig *g, uint32_t factor, const uint64_t *voters, uint32_t count)
{
    struct raft_config *c = &g->configs[g->range_count];
    struct allocator_range *r = &g->ranges[g->range_count++];
    for (uint32_t i = 0; i < count; i++) c->voters[i] = (struct raft_member){i + 1, voters[i]};
    c->voter_count = count;
    *r = (struct allocator_range){.range = {g->range_count}, .config = c, .factor = factor, .leader = {voters[0]}};
    allocator_count(&g->a, r, 1);
    return r;
}

#define RANGE(g, factor, ...) \
    range(g, factor, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

static bool in(const uint64_t *set, uint32_t count, uint64_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (set[i] == id) return true;
    return false;
}

static void expect_target(const struct allocator_change *c, const uint64_t *want, uint32_t count)
{
    assert_int_equal(c->target_count, count);
    for (uint32_t i = 0; i < count; i++) assert_true(in(c->target, c->target_count, want[i]));
}
#define EXPECT(c, ...) \
    expect_target(c, (const uint64_t[]){__VA_ARGS__}, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* ---- one by one ---- */

TEST(allocator, founding_node_gets_company_at_once)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 5);
    assert_true(allocator_decide(&g.a, RANGE(&g, 3, 1), &c));
    assert_int_equal(c.reason, ALLOCATOR_GROW);
    EXPECT(&c, 1, 2, 3);
}

TEST(allocator, two_nodes_keep_two_copies_and_four_nodes_three_of_five)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 2);
    assert_true(allocator_decide(&g.a, RANGE(&g, 3, 1), &c));
    EXPECT(&c, 1, 2);
    rig_init(&g);
    nodes(&g, 4);
    assert_true(allocator_decide(&g.a, RANGE(&g, 5, 1), &c));
    EXPECT(&c, 1, 2, 3);
    rig_init(&g);
    nodes(&g, 4);
    assert_false(allocator_decide(&g.a, RANGE(&g, 5, 1, 2, 3), &c));
}

TEST(allocator, even_number_that_a_person_asked_for_is_given_and_warned_of)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 5);
    assert_true(allocator_decide(&g.a, RANGE(&g, 4, 1, 2, 3), &c));
    assert_int_equal(c.target_count, 4);
    assert_non_null(allocator_factor_warning(4));
    assert_null(allocator_factor_warning(3));
    assert_null(allocator_factor_warning(7));
}

TEST(allocator, dead_node_is_replaced_by_the_emptiest)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 5);
    struct allocator_range *r = RANGE(&g, 3, 1, 2, 3);
    RANGE(&g, 3, 1, 2, 4);
    node(&g, 3)->health = ALLOCATOR_DEAD;
    assert_true(allocator_decide(&g.a, r, &c));
    assert_int_equal(c.reason, ALLOCATOR_REPAIR);
    EXPECT(&c, 1, 2, 5);
}

TEST(allocator, suspect_node_loses_nothing_and_gets_nothing)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 4);
    node(&g, 3)->health = ALLOCATOR_SUSPECT;
    assert_false(allocator_decide(&g.a, RANGE(&g, 3, 1, 2, 3), &c));
    assert_true(allocator_decide(&g.a, RANGE(&g, 3, 1, 2), &c));
    EXPECT(&c, 1, 2, 4);
}

TEST(allocator, dead_node_without_a_successor_keeps_its_vote)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 3);
    node(&g, 3)->health = ALLOCATOR_DEAD;
    assert_false(allocator_decide(&g.a, RANGE(&g, 3, 1, 2, 3), &c));
    /* unless the rest is better off without: three of five live on as three of three */
    rig_init(&g);
    nodes(&g, 5);
    struct allocator_range *r = RANGE(&g, 5, 1, 2, 3, 4, 5);
    node(&g, 5)->health = ALLOCATOR_DEAD;
    assert_false(allocator_decide(&g.a, r, &c));
    node(&g, 4)->health = ALLOCATOR_DEAD;
    assert_true(allocator_decide(&g.a, r, &c));
    EXPECT(&c, 1, 2, 3);
}

TEST(allocator, removed_node_loses_its_vote_even_without_a_successor)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 3);
    node(&g, 3)->state = ALLOCATOR_GONE;
    node(&g, 3)->health = ALLOCATOR_DEAD;
    assert_true(allocator_decide(&g.a, RANGE(&g, 3, 1, 2, 3), &c));
    assert_int_equal(c.reason, ALLOCATOR_REPAIR);
    EXPECT(&c, 1, 2);
}

TEST(allocator, nothing_is_decided_without_a_majority)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 5);
    node(&g, 2)->health = node(&g, 3)->health = ALLOCATOR_DEAD;
    assert_false(allocator_decide(&g.a, RANGE(&g, 3, 1, 2, 3), &c));
}

TEST(allocator, leaving_node_is_replaced_and_a_draining_one_is_not)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 4);
    struct allocator_range *r = RANGE(&g, 3, 1, 2, 3);
    node(&g, 3)->state = ALLOCATOR_DRAINING;
    assert_false(allocator_decide(&g.a, r, &c));
    node(&g, 3)->state = ALLOCATOR_LEAVING;
    assert_true(allocator_decide(&g.a, r, &c));
    assert_int_equal(c.reason, ALLOCATOR_DECOMMISSION);
    EXPECT(&c, 1, 2, 4);
}

/* Who let it leave was told that three copies would remain. */
TEST(allocator, leaving_node_waits_for_one_that_may_take_its_place_later)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 4);
    struct allocator_range *r = RANGE(&g, 3, 1, 2, 3);
    node(&g, 3)->state = ALLOCATOR_LEAVING;
    node(&g, 4)->state = ALLOCATOR_DRAINING;
    assert_false(allocator_decide(&g.a, r, &c));
    node(&g, 4)->state = ALLOCATOR_ACTIVE;
    node(&g, 4)->health = ALLOCATOR_SUSPECT;
    assert_false(allocator_decide(&g.a, r, &c));
    node(&g, 4)->health = ALLOCATOR_DEAD;
    assert_false(allocator_decide(&g.a, r, &c));
    r->target[0] = 1, r->target[1] = 2, r->target[2] = 4; /* decided while it was there */
    r->target_count = 3;
    assert_true(allocator_decide(&g.a, r, &c));
    EXPECT(&c, 1, 2, 3);
    r->target_count = 0;
    node(&g, 4)->state = ALLOCATOR_LEAVING; /* nobody is left to wait for: that was forced */
    assert_true(allocator_decide(&g.a, r, &c));
    EXPECT(&c, 1, 2);
}

TEST(allocator, busy_node_is_waited_for_rather_than_done_without)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 4);
    node(&g, 3)->state = ALLOCATOR_LEAVING;
    node(&g, 4)->incoming = g.a.repairs_max * ALLOCATOR_FETCH_BYTES;
    assert_false(allocator_decide(&g.a, RANGE(&g, 3, 1, 2, 3), &c));
}

TEST(allocator, small_ranges_count_for_less_on_their_way)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 4);
    node(&g, 3)->state = ALLOCATOR_LEAVING;
    struct allocator_range *r = RANGE(&g, 3, 1, 2, 3);
    r->measured = true;
    r->bytes = 0;
    uint64_t all = g.a.repairs_max * ALLOCATOR_FETCH_BYTES;
    node(&g, 4)->incoming = all - ALLOCATOR_FETCH_LEAST_BYTES;
    assert_true(allocator_decide(&g.a, r, &c));
    r->bytes = 2 * ALLOCATOR_FETCH_LEAST_BYTES;
    assert_false(allocator_decide(&g.a, r, &c));
    r->bytes = 0;
    r->measured = false; /* it may be anything */
    assert_false(allocator_decide(&g.a, r, &c));
    r->measured = true;
    node(&g, 4)->incoming = all; /* nothing is for free */
    assert_false(allocator_decide(&g.a, r, &c));
    r->bytes = UINT64_MAX;
    node(&g, 4)->incoming = all - ALLOCATOR_FETCH_BYTES;
    assert_true(allocator_decide(&g.a, r, &c));
}

TEST(allocator, too_many_lose_the_closest_then_followers)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 5);
    struct allocator_range *r = RANGE(&g, 3, 5, 2, 3, 4, 1); /* 5 leads */
    assert_true(allocator_decide(&g.a, r, &c));
    assert_int_equal(c.reason, ALLOCATOR_SHRINK);
    EXPECT(&c, 1, 2, 5);
    node(&g, 2)->locality = node(&g, 5)->locality = "rack=a";
    allocator_seal(&g.a);
    assert_true(allocator_decide(&g.a, r, &c));
    assert_false(in(c.target, c.target_count, 2));
    assert_true(in(c.target, c.target_count, 5));
}

/* The others are those that answer: with a silent one among three, no more might be lost. */
TEST(allocator, too_many_lose_the_silent_first)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 5);
    node(&g, 2)->health = ALLOCATOR_SUSPECT;
    node(&g, 1)->locality = node(&g, 3)->locality = "rack=a";
    allocator_seal(&g.a);
    assert_true(allocator_decide(&g.a, RANGE(&g, 4, 1, 2, 3, 4, 5), &c));
    assert_int_equal(c.reason, ALLOCATOR_SHRINK);
    EXPECT(&c, 1, 3, 4, 5);
}

TEST(allocator, full_disk_gets_nothing)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 4);
    node(&g, 3)->disk_bytes = 1000;
    node(&g, 3)->disk_free_bytes = 50;
    assert_true(allocator_decide(&g.a, RANGE(&g, 3, 1, 2), &c));
    EXPECT(&c, 1, 2, 4);
}

/* ---- localities ---- */

static void localities(struct rig *g, const char *const *texts)
{
    for (uint32_t i = 0; i < g->a.node_count; i++) g->a.nodes[i].locality = texts[i];
    allocator_seal(&g->a);
}

TEST(allocator, voters_stand_apart_in_the_widest_tier_that_can_be)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 6);
    localities(&g, (const char *const[]){"region=a,rack=1", "region=a,rack=1", "region=a,rack=2", "region=b,rack=1",
                                         "region=b,rack=1", "region=b,rack=2"});
    assert_true(allocator_decide(&g.a, RANGE(&g, 3, 1), &c));
    /* two regions cannot hold three voters apart; within one of them the racks can */
    EXPECT(&c, 1, 4, 3);
    assert_true(allocator_decide(&g.a, RANGE(&g, 3, 1, 2, 3), &c));
    assert_int_equal(c.reason, ALLOCATOR_SPREAD);
    g.a.balance_replicas = false;
    assert_false(allocator_decide(&g.a, RANGE(&g, 3, 1, 3, 4), &c));
}

TEST(allocator, rack_of_another_region_is_another_rack)
{
    struct rig g;
    rig_init(&g);
    nodes(&g, 4);
    localities(&g, (const char *const[]){"region=a,rack=1", "region=b,rack=1", "region=a", "region=ab,rack=1"});
    assert_int_equal(allocator_closeness(&g.a, (const uint64_t[]){1, 2}, 2), 0);
    assert_int_equal(allocator_closeness(&g.a, (const uint64_t[]){1, 4}, 2), 0);
    assert_true(allocator_closeness(&g.a, (const uint64_t[]){1, 3}, 2) > 0);
}

/* ---- what is under way ---- */

TEST(allocator, change_under_way_is_let_finish_unless_its_newcomer_fails)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 5);
    struct allocator_range *r = RANGE(&g, 3, 1, 2, 3);
    node(&g, 3)->health = ALLOCATOR_DEAD;
    memcpy(r->target, (const uint64_t[]){1, 2, 4}, 3 * sizeof(uint64_t));
    r->target_count = 3;
    g.configs[0].learners[0] = (struct raft_member){4, 4};
    g.configs[0].learner_count = 1;
    assert_false(allocator_decide(&g.a, r, &c));
    node(&g, 4)->health = ALLOCATOR_SUSPECT;
    assert_true(allocator_decide(&g.a, r, &c));
    EXPECT(&c, 1, 2, 5);
    g.configs[0].outgoing_count = 1; /* joint: the group ends it by itself */
    assert_false(allocator_decide(&g.a, r, &c));
}

TEST(allocator, learner_of_a_forgotten_move_is_used_or_dropped)
{
    struct rig g;
    struct allocator_change c;
    rig_init(&g);
    nodes(&g, 5);
    struct allocator_range *r = RANGE(&g, 3, 1, 2, 3);
    g.configs[0].learners[0] = (struct raft_member){4, 5};
    g.configs[0].learner_count = 1;
    assert_true(allocator_decide(&g.a, r, &c));
    assert_int_equal(c.reason, ALLOCATOR_CLEAN);
    EXPECT(&c, 1, 2, 3);
    node(&g, 3)->health = ALLOCATOR_DEAD;
    node(&g, 5)->incoming = g.a.repairs_max * ALLOCATOR_FETCH_BYTES; /* it is one of those */
    assert_true(allocator_decide(&g.a, r, &c));
    EXPECT(&c, 1, 2, 5);
}

/* ---- leaders ---- */

TEST(allocator, draining_node_gives_its_leaders_away)
{
    struct rig g;
    struct node_id to;
    rig_init(&g);
    nodes(&g, 3);
    struct allocator_range *r = RANGE(&g, 3, 1, 2, 3);
    assert_false(allocator_lead(&g.a, r, &to));
    r->weightless = true;
    node(&g, 1)->state = ALLOCATOR_DRAINING;
    node(&g, 2)->health = ALLOCATOR_SUSPECT;
    assert_true(allocator_lead(&g.a, r, &to));
    assert_int_equal(to.value, 3);
    node(&g, 3)->state = ALLOCATOR_LEAVING;
    assert_false(allocator_lead(&g.a, r, &to));
}

TEST(allocator, leaders_are_levelled_by_number_and_by_load)
{
    struct rig g;
    struct node_id to;
    rig_init(&g);
    nodes(&g, 3);
    struct allocator_range *first = RANGE(&g, 3, 1, 2, 3);
    assert_false(allocator_lead(&g.a, first, &to)); /* one leader has to be somewhere */
    RANGE(&g, 3, 1, 2, 3);
    assert_true(allocator_lead(&g.a, first, &to));
    RANGE(&g, 3, 2, 1, 3);
    RANGE(&g, 3, 3, 1, 2);
    assert_false(allocator_lead(&g.a, first, &to));
    allocator_count(&g.a, first, -1);
    first->load = 100000;
    allocator_count(&g.a, first, 1);
    assert_false(allocator_lead(&g.a, first, &to));        /* the hot one gains nothing by going elsewhere */
    assert_true(allocator_lead(&g.a, &g.ranges[1], &to)); /* its cold neighbour leaves */
}

/* ---- by the thousand ---- */

struct facts {
    uint64_t closeness;
    int tolerance;
};

static struct facts facts_of(const struct rig *g, const uint64_t *set, uint32_t count)
{
    return (struct facts){allocator_closeness(&g->a, set, count), allocator_tolerance(&g->a, set, count)};
}

static uint64_t unevenness(const struct rig *g)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < g->a.node_count; i++) {
        uint64_t full = allocator_fullness(&g->a, &g->a.nodes[i]);
        sum += full * full;
    }
    return sum;
}

static uint32_t voters_of(const struct allocator_range *r, uint64_t *out)
{
    for (uint32_t i = 0; i < r->config->voter_count; i++) out[i] = r->config->voters[i].node;
    return r->config->voter_count;
}

static void expect_sound(struct rig *g, const struct allocator_range *r, const struct allocator_change *c)
{
    uint64_t now[RAFT_VOTERS_MAX];
    uint32_t count = voters_of(r, now);
    struct facts before = facts_of(g, now, count), after = facts_of(g, c->target, c->target_count);
    assert_true(before.tolerance >= 0);
    assert_true(after.tolerance >= 0);
    assert_true(c->target_count <= r->factor || c->target_count <= count);
    for (uint32_t i = 0; i < c->target_count; i++) {
        assert_false(in(c->target, i, c->target[i]));
        if (!in(now, count, c->target[i])) assert_true(allocator_takes(node(g, c->target[i])));
    }
    if (c->reason == ALLOCATOR_REPAIR) assert_true(after.tolerance >= before.tolerance);
    if (c->reason == ALLOCATOR_SPREAD) assert_true(after.closeness < before.closeness);
    if (c->reason == ALLOCATOR_BALANCE) assert_true(after.closeness <= before.closeness);
    if (c->reason >= ALLOCATOR_SPREAD) assert_true(after.tolerance >= before.tolerance);
}

static void carry_out(struct rig *g, struct allocator_range *r, const struct allocator_change *c)
{
    struct raft_config *config = &g->configs[r - g->ranges];
    uint64_t uneven = unevenness(g);
    allocator_count(&g->a, r, -1);
    for (uint32_t i = 0; i < c->target_count; i++) config->voters[i] = (struct raft_member){i + 1, c->target[i]};
    config->voter_count = c->target_count;
    config->learner_count = 0;
    if (!in(c->target, c->target_count, r->leader.value)) r->leader.value = c->target[0];
    allocator_count(&g->a, r, 1);
    if (c->reason == ALLOCATOR_BALANCE) assert_true(unevenness(g) <= uneven);
}

/* One look at all ranges; returns how many decisions it made. */
static uint32_t sweep(struct rig *g)
{
    uint32_t changes = 0;
    for (uint32_t i = 0; i < g->range_count; i++) {
        struct allocator_range *r = &g->ranges[i];
        struct allocator_change c;
        struct node_id to;
        if (allocator_decide(&g->a, r, &c)) {
            expect_sound(g, r, &c);
            carry_out(g, r, &c);
            changes++;
        }
        if (!allocator_lead(&g->a, r, &to)) continue;
        assert_true(node(g, to.value)->state == ALLOCATOR_ACTIVE && node(g, to.value)->health == ALLOCATOR_ALIVE);
        allocator_count(&g->a, r, -1);
        r->leader = to;
        allocator_count(&g->a, r, 1);
        changes++;
    }
    return changes;
}

static const char *const places[] = {"",                     "region=a,rack=1", "region=a,rack=2", "region=b,rack=1",
                                     "region=b,rack=2,row=3", "region=c",        "region=c,rack=1"};

static void draw_nodes(struct rig *g, struct prng *p)
{
    uint32_t count = 1 + (uint32_t)prng_below(p, 12);
    for (uint64_t id = 1; id <= count; id++) {
        struct allocator_node *n = allocator_add(&g->a, (struct node_id){id * 3});
        n->locality = places[prng_below(p, prng_below(p, 2) == 0 ? 1 : 7)];
    }
    allocator_seal(&g->a);
}

static void draw_fate(struct rig *g, struct prng *p)
{
    for (uint32_t i = 0; i < g->a.node_count; i++) {
        struct allocator_node *n = &g->a.nodes[i];
        if (prng_below(p, 3) != 0) continue;
        n->state = (enum allocator_state)(1 + prng_below(p, 4));
        n->health = (enum allocator_health)(1 + prng_below(p, 3));
        n->disk_bytes = 1000;
        n->disk_free_bytes = prng_below(p, 1000);
    }
}

static void draw_ranges(struct rig *g, struct prng *p)
{
    uint32_t count = 1 + (uint32_t)prng_below(p, RANGES_MAX);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t voters[RAFT_VOTERS_MAX];
        uint32_t voter_count = 0, wanted = 1 + (uint32_t)prng_below(p, RAFT_VOTERS_MAX);
        for (uint32_t at = 0; at < g->a.node_count && voter_count < wanted; at++)
            if (prng_below(p, 2) == 0 || voter_count == 0) voters[voter_count++] = g->a.nodes[at].node.value;
        struct allocator_range *r = range(g, 1 + 2 * (uint32_t)prng_below(p, 4), voters, voter_count);
        allocator_count(&g->a, r, -1);
        r->bytes = prng_below(p, 1u << 30);
        r->load = prng_below(p, 4) == 0 ? prng_below(p, 10000) : 0;
        r->weightless = i == 0;
        allocator_count(&g->a, r, 1);
    }
}

/* When nothing is left to do, whatever can be right is right. */
static void expect_done(struct rig *g)
{
    for (uint32_t i = 0; i < g->range_count; i++) {
        const struct allocator_range *r = &g->ranges[i];
        uint64_t now[RAFT_VOTERS_MAX];
        uint32_t count = voters_of(r, now), free_count = 0;
        if (allocator_tolerance(&g->a, now, count) < 0) continue;
        for (uint32_t j = 0; j < g->a.node_count; j++)
            free_count += allocator_takes(&g->a.nodes[j]) && !in(now, count, g->a.nodes[j].node.value);
        assert_true(count <= r->factor);
        assert_true(count == r->factor || free_count <= 1);
        for (uint32_t j = 0; j < count && free_count > 0; j++) {
            const struct allocator_node *n = node(g, now[j]);
            if (count == r->factor) assert_true(n->state < ALLOCATOR_LEAVING && n->health != ALLOCATOR_DEAD);
        }
    }
}

TEST(allocator, settles_from_any_start_and_never_breaks_a_rule)
{
    static struct rig g;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        struct prng p;
        prng_init(&p, seed);
        rig_init(&g);
        draw_nodes(&g, &p);
        draw_ranges(&g, &p);
        for (int fate = 0; fate < 4; fate++) {
            uint32_t sweeps = 0;
            while (sweep(&g) > 0) assert_true(++sweeps < 100); /* it ends: nothing goes back and forth */
            expect_done(&g);
            draw_fate(&g, &p);
        }
    }
}

TEST(allocator, newcomers_fill_up_to_their_share)
{
    static struct rig g;
    rig_init(&g);
    nodes(&g, 5);
    for (uint32_t i = 0; i < 60; i++) RANGE(&g, 3, 1 + i % 3, 1 + (i + 1) % 3, 1 + (i + 2) % 3);
    uint32_t sweeps = 0;
    while (sweep(&g) > 0) assert_true(++sweeps < 50);
    for (uint64_t id = 1; id <= 5; id++) {
        assert_in_range(node(&g, id)->replicas, 35, 37); /* 180 by 5 */
        assert_in_range(node(&g, id)->leaders, 10, 14);  /* 60 by 5 */
    }
}
