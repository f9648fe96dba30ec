/* Requests at the leader of a range, but for locks (lock.h) and commits over several ranges (two_phase_leader.h), and what stands in
 * its log. */
#ifndef OSTRAKA_TXN_LEADER_H
#define OSTRAKA_TXN_LEADER_H

#include "txn/range.h"

struct record;
struct prepared_facts;

/* ---- read.c, commit.c ---- */

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

/* STATUS_OK: nothing in op->spans has a version above op->read_ts. STATUS_WAIT: run it again later. */
enum status commit_validate(struct range_op *op);
bool commit_decode_spans(struct range_op *op, struct reader *in, const struct descriptor *d);
/* d NULL: they may lie anywhere. */
bool commit_decode_writes(struct range_op *op, struct reader *in, const struct descriptor *d);
uint64_t leader_mark(struct range_id range, uint64_t term);
/* What a held commit has read elsewhere is unchanged at its ct. */
void commit_go_on(struct range_op *op);

/* ---- refresh.c ---- */

void refresh_attach(struct kv *kv);
void refresh_run(struct range_op *op);

/* ---- hold.c ---- */

/* op has its ct, and its writes are in flight. Goes on by commit_go_on, or answers by itself; op may be gone on return.
 * Other statuses than STATUS_OK: it was not begun. */
MUST_USE enum status hold_begin(struct range_op *op);
/* The op goes. */
void hold_end(struct range_op *op);

/* ---- question.c: requests that only ask their leader ---- */

/* It takes a reading of the clock, then leadership is confirmed, then it looks: question_run calls evaluate. */
void question_begin(struct range_op *op);
/* The next step, with evaluate where it looks at the data. */
void question_run(struct range_op *op, void (*evaluate)(struct range_op *op));
/* Answers what stands in op->reply when the clock is past ct. 0: at once. */
void question_answer_past(struct range_op *op, uint64_t ct);

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
#define COMMAND_FOREVER_NS (UINT64_C(1) << 62) /* who has not seen a write in flight must never be overtaken by it (README) */
/* As replica_propose, of what shard_command_begin has begun; STATUS_TOO_LARGE also when it could not be encoded. */
MUST_USE enum status command_propose(struct range *g, struct buf *command, uint64_t timeout_ns, struct proposal *p);
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

#endif
