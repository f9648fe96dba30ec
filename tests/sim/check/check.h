/* What all checkers share. */
#ifndef OSTRAKA_TESTS_SIM_CHECK_CHECK_H
#define OSTRAKA_TESTS_SIM_CHECK_CHECK_H

#include "base/buf.h"
#include "tests/sim/check/history.h"

enum check_result {
    CHECK_VALID = 1,
    CHECK_INVALID, /* the report names what was seen */
    CHECK_UNKNOWN, /* the search was given up at its bound */
};

const char *check_result_name(enum check_result result);
/* Zeroed memory; aborts when there is none. */
void *check_alloc(size_t count, size_t size);
/* `T12 process 3 [append 5 17] [r 6 [1 2]]` */
void check_print_txn(struct buf *report, const struct history *h, size_t txn);

#endif
