#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/hash_int.h"

_Static_assert(sizeof(XXH3_state_t) <= sizeof(struct hash_state), "opaque[] holds XXH3's state");
_Static_assert(_Alignof(XXH3_state_t) <= _Alignof(struct hash_state), "and is aligned for it");

uint64_t hash64(const void *data, size_t size, uint64_t seed)
{
    ASSERT(size == 0 || data != NULL);
    return size > HASH_SHORT_BYTES_MAX ? hash_long(data, size, seed) : XXH3_64bits_withSeed(data, size, seed);
}

void hash128(const void *data, size_t size, uint64_t out[2])
{
    ASSERT(size == 0 || data != NULL);
    XXH128_hash_t hash = XXH3_128bits(data, size);
    out[0] = hash.low64;
    out[1] = hash.high64;
}

static XXH3_state_t *state_of(struct hash_state *h)
{
    return (XXH3_state_t *)(void *)h->opaque;
}

void hash_begin(struct hash_state *h, uint64_t seed)
{
    /* The reset reads the old seed to see whether its secret is still good: give it one to read. */
    XXH3_INITSTATE(state_of(h));
    XXH_errorcode error = XXH3_64bits_reset_withSeed(state_of(h), seed);
    ASSERT(error == XXH_OK);
}

void hash_more(struct hash_state *h, const void *data, size_t size)
{
    ASSERT(size == 0 || data != NULL);
    if (size == 0) return;
    XXH_errorcode error = XXH3_64bits_update(state_of(h), data, size);
    ASSERT(error == XXH_OK);
}

uint64_t hash_end(const struct hash_state *h)
{
    return XXH3_64bits_digest((const XXH3_state_t *)(const void *)h->opaque);
}
