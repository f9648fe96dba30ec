#include "lsm/memtable_int.h"

#include <stdlib.h>

#define PREFETCH_AHEAD 4

/* Stands on an entry. While other entries are inserted the slot goes stale, which tree.changes
 * tells; the entry itself never moves, so the place is found again by its key. */
struct mem_cursor {
    struct cursor cursor;
    struct memtable *memtable;
    uint64_t view_index;
    bool reverse;
    int tree;               /* which of memtable->trees */
    struct mem_place place; /* leaf NULL: past the end of the tree */
    const struct mem_entry *entry;
    uint64_t changes; /* of the tree, when place was right */
    struct window window;
    uint8_t keys[]; /* of the window */
};

static struct mem_tree *tree_of(struct mem_cursor *c)
{
    return &c->memtable->trees[c->tree];
}

static struct mem_place place_after(struct mem_place p)
{
    if (p.slot + 1 < p.leaf->node.count) return (struct mem_place){p.leaf, p.slot + 1};
    return (struct mem_place){p.leaf->next, 0};
}

static struct mem_place place_last(struct mem_leaf *leaf)
{
    if (leaf == NULL) return (struct mem_place){NULL, 0};
    ASSERT(leaf->node.count > 0);
    return (struct mem_place){leaf, leaf->node.count - 1};
}

static struct mem_place place_before(struct mem_place p)
{
    if (p.slot > 0) return (struct mem_place){p.leaf, p.slot - 1};
    return place_last(p.leaf->prev);
}

/* Going backwards: the last entry before the key. */
static struct mem_place place_below(struct mem_tree *t, struct bytes key, uint64_t ts)
{
    struct mem_place p = mem_tree_seek(t, key, ts);
    return p.leaf == NULL ? place_last(t->last) : place_before(p);
}

static void tree_enter(struct mem_cursor *c)
{
    struct mem_tree *t = tree_of(c);
    const struct window *w = &c->window;
    if (!c->reverse)
        c->place = mem_tree_seek(t, w->from, LSM_TS_MAX);
    else if (w->to.size > 0)
        c->place = place_below(t, w->to, LSM_TS_MAX);
    else
        c->place = place_last(t->last);
    c->changes = t->changes;
}

/* Beyond the window, in the cursor's direction. */
static bool is_past(const struct mem_cursor *c, const struct mem_entry *e)
{
    const struct window *w = &c->window;
    struct bytes key = bytes_make(e->key, e->key_size);
    if (MUTANT("lsm_window_ignored_by_memtables")) return false;
    if (c->reverse) return w->from.size > 0 && bytes_compare(key, w->from) < 0;
    return w->to.size > 0 && bytes_compare(key, w->to) >= 0;
}

static void advance(struct mem_cursor *c)
{
    struct mem_tree *t = tree_of(c);
    if (c->changes != t->changes) {
        struct bytes key = bytes_make(c->entry->key, c->entry->key_size);
        c->place = mem_tree_seek(t, key, c->entry->ts);
        c->changes = t->changes;
        ASSERT(c->place.leaf->node.entries[c->place.slot] == c->entry);
    }
    c->place = c->reverse ? place_before(c->place) : place_after(c->place);
}

static void prefetch_entry(const struct mem_node *n, uint32_t slot)
{
    if (slot >= n->count) return;
    __builtin_prefetch(n->entries[slot]);
    __builtin_prefetch((const uint8_t *)n->entries[slot] + 64);
}

/* Entries stand in the order they were written in, a scan meets them in the order of their keys: without this it would wait for
 * memory at each, and at each leaf. */
static void prefetch_after(const struct mem_cursor *c)
{
    const struct mem_node *n = &c->place.leaf->node;
    const struct mem_leaf *next = c->reverse ? c->place.leaf->prev : c->place.leaf->next;
    uint32_t done = c->reverse ? n->count - 1 - c->place.slot : c->place.slot, ahead = done + PREFETCH_AHEAD;
    if (next != NULL && done == 0) {
        __builtin_prefetch(&next->node);
        for (uint32_t i = 0; i < MEM_NODE_SLOTS; i += 8) __builtin_prefetch(&next->node.entries[i]);
    }
    if (ahead < n->count) {
        prefetch_entry(n, c->reverse ? n->count - 1 - ahead : ahead);
    } else if (next != NULL && done > 0) { /* of a leaf that was asked for already */
        ahead -= n->count;
        prefetch_entry(&next->node, c->reverse ? next->node.count - 1 - ahead : ahead); /* wraps: out of range */
    }
}

/* From c->place on, finds the first entry the view shows, through the trees that follow. */
static enum status settle(struct mem_cursor *c)
{
    for (;;) {
        while (c->place.leaf == NULL) {
            int next = c->reverse ? c->tree - 1 : c->tree + 1;
            if (next < 0 || next >= LSM_SPACE_COUNT) return STATUS_NOT_FOUND;
            c->tree = next;
            tree_enter(c);
        }
        const struct mem_entry *e = c->place.leaf->node.entries[c->place.slot];
        if (is_past(c, e)) {
            c->place.leaf = NULL;
            continue;
        }
        prefetch_after(c);
        const struct mem_value *v = mem_visible(e, c->view_index);
        c->entry = e;
        if (v != NULL && !mem_is_void(e, v)) {
            c->cursor.item = (struct lsm_item){
                .space = (enum lsm_space)(c->tree + LSM_SPACE_FIRST),
                .key = bytes_make(e->key, e->key_size),
                .ts = e->ts,
                .tombstone = v->tombstone,
                .value = bytes_make(v->data, v->size),
            };
            return STATUS_OK;
        }
        c->place = c->reverse ? place_before(c->place) : place_after(c->place);
    }
}

static enum status mem_cursor_seek(struct cursor *cursor, const struct item_key *target,
                                   __attribute__((unused)) struct lsm_waiter *waiter)
{
    struct mem_cursor *c = CONTAINER_OF(cursor, struct mem_cursor, cursor);
    int tree = (int)target->space - LSM_SPACE_FIRST;
    ASSERT(tree >= 0);
    if (tree >= LSM_SPACE_COUNT) { /* the end of everything */
        c->tree = c->reverse ? LSM_SPACE_COUNT - 1 : LSM_SPACE_COUNT;
        if (!c->reverse) return STATUS_NOT_FOUND;
        tree_enter(c);
        return settle(c);
    }
    c->tree = tree;
    struct mem_tree *t = tree_of(c);
    const struct window *w = &c->window;
    bool outside = c->reverse ? w->to.size > 0 && bytes_compare(target->key, w->to) > 0
                              : bytes_compare(target->key, w->from) < 0;
    if (outside) {
        tree_enter(c);
        return settle(c);
    }
    c->place = c->reverse ? place_below(t, target->key, target->ts)
                          : mem_tree_seek(t, target->key, target->ts);
    c->changes = t->changes;
    return settle(c);
}

static enum status mem_cursor_step(struct cursor *cursor,
                                   __attribute__((unused)) struct lsm_waiter *waiter)
{
    struct mem_cursor *c = CONTAINER_OF(cursor, struct mem_cursor, cursor);
    ASSERT(c->entry != NULL);
    advance(c);
    return settle(c);
}

static void mem_cursor_close(struct cursor *cursor)
{
    struct mem_cursor *c = CONTAINER_OF(cursor, struct mem_cursor, cursor);
    memtable_unpin(c->memtable);
    free(c);
}

static const struct cursor_table mem_cursor_table = {mem_cursor_seek, mem_cursor_step,
                                                     mem_cursor_close};

enum status memtable_cursor_open(struct memtable *m, uint64_t view_index, bool reverse,
                                 const struct window *window, struct cursor **cursor_out)
{
    size_t key_bytes = window == NULL ? 0 : window->from.size + window->to.size;
    struct mem_cursor *c = calloc(1, sizeof *c + key_bytes);
    if (c == NULL) return STATUS_NO_MEMORY;
    if (window != NULL) window_copy(window, c->keys, &c->window);
    c->cursor.table = &mem_cursor_table;
    c->memtable = m;
    c->view_index = view_index;
    c->reverse = reverse;
    memtable_pin(m);
    *cursor_out = &c->cursor;
    return STATUS_OK;
}
