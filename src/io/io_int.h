/* What the two production backends share. A call of the environment's table only records what is
 * wanted, in the caller's env_op or in the socket, and puts it on a list; the backend's poll turns
 * lists into system calls. So nothing can complete inside the call that started it (ENV-1), a start
 * cannot fail, and one poll submits everything at once.
 *
 *   table call ----> requests, dirty sockets ----> poll: ring or threads, send, recv, accept
 *                                                        |
 *   on_done, on_received, ... <---- finished list <------+
 */
#ifndef OSTRAKA_IO_IO_INT_H
#define OSTRAKA_IO_IO_INT_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "base/assert.h"
#include "base/buf.h"
#include "base/list.h"
#include "io/backends.h"
#include "io/env.h"

#define IO_OPERATIONS_DEFAULT 4096
#define IO_FILE_WORKERS_MAX 4
#define IO_RESOLVERS_MAX 1 /* a name server that does not answer must not hold up files */
/* One transfer of the kernel is at most 0x7ffff000 bytes; larger ones are cut, aligned for
 * O_DIRECT. */
#define IO_CHUNK_BYTES_MAX ((uint64_t)1 << 30)
#define IO_ACCEPT_RETRY_NS ((uint64_t)100 * 1000 * 1000)
#define IO_LISTEN_BACKLOG 1024
#define IO_DIR_ENTRIES_MAX ((size_t)1 << 20)
#define IO_NEVER UINT64_MAX

/* Makes `into`, uninitialised until now, the head of all items of `from`, which is empty after. */
static inline void io_list_take(struct list *from, struct list *into)
{
    list_init(into);
    list_insert_before(from->next, into);
    list_remove(from);
}

/* ---- requests: struct env_op as this backend sees it ---- */

enum io_kind {
    IO_OPEN = 1,
    IO_CLOSE,
    IO_READ,
    IO_WRITE,
    IO_SYNC,
    IO_SIZE,
    IO_TRUNCATE,
    IO_RENAME,
    IO_LINK,
    IO_UNLINK,
    IO_DIR_MAKE,
    IO_DIR_SYNC,
    IO_RESOLVE,
};

struct io_request {
    struct list link;
    uint8_t kind;
    bool insist;         /* the kernel answered -EAGAIN: do not ask for the quick path again */
    uint16_t port;       /* IO_RESOLVE */
    int32_t file;
    unsigned flags;      /* IO_OPEN: enum env_open_flags */
    char *text;          /* owned: path, host, or two paths one behind the other's NUL */
    void *data;          /* borrowed: buffer, or the struct env_addr of IO_RESOLVE */
    uint64_t size, offset, done; /* done: bytes transferred so far */
    int64_t result;
};
_Static_assert(sizeof(struct io_request) <= sizeof(((struct env_op *)0)->backend),
               "a request must fit into its operation");

static inline struct env_op *io_request_op(struct io_request *r)
{
    return CONTAINER_OF(r, struct env_op, backend);
}
/* The second of two paths. */
static inline const char *io_request_second(const struct io_request *r)
{
    return r->text + strlen(r->text) + 1;
}

/* open(2) flags for enum env_open_flags. */
int io_open_flags(unsigned flags);
/* Takes what one system call answered. True: r->result is final. False: the rest, or the same
 * again, is to be asked for (ENV-3). */
bool io_request_advance(struct io_request *r, int64_t answer);
/* Runs a request to its end with waiting system calls; on a worker thread. */
void io_request_run(struct io_request *r, int root_fd);

/* ---- wake-up ---- */

/* An eventfd written at most once between two polls. */
struct io_wake {
    int fd;
    atomic_bool pending;
};

MUST_USE enum status io_wake_init(struct io_wake *w, int eventfd_flags);
void io_wake_deinit(struct io_wake *w);
/* Any thread. */
void io_wake_send(struct io_wake *w);
/* The polling thread, once it has seen the eventfd: what was written before a send is visible
 * after. */
void io_wake_seen(struct io_wake *w);

/* ---- worker threads (worker.c) ---- */

struct io_workers;

/* Threads start when there is work for them, at most thread_max. NULL: no memory. `wake` is
 * borrowed and sent after each completion. */
struct io_workers *io_workers_create(unsigned thread_max, int root_fd, struct io_wake *wake);
/* No request may be left. */
void io_workers_destroy(struct io_workers *w);
/* Takes every request of the list, in order. */
void io_workers_submit(struct io_workers *w, struct list *requests);
/* Appends the requests that are done to `into`. */
void io_workers_collect(struct io_workers *w, struct list *into);
/* Appends the requests that no thread has begun to `into`. */
void io_workers_cancel(struct io_workers *w, struct list *into);

/* ---- sockets ---- */

struct env_socket {
    struct list link;  /* io_env.sockets */
    struct list dirty; /* io_env.dirty: wants a turn in the next poll */
    const struct env_socket_handler *handler; /* NULL: accepted and not taken */
    void *ctx;
    int fd;
    bool connecting, started; /* started: connect(2) is under way */
    bool receive_enabled;
    bool closing;             /* on_closed(close_reason) follows; no other callback does */
    enum status close_reason;
    const uint8_t *send_data;
    size_t send_size, send_done; /* send_size > 0: a send is in flight */
    struct env_addr peer;
    struct sockaddr_storage address;
    socklen_t address_size;

    struct { /* epoll: what edges have told, until a call says otherwise */
        bool registered, readable, writable, hung_up;
    } edge;
    struct { /* io_uring: what the kernel holds */
        bool connect, send, receive; /* a completion is outstanding */
        bool multishot;              /* ... of a multishot receive */
        bool receive_cancelled;      /* its cancellation was submitted */
        bool cancelled;              /* cancellations for the close were submitted */
        bool ended;                  /* the stream has ended, with end_reason, after held */
        enum status end_reason;
        uint8_t *buffer;             /* for receives without provided buffers; else NULL */
        struct buf held;             /* bytes that arrived while reception was disabled */
    } ring;
};

struct env_listener {
    struct list link; /* io_env.listeners */
    const struct env_listener_handler *handler;
    void *ctx;
    int fd;
    bool armed;   /* known to epoll; or an accept is in the ring */
    bool readable;/* epoll */
    bool stalled; /* out of descriptors: waits for io_env.accept_retry_ns */
    bool closing, cancelled;
};

/* ---- the environment ---- */

struct io_env {
    struct env base;
    int root_fd;
    int socket_flags;       /* SOCK_NONBLOCK for epoll; the ring wants waiting sockets */
    unsigned operation_max;
    bool shut_down, polling;
    pthread_t owner;
    size_t pending;         /* operations started and not completed */
    size_t socket_count;
    struct list requests;   /* started, not yet submitted */
    struct list finished;   /* have their result, on_done in the next poll */
    struct list sockets, dirty, listeners;
    bool listeners_dirty;
    uint64_t accept_retry_ns; /* IO_NEVER: no listener is stalled */
    struct busy_poll *busy_poll; /* NULL: never */
    bool defers; /* to who runs, as long as its waits look (common.c) */
    struct io_wake wake;
    struct io_workers *files, *resolvers;
    uint8_t *open_files;    /* enum io_file_mark by descriptor: what env_destroy has to close */
    size_t open_size;
    uint64_t random[32];
    size_t random_left;
};

MUST_USE enum status io_env_init(struct io_env *e, const struct env_table *table,
                                 const struct env_options *options, int socket_flags,
                                 int eventfd_flags);
/* Everything must have completed; open files are closed. */
void io_env_deinit(struct io_env *e);

uint64_t io_now_ns(struct env *env);
/* Opens and closes a poll: asserts ENV-6 and that polls do not nest. */
void io_poll_begin(struct io_env *e);
void io_poll_end(struct io_env *e);
/* Nanoseconds until the deadline or the next accept retry; IO_NEVER: none; 0: passed. */
uint64_t io_poll_timeout_ns(struct io_env *e, uint64_t deadline_ns);
/* Waits for timeout_ns (IO_NEVER: for ever; 0: not at all), or less: until look, which takes what is there without waiting and
 * says whether there was anything, or sleep, which waits for it, had something. */
void io_wait(struct io_env *e, uint64_t timeout_ns, bool (*look)(struct io_env *e),
             void (*sleep_for)(struct io_env *e, uint64_t timeout_ns));
/* The open files. A close leaves them when it starts, so that a later use asserts. */
enum io_file_mark { IO_FILE_OPEN = 1, IO_FILE_SYNCS = 2 /* every write of it, ENV_OPEN_DSYNC */ };
void io_file_note_open(struct io_env *e, int fd, unsigned flags);
void io_file_note_closed(struct io_env *e, int fd);
bool io_file_is_open(const struct io_env *e, int fd);
bool io_file_syncs(const struct io_env *e, int fd);
/* Ends r with r->result, or -ECANCELED after a shutdown, and calls on_done. Only from poll. */
void io_complete(struct io_env *e, struct io_request *r);
/* Completes what is on the finished list now; what callbacks add waits for the next poll. */
void io_complete_finished(struct io_env *e);
/* Hands a request to the threads that may run it. */
void io_request_delegate(struct io_env *e, struct io_request *r, struct list *files,
                         struct list *resolves);
/* Makes every listener that ran out of descriptors try again when the time has come. */
void io_listeners_retry(struct io_env *e);
void io_listener_stall(struct io_env *e, struct env_listener *l, int error);

/* Sockets: socket.c. */
struct env_socket *io_socket_create(struct io_env *e, int fd);
/* Closes the descriptor and frees. */
void io_socket_destroy(struct io_env *e, struct env_socket *s);
void io_socket_mark(struct io_env *e, struct env_socket *s);
/* The stream is over: nothing but on_closed(reason) follows. The first reason stays. */
void io_socket_end(struct io_env *e, struct env_socket *s, enum status reason);
/* Calls on_closed and destroys. */
void io_socket_finish(struct io_env *e, struct env_socket *s);
/* A new descriptor from accept: shows it to the handler, keeps or closes it. */
void io_socket_accepted(struct io_env *e, struct env_listener *l, int fd);
void io_socket_connected(struct env_socket *s);
/* `sent` more bytes were taken; true when that was all, and on_sent was called. */
bool io_socket_sent(struct env_socket *s, size_t sent);
enum status io_socket_status(int error);
void io_listener_destroy(struct env_listener *l);

/* The entries of the table that both backends share. */
void io_shutdown(struct env *env);
uint64_t io_wall_ns(struct env *env);
bool io_idle(struct env *env);
uint64_t io_random_u64(struct env *env);
void io_wake(struct env *env);
void io_file_open(struct env *env, const char *path, unsigned flags, struct env_op *op);
void io_file_close(struct env *env, env_file file, struct env_op *op);
void io_file_read(struct env *env, env_file file, void *data, size_t size, uint64_t offset,
                  struct env_op *op);
void io_file_write(struct env *env, env_file file, const void *data, size_t size, uint64_t offset,
                   struct env_op *op);
void io_file_sync(struct env *env, env_file file, struct env_op *op);
void io_file_size(struct env *env, env_file file, struct env_op *op);
void io_file_truncate(struct env *env, env_file file, uint64_t size, struct env_op *op);
void io_path_rename(struct env *env, const char *from, const char *to, struct env_op *op);
void io_path_link(struct env *env, const char *from, const char *to, struct env_op *op);
void io_path_unlink(struct env *env, const char *path, struct env_op *op);
void io_dir_make(struct env *env, const char *path, struct env_op *op);
void io_dir_sync(struct env *env, const char *path, struct env_op *op);
enum status io_dir_list(struct env *env, const char *path, const struct env_dir_visitor *visitor);
enum status io_listen(struct env *env, const struct env_addr *addr,
                      const struct env_listener_handler *handler, void *ctx,
                      struct env_listener **listener_out, uint16_t *port_out);
void io_listener_close(struct env *env, struct env_listener *l);
enum status io_connect(struct env *env, const struct env_addr *addr,
                       const struct env_socket_handler *handler, void *ctx,
                       struct env_socket **socket_out);
void io_socket_attach(struct env *env, struct env_socket *s,
                      const struct env_socket_handler *handler, void *ctx);
void io_send(struct env *env, struct env_socket *s, const void *data, size_t size);
void io_receive_enable(struct env *env, struct env_socket *s, bool enabled);
void io_close(struct env *env, struct env_socket *s);
void io_resolve(struct env *env, const char *host, uint16_t port, struct env_addr *addr_out,
                struct env_op *op);

#define IO_TABLE_SHARED                                                                        \
    .shutdown = io_shutdown, .idle = io_idle, .now_ns = io_now_ns, .wall_ns = io_wall_ns,      \
    .random_u64 = io_random_u64, .wake = io_wake, .file_open = io_file_open,                   \
    .file_close = io_file_close, .file_read = io_file_read, .file_write = io_file_write,       \
    .file_sync = io_file_sync, .file_size = io_file_size, .file_truncate = io_file_truncate,   \
    .path_rename = io_path_rename, .path_link = io_path_link, .path_unlink = io_path_unlink,   \
    .dir_make = io_dir_make, .dir_sync = io_dir_sync, .dir_list = io_dir_list,                 \
    .listen = io_listen, .listener_close = io_listener_close, .connect = io_connect,           \
    .socket_attach = io_socket_attach, .send = io_send, .receive_enable = io_receive_enable,   \
    .close = io_close, .resolve = io_resolve

#endif
