/* What many decisions do together, from random clusters: they end, they do not undo each other, and what they lead to
 * is right. Decisions take their time, and the allocator hears late of what has become of them. */
#include <stdlib.h>

#include "base/assert.h"
#include "tests/shard/allocator_world.h"
#include "tests/test.h"

#define SEEDS 60

static void place_in_racks(struct world *w, uint32_t racks)
{
    static const char *const names[] = {"rack=a", "rack=b", "rack=c", "rack=d", "rack=e", "rack=f", "rack=g", "rack=h"};
    for (uint32_t i = 0; i < w->nodes.node_count; i++)
        w->nodes.nodes[i].locality = racks == 0 ? "" : names[prng_below(&w->prng, racks)];
    allocator_seal(&w->nodes);
}

static struct allocator_node *some_node(struct world *w)
{
    return &w->nodes.nodes[prng_below(&w->prng, w->nodes.node_count)];
}

/* Nothing changes but what was decided: so nothing may go where it came from, however late the news of it. */
TEST(allocator, balance_never_goes_back_and_forth_while_news_is_late)
{
    static struct world w;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world_init(&w, seed, 3 + (uint32_t)(seed % 28));
        place_in_racks(&w, (uint32_t)(seed % 9));
        world_draw_ranges(&w, 1 + (uint32_t)prng_below(&w.prng, WORLD_RANGES_MAX), 3);
        w.delay_max = 1 + (uint32_t)(seed % 5);
        world_settle(&w);
        world_expect_placed(&w);
        world_expect_no_way_back(&w);
    }
}

TEST(allocator, settled_cluster_is_left_alone)
{
    static struct world w;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world_init(&w, seed, 3 + (uint32_t)(seed % 28));
        place_in_racks(&w, (uint32_t)(seed % 4));
        world_draw_ranges(&w, WORLD_RANGES_MAX, 3);
        world_settle(&w);
        world_forget(&w);
        for (int round = 0; round < 20; round++) assert_int_equal(world_round(&w), 0);
        for (uint32_t i = 0; i < w.range_count; i++) /* no reason for a move: within the hysteresis */
            w.ranges[i].bytes += w.ranges[i].bytes / 100;
        world_round(&w);
        assert_true(w.move_count <= 2);
    }
}

TEST(allocator, number_of_voters_follows_what_is_wanted)
{
    static const uint32_t wanted[] = {1, 3, 5, 7, 5, 3, 1, 7, 2, 4, 6, 3};
    static struct world w;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world_init(&w, seed, 1 + (uint32_t)(seed % 12));
        place_in_racks(&w, (uint32_t)(seed % 5));
        world_draw_ranges(&w, 20, 1);
        w.delay_max = 1 + (uint32_t)(seed % 3);
        for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
            for (uint32_t k = 0; k < w.range_count; k++) w.ranges[k].factor = wanted[i];
            world_settle(&w);
            world_expect_placed(&w);
            uint32_t nodes = w.nodes.node_count, most = nodes < wanted[i] ? nodes : wanted[i];
            if (nodes < wanted[i] && most > 2 && most % 2 == 0) most--; /* an even number only costs */
            for (uint32_t k = 0; k < w.range_count; k++) {
                uint32_t voters = w.ranges[k].config.voter_count;
                assert_true(voters == most || (nodes < wanted[i] && voters == nodes)); /* what is there may stay */
            }
        }
    }
}

/* One node after another is lost, comes back, leaves: whoever still has a majority is repaired, never below one. */
TEST(allocator, lost_and_leaving_nodes_are_replaced_whatever_comes_together)
{
    static struct world w;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world_init(&w, seed, 6 + (uint32_t)(seed % 20));
        place_in_racks(&w, (uint32_t)(seed % 9));
        world_draw_ranges(&w, 40, seed % 2 == 0 ? 3 : 5);
        w.delay_max = 4;
        world_settle(&w);
        for (int fate = 0; fate < 12; fate++) {
            struct allocator_node *n = some_node(&w);
            n->health = (enum allocator_health)(1 + prng_below(&w.prng, 3));
            n->state = prng_below(&w.prng, 3) == 0 ? (enum allocator_state)(1 + prng_below(&w.prng, 3)) : ALLOCATOR_ACTIVE;
            for (uint64_t round = prng_below(&w.prng, 6); round > 0; round--) world_round(&w); /* or at once the next */
        }
        for (uint32_t i = 0; i < w.nodes.node_count; i++) /* who is silent for a moment either speaks or is dead */
            if (w.nodes.nodes[i].health == ALLOCATOR_SUSPECT) w.nodes.nodes[i].health = ALLOCATOR_ALIVE;
        world_settle(&w);
        world_expect_placed(&w);
    }
}

/* A whole rack, of those that hold one voter of a range each. */
TEST(allocator, lost_rack_costs_no_range_its_majority_and_is_replaced)
{
    static struct world w;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        world_init(&w, seed, 12);
        for (uint32_t i = 0; i < 12; i++)
            w.nodes.nodes[i].locality = (const char *const[]){"rack=a", "rack=b", "rack=c", "rack=d"}[i % 4];
        allocator_seal(&w.nodes);
        world_draw_ranges(&w, 60, 3);
        world_settle(&w);
        for (uint32_t i = 0; i < 12; i += 4) w.nodes.nodes[i].health = ALLOCATOR_DEAD;
        for (uint32_t i = 0; i < w.range_count; i++) {
            uint64_t now[3];
            for (int k = 0; k < 3; k++) now[k] = w.ranges[i].config.voters[k].node;
            assert_true(allocator_tolerance(&w.nodes, now, 3) >= 0);
        }
        world_settle(&w);
        world_expect_placed(&w);
    }
}
