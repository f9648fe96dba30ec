/* What the files of the simulated environment share. */
#ifndef OSTRAKA_TESTS_SIM_ENV_SIM_INT_H
#define OSTRAKA_TESTS_SIM_ENV_SIM_INT_H

#include "base/assert.h"
#include "base/list.h"
#include "base/prng.h"
#include "tests/sim/env/sim.h"

/* ---- events ---- */

enum sim_event_kind {
    SIM_EVENT_CALL = 1,  /* sim_call_after */
    SIM_EVENT_TURN,
    SIM_EVENT_DEADLINE,
    SIM_EVENT_FILE,      /* a file operation takes effect and completes */
    SIM_EVENT_RESOLVE,
    SIM_EVENT_WIRE,      /* the first segment of a wire arrives */
    SIM_EVENT_RESET,     /* a wire was stalled for too long */
    SIM_EVENT_ACCEPT,
    SIM_EVENT_CONNECTED,
    SIM_EVENT_RECEIVED,
    SIM_EVENT_SENT,
    SIM_EVENT_CLOSED,
    SIM_EVENT_KIND_COUNT
};

struct sim_env;

/* Intrusive; ordered by (time, order of arming). An event with an environment is delivered to it:
 * it waits while that is busy or paused, and causes a turn. */
struct sim_event {
    uint64_t time_ns, order;
    size_t heap_index; /* 0: not in the queue; else 1 + place */
    struct list held;  /* linked while its environment is paused */
    enum sim_event_kind kind;
    struct sim_env *env;
    uint64_t subject; /* what it is about, for the trace hash: never a pointer */
    void (*fire)(struct sim *sim, struct sim_event *event);
};

/* ---- machines ---- */

struct sim_clock {
    uint64_t base_virtual_ns, base_clock_ns;
    int32_t drift_ppm;
    bool frozen;
    int64_t wall_offset_ns;
};

struct sim_node {
    struct sim *sim;
    uint64_t id; /* 0: not in use */
    struct list envs;
    struct sim_clock clock;
    struct sim_disk *disk;
    uint32_t cpu_factor;
    uint16_t next_port;
    uint32_t incarnation; /* counts the processes */
    bool paused, halted;  /* halted: stands still at a crash point */
    bool dark;            /* lost power, not back yet */
    bool crashed;         /* since the last sim_env_create */
};

struct sim_link {
    bool cut;
    uint64_t clog_until_ns, busy_until_ns, extra_ns;
    uint32_t loss_ppm, duplicate_ppm, delay_ppm;
};

/* ---- the simulation ---- */

struct sim {
    struct sim_options options;
    struct prng prng;
    uint64_t now_ns, next_order, event_count, trace_hash;
    uint64_t next_stream, next_process;
    struct sim_event **heap;
    size_t heap_count, heap_capacity;
    uint64_t faults[SIM_FAULT_COUNT];
    struct sim_node nodes[SIM_NODE_MAX + 1];
    struct sim_link *links; /* [from * (SIM_NODE_MAX + 1) + to] */
    struct list streams, listeners, calls, free_ops;
    struct env_table table;
    struct env_fault_hooks hooks;
    bool (*watch)(void *ctx, struct sim_frame *frame); /* NULL: nobody does */
    void *watch_ctx;
    uint64_t buggify_seed;
    bool destroying;
};

void *sim_alloc(size_t size);
/* sim_call_after whose ctx is malloced: freed by the call, or when the call is dropped. */
void sim_call_owned(struct sim *sim, uint64_t delay_ns, void (*call)(void *ctx), void *ctx);
void sim_arm(struct sim *sim, struct sim_event *event, uint64_t time_ns);
/* Takes an event out of the queue or off a paused environment; fine when it is in neither. */
void sim_disarm(struct sim *sim, struct sim_event *event);
void sim_event_init(struct sim_event *event, enum sim_event_kind kind, struct sim_env *env,
                    uint64_t subject, void (*fire)(struct sim *, struct sim_event *));
static inline bool sim_armed(const struct sim_event *event)
{
    return event->heap_index != 0 || !list_empty(&event->held);
}
void sim_trace_mix_bytes(struct sim *sim, const void *data, size_t size);
/* At or after low, before high; low when they are equal. */
uint64_t sim_between(struct sim *sim, uint64_t low, uint64_t high);

struct sim_node *sim_node_of(struct sim *sim, uint64_t node);
/* A link of the pair, or NULL when one of them is no machine. */
struct sim_link *sim_link_of(struct sim *sim, uint64_t from, uint64_t to);
uint64_t sim_clock_read(const struct sim_node *node);
/* The first virtual time at which the clock shows that, or UINT64_MAX. */
uint64_t sim_clock_when(const struct sim_node *node, uint64_t clock_ns);
void sim_node_deinit(struct sim_node *node);

/* ---- environments ---- */

struct sim_handle {
    struct sim_inode *inode; /* NULL: free */
    unsigned flags;
};

struct sim_env {
    struct env env;
    struct sim *sim;
    struct sim_node *node;
    struct list node_link;
    uint64_t process; /* unique, in order of creation */
    struct prng prng;
    void (*on_turn)(void *ctx);
    void *turn_ctx;
    struct sim_event turn, deadline;
    uint64_t deadline_ns; /* its own clock's scale */
    uint64_t busy_until_ns, charged_ns, delivered_count;
    struct list held; /* events that wait for the end of a pause */
    bool in_turn, woken, down;
    struct list ops, sockets;
    struct sim_handle *handles;
    size_t handle_count;
};

static inline struct sim_env *sim_env_of(struct env *env)
{
    return CONTAINER_OF(env, struct sim_env, env);
}
void sim_env_fill_table(struct env_table *table);
/* Why an event for this environment must wait. */
bool sim_env_held(const struct sim_env *env);
void sim_env_release_held(struct sim_env *env);
void sim_env_schedule_turn(struct sim_env *env);
void sim_env_rearm_deadline(struct sim_env *env);
/* Marks it down; nothing is delivered to it until it is drained. */
void sim_env_take_down(struct sim_env *env, bool silently);

/* ---- files (sim_file.c): operations of an environment on the disk of its machine ---- */

enum sim_op_kind {
    SIM_OP_OPEN = 1, SIM_OP_CLOSE, SIM_OP_READ, SIM_OP_WRITE, SIM_OP_SYNC, SIM_OP_SIZE,
    SIM_OP_TRUNCATE, SIM_OP_RENAME, SIM_OP_LINK, SIM_OP_UNLINK, SIM_OP_DIR_MAKE, SIM_OP_DIR_SYNC,
    SIM_OP_RESOLVE,
};

#define SIM_PATH_MAX 256

struct sim_op {
    struct sim_event event;
    struct list link; /* of the environment's operations, or of the free ones */
    struct env_op *op;
    enum sim_op_kind kind;
    unsigned flags;
    env_file file;
    struct sim_inode *inode; /* pinned */
    void *data;
    size_t size;
    uint64_t offset, start_order, data_hash;
    int64_t preset; /* < 0: fails with it */
    char path[SIM_PATH_MAX], path_to[SIM_PATH_MAX];
};

void sim_file_fill_table(struct env_table *table);
/* A process ended: what is in flight takes effect (always, or by chance for each) or never will. */
void sim_files_settle(struct sim_env *env, bool always);
/* Nothing in flight on that machine completes before. */
void sim_files_restall(struct sim_node *node, uint64_t until_ns);
/* Completes an operation with -ECANCELED, now. */
void sim_op_cancel(struct sim_env *env, struct sim_op *op);
void sim_env_close_handles(struct sim_env *env);

/* ---- sockets (sim_socket.c) ---- */

void sim_socket_fill_table(struct env_table *table);
/* A process ended: its listeners go, its streams end (silently when the power failed). */
void sim_sockets_abandon(struct sim_env *env, bool silently);
void sim_listeners_free(struct sim_env *env);
/* Tells the owner of each socket and frees it. */
void sim_sockets_drain(struct sim_env *env);
/* Cuts, clogs or power came or went. */
void sim_streams_recheck(struct sim *sim);
void sim_streams_destroy(struct sim *sim);

#endif
