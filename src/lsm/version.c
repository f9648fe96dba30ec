#include "lsm/version_int.h"

#include <stdlib.h>

#include "lsm/lsm_int.h"

uint32_t version_piece_count(const struct version *v)
{
    uint32_t count = 0;
    for (uint32_t level = 0; level < LSM_LEVELS; level++)
        count += v->counts[level];
    return count;
}

uint64_t version_level_bytes(const struct version *v, uint32_t level)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < v->counts[level]; i++)
        bytes += v->levels[level][i]->size_bytes;
    return bytes;
}

bool version_has(const struct version *v, const struct piece *p)
{
    uint32_t count = version_piece_count(v);
    for (uint32_t i = 0; i < count; i++)
        if (v->pieces[i] == p) return true;
    return false;
}

bool version_has_table(const struct version *v, const struct table *t)
{
    uint32_t count = version_piece_count(v);
    for (uint32_t i = 0; i < count; i++)
        if (v->pieces[i]->table == t) return true;
    return false;
}

static uint64_t newest_ts(const struct piece *p)
{
    return p->table->facts.newest_ts;
}

/* In level 0 a later flush has the higher number and stands first. Ending pieces, of which there may be many, stand behind, where
 * who looks for what lasts does not come, and who looks for what is young comes to an end. */
static bool stands_before(const struct piece *a, const struct piece *b, uint32_t level)
{
    if (level > 0) return item_key_compare(&a->first, &b->first) < 0;
    bool a_ends = piece_is_ending(a), b_ends = piece_is_ending(b);
    if (a_ends != b_ends) return b_ends;
    if (a_ends && newest_ts(a) != newest_ts(b)) return newest_ts(a) > newest_ts(b);
    return a->table->number > b->table->number;
}

static void level_insert(struct version *v, uint32_t level, struct piece *p)
{
    struct piece **pieces = v->levels[level];
    uint32_t i = v->counts[level]++;
    while (i > 0 && stands_before(p, pieces[i - 1], level)) {
        pieces[i] = pieces[i - 1];
        i--;
    }
    pieces[i] = p;
    v->bytes += p->size_bytes;
    v->entry_count += p->entry_count;
    piece_pin(p);
}

static void check_levels(const struct version *v)
{
    for (uint32_t level = 1; level < LSM_LEVELS; level++) {
        for (uint32_t i = 1; i < v->counts[level]; i++) {
            const struct piece *a = v->levels[level][i - 1], *b = v->levels[level][i];
            if (a->table->top == NULL || b->table->top == NULL) continue; /* bounds unknown */
            ASSERT(piece_ends_before(a, &b->first));                      /* LSM-4 */
        }
    }
}

static bool is_removed(const struct piece *p, struct piece *const *removed, uint32_t removed_count)
{
    for (uint32_t i = 0; i < removed_count; i++)
        if (removed[i] == p) return true;
    return false;
}

/* Lays the levels out in one array, with room for what is added to each. */
static void lay_out(struct version *v, const struct version *base,
                    const struct leveled_piece *added, uint32_t added_count)
{
    struct piece **next = v->pieces;
    for (uint32_t level = 0; level < LSM_LEVELS; level++) {
        v->levels[level] = next;
        if (base != NULL) next += base->counts[level];
        for (uint32_t i = 0; i < added_count; i++)
            next += added[i].level == level;
    }
}

/* Closes the gaps between the levels, so that pieces[] is one array of all. */
static void pack(struct version *v)
{
    struct piece **next = v->pieces;
    for (uint32_t level = 0; level < LSM_LEVELS; level++) {
        memmove(next, v->levels[level], v->counts[level] * sizeof *next);
        v->levels[level] = next;
        next += v->counts[level];
    }
    while (v->lasting_count < v->counts[0] && !piece_is_ending(v->pieces[v->lasting_count])) v->lasting_count++;
}

enum status version_edit(const struct version *base, struct piece *const *removed,
                         uint32_t removed_count, const struct leveled_piece *added,
                         uint32_t added_count, struct version **version_out)
{
    size_t room = added_count + (base == NULL ? 0 : version_piece_count(base));
    struct version *v = calloc(1, sizeof *v + room * sizeof v->pieces[0]);
    if (v == NULL) return STATUS_NO_MEMORY;
    v->refs = 1;
    lay_out(v, base, added, added_count);
    for (uint32_t level = 0; base != NULL && level < LSM_LEVELS; level++)
        for (uint32_t i = 0; i < base->counts[level]; i++)
            if (!is_removed(base->levels[level][i], removed, removed_count))
                level_insert(v, level, base->levels[level][i]);
    for (uint32_t i = 0; i < added_count; i++) {
        ASSERT(added[i].level < LSM_LEVELS);
        level_insert(v, added[i].level, added[i].piece);
    }
    pack(v);
    check_levels(v);
    *version_out = v;
    return STATUS_OK;
}

void version_pin(struct version *v)
{
    ASSERT(v->refs > 0);
    v->refs++;
}

void version_unpin(struct version *v)
{
    ASSERT(v->refs > 0);
    if (--v->refs > 0) return;
    uint32_t count = version_piece_count(v);
    for (uint32_t i = 0; i < count; i++)
        piece_unpin(v->pieces[i]);
    free(v);
}

void version_detach(const struct version *v)
{
    uint32_t count = version_piece_count(v);
    for (uint32_t i = 0; i < count; i++)
        table_detach(v->pieces[i]->table);
}

/* ---- cutting ---- */

/* Appends what of the version lies in the window; what was appended is pinned. */
static enum status clip_into(const struct version *v, const struct window *w,
                             struct leveled_piece *added, uint32_t *count)
{
    for (uint32_t level = 0; level < LSM_LEVELS; level++) {
        for (uint32_t i = 0; i < v->counts[level]; i++) {
            struct piece *parts[PIECE_PARTS_MAX];
            uint32_t part_count;
            enum status status = piece_clip(v->levels[level][i], w, parts, &part_count);
            if (status != STATUS_OK) return status;
            for (uint32_t part = 0; part < part_count; part++)
                added[(*count)++] = (struct leveled_piece){parts[part], level};
        }
    }
    return STATUS_OK;
}

struct part {
    const struct version *version;
    struct window window;
};

static enum status put_together(const struct part *parts, uint32_t part_count,
                                struct version **version_out)
{
    size_t room = 1;
    for (uint32_t i = 0; i < part_count; i++)
        room += (size_t)version_piece_count(parts[i].version) * PIECE_PARTS_MAX;
    struct leveled_piece *added = calloc(room, sizeof *added);
    if (added == NULL) return STATUS_NO_MEMORY;
    uint32_t count = 0;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < part_count && status == STATUS_OK; i++)
        status = clip_into(parts[i].version, &parts[i].window, added, &count);
    if (status == STATUS_OK) status = version_edit(NULL, NULL, 0, added, count, version_out);
    while (count > 0)
        piece_unpin(added[--count].piece);
    free(added);
    return status;
}

enum status version_clip(const struct version *v, const struct window *w,
                         struct version **version_out)
{
    struct part part = {v, *w};
    return put_together(&part, 1, version_out);
}

/* Cut at the key, since tables with several spaces would lie within each other. */
enum status version_join(const struct version *left, const struct version *right, struct bytes key,
                         struct version **version_out)
{
    struct part parts[2] = {{left, {BYTES_EMPTY, key}}, {right, {key, BYTES_EMPTY}}};
    return put_together(parts, 2, version_out);
}

/* ---- what the manifest names ---- */

static bool names(const struct version *v, const struct piece *p)
{
    return v != NULL && version_has(v, p);
}

static void table_named(struct table *t)
{
    if (t->named++ > 0) return;
    t->lsm->metrics.table_count++;
    t->lsm->metrics.table_bytes += t->size_bytes;
}

static void table_forgotten(struct table *t)
{
    ASSERT(t->named > 0);
    if (--t->named > 0) return;
    t->lsm->metrics.table_count--;
    t->lsm->metrics.table_bytes -= t->size_bytes;
    t->obsolete = true;
}

static void name_new(const struct version *old, const struct version *next)
{
    uint32_t count = next == NULL ? 0 : version_piece_count(next);
    for (uint32_t i = 0; i < count; i++)
        if (!names(old, next->pieces[i])) table_named(next->pieces[i]->table);
}

void version_renamed(const struct version *old, const struct version *next,
                     const struct version *other)
{
    name_new(old, next);
    name_new(old, other);
    uint32_t count = old == NULL ? 0 : version_piece_count(old);
    for (uint32_t i = 0; i < count; i++) {
        struct piece *p = old->pieces[i];
        if (!names(next, p) && !names(other, p)) table_forgotten(p->table);
    }
}
