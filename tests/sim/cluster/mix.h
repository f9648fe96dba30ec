/* All the clients of a run: the workload of the key API, and those of SQL, as the seed draws them or as one is
 * asked for by name. */
#ifndef OSTRAKA_TESTS_SIM_CLUSTER_MIX_H
#define OSTRAKA_TESTS_SIM_CLUSTER_MIX_H

#include "tests/sim/cluster/cluster.h"
#include "tests/sim/cluster/sql_client.h"

struct mix;
struct mix_counts {
    uint64_t operations, committed, unknown, disconnects;
    uint64_t at_replica; /* reads of the past that needed no leader */
};

/* "keys", "past" (keys, and reads of their past), "register", "append", "bank", "skew", "set", "idem", "all"; NULL: drawn. */
bool mix_is_known(const char *name);
/* Writes the names, with commas. */
void mix_names(char *out, size_t size);
struct mix_options {
    const char *name;       /* NULL: drawn */
    uint64_t seed;
    bool keys_expire;       /* idempotency keys, soon */
    bool calm;              /* clients do not walk away */
    bool several_ranges;    /* of data */
    bool hot;               /* many clients, few keys, little time to think */
    bool pairs;             /* clients of the key API write two keys in one transaction, too */
    uint64_t pause_mean_ns; /* of the key API's transactions that dawdle; 0: none does */
    enum sql_cut cut;       /* every tenth query of SQL clients ends there; 0: as drawn */
    uint32_t cancel_ppm;    /* per query of SQL clients; 0: as drawn */
};
/* Makes the tables, then starts the clients. False: the tables could not be made; the mix can only be destroyed. */
bool mix_create(struct cluster *c, const struct mix_options *options, struct mix **mix_out);
/* After the cluster. */
void mix_destroy(struct mix *m);
struct mix_counts mix_counts(const struct mix *m);
/* Clients behave from now on. */
void mix_calm(struct mix *m);
void mix_stop(struct mix *m);
bool mix_idle(const struct mix *m);
/* False writes what is wrong with what clients saw. */
bool mix_check(struct mix *m, char *failure, size_t failure_size);

#endif
