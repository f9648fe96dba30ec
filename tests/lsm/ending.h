/* Rows, and beside each a value that ends by itself. */
#ifndef OSTRAKA_TESTS_LSM_ENDING_H
#define OSTRAKA_TESTS_LSM_ENDING_H

#include "tests/lsm/harness.h"

#define ENDING_ROWS 100

struct ending {
    struct sim *sim;
    struct store store;
    uint64_t index, written; /* rounds */
};

void ending_open(struct ending *e);
void ending_close(struct ending *e);
/* Writes each row once, and a record beside it that ends at the timestamp `end` (below 10,000);
 * then a flush. */
void ending_round(struct ending *e, uint64_t end);
/* Looks for all that was written: rows must be there; so many records must be. */
void ending_expect(struct ending *e, uint64_t range, uint64_t rows, uint64_t records);
/* Ending tables of range 1, and what they hold. */
uint32_t ending_pieces(const struct ending *e, uint64_t *entries_out);

/* Rows are merged without what stands beside them, which goes at its end as a whole. */
void ending_run(void);

#endif
