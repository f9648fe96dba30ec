/* One replica: the driver of one Raft group. Events go in through replica_step, whose output is carried
 * out at once but for applies, which come with the turn (replica_turn). */
#include <stdlib.h>

#include "shard/nodes.h"
#include "shard/range_change.h"

#define APPLY_BUDGET 256 /* entries per replica and turn */

static void on_timer(struct timer *t, void *ctx)
{
    (void)t;
    struct replica *r = ctx;
    if (r->store->failed) return;
    liveness_feed(r); /* a promise may bind it */
    if (!campaign_admit(r, env_now_ns(r->store->env))) return;
    struct raft_event event = {.kind = RAFT_EVENT_TIMER};
    if (replica_step(r, &event) != STATUS_OK) COVER("shard_timer_refused");
}

#define NEIGHBOURS_TRIED 64

/* Most are made nearly in order. */
static struct list *near_before(struct store *s, const struct replica *r)
{
    for (uint64_t i = 1; i <= NEIGHBOURS_TRIED && i < r->range.value; i++) {
        struct replica *near = store_replica(s, (struct range_id){r->range.value - i});
        if (near != NULL) return &near->link;
    }
    return s->replicas.prev;
}

static void replica_insert(struct store *s, struct replica *r)
{
    struct list *before = near_before(s, r);
    while (before != &s->replicas && CONTAINER_OF(before, struct replica, link)->range.value > r->range.value)
        before = before->prev;
    list_insert_before(before->next, &r->link);
    s->metrics.replicas++;
}

/* The one by key that it stands in, now. */
static struct key_index *index_of(const struct replica *r)
{
    return r->descriptor.epoch > 0 ? &r->store->replicas_by_key : &r->store->empty_by_key;
}

/* The indexes of the store. Those by key have a place for each replica, whether it holds anything or not. */
static enum status replica_enter(struct store *s, struct replica *r, const struct descriptor *d)
{
    uint32_t count = (uint32_t)s->replicas_by_id.count + 1;
    enum status status = key_index_reserve(&s->replicas_by_key, count);
    if (status == STATUS_OK) status = key_index_reserve(&s->empty_by_key, count);
    if (status == STATUS_OK) status = descriptor_assign(&r->descriptor, d);
    if (status == STATUS_OK) status = map_put(&s->replicas_by_id, r->range.value, r);
    if (status != STATUS_OK) return status;
    status = key_index_put(index_of(r), &r->descriptor);
    ASSERT(status == STATUS_OK);
    return STATUS_OK;
}

static void replica_leave(struct replica *r)
{
    key_index_remove(index_of(r), &r->descriptor);
    void *was = map_remove(&r->store->replicas_by_id, r->range.value);
    ASSERT(was == r);
}

void replica_describe(struct replica *r, struct descriptor *d)
{
    ASSERT(d->range.value == r->range.value && d->epoch > 0);
    key_index_remove(index_of(r), &r->descriptor);
    descriptor_move(&r->descriptor, d);
    enum status status = key_index_put(&r->store->replicas_by_key, &r->descriptor);
    ASSERT(status == STATUS_OK); /* there is a place for each replica */
    move_touch(r);
    if (replica_frozen(r)) merge_note(r);
}

static void replica_free(struct replica *r)
{
    if (r->raft != NULL) raft_destroy(r->raft);
    descriptor_clear(&r->descriptor);
    free(r->fed);
    free(r);
}

/* The group and its log as start describes them; it takes no steps yet. */
static enum status group_create(struct replica *r, const struct replica_start *start,
                                struct raft **raft_out)
{
    struct raft_options options = {
        .id = start->id,
        .seed = prng_next(&r->store->prng),
        .cache_bytes_max = r->store->options.log_cache_bytes,
        .heartbeat_ns = r->store->options.heartbeat_ns,
        .election_timeout_ns = r->store->options.election_timeout_ns,
        .silence_ns = r->store->options.no_leases ? 0 : r->store->options.support_ns,
        .logger = r->store->logger,
    };
    enum status status = raft_create(&options, &start->restore, raft_out);
    for (uint32_t i = 0; status == STATUS_OK && i < start->entry_count; i++)
        status = raft_restore_entry(*raft_out, &start->entries[i]);
    return status;
}

/* A group at rest is called when support changes (liveness.c), and has no timer. */
static void arm(struct replica *r, const struct raft_output *out)
{
    struct timer_heap *timers = r->store->options.timers;
    r->resting = out->resting;
    if (out->resting || campaign_waits(r, out) || out->wake_at_ns == TIMER_NEVER) timer_cancel(timers, &r->timer);
    else if (!timer_armed(&r->timer) || r->timer.deadline_ns != out->wake_at_ns) timer_arm(timers, &r->timer, out->wake_at_ns);
}

/* forgetful: it may have promised something in an earlier life. */
static void group_start(struct replica *r, bool uncertain, bool forgetful)
{
    struct store *s = r->store;
    struct raft_output out;
    if (forgetful) liveness_begin_anew(s);
    r->support_seen = 0;
    r->support_fresh_ns = 0;
    enum status status = raft_start(r->raft, env_now_ns(s->env), uncertain, &out);
    ASSERT(status == STATUS_OK);
    r->commit_index = out.commit_index;
    arm(r, &out);
    store_mark_dirty(s, r);
}

enum status replica_regroup(struct replica *r, const struct replica_start *start)
{
    ASSERT(start->id == r->id);
    struct raft *raft = NULL;
    enum status status = group_create(r, start, &raft);
    if (status != STATUS_OK) return status;
    raft_destroy(r->raft);
    r->raft = raft;
    r->lost = start->restore.lost;
    group_start(r, start->uncertain, true);
    return STATUS_OK;
}

void replica_limit_flush(struct replica *r)
{
    uint64_t persisted = raft_persisted_index(r->raft);
    ASSERT(r->applied.index <= persisted);
    lsm_range_set_flush_limit(r->store->lsm, r->range, persisted);
}

void replica_forget(struct replica *r)
{
    key_index_remove(index_of(r), &r->descriptor);
    r->descriptor.epoch = 0;
    r->descriptor.next_replica_id = 0;
    r->descriptor.frozen_for.value = 0;
    r->descriptor.frozen_epoch = 0;
    r->descriptor.config = (struct raft_config){0};
    enum status status = key_index_put(index_of(r), &r->descriptor);
    ASSERT(status == STATUS_OK); /* there is a place for each replica */
    r->applied = (struct log_pos){0, 0};
    r->target_count = 0;
    r->mirrored_epoch = 0;
}

bool replica_fits(const struct replica *r, const struct descriptor *d)
{
    ASSERT(d->range.value == r->range.value);
    if (!merge_gives_way(r->store, d) && !MUTANT("snapshot_beside_others")) return false;
    const struct descriptor *mine = &r->descriptor;
    if (mine->epoch > 0 || MUTANT("snapshot_wider_than_expected")) return true;
    return bytes_compare(mine->start, d->start) <= 0 && descriptor_compare_ends(d->end, mine->end) <= 0;
}

enum status replica_expect(struct replica *r, const struct descriptor *mirror)
{
    if (r->descriptor.epoch > 0 || store_keys_taken(r->store, r->range, mirror->start, mirror->end)) return STATUS_BUSY;
    struct descriptor expected = {.range = r->range, .start = mirror->start, .end = mirror->end};
    key_index_remove(index_of(r), &r->descriptor);
    enum status status = descriptor_assign(&r->descriptor, &expected);
    enum status put = key_index_put(index_of(r), &r->descriptor);
    ASSERT(put == STATUS_OK); /* there is a place for each replica */
    return status;
}

enum status replica_create(struct store *s, const struct replica_start *start,
                           struct replica **replica_out)
{
    ASSERT(store_replica(s, start->range) == NULL);
    ASSERT(start->id != 0);
    struct replica *r = calloc(1, sizeof *r);
    if (r == NULL) return STATUS_NO_MEMORY;
    r->store = s;
    r->range = start->range;
    r->id = start->id;
    list_init(&r->link);
    list_init(&r->dirty_link);
    list_init(&r->held_link);
    list_init(&r->moving_link);
    list_init(&r->merging_link);
    list_init(&r->campaign_link);
    list_init(&r->proposals);
    list_init(&r->reads);
    r->next_read_context = 1;
    r->proposal_deadline_ns = TIMER_NEVER;
    timer_init(&r->timer, on_timer, r);
    r->applied = (struct log_pos){start->restore.start.term, start->restore.applied_index};
    r->lost = start->restore.lost;
    if (r->lost) r->state = REPLICA_STATE_FENCED;
    enum status status = group_create(r, start, &r->raft);
    if (status == STATUS_OK) status = replica_enter(s, r, start->descriptor);
    if (status != STATUS_OK) {
        replica_free(r);
        return status;
    }
    replica_insert(s, r);
    store_route_learn(s, &r->descriptor);
    r->app = s->options.app->open(s->options.app->ctx, r);
    status = r->app == NULL ? STATUS_NO_MEMORY
                            : s->options.app->state_restore(r->app, start->app_state);
    if (status != STATUS_OK) {
        if (r->app != NULL) s->options.app->close(r->app);
        list_remove(&r->link);
        replica_leave(r);
        replica_free(r);
        return status;
    }
    group_start(r, start->uncertain, !start->restore.newborn);
    if (replica_frozen(r)) merge_note(r);
    *replica_out = r;
    return STATUS_OK;
}

void replica_destroy(struct replica *r)
{
    struct store *s = r->store;
    if (r->state == REPLICA_STATE_LEAVING) s->leaving_count--;
    snapshot_forget_replica(r);
    proposals_end_all(r, STATUS_CANCELLED);
    split_forget_replica(r); /* if it was not among them */
    reads_end_all(r, STATUS_CANCELLED);
    journal_forget_replica(r);
    timer_cancel(s->options.timers, &r->timer);
    campaign_forget(r);
    list_remove(&r->link);
    list_remove(&r->dirty_link);
    list_remove(&r->held_link);
    list_remove(&r->moving_link);
    list_remove(&r->merging_link);
    autosplit_forget(r);
    s->options.app->close(r->app);
    replica_leave(r);
    if (r->range.value == RANGE_META.value) meta_state_deinit(&s->meta);
    s->metrics.replicas--;
    replica_free(r);
}

static void serve_load(struct replica *r, const struct raft_load *load);

/* From the order to stand until this replica hears of the one who leads instead, nobody serves the range. */
static void note_transfer(struct replica *r, const struct raft_status *status)
{
    if (r->transfer_ns == 0 || status->leader_node == 0) return;
    uint64_t closed_ns = env_now_ns(r->store->env) - r->transfer_ns;
    r->transfer_ns = 0;
    if (status->role == RAFT_ROLE_LEADER) return;
    if (closed_ns > 2 * r->store->options.election_timeout_ns) return; /* that one was given up long before */
    histogram_add(&r->store->metrics.transfer_closed_ns, closed_ns);
}

static void note_role(struct replica *r)
{
    struct raft_status status;
    raft_status(r->raft, &status);
    enum log_level level = status.role == RAFT_ROLE_LEADER ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
    LOG_AT(r->store->logger, level, "raft", "role changed",
             "range=%llu role=%d term=%llu leader_node=%llu commit=%llu last=%llu",
             (unsigned long long)r->range.value, (int)status.role, (unsigned long long)status.term,
             (unsigned long long)status.leader_node, (unsigned long long)status.commit_index,
             (unsigned long long)status.last.index);
    if (status.role == RAFT_ROLE_CANDIDATE) r->store->metrics.elections++;
    if (status.leader_node != 0)
        store_route_learn_leader(r->store, r->range, (struct node_id){status.leader_node});
    r->was_serving = false;
    r->target_count = 0;
    r->mirrored_epoch = 0;
    if (status.role == RAFT_ROLE_LEADER) move_touch(r);
    note_transfer(r, &status);
    r->store->options.app->role_changed(r->app);
}

static void take_reads(struct replica *r, const struct raft_output *out)
{
    for (uint32_t i = 0; i < out->read_count; i++) {
        LIST_FOR_EACH(item, &r->reads) {
            struct read_wait *w = CONTAINER_OF(item, struct read_wait, link);
            if (w->context != out->reads[i].context) continue;
            if (out->reads[i].ok) {
                w->confirmed = true;
                w->index = out->reads[i].index;
            } else {
                w->context = 0; /* lost: asked again, or failed, in the turn */
            }
            break;
        }
    }
}

/* What a turn looks at may have changed. After most messages of a group that is written it has not: an acknowledgement that was
 * not needed any more, an entry that is not yet committed. */
static bool turn_is_due(const struct replica *r, const struct raft_event *event, const struct raft_output *out)
{
    if (event->kind != RAFT_EVENT_MESSAGE && event->kind != RAFT_EVENT_PERSISTED) return true;
    if (out->role_changed || out->commit_index > r->applied.index || !list_empty(&r->reads)) return true;
    return event->now_ns >= r->proposal_deadline_ns || r->state != REPLICA_STATE_RUNNING || r->lost;
}

/* The group may have other members after it: its configuration is in force from the moment at which it is appended. */
static bool may_bring_members(const struct raft_event *event)
{
    if (event->kind == RAFT_EVENT_CHANGE_CONFIG || event->kind == RAFT_EVENT_SNAPSHOT_INSTALLED) return true;
    if (event->kind != RAFT_EVENT_MESSAGE) return false;
    for (uint32_t i = 0; i < event->message->entry_count; i++)
        if (event->message->entries[i].kind == RAFT_ENTRY_CONFIG) return true;
    return false;
}

/* One step and its output; *proposed (may be NULL) gets where a proposal went. */
static enum status step_fed(struct replica *r, const struct raft_event *event, struct log_pos *proposed)
{
    struct store *s = r->store;
    if (s->failed) return STATUS_FENCED;
    struct raft_event timed = *event;
    timed.now_ns = env_now_ns(s->env);
    struct raft_output out;
    enum status status = raft_step(r->raft, &timed, &out);
    if (event->kind != RAFT_EVENT_PROPOSE) list_remove(&r->held_link);
    if (status == STATUS_NO_MEMORY) {
        store_fail(s, status, "no memory for the consensus step");
        return status;
    }
    if (proposed != NULL) *proposed = (struct log_pos){out.proposed_term, out.proposed_index};
    ASSERT(out.commit_index >= r->commit_index); /* SHARD-2: commit never falls */
    r->commit_index = out.commit_index;
    journal_write_output(r, &out);
    for (uint32_t i = 0; i < out.message_count; i++) transport_send(r, &out.messages[i]);
    take_reads(r, &out);
    arm(r, &out);
    campaign_note(r);
    if (may_bring_members(event)) r->support_fresh_ns = 0; /* of new ones it was told nothing yet */
    if (turn_is_due(r, &timed, &out)) store_mark_dirty(s, r);
    if (r->lost) fence_note_settled(r);
    for (uint32_t i = 0; i < out.snapshot_count; i++)
        snapshot_send_start(r, out.snapshots[i].member, out.snapshots[i].node);
    /* From here on the group may be stepped again: the output is not looked at afterwards. */
    bool role_changed = out.role_changed;
    struct raft_load load = out.load_count > 0 ? out.loads[0] : (struct raft_load){0, 0};
    if (load.first_index != 0) serve_load(r, &load);
    if (role_changed) note_role(r);
    return status;
}

enum status replica_step_proposing(struct replica *r, const struct raft_event *event, struct log_pos *proposed)
{
    /* Before it may vote or stand. A proposal does neither. */
    bool decides = event->kind == RAFT_EVENT_MESSAGE || event->kind == RAFT_EVENT_TIMER ||
                   event->kind == RAFT_EVENT_CAMPAIGN || event->kind == RAFT_EVENT_INHERIT || event->kind == RAFT_EVENT_TRANSFER;
    if (decides && !r->store->failed) {
        if (event->kind == RAFT_EVENT_MESSAGE) liveness_feed_if_old(r);
        else liveness_feed(r);
    }
    return step_fed(r, event, proposed);
}

enum status replica_step_fed(struct replica *r, const struct raft_event *event)
{
    return step_fed(r, event, NULL);
}

enum status replica_step(struct replica *r, const struct raft_event *event)
{
    return replica_step_proposing(r, event, NULL);
}

void replica_persisted(struct replica *r, uint64_t ticket)
{
    struct raft_event event = {.kind = RAFT_EVENT_PERSISTED, .ticket = ticket};
    if (replica_step(r, &event) != STATUS_OK) COVER("shard_persisted_refused");
}

/* ---- entries that have left memory come back from the log on disk ---- */

#define LOAD_ENTRIES_MAX 256
#define LOAD_BYTES_MAX (2u << 20)

struct load {
    struct store *store;
    struct range_id range;
    uint64_t replica_id, first, last;
    struct raft_entry entries[LOAD_ENTRIES_MAX];
    uint32_t count;
    struct buf payloads;
    bool failed;
};

static void on_loaded_entry(void *ctx, uint64_t term, uint64_t index, uint8_t kind,
                            struct bytes payload)
{
    struct load *l = ctx;
    if (l->count == LOAD_ENTRIES_MAX || l->failed) return;
    uint64_t offset = l->payloads.size;
    buf_append_bytes(&l->payloads, payload);
    if (l->payloads.failed) {
        l->failed = true;
        return;
    }
    l->entries[l->count++] = (struct raft_entry){
        .term = term, .index = index, .kind = kind,
        .payload = {(const uint8_t *)(uintptr_t)offset, payload.size}}; /* offset until sealed */
}

static void load_run(void *arg)
{
    struct load *l = arg;
    struct store *s = l->store;
    uint64_t last = l->last - l->first >= LOAD_ENTRIES_MAX ? l->first + LOAD_ENTRIES_MAX - 1 : l->last;
    enum status status =
        wal_read(s->wal, l->range, l->first, last, LOAD_BYTES_MAX, on_loaded_entry, l);
    for (uint32_t i = 0; i < l->count; i++)
        l->entries[i].payload.data = l->payloads.data + (uintptr_t)l->entries[i].payload.data;
    struct replica *r = store_replica(s, l->range);
    if (r != NULL && r->id == l->replica_id && !s->failed) {
        if (status == STATUS_CORRUPT) replica_fence(r, "a log entry is damaged on disk");
        if (status == STATUS_IO) replica_fence(r, "a log entry cannot be read");
        struct raft_event event = {.kind = RAFT_EVENT_LOADED};
        event.loaded.entries = l->entries;
        event.loaded.count = l->count;
        event.loaded.first_index = l->first;
        event.loaded.ok = status == STATUS_OK && l->count > 0 && !l->failed;
        if (replica_step(r, &event) != STATUS_OK) COVER("shard_loaded_refused");
    }
    buf_deinit(&l->payloads);
    free(l);
    store_fiber_end(s);
}

static void serve_load(struct replica *r, const struct raft_load *load)
{
    struct load *l = calloc(1, sizeof *l);
    if (l != NULL) {
        l->store = r->store;
        l->range = r->range;
        l->replica_id = r->id;
        l->first = load->first_index;
        l->last = load->last_index;
        buf_init(&l->payloads, LOAD_BYTES_MAX + RAFT_ENTRY_BYTES_MAX);
        COVER("shard_entry_load");
        if (store_fiber(r->store, load_run, l) == STATUS_OK) return;
        buf_deinit(&l->payloads);
        free(l);
    }
    struct raft_event event = {.kind = RAFT_EVENT_LOADED};
    event.loaded.first_index = load->first_index;
    if (replica_step(r, &event) != STATUS_OK) COVER("shard_load_failed");
}

/* ---- the turn ---- */

bool replica_turn(struct replica *r, uint64_t now_ns)
{
    fence_turn(r, now_ns);
    if (r->state == REPLICA_STATE_LEAVING || r->state == REPLICA_STATE_FENCED) {
        reads_end_all(r, STATUS_NOT_LEADER);
        return false;
    }
    uint32_t applied = apply_committed(r, APPLY_BUDGET);
    if (applied > 0 && !raft_note_applied(r->raft, r->applied.index)) COVER("shard_applied_refused");
    bool serving = replica_serving(r);
    if (serving != r->was_serving) {
        r->was_serving = serving;
        r->store->options.app->role_changed(r->app);
    }
    proposals_expire(r, now_ns);
    reads_turn(r, now_ns);
    if (r->apply_waits) {
        merge_look_soon(r); /* what it waits for may take a disk's time */
        return false;
    }
    return r->state == REPLICA_STATE_RUNNING && r->applied.index < r->commit_index;
}
