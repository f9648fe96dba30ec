/* Whole clusters in the simulated environment: the same core that production runs, stepped by the
 * scheduler. A machine may be down, starting or up; a crash tears its core down through the same paths
 * that an orderly end takes. */
#ifndef OSTRAKA_TESTS_SIM_CLUSTER_H
#define OSTRAKA_TESTS_SIM_CLUSTER_H

#include "node/core.h"
#include "sql/server.h"
#include "tests/sim/env/sim.h"

#define CLUSTER_NODE_MAX 9
#define CLUSTER_PEER_PORT 7433
#define CLUSTER_SQL_PORT 7432
#define CLUSTER_CLIENT_HOST 40 /* the machine that SQL clients run on: no fault strikes it as a machine */

struct cluster_options {
    uint64_t seed;
    uint32_t node_count;       /* machines 1..node_count */
    uint32_t boot_count;       /* that cluster_boot starts; 0: all */
    uint32_t replication_factor; /* voters of each range; 0: 3 */
    const struct bytes *split_keys; /* where the second and the following data ranges begin; borrowed */
    uint32_t split_count;
    FILE *trace;
    struct sim_options sim;    /* filled in by cluster_options_init */
    uint64_t heartbeat_ns, election_timeout_ns;
    uint64_t support_ns;       /* 0: the election timeout */
    bool no_leases;            /* then clocks may do what they like */
    enum kv_clock_source clock_source; /* of all machines, */
    uint16_t version_min[CLUSTER_NODE_MAX + 1], version_max[CLUSTER_NODE_MAX + 1]; /* by machine; 0: as all do */
    uint64_t odd_clock;                /* but this one, which has the other; 0: none */
    bool no_parallel_commit;
    bool spill_early;          /* what transactions write goes to files at once */
    uint32_t turn_rounds_max;  /* of the nodes' cores */
    uint64_t memory_bytes, table_bytes, log_bytes_max, log_cache_bytes, dead_after_ns;
    const char *const *localities; /* by machine, from 1; borrowed; NULL: none */
    uint64_t version_retention_ns; /* 0: the default, longer than any run */
    uint64_t idempotency_life_ns;  /* 0: the default, much longer */
    uint32_t wal_segment_bytes;
    bool verbose;              /* logs of the nodes to stderr */
};
void cluster_options_init(struct cluster_options *o, uint64_t seed);

struct cluster;
struct owners;

struct cluster_machine {
    struct cluster *cluster;
    uint64_t number;
    struct env *env;           /* NULL: down */
    struct core *core;
    struct sql_server *sql;
    struct logger logger;
    bool attached;             /* the SQL port serves sessions */
    bool ended;                /* the core ended by itself: torn down by the next step */
    char why[512];
    uint64_t starts;
};

struct cluster *cluster_create(const struct cluster_options *options);
void cluster_destroy(struct cluster *c);
struct sim *cluster_sim(struct cluster *c);
/* What leaders of data ranges have served so far (owners.h). */
struct owners *cluster_owners(struct cluster *c);
struct cluster_machine *cluster_machine(struct cluster *c, uint64_t number);
bool cluster_leases(const struct cluster *c);
enum kv_clock_source cluster_clock_source(const struct cluster *c);
/* Tests are run with either source: OSTRAKA_CLOCK=interval gives it to all clusters that have leases. */
bool cluster_interval_is_wanted(void);
uint32_t cluster_size(const struct cluster *c);
/* The environment of the clients' machine, made when first asked for; it ends with the cluster. Nothing in
 * it may wait for a turn: clients act in the callbacks of their sockets and in sim_call_after. */
struct env *cluster_client_env(struct cluster *c);

/* Starts the process on a machine that is down. */
void cluster_start(struct cluster *c, uint64_t number);
/* Ends it at once. No effect when it is down. */
/* From its next start on the machine runs a program that speaks these versions of the protocol between nodes. */
void cluster_set_versions(struct cluster *c, uint64_t number, uint16_t min, uint16_t max);
void cluster_crash(struct cluster *c, uint64_t number, enum sim_crash kind);
bool cluster_up(const struct cluster *c, uint64_t number);
/* How many machines stopped by themselves (a fenced disk, a refusal); they stay down until started. */
uint32_t cluster_ended(const struct cluster *c);

/* Starts all machines, creates the cluster on machine 1 and runs until every range has all its voters, or
 * the time is over (false). */
bool cluster_boot(struct cluster *c, uint64_t timeout_ns);
/* Writes the memtables of a range on a machine to disk, where old versions can be collected. No effect when
 * the machine or the replica is not there. */
void cluster_flush(struct cluster *c, uint64_t number, struct range_id range);
/* Runs for a while; tears down cores that ended. */
void cluster_run(struct cluster *c, uint64_t duration_ns);
/* Runs until the condition holds; false when the time is over. */
bool cluster_run_until(struct cluster *c, bool (*holds)(struct cluster *c, void *ctx), void *ctx,
                       uint64_t timeout_ns);
/* All ranges it was founded with have a serving leader and `voters` voters, none joint. */
bool cluster_settled(struct cluster *c, uint32_t voters);
/* The machine whose replica of the range serves, or 0. */
uint64_t cluster_leader(struct cluster *c, struct range_id range);
/* Gives the cluster's setting that value, for all keys. */
void cluster_set(struct cluster *c, enum cluster_setting setting, uint64_t value);
/* Every replica that is up has applied the same entries and holds the same bytes; else `why` (NULL: nobody asks) is told
 * what differs. */
bool cluster_replicas_equal(struct cluster *c, FILE *why);
/* Waits for that up to tries times, since the leader's housekeeping may be on its way to the others; in the end stderr is
 * told. */
bool cluster_await_equal(struct cluster *c, uint32_t tries, uint64_t pause_ns);
/* Properties that hold after every step. Election safety per range and term: aborts when broken. One lease
 * per range at any instant: see cluster_violation. */
void cluster_check(struct cluster *c);
/* What cluster_check saw first, or NULL. */
const char *cluster_violation(const struct cluster *c);

#endif
