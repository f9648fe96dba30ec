#include "lsm/flush_cut_int.h"

#include <stdlib.h>

#define FLUSH_NO_GAP UINT32_MAX
#define RUN_ITEM_BYTES \
    8192 /* a table of that many bytes per item of the shortest run: few tables are small */
#define RUN_ITEMS_MIN 8
#define SKIP_CUTS_MAX 8  /* the keys of a flush may lie far from each other, all of them */
#define SKIP_CUT_PART 64 /* of table_bytes: what is smaller does not get its own table for that */

static int begins_first(const void *a, const void *b)
{
    const struct piece *p = *(struct piece *const *)a, *q = *(struct piece *const *)b;
    int order = item_key_compare(&p->first, &q->first);
    return order != 0 ? order : (p->id > q->id) - (p->id < q->id);
}

enum status flush_cuts_init(struct flush_cuts *c, const struct version *v, struct memtable *m,
                            uint64_t table_bytes)
{
    uint64_t run_items = table_bytes / RUN_ITEM_BYTES;
    *c = (struct flush_cuts){.count = version_piece_count(v),
                             .gap = FLUSH_NO_GAP,
                             .memtable = m,
                             .table_bytes = table_bytes};
    c->run_items_min = run_items > RUN_ITEMS_MIN ? (uint32_t)run_items : RUN_ITEMS_MIN;
    c->pieces = calloc(c->count + 1, sizeof *c->pieces);
    if (c->pieces == NULL) return STATUS_NO_MEMORY;
    c->count = 0;
    for (uint32_t i = 0; i < version_piece_count(v); i++)
        if (!piece_is_ending(v->pieces[i])) c->pieces[c->count++] = v->pieces[i]; /* the others are merged with their like only */
    qsort(c->pieces, c->count, sizeof *c->pieces, begins_first);
    merge_init(&c->ahead, false);
    struct cursor *cursor;
    enum status status = memtable_cursor_open(m, UINT64_MAX, false, NULL, &cursor);
    if (status == STATUS_OK) status = merge_add(&c->ahead, cursor);
    if (status != STATUS_OK) flush_cuts_deinit(c);
    return status;
}

void flush_cuts_deinit(struct flush_cuts *c)
{
    merge_deinit(&c->ahead);
    free(c->pieces);
}

static bool reaches_further(const struct piece *p, const struct piece *than)
{
    int order = item_key_compare(&p->last, &than->last);
    return order != 0 ? order > 0 : !p->last_excluded && than->last_excluded;
}

/* Some version of the item's key may stand before the piece ends. By keys, so that the versions of
 * one stay together. */
static bool ends_before_key(const struct piece *p, const struct lsm_item *item)
{
    struct item_key newest = {item->space, item->key, LSM_TS_MAX};
    return piece_ends_before(p, &newest);
}

static bool begins_behind_key(const struct piece *p, const struct lsm_item *item)
{
    struct item_key oldest = {item->space, item->key, 0};
    return item_key_compare(&p->first, &oldest) > 0;
}

static void advance(struct flush_cuts *c, const struct lsm_item *item)
{
    c->skipped_bytes = 0;
    while (c->next < c->count && !begins_behind_key(c->pieces[c->next], item)) {
        const struct piece *p = c->pieces[c->next++];
        if (c->reach == NULL || reaches_further(p, c->reach)) c->reach = p;
        if (ends_before_key(p, item)) c->skipped_bytes += p->size_bytes;
    }
}

/* Do so many items follow before the next piece begins? */
static bool is_long(struct flush_cuts *c, const struct lsm_item *item)
{
    struct item_key from = item_key_of(item);
    const struct lsm_item *one;
    merge_seek(&c->ahead, &from);
    for (uint32_t i = 0;; i++) {
        if (merge_settle(&c->ahead, NULL, &one) != STATUS_OK) return false;
        if (c->next < c->count && !begins_behind_key(c->pieces[c->next], one)) return false;
        if (i == c->run_items_min) return true;
        merge_step(&c->ahead);
    }
}

/* Begins and ends runs, and cuts long ones into tables. */
static bool cuts_run(struct flush_cuts *c, const struct table_writer *t,
                     const struct lsm_item *item)
{
    bool was_in_run = c->in_run;
    if (c->reach != NULL && !ends_before_key(c->reach, item)) { /* among what is there */
        c->gap = FLUSH_NO_GAP;
        c->in_run = false;
        return was_in_run;
    }
    if (c->gap != c->next) {
        c->gap = c->next;
        c->in_run = is_long(c, item) && !MUTANT("lsm_flush_runs_not_cut");
        return was_in_run || c->in_run;
    }
    bool full = was_in_run && table_writer_size(t) >= c->table_bytes / 2;
    return full && !bytes_equal(buf_view(&t->last), item->key);
}

bool flush_cuts_before(void *ctx, const struct table_writer *t, const struct lsm_item *item)
{
    struct flush_cuts *c = ctx;
    advance(c, item);
    if (t == NULL) { /* the first item */
        ASSERT(!c->in_run);
        c->skipped_bytes = 0;
    }
    if (cuts_run(c, t, item)) {
        COVER("lsm_flush_run");
        return true;
    }
    bool far = c->skipped_bytes >= c->table_bytes / 2 && !MUTANT("lsm_flush_skips_nothing");
    if (!far || table_writer_size(t) < c->table_bytes / SKIP_CUT_PART ||
        c->skip_cut_count == SKIP_CUTS_MAX)
        return false;
    COVER("lsm_flush_skips");
    c->skip_cut_count++;
    return true;
}
