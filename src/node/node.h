/* A node as a process: data directory, environment, core, SQL port, admin port, signals. */
#ifndef OSTRAKA_NODE_NODE_H
#define OSTRAKA_NODE_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"
#include "io/env.h"
#include "txn/txn.h"
#include "wal/wal.h"

enum node_io { NODE_IO_AUTO, NODE_IO_URING, NODE_IO_EPOLL };

struct node_options {
    const char *data;                     /* directory; made when missing */
    struct env_addr listen, sql, http;    /* port 0: any free one */
    const char *advertise, *advertise_sql; /* host:port; NULL: the listen addresses */
    const char *join;                     /* comma-separated host:port, or NULL */
    const char *locality;
    uint64_t sql_connection_max;          /* SQL sessions, and no start with less; 0: 3000, or as many as descriptors allow */
    uint64_t memory_bytes;                /* for memtables and caches; 0: a quarter of the machine or of its control
                                           * group's limit, at most 1 GiB */
    uint64_t sql_memory_bytes;            /* for sessions; 0: as much */
    enum node_io io;
    uint64_t busy_poll_ns;                /* for how long to look for work before sleeping (io/busy_poll.h); 0: sleep at once */
    enum wal_sync_mode wal_sync;
    enum kv_clock_source clock;           /* refused, and oracle instead, where the machine's clock is not trusted */
    bool trust_clock;                     /* whatever the kernel says of it */
    bool insecure;                        /* may listen on non-loopback addresses without TLS */
    uint64_t dead_after_ns;
    uint64_t version_retention_ns;        /* how long overwritten rows stay readable; 0: the default */
    enum log_level log_level;
    int64_t log_slow_ms;                  /* statements that take so long are logged; negative: none */
};

/* Runs until a signal or a failure. Returns the exit status: 0 after SIGTERM or SIGINT, 1 for errors (with
 * a line on stderr that says what to do), 2 for options that contradict each other. */
int node_run(const struct node_options *options);

#endif
