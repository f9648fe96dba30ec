#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/sanitize_int.h"

#define ALIGNMENT       16
#define CHUNK_BYTES_MIN 4096
#define CHUNK_BYTES_MAX 65536
#define CHUNK_BYTES_KEPT 16384 /* across a reset, at most */

/* Memory that a chunk holds and has not handed out is poisoned under AddressSanitizer, so that a
 * use after reset is caught like a use after free. */
struct arena_chunk {
    struct arena_chunk *next;
    size_t capacity; /* of data[] */
    size_t unused_padding[2]; /* what is held bounds memtables: with another size runs of the simulator would be others */
    _Alignas(ALIGNMENT) uint8_t data[];
};
_Static_assert(sizeof(struct arena_chunk) % ALIGNMENT == 0, "data follows aligned");
_Static_assert(_Alignof(max_align_t) >= ALIGNMENT, "malloc aligns chunks enough");

static size_t chunk_bytes(const struct arena_chunk *chunk)
{
    return sizeof *chunk + chunk->capacity;
}

static void check(const struct arena *a)
{
    ASSERT(a->used <= a->used_max);
    ASSERT(a->used_max <= a->size);
    ASSERT(a->size + a->lent <= a->size_max);
    ASSERT((a->chunks == NULL) == (a->size == 0));
}

void arena_init(struct arena *a, size_t size_max)
{
    *a = (struct arena){.size_max = size_max};
}

void arena_share(struct arena *a, struct arena_account *account)
{
    ASSERT(a->chunks == NULL);
    a->account = account;
}

void arena_init_part(struct arena *a, struct arena *lender, size_t size_max)
{
    ASSERT(lender->lender == NULL); /* one level is all there is */
    *a = (struct arena){.size_max = size_max, .lender = lender, .account = lender->account};
}

static void chunk_free(struct arena *a, struct arena_chunk *chunk)
{
    ASSERT(a->size >= chunk_bytes(chunk));
    a->size -= chunk_bytes(chunk);
    if (a->account != NULL) {
        ASSERT(a->account->held >= chunk_bytes(chunk));
        a->account->held -= chunk_bytes(chunk);
    }
    if (a->lender != NULL) a->lender->lent -= chunk_bytes(chunk);
    SANITIZE_UNPOISON(chunk->data, chunk->capacity);
    free(chunk);
}

void arena_deinit(struct arena *a)
{
    check(a);
    while (a->chunks != NULL) {
        struct arena_chunk *chunk = a->chunks;
        a->chunks = chunk->next;
        chunk_free(a, chunk);
    }
    ASSERT(a->size == 0);
    ASSERT(a->lent == 0);
    *a = (struct arena){.size_max = a->size_max, .lender = a->lender, .account = a->account};
}

/* Pieces come from the first chunk, of which nothing is handed out yet. */
static void use_first(struct arena *a)
{
    a->used_max = a->used + (a->chunks == NULL ? 0 : a->chunks->capacity & ~(size_t)(ALIGNMENT - 1));
    a->origin = a->chunks == NULL ? 0 : (uintptr_t)a->chunks->data - a->used;
}

/* Behind the first piece: as long as there is none, nothing has been made of what was kept. */
static __attribute__((noinline)) void take_back(struct arena *a)
{
    check(a);
    struct arena_chunk *kept = a->chunks;
    if (kept != NULL && (kept->next != NULL || chunk_bytes(kept) > CHUNK_BYTES_KEPT)) {
        /* The next first chunk is as large as these, so what is done again and again soon fits into one. */
        a->first_bytes = a->size < CHUNK_BYTES_KEPT ? a->size : CHUNK_BYTES_KEPT;
        while (a->chunks != NULL) {
            struct arena_chunk *chunk = a->chunks;
            a->chunks = chunk->next;
            chunk_free(a, chunk);
        }
        kept = NULL;
    }
    if (kept != NULL) SANITIZE_POISON(kept->data, kept->capacity);
    a->chunks = kept;
    a->used = 0;
    use_first(a);
    check(a);
}

void arena_reset(struct arena *a)
{
    if (a->used > 0) take_back(a);
    a->refused = a->refused_held = 0;
    a->failed = false;
}

static bool account_take(struct arena *a, size_t size)
{
    struct arena_account *t = a->account;
    if (t == NULL) return true;
    size_t held_max = a->size + size <= ARENA_FREE_BYTES ? t->held_max + t->held_max / 8 : t->held_max;
    if (t->held > held_max || size > held_max - t->held) {
        t->refused++;
        return false;
    }
    t->held += size;
    if (t->held > t->held_peak) t->held_peak = t->held;
    return true;
}

static size_t bytes_left(const struct arena *a)
{
    size_t left = a->size_max - a->lent - a->size;
    if (a->lender == NULL) return left;
    size_t lender_left = a->lender->size_max - a->lender->lent - a->lender->size;
    return left < lender_left ? left : lender_left;
}

/* So that an error can say which bound it was, and how far behind it the wish. */
static void note_refused(struct arena *a, size_t size)
{
    struct arena *of = a->lender != NULL ? a->lender : a;
    if (of->refused != 0) return;
    of->refused = size;
    of->refused_held = of->size + of->lent;
}

/* A chunk for at least `size` bytes of data, or NULL. Chunks are as large as all before them
 * together, from 4 KiB to 64 KiB, so the held size about doubles; near the bound they shrink to
 * what is left. */
static struct arena_chunk *chunk_create(struct arena *a, size_t size)
{
    size_t left = bytes_left(a);
    if (left < sizeof(struct arena_chunk) || size > left - sizeof(struct arena_chunk)) {
        note_refused(a, size);
        return NULL;
    }
    size_t total = a->size == 0 ? a->first_bytes : a->size;
    if (total < CHUNK_BYTES_MIN) total = CHUNK_BYTES_MIN;
    if (total > CHUNK_BYTES_MAX) total = CHUNK_BYTES_MAX;
    if (total > left) total = left;
    if (total < sizeof(struct arena_chunk) + size) total = sizeof(struct arena_chunk) + size;
    if (!account_take(a, total)) {
        total = sizeof(struct arena_chunk) + size; /* what is wanted, and nothing for later */
        if (!account_take(a, total)) return NULL;
    }
    struct arena_chunk *chunk = malloc(total);
    if (chunk == NULL) {
        if (a->account != NULL) a->account->held -= total;
        return NULL;
    }
    *chunk = (struct arena_chunk){.capacity = total - sizeof *chunk};
    SANITIZE_POISON(chunk->data, chunk->capacity);
    a->size += total;
    if (a->lender != NULL) a->lender->lent += total;
    return chunk;
}

static size_t round_up(size_t size)
{
    return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

/* What is left of the first chunk is a multiple of ALIGNMENT, so there is room for the rounded size if there is for size. False
 * for 0, too. */
static inline bool has_room(const struct arena *a, size_t size)
{
    return size - 1 < a->used_max - a->used;
}

static inline void *take(struct arena *a, size_t size)
{
    uint8_t *memory = (uint8_t *)(a->origin + a->used);
    a->used += round_up(size);
    SANITIZE_UNPOISON(memory, size);
    ASSERT((uintptr_t)memory % ALIGNMENT == 0);
    return memory;
}

/* The way of a piece for which the first chunk has no room, and of one of no size. The new chunk comes first, where the
 * next allocations look; one that its one big piece fills goes second, so that the room left in the first stays in use. */
static __attribute__((noinline)) void *alloc_slowly(struct arena *a, size_t size)
{
    if (size == 0) return arena_alloc(a, ALIGNMENT);
    struct arena_chunk *chunk = size > SIZE_MAX - ALIGNMENT ? NULL : chunk_create(a, round_up(size));
    if (chunk == NULL) {
        a->failed = true;
        return NULL;
    }
    bool filled = a->chunks != NULL && chunk->capacity == round_up(size);
    struct arena_chunk **place = filled ? &a->chunks->next : &a->chunks;
    chunk->next = *place;
    *place = chunk;
    if (!filled) {
        use_first(a);
        return take(a, size);
    }
    a->used += chunk->capacity;
    a->used_max += chunk->capacity;
    a->origin -= chunk->capacity;
    check(a);
    SANITIZE_UNPOISON(chunk->data, size);
    return chunk->data;
}

void *arena_alloc(struct arena *a, size_t size)
{
    return has_room(a, size) ? take(a, size) : alloc_slowly(a, size);
}

static __attribute__((noinline)) void *zalloc_slowly(struct arena *a, size_t size)
{
    void *memory = alloc_slowly(a, size);
    if (memory != NULL) memset(memory, 0, size);
    return memory;
}

void *arena_zalloc(struct arena *a, size_t count, size_t size)
{
    size_t total;
    if (__builtin_mul_overflow(count, size, &total)) {
        a->failed = true;
        return NULL;
    }
    return has_room(a, total) ? memset(take(a, total), 0, total) : zalloc_slowly(a, total);
}

struct bytes arena_copy(struct arena *a, struct bytes bytes)
{
    ASSERT(bytes.size == 0 || bytes.data != NULL);
    ASSERT(bytes.size < SIZE_MAX);
    uint8_t *copy = arena_alloc(a, bytes.size + 1);
    if (copy == NULL) return BYTES_EMPTY;
    if (bytes.size > 0) memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = 0;
    return bytes_make(copy, bytes.size);
}

char *arena_strdup(struct arena *a, const char *s)
{
    size_t size = strlen(s) + 1;
    char *copy = arena_alloc(a, size);
    if (copy != NULL) memcpy(copy, s, size);
    return copy;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    ASSERT(size >= 0);
    char *text = arena_alloc(a, (size_t)size + 1);
    if (text == NULL) return NULL;
    va_start(args, format);
    int written = vsnprintf(text, (size_t)size + 1, format, args);
    va_end(args);
    ASSERT(written == size);
    return text;
}
