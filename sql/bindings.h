/* What the expressions of a prepared statement were bound to, kept from one execution to the next.
 *
 * Every execution looks its tables up, and reads or validates their records, as ever (CAT-1). Only then is the expression of a
 * clause taken from here, when it was bound to the same record: the session gives each record that it decodes a number
 * (sql_table.known_as), which no other one gets. Whatever else an expression could depend on keeps it from being kept: literals
 * whose value depends on a setting or the time (binder.passing), queries, aggregates, names of a query around it. Parameters
 * stand in it by their number; what their values decide is folded in a copy, by each execution.
 *
 * What is kept is shared, and nobody changes it. It stays where it is as long as an execution uses it, one that is paused, too. */
#ifndef OSTRAKA_SQL_BINDINGS_H
#define OSTRAKA_SQL_BINDINGS_H

#include "sql/expr.h"

#define BINDINGS_MAX 1024                        /* expressions of one statement: one with more keeps none */
#define BINDINGS_BYTES_MAX (256u << 10)          /* of one statement */
#define BINDINGS_SESSION_BYTES_MAX (16u << 20)   /* of a session: beyond, its statements go without */

struct binding;
struct exec;
struct bindings {
    struct arena arena;
    struct binding *list;    /* in the order in which they are asked for */
    uint32_t count, capacity;
    uint32_t users;          /* executions under way that may hold something of it */
    bool executed;           /* once: only from the second time on it is worth the copies */
    bool old;                /* a table has changed: all of it goes when nobody uses it */
    bool refused;            /* too much to be kept */
    size_t held_bytes;       /* of *session_bytes */
    size_t *session_bytes;   /* borrowed */
};

void bindings_init(struct bindings *k, struct arena_account *account, size_t *session_bytes);
/* Nobody uses it. */
void bindings_deinit(struct bindings *k);
/* Around an execution. enter: NULL when x goes without; else x->bindings, which leave takes. */
struct bindings *bindings_enter(struct exec *x, const struct sql_node *statement);
void bindings_leave(struct bindings *k);
/* What `source` (a syntax tree of the statement, or a text of the table's record) was bound to, ready to be folded. table: whose
 * names it may use, or whose record it is of; NULL: none. NULL: it has to be bound. */
struct expr *bindings_find(struct exec *x, const void *source, const struct sql_table *table);
/* Then: what it was bound to, not yet folded. lasting: it depends on nothing but the record. */
void bindings_add(struct exec *x, const void *source, const struct sql_table *table, const struct expr *e,
                  bool lasting);

#endif
