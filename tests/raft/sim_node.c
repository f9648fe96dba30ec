#include "tests/raft/sim_node.h"

#define SIM_TRIM_EVERY 13

#include "base/assert.h"
#include "base/hash.h"

#include <stdlib.h>

static void record_free(struct sim_record *record)
{
    if (record->kind == SIM_RECORD_ENTRY) free((void *)(uintptr_t)record->entry.payload.data);
}

static void records_push(struct sim_records *list, const struct sim_record *record)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->items = realloc(list->items, list->capacity * sizeof *list->items);
        ASSERT(list->items != NULL);
    }
    list->items[list->count++] = *record;
}

static void records_cut(struct sim_records *list, uint32_t count)
{
    while (list->count > count)
        record_free(&list->items[--list->count]);
}

static struct bytes payload_copy(struct bytes payload)
{
    uint8_t *copy = malloc(payload.size + 1);
    ASSERT(copy != NULL);
    if (payload.size > 0) memcpy(copy, payload.data, payload.size);
    return bytes_make(copy, payload.size);
}

void sim_node_init(struct sim_node *n, uint64_t id, const struct raft_options *options,
                   const struct sim_hooks *hooks, const struct raft_config *config)
{
    *n = (struct sim_node){.id = id, .options = *options, .hooks = hooks};
    n->options.id = id;
    n->state.config = *config;
    if (config->voter_count > 0) {
        n->state.pos = (struct log_pos){1, 1};
        struct sim_record start = {.kind = SIM_RECORD_START, .start = n->state.pos};
        struct sim_record term = {.kind = SIM_RECORD_HARD_STATE, .hard_state = {.term = 1}};
        records_push(&n->durable, &start);
        records_push(&n->durable, &term);
    }
    n->flushed = n->state;
}

void sim_node_deinit(struct sim_node *n)
{
    if (n->raft != NULL) raft_destroy(n->raft);
    records_cut(&n->durable, 0);
    records_cut(&n->queued, 0);
    free(n->durable.items);
    free(n->queued.items);
}

/* ---- recovery: what shard/recover.c does ---- */

struct sim_recovered {
    struct raft_hard_state hard_state;
    struct log_pos start;
    const struct raft_entry **entries;
    uint32_t count;
};

static void recover_start(struct sim_recovered *g, struct log_pos pos)
{
    uint32_t dropped = g->count;
    for (uint32_t i = 0; i < g->count; i++)
        if (g->entries[i]->index == pos.index && g->entries[i]->term == pos.term) dropped = i + 1;
    memmove(g->entries, g->entries + dropped, (g->count - dropped) * sizeof *g->entries);
    g->count -= dropped;
    g->start = pos;
}

static void recover_entry(struct sim_recovered *g, const struct raft_entry *e)
{
    while (g->count > 0 && g->entries[g->count - 1]->index >= e->index)
        g->count--;
    g->entries[g->count++] = e;
}

static struct sim_recovered recover(const struct sim_node *n, bool *joins_out)
{
    struct sim_recovered g = {.entries = calloc(n->durable.count + 1, sizeof *g.entries)};
    ASSERT(g.entries != NULL);
    for (uint32_t i = 0; i < n->durable.count; i++) {
        const struct sim_record *record = &n->durable.items[i];
        switch (record->kind) {
        case SIM_RECORD_HARD_STATE: g.hard_state = record->hard_state; break;
        case SIM_RECORD_ENTRY: recover_entry(&g, &record->entry); break;
        case SIM_RECORD_START: recover_start(&g, record->start); break;
        case SIM_RECORD_TICKET: break;
        }
    }
    /* A log that does not contain what the engine holds is of another history. */
    struct log_pos flushed = n->flushed.pos;
    bool joins = g.start.index == flushed.index && g.start.term == flushed.term;
    for (uint32_t i = 0; i < g.count; i++)
        joins |= g.entries[i]->index == flushed.index && g.entries[i]->term == flushed.term;
    if (!joins) {
        g.start = flushed;
        g.count = 0;
    }
    *joins_out = joins;
    return g;
}

void sim_node_start(struct sim_node *n, uint64_t now_ns, bool uncertain)
{
    ASSERT(n->raft == NULL);
    bool joins;
    struct sim_recovered g = recover(n, &joins);
    if (!joins) { /* the log has to say so, or what comes next would follow the old history */
        struct sim_record record = {.kind = SIM_RECORD_START, .start = n->flushed.pos};
        free(g.entries);
        records_push(&n->durable, &record);
        g = recover(n, &joins);
        ASSERT(joins);
    }
    n->state = n->flushed;
    struct raft_restore restore = {g.hard_state, g.start, n->flushed.config, n->flushed.pos.index,
                                   n->wiped};
    n->options.seed = n->id * 1000 + n->lives++;
    enum status status = raft_create(&n->options, &restore, &n->raft);
    ASSERT(status == STATUS_OK);
    for (uint32_t i = 0; i < g.count; i++) {
        status = raft_restore_entry(n->raft, g.entries[i]);
        ASSERT(status == STATUS_OK);
    }
    free(g.entries);
    struct raft_output out;
    status = raft_start(n->raft, now_ns, uncertain, &out);
    ASSERT(status == STATUS_OK);
    ASSERT(out.ticket == 0);
    n->commit_index = out.commit_index;
    n->wake_at_ns = out.wake_at_ns;
}

void sim_node_wipe(struct sim_node *n)
{
    ASSERT(n->raft == NULL);
    records_cut(&n->durable, 0);
    n->state = n->flushed = (struct sim_state){0};
    n->wiped = true;
}

void sim_node_crash(struct sim_node *n, uint32_t kept, uint32_t lost)
{
    ASSERT(n->raft != NULL);
    raft_destroy(n->raft);
    n->raft = NULL;
    n->load_wanted = false;
    if (kept > n->queued.count) kept = n->queued.count;
    for (uint32_t i = 0; i < kept; i++)
        records_push(&n->durable, &n->queued.items[i]);
    for (uint32_t i = kept; i < n->queued.count; i++)
        record_free(&n->queued.items[i]);
    n->queued.count = 0;
    records_cut(&n->durable,
                n->durable.count - (lost < n->durable.count ? lost : n->durable.count));
    n->state = n->flushed;
}

/* ---- stepping ---- */

static void take_persist(struct sim_node *n, const struct raft_output *out)
{
    if (out->ticket == 0) return;
    struct sim_record record = {.kind = SIM_RECORD_HARD_STATE, .hard_state = out->hard_state};
    if (out->hard_state_changed) records_push(&n->queued, &record);
    for (uint32_t i = 0; i < out->entry_count; i++) {
        record = (struct sim_record){.kind = SIM_RECORD_ENTRY, .entry = out->entries[i]};
        record.entry.payload = payload_copy(record.entry.payload);
        records_push(&n->queued, &record);
    }
    record = (struct sim_record){.kind = SIM_RECORD_TICKET, .ticket = out->ticket};
    records_push(&n->queued, &record);
}

enum status sim_node_step(struct sim_node *n, struct raft_event event, uint64_t now_ns)
{
    ASSERT(n->raft != NULL);
    const struct sim_hooks *h = n->hooks;
    struct raft_output out;
    event.now_ns = now_ns;
    enum status status = raft_step(n->raft, &event, &out);
    ASSERT(status != STATUS_NO_MEMORY);
    ASSERT(out.commit_index >= n->commit_index);
    ASSERT(out.load_count <= 1);
    n->commit_index = out.commit_index;
    n->wake_at_ns = out.wake_at_ns;
    n->proposed_index = out.proposed_index;
    n->proposed_term = out.proposed_term;
    if (h->on_persist != NULL && out.ticket != 0) h->on_persist(h->ctx, n, &out);
    take_persist(n, &out);
    for (uint32_t i = 0; h->on_message != NULL && i < out.message_count; i++)
        h->on_message(h->ctx, n, &out.messages[i]);
    for (uint32_t i = 0; h->on_read != NULL && i < out.read_count; i++)
        h->on_read(h->ctx, n, &out.reads[i]);
    if (out.load_count > 0) {
        n->load_wanted = true;
        n->load = out.loads[0];
        if (h->on_load != NULL) h->on_load(h->ctx, n, &n->load);
    }
    for (uint32_t i = 0; h->on_snapshot != NULL && i < out.snapshot_count; i++)
        h->on_snapshot(h->ctx, n, &out.snapshots[i]);
    if (h->on_role != NULL && out.role_changed) h->on_role(h->ctx, n);
    if (++n->steps % SIM_TRIM_EVERY == 0 && h->trims) raft_trim(n->raft); /* a driver may do so at any time */
    return status;
}

static void must_step(struct sim_node *n, struct raft_event event, uint64_t now_ns)
{
    enum status status = sim_node_step(n, event, now_ns);
    ASSERT(status == STATUS_OK);
}

bool sim_node_sync(struct sim_node *n, uint32_t count, uint64_t now_ns)
{
    if (count > n->queued.count) count = n->queued.count;
    if (count == 0) return false;
    uint64_t ticket = 0;
    for (uint32_t i = 0; i < count; i++) {
        records_push(&n->durable, &n->queued.items[i]);
        if (n->queued.items[i].kind == SIM_RECORD_TICKET) ticket = n->queued.items[i].ticket;
    }
    n->queued.count -= count;
    memmove(n->queued.items, n->queued.items + count, n->queued.count * sizeof *n->queued.items);
    if (ticket != 0)
        must_step(n, (struct raft_event){.kind = RAFT_EVENT_PERSISTED, .ticket = ticket}, now_ns);
    return true;
}

bool sim_node_apply(struct sim_node *n, uint32_t count, uint64_t now_ns)
{
    uint32_t applied = 0;
    for (; applied < count && n->state.pos.index < n->commit_index; applied++) {
        struct raft_entry e;
        enum status status = raft_entry_at(n->raft, n->state.pos.index + 1, &e);
        ASSERT(status == STATUS_OK);
        n->state.pos = (struct log_pos){e.term, e.index};
        n->state.hash =
            hash64(e.payload.data, e.payload.size, n->state.hash ^ e.index ^ e.term << 32);
        if (e.kind == RAFT_ENTRY_CONFIG) {
            status = raft_config_decode(e.payload, &n->state.config);
            ASSERT(status == STATUS_OK);
        }
        if (n->hooks->on_apply != NULL) n->hooks->on_apply(n->hooks->ctx, n, &e);
    }
    if (applied == 0) return false;
    uint64_t index = n->state.pos.index;
    must_step(n, (struct raft_event){.kind = RAFT_EVENT_APPLIED, .index = index}, now_ns);
    return true;
}

void sim_node_flush(struct sim_node *n)
{
    n->flushed = n->state;
}

enum status sim_node_truncate(struct sim_node *n, uint64_t index, uint64_t now_ns)
{
    struct raft_status status = sim_node_status(n);
    uint64_t term;
    ASSERT(index <= n->flushed.pos.index);
    if (index <= status.start.index || !raft_term_at(n->raft, index, &term))
        return STATUS_NOT_FOUND;
    struct log_pos pos = {term, index};
    must_step(n, (struct raft_event){.kind = RAFT_EVENT_TRUNCATED, .truncated = pos}, now_ns);
    struct sim_record record = {.kind = SIM_RECORD_START, .start = pos};
    records_push(&n->queued, &record);
    return STATUS_OK;
}

void sim_node_serve_load(struct sim_node *n, uint32_t count, bool ok, uint64_t now_ns)
{
    ASSERT(n->load_wanted);
    n->load_wanted = false;
    struct raft_event event = {.kind = RAFT_EVENT_LOADED};
    event.loaded.first_index = n->load.first_index;
    bool joins;
    struct sim_recovered g = recover(n, &joins);
    struct raft_entry *entries = calloc(g.count + 1, sizeof *entries);
    ASSERT(entries != NULL);
    for (uint32_t i = 0; ok && i < g.count; i++) {
        uint64_t index = g.entries[i]->index;
        if (index < n->load.first_index || index > n->load.last_index) continue;
        if (event.loaded.count < count) entries[event.loaded.count++] = *g.entries[i];
    }
    event.loaded.entries = entries;
    event.loaded.ok = event.loaded.count > 0;
    must_step(n, event, now_ns);
    free(entries);
    free(g.entries);
}

bool sim_node_install(struct sim_node *n, const struct sim_state *state, uint64_t from,
                      uint64_t term, uint64_t now_ns)
{
    if (!raft_wants_snapshot(n->raft, term, state->pos)) return false;
    n->state = n->flushed = *state;
    struct sim_record record = {.kind = SIM_RECORD_START, .start = state->pos};
    records_push(&n->queued, &record);
    struct raft_event event = {.kind = RAFT_EVENT_SNAPSHOT_INSTALLED};
    event.installed.from = from;
    event.installed.term = term;
    event.installed.pos = state->pos;
    event.installed.config = &state->config;
    must_step(n, event, now_ns);
    return true;
}

struct raft_status sim_node_status(const struct sim_node *n)
{
    struct raft_status status;
    raft_status(n->raft, &status);
    return status;
}
