/* The two payloads of a handshake (README.md, "Handshake"). Private to src/net, its tests and
 * fuzzers. */
#ifndef OSTRAKA_NET_NET_HELLO_INT_H
#define OSTRAKA_NET_NET_HELLO_INT_H

#include "net/net_frame_int.h"

#define NET_TYPE_HELLO       0xff01
#define NET_TYPE_HELLO_REPLY 0xff02
#define NET_HELLO_BYTES_MAX  1024u /* all that is accepted from who has not said its name */
#define NET_HELLO_GUEST      255   /* the link of a guest */
_Static_assert(NET_TYPE_HELLO > NET_MESSAGE_TYPE_MAX, "types of messages and of handshakes differ");

/* What the dialling side says first. */
struct net_hello {
    uint16_t version_min, version_max;
    uint8_t link;          /* an enum net_link, or NET_HELLO_GUEST together with node id 0 */
    struct node_id target; /* whom it means; 0: whoever listens there */
    struct net_identity identity;
};

/* The answer. */
struct net_hello_reply {
    enum net_refusal refusal;
    uint16_t version; /* the one to be spoken; 0 with a refusal */
    struct net_identity identity;
};

void net_hello_encode(struct buf *out, const struct net_hello *hello);
void net_hello_reply_encode(struct buf *out, const struct net_hello_reply *reply);
/* STATUS_INVALID. Bytes beyond the known fields are skipped: a later version may add some. */
MUST_USE enum status net_hello_decode(struct bytes in, struct net_hello *hello_out);
MUST_USE enum status net_hello_reply_decode(struct bytes in, struct net_hello_reply *reply_out);

/* The highest version that both sides speak, or 0. */
uint16_t net_version_choose(uint16_t ours_min, uint16_t ours_max, uint16_t theirs_min, uint16_t theirs_max);

static inline bool net_cluster_is_zero(const struct net_identity *identity)
{
    static const uint8_t zero[sizeof identity->cluster_id];
    return memcmp(identity->cluster_id, zero, sizeof zero) == 0;
}
static inline bool net_cluster_equal(const struct net_identity *a, const struct net_identity *b)
{
    return memcmp(a->cluster_id, b->cluster_id, sizeof a->cluster_id) == 0;
}

#endif
