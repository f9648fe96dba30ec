/* The same load on etcd 3.4: its KV service through gRPC, which is HTTP/2 (libnghttp2, prior
 * knowledge, no TLS) with one five-byte prefix and one protobuf message per body, encoded by hand.
 *
 *   load  puts keys 1 to --keys once each
 *   put   /etcdserverpb.KV/Put of a random key
 *   get   /etcdserverpb.KV/Range of a random key, linearizable (the default), which must exist
 *   cas   /etcdserverpb.KV/Txn: puts two keys if their versions are what they are known to be; keys of this run
 *
 * Requests in flight on one connection (--pipeline) are streams of it. An answer counts as an error
 * unless the HTTP status is 200, grpc-status is 0, a get found its key and a cas has put. */
#include <inttypes.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "bench/pairs.h"

#define ANSWER_BYTES_MAX (LOAD_VALUE_BYTES_MAX + 4096)
#define GRPC_PREFIX      5 /* compressed flag, size */

struct etcd_bench {
    const char *path, *kind;
    struct pairs pairs;
    uint64_t run; /* keys of cas are of this run: so their first version is 0 */
    char authority[ENV_ADDR_TEXT_MAX];
    bool complained;
};

/* One connection and all its streams; the finished ones are kept for the next requests. */
struct etcd_state {
    nghttp2_session *session;
    struct etcd_stream *all, *spare;
};

struct etcd_stream {
    struct etcd_stream *next, *next_spare;
    uint64_t started_ns;
    struct pair_key pair[2];
    struct buf body, answer;
    size_t sent;
    bool http_ok, grpc_ok;
};

/* ---- messages ---- */

static void put_field(struct buf *b, unsigned number, struct bytes value)
{
    put_varint(b, number << 3 | 2); /* wire type 2: a size and so many bytes */
    put_sized(b, value);
}

/* PutRequest {key = 1, value = 2}, RangeRequest {key = 1}, behind the gRPC prefix. */
static void encode(struct load *l, struct buf *body, const char *kind, uint64_t number)
{
    char key[32];
    uint64_t n = kind[0] == 'l' ? number + 1 : load_key(l);
    int size = snprintf(key, sizeof key, "key%013" PRIu64, n);
    buf_reset(body);
    put_u8(body, 0);
    put_be32(body, 0);
    put_field(body, 1, bytes_make(key, (size_t)size));
    if (kind[0] != 'g') put_field(body, 2, load_value(l));
    ASSERT(!body->failed);
    store_be32(body->data + 1, (uint32_t)(body->size - GRPC_PREFIX));
}

/* A message of its own within another one. */
static void put_message(struct buf *b, unsigned number, const struct buf *message)
{
    put_field(b, number, buf_view(message));
}

static void put_number(struct buf *b, unsigned number, uint64_t value)
{
    put_varint(b, number << 3);
    put_varint(b, value);
}

/* TxnRequest {compare = 1, success = 2}, Compare {key = 3, version = 4}, equal being the default of both its enums;
 * RequestOp {request_put = 2}. */
static void encode_cas(struct load *l, struct etcd_bench *e, struct etcd_stream *s)
{
    struct buf *body = &s->body, compare, put, op;
    char key[2][48];
    int size[2];
    buf_init(&compare, 256);
    buf_init(&put, ANSWER_BYTES_MAX);
    buf_init(&op, ANSWER_BYTES_MAX);
    buf_reset(body);
    put_u8(body, 0);
    put_be32(body, 0);
    pairs_take(&e->pairs, l, s->pair);
    for (int i = 0; i < 2; i++) {
        size[i] = snprintf(key[i], sizeof key[i], "cas%016" PRIx64 "/%013" PRIu64, e->run, s->pair[i].key);
        buf_reset(&compare);
        put_field(&compare, 3, bytes_make(key[i], (size_t)size[i]));
        put_number(&compare, 4, s->pair[i].version);
        put_message(body, 1, &compare);
    }
    for (int i = 0; i < 2; i++) {
        buf_reset(&put);
        buf_reset(&op);
        put_field(&put, 1, bytes_make(key[i], (size_t)size[i]));
        put_field(&put, 2, load_value(l));
        put_message(&op, 2, &put);
        put_message(body, 2, &op);
    }
    ASSERT(!body->failed && !op.failed);
    store_be32(body->data + 1, (uint32_t)(body->size - GRPC_PREFIX));
    buf_deinit(&compare);
    buf_deinit(&put);
    buf_deinit(&op);
}

/* TxnResponse {header = 1, succeeded = 2, responses = 3}. */
static bool has_swapped(struct bytes message)
{
    struct reader r = reader_make(message);
    bool swapped = false;
    while (reader_left(&r) > 0 && !r.failed) {
        uint64_t tag = get_varint(&r);
        if ((tag & 7) == 2) (void)get_sized(&r);
        else if ((tag & 7) == 0) swapped = (get_varint(&r) == 1 && tag >> 3 == 2) || swapped;
        else return false;
    }
    return swapped && !r.failed;
}

/* True when a RangeResponse {header = 1, kvs = 2, more = 3, count = 4} holds a pair. */
static bool has_pair(struct bytes message)
{
    struct reader r = reader_make(message);
    bool found = false;
    while (reader_left(&r) > 0 && !r.failed) {
        uint64_t tag = get_varint(&r);
        if ((tag & 7) == 2) {
            (void)get_sized(&r);
            found = found || tag >> 3 == 2;
        } else if ((tag & 7) == 0) {
            (void)get_varint(&r);
        } else {
            return false; /* neither message has fields of fixed width */
        }
    }
    return found && !r.failed;
}

static bool answer_is_good(const struct etcd_stream *s, const char *kind)
{
    if (!s->http_ok || !s->grpc_ok) return false;
    if (s->answer.failed || s->answer.size < GRPC_PREFIX) return false;
    struct bytes message = bytes_make(s->answer.data + GRPC_PREFIX, s->answer.size - GRPC_PREFIX);
    if (s->answer.data[0] != 0 || load_be32(s->answer.data + 1) != message.size) return false;
    if (kind[0] == 'c') return has_swapped(message);
    return kind[0] != 'g' || has_pair(message);
}

/* ---- HTTP/2 ---- */

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *to, size_t size,
                       uint32_t *flags, nghttp2_data_source *source, void *user)
{
    struct etcd_stream *s = source->ptr;
    (void)session, (void)id, (void)user;
    size_t left = s->body.size - s->sent;
    if (left > size) left = size;
    memcpy(to, s->body.data + s->sent, left);
    s->sent += left;
    if (s->sent == s->body.size) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)left;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_size, const uint8_t *value, size_t value_size, uint8_t flags,
                     void *user)
{
    struct load_conn *c = user;
    struct etcd_bench *b = c->load->protocol->ctx;
    struct etcd_stream *s = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);
    struct bytes n = bytes_make(name, name_size), v = bytes_make(value, value_size);
    (void)flags;
    if (s == NULL) return 0;
    if (bytes_equal(n, BYTES_LITERAL(":status"))) s->http_ok = bytes_equal(v, BYTES_LITERAL("200"));
    if (bytes_equal(n, BYTES_LITERAL("grpc-status")))
        s->grpc_ok = bytes_equal(v, BYTES_LITERAL("0"));
    if (bytes_equal(n, BYTES_LITERAL("grpc-message")) && v.size > 0 && !b->complained) {
        b->complained = true;
        fprintf(stderr, "etcd_bench: the server reports: %.*s\n", (int)v.size, (const char *)value);
    }
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
                   size_t size, void *user)
{
    struct etcd_stream *s = nghttp2_session_get_stream_user_data(session, id);
    (void)flags, (void)user;
    if (s != NULL) buf_append(&s->answer, data, size);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *user)
{
    struct load_conn *c = user;
    struct etcd_state *state = c->state;
    struct etcd_bench *b = c->load->protocol->ctx;
    struct etcd_stream *s = nghttp2_session_get_stream_user_data(session, id);
    if (s == NULL) return 0;
    bool ok = error == 0 && answer_is_good(s, b->kind);
    if (b->kind[0] == 'c') pairs_give_back(&b->pairs, s->pair, ok);
    load_answered(c, s->started_ns, ok);
    s->next_spare = state->spare;
    state->spare = s;
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user)
{
    struct load_conn *c = user;
    (void)session;
    if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK) && !c->ready)
        load_greeted(c);
    return 0;
}

/* Moves what the session wants to send into c->out. */
static bool drain(struct load_conn *c)
{
    struct etcd_state *state = c->state;
    const uint8_t *data;
    ssize_t size;
    while ((size = nghttp2_session_mem_send(state->session, &data)) > 0)
        buf_append(&c->out, data, (size_t)size);
    return size == 0;
}

/* ---- the protocol ---- */

static bool open_connection(struct load_conn *c)
{
    struct etcd_state *state = calloc(1, sizeof *state);
    nghttp2_session_callbacks *callbacks;
    ASSERT(state != NULL);
    c->state = state;
    if (nghttp2_session_callbacks_new(&callbacks) != 0) return false;
    nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    int result = nghttp2_session_client_new(&state->session, callbacks, c);
    nghttp2_session_callbacks_del(callbacks);
    if (result != 0) return false;
    nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
                                         {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1u << 20}};
    if (nghttp2_submit_settings(state->session, NGHTTP2_FLAG_NONE, settings, 2) != 0) return false;
    return drain(c);
}

static struct etcd_stream *take_stream(struct load_conn *c)
{
    struct etcd_state *state = c->state;
    struct etcd_stream *s = state->spare;
    if (s != NULL) {
        state->spare = s->next_spare;
    } else {
        s = calloc(1, sizeof *s);
        ASSERT(s != NULL);
        s->next = state->all;
        state->all = s;
        buf_init(&s->body, ANSWER_BYTES_MAX);
        buf_init(&s->answer, ANSWER_BYTES_MAX);
    }
    buf_reset(&s->answer);
    s->sent = 0;
    s->http_ok = s->grpc_ok = false;
    return s;
}

static nghttp2_nv header(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                        strlen(value), NGHTTP2_NV_FLAG_NONE};
}

static bool request(struct load_conn *c, uint64_t number, uint64_t started_ns)
{
    struct etcd_state *state = c->state;
    struct etcd_bench *b = c->load->protocol->ctx;
    struct etcd_stream *s = take_stream(c);
    s->started_ns = started_ns;
    if (b->kind[0] == 'c') encode_cas(c->load, b, s);
    else encode(c->load, &s->body, b->kind, number);
    const nghttp2_nv headers[] = {header(":method", "POST"), header(":scheme", "http"),
                                  header(":path", b->path), header(":authority", b->authority),
                                  header("content-type", "application/grpc"),
                                  header("te", "trailers")};
    nghttp2_data_provider body = {.source.ptr = s, .read_callback = on_read};
    int32_t id = nghttp2_submit_request(state->session, NULL, headers,
                                        sizeof headers / sizeof headers[0], &body, s);
    if (id < 0) fprintf(stderr, "etcd_bench: %s\n", nghttp2_strerror(id));
    return id >= 0 && drain(c);
}

static bool received(struct load_conn *c)
{
    struct etcd_state *state = c->state;
    ssize_t size = nghttp2_session_mem_recv(state->session, c->in.data, c->in.size);
    if (size < 0) {
        fprintf(stderr, "etcd_bench: %s\n", nghttp2_strerror((int)size));
        return false;
    }
    buf_consume(&c->in, (size_t)size);
    return drain(c); /* acknowledgements and window updates */
}

static void close_connection(struct load_conn *c)
{
    struct etcd_state *state = c->state;
    nghttp2_session_del(state->session);
    while (state->all != NULL) {
        struct etcd_stream *s = state->all;
        state->all = s->next;
        buf_deinit(&s->body);
        buf_deinit(&s->answer);
        free(s);
    }
    free(state);
    c->state = NULL;
}

int main(int argc, char **argv)
{
    struct load_options o;
    struct load_result result;
    struct etcd_bench b = {.path = "/etcdserverpb.KV/Put"};
    if (!load_options_parse(argc, argv, &o)) return 2;
    if (o.prepared || o.statement != NULL || o.first != NULL) {
        fprintf(stderr, "etcd_bench: there are no statements in etcd\n");
        return 2;
    }
    b.kind = o.workload;
    env_addr_format(&o.addresses[0], b.authority);
    bool fills = strcmp(b.kind, "load") == 0;
    if (strcmp(b.kind, "get") == 0) {
        b.path = "/etcdserverpb.KV/Range";
    } else if (strcmp(b.kind, "cas") == 0) {
        b.path = "/etcdserverpb.KV/Txn";
        b.run = load_now_ns();
    } else if (!fills && strcmp(b.kind, "put") != 0) {
        fprintf(stderr, "etcd_bench: the workloads are load, put, get and cas\n");
        return 2;
    }
    if (b.kind[0] == 'c' && o.keys / 4 < o.connections * o.pipeline) {
        fprintf(stderr, "etcd_bench: cas needs at least four keys for each request in flight\n");
        return 2;
    }
    const struct load_protocol protocol = {open_connection, request, received, close_connection,
                                           &b};
    pairs_init(&b.pairs, o.keys);
    bool done = load_run(&o, &protocol, fills ? o.keys : 0, &result);
    pairs_deinit(&b.pairs);
    if (!done) return 1;
    if (o.header) load_print_header(&o);
    load_print_row(&o, b.kind, &result);
    return fills && result.errors > 0 ? 1 : 0;
}
