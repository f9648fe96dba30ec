/* Each deliberate bug of the engine is caught: with it switched on, a scenario that passes without
 * it must fail. A scenario runs in a process of its own, this program again, because a failing one
 * ends as it likes. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"
#include "lsm/block_int.h"
#include "lsm/chunk_int.h"
#include "lsm/manifest_int.h"
#include "tests/lsm/crash.h"
#include "tests/lsm/ending.h"
#include "tests/lsm/memory.h"
#include "tests/lsm/random.h"
#include "tests/lsm/rewrite.h"

/* ---- scenarios ---- */

static void run_random(void)
{
    for (uint64_t seed = 100; seed < 106; seed++)
        random_run_sim(seed, 2500);
}

static void run_crash(void)
{
    crash_points(1, 8);
}

static void run_blocks(void)
{
    struct block_builder b;
    struct buf sealed;
    struct table_uid uid = {1, 2}, other = {1, 3};
    uint32_t size;
    block_builder_init(&b);
    buf_init(&sealed, 1 << 20);
    struct lsm_item item = {LSM_SPACE_LOCAL, BYTES_LITERAL("key"), 0, false,
                            BYTES_LITERAL("value")};
    block_builder_add(&b, &item);
    block_seal(&sealed, BLOCK_KIND_DATA, block_builder_finish(&b), false, uid, 64);
    struct bytes bytes = buf_view(&sealed);
    assert_int_equal(block_check(bytes, BLOCK_KIND_DATA, uid, 64, &size), STATUS_OK);
    assert_int_equal(block_check(bytes, BLOCK_KIND_DATA, other, 64, &size), STATUS_CORRUPT);
    assert_int_equal(block_check(bytes, BLOCK_KIND_DATA, uid, 128, &size), STATUS_CORRUPT);
    sealed.data[12] ^= 1;
    assert_int_equal(block_check(bytes, BLOCK_KIND_DATA, uid, 64, &size), STATUS_CORRUPT);
    block_builder_deinit(&b);
    buf_deinit(&sealed);
}

static void place(struct memtable *m, uint64_t index, bool there)
{
    char key[16];
    snprintf(key, sizeof key, "k%05llu", (unsigned long long)index / 2 * 37 % 10000);
    struct lsm_write w = {LSM_SPACE_INTENTS, !there, bytes_of_string(key), 0, there ? BYTES_LITERAL("v") : BYTES_EMPTY, there};
    assert_int_equal(memtable_write(m, index, &w, NULL), STATUS_OK);
}

static void run_swept(void)
{
    const struct item_key whole = {LSM_SPACE_FIRST, {NULL, 0}, LSM_TS_MAX};
    struct memtable *m;
    struct cursor *c;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    place(m, 2, true);
    assert_int_equal(memtable_cursor_open(m, 2, false, NULL, &c), STATUS_OK);
    place(m, 3, false);
    for (uint64_t index = 4; index < 1000; index++) place(m, index, index % 2 == 0);
    assert_int_equal(c->table->seek(c, &whole, NULL), STATUS_OK);
    assert_false(c->item.tombstone);
    c->table->close(c);
    memtable_unpin(m);
}

static void run_chunks(void)
{
    struct buf bytes;
    struct chunk_writer w;
    struct chunk chunk;
    buf_init(&bytes, 1 << 20);
    chunk_begin(&w, &bytes);
    struct lsm_item item = {LSM_SPACE_LOCAL, BYTES_LITERAL("key"), 0, false,
                            BYTES_LITERAL("value")};
    chunk_add(&w, &item);
    chunk_end(&w, 0, (struct chunk_section){0, 0}, true, 0);
    bytes.data[bytes.size - 1] ^= 1;
    assert_int_equal(chunk_open(buf_view(&bytes), &chunk), STATUS_CORRUPT);
    buf_deinit(&bytes);
}

static enum status take_frame(__attribute__((unused)) void *ctx,
                              __attribute__((unused)) uint64_t frame,
                              __attribute__((unused)) uint32_t record_count,
                              __attribute__((unused)) struct bytes records)
{
    return STATUS_OK;
}

static void run_manifest(void)
{
    struct buf file;
    struct manifest_scan scan;
    buf_init(&file, 1 << 20);
    for (uint64_t frame = 1; frame <= 3; frame++)
        manifest_frame_put(&file, 7, 9, frame, 1, BYTES_LITERAL("record"));
    buf_append_zero(&file, 4096);
    memset(file.data + 4096, 0, 4096); /* acknowledged, and gone */
    assert_int_equal(manifest_scan(buf_view(&file), &scan, take_frame, NULL), STATUS_CORRUPT);
    buf_deinit(&file);
}

struct fixture {
    struct sim *sim;
    struct store store;
};

static void open_fixture(struct fixture *f)
{
    struct sim_options options;
    sim_options_init(&options, 1);
    f->sim = sim_create(&options);
    store_init_sim(&f->store, f->sim);
    store_open(&f->store);
    assert_int_equal(lsm_range_create(f->store.l, rid(1)), STATUS_OK);
}

static bool flushed_or_failed(struct store *s, __attribute__((unused)) void *ctx)
{
    return s->failed != STATUS_OK || s->flushed[1] > 0;
}

static void run_failed_sync(void)
{
    struct fixture f;
    open_fixture(&f);
    struct sim_disk_fault fault = {
        .kind = SIM_FAULT_SYNC_ERROR, .path_part = "manifest", .count = 1};
    sim_disk_inject(sim_disk(f.sim, 1), &fault);
    store_put(&f.store, 1, 1, LSM_SPACE_LOCAL, "k", 0, "v");
    lsm_range_flush(f.store.l, rid(1));
    store_turns_until(&f.store, flushed_or_failed, NULL);
    assert_int_equal(f.store.failed, STATUS_IO);
    store_deinit(&f.store);
    sim_destroy(f.sim);
}

static void run_flush_limit(void)
{
    struct fixture f;
    open_fixture(&f);
    lsm_range_set_flush_limit(f.store.l, rid(1), 0);
    store_put(&f.store, 1, 1, LSM_SPACE_LOCAL, "k", 0, "v");
    lsm_range_flush(f.store.l, rid(1));
    for (int i = 0; i < 200; i++)
        store_turn(&f.store);
    assert_u64_equal(f.store.flushed[1], 0);
    store_deinit(&f.store);
    sim_destroy(f.sim);
}

static void run_out_of_order(void)
{
    struct fixture f;
    struct lsm_version version;
    open_fixture(&f);
    store_put(&f.store, 1, 1, LSM_SPACE_VERSIONS, "k", 50, "v");
    store_flush(&f.store, 1);
    store_put(&f.store, 1, 2, LSM_SPACE_VERSIONS, "k", 40, "w");
    assert_int_equal(
        store_get(&f.store, 1, LSM_SPACE_VERSIONS, BYTES_LITERAL("k"), 60, &version, NULL),
        STATUS_OK);
    assert_u64_equal(version.ts, 50);
    store_deinit(&f.store);
    sim_destroy(f.sim);
}

struct cut_ingest {
    struct store *store;
    enum status status;
};

static void cut_entry(void *ctx)
{
    struct cut_ingest *c = ctx;
    struct buf bytes;
    struct chunk_writer w;
    struct lsm_ingest *in;
    buf_init(&bytes, 1 << 20);
    chunk_begin(&w, &bytes);
    chunk_end(&w, 0, (struct chunk_section){0, 0}, false, 0); /* not the last one */
    assert_int_equal(lsm_ingest_begin(c->store->l, rid(2), &in), STATUS_OK);
    assert_int_equal(lsm_ingest_chunk(in, buf_view(&bytes)), STATUS_OK);
    c->status = lsm_ingest_commit(in, 5, BYTES_EMPTY);
    buf_deinit(&bytes);
}

struct changed {
    struct store *store;
    enum status status;
    struct bytes chunk;
};

static void changed_entry(void *ctx)
{
    struct changed *c = ctx;
    struct lsm_ingest *in;
    assert_int_equal(lsm_ingest_begin(c->store->l, rid(2), &in), STATUS_OK);
    c->status = lsm_ingest_chunk(in, c->chunk);
    lsm_ingest_abort(in);
}

static void run_cut_snapshot(void)
{
    struct fixture f;
    open_fixture(&f);
    struct cut_ingest c = {&f.store, STATUS_OK};
    store_run(&f.store, cut_entry, &c);
    assert_int_equal(c.status, STATUS_INVALID);
    store_deinit(&f.store);
    sim_destroy(f.sim);
}

static void run_split_in_memory(void)
{
    struct fixture f;
    struct model m;
    open_fixture(&f);
    store_put(&f.store, 1, 1, LSM_SPACE_VERSIONS, "a", 1, "v");
    store_put(&f.store, 1, 2, LSM_SPACE_VERSIONS, "b", 1, "v");
    lsm_range_set_flush_limit(f.store.l, rid(1), 0);
    assert_int_equal(lsm_range_split(f.store.l, rid(1), rid(2), BYTES_LITERAL("b"), BYTES_EMPTY),
                     STATUS_OK);
    for (uint64_t range = 1; range <= 2; range++) {
        assert_int_equal(store_read_all(&f.store, range, &m), STATUS_OK);
        assert_u64_equal(m.count, 1);
        model_deinit(&m);
    }
    store_deinit(&f.store);
    sim_destroy(f.sim);
}

static void run_merge(void)
{
    struct fixture f;
    open_fixture(&f);
    assert_int_equal(lsm_range_create(f.store.l, rid(2)), STATUS_OK);
    store_put(&f.store, 1, 1, LSM_SPACE_VERSIONS, "a", 1, "v");
    store_put(&f.store, 2, 1, LSM_SPACE_VERSIONS, "b", 1, "v");
    store_flush(&f.store, 1);
    store_flush(&f.store, 2);
    assert_int_equal(lsm_range_merge(f.store.l, rid(1), rid(2), BYTES_LITERAL("b")), STATUS_OK);
    store_settle(&f.store);
    store_close(&f.store);
    store_open(&f.store);
    assert_true(f.store.known[1]);
    assert_false(f.store.known[2]);
    store_deinit(&f.store);
    sim_destroy(f.sim);
}

static void run_snapshot_levels(void)
{
    struct fixture f;
    struct lsm_version version;
    struct buf value;
    open_fixture(&f);
    buf_init(&value, 100);
    store_put(&f.store, 1, 1, LSM_SPACE_LOCAL, "k", 0, "old");
    store_flush(&f.store, 1);
    store_put(&f.store, 1, 2, LSM_SPACE_LOCAL, "k", 0, "new");
    store_flush(&f.store, 1);
    assert_int_equal(store_copy_range(&f.store, 1, &f.store, 2, 1000), STATUS_OK);
    assert_int_equal(
        store_get(&f.store, 2, LSM_SPACE_LOCAL, BYTES_LITERAL("k"), 0, &version, &value),
        STATUS_OK);
    assert_true(bytes_equal(buf_view(&value), BYTES_LITERAL("new")));
    buf_deinit(&value);
    store_deinit(&f.store);
    sim_destroy(f.sim);
}

/* A block with one bit changed, in a chunk that is right. */
static void run_changed_table(void)
{
    struct fixture f;
    struct lsm_snapshot *s;
    struct buf bytes;
    struct chunk chunk;
    struct chunk_writer w;
    uint64_t index;
    open_fixture(&f);
    buf_init(&bytes, 1 << 20);
    store_put(&f.store, 1, 1, LSM_SPACE_LOCAL, "k", 0, "value");
    store_flush(&f.store, 1);
    assert_int_equal(lsm_snapshot_open(f.store.l, rid(1), &s, &index), STATUS_OK);
    while (lsm_snapshot_read(s, 1 << 20, NULL, &bytes) == STATUS_WAIT)
        store_turn(&f.store);
    lsm_snapshot_close(s);
    assert_int_equal(chunk_open(buf_view(&bytes), &chunk), STATUS_OK);
    assert_true(chunk.is_file);
    uint8_t *copy = malloc(chunk.file.bytes.size);
    memcpy(copy, chunk.file.bytes.data, chunk.file.bytes.size);
    copy[12] ^= 1;
    chunk.file.bytes.data = copy;
    struct changed c = {&f.store, STATUS_OK, BYTES_EMPTY};
    buf_reset(&bytes);
    chunk_begin(&w, &bytes);
    chunk_add_file(&w, &chunk.file);
    chunk_end(&w, 0, chunk.section, true, 0);
    c.chunk = buf_view(&bytes);
    store_run(&f.store, changed_entry, &c);
    assert_int_equal(c.status, STATUS_CORRUPT);
    free(copy);
    buf_deinit(&bytes);
    store_deinit(&f.store);
    sim_destroy(f.sim);
}

static uint64_t ends_at_once(struct bytes value)
{
    return value.size;
}

static bool never_ends(struct bytes key)
{
    return key.size == 0;
}

/* Lookups of this key do not ask what keeps values that end: it must not be put there. */
static void run_ends_by_key(void)
{
    const struct lsm_options options = {.value_ends = ends_at_once, .key_may_end = never_ends};
    const struct lsm_item item = {.space = LSM_SPACE_VERSIONS, .key = BYTES_LITERAL("row"), .value = BYTES_LITERAL("E")};
    assert_u64_equal(gc_value_ends(&options, &item), UINT64_MAX);
}

static struct lsm_write row(uint64_t i, char key[16])
{
    snprintf(key, 16, "k%05llu", (unsigned long long)(i * 7919 % 10007));
    return (struct lsm_write){LSM_SPACE_VERSIONS, false, bytes_of_string(key), 1, BYTES_LITERAL("v"), false};
}

static void run_ahead(void)
{
    char keys[500][16];
    struct mem_hint hints[500];
    struct memtable *m;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    for (uint64_t i = 0; i < 10000; i += 500) {
        struct lsm_write w[500];
        for (uint64_t k = 0; k < 500; k++) {
            w[k] = row(i + k, keys[k]);
            hints[k] = memtable_ask_ahead(m, &w[k], false);
        }
        for (uint64_t k = 0; k < 500; k++) assert_int_equal(memtable_write(m, i + k + 1, &w[k], &hints[k]), STATUS_OK);
    }
    for (uint64_t i = 0; i < 10000; i++) assert_non_null(memory_find(m, LSM_SPACE_VERSIONS, row(i, keys[0]).key, 1));
    memtable_unpin(m);
}

/* A key's versions in any order, among those of others: each is found at its time. */
static void run_newest(void)
{
    enum { KEYS = 200, TIMES = 40 };
    struct memtable *m;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    for (uint64_t i = 0; i < KEYS * TIMES; i++) {
        char key[16];
        struct lsm_write w = row(i % KEYS, key);
        w.ts = 1 + i / KEYS * 7 % TIMES; /* 7 and TIMES have no common divisor */
        struct mem_hint hint = memtable_ask_ahead(m, &w, false);
        assert_int_equal(memtable_write(m, i + 1, &w, &hint), STATUS_OK);
        assert_non_null(memory_find(m, LSM_SPACE_VERSIONS, row(hash_u64(i) % (i < KEYS ? i + 1 : KEYS), key).key, LSM_TS_MAX));
    }
    for (uint64_t i = 0; i < KEYS; i++) {
        char key[16];
        struct bytes k = row(i, key).key;
        for (uint64_t ts = 1; ts <= TIMES + 1; ts++) {
            const struct mem_entry *e = memory_find(m, LSM_SPACE_VERSIONS, k, ts);
            assert_non_null(e);
            assert_true(bytes_equal(mem_entry_key(e), k));
            assert_u64_equal(e->ts, ts < TIMES ? ts : TIMES);
        }
        assert_null(memory_find(m, LSM_SPACE_VERSIONS, k, 0));
        assert_null(memory_find(m, LSM_SPACE_VERSIONS, row(KEYS + i, key).key, LSM_TS_MAX));
    }
    memtable_unpin(m);
}

static const struct scenario {
    const char *name;
    void (*run)(void);
} scenarios[] = {
    {"random", run_random},
    {"crash", run_crash},
    {"blocks", run_blocks},
    {"chunks", run_chunks},
    {"manifest", run_manifest},
    {"failed_sync", run_failed_sync},
    {"flush_limit", run_flush_limit},
    {"out_of_order", run_out_of_order},
    {"cut_snapshot", run_cut_snapshot},
    {"split_in_memory", run_split_in_memory},
    {"merge", run_merge},
    {"snapshot_levels", run_snapshot_levels},
    {"changed_table", run_changed_table},
    {"rewrite", rewrite_run},
    {"ending", ending_run},
    {"ends_by_key", run_ends_by_key},
    {"over_little", rewrite_over_little},
    {"swept", run_swept},
    {"ahead", run_ahead},
    {"newest", run_newest},
    {"memory", memory_run},
};

static const struct {
    const char *mutant, *scenario;
} catches[] = {
    {"lsm_view_overwritten", "random"},
    {"lsm_recent_by_hash", "random"},
    {"lsm_alone_unasked", "random"},
    {"lsm_swept_under_readers", "swept"},
    {"lsm_sizes_unasked", "random"},
    {"lsm_hint_outlives_split", "ahead"},
    {"lsm_newest_of_any_key", "newest"},
    {"lsm_newest_is_the_last", "newest"},
    {"lsm_mem_filter_begins_empty", "newest"},
    {"lsm_mem_filter_second_unasked", "newest"},
    {"lsm_ending_forgotten", "memory"},
    {"lsm_ending_run_unsorted", "memory"},
    {"lsm_ending_beyond_window", "memory"},
    {"lsm_view_sees_later_writes", "random"},
    {"lsm_merge_shows_replaced", "random"},
    {"lsm_tombstone_dropped_above_older", "random"},
    {"lsm_gc_off_by_one", "random"},
    {"k21_stale_edit_admitted", "random"},
    {"lsm_window_ignored_by_tables", "random"},
    {"lsm_window_ignored_by_memtables", "split_in_memory"},
    {"lsm_window_ignored_by_compaction", "random"},
    {"lsm_split_edit_without_right", "random"},
    {"lsm_split_told_before_the_edit", "random"},
    {"lsm_merge_edit_keeps_right", "merge"},
    {"lsm_level0_groups_torn", "random"},
    {"lsm_flush_runs_not_cut", "rewrite"},
    {"lsm_ending_beside_rows", "ending"},
    {"lsm_ending_unknown", "ending"},
    {"lsm_ending_dropped_early", "ending"},
    {"lsm_ending_by_value_only", "ends_by_key"},
    {"lsm_flush_skips_nothing", "rewrite"},
    {"lsm_level0_moves_nothing", "rewrite"},
    {"lsm_level0_moves_over_little", "over_little"},
    {"lsm_snapshot_newest_first", "snapshot_levels"},
    {"lsm_taken_table_unverified", "changed_table"},
    {"lsm_table_not_synced", "crash"},
    {"lsm_taken_table_not_synced", "crash"},
    {"lsm_manifest_not_synced", "crash"},
    {"lsm_orphans_kept", "crash"},
    {"k23_table_name_not_synced", "crash"},
    {"k23_manifest_name_not_synced", "crash"},
    {"lsm_block_hash_unchecked", "blocks"},
    {"lsm_block_hash_without_place", "blocks"},
    {"lsm_chunk_hash_unchecked", "chunks"},
    {"k25_manifest_damage_as_torn", "manifest"},
    {"k22_manifest_sync_ignored", "failed_sync"},
    {"lsm_flush_limit_ignored", "flush_limit"},
    {"lsm_get_trusts_first_source", "out_of_order"},
    {"k21_snapshot_cut_short", "cut_snapshot"},
};

/* ---- the other process ---- */

static void child(__attribute__((unused)) void **state)
{
    const char *mutant = getenv("LSM_MUTANT"), *name = getenv("LSM_SCENARIO");
    if (mutant != NULL && mutant[0] != 0) assert_true(mutant_select(mutant) > 0);
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        if (strcmp(scenarios[i].name, name) == 0) scenarios[i].run();
}

__attribute__((constructor)) static void register_child(void)
{
    if (getenv("LSM_SCENARIO") != NULL) test_register("child", child);
}

static bool passes(const char *mutant, const char *scenario)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("LSM_MUTANT", mutant, 1);
        setenv("LSM_SCENARIO", scenario, 1);
        if (freopen("/dev/null", "w", stdout) == NULL || freopen("/dev/null", "w", stderr) == NULL)
            _exit(0);
        alarm(200); /* a scenario that hangs has noticed something as well */
        execl("/proc/self/exe", "lsm_mutant_test", "child", (char *)NULL);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST(lsm_mutant, scenarios_pass_without_a_bug)
{
    for (size_t i = 0; i < sizeof scenarios / sizeof scenarios[0]; i++)
        if (!passes("", scenarios[i].name)) fail_msg("%s fails", scenarios[i].name);
}

TEST(lsm_mutant, every_bug_is_caught)
{
    for (size_t i = 0; i < sizeof catches / sizeof catches[0]; i++)
        if (passes(catches[i].mutant, catches[i].scenario))
            fail_msg("%s is not caught by %s", catches[i].mutant, catches[i].scenario);
}

static void find_site(const struct mutant_site *site, __attribute__((unused)) void *ctx)
{
    bool ours = strncmp(site->name, "lsm_", 4) == 0, found = false;
    for (size_t i = 0; i < sizeof catches / sizeof catches[0]; i++)
        found = found || strcmp(catches[i].mutant, site->name) == 0;
    if (ours && !found) fail_msg("nothing catches %s", site->name);
}

TEST(lsm_mutant, every_site_has_its_scenario)
{
    mutant_visit(find_site, NULL);
}
