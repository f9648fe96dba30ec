#include "lsm/manifest_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"

#define MANIFEST_MAGIC      0x4654534546494e4du /* "MNIFESTF" */
#define STAMP_BYTES         8
#define CHUNK_PAYLOAD_BYTES (MANIFEST_CHUNK_BYTES - STAMP_BYTES)

/* Every 512 bytes of a frame end in a stamp. The file was all zeros before, so a write that never
 * completed shows as chunks whose stamp is zero, or (where the disk tears sectors) begins right and
 * goes on in zeros. Anything else that is not the stamp is damage. The last byte of a stamp has two
 * bits set: flipping one bit does not make a whole stamp look unfinished. */
static uint64_t stamp_of(uint64_t uid, uint64_t frame, uint64_t chunk)
{
    uint64_t place[3] = {uid, frame, chunk};
    return hash64(place, sizeof place, 0) | UINT64_C(0x81) << 56;
}

enum chunk_state { CHUNK_WHOLE, CHUNK_UNFINISHED, CHUNK_DAMAGED };

static enum chunk_state chunk_state(const uint8_t *chunk, uint64_t stamp)
{
    uint8_t expected[STAMP_BYTES];
    const uint8_t *found = chunk + CHUNK_PAYLOAD_BYTES;
    store_le64(expected, stamp);
    size_t same = 0;
    while (same < STAMP_BYTES && found[same] == expected[same])
        same++;
    if (same == STAMP_BYTES) return CHUNK_WHOLE;
    for (size_t i = same; i < STAMP_BYTES; i++)
        if (found[i] != 0) return CHUNK_DAMAGED;
    return CHUNK_UNFINISHED;
}

size_t manifest_frame_size(size_t record_bytes)
{
    size_t chunks = (sizeof(struct manifest_head) + record_bytes + CHUNK_PAYLOAD_BYTES - 1) /
                    CHUNK_PAYLOAD_BYTES;
    size_t size = chunks * MANIFEST_CHUNK_BYTES;
    return (size + MANIFEST_FRAME_ALIGN - 1) / MANIFEST_FRAME_ALIGN * MANIFEST_FRAME_ALIGN;
}

static uint32_t head_hash(const struct manifest_head *head)
{
    return (uint32_t)hash64(head, offsetof(struct manifest_head, head_hash), 0);
}

static uint64_t frame_hash(const struct manifest_head *head, struct bytes records)
{
    uint64_t seed = hash64(head, offsetof(struct manifest_head, hash), 0);
    return hash64(records.data, records.size, seed);
}

void manifest_frame_put(struct buf *out, uint64_t store_id, uint64_t uid, uint64_t frame,
                        uint32_t record_count, struct bytes records)
{
    ASSERT(records.size <= MANIFEST_BYTES_MAX);
    struct manifest_head head = {.magic = MANIFEST_MAGIC,
                                 .version = MANIFEST_VERSION,
                                 .record_count = record_count,
                                 .store_id = store_id,
                                 .uid = uid,
                                 .frame = frame,
                                 .size_bytes = (uint32_t)records.size};
    head.head_hash = head_hash(&head);
    head.hash = frame_hash(&head, records);
    size_t size = manifest_frame_size(records.size), begin = out->size;
    buf_append_zero(out, size);
    if (out->failed) return;
    uint8_t *to = out->data + begin;
    memcpy(to, &head, sizeof head);
    size_t room = CHUNK_PAYLOAD_BYTES - sizeof head, done = 0;
    for (size_t i = 0; i < size / MANIFEST_CHUNK_BYTES; i++) {
        size_t part = records.size - done < room ? records.size - done : room;
        uint8_t *chunk = to + i * MANIFEST_CHUNK_BYTES;
        if (part > 0) memcpy(chunk + CHUNK_PAYLOAD_BYTES - room, records.data + done, part);
        store_le64(chunk + CHUNK_PAYLOAD_BYTES, stamp_of(uid, frame, i));
        done += part;
        room = CHUNK_PAYLOAD_BYTES;
    }
    ASSERT(done == records.size);
}

/* ---- reading ---- */

static enum status damaged(struct manifest_scan *scan, const char *what, size_t at)
{
    snprintf(scan->detail, sizeof scan->detail, "%s at byte %zu, frame %llu", what, at,
             (unsigned long long)scan->frame_count + 1);
    return STATUS_CORRUPT;
}

/* Is everything from scan->end on what an unfinished write of the next frame can leave: whole or
 * unfinished chunks of it and nothing else? A chunk of a later frame proves that this one was whole
 * once. */
static bool tail_is_torn(struct bytes file, const struct manifest_scan *scan)
{
    for (size_t at = scan->end; at + MANIFEST_CHUNK_BYTES <= file.size;
         at += MANIFEST_CHUNK_BYTES) {
        uint64_t chunk = (at - scan->end) / MANIFEST_CHUNK_BYTES;
        uint64_t stamp = stamp_of(scan->uid, scan->frame_count + 1, chunk);
        if (chunk_state(file.data + at, stamp) == CHUNK_DAMAGED) return false;
    }
    return true;
}

static bool all_zero(struct bytes bytes)
{
    for (size_t i = 0; i < bytes.size; i++)
        if (bytes.data[i] != 0) return false;
    return true;
}

static enum status take_tail(struct bytes file, struct manifest_scan *scan)
{
    if (!tail_is_torn(file, scan) && !MUTANT("k25_manifest_damage_as_torn"))
        return damaged(scan, "bytes that no unfinished write leaves", scan->end);
    scan->torn = !all_zero(bytes_make(file.data + scan->end, file.size - scan->end));
    if (scan->torn) COVER("lsm_manifest_torn");
    return STATUS_NOT_FOUND;
}

/* Copies the payload of a whole frame out of its chunks, without the head. */
static void gather(struct bytes file, size_t at, const struct manifest_head *head,
                   struct buf *records)
{
    size_t left = head->size_bytes, skip = sizeof *head;
    buf_reset(records);
    for (; left > 0; at += MANIFEST_CHUNK_BYTES) {
        size_t part = CHUNK_PAYLOAD_BYTES - skip < left ? CHUNK_PAYLOAD_BYTES - skip : left;
        buf_append(records, file.data + at + skip, part);
        left -= part;
        skip = 0;
    }
}

static enum status check_head(struct manifest_scan *scan, const struct manifest_head *head)
{
    if (head->magic != MANIFEST_MAGIC) return damaged(scan, "no frame head", scan->end);
    if (head->version != MANIFEST_VERSION) return STATUS_VERSION;
    if (head->head_hash != head_hash(head)) return damaged(scan, "bad frame head", scan->end);
    if (scan->frame_count == 0) {
        scan->uid = head->uid;
        scan->store_id = head->store_id;
    }
    bool right = head->uid == scan->uid && head->store_id == scan->store_id &&
                 head->frame == scan->frame_count + 1;
    return right ? STATUS_OK : damaged(scan, "frame of another manifest", scan->end);
}

/* STATUS_OK: a frame; STATUS_NOT_FOUND: the end of the log. */
static enum status take_frame(struct bytes file, struct manifest_scan *scan,
                              struct manifest_head *head, struct buf *records)
{
    if (file.size - scan->end < MANIFEST_FRAME_ALIGN) {
        if (scan->frame_count == 0) return damaged(scan, "too short", 0);
        return STATUS_NOT_FOUND;
    }
    const uint8_t *at = file.data + scan->end;
    bool first = scan->frame_count == 0; /* was synced before the file got its name */
    if (!first && chunk_state(at, stamp_of(scan->uid, scan->frame_count + 1, 0)) != CHUNK_WHOLE)
        return take_tail(file, scan);
    memcpy(head, at, sizeof *head);
    enum status status = check_head(scan, head);
    if (status != STATUS_OK) return status;
    size_t size = manifest_frame_size(head->size_bytes);
    if (size > file.size - scan->end) return damaged(scan, "frame runs over the end", scan->end);
    for (size_t i = 0; i < size / MANIFEST_CHUNK_BYTES; i++) {
        uint64_t stamp = stamp_of(scan->uid, head->frame, i);
        if (chunk_state(at + i * MANIFEST_CHUNK_BYTES, stamp) == CHUNK_WHOLE) continue;
        return first ? damaged(scan, "first frame", scan->end) : take_tail(file, scan);
    }
    gather(file, scan->end, head, records);
    if (records->failed) return STATUS_NO_MEMORY;
    if (frame_hash(head, buf_view(records)) != head->hash)
        return damaged(scan, "bad checksum", scan->end);
    scan->frame_count++;
    scan->end += size;
    return STATUS_OK;
}

enum status manifest_scan(struct bytes file, struct manifest_scan *scan,
                          enum status (*visit)(void *ctx, uint64_t frame, uint32_t record_count,
                                               struct bytes records),
                          void *ctx)
{
    *scan = (struct manifest_scan){0};
    struct buf records;
    buf_init(&records, MANIFEST_BYTES_MAX);
    enum status status;
    for (;;) {
        struct manifest_head head;
        status = take_frame(file, scan, &head, &records);
        if (status != STATUS_OK) break;
        status = visit(ctx, head.frame, head.record_count, buf_view(&records));
        if (status != STATUS_OK) break;
    }
    buf_deinit(&records);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
