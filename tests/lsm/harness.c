#include "tests/lsm/harness.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "io/backends.h"

#define TURNS_MAX 2000000

/* ---- callbacks ---- */

static void on_flushed(void *ctx, struct range_id range, uint64_t index)
{
    struct store *s = ctx;
    assert_true(index >= s->flushed[range.value]);
    s->flushed[range.value] = index;
}

static void on_meta(void *ctx, struct range_id range, struct buf *out)
{
    struct store *s = ctx;
    assert_u64_equal(out->size, 0);
    s->meta_asked++;
    buf_append_bytes(out, s->meta_now[range.value]);
}

static void on_corrupt(void *ctx, struct range_id range, const char *what)
{
    struct store *s = ctx;
    assert_non_null(what);
    s->corrupt[range.value] = true;
}

static void on_failed(void *ctx, enum status status, const char *what)
{
    struct store *s = ctx;
    assert_non_null(what);
    assert_int_equal(s->failed, STATUS_OK);
    s->failed = status;
}

static void drop_line(__attribute__((unused)) void *ctx, __attribute__((unused)) const char *line,
                      __attribute__((unused)) int size)
{
}

/* ---- environments ---- */

void store_options_small(struct lsm_options *o)
{
    o->memtable_bytes = 256 << 10;
    o->cache_bytes = 1 << 20;
    o->table_bytes = 16 << 10;
    o->block_bytes = 512;
    o->manifest_bytes = 16 << 10;
    o->compress = true;
    o->seed = 42;
}

static void init(struct store *s)
{
    s->logger = (struct logger){.level = LOG_LEVEL_ERROR, .write = drop_line};
    s->fibers = fiber_pool_create(128 << 10, 16);
    assert_non_null(s->fibers);
    s->options = (struct lsm_options){.fibers = s->fibers,
                                      .logger = &s->logger,
                                      .directory = "store/lsm",
                                      .store_id = 7,
                                      .on_flushed = on_flushed,
                                      .on_meta = on_meta,
                                      .on_corrupt = on_corrupt,
                                      .on_failed = on_failed,
                                      .ctx = s};
    store_options_small(&s->options);
    for (int i = 0; i < HARNESS_RANGES; i++)
        buf_init(&s->meta_at_open[i], 1 << 20);
}

static void sync_done(struct env_op *op, int64_t result)
{
    *(int64_t *)op->ctx = result;
}

/* The parent of the store's directory is the caller's. */
static void make_parent(struct store *s)
{
    int64_t result = INT64_MIN;
    struct env_op op = {.on_done = sync_done, .ctx = &result};
    env_dir_make(s->env, "store", &op);
    while (result == INT64_MIN)
        env_poll(s->env, env_now_ns(s->env) + SIM_SEC);
    assert_int_equal(result, 0);
    result = INT64_MIN;
    env_dir_sync(s->env, ".", &op);
    while (result == INT64_MIN)
        env_poll(s->env, env_now_ns(s->env) + SIM_SEC);
    assert_int_equal(result, 0);
}

static void make_env(struct store *s)
{
    if (s->sim != NULL) {
        sim_env_create(s->sim, 1, &s->logger, &s->env);
    } else {
        struct env_options options = {.root = s->root, .logger = &s->logger};
        assert_int_equal(env_epoll_create(&options, &s->env), STATUS_OK);
    }
    s->options.env = s->env;
}

void store_restart_env(struct store *s)
{
    assert_null(s->env);
    make_env(s);
}

void store_init_epoll(struct store *s)
{
    *s = (struct store){0};
    init(s);
    snprintf(s->root, sizeof s->root, "/tmp/lsm_test_XXXXXX");
    assert_non_null(mkdtemp(s->root));
    make_env(s);
    make_parent(s);
}

void store_init_sim(struct store *s, struct sim *sim)
{
    *s = (struct store){.sim = sim};
    init(s);
    make_env(s);
    make_parent(s);
}

static void remove_tree(const char *root)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    assert_int_equal(system(command), 0);
}

static void env_end(struct store *s)
{
    if (s->env == NULL) return;
    if (s->sim != NULL) {
        sim_env_drain(s->env);
    } else {
        env_shutdown(s->env);
        for (int i = 0; i < 20; i++)
            env_poll(s->env, env_now_ns(s->env) + SIM_MS);
    }
    env_destroy(s->env);
    s->env = NULL;
}

void store_deinit(struct store *s)
{
    if (s->l != NULL) store_close(s);
    env_end(s);
    fiber_pool_destroy(s->fibers);
    for (int i = 0; i < HARNESS_RANGES; i++)
        buf_deinit(&s->meta_at_open[i]);
    if (s->sim == NULL) remove_tree(s->root);
}

/* ---- turns ---- */

void store_turn(struct store *s)
{
    uint64_t now = env_now_ns(s->env);
    fiber_run_ready(s->fibers);
    uint64_t wanted = s->l == NULL ? UINT64_MAX : lsm_step(s->l, now);
    uint64_t limit = now + 20 * SIM_MS;
    env_poll(s->env, wanted < limit ? wanted : limit);
}

bool store_stopped(struct store *s)
{
    return s->dead || (s->sim != NULL && sim_disk_crash_reached(sim_disk(s->sim, 1)));
}

/* The power goes at a crash point. */
static void die(struct store *s)
{
    if (s->dead) return;
    assert_true(store_stopped(s));
    if (s->at_crash_point != NULL) s->at_crash_point(s);
    sim_node_crash(s->sim, 1, SIM_CRASH_POWER);
    s->dead = true;
    if (s->l != NULL) lsm_abandon(s->l);
}

static void drain(struct store *s)
{
    if (s->sim != NULL)
        sim_env_drain(s->env);
    else
        env_poll(s->env, 0);
    fiber_run_ready(s->fibers);
}

bool store_turns_until(struct store *s, bool (*done)(struct store *s, void *ctx), void *ctx)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        if (done(s, ctx)) return true;
        if (store_stopped(s)) return false;
        store_turn(s);
    }
    fail_msg("nothing happens any more");
    return false;
}

static bool is_settled(struct store *s, __attribute__((unused)) void *ctx)
{
    return lsm_step(s->l, env_now_ns(s->env)) == UINT64_MAX && lsm_idle(s->l);
}

void store_settle(struct store *s)
{
    store_turns_until(s, is_settled, NULL);
}

static bool is_idle(struct store *s, __attribute__((unused)) void *ctx)
{
    return lsm_idle(s->l);
}

void store_close(struct store *s)
{
    if (!store_turns_until(s, is_idle, NULL)) return;
    lsm_close(s->l);
    s->l = NULL;
    for (int i = 0; i < 50; i++)
        env_poll(s->env, 0);
}

void store_crash(struct store *s, enum sim_crash kind)
{
    if (store_stopped(s))
        die(s);
    else if (s->sim != NULL)
        sim_node_crash(s->sim, 1, kind);
    else
        env_shutdown(s->env);
    if (s->l != NULL) lsm_abandon(s->l);
    for (int i = 0; s->l != NULL && (i == 0 || !lsm_idle(s->l)); i++) {
        assert_true(i < TURNS_MAX);
        drain(s);
    }
    if (s->l != NULL) lsm_close(s->l);
    s->l = NULL;
    s->dead = false;
    env_end(s);
}

/* ---- fibers ---- */

struct call {
    void (*function)(void *ctx);
    void *ctx;
    bool done;
};

static void call_entry(void *arg)
{
    struct call *c = arg;
    c->function(c->ctx);
    c->done = true;
}

static bool call_done(__attribute__((unused)) struct store *s, void *ctx)
{
    return ((struct call *)ctx)->done;
}

void store_run(struct store *s, void (*function)(void *ctx), void *ctx)
{
    struct call c = {function, ctx, false};
    assert_int_equal(fiber_spawn(s->fibers, call_entry, &c, NULL), STATUS_OK);
    if (store_turns_until(s, call_done, &c)) return;
    die(s); /* so that what the fiber waits for is cancelled */
    for (int i = 0; !c.done; i++) {
        assert_true(i < TURNS_MAX);
        drain(s);
    }
}

/* ---- opening ---- */

static enum status visit(void *ctx, const struct lsm_range_info *info)
{
    struct store *s = ctx;
    uint64_t i = info->range.value;
    assert_true(i < HARNESS_RANGES);
    s->known[i] = true;
    s->corrupt_at_open[i] = info->corrupt;
    s->index_at_open[i] = info->flushed_index;
    buf_reset(&s->meta_at_open[i]);
    buf_append_bytes(&s->meta_at_open[i], info->meta);
    return STATUS_OK;
}

struct opening {
    struct store *store;
    struct lsm *l;
    enum status status;
};

static void open_entry(void *ctx)
{
    struct opening *o = ctx;
    struct lsm_range_visitor visitor = {visit, o->store};
    o->status = lsm_open(&o->store->options, &visitor, &o->l);
}

enum status store_try_open(struct store *s)
{
    assert_null(s->l);
    memset(s->known, 0, sizeof s->known);
    memset(s->corrupt, 0, sizeof s->corrupt);
    memset(s->corrupt_at_open, 0, sizeof s->corrupt_at_open);
    memset(s->index_at_open, 0, sizeof s->index_at_open);
    memset(s->flushed, 0, sizeof s->flushed);
    s->failed = STATUS_OK;
    s->dead = false;
    struct opening o = {s, NULL, STATUS_OK};
    store_run(s, open_entry, &o);
    if (o.status == STATUS_OK) s->l = o.l;
    return o.status;
}

void store_open(struct store *s)
{
    assert_int_equal(store_try_open(s), STATUS_OK);
}

/* ---- verbs ---- */

struct wait {
    struct lsm_waiter waiter;
    bool called;
};

static void wait_ready(struct lsm_waiter *w)
{
    struct wait *wait = CONTAINER_OF(w, struct wait, waiter);
    assert_false(wait->called);
    wait->called = true;
}

static bool wait_over(__attribute__((unused)) struct store *s, void *ctx)
{
    return ((struct wait *)ctx)->called;
}

static void wait_init(struct wait *w)
{
    lsm_waiter_init(&w->waiter, wait_ready);
    w->called = false;
}

static void wait_for(struct store *s, struct wait *w)
{
    assert_false(list_empty(&w->waiter.link));
    assert_true(store_turns_until(s, wait_over, w));
    assert_true(list_empty(&w->waiter.link));
    w->called = false;
}

/* An answer other than STATUS_WAIT leaves the waiter to its owner. */
static enum status wait_over_for(const struct wait *w, enum status status)
{
    assert_true(list_empty(&w->waiter.link));
    return status;
}

enum status store_get(struct store *s, uint64_t range, enum lsm_space space, struct bytes key,
                      uint64_t ts_max, struct lsm_version *version, struct buf *value)
{
    struct wait w;
    wait_init(&w);
    for (;;) {
        enum status status =
            lsm_get(s->l, rid(range), space, key, ts_max, &w.waiter, version, value);
        if (status != STATUS_WAIT) return wait_over_for(&w, status);
        wait_for(s, &w);
    }
}

enum status store_next(struct store *s, struct lsm_iter *it, struct lsm_item *item)
{
    struct wait w;
    wait_init(&w);
    for (;;) {
        enum status status = lsm_iter_next(it, &w.waiter, item);
        if (status != STATUS_WAIT) return wait_over_for(&w, status);
        wait_for(s, &w);
    }
}

enum status store_middle(struct store *s, uint64_t range, struct buf *key_out)
{
    struct wait w;
    wait_init(&w);
    for (;;) {
        enum status status = lsm_range_middle(s->l, rid(range), &w.waiter, key_out);
        if (status != STATUS_WAIT) return wait_over_for(&w, status);
        wait_for(s, &w);
    }
}

enum status store_hash(struct store *s, uint64_t range, uint64_t *hash_out)
{
    struct lsm_hash *h;
    enum status status = lsm_hash_open(s->l, rid(range), &h);
    if (status != STATUS_OK) return status;
    struct wait w;
    wait_init(&w);
    while ((status = lsm_hash_step(h, &w.waiter, hash_out)) == STATUS_WAIT)
        wait_for(s, &w);
    lsm_hash_close(h);
    return wait_over_for(&w, status);
}

enum status store_collect(struct store *s, struct lsm_iter *it, struct model *out)
{
    model_init(out);
    for (;;) {
        struct lsm_item item;
        enum status status = store_next(s, it, &item);
        if (status != STATUS_OK) return status == STATUS_NOT_FOUND ? STATUS_OK : status;
        struct lsm_write w = {item.space, item.tombstone, item.key, item.ts, item.value, false};
        size_t before = out->count;
        model_write(out, &w);
        assert_int_equal(out->count, before + 1); /* never the same place twice */
    }
}

enum status store_read_all(struct store *s, uint64_t range, struct model *out)
{
    model_init(out);
    enum status status = STATUS_OK;
    for (int space = 1; space <= 3 && status == STATUS_OK; space++) {
        struct lsm_iter *it;
        status = lsm_iter_open(s->l, rid(range), (enum lsm_space)space, BYTES_EMPTY, BYTES_EMPTY,
                               LSM_TS_MAX, LSM_ITER_ALL_VERSIONS, false, &it);
        if (status != STATUS_OK) return status;
        struct model part;
        status = store_collect(s, it, &part);
        lsm_iter_close(it);
        for (size_t i = 0; i < part.count; i++) {
            const struct model_item *item = &part.items[i];
            struct lsm_write w = {item->space, item->tombstone, model_key(item), item->ts,
                                  model_value(item), false};
            model_write(out, &w);
        }
        model_deinit(&part);
    }
    return status;
}

void store_put(struct store *s, uint64_t range, uint64_t index, enum lsm_space space,
               const char *key, uint64_t ts, const char *value)
{
    struct lsm_write w = {space, value == NULL, bytes_of_string(key), ts,
                          value == NULL ? BYTES_EMPTY : bytes_of_string(value), false};
    assert_int_equal(lsm_apply(s->l, rid(range), index, &w, 1), STATUS_OK);
}

/* ---- flush, drop, copy ---- */

struct flush_wait {
    uint64_t range, index;
};

static bool flush_over(struct store *s, void *ctx)
{
    const struct flush_wait *f = ctx;
    struct lsm_range_stats stats;
    enum status status = lsm_range_stats(s->l, rid(f->range), &stats);
    return status != STATUS_OK || stats.corrupt || s->failed != STATUS_OK ||
           s->flushed[f->range] >= f->index;
}

void store_flush(struct store *s, uint64_t range)
{
    struct lsm_range_stats stats;
    assert_int_equal(lsm_range_stats(s->l, rid(range), &stats), STATUS_OK);
    struct flush_wait f = {range, stats.applied_index};
    lsm_range_flush(s->l, rid(range));
    store_turns_until(s, flush_over, &f);
}

static bool result_there(__attribute__((unused)) struct store *s, void *ctx)
{
    return *(int64_t *)ctx != INT64_MIN;
}

enum status store_drop(struct store *s, uint64_t range)
{
    int64_t result = INT64_MIN;
    struct env_op op = {.on_done = sync_done, .ctx = &result};
    lsm_range_drop(s->l, rid(range), &op);
    s->flushed[range] = 0;
    if (!store_turns_until(s, result_there, &result)) {
        die(s);
        for (int i = 0; !result_there(s, &result); i++) {
            assert_true(i < TURNS_MAX);
            drain(s);
            lsm_abandon(s->l);
        }
    }
    return fio_status_of(result);
}

struct copy {
    struct store *to;
    uint64_t range, index;
    struct bytes meta;
    struct buf *chunks;
    size_t count;
    enum status status;
};

static void ingest_entry(void *ctx)
{
    struct copy *c = ctx;
    struct lsm_ingest *in;
    c->status = lsm_ingest_begin(c->to->l, rid(c->range), &in);
    if (c->status != STATUS_OK) return;
    for (size_t i = 0; i < c->count && c->status == STATUS_OK; i++)
        c->status = lsm_ingest_chunk(in, buf_view(&c->chunks[i]));
    if (c->status == STATUS_OK)
        c->status = lsm_ingest_commit(in, c->index, c->meta);
    else
        lsm_ingest_abort(in);
}

enum status store_copy_range(struct store *a, uint64_t from, struct store *b, uint64_t to,
                             size_t chunk_bytes)
{
    struct copy c = {.to = b, .range = to, .meta = BYTES_LITERAL("copied")};
    struct lsm_snapshot *snapshot;
    enum status status = lsm_snapshot_open(a->l, rid(from), &snapshot, &c.index);
    if (status != STATUS_OK) return status;
    struct wait w;
    wait_init(&w);
    do {
        c.chunks = realloc(c.chunks, (c.count + 1) * sizeof *c.chunks);
        assert_non_null(c.chunks);
        buf_init(&c.chunks[c.count], 64 << 20);
        while ((status = lsm_snapshot_read(snapshot, chunk_bytes, &w.waiter, &c.chunks[c.count])) ==
               STATUS_WAIT)
            wait_for(a, &w);
        c.count++;
    } while (status == STATUS_OK);
    lsm_snapshot_close(snapshot);
    if (status == STATUS_NOT_FOUND) {
        store_run(b, ingest_entry, &c);
        status = c.status;
    }
    for (size_t i = 0; i < c.count; i++)
        buf_deinit(&c.chunks[i]);
    free(c.chunks);
    return status;
}

/* ---- comparison with the model ---- */

static const struct model_item *find(const struct model *m, const struct model_item *item)
{
    size_t at = model_seek(m, item->space, model_key(item), item->ts);
    if (at == m->count) return NULL;
    const struct model_item *i = &m->items[at];
    bool same =
        i->space == item->space && i->ts == item->ts && bytes_equal(model_key(i), model_key(item));
    return same ? i : NULL;
}

void store_check_range(struct store *s, uint64_t range, const struct model *m, uint64_t gc_ts)
{
    struct model found, needed;
    assert_int_equal(store_read_all(s, range, &found), STATUS_OK);
    for (size_t i = 0; i < found.count; i++) { /* nothing that was not written */
        const struct model_item *want = find(m, &found.items[i]);
        assert_non_null(want);
        assert_int_equal(want->tombstone, found.items[i].tombstone);
        assert_true(bytes_equal(model_value(want), model_value(&found.items[i])));
    }
    model_copy(&needed, m);
    model_collect(&needed, gc_ts);
    for (size_t i = 0; i < needed.count; i++) /* all that may not go is there */
        if (find(&found, &needed.items[i]) == NULL)
            fail_msg("lost: space %d key %.*s ts %llu", (int)needed.items[i].space,
                     (int)needed.items[i].key_size, needed.items[i].key,
                     (unsigned long long)needed.items[i].ts);
    model_collect(&found, gc_ts); /* and once all garbage is gone, the two are equal */
    assert_true(model_equal(&found, &needed));
    model_deinit(&found);
    model_deinit(&needed);
}
