/* A log that only grows, its rows spread over all keys that there are, and places of which each is taken once. Reads
 * show all of the log: in one statement, in pages from either end within a transaction, and with what the
 * transaction itself has inserted (pagination, own reads, long fork, causal reverse, upserts that must be unique). */
#include <string.h>

#include "tests/sim/check/set.h"
#include "tests/sim/cluster/sql_load_int.h"

#define LOG_KEY 1 /* in the history */
#define PLACES_KEY 2
#define ROWS_MAX 1500 /* an answer has to fit into a client */
#define AREAS 4
#define ASKED_TWICE 4 /* so many inserts compete for a place */

enum what {
    ADD = 1,       /* INSERT, in a third of the cases with RETURNING */
    ADD_ROWS,      /* INSERT of several rows at once, numbers value .. expected */
    TAKE,          /* INSERT of a place: an error for all but one */
    TAKE_IF_FREE,  /* the same with ON CONFLICT DO NOTHING */
    READ,          /* all rows in one statement */
    READ_PLACES,
    PAGES,         /* all rows, key after key, some at a time */
    PAGES_BACK,
};

static bool prepare(struct sql_load *l, uint32_t step, struct buf *text)
{
    (void)l;
    if (step == 0) buf_append_string(text, "CREATE TABLE IF NOT EXISTS log (id bigint PRIMARY KEY, n bigint NOT NULL)");
    if (step == 1) buf_append_string(text, "CREATE TABLE IF NOT EXISTS places (place bigint PRIMARY KEY, who bigint NOT NULL)");
    return step < 2;
}

/* Numbers from 1 become ids at both ends of what a bigint holds, and on both sides of 0. */
static long long id_of(int64_t n)
{
    switch (n % AREAS) {
    case 0: return INT64_MIN + n;
    case 1: return -1000000 + n;
    case 2: return n;
    default: return INT64_MAX - n;
    }
}

/* ---- drawing ---- */

static void record(struct sql_actor *a, uint64_t key, int64_t value)
{
    history_add(sql_load_seen(a->load), a->txn, HISTORY_INSERT, key, value);
    a->writes = true;
}

static void add_rows(struct sql_actor *a, int64_t count)
{
    struct sql_op *op = sql_op_add(a, count == 1 ? ADD : ADD_ROWS, 0);
    for (int64_t i = 0; i < count; i++) {
        int64_t n = sql_load_unique(a->load);
        if (i == 0) op->value = n;
        op->expected = n;
        record(a, LOG_KEY, id_of(n));
    }
    sql_load_state(a->load)->next = (uint64_t)op->expected;
}

static void add_read(struct sql_actor *a, enum what what)
{
    struct sql_op *op = sql_op_add(a, what, 0);
    uint64_t key = what == READ_PLACES ? PLACES_KEY : LOG_KEY;
    op->record = history_add(sql_load_seen(a->load), a->txn, HISTORY_READ_ALL, key, 0);
    op->key_last = 1 + sql_below(a, 8 + sql_load_state(a->load)->next / 4);
}

static void draw_take(struct sql_actor *a)
{
    struct sql_load_state *s = sql_load_state(a->load);
    uint64_t place = 1 + s->counts[0]++ / ASKED_TWICE;
    struct sql_op *op = sql_op_add(a, sql_below(a, 2) == 0 ? TAKE : TAKE_IF_FREE, place);
    op->value = sql_load_unique(a->load);
    record(a, PLACES_KEY, op->value);
}

static void draw_read(struct sql_actor *a)
{
    a->mode = sql_below(a, 4) == 0 ? SQL_EXPLICIT : SQL_ALONE;
    if (sql_below(a, 3) == 0) {
        a->mode = SQL_EXPLICIT;
        add_read(a, sql_below(a, 2) == 0 ? PAGES : PAGES_BACK);
    } else {
        add_read(a, sql_below(a, 4) == 0 ? READ_PLACES : READ);
    }
}

static void draw(struct sql_actor *a)
{
    uint64_t draw = sql_below(a, 10);
    bool full = sql_load_state(a->load)->next >= ROWS_MAX;
    if (draw < 4 || full) {
        draw_read(a);
    } else if (draw < 6) {
        a->mode = SQL_ALONE;
        add_rows(a, 1 + (int64_t)sql_below(a, 3));
    } else if (draw == 6) {
        a->mode = sql_below(a, 2) == 0 ? SQL_ALONE : SQL_EXPLICIT;
        draw_take(a);
        if (a->mode == SQL_EXPLICIT) add_rows(a, 1);
    } else if (draw < 9) { /* several statements: in one query or one by one */
        a->mode = (enum sql_mode)(SQL_EXPLICIT + sql_below(a, 3));
        for (uint64_t i = 2 + sql_below(a, 2); i > 0; i--) add_rows(a, 1);
    } else {
        a->mode = SQL_EXPLICIT;
        if (sql_below(a, 2) == 0) add_read(a, READ);
        add_rows(a, 1);
        add_read(a, sql_below(a, 2) == 0 ? READ : PAGES);
        add_rows(a, 1);
    }
}

/* ---- statements ---- */

static void text_rows(const struct sql_op *op, struct buf *out)
{
    for (int64_t n = op->value; n <= op->expected; n++)
        buf_printf(out, "%s(%lld, %lld)", n == op->value ? "" : ", ", id_of(n), (long long)n);
}

/* op->key: rows so far; op->value: the last id of them; op->key_last: rows of a page. */
static void text_page(const struct sql_op *op, struct buf *out)
{
    bool back = op->what == PAGES_BACK;
    buf_append_string(out, "SELECT id FROM log");
    if (op->key > 0) buf_printf(out, " WHERE id %c %lld", back ? '<' : '>', (long long)op->value);
    buf_printf(out, " ORDER BY id%s LIMIT %llu", back ? " DESC" : "", (unsigned long long)op->key_last);
}

static void text(struct sql_actor *a, const struct sql_op *op, struct buf *out)
{
    (void)a;
    switch ((enum what)op->what) {
    case ADD:
    case ADD_ROWS:
        buf_append_string(out, "INSERT INTO log VALUES ");
        text_rows(op, out);
        if (op->value % 3 == 0) buf_append_string(out, " RETURNING id");
        return;
    case TAKE:
    case TAKE_IF_FREE:
        buf_printf(out, "INSERT INTO places VALUES (%llu, %lld)", (unsigned long long)op->key, (long long)op->value);
        if (op->what == TAKE_IF_FREE) buf_append_string(out, " ON CONFLICT DO NOTHING");
        return;
    case READ: buf_append_string(out, "SELECT id FROM log"); return;
    case READ_PLACES: buf_append_string(out, "SELECT who FROM places"); return;
    case PAGES:
    case PAGES_BACK: text_page(op, out); return;
    }
    UNREACHABLE();
}

/* Rows that nobody may see, and the loss of all that they should. */
static void stray(struct sql_actor *a, struct buf *out)
{
    long long n = sql_load_unique(a->load);
    switch (sql_below(a, 3)) {
    case 0: buf_append_string(out, "DELETE FROM log WHERE id > 0"); return;
    case 1: buf_printf(out, "INSERT INTO log VALUES (%lld, 0)", id_of(n)); return;
    default: buf_append_string(out, "UPDATE places SET who = -1"); return;
    }
}

static enum sql_verdict wrong(struct sql_actor *a, const struct sql_rows *rows)
{
    snprintf(a->wrong, sizeof a->wrong, "tag %s with %u rows", rows->tag, rows->row_count);
    return SQL_OP_WRONG;
}

static enum sql_verdict took_rows(struct sql_actor *a, const struct sql_op *op, const struct sql_rows *rows)
{
    char tag[32];
    int64_t id, count = op->expected - op->value + 1;
    snprintf(tag, sizeof tag, "INSERT 0 %lld", (long long)count);
    bool returns = op->value % 3 == 0;
    if (strcmp(rows->tag, tag) != 0 || rows->row_count != (returns ? count : 0)) return wrong(a, rows);
    for (uint32_t i = 0; i < rows->row_count; i++)
        if (!sql_cell_number(&rows->cells[i], &id) || id != id_of(op->value + i)) return wrong(a, rows);
    return SQL_OP_DONE;
}

/* Rows of a page ascend, or descend, behind those of the one before. */
static bool is_in_order(const struct sql_op *op, const int64_t *ids, uint32_t count)
{
    bool back = op->what == PAGES_BACK;
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 && op->key == 0) continue;
        int64_t before = i == 0 ? op->value : ids[i - 1];
        if (back ? ids[i] >= before : ids[i] <= before) return false;
    }
    return true;
}

static enum sql_verdict took_read(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows)
{
    int64_t ids[SQL_CLIENT_CELLS_MAX];
    bool pages = op->what == PAGES || op->what == PAGES_BACK;
    if (strncmp(rows->tag, "SELECT ", 7) != 0) return wrong(a, rows);
    for (uint32_t i = 0; i < rows->row_count; i++)
        if (!sql_cell_number(&rows->cells[i], &ids[i])) return wrong(a, rows);
    if (pages && (rows->row_count > op->key_last || !is_in_order(op, ids, rows->row_count))) return wrong(a, rows);
    history_result_more(sql_load_seen(a->load), op->record, ids, rows->row_count);
    if (!pages || rows->row_count < op->key_last) return SQL_OP_DONE;
    op->key += rows->row_count;
    op->value = ids[rows->row_count - 1];
    return SQL_OP_AGAIN;
}

static enum sql_verdict took(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows)
{
    switch ((enum what)op->what) {
    case ADD:
    case ADD_ROWS: return took_rows(a, op, rows);
    case TAKE: return strcmp(rows->tag, "INSERT 0 1") == 0 ? SQL_OP_DONE : wrong(a, rows);
    case TAKE_IF_FREE:
        if (strcmp(rows->tag, "INSERT 0 0") == 0) return SQL_OP_GIVE_UP;
        return strcmp(rows->tag, "INSERT 0 1") == 0 ? SQL_OP_DONE : wrong(a, rows);
    case READ:
    case READ_PLACES:
    case PAGES:
    case PAGES_BACK: return took_read(a, op, rows);
    }
    UNREACHABLE();
}

static bool check(struct sql_load *l, struct buf *report)
{
    bool log = set_check(sql_load_history(l), LOG_KEY, report).result == CHECK_VALID;
    return set_check(sql_load_history(l), PLACES_KEY, report).result == CHECK_VALID && log;
}

const struct sql_kind sql_set_kind = {.name = "set", .prepare = prepare, .draw = draw, .text = text, .stray = stray,
                                      .took = took, .check = check};
