#include "tests/sim/cluster/bounds.h"

#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/codec.h"
#include "sql/catalog.h"
#include "txn/txn.h"

#define TABLES 4 /* that a run makes at most, before its clients start */
#define ROWS 8   /* the keys of most workloads are 1 to 8 */
#define AREAS 3  /* lists also begin at multiples of this, as sql_append.c spreads them */
#define AREA_KEYS 64

/* The key API's clients write below the first table. */
static void put_plain(struct buf *key, uint64_t k)
{
    put_u8(key, KEY_PREFIX_TABLE);
    put_be64(key, k);
}

/* Tables are numbered as they are made. */
static void put_row(struct buf *key, uint32_t table, int64_t k)
{
    catalog_first_table_key(k, key);
    ASSERT(key->size > 5 && key->data[0] == KEY_PREFIX_TABLE);
    store_be32(key->data + 1, load_be32(key->data + 1) + table);
}

/* Twice the same: one range less. */
static void insert(struct bounds *b, struct bytes key)
{
    uint32_t at = 0;
    while (at < b->count && bytes_compare(b->keys[at], key) < 0) at++;
    if (at < b->count && bytes_equal(b->keys[at], key)) return;
    ASSERT(key.size <= BOUNDS_KEY_BYTES);
    memcpy(b->text[b->count], key.data, key.size); /* texts stay where they are: the views move */
    struct bytes own = bytes_make(b->text[b->count], key.size);
    memmove(b->keys + at + 1, b->keys + at, (b->count - at) * sizeof *b->keys);
    b->keys[at] = own;
    b->count++;
}

void bounds_draw(struct bounds *b, struct prng *prng, uint32_t count)
{
    ASSERT(count <= BOUNDS_MAX);
    *b = (struct bounds){0};
    for (uint32_t i = 0; i < count; i++) {
        struct buf key;
        buf_init(&key, BOUNDS_KEY_BYTES);
        uint64_t row = 1 + prng_below(prng, ROWS + AREAS), table = prng_below(prng, TABLES + 1);
        if (row > ROWS && table < TABLES) row = (row - ROWS) * AREA_KEYS;
        if (table == TABLES) put_plain(&key, row);
        else put_row(&key, (uint32_t)table, (int64_t)row);
        ASSERT(!key.failed);
        insert(b, buf_view(&key));
        buf_deinit(&key);
    }
}
