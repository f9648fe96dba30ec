/* What the log means: per range its start, hard state and the places of its live entries; the facts
 * of the store. Appends and recovery change it through the same functions. */
#include <stdlib.h>

#include "wal/wal_int.h"

#define ENTRIES_MIN 8u /* room of an index: most ranges are idle, and have a handful of entries */

/* ---- the heap of ranges with entries: which one pins the oldest segment? ---- */

static uint64_t first_lsn(const struct wal_range *r)
{
    ASSERT(r->count > 0);
    return r->entries[r->head].lsn;
}

static void heap_set(struct wal_index *x, size_t at, struct wal_range *r)
{
    x->heap[at] = r;
    r->heap_place = at + 1;
}

static void heap_up(struct wal_index *x, size_t at)
{
    struct wal_range *r = x->heap[at];
    while (at > 0 && first_lsn(x->heap[(at - 1) / 2]) > first_lsn(r)) {
        heap_set(x, at, x->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(x, at, r);
}

static void heap_down(struct wal_index *x, size_t at)
{
    struct wal_range *r = x->heap[at];
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= x->heap_count) break;
        if (child + 1 < x->heap_count && first_lsn(x->heap[child + 1]) < first_lsn(x->heap[child]))
            child++;
        if (first_lsn(x->heap[child]) >= first_lsn(r)) break;
        heap_set(x, at, x->heap[child]);
        at = child;
    }
    heap_set(x, at, r);
}

static void heap_remove(struct wal_index *x, struct wal_range *r)
{
    if (r->heap_place == 0) return;
    size_t at = r->heap_place - 1;
    ASSERT(x->heap[at] == r);
    struct wal_range *last = x->heap[--x->heap_count];
    r->heap_place = 0;
    if (last == r) return;
    heap_set(x, at, last);
    heap_up(x, at);
    heap_down(x, last->heap_place - 1);
}

/* The first entry of r is another one, there is none any more, or there is one now. */
static void heap_update(struct wal_index *x, struct wal_range *r)
{
    if (r->count == 0) {
        heap_remove(x, r);
    } else if (r->heap_place == 0) {
        ASSERT(x->heap_count < x->heap_capacity);
        heap_set(x, x->heap_count++, r);
        heap_up(x, x->heap_count - 1);
    } else {
        heap_up(x, r->heap_place - 1);
        heap_down(x, r->heap_place - 1);
    }
}

static enum status heap_reserve(struct wal_index *x, size_t count)
{
    if (count <= x->heap_capacity) return STATUS_OK;
    size_t capacity = x->heap_capacity == 0 ? 16 : x->heap_capacity * 2;
    struct wal_range **heap = realloc(x->heap, capacity * sizeof(struct wal_range *));
    if (heap == NULL) return STATUS_NO_MEMORY;
    x->heap = heap;
    x->heap_capacity = capacity;
    return STATUS_OK;
}

uint64_t wal_index_oldest(const struct wal_index *x)
{
    return x->heap_count == 0 ? UINT64_MAX : first_lsn(x->heap[0]);
}

/* ---- lifecycle ---- */

void wal_index_init(struct wal_index *x)
{
    *x = (struct wal_index){0};
    map_init(&x->ranges);
}

static void range_destroy(struct wal_range *r)
{
    free(r->entries);
    free(r);
}

void wal_index_deinit(struct wal_index *x)
{
    size_t cursor = 0;
    for (struct map_slot *slot; (slot = map_next(&x->ranges, &cursor)) != NULL;)
        range_destroy(slot->value);
    map_deinit(&x->ranges);
    free(x->heap);
    free(x->facts);
    *x = (struct wal_index){0};
}

/* ---- ranges ---- */

struct wal_range *wal_index_find(const struct wal_index *x, struct range_id id)
{
    return map_get(&x->ranges, id.value);
}

struct wal_range *wal_index_make(struct wal_index *x, struct range_id id)
{
    ASSERT(id.value > 0);
    struct wal_range *r = wal_index_find(x, id);
    if (r != NULL) return r;
    if (heap_reserve(x, x->ranges.count + 1) != STATUS_OK) return NULL;
    r = calloc(1, sizeof *r);
    if (r == NULL) return NULL;
    r->id = id;
    r->first_index = 1;
    r->change = ++x->change;
    if (map_put(&x->ranges, id.value, r) != STATUS_OK) {
        range_destroy(r);
        return NULL;
    }
    x->checkpoint_bytes += WAL_RANGE_RECORD_BYTES;
    return r;
}

void wal_index_drop(struct wal_index *x, struct range_id id)
{
    struct wal_range *r = map_remove(&x->ranges, id.value);
    if (r == NULL) return;
    ASSERT(x->checkpoint_bytes >= WAL_RANGE_RECORD_BYTES);
    heap_remove(x, r);
    range_destroy(r);
    x->checkpoint_bytes -= WAL_RANGE_RECORD_BYTES;
    x->change++;
}

/* ---- entries ---- */

static void check_range(const struct wal_range *r)
{
    ASSERT(r->head + r->count <= r->capacity);
    ASSERT(r->count == 0 || r->first_index > r->start.index);
    ASSERT((r->count > 0) == (r->heap_place > 0));
}

enum status wal_index_reserve(struct wal_range *r)
{
    if (r->head + r->count < r->capacity) return STATUS_OK;
    if (r->head > r->capacity / 2) { /* moves each entry at most once per entry removed */
        memmove(r->entries, r->entries + r->head, r->count * sizeof r->entries[0]);
        r->head = 0;
        return STATUS_OK;
    }
    size_t capacity = r->capacity == 0 ? ENTRIES_MIN : r->capacity * 2;
    struct wal_entry *entries = realloc(r->entries, capacity * sizeof entries[0]);
    if (entries == NULL) return STATUS_NO_MEMORY;
    r->entries = entries;
    r->capacity = capacity;
    return STATUS_OK;
}

void wal_index_put(struct wal_index *x, struct wal_range *r, uint64_t index, uint64_t term,
                   uint64_t lsn, uint32_t size)
{
    ASSERT(index > r->start.index);
    if (r->count == 0 || index <= r->first_index) {
        if (r->count > 0) r->change = ++x->change;
        r->head = r->count = 0;
        r->first_index = index;
    } else if (index < r->first_index + r->count) {
        r->count = (size_t)(index - r->first_index);
        r->change = ++x->change;
    }
    ASSERT(index == r->first_index + r->count); /* WAL-5: no holes */
    ASSERT(r->head + r->count < r->capacity);
    ASSERT(r->count == 0 || r->entries[r->head + r->count - 1].lsn < lsn);
    r->entries[r->head + r->count++] = (struct wal_entry){lsn, term, size};
    if (r->count == 1) heap_update(x, r);
    check_range(r);
}

const struct wal_entry *wal_index_entry(const struct wal_range *r, uint64_t index)
{
    if (r == NULL || index < r->first_index || index - r->first_index >= r->count) return NULL;
    return &r->entries[r->head + (size_t)(index - r->first_index)];
}

bool wal_index_start_clears(const struct wal_range *r, struct log_pos pos)
{
    if (pos.index == r->start.index) return pos.term != r->start.term;
    const struct wal_entry *entry = wal_index_entry(r, pos.index);
    return entry == NULL || entry->term != pos.term;
}

/* Nothing is kept for a range without entries: there may be thousands. */
static void entries_free(struct wal_range *r)
{
    free(r->entries);
    r->entries = NULL;
    r->head = r->count = r->capacity = 0;
}

void wal_index_clear(struct wal_index *x, struct wal_range *r)
{
    entries_free(r);
    r->first_index = r->start.index + 1;
    r->change = ++x->change;
    heap_update(x, r);
    check_range(r);
}

void wal_index_cut(struct wal_index *x, struct wal_range *r, uint64_t last)
{
    if (r->count == 0 || last >= wal_range_last(r)) return;
    if (last < r->first_index) {
        wal_index_clear(x, r);
        return;
    }
    r->count = (size_t)(last - r->first_index + 1);
    r->change = ++x->change;
    check_range(r);
}

void wal_index_start(struct wal_index *x, struct wal_range *r, struct log_pos pos, bool all)
{
    ASSERT(pos.index >= r->start.index);
    r->start = pos;
    r->change = ++x->change;
    if (all || wal_index_entry(r, pos.index + 1) == NULL) {
        /* Entries beyond a hole stay: recovery meets them when the segments before were freed. */
        if (!all && r->count > 0 && r->first_index > pos.index) return;
        wal_index_clear(x, r);
        return;
    }
    size_t gone = (size_t)(pos.index + 1 - r->first_index);
    r->head += gone;
    r->count -= gone;
    r->first_index += gone;
    heap_update(x, r);
    check_range(r);
}

/* ---- facts ---- */

/* The place of the key, or where it would go. */
static size_t fact_place(const struct wal_index *x, uint32_t key)
{
    size_t at = 0;
    while (at < x->fact_count && x->facts[at].key < key) at++;
    return at;
}

enum status wal_index_set_fact(struct wal_index *x, uint32_t key, struct bytes value)
{
    if (value.size > WAL_FACT_BYTES_MAX) return STATUS_TOO_LARGE;
    size_t at = fact_place(x, key);
    if (at == x->fact_count || x->facts[at].key != key) {
        if (x->fact_count == WAL_FACTS_MAX) return STATUS_TOO_LARGE;
        struct wal_fact *facts = realloc(x->facts, (x->fact_count + 1) * sizeof facts[0]);
        if (facts == NULL) return STATUS_NO_MEMORY;
        x->facts = facts;
        memmove(&facts[at + 1], &facts[at], (x->fact_count - at) * sizeof facts[0]);
        facts[at] = (struct wal_fact){.key = key};
        x->fact_count++;
        x->checkpoint_bytes += WAL_RECORD_HEAD_BYTES;
    }
    struct wal_fact *fact = &x->facts[at];
    x->checkpoint_bytes += value.size;
    x->checkpoint_bytes -= fact->size;
    fact->size = (uint32_t)value.size;
    if (value.size > 0) memcpy(fact->value, value.data, value.size);
    return STATUS_OK;
}

bool wal_index_sound(const struct wal_index *x)
{
    if (x->heap_count > x->ranges.count) return false;
    for (size_t at = 0; at < x->heap_count; at++) {
        if (x->heap[at]->heap_place != at + 1 || x->heap[at]->count == 0) return false;
        if (first_lsn(x->heap[at == 0 ? 0 : (at - 1) / 2]) > first_lsn(x->heap[at])) return false;
    }
    return true;
}
