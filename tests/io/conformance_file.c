/* Conformance: files, directories, time and wake-up. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/io/conformance_fixture.h"

#define RW_CREATE (ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE)

void conformance_nothing_completes_inside_the_call(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    env_file file = file_make(&f, "file", 10);
    struct call c[8];
    struct env_addr addr;
    char data[10] = {0};
    for (int i = 0; i < 8; i++) call_begin(&f, &c[i]);
    env_file_read(f.env, file, data, sizeof data, 0, &c[0].op);
    env_file_size(f.env, file, &c[1].op);
    env_file_sync(f.env, file, &c[2].op);
    env_file_open(f.env, "missing", ENV_OPEN_READ, &c[3].op);
    env_path_unlink(f.env, "missing", &c[4].op);
    env_dir_sync(f.env, ".", &c[5].op);
    env_resolve(f.env, "127.0.0.1", 1, &addr, &c[6].op);
    env_file_read(f.env, file, data, 0, 0, &c[7].op);
    for (int i = 0; i < 8; i++) assert_int_equal(c[i].done, 0);
    for (int i = 0; i < 8; i++) fixture_until(&f, &c[i].done, 1);
    fixture_idle(&f);
    for (int i = 0; i < 8; i++) assert_int_equal(c[i].done, 1);
    file_close(&f, file);
    fixture_end(&f);
}

void conformance_reads_back_what_was_written(const struct conformance_backend *with)
{
    static const struct { size_t size; uint64_t offset; } cases[] = {
        {1, 0}, {511, 1}, {4096, 4096}, {100000, 12345}, {3 << 20, 7}};
    struct fixture f;
    fixture_begin(&f, with);
    env_file file = file_open(&f, "file", RW_CREATE);
    uint8_t *data = malloc(3 << 20);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t size = cases[i].size;
        pattern_fill(data, size, cases[i].offset);
        assert_int_equal(AWAIT(&f, env_file_write, file, data, size, cases[i].offset), size);
        memset(data, 0, size);
        assert_int_equal(AWAIT(&f, env_file_read, file, data, size, cases[i].offset), size);
        assert_true(pattern_matches(data, size, cases[i].offset));
    }
    free(data);
    file_close(&f, file);
    fixture_end(&f);
}

void conformance_a_read_at_the_end_is_short(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    env_file file = file_make(&f, "file", 5000);
    uint8_t data[8192];
    assert_int_equal(AWAIT(&f, env_file_read, file, data, sizeof data, 0), 5000);
    assert_true(pattern_matches(data, 5000, 0));
    assert_int_equal(AWAIT(&f, env_file_read, file, data, 100, 4990), 10);
    assert_int_equal(AWAIT(&f, env_file_read, file, data, 100, 5000), 0);
    assert_int_equal(AWAIT(&f, env_file_read, file, data, 100, 1 << 30), 0);
    file_close(&f, file);
    fixture_end(&f);
}

void conformance_an_empty_transfer_completes(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    env_file file = file_make(&f, "file", 10);
    assert_int_equal(AWAIT(&f, env_file_write, file, NULL, 0, 100), 0);
    assert_int_equal(AWAIT(&f, env_file_read, file, NULL, 0, 0), 0);
    assert_int_equal(AWAIT(&f, env_file_size, file), 10);
    file_close(&f, file);
    fixture_end(&f);
}

void conformance_open_flags_mean_what_they_say(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    assert_int_equal(AWAIT(&f, env_file_open, "file", ENV_OPEN_READ), -ENOENT);
    assert_int_equal(AWAIT(&f, env_file_open, "none/file", RW_CREATE), -ENOENT);
    file_close(&f, file_make(&f, "file", 10));
    assert_int_equal(AWAIT(&f, env_file_open, "file", RW_CREATE | ENV_OPEN_EXCLUSIVE), -EEXIST);
    env_file file = file_open(&f, "file", RW_CREATE);
    assert_int_equal(AWAIT(&f, env_file_size, file), 10);
    file_close(&f, file);
    file = file_open(&f, "file", ENV_OPEN_WRITE | ENV_OPEN_TRUNCATE);
    assert_int_equal(AWAIT(&f, env_file_size, file), 0);
    file_close(&f, file);
    file = file_open(&f, "other", RW_CREATE | ENV_OPEN_EXCLUSIVE | ENV_OPEN_DSYNC);
    assert_int_equal(AWAIT(&f, env_file_write, file, "x", 1, 0), 1);
    file_close(&f, file);
    fixture_end(&f);
}

void conformance_modes_of_a_handle_are_enforced(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    if ((with->lacks & CONFORMANCE_LACKS_MODES) == 0) {
        char byte = 0;
        file_close(&f, file_make(&f, "file", 10));
        env_file reader = file_open(&f, "file", ENV_OPEN_READ);
        env_file writer = file_open(&f, "file", ENV_OPEN_WRITE);
        assert_int_equal(AWAIT(&f, env_file_write, reader, &byte, 1, 0), -EBADF);
        assert_int_equal(AWAIT(&f, env_file_read, writer, &byte, 1, 0), -EBADF);
        file_close(&f, reader);
        file_close(&f, writer);
    }
    fixture_end(&f);
}

void conformance_direct_files_read_to_an_odd_end(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    file_close(&f, file_make(&f, "file", 5000));
    int64_t file =
        AWAIT(&f, env_file_open, "file", ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_DIRECT);
    assert_true(file >= 0 || file == -EINVAL); /* refused by some file systems */
    if (file >= 0) {
        uint8_t *data = aligned_alloc(ENV_DIRECT_ALIGN, 16384);
        assert_int_equal(AWAIT(&f, env_file_read, (env_file)file, data, 16384, 0), 5000);
        assert_true(pattern_matches(data, 5000, 0));
        pattern_fill(data, 8192, 4096);
        assert_int_equal(AWAIT(&f, env_file_write, (env_file)file, data, 8192, 4096), 8192);
        assert_int_equal(AWAIT(&f, env_file_read, (env_file)file, data, 16384, 0), 12288);
        assert_true(pattern_matches(data, 12288, 0));
        assert_int_equal(AWAIT(&f, env_file_read, (env_file)file, data, 4096, 12288), 0);
        free(data);
        file_close(&f, (env_file)file);
    }
    fixture_end(&f);
}

void conformance_truncate_cuts_and_extends_with_zeros(const struct conformance_backend *with)
{
    static const uint8_t zeros[60];
    struct fixture f;
    fixture_begin(&f, with);
    env_file file = file_make(&f, "file", 100);
    assert_int_equal(AWAIT(&f, env_file_size, file), 100);
    assert_int_equal(AWAIT(&f, env_file_truncate, file, 40), 0);
    assert_int_equal(AWAIT(&f, env_file_size, file), 40);
    assert_int_equal(AWAIT(&f, env_file_truncate, file, 100), 0);
    uint8_t data[200];
    assert_int_equal(AWAIT(&f, env_file_read, file, data, sizeof data, 0), 100);
    assert_true(pattern_matches(data, 40, 0));
    assert_memory_equal(data + 40, zeros, 60);
    file_close(&f, file);
    fixture_end(&f);
}

static int64_t size_of(struct fixture *f, const char *path)
{
    int64_t file = AWAIT(f, env_file_open, path, ENV_OPEN_READ);
    if (file < 0) return file;
    int64_t size = AWAIT(f, env_file_size, (env_file)file);
    file_close(f, (env_file)file);
    return size;
}

void conformance_rename_replaces_and_link_adds_a_name(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    file_close(&f, file_make(&f, "a", 10));
    file_close(&f, file_make(&f, "b", 20));
    assert_int_equal(AWAIT(&f, env_path_rename, "a", "b"), 0);
    assert_int_equal(size_of(&f, "a"), -ENOENT);
    assert_int_equal(size_of(&f, "b"), 10);
    assert_int_equal(AWAIT(&f, env_path_rename, "a", "c"), -ENOENT);
    assert_int_equal(AWAIT(&f, env_path_link, "b", "c"), 0);
    assert_int_equal(AWAIT(&f, env_path_link, "b", "c"), -EEXIST);
    assert_int_equal(AWAIT(&f, env_path_link, "a", "d"), -ENOENT);
    env_file file = file_open(&f, "b", ENV_OPEN_WRITE); /* one file under two names */
    assert_int_equal(AWAIT(&f, env_file_write, file, "0123456789012345", 16, 0), 16);
    file_close(&f, file);
    assert_int_equal(size_of(&f, "c"), 16);
    assert_int_equal(AWAIT(&f, env_path_unlink, "b"), 0);
    assert_int_equal(AWAIT(&f, env_path_unlink, "b"), -ENOENT);
    assert_int_equal(size_of(&f, "c"), 16);
    fixture_end(&f);
}

void conformance_an_unlinked_file_stays_readable_by_handle(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    env_file file = file_make(&f, "file", 100);
    assert_int_equal(AWAIT(&f, env_path_unlink, "file"), 0);
    assert_int_equal(size_of(&f, "file"), -ENOENT);
    uint8_t data[100];
    assert_int_equal(AWAIT(&f, env_file_read, file, data, sizeof data, 0), 100);
    assert_true(pattern_matches(data, sizeof data, 0));
    file_close(&f, file);
    fixture_end(&f);
}

void conformance_making_an_existing_directory_is_fine(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    assert_int_equal(AWAIT(&f, env_dir_make, "dir"), 0);
    assert_int_equal(AWAIT(&f, env_dir_make, "dir"), 0);
    assert_int_equal(AWAIT(&f, env_dir_make, "none/dir"), -ENOENT);
    file_close(&f, file_make(&f, "dir/file", 1));
    assert_int_equal(AWAIT(&f, env_dir_make, "dir/file"), -EEXIST); /* not a directory */
    assert_int_equal(AWAIT(&f, env_path_unlink, "dir/file"), 0);
    fixture_end(&f);
}

static void listing_visit(void *ctx, const char *name, bool is_directory, uint64_t size_bytes)
{
    char *text = ctx, line[64];
    snprintf(line, sizeof line, "%s%s:%llu ", name, is_directory ? "/" : "",
             is_directory ? 0ull : (unsigned long long)size_bytes);
    strcat(text, line);
}

void conformance_lists_directories_in_name_order(const struct conformance_backend *with)
{
    static const char *const names[] = {"d/c", "d/a", "d/b10", "d/b9", "d/B"};
    struct fixture f;
    fixture_begin(&f, with);
    char text[256] = "";
    const struct env_dir_visitor visitor = {listing_visit, text};
    assert_int_equal(AWAIT(&f, env_dir_make, "d"), 0);
    assert_int_equal(env_dir_list(f.env, "d", &visitor), STATUS_OK);
    assert_string_equal(text, "");
    for (size_t i = 0; i < 5; i++) file_close(&f, file_make(&f, names[i], i));
    assert_int_equal(AWAIT(&f, env_dir_make, "d/bb"), 0);
    assert_int_equal(env_dir_list(f.env, "d", &visitor), STATUS_OK);
    assert_string_equal(text, "B:4 a:1 b10:2 b9:3 bb/:0 c:0 ");
    text[0] = 0;
    assert_int_equal(env_dir_list(f.env, ".", &visitor), STATUS_OK);
    assert_string_equal(text, "d/:0 ");
    assert_int_equal(env_dir_list(f.env, "none", &visitor), STATUS_NOT_FOUND);
    fixture_end(&f);
}

void conformance_syncs_files_and_directories(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    env_file file = file_make(&f, "file", 100);
    assert_int_equal(AWAIT(&f, env_file_sync, file), 0);
    assert_int_equal(AWAIT(&f, env_dir_sync, "."), 0);
    assert_int_equal(AWAIT(&f, env_dir_make, "dir"), 0);
    assert_int_equal(AWAIT(&f, env_dir_sync, "dir"), 0);
    assert_int_equal(AWAIT(&f, env_dir_sync, "none"), -ENOENT);
    file_close(&f, file);
    fixture_end(&f);
}

void conformance_many_operations_complete_once_each(const struct conformance_backend *with)
{
    enum { COUNT = CONFORMANCE_OPERATIONS_MAX, BLOCK = 512 };
    struct fixture f;
    fixture_begin(&f, with);
    env_file file = file_open(&f, "file", RW_CREATE);
    struct call *c = calloc(COUNT, sizeof *c);
    uint8_t *data = malloc(COUNT * BLOCK);
    pattern_fill(data, COUNT * BLOCK, 0);
    for (size_t i = 0; i < COUNT; i++) {
        call_begin(&f, &c[i]);
        env_file_write(f.env, file, data + i * BLOCK, BLOCK, i * BLOCK, &c[i].op);
    }
    for (size_t i = 0; i < COUNT; i++) {
        fixture_until(&f, &c[i].done, 1);
        assert_int_equal(c[i].result, BLOCK);
    }
    memset(data, 0, COUNT * BLOCK);
    for (size_t i = 0; i < COUNT; i++) {
        call_begin(&f, &c[i]);
        env_file_read(f.env, file, data + i * BLOCK, BLOCK, i * BLOCK, &c[i].op);
    }
    for (size_t i = 0; i < COUNT; i++) {
        fixture_until(&f, &c[i].done, 1);
        assert_int_equal(c[i].result, BLOCK);
    }
    assert_true(pattern_matches(data, COUNT * BLOCK, 0));
    free(data);
    free(c);
    file_close(&f, file);
    fixture_end(&f);
}

struct chain {
    struct fixture *f;
    env_file file;
    unsigned done;
};

static void chain_next(struct env_op *op, int64_t result)
{
    struct chain *chain = op->ctx;
    assert_int_equal(result, 1);
    if (++chain->done < 100)
        env_file_write(chain->f->env, chain->file, "x", 1, chain->done, op);
}

void conformance_an_operation_is_reusable_in_its_callback(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    struct chain chain = {.f = &f, .file = file_open(&f, "file", RW_CREATE)};
    struct env_op op = {.on_done = chain_next, .ctx = &chain};
    env_file_write(f.env, chain.file, "x", 1, 0, &op);
    fixture_until(&f, &chain.done, 100);
    assert_int_equal(AWAIT(&f, env_file_size, chain.file), 100);
    file_close(&f, chain.file);
    fixture_end(&f);
}

void conformance_shutdown_cancels_pending_and_later_operations(
    const struct conformance_backend *with)
{
    enum { COUNT = 20 };
    struct fixture f;
    fixture_begin(&f, with);
    env_file file = file_open(&f, "file", RW_CREATE);
    struct call c[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        call_begin(&f, &c[i]);
        if (i == COUNT / 2) { /* the first half is on its way, the second is not */
            fixture_advance(&f, 0);
            env_shutdown(f.env);
        }
        if (i % 4 == 0) env_file_open(f.env, "new", RW_CREATE, &c[i].op);
        else if (i % 4 == 1) env_file_sync(f.env, file, &c[i].op);
        else if (i == COUNT - 1) env_file_close(f.env, file, &c[i].op);
        else env_file_write(f.env, file, "x", 1, i, &c[i].op);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        fixture_until(&f, &c[i].done, 1);
        /* What the turn before the shutdown has completed, has completed. */
        if (i >= COUNT / 2) assert_int_equal(c[i].result, -ECANCELED);
    }
    struct env_addr addr = fixture_address(&f, 0);
    struct env_dir_visitor visitor = {listing_visit, NULL};
    assert_int_equal(env_dir_list(f.env, ".", &visitor), STATUS_CANCELLED);
    assert_int_equal(AWAIT(&f, env_resolve, "127.0.0.1", 1, &addr), -ECANCELED);
    fixture_end(&f);
}

struct cancelling {
    struct fixture *f;
    unsigned done;
};

/* The first to complete shuts down. */
static void shutdown_or_cancelled(struct env_op *op, int64_t result)
{
    struct cancelling *c = op->ctx;
    if (c->done++ == 0) {
        assert_true(result >= 0);
        env_shutdown(c->f->env);
    } else {
        assert_int_equal(result, -ECANCELED);
    }
}

void conformance_shutdown_in_a_callback_cancels_the_rest(const struct conformance_backend *with)
{
    enum { COUNT = 20 };
    struct fixture f;
    fixture_begin(&f, with);
    struct cancelling c = {.f = &f};
    env_file file = file_open(&f, "file", RW_CREATE);
    struct env_op ops[COUNT];
    for (unsigned i = 0; i < COUNT; i++) {
        ops[i] = (struct env_op){.on_done = shutdown_or_cancelled, .ctx = &c};
        if (i % 3 == 2) env_file_open(f.env, "file", ENV_OPEN_READ, &ops[i]);
        else env_file_write(f.env, file, "x", 1, i, &ops[i]);
    }
    fixture_until(&f, &c.done, COUNT);
    assert_int_equal(AWAIT(&f, env_file_size, file), -ECANCELED);
    fixture_end(&f);
}

/* ---- time, wake-up, randomness ---- */

void conformance_time_moves_forward(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    uint64_t last = env_now_ns(f.env);
    assert_true(last > 0);
    for (int i = 0; i < 1000; i++) {
        uint64_t now = env_now_ns(f.env);
        assert_true(now >= last);
        last = now;
    }
    assert_true(env_wall_ns(f.env) > 0);
    fixture_end(&f);
}

void conformance_lately_is_when_time_was_read_or_a_wait_ended(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    uint64_t read_ns = env_now_ns(f.env);
    if ((with->lacks & CONFORMANCE_LACKS_WAITING) == 0) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    assert_u64_equal(env_lately_ns(f.env), read_ns);
    fixture_advance(&f, 0);
    uint64_t slept_ns = (with->lacks & CONFORMANCE_LACKS_WAITING) == 0 ? 2000000 : 0, lately_ns = env_lately_ns(f.env);
    assert_true(lately_ns >= read_ns + slept_ns);
    assert_true(lately_ns <= env_now_ns(f.env));
    fixture_end(&f);
}

void conformance_a_poll_ends_at_its_deadline(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    fixture_advance(&f, 0); /* long past: does not wait */
    if ((with->lacks & CONFORMANCE_LACKS_WAITING) == 0) {
        uint64_t deadline = env_now_ns(f.env) + 3000000;
        unsigned turns = 0;
        while (env_now_ns(f.env) < deadline) {
            fixture_advance(&f, deadline);
            turns++;
        }
        assert_true(turns < 100); /* it waits: it does not spin */
    }
    fixture_end(&f);
}

void conformance_a_wake_ends_the_next_poll(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    if ((with->lacks & CONFORMANCE_LACKS_WAITING) == 0) {
        fixture_idle(&f);
        for (int i = 0; i < 100; i++) {
            env_wake(f.env);
            if (i % 2 == 0) env_wake(f.env);
            fixture_advance(&f, UINT64_MAX); /* hangs when the wake is lost */
        }
    }
    fixture_end(&f);
}

static void *wake_often(void *arg)
{
    struct env *env = arg;
    for (int i = 0; i < 1000; i++) {
        env_wake(env);
        if (i % 10 == 0) usleep(100);
    }
    return NULL;
}

static void *wake_once(void *arg)
{
    usleep(20000);
    env_wake(arg);
    return NULL;
}

void conformance_another_thread_wakes_a_waiting_poll(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    if ((with->lacks & CONFORMANCE_LACKS_WAITING) == 0) {
        pthread_t thread;
        fixture_idle(&f);
        assert_int_equal(pthread_create(&thread, NULL, wake_often, f.env), 0);
        fixture_idle(&f);
        pthread_join(thread, NULL);
        fixture_idle(&f);
        assert_int_equal(pthread_create(&thread, NULL, wake_once, f.env), 0);
        fixture_advance(&f, UINT64_MAX);
        pthread_join(thread, NULL);
    }
    fixture_end(&f);
}

void conformance_random_numbers_differ(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    uint64_t numbers[100];
    for (int i = 0; i < 100; i++) {
        numbers[i] = env_random_u64(f.env);
        for (int j = 0; j < i; j++) assert_true(numbers[i] != numbers[j]);
    }
    fixture_end(&f);
}

void conformance_resolves_numeric_and_local_names(const struct conformance_backend *with)
{
    struct fixture f;
    fixture_begin(&f, with);
    if ((with->lacks & CONFORMANCE_LACKS_RESOLVER) == 0) {
        struct env_addr addr = {0};
        char text[ENV_ADDR_TEXT_MAX];
        assert_int_equal(AWAIT(&f, env_resolve, "192.0.2.7", 1234, &addr), 0);
        env_addr_format(&addr, text);
        assert_string_equal(text, "192.0.2.7:1234");
        assert_int_equal(AWAIT(&f, env_resolve, "::1", 99, &addr), 0);
        env_addr_format(&addr, text);
        assert_string_equal(text, "[::1]:99");
        assert_int_equal(AWAIT(&f, env_resolve, "localhost", 7, &addr), 0);
        assert_true(env_addr_is_loopback(&addr));
        assert_int_equal(addr.port, 7);
        assert_int_equal(AWAIT(&f, env_resolve, "no..host", 7, &addr), -ENOENT);
    }
    fixture_end(&f);
}
