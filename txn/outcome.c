/* What became of a transaction whose commit was not answered, asked for by its id.
 *
 * An id is T, a reading of the clock that its gateway had seen when it sent the commit, the range that it was sent to, and a
 * random tag. The leader
 * refuses to commit it above T + OUTCOME_WINDOW_NS; and ct is above T, since ct0 is a later reading. So its ct, if it
 * has one, lies in (T, T + window]. Every replica remembers tag and ct of the last commits that it has applied.
 *
 * The question is answered as a read is, in R2's order: a reading ts, leadership confirmed after it, everything
 * committed before applied, and in one step the floor raised to ts and the answer looked up. Not remembered, not
 * in flight here, ts past the window, and what is remembered reaches back to T: then it was not committed, and never
 * will be, since whatever is proposed later, by whatever leader, lies above that floor and is refused.
 *
 * RPC_OUTCOME: range u64, epoch u64, T u64, tag u64. Reply: outcome u8 (enum txn_outcome), ct u64 (0: none). */
#include <stdlib.h>

#include "txn/leader.h"
#include "txn/two_phase_leader.h"

/* ================================ what is remembered ================================ */

struct outcome_entry {
    uint64_t tag, ct;
};

static uint64_t chunk_of(uint64_t at)
{
    return at / OUTCOME_CHUNK_ENTRIES;
}

static struct outcome_entry **chunk_at(const struct outcomes *o, uint64_t chunk)
{
    ASSERT(o->capacity > 0);
    return &o->chunks[chunk % o->capacity];
}

static struct outcome_entry *entry_at(const struct outcomes *o, uint64_t at)
{
    return &(*chunk_at(o, chunk_of(at)))[at % OUTCOME_CHUNK_ENTRIES];
}

static void count_chunk(struct outcomes *o, bool more)
{
    if (o->of_node == NULL) return;
    if (more) ++*o->of_node;
    else --*o->of_node;
}

void outcomes_deinit(struct outcomes *o)
{
    for (uint32_t i = 0; i < o->capacity; i++) {
        if (o->chunks[i] == NULL) continue;
        free(o->chunks[i]);
        count_chunk(o, false);
    }
    free(o->chunks);
    *o = (struct outcomes){.of_node = o->of_node};
}

/* Forgets the oldest entries, whole chunks of them or all, and gives the memory back. */
static void forget(struct outcomes *o, uint64_t count)
{
    ASSERT(count > 0 && count <= o->end - o->begin);
    COVER("txn_outcomes_forgotten");
    for (uint64_t end = o->begin + count; o->begin < end;) {
        if (entry_at(o, o->begin)->ct > o->floor) o->floor = entry_at(o, o->begin)->ct;
        struct outcome_entry **chunk = chunk_at(o, chunk_of(o->begin++));
        if (o->begin % OUTCOME_CHUNK_ENTRIES != 0 && o->begin != o->end) continue;
        free(*chunk);
        *chunk = NULL;
        count_chunk(o, false);
    }
}

/* Twice as many places for chunks. */
static enum status grow(struct outcomes *o)
{
    uint32_t capacity = o->capacity == 0 ? 1 : 2 * o->capacity;
    struct outcome_entry **chunks = calloc(capacity, sizeof *chunks);
    if (chunks == NULL) return STATUS_NO_MEMORY;
    for (uint64_t c = chunk_of(o->begin); o->begin < o->end && c <= chunk_of(o->end - 1); c++)
        chunks[c % capacity] = *chunk_at(o, c);
    free(o->chunks);
    o->chunks = chunks;
    o->capacity = capacity;
    return STATUS_OK;
}

/* A chunk for the next entry. */
static enum status chunk_add(struct outcomes *o)
{
    uint64_t held = o->begin == o->end ? 0 : chunk_of(o->end - 1) - chunk_of(o->begin) + 1;
    bool full = held >= OUTCOME_CHUNKS || (o->of_node != NULL && *o->of_node >= OUTCOME_CHUNKS_OF_NODE);
    if (full && held > 0) {
        uint64_t first = OUTCOME_CHUNK_ENTRIES - o->begin % OUTCOME_CHUNK_ENTRIES;
        forget(o, first);
        held--;
    }
    if (held >= o->capacity && grow(o) != STATUS_OK) return STATUS_NO_MEMORY;
    struct outcome_entry **chunk = chunk_at(o, chunk_of(o->end));
    ASSERT(*chunk == NULL);
    *chunk = malloc(OUTCOME_CHUNK_ENTRIES * sizeof **chunk);
    if (*chunk == NULL) return STATUS_NO_MEMORY;
    count_chunk(o, true);
    return STATUS_OK;
}

void outcomes_add(struct outcomes *o, uint64_t tag, uint64_t ct, uint64_t before)
{
    if (o->begin == o->end && before > o->floor) o->floor = before;
    ASSERT(o->begin == o->end || ct + OUTCOME_DISORDER_NS >= entry_at(o, o->end - 1)->ct);
    bool room = o->end % OUTCOME_CHUNK_ENTRIES != 0 && o->begin != o->end;
    if (!room && chunk_add(o) != STATUS_OK) { /* begins again with the next one */
        if (o->end > o->begin) forget(o, o->end - o->begin);
        if (ct > o->floor) o->floor = ct;
        return;
    }
    *entry_at(o, o->end++) = (struct outcome_entry){tag, ct};
}

void outcomes_missed(struct outcomes *o, uint64_t ct)
{
    COVER("txn_outcome_too_late_to_remember");
    if (ct > o->floor) o->floor = ct;
}

uint64_t outcomes_find(const struct outcomes *o, uint64_t tag, uint64_t above, uint64_t ct_max)
{
    for (uint64_t at = o->end; at > o->begin; at--) {
        const struct outcome_entry *e = entry_at(o, at - 1);
        if (e->ct + OUTCOME_DISORDER_NS <= above) break; /* so is all before */
        if (e->tag == tag && e->ct > above && e->ct <= ct_max) return e->ct;
    }
    return 0;
}

/* The highest ct that may have been committed and is not remembered. */
static enum status forgotten_upto(const struct range *g, uint64_t *ts_out)
{
    const struct outcomes *o = &g->outcomes;
    *ts_out = o->floor > g->divided ? o->floor : g->divided;
    if (o->begin != o->end) return STATUS_OK;
    /* Nothing is remembered: everything that was ever committed left versions, but for those that were forgotten. */
    struct lsm_range_stats stats;
    enum status status = lsm_range_stats(store_lsm(g->kv->store), replica_range(g->replica), &stats);
    if (status != STATUS_OK) return status;
    *ts_out = stats.newest_ts > g->safe.applied ? stats.newest_ts : g->safe.applied;
    if (g->divided > *ts_out) *ts_out = g->divided;
    return STATUS_OK;
}

/* ================================ the leader ================================ */

static void answer(struct range_op *op, enum txn_outcome outcome)
{
    buf_reset(&op->reply);
    put_u8(&op->reply, (uint8_t)outcome);
    put_u64(&op->reply, op->ct);
    question_answer_past(op, op->ct);
}

static struct range_op *in_flight(const struct range *g, uint64_t tag)
{
    LIST_FOR_EACH(item, &g->ops) {
        struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        bool decides = op->kind == RANGE_OP_DECIDE && op->state == OP_COMMITTING && !op->known && op->attempt.tag == tag;
        if (decides || (op->kind == RANGE_OP_COMMIT && range_op_in_flight(op) && op->tag == tag)) return op;
    }
    return NULL;
}

static void evaluate(struct range_op *op)
{
    struct range *g = op->range;
    if (!range_op_may_evaluate(op)) return;
    if (op->ts > g->floor && !MUTANT("outcome_floor")) g->floor = op->ts;
    struct range_op *other = in_flight(g, op->tag);
    if (other != NULL) {
        COVER("txn_outcome_in_flight");
        range_block(op, other);
        return;
    }
    uint64_t sent = op->ct_max - OUTCOME_WINDOW_NS, forgotten;
    op->ct = outcomes_find(&g->outcomes, op->tag, sent, op->ct_max);
    const struct record *record = record_find(g, (struct attempt){sent, op->tag});
    if (record != NULL && record->state == RECORD_COMMITTED) op->ct = record->ct;
    if (op->ct != 0) {
        answer(op, TXN_OUTCOME_COMMITTED);
        return;
    }
    if (record != NULL) {
        answer(op, TXN_OUTCOME_ABORTED);
        return;
    }
    /* It may be committed, and nobody has said so yet: who does not hear of it for long finds out. */
    struct range_op *staged = staged_find(g, (struct attempt){sent, op->tag});
    if (staged != NULL && staged->known && !known_for_nothing(staged)) {
        op->ct = staged->decided_ct;
        answer(op, TXN_OUTCOME_COMMITTED);
        return;
    }
    if (staged != NULL && !MUTANT("outcome_of_staged")) {
        COVER("txn_outcome_of_staged");
        push_soon(staged);
        answer(op, TXN_OUTCOME_IN_PROGRESS);
        return;
    }
    enum status status = sent > op->ts ? STATUS_INVALID : forgotten_upto(g, &forgotten);
    if (status != STATUS_OK) range_op_reply(op, status, BYTES_EMPTY);
    else if (sent < forgotten && !MUTANT("outcome_forgotten")) answer(op, TXN_OUTCOME_EXPIRED);
    else if (op->ts <= op->ct_max && !MUTANT("outcome_window")) answer(op, TXN_OUTCOME_IN_PROGRESS);
    else answer(op, TXN_OUTCOME_ABORTED);
}

void outcome_run(struct range_op *op)
{
    question_run(op, evaluate);
}

static bool decode(struct range_op *op, struct reader *in)
{
    uint64_t sent = get_u64(in);
    op->tag = get_u64(in);
    if (!reader_done(in) || sent > UINT64_MAX - OUTCOME_WINDOW_NS) return false;
    op->ct_max = sent + OUTCOME_WINDOW_NS;
    return true;
}

static void outcome_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct range_op *op = range_op_open(ctx, RANGE_OP_OUTCOME, token, body, decode);
    if (op != NULL) question_begin(op);
}

void outcome_attach(struct kv *kv)
{
    rpc_serve(store_rpc(kv->store), RPC_OUTCOME, outcome_serve, kv);
}
