/* FOR UPDATE and its kind: rows that pass the condition are gathered, locked by one request to each range, and given in the order
 * of the scan. No more of them than the caller may take: who asks for one row locks one. */
#include "sql/query.h"

#include "base/assert.h"

#define ROWS_MAX 256          /* at once */
#define BYTES_MAX (256u << 10) /* of rows that wait to be locked or given; and one row more */

struct lock_batch {
    struct arena arena; /* what the keys and values are views into, until the next batch */
    struct bytes keys[ROWS_MAX], values[ROWS_MAX];
    bool passed_over[ROWS_MAX];
    uint32_t count, at;
    bool over; /* the scan is at its end */
};

void lock_batch_close(struct access *a)
{
    if (a->batch != NULL) arena_deinit(&a->batch->arena);
    a->batch = NULL;
}

/* Always asked for in the order of the keys, as everybody does, so that nobody waits in a circle. */
enum status access_lock_keys(struct exec *x, const struct access *a, const struct bytes *keys, uint32_t count,
                             struct txn_locked *out)
{
    struct bytes turned[ROWS_MAX];
    ASSERT(count <= ROWS_MAX);
    x->locked_table = a->lock_wait == TXN_LOCK_NOWAIT ? a->table->name : NULL;
    for (uint32_t i = 0; a->reverse && i < count; i++) turned[i] = keys[count - 1 - i];
    enum status status = txn_lock(x->txn, a->reverse ? turned : keys, count, a->lock, a->lock_wait, out);
    if (status != STATUS_OK || !a->reverse) return status;
    for (uint32_t i = 0; i < count / 2; i++) {
        struct txn_locked first = out[i];
        out[i] = out[count - 1 - i];
        out[count - 1 - i] = first;
    }
    return STATUS_OK;
}

uint32_t access_wanted(const struct access *a, uint32_t most)
{
    uint64_t left = a->limit == 0 || MUTANT("lock_ahead_beyond_limit") ? most : a->limit - a->given;
    ASSERT(left > 0);
    return left < most ? (uint32_t)left : most;
}

/* Rows that were found are unchanged when they are locked, or the answer is a conflict: they lie in spans that were read. */
static enum status lock_all(struct exec *x, const struct access *a, struct lock_batch *b, const bool *locked)
{
    struct bytes keys[ROWS_MAX];
    struct txn_locked *out = ARENA_ARRAY(&b->arena, struct txn_locked, b->count + 1);
    if (out == NULL) return STATUS_NO_MEMORY;
    uint32_t count = 0;
    for (uint32_t i = 0; i < b->count; i++)
        if (!locked[i]) keys[count++] = b->keys[i];
    enum status status = count == 0 ? STATUS_OK : access_lock_keys(x, a, keys, count, out);
    if (status != STATUS_OK) return status;
    for (uint32_t i = 0, at = 0; i < b->count; i++) b->passed_over[i] = !locked[i] && out[at++].passed_over;
    return STATUS_OK;
}

static bool fill(struct exec *x, struct access *a, struct lock_batch *b)
{
    bool locked[ROWS_MAX];
    uint32_t wanted = access_wanted(a, ROWS_MAX);
    arena_reset(&b->arena);
    b->count = b->at = 0;
    while (b->count < wanted && b->arena.used < BYTES_MAX) {
        bool found;
        struct bytes value;
        if (!access_read(x, a, &value, &found)) return false;
        b->over = !found;
        if (!found) break;
        b->keys[b->count] = arena_copy(&b->arena, a->key);
        b->values[b->count] = arena_copy(&b->arena, value);
        if (b->keys[b->count].data == NULL || b->values[b->count].data == NULL) return sql_error_out_of_memory(x->error);
        locked[b->count++] = a->locked;
    }
    enum status status = lock_all(x, a, b, locked);
    return status == STATUS_OK || exec_fail(x, status);
}

static struct lock_batch *batch_of(struct exec *x, struct access *a)
{
    if (a->batch != NULL) return a->batch;
    struct lock_batch *b = ARENA_NEW(a->plan_arena, struct lock_batch);
    if (b == NULL) {
        sql_error_out_of_memory(x->error);
        return NULL;
    }
    arena_init_part(&b->arena, x->arena, x->arena->size_max);
    a->batch = b;
    return b;
}

bool access_next_locked(struct exec *x, struct access *a, bool *found_out)
{
    struct lock_batch *b = batch_of(x, a);
    *found_out = false;
    if (b == NULL) return false;
    for (;;) {
        while (b->at < b->count && b->passed_over[b->at]) b->at++;
        if (b->at < b->count) break;
        if (b->over) return true;
        if (!fill(x, a, b)) return false;
    }
    a->key = b->keys[b->at];
    a->given++;
    *found_out = true;
    arena_reset(a->row_arena);
    enum status status = catalog_row_decode(a->row_arena, a->table, b->values[b->at++], a->values);
    return status == STATUS_OK || exec_fail(x, status);
}
