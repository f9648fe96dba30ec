#include "cli/bench_client.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"

uint64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Waits for the socket; false when the time is up. */
static bool wait_socket(const PGconn *connection, short events, uint64_t until_ns)
{
    uint64_t now = bench_now_ns();
    if (now >= until_ns || PQsocket(connection) < 0) return false;
    struct pollfd p = {.fd = PQsocket(connection), .events = events};
    return poll(&p, 1, (int)((until_ns - now) / 1000000u) + 1) > 0;
}

/* "table does not exist, skipping": nothing that anybody asked about. */
static void ignore_notice(void *ctx, const PGresult *notice)
{
    (void)ctx;
    (void)notice;
}

bool bench_client_connect(struct bench_client *k, const char *address)
{
    ASSERT(k->connection == NULL);
    char host[256], port[16];
    const char *colon = strrchr(address, ':');
    if (colon == NULL) return false;
    snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
    snprintf(port, sizeof port, "%s", colon + 1);
    const char *const names[] = {"host", "port", "user", "dbname", "application_name", NULL};
    const char *const values[] = {host, port, "postgres", "postgres", "ostraka bench", NULL};
    uint64_t until = bench_now_ns() + k->timeout_ns;
    k->connection = PQconnectStartParams(names, values, 0);
    PQsetNoticeReceiver(k->connection, ignore_notice, NULL);
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK && next != PGRES_POLLING_FAILED) {
        if (!wait_socket(k->connection, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, until)) break;
        next = PQconnectPoll(k->connection);
    }
    if (next == PGRES_POLLING_OK) return true;
    snprintf(k->message, sizeof k->message, "%s", PQerrorMessage(k->connection));
    bench_client_close(k);
    return false;
}

void bench_client_close(struct bench_client *k)
{
    if (k->connection != NULL) PQfinish(k->connection);
    k->connection = NULL;
}

void bench_results_clear(struct bench_results *r)
{
    for (size_t i = 0; i < r->count; i++) PQclear(r->at[i]);
    r->count = 0;
}

bool bench_sqlstate_is_definite(const char *sqlstate)
{
    /* Errors of the statement, conflicts, refusals for want of room, time or a quorum: each is answered before
     * anything was proposed, or after it was certainly refused (sql/README.md). 08007 is not one of them. */
    static const char *const classes[] = {"0A", "22", "23", "25",    "40001", "40P01",
                                          "42", "53", "54", "55", "72", "57014", "57P03"};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (strncmp(sqlstate, classes[i], strlen(classes[i])) == 0) return true;
    return false;
}

static enum bench_end lost(struct bench_client *k)
{
    k->sqlstate[0] = '\0';
    snprintf(k->message, sizeof k->message, "%s", PQerrorMessage(k->connection));
    bench_client_close(k);
    return BENCH_UNKNOWN;
}

static enum bench_end judge(struct bench_client *k, const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return BENCH_DONE;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    snprintf(k->sqlstate, sizeof k->sqlstate, "%s", sqlstate != NULL ? sqlstate : "");
    snprintf(k->message, sizeof k->message, "%s", PQresultErrorMessage(result));
    return bench_sqlstate_is_definite(k->sqlstate) ? BENCH_REFUSED : BENCH_UNKNOWN;
}

enum bench_end bench_client_run(struct bench_client *k, const char *text, int param_count, const char *const *params,
                                struct bench_results *results_out)
{
    uint64_t until = bench_now_ns() + k->timeout_ns;
    enum bench_end end = BENCH_DONE;
    PGresult *result;
    results_out->count = 0;
    int sent = param_count == 0 ? PQsendQuery(k->connection, text)
                                : PQsendQueryParams(k->connection, text, param_count, NULL, params, NULL, NULL, 0);
    if (sent != 1) return lost(k);
    for (;;) {
        while (PQisBusy(k->connection))
            if (!wait_socket(k->connection, POLLIN, until) || PQconsumeInput(k->connection) != 1) return lost(k);
        if ((result = PQgetResult(k->connection)) == NULL) break;
        ASSERT(results_out->count < BENCH_RESULTS_MAX);
        results_out->at[results_out->count++] = result;
        if (end == BENCH_DONE) end = judge(k, result);
    }
    if (PQstatus(k->connection) != CONNECTION_OK) {
        if (end == BENCH_DONE) end = BENCH_UNKNOWN;
        bench_client_close(k);
    }
    return end;
}
