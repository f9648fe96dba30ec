/* UPDATE ... FROM and DELETE ... USING, and both with WITH: the rows of the table are found as those of a join. Each is
 * changed once, by the first row of the join that it is part of. */
#include "sql/select_int.h"
#include "sql/write.h"

struct change {
    struct exec *x;
    const struct sql_table *table;
    struct select *query;
    struct returning returning;
    struct row_table found; /* rows of the join, by the key of the table's row */
};

static uint32_t key_place(const struct change *c) { return c->table->column_count; }

static bool bind(struct change *c, const struct sql_with *with, const struct sql_name *table, const char *alias,
                 const struct sql_list *more, const struct sql_node *where, const struct sql_targets *returning)
{
    c->query = select_of_change(c->x, with, table, alias, more, where);
    if (c->query == NULL) return false;
    c->table = c->query->items[0]->table;
    if (c->table == NULL) /* WITH gives the name to a query */
        return sql_error_set(c->x->error, c->x->arena, SQLSTATE_UNDEFINED_TABLE, table->position,
                             "relation \"%s\" cannot be the target of a modifying statement", table->name);
    return returning_bind(c->x, &c->returning, &c->query->binder, returning);
}

static struct row_entry *entry_of_key(struct change *c, const struct sql_datum *row, uint64_t hash)
{
    struct row_entry *e = NULL;
    while ((e = row_table_find(&c->found, hash, e)) != NULL)
        if (bytes_equal(e->values[key_place(c)].bytes, row[key_place(c)].bytes)) return e;
    return NULL;
}

/* All rows are found before the first is written. */
static bool find(struct change *c)
{
    struct select *s = c->query;
    const struct sql_datum *values;
    struct sql_type key_type = sql_type_of(SQL_TYPE_BYTEA);
    row_table_init(&c->found, c->x->arena, s->row_types, s->width);
    if (!query_open(s)) return false;
    while (query_next(s, &values)) {
        if (values == NULL) {
            query_close(s);
            return true;
        }
        uint64_t hash = row_hash(&key_type, &s->row[key_place(c)], 1);
        if (entry_of_key(c, s->row, hash) != NULL) continue;
        if (row_table_add(&c->found, s->row, hash) == NULL) return sql_error_out_of_memory(c->x->error);
    }
    return false;
}

/* What was found is unchanged when the locks are granted, or that is a conflict. */
static bool lock(struct change *c)
{
    struct exec *x = c->x;
    uint32_t count = c->found.count;
    if (x->locks != EXEC_LOCK_ROWS || count == 0) return true;
    struct bytes *keys = ARENA_ARRAY(x->arena, struct bytes, count);
    struct txn_locked *locked = ARENA_ARRAY(x->arena, struct txn_locked, count);
    if (keys == NULL || locked == NULL) return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < count; i++) keys[i] = c->found.rows[i].values[key_place(c)].bytes;
    x->locked_table = NULL;
    enum status status = txn_lock(x->txn, keys, count, TXN_LOCK_EXCLUSIVE, TXN_LOCK_WAIT, locked);
    return status == STATUS_OK || exec_fail(x, status);
}

static bool update_row(struct change *c, struct writer *w, struct sql_datum *row,
                       const struct assignment *assignments, uint32_t count)
{
    struct exec *x = c->x;
    uint32_t columns = c->table->column_count;
    struct sql_datum *values = ARENA_ARRAY(x->row_arena, struct sql_datum, columns + 1);
    if (values == NULL) return sql_error_out_of_memory(x->error);
    memcpy(values, row, columns * sizeof *values);
    if (!write_assign(x, w, assignments, count, row, values) || !writer_update(x, w, values, row[columns].bytes))
        return false;
    memcpy(row, values, columns * sizeof *row); /* RETURNING shows the new ones */
    return returning_row(x, &c->returning, row);
}

bool exec_update_from(struct exec *x, const struct sql_update *n)
{
    struct change c = {.x = x};
    struct writer w;
    struct assignment *assignments;
    uint32_t count;
    if (!bind(&c, &n->with, &n->table, n->alias, &n->from, n->where, &n->returning) ||
        !write_bind_assignments(x, &n->set, &c.query->binder, c.table, &assignments, &count) ||
        !select_finish(c.query))
        return false;
    if (x->describe) return true;
    bool ok = writer_open(x, &w, c.table) && find(&c) && lock(&c);
    x->eval.arena = x->row_arena;
    for (uint32_t i = 0; ok && i < c.found.count; i++) {
        arena_reset(x->row_arena);
        ok = update_row(&c, &w, c.found.rows[i].values, assignments, count);
    }
    x->eval.arena = x->arena;
    if (ok) exec_tag(x, "UPDATE ", c.found.count);
    return ok;
}

bool exec_delete_using(struct exec *x, const struct sql_delete *n)
{
    struct change c = {.x = x};
    if (!bind(&c, &n->with, &n->table, n->alias, &n->using_from, n->where, &n->returning) || !select_finish(c.query))
        return false;
    if (x->describe) return true;
    bool ok = find(&c) && lock(&c);
    for (uint32_t i = 0; ok && i < c.found.count; i++) {
        const struct sql_datum *row = c.found.rows[i].values;
        enum status status = txn_delete(x->txn, row[key_place(&c)].bytes);
        ok = status == STATUS_OK ? returning_row(x, &c.returning, row) : exec_fail(x, status);
    }
    if (ok) exec_tag(x, "DELETE ", c.found.count);
    return ok;
}
