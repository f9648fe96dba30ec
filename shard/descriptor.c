#include "shard/descriptor.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"

#define DESCRIPTOR_VERSION 2 /* 1 did not say where the range came from */
#define DESCRIPTOR_VERSION_FROZEN 3 /* and for whom it is frozen */
#define DESCRIPTOR_VERSION_KEPT 4 /* and that it begins where somebody wants it to; frozen or not */

static void keys_copy(struct descriptor *to, uint8_t *keys, const struct descriptor *from)
{
    if (from->start.size > 0) memcpy(keys, from->start.data, from->start.size);
    if (from->end.size > 0) memcpy(keys + from->start.size, from->end.data, from->end.size);
    to->start = bytes_make(keys, from->start.size);
    to->end = bytes_make(keys + from->start.size, from->end.size);
}

struct descriptor *descriptor_new(const struct descriptor *from)
{
    ASSERT(from->start.size <= SHARD_KEY_BYTES_MAX && from->end.size <= SHARD_KEY_BYTES_MAX);
    struct descriptor *d = malloc(sizeof *d + from->start.size + from->end.size);
    if (d == NULL) return NULL;
    *d = *from;
    d->keys = NULL;
    keys_copy(d, (uint8_t *)(d + 1), from);
    return d;
}

enum status descriptor_assign(struct descriptor *to, const struct descriptor *from)
{
    ASSERT(from->start.size <= SHARD_KEY_BYTES_MAX && from->end.size <= SHARD_KEY_BYTES_MAX);
    uint8_t *keys = malloc(from->start.size + from->end.size + 1);
    if (keys == NULL) return STATUS_NO_MEMORY;
    uint8_t *old = to->keys;
    struct descriptor value = *from;
    keys_copy(&value, keys, from);
    value.keys = keys;
    *to = value;
    free(old);
    return STATUS_OK;
}

void descriptor_move(struct descriptor *to, struct descriptor *from)
{
    ASSERT(to != from && from->keys != NULL);
    free(to->keys);
    *to = *from;
    from->keys = NULL;
}

void descriptor_clear(struct descriptor *d)
{
    free(d->keys);
    *d = (struct descriptor){0};
}

bool descriptor_contains(const struct descriptor *d, struct bytes key)
{
    return bytes_compare(d->start, key) <= 0 && (d->end.size == 0 || bytes_compare(key, d->end) < 0);
}

int descriptor_compare_ends(struct bytes a, struct bytes b)
{
    if (a.size == 0 || b.size == 0) return (a.size == 0) - (b.size == 0);
    return bytes_compare(a, b);
}

bool descriptor_covers(const struct descriptor *d, struct bytes start, struct bytes end)
{
    return bytes_compare(d->start, start) <= 0 && descriptor_compare_ends(end, d->end) <= 0;
}

bool descriptor_overlaps(const struct descriptor *d, struct bytes start, struct bytes end)
{
    return (end.size == 0 || bytes_compare(d->start, end) < 0) &&
           (d->end.size == 0 || bytes_compare(start, d->end) < 0);
}

void descriptor_encode(const struct descriptor *d, struct buf *out)
{
    bool frozen = d->frozen_for.value != 0;
    put_u8(out, d->kept ? DESCRIPTOR_VERSION_KEPT : frozen ? DESCRIPTOR_VERSION_FROZEN : DESCRIPTOR_VERSION);
    put_u64(out, d->range.value);
    put_u64(out, d->created.value);
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
    if (!frozen && !d->kept) return;
    put_u64(out, d->frozen_for.value);
    put_u64(out, d->frozen_epoch);
}

enum status descriptor_decode(struct bytes bytes, struct descriptor *d)
{
    struct reader r = reader_make(bytes);
    uint8_t version = get_u8(&r);
    if (version < DESCRIPTOR_VERSION || version > DESCRIPTOR_VERSION_KEPT)
        return r.failed ? STATUS_INVALID : STATUS_VERSION;
    struct descriptor out = {0};
    out.range.value = get_u64(&r);
    out.created.value = get_u64(&r);
    out.epoch = get_u64(&r);
    out.next_replica_id = get_u64(&r);
    out.start = get_sized(&r);
    out.end = get_sized(&r);
    struct bytes config = get_sized(&r);
    out.kept = version == DESCRIPTOR_VERSION_KEPT;
    if (version != DESCRIPTOR_VERSION) {
        out.frozen_for.value = get_u64(&r);
        out.frozen_epoch = get_u64(&r);
        if (out.frozen_for.value == 0 && (!out.kept || out.frozen_epoch != 0)) return STATUS_INVALID;
    }
    if (!reader_done(&r) || out.range.value == 0) return STATUS_INVALID;
    if (out.start.size > SHARD_KEY_BYTES_MAX || out.end.size > SHARD_KEY_BYTES_MAX) return STATUS_INVALID;
    if (out.end.size > 0 && bytes_compare(out.start, out.end) >= 0) return STATUS_INVALID;
    enum status status = raft_config_decode(config, &out.config);
    if (status == STATUS_OK) *d = out;
    return status;
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
