#include "lsm/piece_int.h"

#include <stdlib.h>

#include "lsm/lsm_int.h"

static struct item_key cut_place(const struct cut *c)
{
    return (struct item_key){c->space, c->key, LSM_TS_MAX};
}

/* ---- how much of the table it is ---- */

/* Bytes of the table between the cuts, as its top index tells: what an index block covers counts
 * half where a cut goes through it. */
static uint64_t bytes_between(const struct piece *p)
{
    struct block_cursor c;
    block_cursor_init(&c);
    const struct table *t = p->table;
    struct item_key low = t->facts.first; /* of what the present index block covers */
    struct buf low_key;
    buf_init(&low_key, LSM_KEY_BYTES_MAX);
    uint64_t bytes = 0, covered = 0;
    enum status status = block_cursor_open(&c, bytes_make(t->top, t->top_size));
    if (status == STATUS_OK) status = block_cursor_first(&c);
    for (; status == STATUS_OK; status = block_cursor_next(&c)) {
        struct block_handle handle;
        if (block_handle_get(c.item.value, &handle) != STATUS_OK) break;
        uint64_t end = handle.offset + handle.size, span = end > covered ? end - covered : 0;
        covered = end;
        struct item_key high = item_key_of(&c.item);
        bool outside = piece_ends_before(p, &low) || item_key_compare(&high, &p->first) < 0;
        bool inside = piece_holds(p, &low) && piece_holds(p, &high);
        if (!outside) bytes += inside ? span : span / 2;
        buf_reset(&low_key);
        buf_append_bytes(&low_key, c.item.key);
        low = (struct item_key){c.item.space, buf_view(&low_key), c.item.ts};
    }
    buf_deinit(&low_key);
    block_cursor_deinit(&c);
    return bytes < t->size_bytes ? bytes : t->size_bytes;
}

static void estimate(struct piece *p)
{
    const struct table *t = p->table;
    p->size_bytes = t->size_bytes;
    p->entry_count = t->facts.entry_count;
    if (!piece_is_part(p) || t->top == NULL || t->size_bytes == 0) return;
    p->size_bytes = bytes_between(p);
    p->entry_count =
        (uint64_t)((unsigned __int128)t->facts.entry_count * p->size_bytes / t->size_bytes);
}

/* ---- lifetime ---- */

static struct cut copy_cut(const struct cut *from, uint8_t *keys)
{
    if (from == NULL || !from->set) return (struct cut){0};
    if (from->key.size > 0) memcpy(keys, from->key.data, from->key.size);
    return (struct cut){true, from->space, bytes_make(keys, from->key.size)};
}

static size_t cut_bytes(const struct cut *c)
{
    return c == NULL || !c->set ? 0 : c->key.size;
}

/* Of a table that could not be opened nobody knows what it held. */
static void set_bounds(struct piece *p)
{
    const struct table *t = p->table;
    bool known = t->top != NULL;
    struct item_key begin = {LSM_SPACE_FIRST, BYTES_EMPTY, LSM_TS_MAX};
    struct item_key end = {(enum lsm_space)(LSM_SPACE_LAST + 1), BYTES_EMPTY, LSM_TS_MAX};
    p->first = p->low.set ? cut_place(&p->low) : known ? t->facts.first : begin;
    p->last = p->high.set ? cut_place(&p->high) : known ? t->facts.last : end;
    p->last_excluded = p->high.set || !known;
}

enum status piece_create(struct table *t, uint64_t id, const struct cut *low,
                         const struct cut *high, struct piece **piece_out)
{
    ASSERT(id != 0);
    struct piece *p = calloc(1, sizeof *p + cut_bytes(low) + cut_bytes(high));
    if (p == NULL) return STATUS_NO_MEMORY;
    p->refs = 1;
    p->id = id;
    p->table = t;
    table_pin(t);
    p->low = copy_cut(low, p->keys);
    p->high = copy_cut(high, p->keys + cut_bytes(low));
    set_bounds(p);
    estimate(p);
    *piece_out = p;
    return STATUS_OK;
}

void piece_pin(struct piece *p)
{
    ASSERT(p->refs > 0);
    p->refs++;
}

void piece_unpin(struct piece *p)
{
    ASSERT(p->refs > 0);
    if (--p->refs > 0) return;
    table_unpin(p->table);
    free(p);
}

/* ---- cutting ---- */

/* The part of p in one space that lies in the window. False: there is none. */
static bool cut_space(const struct piece *p, const struct window *w, enum lsm_space space,
                      struct cut *low, struct cut *high)
{
    struct cut begin = {true, space, w->from}, end = {true, space, w->to};
    if (w->to.size == 0) end.space = (enum lsm_space)(space + 1);
    struct item_key from = cut_place(&begin), to = cut_place(&end);
    bool low_own = item_key_compare(&p->first, &from) >= 0;
    bool high_own = item_key_compare(&p->last, &to) < 0 ||
                    (p->last_excluded && item_key_compare(&p->last, &to) == 0);
    *low = low_own ? p->low : begin;
    *high = high_own ? p->high : end;
    struct item_key first = low_own ? p->first : from;
    if (piece_ends_before(p, &first)) return false;
    return high_own || item_key_compare(&first, &to) < 0;
}

static bool same_cut(const struct cut *a, const struct cut *b)
{
    if (a->set != b->set) return false;
    return !a->set || (a->space == b->space && bytes_equal(a->key, b->key));
}

enum status piece_clip(struct piece *p, const struct window *w,
                       struct piece *parts[PIECE_PARTS_MAX], uint32_t *count_out)
{
    *count_out = 0;
    enum status status = STATUS_OK;
    for (enum lsm_space s = p->first.space; s <= p->last.space && s <= LSM_SPACE_LAST; s++) {
        struct cut low, high;
        if (!cut_space(p, w, s, &low, &high)) continue;
        if (same_cut(&low, &p->low) && same_cut(&high, &p->high)) {
            piece_pin(p);
            parts[(*count_out)++] = p;
            continue;
        }
        uint64_t id = p->table->lsm->next_table_number++;
        status = piece_create(p->table, id, &low, &high, &parts[*count_out]);
        if (status != STATUS_OK) break;
        ++*count_out;
    }
    if (status == STATUS_OK) return STATUS_OK;
    while (*count_out > 0)
        piece_unpin(parts[--*count_out]);
    return status;
}
