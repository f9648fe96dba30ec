/* One core of a node: an environment, its timers and fibers, one store, the peer links and the transaction
 * service. core_step does everything that can be done without waiting; whoever owns the core (a thread, or
 * the simulator) then lets the environment submit and wait. */
#ifndef OSTRAKA_NODE_CORE_H
#define OSTRAKA_NODE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fiber.h"
#include "base/timer.h"
#include "io/env.h"
#include "net/net.h"
#include "shard/shard.h"
#include "txn/txn.h"

struct core;

struct core_options {
    struct env *env;
    struct logger *logger;
    uint64_t seed;
    struct env_addr listen;        /* peers */
    char advertise[NET_HOST_MAX];  /* where peers reach it; empty: the listen address */
    char sql_address[NET_HOST_MAX], http_address[NET_HOST_MAX], locality[128];
    const char *join;              /* seeds, comma-separated host:port; NULL: none. Borrowed */
    uint64_t memory_bytes;         /* for memtables and caches; 0: 256 MiB */
    uint64_t table_bytes;
    uint32_t wal_segment_bytes;
    enum wal_sync_mode wal_sync_mode;
    uint64_t heartbeat_ns, election_timeout_ns;
    uint64_t support_ns;           /* of store liveness; 0: the election timeout */
    bool no_leases;                /* the clock of this machine is not to be trusted with durations */
    enum kv_clock_source clock_source;
    uint16_t version_min, version_max; /* of the protocol between nodes; 0: all that this program speaks */
    uint32_t replication_factor;
    uint64_t log_bytes_max, log_cache_bytes, dead_after_ns, no_quorum_timeout_ns, version_retention_ns;
    size_t fiber_count_max;        /* 0: 4096 */
    uint32_t turn_rounds_max;      /* 0: until there is nothing left to do, or half a millisecond is over */
    /* The core failed or was refused; it has to be destroyed. exit_status as in README, Exit statuses. */
    void (*on_end)(void *ctx, int exit_status, const char *why);
    /* The node has an identity and talks to its peers. */
    void (*on_joined)(void *ctx);
    void *ctx;
};

/* STATUS_BUSY: the peer port is in use. STATUS_NO_MEMORY. Recovery goes on in the steps that follow. */
MUST_USE enum status core_create(const struct core_options *options, struct core **core_out);
/* The environment has been shut down and drained (or core_stopped answers true). */
void core_destroy(struct core *c);
/* One turn. Returns when the next is due at the latest (env_now_ns scale). */
uint64_t core_step(struct core *c);
/* Orderly end: leadership is handed over, then everything ends. */
void core_stop(struct core *c);
bool core_stopped(const struct core *c);
/* Ends all that waits at once, because the environment is gone: call after env_shutdown and before the
 * environment is drained. */
void core_abandon(struct core *c);

/* NULL until recovery has ended. */
struct store *core_store(struct core *c);
struct kv *core_kv(struct core *c);
struct net *core_net(struct core *c);
struct fiber_pool *core_fibers(struct core *c);
struct timer_heap *core_timers(struct core *c);
struct env *core_env(struct core *c);
struct logger *core_logger(struct core *c);
uint16_t core_peer_port(const struct core *c);
bool core_joined(const struct core *c);

struct core_metrics {
    uint64_t turns, turns_long; /* longer than 5 ms */
    struct histogram turn_ns;
};
const struct core_metrics *core_metrics(const struct core *c);

#endif
