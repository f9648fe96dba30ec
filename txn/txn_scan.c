/* Scans of a transaction: pages from the leader, merged with its own writes. */
#include <stdlib.h>

#include "txn/txn_state.h"

struct txn_scan {
    struct txn *txn;
    struct buf page;            /* the reply; rows are views into it */
    struct reader rows;
    struct buf start, end;      /* what is left to ask for */
    struct buf cut;             /* the page ends there, with its range */
    bool is_cut;
    bool reverse, exhausted, has_row, own_taken, rows_alone;
    uint64_t limit, taken;
    uint32_t pages;
    struct bytes row_key, row_value;
    uint64_t view;              /* own writes as they were when the scan was opened */
    struct buf own_key;         /* of the own write that was taken last; at first the bound */
    const struct write *own;
    struct buf own_value;       /* of the one that was taken last, when it was spilled */
};

enum status txn_scan_open(struct txn *t, struct bytes start, struct bytes end, bool reverse,
                          uint64_t limit, struct txn_scan **scan_out)
{
    ASSERT(!t->ended);
    struct txn_scan *scan = calloc(1, sizeof *scan);
    if (scan == NULL) return STATUS_NO_MEMORY;
    scan->txn = t;
    scan->view = t->view != WRITE_SET_NOW ? t->view : write_set_mark(&t->writes);
    scan->reverse = reverse;
    scan->limit = limit;
    buf_init(&scan->page, NET_MESSAGE_BYTES_MAX);
    buf_init(&scan->start, SHARD_KEY_BYTES_MAX + 1);
    buf_init(&scan->end, SHARD_KEY_BYTES_MAX + 1);
    buf_init(&scan->cut, SHARD_KEY_BYTES_MAX + 1);
    buf_init(&scan->own_key, SHARD_KEY_BYTES_MAX + 1);
    buf_init(&scan->own_value, TXN_VALUE_BYTES_MAX);
    buf_append_bytes(&scan->start, start);
    buf_append_bytes(&scan->end, end);
    buf_append_bytes(&scan->own_key, reverse ? end : start);
    enum status status = txn_span_add(t, &(struct span){.start = start, .end = end});
    if (status != STATUS_OK || scan->start.failed || scan->end.failed) {
        txn_scan_close(scan);
        return status != STATUS_OK ? status : STATUS_TOO_LARGE;
    }
    *scan_out = scan;
    return STATUS_OK;
}

void txn_scan_rows_alone(struct txn_scan *scan)
{
    ASSERT(scan->pages == 0);
    scan->rows_alone = true;
}

void txn_scan_close(struct txn_scan *scan)
{
    buf_deinit(&scan->page);
    buf_deinit(&scan->start);
    buf_deinit(&scan->end);
    buf_deinit(&scan->cut);
    buf_deinit(&scan->own_key);
    buf_deinit(&scan->own_value);
    free(scan);
}

/* What of the scan is left in the range where it goes on; views that last as long as the scan. */
static struct span cut_at_range(struct txn_scan *scan, const struct route *route)
{
    struct span left = {.start = buf_view(&scan->start), .end = buf_view(&scan->end)}, inside;
    bool any = span_inside(&left, route, &inside);
    ASSERT(any);
    struct bytes bound = scan->reverse ? inside.start : inside.end;
    scan->is_cut = !bytes_equal(bound, scan->reverse ? left.start : left.end);
    buf_reset(&scan->cut);
    buf_append_bytes(&scan->cut, bound);
    *(scan->reverse ? &inside.start : &inside.end) = buf_view(&scan->cut);
    return inside;
}

/* The first page is as large as the caller hopes; the others grow. */
static uint32_t page_rows(const struct txn_scan *scan)
{
    uint64_t rows_max = scan->limit == 0 ? 0 : scan->limit + scan->txn->writes.count;
    return rows_max > 100000 || scan->pages > 0 ? 0 : (uint32_t)rows_max;
}

/* STATUS_STALE_ROUTE: the range it was cut for is another one now. */
static enum status page_ask(struct txn_scan *scan, struct reader *in)
{
    struct txn *t = scan->txn;
    struct route route;
    enum status status = txn_find(t, buf_view(scan->reverse ? &scan->end : &scan->start), scan->reverse, &route);
    if (status != STATUS_OK) return status;
    struct span span = cut_at_range(scan, &route);
    struct gateway_request q = txn_request(t, RPC_READ, span.start);
    hull_add(&q.hull, &span);
    txn_read_begin(t, &route, 1);
    put_u8(&t->request, 2);
    put_sized(&t->request, span.start);
    put_sized(&t->request, span.end);
    put_u32(&t->request, page_rows(scan));
    put_u8(&t->request, (uint8_t)((scan->reverse ? READ_SCAN_REVERSE : 0) | (scan->rows_alone ? READ_SCAN_ROWS_ALONE : 0)));
    return txn_read_send(t, &q, in);
}

static enum status page_fetch(struct txn_scan *scan)
{
    struct reader in;
    enum status status;
    do status = page_ask(scan, &in);
    while (txn_cut_again(scan->txn, &status));
    if (status != STATUS_OK) return status;
    buf_reset(&scan->page);
    buf_append(&scan->page, in.at, reader_left(&in));
    if (scan->page.failed) return STATUS_NO_MEMORY;
    scan->rows = reader_make(buf_view(&scan->page));
    scan->pages++;
    return STATUS_OK;
}

/* Nothing is left of it in this range: true when that was all. */
static bool range_ended(struct txn_scan *scan)
{
    if (!scan->is_cut) return true;
    COVER("txn_scan_over_ranges");
    struct buf *bound = scan->reverse ? &scan->end : &scan->start;
    buf_reset(bound);
    buf_append_bytes(bound, buf_view(&scan->cut));
    return false;
}

/* Remembers where the next page goes on. */
static void page_after(struct txn_scan *scan, struct bytes key)
{
    struct buf *bound = scan->reverse ? &scan->end : &scan->start;
    buf_reset(bound);
    buf_append_bytes(bound, key);
    if (!scan->reverse) buf_append_byte(bound, 0);
}

static bool nothing_left(const struct txn_scan *scan)
{
    return scan->end.size > 0 && bytes_compare(buf_view(&scan->start), buf_view(&scan->end)) >= 0;
}

/* Makes has_row true, or exhausted. */
static enum status row_next(struct txn_scan *scan)
{
    while (!scan->has_row && !scan->exhausted) {
        if (scan->pages == 0 || reader_left(&scan->rows) == 0) {
            if (nothing_left(scan)) {
                scan->exhausted = true;
                break;
            }
            enum status status = page_fetch(scan);
            if (status != STATUS_OK) return status;
        }
        uint8_t kind = get_u8(&scan->rows);
        if (kind == 1 || kind == 4) {
            scan->row_key = get_sized(&scan->rows);
            if (kind == 1) scan->row_value = get_sized(&scan->rows);
            page_after(scan, scan->row_key);
            scan->has_row = kind == 1;
        } else if (kind == 0) {
            scan->exhausted = range_ended(scan);
        } else if (kind != 2) {
            return STATUS_INVALID;
        }
        if (scan->rows.failed) return STATUS_INVALID;
    }
    return STATUS_OK;
}

/* The own write behind the last one (before it, when reverse), or the first. */
static void own_next(struct txn_scan *scan)
{
    const struct write_set *ws = &scan->txn->writes;
    struct bytes from = buf_view(&scan->own_key);
    const struct write *own = scan->reverse ? write_set_seek_before(ws, from, scan->view)
                                            : write_set_seek(ws, from, scan->own_taken, scan->view);
    if (own != NULL && !scan->reverse && scan->end.size > 0 && bytes_compare(own->key, buf_view(&scan->end)) >= 0)
        own = NULL;
    if (own != NULL && scan->reverse && bytes_compare(own->key, buf_view(&scan->start)) < 0) own = NULL;
    scan->own = own;
}

static void own_take(struct txn_scan *scan)
{
    buf_reset(&scan->own_key);
    buf_append_bytes(&scan->own_key, scan->own->key);
    scan->own_taken = true;
}

/* Stays until the next one is asked for. */
static enum status own_value(struct txn_scan *scan, const struct write *own, struct bytes *value_out)
{
    if (!spill_has(own)) {
        *value_out = own->value;
        return STATUS_OK;
    }
    buf_reset(&scan->own_value);
    buf_append_zero(&scan->own_value, own->value.size);
    if (scan->own_value.failed) return STATUS_NO_MEMORY;
    *value_out = buf_view(&scan->own_value);
    return spill_get(scan->txn, own, scan->own_value.data);
}

enum status txn_scan_next(struct txn_scan *scan, struct bytes *key_out, struct bytes *value_out)
{
    ASSERT(!scan->txn->ended);
    own_next(scan); /* again: going back to a mark may have removed it */
    for (;;) {
        enum status status = row_next(scan);
        if (status != STATUS_OK) return status;
        if (!scan->has_row && scan->own == NULL) return STATUS_NOT_FOUND;
        int order = !scan->has_row ? -1
                    : scan->own == NULL
                        ? 1
                        : bytes_compare(scan->own->key, scan->row_key) * (scan->reverse ? -1 : 1);
        if (order <= 0) { /* the own write comes first, or replaces the row */
            const struct write *own = scan->own;
            own_take(scan);
            if (order == 0) scan->has_row = false;
            struct bytes value;
            if ((status = own_value(scan, own, &value)) != STATUS_OK) return status;
            if (own->tombstone || (scan->rows_alone && txn_is_aside(value))) {
                own_next(scan);
                continue;
            }
            *key_out = own->key;
            *value_out = value;
        } else {
            *key_out = scan->row_key;
            *value_out = scan->row_value;
            scan->has_row = false;
        }
        scan->taken++;
        return STATUS_OK;
    }
}
