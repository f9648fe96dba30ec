/* XXH3 (xxHash 0.8) for every checksum, filter and table in Ostraka. 64-bit, but for hash128. */
#ifndef OSTRAKA_BASE_HASH_H
#define OSTRAKA_BASE_HASH_H

#include "base/bytes.h"

uint64_t hash64(const void *data, size_t size, uint64_t seed);
/* The 128-bit variant of XXH3, low half first. */
void hash128(const void *data, size_t size, uint64_t out[2]);

/* A cheap mixer for integer keys (the finalizer of splitmix64). */
static inline uint64_t hash_u64(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

/* Incremental: hash_begin, any number of hash_more, hash_end. */
struct hash_state {
    _Alignas(64) uint8_t opaque[640];
};
void hash_begin(struct hash_state *h, uint64_t seed);
void hash_more(struct hash_state *h, const void *data, size_t size);
uint64_t hash_end(const struct hash_state *h);

#endif
