#include "lsm/block_int.h"

void block_builder_init(struct block_builder *b)
{
    *b = (struct block_builder){0};
    buf_init(&b->raw, BLOCK_RAW_BYTES_MAX);
    buf_init(&b->restarts, BLOCK_RAW_BYTES_MAX);
    buf_init(&b->last_key, LSM_KEY_BYTES_MAX);
}

void block_builder_deinit(struct block_builder *b)
{
    buf_deinit(&b->raw);
    buf_deinit(&b->restarts);
    buf_deinit(&b->last_key);
}

void block_builder_reset(struct block_builder *b)
{
    buf_reset(&b->raw);
    buf_reset(&b->restarts);
    buf_reset(&b->last_key);
    b->count = 0;
}

static size_t shared_prefix(struct bytes a, struct bytes b)
{
    size_t size = 0, common = a.size < b.size ? a.size : b.size;
    while (size < common && a.data[size] == b.data[size])
        size++;
    return size;
}

static void check_order(const struct block_builder *b, const struct lsm_item *item)
{
    if (b->count == 0 || b->last_key.failed) return;
    struct item_key last = {b->last_space, buf_view(&b->last_key), b->last_ts};
    struct item_key next = item_key_of(item);
    ASSERT(item_key_compare(&last, &next) < 0);
}

void block_builder_add(struct block_builder *b, const struct lsm_item *item)
{
    check_order(b, item);
    size_t shared = 0;
    if (b->count % BLOCK_RESTART_INTERVAL == 0)
        put_u32(&b->restarts, (uint32_t)b->raw.size);
    else
        shared = shared_prefix(buf_view(&b->last_key), item->key);
    uint8_t flags = (uint8_t)item->space;
    if (item->tombstone) flags |= 0x04;
    if (item->ts != 0) flags |= 0x08;
    put_u8(&b->raw, flags);
    put_varint(&b->raw, shared);
    put_varint(&b->raw, item->key.size - shared);
    put_varint(&b->raw, item->value.size);
    if (item->ts != 0) put_u64(&b->raw, item->ts);
    buf_append(&b->raw, item->key.data + shared, item->key.size - shared);
    buf_append_bytes(&b->raw, item->value);
    buf_truncate(&b->last_key, shared);
    buf_append(&b->last_key, item->key.data + shared, item->key.size - shared);
    b->last_ts = item->ts;
    b->last_space = item->space;
    b->count++;
}

size_t block_builder_size(const struct block_builder *b)
{
    return b->raw.size + b->restarts.size + 4;
}

bool block_builder_failed(const struct block_builder *b)
{
    return b->raw.failed || b->restarts.failed || b->last_key.failed;
}

struct bytes block_builder_finish(struct block_builder *b)
{
    ASSERT(b->count > 0);
    uint32_t restart_count = (uint32_t)(b->restarts.size / 4);
    buf_append_bytes(&b->raw, buf_view(&b->restarts));
    put_u32(&b->raw, restart_count);
    return buf_view(&b->raw);
}

void block_handle_put(struct buf *b, struct block_handle handle)
{
    put_varint(b, handle.offset);
    put_varint(b, handle.size);
}

enum status block_handle_get(struct bytes bytes, struct block_handle *handle_out)
{
    struct reader r = reader_make(bytes);
    uint64_t offset = get_varint(&r), size = get_varint(&r);
    if (!reader_done(&r)) return STATUS_CORRUPT;
    if (size < BLOCK_HEAD_BYTES + BLOCK_TRAILER_BYTES) return STATUS_CORRUPT;
    if (size > BLOCK_RAW_BYTES_MAX + BLOCK_HEAD_BYTES + BLOCK_TRAILER_BYTES) return STATUS_CORRUPT;
    *handle_out = (struct block_handle){offset, (uint32_t)size};
    return STATUS_OK;
}
