/* Accounts whose balances always add up to the same sum. Accounts 1 and 2 stay; the others may be closed (their
 * money goes to another) and opened again. */
#include <string.h>

#include "tests/sim/check/bank.h"
#include "tests/sim/cluster/sql_load_int.h"

#define BALANCE_AT_START 100
#define BANK_KEY 1 /* of all balances, in the history */

enum what {
    READ_ALL = 1, /* every account in one statement */
    READ_SUM,     /* as the server adds it up */
    READ_ONE,     /* account by account: one op each, in one transaction */
    MOVE_BOTH,    /* one UPDATE of two rows */
    TAKE, GIVE,   /* UPDATE balance -/+ value */
    LOOK,         /* SELECT the balance; remembered for the op after it */
    PUT,          /* UPDATE to what the client computed */
    CLOSE,        /* DELETE */
    OPEN,         /* INSERT */
    EMPTY,        /* DELETE ... RETURNING the balance; remembered for the op after it */
};

static uint64_t account_count(struct sql_actor *a)
{
    uint64_t count = sql_load_options(a->load)->key_count;
    return count < 3 ? 3 : count;
}

static uint64_t accounts_of(const struct sql_load *l)
{
    uint64_t count = sql_load_options(l)->key_count;
    return count < 3 ? 3 : count;
}

static bool prepare(struct sql_load *l, uint32_t step, struct buf *text)
{
    if (step == 0)
        buf_append_string(text, "CREATE TABLE IF NOT EXISTS accounts (id bigint PRIMARY KEY, "
                                "balance bigint NOT NULL CHECK (balance >= 0))");
    if (step >= 1) /* one by one: they may lie in several ranges */
        buf_printf(text, "INSERT INTO accounts VALUES (%u, %d)", step, BALANCE_AT_START);
    return step <= accounts_of(l);
}

/* ---- drawing ---- */

static void record_read(struct sql_actor *a)
{
    struct sql_op *op = &a->ops[0];
    op->record = history_add(sql_load_seen(a->load), a->txn, HISTORY_READ_ALL, BANK_KEY, 0);
}

static void draw_read(struct sql_actor *a)
{
    uint64_t draw = sql_below(a, 4);
    if (draw < 2) {
        a->mode = sql_below(a, 3) == 0 ? SQL_EXPLICIT : SQL_ALONE;
        sql_op_add(a, draw == 0 ? READ_ALL : READ_SUM, 0);
    } else {
        a->mode = draw == 2 ? SQL_EXPLICIT : SQL_SCRIPT;
        for (uint64_t i = 1; i <= account_count(a); i++) sql_op_add(a, READ_ONE, i);
    }
    record_read(a);
}

static void add_pair(struct sql_actor *a, enum what first, uint64_t from, enum what second, uint64_t to,
                     int64_t amount)
{
    sql_op_add(a, first, from)->value = amount;
    sql_op_add(a, second, to)->value = amount;
}

static void draw_transfer(struct sql_actor *a)
{
    uint64_t from = 1 + sql_below(a, account_count(a)), to = 1 + sql_below(a, account_count(a) - 1);
    int64_t amount = 1 + (int64_t)sql_below(a, 20);
    if (to >= from) to++;
    uint64_t draw = sql_below(a, 10);
    /* Over several ranges most take their locks in one order: circles are found after half a second only. */
    bool turned = to < from && sql_load_options(a->load)->several_ranges && sql_below(a, 8) > 0;
    if (draw < 2 && from + to == 3) { /* accounts 1 and 2: nothing can be missing */
        a->mode = draw == 0 ? SQL_SCRIPT : SQL_IMPLICIT;
        add_pair(a, TAKE, from, GIVE, to, amount);
    } else if (draw < 4 && from + to == 3) {
        a->mode = SQL_ALONE;
        struct sql_op *op = sql_op_add(a, MOVE_BOTH, from);
        op->key_last = to;
        op->value = amount;
    } else if (draw < 6) {
        a->mode = SQL_EXPLICIT;
        if (turned) add_pair(a, LOOK, to, LOOK, from, amount);
        else add_pair(a, LOOK, from, LOOK, to, amount);
        a->ops[0].lock = sql_lock_draw(a, true);
        a->ops[1].lock = sql_lock_draw(a, true);
        add_pair(a, PUT, a->ops[0].key, PUT, a->ops[1].key, amount);
    } else if (draw == 6 && from > 2) {
        a->mode = SQL_EXPLICIT;
        if (sql_below(a, 2) == 0) {
            add_pair(a, EMPTY, from, GIVE, to, 0);
        } else {
            sql_op_add(a, LOOK, from)->lock = sql_lock_draw(a, true);
            add_pair(a, CLOSE, from, GIVE, to, 0);
        }
    } else if (draw == 7 && from > 2) {
        a->mode = SQL_EXPLICIT;
        add_pair(a, OPEN, from, TAKE, to, amount);
    } else {
        a->mode = SQL_EXPLICIT;
        if (turned) add_pair(a, GIVE, to, TAKE, from, amount);
        else add_pair(a, TAKE, from, GIVE, to, amount);
    }
    a->writes = true;
}

static void draw(struct sql_actor *a)
{
    if (sql_below(a, 10) < 4) draw_read(a);
    else draw_transfer(a);
}

/* ---- statements ---- */

/* What the LOOK for the same account saw, or what EMPTY gave. */
static int64_t looked_at(const struct sql_actor *a, uint64_t account)
{
    for (uint32_t i = 0; i < a->op_count; i++)
        if ((a->ops[i].what == LOOK || a->ops[i].what == EMPTY) && a->ops[i].key == account) return a->ops[i].expected;
    UNREACHABLE();
}

/* The sum is the same at any time. By the transaction's number: what a run draws besides stays as it was. */
static void text_past(const struct sql_actor *a, struct buf *out)
{
    if (a->mode == SQL_ALONE && a->txn % 3 == 0)
        buf_append_string(out, a->txn % 2 == 0 ? " AS OF SYSTEM TIME with_max_staleness('2s')" : " AS OF SYSTEM TIME with_max_staleness('300ms')");
}

static void text(struct sql_actor *a, const struct sql_op *op, struct buf *out)
{
    unsigned long long id = op->key;
    long long value = op->value;
    switch ((enum what)op->what) {
    case READ_ALL:
        buf_append_string(out, "SELECT balance FROM accounts");
        text_past(a, out);
        return;
    case READ_SUM:
        buf_append_string(out, "SELECT sum(balance), min(balance) FROM accounts");
        text_past(a, out);
        return;
    case READ_ONE:
    case LOOK:
        buf_printf(out, "SELECT balance FROM accounts WHERE id = %llu", id);
        sql_lock_write(op->lock, out);
        return;
    case MOVE_BOTH:
        buf_printf(out,
                   "UPDATE accounts SET balance = balance + CASE WHEN id = %llu THEN %lld ELSE %lld END "
                   "WHERE id IN (%llu, %llu)",
                   id, -value, value, id, (unsigned long long)op->key_last);
        return;
    case TAKE: buf_printf(out, "UPDATE accounts SET balance = balance - %lld WHERE id = %llu", value, id); return;
    case GIVE:
        if (a->ops[0].what == LOOK || a->ops[0].what == EMPTY) value = looked_at(a, a->ops[0].key); /* all that the closed account had */
        buf_printf(out, "UPDATE accounts SET balance = balance + %lld WHERE id = %llu", value, id);
        return;
    case PUT:
        value = looked_at(a, op->key) + (op->key == a->ops[0].key ? -value : value);
        buf_printf(out, "UPDATE accounts SET balance = %lld WHERE id = %llu", value, id);
        return;
    case CLOSE: buf_printf(out, "DELETE FROM accounts WHERE id = %llu", id); return;
    case EMPTY: buf_printf(out, "DELETE FROM accounts WHERE id = %llu RETURNING balance", id); return;
    case OPEN: buf_printf(out, "INSERT INTO accounts VALUES (%llu, %lld)", id, value); return;
    }
    UNREACHABLE();
}

/* Money from nowhere, and money that is gone. */
static void stray(struct sql_actor *a, struct buf *out)
{
    unsigned long long id = 1 + sql_below(a, account_count(a));
    switch (sql_below(a, 3)) {
    case 0: buf_printf(out, "DELETE FROM accounts WHERE id = %llu", id); return;
    case 1: buf_append_string(out, "UPDATE accounts SET balance = balance + 1"); return;
    default: buf_printf(out, "UPDATE accounts SET balance = balance + 3 WHERE id = %llu", id); return;
    }
}

static enum sql_verdict wrong(struct sql_actor *a, const struct sql_rows *rows)
{
    snprintf(a->wrong, sizeof a->wrong, "tag %s with %u rows", rows->tag, rows->row_count);
    return SQL_OP_WRONG;
}

static enum sql_verdict took_all(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows)
{
    int64_t balances[SQL_CLIENT_CELLS_MAX];
    if (strncmp(rows->tag, "SELECT ", 7) != 0 || rows->column_count == 0) return wrong(a, rows);
    for (uint32_t i = 0; i < rows->row_count; i++)
        if (!sql_cell_number(&rows->cells[i * rows->column_count], &balances[i])) return wrong(a, rows);
    history_result(sql_load_seen(a->load), op->record, balances, rows->row_count);
    return SQL_OP_DONE;
}

/* The last account's balance completes the read. */
static enum sql_verdict took_one(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows)
{
    if (rows->row_count > 1) return wrong(a, rows);
    op->value = 0; /* closed */
    if (rows->row_count == 1 && !sql_cell_number(&rows->cells[0], &op->value)) return wrong(a, rows);
    if (op != &a->ops[a->op_count - 1]) return SQL_OP_DONE;
    int64_t balances[SQL_OPS_MAX];
    for (uint32_t i = 0; i < a->op_count; i++) balances[i] = a->ops[i].value;
    history_result(sql_load_seen(a->load), a->ops[0].record, balances, a->op_count);
    return SQL_OP_DONE;
}

static enum sql_verdict took(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows)
{
    switch ((enum what)op->what) {
    case READ_ALL:
    case READ_SUM: return took_all(a, op, rows);
    case READ_ONE: return took_one(a, op, rows);
    case LOOK:
        if (rows->row_count == 0) return SQL_OP_GIVE_UP;
        return sql_cell_number(&rows->cells[0], &op->expected) ? SQL_OP_DONE : wrong(a, rows);
    case EMPTY:
        if (strcmp(rows->tag, "DELETE 0") == 0 && rows->row_count == 0) return SQL_OP_GIVE_UP;
        if (strcmp(rows->tag, "DELETE 1") != 0 || rows->row_count != 1) return wrong(a, rows);
        return sql_cell_number(&rows->cells[0], &op->expected) ? SQL_OP_DONE : wrong(a, rows);
    case MOVE_BOTH: return strcmp(rows->tag, "UPDATE 2") == 0 ? SQL_OP_DONE : wrong(a, rows);
    case TAKE:
    case GIVE:
        if (strcmp(rows->tag, "UPDATE 0") == 0 && op->key > 2) return SQL_OP_GIVE_UP;
        return strcmp(rows->tag, "UPDATE 1") == 0 ? SQL_OP_DONE : wrong(a, rows);
    case PUT: return strcmp(rows->tag, "UPDATE 1") == 0 ? SQL_OP_DONE : wrong(a, rows);
    case CLOSE: return strcmp(rows->tag, "DELETE 1") == 0 ? SQL_OP_DONE : wrong(a, rows);
    case OPEN: return strcmp(rows->tag, "INSERT 0 1") == 0 ? SQL_OP_DONE : wrong(a, rows);
    }
    UNREACHABLE();
}

static bool check(struct sql_load *l, struct buf *report)
{
    int64_t total = (int64_t)accounts_of(l) * BALANCE_AT_START;
    return bank_check(sql_load_history(l), BANK_KEY, total, false, report) != CHECK_INVALID;
}

const struct sql_kind sql_bank_kind = {.name = "bank", .prepare = prepare, .draw = draw, .text = text, .stray = stray,
                                       .took = took, .check = check};
