/* The B+tree of a memtable: where an entry stands, or belongs, and its way in there. Entries are given; what they say is memtable.c's. */
#include "lsm/memtable_int.h"

/* What is searched for. */
struct probe {
    uint64_t ts;
    struct bytes key;
};

/* ---- order ---- */

/* Negative when the entry sorts before the probe. */
static int entry_compare(const struct mem_entry *e, const struct probe *p)
{
    int order = bytes_compare(mem_entry_key(e), p->key);
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
        __builtin_prefetch(&n->times[i]);
        __builtin_prefetch(&n->entries[i]);
    }
    for (uint32_t i = 0; i < MEM_NODE_SLOTS; i += 32) __builtin_prefetch(&n->sizes[i]);
}

/* As entry_compare, of a slot with the probe's head. A key that ends within the head is the beginning of all longer ones with that
 * head: what is behind its end there are zeros. */
static int slot_compare(const struct mem_node *n, uint32_t slot, const struct probe *p)
{
    size_t size = n->sizes[slot], end = (size_t)n->skip + 8;
    if (size > end && p->key.size > end) return entry_compare(n->entries[slot], p);
    if (size != p->key.size && !MUTANT("lsm_sizes_unasked")) return size < p->key.size ? -1 : 1;
    return (n->times[slot] < p->ts) - (n->times[slot] > p->ts);
}

/* The slots below the answer sort before the probe, or at it too. */
static uint32_t node_rank(const struct mem_node *n, const struct probe *p, bool or_equal)
{
    uint64_t head = mem_head_at(p->key, n->skip);
    uint32_t low = head_rank(n, head, false);
    if (low == n->count || n->heads[low] != head) return low;
    /* The newest version of a key is the first of them: mostly it is what is looked for, or what the probe goes before. */
    int first = slot_compare(n, low, p);
    if (first > 0 || (first == 0 && !or_equal)) return low;
    if (++low == n->count || n->heads[low] != head) return low; /* mostly no other key has this head */
    uint32_t high = head_rank(n, head, true);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = slot_compare(n, middle, p);
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
static struct mem_leaf *descend(const struct mem_tree *t, const struct probe *p, struct mem_path *path)
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
        uint64_t head = mem_head_at(p->key, n->skip);
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
    for (uint32_t i = 0; i < n->count; i++) n->heads[i] = mem_head_at(mem_entry_key(n->entries[i]), skip);
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
    uint32_t common = mem_common_size(key, mem_entry_key(right ? last_entry(t) : first_entry(t)));
    struct mem_node *n = t->root;
    for (;;) {
        if (n->skip > common) node_set_skip(n, common);
        if (n->level == 0) return;
        n = inner_of(n)->children[right ? n->count - 1 : 0];
    }
}

/* The bounds of a node that the path leads to: what is searched for in it lies between them. */
static struct bytes bound_below(const struct mem_tree *t, const struct mem_path *path, uint32_t level)
{
    for (uint32_t above = level + 1; above <= t->root->level; above++)
        if (path->slot[above] > 0) return mem_entry_key(path->inner[above]->node.entries[path->slot[above]]);
    return mem_entry_key(first_entry(t));
}

static struct bytes bound_above(const struct mem_tree *t, const struct mem_path *path, uint32_t level)
{
    for (uint32_t above = level + 1; above <= t->root->level; above++) {
        const struct mem_node *n = &path->inner[above]->node;
        if (path->slot[above] + 1 < n->count) return mem_entry_key(n->entries[path->slot[above] + 1]);
    }
    return mem_entry_key(last_entry(t));
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
    memmove(&n->times[slot + 1], &n->times[slot], moved * sizeof n->times[0]);
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
    uint32_t moved = from->count - at;
    memcpy(to->heads, &from->heads[at], moved * sizeof to->heads[0]);
    memcpy(to->times, &from->times[at], moved * sizeof to->times[0]);
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
    t->splits++;
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
    n->times[slot] = entry->ts;
    n->sizes[slot] = entry->key_size;
    n->heads[slot] = mem_head_at(mem_entry_key(entry), n->skip);
    n->entries[slot] = entry;
    if (child != NULL) inner_of(n)->children[slot] = child;
}

static enum status tree_grow_root(struct mem_tree *t, struct mem_node *right)
{
    struct mem_inner *root = inner_create(t, right->level + 1);
    if (root == NULL) return STATUS_NO_MEMORY;
    root->node.skip = mem_common_size(mem_entry_key(first_entry(t)), mem_entry_key(last_entry(t)));
    node_put(&root->node, 0, t->root->entries[0], t->root);
    node_put(&root->node, 1, right->entries[0], right);
    t->root = &root->node;
    return STATUS_OK;
}

/* Inserts at a slot of a leaf, splitting upwards as needed. A node that is full and appended to
 * keeps all it has: ascending keys then leave full nodes behind instead of half full ones. */
static enum status tree_insert(struct mem_tree *t, struct mem_spot *s, struct mem_entry *entry)
{
    const struct mem_path *path = &s->path;
    struct mem_node *n = &s->leaf->node, *child = NULL;
    uint32_t slot = s->slot;
    for (;;) {
        if (n->count < MEM_NODE_SLOTS) {
            node_put(n, slot, entry, child);
            return STATUS_OK;
        }
        uint32_t at = slot == n->count ? n->count : MEM_NODE_SLOTS / 2;
        struct mem_node *right = node_split(t, n, at);
        if (right == NULL) return STATUS_NO_MEMORY;
        if (slot >= at)
            node_put(right, slot - at, entry, child);
        else
            node_put(n, slot, entry, child);
        if (child == NULL && slot >= at) {
            s->leaf = leaf_of(right);
            s->slot = slot - at;
        }
        struct bytes between = mem_entry_key(right->entries[0]);
        node_raise_skip(n, mem_common_size(bound_below(t, path, n->level), between));
        node_raise_skip(right, mem_common_size(between, bound_above(t, path, n->level)));
        if (n == t->root) return tree_grow_root(t, right);
        uint32_t level = n->level + 1;
        entry = right->entries[0];
        child = right;
        n = &path->inner[level]->node;
        slot = path->slot[level] + 1;
    }
}

/* ---- where an entry belongs ---- */

/* In a slot that node_rank answered. */
static bool is_there(const struct mem_node *leaf, uint32_t slot, const struct probe *p)
{
    return leaf->heads[slot] == mem_head_at(p->key, leaf->skip) && slot_compare(leaf, slot, p) == 0;
}

static struct mem_leaf *descend_edge(const struct mem_tree *t, bool right, struct mem_path *path)
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

/* Nobody needs the path when the leaf takes one more. */
static bool find_by_hint(const struct mem_tree *t, const struct probe *p, const struct mem_hint *hint, struct mem_spot *s)
{
    if (hint == NULL || hint->leaf == NULL || (hint->splits != t->splits && !MUTANT("lsm_hint_outlives_split"))) return false;
    const struct mem_node *n = &hint->leaf->node;
    if (n->count == MEM_NODE_SLOTS) return false;
    s->leaf = hint->leaf;
    s->slot = node_rank(n, p, false);
    s->found = s->slot < n->count && is_there(n, s->slot, p);
    return true;
}

struct mem_hint mem_tree_ask_ahead(const struct mem_tree *t, struct bytes key, uint64_t ts)
{
    struct probe p = {ts, key};
    if (t->root == NULL || t->root->level == 0 || side_of(t, &p) != 0) return (struct mem_hint){NULL, 0, 0};
    return (struct mem_hint){descend(t, &p, NULL), t->splits, 0};
}

void mem_leaf_ask_ahead(const struct mem_leaf *leaf)
{
    node_prefetch(&leaf->node);
}

/* Ascending keys, the commonest order, need no search. */
static void search(struct mem_tree *t, const struct probe *p, struct mem_spot *s)
{
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
    s->found = s->slot < s->leaf->node.count && is_there(&s->leaf->node, s->slot, p);
}

void mem_tree_find(struct mem_tree *t, struct bytes key, uint64_t ts, const struct mem_hint *hint, struct mem_spot *s)
{
    struct probe p = {ts, key};
    s->leaf = NULL;
    s->found = false;
    if (t->root != NULL && !find_by_hint(t, &p, hint, s)) search(t, &p, s);
}

static enum status tree_begin(struct mem_tree *t, struct mem_spot *s, struct mem_entry *entry)
{
    struct mem_leaf *leaf = leaf_create(t);
    if (leaf == NULL) return STATUS_NO_MEMORY;
    leaf->node.skip = entry->key_size;
    node_put(&leaf->node, 0, entry, NULL);
    t->root = &leaf->node;
    t->first = t->last = s->leaf = leaf;
    s->slot = 0;
    return STATUS_OK;
}

enum status mem_tree_insert(struct mem_tree *t, struct mem_spot *s, struct mem_entry *entry)
{
    ASSERT(!s->found);
    enum status status = t->root == NULL ? tree_begin(t, s, entry) : tree_insert(t, s, entry);
    if (status != STATUS_OK) return status;
    ASSERT(s->leaf->node.entries[s->slot] == entry);
    t->changes++;
    t->count++;
    return STATUS_OK;
}
