/* What the kernel offers. A feature counts as there only after it has worked once, on a ring of its
 * own that is thrown away, so that a kernel which ignores a flag is not believed. */
#include "io/uring_int.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/un.h>
#include <unistd.h>

#define COMPLETIONS_PER_SUBMISSION 4
#define SUBMISSIONS_MIN 8
#define SUBMISSIONS_MAX 4096
#define TRIAL_GROUP 7
/* Kernel threads for calls that wait, so that a limit on processes is not run into (it makes the
 * kernel retry for ever). */
#define WORKERS_BOUNDED_MAX 16
#define WORKERS_UNBOUNDED_MAX 16

/* From the best to what every usable kernel has. DEFER_TASKRUN runs completions only inside our own
 * calls; TASKRUN_FLAG lets a poll that has nothing to submit see whether a call is worth it. */
static const unsigned setup_flags[] = {
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
        IORING_SETUP_TASKRUN_FLAG,
    IORING_SETUP_SUBMIT_ALL | IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
    0,
};
/* Without NODROP completions could be lost; without EXT_ARG a timeout would need its own
 * submission. */
#define FEATURES_NEEDED (IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | IORING_FEAT_FAST_POLL)

static unsigned submissions_for(unsigned operation_max)
{
    unsigned size = SUBMISSIONS_MIN;
    while (size < operation_max / COMPLETIONS_PER_SUBMISSION && size < SUBMISSIONS_MAX) size *= 2;
    return size;
}

static void opcodes_probe(struct uring_env *u)
{
    struct io_uring_probe *probe = io_uring_get_probe_ring(&u->ring);
    if (probe == NULL) return;
    for (int op = 0; op < 64; op++)
        if (io_uring_opcode_supported(probe, op)) u->opcodes |= (uint64_t)1 << op;
    io_uring_free_probe(probe);
}

enum status uring_setup(struct uring_env *u, const struct env_options *options)
{
    unsigned submissions = submissions_for(u->io.operation_max);
    bool no_defer = (options->masked & URING_FEATURE_DEFER_TASKRUN) != 0;
    int error = -ENOSYS;
    for (size_t i = no_defer ? 1 : 0; i < sizeof setup_flags / sizeof setup_flags[0]; i++) {
        struct io_uring_params params = {
            .flags = setup_flags[i] | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP,
            .cq_entries = submissions * COMPLETIONS_PER_SUBMISSION};
        error = io_uring_queue_init_params(submissions, &u->ring, &params);
        u->defer = (params.flags & IORING_SETUP_DEFER_TASKRUN) != 0;
        if (error != -EINVAL) break;
    }
    if (error != 0) {
        LOG_INFO(u->io.base.logger, "io", "io_uring is not available", "errno=%d", -error);
        return STATUS_UNSUPPORTED;
    }
    opcodes_probe(u);
    const uint64_t needed = (uint64_t)1 << IORING_OP_READ | (uint64_t)1 << IORING_OP_WRITE |
                            (uint64_t)1 << IORING_OP_FSYNC | (uint64_t)1 << IORING_OP_SEND |
                            (uint64_t)1 << IORING_OP_RECV | (uint64_t)1 << IORING_OP_ACCEPT |
                            (uint64_t)1 << IORING_OP_CONNECT |
                            (uint64_t)1 << IORING_OP_ASYNC_CANCEL;
    if ((u->ring.features & FEATURES_NEEDED) == FEATURES_NEEDED &&
        (u->opcodes & needed) == needed) {
        unsigned workers[2] = {WORKERS_BOUNDED_MAX, WORKERS_UNBOUNDED_MAX};
        (void)io_uring_register_iowq_max_workers(&u->ring, workers);
        return STATUS_OK;
    }
    LOG_INFO(u->io.base.logger, "io", "io_uring is too old", "features=%x", u->ring.features);
    io_uring_queue_exit(&u->ring);
    return STATUS_UNSUPPORTED;
}

/* ---- provided buffers ---- */

/* liburing 2.3 does not allocate buffer rings. Page-aligned, as the kernel wants them. */
static void *pages_map(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static bool buffer_ring_register(struct io_uring *ring, void *memory, unsigned count,
                                 unsigned short group)
{
    struct io_uring_buf_reg reg = {
        .ring_addr = (uint64_t)(uintptr_t)memory, .ring_entries = count, .bgid = group};
    return io_uring_register_buf_ring(ring, &reg, 0) == 0;
}

enum status uring_buffers_create(struct uring_env *u)
{
    u->buffer_count = URING_BUFFER_COUNT_MIN;
    while (u->buffer_count < u->io.operation_max / 16 && u->buffer_count < URING_BUFFER_COUNT_MAX)
        u->buffer_count *= 2;
    u->buffers = pages_map(u->buffer_count * sizeof(struct io_uring_buf));
    u->buffer_memory = pages_map(u->buffer_count * URING_BUFFER_BYTES);
    if (u->buffers == NULL || u->buffer_memory == NULL ||
        !buffer_ring_register(&u->ring, u->buffers, u->buffer_count, URING_BUFFER_GROUP)) {
        uring_buffers_destroy(u);
        return STATUS_NO_MEMORY;
    }
    io_uring_buf_ring_init(u->buffers);
    for (unsigned id = 0; id < u->buffer_count; id++) uring_buffer_give(u, id);
    return STATUS_OK;
}

void uring_buffers_destroy(struct uring_env *u)
{
    if (u->buffers != NULL) munmap(u->buffers, u->buffer_count * sizeof(struct io_uring_buf));
    if (u->buffer_memory != NULL) munmap(u->buffer_memory, u->buffer_count * URING_BUFFER_BYTES);
    u->buffers = NULL;
    u->buffer_memory = NULL;
}

void uring_buffer_give(struct uring_env *u, unsigned id)
{
    ASSERT(id < u->buffer_count);
    io_uring_buf_ring_add(u->buffers, u->buffer_memory + id * URING_BUFFER_BYTES,
                          URING_BUFFER_BYTES, (unsigned short)id,
                          io_uring_buf_ring_mask(u->buffer_count), 0);
    io_uring_buf_ring_advance(u->buffers, 1);
}

/* ---- trials ---- */

/* Submits what is prepared and waits for one completion. */
static bool trial_run(struct io_uring *ring, int *answer_out, unsigned *flags_out)
{
    struct io_uring_cqe *cqe;
    if (io_uring_submit_and_wait(ring, 1) < 0 || io_uring_peek_cqe(ring, &cqe) != 0) return false;
    *answer_out = cqe->res;
    *flags_out = cqe->flags;
    io_uring_cqe_seen(ring, cqe);
    return true;
}

static bool trial_receive(struct io_uring *ring)
{
    int pair[2], answer = 0;
    unsigned flags = 0;
    char byte;
    void *page = pages_map(4096);
    if (page == NULL) return false;
    bool works = false;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) goto done;
    if (!buffer_ring_register(ring, page, 1, TRIAL_GROUP)) goto close_pair;
    io_uring_buf_ring_init(page);
    io_uring_buf_ring_add(page, &byte, 1, 0, 0, 0);
    io_uring_buf_ring_advance(page, 1);
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = TRIAL_GROUP;
    works = write(pair[1], "", 1) == 1 && trial_run(ring, &answer, &flags) && answer == 1 &&
            (flags & IORING_CQE_F_MORE) != 0 && (flags & IORING_CQE_F_BUFFER) != 0;
close_pair:
    close(pair[0]);
    close(pair[1]);
done:
    munmap(page, 4096);
    return works;
}

static bool trial_accept(struct io_uring *ring)
{
    int answer = -1;
    unsigned flags = 0;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t size = sizeof address.sun_family; /* the kernel picks an abstract name */
    bool works = false;
    int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client < 0 || listener < 0) goto done;
    if (bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 1) < 0) goto done;
    size = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &size) < 0) goto done;
    if (connect(client, (struct sockaddr *)&address, size) < 0) goto done;
    io_uring_prep_multishot_accept(io_uring_get_sqe(ring), listener, NULL, NULL, SOCK_CLOEXEC);
    works = trial_run(ring, &answer, &flags) && answer >= 0 && (flags & IORING_CQE_F_MORE) != 0;
    if (answer >= 0) close(answer);
done:
    if (client >= 0) close(client);
    if (listener >= 0) close(listener);
    return works;
}

static bool trial(bool (*run)(struct io_uring *ring))
{
    struct io_uring ring;
    if (io_uring_queue_init(4, &ring, 0) != 0) return false;
    bool works = run(&ring);
    io_uring_queue_exit(&ring);
    return works;
}

void uring_probe(struct uring_env *u, unsigned masked)
{
    u->features = u->defer ? URING_FEATURE_DEFER_TASKRUN : 0;
    if ((masked & URING_FEATURE_MULTISHOT_ACCEPT) == 0 && trial(trial_accept))
        u->features |= URING_FEATURE_MULTISHOT_ACCEPT;
    if ((masked & URING_FEATURE_MULTISHOT_RECEIVE) == 0 && trial(trial_receive) &&
        uring_buffers_create(u) == STATUS_OK)
        u->features |= URING_FEATURE_MULTISHOT_RECEIVE;
    if ((masked & URING_FEATURE_REGISTERED_RING) == 0 && io_uring_register_ring_fd(&u->ring) == 1)
        u->features |= URING_FEATURE_REGISTERED_RING;
    LOG_INFO(u->io.base.logger, "io", "io_uring is in use", "features=%x masked=%x", u->features,
             masked);
}
