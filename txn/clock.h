/* Timestamps. The clock master is the leader of the metadata range. M(t), its clock, is its monotonic clock plus a constant
 * of its epoch; it never goes back, across masters and restarts (I2). Two sources tell the other nodes about it
 * (README.md, The clock):
 *   ORACLE    every reading is a request to the master, one batch under way per node.
 *   INTERVAL  every node knows at any instant two bounds of M, from samples; no reading costs a request.
 *
 *   clock.c           what others call                 clock_oracle.c    the first source
 *   clock_master.c    the master                       clock_interval.c  the second one, on clock_bounds.c (pure)
 *   clock_fence.c     how a new master ends the time of the one before it */
#ifndef OSTRAKA_TXN_CLOCK_H
#define OSTRAKA_TXN_CLOCK_H

#include "shard/shard.h"
#include "txn/clock_bounds.h"
#include "txn/txn.h"

struct kv;

enum clock_want {
    CLOCK_WANT_READING = 1, /* a reading above `past` */
    CLOCK_WANT_PAST = 2,    /* M is past `past` */
    CLOCK_WANT_FLOOR = 3,   /* at or above everything that was given as a reading so far */
};

/* Waits for a timestamp. on_done gets STATUS_OK and what it wants, as of after the wait began, or STATUS_UNAVAILABLE /
 * STATUS_CANCELLED. Never called from inside. */
struct clock_wait {
    struct list link;
    enum clock_want want;
    uint64_t past;
    uint64_t deadline_ns;
    void (*on_done)(struct clock_wait *w, enum status status, uint64_t ts);
    void *ctx;
};

/* INTERVAL: readings grow on without the master on other nodes, up to this, and stay below the limit. */
#define CLOCK_ISSUED_AHEAD_NS (clock_rate_up(CLOCK_SAMPLE_NS) + 2 * CLOCK_WIDTH_NS_MAX)

struct clock_fence_call;

/* Every node is asked to forget what it knows of earlier epochs (clock_fence.c). */
struct clock_fence {
    bool under_way;
    uint64_t epoch, until_ns, removed_until_ns;
    uint64_t reached, reached_ns; /* M of the epochs before is below this, at that time of ours; 0: nobody knows */
    struct clock_fence_call *calls;
    uint32_t call_count;
    struct timer timer;
};

struct clock_master {
    bool ready;            /* base and limit are of this term */
    uint64_t term;         /* the epoch of what is issued */
    uint64_t base, base_ns; /* M at base_ns; it goes on from there (master_reading) */
    uint64_t last;         /* never issued again, nor less */
    bool raising, reading;
    uint64_t told_ns;      /* when it was logged last that somebody has another source */
    struct proposal raise;
    struct read_wait read;
    struct clock_fence fence;
    struct list queue, batch; /* struct clock_request: waiting, and covered by the read under way */
};

struct clock {
    struct kv *kv;
    enum kv_clock_source source; /* [const after attach] */
    bool differs;           /* the master that answered last has another source */
    uint64_t seen, seen_ns; /* M is at least here; since then, by our clock, we know */
    uint64_t unanswered_since_ns; /* somebody waits and nothing came since then; 0: no */
    struct list waiting, asked;
    struct rpc_call call;   /* ORACLE: for a reading; INTERVAL: for a sample */
    bool asking;
    uint64_t asked_ns;
    struct clock_bounds bounds; /* INTERVAL */
    struct rpc_stamp stamp;     /* each message says how late it is at least */
    struct timer tick;
    struct timer retry, idle;
    struct clock_wait idle_wait;
    struct clock_master master;
};

void clock_init(struct clock *c, struct kv *kv);
void clock_attach(struct clock *c);
void clock_stop(struct clock *c);

/* A reading: above everything that was acknowledged, anywhere, before the wait began. It may be given to others as a
 * timestamp to read at, and is at least what a commit's timestamp may be.
 *
 * after  a reading of another node that it must exceed; 0: none. */
void clock_now(struct clock *c, struct clock_wait *w, uint64_t after, uint64_t timeout_ns);
/* The same, and above a timestamp that need not be a reading. */
void clock_now_above(struct clock *c, struct clock_wait *w, uint64_t above, uint64_t after, uint64_t timeout_ns);
/* A3: at or above every reading that any leader has relied on so far. */
void clock_floor(struct clock *c, struct clock_wait *w, uint64_t timeout_ns);
/* A2: may this leader rely on ts, a reading of another node? */
bool clock_has_reached_reading(const struct clock *c, uint64_t ts);
/* The same of any timestamp; else waits for a reading that is at or above it. */
bool clock_has_reached(const struct clock *c, uint64_t ts);
void clock_wait_reached(struct clock *c, struct clock_wait *w, uint64_t ts, uint64_t timeout_ns);
/* A1: M is known to be past ts; else waits until it is. */
bool clock_is_past(const struct clock *c, uint64_t ts);
void clock_wait_past(struct clock *c, struct clock_wait *w, uint64_t ts, uint64_t timeout_ns);
void clock_cancel(struct clock_wait *w);
/* M is at least here; 0: nothing is known yet. */
uint64_t clock_seen(const struct clock *c);
/* About where M is: what was known last, and what has passed since. Nothing may rest on it. */
uint64_t clock_estimate(const struct clock *c);
/* Could anybody have had it from this cluster's clock? What is a day ahead of it is not believed: a range that had read or committed
 * there would be of no use to anybody before. */
#define CLOCK_AHEAD_NS_MAX 86400000000000u
bool clock_may_be(const struct clock *c, uint64_t ts);
/* Of a reading of this node: so much of it has passed for certain. */
uint64_t clock_passed(const struct clock *c, uint64_t reading);
/* Asks for a reading on nobody's behalf, if that is not under way. */
void clock_ask_soon(struct clock *c);
/* The metadata range's replica changed role. */
void clock_role_changed(struct clock *c);

/* ---- inside ---- */

struct env *clock_env(const struct clock *c);
const char *clock_source_name(enum kv_clock_source source);
/* What the master said to a request for a reading or a sample: notes whether it has another source, and logs when that changes. */
void clock_master_said(struct clock *c, struct node_id master, enum status status, struct bytes body);
/* M is at least at ts. */
void clock_note_seen(struct clock *c, uint64_t ts);
void clock_wait_end(struct clock_wait *w, enum status status, uint64_t ts);
/* Those whose time is up learn it, the others stay. */
void clock_waits_expire(struct clock *c, struct list *waits);

void clock_oracle_attach(struct clock *c);
void clock_oracle_stop(struct clock *c);
void clock_oracle_wait(struct clock *c, struct clock_wait *w);

void clock_interval_attach(struct clock *c);
void clock_interval_stop(struct clock *c);
void clock_interval_wait(struct clock *c, struct clock_wait *w);
/* low <= M < high. False: nothing is known that may be relied upon. */
bool clock_interval_at(const struct clock *c, uint64_t *low_out, uint64_t *high_out);

/* Then clock_master_fenced. */
void clock_fence_begin(struct clock *c, uint64_t epoch);
void clock_fence_end(struct clock *c);
void clock_fence_attach(struct clock *c);
/* Nobody believes readings of earlier epochs any more. reached: above all of them, as of now; 0: not known. */
void clock_master_fenced(struct clock *c, uint64_t reached);

void clock_master_init(struct clock *c);
void clock_master_attach(struct clock *c);
void clock_master_stop(struct clock *c);
void clock_master_work(struct clock *c);

#endif
