/* Raft messages between stores. What all groups had to say to a node in one turn leaves as one message
 * per link: votes and heartbeats on the control link, the rest on the data link.
 *
 * SHARD_MESSAGE_RAFT: repeated { range id u64, size u32, raft message of that size }. */
#include <stdlib.h>

#include "shard/nodes.h"
#include "shard/range_change.h"

#define BATCH_FLUSH_BYTES (512u << 10)
#define HEAD_BYTES_ABOUT  128u

enum { LANE_CONTROL, LANE_DATA };

static int lane_of(const struct raft_message *m)
{
    switch (m->kind) {
    case RAFT_MESSAGE_APPEND:
    case RAFT_MESSAGE_APPEND_REPLY: return LANE_DATA;
    default: return LANE_CONTROL;
    }
}

static uint32_t slot_of(struct store *s, uint64_t node)
{
    for (uint32_t i = 0; i < s->transport_count; i++)
        if (s->transport_node[i] == node) return i;
    ASSERT(s->transport_count < SHARD_NODES_MAX);
    uint32_t slot = s->transport_count++;
    s->transport_node[slot] = node;
    buf_init(&s->transport[slot][LANE_CONTROL], NET_MESSAGE_BYTES_MAX);
    buf_init(&s->transport[slot][LANE_DATA], NET_MESSAGE_BYTES_MAX);
    return slot;
}

static void lane_flush(struct store *s, uint32_t slot, int lane)
{
    struct buf *b = &s->transport[slot][lane];
    if (b->size == 0) return;
    ASSERT(!b->failed);
    struct node_id node = {s->transport_node[slot]};
    enum net_link link = lane == LANE_CONTROL ? NET_LINK_CONTROL : NET_LINK_DATA;
    /* Raft messages may be lost: the group finds out by itself. */
    if (net_send(s->net, node, link, SHARD_MESSAGE_RAFT, 1, 1, buf_view(b)) != STATUS_OK)
        COVER("shard_raft_not_sent");
    buf_reset(b);
}

static uint64_t entries_bytes(const struct raft_message *m)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < m->entry_count; i++) bytes += m->entries[i].payload.size + 64;
    return bytes;
}

static void put_message(struct store *s, uint64_t node, struct range_id range, const struct raft_message *message)
{
    ASSERT(node != s->identity.node.value);
    uint32_t slot = slot_of(s, node);
    int lane = lane_of(message);
    struct buf *b = &s->transport[slot][lane];
    if (b->size + entries_bytes(message) + HEAD_BYTES_ABOUT > BATCH_FLUSH_BYTES) lane_flush(s, slot, lane);
    put_u64(b, range.value);
    size_t at = b->size;
    put_u32(b, 0);
    raft_message_encode(message, b);
    ASSERT(!b->failed);
    store_le32(b->data + at, (uint32_t)(b->size - at - sizeof(uint32_t)));
    s->metrics.raft_messages_out++;
}

void transport_send(struct replica *r, const struct raft_message *message)
{
    uint64_t node = replica_node_of(r, message->to);
    if (node != 0 && r->store->net != NULL) put_message(r->store, node, r->range, message);
}

void transport_flush(struct store *s)
{
    if (s->net == NULL) return;
    for (uint32_t i = 0; i < s->transport_count; i++) {
        lane_flush(s, i, LANE_CONTROL);
        lane_flush(s, i, LANE_DATA);
    }
}

/* ---- receiving ---- */

/* Somebody is bound to a replica that is not here any more, so leads nothing: it is released (raft/README.md, Rest). */
static void release_for(struct store *s, struct node_id to, struct range_id range, const struct raft_message *asks)
{
    struct raft_message release = {.kind = RAFT_MESSAGE_FORTIFY, .from = asks->to, .to = asks->from,
                                   .term = asks->term, .hint_term = asks->hint_term, .reject = true};
    if (s->net == NULL) return;
    COVER("shard_released_for_one_that_is_gone");
    put_message(s, to.value, range, &release);
}

/* The range is not here (yet). */
static void deliver_nowhere(struct store *s, struct node_id from, struct range_id range, const struct raft_message *m,
                            struct bytes encoded)
{
    switch (m->kind) {
    case RAFT_MESSAGE_APPEND:
        /* The first one of a right side whose split is not applied here yet. */
        if (m->entry_count <= BIRTH_EARLY_ENTRIES && encoded.size <= BIRTH_EARLY_BYTES) birth_keep_early(s, from, range, encoded);
        if (m->to != 0) birth_begin(s, from, range, m->to);
        return;
    case RAFT_MESSAGE_HEARTBEAT:
        if (m->to != 0) birth_begin(s, from, range, m->to);
        return;
    case RAFT_MESSAGE_PRE_VOTE:
    case RAFT_MESSAGE_VOTE:
        birth_keep_early(s, from, range, encoded);
        if (m->to != 0) birth_begin(s, from, range, m->to); /* without its vote nobody may come to lead */
        return;
    case RAFT_MESSAGE_FORTIFY:
        /* Else its leader would have no lease before its next round. */
        if (!m->reject && !MUTANT("early_fortify_lost")) birth_keep_early(s, from, range, encoded);
        return;
    case RAFT_MESSAGE_FORTIFY_REPLY:
        if (m->reject) release_for(s, from, range, m);
        return;
    default: return;
    }
}

void transport_deliver(struct store *s, struct node_id from, struct range_id range, const struct raft_message *m,
                       struct bytes encoded)
{
    s->metrics.raft_messages_in++;
    struct replica *r = store_replica(s, range);
    if (r == NULL) {
        deliver_nowhere(s, from, range, m, encoded);
        return;
    }
    bool asks_back = m->kind == RAFT_MESSAGE_FORTIFY_REPLY && m->reject; /* a promise to whom it takes for its leader */
    if (m->to != r->id) {
        if (m->to > r->id) orphan_hint(r); /* another one shall live here */
        else if (asks_back) release_for(s, from, range, m);
        return;
    }
    if (asks_back) orphan_tell_stranger(r, from, m->from);
    if (m->kind == RAFT_MESSAGE_APPEND && s->space.full && space_refuses(s, range) &&
        space_is_low(s, entries_bytes(m))) {
        COVER("shard_full_follower_takes_nothing");
        return;
    }
    replica_learn_sender(r, m->from, from.value);
    struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .message = m};
    if (replica_step(r, &event) == STATUS_INVALID)
        LOG_WARN(s->logger, "raft", "malformed message", "range=%llu from=%llu kind=%d",
                 (unsigned long long)range.value, (unsigned long long)from.value, (int)m->kind);
}

void transport_receive(struct store *s, struct node_id from, struct bytes payload)
{
    struct reader in = reader_make(payload);
    while (reader_left(&in) > 0) {
        struct range_id range = {get_u64(&in)};
        struct bytes encoded = get_bytes(&in, get_u32(&in));
        struct raft_message m;
        if (in.failed || range.value == 0 ||
            raft_message_decode(encoded, &m, s->receive_entries, RECEIVE_ENTRIES_MAX) != STATUS_OK) {
            LOG_WARN(s->logger, "raft", "malformed batch", "from=%llu size=%zu",
                     (unsigned long long)from.value, payload.size);
            return;
        }
        transport_deliver(s, from, range, &m, encoded);
    }
}
