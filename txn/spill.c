/* The file is written in the order of the transaction's writes, a buffer at a time, and read by place. A value's checksum stays in
 * memory with its place, so that damage, and what an earlier write has left at the same place, are noticed. Nothing is ever synced:
 * what is in it has no worth after a crash. */
#include "txn/spill.h"
#include "txn/txn_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>


#define TAIL_BYTES_MIN (16u << 10)
#define FILE_LIMITS_MAX 2 /* a file is as large as two transactions may be */
#define WINDOW_BYTES (64u << 10)
#define WINDOW_VALUE_BYTES_MAX (16u << 10) /* larger ones are read by themselves */
#define ARENA_BYTES_MAX (SPILL_BUFFER_BYTES + WINDOW_BYTES + 4096)
#define NAME_PREFIX "spill-"
#define PATH_BYTES 320

static uint64_t end_of(const struct spill *s)
{
    return s->written + s->tail_size;
}

static void check(const struct spill *s)
{
    ASSERT(s->tail_size <= s->tail_capacity);
    ASSERT(s->written == 0 || s->file >= 0);
    ASSERT(s->window_size == 0 || s->window_at + s->window_size <= s->written);
}

uint64_t spill_end_at(const struct txn *t)
{
    return t->spill == NULL ? 0 : end_of(t->spill);
}

/* ---- the decision ---- */

static bool memory_is_short(const struct txn *t)
{
    const struct arena_account *a = t->arena->account;
    return a != NULL && a->held > a->held_max / 2;
}

bool spill_is_due(const struct txn *t, struct bytes value)
{
    const struct kv *kv = t->kv;
    uint64_t kept = t->writes.kept_bytes + value.size;
    if (kept <= SPILL_KEPT_BYTES_SHORT && kept <= kv->spill.kept_bytes) return false;
    if (value.size < kv->spill.value_bytes || txn_is_aside(value)) return false;
    if (kept <= kv->spill.kept_bytes && !memory_is_short(t)) return false;
    if (spill_end_at(t) + value.size > FILE_LIMITS_MAX * t->write_bytes_max) return false;
    return fiber_current(store_fibers(kv->store)) != NULL;
}

/* ---- the file ---- */

/* A buffer without which it goes, too, is not asked for in vain. */
static uint8_t *buffer(struct spill *s, size_t size)
{
    const struct arena_account *a = s->arena.account;
    if (a != NULL && (a->held > a->held_max || a->held_max - a->held < 2 * size)) return NULL;
    return arena_alloc(&s->arena, size);
}

/* NULL: no memory. */
static struct spill *spill_create(struct txn *t)
{
    struct spill *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    *s = (struct spill){.kv = t->kv, .fio = {store_env(t->kv->store), store_fibers(t->kv->store), 0}, .file = -1};
    arena_init(&s->arena, ARENA_BYTES_MAX);
    arena_share(&s->arena, t->arena->account);
    s->tail_capacity = t->kv->spill.buffer_bytes;
    s->tail = buffer(s, s->tail_capacity);
    if (s->tail == NULL) {
        s->tail_capacity = TAIL_BYTES_MIN;
        s->tail = arena_alloc(&s->arena, TAIL_BYTES_MIN);
    }
    if (s->tail == NULL) {
        COVER("txn_spill_without_memory");
        arena_deinit(&s->arena);
        free(s);
        return NULL;
    }
    t->kv->metrics.spills++;
    return s;
}

/* Its name is gone before anything is in it: so is the file when the process ends, however that comes. */
static enum status file_open(struct spill *s)
{
    char path[PATH_BYTES];
    struct store *store = s->kv->store;
    snprintf(path, sizeof path, "%s/" NAME_PREFIX "%016" PRIx64, store_directory(store), env_random_u64(s->fio.env));
    unsigned flags = ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_EXCLUSIVE;
    enum status status = fio_open(&s->fio, path, flags, &s->file);
    if (status != STATUS_OK) return status;
    if (fio_unlink(&s->fio, path) != STATUS_OK) COVER("txn_spill_keeps_its_name"); /* swept at the next start */
    return STATUS_OK;
}

/* [fiber] Behind what is written. */
static enum status file_append(struct spill *s, struct bytes bytes)
{
    /* What room there is left is for what was acknowledged. */
    enum status status = store_disk_is_full(s->kv->store) ? STATUS_NO_SPACE : STATUS_OK;
    if (status == STATUS_OK && s->file < 0) status = file_open(s);
    if (status == STATUS_OK) status = fio_write(&s->fio, s->file, bytes.data, bytes.size, s->written);
    if (status == STATUS_OK) s->written += bytes.size;
    else if (status != STATUS_CANCELLED)
        LOG_WARN(store_logger(s->kv->store), "txn", "cannot write to the file of a transaction", "status=%s errno=%d",
                 status_name(status), s->fio.last_errno);
    return status;
}

static enum status tail_flush(struct spill *s)
{
    if (s->tail_size == 0) return STATUS_OK;
    enum status status = file_append(s, bytes_make(s->tail, s->tail_size));
    if (status == STATUS_OK) s->tail_size = 0;
    return status;
}

static enum status put(struct spill *s, struct bytes value)
{
    if (value.size > s->tail_capacity - s->tail_size) {
        enum status status = tail_flush(s);
        if (status != STATUS_OK) return status;
    }
    if (value.size > s->tail_capacity) return file_append(s, value);
    memcpy(s->tail + s->tail_size, value.data, value.size);
    s->tail_size += value.size;
    return STATUS_OK;
}

enum status spill_put(struct txn *t, struct bytes value, struct write *w)
{
    ASSERT(value.size > 0);
    t->spill_full = false;
    if (t->spill == NULL) t->spill = spill_create(t);
    struct spill *s = t->spill;
    if (s == NULL) return STATUS_NO_MEMORY;
    uint64_t at = end_of(s);
    enum status status = put(s, value);
    check(s);
    t->spill_full = status == STATUS_NO_SPACE;
    if (status != STATUS_OK) return status;
    ASSERT(end_of(s) == at + value.size);
    COVER("txn_spilled");
    w->value = (struct bytes){NULL, value.size};
    w->spilled_at = at;
    w->spilled_hash = hash64(value.data, value.size, at);
    t->kv->metrics.spilled_bytes += value.size;
    t->kv->metrics.spilled_bytes_now += value.size;
    return STATUS_OK;
}

void spill_cut(struct txn *t, uint64_t at)
{
    struct spill *s = t->spill;
    if (s == NULL || at >= end_of(s)) return;
    COVER("txn_spill_cut");
    t->kv->metrics.spilled_bytes_now -= end_of(s) - at;
    s->tail_size = at > s->written ? (size_t)(at - s->written) : 0;
    if (at < s->written) s->written = at;
    if (s->window_at + s->window_size > s->written && !MUTANT("spill_window_outlives_cut")) s->window_size = 0;
}

static void on_closed(struct env_op *op, int64_t result)
{
    (void)result;
    free(op->ctx);
}

void spill_drop(struct txn *t)
{
    struct spill *s = t->spill;
    if (s == NULL) return;
    t->spill = NULL;
    ASSERT(t->kv->metrics.spilled_bytes_now >= end_of(s));
    t->kv->metrics.spilled_bytes_now -= end_of(s);
    arena_deinit(&s->arena);
    if (s->file < 0) {
        free(s);
        return;
    }
    s->close = (struct env_op){.on_done = on_closed, .ctx = s};
    env_file_close(s->fio.env, s->file, &s->close);
}

/* ---- reading ---- */

bool spill_has(const struct write *w)
{
    return w->value.data == NULL && w->value.size > 0;
}

/* The window begins with the value, and holds what comes after it: values are mostly read in the order they were written. */
static enum status window_read(struct spill *s, uint64_t at, size_t size)
{
    if (s->window_size > 0 && at >= s->window_at && at + size <= s->window_at + s->window_size) return STATUS_OK;
    uint64_t left = s->written - at;
    s->window_size = 0;
    s->window_at = at;
    size_t want = left < WINDOW_BYTES ? (size_t)left : WINDOW_BYTES;
    enum status status = fio_read(&s->fio, s->file, s->window, want, at);
    if (status == STATUS_OK) s->window_size = want;
    return status;
}

static enum status file_get(struct spill *s, uint64_t at, size_t size, uint8_t *to)
{
    if (s->window == NULL && size <= WINDOW_VALUE_BYTES_MAX) s->window = buffer(s, WINDOW_BYTES);
    if (s->window == NULL || size > WINDOW_VALUE_BYTES_MAX) return fio_read(&s->fio, s->file, to, size, at);
    enum status status = window_read(s, at, size);
    if (status == STATUS_OK) memcpy(to, s->window + (at - s->window_at), size);
    return status;
}

enum status spill_get(struct txn *t, const struct write *w, uint8_t *to)
{
    struct spill *s = t->spill;
    uint64_t at = w->spilled_at;
    size_t size = w->value.size;
    ASSERT(s != NULL && spill_has(w));
    ASSERT(at + size <= end_of(s));
    enum status status = STATUS_OK;
    if (at >= s->written) memcpy(to, s->tail + (at - s->written), size);
    else status = file_get(s, at, size, to);
    check(s);
    if (status != STATUS_OK && status != STATUS_CORRUPT) return status;
    if (status == STATUS_OK && (hash64(to, size, at) == w->spilled_hash || MUTANT("spill_unverified"))) return STATUS_OK;
    COVER("txn_spill_corrupt");
    s->window_size = 0;
    LOG_ERROR(store_logger(s->kv->store), "txn", "the file of a transaction is damaged", "offset=%" PRIu64 " size=%zu", at, size);
    return STATUS_IO; /* nothing that was stored is damaged */
}

enum status spill_value(struct txn *t, const struct write *w, struct arena *arena, struct bytes *value_out)
{
    if (!spill_has(w)) {
        *value_out = w->value;
        return STATUS_OK;
    }
    uint8_t *copy = arena_alloc(arena, w->value.size + 1);
    if (copy == NULL) return STATUS_NO_MEMORY;
    enum status status = spill_get(t, w, copy);
    if (status != STATUS_OK) return status;
    copy[w->value.size] = 0;
    *value_out = bytes_make(copy, w->value.size);
    return STATUS_OK;
}

/* ---- into a request ---- */

/* Where a value goes. */
struct gap {
    const struct write *write;
    size_t to;
};

static int gap_compare(const void *a, const void *b)
{
    uint64_t left = ((const struct gap *)a)->write->spilled_at, right = ((const struct gap *)b)->write->spilled_at;
    return (left > right) - (left < right);
}

/* Whoever writes in another order than that of keys is read from end to end for each request, not in leaps. */
static enum status fill(struct txn *t, struct buf *out, struct gap *gaps, uint32_t count)
{
    enum status status = STATUS_OK;
    qsort(gaps, count, sizeof *gaps, gap_compare);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++)
        status = spill_get(t, gaps[i].write, out->data + gaps[i].to);
    return status;
}

static const struct write *after(const struct write *w, const struct write *last)
{
    return w == last ? NULL : write_set_next(w);
}

enum status spill_encode(struct txn *t, struct buf *out, const struct write *first, const struct write *last)
{
    uint32_t count = 0, filled = 0;
    for (const struct write *w = first; w != NULL; w = after(w, last)) count += spill_has(w);
    struct gap *gaps = malloc((count + 1) * sizeof *gaps);
    if (gaps == NULL) return STATUS_NO_MEMORY;
    for (const struct write *w = first; w != NULL; w = after(w, last)) {
        if (!spill_has(w)) {
            encode_write(out, w);
            continue;
        }
        encode_write_head(out, w);
        gaps[filled++] = (struct gap){w, out->size};
        buf_append_zero(out, w->value.size);
    }
    ASSERT(filled == count);
    enum status status = out->failed ? STATUS_TOO_LARGE : fill(t, out, gaps, count);
    free(gaps);
    return status;
}

/* ---- at the start ---- */


static void on_swept(struct env_op *op, int64_t result)
{
    if (result == 0) COVER("txn_spill_swept");
    free(op->ctx);
}

static void sweep_one(void *ctx, const char *name, bool is_directory, uint64_t size_bytes)
{
    struct kv *kv = ctx;
    char path[PATH_BYTES];
    (void)size_bytes;
    if (is_directory || strncmp(name, NAME_PREFIX, strlen(NAME_PREFIX)) != 0) return;
    struct env_op *op = calloc(1, sizeof *op);
    if (op == NULL) return;
    *op = (struct env_op){.on_done = on_swept, .ctx = op};
    snprintf(path, sizeof path, "%s/%s", store_directory(kv->store), name);
    env_path_unlink(store_env(kv->store), path, op);
}

void spill_sweep(struct kv *kv)
{
    struct env_dir_visitor visitor = {sweep_one, kv};
    if (env_dir_list(store_env(kv->store), store_directory(kv->store), &visitor) != STATUS_OK)
        LOG_WARN(store_logger(kv->store), "txn", "cannot look for files that transactions have left", "");
}
