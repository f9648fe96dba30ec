/* Between hash.c and hash_long.c, which cannot include xxhash.h in the same way. */
#ifndef OSTRAKA_BASE_HASH_INT_H
#define OSTRAKA_BASE_HASH_INT_H

#include <stddef.h>
#include <stdint.h>

#define HASH_SHORT_BYTES_MAX 240 /* XXH3's own bound between its ways for short and long inputs */

/* The same as hash64. */
uint64_t hash_long(const void *data, size_t size, uint64_t seed);

#endif
