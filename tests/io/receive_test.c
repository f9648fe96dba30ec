/* Receptions of the ring in orders that the kernel gives rarely: completions that are already there
 * when reception is switched off and on. No ring is behind this environment; the completions are
 * made up. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/uring_int.h"
#include "tests/test.h"

#define BUFFERS 4

struct bench {
    struct uring_env u;
    struct env_socket *s;
    char text[64]; /* what on_received was given */
    unsigned calls, closed;
    bool hold_after;
};

static void on_received(void *ctx, struct env_socket *s, struct bytes bytes)
{
    struct bench *b = ctx;
    assert_true(s->receive_enabled);
    assert_int_equal(b->closed, 0);
    strncat(b->text, (const char *)bytes.data, bytes.size);
    b->calls++;
    if (b->hold_after) io_receive_enable(&b->u.io.base, s, false);
}

static void on_closed(void *ctx, struct env_socket *s, enum status reason)
{
    struct bench *b = ctx;
    (void)s;
    assert_int_equal(reason, STATUS_CLOSED);
    b->closed++;
}

static const struct env_socket_handler handler = {.on_received = on_received,
                                                  .on_closed = on_closed};

static void bench_begin(struct bench *b)
{
    *b = (struct bench){.u.buffer_count = BUFFERS};
    list_init(&b->u.io.dirty);
    list_init(&b->u.io.sockets);
    b->u.features = URING_FEATURE_MULTISHOT_RECEIVE;
    b->u.buffers = calloc(BUFFERS, sizeof(struct io_uring_buf));
    b->u.buffer_memory = malloc(BUFFERS * URING_BUFFER_BYTES);
    b->u.io.polling = true;
    b->s = io_socket_create(&b->u.io, dup(0));
    io_socket_attach(&b->u.io.base, b->s, &handler, b);
    b->s->ring.receive = b->s->ring.multishot = true; /* as if it were armed */
}

static void bench_end(struct bench *b)
{
    if (b->closed == 0) {
        b->s->ring.receive = false;
        io_socket_destroy(&b->u.io, b->s);
    }
    free(b->u.buffers);
    free(b->u.buffer_memory);
}

/* The kernel put `text` into buffer `id`. */
static void arrives(struct bench *b, unsigned id, const char *text)
{
    uint16_t tail = b->u.buffers->tail;
    memcpy(b->u.buffer_memory + id * URING_BUFFER_BYTES, text, strlen(text));
    uring_receive_done(&b->u, b->s, (int)strlen(text),
                       IORING_CQE_F_MORE | IORING_CQE_F_BUFFER | id << IORING_CQE_BUFFER_SHIFT);
    assert_int_equal(b->u.buffers->tail, tail + 1); /* the buffer is lent again at once */
}

static void enable(struct bench *b, bool enabled)
{
    io_receive_enable(&b->u.io.base, b->s, enabled);
}

TEST(receive, bytes_pass_through_while_enabled)
{
    struct bench b;
    bench_begin(&b);
    arrives(&b, 0, "one ");
    arrives(&b, 3, "two");
    assert_string_equal(b.text, "one two");
    assert_int_equal(b.calls, 2);
    bench_end(&b);
}

TEST(receive, held_bytes_come_first_when_enabled_again)
{
    struct bench b;
    bench_begin(&b);
    enable(&b, false);
    b.s->ring.receive_cancelled = true; /* no ring to cancel in */
    arrives(&b, 0, "one ");
    arrives(&b, 1, "two ");
    (void)uring_sockets_turn(&b.u);
    assert_string_equal(b.text, "");
    enable(&b, true);
    arrives(&b, 2, "three"); /* enabled, and yet behind what is held */
    assert_string_equal(b.text, "");
    assert_true(uring_sockets_turn(&b.u));
    assert_string_equal(b.text, "one two three");
    assert_int_equal(b.calls, 1);
    arrives(&b, 2, " four");
    assert_string_equal(b.text, "one two three four");
    bench_end(&b);
}

TEST(receive, a_callback_that_disables_stops_the_rest_of_the_batch)
{
    struct bench b;
    bench_begin(&b);
    b.hold_after = true;
    b.s->ring.receive_cancelled = true;
    arrives(&b, 0, "one ");
    arrives(&b, 1, "two ");
    arrives(&b, 2, "three");
    assert_string_equal(b.text, "one ");
    (void)uring_sockets_turn(&b.u);
    assert_string_equal(b.text, "one ");
    enable(&b, true);
    (void)uring_sockets_turn(&b.u);
    assert_string_equal(b.text, "one two three");
    bench_end(&b);
}

TEST(receive, the_end_waits_for_the_bytes_before_it)
{
    struct bench b;
    bench_begin(&b);
    enable(&b, false);
    b.s->ring.receive_cancelled = true;
    arrives(&b, 0, "last words");
    uring_receive_done(&b.u, b.s, 0, 0); /* end of stream, the receive is over */
    (void)uring_sockets_turn(&b.u);
    (void)uring_sockets_turn(&b.u);
    assert_int_equal(b.closed, 0);
    assert_string_equal(b.text, "");
    enable(&b, true);
    (void)uring_sockets_turn(&b.u);
    assert_string_equal(b.text, "last words");
    (void)uring_sockets_turn(&b.u);
    assert_int_equal(b.closed, 1);
    bench_end(&b);
}

TEST(receive, a_closing_socket_drops_bytes_and_waits_for_its_receive)
{
    struct bench b;
    bench_begin(&b);
    io_close(&b.u.io.base, b.s);
    b.s->ring.cancelled = true; /* no ring to cancel in */
    arrives(&b, 0, "too late");
    (void)uring_sockets_turn(&b.u);
    assert_int_equal(b.closed, 0); /* the kernel may still write */
    uring_receive_done(&b.u, b.s, -ECANCELED, 0);
    (void)uring_sockets_turn(&b.u);
    assert_int_equal(b.closed, 1);
    assert_int_equal(b.calls, 0);
    bench_end(&b);
}
