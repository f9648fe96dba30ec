/* A connection of `ostraka bench`: libpq, with a bound on every wait, and a judgement of every failure: nothing was
 * changed, or nobody knows. */
#ifndef OSTRAKA_CLI_BENCH_CLIENT_H
#define OSTRAKA_CLI_BENCH_CLIENT_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BENCH_RESULTS_MAX 16

enum bench_end {
    BENCH_DONE = 1,
    BENCH_REFUSED, /* certainly without effect */
    BENCH_UNKNOWN, /* lost connection, 08007, no answer in time: it may have taken effect, or may yet */
};

struct bench_client {
    PGconn *connection; /* NULL: none */
    uint64_t timeout_ns;
    char sqlstate[6];   /* of the last failure; "" when the connection was lost or nothing was answered */
    char message[200];
};

/* What the statements of a text answered, in order. */
struct bench_results {
    PGresult *at[BENCH_RESULTS_MAX];
    size_t count;
};

uint64_t bench_now_ns(void);

/* Connects to "host:port" within the client's time-out. False: see message. */
bool bench_client_connect(struct bench_client *k, const char *address);
void bench_client_close(struct bench_client *k);
/* Runs a text of at most BENCH_RESULTS_MAX statements, or one statement with param_count parameters as texts.
 * results_out gets the caller's to clear, whatever the end. After a lost connection, and when no answer came in
 * time, the connection is closed. */
enum bench_end bench_client_run(struct bench_client *k, const char *text, int param_count, const char *const *params,
                                struct bench_results *results_out);
void bench_results_clear(struct bench_results *r);

/* Whether an error with this SQLSTATE says that nothing was changed. Whatever is not known to say so does not. */
bool bench_sqlstate_is_definite(const char *sqlstate);

#endif
