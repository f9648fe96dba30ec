/* The shared half of the load generators: one thread, one epoll, N connections, each keeping a
 * fixed number of requests in flight (a closed loop: a new request starts when one is answered).
 * What is measured is the same for every system; a generator adds only its protocol.
 *
 * Throughput, latency and CPU time all cover one window: it opens after the warm-up and closes
 * after the given seconds. Requests still in flight then are awaited and not counted. */
#ifndef OSTRAKA_BENCH_LOAD_H
#define OSTRAKA_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/histogram.h"
#include "base/prng.h"
#include "io/env.h"

#define LOAD_CONNECTIONS_MAX 4096
#define LOAD_PIPELINE_MAX    1024
#define LOAD_VALUE_BYTES_MAX (64u << 10)
#define LOAD_PIDS_MAX        16
#define LOAD_ADDRESSES_MAX   16

struct load_options {
    const char *workload;
    struct env_addr addresses[LOAD_ADDRESSES_MAX]; /* connections go to them in turn */
    uint64_t address_count;
    uint64_t connections, pipeline, seconds, warmup_ms, keys, value_bytes;
    uint64_t rate; /* requests a second over all connections, as far as they are free; 0: as fast as answers come */
    uint64_t patience_ms; /* a connection that has started nothing for so long starts one more; 0: never */
    pid_t pids[LOAD_PIDS_MAX]; /* the servers, for CPU accounting */
    uint64_t pid_count;
    bool header; /* print the column names first */
    bool arrivals; /* three columns more: until the answer had come to this machine */
    bool prepared;         /* sql_bench: statements are parsed once per connection */
    const char *first;     /* sql_bench: "key" or "set": a SET is sent in front of each request; NULL: none */
    const char *statement; /* sql_bench: how a row is written; NULL: not said */
};

struct load;

struct load_conn {
    struct load *load;
    void *state;        /* the protocol's */
    struct buf in, out; /* received and not parsed yet; not sent yet */
    int fd;
    uint64_t inflight, started_ns; /* requests; when the last one started */
    uint64_t arrived_ns;           /* when the kernel had what was received last */
    bool ready; /* greeted: requests may start */
};

/* A wire protocol and a workload. All four return false for a connection that is beyond use, which
 * ends the run as failed. */
struct load_protocol {
    bool (*open)(struct load_conn *c); /* make the state, append the greeting to c->out */
    /* Append request number `number` (from 0, over all connections) to c->out. started_ns comes
     * back in load_answered. */
    bool (*request)(struct load_conn *c, uint64_t number, uint64_t started_ns);
    /* Parse and consume c->in; call load_greeted once, and load_answered per answer. */
    bool (*received)(struct load_conn *c);
    void (*close)(struct load_conn *c);
    void *ctx; /* the generator's */
};

struct load_result {
    struct histogram latency_ns, arrival_ns; /* until the answer was parsed; until this machine's kernel had it */
    uint64_t ops, errors, elapsed_ns, server_cpu_ns, client_cpu_ns;
    uint64_t answered_ns, gap_ns; /* the last right answer; the longest time without one */
    bool server_cpu_known;
};

struct load {
    const struct load_options *options;
    const struct load_protocol *protocol;
    struct load_conn *conns;
    int epoll;
    uint64_t next_number, number_max, open_count, opened_ns;
    struct prng prng;
    bool measuring, stopping;
    struct load_result *result;
    char *text; /* what values are cut from */
};

/* The generators' command line: WORKLOAD and flags. Answers false after saying what is wrong. */
MUST_USE bool load_options_parse(int argc, char **argv, struct load_options *options_out);

/* Runs one workload: for the options' seconds or, when request_max is not 0, until so many requests
 * were made. False when a connection could not be made or broke; the reason is on stderr. */
MUST_USE bool load_run(const struct load_options *options, const struct load_protocol *protocol,
                       uint64_t request_max, struct load_result *result_out);

/* For protocols. */
void load_greeted(struct load_conn *c);
void load_answered(struct load_conn *c, uint64_t started_ns, bool ok);
/* A key number from 1 to keys, uniformly. */
uint64_t load_key(struct load *l);
/* options->value_bytes of letters and digits, other ones each time; borrowed. */
struct bytes load_value(struct load *l);

uint64_t load_now_ns(void);
/* User and system time of a process, all its threads. False when it is gone. */
MUST_USE bool load_process_cpu_ns(pid_t pid, uint64_t *ns_out);
uint64_t load_own_cpu_ns(void);

/* The table. A row is one line of fields separated by blanks, in the order of the header. */
void load_print_header(const struct load_options *options);
void load_print_row(const struct load_options *options, const char *op, const struct load_result *result);

#endif
