/* Appends: a record is sealed, copied into the open group and noted in the index. Nothing waits,
 * nothing is allocated in steady state. */
#include <lz4.h>

#include "base/codec.h"
#include "wal/wal_int.h"

/* Who may use the last room while the disk is full (no next segment). Records that free segments
 * may use all of it: without them a full log could never become less full. */
enum append_class {
    CLASS_ENTRY,  /* leaves 1/8 of the segment */
    CLASS_STATE,  /* hard states, facts, markers: leave 1/16 */
    CLASS_RELIEF, /* starts and drops */
};

static uint64_t reserve_bytes(const struct wal *w, enum append_class class)
{
    switch (class) {
    case CLASS_ENTRY: return w->options.segment_bytes / 8;
    case CLASS_STATE: return w->options.segment_bytes / 16;
    case CLASS_RELIEF: return 0;
    }
    UNREACHABLE();
}

/* WAL-6: whatever a group holds has a place: in what is left of the segment, or in the next one. */
static bool has_place(const struct wal *w, uint64_t group_used, enum append_class class)
{
    const struct wal_segment *s = wal_current(w);
    ASSERT(s->write_offset <= s->size_bytes);
    if (w->next != NULL) return true;
    return wal_sectors_up(group_used) + reserve_bytes(w, class) <= s->size_bytes - s->write_offset;
}

uint64_t wal_room(const struct wal *w)
{
    const struct wal_segment *s = wal_current(w);
    if (w->next != NULL) return UINT64_MAX;
    uint32_t used = w->groups[wal_open_place(w)].used;
    uint64_t taken = wal_sectors_up(used) + reserve_bytes(w, CLASS_ENTRY);
    uint64_t left = s->size_bytes - s->write_offset;
    return left > taken ? left - taken : 0;
}

static enum status refuse(struct wal *w)
{
    w->refused = true;
    if (w->next == NULL && w->keeper.no_space) {
        COVER("wal_append_no_space");
        return STATUS_NO_SPACE;
    }
    COVER("wal_append_busy");
    return STATUS_BUSY;
}

/* Makes sure that `size` bytes of records fit into the open group; closes it first if full. */
static enum status make_room(struct wal *w, uint64_t size, enum append_class class)
{
    if (w->failed) return STATUS_FENCED;
    if (wal_place_after(WAL_PART_HEAD_BYTES, size) > w->group_bytes) return STATUS_TOO_LARGE;
    if (wal_place_after(wal_open_group(w)->used, size) > w->group_bytes) {
        if (!wal_write_may_start(w)) return refuse(w);
        COVER("wal_append_closes_full_group");
        wal_write_start(w);
    }
    uint64_t after = wal_place_after(wal_open_group(w)->used, size);
    return has_place(w, after, class) ? STATUS_OK : refuse(w);
}

/* Puts a record for which there is room; returns its first byte. */
static uint64_t put_record(struct wal *w, struct wal_record_head *head, struct bytes stored,
                           struct lsn *lsn_out)
{
    struct wal_group *g = wal_open_group(w);
    uint64_t lsn = g->lsn + g->used;
    head->size = (uint32_t)stored.size;
    wal_record_seal(head, stored);
    uint64_t place = wal_part_put(g->data, g->used, head, sizeof *head);
    if (stored.size > 0) place = wal_part_put(g->data, place, stored.data, stored.size);
    ASSERT(place <= w->group_bytes);
    g->used = (uint32_t)place;
    g->record_count++;
    w->metrics.appended_bytes += sizeof *head + stored.size;
    lsn_out->value = g->lsn + place;
    return lsn;
}

/* A range may come into being only when every checkpoint frame has room for it. */
static enum status range_for(struct wal *w, struct range_id id, struct wal_range **range_out)
{
    struct wal_range *r = wal_index_find(&w->index, id);
    if (r == NULL) {
        enum status status = wal_checkpoint_reserve(w, WAL_RANGE_RECORD_BYTES);
        if (status != STATUS_OK) return status;
        r = wal_index_make(&w->index, id);
        if (r == NULL) return STATUS_NO_MEMORY;
    }
    *range_out = r;
    return STATUS_OK;
}

/* Compresses into the scratch buffer when that saves an eighth. */
static struct bytes compress(struct wal *w, struct bytes payload, uint8_t *flags_out)
{
    if (w->lz4_state == NULL || payload.size < WAL_COMPRESS_BYTES_MIN) return payload;
    if (payload.size > WAL_PAYLOAD_BYTES_MAX) return payload;
    size_t limit = payload.size - payload.size / 8 - 4;
    if (limit + 4 > w->lz4_capacity) return payload;
    int size = LZ4_compress_fast_extState(w->lz4_state, (const char *)payload.data,
                                          (char *)w->lz4_scratch + 4, (int)payload.size,
                                          (int)limit, 1);
    if (size <= 0) return payload;
    COVER("wal_append_compressed");
    store_le32(w->lz4_scratch, (uint32_t)payload.size);
    *flags_out = WAL_RECORD_LZ4;
    return bytes_make(w->lz4_scratch, (size_t)size + 4);
}

enum status wal_append_entry(struct wal *w, struct range_id range, uint64_t term, uint64_t index,
                             uint8_t kind, struct bytes payload, struct lsn *lsn_out)
{
    ASSERT(index > 0 && index <= WAL_INDEX_MAX);
    if (w->failed) return STATUS_FENCED;
    if (payload.size > WAL_PAYLOAD_BYTES_MAX) return STATUS_TOO_LARGE;
    struct wal_record_head head = {.range = range.value, .term = term, .index = index,
                                   .kind = WAL_RECORD_ENTRY, .detail = kind};
    struct bytes stored = compress(w, payload, &head.flags);
    enum status status = make_room(w, sizeof head + stored.size, CLASS_ENTRY);
    struct wal_range *r;
    if (status == STATUS_OK) status = range_for(w, range, &r);
    if (status == STATUS_OK) status = wal_index_reserve(r);
    if (status != STATUS_OK) return status;
    ASSERT(index > r->start.index);
    ASSERT(index <= wal_range_last(r) + 1); /* WAL-5 */
    uint64_t lsn = put_record(w, &head, stored, lsn_out);
    wal_index_put(&w->index, r, index, term, lsn, (uint32_t)stored.size);
    wal_open_group(w)->entry_count++;
    w->metrics.entry_count++;
    return STATUS_OK;
}

enum status wal_append_hard_state(struct wal *w, struct range_id range, uint64_t term,
                                  uint64_t vote, uint64_t commit, struct lsn *lsn_out)
{
    struct wal_record_head head = {.range = range.value, .term = term, .index = commit,
                                   .kind = WAL_RECORD_HARD_STATE};
    enum status status = make_room(w, sizeof head + sizeof vote, CLASS_STATE);
    struct wal_range *r;
    if (status == STATUS_OK) status = range_for(w, range, &r);
    if (status != STATUS_OK) return status;
    put_record(w, &head, bytes_make(&vote, sizeof vote), lsn_out);
    r->term = term;
    r->vote = vote;
    r->commit = commit;
    return STATUS_OK;
}

enum status wal_append_start(struct wal *w, struct range_id range, struct log_pos pos,
                             struct lsn *lsn_out)
{
    ASSERT(pos.index <= WAL_INDEX_MAX);
    struct wal_record_head head = {.range = range.value, .term = pos.term, .index = pos.index,
                                   .kind = WAL_RECORD_START};
    enum status status = make_room(w, sizeof head, CLASS_RELIEF);
    struct wal_range *r;
    if (status == STATUS_OK) status = range_for(w, range, &r);
    if (status != STATUS_OK) return status;
    ASSERT(pos.index >= r->start.index);
    bool clears = wal_index_start_clears(r, pos);
    head.detail = clears;
    put_record(w, &head, BYTES_EMPTY, lsn_out);
    wal_index_start(&w->index, r, pos, clears);
    return STATUS_OK;
}

enum status wal_append_dropped(struct wal *w, struct range_id range, struct lsn *lsn_out)
{
    ASSERT(range.value > 0);
    struct wal_record_head head = {.range = range.value, .kind = WAL_RECORD_DROPPED};
    enum status status = make_room(w, sizeof head, CLASS_RELIEF);
    if (status != STATUS_OK) return status;
    put_record(w, &head, BYTES_EMPTY, lsn_out);
    wal_index_drop(&w->index, range);
    return STATUS_OK;
}

enum status wal_append_fact(struct wal *w, uint32_t key, struct bytes value, struct lsn *lsn_out)
{
    struct wal_record_head head = {.range = key, .kind = WAL_RECORD_FACT};
    if (value.size > WAL_FACT_BYTES_MAX) return STATUS_TOO_LARGE;
    enum status status = make_room(w, sizeof head + value.size, CLASS_STATE);
    if (status == STATUS_OK)
        status = wal_checkpoint_reserve(w, WAL_RECORD_HEAD_BYTES + value.size);
    if (status == STATUS_OK) status = wal_index_set_fact(&w->index, key, value);
    if (status != STATUS_OK) return status;
    put_record(w, &head, value, lsn_out);
    return STATUS_OK;
}

enum status wal_append_marker(struct wal *w, struct lsn *lsn_out)
{
    enum status status = make_room(w, 0, CLASS_STATE);
    if (status != STATUS_OK) return status;
    struct wal_group *g = wal_open_group(w);
    g->forced = true;
    lsn_out->value = g->lsn + g->used;
    return STATUS_OK;
}

enum status wal_append_settled(struct wal *w, struct lsn *lsn_out)
{
    enum status status = wal_append_marker(w, lsn_out);
    if (status == STATUS_OK) w->flags = 0;
    return status;
}

void wal_submit(struct wal *w)
{
    if (w->closing) return;
    if (!w->failed) {
        const struct wal_group *g = wal_open_group(w);
        if (!wal_write_may_start(w)) w->submit_wanted = true;
        else if (g->record_count > 0 || g->forced) wal_write_start(w);
    }
    wal_keeper_wake(w);
    wal_check(w);
}
