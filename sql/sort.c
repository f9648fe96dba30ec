/* A merge sort from below. The library's own does not give way while it works, and takes its room from where nobody counts. */
#include "sql/sort.h"

#include "base/assert.h"

#define STEPS_PER_ITEM 16 /* compared and copied, as sql_eval_effort counts */
#define RUN_ITEMS 8       /* are put in order one by one */
#define SPARE_BYTES 64

struct sort {
    struct sql_eval *e;
    size_t size;
    int (*compare)(const void *a, const void *b, void *ctx);
    void *ctx;
};

static uint8_t *at(uint8_t *items, const struct sort *s, size_t i)
{
    return items + i * s->size;
}

/* spare: of one item. */
static void insert_each(const struct sort *s, uint8_t *items, size_t count, uint8_t *spare)
{
    for (size_t i = 1; i < count; i++) {
        size_t to = i;
        while (to > 0 && s->compare(at(items, s, to - 1), at(items, s, i), s->ctx) > 0) to--;
        if (to == i) continue;
        memcpy(spare, at(items, s, i), s->size);
        memmove(at(items, s, to + 1), at(items, s, to), (i - to) * s->size);
        memcpy(at(items, s, to), spare, s->size);
    }
}

/* from[0 .. middle) and from[middle .. count) are each in order. */
static enum status merge(const struct sort *s, uint8_t *from, size_t middle, size_t count, uint8_t *to)
{
    size_t a = 0, b = middle;
    for (size_t i = 0; i < count; i++) {
        bool first = b == count || (a < middle && s->compare(at(from, s, a), at(from, s, b), s->ctx) <= 0);
        memcpy(at(to, s, i), at(from, s, first ? a++ : b++), s->size);
        enum status status = sql_eval_effort(s->e, STEPS_PER_ITEM);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Runs become twice as long, from one array to the other. */
static enum status merge_all(const struct sort *s, uint8_t *items, uint8_t *other, size_t count)
{
    uint8_t *from = items, *to = other;
    for (size_t run = RUN_ITEMS; run < count; run *= 2) {
        for (size_t start = 0; start < count; start += 2 * run) {
            size_t pair = least(2 * run, count - start);
            enum status status = merge(s, at(from, s, start), least(run, pair), pair, at(to, s, start));
            if (status != STATUS_OK) return status;
        }
        uint8_t *sorted = to;
        to = from;
        from = sorted;
    }
    if (from != items) memcpy(items, from, count * s->size);
    return STATUS_OK;
}

enum status sql_sort(struct sql_eval *e, struct arena *arena, void *items, size_t count, size_t size,
                     int (*compare)(const void *a, const void *b, void *ctx), void *ctx)
{
    if (count < 2) return STATUS_OK;
    struct sort s = {e, size, compare, ctx};
    if (count <= RUN_ITEMS && size <= SPARE_BYTES) { /* as most are: the items of an IN */
        uint8_t spare[SPARE_BYTES];
        insert_each(&s, items, count, spare);
        return sql_eval_effort(e, STEPS_PER_ITEM * count);
    }
    struct arena *lender = arena->lender != NULL ? arena->lender : arena, scratch;
    arena_init_part(&scratch, lender, lender->size_max);
    uint8_t *other = arena_alloc(&scratch, count * size);
    enum status status = other == NULL ? sql_eval_no_memory(e) : STATUS_OK;
    for (size_t start = 0; status == STATUS_OK && start < count; start += RUN_ITEMS) {
        insert_each(&s, at(items, &s, start), least(RUN_ITEMS, count - start), other);
        status = sql_eval_effort(e, STEPS_PER_ITEM * RUN_ITEMS);
    }
    if (status == STATUS_OK) status = merge_all(&s, items, other, count);
    arena_deinit(&scratch);
    return status;
}
