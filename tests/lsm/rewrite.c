#include "tests/lsm/rewrite.h"

#include <inttypes.h>
#include <stdlib.h>

#define VALUE_BYTES 200

void rewrite_open(struct rewrite *w)
{
    struct sim_options options;
    sim_options_init(&options, 1);
    *w = (struct rewrite){.sim = sim_create(&options)};
    prng_init(&w->prng, 1);
    store_init_sim(&w->store, w->sim);
    w->store.options.memtable_bytes = 4u << 20; /* flushed when the test says so */
    store_open(&w->store);
    assert_int_equal(lsm_range_create(w->store.l, rid(1)), STATUS_OK);
}

void rewrite_close(struct rewrite *w)
{
    store_deinit(&w->store);
    sim_destroy(w->sim);
}

void rewrite_put(struct rewrite *w, const char *key, uint64_t ts)
{
    char value[VALUE_BYTES + 1] = {0};
    for (size_t at = 0; at < VALUE_BYTES; at++)
        value[at] = (char)prng_between(&w->prng, 33, 126);
    store_put(&w->store, 1, ++w->index, LSM_SPACE_VERSIONS, key, ts, value);
}

void rewrite_flush(struct rewrite *w, int rows, int ascending)
{
    char key[24];
    for (int i = 0; i < rows || i < ascending; i++) {
        w->number++;
        snprintf(key, sizeof key, "a%03" PRIu64, prng_next(&w->prng) % 200);
        if (i < rows) rewrite_put(w, key, w->number);
        snprintf(key, sizeof key, "b%09" PRIu64, w->number + 4 - prng_next(&w->prng) % 4);
        if (i < ascending) rewrite_put(w, key, w->number);
    }
    store_flush(&w->store, 1);
    store_settle(&w->store);
}

uint64_t rewrite_share(const struct rewrite *w)
{
    const struct lsm_metrics *m = lsm_metrics(w->store.l);
    return m->compaction_write_bytes * 100 / m->flush_bytes;
}

static void put_large(struct rewrite *w, char letter, int number)
{
    static const size_t SIZE = 24 << 10;
    char key[3] = {letter, (char)('0' + number), 0}, *value = malloc(SIZE + 1);
    assert_non_null(value);
    for (size_t at = 0; at < SIZE; at++)
        value[at] = (char)prng_between(&w->prng, 33, 126);
    value[SIZE] = 0;
    store_put(&w->store, 1, ++w->index, LSM_SPACE_VERSIONS, key, 1, value);
    free(value);
}

void rewrite_over_little(void)
{
    struct rewrite w;
    rewrite_open(&w);
    for (int flush = 0; flush < LSM_L0_TABLES; flush++) { /* as many as go down together */
        rewrite_put(&w, "m", (uint64_t)flush + 1);
        store_flush(&w.store, 1);
        store_settle(&w.store);
    }
    const struct range *r = range_find(w.store.l, rid(1));
    assert_int_equal(r->version->counts[0], 0);
    assert_int_equal(r->version->counts[LSM_LEVELS - 1], 1);
    for (int i = 1; i <= 7; i++) { /* too few on either side for a table of their own */
        put_large(&w, 'a', i);
        put_large(&w, 'z', i);
    }
    store_flush(&w.store, 1);
    store_settle(&w.store);
    assert_int_equal(r->version->counts[0], 1);
    rewrite_close(&w);
}

void rewrite_run(void)
{
    struct rewrite w;
    rewrite_open(&w);
    for (int flush = 0; flush < 13; flush++)
        rewrite_flush(&w, 100, 400);
    assert_true(rewrite_share(&w) < 30); /* 18 */
    rewrite_close(&w);
}
