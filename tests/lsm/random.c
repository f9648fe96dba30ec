#include "tests/lsm/random.h"

#include <stdlib.h>

#define RANGES 7 /* the first few are made; splits make the others */
#define MADE   3
#define VIEWS  4

struct watch {
    struct lsm_iter *it;
    struct model expected; /* NEWEST or ALL_VERSIONS, already cut to what it shows */
    enum lsm_iter_mode mode;
    uint64_t gc_ts, ts;
    bool reverse;
};

/* What an entry of a range's log did. */
struct division {
    uint64_t left, right, index; /* right 0: the range only lost its end */
    bool merge;                  /* the other way round */
    uint8_t key[600];
    size_t key_size;
};

/* The keys of a range. */
struct bounds {
    uint8_t from[600], to[600];
    size_t from_size, to_size; /* to_size 0: no end */
};

struct run {
    struct store store;
    struct prng prng;
    struct model models[RANGES + 1];
    struct entries logs[RANGES + 1];
    uint64_t index[RANGES + 1], gc[RANGES + 1], ts;
    bool exists[RANGES + 1];
    struct bounds bounds[RANGES + 1];
    struct division *divisions;
    size_t division_count;
    struct watch views[VIEWS];
    uint64_t key_count;
};

static uint64_t pick_ts(struct run *r, uint64_t range)
{
    if (prng_chance(&r->prng, 1, 4)) return LSM_TS_MAX;
    return prng_between(&r->prng, r->gc[range], r->ts + 2);
}

static bool in_range(const struct run *r, uint64_t range, struct bytes key)
{
    const struct bounds *b = &r->bounds[range];
    if (bytes_compare(key, bytes_make(b->from, b->from_size)) < 0) return false;
    return b->to_size == 0 || bytes_compare(key, bytes_make(b->to, b->to_size)) < 0;
}

/* Nobody may rely on its being there, or not. */
static bool has_ended(const struct run *r, enum lsm_space space, struct bytes key, uint64_t ts)
{
    if (r->store.options.value_ends == NULL || space != LSM_SPACE_VERSIONS) return false;
    return model_key_may_end(key) && model_key_ends(key) <= ts;
}

static void apply(struct run *r, uint64_t range)
{
    struct random_writes w;
    random_writes_make(&w, &r->prng, r->key_count, &r->ts);
    if (r->store.options.value_ends != NULL) random_writes_end(&w, &r->ts);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w.count; i++)
        if (in_range(r, range, w.writes[i].key)) w.writes[kept++] = w.writes[i];
    w.count = kept;
    random_writes_alone(&w, &r->models[range]);
    uint64_t index = r->index[range] += prng_between(&r->prng, 1, 3);
    assert_int_equal(lsm_apply(r->store.l, rid(range), index, w.writes, w.count), STATUS_OK);
    entries_add(&r->logs[range], index, w.writes, w.count);
    for (uint32_t i = 0; i < w.count; i++)
        model_write(&r->models[range], &w.writes[i]);
}

static void check_get(struct run *r, uint64_t range)
{
    uint8_t key[600];
    size_t size;
    random_key(&r->prng, r->key_count, key, &size);
    enum lsm_space space = (enum lsm_space)prng_between(&r->prng, 1, 3);
    uint64_t ts = pick_ts(r, range);
    struct lsm_version version = {0};
    struct buf value;
    buf_init(&value, 1 << 20);
    enum status status =
        store_get(&r->store, range, space, bytes_make(key, size), ts, &version, &value);
    const struct model_item *want = model_get(&r->models[range], space, bytes_make(key, size), ts);
    if (has_ended(r, space, bytes_make(key, size), ts)) want = NULL;
    if (has_ended(r, space, bytes_make(key, size), ts)) status = STATUS_NOT_FOUND;
    bool found = status == STATUS_OK && !version.tombstone;
    assert_true(status == STATUS_OK || status == STATUS_NOT_FOUND);
    assert_int_equal(found, want != NULL && !want->tombstone);
    if (found) {
        assert_u64_equal(version.ts, want->ts);
        assert_true(bytes_equal(buf_view(&value), model_value(want)));
    }
    buf_deinit(&value);
}

/* ---- iterators ---- */

static bool shown(const struct model_item *i, enum lsm_space space, struct bytes start,
                  struct bytes end, uint64_t ts_max)
{
    if (i->space != space || i->ts > ts_max) return false;
    if (bytes_compare(model_key(i), start) < 0) return false;
    return end.size == 0 || bytes_compare(model_key(i), end) < 0;
}

static void expect(const struct model *m, enum lsm_space space, struct bytes start,
                   struct bytes end, uint64_t ts_max, enum lsm_iter_mode mode, struct model *out)
{
    model_init(out);
    const struct model_item *before = NULL;
    for (size_t i = 0; i < m->count; i++) {
        const struct model_item *item = &m->items[i];
        if (!shown(item, space, start, end, ts_max)) continue;
        bool repeat = before != NULL && bytes_equal(model_key(before), model_key(item));
        before = item;
        if (mode != LSM_ITER_ALL_VERSIONS && repeat) continue;
        struct lsm_write w = {item->space, item->tombstone, model_key(item), item->ts,
                              model_value(item), false};
        model_write(out, &w);
    }
}

static void watch_open(struct run *r, struct watch *v, uint64_t range)
{
    uint8_t start[600], end[600];
    size_t start_size = 0, end_size = 0;
    if (prng_chance(&r->prng, 1, 2)) random_key(&r->prng, r->key_count, start, &start_size);
    if (prng_chance(&r->prng, 1, 2)) random_key(&r->prng, r->key_count, end, &end_size);
    enum lsm_space space = (enum lsm_space)prng_between(&r->prng, 1, 3);
    uint64_t ts = pick_ts(r, range);
    v->mode = (enum lsm_iter_mode)prng_between(&r->prng, LSM_ITER_NEWEST, LSM_ITER_ALL_VERSIONS);
    v->ts = ts;
    v->reverse = prng_chance(&r->prng, 1, 2);
    v->gc_ts = r->gc[range];
    assert_int_equal(lsm_iter_open(r->store.l, rid(range), space, bytes_make(start, start_size),
                                   bytes_make(end, end_size), ts, v->mode, v->reverse, &v->it),
                     STATUS_OK);
    expect(&r->models[range], space, bytes_make(start, start_size), bytes_make(end, end_size), ts,
           v->mode, &v->expected);
}

/* Order of two items as an iterator hands them out. */
static void check_step(const struct watch *v, const struct lsm_item *a, const struct lsm_item *b)
{
    int order = bytes_compare(a->key, b->key);
    if (order == 0) {
        assert_int_equal(v->mode, LSM_ITER_ALL_VERSIONS);
        assert_true(a->ts > b->ts);
    } else {
        assert_true(v->reverse ? order > 0 : order < 0);
    }
}

static void watch_collect(struct run *r, struct watch *v, struct model *found)
{
    struct lsm_item last = {0}, item;
    struct buf last_key;
    buf_init(&last_key, 8192);
    model_init(found);
    enum status status;
    while ((status = store_next(&r->store, v->it, &item)) == STATUS_OK) {
        if (last.space != 0) check_step(v, &last, &item);
        struct lsm_write w = {item.space, item.tombstone, item.key, item.ts, item.value, false};
        model_write(found, &w);
        buf_reset(&last_key);
        buf_append_bytes(&last_key, item.key);
        last = item;
        last.key = buf_view(&last_key);
    }
    assert_int_equal(status, STATUS_NOT_FOUND);
    assert_int_equal(store_next(&r->store, v->it, &item), STATUS_NOT_FOUND);
    buf_deinit(&last_key);
}

/* Tombstones, where they need not be shown, and what has ended at ts; lasting: all that ever ends. */
static void drop_some(const struct run *r, struct model *m, bool tombstones, bool lasting, uint64_t ts)
{
    struct model kept;
    model_init(&kept);
    for (size_t i = 0; i < m->count; i++) {
        const struct model_item *item = &m->items[i];
        struct lsm_write w = {item->space, item->tombstone, model_key(item), item->ts,
                              model_value(item), false};
        bool ended = has_ended(r, item->space, w.key, lasting ? LSM_TS_MAX : ts);
        if (!ended && !(tombstones && item->tombstone)) model_write(&kept, &w);
    }
    model_deinit(m);
    *m = kept;
}

static void watch_close(struct run *r, struct watch *v)
{
    struct model found;
    watch_collect(r, v, &found);
    lsm_iter_close(v->it);
    v->it = NULL;
    bool newest = v->mode != LSM_ITER_ALL_VERSIONS, lasting = v->mode == LSM_ITER_LASTING;
    drop_some(r, &found, newest, lasting, v->ts);
    drop_some(r, &v->expected, newest, lasting, v->ts);
    if (!newest) {
        model_collect(&found, v->gc_ts);
        model_collect(&v->expected, v->gc_ts);
    }
    assert_true(model_equal(&found, &v->expected));
    model_deinit(&found);
    model_deinit(&v->expected);
}

static void views_close(struct run *r)
{
    for (int i = 0; i < VIEWS; i++)
        if (r->views[i].it != NULL) watch_close(r, &r->views[i]);
}

/* ---- ranges ---- */

static void range_make(struct run *r, uint64_t range)
{
    assert_int_equal(lsm_range_create(r->store.l, rid(range)), STATUS_OK);
    r->exists[range] = true;
    r->index[range] = 0;
    r->gc[range] = 0;
    r->bounds[range] = (struct bounds){.from_size = 0};
}

static void range_clear(struct run *r, uint64_t range)
{
    model_deinit(&r->models[range]);
    entries_deinit(&r->logs[range]);
    model_init(&r->models[range]);
    r->exists[range] = false;
    size_t kept = 0; /* its log goes, and who made it does not matter any more */
    for (size_t i = 0; i < r->division_count; i++) {
        struct division *d = &r->divisions[i];
        if (d->left == range) continue;
        if (d->right == range && !d->merge) d->right = 0;
        r->divisions[kept++] = *d;
    }
    r->division_count = kept;
}

/* ---- dividing ---- */

static void model_move(struct model *from, struct model *to, struct bytes key)
{
    struct model low;
    model_init(&low);
    model_init(to);
    for (size_t i = 0; i < from->count; i++) {
        const struct model_item *item = &from->items[i];
        struct lsm_write w = {item->space, item->tombstone, model_key(item), item->ts,
                              model_value(item), false};
        model_write(bytes_compare(model_key(item), key) < 0 ? &low : to, &w);
    }
    model_deinit(from);
    *from = low;
}

static void set_bounds(struct run *r, const struct division *d)
{
    struct bounds *b = &r->bounds[d->left];
    if (d->right != 0) {
        r->bounds[d->right] = *b;
        memcpy(r->bounds[d->right].from, d->key, d->key_size);
        r->bounds[d->right].from_size = d->key_size;
    }
    memcpy(b->to, d->key, d->key_size);
    b->to_size = d->key_size;
}

/* It was merged into another, and the files may still have both: its id is not free. */
static bool is_merged(const struct run *r, uint64_t range)
{
    for (size_t i = 0; i < r->division_count; i++) {
        const struct division *d = &r->divisions[i];
        if (d->merge && d->right == range && d->index > r->store.flushed[d->left]) return true;
    }
    return false;
}

static uint64_t free_range(const struct run *r)
{
    for (uint64_t i = MADE + 1; i <= RANGES; i++)
        if (!r->exists[i] && !is_merged(r, i)) return i;
    return 0;
}

static void add_division(struct run *r, const struct division *d)
{
    r->divisions = realloc(r->divisions, (r->division_count + 1) * sizeof *d);
    assert_non_null(r->divisions);
    r->divisions[r->division_count++] = *d;
}

/* The range that was split off, or 0. */
static uint64_t divide(struct run *r, uint64_t left)
{
    struct division d = {.left = left, .right = free_range(r)};
    random_key(&r->prng, r->key_count, d.key, &d.key_size);
    struct bytes key = bytes_make(d.key, d.key_size);
    bool inside =
        d.key_size > 0 && in_range(r, left, key) &&
        bytes_compare(key, bytes_make(r->bounds[left].from, r->bounds[left].from_size)) > 0;
    if (!inside) return 0;
    bool shrink = d.right == 0 && prng_chance(&r->prng, 1, 4);
    if (d.right == 0 && !shrink) return 0;
    d.index = ++r->index[left];
    struct lsm *l = r->store.l;
    assert_int_equal(lsm_apply(l, rid(left), d.index, NULL, 0), STATUS_OK);
    entries_add(&r->logs[left], d.index, NULL, 0);
    struct model right;
    model_move(&r->models[left], &right, key);
    if (shrink) {
        assert_int_equal(lsm_range_shrink(l, rid(left), key), STATUS_OK);
        model_deinit(&right);
    } else {
        assert_int_equal(lsm_range_split(l, rid(left), rid(d.right), key, BYTES_LITERAL("right")),
                         STATUS_OK);
        model_deinit(&r->models[d.right]);
        r->models[d.right] = right;
        r->exists[d.right] = true;
        r->index[d.right] = d.index;
        r->gc[d.right] = r->gc[left];
        r->store.flushed[d.right] = 0;
    }
    set_bounds(r, &d);
    add_division(r, &d);
    return d.right;
}

/* Several splits before any of them can be durable: of one range, of what was split off it; and the
 * end of one of them. */
static void divide_often(struct run *r, uint64_t range)
{
    struct store *s = &r->store;
    for (uint64_t times = prng_between(&r->prng, 1, 4); times > 0; times--) {
        uint64_t right = divide(r, range);
        if (prng_chance(&r->prng, 1, 2)) apply(r, range);
        if (prng_chance(&r->prng, 1, 4)) lsm_range_flush(s->l, rid(range));
        if (prng_chance(&r->prng, 1, 4)) store_turn(s);
        if (right != 0 && prng_chance(&r->prng, 1, 2)) range = right;
    }
    if (!prng_chance(&r->prng, 1, 5)) return;
    assert_int_equal(store_drop(s, range), STATUS_OK);
    range_clear(r, range);
}

/* ---- merging ---- */

static uint64_t neighbour(const struct run *r, uint64_t left)
{
    const struct bounds *a = &r->bounds[left];
    for (uint64_t i = 1; i <= RANGES; i++) {
        const struct bounds *b = &r->bounds[i];
        if (!r->exists[i] || i == left || a->to_size == 0) continue;
        if (bytes_equal(bytes_make(a->to, a->to_size), bytes_make(b->from, b->from_size))) return i;
    }
    return 0;
}

static void unite_engine(struct run *r, const struct division *d)
{
    struct bytes key = bytes_make(d->key, d->key_size);
    enum status status;
    for (int i = 0;
         (status = lsm_range_merge(r->store.l, rid(d->left), rid(d->right), key)) == STATUS_BUSY;
         i++) {
        assert_true(i < 100000);
        store_turn(&r->store);
    }
    assert_int_equal(status, STATUS_OK);
}

static void unite(struct run *r, uint64_t left)
{
    struct division d = {.left = left, .right = neighbour(r, left), .merge = true};
    if (d.right == 0) return;
    d.index = ++r->index[left];
    assert_int_equal(lsm_apply(r->store.l, rid(left), d.index, NULL, 0), STATUS_OK);
    entries_add(&r->logs[left], d.index, NULL, 0);
    d.key_size = r->bounds[left].to_size;
    memcpy(d.key, r->bounds[left].to, d.key_size);
    unite_engine(r, &d);
    struct model *from = &r->models[d.right];
    for (size_t i = 0; i < from->count; i++) {
        const struct model_item *item = &from->items[i];
        struct lsm_write w = {item->space, item->tombstone, model_key(item), item->ts,
                              model_value(item), false};
        model_write(&r->models[left], &w);
    }
    r->bounds[left].to_size = r->bounds[d.right].to_size;
    memcpy(r->bounds[left].to, r->bounds[d.right].to, r->bounds[d.right].to_size);
    if (r->gc[d.right] > r->gc[left]) r->gc[left] = r->gc[d.right];
    range_clear(r, d.right);
    r->store.flushed[d.right] = 0;
    add_division(r, &d);
}

/* After a restart the right one is there as it was, or never was on disk and empty. */
static void unite_again(struct run *r, const struct division *d)
{
    struct store *s = &r->store;
    if (!s->known[d->right]) assert_int_equal(lsm_range_create(s->l, rid(d->right)), STATUS_OK);
    s->known[d->right] = false;
    unite_engine(r, d);
}

static const struct division *division_at(const struct run *r, uint64_t left, uint64_t index)
{
    for (size_t i = 0; i < r->division_count; i++)
        if (r->divisions[i].left == left && r->divisions[i].index == index) return &r->divisions[i];
    return NULL;
}

static bool has_parent(const struct run *r, uint64_t range)
{
    for (size_t i = 0; i < r->division_count; i++)
        if (r->divisions[i].right == range && !r->divisions[i].merge) return true;
    return false;
}

static void replay_log(struct run *r, uint64_t range, uint64_t from);

static void divide_again(struct run *r, const struct division *d)
{
    struct store *s = &r->store;
    struct bytes key = bytes_make(d->key, d->key_size);
    if (d->merge) {
        unite_again(r, d);
        return;
    }
    if (d->right == 0) {
        assert_int_equal(lsm_range_shrink(s->l, rid(d->left), key), STATUS_OK);
        return;
    }
    assert_false(s->known[d->right]); /* LSM-11: with the left one, or not at all */
    assert_int_equal(
        lsm_range_split(s->l, rid(d->left), rid(d->right), key, BYTES_LITERAL("right")), STATUS_OK);
    replay_log(r, d->right, d->index);
}

static void replay_log(struct run *r, uint64_t range, uint64_t from)
{
    struct store *s = &r->store;
    const struct entries *log = &r->logs[range];
    for (size_t i = 0; i < log->count; i++) {
        const struct entry *e = &log->items[i];
        if (e->index <= from) continue;
        assert_int_equal(lsm_apply(s->l, rid(range), e->index, e->writes, e->count), STATUS_OK);
        const struct division *d = division_at(r, range, e->index);
        if (d != NULL) divide_again(r, d);
    }
    lsm_range_set_gc(s->l, rid(range), r->gc[range]);
}

/* Applies again what the files do not hold. */
static void replay(struct run *r, uint64_t range)
{
    struct store *s = &r->store;
    if (!s->known[range]) {
        if (has_parent(r, range)) return; /* the other one's log makes it */
        assert_int_equal(lsm_range_create(s->l, rid(range)), STATUS_OK);
        s->index_at_open[range] = 0;
    }
    replay_log(r, range, s->index_at_open[range]);
}

static void restart(struct run *r)
{
    struct store *s = &r->store;
    uint64_t flushed[RANGES + 1];
    views_close(r);
    for (uint64_t i = 1; i <= RANGES; i++)
        flushed[i] = s->flushed[i];
    if (prng_chance(&r->prng, 1, 2)) {
        store_close(s);
    } else {
        enum sim_crash kind = prng_chance(&r->prng, 1, 2) ? SIM_CRASH_POWER : SIM_CRASH_PROCESS;
        store_crash(s, kind);
        store_restart_env(s);
    }
    store_open(s);
    for (uint64_t i = 1; i <= RANGES; i++) {
        if (!r->exists[i]) continue;
        assert_false(s->corrupt_at_open[i]);
        assert_true(s->index_at_open[i] >= flushed[i]); /* LSM-1 */
        replay(r, i);
    }
    for (uint64_t i = 1; i <= RANGES; i++)
        if (!r->exists[i]) assert_false(s->known[i]); /* LSM-11: but for merges to be repeated */
    for (uint64_t i = 1; i <= RANGES; i++)
        if (r->exists[i]) store_check_range(s, i, &r->models[i], r->gc[i]);
}

static void copy_over(struct run *r, uint64_t from, uint64_t to)
{
    struct store *s = &r->store;
    size_t chunk_bytes = (size_t)prng_below(&r->prng, 8000);
    assert_int_equal(store_copy_range(s, from, s, to, chunk_bytes), STATUS_OK);
    s->flushed[to] = 0;
    range_clear(r, to);
    model_copy(&r->models[to], &r->models[from]);
    r->exists[to] = true;
    r->bounds[to] = r->bounds[from];
    r->index[to] = r->index[from];
    r->gc[to] = r->gc[from];
    lsm_range_set_gc(s->l, rid(to), r->gc[to]);
    store_check_range(s, to, &r->models[to], r->gc[to]);
    uint64_t a, b;
    lsm_range_set_gc(s->l, rid(from), r->gc[from]);
    assert_int_equal(store_hash(s, from, &a), STATUS_OK);
    assert_int_equal(store_hash(s, to, &b), STATUS_OK);
    assert_u64_equal(a, b);
    for (size_t i = 0; i < r->models[to].count; i++) { /* its log starts with its snapshot */
        const struct model_item *item = &r->models[to].items[i];
        struct lsm_write w = {item->space, item->tombstone, model_key(item), item->ts,
                              model_value(item), false};
        entries_add(&r->logs[to], r->index[to], &w, 1);
    }
}

/* ---- the run ---- */

static void step_range(struct run *r, uint64_t range)
{
    struct store *s = &r->store;
    uint64_t dice = prng_below(&r->prng, 1000);
    if (!r->exists[range]) {
        if (range <= MADE && !is_merged(r, range)) range_make(r, range);
    } else if (dice < 600) {
        apply(r, range);
    } else if (dice < 800) {
        check_get(r, range);
    } else if (dice < 860) {
        struct watch *v = &r->views[prng_below(&r->prng, VIEWS)];
        if (v->it == NULL)
            watch_open(r, v, range);
        else
            watch_close(r, v);
    } else if (dice < 900) {
        lsm_range_flush(s->l, rid(range));
    } else if (dice < 930) {
        r->gc[range] = prng_between(&r->prng, r->gc[range], r->ts);
        lsm_range_set_gc(s->l, rid(range), r->gc[range]);
    } else if (dice < 936) {
        if (!is_merged(r, range % MADE + 1)) copy_over(r, range, range % MADE + 1);
    } else if (dice < 941) {
        assert_int_equal(store_drop(s, range), STATUS_OK);
        range_clear(r, range);
    } else if (dice < 945) {
        if (prng_chance(&r->prng, 1, 3))
            unite(r, range);
        else
            divide_often(r, range);
    } else if (dice < 951) {
        store_check_range(s, range, &r->models[range], r->gc[range]);
    } else if (dice < 956) {
        restart(r);
    } else {
        store_turn(s);
    }
}

static void run_init(struct run *r, uint64_t seed)
{
    prng_init(&r->prng, seed);
    r->key_count = prng_between(&r->prng, 4, 800);
    r->store.options.compress = prng_chance(&r->prng, 1, 2);
    r->store.options.table_bytes = prng_between(&r->prng, 2, 8) * 4096;
    r->store.options.memtable_bytes = prng_between(&r->prng, 1, 8) * 65536;
    if (prng_chance(&r->prng, 2, 3)) {
        r->store.options.value_ends = model_value_ends;
        r->store.options.key_may_end = prng_chance(&r->prng, 1, 2) ? model_key_may_end : NULL;
    }
    store_open(&r->store);
}

static void run_steps(struct run *r, int steps)
{
    for (int i = 0; i < steps; i++) {
        step_range(r, prng_between(&r->prng, 1, RANGES));
        if (prng_chance(&r->prng, 1, 3)) store_turn(&r->store);
    }
    restart(r);
    views_close(r);
    for (uint64_t i = 1; i <= RANGES; i++)
        range_clear(r, i);
    free(r->divisions);
    assert_int_equal(r->store.failed, STATUS_OK);
}

void random_run_files(uint64_t seed, int steps)
{
    struct run *r = calloc(1, sizeof *r);
    assert_non_null(r);
    store_init_epoll(&r->store);
    run_init(r, seed);
    run_steps(r, steps);
    store_deinit(&r->store);
    free(r);
}

void random_run_sim(uint64_t seed, int steps)
{
    struct sim_options options;
    sim_options_init(&options, seed);
    struct sim *sim = sim_create(&options);
    struct run *r = calloc(1, sizeof *r);
    assert_non_null(r);
    store_init_sim(&r->store, sim);
    run_init(r, seed);
    run_steps(r, steps);
    store_deinit(&r->store);
    free(r);
    sim_destroy(sim);
}
