/* SQL clients of one kind of workload: each draws transactions, sends them through a connection to some machine,
 * classifies how they ended, and keeps the history that a checker judges.
 *
 * Outcomes: a COMMIT tag (or the tag of a statement alone) is a success. An error that PostgreSQL calls an error
 * of the statement is a failure for certain; 08007, and a connection lost after the last byte of what commits
 * was sent, are unknown. Anything else that comes is reported: see sql_load_check. */
#ifndef OSTRAKA_TESTS_SIM_CLUSTER_SQL_LOAD_H
#define OSTRAKA_TESTS_SIM_CLUSTER_SQL_LOAD_H

#include "tests/sim/check/history.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/sim/cluster/sql_client.h"

struct sql_kind;                         /* what the transactions do: sql_load_int.h */
extern const struct sql_kind sql_register_kind; /* reads, writes, compare-and-set, inserts, deletes of one row */
extern const struct sql_kind sql_append_kind;   /* lists: several rows per transaction */
extern const struct sql_kind sql_bank_kind;     /* transfers, accounts closed and opened again */
extern const struct sql_kind sql_skew_kind;     /* what predicates exclude */
extern const struct sql_kind sql_set_kind;      /* a log that only grows, and places that are taken once */

struct sql_load_options {
    const struct sql_kind *kind;
    uint32_t client_count, key_count;
    uint64_t think_mean_ns;
    uint64_t timeout_ns;     /* of a query, as its client sees it */
    uint64_t transaction_max; /* more come slowly */
    uint32_t hop_ppm;        /* after a transaction: goes on at another machine */
    uint32_t cut_ppm;        /* per query: the client walks away in the middle */
    uint32_t piece_ppm;      /* per query: sent in pieces, or its answer read late */
    uint32_t extended_ppm;   /* per query: by the extended protocol */
    uint32_t savepoint_ppm;  /* per statement of an explicit transaction: one that is taken back stands before it */
    uint32_t cancel_ppm;     /* per query: a cancel request follows */
    enum sql_cut cut;        /* where; 0: drawn for each */
    bool several_ranges;     /* of data: rows are spread over them */
};

struct sql_load;
struct sql_load *sql_load_create(struct cluster *c, const struct sql_load_options *options);
/* After the cluster. */
void sql_load_destroy(struct sql_load *l);
/* Makes the tables; runs the cluster until they are there. False: not in time. */
bool sql_load_prepare(struct sql_load *l, uint64_t timeout_ns);
void sql_load_start(struct sql_load *l);
/* No more disconnects and pieces. */
void sql_load_calm(struct sql_load *l);
/* No new transactions; those under way end, then the connections. */
void sql_load_stop(struct sql_load *l);
bool sql_load_idle(const struct sql_load *l);
/* False writes to failure what was wrong: with the protocol, or with what clients saw. */
bool sql_load_check(struct sql_load *l, char *failure, size_t failure_size);
const struct history *sql_load_history(const struct sql_load *l);

struct sql_load_counts {
    uint64_t transactions, committed, failed, unknown, disconnects;
};
struct sql_load_counts sql_load_counts(const struct sql_load *l);

#endif
