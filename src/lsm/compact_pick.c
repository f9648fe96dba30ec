#include <stdlib.h>

#include "lsm/compact_int.h"

/* How large each level should be. The last level takes what there is; each one above it an eighth
 * of the one below, down to the size of what level 0 brings at a time. The first that is large
 * enough for that is the base: level 0 is merged into it, and the levels between stay empty. So a
 * small range has one level and a large one three, without a size fixed in advance (RocksDB calls
 * this dynamic levels). */
struct plan {
    uint32_t base;
    uint64_t targets[LSM_LEVELS];
};

/* Of level 0. Ending tables stay there. */
static uint64_t sinking_bytes(const struct version *v)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < v->lasting_count; i++)
        bytes += v->levels[0][i]->size_bytes;
    return bytes;
}

static struct plan make_plan(const struct version *v, uint64_t table_bytes)
{
    struct plan p = {.base = LSM_LEVELS - 1};
    uint64_t unit = sinking_bytes(v), target = version_level_bytes(v, LSM_LEVELS - 1);
    if (unit < table_bytes) unit = table_bytes;
    p.targets[LSM_LEVELS - 1] = UINT64_MAX;
    while (p.base > 1 && target / LSM_LEVEL_GROWTH > unit) {
        target /= LSM_LEVEL_GROWTH;
        p.targets[--p.base] = target;
    }
    /* A level above the base that is not empty holds newer data: level 0 may not pass it. Its
     * target is 0, so it drains. */
    for (uint32_t level = 1; level < p.base; level++)
        if (v->counts[level] > 0) p.base = level;
    return p;
}

/* ---- choosing tables ---- */

static enum status set_inputs(struct compaction *c, struct piece *const *upper,
                              uint32_t upper_count, struct piece *const *lower,
                              uint32_t lower_count)
{
    c->inputs = calloc(upper_count + lower_count + 1, sizeof(struct piece *));
    if (c->inputs == NULL) return STATUS_NO_MEMORY;
    memcpy(c->inputs, upper, upper_count * sizeof(struct piece *));
    if (lower_count > 0)
        memcpy(c->inputs + upper_count, lower, lower_count * sizeof(struct piece *));
    c->upper_count = upper_count;
    c->input_count = upper_count + lower_count;
    return STATUS_OK;
}

static bool can_move(const struct compaction *c, uint64_t table_bytes)
{
    if (c->input_count > c->upper_count) return false;
    if (c->upper_count == 1) return true;
    for (uint32_t i = 0; i < c->upper_count; i++) {
        if (c->inputs[i]->size_bytes < table_bytes / 2) return false; /* better merged into one */
        for (uint32_t j = 0; j < i; j++) {
            struct bounds a = bounds_of(&c->inputs[i], 1), b = bounds_of(&c->inputs[j], 1);
            if (!bounds_before(&a, &b) && !bounds_before(&b, &a)) return false;
        }
    }
    return true;
}

enum status compact_pick_into(struct compaction *c, uint32_t level, struct piece *const *upper,
                              uint32_t upper_count, uint32_t output_level)
{
    const struct version *v = c->range->version;
    uint64_t table_bytes = c->range->lsm->options.table_bytes;
    struct bounds b = bounds_of(upper, upper_count);
    struct piece *const *lower = v->levels[output_level];
    uint32_t begin, end;
    level_overlap(v, output_level, &b, &begin, &end);
    if (begin > 0 && lower[begin - 1]->size_bytes < table_bytes / 2) begin--;
    if (end < v->counts[output_level] && lower[end]->size_bytes < table_bytes / 2) end++;
    c->level = level;
    c->output_level = output_level;
    enum status status = set_inputs(c, upper, upper_count, lower + begin, end - begin);
    if (status == STATUS_OK) c->moves = can_move(c, table_bytes);
    return status;
}

/* Of a level that is too large: the table that takes least of the next level along. */
static struct piece *least_overlap(const struct version *v, uint32_t level)
{
    struct piece *best = NULL;
    uint64_t best_ratio = UINT64_MAX;
    for (uint32_t i = 0; i < v->counts[level]; i++) {
        struct piece *p = v->levels[level][i];
        uint64_t ratio = level_overlap_bytes(v, level + 1, p) * 64 / (p->size_bytes + 1);
        if (ratio >= best_ratio) continue;
        best = p;
        best_ratio = ratio;
    }
    return best;
}

/* A level that is over its target by the largest factor, in percent, or 0. */
static uint32_t fullest_level(const struct version *v, const struct plan *p)
{
    uint64_t best = 100;
    uint32_t level_out = 0;
    for (uint32_t level = 1; level + 1 < LSM_LEVELS; level++) {
        uint64_t bytes = version_level_bytes(v, level);
        uint64_t score = bytes == 0 ? 0 : bytes * 100 / (p->targets[level] + 1);
        if (score <= best) continue;
        best = score;
        level_out = level;
    }
    return level_out;
}

/* ---- garbage ---- */

bool compact_worth_collecting(const struct range *r, const struct piece *p)
{
    const struct table *t = p->table;
    return t->facts.garbage_count > 0 && t->facts.garbage_count * 4 >= t->facts.entry_count &&
           r->gc_ts >= t->facts.garbage_ts;
}

bool compact_is_remnant(const struct piece *p)
{
    if (!piece_is_part(p)) return false;
    uint64_t size = p->size_bytes, whole = p->table->size_bytes;
    return size < whole / 2 || (p->table->named == 1 && size < whole - whole / 4);
}

static bool is_bottom(const struct version *v, uint32_t level, const struct piece *p)
{
    for (uint32_t below = level + 1; below < LSM_LEVELS; below++)
        if (level_overlap_bytes(v, below, p) > 0) return false;
    return true;
}

/* A piece much of which may go, or which is little of its table: rewritten where it is when nothing
 * lies below, else merged downwards. */
static enum status pick_garbage(struct compaction *c)
{
    struct range *r = c->range;
    struct version *v = r->version;
    for (uint32_t level = 1; level < LSM_LEVELS; level++) {
        for (uint32_t i = 0; i < v->counts[level]; i++) {
            struct piece *p = v->levels[level][i];
            if (!compact_worth_collecting(r, p) && !compact_is_remnant(p)) continue;
            if (compact_is_remnant(p))
                COVER("lsm_compact_remnant");
            else
                COVER("lsm_compact_garbage");
            enum status status;
            if (is_bottom(v, level, p)) {
                c->level = c->output_level = level;
                status = set_inputs(c, &p, 1, NULL, 0);
            } else {
                status = compact_pick_into(c, level, &p, 1, level + 1);
            }
            c->moves = false;
            return status;
        }
    }
    return STATUS_NOT_FOUND;
}

enum status compact_pick(struct range *r, struct compaction *c)
{
    *c = (struct compaction){.range = r};
    if (range_is_pending(r) || r->resting) return STATUS_NOT_FOUND; /* others read what it holds */
    struct version *v = r->version;
    struct plan plan = make_plan(v, r->lsm->options.table_bytes);
    enum status status = level0_pick(c, plan.base);
    if (status == STATUS_NOT_FOUND) status = ending_pick(c);
    if (status != STATUS_NOT_FOUND) return status;
    uint32_t level = fullest_level(v, &plan);
    if (level > 0) {
        struct piece *p = least_overlap(v, level);
        return compact_pick_into(c, level, &p, 1, level + 1);
    }
    return pick_garbage(c);
}
