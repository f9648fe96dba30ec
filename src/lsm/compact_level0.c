#include "lsm/compact_int.h"

#include <stdlib.h>

/* Level 0 falls into groups: what shares keys, directly or through others, is one. A group goes
 * down without regard to the other groups, since none of these holds an older or a newer state of
 * its keys. */
struct group {
    struct piece **pieces; /* of the array sorted by first keys */
    uint32_t count;
    uint32_t depth; /* most that share one key; counted up to LSM_L0_MERGE_MAX */
};

struct level0 {
    struct compaction *compaction;
    uint32_t base;
    struct piece **sorted;
    struct piece **chosen; /* room for all */
    uint32_t count, mover_count;
    struct group deepest, cheapest;
    struct group wasted; /* much of a piece of it may go */
    uint64_t cheapest_ratio;
};

static int begins_first(const void *a, const void *b)
{
    const struct piece *p = *(struct piece *const *)a, *q = *(struct piece *const *)b;
    int order = item_key_compare(&p->first, &q->first);
    return order != 0 ? order : (p->id > q->id) - (p->id < q->id);
}

/* How many of the pieces hold the key that p begins with. */
static uint32_t depth_at(struct piece *const *pieces, uint32_t count, const struct piece *p,
                         uint32_t enough)
{
    struct bounds first = {p->first, p->first, false};
    uint32_t depth = 0;
    for (uint32_t i = 0; i < count && depth < enough; i++) {
        struct bounds one = bounds_of_piece(pieces[i]);
        depth += !bounds_before(&one, &first) && !bounds_before(&first, &one);
    }
    return depth;
}

uint32_t level0_depth(struct piece *const *pieces, uint32_t count, uint32_t enough)
{
    uint32_t deepest = 0;
    for (uint32_t i = 0; i < count && deepest < enough; i++) {
        uint32_t depth = depth_at(pieces, count, pieces[i], enough);
        if (depth > deepest) deepest = depth;
    }
    return deepest;
}

static uint64_t group_bytes(const struct group *g)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < g->count; i++)
        bytes += g->pieces[i]->size_bytes;
    return bytes;
}

/* Bytes of the base level that go along, in 64ths of what goes down; 0 only when it overlaps nothing there, for then it moves
 * as it is. */
static uint64_t group_ratio(const struct level0 *z, const struct group *g)
{
    const struct version *v = z->compaction->range->version;
    struct bounds b = bounds_of(g->pieces, g->count);
    uint64_t own = group_bytes(g), along = 0;
    uint32_t begin, end;
    level_overlap(v, z->base, &b, &begin, &end);
    for (uint32_t i = begin; i < end; i++)
        along += v->levels[z->base][i]->size_bytes;
    if (MUTANT("lsm_level0_moves_over_little")) return along * 64 / (own + 1);
    return (along * 64 + own) / (own + 1);
}

static void consider(struct level0 *z, struct group g)
{
    g.depth = level0_depth(g.pieces, g.count, LSM_L0_MERGE_MAX);
    if (g.depth > z->deepest.depth) z->deepest = g;
    for (uint32_t i = 0; i < g.count; i++)
        if (compact_worth_collecting(z->compaction->range, g.pieces[i])) z->wasted = g;
    uint64_t ratio = group_ratio(z, &g),
             table_bytes = z->compaction->range->lsm->options.table_bytes;
    if (g.count == 1 && ratio == 0 && g.pieces[0]->size_bytes >= table_bytes / 2) {
        z->chosen[z->mover_count++] = g.pieces[0];
    } else if (ratio < z->cheapest_ratio) {
        z->cheapest = g;
        z->cheapest_ratio = ratio;
    }
}

static void consider_all(struct level0 *z)
{
    struct bounds all = {0};
    uint32_t begin = 0;
    for (uint32_t i = 0; i < z->count; i++) {
        struct bounds one = bounds_of_piece(z->sorted[i]);
        bool apart = bounds_before(&all, &one) || MUTANT("lsm_level0_groups_torn");
        if (i > begin && apart) {
            consider(z, (struct group){z->sorted + begin, i - begin, 0});
            begin = i;
        }
        if (i == begin || bounds_reach(&one, &all) > 0) all = one; /* its last key counts */
    }
    consider(z, (struct group){z->sorted + begin, z->count - begin, 0});
}

static bool group_has(const struct group *g, const struct piece *p)
{
    for (uint32_t i = 0; i < g->count; i++)
        if (g->pieces[i] == p) return true;
    return false;
}

/* The oldest of the group, and what they overlap. */
static enum status take_group(struct level0 *z, const struct group *g)
{
    const struct version *v = z->compaction->range->version;
    uint32_t count = 0;
    for (uint32_t i = v->lasting_count; i > 0 && count < LSM_L0_MERGE_MAX; i--)
        if (group_has(g, v->levels[0][i - 1])) z->chosen[z->count - ++count] = v->levels[0][i - 1];
    return compact_pick_into(z->compaction, 0, z->chosen + z->count - count, count, z->base);
}

/* Runs that the flush cut out: nothing in the base level lies among them. */
static enum status take_movers(struct level0 *z)
{
    struct compaction *c = z->compaction;
    c->inputs = calloc(z->mover_count, sizeof(struct piece *));
    if (c->inputs == NULL) return STATUS_NO_MEMORY;
    memcpy(c->inputs, z->chosen, z->mover_count * sizeof(struct piece *));
    c->upper_count = c->input_count = z->mover_count;
    c->level = 0;
    c->output_level = z->base;
    c->moves = true;
    return STATUS_OK;
}

/* What goes down is rewritten with what it takes along, however little it is: where that is much, it waits for more. Tables are small
 * where many ranges share the memory, and where values that end had their part of a memtable. */
static bool is_due(const struct level0 *z, const struct group *g)
{
    if (g->depth < LSM_L0_TABLES) return false;
    uint64_t much = LSM_L0_BYTES * z->compaction->range->lsm->options.table_bytes;
    return g->depth >= LSM_L0_TABLES_LATE || group_bytes(g) >= much || group_ratio(z, g) <= 2 * 64;
}

static enum status choose(struct level0 *z)
{
    consider_all(z);
    if (z->mover_count > 0 && !MUTANT("lsm_level0_moves_nothing")) return take_movers(z);
    if (is_due(z, &z->deepest)) return take_group(z, &z->deepest);
    if (z->wasted.count > 0) {
        COVER("lsm_level0_garbage"); /* nothing more may come to these keys: a table was dropped */
        return take_group(z, &z->wasted);
    }
    if (z->count < LSM_L0_PIECES_MAX || z->cheapest.count == 0) return STATUS_NOT_FOUND;
    COVER("lsm_level0_cheapest");
    return take_group(z, &z->cheapest);
}

enum status level0_pick(struct compaction *c, uint32_t base)
{
    const struct version *v = c->range->version;
    struct level0 z = {
        .compaction = c, .base = base, .cheapest_ratio = UINT64_MAX};
    z.count = v->lasting_count;
    if (z.count == 0) return STATUS_NOT_FOUND;
    z.sorted = malloc(2 * z.count * sizeof *z.sorted);
    if (z.sorted == NULL) return STATUS_NO_MEMORY;
    memcpy(z.sorted, v->levels[0], z.count * sizeof *z.sorted);
    z.chosen = z.sorted + z.count;
    qsort(z.sorted, z.count, sizeof *z.sorted, begins_first);
    enum status status = choose(&z);
    free(z.sorted);
    return status;
}
