/* A table, or a part of one, as one range uses it. Ranges that were split share tables: each has
 * pieces of them, cut where its keys end (LSM-11). A piece is one run of places in engine order; a
 * table with several spaces is cut into one run per space. */
#ifndef OSTRAKA_LSM_PIECE_INT_H
#define OSTRAKA_LSM_PIECE_INT_H

#include "lsm/table_int.h"
#include "lsm/window_int.h"

/* Between two keys: before everything of `key` in `space`. */
struct cut {
    bool set;
    enum lsm_space space;
    struct bytes key;
};

struct piece {
    uint32_t refs;        /* versions, jobs */
    uint64_t id;          /* what the manifest calls it */
    struct table *table;  /* pinned */
    struct cut low, high; /* unset: as far as the table goes */
    /* The places it may hold. Where it is cut they are those of the cut, which a high one leaves
     * out. */
    struct item_key first, last;
    bool last_excluded;
    uint64_t size_bytes, entry_count; /* estimated for a part */
    uint8_t keys[];
};

/* Copies the keys of the cuts; NULL: none. The table was opened (or is corrupt). */
MUST_USE enum status piece_create(struct table *t, uint64_t id, const struct cut *low,
                                  const struct cut *high, struct piece **piece_out);
void piece_pin(struct piece *p);
void piece_unpin(struct piece *p);
static inline bool piece_is_part(const struct piece *p)
{
    return p->low.set || p->high.set;
}

/* What of the piece lies in the window: none, itself when it needs no cut, or up to one new piece
 * per space, each pinned for the caller. */
#define PIECE_PARTS_MAX LSM_SPACE_COUNT
MUST_USE enum status piece_clip(struct piece *p, const struct window *w,
                                struct piece *parts[PIECE_PARTS_MAX], uint32_t *count_out);
/* It holds nothing but values that end by themselves (README, Ending tables). */
static inline bool piece_is_ending(const struct piece *p)
{
    const struct table_facts *f = &p->table->facts;
    return f->ending_count > 0 && f->ending_count == f->entry_count && !MUTANT("lsm_ending_unknown");
}

/* All of it lies before the place. */
static inline bool piece_ends_before(const struct piece *p, const struct item_key *place)
{
    int order = item_key_compare(&p->last, place);
    return p->last_excluded ? order <= 0 : order < 0;
}

/* Something of it may lie before the place. */
static inline bool piece_begins_before(const struct piece *p, const struct item_key *place)
{
    return item_key_compare(&p->first, place) < 0;
}

static inline bool piece_holds(const struct piece *p, const struct item_key *place)
{
    return item_key_compare(&p->first, place) <= 0 && !piece_ends_before(p, place);
}

/* A cursor over pieces with rising, disjoint bounds (one piece, or a level). Borrows the array;
 * takes the source when that has a close. */
MUST_USE enum status run_cursor_open(struct piece **pieces, uint32_t count,
                                     struct block_source *source, bool reverse,
                                     struct cursor **cursor_out);
/* The first piece that does not end before the key; count when there is none. */
uint32_t run_find(struct piece *const *pieces, uint32_t count, const struct item_key *key);

#endif
