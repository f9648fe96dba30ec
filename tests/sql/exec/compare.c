/* sql_compare [--run] CONNINFO SCRIPT...: runs scripts on a PostgreSQL server, each in a fresh
 * schema, and shows where it answers otherwise than the script says; with --run, otherwise than
 * Ostraka answers now, so that scripts may be made by a program and hold no answers. For people: no
 * test needs it. Left out are what Ostraka refuses (0A000), counts of rows read, reported settings,
 * and cases whose comment has a line "# differs: ...". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "tests/sql/exec/database.h"
#include "tests/sql/exec/script.h"
#include "tests/sql/exec/show.h"

#define SESSIONS_MAX 8

struct sessions {
    const char *conninfo;
    char names[SESSIONS_MAX][16];
    PGconn *connections[SESSIONS_MAX];
    uint32_t count;
    struct show show; /* of the case under way */
};

static void message(struct show *show, const char *severity, const PGresult *r)
{
    struct sql_error e = {.message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY),
                          .detail = PQresultErrorField(r, PG_DIAG_MESSAGE_DETAIL),
                          .hint = PQresultErrorField(r, PG_DIAG_MESSAGE_HINT),
                          .context = PQresultErrorField(r, PG_DIAG_CONTEXT)};
    const char *state = PQresultErrorField(r, PG_DIAG_SQLSTATE);
    const char *position = PQresultErrorField(r, PG_DIAG_STATEMENT_POSITION);
    snprintf(e.sqlstate, sizeof e.sqlstate, "%s", state != NULL ? state : "");
    e.position = position != NULL ? (uint32_t)atoi(position) : 0;
    show_message(show, severity, &e);
}

static void on_notice(void *arg, const PGresult *r)
{
    struct sessions *s = arg;
    if (s->show.out != NULL)
        message(&s->show, PQresultErrorField(r, PG_DIAG_SEVERITY_NONLOCALIZED), r);
}

static PGconn *open_session(struct sessions *s, const char *name)
{
    for (uint32_t i = 0; i < s->count; i++)
        if (strcmp(s->names[i], name) == 0) return s->connections[i];
    PGconn *c = PQconnectdb(s->conninfo);
    if (PQstatus(c) != CONNECTION_OK || s->count == SESSIONS_MAX) {
        fprintf(stderr, "%s", PQerrorMessage(c));
        exit(2);
    }
    PQclear(PQexec(c,
                   "SET client_min_messages = error; CREATE SCHEMA IF NOT EXISTS script; RESET ALL;"
                   "SET search_path = script; SET TimeZone = 'UTC'; SET lock_timeout = 2000"));
    PQsetNoticeReceiver(c, on_notice, s);
    snprintf(s->names[s->count], sizeof s->names[0], "%s", name);
    return s->connections[s->count++] = c;
}

static void show_rows(struct show *show, const PGresult *r)
{
    show_begin(show);
    for (int i = 0; i < PQnfields(r); i++)
        show_column(show, PQfname(r, i), (struct sql_type){PQftype(r, i), PQfmod(r, i)});
    show_columns_end(show);
    for (int row = 0; row < PQntuples(r); row++) {
        for (int i = 0; i < PQnfields(r); i++)
            show_value(show, PQgetisnull(r, row, i) ? NULL : PQgetvalue(r, row, i));
        show_row_end(show);
    }
}

static void send_copy(PGconn *c, const char *copy)
{
    struct buf data;
    show_copy_input(copy, &data);
    if (copy == NULL)
        PQputCopyEnd(c, "no data");
    else if (PQputCopyData(c, (const char *)data.data, (int)data.size) == 1)
        PQputCopyEnd(c, NULL);
    buf_deinit(&data);
}

static void receive_copy(struct show *show, PGconn *c, const PGresult *r)
{
    char *data;
    int size;
    show_copy(show, (uint32_t)PQnfields(r), PQbinaryTuples(r) != 0);
    while ((size = PQgetCopyData(c, &data, 0)) > 0) {
        show_copy_data(show, bytes_make(data, (size_t)size), PQbinaryTuples(r) != 0);
        PQfreemem(data);
    }
}

static void run_case(struct sessions *s, const struct script_case *c, struct buf *out)
{
    PGconn *connection = open_session(s, c->session);
    show_init(&s->show, out);
    PQsendQuery(connection, c->text);
    PGresult *r;
    while ((r = PQgetResult(connection)) != NULL) {
        ExecStatusType status = PQresultStatus(r);
        if (status == PGRES_TUPLES_OK) show_rows(&s->show, r);
        if (status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK)
            show_tag(&s->show, PQcmdStatus(r));
        if (status == PGRES_EMPTY_QUERY) show_tag(&s->show, "(empty)");
        if (status == PGRES_FATAL_ERROR) message(&s->show, "ERROR", r);
        if (status == PGRES_COPY_IN) send_copy(connection, c->copy);
        if (status == PGRES_COPY_OUT) receive_copy(&s->show, connection, r);
        PQclear(r);
    }
    PGTransactionStatusType state = PQtransactionStatus(connection);
    show_state(&s->show, state == PQTRANS_INTRANS ? 'T' : state == PQTRANS_INERROR ? 'E' : 'I');
    show_deinit(&s->show);
    s->show.out = NULL;
}

/* Without the lines that only we write, and without rows before an error, of which libpq does not
 * tell. */
static char *comparable(const char *text)
{
    char *copy = calloc(1, strlen(text) + 1), *to = copy, *statement = copy;
    while (*text != 0) {
        size_t size = strcspn(text, "\n");
        bool ours = strncmp(text, "(rows read", 10) == 0 ||
                    (*text == '(' && size > 12 && strstr(text, " is now \"") != NULL &&
                     strstr(text, " is now \"") < text + size);
        if (text[size] != 0) size++;
        if (strncmp(text, "ERROR", 5) == 0) to = statement;
        bool tag = (*text >= 'A' && *text <= 'Z') && strncmp(text, "NOTICE", 6) != 0;
        if (!ours) to = (char *)memcpy(to, text, size) + size;
        if (tag) statement = to;
        text += size;
    }
    *to = 0;
    return copy;
}

/* Replaces what the script expects by what Ostraka answers. */
static void run_ours(struct script *script)
{
    struct database *d = database_create(1);
    for (size_t i = 0; i < script->count; i++) {
        struct script_case *c = &script->cases[i];
        struct buf out;
        buf_init(&out, 64u << 20);
        database_run(d, c->session, c->text, c->copy, 0, &out);
        buf_append_byte(&out, 0);
        free(c->expected);
        c->expected = (char *)out.data;
    }
    database_destroy(d);
}

static int compare(const char *conninfo, const char *path, bool run)
{
    struct sessions s = {.conninfo = conninfo};
    struct script script;
    int different = 0;
    script_load(&script, path);
    if (run) run_ours(&script);
    for (size_t i = 0; i < script.count; i++) {
        const struct script_case *c = &script.cases[i];
        struct buf out;
        buf_init(&out, 64u << 20);
        run_case(&s, c, &out);
        buf_append_byte(&out, 0);
        char *expected = comparable(c->expected);
        bool skip =
            strstr(c->comment, "# differs") != NULL || strstr(expected, "ERROR 0A000") != NULL;
        char *theirs = comparable((char *)out.data);
        if (!skip && strcmp(expected, theirs) != 0) {
            printf("%s:%d: %s\nOstraka:\n%sPostgreSQL:\n%s\n", path, c->line, c->text, expected, theirs);
            different++;
        }
        free(expected);
        free(theirs);
        buf_deinit(&out);
    }
    PQclear(PQexec(open_session(&s, "drop"), "DROP SCHEMA script CASCADE"));
    for (uint32_t i = 0; i < s.count; i++)
        PQfinish(s.connections[i]);
    script_free(&script);
    return different;
}

int main(int argc, char **argv)
{
    bool run_too = argc > 1 && strcmp(argv[1], "--run") == 0;
    int first = run_too ? 2 : 1, different = 0;
    if (argc < first + 2) {
        fprintf(stderr, "usage: %s [--run] CONNINFO SCRIPT...\n", argv[0]);
        return 2;
    }
    for (int i = first + 1; i < argc; i++)
        different += compare(argv[first], argv[i], run_too);
    return different != 0;
}
