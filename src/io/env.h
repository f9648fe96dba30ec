/* The environment of one core: clocks, randomness, files, sockets, wake-up and fault hooks, behind
 * one table of functions. Everything above this header is the same code in production (io_uring,
 * epoll) and in the simulator, which is a third backend (tests/sim/env).
 *
 * Rules (tested for every backend by tests/io/conformance):
 *  ENV-1  Nothing completes inside the call that started it: callbacks run only from env_poll.
 *  ENV-2  A struct env_op and its buffers belong to the environment from the call until on_done.
 *         Each started operation completes exactly once. Paths, host names and addresses are
 *         borrowed for the call only.
 *  ENV-3  Reads and writes of files complete whole (short transfers are continued, EINTR and EAGAIN
 *         are retried) or with a negative errno; a read at the end of the file completes short.
 *  ENV-4  Operations are unordered unless one is started after the other has completed.
 *  ENV-5  After env_shutdown every pending and every later operation completes with -ECANCELED and
 *         has no effect that can be told from a crash at the moment of the shutdown. Calls that
 *         answer at once (env_dir_list, env_listen, env_connect) answer STATUS_CANCELLED.
 *  ENV-6  One thread creates, uses and destroys an environment; only env_wake may be called from
 *         others.
 * Paths are relative to the environment's root directory (the node's data directory). */
#ifndef OSTRAKA_IO_ENV_H
#define OSTRAKA_IO_ENV_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/status.h"

struct env;

/* ---- asynchronous operations ---- */

struct env_op {
    /* result >= 0: bytes transferred, a handle or a size; < 0: -errno. The op may be reused at
     * once. */
    void (*on_done)(struct env_op *op, int64_t result);
    void *ctx;           /* the caller's */
    uint64_t backend[12]; /* the backend's, between start and completion */
};

/* ---- files ---- */

typedef int32_t env_file; /* a handle >= 0 */

enum env_open_flags {
    ENV_OPEN_READ = 1 << 0,
    ENV_OPEN_WRITE = 1 << 1,
    ENV_OPEN_CREATE = 1 << 2,    /* with EXCLUSIVE: -EEXIST when it exists */
    ENV_OPEN_EXCLUSIVE = 1 << 3,
    ENV_OPEN_TRUNCATE = 1 << 4,
    ENV_OPEN_DIRECT = 1 << 5,    /* O_DIRECT; -EINVAL where the file system refuses it */
    ENV_OPEN_DSYNC = 1 << 6,     /* every write is durable when it completes */
};
#define ENV_DIRECT_ALIGN 4096 /* alignment of buffers, offsets and sizes under ENV_OPEN_DIRECT */

struct env_dir_visitor {
    void (*visit)(void *ctx, const char *name, bool is_directory, uint64_t size_bytes);
    void *ctx;
};

/* ---- sockets ---- */

struct env_socket;   /* a connected or connecting stream */
struct env_listener;

/* A numeric address: family 4 or 6, ip in network order, port in host order. family 0: none. */
struct env_addr {
    uint8_t family, ip[16];
    uint16_t port;
};

/* Callbacks of one socket. After on_closed none is called again and the socket is gone. */
struct env_socket_handler {
    void (*on_connected)(void *ctx, struct env_socket *s);         /* only after env_connect */
    /* Bytes that arrived, borrowed for the call. Never empty. */
    void (*on_received)(void *ctx, struct env_socket *s, struct bytes bytes);
    /* Everything of the last env_send was taken by the kernel: its buffer is the caller's again. */
    void (*on_sent)(void *ctx, struct env_socket *s);
    /* reason: STATUS_CLOSED (the peer ended or reset the stream, or env_close), STATUS_IO (refused,
     * timed out, ...), STATUS_CANCELLED. A buffer still in flight is the caller's again. Called
     * exactly once, also after env_close. */
    void (*on_closed)(void *ctx, struct env_socket *s, enum status reason);
};
struct env_listener_handler {
    /* Take the socket by returning true after env_socket_attach; false closes it. */
    bool (*on_accepted)(void *ctx, struct env_socket *s, const struct env_addr *peer);
    /* Who connects is a node: it reads all the time, so one that takes nothing for 5 s is given up, as on
     * dialled connections. Never for clients, which may pause as long as they like. */
    bool from_nodes;
};

/* ---- faults: all NULL in production ---- */

enum env_frame_fate { ENV_FRAME_DELIVER, ENV_FRAME_DROP, ENV_FRAME_DUPLICATE };

struct env_fault_hooks {
    /* What becomes of a frame between two nodes, and by how much it is late (so frames of one link
     * may overtake each other). Asked by src/net at the receiver; payload is borrowed. */
    enum env_frame_fate (*frame_fate)(void *ctx, uint64_t from_node, uint64_t to_node, uint16_t type,
                                      struct bytes payload, uint64_t *delay_ns_out);
    /* True when the simulation wants the rare choice at a place named `name`. */
    bool (*buggify)(void *ctx, const char *name);
    void *ctx;
};

/* ---- the table ---- */

struct env_table {
    const char *name; /* "io_uring", "epoll", "sim" */
    void (*destroy)(struct env *env);
    void (*shutdown)(struct env *env);
    bool (*idle)(struct env *env);

    uint64_t (*now_ns)(struct env *env);
    uint64_t (*wall_ns)(struct env *env);
    uint64_t (*random_u64)(struct env *env);

    void (*poll)(struct env *env, uint64_t deadline_ns);
    void (*wake)(struct env *env);

    void (*file_open)(struct env *env, const char *path, unsigned flags, struct env_op *op);
    void (*file_close)(struct env *env, env_file file, struct env_op *op);
    void (*file_read)(struct env *env, env_file file, void *data, size_t size, uint64_t offset,
                      struct env_op *op);
    void (*file_write)(struct env *env, env_file file, const void *data, size_t size,
                       uint64_t offset, struct env_op *op);
    void (*file_sync)(struct env *env, env_file file, struct env_op *op);
    void (*file_size)(struct env *env, env_file file, struct env_op *op);
    void (*file_truncate)(struct env *env, env_file file, uint64_t size, struct env_op *op);
    void (*path_rename)(struct env *env, const char *from, const char *to, struct env_op *op);
    void (*path_link)(struct env *env, const char *from, const char *to, struct env_op *op);
    void (*path_unlink)(struct env *env, const char *path, struct env_op *op);
    void (*dir_make)(struct env *env, const char *path, struct env_op *op);
    void (*dir_sync)(struct env *env, const char *path, struct env_op *op);
    enum status (*dir_list)(struct env *env, const char *path,
                            const struct env_dir_visitor *visitor);

    enum status (*listen)(struct env *env, const struct env_addr *addr,
                          const struct env_listener_handler *handler, void *ctx,
                          struct env_listener **listener_out, uint16_t *port_out);
    void (*listener_close)(struct env *env, struct env_listener *listener);
    enum status (*connect)(struct env *env, const struct env_addr *addr,
                           const struct env_socket_handler *handler, void *ctx,
                           struct env_socket **socket_out);
    void (*socket_attach)(struct env *env, struct env_socket *s,
                          const struct env_socket_handler *handler, void *ctx);
    void (*send)(struct env *env, struct env_socket *s, const void *data, size_t size);
    void (*receive_enable)(struct env *env, struct env_socket *s, bool enabled);
    void (*close)(struct env *env, struct env_socket *s);
    void (*resolve)(struct env *env, const char *host, uint16_t port, struct env_addr *addr_out,
                    struct env_op *op);
};

struct env {
    const struct env_table *table;
    struct logger *logger;
    const struct env_fault_hooks *faults; /* NULL in production */
    uint64_t lately_ns; /* what env_now_ns last answered, or when the poll's wait ended; 0: in simulation, where it is now */
};

/* ---- lifecycle and time ---- */

/* Ends the environment. Every operation must have completed and every socket be closed: call
 * env_shutdown and poll until they are. Files left open are closed. */
static inline void env_destroy(struct env *e) { e->table->destroy(e); }
/* See ENV-5. Sockets are closed (on_closed with STATUS_CANCELLED) by the polls that follow. */
static inline void env_shutdown(struct env *e) { e->table->shutdown(e); }
/* True when no operation is under way and no socket is open: the environment may be destroyed. */
static inline bool env_idle(struct env *e)
{
    return e->table->idle(e);
}
/* Monotonic nanoseconds that also run while the machine sleeps (CLOCK_BOOTTIME). Never 0. */
static inline uint64_t env_now_ns(struct env *e) { return e->table->now_ns(e); }
/* The same for whoever counts from it how long something takes or may take: a reading costs 30 ns, this one nothing. Not before
 * any time that was read, and behind it by no more than the core has computed since without reading it. Not for leases. */
static inline uint64_t env_lately_ns(struct env *e) { return e->lately_ns != 0 ? e->lately_ns : env_now_ns(e); }
/* Nanoseconds since 1970, for logs and users only: no protocol rule may rest on it. */
static inline uint64_t env_wall_ns(struct env *e) { return e->table->wall_ns(e); }
static inline uint64_t env_random_u64(struct env *e) { return e->table->random_u64(e); }
/* Submits all that was started, waits until something completes, somebody wakes it or deadline_ns
 * (env_now_ns scale; in the past: does not wait; UINT64_MAX: none) and runs the callbacks. May
 * return early. Not used in simulation, where the cluster's scheduler delivers completions. */
static inline void env_poll(struct env *e, uint64_t deadline_ns) { e->table->poll(e, deadline_ns); }
/* Makes a running or the next env_poll return. Any thread. */
static inline void env_wake(struct env *e) { e->table->wake(e); }
static inline bool env_buggify(struct env *e, const char *name)
{
    return e->faults != NULL && e->faults->buggify != NULL &&
           e->faults->buggify(e->faults->ctx, name);
}

/* ---- files: result in on_done ---- */

/* -> handle. */
static inline void env_file_open(struct env *e, const char *path, unsigned flags, struct env_op *op)
{
    e->table->file_open(e, path, flags, op);
}
static inline void env_file_close(struct env *e, env_file file, struct env_op *op)
{
    e->table->file_close(e, file, op);
}
/* -> bytes read; fewer than size only at the end of the file. */
static inline void env_file_read(struct env *e, env_file file, void *data, size_t size,
                                 uint64_t offset, struct env_op *op)
{
    e->table->file_read(e, file, data, size, offset, op);
}
/* -> size. */
static inline void env_file_write(struct env *e, env_file file, const void *data, size_t size,
                                  uint64_t offset, struct env_op *op)
{
    e->table->file_write(e, file, data, size, offset, op);
}
/* fdatasync: covers the writes that completed before the call. -> 0. */
static inline void env_file_sync(struct env *e, env_file file, struct env_op *op)
{
    e->table->file_sync(e, file, op);
}
/* -> size in bytes. */
static inline void env_file_size(struct env *e, env_file file, struct env_op *op)
{
    e->table->file_size(e, file, op);
}
static inline void env_file_truncate(struct env *e, env_file file, uint64_t size, struct env_op *op)
{
    e->table->file_truncate(e, file, size, op);
}
/* Names are durable after env_dir_sync of their directory, not before. */
static inline void env_path_rename(struct env *e, const char *from, const char *to,
                                   struct env_op *op)
{
    e->table->path_rename(e, from, to, op);
}
static inline void env_path_link(struct env *e, const char *from, const char *to, struct env_op *op)
{
    e->table->path_link(e, from, to, op);
}
static inline void env_path_unlink(struct env *e, const char *path, struct env_op *op)
{
    e->table->path_unlink(e, path, op);
}
/* -> 0; an existing directory is fine. */
static inline void env_dir_make(struct env *e, const char *path, struct env_op *op)
{
    e->table->dir_make(e, path, op);
}
static inline void env_dir_sync(struct env *e, const char *path, struct env_op *op)
{
    e->table->dir_sync(e, path, op);
}
/* Visits the entries in name order, without "." and "..". Waits: for start-up only. */
MUST_USE static inline enum status env_dir_list(struct env *e, const char *path,
                                                const struct env_dir_visitor *visitor)
{
    return e->table->dir_list(e, path, visitor);
}

/* ---- sockets ---- */

/* Port 0 picks a free one; *port_out is the port in use. STATUS_BUSY: in use; STATUS_INVALID: no
 * address; STATUS_IO: else. A listener is its owner's to close, also after a shutdown. */
MUST_USE static inline enum status env_listen(struct env *e, const struct env_addr *addr,
                                              const struct env_listener_handler *handler, void *ctx,
                                              struct env_listener **listener_out,
                                              uint16_t *port_out)
{
    return e->table->listen(e, addr, handler, ctx, listener_out, port_out);
}
static inline void env_listener_close(struct env *e, struct env_listener *l)
{
    e->table->listener_close(e, l);
}
/* Ends in on_connected or on_closed; reception is enabled. STATUS_BUSY: as many sockets as there
 * may be; STATUS_INVALID: no address; STATUS_IO, STATUS_NO_MEMORY. */
MUST_USE static inline enum status env_connect(struct env *e, const struct env_addr *addr,
                                               const struct env_socket_handler *handler, void *ctx,
                                               struct env_socket **socket_out)
{
    return e->table->connect(e, addr, handler, ctx, socket_out);
}
/* Gives an accepted socket its handler; reception is enabled. Call inside on_accepted. */
static inline void env_socket_attach(struct env *e, struct env_socket *s,
                                     const struct env_socket_handler *handler, void *ctx)
{
    e->table->socket_attach(e, s, handler, ctx);
}
/* Sends all of it, then calls on_sent. At most one send in flight per socket (asserted); the buffer
 * is the environment's until on_sent or on_closed. size > 0. On a socket that still connects it
 * waits for that; on one that has ended nothing is sent and on_closed follows. */
static inline void env_send(struct env *e, struct env_socket *s, const void *data, size_t size)
{
    e->table->send(e, s, data, size);
}
/* Back-pressure: while disabled no on_received is called (beyond one already under way), and the
 * end of the stream, which comes after the bytes before it, may not be reported either. */
static inline void env_receive_enable(struct env *e, struct env_socket *s, bool enabled)
{
    e->table->receive_enable(e, s, enabled);
}
/* Drops what was not sent; on_closed follows from a later poll. Idempotent until then. */
static inline void env_close(struct env *e, struct env_socket *s)
{
    e->table->close(e, s);
}
/* Host name or numeric address -> *addr_out (borrowed until done); result 0 or -errno (-ENOENT: no
 * such host). Runs on a helper thread. */
static inline void env_resolve(struct env *e, const char *host, uint16_t port,
                               struct env_addr *addr_out, struct env_op *op)
{
    e->table->resolve(e, host, port, addr_out, op);
}

/* ---- addresses (src/io/addr.c) ---- */

/* "127.0.0.1:7433", "[::1]:7433" -> address; numeric only. STATUS_INVALID. */
MUST_USE enum status env_addr_parse(struct bytes text, struct env_addr *addr_out);
#define ENV_ADDR_TEXT_MAX 64
void env_addr_format(const struct env_addr *addr, char text[ENV_ADDR_TEXT_MAX]);
bool env_addr_equal(const struct env_addr *a, const struct env_addr *b);
bool env_addr_is_loopback(const struct env_addr *a);

#endif
