/* Blocking-looking file calls on a fiber: every call is start, suspend, translate. The wait lives
 * on the fiber's stack, which stays where it is until the operation has completed (ENV-2). */
#include "io/fio.h"

#include <errno.h>

#include "base/assert.h"

struct fio_wait {
    struct env_op op;
    struct fiber *fiber;
    int64_t result;
    bool done;
};

enum status fio_status_of(int64_t result)
{
    if (result >= 0) return STATUS_OK;
    switch (-result) {
    case ECANCELED: return STATUS_CANCELLED;
    case ENOSPC:
    case EDQUOT: return STATUS_NO_SPACE;
    case ENOENT: return STATUS_NOT_FOUND;
    case EEXIST: return STATUS_EXISTS;
    default: return STATUS_IO;
    }
}

static void wait_done(struct env_op *op, int64_t result)
{
    struct fio_wait *w = op->ctx;
    ASSERT(!w->done);
    w->result = result;
    w->done = true;
    fiber_resume(w->fiber);
}

static struct fio_wait wait_make(const struct fio *f)
{
    struct fiber *fiber = fiber_current(f->fibers);
    ASSERT(fiber != NULL);
    return (struct fio_wait){.op.on_done = wait_done, .fiber = fiber};
}

/* Suspends until w is done. ENV-1 makes sure that this is not so already. */
static int64_t wait_result(struct fio *f, struct fio_wait *w)
{
    ASSERT(!w->done);
    while (!w->done) fiber_suspend(f->fibers);
    if (w->result < 0) f->last_errno = (int)-w->result;
    return w->result;
}

#define FIO_CALL(f, start, ...)                      \
    (__extension__({                                 \
        struct fio_wait wait = wait_make(f);         \
        wait.op.ctx = &wait;                         \
        start((f)->env, __VA_ARGS__, &wait.op);      \
        wait_result(f, &wait);                       \
    }))

enum status fio_open(struct fio *f, const char *path, unsigned flags, env_file *file_out)
{
    int64_t result = FIO_CALL(f, env_file_open, path, flags);
    if (result >= 0) *file_out = (env_file)result;
    return fio_status_of(result);
}

void fio_close(struct fio *f, env_file file)
{
    int64_t result = FIO_CALL(f, env_file_close, file);
    if (result < 0 && result != -ECANCELED)
        LOG_WARN(f->env->logger, "io", "close failed", "file=%d errno=%lld", (int)file,
                 (long long)-result);
}

enum status fio_read(struct fio *f, env_file file, void *data, size_t size, uint64_t offset)
{
    size_t read = 0;
    enum status status = fio_read_some(f, file, data, size, offset, &read);
    if (status != STATUS_OK) return status;
    return read == size ? STATUS_OK : STATUS_CORRUPT;
}

enum status fio_read_some(struct fio *f, env_file file, void *data, size_t size, uint64_t offset,
                          size_t *read_out)
{
    int64_t result = FIO_CALL(f, env_file_read, file, data, size, offset);
    ASSERT(result < 0 || (uint64_t)result <= size);
    if (result >= 0) *read_out = (size_t)result;
    return fio_status_of(result);
}

enum status fio_write(struct fio *f, env_file file, const void *data, size_t size, uint64_t offset)
{
    int64_t result = FIO_CALL(f, env_file_write, file, data, size, offset);
    ASSERT(result < 0 || (uint64_t)result == size); /* ENV-3 */
    return fio_status_of(result);
}

enum status fio_sync(struct fio *f, env_file file)
{
    return fio_status_of(FIO_CALL(f, env_file_sync, file));
}

enum status fio_size(struct fio *f, env_file file, uint64_t *size_out)
{
    int64_t result = FIO_CALL(f, env_file_size, file);
    if (result >= 0) *size_out = (uint64_t)result;
    return fio_status_of(result);
}

enum status fio_truncate(struct fio *f, env_file file, uint64_t size)
{
    return fio_status_of(FIO_CALL(f, env_file_truncate, file, size));
}

enum status fio_rename(struct fio *f, const char *from, const char *to)
{
    return fio_status_of(FIO_CALL(f, env_path_rename, from, to));
}

enum status fio_link(struct fio *f, const char *from, const char *to)
{
    return fio_status_of(FIO_CALL(f, env_path_link, from, to));
}

enum status fio_unlink(struct fio *f, const char *path)
{
    return fio_status_of(FIO_CALL(f, env_path_unlink, path));
}

enum status fio_dir_make(struct fio *f, const char *path)
{
    return fio_status_of(FIO_CALL(f, env_dir_make, path));
}

enum status fio_dir_sync(struct fio *f, const char *path)
{
    return fio_status_of(FIO_CALL(f, env_dir_sync, path));
}
