/* A merge as every replica applies it (README, Merges). Two logs take part: that of the right side freezes it for one epoch
 * of the left side, and that of the left side takes it in at that epoch, or never. So what is decided stands in logs, and
 * nowhere else (K29).
 *
 * Nothing of the right side is needed but what its replica here holds: it is frozen, so from the freeze on its state is the
 * same at every index. When the left side's entry is committed, so is the freeze, for the leader of the left side waited
 * until every voter's log had it; and the replica beside us may hear of that from us, if its own leader is gone already.
 *
 * Nothing is written at the apply. The engine says both in one edit of its manifest, with the next flush of the left
 * side; until then a crash leaves both as they were, and their logs, and the merge is applied again. After it the log of
 * the right side is dropped. */
#include <stdlib.h>

#include "shard/nodes.h"
#include "shard/range_change.h"

#define LOOK_NS 500000u
/* A right side that cannot be brought to its freeze has lost what it had acknowledged; nobody will tell it any more. */
#define FREEZE_WAIT_NS 30000000000u

/* A range that is part of another now, which is perhaps not on disk yet. */
struct united {
    struct list link; /* store.united */
    struct range_id left, right;
    uint64_t index;   /* of the merge in the left side's log */
    bool durable;
};

/* ---- commands ---- */

void merge_encode(const struct range_change *c, struct buf *out)
{
    put_u8(out, SHARD_COMMAND_RANGE);
    put_u8(out, (uint8_t)c->kind);
    put_u64(out, c->epoch);
    if (c->kind == RANGE_COMMAND_FREEZE || c->kind == RANGE_COMMAND_THAW) {
        put_u64(out, c->left.value);
        put_u64(out, c->left_epoch);
    }
    if (c->kind != RANGE_COMMAND_MERGE) return;
    put_u64(out, c->right.value);
    put_u64(out, c->frozen.term);
    put_u64(out, c->frozen.index);
    put_sized(out, c->key);
    put_sized(out, c->part);
}

static bool well_formed(const struct range_change *c)
{
    switch (c->kind) {
    case RANGE_COMMAND_FREEZE:
    case RANGE_COMMAND_THAW: return c->left.value >= RANGE_DATA.value && c->left_epoch > 0;
    case RANGE_COMMAND_BUMP: return true;
    case RANGE_COMMAND_MERGE:
        return c->right.value > RANGE_DATA.value && c->key.size > 0 && c->key.size <= SHARD_KEY_BYTES_MAX;
    default: return false;
    }
}

enum status merge_decode(struct bytes body, struct range_change *out)
{
    struct reader in = reader_make(body);
    struct range_change c = {.kind = (enum range_command)get_u8(&in)};
    c.epoch = get_u64(&in);
    if (c.kind == RANGE_COMMAND_FREEZE || c.kind == RANGE_COMMAND_THAW) {
        c.left.value = get_u64(&in);
        c.left_epoch = get_u64(&in);
    }
    if (c.kind == RANGE_COMMAND_MERGE) {
        c.right.value = get_u64(&in);
        c.frozen.term = get_u64(&in);
        c.frozen.index = get_u64(&in);
        c.key = get_sized(&in);
        c.part = get_sized(&in);
    }
    if (!reader_done(&in) || !well_formed(&c)) return STATUS_VERSION;
    *out = c;
    return STATUS_OK;
}

static bool change_of(const struct raft_entry *e, struct range_change *out)
{
    if (e->kind != RAFT_ENTRY_COMMAND || e->payload.size < 2 || e->payload.data[0] != SHARD_COMMAND_RANGE) return false;
    return merge_decode(bytes_make(e->payload.data + 1, e->payload.size - 1), out) == STATUS_OK;
}

bool replica_frozen(const struct replica *r)
{
    return r->descriptor.frozen_for.value != 0;
}

bool merge_counts(const struct replica *r, const struct range_change *c)
{
    const struct descriptor *d = &r->descriptor;
    if (c->kind == RANGE_COMMAND_THAW)
        return d->frozen_for.value == c->left.value && d->frozen_epoch == c->left_epoch;
    if (c->epoch != d->epoch && !MUTANT("k29_merge_epoch_ignored")) return false;
    if (replica_frozen(r) || d->config.outgoing_count > 0) return false;
    return c->kind != RANGE_COMMAND_MERGE || bytes_equal(d->end, c->key);
}

/* ---- the right side, here ---- */

/* The last freeze in its log that may be in force or come into force: what is applied, or stands behind it. */
static bool freeze_of(const struct replica *r, struct range_id *left_out, uint64_t *epoch_out, bool *known_out)
{
    *known_out = true;
    *left_out = r->descriptor.frozen_for;
    *epoch_out = r->descriptor.frozen_epoch;
    bool found = replica_frozen(r);
    struct raft_status status;
    raft_status(r->raft, &status);
    for (uint64_t index = r->applied.index + 1; index <= status.last.index; index++) {
        struct raft_entry e;
        struct range_change c;
        if (raft_entry_at(r->raft, index, &e) != STATUS_OK) *known_out = false;
        else if (change_of(&e, &c) && c.kind == RANGE_COMMAND_FREEZE) {
            *left_out = c.left;
            *epoch_out = c.left_epoch;
            found = true;
        }
    }
    return found;
}

bool merge_needs(const struct replica *r)
{
    struct range_id of;
    uint64_t epoch;
    bool known;
    bool frozen = freeze_of(r, &of, &epoch, &known);
    if (!known) return true;
    const struct replica *left = frozen ? store_replica(r->store, of) : NULL;
    bool needs = left != NULL && left->descriptor.epoch > 0 && left->descriptor.epoch <= epoch;
    if (needs) COVER("shard_frozen_is_no_orphan");
    return needs && !MUTANT("k31_frozen_is_orphan");
}

void merge_note(struct replica *r)
{
    if (list_empty(&r->merging_link)) list_push_back(&r->store->merging, &r->merging_link);
}

void merge_look_soon(struct replica *r)
{
    struct store *s = r->store;
    merge_note(r);
    if (!timer_armed(&s->merge_timer)) timer_arm(s->options.timers, &s->merge_timer, env_now_ns(s->env) + LOOK_NS);
}

static void on_look(struct timer *t, void *ctx)
{
    (void)t;
    struct store *s = ctx;
    LIST_FOR_EACH(item, &s->merging) {
        struct replica *r = CONTAINER_OF(item, struct replica, merging_link);
        if (r->apply_waits) store_mark_dirty(s, r);
    }
}

void merge_timer_init(struct store *s)
{
    timer_init(&s->merge_timer, on_look, s);
}

static void stay(struct replica *r, const struct range_change *c, const char *why)
{
    LOG_WARN(r->store->logger, "shard", "a merge finds its right side unusable", "range=%llu right=%llu why=\"%s\"",
             (unsigned long long)r->range.value, (unsigned long long)c->right.value, why);
    COVER("shard_merge_without_right");
    r->merge_wait_ns = 0;
    replica_fence(r, "the right side of a merge is not here");
}

/* It may not have heard that its freeze is committed, and whoever could say so may be gone. */
static void tell_committed(struct replica *right, const struct range_change *c)
{
    struct raft_event event = {.kind = RAFT_EVENT_COMMITTED, .committed = c->frozen};
    if (replica_step(right, &event) != STATUS_OK) COVER("shard_freeze_not_here_yet");
}

bool merge_waits(struct replica *r, const struct raft_entry *e)
{
    struct range_change c;
    if (!change_of(e, &c) || c.kind != RANGE_COMMAND_MERGE || !merge_counts(r, &c)) return false;
    struct store *s = r->store;
    struct replica *right = store_replica(s, c.right);
    merge_note(r); /* looked at again */
    if (right == NULL || right->state == REPLICA_STATE_FENCED || right->state == REPLICA_STATE_LEAVING || right->lost) {
        stay(r, &c, right == NULL ? "missing" : "damaged");
        return true;
    }
    if (right->state != REPLICA_STATE_RUNNING) return true;
    if (right->applied.index < c.frozen.index) {
        COVER("shard_merge_waits_for_freeze");
        tell_committed(right, &c);
        uint64_t now_ns = env_now_ns(s->env);
        if (r->merge_wait_ns == 0) r->merge_wait_ns = now_ns;
        if (now_ns - r->merge_wait_ns > FREEZE_WAIT_NS) stay(r, &c, "it does not have the freeze");
        return true;
    }
    r->merge_wait_ns = 0;
    ASSERT(right->descriptor.frozen_for.value == r->range.value || MUTANT("k29_merge_epoch_ignored"));
    ASSERT(bytes_equal(right->descriptor.start, r->descriptor.end));
    replica_limit_flush(right);
    enum status status = lsm_range_merge_ready(s->lsm, r->range, c.right);
    if (status != STATUS_OK && status != STATUS_BUSY) stay(r, &c, status_name(status));
    return status != STATUS_OK;
}

/* ---- applying ---- */

static void changed(struct replica *r)
{
    r->descriptor.epoch++;
    store_route_learn(r->store, &r->descriptor);
    move_touch(r);
    LOG_INFO(r->store->logger, "shard", "range frozen or not", "range=%llu epoch=%llu for=%llu at=%llu",
             (unsigned long long)r->range.value, (unsigned long long)r->descriptor.epoch,
             (unsigned long long)r->descriptor.frozen_for.value, (unsigned long long)r->descriptor.frozen_epoch);
}

static void freeze(struct replica *r, const struct range_change *c)
{
    r->descriptor.frozen_for = c->left;
    r->descriptor.frozen_epoch = c->left_epoch;
    changed(r);
    merge_note(r);
    lsm_range_flush(r->store->lsm, r->range); /* it has to be at rest when it is taken in */
    struct replica *left = store_replica(r->store, c->left);
    if (left != NULL) store_mark_dirty(r->store, left); /* perhaps it waits for this */
}

static void thaw(struct replica *r)
{
    r->descriptor.frozen_for.value = 0;
    r->descriptor.frozen_epoch = 0;
    r->frozen_ns = 0;
    changed(r);
    COVER("shard_thawed");
    r->store->options.app->unite_end(r->app);
}

static enum status describe_both(struct replica *left, struct replica *right)
{
    struct descriptor both = left->descriptor, now = {0};
    both.keys = NULL;
    both.end = right->descriptor.end;
    if (right->descriptor.epoch > both.epoch && !MUTANT("merge_epoch_of_left")) both.epoch = right->descriptor.epoch;
    both.epoch++;
    enum status status = descriptor_assign(&now, &both);
    if (status != STATUS_OK) return status;
    bool was = key_index_remove(&left->store->replicas_by_key, &right->descriptor);
    ASSERT(was);
    replica_describe(left, &now);
    descriptor_clear(&now);
    return STATUS_OK;
}

static enum status unite_engine(struct replica *left, const struct range_change *c)
{
    struct buf meta;
    buf_init(&meta, 1 << 20);
    range_meta_of(left, left->id, left->applied, &meta);
    ASSERT(!meta.failed);
    lsm_range_set_meta(left->store->lsm, left->range, buf_view(&meta)); /* of the moment that the engine now freezes */
    buf_deinit(&meta);
    enum status status = lsm_range_merge(left->store->lsm, left->range, c->right, c->key);
    ASSERT(status != STATUS_BUSY); /* merge_waits */
    return status;
}

static enum status take_in(struct replica *left, const struct range_change *c)
{
    struct store *s = left->store;
    struct replica *right = store_replica(s, c->right);
    ASSERT(right != NULL && right->state == REPLICA_STATE_RUNNING);
    struct united *u = calloc(1, sizeof *u);
    if (u == NULL) return STATUS_NO_MEMORY;
    *u = (struct united){.left = left->range, .right = c->right, .index = left->applied.index};
    list_push_back(&s->united, &u->link);
    enum status status = describe_both(left, right);
    if (status != STATUS_OK) return status;
    s->options.app->unite(left->app, right->app, c->part);
    status = unite_engine(left, c);
    if (status != STATUS_OK) return status;
    s->metrics.merges++;
    LOG_INFO(s->logger, "shard", "ranges united", "range=%llu right=%llu index=%llu epoch=%llu",
             (unsigned long long)left->range.value, (unsigned long long)c->right.value,
             (unsigned long long)left->applied.index, (unsigned long long)left->descriptor.epoch);
    store_route_learn(s, &left->descriptor);
    replica_destroy(right);
    replica_limit_flush(left);
    return STATUS_OK;
}

enum status merge_carry_out(struct replica *r, const struct range_change *c)
{
    switch (c->kind) {
    case RANGE_COMMAND_FREEZE: freeze(r, c); return STATUS_OK;
    case RANGE_COMMAND_THAW: thaw(r); return STATUS_OK;
    case RANGE_COMMAND_BUMP: changed(r); return STATUS_OK;
    case RANGE_COMMAND_MERGE: return take_in(r, c);
    default: UNREACHABLE();
    }
}

/* ---- the log of what is part of another range now ---- */

/* Nothing of it stands in line for the log any more: it would come behind the word that it is gone. */
static bool drop_log(struct store *s, struct range_id range)
{
    struct lsn lsn;
    if (!list_empty(&s->overflow)) return false;
    enum status status = wal_append_dropped(s->wal, range, &lsn);
    if (status == STATUS_BUSY || status == STATUS_NO_SPACE) return false;
    if (status != STATUS_OK) store_fail(s, status, "the log cannot forget a range");
    return true;
}

void merge_drop_logs(struct store *s)
{
    LIST_FOR_EACH_SAFE(item, &s->united) {
        struct united *u = CONTAINER_OF(item, struct united, link);
        if (!u->durable || s->failed || !drop_log(s, u->right)) continue;
        list_remove(item);
        free(u);
    }
}

void merge_on_flushed(struct store *s, struct range_id range, uint64_t index)
{
    LIST_FOR_EACH(item, &s->united) {
        struct united *u = CONTAINER_OF(item, struct united, link);
        if (u->left.value == range.value && index >= u->index) u->durable = true;
    }
    if (!list_empty(&s->united)) merge_drop_logs(s);
    if (list_empty(&s->merging)) return;
    struct replica *r = store_replica(s, range);
    struct replica *left = r == NULL ? NULL : store_replica(s, r->descriptor.frozen_for);
    if (left != NULL) store_mark_dirty(s, left);
    if (r != NULL && r->applied.index < r->commit_index) store_mark_dirty(s, r);
}

void merge_forget_united(struct store *s)
{
    while (!list_empty(&s->united)) free(CONTAINER_OF(list_pop_front(&s->united), struct united, link));
}

/* durable: the engine has nothing of it. */
static struct united *note_gone(struct store *s, struct range_id right, bool durable)
{
    struct united *u = calloc(1, sizeof *u);
    if (u == NULL) return NULL;
    *u = (struct united){.right = right, .durable = durable};
    list_push_back(&s->united, &u->link);
    return u;
}

bool merge_buried(const struct store *s, struct range_id range)
{
    LIST_FOR_EACH(item, &s->united) {
        if (CONTAINER_OF(item, struct united, link)->right.value == range.value) return true;
    }
    return false;
}

/* ---- a log that a crash left between the engine's word and its own ---- */

struct gone_lookup {
    struct range_lookup lookup;
    struct store *store;
};

static void on_gone(struct range_lookup *l, enum status status, enum range_verdict verdict, const struct descriptor *d)
{
    struct gone_lookup *q = CONTAINER_OF(l, struct gone_lookup, lookup);
    struct store *s = q->store;
    (void)d;
    s->unborn_asked = false;
    bool gone = status == STATUS_OK && verdict == RANGE_VERDICT_GONE && !s->failed;
    if (gone && unborn_find(s, l->range) != NULL && note_gone(s, l->range, true) != NULL) {
        COVER("shard_log_of_a_range_that_is_gone");
        unborn_forget(s, l->range);
    }
    free(q);
}

void merge_look_at_unborn(struct store *s)
{
    if (list_empty(&s->unborn) || s->unborn_asked) return;
    struct list *first = list_pop_front(&s->unborn);
    list_push_back(&s->unborn, first); /* by turns */
    const struct unborn *u = CONTAINER_OF(first, struct unborn, link);
    const struct replica *left = store_replica(s, u->left);
    if (left != NULL && left->applied.index < u->start.index) return; /* it is about to be born */
    struct gone_lookup *q = calloc(1, sizeof *q);
    if (q == NULL) return;
    q->store = s;
    q->lookup.on_done = on_gone;
    s->unborn_asked =
        store_range_lookup(s, &q->lookup, u->range, true) == STATUS_OK;
    if (!s->unborn_asked) free(q);
}

/* ---- a snapshot of the left side, past merges that were not applied here ---- */

static bool in_the_way(const struct replica *r, const struct descriptor *d)
{
    return r->range.value != d->range.value && r->descriptor.epoch > 0 && descriptor_overlaps(&r->descriptor, d->start, d->end);
}

/* The start of a range never changes, and of the owners of a key the later one has the higher epoch. So one that begins
 * inside of a range of a higher epoch is part of it, for good. */
static bool is_part_of(const struct replica *r, const struct descriptor *d)
{
    return bytes_compare(d->start, r->descriptor.start) < 0 && descriptor_contains(d, r->descriptor.start) &&
           r->descriptor.epoch < d->epoch;
}

static struct replica *next_in_the_way(struct store *s, const struct descriptor *d)
{
    for (uint32_t i = 0; i < s->replicas_by_key.count; i++) {
        struct replica *r = CONTAINER_OF(s->replicas_by_key.items[i], struct replica, descriptor);
        if (in_the_way(r, d)) return r;
    }
    return NULL;
}

static bool expected_by_another(const struct store *s, const struct descriptor *d)
{
    for (uint32_t i = 0; i < s->empty_by_key.count; i++) {
        const struct descriptor *e = s->empty_by_key.items[i];
        if (e->range.value != d->range.value && descriptor_overlaps(e, d->start, d->end)) return true;
    }
    return false;
}

bool merge_gives_way(struct store *s, const struct descriptor *d)
{
    if (!store_keys_taken(s, d->range, d->start, d->end)) return true;
    if (expected_by_another(s, d)) return false;
    for (uint32_t i = 0; i < s->replicas_by_key.count; i++) {
        const struct replica *r = CONTAINER_OF(s->replicas_by_key.items[i], struct replica, descriptor);
        if (in_the_way(r, d) && (!is_part_of(r, d) || r->state == REPLICA_STATE_INSTALLING)) return false;
    }
    return true;
}

struct way_drop {
    struct env_op op;
    bool done, left_alone;
    int64_t result;
};

static void on_way_dropped(struct env_op *op, int64_t result)
{
    struct way_drop *w = CONTAINER_OF(op, struct way_drop, op);
    w->done = true;
    w->result = result;
    if (w->left_alone) free(w);
}

/* Its data goes before that of the range it is part of comes: a crash in between leaves a left side that finds its right
 * side missing, and asks for another snapshot. */
static enum status drop_part(struct store *s, struct replica *r)
{
    struct range_id range = r->range;
    struct way_drop *w = calloc(1, sizeof *w);
    struct united *u = w == NULL ? NULL : note_gone(s, range, false);
    if (u == NULL) {
        free(w);
        return STATUS_NO_MEMORY;
    }
    COVER("shard_snapshot_past_a_merge");
    LOG_INFO(s->logger, "shard", "a snapshot takes the place of a part", "range=%llu", (unsigned long long)range.value);
    w->op.on_done = on_way_dropped;
    replica_destroy(r);
    lsm_range_drop(s->lsm, range, &w->op);
    while (!w->done && !s->failed) store_fiber_sleep(s, 1000000u);
    bool gone = w->done && w->result == 0;
    if (w->done) free(w);
    else w->left_alone = true;
    if (gone && !s->failed) u->durable = true;
    return gone && !s->failed ? STATUS_OK : STATUS_CANCELLED;
}

enum status merge_make_way(struct store *s, const struct descriptor *d)
{
    if (MUTANT("k21_snapshot_over_other_ranges")) return STATUS_OK;
    for (struct replica *r; (r = next_in_the_way(s, d)) != NULL;) {
        if (!merge_gives_way(s, d)) return STATUS_BUSY;
        enum status status = drop_part(s, r);
        if (s->failed) return STATUS_CANCELLED;
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}
