#include "lsm/manifest_int.h"

#include <stdio.h>
#include <stdlib.h>

#define REMOVED_BYTES   8

#define CUT_LOW  1 /* flags of an added piece */
#define CUT_HIGH 2

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

void manifest_record_put_removed(struct buf *b, const struct piece *p)
{
    put_u64(b, p->id);
}

static void put_cut(struct buf *b, const struct cut *c)
{
    if (!c->set) return;
    put_u8(b, (uint8_t)c->space);
    put_sized(b, c->key);
}

void manifest_record_put_added(struct buf *b, const struct piece *p, uint32_t level)
{
    const struct table *t = p->table;
    put_u8(b, (uint8_t)level);
    put_u64(b, p->id);
    put_u64(b, t->number);
    put_u64(b, t->size_bytes);
    put_u64(b, t->uid.high);
    put_u64(b, t->uid.low);
    put_u8(b, (uint8_t)((p->low.set ? CUT_LOW : 0) | (p->high.set ? CUT_HIGH : 0)));
    put_cut(b, &p->low);
    put_cut(b, &p->high);
}

/* Passes over the added pieces, which differ in size. */
static struct bytes get_added(struct reader *r, uint32_t count)
{
    struct reader begin = *r;
    for (uint32_t i = 0; i < count && !r->failed; i++)
        (void)manifest_added_get(r);
    if (r->failed) return BYTES_EMPTY;
    return get_bytes(&begin, reader_left(&begin) - reader_left(r));
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
    record.added = get_added(r, record.added_count);
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

static struct cut get_cut(struct reader *r, bool set)
{
    struct cut c = {.set = set};
    if (!set) return c;
    unsigned space = get_u8(r);
    c.space = (enum lsm_space)space;
    c.key = get_sized(r);
    if (space < LSM_SPACE_FIRST || space > LSM_SPACE_LAST + 1) r->failed = true;
    if (c.key.size > LSM_KEY_BYTES_MAX) r->failed = true;
    return c;
}

struct manifest_piece manifest_added_get(struct reader *r)
{
    struct manifest_piece p = {0};
    p.level = get_u8(r);
    p.id = get_u64(r);
    p.number = get_u64(r);
    p.size_bytes = get_u64(r);
    p.uid.high = get_u64(r);
    p.uid.low = get_u64(r);
    uint8_t flags = get_u8(r);
    if ((flags & ~(CUT_LOW | CUT_HIGH)) != 0) r->failed = true;
    p.low = get_cut(r, (flags & CUT_LOW) != 0);
    p.high = get_cut(r, (flags & CUT_HIGH) != 0);
    return p;
}

/* ---- the sum ---- */

void manifest_state_init(struct manifest_state *s)
{
    map_init(&s->ranges);
}

static void piece_free(struct manifest_piece *p)
{
    free((void *)(uintptr_t)p->low.key.data);
    free((void *)(uintptr_t)p->high.key.data);
}

static void remove_all(struct manifest_range *r)
{
    while (r->piece_count > 0)
        piece_free(&r->pieces[--r->piece_count]);
}

static void range_free(struct manifest_range *r)
{
    remove_all(r);
    buf_deinit(&r->meta);
    free(r->pieces);
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

static struct manifest_piece *piece_find(struct manifest_range *r, uint64_t id)
{
    for (uint32_t i = 0; i < r->piece_count; i++)
        if (r->pieces[i].id == id) return &r->pieces[i];
    return NULL;
}

static enum status remove_pieces(struct manifest_range *r, const struct manifest_record *record)
{
    struct reader removed = reader_make(record->removed);
    for (uint32_t i = 0; i < record->removed_count; i++) {
        struct manifest_piece *p = piece_find(r, manifest_removed_get(&removed));
        if (p == NULL) return STATUS_CORRUPT;
        piece_free(p);
        *p = r->pieces[--r->piece_count];
    }
    return STATUS_OK;
}

static enum status own_key(struct cut *c)
{
    if (c->key.size == 0) {
        c->key = BYTES_EMPTY;
        return STATUS_OK;
    }
    uint8_t *copy = malloc(c->key.size);
    if (copy == NULL) return STATUS_NO_MEMORY;
    memcpy(copy, c->key.data, c->key.size);
    c->key.data = copy;
    return STATUS_OK;
}

static enum status piece_append(struct manifest_range *r, struct manifest_piece p)
{
    if (r->piece_count == r->piece_capacity) {
        uint32_t capacity = r->piece_capacity == 0 ? 4 : r->piece_capacity * 2;
        struct manifest_piece *pieces = realloc(r->pieces, capacity * sizeof *pieces);
        if (pieces == NULL) return STATUS_NO_MEMORY;
        r->pieces = pieces;
        r->piece_capacity = capacity;
    }
    enum status status = own_key(&p.low);
    if (status != STATUS_OK) return status;
    status = own_key(&p.high);
    if (status != STATUS_OK) {
        free((void *)(uintptr_t)p.low.key.data);
        return status;
    }
    r->pieces[r->piece_count++] = p;
    return STATUS_OK;
}

static enum status add_pieces(struct manifest_range *r, const struct manifest_record *record)
{
    struct reader added = reader_make(record->added);
    for (uint32_t i = 0; i < record->added_count; i++) {
        struct manifest_piece p = manifest_added_get(&added);
        if (p.level >= LSM_LEVELS || p.number == 0 || p.id == 0) return STATUS_CORRUPT;
        if (piece_find(r, p.id) != NULL) return STATUS_CORRUPT;
        enum status status = piece_append(r, p);
        if (status != STATUS_OK) return status;
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
    if (record->kind == MANIFEST_RECORD_RANGE) remove_all(r);
    if (record->kind == MANIFEST_RECORD_FLUSH && record->flushed_index < r->flushed_index)
        return STATUS_CORRUPT;
    if (record->kind != MANIFEST_RECORD_COMPACTION) {
        r->flushed_index = record->flushed_index;
        r->newest_ts = record->newest_ts;
        buf_reset(&r->meta);
        buf_append_bytes(&r->meta, record->meta);
        if (r->meta.failed) return STATUS_NO_MEMORY;
    }
    status = remove_pieces(r, record);
    return status == STATUS_OK ? add_pieces(r, record) : status;
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
