#include "lsm/table_int.h"

#include <stdlib.h>

struct run_cursor {
    struct cursor cursor;
    struct table **tables;
    uint32_t count, i; /* i: the table the inner cursor is attached to */
    bool reverse;
    struct block_source *source;
    struct table_cursor inner;
};

uint32_t run_find(struct table *const *tables, uint32_t count, const struct item_key *key)
{
    uint32_t low = 0, high = count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (item_key_compare(&tables[middle]->facts.last, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum status show(struct run_cursor *c, enum status status)
{
    if (status == STATUS_OK) c->cursor.item = c->inner.data.item;
    return status;
}

/* Goes on with the neighbouring tables until one has an item. */
static enum status enter_next(struct run_cursor *c, struct lsm_waiter *waiter)
{
    if (c->reverse ? c->i == 0 : c->i + 1 >= c->count) return STATUS_NOT_FOUND;
    c->i = c->reverse ? c->i - 1 : c->i + 1;
    table_cursor_attach(&c->inner, c->tables[c->i]);
    enum status status = table_cursor_edge(&c->inner, waiter);
    ASSERT(status != STATUS_NOT_FOUND); /* no table is empty */
    return show(c, status);
}

static enum status run_seek(struct cursor *cursor, const struct item_key *target,
                            struct lsm_waiter *waiter)
{
    struct run_cursor *c = CONTAINER_OF(cursor, struct run_cursor, cursor);
    uint32_t i = run_find(c->tables, c->count, target);
    if (i == c->count) {
        if (!c->reverse || c->count == 0) return STATUS_NOT_FOUND;
        i = c->count - 1;
    }
    c->i = i;
    table_cursor_attach(&c->inner, c->tables[i]);
    enum status status = table_cursor_seek(&c->inner, target, waiter);
    if (status == STATUS_NOT_FOUND) return enter_next(c, waiter);
    return show(c, status);
}

static enum status run_step(struct cursor *cursor, struct lsm_waiter *waiter)
{
    struct run_cursor *c = CONTAINER_OF(cursor, struct run_cursor, cursor);
    enum status status = table_cursor_step(&c->inner, waiter); /* also ends a move that waited */
    if (status == STATUS_NOT_FOUND) return enter_next(c, waiter);
    return show(c, status);
}

static void run_close(struct cursor *cursor)
{
    struct run_cursor *c = CONTAINER_OF(cursor, struct run_cursor, cursor);
    table_cursor_deinit(&c->inner);
    if (c->source->close != NULL) c->source->close(c->source);
    free(c);
}

static const struct cursor_table run_cursor_table = {run_seek, run_step, run_close};

enum status run_cursor_open(struct table **tables, uint32_t count, struct block_source *source,
                            bool reverse, struct cursor **cursor_out)
{
    struct run_cursor *c = calloc(1, sizeof *c);
    if (c == NULL) {
        if (source->close != NULL) source->close(source);
        return STATUS_NO_MEMORY;
    }
    c->cursor.table = &run_cursor_table;
    c->tables = tables;
    c->count = count;
    c->reverse = reverse;
    c->source = source;
    table_cursor_init(&c->inner, source, reverse);
    *cursor_out = &c->cursor;
    return STATUS_OK;
}
