/* What the clients of a benchmark did and saw, as the checkers of Jepsen and Elle read it: one JSON object per line,
 * in the order of real time. An invocation is written before anything is sent, its completion after everything was
 * received:
 *
 *   {"index":0,"type":"invoke","f":"txn","process":3,"time":1200,"value":[["append",7,1],["r",8,null]]}
 *   {"index":1,"type":"ok","f":"txn","process":3,"time":5100,"value":[["append",7,1],["r",8,[1,2]]]}
 *
 * type is ok (it took effect, and its reads are true), fail (it did not) or info (nobody knows). A process does one
 * thing after the other; one that ended with info does nothing more. */
#ifndef OSTRAKA_CLI_BENCH_HISTORY_H
#define OSTRAKA_CLI_BENCH_HISTORY_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/bytes.h"

struct bench_history {
    pthread_mutex_t mutex;
    FILE *file; /* NULL: nothing is written; numbers are given all the same */
    uint64_t start_ns, line_count;
};

/* path NULL: none. False, with a message on stderr: it cannot be made. */
bool bench_history_open(struct bench_history *h, const char *path);
/* Any thread. value: the JSON text of the operations; error: "" or a SQLSTATE or a word. Gives the time it wrote, in
 * ns since the start. */
uint64_t bench_history_write(struct bench_history *h, const char *type, uint64_t process, struct bytes value,
                             const char *error);
/* False, with a message: not everything is in the file. */
bool bench_history_close(struct bench_history *h);

#endif
