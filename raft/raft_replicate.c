/* Copying entries to the other members. Each is in one of three states:
 *
 *   PROBE ----accepted----> REPLICATE     PROBE: one message at a time, looking for where the logs
 * agree ^  ^------rejected,--------|        REPLICATE: messages follow each other without waiting,
 * up to a |         silent, broken            window of bytes and messages | SNAPSHOT: what it
 * needs next is gone from our log SNAPSHOT <--its next entry is gone-- PROBE, REPLICATE */
#include "raft/raft_int.h"

#include <stdlib.h>

/* ---- the window ---- */

static struct inflight *ring_at(const struct raft *r, const struct progress *p, uint32_t i)
{
    ASSERT(i < r->options.inflight_count_max);
    return &p->ring[(p->ring_head + i) % r->options.inflight_count_max];
}

static bool window_full(const struct raft *r, const struct progress *p)
{
    return p->ring_count == r->options.inflight_count_max ||
           p->inflight_bytes >= r->options.inflight_bytes_max;
}

/* Without memory for the window the member is served one message at a time. */
static bool window_push(struct raft *r, struct progress *p, uint64_t last_index, uint64_t bytes)
{
    if (p->ring == NULL) p->ring = calloc(r->options.inflight_count_max, sizeof *p->ring);
    if (p->ring == NULL) return false;
    ASSERT(p->ring_count < r->options.inflight_count_max);
    p->ring_count++;
    *ring_at(r, p, p->ring_count - 1) = (struct inflight){last_index, bytes};
    p->inflight_bytes += bytes;
    return true;
}

static void window_free_up_to(struct raft *r, struct progress *p, uint64_t index)
{
    while (p->ring_count > 0 && ring_at(r, p, 0)->last_index <= index) {
        p->inflight_bytes -= ring_at(r, p, 0)->bytes;
        p->ring_head = (p->ring_head + 1) % r->options.inflight_count_max;
        p->ring_count--;
    }
    ASSERT(p->ring_count > 0 || p->inflight_bytes == 0);
}

void progress_probe(struct progress *p, uint64_t next)
{
    ASSERT(next > p->match);
    p->state = PROGRESS_PROBE;
    p->next = next;
    p->paused = false;
    p->lagging = false;
    p->ring_head = p->ring_count = 0;
    p->inflight_bytes = 0;
}

bool progress_counts(const struct progress *p)
{
    if (MUTANT("uncertain_ack_counts")) return true;
    return p->settle_index == 0 || p->life == p->vouched_life;
}

bool progress_settled(const struct raft *r, const struct progress *p)
{
    if (p->settle_index == 0 || p->match < p->settle_index) return false;
    return r->commit_index >= p->settle_index || p->life == p->vouched_life;
}

/* Until an answer comes, or a sign of life that is too late to have crossed what was sent. */
static void pause_probe(const struct raft *r, struct progress *p)
{
    p->paused = true;
    p->paused_ns = r->now_ns;
}

static void progress_replicate(struct raft *r, struct progress *p, uint64_t received)
{
    if (received > r->log.last_index) received = r->log.last_index;
    uint64_t next = (received > p->match ? received : p->match) + 1;
    progress_probe(p, next);
    p->state = PROGRESS_REPLICATE;
}

/* ---- entries that are on disk only ---- */

void window_clear(struct raft *r)
{
    free(r->window.entries);
    free(r->window.payloads);
    r->window = (struct load_window){0};
}

static bool window_has(const struct load_window *w, uint64_t index)
{
    return w->count > 0 && index >= w->entries[0].index && index - w->entries[0].index < w->count;
}

static void load_ask(struct raft *r, uint64_t first)
{
    if (r->window.pending || r->now_ns < r->window.not_before_ns) return;
    ASSERT(r->load.first_index == 0);
    COVER("raft_load_asked");
    r->window.pending = true;
    r->window.asked_first = first;
    r->load = (struct raft_load){first, log_cache_first(&r->log) - 1};
}

/* How many of the entries handed back are still what the log says. */
static uint32_t loaded_usable(const struct raft *r, const struct raft_event *e, size_t *bytes_out)
{
    uint32_t count = 0;
    *bytes_out = 0;
    for (; count < e->loaded.count; count++) {
        const struct raft_entry *entry = &e->loaded.entries[count];
        if (entry->index != e->loaded.first_index + count) break;
        if (entry->payload.size > RAFT_ENTRY_BYTES_MAX) break;
        if (!log_has(&r->log, (struct log_pos){entry->term, entry->index})) break;
        *bytes_out += entry->payload.size;
    }
    return count;
}

enum status replicate_on_loaded(struct raft *r, const struct raft_event *event)
{
    struct load_window *w = &r->window;
    if (!w->pending || event->loaded.first_index != w->asked_first) return STATUS_OK;
    window_clear(r);
    size_t bytes;
    uint32_t count = event->loaded.ok ? loaded_usable(r, event, &bytes) : 0;
    if (count > 0) {
        w->entries = malloc(count * sizeof *w->entries);
        w->payloads = malloc(bytes + 1);
    }
    if (w->entries == NULL || w->payloads == NULL) {
        COVER("raft_load_failed");
        window_clear(r);
        w->not_before_ns =
            r->now_ns + r->options.heartbeat_ns; /* not at once: it would fail again */
        return STATUS_OK;
    }
    uint8_t *at = w->payloads;
    for (uint32_t i = 0; i < count; i++) {
        struct raft_entry entry = event->loaded.entries[i];
        if (entry.payload.size > 0) memcpy(at, entry.payload.data, entry.payload.size);
        entry.payload.data = at;
        at += entry.payload.size;
        w->entries[i] = entry;
    }
    w->count = count;
    return STATUS_OK;
}

/* ---- sending ---- */

static void ask_snapshot(struct raft *r, struct progress *p)
{
    if (r->now_ns > p->contact_ns + r->options.election_timeout_ns) {
        pause_probe(r, p); /* nobody there: wait for a sign of life */
        return;
    }
    if (!array_reserve((void **)&r->snapshots, &r->snapshot_capacity, r->snapshot_count + 1, sizeof *r->snapshots)) {
        pause_probe(r, p); /* asked for again when it answers */
        return;
    }
    COVER("raft_snapshot_asked");
    progress_probe(p, p->next);
    p->state = PROGRESS_SNAPSHOT;
    p->snapshot_ns = r->now_ns;
    ASSERT(r->snapshot_count < RAFT_MEMBERS_MAX);
    r->snapshots[r->snapshot_count++] =
        (struct raft_snapshot_request){p->id, config_node_of(config_of(r), p->id)};
}

/* Entries from p->next on that fit one message. They lie in memory or in the window. */
static uint32_t pack(const struct raft *r, const struct progress *p, bool from_window,
                     uint64_t *bytes_out)
{
    const struct load_window *w = &r->window;
    uint32_t count = 0;
    *bytes_out = 0;
    while (count < RAFT_APPEND_ENTRIES_MAX) {
        uint64_t index = p->next + count;
        if (index > r->log.last_index || (from_window && !window_has(w, index))) break;
        const struct raft_entry *e =
            from_window ? &w->entries[index - w->entries[0].index] : log_entry(&r->log, index);
        if (count > 0 && *bytes_out + entry_bytes(e) > r->options.append_bytes_max) break;
        *bytes_out += entry_bytes(e);
        count++;
    }
    return count;
}

static void note_sent(struct raft *r, struct progress *p, uint32_t count, uint64_t bytes)
{
    if (p->state == PROGRESS_PROBE || count == 0) {
        pause_probe(r, p);
        return;
    }
    uint64_t last = p->next + count - 1;
    if (!window_push(r, p, last, bytes)) {
        progress_probe(p, p->next);
        pause_probe(r, p);
        return;
    }
    p->next = last + 1;
}

/* Sends one APPEND. False: nothing can be sent now. */
static bool send_append(struct raft *r, struct progress *p)
{
    struct raft_message m = {.kind = RAFT_MESSAGE_APPEND, .to = p->id, .log_index = p->next - 1};
    bool gone = !log_term_at(&r->log, m.log_index, &m.log_term);
    if (gone && !MUTANT("k13_truncated_is_term_zero")) {
        ask_snapshot(r, p); /* K13: there is nothing true to say about an entry that is gone */
        return false;
    }
    uint64_t bytes = 0;
    bool from_window = false;
    if (!gone && p->next <= r->log.last_index) {
        from_window = p->next < log_cache_first(&r->log);
        if (from_window && !window_has(&r->window, p->next)) {
            load_ask(r, p->next);
            return false;
        }
        m.entry_count = pack(r, p, from_window, &bytes);
    }
    m.commit = r->commit_index;
    m.settled = progress_settled(r, p);
    m.support_epoch = m.settled ? p->life : 0;
    uint64_t first = p->next;
    note_sent(r, p, m.entry_count, bytes);
    send_entries(r, &m, first, from_window);
    return true;
}

void replicate_to(struct raft *r, struct progress *p)
{
    ASSERT(r->role == RAFT_ROLE_LEADER);
    for (;;) {
        switch (p->state) {
        case PROGRESS_PROBE:
            if (p->paused) return;
            break;
        case PROGRESS_REPLICATE:
            if (p->next > r->log.last_index || window_full(r, p)) return;
            break;
        case PROGRESS_SNAPSHOT: {
            uint64_t patience = RAFT_SNAPSHOT_RETRY * r->options.election_timeout_ns;
            if (r->now_ns - p->snapshot_ns > patience) ask_snapshot(r, p);
            return;
        }
        }
        if (!send_append(r, p)) return;
    }
}

/* ---- answers ---- */

/* An uncertain member has forgotten what it once acknowledged: its match is what it says now, even
 * when that is less. It may also have forgotten a vote for one who still collects them, so it does not
 * count until an entry that is newer than its doubt is committed without it, and it has that entry
 * (README). Doubts begin and end with answers to heartbeats, whose rounds tell a new answer from an old
 * one. */
static void note_doubt(struct raft *r, struct progress *p, const struct raft_message *m)
{
    if (!m->uncertain) {
        p->settle_index = 0;
        return;
    }
    if (p->settle_index == 0 || p->life != m->support_epoch) {
        COVER("raft_uncertain_member");
        p->life = m->support_epoch;
        if (p->life != p->vouched_life) append_own(r, RAFT_ENTRY_NOOP, BYTES_EMPTY);
        p->settle_index = r->log.last_index;
    }
    if (m->log_index < p->match) p->match = m->log_index;
}

static void note_match(struct raft *r, struct progress *p, uint64_t index)
{
    if (index > p->match) {
        p->match = index;
        p->lagging = false;
    }
    if (p->next <= p->match) p->next = p->match + 1;
    window_free_up_to(r, p, p->match);
}

static void on_reject(struct raft *r, struct progress *p, const struct raft_message *m)
{
    /* Stale: about a message before the one that is being waited for (or before its success). */
    if (p->state == PROGRESS_SNAPSHOT) return;
    if (p->state == PROGRESS_PROBE && m->log_index != p->next - 1) return;
    if (p->state == PROGRESS_REPLICATE && m->log_index <= p->match) return;
    if (m->log_index == 0) return; /* nothing lies before the first entry */
    uint64_t hint = m->hint_index < m->log_index ? m->hint_index : m->log_index;
    uint64_t next = log_agree_at_most(&r->log, hint, m->hint_term) + 1;
    if (next > m->log_index) next = m->log_index; /* always a step back */
    if (next <= p->match) next = p->match + 1;
    progress_probe(p, next);
}

void replicate_on_append_reply(struct raft *r, const struct raft_message *m)
{
    struct progress *p = r->role == RAFT_ROLE_LEADER ? leader_progress(r, m->from) : NULL;
    if (p == NULL || m->log_index > r->log.last_index) return;
    p->contact_ns = r->now_ns;
    /* While a doubt lasts, an answer that knows nothing of it is from before it; and an answer that
     * brings one up says nothing until a heartbeat's answer has. */
    uint64_t doubted = p->settle_index != 0 ? p->life : 0;
    if (doubted != (m->uncertain ? m->support_epoch : 0)) return;
    if (m->reject) {
        on_reject(r, p, m);
        return;
    }
    note_match(r, p, m->log_index);
    bool behind = p->state == PROGRESS_SNAPSHOT && p->match < r->log.start.index;
    if (p->state != PROGRESS_REPLICATE && !behind) progress_replicate(r, p, m->hint_index);
}

/* A member that has received less than was sent to it, and made no headway for a heartbeat, has
 * lost a message: from there on all is sent again. Time decides, not the number of answers: rounds
 * for reads may follow each other much faster than entries travel. */
static void notice_loss(struct raft *r, struct progress *p, uint64_t received)
{
    if (received > r->log.last_index) return;
    if (received + 1 >= p->next) {
        p->lagging = false;
        return;
    }
    if (!p->lagging || received != p->received) {
        p->lagging = true;
        p->received = received;
        p->lagging_ns = r->now_ns;
        return;
    }
    if (r->now_ns - p->lagging_ns < r->options.heartbeat_ns) return;
    COVER("raft_append_lost");
    progress_probe(p, (received > p->match ? received : p->match) + 1);
}

void replicate_on_heartbeat_reply(struct raft *r, const struct raft_message *m)
{
    struct progress *p = r->role == RAFT_ROLE_LEADER ? leader_progress(r, m->from) : NULL;
    if (p == NULL || m->log_index > r->log.last_index) return;
    if (m->read_seq <= p->round_acked || m->read_seq > r->round) return; /* said better already */
    p->round_acked = m->read_seq;
    p->contact_ns = r->now_ns;
    note_doubt(r, p, m);
    note_match(r, p, m->log_index);
    /* It takes no commit index beyond what it knows to agree with us. */
    if (m->read_seq == p->round_sent && m->hint_index >= p->round_commit) p->commit_acked = p->round_commit;
    switch (p->state) {
    case PROGRESS_PROBE:
        if (r->now_ns - p->paused_ns >= r->options.heartbeat_ns) p->paused = false;
        break;
    case PROGRESS_REPLICATE: notice_loss(r, p, m->hint_index); break;
    case PROGRESS_SNAPSHOT:
        if (p->match >= r->log.start.index) progress_probe(p, p->match + 1);
        break;
    }
}

void replicate_on_snapshot_sent(struct raft *r, uint64_t member, uint64_t index, bool ok)
{
    struct progress *p = leader_progress(r, member);
    if (p == NULL || p->state != PROGRESS_SNAPSHOT || index > r->log.last_index) return;
    uint64_t reached = ok && index > p->match ? index : p->match;
    progress_probe(p, reached + 1);
    if (!ok) pause_probe(r, p); /* until the next sign of life */
}

void replicate_on_unreachable(struct raft *r, uint64_t member)
{
    struct progress *p = leader_progress(r, member);
    if (p != NULL && p->state == PROGRESS_REPLICATE) progress_probe(p, p->match + 1);
}
