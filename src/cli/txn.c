/* `txn status ID`: what became of a transaction whose outcome a client was not told (08007 names
 * the id). */
#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

#include "cli/output.h"

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

static int ask(PGconn *connection, const char *id, uint64_t timeout_ns, enum cli_format format)
{
    char limit[64];
    snprintf(limit, sizeof limit, "SET statement_timeout = %llu",
             (unsigned long long)(timeout_ns / 1000000u));
    if (PQstatus(connection) != CONNECTION_OK) return fail(connection, NULL);
    PQclear(PQexec(connection, limit));
    PGresult *result =
        PQexecParams(connection, "SELECT ostraka.txn_status($1)", 1, NULL, &id, NULL, NULL, 0);
    int status = PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1
                     ? CLI_OK
                     : fail(connection, result);
    if (status == CLI_OK) {
        const char *outcome = text_at(result, 0);
        print(id, outcome, format);
        if (strcmp(outcome, "expired") == 0) status = CLI_NOT_FOUND;
    }
    PQclear(result);
    return status;
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
                                        "What became of a transaction: committed, aborted, in "
                                        "progress, or expired (exit 6: nobody remembers).",
                                        "txn status ID [--url URL] [-o table|json|csv|plain]",
                                        flags,
                                        3,
                                        NULL};
    int status = cli_parse(&command, argc, argv, words, 2, &count);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    if (count != 2 || strcmp(words[0], "status") != 0 ||
        strspn(words[1], "0123456789abcdefABCDEF") != 32 || strlen(words[1]) != 32) {
        fprintf(stderr,
                "ostraka txn: give status and the id that the error named, 32 hex digits\n");
        return CLI_USAGE;
    }
    if (!cli_format_of(&command, format, &output)) return CLI_USAGE;
    char conninfo[1024];
    cli_conninfo(url, conninfo, sizeof conninfo);
    PGconn *connection = PQconnectdb(conninfo);
    status = ask(connection, words[1], timeout_ns, output);
    PQfinish(connection);
    return status;
}
