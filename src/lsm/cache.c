#include "lsm/cache_int.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "lsm/lsm_int.h"

#define BUCKETS_MIN       1024
#define CLOCK_MAX         3   /* counter of a block that lookups keep coming back for */
#define FRESH_LOADS       256 /* a reader that has not come by then is taken to be gone */
#define AHEAD_READS_MAX   48  /* reading ahead leaves slots for those who wait */
#define BUFFER_BYTES_KEPT ((size_t)64 << 10)

/* ---- blocks and the hash table ---- */

struct block *block_create(uint32_t raw_size)
{
    struct block *b = calloc(1, sizeof *b);
    if (b == NULL) return NULL;
    b->raw = malloc(raw_size);
    if (b->raw == NULL) {
        free(b);
        return NULL;
    }
    b->raw_size = raw_size;
    b->refs = 1;
    list_init(&b->link);
    list_init(&b->waiters);
    return b;
}

static void block_free(struct block *b)
{
    ASSERT(b->refs == 0);
    ASSERT(list_empty(&b->waiters));
    free(b->raw);
    free(b);
}

void block_unpin(struct block *b)
{
    ASSERT(b->refs > 0);
    if (--b->refs == 0 && b->cache == NULL) block_free(b);
}

static uint64_t block_cost(const struct block *b)
{
    return sizeof *b + b->raw_size;
}

static struct block **bucket_of(const struct cache *c, uint64_t table_number, uint64_t offset)
{
    uint64_t hash = hash_u64(table_number * 0x9e3779b97f4a7c15u ^ offset);
    return &c->buckets[hash & (c->bucket_count - 1)];
}

static struct block *find(const struct cache *c, uint64_t table_number, uint64_t offset)
{
    struct block *b = *bucket_of(c, table_number, offset);
    while (b != NULL && (b->table_number != table_number || b->handle.offset != offset))
        b = b->hash_next;
    return b;
}

static void unhash(struct cache *c, struct block *b)
{
    struct block **place = bucket_of(c, b->table_number, b->handle.offset);
    while (*place != b)
        place = &(*place)->hash_next;
    *place = b->hash_next;
    c->block_count--;
}

/* Doubles the table when it is full; without memory for that, chains grow longer. */
static void grow(struct cache *c)
{
    if (c->block_count < c->bucket_count) return;
    struct block **old = c->buckets;
    size_t old_count = c->bucket_count;
    struct block **buckets = calloc(old_count * 2, sizeof(struct block *));
    if (buckets == NULL) return;
    c->buckets = buckets;
    c->bucket_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++) {
        for (struct block *b = old[i], *next; b != NULL; b = next) {
            next = b->hash_next;
            struct block **place = bucket_of(c, b->table_number, b->handle.offset);
            b->hash_next = *place;
            *place = b;
        }
    }
    free(old);
}

/* ---- eviction ---- */

static void evict(struct cache *c, struct block *b)
{
    ASSERT(b->ready);
    ASSERT(c->bytes >= block_cost(b));
    list_remove(&b->link);
    unhash(c, b);
    c->bytes -= block_cost(b);
    block_free(b);
}

/* The hand passes every block at most CLOCK_MAX + 1 times: what is pinned or fresh then stays, and
 * the budget is exceeded by as much. */
static void make_room(struct cache *c)
{
    size_t passes = c->block_count * (CLOCK_MAX + 1);
    while (c->bytes > c->bytes_max && passes-- > 0 && !list_empty(&c->clock)) {
        struct block *b = CONTAINER_OF(c->clock.next, struct block, link);
        bool held = b->refs > 0 || b->fresh_until > c->load_count;
        if (!held && b->clock == 0) {
            evict(c, b);
            continue;
        }
        if (!held) b->clock--;
        list_remove(&b->link);
        list_push_back(&c->clock, &b->link);
    }
    c->lsm->metrics.cache_bytes = c->bytes;
}

/* ---- reads ---- */

static void read_done(struct env_op *op, int64_t result);

static struct cache_read *free_read(struct cache *c)
{
    for (int i = 0; i < CACHE_READS_MAX; i++)
        if (c->reads[i].block == NULL) return &c->reads[i];
    return NULL;
}

static bool read_reserve(struct cache_read *r, size_t size)
{
    if (size <= r->capacity) return true;
    free(r->buffer);
    r->buffer = aligned_alloc(TABLE_ALIGN, size);
    r->capacity = r->buffer == NULL ? 0 : size;
    return r->buffer != NULL;
}

/* Takes an unready block out of the cache. The block is freed; its waiters move to the list. */
static void discard(struct cache *c, struct block *b, struct list *waiters)
{
    ASSERT(!b->ready);
    while (!list_empty(&b->waiters))
        list_push_back(waiters, list_pop_front(&b->waiters));
    list_remove(&b->link);
    unhash(c, b);
    b->refs = 0;
    struct table *t = b->table;
    block_free(b);
    table_unpin(t);
}

static void read_start(struct cache *c, struct cache_read *r, struct block *b)
{
    uint64_t begin = b->handle.offset / TABLE_ALIGN * TABLE_ALIGN;
    uint64_t end = b->handle.offset + b->handle.size;
    end = (end + TABLE_ALIGN - 1) / TABLE_ALIGN * TABLE_ALIGN;
    size_t size = (size_t)(end - begin);
    r->block = b;
    r->cache = c;
    r->offset = begin;
    r->size = size;
    r->op.on_done = read_done;
    r->op.ctx = r;
    bool ready = read_reserve(r, size);
    ASSERT(ready); /* as everywhere in background work: no memory for a buffer ends the process */
    c->read_count++;
    c->lsm->metrics.blocks_read++;
    env_file_read(c->lsm->options.env, b->table->file, r->buffer, size, begin, &r->op);
}

/* STATUS_OK: the block is filled. */
static enum status read_finish(struct cache_read *r, int64_t result)
{
    struct block *b = r->block;
    if (result == -ECANCELED) return STATUS_CANCELLED;
    size_t begin = (size_t)(b->handle.offset - r->offset);
    if (result < 0) return STATUS_IO;
    if ((uint64_t)result < begin + b->handle.size) return STATUS_CORRUPT;
    struct bytes sealed = bytes_make(r->buffer + begin, b->handle.size);
    enum status status =
        block_check(sealed, b->kind, b->table->uid, b->handle.offset, &b->raw_size);
    if (status != STATUS_OK) return status;
    b->raw = malloc(b->raw_size);
    ASSERT(b->raw != NULL);
    return block_unpack(sealed, b->raw, b->raw_size);
}

static void block_ready(struct cache *c, struct block *b)
{
    struct table *t = b->table;
    b->table = NULL;
    b->ready = true;
    c->bytes += block_cost(b);
    b->fresh_until = ++c->load_count + FRESH_LOADS;
    list_push_back(&c->clock, &b->link);
    make_room(c);
    table_unpin(t);
}

static void start_queued(struct cache *c)
{
    while (!list_empty(&c->queued) && c->read_count < CACHE_READS_MAX) {
        struct block *b = CONTAINER_OF(list_pop_front(&c->queued), struct block, link);
        read_start(c, free_read(c), b);
    }
}

static void read_done(struct env_op *op, int64_t result)
{
    struct cache_read *r = op->ctx;
    struct cache *c = r->cache;
    struct block *b = r->block;
    struct list waiters;
    list_init(&waiters);
    enum status status = read_finish(r, result);
    r->block = NULL;
    c->read_count--;
    if (r->capacity > BUFFER_BYTES_KEPT) {
        free(r->buffer);
        r->buffer = NULL;
        r->capacity = 0;
    }
    if (status == STATUS_OK) {
        while (!list_empty(&b->waiters))
            list_push_back(&waiters, list_pop_front(&b->waiters));
        block_ready(c, b);
    } else {
        if (status == STATUS_CANCELLED)
            c->cancelled = true;
        else
            table_damaged(b->table, status == STATUS_IO ? "read error" : "bad block",
                          b->handle.offset);
        discard(c, b, &waiters);
    }
    start_queued(c);
    waiters_call(&waiters);
}

/* ---- asking ---- */

static enum status start(struct cache *c, struct table *t, struct block_handle handle,
                         enum block_kind kind, struct block **block_out)
{
    if (handle.offset > t->size_bytes || handle.size > t->size_bytes - handle.offset) {
        table_damaged(t, "block outside of the file", handle.offset);
        return STATUS_CORRUPT;
    }
    struct block *b = calloc(1, sizeof *b);
    if (b == NULL) return STATUS_NO_MEMORY;
    grow(c);
    b->cache = c;
    b->table = t;
    b->table_number = t->number;
    b->handle = handle;
    b->kind = kind;
    list_init(&b->link);
    list_init(&b->waiters);
    table_pin(t);
    struct block **bucket = bucket_of(c, t->number, handle.offset);
    b->hash_next = *bucket;
    *bucket = b;
    c->block_count++;
    *block_out = b;
    list_push_back(&c->queued, &b->link);
    start_queued(c);
    return STATUS_OK;
}

void cache_put(struct cache *c, const struct table *t, struct block_handle handle, enum block_kind kind, struct bytes raw)
{
    ASSERT(find(c, t->number, handle.offset) == NULL);
    struct block *b = block_create((uint32_t)raw.size);
    if (b == NULL) return;
    memcpy(b->raw, raw.data, raw.size);
    grow(c);
    b->refs = 0;
    b->cache = c;
    b->ready = true;
    b->clock = 1;
    b->table_number = t->number;
    b->handle = handle;
    b->kind = kind;
    struct block **bucket = bucket_of(c, t->number, handle.offset);
    b->hash_next = *bucket;
    *bucket = b;
    c->block_count++;
    c->bytes += block_cost(b);
    list_push_back(&c->clock, &b->link);
    make_room(c);
}

static void touch(struct cache *c, struct block *b, bool scan)
{
    b->fresh_until = 0;
    if (!scan && b->clock < CLOCK_MAX) b->clock++;
    c->lsm->metrics.cache_hits++;
}

static enum status cache_load(struct block_source *s, struct table *t, struct block_handle handle,
                              enum block_kind kind, struct lsm_waiter *waiter,
                              struct block **block_out)
{
    struct cache_source *source = CONTAINER_OF(s, struct cache_source, source);
    struct cache *c = source->cache;
    if (t->corrupt) return STATUS_CORRUPT;
    if (c->cancelled) return STATUS_CANCELLED;
    struct block *b = find(c, t->number, handle.offset);
    if (b != NULL && b->ready) {
        if (b->kind != kind || b->handle.size != handle.size) {
            table_damaged(t, "two indexes disagree on a block", handle.offset);
            return STATUS_CORRUPT;
        }
        touch(c, b, source->scan);
        b->refs++;
        *block_out = b;
        return STATUS_OK;
    }
    if (b == NULL) {
        c->lsm->metrics.cache_misses++;
        enum status status = start(c, t, handle, kind, &b);
        if (status != STATUS_OK) return status;
    }
    waiter_queue(&b->waiters, waiter);
    return STATUS_WAIT;
}

static void cache_ahead(struct block_source *s, struct table *t, struct block_handle handle,
                        enum block_kind kind)
{
    struct cache *c = CONTAINER_OF(s, struct cache_source, source)->cache;
    if (t->corrupt || c->cancelled || c->read_count >= AHEAD_READS_MAX) return;
    if (find(c, t->number, handle.offset) != NULL) return;
    struct block *b;
    if (start(c, t, handle, kind, &b) != STATUS_OK) return;
    COVER("lsm_read_ahead");
}

/* ---- lifetime ---- */

enum status cache_init(struct cache *c, struct lsm *l, uint64_t bytes_max)
{
    *c = (struct cache){.lsm = l};
    c->bytes_max = bytes_max > CACHE_BYTES_MIN ? bytes_max : CACHE_BYTES_MIN;
    list_init(&c->clock);
    list_init(&c->queued);
    c->point = (struct cache_source){{cache_load, cache_ahead, NULL}, c, false};
    c->scan = (struct cache_source){{cache_load, cache_ahead, NULL}, c, true};
    c->bucket_count = BUCKETS_MIN;
    c->buckets = calloc(c->bucket_count, sizeof(struct block *));
    return c->buckets == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

void cache_deinit(struct cache *c)
{
    ASSERT(cache_idle(c));
    while (!list_empty(&c->clock)) {
        struct block *b = CONTAINER_OF(c->clock.next, struct block, link);
        ASSERT(b->refs == 0);
        evict(c, b);
    }
    ASSERT(c->block_count == 0);
    for (int i = 0; i < CACHE_READS_MAX; i++)
        free(c->reads[i].buffer);
    free(c->buckets);
}

bool cache_idle(const struct cache *c)
{
    return c->read_count == 0 && list_empty(&c->queued);
}
