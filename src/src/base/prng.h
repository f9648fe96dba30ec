/* xoshiro256** (Blackman, Vigna 2018), seeded by splitmix64. Not for secrets. Every user owns one
 * and names its seed, so a simulation is a function of one number. */
#ifndef OSTRAKA_BASE_PRNG_H
#define OSTRAKA_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
    uint64_t s[4];
};

void prng_init(struct prng *p, uint64_t seed);
uint64_t prng_next(struct prng *p);
/* Uniform in [0, bound); bound > 0. */
uint64_t prng_below(struct prng *p, uint64_t bound);
/* Uniform in [low, high], both included. */
uint64_t prng_between(struct prng *p, uint64_t low, uint64_t high);
/* True with probability numerator / denominator; numerator <= denominator, denominator > 0. */
bool prng_chance(struct prng *p, uint64_t numerator, uint64_t denominator);
/* Uniform in [0, 1). */
double prng_unit(struct prng *p);

#endif
