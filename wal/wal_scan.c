/* Reading segment files frame by frame, and telling what a place without a good frame means.
 * Nothing here trusts a byte of the file. */
#include <stdlib.h>

#include "base/codec.h"
#include "wal/wal_int.h"

#define WINDOW_BYTES ((uint64_t)1 << 20)
#define UNREADABLE 0xff /* fills sectors that the disk does not give back: never a valid stamp */

void wal_scan_begin(struct wal_scan *s, struct fio *f, env_file file, uint32_t generation,
                    uint64_t size)
{
    s->fio = f;
    s->file = file;
    s->generation = generation;
    s->size = size / WAL_SECTOR_BYTES * WAL_SECTOR_BYTES;
    s->held = 0;
}

void wal_scan_deinit(struct wal_scan *s)
{
    free(s->window);
    *s = (struct wal_scan){0};
}

static enum status window_reserve(struct wal_scan *s, size_t size)
{
    if (size <= s->capacity) return STATUS_OK;
    free(s->window);
    s->capacity = s->held = 0;
    s->window = aligned_alloc(WAL_SECTOR_BYTES, size);
    if (s->window == NULL) return STATUS_NO_MEMORY;
    s->capacity = size;
    return STATUS_OK;
}

/* A disk may refuse single sectors: find out which. */
static enum status read_sectors(struct wal_scan *s, uint64_t offset, size_t size)
{
    COVER("wal_scan_read_error");
    for (size_t at = 0; at < size; at += WAL_SECTOR_BYTES) {
        size_t got = 0;
        enum status status = fio_read_some(s->fio, s->file, s->window + at, WAL_SECTOR_BYTES,
                                           offset + at, &got);
        if (status == STATUS_CANCELLED) return status;
        if (status == STATUS_OK && got == WAL_SECTOR_BYTES) continue;
        memset(s->window + at, UNREADABLE, WAL_SECTOR_BYTES);
        s->unreadable_count++;
    }
    return STATUS_OK;
}

static enum status window_fill(struct wal_scan *s, uint64_t offset, size_t size)
{
    s->held = 0;
    enum status status = window_reserve(s, size);
    if (status != STATUS_OK) return status;
    size_t got = 0;
    status = fio_read_some(s->fio, s->file, s->window, size, offset, &got);
    if (status != STATUS_OK && status != STATUS_CANCELLED) status = read_sectors(s, offset, size);
    else if (status == STATUS_OK && got < size)
        memset(s->window + got, UNREADABLE, size - got);
    if (status != STATUS_OK) return status;
    s->at = offset;
    s->held = size;
    return STATUS_OK;
}

enum status wal_scan_view(struct wal_scan *s, uint64_t offset, uint64_t size, uint8_t **view_out)
{
    ASSERT(offset % WAL_SECTOR_BYTES == 0 && size % WAL_SECTOR_BYTES == 0);
    ASSERT(size <= s->size && offset <= s->size - size);
    if (offset < s->at || offset + size > s->at + s->held) {
        uint64_t wanted = size > WINDOW_BYTES ? size : WINDOW_BYTES;
        if (wanted > s->size - offset) wanted = s->size - offset;
        enum status status = window_fill(s, offset, (size_t)wanted);
        if (status != STATUS_OK) return status;
    }
    *view_out = s->window + (offset - s->at);
    return STATUS_OK;
}

enum status wal_scan_frame(struct wal_scan *s, uint64_t offset, struct wal_frame_head *head_out,
                           uint8_t **frame_out)
{
    uint8_t *view;
    struct wal_frame_head head;
    uint32_t generation, number;
    *frame_out = NULL;
    if (offset + WAL_SECTOR_BYTES > s->size) return STATUS_OK;
    enum status status = wal_scan_view(s, offset, WAL_SECTOR_BYTES, &view);
    if (status != STATUS_OK) return status;
    if (!wal_frame_head_decode(view, s->size - offset, &head)) return STATUS_OK;
    if (!wal_stamp_read(head.stamp, &generation, &number) || number == 0) return STATUS_OK;
    if (generation != s->generation && !MUTANT("k24_old_life_joins")) return STATUS_OK;
    status = wal_scan_view(s, offset, head.size_bytes, &view);
    if (status != STATUS_OK) return status;
    if (!wal_frame_whole(view, &head)) return STATUS_OK;
    *head_out = head;
    *frame_out = view;
    return STATUS_OK;
}

/* ---- places without a good frame ---- */

enum sector_kind {
    SECTOR_OLD,     /* zero, or a frame of an earlier life of the file: not written in this one */
    SECTOR_OWN,     /* the frame asked about */
    SECTOR_LATER,   /* a later frame of this life */
    SECTOR_STRANGE, /* a stamp nobody wrote here: the sector is damaged */
};

static enum sector_kind sector_kind(const struct wal_scan *s, uint64_t stamp, uint32_t expected,
                                    uint32_t *number_out)
{
    uint32_t generation;
    if (!wal_stamp_read(stamp, &generation, number_out)) return SECTOR_STRANGE;
    if (generation < s->generation) return SECTOR_OLD;
    if (generation > s->generation || *number_out < expected) return SECTOR_STRANGE;
    return *number_out == expected ? SECTOR_OWN : SECTOR_LATER;
}

struct tail_evidence {
    enum sector_kind first;    /* of the sector where the frame begins */
    uint64_t frame_end;        /* as its head says; 0: the head is bad */
    bool written;              /* a sector of it or of a later frame was, anywhere from there on */
    bool proven;               /* it was complete once: a later frame says so */
    bool old_inside;           /* sectors of the frame that were never written */
};

/* Does this sector of a later frame prove that the frame asked about was durable? When a frame is
 * begun all before it are but the last WAL_FLIGHTS_MAX - 1, and the first of a segment always is
 * (WAL-1). Which of those last ones were, its head says. */
static bool proves(const struct wal_tail_place *p, uint32_t number,
                   const struct wal_frame_head *head)
{
    if (p->number == 1 || number - p->number >= WAL_FLIGHTS_MAX) return true;
    if (MUTANT("k25_next_frame_proves")) return true;
    if (MUTANT("k25_next_head_ignored")) return false;
    return head != NULL && head->durable_upto > p->lsn;
}

static void look_at(const struct wal_scan *s, const struct wal_tail_place *p, uint64_t at,
                    const uint8_t *sector, struct tail_evidence *e)
{
    struct wal_frame_head decoded;
    uint32_t number = 0;
    enum sector_kind kind = sector_kind(s, load_le64(sector), p->number, &number);
    bool written = kind == SECTOR_OWN || kind == SECTOR_LATER;
    const struct wal_frame_head *head =
        written && wal_frame_head_decode(sector, s->size - at, &decoded) ? &decoded : NULL;
    if (at == p->offset) {
        e->first = kind;
        if (kind == SECTOR_OWN && head != NULL) e->frame_end = at + head->size_bytes;
    }
    e->written = e->written || written;
    e->proven = e->proven || (kind == SECTOR_LATER && proves(p, number, head));
    e->old_inside = e->old_inside || (kind == SECTOR_OLD && at < e->frame_end);
}

static enum status gather(struct wal_scan *s, const struct wal_tail_place *p,
                          struct tail_evidence *e)
{
    for (uint64_t at = p->offset; at < s->size; at += WAL_SECTOR_BYTES) {
        uint8_t *view;
        enum status status = wal_scan_view(s, at, WAL_SECTOR_BYTES, &view);
        if (status != STATUS_OK) return status;
        look_at(s, p, at, view, e);
    }
    return STATUS_OK;
}

/* What a later frame proves complete is damaged. A sector that still has an older stamp proves that
 * it never was: torn. Without either proof nobody knows. */
static enum wal_tail judge(const struct tail_evidence *e)
{
    if (e->proven && !MUTANT("k25_later_frames_ignored")) return WAL_TAIL_DAMAGED;
    switch (e->first) {
    case SECTOR_OLD: return e->written ? WAL_TAIL_TORN : WAL_TAIL_CLEAN;
    case SECTOR_OWN: return e->old_inside ? WAL_TAIL_TORN : WAL_TAIL_UNCERTAIN;
    case SECTOR_LATER:
    case SECTOR_STRANGE: return WAL_TAIL_UNCERTAIN;
    }
    UNREACHABLE();
}

enum status wal_scan_tail(struct wal_scan *s, const struct wal_tail_place *place,
                          enum wal_tail *tail_out)
{
    struct tail_evidence e = {.first = SECTOR_OLD};
    enum status status = gather(s, place, &e);
    if (status != STATUS_OK) return status;
    *tail_out = judge(&e);
    return STATUS_OK;
}

/* ---- records ---- */

/* base: the lsn of the part's first byte. */
static enum status visit_part(const uint8_t *part, uint64_t used, uint32_t count, uint64_t base,
                              wal_record_visit visit, void *ctx, struct buf *scratch)
{
    uint64_t place = WAL_PART_HEAD_BYTES;
    buf_reset(scratch);
    uint8_t *data = buf_reserve(scratch, used);
    if (data == NULL) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) {
        struct wal_record record = {.lsn = base + place};
        if (!wal_record_get(part, used, &place, &record.head, data, &record.stored))
            return STATUS_CORRUPT;
        enum status status = visit(ctx, &record);
        if (status != STATUS_OK) return status;
    }
    return place == used ? STATUS_OK : STATUS_CORRUPT;
}

enum status wal_checkpoint_visit(const uint8_t *frame, const struct wal_frame_head *head,
                                 wal_record_visit visit, void *ctx, struct buf *scratch)
{
    if (head->group_offset == 0) return STATUS_OK;
    return visit_part(frame, head->checkpoint_used, head->checkpoint_count, 0, visit, ctx, scratch);
}

enum status wal_group_visit(const uint8_t *frame, const struct wal_frame_head *head,
                            wal_record_visit visit, void *ctx, struct buf *scratch)
{
    if (head->group_offset == head->size_bytes) return STATUS_OK;
    return visit_part(frame + head->group_offset, head->group_used, head->group_count, head->lsn,
                      visit, ctx, scratch);
}
