/* Calls groups at rest (raft.h) when the support that their rest relies on has ended or begun anew; and now and then
 * without a reason. Between that they cost nothing. */
#include "shard/shard_int.h"

#define CALLS_AT_ONCE   256      /* more than that follow later: their elections do not come all at once */
#define CALLS_LEAST     8
#define CALL_EVERY_NS   10000000u
#define CALL_LATE_NS    20000000u
#define ASK_EVERY_NS    UINT64_C(60000000000) /* each group at rest */
#define ASKS_A_SECOND   2u                    /* or as many, if that is more often */

static void call_at(struct store *s, uint64_t due_ns)
{
    s->liveness.call_due_ns = due_ns;
    timer_arm(s->options.timers, &s->liveness.call, due_ns);
}

static void call_all(struct store *s)
{
    s->liveness.calls_left = s->metrics.replicas;
    if (!timer_armed(&s->liveness.call)) call_at(s, env_now_ns(s->env));
}

/* A group that is called speaks, and goes on to do so until it rests again. Where that keeps the store from its beats, support
 * lapses for that alone, and all have to be called once more. So a store that is late calls fewer. */
static uint32_t calls_now(struct liveness *l, uint64_t now_ns)
{
    bool late = now_ns - l->call_due_ns > CALL_LATE_NS;
    if (late) COVER("shard_calls_are_late");
    if (l->calls_at_once == 0) l->calls_at_once = CALLS_AT_ONCE;
    l->calls_at_once = late ? l->calls_at_once / 2 : l->calls_at_once * 2;
    if (l->calls_at_once < CALLS_LEAST) l->calls_at_once = CALLS_LEAST;
    if (l->calls_at_once > CALLS_AT_ONCE) l->calls_at_once = CALLS_AT_ONCE;
    return l->calls_at_once;
}

static bool changed(struct liveness_peer *p, uint64_t now_ns)
{
    bool given = now_ns < p->given_until_ns, received = now_ns < p->received_until_ns;
    bool same = given == p->seen_given && received == p->seen_received &&
                p->given_epoch == p->seen_given_epoch && p->received_epoch == p->seen_received_epoch;
    p->seen_given = given;
    p->seen_received = received;
    p->seen_given_epoch = p->given_epoch;
    p->seen_received_epoch = p->received_epoch;
    return !same;
}

/* The timer stands at the end of the support that ends first, or earlier. */
static void lapse_by(struct store *s, uint64_t until_ns, uint64_t now_ns)
{
    struct timer *t = &s->liveness.lapse;
    if (until_ns <= now_ns || (timer_armed(t) && t->deadline_ns <= until_ns)) return;
    timer_arm(s->options.timers, t, until_ns);
}

static bool look_at(struct store *s, struct liveness_peer *p, uint64_t now_ns)
{
    lapse_by(s, p->given_until_ns, now_ns);
    lapse_by(s, p->received_until_ns, now_ns);
    return changed(p, now_ns);
}

/* Groups at rest know what support began; that it ended, or began anew, is what they have to be told. */
void rest_look_at(struct store *s, struct liveness_peer *p)
{
    if (!look_at(s, p, env_now_ns(s->env))) return;
    s->liveness.news++;
    if (!MUTANT("rest_not_called")) call_all(s);
}

void rest_look(struct store *s)
{
    uint64_t now_ns = env_now_ns(s->env);
    bool news = false;
    for (uint32_t i = 0; i < s->node_count; i++) news |= look_at(s, &s->nodes[i]->liveness, now_ns);
    if (news) s->liveness.news++;
    if (news && !MUTANT("rest_not_called")) call_all(s);
}

static void on_lapse(struct timer *t, void *ctx)
{
    struct store *s = ctx;
    (void)t;
    if (!s->failed) rest_look(s);
}

/* The group after that one, round and round. */
static struct replica *next_group(struct store *s, struct range_id *after)
{
    struct replica *last = store_replica(s, *after);
    struct replica *r = store_replica_next(s, last);
    if (r == NULL) r = store_replica_next(s, NULL);
    if (r != NULL) *after = r->range;
    return r;
}

static void on_call(struct timer *t, void *ctx)
{
    struct store *s = ctx;
    struct liveness *l = &s->liveness;
    (void)t;
    if (s->failed) return;
    uint32_t most = calls_now(l, env_now_ns(s->env));
    for (uint32_t i = 0; i < most && l->calls_left > 0; l->calls_left--) {
        struct replica *r = next_group(s, &l->called);
        if (r == NULL) break;
        if (!r->resting) continue; /* it has a timer */
        liveness_feed(r);
        struct raft_event event = {.kind = RAFT_EVENT_FLUSH};
        if (replica_step_fed(r, &event) != STATUS_OK) COVER("shard_call_refused");
        i++;
    }
    if (l->calls_left > 0) call_at(s, env_now_ns(s->env) + CALL_EVERY_NS);
}

/* Whether the leader that a group is bound to still leads it: a word that was lost must not bind for ever. */
void rest_ask(struct store *s, uint64_t passed_ns)
{
    struct liveness *l = &s->liveness;
    uint64_t groups = s->metrics.replicas, least = ASKS_A_SECOND * (ASK_EVERY_NS / 1000000000u);
    l->ask_credit_ns += passed_ns * (groups > least ? groups : least);
    while (l->ask_credit_ns >= ASK_EVERY_NS) {
        l->ask_credit_ns -= ASK_EVERY_NS;
        struct replica *r = next_group(s, &l->asked);
        if (r == NULL || !r->resting || raft_leads(r->raft)) continue; /* who leads has nobody to ask */
        struct raft_event event = {.kind = RAFT_EVENT_TIMER};
        if (replica_step(r, &event) != STATUS_OK) COVER("shard_ask_refused");
    }
}

void rest_init(struct store *s)
{
    timer_init(&s->liveness.lapse, on_lapse, s);
    timer_init(&s->liveness.call, on_call, s);
}

void rest_deinit(struct store *s)
{
    timer_cancel(s->options.timers, &s->liveness.lapse);
    timer_cancel(s->options.timers, &s->liveness.call);
}
