/* Where a hot range is divided. */
#include "tests/test.h"

#include "base/codec.h"
#include "base/prng.h"
#include "shard/key_sample.h"

static void add(struct key_sample *s, struct prng *p, uint64_t key)
{
    uint8_t bytes[8];
    store_be64(bytes, key);
    key_sample_add(s, bytes_make(bytes, sizeof bytes), prng_next(p));
}

static uint64_t key_in(struct buf *b)
{
    assert_in_range(b->size, 8, 9);
    return load_be64(b->data);
}

TEST(key_sample, median_halves_the_requests)
{
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct key_sample s;
        struct prng p;
        struct buf key;
        prng_init(&p, seed);
        key_sample_begin(&s);
        buf_init(&key, 100);
        /* nine of ten requests go to the lowest tenth of the keys */
        for (int i = 0; i < 5000; i++) add(&s, &p, prng_below(&p, 10) == 0 ? prng_below(&p, 10000) : prng_below(&p, 1000));
        assert_true(key_sample_median(&s, &key));
        assert_in_range(key_in(&key), 150, 950); /* 555 is in the middle; 32 keys tell it roughly */
        buf_deinit(&key);
    }
}

TEST(key_sample, one_hot_key_is_not_divided)
{
    struct key_sample s;
    struct prng p;
    struct buf key;
    prng_init(&p, 1);
    key_sample_begin(&s);
    buf_init(&key, 100);
    for (int i = 0; i < 1000; i++) add(&s, &p, i % 50 == 0 ? prng_below(&p, 1000) : 500);
    assert_false(key_sample_median(&s, &key));
    assert_false(key_sample_tail(&s, &key));
    assert_int_equal(key.size, 0);
    buf_deinit(&key);
}

TEST(key_sample, two_hot_keys_are_parted)
{
    struct key_sample s;
    struct prng p;
    struct buf key;
    prng_init(&p, 1);
    key_sample_begin(&s);
    buf_init(&key, 100);
    for (int i = 0; i < 1000; i++) add(&s, &p, i % 2 == 0 ? 7 : 9);
    assert_true(key_sample_median(&s, &key));
    assert_int_equal(key_in(&key), 9);
    buf_deinit(&key);
}

TEST(key_sample, rising_keys_are_cut_off_behind_the_last)
{
    struct key_sample s;
    struct prng p;
    struct buf key;
    prng_init(&p, 1);
    key_sample_begin(&s);
    buf_init(&key, 100);
    for (uint64_t i = 0; i < 1000; i++) add(&s, &p, i % 4 == 0 && i > 0 ? prng_below(&p, i) : i);
    assert_true(key_sample_tail(&s, &key));
    assert_int_equal(key_in(&key), 999);
    assert_int_equal(key.size, 9);
    buf_deinit(&key);
}

TEST(key_sample, few_requests_tell_nothing)
{
    struct key_sample s;
    struct prng p;
    struct buf key;
    prng_init(&p, 1);
    key_sample_begin(&s);
    buf_init(&key, 100);
    for (uint64_t i = 0; i < 40; i++) add(&s, &p, i);
    assert_false(key_sample_median(&s, &key));
    assert_false(key_sample_tail(&s, &key));
    buf_deinit(&key);
}
