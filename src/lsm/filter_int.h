/* A blocked Bloom filter over (space, key): all bits of a key lie in one 64-byte line, so a lookup
 * costs one cache miss (Putze, Sanders, Singler 2007). 10 bits per key, 6 probes: about 1 % false
 * answers. Lines are stored in filter blocks of 128, and read like any other block. */
#ifndef OSTRAKA_LSM_FILTER_INT_H
#define OSTRAKA_LSM_FILTER_INT_H

#include "base/buf.h"
#include "lsm/item_int.h"

#define FILTER_LINE_BYTES      64
#define FILTER_BITS_PER_KEY    10
#define FILTER_BITS_ENDING     16 /* of an ending table: nearly all who ask it ask for what is not there */
#define FILTER_LINES_PER_BLOCK 128

uint64_t filter_hash(enum lsm_space space, struct bytes key);
/* For so many keys. */
uint32_t filter_line_count(uint64_t key_count, bool ending);
/* Which line a key is in, below line_count. */
uint32_t filter_line(uint64_t hash, uint32_t line_count);
void filter_line_add(uint8_t line[FILTER_LINE_BYTES], uint64_t hash);
/* False: the key is certainly not there. */
bool filter_line_may_contain(const uint8_t line[FILTER_LINE_BYTES], uint64_t hash);

#endif
