/* Replicas that nobody counts any more: those of ranges that were merged away, and those that were taken out of
 * their range while they were not there to hear of it. One that has no leader for long, or is told that it is out,
 * asks the metadata range. It is destroyed when the answer proves that it is an orphan, and for no other reason:
 * what it promised and acknowledged is needed until then (K31).
 *
 * An orphan for sure (ORPHAN-1): the range is gone; or the mirror, which is no older than what the replica itself
 * has applied, does not have its id among the members, although ids up to there were given out. Ids are never
 * used twice, so it will not be a member again. A member is an id on a node: what a leader that lost its place had
 * meant to give to one node, the next leader may give to another. The same proof is asked before a replica is born because of a
 * message, so that one which was destroyed does not come back with an empty memory, and votes again, because of an
 * old message (ORPHAN-2).
 *
 * The engine forgets it first, the log after that: a crash in between leaves a log that belongs to nothing, never
 * data without the votes that go with it (ORPHAN-3).
 *
 * RPC_REPLICA_LEFT: range u64, replica id u64: you are out, look for yourself. */
#include <stdlib.h>

#include "shard/nodes.h"
#include "shard/range_change.h"

#define LEADERLESS_NS   5000000000u
#define ASK_AGAIN_NS    5000000000u
#define HINT_ASKS       12u   /* who says so may know it before the metadata range does */
#define LOOK_TICKS      10
#define LOOKED_AT_MAX   1024u /* replicas, each time */
#define ASKED_MAX       16u   /* at a time */
#define CALL_TIMEOUT_NS 2000000000u

enum orphan_state {
    ORPHAN_ASKING = 1, /* the metadata range */
    ORPHAN_DROPPING,   /* the replica is gone; the engine makes that durable */
    ORPHAN_FORGETTING, /* the log has no room to note it just now */
};

struct orphan {
    struct list link; /* store.orphans */
    struct store *store;
    struct range_id range;
    uint64_t id;
    enum orphan_state state;
    struct range_lookup lookup;
    struct env_op dropped;
};

static bool has_member(const struct raft_member *members, uint32_t count, struct raft_member who)
{
    for (uint32_t i = 0; i < count; i++)
        if (members[i].id == who.id && (members[i].node == who.node || MUTANT("member_by_id_alone"))) return true;
    return false;
}

bool orphan_is_member(const struct raft_config *c, struct raft_member who)
{
    return has_member(c->voters, c->voter_count, who) || has_member(c->outgoing, c->outgoing_count, who) ||
           has_member(c->learners, c->learner_count, who);
}

bool orphan_proven(enum range_verdict verdict, const struct descriptor *mirror, uint64_t epoch, struct raft_member who)
{
    if (verdict == RANGE_VERDICT_GONE) return true;
    if (verdict != RANGE_VERDICT_KNOWN) return false;
    if (MUTANT("k31_orphan_without_proof")) return !orphan_is_member(&mirror->config, who);
    return mirror->epoch >= epoch && who.id < mirror->next_replica_id && !orphan_is_member(&mirror->config, who);
}

static struct raft_member replica_here(const struct store *s, uint64_t id)
{
    return (struct raft_member){id, s->identity.node.value};
}

static struct orphan *find(struct store *s, struct range_id range)
{
    LIST_FOR_EACH(item, &s->orphans) {
        struct orphan *o = CONTAINER_OF(item, struct orphan, link);
        if (o->range.value == range.value) return o;
    }
    return NULL;
}

bool orphan_buried(struct store *s, struct range_id range)
{
    const struct orphan *o = find(s, range);
    return o != NULL && o->state != ORPHAN_ASKING;
}

static void orphan_free(struct orphan *o)
{
    list_remove(&o->link);
    free(o);
}

/* ---- the end of one ---- */

static void forget_log(struct orphan *o)
{
    struct lsn lsn;
    enum status status = wal_append_dropped(o->store->wal, o->range, &lsn);
    if (status == STATUS_BUSY || status == STATUS_NO_SPACE) {
        COVER("shard_orphan_log_waits");
        o->state = ORPHAN_FORGETTING;
        return;
    }
    if (status != STATUS_OK) store_fail(o->store, status, "the log cannot forget a replica");
    orphan_free(o);
}

static void on_dropped(struct env_op *op, int64_t result)
{
    struct orphan *o = CONTAINER_OF(op, struct orphan, dropped);
    struct store *s = o->store;
    if (result < 0 || s->failed) orphan_free(o); /* the engine says itself why it cannot go on */
    else forget_log(o);
}

static void destroy(struct orphan *o, struct replica *r)
{
    struct store *s = o->store;
    LOG_INFO(s->logger, "shard", "orphan destroyed", "range=%llu replica=%llu", (unsigned long long)o->range.value,
             (unsigned long long)o->id);
    COVER("shard_orphan_destroyed");
    s->metrics.orphans_destroyed++;
    o->state = ORPHAN_DROPPING;
    replica_destroy(r);
    o->dropped.on_done = on_dropped;
    lsm_range_drop(s->lsm, o->range, &o->dropped);
}

/* Nothing of it is needed by what goes on here just now. */
static bool at_rest(const struct replica *r)
{
    if (r->receive != NULL || r->sends != NULL || raft_leads(r->raft)) return false;
    return r->state == REPLICA_STATE_RUNNING || r->state == REPLICA_STATE_FENCED;
}

static void on_answer(struct range_lookup *l, enum status status, enum range_verdict verdict,
                      const struct descriptor *d)
{
    struct orphan *o = CONTAINER_OF(l, struct orphan, lookup);
    struct store *s = o->store;
    struct replica *r = status == STATUS_OK && !s->failed ? store_replica(s, o->range) : NULL;
    bool orphan = r != NULL && r->id == o->id && orphan_proven(verdict, d, r->descriptor.epoch, replica_here(s, r->id));
    /* A merge may have given the range more keys since it was made. */
    if (r != NULL && !orphan && verdict == RANGE_VERDICT_KNOWN && replica_expect(r, d) == STATUS_OK)
        COVER("shard_empty_replica_expects_anew");
    if (orphan && at_rest(r) && !merge_needs(r)) destroy(o, r);
    else orphan_free(o);
}

/* ---- suspicion ---- */

static void ask(struct replica *r, uint64_t now_ns)
{
    struct store *s = r->store;
    if (find(s, r->range) != NULL || s->orphan_count_asked >= ASKED_MAX) return;
    struct orphan *o = calloc(1, sizeof *o);
    if (o == NULL) return;
    o->store = s;
    o->range = r->range;
    o->id = r->id;
    o->state = ORPHAN_ASKING;
    o->lookup.on_done = on_answer;
    if (store_range_lookup(s, &o->lookup, r->range, true) != STATUS_OK) {
        free(o);
        return;
    }
    list_push_back(&s->orphans, &o->link);
    r->orphan_asked_ns = now_ns;
    if (r->orphan_hints > 0) r->orphan_hints--;
}

static bool suspicious(struct replica *r, uint64_t now_ns)
{
    if (raft_leads(r->raft)) return false;
    const struct raft_config *c = raft_config(r->raft);
    if (raft_leader_node(r->raft) != 0) r->leaderless_ns = 0;
    else if (r->leaderless_ns == 0) r->leaderless_ns = now_ns;
    if (r->orphan_asked_ns != 0 && now_ns - r->orphan_asked_ns < ASK_AGAIN_NS) return false;
    if (r->orphan_hints > 0) return true;
    if (c->voter_count > 0 && !orphan_is_member(c, replica_here(r->store, r->id))) return true;
    return r->leaderless_ns != 0 && now_ns - r->leaderless_ns > LEADERLESS_NS;
}

/* Goes round all replicas. One of each round that has no reason to doubt asks all the same: it may follow a leader
 * that has forgotten it. */
static void look_around(struct store *s)
{
    uint64_t now_ns = env_now_ns(s->env);
    uint32_t seen = 0;
    bool routine = false;
    struct replica *r = store_replica_next(s, store_replica(s, s->orphan_cursor)); /* from the first, if that one is gone */
    for (; r != NULL && seen < LOOKED_AT_MAX; r = store_replica_next(s, r), seen++) {
        s->orphan_cursor = r->range;
        bool doubt = suspicious(r, now_ns);
        if (!doubt && !routine && !raft_leads(r->raft) && now_ns - r->orphan_asked_ns > 60 * ASK_AGAIN_NS)
            doubt = routine = true;
        if (doubt) ask(r, now_ns);
    }
    if (r == NULL) s->orphan_cursor.value = 0;
}

void orphan_hint(struct replica *r)
{
    r->orphan_hints = HINT_ASKS;
}

void orphan_tick(struct store *s)
{
    s->orphan_count_asked = 0;
    LIST_FOR_EACH_SAFE(item, &s->orphans) {
        struct orphan *o = CONTAINER_OF(item, struct orphan, link);
        s->orphan_count_asked += o->state == ORPHAN_ASKING;
        if (o->state == ORPHAN_FORGETTING) forget_log(o);
    }
    if (s->tick_count % LOOK_TICKS == 7 && s->identity.node.value != 0 && !s->stopping) look_around(s);
}

/* ---- telling those who are out ---- */

static void on_told(struct rpc_call *call, enum status status, struct bytes body)
{
    (void)body;
    if (status != STATUS_OK) COVER("shard_left_not_told");
    free(call);
}

static void tell(struct replica *r, const struct raft_member *m)
{
    struct store *s = r->store;
    struct rpc_call *call = calloc(1, sizeof *call);
    if (call == NULL) return;
    uint8_t body[16];
    store_le64(body, r->range.value);
    store_le64(body + 8, m->id);
    call->on_done = on_told;
    if (rpc_start(s->rpc, call, (struct node_id){m->node}, RPC_REPLICA_LEFT, bytes_make(body, sizeof body),
                  CALL_TIMEOUT_NS) != STATUS_OK)
        free(call);
}

void orphan_tell_left(struct replica *r, const struct raft_config *before)
{
    if (!raft_leads(r->raft)) return;
    const struct raft_config *now = &r->descriptor.config;
    for (uint32_t i = 0; i < before->voter_count; i++)
        if (!orphan_is_member(now, before->voters[i])) tell(r, &before->voters[i]);
    for (uint32_t i = 0; i < before->outgoing_count; i++)
        if (!orphan_is_member(now, before->outgoing[i])) tell(r, &before->outgoing[i]);
    for (uint32_t i = 0; i < before->learner_count; i++)
        if (!orphan_is_member(now, before->learners[i])) tell(r, &before->learners[i]);
}

/* It was away when it was taken out, and heard of a leader that came later, but not of the change: it follows that one in
 * peace, and as one that is held by its promise it asks now and then whether that is still right. */
void orphan_tell_stranger(struct replica *r, struct node_id node, uint64_t id)
{
    if (!raft_leads(r->raft) || id >= r->descriptor.next_replica_id) return;
    const struct raft_member who = {.id = id, .node = node.value};
    if (orphan_is_member(&r->descriptor.config, who) || orphan_is_member(raft_config(r->raft), who)) return;
    COVER("shard_stranger_told");
    tell(r, &who);
}

static void serve_left(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    struct range_id range = {get_u64(&in)};
    uint64_t id = get_u64(&in);
    struct replica *r = reader_done(&in) ? store_replica(s, range) : NULL;
    if (r != NULL && r->id <= id) orphan_hint(r);
    rpc_reply(s->rpc, token, STATUS_OK, BYTES_EMPTY);
}

void orphan_serve(struct store *s)
{
    rpc_serve(s->rpc, RPC_REPLICA_LEFT, serve_left, s);
}

/* ---- births ---- */

bool orphan_may_be_born(enum range_verdict verdict, const struct descriptor *mirror, struct raft_member who)
{
    if (MUTANT("k31_born_again")) return true;
    if (verdict == RANGE_VERDICT_PENDING) return true;
    if (verdict != RANGE_VERDICT_KNOWN) return false;
    return who.id >= mirror->next_replica_id || orphan_is_member(&mirror->config, who);
}

void orphan_deinit(struct store *s)
{
    while (!list_empty(&s->orphans)) orphan_free(CONTAINER_OF(s->orphans.next, struct orphan, link));
}
