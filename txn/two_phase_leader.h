/* Commits over several ranges at the leaders: what is prepared, what was decided, and how that is carried out. */
#ifndef OSTRAKA_TXN_TWO_PHASE_LEADER_H
#define OSTRAKA_TXN_TWO_PHASE_LEADER_H

#include "txn/range.h"

/* ---- attempts.c ---- */

/* op->attempt is known: attempt_next finds it from here on, until it goes. STATUS_NO_MEMORY. */
MUST_USE enum status attempt_enter(struct range_op *op);
/* The op goes. */
void attempt_leave(struct range_op *op);
/* Of the requests of that attempt (PREPARE and DECIDE) the one that came behind `after` (NULL: the first); NULL: none. */
struct range_op *attempt_next(const struct range *g, struct attempt a, const struct range_op *after);
/* The same of op's own attempt, without a search: op has entered it, and is left out. */
struct range_op *attempt_beside(const struct range_op *op, const struct range_op *after);

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
struct range_op *prepared_beside(const struct range_op *op, const struct range_op *after); /* as attempt_beside */
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
void later_attach(struct kv *kv);
void later_stop(struct kv *kv);

/* ---- known.c ---- */

void known_attach(struct kv *kv);
void known_stop(struct kv *kv);
/* The intents of op become versions at ct, if that is not below their lb; else nothing. */
void known_note(struct range_op *op, uint64_t ct);
/* `other`, in flight at key or at one of the same hash: intents on that key of which it is known that they become versions that ts
 * sees, or nothing (known_for_nothing). */
bool known_at(const struct range_op *other, struct bytes key, uint64_t ts);
bool known_for_nothing(const struct range_op *other);
/* Somebody waits until op is gone: what takes it away does not wait for company. */
void known_wanted(struct range_op *op);
/* Somebody was sent away because of it, and comes again. */
void known_wanted_soon(struct range_op *op);
/* The op goes. */
void known_end(struct range_op *op);

/* ---- decide.c ---- */

#define DECIDED_STANDS 4u /* an answer: it is committed, and the entry that says so is on its way or waits for company */
enum decide_what { DECIDE_COMMIT = 1, DECIDE_ABORT = 2, DECIDE_ASK = 3, DECIDE_GIVE_UP = 4, DECIDE_KNOWN = 5, DECIDE_WANTED = 6 };
/* A decision about that attempt that is proposed here; NULL: none is. */
struct range_op *decided_in_flight(const struct range_op *op);
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
struct range_op *staged_beside(const struct range_op *op); /* as attempt_beside */
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

#endif
