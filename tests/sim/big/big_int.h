/* What the files of the large cluster share. */
#ifndef OSTRAKA_TESTS_SIM_BIG_BIG_INT_H
#define OSTRAKA_TESTS_SIM_BIG_BIG_INT_H

#include "node/core.h"
#include "shard/admin.h"
#include "shard/meta_int.h"
#include "shard/rpc.h"
#include "shard/shard_int.h"
#include "tests/sim/big/big.h"
#include "tests/sim/env/sim.h"

#define BIG_RANGES_MAX 16384 /* ids */
#define BIG_PEER_PORT  7433
#define BIG_SAMPLE_NS  (50 * SIM_MS)

/* Sums over machines, or of one. */
struct big_tally {
    uint64_t messages[SHARD_MESSAGE_KIND_COUNT], message_bytes[SHARD_MESSAGE_KIND_COUNT];
    uint64_t requests[RPC_KIND_COUNT], request_bytes[RPC_KIND_COUNT];
    uint64_t liveness_out, syncs, snapshots, elections, busy_ns;
};

struct big_machine {
    struct big *big;
    uint64_t number;
    struct env *env; /* NULL: down */
    struct core *core;
    struct logger logger;
    char locality[32];
    bool ended;
    uint64_t charged_messages, charged_bytes; /* of the environment's life */
    uint64_t busy_ns;
};

/* A fiber that splits some of the ranges. */
struct big_splitter {
    struct big *big;
    uint64_t next, step;
    bool done;
};
#define BIG_SPLITTERS 8

/* A question to the metadata range about a node. */
struct big_question {
    struct admin_call call;
    struct rpc_call setting;
    bool done;
    enum status status;
};

/* A range, as far as the watch has seen. */
struct big_range {
    uint64_t term, leader; /* the machine that served last */
    uint64_t led_ns;       /* when; 0: never */
};

/* What a phase costs. */
struct big_phase {
    const char *name;
    uint64_t began_ns, ended_ns, done_ns; /* done: what the phase is about; ended: and it is quiet again */
    struct big_tally all, meta;           /* meta: of whoever led the metadata range at the time */
    uint64_t meta_entries;
    uint64_t gap_ns, gap_range; /* the longest that a range had no leader */
    uint64_t answered, refused, unknown, longest_ns; /* operations of clients */
    uint32_t nodes, ranges;
    uint32_t replicas_min, replicas_max, leaders_min, leaders_max; /* of nodes that are up, at the end */
    double busiest; /* share of its CPU that the busiest machine used */
    uint64_t busiest_machine;
};

struct big {
    struct big_options options;
    struct sim *sim;
    struct big_machine machines[BIG_NODES_MAX + 1];
    uint32_t machine_count; /* that exist, up or down */
    char seeds[256];
    struct big_range ranges[BIG_RANGES_MAX];
    uint64_t range_max;
    struct big_tally gone; /* of processes that are over */
    uint64_t lost_ns;      /* when a machine went down last */
    struct big_phase phase;
    struct big_tally phase_start, meta_seen;
    uint64_t busy_start[BIG_NODES_MAX + 1];
    uint64_t meta_machine, meta_index; /* as the watch saw them last */
    struct big_load *load;
    struct big_splitter splitters[BIG_SPLITTERS];
    struct big_question question;
    char failure[256];
};

void big_fail(struct big *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline bool big_failed(const struct big *b)
{
    return b->failure[0] != '\0';
}

/* ---- big.c ---- */
struct big *big_create(const struct big_options *options);
void big_destroy(struct big *b);
/* All nodes have joined, and every range has its voters. */
void big_form(struct big *b);
void big_set(struct big *b, enum cluster_setting setting, uint64_t value);

/* ---- big_machine.c ---- */
void big_machines_init(struct big *b);
void big_start(struct big *b, uint64_t number);
void big_lose(struct big *b, uint64_t number); /* its power fails */
void big_machines_end(struct big *b);
/* Stores that run; NULL: down, or still starting. */
struct store *big_store(struct big *b, uint64_t number);
/* Lets a machine look at what it was given from outside. */
void big_poke(struct big *b, uint64_t number);
uint64_t big_node(struct big *b, uint64_t number); /* id; 0: none yet */
/* Runs for a while under the watch, or until it holds (false: the time is over, or something failed). */
void big_run_for(struct big *b, uint64_t duration_ns);
bool big_run_until(struct big *b, bool (*holds)(struct big *b, void *ctx), void *ctx, uint64_t timeout_ns);

/* ---- big_watch.c ---- */
void big_watch(struct big *b);
void big_tally_add(struct big_tally *t, struct big_machine *m);
void big_tally_subtract(struct big_tally *t, const struct big_tally *before);
void big_phase_begin(struct big *b, const char *name);
void big_phase_end(struct big *b);
/* The metadata as its leader has it; NULL: nobody leads it. */
struct meta_state *big_meta(struct big *b);

/* ---- big_report.c ---- */
void big_report_head(struct big *b);
void big_report_phase(struct big *b);

/* ---- big_check.c ---- */
/* NULL, or what is not (yet) as it shall be: every range has its three voters on live nodes that stay, on three racks,
 * a leader that says what the metadata range says, and no job is left. */
const char *big_misplaced(struct big *b);
/* And: no replica is left that is not a member. */
const char *big_orphaned(struct big *b);

/* ---- big_load.c ---- */
struct big_load *big_load_create(struct big *b, uint32_t client_count);
void big_load_stop(struct big_load *l);
bool big_load_idle(const struct big_load *l);
/* False: something acknowledged is lost, or nobody answers. */
bool big_load_check(struct big_load *l);
void big_load_destroy(struct big_load *l);
/* Where the data ranges begin: key i of count, evenly over the clients' keys. */
void big_key(uint64_t at, uint64_t count, uint8_t key[9]);

#endif
