/* The part of an environment that both production backends have in common: clocks, randomness, the
 * books on operations and open files, and shutdown. */
#include "io/io_int.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* ---- clocks and randomness ---- */

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec ts;
    int failed = clock_gettime(clock, &ts);
    ASSERT(failed == 0);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t io_now_ns(struct env *env)
{
    env->lately_ns = clock_ns(CLOCK_BOOTTIME);
    ASSERT(env->lately_ns > 0);
    return env->lately_ns;
}

uint64_t io_wall_ns(struct env *env)
{
    (void)env;
    return clock_ns(CLOCK_REALTIME);
}

/* Drawn from the kernel in blocks of 32 numbers. */
bool io_idle(struct env *env)
{
    const struct io_env *e = (const struct io_env *)(const void *)env;
    return e->pending == 0 && e->socket_count == 0;
}

uint64_t io_random_u64(struct env *env)
{
    struct io_env *e = (struct io_env *)env;
    while (e->random_left == 0) {
        ssize_t size = getrandom(e->random, sizeof e->random, 0);
        ASSERT(size > 0 || errno == EINTR);
        if (size > 0) e->random_left = (size_t)size / sizeof e->random[0];
    }
    ASSERT(e->random_left <= sizeof e->random / sizeof e->random[0]);
    return e->random[--e->random_left];
}

void io_wake(struct env *env)
{
    io_wake_send(&((struct io_env *)env)->wake);
}

/* ---- open files ---- */

void io_file_note_open(struct io_env *e, int fd, unsigned flags)
{
    size_t at = (size_t)fd;
    if (at >= e->open_size) {
        size_t size = at * 2 + 256;
        uint8_t *grown = realloc(e->open_files, size);
        ASSERT(grown != NULL); /* one byte per descriptor: out of memory for good */
        memset(grown + e->open_size, 0, size - e->open_size);
        e->open_files = grown;
        e->open_size = size;
    }
    ASSERT(e->open_files[at] == 0);
    e->open_files[at] = (uint8_t)(IO_FILE_OPEN | ((flags & ENV_OPEN_DSYNC) != 0 ? IO_FILE_SYNCS : 0));
}

bool io_file_is_open(const struct io_env *e, int fd)
{
    return fd >= 0 && (size_t)fd < e->open_size && e->open_files[fd] != 0;
}

bool io_file_syncs(const struct io_env *e, int fd)
{
    return io_file_is_open(e, fd) && (e->open_files[fd] & IO_FILE_SYNCS) != 0;
}

void io_file_note_closed(struct io_env *e, int fd)
{
    ASSERT(io_file_is_open(e, fd));
    e->open_files[fd] = 0;
}

/* ---- life ---- */

enum status io_env_init(struct io_env *e, const struct env_table *table,
                        const struct env_options *options, int socket_flags, int eventfd_flags)
{
    ASSERT(options->root != NULL);
    memset(e, 0, sizeof *e);
    e->base = (struct env){.table = table, .logger = options->logger};
    e->socket_flags = socket_flags;
    e->operation_max = options->operation_max == 0 ? IO_OPERATIONS_DEFAULT : options->operation_max;
    e->owner = pthread_self();
    e->accept_retry_ns = IO_NEVER;
    e->busy_poll = options->busy_poll;
    list_init(&e->requests);
    list_init(&e->finished);
    list_init(&e->sockets);
    list_init(&e->dirty);
    list_init(&e->listeners);

    e->root_fd = open(options->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (e->root_fd < 0) return STATUS_IO;
    enum status status = io_wake_init(&e->wake, eventfd_flags);
    if (status != STATUS_OK) goto fail_root;
    status = STATUS_NO_MEMORY;
    e->files = io_workers_create(IO_FILE_WORKERS_MAX, e->root_fd, &e->wake);
    if (e->files == NULL) goto fail_wake;
    e->resolvers = io_workers_create(IO_RESOLVERS_MAX, e->root_fd, &e->wake);
    if (e->resolvers == NULL) goto fail_files;
    return STATUS_OK;
fail_files:
    io_workers_destroy(e->files);
fail_wake:
    io_wake_deinit(&e->wake);
fail_root:
    close(e->root_fd);
    ASSERT(status != STATUS_OK);
    return status;
}

void io_env_deinit(struct io_env *e)
{
    ASSERT(!e->polling);
    ASSERT(e->pending == 0);
    ASSERT(e->socket_count == 0);
    ASSERT(list_empty(&e->requests) && list_empty(&e->finished));
    while (!list_empty(&e->listeners))
        io_listener_destroy(CONTAINER_OF(e->listeners.next, struct env_listener, link));
    for (size_t fd = 0; fd < e->open_size; fd++)
        if (io_file_is_open(e, (int)fd)) close((int)fd);
    free(e->open_files);
    io_workers_destroy(e->resolvers);
    io_workers_destroy(e->files);
    io_wake_deinit(&e->wake);
    close(e->root_fd);
}

/* A close that will never be executed: env_destroy closes the file instead. */
static void request_cancel(struct io_env *e, struct io_request *r)
{
    r->result = -ECANCELED;
    if (r->kind == IO_CLOSE) io_file_note_open(e, r->file, 0);
    list_push_back(&e->finished, &r->link);
}

void io_shutdown(struct env *env)
{
    struct io_env *e = (struct io_env *)env;
    if (e->shut_down) return;
    e->shut_down = true;
    for (struct list *item; (item = list_pop_front(&e->requests)) != NULL;)
        request_cancel(e, CONTAINER_OF(item, struct io_request, link));

    struct list cancelled;
    list_init(&cancelled);
    io_workers_cancel(e->files, &cancelled);
    io_workers_cancel(e->resolvers, &cancelled);
    for (struct list *item; (item = list_pop_front(&cancelled)) != NULL;)
        request_cancel(e, CONTAINER_OF(item, struct io_request, link));

    LIST_FOR_EACH (item, &e->sockets)
        io_socket_end(e, CONTAINER_OF(item, struct env_socket, link), STATUS_CANCELLED);
    e->listeners_dirty = true; /* they stop accepting; their owners still close them */
}

/* ---- polling ---- */

void io_poll_begin(struct io_env *e)
{
    ASSERT(!e->polling);
    ASSERT(pthread_equal(e->owner, pthread_self())); /* ENV-6 */
    e->polling = true;
}

void io_poll_end(struct io_env *e)
{
    ASSERT(e->polling);
    e->polling = false;
}

uint64_t io_poll_timeout_ns(struct io_env *e, uint64_t deadline_ns)
{
    uint64_t until = deadline_ns < e->accept_retry_ns ? deadline_ns : e->accept_retry_ns;
    if (until == 0 || until == IO_NEVER) return until;
    uint64_t now = io_now_ns(&e->base);
    return until > now ? until - now : 0;
}

/* Whoever defers does not interrupt who runs when it is woken: it has its turn when that one's is over (sched(7), SCHED_BATCH). */
static void defer(struct io_env *e, bool defers)
{
    if (e->defers == defers) return;
    e->defers = defers;
    int policy = sched_getscheduler(0);
    if (policy != SCHED_OTHER && policy != SCHED_BATCH) return; /* somebody else has chosen */
    struct sched_param none = {0};
    (void)sched_setscheduler(0, defers ? SCHED_BATCH : SCHED_OTHER, &none); /* where it is forbidden, all is as before */
}

void io_wait(struct io_env *e, uint64_t timeout_ns, bool (*look)(struct io_env *e),
             void (*sleep_for)(struct io_env *e, uint64_t timeout_ns))
{
    struct busy_poll *b = e->busy_poll;
    if (timeout_ns == 0 || b == NULL || b->limit_ns == 0) {
        sleep_for(e, timeout_ns);
        (void)io_now_ns(&e->base); /* env_lately_ns */
        return;
    }
    uint64_t start_ns = io_now_ns(&e->base), now_ns = start_ns, waited_ns = 0;
    uint64_t span_ns = busy_poll_span(b, start_ns, timeout_ns);
    defer(e, span_ns > 0);
    bool found = span_ns > 0 && look(e), alone = true;
    while (!found && alone && waited_ns < span_ns) {
        uint64_t from_ns = now_ns;
        sched_yield();
        found = look(e);
        now_ns = io_now_ns(&e->base);
        waited_ns = now_ns - start_ns;
        alone = busy_poll_shared(b, now_ns, now_ns - from_ns);
    }
    uint64_t looked_ns = waited_ns;
    bool slept = !found && waited_ns < timeout_ns;
    if (slept) {
        sleep_for(e, timeout_ns == IO_NEVER ? IO_NEVER : timeout_ns - waited_ns);
        waited_ns = io_now_ns(&e->base) - start_ns;
    }
    busy_poll_over(b, looked_ns, waited_ns, slept);
}

static bool is_directory(const struct io_env *e, const char *path)
{
    struct stat st;
    return fstatat(e->root_fd, path, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

void io_complete(struct io_env *e, struct io_request *r)
{
    struct env_op *op = io_request_op(r);
    ASSERT(e->polling); /* ENV-1 */
    ASSERT(e->pending > 0);
    int64_t result = r->result;
    if (r->kind == IO_OPEN && result >= 0) io_file_note_open(e, (int)result, r->flags);
    if (r->kind == IO_DIR_MAKE && result == -EEXIST && is_directory(e, r->text)) result = 0;
    if (e->shut_down) result = -ECANCELED; /* ENV-5 */
    free(r->text);
    r->text = NULL;
    e->pending--;
    op->on_done(op, result);
}

void io_complete_finished(struct io_env *e)
{
    struct list batch;
    io_list_take(&e->finished, &batch);
    for (struct list *item; (item = list_pop_front(&batch)) != NULL;)
        io_complete(e, CONTAINER_OF(item, struct io_request, link));
}

void io_request_delegate(struct io_env *e, struct io_request *r, struct list *files,
                         struct list *resolves)
{
    ASSERT(!e->shut_down);
    list_push_back(r->kind == IO_RESOLVE ? resolves : files, &r->link);
}
