#include "cli/order.h"

#include <stdio.h>
#include <string.h>

#define TIMEOUT_NS UINT64_C(30000000000)
#define MS_NS      UINT64_C(1000000)

/* ---- text ---- */

void order_add(struct order_text *t, const char *text)
{
    size_t size = strlen(text);
    if (t->failed || size >= sizeof t->text - t->size) {
        t->failed = true;
        return;
    }
    memcpy(t->text + t->size, text, size + 1);
    t->size += size;
}

static void add_quoted(struct order_text *t, const char *text, size_t size, char quote)
{
    char piece[3] = {quote};
    order_add(t, piece);
    for (size_t i = 0; i < size; i++) {
        piece[0] = text[i];
        piece[1] = text[i] == quote ? quote : '\0';
        order_add(t, piece);
    }
    piece[0] = quote;
    piece[1] = '\0';
    order_add(t, piece);
}

void order_add_name(struct order_text *t, const char *name)
{
    add_quoted(t, name, strlen(name), '"');
}

void order_add_table(struct order_text *t, const char *word)
{
    const char *dot = strchr(word, '.');
    if (dot != NULL) {
        add_quoted(t, word, (size_t)(dot - word), '"');
        order_add(t, ".");
        word = dot + 1;
    }
    order_add_name(t, word);
}

/* With standard_conforming_strings, which the server never turns off, a backslash is a letter like others. */
void order_add_literal(struct order_text *t, const char *text)
{
    add_quoted(t, text, strlen(text), '\'');
}

/* ---- words ---- */

bool order_is(const struct order *o, const char *verb, size_t count)
{
    return o->count == count && strcmp(o->words[0], verb) == 0;
}

static bool is_number(const char *word)
{
    size_t size = strlen(word);
    return size > 0 && size < 10 && strspn(word, "0123456789") == size;
}

bool order_numbers(const struct order *o, size_t from)
{
    for (size_t i = from; i < o->count; i++)
        if (!is_number(o->words[i])) return false;
    return true;
}

/* ---- the server ---- */

static void print_notice(void *ctx, const PGresult *result)
{
    (void)ctx;
    const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
    const char *severity = PQresultErrorField(result, PG_DIAG_SEVERITY);
    bool warning = severity != NULL && strcmp(severity, "WARNING") == 0;
    if (text != NULL) fprintf(warning ? stderr : stdout, "%s%s\n", warning ? "warning: " : "", text);
}

int order_fail(const char *name, PGconn *connection, const PGresult *result)
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

/* Of any length at all: 0 would mean that there is no limit, and more than an int is no value of the setting. */
static unsigned limit_ms(uint64_t timeout_ns)
{
    uint64_t ms = timeout_ns / MS_NS + (timeout_ns % MS_NS != 0);
    return ms > INT32_MAX ? (unsigned)INT32_MAX : (unsigned)ms;
}

PGconn *order_connect(const char *name, const struct order *o, int *status_out)
{
    char conninfo[1024], limit[64];
    uint64_t timeout_ns = o->timeout_ns != 0 ? o->timeout_ns : TIMEOUT_NS;
    cli_conninfo(o->url, conninfo, sizeof conninfo);
    PGconn *connection = PQconnectdb(conninfo);
    if (PQstatus(connection) != CONNECTION_OK) {
        *status_out = order_fail(name, connection, NULL);
        PQfinish(connection);
        return NULL;
    }
    PQsetNoticeReceiver(connection, print_notice, NULL);
    snprintf(limit, sizeof limit, "SET statement_timeout = %u", limit_ms(timeout_ns));
    PQclear(PQexec(connection, limit));
    return connection;
}

int order_run(const char *name, PGconn *connection, const char *statement)
{
    int status = CLI_OK;
    PGresult *result = PQexec(connection, statement);
    PQprintOpt options = {.header = 1, .align = 1, .fieldSep = (char[]){"|"}};
    if (PQresultStatus(result) == PGRES_TUPLES_OK) PQprint(stdout, result, &options);
    else if (PQresultStatus(result) != PGRES_COMMAND_OK) status = order_fail(name, connection, result);
    PQclear(result);
    return status;
}
