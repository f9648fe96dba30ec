#include "lsm/memtable_int.h"

#include <stdlib.h>

#include "base/codec.h"
#include "base/hash.h"

/* What is searched for. */
struct probe {
    uint64_t ts;
    struct bytes key;
};

struct path {
    struct mem_inner *inner[MEM_HEIGHT_MAX]; /* by level */
    uint32_t slot[MEM_HEIGHT_MAX];
};

/* ---- keys and heads ---- */

static struct bytes entry_key(const struct mem_entry *e)
{
    return bytes_make(e->key, e->key_size);
}

/* The 8 bytes of the key behind the first `skip`, as a big-endian number. */
static uint64_t head_at(struct bytes key, uint32_t skip)
{
    if (key.size >= (size_t)skip + 8) return load_be64(key.data + skip);
    if (key.size <= skip) return 0;
    /* The key ends in there, as it mostly does where keys have all but a number in common: its last 8 bytes, less those before. */
    if (key.size >= 8) return load_be64(key.data + key.size - 8) << 8 * (skip + 8 - key.size);
    uint64_t head = 0;
    for (size_t i = skip; i < (size_t)skip + 8; i++) head = head << 8 | (i < key.size ? key.data[i] : 0);
    return head;
}

static uint32_t common_size(struct bytes a, struct bytes b)
{
    size_t most = a.size < b.size ? a.size : b.size, size = 0;
    while (size < most && a.data[size] == b.data[size]) size++;
    return (uint32_t)size;
}

/* Negative when the entry sorts before the probe. */
static int entry_compare(const struct mem_entry *e, const struct probe *p)
{
    int order = bytes_compare(entry_key(e), p->key);
    if (order != 0) return order;
    return (e->ts < p->ts) - (e->ts > p->ts);
}

/* The first slot that is compared. Below an inner node's first child there is no bound: keys
 * smaller than all before go there too, so what its slot says may not be asked. */
static uint32_t first_slot(const struct mem_node *n)
{
    return n->level > 0 ? 1 : 0;
}

/* The slots below the answer have heads < head, or <= head. */
static uint32_t head_rank(const struct mem_node *n, uint64_t head, bool or_equal)
{
    uint32_t low = first_slot(n), size = n->count - low;
    while (size > 0) {
        uint32_t half = size / 2;
        uint64_t middle = n->heads[low + half];
        bool below = or_equal ? middle <= head : middle < head;
        low = below ? low + half + 1 : low;
        size = below ? size - half - 1 : half;
    }
    return low;
}

/* A search touches half of a node's lines one after the other, an insertion all behind its place; asking for all of them at once
 * makes that one wait. */
static void node_prefetch(const struct mem_node *n)
{
    for (uint32_t i = 0; i < MEM_NODE_SLOTS; i += 8) {
        __builtin_prefetch(&n->heads[i]);
        __builtin_prefetch(&n->entries[i]);
    }
    for (uint32_t i = 0; i < MEM_NODE_SLOTS; i += 32) __builtin_prefetch(&n->sizes[i]);
}

/* The slot is the first with the probe's head. Mostly what is written is newer than all of the leaf, and the head holds the key to
 * its end: a key of the same size is the same key then, and the probe goes before its first version. No entry has to be looked
 * at, each of which would be a wait for memory. */
static bool goes_first(const struct mem_node *n, uint32_t slot, const struct probe *p)
{
    return n->level == 0 && (p->ts > n->newest_ts || MUTANT("lsm_newest_unasked")) && p->key.size == n->sizes[slot] &&
           p->key.size <= (size_t)n->skip + 8;
}

/* The slots below the answer sort before the probe, or at it too. */
static uint32_t node_rank(const struct mem_node *n, const struct probe *p, bool or_equal)
{
    uint64_t head = head_at(p->key, n->skip);
    uint32_t low = head_rank(n, head, false);
    if (low == n->count || n->heads[low] != head || goes_first(n, low, p)) return low;
    /* The newest version of a key is the first of them: mostly it is what is looked for, or what the probe goes before. */
    int first = entry_compare(n->entries[low], p);
    if (first > 0 || (first == 0 && !or_equal)) return low;
    if (++low == n->count || n->heads[low] != head) return low; /* mostly no other key has this head */
    uint32_t high = head_rank(n, head, true);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = entry_compare(n->entries[middle], p);
        if (order < 0 || (or_equal && order == 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct mem_inner *inner_of(struct mem_node *n)
{
    ASSERT(n->level > 0);
    return CONTAINER_OF(n, struct mem_inner, node);
}

static struct mem_leaf *leaf_of(struct mem_node *n)
{
    ASSERT(n->level == 0);
    return CONTAINER_OF(n, struct mem_leaf, node);
}

static const struct mem_entry *first_entry(const struct mem_tree *t)
{
    return t->first->node.entries[0];
}

static const struct mem_entry *last_entry(const struct mem_tree *t)
{
    return t->last->node.entries[t->last->node.count - 1];
}

/* The leaf whose entries enclose the probe, which lies between the first entry and the last; path may be NULL. */
static struct mem_leaf *descend(const struct mem_tree *t, const struct probe *p, struct path *path)
{
    struct mem_node *n = t->root;
    while (n->level > 0) {
        struct mem_inner *inner = inner_of(n);
        uint32_t slot = node_rank(n, p, true) - 1;
        ASSERT(slot < n->count);
        if (path != NULL) {
            path->inner[n->level] = inner;
            path->slot[n->level] = slot;
        }
        n = inner->children[slot];
        node_prefetch(n);
    }
    return leaf_of(n);
}

/* Negative before the first entry, positive behind the last one, 0 between them or at one. What stands between two
 * heads of the root needs no look at either end. */
static int side_of(const struct mem_tree *t, const struct probe *p)
{
    const struct mem_node *n = t->root;
    uint32_t low = first_slot(n), high = n->count - 1;
    bool above = false, below = false;
    if (low <= high && bytes_has_prefix(p->key, bytes_make(n->entries[low]->key, n->skip))) {
        uint64_t head = head_at(p->key, n->skip);
        above = head > n->heads[low];
        below = head < n->heads[high];
    }
    if (!below && entry_compare(last_entry(t), p) < 0) return 1;
    return !above && entry_compare(first_entry(t), p) > 0 ? -1 : 0;
}

struct mem_place mem_tree_seek(const struct mem_tree *t, struct bytes key, uint64_t ts)
{
    if (t->root == NULL) return (struct mem_place){NULL, 0};
    struct probe p = {ts, key};
    int side = side_of(t, &p);
    if (side != 0) return (struct mem_place){side > 0 ? NULL : t->first, 0};
    struct mem_leaf *leaf = descend(t, &p, NULL);
    uint32_t slot = node_rank(&leaf->node, &p, false);
    if (slot < leaf->node.count) return (struct mem_place){leaf, slot};
    return (struct mem_place){leaf->next, 0};
}

/* ---- what the keys of a node have in common ---- */

static void node_set_skip(struct mem_node *n, uint32_t skip)
{
    n->skip = skip;
    for (uint32_t i = 0; i < n->count; i++) n->heads[i] = head_at(entry_key(n->entries[i]), skip);
}

/* Heads that have lost a few of their bytes to what all have in common still tell most keys apart. */
static void node_raise_skip(struct mem_node *n, uint32_t skip)
{
    ASSERT(skip >= n->skip);
    if (skip >= n->skip + MEM_SKIP_STEP) node_set_skip(n, skip);
}

/* The tree gets a key before its first or behind its last one: along that edge nodes have less in common. */
static void edge_lower_skip(struct mem_tree *t, bool right, struct bytes key)
{
    uint32_t common = common_size(key, entry_key(right ? last_entry(t) : first_entry(t)));
    struct mem_node *n = t->root;
    for (;;) {
        if (n->skip > common) node_set_skip(n, common);
        if (n->level == 0) return;
        n = inner_of(n)->children[right ? n->count - 1 : 0];
    }
}

/* The bounds of a node that the path leads to: what is searched for in it lies between them. */
static struct bytes bound_below(const struct mem_tree *t, const struct path *path, uint32_t level)
{
    for (uint32_t above = level + 1; above <= t->root->level; above++)
        if (path->slot[above] > 0) return entry_key(path->inner[above]->node.entries[path->slot[above]]);
    return entry_key(first_entry(t));
}

static struct bytes bound_above(const struct mem_tree *t, const struct path *path, uint32_t level)
{
    for (uint32_t above = level + 1; above <= t->root->level; above++) {
        const struct mem_node *n = &path->inner[above]->node;
        if (path->slot[above] + 1 < n->count) return entry_key(n->entries[path->slot[above] + 1]);
    }
    return entry_key(last_entry(t));
}

/* ---- insertion ---- */

static struct mem_leaf *leaf_create(struct mem_tree *t)
{
    struct mem_leaf *leaf = arena_alloc(t->arena, sizeof *leaf);
    if (leaf == NULL) return NULL;
    leaf->node.count = leaf->node.level = leaf->node.skip = 0;
    leaf->next = leaf->prev = NULL;
    return leaf;
}

static struct mem_inner *inner_create(struct mem_tree *t, uint32_t level)
{
    ASSERT(level < MEM_HEIGHT_MAX);
    struct mem_inner *inner = arena_alloc(t->arena, sizeof *inner);
    if (inner == NULL) return NULL;
    inner->node.count = inner->node.skip = 0;
    inner->node.level = level;
    return inner;
}

static void node_open_slot(struct mem_node *n, uint32_t slot)
{
    ASSERT(n->count < MEM_NODE_SLOTS);
    ASSERT(slot <= n->count);
    size_t moved = n->count - slot;
    memmove(&n->heads[slot + 1], &n->heads[slot], moved * sizeof n->heads[0]);
    memmove(&n->sizes[slot + 1], &n->sizes[slot], moved * sizeof n->sizes[0]);
    memmove(&n->entries[slot + 1], &n->entries[slot], moved * sizeof n->entries[0]);
    if (n->level > 0) {
        struct mem_inner *inner = inner_of(n);
        memmove(&inner->children[slot + 1], &inner->children[slot],
                moved * sizeof inner->children[0]);
    }
    n->count++;
}

/* Moves the slots from `at` on into the empty node `to`. */
static void node_move_tail(struct mem_node *from, uint32_t at, struct mem_node *to)
{
    ASSERT(to->count == 0);
    ASSERT(to->level == from->level);
    to->skip = from->skip;
    to->newest_ts = from->newest_ts;
    uint32_t moved = from->count - at;
    memcpy(to->heads, &from->heads[at], moved * sizeof to->heads[0]);
    memcpy(to->sizes, &from->sizes[at], moved * sizeof to->sizes[0]);
    memcpy(to->entries, &from->entries[at], moved * sizeof to->entries[0]);
    if (from->level > 0)
        memcpy(inner_of(to)->children, &inner_of(from)->children[at],
               moved * sizeof inner_of(to)->children[0]);
    to->count = moved;
    from->count = at;
}

static struct mem_node *node_split(struct mem_tree *t, struct mem_node *n, uint32_t at)
{
    if (n->level > 0) {
        struct mem_inner *right = inner_create(t, n->level);
        if (right == NULL) return NULL;
        node_move_tail(n, at, &right->node);
        return &right->node;
    }
    struct mem_leaf *left = leaf_of(n), *right = leaf_create(t);
    if (right == NULL) return NULL;
    node_move_tail(n, at, &right->node);
    right->prev = left;
    right->next = left->next;
    if (left->next != NULL)
        left->next->prev = right;
    else
        t->last = right;
    left->next = right;
    return &right->node;
}

/* Puts (entry, child) into slot `slot` of n, which has room. */
static void node_put(struct mem_node *n, uint32_t slot, struct mem_entry *entry, struct mem_node *child)
{
    ASSERT((child != NULL) == (n->level > 0));
    node_open_slot(n, slot);
    if (n->level == 0 && (n->count == 1 || entry->ts > n->newest_ts)) n->newest_ts = entry->ts;
    n->sizes[slot] = entry->key_size;
    n->heads[slot] = head_at(entry_key(entry), n->skip);
    n->entries[slot] = entry;
    if (child != NULL) inner_of(n)->children[slot] = child;
}

static enum status tree_grow_root(struct mem_tree *t, struct mem_node *right)
{
    struct mem_inner *root = inner_create(t, right->level + 1);
    if (root == NULL) return STATUS_NO_MEMORY;
    root->node.skip = common_size(entry_key(first_entry(t)), entry_key(last_entry(t)));
    node_put(&root->node, 0, t->root->entries[0], t->root);
    node_put(&root->node, 1, right->entries[0], right);
    t->root = &root->node;
    return STATUS_OK;
}

/* Inserts at a slot of a leaf, splitting upwards as needed. A node that is full and appended to
 * keeps all it has: ascending keys then leave full nodes behind instead of half full ones. */
static enum status tree_insert(struct mem_tree *t, const struct path *path, struct mem_leaf *leaf, uint32_t slot,
                               struct mem_entry *entry)
{
    struct mem_node *n = &leaf->node, *child = NULL;
    for (;;) {
        if (n->count < MEM_NODE_SLOTS) {
            node_put(n, slot, entry, child);
            return STATUS_OK;
        }
        uint32_t at = slot == n->count ? n->count : MEM_NODE_SLOTS / 2;
        t->touched = NULL;
        struct mem_node *right = node_split(t, n, at);
        if (right == NULL) return STATUS_NO_MEMORY;
        if (slot >= at)
            node_put(right, slot - at, entry, child);
        else
            node_put(n, slot, entry, child);
        struct bytes between = entry_key(right->entries[0]);
        node_raise_skip(n, common_size(bound_below(t, path, n->level), between));
        node_raise_skip(right, common_size(between, bound_above(t, path, n->level)));
        if (n == t->root) return tree_grow_root(t, right);
        uint32_t level = n->level + 1;
        entry = right->entries[0];
        child = right;
        n = &path->inner[level]->node;
        slot = path->slot[level] + 1;
    }
}

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

/* The entry and its first value side by side: a lookup touches both. */
static struct mem_entry *entry_create(struct mem_tree *t, uint64_t index, const struct lsm_write *w)
{
    size_t link = t->swept ? sizeof(struct list) : 0, value_at = (sizeof(struct mem_entry) + w->key.size + 7) / 8 * 8;
    uint8_t *memory = arena_alloc(t->arena, link + value_at + sizeof(struct mem_value) + w->value.size);
    if (memory == NULL) return NULL;
    memory += link;
    struct mem_entry *e = (struct mem_entry *)(void *)memory;
    struct mem_value *v = (struct mem_value *)(void *)(memory + value_at);
    if (t->swept) list_push_back(&t->told, entry_link(e));
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
    struct mem_value *next = arena_alloc(t->arena, sizeof *next + w->value.size);
    if (next == NULL) return STATUS_NO_MEMORY;
    next->capacity = (uint32_t)w->value.size;
    next->older = viewed ? v : v->older;
    value_set(next, index, w);
    e->newest = next;
    return STATUS_OK;
}

/* In a slot that node_rank answered. */
static bool is_there(const struct mem_node *leaf, uint32_t slot, const struct probe *p)
{
    return p->ts <= leaf->newest_ts && leaf->heads[slot] == head_at(p->key, leaf->skip) && entry_compare(leaf->entries[slot], p) == 0;
}

/* Where an entry belongs. */
struct spot {
    struct path path;
    struct mem_leaf *leaf;
    uint32_t slot;
    bool found; /* it is there */
};

static struct mem_leaf *descend_edge(const struct mem_tree *t, bool right, struct path *path)
{
    struct mem_node *n = t->root;
    while (n->level > 0) {
        uint32_t slot = right ? n->count - 1 : 0;
        path->inner[n->level] = inner_of(n);
        path->slot[n->level] = slot;
        n = inner_of(n)->children[slot];
    }
    return leaf_of(n);
}

/* Strictly between two entries of the leaf that `beside` stands in. Where it begins as all there do the heads say so, mostly. */
static bool lies_inside(const struct mem_node *n, const struct mem_entry *beside, const struct probe *p)
{
    if (bytes_has_prefix(p->key, bytes_make(beside->key, n->skip))) {
        uint64_t head = head_at(p->key, n->skip);
        if (head > n->heads[0] && head < n->heads[n->count - 1]) return true;
    }
    return entry_compare(n->entries[0], p) < 0 && entry_compare(n->entries[n->count - 1], p) > 0;
}

/* What one Raft entry writes often lies together: a row and what stands beside it, rows of one statement. Only strictly
 * between entries of a leaf that takes one more without a split: nobody needs the path then. */
static bool find_beside(const struct mem_tree *t, const struct probe *p, struct spot *s)
{
    if (t->touched == NULL) return false;
    struct mem_node *n = &t->touched->node;
    if (n->count < 2 || n->count == MEM_NODE_SLOTS || !lies_inside(n, t->touched_entry, p)) return false;
    s->leaf = t->touched;
    s->slot = node_rank(n, p, false);
    ASSERT(s->slot > 0 && s->slot < n->count);
    s->found = is_there(n, s->slot, p);
    return true;
}

/* Ascending keys, the commonest order, need no search. */
static void tree_find(struct mem_tree *t, const struct probe *p, uint64_t index, struct spot *s)
{
    if (t->touched_index == index && find_beside(t, p, s)) return;
    int side = side_of(t, p);
    if (side != 0) {
        edge_lower_skip(t, side > 0, p->key);
        s->leaf = descend_edge(t, side > 0, &s->path);
        s->slot = side > 0 ? s->leaf->node.count : 0;
        s->found = false;
        return;
    }
    s->leaf = descend(t, p, &s->path);
    s->slot = node_rank(&s->leaf->node, p, false);
    const struct mem_node *n = &s->leaf->node;
    s->found = s->slot < n->count && is_there(n, s->slot, p);
}

static enum status tree_begin(struct mem_tree *t, struct mem_entry *entry)
{
    struct mem_leaf *leaf = leaf_create(t);
    if (leaf == NULL) return STATUS_NO_MEMORY;
    leaf->node.skip = entry->key_size;
    node_put(&leaf->node, 0, entry, NULL);
    t->root = &leaf->node;
    t->first = t->last = leaf;
    return STATUS_OK;
}

/* *entry_out: where it was written. */
static enum status tree_write(struct memtable *m, struct mem_tree *t, uint64_t index,
                              const struct lsm_write *w, struct mem_entry **entry_out)
{
    struct probe p = {w->ts, w->key};
    struct spot s = {.found = false};
    if (t->root != NULL) tree_find(t, &p, index, &s);
    t->touched = s.leaf;
    t->touched_index = index;
    if (s.found) {
        t->touched_entry = *entry_out = s.leaf->node.entries[s.slot];
        return entry_replace(m, t, *entry_out, index, w);
    }
    struct mem_entry *entry = entry_create(t, index, w);
    if (entry == NULL) return STATUS_NO_MEMORY;
    enum status status = t->root == NULL ? tree_begin(t, entry)
                                         : tree_insert(t, &s.path, s.leaf, s.slot, entry);
    if (status != STATUS_OK) return status;
    t->changes++;
    t->count++;
    t->touched_entry = *entry_out = entry;
    return STATUS_OK;
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
        struct lsm_write w = {.tombstone = v->tombstone, .key = entry_key(e), .ts = e->ts,
                              .value = bytes_make(v->data, v->size), .alone = e->alone};
        status = tree_write(m, &swept, v->index, &w, &copy);
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
    bool is_it = *slot != NULL && (bytes_equal(entry_key(*slot), w->key) || MUTANT("lsm_recent_by_hash"));
    return is_it ? entry_replace(m, t, *slot, index, w) : tree_write(m, t, index, w, slot);
}

enum status memtable_write(struct memtable *m, uint64_t index, const struct lsm_write *w)
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
    return lsm_space_times(w->space) ? tree_write(m, t, index, w, &entry) : tree_write_again(m, t, index, w);
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
    for (int i = 0; i < LSM_SPACE_COUNT; i++) {
        bool swept = !lsm_space_times((enum lsm_space)(i + LSM_SPACE_FIRST));
        tree_init(&m->trees[i], swept ? &m->intents : &m->arena, swept);
    }
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
    free(m);
}

const struct mem_entry *memtable_find(const struct memtable *m, enum lsm_space space,
                                      struct bytes key, uint64_t ts_max)
{
    ASSERT(lsm_space_valid(space));
    struct mem_place place = mem_tree_seek(&m->trees[space - LSM_SPACE_FIRST], key, ts_max);
    if (place.leaf == NULL) return NULL;
    const struct mem_entry *e = place.leaf->node.entries[place.slot];
    if (!bytes_equal(entry_key(e), key)) return NULL;
    ASSERT(e->ts <= ts_max);
    return e;
}

uint64_t memtable_entry_count(const struct memtable *m)
{
    uint64_t count = 0;
    for (int i = 0; i < LSM_SPACE_COUNT; i++)
        count += m->trees[i].count;
    return count;
}
