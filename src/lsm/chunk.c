#include "lsm/chunk_int.h"

#include "base/hash.h"

#define CHUNK_MAGIC     0x4b4e484350414e53u /* "SNAPCHNK" */
#define CHUNK_VERSION   2
#define CHUNK_FLAG_LAST 1u
#define CHUNK_FLAG_FILE 2u

struct chunk_head {
    uint64_t magic;
    uint32_t version, flags;
    uint64_t sequence, newest_ts;
    uint32_t section, level;
    uint32_t item_count, size_bytes; /* of the items */
    uint64_t hash;                   /* XXH3 of head and items with hash = 0 */
};
_Static_assert(sizeof(struct chunk_head) == CHUNK_HEAD_BYTES, "on-wire layout, src/lsm/README.md");

static uint64_t chunk_hash(struct bytes items, struct chunk_head head)
{
    head.hash = 0;
    return hash64(items.data, items.size, hash64(&head, sizeof head, 0));
}

void chunk_begin(struct chunk_writer *w, struct buf *out)
{
    *w = (struct chunk_writer){out, out->size, 0, false};
    buf_append_zero(out, CHUNK_HEAD_BYTES);
}

void chunk_add(struct chunk_writer *w, const struct lsm_item *item)
{
    put_u8(w->out, (uint8_t)(item->space | (item->tombstone ? 0x80u : 0)));
    put_varint(w->out, item->ts);
    put_sized(w->out, item->key);
    put_sized(w->out, item->value);
    w->item_count++;
}

void chunk_add_file(struct chunk_writer *w, const struct chunk_file *file)
{
    ASSERT(w->item_count == 0);
    w->file = true;
    put_u64(w->out, file->offset);
    put_u64(w->out, file->size);
    put_u64(w->out, file->uid_high);
    put_u64(w->out, file->uid_low);
    buf_append_bytes(w->out, file->bytes);
}

void chunk_end(struct chunk_writer *w, uint64_t sequence, struct chunk_section section, bool last,
               uint64_t newest_ts)
{
    if (w->out->failed) return;
    size_t items_at = w->begin + CHUNK_HEAD_BYTES;
    ASSERT(w->out->size >= items_at);
    struct bytes items = bytes_make(w->out->data + items_at, w->out->size - items_at);
    ASSERT(items.size <= UINT32_MAX);
    struct chunk_head head = {.magic = CHUNK_MAGIC,
                              .version = CHUNK_VERSION,
                              .flags =
                                  (last ? CHUNK_FLAG_LAST : 0) | (w->file ? CHUNK_FLAG_FILE : 0),
                              .sequence = sequence,
                              .newest_ts = newest_ts,
                              .section = section.number,
                              .level = section.level,
                              .item_count = w->item_count,
                              .size_bytes = (uint32_t)items.size};
    head.hash = chunk_hash(items, head);
    memcpy(w->out->data + w->begin, &head, sizeof head);
}

/* STATUS_CORRUPT: a piece that lies outside of its file, or has none. */
static enum status get_file(struct chunk *c)
{
    struct chunk_file *f = &c->file;
    f->offset = get_u64(&c->items);
    f->size = get_u64(&c->items);
    f->uid_high = get_u64(&c->items);
    f->uid_low = get_u64(&c->items);
    f->bytes = get_bytes(&c->items, reader_left(&c->items));
    if (c->items.failed || c->item_count != 0) return STATUS_CORRUPT;
    if (f->size > CHUNK_FILE_BYTES_MAX || f->bytes.size == 0) return STATUS_CORRUPT;
    if (f->offset > f->size || f->bytes.size > f->size - f->offset) return STATUS_CORRUPT;
    return STATUS_OK;
}

enum status chunk_open(struct bytes bytes, struct chunk *chunk_out)
{
    struct chunk_head head;
    if (bytes.size < sizeof head) return STATUS_CORRUPT;
    memcpy(&head, bytes.data, sizeof head);
    if (head.magic != CHUNK_MAGIC) return STATUS_CORRUPT;
    if (head.version != CHUNK_VERSION) return STATUS_VERSION;
    struct bytes items = bytes_make(bytes.data + sizeof head, bytes.size - sizeof head);
    if (head.size_bytes != items.size) return STATUS_CORRUPT;
    if (chunk_hash(items, head) != head.hash && !MUTANT("lsm_chunk_hash_unchecked"))
        return STATUS_CORRUPT;
    if ((head.flags & ~(CHUNK_FLAG_LAST | CHUNK_FLAG_FILE)) != 0) return STATUS_CORRUPT;
    struct chunk chunk = (struct chunk){.sequence = head.sequence,
                                        .newest_ts = head.newest_ts,
                                        .section = {head.section, head.level},
                                        .last = (head.flags & CHUNK_FLAG_LAST) != 0,
                                        .is_file = (head.flags & CHUNK_FLAG_FILE) != 0,
                                        .item_count = head.item_count,
                                        .items = reader_make(items)};
    enum status status = chunk.is_file ? get_file(&chunk) : STATUS_OK;
    if (status == STATUS_OK) *chunk_out = chunk;
    return status;
}

enum status chunk_next(struct chunk *c, struct lsm_item *item_out)
{
    if (c->item_count == 0) return reader_done(&c->items) ? STATUS_NOT_FOUND : STATUS_CORRUPT;
    c->item_count--;
    struct lsm_item item = {0};
    uint8_t kind = get_u8(&c->items);
    item.tombstone = (kind & 0x80u) != 0;
    item.ts = get_varint(&c->items);
    item.key = get_sized(&c->items);
    item.value = get_sized(&c->items);
    if (c->items.failed || !lsm_space_valid(kind & 0x7fu)) return STATUS_CORRUPT;
    item.space = (enum lsm_space)(kind & 0x7fu);
    if (item.key.size > LSM_KEY_BYTES_MAX || item.value.size > LSM_VALUE_BYTES_MAX)
        return STATUS_CORRUPT;
    if (!lsm_space_times(item.space) && item.ts != 0) return STATUS_CORRUPT;
    *item_out = item;
    return STATUS_OK;
}
