/* Clients that read the past at all machines, beside a workload that writes: at timestamps that commits had, and as old as a
 * bound allows. What they saw is compared with what the workload's history says was there at that very timestamp. */
#ifndef OSTRAKA_TESTS_SIM_CLUSTER_PAST_H
#define OSTRAKA_TESTS_SIM_CLUSTER_PAST_H

#include "tests/sim/cluster/workload.h"

struct past;
struct past_counts {
    uint64_t reads, at_replica, at_leader, refused; /* transactions, requests; those that came to nothing */
};
/* w: the workload, which outlives this. */
struct past *past_create(struct cluster *c, const struct workload *w, uint32_t client_count, uint64_t think_mean_ns);
void past_destroy(struct past *p);
void past_stop(struct past *p);
bool past_idle(const struct past *p);
struct past_counts past_counts(const struct past *p);
/* False writes what is wrong with what was seen. */
bool past_check(const struct past *p, char *failure, size_t failure_size);

#endif
