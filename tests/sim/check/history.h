/* What clients did and saw: transactions with an invocation and, later, an outcome. A single read,
 * write or insert is a transaction of one operation.
 *
 * The order of the calls is the order of real time: every invocation and completion gets the next
 * index. A transaction precedes another when it completed before the other was invoked. */
#ifndef OSTRAKA_TESTS_SIM_CHECK_HISTORY_H
#define OSTRAKA_TESTS_SIM_CHECK_HISTORY_H

#include <stdbool.h>
#include <stdio.h>

#include "base/arena.h"

#define HISTORY_NEVER UINT64_MAX
#define HISTORY_NIL INT64_MIN /* the value of a register that was never written */

enum history_outcome {
    HISTORY_PENDING = 0, /* counts as INFO */
    HISTORY_OK,          /* it took effect, and its reads are true */
    HISTORY_FAIL,        /* it did not take effect */
    HISTORY_INFO,        /* nobody knows: it may have, or may yet */
};

enum history_kind {
    HISTORY_APPEND = 1, /* value to the end of the list `key` */
    HISTORY_READ_LIST,  /* the list `key` */
    HISTORY_WRITE,      /* value into the register `key` */
    HISTORY_READ,       /* the register `key`: a list of one value */
    HISTORY_CAS,        /* expected -> value in the register `key`; OK only when it was swapped */
    HISTORY_INSERT,     /* value into the set `key` */
    HISTORY_READ_ALL,   /* the set, or all balances, `key` */
};

struct history_op {
    struct history_op *next;
    enum history_kind kind;
    uint64_t key;
    int64_t value, expected;
    const int64_t *list; /* of reads, once known */
    size_t list_count;
    bool known;
};

struct history_txn {
    uint64_t process;
    uint64_t invoke_index, complete_index; /* HISTORY_NEVER: no certain completion (INFO) */
    uint64_t invoke_ns, complete_ns;
    enum history_outcome outcome;
    struct history_op *first, *last;
};

struct history_event {
    size_t txn;
    bool completes;
};

struct history {
    struct arena arena;
    struct history_txn *txns;
    size_t txn_count, txn_capacity;
    struct history_event *events; /* by index */
    size_t event_count, event_capacity;
};

void history_init(struct history *h, size_t size_max);
void history_deinit(struct history *h);

/* Returns the number of the transaction. */
size_t history_invoke(struct history *h, uint64_t process, uint64_t time_ns);
/* Adds an operation to a transaction that has not completed. */
struct history_op *history_add(struct history *h, size_t txn, enum history_kind kind, uint64_t key,
                               int64_t value);
struct history_op *history_add_cas(struct history *h, size_t txn, uint64_t key, int64_t expected,
                                   int64_t value);
/* What a read returned. Copied. */
void history_result(struct history *h, struct history_op *op, const int64_t *list, size_t count);
/* What it returned behind what is known of it. */
void history_result_more(struct history *h, struct history_op *op, const int64_t *list, size_t count);
void history_complete(struct history *h, size_t txn, enum history_outcome outcome,
                      uint64_t time_ns);

/* One JSON object per line and event:
 * {"index":..,"type":"ok","f":"txn","process":..,"time":..,
 *  "value":[["append",k,v],["r",k,[..]]]} */
void history_write_json(const struct history *h, FILE *out);

#endif
