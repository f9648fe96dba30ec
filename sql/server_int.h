/* Private to the SQL port: one connection and the server, as server*.c share them.
 *   server.c        the server, sockets, limits     server_start.c  start-up packets, cancel requests
 *   server_serve.c  messages, one after the other    server_sink.c   results out, COPY in
 *   server_options.c  settings given as a command line
 *   server_batch.c  what came before a Sync, again after a conflict */
#ifndef OSTRAKA_SQL_SERVER_INT_H
#define OSTRAKA_SQL_SERVER_INT_H

#include "base/arena.h"
#include "base/assert.h"
#include "base/list.h"
#include "sql/activity.h"
#include "sql/extended.h"
#include "sql/idempotency_sweep.h"
#include "sql/pgwire.h"
#include "sql/reclaim.h"
#include "sql/server.h"
#include "sql/session.h"

#define SERVER_INPUT_PAUSE_BYTES (1u << 20)   /* beyond, while busy, the client has to wait */
#define SERVER_OUTPUT_FLUSH_BYTES (128u << 10)
#define SERVER_BATCH_BYTES_MAX (64u << 10) /* of messages; a longer batch is not run again */
#define SERVER_PATIENCE_NS 10000000000u /* for a start-up packet, and for the last reply to be taken */
#define SERVER_KEEP_BYTES (64u << 10)   /* of an empty buffer: larger ones are given back */

enum connection_state { CONNECTION_STARTUP, CONNECTION_READY, CONNECTION_CLOSING };

struct connection {
    struct list link;
    struct sql_server *server;
    struct env_socket *socket;   /* NULL once closed */
    enum connection_state state;
    int32_t pid;                 /* of its session */
    char client_address[ENV_ADDR_TEXT_MAX];
    uint32_t cancel_key;
    struct buf in, out, flying;  /* flying: handed to the kernel */
    uint64_t handed_over;        /* bytes of output so far */
    size_t in_start;             /* bytes of `in` that are done with */
    size_t accounted;            /* of server.buffered_bytes */
    size_t discard;              /* bytes of an oversized message still to be passed over */
    bool sending, paused, busy, skip_to_sync, close_after_send;
    bool terminated;             /* pg_terminate_backend: ends with what is under way */
    bool interrupted;            /* the statement under way waits for the client no more */
    bool committed;              /* it does: what it has to tell is so, and only the client's going ends it */
    struct timer timer;          /* start-up, the end, or the deadline of a wait for the client or for its next message */
    uint64_t ready_ns;           /* when it was told that it may send; 0: something is under way */
    struct fiber *waiting;       /* the connection's fiber, when it waits for the client */
    struct sql_session *session;
    struct arena arena;          /* of one message */
    size_t consume;              /* bytes of the input that the message under way takes */
    uint32_t row_columns, type_capacity, unknown_options;
    uint32_t *types;             /* of the result under way */
    struct extended extended;
    struct buf batch;            /* the messages since the last Sync */
    bool batch_open;             /* some came */
    bool batch_whole;            /* all of them are there, and began outside of a transaction */
    struct reader startup_reader; /* the start-up packet's parameters, while it is handled */
};

struct sql_server {
    struct sql_server_options options;
    struct env_listener *listener;
    uint16_t port;
    struct kv *kv;
    struct fiber_pool *fibers;
    struct timer_heap *timers;   /* NULL until attached */
    struct sql_reclaimer *reclaimer; /* NULL until attached */
    struct idempotency_sweeper *sweeper; /* NULL until attached */
    struct idempotency idempotency;
    struct list connections;
    struct sql_activity *activity;
    uint64_t buffered_bytes;     /* of all connections: input not worked off, output not taken */
    bool draining, stopping;
    struct sql_server_metrics metrics;
};

/* ---- server.c ---- */

void connection_flush(struct connection *c);
/* The client is gone, or will be. */
bool connection_gone(const struct connection *c);
void connection_put_error(struct connection *c, const struct sql_error *error);
/* Says why and closes once that is sent. detail may be NULL. */
void connection_end(struct connection *c, const char *sqlstate, const char *message, const char *detail);
/* The client has said that it goes: what it asked for before is still sent. */
void connection_leave(struct connection *c);
void connection_free(struct connection *c);
/* Ends the statement under way, if any; terminate: and the session. */
void connection_signal(void *connection, bool terminate);
/* Looks at what the client has sent. */
void connection_work(struct connection *c);
void connection_wake(struct connection *c);
/* Counts what the connection's buffers hold, and gives back what they held. */
void connection_account(struct connection *c);
struct bytes connection_input(const struct connection *c);
/* The client may think, for as long as its settings say. */
void connection_idle(struct connection *c);
void connection_consume(struct connection *c, size_t size);

/* ---- server_options.c ---- */

/* Sets what the start-up parameter "options" asks for. False with *error set. */
MUST_USE bool connection_set_options(struct connection *c, const char *text, struct sql_error *error);

/* ---- server_sink.c ---- */

struct sql_sink connection_sink(struct connection *c);
/* Suspends the connection's fiber until the socket reports something, or its statement is over. */
void connection_wait(struct connection *c);
/* Sends when enough has gathered, and waits while the client is slow; false: it is not worth going on. */
bool connection_flush_when_full(struct connection *c);
void connection_put_ready(struct connection *c);
void connection_put_parameter(struct connection *c, const char *name, const char *value);

/* ---- server_serve.c ---- */

/* [fiber] Works through everything that is there; may free the connection. */
void connection_serve(void *arg);

/* ---- server_batch.c ---- */

/* Before a message of the extended protocol, at the front of the input, is handled. */
void connection_batch_add(struct connection *c, const struct pgwire_message *m);
/* After a Sync, or anything that ends a batch as one does. */
void connection_batch_end(struct connection *c);
/* Nothing is sent yet: the batch may have to be run again. */
bool connection_holds_back(const struct connection *c);
/* [fiber] After an error of a batch, or (sync) of the Sync behind it: runs it again if that may help and nobody has seen
 * anything. True: all went well now; else *error is what came of it. */
bool connection_batch_again(struct connection *c, bool sync, struct sql_error *error);

/* ---- server_start.c ---- */

void connection_start(struct connection *c);

#endif
