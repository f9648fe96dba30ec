/* What goes wrong outside: full disks, limits, short transfers, refused features. On the production
 * backends, with the real kernel misbehaving as it does in the field. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "io/uring_int.h"
#include "tests/io/conformance_fixture.h"
#include "tests/io/real_backends.h"

#define BOTH(fact)                                                                   \
    static void fact(const struct conformance_backend *with);                        \
    TEST(fault_epoll, fact) { fact(&real_epoll); }                                   \
    TEST(fault_uring, fact) { fact(&real_uring); }                                   \
    TEST(fault_uring_bare, fact) { fact(&real_uring_bare); }                         \
    static void fact(const struct conformance_backend *with)

/* How often a COVER mark was passed. */
struct mark_count {
    const char *name;
    uint64_t hits;
};

static void mark_add(const struct cover_mark *mark, void *ctx)
{
    struct mark_count *count = ctx;
    if (strcmp(mark->name, count->name) == 0) count->hits += mark->hits;
}

static uint64_t mark_hits(const char *name)
{
    struct mark_count count = {.name = name};
    cover_visit(mark_add, &count);
    return count.hits;
}

static void link_to(const struct fixture *f, const char *target, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", f->root, name);
    assert_int_equal(symlink(target, path), 0);
}

/* ---- files ---- */

BOTH(a_write_over_the_size_limit_fails_after_its_short_part)
{
    struct fixture f;
    struct rlimit before, limit;
    fixture_begin(&f, with);
    env_file file = file_make(&f, "file", 0);
    uint64_t hits = mark_hits("io_short_transfer");
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    limit = (struct rlimit){.rlim_cur = 8192, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
    char *data = calloc(1, 16384);
    int64_t result = AWAIT(&f, env_file_write, file, data, 16384, 4096);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(result, -EFBIG); /* the kernel took 4096 bytes first */
    assert_int_equal(AWAIT(&f, env_file_size, file), 8192);
    assert_true(mark_hits("io_short_transfer") > hits);
    free(data);
    file_close(&f, file);
    fixture_end(&f);
}

BOTH(a_full_disk_is_enospc)
{
    struct fixture f;
    char data[512] = {0};
    fixture_begin(&f, with);
    link_to(&f, "/dev/full", "full");
    env_file file = file_open(&f, "full", ENV_OPEN_WRITE);
    assert_int_equal(AWAIT(&f, env_file_write, file, data, sizeof data, 0), -ENOSPC);
    file_close(&f, file);
    fixture_end(&f);
}

/* Tried on the polling thread, the kernel may wait for the disk's flush in it. */
TEST(fault_uring, only_writes_that_sync_are_left_to_a_thread_that_may_wait)
{
    struct fixture f;
    char data[512] = {0};
    fixture_begin(&f, &real_uring);
    uint64_t hits = mark_hits("uring_write_that_syncs");
    env_file file = file_make(&f, "file", sizeof data);
    assert_int_equal(AWAIT(&f, env_file_write, file, data, sizeof data, 0), sizeof data);
    file_close(&f, file);
    assert_true(mark_hits("uring_write_that_syncs") == hits);
    file = file_open(&f, "file", ENV_OPEN_WRITE | ENV_OPEN_DSYNC);
    assert_int_equal(AWAIT(&f, env_file_write, file, data, sizeof data, 0), sizeof data);
    assert_true(mark_hits("uring_write_that_syncs") > hits);
    file_close(&f, file);
    fixture_end(&f);
}

BOTH(reads_go_on_after_short_ones)
{
    enum { SIZE = 65536 };
    struct fixture f;
    fixture_begin(&f, with);
    uint8_t *expected = malloc(SIZE), *data = malloc(SIZE);
    size_t have = 0;
    int fd = open("/proc/kallsyms", O_RDONLY); /* gives a page or less at a time */
    for (ssize_t n = 1; fd >= 0 && n > 0 && have < SIZE; have += (size_t)n) {
        n = read(fd, expected + have, SIZE - have);
        assert_true(n >= 0);
    }
    if (fd >= 0) close(fd);
    if (have == SIZE) {
        uint64_t hits = mark_hits("io_short_transfer");
        link_to(&f, "/proc/kallsyms", "symbols");
        env_file file = file_open(&f, "symbols", ENV_OPEN_READ);
        assert_int_equal(AWAIT(&f, env_file_read, file, data, SIZE, 0), SIZE);
        assert_memory_equal(data, expected, SIZE);
        assert_true(mark_hits("io_short_transfer") > hits);
        file_close(&f, file);
    } else {
        print_message("no symbols to read here: skipped\n");
    }
    free(expected);
    free(data);
    fixture_end(&f);
}

BOTH(direct_access_is_refused_where_it_is_not_offered)
{
    struct fixture f;
    fixture_begin(&f, with);
    link_to(&f, "/proc/version", "version");
    assert_int_equal(AWAIT(&f, env_file_open, "version", ENV_OPEN_READ | ENV_OPEN_DIRECT), -EINVAL);
    fixture_end(&f);
}

BOTH(a_direct_write_out_of_alignment_is_refused)
{
    struct fixture f;
    fixture_begin(&f, with);
    int64_t file = AWAIT(&f, env_file_open, "file",
                         ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_DIRECT);
    if (file >= 0) {
        char *data = aligned_alloc(ENV_DIRECT_ALIGN, 8192);
        memset(data, 0, 8192);
        assert_int_equal(AWAIT(&f, env_file_write, (env_file)file, data + 1, 4096, 0), -EINVAL);
        assert_int_equal(AWAIT(&f, env_file_read, (env_file)file, data + 1, 4096, 4096), 0);
        free(data);
        file_close(&f, (env_file)file);
    }
    fixture_end(&f);
}

static unsigned descriptors_open(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    while (readdir(dir) != NULL) count++;
    closedir(dir);
    return count;
}

struct opening {
    struct fixture *f;
    unsigned done;
};

static void open_or_shutdown(struct env_op *op, int64_t result)
{
    struct opening *o = op->ctx;
    (void)result;
    if (o->done++ == 2) env_shutdown(o->f->env);
}

/* Files that are open, that a shutdown finds half open and half closed, sockets, a listener. */
BOTH(destroying_closes_every_descriptor)
{
    struct fixture f;
    struct host h;
    struct peer client = {0};
    unsigned before = descriptors_open();
    fixture_begin(&f, with);
    env_file files[20];
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        files[i] = file_make(&f, name, 1);
    }
    for (int i = 0; i < 10; i++) file_close(&f, files[i]);
    host_begin(&f, &h); /* never closed */
    peer_connect(&h, &client);
    struct opening o = {.f = &f};
    struct env_op ops[10];
    for (int i = 0; i < 10; i++) {
        ops[i] = (struct env_op){.on_done = open_or_shutdown, .ctx = &o};
        if (i < 8) env_file_open(f.env, "1", ENV_OPEN_READ, &ops[i]);
        else env_file_close(f.env, files[10 + i], &ops[i]);
    }
    fixture_until(&f, &o.done, 10);
    fixture_end(&f);
    assert_int_equal(descriptors_open(), before);

    fixture_begin(&f, with);
    env_file file = file_make(&f, "file", 1);
    struct call close;
    call_begin(&f, &close);
    env_file_close(f.env, file, &close.op); /* the shutdown comes before any poll */
    fixture_end(&f);
    assert_int_equal(close.result, -ECANCELED);
    assert_int_equal(descriptors_open(), before);
}

/* ---- sockets ---- */

BOTH(small_sends_are_not_delayed)
{
    struct fixture f;
    struct host h;
    struct peer client = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    const struct peer *ends[2] = {&client, peer_connect(&h, &client)};
    for (int i = 0; i < 2; i++) {
        int on = 0;
        socklen_t size = sizeof on;
        int fd = ends[i]->s->fd;
        assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, &size), 0);
        assert_true(on);
    }
    host_end(&h);
    fixture_end(&f);
}

BOTH(accepting_waits_out_a_lack_of_descriptors)
{
    struct fixture f;
    struct host h;
    struct peer client = {0};
    struct rlimit before, limit;
    fixture_begin(&f, with);
    host_begin(&f, &h);
    peer_dial(&h, &client);
    int next = dup(0); /* the lowest that is free */
    assert_true(next >= 0);
    close(next);
    getrlimit(RLIMIT_NOFILE, &before);
    limit = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    uint64_t hits = mark_hits("io_listener_stalled");
    setrlimit(RLIMIT_NOFILE, &limit);
    while (mark_hits("io_listener_stalled") == hits)
        fixture_advance(&f, env_now_ns(f.env) + 1000000);
    unsigned accepted = h.count;
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(accepted, 0);
    fixture_until(&f, &h.count, 1); /* by itself, after a while */
    fixture_until(&f, &client.connected, 1);
    host_end(&h);
    fixture_end(&f);
}

static void connect_over_the_bound(const struct conformance_backend *with)
{
    struct fixture f;
    struct host h;
    struct peer clients[CONFORMANCE_SOCKETS_MAX] = {0};
    fixture_begin(&f, with);
    host_begin(&f, &h);
    for (int i = 0; i < CONFORMANCE_SOCKETS_MAX; i++) peer_dial(&h, &clients[i]);
    static const struct env_socket_handler nothing = {
        .on_connected = (void (*)(void *, struct env_socket *))abort,
        .on_closed = (void (*)(void *, struct env_socket *, enum status))abort};
    struct env_socket *s = NULL;
    assert_int_equal(env_connect(f.env, &h.addr, &nothing, NULL, &s), STATUS_BUSY);
    assert_null(s);
    /* The accepting side is over the bound, too: it closes, nobody is told of a socket. */
    for (int i = 0; i < CONFORMANCE_SOCKETS_MAX; i++) {
        while (clients[i].closed == 0) fixture_advance(&f, env_now_ns(f.env) + 1000000);
    }
    assert_int_equal(h.count, 0);
    host_end(&h);
    fixture_end(&f);
}

TEST(fault_uring, sockets_over_the_bound_are_busy)
{
    connect_over_the_bound(&real_uring_small);
}

/* ---- the ring ---- */

/* Many streams through a handful of buffers and a completion ring too small for one turn. */
TEST(fault_uring, streams_survive_full_rings_and_a_lack_of_buffers)
{
    enum { COUNT = ACCEPTED_MAX, SIZE = 1 << 20, READS = 200 };
    struct fixture f;
    struct host h;
    struct peer clients[COUNT] = {0};
    struct call calls[READS];
    fixture_begin(&f, &real_uring_small);
    host_begin(&f, &h);
    uint8_t *data = malloc(SIZE), *read = malloc(READS);
    pattern_fill(data, SIZE, 0);
    env_file file = file_make(&f, "file", READS);
    for (int i = 0; i < COUNT; i++) peer_connect(&h, &clients[i]);
    for (int i = 0; i < COUNT; i++) {
        peer_send(&clients[i], data, SIZE);
        peer_send(&h.accepted[i], data, SIZE);
    }
    for (size_t i = 0; i < READS; i++) {
        call_begin(&f, &calls[i]);
        env_file_read(f.env, file, read + i, 1, i, &calls[i].op);
    }
    for (int i = 0; i < COUNT; i++) {
        while (clients[i].received < SIZE || h.accepted[i].received < SIZE)
            fixture_advance(&f, env_now_ns(f.env) + 1000000);
        fixture_until(&f, &clients[i].sent, 1);
        fixture_until(&f, &h.accepted[i].sent, 1);
    }
    for (int i = 0; i < READS; i++) fixture_until(&f, &calls[i].done, 1);
    assert_true(pattern_matches(read, READS, 0));
    const struct uring_env *u = (const struct uring_env *)f.env;
    if (uring_has(u, URING_FEATURE_MULTISHOT_RECEIVE))
        assert_true(mark_hits("uring_out_of_receive_buffers") > 0);
    assert_true(mark_hits("uring_submission_ring_full") > 0);
    assert_true(mark_hits("uring_completion_ring_full") > 0);
    file_close(&f, file);
    free(data);
    free(read);
    host_end(&h);
    fixture_end(&f);
}

TEST(fault_uring, masked_features_are_not_used)
{
    static const struct conformance_backend *const variants[] = {
        &real_uring_no_defer, &real_uring_no_multishot_accept, &real_uring_no_multishot_receive,
        &real_uring_no_registered_ring};
    for (unsigned i = 0; i < 4; i++) {
        struct fixture f;
        fixture_begin(&f, variants[i]);
        const struct uring_env *u = (const struct uring_env *)f.env;
        assert_false(uring_has(u, (enum uring_feature)(1u << i)));
        assert_int_equal(u->defer, uring_has(u, URING_FEATURE_DEFER_TASKRUN));
        assert_int_equal(u->buffers != NULL, uring_has(u, URING_FEATURE_MULTISHOT_RECEIVE));
        fixture_end(&f);
    }
}

/* A container's seccomp profile answers EPERM. In a child: the filter cannot be taken back. */
static int create_without_uring(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = 4, .filter = code};
    struct env_options options = {.root = "."};
    struct env *env = NULL;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return 77;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) return 77;
    if (env_uring_create(&options, &env) != STATUS_UNSUPPORTED || env != NULL) return 1;
    if (env_epoll_create(&options, &env) != STATUS_OK) return 2;
    env_destroy(env);
    return 0;
}

TEST(fault_uring, a_refused_ring_is_unsupported)
{
    pid_t child = fork();
    if (child == 0) _exit(create_without_uring());
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77) skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

TEST(fault, a_missing_root_is_an_error)
{
    struct env_options options = {.root = "/nonexistent/ostraka"};
    struct env *env = NULL;
    assert_int_equal(env_epoll_create(&options, &env), STATUS_IO);
    assert_int_equal(env_uring_create(&options, &env), STATUS_IO);
    assert_null(env);
}
