/* Reading and writing formats. Numbers are little-endian on disk and wire; order-preserving keys
 * use the big-endian helpers. A reader never runs past its end: the first short or malformed read
 * sets `failed`, every later read answers zero, and the caller checks once. */
#ifndef OSTRAKA_BASE_CODEC_H
#define OSTRAKA_BASE_CODEC_H

#include "base/buf.h"
#include "base/bytes.h"

/* One line each, to be compared at a glance. */
/* clang-format off */
static inline uint16_t load_le16(const uint8_t *p) { uint16_t v; memcpy(&v, p, 2); return v; }
static inline uint32_t load_le32(const uint8_t *p) { uint32_t v; memcpy(&v, p, 4); return v; }
static inline uint64_t load_le64(const uint8_t *p) { uint64_t v; memcpy(&v, p, 8); return v; }
static inline void store_le16(uint8_t *p, uint16_t v) { memcpy(p, &v, 2); }
static inline void store_le32(uint8_t *p, uint32_t v) { memcpy(p, &v, 4); }
static inline void store_le64(uint8_t *p, uint64_t v) { memcpy(p, &v, 8); }
#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Ostraka runs on little-endian hosts only (src/base/README.md)"
#endif
static inline uint16_t load_be16(const uint8_t *p) { return __builtin_bswap16(load_le16(p)); }
static inline uint32_t load_be32(const uint8_t *p) { return __builtin_bswap32(load_le32(p)); }
static inline uint64_t load_be64(const uint8_t *p) { return __builtin_bswap64(load_le64(p)); }
static inline void store_be16(uint8_t *p, uint16_t v) { store_le16(p, __builtin_bswap16(v)); }
static inline void store_be32(uint8_t *p, uint32_t v) { store_le32(p, __builtin_bswap32(v)); }
static inline void store_be64(uint8_t *p, uint64_t v) { store_le64(p, __builtin_bswap64(v)); }
/* clang-format on */

/* Writers append to a buf (which records failure). */
static inline void put_u8(struct buf *b, uint8_t v)
{
    buf_append_byte(b, v);
}
static inline void put_u16(struct buf *b, uint16_t v)
{
    buf_append(b, &v, sizeof v);
}
static inline void put_u32(struct buf *b, uint32_t v)
{
    buf_append(b, &v, sizeof v);
}
static inline void put_u64(struct buf *b, uint64_t v)
{
    buf_append(b, &v, sizeof v);
}
void put_be16(struct buf *b, uint16_t v);
void put_be32(struct buf *b, uint32_t v);
void put_be64(struct buf *b, uint64_t v);
#define VARINT_BYTES_MAX 10
/* LEB128, 1 to 10 bytes, always the shortest form; get_varint refuses any other. */
void put_long_varint(struct buf *b, uint64_t v); /* of any size */
static inline void put_varint(struct buf *b, uint64_t v)
{
    if (v < 0x80) put_u8(b, (uint8_t)v);
    else put_long_varint(b, v);
}
/* The same to where there is room for VARINT_BYTES_MAX; returns the end. */
static inline uint8_t *lay_varint(uint8_t *at, uint64_t v)
{
    for (; v >= 0x80; v >>= 7) *at++ = (uint8_t)(v | 0x80);
    *at++ = (uint8_t)v;
    return at;
}
/* A varint size, then the bytes. */
void put_sized(struct buf *b, struct bytes bytes);

struct reader {
    const uint8_t *at, *end;
    bool failed;
};
static inline struct reader reader_make(struct bytes bytes)
{
    return (struct reader){bytes.data, bytes.size == 0 ? bytes.data : bytes.data + bytes.size,
                           false};
}
static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->at);
}
/* The next `size` bytes, or NULL and failed. */
static inline const uint8_t *reader_take(struct reader *r, size_t size)
{
    if (r->failed || size > reader_left(r)) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *place = r->at;
    if (size > 0) r->at += size;
    return place;
}
static inline uint8_t get_u8(struct reader *r)
{
    const uint8_t *p = reader_take(r, 1);
    return p == NULL ? 0 : *p;
}
uint16_t get_u16(struct reader *r);
uint32_t get_u32(struct reader *r);
static inline uint64_t get_u64(struct reader *r)
{
    const uint8_t *p = reader_take(r, 8);
    return p == NULL ? 0 : load_le64(p);
}
uint16_t get_be16(struct reader *r);
uint32_t get_be32(struct reader *r);
uint64_t get_be64(struct reader *r);
uint64_t get_long_varint(struct reader *r); /* of any size */
static inline uint64_t get_varint(struct reader *r)
{
    if (!r->failed && r->at != r->end && *r->at < 0x80) return *r->at++;
    return get_long_varint(r);
}
/* `size` bytes as a view, or an empty view and failed. */
struct bytes get_bytes(struct reader *r, size_t size);
struct bytes get_sized(struct reader *r);
/* True when nothing failed and nothing is left over. */
bool reader_done(const struct reader *r);

#endif
