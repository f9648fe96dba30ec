/* Replicas that others know before we do: a leader's message for a range that is not here, or a candidate's, for where a
 * snapshot of the left side came instead of the split, a right side may have no majority without us. The metadata range
 * is asked whether that replica may be made (orphan.c), the sender for its descriptor (RPC_RANGE_INFO), and then the
 * replica is made: an empty one, that knows nothing but its id, never stands, and waits for a snapshot. It has promised
 * nothing yet, so it may vote. Its id is durable before it says anything (SHARD-4). Some are made side by side, since each
 * waits for two answers and for the disk; the next ones stand in line.
 *
 * None is made where another replica here still holds the keys, or may get them (SHARD-16): it lags behind a split, which
 * makes the right side here as well, with the state that it has to have; or it will give way. An empty replica stands for
 * the keys that the metadata range gave for it when it was made. It takes no snapshot with others: that would be from
 * before a split whose right side may have been here since, and be gone; applying the split again would
 * make it rise from the dead, under its old id and without the votes it gave.
 *
 * What is asked for before a split is applied here (a vote, a promise, the first entry to be taken) waits for it for a moment: the
 * others need not ask twice.
 *
 * RPC_RANGE_INFO: range u64. Reply: its descriptor, or NOT_FOUND. */
#include <stdlib.h>

#include "shard/nodes.h"
#include "shard/range_change.h"

#define INFO_TIMEOUT_NS 1000000000u
#define WAITING_MAX 256
#define OPEN_MAX 32 /* side by side: what they write to the manifest together costs one sync */
#define EARLY_MAX 64
#define EARLY_NS 500000000u

static bool stopped(const struct store *s)
{
    return s->failed || s->stopping;
}

/* The end of an earlier replica is not all on disk yet. */
static bool buried(struct store *s, struct range_id range)
{
    return orphan_buried(s, range) || merge_buried(s, range);
}

static void on_proof(struct range_lookup *l, enum status status, enum range_verdict verdict, const struct descriptor *d);

static struct birth *birth_of(struct list *item)
{
    return CONTAINER_OF(item, struct birth, link);
}

/* Of one that is in no list. */
static void birth_free(struct birth *b)
{
    descriptor_clear(&b->expected);
    free(b);
}

/* ---- who is next ---- */

static void open_free(struct birth *b)
{
    list_remove(&b->link);
    b->store->births_open_count--;
    birth_free(b);
}

static void birth_start(struct birth *b)
{
    struct store *s = b->store;
    b->orphans = s->metrics.orphans_destroyed;
    b->lookup.on_done = on_proof;
    list_push_back(&s->births_open, &b->link);
    s->births_open_count++;
    if (store_range_lookup(s, &b->lookup, b->range, true) != STATUS_OK) open_free(b);
}

static void births_next(struct store *s)
{
    while (s->births_open_count < OPEN_MAX && !list_empty(&s->births_waiting)) {
        struct birth *b = birth_of(list_pop_front(&s->births_waiting));
        s->births_waiting_count--;
        if (stopped(s) || store_replica(s, b->range) != NULL || buried(s, b->range)) birth_free(b);
        else birth_start(b);
    }
}

static struct birth *birth_in(struct list *births, struct range_id range)
{
    LIST_FOR_EACH(item, births)
        if (birth_of(item)->range.value == range.value) return birth_of(item);
    return NULL;
}

void birth_begin(struct store *s, struct node_id from, struct range_id range, uint64_t id)
{
    if (stopped(s) || s->births_waiting_count >= WAITING_MAX) return; /* the leader repeats itself */
    if (buried(s, range) || birth_in(&s->births_open, range) != NULL || birth_in(&s->births_waiting, range) != NULL) return;
    struct birth *b = calloc(1, sizeof *b);
    if (b == NULL) return;
    b->store = s;
    b->from = from;
    b->range = range;
    b->id = id;
    if (s->births_open_count > 0) COVER("shard_births_side_by_side");
    if (s->births_open_count == OPEN_MAX) COVER("shard_birth_stands_in_line");
    list_push_back(&s->births_waiting, &b->link);
    s->births_waiting_count++;
    births_next(s);
}

/* ---- the empty replica ---- */

static void birth_end(struct birth *b)
{
    struct store *s = b->store;
    struct replica *waiter = store_replica(s, b->waiter);
    open_free(b);
    if (waiter != NULL) store_mark_dirty(s, waiter);
    births_next(s);
}

/* One whose votes and entries are in the log, though its split never came back: it has lost what it held (fence.c). */
static enum status create_empty(struct store *s, const struct birth *b)
{
    struct range_id range = b->range;
    const struct unborn *u = unborn_find(s, range);
    struct replica_start start = {.range = range, .id = b->id, .descriptor = &b->expected};
    if (u == NULL) start.restore = (struct raft_restore){.newborn = true, .silent_until_ns = newborn_silent_until(s)};
    else start.restore = (struct raft_restore){.hard_state = {.term = u->hard_state.term}, .lost = true};
    struct replica *r;
    enum status status = replica_create(s, &start, &r);
    if (status != STATUS_OK || u == NULL) return status;
    COVER("shard_unborn_born_lost");
    r->floor = u->start.index;
    journal_write_lost(r, u->hard_state.term);
    unborn_forget(s, range);
    return STATUS_OK;
}

static void birth_run(void *arg)
{
    struct birth *b = arg;
    struct store *s = b->store;
    struct lsm_ingest *ingest;
    enum status status = lsm_ingest_begin(s->lsm, b->range, &ingest);
    if (status == STATUS_OK) {
        struct buf meta;
        buf_init(&meta, 1 << 20);
        range_meta_encode(&b->expected, b->id, (struct log_pos){0, 0}, BYTES_EMPTY, &meta);
        status = lsm_ingest_commit(ingest, 0, buf_view(&meta));
        buf_deinit(&meta);
    }
    if (status == STATUS_OK && !s->failed && store_replica(s, b->range) == NULL) status = create_empty(s, b);
    if (status != STATUS_OK && status != STATUS_CANCELLED)
        LOG_WARN(s->logger, "shard", "cannot make a replica", "range=%llu status=%s",
                 (unsigned long long)b->range.value, status_name(status));
    birth_end(b);
    store_fiber_end(s);
}

/* ---- may it be born? ---- */

static struct raft_member birth_member(const struct birth *b)
{
    return (struct raft_member){b->id, b->store->identity.node.value};
}

/* Its split is in the log of a replica here, and on its way. */
static bool made_here_soon(struct store *s, struct range_id range)
{
    const struct unborn *u = unborn_find(s, range);
    const struct replica *left = u == NULL || u->left.value == 0 ? NULL : store_replica(s, u->left);
    return left != NULL && left->state == REPLICA_STATE_RUNNING && left->applied.index < u->start.index;
}

static bool may_be_born(struct store *s, const struct birth *b, const struct descriptor *d)
{
    if (d->range.value != b->range.value || d->epoch == 0 || !orphan_is_member(&d->config, birth_member(b))) return false;
    if (store_replica(s, b->range) != NULL || made_here_soon(s, b->range)) return false;
    if (MUTANT("birth_beside_lagging_replica")) return true;
    const struct descriptor *e = &b->expected;
    bool waits = store_keys_taken(s, b->range, d->start, d->end) || store_keys_taken(s, b->range, e->start, e->end);
    if (waits) COVER("shard_birth_waits");
    return !waits;
}

/* What it may come to hold, and keeps free here until then. */
static bool expect(struct birth *b, const struct descriptor *d)
{
    struct descriptor expected = {.range = b->range, .start = d->start, .end = d->end};
    return descriptor_assign(&b->expected, &expected) == STATUS_OK;
}

static void on_info(struct rpc_call *call, enum status status, struct bytes body)
{
    struct birth *b = CONTAINER_OF(call, struct birth, call);
    struct store *s = b->store;
    struct descriptor d;
    bool may = status == STATUS_OK && !stopped(s) && descriptor_decode(body, &d) == STATUS_OK;
    if (may && b->expected.range.value == 0) may = expect(b, &d);
    may = may && may_be_born(s, b, &d);
    if (b->orphans != s->metrics.orphans_destroyed || buried(s, b->range)) may = false; /* the proof is old */
    b->making = may && store_fiber(s, birth_run, b) == STATUS_OK;
    if (!b->making) birth_end(b);
}

/* The metadata range remembers who was destroyed: one that has forgotten its votes does not come back (ORPHAN-2). */
static void on_proof(struct range_lookup *l, enum status status, enum range_verdict verdict, const struct descriptor *d)
{
    struct birth *b = CONTAINER_OF(l, struct birth, lookup);
    struct store *s = b->store;
    bool may = status == STATUS_OK && !stopped(s) && orphan_may_be_born(verdict, d, birth_member(b));
    if (status == STATUS_OK && !may) COVER("shard_birth_refused");
    if (may && verdict == RANGE_VERDICT_KNOWN) may = expect(b, d);
    uint8_t body[8];
    store_le64(body, b->range.value);
    b->call.on_done = on_info;
    if (may && rpc_start(s->rpc, &b->call, b->from, RPC_RANGE_INFO, bytes_make(body, sizeof body), INFO_TIMEOUT_NS) ==
                   STATUS_OK)
        return;
    birth_end(b);
}

bool birth_under_way(struct store *s, struct range_id range, struct range_id waiter)
{
    struct birth *b = birth_in(&s->births_open, range);
    if (b == NULL || !b->making) return false;
    b->waiter = waiter;
    return true;
}

bool birth_keeps(const struct store *s, struct range_id but, struct bytes start, struct bytes end)
{
    LIST_FOR_EACH(item, &s->births_open) {
        const struct birth *b = birth_of(item);
        bool other = b->making && b->range.value != but.value;
        if (other && descriptor_overlaps(&b->expected, start, end) && !MUTANT("births_beside_each_other")) return true;
    }
    return false;
}

void birth_serve_info(void *ctx, struct rpc_token token, struct bytes body)
{
    struct store *s = ctx;
    struct reader in = reader_make(body);
    const struct replica *r = store_replica(s, (struct range_id){get_u64(&in)});
    if (!reader_done(&in) || r == NULL || r->descriptor.epoch == 0) {
        rpc_reply(s->rpc, token, in.failed ? STATUS_INVALID : STATUS_NOT_FOUND, BYTES_EMPTY);
        return;
    }
    struct buf encoded;
    buf_init(&encoded, DESCRIPTOR_BYTES_MAX);
    descriptor_encode(&r->descriptor, &encoded);
    rpc_reply(s->rpc, token, encoded.failed ? STATUS_NO_MEMORY : STATUS_OK, buf_view(&encoded));
    buf_deinit(&encoded);
}

/* ---- votes, first entries and promises that are asked for early ---- */

struct early_message {
    struct list link; /* store.early, oldest first */
    struct node_id from;
    struct range_id range;
    uint64_t at_ns;
    size_t size;
    uint8_t bytes[];
};

static void early_drop_first(struct store *s)
{
    free(CONTAINER_OF(list_pop_front(&s->early), struct early_message, link));
    s->early_count--;
}

void birth_keep_early(struct store *s, struct node_id from, struct range_id range, struct bytes message)
{
    uint64_t now_ns = env_now_ns(s->env);
    while (!list_empty(&s->early)) {
        const struct early_message *first = CONTAINER_OF(s->early.next, struct early_message, link);
        if (s->early_count < EARLY_MAX && now_ns - first->at_ns < EARLY_NS) break;
        early_drop_first(s);
    }
    struct early_message *e = malloc(sizeof *e + message.size);
    if (e == NULL) return;
    *e = (struct early_message){.from = from, .range = range, .at_ns = now_ns, .size = message.size};
    memcpy(e->bytes, message.data, message.size);
    list_push_back(&s->early, &e->link);
    s->early_count++;
}

void birth_deliver_early(struct replica *r)
{
    struct store *s = r->store;
    uint64_t now_ns = env_now_ns(s->env);
    struct list mine;
    list_init(&mine);
    LIST_FOR_EACH_SAFE(item, &s->early) {
        if (CONTAINER_OF(item, struct early_message, link)->range.value != r->range.value) continue;
        list_remove(item);
        s->early_count--;
        list_push_back(&mine, item);
    }
    while (!list_empty(&mine)) {
        struct early_message *e = CONTAINER_OF(list_pop_front(&mine), struct early_message, link);
        struct raft_message m;
        struct raft_entry entries[BIRTH_EARLY_ENTRIES];
        bool good = raft_message_decode(bytes_make(e->bytes, e->size), &m, entries, BIRTH_EARLY_ENTRIES) == STATUS_OK;
        if (good && now_ns - e->at_ns < EARLY_NS) {
            if (m.kind == RAFT_MESSAGE_APPEND) COVER("shard_early_append");
            else if (m.kind == RAFT_MESSAGE_FORTIFY) COVER("shard_early_fortify");
            else COVER("shard_early_vote");
            transport_deliver(s, e->from, r->range, &m, bytes_make(e->bytes, e->size));
        }
        free(e);
    }
}

void birth_deinit(struct store *s)
{
    while (!list_empty(&s->early)) early_drop_first(s);
    while (!list_empty(&s->births_waiting)) birth_free(birth_of(list_pop_front(&s->births_waiting)));
    while (!list_empty(&s->births_open)) birth_free(birth_of(list_pop_front(&s->births_open)));
}
