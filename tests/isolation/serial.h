/* The rule for every order: what its transactions saw and left is what some serial order of them shows that contains
 * real time (strict serializability). Transactions that were told to try again (40001, 40P01, 55P03) or were left
 * open have done nothing; an error of another kind has to be explained like any answer.
 *
 * Serial orders are played on the same database: what it gets wrong when alone, too, shows in the kept outputs only. */
#ifndef OSTRAKA_TESTS_ISOLATION_SERIAL_H
#define OSTRAKA_TESTS_ISOLATION_SERIAL_H

#include "tests/isolation/play.h"

enum serial_verdict {
    SERIAL_YES = 1,
    SERIAL_NO,
    SERIAL_UNKNOWN, /* a transaction went on after an error of those kinds (savepoints): not judged */
};

/* Serial orders are played on the same stage and remembered. */
struct serial;
struct serial *serial_create(struct stage *stage, const struct spec *s);
void serial_destroy(struct serial *serial);
/* YES: order gets the transactions in that order, by session and number. */
enum serial_verdict serial_judge(struct serial *serial, const struct played *played, char *order, size_t order_size);

#endif
