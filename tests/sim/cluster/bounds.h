/* Where the data ranges of a simulated cluster begin that is founded with several: at keys that its clients use, so
 * that statements, scans and sums reach over the bounds. */
#ifndef OSTRAKA_TESTS_SIM_BOUNDS_H
#define OSTRAKA_TESTS_SIM_BOUNDS_H

#include "base/bytes.h"
#include "base/prng.h"

#define BOUNDS_MAX 5
#define BOUNDS_KEY_BYTES 64

struct bounds {
    uint32_t count;
    struct bytes keys[BOUNDS_MAX]; /* rising; views into `text` */
    uint8_t text[BOUNDS_MAX][BOUNDS_KEY_BYTES];
};

/* count: so many bounds at most; equal ones become one. workload: the only one of the run, or NULL. */
void bounds_draw(struct bounds *b, struct prng *prng, uint32_t count, const char *workload);

#endif
