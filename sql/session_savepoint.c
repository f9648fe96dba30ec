/* SAVEPOINT, RELEASE, ROLLBACK TO. A savepoint is a mark in the transaction's writes, in its
 * settings and among its portals. Going back to it forgets what came after; what was read stays to
 * be validated, and locks stay, because the client has seen what they say. */
#include "sql/session_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

/* The newest one of this name; NULL with the error set. */
static struct savepoint *find(struct sql_session *s, struct exec *x, const char *name)
{
    for (uint32_t i = s->savepoint_count; i-- > 0;)
        if (strcmp(s->savepoints[i].name, name) == 0) return &s->savepoints[i];
    sql_error_set(x->error, x->arena, SQLSTATE_INVALID_SAVEPOINT_SPECIFICATION, 0,
                  "savepoint \"%s\" does not exist", name);
    return NULL;
}

static bool room(struct sql_session *s, struct exec *x)
{
    if (s->savepoint_count == SESSION_SAVEPOINTS_MAX) {
        sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                      "a transaction is limited to %d savepoints at a time", SESSION_SAVEPOINTS_MAX);
        sql_error_hint(x->error, x->arena, "RELEASE those that are no longer needed.");
        return false;
    }
    if (s->savepoint_count < s->savepoint_capacity) return true;
    uint32_t capacity = s->savepoint_capacity == 0 ? 4 : 2 * s->savepoint_capacity;
    struct savepoint *grown = realloc(s->savepoints, capacity * sizeof *grown);
    if (grown == NULL) return sql_error_out_of_memory(x->error);
    s->savepoints = grown;
    s->savepoint_capacity = capacity;
    return true;
}

bool session_savepoint(struct sql_session *s, struct exec *x, const char *name)
{
    snprintf(x->tag, sizeof x->tag, "SAVEPOINT");
    if (s->state == TRANSACTION_FAILED) return session_refuse_failed(x);
    if (s->state != TRANSACTION_OPEN) return session_needs_block(x, "SAVEPOINT");
    if (!room(s, x)) return false;
    struct savepoint *p = &s->savepoints[s->savepoint_count++];
    *p = (struct savepoint){.mark = txn_mark(s->txn), .portal_seq = s->portal_seq, .read_only = s->read_only};
    ASSERT(strlen(name) < sizeof p->name);
    snprintf(p->name, sizeof p->name, "%s", name);
    settings_level(&s->settings, s->savepoint_count);
    return true;
}

bool session_savepoint_release(struct sql_session *s, struct exec *x, const char *name)
{
    snprintf(x->tag, sizeof x->tag, "RELEASE");
    if (s->state == TRANSACTION_FAILED) return session_refuse_failed(x);
    if (s->state != TRANSACTION_OPEN) return session_needs_block(x, "RELEASE SAVEPOINT");
    const struct savepoint *p = find(s, x, name);
    if (p == NULL) return false;
    s->savepoint_count = (uint32_t)(p - s->savepoints);
    settings_level(&s->settings, s->savepoint_count);
    return true;
}

bool session_savepoint_back(struct sql_session *s, struct exec *x, const char *name)
{
    snprintf(x->tag, sizeof x->tag, "ROLLBACK");
    if (s->state != TRANSACTION_OPEN && s->state != TRANSACTION_FAILED)
        return session_needs_block(x, "ROLLBACK TO SAVEPOINT");
    const struct savepoint *p = find(s, x, name);
    if (p == NULL) return false;
    if (s->state == TRANSACTION_FAILED) COVER("sql_savepoint_recovered");
    s->savepoint_count = (uint32_t)(p - s->savepoints) + 1; /* it stays */
    session_portals_close_since(s, p->portal_seq);
    txn_back(s->txn, p->mark);
    settings_back(&s->settings, s->savepoint_count);
    s->read_only = p->read_only;
    s->state = TRANSACTION_OPEN;
    return true;
}

void session_savepoints_end(struct sql_session *s)
{
    free(s->savepoints);
    s->savepoints = NULL;
    s->savepoint_count = s->savepoint_capacity = 0;
}
