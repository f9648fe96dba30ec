/* Transactions that read the past: at a given timestamp, or at one that is near enough. They write nothing and lock nothing, so
 * nobody waits for them, and nothing that they read is validated. Each request goes to the replica of this node when it was promised
 * enough (promise.c), else to the leader, for whom this is a read like any other. */
#include "txn/leader.h"
#include "txn/txn_state.h"

#define LOOK_NS 200000u  /* how often it is looked whether the clock has answered */
#define SOON_NS 10000000u /* what other nodes have read at may lie a little ahead (C2): it is waited for */

/* ================================ when ================================ */

struct look {
    bool done;
    enum status status;
    uint64_t ts;
};

static void on_reading(struct clock_wait *w, enum status status, uint64_t ts)
{
    *(struct look *)w->ctx = (struct look){.done = true, .status = status, .ts = ts};
}

/* [fiber] */
static enum status reading(struct txn *t, uint64_t *ts_out)
{
    struct kv *kv = t->kv;
    struct look look = {.done = false};
    struct clock_wait w = {.on_done = on_reading, .ctx = &look};
    if (kv->stopping) return STATUS_CANCELLED;
    list_init(&w.link);
    clock_now(&kv->clock, &w, 0, t->no_quorum_ns != 0 ? t->no_quorum_ns : kv->no_quorum_timeout_ns);
    while (!look.done && !t->interrupt.requested && !kv->stopping) gateway_pause(kv, LOOK_NS, &t->interrupt);
    if (!look.done) {
        clock_cancel(&w);
        return kv->stopping ? STATUS_CANCELLED : STATUS_TIMEOUT;
    }
    if (look.status == STATUS_OK) *ts_out = look.ts;
    return look.status;
}

/* STATUS_INVALID: the clock is not there. It is asked, and not for a reading above ts: it would jump there. */
static enum status check_past(struct txn *t, uint64_t ts)
{
    uint64_t now = 0;
    if (ts <= clock_seen(&t->kv->clock) || MUTANT("past_may_be_future")) return STATUS_OK;
    for (enum status status;;) {
        status = reading(t, &now);
        if (status != STATUS_OK) return status;
        if (ts <= now) return STATUS_OK;
        if (ts - now > SOON_NS) return STATUS_INVALID;
        gateway_pause(t->kv, ts - now, &t->interrupt);
        if (t->interrupt.requested) return STATUS_TIMEOUT;
    }
}

enum status txn_read_at(struct txn *t, uint64_t ts)
{
    ASSERT(txn_is_fresh(t));
    ASSERT(ts > 0);
    enum status status = check_past(t, ts);
    if (status != STATUS_OK) return status;
    t->past = (struct txn_past){.on = true, .ts = ts};
    t->read_ts = ts;
    return STATUS_OK;
}

enum status txn_read_stale(struct txn *t, uint64_t least_ts, uint64_t age_ns)
{
    ASSERT(txn_is_fresh(t));
    enum status status = least_ts == 0 ? STATUS_OK : check_past(t, least_ts);
    if (status != STATUS_OK) return status;
    t->past = (struct txn_past){.on = true, .stale = true, .least_ts = least_ts, .age_ns = age_ns};
    return STATUS_OK;
}

bool txn_reads_past(const struct txn *t) { return t->past.on; }

void txn_reading(const struct txn *t, struct txn_reading *out)
{
    uint64_t now = clock_estimate(&t->kv->clock);
    *out = (struct txn_reading){.ts = t->read_ts, .at_replica = t->past.at_replica, .at_leader = t->past.at_leader};
    if (t->read_ts != 0 && now > t->read_ts) out->age_ns = now - t->read_ts;
}

uint64_t kv_clock_estimate(const struct kv *kv) { return clock_estimate(&kv->clock); }

/* ================================ where ================================ */

void txn_past_begin(struct txn *t)
{
    if (!t->past.stale || t->read_ts != 0) return;
    t->read_ts = promise_pick(t->kv, t->past.least_ts, t->past.age_ns);
    if (t->read_ts != 0) COVER("txn_stale_read_picked");
}

/* [fiber] */
static enum status ask_here(struct txn *t, struct gateway_request *q, const struct replica *r, struct buf *reply)
{
    struct kv *kv = t->kv;
    struct gateway_request here = *q;
    here.kind = RPC_REPLICA_READ;
    store_le64(q->body->data, replica_range(r).value);
    store_le64(q->body->data + 8, replica_descriptor(r)->epoch);
    enum status status = gateway_ask(kv, &here, store_identity(kv->store)->node, REQUEST_TIMEOUT_NS, reply);
    /* Whatever else became of it: the leader may do better, or it is interrupted there as well. */
    return status == STATUS_OK || status == STATUS_SNAPSHOT_TOO_OLD ? status : STATUS_NOT_FOUND;
}

enum status txn_past_ask(struct txn *t, struct gateway_request *q, struct buf *reply)
{
    if (!t->past.on) return STATUS_NOT_FOUND;
    const struct replica *r = store_replica_for_key(t->kv->store, q->key);
    enum status status = STATUS_NOT_FOUND;
    if (r != NULL && !replica_serving(r)) {
        struct range *g = replica_app(r);
        promise_use(g, t->past.age_ns != 0 ? t->past.age_ns : UINT64_MAX);
        if (t->read_ts != 0 && promise_covers(g, t->read_ts)) status = ask_here(t, q, r, reply);
    }
    if (status == STATUS_OK) t->past.at_replica++;
    else t->past.at_leader++;
    return status;
}
