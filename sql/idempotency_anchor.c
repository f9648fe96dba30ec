#include "sql/idempotency_anchor.h"

#include "base/assert.h"
#include "base/codec.h"
#include "base/hash.h"
#include "sql/parser.h"

#define NS_PER_MS 1000000u

/* Its form is that of a call with plain arguments; NULL: the error is set. */
static const struct sql_call_expr *parse(struct exec *x, const char *anchor)
{
    const struct sql_node *node;
    if (!sql_parse_expression(x->arena, bytes_of_string(anchor), &node, x->error)) return NULL;
    if (node->kind == SQL_EXPR_CALL) {
        const struct sql_call_expr *call = sql_as_call_expr(node);
        bool plain = call->arg_names == NULL && !call->star && !call->distinct && !call->variadic && !call->within_group &&
                     call->order_by.count == 0 && call->filter == NULL && call->over == NULL;
        if (plain) return call;
    }
    sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0, "an idempotency anchor is TABLE(value, ...)");
    return NULL;
}

static struct sql_table *find_table(struct exec *x, const struct sql_call_expr *call)
{
    struct sql_table *t = exec_table(x, &call->name);
    if (t == NULL) return NULL;
    if (t->from != NULL || t->key_count == 0) {
        sql_error_set(x->error, x->arena, SQLSTATE_WRONG_OBJECT_TYPE, 0,
                      "table \"%s\" has no primary key: none of its rows can be an idempotency anchor", t->name);
        return NULL;
    }
    if (call->args.count == t->key_count) return t;
    sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                  "an idempotency anchor has a value for each column of the primary key: \"%s\" has %u, not %u", t->name,
                  t->key_count, call->args.count);
    return NULL;
}

/* What tells keys of one row apart: when they were made, so that they come in that order, and a part of their hash. */
static void put_id(struct bytes key, uint64_t issued_ns, uint8_t id[TXN_ASIDE_ID_BYTES])
{
    uint64_t halves[2], ms = issued_ns / NS_PER_MS;
    hash128(key.data, key.size, halves);
    store_be64(id, ms << 16 | (halves[0] & 0xffff));
    store_be64(id + 8, halves[1]);
}

static bool find_place(struct exec *x, const char *anchor, struct bytes key, uint64_t issued_ns,
                       struct idempotency_place *place)
{
    struct sql_datum values[SQL_KEY_COLUMNS_MAX];
    uint8_t id[TXN_ASIDE_ID_BYTES];
    const struct sql_call_expr *call = parse(x, anchor);
    const struct sql_table *t = call == NULL ? NULL : find_table(x, call);
    if (t == NULL || !exec_key_values(x, t, &call->args, "an idempotency anchor that is not constant", values)) return false;
    buf_reset(place->row_key);
    enum status status = catalog_key_prefix(t, values, t->key_count, place->row_key);
    put_id(key, issued_ns, id);
    txn_aside_key(place->row_key, id);
    place->keys_after = t->keys_after;
    if (status == STATUS_OK) status = buf_status(place->row_key);
    if (status == STATUS_TOO_LARGE)
        return sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                             "the key of a row that is an idempotency anchor is limited to %d bytes",
                             TXN_KEY_BYTES_MAX - TXN_ASIDE_KEY_BYTES);
    return status == STATUS_OK || exec_fail(x, status);
}

bool idempotency_anchor_place(struct exec *x, const char *anchor, struct bytes key, uint64_t issued_ns,
                              struct idempotency_place *place)
{
    ASSERT(issued_ns != 0);
    struct parameters *parameters = x->parameters;
    x->parameters = NULL; /* those are of a statement */
    bool ok = find_place(x, anchor, key, issued_ns, place);
    x->parameters = parameters;
    if (ok) return true;
    x->error->position = 0; /* it is none of the statement's text */
    sql_error_context(x->error, x->arena, "idempotency anchor \"%s\"", anchor);
    return false;
}
