/* `txn status ID`: what became of a transaction whose outcome a client was not told (08007 names the id). `txn resolve ID`: the
 * same, when it is decided. `txn ls`: what is not. */
#include <jansson.h>
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/output.h"

#define OUTCOME_BYTES 32

static const char *text_at(const PGresult *result, int column)
{
    return PQgetisnull(result, 0, column) ? "" : PQgetvalue(result, 0, column);
}

static void print(const char *id, const char *outcome, enum cli_format format)
{
    const char *const names[] = {"id", "status"}, *const cells[] = {id, outcome};
    switch (format) {
    case CLI_FORMAT_TABLE: printf("%s\n", outcome); break;
    case CLI_FORMAT_JSON: printf("{\"id\":\"%s\",\"status\":\"%s\"}\n", id, outcome); break;
    case CLI_FORMAT_CSV:
        cli_print_csv(names, 2);
        cli_print_csv(cells, 2);
        break;
    case CLI_FORMAT_PLAIN: cli_print_plain(cells, 2); break;
    }
}

static int fail(PGconn *connection, const PGresult *result)
{
    const char *state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    fprintf(stderr, "ostraka txn: %s",
            result == NULL ? PQerrorMessage(connection) : PQresultErrorMessage(result));
    if (state == NULL) return CLI_ERROR;
    if (strcmp(state, "57P03") == 0) return CLI_NO_QUORUM;
    if (strcmp(state, "57014") == 0) return CLI_TIMEOUT;
    if (strncmp(state, "28", 2) == 0) return CLI_AUTH;
    return strncmp(state, "22", 2) == 0 ? CLI_USAGE : CLI_ERROR; /* 22: this is no id */
}

/* Tells the outcome, once or when it is decided. */
static int ask(PGconn *connection, const char *id, bool wait, char outcome[OUTCOME_BYTES])
{
    for (;;) {
        PGresult *result = PQexecParams(connection, "SELECT ostraka.txn_status($1)", 1, NULL, &id, NULL, NULL, 0);
        bool told = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1;
        int status = told ? CLI_OK : fail(connection, result);
        if (told) snprintf(outcome, OUTCOME_BYTES, "%s", text_at(result, 0));
        PQclear(result);
        if (!told || !wait || strcmp(outcome, "in progress") != 0) return status;
        PQclear(PQexec(connection, "SELECT pg_sleep(0.2)"));
    }
}

static int tell(PGconn *connection, const char *id, bool wait, enum cli_format format)
{
    char outcome[OUTCOME_BYTES];
    int status = ask(connection, id, wait, outcome);
    if (status != CLI_OK) return status;
    print(id, outcome, format);
    return strcmp(outcome, "expired") == 0 ? CLI_NOT_FOUND : CLI_OK;
}

/* ---- ls ---- */

#define COLUMNS_MAX 32

static void print_object(const PGresult *result, int row)
{
    json_t *object = json_object();
    for (int i = 0; i < PQnfields(result); i++) {
        const char *value = PQgetvalue(result, row, i);
        bool text = PQftype(result, i) == 25;
        json_t *member = PQgetisnull(result, row, i) ? json_null() : text ? json_string(value) : json_integer(strtoll(value, NULL, 10));
        json_object_set_new(object, PQfname(result, i), member);
    }
    json_dumpf(object, stdout, JSON_PRESERVE_ORDER | JSON_COMPACT);
    printf("\n");
    json_decref(object);
}

static void print_rows(const PGresult *result, enum cli_format format)
{
    const char *cells[COLUMNS_MAX];
    int columns = PQnfields(result) < COLUMNS_MAX ? PQnfields(result) : COLUMNS_MAX;
    PQprintOpt options = {.header = 1, .align = 1, .fieldSep = (char[]){"|"}};
    if (format == CLI_FORMAT_TABLE) PQprint(stdout, result, &options);
    if (format == CLI_FORMAT_TABLE) return;
    for (int i = 0; i < columns; i++) cells[i] = PQfname(result, i);
    if (format == CLI_FORMAT_CSV) cli_print_csv(cells, (size_t)columns);
    for (int row = 0; row < PQntuples(result); row++) {
        for (int i = 0; i < columns; i++) cells[i] = PQgetvalue(result, row, i);
        if (format == CLI_FORMAT_CSV) cli_print_csv(cells, (size_t)columns);
        else if (format == CLI_FORMAT_PLAIN) cli_print_plain(cells, (size_t)columns);
        else print_object(result, row);
    }
}

static int list(PGconn *connection, enum cli_format format)
{
    PGresult *result = PQexec(connection, "SHOW PREPARED");
    int status = PQresultStatus(result) == PGRES_TUPLES_OK ? CLI_OK : fail(connection, result);
    if (status == CLI_OK) print_rows(result, format);
    PQclear(result);
    return status;
}

static int run(PGconn *connection, const char *const words[2], uint64_t timeout_ns, enum cli_format format)
{
    char limit[64];
    if (PQstatus(connection) != CONNECTION_OK) return fail(connection, NULL);
    snprintf(limit, sizeof limit, "SET statement_timeout = %llu", (unsigned long long)(timeout_ns / 1000000u));
    PQclear(PQexec(connection, limit));
    if (strcmp(words[0], "ls") == 0) return list(connection, format);
    return tell(connection, words[1], strcmp(words[0], "resolve") == 0, format);
}

static bool is_id(const char *word)
{
    return strspn(word, "0123456789abcdefABCDEF") == 32 && strlen(word) == 32;
}

static bool are_words(const char *const words[2], size_t count)
{
    if (count == 1) return strcmp(words[0], "ls") == 0;
    return count == 2 && (strcmp(words[0], "status") == 0 || strcmp(words[0], "resolve") == 0) && is_id(words[1]);
}

int cli_txn(int argc, char **argv)
{
    const char *url = "127.0.0.1:7432", *format = "table", *words[2] = {"", ""};
    uint64_t timeout_ns = 10000000000u;
    enum cli_format output;
    size_t count = 0;
    const struct cli_flag flags[] = {
        {"url", 'u', CLI_TEXT, &url, "URL|H:P,...",
         "postgresql:// URL or host:port (127.0.0.1:7432)"},
        {"timeout", 0, CLI_DURATION, &timeout_ns, "TIME", "how long to wait (10s)"},
        CLI_FORMAT_FLAG(&format),
    };
    const struct cli_command command = {"txn",
                                        "status: what became of a transaction: committed, aborted, in progress, or expired (exit 6: "
                                        "nobody remembers).\n"
                                        "resolve: the same, when it is decided: some 10 s after its commit was sent at the latest.\n"
                                        "ls: what transactions over several ranges have prepared, and is not decided yet.",
                                        "txn status ID | resolve ID | ls  [--url URL] [-o table|json|csv|plain]",
                                        flags,
                                        3,
                                        NULL};
    int status = cli_parse(&command, argc, argv, words, 2, &count);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    if (!are_words(words, count)) {
        fprintf(stderr,
                "ostraka txn: give status or resolve and the id that the error named, 32 hex digits; or ls\n");
        return CLI_USAGE;
    }
    if (!cli_format_of(&command, format, &output)) return CLI_USAGE;
    char conninfo[1024];
    cli_conninfo(url, conninfo, sizeof conninfo);
    PGconn *connection = PQconnectdb(conninfo);
    status = run(connection, words, timeout_ns, output);
    PQfinish(connection);
    return status;
}
