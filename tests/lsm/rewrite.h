/* A range that is written in two ways at once: rows "a..." in random order, and "b..." ascending
 * but for a few places. */
#ifndef OSTRAKA_TESTS_LSM_REWRITE_H
#define OSTRAKA_TESTS_LSM_REWRITE_H

#include "base/prng.h"
#include "tests/lsm/harness.h"

struct rewrite {
    struct sim *sim;
    struct store store;
    struct prng prng;
    uint64_t index, number;
};

void rewrite_open(struct rewrite *w);
void rewrite_close(struct rewrite *w);
/* One write of some 200 bytes that do not compress. */
void rewrite_put(struct rewrite *w, const char *key, uint64_t ts);
/* So many of each, and a flush. */
void rewrite_flush(struct rewrite *w, int rows, int ascending);
/* Bytes that compactions wrote, in percent of what flushes did. */
uint64_t rewrite_share(const struct rewrite *w);
/* A table that reaches over one that is 64 times smaller is merged with it: it does not move past it (LSM-4). */
void rewrite_over_little(void);
/* Both ways together: compactions rewrite the rows only. */
void rewrite_run(void);

#endif
