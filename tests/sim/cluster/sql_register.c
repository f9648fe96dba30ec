/* One row as a register: no row is "no value". Reads, writes, compare-and-set, insert if absent, delete. */
#include <string.h>

#include "tests/sim/check/register.h"
#include "tests/sim/cluster/sql_load_int.h"

enum what {
    READ = 1,    /* SELECT */
    WRITE,       /* UPDATE, and INSERT when there was no row */
    WRITE_READ,  /* within BEGIN: SELECT, then UPDATE or INSERT */
    SWAP,        /* UPDATE ... WHERE v = expected */
    SWAP_READ,   /* within BEGIN: SELECT; when it fits, UPDATE */
    INSERT,      /* nothing -> value */
    DELETE,      /* value -> nothing, whatever it was */
    DELETE_SWAP, /* expected -> nothing */
    UPSERT,      /* one statement whether there is a row or not, which need not be looked at */
    INSERT_NEW,  /* nothing -> value, by ON CONFLICT DO NOTHING */
    SWAP_SEEN,   /* SWAP with RETURNING */
};

static bool prepare(struct sql_load *l, uint32_t step, struct buf *text)
{
    (void)l;
    if (step > 0) return false;
    buf_append_string(text, "CREATE TABLE IF NOT EXISTS registers (k bigint PRIMARY KEY, v bigint NOT NULL)");
    return true;
}

/* The newest values that were written to a key, so that comparing often succeeds. */
static int64_t likely_value(struct sql_actor *a, uint64_t key)
{
    uint64_t value = sql_load_state(a->load)->keys[key];
    return value == 0 ? HISTORY_NIL : (int64_t)value;
}

static void draw(struct sql_actor *a)
{
    static const enum what whats[] = {READ,  READ, READ, READ,      WRITE,  WRITE,  WRITE_READ, SWAP,
                                      SWAP,  SWAP, SWAP_READ, SWAP_READ, INSERT, DELETE, DELETE_SWAP,
                                      UPSERT, UPSERT, UPSERT, INSERT_NEW, SWAP_SEEN};
    struct history *seen = sql_load_seen(a->load);
    enum what what = whats[sql_below(a, sizeof whats / sizeof whats[0])];
    uint64_t key = 1 + sql_below(a, sql_load_options(a->load)->key_count);
    struct sql_op *op = sql_op_add(a, what, key);
    a->mode = what == WRITE_READ || what == SWAP_READ || sql_below(a, 4) == 0 ? SQL_EXPLICIT : SQL_ALONE;
    a->writes = what != READ;
    if (what == SWAP || what == SWAP_READ || what == SWAP_SEEN || what == DELETE_SWAP) {
        op->expected = likely_value(a, key);
        if (op->expected == HISTORY_NIL && what != SWAP_READ) op->what = what = INSERT;
    }
    if (what == WRITE_READ || what == SWAP_READ) op->lock = sql_lock_draw(a, false);
    if (what == INSERT || what == INSERT_NEW) op->expected = HISTORY_NIL;
    op->value = what == DELETE || what == DELETE_SWAP || what == READ ? HISTORY_NIL : sql_load_unique(a->load);
    if (what == READ) op->record = history_add(seen, a->txn, HISTORY_READ, key, 0);
    else if (what == WRITE || what == WRITE_READ || what == UPSERT || what == DELETE)
        op->record = history_add(seen, a->txn, HISTORY_WRITE, key, op->value);
    else op->record = history_add_cas(seen, a->txn, key, op->expected, op->value);
}

static void text_write(const struct sql_op *op, bool exists, struct buf *text)
{
    if (exists)
        buf_printf(text, "UPDATE registers SET v = %lld WHERE k = %llu", (long long)op->value,
                   (unsigned long long)op->key);
    else
        buf_printf(text, "INSERT INTO registers (k, v) VALUES (%llu, %lld)", (unsigned long long)op->key,
                   (long long)op->value);
}

static void text(struct sql_actor *a, const struct sql_op *op, struct buf *out)
{
    (void)a;
    unsigned long long key = op->key;
    switch ((enum what)op->what) {
    case READ: buf_printf(out, "SELECT v FROM registers WHERE k = %llu", key); return;
    case WRITE: text_write(op, op->tries == 1, out); return;
    case WRITE_READ:
    case SWAP_READ:
        if (op->tries == 1) {
            buf_printf(out, "SELECT v FROM registers WHERE k = %llu", key);
            sql_lock_write(op->lock, out);
            return;
        }
        text_write(op, op->key_last != 0, out);
        return;
    case UPSERT:
        buf_printf(out, "INSERT INTO registers (v, k) VALUES (%lld, %llu) ON CONFLICT (k) DO UPDATE SET v = excluded.v",
                   (long long)op->value, key);
        return;
    case INSERT_NEW:
        buf_printf(out, "INSERT INTO registers VALUES (%llu, %lld) ON CONFLICT DO NOTHING", key, (long long)op->value);
        return;
    case SWAP_SEEN:
        buf_printf(out, "UPDATE registers SET v = %lld WHERE k = %llu AND v = %lld RETURNING v, k",
                   (long long)op->value, key, (long long)op->expected);
        return;
    case SWAP:
        buf_printf(out, "UPDATE registers SET v = %lld WHERE k = %llu AND v = %lld", (long long)op->value, key,
                   (long long)op->expected);
        return;
    case INSERT: text_write(op, false, out); return;
    case DELETE: buf_printf(out, "DELETE FROM registers WHERE k = %llu", key); return;
    case DELETE_SWAP:
        buf_printf(out, "DELETE FROM registers WHERE k = %llu AND v = %lld", key, (long long)op->expected);
        return;
    }
    UNREACHABLE();
}

static enum sql_verdict wrong(struct sql_actor *a, const struct sql_rows *rows)
{
    snprintf(a->wrong, sizeof a->wrong, "tag %s with %u rows", rows->tag, rows->row_count);
    return SQL_OP_WRONG;
}

static enum sql_verdict took_select(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows)
{
    int64_t value = HISTORY_NIL;
    if (strncmp(rows->tag, "SELECT ", 7) != 0 || rows->row_count > 1) return wrong(a, rows);
    if (rows->row_count == 1 && !sql_cell_number(&rows->cells[0], &value)) return wrong(a, rows);
    if (op->what == READ) {
        history_result(sql_load_seen(a->load), op->record, &value, 1);
        return SQL_OP_DONE;
    }
    op->key_last = value != HISTORY_NIL; /* there is a row to update */
    if (op->what == SWAP_READ && value != op->expected) return SQL_OP_GIVE_UP;
    return SQL_OP_AGAIN;
}

/* The new value when the row was changed, nothing when it was not. */
static bool returned(const struct sql_op *op, const struct sql_rows *rows, bool changed)
{
    int64_t value, key;
    if (rows->row_count != (changed ? 1 : 0) || rows->column_count != 2) return false;
    return !changed || (sql_cell_number(&rows->cells[0], &value) && value == op->value &&
                        sql_cell_number(&rows->cells[1], &key) && key == (int64_t)op->key);
}

static enum sql_verdict took(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows)
{
    bool reads = op->what == READ || ((op->what == WRITE_READ || op->what == SWAP_READ) && op->tries == 1);
    if (reads) return took_select(a, op, rows);
    bool one = strcmp(rows->tag, "UPDATE 1") == 0 || strcmp(rows->tag, "INSERT 0 1") == 0 ||
               strcmp(rows->tag, "DELETE 1") == 0;
    bool none = strcmp(rows->tag, "UPDATE 0") == 0 || strcmp(rows->tag, "DELETE 0") == 0;
    if (op->what == SWAP_SEEN && !returned(op, rows, one)) return wrong(a, rows);
    if (one) return SQL_OP_DONE;
    if (op->what == INSERT_NEW && strcmp(rows->tag, "INSERT 0 0") == 0) return SQL_OP_GIVE_UP;
    if (!none) return wrong(a, rows);
    if (op->what == WRITE && op->tries == 1) return SQL_OP_AGAIN;
    if (op->what == DELETE) return SQL_OP_DONE;
    if (op->what == SWAP || op->what == SWAP_SEEN || op->what == DELETE_SWAP) return SQL_OP_GIVE_UP;
    return wrong(a, rows); /* the row that this transaction saw is gone within it */
}

static void committed(struct sql_actor *a)
{
    const struct sql_op *op = &a->ops[0];
    if (op->what == READ) return;
    sql_load_state(a->load)->keys[op->key] = op->value == HISTORY_NIL ? 0 : (uint64_t)op->value;
}

static bool check(struct sql_load *l, struct buf *report)
{
    return register_check(sql_load_history(l), 0, report) != CHECK_INVALID;
}

const struct sql_kind sql_register_kind = {.name = "register", .prepare = prepare, .draw = draw, .text = text,
                                           .took = took, .committed = committed, .check = check};
