/* What the groups of a store write to its log, and what becomes durable when. */
#include <stdlib.h>

#include "shard/shard_int.h"

static void overflow_push(struct replica *r, enum overflow_kind kind, uint64_t a, uint64_t b, uint64_t c,
                          uint8_t entry_kind, struct bytes payload)
{
    struct store *s = r->store;
    struct overflow_record *o = malloc(sizeof *o + payload.size);
    if (o == NULL) {
        store_fail(s, STATUS_NO_MEMORY, "no memory for log records");
        return;
    }
    COVER("shard_log_overflow");
    s->metrics.wal_overflow++;
    o->replica = r;
    o->range = r->range;
    o->kind = kind;
    o->a = a;
    o->b = b;
    o->c = c;
    o->entry_kind = entry_kind;
    o->size = payload.size;
    if (payload.size > 0) memcpy(o->payload, payload.data, payload.size);
    s->overflow_bytes += payload.size + sizeof *o;
    list_push_back(&s->overflow, &o->link);
}

static void ticket_push(struct store *s, struct replica *r, uint64_t ticket, struct lsn lsn)
{
    struct pending_ticket *t = malloc(sizeof *t);
    if (t == NULL) {
        store_fail(s, STATUS_NO_MEMORY, "no memory for log tickets");
        return;
    }
    t->replica = r;
    t->ticket = ticket;
    t->lsn = lsn.value;
    list_push_back(&s->tickets, &t->link);
}

/* STATUS_BUSY and STATUS_NO_SPACE mean later; all else is final. */
static bool retry_later(struct store *s, enum status status)
{
    if (status == STATUS_BUSY || status == STATUS_NO_SPACE) return true;
    if (status != STATUS_OK && status != STATUS_FENCED) store_fail(s, status, "log append refused");
    return false;
}

static enum status append(struct store *s, const struct overflow_record *o, const uint8_t *payload,
                          struct lsn *lsn)
{
    switch (o->kind) {
    case OVERFLOW_ENTRY:
        return wal_append_entry(s->wal, o->range, o->a, o->b, o->entry_kind,
                                bytes_make(payload, o->size), lsn);
    case OVERFLOW_HARD_STATE:
        return wal_append_hard_state(s->wal, o->range, o->a, o->b, o->c, lsn);
    case OVERFLOW_START:
        return wal_append_start(s->wal, o->range, (struct log_pos){o->a, o->b}, lsn);
    case OVERFLOW_TICKET: return STATUS_OK;
    }
    UNREACHABLE();
}

/* Appends a record, or queues it behind those that wait already. */
static void write_record(struct replica *r, enum overflow_kind kind, uint64_t a, uint64_t b, uint64_t c,
                         uint8_t entry_kind, struct bytes payload, struct lsn *lsn)
{
    struct store *s = r->store;
    if (s->failed) return;
    if (list_empty(&s->overflow)) {
        struct overflow_record o = {.range = r->range, .kind = kind, .a = a, .b = b, .c = c,
                                    .entry_kind = entry_kind, .size = payload.size};
        if (!retry_later(s, append(s, &o, payload.data, lsn))) return;
    }
    overflow_push(r, kind, a, b, c, entry_kind, payload);
}

void journal_write_output(struct replica *r, const struct raft_output *out)
{
    struct store *s = r->store;
    if (out->ticket == 0) return;
    if (out->entry_count > 0) {
        r->active_ns = env_now_ns(s->env);
        r->tidy = false;
    }
    struct lsn lsn = wal_durable(s->wal);
    uint64_t vote = r->lost ? HARD_STATE_LOST : out->hard_state.vote;
    if (out->hard_state_changed)
        write_record(r, OVERFLOW_HARD_STATE, out->hard_state.term, vote,
                     out->hard_state.commit, 0, BYTES_EMPTY, &lsn);
    for (uint32_t i = 0; i < out->entry_count; i++) {
        const struct raft_entry *e = &out->entries[i];
        write_record(r, OVERFLOW_ENTRY, e->term, e->index, 0, (uint8_t)e->kind, e->payload, &lsn);
        r->log_bytes += e->payload.size + 64;
    }
    if (s->failed) return;
    if (list_empty(&s->overflow)) ticket_push(s, r, out->ticket, lsn);
    else overflow_push(r, OVERFLOW_TICKET, out->ticket, 0, 0, 0, BYTES_EMPTY);
}

void journal_write_start(struct replica *r, struct log_pos pos)
{
    struct lsn lsn;
    write_record(r, OVERFLOW_START, pos.term, pos.index, 0, 0, BYTES_EMPTY, &lsn);
}

void journal_write_term(struct replica *r, struct raft_hard_state state)
{
    struct lsn lsn;
    write_record(r, OVERFLOW_HARD_STATE, state.term, state.vote, state.commit, 0, BYTES_EMPTY, &lsn);
}

bool journal_cut(struct replica *r, struct log_pos pos)
{
    struct store *s = r->store;
    struct lsn lsn;
    enum status status = s->failed ? STATUS_FENCED : wal_append_start(s->wal, r->range, pos, &lsn);
    if (status == STATUS_OK) return true;
    COVER("shard_cut_later");
    if (!retry_later(s, status)) COVER("shard_cut_refused");
    return false;
}

void journal_write_lost(struct replica *r, uint64_t term)
{
    struct lsn lsn;
    write_record(r, OVERFLOW_HARD_STATE, term, HARD_STATE_LOST, 0, 0, BYTES_EMPTY, &lsn);
}

void journal_write_vote(struct replica *r, const struct raft_status *status)
{
    struct lsn lsn;
    /* A commit index on disk never runs ahead of the entries on disk (raft/README.md). */
    uint64_t commit = status->commit_index < status->persisted_index ? status->commit_index
                                                                     : status->persisted_index;
    write_record(r, OVERFLOW_HARD_STATE, status->term, status->vote, commit, 0, BYTES_EMPTY, &lsn);
}

void journal_drain_overflow(struct store *s)
{
    struct lsn lsn = {0};
    while (!list_empty(&s->overflow) && !s->failed) {
        struct overflow_record *o = CONTAINER_OF(s->overflow.next, struct overflow_record, link);
        if (o->kind == OVERFLOW_TICKET) {
            if (lsn.value == 0) { /* its records went in earlier: a fresh marker stands behind them */
                enum status status = wal_append_marker(s->wal, &lsn);
                if (retry_later(s, status)) return;
            }
            ticket_push(s, o->replica, o->a, lsn);
        } else if (retry_later(s, append(s, o, o->payload, &lsn))) {
            return;
        }
        list_remove(&o->link);
        s->overflow_bytes -= o->size + sizeof *o;
        free(o);
    }
    if (list_empty(&s->overflow)) ASSERT(s->overflow_bytes == 0);
}

void journal_on_durable(void *ctx, struct lsn durable)
{
    struct store *s = ctx;
    journal_drain_overflow(s);
    if (!s->identity_durable && s->identity_lsn != 0 && durable.value >= s->identity_lsn) {
        s->identity_durable = true;
        s->options.on_identity(s->options.ctx);
    }
    while (!list_empty(&s->tickets)) {
        struct pending_ticket *t = CONTAINER_OF(s->tickets.next, struct pending_ticket, link);
        if (t->lsn > durable.value && !MUTANT("k10_ticket_before_durable")) break;
        list_remove(&t->link);
        struct replica *r = t->replica;
        uint64_t ticket = t->ticket;
        free(t);
        replica_persisted(r, ticket);
    }
}

void journal_forget_replica(struct replica *r)
{
    struct store *s = r->store;
    LIST_FOR_EACH_SAFE(item, &s->tickets) {
        struct pending_ticket *t = CONTAINER_OF(item, struct pending_ticket, link);
        if (t->replica != r) continue;
        list_remove(item);
        free(t);
    }
    LIST_FOR_EACH_SAFE(item, &s->overflow) {
        struct overflow_record *o = CONTAINER_OF(item, struct overflow_record, link);
        if (o->replica != r) continue;
        list_remove(item);
        s->overflow_bytes -= o->size + sizeof *o;
        free(o);
    }
}

void journal_deinit(struct store *s)
{
    struct list *item;
    while ((item = list_pop_front(&s->tickets)) != NULL)
        free(CONTAINER_OF(item, struct pending_ticket, link));
    while ((item = list_pop_front(&s->overflow)) != NULL)
        free(CONTAINER_OF(item, struct overflow_record, link));
}
