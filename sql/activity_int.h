/* Private to activity.c, virtual*.c and the session: what is known of a session. */
#ifndef OSTRAKA_SQL_ACTIVITY_INT_H
#define OSTRAKA_SQL_ACTIVITY_INT_H

#include "base/arena.h"
#include "base/list.h"
#include "base/map.h"
#include "sql/ast.h"
#include "sql/error.h"
#include "sql/activity.h"

#define ACTIVITY_TEXT_BYTES 1024 /* of a statement that is shown */

/* Executions of one statement, whatever its constants (fingerprint.h). */
struct statement_stats {
    struct list link; /* sql_activity.statements, the one that was used last first */
    uint64_t fingerprint;
    uint64_t calls, errors, rows, requests, retries;
    uint64_t total_ns, max_ns, lock_ns;
    char *text;
};
#define STATEMENT_STATS_MAX        500
#define STATEMENT_STATS_TEXT_BYTES 1024

/* What statements have cost so far; of one, the difference. */
struct statement_cost {
    uint64_t requests, retries, lock_ns, rows;
};

struct sql_activity {
    struct list statements; /* struct statement_stats, at most STATEMENT_STATS_MAX */
    struct map by_fingerprint;
    uint32_t statement_count;
    struct arena work; /* while a statement is made a fingerprint */
    struct buf normalized;
    struct arena_account memory;
    struct sql_activity_metrics metrics;
    struct sql_activity_options options;
    struct kv *kv;        /* NULL until attached */
    struct list sessions; /* struct session_activity, oldest first */
    bool stopping;            /* other nodes are asked no more */
    struct list gathers;  /* virtual_gather.c: who waits for other nodes */
    uint32_t next_pid;
    bool pids_repeat; /* all numbers were given out once */
};

/* Part of a session. */
struct session_activity {
    struct list link;
    struct sql_activity *of; /* NULL: listed nowhere */
    struct sql_session *session;
    void *owner;
    int32_t pid;
    int64_t started_us, query_us,
        state_us;                 /* since 2000-01-01; the session, its last statement, its state */
    struct statement_cost cost;   /* of the transactions that have ended */
    struct statement_cost before; /* when the statement under way began */
    uint64_t refused;             /* sql_activity.memory.refused when the work on a message began */
    uint64_t start_ns;            /* of the statement under way; 0: none is measured */
    uint64_t text_hash, fingerprint; /* of the last text that was made a fingerprint; 0: none */
    uint32_t text_size;
    char text[ACTIVITY_TEXT_BYTES]; /* of the last statement; cut between characters */
};

/* The session begins and ends. */
void activity_enter(struct sql_session *s);
void activity_leave(struct sql_session *s);
/* What the node says of settings; false: out of memory. */
bool activity_defaults(struct sql_session *s);
/* Work on a message begins, or ends. */
void activity_work(struct sql_session *s);
/* Says more of an error, when it is that all sessions together hold too much. */
void activity_explain(struct sql_session *s, struct sql_error *error);
/* A statement of this text begins. */
void activity_statement(struct sql_session *s, struct bytes text);
/* A statement is executed from here on. */
void activity_statement_begin(struct sql_session *s);
/* The statement ends. parameters: how many it has. error NULL: well. */
void activity_statement_end(struct sql_session *s, const struct sql_node *node, struct bytes text,
                            uint32_t parameters, const struct sql_error *error);
/* Its transaction is about to be destroyed; the server begins a statement or a transaction again.
 */
void activity_transaction_end(struct sql_session *s);
void activity_retry(struct sql_session *s);
void activity_statements_deinit(struct sql_activity *a);
/* NULL: it is not of this node. */
struct session_activity *activity_find(struct sql_activity *a, int32_t pid);
/* The node that a pid belongs to; 0: it cannot be told. */
uint64_t activity_pid_node(int32_t pid);
/* Ends a statement or a session of this node; false: there is none of that pid. */
bool activity_signal(struct sql_activity *a, int32_t pid, bool terminate);
/* struct sql_eval.signal: any session of the cluster; ctx is the asking statement's struct exec. A
 * warning says why *found_out is false. [fiber] */
enum status activity_signal_from(void *exec, int32_t pid, bool terminate, bool *found_out);
/* A client asks to cancel what a session of another node does: it is told, if it can be. */
void activity_forward_cancel(struct sql_activity *a, int32_t pid, uint32_t key);
/* Microseconds since 2000-01-01. */
int64_t activity_now_us(struct env *env);
/* As pg_stat_activity.state says it. */
const char *activity_state(const struct sql_session *s);

#endif
