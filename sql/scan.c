/* Rows of a table as a plan asks for them; errors of execution. */
#include "sql/query.h"

#include "base/assert.h"
#include "sql/keycode.h"
#include "sql/setting.h"

#define ROWS_PER_BREATH 4096 /* a few milliseconds */

/* False: that did not fit into its buffer, and the error says so. */
static bool refused_size(struct exec *x, const char *what, const struct buf *b, unsigned size_max)
{
    if (!b->failed) return true;
    return sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0, "%s is limited to %u bytes; this one has %zu",
                         what, size_max, b->size + b->refused);
}

bool exec_fail(struct exec *x, enum status status)
{
    if (as_of_fail(x, status)) return false;
    switch (status) {
    case STATUS_NO_MEMORY: return sql_error_out_of_memory(x->error);
    case STATUS_CONFLICT:
        sql_error_set(x->error, x->arena, SQLSTATE_SERIALIZATION_FAILURE, 0,
                      "could not serialize access due to concurrent update");
        sql_error_hint(x->error, x->arena, "The transaction might succeed if retried.");
        return false;
    case STATUS_LOCKED:
        if (x->locked_table == NULL)
            return sql_error_set(x->error, x->arena, SQLSTATE_LOCK_NOT_AVAILABLE, 0,
                                 "canceling statement due to lock timeout");
        return sql_error_set(x->error, x->arena, SQLSTATE_LOCK_NOT_AVAILABLE, 0,
                             "could not obtain lock on row in relation \"%s\"", x->locked_table);
    case STATUS_DEADLOCK:
        sql_error_set(x->error, x->arena, SQLSTATE_DEADLOCK_DETECTED, 0, "deadlock detected");
        sql_error_detail(x->error, x->arena,
                         "This transaction was the youngest of several that waited for each other's locks.");
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
        char id[TXN_ID_BYTES];
        txn_id(x->txn, id);
        sql_error_set(x->error, x->arena, SQLSTATE_TRANSACTION_RESOLUTION_UNKNOWN, 0,
                      "the outcome of transaction %s is not known", id);
        sql_error_hint(x->error, x->arena, "SELECT ostraka.txn_status('%s') tells whether it was committed.", id);
        return false;
    }
    case STATUS_TIMEOUT:
        return sql_error_set(x->error, x->arena, SQLSTATE_QUERY_CANCELED, 0,
                             "canceling statement due to statement timeout");
    case STATUS_CANCELLED:
        return sql_error_set(x->error, x->arena, SQLSTATE_ADMIN_SHUTDOWN, 0,
                             "terminating connection due to administrator command");
    case STATUS_NO_SPACE:
        if (txn_is_spill_full(x->txn)) {
            sql_error_set(x->error, x->arena, SQLSTATE_DISK_FULL, 0,
                          "the disk of this node has no room for what the transaction writes beyond what fits into memory");
            sql_error_hint(x->error, x->arena, "Make room on it, or write in smaller transactions, each committed before the next; others go on.");
            return false;
        }
        sql_error_set(x->error, x->arena, SQLSTATE_DISK_FULL, 0, "the disk of the range's leader is full");
        sql_error_hint(x->error, x->arena, "Reads go on; writes resume by themselves when there is space.");
        return false;
    case STATUS_BUSY:
        return sql_error_set(x->error, x->arena, SQLSTATE_OUT_OF_MEMORY, 0,
                             "the range's leader is overloaded; try again later");
    case STATUS_TOO_LARGE: {
        if (!refused_size(x, "a key", x->key, TXN_KEY_BYTES_MAX) || !refused_size(x, "a row", x->value, TXN_VALUE_BYTES_MAX))
            return false;
        char limit[160];
        txn_explain_limit(x->txn, limit, sizeof limit);
        sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0, "%s", limit);
        if (strncmp(limit, "a transaction", 13) == 0)
            sql_error_hint(x->error, x->arena, "Write in several transactions, each below the limit, or raise ostraka.transaction_write_limit.");
        return false;
    }
    case STATUS_IO: /* of a transaction's spilled values */
        sql_error_set(x->error, x->arena, SQLSTATE_IO_ERROR, 0, "a file of this node cannot be read or written");
        sql_error_hint(x->error, x->arena, "Nothing was written. The node's log says more.");
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

void exec_tag(struct exec *x, const char *words, uint64_t count)
{
    char digits[20];
    size_t size = strlen(words), at = sizeof digits;
    do digits[--at] = (char)('0' + count % 10);
    while ((count /= 10) > 0);
    ASSERT(size + sizeof digits - at < sizeof x->tag);
    memcpy(x->tag, words, size);
    memcpy(x->tag + size, digits + at, sizeof digits - at);
    x->tag[size + sizeof digits - at] = 0;
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

/* A statement that can be run again unseen takes what the session knows of the table: the transaction checks it with
 * the first read, or by the commit. Others read the record; when it is the one that is known it need not be decoded. */
static enum status find_table(struct exec *x, const char *name, struct sql_table **table_out)
{
    buf_reset(x->key);
    catalog_table_key(name, x->key);
    if (x->key->failed) return STATUS_NOT_FOUND;
    struct catalog_entry *e = catalog_cache_find(x->cache, buf_view(x->key));
    if (e != NULL && e == x->assumed && !txn_has_put(x->txn, e->key)) { /* the anchor's table, or the same one twice */
        *table_out = e->table;
        return STATUS_OK;
    }
    if (e != NULL && x->alone && x->assumed == NULL &&
        txn_assume(x->txn, e->key, e->ts) == STATUS_OK) {
        x->assumed = e;
        *table_out = e->table;
        return STATUS_OK;
    }
    struct bytes record, key = arena_copy(x->arena, buf_view(x->key));
    if (key.data == NULL) return STATUS_NO_MEMORY;
    uint64_t version_ts;
    enum status status = txn_get_version(x->txn, key, &record, &version_ts);
    if (status != STATUS_OK) return status;
    e = catalog_cache_find(x->cache, key);
    if (e != NULL && bytes_equal(e->record, record)) {
        *table_out = e->table;
        return STATUS_OK;
    }
    /* A record that this transaction has written itself may come to nothing; one of the past is not the newest. */
    if (!txn_has_writes(x->txn) && !txn_reads_past(x->txn)) {
        status = catalog_cache_add(x->cache, key, record, txn_read_ts(x->txn), version_ts, &e);
        if (status == STATUS_OK) *table_out = e->table;
        if (status != STATUS_TOO_LARGE) return status;
    }
    status = catalog_table_decode(x->arena, record, table_out);
    if (status == STATUS_OK) catalog_table_written(*table_out, version_ts);
    return status;
}

struct sql_table *exec_table(struct exec *x, const struct sql_name *name)
{
    struct sql_table *table;
    const struct virtual_table *v = virtual_find(name->schema, name->name);
    if (v != NULL) {
        table = virtual_describe(x->arena, v);
        if (table == NULL) sql_error_out_of_memory(x->error);
        return table;
    }
    bool ours = name->schema == NULL || strcmp(name->schema, "public") == 0;
    enum status status = ours ? find_table(x, name->name, &table) : STATUS_NOT_FOUND;
    if (status == STATUS_OK) return table;
    if (status == STATUS_NOT_FOUND) {
        sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_TABLE, name->position,
                      "relation \"%s%s%s\" does not exist", name->schema != NULL ? name->schema : "",
                      name->schema != NULL ? "." : "", name->name);
        if (x->txn != NULL && txn_reads_past(x->txn))
            sql_error_detail(x->error, x->arena, "It did not at the time that AS OF SYSTEM TIME says.");
    } else {
        exec_fail(x, status);
    }
    return NULL;
}

bool exec_refuse_system(struct exec *x, const char *name)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_INSUFFICIENT_PRIVILEGE, 0,
                         "permission denied: \"%s\" is a system catalog", name);
}

struct sql_table *exec_table_to_write(struct exec *x, const struct sql_name *name)
{
    struct sql_table *table = exec_table(x, name);
    if (table == NULL || table->from == NULL) return table;
    exec_refuse_system(x, table->name);
    return NULL;
}

bool exec_breathe(struct exec *x)
{
    if (++x->breaths < ROWS_PER_BREATH) return true;
    x->breaths = 0;
    enum status status = txn_breathe(x->txn);
    return status == STATUS_OK || exec_fail(x, status);
}

bool exec_verify(struct exec *x)
{
    enum status status = txn_verify(x->txn);
    return status == STATUS_OK || exec_fail(x, status);
}

/* ---- rows ---- */

void access_close(struct access *a)
{
    if (a->scan != NULL) txn_scan_close(a->scan);
    a->scan = NULL;
}

static enum status lock_row(struct exec *x, struct access *a, struct bytes key, struct txn_locked *out)
{
    x->locked_table = a->lock_wait == TXN_LOCK_NOWAIT ? a->table->name : NULL;
    return txn_lock(x->txn, &key, 1, a->lock, a->lock_wait, out);
}

bool exec_lock_key(struct exec *x, const struct sql_table *table, struct bytes key, bool *found_out)
{
    struct txn_locked locked;
    struct access a = {.table = table, .lock = TXN_LOCK_EXCLUSIVE};
    enum status status = lock_row(x, &a, key, &locked);
    if (status != STATUS_OK) return exec_fail(x, status);
    *found_out = locked.found;
    return true;
}

/* Reads the one row of a span, locked. */
static enum status get_locked(struct exec *x, struct access *a, struct bytes key, struct bytes *value)
{
    struct txn_locked locked;
    enum status status = lock_row(x, a, key, &locked);
    if (status != STATUS_OK) return status;
    a->locked = true;
    *value = locked.value;
    return locked.found ? STATUS_OK : STATUS_NOT_FOUND;
}

static const struct key_span *span_of(const struct access *a, uint32_t at)
{
    return &a->spans[a->reverse ? a->span_count - 1 - at : at];
}

/* Fetches points in one request: as many as the caller may take. */
static enum status fetch_ahead(struct exec *x, struct access *a)
{
    struct bytes keys[TXN_GET_MANY_MAX];
    uint32_t count = a->span_count - a->span_at;
    if (count > TXN_GET_MANY_MAX) count = TXN_GET_MANY_MAX;
    if (a->limit != 0 && a->limit < count) count = (uint32_t)a->limit;
    if (a->ahead == NULL) a->ahead = arena_alloc(a->plan_arena, TXN_GET_MANY_MAX * sizeof *a->ahead);
    if (a->ahead == NULL) return STATUS_NO_MEMORY;
    for (uint32_t i = 0; i < count; i++) keys[i] = span_of(a, a->span_at + i)->start;
    a->ahead_from = a->span_at;
    a->ahead_count = 0;
    enum status status = txn_get_many(x->txn, keys, count, a->ahead);
    if (status == STATUS_OK) a->ahead_count = count;
    return status;
}

/* The same for rows that all are locked: those of all ranges at once. */
static enum status lock_ahead(struct exec *x, struct access *a)
{
    struct bytes keys[TXN_GET_MANY_MAX];
    uint32_t count = 0, most = a->lock_ahead ? access_wanted(a, TXN_GET_MANY_MAX) : TXN_GET_MANY_MAX;
    for (uint32_t at = a->span_at; at < a->span_count && count < most && span_of(a, at)->point; at++)
        keys[count++] = span_of(a, at)->start;
    if (a->ahead == NULL) a->ahead = arena_alloc(a->plan_arena, TXN_GET_MANY_MAX * sizeof *a->ahead);
    struct txn_locked *locked = ARENA_ARRAY(a->plan_arena, struct txn_locked, count);
    if (a->ahead == NULL || locked == NULL) return STATUS_NO_MEMORY;
    a->ahead_from = a->span_at;
    a->ahead_count = 0;
    enum status status = access_lock_keys(x, a, keys, count, locked);
    if (status != STATUS_OK) return status;
    for (uint32_t i = 0; i < count; i++) a->ahead[i] = locked[i].found ? locked[i].value : (struct bytes){NULL, 0};
    a->ahead_count = count;
    return STATUS_OK;
}

static enum status get_point(struct exec *x, struct access *a, const struct key_span *span, struct bytes *value)
{
    if (a->started) return STATUS_NOT_FOUND;
    a->started = true;
    a->key = span->start;
    bool alone = a->span_count == 1 && a->ahead_count == 0;
    if (a->lock != 0 && (alone || !(a->lock_points_only || a->lock_ahead))) return get_locked(x, a, span->start, value);
    if (alone) return txn_get(x->txn, span->start, value);
    if (a->span_at >= a->ahead_from + a->ahead_count) {
        enum status status = a->lock != 0 ? lock_ahead(x, a) : fetch_ahead(x, a);
        if (status != STATUS_OK) return status;
    }
    a->locked = a->lock != 0;
    *value = a->ahead[a->span_at - a->ahead_from];
    return value->data != NULL ? STATUS_OK : STATUS_NOT_FOUND;
}

/* The next row of the span under way; STATUS_NOT_FOUND at its end. */
static enum status next_in_span(struct exec *x, struct access *a, struct bytes *value)
{
    const struct key_span *span = span_of(a, a->span_at);
    if (span->point) return get_point(x, a, span, value);
    if (!a->started) {
        a->started = true;
        enum status status = txn_scan_open(x->txn, span->start, span->end, a->reverse, a->limit, &a->scan);
        if (status != STATUS_OK) return status;
        txn_scan_rows_alone(a->scan);
    }
    return txn_scan_next(a->scan, &a->key, value);
}

static enum status next_key(struct exec *x, struct access *a, struct bytes *value)
{
    while (a->span_at < a->span_count) {
        enum status status = next_in_span(x, a, value);
        if (status != STATUS_NOT_FOUND) return status;
        access_close(a);
        a->started = false;
        a->span_at++;
    }
    return STATUS_NOT_FOUND;
}

static bool filter_row(struct exec *x, struct access *a, struct sql_datum *out)
{
    struct arena *before = x->eval.arena;
    x->eval.arena = a->row_arena;
    bool ok = expr_eval(&x->eval, a->filter, a->row, NULL, out);
    x->eval.arena = before;
    return ok;
}

/* Rows that are made when they are read: all at once, then one after the other. */
static bool next_made(struct exec *x, struct access *a, bool *found_out)
{
    if (a->lock != 0) return exec_unsupported(x, 0, "locking the rows of a system table");
    if (a->made == NULL) {
        struct virtual_rows *made = ARENA_NEW(a->plan_arena, struct virtual_rows);
        if (made == NULL) return sql_error_out_of_memory(x->error);
        struct arena *before = x->eval.arena;
        x->eval.arena = x->arena;
        bool ok = virtual_read(x, a->plan_arena, a->table->from, made);
        x->eval.arena = before;
        if (!ok) return false;
        a->made = made;
    }
    while (a->made_at < a->made->count) {
        struct sql_datum passes = sql_boolean(true);
        arena_reset(a->row_arena);
        memcpy(a->values, a->made->rows[a->made_at++], a->table->column_count * sizeof *a->values);
        if (a->filter != NULL && !filter_row(x, a, &passes)) return false;
        *found_out = !passes.is_null && passes.boolean;
        if (*found_out) return true;
    }
    return true;
}

bool access_read(struct exec *x, struct access *a, struct bytes *value_out, bool *found_out)
{
    for (*found_out = false; !a->empty;) {
        arena_reset(a->row_arena);
        a->locked = false;
        enum status status = next_key(x, a, value_out);
        if (status == STATUS_NOT_FOUND) return true;
        ++*x->rows_read;
        if (status == STATUS_OK) status = catalog_row_decode(a->row_arena, a->table, *value_out, a->values);
        if (status != STATUS_OK) return exec_fail(x, status);
        struct sql_datum passes = sql_boolean(true);
        if (a->filter != NULL && !filter_row(x, a, &passes)) return false;
        *found_out = !passes.is_null && passes.boolean;
        if (*found_out) return true;
    }
    return true;
}

bool access_next(struct exec *x, struct access *a, bool *found_out)
{
    *found_out = false;
    if (a->table->from != NULL && !a->empty) return next_made(x, a, found_out);
    if (a->lock_ahead) return access_next_locked(x, a, found_out);
    for (;;) {
        struct bytes value;
        if (!access_read(x, a, &value, found_out)) return false;
        if (!*found_out || a->lock == 0 || a->locked || a->lock_points_only) return true;
        /* Unchanged since it was read, or the answer is a conflict: it lies in a span that was read. */
        struct txn_locked locked;
        enum status status = lock_row(x, a, a->key, &locked);
        if (status != STATUS_OK) return exec_fail(x, status);
        if (!locked.passed_over) return true;
    }
}
