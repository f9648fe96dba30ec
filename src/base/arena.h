/* Memory that is freed all at once: one arena per statement, one per transaction. Allocation walks
 * a list of chunks; arena_reset keeps a chunk for reuse. Bounded: past size_max, or when
 * the allocator refuses, arena_alloc answers NULL and `failed` stays set until the next reset;
 * smaller pieces may still be had, so an error can be worded. */
#ifndef OSTRAKA_BASE_ARENA_H
#define OSTRAKA_BASE_ARENA_H

#include "base/bytes.h"
#include "base/status.h"

/* What several arenas, and whoever else adds to it, may hold together. Past held_max allocations fail as they do past an
 * arena's own bound; only an arena that holds next to nothing may take ARENA_FREE_BYTES more, as long as all of these
 * together are an eighth of held_max, so that small work goes on beside large. */
struct arena_account {
    size_t held, held_max, held_peak;
    uint64_t refused; /* how often something did not fit */
};
#define ARENA_FREE_BYTES 32768

struct arena_chunk;
struct arena {
    struct arena_chunk *chunks;  /* newest first */
    size_t used, size, size_max; /* bytes handed out, bytes held in chunks, bound on the latter */
    size_t used_max;             /* at which the first chunk is full */
    uintptr_t origin;            /* plus used: where the next piece goes. The only count that a piece moves is used */
    struct arena *lender;        /* what this one holds counts there, too; NULL: it is on its own */
    size_t lent;                 /* held by those whose lender this is: within size_max */
    size_t first_bytes;          /* of the next first chunk; 0: the least */
    bool failed;
    size_t refused, refused_held; /* what was first asked for past the bound, and what was held then; of a part: its lender's, until
                                   * that is reset. 0: nothing was */
    struct arena_account *account; /* borrowed; NULL: none */
};

void arena_init(struct arena *a, size_t size_max);
/* Before the first allocation. account (may be NULL) outlives the arena. */
void arena_share(struct arena *a, struct arena_account *account);
/* One of several arenas that share a bound: that of the lender, which outlives it. */
void arena_init_part(struct arena *a, struct arena *lender, size_t size_max);
void arena_deinit(struct arena *a);
void arena_reset(struct arena *a);
/* 16-byte aligned; contents undefined. NULL when over the bound. size may be 0. */
void *arena_alloc(struct arena *a, size_t size);
/* The same, zeroed; count * size is checked for overflow. */
void *arena_zalloc(struct arena *a, size_t count, size_t size);
/* A copy with a NUL behind it (not counted). data is NULL when over the bound. */
struct bytes arena_copy(struct arena *a, struct bytes bytes);
char *arena_strdup(struct arena *a, const char *s);
__attribute__((format(printf, 2, 3))) char *arena_printf(struct arena *a, const char *format, ...);

#define ARENA_NEW(a, type)          ((type *)arena_zalloc((a), 1, sizeof(type)))
#define ARENA_ARRAY(a, type, count) ((type *)arena_zalloc((a), (count), sizeof(type)))

#endif
