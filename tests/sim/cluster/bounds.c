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

/* The tables that a workload alone makes; 0: it uses the key API. */
static uint64_t tables_of(const char *workload)
{
    if (workload == NULL || strcmp(workload, "all") == 0 || strcmp(workload, "idem") == 0) return TABLES;
    if (strcmp(workload, "keys") == 0 || strcmp(workload, "past") == 0) return 0;
    return strcmp(workload, "skew") == 0 || strcmp(workload, "set") == 0 ? 2 : 1;
}

/* Runs with several workloads have the first tables more often than the others, which are made only when all are drawn. */
static uint64_t draw_table(struct prng *prng, const char *workload)
{
    uint64_t tables = tables_of(workload);
    if (tables < TABLES) return tables == 0 ? TABLES : prng_below(prng, tables);
    if (prng_below(prng, 8) == 0) return TABLES;
    uint64_t first = prng_below(prng, TABLES), second = prng_below(prng, TABLES);
    return first < second ? first : second;
}

/* Never the first one, and rather small ones: many runs have fewer keys than eight. */
static uint64_t draw_row(struct prng *prng, const char *workload, uint64_t table)
{
    uint64_t first = prng_below(prng, ROWS - 1), second = prng_below(prng, ROWS - 1);
    bool lists = workload == NULL || strcmp(workload, "all") == 0 || strcmp(workload, "append") == 0;
    if (table < TABLES && lists && prng_below(prng, 3) == 0) return AREA_KEYS * (1 + prng_below(prng, AREAS));
    return 2 + (first < second ? first : second);
}

void bounds_draw(struct bounds *b, struct prng *prng, uint32_t count, const char *workload)
{
    ASSERT(count <= BOUNDS_MAX);
    *b = (struct bounds){0};
    for (uint32_t i = 0; i < count; i++) {
        struct buf key;
        buf_init(&key, BOUNDS_KEY_BYTES);
        uint64_t table = draw_table(prng, workload), row = draw_row(prng, workload, table);
        if (table == TABLES) put_plain(&key, row);
        else put_row(&key, (uint32_t)table, (int64_t)row);
        ASSERT(!key.failed);
        insert(b, buf_view(&key));
        buf_deinit(&key);
    }
}
