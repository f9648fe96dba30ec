/* Frames and messages as bytes: pure functions and one small state machine, without sockets.
 * Private to src/net, its tests and its fuzz harness. The layout stands in README.md, "Frame". */
#ifndef OSTRAKA_NET_NET_FRAME_INT_H
#define OSTRAKA_NET_NET_FRAME_INT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/status.h"
#include "net/net.h"

#define NET_FRAME_MAGIC       0x4b54534fu /* "OSTK" */
#define NET_FRAME_VERSION     1
#define NET_FRAME_HEAD_BYTES  24u
#define NET_FRAME_PAYLOAD_MAX (NET_FRAME_BYTES_MAX - NET_FRAME_HEAD_BYTES)
#define NET_FRAME_MORE        1u /* the message goes on in the next frame */

/* One message. payload is a view. */
struct net_message {
    uint16_t type, from_store, to_store;
    struct bytes payload;
};

/* One decoded frame; payload is a view into the bytes it was decoded from. */
struct net_frame {
    struct net_message part;
    bool more;
    size_t wire_size; /* head and payload; known as soon as the head is */
};

/* Bytes on the wire of a message with a payload of that size. */
size_t net_message_wire_size(size_t payload_size);

/* Appends the frames of a message. STATUS_TOO_LARGE: out has no room; then it is as it was. */
MUST_USE enum status net_message_encode(struct buf *out, const struct net_message *message);

/* Looks at the frame that `in` begins with.
 *
 * payload_max  a larger payload is refused as soon as the head is there.
 *
 * STATUS_WAIT     good so far, and incomplete; frame_out->wire_size is 0 until the head is
 * complete. STATUS_INVALID  not a frame: magic, flags, or an empty part of a longer message.
 * STATUS_VERSION, STATUS_TOO_LARGE, STATUS_CORRUPT (the hash disagrees). */
MUST_USE enum status net_frame_decode(struct bytes in, size_t payload_max,
                                      struct net_frame *frame_out);

/* Turns a stream of bytes, in whatever pieces, into messages. Never holds more than one message and
 * one frame head, and never more than was really received (NET-3). */
struct net_assembler {
    struct buf held;    /* payloads of the earlier frames of a message, then an incomplete frame */
    size_t gathered;    /* how much of held is payload of earlier frames */
    size_t message_max; /* bytes of payload */
    uint32_t small_count; /* messages in a row that a small `held` was enough for */
    bool fragmented;      /* in the middle of a message; `first` began it */
    bool handed_out;      /* the last message is a view of held */
    struct net_message first;
    enum status failed; /* sticky */
};

void net_assembler_init(struct net_assembler *a, size_t message_max);
void net_assembler_deinit(struct net_assembler *a);
/* Allows larger messages from now on. */
void net_assembler_raise(struct net_assembler *a, size_t message_max);

/* Takes bytes from the front of *in until a message is complete.
 *
 * STATUS_OK    *message_out holds until the next call and while the bytes of *in do.
 * STATUS_WAIT  all of *in was taken; feed more.
 * others       as net_frame_decode, or STATUS_NO_MEMORY: the stream is broken for good. */
MUST_USE enum status net_assembler_next(struct net_assembler *a, struct bytes *in,
                                        struct net_message *message_out);

#endif
