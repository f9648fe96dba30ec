/* Whole ranges between stores. The sender streams a consistent view of the engine over the bulk link; the
 * receiver builds new tables beside the old state and adopts them by one manifest edit, then resets its
 * log. A crash at any point leaves the old replica or the new one (trap K21; recover.c, settle_start).
 *
 * BEGIN: stream u64, range u64, to replica u64, raft term u64, from replica u64, sized range meta (apply.c)
 * CHUNK: stream u64, seq u32, engine chunk.   END: stream u64, seq u32.
 * REPLY: stream u64, status u16, chunks taken u32. STATUS_WAIT: so far; the sender keeps at most WINDOW chunks
 * ahead. Anything else ends the stream. A stream that shows no progress for STALL_NS is given up by both. */
#include <stdlib.h>

#include "shard/shard_int.h"

#define CHUNK_BYTES (256u << 10)
#define QUEUED_BYTES_MAX (2u << 20)    /* waiting in the link: the sender pauses beyond */
#define STALL_NS 5000000000u
#define WINDOW 32u                     /* chunks */
#define ACK_EVERY 8u
#define PAUSE_NS 2000000u
#define SNAPSHOT_HOLD_NS 30000000000u  /* the log is kept for who has got one */
#define REFUSED_PAUSE_NS 300000000u
#define RATE_BYTES_MIN (4u << 20)      /* per second */
#define RATE_PAUSE_NS 100000000u       /* at a time: it may end meanwhile */
#define RECEIVE_QUEUE_MAX (2 * WINDOW) /* chunks that wait for the disk */

/* ---- sending ---- */

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
    if (env_now_ns(x->store->env) - x->progress_ns > STALL_NS) {
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

/* The cluster's, unless this store was given its own. */
static uint64_t rate_of(const struct store *s)
{
    uint64_t own = s->options.snapshot_bytes_per_s;
    uint64_t rate = own != 0 ? own : store_setting(s, SETTING_SNAPSHOT_RATE, BYTES_EMPTY);
    return rate < RATE_BYTES_MIN ? RATE_BYTES_MIN : rate;
}

/* As slow as the log's syncs want it (pace.h). */
static uint64_t paced(const struct store *s, uint64_t rate)
{
    rate = rate / PACE_WHOLE * s->pace.share;
    return rate < RATE_BYTES_MIN ? RATE_BYTES_MIN : rate;
}

/* Until the rate of all this store's snapshots allows so many bytes more. That is no stall. */
static void send_pace(struct snapshot_send *x, uint64_t bytes)
{
    struct store *s = x->store;
    s->snapshot_rate.bytes_per_s = MUTANT("snapshot_rate_unset") ? 0 : paced(s, rate_of(s));
    s->snapshot_rate.gentle = s->pace.share < PACE_WHOLE;
    uint64_t now = env_now_ns(s->env), due = byte_rate_take(&s->snapshot_rate, now, bytes);
    while (now < due && !send_over(x)) {
        COVER("shard_snapshot_paced");
        store_fiber_sleep(s, due - now < RATE_PAUSE_NS ? due - now : RATE_PAUSE_NS);
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
        while (ok && seq - x->taken >= WINDOW && !send_over(x)) store_fiber_sleep(x->store, PAUSE_NS);
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

static void on_reply(struct store *s, struct node_id from, struct reader *in)
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

/* ---- receiving ---- */

struct snapshot_chunk {
    struct list link;
    bool end;
    size_t size;
    uint8_t data[];
};

struct snapshot_receive {
    struct list link; /* store.incoming_snapshots */
    struct store *store;
    struct range_id range;
    struct node_id from;
    uint64_t stream, member, term, sender;
    uint32_t seq, taken;
    uint64_t progress_ns;
    struct descriptor descriptor;
    struct log_pos pos;
    struct app_state app_state;
    struct list chunks;
    uint32_t chunk_count;
    bool aborted;
    struct fiber *waiting;
};

static void reply_to(struct store *s, struct node_id to, uint64_t stream, enum status status,
                     uint32_t taken)
{
    uint8_t reply[14];
    store_le64(reply, stream);
    store_le16(reply + 8, (uint16_t)status);
    store_le32(reply + 10, taken);
    if (net_send(s->net, to, NET_LINK_DATA, SHARD_MESSAGE_SNAPSHOT_REPLY, 1, 1,
                 bytes_make(reply, sizeof reply)) != STATUS_OK)
        COVER("shard_snapshot_reply_not_sent");
}

static void receive_reply(struct snapshot_receive *x, enum status status)
{
    reply_to(x->store, x->from, x->stream, status, x->taken);
}

static void receive_wake(struct snapshot_receive *x)
{
    if (x->waiting == NULL) return;
    struct fiber *fiber = x->waiting;
    x->waiting = NULL;
    fiber_resume(fiber);
}

static struct snapshot_chunk *next_chunk(struct snapshot_receive *x)
{
    while (list_empty(&x->chunks) && !x->aborted && !x->store->failed) {
        x->waiting = fiber_current(x->store->options.fibers);
        fiber_suspend(x->store->options.fibers);
    }
    if (x->aborted || x->store->failed) return NULL;
    x->chunk_count--;
    return CONTAINER_OF(list_pop_front(&x->chunks), struct snapshot_chunk, link);
}

/* Our log is slower than it should be, perhaps because of what is written here. The sender notices by what it hears. */
static void receive_pace(struct snapshot_receive *x, uint64_t bytes)
{
    struct store *s = x->store;
    if (s->pace.share == PACE_WHOLE) return;
    s->receive_rate.bytes_per_s = paced(s, rate_of(s));
    s->receive_rate.gentle = true;
    uint64_t now = env_now_ns(s->env), due = byte_rate_take(&s->receive_rate, now, bytes);
    while (now < due && !x->aborted && !s->failed && !s->stopping) {
        COVER("shard_snapshot_received_gently");
        store_fiber_sleep(s, due - now < RATE_PAUSE_NS ? due - now : RATE_PAUSE_NS);
        now = x->progress_ns = env_now_ns(s->env);
    }
}

static enum status receive_chunks(struct snapshot_receive *x, struct lsm_ingest *ingest)
{
    for (;;) {
        struct snapshot_chunk *c = next_chunk(x);
        if (c == NULL) return STATUS_CANCELLED;
        bool end = c->end;
        receive_pace(x, c->size);
        enum status status =
            end ? STATUS_OK : lsm_ingest_chunk(ingest, bytes_make(c->data, c->size));
        free(c);
        if (status != STATUS_OK || end) return status;
        x->progress_ns = env_now_ns(x->store->env);
        if (++x->taken % ACK_EVERY == 0) receive_reply(x, STATUS_WAIT);
    }
}

/* Nobody here is in the way, now or since the replica was made. */
static bool fits(const struct snapshot_receive *x, struct replica *r)
{
    if (replica_fits(r, &x->descriptor)) return true;
    COVER("shard_snapshot_does_not_fit");
    orphan_hint(r); /* asks what the metadata range says of it now */
    return false;
}

static bool still_wanted(struct snapshot_receive *x)
{
    struct replica *r = store_replica(x->store, x->range);
    return r != NULL && r->id == x->member && !x->store->failed && !x->aborted &&
           x->pos.index > r->applied.index && x->pos.index >= r->floor &&
           r->state != REPLICA_STATE_LEAVING && env_now_ns(x->store->env) >= r->refetch_ns &&
           raft_wants_snapshot(r->raft, x->term, x->pos) && fits(x, r);
}

static struct bytes app_state_view(const struct snapshot_receive *x)
{
    return bytes_make(x->app_state.data, x->app_state.size);
}

/* The new state is durable: the replica becomes what the snapshot says. */
static enum status receive_adopt(struct snapshot_receive *x)
{
    struct store *s = x->store;
    struct replica *r = store_replica(s, x->range);
    ASSERT(r != NULL && r->id == x->member);
    ASSERT(x->pos.index > r->applied.index);
    replica_describe(r, &x->descriptor);
    r->applied = x->pos;
    enum status status = s->options.app->state_restore(r->app, app_state_view(x));
    if (status != STATUS_OK) {
        store_fail(s, status, "a snapshot holds a state that this program does not know");
        return status;
    }
    r->state = REPLICA_STATE_INSTALLING; /* it may have been fenced meanwhile: this is what it waits for */
    r->log_bytes = 0;
    proposals_end_all(r, STATUS_UNKNOWN_OUTCOME);
    enum status loaded = r->range.value == RANGE_META.value ? meta_load(s) : STATUS_OK;
    if (s->failed) return STATUS_CANCELLED;
    if (r->state != REPLICA_STATE_INSTALLING) return STATUS_CORRUPT; /* what came is damaged already */
    r->state = REPLICA_STATE_RUNNING;
    r->floor = 0;
    if (loaded != STATUS_OK) {
        replica_fence(r, "the metadata that was received cannot be read");
        return loaded;
    }
    journal_write_start(r, x->pos);
    struct raft_event event = {.kind = RAFT_EVENT_SNAPSHOT_INSTALLED};
    event.installed.from = x->sender;
    event.installed.term = x->term;
    event.installed.pos = x->pos;
    event.installed.config = &x->descriptor.config;
    status = replica_step(r, &event);
    replica_limit_flush(r);
    store_route_learn(s, &r->descriptor);
    s->options.app->installed(r->app);
    s->metrics.snapshots_received++;
    return status;
}

static enum status receive_all(struct snapshot_receive *x)
{
    struct store *s = x->store;
    struct lsm_ingest *ingest;
    enum status status = lsm_ingest_begin(s->lsm, x->range, &ingest);
    if (status != STATUS_OK) return status;
    status = receive_chunks(x, ingest);
    if (status == STATUS_OK && !still_wanted(x)) status = STATUS_CANCELLED;
    if (status != STATUS_OK) {
        lsm_ingest_abort(ingest);
        return status;
    }
    /* From here on nothing may be applied to the old state. */
    receive_reply(x, STATUS_WAIT);
    struct replica *r = store_replica(s, x->range);
    bool fenced = r->state == REPLICA_STATE_FENCED;
    r->state = REPLICA_STATE_INSTALLING;
    struct buf meta;
    buf_init(&meta, 1 << 20);
    range_meta_encode(&x->descriptor, x->member, x->pos, app_state_view(x), &meta);
    status = merge_make_way(s, &x->descriptor);
    if (status == STATUS_OK) status = lsm_ingest_commit(ingest, x->pos.index, buf_view(&meta));
    else lsm_ingest_abort(ingest);
    buf_deinit(&meta);
    if (status == STATUS_OK && !s->failed) return receive_adopt(x);
    if (!s->failed && r->state == REPLICA_STATE_INSTALLING)
        r->state = fenced ? REPLICA_STATE_FENCED : REPLICA_STATE_RUNNING;
    return status == STATUS_OK ? STATUS_CANCELLED : status;
}

static void receive_free(struct snapshot_receive *x)
{
    struct list *item;
    while ((item = list_pop_front(&x->chunks)) != NULL)
        free(CONTAINER_OF(item, struct snapshot_chunk, link));
    list_remove(&x->link);
    descriptor_clear(&x->descriptor);
    free(x);
}

static void receive_run(void *arg)
{
    struct snapshot_receive *x = arg;
    struct store *s = x->store;
    enum status status = receive_all(x);
    if (!s->failed) {
        LOG_INFO(s->logger, "shard", "snapshot received", "range=%llu from=%llu index=%llu status=%s",
                 (unsigned long long)x->range.value, (unsigned long long)x->from.value,
                 (unsigned long long)x->pos.index, status_name(status));
        receive_reply(x, status);
    }
    receive_free(x);
    store_fiber_end(s);
}

static void on_begin(struct store *s, struct node_id from, struct reader *in)
{
    struct snapshot_receive *x = calloc(1, sizeof *x);
    if (x == NULL) return;
    x->store = s;
    x->from = from;
    x->progress_ns = env_now_ns(s->env);
    x->stream = get_u64(in);
    x->range.value = get_u64(in);
    x->member = get_u64(in);
    x->term = get_u64(in);
    x->sender = get_u64(in);
    uint64_t replica_id;
    struct bytes meta = get_sized(in);
    list_init(&x->link);
    list_init(&x->chunks);
    enum status status = STATUS_INVALID;
    struct descriptor d; /* views into the message */
    if (reader_done(in)) status = range_meta_decode(meta, &d, &replica_id, &x->pos, &x->app_state);
    if (status == STATUS_OK && d.epoch == 0) status = STATUS_INVALID;
    if (status == STATUS_OK) status = descriptor_assign(&x->descriptor, &d);
    if (status == STATUS_OK && x->descriptor.range.value != x->range.value) status = STATUS_INVALID;
    struct replica *r = store_replica(s, x->range);
    if (status == STATUS_OK && (r == NULL || !still_wanted(x))) status = STATUS_CANCELLED;
    if (status == STATUS_OK && space_refuses(s, x->range)) status = STATUS_NO_SPACE;
    LIST_FOR_EACH(item, &s->incoming_snapshots) {
        struct snapshot_receive *other = CONTAINER_OF(item, struct snapshot_receive, link);
        if (other->range.value == x->range.value && status == STATUS_OK) {
            COVER("shard_second_snapshot");
            other->aborted = true; /* the newer one will come again once this one has ended */
            receive_wake(other);
            status = STATUS_BUSY;
            break;
        }
    }
    if (status == STATUS_OK) {
        list_push_back(&s->incoming_snapshots, &x->link);
        status = store_fiber(s, receive_run, x);
        if (status == STATUS_OK) return;
    }
    receive_reply(x, status);
    receive_free(x);
}

static struct snapshot_receive *receive_find(struct store *s, struct node_id from, uint64_t stream)
{
    LIST_FOR_EACH(item, &s->incoming_snapshots) {
        struct snapshot_receive *x = CONTAINER_OF(item, struct snapshot_receive, link);
        if (x->stream == stream && x->from.value == from.value) return x;
    }
    return NULL;
}

static void on_chunk(struct store *s, struct node_id from, struct reader *in, bool end)
{
    uint64_t stream = get_u64(in);
    uint32_t seq = get_u32(in);
    if (in->failed) return;
    struct snapshot_receive *x = receive_find(s, from, stream);
    if (x == NULL) { /* its beginning was lost, or it has ended here: the sender need not wait */
        COVER("shard_snapshot_unknown_stream");
        reply_to(s, from, stream, STATUS_NOT_FOUND, 0);
        return;
    }
    if (x->aborted) return;
    size_t size = reader_left(in);
    struct snapshot_chunk *c = NULL;
    /* A frame that went missing, or came twice, spoils the stream: better a new one than a hole. */
    if (seq == x->seq && x->chunk_count < RECEIVE_QUEUE_MAX) c = malloc(sizeof *c + size);
    if (c == NULL) {
        COVER("shard_snapshot_stream_broken");
        x->aborted = true;
        receive_wake(x);
        return;
    }
    x->seq += !end;
    c->end = end;
    c->size = size;
    if (size > 0) memcpy(c->data, in->at, size);
    x->chunk_count++;
    s->metrics.snapshot_bytes_received += size;
    list_push_back(&x->chunks, &c->link);
    receive_wake(x);
}

void snapshot_on_message(struct store *s, struct node_id from, uint16_t type, struct bytes payload)
{
    struct reader in = reader_make(payload);
    switch (type) {
    case SHARD_MESSAGE_SNAPSHOT_BEGIN: on_begin(s, from, &in); break;
    case SHARD_MESSAGE_SNAPSHOT_CHUNK: on_chunk(s, from, &in, false); break;
    case SHARD_MESSAGE_SNAPSHOT_END: on_chunk(s, from, &in, true); break;
    default: on_reply(s, from, &in); break;
    }
}

void snapshot_tick(struct store *s)
{
    uint64_t now_ns = env_now_ns(s->env);
    const struct histogram *syncs = &wal_metrics(s->wal)->sync_ns;
    bool moving = !list_empty(&s->incoming_snapshots) || !list_empty(&s->outgoing_snapshots);
    pace_look(&s->pace, now_ns, syncs->count, syncs->sum, moving);
    s->metrics.snapshot_share_percent = s->pace.share * 100u / PACE_WHOLE;
    LIST_FOR_EACH_SAFE(item, &s->incoming_snapshots) {
        struct snapshot_receive *x = CONTAINER_OF(item, struct snapshot_receive, link);
        if (x->waiting == NULL || now_ns - x->progress_ns <= STALL_NS) continue;
        x->aborted = true;
        receive_wake(x);
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

void snapshot_abort_all(struct store *s)
{
    ASSERT(s->failed);
    LIST_FOR_EACH_SAFE(item, &s->incoming_snapshots) {
        struct snapshot_receive *x = CONTAINER_OF(item, struct snapshot_receive, link);
        x->aborted = true;
        receive_wake(x);
    }
}
