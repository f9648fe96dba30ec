/* Fuzzes what the engine reads from its files and from other stores: tables, manifest, snapshot chunks.
 *
 * The first byte says which. Tables and manifest: edits of four bytes (where u24, value u8) of a file that was made
 * once; chunks and manifest records: the bytes themselves. The hashes are made to hold again, else nothing would get
 * past them. What must hold: every answer is right or STATUS_CORRUPT, and nothing but the one range is touched. */
#include <stdlib.h>

#include "base/hash.h"
#include "lsm/chunk_int.h"
#include "lsm/manifest_int.h"
#include "tests/lsm/harness.h"
#include "tests/sim/env/sim_disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define EDIT_BYTES 4
#define BLOCKS_MAX 256
#define FILE_BYTES_MAX (256u << 10)
#define DAMAGED 1
#define HEALTHY 2

static struct store store;
static struct sim_disk_image *image;
static char path[LSM_PATH_BYTES_MAX];
static struct table_uid uid;
static uint8_t original[FILE_BYTES_MAX], file[FILE_BYTES_MAX];
static size_t file_bytes;
static struct block_handle blocks[BLOCKS_MAX]; /* in the order of the file */
static uint32_t block_count;

/* ---- the file that is edited ---- */

static struct sim_inode *inode_of(const char *name)
{
    struct sim_inode *inode = sim_name_find(sim_disk(store.sim, 1), name);
    ASSERT(inode != NULL);
    return inode;
}

/* As block_seal hashes it. */
static uint64_t hash_of(const uint8_t *block, size_t size, uint64_t offset)
{
    uint64_t place[3] = {uid.high, uid.low, offset};
    return hash64(block, size - BLOCK_TRAILER_BYTES, hash64(place, sizeof place, 0));
}

static void find_blocks(void)
{
    for (size_t at = 0; at + BLOCK_HEAD_BYTES < file_bytes;) {
        uint32_t raw = load_le32(original + at + 4);
        size_t size = BLOCK_HEAD_BYTES + (size_t)raw + BLOCK_TRAILER_BYTES;
        if (original[at] == 0 || raw == 0 || size > file_bytes - at) break;
        if (load_le64(original + at + size - BLOCK_TRAILER_BYTES) != hash_of(original + at, size, at)) break;
        ASSERT(block_count < BLOCKS_MAX);
        blocks[block_count++] = (struct block_handle){at, (uint32_t)size};
        at += size;
    }
    ASSERT(block_count > 10);
    ASSERT(original[blocks[block_count - 1].offset] == BLOCK_KIND_FOOTER);
}

static void write_range(uint64_t range, uint64_t *ts)
{
    char key[64], value[64];
    for (uint64_t i = 0; i < 400; i++) {
        snprintf(key, sizeof key, "key%04llu%.*s", (unsigned long long)(i / 2), (int)(i % 20), "xxxxxxxxxxxxxxxxxxxx");
        snprintf(value, sizeof value, "value %llu %llu", (unsigned long long)range, (unsigned long long)i);
        store_put(&store, range, i + 1, i % 40 == 39 ? LSM_SPACE_LOCAL : LSM_SPACE_VERSIONS, key,
                  i % 40 == 39 ? 0 : ++*ts, i % 7 == 3 ? NULL : value);
    }
    store_flush(&store, range);
}

static void make_store(void)
{
    struct sim_options options;
    uint64_t ts = 100;
    sim_options_init(&options, 1);
    store_init_sim(&store, sim_create(&options));
    store.options.compress = false;
    store.options.table_bytes = FILE_BYTES_MAX;
    store_open(&store);
    for (uint64_t range = DAMAGED; range <= HEALTHY; range++) {
        enum status status = lsm_range_create(store.l, rid(range));
        ASSERT(status == STATUS_OK);
        write_range(range, &ts);
    }
    store_settle(&store);
    const struct table *t = range_find(store.l, rid(DAMAGED))->version->pieces[0]->table;
    snprintf(path, sizeof path, "%s", t->path);
    uid = t->uid;
    file_bytes = (size_t)t->size_bytes;
    ASSERT(file_bytes <= sizeof original);
    store_close(&store);
    sim_inode_read(inode_of(path), original, file_bytes, 0);
    find_blocks();
    image = sim_disk_snapshot(sim_disk(store.sim, 1));
}

/* The process ends, and another one starts on the files of the beginning; edited: with the edited table. */
static void restart(bool edited)
{
    store_crash(&store, SIM_CRASH_PROCESS);
    sim_disk_restore(sim_disk(store.sim, 1), image);
    if (edited) sim_inode_write(inode_of(path), file, file_bytes, 0);
    store_restart_env(&store);
    store_open(&store);
}

/* ---- tables ---- */

static void edit_table(const uint8_t *data, size_t size)
{
    memcpy(file, original, file_bytes);
    for (; size >= EDIT_BYTES; data += EDIT_BYTES, size -= EDIT_BYTES)
        file[((size_t)load_le16(data) | (size_t)data[2] << 16) % file_bytes] = data[3];
    for (uint32_t i = 0; i < block_count; i++) {
        struct block_handle b = blocks[i];
        store_le64(file + b.offset + b.size - BLOCK_TRAILER_BYTES, hash_of(file + b.offset, b.size, b.offset));
    }
    struct table_tail tail;
    uint8_t *end = file + file_bytes - sizeof tail;
    memcpy(&tail, end, sizeof tail);
    tail.hash = hash64(&tail, offsetof(struct table_tail, hash), 0);
    memcpy(end, &tail, sizeof tail);
}

static bool is_answer(enum status status)
{
    return status == STATUS_OK || status == STATUS_NOT_FOUND || status == STATUS_CORRUPT;
}

static void read_range(uint64_t range)
{
    for (int reverse = 0; reverse < 2; reverse++) {
        struct lsm_iter *it;
        enum status status = lsm_iter_open(store.l, rid(range), LSM_SPACE_VERSIONS, BYTES_EMPTY, BYTES_EMPTY,
                                           LSM_TS_MAX, reverse ? LSM_ITER_NEWEST : LSM_ITER_ALL_VERSIONS,
                                           reverse != 0, &it);
        struct lsm_item item;
        if (status == STATUS_OK) {
            for (int i = 0; i < 5000 && (status = store_next(&store, it, &item)) == STATUS_OK; i++)
                ASSERT(item.key.size <= LSM_KEY_BYTES_MAX && item.value.size <= LSM_VALUE_BYTES_MAX);
            lsm_iter_close(it);
        }
        ASSERT(is_answer(status));
    }
    static const char *const keys[] = {"key0000", "key0010x", "key0199xxxxxxxxxxxxxxxxxxx", "zzz", ""};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct lsm_version version;
        struct buf value;
        buf_init(&value, LSM_VALUE_BYTES_MAX);
        enum status status = store_get(&store, range, LSM_SPACE_VERSIONS, bytes_of_string(keys[i]),
                                       i % 2 == 0 ? LSM_TS_MAX : 300, &version, &value);
        ASSERT(is_answer(status));
        buf_deinit(&value);
    }
    uint64_t hash;
    ASSERT(is_answer(store_hash(&store, range, &hash)));
}

static uint64_t healthy_hash(void)
{
    uint64_t hash = 0;
    enum status status = store_hash(&store, HEALTHY, &hash);
    ASSERT(status == STATUS_OK);
    return hash;
}

/* Everything a compaction reads and writes of the range, too. */
static void compact(void)
{
    if (range_find(store.l, rid(DAMAGED))->corrupt) return;
    lsm_range_set_gc(store.l, rid(DAMAGED), 1000);
    for (uint64_t i = 0; i < 5; i++) {
        store_put(&store, DAMAGED, 1000 + i, LSM_SPACE_VERSIONS, "key0100", 2000 + i, "again");
        if (range_find(store.l, rid(DAMAGED))->corrupt) return;
        lsm_range_flush(store.l, rid(DAMAGED));
        store_settle(&store);
        if (range_find(store.l, rid(DAMAGED))->corrupt) return;
    }
}

static void check_table(const uint8_t *data, size_t size)
{
    static uint64_t expected;
    edit_table(data, size);
    restart(true);
    if (expected == 0) expected = healthy_hash();
    if (!range_find(store.l, rid(DAMAGED))->corrupt) read_range(DAMAGED);
    if (!range_find(store.l, rid(DAMAGED))->corrupt) compact();
    ASSERT(healthy_hash() == expected);
    ASSERT(store.failed == STATUS_OK);
    store_close(&store);
}

/* ---- one block ---- */

static void check_block(const uint8_t *data, size_t size)
{
    struct block_cursor c;
    block_cursor_init(&c);
    uint8_t *copy = malloc(size + 1); /* of exactly its size */
    ASSERT(copy != NULL);
    memcpy(copy, data, size);
    static const char *const targets[] = {"", "key", "m", "\xff\xff"};
    if (block_cursor_open(&c, bytes_make(copy, size)) == STATUS_OK) {
        enum status status = block_cursor_first(&c);
        for (int i = 0; i < 1000 && status == STATUS_OK; i++) status = block_cursor_next(&c);
        ASSERT(is_answer(status));
        status = block_cursor_last(&c);
        for (int i = 0; i < 1000 && status == STATUS_OK; i++) status = block_cursor_prev(&c);
        ASSERT(is_answer(status));
        for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
            struct item_key target = {LSM_SPACE_VERSIONS, bytes_of_string(targets[i]), 5};
            ASSERT(is_answer(block_cursor_seek(&c, &target)));
        }
    }
    block_cursor_deinit(&c);
    free(copy);
    struct block_handle handle;
    if (block_handle_get(bytes_make(data, size), &handle) == STATUS_OK) ASSERT(handle.size > 0 || size > 0);
    struct table_facts facts;
    if (table_footer_get(bytes_make(data, size), TABLE_VERSION, &facts) == STATUS_OK)
        ASSERT(item_key_compare(&facts.first, &facts.last) <= 0);
}

/* ---- the manifest ---- */

static enum status add_up(void *ctx, uint64_t frame, uint32_t record_count, struct bytes records)
{
    (void)frame;
    struct reader r = reader_make(records);
    for (uint32_t i = 0; i < record_count; i++) {
        struct manifest_record record;
        enum status status = manifest_record_get(&r, &record);
        if (status == STATUS_OK) status = manifest_state_apply(ctx, &record);
        if (status != STATUS_OK) return status;
    }
    return reader_done(&r) ? STATUS_OK : STATUS_CORRUPT;
}

/* Frames whose hashes hold around whatever records, then the file with a few bytes changed. */
static void check_manifest(const uint8_t *data, size_t size)
{
    struct buf f;
    buf_init(&f, 1 << 20);
    uint64_t frame = 0;
    size_t edits = size > 0 ? (data[0] & 3u) * 3u : 0;
    for (size_t at = 1 + edits; at + 2 <= size;) {
        size_t bytes = data[at], count = data[at + 1] % 8u;
        at += 2;
        if (bytes > size - at) bytes = size - at;
        manifest_frame_put(&f, 7, 99, ++frame, (uint32_t)count, bytes_make(data + at, bytes));
        at += bytes;
    }
    buf_append_zero(&f, 4096);
    for (size_t i = 1; i + 3 <= 1 + edits && i + 3 <= size; i += 3) f.data[load_le16(data + i) % f.size] ^= data[i + 2];
    struct manifest_scan scan;
    struct manifest_state state;
    manifest_state_init(&state);
    enum status status = manifest_scan(buf_view(&f), &scan, add_up, &state);
    ASSERT(status == STATUS_OK || status == STATUS_CORRUPT || status == STATUS_VERSION || status == STATUS_NO_MEMORY);
    if (status == STATUS_OK) ASSERT(scan.end <= f.size && scan.frame_count <= frame);
    manifest_state_deinit(&state);
    buf_deinit(&f);
}

/* ---- snapshot chunks ---- */

struct chunk_layout { /* as chunk.c writes it */
    uint64_t magic;
    uint32_t version, flags;
    uint64_t sequence, newest_ts;
    uint32_t section, level;
    uint32_t item_count, size_bytes;
    uint64_t hash;
};
_Static_assert(sizeof(struct chunk_layout) == CHUNK_HEAD_BYTES, "src/lsm/README.md");

static struct {
    const uint8_t *data;
    size_t size;
} input;

/* A stream of chunks with whole heads; the items are the input's. */
static void ingest(void *ctx)
{
    (void)ctx;
    struct lsm_ingest *in;
    enum status status = lsm_ingest_begin(store.l, rid(DAMAGED), &in);
    ASSERT(status == STATUS_OK);
    struct buf b;
    buf_init(&b, 1 << 20);
    uint64_t sequence = 0;
    struct chunk_section section = {0, LSM_LEVELS - 1};
    bool last = false;
    for (size_t at = 0; at + 3 <= input.size && !last && status == STATUS_OK; sequence++) {
        uint8_t flags = input.data[at], count = input.data[at + 1];
        size_t bytes = input.data[at + 2];
        at += 3;
        if (bytes > input.size - at) bytes = input.size - at;
        last = (flags & 1) != 0;
        buf_reset(&b);
        struct chunk_writer w;
        chunk_begin(&w, &b);
        buf_append(&b, input.data + at, bytes);
        w.file = (flags & 6) == 2; /* then the input says which bytes of which table it has */
        w.item_count = w.file ? 0 : count;
        if ((flags & 0x10) != 0) section.number++;
        section.level -= (flags >> 5) < section.level ? flags >> 5 : 0;
        chunk_end(&w, (flags & 6) == 6 ? flags : sequence, section, last,
                  (flags & 8) != 0 ? 10 : UINT64_MAX / 2);
        at += bytes;
        status = lsm_ingest_chunk(in, buf_view(&b));
    }
    buf_deinit(&b);
    if (status == STATUS_OK) status = lsm_ingest_commit(in, 5000, BYTES_EMPTY);
    else lsm_ingest_abort(in);
    ASSERT(status == STATUS_OK || status == STATUS_CORRUPT || status == STATUS_INVALID || status == STATUS_VERSION);
}

static void check_chunks(const uint8_t *data, size_t size)
{
    restart(false);
    uint64_t expected = healthy_hash();
    input.data = data;
    input.size = size;
    store_run(&store, ingest, NULL);
    read_range(DAMAGED);
    ASSERT(healthy_hash() == expected);
    ASSERT(store.failed == STATUS_OK);
    store_close(&store);
    struct chunk chunk; /* and without a head that holds */
    struct lsm_item item;
    if (chunk_open(bytes_make(data, size), &chunk) == STATUS_OK)
        while (chunk_next(&chunk, &item) == STATUS_OK) ASSERT(item.key.size <= LSM_KEY_BYTES_MAX);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(const uint8_t *, size_t) = {check_table, check_block, check_manifest,
                                                             check_chunks};
    if (size < 1) return 0;
    if (image == NULL) make_store();
    checks[data[0] % 4](data + 1, size - 1);
    return 0;
}
