/* File operations on the ring. What has no opcode in this kernel goes to the worker threads. */
#include "io/uring_int.h"

#include <errno.h>
#include <fcntl.h>

#define DIR_MODE 0755
#define FILE_MODE 0644
#define NO_OPCODE (-1)

static int opcode_of(const struct io_request *r)
{
    switch ((enum io_kind)r->kind) {
    case IO_OPEN: return IORING_OP_OPENAT;
    case IO_CLOSE: return IORING_OP_CLOSE;
    case IO_READ: return IORING_OP_READ;
    case IO_WRITE: return IORING_OP_WRITE;
    case IO_SYNC: return IORING_OP_FSYNC;
    case IO_RENAME: return IORING_OP_RENAMEAT;
    case IO_LINK: return IORING_OP_LINKAT;
    case IO_UNLINK: return IORING_OP_UNLINKAT;
    case IO_DIR_MAKE: return IORING_OP_MKDIRAT;
    case IO_SIZE:
    case IO_TRUNCATE:
    case IO_DIR_SYNC:
    case IO_RESOLVE: return NO_OPCODE;
    }
    UNREACHABLE();
}

static bool ring_can(const struct uring_env *u, const struct io_request *r)
{
    int opcode = opcode_of(r);
    return opcode != NO_OPCODE && (u->opcodes >> opcode & 1) != 0;
}

static void transfer_prepare(const struct io_request *r, struct io_uring_sqe *sqe)
{
    uint64_t left = r->size - r->done;
    ASSERT(left > 0);
    unsigned size = (unsigned)(left < IO_CHUNK_BYTES_MAX ? left : IO_CHUNK_BYTES_MAX);
    uint8_t *data = (uint8_t *)r->data + r->done;
    if (r->kind == IO_READ) io_uring_prep_read(sqe, r->file, data, size, r->offset + r->done);
    else io_uring_prep_write(sqe, r->file, data, size, r->offset + r->done);
}

/* Not to be tried on this thread first: the kernel would wait in it, and everybody else here with it. A write that syncs is submitted
 * without waiting, but when the disk has it before the submission returns, the flush is waited for there and then (1 write in 100, for as
 * long as a flush takes). And the last close of a file that has no name any more gives its blocks back. */
static bool waits_in_kernel(const struct uring_env *u, const struct io_request *r)
{
    if (r->kind == IO_CLOSE) return true;
    if (r->kind != IO_WRITE || !io_file_syncs(&u->io, r->file)) return false;
    COVER("uring_write_that_syncs");
    return true;
}

static void request_prepare(const struct uring_env *u, struct io_request *r,
                            struct io_uring_sqe *sqe)
{
    int root = u->io.root_fd;
    switch ((enum io_kind)r->kind) {
    case IO_OPEN:
        io_uring_prep_openat(sqe, root, r->text, io_open_flags(r->flags), FILE_MODE);
        break;
    case IO_CLOSE: io_uring_prep_close(sqe, r->file); break;
    case IO_READ:
    case IO_WRITE: transfer_prepare(r, sqe); break;
    case IO_SYNC: io_uring_prep_fsync(sqe, r->file, IORING_FSYNC_DATASYNC); break;
    case IO_RENAME:
        io_uring_prep_renameat(sqe, root, r->text, root, io_request_second(r), 0);
        break;
    case IO_LINK: io_uring_prep_linkat(sqe, root, r->text, root, io_request_second(r), 0); break;
    case IO_UNLINK: io_uring_prep_unlinkat(sqe, root, r->text, 0); break;
    case IO_DIR_MAKE: io_uring_prep_mkdirat(sqe, root, r->text, DIR_MODE); break;
    case IO_SIZE:
    case IO_TRUNCATE:
    case IO_DIR_SYNC:
    case IO_RESOLVE: UNREACHABLE();
    }
    /* After -EAGAIN (XFS may say so) a kernel thread that can wait has to do it. */
    if (r->insist || waits_in_kernel(u, r)) sqe->flags |= IOSQE_ASYNC;
    sqe->user_data = uring_user_data(r, URING_TAG_REQUEST);
}

void uring_requests_submit(struct uring_env *u)
{
    struct list files, resolves;
    if (list_empty(&u->io.requests)) return;
    list_init(&files);
    list_init(&resolves);
    while (!list_empty(&u->io.requests) && u->in_flight < u->io.operation_max) {
        struct list *item = u->io.requests.next;
        struct io_request *r = CONTAINER_OF(item, struct io_request, link);
        if (!ring_can(u, r)) {
            list_remove(item);
            io_request_delegate(&u->io, r, &files, &resolves);
            continue;
        }
        struct io_uring_sqe *sqe = uring_sqe(u);
        if (sqe == NULL) break;
        list_remove(item);
        request_prepare(u, r, sqe);
        u->in_flight++;
        ASSERT(u->in_flight <= u->io.operation_max);
    }
    io_workers_submit(u->io.files, &files);
    io_workers_submit(u->io.resolvers, &resolves);
}

void uring_request_done(struct uring_env *u, struct io_request *r, int answer)
{
    ASSERT(u->in_flight > 0);
    u->in_flight--;
    if (io_request_advance(r, answer)) {
        io_complete(&u->io, r);
    } else if (u->io.shut_down) {
        r->result = -ECANCELED; /* the rest of a short transfer is not asked for any more */
        io_complete(&u->io, r);
    } else {
        list_push_back(&u->io.requests, &r->link);
    }
}
