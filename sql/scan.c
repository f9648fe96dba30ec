/* From a condition to the keys that have to be looked at. */
#include "sql/query.h"

#include "base/assert.h"
#include "sql/keycode.h"
#include "sql/setting.h"

#define CONJUNCTS_MAX 256

bool exec_fail(struct exec *x, enum status status)
{
    switch (status) {
    case STATUS_NO_MEMORY: return sql_error_out_of_memory(x->error);
    case STATUS_CONFLICT:
        sql_error_set(x->error, x->arena, SQLSTATE_SERIALIZATION_FAILURE, 0,
                      "could not serialize access due to concurrent update");
        sql_error_hint(x->error, x->arena, "The transaction might succeed if retried.");
        return false;
    case STATUS_SNAPSHOT_TOO_OLD:
        sql_error_set(x->error, x->arena, SQLSTATE_SNAPSHOT_TOO_OLD, 0,
                      "snapshot too old: the transaction is older than the nodes' --version-retention");
        sql_error_hint(x->error, x->arena, "Nothing was written. The transaction might succeed if retried.");
        return false;
    case STATUS_UNAVAILABLE:
        sql_error_set(x->error, x->arena, SQLSTATE_CANNOT_CONNECT_NOW, 0,
                      "no quorum: the range's nodes do not answer");
        sql_error_hint(x->error, x->arena, "Nothing was written. See ostraka status for which nodes are missing.");
        return false;
    case STATUS_UNKNOWN_OUTCOME: {
        char id[33];
        txn_id(x->txn, id);
        sql_error_set(x->error, x->arena, SQLSTATE_TRANSACTION_RESOLUTION_UNKNOWN, 0,
                      "the outcome of transaction %s is not known", id);
        sql_error_hint(x->error, x->arena, "It may or may not have been committed: read before you write again.");
        return false;
    }
    case STATUS_TIMEOUT:
        return sql_error_set(x->error, x->arena, SQLSTATE_QUERY_CANCELED, 0,
                             "canceling statement due to statement timeout");
    case STATUS_CANCELLED:
        return sql_error_set(x->error, x->arena, SQLSTATE_ADMIN_SHUTDOWN, 0,
                             "terminating connection due to administrator command");
    case STATUS_NO_SPACE:
        sql_error_set(x->error, x->arena, SQLSTATE_DISK_FULL, 0, "the disk of the range's leader is full");
        sql_error_hint(x->error, x->arena, "Reads go on; writes resume by themselves when there is space.");
        return false;
    case STATUS_BUSY:
        return sql_error_set(x->error, x->arena, SQLSTATE_OUT_OF_MEMORY, 0,
                             "the range's leader is overloaded; try again later");
    case STATUS_TOO_LARGE:
        sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                      "a key is limited to %d bytes, a row to %u bytes and a transaction to %u bytes",
                      TXN_KEY_BYTES_MAX, TXN_VALUE_BYTES_MAX, TXN_COMMIT_BYTES_MAX);
        sql_error_detail(x->error, x->arena, "This transaction has buffered %llu bytes so far.",
                         (unsigned long long)txn_write_bytes(x->txn));
        return false;
    case STATUS_CORRUPT:
    case STATUS_VERSION:
        return sql_error_set(x->error, x->arena, SQLSTATE_DATA_CORRUPTED, 0, "stored data cannot be read: %s",
                             status_name(status));
    default:
        return sql_error_set(x->error, x->arena, SQLSTATE_INTERNAL_ERROR, 0, "internal error: %s",
                             status_name(status));
    }
}

bool exec_notice(struct exec *x, const char *severity, const char *sqlstate, const char *format, const char *name)
{
    struct sql_error e = {0};
    int level = severity[0] == 'W' ? SETTING_LEVEL_WARNING : SETTING_LEVEL_NOTICE;
    if (level < x->notice_level) return true;
    sql_error_set(&e, x->arena, sqlstate, 0, format, name);
    x->sink->notice(x->sink->ctx, severity, &e);
    return true;
}

bool exec_unsupported(struct exec *x, uint32_t position, const char *what)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, position,
                         "%s is not supported yet", what);
}

bool exec_fold(struct exec *x, struct expr *e)
{
    return x->describe || expr_fold(&x->eval, e);
}

struct sql_table *exec_table(struct exec *x, const struct sql_name *name)
{
    struct sql_table *table;
    bool ours = name->schema == NULL || strcmp(name->schema, "public") == 0;
    enum status status = ours ? catalog_table(x->txn, x->arena, name->name, &table) : STATUS_NOT_FOUND;
    if (status == STATUS_OK) return table;
    if (status == STATUS_NOT_FOUND)
        sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_TABLE, name->position,
                      "relation \"%s%s%s\" does not exist", name->schema != NULL ? name->schema : "",
                      name->schema != NULL ? "." : "", name->name);
    else
        exec_fail(x, status);
    return NULL;
}

/* ---- conditions on key columns ---- */

static uint32_t collect(struct expr *e, struct expr **out, uint32_t count)
{
    if (e->kind == EXPR_AND) {
        for (uint32_t i = 0; i < e->arg_count; i++) count = collect(e->args[i], out, count);
    } else if (count < CONJUNCTS_MAX) {
        out[count++] = e; /* those that do not fit are still in the filter */
    }
    return count;
}

/* The column under a cast that only renames the type. */
static const struct expr *bare_column(const struct expr *e)
{
    while (e->kind == EXPR_CAST &&
           sql_cast_find(e->args[0]->type.oid, e->type.oid, e->context) == SQL_CAST_RELABEL)
        e = e->args[0];
    return e->kind == EXPR_COLUMN ? e : NULL;
}

/* column REL constant: the relation as seen from the column, or NONE. */
static enum sql_relation condition_on(const struct expr *e, uint32_t column, struct expr **constant_out)
{
    if (e->kind != EXPR_OPERATOR || e->arg_count != 2 || e->op->relation == SQL_RELATION_NONE)
        return SQL_RELATION_NONE;
    for (int side = 0; side < 2; side++) {
        const struct expr *c = bare_column(e->args[side]);
        if (c == NULL || c->index != column || !expr_is_constant(e->args[1 - side])) continue;
        *constant_out = e->args[1 - side];
        return side == 0 ? e->op->relation : sql_relation_swap(e->op->relation);
    }
    return SQL_RELATION_NONE;
}

enum fit { FIT_YES, FIT_NO, FIT_NULL, FIT_ERROR };

/* The constant as a value of the column's type; NO when it has none that compares alike. */
static enum fit fit_constant(struct exec *x, const struct expr *constant, struct sql_type type,
                             struct sql_datum *out)
{
    struct sql_datum v;
    struct arena *before = x->eval.arena;
    x->eval.arena = x->arena;
    enum fit fit = FIT_ERROR;
    if (expr_eval(&x->eval, constant, NULL, NULL, &v)) {
        if (v.is_null) {
            fit = FIT_NULL;
        } else if (constant->type.oid == type.oid) {
            *out = v;
            fit = FIT_YES;
        } else {
            /* Try the cast aside: its failure is no error of the statement. */
            struct sql_error aside = {0};
            struct sql_error *error = x->eval.error;
            struct sql_datum back;
            struct sql_type bare = sql_type_of(type.oid), source = constant->type;
            x->eval.error = &aside;
            fit = FIT_NO;
            if (sql_cast_find(source.oid, bare.oid, SQL_CAST_ASSIGNMENT) != SQL_CAST_NONE &&
                sql_cast_find(bare.oid, source.oid, SQL_CAST_ASSIGNMENT) != SQL_CAST_NONE &&
                sql_cast(&x->eval, source.oid, bare, SQL_CAST_EXPLICIT, &v, out) == STATUS_OK &&
                sql_cast(&x->eval, bare.oid, sql_type_of(source.oid), SQL_CAST_EXPLICIT, out, &back) == STATUS_OK &&
                sql_type_find(source.oid)->can_be_key &&
                sql_datum_compare(source.oid, &v, &back) == 0)
                fit = FIT_YES;
            x->eval.error = error;
        }
    }
    x->eval.arena = before;
    return fit;
}

/* Narrows [start, end), which hold the fixed prefix, by inequalities on the next key column. */
static bool narrow(struct exec *x, struct access *a, struct expr **conjuncts, uint32_t count,
                   const struct sql_datum *fixed)
{
    const struct sql_table *t = a->table;
    uint32_t place = a->equal_count;
    uint32_t column = t->key[place];
    struct sql_type type = t->columns[column].type;
    struct sql_datum parts[SQL_KEY_COLUMNS_MAX];
    memcpy(parts, fixed, place * sizeof *parts);
    struct buf bound;
    buf_init(&bound, SHARD_KEY_BYTES_MAX);
    bool ok = true;
    for (uint32_t i = 0; ok && i < count; i++) {
        struct expr *constant;
        enum sql_relation relation = condition_on(conjuncts[i], column, &constant);
        if (relation == SQL_RELATION_NONE || relation == SQL_RELATION_NOT_EQUAL) continue;
        enum fit fit = fit_constant(x, constant, type, &parts[place]);
        if (fit == FIT_ERROR) ok = false;
        if (fit == FIT_NULL) a->empty = true;
        if (fit != FIT_YES) continue;
        buf_reset(&bound);
        if (catalog_key_prefix(t, parts, place + 1, &bound) != STATUS_OK) continue;
        bool lower = relation == SQL_RELATION_GREATER || relation == SQL_RELATION_GREATER_EQUAL;
        bool past = relation == SQL_RELATION_GREATER || relation == SQL_RELATION_LESS_EQUAL;
        if (past && !sql_key_successor(&bound)) continue;
        struct buf *edge = lower ? &a->start : &a->end;
        int order = bytes_compare(buf_view(&bound), buf_view(edge));
        if (lower ? order <= 0 : order >= 0) continue;
        buf_reset(edge);
        buf_append_bytes(edge, buf_view(&bound));
    }
    buf_deinit(&bound);
    return ok;
}

bool access_plan(struct exec *x, struct access *a, const struct sql_table *table, struct expr *filter)
{
    *a = (struct access){.table = table, .filter = filter};
    buf_init(&a->start, SHARD_KEY_BYTES_MAX);
    buf_init(&a->end, SHARD_KEY_BYTES_MAX);
    a->values = ARENA_ARRAY(x->arena, struct sql_datum, table->column_count + 1);
    struct expr **conjuncts = ARENA_ARRAY(x->arena, struct expr *, CONJUNCTS_MAX);
    if (a->values == NULL || conjuncts == NULL) return sql_error_out_of_memory(x->error);
    uint32_t count = filter == NULL ? 0 : collect(filter, conjuncts, 0);
    struct sql_datum fixed[SQL_KEY_COLUMNS_MAX];
    for (uint32_t place = 0; place < table->key_count; place++) {
        bool found = false;
        for (uint32_t i = 0; i < count && !found; i++) {
            struct expr *constant;
            uint32_t column = table->key[place];
            if (condition_on(conjuncts[i], column, &constant) != SQL_RELATION_EQUAL) continue;
            enum fit fit = fit_constant(x, constant, table->columns[column].type, &fixed[place]);
            if (fit == FIT_ERROR) return false;
            if (fit == FIT_NULL) a->empty = true;
            found = fit == FIT_YES;
        }
        if (!found) break;
        a->equal_count++;
    }
    a->point = table->key_count > 0 && a->equal_count == table->key_count;
    if (catalog_key_prefix(table, fixed, a->equal_count, &a->start) != STATUS_OK) {
        a->empty = true; /* longer than any key can be: no such row */
        return true;
    }
    buf_append_bytes(&a->end, buf_view(&a->start));
    bool has_end = sql_key_successor(&a->end);
    ASSERT(has_end);
    if (a->point || table->key_count == 0) return true;
    return narrow(x, a, conjuncts, count, fixed);
}

void access_close(struct access *a)
{
    if (a->scan != NULL) txn_scan_close(a->scan);
    a->scan = NULL;
    buf_deinit(&a->start);
    buf_deinit(&a->end);
}

static bool fetch(struct exec *x, struct access *a, struct bytes *value, enum status *status)
{
    if (a->point) {
        *status = a->started ? STATUS_NOT_FOUND : txn_get(x->txn, buf_view(&a->start), value);
        a->key = buf_view(&a->start);
        a->started = true;
        return true;
    }
    if (!a->started) {
        a->started = true;
        if (bytes_compare(buf_view(&a->start), buf_view(&a->end)) >= 0) {
            a->empty = true;
            *status = STATUS_NOT_FOUND;
            return true;
        }
        *status = txn_scan_open(x->txn, buf_view(&a->start), buf_view(&a->end), a->reverse, a->limit,
                                &a->scan);
        if (*status != STATUS_OK) return true;
    }
    *status = txn_scan_next(a->scan, &a->key, value);
    return true;
}

bool access_next(struct exec *x, struct access *a, bool *found_out)
{
    *found_out = false;
    while (!a->empty) {
        struct bytes value;
        enum status status;
        arena_reset(x->row_arena);
        if (!fetch(x, a, &value, &status)) return false;
        if (status == STATUS_NOT_FOUND) return true;
        ++*x->rows_read;
        if (status == STATUS_OK) status = catalog_row_decode(x->row_arena, a->table, value, a->values);
        if (status != STATUS_OK) return exec_fail(x, status);
        struct sql_datum passes = sql_boolean(true);
        if (a->filter != NULL && !expr_eval(&x->eval, a->filter, a->values, NULL, &passes)) return false;
        if (passes.is_null || !passes.boolean) continue;
        *found_out = true;
        return true;
    }
    return true;
}
