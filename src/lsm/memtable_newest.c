/* Most writes are of a key that was written before, and newer; most reads want the newest. Both are found here by the key's hash,
 * where a search would wait for memory at each level of the tree. What stands here is a hint that proves itself: the entry says
 * which key it is of, the leaf whether the entry is in it. */
#include "lsm/memtable_int.h"

static struct mem_newest *slot_of(const struct mem_tree *t, uint64_t hash)
{
    return &t->newest[hash & (t->newest_slots - 1)];
}

static bool is_of(const struct mem_newest *n, uint64_t hash)
{
    return n->entry != NULL && n->hash == hash >> 32;
}

const struct mem_newest *mem_newest_find(const struct mem_tree *t, struct bytes key, uint64_t hash)
{
    if (!mem_newest_known(t)) return NULL;
    const struct mem_newest *n = slot_of(t, hash);
    bool same = is_of(n, hash) && bytes_equal(mem_entry_key(n->entry), key);
    return same || (n->entry != NULL && MUTANT("lsm_newest_of_any_key")) ? n : NULL;
}

bool mem_newest_ask_ahead(const struct mem_tree *t, uint64_t hash)
{
    const struct mem_newest *n = slot_of(t, hash);
    if (!is_of(n, hash)) return false;
    __builtin_prefetch(n->entry);
    mem_leaf_ask_ahead(n->leaf);
    return true;
}

/* Right before it. In front of a leaf's first entry there may be a bound, which only a search tells; and who splits a leaf has to
 * know the way to it. */
bool mem_newest_spot(const struct mem_newest *n, struct mem_spot *s)
{
    const struct mem_node *leaf = &n->leaf->node;
    uint32_t slot = 1;
    while (slot < leaf->count && leaf->entries[slot] != n->entry) slot++;
    if (slot >= leaf->count || leaf->count == MEM_NODE_SLOTS) return false;
    s->leaf = n->leaf;
    s->slot = slot;
    s->found = false;
    return true;
}

bool mem_spot_is_first(const struct mem_spot *s)
{
    const struct mem_node *n = &s->leaf->node;
    struct bytes key = mem_entry_key(n->entries[s->slot]);
    if (s->slot > 0)
        return n->heads[s->slot - 1] != n->heads[s->slot] || !bytes_equal(mem_entry_key(n->entries[s->slot - 1]), key);
    const struct mem_leaf *before = s->leaf->prev;
    return before == NULL || !bytes_equal(mem_entry_key(before->node.entries[before->node.count - 1]), key);
}

/* A larger one begins empty: what is written next fills it. Without memory the old one has to do. */
static void grow(struct mem_tree *t)
{
    uint32_t slots = t->newest_slots == 0 ? MEM_NEWEST_FROM / 4 : t->newest_slots * 2;
    struct mem_newest *newest = arena_zalloc(t->arena, slots, sizeof *newest);
    if (newest == NULL) return;
    t->newest = newest;
    t->newest_slots = slots;
}

void mem_newest_note(struct mem_tree *t, const struct mem_spot *s, uint64_t hash, bool newer)
{
    uint64_t most = t->newest_slots == 0 ? MEM_NEWEST_FROM - 1 : (uint64_t)t->newest_slots * 8 - 1;
    if (t->count > most && t->newest_slots < MEM_NEWEST_SLOTS_MAX) grow(t);
    if (!mem_newest_known(t)) return;
    struct mem_newest *n = slot_of(t, hash);
    if (!newer && n->again) n->again = false; /* keys that are written once shall not take the place of those that are not */
    else *n = (struct mem_newest){s->leaf->node.entries[s->slot], s->leaf, (uint32_t)(hash >> 32), newer};
}
