/* ON CONFLICT. What is proposed is gathered first; then the keys of all of it are locked and read together, in the
 * order of the keys, so that two such statements do not wait for each other; then every row is inserted, updated or
 * passed over. Two shapes read nothing: a DO UPDATE that leaves of the old row nothing but its key, in a statement that is
 * a transaction of its own; and a DO NOTHING of which the commit finds out whether there is anything in its way. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/map.h"
#include "sql/sort.h"
#include "sql/write.h"

/* What this command has made of a key. */
enum touched { TOUCHED_NOT, TOUCHED_WRITTEN, TOUCHED_GONE };

/* A row that is proposed. */
struct conflict_row {
    struct bytes key, value;
    struct sql_datum *values;
};

struct touched_key {
    struct bytes key;
    enum touched touched;
    struct touched_key *next; /* of the same hash */
};

/* ---- binding ---- */

static bool no_such_constraint(struct exec *x, uint32_t position)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_COLUMN_REFERENCE, position,
                         "there is no unique or exclusion constraint matching the ON CONFLICT specification");
}

static bool is_key_column(const struct sql_table *t, uint32_t place)
{
    for (uint32_t i = 0; i < t->key_count; i++)
        if (t->key[i] == place) return true;
    return false;
}

/* (a, b): the columns of the primary key, in any order and however often. */
static bool infer_columns(struct exec *x, const struct sql_insert *n, const struct sql_table *t)
{
    const struct sql_on_conflict *c = &n->on_conflict;
    bool seen[SQL_KEY_COLUMNS_MAX] = {false}, others = false;
    for (uint32_t i = 0; i < c->elements.count; i++) {
        const struct sql_index_element *e = &c->elements.items[i];
        if (e->column == NULL) return exec_unsupported(x, e->position, "an expression in ON CONFLICT");
        if (e->collation.name != NULL || e->operator_class.name != NULL)
            return exec_unsupported(x, e->position, "a collation or operator class in ON CONFLICT");
        if (e->ascending || e->descending)
            return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_COLUMN_REFERENCE, c->target_position,
                                 "ASC/DESC is not allowed in ON CONFLICT clause");
        if (e->nulls_first || e->nulls_last)
            return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_COLUMN_REFERENCE, c->target_position,
                                 "NULLS FIRST/LAST is not allowed in ON CONFLICT clause");
        uint32_t place = 0;
        while (place < t->column_count && strcmp(t->columns[place].name, e->column) != 0) place++;
        if (place == t->column_count)
            return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_COLUMN, c->target_position,
                                 "column \"%s\" does not exist", e->column);
        others = others || !is_key_column(t, place);
        for (uint32_t k = 0; k < t->key_count; k++) seen[k] = seen[k] || t->key[k] == place;
    }
    bool all = t->key_count > 0 && !others;
    for (uint32_t k = 0; k < t->key_count; k++) all = all && seen[k];
    return all || no_such_constraint(x, 0);
}

static bool infer(struct exec *x, const struct sql_insert *n, const struct sql_table *t)
{
    const struct sql_on_conflict *c = &n->on_conflict;
    if (c->constraint != NULL) {
        if (t->key_count > 0 && strcmp(t->key_name, c->constraint) == 0) return true;
        return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_OBJECT, 0,
                             "constraint \"%s\" for table \"%s\" does not exist", c->constraint, t->name);
    }
    if (c->elements.count > 0) return infer_columns(x, n, t);
    if (c->action == SQL_CONFLICT_NOTHING) return true;
    sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, c->position,
                  "ON CONFLICT DO UPDATE requires inference specification or constraint name");
    sql_error_hint(x->error, x->arena, "For example, ON CONFLICT (column_name).");
    return false;
}

/* Values of this type that are equal as keys are equal in every other way, too. */
static bool equal_means_same(uint32_t oid)
{
    switch (oid) {
    case SQL_TYPE_BOOL:
    case SQL_TYPE_INT2:
    case SQL_TYPE_INT4:
    case SQL_TYPE_INT8:
    case SQL_TYPE_OID:
    case SQL_TYPE_TEXT:
    case SQL_TYPE_VARCHAR:
    case SQL_TYPE_BYTEA:
    case SQL_TYPE_UUID:
    case SQL_TYPE_DATE:
    case SQL_TYPE_TIMESTAMP:
    case SQL_TYPE_TIMESTAMPTZ: return true;
    default: return false; /* 1.0 and 1.00, 0 and -0 */
    }
}

static bool reads_target(const struct expr *e, uint32_t column_count)
{
    if (e->kind == EXPR_COLUMN) return e->index < column_count;
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (reads_target(e->args[i], column_count)) return true;
    return false;
}

/* Every column but the key is set, and to what the old row has no part in: then whether there is an old row makes no
 * difference to the new one, if SET comes to the values that were proposed (stays_as_proposed). */
static bool leaves_nothing(const struct conflict *c, const struct sql_table *t)
{
    if (c->action != SQL_CONFLICT_UPDATE || c->where != NULL) return false;
    uint32_t set = 0;
    for (uint32_t i = 0; i < c->set_count; i++) {
        const struct assignment *a = &c->set[i];
        if (is_key_column(t, a->place) || a->expr == NULL) return false;
        if (reads_target(a->expr, t->column_count) && !MUTANT("upsert_blind_unchecked")) return false;
        set++;
    }
    for (uint32_t i = 0; i < t->key_count; i++)
        if (!equal_means_same(t->columns[t->key[i]].type.oid)) return false;
    return set + t->key_count == t->column_count;
}

static bool bind_update(struct exec *x, struct conflict *c, const struct sql_insert *n, const struct sql_table *t)
{
    struct binder b;
    exec_binder(x, &b);
    b.scope = (struct scope){.table = t, .alias = n->alias != NULL ? n->alias : n->table.name, .excluded = true};
    if (!write_bind_assignments(x, &n->on_conflict.set, &b, t, &c->set, &c->set_count)) return false;
    if (n->on_conflict.where == NULL) return true;
    b.clause = "WHERE";
    c->where = bind_condition_kept(&b, n->on_conflict.where, "WHERE");
    return c->where != NULL && exec_fold(x, c->where);
}

bool conflict_bind(struct exec *x, struct conflict *c, const struct sql_insert *n, const struct sql_table *t)
{
    *c = (struct conflict){.action = n->on_conflict.action};
    if (c->action == SQL_CONFLICT_NONE) return true;
    if (n->on_conflict.elements_where != NULL) {
        struct binder b;
        exec_binder(x, &b);
        b.scope = (struct scope){.table = t, .alias = n->table.name};
        if (bind_condition(&b, n->on_conflict.elements_where, "WHERE") == NULL) return false;
    }
    if (!infer(x, n, t)) return false;
    if (c->action == SQL_CONFLICT_UPDATE && !bind_update(x, c, n, t)) return false;
    if (t->key_count == 0) c->action = SQL_CONFLICT_NONE; /* nothing is unique */
    c->unread = leaves_nothing(c, t);
    return true;
}

/* ---- what is proposed ---- */

bool conflict_propose(struct exec *x, struct conflict *c, struct writer *w, const struct sql_datum *values)
{
    const struct sql_table *t = w->table;
    if (!writer_check(x, w, values) || !writer_encode(x, w, values)) return false;
    if (c->row_count == c->row_capacity) {
        uint32_t capacity = c->row_capacity == 0 ? 4 : c->row_capacity * 2;
        struct conflict_row *rows = ARENA_ARRAY(x->arena, struct conflict_row, capacity);
        if (rows == NULL) return sql_error_out_of_memory(x->error);
        if (c->row_count > 0) memcpy(rows, c->rows, c->row_count * sizeof *rows);
        c->rows = rows;
        c->row_capacity = capacity;
    }
    struct conflict_row *row = &c->rows[c->row_count++];
    row->key = arena_copy(x->arena, buf_view(x->key));
    row->value = arena_copy(x->arena, buf_view(x->value));
    row->values = ARENA_ARRAY(x->arena, struct sql_datum, t->column_count + 1);
    if (row->key.data == NULL || row->value.data == NULL || row->values == NULL)
        return sql_error_out_of_memory(x->error);
    enum status status = catalog_row_decode(x->arena, t, row->value, row->values);
    return status == STATUS_OK || exec_fail(x, status);
}

struct run {
    struct exec *x;
    struct conflict *conflict;
    struct writer *writer;
    const struct returning *returning;
    struct map touched;
    struct txn_locked *old;  /* per row: what its key has; NULL: nothing was read */
    uint64_t count;
};

/* ---- keys that this command has touched ---- */

static struct touched_key *touched_find(const struct map *touched, struct bytes key)
{
    struct touched_key *k = map_get(touched, hash64(key.data, key.size, 0));
    while (k != NULL && !bytes_equal(k->key, key)) k = k->next;
    return k;
}

static bool touch(struct run *r, struct bytes key, enum touched how)
{
    struct exec *x = r->x;
    struct map *touched = &r->touched;
    if (r->conflict->row_count == 1) return true; /* nothing comes behind it */
    struct touched_key *k = touched_find(touched, key);
    if (k != NULL) {
        k->touched = how;
        return true;
    }
    uint64_t hash = hash64(key.data, key.size, 0);
    k = ARENA_NEW(x->arena, struct touched_key);
    if (k == NULL) return sql_error_out_of_memory(x->error);
    *k = (struct touched_key){arena_copy(x->arena, key), how, map_get(touched, hash)};
    if (k->key.data == NULL || map_put(touched, hash, k) != STATUS_OK) return sql_error_out_of_memory(x->error);
    return true;
}

static enum touched touched_how(const struct map *touched, struct bytes key)
{
    const struct touched_key *k = touched_find(touched, key);
    return k == NULL ? TOUCHED_NOT : k->touched;
}

static bool refuse_second_time(struct exec *x)
{
    sql_error_set(x->error, x->arena, SQLSTATE_CARDINALITY_VIOLATION, 0,
                  "ON CONFLICT DO UPDATE command cannot affect row a second time");
    sql_error_hint(x->error, x->arena, "Ensure that no rows proposed for insertion within the same command have "
                                       "duplicate constrained values.");
    return false;
}

/* ---- running ---- */

static bool put_proposed(struct run *r, const struct conflict_row *row, bool insert)
{
    struct exec *x = r->x;
    enum status status = insert ? txn_insert(x->txn, row->key, row->value) : txn_put(x->txn, row->key, row->value);
    if (status != STATUS_OK) return exec_fail(x, status);
    r->count++;
    return touch(r, row->key, TOUCHED_WRITTEN) && returning_row(x, r->returning, row->values);
}

static bool update_old(struct run *r, const struct conflict_row *row, struct bytes old_value)
{
    struct exec *x = r->x;
    const struct conflict *c = r->conflict;
    const struct sql_table *t = r->writer->table;
    uint32_t columns = t->column_count;
    struct sql_datum *both = ARENA_ARRAY(x->row_arena, struct sql_datum, 2 * columns + 1);
    struct sql_datum *values = ARENA_ARRAY(x->row_arena, struct sql_datum, columns + 1), passes;
    if (both == NULL || values == NULL) return sql_error_out_of_memory(x->error);
    enum status status = catalog_row_decode(x->row_arena, t, old_value, both);
    if (status != STATUS_OK) return exec_fail(x, status);
    ++*x->rows_read;
    memcpy(values, both, columns * sizeof *values);
    memcpy(both + columns, row->values, columns * sizeof *both);
    if (c->where != NULL) {
        if (!expr_eval(&x->eval, c->where, both, NULL, &passes)) return false;
        if (passes.is_null || !passes.boolean) return true;
    }
    if (!write_assign(x, r->writer, c->set, c->set_count, both, values)) return false;
    if (!writer_update(x, r->writer, values, row->key)) return false;
    r->count++;
    if (!bytes_equal(buf_view(x->key), row->key) && !touch(r, row->key, TOUCHED_GONE)) return false;
    return touch(r, buf_view(x->key), TOUCHED_WRITTEN) && returning_row(x, r->returning, values);
}

static bool run_row(struct run *r, uint32_t at)
{
    const struct conflict_row *row = &r->conflict->rows[at];
    bool update = r->conflict->action == SQL_CONFLICT_UPDATE;
    switch (touched_how(&r->touched, row->key)) {
    case TOUCHED_WRITTEN: return !update || refuse_second_time(r->x);
    case TOUCHED_GONE: return put_proposed(r, row, false);
    case TOUCHED_NOT: break;
    }
    if (r->old == NULL) return put_proposed(r, row, !update);
    if (!r->old[at].found) return put_proposed(r, row, false);
    return !update || update_old(r, row, r->old[at].value);
}

static int compare_keys(const void *a, const void *b, void *ctx)
{
    (void)ctx;
    const struct conflict_row *const *x = a, *const *y = b;
    return bytes_compare((*x)->key, (*y)->key);
}

/* Locks and reads the keys of all rows, each once. */
static bool read_old(struct run *r)
{
    struct exec *x = r->x;
    struct conflict *c = r->conflict;
    const struct conflict_row **sorted = ARENA_ARRAY(x->arena, const struct conflict_row *, c->row_count + 1);
    struct bytes *keys = ARENA_ARRAY(x->arena, struct bytes, c->row_count + 1);
    struct txn_locked *locked = ARENA_ARRAY(x->arena, struct txn_locked, c->row_count + 1);
    r->old = ARENA_ARRAY(x->arena, struct txn_locked, c->row_count + 1);
    if (sorted == NULL || keys == NULL || locked == NULL || r->old == NULL) return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < c->row_count; i++) sorted[i] = &c->rows[i];
    if (sql_sort(&x->eval, x->arena, sorted, c->row_count, sizeof sorted[0], compare_keys, NULL) != STATUS_OK) return false;
    uint32_t count = 0;
    for (uint32_t i = 0; i < c->row_count; i++)
        if (count == 0 || !bytes_equal(keys[count - 1], sorted[i]->key)) keys[count++] = sorted[i]->key;
    x->locked_table = NULL;
    enum status status = txn_lock(x->txn, keys, count, TXN_LOCK_EXCLUSIVE, TXN_LOCK_WAIT, locked);
    if (status != STATUS_OK) return exec_fail(x, status);
    for (uint32_t i = 0, at = 0; i < c->row_count; i++) {
        if (!bytes_equal(keys[at], sorted[i]->key)) at++;
        r->old[sorted[i] - c->rows] = locked[at];
    }
    return true;
}

/* What SET makes of the row that is proposed is that row. */
static bool stays_as_proposed(struct run *r, const struct conflict_row *row, bool *stays_out)
{
    struct exec *x = r->x;
    const struct sql_table *t = r->writer->table;
    uint32_t columns = t->column_count;
    struct sql_datum *both = ARENA_ARRAY(x->row_arena, struct sql_datum, 2 * columns + 1);
    struct sql_datum *values = ARENA_ARRAY(x->row_arena, struct sql_datum, columns + 1);
    if (both == NULL || values == NULL) return sql_error_out_of_memory(x->error);
    memcpy(both, row->values, columns * sizeof *both); /* of which none is looked at */
    memcpy(both + columns, row->values, columns * sizeof *both);
    memcpy(values, row->values, columns * sizeof *values);
    if (!write_assign(x, r->writer, r->conflict->set, r->conflict->set_count, both, values)) return false;
    buf_reset(x->value);
    enum status status = catalog_row_value(t, values, x->value);
    if (status != STATUS_OK) return exec_fail(x, status);
    *stays_out = bytes_equal(buf_view(x->value), row->value) || MUTANT("upsert_blind_unchecked");
    return true;
}

/* Must the rows that are there be looked at? Not when they come to nothing in any case, and nobody waits for the locks
 * of this transaction; and not on the first attempt of a DO NOTHING alone: the commit tells when a key is taken. */
static bool must_read(struct run *r, bool *read_out)
{
    const struct conflict *c = r->conflict;
    *read_out = true;
    if (!r->x->alone) return true;
    if (c->action == SQL_CONFLICT_NOTHING) {
        *read_out = r->x->check_now;
        return true;
    }
    bool stays = c->unread;
    for (uint32_t i = 0; stays && i < c->row_count; i++) {
        arena_reset(r->x->row_arena);
        if (!stays_as_proposed(r, &c->rows[i], &stays)) return false;
    }
    *read_out = !stays;
    return true;
}

bool conflict_run(struct exec *x, struct conflict *c, struct writer *w, const struct returning *returning,
                  uint64_t *count_out)
{
    struct run r = {.x = x, .conflict = c, .writer = w, .returning = returning};
    struct arena *arena = x->eval.arena;
    bool read = false;
    map_init(&r.touched);
    x->eval.arena = x->row_arena;
    x->key_name = w->table->key_name;
    bool ok = must_read(&r, &read) && (!read || read_old(&r));
    for (uint32_t i = 0; ok && i < c->row_count; i++) {
        arena_reset(x->row_arena);
        ok = run_row(&r, i);
    }
    x->eval.arena = arena;
    map_deinit(&r.touched);
    *count_out = r.count;
    return ok;
}
