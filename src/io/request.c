/* File operations as system calls: translation, continuation of short transfers, and the waiting
 * form that worker threads run. */
#include "io/io_int.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIR_MODE 0755
#define FILE_MODE 0644

int io_open_flags(unsigned flags)
{
    ASSERT((flags & (ENV_OPEN_READ | ENV_OPEN_WRITE)) != 0);
    int result = O_CLOEXEC;
    if ((flags & ENV_OPEN_WRITE) == 0) result |= O_RDONLY;
    else result |= (flags & ENV_OPEN_READ) != 0 ? O_RDWR : O_WRONLY;
    if ((flags & ENV_OPEN_CREATE) != 0) result |= O_CREAT;
    if ((flags & ENV_OPEN_EXCLUSIVE) != 0) result |= O_EXCL;
    if ((flags & ENV_OPEN_TRUNCATE) != 0) result |= O_TRUNC;
    if ((flags & ENV_OPEN_DIRECT) != 0) result |= O_DIRECT;
    if ((flags & ENV_OPEN_DSYNC) != 0) result |= O_DSYNC;
    return result;
}

static bool finish(struct io_request *r, int64_t result)
{
    r->result = result;
    return true;
}

static bool transfer_advance(struct io_request *r, int64_t answer)
{
    ASSERT(r->done <= r->size);
    if (answer < 0) {
        /* A read under O_DIRECT that ended at an odd end of file cannot be continued there. */
        bool odd_end = r->kind == IO_READ && answer == -EINVAL && r->done % ENV_DIRECT_ALIGN != 0;
        return finish(r, odd_end ? (int64_t)r->done : answer);
    }
    ASSERT((uint64_t)answer <= r->size - r->done);
    r->done += (uint64_t)answer;
    if (r->done == r->size) return finish(r, (int64_t)r->done);
    /* Nothing more: for a read the end of the file. A write that moves nothing would go on for
     * ever. */
    if (answer == 0) return finish(r, r->kind == IO_READ ? (int64_t)r->done : -EIO);
    if (MUTANT("io_short_transfer_is_whole")) return finish(r, (int64_t)r->size);
    COVER("io_short_transfer");
    return false;
}

bool io_request_advance(struct io_request *r, int64_t answer)
{
    if (r->kind == IO_CLOSE && answer == -EINTR) return finish(r, 0); /* closed all the same */
    if (answer == -EINTR) return false;
    if (answer == -EAGAIN) {
        r->insist = true;
        return false;
    }
    if (r->kind == IO_READ || r->kind == IO_WRITE) return transfer_advance(r, answer);
    if (r->kind == IO_SYNC && answer < 0 && MUTANT("io_sync_error_forgotten")) return finish(r, 0);
    return finish(r, answer);
}

/* ---- waiting calls, on worker threads ---- */

static int64_t dir_sync(int root_fd, const char *path)
{
    int fd = openat(root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return -errno;
    int64_t result = fsync(fd) < 0 ? -errno : 0;
    close(fd);
    return result;
}

static int64_t answer_of(int64_t returned)
{
    return returned < 0 ? -errno : returned;
}

static int64_t call(const struct io_request *r, int root_fd)
{
    uint8_t *data = r->data;
    uint64_t left = r->size - r->done;
    size_t size = left < IO_CHUNK_BYTES_MAX ? left : IO_CHUNK_BYTES_MAX;
    off_t offset = (off_t)(r->offset + r->done);
    switch ((enum io_kind)r->kind) {
    case IO_OPEN: return answer_of(openat(root_fd, r->text, io_open_flags(r->flags), FILE_MODE));
    case IO_CLOSE: return answer_of(close(r->file));
    case IO_READ: return answer_of(pread(r->file, data + r->done, size, offset));
    case IO_WRITE: return answer_of(pwrite(r->file, data + r->done, size, offset));
    case IO_SYNC: return answer_of(fdatasync(r->file));
    case IO_TRUNCATE: return answer_of(ftruncate(r->file, (off_t)r->size));
    case IO_RENAME:
        return answer_of(renameat(root_fd, r->text, root_fd, io_request_second(r)));
    case IO_LINK:
        return answer_of(linkat(root_fd, r->text, root_fd, io_request_second(r), 0));
    case IO_UNLINK: return answer_of(unlinkat(root_fd, r->text, 0));
    case IO_DIR_MAKE: return answer_of(mkdirat(root_fd, r->text, DIR_MODE));
    case IO_DIR_SYNC: return dir_sync(root_fd, r->text);
    case IO_SIZE:
    case IO_RESOLVE: break;
    }
    UNREACHABLE();
}

static int64_t resolve_error(int code)
{
    switch (code) {
    case EAI_NONAME:
    case EAI_NODATA: return -ENOENT;
    case EAI_AGAIN: return -EAGAIN;
    case EAI_MEMORY: return -ENOMEM;
    case EAI_SYSTEM: return errno > 0 ? -errno : -EIO;
    default: return -EIO;
    }
}

/* The first IPv4 address, else the first IPv6 one, so that every node resolves a name that has both
 * the same way. */
static bool resolve_pick(const struct addrinfo *list, struct env_addr *addr)
{
    addr->family = 0;
    for (const struct addrinfo *i = list; i != NULL && addr->family != 4; i = i->ai_next) {
        if (i->ai_family == AF_INET) {
            const struct sockaddr_in *v4 = (const void *)i->ai_addr;
            memset(addr->ip, 0, sizeof addr->ip);
            memcpy(addr->ip, &v4->sin_addr, 4);
            addr->family = 4;
        } else if (i->ai_family == AF_INET6 && addr->family == 0) {
            const struct sockaddr_in6 *v6 = (const void *)i->ai_addr;
            memcpy(addr->ip, &v6->sin6_addr, 16);
            addr->family = 6;
        }
    }
    return addr->family != 0;
}

static int64_t resolve(const struct io_request *r)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list = NULL;
    int code = getaddrinfo(r->text, NULL, &hints, &list);
    if (code != 0) return resolve_error(code);
    struct env_addr addr = {.port = r->port};
    bool found = resolve_pick(list, &addr);
    freeaddrinfo(list);
    if (!found) return -ENOENT;
    *(struct env_addr *)r->data = addr;
    return 0;
}

void io_request_run(struct io_request *r, int root_fd)
{
    if (r->kind == IO_RESOLVE) {
        r->result = resolve(r);
        return;
    }
    while (!io_request_advance(r, call(r, root_fd))) continue;
}
