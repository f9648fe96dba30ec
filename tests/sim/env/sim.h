/* A whole cluster's environment inside one thread: virtual time, machines with clocks and disks, a
 * network, and faults of every kind, all a function of one seed. It is the third backend of
 * "io/env.h" (SIM-1..7 in tests/sim/README.md).
 *
 * A `struct sim` owns one event queue. sim_step delivers the next event: a completed file
 * operation, bytes at a socket, a connection. Some time after something was delivered to an
 * environment its owner's on_turn runs (that is where a core's step belongs). Whoever wants plain
 * blocking style, as unit tests do, calls env_poll instead, which steps the whole simulation.
 *
 * Machines are numbered 1..SIM_NODE_MAX and exist from the first time they are named. Machine N has
 * the address 10.0.0.N, one clock and one disk, and outlives the environments (processes) on it. */
#ifndef OSTRAKA_TESTS_SIM_ENV_SIM_H
#define OSTRAKA_TESTS_SIM_ENV_SIM_H

#include <stdio.h>

#include "base/log.h"
#include "io/env.h"

struct sim;
struct sim_disk;

#define SIM_NODE_MAX 128
#define SIM_US UINT64_C(1000)
#define SIM_MS UINT64_C(1000000)
#define SIM_SEC UINT64_C(1000000000)
#define SIM_ALWAYS 1000000u /* the parts per million that make a rate certain */

/* ---- faults: every kind has a counter of how often it really happened ---- */

#define SIM_FAULTS(X)                                                                             \
    X(MESSAGE_LOSS, "message loss")                                                               \
    X(MESSAGE_DUPLICATE, "message duplicate")                                                     \
    X(MESSAGE_DELAY, "message delay") /* beyond its successors: reorder */                        \
    X(CUT_ONE_WAY, "one-way cut")                                                                 \
    X(PARTITION_HALVES, "partition: halves")                                                      \
    X(PARTITION_ISOLATE, "partition: isolate one")                                                \
    X(PARTITION_RING, "partition: ring of majorities")                                            \
    X(PARTITION_BRIDGE, "partition: bridge")                                                      \
    X(PARTITION_CHAIN, "partition: chain")                                                        \
    X(LINK_STALL, "stream stalled by a cut")                                                      \
    X(CLOG, "clog")                                                                               \
    X(SWIZZLE, "swizzle-clog")                                                                    \
    X(CONNECTION_RESET, "connection reset")                                                       \
    X(CONNECTION_REFUSED, "connection refused")                                                   \
    X(CONNECTION_TIMEOUT, "connection timed out")                                                 \
    X(PROCESS_CRASH, "process crash")                                                             \
    X(POWER_LOSS, "power loss")                                                                   \
    X(RESTART, "restart")                                                                         \
    X(PAUSE, "pause")                                                                             \
    X(SLOW_NODE, "slow node")                                                                     \
    X(DISK_WIPED, "wiped disk")                                                                   \
    X(DISK_ROLLED_BACK, "rolled-back disk")                                                       \
    X(UNSYNCED_LOST, "un-synced sector lost")                                                     \
    X(UNSYNCED_TORN, "un-synced write torn")                                                      \
    X(UNSYNCED_REORDERED, "un-synced writes reordered")                                           \
    X(NAME_LOST, "un-synced name change lost")                                                    \
    X(WRITE_ERROR, "write error")                                                                 \
    X(SYNC_ERROR, "sync error")                                                                   \
    X(READ_ERROR, "read error")                                                                   \
    X(BIT_ROT, "bit rot")                                                                         \
    X(WRITE_MISDIRECTED, "misdirected write")                                                     \
    X(WRITE_LOST, "lost write")                                                                   \
    X(READ_STALE, "stale read")                                                                   \
    X(DISK_FULL, "disk full")                                                                     \
    X(DISK_STALL, "disk stall")                                                                   \
    X(DISK_SLOW, "slow disk")                                                                     \
    X(DIRECT_REFUSED, "direct I/O refused")                                                       \
    X(CLOCK_OFFSET, "clock offset")                                                               \
    X(CLOCK_JUMP, "clock jump")                                                                   \
    X(CLOCK_DRIFT, "clock drift")                                                                 \
    X(CLOCK_FREEZE, "clock freeze")                                                               \
    X(WALL_SET, "wall clock set")                                                                 \
    X(BUGGIFY, "rare choice forced")                                                              \
    X(CLOCK_MASTER_CHANGE, "clock master change") /* this and the next: counted by the cluster */ \
    X(LIMIT_HIT, "allocation or queue limit hit")                                                 \
    X(CLIENT_DISCONNECT, "client disconnect")

enum sim_fault {
#define SIM_FAULT_ENUM(id, text) SIM_FAULT_##id,
    SIM_FAULTS(SIM_FAULT_ENUM)
#undef SIM_FAULT_ENUM
    SIM_FAULT_COUNT
};

const char *sim_fault_name(enum sim_fault fault);
uint64_t sim_fault_hits(const struct sim *sim, enum sim_fault fault);
/* For faults that are made elsewhere (the last ones of the list). */
void sim_fault_hit(struct sim *sim, enum sim_fault fault);
/* The block `faults by kind`, one line per kind that happened, and the kinds that never did. */
void sim_faults_print(const struct sim *sim, FILE *out);

/* ---- a simulation ---- */

struct sim_options {
    uint64_t seed;
    FILE *trace; /* one line per event; NULL: none. Never changes what happens. */

    /* one way: base, plus an exponential tail of that mean */
    uint64_t net_base_ns, net_tail_ns;
    uint64_t loopback_ns;
    uint64_t net_bytes_per_sec;   /* of one direction between two machines; 0: no cap */
    uint64_t socket_buffer_bytes; /* taken by the kernel ahead of the receiver */
    uint64_t reset_min_ns, reset_max_ns; /* a stalled stream is reset after */
    uint32_t chunk_split_ppm;     /* received bytes handed up in more pieces than they came */
    uint32_t connection_reset_ppm; /* per segment */

    uint32_t frame_loss_ppm, frame_duplicate_ppm, frame_delay_ppm;
    uint64_t frame_delay_max_ns;

    uint64_t disk_read_ns, disk_write_ns, disk_sync_ns;
    uint64_t disk_tail_ns; /* mean of the exponential part */
    uint64_t disk_bytes_per_sec;
    uint32_t sector_bytes; /* 512 or 4096: what a power loss keeps or loses as a whole */
    uint32_t tear_sector_ppm; /* a sector itself may tear */

    uint64_t turn_delay_ns; /* at most, from a delivery to the turn it causes */
    uint64_t turn_cost_ns;  /* of one turn, before the machine's slowness */

    uint32_t buggify_site_ppm; /* a name is active in this run */
    uint32_t buggify_ppm;      /* and then, each time it is asked */
};

/* A healthy data centre: 50 us wires, 80 us syncs, no random fault. */
void sim_options_init(struct sim_options *o, uint64_t seed);

struct sim *sim_create(const struct sim_options *options);
/* Every environment must have been destroyed. */
void sim_destroy(struct sim *sim);
/* The options in force; may be changed between steps. */
struct sim_options *sim_options(struct sim *sim);

uint64_t sim_now(const struct sim *sim); /* virtual nanoseconds since the start */
/* Delivers the next event; false when nothing is left to happen. */
bool sim_step(struct sim *sim);
/* Delivers all events up to that time, which then is the present. */
void sim_run_until(struct sim *sim, uint64_t time_ns);
void sim_run_for(struct sim *sim, uint64_t duration_ns);
/* Calls back once, from a step. Dropped by sim_destroy. */
void sim_call_after(struct sim *sim, uint64_t delay_ns, void (*call)(void *ctx), void *ctx);

uint64_t sim_random(struct sim *sim);
uint64_t sim_below(struct sim *sim, uint64_t bound);
bool sim_chance(struct sim *sim, uint32_t ppm);
/* An exponentially distributed time with that mean. */
uint64_t sim_exponential(struct sim *sim, uint64_t mean_ns);

uint64_t sim_event_count(const struct sim *sim);
/* Everything that was delivered so far: kinds, times, places, contents. */
uint64_t sim_trace_hash(const struct sim *sim);
/* Adds to the trace hash, so that a cluster may bind its own decisions to it. */
void sim_trace_mix(struct sim *sim, uint64_t value);
/* One line of the textual trace with the virtual time in front; nothing when there is none. */
__attribute__((format(printf, 2, 3))) void sim_trace(struct sim *sim, const char *format, ...);
/* A logger whose lines go to the textual trace under that machine's number. */
void sim_logger_init(struct sim *sim, uint64_t node, struct logger *logger);

/* ---- environments: one per core (or client) of a machine ---- */

/* A new process on machine `node`, or one more core of it. */
void sim_env_create(struct sim *sim, uint64_t node, struct logger *logger, struct env **env_out);
/* Called some time after anything was delivered, after the deadline, and after env_wake. NULL: no
 * turns. The turn costs virtual CPU, during which nothing is delivered to this environment. */
void sim_env_on_turn(struct env *env, void (*on_turn)(void *ctx), void *ctx);
/* A turn no later than this (env_now_ns scale; TIMER_NEVER: none). Replaces the one before. */
void sim_env_set_deadline(struct env *env, uint64_t deadline_ns);
/* Charges the running turn for work beyond turn_cost_ns. */
void sim_env_charge(struct env *env, uint64_t cpu_ns);
/* Completes everything with -ECANCELED and STATUS_CANCELLED now, callbacks included, so that the
 * owner can be torn down at once. Shuts the environment down first unless that was done. */
void sim_env_drain(struct env *env);
/* Between a crash (or env_shutdown) and env_destroy. */
bool sim_env_is_down(const struct env *env);
struct sim *sim_of(struct env *env);
uint64_t sim_env_node(const struct env *env);

/* ---- machines ---- */

enum sim_crash {
    /* kill -9: what was written stays, peers see resets */
    SIM_CRASH_PROCESS,
    /* un-synced writes may go, peers see nothing until it is back, the clock restarts */
    SIM_CRASH_POWER,
};
/* All environments of the machine are down at once: drain and destroy them, then make new ones. */
void sim_node_crash(struct sim *sim, uint64_t node, enum sim_crash kind);
static inline void sim_env_crash(struct env *env, enum sim_crash kind)
{
    sim_node_crash(sim_of(env), sim_env_node(env), kind);
}
/* Nothing is delivered to its environments until resumed (SIGSTOP). Clocks run on. */
void sim_node_pause(struct sim *sim, uint64_t node);
void sim_node_resume(struct sim *sim, uint64_t node);
/* Turns cost `factor` times as much; 1: healthy. */
void sim_node_slow(struct sim *sim, uint64_t node, uint32_t factor);

/* The clocks behind env_now_ns and env_wall_ns. The monotonic one never goes back while a process
 * lives; a power loss restarts it. */
void sim_clock_offset(struct sim *sim, uint64_t node, uint64_t ahead_ns); /* before its first use */
void sim_clock_jump(struct sim *sim, uint64_t node, uint64_t forward_ns);
void sim_clock_drift(struct sim *sim, uint64_t node, int32_t ppm);
void sim_clock_freeze(struct sim *sim, uint64_t node, bool frozen);
void sim_wall_set(struct sim *sim, uint64_t node, int64_t offset_ns);

/* ---- network ---- */

struct env_addr sim_addr(uint64_t node, uint16_t port);

/* Cuts one direction: what is sent waits, and the stream is reset if that lasts too long. */
void sim_net_cut(struct sim *sim, uint64_t from, uint64_t to);
void sim_net_uncut(struct sim *sim, uint64_t from, uint64_t to);
/* Cuts both directions. */
void sim_net_cut_pair(struct sim *sim, uint64_t a, uint64_t b);
/* Removes every cut and clog, and every link's own latency and rates. */
void sim_net_heal(struct sim *sim);
/* Nothing arrives over this direction for a while; then all of it. */
void sim_net_clog(struct sim *sim, uint64_t from, uint64_t to, uint64_t duration_ns);
/* A link with more latency than the others (0: healthy). */
void sim_net_delay(struct sim *sim, uint64_t from, uint64_t to, uint64_t extra_ns);
/* Frame rates of one direction in parts per million, added to those of the options. */
void sim_net_rates(struct sim *sim, uint64_t from, uint64_t to, uint32_t loss_ppm,
                   uint32_t duplicate_ppm, uint32_t delay_ppm);
/* A frame that has arrived: nodes by their ids. Faults that aim at a step of a protocol look at it. */
struct sim_frame {
    uint64_t from, to;
    uint16_t type;
    struct bytes payload; /* borrowed for the call */
    uint64_t delay_ns;    /* 0, to be set by who wants it late */
};
/* watch sees every frame before it is handed over; false: it is lost. It may not end a machine, but order that with
 * sim_call_after. NULL ends it. */
void sim_net_watch(struct sim *sim, bool (*watch)(void *ctx, struct sim_frame *frame), void *ctx);
/* Resets every stream between the two; a part of what was under way still arrives. */
void sim_net_reset(struct sim *sim, uint64_t a, uint64_t b);
bool sim_net_is_cut(const struct sim *sim, uint64_t from, uint64_t to);
/* Streams that still have an end somewhere. */
size_t sim_net_stream_count(const struct sim *sim);

/* The shapes of partition among the given machines; who lands where is drawn from the seed. */
enum sim_partition {
    SIM_PARTITION_HALVES,  /* two groups, sizes as equal as possible */
    SIM_PARTITION_ISOLATE, /* one against all others */
    SIM_PARTITION_RING,    /* each sees a majority, no two the same one (four and fewer: a chain) */
    SIM_PARTITION_BRIDGE,  /* two groups that only share one machine */
    SIM_PARTITION_CHAIN,   /* each sees its neighbours only */
    SIM_PARTITION_ONE_WAY, /* one machine hears and is not heard, or the reverse */
    SIM_PARTITION_COUNT
};
void sim_net_partition(struct sim *sim, enum sim_partition shape, const uint64_t *nodes,
                       size_t node_count);
/* Clogs a random subset of the machines one after the other, and lets them go in another order, all
 * within duration_ns (Swizzle-clogging, FoundationDB). */
void sim_net_swizzle(struct sim *sim, const uint64_t *nodes, size_t node_count,
                     uint64_t duration_ns);

/* ---- disks ---- */

struct sim_disk *sim_disk(struct sim *sim, uint64_t node);
/* Names and contents as a process would read them now. */
uint64_t sim_disk_hash(const struct sim_disk *disk);
uint64_t sim_disk_used_bytes(const struct sim_disk *disk);
void sim_disk_set_quota(struct sim_disk *disk, uint64_t bytes); /* UINT64_MAX: none */
void sim_disk_refuse_direct(struct sim_disk *disk, bool refused);
/* Operations take `factor` times as long; 1: healthy. */
void sim_disk_slow(struct sim_disk *disk, uint32_t factor);
/* No operation completes before that time from now is over. */
void sim_disk_stall(struct sim_disk *disk, uint64_t duration_ns);

/* What goes wrong, and when. Kinds: WRITE_ERROR, SYNC_ERROR, READ_ERROR, WRITE_MISDIRECTED,
 * WRITE_LOST, READ_STALE. */
struct sim_disk_fault {
    enum sim_fault kind;
    const char *path_part; /* files whose path contains it; NULL: all. Borrowed while in force */
    uint64_t skip;         /* so many matching operations pass first */
    uint64_t count;        /* then so many are struck; 0: no end */
    uint32_t ppm;          /* each with this chance; 0: always */
    int error;             /* errno of the error kinds; 0: EIO */
};
void sim_disk_inject(struct sim_disk *disk, const struct sim_disk_fault *fault);
/* One of that kind is in force, though it may have struck as often as it shall. */
bool sim_disk_has_rule(const struct sim_disk *disk, enum sim_fault kind);
/* Ends all injected faults, slowness, stall and quota. */
void sim_disk_heal(struct sim_disk *disk);

/* Flips one bit of a stored file. False: no such byte. */
bool sim_disk_rot(struct sim_disk *disk, const char *path, uint64_t offset, unsigned bit);
/* Flips a random bit of a random file whose path contains path_part (NULL: any) in a place that was
 * ever written. False: nothing there. */
bool sim_disk_rot_random(struct sim_disk *disk, const char *path_part);

/* The following five need the machine to be down. */
void sim_disk_wipe(struct sim_disk *disk);
struct sim_disk_image; /* contents of one moment, everything in it durable */
struct sim_disk_image *sim_disk_snapshot(const struct sim_disk *disk); /* any time */
void sim_disk_restore(struct sim_disk *disk, const struct sim_disk_image *image);
/* Only the directory at `path` (slashes between names) becomes what it was; both have it. */
void sim_disk_restore_part(struct sim_disk *disk, const struct sim_disk_image *image,
                           const char *path);
void sim_disk_image_destroy(struct sim_disk_image *image);

/* Crash points. Every write, sync, truncation and change of a name counts as one operation when it
 * takes effect. */
uint64_t sim_disk_op_count(const struct sim_disk *disk);
/* The power fails right before operation number `op_count` + 1 takes effect: the machine stands
 * still from there on, and sim_disk_crash_reached answers true. The owner then calls
 * sim_node_crash. */
void sim_disk_crash_after(struct sim_disk *disk, uint64_t op_count);
bool sim_disk_crash_reached(const struct sim_disk *disk);
/* Makes every write in flight un-synced and answers how many independent choices a power loss has
 * now: un-synced sectors of every write, oldest first per file, then un-synced changes of names.
 * Only while the machine stands still at a crash point. */
size_t sim_disk_crash_choices(struct sim_disk *disk);
/* keep[i] decides choice i of the next power loss instead of the seed. Copied. A change of a name
 * survives only with all earlier ones of its directory. */
void sim_disk_crash_choose(struct sim_disk *disk, const bool *keep, size_t count);

#endif
