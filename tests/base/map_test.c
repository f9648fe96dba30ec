#include "tests/test.h"

#include <signal.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/prng.h"
#include "tests/base/dies.h"

static int values[1000];

static void put(struct map *m, uint64_t key, int *value)
{
    assert_int_equal(map_put(m, key, value), STATUS_OK);
}

TEST(map, an_empty_map_answers_null)
{
    struct map m;
    size_t cursor = 0;
    map_init(&m);
    assert_null(map_get(&m, 1));
    assert_null(map_remove(&m, 1));
    assert_null(map_next(&m, &cursor));
    map_deinit(&m);
}

TEST(map, put_replaces_and_zero_is_a_key)
{
    struct map m;
    map_init(&m);
    put(&m, 0, &values[1]);
    put(&m, UINT64_MAX, &values[2]);
    put(&m, 0, &values[3]);
    assert_int_equal(m.count, 2);
    assert_ptr_equal(map_get(&m, 0), &values[3]);
    assert_ptr_equal(map_remove(&m, 0), &values[3]);
    assert_null(map_get(&m, 0));
    assert_ptr_equal(map_get(&m, UINT64_MAX), &values[2]);
    map_deinit(&m);
}

static size_t home(const struct map *m, uint64_t key)
{
    return (size_t)hash_u64(key) & (m->capacity - 1);
}

/* Every entry is reachable from its home without crossing a free slot: what makes lookups right. */
static void check_probe_paths(const struct map *m)
{
    size_t mask = m->capacity - 1, count = 0;
    for (size_t i = 0; i < m->capacity; i++) {
        if (m->slots[i].value == NULL) continue;
        count++;
        for (size_t j = home(m, m->slots[i].key); j != i; j = (j + 1) & mask)
            assert_non_null(m->slots[j].value);
    }
    assert_int_equal(count, m->count);
}

TEST(map, agrees_with_a_plain_array_over_random_puts_and_removes)
{
    struct map m;
    struct prng p;
    int *model[1000] = {0};
    size_t count = 0;
    prng_init(&p, 5);
    map_init(&m);
    for (int step = 0; step < 50000; step++) {
        uint64_t key = prng_below(&p, (uint64_t)(step / 10000 + 1) * 40);
        if (prng_chance(&p, 1, 2)) {
            int *value = &values[prng_below(&p, 1000)];
            put(&m, key, value);
            count += model[key] == NULL;
            model[key] = value;
        } else {
            assert_ptr_equal(map_remove(&m, key), model[key]);
            count -= model[key] != NULL;
            model[key] = NULL;
        }
        assert_int_equal(m.count, count);
        uint64_t probe = prng_below(&p, 300);
        assert_ptr_equal(map_get(&m, probe), model[probe]);
        if (step % 50 == 0) check_probe_paths(&m);
    }
    map_deinit(&m);
}

TEST(map, removal_inside_a_run_that_wraps_around_keeps_the_rest)
{
    struct map m;
    map_init(&m);
    put(&m, 1, &values[0]);
    /* Six keys whose home is the last slot: they fill it and wrap to the front. */
    uint64_t keys[6];
    size_t found = 0;
    map_remove(&m, 1);
    for (uint64_t key = 0; found < 6; key++)
        if (home(&m, key) == m.capacity - 1) keys[found++] = key;
    for (int i = 0; i < 6; i++)
        put(&m, keys[i], &values[i]);
    for (int i = 0; i < 6; i++) {
        assert_ptr_equal(map_remove(&m, keys[i]), &values[i]);
        check_probe_paths(&m);
        for (int j = i + 1; j < 6; j++)
            assert_ptr_equal(map_get(&m, keys[j]), &values[j]);
    }
    map_deinit(&m);
}

TEST(map, load_stays_at_or_below_three_quarters)
{
    struct map m;
    map_init(&m);
    for (uint64_t i = 0; i < 5000; i++) {
        put(&m, i * 7, &values[0]);
        assert_true(m.count * 4 <= m.capacity * 3);
    }
    assert_int_equal(m.capacity, 8192);
    map_deinit(&m);
}

TEST(map, replacing_in_a_full_map_does_not_grow_it)
{
    struct map m;
    map_init(&m);
    for (uint64_t i = 0; i < 12; i++)
        put(&m, i, &values[0]);
    assert_int_equal(m.capacity, 16);
    put(&m, 3, &values[1]);
    assert_int_equal(m.capacity, 16);
    put(&m, 12, &values[0]);
    assert_int_equal(m.capacity, 32);
    map_deinit(&m);
}

TEST(map, iteration_visits_each_entry_once_and_depends_on_calls_only)
{
    struct map a, b;
    map_init(&a);
    map_init(&b);
    for (uint64_t i = 0; i < 500; i++) {
        put(&a, i * i, &values[i]);
        put(&b, i * i, &values[999 - i]);
    }
    size_t cursor_a = 0, cursor_b = 0, count = 0;
    struct map_slot *slot;
    uint64_t sum = 0;
    while ((slot = map_next(&a, &cursor_a)) != NULL) {
        assert_u64_equal(slot->key, map_next(&b, &cursor_b)->key);
        sum += slot->key;
        count++;
    }
    assert_null(map_next(&b, &cursor_b));
    assert_int_equal(count, 500);
    assert_u64_equal(sum, 499u * 500 * 999 / 6);
    map_deinit(&a);
    map_deinit(&b);
}

static void put_null(void *ctx)
{
    enum status status = map_put(ctx, 1, NULL);
    (void)status;
}

TEST(map, a_null_value_aborts)
{
    struct map m;
    map_init(&m);
    assert_int_equal(dies_of(put_null, &m, NULL, 0), SIGABRT);
    map_deinit(&m);
}
