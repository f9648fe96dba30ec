#include "lsm/table_write_int.h"

#include <errno.h>
#include <stdlib.h>

#define BUFFER_BYTES ((size_t)128 << 10)

/* ---- bytes to file ---- */

static enum status write_out(struct table_writer *t, size_t size)
{
    ASSERT(size % TABLE_ALIGN == 0);
    if (size == 0) return STATUS_OK;
    struct worker *w = t->worker;
    enum status status =
        WORKER_IO(w, fio_write(&w->fio, t->table->file, t->buffer, size, t->written));
    t->written += size;
    return status;
}

static enum status append(struct table_writer *t, struct bytes bytes)
{
    while (bytes.size > 0) {
        size_t used = (size_t)(t->offset - t->written), room = BUFFER_BYTES - used;
        size_t part = bytes.size < room ? bytes.size : room;
        memcpy(t->buffer + used, bytes.data, part);
        t->offset += part;
        bytes = bytes_make(bytes.data + part, bytes.size - part);
        if (part < room) continue;
        enum status status = write_out(t, BUFFER_BYTES);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

static enum status append_block(struct table_writer *t, enum block_kind kind, struct bytes raw,
                                bool compress, struct block_handle *handle_out)
{
    uint64_t offset = t->offset;
    buf_reset(&t->sealed);
    block_seal(&t->sealed, kind, raw, compress, t->table->uid, offset);
    if (t->sealed.failed) return STATUS_NO_MEMORY;
    *handle_out = (struct block_handle){offset, (uint32_t)t->sealed.size};
    enum status status = append(t, buf_view(&t->sealed));
    if (status == STATUS_OK) worker_handled(t->worker, raw.size);
    return status;
}

/* ---- blocks ---- */

/* Seals what `child` holds and records it under its last key in `parent`. */
static enum status flush_block(struct table_writer *t, struct block_builder *child,
                               enum block_kind kind, struct block_builder *parent)
{
    if (child->count == 0) return STATUS_OK;
    struct block_handle handle;
    bool compress = t->worker->lsm->options.compress;
    struct bytes raw = block_builder_finish(child);
    if (block_builder_failed(child)) return STATUS_NO_MEMORY;
    enum status status = append_block(t, kind, raw, compress, &handle);
    if (status != STATUS_OK) return status;
    struct buf value;
    uint8_t memory[24];
    value = (struct buf){memory, 0, sizeof memory, sizeof memory, false};
    block_handle_put(&value, handle);
    struct lsm_item entry = {child->last_space, buf_view(&child->last_key), child->last_ts, false,
                             buf_view(&value)};
    block_builder_add(parent, &entry);
    block_builder_reset(child);
    return block_builder_failed(parent) ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status flush_data(struct table_writer *t)
{
    enum status status = flush_block(t, &t->data, BLOCK_KIND_DATA, &t->index);
    if (status != STATUS_OK) return status;
    if (block_builder_size(&t->index) < t->worker->lsm->options.block_bytes) return STATUS_OK;
    return flush_block(t, &t->index, BLOCK_KIND_INDEX, &t->top);
}

/* ---- items ---- */

static void note_ts(struct table_writer *t, const struct lsm_item *item, bool same_key)
{
    if (item->space != LSM_SPACE_VERSIONS) return;
    struct table_facts *f = &t->facts;
    if (item->ts > f->newest_ts) f->newest_ts = item->ts;
    if (item->ts < f->oldest_ts) f->oldest_ts = item->ts;
    /* When it may go: once the version above it, or the tombstone itself, is covered. What the
     * filter left here although it is covered already is not worth another attempt. */
    uint64_t goes_at = same_key ? t->last_key.ts : item->tombstone ? item->ts : 0;
    uint64_t ends_at = gc_value_ends(&t->worker->lsm->options, item);
    if (goes_at > t->gc_ts) {
        f->garbage_count++;
        t->garbage_ts_sum += goes_at;
    } else if (ends_at != UINT64_MAX && ends_at > t->gc_ts) {
        t->ending_count++;
        t->ending_ts_sum += ends_at;
    }
    if (ends_at == UINT64_MAX) return;
    f->ending_count++;
    if (ends_at > f->ends_ts) f->ends_ts = ends_at;
}

/* What ends by itself may end much later than the rest may go, which is not made to wait for it: the footer speaks of it
 * where the rest is not worth an attempt. */
static void note_garbage(struct table_writer *t)
{
    struct table_facts *f = &t->facts;
    if (f->garbage_count * 4 < f->entry_count) {
        f->garbage_count += t->ending_count;
        t->garbage_ts_sum += t->ending_ts_sum;
    }
    if (f->garbage_count > 0) f->garbage_ts = (uint64_t)(t->garbage_ts_sum / f->garbage_count);
}

static enum status note_key(struct table_writer *t, const struct lsm_item *item)
{
    struct item_key last = {t->last_key.space, buf_view(&t->last), t->last_key.ts};
    struct item_key next = item_key_of(item);
    bool any = t->facts.entry_count > 0;
    ASSERT(!any || item_key_compare(&last, &next) < 0);
    bool same_key = any && last.space == item->space && bytes_equal(last.key, item->key);
    note_ts(t, item, same_key);
    t->last_key.space = item->space;
    t->last_key.ts = item->ts;
    if (same_key) return STATUS_OK;
    if (t->facts.entry_count == 0) {
        t->first_key = item_key_of(item);
        buf_append_bytes(&t->first, item->key);
    }
    buf_reset(&t->last);
    buf_append_bytes(&t->last, item->key);
    put_u64(&t->hashes, filter_hash(item->space, item->key));
    bool failed = t->first.failed || t->last.failed || t->hashes.failed;
    return failed ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status table_writer_add(struct table_writer *t, const struct lsm_item *item)
{
    enum status status = note_key(t, item);
    if (status != STATUS_OK) return status;
    t->facts.entry_count++;
    t->facts.raw_bytes += item->key.size + item->value.size;
    size_t room = t->worker->lsm->options.block_bytes;
    block_builder_add(&t->data, item);
    if (block_builder_failed(&t->data)) return STATUS_NO_MEMORY;
    return block_builder_size(&t->data) < room ? STATUS_OK : flush_data(t);
}

uint64_t table_writer_size(const struct table_writer *t)
{
    return t->offset;
}

/* ---- the end ---- */

static enum status write_filter(struct table_writer *t)
{
    size_t key_count = t->hashes.size / 8;
    uint32_t lines = filter_line_count(key_count, t->facts.ending_count == t->facts.entry_count);
    uint8_t *bits = calloc(lines, FILTER_LINE_BYTES);
    if (bits == NULL) return STATUS_NO_MEMORY;
    for (size_t i = 0; i < key_count; i++) {
        uint64_t hash = load_le64(t->hashes.data + i * 8);
        filter_line_add(bits + (size_t)filter_line(hash, lines) * FILTER_LINE_BYTES, hash);
    }
    t->facts.filter_offset = t->offset;
    t->facts.filter_line_count = lines;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < lines && status == STATUS_OK; i += FILTER_LINES_PER_BLOCK) {
        uint32_t count = lines - i < FILTER_LINES_PER_BLOCK ? lines - i : FILTER_LINES_PER_BLOCK;
        struct bytes raw =
            bytes_make(bits + (size_t)i * FILTER_LINE_BYTES, (size_t)count * FILTER_LINE_BYTES);
        struct block_handle handle;
        status = append_block(t, BLOCK_KIND_FILTER, raw, false, &handle);
        if (status == STATUS_OK) cache_put(&t->worker->lsm->cache, t->table, handle, BLOCK_KIND_FILTER, raw);
    }
    free(bits);
    return status;
}

/* Keeps the raw top index for the open table. */
static enum status write_top(struct table_writer *t)
{
    struct bytes raw = block_builder_finish(&t->top);
    if (block_builder_failed(&t->top)) return STATUS_NO_MEMORY;
    t->table->top = malloc(raw.size);
    if (t->table->top == NULL) return STATUS_NO_MEMORY;
    memcpy(t->table->top, raw.data, raw.size);
    t->table->top_size = (uint32_t)raw.size;
    return append_block(t, BLOCK_KIND_TOP, raw, t->worker->lsm->options.compress, &t->facts.top);
}

static enum status write_footer(struct table_writer *t)
{
    struct table_facts *f = &t->facts;
    f->first = t->first_key;
    f->last = t->last_key;
    f->first.key = buf_view(&t->first);
    f->last.key = buf_view(&t->last);
    note_garbage(t);
    table_set_facts(t->table, f);
    struct buf raw;
    buf_init(&raw, TABLE_END_BYTES);
    table_footer_put(&raw, f);
    struct block_handle handle;
    enum status status = raw.failed || t->table->keys.failed ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK)
        status = append_block(t, BLOCK_KIND_FOOTER, buf_view(&raw), false, &handle);
    buf_deinit(&raw);
    if (status != STATUS_OK) return status;
    static const uint8_t zeros[TABLE_ALIGN];
    size_t padding = (size_t)(TABLE_ALIGN - (t->offset + TABLE_TAIL_BYTES) % TABLE_ALIGN);
    status = append(t, bytes_make(zeros, padding % TABLE_ALIGN));
    if (status != STATUS_OK) return status;
    struct table_tail tail;
    table_tail_make(&tail, t->table->uid, t->worker->lsm->options.store_id, handle);
    return append(t, bytes_make(&tail, sizeof tail));
}

static enum status complete(struct table_writer *t)
{
    ASSERT(t->facts.entry_count > 0);
    enum status status = flush_block(t, &t->data, BLOCK_KIND_DATA, &t->index);
    if (status == STATUS_OK) status = flush_block(t, &t->index, BLOCK_KIND_INDEX, &t->top);
    if (status == STATUS_OK) status = write_filter(t);
    if (status == STATUS_OK) status = write_top(t);
    if (status == STATUS_OK) status = write_footer(t);
    if (status == STATUS_OK) status = write_out(t, (size_t)(t->offset - t->written));
    if (status != STATUS_OK) return status;
    t->table->size_bytes = t->offset;
    if (MUTANT("lsm_table_not_synced")) return STATUS_OK;
    return WORKER_IO(t->worker, fio_sync(&t->worker->fio, t->table->file));
}

/* ---- lifetime ---- */

enum status table_file_create(struct worker *w, struct table *t)
{
    struct fio *f = &w->fio;
    unsigned flags = ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_EXCLUSIVE;
    enum status status = fio_open(f, t->path, flags | ENV_OPEN_DIRECT, &t->file);
    if (status != STATUS_IO || f->last_errno != EINVAL) return status;
    /* An open that refuses O_DIRECT may have made the file. */
    flags &= ~(unsigned)ENV_OPEN_EXCLUSIVE;
    return fio_open(f, t->path, flags, &t->file);
}

static void writer_free(struct table_writer *t)
{
    block_builder_deinit(&t->data);
    block_builder_deinit(&t->index);
    block_builder_deinit(&t->top);
    buf_deinit(&t->sealed);
    buf_deinit(&t->hashes);
    buf_deinit(&t->first);
    buf_deinit(&t->last);
    free(t->buffer);
    free(t);
}

static struct table_writer *writer_create(struct worker *w, uint64_t gc_ts)
{
    struct table_writer *t = calloc(1, sizeof *t);
    if (t == NULL) return NULL;
    t->worker = w;
    t->gc_ts = gc_ts;
    t->facts.oldest_ts = LSM_TS_MAX;
    block_builder_init(&t->data);
    block_builder_init(&t->index);
    block_builder_init(&t->top);
    buf_init(&t->sealed, 2 * (size_t)BLOCK_RAW_BYTES_MAX);
    buf_init(&t->hashes, SIZE_MAX / 2);
    buf_init(&t->first, LSM_KEY_BYTES_MAX);
    buf_init(&t->last, LSM_KEY_BYTES_MAX);
    t->buffer = aligned_alloc(TABLE_ALIGN, BUFFER_BYTES);
    if (t->buffer == NULL) {
        writer_free(t);
        return NULL;
    }
    return t;
}

enum status table_writer_open(struct worker *w, struct range_id range, uint64_t gc_ts,
                              struct table_writer **writer_out)
{
    struct lsm *l = w->lsm;
    struct table_writer *t = writer_create(w, gc_ts);
    if (t == NULL) return STATUS_NO_MEMORY;
    struct table_uid uid = {prng_next(&l->prng), prng_next(&l->prng)};
    enum status status = table_create(l, range, l->next_table_number++, uid, 0, &t->table);
    if (status != STATUS_OK) {
        writer_free(t);
        return status;
    }
    status = WORKER_IO(w, table_file_create(w, t->table));
    if (status != STATUS_OK) {
        table_writer_abort(t);
        return status;
    }
    *writer_out = t;
    return STATUS_OK;
}

void table_writer_abort(struct table_writer *t)
{
    t->table->obsolete = true;
    table_unpin(t->table);
    writer_free(t);
}

enum status table_writer_finish(struct table_writer *t, struct table **table_out)
{
    enum status status = complete(t);
    if (status != STATUS_OK) {
        table_writer_abort(t);
        return status;
    }
    *table_out = t->table;
    writer_free(t);
    return STATUS_OK;
}

/* ---- many tables ---- */

void tables_writer_init(struct tables_writer *t, struct worker *w, struct range_id range,
                        uint64_t gc_ts, uint64_t size_max)
{
    *t = (struct tables_writer){.worker = w, .range = range, .gc_ts = gc_ts, .size_max = size_max};
}

static enum status make_room(struct tables_writer *t)
{
    if (t->count < t->capacity) return STATUS_OK;
    uint32_t capacity = t->capacity == 0 ? 4 : t->capacity * 2;
    struct table **tables = realloc(t->tables, capacity * sizeof *tables);
    if (tables == NULL) return STATUS_NO_MEMORY;
    t->tables = tables;
    t->capacity = capacity;
    return STATUS_OK;
}

enum status tables_writer_adopt(struct tables_writer *t, struct table *table)
{
    ASSERT(t->writer == NULL);
    enum status status = make_room(t);
    if (status == STATUS_OK) t->tables[t->count++] = table;
    return status;
}

enum status tables_writer_cut(struct tables_writer *t)
{
    if (t->writer == NULL) return STATUS_OK;
    enum status room = make_room(t);
    if (room != STATUS_OK) return room;
    struct table_writer *writer = t->writer;
    t->writer = NULL;
    enum status status = table_writer_finish(writer, &t->tables[t->count]);
    if (status == STATUS_OK) t->count++;
    return status;
}

enum status tables_writer_add(struct tables_writer *t, const struct lsm_item *item)
{
    enum status status = STATUS_OK;
    bool full = t->writer != NULL && table_writer_size(t->writer) >= t->size_max;
    bool cut = t->cuts_before != NULL && t->cuts_before(t->ctx, t->writer, item);
    if (full || cut) status = tables_writer_cut(t);
    if (status == STATUS_OK && t->writer == NULL)
        status = table_writer_open(t->worker, t->range, t->gc_ts, &t->writer);
    return status == STATUS_OK ? table_writer_add(t->writer, item) : status;
}

enum status tables_writer_add_merged(struct tables_writer *t, struct tables_writer *ending, struct merge *merge,
                                     struct gc_filter *gc)
{
    struct item_key first = {LSM_SPACE_FIRST, BYTES_EMPTY, LSM_TS_MAX};
    merge_seek(merge, &first);
    for (;;) {
        const struct lsm_item *item;
        enum status status = merge_settle(merge, NULL, &item);
        if (status != STATUS_OK) return status == STATUS_NOT_FOUND ? STATUS_OK : status;
        bool keep;
        status = gc_filter_pass(gc, item, &keep);
        bool apart = ending != NULL && gc_value_ends(gc->options, item) != UINT64_MAX;
        if (status == STATUS_OK && keep) status = tables_writer_add(apart ? ending : t, item);
        if (status != STATUS_OK) return status;
        merge_step(merge);
    }
}

/* Of tables that came whole: one after the other would wait for the disk in between. */
static enum status sync_tables(struct tables_writer *t)
{
    struct worker *w = t->worker;
    for (uint32_t i = 0; i < t->count; i++) {
        struct table *table = t->tables[i];
        if (!table->unsynced || MUTANT("lsm_taken_table_not_synced")) continue;
        enum status status = WORKER_IO(w, fio_sync(&w->fio, table->file));
        if (status != STATUS_OK) return status;
        table->unsynced = false;
    }
    return STATUS_OK;
}

enum status tables_writer_finish(struct tables_writer *t)
{
    enum status status = tables_writer_cut(t);
    if (status == STATUS_OK) status = sync_tables(t);
    if (status != STATUS_OK || t->count == 0 || MUTANT("k23_table_name_not_synced")) return status;
    struct worker *w = t->worker;
    return WORKER_IO(w, fio_dir_sync(&w->fio, w->lsm->options.directory));
}

enum status tables_writer_pieces(const struct tables_writer *t, uint32_t level,
                                 struct leveled_piece *pieces)
{
    for (uint32_t i = 0; i < t->count; i++) {
        struct table *table = t->tables[i];
        pieces[i].level = level;
        enum status status = piece_create(table, table->number, NULL, NULL, &pieces[i].piece);
        if (status == STATUS_OK) continue;
        while (i > 0)
            piece_unpin(pieces[--i].piece);
        return status;
    }
    return STATUS_OK;
}

void tables_writer_deinit(struct tables_writer *t, bool drop)
{
    if (t->writer != NULL) table_writer_abort(t->writer);
    for (uint32_t i = 0; i < t->count; i++) {
        if (drop) t->tables[i]->obsolete = true;
        table_unpin(t->tables[i]);
    }
    free(t->tables);
    *t = (struct tables_writer){0};
}
