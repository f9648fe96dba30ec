/* What the sessions of a node do, for those who ask (pg_stat_activity, ostraka.sessions), here and
 * on other nodes: one per node. Sessions enter and leave by themselves (struct
 * sql_session_options.activity). */
#ifndef OSTRAKA_SQL_ACTIVITY_H
#define OSTRAKA_SQL_ACTIVITY_H

#include "base/arena.h"
#include "base/histogram.h"
#include "io/env.h"
#include "txn/txn.h"

struct sql_activity;

struct sql_activity_options {
    struct env *env;
    struct logger *logger;
    size_t memory_bytes; /* what all sessions may hold together; 0: 1 GiB */
    int64_t log_slow_ms; /* statements that take so long are logged, unless the session says
                            otherwise; negative: none */
    /* Ends the statement under way of a session, or the session. owner: as in the session's
     * options. */
    void (*signal)(void *owner, bool terminate);
    /* The key that a request to cancel has to bring. */
    uint32_t (*cancel_key)(void *owner);
};

MUST_USE enum status sql_activity_create(const struct sql_activity_options *options,
                                         struct sql_activity **a_out);
/* Once: answers other nodes from now on. */
void sql_activity_attach(struct sql_activity *a, struct kv *kv);
/* Ends what waits for other nodes (STATUS_CANCELLED), and asks them no more. */
void sql_activity_stop(struct sql_activity *a);
/* No session may be left. */
void sql_activity_destroy(struct sql_activity *a);

enum sql_statement_class {
    SQL_CLASS_SELECT,
    SQL_CLASS_INSERT,
    SQL_CLASS_UPDATE,
    SQL_CLASS_DELETE,
    SQL_CLASS_COPY,
    SQL_CLASS_DDL,
    SQL_CLASS_TRANSACTION,
    SQL_CLASS_OTHER,
    SQL_CLASS_COUNT
};
struct sql_activity_metrics {
    uint64_t slow, retries, deadlocks,
        serialization_failures; /* statements: logged as slow, begun again here; told to clients */
    uint64_t statements_known;  /* fingerprints */
    uint64_t active, idle, idle_in_transaction, aborted; /* sessions, now */
    uint64_t prepared, portals, session_bytes;           /* of all sessions, now */
    struct histogram class_ns[SQL_CLASS_COUNT];
};
/* What sessions hold in memory, and may; the owner of the node's buffers adds these. */
struct arena_account *sql_activity_memory(struct sql_activity *a);
const struct sql_activity_metrics *sql_activity_metrics(struct sql_activity *a);
const char *sql_statement_class_name(enum sql_statement_class c);

/* A number for a new session, which pg_stat_activity calls its pid: this node's id and a count, so
 * that it is one session of the cluster. */
int32_t sql_activity_new_pid(struct sql_activity *a);

#endif
