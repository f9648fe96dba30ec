/* What a replica knows of its members and of itself. Nothing here changes it. */
#include "shard/shard_int.h"

/* ---- who is who ---- */

static uint64_t node_in(const struct raft_member *members, uint32_t count, uint64_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (members[i].id == id) return members[i].node;
    return 0;
}

uint64_t replica_node_of(const struct replica *r, uint64_t replica_id)
{
    const struct raft_config *c = raft_config(r->raft);
    uint64_t node = node_in(c->voters, c->voter_count, replica_id);
    if (node == 0) node = node_in(c->outgoing, c->outgoing_count, replica_id);
    if (node == 0) node = node_in(c->learners, c->learner_count, replica_id);
    if (node == 0) node = node_in(r->senders, SENDERS_MAX, replica_id);
    return node;
}

void replica_learn_sender(struct replica *r, uint64_t replica_id, uint64_t node)
{
    for (uint32_t i = 0; i < SENDERS_MAX; i++) {
        if (r->senders[i].id != replica_id) continue;
        r->senders[i].node = node;
        return;
    }
    r->senders[r->sender_next] = (struct raft_member){replica_id, node};
    r->sender_next = (r->sender_next + 1) % SENDERS_MAX;
}

/* ---- questions ---- */

struct range_id replica_range(const struct replica *r) { return r->range; }
struct store *replica_store(const struct replica *r) { return r->store; }
const struct descriptor *replica_descriptor(const struct replica *r) { return &r->descriptor; }
void *replica_app(const struct replica *r) { return r->app; }

uint64_t replica_term(const struct replica *r) { return raft_term(r->raft); }

/* What a group at rest was told of its stores' support is old; asking it changes nothing else. */
static void renew(const struct replica *r)
{
    if (r->support_seen != r->store->liveness.version) liveness_renew((struct replica *)(uintptr_t)r);
}

void replica_raft_status(const struct replica *r, struct raft_status *status_out)
{
    renew(r);
    raft_status(r->raft, status_out);
}

enum status replica_progress(const struct replica *r, uint64_t member, struct raft_progress *progress_out)
{
    renew(r);
    return raft_progress(r->raft, member, progress_out);
}

bool replica_serving(const struct replica *r)
{
    if (r->state != REPLICA_STATE_RUNNING || r->store->failed) return false;
    /* K16: only who inherited the group knows before that what is committed: the split that began it, which it has applied. */
    return raft_leads(r->raft) && (r->applied.term == raft_term(r->raft) || raft_is_heir(r->raft) || MUTANT("serves_before_own_entry"));
}

bool replica_leased(const struct replica *r)
{
    if (r->store->options.no_leases || !replica_serving(r)) return false;
    renew(r);
    uint64_t until_ns = raft_lease_until(r->raft);
    bool had_one = until_ns != 0 && MUTANT("lease_never_ends");
    uint64_t now_ns = env_now_ns(r->store->env); /* the clock is read here (K18) */
    return had_one || (now_ns < until_ns && liveness_counts(r->store, now_ns, until_ns));
}

uint64_t replica_applied(const struct replica *r)
{
    bool whole = r->state == REPLICA_STATE_RUNNING && !r->lost && !r->store->failed && r->descriptor.epoch > 0;
    return whole ? r->applied.index : 0;
}

uint64_t replica_last_index(const struct replica *r)
{
    struct raft_status status;
    raft_status(r->raft, &status);
    return status.last.index;
}

struct node_id replica_leader_hint(const struct replica *r)
{
    return (struct node_id){raft_leader_node(r->raft)};
}

static void hand_over_app(struct replica *r)
{
    const struct shard_app *app = r->store->options.app;
    struct raft_status status;
    raft_status(r->raft, &status);
    if (app->handing_over == NULL || status.transfer_to == 0) return; /* it is a member: the leader itself stays */
    struct node_id to = {replica_node_of(r, status.transfer_to)};
    app->handing_over(r->app, to, 2 * r->store->options.election_timeout_ns); /* as note_transfer has it */
}

enum status replica_transfer(struct replica *r, struct node_id to)
{
    const struct raft_member *m = to.value == 0 ? NULL : descriptor_member_on(&r->descriptor, to);
    if (to.value != 0 && m == NULL) return STATUS_NOT_FOUND;
    struct raft_event event = {.kind = RAFT_EVENT_TRANSFER, .member = m == NULL ? 0 : m->id};
    uint64_t now_ns = env_now_ns(r->store->env);
    enum status status = replica_step(r, &event);
    if (status != STATUS_OK) return status;
    if (m == NULL || m->id != r->id) r->transfer_ns = now_ns;
    hand_over_app(r);
    return STATUS_OK;
}

bool replica_handing_over(const struct replica *r)
{
    struct raft_status status;
    raft_status(r->raft, &status);
    return status.transferring;
}
