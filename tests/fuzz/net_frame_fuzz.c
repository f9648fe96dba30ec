/* Fuzzes the frame decoder, the assembler and the two payloads of a handshake.
 *
 * The input is a byte of choices, a byte for the size of pieces, and a stream. A hash would stop
 * the fuzzer at the door, so bit 0 of the choices repairs the heads of the stream before it is
 * used. What must hold: the messages do not depend on the pieces the stream came in, memory is
 * bounded, and whatever was accepted survives being encoded and decoded again. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "base/hash.h"
#include "net/net_hello_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPAIR = 1, LARGE = 2 };
#define MESSAGE_MAX_SMALL 64

struct outcome {
    uint64_t hash; /* of all messages */
    size_t count;
    enum status end;
};

/* Gives every frame of the stream a good magic and hash, and its size a value that leads somewhere.
 */
static void repair(uint8_t *stream, size_t size)
{
    while (size >= NET_FRAME_HEAD_BYTES) {
        size_t left = size - NET_FRAME_HEAD_BYTES;
        size_t payload = stream[4] < left ? stream[4] : left;
        store_le32(stream, NET_FRAME_MAGIC);
        store_le32(stream + 4, (uint32_t)payload);
        store_le64(stream + 8, hash64(stream + 16, 8 + payload, load_le64(stream)));
        stream += NET_FRAME_HEAD_BYTES + payload;
        size -= NET_FRAME_HEAD_BYTES + payload;
    }
}

static void check_hello(struct bytes payload)
{
    struct net_hello hello, again;
    if (net_hello_decode(payload, &hello) != STATUS_OK) return;
    struct buf b;
    buf_init(&b, NET_HELLO_BYTES_MAX);
    net_hello_encode(&b, &hello);
    enum status status = net_hello_decode(buf_view(&b), &again);
    ASSERT(status == STATUS_OK);
    ASSERT(strlen(again.identity.advertise) < NET_HOST_MAX);
    ASSERT(memcmp(&hello.identity, &again.identity, sizeof again.identity) == 0);
    ASSERT(bytes_has_prefix(payload, buf_view(&b)));
    (void)net_version_choose(NET_VERSION_MIN, NET_VERSION_MAX, hello.version_min, hello.version_max);
    buf_deinit(&b);
}

static void check_reply(struct bytes payload)
{
    struct net_hello_reply reply, again;
    if (net_hello_reply_decode(payload, &reply) != STATUS_OK) return;
    struct buf b;
    buf_init(&b, NET_HELLO_BYTES_MAX);
    net_hello_reply_encode(&b, &reply);
    enum status status = net_hello_reply_decode(buf_view(&b), &again);
    ASSERT(status == STATUS_OK);
    ASSERT(again.refusal == reply.refusal);
    ASSERT(bytes_has_prefix(payload, buf_view(&b)));
    ASSERT(net_refusal_text(again.refusal) != NULL);
    buf_deinit(&b);
}

static void check_message(const struct net_message *m)
{
    struct buf b;
    struct net_frame f;
    buf_init(&b, net_message_wire_size(m->payload.size));
    enum status status = net_message_encode(&b, m);
    ASSERT(status == STATUS_OK);
    status = net_frame_decode(buf_view(&b), NET_FRAME_PAYLOAD_MAX, &f);
    ASSERT(status == STATUS_OK);
    ASSERT(f.part.type == m->type);
    ASSERT(bytes_equal(f.part.payload, m->payload));
    buf_deinit(&b);
    check_hello(m->payload);
    check_reply(m->payload);
}

static void note(struct outcome *o, const struct net_message *m)
{
    uint64_t head = (uint64_t)m->type << 32 | (uint64_t)m->from_store << 16 | m->to_store;
    o->hash = hash64(m->payload.data, m->payload.size, hash_u64(o->hash ^ head));
    o->count++;
}

/* The same stream in pieces of `piece` bytes, each in memory of exactly its size. */
static struct outcome run(struct bytes stream, size_t piece, size_t message_max)
{
    struct outcome o = {.end = STATUS_WAIT};
    struct net_assembler a;
    net_assembler_init(&a, message_max);
    for (size_t at = 0; at < stream.size && o.end == STATUS_WAIT; at += piece) {
        size_t size = stream.size - at < piece ? stream.size - at : piece;
        uint8_t *copy = malloc(size);
        ASSERT(copy != NULL);
        memcpy(copy, stream.data + at, size);
        struct bytes in = bytes_make(copy, size);
        struct net_message m;
        while ((o.end = net_assembler_next(&a, &in, &m)) == STATUS_OK) {
            ASSERT(m.payload.size <= message_max);
            note(&o, &m);
            check_message(&m);
        }
        ASSERT(o.end != STATUS_WAIT || in.size == 0);
        ASSERT(a.held.size <= message_max + NET_FRAME_HEAD_BYTES);
        ASSERT(a.held.size <= at + size);
        free(copy);
    }
    net_assembler_deinit(&a);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 3) return 0;
    uint8_t *stream = malloc(size - 2);
    ASSERT(stream != NULL);
    memcpy(stream, data + 2, size - 2);
    if ((data[0] & REPAIR) != 0) repair(stream, size - 2);
    size_t message_max = (data[0] & LARGE) != 0 ? NET_MESSAGE_BYTES_MAX : MESSAGE_MAX_SMALL;
    struct bytes whole = bytes_make(stream, size - 2);
    struct outcome at_once = run(whole, whole.size, message_max);
    struct outcome in_pieces = run(whole, (size_t)data[1] + 1, message_max);
    ASSERT(at_once.count == in_pieces.count);
    ASSERT(at_once.hash == in_pieces.hash);
    ASSERT(at_once.end == in_pieces.end);
    check_hello(whole);
    check_reply(whole);
    free(stream);
    return 0;
}
