/* What a client is told whose writes do not lie in one range. */
#include "sql/catalog_cache.h"
#include "sql/idempotency.h"
#include "sql/write.h"

/* The table of a row that this session knows; NULL. */
static const struct sql_table *table_of(struct exec *x, struct bytes key)
{
    const struct sql_table *found = NULL;
    struct buf start, end;
    buf_init(&start, TXN_KEY_BYTES_MAX);
    buf_init(&end, TXN_KEY_BYTES_MAX);
    LIST_FOR_EACH(item, &x->cache->entries)
    {
        const struct sql_table *t = CONTAINER_OF(item, struct catalog_entry, link)->table;
        buf_reset(&start);
        buf_reset(&end);
        catalog_table_span(t, &start, &end);
        if (bytes_compare(key, buf_view(&start)) < 0 || bytes_compare(key, buf_view(&end)) >= 0) continue;
        found = t;
        break;
    }
    buf_deinit(&start);
    buf_deinit(&end);
    return found;
}

/* Which row is the first one beyond the first range, if that can be told: what is known of the table may be old. */
static void tell_row(struct exec *x, struct bytes key, struct bytes value)
{
    const struct sql_table *t = key.data[0] == KEY_PREFIX_TABLE && value.size > 0 ? table_of(x, key) : NULL;
    if (t == NULL || t->key_count == 0) return;
    struct sql_datum *values = arena_alloc(x->arena, t->column_count * sizeof *values);
    if (values == NULL || catalog_row_decode(x->arena, t, value, values) != STATUS_OK) return;
    sql_error_detail(x->error, x->arena,
                     "The row of table \"%s\" with the key (%s)=(%s) is the first one in a second range.", t->name,
                     writer_show_key_columns(x, t), writer_show_values(x, t, values, t->key, t->key_count));
}

/* The record of a key lies behind all tables. */
static bool fail_with_key(struct exec *x)
{
    sql_error_detail(x->error, x->arena, "%s", "The record of its idempotency key is one of the writes.");
    sql_error_hint(x->error, x->arena, "%s",
                   "Nothing was written. In this version a key is possible only for rows in the last range, where "
                   "the records of keys lie: here, run it without one.");
    return false;
}

bool exec_fail_two_ranges(struct exec *x)
{
    const char *what = x->alone ? "statement" : "transaction";
    struct bytes first, key, value;
    sql_error_set(x->error, x->arena, SQLSTATE_FEATURE_NOT_SUPPORTED, 0,
                  "this %s writes to more than one range", what);
    if (idem_commits(x->session)) return fail_with_key(x);
    bool known = txn_writes_beyond(x->txn, &first, &key, &value);
    if (known) tell_row(x, key, value);
    if (known && first.data[0] == KEY_PREFIX_SYSTEM)
        sql_error_hint(x->error, x->arena, "Nothing was written. Make the table in a %s of its own, then fill it.", what);
    else
        sql_error_hint(x->error, x->arena,
                       "Nothing was written. This version writes to one range at a time: give the rows of each range "
                       "a %s of their own. SHOW RANGES tells where ranges begin.", what);
    return false;
}
