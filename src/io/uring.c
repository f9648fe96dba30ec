/* The loop: turn what was started into submissions, enter the kernel once, turn all completions
 * into callbacks. With DEFER_TASKRUN nothing completes unless we enter. */
#include "io/uring_int.h"

#include <errno.h>
#include <stdlib.h>

struct io_uring_sqe *uring_sqe(struct uring_env *u)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);
    if (sqe != NULL || u->jammed) return sqe;
    COVER("uring_submission_ring_full");
    int submitted = io_uring_submit(&u->ring);
    ASSERT(submitted >= 0 || submitted == -EBUSY || submitted == -EAGAIN || submitted == -EINTR);
    sqe = io_uring_get_sqe(&u->ring);
    u->jammed = sqe == NULL;
    return sqe;
}

static void wake_arm(struct uring_env *u)
{
    if (u->wake_armed) return;
    struct io_uring_sqe *sqe = uring_sqe(u);
    if (sqe == NULL) return; /* jammed: this poll does not wait */
    io_uring_prep_read(sqe, u->io.wake.fd, &u->wake_value, sizeof u->wake_value, 0);
    sqe->user_data = URING_TAG_WAKE;
    u->wake_armed = true;
}

/* Enters the kernel, when there is a reason to. Whatever goes wrong here is tried again by the next
 * poll: a signal, the timeout, and -EBUSY or -EAGAIN, after which completions have to be reaped. */
static void enter(struct uring_env *u, uint64_t timeout_ns)
{
    struct io_uring_cqe *cqe;
    int result = 0;
    if (timeout_ns == IO_NEVER) {
        result = io_uring_submit_and_wait(&u->ring, 1);
    } else if (timeout_ns > 0) {
        struct __kernel_timespec ts = {.tv_sec = (int64_t)(timeout_ns / 1000000000u),
                                       .tv_nsec = (long long)(timeout_ns % 1000000000u)};
        result = io_uring_submit_and_wait_timeout(&u->ring, &cqe, 1, &ts, NULL);
    } else {
        unsigned work = IO_URING_READ_ONCE(*u->ring.sq.kflags) &
                        (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW);
        if (work != 0 || io_uring_sq_ready(&u->ring) > 0)
            result = io_uring_submit_and_get_events(&u->ring);
    }
    ASSERT(result >= 0 || result == -ETIME || result == -EINTR || result == -EBUSY ||
           result == -EAGAIN);
    if (io_uring_cq_has_overflow(&u->ring)) COVER("uring_completion_ring_full");
}

static void ring_sleep(struct io_env *e, uint64_t timeout_ns)
{
    enter((struct uring_env *)e, timeout_ns);
}

static bool ring_look(struct io_env *e)
{
    struct uring_env *u = (struct uring_env *)e;
    enter(u, 0);
    return io_uring_cq_ready(&u->ring) > 0;
}

static void complete(struct uring_env *u, uint64_t user_data, int answer, unsigned flags)
{
    void *object = (void *)(uintptr_t)(user_data & ~(uint64_t)URING_TAG_MASK);
    switch ((enum uring_tag)(user_data & URING_TAG_MASK)) {
    case URING_TAG_REQUEST: uring_request_done(u, object, answer); return;
    case URING_TAG_RECEIVE: uring_receive_done(u, object, answer, flags); return;
    case URING_TAG_SEND: uring_send_done(u, object, answer); return;
    case URING_TAG_CONNECT: uring_connect_done(u, object, answer); return;
    case URING_TAG_ACCEPT: uring_accept_done(u, object, answer, flags); return;
    case URING_TAG_WAKE:
        u->wake_armed = false;
        io_wake_seen(&u->io.wake);
        return;
    case URING_TAG_CANCEL: return;
    case URING_TAG_MASK: break;
    }
    UNREACHABLE();
}

/* Every completion that is there; what the kernel adds meanwhile counts too, up to one ring, so
 * that this ends. */
static void reap(struct uring_env *u)
{
    struct io_uring_cqe *cqe;
    for (unsigned left = u->ring.cq.ring_entries; left > 0; left--) {
        unsigned head = *u->ring.cq.khead;
        if (head == io_uring_smp_load_acquire(u->ring.cq.ktail)) break;
        cqe = &u->ring.cq.cqes[head & u->ring.cq.ring_mask];
        uint64_t user_data = cqe->user_data;
        int answer = cqe->res;
        unsigned flags = cqe->flags;
        io_uring_cq_advance(&u->ring, 1); /* the entry is the kernel's again */
        complete(u, user_data, answer, flags);
    }
}

static void uring_poll(struct env *env, uint64_t deadline_ns)
{
    struct uring_env *u = (struct uring_env *)env;
    io_poll_begin(&u->io);
    u->jammed = false;
    bool called = uring_sockets_turn(u);
    uring_listeners_turn(u);
    uring_requests_submit(u);
    wake_arm(u);
    bool busy = called || u->jammed || !list_empty(&u->io.finished) ||
                !list_empty(&u->io.dirty) || u->io.listeners_dirty;
    io_wait(&u->io, busy ? 0 : io_poll_timeout_ns(&u->io, deadline_ns), ring_look, ring_sleep);
    reap(u);
    io_workers_collect(u->io.files, &u->io.finished);
    io_workers_collect(u->io.resolvers, &u->io.finished);
    io_complete_finished(&u->io);
    io_poll_end(&u->io);
}

/* ---- life ---- */

/* The wake-up read and accepts that were cancelled by a shutdown still belong to the kernel. */
static void ring_drain(struct uring_env *u)
{
    bool accepting;
    do {
        accepting = false;
        LIST_FOR_EACH (item, &u->io.listeners)
            accepting |= CONTAINER_OF(item, struct env_listener, link)->armed;
        if (accepting || u->wake_armed) {
            io_wake_send(&u->io.wake);
            u->io.listeners_dirty = true;
            uring_listeners_turn(u);
            (void)io_uring_submit_and_wait(&u->ring, 1);
            reap(u);
        }
    } while (accepting || u->wake_armed);
}

static void uring_destroy(struct env *env)
{
    struct uring_env *u = (struct uring_env *)env;
    ASSERT(u->in_flight == 0);
    io_shutdown(env);
    ring_drain(u);
    io_uring_queue_exit(&u->ring);
    uring_buffers_destroy(u);
    io_env_deinit(&u->io);
    free(u);
}

static const struct env_table uring_table = {
    .name = "io_uring", .destroy = uring_destroy, .poll = uring_poll, IO_TABLE_SHARED};

enum status env_uring_create(const struct env_options *options, struct env **env_out)
{
    struct uring_env *u = calloc(1, sizeof *u);
    if (u == NULL) return STATUS_NO_MEMORY;
    /* The ring waits for sockets and for the eventfd itself: they must not answer -EAGAIN. */
    enum status status = io_env_init(&u->io, &uring_table, options, 0, 0);
    if (status != STATUS_OK) goto fail;
    status = uring_setup(u, options);
    if (status != STATUS_OK) goto fail_io;
    uring_probe(u, options->masked);
    *env_out = &u->io.base;
    return STATUS_OK;
fail_io:
    io_env_deinit(&u->io);
fail:
    free(u);
    ASSERT(status != STATUS_OK);
    return status;
}
