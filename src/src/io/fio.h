/* File calls for code that runs on a fiber (recovery, flush, compaction, snapshots): they start the
 * operation, suspend the fiber and return when it has completed. Errors come back as a status; the
 * errno is kept for the log line. -ECANCELED (ENV-5) becomes STATUS_CANCELLED, ENOSPC and EDQUOT
 * STATUS_NO_SPACE, ENOENT STATUS_NOT_FOUND, EEXIST STATUS_EXISTS, all else STATUS_IO. */
#ifndef OSTRAKA_IO_FIO_H
#define OSTRAKA_IO_FIO_H

#include "base/fiber.h"
#include "io/env.h"

struct fio {
    struct env *env;
    struct fiber_pool *fibers;
    int last_errno; /* of the latest failed call */
};

enum status fio_status_of(int64_t result);

MUST_USE enum status fio_open(struct fio *f, const char *path, unsigned flags, env_file *file_out);
/* Result is only logged: nothing can be done about a failed close. */
void fio_close(struct fio *f, env_file file);
/* Exactly `size` bytes; STATUS_CORRUPT when the file ends before. */
MUST_USE enum status fio_read(struct fio *f, env_file file, void *data, size_t size,
                              uint64_t offset);
/* Up to `size` bytes. */
MUST_USE enum status fio_read_some(struct fio *f, env_file file, void *data, size_t size,
                                   uint64_t offset, size_t *read_out);
MUST_USE enum status fio_write(struct fio *f, env_file file, const void *data, size_t size,
                               uint64_t offset);
MUST_USE enum status fio_sync(struct fio *f, env_file file);
MUST_USE enum status fio_size(struct fio *f, env_file file, uint64_t *size_out);
MUST_USE enum status fio_truncate(struct fio *f, env_file file, uint64_t size);
MUST_USE enum status fio_rename(struct fio *f, const char *from, const char *to);
MUST_USE enum status fio_link(struct fio *f, const char *from, const char *to);
MUST_USE enum status fio_unlink(struct fio *f, const char *path);
MUST_USE enum status fio_dir_make(struct fio *f, const char *path);
MUST_USE enum status fio_dir_sync(struct fio *f, const char *path);

#endif
