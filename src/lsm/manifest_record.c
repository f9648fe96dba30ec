#include "lsm/manifest_int.h"

#include <stdio.h>
#include <stdlib.h>

#define REMOVED_BYTES 8
#define ADDED_BYTES   33

/* ---- encoding ---- */

void manifest_record_put_head(struct buf *b, const struct manifest_record_head *head)
{
    put_u8(b, (uint8_t)head->kind);
    put_u64(b, head->range.value);
    put_u64(b, head->flushed_index);
    put_u64(b, head->newest_ts);
    put_sized(b, head->meta);
    put_u32(b, head->removed_count);
    put_u32(b, head->added_count);
}

void manifest_record_put_removed(struct buf *b, const struct table *t)
{
    put_u64(b, t->number);
}

void manifest_record_put_added(struct buf *b, const struct table *t, uint32_t level)
{
    put_u8(b, (uint8_t)level);
    put_u64(b, t->number);
    put_u64(b, t->size_bytes);
    put_u64(b, t->uid.high);
    put_u64(b, t->uid.low);
}

enum status manifest_record_get(struct reader *r, struct manifest_record *record_out)
{
    struct manifest_record record = {0};
    uint8_t kind = get_u8(r);
    record.range.value = get_u64(r);
    record.flushed_index = get_u64(r);
    record.newest_ts = get_u64(r);
    record.meta = get_sized(r);
    record.removed_count = get_u32(r);
    record.added_count = get_u32(r);
    record.removed = get_bytes(r, (size_t)record.removed_count * REMOVED_BYTES);
    record.added = get_bytes(r, (size_t)record.added_count * ADDED_BYTES);
    if (r->failed || record.range.value == 0) return STATUS_CORRUPT;
    if (kind < MANIFEST_RECORD_RANGE || kind > MANIFEST_RECORD_DROP) return STATUS_CORRUPT;
    record.kind = (enum manifest_record_kind)kind;
    *record_out = record;
    return STATUS_OK;
}

uint64_t manifest_removed_get(struct reader *r)
{
    return get_u64(r);
}

struct manifest_table manifest_added_get(struct reader *r)
{
    struct manifest_table t = {0};
    t.level = get_u8(r);
    t.number = get_u64(r);
    t.size_bytes = get_u64(r);
    t.uid.high = get_u64(r);
    t.uid.low = get_u64(r);
    return t;
}

/* ---- the sum ---- */

void manifest_state_init(struct manifest_state *s)
{
    map_init(&s->ranges);
}

static void range_free(struct manifest_range *r)
{
    buf_deinit(&r->meta);
    free(r->tables);
    free(r);
}

void manifest_state_deinit(struct manifest_state *s)
{
    size_t cursor = 0;
    struct map_slot *slot;
    while ((slot = map_next(&s->ranges, &cursor)) != NULL)
        range_free(slot->value);
    map_deinit(&s->ranges);
}

static enum status range_get(struct manifest_state *s, struct range_id id,
                             struct manifest_range **range_out)
{
    *range_out = map_get(&s->ranges, id.value);
    if (*range_out != NULL) return STATUS_OK;
    struct manifest_range *r = calloc(1, sizeof *r);
    if (r == NULL) return STATUS_NO_MEMORY;
    r->range = id;
    buf_init(&r->meta, MANIFEST_BYTES_MAX);
    enum status status = map_put(&s->ranges, id.value, r);
    if (status != STATUS_OK) {
        range_free(r);
        return status;
    }
    *range_out = r;
    return STATUS_OK;
}

static struct manifest_table *table_find(struct manifest_range *r, uint64_t number)
{
    for (uint32_t i = 0; i < r->table_count; i++)
        if (r->tables[i].number == number) return &r->tables[i];
    return NULL;
}

static enum status remove_tables(struct manifest_range *r, const struct manifest_record *record)
{
    struct reader removed = reader_make(record->removed);
    for (uint32_t i = 0; i < record->removed_count; i++) {
        struct manifest_table *t = table_find(r, manifest_removed_get(&removed));
        if (t == NULL) return STATUS_CORRUPT;
        *t = r->tables[--r->table_count];
    }
    return STATUS_OK;
}

static enum status add_tables(struct manifest_range *r, const struct manifest_record *record)
{
    struct reader added = reader_make(record->added);
    for (uint32_t i = 0; i < record->added_count; i++) {
        struct manifest_table t = manifest_added_get(&added);
        if (t.level >= LSM_LEVELS || t.number == 0) return STATUS_CORRUPT;
        if (table_find(r, t.number) != NULL) return STATUS_CORRUPT;
        if (r->table_count == r->table_capacity) {
            uint32_t capacity = r->table_capacity == 0 ? 8 : r->table_capacity * 2;
            struct manifest_table *tables = realloc(r->tables, capacity * sizeof *tables);
            if (tables == NULL) return STATUS_NO_MEMORY;
            r->tables = tables;
            r->table_capacity = capacity;
        }
        r->tables[r->table_count++] = t;
    }
    return STATUS_OK;
}

enum status manifest_state_apply(struct manifest_state *s, const struct manifest_record *record)
{
    if (record->kind == MANIFEST_RECORD_DROP) {
        struct manifest_range *gone = map_remove(&s->ranges, record->range.value);
        if (gone != NULL) range_free(gone);
        return STATUS_OK;
    }
    bool known = map_get(&s->ranges, record->range.value) != NULL;
    if (record->kind == MANIFEST_RECORD_COMPACTION && !known) return STATUS_CORRUPT;
    struct manifest_range *r;
    enum status status = range_get(s, record->range, &r);
    if (status != STATUS_OK) return status;
    if (record->kind == MANIFEST_RECORD_RANGE) r->table_count = 0;
    if (record->kind == MANIFEST_RECORD_FLUSH && record->flushed_index < r->flushed_index)
        return STATUS_CORRUPT;
    if (record->kind != MANIFEST_RECORD_COMPACTION) {
        r->flushed_index = record->flushed_index;
        r->newest_ts = record->newest_ts;
        buf_reset(&r->meta);
        buf_append_bytes(&r->meta, record->meta);
        if (r->meta.failed) return STATUS_NO_MEMORY;
    }
    status = remove_tables(r, record);
    return status == STATUS_OK ? add_tables(r, record) : status;
}

/* ---- loading ---- */

void manifest_path(const char *directory, const char *name, char path[LSM_PATH_BYTES_MAX])
{
    int size = snprintf(path, LSM_PATH_BYTES_MAX, "%s/%s", directory, name);
    ASSERT(size > 0 && size < LSM_PATH_BYTES_MAX);
}

static enum status add_frame(void *ctx, __attribute__((unused)) uint64_t frame,
                             uint32_t record_count, struct bytes records)
{
    struct manifest_state *s = ctx;
    struct reader r = reader_make(records);
    for (uint32_t i = 0; i < record_count; i++) {
        struct manifest_record record;
        enum status status = manifest_record_get(&r, &record);
        if (status == STATUS_OK) status = manifest_state_apply(s, &record);
        if (status != STATUS_OK) return status;
    }
    return reader_done(&r) ? STATUS_OK : STATUS_CORRUPT;
}

static enum status read_file(struct fio *f, const char *path, struct buf *bytes)
{
    env_file file;
    enum status status = fio_open(f, path, ENV_OPEN_READ, &file);
    if (status != STATUS_OK) return status;
    uint64_t size = 0;
    status = fio_size(f, file, &size);
    if (status == STATUS_OK && size > MANIFEST_BYTES_MAX) status = STATUS_CORRUPT;
    if (status == STATUS_OK && size > 0) {
        uint8_t *to = buf_reserve(bytes, (size_t)size);
        status = to == NULL ? STATUS_NO_MEMORY : fio_read(f, file, to, (size_t)size, 0);
        if (status == STATUS_OK) bytes->size = (size_t)size;
    }
    fio_close(f, file);
    return status;
}

enum status manifest_load(struct fio *f, const char *directory, struct manifest_scan *scan,
                          struct manifest_state *state)
{
    char path[LSM_PATH_BYTES_MAX];
    manifest_path(directory, MANIFEST_NAME, path);
    struct buf bytes;
    buf_init(&bytes, MANIFEST_BYTES_MAX);
    *scan = (struct manifest_scan){0};
    enum status status = read_file(f, path, &bytes);
    if (status == STATUS_OK) {
        status = manifest_scan(buf_view(&bytes), scan, add_frame, state);
        if (status == STATUS_CORRUPT && scan->detail[0] == 0)
            snprintf(scan->detail, sizeof scan->detail, "records of frame %llu contradict others",
                     (unsigned long long)scan->frame_count);
    }
    buf_deinit(&bytes);
    return status;
}
