/* Clients that insert rows while a test does its worst, and remember what each of them was told. */
#ifndef OSTRAKA_TESTS_PROCESS_LOAD_H
#define OSTRAKA_TESTS_PROCESS_LOAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/process/client.h"
#include "tests/process/cluster.h"

#define LOAD_WORKERS 4
#define LOAD_ROWS_MAX \
    1000000 /* per worker; row `sequence` of worker w has the key w * LOAD_ROWS_MAX + sequence */

struct load_worker {
    struct load *load;
    int index;
    pthread_t thread;
    uint8_t *ends; /* enum client_end of each row tried */
    atomic_int tried;
    uint64_t counts[5]; /* by enum client_end */
    char refusal[6];    /* SQLSTATE of the last refusal */
    char trouble[300];  /* "" or what no test may see: an answer that did not come */
};

struct load {
    const struct cluster *cluster;
    atomic_bool stop;
    atomic_uint_least64_t acknowledged;
    atomic_uint_least64_t mark_ns;      /* 0, or the moment from which on ... */
    atomic_uint_least64_t recovered_ns; /* ... the first statement begun later was acknowledged */
    struct load_worker workers[LOAD_WORKERS];
};

/* Creates the table and starts the workers, each on its own connection. l is static: when a test
 * fails, its workers go on until the next load starts or the program ends. */
void load_start(struct load *l, const struct cluster *c);
/* From now on load_wait_writes measures. */
void load_mark(struct load *l);
/* Waits for the acknowledgement of an insert that began after load_mark; the milliseconds in
 * between. */
double load_wait_writes(struct load *l);
/* Waits until count more rows are acknowledged. */
void load_wait_rows(struct load *l, uint64_t count);
void load_stop(struct load *l);
/* Reads the table through a node: each acknowledged row is there once and as written, no refused
 * row and no row that was never tried is. */
void load_verify(struct load *l, int node);
void load_free(struct load *l);

#endif
