/* Strict serializability of list-append histories, after Elle (Kingsbury, Alvaro, VLDB 2020) and
 * the phenomena of Adya's thesis.
 *
 * Every appended value is unique per key, so the longest list anybody read of a key tells the order
 * of its versions, and every read tells which version it saw. That gives the graph
 *
 *   ww   the writer of one version  ->  the writer of the next
 *   wr   the writer of a version    ->  who read it
 *   rw   who read a version         ->  the writer of the next one
 *   rt   who completed              ->  who was invoked later (transitively reduced)
 *
 * in which a cycle is an anomaly, named by the edges that it needs. */
#ifndef OSTRAKA_TESTS_SIM_CHECK_APPEND_H
#define OSTRAKA_TESTS_SIM_CHECK_APPEND_H

#include "tests/sim/check/check.h"

#define APPEND_ANOMALIES(X)                                                                    \
    X(DUPLICATE, "duplicate")             /* a value twice in one list */                       \
    X(PHANTOM, "phantom")                 /* a value nobody appended */                         \
    X(INTERNAL, "internal")               /* a read contradicts its own transaction */         \
    X(INCOMPATIBLE, "incompatible-order") /* two reads of which neither is the other's start */ \
    X(G1A, "G1a")                         /* dirty: a failed append was read */                \
    X(G1B, "G1b")                         /* an intermediate state was read */                 \
    X(LOST, "lost-append")                /* acknowledged, and gone from later reads */        \
    X(FUTURE, "future-read")              /* read before it was invoked */                     \
    X(G0, "G0")                                                                                \
    X(G1C, "G1c")                                                                              \
    X(G_SINGLE, "G-single")                                                                    \
    X(G2_ITEM, "G2-item")                                                                      \
    X(G0_REALTIME, "G0-realtime")                                                              \
    X(G1C_REALTIME, "G1c-realtime")                                                            \
    X(G_SINGLE_REALTIME, "G-single-realtime")                                                  \
    X(G2_ITEM_REALTIME, "G2-item-realtime")

enum append_anomaly {
#define APPEND_ANOMALY_ENUM(id, text) APPEND_##id,
    APPEND_ANOMALIES(APPEND_ANOMALY_ENUM)
#undef APPEND_ANOMALY_ENUM
    APPEND_ANOMALY_COUNT
};

struct append_result {
    enum check_result result;
    uint64_t counts[APPEND_ANOMALY_COUNT]; /* found, not necessarily all there are */
    size_t committed_count, edge_count;
};

const char *append_anomaly_name(enum append_anomaly anomaly);

/* Looks at HISTORY_APPEND and HISTORY_READ_LIST. The report gets the first few of each kind. */
struct append_result append_check(const struct history *h, struct buf *report);

#endif
