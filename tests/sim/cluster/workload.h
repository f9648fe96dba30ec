/* Clients of the key API: register operations (read, write, compare-and-set) on a few keys, each on a fiber
 * of some machine that is up. A client that loses its machine does not know the outcome of its operation
 * and goes on under a new process number. */
#ifndef OSTRAKA_TESTS_SIM_WORKLOAD_H
#define OSTRAKA_TESTS_SIM_WORKLOAD_H

#include "tests/sim/check/history.h"
#include "tests/sim/cluster/cluster.h"

enum operation_kind { OPERATION_READ = 1, OPERATION_WRITE = 2, OPERATION_CAS = 3 };
enum operation_outcome { OUTCOME_PENDING, OUTCOME_OK, OUTCOME_FAIL, OUTCOME_UNKNOWN };

/* Values are unique over a run; 0 stands for "no value". */
struct operation {
    uint64_t process, key;
    enum operation_kind kind;
    enum operation_outcome outcome;
    uint64_t argument, expected; /* WRITE: value; CAS: expected -> value */
    uint64_t result;             /* READ: what was seen */
    uint64_t invoked_ns, returned_ns;
    uint64_t ts;                 /* read or commit timestamp */
    uint64_t pause_ns;           /* READ, CAS: between the first read and the end of the transaction */
    size_t txn;                  /* its place in the black-box history */
    size_t with;                 /* WRITE: the place of another one that its transaction makes; 0: none */
};

struct workload_options {
    uint32_t client_count, key_count;
    uint64_t think_mean_ns;
    uint64_t operation_max;
    uint64_t operation_rush;     /* after so many clients take ten times as long to think; 0: never */
    uint64_t pause_mean_ns;      /* every fourth transaction dawdles; 0: none does */
    uint64_t machines;     /* gateways: bit N for machine N; 0: all */
    uint32_t value_bytes;  /* of each value written; 0: 8 */
    bool pairs;            /* every other write goes with one of another key, in one transaction */
    uint32_t client_count_start; /* so many begin; workload_use changes it. 0: all */
};

struct workload;
struct workload *workload_create(struct cluster *c, const struct workload_options *options);
void workload_destroy(struct workload *w);
/* From now on so many clients work (at most client_count); the others end their operation and wait. */
void workload_use(struct workload *w, uint32_t client_count);
/* New operations begin on these machines only (0: all). */
void workload_gateways(struct workload *w, uint64_t machines);
/* No new operations; those under way end. */
void workload_stop(struct workload *w);
uint32_t workload_client_count(const struct workload *w);
uint32_t workload_key_count(const struct workload *w);
bool workload_idle(const struct workload *w);
const struct operation *workload_history(const struct workload *w, size_t *count_out);
enum kv_clock_source workload_clock_source(const struct workload *w);
/* The same for the checkers that believe nothing but what clients saw. */
const struct history *workload_seen(const struct workload *w);
uint64_t workload_committed(const struct workload *w);

#endif
