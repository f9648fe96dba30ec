/* Recovery, first part: which files are the log, where it ends, and what that end means. Builds the
 * index on the way; hands out nothing (wal_replay.c) and changes no file.
 *
 * The newest segment whose first frame is good is the tail. Each first frame names the segment
 * before and the hash of the frame it follows, so the chain is walked back from the tail, and the
 * end of every segment but the last is known beforehand: not to reach it is damage. What comes
 * after the end of the tail decides between clean, torn, uncertain and damaged (wal_scan_tail). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "wal/wal_int.h"

void wal_recover_note(struct wal_recover *r, uint32_t generation, uint64_t offset,
                      const char *what)
{
    struct wal_recovery *out = r->out;
    if (out->detail[0] == '\0')
        snprintf(out->detail, sizeof out->detail, "%08x.wal at %llu: %s", generation,
                 (unsigned long long)offset, what);
    LOG_WARN(r->w->options.logger, "wal", "recovery", "segment=%08x offset=%llu what=\"%s\"",
             generation, (unsigned long long)offset, what);
}

/* ---- files ---- */

static void on_name(void *ctx, const char *name, bool is_directory, uint64_t size_bytes)
{
    struct wal_recover *r = ctx;
    uint32_t generation = 0;
    enum wal_name_kind kind = is_directory ? WAL_NAME_OTHER : wal_name_parse(name, &generation);
    if (kind == WAL_NAME_OTHER || r->list_status != STATUS_OK) return;
    if (r->file_count == r->file_capacity) {
        size_t capacity = r->file_capacity == 0 ? 16 : r->file_capacity * 2;
        struct wal_file *files = realloc(r->files, capacity * sizeof files[0]);
        if (files == NULL) {
            r->list_status = STATUS_NO_MEMORY;
            return;
        }
        r->files = files;
        r->file_capacity = capacity;
    }
    if (generation > r->w->last_generation) r->w->last_generation = generation;
    r->files[r->file_count++] =
        (struct wal_file){.kind = kind, .generation = generation, .size = size_bytes, .file = -1};
}

/* Segments by generation, then everything else. */
static int file_order(const void *a, const void *b)
{
    const struct wal_file *x = a, *y = b;
    if (x->kind != y->kind) return (x->kind > y->kind) - (x->kind < y->kind);
    return (x->generation > y->generation) - (x->generation < y->generation);
}

static enum status list_files(struct wal_recover *r)
{
    struct env_dir_visitor visitor = {on_name, r};
    enum status status = env_dir_list(r->w->options.env, r->w->directory, &visitor);
    if (status == STATUS_OK) status = r->list_status;
    if (status != STATUS_OK) return status;
    if (r->file_count > 0) qsort(r->files, r->file_count, sizeof r->files[0], file_order);
    while (r->segment_count < r->file_count && r->files[r->segment_count].kind == WAL_NAME_SEGMENT)
        r->segment_count++;
    r->chain = calloc(r->segment_count + 1, sizeof r->chain[0]);
    return r->chain == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

static void scan_file(struct wal_recover *r, const struct wal_file *file)
{
    wal_scan_begin(&r->scan, r->fio, file->file, file->generation, file->size);
}

/* Is this file ours, and of a version that can be read? A head that cannot be read is no obstacle:
 * the frames carry all that matters. */
static enum status check_head(struct wal_recover *r, const struct wal_file *file,
                              const uint8_t *sector)
{
    struct wal_segment_head head;
    enum status status = wal_segment_head_decode(sector, &head);
    if (status == STATUS_VERSION) {
        wal_recover_note(r, file->generation, 0, "another version of the format");
        return STATUS_VERSION;
    }
    if (status != STATUS_OK) {
        COVER("wal_recover_bad_segment_head");
        wal_recover_note(r, file->generation, 0, "bad segment head, ignored");
        return STATUS_OK;
    }
    if (head.store_id != r->w->options.store_id && !MUTANT("k26_store_id_unchecked")) {
        wal_recover_note(r, file->generation, 0, "belongs to another store");
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static enum status read_first(struct wal_recover *r, struct wal_file *file)
{
    struct wal_path path = wal_path_segment(r->w->directory, file->generation);
    enum status status = wal_file_open(r->w, r->fio, path.text, ENV_OPEN_READ, &file->file);
    if (status != STATUS_OK) return status;
    if (file->size < WAL_SECTOR_BYTES) return STATUS_OK;
    uint8_t *view;
    scan_file(r, file);
    status = wal_scan_view(&r->scan, 0, WAL_SECTOR_BYTES, &view);
    if (status == STATUS_OK) status = check_head(r, file, view);
    if (status == STATUS_OK)
        status = wal_scan_frame(&r->scan, WAL_SECTOR_BYTES, &file->first, &view);
    if (status != STATUS_OK) return status;
    file->first_good = view != NULL && file->first.stamp == wal_stamp(file->generation, 1) &&
                       file->first.group_offset > 0;
    return STATUS_OK;
}

/* ---- walking the frames of one segment ---- */

struct walk {
    struct wal_file *file;
    const struct wal_frame_head *stop; /* first frame of the next segment; NULL: to the end */
    bool apply;      /* to the index; else only look */
    bool first;      /* the log begins with this segment */
    bool reached;    /* out: stop follows the last frame */
};

static enum status apply_record(void *ctx, const struct wal_record *record)
{
    struct wal_recover *r = ctx;
    return wal_apply(r, record);
}

/* The checkpoint of the segment that the log begins with is where the state comes from. */
static enum status apply_first_frame(struct wal_recover *r, bool begins,
                                     const struct wal_frame_head *head, const uint8_t *frame)
{
    /* Frames without a group begin a start of the log; only these go on after damage. */
    bool resets = (head->flags & WAL_FRAME_DAMAGED) != 0 && head->group_offset == head->size_bytes;
    enum status status = STATUS_OK;
    if (begins) status = wal_checkpoint_visit(frame, head, apply_record, r, &r->scratch);
    else if (resets) status = wal_apply_reset(r, frame, head);
    if (status == STATUS_OK) status = wal_group_visit(frame, head, apply_record, r, &r->scratch);
    if (status == STATUS_OK && !begins) status = wal_compare(r, frame, head);
    return status;
}

static enum status apply_frame(struct wal_recover *r, const struct walk *walk, uint32_t number,
                               const struct wal_frame_head *head, const uint8_t *frame)
{
    if (!walk->apply) return STATUS_OK;
    if (number == 1) return apply_first_frame(r, walk->first, head, frame);
    return wal_group_visit(frame, head, apply_record, r, &r->scratch);
}

static bool follows(const struct wal_frame_head *head, const struct wal_walk_end *end)
{
    if (MUTANT("k24_old_life_joins")) return true;
    return head->prev_hash == end->hash && head->lsn == end->lsn;
}

static void walk_advance(struct wal_file *file, struct wal_walk_end *end,
                         const struct wal_frame_head *head)
{
    /* Besides itself only the one before it, and none that is the first of its segment (WAL-1). */
    _Static_assert(WAL_FLIGHTS_MAX == 2, "two frames may be doubtful");
    bool alone = end->number < 2 || head->durable_upto >= head->lsn ||
                 MUTANT("k22_one_frame_rewritten");
    file->doubtful_offset = alone ? end->offset : end->offset - file->last.size_bytes;
    file->last = *head;
    end->hash = head->hash;
    end->lsn = wal_frame_end(head);
    end->offset += head->size_bytes;
    end->number++;
}

/* After damage the log goes on at a higher place than it broke off. */
static bool stops_here(const struct walk *walk, const struct wal_walk_end *end)
{
    const struct wal_frame_head *stop = walk->stop;
    if (stop == NULL || stop->prev_hash != end->hash) return false;
    return stop->lsn == end->lsn ||
           (stop->lsn > end->lsn && (stop->flags & WAL_FRAME_DAMAGED) != 0);
}

static enum status walk_segment(struct wal_recover *r, struct walk *walk)
{
    struct wal_file *file = walk->file;
    struct wal_walk_end end = {.offset = WAL_SECTOR_BYTES};
    scan_file(r, file);
    for (walk->reached = false; !walk->reached; walk->reached = stops_here(walk, &end)) {
        struct wal_frame_head head;
        uint8_t *frame;
        enum status status = wal_scan_frame(&r->scan, end.offset, &head, &frame);
        if (status != STATUS_OK) return status;
        if (frame == NULL) break;
        if (head.stamp != wal_stamp(file->generation, end.number + 1) &&
            !MUTANT("k24_old_life_joins"))
            break;
        if (end.number > 0 && !follows(&head, &end)) break;
        status = apply_frame(r, walk, end.number + 1, &head, frame);
        if (status == STATUS_CORRUPT) break;
        if (status != STATUS_OK) return status;
        walk_advance(file, &end, &head);
    }
    file->end = end;
    return STATUS_OK;
}

/* ---- the chain ---- */

static void learn(struct wal_recover *r, const struct wal_frame_head *head)
{
    if (wal_frame_end(head) > r->lsn_max) r->lsn_max = wal_frame_end(head);
    if (head->durable_upto > r->durable_upto) r->durable_upto = head->durable_upto;
    if (head->oldest_generation > r->oldest_generation)
        r->oldest_generation = head->oldest_generation;
}

/* The place of the newest segment below `before` with a good first frame; SIZE_MAX: none. */
static size_t newest_good(const struct wal_recover *r, size_t before)
{
    for (size_t at = before; at-- > 0;)
        if (r->files[at].first_good) return at;
    return SIZE_MAX;
}

static size_t file_of(const struct wal_recover *r, uint32_t generation)
{
    for (size_t at = 0; at < r->segment_count; at++)
        if (r->files[at].generation == generation) return at;
    return SIZE_MAX;
}

/* Which file comes before the one at `at`? *linked_out: it is the one that should. */
static size_t file_before(const struct wal_recover *r, size_t at, bool *linked_out)
{
    const struct wal_frame_head *first = &r->files[at].first;
    size_t before = file_of(r, first->prev_generation);
    *linked_out = before != SIZE_MAX && before < at && r->files[before].first_good;
    return *linked_out ? before : newest_good(r, at);
}

static void chain_build(struct wal_recover *r, size_t tail)
{
    size_t at = tail;
    for (;;) {
        struct wal_file *file = &r->files[at];
        r->chain[r->chain_count++] = at;
        file->linked = true;
        if (file->first.prev_generation == 0) break;
        if (file->generation <= r->oldest_generation) break; /* what was before may be gone */
        size_t before = file_before(r, at, &file->linked);
        if (before == SIZE_MAX || r->files[before].generation < r->oldest_generation) break;
        at = before;
    }
    for (size_t i = 0; i < r->chain_count / 2; i++) {
        size_t other = r->chain[i];
        r->chain[i] = r->chain[r->chain_count - 1 - i];
        r->chain[r->chain_count - 1 - i] = other;
    }
    /* An oldest segment that is not there: the log has no beginning. */
    struct wal_file *first = &r->files[r->chain[0]];
    if (first->generation > r->oldest_generation && first->first.prev_generation != 0)
        first->linked = false;
}

/* ---- salvage: facts, votes and starts beyond the damage are newer than those before ---- */

static enum status visit_salvaged(void *ctx, const struct wal_record *record)
{
    struct wal_recover *r = ctx;
    return wal_apply_salvaged(r, record);
}

/* The lsn of the first whole frame in the file; *lsn_out stays as it is when there is none. */
static enum status first_lsn(struct wal_recover *r, const struct wal_file *file, uint64_t *lsn_out)
{
    scan_file(r, file);
    for (uint64_t at = WAL_SECTOR_BYTES; at < r->scan.size; at += WAL_SECTOR_BYTES) {
        struct wal_frame_head head;
        uint8_t *frame;
        enum status status = wal_scan_frame(&r->scan, at, &head, &frame);
        if (status != STATUS_OK) return status;
        if (frame == NULL) continue;
        *lsn_out = head.lsn;
        return STATUS_OK;
    }
    return STATUS_OK;
}

/* A whole frame may lie behind an unfinished one. Both were cut, and the log went on in the next
 * segment, with the lsn at which they began. Should the first frame there be bad by now, the second
 * one says the same: a first frame that begins a start has no group. */
static enum status find_limits(struct wal_recover *r, size_t lost)
{
    enum status status = STATUS_OK;
    uint64_t limit = UINT64_MAX;
    for (size_t at = r->segment_count; at-- > lost && status == STATUS_OK;) {
        r->files[at].limit_lsn = limit;
        status = first_lsn(r, &r->files[at], &limit);
    }
    return status;
}

/* Applies every whole frame from offset on, whatever lies between them. */
static enum status salvage_file(struct wal_recover *r, struct wal_file *file, uint64_t offset)
{
    uint64_t at = offset;
    scan_file(r, file);
    while (at + WAL_SECTOR_BYTES <= r->scan.size) {
        struct wal_frame_head head;
        uint8_t *frame;
        enum status status = wal_scan_frame(&r->scan, at, &head, &frame);
        if (status != STATUS_OK) return status;
        if (frame == NULL) {
            at += WAL_SECTOR_BYTES;
            continue;
        }
        at += head.size_bytes;
        if (wal_frame_end(&head) > file->limit_lsn && !MUTANT("k24_cut_frame_joins")) {
            COVER("wal_recover_cut_frame_left_out");
            continue;
        }
        COVER("wal_recover_salvaged_frame");
        learn(r, &head);
        status = wal_checkpoint_visit(frame, &head, visit_salvaged, r, &r->scratch);
        if (status == STATUS_OK)
            status = wal_group_visit(frame, &head, visit_salvaged, r, &r->scratch);
        if (status != STATUS_OK && status != STATUS_CORRUPT) return status;
    }
    return STATUS_OK;
}

/* The log breaks off inside, or right before, the file at place `lost`. */
static enum status salvage(struct wal_recover *r, size_t lost)
{
    enum status status = find_limits(r, lost);
    for (size_t at = lost; at < r->segment_count && status == STATUS_OK; at++) {
        struct wal_file *file = &r->files[at];
        if (file->file < 0 || file->generation < r->oldest_generation) continue;
        uint64_t offset = file->chained ? file->end.offset : WAL_SECTOR_BYTES;
        status = salvage_file(r, file, offset);
    }
    return status;
}

/* ---- building the index ---- */

/* Takes the segment at chain place i into the log. False in *whole_out: it breaks off inside. */
static enum status take_segment(struct wal_recover *r, size_t i, bool *whole_out)
{
    struct wal_file *file = &r->files[r->chain[i]];
    bool last = i + 1 == r->chain_count;
    struct walk walk = {.file = file, .apply = true, .first = i == 0,
                        .stop = last ? NULL : &r->files[r->chain[i + 1]].first};
    enum status status = walk_segment(r, &walk);
    if (status != STATUS_OK) return status;
    *whole_out = last || walk.reached;
    if (file->end.number == 0) return STATUS_OK;
    file->chained = true;
    learn(r, &file->last);
    r->out->frame_count += file->end.number;
    r->out->bytes += file->end.offset - WAL_SECTOR_BYTES;
    r->end = file->end;
    r->end_generation = file->generation;
    r->flags = file->last.flags;
    return STATUS_OK;
}

/* Takes segments until the chain breaks; *lost_out is the place of the first file that may hold
 * frames from beyond the break, SIZE_MAX when there is none. */
static enum status take_chain(struct wal_recover *r, size_t *lost_out)
{
    *lost_out = SIZE_MAX;
    for (size_t i = 0; i < r->chain_count; i++) {
        struct wal_file *file = &r->files[r->chain[i]];
        bool whole = true;
        if (!file->linked) {
            wal_recover_note(r, file->generation, 0, "the segment before is missing");
            *lost_out = r->chain[i];
            return STATUS_OK;
        }
        enum status status = take_segment(r, i, &whole);
        if (status != STATUS_OK) return status;
        if (!whole) {
            wal_recover_note(r, file->generation, file->end.offset,
                             "bad frame in the middle of the log");
            *lost_out = r->chain[i];
            return STATUS_OK;
        }
    }
    return STATUS_OK;
}

/* ---- the end of the log ---- */

static void judge(struct wal_recover *r, const struct wal_file *file, uint64_t offset,
                  enum wal_tail tail)
{
    static const char *const what[] = {
        [WAL_TAIL_TORN] = "unfinished frame, never acknowledged",
        [WAL_TAIL_UNCERTAIN] = "bad frame at the tail, may have been acknowledged",
        [WAL_TAIL_DAMAGED] = "bad frame that was durable",
    };
    if (tail != WAL_TAIL_CLEAN) wal_recover_note(r, file->generation, offset, what[tail]);
    if (tail > r->tail) r->tail = tail;
}

/* Looks behind the end of the tail segment, and into newer segments, none of which has a good first
 * frame: whatever was written there comes after the log. */
static enum status look_behind(struct wal_recover *r, size_t tail)
{
    enum status status = STATUS_OK;
    for (size_t at = tail == SIZE_MAX ? 0 : tail; at < r->segment_count; at++) {
        struct wal_file *file = &r->files[at];
        bool inside = at == tail;
        struct wal_tail_place place = {.offset = WAL_SECTOR_BYTES, .number = 1};
        if (inside)
            place = (struct wal_tail_place){file->end.offset, file->end.lsn, file->end.number + 1};
        enum wal_tail found;
        scan_file(r, file);
        if (r->scan.size <= place.offset) continue;
        status = wal_scan_tail(&r->scan, &place, &found);
        if (status != STATUS_OK) return status;
        judge(r, file, place.offset, found);
    }
    return STATUS_OK;
}

/* There is no good first frame at all. Segment 1 alone, without a later frame in it: its first
 * frame holds nothing, so nothing was ever acknowledged, whatever state it is in. But a segment
 * after it is only begun when those before it are a log: then that log is gone. */
static enum status look_for_nothing(struct wal_recover *r)
{
    enum status status = look_behind(r, SIZE_MAX);
    if (status != STATUS_OK) return status;
    bool used = false;
    for (size_t at = 0; at < r->file_count; at++)
        used = used || r->files[at].kind == WAL_NAME_SPARE || r->files[at].generation > 1;
    if (used && r->tail != WAL_TAIL_DAMAGED) {
        wal_recover_note(r, r->w->last_generation, 0, "no segment has a good beginning");
        r->tail = WAL_TAIL_DAMAGED;
    } else if (r->tail == WAL_TAIL_UNCERTAIN) {
        r->tail = WAL_TAIL_TORN;
    }
    return STATUS_OK;
}

/* WAL-5 for what was found: the entries of each range follow its start without a hole. */
static void check_holes(struct wal_recover *r)
{
    size_t cursor = 0;
    for (struct map_slot *slot; (slot = map_next(&r->w->index.ranges, &cursor)) != NULL;) {
        struct wal_range *range = slot->value;
        if (range->count == 0 || range->first_index == range->start.index + 1) continue;
        if (r->tail != WAL_TAIL_DAMAGED)
            wal_recover_note(r, r->end_generation, r->end.offset, "entries of a range are missing");
        r->tail = WAL_TAIL_DAMAGED;
        wal_index_clear(&r->w->index, range);
    }
}

static void conclude(struct wal_recover *r)
{
    struct wal_recovery *out = r->out;
    if (r->disagreed) {
        wal_recover_note(r, r->end_generation, r->end.offset,
                         "a checkpoint disagrees with the log");
        r->tail = WAL_TAIL_DAMAGED;
    }
    check_holes(r);
    if (r->scan.unreadable_count > 0)
        LOG_WARN(r->w->options.logger, "wal", "sectors could not be read", "count=%llu",
                 (unsigned long long)r->scan.unreadable_count);
    if (r->flags != 0 && r->tail < WAL_TAIL_UNCERTAIN)
        wal_recover_note(r, r->end_generation, r->end.offset,
                         "what an earlier start found is not settled yet");
    out->torn = r->tail == WAL_TAIL_TORN;
    if (r->tail == WAL_TAIL_UNCERTAIN) r->flags |= WAL_FRAME_UNCERTAIN;
    if (r->tail == WAL_TAIL_DAMAGED && !MUTANT("k25_damage_cut_as_torn"))
        r->flags |= WAL_FRAME_DAMAGED;
    out->uncertain = (r->flags & WAL_FRAME_UNCERTAIN) != 0;
    out->damaged = (r->flags & WAL_FRAME_DAMAGED) != 0;
    out->created = r->chain_count == 0 && r->flags == 0;
    if (r->lsn_max < r->end.lsn) r->lsn_max = r->end.lsn;
}

/* Finds the tail and learns from it how far back the log goes. */
static enum status find_tail(struct wal_recover *r, size_t *tail_out)
{
    for (size_t at = 0; at < r->segment_count; at++) {
        enum status status = read_first(r, &r->files[at]);
        if (status != STATUS_OK) return status;
    }
    size_t tail;
    while ((tail = newest_good(r, r->segment_count)) != SIZE_MAX) {
        struct wal_file *file = &r->files[tail];
        struct walk walk = {.file = file};
        enum status status = walk_segment(r, &walk);
        if (status != STATUS_OK) return status;
        r->oldest_generation = file->last.oldest_generation;
        if (file->end.number > 0) break;
        file->first_good = false; /* it was a moment ago: the disk is failing */
    }
    *tail_out = tail;
    return STATUS_OK;
}

enum status wal_recover(struct wal_recover *r)
{
    size_t tail, lost = SIZE_MAX;
    enum status status = list_files(r);
    if (status == STATUS_OK) status = find_tail(r, &tail);
    if (status != STATUS_OK) return status;
    if (tail != SIZE_MAX) {
        chain_build(r, tail);
        status = take_chain(r, &lost);
        if (status != STATUS_OK) return status;
    }
    if (lost == SIZE_MAX) {
        status = tail == SIZE_MAX ? look_for_nothing(r) : look_behind(r, tail);
        if (status != STATUS_OK) return status;
        if (r->tail == WAL_TAIL_DAMAGED) lost = tail == SIZE_MAX ? 0 : tail;
    }
    if (lost != SIZE_MAX) {
        r->tail = WAL_TAIL_DAMAGED;
        status = salvage(r, lost);
        if (status != STATUS_OK) return status;
    }
    /* A frame that says more was durable than the log holds (B < D). */
    if (r->durable_upto > r->end.lsn) r->tail = WAL_TAIL_DAMAGED;
    conclude(r);
    return STATUS_OK;
}
