/* What a node says about itself: /livez, /readyz, /metrics (Prometheus text format 0.0.4), /status (JSON).
 * It works with one node and no quorum: everything comes from this process. */
#ifndef OSTRAKA_NODE_METRICS_H
#define OSTRAKA_NODE_METRICS_H

#include "base/buf.h"
#include "io/busy_poll.h"
#include "node/core.h"
#include "node/overview_watch.h"
#include "sql/activity.h"
#include "sql/server.h"

struct metrics_sources {
    struct core *core;       /* NULL while starting */
    const struct busy_poll *busy_poll;
    struct sql_server *sql;
    const char *sql_address, *http_address, *data, *io; /* io: the backend */
    const char *clock_refused; /* the kernel's clock source because of which --clock interval is; empty: it is not. Borrowed */
    bool leases;             /* the clock of the machine is trusted with durations */
    uint64_t memory_bytes;
    uint64_t started_wall_ns;
    struct overview_watch *overview; /* NULL: nobody is asked */
};

/* struct http_options.answer; ctx is a struct metrics_sources. */
int metrics_answer(void *ctx, const char *path, struct buf *body, const char **content_type);

#endif
