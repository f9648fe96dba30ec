/* A range as its leader serves it (range.c): readiness, floor, writes in flight, and the requests (struct range_op) that go through
 * it. What each kind of them does: leader.h, lock.h, two_phase_leader.h. */
#ifndef OSTRAKA_TXN_RANGE_H
#define OSTRAKA_TXN_RANGE_H

#include "txn/lock_table.h"
#include "txn/outcome.h"
#include "txn/span.h"
#include "txn/txn_int.h"

struct record;
struct push;
struct load;

enum range_op_kind { RANGE_OP_READ, RANGE_OP_COMMIT, RANGE_OP_LOCK, RANGE_OP_OUTCOME, RANGE_OP_REFRESH,
                     RANGE_OP_LEASE, RANGE_OP_PREPARE, RANGE_OP_DECIDE, RANGE_OP_RESOLVE, RANGE_OP_PROMISE,
                     RANGE_OP_STAGED };

/* How far the evaluation of an op has come: it goes on behind every wait, as long as the term lasts. */
struct range_progress {
    bool begun;
    uint64_t term;
    uint32_t done;            /* READ: operations; COMMIT: spans */
    struct lsm_iter *scan;    /* the scan it stands in, or NULL */
    uint32_t rows, looked, asides; /* READ: of that scan; asides: passed over since the last row */
    bool overtaken;           /* COMMIT: something in its spans was proposed meanwhile */
};

/* A request at the leader. */
struct range_op {
    struct list link;        /* range.ops */
    struct list blocked_link; /* in the `blocked` list of the op it waits for */
    struct list blocked;
    struct range *range;
    enum range_op_kind kind;
    enum {
        OP_CLOCK, OP_LEADERSHIP, OP_EVALUATE, OP_BLOCKED, OP_LOADING, OP_COMMITTING, OP_GATE, OP_LOCKING, OP_HELD,
        OP_LEASED, OP_PREPARED, OP_RESOLVING, OP_LATER
    } state;
    struct rpc_token token;
    uint64_t ts;             /* READ, REFRESH: its timestamp; COMMIT: ct0 */
    uint64_t owner_epoch;    /* of the range when it was evaluated last */
    uint64_t ct;             /* COMMIT: once proposed; READ: newest version shown */
    struct clock_wait clock;
    struct read_wait leadership;
    struct lsm_waiter block;
    struct range_progress at;
    struct proposal proposal;
    bool applied, past;      /* COMMIT: both are needed to answer */
    bool gated;              /* PREPARE: so they are for this one */
    struct bytes body;       /* own copy, behind the struct */
    /* COMMIT, OUTCOME */
    uint64_t tag;            /* of the transaction's id */
    uint64_t ct_max;         /* above it the commit is refused */
    /* COMMIT, decoded */
    uint64_t read_ts;
    struct span *spans;
    struct write *writes;
    uint32_t span_count, write_count;
    bool writes_ascend;      /* by key, as gateways send them: they are looked up by halving */
    struct bytes writes_encoded;
    struct span *foreign;    /* what it has read in other ranges */
    uint32_t foreign_count;
    struct hold *held;       /* the leaders of those are asked; the ct is picked, nothing is proposed */
    uint64_t epoch;          /* of the range when it came */
    /* PREPARE: stays as long as the intents are there. DECIDE, RESOLVE, STAGED, REFRESH of one that is prepared */
    struct attempt attempt;
    struct list attempt_link; /* attempts.c; */
    bool listed;             /* it is there */
    bool attempt_first;      /* and the one that the map has */
    struct bytes anchor;
    struct bytes staged;     /* PREPARE, with the anchor's intent: the other keys (staged.c); empty: it is not staged */
    struct recovery *recovery; /* PREPARE: and somebody finds out whether it is committed */
    uint8_t *cut_writes;     /* PREPARE: what writes_encoded is a view of, after a split */
    struct push *push;       /* PREPARE: somebody asks what becomes of it */
    struct known_question *question; /* PREPARE: the leader of the anchor is asked whether it is known */
    bool questioned;         /* and was answered */
    bool asked;              /* PREPARE: somebody in another range waits to know, or was sent away because of it */
    uint64_t prepared_ns;
    const struct range_op *decided_with; /* PREPARE: the DECIDE or RESOLVE whose entry carries out what it says for this one; only compared */
    uint64_t decided_ct;     /* DECIDE, PREPARE: 0: aborted */
    bool known;              /* DECIDE, PREPARE: that stands, whatever becomes of the entry which says so here */
    uint8_t what;            /* DECIDE: enum decide_what */
    bool confirmed;          /* its leadership was, in this very step */
    bool wanted;             /* DECIDE: others may wait for it, also in other ranges */
    bool held_back;          /* DECIDE, RESOLVE: it has waited for company (later.c) */
    struct bytes participants; /* DECIDE: as they travel */
    struct resolve_item *items; /* RESOLVE */
    uint32_t item_count;
    bool waits_for_lease;    /* it changes what leases promise not to change (catalog_lease.c) */
    struct buf reply;        /* READ, LOCK */
    /* LOCK, and COMMIT where locks stand in its way */
    struct txn_name name;    /* COMMIT: number 0 when the transaction has locked nothing */
    uint64_t begin_ts;
    uint8_t lock_mode, lock_wait;
    struct lock_request request;
    struct lock_key *keys;
    uint32_t key_count, keys_done;
    uint64_t lock_deadline_ns; /* 0: none */
    uint64_t queued_ns;      /* it waits for a lock since; 0: it does not */
    struct timer lock_timer;
    bool overlay;            /* LOCK: what is in flight is shown, too */
    bool pending;            /* LOCK: and was */
    bool outdated;           /* LOCK: its timestamp lies before that of what it waits for: it takes another one */
    uint64_t pending_leader; /* COMMIT: leader_mark of the one that showed it; 0: nothing was */
    bool detached;           /* answered already; it keeps its place for the next request */
    bool foreseen;           /* READ: it shows what is of intents that are there still */
    bool at_replica;         /* READ: of the past, whoever leads (replica_read.c); epoch, confirmed: no intent is in the way */
    uint32_t spans_done, waits; /* of these, when intents were looked for */
    uint8_t reply_room[256]; /* last: it is not zeroed */
};

struct lock_key {
    struct bytes key;
    bool passed_over;
    bool foreseen;           /* what is shown of it is of intents that are there still */
};

/* Versions that no read at or above `applied` can see may be gone (gc.c). */
struct safe_point {
    uint64_t applied;        /* of the state machine: from the log, or from a snapshot */
    bool raising;            /* leader: `proposal` is on its way */
    struct proposal proposal;
};

/* What is to be locked when the range is served in that term, as lock_handed.c has it. */
struct locks_handed {
    struct buf records; /* empty: nothing */
    uint64_t term, until_ns;
    uint64_t asked_soon_until_ns; /* they were taken over; and whether their owners live */
};

struct range {
    struct list link;
    struct kv *kv;
    struct replica *replica;
    bool ready;              /* leader of this term, floor taken */
    bool preparing;
    uint64_t term;           /* of `ready` or `preparing` */
    uint64_t floor;          /* no commit at or below (A3) */
    uint64_t high;           /* highest ct proposed or applied */
    uint64_t asides_end;     /* when the last of what stands beside rows ends, of all that was applied since the replica was opened */
    uint64_t system_high;    /* leader: no key below KEY_PREFIX_TABLE has a version above, nor will without raising it */
    /* Leader: no record of a table (catalog_lease.c) has a version above record_high, nor gets one at or below `leased`. */
    uint64_t record_high, leased;
    uint32_t lease_waits;    /* commits that wait for `leased`: it does not rise meanwhile */
    struct safe_point safe;
    /* Witnesses, which no rule rests on: the floor that the term began with, and the highest ts at which a read was
     * answered. Whoever sees all leaders can tell whether A3 held. */
    uint64_t first_floor, answered;
    struct latch *latch;     /* leader: a split is proposed (divide.c); else NULL */
    uint64_t floor_least;    /* right side of a split: what the left one's leader had reached */
    uint64_t closed_ns;      /* right side, at the node that led the left one: since when nothing is served; 0: it is */
    struct clock_wait clock; /* for the floor */
    struct list ops, waiting; /* all; those that wait for `ready` (blocked_link) */
    struct map in_flight;    /* key hash -> the newest op whose write is proposed and not applied */
    uint32_t in_flight_count; /* writes */
    uint32_t validating;     /* commits with progress: told of every proposal */
    struct lock_table locks;
    struct locks_handed handed; /* by who led before */
    bool handing_over;       /* leader: another was told what is locked, perhaps to no avail (locks_handing_over) */
    struct outcomes outcomes;
    /* Commits over several ranges. may_hold: of the state machine: there may be intents or records in the engine. */
    bool may_hold;
    struct map attempts;     /* leader: tag -> the first of its requests (attempts.c) */
    uint32_t prepared_count, prepared_records; /* leader: ops of RANGE_OP_PREPARE in flight; those that change what leases speak of */
    struct map records;      /* leader: tag -> struct record */
    uint64_t records_sent;   /* the newest attempt.sent among them, or above: ten seconds of commits are a map that is in no cache */
    struct list record_list, settled, forgotten; /* to be carried out; until nobody asks; those that `forgetting` speaks of */
    struct list refusals;    /* leader: struct record, of single keys (staged.c); mostly none */
    /* Of the state machine: a split has taken away what may be decided elsewhere; those that were begun here at or below. */
    uint64_t divided;
    struct load *load;       /* they are being read back */
    bool joining;            /* leader as before, and not ready: what a range that it took in holds is being read back */
    struct proposal forgetting; /* on its way: `forgets` */
    bool forgets;
    uint64_t quiet_since_ns; /* nothing is held; 0: something is, or nobody has looked */
    struct list two_phase;   /* kv.two_phase, while there is something to look after */
    struct promise *promise; /* of its leader, for reads of the past here; NULL: nobody reads here */
};

/* Those that wait for the range to be ready, or not to be frozen. */
void range_run_waiting(struct range *g);
void *range_open(void *ctx, struct replica *r);
void range_close(void *state);
void range_role_changed(void *state);
void range_installed(void *state);
/* Checks range id, epoch and leadership; answers by itself when they do not fit. */
struct range *range_admit(struct kv *kv, struct rpc_token token, uint64_t range_id, uint64_t epoch);
struct range_op *range_op_create(struct range *g, enum range_op_kind kind, struct rpc_token token,
                                 struct bytes body);
/* A request that begins with range and epoch (GATEWAY_HEAD_BYTES): checked, and made an op. decode reads what stands behind
 * them; false: STATUS_INVALID. NULL: it was answered. */
struct range_op *range_op_open(struct kv *kv, enum range_op_kind kind, struct rpc_token token, struct bytes body,
                               bool (*decode)(struct range_op *op, struct reader *in));
void range_op_reply(struct range_op *op, enum status status, struct bytes body); /* and frees */
/* What was read at op->ts, to its client. */
void range_op_answer(struct range_op *op);
/* Tells the witness, if there is one. */
void range_op_served(const struct range_op *op, uint64_t ts, bool wrote, const struct span *span);
void range_op_free(struct range_op *op);
/* Parks the op until the range is ready; false when it is already. */
bool range_op_wait_ready(struct range_op *op);
/* How each look at the data begins, also after every wait: false when the op was parked, or answered because the replica
 * does not lead any more. */
bool range_op_may_evaluate(struct range_op *op);
/* R2: confirms leadership, after the op has its timestamp; then runs it in OP_EVALUATE, or answers that it does not lead. */
void range_op_confirm(struct range_op *op);
void range_op_run(struct range_op *op); /* next step of its kind */
void range_scan_end(struct range_op *op);
/* Begins, or goes on. Progress of another term is dropped: what it rests on (the floor, and that proposals
 * were seen) has not outlived it. */
void range_progress_begin(struct range_op *op);
void range_progress_end(struct range_op *op);
/* True: known, without a look at the data, that nothing in the span has a version above ts. */
bool range_unchanged_since(const struct range *g, const struct span *span, uint64_t ts);
void range_note_write(struct range *g, struct bytes key, uint64_t ct);
/* Its writes are there for whoever comes later: proposed and not applied, or held. */
bool range_op_in_flight(const struct range_op *op);
/* The newest write in flight that a key or span meets (of a span: any) with above < ct <= ts; NULL: none. */
struct range_op *range_in_flight(struct range *g, const struct span *span, uint64_t above, uint64_t ts);
/* The write of exactly this key that op has in flight, or NULL. */
const struct write *range_op_write(const struct range_op *op, struct bytes key);
/* May op be proposed while `other` is in flight on one of its keys? */
bool range_op_pipelines(const struct range_op *op, const struct range_op *other);
/* Those of other attempts only. tag 0: any. */
struct range_op *range_in_flight_of_others(struct range *g, const struct span *span, uint64_t above, uint64_t ts, uint64_t tag);
void range_block(struct range_op *op, struct range_op *on);
/* The floor is taken, and what was prepared is known: requests are served from here on. */
void range_become_ready(struct range *g, uint64_t now_ts);
void range_unblock_all(struct range_op *op);
/* Only those that have a lock, and read under it. */
void range_unblock_known(struct range_op *op);
MUST_USE enum status range_in_flight_add(struct range_op *op);
void range_in_flight_remove(struct range_op *op);

#endif
