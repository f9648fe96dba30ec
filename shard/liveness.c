/* Support between stores, on which leases rest (README, Liveness; raft/README.md, Leases).
 *
 * Every beat a store asks each peer that shares a range with it for support, stamped with its own
 * clock, and answers what it was asked meanwhile. Who is asked promises its support for D from
 * receipt, by its own clock; who asked counts on it until its stamp + D less what two clocks may
 * differ by. Nobody compares clocks, only durations, which are trusted to the rate bound RHO.
 *
 * A store asks only while its own log completes writes: the idle marker goes with each beat, so
 * that a disk that stands still loses its store the support, and with it the leases (K28).
 *
 * SHARD_MESSAGE_LIVENESS: version u8 = 1, asker's incarnation u64 (0: asks for nothing), stamp u64;
 * then the answer: incarnation that had asked u64 (0: none), its stamp u64, epoch of our support
 * u64. */
#include <stdlib.h>

#include "shard/nodes.h"

#define FORMAT_VERSION 1
#define RATE_BOUND_PPM 1000u /* RHO: how far the rate of any clock is from that of time */
#define EPOCH_BITS     24    /* an epoch is our incarnation above a counter */
#define STALL_SHED_NS  UINT64_C(500000000)
#define STALL_MUTE_NS  UINT64_C(1000000000)
#define STALL_EXIT_NS  UINT64_C(10000000000)
#define SHED_AT_ONCE   64  /* leaderships in a beat: each is an election, on another disk that may be as slow */
#define WARN_EVERY_NS  UINT64_C(1000000000)
#define LOOP_GAP_NS    UINT64_C(200000000) /* two beats: a loop that runs comes by more often */

/* ---- what we promise ---- */

static uint64_t next_epoch(struct store *s)
{
    struct liveness *l = &s->liveness;
    uint64_t least = s->identity.incarnation << EPOCH_BITS;
    l->epoch = l->epoch < least ? least : l->epoch + 1;
    ASSERT(l->epoch >> EPOCH_BITS >= s->identity.incarnation);
    return l->epoch;
}

static void on_request(struct store *s, struct liveness_peer *p, uint64_t incarnation,
                       uint64_t stamp)
{
    uint64_t now_ns = env_now_ns(s->env);
    if (incarnation < p->asker) return;
    bool lapsed = now_ns >= p->given_until_ns && !MUTANT("lease_epoch_kept");
    bool anew = incarnation > p->asker || lapsed;
    if (anew || p->given_epoch == 0) p->given_epoch = next_epoch(s); /* older promises are void */
    if (anew) p->given_since_ns = now_ns;
    p->asker = incarnation;
    p->given_until_ns = now_ns + s->options.support_ns;
    p->answer_stamp = stamp;
    s->liveness.version++;
    rest_look_at(s, p);
}

void liveness_begin_anew(struct store *s)
{
    if (s->liveness.version == 0) return; /* nothing was promised in this life */
    for (uint32_t i = 0; i < s->node_count; i++) {
        struct liveness_peer *p = &s->nodes[i]->liveness;
        if (p->given_epoch != 0) p->given_epoch = next_epoch(s);
    }
    s->liveness.version++;
    rest_look(s);
}

/* ---- what we were promised ---- */

/* A process that stood still may have stood still with its clock for a part of the time. Then promises are over that seem to
 * last, and nothing here shows it. So after a gap only those count that were asked for since (transactions.md, A9). */

static bool is_gap(const struct store *s, uint64_t now_ns)
{
    uint64_t turned_ns = s->liveness.turned_ns;
    return turned_ns != 0 && now_ns > turned_ns + LOOP_GAP_NS && !MUTANT("lease_gap_unnoticed");
}

void liveness_look(struct store *s, uint64_t now_ns)
{
    if (is_gap(s, now_ns)) {
        COVER("shard_loop_gap");
        s->liveness.gap_ns = now_ns;
        s->metrics.loop_gaps++;
    }
    s->liveness.turned_ns = now_ns;
}

static uint64_t counted_until(const struct store *s, uint64_t stamp)
{
    uint64_t d = s->options.support_ns;
    if (MUTANT("lease_counted_from_receipt")) stamp = env_now_ns(s->env);
    if (MUTANT("lease_without_margin")) return stamp + d;
    return stamp + d - 2 * (d / 1000000 * RATE_BOUND_PPM);
}

static void on_answer(struct store *s, struct liveness_peer *p, uint64_t life, uint64_t stamp,
                      uint64_t epoch)
{
    /* What an earlier life of ours had asked is stamped with another clock, perhaps. */
    bool ours = life == s->identity.incarnation || MUTANT("lease_old_life_counts");
    if (!ours || stamp > env_now_ns(s->env) || epoch < p->received_epoch) return;
    uint64_t until_ns = counted_until(s, stamp);
    if (epoch > p->received_epoch || until_ns > p->received_until_ns)
        p->received_until_ns = until_ns;
    p->received_epoch = epoch;
    s->liveness.version++;
    rest_look_at(s, p);
}

bool liveness_counts(const struct store *s, uint64_t now_ns, uint64_t lease_until_ns)
{
    if (is_gap(s, now_ns)) return false;
    return s->liveness.gap_ns == 0 || lease_until_ns >= counted_until(s, s->liveness.gap_ns);
}

void liveness_on_message(struct store *s, struct node_id from, struct bytes payload)
{
    struct reader in = reader_make(payload);
    uint8_t version = get_u8(&in);
    uint64_t asker = get_u64(&in), asked_stamp = get_u64(&in);
    uint64_t life = get_u64(&in), stamp = get_u64(&in), epoch = get_u64(&in);
    struct node_entry *n = nodes_find(s, from);
    if (!reader_done(&in) || version != FORMAT_VERSION || n == NULL) {
        LOG_WARN(s->logger, "shard", "liveness message refused", "from=%llu size=%zu",
                 (unsigned long long)from.value, payload.size);
        return;
    }
    if (s->options.no_leases || n->record.removed || n->forked || s->identity.incarnation == 0)
        return;
    n->liveness.asks = asker != 0;
    if (asker != 0) on_request(s, &n->liveness, asker, asked_stamp);
    if (life != 0) on_answer(s, &n->liveness, life, stamp, epoch);
}

/* ---- the beat ---- */

static bool shares_a_range(struct store *s, struct node_id node)
{
    LIST_FOR_EACH(item, &s->replicas)
    {
        struct replica *r = CONTAINER_OF(item, struct replica, link);
        if (descriptor_member_on(&r->descriptor, node) != NULL) return true;
    }
    return false;
}

static void send_beat(struct store *s, struct node_entry *n)
{
    struct liveness_peer *p = &n->liveness;
    bool asks =
        s->liveness.stalled_ns < STALL_MUTE_NS && !s->stopping && shares_a_range(s, n->record.node);
    if (!asks && p->answer_stamp == 0) return;
    struct buf *b = &s->scratch;
    buf_reset(b);
    put_u8(b, FORMAT_VERSION);
    put_u64(b, asks ? s->identity.incarnation : 0);
    put_u64(b, asks ? env_now_ns(s->env) : 0);
    bool answers = p->answer_stamp != 0;
    put_u64(b, answers ? p->asker : 0);
    put_u64(b, answers ? p->answer_stamp : 0);
    put_u64(b, answers ? p->given_epoch : 0);
    ASSERT(!b->failed);
    p->answer_stamp = 0;
    s->metrics.liveness_out++;
    if (net_send(s->net, n->record.node, NET_LINK_CONTROL, SHARD_MESSAGE_LIVENESS, 1, 1,
                 buf_view(b)) != STATUS_OK)
        COVER("shard_beat_not_sent");
}

/* For how long the log has completed nothing, although each beat writes a marker. Counted in beats:
 * a process that was paused has not been waiting for its disk. A full disk is slow to nobody. */
static void look_at_log(struct store *s, uint64_t now_ns)
{
    struct liveness *l = &s->liveness;
    uint64_t passed_ns = now_ns - l->looked_ns, period_ns = s->options.heartbeat_ns;
    if (passed_ns > 2 * period_ns) passed_ns = 2 * period_ns;
    l->looked_ns = now_ns;
    uint64_t durable = wal_durable(s->wal).value;
    bool moved = durable != l->durable || MUTANT("k28_stall_unnoticed");
    l->durable = durable;
    struct lsn lsn;
    /* On a full disk the last room of the log is for votes and for what frees segments. */
    enum status status = space_is_low(s, 0) ? STATUS_NO_SPACE : wal_append_marker(s->wal, &lsn);
    if (status != STATUS_OK) COVER("shard_marker_refused");
    l->stalled_ns = moved || status == STATUS_NO_SPACE ? 0 : l->stalled_ns + passed_ns;
}

/* Others can lead while our disk cannot. */
static void shed(struct store *s, uint64_t now_ns)
{
    struct liveness *l = &s->liveness;
    store_hand_over(s, SHED_AT_ONCE);
    if (now_ns < l->warned_ns) return;
    l->warned_ns = now_ns + WARN_EVERY_NS;
    LOG_WARN(s->logger, "shard", "the log's disk stands still", "stalled_ms=%llu",
             (unsigned long long)(l->stalled_ns / 1000000));
}

bool liveness_may_lead(const struct store *s, const struct node_entry *n)
{
    if (s->options.no_leases) return true; /* nobody is asked for anything */
    return n->liveness.asks && env_now_ns(s->env) < n->liveness.given_until_ns;
}

static void on_beat(struct timer *t, void *ctx)
{
    struct store *s = ctx;
    uint64_t now_ns = env_now_ns(s->env);
    timer_arm(s->options.timers, t, now_ns + s->options.heartbeat_ns);
    if (s->failed) return;
    look_at_log(s, now_ns);
    if (s->liveness.stalled_ns >= STALL_EXIT_NS) {
        store_fail(s, STATUS_IO, "the disk of the log has completed no write for 10 seconds");
        return;
    }
    if (s->liveness.stalled_ns >= STALL_SHED_NS) shed(s, now_ns);
    if (s->stopping) store_hand_over(s, HAND_OVER_AT_ONCE); /* what could not go at once */
    if (s->options.no_leases || s->net == NULL || !s->identity_durable) return;
    rest_ask(s, s->options.heartbeat_ns);
    for (uint32_t i = 0; i < s->node_count; i++) {
        struct node_entry *n = s->nodes[i];
        if (n->record.node.value != s->identity.node.value && !n->record.removed) send_beat(s, n);
    }
}

void liveness_start(struct store *s)
{
    timer_init(&s->liveness.beat, on_beat, s);
    rest_init(s);
    s->liveness.looked_ns = env_now_ns(s->env);
    timer_arm(s->options.timers, &s->liveness.beat,
              s->liveness.looked_ns + s->options.heartbeat_ns);
}

void liveness_stop(struct store *s)
{
    timer_cancel(s->options.timers, &s->liveness.beat);
    rest_deinit(s);
}

/* ---- what the groups are told ---- */

/* A few each: there may be thousands of groups. */
static bool fed_reserve(struct replica *r)
{
    if (r->fed_count < r->fed_capacity) return true;
    uint32_t capacity = r->fed_capacity + 2;
    struct raft_member *fed = realloc(r->fed, capacity * sizeof *fed);
    if (fed == NULL) {
        store_fail(r->store, STATUS_NO_MEMORY, "no memory for what a group is told of stores");
        return false;
    }
    r->fed = fed;
    r->fed_capacity = capacity;
    return true;
}

/* Members whose stores a group is told about: those of its configuration, and whoever holds its
 * promise. */
static void fed_add(struct replica *r, uint64_t member)
{
    if (member == r->id || member == 0) return;
    for (uint32_t i = 0; i < r->fed_count; i++)
        if (r->fed[i].id == member) return;
    struct raft_status status;
    uint64_t node = replica_node_of(r, member);
    if (node == 0) return;
    if (r->fed_count < FED_MAX) {
        if (fed_reserve(r)) r->fed[r->fed_count++] = (struct raft_member){member, node};
        return;
    }
    raft_status(r->raft, &status);
    for (uint32_t i = 0; i < r->fed_count; i++) {
        if (raft_config_has(status.config, r->fed[i].id) || r->fed[i].id == status.promised_to)
            continue;
        r->fed[i] = (struct raft_member){member, node};
        return;
    }
}

static void fed_update(struct replica *r)
{
    const struct raft_config *c = raft_config(r->raft);
    for (uint32_t i = 0; i < c->voter_count; i++)
        fed_add(r, c->voters[i].id);
    for (uint32_t i = 0; i < c->outgoing_count; i++)
        fed_add(r, c->outgoing[i].id);
}

/* What is to be said of the store of fed member i; false: nothing. */
static bool support_of(const struct replica *r, uint32_t i, struct raft_support *support_out)
{
    struct store *s = r->store;
    struct node_entry *n = nodes_find(s, (struct node_id){r->fed[i].node});
    if (n == NULL || n->record.node.value == s->identity.node.value) return false;
    const struct liveness_peer *p = &n->liveness;
    *support_out = (struct raft_support){r->fed[i].id, p->given_epoch, p->given_until_ns, p->received_epoch,
                                         p->received_until_ns};
    return true;
}

/* A group compares the ends of support with the present. So as long as no end that it was told of has come, it makes no
 * difference that they are later by now. (A little earlier: support also counts as contact.) */
static void note_fresh(struct replica *r, const struct raft_support *support, uint64_t now_ns)
{
    uint64_t early_ns = 2 * r->store->options.heartbeat_ns;
    uint64_t ends[] = {support->given_until_ns, support->received_until_ns};
    for (uint32_t i = 0; i < 2; i++) {
        if (ends[i] <= now_ns) continue; /* it lasts no more; should it begin anew, that is news */
        uint64_t fresh_ns = ends[i] > early_ns ? ends[i] - early_ns : 0;
        if (fresh_ns < r->support_fresh_ns) r->support_fresh_ns = fresh_ns;
    }
}

void liveness_feed(struct replica *r)
{
    struct store *s = r->store;
    r->support_news = s->liveness.news;
    if (r->support_seen == s->liveness.version) return;
    r->support_seen = s->liveness.version;
    fed_update(r);
    uint64_t now_ns = env_now_ns(s->env);
    r->support_fresh_ns = now_ns + s->options.support_ns;
    for (uint32_t i = 0; i < r->fed_count; i++) {
        struct raft_event event = {.kind = RAFT_EVENT_SUPPORT};
        if (!support_of(r, i, &event.support)) continue;
        note_fresh(r, &event.support, now_ns);
        if (raft_renew_support(r->raft, &event.support)) continue;
        if (replica_step_fed(r, &event) != STATUS_OK) COVER("shard_support_refused");
    }
}

void liveness_feed_if_old(struct replica *r)
{
    const struct store *s = r->store;
    if (r->support_news != s->liveness.news || env_now_ns(s->env) >= r->support_fresh_ns) liveness_feed(r);
}

void liveness_renew(struct replica *r)
{
    for (uint32_t i = 0; i < r->fed_count; i++) {
        struct raft_support support;
        if (support_of(r, i, &support) && !raft_renew_support(r->raft, &support)) COVER("shard_support_is_news");
    }
}
