#include "shard/key_index.h"

#include <stdlib.h>

#include "base/assert.h"

void key_index_init(struct key_index *x)
{
    *x = (struct key_index){0};
}

void key_index_deinit(struct key_index *x)
{
    free(x->items);
    key_index_init(x);
}

enum status key_index_reserve(struct key_index *x, uint32_t count)
{
    if (count <= x->capacity) return STATUS_OK;
    uint32_t capacity = x->capacity == 0 ? 16 : x->capacity;
    while (capacity < count) capacity *= 2;
    struct descriptor **items = realloc(x->items, capacity * sizeof *items);
    if (items == NULL) return STATUS_NO_MEMORY;
    x->items = items;
    x->capacity = capacity;
    return STATUS_OK;
}

static int order(const struct descriptor *a, const struct descriptor *b)
{
    int by_key = bytes_compare(a->start, b->start);
    if (by_key != 0) return by_key;
    return (a->range.value > b->range.value) - (a->range.value < b->range.value);
}

/* How many stand before d. */
static uint32_t place_of(const struct key_index *x, const struct descriptor *d)
{
    uint32_t low = 0, high = x->count;
    if (high > 0 && order(x->items[high - 1], d) < 0) return high; /* most come in order */
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (order(x->items[middle], d) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

enum status key_index_put(struct key_index *x, struct descriptor *d)
{
    enum status status = key_index_reserve(x, x->count + 1);
    if (status != STATUS_OK) return status;
    uint32_t at = place_of(x, d);
    ASSERT(at == x->count || order(x->items[at], d) != 0);
    memmove(x->items + at + 1, x->items + at, (x->count - at) * sizeof *x->items);
    x->items[at] = d;
    x->count++;
    return STATUS_OK;
}

bool key_index_remove(struct key_index *x, const struct descriptor *d)
{
    uint32_t at = place_of(x, d);
    if (at == x->count || x->items[at] != d) return false;
    x->count--;
    memmove(x->items + at, x->items + at + 1, (x->count - at) * sizeof *x->items);
    return true;
}

uint32_t key_index_upto(const struct key_index *x, struct bytes key)
{
    uint32_t low = 0, high = x->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (bytes_compare(x->items[middle]->start, key) <= 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

uint32_t key_index_before(const struct key_index *x, struct bytes key)
{
    if (key.size == 0) return x->count;
    uint32_t n = key_index_upto(x, key);
    while (n > 0 && bytes_equal(x->items[n - 1]->start, key)) n--;
    return n;
}

struct descriptor *key_index_find(const struct key_index *x, struct bytes key)
{
    uint32_t count = key_index_upto(x, key);
    if (count == 0 || !descriptor_contains(x->items[count - 1], key)) return NULL;
    return x->items[count - 1];
}

bool key_index_overlaps(const struct key_index *x, struct bytes start, struct bytes end)
{
    uint32_t n = key_index_before(x, end); /* those before the last of them end before it starts */
    return n > 0 && descriptor_overlaps(x->items[n - 1], start, end);
}
