#include "lsm/chunk_int.h"
#include "lsm/table_take_int.h"

#include <stdlib.h>

/* Each section of what comes is a table or more of one level: as it is there, or made of items.
 * Until the edit that adopts them they are files that no manifest names, which the next open
 * removes. */

struct lsm_ingest {
    struct list link; /* in lsm.replacing while it is being committed */
    struct lsm *lsm;
    struct range_id range;
    struct worker worker;
    struct tables_writer tables;
    struct table_take file; /* the one that is coming */
    struct chunk_section section;
    uint8_t *levels; /* of the tables of the sections that are through */
    uint32_t leveled_count, leveled_capacity;
    uint64_t chunk_count, newest_ts;
    bool complete; /* the last chunk has come */
    bool any;
    struct buf last; /* key of the item received last */
    enum lsm_space last_space;
    uint64_t last_ts;
    enum status status; /* of the first failure: nothing is accepted after it */
};

bool ingest_is_committing(const struct lsm *l, struct range_id id)
{
    LIST_FOR_EACH(link, &l->replacing)
    if (CONTAINER_OF(link, struct lsm_ingest, link)->range.value == id.value) return true;
    return false;
}

enum status lsm_ingest_begin(struct lsm *l, struct range_id range, struct lsm_ingest **ingest_out)
{
    if (l->failed) return STATUS_FENCED;
    struct lsm_ingest *in = calloc(1, sizeof *in);
    if (in == NULL) return STATUS_NO_MEMORY;
    list_init(&in->link);
    in->lsm = l;
    in->range = range;
    l->ingest_count++;
    worker_init(&in->worker, l);
    tables_writer_init(&in->tables, &in->worker, range, 0, l->options.table_bytes);
    table_take_init(&in->file, &in->worker);
    buf_init(&in->last, LSM_KEY_BYTES_MAX);
    *ingest_out = in;
    return STATUS_OK;
}

static enum status check_order(struct lsm_ingest *in, const struct lsm_item *item)
{
    struct item_key last = {in->last_space, buf_view(&in->last), in->last_ts};
    struct item_key next = item_key_of(item);
    if (in->any && item_key_compare(&last, &next) >= 0) return STATUS_CORRUPT;
    in->any = true;
    in->last_space = item->space;
    in->last_ts = item->ts;
    buf_reset(&in->last);
    buf_append_bytes(&in->last, item->key);
    return in->last.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

/* ---- sections ---- */

static enum status make_room(struct lsm_ingest *in)
{
    if (in->tables.count <= in->leveled_capacity) return STATUS_OK;
    uint32_t capacity = in->tables.count * 2;
    uint8_t *levels = realloc(in->levels, capacity);
    if (levels == NULL) return STATUS_NO_MEMORY;
    in->levels = levels;
    in->leveled_capacity = capacity;
    return STATUS_OK;
}

/* In a sorted level every table lies behind the one before (LSM-4). */
static bool follows(const struct lsm_ingest *in, uint32_t i)
{
    uint32_t level = in->section.level;
    if (level == 0 || i == 0 || in->levels[i - 1] != level) return true;
    return item_key_compare(&in->tables.tables[i - 1]->facts.last,
                            &in->tables.tables[i]->facts.first) < 0;
}

static enum status end_section(struct lsm_ingest *in)
{
    if (in->file.table != NULL) return STATUS_CORRUPT; /* a part of a table */
    enum status status = tables_writer_cut(&in->tables);
    if (status == STATUS_OK) status = make_room(in);
    if (status != STATUS_OK) return status;
    for (; in->leveled_count < in->tables.count; in->leveled_count++) {
        if (!follows(in, in->leveled_count)) return STATUS_CORRUPT;
        in->levels[in->leveled_count] = (uint8_t)in->section.level;
    }
    in->any = false;
    return STATUS_OK;
}

static enum status enter_section(struct lsm_ingest *in, const struct chunk_section *next)
{
    if (next->level >= LSM_LEVELS) return STATUS_CORRUPT;
    bool first = in->chunk_count == 0;
    bool same = !first && next->number == in->section.number;
    if (same) return next->level == in->section.level ? STATUS_OK : STATUS_CORRUPT;
    if (next->number != (first ? 0 : in->section.number + 1)) return STATUS_CORRUPT;
    if (!first && next->level > in->section.level) return STATUS_CORRUPT;
    enum status status = first ? STATUS_OK : end_section(in);
    in->section = *next;
    in->tables.size_max = next->level == 0 ? UINT64_MAX : in->lsm->options.table_bytes;
    return status;
}

static enum status take_file(struct lsm_ingest *in, const struct chunk *chunk)
{
    struct table *t;
    if (in->tables.writer != NULL) return STATUS_CORRUPT; /* items in the same section */
    enum status status = table_take_bytes(&in->file, in->range, &chunk->file, &t);
    if (status != STATUS_OK || t == NULL) return status;
    COVER("lsm_table_taken_whole");
    bool newer = t->facts.newest_ts > chunk->newest_ts;
    status = newer ? STATUS_CORRUPT : tables_writer_adopt(&in->tables, t);
    if (status == STATUS_OK) return STATUS_OK;
    t->obsolete = true;
    table_unpin(t);
    return status;
}

static enum status take_items(struct lsm_ingest *in, struct chunk *chunk)
{
    struct lsm_item item;
    enum status status;
    if (in->file.table != NULL) return STATUS_CORRUPT;
    while ((status = chunk_next(chunk, &item)) == STATUS_OK) {
        status = check_order(in, &item);
        if (status == STATUS_OK) status = tables_writer_add(&in->tables, &item);
        if (status != STATUS_OK) return status;
        if (item.space == LSM_SPACE_VERSIONS && item.ts > chunk->newest_ts) return STATUS_CORRUPT;
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status take_chunk(struct lsm_ingest *in, struct chunk *chunk)
{
    if (in->complete || chunk->sequence != in->chunk_count) return STATUS_CORRUPT;
    enum status status = enter_section(in, &chunk->section);
    if (status == STATUS_OK) status = chunk->is_file ? take_file(in, chunk) : take_items(in, chunk);
    if (status != STATUS_OK) return status;
    in->chunk_count++;
    if (chunk->newest_ts > in->newest_ts) in->newest_ts = chunk->newest_ts;
    in->complete = chunk->last;
    return STATUS_OK;
}

static void note_failure(struct lsm_ingest *in, enum status status)
{
    if (status == STATUS_OK || in->status != STATUS_OK) return;
    in->status = status;
    if (status == STATUS_IO) lsm_fail(in->lsm, status, "writing a received table failed");
}

enum status lsm_ingest_chunk(struct lsm_ingest *in, struct bytes bytes)
{
    if (in->status != STATUS_OK) return in->status;
    worker_resumed(&in->worker);
    struct chunk chunk;
    enum status status = chunk_open(bytes, &chunk);
    if (status == STATUS_OK) status = take_chunk(in, &chunk);
    note_failure(in, status);
    return status;
}

static void ingest_free(struct lsm_ingest *in, bool drop)
{
    ASSERT(in->lsm->ingest_count > 0);
    in->lsm->ingest_count--;
    table_take_deinit(&in->file);
    tables_writer_deinit(&in->tables, drop);
    free(in->levels);
    buf_deinit(&in->last);
    free(in);
}

/* Hands the tables over in one edit. *kept_out: the manifest may name them now. */
static enum status adopt(struct lsm_ingest *in, struct range *r, uint64_t index, struct bytes meta,
                         bool *kept_out)
{
    uint32_t count = in->tables.count;
    struct leveled_piece *added = calloc(count + 1, sizeof *added);
    if (added == NULL) return STATUS_NO_MEMORY;
    enum status status = tables_writer_pieces(&in->tables, 0, added);
    if (status != STATUS_OK) {
        free(added);
        return status;
    }
    ASSERT(in->leveled_count == count);
    for (uint32_t i = 0; i < count; i++)
        added[i].level = in->levels[i];
    struct edit e = {.kind = EDIT_INGEST,
                     .range = r,
                     .epoch = r->epoch,
                     .index = index,
                     .newest_ts = in->newest_ts > r->newest_ts ? in->newest_ts : r->newest_ts,
                     .meta = meta,
                     .added = added,
                     .added_count = count};
    status = memtable_create(&e.memtable);
    if (status == STATUS_OK) {
        list_push_back(&in->lsm->replacing, &in->link);
        status = edit_commit(&in->worker, &e);
        list_remove(&in->link);
        if (status != STATUS_OK) memtable_unpin(e.memtable);
    }
    *kept_out = e.written;
    for (uint32_t i = 0; i < count; i++)
        piece_unpin(added[i].piece);
    free(added);
    return status;
}

enum status lsm_ingest_commit(struct lsm_ingest *in, uint64_t index, struct bytes meta)
{
    struct lsm *l = in->lsm;
    struct range *r;
    bool kept = false;
    enum status status = in->status;
    bool part = in->chunk_count > 0 && !in->complete; /* no chunk at all: an empty range */
    if (status == STATUS_OK && part && !MUTANT("k21_snapshot_cut_short")) status = STATUS_INVALID;
    worker_resumed(&in->worker);
    if (status == STATUS_OK) {
        status = end_section(in);
        if (status == STATUS_OK) status = tables_writer_finish(&in->tables);
        note_failure(in, status);
    }
    if (status == STATUS_OK) status = split_wait(&in->worker, in->range);
    if (status == STATUS_OK) {
        r = range_find(l, in->range);
        if (r != NULL)
            range_pin(r);
        else
            status = range_alloc(l, in->range, &r);
    }
    if (status == STATUS_OK) {
        status = adopt(in, r, index, meta, &kept);
        range_unpin(r);
    }
    ingest_free(in, status != STATUS_OK && !kept);
    return status;
}

void lsm_ingest_abort(struct lsm_ingest *in)
{
    ingest_free(in, true);
}
