#include "tests/io/conformance_fixture.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"

#define TURN_NS 10000000u

static const struct env_socket_handler peer_handler;

/* ---- environment ---- */

void fixture_begin(struct fixture *f, const struct conformance_backend *backend)
{
    *f = (struct fixture){.backend = backend};
    const char *base = getenv("TMPDIR");
    int size = snprintf(f->root, sizeof f->root, "%s/ostraka-io-XXXXXX",
                        base == NULL || strlen(base) > 32 ? "/tmp" : base);
    assert_true(size > 0 && (size_t)size < sizeof f->root);
    assert_non_null(mkdtemp(f->root));
    f->env = backend->create(backend->ctx, f->root);
    if (f->env == NULL) {
        rmdir(f->root);
        print_message("%s is not offered on this machine: skipped\n", backend->name);
        skip();
    }
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st, (void)kind, (void)ftw;
    return remove(path);
}

void fixture_end(struct fixture *f)
{
    env_shutdown(f->env);
    while (f->calls_open > 0 || f->peers_open > 0) fixture_turn(f);
    fixture_idle(f); /* sockets without a handler go, too */
    f->backend->destroy(f->backend->ctx, f->env);
    nftw(f->root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

void fixture_advance(struct fixture *f, uint64_t deadline_ns)
{
    f->advancing = true;
    if (f->backend->advance != NULL) f->backend->advance(f->backend->ctx, f->env, deadline_ns);
    else env_poll(f->env, deadline_ns);
    f->advancing = false;
}

void fixture_turn(struct fixture *f)
{
    bool waits = (f->backend->lacks & CONFORMANCE_LACKS_WAITING) == 0;
    fixture_advance(f, waits ? UINT64_MAX : env_now_ns(f->env) + TURN_NS);
}

void fixture_until(struct fixture *f, const unsigned *counter, unsigned target)
{
    while (*counter < target) fixture_turn(f);
    assert_int_equal(*counter, target);
}

void fixture_idle(struct fixture *f)
{
    for (int i = 0; i < 10; i++) fixture_advance(f, env_now_ns(f->env) + 1000000);
}

/* ---- operations ---- */

static void call_done(struct env_op *op, int64_t result)
{
    struct call *c = op->ctx;
    assert_true(c->f->advancing); /* ENV-1 */
    assert_int_equal(c->done, 0); /* ENV-2 */
    c->result = result;
    c->done++;
    c->f->calls_open--;
}

void call_begin(struct fixture *f, struct call *c)
{
    *c = (struct call){.f = f, .op.on_done = call_done};
    c->op.ctx = c;
    memset(c->op.backend, 0xa5, sizeof c->op.backend); /* no backend may count on zeros */
    f->calls_open++;
}

int64_t call_end(struct call *c)
{
    assert_int_equal(c->done, 0);
    fixture_until(c->f, &c->done, 1);
    return c->result;
}

env_file file_open(struct fixture *f, const char *path, unsigned flags)
{
    int64_t file = AWAIT(f, env_file_open, path, flags);
    assert_true(file >= 0);
    return (env_file)file;
}

env_file file_make(struct fixture *f, const char *path, size_t size)
{
    env_file file = file_open(f, path, ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE);
    uint8_t *data = malloc(size + 1);
    pattern_fill(data, size, 0);
    assert_int_equal(AWAIT(f, env_file_write, file, data, size, 0), size);
    free(data);
    return file;
}

void file_close(struct fixture *f, env_file file)
{
    assert_int_equal(AWAIT(f, env_file_close, file), 0);
}

uint8_t pattern_at(uint64_t i)
{
    return (uint8_t)(i ^ i >> 8 ^ i >> 16 ^ i >> 24);
}

void pattern_fill(uint8_t *data, size_t size, uint64_t offset)
{
    for (size_t i = 0; i < size; i++) data[i] = pattern_at(offset + i);
}

bool pattern_matches(const uint8_t *data, size_t size, uint64_t offset)
{
    for (size_t i = 0; i < size; i++)
        if (data[i] != pattern_at(offset + i)) return false;
    return true;
}

/* ---- sockets ---- */

static void peer_connected(void *ctx, struct env_socket *s)
{
    struct peer *p = ctx;
    assert_true(p->f->advancing);
    assert_ptr_equal(p->s, s);
    assert_int_equal(p->connected + p->closed + p->receptions, 0);
    p->connected++;
    if (p->close_on_connected) env_close(p->f->env, s);
}

static void echo_more(struct peer *p)
{
    if (p->echo_busy || p->echo_out.size == 0) return;
    p->echo_busy = true;
    env_send(p->f->env, p->s, p->echo_out.data, p->echo_out.size);
}

static void peer_received(void *ctx, struct env_socket *s, struct bytes bytes)
{
    struct peer *p = ctx;
    assert_true(p->f->advancing);
    assert_ptr_equal(p->s, s);
    assert_int_equal(p->closed, 0);
    assert_true(bytes.size > 0);
    assert_true(pattern_matches(bytes.data, bytes.size, p->received));
    p->received += bytes.size;
    p->receptions++;
    assert_false(p->held);
    if (p->close_on_received) env_close(p->f->env, s);
    if (p->after_received != NULL) p->after_received(p);
    /* The buffer may move while a part of it is in flight only if the rest is kept elsewhere: the
     * echo is for streams that fit, one reception at a time. */
    if (p->echo && !p->echo_busy) {
        buf_append_bytes(&p->echo_out, bytes);
        assert_false(p->echo_out.failed);
        echo_more(p);
    }
}

static void peer_sent(void *ctx, struct env_socket *s)
{
    struct peer *p = ctx;
    assert_true(p->f->advancing);
    assert_ptr_equal(p->s, s);
    assert_int_equal(p->closed, 0);
    p->sent++;
    if (p->echo_busy) {
        buf_reset(&p->echo_out);
        p->echo_busy = false;
    }
    if (p->close_on_sent) env_close(p->f->env, s);
}

static void peer_closed(void *ctx, struct env_socket *s, enum status reason)
{
    struct peer *p = ctx;
    assert_true(p->f->advancing);
    assert_ptr_equal(p->s, s);
    assert_int_equal(p->closed, 0);
    p->closed++;
    p->reason = reason;
    p->f->peers_open--;
    buf_deinit(&p->echo_out);
}

static const struct env_socket_handler peer_handler = {.on_connected = peer_connected,
                                                       .on_received = peer_received,
                                                       .on_sent = peer_sent,
                                                       .on_closed = peer_closed};

static void peer_init(struct peer *p, struct fixture *f)
{
    p->f = f;
    p->connected = p->sent = p->closed = p->receptions = 0;
    p->received = 0;
    p->echo_busy = p->held = false;
    buf_init(&p->echo_out, 1 << 20);
}

struct env_addr fixture_address(const struct fixture *f, uint16_t port)
{
    struct env_addr addr = f->backend->address;
    if (addr.family == 0) addr = (struct env_addr){.family = 4, .ip = {127, 0, 0, 1}};
    addr.port = port;
    return addr;
}

static bool host_accepted(void *ctx, struct env_socket *s, const struct env_addr *addr)
{
    struct host *h = ctx;
    assert_true(h->f->advancing);
    assert_int_not_equal(addr->family, 0);
    assert_int_not_equal(addr->port, 0);
    if (h->refuse) {
        h->refused++;
        return false;
    }
    assert_true(h->count < ACCEPTED_MAX);
    struct peer *p = &h->accepted[h->count++];
    peer_init(p, h->f);
    p->s = s;
    p->echo = h->echo;
    h->f->peers_open++;
    env_socket_attach(h->f->env, s, &peer_handler, p);
    p->after_received = h->after_received;
    if (h->hold_reception) peer_hold(p, true);
    if (h->close_at_once) env_close(h->f->env, s);
    return true;
}

static const struct env_listener_handler host_handler = {.on_accepted = host_accepted};

void host_begin(struct fixture *f, struct host *h)
{
    uint16_t port = 0;
    *h = (struct host){.f = f};
    h->addr = fixture_address(f, 0);
    assert_int_equal(env_listen(f->env, &h->addr, &host_handler, h, &h->listener, &port),
                     STATUS_OK);
    assert_int_not_equal(port, 0);
    h->addr.port = port;
}

void host_end(struct host *h)
{
    env_listener_close(h->f->env, h->listener);
    h->listener = NULL;
}

void peer_dial(struct host *h, struct peer *p)
{
    peer_init(p, h->f);
    h->f->peers_open++;
    assert_int_equal(env_connect(h->f->env, &h->addr, &peer_handler, p, &p->s), STATUS_OK);
    assert_int_equal(p->connected + p->closed, 0);
}

struct peer *peer_connect(struct host *h, struct peer *p)
{
    unsigned before = h->count;
    peer_dial(h, p);
    fixture_until(h->f, &p->connected, 1);
    if (h->refuse) return NULL;
    fixture_until(h->f, &h->count, before + 1);
    return &h->accepted[before];
}

void peer_send(struct peer *p, const void *data, size_t size)
{
    unsigned before = p->sent;
    env_send(p->f->env, p->s, data, size);
    assert_int_equal(p->sent, before); /* ENV-1 */
}

void peer_hold(struct peer *p, bool held)
{
    p->held = held;
    env_receive_enable(p->f->env, p->s, !held);
}

void peer_end(struct peer *p)
{
    if (p->closed == 0) env_close(p->f->env, p->s);
    fixture_until(p->f, &p->closed, 1);
}
