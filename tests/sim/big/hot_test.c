/* Load that falls on a few keys, or runs ahead of all there were: ranges divide so that it spreads. */
#include "tests/test.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "tests/sim/big/big_int.h"
#include "txn/txn.h"

#define WRITERS   8
#define THINK_NS  (20 * SIM_MS)
#define SPLIT_LOAD 100u
#define KEYS      1000u /* of the test with a hot spot */
#define BOUNDS    32

struct writer {
    struct hot *hot;
    uint64_t machine, key;
};

/* A bound between two ranges, and what was known when it appeared. */
struct bound {
    uint64_t key, newest;
};

struct hot {
    struct big *big;
    struct writer writers[WRITERS];
    uint64_t (*next_key)(struct hot *h);
    uint64_t newest; /* the highest key so far */
    uint64_t written[KEYS + 1];
    struct bound bounds[BOUNDS];
    uint32_t bound_count;
    uint64_t leaders; /* machines that led the last range, as bits */
    bool stopping;
};

static void writer_start(void *ctx);

static void writer_run(void *arg)
{
    struct writer *w = arg;
    struct core *core = w->hot->big->machines[w->machine].core;
    struct arena arena;
    struct txn *t;
    uint8_t key[9] = {KEY_PREFIX_TABLE}, value[8] = {1};
    uint64_t ts;
    store_be64(key + 1, w->key);
    arena_init(&arena, 1 << 20);
    enum status status = txn_create(core_kv(core), &arena, &t);
    ASSERT(status == STATUS_OK);
    status = txn_put(t, bytes_make(key, sizeof key), bytes_make(value, sizeof value));
    if (status == STATUS_OK) status = txn_commit(t, &ts);
    if (status != STATUS_OK && status != STATUS_CANCELLED) big_fail(w->hot->big, "a write fails: %s", status_name(status));
    txn_destroy(t);
    arena_deinit(&arena);
    if (!w->hot->stopping) sim_call_after(w->hot->big->sim, sim_exponential(w->hot->big->sim, THINK_NS), writer_start, w);
}

static void writer_start(void *ctx)
{
    struct writer *w = ctx;
    struct big *b = w->hot->big;
    if (w->hot->stopping || big_failed(b)) return;
    w->key = w->hot->next_key(w->hot);
    if (w->key > w->hot->newest) w->hot->newest = w->key;
    w->machine = 1 + sim_below(b->sim, b->machine_count);
    enum status status = fiber_spawn(core_fibers(b->machines[w->machine].core), writer_run, w, NULL);
    ASSERT(status == STATUS_OK);
    big_poke(b, w->machine);
}

static uint64_t next_of_sequence(struct hot *h)
{
    return h->newest + 1;
}

/* Half of it on the first tenth of the keys. */
static uint64_t next_near_hot_spot(struct hot *h)
{
    struct sim *sim = h->big->sim;
    uint64_t key = 1 + sim_below(sim, sim_below(sim, 2) == 0 ? KEYS / 10 : KEYS);
    h->written[key]++;
    return key;
}

static struct descriptor *range_at(struct big *b, uint32_t i)
{
    struct meta_state *m = big_meta(b);
    return m == NULL || i >= m->ranges.count ? NULL : m->ranges.items[i];
}

static bool is_known(const struct hot *h, uint64_t key)
{
    for (uint32_t i = 0; i < h->bound_count; i++)
        if (h->bounds[i].key == key) return true;
    return false;
}

static void note_bounds(struct hot *h)
{
    const struct descriptor *d, *last = NULL;
    for (uint32_t i = 2; (d = range_at(h->big, i)) != NULL; i++) {
        last = d;
        uint64_t key = load_be64(d->start.data + 1);
        if (is_known(h, key)) continue;
        assert_true(h->bound_count < BOUNDS);
        h->bounds[h->bound_count++] = (struct bound){key, h->newest};
    }
    if (last != NULL) h->leaders |= UINT64_C(1) << h->big->ranges[last->range.value].leader;
}

static void hot_open(struct hot *h, uint64_t seed, uint64_t (*next_key)(struct hot *h))
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) mutant_select(mutant);
    *h = (struct hot){.next_key = next_key};
    h->big = big_create(&(struct big_options){.seed = seed, .node_count = 6, .verbose = getenv("OSTRAKA_VERBOSE") != NULL});
    big_form(h->big);
    big_set(h->big, SETTING_RANGE_SPLIT_LOAD, SPLIT_LOAD);
    big_set(h->big, SETTING_AUTO_SPLIT, 1);
    for (int i = 0; i < WRITERS; i++) {
        h->writers[i].hot = h;
        sim_call_after(h->big->sim, sim_exponential(h->big->sim, THINK_NS), writer_start, &h->writers[i]);
    }
}

static void hot_run(struct hot *h, uint64_t seconds)
{
    for (uint64_t i = 0; i < seconds * 10; i++) {
        big_run_for(h->big, 100 * SIM_MS);
        note_bounds(h);
    }
    if (big_failed(h->big)) fail_msg("%s", h->big->failure);
}

static void hot_close(struct hot *h)
{
    h->stopping = true;
    big_run_for(h->big, SIM_SEC);
    if (big_failed(h->big)) fail_msg("%s", h->big->failure);
    big_destroy(h->big);
}

static uint64_t load_of(struct big *b, const struct descriptor *d)
{
    struct store *s = big_store(b, b->ranges[d->range.value].leader);
    return s == NULL ? 0 : store_replica(s, d->range)->load;
}

/* A range that takes all that is new divides behind its newest key: the old part cools down, and the new one may be led
 * elsewhere. Were it divided at its median, the upper half would go on being the only one that is written. */
TEST(hot, ascending_keys_leave_each_range_behind)
{
    struct hot h;
    hot_open(&h, 1, next_of_sequence);
    hot_run(&h, 60);
    assert_in_range(h.bound_count, 3, 6); /* one each 10 s, at most */
    for (uint32_t i = 0; i < h.bound_count; i++) {
        uint64_t before = i == 0 ? 0 : h.bounds[i - 1].key;
        assert_true(h.bounds[i].key > before); /* always the last range */
        assert_true(h.bounds[i].key - before >= (h.bounds[i].newest - before) * 8 / 10); /* what came meanwhile is right of it */
    }
    uint32_t last = 2 + h.bound_count - 1;
    /* The last range may be new and not measured yet, and the one before it left just now. */
    for (uint32_t i = 1; i + 1 < last; i++)
        assert_in_range(load_of(h.big, range_at(h.big, i)), 0, SPLIT_LOAD / 4);
    uint64_t newest = load_of(h.big, range_at(h.big, last)) + load_of(h.big, range_at(h.big, last - 1));
    assert_in_range(newest, SPLIT_LOAD / 2, 1000);
    assert_in_range(__builtin_popcountll(h.leaders), 2, 6); /* it goes from node to node */
    hot_close(&h);
}

/* With a hot spot the first bound has at least a quarter of the requests on each side, which the middle of the keys
 * would not; and it goes on until no range is too busy. */
TEST(hot, busy_range_divides_at_the_median_of_its_load)
{
    struct hot h;
    hot_open(&h, 2, next_near_hot_spot);
    hot_run(&h, 70);
    uint64_t left = 0, all = 0;
    assert_true(h.bound_count >= 3);
    for (uint64_t key = 1; key <= KEYS; key++) {
        all += h.written[key];
        if (key < h.bounds[0].key) left += h.written[key];
    }
    assert_in_range(left * 100 / all, 25, 75);
    assert_true(h.bounds[0].key < KEYS * 4 / 10); /* not the middle */
    for (uint32_t i = 1; i < 2 + h.bound_count; i++) assert_true(load_of(h.big, range_at(h.big, i)) < SPLIT_LOAD * 3 / 2);
    hot_close(&h);
}
