#include <stdlib.h>

#include "lsm/lsm_int.h"

/* Where half of a range's bytes lie on each side. Samples of keys with the bytes that stand for
 * each come from the memtables and from the index blocks; of ranges with many of those the top
 * blocks, which are in memory, say enough. */

#define MEMTABLE_SAMPLES     64
#define INDEX_BLOCKS_MAX     16 /* as many are read; of more, their entries in the top block do */
#define SAMPLE_KEY_BYTES_MAX ((size_t)64 << 20)

struct sample {
    size_t key_at, key_size; /* in keys, until all are there */
    struct bytes key;
    uint64_t bytes;
};

struct samples {
    struct lsm *lsm;
    const struct range *range;
    struct lsm_waiter *waiter;
    struct buf keys, list; /* list: struct sample */
    uint64_t bytes;
    struct bytes first; /* nothing of the range lies before; borrowed */
    bool any, waits;
};

static void add(struct samples *s, struct bytes key, uint64_t bytes)
{
    if (s->range->window != NULL && !window_has(s->range->window, key)) return;
    struct sample one = {.key_at = s->keys.size, .key_size = key.size, .bytes = bytes};
    buf_append_bytes(&s->keys, key);
    buf_append(&s->list, &one, sizeof one);
    s->bytes += bytes;
}

static void add_first(struct samples *s, struct bytes key)
{
    if (!s->any || bytes_compare(key, s->first) < 0) s->first = key;
    s->any = true;
}

/* ---- memtables ---- */

/* The entry at `part` of `parts` of the way. */
static const struct mem_entry *entry_at(const struct mem_tree *t, uint64_t part, uint64_t parts)
{
    const struct mem_node *n = t->root;
    while (n->level > 0) {
        uint64_t at = part * n->count;
        part = at % parts;
        n = CONTAINER_OF(n, struct mem_inner, node)->children[at / parts];
    }
    return n->entries[part * n->count / parts];
}

static uint64_t parts_of(uint64_t count)
{
    return count < MEMTABLE_SAMPLES ? count : MEMTABLE_SAMPLES;
}

static struct bytes key_in(const struct mem_run *run, uint64_t slot)
{
    return mem_entry_key(run->slots[slot].entry);
}

/* Of values that end, some of each run. */
static void sample_ending(struct samples *s, const struct mem_ending *z, uint64_t bytes)
{
    uint64_t stride = z->count / parts_of(z->count);
    for (const struct mem_run *run = z->runs; run < z->runs + z->run_count; run++) {
        bool sorted = run->count == run->capacity;
        for (uint32_t i = 0; i < (sorted ? 1 : run->count); i++) add_first(s, key_in(run, i));
        for (uint64_t i = 0; i < run->count; i += stride) add(s, key_in(run, i), bytes);
    }
}

static void sample_memtable(struct samples *s, const struct memtable *m)
{
    const struct mem_tree *t = &m->trees[LSM_SPACE_VERSIONS - LSM_SPACE_FIRST];
    uint64_t parts = parts_of(t->count), all = parts + parts_of(m->ending.count);
    for (uint64_t i = 0; i < parts; i++) {
        struct bytes key = mem_entry_key(entry_at(t, i, parts));
        if (i == 0) add_first(s, key);
        add(s, key, memtable_bytes(m) / all);
    }
    if (m->ending.count > 0) sample_ending(s, &m->ending, memtable_bytes(m) / all);
}

/* ---- tables ---- */

static bool counts(const struct piece *p, const struct lsm_item *entry)
{
    struct item_key place = item_key_of(entry);
    return entry->space == LSM_SPACE_VERSIONS && piece_holds(p, &place);
}

static enum status sample_index(struct samples *s, const struct piece *p,
                                struct block_handle handle)
{
    struct block_source *source = &s->lsm->cache.point.source;
    struct block *block;
    enum status status =
        source->load(source, p->table, handle, BLOCK_KIND_INDEX, s->waiter, &block);
    if (status == STATUS_WAIT) {
        s->waits = true;
        return STATUS_OK; /* the others are asked for at the same time */
    }
    if (status != STATUS_OK) return status;
    struct block_cursor c;
    block_cursor_init(&c);
    status = block_cursor_open(&c, block_raw(block));
    if (status == STATUS_OK) status = block_cursor_first(&c);
    for (; status == STATUS_OK; status = block_cursor_next(&c)) {
        struct block_handle data;
        status = block_handle_get(c.item.value, &data);
        if (status != STATUS_OK) break;
        if (counts(p, &c.item)) add(s, c.item.key, data.size);
    }
    block_cursor_deinit(&c);
    block_unpin(block);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static enum status sample_piece(struct samples *s, const struct piece *p, bool deep)
{
    if (p->table->corrupt) return STATUS_CORRUPT;
    if (p->first.space > LSM_SPACE_VERSIONS) return STATUS_OK;
    add_first(s, p->first.key);
    struct block_cursor c;
    uint64_t covered = 0;
    block_cursor_init(&c);
    enum status status = block_cursor_open(&c, bytes_make(p->table->top, p->table->top_size));
    if (status == STATUS_OK) status = block_cursor_first(&c);
    for (; status == STATUS_OK; status = block_cursor_next(&c)) {
        struct block_handle index;
        status = block_handle_get(c.item.value, &index);
        if (status == STATUS_OK && deep) status = sample_index(s, p, index);
        if (status != STATUS_OK) break;
        uint64_t end = index.offset + index.size;
        if (!deep && counts(p, &c.item)) add(s, c.item.key, end > covered ? end - covered : 0);
        covered = end;
    }
    block_cursor_deinit(&c);
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

static uint32_t index_block_count(const struct version *v)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < version_piece_count(v); i++) {
        struct block_cursor c;
        const struct table *t = v->pieces[i]->table;
        block_cursor_init(&c);
        enum status status = block_cursor_open(&c, bytes_make(t->top, t->top_size));
        if (status == STATUS_OK) status = block_cursor_first(&c);
        for (; status == STATUS_OK && count <= INDEX_BLOCKS_MAX; status = block_cursor_next(&c))
            count++;
        block_cursor_deinit(&c);
    }
    return count;
}

/* ---- the answer ---- */

static enum status collect(struct samples *s)
{
    const struct range *r = s->range;
    sample_memtable(s, r->active);
    LIST_FOR_EACH(link, &r->frozen)
    sample_memtable(s, CONTAINER_OF(link, struct frozen, link)->memtable);
    const struct version *v = r->version;
    bool deep = index_block_count(v) <= INDEX_BLOCKS_MAX;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < version_piece_count(v) && status == STATUS_OK; i++)
        status = sample_piece(s, v->pieces[i], deep);
    if (status != STATUS_OK) return status;
    if (s->waits) return STATUS_WAIT;
    return s->keys.failed || s->list.failed ? STATUS_NO_MEMORY : STATUS_OK;
}

static int by_key(const void *a, const void *b)
{
    return bytes_compare(((const struct sample *)a)->key, ((const struct sample *)b)->key);
}

static enum status choose(struct samples *s, struct buf *key_out)
{
    struct sample *list = (struct sample *)(void *)s->list.data;
    size_t count = s->list.size / sizeof *list;
    for (size_t i = 0; i < count; i++)
        list[i].key = bytes_make(s->keys.data + list[i].key_at, list[i].key_size);
    if (count > 0) qsort(list, count, sizeof *list, by_key);
    uint64_t passed = 0;
    for (size_t i = 0; i < count; i++) {
        passed += list[i].bytes;
        if (passed < (s->bytes + 1) / 2 || bytes_compare(list[i].key, s->first) <= 0) continue;
        buf_append_bytes(key_out, list[i].key);
        return key_out->failed ? STATUS_NO_MEMORY : STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

enum status lsm_range_middle(struct lsm *l, struct range_id range, struct lsm_waiter *waiter,
                             struct buf *key_out)
{
    const struct range *r = range_find(l, range);
    if (r == NULL) return STATUS_NOT_FOUND;
    if (r->corrupt) return STATUS_CORRUPT;
    struct samples s = {.lsm = l, .range = r, .waiter = waiter};
    buf_init(&s.keys, SAMPLE_KEY_BYTES_MAX);
    buf_init(&s.list, SAMPLE_KEY_BYTES_MAX);
    enum status status = collect(&s);
    if (status == STATUS_OK) status = choose(&s, key_out);
    if (status != STATUS_OK && status != STATUS_WAIT && waiter != NULL) lsm_waiter_cancel(waiter);
    buf_deinit(&s.keys);
    buf_deinit(&s.list);
    return status;
}
