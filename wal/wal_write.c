/* The way of a group to the disk: sealed into a frame, written, synced, reported. Two may be under
 * way at a time, and are reported in order. The first frame of a segment repeats the state that
 * older ones hold. */
#include <errno.h>
#include <stdlib.h>

#include "base/codec.h"
#include "wal/wal_int.h"

/* ---- checkpoints ---- */

static uint64_t checkpoint_size(const struct wal *w, uint64_t more)
{
    return wal_sectors_up(wal_place_after(WAL_PART_HEAD_BYTES, w->index.checkpoint_bytes + more));
}

/* Is the checkpoint buffer being written? */
static bool checkpoint_flies(const struct wal *w)
{
    for (unsigned i = 0; i < w->flight_count; i++)
        if (w->groups[wal_ring_place(w, i)].flight.checkpoint == w->checkpoint) return true;
    return false;
}

enum status wal_checkpoint_reserve(struct wal *w, uint64_t more)
{
    uint64_t needed = checkpoint_size(w, more);
    if (needed > w->checkpoint_bytes_max) {
        COVER("wal_checkpoint_full");
        return STATUS_TOO_LARGE;
    }
    if (needed <= w->checkpoint_capacity) return STATUS_OK;
    uint64_t capacity = w->checkpoint_capacity * 2 > needed ? w->checkpoint_capacity * 2 : needed;
    if (capacity > w->checkpoint_bytes_max) capacity = w->checkpoint_bytes_max;
    uint8_t *data = aligned_alloc(WAL_SECTOR_BYTES, (size_t)capacity);
    if (data == NULL) return STATUS_NO_MEMORY;
    if (!checkpoint_flies(w)) free(w->checkpoint); /* else with its flight */
    w->checkpoint = data;
    w->checkpoint_capacity = (size_t)capacity;
    return STATUS_OK;
}

static uint64_t put_record(uint8_t *part, uint64_t place, struct wal_record_head *head,
                           struct bytes stored)
{
    head->size = (uint32_t)stored.size;
    wal_record_seal(head, stored);
    place = wal_part_put(part, place, head, sizeof *head);
    return stored.size == 0 ? place : wal_part_put(part, place, stored.data, stored.size);
}

static uint64_t put_range(uint8_t *part, uint64_t place, const struct wal_range *r)
{
    struct wal_record_head head = {.range = r->id.value, .term = r->start.term,
                                   .index = r->start.index, .kind = WAL_RECORD_RANGE};
    uint64_t state[4] = {r->term, r->vote, r->commit, wal_range_last(r)};
    if (MUTANT("k10_checkpoint_without_vote")) state[0] = state[1] = 0;
    return put_record(part, place, &head, bytes_make(state, sizeof state));
}

static uint64_t put_fact(uint8_t *part, uint64_t place, const struct wal_fact *fact)
{
    struct wal_record_head head = {.range = fact->key, .kind = WAL_RECORD_FACT};
    return put_record(part, place, &head, bytes_make(fact->value, fact->size));
}

/* Fills the checkpoint buffer and the fields of the frame's head that describe it. */
static void checkpoint_build(struct wal *w, struct wal_frame_head *head)
{
    ASSERT(checkpoint_size(w, 0) <= w->checkpoint_capacity);
    uint64_t place = WAL_PART_HEAD_BYTES;
    for (size_t i = 0; i < w->index.fact_count; i++) {
        if (MUTANT("k26_checkpoint_without_facts")) break;
        place = put_fact(w->checkpoint, place, &w->index.facts[i]);
        head->checkpoint_count++;
    }
    size_t cursor = 0;
    for (struct map_slot *slot; (slot = map_next(&w->index.ranges, &cursor)) != NULL;) {
        place = put_range(w->checkpoint, place, slot->value);
        head->checkpoint_count++;
    }
    head->checkpoint_used = (uint32_t)place;
    head->group_offset = wal_sectors_up(place);
    ASSERT(head->group_offset <= w->checkpoint_capacity);
    memset(w->checkpoint + place, 0, head->group_offset - place);
}

/* ---- frames ---- */

/* Finishes the frame whose group part is `group` (empty: none) for segment s. parts[0] is what
 * comes first in the file. Everything about the log that the frame states is settled here. */
static void frame_build(struct wal *w, struct wal_segment *s, struct wal_frame_head *head,
                        uint8_t *group, uint32_t group_size, struct bytes parts[2])
{
    bool opening = s->frame_number == 0;
    uint64_t stamp = wal_stamp(s->generation, s->frame_number + 1);
    head->stamp = stamp;
    head->magic = WAL_FRAME_MAGIC;
    head->flags = MUTANT("k25_verdict_forgotten") ? 0 : w->flags;
    head->durable_upto = w->durable;
    head->prev_hash = w->last_hash;
    if (opening) {
        s->start_lsn = head->lsn;
        checkpoint_build(w, head);
    }
    head->oldest_generation = wal_oldest_generation(w);
    head->size_bytes = head->group_offset + group_size;
    ASSERT(head->size_bytes <= s->size_bytes - s->write_offset);

    parts[0] = opening ? bytes_make(w->checkpoint, head->group_offset)
                       : bytes_make(group, group_size);
    parts[1] = opening ? bytes_make(group, group_size) : BYTES_EMPTY;
    uint8_t *first = opening ? w->checkpoint : group;
    if (opening && group_size > 0) memset(group, 0, WAL_PART_HEAD_BYTES);
    wal_part_stamp(first, parts[0].size, stamp);
    if (parts[1].size > 0) wal_part_stamp(group, group_size, stamp);
    memcpy(first, head, sizeof *head);
    w->last_hash = wal_frame_seal(parts, first);

    if (opening) s->data_offset = s->write_offset + head->group_offset;
    s->frame_number++;
    s->write_offset += head->size_bytes;
}

/* Makes the prepared segment the one that is written to. */
static struct wal_segment *rotate(struct wal *w)
{
    struct wal_segment *next = w->next;
    ASSERT(next != NULL); /* WAL-6 */
    ASSERT(next->write_offset == WAL_SECTOR_BYTES);
    wal_segments_push(w, next);
    w->next = NULL;
    return next;
}

void wal_group_reset(struct wal_group *g, uint64_t lsn)
{
    g->lsn = lsn;
    g->used = WAL_PART_HEAD_BYTES;
    g->record_count = g->entry_count = 0;
    g->forced = false;
    ASSERT(g->flight.pending == 0);
}

static void on_written(struct env_op *op, int64_t result);

static void flight_begin(struct wal_group *g, struct wal_segment *s,
                         const struct wal_frame_head *head, const struct bytes parts[2])
{
    struct wal *w = g->wal;
    struct wal_flight *f = &g->flight;
    uint32_t group_size = head->size_bytes - head->group_offset;
    bool opens = head->group_offset > 0;
    *f = (struct wal_flight){.segment = s, .opens = opens, .end_lsn = head->lsn + group_size,
                             .started_ns = env_now_ns(w->options.env),
                             .written_bytes = head->size_bytes, .group_bytes = group_size,
                             .entry_count = head->entry_count,
                             .oldest_generation = head->oldest_generation,
                             .checkpoint = opens ? w->checkpoint : NULL};
    if (w->metrics.inflight_since_ns == 0) w->metrics.inflight_since_ns = f->started_ns;
    uint64_t offset = s->write_offset - head->size_bytes;
    f->pending = parts[1].size > 0 ? 2 : 1;
    for (unsigned i = 0; i < f->pending; i++) {
        f->ops[i].on_done = on_written;
        f->ops[i].ctx = g;
        env_file_write(w->options.env, s->file, parts[i].data, parts[i].size, offset, &f->ops[i]);
        offset += parts[i].size;
    }
    ASSERT(offset == s->write_offset);
}

/* Does the open group fit into the segment? */
static bool fits(const struct wal *w)
{
    const struct wal_segment *s = wal_current(w);
    uint32_t used = w->groups[wal_open_place(w)].used;
    return wal_sectors_up(used) <= s->size_bytes - s->write_offset;
}

/* The first frame of a segment flies alone: nothing behind it before it is durable, and it behind
 * nothing that is not (WAL-1). Through a page cache there is one write at a time: an error is told
 * once per open file, and of two syncs at a time it may be the wrong one that hears of it (K22). */
bool wal_write_may_start(const struct wal *w)
{
    if (w->flight_count == 0) return true;
    if (w->flight_count == WAL_FLIGHTS_MAX || !w->direct) return false;
    if (w->groups[w->first].flight.opens && !MUTANT("k25_opening_not_alone")) return false;
    return fits(w) || MUTANT("k25_rotation_at_once");
}

void wal_write_start(struct wal *w)
{
    struct wal_group *g = wal_open_group(w);
    ASSERT(wal_write_may_start(w) && !w->failed && !w->closing);
    ASSERT(g->record_count > 0 || g->forced);
    struct wal_segment *s = wal_current(w);
    uint32_t group_size = wal_sectors_up(g->used);
    struct wal_frame_head head = {.lsn = g->lsn, .group_used = g->used,
                                  .group_count = g->record_count, .entry_count = g->entry_count};
    memset(g->data + g->used, 0, group_size - g->used);
    if (!fits(w)) {
        head.prev_generation = s->generation;
        s = rotate(w);
    }
    struct bytes parts[2];
    frame_build(w, s, &head, g->data, group_size, parts);
    w->submit_wanted = false;
    w->flight_count++;
    wal_group_reset(wal_open_group(w), g->lsn + group_size);
    flight_begin(g, s, &head, parts);
    if (MUTANT("k21_segments_go_too_early")) wal_retire_before(w, head.oldest_generation);
}

enum status wal_write_opening(struct wal *w, struct fio *f, uint32_t prev_generation)
{
    struct wal_segment *s = wal_current(w);
    ASSERT(s->frame_number == 0);
    wal_group_reset(wal_open_group(w), w->durable);
    struct wal_frame_head head = {.lsn = w->durable, .prev_generation = prev_generation};
    struct bytes parts[2];
    frame_build(w, s, &head, NULL, 0, parts);
    enum status status = fio_write(f, s->file, parts[0].data, parts[0].size, WAL_SECTOR_BYTES);
    if (status == STATUS_OK) status = fio_sync(f, s->file);
    if (status != STATUS_OK) return status;
    wal_retire_before(w, head.oldest_generation);
    return STATUS_OK;
}

/* ---- completion ---- */

static void count_flight(struct wal *w, const struct wal_flight *f)
{
    struct wal_metrics *m = &w->metrics;
    m->written_bytes += f->written_bytes;
    m->group_count++;
    m->sync_count++;
    histogram_add(&m->sync_ns, env_now_ns(w->options.env) - f->started_ns);
    histogram_add(&m->group_bytes, f->group_bytes);
    histogram_add(&m->group_entries, f->entry_count);
}

/* Takes the oldest group out of the ring if its flight is over: then it is durable, unless the log
 * has failed. */
static bool land(struct wal *w)
{
    struct wal_flight *f = &w->groups[w->first].flight;
    if (w->flight_count == 0 || f->pending > 0) return false;
    if (f->checkpoint != w->checkpoint) free(f->checkpoint);
    f->checkpoint = NULL;
    w->first = wal_ring_place(w, 1);
    w->flight_count--;
    w->metrics.inflight_since_ns =
        w->flight_count == 0 ? 0 : w->groups[w->first].flight.started_ns;
    if (w->failed) return true;
    ASSERT(f->end_lsn > w->durable); /* WAL-1 */
    w->durable = f->end_lsn;
    count_flight(w, f);
    wal_retire_before(w, f->oldest_generation);
    return true;
}

static void tell_durable(struct wal *w, uint64_t lsn)
{
    if (w->options.on_durable != NULL) w->options.on_durable(w->options.ctx, (struct lsn){lsn});
}

/* A group whose write is done is durable when those before it are (WAL-2). The next one is started
 * before the owner hears: the disk has no pause. */
static void flight_done(struct wal *w, const struct wal_flight *f)
{
    if (!land(w)) {
        COVER("wal_write_done_out_of_order");
        if (MUTANT("k10_ack_out_of_order")) tell_durable(w, f->end_lsn);
        return;
    }
    while (land(w)) continue;
    if (w->failed) return;
    if (w->submit_wanted && wal_write_may_start(w)) {
        const struct wal_group *g = wal_open_group(w);
        w->submit_wanted = false;
        if (g->record_count > 0 || g->forced) wal_write_start(w);
    }
    wal_keeper_wake(w);
    wal_check(w);
    w->refused = false;
    tell_durable(w, w->durable);
}

static void flight_over(struct wal_group *g, const char *what, int64_t result)
{
    struct wal *w = g->wal;
    g->flight.pending = 0;
    if (result >= 0) {
        flight_done(w, &g->flight);
        return;
    }
    wal_fail(w, fio_status_of(result), what, (int)-result);
    while (land(w)) continue;
    wal_tell(w);
}

static void on_synced(struct env_op *op, int64_t result)
{
    struct wal_group *g = op->ctx;
    struct wal *w = g->wal;
    if (result < 0 && result != -ECANCELED && MUTANT("k22_sync_retried")) {
        env_file_sync(w->options.env, g->flight.segment->file, op);
        return;
    }
    flight_over(g, "sync failed", result);
}

static void on_written(struct env_op *op, int64_t result)
{
    struct wal_group *g = op->ctx;
    struct wal *w = g->wal;
    struct wal_flight *f = &g->flight;
    ASSERT(f->pending > 0);
    if (result < 0 && f->error == 0) f->error = result;
    if (f->pending > 1) {
        f->pending--;
        return;
    }
    bool over = w->sync_mode == WAL_SYNC_DSYNC || MUTANT("k10_ack_before_sync") || w->failed;
    if (f->error < 0 || over) {
        flight_over(g, "write failed", f->error);
        return;
    }
    f->ops[0].on_done = on_synced;
    env_file_sync(w->options.env, f->segment->file, &f->ops[0]);
}

/* ---- failure ---- */

void wal_fail(struct wal *w, enum status status, const char *what, int error)
{
    ASSERT(status != STATUS_OK);
    if (w->failed) return;
    w->failed = true;
    w->failure = status;
    w->failure_what = what;
    if (status == STATUS_CANCELLED) { /* the environment was shut down: no failure of the disk */
        w->told = true;
        return;
    }
    LOG_ERROR(w->options.logger, "wal", "log failed, it accepts nothing more",
              "what=\"%s\" status=%s errno=%d durable=%llu", what, status_name(status), error,
              (unsigned long long)w->durable);
}

void wal_tell(struct wal *w)
{
    if (!w->failed || w->told) return;
    w->told = true;
    if (w->options.on_failed != NULL)
        w->options.on_failed(w->options.ctx, w->failure, w->failure_what);
}

/* ---- segments that nothing needs ---- */

uint32_t wal_oldest_generation(const struct wal *w)
{
    if ((w->flags & WAL_FRAME_DAMAGED) != 0) return w->segments[0]->generation;
    const struct wal_segment *s = wal_segment_of(w, wal_index_oldest(&w->index));
    ASSERT(s != NULL);
    return s->generation;
}

void wal_retire_before(struct wal *w, uint32_t generation)
{
    size_t gone = 0;
    while (gone + 1 < w->segment_count && w->segments[gone]->generation < generation) gone++;
    for (size_t i = 0; i < gone; i++) list_push_back(&w->retired, &w->segments[i]->link);
    w->segment_count -= gone;
    memmove(w->segments, w->segments + gone, w->segment_count * sizeof w->segments[0]);
    w->metrics.segment_count = w->segment_count;
}
