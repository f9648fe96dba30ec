/* Recovery, second part: what each record does to the index, and handing the result out. */
#include <stdlib.h>

#include "base/codec.h"
#include "wal/wal_int.h"

/* ---- applying records ---- */

static size_t dropped_place(const struct wal_recover *r, uint64_t range)
{
    size_t at = 0;
    while (at < r->dropped_count && r->dropped[at] < range) at++;
    return at;
}

static bool dropped_here(const struct wal_recover *r, size_t at, uint64_t range)
{
    return at < r->dropped_count && r->dropped[at] == range;
}

static enum status dropped_add(struct wal_recover *r, uint64_t range)
{
    size_t at = dropped_place(r, range);
    if (dropped_here(r, at, range)) return STATUS_OK;
    if (r->dropped_count == r->dropped_capacity) {
        size_t capacity = r->dropped_capacity == 0 ? 16 : r->dropped_capacity * 2;
        uint64_t *ids = realloc(r->dropped, capacity * sizeof ids[0]);
        if (ids == NULL) return STATUS_NO_MEMORY;
        r->dropped = ids;
        r->dropped_capacity = capacity;
    }
    memmove(&r->dropped[at + 1], &r->dropped[at], (r->dropped_count - at) * sizeof r->dropped[0]);
    r->dropped[at] = range;
    r->dropped_count++;
    return STATUS_OK;
}

static void dropped_remove(struct wal_recover *r, uint64_t range)
{
    size_t at = dropped_place(r, range);
    if (!dropped_here(r, at, range)) return;
    r->dropped_count--;
    memmove(&r->dropped[at], &r->dropped[at + 1], (r->dropped_count - at) * sizeof r->dropped[0]);
}

/* A checkpoint states what the group behind it leads to, and segments in front may be gone: so an
 * entry may lie at or below the start (it is dead, and so is what it replaced), and the first entry
 * of a range may lie above it (those between are dead, as a later record says). */
static enum status apply_entry(struct wal_recover *r, struct wal_range *range,
                               const struct wal_record *record)
{
    struct wal_index *x = &r->w->index;
    uint64_t index = record->head.index;
    if (index > WAL_INDEX_MAX) return STATUS_CORRUPT;
    if (index <= range->start.index) {
        wal_index_clear(x, range);
        return STATUS_OK;
    }
    if (range->count > 0 && index > wal_range_last(range) + 1) return STATUS_CORRUPT;
    enum status status = wal_index_reserve(range);
    if (status != STATUS_OK) return status;
    wal_index_put(x, range, index, record->head.term, record->lsn, record->head.size);
    return STATUS_OK;
}

static void apply_start(struct wal_recover *r, struct wal_range *range, struct log_pos pos,
                        bool all)
{
    if (pos.index < range->start.index) return; /* the checkpoint in front knows better already */
    wal_index_start(&r->w->index, range, pos, all);
}

static void apply_range(struct wal_recover *r, struct wal_range *range,
                        const struct wal_record *record)
{
    struct log_pos start = {record->head.term, record->head.index};
    range->term = load_le64(record->stored.data);
    range->vote = load_le64(record->stored.data + 8);
    range->commit = load_le64(record->stored.data + 16);
    apply_start(r, range, start, false);
}

static void apply_hard_state(struct wal_range *range, const struct wal_record *record)
{
    range->term = record->head.term;
    range->vote = load_le64(record->stored.data);
    range->commit = record->head.index;
}

static enum status apply_to_range(struct wal_recover *r, const struct wal_record *record)
{
    const struct wal_record_head *head = &record->head;
    if (head->index > WAL_INDEX_MAX) return STATUS_CORRUPT;
    struct wal_range *range = wal_index_make(&r->w->index, (struct range_id){head->range});
    if (range == NULL) return STATUS_NO_MEMORY;
    dropped_remove(r, head->range);
    switch (head->kind) {
    case WAL_RECORD_ENTRY: return apply_entry(r, range, record);
    case WAL_RECORD_HARD_STATE: apply_hard_state(range, record); return STATUS_OK;
    case WAL_RECORD_START:
        apply_start(r, range, (struct log_pos){head->term, head->index}, head->detail != 0);
        return STATUS_OK;
    case WAL_RECORD_RANGE: apply_range(r, range, record); return STATUS_OK;
    default: return STATUS_CORRUPT;
    }
}

enum status wal_apply(struct wal_recover *r, const struct wal_record *record)
{
    const struct wal_record_head *head = &record->head;
    struct wal_index *x = &r->w->index;
    if (head->kind == WAL_RECORD_FACT) {
        enum status status = wal_index_set_fact(x, (uint32_t)head->range, record->stored);
        return status == STATUS_TOO_LARGE ? STATUS_CORRUPT : status;
    }
    if (head->kind != WAL_RECORD_DROPPED) return apply_to_range(r, record);
    wal_index_drop(x, (struct range_id){head->range});
    return dropped_add(r, head->range);
}

enum status wal_apply_salvaged(struct wal_recover *r, const struct wal_record *record)
{
    return record->head.kind == WAL_RECORD_ENTRY ? STATUS_OK : wal_apply(r, record);
}

/* ---- checkpoints in the middle of the log ---- */

static void unlist_all(struct wal_index *x)
{
    size_t cursor = 0;
    for (struct map_slot *slot; (slot = map_next(&x->ranges, &cursor)) != NULL;)
        ((struct wal_range *)slot->value)->listed = false;
}

static struct wal_range *any_unlisted(const struct wal_index *x)
{
    size_t cursor = 0;
    for (struct map_slot *slot; (slot = map_next(&x->ranges, &cursor)) != NULL;)
        if (!((struct wal_range *)slot->value)->listed) return slot->value;
    return NULL;
}

static enum status reset_range(void *ctx, const struct wal_record *record)
{
    struct wal_recover *r = ctx;
    struct range_id id = {record->head.range};
    if (record->head.kind != WAL_RECORD_RANGE) return wal_apply(r, record);
    struct wal_range *range = wal_index_find(&r->w->index, id);
    /* A start that fell: the range was dropped and came back in the part that is lost. */
    if (range != NULL && record->head.index < range->start.index) wal_index_drop(&r->w->index, id);
    enum status status = wal_apply(r, record);
    if (status != STATUS_OK) return status;
    range = wal_index_find(&r->w->index, id);
    wal_index_cut(&r->w->index, range, load_le64(record->stored.data + 24));
    range->listed = true;
    return STATUS_OK;
}

enum status wal_apply_reset(struct wal_recover *r, const uint8_t *frame,
                            const struct wal_frame_head *head)
{
    struct wal_index *x = &r->w->index;
    COVER("wal_recover_after_damage");
    unlist_all(x);
    enum status status = wal_checkpoint_visit(frame, head, reset_range, r, &r->scratch);
    if (status != STATUS_OK) return status;
    for (struct wal_range *range; (range = any_unlisted(x)) != NULL;) wal_index_drop(x, range->id);
    return STATUS_OK;
}

static bool range_agrees(const struct wal_range *range, const struct wal_record *record)
{
    const uint8_t *data = record->stored.data;
    return range != NULL && range->start.term == record->head.term &&
           range->start.index == record->head.index && range->term == load_le64(data) &&
           range->vote == load_le64(data + 8) && range->commit == load_le64(data + 16);
}

static bool fact_agrees(const struct wal_index *x, const struct wal_record *record)
{
    for (size_t i = 0; i < x->fact_count; i++)
        if (x->facts[i].key == record->head.range)
            return bytes_equal(bytes_make(x->facts[i].value, x->facts[i].size), record->stored);
    return false;
}

static enum status compare_record(void *ctx, const struct wal_record *record)
{
    struct wal_recover *r = ctx;
    const struct wal_index *x = &r->w->index;
    if (record->head.kind == WAL_RECORD_RANGE) {
        struct wal_range *range = wal_index_find(x, (struct range_id){record->head.range});
        if (!range_agrees(range, record)) r->disagreed = true;
        if (range != NULL) range->listed = true;
    } else if (record->head.kind != WAL_RECORD_FACT || !fact_agrees(x, record)) {
        r->disagreed = true;
    }
    return STATUS_OK;
}

enum status wal_compare(struct wal_recover *r, const uint8_t *frame,
                        const struct wal_frame_head *head)
{
    unlist_all(&r->w->index);
    enum status status = wal_checkpoint_visit(frame, head, compare_record, r, &r->scratch);
    if (any_unlisted(&r->w->index) != NULL) r->disagreed = true;
    return status;
}

/* ---- handing out ---- */

static enum status give_facts(struct wal_recover *r)
{
    const struct wal_index *x = &r->w->index;
    if (r->visitor->on_fact == NULL) return STATUS_OK;
    for (size_t i = 0; i < x->fact_count; i++) {
        struct bytes value = bytes_make(x->facts[i].value, x->facts[i].size);
        enum status status = r->visitor->on_fact(r->visitor->ctx, x->facts[i].key, value);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

static int range_order(const void *a, const void *b)
{
    const struct wal_range *const *x = a, *const *y = b;
    return ((*x)->id.value > (*y)->id.value) - ((*x)->id.value < (*y)->id.value);
}

static enum status give_range(struct wal_recover *r, const struct wal_range *range)
{
    const struct wal_visitor *v = r->visitor;
    enum status status = STATUS_OK;
    if (v->on_start != NULL) status = v->on_start(v->ctx, range->id, range->start);
    if (status == STATUS_OK && v->on_hard_state != NULL)
        status = v->on_hard_state(v->ctx, range->id, range->term, range->vote, range->commit);
    return status;
}

static enum status give_ranges(struct wal_recover *r)
{
    const struct map *ranges = &r->w->index.ranges;
    const struct wal_range **sorted = calloc(ranges->count + 1, sizeof sorted[0]);
    if (sorted == NULL) return STATUS_NO_MEMORY;
    size_t cursor = 0, count = 0;
    for (struct map_slot *slot; (slot = map_next(ranges, &cursor)) != NULL;)
        sorted[count++] = slot->value;
    ASSERT(count == ranges->count);
    qsort(sorted, count, sizeof sorted[0], range_order);
    enum status status = STATUS_OK;
    for (size_t i = 0; i < count && status == STATUS_OK; i++) status = give_range(r, sorted[i]);
    free(sorted);
    return status;
}

static enum status give_dropped(struct wal_recover *r)
{
    const struct wal_visitor *v = r->visitor;
    enum status status = STATUS_OK;
    for (size_t i = 0; i < r->dropped_count && status == STATUS_OK && v->on_dropped != NULL; i++)
        status = v->on_dropped(v->ctx, (struct range_id){r->dropped[i]});
    return status;
}

/* Gives out an entry if it is alive: if the index names this very place for it. */
static enum status give_entry(void *ctx, const struct wal_record *record)
{
    struct wal_recover *r = ctx;
    const struct wal_record_head *head = &record->head;
    if (head->kind != WAL_RECORD_ENTRY) return STATUS_OK;
    const struct wal_range *range =
        wal_index_find(&r->w->index, (struct range_id){head->range});
    const struct wal_entry *entry = wal_index_entry(range, head->index);
    if (entry == NULL || entry->lsn != record->lsn) return STATUS_OK;
    ASSERT(entry->term == head->term);

    uint32_t size;
    struct bytes payload;
    if (!wal_payload_size(head, record->stored, &size)) return STATUS_CORRUPT;
    buf_reset(&r->payload);
    uint8_t *data = buf_reserve(&r->payload, size);
    if (data == NULL) return STATUS_NO_MEMORY;
    if (!wal_payload_get(head, record->stored, data, &payload)) return STATUS_CORRUPT;
    r->out->entry_count++;
    if (r->visitor->on_entry == NULL) return STATUS_OK;
    return r->visitor->on_entry(r->visitor->ctx, range->id, head->term, head->index, head->detail,
                                payload);
}

static enum status give_entries(struct wal_recover *r, const struct wal_file *file)
{
    uint64_t at = WAL_SECTOR_BYTES;
    wal_scan_begin(&r->scan, r->fio, file->file, file->generation, file->size);
    while (at < file->end.offset) {
        struct wal_frame_head head;
        uint8_t *frame;
        enum status status = wal_scan_frame(&r->scan, at, &head, &frame);
        if (status != STATUS_OK) return status;
        if (frame == NULL) {
            wal_recover_note(r, file->generation, at, "a frame that was good a moment ago is bad");
            return STATUS_CORRUPT;
        }
        status = wal_group_visit(frame, &head, give_entry, r, &r->scratch);
        if (status != STATUS_OK) return status;
        at += head.size_bytes;
    }
    ASSERT(at == file->end.offset);
    return STATUS_OK;
}

enum status wal_replay(struct wal_recover *r)
{
    uint64_t oldest = wal_index_oldest(&r->w->index);
    enum status status = give_facts(r);
    if (status == STATUS_OK) status = give_ranges(r);
    if (status == STATUS_OK) status = give_dropped(r);
    for (size_t i = 0; i < r->chain_count && status == STATUS_OK; i++) {
        const struct wal_file *file = &r->files[r->chain[i]];
        if (file->chained && file->end.lsn > oldest) status = give_entries(r, file);
    }
    return status;
}
