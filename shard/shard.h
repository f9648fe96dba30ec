/* One store: its log, its engine, its replicas and what drives them. shard/ replicates opaque commands,
 * keeps the metadata range and the node table, and tells txn/ (through struct shard_app) what was
 * applied. Nothing here knows keys of tables, transactions or SQL. */
#ifndef OSTRAKA_SHARD_SHARD_H
#define OSTRAKA_SHARD_SHARD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fiber.h"
#include "base/ids.h"
#include "base/list.h"
#include "base/timer.h"
#include "io/env.h"
#include "lsm/lsm.h"
#include "net/net.h"
#include "raft/raft.h"
#include "shard/descriptor.h"
#include "shard/rpc.h"
#include "shard/cluster_setting.h"
#include "wal/wal.h"

struct store;
struct replica;
struct shard_app;

/* ---- messages between stores (net types) ---- */

enum shard_message {
    SHARD_MESSAGE_RAFT = 1,     /* a batch of Raft messages of any ranges */
    SHARD_MESSAGE_NODES = 2,    /* the sender's node table */
    SHARD_MESSAGE_SNAPSHOT_BEGIN = 3,
    SHARD_MESSAGE_SNAPSHOT_CHUNK = 4,
    SHARD_MESSAGE_SNAPSHOT_END = 5,
    SHARD_MESSAGE_SNAPSHOT_REPLY = 6,
    SHARD_MESSAGE_REQUEST = 7,  /* rpc */
    SHARD_MESSAGE_REPLY = 8,
    SHARD_MESSAGE_JOIN = 9,     /* guest -> node */
    SHARD_MESSAGE_JOIN_REPLY = 10,
    SHARD_MESSAGE_INIT = 11,    /* guest -> node: sized split keys of the new cluster, or nothing */
    SHARD_MESSAGE_INIT_REPLY = 12,
    SHARD_MESSAGE_LIVENESS = 14, /* support asked for and given */
    SHARD_MESSAGE_ROUTES = 13,  /* the metadata range's descriptor and leader */
    SHARD_MESSAGE_SETTINGS = 15, /* of the cluster */
    SHARD_MESSAGE_PREVIEW = 16, /* guest -> node: what would come of it if I joined? sized locality */
    SHARD_MESSAGE_PREVIEW_REPLY = 17, /* status u16, then the reply of RPC_NODE_CHANGE */
    SHARD_MESSAGE_KIND_COUNT
};

/* ---- nodes ---- */

struct node_record {
    struct node_id node;
    uint64_t incarnation;
    uint64_t start_mark; /* of that start (net.h); 0: not known */
    uint64_t token; /* of its join request: asking twice gives one id */
    bool removed;
    char peer_address[NET_HOST_MAX], sql_address[NET_HOST_MAX], http_address[NET_HOST_MAX];
    char locality[128];
};
#define SHARD_NODES_MAX 128

/* What shall become of a node, as the metadata range has it. REMOVED is for ever. */
enum node_state {
    NODE_STATE_ACTIVE = 1,
    NODE_STATE_DRAINING = 2,        /* leads nothing */
    NODE_STATE_DECOMMISSIONING = 3, /* leads nothing, and its replicas move away */
    NODE_STATE_REMOVED = 4,
};

/* A decision about the nodes of a range that is being carried out (a record of the metadata range). */
struct meta_job {
    uint64_t id;       /* never used twice */
    struct range_id range;
    uint8_t reason;    /* of placement */
    uint64_t since_ms; /* of whoever decided */
    uint32_t node_count;
    uint64_t nodes[RAFT_VOTERS_MAX]; /* that shall hold the range in the end */
};

/* What this node knows of another. */
struct node_view {
    struct node_record record;
    uint64_t last_seen_ns;  /* a message arrived on some link; own clock; 0: never */
    uint64_t removed_ns;    /* we learnt that it was removed; own clock */
    bool link_up;           /* our control link to it is up */
};

/* ---- the application on top (txn/) ---- */

struct shard_batch; /* writes of the entry being applied */
/* Adds one write; key and value are copied. */
void shard_batch_put(struct shard_batch *b, enum lsm_space space, struct bytes key, uint64_t ts,
                     struct bytes value);
/* The same where the range holds no value under the key: lsm_write.alone. */
void shard_batch_put_alone(struct shard_batch *b, enum lsm_space space, struct bytes key, struct bytes value);
void shard_batch_delete(struct shard_batch *b, enum lsm_space space, struct bytes key, uint64_t ts);

#define SHARD_APP_STATE_BYTES_MAX 256

struct shard_app {
    /* A replica starts (after recovery or bootstrap). Returns the application's state for it, or NULL
     * when out of memory. */
    void *(*open)(void *ctx, struct replica *r);
    void (*close)(void *replica_state);
    /* Applies one committed command, deterministically, into the batch. STATUS_VERSION stops the node: an
     * unknown command is never skipped. */
    enum status (*apply)(void *replica_state, struct log_pos pos, struct bytes command,
                         struct shard_batch *batch);
    /* Role, term or leader changed; or the replica became able to serve (its own-term entry applied). */
    void (*role_changed)(void *replica_state);
    /* This leader has offered the range to the node `to`, which is told next, and proposes nothing until another leads, or the
     * offer has come to nothing (replica_handing_over): within life_ns it is over, one way or the other. Or NULL. */
    void (*handing_over)(void *replica_state, struct node_id to, uint64_t life_ns);
    /* What apply keeps beside the engine (at most SHARD_APP_STATE_BYTES_MAX), as of the last entry applied. It
     * goes into the engine's record of the range with every flush, and into snapshots. */
    void (*state_encode)(void *replica_state, struct buf *out);
    /* Before anything is applied to a replica that was just opened or replaced; empty: a new range.
     * STATUS_VERSION stops the node. */
    enum status (*state_restore)(void *replica_state, struct bytes state);
    /* The state was replaced by a snapshot; state_restore was called. */
    void (*installed)(void *replica_state);
    /* As lsm_options.value_ends; or NULL. */
    uint64_t (*value_ends)(struct bytes value);
    /* As lsm_options.key_may_end; or NULL. */
    bool (*key_may_end)(struct bytes key);
    /* Where a range may best begin instead of at a key that load or size has chosen: at or before it, a view of it; or
     * NULL. */
    struct bytes (*divide_near)(struct bytes key);
    /* Splits (split.c). May the range be divided at key? Asked at its leader. STATUS_INVALID: never there; STATUS_BUSY. */
    enum status (*divide_may)(void *replica_state, struct bytes key);
    /* The split is about to be proposed in this very step: from now until divide or divide_end nothing is proposed
     * that touches keys from `key` on. part: what the right side has to know; the command carries it. */
    enum status (*divide_begin)(void *replica_state, struct bytes key, struct buf *part);
    /* It was not split, and this split will not happen in this term any more. */
    void (*divide_end)(void *replica_state);
    bool (*divide_part_valid)(struct bytes part);
    /* Applied, at each replica: the left side ends at key now. right_state (NULL: not made here, or older than this)
     * was opened, with what state_encode says of the left one. */
    void (*divide)(void *left_state, void *right_state, struct bytes key, struct bytes part);
    /* Merges (merge.c), at the right side's leader. The freeze is about to be proposed in this very step: from now on
     * nothing is proposed, until unite_end, or the end of the leadership. STATUS_BUSY. */
    enum status (*unite_begin)(void *right_state);
    /* Frozen, and no read was answered since: what the left side has to know. */
    void (*unite_part)(void *right_state, struct buf *part);
    /* It goes on by itself: the freeze is not in force, or not any more. */
    void (*unite_end)(void *right_state);
    bool (*unite_part_valid)(struct bytes part);
    /* Applied, at each replica: the left side has the bounds of both. right_state is closed next. */
    void (*unite)(void *left_state, void *right_state, struct bytes part);
    void *ctx;
};

/* ---- the store ---- */

struct store_options {
    struct env *env;
    struct timer_heap *timers;
    struct fiber_pool *fibers;   /* recovery, background work, snapshots */
    struct logger *logger;
    const char *directory;       /* "store0" */
    uint16_t store_id;           /* 1.. */
    uint64_t seed;
    const struct shard_app *app;
    /* sizes; 0: default */
    uint64_t memtable_bytes, cache_bytes, table_bytes;
    uint32_t wal_segment_bytes;
    enum wal_sync_mode wal_sync_mode;
    uint64_t heartbeat_ns, election_timeout_ns; /* 100 ms, 600 ms */
    uint64_t support_ns; /* stores support each other for so long; the election timeout */
    bool no_leases;      /* this machine's clock is not to be trusted even with durations */
    uint32_t replication_factor;                /* 3 */
    uint64_t log_bytes_max; /* a range's applied log beyond which it is truncated; 64 MiB */
    uint64_t log_cache_bytes; /* of a range's applied log kept in memory, for followers; 16 MiB */
    uint64_t reserve_bytes; /* kept free for flushes when the disk fills up; 16 MiB, at most a memtable */
    uint64_t snapshot_bytes_per_s; /* see store_set_snapshot_rate */
    uint64_t dead_after_ns; /* a node silent for so long is replaced; 5 min */
    /* own addresses, for the node record */
    char peer_address[NET_HOST_MAX], sql_address[NET_HOST_MAX], http_address[NET_HOST_MAX];
    char locality[128];
    /* The store cannot go on: the node has to stop. what: a sentence for the log. */
    void (*on_failed)(void *ctx, enum status status, const char *what);
    /* The node got its identity (join or init), or knew it from its log. */
    void (*on_identity)(void *ctx);
    void *ctx;
};

/* Recovers a store, or makes a new one. Runs on a fiber. *why (static text) explains a refusal:
 * STATUS_VERSION, STATUS_INVALID (other store), STATUS_CORRUPT (fenced), STATUS_IO, STATUS_NO_SPACE. Then, too, *store_out
 * (NULL: there is none) has to be closed, and that only when the environment has ended what the store asked of
 * it: reads ahead may still be under way. Nothing else may be done with it. */
MUST_USE enum status store_open(const struct store_options *options, struct store **store_out,
                                const char **why);
/* Ends everything that waits at once; no callback of the options is called any more. Between
 * env_shutdown and the last drain of the environment. */
void store_abandon(struct store *s);
/* After store_abandon and a drain, or after store_stop and store_idle. */
void store_close(struct store *s);
/* Starts an orderly end: hands leadership over, stops taking part. */
void store_stop(struct store *s);
bool store_idle(const struct store *s);
/* Bytes per second of all snapshots that this store sends; 0: as the cluster's setting snapshot_rate
 * says. The least is 4 MiB, so that many at a time still move before their receivers give them up. */
void store_set_snapshot_rate(struct store *s, uint64_t bytes_per_s);

/* Wires the store to its network. net's handler calls the store_on_* functions below. */
void store_attach_net(struct store *s, struct net *net);
struct rpc *store_rpc(struct store *s);
/* A round: local requests and replies, then one turn of each replica that has something to do. True: another one
 * would find work. What it gives to peers and to the log waits for store_step. */
bool store_work(struct store *s, uint64_t now_ns);
/* Ends a turn of one round or several: background work, batched sends, the log's group. Returns when it wants
 * to be called again (now_ns: at once; TIMER_NEVER: when something happened; timers are the caller's). */
uint64_t store_step(struct store *s, uint64_t now_ns);
/* What the refusal of a peer means for this node and what to do about it, as a sentence for its operator. */
void store_explain_refusal(const struct store *s, enum net_refusal refusal, char *why, size_t size);

void store_on_message(struct store *s, struct node_id from, uint16_t type, struct bytes payload);
void store_on_guest_message(struct store *s, struct net_guest *guest, uint16_t type,
                            struct bytes payload);
void store_on_guest_closed(struct store *s, struct net_guest *guest);
void store_on_link(struct store *s, struct node_id peer, enum net_link link, bool up);
void store_on_peer_seen(struct store *s, const struct net_identity *peer);
enum net_refusal store_admit(struct store *s, const struct net_identity *peer);

/* ---- identity and membership ---- */

/* Zero node id: this store belongs to no cluster yet. */
const struct net_identity *store_identity(const struct store *s);
/* Makes this node the only member of a new cluster, with a metadata range and split_count + 1 data ranges: the keys,
 * in rising order, are where the second and the following ones begin. done is called when all serve.
 * STATUS_EXISTS: it is in a cluster already. STATUS_INVALID: keys out of order or below SHARD_SPLIT_BYTE_MIN, or an
 * init that was cut short had others. STATUS_TOO_LARGE: too many. */
void store_init_cluster(struct store *s, const struct bytes *split_keys, uint32_t split_count,
                        void (*done)(void *ctx, enum status status), void *ctx);
/* Asks the seeds, in turn and for ever, to let this node in. Has no effect once it has an identity,
 * except that the seeds are dialled. `seeds`: comma-separated host:port; copied. */
MUST_USE enum status store_join(struct store *s, const char *seeds);

/* Known nodes in id order. Returns how many (<= max). */
uint32_t store_nodes(const struct store *s, struct node_view *nodes_out, uint32_t max);

/* Heard from within the last seconds. */
bool store_node_seen(const struct store *s, const struct node_view *n);

/* ---- replicas ---- */

struct replica *store_replica(struct store *s, struct range_id range); /* or NULL */
struct replica *store_replica_next(struct store *s, const struct replica *after); /* by range id */
struct replica *store_replica_for_key(struct store *s, struct bytes key); /* or NULL */
struct range_id replica_range(const struct replica *r);
struct store *replica_store(const struct replica *r);
const struct descriptor *replica_descriptor(const struct replica *r);
void *replica_app(const struct replica *r);
void replica_raft_status(const struct replica *r, struct raft_status *status_out);
uint64_t replica_term(const struct replica *r);
/* Leader, and an entry of its own term is applied: it may serve. */
bool replica_serving(const struct replica *r);
/* Damaged, and not refetched and settled yet. */
bool replica_fenced(const struct replica *r);
/* About to become part of its left neighbour: serves nothing (merge.c). */
bool replica_frozen(const struct replica *r);
/* The node to ask instead, or 0. */
struct node_id replica_leader_hint(const struct replica *r);
/* The last entry that is applied here; 0: the state cannot be relied upon (damaged, being replaced, not all of it is here). */
uint64_t replica_applied(const struct replica *r);
/* The last entry of its log, committed or not. */
uint64_t replica_last_index(const struct replica *r);
struct lsm *store_lsm(struct store *s);
struct wal *store_wal(struct store *s);
struct env *store_env(struct store *s);
struct timer_heap *store_timers(struct store *s);
struct fiber_pool *store_fibers(struct store *s);
struct logger *store_logger(struct store *s);
/* In the environment's root; what others keep there has names of its own. */
const char *store_directory(const struct store *s);
/* No new writes are taken here for lack of room (space.c). */
bool store_disk_is_full(const struct store *s);

/* First byte of every command in a range's log: whose it is. An entry holds one of META or RANGE, to its end, or as many of
 * APP as were proposed together, one behind the other: APP u8, size u32, so many bytes. */
enum shard_command {
    SHARD_COMMAND_META = 1, /* the metadata range's own */
    SHARD_COMMAND_RANGE = 3, /* changes of bounds (split.c) */
    SHARD_COMMAND_APP = 4,  /* struct shard_app applies it */
};
#define SHARD_COMMAND_HEAD_BYTES 5u /* of APP */
/* What stands between the two is a command of the application; out was empty. */
void shard_command_begin(struct buf *out);
void shard_command_end(struct buf *out);

/* A command on its way. on_done is called exactly once, never from inside replica_propose:
 * STATUS_OK            applied here; result is what apply left (metadata commands) or empty
 * STATUS_NOT_LEADER    certainly not committed
 * STATUS_UNKNOWN_OUTCOME  leadership was lost and it is not known yet; or time ran out
 * STATUS_CANCELLED     the store closes. */
struct proposal {
    struct list link;
    struct log_pos pos;
    uint64_t started_ns, deadline_ns;
    void (*on_done)(struct proposal *p, enum status status, struct bytes result);
    void *ctx;
};
/* command is copied. STATUS_OK: on_done follows. Else nothing happened: STATUS_NOT_LEADER, STATUS_BUSY
 * (uncommitted bound, engine or log pressure), STATUS_NO_SPACE, STATUS_TOO_LARGE. */
MUST_USE enum status replica_propose(struct replica *r, struct bytes command, uint64_t timeout_ns,
                                     struct proposal *p);

/* Confirms leadership by a quorum round (or a valid lease) that begins after this call, and waits until
 * everything committed before it is applied here. on_done: STATUS_OK, STATUS_NOT_LEADER,
 * STATUS_TIMEOUT, STATUS_CANCELLED. Never called from inside. */
struct read_wait {
    struct list link;
    uint64_t context, index, deadline_ns;
    bool confirmed, leased; /* leased: needs no round while the lease lasts */
    void (*on_done)(struct read_wait *w, enum status status);
    void *ctx;
};
void replica_read(struct replica *r, uint64_t timeout_ns, struct read_wait *w);
void replica_read_cancel(struct read_wait *w);
/* True: what replica_read would wait for is so at this moment, by a lease. */
bool replica_read_at_once(struct replica *r);
/* It leads, and nobody else can at this moment of our clock: what is committed here is all there is. */
bool replica_leased(const struct replica *r);

/* ---- routing ---- */

/* Where to send a request for a key: the range, its epoch and the most likely leader as this node knows
 * them. leader is 0 when nobody is known (ask any member, or wait). */
struct route {
    struct range_id range;
    uint64_t epoch;
    struct node_id leader;
    struct bytes start, end; /* views, until this fiber waits or the step ends */
    bool guessed;            /* leader: nobody knows, any member */
    uint64_t turn;           /* 0: for the caller's use */
};
/* STATUS_NOT_FOUND: not known yet; the metadata range is asked, so try again a little later. */
MUST_USE enum status store_route(struct store *s, struct bytes key, struct route *route_out);
/* The range that holds the last keys before `key` (empty: the last keys of all). To go through keys upwards, take
 * store_route of the end of the one before; downwards, store_route_before of its start. */
MUST_USE enum status store_route_before(struct store *s, struct bytes key, struct route *route_out);
/* By its id, wherever it lies. Statuses as store_route. */
MUST_USE enum status store_route_of(struct store *s, struct range_id range, struct route *route_out);
/* What a reply taught: who leads; and the descriptor when the route was stale. */
void store_route_learn_leader(struct store *s, struct range_id range, struct node_id leader);
void store_route_learn(struct store *s, const struct descriptor *descriptor);
/* A request to `asked`, the leader of a range for all we knew, ended with that status and body (of a NOT_LEADER: empty,
 * or the leader u64). An address that does not answer is forgotten (K28). */
void store_route_refused(struct store *s, struct range_id range, struct node_id asked, enum status status,
                         struct bytes body);
/* The clock master: the leader of the metadata range as far as known, or 0. */
struct node_id store_meta_leader(const struct store *s);

/* ---- metadata range (on its leader) ---- */

/* The highest timestamp the clock master may have issued, as of the applied state. */
uint64_t store_clock_limit(const struct store *s);
/* Raises the limit by a replicated entry. */
MUST_USE enum status store_clock_limit_raise(struct store *s, uint64_t limit, struct proposal *p);
/* Visits the mirrored descriptors (only on replicas of the metadata range). */
void store_meta_ranges(const struct store *s, void (*visit)(void *ctx, const struct descriptor *d),
                       void *ctx);

/* Asks the metadata range for one range. proof: the answer binds (its leader gives it, after it has confirmed that it
 * leads): only then may something be destroyed because of GONE or NEVER, or because of the descriptor.
 * on_done: STATUS_OK with the verdict (d: borrowed for the call, NULL unless KNOWN), or the call's failure. Called
 * once, never from inside. STATUS_UNAVAILABLE: nobody to ask is known. STATUS_BUSY. */
enum range_verdict {
    RANGE_VERDICT_KNOWN = 1,
    RANGE_VERDICT_PENDING = 2, /* right side of a split that has perhaps not happened */
    RANGE_VERDICT_NEVER = 3,   /* its id was never given out */
    RANGE_VERDICT_GONE = 4,    /* merged away, or its split never happened */
};
struct range_lookup {
    struct rpc_call call;
    struct store *store;
    struct range_id range;
    bool proof;
    void (*on_done)(struct range_lookup *l, enum status status, enum range_verdict verdict,
                    const struct descriptor *d);
    void *ctx;
};
MUST_USE enum status store_range_lookup(struct store *s, struct range_lookup *l, struct range_id range, bool proof);

/* The body of RPC_META_LOOKUP that asks for up to count ranges: upwards from the one that holds the key, or downwards
 * from the one that holds the last keys before it. The reply: lookup.c. */
#define LOOKUP_COUNT_MAX 64
void lookup_encode_key(struct buf *out, struct bytes key, bool downwards, uint32_t count);

/* A setting of the cluster for a key (empty: for all), as far as this node has heard. */
uint64_t store_setting(const struct store *s, enum cluster_setting id, struct bytes key);
/* Those that were set. */
const struct cluster_settings *store_settings(const struct store *s);

/* Requests each second, as counted lately by who serves the range; else 0. */
uint64_t replica_load(const struct replica *r);
/* A request for this key was taken in: counts, and may be sampled. */
void replica_note_request(struct replica *r, struct bytes key);

/* Hands the leadership of a range to a node (0: to the best). STATUS_NOT_LEADER, STATUS_BUSY. */
MUST_USE enum status replica_transfer(struct replica *r, struct node_id to);
/* It leads, and has offered the range to another. */
bool replica_handing_over(const struct replica *r);

struct store_metrics {
    uint64_t proposals, proposals_refused, applied_entries, raft_messages_in, raft_messages_out;
    uint64_t reads_leased, reads_confirmed; /* without and with a quorum round */
    uint64_t snapshot_share_percent;        /* of snapshot_rate that is used while the log is slow */
    uint64_t leaders_ordered;               /* orders to hand a range over, given as the leader of the metadata range */
    uint64_t loop_gaps;                     /* the process stood still, and leases from before count no more */
    uint64_t liveness_out;
    uint64_t messages_in[SHARD_MESSAGE_KIND_COUNT], message_bytes_in[SHARD_MESSAGE_KIND_COUNT]; /* of peers, by type */
    uint64_t snapshots_sent, snapshots_received, elections, replicas, leaders, wal_overflow;
    uint64_t orphans_destroyed; /* replicas that were proven to count nowhere */
    uint64_t replicas_fenced, replicas_refetched; /* ever */
    uint64_t splits; /* applied here */
    uint64_t snapshot_bytes_sent, snapshot_bytes_received;
    uint64_t moves_begun, moves_ended; /* jobs, by this node as the leader of the metadata range */
    uint64_t jobs;     /* there are now; only the leader of the metadata range counts them */
    uint64_t merges; /* applied here */
    uint64_t disk_full; /* how often */
    struct histogram commit_ns; /* proposal to applied */
    struct histogram transfer_closed_ns; /* leaderships handed over: how long nobody served the range */
};
const struct store_metrics *store_metrics(const struct store *s);

#endif
