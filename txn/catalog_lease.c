/* The catalog lease: nobody has to ask whether a table is still what it was (README.md, Catalog lease).
 *
 * The leader of the range that holds the records of tables promises that none of them gets a version in (from, until]. A
 * gateway that has such a promise, and knows a record as of a timestamp at or above `from`, may rely on it for everything
 * that happens up to `until`. Who changes a record waits until the clock has passed what was promised; meanwhile nothing
 * more is promised, so that takes one lease at most. Nothing of it is replicated: what an earlier leader has promised
 * reaches no further than CATALOG_LEASE_NS beyond a reading that lies below the floor of the new one (A3).
 *
 * RPC_CATALOG_LEASE: range u64, epoch u64. Reply: reading u64, from u64, until u64 (not above the reading: nothing is
 *   promised). */
#include "txn/leader.h"

#define USED_LATELY_NS 2000000000u       /* so long a lease is renewed after it was last of use */
#define RENEW_BELOW_NS (CATALOG_LEASE_NS * 2 / 3)
#define TIGHT_NS 10000000u               /* what is left has to be enough for a commit */
#define LEASE_TIMEOUT_NS 1000000000u

static const uint8_t first_record[] = {KEY_PREFIX_SYSTEM, KEY_SYSTEM_RECORD};

bool catalog_lease_key(struct bytes key)
{
    return key.size >= 2 && key.data[0] == KEY_PREFIX_SYSTEM && key.data[1] == KEY_SYSTEM_RECORD;
}

/* ================================ the leader ================================ */

static bool holds_records(const struct range *g)
{
    return descriptor_contains(replica_descriptor(g->replica), bytes_make(first_record, sizeof first_record));
}

void catalog_lease_ready(struct range *g, uint64_t now_ts)
{
    g->record_high = g->high;
    g->leased = 0;
    if (!holds_records(g)) return;
    g->leased = now_ts + CATALOG_LEASE_NS;
    if (MUTANT("catalog_lease_forgotten")) g->leased = 0;
}

bool catalog_lease_touched(const struct range_op *op)
{
    for (uint32_t i = 0; i < op->write_count; i++)
        if (catalog_lease_key(op->writes[i].key)) return true;
    return false;
}

bool catalog_lease_holds(struct range_op *op)
{
    struct range *g = op->range;
    if (op->ts > g->leased || !catalog_lease_touched(op) || MUTANT("catalog_lease_ignored")) return false;
    COVER("txn_catalog_lease_waited_for");
    if (!op->waits_for_lease) g->lease_waits++;
    op->waits_for_lease = true;
    op->state = OP_LEASED;
    /* By real time: a request for a reading above it would make the clock jump there. */
    uint64_t now_ns = env_now_ns(store_env(g->kv->store));
    timer_arm(store_timers(g->kv->store), &op->lock_timer, now_ns + (g->leased - op->ts) + 1);
    return true;
}

void catalog_lease_over(struct range_op *op)
{
    ASSERT(op->state == OP_LEASED);
    op->state = OP_CLOCK;
    clock_now(&op->range->kv->clock, &op->clock, 0, REQUEST_TIMEOUT_NS);
}

void catalog_lease_let_go(struct range_op *op)
{
    if (!op->waits_for_lease) return;
    ASSERT(op->range->lease_waits > 0);
    op->waits_for_lease = false;
    op->range->lease_waits--;
}

static void evaluate(struct range_op *op)
{
    struct range *g = op->range;
    if (!range_op_may_evaluate(op)) return;
    uint64_t until = op->ts + CATALOG_LEASE_NS;
    bool may = g->lease_waits == 0 && g->prepared_records == 0; /* those may get any ct from their lb on */
    if (!may) COVER("txn_catalog_lease_refused");
    if (may && until > g->leased) g->leased = until;
    buf_reset(&op->reply);
    put_u64(&op->reply, op->ts);
    put_u64(&op->reply, g->record_high);
    put_u64(&op->reply, g->leased);
    range_op_reply(op, STATUS_OK, buf_view(&op->reply));
}

void catalog_lease_run(struct range_op *op)
{
    question_run(op, evaluate); /* R2's order: a later leader's floor is above this reading */
}

static bool decode(struct range_op *op, struct reader *in)
{
    return reader_done(in) && holds_records(op->range);
}

static void lease_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct range_op *op = range_op_open(ctx, RANGE_OP_LEASE, token, body, decode);
    if (op != NULL) question_begin(op);
}

/* ================================ the gateway ================================ */

static uint64_t now_of(const struct kv *kv)
{
    return env_now_ns(store_env(kv->store));
}

static void on_lease(struct rpc_call *call, enum status status, struct bytes body)
{
    struct kv *kv = call->ctx;
    struct catalog_lease *l = &kv->lease;
    struct reader in = reader_make(body);
    l->asking = false;
    if (status != STATUS_OK) {
        kv->metrics.lease_failures++;
        return; /* whoever needs it asks again */
    }
    uint64_t reading = get_u64(&in), from = get_u64(&in), until = get_u64(&in);
    if (!reader_done(&in) || until <= reading) return;
    l->from = from;
    l->until = until;
    l->until_ns = l->asked_ns + (until - reading); /* the reading was taken after the request left */
}

static void ask(struct kv *kv)
{
    struct catalog_lease *l = &kv->lease;
    struct route route;
    if (l->asking || kv->stopping ||
        store_route(kv->store, bytes_make(first_record, sizeof first_record), &route) != STATUS_OK ||
        route.leader.value == 0)
        return;
    uint8_t body[16];
    store_le64(body, route.range.value);
    store_le64(body + 8, route.epoch);
    l->call = (struct rpc_call){.on_done = on_lease, .ctx = kv};
    l->asked_ns = now_of(kv);
    l->asking = rpc_start(store_rpc(kv->store), &l->call, route.leader, RPC_CATALOG_LEASE,
                          bytes_make(body, sizeof body), LEASE_TIMEOUT_NS) == STATUS_OK;
    if (l->asking) kv->metrics.lease_requests++;
}

static void on_renewal(struct timer *t, void *ctx)
{
    struct kv *kv = ctx;
    struct catalog_lease *l = &kv->lease;
    uint64_t now_ns = now_of(kv);
    if (now_ns > l->used_ns + USED_LATELY_NS) return;
    if (now_ns + RENEW_BELOW_NS > l->until_ns) ask(kv);
    timer_arm(store_timers(kv->store), t, now_ns + CATALOG_LEASE_NS / 3);
}

static void use(struct kv *kv)
{
    struct catalog_lease *l = &kv->lease;
    uint64_t now_ns = now_of(kv);
    l->used_ns = now_ns;
    if (timer_armed(&l->timer)) return;
    if (now_ns + RENEW_BELOW_NS > l->until_ns) ask(kv);
    timer_arm(store_timers(kv->store), &l->timer, now_ns + CATALOG_LEASE_NS / 3);
}

static bool spans_records(const struct span *span)
{
    static const uint8_t end[] = {KEY_PREFIX_SYSTEM, KEY_SYSTEM_RECORD + 1};
    if (!catalog_lease_key(span->start)) return false;
    return span->point || (span->end.size > 0 && bytes_compare(span->end, bytes_make(end, sizeof end)) <= 0);
}

bool catalog_lease_covers(struct kv *kv, const struct span *span, uint64_t from, uint64_t upto)
{
    struct catalog_lease *l = &kv->lease;
    if (!spans_records(span)) return false;
    use(kv);
    return l->from <= from && upto <= l->until;
}

uint64_t catalog_lease_until(struct kv *kv, const struct span *span, uint64_t from, uint64_t above)
{
    struct catalog_lease *l = &kv->lease;
    if (!spans_records(span)) return 0;
    use(kv);
    bool lasts = now_of(kv) + TIGHT_NS < l->until_ns && l->until > above && l->until > clock_seen(&kv->clock);
    return l->from <= from && lasts ? l->until : 0;
}

void catalog_lease_attach(struct kv *kv)
{
    timer_init(&kv->lease.timer, on_renewal, kv);
    rpc_serve(store_rpc(kv->store), RPC_CATALOG_LEASE, lease_serve, kv);
}

void catalog_lease_stop(struct kv *kv)
{
    timer_cancel(store_timers(kv->store), &kv->lease.timer);
    if (kv->lease.asking) rpc_cancel(&kv->lease.call);
    kv->lease.asking = false;
}
