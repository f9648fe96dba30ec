/* One transaction of `bench append`: its SQL, and what its answers mean. Lists are texts, "1,2,3", in a row each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/buf.h"
#include "cli/bench_int.h"

#define STATEMENT_BYTES 8192 /* BENCH_APPENDS_MAX numbers, and room */

/* ---- answers ---- */

/* Numbers with commas between them: nothing else may get into the history. */
static bool is_list(const char *text)
{
    for (const char *at = text; *at != '\0'; at++) {
        bool is_digit = *at >= '0' && *at <= '9';
        if (!is_digit && (*at != ',' || at == text || at[-1] == ',' || at[1] == '\0')) return false;
    }
    return true;
}

static bool breaks(char *broken, size_t size, const char *what, const struct bench_op *op, const char *text)
{
    snprintf(broken, size, "%s: key %llu: %.80s", what, (unsigned long long)op->key, text);
    return false;
}

bool bench_op_appends(const struct bench_op *op)
{
    return op->kind == BENCH_APPEND || op->kind == BENCH_READ_LOCKED || op->kind == BENCH_UPSERT;
}

static size_t keys_of(const struct bench_op *op)
{
    return op->kind == BENCH_READ_RANGE ? BENCH_RANGE_MAX : op->kind == BENCH_APPEND ? 0 : 1;
}

/* Takes the rows (k, v) of a read into op->lists. */
static bool take_lists(struct bench_op *op, const PGresult *r, char *broken, size_t size)
{
    for (size_t i = 0; i < keys_of(op); i++) {
        free(op->lists[i]);
        op->lists[i] = NULL;
    }
    for (int row = 0; row < PQntuples(r); row++) {
        const char *text = PQnfields(r) == 2 ? PQgetvalue(r, row, 1) : "(columns)";
        uint64_t at = strtoull(PQgetvalue(r, row, 0), NULL, 10) - op->key;
        if (at >= keys_of(op)) return breaks(broken, size, "a row that was not asked for", op, text);
        if (op->lists[at] != NULL) return breaks(broken, size, "a row twice", op, text);
        if (text[0] == '\0' || !is_list(text)) return breaks(broken, size, "no list", op, text);
        op->lists[at] = strdup(text);
    }
    for (size_t i = 0; i < keys_of(op); i++)
        if (op->lists[i] == NULL) op->lists[i] = strdup("");
    return true;
}

static bool changed_one(const PGresult *r)
{
    return strcmp(PQcmdTuples((PGresult *)(uintptr_t)r), "1") == 0;
}

/* ---- statements ---- */

struct statement {
    char text[STATEMENT_BYTES];
    char key[24], value[STATEMENT_BYTES - 256];
    const char *params[2];
    int param_count;
};

enum form { FORM_FIRST = 1, FORM_INSERT, FORM_REPLACE };

/* The value that goes with the key: the end of a range, a number to append, or the list that replaces the old one. */
static void write_value(struct statement *s, const struct bench_op *op, enum form form)
{
    unsigned long long number = op->kind == BENCH_READ_RANGE ? op->key + BENCH_RANGE_MAX : op->value;
    const char *before = form == FORM_REPLACE ? op->lists[0] : "";
    snprintf(s->key, sizeof s->key, "%llu", (unsigned long long)op->key);
    snprintf(s->value, sizeof s->value, "%s%s%llu", before, before[0] != '\0' ? "," : "", number);
}

static const char *pattern_of(const struct bench_op *op, enum form form)
{
    if (form == FORM_INSERT) return "INSERT INTO bench_append (k, v) VALUES (%1$s, %2$s)";
    if (form == FORM_REPLACE) return "UPDATE bench_append SET v = %2$s WHERE k = %1$s";
    switch (op->kind) {
    case BENCH_READ: return "SELECT k, v FROM bench_append WHERE k = %1$s";
    case BENCH_READ_LOCKED: return "SELECT k, v FROM bench_append WHERE k = %1$s FOR UPDATE";
    case BENCH_READ_RANGE: return "SELECT k, v FROM bench_append WHERE k >= %1$s AND k < %2$s ORDER BY k";
    case BENCH_APPEND: return "UPDATE bench_append SET v = v || ',' || %2$s WHERE k = %1$s";
    case BENCH_UPSERT:
        return "INSERT INTO bench_append AS l (k, v) VALUES (%1$s, %2$s) "
               "ON CONFLICT (k) DO UPDATE SET v = l.v || ',' || excluded.v RETURNING k, v";
    }
    UNREACHABLE();
}

/* Puts a text for %1$s and %2$s. */
static void fill(char *out, size_t size, const char *pattern, const char *first, const char *second)
{
    size_t used = 0;
    for (const char *at = pattern; *at != '\0' && used + 1 < size;) {
        if (at[0] == '%' && at[1] != '\0' && at[2] == '$') {
            int written = snprintf(out + used, size - used, "%s", at[1] == '1' ? first : second);
            ASSERT(written >= 0 && (size_t)written < size - used);
            used += (size_t)written;
            at += 4;
        } else {
            out[used++] = *at++;
        }
    }
    out[used] = '\0';
}

static void write_statement(struct statement *s, bool extended, const struct bench_op *op, enum form form)
{
    const char *pattern = pattern_of(op, form);
    write_value(s, op, form);
    s->params[0] = s->key;
    s->params[1] = s->value;
    s->param_count = !extended ? 0 : strstr(pattern, "%2$s") != NULL ? 2 : 1;
    char quoted[sizeof s->value + 2];
    snprintf(quoted, sizeof quoted, "'%s'", s->value);
    fill(s->text, sizeof s->text, pattern, extended ? "$1" : s->key, extended ? "$2" : quoted);
}

/* ---- one operation ---- */

struct run {
    struct bench_client *client;
    struct bench_txn *txn;
    char *broken;
    size_t broken_size;
};

/* Runs one statement; *changed_out tells whether it changed exactly one row. */
static enum bench_end step(struct run *r, struct bench_op *op, enum form form, bool *changed_out)
{
    struct statement *s = malloc(sizeof *s);
    ASSERT(s != NULL);
    struct bench_results results;
    write_statement(s, r->txn->extended, op, form);
    enum bench_end end = bench_client_run(r->client, s->text, s->param_count, s->params, &results);
    free(s);
    *changed_out = false;
    if (end == BENCH_DONE && form == FORM_FIRST && keys_of(op) > 0)
        take_lists(op, results.at[0], r->broken, r->broken_size);
    else if (end == BENCH_DONE)
        *changed_out = changed_one(results.at[0]);
    bench_results_clear(&results);
    return end;
}

static enum bench_end append(struct run *r, struct bench_op *op, enum form form)
{
    bool changed;
    enum bench_end end = step(r, op, form, &changed);
    if (end != BENCH_DONE || changed) return end;
    if (op->present || form == FORM_INSERT) {
        breaks(r->broken, r->broken_size, "a list that was there is gone", op, "");
        return end;
    }
    return append(r, op, FORM_INSERT);
}

/* What nobody may ever see: 0 is in no list. */
static enum bench_end take_detour(struct run *r, const struct bench_op *op)
{
    char text[256];
    struct bench_results results;
    snprintf(text, sizeof text,
             "SAVEPOINT detour; UPDATE bench_append SET v = v || ',0' WHERE k = %llu; ROLLBACK TO SAVEPOINT detour",
             (unsigned long long)op->key);
    enum bench_end end = bench_client_run(r->client, text, 0, NULL, &results);
    bench_results_clear(&results);
    return end;
}

static enum bench_end run_op(struct run *r, struct bench_op *op)
{
    bool changed;
    if (op->detour) {
        enum bench_end detour = take_detour(r, op);
        if (detour != BENCH_DONE) return detour;
    }
    if (op->kind == BENCH_APPEND) return append(r, op, FORM_FIRST);
    enum bench_end end = step(r, op, FORM_FIRST, &changed);
    if (end != BENCH_DONE || op->kind != BENCH_READ_LOCKED || r->broken[0] != '\0') return end;
    return append(r, op, op->lists[0][0] != '\0' ? FORM_REPLACE : FORM_INSERT);
}

/* ---- transactions ---- */

static bool is_read_only(const struct bench_txn *t)
{
    for (size_t i = 0; i < t->op_count; i++)
        if (bench_op_appends(&t->ops[i])) return false;
    return true;
}

static enum bench_outcome outcome_of(const struct bench_txn *t, enum bench_end end)
{
    if (end == BENCH_DONE) return BENCH_OK;
    return end == BENCH_UNKNOWN && !is_read_only(t) ? BENCH_INFO : BENCH_FAIL;
}

static enum bench_end run_text(struct bench_client *k, const char *text, bool *as_asked_out)
{
    struct bench_results results;
    enum bench_end end = bench_client_run(k, text, 0, NULL, &results);
    *as_asked_out = end == BENCH_DONE && results.count == 1 && strcmp(PQcmdStatus(results.at[0]), text) == 0;
    bench_results_clear(&results);
    return end;
}

/* Before COMMIT is sent nothing has taken effect, however it ends. */
static enum bench_outcome run_block(struct run *r)
{
    bool as_asked;
    enum bench_end end = run_text(r->client, "BEGIN", &as_asked);
    for (size_t i = 0; i < r->txn->op_count && end == BENCH_DONE; i++) end = run_op(r, &r->txn->ops[i]);
    if (end != BENCH_DONE) {
        struct bench_client refused = *r->client;
        if (r->client->connection != NULL) run_text(r->client, "ROLLBACK", &as_asked);
        memcpy(r->client->sqlstate, refused.sqlstate, sizeof refused.sqlstate);
        return BENCH_FAIL;
    }
    end = run_text(r->client, "COMMIT", &as_asked);
    if (end == BENCH_DONE && !as_asked) return BENCH_FAIL; /* it answered ROLLBACK */
    return outcome_of(r->txn, end);
}

static enum bench_outcome run_alone(struct run *r)
{
    ASSERT(r->txn->op_count == 1);
    return outcome_of(r->txn, run_op(r, &r->txn->ops[0]));
}

static enum bench_outcome run_script(struct run *r)
{
    struct bench_txn *t = r->txn;
    struct statement *s = malloc(sizeof *s);
    struct buf text;
    struct bench_results results;
    ASSERT(s != NULL);
    buf_init(&text, BENCH_OPS_MAX * STATEMENT_BYTES);
    for (size_t i = 0; i < t->op_count; i++) {
        write_statement(s, false, &t->ops[i], FORM_FIRST);
        buf_printf(&text, "%s%s", i > 0 ? "; " : "", s->text);
    }
    buf_append_byte(&text, 0);
    ASSERT(!text.failed);
    enum bench_end end = bench_client_run(r->client, (char *)text.data, 0, NULL, &results);
    for (size_t i = 0; i < t->op_count && end == BENCH_DONE; i++) {
        if (results.count != t->op_count) breaks(r->broken, r->broken_size, "results are missing", &t->ops[i], "");
        else if (t->ops[i].kind != BENCH_APPEND) take_lists(&t->ops[i], results.at[i], r->broken, r->broken_size);
        else if (!changed_one(results.at[i]))
            breaks(r->broken, r->broken_size, "a list that was there is gone", &t->ops[i], "");
    }
    bench_results_clear(&results);
    buf_deinit(&text);
    free(s);
    return outcome_of(t, end);
}

enum bench_outcome bench_txn_run(struct bench_client *k, struct bench_txn *t, char *broken, size_t broken_size)
{
    struct run r = {k, t, broken, broken_size};
    ASSERT(t->op_count > 0 && t->op_count <= BENCH_OPS_MAX);
    broken[0] = '\0';
    switch (t->mode) {
    case BENCH_BLOCK: return run_block(&r);
    case BENCH_ALONE: return run_alone(&r);
    case BENCH_SCRIPT: return run_script(&r);
    }
    UNREACHABLE();
}

/* ---- the history ---- */

static void append_json(const struct bench_op *op, struct buf *out)
{
    buf_printf(out, "[\"append\",%llu,%llu]", (unsigned long long)op->key, (unsigned long long)op->value);
}

static void op_json(const struct bench_op *op, bool with_lists, struct buf *out)
{
    if (op->kind == BENCH_APPEND || op->kind == BENCH_UPSERT) append_json(op, out);
    for (size_t i = 0; i < keys_of(op); i++) {
        unsigned long long key = op->key + i;
        buf_printf(out, "%s[\"r\",%llu,", i > 0 || op->kind == BENCH_UPSERT ? "," : "", key);
        if (with_lists && op->lists[i] != NULL) buf_printf(out, "[%s]]", op->lists[i]);
        else buf_append_string(out, "null]");
    }
    if (op->kind != BENCH_READ_LOCKED) return;
    buf_append_byte(out, ',');
    append_json(op, out);
}

void bench_txn_json(const struct bench_txn *t, bool with_lists, struct buf *out)
{
    buf_append_byte(out, '[');
    for (size_t i = 0; i < t->op_count; i++) {
        if (i > 0) buf_append_byte(out, ',');
        op_json(&t->ops[i], with_lists, out);
    }
    buf_append_byte(out, ']');
}

void bench_txn_clear(struct bench_txn *t)
{
    for (size_t i = 0; i < t->op_count; i++)
        for (size_t k = 0; k < BENCH_RANGE_MAX; k++) free(t->ops[i].lists[k]);
    *t = (struct bench_txn){.op_count = 0};
}
