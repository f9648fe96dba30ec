/* What the files of `ostraka bench` share. */
#ifndef OSTRAKA_CLI_BENCH_INT_H
#define OSTRAKA_CLI_BENCH_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/histogram.h"
#include "base/prng.h"
#include "cli/bench_client.h"
#include "cli/bench_history.h"

#define BENCH_NODES_MAX   64
#define BENCH_CLIENTS_MAX 1024
#define BENCH_ERRORS_MAX  32

struct bench_options {
    char nodes[BENCH_NODES_MAX][272]; /* host:port */
    size_t node_count;
    const char *history; /* file; NULL: none */
    uint64_t clients, transactions, keys, appends_per_key;
    bool apart;          /* lists of different places have keys far from each other */
    uint64_t seconds;    /* 0: until all transactions are done */
    uint64_t timeout_ns; /* of connecting, and of one answer */
    uint64_t seed;
};

/* How often transactions ended with which SQLSTATE; "": a lost connection, or no answer. */
struct bench_error {
    char sqlstate[6];
    uint64_t count;
};

struct bench_counts {
    uint64_t ok, fail, info;
    struct histogram latency; /* of those that are ok, ns */
    struct bench_error errors[BENCH_ERRORS_MAX];
    size_t error_count;
};

void bench_count_error(struct bench_counts *c, const char *sqlstate);
void bench_counts_merge(struct bench_counts *into, const struct bench_counts *from);
/* The summary, on stdout. */
void bench_print(const char *workload, const struct bench_counts *c, uint64_t elapsed_ns);

/* ---- the transactions of `append` (bench_append_txn.c) ---- */

#define BENCH_OPS_MAX     4
#define BENCH_APPENDS_MAX 1000 /* to one list */
#define BENCH_RANGE_MAX   4    /* keys of a range read */

enum bench_op_kind {
    BENCH_READ = 1,    /* one list */
    BENCH_APPEND,      /* UPDATE, or INSERT when there is none */
    BENCH_READ_LOCKED, /* SELECT ... FOR UPDATE, then the whole list anew */
    BENCH_READ_RANGE,  /* the lists of BENCH_RANGE_MAX keys in a row */
    BENCH_UPSERT,      /* INSERT ... ON CONFLICT DO UPDATE ... RETURNING: an append, and the list with it */
};

struct bench_op {
    enum bench_op_kind kind;
    uint64_t key, value;           /* value: of appends */
    uint64_t slot;                 /* the caller's */
    bool present;                  /* the list is known to exist */
    bool detour;                   /* first an append of 0 behind a savepoint that is gone back to; in a block */
    char *lists[BENCH_RANGE_MAX];  /* of reads, once known: "1,2,3", "" when there is none; malloc */
};

enum bench_mode {
    BENCH_BLOCK = 1, /* BEGIN, one statement after the other, COMMIT */
    BENCH_ALONE,     /* one operation without BEGIN, which the server may run again by itself */
    BENCH_SCRIPT,    /* all statements in one text: an implicit transaction */
};

struct bench_txn {
    enum bench_mode mode;
    bool extended; /* parameters instead of literals */
    struct bench_op ops[BENCH_OPS_MAX];
    size_t op_count;
};

enum bench_outcome { BENCH_OK = 1, BENCH_FAIL, BENCH_INFO };

/* Runs it; the lists it read are in its operations. `broken` gets the text of something no server may answer. */
enum bench_outcome bench_txn_run(struct bench_client *k, struct bench_txn *t, char *broken, size_t broken_size);
/* The JSON value of the history, with the lists or without. */
void bench_txn_json(const struct bench_txn *t, bool with_lists, struct buf *out);
void bench_txn_clear(struct bench_txn *t);
bool bench_op_appends(const struct bench_op *op);

/* Runs the workload to its end: an enum cli_exit. */
int bench_append(const struct bench_options *o);

#endif
