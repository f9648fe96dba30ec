/* Committed entries become engine writes, in log order, one engine write per entry. */
#include <stdlib.h>

#include "shard/nodes.h"
#include "shard/range_change.h"

#define BATCH_BYTES_MAX (16u << 20) /* an entry is at most 4 MiB; its writes add heads */
#define RANGE_META_VERSION 2

/* ---- the batch ---- */

void batch_init(struct shard_batch *b)
{
    *b = (struct shard_batch){0};
    buf_init(&b->bytes, BATCH_BYTES_MAX);
}

void batch_deinit(struct shard_batch *b)
{
    free(b->writes);
    buf_deinit(&b->bytes);
}

void batch_reset(struct shard_batch *b)
{
    b->count = 0;
    b->failed = false;
    buf_reset(&b->bytes);
}

static struct bytes batch_copy(struct shard_batch *b, struct bytes bytes)
{
    size_t offset = b->bytes.size;
    buf_append_bytes(&b->bytes, bytes);
    return (struct bytes){(const uint8_t *)(uintptr_t)offset, bytes.size};
}

static void batch_add(struct shard_batch *b, struct lsm_write write)
{
    if (b->count == b->capacity) {
        uint32_t capacity = b->capacity == 0 ? 64 : b->capacity * 2;
        struct lsm_write *writes = realloc(b->writes, capacity * sizeof *writes);
        if (writes == NULL) {
            b->failed = true;
            return;
        }
        b->writes = writes;
        b->capacity = capacity;
    }
    write.key = batch_copy(b, write.key);
    write.value = batch_copy(b, write.value);
    b->writes[b->count++] = write;
    b->failed |= b->bytes.failed;
}

void shard_batch_put(struct shard_batch *b, enum lsm_space space, struct bytes key, uint64_t ts,
                     struct bytes value)
{
    batch_add(b, (struct lsm_write){.space = space, .key = key, .ts = ts, .value = value});
}

void shard_batch_put_alone(struct shard_batch *b, enum lsm_space space, struct bytes key, struct bytes value)
{
    batch_add(b, (struct lsm_write){.space = space, .key = key, .value = value, .alone = true});
}

void shard_batch_delete(struct shard_batch *b, enum lsm_space space, struct bytes key, uint64_t ts)
{
    batch_add(b, (struct lsm_write){.space = space, .tombstone = true, .key = key, .ts = ts});
}

void batch_seal(struct shard_batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        b->writes[i].key.data = b->bytes.data + (uintptr_t)b->writes[i].key.data;
        b->writes[i].value.data = b->bytes.data + (uintptr_t)b->writes[i].value.data;
    }
}

/* ---- the engine's record of a range ---- */

void range_meta_encode(const struct descriptor *d, uint64_t replica_id, struct log_pos pos,
                       struct bytes app_state, struct buf *out)
{
    ASSERT(app_state.size <= SHARD_APP_STATE_BYTES_MAX);
    put_u8(out, RANGE_META_VERSION);
    put_u64(out, replica_id);
    put_u64(out, pos.term);
    put_u64(out, pos.index);
    put_sized(out, app_state);
    descriptor_encode(d, out);
}

void range_meta_of(struct replica *r, uint64_t replica_id, struct log_pos pos, struct buf *out)
{
    struct buf app_state;
    buf_init(&app_state, SHARD_APP_STATE_BYTES_MAX);
    r->store->options.app->state_encode(r->app, &app_state);
    ASSERT(!app_state.failed);
    range_meta_encode(&r->descriptor, replica_id, pos, buf_view(&app_state), out);
    buf_deinit(&app_state);
}

enum status range_meta_decode(struct bytes bytes, struct descriptor *d, uint64_t *replica_id_out,
                              struct log_pos *pos_out, struct app_state *app_state_out)
{
    struct reader r = reader_make(bytes);
    if (get_u8(&r) != RANGE_META_VERSION) return STATUS_VERSION;
    uint64_t id = get_u64(&r);
    struct log_pos pos;
    pos.term = get_u64(&r);
    pos.index = get_u64(&r);
    struct bytes app_state = get_sized(&r);
    if (r.failed || app_state.size > SHARD_APP_STATE_BYTES_MAX) return STATUS_INVALID;
    enum status status = descriptor_decode(bytes_make(r.at, reader_left(&r)), d);
    if (status != STATUS_OK) return status;
    app_state_out->size = app_state.size;
    if (app_state.size > 0) memcpy(app_state_out->data, app_state.data, app_state.size);
    *replica_id_out = id;
    *pos_out = pos;
    return STATUS_OK;
}

/* ---- applying ---- */

static void apply_config(struct replica *r, const struct raft_entry *e)
{
    struct descriptor *d = &r->descriptor;
    ASSERT(d->epoch > 0); /* an empty replica takes a snapshot first */
    const struct raft_config before = d->config;
    enum status status = raft_config_decode(e->payload, &d->config);
    ASSERT(status == STATUS_OK); /* the group refuses entries it cannot read */
    d->epoch++;
    const struct raft_config *c = &d->config;
    for (uint32_t i = 0; i < c->voter_count; i++)
        if (c->voters[i].id >= d->next_replica_id) d->next_replica_id = c->voters[i].id + 1;
    for (uint32_t i = 0; i < c->learner_count; i++)
        if (c->learners[i].id >= d->next_replica_id) d->next_replica_id = c->learners[i].id + 1;
    store_route_learn(r->store, d);
    move_touch(r);
    orphan_tell_left(r, &before);
    LOG_INFO(r->store->logger, "shard", "members changed",
             "range=%llu epoch=%llu voters=%u outgoing=%u learners=%u",
             (unsigned long long)r->range.value, (unsigned long long)d->epoch, c->voter_count,
             c->outgoing_count, c->learner_count);
}

/* A change of bounds is carried out once its entry is the range's last one: change->kind says that there is one. */
static enum status apply_change(struct replica *r, struct bytes body, struct buf *result, struct range_change *change)
{
    const struct shard_app *app = r->store->options.app;
    struct range_change c;
    bool split = body.size > 0 && body.data[0] == RANGE_COMMAND_SPLIT;
    enum status status = split ? split_decode(body, &c) : merge_decode(body, &c);
    if (status == STATUS_OK && split && !app->divide_part_valid(c.part)) status = STATUS_VERSION;
    if (status == STATUS_OK && c.kind == RANGE_COMMAND_MERGE && !app->unite_part_valid(c.part)) status = STATUS_VERSION;
    if (status != STATUS_OK) return status;
    bool counts = split ? split_counts(r, &c) : merge_counts(r, &c);
    if (!counts) COVER("shard_change_does_not_count");
    put_u8(result, counts);
    if (counts) *change = c;
    return STATUS_OK;
}

static enum status apply_to_app(struct replica *r, struct log_pos pos, struct bytes commands)
{
    struct store *s = r->store;
    struct reader in = reader_make(commands);
    enum status status = STATUS_OK;
    while (status == STATUS_OK && reader_left(&in) > 0) {
        uint8_t kind = get_u8(&in);
        struct bytes body = get_bytes(&in, get_u32(&in));
        if (in.failed || kind != SHARD_COMMAND_APP) return STATUS_VERSION;
        status = s->options.app->apply(r->app, pos, body, &s->batch);
        if (MUTANT("shard_joined_not_applied")) break;
    }
    return status;
}

static enum status apply_command(struct replica *r, struct log_pos pos, struct bytes command,
                                 struct buf *result, struct range_change *change)
{
    if (command.size < 1) return STATUS_VERSION;
    struct bytes body = bytes_make(command.data + 1, command.size - 1);
    switch (command.data[0]) {
    case SHARD_COMMAND_META: return meta_apply(r, body, &r->store->batch, result);
    case SHARD_COMMAND_APP: return apply_to_app(r, pos, command);
    case SHARD_COMMAND_RANGE: return apply_change(r, body, result, change);
    default: return STATUS_VERSION;
    }
}

/* Ends the proposal that waits for this position, and those that lost their place: terms never fall along a log, so
 * what was proposed in an earlier term is not behind this position either. They stand in order of term, then
 * index: one who led, was deposed and leads again still has some of its first term in front. */
static void proposals_answer(struct replica *r, struct log_pos pos, struct bytes result)
{
    uint64_t now_ns = 0;
    while (!list_empty(&r->proposals)) {
        struct proposal *p = CONTAINER_OF(r->proposals.next, struct proposal, link);
        bool behind = p->pos.index > pos.index;
        bool overwritten = p->pos.term < pos.term && !MUTANT("gate_term");
        if (behind && (!overwritten || MUTANT("proposal_hides_later_ones"))) break;
        if (p->pos.index < pos.index) { /* it should have been answered when it was its turn */
            ASSERT(overwritten || MUTANT("gate_term") || MUTANT("proposal_hides_later_ones"));
            overwritten = true;
        }
        list_remove(&p->link);
        if (!overwritten) {
            if (now_ns == 0) now_ns = env_lately_ns(r->store->env);
            histogram_add(&r->store->metrics.commit_ns, now_ns - p->started_ns);
            p->on_done(p, STATUS_OK, result);
        } else {
            COVER("shard_proposal_overwritten");
            p->on_done(p, STATUS_NOT_LEADER, BYTES_EMPTY);
        }
    }
}

static bool apply_entry(struct replica *r, const struct raft_entry *e)
{
    struct store *s = r->store;
    struct log_pos pos = {e->term, e->index};
    ASSERT(e->index == r->applied.index + 1); /* SHARD-1: applied in order, once, without holes */
    ASSERT(e->term >= r->applied.term);
    batch_reset(&s->batch);
    buf_reset(&s->command);
    enum status status = STATUS_OK;
    struct range_change change = {0};
    if (e->kind == RAFT_ENTRY_CONFIG) apply_config(r, e);
    else if (e->kind == RAFT_ENTRY_COMMAND) status = apply_command(r, pos, e->payload, &s->command, &change);
    if (s->batch.failed && status == STATUS_OK) status = STATUS_NO_MEMORY;
    if (status != STATUS_OK) {
        store_fail(s, status, "a committed command cannot be applied by this program");
        return false;
    }
    batch_seal(&s->batch);
    status = lsm_apply(s->lsm, r->range, e->index, s->batch.writes, s->batch.count);
    if (status != STATUS_OK) {
        if (status == STATUS_CORRUPT) replica_fence(r, "the engine found damage");
        else store_fail(s, status, "the engine cannot take a committed command");
        return false;
    }
    r->applied = pos;
    s->metrics.applied_entries++;
    if (change.kind == RANGE_COMMAND_SPLIT) status = split_carry_out(r, &change);
    else if (change.kind != 0) status = merge_carry_out(r, &change);
    if (status != STATUS_OK) {
        if (status == STATUS_CORRUPT) replica_fence(r, "the engine found damage");
        else store_fail(s, status, "a range cannot change its bounds as its log says");
        return false;
    }
    proposals_answer(r, pos, buf_view(&s->command));
    return true;
}

uint32_t apply_committed(struct replica *r, uint32_t budget)
{
    uint32_t applied = 0;
    r->apply_waits = false;
    while (applied < budget && r->state == REPLICA_STATE_RUNNING && !r->store->failed &&
           r->applied.index < r->commit_index) {
        struct raft_entry entry;
        enum status status = raft_entry_at(r->raft, r->applied.index + 1, &entry);
        if (status == STATUS_WAIT) break; /* on its way from the log */
        ASSERT(status == STATUS_OK);
        r->apply_waits = split_waits(r, &entry) || merge_waits(r, &entry);
        if (r->apply_waits || !apply_entry(r, &entry)) break;
        applied++;
    }
    if (applied > 0 && r->state == REPLICA_STATE_RUNNING && !r->store->failed) {
        uint64_t persisted = raft_persisted_index(r->raft);
        ASSERT(r->applied.index <= persisted);
        lsm_range_note_meta(r->store->lsm, r->range, persisted);
    }
    return applied;
}
