/* The block cache of the store and the reads behind it. Uncompressed blocks under a budget; CLOCK
 * with a small counter, so that what scans bring in leaves before what lookups come back for. */
#ifndef OSTRAKA_LSM_CACHE_INT_H
#define OSTRAKA_LSM_CACHE_INT_H

#include "lsm/table_int.h"

#define CACHE_READS_MAX 64
#define CACHE_BYTES_MIN ((uint64_t)1 << 20)

struct cache;

struct block {
    uint32_t refs;
    struct cache *cache;  /* NULL: private, freed with the last unpin */
    bool ready;           /* else its read is queued or under way */
    uint8_t clock;        /* passes of the hand it survives */
    uint64_t fresh_until; /* loads after which it may go unread: its reader had its chance */
    struct table *table;  /* pinned while not ready */
    uint64_t table_number;
    struct block_handle handle;
    enum block_kind kind;
    struct block *hash_next;
    struct list link;    /* ready: in the clock; else: in the queue of reads, if not under way */
    struct list waiters; /* lsm_waiter.link */
    uint32_t raw_size;
    uint8_t *raw;
};
static inline struct bytes block_raw(const struct block *b)
{
    return bytes_make(b->raw, b->raw_size);
}

struct cache_read {
    struct env_op op;
    struct cache *cache;
    struct block *block; /* NULL: free */
    uint8_t *buffer;     /* aligned */
    size_t capacity, size;
    uint64_t offset;
};

struct cache_source {
    struct block_source source;
    struct cache *cache;
    bool scan;
};

struct cache {
    struct lsm *lsm;
    uint64_t bytes, bytes_max, load_count;
    struct block **buckets;
    size_t bucket_count, block_count; /* bucket_count is a power of two */
    struct list clock;                /* ready blocks; the hand is at its front */
    struct list queued;               /* blocks whose read waits for a free slot */
    struct cache_read reads[CACHE_READS_MAX];
    uint32_t read_count; /* under way */
    bool cancelled;      /* the environment was shut down */
    struct cache_source point, scan;
};

MUST_USE enum status cache_init(struct cache *c, struct lsm *l, uint64_t bytes_max);
void cache_deinit(struct cache *c);
bool cache_idle(const struct cache *c);

/* A block that was just written, which is about to be asked for. Copied; nothing is done without memory for that. */
void cache_put(struct cache *c, const struct table *t, struct block_handle handle, enum block_kind kind, struct bytes raw);

/* A private block with room for raw_size bytes, or NULL. */
struct block *block_create(uint32_t raw_size);
void block_unpin(struct block *b);

#endif
