#include "lsm/cache_int.h"
#include "lsm/lsm_int.h"
#include "lsm/table_int.h"

#define AHEAD_BLOCKS_MAX 8

void table_cursor_init(struct table_cursor *c, struct block_source *source, bool reverse)
{
    *c = (struct table_cursor){.source = source, .reverse = reverse};
    block_cursor_init(&c->top);
    block_cursor_init(&c->index);
    block_cursor_init(&c->data);
    buf_init(&c->behind_key, LSM_KEY_BYTES_MAX);
}

static void unpin_blocks(struct table_cursor *c)
{
    if (c->index_block != NULL) block_unpin(c->index_block);
    if (c->data_block != NULL) block_unpin(c->data_block);
    c->index_block = c->data_block = NULL;
}

void table_cursor_deinit(struct table_cursor *c)
{
    unpin_blocks(c);
    block_cursor_deinit(&c->top);
    block_cursor_deinit(&c->index);
    block_cursor_deinit(&c->data);
    buf_deinit(&c->behind_key);
}

void table_cursor_attach(struct table_cursor *c, struct table *t)
{
    if (c->table == t) return;
    unpin_blocks(c);
    c->table = t;
    c->pending = TABLE_PENDING_NONE;
    c->sequential = 0;
    c->has_behind = false;
}

/* A block whose checksum is right and that still makes no sense is damage like any other. */
static enum status checked(struct table_cursor *c, enum status status, const char *what)
{
    if (status == STATUS_CORRUPT && !c->table->corrupt) table_damaged(c->table, what, 0);
    return status;
}

/* Together with the order inside of blocks: the order of all items. Asked when a data block is left (the item is its
 * last, going forward) ... */
static enum status check_bounds(struct table_cursor *c)
{
    struct item_key item = item_key_of(&c->data.item);
    const struct table_facts *f = &c->table->facts;
    bool fits = item_key_compare(&f->first, &item) <= 0 && item_key_compare(&item, &f->last) <= 0;
    return fits ? STATUS_OK : checked(c, STATUS_CORRUPT, "item outside of the table");
}

/* ... and when one is entered. */
static enum status check_entered(struct table_cursor *c)
{
    struct item_key item = item_key_of(&c->data.item);
    struct item_key behind = {c->behind_space, buf_view(&c->behind_key), c->behind_ts};
    if (c->has_behind && item_key_compare(&behind, &item) >= 0)
        return checked(c, STATUS_CORRUPT, "blocks out of order");
    return check_bounds(c);
}

static enum status remember_place(struct table_cursor *c)
{
    enum status status = check_bounds(c);
    if (status != STATUS_OK || c->reverse) return status;
    buf_reset(&c->behind_key);
    buf_append_bytes(&c->behind_key, c->data.item.key);
    c->behind_space = c->data.item.space;
    c->behind_ts = c->data.item.ts;
    c->has_behind = true;
    return c->behind_key.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static enum status open_top(struct table_cursor *c)
{
    if (c->table->corrupt) return STATUS_CORRUPT;
    ASSERT(c->table->top != NULL);
    struct bytes raw = bytes_make(c->table->top, c->table->top_size);
    return checked(c, block_cursor_open(&c->top, raw), "top index");
}

/* Loads the block a cursor's entry points at, unless it is the one pinned already. */
static enum status load(struct table_cursor *c, const struct block_cursor *parent,
                        enum block_kind kind, struct block **block, uint64_t *offset,
                        struct block_cursor *child, struct lsm_waiter *waiter)
{
    struct block_handle handle;
    enum status status = checked(c, block_handle_get(parent->item.value, &handle), "block handle");
    if (status != STATUS_OK) return status;
    if (*block == NULL || *offset != handle.offset) {
        struct block *loaded;
        status = c->source->load(c->source, c->table, handle, kind, waiter, &loaded);
        if (status != STATUS_OK) return status;
        if (*block != NULL) block_unpin(*block);
        *block = loaded;
        *offset = handle.offset;
    }
    return checked(c, block_cursor_open(child, block_raw(*block)), "block structure");
}

static enum status load_index(struct table_cursor *c, struct lsm_waiter *waiter)
{
    return load(c, &c->top, BLOCK_KIND_INDEX, &c->index_block, &c->index_offset, &c->index, waiter);
}

static enum status load_data(struct table_cursor *c, struct lsm_waiter *waiter)
{
    return load(c, &c->index, BLOCK_KIND_DATA, &c->data_block, &c->data_offset, &c->data, waiter);
}

static enum status edge(struct table_cursor *c, struct block_cursor *b)
{
    enum status status = c->reverse ? block_cursor_last(b) : block_cursor_first(b);
    return checked(c, status, "block entry");
}

static enum status advance(struct table_cursor *c, struct block_cursor *b)
{
    enum status status = c->reverse ? block_cursor_prev(b) : block_cursor_next(b);
    return checked(c, status, "block entry");
}

/* Starts reading the data blocks that follow when blocks are being entered one after the other. */
static void read_ahead(struct table_cursor *c)
{
    c->sequential++;
    if (c->source->ahead == NULL || c->reverse || c->sequential < 2) return;
    size_t at = c->index.next;
    struct bytes value;
    for (uint32_t i = 0; i < AHEAD_BLOCKS_MAX && i < c->sequential; i++) {
        struct block_handle handle;
        if (at >= c->index.entries.size || !block_cursor_peek(&c->index, &at, &value)) return;
        if (block_handle_get(value, &handle) != STATUS_OK) return;
        c->source->ahead(c->source, c->table, handle, BLOCK_KIND_DATA);
    }
}

/* Works off what is pending: the edge of an index block, of a data block. */
static enum status settle(struct table_cursor *c, struct lsm_waiter *waiter)
{
    enum status status = STATUS_OK;
    if (c->pending == TABLE_PENDING_INDEX) {
        status = load_index(c, waiter);
        if (status == STATUS_OK) status = edge(c, &c->index);
        if (status != STATUS_OK) return status;
        c->pending = TABLE_PENDING_DATA;
    }
    if (c->pending == TABLE_PENDING_DATA) {
        status = load_data(c, waiter);
        if (status == STATUS_OK) status = edge(c, &c->data);
        if (status == STATUS_OK) status = check_entered(c);
        if (status != STATUS_OK) return status;
        c->pending = TABLE_PENDING_NONE;
        read_ahead(c);
    }
    return status;
}

/* Leaves the current data block for its neighbour. */
static enum status leave_block(struct table_cursor *c, struct lsm_waiter *waiter)
{
    enum status status = remember_place(c);
    if (status == STATUS_OK) status = advance(c, &c->index);
    if (status == STATUS_OK) {
        c->pending = TABLE_PENDING_DATA;
        return settle(c, waiter);
    }
    if (status != STATUS_NOT_FOUND) return status;
    status = advance(c, &c->top);
    if (status != STATUS_OK) return status;
    c->pending = TABLE_PENDING_INDEX;
    return settle(c, waiter);
}

enum status table_cursor_edge(struct table_cursor *c, struct lsm_waiter *waiter)
{
    c->has_behind = false;
    enum status status = open_top(c);
    if (status == STATUS_OK) status = edge(c, &c->top);
    if (status != STATUS_OK) return status;
    c->pending = TABLE_PENDING_INDEX;
    return settle(c, waiter);
}

enum status table_cursor_step(struct table_cursor *c, struct lsm_waiter *waiter)
{
    if (c->table->corrupt) return STATUS_CORRUPT;
    if (c->pending != TABLE_PENDING_NONE) return settle(c, waiter);
    enum status status = advance(c, &c->data);
    return status == STATUS_NOT_FOUND ? leave_block(c, waiter) : status;
}

/* Index keys are the last keys below them, so a block found by seeking holds an item at or after
 * the target; one that does not contradicts its index. */
static enum status found(struct table_cursor *c, enum status status)
{
    if (status == STATUS_NOT_FOUND) status = STATUS_CORRUPT;
    return checked(c, status, "index and block disagree");
}

enum status table_cursor_seek(struct table_cursor *c, const struct item_key *target,
                              struct lsm_waiter *waiter)
{
    c->pending = TABLE_PENDING_NONE;
    c->sequential = 0;
    c->has_behind = false;
    enum status status = open_top(c);
    if (status == STATUS_OK) status = checked(c, block_cursor_seek(&c->top, target), "top index");
    if (status == STATUS_NOT_FOUND && c->reverse) return table_cursor_edge(c, waiter);
    if (status == STATUS_OK) status = load_index(c, waiter);
    if (status != STATUS_OK) return status;
    status = found(c, block_cursor_seek(&c->index, target));
    if (status == STATUS_OK) status = load_data(c, waiter);
    if (status == STATUS_OK) status = found(c, block_cursor_seek(&c->data, target));
    if (status == STATUS_OK) status = check_entered(c);
    if (status != STATUS_OK || !c->reverse) return status;
    status = advance(c, &c->data);
    return status == STATUS_NOT_FOUND ? leave_block(c, waiter) : status;
}
