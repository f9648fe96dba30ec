#include "lsm/memtable_int.h"

#include <stdlib.h>

#include "base/codec.h"

/* What is searched for: the key with its head under the tree's present prefix. */
struct probe {
    uint64_t head, ts;
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

static bool has_prefix(const struct mem_tree *t, struct bytes key)
{
    return bytes_has_prefix(key, t->prefix);
}

static uint64_t head_of(const struct mem_tree *t, struct bytes key)
{
    size_t skip = t->prefix.size;
    if (key.size >= skip + 8 && (skip == 0 || memcmp(key.data, t->prefix.data, skip) == 0))
        return load_be64(key.data + skip);
    if (!has_prefix(t, key)) return bytes_compare(key, t->prefix) < 0 ? 0 : UINT64_MAX;
    uint64_t head = 0;
    for (size_t i = 0; i < 8; i++)
        head = head << 8 | (skip + i < key.size ? key.data[skip + i] : 0);
    return head;
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

/* A search touches half of a node's lines one after the other; asking for all of them at once makes
 * that one wait instead of four. */
static void node_prefetch(const struct mem_node *n)
{
    for (uint32_t i = 0; i < MEM_NODE_SLOTS; i += 8)
        __builtin_prefetch(&n->heads[i]);
}

/* The slots below the answer sort before the probe, or at it too. */
static uint32_t node_rank(const struct mem_node *n, const struct probe *p, bool or_equal)
{
    uint32_t low = head_rank(n, p->head, false);
    if (low == n->count || n->heads[low] != p->head) return low;
    uint32_t high = low + 1; /* mostly no other key has this head */
    if (high < n->count && n->heads[high] == p->head) high = head_rank(n, p->head, true);
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

/* The leaf whose entries enclose the probe; path may be NULL. */
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

struct mem_place mem_tree_seek(const struct mem_tree *t, struct bytes key, uint64_t ts)
{
    if (t->root == NULL) return (struct mem_place){NULL, 0};
    struct probe p = {head_of(t, key), ts, key};
    struct mem_leaf *leaf = descend(t, &p, NULL);
    uint32_t slot = node_rank(&leaf->node, &p, false);
    if (slot < leaf->node.count) return (struct mem_place){leaf, slot};
    return (struct mem_place){leaf->next, 0};
}

/* ---- prefix ---- */

static void node_retune(struct mem_tree *t, struct mem_node *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        n->heads[i] = head_of(t, entry_key(n->entries[i]));
    if (n->level == 0) {
        for (uint32_t i = 0; i < n->count; i++) t->outlier_count += !has_prefix(t, entry_key(n->entries[i]));
        return;
    }
    struct mem_inner *inner = inner_of(n);
    for (uint32_t i = 0; i < n->count; i++)
        node_retune(t, inner->children[i]);
}

static void retune_between(struct mem_tree *t, struct bytes first, struct bytes last)
{
    size_t size = 0;
    while (size < first.size && size < last.size && first.data[size] == last.data[size])
        size++;
    t->prefix = bytes_make(first.data, size);
    t->outlier_count = 0;
    node_retune(t, t->root);
}

/* The key at about `eighths` of the way from the first to the last. */
static struct bytes quantile_key(const struct mem_tree *t, uint32_t eighths)
{
    const struct mem_node *n = t->root;
    uint64_t place = eighths, parts = 8;
    while (n->level > 0) {
        uint64_t at = place * n->count;
        place = at % parts;
        n = CONTAINER_OF(n, struct mem_inner, node)->children[at / parts];
    }
    return entry_key(n->entries[place * n->count / parts]);
}

/* Takes what most keys have in common as the prefix: a few records of another kind before or behind all others would
 * leave nothing. When they are not so few, what all keys have in common. */
static void tree_retune(struct mem_tree *t)
{
    retune_between(t, quantile_key(t, 1), quantile_key(t, 7));
    if (t->outlier_count > t->count / 8)
        retune_between(t, entry_key(t->first->node.entries[0]),
                       entry_key(t->last->node.entries[t->last->node.count - 1]));
    t->tuned_count = t->count;
}

/* Heads only guide the search, so a poor prefix costs time and never order. It is taken anew when
 * the first leaf is full, whenever a quarter of the keys lacks it, and when there are four times as many keys: each
 * retune needs a constant share of the keys as inserts since the one before, so an insert pays for a constant number
 * of them. */
static void tree_retune_if_due(struct mem_tree *t)
{
    bool first = t->count == MEM_NODE_SLOTS;
    bool stale = t->outlier_count >= MEM_NODE_SLOTS && t->outlier_count >= t->count / 4;
    bool grown = t->tuned_count > 0 && t->count / 4 >= t->tuned_count;
    if (first || stale || grown) tree_retune(t);
}

/* ---- insertion ---- */

static struct mem_leaf *leaf_create(struct memtable *m)
{
    struct mem_leaf *leaf = arena_alloc(&m->arena, sizeof *leaf);
    if (leaf == NULL) return NULL;
    leaf->node.count = leaf->node.level = 0;
    leaf->next = leaf->prev = NULL;
    return leaf;
}

static struct mem_inner *inner_create(struct memtable *m, uint32_t level)
{
    ASSERT(level < MEM_HEIGHT_MAX);
    struct mem_inner *inner = arena_alloc(&m->arena, sizeof *inner);
    if (inner == NULL) return NULL;
    inner->node.count = 0;
    inner->node.level = level;
    return inner;
}

static void node_open_slot(struct mem_node *n, uint32_t slot)
{
    ASSERT(n->count < MEM_NODE_SLOTS);
    ASSERT(slot <= n->count);
    size_t moved = n->count - slot;
    memmove(&n->heads[slot + 1], &n->heads[slot], moved * sizeof n->heads[0]);
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
    uint32_t moved = from->count - at;
    memcpy(to->heads, &from->heads[at], moved * sizeof to->heads[0]);
    memcpy(to->entries, &from->entries[at], moved * sizeof to->entries[0]);
    if (from->level > 0)
        memcpy(inner_of(to)->children, &inner_of(from)->children[at],
               moved * sizeof inner_of(to)->children[0]);
    to->count = moved;
    from->count = at;
}

static struct mem_node *node_split(struct memtable *m, struct mem_tree *t, struct mem_node *n,
                                   uint32_t at)
{
    if (n->level > 0) {
        struct mem_inner *right = inner_create(m, n->level);
        if (right == NULL) return NULL;
        node_move_tail(n, at, &right->node);
        return &right->node;
    }
    struct mem_leaf *left = leaf_of(n), *right = leaf_create(m);
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

/* Puts (head, entry, child) into slot `slot` of n, which has room. */
static void node_put(struct mem_node *n, uint32_t slot, uint64_t head, struct mem_entry *entry,
                     struct mem_node *child)
{
    ASSERT((child != NULL) == (n->level > 0));
    node_open_slot(n, slot);
    n->heads[slot] = head;
    n->entries[slot] = entry;
    if (child != NULL) inner_of(n)->children[slot] = child;
}

static enum status tree_grow_root(struct memtable *m, struct mem_tree *t, struct mem_node *right)
{
    struct mem_inner *root = inner_create(m, right->level + 1);
    if (root == NULL) return STATUS_NO_MEMORY;
    node_put(&root->node, 0, t->root->heads[0], t->root->entries[0], t->root);
    node_put(&root->node, 1, right->heads[0], right->entries[0], right);
    t->root = &root->node;
    return STATUS_OK;
}

/* Inserts at a slot of a leaf, splitting upwards as needed. A node that is full and appended to
 * keeps all it has: ascending keys then leave full nodes behind instead of half full ones. */
static enum status tree_insert(struct memtable *m, struct mem_tree *t, const struct path *path,
                               struct mem_leaf *leaf, uint32_t slot, uint64_t head,
                               struct mem_entry *entry)
{
    struct mem_node *n = &leaf->node, *child = NULL;
    for (;;) {
        if (n->count < MEM_NODE_SLOTS) {
            node_put(n, slot, head, entry, child);
            return STATUS_OK;
        }
        uint32_t at = slot == n->count ? n->count : MEM_NODE_SLOTS / 2;
        struct mem_node *right = node_split(m, t, n, at);
        if (right == NULL) return STATUS_NO_MEMORY;
        if (slot >= at)
            node_put(right, slot - at, head, entry, child);
        else
            node_put(n, slot, head, entry, child);
        if (n == t->root) return tree_grow_root(m, t, right);
        uint32_t level = n->level + 1;
        head = right->heads[0];
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

/* The entry and its first value side by side: a lookup touches both. */
static struct mem_entry *entry_create(struct memtable *m, uint64_t index, const struct lsm_write *w)
{
    size_t value_at = (sizeof(struct mem_entry) + w->key.size + 7) / 8 * 8;
    size_t size = value_at + sizeof(struct mem_value) + w->value.size;
    uint8_t *memory = arena_alloc(&m->arena, size);
    if (memory == NULL) return NULL;
    struct mem_entry *e = (struct mem_entry *)(void *)memory;
    struct mem_value *v = (struct mem_value *)(void *)(memory + value_at);
    e->newest = v;
    e->ts = w->ts;
    e->key_size = (uint32_t)w->key.size;
    if (w->key.size > 0) memcpy(e->key, w->key.data, w->key.size);
    v->older = NULL;
    v->capacity = (uint32_t)w->value.size;
    value_set(v, index, w);
    return e;
}

/* A state is overwritten when nobody can ask for it: there is no view of this memtable, or the same
 * Raft entry wrote it (its writes become visible together). */
static enum status entry_replace(struct memtable *m, struct mem_entry *e, uint64_t index,
                                 const struct lsm_write *w)
{
    struct mem_value *v = e->newest;
    ASSERT(v->index <= index);
    bool viewed = m->refs > 1 && v->index < index && !MUTANT("lsm_view_overwritten");
    if (!viewed) v->older = v->index < index ? NULL : v->older;
    if (!viewed && w->value.size <= v->capacity) {
        value_set(v, index, w);
        return STATUS_OK;
    }
    struct mem_value *next = arena_alloc(&m->arena, sizeof *next + w->value.size);
    if (next == NULL) return STATUS_NO_MEMORY;
    next->capacity = (uint32_t)w->value.size;
    next->older = viewed ? v : v->older;
    value_set(next, index, w);
    e->newest = next;
    return STATUS_OK;
}

/* Ascending keys, the commonest order, need no search: the last leaf is at hand. False: it does not
 * belong there, or there is no room. */
static bool is_appended(const struct mem_tree *t, const struct probe *p)
{
    const struct mem_node *n = &t->last->node;
    if (n->count == 0 || n->count == MEM_NODE_SLOTS) return false;
    return n->heads[n->count - 1] <= p->head && entry_compare(n->entries[n->count - 1], p) < 0;
}

static enum status tree_write(struct memtable *m, struct mem_tree *t, uint64_t index,
                              const struct lsm_write *w)
{
    if (t->root == NULL) {
        struct mem_leaf *leaf = leaf_create(m);
        if (leaf == NULL) return STATUS_NO_MEMORY;
        t->root = &leaf->node;
        t->first = t->last = leaf;
    }
    struct probe p = {head_of(t, w->key), w->ts, w->key};
    struct path path;
    bool appended = is_appended(t, &p);
    struct mem_leaf *leaf = appended ? t->last : descend(t, &p, &path);
    uint32_t slot = appended ? leaf->node.count : node_rank(&leaf->node, &p, false);
    if (slot < leaf->node.count && leaf->node.heads[slot] == p.head &&
        entry_compare(leaf->node.entries[slot], &p) == 0)
        return entry_replace(m, leaf->node.entries[slot], index, w);
    struct mem_entry *entry = entry_create(m, index, w);
    if (entry == NULL) return STATUS_NO_MEMORY;
    enum status status = tree_insert(m, t, &path, leaf, slot, p.head, entry);
    if (status != STATUS_OK) return status;
    t->changes++;
    t->count++;
    if (!has_prefix(t, w->key)) t->outlier_count++;
    tree_retune_if_due(t);
    return STATUS_OK;
}

enum status memtable_write(struct memtable *m, uint64_t index, const struct lsm_write *w)
{
    ASSERT(!m->frozen);
    ASSERT(lsm_space_valid(w->space));
    ASSERT(w->key.size <= LSM_KEY_BYTES_MAX);
    ASSERT(w->value.size <= LSM_VALUE_BYTES_MAX);
    ASSERT(w->space == LSM_SPACE_VERSIONS || w->ts == 0);
    if (w->space == LSM_SPACE_VERSIONS) {
        if (w->ts > m->newest_ts) m->newest_ts = w->ts;
        if (w->ts < m->oldest_ts) m->oldest_ts = w->ts;
    }
    return tree_write(m, &m->trees[w->space - LSM_SPACE_FIRST], index, w);
}

/* ---- lifetime and lookup ---- */

enum status memtable_create(struct memtable **memtable_out)
{
    struct memtable *m = calloc(1, sizeof *m);
    if (m == NULL) return STATUS_NO_MEMORY;
    m->refs = 1;
    m->oldest_ts = LSM_TS_MAX;
    arena_init(&m->arena, SIZE_MAX / 2);
    list_init(&m->link);
    buf_init(&m->meta, SIZE_MAX / 2);
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
    ASSERT(list_empty(&m->link));
    arena_deinit(&m->arena);
    buf_deinit(&m->meta);
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
