/* Values that end, in the order of their places: the runs of a memtable merged, as of some view. */
#include "lsm/memtable_int.h"

#include <stdlib.h>

#define PREFETCH_AHEAD 2

/* A run, and the slot that is next in the cursor's direction; at == count: none. */
struct run_place {
    const struct mem_run_slot *slots;
    uint32_t count, at;
    uint64_t head; /* of the entry there, behind what all keys have in common */
};

struct ending_cursor {
    struct cursor cursor;
    struct memtable *memtable;
    uint64_t view_index;
    bool reverse;
    uint32_t skip; /* so many bytes all keys have in common */
    struct window window;
    struct mem_run_slot *copy; /* of the run that is written on, sorted */
    uint32_t current; /* of the places: the one that cursor.item is of */
    uint32_t count;
    struct run_place places[];
};

static const struct mem_entry *entry_at(const struct run_place *p)
{
    return p->slots[p->at].entry;
}

/* ---- one run ---- */

/* The slot so many further in the cursor's direction; no slot, when there is none. */
static uint32_t further(const struct ending_cursor *c, const struct run_place *p, uint32_t steps)
{
    return c->reverse ? p->at - steps : p->at + steps; /* wraps */
}

static void ask_ahead(const struct ending_cursor *c, const struct run_place *p)
{
    uint32_t at = further(c, p, PREFETCH_AHEAD);
    if (at >= p->count) return;
    for (uint32_t line = 0; line < 3; line++) __builtin_prefetch((const uint8_t *)p->slots[at].entry + line * 64);
}

/* From p->at on, the next entry that the view shows, and the window has. */
static void place_settle(const struct ending_cursor *c, struct run_place *p)
{
    while (p->at < p->count && mem_visible(entry_at(p), c->view_index) == NULL) p->at = further(c, p, 1);
    if (p->at >= p->count) {
        p->at = p->count;
        return;
    }
    struct bytes key = mem_entry_key(entry_at(p));
    bool below = bytes_compare(key, c->window.from) < 0;
    bool above = c->window.to.size > 0 && bytes_compare(key, c->window.to) >= 0;
    if ((c->reverse ? below : above) && !MUTANT("lsm_ending_beyond_window")) p->at = p->count;
    else p->head = mem_head_at(key, c->skip);
    ask_ahead(c, p);
}

/* The first slot at or after the place. */
static uint32_t place_rank(const struct run_place *p, struct bytes key, uint64_t ts)
{
    uint32_t low = 0, high = p->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct mem_entry *e = p->slots[middle].entry;
        int order = bytes_compare(mem_entry_key(e), key);
        if (order < 0 || (order == 0 && e->ts > ts)) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* ---- all ---- */

static enum status show_first(struct ending_cursor *c)
{
    const struct run_place *best = NULL;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct run_place *p = &c->places[i];
        if (p->at == p->count) continue;
        bool before = best == NULL || p->head < best->head;
        if (best != NULL && p->head == best->head) before = mem_entry_compare(entry_at(p), entry_at(best)) < 0;
        if (best == NULL || before != c->reverse) best = p;
    }
    if (best == NULL) return STATUS_NOT_FOUND;
    const struct mem_entry *e = entry_at(best);
    const struct mem_value *v = mem_visible(e, c->view_index);
    c->current = (uint32_t)(best - c->places);
    c->cursor.item = (struct lsm_item){.space = LSM_SPACE_VERSIONS, .key = mem_entry_key(e), .ts = e->ts,
                                       .tombstone = v->tombstone, .value = bytes_make(v->data, v->size)};
    return STATUS_OK;
}

/* Where the cursor begins, or its end in that direction is. */
static struct item_key target_of(const struct ending_cursor *c, const struct item_key *t)
{
    const struct item_key low = {LSM_SPACE_VERSIONS, c->window.from, LSM_TS_MAX};
    const struct item_key high = {LSM_SPACE_VERSIONS, c->window.to, LSM_TS_MAX};
    if (c->reverse && c->window.to.size > 0 && item_key_compare(t, &high) > 0) return high;
    return !c->reverse && item_key_compare(t, &low) < 0 ? low : *t;
}

static enum status ending_seek(struct cursor *cursor, const struct item_key *target,
                               __attribute__((unused)) struct lsm_waiter *waiter)
{
    struct ending_cursor *c = CONTAINER_OF(cursor, struct ending_cursor, cursor);
    struct item_key t = target_of(c, target);
    for (uint32_t i = 0; i < c->count; i++) {
        struct run_place *p = &c->places[i];
        uint32_t rank = t.space > LSM_SPACE_VERSIONS ? p->count : place_rank(p, t.key, t.ts);
        p->at = c->reverse ? rank - 1 : rank; /* wraps: none */
        place_settle(c, p);
    }
    return show_first(c);
}

static enum status ending_step(struct cursor *cursor, __attribute__((unused)) struct lsm_waiter *waiter)
{
    struct ending_cursor *c = CONTAINER_OF(cursor, struct ending_cursor, cursor);
    struct run_place *p = &c->places[c->current];
    p->at = further(c, p, 1);
    place_settle(c, p);
    return show_first(c);
}

static void ending_close(struct cursor *cursor)
{
    struct ending_cursor *c = CONTAINER_OF(cursor, struct ending_cursor, cursor);
    memtable_unpin(c->memtable);
    free(c->copy);
    free(c);
}

static const struct cursor_table ending_cursor_table = {ending_seek, ending_step, ending_close};

/* ---- opening ---- */

/* Of the run that is written on a copy is sorted. */
static bool take_runs(struct ending_cursor *c, const struct mem_ending *z)
{
    for (uint32_t i = 0; i < z->run_count; i++) {
        const struct mem_run *run = &z->runs[i];
        c->places[i] = (struct run_place){.slots = run->slots, .count = run->count};
        if (run->count == run->capacity || MUTANT("lsm_ending_run_unsorted")) continue;
        c->copy = malloc(run->count * sizeof *c->copy);
        if (c->copy == NULL) return false;
        memcpy(c->copy, run->slots, run->count * sizeof *c->copy);
        mem_run_sort(c->copy, run->count);
        c->places[i].slots = c->copy;
    }
    c->count = z->run_count;
    return true;
}

/* All keys lie between the first of a run and the last of one. */
static uint32_t common_to_all(const struct ending_cursor *c)
{
    struct bytes any = mem_entry_key(c->places[0].slots[0].entry);
    uint32_t skip = (uint32_t)any.size;
    for (uint32_t i = 0; i < c->count; i++) {
        const struct run_place *p = &c->places[i];
        uint32_t first = mem_common_size(any, mem_entry_key(p->slots[0].entry));
        uint32_t last = mem_common_size(any, mem_entry_key(p->slots[p->count - 1].entry));
        uint32_t less = first < last ? first : last;
        if (less < skip) skip = less;
    }
    return skip;
}

enum status mem_ending_cursor_open(struct memtable *m, uint64_t view_index, bool reverse,
                                   const struct window *window, struct cursor **cursor_out)
{
    const struct mem_ending *z = &m->ending;
    ASSERT(z->count > 0);
    size_t places = z->run_count * sizeof(struct run_place), keys = window == NULL ? 0 : window->from.size + window->to.size;
    struct ending_cursor *c = calloc(1, sizeof *c + places + keys);
    if (c == NULL) return STATUS_NO_MEMORY;
    if (!take_runs(c, z)) {
        free(c);
        return STATUS_NO_MEMORY;
    }
    if (window != NULL) window_copy(window, (uint8_t *)c->places + places, &c->window);
    c->cursor.table = &ending_cursor_table;
    c->memtable = m;
    c->view_index = view_index;
    c->reverse = reverse;
    c->skip = common_to_all(c);
    memtable_pin(m);
    *cursor_out = &c->cursor;
    return STATUS_OK;
}
