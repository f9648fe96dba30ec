#include "tests/process/client.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/process/cluster.h"

/* Waits for the socket; false when the time is up. */
static bool wait_socket(const PGconn *connection, short events, uint64_t until_ns)
{
    uint64_t now = now_ns();
    if (now >= until_ns) return false;
    struct pollfd p = {.fd = PQsocket(connection), .events = events};
    return poll(&p, 1, (int)((until_ns - now) / 1000000u) + 1) > 0;
}

bool client_connect(struct client *k, const char *address, int timeout_ms)
{
    char host[64], conninfo[200];
    snprintf(host, sizeof host, "%s", address);
    char *colon = strrchr(host, ':');
    if (colon == NULL) return false;
    *colon = '\0';
    snprintf(conninfo, sizeof conninfo,
             "hostaddr=%s port=%s user=postgres dbname=postgres sslmode=disable gssencmode=disable",
             host, colon + 1);
    uint64_t until = now_ns() + (uint64_t)timeout_ms * 1000000u;
    k->connection = PQconnectStart(conninfo);
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK && next != PGRES_POLLING_FAILED) {
        if (!wait_socket(k->connection, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, until))
            break;
        next = PQconnectPoll(k->connection);
    }
    if (next == PGRES_POLLING_OK) return true;
    snprintf(k->message, sizeof k->message, "%s", PQerrorMessage(k->connection));
    client_close(k);
    return false;
}

void client_close(struct client *k)
{
    if (k->connection != NULL) PQfinish(k->connection);
    k->connection = NULL;
}

static enum client_end lost(struct client *k, enum client_end end)
{
    k->sqlstate[0] = '\0';
    snprintf(k->message, sizeof k->message, "%s", PQerrorMessage(k->connection));
    client_close(k);
    return end;
}

static enum client_end judge(struct client *k, PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_EMPTY_QUERY)
        return CLIENT_DONE;
    const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    snprintf(k->sqlstate, sizeof k->sqlstate, "%s", sqlstate != NULL ? sqlstate : "");
    snprintf(k->message, sizeof k->message, "%s", PQresultErrorMessage(result));
    /* 08007 says so itself; 57P01 and no code at all mean that the node went away in the middle. */
    bool open = k->sqlstate[0] == '\0' || strncmp(k->sqlstate, "08", 2) == 0 ||
                strcmp(k->sqlstate, "57P01") == 0;
    return open ? CLIENT_UNKNOWN : CLIENT_REFUSED;
}

enum client_end client_run(struct client *k, const char *statement, int timeout_ms,
                           PGresult **result_out)
{
    uint64_t until = now_ns() + (uint64_t)timeout_ms * 1000000u;
    enum client_end end = CLIENT_UNKNOWN;
    PGresult *kept = NULL, *result;
    k->sqlstate[0] = k->message[0] = '\0';
    if (PQsendQuery(k->connection, statement) != 1) return lost(k, CLIENT_UNKNOWN);
    for (;;) {
        while (PQisBusy(k->connection)) {
            if (!wait_socket(k->connection, POLLIN, until)) {
                PQclear(kept);
                return lost(k, CLIENT_HANGS);
            }
            if (PQconsumeInput(k->connection) != 1) {
                PQclear(kept);
                return lost(k, CLIENT_UNKNOWN);
            }
        }
        if ((result = PQgetResult(k->connection)) == NULL) break;
        PQclear(kept);
        kept = result;
        end = judge(k, result);
    }
    if (end == CLIENT_DONE && result_out != NULL)
        *result_out = kept;
    else
        PQclear(kept);
    if (PQstatus(k->connection) != CONNECTION_OK) client_close(k);
    return end;
}
