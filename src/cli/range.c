/* `range ls|split|transfer|move` and `node ls|drain|decommission|activate`: statements of SQL for those who
 * would rather not type them. */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/output.h"

#define STATEMENT_BYTES 4096
#define WORDS_MAX       4

struct order {
    const char *url;
    uint64_t timeout_ns;
    bool force, dry_run;
    const char *words[WORDS_MAX];
    size_t count;
};

static void print_notice(void *ctx, const PGresult *result)
{
    (void)ctx;
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    if (text != NULL) printf("%s\n", text);
}

static int fail(const char *name, PGconn *connection, const PGresult *result)
{
    const char *state = result == NULL ? NULL : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    fprintf(stderr, "ostraka %s: %s", name, result == NULL ? PQerrorMessage(connection) : PQresultErrorMessage(result));
    if (state == NULL) return CLI_ERROR;
    if (strcmp(state, "57P03") == 0) return CLI_NO_QUORUM;
    if (strcmp(state, "57014") == 0) return CLI_TIMEOUT;
    if (strcmp(state, "55000") == 0) return CLI_CONDITION;
    if (strcmp(state, "42704") == 0 || strcmp(state, "42P01") == 0) return CLI_NOT_FOUND;
    return strncmp(state, "28", 2) == 0 ? CLI_AUTH : CLI_ERROR;
}

static int run(const char *name, const struct order *o, const char *statement)
{
    char conninfo[1024], limit[64];
    cli_conninfo(o->url, conninfo, sizeof conninfo);
    PGconn *connection = PQconnectdb(conninfo);
    int status = CLI_OK;
    if (PQstatus(connection) != CONNECTION_OK) {
        status = fail(name, connection, NULL);
    } else {
        PQsetNoticeReceiver(connection, print_notice, NULL);
        snprintf(limit, sizeof limit, "SET statement_timeout = %llu", (unsigned long long)(o->timeout_ns / 1000000u));
        PQclear(PQexec(connection, limit));
        PGresult *result = PQexec(connection, statement);
        PQprintOpt options = {.header = 1, .align = 1, .fieldSep = (char[]){"|"}};
        if (PQresultStatus(result) == PGRES_TUPLES_OK) PQprint(stdout, result, &options);
        else if (PQresultStatus(result) != PGRES_COMMAND_OK) status = fail(name, connection, result);
        PQclear(result);
    }
    PQfinish(connection);
    return status;
}

static bool is_number(const char *word)
{
    size_t size = strlen(word);
    return size > 0 && size < 10 && strspn(word, "0123456789") == size;
}

static bool numbers(const struct order *o, size_t from)
{
    for (size_t i = from; i < o->count; i++)
        if (!is_number(o->words[i])) return false;
    return true;
}

static bool verb(const struct order *o, const char *word, size_t count)
{
    return o->count == count && strcmp(o->words[0], word) == 0;
}

/* False: these words are no order. */
static bool range_statement(const struct order *o, char *out)
{
    int size = -1;
    if (verb(o, "ls", 1)) size = snprintf(out, STATEMENT_BYTES, "SHOW RANGES");
    else if (verb(o, "ls", 2)) size = snprintf(out, STATEMENT_BYTES, "SHOW RANGES FROM TABLE %s", o->words[1]);
    else if (verb(o, "split", 3))
        size = snprintf(out, STATEMENT_BYTES, "ALTER TABLE %s SPLIT AT VALUES (%s)", o->words[1], o->words[2]);
    else if (verb(o, "transfer", 3) && numbers(o, 1))
        size = snprintf(out, STATEMENT_BYTES, "ALTER RANGE %s TRANSFER TO %s", o->words[1], o->words[2]);
    else if (verb(o, "move", 4) && numbers(o, 1))
        size = snprintf(out, STATEMENT_BYTES, "ALTER RANGE %s MOVE FROM %s TO %s", o->words[1], o->words[2], o->words[3]);
    return size > 0 && size < STATEMENT_BYTES;
}

static bool node_statement(const struct order *o, char *out)
{
    if (verb(o, "ls", 1)) return snprintf(out, STATEMENT_BYTES, "SHOW NODES") > 0;
    if (o->count != 2 || !numbers(o, 1)) return false;
    if (!verb(o, "drain", 2) && !verb(o, "decommission", 2) && !verb(o, "activate", 2)) return false;
    return snprintf(out, STATEMENT_BYTES, "ALTER NODE %s %s%s%s", o->words[1], o->words[0], o->force ? " FORCE" : "",
                    o->dry_run ? " DRY RUN" : "") > 0;
}

static int order(struct order *o, const struct cli_command *command, int argc, char **argv,
                 bool (*statement_of)(const struct order *o, char *out))
{
    char statement[STATEMENT_BYTES];
    int status = cli_parse(command, argc, argv, o->words, WORDS_MAX, &o->count);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    if (o->count == 0 || !statement_of(o, statement)) {
        fprintf(stderr, "ostraka %s: see ostraka help %s for what can be asked\n", command->name, command->name);
        return CLI_USAGE;
    }
    return run(command->name, o, statement);
}

int cli_range(int argc, char **argv)
{
    struct order o = {.url = "127.0.0.1:7432", .timeout_ns = 30000000000u};
    const struct cli_flag flags[] = {
        {"url", 'u', CLI_TEXT, &o.url, "URL|H:P,...", "postgresql:// URL or host:port (127.0.0.1:7432)"},
        {"timeout", 0, CLI_DURATION, &o.timeout_ns, "TIME", "how long to wait (30s)"},
    };
    const struct cli_command command = {
        "range", "Which ranges there are; divides a table at a key; changes who leads a range, and who holds it.",
        "range ls [TABLE] | split TABLE VALUE[,VALUE] | transfer RANGE NODE | move RANGE FROM-NODE TO-NODE  [--url URL]",
        flags, sizeof flags / sizeof flags[0], NULL};
    return order(&o, &command, argc, argv, range_statement);
}

int cli_node(int argc, char **argv)
{
    struct order o = {.url = "127.0.0.1:7432", .timeout_ns = 30000000000u};
    const struct cli_flag flags[] = {
        {"url", 'u', CLI_TEXT, &o.url, "URL|H:P,...", "postgresql:// URL or host:port (127.0.0.1:7432)"},
        {"dry-run", 0, CLI_SWITCH, &o.dry_run, NULL, "only say what would come of it"},
        {"force", 0, CLI_SWITCH, &o.force, NULL, "even though the cluster could then lose less (exit 7 without it)"},
        {"timeout", 0, CLI_DURATION, &o.timeout_ns, "TIME", "how long to wait (30s)"},
    };
    const struct cli_command command = {
        "node", "Which nodes there are; has one lead nothing (drain), hold nothing (decommission), or both again.",
        "node ls | drain NODE | decommission NODE [--force] | activate NODE  [--dry-run] [--url URL]", flags,
        sizeof flags / sizeof flags[0], NULL};
    return order(&o, &command, argc, argv, node_statement);
}
