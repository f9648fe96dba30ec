#include "tests/test.h"

#include "base/hash.h"
#include "base/prng.h"

/* Checksums are on disk: the function may never change. Values are XXH3's published ones. */
TEST(hash, of_128_bits_is_the_one_of_the_specification)
{
    uint64_t halves[2];
    hash128(NULL, 0, halves); /* xxhash 0.8, xxhsum -H2 */
    assert_u64_equal(halves[0], 0x6001c324468d497fu);
    assert_u64_equal(halves[1], 0x99aa06d3014798d8u);
    hash128("abc", 3, halves);
    assert_u64_equal(halves[0], 0x78af5f94892f3950u);
    assert_u64_equal(halves[1], 0x06b05ab6733a6185u);
}

TEST(hash, is_xxh3_with_seed)
{
    assert_u64_equal(hash64(NULL, 0, 0), 0x2d06800538d394c2u);
    assert_u64_equal(hash64("abc", 3, 0), 0x78af5f94892f3950u);
    assert_true(hash64("abc", 3, 0) != hash64("abc", 3, 1));
}

TEST(hash, in_pieces_equals_at_once)
{
    static uint8_t data[5000];
    struct prng p;
    prng_init(&p, 3);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)prng_next(&p);
    for (int round = 0; round < 200; round++) {
        size_t size = prng_below(&p, sizeof data + 1), done = 0;
        uint64_t seed = prng_chance(&p, 1, 2) ? prng_next(&p) : 0;
        struct hash_state h;
        hash_begin(&h, seed);
        while (done < size) {
            size_t piece = prng_below(&p, size - done + 1);
            hash_more(&h, data + done, piece);
            done += piece;
        }
        assert_u64_equal(hash_end(&h), hash64(data, size, seed));
        assert_u64_equal(hash_end(&h), hash64(data, size, seed)); /* asking changes nothing */
    }
}

/* XXH3's reset trusts a seed it finds in the state. Whichever word of a fresh state holds the seed
 * by accident, the result must be the same. */
TEST(hash, what_a_state_held_before_does_not_matter)
{
    static const uint8_t data[1000];
    for (size_t at = 0; at < sizeof(struct hash_state); at += 8) {
        struct hash_state h = {{0}};
        h.opaque[at] = 7;
        hash_begin(&h, 7);
        hash_more(&h, data, sizeof data);
        assert_u64_equal(hash_end(&h), hash64(data, sizeof data, 7));
    }
}

TEST(hash, mixing_integers_is_a_bijection_on_samples_and_spreads_low_bits)
{
    unsigned buckets[64] = {0};
    assert_u64_equal(hash_u64(0), 0);
    for (uint64_t i = 0; i < 6400; i++)
        buckets[hash_u64(i << 20) % 64]++;
    for (int i = 0; i < 64; i++)
        assert_in_range(buckets[i], 50, 160);
}
