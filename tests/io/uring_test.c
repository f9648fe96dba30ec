/* Completions that the kernel gives rarely, handed to the ring's backend in its place (scenario
 * 35): short, busy, interrupted and cancelled ones, in any order. A full completion ring is in
 * fault_test.c; submissions are never linked, so none is cancelled by another. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "io/uring_int.h"
#include "tests/io/conformance_fixture.h"
#include "tests/io/real_backends.h"

#define SIZE 8192u

struct bench {
    struct fixture f;
    env_file file;
    uint8_t *data;
};

static struct uring_env *ring_of(struct bench *b)
{
    return (struct uring_env *)b->f.env;
}

static void bench_begin(struct bench *b)
{
    fixture_begin(&b->f, &real_uring);
    b->file = file_open(&b->f, "file", ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE);
    b->data = malloc(SIZE);
    pattern_fill(b->data, SIZE, 0);
}

static void bench_end(struct bench *b)
{
    file_close(&b->f, b->file);
    free(b->data);
    fixture_end(&b->f);
}

static void write_begin(struct bench *b, struct call *call)
{
    call_begin(&b->f, call);
    env_file_write(b->f.env, b->file, b->data, SIZE, 0, &call->op);
}

/* The oldest request that was started, as if it were in the ring. */
static struct io_request *take(struct bench *b)
{
    struct uring_env *u = ring_of(b);
    struct list *item = list_pop_front(&u->io.requests);
    assert_non_null(item);
    u->in_flight++;
    return CONTAINER_OF(item, struct io_request, link);
}

/* The kernel's answer to it, as a poll would find it. */
static void answer(struct bench *b, struct io_request *r, int result)
{
    struct uring_env *u = ring_of(b);
    u->io.polling = b->f.advancing = true;
    uring_request_done(u, r, result);
    u->io.polling = b->f.advancing = false;
}

/* Of an operation that was answered for good. */
static int64_t result_of(const struct call *call)
{
    assert_int_equal(call->done, 1);
    return call->result;
}

/* What is in the file, from one byte on; bytes that were never written are 0. */
static void expect_file(struct bench *b, size_t written_from)
{
    uint8_t *read = calloc(1, SIZE);
    assert_int_equal(AWAIT(&b->f, env_file_read, b->file, read, SIZE, 0), SIZE);
    for (size_t i = 0; i < SIZE; i++)
        assert_int_equal(read[i], i < written_from ? 0 : b->data[i]);
    free(read);
}

TEST(uring, a_short_write_goes_on_behind_what_was_written)
{
    struct bench b;
    struct call call;
    bench_begin(&b);
    write_begin(&b, &call);
    answer(&b, take(&b), 3000); /* the kernel did not do it: a hole shows where it went on */
    assert_int_equal(call.done, 0);
    assert_int_equal(call_end(&call), SIZE);
    expect_file(&b, 3000);
    bench_end(&b);
}

TEST(uring, interrupted_and_busy_writes_are_asked_for_again_whole)
{
    static const int answers[] = {-EINTR, -EAGAIN};
    for (int i = 0; i < 2; i++) {
        struct bench b;
        struct call call;
        bench_begin(&b);
        write_begin(&b, &call);
        struct io_request *r = take(&b);
        answer(&b, r, answers[i]);
        assert_int_equal(r->insist, answers[i] == -EAGAIN);
        assert_int_equal(call.done, 0);
        assert_int_equal(call_end(&call), SIZE);
        expect_file(&b, 0);
        bench_end(&b);
    }
}

TEST(uring, a_cancelled_write_or_sync_is_an_error_and_not_repeated)
{
    for (int sync = 0; sync < 2; sync++) {
        struct bench b;
        struct call call;
        bench_begin(&b);
        call_begin(&b.f, &call);
        if (sync != 0)
            env_file_sync(b.f.env, b.file, &call.op);
        else
            env_file_write(b.f.env, b.file, b.data, SIZE, 0, &call.op);
        answer(&b, take(&b), -ECANCELED);
        assert_true(list_empty(&ring_of(&b)->io.requests));
        assert_int_equal(result_of(&call), -ECANCELED);
        bench_end(&b);
    }
}

TEST(uring, a_write_that_fails_after_a_part_is_an_error)
{
    struct bench b;
    struct call call;
    bench_begin(&b);
    write_begin(&b, &call);
    answer(&b, take(&b), 4096);
    answer(&b, take(&b), -ENOSPC);
    assert_int_equal(result_of(&call), -ENOSPC);
    bench_end(&b);
}

TEST(uring, completions_in_any_order_reach_their_own_operations)
{
    enum { COUNT = 6 };
    static const int orders[][COUNT] = {{5, 4, 3, 2, 1, 0}, {2, 0, 5, 1, 4, 3}, {0, 1, 2, 3, 4, 5}};
    for (size_t o = 0; o < sizeof orders / sizeof orders[0]; o++) {
        struct bench b;
        struct call calls[COUNT];
        struct io_request *requests[COUNT];
        bench_begin(&b);
        for (int i = 0; i < COUNT; i++)
            write_begin(&b, &calls[i]);
        for (int i = 0; i < COUNT; i++)
            requests[i] = take(&b);
        for (int i = 0; i < COUNT; i++) {
            int which = orders[o][i];
            answer(&b, requests[which], which % 2 == 0 ? (int)SIZE : -EIO - which);
        }
        for (int i = 0; i < COUNT; i++)
            assert_int_equal(result_of(&calls[i]), i % 2 == 0 ? (int)SIZE : -EIO - i);
        assert_int_equal(ring_of(&b)->in_flight, 0);
        bench_end(&b);
    }
}

TEST(uring, the_rest_of_a_short_write_is_not_written_after_a_shutdown)
{
    struct bench b;
    struct call call;
    bench_begin(&b);
    write_begin(&b, &call);
    struct io_request *r = take(&b);
    env_shutdown(b.f.env);
    answer(&b, r, 100);
    assert_true(list_empty(&ring_of(&b)->io.requests));
    assert_int_equal(result_of(&call), -ECANCELED);
    free(b.data);
    fixture_end(&b.f);
}
