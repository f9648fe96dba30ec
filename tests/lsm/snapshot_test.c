#include <stdio.h>
#include <stdlib.h>

#include "lsm/chunk_int.h"
#include "tests/lsm/harness.h"

#define CHUNKS_MAX 4096

struct fixture {
    struct sim *sim;
    struct store store;
    uint64_t index;
    struct prng prng;
    struct buf *chunks;
    int count;
};

static void setup_with(struct fixture *f, uint64_t table_bytes)
{
    struct sim_options options;
    sim_options_init(&options, 1);
    *f = (struct fixture){.sim = sim_create(&options)};
    store_init_sim(&f->store, f->sim);
    if (table_bytes > 0) f->store.options.table_bytes = table_bytes;
    prng_init(&f->prng, 1);
    store_open(&f->store);
    f->chunks = calloc(CHUNKS_MAX, sizeof *f->chunks);
    assert_non_null(f->chunks);
    assert_int_equal(lsm_range_create(f->store.l, rid(1)), STATUS_OK);
}

static void setup(struct fixture *f)
{
    setup_with(f, 0);
}

static void forget_chunks(struct fixture *f)
{
    while (f->count > 0)
        buf_deinit(&f->chunks[--f->count]);
}

static void teardown(struct fixture *f)
{
    forget_chunks(f);
    free(f->chunks);
    store_deinit(&f->store);
    sim_destroy(f->sim);
}

static void put(struct fixture *f, const char *key, const char *value)
{
    store_put(&f->store, 1, ++f->index, LSM_SPACE_LOCAL, key, 0, value);
}

static void fill(struct fixture *f, int from, int to)
{
    char key[16], value[101] = {0};
    for (int i = from; i < to; i++) {
        snprintf(key, sizeof key, "%04d", i);
        for (int at = 0; at < 100; at++)
            value[at] = (char)prng_between(&f->prng, 33, 126);
        put(f, key, value);
    }
}

/* ---- taking and giving chunks ---- */

struct wait {
    struct lsm_waiter waiter;
    bool called;
};

static void on_ready(struct lsm_waiter *w)
{
    CONTAINER_OF(w, struct wait, waiter)->called = true;
}

static bool is_called(__attribute__((unused)) struct store *s, void *ctx)
{
    return ((struct wait *)ctx)->called;
}

/* The status of the last read. */
static enum status take(struct fixture *f, uint64_t range, size_t chunk_bytes)
{
    struct lsm_snapshot *s;
    uint64_t index;
    struct wait w;
    lsm_waiter_init(&w.waiter, on_ready);
    forget_chunks(f);
    enum status status = lsm_snapshot_open(f->store.l, rid(range), &s, &index);
    if (status != STATUS_OK) return status;
    do {
        assert_true(f->count < CHUNKS_MAX);
        struct buf *chunk = &f->chunks[f->count++];
        buf_init(chunk, 64 << 20);
        while (w.called = false,
               (status = lsm_snapshot_read(s, chunk_bytes, &w.waiter, chunk)) == STATUS_WAIT)
            store_turns_until(&f->store, is_called, &w);
    } while (status == STATUS_OK);
    lsm_snapshot_close(s);
    return status;
}

static int file_chunks(const struct fixture *f)
{
    int count = 0;
    for (int i = 0; i < f->count; i++) {
        struct chunk chunk;
        assert_int_equal(chunk_open(buf_view(&f->chunks[i]), &chunk), STATUS_OK);
        count += chunk.is_file;
    }
    return count;
}

struct giving {
    struct fixture *f;
    enum status status;
};

static void give_entry(void *ctx)
{
    struct giving *g = ctx;
    struct fixture *f = g->f;
    struct lsm_ingest *in;
    g->status = lsm_ingest_begin(f->store.l, rid(2), &in);
    if (g->status != STATUS_OK) return;
    for (int i = 0; i < f->count && g->status == STATUS_OK; i++)
        g->status = lsm_ingest_chunk(in, buf_view(&f->chunks[i]));
    if (g->status == STATUS_OK)
        g->status = lsm_ingest_commit(in, f->index, BYTES_LITERAL("taken"));
    else
        lsm_ingest_abort(in);
}

static enum status give(struct fixture *f)
{
    struct giving g = {f, STATUS_OK};
    store_run(&f->store, give_entry, &g);
    return g.status;
}

static void expect_equal(struct fixture *f)
{
    struct model from, to;
    assert_int_equal(store_read_all(&f->store, 1, &from), STATUS_OK);
    assert_int_equal(store_read_all(&f->store, 2, &to), STATUS_OK);
    assert_true(model_equal(&from, &to));
    model_deinit(&from);
    model_deinit(&to);
}

/* ---- the tests ---- */

TEST(lsm_snapshot, whole_tables_travel_as_they_are_and_memtables_as_items)
{
    struct fixture f;
    setup(&f);
    fill(&f, 0, 300);
    store_flush(&f.store, 1);
    fill(&f, 290, 310);
    for (size_t bytes = 100; bytes <= 100000; bytes *= 10) {
        assert_int_equal(take(&f, 1, bytes), STATUS_NOT_FOUND);
        assert_true(file_chunks(&f) > 0);
        assert_true(file_chunks(&f) < f.count);
        assert_int_equal(give(&f), STATUS_OK);
        expect_equal(&f);
    }
    uint64_t written = lsm_metrics(f.store.l)->compaction_write_bytes;
    store_flush(&f.store, 1);
    store_close(&f.store);
    store_open(&f.store);
    expect_equal(&f);
    assert_u64_equal(written, 0);
    teardown(&f);
}

TEST(lsm_snapshot, level_0_keeps_its_order)
{
    struct fixture f;
    setup(&f);
    put(&f, "k", "old");
    store_flush(&f.store, 1);
    put(&f, "k", "new");
    store_flush(&f.store, 1);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(take(&f, 1, 1000), STATUS_NOT_FOUND);
        assert_int_equal(give(&f), STATUS_OK);
        expect_equal(&f);
        put(&f, "k", "newest");
    }
    teardown(&f);
}

TEST(lsm_snapshot, a_part_of_a_table_travels_without_the_rest)
{
    struct fixture f;
    setup_with(&f, 1 << 20); /* one table per flush */
    fill(&f, 0, 300);
    store_flush(&f.store, 1);
    assert_int_equal(lsm_apply(f.store.l, rid(1), ++f.index, NULL, 0), STATUS_OK);
    assert_int_equal(lsm_range_split(f.store.l, rid(1), rid(3), BYTES_LITERAL("0100"), BYTES_EMPTY),
                     STATUS_OK);
    store_settle(&f.store);
    assert_int_equal(take(&f, 1, 1000), STATUS_NOT_FOUND);
    assert_int_equal(file_chunks(&f), 0);
    assert_int_equal(give(&f), STATUS_OK);
    expect_equal(&f);
    teardown(&f);
}

TEST(lsm_snapshot, a_block_that_is_bad_at_the_sender_fences_it_and_does_not_leave)
{
    struct fixture f;
    setup(&f);
    fill(&f, 0, 300);
    store_flush(&f.store, 1);
    struct table *t = range_find(f.store.l, rid(1))->version->pieces[0]->table;
    assert_true(sim_disk_rot(sim_disk(f.sim, 1), t->path, 5000, 1));
    assert_int_equal(take(&f, 1, 1000), STATUS_CORRUPT);
    store_turn(&f.store);
    assert_true(f.store.corrupt[1]);
    teardown(&f);
}

/* What was read when the table was opened says nothing of what the file holds now: sent, nobody would take it, ever. */
TEST(lsm_snapshot, an_end_that_is_bad_at_the_sender_fences_it_and_does_not_leave)
{
    for (int place = 0; place < 3; place++) {
        struct fixture f;
        setup(&f);
        fill(&f, 0, 300);
        store_flush(&f.store, 1);
        const struct table *t = range_find(f.store.l, rid(1))->version->pieces[0]->table;
        uint64_t top_end = t->facts.top.offset + t->facts.top.size;
        uint64_t at[] = {t->facts.top.offset + 20, top_end + 20 /* the footer */, t->size_bytes - 1};
        assert_true(sim_disk_rot(sim_disk(f.sim, 1), t->path, at[place], 1));
        assert_int_equal(take(&f, 1, 1000), STATUS_CORRUPT);
        store_turn(&f.store);
        assert_true(f.store.corrupt[1]);
        teardown(&f);
    }
}

TEST(lsm_snapshot, a_table_that_changed_on_the_way_is_refused)
{
    struct fixture f;
    setup(&f);
    fill(&f, 0, 60);
    store_flush(&f.store, 1);
    assert_int_equal(take(&f, 1, 1 << 20), STATUS_NOT_FOUND);
    assert_int_equal(f.count, 1);
    struct chunk chunk;
    assert_int_equal(chunk_open(buf_view(&f.chunks[0]), &chunk), STATUS_OK);
    const struct table *t = range_find(f.store.l, rid(1))->version->pieces[0]->table;
    size_t end = (size_t)t->facts.top.offset + t->facts.top.size; /* zeros follow the footer */
    uint8_t *bytes = malloc(chunk.file.bytes.size);
    memcpy(bytes, chunk.file.bytes.data, chunk.file.bytes.size);
    chunk.file.bytes.data = bytes;
    for (size_t at = 0; at <= end; at += 61) {
        size_t place = at < end ? at : chunk.file.bytes.size - 1; /* and the tail */
        bytes[place] ^= 1;
        struct chunk_writer w; /* its own checksum is right */
        buf_reset(&f.chunks[0]);
        chunk_begin(&w, &f.chunks[0]);
        chunk_add_file(&w, &chunk.file);
        chunk_end(&w, 0, chunk.section, true, chunk.newest_ts);
        bytes[place] ^= 1;
        assert_int_equal(give(&f), STATUS_CORRUPT);
    }
    assert_false(lsm_range_exists(f.store.l, rid(2)));
    store_settle(&f.store);
    free(bytes);
    teardown(&f);
}

/* One chunk with one item, of a section. */
static void put_chunk(struct fixture *f, uint32_t number, uint32_t level, const char *key,
                      bool last)
{
    struct chunk_writer w;
    struct buf *b = &f->chunks[f->count];
    buf_init(b, 1 << 20);
    chunk_begin(&w, b);
    struct lsm_item item = {LSM_SPACE_LOCAL, bytes_of_string(key), 0, false, BYTES_LITERAL("v")};
    chunk_add(&w, &item);
    chunk_end(&w, (uint64_t)f->count, (struct chunk_section){number, level}, last, 0);
    f->count++;
}

TEST(lsm_snapshot, sections_that_contradict_each_other_are_refused)
{
    static const struct {
        uint32_t numbers[2], levels[2];
        const char *keys[2];
        enum status status;
    } cases[] = {
        {{0, 1}, {6, 6}, {"a", "b"}, STATUS_OK},
        {{0, 1}, {6, 0}, {"a", "a"}, STATUS_OK},
        {{0, 1}, {0, 0}, {"a", "a"}, STATUS_OK},
        {{0, 0}, {6, 6}, {"a", "b"}, STATUS_OK},
        {{0, 0}, {6, 6}, {"a", "a"}, STATUS_CORRUPT}, /* twice */
        {{0, 1}, {6, 6}, {"b", "a"}, STATUS_CORRUPT}, /* a level out of order */
        {{0, 1}, {0, 6}, {"a", "b"}, STATUS_CORRUPT}, /* an older level later */
        {{0, 0}, {6, 5}, {"a", "b"}, STATUS_CORRUPT}, /* two levels in one section */
        {{0, 2}, {6, 6}, {"a", "b"}, STATUS_CORRUPT}, /* a section is missing */
        {{1, 2}, {6, 6}, {"a", "b"}, STATUS_CORRUPT},
        {{0, 1}, {7, 6}, {"a", "b"}, STATUS_CORRUPT}, /* no such level */
    };
    struct fixture f;
    setup(&f);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        forget_chunks(&f);
        for (int j = 0; j < 2; j++)
            put_chunk(&f, cases[i].numbers[j], cases[i].levels[j], cases[i].keys[j], j == 1);
        enum status status = give(&f);
        if (status != cases[i].status) fail_msg("case %zu: %s", i, status_name(status));
    }
    teardown(&f);
}

TEST(lsm_snapshot, a_snapshot_closed_while_it_reads_leaves_nothing_behind)
{
    struct fixture f;
    setup(&f);
    fill(&f, 0, 300);
    store_flush(&f.store, 1);
    struct lsm_snapshot *s;
    uint64_t index;
    struct buf chunk;
    buf_init(&chunk, 1 << 20);
    assert_int_equal(lsm_snapshot_open(f.store.l, rid(1), &s, &index), STATUS_OK);
    assert_int_equal(lsm_snapshot_read(s, 1000, NULL, &chunk), STATUS_WAIT);
    lsm_snapshot_close(s);
    assert_false(lsm_idle(f.store.l));
    store_settle(&f.store);
    buf_deinit(&chunk);
    teardown(&f);
}

/* Reads until a chunk is there. */
static void read_chunk(struct fixture *f, struct lsm_snapshot *s, struct buf *chunk)
{
    struct wait w;
    lsm_waiter_init(&w.waiter, on_ready);
    enum status status;
    while (w.called = false, (status = lsm_snapshot_read(s, 1000, &w.waiter, chunk)) == STATUS_WAIT)
        store_turns_until(&f->store, is_called, &w);
    assert_int_equal(status, STATUS_OK);
}

TEST(lsm_snapshot, reads_the_next_table_while_one_is_sent)
{
    struct fixture f;
    setup(&f);
    for (int i = 0; i < 2; i++) { /* two tables of level 0: their keys overlap */
        put(&f, "k", "v");
        fill(&f, 0, 100);
        store_flush(&f.store, 1);
    }
    struct lsm_snapshot *s;
    uint64_t index;
    struct buf chunk;
    buf_init(&chunk, 1 << 20);
    assert_int_equal(lsm_snapshot_open(f.store.l, rid(1), &s, &index), STATUS_OK);
    read_chunk(&f, s, &chunk);
    assert_u64_equal(f.store.l->table_read_count, 1);
    lsm_snapshot_close(s); /* the read ends behind it */
    assert_false(lsm_idle(f.store.l));
    store_settle(&f.store);
    assert_u64_equal(f.store.l->table_read_count, 0);
    assert_int_equal(lsm_snapshot_open(f.store.l, rid(1), &s, &index), STATUS_OK);
    read_chunk(&f, s, &chunk);
    store_settle(&f.store);
    lsm_snapshot_close(s); /* and when it has ended before */
    buf_deinit(&chunk);
    teardown(&f);
}

TEST(lsm_snapshot, reads_a_part_of_the_next_table_with_each_chunk)
{
    struct fixture f;
    setup_with(&f, 4 << 20);
    f.store.options.memtable_bytes = 16 << 20; /* of the next life */
    store_close(&f.store);
    store_open(&f.store);
    assert_int_equal(lsm_range_create(f.store.l, rid(1)), STATUS_OK);
    for (int i = 0; i < 2; i++) {
        fill(&f, 0, 8000); /* some 900 KiB */
        store_flush(&f.store, 1);
    }
    struct lsm_snapshot *s;
    uint64_t index;
    struct buf chunk;
    buf_init(&chunk, 1 << 20);
    assert_int_equal(lsm_snapshot_open(f.store.l, rid(1), &s, &index), STATUS_OK);
    for (int parts = 0; parts < 3; parts++) {
        buf_reset(&chunk);
        read_chunk(&f, s, &chunk);
        assert_u64_equal(f.store.l->table_read_count, 1);
        store_settle(&f.store); /* no further than this part */
    }
    lsm_snapshot_close(s);
    buf_deinit(&chunk);
    teardown(&f);
}
