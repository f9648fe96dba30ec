/* One run of the simulator: boot, load under faults, heal, converge, check. A function of its options. */
#ifndef OSTRAKA_TESTS_SIM_RUN_H
#define OSTRAKA_TESTS_SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tests/sim/cluster/sql_client.h"

struct run_options {
    uint64_t seed;
    uint32_t node_count;      /* 0: 3 to 5, from the seed */
    uint32_t range_count;     /* data ranges at the start, at most; 0: one */
    uint64_t fault_phase_ns;  /* 0: 8 s */
    const char *workload;     /* NULL: drawn; else one of mix_names */
    const char *focus;        /* NULL: drawn; else a focus_name */
    bool verbose, no_faults, no_crashes;
    bool unbounded;           /* faults beyond tolerance: safety is checked, liveness is not */
    enum sql_cut cut;         /* where SQL clients walk away; 0: drawn. They do so without faults, too */
    uint32_t cancel_ppm;      /* how often they ask to cancel; 0: drawn */
    bool hot;                 /* many clients, few keys */
    bool splits;              /* ranges are split, leaders handed about, while the load lasts */
    bool merges;              /* and united again */
    bool moves;               /* and moved; nodes are drained, decommissioned, replaced, added */
    bool deaths;              /* machines die at steps of two-phase commit (deaths.h) */
    bool no_leases;           /* every read costs a round, and any clock fault may happen */
    enum { RUN_CLOCK_DRAWN, RUN_CLOCK_ORACLE, RUN_CLOCK_INTERVAL } clock;
    enum { RUN_PARALLEL_DRAWN, RUN_PARALLEL_ON, RUN_PARALLEL_OFF } parallel; /* commit */
    FILE *trace;
};

struct run_result {
    bool passed;
    char failure[512];
    uint64_t hash;            /* of everything that happened */
    uint64_t operations, committed, unknown, faults, virtual_ns, events, leader_changes;
    uint64_t splits, merges;  /* that came true */
    uint64_t moves, states;   /* moves of ranges, changes of nodes' states that were ordered and taken on */
    uint64_t deaths;          /* messages of two-phase commit that were struck */
    uint64_t replaced;        /* nodes that were decommissioned to the end */
    uint64_t at_replica;      /* requests of reads of the past that replicas served */
    uint64_t disconnects;     /* clients that walked away */
    uint64_t conflicts;       /* commits and locks that leaders refused; servers and clients tried again */
    /* Commits of transactions that wrote to several ranges, by the gateways that are up at the end; those that were acknowledged before their
     * record was there; and those that somebody else had to find to be committed, by the leaders that are up at the end. */
    uint64_t two_phase, staged, recovered;
    /* of the stores that are up at the end, since they started: reads and clock batches without and with a
     * quorum round, and Raft messages */
    uint64_t reads_leased, reads_confirmed, raft_messages;
};

/* faults_out (may be NULL) gets the block of faults by kind. */
void run_once(const struct run_options *options, struct run_result *result, FILE *faults_out);

#endif
