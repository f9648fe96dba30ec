#include "lsm/lsm_int.h"
#include "lsm/table_verify_int.h"

void table_verifier_init(struct table_verifier *v, const struct table *t, struct bytes file)
{
    ASSERT(t->top != NULL);
    *v = (struct table_verifier){.table = t, .file = file};
    block_cursor_init(&v->top);
    block_cursor_init(&v->index);
    buf_init(&v->index_raw, BLOCK_RAW_BYTES_MAX);
}

void table_verifier_deinit(struct table_verifier *v)
{
    block_cursor_deinit(&v->top);
    block_cursor_deinit(&v->index);
    buf_deinit(&v->index_raw);
}

static enum status check(const struct table_verifier *v, struct block_handle handle,
                         enum block_kind kind, struct bytes *sealed_out, uint32_t *raw_size_out)
{
    if (handle.offset > v->file.size || handle.size > v->file.size - handle.offset)
        return STATUS_CORRUPT;
    *sealed_out = bytes_make(v->file.data + handle.offset, handle.size);
    return block_check(*sealed_out, kind, v->table->uid, handle.offset, raw_size_out);
}

/* Whoever opened the table has these in memory: what the file holds by now is another matter. */
static enum status check_ends(const struct table_verifier *v)
{
    const struct table *t = v->table;
    struct table_tail tail;
    struct bytes sealed;
    uint32_t raw_size;
    if (v->file.size < sizeof tail) return STATUS_CORRUPT;
    memcpy(&tail, v->file.data + v->file.size - sizeof tail, sizeof tail);
    enum status status = table_tail_check(&tail, t->uid, t->lsm->options.store_id);
    if (status == STATUS_VERSION) return STATUS_CORRUPT; /* it was opened as one of ours */
    if (status != STATUS_OK) return status;
    struct block_handle footer = {tail.footer_offset, tail.footer_size};
    status = check(v, footer, BLOCK_KIND_FOOTER, &sealed, &raw_size);
    return status == STATUS_OK ? check(v, t->facts.top, BLOCK_KIND_TOP, &sealed, &raw_size) : status;
}

static enum status enter_index(struct table_verifier *v)
{
    struct block_handle handle;
    struct bytes sealed;
    uint32_t raw_size;
    enum status status = block_handle_get(v->top.item.value, &handle);
    if (status == STATUS_OK) status = check(v, handle, BLOCK_KIND_INDEX, &sealed, &raw_size);
    if (status != STATUS_OK) return status;
    buf_reset(&v->index_raw);
    uint8_t *raw = buf_reserve(&v->index_raw, raw_size);
    if (raw == NULL) return STATUS_NO_MEMORY;
    status = block_unpack(sealed, raw, raw_size);
    if (status != STATUS_OK) return status;
    v->index_raw.size = raw_size;
    status = block_cursor_open(&v->index, buf_view(&v->index_raw));
    if (status == STATUS_OK) status = block_cursor_first(&v->index);
    v->in_index = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_CORRUPT : status;
}

/* To the next index block; behind the last one the filters begin. */
static enum status next_index(struct table_verifier *v)
{
    enum status status;
    if (v->begun) {
        status = block_cursor_next(&v->top);
    } else {
        status = block_cursor_open(&v->top, bytes_make(v->table->top, v->table->top_size));
        if (status == STATUS_OK) status = block_cursor_first(&v->top);
        v->begun = true;
    }
    if (status == STATUS_OK) return enter_index(v);
    if (status != STATUS_NOT_FOUND) return status;
    v->at_filters = true;
    return STATUS_OK;
}

static enum status check_data(struct table_verifier *v, size_t *checked)
{
    struct block_handle handle;
    struct bytes sealed;
    uint32_t raw_size;
    enum status status = block_handle_get(v->index.item.value, &handle);
    if (status == STATUS_OK) status = check(v, handle, BLOCK_KIND_DATA, &sealed, &raw_size);
    if (status != STATUS_OK) return status;
    *checked += handle.size;
    status = block_cursor_next(&v->index);
    v->in_index = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status check_filter(struct table_verifier *v, size_t *checked)
{
    const struct table_facts *f = &v->table->facts;
    const uint32_t frame = BLOCK_HEAD_BYTES + BLOCK_TRAILER_BYTES;
    uint32_t left = f->filter_line_count - v->filter_line;
    if (left == 0) return STATUS_NOT_FOUND;
    uint32_t lines = left < FILTER_LINES_PER_BLOCK ? left : FILTER_LINES_PER_BLOCK;
    uint64_t stride = FILTER_LINES_PER_BLOCK * FILTER_LINE_BYTES + frame;
    uint64_t block = v->filter_line / FILTER_LINES_PER_BLOCK;
    struct block_handle handle = {f->filter_offset + block * stride,
                                  lines * FILTER_LINE_BYTES + frame};
    struct bytes sealed;
    uint32_t raw_size;
    v->filter_line += lines;
    *checked += handle.size;
    return check(v, handle, BLOCK_KIND_FILTER, &sealed, &raw_size);
}

enum status table_verifier_step(struct table_verifier *v, size_t bytes)
{
    enum status status = v->begun ? STATUS_OK : check_ends(v);
    for (size_t checked = 0; status == STATUS_OK && checked < bytes;) {
        if (v->in_index)
            status = check_data(v, &checked);
        else if (v->at_filters)
            status = check_filter(v, &checked);
        else
            status = next_index(v);
    }
    return status;
}
