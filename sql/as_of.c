/* AS OF SYSTEM TIME: a query, or a transaction, that reads the past (txn/README.md, Reads of the past).
 *
 *   '-10s', interval '-10s'         so long before now, by the cluster's clock
 *   '2026-01-01 12:00+00', a time   then
 *   1767268800000000000             nanoseconds since 1970, also as text and with a fraction, which is left out
 *   follower_read_timestamp()       so long ago that replicas mostly know of it
 *   with_max_staleness('10s')       everything that was acknowledged 10 s ago is seen; picked with the first read,
 *   with_min_timestamp(a time)      or everything up to then
 *
 * Such a transaction is read only. Tables are looked up as of that time, too. */
#include <string.h>

#include "base/assert.h"
#include "sql/as_of.h"
#include "sql/session_int.h"

#define FOLLOWER_READ_NS UINT64_C(4800000000)

struct as_of {
    uint64_t ts;               /* 0: picked within the bounds */
    uint64_t least_ts, age_ns;
    bool unknown;              /* while a statement is described: a parameter has no value yet */
};

/* ================================ what is asked for ================================ */

static bool fail_value(struct exec *x, const struct sql_node *node, const char *what)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, node->position, "AS OF SYSTEM TIME: %s", what);
}

/* A constant; names of columns mean nothing here. *unknown_out: it is only described, and has a parameter. */
static bool value_of(struct exec *x, const struct sql_node *node, uint32_t *oid_out, struct sql_datum *value_out, bool *unknown_out)
{
    struct binder b;
    exec_binder(x, &b);
    b.clause = "AS OF SYSTEM TIME";
    b.x = NULL;
    b.no_subquery = "AS OF SYSTEM TIME";
    struct expr *e = bind_expr(&b, node);
    if (e != NULL && x->describe) e = bind_settle(&b, e); /* a parameter that nothing decides is text */
    if (e == NULL || !expr_eval(&x->eval, e, NULL, NULL, value_out)) return false;
    *oid_out = e->type.oid;
    *unknown_out = x->describe && value_out->is_null;
    return !value_out->is_null || *unknown_out || fail_value(x, node, "it is null");
}

static bool point_of(struct exec *x, const struct sql_node *node, uint64_t *ts_out, bool *unknown_out)
{
    struct sql_datum value;
    uint32_t oid;
    uint64_t now = kv_clock_estimate(x->session->options.kv);
    if (now == 0) return exec_fail(x, STATUS_UNAVAILABLE);
    if (!value_of(x, node, &oid, &value, unknown_out)) return false;
    return *unknown_out || as_of_time(&x->eval, oid, &value, now, ts_out) == STATUS_OK;
}

static bool age_of(struct exec *x, const struct sql_node *node, uint64_t *age_ns_out, bool *unknown_out)
{
    struct sql_datum value;
    uint32_t oid;
    if (!value_of(x, node, &oid, &value, unknown_out)) return false;
    return *unknown_out || as_of_age(&x->eval, oid, &value, age_ns_out) == STATUS_OK;
}

static const struct sql_node *argument_of(const struct sql_node *node, const char *name)
{
    if (node->kind != SQL_EXPR_CALL) return NULL;
    const struct sql_call_expr *call = sql_as_call_expr(node);
    bool plain = call->name.schema == NULL && call->args.count == 1 && !call->star && !call->distinct && call->over == NULL;
    return plain && strcmp(call->name.name, name) == 0 ? call->args.items[0] : NULL;
}

static bool evaluate(struct exec *x, const struct sql_node *node, struct as_of *out)
{
    const struct sql_node *age = argument_of(node, "with_max_staleness"), *least = argument_of(node, "with_min_timestamp");
    *out = (struct as_of){0};
    if (age != NULL) return age_of(x, age, &out->age_ns, &out->unknown);
    if (least != NULL) return point_of(x, least, &out->least_ts, &out->unknown);
    return point_of(x, node, &out->ts, &out->unknown);
}

/* ================================ the transaction ================================ */

static bool fail_future(struct exec *x, const struct sql_node *node, uint64_t ts)
{
    uint64_t now = kv_clock_estimate(x->session->options.kv), ahead_ms = ts > now ? (ts - now) / 1000000 : 0;
    fail_value(x, node, "that time has not come yet");
    if (ts < AS_OF_FUTURE)
        sql_error_detail(x->error, x->arena, "It is %llu ms ahead of the cluster's clock.", (unsigned long long)ahead_ms);
    return false;
}

/* [fiber] */
static bool read_there(struct sql_session *s, struct exec *x, const struct sql_node *node, const struct as_of *when)
{
    txn_set_deadline(s->txn, s->deadline_ns);
    enum status status = when->ts != 0 ? txn_read_at(s->txn, when->ts) : txn_read_stale(s->txn, when->least_ts, when->age_ns);
    if (status == STATUS_INVALID) return fail_future(x, node, when->ts != 0 ? when->ts : when->least_ts);
    if (status != STATUS_OK) return exec_fail(x, status);
    s->read_only = true;
    return true;
}

static bool begin(struct sql_session *s, struct exec *x, const struct sql_node *node)
{
    struct as_of when;
    if (s->settings.idempotency_key[0] != '\0')
        return exec_unsupported(x, node->position, "AS OF SYSTEM TIME under an idempotency key");
    if (!evaluate(x, node, &when)) return false;
    return when.unknown || read_there(s, x, node, &when);
}

bool as_of_set(struct sql_session *s, struct exec *x, const struct sql_node *node, bool read_write)
{
    ASSERT(s->txn != NULL);
    if (read_write)
        return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, node->position,
                             "AS OF SYSTEM TIME specified with READ WRITE mode");
    if (!txn_is_fresh(s->txn) || s->queried)
        return sql_error_set(x->error, x->arena, SQLSTATE_ACTIVE_SQL_TRANSACTION, node->position,
                             "AS OF SYSTEM TIME must be set before any query");
    return begin(s, x, node);
}

/* ================================ a statement ================================ */

/* That of the first SELECT stands for the whole. */
static const struct sql_node *of_query(const struct sql_select *n)
{
    while (n->left != NULL && n->as_of == NULL) n = n->left;
    return n->as_of;
}

static const struct sql_node *of_statement(const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_STMT_SELECT: return of_query(sql_as_select(node));
    case SQL_STMT_EXPLAIN: return of_statement(sql_as_explain(node)->statement);
    case SQL_STMT_DECLARE_CURSOR: return of_query(sql_as_declare_cursor(node)->query);
    case SQL_STMT_COPY: {
        const struct sql_node *query = sql_as_copy(node)->query;
        return query != NULL && query->kind == SQL_STMT_SELECT ? of_query(sql_as_select(query)) : NULL;
    }
    default: return NULL;
    }
}

/* In a transaction that reads the past already it has to be the same time. */
static bool same(struct sql_session *s, struct exec *x, const struct sql_node *node)
{
    struct as_of when;
    if (!evaluate(x, node, &when)) return false;
    if (when.unknown || when.ts == txn_read_ts(s->txn)) return true;
    sql_error_set(x->error, x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, node->position,
                  "AS OF SYSTEM TIME differs from that of the transaction");
    sql_error_hint(x->error, x->arena, "Leave it out: all statements of the transaction read at its time.");
    return false;
}

/* Queries that may be as old as the session says (ostraka.read_staleness). */
static bool by_default(struct sql_session *s, struct exec *x, const struct sql_node *node)
{
    uint64_t age_ns = s->settings.read_staleness_ns;
    if (age_ns == 0 || x->describe || node->kind != SQL_STMT_SELECT || sql_as_select(node)->locking_count > 0 ||
        s->idem.mode != IDEM_NONE || !(x->alone || s->read_only) || !txn_is_fresh(s->txn))
        return true;
    return read_there(s, x, node, &(struct as_of){.age_ns = age_ns});
}

bool as_of_statement(struct sql_session *s, struct exec *x, const struct sql_node *node)
{
    if (s->txn == NULL) return true;
    const struct sql_node *as_of = of_statement(node);
    if (as_of == NULL) return by_default(s, x, node);
    x->as_of = as_of;
    bool may_begin = txn_is_fresh(s->txn) && s->state != TRANSACTION_OPEN;
    if (x->describe && !may_begin) return evaluate(x, as_of, &(struct as_of){0}); /* decides parameters */
    if (s->idem.mode != IDEM_NONE) return exec_unsupported(x, as_of->position, "AS OF SYSTEM TIME under an idempotency key");
    if (txn_reads_past(s->txn)) return same(s, x, as_of);
    if (may_begin) return begin(s, x, as_of);
    sql_error_set(x->error, x->arena, SQLSTATE_ACTIVE_SQL_TRANSACTION, as_of->position,
                  "AS OF SYSTEM TIME in a transaction that reads the present");
    sql_error_hint(x->error, x->arena, "Begin the transaction with BEGIN AS OF SYSTEM TIME.");
    return false;
}

/* ================================ what is told ================================ */

bool as_of_fail(struct exec *x, enum status status)
{
    /* The transaction may have ended before the answer about it could be sent. */
    if (x->session == NULL || x->txn == NULL || x->txn != x->session->txn || !txn_reads_past(x->txn)) return false;
    const struct sql_session_options *o = &x->session->options;
    struct txn_reading reading;
    txn_reading(x->txn, &reading);
    switch (status) {
    case STATUS_SNAPSHOT_TOO_OLD:
        sql_error_set(x->error, x->arena, SQLSTATE_SNAPSHOT_TOO_OLD, 0,
                      "snapshot too old: versions of that time are not kept any more");
        sql_error_detail(x->error, x->arena, "It is %llu s ago; --version-retention is %llu s at this node.",
                         (unsigned long long)(reading.age_ns / 1000000000),
                         (unsigned long long)(kv_version_retention(o->kv) / 1000000000));
        return true;
    case STATUS_UNAVAILABLE:
        sql_error_set(x->error, x->arena, SQLSTATE_CANNOT_CONNECT_NOW, 0,
                      "no replica at this node can serve reads of that time, and their leader does not answer");
        sql_error_hint(x->error, x->arena, "An older time may be served. See ostraka status for which nodes are missing.");
        return true;
    case STATUS_UNSUPPORTED:
        sql_error_set(x->error, x->arena, SQLSTATE_READ_ONLY_SQL_TRANSACTION, 0,
                      "cannot write in a transaction that reads the past");
        return true;
    default: return false;
    }
}

void session_read_times(void *ctx, uint64_t *follower_ts_out, uint64_t *read_ts_out)
{
    const struct sql_session *s = ctx;
    uint64_t now = kv_clock_estimate(s->options.kv);
    *follower_ts_out = now > FOLLOWER_READ_NS ? now - FOLLOWER_READ_NS : 0;
    *read_ts_out = s->txn == NULL ? 0 : txn_read_ts(s->txn);
}
