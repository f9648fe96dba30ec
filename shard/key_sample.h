/* Which keys of a range are asked for: a few of them, drawn so that each request counted the same. Tells where a hot
 * range is divided so that both sides have their share, and whether its keys only ever rise. */
#ifndef OSTRAKA_SHARD_KEY_SAMPLE_H
#define OSTRAKA_SHARD_KEY_SAMPLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define KEY_SAMPLE_KEYS  32u
#define KEY_SAMPLE_BYTES 64u /* longer keys are cut; their beginning divides as well */

struct sampled_key {
    uint8_t size;
    uint8_t bytes[KEY_SAMPLE_BYTES];
};

struct key_sample {
    uint64_t seen;  /* since it was begun */
    uint64_t ahead; /* of those, above every key before them */
    uint32_t held;
    struct sampled_key keys[KEY_SAMPLE_KEYS], highest;
};

void key_sample_begin(struct key_sample *s);
/* random: fresh with each key. */
void key_sample_add(struct key_sample *s, struct bytes key, uint64_t random);
/* Appends a key that has at least a quarter of the requests on each side. False: there is none (one key alone is hot),
 * or too few were seen. */
bool key_sample_median(const struct key_sample *s, struct buf *key_out);
/* Most keys were above all before them: appends the first key that is above all of them. */
bool key_sample_tail(const struct key_sample *s, struct buf *key_out);

#endif
