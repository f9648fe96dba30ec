/* Private structs of txn/.
 *   clock*.c   timestamps from the clock master, and the master itself (clock.h)
 *   range.c    a range as its leader serves it: readiness, floor, writes in flight
 *   read.c     reads at the leader (R1-R4)        commit.c  one-phase commit at the leader (T1)
 *   command.c  what stands in the log             gateway.c requests to leaders, retries
 *   spans.c    spans and the bounds of ranges
 *   refresh.c  what was read is unchanged at a later timestamp; refresh_ask.c asks the leaders of all of it
 *   hold.c     commits that have read in other ranges
 *   prepare.c  the first phase of commits that write to several ranges; intents at the leader
 *   attempts.c which requests belong to one attempt
 *   record.c   decisions at the leader of the anchor, and how long they are kept
 *   decide.c   the decision                       resolve.c intents become versions, or go
 *   resolver.c has decisions carried out where their intents are
 *   push.c     who waits for an intent finds out what becomes of it
 *   staged.c   commits that are acknowledged before their record is there: what the leaders know of them; recover.c finds out
 *   load.c     intents and records as a new leader reads them back
 *   catalog_lease.c    until when the catalog does not change
 *   gc.c       how long old versions are kept
 *   outcome.c  what became of a commit that was not answered; txn_outcome.c asks for it
 *   lock.c     locks at the leader (W2), on lock_table.c, which is pure; lock_handed.c: what becomes of them when a range changes hands (W4)
 *   divide.c   a range that is split
 *   promise.c  what replicas may serve of the past; replica_read.c serves it, txn_past.c asks for it
 *   deadlock.c circles of locks over several ranges
 *   inspect.c  what operators may see of transactions and locks
 *   handover.c leadership goes where the clock can be reached
 *   txn*.c     the transaction                    write_set.c  its buffered writes; spill.c: large values of them
 *   two_phase*.c  its commit when what it writes lies in several ranges */
#ifndef OSTRAKA_TXN_TXN_INT_H
#define OSTRAKA_TXN_TXN_INT_H

#include "base/assert.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/prng.h"
#include "txn/clock.h"
#include "txn/lock_table.h"
#include "txn/txn.h"

#define REQUEST_TIMEOUT_NS 3000000000u /* one attempt at one node */
#define NO_QUORUM_TIMEOUT_NS 5000000000u

/* ---- handover.c ---- */

struct handover {
    struct timer timer;
    uint64_t attempt; /* whose turn it is to be handed the leadership */
    uint64_t next_ns, pause_ns;
};
void handover_attach(struct handover *h, struct kv *kv);
void handover_stop(struct handover *h, struct kv *kv);

/* ---- range.c ---- */

enum range_op_kind { RANGE_OP_READ, RANGE_OP_COMMIT, RANGE_OP_LOCK, RANGE_OP_OUTCOME, RANGE_OP_REFRESH,
                     RANGE_OP_LEASE, RANGE_OP_PREPARE, RANGE_OP_DECIDE, RANGE_OP_RESOLVE, RANGE_OP_PROMISE,
                     RANGE_OP_STAGED };

/* One attempt of a transaction to commit: a reading that its gateway had seen when it began, and a random number
 * (outcome.c). tag 0: none. */
struct attempt {
    uint64_t sent, tag;
};
static inline bool attempt_equal(struct attempt a, struct attempt b)
{
    return a.sent == b.sent && a.tag == b.tag;
}
static inline bool attempt_is_older(struct attempt a, struct attempt b)
{
    return a.sent != b.sent ? a.sent < b.sent : a.tag < b.tag;
}

/* A span of keys: one key when point. */
struct span {
    struct bytes start, end;
    bool point;
};

struct write {
    struct bytes key, value;
    bool tombstone;
    bool insert;             /* refused when the key has a value (STATUS_EXISTS) */
    bool in_flight;          /* counted in range.in_flight; */
    union {
        struct {                    /* at the leader */
            uint64_t key_hash;
            struct range_op *older; /* what is in flight on the same key and was proposed before */
        };
        struct {                    /* in a write set, of one whose value has a size and no data (spill.c) */
            uint64_t spilled_at, spilled_hash;
        };
    };
};

/* Flags of a SCAN (read.c). */
#define READ_SCAN_REVERSE    1u
#define READ_SCAN_ROWS_ALONE 2u

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
    struct bytes anchor;
    struct bytes staged;     /* PREPARE, with the anchor's intent: the other keys (staged.c); empty: it is not staged */
    struct recovery *recovery; /* PREPARE: and somebody finds out whether it is committed */
    uint8_t *cut_writes;     /* PREPARE: what writes_encoded is a view of, after a split */
    struct push *push;       /* PREPARE: somebody asks what becomes of it */
    uint64_t prepared_ns;
    const struct range_op *decided_with; /* PREPARE: the DECIDE or RESOLVE whose entry carries out what it says for this one; only compared */
    uint64_t decided_ct;     /* DECIDE, PREPARE: 0: aborted */
    bool known;              /* DECIDE, PREPARE: that stands, whatever becomes of the entry which says so here */
    uint8_t what;            /* DECIDE: enum decide_what */
    bool confirmed;          /* its leadership was, in this very step */
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

/* The last commits that were applied (outcome.c): memory of this replica, a ring in chunks that are allocated when
 * they are needed: so many for one range, and for all ranges of a node together; beyond, a range keeps one. */
#define OUTCOME_CHUNKS 8192u
#define OUTCOME_CHUNK_ENTRIES 128u
#define OUTCOME_CHUNKS_OF_NODE 16384u /* 32 MiB */
struct outcomes {
    struct outcome_entry **chunks; /* chunk i at i mod capacity */
    uint32_t capacity;
    uint64_t begin, end;     /* numbers of the oldest entry, and of the next one */
    uint64_t floor;          /* commits at or below may be missing; counts while there is an entry */
    uint32_t *of_node;       /* chunks of all ranges; NULL: nobody counts */
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
bool span_contains(const struct span *span, struct bytes key);
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
void range_unblock_locks(struct range_op *op);
MUST_USE enum status range_in_flight_add(struct range_op *op);
void range_in_flight_remove(struct range_op *op);

/* Does the span hold keys from `key` on? */
bool span_reaches(const struct span *span, struct bytes key);

void read_run(struct range_op *op);
/* Does what the op reads? */
bool read_reaches(const struct range_op *op, struct bytes key);
/* What its operation number `place` reads; false: it has fewer. */
bool read_span(const struct range_op *op, uint32_t place, struct span *span_out);
bool read_well_formed(const struct descriptor *d, struct bytes body);
/* Evaluates the operations at op->ts, from where it stood. STATUS_WAIT: run it again later. */
enum status read_eval(struct range_op *op);
/* Tells the witness what the answer shows. */
void read_witness(const struct range_op *op);
void commit_run(struct range_op *op);
void read_serve(void *ctx, struct rpc_token token, struct bytes body);
void commit_serve(void *ctx, struct rpc_token token, struct bytes body);

/* ---- commit.c, for lock.c ---- */

/* STATUS_OK: nothing in op->spans has a version above op->read_ts. STATUS_WAIT: run it again later. */
enum status commit_validate(struct range_op *op);
bool commit_decode_spans(struct range_op *op, struct reader *in, const struct descriptor *d);
/* d NULL: they may lie anywhere. */
bool commit_decode_writes(struct range_op *op, struct reader *in, const struct descriptor *d);
uint64_t leader_mark(struct range_id range, uint64_t term);
/* What a held commit has read elsewhere is unchanged at its ct. */
void commit_go_on(struct range_op *op);

/* ---- spans.c: of spans, what lies in which range ---- */

/* The keys that a request names: the lowest; the highest single key; the highest end of a span. */
struct hull {
    struct bytes low, high, end;
    bool any, has_end;      /* an empty end: unbounded */
};
void hull_add(struct hull *h, const struct span *span);
/* All of it lies in that range. */
bool hull_fits(const struct hull *h, const struct route *route);

bool route_holds(const struct route *route, struct bytes key);
/* False: no part of the span lies in the range. The parts are views of the span and of the route. */
bool span_inside(const struct span *span, const struct route *route, struct span *inside_out);
uint32_t span_outside(const struct span *span, const struct route *route, struct span outside_out[2]);
/* Appends the parts that lie in the range, behind their number, which it returns. */
uint32_t spans_put_inside(struct buf *out, const struct span *spans, uint32_t count, const struct route *route,
                          struct hull *hull);

/* Spans with memory of their own. */
struct span_list {
    struct arena arena;
    struct span *spans;
    uint32_t count, capacity;
};
void span_list_init(struct span_list *l);
void span_list_deinit(struct span_list *l);
MUST_USE enum status span_list_add(struct span_list *l, const struct span *span);

/* ---- refresh.c, refresh_ask.c ---- */

struct gateway_interrupt;
struct refresh {
    struct kv *kv;
    uint64_t read_ts, ts;
    struct attempt attempt;             /* that has prepared what it writes; tag 0: of none */
    uint64_t deadline_ns, no_quorum_ns; /* as in struct gateway_request */
    struct gateway_interrupt *interrupt;
};
void refresh_attach(struct kv *kv);
void refresh_run(struct range_op *op);
/* [fiber] No version in the spans, wherever they lie, above read_ts and at or below ts, and there will be none.
 * STATUS_CONFLICT: there is. STATUS_SNAPSHOT_TOO_OLD; others as of gateway_call. */
MUST_USE enum status refresh_spans(const struct refresh *how, const struct span *spans, uint32_t count);

struct record;
struct push;
struct load;

/* ---- attempts.c ---- */

/* op->attempt is known: attempt_next finds it from here on, until it goes. STATUS_NO_MEMORY. */
MUST_USE enum status attempt_enter(struct range_op *op);
/* The op goes. */
void attempt_leave(struct range_op *op);
/* Of the requests of that attempt (PREPARE and DECIDE) the one that came behind `after` (NULL: the first); NULL: none. */
struct range_op *attempt_next(const struct range *g, struct attempt a, const struct range_op *after);

/* ---- prepare.c ---- */

/* A write in flight that stays: prepared, or about to be. */
static inline bool op_is_prepare(const struct range_op *op)
{
    return op->kind == RANGE_OP_PREPARE;
}
void prepare_attach(struct kv *kv);
/* True: nothing is left to evaluate: it was prepared before, or was refused; op may be gone. */
bool prepare_is_answered(struct range_op *op);
/* It meets `other` in flight: may it wait? A circle of those that wait never closes. */
bool prepare_may_wait(const struct range_op *op, const struct range_op *other);
void prepare_proposed(struct range_op *op);
void prepare_applied(struct range_op *op, enum status status);
/* It goes, and is prepared all the same: who was not answered asks again. */
void prepared_drop(struct range_op *op);
/* The clock is past its lb. */
void prepare_passed(struct range_op *op);
/* The op goes. */
void prepare_let_go(struct range_op *op);
/* The next intent of that attempt here, behind `after` (NULL: the first); NULL: none. Those that are only proposed count. */
struct range_op *prepared_next(const struct range *g, struct attempt a, const struct range_op *after);
/* As a new leader finds it in the engine. writes_encoded: count u32, writes (command.c). STATUS_NO_MEMORY. */
struct prepared_facts {
    struct attempt attempt;
    struct txn_name name;
    uint64_t lb;
    struct bytes anchor, staged;
};
MUST_USE enum status prepared_restore(struct range *g, const struct prepared_facts *facts, struct bytes writes_encoded);
/* What was said about it is applied. ct 0: dropped. op is gone. */
void prepared_end(struct range_op *op, uint64_t ct);
/* The range ends at key now. */
void prepared_cut(struct range *g, struct bytes key);
/* The range is looked after, until it holds nothing. */
void two_phase_note(struct range *g);
void two_phase_sweep_attach(struct kv *kv);
void two_phase_sweep_stop(struct kv *kv);

/* ---- resolve.c ---- */

void resolve_attach(struct kv *kv);
void resolve_run(struct range_op *op);
/* op is prepared: proposes what becomes of it, ct 0: it goes. STATUS_BUSY: not now; others as of replica_propose. */
MUST_USE enum status resolve_propose(struct range_op *op, uint64_t ct);
/* Raises what the leader knows of its versions, when one is proposed. known: that stands, whatever becomes of the proposal. */
void resolve_note(struct range_op *op, uint64_t ct, bool known);
/* Does it say something about keys from `key` on? */
bool resolve_reaches(const struct range_op *op, struct bytes key);
/* One of those that RPC_RESOLVE consists of, behind its head. */
void resolve_encode(struct buf *out, struct attempt a, uint64_t ct, struct bytes low, struct bytes high);

/* ---- resolver.c ---- */

#define RESOLVERS_MAX 4096u /* a second's worth, where a log takes a second; what is above waits for the next look */
void resolver_attach(struct kv *kv);
void resolver_stop(struct kv *kv);
/* Has the participants of a decision resolve what they hold; the record of it is told at the end. */
void resolver_start(struct range *g, struct record *r);

/* ---- record.c ---- */

enum record_state { RECORD_NONE = 0, RECORD_COMMITTED = 1, RECORD_ABORTED = 2, RECORD_REFUSED = 3 };
struct record {
    struct list link;          /* range.record_list, range.settled or range.forgotten, oldest first */
    struct attempt attempt;
    struct txn_name name;
    enum record_state state;
    uint64_t ct;
    bool resolved, resolving;
    bool proposed;             /* REFUSED: not applied yet */
    struct bytes anchor;       /* its key in LSM_SPACE_LOCAL; the tag is the timestamp there. REFUSED: the key that it speaks of */
    struct bytes participants; /* count u16, { sized low, sized high } */
};
bool participants_valid(struct bytes participants);
void record_encode(struct buf *out, const struct record *r);
bool record_decode(struct bytes anchor, uint64_t tag, struct bytes value, struct record *out);
struct record *record_find(const struct range *g, struct attempt a);
/* Copies. STATUS_NO_MEMORY. */
MUST_USE enum status record_add(struct range *g, const struct record *r, struct record **out);
void records_clear(struct range *g);
/* The range ends at key now. */
void records_cut(struct range *g, struct bytes key);
/* Nothing that was not decided on the attempt in this range ever will be, nor prepared for it here: no leader, now or later, has a
 * floor below the end of its window. Not this one's floor says so, which begins up to two widths of the clock above the least that a
 * later one may have, but a reading that was made (A3). */
bool attempt_is_over(const struct range *g, struct attempt a);
/* Forgets what nobody can ask about any more, and has resolved what is not. */
void records_sweep(struct range *g, uint64_t now_ns);

/* ---- later.c ---- */

/* True: op is run again with the next that is proposed, or a moment later; false: it has waited before, or somebody waits for what
 * it takes away. */
bool later_hold(struct range_op *op, bool awaited);
/* What is proposed now, or met, need not wait any more. */
void later_go(struct kv *kv);
void later_attach(struct kv *kv);
void later_stop(struct kv *kv);

/* ---- decide.c ---- */

enum decide_what { DECIDE_COMMIT = 1, DECIDE_ABORT = 2, DECIDE_ASK = 3, DECIDE_GIVE_UP = 4, DECIDE_KNOWN = 5 };
/* A decision about that attempt that is proposed here; NULL: none is. */
struct range_op *decided_in_flight(const struct range *g, struct attempt a);
void decide_attach(struct kv *kv);
void decide_run(struct range_op *op);
/* The body of RPC_DECIDE behind the head. participants may be empty unless it commits. */
void decide_encode(struct buf *out, struct txn_name name, struct attempt a, enum decide_what what, uint64_t ct, struct bytes anchor,
                   struct bytes participants);

/* ---- staged.c, recover.c ---- */

#define STAGED_KEYS_MAX 64u
#define STAGED_BYTES_MAX 4096u
void staged_attach(struct kv *kv);
void staged_run(struct range_op *op);
/* Keys as they travel. */
bool staged_keys_valid(struct bytes keys);
bool staged_keys_hold(struct bytes keys, struct bytes key);
/* The anchor's intent of that attempt, if it is here and staged. One that is only proposed counts. */
struct range_op *staged_find(const struct range *g, struct attempt a);
/* One of the keys that op would prepare is refused to its attempt. */
bool refusals_meet(const struct range_op *op);
/* Copies. STATUS_NO_MEMORY. */
MUST_USE enum status refusal_add(struct range *g, const struct record *r, struct record **out);
void refusals_clear(struct range *g);
/* The range ends at key now. */
void refusals_cut(struct range *g, struct bytes key);
/* op is staged and prepared, and its coordinator does not answer. */
void recover_begin(struct range_op *op);
/* The op goes. */
void recover_end(struct range_op *op);

/* ---- push.c ---- */

/* Somebody waits for it. */
void push_soon(struct range_op *op);
void push_begin(struct range_op *op);
/* The op goes. */
void push_end(struct range_op *op);

/* ---- load.c ---- */

/* Reads back what the range holds, then calls range_become_ready. STATUS_NO_MEMORY. */
MUST_USE enum status load_begin(struct range *g, uint64_t now_ts);
/* It has led since the op was proposed, whether or not it serves just now. */
static inline bool range_has_led_since(const struct range *g, const struct range_op *op)
{
    return (g->ready || (g->joining && !MUTANT("joining_forgets_prepared"))) && g->term == op->at.term;
}
/* The range has taken in another one, which begins at start: serves on when what that holds is read back. */
MUST_USE enum status load_more(struct range *g, struct bytes start);
/* What is being read back is more now. */
void load_again(struct range *g);
void load_end(struct range *g);

/* ---- hold.c ---- */

/* op has its ct, and its writes are in flight. Goes on by commit_go_on, or answers by itself; op may be gone on return.
 * Other statuses than STATUS_OK: it was not begun. */
MUST_USE enum status hold_begin(struct range_op *op);
/* The op goes. */
void hold_end(struct range_op *op);

/* ---- lock.c ---- */

void lock_attach(struct kv *kv);
void lock_stop(struct kv *kv);
void lock_run(struct range_op *op);
/* It waits in a queue: its gateway will be told. */
void lock_queued(struct range_op *op);
/* It has what it waited for, if it did. */
void lock_waited(struct range_op *op);
/* It was blocked on `other`. An intent is to whoever meets it what a lock is: op waits no longer than its transaction waits for
 * locks. A commit, which does not know how long that is, is sent back to ask again. */
void lock_meets(struct range_op *op, const struct range_op *other);
/* It goes on. */
void lock_met(struct range_op *op);
void lock_on_timer(struct timer *t, void *op);
/* Ends what the transaction waits for, and gives back its locks. */
void lock_forget(struct range *g, struct txn_name name);
/* One that waits, for the first of its keys that it does not get. */
struct lock_place {
    struct txn_name name;
    uint64_t begin_ts, waited_ns;
    enum lock_mode mode;
    struct bytes keys; /* sized, one behind the other */
    uint32_t key_count;
};
/* It stands in the queue, until its transaction asks again or does not. */
void lock_keep_place(struct range *g, const struct lock_place *place);
/* The nodes of all those that hold something are asked in a moment. */
void lock_ask_soon(struct range *g);

/* ---- lock_handed.c ---- */

void locks_handed_attach(struct kv *kv);
void locks_handed_stop(struct kv *kv);
void locks_handed_init(struct locks_handed *h);
void locks_handed_drop(struct locks_handed *h);
/* struct shard_app */
void locks_hand_over(void *state, struct node_id to, uint64_t life_ns);
/* Nobody gets a lock any more: who leads next would not know of it. */
bool locks_handing_over(struct range *g);
/* The range is divided at key in this very step, and right begins there: before anything has gone. */
void locks_divide(const struct range *g, struct bytes key, struct range *right);
/* The left range takes in the right one in this very step: before anybody has gone. */
void locks_unite(struct range *left, const struct range *right);
/* The transaction gives back what it holds, which is perhaps not taken over yet. */
void locks_handed_forget(struct range *g, struct txn_name name);
/* The range is served from here on: what is meant for it is locked. */
void locks_take_over(struct range *g);
/* Some were taken over just now. What is too old is dropped here. */
bool locks_asked_soon(struct range *g, uint64_t now_ns);

/* ---- deadlock.c ---- */

void deadlock_attach(struct kv *kv);

/* ---- catalog_lease.c ---- */

#define CATALOG_LEASE_NS 300000000u /* the same on all nodes: a new leader counts on it */
/* A promise that this gateway has. */
struct catalog_lease {
    uint64_t from, until;    /* no record of a table has a version in (from, until] */
    uint64_t until_ns;       /* the clock is not there before this time of ours */
    uint64_t used_ns, asked_ns;
    bool asking;
    struct rpc_call call;
    struct timer timer;
};
void catalog_lease_attach(struct kv *kv);
void catalog_lease_stop(struct kv *kv);
void catalog_lease_run(struct range_op *op);
/* The record of a table. */
bool catalog_lease_key(struct bytes key);
/* The leader has its floor, now_ts or more. */
void catalog_lease_ready(struct range *g, uint64_t now_ts);
/* True: the commit waits until what was promised is over, and runs again. */
bool catalog_lease_holds(struct range_op *op);
/* It changes a record. */
bool catalog_lease_touched(const struct range_op *op);
void catalog_lease_over(struct range_op *op);
void catalog_lease_let_go(struct range_op *op);
/* The gateway knows that nothing in the span has a version in (from, upto]. */
bool catalog_lease_covers(struct kv *kv, const struct span *span, uint64_t from, uint64_t upto);
/* Until when it knows that of versions above `from`, if that is later than `above` and not over soon; else 0. */
uint64_t catalog_lease_until(struct kv *kv, const struct span *span, uint64_t from, uint64_t above);

/* ---- question.c: requests that only ask their leader ---- */

/* It takes a reading of the clock, then leadership is confirmed, then it looks: question_run calls evaluate. */
void question_begin(struct range_op *op);
/* The next step, with evaluate where it looks at the data. */
void question_run(struct range_op *op, void (*evaluate)(struct range_op *op));
/* Answers what stands in op->reply when the clock is past ct. 0: at once. */
void question_answer_past(struct range_op *op, uint64_t ct);

/* ---- outcome.c ---- */

/* A commit with the tag t is sent when the clock was seen at T, and refused above T + this. */
#define OUTCOME_WINDOW_NS UINT64_C(10000000000)
/* An id is written in 32 hex digits: T without its last bits, the range, the tag. */
#define OUTCOME_SENT_SHIFT 16
#define OUTCOME_TAG_BITS 48
/* So far, at most, a commit's ct lies below that of one which stands before it in the log: it was held (hold.c). */
#define OUTCOME_DISORDER_NS UINT64_C(3000000000)
void outcome_attach(struct kv *kv);
void outcome_run(struct range_op *op);
/* before: no commit with a higher ct stands before this one in the log. */
void outcomes_add(struct outcomes *o, uint64_t tag, uint64_t ct, uint64_t before);
/* The ct of the commit with this tag and above < ct <= ct_max; 0: none is remembered. */
uint64_t outcomes_find(const struct outcomes *o, uint64_t tag, uint64_t above, uint64_t ct_max);
/* One with that ct is not remembered, though it stands behind those that are. */
void outcomes_missed(struct outcomes *o, uint64_t ct);
void outcomes_deinit(struct outcomes *o);

/* ---- divide.c: splits; the hooks of struct shard_app ---- */

enum status divide_may(void *state, struct bytes key);
enum status divide_begin(void *state, struct bytes key, struct buf *part);
void divide_end(void *state);
bool divide_part_valid(struct bytes part);
void divide_apply(void *left_state, void *right_state, struct bytes key, struct bytes part);
/* Commits that touch keys from `key` on wait, until divide_end. STATUS_NO_MEMORY. */
MUST_USE enum status latch_close(struct range *g, struct bytes key);
uint64_t latch_closed_ns(const struct range *g);

/* ---- unite.c: a range becomes part of its left neighbour ---- */
enum status unite_begin(void *state);
void unite_part(void *state, struct buf *part);
void unite_reopen(void *state);
bool unite_part_valid(struct bytes part);
void unite_apply(void *left_state, void *right_state, struct bytes part);
/* True: a split is proposed, and the op waits for what comes of it (TXN-14). */
bool divide_holds(struct range_op *op);
/* A split is proposed whose right half the op touches. */
bool divide_latched(const struct range_op *op);
/* The leadership is gone, and all who waited with it. */
void divide_forget(struct range *g);
/* The range serves: the split that made it is over for clients. */
void divide_served(struct range *g);
/* Body of a STALE_ROUTE reply: repeated { sized descriptor, leader node u64 }: of the replica, and of the one here that
 * begins where it ends. */
void divide_stale_body(struct kv *kv, const struct replica *r, struct buf *out);

/* ---- promise.c: what the leader promises to replicas ---- */

void promise_attach(struct kv *kv);
void promise_stop(struct kv *kv);
void promise_run(struct range_op *op);
/* Everything at or below ts is applied here, in the range's bounds of now. */
bool promise_covers(struct range *g, uint64_t ts);
/* Somebody reads of the past here: a promise that is older than age_ns, or than is good for most, is renewed. */
void promise_use(struct range *g, uint64_t age_ns);
/* The newest timestamp that replicas of this node, as far as they are read from, can serve: at or above least_ts, and so
 * that everything is seen that was acknowledged age_ns ago (0: that does not matter). 0: there is none. */
uint64_t promise_pick(struct kv *kv, uint64_t least_ts, uint64_t age_ns);
/* What was promised is forgotten: the state is another one now. */
void promise_forget(struct range *g);
void promise_close(struct range *g);

/* ---- replica_read.c: reads of the past, at any replica ---- */

void replica_read_attach(struct kv *kv);
void replica_read_run(struct range_op *op);

/* ---- gc.c: how long versions are kept ---- */

void gc_attach(struct kv *kv);
void gc_stop(struct kv *kv);
/* What the state machine knows: a safe point was applied, is put on record, is read back. */
void gc_apply(struct range *g, uint64_t safe_point);
void gc_state_encode(void *state, struct buf *out);
enum status gc_state_restore(void *state, struct bytes encoded);
/* True when a read at ts may miss versions. */
bool gc_too_old(const struct range *g, uint64_t ts);

/* ---- command.c ---- */

enum status command_apply(void *state, struct log_pos pos, struct bytes command,
                          struct shard_batch *batch);
/* before: the highest ct that was picked before; below ct, unless the commit was held. */
void command_encode_commit(uint64_t ct, uint64_t before, uint64_t tag, struct bytes writes_encoded, struct buf *out);
void command_encode_safe_point(uint64_t safe_point, struct buf *out);
/* Writes: count u32, writes. */
void command_encode_prepare(const struct range_op *op, struct buf *out);
/* writes: of the intents of that attempt in this range; they become versions at ct, or go (ct 0). */
void command_encode_decide(const struct record *r, uint64_t before, const struct buf *writes, uint32_t write_count, struct buf *out);
/* Begun, then for each attempt what becomes of its intents: ct 0: they go. writes: as in PREPARE. */
void command_begin_resolve(struct buf *out);
void command_add_resolved(uint64_t ct, struct bytes writes_encoded, struct buf *out);
/* For the keys of a STAGED. */
void command_encode_refuse(const struct record *r, const struct range_op *op, struct buf *out);
/* keys: { sized anchor, tag u64 }; none: the range holds no intents and no records when this is applied. */
void command_encode_forget(bool none, const struct buf *keys, uint32_t count, struct buf *out);
/* The value of an intent. */
bool intent_decode(struct bytes value, struct prepared_facts *facts, struct write *write);

/* Spans and writes as they travel. */
void encode_span(struct buf *out, const struct span *span);
bool decode_span(struct reader *r, struct span *span);
void encode_write(struct buf *out, const struct write *write);
/* All of it but the value itself. */
void encode_write_head(struct buf *out, const struct write *write);
bool decode_write(struct reader *r, struct write *write);

/* ---- gateway.c ---- */

#define GATEWAY_HEAD_BYTES 16 /* of a request: range id and epoch */

/* A request on a fiber: sends it to the leader of the range that holds `key`, and again where that is
 * safe. The reply's body is copied into *reply. */
struct gateway_wait;
/* Lets somebody else end what a fiber waits for (txn_interrupt). */
struct gateway_interrupt {
    uint64_t calls, requests; /* that were sent; some calls take several requests */
    bool requested;
    struct gateway_wait *wait; /* NULL: nothing is under way */
    uint64_t lock_ns;           /* spent in requests for locks: */
    uint32_t lock_calls;        /* that are under way, since */
    uint64_t lock_since_ns;
};
void gateway_interrupt(struct gateway_interrupt *i);
/* The request under way; 0: none, or the pause before the next attempt. */
enum rpc_kind gateway_waits_for(const struct gateway_interrupt *i);

struct gateway_request {
    enum rpc_kind kind;
    struct bytes key;
    struct range_id range;  /* not 0: sent there, wherever the key is */
    const struct route *found; /* by gateway_find, for what it was cut for: it goes there, if the fiber has not waited since. NULL: nobody has */
    struct hull hull;       /* STATUS_STALE_ROUTE: the range that holds the key does not hold all of this (any more) */
    struct range_id served_by; /* where it was sent last */
    struct buf *body;       /* range id and epoch (first 16 bytes) are filled in here */
    uint64_t deadline_ns;
    uint64_t no_quorum_ns;  /* how long a leader is looked for when there is no deadline; 0: default */
    bool repeatable;        /* a lost answer may be asked for again */
    /* Before each attempt; false ends the call with STATUS_EXPIRED. NULL: nothing to do. */
    bool (*before_attempt)(struct gateway_request *q);
    void *ctx;
    uint64_t refused_at;    /* the leader's reading when it refused the last attempt as too late; 0: it has not */
    struct gateway_interrupt *interrupt;
    bool stamped;           /* it names a time, and is of no use when that is over (BUSY with a reading): STATUS_EXPIRED */
    bool decides;           /* repeatable; but an interrupt leaves what was sent one more second, as it does a commit */
    struct buf *reply;
    enum status result;     /* gateway_call_all: what became of it */
    bool asked;             /* a request was sent */
    bool doubt;             /* one was sent and not answered: it may have been done, or be done later */
};
/* [fiber] Lets the core do what else there is. STATUS_CANCELLED, STATUS_TIMEOUT: it was interrupted. */
enum status gateway_breathe(struct kv *kv, struct gateway_interrupt *i);
enum status gateway_call(struct kv *kv, struct gateway_request *q, struct buf *reply);
/* [fiber] Several at once, some at a time, under one interrupt: each has its `reply` set and gets its `result`. The first one that
 * fails ends the others (STATUS_CANCELLED; they may have been done), unless they shall all be asked to the end; its status
 * is returned. One to be cut anew (STATUS_STALE_ROUTE) ends no others, and is returned when none has failed. */
enum status gateway_call_all(struct kv *kv, struct gateway_request *const *requests, uint32_t count, bool to_the_end);
/* [fiber] One attempt, at a node that is no leader of anything for this. */
enum status gateway_ask(struct kv *kv, struct gateway_request *q, struct node_id node, uint64_t timeout_ns, struct buf *reply);
/* [fiber] The range that holds q->key, or the keys just below it; waits until it is known. */
/* The bounds are kept in the two buffers. */
enum status gateway_find(struct kv *kv, const struct gateway_request *q, bool before, struct buf bounds[2],
                         struct route *route_out);
/* [fiber] Waits; less long when it is interrupted or the kv stops. */
void gateway_pause(struct kv *kv, uint64_t duration_ns, struct gateway_interrupt *i);
void gateway_stop(struct kv *kv);

/* ---- txn.c ---- */

void txn_unlocks_stop(struct kv *kv);
void txn_kept_free(struct kv *kv);

/* ---- write_set.c: an ordered map in an arena (skip list) ----
 *
 * Every value has a sequence number. A mark ends a sequence: what was there then can be seen (a view) and gone back
 * to. The nodes' memory is the arena's: going back gives none of it back. */

struct write_node;
struct write_version;
struct write_set {
    struct arena *arena;
    struct write_node *head;
    uint32_t height; /* of its nodes: levels above are empty */
    struct write_version *undo; /* newest change first */
    struct prng prng;
    uint64_t seq;   /* of the next write; only rises */
    uint32_t count;
    uint64_t bytes; /* as encoded in a command */
    uint64_t kept_bytes; /* of values, in the arena: also of those that are not there any more */
};
#define WRITE_SET_NOW UINT64_MAX
MUST_USE enum status write_set_init(struct write_set *ws, struct arena *arena, uint64_t seed);
/* Empty again, in a new arena; marks taken while it was empty stay good. */
MUST_USE enum status write_set_clear(struct write_set *ws, struct arena *arena);
MUST_USE enum status write_set_put(struct write_set *ws, const struct write *write);
/* What is there now, as a view that later writes do not change and as a place to go back to. */
uint64_t write_set_mark(struct write_set *ws);
/* Forgets what came after the mark. Marks and views taken since must not be used any more; this one may. */
void write_set_back(struct write_set *ws, uint64_t mark);
/* The write of exactly this key, or NULL. view: a mark, or WRITE_SET_NOW. */
const struct write *write_set_find(const struct write_set *ws, struct bytes key);
const struct write *write_set_find_at(const struct write_set *ws, struct bytes key, uint64_t view);
/* The first write with key >= (or >, after) key; NULL at the end. */
const struct write *write_set_seek(const struct write_set *ws, struct bytes key, bool after, uint64_t view);
/* The last write with key < key (empty key: the last of all). */
const struct write *write_set_seek_before(const struct write_set *ws, struct bytes key, uint64_t view);
/* All of them, as they are now. */
const struct write *write_set_first(const struct write_set *ws);
const struct write *write_set_next(const struct write *w);

struct kv {
    struct store *store;
    struct shard_app app;
    struct clock clock;
    struct handover handover;
    struct catalog_lease lease;
    struct list ranges;
    struct list calls;      /* gateway calls under way */
    struct prng prng;
    bool stopping;
    uint64_t no_quorum_timeout_ns;
    uint64_t version_retention_ns;
    uint64_t entry_bytes;
    struct kv_spill spill;
    struct timer gc_timer, lock_timer;
    struct pool pool;       /* of requests at the leader, and of what a transaction needs for as long as it runs */
    struct txn *kept;       /* transactions that have ended, for their memory */
    uint32_t kept_count;
    struct map locking;     /* number -> transaction of this node that may hold locks */
    uint64_t txn_numbers;   /* drawn so far */
    uint32_t outcome_chunks; /* of all ranges */
    struct list inquiries, unlocks, tellings; /* lock.c, txn_lock.c, lock_handed.c: requests that nobody waits for */
    struct list promises;   /* struct promise, of ranges that are read here */
    struct list two_phase;  /* ranges that hold intents or records */
    struct timer two_phase_timer;
    uint32_t resolvers, resolve_fibers; /* records that resolver.c is about; those that have a fiber */
    struct list resolve_batches;
    struct timer resolve_timer; /* sends those that are open */
    struct list later;      /* requests that wait for company (later.c) */
    struct timer later_timer;
    uint32_t recoveries;    /* fibers of recover.c */
    bool no_parallel_commit; /* whatever the cluster's setting says */
    struct map settling;    /* tag -> struct settlement: commits of this node whose record is on its way (two_phase_staged.c) */
    struct kv_metrics metrics;
    const struct kv_witness *witness; /* NULL: none */
};

#endif
