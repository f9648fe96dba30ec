#include "tests/lsm/ending.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define RECORD_KEY "row%04d!%04" PRIu64

static uint64_t value_ends(struct bytes value)
{
    return value.size >= 5 && value.data[0] == 'E'
               ? strtoull((const char *)value.data + 1, NULL, 10)
               : 0;
}

static bool key_may_end(struct bytes key)
{
    return key.size > 7 && key.data[7] == '!';
}

void ending_open(struct ending *e)
{
    struct sim_options options;
    sim_options_init(&options, 1);
    *e = (struct ending){.sim = sim_create(&options)};
    store_init_sim(&e->store, e->sim);
    e->store.options.memtable_bytes = 4u << 20; /* flushed when the test says so */
    e->store.options.value_ends = value_ends;
    e->store.options.key_may_end = key_may_end;
    store_open(&e->store);
    assert_int_equal(lsm_range_create(e->store.l, rid(1)), STATUS_OK);
}

void ending_close(struct ending *e)
{
    store_deinit(&e->store);
    sim_destroy(e->sim);
}

void ending_round(struct ending *e, uint64_t end)
{
    char key[32], value[64];
    e->written++;
    for (int row = 0; row < ENDING_ROWS; row++) {
        snprintf(key, sizeof key, "row%04d", row);
        snprintf(value, sizeof value, "value %d of round %" PRIu64, row * 7919 % 1000, e->written);
        store_put(&e->store, 1, ++e->index, LSM_SPACE_VERSIONS, key, e->written, value);
        snprintf(key, sizeof key, RECORD_KEY, row, e->written);
        snprintf(value, sizeof value, "E%04" PRIu64 " %d", end, row);
        store_put(&e->store, 1, ++e->index, LSM_SPACE_VERSIONS, key, e->written, value);
    }
    store_flush(&e->store, 1);
    store_settle(&e->store);
}

static bool is_there(struct ending *e, uint64_t range, const char *key)
{
    struct lsm_version version;
    return store_get(&e->store, range, LSM_SPACE_VERSIONS, bytes_of_string(key), LSM_TS_MAX,
                     &version, NULL) == STATUS_OK;
}

void ending_expect(struct ending *e, uint64_t range, uint64_t rows, uint64_t records)
{
    char key[32];
    uint64_t rows_found = 0, found = 0;
    for (int row = 0; row < ENDING_ROWS; row++) {
        snprintf(key, sizeof key, "row%04d", row);
        rows_found += is_there(e, range, key);
        for (uint64_t round = 1; round <= e->written; round++) {
            snprintf(key, sizeof key, RECORD_KEY, row, round);
            found += is_there(e, range, key);
        }
    }
    assert_u64_equal(rows_found, rows);
    assert_u64_equal(found, records);
}

uint32_t ending_pieces(const struct ending *e, uint64_t *entries_out)
{
    const struct version *v = range_find(e->store.l, rid(1))->version;
    uint32_t count = 0;
    *entries_out = 0;
    for (uint32_t i = 0; i < v->counts[0]; i++) {
        const struct table_facts *f = &v->levels[0][i]->table->facts;
        if (f->ending_count == 0 || f->ending_count < f->entry_count) continue;
        *entries_out += v->levels[0][i]->entry_count;
        count++;
    }
    return count;
}

void ending_run(void)
{
    struct ending e;
    uint64_t entries;
    ending_open(&e);
    for (uint64_t round = 1; round <= 6; round++)
        ending_round(&e, 1000 + round);
    const struct range *r = range_find(e.store.l, rid(1));
    assert_true(r->version->counts[LSM_LEVELS - 1] > 0); /* rows went down */
    assert_int_equal(ending_pieces(&e, &entries), 6);
    assert_u64_equal(entries, 6 * ENDING_ROWS);
    ending_expect(&e, 1, ENDING_ROWS, 6 * ENDING_ROWS);
    for (uint64_t round = 7; round <= 8; round++)
        ending_round(&e, 1000 + round); /* eight are merged into one */
    ending_expect(&e, 1, ENDING_ROWS, 8 * ENDING_ROWS);
    lsm_range_set_gc(e.store.l, rid(1), 1007);
    store_settle(&e.store);
    assert_true(ending_pieces(&e, &entries) > 0);
    ending_expect(&e, 1, ENDING_ROWS, ENDING_ROWS * (entries == ENDING_ROWS ? 1 : 8));
    lsm_range_set_gc(e.store.l, rid(1), 1008);
    store_settle(&e.store);
    assert_int_equal(ending_pieces(&e, &entries), 0);
    ending_expect(&e, 1, ENDING_ROWS, 0);
    ending_close(&e);
}
