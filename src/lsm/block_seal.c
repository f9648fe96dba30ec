#include <lz4.h>

#include "base/hash.h"
#include "lsm/block_int.h"

enum { CODEC_RAW = 1, CODEC_LZ4 = 2 };

struct block_head {
    uint8_t kind, codec;
    uint16_t zero;
    uint32_t raw_size;
};
_Static_assert(sizeof(struct block_head) == BLOCK_HEAD_BYTES, "on-disk layout, src/lsm/README.md");

/* The place is part of what is hashed: a block read from the wrong place, or left there by another
 * table, does not match. */
static uint64_t block_hash(struct bytes head_and_payload, struct table_uid uid, uint64_t offset)
{
    uint64_t place[3] = {uid.high, uid.low, offset};
    if (MUTANT("lsm_block_hash_without_place")) memset(place, 0, sizeof place);
    return hash64(head_and_payload.data, head_and_payload.size, hash64(place, sizeof place, 0));
}

/* How far LZ4 skips when it finds nothing: tables are written several times, and keys, hashes and ciphertexts in
 * their rows give nothing for the search. A fifth of the instructions of flushes and compactions less than with 1, at
 * the same size (lsm_rewrite_bench). */
#define COMPRESS_ACCELERATION 8

/* Compresses into place; false when that gains less than an eighth. */
static bool compress_into(struct buf *out, struct bytes raw)
{
    size_t bound = (size_t)LZ4_compressBound((int)raw.size);
    uint8_t *to = buf_reserve(out, bound);
    if (to == NULL) return false;
    int size = LZ4_compress_fast((const char *)raw.data, (char *)to, (int)raw.size, (int)bound,
                                 COMPRESS_ACCELERATION);
    if (size <= 0 || (size_t)size > raw.size - raw.size / 8) return false;
    out->size += (size_t)size;
    return true;
}

void block_seal(struct buf *out, enum block_kind kind, struct bytes raw, bool compress,
                struct table_uid uid, uint64_t offset)
{
    ASSERT(raw.size > 0);
    ASSERT(raw.size <= BLOCK_RAW_BYTES_MAX);
    size_t begin = out->size;
    struct block_head head = {(uint8_t)kind, CODEC_RAW, 0, (uint32_t)raw.size};
    buf_append(out, &head, sizeof head);
    if (compress && !out->failed && compress_into(out, raw))
        head.codec = CODEC_LZ4;
    else
        buf_append_bytes(out, raw);
    if (out->failed) return;
    memcpy(out->data + begin, &head, sizeof head);
    struct bytes written = bytes_make(out->data + begin, out->size - begin);
    put_u64(out, block_hash(written, uid, offset));
}

static struct bytes payload_of(struct bytes sealed)
{
    return bytes_make(sealed.data + BLOCK_HEAD_BYTES,
                      sealed.size - BLOCK_HEAD_BYTES - BLOCK_TRAILER_BYTES);
}

enum status block_check(struct bytes sealed, enum block_kind kind, struct table_uid uid,
                        uint64_t offset, uint32_t *raw_size_out)
{
    if (sealed.size <= BLOCK_HEAD_BYTES + BLOCK_TRAILER_BYTES) return STATUS_CORRUPT;
    struct bytes written = bytes_make(sealed.data, sealed.size - BLOCK_TRAILER_BYTES);
    uint64_t hash = load_le64(sealed.data + written.size);
    if (hash != block_hash(written, uid, offset) && !MUTANT("lsm_block_hash_unchecked"))
        return STATUS_CORRUPT;
    struct block_head head;
    memcpy(&head, sealed.data, sizeof head);
    if (head.kind != kind || head.zero != 0) return STATUS_CORRUPT;
    if (head.codec != CODEC_RAW && head.codec != CODEC_LZ4) return STATUS_CORRUPT;
    if (head.raw_size == 0 || head.raw_size > BLOCK_RAW_BYTES_MAX) return STATUS_CORRUPT;
    if (head.codec == CODEC_RAW && head.raw_size != payload_of(sealed).size) return STATUS_CORRUPT;
    *raw_size_out = head.raw_size;
    return STATUS_OK;
}

enum status block_unpack(struct bytes sealed, uint8_t *raw_out, uint32_t raw_size)
{
    ASSERT(sealed.size > BLOCK_HEAD_BYTES + BLOCK_TRAILER_BYTES);
    struct bytes payload = payload_of(sealed);
    if (sealed.data[1] == CODEC_RAW) {
        ASSERT(payload.size == raw_size);
        memcpy(raw_out, payload.data, payload.size);
        return STATUS_OK;
    }
    int size = LZ4_decompress_safe((const char *)payload.data, (char *)raw_out, (int)payload.size,
                                   (int)raw_size);
    return size == (int)raw_size ? STATUS_OK : STATUS_CORRUPT;
}
