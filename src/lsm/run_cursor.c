#include "lsm/piece_int.h"

#include <stdlib.h>

struct run_cursor {
    struct cursor cursor;
    struct piece **pieces;
    uint32_t count, i; /* i: the piece the inner cursor is attached to */
    bool reverse;
    bool entering; /* moving to the piece's edge waits */
    struct block_source *source;
    struct table_cursor inner;
};

uint32_t run_find(struct piece *const *pieces, uint32_t count, const struct item_key *key)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (piece_ends_before(pieces[middle], key))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool ignores_bounds(const struct run_cursor *c)
{
    if (MUTANT("lsm_window_ignored_by_tables")) return true;
    return c->source->close != NULL && MUTANT("lsm_window_ignored_by_compaction");
}

/* What the table holds beyond the piece belongs to another range. */
static enum status show(struct run_cursor *c, enum status status)
{
    if (status != STATUS_OK) return status;
    const struct piece *p = c->pieces[c->i];
    struct item_key item = item_key_of(&c->inner.data.item);
    if (piece_is_part(p) && !piece_holds(p, &item) && !ignores_bounds(c)) return STATUS_NOT_FOUND;
    c->cursor.item = c->inner.data.item;
    return STATUS_OK;
}

/* To the piece's first item in the cursor's direction. */
static enum status to_edge(struct run_cursor *c, struct lsm_waiter *waiter)
{
    const struct piece *p = c->pieces[c->i];
    const struct cut *cut = c->reverse ? &p->high : &p->low;
    c->entering = true;
    table_cursor_attach(&c->inner, p->table);
    enum status status;
    if (cut->set)
        status = table_cursor_seek(&c->inner, c->reverse ? &p->last : &p->first, waiter);
    else
        status = table_cursor_edge(&c->inner, waiter);
    c->entering = status == STATUS_WAIT;
    return show(c, status);
}

/* Goes on with the neighbouring pieces until one has an item. Only a part may have none. */
static enum status enter_next(struct run_cursor *c, struct lsm_waiter *waiter)
{
    while (c->reverse ? c->i > 0 : c->i + 1 < c->count) {
        c->i = c->reverse ? c->i - 1 : c->i + 1;
        enum status status = to_edge(c, waiter);
        if (status != STATUS_NOT_FOUND) return status;
        ASSERT(piece_is_part(c->pieces[c->i]));
    }
    return STATUS_NOT_FOUND;
}

/* The seek within the piece: a target outside of it means its edge. */
static enum status seek_in(struct run_cursor *c, const struct item_key *target,
                           struct lsm_waiter *waiter)
{
    const struct piece *p = c->pieces[c->i];
    bool before = c->reverse ? piece_ends_before(p, target) : !piece_begins_before(p, target);
    if (before && piece_is_part(p)) return to_edge(c, waiter);
    table_cursor_attach(&c->inner, p->table);
    return show(c, table_cursor_seek(&c->inner, target, waiter));
}

static enum status run_seek(struct cursor *cursor, const struct item_key *target,
                            struct lsm_waiter *waiter)
{
    struct run_cursor *c = CONTAINER_OF(cursor, struct run_cursor, cursor);
    uint32_t i = run_find(c->pieces, c->count, target);
    if (i == c->count) {
        if (!c->reverse || c->count == 0) return STATUS_NOT_FOUND;
        i = c->count - 1;
    }
    c->i = i;
    c->entering = false;
    enum status status = seek_in(c, target, waiter);
    return status == STATUS_NOT_FOUND ? enter_next(c, waiter) : status;
}

static enum status run_step(struct cursor *cursor, struct lsm_waiter *waiter)
{
    struct run_cursor *c = CONTAINER_OF(cursor, struct run_cursor, cursor);
    enum status status;
    if (c->entering)
        status = to_edge(c, waiter);
    else
        status = show(c, table_cursor_step(&c->inner, waiter)); /* also ends a move that waited */
    return status == STATUS_NOT_FOUND ? enter_next(c, waiter) : status;
}

static void run_close(struct cursor *cursor)
{
    struct run_cursor *c = CONTAINER_OF(cursor, struct run_cursor, cursor);
    table_cursor_deinit(&c->inner);
    if (c->source->close != NULL) c->source->close(c->source);
    free(c);
}

static const struct cursor_table run_cursor_table = {run_seek, run_step, run_close};

enum status run_cursor_open(struct piece **pieces, uint32_t count, struct block_source *source,
                            bool reverse, struct cursor **cursor_out)
{
    struct run_cursor *c = calloc(1, sizeof *c);
    if (c == NULL) {
        if (source->close != NULL) source->close(source);
        return STATUS_NO_MEMORY;
    }
    c->cursor.table = &run_cursor_table;
    c->pieces = pieces;
    c->count = count;
    c->reverse = reverse;
    c->source = source;
    table_cursor_init(&c->inner, source, reverse);
    *cursor_out = &c->cursor;
    return STATUS_OK;
}
