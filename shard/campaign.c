/* Elections by turns. When a node dies, thousands of groups want a new leader at the same moment; each election costs
 * messages and three writes, one after the other. All at once, they would take longer than an election waits, so nobody would
 * be elected and all would begin again. So a store has a bounded number of campaigns under way (CAMPAIGNS_MAX), and
 * the next begins when one has ended. Who waits may hear of another leader meanwhile, and then never stands.
 *
 * Nothing here bears on safety: TIMER may come late (raft/raft.h). A campaign that gets no answers gives its place up
 * before it ends, so groups that cannot elect anybody do not keep those waiting that can. */
#include "shard/nodes.h"

#define CAMPAIGNS_MAX 128u
#define BUSY_NS       10000000000u /* a range that took entries so lately goes before idle ones */

static void leave_list(struct replica *r)
{
    struct campaigns *c = &r->store->campaigns;
    if (r->campaign == CAMPAIGN_WAITS) c->waiting_count--;
    if (r->campaign == CAMPAIGN_OPEN) c->open_count--;
    list_remove(&r->campaign_link);
    r->campaign = CAMPAIGN_NONE;
}

static bool admits(const struct store *s)
{
    return s->campaigns.open_count < CAMPAIGNS_MAX || MUTANT("campaigns_without_bound");
}

static void look_soon(struct store *s)
{
    uint64_t now_ns = env_now_ns(s->env);
    if (s->campaigns.waiting_count > 0 && admits(s)) timer_arm(s->options.timers, &s->campaigns.timer, now_ns);
    else if (!timer_armed(&s->campaigns.timer))
        timer_arm(s->options.timers, &s->campaigns.timer, now_ns + s->options.heartbeat_ns);
}

static void wait_in_line(struct replica *r, uint64_t now_ns)
{
    struct campaigns *c = &r->store->campaigns;
    COVER("shard_campaign_waits");
    r->campaign = CAMPAIGN_WAITS;
    c->waiting_count++;
    bool busy = r->active_ns != 0 && now_ns - r->active_ns < BUSY_NS;
    if (busy) list_push_front(&c->waiting, &r->campaign_link);
    else list_push_back(&c->waiting, &r->campaign_link);
    look_soon(r->store);
}

/* The leader's store had been silent for too long, and asks for support again: the leader lives, and is about to ask for
 * its promises anew. It gets an election timeout for that. */
static uint64_t leader_is_back_until(const struct replica *r, uint64_t now_ns)
{
    struct store *s = r->store;
    struct node_entry *n = nodes_find(s, (struct node_id){raft_leader_node(r->raft)});
    if (n == NULL || now_ns >= n->liveness.given_until_ns || MUTANT("campaigns_against_the_living")) return 0;
    uint64_t until_ns = n->liveness.given_since_ns + s->options.election_timeout_ns;
    return now_ns < until_ns ? until_ns : 0;
}

bool campaign_admit(struct replica *r, uint64_t now_ns)
{
    struct store *s = r->store;
    if (!raft_due_to_stand(r->raft, now_ns)) return true;
    if (r->campaign == CAMPAIGN_WAITS) return false;
    uint64_t back_ns = leader_is_back_until(r, now_ns);
    if (back_ns != 0) {
        COVER("shard_campaign_leader_is_back");
        timer_arm(s->options.timers, &r->timer, back_ns);
        return false;
    }
    if (r->campaign != CAMPAIGN_NONE) leave_list(r);
    bool system = r->range.value <= RANGE_DATA.value; /* everybody needs them */
    if (system || (admits(s) && s->campaigns.waiting_count == 0)) return true;
    wait_in_line(r, now_ns);
    return false;
}

bool campaign_waits(struct replica *r, const struct raft_output *out)
{
    if (r->campaign != CAMPAIGN_WAITS) return false;
    if (!out->resting && out->wake_at_ns <= env_now_ns(r->store->env)) return true;
    leave_list(r); /* somebody else stands, or leads */
    return false;
}

void campaign_note(struct replica *r)
{
    struct campaigns *c = &r->store->campaigns;
    bool stands = raft_stands(r->raft);
    if (!stands && (r->campaign == CAMPAIGN_OPEN || r->campaign == CAMPAIGN_OVERDUE)) {
        leave_list(r);
        if (c->waiting_count > 0) look_soon(r->store);
    }
    if (!stands || r->campaign == CAMPAIGN_OPEN || r->campaign == CAMPAIGN_OVERDUE) return;
    if (r->campaign == CAMPAIGN_WAITS) leave_list(r); /* it was told to stand */
    r->campaign = CAMPAIGN_OPEN;
    r->campaign_ns = env_now_ns(r->store->env);
    list_push_back(&c->open, &r->campaign_link);
    if (++c->open_count > c->open_most) c->open_most = c->open_count;
    look_soon(r->store);
}

void campaign_forget(struct replica *r)
{
    if (r->campaign != CAMPAIGN_NONE) leave_list(r);
}

/* Answers to the first question come at once, or not at all. */
static bool is_overdue(const struct replica *r, uint64_t now_ns)
{
    const struct store_options *o = &r->store->options;
    uint64_t passed_ns = now_ns - r->campaign_ns;
    return passed_ns > (raft_asks_first(r->raft) ? o->heartbeat_ns : o->election_timeout_ns);
}

static void expire(struct store *s, uint64_t now_ns)
{
    LIST_FOR_EACH_SAFE(item, &s->campaigns.open) {
        struct replica *r = CONTAINER_OF(item, struct replica, campaign_link);
        if (!is_overdue(r, now_ns)) continue;
        COVER("shard_campaign_overdue");
        leave_list(r);
        r->campaign = CAMPAIGN_OVERDUE;
    }
}

static void on_campaigns(struct timer *t, void *ctx)
{
    struct store *s = ctx;
    struct campaigns *c = &s->campaigns;
    uint64_t now_ns = env_now_ns(s->env);
    if (s->failed) return;
    expire(s, now_ns);
    while (c->waiting_count > 0 && admits(s)) {
        struct replica *r = CONTAINER_OF(c->waiting.next, struct replica, campaign_link);
        leave_list(r);
        struct raft_event event = {.kind = RAFT_EVENT_TIMER};
        if (replica_step(r, &event) != STATUS_OK) COVER("shard_campaign_refused");
    }
    if (c->open_count > 0 && !timer_armed(t)) timer_arm(s->options.timers, t, now_ns + s->options.heartbeat_ns);
}

void campaigns_init(struct store *s)
{
    list_init(&s->campaigns.open);
    list_init(&s->campaigns.waiting);
    timer_init(&s->campaigns.timer, on_campaigns, s);
}

void campaigns_deinit(struct store *s)
{
    timer_cancel(s->options.timers, &s->campaigns.timer);
}
