#include "lsm/filter_int.h"

#include "base/hash.h"

#define PROBE_COUNT 6

uint64_t filter_hash(enum lsm_space space, struct bytes key)
{
    return hash64(key.data, key.size, (uint64_t)space);
}

uint32_t filter_line_count(uint64_t key_count, bool ending)
{
    uint64_t bits = ending ? FILTER_BITS_ENDING : FILTER_BITS_PER_KEY;
    uint64_t lines =
        (key_count * bits + FILTER_LINE_BYTES * 8 - 1) / (FILTER_LINE_BYTES * 8);
    ASSERT(lines < UINT32_MAX);
    return lines == 0 ? 1 : (uint32_t)lines;
}

uint32_t filter_line(uint64_t hash, uint32_t line_count)
{
    return (uint32_t)(((hash >> 32) * line_count) >> 32);
}

/* Nine bits choose one of a line's 512; the probes take them from a product of the low half, which
 * the choice of the line did not use. */
static unsigned probe_bit(uint64_t hash, unsigned i)
{
    uint64_t mixed = (hash & UINT32_MAX) * 0x9e3779b97f4a7c15u;
    return (unsigned)(mixed >> (10 + 9 * i)) & 511;
}

void filter_line_add(uint8_t line[FILTER_LINE_BYTES], uint64_t hash)
{
    for (unsigned i = 0; i < PROBE_COUNT; i++) {
        unsigned bit = probe_bit(hash, i);
        line[bit / 8] |= (uint8_t)(1u << (bit % 8));
    }
}

bool filter_line_may_contain(const uint8_t line[FILTER_LINE_BYTES], uint64_t hash)
{
    for (unsigned i = 0; i < PROBE_COUNT; i++) {
        unsigned bit = probe_bit(hash, i);
        if ((line[bit / 8] >> (bit % 8) & 1) == 0) return false;
    }
    return true;
}
