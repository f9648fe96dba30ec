#include "tests/lsm/crash.h"

#include <stdlib.h>

#define RANGE_LIVE   1 /* written and compacted */
#define RANGE_TARGET 2 /* replaced by a copy of it */
#define RANGE_GONE   3 /* dropped */
#define RANGE_RIGHT  4 /* split off the first */
#define RANGES       4

struct script {
    struct store store;
    struct prng prng;
    struct entries logs[RANGES + 1];
    uint64_t index[RANGES + 1], ts, gc;
    bool created[RANGES + 1];
    uint64_t told[RANGES + 1];      /* flushed index of on_flushed */
    uint64_t copied_index;          /* of the snapshot; 0: not begun */
    bool copied, dropping, dropped; /* answered */
    uint64_t split_index;           /* 0: not yet */
    uint8_t split_key[600];
    size_t split_key_size;
    struct prng dice;               /* what a power loss keeps */
    unsigned subset;
};

static void script_init(struct script *x, struct sim *sim, uint64_t seed, unsigned subset)
{
    *x = (struct script){0};
    store_init_sim(&x->store, sim);
    prng_init(&x->prng, seed);
    prng_init(&x->dice, seed * 1000 + subset);
    x->subset = subset;
    x->store.options.table_bytes = 8192;
    x->store.options.memtable_bytes = 1 << 20;
    x->store.options.value_ends = model_value_ends;
    x->store.options.key_may_end = model_key_may_end;
}

static void script_deinit(struct script *x)
{
    for (int i = 1; i <= RANGES; i++)
        entries_deinit(&x->logs[i]);
    store_deinit(&x->store);
}

/* ---- what happens ---- */

static void meta_set(struct script *x, uint64_t range)
{
    lsm_range_set_meta(x->store.l, rid(range),
                       bytes_make(&x->index[range], sizeof x->index[range]));
}

static void apply(struct script *x, uint64_t range, int entries)
{
    while (entries-- > 0) {
        struct random_writes w;
        random_writes_make(&w, &x->prng, 60, &x->ts);
        random_writes_end(&w, &x->ts);
        uint64_t index = ++x->index[range];
        assert_int_equal(lsm_apply(x->store.l, rid(range), index, w.writes, w.count), STATUS_OK);
        entries_add(&x->logs[range], index, w.writes, w.count);
        meta_set(x, range);
    }
}

static void flush(struct script *x, uint64_t range)
{
    if (store_stopped(&x->store)) return;
    store_flush(&x->store, range);
    x->told[range] = x->store.flushed[range];
}

static void make(struct script *x, uint64_t range)
{
    assert_int_equal(lsm_range_create(x->store.l, rid(range)), STATUS_OK);
    x->created[range] = true;
}

static void write_and_compact(struct script *x)
{
    for (int i = 0; i < 5 && !store_stopped(&x->store); i++) {
        apply(x, RANGE_LIVE, 12);
        flush(x, RANGE_LIVE);
        if (i == 2) {
            x->gc = x->ts / 2;
            lsm_range_set_gc(x->store.l, rid(RANGE_LIVE), x->gc);
        }
    }
    if (!store_stopped(&x->store)) store_settle(&x->store);
}

static void copy(struct script *x)
{
    struct lsm_range_stats stats;
    if (store_stopped(&x->store)) return;
    assert_int_equal(lsm_range_stats(x->store.l, rid(RANGE_LIVE), &stats), STATUS_OK);
    x->copied_index = stats.applied_index;
    enum status status = store_copy_range(&x->store, RANGE_LIVE, &x->store, RANGE_TARGET, 3000);
    x->copied = status == STATUS_OK;
    assert_true(x->copied || store_stopped(&x->store));
}

static void drop(struct script *x)
{
    if (store_stopped(&x->store)) return;
    x->dropping = true;
    x->dropped = store_drop(&x->store, RANGE_GONE) == STATUS_OK;
    assert_true(x->dropped || store_stopped(&x->store));
}

static struct bytes split_key(const struct script *x)
{
    return bytes_make(x->split_key, x->split_key_size);
}

/* Its writes fall on either side; those of the other one are left out. */
static void apply_side(struct script *x, uint64_t range, int entries)
{
    while (entries-- > 0) {
        struct random_writes w;
        random_writes_make(&w, &x->prng, 60, &x->ts);
        random_writes_end(&w, &x->ts);
        uint32_t kept = 0;
        for (uint32_t i = 0; i < w.count; i++) {
            bool right = bytes_compare(w.writes[i].key, split_key(x)) >= 0;
            if (right == (range == RANGE_RIGHT)) w.writes[kept++] = w.writes[i];
        }
        uint64_t index = ++x->index[range];
        assert_int_equal(lsm_apply(x->store.l, rid(range), index, w.writes, kept), STATUS_OK);
        entries_add(&x->logs[range], index, w.writes, kept);
        meta_set(x, range);
    }
}

static void split_again(struct script *x)
{
    uint64_t index = x->split_index;
    assert_int_equal(lsm_range_split(x->store.l, rid(RANGE_LIVE), rid(RANGE_RIGHT), split_key(x),
                                     bytes_make(&index, sizeof index)),
                     STATUS_OK);
}

static void split(struct script *x)
{
    if (store_stopped(&x->store)) return;
    do {
        random_key(&x->prng, 60, x->split_key, &x->split_key_size);
    } while (x->split_key_size == 0);
    apply(x, RANGE_LIVE, 4);
    uint64_t index = ++x->index[RANGE_LIVE];
    assert_int_equal(lsm_apply(x->store.l, rid(RANGE_LIVE), index, NULL, 0), STATUS_OK);
    entries_add(&x->logs[RANGE_LIVE], index, NULL, 0);
    meta_set(x, RANGE_LIVE);
    x->split_index = x->index[RANGE_RIGHT] = index;
    split_again(x);
    x->created[RANGE_RIGHT] = true;
    apply_side(x, RANGE_LIVE, 3);
    apply_side(x, RANGE_RIGHT, 3);
    flush(x, RANGE_LIVE);
    if (!store_stopped(&x->store)) apply_side(x, RANGE_RIGHT, 3);
    flush(x, RANGE_RIGHT);
}

static void run(struct script *x)
{
    enum status status = store_try_open(&x->store);
    if (store_stopped(&x->store)) return;
    assert_int_equal(status, STATUS_OK);
    for (uint64_t i = 1; i < RANGE_RIGHT; i++)
        make(x, i);
    apply(x, RANGE_TARGET, 5);
    apply(x, RANGE_GONE, 5);
    flush(x, RANGE_TARGET);
    if (!store_stopped(&x->store)) apply(x, RANGE_TARGET, 5);
    flush(x, RANGE_GONE);
    write_and_compact(x);
    copy(x);
    drop(x);
    split(x);
    if (!store_stopped(&x->store)) apply_side(x, RANGE_LIVE, 3);
    flush(x, RANGE_LIVE);
    if (!store_stopped(&x->store)) store_settle(&x->store);
}

/* ---- what must hold afterwards ---- */

static void keep_side(struct script *x, struct model *m, bool right)
{
    struct model side;
    model_init(&side);
    for (size_t i = 0; i < m->count; i++) {
        const struct model_item *item = &m->items[i];
        struct lsm_write w = {item->space, item->tombstone, model_key(item), item->ts,
                              model_value(item), false};
        if ((bytes_compare(model_key(item), split_key(x)) >= 0) == right) model_write(&side, &w);
    }
    model_deinit(m);
    *m = side;
}

static void check_state(struct script *x, uint64_t range, const struct entries *log, uint64_t index)
{
    struct model m;
    model_init(&m);
    if (range == RANGE_RIGHT) {
        model_replay(&m, &x->logs[RANGE_LIVE], x->split_index);
        keep_side(x, &m, true);
    }
    model_replay(&m, log, index);
    if (range == RANGE_LIVE && x->split_index > 0 && index >= x->split_index)
        keep_side(x, &m, false);
    store_check_range(&x->store, range, &m, x->gc);
    model_deinit(&m);
}

static void check_meta(struct script *x, uint64_t range, uint64_t index)
{
    struct bytes meta = buf_view(&x->store.meta_at_open[range]);
    if (index == 0) return;
    assert_true(bytes_equal(meta, bytes_make(&index, sizeof index)));
}

/* A range is what it was after the entry the manifest names, and never older than it was told to
 * be. */
static void check_written(struct script *x, uint64_t range)
{
    struct store *s = &x->store;
    if (!s->known[range]) {
        assert_u64_equal(x->told[range], 0);
        return;
    }
    assert_false(s->corrupt_at_open[range]);
    assert_true(s->index_at_open[range] >= x->told[range]);
    check_meta(x, range, s->index_at_open[range]);
    check_state(x, range, &x->logs[range], s->index_at_open[range]);
}

/* The old state or the copy, whole. */
static void check_target(struct script *x)
{
    struct store *s = &x->store;
    bool is_copy = bytes_equal(buf_view(&s->meta_at_open[RANGE_TARGET]), BYTES_LITERAL("copied"));
    if (x->copied) assert_true(s->known[RANGE_TARGET] && is_copy);
    if (!s->known[RANGE_TARGET] || !is_copy) {
        check_written(x, RANGE_TARGET);
        return;
    }
    assert_true(x->copied_index > 0);
    assert_u64_equal(s->index_at_open[RANGE_TARGET], x->copied_index);
    assert_false(s->corrupt_at_open[RANGE_TARGET]);
    check_state(x, RANGE_TARGET, &x->logs[RANGE_LIVE], x->copied_index);
}

static void count_file(void *ctx, const char *name, __attribute__((unused)) bool is_directory,
                       __attribute__((unused)) uint64_t size_bytes)
{
    size_t size = strlen(name);
    if (size > 4 && strcmp(name + size - 4, ".tbl") == 0) ++*(uint64_t *)ctx;
}

/* Nothing is left of work that was cut short. */
static void check_files(struct store *s)
{
    uint64_t count = 0;
    struct env_dir_visitor visitor = {count_file, &count};
    assert_int_equal(env_dir_list(s->env, s->options.directory, &visitor), STATUS_OK);
    assert_u64_equal(count, lsm_metrics(s->l)->table_count);
}

static void check(struct script *x)
{
    check_files(&x->store);
    check_written(x, RANGE_LIVE);
    check_target(x);
    check_written(x, RANGE_RIGHT);
    bool divided = x->split_index > 0 && x->store.index_at_open[RANGE_LIVE] >= x->split_index;
    assert_int_equal(x->store.known[RANGE_RIGHT], divided); /* LSM-11 */
    if (x->dropped)
        assert_false(x->store.known[RANGE_GONE]);
    else if (x->store.known[RANGE_GONE] || !x->dropping)
        check_written(x, RANGE_GONE);
}

/* It works on: what was lost is applied again, flushed and compacted. */
static void go_on(struct script *x)
{
    struct store *s = &x->store;
    if (!s->known[RANGE_LIVE]) assert_int_equal(lsm_range_create(s->l, rid(RANGE_LIVE)), STATUS_OK);
    for (size_t i = 0; i < x->logs[RANGE_LIVE].count; i++) {
        const struct entry *e = &x->logs[RANGE_LIVE].items[i];
        if (e->index <= s->index_at_open[RANGE_LIVE]) continue;
        assert_int_equal(lsm_apply(s->l, rid(RANGE_LIVE), e->index, e->writes, e->count),
                         STATUS_OK);
        lsm_range_set_meta(s->l, rid(RANGE_LIVE), bytes_make(&e->index, sizeof e->index));
        if (e->index == x->split_index) split_again(x);
    }
    flush(x, RANGE_LIVE);
    store_settle(s);
    store_close(s);
    store_open(s);
    check_written(x, RANGE_LIVE);
    if (x->split_index > 0) check_written(x, RANGE_RIGHT);
}

/* ---- crash points ---- */

static void choose(struct store *s)
{
    struct script *x = s->ctx;
    struct sim_disk *disk = sim_disk(s->sim, 1);
    size_t count = sim_disk_crash_choices(disk);
    bool *keep = calloc(count + 1, sizeof *keep);
    for (size_t i = 0; i < count; i++) {
        if (x->subset == 0)
            keep[i] = false;
        else if (x->subset == 1)
            keep[i] = true;
        else if (x->subset == 2)
            keep[i] = i + 1 < count; /* all but the last */
        else
            keep[i] = prng_chance(&x->dice, 1, 2);
    }
    sim_disk_crash_choose(disk, keep, count);
    free(keep);
}

/* False: the script ended before the crash point. */
static bool crash_at(uint64_t seed, uint64_t op, unsigned subset)
{
    struct sim_options options;
    sim_options_init(&options, seed * 1000 + op);
    options.sector_bytes = subset % 2 == 0 ? 512 : 4096;
    struct sim *sim = sim_create(&options);
    struct script *x = calloc(1, sizeof *x);
    script_init(x, sim, seed, subset);
    x->store.ctx = x;
    x->store.at_crash_point = choose;
    struct sim_disk *disk = sim_disk(sim, 1);
    sim_disk_crash_after(disk, sim_disk_op_count(disk) + op);
    run(x);
    bool reached = store_stopped(&x->store);
    store_crash(&x->store, SIM_CRASH_POWER);
    for (int again = 0; reached && again < 2; again++) { /* and again while it recovers */
        store_restart_env(&x->store);
        sim_disk_crash_after(disk, sim_disk_op_count(disk) + prng_below(&x->dice, 14));
        enum status status = store_try_open(&x->store);
        assert_true(status == STATUS_OK || store_stopped(&x->store));
        store_crash(&x->store, SIM_CRASH_POWER);
    }
    store_restart_env(&x->store);
    sim_disk_crash_after(disk, UINT64_MAX);
    store_open(&x->store);
    check(x);
    if (op % 5 == 0) go_on(x);
    script_deinit(x);
    free(x);
    sim_destroy(sim);
    return reached;
}

uint64_t crash_points(uint64_t seed, unsigned subset_count)
{
    uint64_t op = 0;
    for (bool reached = true; reached; op++) {
        reached = false;
        for (unsigned subset = 0; subset < subset_count; subset++)
            reached |= crash_at(seed, op, subset);
    }
    return op;
}
