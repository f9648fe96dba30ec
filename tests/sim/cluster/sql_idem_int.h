/* Shared by sql_idem.c, which sends jobs, and sql_idem_check.c, which judges what came of them. */
#ifndef OSTRAKA_TESTS_SIM_CLUSTER_SQL_IDEM_INT_H
#define OSTRAKA_TESTS_SIM_CLUSTER_SQL_IDEM_INT_H

#include "base/assert.h"
#include "tests/sim/cluster/sql_client.h"
#include "tests/sim/cluster/sql_idem.h"

#define IDEM_JOBS_MAX 1200
#define IDEM_PLAIN_MAX 1500
#define IDEM_COUNTERS_MAX 8

enum idem_form {
    IDEM_ALONE,  /* the session's key, one statement */
    IDEM_STEPS,  /* BEGIN, SET LOCAL, statements one by one, COMMIT */
    IDEM_SCRIPT, /* all of that in one query */
    IDEM_FORMS
};

struct idem_job {
    enum idem_form form;
    char key[64];
    char anchor[32]; /* the row that it belongs to; "": none */
    bool outlived;   /* its anchor is in a table that is truncated now and then: old keys are refused */
    uint32_t counter;
    bool answered, expired;
    uint64_t made_ms; /* by the clock of the cluster */
    int64_t answer; /* what the counter was raised to */
};

/* A row that a transaction without a key inserts. */
enum idem_fate { IDEM_NOT_SENT, IDEM_MAYBE, IDEM_THERE, IDEM_ABSENT };

struct idem_actor {
    struct sql_idem *load;
    struct sql_client *client;
    uint64_t machine;
    enum { IDEM_THINKS, IDEM_CONNECTS, IDEM_SETS, IDEM_PREPARES, IDEM_WORKS, IDEM_PLAIN, IDEM_TRUNCATES, IDEM_ASKS,
           IDEM_READS, IDEM_GONE } phase;
    struct idem_job *job;  /* NULL: none is under way */
    bool probes;           /* other statements under the key: must be refused */
    bool repeats;          /* the job was answered before */
    bool truncates;        /* no job: the table of anchors */
    uint32_t step;
    int64_t got;
    uint32_t plain, asks;  /* plain 0: none */
    char id[33];           /* to be asked for */
};

struct sql_idem {
    struct cluster *cluster;
    struct sql_idem_options options;
    struct idem_actor *actors;
    struct idem_job jobs[IDEM_JOBS_MAX];
    uint32_t job_count, plain_count;
    enum idem_fate plain[IDEM_PLAIN_MAX + 1];
    struct sql_idem_counts counts;
    uint32_t gone, step, truncates_left;
    bool preparing, prepared, stopping, calm;
    /* what the rows were in the end */
    bool read_all;
    int64_t counters[IDEM_COUNTERS_MAX + 1];
    uint32_t marks[IDEM_JOBS_MAX + 1];
    bool there[IDEM_PLAIN_MAX + 1];
    char failure[256];
};

__attribute__((format(printf, 2, 3))) void idem_complain(struct sql_idem *l, const char *format, ...);
/* Query number `step` of the last look, or NULL; and what it answered. */
const char *idem_read_text(uint32_t step);
void idem_read_took(struct sql_idem *l, uint32_t step, const struct sql_rows *rows);

#endif
