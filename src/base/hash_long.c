/* XXH3 of what is long, by the library: it looks which vectors this processor has, which pays beyond XXH3's 240 bytes (twice to
 * four times as fast as what every x86-64 has). For less the call would cost more than it saves: that is inlined (hash.c). */
#if defined(__x86_64__)
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

#include "base/hash_int.h"

uint64_t hash_long(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}
