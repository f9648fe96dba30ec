#include "base/codec.h"

#include "base/assert.h"

void put_be16(struct buf *b, uint16_t v)
{
    put_u16(b, __builtin_bswap16(v));
}

void put_be32(struct buf *b, uint32_t v)
{
    put_u32(b, __builtin_bswap32(v));
}

void put_be64(struct buf *b, uint64_t v)
{
    put_u64(b, __builtin_bswap64(v));
}

void put_long_varint(struct buf *b, uint64_t v)
{
    uint8_t encoded[VARINT_BYTES_MAX];
    size_t size = (size_t)(lay_varint(encoded, v) - encoded);
    ASSERT(size <= VARINT_BYTES_MAX);
    buf_append(b, encoded, size);
}

static __attribute__((noinline)) void put_sized_slowly(struct buf *b, struct bytes bytes)
{
    put_varint(b, bytes.size);
    buf_append_bytes(b, bytes);
}

void put_sized(struct buf *b, struct bytes bytes)
{
    size_t room = (b->capacity < b->size_max ? b->capacity : b->size_max) - b->size;
    if (bytes.size - 1 >= 0x7f || bytes.size >= room || b->failed) { /* empty or long, or it may not fit */
        put_sized_slowly(b, bytes);
        return;
    }
    uint8_t *at = b->data + b->size;
    b->size += 1 + bytes.size;
    *at = (uint8_t)bytes.size;
    memcpy(at + 1, bytes.data, bytes.size);
}

uint16_t get_u16(struct reader *r)
{
    const uint8_t *p = reader_take(r, 2);
    return p == NULL ? 0 : load_le16(p);
}

uint32_t get_u32(struct reader *r)
{
    const uint8_t *p = reader_take(r, 4);
    return p == NULL ? 0 : load_le32(p);
}

uint16_t get_be16(struct reader *r)
{
    return __builtin_bswap16(get_u16(r));
}

uint32_t get_be32(struct reader *r)
{
    return __builtin_bswap32(get_u32(r));
}

uint64_t get_be64(struct reader *r)
{
    return __builtin_bswap64(get_u64(r));
}

uint64_t get_long_varint(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 7 * VARINT_BYTES_MAX; shift += 7) {
        uint8_t byte = get_u8(r);
        if (r->failed) return 0;
        if (shift == 63 && byte > 1) break; /* does not fit 64 bits */
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte >= 0x80) continue;
        if (byte == 0 && shift > 0) break; /* a shorter encoding exists: two would mean one value */
        return v;
    }
    r->failed = true;
    return 0;
}

struct bytes get_bytes(struct reader *r, size_t size)
{
    const uint8_t *p = reader_take(r, size);
    return r->failed ? BYTES_EMPTY : bytes_make(p, size);
}

struct bytes get_sized(struct reader *r)
{
    uint64_t size = get_varint(r);
    return get_bytes(r, size);
}

bool reader_done(const struct reader *r)
{
    return !r->failed && r->at == r->end;
}
