/* The first phase of a commit that writes to several ranges, at the leader of one of them (T3). It is evaluated as a
 * commit is (commit.c): what it read is validated, a timestamp is picked. But that is only the least one that it may get
 * (lb), its entry holds intents in place of versions, and it stays in flight when the entry is applied: readers at or above lb
 * and whoever writes these keys wait until it is known what becomes of it (resolve.c, push.c). Intents outlive the leader:
 * the next one reads them back (load.c).
 *
 * A circle of those that wait never closes: one that prepares waits for plain commits in flight, which wait for nobody, and for
 * intents of younger attempts; whatever else is in its way (locks of others, held commits, intents of older ones) it is told of
 * (WAIT), and nothing is placed. So no intent stands here while its transaction waits for one that waits for it.
 *
 * RPC_PREPARE: range u64, epoch u64, node u64, number u64 (the transaction), read ts u64, sent u64, tag u64 (the attempt),
 *   highest ct u64, gated u8 (1: it is answered when the clock is past lb, as a commit is), sized anchor, sized keys (staged.c; empty: the
 *   anchor's intent lists none), span count u32, spans (in this range), write count u32, writes.
 * Reply: lb u64. WAIT: something is in the way, ask with another attempt. CONFLICT, EXISTS, SNAPSHOT_TOO_OLD: as of a commit.
 *   BUSY with a reading u64: lb would be above the highest ct. It may be asked for again. */
#include "txn/leader.h"
#include "txn/two_phase_leader.h"

/* ================================ what stands in the way ================================ */

struct range_op *prepared_next(const struct range *g, struct attempt a, const struct range_op *after)
{
    struct range_op *op = attempt_next(g, a, after);
    while (op != NULL && !(op_is_prepare(op) && range_op_in_flight(op))) op = attempt_next(g, a, op);
    return op;
}

struct range_op *prepared_beside(const struct range_op *op, const struct range_op *after)
{
    struct range_op *other = attempt_beside(op, after);
    while (other != NULL && !(op_is_prepare(other) && range_op_in_flight(other))) other = attempt_beside(op, other);
    return other;
}

bool prepare_may_wait(const struct range_op *op, const struct range_op *other)
{
    if (other->held != NULL) return false;
    bool goes = other->state == OP_RESOLVING && !MUTANT("prepare_refused_by_going"); /* its entry waits for nobody */
    return !op_is_prepare(other) || goes || attempt_is_older(op->attempt, other->attempt) || MUTANT("prepare_waits_for_older");
}

static bool locked_by_others(const struct range_op *op)
{
    const struct lock_table *t = &op->range->locks;
    if (t->lock_count == 0 || lock_owner_find(t, op->name) != NULL || MUTANT("prepare_ignores_locks")) return false;
    for (uint32_t i = 0; i < op->write_count; i++)
        if (lock_is_held(t, op->writes[i].key)) return true;
    return false;
}

static void answer(struct range_op *op, uint64_t lb)
{
    uint8_t body[8];
    store_le64(body, lb);
    if (!op->detached) rpc_reply(store_rpc(op->range->kv->store), op->token, STATUS_OK, bytes_make(body, sizeof body));
    op->detached = true;
}

/* A1: who hears of all may tell a client at once. */
static bool is_past(const struct range_op *op, uint64_t lb)
{
    return !op->gated || clock_is_past(&op->range->kv->clock, lb) || MUTANT("staged_commit_wait");
}

/* It was asked for before. The answer is that of the first time when all of it is here; parts of it are not mended. */
static bool is_prepared(struct range_op *op)
{
    struct range *g = op->range;
    uint64_t lb = 0;
    uint32_t found = 0;
    for (struct range_op *p = prepared_beside(op, NULL); p != NULL; p = prepared_beside(op, p)) {
        if (p->state == OP_COMMITTING) {
            range_block(op, p);
            return true;
        }
        for (uint32_t i = 0; i < op->write_count; i++) found += range_op_write(p, op->writes[i].key) != NULL;
        if (p->ct > lb) lb = p->ct;
    }
    if (found == 0 || MUTANT("prepare_known_by_nothing")) return false;
    COVER("txn_prepared_again");
    if (found == op->write_count && !is_past(op, lb)) {
        op->ct = lb;
        op->state = OP_CLOCK; /* then it looks again */
        clock_wait_past(&g->kv->clock, &op->clock, lb, REQUEST_TIMEOUT_NS);
    } else if (found == op->write_count) {
        answer(op, lb);
        range_op_free(op);
    } else {
        range_op_reply(op, STATUS_WAIT, BYTES_EMPTY);
    }
    return true;
}

bool prepare_is_answered(struct range_op *op)
{
    struct range *g = op->range;
    if (record_find(g, op->attempt) != NULL) { /* a late one: what it would place was decided upon */
        COVER("txn_prepare_after_decision");
        range_op_reply(op, STATUS_CONFLICT, BYTES_EMPTY);
        return true;
    }
    if (refusals_meet(op)) { /* S3: whoever asked may have had it aborted */
        COVER("txn_prepare_refused");
        range_op_reply(op, STATUS_CONFLICT, BYTES_EMPTY);
        return true;
    }
    /* Its coordinator may take it for committed as soon as it is answered: it has to stand before what decides on it. */
    struct range_op *decided = op->staged.size > 0 ? decided_in_flight(op) : NULL;
    if (decided != NULL && !MUTANT("staged_behind_decision")) {
        COVER("txn_staged_meets_decision");
        range_block(op, decided);
        return true;
    }
    if (is_prepared(op)) return true;
    if (!locked_by_others(op)) return false;
    g->kv->metrics.prepares_refused++;
    range_op_reply(op, STATUS_WAIT, BYTES_EMPTY);
    return true;
}

/* ================================ in the log ================================ */

static void count(struct range_op *op)
{
    struct range *g = op->range;
    g->prepared_count++;
    g->prepared_records += catalog_lease_touched(op);
    two_phase_note(g);
}

void prepare_proposed(struct range_op *op)
{
    struct range *g = op->range;
    g->kv->metrics.prepares++;
    count(op);
    op->at.term = g->term;
    op->past = is_past(op, op->ct);
    if (!op->past) clock_wait_past(&g->kv->clock, &op->clock, op->ct, REQUEST_TIMEOUT_NS);
    /* The place in the log is fixed: whoever locks these keys next comes after it. */
    lock_release(&g->locks, op->name);
}

static void uncount(struct range_op *op)
{
    struct range *g = op->range;
    ASSERT(g->prepared_count > 0);
    g->prepared_count--;
    g->prepared_records -= catalog_lease_touched(op);
}

void prepare_let_go(struct range_op *op)
{
    if (op_is_prepare(op) && range_op_in_flight(op)) uncount(op);
}

void prepared_drop(struct range_op *op)
{
    if (!op->detached) COVER("txn_prepared_and_not_answered");
    range_op_reply(op, STATUS_UNKNOWN_OUTCOME, BYTES_EMPTY);
}

void prepare_passed(struct range_op *op)
{
    op->past = true;
    if (op->state != OP_COMMITTING) answer(op, op->ct);
}

void prepare_applied(struct range_op *op, enum status status)
{
    struct range *g = op->range;
    if (status != STATUS_OK) {
        range_op_reply(op, status == STATUS_NOT_LEADER ? STATUS_NOT_LEADER : STATUS_UNKNOWN_OUTCOME, BYTES_EMPTY);
        return;
    }
    if (op->past) answer(op, op->ct);
    if (!range_has_led_since(g, op)) { /* whoever leads now reads it back */
        prepared_drop(op);
        return;
    }
    op->state = OP_PREPARED;
    op->prepared_ns = env_lately_ns(store_env(g->kv->store));
    range_unblock_all(op); /* those that asked whether it is prepared */
}

void prepared_end(struct range_op *op, uint64_t ct)
{
    for (uint32_t i = 0; i < op->write_count && ct != 0; i++)
        range_op_served(op, ct, true, &(struct span){.point = true, .start = op->writes[i].key});
    prepared_drop(op);
}

static bool is_known(const struct range *g, struct attempt a, struct bytes key)
{
    for (struct range_op *p = prepared_next(g, a, NULL); p != NULL; p = prepared_next(g, a, p))
        if (range_op_write(p, key) != NULL) return true;
    return false;
}

enum status prepared_restore(struct range *g, const struct prepared_facts *facts, struct bytes writes_encoded)
{
    struct buf body;
    buf_init(&body, NET_MESSAGE_BYTES_MAX);
    put_sized(&body, facts->anchor);
    put_sized(&body, facts->staged);
    buf_append_bytes(&body, writes_encoded);
    struct range_op *op = body.failed ? NULL : range_op_create(g, RANGE_OP_PREPARE, (struct rpc_token){0}, buf_view(&body));
    buf_deinit(&body);
    if (op == NULL) return STATUS_NO_MEMORY;
    op->detached = true;
    op->attempt = facts->attempt;
    op->name = facts->name;
    op->ct = facts->lb;
    op->at.term = g->term;
    op->prepared_ns = env_lately_ns(store_env(g->kv->store));
    struct reader in = reader_make(op->body);
    op->anchor = get_sized(&in);
    op->staged = get_sized(&in);
    if (!commit_decode_writes(op, &in, NULL)) {
        range_op_free(op);
        return STATUS_NO_MEMORY; /* they were decoded when they were collected */
    }
    if (is_known(g, op->attempt, op->writes[0].key)) { /* it has never ceased to lead */
        range_op_free(op);
        return STATUS_OK;
    }
    if (op->ct > g->high) g->high = op->ct;
    for (uint32_t i = 0; i < op->write_count; i++) range_note_write(g, op->writes[i].key, op->ct);
    if (attempt_enter(op) != STATUS_OK) {
        range_op_free(op);
        return STATUS_NO_MEMORY;
    }
    if (range_in_flight_add(op) != STATUS_OK) UNREACHABLE(); /* as in commit.c */
    op->state = OP_PREPARED;
    count(op);
    return STATUS_OK;
}

/* ================================ splits ================================ */

/* What lies from key on is the right side's, whose leader reads it back. */
static void cut_writes(struct range_op *op, struct bytes key)
{
    range_in_flight_remove(op);
    uncount(op);
    uint32_t kept = 0;
    struct buf left;
    buf_init(&left, NET_MESSAGE_BYTES_MAX);
    put_u32(&left, 0);
    for (uint32_t i = 0; i < op->write_count; i++) {
        if (bytes_compare(op->writes[i].key, key) >= 0) continue;
        encode_write(&left, &op->writes[i]);
        op->writes[kept++] = op->writes[i];
    }
    op->write_count = kept;
    if (bytes_compare(op->anchor, key) >= 0) op->staged = BYTES_EMPTY;
    op->state = OP_PREPARED;
    count(op);
    /* What is proposed of it later is that of its writes that are left. */
    struct range *g = op->range;
    uint8_t *copy = left.failed || kept == 0 ? NULL : pool_alloc(&g->kv->pool, left.size);
    if (copy != NULL) {
        store_le32(left.data, kept);
        memcpy(copy, left.data, left.size);
        op->cut_writes = copy;
        op->writes_encoded = bytes_make(copy, left.size);
        if (range_in_flight_add(op) != STATUS_OK) UNREACHABLE();
    }
    buf_deinit(&left);
    if (copy == NULL) ASSERT(kept == 0);
}

void prepared_cut(struct range *g, struct bytes key)
{
    if (g->prepared_count == 0) return;
    struct list cut;
    list_init(&cut);
    LIST_FOR_EACH_SAFE(item, &g->ops) {
        struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        bool reaches = false;
        for (uint32_t i = 0; i < op->write_count && !reaches; i++)
            reaches = op_is_prepare(op) && range_op_in_flight(op) && bytes_compare(op->writes[i].key, key) >= 0;
        if (!reaches) continue;
        ASSERT(op->state == OP_PREPARED); /* TXN-14: what was proposed before is applied */
        COVER("txn_split_among_intents");
        list_remove(item);
        list_push_back(&cut, item);
    }
    while (!list_empty(&cut)) {
        struct range_op *op = CONTAINER_OF(cut.next, struct range_op, link);
        list_remove(&op->link);
        list_push_back(&g->ops, &op->link);
        cut_writes(op, key);
        if (op->write_count == 0) prepared_drop(op);
        else range_unblock_all(op); /* some may have waited for what is gone from here */
    }
}

/* ================================ requests ================================ */

/* The decision's entry takes the anchor's intent with it whatever it says (decide.c), so there is a bound to it. */
static bool staged_valid(const struct range_op *op)
{
    if (op->staged.size == 0) return true;
    return staged_keys_valid(op->staged) && !staged_keys_hold(op->staged, op->anchor) && range_op_write(op, op->anchor) != NULL &&
           op->writes_encoded.size <= TXN_ENTRY_BYTES_MAX / 2;
}

static bool decode(struct range_op *op, struct reader *in)
{
    op->name = (struct txn_name){get_u64(in), get_u64(in)};
    op->read_ts = get_u64(in);
    op->attempt = (struct attempt){get_u64(in), get_u64(in)};
    op->ct_max = get_u64(in);
    op->gated = get_u8(in) == 1;
    op->anchor = get_sized(in);
    op->staged = get_sized(in);
    if (in->failed || op->name.node == 0 || op->name.number == 0 || op->attempt.tag == 0 || op->anchor.size == 0 ||
        op->anchor.size > SHARD_KEY_BYTES_MAX || !clock_may_be(&op->range->kv->clock, op->attempt.sent))
        return false;
    if (op->ct_max > op->attempt.sent + OUTCOME_WINDOW_NS) op->ct_max = op->attempt.sent + OUTCOME_WINDOW_NS;
    const struct descriptor *d = replica_descriptor(op->range->replica);
    return commit_decode_spans(op, in, d) && commit_decode_writes(op, in, d) && staged_valid(op);
}

static void prepare_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct range_op *op = range_op_open(ctx, RANGE_OP_PREPARE, token, body, decode);
    if (op == NULL) return;
    struct range *g = op->range;
    if (attempt_enter(op) != STATUS_OK) {
        range_op_reply(op, STATUS_NO_MEMORY, BYTES_EMPTY);
        return;
    }
    replica_note_request(g->replica, op->writes[0].key);
    op->state = OP_CLOCK;
    clock_now(&g->kv->clock, &op->clock, op->read_ts, REQUEST_TIMEOUT_NS);
}

void prepare_attach(struct kv *kv)
{
    rpc_serve(store_rpc(kv->store), RPC_PREPARE, prepare_serve, kv);
}

/* ================================ looking after them ================================ */

#define SWEEP_EVERY_NS 500000000u
#define PUSH_AFTER_NS 2000000000u /* also when nobody waits */

void two_phase_note(struct range *g)
{
    if (list_empty(&g->two_phase)) list_push_back(&g->kv->two_phase, &g->two_phase);
}

static void sweep(struct range *g, uint64_t now_ns)
{
    if (!g->ready || !replica_serving(g->replica)) return;
    LIST_FOR_EACH(item, &g->ops) {
        struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op_is_prepare(op) && op->state == OP_PREPARED && now_ns >= op->prepared_ns + PUSH_AFTER_NS) push_begin(op);
    }
    records_sweep(g, now_ns);
}

static void on_sweep(struct timer *t, void *ctx)
{
    struct kv *kv = ctx;
    uint64_t now_ns = env_now_ns(store_env(kv->store));
    LIST_FOR_EACH_SAFE(item, &kv->two_phase) sweep(CONTAINER_OF(item, struct range, two_phase), now_ns);
    timer_arm(store_timers(kv->store), t, now_ns + SWEEP_EVERY_NS);
}

void two_phase_sweep_attach(struct kv *kv)
{
    timer_init(&kv->two_phase_timer, on_sweep, kv);
    timer_arm(store_timers(kv->store), &kv->two_phase_timer, env_now_ns(store_env(kv->store)) + SWEEP_EVERY_NS);
}

void two_phase_sweep_stop(struct kv *kv)
{
    timer_cancel(store_timers(kv->store), &kv->two_phase_timer);
}
