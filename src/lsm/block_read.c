#include "lsm/block_int.h"

/* One entry as it stands in the block; key and value are views of what is stored. */
struct entry {
    enum lsm_space space;
    bool tombstone;
    uint64_t ts;
    uint32_t shared;
    struct bytes unshared, value;
    size_t next;
};

void block_cursor_init(struct block_cursor *c)
{
    *c = (struct block_cursor){0};
    buf_init(&c->key, LSM_KEY_BYTES_MAX);
}

void block_cursor_deinit(struct block_cursor *c)
{
    buf_deinit(&c->key);
}

enum status block_cursor_open(struct block_cursor *c, struct bytes raw)
{
    c->at = c->next = 0;
    c->restart_count = 0;
    c->entries = BYTES_EMPTY;
    if (raw.size < 8) return STATUS_CORRUPT;
    uint32_t count = load_le32(raw.data + raw.size - 4);
    if (count == 0 || count > (raw.size - 4) / 4) return STATUS_CORRUPT;
    c->restart_count = count;
    c->entries = bytes_make(raw.data, raw.size - 4 - (size_t)count * 4);
    c->restarts = raw.data + c->entries.size;
    return STATUS_OK;
}

static size_t restart_at(const struct block_cursor *c, uint32_t i)
{
    ASSERT(i < c->restart_count);
    return load_le32(c->restarts + (size_t)i * 4);
}

/* Sizes are below 2^28: the longest value is 4 MiB. False: malformed. */
static bool take_size(const uint8_t **p, const uint8_t *end, uint32_t *size_out)
{
    uint32_t value = 0;
    for (unsigned shift = 0; shift < 28 && *p < end; shift += 7) {
        uint8_t byte = *(*p)++;
        value |= (uint32_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *size_out = value;
            return true;
        }
    }
    return false;
}

/* Decodes the entry at `at`. False: malformed. */
static bool entry_at(const struct block_cursor *c, size_t at, struct entry *e)
{
    if (at >= c->entries.size) return false;
    const uint8_t *p = c->entries.data + at, *end = c->entries.data + c->entries.size;
    uint8_t flags = *p++;
    uint32_t unshared, value_size;
    if (!take_size(&p, end, &e->shared) || !take_size(&p, end, &unshared) ||
        !take_size(&p, end, &value_size))
        return false;
    size_t ts_size = (flags & 0x08) != 0 ? 8 : 0;
    if ((size_t)(end - p) < ts_size + unshared + value_size) return false;
    if (!lsm_space_valid(flags & 0x03) || (flags & 0xf0) != 0) return false;
    if (value_size > LSM_VALUE_BYTES_MAX) return false;
    e->space = (enum lsm_space)(flags & 0x03);
    e->tombstone = (flags & 0x04) != 0;
    e->ts = ts_size == 0 ? 0 : load_le64(p);
    if (!lsm_space_times(e->space) && e->ts != 0) return false;
    e->unshared = bytes_make(p + ts_size, unshared);
    e->value = bytes_make(e->unshared.data + unshared, value_size);
    e->next = (size_t)(e->value.data + value_size - c->entries.data);
    return true;
}

/* Whatever a checksum says, those above rely on the order. The current entry is the one before. */
static bool follows(const struct block_cursor *c, const struct entry *e)
{
    if (e->space != c->item.space) return e->space > c->item.space;
    struct bytes rest = BYTES_EMPTY;
    if (c->key.size > e->shared) rest = bytes_make(c->key.data + e->shared, c->key.size - e->shared);
    int order = bytes_compare(rest, e->unshared);
    return order < 0 || (order == 0 && e->ts < c->item.ts);
}

/* Makes the entry at `at` the current one; the cursor's key is the one before it, or empty at a restart. */
static enum status enter(struct block_cursor *c, size_t at, bool restart)
{
    struct entry e;
    if (!entry_at(c, at, &e) || e.shared > c->key.size) return STATUS_CORRUPT;
    if (!restart && !follows(c, &e)) return STATUS_CORRUPT;
    buf_truncate(&c->key, e.shared);
    buf_append_bytes(&c->key, e.unshared);
    if (c->key.failed) {
        bool too_long = (size_t)e.shared + e.unshared.size > LSM_KEY_BYTES_MAX;
        return too_long ? STATUS_CORRUPT : STATUS_NO_MEMORY;
    }
    c->at = at;
    c->next = e.next;
    c->item = (struct lsm_item){e.space, buf_view(&c->key), e.ts, e.tombstone, e.value};
    return STATUS_OK;
}

static enum status enter_restart(struct block_cursor *c, uint32_t i)
{
    buf_reset(&c->key);
    return enter(c, restart_at(c, i), true);
}

enum status block_cursor_first(struct block_cursor *c)
{
    return enter_restart(c, 0);
}

enum status block_cursor_next(struct block_cursor *c)
{
    if (c->next >= c->entries.size) return STATUS_NOT_FOUND;
    return enter(c, c->next, false);
}

/* From restart i on to the last entry before `end`. */
static enum status run_to(struct block_cursor *c, uint32_t i, size_t end)
{
    enum status status = enter_restart(c, i);
    while (status == STATUS_OK && c->next < end)
        status = block_cursor_next(c);
    return status;
}

enum status block_cursor_last(struct block_cursor *c)
{
    return run_to(c, c->restart_count - 1, c->entries.size);
}

enum status block_cursor_prev(struct block_cursor *c)
{
    size_t end = c->at;
    uint32_t low = 0, high = c->restart_count; /* the last restart before `end` is in [low, high) */
    if (end <= restart_at(c, 0)) return STATUS_NOT_FOUND;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (restart_at(c, middle) < end)
            low = middle;
        else
            high = middle;
    }
    return run_to(c, low, end);
}

/* The last restart before the target, or the first one. */
static enum status seek_restart(struct block_cursor *c, const struct item_key *target,
                                uint32_t *restart_out)
{
    uint32_t low = 0, high = c->restart_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        struct entry e;
        if (!entry_at(c, restart_at(c, middle), &e) || e.shared != 0) return STATUS_CORRUPT;
        struct item_key key = {e.space, e.unshared, e.ts};
        if (item_key_compare(&key, target) < 0)
            low = middle;
        else
            high = middle;
    }
    *restart_out = low;
    return STATUS_OK;
}

enum status block_cursor_seek(struct block_cursor *c, const struct item_key *target)
{
    uint32_t restart;
    enum status status = seek_restart(c, target, &restart);
    if (status == STATUS_OK) status = enter_restart(c, restart);
    while (status == STATUS_OK) {
        struct item_key key = item_key_of(&c->item);
        if (item_key_compare(&key, target) >= 0) return STATUS_OK;
        status = block_cursor_next(c);
    }
    return status;
}

bool block_cursor_peek(const struct block_cursor *c, size_t *at, struct bytes *value_out)
{
    struct entry e;
    if (!entry_at(c, *at, &e)) return false;
    *at = e.next;
    *value_out = e.value;
    return true;
}
