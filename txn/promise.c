/* What a replica that does not lead may serve of the past: everything up to a timestamp that its leader has closed (README.md,
 * Reads of the past).
 *
 * A *promise* says: nothing with a version at or below `ts` is proposed behind entry `index` of the log, by whoever leads. The
 * leader takes ts from the clock, confirms that it leads (R2's order), and in one step raises its floor to ts and looks at the
 * end of its log. So whatever has a version at or below ts stands at or in front of that entry, or is an intent there:
 *   - what is proposed later, here, gets a timestamp above the floor; later leaders' floors are later readings (A3);
 *   - commits that are held have their timestamp and no entry yet: the answer waits for those at or below ts;
 *   - intents may become versions at or below ts behind the index. They are seen where the prepare is applied: the reader looks.
 * The answer leaves when the clock is past ts (A1): so nobody who relies on it needs a clock.
 *
 * A replica that has applied the index serves reads at or below ts, without asking anybody, as long as its bounds are those of
 * the promise. All else changes nothing about it: what it has of that time stays as it is, whoever leads, and whether or not it
 * is still a member. It is asked for again only while somebody reads.
 *
 * Its age is measured by our clock alone: ts is above everything that was acknowledged before the request left.
 *
 * RPC_PROMISE: range u64, epoch u64. Reply: ts u64, index u64, epoch u64 (of the descriptor). */
#include <stdlib.h>

#include "txn/leader.h"

#define RENEW_NS 500000000u           /* a promise is renewed that is older, while it is of use, */
#define RENEW_NS_MIN 20000000u        /* and sooner for those who want it newer; but not sooner than this */
#define USED_LATELY_NS 10000000000u   /* ranges that others are read with (promise_pick) */
#define PROMISE_TIMEOUT_NS 2000000000u

struct promised {
    uint64_t ts, index, epoch; /* ts 0: nothing */
    uint64_t sent_ns;          /* our clock, when it was asked for */
};

struct promise {
    struct list link;          /* kv.promises */
    struct range *range;
    struct promised now, next; /* next: its index is not applied here yet */
    uint64_t used_ns, asked_ns;
    bool asking;
    struct rpc_call call;
};

/* ================================ the leader ================================ */

static struct range_op *held_below(struct range *g, uint64_t ts)
{
    LIST_FOR_EACH(item, &g->ops) {
        struct range_op *op = CONTAINER_OF(item, struct range_op, link);
        if (op->state == OP_HELD && op->ct <= ts && !MUTANT("promise_forgets_held")) return op;
    }
    return NULL;
}

static void evaluate(struct range_op *op)
{
    struct range *g = op->range;
    if (!range_op_may_evaluate(op)) return;
    if (op->ts > g->floor && !MUTANT("promise_floor")) g->floor = op->ts;
    struct range_op *held = held_below(g, op->ts);
    if (held != NULL) {
        COVER("txn_promise_behind_held");
        range_block(op, held);
        return;
    }
    buf_reset(&op->reply);
    put_u64(&op->reply, op->ts);
    put_u64(&op->reply, replica_last_index(g->replica));
    put_u64(&op->reply, op->owner_epoch);
    g->kv->metrics.promises_given++;
    question_answer_past(op, MUTANT("promise_ungated") ? 0 : op->ts);
}

void promise_run(struct range_op *op)
{
    question_run(op, evaluate);
}

static bool decode(struct range_op *op, struct reader *in)
{
    (void)op;
    return reader_done(in);
}

static void promise_serve(void *ctx, struct rpc_token token, struct bytes body)
{
    struct range_op *op = range_op_open(ctx, RANGE_OP_PROMISE, token, body, decode);
    if (op != NULL) question_begin(op);
}

void promise_attach(struct kv *kv)
{
    rpc_serve(store_rpc(kv->store), RPC_PROMISE, promise_serve, kv);
}

void promise_stop(struct kv *kv)
{
    LIST_FOR_EACH(item, &kv->promises) promise_forget(CONTAINER_OF(item, struct promise, link)->range);
}

/* ================================ the replica ================================ */

static uint64_t now_of(const struct kv *kv)
{
    return env_now_ns(store_env(kv->store));
}

static bool in_force(const struct range *g, const struct promised *p)
{
    if (p->ts == 0) return false;
    uint64_t applied = replica_applied(g->replica);
    return p->epoch == replica_descriptor(g->replica)->epoch && applied != 0 && (applied >= p->index || MUTANT("promise_before_index"));
}

/* What has been applied since may have brought the next one into force. */
static void look(struct promise *p)
{
    if (!in_force(p->range, &p->next)) return;
    p->now = p->next;
    p->next = (struct promised){0};
}

static void on_promise(struct rpc_call *call, enum status status, struct bytes body)
{
    struct promise *p = call->ctx;
    struct kv *kv = p->range->kv;
    struct reader in = reader_make(body);
    p->asking = false;
    if (status != STATUS_OK) {
        kv->metrics.promises_refused++;
        store_route_refused(kv->store, replica_range(p->range->replica), call->to, status, body);
        return;
    }
    struct promised next = {.ts = get_u64(&in), .index = get_u64(&in), .epoch = get_u64(&in), .sent_ns = p->asked_ns};
    if (!reader_done(&in) || next.ts <= p->now.ts) return;
    clock_note_seen(&kv->clock, next.ts); /* so the leader knows */
    p->next = next;
    look(p);
}

static void ask(struct promise *p)
{
    struct range *g = p->range;
    struct kv *kv = g->kv;
    struct node_id leader = replica_leader_hint(g->replica);
    uint64_t now_ns = now_of(kv);
    if (p->asking || kv->stopping || leader.value == 0 || now_ns < p->asked_ns + RENEW_NS_MIN) return;
    uint8_t body[GATEWAY_HEAD_BYTES];
    store_le64(body, replica_range(g->replica).value);
    store_le64(body + 8, replica_descriptor(g->replica)->epoch);
    p->call = (struct rpc_call){.on_done = on_promise, .ctx = p};
    p->asked_ns = now_ns;
    p->asking = rpc_start(store_rpc(kv->store), &p->call, leader, RPC_PROMISE, bytes_make(body, sizeof body), PROMISE_TIMEOUT_NS) ==
                STATUS_OK;
    if (p->asking) kv->metrics.promises_asked++;
}

static struct promise *promise_of(struct range *g)
{
    if (g->promise != NULL) return g->promise;
    struct promise *p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    p->range = g;
    list_push_back(&g->kv->promises, &p->link);
    g->promise = p;
    return p;
}

void promise_use(struct range *g, uint64_t age_ns)
{
    struct promise *p = promise_of(g);
    if (p == NULL) return; /* whoever reads asks the leader */
    look(p);
    uint64_t newest_ns = p->next.ts != 0 ? p->next.sent_ns : in_force(g, &p->now) ? p->now.sent_ns : 0;
    uint64_t now_ns = now_of(g->kv), renew_ns = age_ns / 2 < RENEW_NS ? age_ns / 2 : RENEW_NS;
    p->used_ns = now_ns;
    if (newest_ns == 0 || now_ns > newest_ns + renew_ns) ask(p);
}

bool promise_covers(struct range *g, uint64_t ts)
{
    struct promise *p = g->promise;
    if (p == NULL) return false;
    look(p);
    return ts <= p->now.ts && in_force(g, &p->now);
}

/* Wide enough for all that our clock may be wrong by. */
static bool young_enough(uint64_t now_ns, uint64_t sent_ns, uint64_t age_ns)
{
    uint64_t passed_ns = now_ns - sent_ns;
    return age_ns == 0 || passed_ns + passed_ns / 500 <= age_ns || MUTANT("promise_never_ages");
}

/* One timestamp for all ranges that are read here, so that those that belong together are served together. */
uint64_t promise_pick(struct kv *kv, uint64_t least_ts, uint64_t age_ns)
{
    uint64_t now_ns = now_of(kv), ts = 0;
    LIST_FOR_EACH(item, &kv->promises) {
        struct promise *p = CONTAINER_OF(item, struct promise, link);
        look(p);
        if (now_ns > p->used_ns + USED_LATELY_NS || replica_serving(p->range->replica) || !in_force(p->range, &p->now)) continue;
        if (p->now.ts < least_ts || !young_enough(now_ns, p->now.sent_ns, age_ns)) continue;
        if (ts == 0 || p->now.ts < ts) ts = p->now.ts;
    }
    return ts;
}

void promise_forget(struct range *g)
{
    if (g->promise == NULL) return;
    g->promise->now = g->promise->next = (struct promised){0};
    if (g->promise->asking) rpc_cancel(&g->promise->call);
    g->promise->asking = false;
}

void promise_close(struct range *g)
{
    if (g->promise == NULL) return;
    promise_forget(g);
    list_remove(&g->promise->link);
    free(g->promise);
    g->promise = NULL;
}
