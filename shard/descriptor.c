#include "shard/descriptor.h"

#include "base/assert.h"
#include "base/codec.h"

#define DESCRIPTOR_VERSION 1

enum status descriptor_set_bounds(struct descriptor *d, struct bytes start, struct bytes end)
{
    if (start.size > SHARD_KEY_BYTES_MAX || end.size > SHARD_KEY_BYTES_MAX) return STATUS_TOO_LARGE;
    uint8_t keys[sizeof d->keys]; /* the views may point into d itself */
    if (start.size > 0) memcpy(keys, start.data, start.size);
    if (end.size > 0) memcpy(keys + start.size, end.data, end.size);
    memcpy(d->keys, keys, start.size + end.size);
    d->start = bytes_make(d->keys, start.size);
    d->end = bytes_make(d->keys + start.size, end.size);
    return STATUS_OK;
}

void descriptor_copy(struct descriptor *to, const struct descriptor *from)
{
    to->range = from->range;
    to->epoch = from->epoch;
    to->next_replica_id = from->next_replica_id;
    to->config = from->config;
    enum status status = descriptor_set_bounds(to, from->start, from->end);
    ASSERT(status == STATUS_OK);
}

bool descriptor_contains(const struct descriptor *d, struct bytes key)
{
    return bytes_compare(d->start, key) <= 0 && (d->end.size == 0 || bytes_compare(key, d->end) < 0);
}

bool descriptor_covers(const struct descriptor *d, struct bytes start, struct bytes end)
{
    if (bytes_compare(d->start, start) > 0) return false;
    if (d->end.size == 0) return true;
    return end.size > 0 && bytes_compare(end, d->end) <= 0;
}

void descriptor_encode(const struct descriptor *d, struct buf *out)
{
    put_u8(out, DESCRIPTOR_VERSION);
    put_u64(out, d->range.value);
    put_u64(out, d->epoch);
    put_u64(out, d->next_replica_id);
    put_sized(out, d->start);
    put_sized(out, d->end);
    struct buf config;
    buf_init(&config, 4096);
    raft_config_encode(&d->config, &config);
    ASSERT(!config.failed);
    put_sized(out, buf_view(&config));
    buf_deinit(&config);
}

enum status descriptor_decode(struct bytes bytes, struct descriptor *d)
{
    struct reader r = reader_make(bytes);
    if (get_u8(&r) != DESCRIPTOR_VERSION) return r.failed ? STATUS_INVALID : STATUS_VERSION;
    d->range.value = get_u64(&r);
    d->epoch = get_u64(&r);
    d->next_replica_id = get_u64(&r);
    struct bytes start = get_sized(&r);
    struct bytes end = get_sized(&r);
    struct bytes config = get_sized(&r);
    if (!reader_done(&r) || d->range.value == 0) return STATUS_INVALID;
    if (end.size > 0 && bytes_compare(start, end) >= 0) return STATUS_INVALID;
    if (descriptor_set_bounds(d, start, end) != STATUS_OK) return STATUS_INVALID;
    return raft_config_decode(config, &d->config);
}

static const struct raft_member *find_on(const struct raft_member *members, uint32_t count,
                                         uint64_t node)
{
    for (uint32_t i = 0; i < count; i++)
        if (members[i].node == node) return &members[i];
    return NULL;
}

const struct raft_member *descriptor_member_on(const struct descriptor *d, struct node_id node)
{
    const struct raft_config *c = &d->config;
    const struct raft_member *m = find_on(c->voters, c->voter_count, node.value);
    if (m == NULL) m = find_on(c->learners, c->learner_count, node.value);
    if (m == NULL) m = find_on(c->outgoing, c->outgoing_count, node.value);
    return m;
}
