/* A SQL client that never waits longer than it was told to. */
#ifndef OSTRAKA_TESTS_PROCESS_CLIENT_H
#define OSTRAKA_TESTS_PROCESS_CLIENT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

enum client_end {
    CLIENT_DONE = 1,
    CLIENT_REFUSED, /* an error that says nothing was changed */
    CLIENT_UNKNOWN, /* an error or a lost connection that leaves it open whether the statement took
                       effect */
    CLIENT_HANGS,   /* no answer within the time allowed */
};

struct client {
    PGconn *connection; /* NULL: none */
    char sqlstate[6];   /* of the last error; "" for a lost connection */
    char message[256];
};

/* Connects to "host:port" within timeout_ms. */
bool client_connect(struct client *k, const char *address, int timeout_ms);
void client_close(struct client *k);
/* Runs one statement. *result_out (may be NULL) gets its result on CLIENT_DONE, the caller's to
 * clear. After CLIENT_HANGS, and after CLIENT_UNKNOWN without a SQLSTATE, the connection is closed.
 */
enum client_end client_run(struct client *k, const char *statement, int timeout_ms,
                           PGresult **result_out);

#endif
