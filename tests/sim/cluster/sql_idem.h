/* SQL clients that never give up: each job is a transaction under an idempotency key, sent again with the same key,
 * here or there, by this client or another one, until somebody says how it ended. Whatever happens, its effect is there
 * once and all answers to it are the same. Besides, transactions without a key whose outcome was not told (08007) are
 * asked for by id, and what the rows say in the end has to agree. */
#ifndef OSTRAKA_TESTS_SIM_CLUSTER_SQL_IDEM_H
#define OSTRAKA_TESTS_SIM_CLUSTER_SQL_IDEM_H

#include "tests/sim/cluster/cluster.h"

struct sql_idem_options {
    uint32_t client_count, counter_count;
    uint64_t think_mean_ns, timeout_ns;
    uint32_t hop_ppm, cut_ppm;
    bool keys_expire; /* cluster_options.idempotency_life_ns is short: old keys are refused, and used again */
};

struct sql_idem;
struct sql_idem *sql_idem_create(struct cluster *c, const struct sql_idem_options *options);
/* After the cluster. */
void sql_idem_destroy(struct sql_idem *l);
/* Makes the tables; runs the cluster until they are there. False: not in time. */
bool sql_idem_prepare(struct sql_idem *l, uint64_t timeout_ns);
void sql_idem_start(struct sql_idem *l);
/* No more disconnects. */
void sql_idem_calm(struct sql_idem *l);
/* No new jobs; those under way end, then the rows are read. */
void sql_idem_stop(struct sql_idem *l);
bool sql_idem_idle(const struct sql_idem *l);
bool sql_idem_check(struct sql_idem *l, char *failure, size_t failure_size);

struct sql_idem_counts {
    uint64_t attempts, answered, repeated, refused, unknown, asked;
};
struct sql_idem_counts sql_idem_counts(const struct sql_idem *l);

#endif
