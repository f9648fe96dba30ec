/* HELLO and HELLO_REPLY as bytes, the choice of a version, and the line of starts of a node. */
#include "net/net_hello_int.h"

#include "base/assert.h"
#include "base/codec.h"

_Static_assert(NET_VERSION_MIN >= 1 && NET_VERSION_MIN <= NET_VERSION_MAX, "0 means none");

static void marks_encode(struct buf *out, const struct net_identity *identity)
{
    uint8_t count = 0;
    while (count < NET_START_MARKS && identity->start_marks[count] != 0) count++;
    put_u8(out, count);
    for (uint8_t i = 0; i < count; i++) put_u64(out, identity->start_marks[i]);
}

/* Version 1 had no marks. Nor has a refusal (version 0): who refuses need not prove who it is. */
static void identity_encode(struct buf *out, uint16_t version, const struct net_identity *identity)
{
    size_t size = strnlen(identity->advertise, NET_HOST_MAX);
    ASSERT(size < NET_HOST_MAX);
    buf_append(out, identity->cluster_id, sizeof identity->cluster_id);
    put_u64(out, identity->node.value);
    put_u64(out, identity->incarnation);
    put_sized(out, bytes_make(identity->advertise, size));
    if (version >= 2) marks_encode(out, identity);
}

/* An address goes into logs, tables and resolvers: only what can be a part of one is let in. */
static bool host_is_plain(struct bytes host)
{
    if (host.size >= NET_HOST_MAX) return false;
    for (size_t i = 0; i < host.size; i++)
        if (host.data[i] <= ' ' || host.data[i] > '~') return false;
    return true;
}

static bool marks_decode(struct reader *r, struct net_identity *identity)
{
    uint8_t count = get_u8(r);
    if (count > NET_START_MARKS) return false;
    for (uint8_t i = 0; i < count; i++) identity->start_marks[i] = get_u64(r);
    return !r->failed;
}

static bool identity_decode(struct reader *r, uint16_t version, struct net_identity *identity)
{
    memset(identity, 0, sizeof *identity);
    struct bytes cluster = get_bytes(r, sizeof identity->cluster_id);
    identity->node.value = get_u64(r);
    identity->incarnation = get_u64(r);
    struct bytes host = get_sized(r);
    if (r->failed || !host_is_plain(host)) return false;
    memcpy(identity->cluster_id, cluster.data, cluster.size);
    if (host.size > 0) memcpy(identity->advertise, host.data, host.size);
    return version < 2 || marks_decode(r, identity);
}

void net_hello_encode(struct buf *out, const struct net_hello *hello)
{
    ASSERT(hello->version_min >= 1);
    ASSERT(hello->version_min <= hello->version_max);
    ASSERT((hello->link == NET_HELLO_GUEST) == (hello->identity.node.value == 0));
    put_u16(out, hello->version_min);
    put_u16(out, hello->version_max);
    put_u8(out, hello->link);
    put_u64(out, hello->target.value);
    identity_encode(out, hello->version_max, &hello->identity);
}

enum status net_hello_decode(struct bytes in, struct net_hello *hello_out)
{
    struct reader r = reader_make(in);
    struct net_hello hello = {.version_min = get_u16(&r)};
    hello.version_max = get_u16(&r);
    hello.link = get_u8(&r);
    hello.target.value = get_u64(&r);
    if (!identity_decode(&r, hello.version_max, &hello.identity)) return STATUS_INVALID;
    if (hello.version_min == 0 || hello.version_min > hello.version_max) return STATUS_INVALID;
    bool guest = hello.identity.node.value == 0;
    if (guest != (hello.link == NET_HELLO_GUEST)) return STATUS_INVALID;
    if (!guest && hello.link >= NET_LINK_COUNT) return STATUS_INVALID;
    *hello_out = hello;
    return STATUS_OK;
}

void net_hello_reply_encode(struct buf *out, const struct net_hello_reply *reply)
{
    ASSERT((reply->refusal == NET_REFUSAL_NONE) == (reply->version != 0));
    put_u8(out, (uint8_t)reply->refusal);
    put_u16(out, reply->version);
    identity_encode(out, reply->version, &reply->identity);
}

enum status net_hello_reply_decode(struct bytes in, struct net_hello_reply *reply_out)
{
    struct reader r = reader_make(in);
    uint8_t refusal = get_u8(&r);
    struct net_hello_reply reply = {.refusal = refusal, .version = get_u16(&r)};
    if (!identity_decode(&r, reply.version, &reply.identity)) return STATUS_INVALID;
    if ((refusal == NET_REFUSAL_NONE) != (reply.version != 0)) return STATUS_INVALID;
    *reply_out = reply;
    return STATUS_OK;
}

bool net_identity_continues(const struct net_identity *identity, uint64_t incarnation,
                            uint64_t mark)
{
    if (identity->incarnation < incarnation) return false;
    uint64_t later = identity->incarnation - incarnation;
    if (mark == 0 || later >= NET_START_MARKS || MUTANT("k26_start_unmarked")) return true;
    return identity->start_marks[later] == mark;
}

uint16_t net_version_choose(uint16_t ours_min, uint16_t ours_max, uint16_t theirs_min, uint16_t theirs_max)
{
    ASSERT(ours_min <= ours_max && theirs_min <= theirs_max);
    uint16_t low = theirs_min > ours_min ? theirs_min : ours_min;
    uint16_t high = theirs_max < ours_max ? theirs_max : ours_max;
    return low <= high ? high : 0;
}

const char *net_refusal_text(enum net_refusal refusal)
{
    switch (refusal) {
    case NET_REFUSAL_NONE: return "not refused";
    case NET_REFUSAL_VERSION: return "no protocol version in common";
    case NET_REFUSAL_CLUSTER: return "belongs to another cluster";
    case NET_REFUSAL_INCARNATION: return "its data directory is a copy, or older than what the cluster has seen of this node";
    case NET_REFUSAL_REMOVED: return "removed from the cluster";
    case NET_REFUSAL_NOT_READY: return "not ready";
    case NET_REFUSAL_TARGET: return "meant another node";
    case NET_REFUSAL_BUSY: return "too many connections";
    }
    return "refused for a reason this version does not know";
}
