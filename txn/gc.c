/* How long old versions are kept. Each range has a safe point: no read below it is served any more, so the
 * engine may forget versions that no later read can see. It is part of the replicated state: the leader
 * raises it by an entry of the range's log, so that every replica forgets the same.
 *
 * It never passes a timestamp that a request known to the leader still needs, and follows the clock at the
 * distance of the leader's retention. A range that nobody writes to gets no entries: when the safe point has
 * passed its newest version, and the end of all that ends by itself (aside.c), raising it further would let nothing go. */
#include "txn/leader.h"
#include "txn/two_phase_leader.h"

#define PERIOD_NS_MAX 30000000000u
#define PERIOD_NS_MIN 10000000u
#define PROPOSE_TIMEOUT_NS 10000000000u

/* An eighth of the retention: so much later, at most, than it could have gone a version goes. */
static uint64_t period_ns(const struct kv *kv)
{
    uint64_t period = kv->version_retention_ns / 8;
    if (period > PERIOD_NS_MAX) return PERIOD_NS_MAX;
    return period < PERIOD_NS_MIN ? PERIOD_NS_MIN : period;
}

/* ---- the leader ---- */

/* The oldest timestamp that a request under way reads at. */
static uint64_t oldest_active(const struct range *g)
{
    uint64_t oldest = UINT64_MAX;
    LIST_FOR_EACH(item, &g->ops) {
        const struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        uint64_t ts = op->kind == RANGE_OP_READ ? op->ts : op->span_count > 0 ? op->read_ts : 0;
        bool pending = op->state == OP_HELD || (op_is_prepare(op) && range_op_in_flight(op));
        if (pending && (ts == 0 || op->ct <= ts)) ts = op->ct - 1; /* TXN-9 */
        if (ts != 0 && ts < oldest) oldest = ts; /* 0: it will read later than now */
    }
    return oldest;
}

static void on_raised(struct proposal *p, enum status status, struct bytes result)
{
    (void)status; /* lost, it is proposed anew with the next period */
    (void)result;
    struct range *g = p->ctx;
    g->safe.raising = false;
}

static void propose(struct range *g, uint64_t safe_point)
{
    struct buf command;
    buf_init(&command, 64);
    shard_command_begin(&command);
    command_encode_safe_point(safe_point, &command);
    ASSERT(!command.failed);
    g->safe.proposal = (struct proposal){.on_done = on_raised, .ctx = g};
    enum status status = command_propose(g, &command, PROPOSE_TIMEOUT_NS, &g->safe.proposal);
    buf_deinit(&command);
    if (status != STATUS_OK) return;
    g->safe.raising = true;
    if (safe_point > g->floor) g->floor = safe_point; /* TXN-9: whatever follows in the log lies above */
    g->kv->metrics.safe_points++;
}

static void raise_safe_point(struct range *g)
{
    const struct kv *kv = g->kv;
    uint64_t now = kv_timestamp_seen(kv);
    if (!g->ready || !replica_serving(g->replica) || g->safe.raising) return;
    if (now <= kv->version_retention_ns) return;
    uint64_t safe_point = now - kv->version_retention_ns;
    /* What stands beside rows goes later than it could have been superseded. */
    bool asides_ended = g->asides_end > g->safe.applied && g->asides_end <= safe_point;
    if (g->high <= g->safe.applied && !asides_ended) return;
    uint64_t oldest = oldest_active(g);
    if (oldest < safe_point) {
        COVER("txn_gc_held_back");
        safe_point = oldest;
    }
    if (safe_point > g->safe.applied) propose(g, safe_point);
}

static void on_period(struct timer *t, void *ctx)
{
    struct kv *kv = ctx;
    LIST_FOR_EACH(item, &kv->ranges) raise_safe_point(CONTAINER_OF(item, struct range, link));
    timer_arm(store_timers(kv->store), t, env_now_ns(store_env(kv->store)) + period_ns(kv));
}

void gc_attach(struct kv *kv)
{
    timer_init(&kv->gc_timer, on_period, kv);
    timer_arm(store_timers(kv->store), &kv->gc_timer, env_now_ns(store_env(kv->store)) + period_ns(kv));
}

void gc_stop(struct kv *kv)
{
    timer_cancel(store_timers(kv->store), &kv->gc_timer);
}

bool gc_too_old(const struct range *g, uint64_t ts)
{
    bool too_old = ts < g->safe.applied;
    if (too_old) COVER("txn_snapshot_too_old");
    return too_old;
}

/* ---- the state machine ---- */

static void engine_may_forget(const struct range *g)
{
    uint64_t ts = g->safe.applied;
    if (ts == 0) return;
    if (MUTANT("gc_above_safe_point")) ts += 3600000000000u;
    lsm_range_set_gc(store_lsm(replica_store(g->replica)), replica_range(g->replica), ts);
}

void gc_apply(struct range *g, uint64_t safe_point)
{
    if (safe_point <= g->safe.applied) return; /* of an earlier leader that knew less */
    g->safe.applied = safe_point;
    if (g->floor < safe_point) g->floor = safe_point;
    engine_may_forget(g);
}

#define STATE_VERSION 3 /* 1: without what may be held; 2: without what was divided */

void gc_state_encode(void *state, struct buf *out)
{
    const struct range *g = state;
    put_u8(out, STATE_VERSION);
    put_u64(out, g->safe.applied);
    put_u8(out, g->may_hold);
    put_u64(out, g->divided);
}

enum status gc_state_restore(void *state, struct bytes encoded)
{
    struct range *g = state;
    g->safe.applied = 0;
    g->may_hold = false;
    g->divided = 0;
    if (encoded.size == 0) return STATUS_OK;
    struct reader in = reader_make(encoded);
    uint8_t version = get_u8(&in);
    if (version == 0 || version > STATE_VERSION) return STATUS_VERSION;
    g->safe.applied = get_u64(&in);
    if (version >= 2) g->may_hold = get_u8(&in) != 0;
    if (version >= 3) g->divided = get_u64(&in);
    if (!reader_done(&in)) return STATUS_VERSION;
    engine_may_forget(g);
    return STATUS_OK;
}
