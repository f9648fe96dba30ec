#include "lsm/table_int.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "lsm/lsm_int.h"

void table_path(const char *directory, uint64_t number, char path[LSM_PATH_BYTES_MAX])
{
    int size =
        snprintf(path, LSM_PATH_BYTES_MAX, "%s/%016llx.tbl", directory, (unsigned long long)number);
    ASSERT(size > 0 && size < LSM_PATH_BYTES_MAX);
}

enum status table_create(struct lsm *l, struct range_id range, uint64_t number,
                         struct table_uid uid, uint64_t size_bytes, struct table **table_out)
{
    ASSERT(number != 0);
    char path[LSM_PATH_BYTES_MAX];
    table_path(l->options.directory, number, path);
    size_t path_bytes = strlen(path) + 1;
    struct table *t = calloc(1, sizeof *t + path_bytes);
    if (t == NULL) return STATUS_NO_MEMORY;
    memcpy(t->path, path, path_bytes);
    t->refs = 1;
    t->lsm = l;
    t->env = l->options.env;
    list_init(&t->closing_link);
    t->range = range;
    t->number = number;
    t->uid = uid;
    t->size_bytes = size_bytes;
    t->file = -1;
    t->facts.oldest_ts = LSM_TS_MAX;
    buf_init(&t->keys, 2 * LSM_KEY_BYTES_MAX);
    *table_out = t;
    return STATUS_OK;
}

void table_pin(struct table *t)
{
    ASSERT(t->refs > 0);
    t->refs++;
}

/* ---- the end of a table: close, then unlink ---- */

static void table_free(struct table *t)
{
    list_remove(&t->closing_link);
    buf_deinit(&t->keys);
    free(t->top);
    free(t);
}

static void unlinked(struct env_op *op, int64_t result)
{
    struct table *t = op->ctx;
    /* Harmless: a file the manifest does not name is removed at the next open. */
    if (result < 0 && result != -ECANCELED)
        LOG_WARN(t->env->logger, "lsm", "cannot remove table", "path=%s errno=%lld", t->path,
                 (long long)-result);
    table_free(t);
}

static void closed(struct env_op *op, __attribute__((unused)) int64_t result)
{
    struct table *t = op->ctx;
    if (!t->obsolete) {
        table_free(t);
        return;
    }
    t->op.on_done = unlinked;
    env_path_unlink(t->env, t->path, &t->op);
}

void table_unpin(struct table *t)
{
    ASSERT(t->refs > 0);
    if (--t->refs > 0) return;
    list_push_back(&t->lsm->closing, &t->closing_link);
    t->op.ctx = t;
    if (t->file >= 0) {
        t->op.on_done = closed;
        env_file_close(t->env, t->file, &t->op);
        t->file = -1;
    } else if (t->obsolete) {
        t->op.on_done = unlinked;
        env_path_unlink(t->env, t->path, &t->op);
    } else {
        table_free(t);
    }
}

static void detached_closed(struct env_op *op, __attribute__((unused)) int64_t result)
{
    free(op);
}

void file_close_detached(struct env *env, env_file file)
{
    struct env_op *op = calloc(1, sizeof *op);
    if (op == NULL) return; /* the handle goes with the process */
    op->on_done = detached_closed;
    env_file_close(env, file, op);
}

void table_detach(struct table *t)
{
    ASSERT(!t->obsolete);
    if (t->file >= 0) file_close_detached(t->env, t->file);
    t->file = -1;
}

/* ---- damage ---- */

void table_damaged(struct table *t, const char *what, uint64_t offset)
{
    struct lsm *l = t->lsm;
    LOG_ERROR(l->options.logger, "lsm", "table damaged",
              "range=%llu path=%s offset=%llu what=\"%s\"", (unsigned long long)t->range.value,
              t->path, (unsigned long long)offset, what);
    l->metrics.blocks_corrupt++;
    if (t->corrupt) return;
    t->corrupt = true;
    size_t cursor = 0;
    struct map_slot *slot;
    while ((slot = map_next(&l->ranges, &cursor)) != NULL)
        if (range_has_table(slot->value, t)) range_damaged(l, slot->value, what);
}

/* ---- opening ---- */

/* Where a table is read from: its file, or bytes that are to become it. */
struct origin {
    struct fio *fio; /* NULL: image */
    struct bytes image;
};

/* Reads [offset, offset + size) through an aligned buffer. */
static enum status read_span(const struct origin *from, struct table *t, uint64_t offset,
                             size_t size, struct buf *out)
{
    if (offset > t->size_bytes || size > t->size_bytes - offset) return STATUS_CORRUPT;
    if (from->fio == NULL) {
        buf_append(out, from->image.data + offset, size);
        return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    uint64_t begin = offset / TABLE_ALIGN * TABLE_ALIGN;
    size_t skip = (size_t)(offset - begin);
    size_t span = (skip + size + TABLE_ALIGN - 1) / TABLE_ALIGN * TABLE_ALIGN;
    uint8_t *memory = aligned_alloc(TABLE_ALIGN, span);
    if (memory == NULL) return STATUS_NO_MEMORY;
    size_t read = 0;
    enum status status = fio_read_some(from->fio, t->file, memory, span, begin, &read);
    if (status == STATUS_OK && read < skip + size) status = STATUS_CORRUPT;
    if (status == STATUS_OK) {
        buf_append(out, memory + skip, size);
        if (out->failed) status = STATUS_NO_MEMORY;
    }
    free(memory);
    return status;
}

static enum status take_footer(struct table *t, struct bytes sealed, const struct table_tail *tail)
{
    uint32_t raw_size;
    enum status status = block_check(sealed, BLOCK_KIND_FOOTER, t->uid, tail->footer_offset, &raw_size);
    if (status != STATUS_OK) return status;
    uint8_t *raw = malloc(raw_size);
    if (raw == NULL) return STATUS_NO_MEMORY;
    struct table_facts facts;
    status = block_unpack(sealed, raw, raw_size);
    if (status == STATUS_OK) status = table_footer_get(bytes_make(raw, raw_size), tail->version, &facts);
    if (status == STATUS_OK) {
        table_set_facts(t, &facts);
        if (t->keys.failed) status = STATUS_NO_MEMORY;
    }
    free(raw);
    return status;
}

static enum status read_footer(const struct origin *from, struct table *t, struct buf *end)
{
    size_t size = t->size_bytes < TABLE_END_BYTES ? (size_t)t->size_bytes : TABLE_END_BYTES;
    if (size < TABLE_TAIL_BYTES) return STATUS_CORRUPT;
    uint64_t begin = t->size_bytes - size;
    enum status status = read_span(from, t, begin, size, end);
    if (status != STATUS_OK) return status;
    struct table_tail tail;
    memcpy(&tail, end->data + size - sizeof tail, sizeof tail);
    status = table_tail_check(&tail, t->uid, t->lsm->options.store_id);
    if (status != STATUS_OK) return status;
    uint64_t limit = t->size_bytes - TABLE_TAIL_BYTES;
    if (tail.footer_offset < begin || tail.footer_offset > limit) return STATUS_CORRUPT;
    if (tail.footer_size > limit - tail.footer_offset) return STATUS_CORRUPT;
    struct bytes sealed = bytes_make(end->data + (tail.footer_offset - begin), tail.footer_size);
    return take_footer(t, sealed, &tail);
}

static enum status take_top(struct table *t, struct bytes sealed)
{
    uint32_t raw_size;
    enum status status =
        block_check(sealed, BLOCK_KIND_TOP, t->uid, t->facts.top.offset, &raw_size);
    if (status != STATUS_OK) return status;
    t->top = malloc(raw_size);
    if (t->top == NULL) return STATUS_NO_MEMORY;
    t->top_size = raw_size;
    return block_unpack(sealed, t->top, raw_size);
}

/* `end`: the last bytes of the file, which mostly hold it. */
static enum status read_top(const struct origin *from, struct table *t, struct buf *end)
{
    struct block_handle top = t->facts.top;
    uint64_t begin = t->size_bytes - end->size;
    if (top.offset >= begin && top.offset - begin <= end->size &&
        top.size <= end->size - (top.offset - begin))
        return take_top(t, bytes_make(end->data + (top.offset - begin), top.size));
    buf_reset(end);
    enum status status = read_span(from, t, top.offset, top.size, end);
    return status == STATUS_OK ? take_top(t, buf_view(end)) : status;
}

static enum status open_file(struct fio *f, struct table *t)
{
    enum status status = fio_open(f, t->path, ENV_OPEN_READ | ENV_OPEN_DIRECT, &t->file);
    if (status != STATUS_IO || f->last_errno != EINVAL) return status;
    COVER("lsm_direct_refused");
    return fio_open(f, t->path, ENV_OPEN_READ, &t->file);
}

static enum status read_ends(const struct origin *from, struct table *t)
{
    struct buf bytes;
    buf_init(&bytes, BLOCK_RAW_BYTES_MAX + TABLE_END_BYTES);
    enum status status = read_footer(from, t, &bytes);
    if (status == STATUS_OK) status = read_top(from, t, &bytes);
    buf_deinit(&bytes);
    return status;
}

static enum status open_and_check(struct fio *f, struct table *t)
{
    enum status status = open_file(f, t);
    struct origin file = {.fio = f};
    return status == STATUS_OK ? read_ends(&file, t) : status;
}

enum status table_open_image(struct table *t, struct bytes image)
{
    ASSERT(image.size == t->size_bytes);
    struct origin memory = {.image = image};
    return read_ends(&memory, t);
}

enum status table_open(struct fio *f, struct table *t)
{
    ASSERT(t->file < 0);
    enum status status = open_and_check(f, t);
    switch (status) {
    case STATUS_OK:
    case STATUS_CANCELLED:
    case STATUS_NO_MEMORY: return status;
    default: break;
    }
    LOG_ERROR(t->lsm->options.logger, "lsm", "cannot open table", "range=%llu path=%s status=%s",
              (unsigned long long)t->range.value, t->path, status_name(status));
    t->corrupt = true;
    return STATUS_OK;
}

void table_set_facts(struct table *t, const struct table_facts *facts)
{
    ASSERT(t->keys.size == 0);
    t->facts = *facts;
    buf_append_bytes(&t->keys, facts->first.key);
    buf_append_bytes(&t->keys, facts->last.key);
    if (t->keys.failed) return;
    t->facts.first.key = bytes_make(t->keys.data, facts->first.key.size);
    t->facts.last.key = BYTES_EMPTY;
    if (facts->last.key.size > 0)
        t->facts.last.key = bytes_make(t->keys.data + facts->first.key.size, facts->last.key.size);
}
