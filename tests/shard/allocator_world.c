#include "tests/shard/allocator_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/test.h"

#define ROUNDS_MAX 400

void world_init(struct world *w, uint64_t seed, uint32_t node_count)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) mutant_select(mutant);
    memset(w, 0, sizeof *w);
    prng_init(&w->prng, seed);
    allocator_init(&w->nodes);
    for (uint64_t id = 1; id <= node_count; id++) allocator_add(&w->nodes, (struct node_id){id});
    allocator_seal(&w->nodes);
    w->delay_max = 1;
}

void world_draw_ranges(struct world *w, uint32_t count, uint32_t factor)
{
    w->range_count = count;
    for (uint32_t i = 0; i < count; i++) {
        struct world_range *r = &w->ranges[i];
        *r = (struct world_range){.factor = factor, .bytes = prng_below(&w->prng, 64u << 20)};
        if (prng_below(&w->prng, 4) == 0) r->load = prng_below(&w->prng, 2000);
        r->config.voter_count = 1; /* the rest is the allocator's to find */
        uint64_t node = w->nodes.nodes[prng_below(&w->prng, w->nodes.node_count)].node.value;
        r->config.voters[0] = (struct raft_member){1, node};
        r->leader = r->reported = (struct node_id){node};
    }
}

static bool in(const uint64_t *set, uint32_t count, uint64_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (set[i] == id) return true;
    return false;
}

static uint32_t voters_of(const struct world_range *r, uint64_t *out)
{
    for (uint32_t i = 0; i < r->config.voter_count; i++) out[i] = r->config.voters[i].node;
    return r->config.voter_count;
}

static struct allocator_range describe(struct world *w, uint32_t i)
{
    const struct world_range *r = &w->ranges[i];
    struct allocator_range a = {.range = {i + 2}, .config = &r->config, .leader = r->reported, .factor = r->factor,
                                .bytes = r->bytes, .load = r->load, .measured = true, .target_count = r->target_count};
    memcpy(a.target, r->target, sizeof a.target);
    return a;
}

/* ---- decisions ---- */

static void note_move(struct world *w, uint32_t i, const struct allocator_change *c)
{
    uint64_t now[RAFT_VOTERS_MAX];
    uint32_t count = voters_of(&w->ranges[i], now);
    struct world_move move = {.range = i};
    for (uint32_t k = 0; k < count; k++)
        if (!in(c->target, c->target_count, now[k])) move.from = now[k];
    for (uint32_t k = 0; k < c->target_count; k++)
        if (!in(now, count, c->target[k])) move.to = c->target[k];
    assert_true(move.from != 0 && move.to != 0); /* one goes, one comes */
    assert_true(w->move_count < WORLD_MOVES_MAX);
    w->moves[w->move_count++] = move;
}

static void expect_sound(struct world *w, const struct allocator *a, const struct world_range *r,
                         const struct allocator_change *c)
{
    uint64_t now[RAFT_VOTERS_MAX];
    uint32_t count = voters_of(r, now);
    assert_int_equal(r->config.outgoing_count, 0);
    assert_true(allocator_tolerance(a, now, count) >= 0);
    assert_true(allocator_tolerance(a, c->target, c->target_count) >= 0);
    for (uint32_t k = 0; k < c->target_count; k++) {
        assert_false(in(c->target, k, c->target[k]));
        if (!in(now, count, c->target[k])) assert_true(allocator_takes(allocator_node(&w->nodes, c->target[k])));
    }
    if (c->reason >= ALLOCATOR_SPREAD) /* who only moves is not worse off for it */
        assert_true(allocator_tolerance(a, c->target, c->target_count) >= allocator_tolerance(a, now, count));
}

static void decide(struct world *w, struct allocator *a, uint32_t i)
{
    struct world_range *r = &w->ranges[i];
    struct allocator_range d = describe(w, i);
    struct allocator_change c;
    struct node_id to;
    if (allocator_decide(a, &d, &c)) {
        expect_sound(w, a, r, &c);
        w->decision_count++;
        allocator_count(a, &d, -1);
        if (c.reason == ALLOCATOR_BALANCE) note_move(w, i, &c);
        memcpy(r->target, c.target, sizeof r->target);
        r->target_count = c.target_count;
        r->reason = c.reason;
        r->left = 1 + (uint32_t)prng_below(&w->prng, w->delay_max);
        d = describe(w, i);
        allocator_count(a, &d, 1);
    } else if (allocator_lead(a, &d, &to)) {
        if (r->successor.value == 0) { /* else it was told already */
            r->successor = to;
            r->successor_left = 1 + (uint32_t)prng_below(&w->prng, w->delay_max);
            w->transfer_count++;
        }
        allocator_count(a, &d, -1);
        d.leader = to;
        allocator_count(a, &d, 1);
    }
}

/* ---- time ---- */

static void finish(struct world_range *r)
{
    r->config = (struct raft_config){.voter_count = r->target_count};
    for (uint32_t k = 0; k < r->target_count; k++) r->config.voters[k] = (struct raft_member){k + 1, r->target[k]};
    if (!in(r->target, r->target_count, r->leader.value)) r->leader.value = r->target[0];
    r->target_count = 0;
}

/* A range goes on only with a majority. */
static bool lives(const struct world *w, const struct world_range *r)
{
    uint64_t now[RAFT_VOTERS_MAX];
    uint32_t count = voters_of(r, now);
    return allocator_tolerance(&w->nodes, now, count) >= 0;
}

static void elect(const struct world *w, struct world_range *r)
{
    const struct allocator_node *n = allocator_node((struct allocator *)(uintptr_t)&w->nodes, r->leader.value);
    if (n != NULL && allocator_live(n)) return;
    for (uint32_t k = 0; k < r->config.voter_count; k++) {
        n = allocator_node((struct allocator *)(uintptr_t)&w->nodes, r->config.voters[k].node);
        if (n == NULL || !allocator_live(n)) continue;
        r->leader = n->node;
        return;
    }
}

static void pass(struct world *w, struct world_range *r)
{
    uint64_t now[RAFT_VOTERS_MAX];
    if (!lives(w, r)) return;
    elect(w, r);
    if (r->target_count > 0 && --r->left == 0) finish(r);
    if (r->successor.value != 0 && --r->successor_left == 0) {
        if (in(now, voters_of(r, now), r->successor.value)) r->leader = r->successor;
        r->successor.value = 0;
    }
    if (prng_below(&w->prng, w->delay_max) == 0) r->reported = r->leader; /* each tells when it comes to it */
}

static bool is_busy(const struct world_range *r)
{
    return r->target_count > 0 || r->successor.value != 0 || r->reported.value != r->leader.value;
}

uint32_t world_round(struct world *w)
{
    static struct allocator a;
    a = w->nodes;
    a.repairs_max = a.balances_max = UINT32_MAX; /* whom to wait for is not what this is about */
    for (uint32_t i = 0; i < w->range_count; i++) {
        struct allocator_range d = describe(w, i);
        allocator_count(&a, &d, 1);
    }
    uint32_t before = w->decision_count + w->transfer_count, busy = 0;
    for (uint32_t i = 0; i < w->range_count; i++) decide(w, &a, i);
    for (uint32_t i = 0; i < w->range_count; i++) busy += lives(w, &w->ranges[i]) && is_busy(&w->ranges[i]);
    for (uint32_t i = 0; i < w->range_count; i++) pass(w, &w->ranges[i]);
    return busy + w->decision_count + w->transfer_count - before;
}

uint32_t world_settle(struct world *w)
{
    uint32_t rounds = 0;
    while (world_round(w) > 0) assert_true(++rounds < ROUNDS_MAX);
    return rounds;
}

void world_forget(struct world *w)
{
    w->move_count = w->transfer_count = w->decision_count = 0;
}

/* ---- what shall be ---- */

static bool is_out(struct world *w, uint64_t node)
{
    const struct allocator_node *n = allocator_node(&w->nodes, node);
    return n == NULL || n->state >= ALLOCATOR_LEAVING || n->health == ALLOCATOR_DEAD;
}

static void expect_apart(struct world *w, const uint64_t *now, uint32_t count)
{
    uint64_t close = allocator_closeness(&w->nodes, now, count), other[RAFT_VOTERS_MAX];
    for (uint32_t k = 0; k < count; k++) {
        memcpy(other, now, sizeof other);
        for (uint32_t j = 0; j < w->nodes.node_count; j++) {
            const struct allocator_node *n = &w->nodes.nodes[j];
            if (!allocator_takes(n) || in(now, count, n->node.value)) continue;
            other[k] = n->node.value;
            assert_true(allocator_closeness(&w->nodes, other, count) >= close);
        }
    }
}

static void expect_placed(struct world *w, const struct world_range *r)
{
    uint64_t now[RAFT_VOTERS_MAX];
    uint32_t count = voters_of(r, now), free_count = 0;
    for (uint32_t j = 0; j < w->nodes.node_count; j++)
        free_count += allocator_takes(&w->nodes.nodes[j]) && !in(now, count, w->nodes.nodes[j].node.value);
    assert_true(count <= r->factor);
    assert_true(count == r->factor || free_count <= 1);
    if (count == r->factor && free_count > 0)
        for (uint32_t k = 0; k < count; k++) assert_false(is_out(w, now[k]));
    expect_apart(w, now, count);
}

void world_expect_placed(struct world *w)
{
    for (uint32_t i = 0; i < w->range_count; i++)
        if (lives(w, &w->ranges[i])) expect_placed(w, &w->ranges[i]);
}

void world_expect_no_way_back(struct world *w)
{
    for (uint32_t i = 0; i < w->move_count; i++) {
        for (uint32_t j = i + 1; j < w->move_count; j++) {
            const struct world_move *x = &w->moves[i], *y = &w->moves[j];
            if (x->range != y->range || x->from != y->to) continue;
            fail_msg("range %u left node %llu for balance, and came back to it for balance", x->range,
                     (unsigned long long)x->from);
        }
    }
}
