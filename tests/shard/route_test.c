/* The cache of routes, one store alone: descriptors of ranges that were divided and merged come in any order. */
#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "shard/shard_int.h"
#include "tests/sim/env/sim.h"
#include "tests/test.h"

#define TRUTH_MAX 32
#define PAST_MAX  400

struct rig {
    struct store *store;
    struct prng prng;
    struct descriptor *truth[TRUTH_MAX], *past[PAST_MAX];
    uint32_t truth_count, past_count;
    uint64_t next_id;
};

static void rig_open(struct rig *g, uint64_t seed)
{
    *g = (struct rig){.store = calloc(1, sizeof *g->store), .next_id = 3};
    assert_non_null(g->store);
    prng_init(&g->prng, seed);
    map_init(&g->store->replicas_by_id);
    key_index_init(&g->store->replicas_by_key);
    routes_init(&g->store->routes);
}

static void rig_close(struct rig *g)
{
    for (uint32_t i = 0; i < g->past_count; i++) free(g->past[i]);
    routes_deinit(g->store);
    key_index_deinit(&g->store->replicas_by_key);
    map_deinit(&g->store->replicas_by_id);
    free(g->store);
}

static struct descriptor *keep(struct rig *g, const struct descriptor *d)
{
    assert_true(g->past_count < PAST_MAX);
    return g->past[g->past_count++] = descriptor_new(d);
}

static struct descriptor range(uint64_t id, uint64_t epoch, const char *start, const char *end)
{
    return (struct descriptor){.range = {id}, .epoch = epoch, .start = bytes_of_string(start),
                               .end = bytes_of_string(end)};
}

static const struct descriptor *cached(const struct rig *g, const char *key)
{
    return key_index_find(&g->store->routes.by_key, bytes_of_string(key));
}

TEST(route, the_higher_epoch_is_right_where_two_overlap)
{
    struct rig g;
    rig_open(&g, 1);
    struct descriptor whole = range(2, 1, "", ""), right = range(3, 2, "m", ""), left = range(2, 2, "", "m");
    store_route_learn(g.store, &whole);
    store_route_learn(g.store, &right);
    assert_u64_equal(cached(&g, "z")->range.value, 3);
    assert_u64_equal(cached(&g, "a")->epoch, 1); /* trimmed; its owner will tell */
    store_route_learn(g.store, &whole);
    assert_u64_equal(cached(&g, "z")->range.value, 3);
    store_route_learn(g.store, &left);
    assert_u64_equal(cached(&g, "a")->epoch, 2);
    struct descriptor merged = range(2, 5, "", "");
    store_route_learn(g.store, &merged);
    assert_u64_equal(cached(&g, "z")->range.value, 2);
    assert_u64_equal(g.store->routes.by_key.count, 1);
    store_route_learn(g.store, &right);
    assert_u64_equal(cached(&g, "z")->range.value, 2);
    rig_close(&g);
}

TEST(route, what_is_older_fills_the_gap_it_is_known_to_begin_in)
{
    struct rig g;
    rig_open(&g, 1);
    struct descriptor right = range(3, 2, "m", ""), whole = range(2, 1, "", "");
    store_route_learn(g.store, &right);
    store_route_learn(g.store, &whole);
    assert_u64_equal(cached(&g, "a")->range.value, 2);
    assert_true(bytes_equal(cached(&g, "a")->end, BYTES_LITERAL("m")));
    assert_u64_equal(cached(&g, "z")->range.value, 3);
    rig_close(&g);
}

TEST(route, the_cache_is_bounded_and_forgets_what_is_not_used)
{
    struct rig g;
    rig_open(&g, 1);
    char start[12], end[12];
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(start, sizeof start, "k%06u", i);
        snprintf(end, sizeof end, "k%06u", i + 1);
        struct descriptor d = range(i + 2, 1, start, end);
        store_route_learn(g.store, &d);
        struct route_entry *kept = map_get(&g.store->routes.by_id, 2);
        assert_non_null(kept);
        kept->used = true;
    }
    assert_u64_equal(g.store->routes.by_key.count, 16384);
    assert_u64_equal(g.store->routes.by_id.count, 16384);
    assert_non_null(cached(&g, "k019999"));
    rig_close(&g);
}

/* ---- lookups, answered by hand ---- */

struct desk {
    struct rig g;
    struct sim *sim;
    struct timer_heap timers;
    uint32_t asked, levels; /* levels: how many answers name a range of descriptors */
};

static void put_answer(struct buf *out, uint8_t level, const struct descriptor *d)
{
    struct buf encoded;
    buf_init(&encoded, DESCRIPTOR_BYTES_MAX);
    descriptor_encode(d, &encoded);
    put_u8(out, 0);
    put_u8(out, RANGE_VERDICT_KNOWN);
    put_u8(out, level);
    put_sized(out, buf_view(&encoded));
    put_u64(out, 0);
    buf_deinit(&encoded);
}

static void answer(void *ctx, struct rpc_token token, struct bytes body)
{
    struct desk *desk = ctx;
    (void)body;
    struct descriptor d = range(60, 4, "g", "p"), above = range(50 + desk->asked, 1, "a", "z");
    above.config = (struct raft_config){.voter_count = 1, .voters = {{1, 1}}};
    struct buf reply;
    buf_init(&reply, 4096);
    if (desk->asked++ < desk->levels) put_answer(&reply, 1, &above);
    else put_answer(&reply, 0, &d);
    rpc_reply(desk->g.store->rpc, token, STATUS_OK, buf_view(&reply));
    buf_deinit(&reply);
}

static void desk_open(struct desk *desk, uint32_t levels)
{
    *desk = (struct desk){.levels = levels};
    rig_open(&desk->g, 1);
    struct sim_options o;
    sim_options_init(&o, 1);
    desk->sim = sim_create(&o);
    timer_heap_init(&desk->timers);
    struct store *s = desk->g.store;
    sim_env_create(desk->sim, 1, NULL, &s->env);
    s->identity.node = (struct node_id){1};
    struct rpc_options rpc = {.env = s->env, .timers = &desk->timers};
    assert_int_equal(rpc_create(&rpc, &s->rpc), STATUS_OK);
    rpc_set_self(s->rpc, s->identity.node, 1);
    rpc_serve(s->rpc, RPC_META_LOOKUP, answer, desk);
    struct descriptor meta = range(1, 1, "", "\x02");
    meta.config = (struct raft_config){.voter_count = 1, .voters = {{1, 1}}};
    store_route_learn(s, &meta);
}

static void desk_close(struct desk *desk)
{
    struct env *env = desk->g.store->env;
    struct rpc *rpc = desk->g.store->rpc;
    rig_close(&desk->g);
    rpc_destroy(rpc);
    timer_heap_deinit(&desk->timers);
    env_shutdown(env);
    sim_env_drain(env);
    env_destroy(env);
    sim_destroy(desk->sim);
}

TEST(route, a_key_that_nobody_knows_is_asked_for_once_at_a_time)
{
    struct desk desk;
    desk_open(&desk, 0);
    struct route route;
    for (int i = 0; i < 5; i++)
        assert_int_equal(store_route(desk.g.store, BYTES_LITERAL("h"), &route), STATUS_NOT_FOUND);
    while (rpc_step(desk.g.store->rpc)) {}
    assert_u64_equal(desk.asked, 1);
    assert_int_equal(store_route(desk.g.store, BYTES_LITERAL("h"), &route), STATUS_OK);
    assert_u64_equal(route.range.value, 60);
    assert_int_equal(store_route_before(desk.g.store, BYTES_LITERAL("p"), &route), STATUS_OK);
    assert_u64_equal(route.range.value, 60);
    assert_true(bytes_equal(route.start, BYTES_LITERAL("g")) && bytes_equal(route.end, BYTES_LITERAL("p")));
    assert_int_equal(store_route_before(desk.g.store, BYTES_LITERAL("g"), &route), STATUS_NOT_FOUND);
    desk_close(&desk);
}

/* Descriptors may have ranges of their own one day: who asks goes down, but not for ever. */
TEST(route, a_lookup_walks_down_the_levels)
{
    struct desk desk;
    struct route route;
    desk_open(&desk, 2);
    assert_int_equal(store_route(desk.g.store, BYTES_LITERAL("h"), &route), STATUS_NOT_FOUND);
    while (rpc_step(desk.g.store->rpc)) {}
    assert_u64_equal(desk.asked, 3);
    assert_int_equal(store_route(desk.g.store, BYTES_LITERAL("h"), &route), STATUS_OK);
    assert_u64_equal(route.range.value, 60);
    desk_close(&desk);
    desk_open(&desk, 100);
    assert_int_equal(store_route(desk.g.store, BYTES_LITERAL("h"), &route), STATUS_NOT_FOUND);
    while (rpc_step(desk.g.store->rpc)) {}
    assert_true(desk.asked < 10);
    assert_u64_equal(desk.g.store->routes.lookup_count, 0);
    desk_close(&desk);
}

/* ---- at random ---- */

static void change(struct rig *g)
{
    uint32_t i = (uint32_t)prng_below(&g->prng, g->truth_count);
    struct descriptor *d = g->truth[i], next = *d;
    uint8_t byte = (uint8_t)prng_below(&g->prng, 256);
    struct bytes key = bytes_make(&byte, 1);
    next.epoch++;
    if (prng_below(&g->prng, 2) == 0 && i + 1 < g->truth_count) { /* takes in its neighbour */
        struct descriptor *right = g->truth[i + 1];
        next.end = right->end;
        next.epoch = (d->epoch > right->epoch ? d->epoch : right->epoch) + 1;
        g->truth_count--;
        memmove(g->truth + i + 1, g->truth + i + 2, (g->truth_count - i - 1) * sizeof *g->truth);
    } else if (g->truth_count < TRUTH_MAX && descriptor_contains(d, key) && !bytes_equal(d->start, key)) {
        struct descriptor right = next;
        right.range.value = g->next_id++;
        right.start = next.end = key;
        memmove(g->truth + i + 2, g->truth + i + 1, (g->truth_count - i - 1) * sizeof *g->truth);
        g->truth_count++;
        g->truth[i + 1] = keep(g, &right);
    }
    g->truth[i] = keep(g, &next);
}

static void check(const struct rig *g)
{
    const struct key_index *x = &g->store->routes.by_key;
    assert_u64_equal(x->count, g->store->routes.by_id.count);
    for (uint32_t i = 0; i < x->count; i++) {
        const struct descriptor *d = x->items[i];
        assert_true(d->end.size == 0 ? i + 1 == x->count : bytes_compare(d->start, d->end) < 0);
        if (i + 1 < x->count) assert_true(bytes_compare(d->end, x->items[i + 1]->start) <= 0);
    }
}

static void play(uint64_t seed)
{
    struct rig g;
    rig_open(&g, seed);
    struct descriptor whole = range(2, 1, "", "");
    g.truth[g.truth_count++] = keep(&g, &whole);
    for (uint32_t i = 0; i < 150; i++) {
        change(&g);
        for (uint32_t k = 0; k < 4; k++) {
            store_route_learn(g.store, g.past[prng_below(&g.prng, g.past_count)]);
            check(&g);
        }
    }
    for (uint32_t i = 0; i < g.truth_count; i++) store_route_learn(g.store, g.truth[i]);
    check(&g);
    for (uint32_t i = 0; i < g.truth_count; i++) {
        const struct descriptor *d = key_index_find(&g.store->routes.by_key, g.truth[i]->start);
        assert_non_null(d);
        assert_u64_equal(d->range.value, g.truth[i]->range.value);
        assert_u64_equal(d->epoch, g.truth[i]->epoch);
        assert_true(bytes_equal(d->end, g.truth[i]->end));
    }
    rig_close(&g);
}

TEST(route, whatever_was_heard_in_whatever_order_the_newest_is_known_in_the_end)
{
    for (uint64_t seed = 1; seed <= 200; seed++) play(seed);
}
