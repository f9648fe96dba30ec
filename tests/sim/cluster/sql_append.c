/* Lists kept as text in a row each (",3,17,20"): transactions append to some and read others. A list is left for a
 * new one when it has grown, so that lists stay short. Even keys have a row from the beginning, odd ones do not:
 * their first append inserts it. */
#include <string.h>

#include "tests/sim/check/append.h"
#include "tests/sim/cluster/sql_load_int.h"

#define LIST_LENGTH_MAX 40
#define ROWS_AT_START 128 /* keys 2, 4, ... */
#define VALUES_MAX 1024   /* of one list; unknown outcomes may add to a list that was left */
#define SPAN_MAX 6
#define AREAS 4
#define AREA_KEYS 64
#define ALTER_ONE_OF 60

static const char *const alters[] = {
    "ADD COLUMN IF NOT EXISTS n date NOT NULL DEFAULT current_date",
    "DROP COLUMN IF EXISTS n",
    "ALTER v SET DEFAULT current_user",
    "ALTER COLUMN v DROP DEFAULT",
    "ADD COLUMN IF NOT EXISTS m text, DROP COLUMN IF EXISTS m",
};
#define ALTERS (sizeof alters / sizeof alters[0])

enum what {
    READ = 1,    /* one list */
    READ_SPAN,   /* lists key .. key_last in one statement */
    APPEND,      /* UPDATE ... v || ',n', and INSERT when there was no row */
    APPEND_READ, /* SELECT, then UPDATE with the whole list as the client computed it */
    UPSERT,      /* INSERT ... ON CONFLICT DO UPDATE SET v = lists.v || excluded.v */
    ALTER,       /* the table, in ways that nobody may notice (scenario 74) */
    RETURNED,    /* the same, or UPDATE where there is a row, RETURNING the list with what was appended */
    CURSOR,      /* DECLARE over lists key .. key_last, and FETCH of the first ones; the others after the ops between */
    CURSOR_REST, /* FETCH of what is left of it; `expected` is the place of the CURSOR */
};

static bool prepare(struct sql_load *l, uint32_t step, struct buf *text)
{
    (void)l;
    if (step == 0)
        buf_append_string(text, "CREATE TABLE IF NOT EXISTS lists (k bigint PRIMARY KEY, v text NOT NULL)");
    if (step >= 1) /* one by one: they may lie in several ranges */
        buf_printf(text, "INSERT INTO lists VALUES (%u, '')", 2 * step);
    return step <= ROWS_AT_START;
}

/* ---- drawing ---- */

/* Lists of several ranges lie in four places by turns, so that those in use lie far from each other. */
static uint64_t next_key(struct sql_actor *a)
{
    uint64_t n = sql_load_state(a->load)->next++;
    if (!sql_load_options(a->load)->several_ranges) return 1 + n;
    return n < AREAS * (AREA_KEYS - 2) ? n % AREAS * AREA_KEYS + n / AREAS + 1 : n + 2 * AREAS + 1;
}

static uint64_t live_key(struct sql_actor *a)
{
    struct sql_load_state *s = sql_load_state(a->load);
    uint64_t place = sql_below(a, sql_load_options(a->load)->key_count);
    if (s->keys[place] == 0 || s->counts[place] >= LIST_LENGTH_MAX) {
        s->keys[place] = next_key(a);
        s->counts[place] = 0;
    }
    return s->keys[place];
}

static void count_append(struct sql_actor *a, uint64_t key)
{
    struct sql_load_state *s = sql_load_state(a->load);
    for (size_t i = 0; i < 16; i++)
        if (s->keys[i] == key) s->counts[i]++;
}

static bool has_row(uint64_t key)
{
    return key % 2 == 0 && key <= 2 * ROWS_AT_START;
}

static bool has_cursor(const struct sql_actor *a)
{
    for (uint32_t i = 0; i < a->op_count; i++)
        if (a->ops[i].what == CURSOR) return true;
    return false;
}

static void draw_op(struct sql_actor *a, uint64_t key)
{
    struct history *seen = sql_load_seen(a->load);
    static const enum what whats[] = {READ,   READ,        READ_SPAN, APPEND, APPEND,
                                      APPEND, APPEND_READ, UPSERT,    UPSERT, RETURNED};
    enum what what = whats[sql_below(a, sizeof whats / sizeof whats[0])];
    bool scripted = a->mode == SQL_SCRIPT || a->mode == SQL_IMPLICIT;
    if (what == APPEND_READ && a->mode != SQL_EXPLICIT) what = APPEND;
    if (what == APPEND && scripted && !has_row(key)) what = UPSERT;
    bool cursor = what == READ_SPAN && a->mode == SQL_EXPLICIT && !has_cursor(a) && sql_below(a, 3) == 0;
    if (cursor) what = CURSOR;
    struct sql_op *op = sql_op_add(a, what, key);
    op->key_last = key;
    if (what == READ_SPAN || cursor) {
        uint64_t before = sql_below(a, SPAN_MAX);
        op->key = key > before ? key - before : 1;
        op->key_last = op->key + sql_below(a, SPAN_MAX);
    }
    bool selects = what == READ || what == READ_SPAN || what == APPEND_READ || cursor;
    if (selects && !cursor && a->mode == SQL_EXPLICIT) op->lock = sql_lock_draw(a, what != READ_SPAN && has_row(key));
    if (selects) {
        op->record = history_add(seen, a->txn, HISTORY_READ_LIST, op->key, 0);
        for (uint64_t k = op->key + 1; k <= op->key_last; k++)
            history_add(seen, a->txn, HISTORY_READ_LIST, k, 0);
    }
    op->value = (int64_t)op->key; /* CURSOR: the next key that it may show */
    if (what != READ && what != READ_SPAN && !cursor) {
        op->value = sql_load_unique(a->load);
        history_add(seen, a->txn, HISTORY_APPEND, key, op->value);
        count_append(a, key);
        a->writes = true;
    }
    if (what == RETURNED) op->record = history_add(seen, a->txn, HISTORY_READ_LIST, key, 0);
}

/* Over several ranges most take their locks in one order: circles are found after half a second only. */
static void draw_keys(struct sql_actor *a, uint64_t *keys, uint64_t count)
{
    bool ordered = sql_load_options(a->load)->several_ranges && sql_below(a, 8) > 0;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t key = live_key(a), at = i;
        for (; ordered && at > 0 && keys[at - 1] > key; at--) keys[at] = keys[at - 1];
        keys[at] = key;
    }
}

static void draw_alter(struct sql_actor *a)
{
    a->mode = SQL_ALONE;
    a->writes = true;
    sql_op_add(a, ALTER, sql_below(a, ALTERS));
}

static void draw(struct sql_actor *a)
{
    if (sql_below(a, ALTER_ONE_OF) == 0) {
        draw_alter(a);
        return;
    }
    static const enum sql_mode modes[] = {SQL_ALONE, SQL_ALONE, SQL_EXPLICIT, SQL_EXPLICIT,
                                          SQL_EXPLICIT, SQL_SCRIPT, SQL_IMPLICIT};
    a->mode = modes[sql_below(a, sizeof modes / sizeof modes[0])];
    uint64_t count = a->mode == SQL_ALONE ? 1 : 2 + sql_below(a, 5);
    uint64_t keys[SQL_OPS_MAX];
    draw_keys(a, keys, count);
    for (uint64_t i = 0; i < count; i++) draw_op(a, keys[i]);
    for (uint32_t i = 0; i < a->op_count; i++) {
        if (a->ops[i].what != CURSOR) continue;
        struct sql_op *rest = sql_op_add(a, CURSOR_REST, a->ops[i].key);
        rest->expected = i;
        rest->straight = true; /* after an error a cursor does not go on */
        return;
    }
}

/* ---- lists as text ---- */

static bool parse_list(const struct sql_cell *cell, int64_t values[VALUES_MAX], size_t *count_out)
{
    const char *at = cell->text;
    *count_out = 0;
    if (at == NULL) return false;
    while (*at != '\0') {
        char digits[24];
        const char *comma = strchr(at + 1, ',');
        size_t size = comma != NULL ? (size_t)(comma - at) - 1 : strlen(at + 1);
        if (*at != ',' || size == 0 || size >= sizeof digits || *count_out == VALUES_MAX) return false;
        memcpy(digits, at + 1, size);
        digits[size] = '\0';
        struct sql_cell number = {digits, size};
        if (!sql_cell_number(&number, &values[(*count_out)++])) return false;
        at += 1 + size;
    }
    return true;
}

/* What the last SELECT of this transaction saw of the op's list, as text again. */
static void write_list(const struct sql_op *op, struct buf *text)
{
    for (size_t i = 0; i < op->record->list_count; i++) buf_printf(text, ",%lld", (long long)op->record->list[i]);
    buf_printf(text, ",%lld", (long long)op->value);
}

/* ---- statements ---- */

static void text_one(const struct sql_op *op, struct buf *out)
{
    buf_printf(out, "SELECT k, v FROM lists WHERE k = %llu", (unsigned long long)op->key);
    sql_lock_write(op->lock, out);
}

static void text_span(struct sql_actor *a, const struct sql_op *op, struct buf *out)
{
    switch (sql_below(a, 3)) {
    case 0:
        buf_printf(out, "SELECT k, v FROM lists WHERE k >= %llu AND k <= %llu", (unsigned long long)op->key,
                   (unsigned long long)op->key_last);
        return;
    case 1:
        buf_printf(out, "SELECT k, v FROM lists WHERE k BETWEEN %llu AND %llu ORDER BY k DESC",
                   (unsigned long long)op->key, (unsigned long long)op->key_last);
        return;
    default:
        buf_append_string(out, "SELECT k, v FROM lists WHERE k IN (");
        for (uint64_t k = op->key; k <= op->key_last; k++)
            buf_printf(out, "%s%llu", k > op->key ? ", " : "", (unsigned long long)k);
        buf_append_string(out, ")");
    }
}

static void text_upsert(const struct sql_op *op, struct buf *out)
{
    buf_printf(out, "INSERT INTO lists VALUES (%llu, ',%lld') ON CONFLICT (k) DO UPDATE SET v = lists.v || excluded.v",
               (unsigned long long)op->key, (long long)op->value);
}

static void text_update(const struct sql_op *op, struct buf *out)
{
    buf_printf(out, "UPDATE lists SET v = v || ',%lld' WHERE k = %llu", (long long)op->value,
               (unsigned long long)op->key);
}

static void text_cursor(struct sql_actor *a, const struct sql_op *op, struct buf *out)
{
    if (op->what == CURSOR_REST)
        buf_append_string(out, sql_below(a, 2) == 0 ? "FETCH ALL FROM c" : "FETCH FORWARD ALL IN c");
    else if (op->tries == 1)
        buf_printf(out, "DECLARE c CURSOR FOR SELECT k, v FROM lists WHERE k BETWEEN %llu AND %llu ORDER BY k",
                   (unsigned long long)op->key, (unsigned long long)op->key_last);
    else
        buf_printf(out, "FETCH %llu FROM c", (unsigned long long)(1 + sql_below(a, 3)));
}

static void text(struct sql_actor *a, const struct sql_op *op, struct buf *out)
{
    unsigned long long key = op->key;
    switch ((enum what)op->what) {
    case READ: text_one(op, out); return;
    case ALTER: buf_printf(out, "ALTER TABLE lists %s", alters[op->key]); return;
    case READ_SPAN:
        text_span(a, op, out);
        sql_lock_write(op->lock, out);
        return;
    case APPEND:
        if (op->tries == 1)
            text_update(op, out);
        else
            buf_printf(out, "INSERT INTO lists VALUES (%llu, ',%lld')", key, (long long)op->value);
        return;
    case APPEND_READ:
        if (op->tries == 1) {
            text_one(op, out);
            return;
        }
        buf_append_string(out, op->expected != 0 ? "UPDATE lists SET v = '" : "INSERT INTO lists (v, k) VALUES ('");
        write_list(op, out);
        if (op->expected != 0) buf_printf(out, "' WHERE k = %llu", key);
        else buf_printf(out, "', %llu)", key);
        return;
    case UPSERT: text_upsert(op, out); return;
    case RETURNED:
        if (has_row(op->key) && sql_below(a, 2) == 0) text_update(op, out);
        else text_upsert(op, out);
        buf_append_string(out, " RETURNING k, v");
        return;
    case CURSOR:
    case CURSOR_REST: text_cursor(a, op, out); return;
    }
    UNREACHABLE();
}

/* Values that nobody appends, and rows that nobody deletes. */
static void stray(struct sql_actor *a, struct buf *out)
{
    unsigned long long key = live_key(a);
    long long value = sql_load_unique(a->load);
    switch (sql_below(a, 6)) {
    case 4: buf_append_string(out, "ALTER TABLE lists DROP COLUMN v"); return;
    case 5: buf_append_string(out, sql_below(a, 2) == 0 ? "DROP TABLE lists" : "TRUNCATE lists"); return;
    case 0: buf_printf(out, "DELETE FROM lists WHERE k = %llu", key); return;
    case 1: buf_printf(out, "UPDATE lists SET v = ',%lld' WHERE k BETWEEN %llu AND %llu", value, key, key + 3); return;
    case 2: buf_printf(out, "INSERT INTO lists VALUES (%llu, ',%lld')", key, value); return;
    default: buf_printf(out, "UPDATE lists SET v = v || ',%lld' WHERE k = %llu", value, key); return;
    }
}

static enum sql_verdict wrong(struct sql_actor *a, const char *what, const struct sql_rows *rows)
{
    snprintf(a->wrong, sizeof a->wrong, "%s: tag %s with %u rows", what, rows->tag, rows->row_count);
    return SQL_OP_WRONG;
}

static bool wrote_one(const struct sql_rows *rows)
{
    return strcmp(rows->tag, "UPDATE 1") == 0 || strcmp(rows->tag, "INSERT 0 1") == 0;
}

/* Rows of key .. key_last, each at most once; a list without a row is empty. */
static enum sql_verdict took_rows(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows)
{
    struct history *seen = sql_load_seen(a->load);
    struct history_op *record = op->record;
    char tag[32];
    uint32_t used = 0;
    snprintf(tag, sizeof tag, "SELECT %u", rows->row_count);
    bool right = op->what == RETURNED ? rows->row_count == 1 && wrote_one(rows) : strcmp(tag, rows->tag) == 0;
    if (!right || rows->column_count != 2) return wrong(a, "select", rows);
    for (uint64_t k = op->key; k <= op->key_last; k++, record = record->next) {
        int64_t values[VALUES_MAX], number;
        size_t count = 0;
        uint32_t found = 0;
        for (uint32_t i = 0; i < rows->row_count; i++) {
            if (!sql_cell_number(&rows->cells[2 * i], &number)) return wrong(a, "key", rows);
            if (number != (int64_t)k) continue;
            if (!parse_list(&rows->cells[2 * i + 1], values, &count)) return wrong(a, "list", rows);
            found++;
        }
        if (found > 1) return wrong(a, "a key twice", rows);
        if (found == 0 && op->lock == SQL_LOCK_SKIP) return SQL_OP_GIVE_UP; /* another one has it */
        if (found == 0 && has_row(k)) return wrong(a, "a row is gone", rows);
        used += found;
        history_result(seen, record, values, count);
        op->expected = found;
    }
    return used == rows->row_count ? SQL_OP_DONE : wrong(a, "rows that were not asked for", rows);
}

/* Lists before `key` that a cursor did not show are empty, and have no row. */
static bool pass_over(struct sql_actor *a, struct sql_op *cursor, int64_t key)
{
    for (; cursor->value < key; cursor->value++) {
        struct history_op *record = cursor->record;
        for (uint64_t k = cursor->key; k < (uint64_t)cursor->value; k++) record = record->next;
        if (has_row((uint64_t)cursor->value)) return false;
        history_result(sql_load_seen(a->load), record, NULL, 0);
    }
    return true;
}

/* Rows of a cursor, in the order of their keys; all: these were the last ones. */
static enum sql_verdict took_fetched(struct sql_actor *a, struct sql_op *cursor, const struct sql_rows *rows, bool all)
{
    char tag[32];
    snprintf(tag, sizeof tag, "FETCH %u", rows->row_count);
    if (strcmp(tag, rows->tag) != 0 || rows->column_count != 2) return wrong(a, "fetch", rows);
    for (uint32_t i = 0; i < rows->row_count; i++) {
        int64_t values[VALUES_MAX], key;
        size_t count;
        if (!sql_cell_number(&rows->cells[2 * i], &key)) return wrong(a, "key", rows);
        if (key < cursor->value || key > (int64_t)cursor->key_last) return wrong(a, "a row out of order", rows);
        if (!parse_list(&rows->cells[2 * i + 1], values, &count)) return wrong(a, "list", rows);
        if (!pass_over(a, cursor, key)) return wrong(a, "a row is gone", rows);
        struct history_op *record = cursor->record;
        for (int64_t k = (int64_t)cursor->key; k < key; k++) record = record->next;
        history_result(sql_load_seen(a->load), record, values, count);
        cursor->value = key + 1;
    }
    if ((all || rows->row_count == 0) && !pass_over(a, cursor, (int64_t)cursor->key_last + 1))
        return wrong(a, "a row is gone", rows);
    return SQL_OP_DONE;
}

static enum sql_verdict took(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows)
{
    if (op->what == CURSOR && op->tries == 1)
        return strcmp(rows->tag, "DECLARE CURSOR") == 0 ? SQL_OP_AGAIN : wrong(a, "declare", rows);
    if (op->what == CURSOR) return took_fetched(a, op, rows, false);
    if (op->what == CURSOR_REST) return took_fetched(a, &a->ops[op->expected], rows, true);
    if (op->what == READ || op->what == READ_SPAN || op->what == RETURNED) return took_rows(a, op, rows);
    if (op->what == APPEND_READ && op->tries == 1) {
        enum sql_verdict verdict = took_rows(a, op, rows);
        return verdict == SQL_OP_DONE ? SQL_OP_AGAIN : verdict;
    }
    if (op->what == ALTER) return strcmp(rows->tag, "ALTER TABLE") == 0 ? SQL_OP_DONE : wrong(a, "alter", rows);
    if (wrote_one(rows)) return SQL_OP_DONE;
    bool absent = strcmp(rows->tag, "UPDATE 0") == 0 && op->what == APPEND && op->tries == 1;
    if (!absent || has_row(op->key)) return wrong(a, "append", rows);
    return SQL_OP_AGAIN;
}

static bool check(struct sql_load *l, struct buf *report)
{
    return append_check(sql_load_history(l), report).result != CHECK_INVALID;
}

const struct sql_kind sql_append_kind = {.name = "append", .prepare = prepare, .draw = draw, .text = text, .stray = stray,
                                         .took = took, .check = check};
