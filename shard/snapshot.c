/* The receiver's side of a snapshot, and what both sides hear (snapshot_int.h). */
#include <stdlib.h>

#include "shard/nodes.h"
#include "shard/range_change.h"
#include "shard/snapshot_int.h"

#define ACK_EVERY 8u
#define RECEIVE_QUEUE_MAX (2 * SNAPSHOT_WINDOW) /* chunks that wait for the disk */

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
    s->receive_rate.bytes_per_s = snapshot_rate(s);
    s->receive_rate.gentle = true;
    uint64_t now = env_now_ns(s->env), due = byte_rate_take(&s->receive_rate, now, bytes);
    while (now < due && !x->aborted && !s->failed && !s->stopping) {
        COVER("shard_snapshot_received_gently");
        store_fiber_sleep(s, due - now < SNAPSHOT_PAUSE_NS ? due - now : SNAPSHOT_PAUSE_NS);
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
    default: snapshot_on_reply(s, from, &in); break;
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
        if (x->waiting == NULL || now_ns - x->progress_ns <= SNAPSHOT_STALL_NS) continue;
        x->aborted = true;
        receive_wake(x);
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
