/* Disks that lie, fail or are full (testing.md scenarios 34, 36, 37, 40, 43, 45, 50). */
#include <stdio.h>
#include <stdlib.h>

#include "tests/lsm/harness.h"

#define KEPT  1 /* the range that is damaged */
#define OTHER 2 /* must not notice */

struct fixture {
    struct sim *sim;
    struct store store;
    struct model models[3];
    struct prng prng;
    uint64_t index[3], ts;
};

static void write_entries(struct fixture *f, uint64_t range, int count)
{
    while (count-- > 0) {
        struct random_writes w;
        random_writes_make(&w, &f->prng, 100, &f->ts);
        assert_int_equal(lsm_apply(f->store.l, rid(range), ++f->index[range], w.writes, w.count),
                         STATUS_OK);
        for (uint32_t i = 0; i < w.count; i++)
            model_write(&f->models[range], &w.writes[i]);
    }
}

static void open_fixture(struct fixture *f, uint64_t seed)
{
    *f = (struct fixture){0};
    struct sim_options options;
    sim_options_init(&options, seed);
    f->sim = sim_create(&options);
    store_init_sim(&f->store, f->sim);
    prng_init(&f->prng, seed);
    store_open(&f->store);
    for (uint64_t i = 1; i <= 2; i++) {
        model_init(&f->models[i]);
        assert_int_equal(lsm_range_create(f->store.l, rid(i)), STATUS_OK);
    }
}

static void close_fixture(struct fixture *f)
{
    for (int i = 1; i <= 2; i++)
        model_deinit(&f->models[i]);
    store_deinit(&f->store);
    sim_destroy(f->sim);
}

static void fill(struct fixture *f, int entries)
{
    for (uint64_t i = 1; i <= 2; i++) {
        write_entries(f, i, entries);
        store_flush(&f->store, i);
    }
}

/* True when everything read was right; false when the engine said STATUS_CORRUPT instead. Anything
 * else fails the test. */
static bool read_or_corrupt(struct fixture *f, uint64_t range)
{
    const struct model *m = &f->models[range];
    struct buf value;
    buf_init(&value, 1 << 20);
    bool good = true;
    for (size_t i = 0; i < m->count && good; i += 1 + m->count / 23) {
        const struct model_item *want = &m->items[i];
        struct lsm_version version;
        buf_reset(&value);
        enum status status =
            store_get(&f->store, range, want->space, model_key(want), want->ts, &version, &value);
        good = status != STATUS_CORRUPT;
        if (!good) break;
        if (want->tombstone && status == STATUS_NOT_FOUND) continue;
        assert_int_equal(status, STATUS_OK);
        assert_u64_equal(version.ts, want->ts);
        assert_true(bytes_equal(buf_view(&value), model_value(want)));
    }
    buf_deinit(&value);
    struct model found;
    enum status status = store_read_all(&f->store, range, &found);
    model_deinit(&found);
    if (status == STATUS_CORRUPT) return false;
    assert_int_equal(status, STATUS_OK);
    store_check_range(&f->store, range, m, 0);
    return good;
}

static void table_name(struct fixture *f, uint64_t range, char path[LSM_PATH_BYTES_MAX],
                       uint64_t *size_out)
{
    const struct range *r = range_find(f->store.l, rid(range));
    assert_int_equal(version_piece_count(r->version), 1);
    snprintf(path, LSM_PATH_BYTES_MAX, "%s", r->version->pieces[0]->table->path);
    *size_out = r->version->pieces[0]->table->size_bytes;
}

static void reopen(struct fixture *f)
{
    if (f->store.l != NULL) store_close(&f->store);
    store_open(&f->store);
}

/* So that a flush is one table. */
static void fill_one_table(struct fixture *f, int entries)
{
    f->store.options.table_bytes = 1 << 20;
    reopen(f);
    for (uint64_t i = 1; i <= 2; i++)
        assert_int_equal(lsm_range_create(f->store.l, rid(i)), STATUS_OK);
    fill(f, entries);
}

TEST(lsm_fault, a_flipped_bit_anywhere_in_a_table_never_shows_as_an_answer)
{
    struct fixture f;
    char path[LSM_PATH_BYTES_MAX];
    uint64_t size, noticed = 0, harmless = 0;
    open_fixture(&f, 1);
    fill_one_table(&f, 60);
    table_name(&f, KEPT, path, &size);
    for (uint64_t at = 0; at < size; at += 17) {
        store_close(&f.store);
        unsigned bit = (unsigned)(at % 8);
        assert_true(sim_disk_rot(sim_disk(f.sim, 1), path, at, bit));
        store_open(&f.store);
        bool good = read_or_corrupt(&f, KEPT);
        if (good)
            harmless++;
        else
            noticed++;
        assert_true(good || f.store.corrupt[KEPT] || f.store.corrupt_at_open[KEPT] ||
                    range_find(f.store.l, rid(KEPT))->corrupt);
        assert_true(read_or_corrupt(&f, OTHER));
        assert_false(f.store.corrupt[OTHER]);
        assert_true(sim_disk_rot(sim_disk(f.sim, 1), path, at, bit));
    }
    assert_true(noticed > harmless); /* what is harmless lies in the padding */
    assert_true(harmless * 17 <= 4096 + 17);
    close_fixture(&f);
}

TEST(lsm_fault, a_flipped_bit_in_the_manifest_stops_the_store)
{
    struct fixture f;
    uint64_t stopped = 0;
    open_fixture(&f, 2);
    fill(&f, 20);
    reopen(&f); /* the first frame holds all */
    write_entries(&f, KEPT, 20);
    store_flush(&f.store, KEPT); /* and a second one behind it */
    store_close(&f.store);
    struct sim_disk_image *image = sim_disk_snapshot(sim_disk(f.sim, 1));
    for (uint64_t at = 0; at < 8192; at += 3) {
        assert_true(sim_disk_rot(sim_disk(f.sim, 1), "store/lsm/manifest", at, at % 8));
        enum status status = store_try_open(&f.store);
        if (status == STATUS_OK) {
            assert_true(read_or_corrupt(&f, KEPT)); /* the bit was not part of any record */
            assert_true(read_or_corrupt(&f, OTHER));
            store_close(&f.store);
        } else {
            assert_true(status == STATUS_CORRUPT || status == STATUS_VERSION);
            stopped++;
        }
        store_crash(&f.store, SIM_CRASH_PROCESS);
        sim_disk_restore(sim_disk(f.sim, 1), image);
        store_restart_env(&f.store);
    }
    assert_true(stopped > 100);
    sim_disk_image_destroy(image);
    close_fixture(&f);
}

static void unlink_done(struct env_op *op, int64_t result)
{
    *(int64_t *)op->ctx = result;
}

static void remove_file(struct fixture *f, const char *path)
{
    int64_t result = INT64_MIN;
    struct env_op op = {.on_done = unlink_done, .ctx = &result};
    env_path_unlink(f->store.env, path, &op);
    while (result == INT64_MIN)
        env_poll(f->store.env, env_now_ns(f->store.env) + SIM_SEC);
    assert_int_equal(result, 0);
}

TEST(lsm_fault, a_missing_table_fences_its_range_until_it_is_replaced)
{
    struct fixture f;
    char path[LSM_PATH_BYTES_MAX];
    uint64_t size;
    open_fixture(&f, 3);
    fill_one_table(&f, 40);
    table_name(&f, KEPT, path, &size);
    store_close(&f.store);
    remove_file(&f, path);
    store_open(&f.store);
    assert_true(f.store.corrupt_at_open[KEPT]);
    assert_false(f.store.corrupt_at_open[OTHER]);
    assert_false(read_or_corrupt(&f, KEPT));
    assert_true(read_or_corrupt(&f, OTHER));
    reopen(&f); /* rewriting the manifest does not heal it */
    assert_true(f.store.corrupt_at_open[KEPT]);
    assert_int_equal(store_copy_range(&f.store, OTHER, &f.store, KEPT, 1000), STATUS_OK);
    store_check_range(&f.store, KEPT, &f.models[OTHER], 0);
    reopen(&f);
    assert_false(f.store.corrupt_at_open[KEPT]);
    store_check_range(&f.store, KEPT, &f.models[OTHER], 0);
    close_fixture(&f);
}

TEST(lsm_fault, a_lost_or_misdirected_table_write_never_shows_as_an_answer)
{
    uint64_t noticed = 0;
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct fixture f;
        open_fixture(&f, seed);
        write_entries(&f, OTHER, 30);
        store_flush(&f.store, OTHER);
        struct sim_disk_fault fault = {.kind = seed % 2 == 0 ? SIM_FAULT_WRITE_LOST
                                                             : SIM_FAULT_WRITE_MISDIRECTED,
                                       .path_part = ".tbl",
                                       .skip = seed % 5,
                                       .count = 1};
        sim_disk_inject(sim_disk(f.sim, 1), &fault);
        for (int i = 0; i < 6; i++) {
            write_entries(&f, KEPT, 20);
            store_flush(&f.store, KEPT);
            store_settle(&f.store);
        }
        bool good = read_or_corrupt(&f, KEPT);
        reopen(&f);
        good &= read_or_corrupt(&f, KEPT);
        good &= read_or_corrupt(&f, OTHER); /* a misdirected write may hit its file */
        noticed += !good;
        close_fixture(&f);
    }
    assert_true(noticed > 20);
}

TEST(lsm_fault, a_read_error_fences_the_range)
{
    struct fixture f;
    open_fixture(&f, 4);
    fill(&f, 40);
    struct sim_disk_fault fault = {.kind = SIM_FAULT_READ_ERROR, .path_part = ".tbl", .count = 1};
    sim_disk_inject(sim_disk(f.sim, 1), &fault);
    assert_false(read_or_corrupt(&f, KEPT));
    store_turn(&f.store);
    assert_true(f.store.corrupt[KEPT]);
    assert_true(read_or_corrupt(&f, OTHER));
    assert_int_equal(f.store.failed, STATUS_OK);
    close_fixture(&f);
}

/* Found by the cluster simulator: a scan over several tables was told of the damage in one while its waiter
 * still stood in line for a block of another, and was called after it had gone. */
TEST(lsm_fault, who_is_told_of_damage_waits_for_nothing)
{
    for (uint64_t skip = 0; skip < 8; skip++) {
        struct fixture f;
        open_fixture(&f, 40 + skip);
        for (int i = 0; i < 3; i++) fill(&f, 30);
        reopen(&f); /* nothing is in memory */
        struct sim_disk_fault fault = {
            .kind = SIM_FAULT_READ_ERROR, .path_part = ".tbl", .skip = skip, .count = 1};
        sim_disk_inject(sim_disk(f.sim, 1), &fault);
        uint64_t hash;
        enum status status = store_hash(&f.store, KEPT, &hash); /* asserts that nothing waits after it */
        assert_true(status == STATUS_OK || status == STATUS_CORRUPT);
        close_fixture(&f);
    }
}

static bool is_full(struct store *s, __attribute__((unused)) void *ctx)
{
    return lsm_disk_full(s->l);
}

static bool is_flushed(struct store *s, void *ctx)
{
    return s->flushed[KEPT] >= *(uint64_t *)ctx;
}

TEST(lsm_fault, a_full_disk_is_told_and_work_goes_on_by_itself_when_there_is_room)
{
    struct fixture f;
    open_fixture(&f, 5);
    fill(&f, 40);
    struct sim_disk *disk = sim_disk(f.sim, 1);
    sim_disk_set_quota(disk, sim_disk_used_bytes(disk) + 4096);
    write_entries(&f, KEPT, 200);
    lsm_range_flush(f.store.l, rid(KEPT));
    assert_true(store_turns_until(&f.store, is_full, NULL));
    assert_int_equal(f.store.failed, STATUS_OK);
    uint64_t told = f.store.flushed[KEPT], index = f.index[KEPT];
    assert_true(told < index);
    assert_true(read_or_corrupt(&f, KEPT)); /* reads go on */
    assert_true(read_or_corrupt(&f, OTHER));
    for (int i = 0; i < 200; i++)
        store_turn(&f.store);
    assert_true(lsm_disk_full(f.store.l));
    sim_disk_set_quota(disk, UINT64_MAX);
    assert_true(store_turns_until(&f.store, is_flushed, &index));
    assert_false(lsm_disk_full(f.store.l));
    reopen(&f);
    assert_u64_equal(f.store.index_at_open[KEPT], index);
    assert_true(read_or_corrupt(&f, KEPT));
    close_fixture(&f);
}

TEST(lsm_fault, a_disk_that_fills_at_any_moment_costs_nothing_but_time)
{
    for (uint64_t seed = 1; seed <= 25; seed++) {
        struct fixture f;
        open_fixture(&f, seed);
        struct sim_disk *disk = sim_disk(f.sim, 1);
        for (int i = 0; i < 12; i++) {
            sim_disk_set_quota(disk, sim_disk_used_bytes(disk) + prng_below(&f.prng, 40) * 4096);
            write_entries(&f, KEPT, 15);
            lsm_range_flush(f.store.l, rid(KEPT));
            for (int j = 0; j < 60; j++)
                store_turn(&f.store);
            assert_true(read_or_corrupt(&f, KEPT));
        }
        assert_int_equal(f.store.failed, STATUS_OK);
        sim_disk_set_quota(disk, UINT64_MAX);
        store_flush(&f.store, KEPT);
        reopen(&f);
        assert_u64_equal(f.store.index_at_open[KEPT], f.index[KEPT]);
        assert_true(read_or_corrupt(&f, KEPT));
        close_fixture(&f);
    }
}

static bool has_failed(struct store *s, __attribute__((unused)) void *ctx)
{
    return s->failed != STATUS_OK;
}

/* K22: the first error of a write or a sync ends it; nothing is told durable after it. */
static void check_failure(enum sim_fault kind, const char *path_part, uint64_t seed)
{
    struct fixture f;
    open_fixture(&f, seed);
    fill(&f, 20);
    uint64_t told = f.store.flushed[KEPT];
    struct sim_disk_fault fault = {.kind = kind, .path_part = path_part, .count = 1};
    sim_disk_inject(sim_disk(f.sim, 1), &fault);
    write_entries(&f, KEPT, 20);
    lsm_range_flush(f.store.l, rid(KEPT));
    assert_true(store_turns_until(&f.store, has_failed, NULL));
    assert_int_equal(f.store.failed, STATUS_IO);
    for (int i = 0; i < 300; i++) { /* later calls would succeed */
        write_entries(&f, OTHER, 1);
        lsm_range_flush(f.store.l, rid(OTHER));
        store_turn(&f.store);
    }
    assert_u64_equal(f.store.flushed[KEPT], told);
    assert_true(read_or_corrupt(&f, KEPT));
    store_crash(&f.store, SIM_CRASH_POWER);
    sim_disk_heal(sim_disk(f.sim, 1));
    store_restart_env(&f.store);
    store_open(&f.store);
    assert_true(f.store.index_at_open[KEPT] >= told);
    close_fixture(&f);
}

TEST(lsm_fault, the_first_failed_write_or_sync_stops_the_store_for_good)
{
    check_failure(SIM_FAULT_WRITE_ERROR, ".tbl", 6);
    check_failure(SIM_FAULT_SYNC_ERROR, ".tbl", 7);
    check_failure(SIM_FAULT_WRITE_ERROR, "manifest", 8);
    check_failure(SIM_FAULT_SYNC_ERROR, "manifest", 9);
}

TEST(lsm_fault, works_where_direct_access_is_refused)
{
    struct fixture f;
    struct sim_options options;
    f = (struct fixture){0};
    sim_options_init(&options, 10);
    f.sim = sim_create(&options);
    sim_disk_refuse_direct(sim_disk(f.sim, 1), true);
    store_init_sim(&f.store, f.sim);
    prng_init(&f.prng, 10);
    store_open(&f.store);
    for (uint64_t i = 1; i <= 2; i++)
        assert_int_equal(lsm_range_create(f.store.l, rid(i)), STATUS_OK);
    fill(&f, 40);
    reopen(&f);
    assert_true(read_or_corrupt(&f, KEPT));
    close_fixture(&f);
}

TEST(lsm_fault, the_directory_of_another_store_is_refused)
{
    struct fixture f;
    open_fixture(&f, 11);
    fill(&f, 5);
    store_close(&f.store);
    f.store.options.store_id++;
    assert_int_equal(store_try_open(&f.store), STATUS_INVALID);
    f.store.options.store_id--;
    store_open(&f.store);
    assert_true(read_or_corrupt(&f, KEPT));
    close_fixture(&f);
}

TEST(lsm_fault, tables_without_a_manifest_are_damage)
{
    struct fixture f;
    open_fixture(&f, 12);
    fill(&f, 5);
    store_close(&f.store);
    remove_file(&f, "store/lsm/manifest");
    assert_int_equal(store_try_open(&f.store), STATUS_CORRUPT);
    close_fixture(&f);
}
