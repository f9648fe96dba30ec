/* The SQL port of one core: accepts PostgreSQL connections and serves sessions on the core's fibers. */
#ifndef OSTRAKA_SQL_SERVER_H
#define OSTRAKA_SQL_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fiber.h"
#include "base/histogram.h"
#include "base/timer.h"
#include "io/env.h"
#include "txn/txn.h"

struct sql_server;

struct sql_server_options {
    struct env *env;
    struct logger *logger;
    struct env_addr listen;
    uint32_t connection_max;        /* sessions; default 3000; beyond: 53300 */
    uint64_t buffered_bytes_max;    /* of what all clients sent and did not finish; default 256 MiB: 53200 beyond */
    size_t memory_bytes;            /* of all sessions together: 53200 beyond; default 1 GiB */
    uint64_t session_memory_bytes;  /* of one statement; default 64 MiB: 53200 beyond */
    int64_t log_slow_ms;            /* as sql_activity_options */
    const struct sql_zones *zones;  /* named time zones, borrowed; NULL: UTC and fixed offsets only */
    uint64_t idempotency_life_ns;   /* of keys that say when they were made; 0: 7 days; the same on all nodes */
};

/* Listens at once; until sql_server_attach, and while draining, connections are answered 57P03.
 * STATUS_BUSY: the address is in use. */
MUST_USE enum status sql_server_create(const struct sql_server_options *options,
                                       struct sql_server **server_out);
/* How many sessions there may be. */
uint32_t sql_server_sessions_max(const struct sql_server *s);
/* Where its sessions are listed. */
struct sql_activity *sql_server_activity(struct sql_server *s);
uint16_t sql_server_port(const struct sql_server *s);
/* The node can serve, and takes part in the work behind tables (reclaim.h). STATUS_NO_MEMORY. */
MUST_USE enum status sql_server_attach(struct sql_server *s, struct kv *kv, struct fiber_pool *fibers,
                                       struct timer_heap *timers);
/* No new connections (57P03); idle sessions end with 57P01, busy ones after their statement. */
void sql_server_drain(struct sql_server *s);
/* Ends every session at once; statements end with STATUS_CANCELLED from below. */
void sql_server_stop(struct sql_server *s);
/* After stop and a drained environment. */
void sql_server_destroy(struct sql_server *s);

struct sql_server_metrics {
    uint64_t sessions, cancels, silent, buffered_bytes; /* silent: closed for want of a start-up packet */
    uint64_t connections, connections_total, refused, statements, errors, bytes_in, bytes_out;
    uint64_t rows_reclaimed; /* of tables that were dropped or truncated */
    uint64_t connections_busy; /* that work on a message now */
    /* idempotency.h; counted while the node leads, or where clients are */
    uint64_t idempotency_replays, idempotency_mismatches, idempotency_expired, idempotency_waits;
    uint64_t idempotency_emptied, idempotency_removed;
    struct histogram statement_ns;
};
const struct sql_server_metrics *sql_server_metrics(struct sql_server *s);

#endif
