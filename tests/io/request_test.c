/* The rules for answers of the kernel (ENV-3), on their own. */
#include <errno.h>

#include "io/io_int.h"
#include "tests/test.h"

static struct io_request transfer(enum io_kind kind, uint64_t size)
{
    return (struct io_request){.kind = (uint8_t)kind, .size = size};
}

TEST(request, goes_on_after_a_short_transfer)
{
    struct io_request r = transfer(IO_WRITE, 100);
    assert_false(io_request_advance(&r, 40));
    assert_int_equal(r.done, 40);
    assert_false(io_request_advance(&r, 59));
    assert_true(io_request_advance(&r, 1));
    assert_int_equal(r.result, 100);
}

TEST(request, asks_again_when_interrupted_and_insists_after_eagain)
{
    struct io_request r = transfer(IO_READ, 100);
    assert_false(io_request_advance(&r, -EINTR));
    assert_false(r.insist);
    assert_false(io_request_advance(&r, -EAGAIN));
    assert_true(r.insist);
    assert_true(io_request_advance(&r, 100));
    assert_int_equal(r.result, 100);
    r = transfer(IO_SYNC, 0);
    assert_false(io_request_advance(&r, -EINTR));
    assert_true(io_request_advance(&r, -EIO)); /* a failed sync is never repeated */
    assert_int_equal(r.result, -EIO);
}

TEST(request, a_read_ends_short_at_the_end_and_a_write_never)
{
    struct io_request r = transfer(IO_READ, 100);
    assert_false(io_request_advance(&r, 60));
    assert_true(io_request_advance(&r, 0));
    assert_int_equal(r.result, 60);
    r = transfer(IO_WRITE, 100);
    assert_false(io_request_advance(&r, 60));
    assert_true(io_request_advance(&r, 0));
    assert_int_equal(r.result, -EIO);
}

TEST(request, an_error_after_a_part_is_the_result)
{
    struct io_request r = transfer(IO_WRITE, 8192);
    assert_false(io_request_advance(&r, 4096));
    assert_true(io_request_advance(&r, -ENOSPC));
    assert_int_equal(r.result, -ENOSPC);
}

TEST(request, a_direct_read_may_stop_at_an_odd_end_only)
{
    struct io_request r = transfer(IO_READ, 8192);
    assert_false(io_request_advance(&r, 5000));
    assert_true(io_request_advance(&r, -EINVAL)); /* offset 5000 cannot be read directly */
    assert_int_equal(r.result, 5000);
    r = transfer(IO_READ, 8192);
    assert_false(io_request_advance(&r, 4096));
    assert_true(io_request_advance(&r, -EINVAL));
    assert_int_equal(r.result, -EINVAL);
    r = transfer(IO_READ, 8192);
    assert_true(io_request_advance(&r, -EINVAL));
    assert_int_equal(r.result, -EINVAL);
}

TEST(request, an_interrupted_close_has_closed)
{
    struct io_request r = transfer(IO_CLOSE, 0);
    assert_true(io_request_advance(&r, -EINTR));
    assert_int_equal(r.result, 0);
}
