/* Parallel commit, at the gateway (T10; the leaders: staged.c). When nothing that was read needs a look at the final timestamp, the
 * anchor's PREPARE lists all other keys. Then all that is prepared is committed, as soon as the last answer is here: the client
 * is told, one quorum round after its COMMIT, and the record is written behind its back, for those who meet the intents.
 *
 * **G1** Once such a PREPARE may be somewhere the attempt is given up only by an ABORTED record, and the gateway obeys what it
 * finds there: somebody may have found everything prepared. A missing answer is no failure: the outcome is unknown then.
 * **G2** Who had to ask twice for a PREPARE does not go by the highest lb: in between the attempt may have been recovered and carried out, and that
 * part prepared again, too late to count. The record knows ct. */
#include "txn/two_phase.h"

#define SETTLEMENTS_MAX 256u /* fibers; beyond, the record is waited for */
#define SETTLE_NS 5000000000u  /* then it is left to who meets the intents */
#define GRACE_NS 1000000000u   /* for what has to be known when the time is over */

/* ---- may it be staged? ---- */

static bool is_switched_on(const struct kv *kv)
{
    uint64_t on = cluster_setting_info(SETTING_PARALLEL_COMMIT)->fallback;
    (void)cluster_settings_get(store_settings(kv->store), SETTING_PARALLEL_COMMIT, BYTES_EMPTY, &on);
    return on != 0 && !kv->no_parallel_commit;
}

/* What it has read holds at whatever ct it gets: nobody else writes what it has prepared (P1), and what is under a lease does not change
 * until that ends, which is the highest ct then. */
static bool reads_hold(struct two_phase *p)
{
    struct txn *t = p->t;
    uint64_t last_ct = p->last_ct;
    for (uint32_t i = 0; i < t->span_count && !MUTANT("staged_unrefreshed"); i++) {
        const struct span *s = &t->spans[i];
        if (s->point && write_set_find(&t->writes, s->start) != NULL) continue;
        uint64_t until = catalog_lease_until(t->kv, s, t->read_ts, 0);
        if (until == 0) return false;
        if (until < last_ct && !MUTANT("staged_lease_outlived")) last_ct = until;
    }
    if (last_ct <= p->sent_ts) return false;
    p->last_ct = last_ct;
    return true;
}

/* False: they are too many. */
static bool list_keys(struct two_phase *p)
{
    buf_reset(&p->keys);
    put_u16(&p->keys, (uint16_t)(p->t->writes.count - 1));
    for (const struct write *w = write_set_first(&p->t->writes); w != NULL && p->keys.size <= STAGED_BYTES_MAX; w = write_set_next(w))
        if (!bytes_equal(w->key, p->anchor)) put_sized(&p->keys, w->key);
    return !p->keys.failed && p->keys.size <= STAGED_BYTES_MAX;
}

void two_phase_stage(struct two_phase *p)
{
    struct txn *t = p->t;
    p->staged = false;
    if (p->plain || t->spill != NULL || !is_switched_on(t->kv)) return; /* spilled: it is large, and prepared little by little */
    if (t->writes.count < 2 || t->writes.count > STAGED_KEYS_MAX + 1 || t->writes.bytes > t->kv->entry_bytes / 4) return;
    p->staged = list_keys(p) && reads_hold(p);
}

static bool holds_anchor(const struct two_phase *p, const struct group *g)
{
    return bytes_compare(g->first->key, p->anchor) <= 0 && bytes_compare(p->anchor, g->last->key) <= 0;
}

struct bytes two_phase_staged_keys(const struct two_phase *p, const struct group *g)
{
    return p->staged && holds_anchor(p, g) ? buf_view(&p->keys) : BYTES_EMPTY;
}

/* ---- it is not committed, as far as this gateway knows ---- */

static bool may_be_staged(const struct two_phase *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (holds_anchor(p, p->groups[i]) && (p->groups[i]->lb != 0 || p->groups[i]->q.doubt)) return true;
    return false;
}

/* Nothing of it is there any more. */
static void anchor_is_undone(struct two_phase *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (holds_anchor(p, p->groups[i])) {
            p->groups[i]->lb = 0;
            p->groups[i]->q.doubt = false;
        }
}

static enum status give_up(struct two_phase *p, enum status why)
{
    struct txn *t = p->t;
    if (!may_be_staged(p) || MUTANT("staged_given_up_silently")) return why;
    COVER("txn_staged_given_up");
    struct gateway_request q = two_phase_decide_request(p);
    uint64_t end_ns = env_now_ns(store_env(t->kv->store)) + GRACE_NS;
    if (t->interrupt.requested) q.interrupt = NULL;
    if (q.interrupt == NULL || (q.deadline_ns != 0 && q.deadline_ns < end_ns)) q.deadline_ns = end_ns;
    buf_reset(&t->request);
    buf_append_zero(&t->request, HEAD_BYTES);
    decide_encode(&t->request, t->name, (struct attempt){p->sent_ts, t->id.tag}, DECIDE_GIVE_UP, 0, q.key, BYTES_EMPTY);
    hull_add(&q.hull, &(struct span){.start = q.key, .point = true});
    enum status status = gateway_call(t->kv, &q, &t->reply);
    struct reader in = reader_make(buf_view(&t->reply));
    uint8_t state = status == STATUS_OK ? get_u8(&in) : RECORD_NONE;
    uint64_t ct = status == STATUS_OK ? get_u64(&in) : 0;
    if (status == STATUS_OK && reader_done(&in) && state == RECORD_COMMITTED) {
        COVER("txn_staged_was_committed");
        p->ct = ct;
        return STATUS_OK;
    }
    if (state != RECORD_ABORTED) return STATUS_UNKNOWN_OUTCOME;
    anchor_is_undone(p);
    return why;
}

/* ---- it is committed ---- */

/* The record of a commit that was acknowledged is on its way; until it is there its node answers for it. */
struct settlement {
    struct kv *kv;
    uint64_t tag;
    struct rpc_call call;
    struct buf body;
    struct bytes anchor; /* follows the struct, and so does what body begins with */
};

static void settlement_end(struct settlement *s, bool done)
{
    if (!done) COVER("txn_staged_left_to_others");
    map_remove(&s->kv->settling, s->tag);
    buf_deinit(&s->body);
    pool_free(&s->kv->pool, s);
}

/* Wherever the range is by now. */
static void settle(void *arg)
{
    struct settlement *s = arg;
    struct kv *kv = s->kv;
    struct buf reply;
    struct gateway_request q = {.kind = RPC_DECIDE, .key = s->anchor, .body = &s->body, .repeatable = true, .stamped = true,
                                .deadline_ns = env_now_ns(store_env(kv->store)) + SETTLE_NS};
    hull_add(&q.hull, &(struct span){.start = s->anchor, .point = true});
    buf_init(&reply, 4096);
    enum status status = gateway_call(kv, &q, &reply);
    buf_deinit(&reply);
    settlement_end(s, status == STATUS_OK);
}

static bool settle_by_fiber(struct settlement *s)
{
    return fiber_spawn(store_fibers(s->kv->store), settle, s, NULL) == STATUS_OK;
}

static void on_settled(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    struct settlement *s = call->ctx;
    if (status == STATUS_OK || s->kv->stopping || MUTANT("settled_by_any_answer")) settlement_end(s, status == STATUS_OK);
    else if (!settle_by_fiber(s)) settlement_end(s, false);
}

/* Mostly it is known who leads there, and one request does it, without a fiber. False: it is not known, or the request cannot be sent. */
static bool settle_at_once(struct settlement *s)
{
    struct route route;
    if (store_route(s->kv->store, s->anchor, &route) != STATUS_OK || route.leader.value == 0) return false;
    store_le64(s->body.data, route.range.value);
    store_le64(s->body.data + 8, route.epoch);
    s->call = (struct rpc_call){.on_done = on_settled, .ctx = s};
    return rpc_start(store_rpc(s->kv->store), &s->call, route.leader, RPC_DECIDE, buf_view(&s->body), REQUEST_TIMEOUT_NS / 3) == STATUS_OK;
}

/* NULL: no memory. */
static struct settlement *settlement_create(struct kv *kv, uint64_t tag, struct bytes anchor, struct bytes body)
{
    struct settlement *s = pool_alloc(&kv->pool, sizeof *s + anchor.size + body.size);
    if (s == NULL) return NULL;
    uint8_t *behind = (uint8_t *)(s + 1);
    s->kv = kv;
    s->tag = tag;
    s->call = (struct rpc_call){.ctx = s};
    memcpy(behind, anchor.data, anchor.size);
    s->anchor = bytes_make(behind, anchor.size);
    buf_init_lent(&s->body, NET_MESSAGE_BYTES_MAX - 4096, behind + anchor.size, body.size);
    buf_append_bytes(&s->body, body);
    if (map_put(&kv->settling, tag, s) == STATUS_OK) return s;
    pool_free(&kv->pool, s);
    return NULL;
}

/* False: no memory, or too many are under way. */
static bool settlement_begin(struct two_phase *p)
{
    struct txn *t = p->t;
    enum decide_what what = two_phase_is_contended(p) ? DECIDE_WANTED : DECIDE_KNOWN;
    if (t->kv->settling.count >= SETTLEMENTS_MAX || two_phase_encode_decision(p, what) != STATUS_OK) return false;
    struct settlement *s = settlement_create(t->kv, t->id.tag, p->anchor, buf_view(&t->request));
    if (s == NULL) return false;
    if (settle_at_once(s) || settle_by_fiber(s)) return true;
    settlement_end(s, false);
    return false;
}

void two_phase_settle_stop(struct kv *kv)
{
    ASSERT(kv->stopping);
    size_t cursor = 0;
    for (struct map_slot *slot; (slot = map_next(&kv->settling, &cursor)) != NULL;) {
        struct settlement *s = slot->value;
        if (!s->call.active) continue; /* its fiber is told to end */
        rpc_cancel(&s->call);
        settlement_end(s, false);
        cursor = 0; /* what was behind it may have moved */
    }
}

static bool was_asked_twice(const struct two_phase *p)
{
    for (uint32_t i = 0; i < p->count; i++)
        if (p->groups[i]->q.doubt) return !MUTANT("staged_ct_of_second_prepare");
    return false;
}

/* From here on it is committed, whatever comes. */
static enum status decide_at_once(struct two_phase *p)
{
    COVER("txn_staged_decided_at_once");
    enum status status = two_phase_decide(p);
    return status == STATUS_OK ? STATUS_OK : STATUS_UNKNOWN_OUTCOME;
}

enum status two_phase_end_staged(struct two_phase *p, enum status status)
{
    if (status == STATUS_OK && p->ct <= p->sent_ts) status = STATUS_INVALID; /* no leader promises that */
    if (status != STATUS_OK) return give_up(p, status);
    if (was_asked_twice(p) || !settlement_begin(p)) return decide_at_once(p);
    p->t->kv->metrics.staged_commits++;
    return STATUS_OK; /* each leader has answered when the clock was past its timestamp (A1) */
}
