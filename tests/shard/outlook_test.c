/* What people are told about losing nodes. */
#include "shard/outlook.h"

#include <string.h>

#include "base/codec.h"
#include "tests/test.h"

#define RANGES 12

struct rig {
    struct allocator a;
    struct raft_config configs[RANGES];
    struct allocator_range ranges[RANGES];
    uint32_t range_count;
};

static void rig_init(struct rig *g, const char *const *localities, uint32_t count)
{
    memset(g, 0, sizeof *g);
    allocator_init(&g->a);
    for (uint32_t i = 0; i < count; i++)
        allocator_add(&g->a, (struct node_id){i + 1})->locality = localities[i];
    allocator_seal(&g->a);
}

static void range(struct rig *g, uint64_t x, uint64_t y, uint64_t z)
{
    struct raft_config *c = &g->configs[g->range_count];
    struct allocator_range *r = &g->ranges[g->range_count++];
    *c = (struct raft_config){.voter_count = 3, .voters = {{1, x}, {2, y}, {3, z}}};
    *r = (struct allocator_range){.range = {g->range_count}, .config = c, .factor = 3, .leader = {x}, .bytes = 100};
    allocator_count(&g->a, r, 1);
}

static void look(const struct rig *g, struct outlook *o)
{
    outlook_begin(o, &g->a);
    for (uint32_t i = 0; i < g->range_count; i++) outlook_add(o, &g->a, &g->ranges[i]);
}

static void expect_text(const struct rig *g, const char *expected)
{
    static struct outlook o;
    look(g, &o);
    struct buf text;
    buf_init(&text, 4096);
    outlook_text(&o, &g->a, &text);
    put_u8(&text, 0);
    assert_false(text.failed);
    assert_string_equal((const char *)buf_view(&text).data, expected);
    buf_deinit(&text);
}

static const char *const nowhere[] = {"", "", "", "", ""};
static const char *const racks[] = {"region=a,rack=a", "region=a,rack=b", "region=a,rack=b", "region=b,rack=a", "region=b,rack=b"};

TEST(outlook, three_voters_can_lose_one_node_and_then_none)
{
    struct rig g;
    rig_init(&g, nowhere, 5);
    range(&g, 1, 2, 3);
    range(&g, 3, 4, 5);
    expect_text(&g, "can lose 1 more node");
    allocator_node(&g.a, 3)->health = ALLOCATOR_SUSPECT;
    expect_text(&g, "cannot lose any more nodes");
    static struct outlook o;
    look(&g, &o);
    assert_int_equal(o.under, 2);
    assert_int_equal(o.node_stops[0], 1);
    assert_int_equal(o.node_stops[2], 0); /* it is lost already */
    allocator_node(&g.a, 1)->health = ALLOCATOR_DEAD;
    expect_text(&g, "1 range has no majority");
}

TEST(outlook, places_that_hold_a_majority_are_named)
{
    struct rig g;
    rig_init(&g, racks, 5);
    range(&g, 1, 2, 4); /* two of three in region a */
    range(&g, 2, 3, 5); /* and two of them in one rack of it */
    range(&g, 1, 4, 5); /* two of three in region b */
    expect_text(&g, "can lose 1 more node; loss of region=a stops 2 ranges; loss of region=b stops 1 range; "
                    "loss of region=a,rack=b stops 1 range");
}

TEST(outlook, places_where_all_nodes_stand_are_not_named)
{
    static const char *const one_region[] = {"region=a,rack=a", "region=a,rack=a", "region=a,rack=b"};
    struct rig g;
    rig_init(&g, one_region, 3);
    range(&g, 1, 2, 3);
    expect_text(&g, "can lose 1 more node; loss of region=a,rack=a stops 1 range");
}

static void plan_for(const struct rig *g, uint64_t node, enum allocator_state state, struct outlook_plan *plan)
{
    static struct outlook_trial trial;
    outlook_plan_begin(&trial, &g->a, plan);
    allocator_node(&trial.after, node)->state = state;
    outlook_plan_start(&trial);
    for (uint32_t i = 0; i < g->range_count; i++) outlook_plan_add(&trial, &g->ranges[i]);
}

TEST(outlook, plan_tells_what_a_decommission_moves_and_leaves)
{
    static struct outlook_plan plan;
    struct rig g;
    rig_init(&g, nowhere, 4);
    range(&g, 1, 2, 3);
    range(&g, 2, 3, 4);
    plan_for(&g, 3, ALLOCATOR_LEAVING, &plan);
    assert_int_equal(plan.moves, 2);
    assert_int_equal(plan.move_bytes, 200);
    assert_int_equal(plan.stuck, 0);
    assert_int_equal(plan.fewer, 0);
    assert_int_equal(plan.stops_now, 0);
    assert_int_equal(plan.before.tolerance, 1);
    assert_int_equal(plan.after.tolerance, 1);
}

TEST(outlook, plan_without_room_ends_with_fewer_voters)
{
    static struct outlook_plan plan;
    struct rig g;
    rig_init(&g, nowhere, 3);
    range(&g, 1, 2, 3);
    plan_for(&g, 3, ALLOCATOR_LEAVING, &plan);
    assert_int_equal(plan.stuck, 0);
    assert_int_equal(plan.fewer, 1);
    assert_int_equal(plan.after.tolerance, 0);
    assert_int_equal(plan.after.voters_min, 2);
    allocator_node(&g.a, 2)->health = ALLOCATOR_SUSPECT; /* then the leaving one is needed */
    plan_for(&g, 3, ALLOCATOR_LEAVING, &plan);
    assert_int_equal(plan.stops_now, 1);
    assert_int_equal(plan.stuck, 1);
}

TEST(outlook, plan_tells_what_more_voters_and_more_nodes_change)
{
    static struct outlook_plan plan;
    static struct outlook_trial trial;
    struct rig g;
    rig_init(&g, nowhere, 5);
    range(&g, 1, 2, 3);
    range(&g, 3, 4, 5);
    outlook_plan_begin(&trial, &g.a, &plan);
    outlook_plan_start(&trial);
    outlook_plan_add_wanting(&trial, &g.ranges[0], 5);
    outlook_plan_add_wanting(&trial, &g.ranges[1], 3);
    assert_int_equal(plan.moves, 1);
    assert_int_equal(plan.before.voters_max, 3);
    assert_int_equal(plan.after.voters_max, 5);
    assert_int_equal(plan.after.tolerance, 1); /* of the other range */
    outlook_plan_begin(&trial, &g.a, &plan);
    outlook_plan_start(&trial);
    outlook_plan_add_wanting(&trial, &g.ranges[0], 7);
    assert_int_equal(plan.fewer, 1);
    assert_int_equal(plan.after.voters_max, 5);
    assert_int_equal(plan.after.tolerance, 2);
}

TEST(outlook, plan_goes_on_from_where_ranges_are_moving)
{
    static struct outlook_plan plan;
    static struct outlook_trial trial;
    struct rig g;
    rig_init(&g, nowhere, 4);
    range(&g, 1, 2, 3);
    allocator_count(&g.a, &g.ranges[0], -1);
    g.configs[0].voter_count = 1; /* on its way from one voter to one other */
    g.ranges[0].factor = g.ranges[0].target_count = 1;
    g.ranges[0].target[0] = 4;
    allocator_count(&g.a, &g.ranges[0], 1);
    outlook_plan_begin(&trial, &g.a, &plan);
    outlook_plan_start(&trial);
    outlook_plan_add_wanting(&trial, &g.ranges[0], 3);
    assert_int_equal(plan.fewer, 0);
    assert_int_equal(plan.after.voters_max, 3);
    assert_int_equal(plan.after.tolerance, 1);
}
