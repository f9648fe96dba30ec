/* The formats of wal/README.md: stamps, the stream inside a part, heads, frames, records. Pure
 * functions; what they read may be anything. */
#include <lz4.h>

#include "base/codec.h"
#include "base/hash.h"
#include "wal/wal_int.h"

#define STREAM_BYTES (WAL_SECTOR_BYTES - WAL_STAMP_BYTES) /* of the stream in one sector */

/* ---- stamps ---- */

uint64_t wal_stamp(uint32_t generation, uint32_t number)
{
    ASSERT(generation > 0);
    ASSERT(generation <= WAL_GENERATION_MAX);
    uint64_t stamp = (uint64_t)generation << 32 | number;
    return stamp | (uint64_t)(__builtin_popcountll(stamp) & 1) << 63;
}

bool wal_stamp_read(uint64_t stamp, uint32_t *generation_out, uint32_t *number_out)
{
    if ((__builtin_popcountll(stamp) & 1) != 0) return false;
    uint32_t generation = (uint32_t)(stamp >> 32) & WAL_GENERATION_MAX;
    if (generation == 0 && stamp != 0) return false;
    *generation_out = generation;
    *number_out = (uint32_t)stamp;
    return true;
}

/* ---- the stream ---- */

/* A place is never inside a stamp: a full sector ends where the next one begins. */
static void check_place(uint64_t place)
{
    uint64_t in_sector = place % WAL_SECTOR_BYTES;
    ASSERT(in_sector == 0 || in_sector > WAL_STAMP_BYTES);
}

uint64_t wal_place_after(uint64_t place, uint64_t size)
{
    check_place(place);
    uint64_t in_sector = place % WAL_SECTOR_BYTES;
    uint64_t stream = place / WAL_SECTOR_BYTES * STREAM_BYTES + size +
                      (in_sector == 0 ? 0 : in_sector - WAL_STAMP_BYTES);
    uint64_t rest = stream % STREAM_BYTES;
    return stream / STREAM_BYTES * WAL_SECTOR_BYTES + (rest == 0 ? 0 : rest + WAL_STAMP_BYTES);
}

/* Where the stream goes on at `place`, and how much of it the sector holds from there. */
static uint64_t stream_at(uint64_t place, size_t *room_out)
{
    if (place % WAL_SECTOR_BYTES == 0) place += WAL_STAMP_BYTES;
    *room_out = WAL_SECTOR_BYTES - (size_t)(place % WAL_SECTOR_BYTES);
    return place;
}

uint64_t wal_part_put(uint8_t *part, uint64_t place, const void *data, size_t size)
{
    check_place(place);
    const uint8_t *from = data;
    while (size > 0) {
        size_t room;
        place = stream_at(place, &room);
        size_t piece = size < room ? size : room;
        memcpy(part + place, from, piece);
        place += piece;
        from += piece;
        size -= piece;
    }
    return place;
}

uint64_t wal_part_get(const uint8_t *part, uint64_t place, void *data, size_t size)
{
    check_place(place);
    uint8_t *to = data;
    while (size > 0) {
        size_t room;
        place = stream_at(place, &room);
        size_t piece = size < room ? size : room;
        memcpy(to, part + place, piece);
        place += piece;
        to += piece;
        size -= piece;
    }
    return place;
}

void wal_part_stamp(uint8_t *part, size_t size, uint64_t stamp)
{
    ASSERT(size % WAL_SECTOR_BYTES == 0);
    for (size_t at = 0; at < size; at += WAL_SECTOR_BYTES) store_le64(part + at, stamp);
}

/* ---- segment heads ---- */

void wal_segment_head_encode(uint8_t sector[WAL_SECTOR_BYTES], uint32_t generation,
                             uint32_t segment_bytes, uint64_t store_id)
{
    struct wal_segment_head head = {.stamp = wal_stamp(generation, 0),
                                    .magic = WAL_SEGMENT_MAGIC,
                                    .version = WAL_VERSION,
                                    .segment_bytes = segment_bytes,
                                    .store_id = store_id};
    memset(sector, 0, WAL_SECTOR_BYTES);
    memcpy(sector, &head, sizeof head);
    head.hash = hash64(sector, WAL_SECTOR_BYTES, 0);
    memcpy(sector, &head, sizeof head);
}

enum status wal_segment_head_decode(const uint8_t sector[WAL_SECTOR_BYTES],
                                    struct wal_segment_head *head_out)
{
    uint8_t copy[WAL_SECTOR_BYTES];
    struct wal_segment_head head;
    memcpy(copy, sector, sizeof copy);
    memcpy(&head, copy, sizeof head);
    store_le64(copy + offsetof(struct wal_segment_head, hash), 0);
    if (head.magic != WAL_SEGMENT_MAGIC) return STATUS_CORRUPT;
    if (hash64(copy, sizeof copy, 0) != head.hash) return STATUS_CORRUPT;
    uint32_t generation, number;
    if (!wal_stamp_read(head.stamp, &generation, &number) || number != 0) return STATUS_CORRUPT;
    *head_out = head;
    return head.version == WAL_VERSION ? STATUS_OK : STATUS_VERSION;
}

/* ---- frames ---- */

#define HEAD_HASHED_BYTES offsetof(struct wal_frame_head, head_hash)
#define HASH_AT offsetof(struct wal_frame_head, hash)

uint64_t wal_frame_seal(struct bytes parts[2], uint8_t *head_place)
{
    ASSERT(parts[0].size % WAL_SECTOR_BYTES == 0);
    ASSERT(parts[1].size % WAL_SECTOR_BYTES == 0);
    store_le64(head_place + HEAD_HASHED_BYTES, hash64(head_place, HEAD_HASHED_BYTES, 0));
    store_le64(head_place + HASH_AT, 0);
    uint64_t hash;
    if (parts[1].size == 0) {
        hash = hash64(parts[0].data, parts[0].size, 0);
    } else {
        struct hash_state state;
        hash_begin(&state, 0);
        hash_more(&state, parts[0].data, parts[0].size);
        hash_more(&state, parts[1].data, parts[1].size);
        hash = hash_end(&state);
    }
    store_le64(head_place + HASH_AT, hash);
    return hash;
}

static bool part_fits(uint32_t used, uint32_t size)
{
    uint32_t in_sector = used % WAL_SECTOR_BYTES;
    return used >= WAL_PART_HEAD_BYTES && used <= size &&
           (in_sector == 0 || in_sector > WAL_STAMP_BYTES);
}

static bool head_sane(const struct wal_frame_head *h, uint64_t size_max)
{
    if (h->size_bytes == 0 || h->size_bytes % WAL_SECTOR_BYTES != 0) return false;
    if (h->size_bytes > size_max || h->group_offset > h->size_bytes) return false;
    if (h->group_offset % WAL_SECTOR_BYTES != 0) return false;
    if (h->group_offset > 0 && !part_fits(h->checkpoint_used, h->group_offset)) return false;
    uint32_t group_size = h->size_bytes - h->group_offset;
    if (group_size > 0 && !part_fits(h->group_used, group_size)) return false;
    if (group_size == 0 && h->group_count > 0) return false;
    if (h->group_offset == 0 && h->checkpoint_count > 0) return false;
    if (h->lsn > WAL_LSN_MAX || h->zero != 0) return false;
    return h->entry_count <= h->group_count && (h->flags & ~(uint32_t)WAL_FRAME_FLAGS) == 0;
}

bool wal_frame_head_decode(const uint8_t sector[WAL_SECTOR_BYTES], uint64_t size_max,
                           struct wal_frame_head *head_out)
{
    struct wal_frame_head head;
    memcpy(&head, sector, sizeof head);
    if (head.magic != WAL_FRAME_MAGIC) return false;
    if (hash64(sector, HEAD_HASHED_BYTES, 0) != head.head_hash) return false;
    if (!head_sane(&head, size_max)) return false;
    *head_out = head;
    return true;
}

bool wal_frame_whole(uint8_t *frame, const struct wal_frame_head *head)
{
    ASSERT(head->size_bytes % WAL_SECTOR_BYTES == 0);
    store_le64(frame + HASH_AT, 0);
    uint64_t hash = hash64(frame, head->size_bytes, 0);
    store_le64(frame + HASH_AT, head->hash);
    return hash == head->hash;
}

/* ---- records ---- */

#define RECORD_HASHED_AT offsetof(struct wal_record_head, range)

static uint64_t record_hash(const struct wal_record_head *head, struct bytes stored)
{
    uint64_t seed = stored.size == 0 ? 0 : hash64(stored.data, stored.size, 0);
    return hash64((const uint8_t *)head + RECORD_HASHED_AT, sizeof *head - RECORD_HASHED_AT, seed);
}

void wal_record_seal(struct wal_record_head *head, struct bytes stored)
{
    ASSERT(head->size == stored.size);
    ASSERT(head->zero == 0);
    head->hash = record_hash(head, stored);
}

bool wal_record_whole(const struct wal_record_head *head, struct bytes stored)
{
    return head->size == stored.size && record_hash(head, stored) == head->hash;
}

/* What each kind of record looks like; a hash that holds says nothing about who computed it. */
bool wal_record_sane(const struct wal_record_head *head, struct bytes stored)
{
    if (head->zero != 0 || (head->flags & ~WAL_RECORD_LZ4) != 0) return false;
    if (head->flags != 0 && head->kind != WAL_RECORD_ENTRY) return false;
    uint32_t size;
    switch (head->kind) {
    case WAL_RECORD_ENTRY:
        return head->range > 0 && head->index > 0 && wal_payload_size(head, stored, &size) &&
               size <= WAL_PAYLOAD_BYTES_MAX;
    case WAL_RECORD_HARD_STATE: return head->range > 0 && stored.size == 8;
    case WAL_RECORD_START: return head->range > 0 && stored.size == 0 && head->detail <= 1;
    case WAL_RECORD_DROPPED: return head->range > 0 && stored.size == 0;
    case WAL_RECORD_FACT: return head->range <= UINT32_MAX && stored.size <= WAL_FACT_BYTES_MAX;
    case WAL_RECORD_RANGE: return head->range > 0 && stored.size == 32;
    default: return false;
    }
}

bool wal_record_get(const uint8_t *part, uint64_t used, uint64_t *place,
                    struct wal_record_head *head_out, uint8_t *scratch, struct bytes *stored_out)
{
    struct wal_record_head head;
    if (wal_place_after(*place, sizeof head) > used) return false;
    uint64_t after = wal_part_get(part, *place, &head, sizeof head);
    if (wal_place_after(after, head.size) > used) return false;
    *place = wal_part_get(part, after, scratch, head.size);
    *stored_out = bytes_make(scratch, head.size);
    *head_out = head;
    return wal_record_whole(&head, *stored_out) && wal_record_sane(&head, *stored_out);
}

/* ---- payloads ---- */

bool wal_payload_size(const struct wal_record_head *head, struct bytes stored, uint32_t *size_out)
{
    if ((head->flags & WAL_RECORD_LZ4) == 0) {
        *size_out = head->size;
        return true;
    }
    if (stored.size < 4) return false;
    *size_out = load_le32(stored.data);
    return *size_out <= WAL_PAYLOAD_BYTES_MAX;
}

bool wal_payload_get(const struct wal_record_head *head, struct bytes stored, uint8_t *scratch,
                     struct bytes *payload_out)
{
    uint32_t size;
    if (!wal_payload_size(head, stored, &size)) return false;
    if ((head->flags & WAL_RECORD_LZ4) == 0) {
        *payload_out = stored;
        return true;
    }
    ASSERT(stored.size <= WAL_PAYLOAD_BYTES_MAX);
    int got = LZ4_decompress_safe((const char *)stored.data + 4, (char *)scratch,
                                  (int)(stored.size - 4), (int)size);
    if (got < 0 || (uint32_t)got != size) return false;
    *payload_out = bytes_make(scratch, size);
    return true;
}
