#include "lsm/lsm_int.h"

/* A lookup asks the sources from the newest to the oldest. Versions of a key usually grow older on
 * the way, but nothing demands it: a source is left out only when all its timestamps are at or
 * below the best version found so far (an equal one there would be the state that was replaced). */
struct lookup {
    struct lsm *lsm;
    struct lsm_waiter *waiter;
    struct item_key target; /* the key at ts_max */
    bool lasts;       /* no version of it ends by itself */
    bool ends;        /* all do, and */
    uint64_t ts_min;  /* lie here or above */
    uint64_t filter_hash;
    bool found;
    struct lsm_version version;
    struct bytes value;  /* view into the source */
    struct block *block; /* pinned when value lies in it */
};

static bool may_hold_better(const struct lookup *k, uint64_t newest_ts)
{
    if (!k->found) return true;
    if (MUTANT("lsm_get_trusts_first_source")) return false;
    return k->target.space == LSM_SPACE_VERSIONS && newest_ts > k->version.ts;
}

static void take(struct lookup *k, uint64_t ts, bool tombstone, struct bytes value,
                 struct block *block)
{
    ASSERT(ts <= k->target.ts);
    if (k->block != NULL) block_unpin(k->block);
    k->found = true;
    k->version = (struct lsm_version){ts, tombstone};
    k->value = value;
    k->block = block;
}

static void ask_memtable(struct lookup *k, const struct memtable *m)
{
    if (!may_hold_better(k, m->newest_ts)) return;
    const struct mem_entry *e = memtable_find(m, k->target.space, k->target.key, k->target.ts, k->filter_hash);
    if (m->ending.count > 0 && !k->lasts && k->target.space == LSM_SPACE_VERSIONS) {
        const struct mem_entry *ending = mem_ending_find(&m->ending, k->target.key, k->target.ts, k->filter_hash);
        if (e == NULL || (ending != NULL && ending->ts > e->ts)) e = ending;
    }
    if (e == NULL || (k->found && k->version.ts >= e->ts)) return;
    const struct mem_value *v = e->newest;
    take(k, e->ts, v->tombstone, bytes_make(v->data, v->size), NULL);
}

/* ---- tables ---- */

static enum status load(struct lookup *k, struct table *t, struct block_handle handle,
                        enum block_kind kind, struct block **block_out)
{
    struct block_source *source = &k->lsm->cache.point.source;
    return source->load(source, t, handle, kind, k->waiter, block_out);
}

/* STATUS_OK: the key may be there; STATUS_NOT_FOUND: it is not. */
static enum status ask_filter(struct lookup *k, struct table *t)
{
    uint32_t lines = t->facts.filter_line_count, line = filter_line(k->filter_hash, lines);
    uint32_t block = line / FILTER_LINES_PER_BLOCK, first = block * FILTER_LINES_PER_BLOCK;
    uint32_t count =
        lines - first < FILTER_LINES_PER_BLOCK ? lines - first : FILTER_LINES_PER_BLOCK;
    const uint32_t frame = BLOCK_HEAD_BYTES + BLOCK_TRAILER_BYTES;
    uint64_t stride = FILTER_LINES_PER_BLOCK * FILTER_LINE_BYTES + frame;
    struct block_handle handle = {t->facts.filter_offset + block * stride,
                                  count * FILTER_LINE_BYTES + frame};
    struct block *b;
    enum status status = load(k, t, handle, BLOCK_KIND_FILTER, &b);
    if (status != STATUS_OK) return status;
    if (b->raw_size == count * FILTER_LINE_BYTES) {
        const uint8_t *bits = b->raw + (size_t)(line - first) * FILTER_LINE_BYTES;
        status = filter_line_may_contain(bits, k->filter_hash) ? STATUS_OK : STATUS_NOT_FOUND;
    } else {
        status = STATUS_CORRUPT;
    }
    block_unpin(b);
    return status;
}

/* Finds the first entry at or after the target in the block that handle_of points at. */
static enum status descend(struct lookup *k, struct table *t, const struct block_cursor *parent,
                           enum block_kind kind, struct block_cursor *child,
                           struct block **block_out)
{
    struct block_handle handle;
    enum status status = block_handle_get(parent->item.value, &handle);
    if (status == STATUS_OK) status = load(k, t, handle, kind, block_out);
    if (status != STATUS_OK) return status;
    status = block_cursor_open(child, block_raw(*block_out));
    if (status == STATUS_OK) status = block_cursor_seek(child, &k->target);
    if (status == STATUS_NOT_FOUND)
        status = STATUS_CORRUPT; /* its last key is not before the target */
    if (status != STATUS_OK) block_unpin(*block_out);
    return status;
}

/* The item at or after the target, in a data block that stays pinned. */
static enum status find(struct lookup *k, struct table *t, struct block **block_out)
{
    struct lsm *l = k->lsm;
    enum status status = block_cursor_open(&l->find_top, bytes_make(t->top, t->top_size));
    if (status == STATUS_OK) status = block_cursor_seek(&l->find_top, &k->target);
    if (status != STATUS_OK) return status;
    struct block *index;
    status = descend(k, t, &l->find_top, BLOCK_KIND_INDEX, &l->find_index, &index);
    if (status != STATUS_OK) return status;
    status = descend(k, t, &l->find_index, BLOCK_KIND_DATA, &l->find_data, block_out);
    block_unpin(index);
    return status;
}

static enum status ask_piece(struct lookup *k, struct piece *p)
{
    struct table *t = p->table;
    const struct item_key *first = &p->first;
    if (!may_hold_better(k, t->facts.newest_ts)) return STATUS_OK;
    if (k->ends && (t->facts.ending_count == 0 || t->facts.newest_ts < k->ts_min) && !t->corrupt) return STATUS_OK;
    if (first->space > k->target.space) return STATUS_OK;
    if (first->space == k->target.space && bytes_compare(first->key, k->target.key) > 0)
        return STATUS_OK;
    if (t->corrupt) return STATUS_CORRUPT;
    enum status status = ask_filter(k, t);
    struct block *block;
    if (status == STATUS_OK) status = find(k, t, &block);
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    if (status == STATUS_CORRUPT && !t->corrupt) table_damaged(t, "blocks contradict", 0);
    if (status != STATUS_OK) return status;
    const struct lsm_item *item = &k->lsm->find_data.item;
    bool match = item->space == k->target.space && bytes_equal(item->key, k->target.key);
    if (match && (!k->found || item->ts > k->version.ts))
        take(k, item->ts, item->tombstone, item->value, block);
    else
        block_unpin(block);
    return STATUS_OK;
}

/* Ending pieces are behind the others, the newest first. */
static enum status ask_level0(struct lookup *k, const struct version *v)
{
    uint32_t count = k->lasts ? v->lasting_count : v->counts[0];
    enum status status = STATUS_OK;
    for (uint32_t i = 0; status == STATUS_OK && i < count; i++) {
        struct piece *p = v->levels[0][i];
        if (k->ends && i >= v->lasting_count && p->table->facts.newest_ts < k->ts_min) break;
        if (!piece_ends_before(p, &k->target)) status = ask_piece(k, p);
    }
    return status;
}

static enum status ask_version(struct lookup *k, const struct version *v)
{
    enum status status = ask_level0(k, v);
    for (uint32_t level = 1; status == STATUS_OK && level < LSM_LEVELS; level++) {
        uint32_t i = run_find(v->levels[level], v->counts[level], &k->target);
        if (i < v->counts[level]) status = ask_piece(k, v->levels[level][i]);
    }
    return status;
}

static enum status answer(struct lookup *k, struct lsm_version *version_out, struct buf *value)
{
    if (!k->found) return STATUS_NOT_FOUND;
    if (value != NULL) {
        buf_append_bytes(value, k->value);
        if (value->failed) return STATUS_NO_MEMORY;
    }
    *version_out = k->version;
    return STATUS_OK;
}

static bool never_ends(const struct lsm *l, struct bytes key)
{
    const struct lsm_options *o = &l->options;
    return o->value_ends == NULL || (o->key_may_end != NULL && !o->key_may_end(key));
}

static enum status look_up(struct lsm *l, struct range_id range, struct lookup *k)
{
    struct item_key target = k->target;
    struct range *r = range_find(l, range);
    if (r == NULL) return STATUS_NOT_FOUND;
    if (r->corrupt) return STATUS_CORRUPT;
    if (r->window != NULL && !window_has(r->window, target.key)) return STATUS_NOT_FOUND;
    k->filter_hash = filter_hash(target.space, target.key);
    ask_memtable(k, r->active);
    LIST_FOR_EACH(link, &r->frozen)
    ask_memtable(k, CONTAINER_OF(link, struct frozen, link)->memtable);
    if (version_piece_count(r->version) == 0) return STATUS_OK;
    return ask_version(k, r->version);
}

enum status lsm_get(struct lsm *l, struct range_id range, enum lsm_space space, struct bytes key,
                    uint64_t ts_max, struct lsm_waiter *waiter, struct lsm_version *version_out,
                    struct buf *value)
{
    ASSERT(lsm_space_valid(space));
    struct lookup k = {
        .lsm = l, .waiter = waiter, .target = {space, key, ts_max}, .lasts = never_ends(l, key)};
    enum status status = look_up(l, range, &k);
    if (status == STATUS_OK) status = answer(&k, version_out, value);
    if (k.block != NULL) block_unpin(k.block);
    return status;
}

enum status lsm_find_ending(struct lsm *l, struct range_id range, struct bytes key, uint64_t ts_min,
                            struct lsm_waiter *waiter, struct lsm_version *version_out)
{
    struct lookup k = {.lsm = l,
                       .waiter = waiter,
                       .target = {LSM_SPACE_VERSIONS, key, LSM_TS_MAX},
                       .ts_min = ts_min,
                       .ends = true};
    enum status status = look_up(l, range, &k);
    if (status == STATUS_OK) status = answer(&k, version_out, NULL);
    if (k.block != NULL) block_unpin(k.block);
    return status;
}
