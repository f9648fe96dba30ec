/* The file calls of the table: each fills the request that lives in the caller's env_op and queues
 * it for the next poll. Nothing is allocated but a copy of the path, which only rare operations
 * have. */
#include "io/io_int.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void finish(struct io_env *e, struct io_request *r, int64_t result)
{
    r->result = result;
    list_push_back(&e->finished, &r->link);
}

/* Books a new operation. NULL: after a shutdown; op is going to complete with -ECANCELED. */
static struct io_request *start(struct env *env, struct env_op *op, enum io_kind kind)
{
    struct io_env *e = (struct io_env *)env;
    struct io_request *r = (struct io_request *)(void *)op->backend;
    ASSERT(op->on_done != NULL);
    e->pending++;
    *r = (struct io_request){.kind = (uint8_t)kind, .file = -1};
    list_init(&r->link);
    if (!e->shut_down) return r;
    finish(e, r, -ECANCELED);
    return NULL;
}

static void queue(struct env *env, struct io_request *r)
{
    list_push_back(&((struct io_env *)env)->requests, &r->link);
}

/* Copies one or two strings into one allocation, as struct io_request has them. */
static bool text_copy(struct env *env, struct io_request *r, const char *first, const char *second)
{
    size_t first_size = strlen(first) + 1;
    size_t second_size = second == NULL ? 0 : strlen(second) + 1;
    r->text = malloc(first_size + second_size);
    if (r->text == NULL) {
        finish((struct io_env *)env, r, -ENOMEM);
        return false;
    }
    memcpy(r->text, first, first_size);
    if (second != NULL) memcpy(r->text + first_size, second, second_size);
    return true;
}

static void path_start(struct env *env, enum io_kind kind, const char *from, const char *to,
                       struct env_op *op)
{
    ASSERT(from[0] != 0 && from[0] != '/'); /* inside the root */
    struct io_request *r = start(env, op, kind);
    if (r != NULL && text_copy(env, r, from, to)) queue(env, r);
}

void io_file_open(struct env *env, const char *path, unsigned flags, struct env_op *op)
{
    ASSERT(path[0] != 0 && path[0] != '/');
    struct io_request *r = start(env, op, IO_OPEN);
    if (r == NULL) return;
    r->flags = flags;
    if (text_copy(env, r, path, NULL)) queue(env, r);
}

/* Every call on a handle comes through here: one that is not open is a programmer's mistake. */
static struct io_request *file_start(struct env *env, enum io_kind kind, env_file file,
                                     struct env_op *op)
{
    ASSERT(io_file_is_open((struct io_env *)env, file));
    struct io_request *r = start(env, op, kind);
    if (r != NULL) r->file = file;
    return r;
}

void io_file_close(struct env *env, env_file file, struct env_op *op)
{
    struct io_request *r = file_start(env, IO_CLOSE, file, op);
    if (r == NULL) return;
    io_file_note_closed((struct io_env *)env, file);
    queue(env, r);
}

static void transfer_start(struct env *env, enum io_kind kind, env_file file, void *data,
                           size_t size, uint64_t offset, struct env_op *op)
{
    ASSERT(data != NULL || size == 0);
    ASSERT(offset <= INT64_MAX - size);
    struct io_request *r = file_start(env, kind, file, op);
    if (r == NULL) return;
    r->data = data;
    r->size = size;
    r->offset = offset;
    if (size == 0) finish((struct io_env *)env, r, 0);
    else queue(env, r);
}

void io_file_read(struct env *env, env_file file, void *data, size_t size, uint64_t offset,
                  struct env_op *op)
{
    transfer_start(env, IO_READ, file, data, size, offset, op);
}

void io_file_write(struct env *env, env_file file, const void *data, size_t size, uint64_t offset,
                   struct env_op *op)
{
    transfer_start(env, IO_WRITE, file, (void *)(uintptr_t)data, size, offset, op);
}

void io_file_sync(struct env *env, env_file file, struct env_op *op)
{
    struct io_request *r = file_start(env, IO_SYNC, file, op);
    if (r != NULL) queue(env, r);
}

/* The inode of an open file is in memory: asking for its size does not wait. */
void io_file_size(struct env *env, env_file file, struct env_op *op)
{
    struct io_request *r = file_start(env, IO_SIZE, file, op);
    if (r == NULL) return;
    struct stat st;
    finish((struct io_env *)env, r, fstat(file, &st) < 0 ? -errno : st.st_size);
}

void io_file_truncate(struct env *env, env_file file, uint64_t size, struct env_op *op)
{
    ASSERT(size <= INT64_MAX);
    struct io_request *r = file_start(env, IO_TRUNCATE, file, op);
    if (r == NULL) return;
    r->size = size;
    queue(env, r);
}

void io_path_rename(struct env *env, const char *from, const char *to, struct env_op *op)
{
    path_start(env, IO_RENAME, from, to, op);
}

void io_path_link(struct env *env, const char *from, const char *to, struct env_op *op)
{
    path_start(env, IO_LINK, from, to, op);
}

void io_path_unlink(struct env *env, const char *path, struct env_op *op)
{
    path_start(env, IO_UNLINK, path, NULL, op);
}

void io_dir_make(struct env *env, const char *path, struct env_op *op)
{
    path_start(env, IO_DIR_MAKE, path, NULL, op);
}

void io_dir_sync(struct env *env, const char *path, struct env_op *op)
{
    path_start(env, IO_DIR_SYNC, path, NULL, op);
}

void io_resolve(struct env *env, const char *host, uint16_t port, struct env_addr *addr_out,
                struct env_op *op)
{
    struct io_request *r = start(env, op, IO_RESOLVE);
    if (r == NULL) return;
    r->data = addr_out;
    r->port = port;
    if (text_copy(env, r, host, NULL)) queue(env, r);
}

/* ---- listing, at start-up only ---- */

struct names {
    char **items;
    size_t count, capacity;
};

static enum status names_add(struct names *n, const char *name)
{
    if (n->count == IO_DIR_ENTRIES_MAX) return STATUS_TOO_LARGE;
    if (n->count == n->capacity) {
        size_t capacity = n->capacity * 2 + 64;
        char **grown = realloc(n->items, capacity * sizeof *grown);
        if (grown == NULL) return STATUS_NO_MEMORY;
        n->items = grown;
        n->capacity = capacity;
    }
    n->items[n->count] = strdup(name);
    if (n->items[n->count] == NULL) return STATUS_NO_MEMORY;
    n->count++;
    return STATUS_OK;
}

static int names_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum status names_read(struct names *n, DIR *dir)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) return errno == 0 ? STATUS_OK : STATUS_IO;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
        enum status status = names_add(n, entry->d_name);
        if (status != STATUS_OK) return status;
    }
}

static enum status names_visit(const struct names *n, int dir_fd,
                               const struct env_dir_visitor *visitor)
{
    for (size_t i = 0; i < n->count; i++) {
        struct stat st;
        if (fstatat(dir_fd, n->items[i], &st, 0) < 0) {
            if (errno == ENOENT) continue; /* gone since it was read, or a dangling link */
            return STATUS_IO;
        }
        bool is_directory = S_ISDIR(st.st_mode);
        visitor->visit(visitor->ctx, n->items[i], is_directory,
                       is_directory ? 0 : (uint64_t)st.st_size);
    }
    return STATUS_OK;
}

enum status io_dir_list(struct env *env, const char *path, const struct env_dir_visitor *visitor)
{
    const struct io_env *e = (const struct io_env *)env;
    if (e->shut_down) return STATUS_CANCELLED;
    int fd = openat(e->root_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? STATUS_NOT_FOUND : STATUS_IO;
    DIR *dir = fdopendir(fd);
    if (dir == NULL) {
        close(fd);
        return STATUS_IO;
    }
    struct names names = {0};
    enum status status = names_read(&names, dir);
    if (status == STATUS_OK) {
        if (names.count > 0) qsort(names.items, names.count, sizeof(char *), names_compare);
        status = names_visit(&names, fd, visitor);
    }
    for (size_t i = 0; i < names.count; i++) free(names.items[i]);
    free(names.items);
    closedir(dir);
    return status;
}
