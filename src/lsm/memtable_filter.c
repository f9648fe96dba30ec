/* Whether a key has any version in a memtable: who inserts a row, or looks for the record of an idempotency key, asks for what is
 * mostly not there, which a search finds out only at the last leaf. A filter cannot grow, so a second one takes what comes when
 * the first is full: one memory line each. */
#include "lsm/memtable_int.h"

static const uint64_t capacities[MEM_FILTERS] = MEM_FILTER_KEYS;

static void add(struct mem_filter *f, uint64_t hash)
{
    filter_line_add(f->lines + (size_t)filter_line(hash, f->line_count) * FILTER_LINE_BYTES, hash);
    f->keys++;
}

/* Without memory there is none, as if it had not been tried. */
static bool begin(struct mem_tree *t, int i)
{
    uint32_t lines = filter_line_count(capacities[i], false);
    t->filters[i].lines = arena_zalloc(t->arena, lines, FILTER_LINE_BYTES);
    if (t->filters[i].lines == NULL) return false;
    t->filters[i].line_count = lines;
    return true;
}

/* All keys that are there: few yet. */
static void begin_first(struct mem_tree *t)
{
    if (!begin(t, 0)) return;
    for (const struct mem_leaf *leaf = t->first; leaf != NULL; leaf = leaf->next)
        for (uint32_t i = 0; i < leaf->node.count && !MUTANT("lsm_mem_filter_begins_empty"); i++)
            add(&t->filters[0], filter_hash(LSM_SPACE_VERSIONS, mem_entry_key(leaf->node.entries[i])));
}

void mem_filter_add(struct mem_tree *t, uint64_t hash)
{
    if (t->filters[0].line_count == 0) {
        if (t->count >= MEM_NEWEST_FROM && t->count < 2 * MEM_NEWEST_FROM) begin_first(t); /* later it would take too long */
        return;
    }
    if (mem_filter_may_have(t, hash)) return; /* mostly that key itself: its newest version was not known */
    int i = t->filters[0].keys >= capacities[0] ? 1 : 0;
    if (i == 1 && t->filters[1].line_count == 0 && !begin(t, 1)) i = 0; /* more than fit: it says maybe more often */
    add(&t->filters[i], hash);
}

bool mem_filter_may_have(const struct mem_tree *t, uint64_t hash)
{
    const struct mem_filter *f = t->filters;
    if (f[0].line_count == 0) return true;
    for (int i = 0; i < MEM_FILTERS && f[i].line_count > 0; i++) {
        if (i > 0 && MUTANT("lsm_mem_filter_second_unasked")) break;
        if (filter_line_may_contain(f[i].lines + (size_t)filter_line(hash, f[i].line_count) * FILTER_LINE_BYTES, hash)) return true;
    }
    return false;
}
