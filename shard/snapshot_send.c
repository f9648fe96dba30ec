/* The sender's side of a snapshot (snapshot_int.h). */
#include <stdlib.h>

#include "shard/nodes.h"
#include "shard/snapshot_int.h"

#define CHUNK_BYTES (256u << 10)
#define QUEUED_BYTES_MAX (2u << 20)    /* waiting in the link: the sender pauses beyond */
#define PAUSE_NS 2000000u
#define SNAPSHOT_HOLD_NS 30000000000u  /* the log is kept for who has got one */
#define REFUSED_PAUSE_NS 300000000u
#define RATE_BYTES_MIN (4u << 20)      /* per second */

struct snapshot_send {
    struct snapshot_send *next;
    struct list link; /* store.outgoing_snapshots */
    struct store *store;
    struct replica *replica; /* NULL: forgotten, end quietly */
    struct range_id range;
    uint64_t stream, member, node, index;
    uint32_t taken;          /* chunks that the receiver has consumed */
    uint64_t progress_ns;    /* when something last moved */
    bool replied, aborted;
    enum status reply;
    struct fiber *waiting;
    struct lsm_waiter waiter;
};

uint64_t snapshot_held_index(const struct replica *r)
{
    uint64_t lowest = UINT64_MAX;
    for (const struct snapshot_send *x = r->sends; x != NULL; x = x->next)
        if (x->index < lowest) lowest = x->index;
    return lowest;
}

static void send_unlink(struct snapshot_send *x)
{
    if (x->replica == NULL) return;
    x->replica->hold_until_ns = env_now_ns(x->store->env) + SNAPSHOT_HOLD_NS;
    struct snapshot_send **at = &x->replica->sends;
    while (*at != x) at = &(*at)->next;
    *at = x->next;
    list_remove(&x->link);
    x->replica = NULL;
}

static void on_send_ready(struct lsm_waiter *w)
{
    fiber_resume(CONTAINER_OF(w, struct snapshot_send, waiter)->waiting);
}

static bool send_over(const struct snapshot_send *x)
{
    if (env_now_ns(x->store->env) - x->progress_ns > SNAPSHOT_STALL_NS) {
        COVER("shard_snapshot_stalled");
        return true;
    }
    return x->aborted || x->replica == NULL || x->store->failed || x->store->stopping;
}

/* Hands one message to the link, waiting while it is full. */
static bool send_message(struct snapshot_send *x, uint16_t type, struct bytes payload)
{
    struct store *s = x->store;
    struct node_id node = {x->node};
    for (uint32_t tries = 0; !send_over(x); tries++) {
        if (net_queued(s->net, node, NET_LINK_BULK) < QUEUED_BYTES_MAX) {
            enum status status = net_send(s->net, node, NET_LINK_BULK, type, 1, 1, payload);
            if (status == STATUS_OK) return true;
            /* A link that is being dialled is worth a short wait, but only for the first message. */
            if (status == STATUS_CLOSED && (type != SHARD_MESSAGE_SNAPSHOT_BEGIN || tries > 1000))
                return false;
        }
        store_fiber_sleep(s, PAUSE_NS);
    }
    return false;
}

static bool send_begin(struct snapshot_send *x, struct log_pos pos)
{
    struct replica *r = x->replica;
    struct raft_status status;
    raft_status(r->raft, &status);
    struct buf b, meta;
    buf_init(&b, NET_MESSAGE_BYTES_MAX);
    buf_init(&meta, 1 << 20);
    range_meta_of(r, x->member, pos, &meta);
    put_u64(&b, x->stream);
    put_u64(&b, x->range.value);
    put_u64(&b, x->member);
    put_u64(&b, status.term);
    put_u64(&b, r->id);
    put_sized(&b, buf_view(&meta));
    bool sent = !b.failed && send_message(x, SHARD_MESSAGE_SNAPSHOT_BEGIN, buf_view(&b));
    buf_deinit(&meta);
    buf_deinit(&b);
    return sent;
}

void store_set_snapshot_rate(struct store *s, uint64_t bytes_per_s)
{
    s->options.snapshot_bytes_per_s = bytes_per_s;
}

uint64_t snapshot_rate(const struct store *s)
{
    uint64_t own = s->options.snapshot_bytes_per_s;
    uint64_t rate = own != 0 ? own : store_setting(s, SETTING_SNAPSHOT_RATE, BYTES_EMPTY);
    rate = (rate < RATE_BYTES_MIN ? RATE_BYTES_MIN : rate) / PACE_WHOLE * s->pace.share;
    return rate < RATE_BYTES_MIN ? RATE_BYTES_MIN : rate;
}

/* Until the rate of all this store's snapshots allows so many bytes more. That is no stall. */
static void send_pace(struct snapshot_send *x, uint64_t bytes)
{
    struct store *s = x->store;
    s->snapshot_rate.bytes_per_s = MUTANT("snapshot_rate_unset") ? 0 : snapshot_rate(s);
    s->snapshot_rate.gentle = s->pace.share < PACE_WHOLE;
    uint64_t now = env_now_ns(s->env), due = byte_rate_take(&s->snapshot_rate, now, bytes);
    while (now < due && !send_over(x)) {
        COVER("shard_snapshot_paced");
        store_fiber_sleep(s, due - now < SNAPSHOT_PAUSE_NS ? due - now : SNAPSHOT_PAUSE_NS);
        now = x->progress_ns = env_now_ns(s->env);
    }
}

/* All chunks and the end. */
static bool send_body(struct snapshot_send *x, struct lsm_snapshot *view)
{
    struct buf b;
    buf_init(&b, NET_MESSAGE_BYTES_MAX);
    uint32_t seq = 0;
    bool ok = true, last = false;
    while (ok && !last && !send_over(x)) {
        buf_reset(&b);
        put_u64(&b, x->stream);
        put_u32(&b, seq);
        enum status status = lsm_snapshot_read(view, CHUNK_BYTES, &x->waiter, &b);
        if (status == STATUS_WAIT) {
            fiber_suspend(x->store->options.fibers);
            continue;
        }
        last = status == STATUS_NOT_FOUND;
        ok = status == STATUS_OK || last;
        while (ok && seq - x->taken >= SNAPSHOT_WINDOW && !send_over(x)) store_fiber_sleep(x->store, PAUSE_NS);
        if (ok) send_pace(x, b.size);
        if (ok && b.size > 12) {
            ok = send_message(x, SHARD_MESSAGE_SNAPSHOT_CHUNK, buf_view(&b));
            x->store->metrics.snapshot_bytes_sent += b.size;
            seq++;
        }
    }
    buf_reset(&b);
    put_u64(&b, x->stream);
    put_u32(&b, seq);
    ok = ok && last && send_message(x, SHARD_MESSAGE_SNAPSHOT_END, buf_view(&b));
    buf_deinit(&b);
    return ok;
}

static bool send_wait_reply(struct snapshot_send *x)
{
    while (!x->replied && !send_over(x)) store_fiber_sleep(x->store, 5 * PAUSE_NS);
    return x->replied && x->reply == STATUS_OK;
}

/* What a new leader has applied may be behind what its log decided long ago, also behind the change that made this
 * member (SHARD-17): a state of before a split, which it would apply once more, beside what has come of the right side
 * since. It is not enough to wait for an entry of the own term: that may need this very member to be committed. */
static bool knows(const struct snapshot_send *x)
{
    return orphan_is_member(&x->replica->descriptor.config, (struct raft_member){x->member, x->node});
}

static bool send_wait_known(struct snapshot_send *x)
{
    while (!send_over(x) && raft_leads(x->replica->raft)) {
        if (knows(x) || MUTANT("snapshot_older_than_member")) return true;
        COVER("shard_snapshot_waits_for_member");
        store_fiber_sleep(x->store, PAUSE_NS);
    }
    return false;
}

static void send_run(void *arg)
{
    struct snapshot_send *x = arg;
    struct store *s = x->store;
    x->waiting = fiber_current(s->options.fibers);
    x->progress_ns = env_now_ns(s->env);
    struct lsm_snapshot *view = NULL;
    bool ok = false;
    enum status status = send_wait_known(x) ? STATUS_OK : STATUS_CANCELLED;
    /* Engine view, position and descriptor are of one moment: nothing is applied while this runs. */
    struct log_pos pos = {0, 0};
    if (status == STATUS_OK) pos = x->replica->applied;
    if (status == STATUS_OK) status = lsm_snapshot_open(s->lsm, x->range, &view, &x->index);
    if (status == STATUS_OK) {
        ASSERT(x->index == pos.index);
        ASSERT(knows(x));
        LOG_INFO(s->logger, "shard", "snapshot started", "range=%llu to=%llu index=%llu",
                 (unsigned long long)x->range.value, (unsigned long long)x->node,
                 (unsigned long long)x->index);
        ok = send_begin(x, pos) && send_body(x, view) && send_wait_reply(x);
        lsm_snapshot_close(view);
    }
    /* Who refused it once does so for a while. */
    if (x->replied && !ok) store_fiber_sleep(s, REFUSED_PAUSE_NS);
    struct replica *r = x->replica;
    send_unlink(x);
    LOG_INFO(s->logger, "shard", "snapshot ended", "range=%llu to=%llu index=%llu ok=%d",
             (unsigned long long)x->range.value, (unsigned long long)x->node,
             (unsigned long long)x->index, ok);
    if (ok) s->metrics.snapshots_sent++;
    if (r != NULL && !s->failed) {
        struct raft_event event = {.kind = RAFT_EVENT_SNAPSHOT_SENT};
        event.snapshot_sent.member = x->member;
        event.snapshot_sent.index = x->index;
        event.snapshot_sent.ok = ok;
        if (replica_step(r, &event) != STATUS_OK) COVER("shard_snapshot_sent_refused");
    }
    free(x);
    store_fiber_end(s);
}

void snapshot_send_start(struct replica *r, uint64_t member, uint64_t node)
{
    struct store *s = r->store;
    for (struct snapshot_send *x = r->sends; x != NULL; x = x->next)
        if (x->member == member) return;
    struct snapshot_send *x = calloc(1, sizeof *x);
    if (x == NULL) return; /* the group asks again */
    x->store = s;
    x->replica = r;
    x->range = r->range;
    x->member = member;
    x->node = node;
    x->stream = env_random_u64(s->env);
    lsm_waiter_init(&x->waiter, on_send_ready);
    x->next = r->sends;
    r->sends = x;
    list_push_back(&r->store->outgoing_snapshots, &x->link);
    if (store_fiber(s, send_run, x) != STATUS_OK) {
        send_unlink(x);
        free(x);
    }
}

void snapshot_on_reply(struct store *s, struct node_id from, struct reader *in)
{
    uint64_t stream = get_u64(in);
    uint16_t status = get_u16(in);
    uint32_t taken = get_u32(in);
    if (!reader_done(in) || status >= STATUS_COUNT) return;
    LIST_FOR_EACH(item, &s->outgoing_snapshots) {
        struct snapshot_send *x = CONTAINER_OF(item, struct snapshot_send, link);
        if (x->stream != stream || x->node != from.value) continue;
        if (taken > x->taken) x->taken = taken;
        x->progress_ns = env_now_ns(s->env);
        if (status == STATUS_WAIT) return;
        x->replied = true;
        x->reply = (enum status)status;
        if (status != STATUS_OK) x->aborted = true;
        return;
    }
}

void snapshot_on_link_down(struct store *s, struct node_id peer)
{
    LIST_FOR_EACH(item, &s->outgoing_snapshots) {
        struct snapshot_send *x = CONTAINER_OF(item, struct snapshot_send, link);
        if (x->node == peer.value) x->aborted = true;
    }
}

void snapshot_forget_replica(struct replica *r)
{
    while (r->sends != NULL) {
        struct snapshot_send *x = r->sends;
        x->aborted = true;
        send_unlink(x);
    }
}
