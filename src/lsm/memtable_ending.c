/* Versions whose values end by themselves, records of idempotency keys mostly: put in once, hardly ever asked for, and as many as the
 * rows beside which they stand. In the tree each would cost a search and make room for itself among rows that are written all the
 * time. Here they are appended, sorted in runs of some thousand, and found by their hash. */
#include "lsm/memtable_int.h"

#include <stdlib.h>

/* ---- runs ---- */

static int slot_compare(const void *a, const void *b)
{
    const struct mem_run_slot *x = a, *y = b;
    if (x->head != y->head) return x->head < y->head ? -1 : 1;
    return mem_entry_compare(x->entry, y->entry);
}

void mem_run_sort(struct mem_run_slot *slots, uint32_t count)
{
    if (count == 0) return;
    struct bytes first = mem_entry_key(slots[0].entry);
    uint32_t skip = (uint32_t)first.size;
    for (uint32_t i = 1; i < count; i++) {
        uint32_t common = mem_common_size(first, mem_entry_key(slots[i].entry));
        if (common < skip) skip = common;
    }
    for (uint32_t i = 0; i < count; i++) slots[i].head = mem_head_at(mem_entry_key(slots[i].entry), skip);
    qsort(slots, count, sizeof *slots, slot_compare);
}

static bool grow_runs(struct mem_ending *z)
{
    if (z->run_count < z->run_capacity) return true;
    uint32_t capacity = z->run_capacity == 0 ? 4 : z->run_capacity * 2;
    struct mem_run *runs = arena_alloc(z->arena, capacity * sizeof *runs);
    if (runs == NULL) return false;
    if (z->run_count > 0) memcpy(runs, z->runs, z->run_count * sizeof *runs);
    z->runs = runs;
    z->run_capacity = capacity;
    return true;
}

/* The one that has room. NULL: no memory. */
static struct mem_run *open_run(struct mem_ending *z)
{
    struct mem_run *last = z->run_count == 0 ? NULL : &z->runs[z->run_count - 1];
    if (last != NULL && last->count < last->capacity) return last;
    uint32_t capacity = last == NULL ? MEM_RUN_FIRST : last->capacity * MEM_RUN_GROWTH;
    if (capacity > MEM_RUN_MAX) capacity = MEM_RUN_MAX;
    struct mem_run_slot *slots = arena_alloc(z->arena, capacity * sizeof *slots);
    if (slots == NULL || !grow_runs(z)) return NULL;
    z->runs[z->run_count] = (struct mem_run){slots, 0, capacity};
    return &z->runs[z->run_count++];
}

/* ---- the index ---- */

#define ADDRESS_BITS 48
#define ADDRESS_MASK ((UINT64_C(1) << ADDRESS_BITS) - 1)

static struct mem_entry *entry_in(uint64_t slot)
{
    return (struct mem_entry *)(uintptr_t)(slot & ADDRESS_MASK);
}

/* Slots begin where the lower bits say and tell entries apart by the upper ones: keys that are not there mostly need no look at one. */
static uint64_t slot_of(const struct mem_entry *e, uint64_t hash)
{
    uint64_t address = (uintptr_t)e;
    ASSERT(address <= ADDRESS_MASK); /* of user space on x86-64 and AArch64, unless larger ones are asked for */
    return address | (hash & ~ADDRESS_MASK);
}

/* A full one stays as it is: to put its entries elsewhere would take too long. */
static bool has_room(struct mem_ending *z)
{
    struct mem_index *last = z->index;
    if (last != NULL && last->used < last->size / 4 * 3) return true;
    uint32_t size = last == NULL ? MEM_INDEX_FIRST : last->size * MEM_INDEX_GROWTH;
    if (size > MEM_INDEX_MAX) size = MEM_INDEX_MAX;
    struct mem_index *next = arena_zalloc(z->arena, 1, sizeof *next + size * sizeof next->slots[0]);
    if (next == NULL) return false;
    next->size = size;
    next->older = last;
    z->index = next;
    return true;
}

static void index_put(struct mem_index *x, const struct mem_entry *e, uint64_t hash)
{
    uint64_t at = hash & (x->size - 1);
    while (x->slots[at] != 0) at = (at + 1) & (x->size - 1);
    x->slots[at] = slot_of(e, hash);
    x->used++;
}

void mem_ending_ask_ahead(const struct mem_ending *z, uint64_t hash)
{
    for (const struct mem_index *x = z->index; x != NULL; x = x->older) __builtin_prefetch(&x->slots[hash & (x->size - 1)]);
}

/* ---- both ---- */

enum status mem_ending_add(struct mem_ending *z, struct mem_entry *e, uint64_t hash)
{
    struct mem_run *run = has_room(z) ? open_run(z) : NULL;
    if (run == NULL) return STATUS_NO_MEMORY;
    index_put(z->index, e, hash);
    if (z->count == 0 || mem_entry_compare(e, z->first) < 0) z->first = e;
    if (z->count == 0 || mem_entry_compare(e, z->last) > 0) z->last = e;
    run->slots[run->count++] = (struct mem_run_slot){0, e};
    z->count++;
    if (run->count == run->capacity) mem_run_sort(run->slots, run->count);
    return STATUS_OK;
}

bool mem_ending_reaches(const struct mem_ending *z, const struct item_key *low, const struct item_key *high)
{
    if (z->count == 0) return false;
    struct item_key first = {LSM_SPACE_VERSIONS, mem_entry_key(z->first), z->first->ts};
    struct item_key last = {LSM_SPACE_VERSIONS, mem_entry_key(z->last), z->last->ts};
    return item_key_compare(low, &last) <= 0 && item_key_compare(&first, high) < 0;
}

struct mem_entry *mem_ending_find(const struct mem_ending *z, struct bytes key, uint64_t ts_max, uint64_t hash)
{
    struct mem_entry *found = NULL;
    for (const struct mem_index *x = z->index; x != NULL; x = MUTANT("lsm_ending_forgotten") ? NULL : x->older) {
        for (uint64_t at = hash; x->slots[at & (x->size - 1)] != 0; at++) {
            uint64_t slot = x->slots[at & (x->size - 1)];
            if ((slot ^ hash) >> ADDRESS_BITS != 0) continue;
            struct mem_entry *e = entry_in(slot);
            bool better = e->ts <= ts_max && (found == NULL || e->ts > found->ts);
            if (better && bytes_equal(mem_entry_key(e), key)) found = e;
        }
    }
    return found;
}
