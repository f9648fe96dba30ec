#include "lsm/chunk_int.h"
#include "lsm/lsm_int.h"
#include "lsm/table_load_int.h"
#include "lsm/table_verify_int.h"

#include <stdlib.h>

#define CHUNK_BYTES_MAX ((size_t)256 << 20)
#define AHEAD_BYTES_MAX ((uint64_t)16 << 20)
#define VERIFY_BYTES    ((size_t)1 << 20) /* in one call: checksums of so much take some 100 us */

/* Whole tables go as they are, checked block by block; what is only a part of one, and what is in
 * memory, goes item by item. From the last level up, and the oldest of level 0 first, so that the
 * receiver's tables can be numbered as they come. */
enum section_kind { SECTION_NONE, SECTION_FILE, SECTION_PIECE, SECTION_MEMORY };

/* What comes behind the present section, while that is being sent. */
struct ahead {
    bool known;
    struct piece *piece;     /* NULL: none */
    uint32_t level;
    struct table_load *load; /* of the table that will be sent whole; NULL: not begun */
};

struct lsm_snapshot {
    struct lsm *lsm;
    struct version *version; /* pinned */
    struct merge memory;     /* of the memtables */
    bool any_memory;
    uint64_t newest_ts;
    uint32_t level, i; /* of the next piece; in level 0 counted from the oldest */
    bool memory_sent;
    struct ahead ahead;
    /* The present section. */
    enum section_kind kind;
    struct chunk_section section;
    struct table_load *load; /* FILE */
    struct table_verifier verifier;
    bool verifying, verified;
    uint64_t offset;
    struct merge piece; /* PIECE */
    struct item_key first;
    bool advance; /* the merge still stands on the item handed out last */
    /* The chunk being filled, kept over STATUS_WAIT. */
    struct buf pending;
    struct chunk_writer writer;
    bool filling;
    uint64_t chunk_count;
};

/* ---- sections ---- */

/* The next piece in the order of sending, or NULL. */
static struct piece *take_piece(struct lsm_snapshot *s)
{
    const struct version *v = s->version;
    while (s->level > 0 && s->i == v->counts[s->level]) {
        s->level--;
        s->i = 0;
    }
    if (s->level == 0 && s->i == v->counts[0]) return NULL;
    bool oldest_first = s->level == 0 && !MUTANT("lsm_snapshot_newest_first");
    uint32_t at = oldest_first ? v->counts[0] - 1 - s->i : s->i;
    s->i++;
    return v->levels[s->level][at];
}

/* Where a piece stands in its version: cursors borrow the array. */
static struct piece **place_of(const struct version *v, uint32_t level, const struct piece *p)
{
    uint32_t i = 0;
    while (v->levels[level][i] != p)
        i++;
    return &v->levels[level][i];
}

static enum status open_piece(struct lsm_snapshot *s, struct piece *p)
{
    struct cursor *cursor;
    struct block_source *source = &s->lsm->cache.scan.source;
    merge_init(&s->piece, false);
    s->kind = SECTION_PIECE;
    enum status status =
        run_cursor_open(place_of(s->version, s->level, p), 1, source, false, &cursor);
    if (status == STATUS_OK) status = merge_add(&s->piece, cursor);
    if (status == STATUS_OK) merge_seek(&s->piece, &s->first);
    return status;
}

static enum status open_file(struct lsm_snapshot *s, struct piece *p, struct table_load *load)
{
    s->offset = 0;
    s->verifying = s->verified = false;
    s->load = load;
    enum status status = load != NULL ? STATUS_OK : table_load_open(s->lsm, p->table, &s->load);
    if (status == STATUS_OK) s->kind = SECTION_FILE;
    return status;
}

static bool goes_whole(const struct piece *p)
{
    return !piece_is_part(p) && p->table->size_bytes <= CHUNK_FILE_BYTES_MAX;
}

/* The disk reads the next table while this one is on its way, a part for each chunk that goes: as evenly as the rate of
 * snapshots, since the log's writes need the same disk. */
static void look_ahead(struct lsm_snapshot *s)
{
    struct ahead *a = &s->ahead;
    if (a->load != NULL) table_load_more(a->load);
    if (a->known) return;
    *a = (struct ahead){.known = true, .piece = take_piece(s), .level = s->level};
    bool loads = a->piece != NULL && goes_whole(a->piece) && !a->piece->table->corrupt &&
                 a->piece->table->size_bytes <= AHEAD_BYTES_MAX;
    if (!loads || table_load_open(s->lsm, a->piece->table, &a->load) != STATUS_OK) return;
    COVER("lsm_snapshot_reads_ahead");
}

static enum status open_section(struct lsm_snapshot *s)
{
    ASSERT(s->kind == SECTION_NONE);
    s->advance = false;
    struct ahead next = s->ahead;
    s->ahead = (struct ahead){0};
    struct piece *p = next.known ? next.piece : take_piece(s);
    if (p == NULL) {
        if (s->memory_sent || !s->any_memory) return STATUS_NOT_FOUND;
        s->memory_sent = true;
        s->kind = SECTION_MEMORY;
        s->section.level = 0;
        merge_seek(&s->memory, &s->first);
        return STATUS_OK;
    }
    s->section.level = next.known ? next.level : s->level;
    if (p->table->corrupt) {
        if (next.load != NULL) table_load_close(next.load);
        return STATUS_CORRUPT;
    }
    return goes_whole(p) ? open_file(s, p, next.load) : open_piece(s, p);
}

static void close_section(struct lsm_snapshot *s)
{
    if (s->verifying) table_verifier_deinit(&s->verifier);
    s->verifying = false;
    if (s->kind == SECTION_FILE) table_load_close(s->load);
    if (s->kind == SECTION_PIECE) merge_deinit(&s->piece);
    s->kind = SECTION_NONE;
}

/* ---- lifetime ---- */

static enum status add_memory(struct lsm_snapshot *s, const struct range *r, struct memtable *m)
{
    if (memtable_entry_count(m) == 0) return STATUS_OK;
    s->any_memory = true;
    return merge_add_memtable(&s->memory, m, r->applied_index, false, r->window, false);
}

static enum status open_view(struct lsm_snapshot *s, const struct range *r)
{
    enum status status = add_memory(s, r, r->active);
    LIST_FOR_EACH(link, &r->frozen)
    {
        if (status != STATUS_OK) return status;
        status = add_memory(s, r, CONTAINER_OF(link, struct frozen, link)->memtable);
    }
    return status;
}

enum status lsm_snapshot_open(struct lsm *l, struct range_id range,
                              struct lsm_snapshot **snapshot_out, uint64_t *index_out)
{
    const struct range *r = range_find(l, range);
    if (r == NULL) return STATUS_NOT_FOUND;
    if (r->corrupt) return STATUS_CORRUPT;
    struct lsm_snapshot *s = calloc(1, sizeof *s);
    if (s == NULL) return STATUS_NO_MEMORY;
    s->lsm = l;
    s->newest_ts = r->newest_ts;
    s->level = LSM_LEVELS - 1;
    s->version = r->version;
    s->first = (struct item_key){LSM_SPACE_FIRST, BYTES_EMPTY, LSM_TS_MAX};
    version_pin(s->version);
    l->reader_count++;
    merge_init(&s->memory, false);
    buf_init(&s->pending, CHUNK_BYTES_MAX);
    enum status status = open_view(s, r);
    if (status == STATUS_OK) status = open_section(s);
    if (status == STATUS_NOT_FOUND) status = STATUS_OK; /* an empty range */
    if (status != STATUS_OK) {
        lsm_snapshot_close(s);
        return status;
    }
    *index_out = r->applied_index;
    *snapshot_out = s;
    return STATUS_OK;
}

void lsm_snapshot_close(struct lsm_snapshot *s)
{
    close_section(s);
    if (s->ahead.load != NULL) table_load_close(s->ahead.load);
    merge_deinit(&s->memory);
    version_unpin(s->version);
    ASSERT(s->lsm->reader_count > 0);
    s->lsm->reader_count--;
    buf_deinit(&s->pending);
    free(s);
}

/* ---- chunks; STATUS_NOT_FOUND: the section is through ---- */

static enum status fill_items(struct lsm_snapshot *s, size_t full, struct lsm_waiter *waiter)
{
    struct merge *m = s->kind == SECTION_PIECE ? &s->piece : &s->memory;
    for (uint32_t added = 0; s->pending.size < full; added++) {
        if (added == LSM_SLICE_ITEMS_MAX) {
            waiter_queue(&s->lsm->turn_waiters, waiter);
            return STATUS_WAIT;
        }
        if (s->advance) merge_step(m);
        s->advance = false;
        const struct lsm_item *item;
        enum status status = merge_settle(m, waiter, &item);
        if (status != STATUS_OK) return status;
        chunk_add(&s->writer, item);
        s->advance = true;
        if (s->pending.failed) return STATUS_NO_MEMORY;
    }
    return STATUS_OK;
}

/* A table that is bad here is no better there. */
static enum status verify(struct lsm_snapshot *s, struct lsm_waiter *waiter)
{
    struct table *t = s->load->table;
    if (!s->verifying) {
        struct bytes file = bytes_make(s->load->data, (size_t)t->size_bytes);
        table_verifier_init(&s->verifier, t, file);
        s->verifying = true;
    }
    enum status status = table_verifier_step(&s->verifier, VERIFY_BYTES);
    if (status == STATUS_OK) {
        waiter_queue(&s->lsm->turn_waiters, waiter);
        return STATUS_WAIT;
    }
    if (status == STATUS_CORRUPT) table_damaged(t, "bad block", 0);
    s->verified = status == STATUS_NOT_FOUND;
    return s->verified ? STATUS_OK : status;
}

static enum status fill_file(struct lsm_snapshot *s, size_t size_target, struct lsm_waiter *waiter)
{
    enum status status = table_load_wait(s->load, waiter);
    if (status == STATUS_OK && !s->verified) status = verify(s, waiter);
    if (status != STATUS_OK) return status;
    look_ahead(s);
    const struct table *t = s->load->table;
    uint64_t left = t->size_bytes - s->offset,
             part = size_target > TABLE_ALIGN ? size_target : TABLE_ALIGN;
    if (part > left) part = left;
    struct chunk_file file = {s->offset, t->size_bytes, t->uid.high, t->uid.low,
                              bytes_make(s->load->data + s->offset, (size_t)part)};
    chunk_add_file(&s->writer, &file);
    s->offset += part;
    return s->offset == t->size_bytes ? STATUS_NOT_FOUND : STATUS_OK;
}

static enum status fill(struct lsm_snapshot *s, size_t size_target, struct lsm_waiter *waiter)
{
    if (s->kind == SECTION_NONE) return STATUS_NOT_FOUND;
    if (s->kind == SECTION_FILE) return fill_file(s, size_target, waiter);
    return fill_items(s, CHUNK_HEAD_BYTES + (size_target > 0 ? size_target : 1), waiter);
}

enum status lsm_snapshot_read(struct lsm_snapshot *s, size_t size_target, struct lsm_waiter *waiter,
                              struct buf *chunk)
{
    if (!s->filling) {
        buf_reset(&s->pending);
        chunk_begin(&s->writer, &s->pending);
        s->filling = true;
    }
    if (s->pending.failed) return STATUS_NO_MEMORY;
    enum status status = fill(s, size_target, waiter);
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) return status;
    struct chunk_section section = s->section;
    if (status == STATUS_NOT_FOUND) {
        close_section(s);
        status = open_section(s);
        s->section.number++;
    }
    if (status != STATUS_OK && status != STATUS_NOT_FOUND) return status;
    chunk_end(&s->writer, s->chunk_count, section, status == STATUS_NOT_FOUND, s->newest_ts);
    if (s->pending.failed) return STATUS_NO_MEMORY;
    s->filling = false;
    s->chunk_count++;
    buf_append_bytes(chunk, buf_view(&s->pending));
    return chunk->failed ? STATUS_NO_MEMORY : status;
}
