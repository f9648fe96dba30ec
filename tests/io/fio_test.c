#include "io/fio.h"

#include <errno.h>
#include <string.h>

#include "tests/io/conformance_fixture.h"
#include "tests/io/real_backends.h"

struct script {
    struct fixture f;
    struct fio fio;
    unsigned ended;
};

static void script_begin(struct script *s)
{
    *s = (struct script){0};
    fixture_begin(&s->f, &real_epoll);
    s->fio = (struct fio){.env = s->f.env, .fibers = fiber_pool_create(65536, 4)};
    assert_non_null(s->fio.fibers);
}

static void script_end(struct script *s)
{
    assert_int_equal(fiber_pool_live(s->fio.fibers), 0);
    fixture_end(&s->f);
    fiber_pool_destroy(s->fio.fibers);
}

static void script_run(void (*entry)(void *arg))
{
    struct script s;
    script_begin(&s);
    assert_int_equal(fiber_spawn(s.fio.fibers, entry, &s, NULL), STATUS_OK);
    fixture_until(&s.f, &s.ended, 1);
    script_end(&s);
}

static void files(void *arg)
{
    struct script *s = arg;
    struct fio *f = &s->fio;
    env_file file = -1;
    char data[16] = "";
    size_t size = 0;
    uint64_t file_size = 0;
    assert_int_equal(fio_dir_make(f, "d"), STATUS_OK);
    assert_int_equal(fio_open(f, "d/a", ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE, &file),
                     STATUS_OK);
    assert_int_equal(fio_write(f, file, "0123456789", 10, 0), STATUS_OK);
    assert_int_equal(fio_sync(f, file), STATUS_OK);
    assert_int_equal(fio_size(f, file, &file_size), STATUS_OK);
    assert_int_equal(file_size, 10);
    assert_int_equal(fio_truncate(f, file, 8), STATUS_OK);
    assert_int_equal(fio_read(f, file, data, 8, 0), STATUS_OK);
    assert_string_equal(data, "01234567");
    assert_int_equal(fio_read_some(f, file, data, 16, 6, &size), STATUS_OK);
    assert_int_equal(size, 2);
    assert_int_equal(fio_read(f, file, data, 9, 0), STATUS_CORRUPT); /* ends before */
    fio_close(f, file);
    assert_int_equal(fio_rename(f, "d/a", "d/b"), STATUS_OK);
    assert_int_equal(fio_link(f, "d/b", "d/c"), STATUS_OK);
    assert_int_equal(fio_unlink(f, "d/b"), STATUS_OK);
    assert_int_equal(fio_dir_sync(f, "d"), STATUS_OK);
    s->ended++;
}

TEST(fio, calls_read_like_blocking_ones)
{
    script_run(files);
}

static void failures(void *arg)
{
    struct script *s = arg;
    struct fio *f = &s->fio;
    env_file file = -7;
    uint64_t size = 77;
    assert_int_equal(fio_open(f, "none", ENV_OPEN_READ, &file), STATUS_NOT_FOUND);
    assert_int_equal(file, -7); /* untouched */
    assert_int_equal(f->last_errno, ENOENT);
    assert_int_equal(fio_open(f, "a", ENV_OPEN_WRITE | ENV_OPEN_CREATE, &file), STATUS_OK);
    assert_int_equal(fio_link(f, "a", "a"), STATUS_EXISTS);
    assert_int_equal(fio_read(f, file, &size, 1, 0), STATUS_IO); /* not open for reading */
    assert_int_equal(f->last_errno, EBADF);
    env_shutdown(s->f.env);
    assert_int_equal(fio_size(f, file, &size), STATUS_CANCELLED);
    assert_int_equal(size, 77);
    assert_int_equal(fio_write(f, file, "x", 1, 0), STATUS_CANCELLED);
    fio_close(f, file);
    s->ended++;
}

TEST(fio, failures_become_statuses)
{
    script_run(failures);
}

TEST(fio, errno_maps_to_the_status_that_says_what_to_do)
{
    assert_int_equal(fio_status_of(0), STATUS_OK);
    assert_int_equal(fio_status_of(12345678901), STATUS_OK);
    assert_int_equal(fio_status_of(-ENOSPC), STATUS_NO_SPACE);
    assert_int_equal(fio_status_of(-EDQUOT), STATUS_NO_SPACE);
    assert_int_equal(fio_status_of(-ECANCELED), STATUS_CANCELLED);
    assert_int_equal(fio_status_of(-EIO), STATUS_IO);
}

static void writer(void *arg)
{
    struct script *s = arg;
    env_file file = -1;
    assert_int_equal(fio_open(&s->fio, "shared", ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE,
                              &file), STATUS_OK);
    for (uint64_t i = 0; i < 50; i++) {
        uint64_t back = 0;
        assert_int_equal(fio_write(&s->fio, file, &i, sizeof i, 8 * i), STATUS_OK);
        assert_int_equal(fio_read(&s->fio, file, &back, sizeof back, 8 * i), STATUS_OK);
        assert_int_equal(back, i);
    }
    fio_close(&s->fio, file);
    s->ended++;
}

TEST(fio, fibers_wait_independently)
{
    struct script s;
    script_begin(&s);
    for (int i = 0; i < 4; i++)
        assert_int_equal(fiber_spawn(s.fio.fibers, writer, &s, NULL), STATUS_OK);
    fixture_until(&s.f, &s.ended, 4);
    script_end(&s);
}
