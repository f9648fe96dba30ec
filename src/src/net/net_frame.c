/* The frame codec and the assembler of messages. Everything that arrives here is hostile. */
#include "net/net_frame_int.h"

#include "base/assert.h"
#include "base/codec.h"
#include "base/hash.h"

/* Offsets in the head. The hash covers all that follows it and is seeded with all that precedes it,
 * so that one pass over contiguous bytes covers the frame. */
enum {
    AT_MAGIC = 0,
    AT_SIZE = 4,
    AT_HASH = 8,
    AT_VERSION = 16,
    AT_FLAGS = 17,
    AT_TYPE = 18,
    AT_FROM_STORE = 20,
    AT_TO_STORE = 22,
    AT_PAYLOAD = 24
};
_Static_assert(AT_PAYLOAD == NET_FRAME_HEAD_BYTES, "frame layout, README.md");
_Static_assert(NET_MESSAGE_BYTES_MAX >= NET_FRAME_PAYLOAD_MAX, "one frame is a message");
_Static_assert(NET_FRAME_BYTES_MAX <= UINT32_MAX / 2, "sizes are 32 bits wide");

/* A buffer of `held` that is larger than this is given back when it was not needed for a while. */
#define HELD_KEEP_BYTES    ((size_t)256 * 1024)
#define HELD_KEEP_MESSAGES 64

/* ---- one frame ---- */

static uint64_t frame_hash(const uint8_t *frame, size_t payload_size)
{
    uint64_t seed = load_le64(frame + AT_MAGIC);
    return hash64(frame + AT_VERSION, NET_FRAME_HEAD_BYTES - AT_VERSION + payload_size, seed);
}

static void frame_encode(uint8_t *place, const struct net_message *m, struct bytes part, bool more)
{
    ASSERT(part.size <= NET_FRAME_PAYLOAD_MAX);
    ASSERT(!more || part.size > 0);
    store_le32(place + AT_MAGIC, NET_FRAME_MAGIC);
    store_le32(place + AT_SIZE, (uint32_t)part.size);
    place[AT_VERSION] = NET_FRAME_VERSION;
    place[AT_FLAGS] = more ? NET_FRAME_MORE : 0;
    store_le16(place + AT_TYPE, m->type);
    store_le16(place + AT_FROM_STORE, m->from_store);
    store_le16(place + AT_TO_STORE, m->to_store);
    if (part.size > 0) memcpy(place + AT_PAYLOAD, part.data, part.size);
    store_le64(place + AT_HASH, frame_hash(place, part.size));
}

/* What a head says, before its hash can be checked. */
static enum status head_check(const uint8_t *head, size_t payload_max)
{
    if (head[AT_VERSION] != NET_FRAME_VERSION) return STATUS_VERSION;
    if ((head[AT_FLAGS] & ~NET_FRAME_MORE) != 0) return STATUS_INVALID;
    uint32_t size = load_le32(head + AT_SIZE);
    if (size > payload_max || size > NET_FRAME_PAYLOAD_MAX) return STATUS_TOO_LARGE;
    /* Else a message could consist of frames without end. */
    if (size == 0 && (head[AT_FLAGS] & NET_FRAME_MORE) != 0) return STATUS_INVALID;
    return STATUS_OK;
}

static bool magic_possible(struct bytes in)
{
    uint8_t magic[4];
    if (in.size >= sizeof magic) return load_le32(in.data) == NET_FRAME_MAGIC;
    store_le32(magic, NET_FRAME_MAGIC);
    return memcmp(in.data, magic, in.size) == 0;
}

enum status net_frame_decode(struct bytes in, size_t payload_max, struct net_frame *frame_out)
{
    frame_out->wire_size = 0;
    if (in.size == 0) return STATUS_WAIT;
    if (!magic_possible(in)) return STATUS_INVALID; /* at once: it may never send more */
    if (in.size < NET_FRAME_HEAD_BYTES) return STATUS_WAIT;
    enum status status = head_check(in.data, payload_max);
    if (status != STATUS_OK) return status;

    size_t size = load_le32(in.data + AT_SIZE);
    frame_out->wire_size = NET_FRAME_HEAD_BYTES + size;
    if (in.size < frame_out->wire_size) return STATUS_WAIT;
    bool intact = load_le64(in.data + AT_HASH) == frame_hash(in.data, size);
    if (!intact && !MUTANT("net_hash_unchecked")) return STATUS_CORRUPT;
    frame_out->part = (struct net_message){
        .type = load_le16(in.data + AT_TYPE),
        .from_store = load_le16(in.data + AT_FROM_STORE),
        .to_store = load_le16(in.data + AT_TO_STORE),
        .payload = bytes_make(in.data + AT_PAYLOAD, size),
    };
    frame_out->more = (in.data[AT_FLAGS] & NET_FRAME_MORE) != 0;
    return STATUS_OK;
}

/* ---- one message ---- */

size_t net_message_wire_size(size_t payload_size)
{
    ASSERT(payload_size <= NET_MESSAGE_BYTES_MAX);
    size_t frames =
        payload_size == 0 ? 1 : (payload_size + NET_FRAME_PAYLOAD_MAX - 1) / NET_FRAME_PAYLOAD_MAX;
    return payload_size + frames * NET_FRAME_HEAD_BYTES;
}

enum status net_message_encode(struct buf *out, const struct net_message *m)
{
    size_t wire_size = net_message_wire_size(m->payload.size);
    uint8_t *place = buf_reserve(out, wire_size);
    if (place == NULL) {
        out->failed = false; /* what is in there is still good */
        return STATUS_TOO_LARGE;
    }
    const uint8_t *end = place + wire_size;
    struct bytes left = m->payload;
    do {
        size_t size = left.size < NET_FRAME_PAYLOAD_MAX ? left.size : NET_FRAME_PAYLOAD_MAX;
        frame_encode(place, m, bytes_make(left.data, size), size < left.size);
        place += NET_FRAME_HEAD_BYTES + size;
        if (size > 0) left = bytes_make(left.data + size, left.size - size);
    } while (left.size > 0);
    ASSERT(place == end);
    out->size += wire_size;
    return STATUS_OK;
}

/* ---- the assembler ---- */

static void check(const struct net_assembler *a)
{
    ASSERT(a->gathered <= a->held.size);
    ASSERT(a->gathered <= a->message_max);
    ASSERT(a->held.size <= a->message_max + NET_FRAME_HEAD_BYTES); /* NET-3 */
    ASSERT(a->fragmented || a->gathered == 0);
}

void net_assembler_init(struct net_assembler *a, size_t message_max)
{
    ASSERT(message_max <= NET_MESSAGE_BYTES_MAX);
    *a = (struct net_assembler){.message_max = message_max};
    buf_init(&a->held, message_max + NET_FRAME_HEAD_BYTES);
}

void net_assembler_deinit(struct net_assembler *a)
{
    buf_deinit(&a->held);
}

void net_assembler_raise(struct net_assembler *a, size_t message_max)
{
    ASSERT(message_max >= a->message_max);
    ASSERT(message_max <= NET_MESSAGE_BYTES_MAX);
    a->message_max = message_max;
    a->held.size_max = message_max + NET_FRAME_HEAD_BYTES;
    check(a);
}

static enum status fail(struct net_assembler *a, enum status status)
{
    ASSERT(status != STATUS_OK);
    ASSERT(status != STATUS_WAIT);
    a->failed = status;
    return status;
}

/* Forgets the message that was handed out from held, and now and then a large buffer with it. */
static void release(struct net_assembler *a)
{
    ASSERT(a->handed_out);
    bool large = a->held.size > HELD_KEEP_BYTES;
    a->handed_out = a->fragmented = false;
    a->gathered = 0;
    buf_reset(&a->held);
    if (large) a->small_count = 0;
}

/* Steady traffic of large messages keeps its buffer; one large message does not keep it for ever.
 */
static void age(struct net_assembler *a)
{
    ASSERT(a->held.size == 0);
    if (a->held.capacity <= HELD_KEEP_BYTES || ++a->small_count < HELD_KEEP_MESSAGES) return;
    COVER("net_held_given_back");
    buf_deinit(&a->held);
    a->small_count = 0;
}

/* Adds a frame to the message under construction. Its payload is already at the end of `gathered`
 * (in_place), or has to be copied there. STATUS_WAIT: more frames follow. */
static enum status gather(struct net_assembler *a, const struct net_frame *f, bool in_place,
                          struct net_message *message_out)
{
    const struct net_message *part = &f->part;
    if (a->fragmented && (part->type != a->first.type || part->from_store != a->first.from_store ||
                          part->to_store != a->first.to_store))
        return fail(a, STATUS_INVALID);
    if (!in_place) buf_append_bytes(&a->held, part->payload);
    if (a->held.failed) return fail(a, STATUS_NO_MEMORY);
    if (!a->fragmented) a->first = *part;
    a->fragmented = true;
    a->gathered = a->held.size;
    check(a);
    if (f->more && !MUTANT("net_partial_message")) return STATUS_WAIT;
    *message_out = a->first;
    message_out->payload = buf_view(&a->held);
    a->handed_out = true;
    return STATUS_OK;
}

/* Nothing of a frame is held: most frames are whole in what arrived and are not copied. */
static enum status next_direct(struct net_assembler *a, struct bytes *in,
                               struct net_message *message_out)
{
    struct net_frame f;
    enum status status = net_frame_decode(*in, a->message_max - a->gathered, &f);
    if (status == STATUS_WAIT) {
        buf_append_bytes(&a->held, *in);
        *in = BYTES_EMPTY;
        return a->held.failed ? fail(a, STATUS_NO_MEMORY) : STATUS_WAIT;
    }
    if (status != STATUS_OK) return fail(a, status);
    *in = bytes_make(in->data + f.wire_size, in->size - f.wire_size);
    if (a->fragmented || f.more) return gather(a, &f, false, message_out);
    age(a);
    *message_out = f.part;
    return STATUS_OK;
}

/* Copies from *in what the held frame still lacks: first its head, then the rest. */
static enum status top_up(struct net_assembler *a, struct bytes *in, size_t target)
{
    size_t partial = a->held.size - a->gathered;
    ASSERT(partial < target);
    size_t size = target - partial < in->size ? target - partial : in->size;
    buf_append(&a->held, in->data, size);
    if (a->held.failed) return fail(a, STATUS_NO_MEMORY);
    *in = bytes_make(in->data + size, in->size - size);
    check(a);
    return partial + size < target ? STATUS_WAIT : STATUS_OK;
}

/* The frame in held is whole: makes its payload part of the message, in place. */
static enum status next_held(struct net_assembler *a, const struct net_frame *f,
                             struct net_message *message_out)
{
    uint8_t *frame = a->held.data + a->gathered;
    if (!a->fragmented && !f->more) {
        *message_out = f->part;
        a->handed_out = true;
        return STATUS_OK;
    }
    COVER("net_fragment_held");
    memmove(frame, frame + NET_FRAME_HEAD_BYTES, f->part.payload.size);
    buf_truncate(&a->held, a->held.size - NET_FRAME_HEAD_BYTES);
    return gather(a, f, true, message_out);
}

/* Part of a frame is held. */
static enum status next_partial(struct net_assembler *a, struct bytes *in,
                                struct net_message *message_out)
{
    struct net_frame f;
    size_t target = NET_FRAME_HEAD_BYTES;
    for (;;) {
        struct bytes frame = bytes_make(a->held.data + a->gathered, a->held.size - a->gathered);
        enum status status = net_frame_decode(frame, a->message_max - a->gathered, &f);
        if (status == STATUS_OK) return next_held(a, &f, message_out);
        if (status != STATUS_WAIT) return fail(a, status);
        if (f.wire_size > 0) target = f.wire_size;
        status = top_up(a, in, target);
        /* A wrong magic is told as early here as in next_direct. */
        if (status == STATUS_WAIT && target == NET_FRAME_HEAD_BYTES) {
            frame = bytes_make(a->held.data + a->gathered, a->held.size - a->gathered);
            return magic_possible(frame) ? STATUS_WAIT : fail(a, STATUS_INVALID);
        }
        if (status != STATUS_OK) return status;
    }
}

enum status net_assembler_next(struct net_assembler *a, struct bytes *in,
                               struct net_message *message_out)
{
    check(a);
    if (a->failed != STATUS_OK) return a->failed;
    if (a->handed_out) release(a);
    for (;;) {
        bool partial = a->held.size > a->gathered;
        if (in->size == 0) return STATUS_WAIT;
        enum status status =
            partial ? next_partial(a, in, message_out) : next_direct(a, in, message_out);
        if (status != STATUS_WAIT) return status;
    }
}
