#include "lsm/memtable_int.h"

#include <stdlib.h>

#include "base/hash.h"

/* ---- writes ---- */

static void value_set(struct mem_value *v, uint64_t index, const struct lsm_write *w)
{
    ASSERT(w->value.size <= v->capacity);
    v->index = index;
    v->size = (uint32_t)w->value.size;
    v->tombstone = w->tombstone;
    if (w->value.size > 0) memcpy(v->data, w->value.data, w->value.size);
}

/* ---- entries that say something ---- */

static struct list *entry_link(struct mem_entry *e)
{
    return (struct list *)(void *)e - 1;
}

static struct mem_entry *entry_of(struct list *link)
{
    return (struct mem_entry *)(void *)(link + 1);
}

/* It says nothing from now on, or something again. */
static void entry_turns(struct mem_tree *t, struct mem_entry *e, bool void_before, bool void_now)
{
    if (void_before == void_now) return;
    ASSERT(t->swept);
    t->void_count += (uint64_t)void_now - (uint64_t)void_before;
    if (void_now) list_remove(entry_link(e));
    else list_push_back(&t->told, entry_link(e));
}

/* Behind `front` bytes for whoever keeps it. The entry and its first value side by side: a lookup touches both. */
static struct mem_entry *entry_make(struct arena *arena, size_t front, uint64_t index, const struct lsm_write *w)
{
    size_t value_at = (offsetof(struct mem_entry, key) + w->key.size + 7) / 8 * 8;
    uint8_t *memory = arena_alloc(arena, front + value_at + offsetof(struct mem_value, data) + w->value.size);
    if (memory == NULL) return NULL;
    memory += front;
    struct mem_entry *e = (struct mem_entry *)(void *)memory;
    struct mem_value *v = (struct mem_value *)(void *)(memory + value_at);
    e->newest = v;
    e->ts = w->ts;
    e->key_size = (uint16_t)w->key.size;
    e->alone = w->alone || (MUTANT("lsm_alone_unasked") && !lsm_space_times(w->space) && !w->tombstone);
    if (w->key.size > 0) memcpy(e->key, w->key.data, w->key.size);
    v->older = NULL;
    v->capacity = (uint32_t)w->value.size;
    value_set(v, index, w);
    return e;
}

static struct mem_entry *entry_create(struct mem_tree *t, uint64_t index, const struct lsm_write *w)
{
    struct mem_entry *e = entry_make(t->arena, t->swept ? sizeof(struct list) : 0, index, w);
    if (e != NULL && t->swept) list_push_back(&t->told, entry_link(e));
    return e;
}

/* A state is overwritten when nobody can ask for it: there is no view of this memtable, or the same
 * Raft entry wrote it (its writes become visible together). */
static enum status entry_replace(const struct memtable *m, struct mem_tree *t, struct mem_entry *e, uint64_t index,
                                 const struct lsm_write *w)
{
    struct mem_value *v = e->newest;
    ASSERT(v->index <= index);
    entry_turns(t, e, mem_is_void(e, v), e->alone && w->tombstone);
    bool viewed = m->refs > 1 && v->index < index && !MUTANT("lsm_view_overwritten");
    if (!viewed) v->older = v->index < index ? NULL : v->older;
    if (!viewed && w->value.size <= v->capacity) {
        value_set(v, index, w);
        return STATUS_OK;
    }
    struct mem_value *next = arena_alloc(t->arena, offsetof(struct mem_value, data) + w->value.size);
    if (next == NULL) return STATUS_NO_MEMORY;
    next->capacity = (uint32_t)w->value.size;
    next->older = viewed ? v : v->older;
    value_set(next, index, w);
    e->newest = next;
    return STATUS_OK;
}

/* *entry_out: where it was written. */
static enum status tree_write(struct memtable *m, struct mem_tree *t, uint64_t index, const struct lsm_write *w,
                              const struct mem_hint *hint, struct mem_entry **entry_out)
{
    struct mem_spot s;
    mem_tree_find(t, w->key, w->ts, hint, &s);
    if (s.found) {
        *entry_out = s.leaf->node.entries[s.slot];
        return entry_replace(m, t, *entry_out, index, w);
    }
    struct mem_entry *entry = entry_create(t, index, w);
    enum status status = entry == NULL ? STATUS_NO_MEMORY : mem_tree_insert(t, &s, entry);
    if (status == STATUS_OK) *entry_out = entry;
    return status;
}

static bool sweep_is_due(const struct memtable *m, const struct mem_tree *t)
{
    uint64_t told_count = t->count - t->void_count;
    if (t->void_count <= MEM_VOID_MAX || t->void_count <= told_count || told_count > MEM_SWEEP_MAX) return false;
    return m->refs == 1 || MUTANT("lsm_swept_under_readers");
}

static void tree_init(struct mem_tree *t, struct arena *arena, bool swept)
{
    *t = (struct mem_tree){.arena = arena, .swept = swept};
    list_init(&t->told);
}

/* What says something is written anew, and all that was there given back. Nobody else may have the memtable: readers stand on
 * entries. Without memory it stays as it is. */
static void tree_sweep(struct memtable *m, struct mem_tree *t)
{
    ASSERT(!m->frozen);
    struct arena arena = *t->arena;
    struct mem_tree swept;
    arena_init(t->arena, arena.size_max);
    arena_share(t->arena, arena.account);
    tree_init(&swept, t->arena, true);
    enum status status = STATUS_OK;
    LIST_FOR_EACH(link, &t->told) {
        struct mem_entry *e = entry_of(link), *copy;
        const struct mem_value *v = e->newest;
        struct lsm_write w = {.tombstone = v->tombstone, .key = mem_entry_key(e), .ts = e->ts,
                              .value = bytes_make(v->data, v->size), .alone = e->alone};
        status = tree_write(m, &swept, v->index, &w, NULL, &copy);
        if (status != STATUS_OK) break;
    }
    if (status != STATUS_OK) {
        arena_deinit(t->arena);
        *t->arena = arena;
        return;
    }
    COVER("lsm_intents_swept");
    swept.changes += t->changes;
    *t = swept;
    list_init(&t->told);
    while (!list_empty(&swept.told)) list_push_back(&t->told, list_pop_front(&swept.told));
    arena_deinit(&arena);
}

/* Where a key has one state only it is mostly written again soon, as an intent is that is placed and taken away: it is found then
 * without a search. */
static enum status tree_write_again(struct memtable *m, struct mem_tree *t, uint64_t index, const struct lsm_write *w)
{
    if (sweep_is_due(m, t)) tree_sweep(m, t);
    if (t->recent == NULL) t->recent = arena_zalloc(t->arena, MEM_RECENT_SLOTS, sizeof(struct mem_entry *));
    if (t->recent == NULL) return STATUS_NO_MEMORY;
    struct mem_entry **slot = &t->recent[hash64(w->key.data, w->key.size, 0) % MEM_RECENT_SLOTS];
    bool is_it = *slot != NULL && (bytes_equal(mem_entry_key(*slot), w->key) || MUTANT("lsm_recent_by_hash"));
    return is_it ? entry_replace(m, t, *slot, index, w) : tree_write(m, t, index, w, NULL, slot);
}

static __attribute__((unused)) bool is_right(struct mem_tree *t, const struct lsm_write *w, const struct mem_spot *s)
{
    struct mem_spot found;
    mem_tree_find(t, w->key, w->ts, NULL, &found);
    return found.leaf == s->leaf && (found.leaf == NULL || found.slot == s->slot) && found.found == s->found;
}

/* Mostly a newer one than all that its key has: next to the newest one. */
static enum status version_write(struct memtable *m, struct mem_tree *t, uint64_t index, const struct lsm_write *w,
                                 const struct mem_hint *hint)
{
    uint64_t hash = hint != NULL && hint->hash != 0 ? hint->hash : filter_hash(w->space, w->key);
    const struct mem_newest *n = mem_newest_find(t, w->key, hash);
    if (n != NULL && w->ts == n->entry->ts) return entry_replace(m, t, n->entry, index, w);
    bool newer = n != NULL && (w->ts > n->entry->ts || MUTANT("lsm_newest_is_the_last"));
    struct mem_spot s;
    if (!newer || !mem_newest_spot(n, &s)) mem_tree_find(t, w->key, w->ts, hint, &s);
    ASSERT_SLOW(is_right(t, w, &s));
    if (s.found) return entry_replace(m, t, s.leaf->node.entries[s.slot], index, w);
    struct mem_entry *entry = entry_create(t, index, w);
    enum status status = entry == NULL ? STATUS_NO_MEMORY : mem_tree_insert(t, &s, entry);
    if (status != STATUS_OK || (!newer && !mem_spot_is_first(&s))) return status;
    mem_newest_note(t, &s, hash, newer);
    if (!newer) mem_filter_add(t, hash);
    return status;
}

/* The owner writes a place of theirs once; who does not has it replaced, as any. */
static enum status ending_write(struct memtable *m, uint64_t index, const struct lsm_write *w, const struct mem_hint *hint)
{
    struct mem_entry *same = mem_ending_find(&m->ending, w->key, w->ts, hint->hash);
    if (same != NULL && same->ts == w->ts) return entry_replace(m, &m->trees[LSM_SPACE_VERSIONS - LSM_SPACE_FIRST], same, index, w);
    struct mem_entry *e = entry_make(m->ending.arena, 0, index, w);
    if (e == NULL) return STATUS_NO_MEMORY;
    enum status status = mem_ending_add(&m->ending, e, hint->hash);
    if (status == STATUS_OK) m->ending_bytes += w->key.size + w->value.size;
    return status;
}

struct mem_hint memtable_ask_ahead(const struct memtable *m, const struct lsm_write *w, bool ends)
{
    const struct mem_tree *t = &m->trees[w->space - LSM_SPACE_FIRST];
    struct mem_hint hint = {.ends = ends};
    if (t->swept) return hint; /* few, and found again without a search */
    if (ends) {
        ASSERT(w->space == LSM_SPACE_VERSIONS);
        hint.hash = filter_hash(w->space, w->key);
        mem_ending_ask_ahead(&m->ending, hint.hash);
        return hint;
    }
    uint64_t hash = mem_newest_known(t) && w->space == LSM_SPACE_VERSIONS ? filter_hash(w->space, w->key) : 0;
    if (hash == 0 || !mem_newest_ask_ahead(t, hash)) hint = mem_tree_ask_ahead(t, w->key, w->ts);
    hint.hash = hash;
    return hint;
}

enum status memtable_write(struct memtable *m, uint64_t index, const struct lsm_write *w, const struct mem_hint *hint)
{
    ASSERT(!m->frozen);
    ASSERT(lsm_space_valid(w->space));
    ASSERT(w->key.size <= LSM_KEY_BYTES_MAX);
    ASSERT(w->value.size <= LSM_VALUE_BYTES_MAX);
    ASSERT(lsm_space_times(w->space) ? !w->alone : w->ts == 0);
    if (w->space == LSM_SPACE_VERSIONS) {
        if (w->ts > m->newest_ts) m->newest_ts = w->ts;
        if (w->ts < m->oldest_ts) m->oldest_ts = w->ts;
    }
    struct mem_tree *t = &m->trees[w->space - LSM_SPACE_FIRST];
    struct mem_entry *entry;
    if (hint != NULL && hint->ends) return ending_write(m, index, w, hint);
    if (w->space == LSM_SPACE_VERSIONS) return version_write(m, t, index, w, hint);
    return lsm_space_times(w->space) ? tree_write(m, t, index, w, hint, &entry) : tree_write_again(m, t, index, w);
}

/* ---- lifetime and lookup ---- */

enum status memtable_create(struct memtable **memtable_out)
{
    struct memtable *m = calloc(1, sizeof *m);
    if (m == NULL) return STATUS_NO_MEMORY;
    m->refs = 1;
    m->oldest_ts = LSM_TS_MAX;
    arena_init(&m->arena, SIZE_MAX / 2);
    arena_init(&m->intents, SIZE_MAX / 2);
    arena_init(&m->endings, SIZE_MAX / 2);
    for (int i = 0; i < LSM_SPACE_COUNT; i++) {
        bool swept = !lsm_space_times((enum lsm_space)(i + LSM_SPACE_FIRST));
        tree_init(&m->trees[i], swept ? &m->intents : &m->arena, swept);
    }
    m->ending.arena = &m->endings;
    *memtable_out = m;
    return STATUS_OK;
}

void memtable_pin(struct memtable *m)
{
    ASSERT(m->refs > 0);
    ASSERT(m->refs < UINT32_MAX);
    m->refs++;
}

void memtable_unpin(struct memtable *m)
{
    ASSERT(m->refs > 0);
    if (--m->refs > 0) return;
    ASSERT(m->holders == 0);
    arena_deinit(&m->arena);
    arena_deinit(&m->intents);
    arena_deinit(&m->endings);
    free(m);
}

const struct mem_entry *memtable_find(const struct memtable *m, enum lsm_space space, struct bytes key, uint64_t ts_max, uint64_t hash)
{
    ASSERT(lsm_space_valid(space));
    const struct mem_tree *t = &m->trees[space - LSM_SPACE_FIRST];
    const struct mem_newest *n = mem_newest_find(t, key, hash);
    if (n != NULL && n->entry->ts <= ts_max) return n->entry;
    if (n == NULL && !mem_filter_may_have(t, hash)) return NULL;
    struct mem_place place = mem_tree_seek(t, key, ts_max);
    if (place.leaf == NULL) return NULL;
    const struct mem_entry *e = place.leaf->node.entries[place.slot];
    if (!bytes_equal(mem_entry_key(e), key)) return NULL;
    ASSERT(e->ts <= ts_max);
    return e;
}

uint64_t memtable_entry_count(const struct memtable *m)
{
    uint64_t count = m->ending.count;
    for (int i = 0; i < LSM_SPACE_COUNT; i++)
        count += m->trees[i].count;
    return count;
}
