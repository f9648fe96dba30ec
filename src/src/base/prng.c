#include "base/prng.h"

#include "base/assert.h"

static uint64_t splitmix64(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void prng_init(struct prng *p, uint64_t seed)
{
    for (int i = 0; i < 4; i++)
        p->s[i] = splitmix64(&seed);
    /* splitmix64 is a bijection of four different states: at most one word can be zero. */
    ASSERT((p->s[0] | p->s[1]) != 0);
}

static uint64_t rotate_left(uint64_t x, int count)
{
    return (x << count) | (x >> (64 - count));
}

uint64_t prng_next(struct prng *p)
{
    uint64_t *s = p->s;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

/* Lemire, "Fast random integer generation in an interval" (2019): the high half of a 128-bit
 * product, rejecting the few low halves that would make some results likelier than others. */
uint64_t prng_below(struct prng *p, uint64_t bound)
{
    ASSERT(bound > 0);
    __extension__ unsigned __int128 product = (unsigned __int128)prng_next(p) * bound;
    if ((uint64_t)product < bound) {
        uint64_t reject_below = (0 - bound) % bound;
        while ((uint64_t)product < reject_below)
            product = (unsigned __int128)prng_next(p) * bound;
    }
    uint64_t result = (uint64_t)(product >> 64);
    ASSERT(result < bound);
    return result;
}

uint64_t prng_between(struct prng *p, uint64_t low, uint64_t high)
{
    ASSERT(low <= high);
    uint64_t span = high - low;
    return span == UINT64_MAX ? prng_next(p) : low + prng_below(p, span + 1);
}

bool prng_chance(struct prng *p, uint64_t numerator, uint64_t denominator)
{
    ASSERT(numerator <= denominator);
    return prng_below(p, denominator) < numerator;
}

double prng_unit(struct prng *p)
{
    return (double)(prng_next(p) >> 11) * 0x1.0p-53;
}
