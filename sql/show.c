/* SHOW SESSIONS, QUERIES, TRANSACTIONS, LOCKS, STATEMENTS, NODES, RANGES, JOBS, CLUSTER SETTINGS: queries that
 * an operator need not type. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "sql/ast.h"
#include "sql/parser.h"
#include "sql/query.h"

static const struct {
    const char *name, *query;
} shows[] = {
    {"sessions", "SELECT node, pid, application_name, client, state, state_since, waits_for, query "
                 "FROM ostraka.sessions ORDER BY node, pid"},
    {"queries", "SELECT node, pid, query_started, waits_for, transaction, query "
                "FROM ostraka.sessions WHERE state = 'active' ORDER BY query_started, node, pid"},
    /* Also those whose session is gone, or has been told that it is committed, and of which something is prepared still. */
    {"transactions",
     "SELECT coalesce(t.id, p.id) AS id, t.node, t.pid, coalesce(t.state, p.state) AS state, t.started, t.read_timestamp, "
     "t.spans_read, t.rows_written, t.bytes_written, t.waits_for, coalesce(t.lock_name, p.lock_name) AS lock_name, "
     "p.ranges AS prepared_ranges, p.staged, p.age_ms AS prepared_ms FROM ostraka.transactions t FULL JOIN "
     "(SELECT id, lock_name, count(*) AS ranges, count(staged_keys) > 0 AS staged, max(age_ms) AS age_ms, "
     "CASE WHEN bool_or(state = 'in doubt') OR count(staged_keys) = 0 THEN 'in doubt' ELSE 'staged' END AS state "
     "FROM ostraka.prepared GROUP BY id, lock_name) p "
     "ON t.lock_name = p.lock_name ORDER BY t.started, 1"},
    {"prepared", "SELECT * FROM ostraka.prepared ORDER BY age_ms DESC, id, range"},
    {"locks",
     "SELECT range, table_name, key, mode, granted, waiting_ms, session_node, pid, lock_name "
     "FROM ostraka.locks ORDER BY range, table_name, key, granted DESC, waiting_ms DESC"},
    {"statements",
     "SELECT node, calls, errors, rows, total_ms, max_ms, requests, retries, statement "
     "FROM ostraka.statements ORDER BY total_ms DESC, node LIMIT 100"},
    {"nodes", "SELECT node, state, alive, ranges, leaders, bytes, requests, incoming, outgoing, locality, sql_address "
              "FROM ostraka.nodes ORDER BY node"},
    {"ranges", "SELECT * FROM ostraka.ranges"},
    {"jobs", "SELECT * FROM ostraka.jobs ORDER BY since, range"},
    {"cluster_settings", "SELECT * FROM ostraka.cluster_settings ORDER BY name, table_name NULLS FIRST"},
};

static const char *query_of(const char *name)
{
    for (size_t i = 0; i < sizeof shows / sizeof shows[0]; i++)
        if (strcasecmp(shows[i].name, name) == 0) return shows[i].query;
    return NULL;
}

bool exec_show_exists(const char *name)
{
    return query_of(name) != NULL;
}

bool exec_show(struct exec *x, const char *name)
{
    struct sql_script script;
    ASSERT(exec_show_exists(name));
    if (!sql_parse(x->arena, bytes_of_string(query_of(name)), &script, x->error)) return false;
    if (!exec_select(x, sql_as_select(script.statements[0].node))) return false;
    snprintf(x->tag, sizeof x->tag, "SHOW");
    return true;
}

bool exec_show_ranges(struct exec *x, const struct sql_show_ranges *n)
{
    if (n->object == SQL_OBJECT_INDEX) return exec_unsupported(x, n->node.position, "SHOW RANGES FROM INDEX");
    if (n->name.name != NULL) {
        x->ranges_of = exec_table(x, &n->name);
        if (x->ranges_of == NULL) return false;
        if (x->ranges_of->from != NULL)
            return sql_error_set(x->error, x->arena, SQLSTATE_WRONG_OBJECT_TYPE, n->name.position,
                                 "\"%s\" is not stored: it has no ranges", n->name.name);
    }
    return exec_show(x, "ranges");
}
