/* Life of a group: made, given its log, started, trimmed while it rests, and gone; and the arrays it grows. */
#include "raft/raft_int.h"

#include <stdlib.h>

/* ---- arrays ---- */

bool array_grow(void **items, uint32_t *capacity, uint32_t count, size_t item_size)
{
    uint32_t larger = *capacity == 0 ? count : *capacity; /* most groups are idle, and never need more */
    while (larger < count) {
        if (larger > UINT32_MAX / 2) return false;
        larger *= 2;
    }
    void *grown = realloc(*items, (size_t)larger * item_size);
    if (grown == NULL) return false;
    *items = grown;
    *capacity = larger;
    return true;
}

void array_shift(void *items, uint32_t *count, uint32_t gone, size_t item_size)
{
    ASSERT(gone <= *count);
    if (gone == 0) return;
    *count -= gone;
    memmove(items, (uint8_t *)items + gone * item_size, *count * item_size);
}

void array_free(void **items, uint32_t *count, uint32_t *capacity)
{
    free(*items);
    *items = NULL;
    *count = *capacity = 0;
}

/* ---- create, restore, start ---- */

static void options_default(struct raft_options *o)
{
    if (o->heartbeat_ns == 0) o->heartbeat_ns = 100000000;
    if (o->election_timeout_ns == 0) o->election_timeout_ns = 600000000;
    if (o->inflight_bytes_max == 0) o->inflight_bytes_max = 4u << 20;
    if (o->inflight_count_max == 0) o->inflight_count_max = 64;
    if (o->append_bytes_max == 0) o->append_bytes_max = 512u << 10;
    if (o->uncommitted_bytes_max == 0) o->uncommitted_bytes_max = 32u << 20;
    if (o->cache_bytes_max == 0) o->cache_bytes_max = 16u << 20;
}

static bool options_valid(const struct raft_options *o)
{
    return o->id != 0 && o->heartbeat_ns < o->election_timeout_ns &&
           o->election_timeout_ns < UINT64_MAX / 64 && o->inflight_count_max <= 4096;
}

static bool restore_valid(const struct raft_restore *s)
{
    return s->applied_index >= s->start.index && s->applied_index < RAFT_NUMBER_MAX &&
           s->start.term < RAFT_NUMBER_MAX && s->hard_state.term < RAFT_NUMBER_MAX &&
           config_valid(&s->config) && (!s->newborn || (!s->lost && s->hard_state.vote == 0)) &&
           (!s->lost || (s->applied_index == 0 && s->config.voter_count == 0));
}

enum status raft_create(const struct raft_options *options, const struct raft_restore *restore,
                        struct raft **raft_out)
{
    struct raft_options o = *options;
    options_default(&o);
    if (!options_valid(&o) || !restore_valid(restore)) return STATUS_INVALID;
    struct raft *r = calloc(1, sizeof *r);
    if (r == NULL) return STATUS_NO_MEMORY;
    r->options = o;
    prng_init(&r->prng, o.seed);
    r->forward_seq = prng_next(&r->prng) >> 2; /* never what an earlier life of this replica used */
    r->life = (prng_next(&r->prng) >> 2) | 1;
    r->term = r->handed_term = restore->hard_state.term;
    r->vote = r->handed_vote = restore->hard_state.vote;
    r->applied_index = restore->applied_index;
    r->commit_index = restore->hard_state.commit;
    r->lost = restore->lost;
    r->newborn = restore->newborn;
    r->silent_until_ns = restore->silent_until_ns;
    buf_init(&r->config_bytes, RAFT_CONFIG_BYTES_MAX);
    if (!log_init(&r->log, restore->start, restore->applied_index, &restore->config)) {
        raft_destroy(r);
        return STATUS_NO_MEMORY;
    }
    *raft_out = r;
    return STATUS_OK;
}

static bool entry_readable(const struct raft_entry *e)
{
    struct raft_config c;
    if (e->payload.size > RAFT_ENTRY_BYTES_MAX || e->term >= RAFT_NUMBER_MAX) return false;
    switch (e->kind) {
    case RAFT_ENTRY_COMMAND: return true;
    case RAFT_ENTRY_NOOP: return e->payload.size == 0;
    case RAFT_ENTRY_CONFIG: return raft_config_decode(e->payload, &c) == STATUS_OK;
    }
    return false;
}

enum status raft_restore_entry(struct raft *r, const struct raft_entry *entry)
{
    ASSERT(!r->started);
    struct raft_log *l = &r->log;
    if (entry->index <= l->start.index || entry->index > l->last_index + 1) return STATUS_CORRUPT;
    if (!entry_readable(entry)) return STATUS_CORRUPT;
    if (entry->index <= l->last_index) log_truncate_after(l, entry->index - 1);
    if (entry->term < log_last_term(l)) return STATUS_CORRUPT;
    if (!log_reserve(l, 1, entry->payload.size, entry->kind == RAFT_ENTRY_CONFIG)) return STATUS_NO_MEMORY;
    log_append(l, entry);
    uint64_t applied = r->applied_index < l->last_index ? r->applied_index : l->last_index;
    log_evict(l, applied, r->options.cache_bytes_max);
    return STATUS_OK;
}

enum status raft_start(struct raft *r, uint64_t now_ns, bool uncertain, struct raft_output *out)
{
    ASSERT(!r->started);
    if (r->log.last_index < r->applied_index) return STATUS_CORRUPT;
    r->started = true;
    r->now_ns = now_ns;
    r->persisted_index = r->handed_index = r->log.last_index;
    if (r->commit_index > r->log.last_index) r->commit_index = r->log.last_index;
    if (r->commit_index < r->applied_index) r->commit_index = r->applied_index;
    r->uncommitted_bytes = bytes_between(r, r->commit_index + 1, r->log.last_index);
    if (log_last_term(&r->log) > r->term) {
        COVER("raft_term_from_log");
        r->term = log_last_term(&r->log); /* written by the first step that writes */
        r->vote = 0;
    }
    bool held_nothing = !r->lost && r->term == 0 && r->log.last_index == 0;
    if (r->newborn) r->silent_until_ns = MUTANT("lease_newborn_not_silent") ? 0 : r->silent_until_ns;
    else r->silent_until_ns = held_nothing ? 0 : now_ns + r->options.silence_ns;
    r->uncertain = uncertain || r->lost;
    if (r->lost && r->term == 0) r->term = 1; /* it is asked for votes, and no message has term 0 */
    election_reset_timer(r);
    raft_check(r);
    output_fill(r, out);
    return STATUS_OK;
}

void raft_destroy(struct raft *r)
{
    leader_leave(r);
    window_clear(r);
    log_deinit(&r->log);
    buf_deinit(&r->config_bytes);
    free(r->progress);
    free(r->supports);
    free(r->votes);
    free(r->snapshots);
    free(r->marks);
    free(r->held);
    free(r->messages);
    free(r->queued);
    free(r->reads);
    free(r->pending_reads);
    free(r);
}

void raft_trim(struct raft *r)
{
    ASSERT(r->started);
    uint32_t none = 0;
    array_free((void **)&r->messages, &r->message_count, &r->message_capacity);
    array_free((void **)&r->queued, &none, &r->queued_capacity);
    array_free((void **)&r->reads, &r->read_count, &r->read_capacity);
    array_free((void **)&r->snapshots, &r->snapshot_count, &r->snapshot_capacity);
    if (r->mark_count == 0) array_free((void **)&r->marks, &r->mark_count, &r->mark_capacity);
    if (r->held_count == 0) array_free((void **)&r->held, &r->held_count, &r->held_capacity);
    if (r->pending_read_count == 0)
        array_free((void **)&r->pending_reads, &r->pending_read_count, &r->pending_read_capacity);
    if (r->progress_count > 0) array_shrink((void **)&r->progress, r->progress_count, &r->progress_capacity, sizeof *r->progress);
    if (!raft_stands(r)) array_free((void **)&r->votes, &r->vote_count, &r->vote_capacity);
    if (r->log.last_index == r->handed_index) log_trim(&r->log, r->applied_index);
    buf_deinit(&r->config_bytes);
    buf_init(&r->config_bytes, RAFT_CONFIG_BYTES_MAX);
}
