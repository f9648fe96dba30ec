/* Sets that only grow: whoever reads one sees all that came before, and of two readers one sees at least what the
 * other does. */
#ifndef OSTRAKA_TESTS_SIM_CHECK_SET_H
#define OSTRAKA_TESTS_SIM_CHECK_SET_H

#include "tests/sim/check/check.h"

#define SET_ANOMALIES(X)                                                                                    \
    X(LOST, "acknowledged insert lost")                                                                     \
    X(FAILED, "failed insert visible")                                                                      \
    X(FUTURE, "insert visible before it began")                                                             \
    X(NOWHERE, "value from nowhere")                                                                        \
    X(TWICE, "value twice")                                                                                 \
    X(OWN, "own insert not where it belongs")     /* missing behind it, or there before it */               \
    X(TORN, "part of a transaction")              /* one of its inserts is seen, another is not */          \
    X(REVERSE, "later insert without an earlier") /* causal reverse: the earlier was acknowledged before */ \
    X(FORK, "reads of two orders")                /* long fork: neither includes the other */               \
    X(BACK, "read went back")                     /* it shows less than one that was over before it began */

enum set_anomaly {
#define SET_ANOMALY_ENUM(id, text) SET_##id,
    SET_ANOMALIES(SET_ANOMALY_ENUM)
#undef SET_ANOMALY_ENUM
    SET_ANOMALY_COUNT
};

struct set_result {
    enum check_result result;
    uint64_t counts[SET_ANOMALY_COUNT];
};

/* Every certain HISTORY_READ_ALL of `key` against its HISTORY_INSERTs, whose values are unique, and against the
 * other reads. The report gets the first few of each kind. */
struct set_result set_check(const struct history *h, uint64_t key, struct buf *report);

#endif
