/* Transactions over the replicated keyspace: what SQL programs against. Reads and commits wait for other
 * nodes, so everything marked [fiber] runs on a fiber of the core and suspends it.
 *
 * A transaction reads at one timestamp, buffers its writes at the gateway, and commits them in one step
 * at the leader of the range, which validates what was read (rules R1 to R4 and T1 of txn/README.md). It is
 * strictly serializable or it does not commit. */
#ifndef OSTRAKA_TXN_TXN_H
#define OSTRAKA_TXN_TXN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/histogram.h"
#include "base/status.h"
#include "shard/shard.h"

/* First byte of every key: which part of the keyspace it is in (txn/README.md). */
enum key_prefix {
    KEY_PREFIX_META = 0x01,   /* the metadata range */
    KEY_PREFIX_SYSTEM = 0x03, /* system tables: the catalog, sequences */
    KEY_PREFIX_TABLE = 0x04,  /* user tables */
    KEY_PREFIX_ONCE = 0x05,   /* records of idempotency keys; system keys are those that hardly ever change */
};

/* Behind KEY_PREFIX_SYSTEM: the record of a table, which every statement relies on and hardly any changes (catalog_lease.c). */
#define KEY_SYSTEM_RECORD 'T'

#define TXN_KEY_BYTES_MAX 4096
#define TXN_VALUE_BYTES_MAX (1u << 20)
#define TXN_PARTS_MAX 1024 /* of what a transaction writes: one in each range, more where it is much */
#define TXN_ENTRY_BYTES_MAX ((4u << 20) - 4096) /* one Raft entry */
#define TXN_WRITE_BYTES_DEFAULT (32u << 20)     /* of a transaction: see txn_set_write_bytes_max */

/* ---- what stands beside rows (aside.c) ---- */

/* A record that belongs to a row and is none: it stands right behind the row, so that it lies in the row's range, may outlive
 * it, and goes by itself when the range's safe point has come to its end. Scans for rows alone pass over it, and a commit is no
 * conflict for those who have read keys around it: only who has read its very key relies on it. */
#define TXN_ASIDE_ID_BYTES 16
#define TXN_ASIDE_KEY_BYTES (1 + TXN_ASIDE_ID_BYTES) /* behind the row's key */
#define TXN_ASIDE_HEAD_BYTES 9                       /* before the record, in the value */
#define TXN_ASIDE_LIFE_NS_MAX UINT64_C(86406000000000) /* from its timestamp to its end: 24 hours and 6 s. Leaders see to it */
#define TXN_ASIDE_MARK 0xfe /* begins both; no row's value begins with it */
/* Appends to the row's key. */
void txn_aside_key(struct buf *row_key, const uint8_t id[TXN_ASIDE_ID_BYTES]);
/* What begins the value of a record that ends at ts (not 0): at ts and later nobody may rely on its being there. */
void txn_aside_head(uint64_t ts, uint8_t out[TXN_ASIDE_HEAD_BYTES]);
bool txn_is_aside(struct bytes value);
/* When it ends; 0: this is no such record. */
uint64_t txn_aside_ends(struct bytes value);
/* No version of a key whose values end then lies below. */
uint64_t txn_aside_begins(uint64_t end);
/* May this be the key of such a record? */
bool txn_aside_key_like(struct bytes key);
/* The key of its row; of any other key the key, or something that it begins with. */
struct bytes txn_aside_row(struct bytes key);

/* ---- the service of one core ---- */

struct kv;

/* Fills in the application's side of a store; the kv must outlive the store. */
MUST_USE enum status kv_create(struct kv **kv_out);
const struct shard_app *kv_app(struct kv *kv);
/* Once, when the store is open. */
void kv_attach(struct kv *kv, struct store *store);
/* Ends what waits with STATUS_CANCELLED. Before store_close. */
void kv_stop(struct kv *kv);
void kv_destroy(struct kv *kv);

struct kv_metrics {
    uint64_t lock_waits, deadlocks, overlay_reads;
    uint64_t locks_shipped, locks_handed; /* to the next leader; from the one before, or from the other side of a split or merge */
    uint64_t reads, commits, conflicts, retries, unknown_outcomes, clock_rounds;
    uint64_t clock_samples, clock_contradictions, clock_gaps, clock_fences; /* INTERVAL; the last as the master */
    uint64_t lease_requests, lease_failures; /* for the catalog, by this gateway */
    uint64_t held_commits; /* read in other ranges than they write to */
    uint64_t refreshes;    /* requests to leaders whether what was read is unchanged */
    uint64_t prepares, prepares_refused, decisions, resolutions, held_back, questions, known_reads, pushes, pushed_aborts, records_forgotten; /* as the leader */
    /* Of this gateway: transactions that wrote to several ranges, attempts that were made again, and those that came to nothing. */
    uint64_t two_phase_commits, prepare_repeats, two_phase_aborts, staged_commits;
    /* As the leader of an anchor: staged commits whose coordinator was gone, and what became of them; keys that were refused to one. */
    uint64_t recovery_runs, recovered_commits, recovered_aborts, refusals;
    uint64_t waits_on_writes, waits_on_blocks, gate_waits;
    /* Reads of the past: served by replicas here, sent on to leaders; promises asked for and not got by replicas, given by leaders. */
    uint64_t replica_reads, replica_reads_refused, promises_asked, promises_refused, promises_given;
    uint64_t safe_points, snapshots_too_old; /* raised; refused because of one */
    /* Of this gateway: transactions whose values went to a file; bytes of them, in all and of those that are under way. */
    uint64_t spills, spilled_bytes, spilled_bytes_now;
    struct histogram read_ns, commit_ns; /* as the gateway sees them */
    struct histogram lock_wait_ns; /* at leaders, of those that got what they waited for */
    struct histogram merge_closed_ns; /* of right sides led here: from the latch until they were part of the left one */
    struct histogram split_closed_ns; /* of right sides led here: from the proposal of the split until they served */
};
const struct kv_metrics *kv_metrics(const struct kv *kv);

/* How readings of the cluster's clock are had (txn/README.md, The clock). Of all nodes the same. */
enum kv_clock_source {
    KV_CLOCK_ORACLE = 0,   /* each is asked for */
    KV_CLOCK_INTERVAL = 1, /* bounds are known; trusts the machine's clock to measure time */
};
/* Before kv_attach. */
void kv_set_clock_source(struct kv *kv, enum kv_clock_source source);
struct kv_clock_status {
    enum kv_clock_source source;
    bool known;                /* readings can be had now */
    bool differs;              /* the clock master has another source, so none can */
    uint64_t width_ns, epoch;  /* INTERVAL: of the bounds, 0 when nothing is known; of the master */
};
void kv_clock_status(const struct kv *kv, struct kv_clock_status *out);

/* For checkers that see a whole cluster: what a leader has served, when its answer leaves (reads) or its entry is applied
 * (writes), with the epoch of the descriptor by which it was admitted in the step that evaluated it. */
struct kv_served {
    struct range_id range;
    uint64_t epoch, ts;      /* of the read, or of the commit */
    bool wrote, point;       /* point: one key, `start` */
    struct bytes start, end; /* borrowed until return; end empty: unbounded */
};
struct kv_witness {
    void (*on_served)(void *ctx, const struct kv_served *served);
    void *ctx;
};
/* Borrowed until kv_destroy. NULL: nobody looks. */
void kv_set_witness(struct kv *kv, const struct kv_witness *witness);
/* How long a request may look for a leader with a quorum; default 5 s. */
void kv_set_no_quorum_timeout(struct kv *kv, uint64_t timeout_ns);
/* How long a version that was overwritten or deleted stays readable; default 10 min. What counts is the
 * setting of the node that leads the range. A transaction older than that ends with
 * STATUS_SNAPSHOT_TOO_OLD. */
#define KV_VERSION_RETENTION_NS 600000000000u
void kv_set_version_retention(struct kv *kv, uint64_t retention_ns);
uint64_t kv_version_retention(const struct kv *kv);
/* What a transaction writes is proposed in entries of about this size; tests: small. Default and most: TXN_ENTRY_BYTES_MAX. */
void kv_set_entry_bytes(struct kv *kv, uint64_t bytes);
/* When values of a transaction go to a file of its node (README.md, Spilled values). */
struct kv_spill {
    uint64_t kept_bytes;   /* so much of them is in memory; default 4 MiB */
    uint64_t value_bytes;  /* and it is as long as this; default 128 */
    uint64_t buffer_bytes; /* it is written so much at a time; default 128 KiB */
};
/* Tests: little. */
void kv_set_spill(struct kv *kv, const struct kv_spill *spill);
/* false: no commit over several ranges is acknowledged before its record is there, whatever the cluster's setting says. */
void kv_set_parallel_commit(struct kv *kv, bool on);
/* True when this node leads the range that holds the key: work that one node should do is done there. */
bool kv_leads(const struct kv *kv, struct bytes key);
/* NULL until kv_attach. */
struct store *kv_store(const struct kv *kv);
/* The newest timestamp this node has seen from the clock master. */
uint64_t kv_timestamp_seen(const struct kv *kv);
/* About where the clock is, as this node knows: it may be wrong while the clock master cannot be reached. */
uint64_t kv_clock_estimate(const struct kv *kv);

/* ---- one transaction ---- */

struct txn;

/* arena: for results and the write set; the transaction is dead when it is reset. */
MUST_USE enum status txn_create(struct kv *kv, struct arena *arena, struct txn **txn_out);
/* Frees what is not in the arena. No call may be under way. Before kv_destroy. */
void txn_destroy(struct txn *t);

/* An absolute limit (env_now_ns scale) for each later call; 0: none but the no-quorum time-out. */
void txn_set_deadline(struct txn *t, uint64_t deadline_ns);
/* How long a call without a deadline looks for a leader with a quorum; 0: as kv_set_no_quorum_timeout. */
void txn_set_no_quorum_timeout(struct txn *t, uint64_t timeout_ns);
/* How much it may write, as encoded; more than an entry holds (TXN_ENTRY_BYTES_MAX) is prepared in several, also where all of
 * it lies in one range. */
void txn_set_write_bytes_max(struct txn *t, uint64_t bytes);
uint64_t txn_write_bytes_max(const struct txn *t);
/* [fiber] Waits for so long. STATUS_TIMEOUT: interrupted, or the deadline; STATUS_CANCELLED: the node stops. */
MUST_USE enum status txn_sleep(struct txn *t, uint64_t duration_ns);
/* Ends the call under way, if any, and each later one, with STATUS_TIMEOUT. A commit that was sent has one
 * more second to be answered; then its outcome is unknown. Not from the fiber that waits. */
void txn_interrupt(struct txn *t);

/* [fiber] Called now and then by work that takes long without asking anybody: lets the core do what else there is.
 * STATUS_TIMEOUT, STATUS_CANCELLED as for any call. */
MUST_USE enum status txn_breathe(struct txn *t);

/* [fiber] The value of a key as of the transaction, its own writes included; lives in the arena.
 * STATUS_NOT_FOUND: there is none. STATUS_UNAVAILABLE: no quorum answered in time; nothing happened.
 * STATUS_TIMEOUT: the deadline. STATUS_CANCELLED: the node stops. STATUS_SNAPSHOT_TOO_OLD: the transaction
 * is older than the version retention; start over. STATUS_NO_MEMORY: the arena is full. */
MUST_USE enum status txn_get(struct txn *t, struct bytes key, struct bytes *value_out);

/* [fiber] As txn_get, with the timestamp of the version that was read; 0: its own write. */
MUST_USE enum status txn_get_version(struct txn *t, struct bytes key, struct bytes *value_out, uint64_t *ts_out);

/* ---- reads of the past (txn_past.c): before anything else is done with the transaction, which may not write or lock then ---- */

/* [fiber] It reads at ts. STATUS_INVALID: the clock is not there yet. Others as txn_get. A read answers
 * STATUS_SNAPSHOT_TOO_OLD when versions of that time are not kept any more. */
MUST_USE enum status txn_read_at(struct txn *t, uint64_t ts);
/* [fiber] It reads at one timestamp, picked with its first read: at or above least_ts (0: any), with everything that was acknowledged
 * age_ns before the read (0: that does not matter). The newest that replicas of this node can serve by themselves, else
 * the newest. Statuses as txn_read_at. */
MUST_USE enum status txn_read_stale(struct txn *t, uint64_t least_ts, uint64_t age_ns);
bool txn_reads_past(const struct txn *t);
struct txn_reading {
    uint64_t ts, age_ns;            /* 0: it has read nothing so far. By what this node knows of the clock */
    uint64_t at_replica, at_leader; /* requests, of one that reads the past */
};
void txn_reading(const struct txn *t, struct txn_reading *out);

/* [fiber] Locks keys, in the order given, and reads them: *out gets one result each, values in the arena. The
 * transaction's view moves to a new timestamp, at which everything it has read before is unchanged (rule W2). Locks
 * are given back when the transaction ends; they may be lost before (with a leader), which the commit
 * notices. Other statuses than those of txn_get:
 * STATUS_CONFLICT  what it has read before has changed; the keys are locked all the same: txn_restart.
 * STATUS_LOCKED    another holds one of them, and `wait` says not to wait, or the lock time-out is over.
 * STATUS_DEADLOCK  this transaction was chosen to end a circle: end it. */
enum txn_lock_mode { TXN_LOCK_SHARED = 1, TXN_LOCK_EXCLUSIVE = 2 };
enum txn_lock_wait { TXN_LOCK_WAIT = 0, TXN_LOCK_NOWAIT = 1, TXN_LOCK_SKIP = 2 };
struct txn_locked {
    bool found, passed_over; /* passed_over: TXN_LOCK_SKIP, and another holds it; neither locked nor read */
    struct bytes value;
    uint64_t ts;              /* of the version read; 0: none, or not committed yet */
};
MUST_USE enum status txn_lock(struct txn *t, const struct bytes *keys, uint32_t count, enum txn_lock_mode mode,
                              enum txn_lock_wait wait, struct txn_locked *out);
/* How long txn_lock waits for others; 0: as long as the deadline allows. */
void txn_set_lock_timeout(struct txn *t, uint64_t timeout_ns);
/* Lets txn_lock show writes that are proposed and not committed yet, so that those who change the same key need not
 * wait for each other's quorum round. Only for a transaction of which nothing is shown before it has committed:
 * its commit fails (STATUS_CONFLICT) when they are lost. txn_is_pending: it has seen some. */
void txn_set_overlay(struct txn *t, bool on);
bool txn_is_pending(const struct txn *t);
/* Forgets what was read and written, and that it reads the past, and keeps the locks: a new attempt, at a new timestamp. arena: as in
 * txn_create; the old one may have been reset. */
MUST_USE enum status txn_restart(struct txn *t, struct arena *arena);

/* Gives all locks back before the end: others can go on. It keeps its place among the older and younger. */
void txn_unlock(struct txn *t);

/* ---- parts of a transaction ---- */

/* A place in what the transaction has read and written. */
struct txn_mark {
    uint64_t writes, spilled;
    uint32_t spans;
};
struct txn_mark txn_mark(struct txn *t);
/* Forgets what was written after the mark; it may be gone back to again, those taken since may not. What was read
 * stays read, and the locks stay: the client has seen it. */
void txn_back(struct txn *t, struct txn_mark mark);
/* [fiber] Forgets also what was read after the mark, of which nobody has seen anything, and moves to a new timestamp, at
 * which all the rest that was read is unchanged. STATUS_CONFLICT: it is not. Other statuses as txn_get. */
MUST_USE enum status txn_back_and_refresh(struct txn *t, struct txn_mark mark);
/* What is read from now on sees the transaction's own writes as they were at the mark; NULL: as they are. */
void txn_view(struct txn *t, const struct txn_mark *mark);
/* After txn_interrupt: later calls are calls again. None may be under way. */
void txn_resume(struct txn *t);

/* [fiber] txn_get for several keys in as few requests as their values fit into. values_out[i].data is NULL where there is
 * none. Statuses as txn_get, without NOT_FOUND. */
#define TXN_GET_MANY_MAX 64
MUST_USE enum status txn_get_many(struct txn *t, const struct bytes *keys, uint32_t count,
                                  struct bytes *values_out);

/* [fiber] Where the range ends that holds the key, as far as this node knows; empty: it has no end. Whoever writes little by
 * little keeps each transaction within one range by it. Lives in the arena. Statuses as txn_get. */
MUST_USE enum status txn_range_end(struct txn *t, struct arena *arena, struct bytes key, struct bytes *end_out);

/* [fiber] Rows of [start, end) in key order, or backwards. limit: how many the caller expects to take at
 * most (0: all); it sizes the requests only. Statuses as txn_get; STATUS_NOT_FOUND at the end. Views live
 * in the arena `page` (may be reset by the caller between rows it no longer needs: it is reset by the
 * scan itself at each page; key and value are valid until the next txn_scan_next). */
struct txn_scan;
MUST_USE enum status txn_scan_open(struct txn *t, struct bytes start, struct bytes end, bool reverse,
                                   uint64_t limit, struct txn_scan **scan_out);
MUST_USE enum status txn_scan_next(struct txn_scan *scan, struct bytes *key_out,
                                   struct bytes *value_out);
/* Before the first: what stands beside rows is passed over. */
void txn_scan_rows_alone(struct txn_scan *scan);
void txn_scan_close(struct txn_scan *scan);

/* Buffers a write; visible to this transaction at once, to others when it commits. Key and value are
 * copied. STATUS_TOO_LARGE: the key, the value or the transaction is over its limit.
 * [fiber], where much is written: what does not fit into memory any more goes to a file of this node (README.md, Spilled
 * values), and is waited for. STATUS_NO_SPACE: there is no room for it (txn_is_spill_full); STATUS_IO, STATUS_CANCELLED. Reads of
 * such values, and the commit, may answer STATUS_IO, or STATUS_CORRUPT: the file is damaged, and nothing was written. */
MUST_USE enum status txn_put(struct txn *t, struct bytes key, struct bytes value);
/* As txn_put, for a key that must have no value: STATUS_EXISTS when this transaction has given it one; else the
 * commit answers STATUS_EXISTS when it has one then. Saves the read. */
MUST_USE enum status txn_insert(struct txn *t, struct bytes key, struct bytes value);
MUST_USE enum status txn_delete(struct txn *t, struct bytes key);
/* The transaction relies on a value that `key` had at ts; the key is borrowed until the transaction ends.
 * Saves a request: the next read asks for the key, too (all keys of it are in one range), or the commit validates
 * it from ts on. When it is not so, that read or commit, or txn_verify, answers STATUS_CONFLICT (or
 * STATUS_SNAPSHOT_TOO_OLD), and what was concluded from the value was wrong. STATUS_BUSY: relies on
 * TXN_ASSUMPTIONS_MAX values already, or has written the key. */
#define TXN_ASSUMPTIONS_MAX 4
MUST_USE enum status txn_assume(struct txn *t, struct bytes key, uint64_t ts);
/* [fiber] Checks now what has not been checked. No request when there is nothing. Statuses as txn_get, and
 * STATUS_CONFLICT. */
MUST_USE enum status txn_verify(struct txn *t);
/* After STATUS_TOO_LARGE of a write: which limit it is over and by how much, a sentence. */
void txn_explain_limit(const struct txn *t, char *text, size_t size);
/* Requests that were sent for it so far, and how many of them were sent because another one was of no use. */
void txn_requests(const struct txn *t, uint64_t *requests_out, uint64_t *retries_out);
bool txn_has_writes(const struct txn *t);
/* This transaction has given the key a value. No request. */
bool txn_has_put(const struct txn *t, struct bytes key);
/* It has read and written nothing yet. */
bool txn_is_fresh(const struct txn *t);
uint64_t txn_write_bytes(const struct txn *t);
/* The last write, which answered STATUS_NO_SPACE, found no room on the disk of this node. */
bool txn_is_spill_full(const struct txn *t);

/* [fiber] Makes the writes durable and visible. STATUS_OK: acknowledged, at *ts_out (may be NULL).
 * STATUS_CONFLICT: something it read has changed; nothing was written; a new attempt may succeed.
 * STATUS_UNAVAILABLE, STATUS_TIMEOUT before anything was proposed: nothing was written.
 * STATUS_EXISTS: a key of txn_insert has a value; nothing was written.
 * STATUS_SNAPSHOT_TOO_OLD: it read so long ago that this cannot be told; nothing was written.
 * STATUS_EXPIRED: the clock is past txn_set_last_ct; nothing was written.
 * STATUS_LOCKED: others stood in its way until the lock time-out; STATUS_DEADLOCK as txn_lock: nothing was written.
 * STATUS_TOO_LARGE: it writes to more ranges than a transaction may.
 * STATUS_UNKNOWN_OUTCOME: it may or may not have been committed. STATUS_NO_SPACE, STATUS_BUSY: refused. */
MUST_USE enum status txn_commit(struct txn *t, uint64_t *ts_out);

/* The transaction commits at or below ts, or not at all (STATUS_EXPIRED). */
void txn_set_last_ct(struct txn *t, uint64_t ts);

/* 128-bit id, in 32 hex digits and a NUL, to ask about after an unknown outcome. It is that of the last attempt to
 * commit: before, it names nothing. */
#define TXN_ID_BYTES 33
void txn_id(const struct txn *t, char id[TXN_ID_BYTES]);
struct txn_id {
    uint64_t sent_ts, tag; /* outcome.c */
    struct range_id range; /* that it was sent to; 0: it was not */
};
struct txn_id txn_id_of(const struct txn *t);
void txn_id_format(struct txn_id id, char text[TXN_ID_BYTES]);
/* False: this is no id. */
bool txn_id_parse(struct bytes text, struct txn_id *id_out);
enum txn_outcome {
    TXN_OUTCOME_COMMITTED = 1,
    TXN_OUTCOME_ABORTED = 2,     /* and it will never be committed */
    TXN_OUTCOME_IN_PROGRESS = 3, /* not committed so far; decided 10 s after the commit was sent at the latest */
    TXN_OUTCOME_EXPIRED = 4,     /* too long ago for the range's leader to remember */
};
/* [fiber] Lets time pass, unless the transaction is interrupted. */
void txn_pause(struct txn *t, uint64_t duration_ns);
/* [fiber] What became of the transaction with this id, asked within t, whose own state does not change. *ts_out: its
 * commit timestamp, or 0. Statuses as txn_get; STATUS_INVALID: no transaction can have this id. */
MUST_USE enum status txn_outcome_of(struct txn *t, struct txn_id id, enum txn_outcome *outcome_out,
                                    uint64_t *ts_out);
/* The timestamp it reads at; 0 before its first read. */
uint64_t txn_read_ts(const struct txn *t);

/* ---- for operators (inspect.c) ---- */

enum txn_waits_for { TXN_WAITS_NOTHING, TXN_WAITS_READ, TXN_WAITS_LOCK, TXN_WAITS_COMMIT };
struct txn_inspection {
    uint64_t node, number;          /* its name in lock tables; number 0: it has asked for no lock */
    uint64_t read_ts, write_count, write_bytes, span_count;
    uint64_t requests, repeats;     /* to leaders, so far; of these, again */
    uint64_t lock_ns;               /* spent in requests for locks */
    enum txn_waits_for waits_for;   /* other nodes, now */
};
void txn_inspect(const struct txn *t, struct txn_inspection *out);

/* ---- ranges, for operators (txn_split.c) ---- */

/* [fiber] A range begins at the key from now on. STATUS_OK also when one did before. STATUS_INVALID: none may. STATUS_BUSY:
 * its members are being changed; others as of txn_get. */
MUST_USE enum status txn_split(struct txn *t, struct bytes key);
/* [fiber] Visits the ranges that hold keys of [from, end) in their order (end empty: all behind), as the metadata range
 * knows them; the descriptor is borrowed for the call. leader: 0 when it is not known. STATUS_UNAVAILABLE: nobody
 * answers for it; ranges may have been visited. */
MUST_USE enum status txn_ranges(struct txn *t, struct bytes from, struct bytes end,
                                void (*visit)(void *ctx, const struct descriptor *d, struct node_id leader), void *ctx);

/* [fiber] (txn_admin.c) As store_admin, store_range_move and store_range_transfer (shard/admin.h), asked again while there is
 * no leader. The answer is set with STATUS_OK and STATUS_CONFLICT. */
struct admin_question;
struct admin_answer;
MUST_USE enum status txn_admin(struct txn *t, const struct admin_question *q, struct admin_answer *answer_out);
/* As store_overview. */
struct overview;
MUST_USE enum status txn_overview(struct txn *t, struct overview *overview_out);
/* Sets a setting of the cluster, for all keys or those of a scope, or goes back to what holds without; returns when this
 * node knows of it, or a few seconds later. STATUS_INVALID: cluster_settings_judge. STATUS_TOO_LARGE: too many. */
MUST_USE enum status txn_setting_put(struct txn *t, enum cluster_setting id, struct bytes scope, uint64_t value);
MUST_USE enum status txn_setting_reset(struct txn *t, enum cluster_setting id, struct bytes scope);
/* STATUS_NOT_FOUND: no such range. STATUS_INVALID: `from` holds none of its voters, or `to` does. The first one only asks. */
MUST_USE enum status txn_range_may_move(struct txn *t, struct range_id range, struct node_id from, struct node_id to);
MUST_USE enum status txn_range_move(struct txn *t, struct range_id range, struct node_id from, struct node_id to);
/* STATUS_NOT_FOUND: no such range. STATUS_INVALID: `to` is no voter of it. STATUS_BUSY: `to` is behind. */
MUST_USE enum status txn_range_transfer(struct txn *t, struct range_id range, struct node_id to);
/* With its right neighbour, until the metadata range knows. STATUS_NOT_FOUND. STATUS_UNSUPPORTED: it has none. STATUS_INVALID:
 * they are not on the same nodes. STATUS_BUSY: something else changes them, or one of their nodes is away. */
MUST_USE enum status txn_range_merge(struct txn *t, struct range_id range);

/* A lock, held or waited for, at the leader of its range. */
struct kv_lock {
    struct range_id range;
    struct bytes key;
    uint64_t node, number;          /* of the transaction; number 0: a commit that takes no locks waits for it */
    uint64_t begin_ts;              /* where the transaction stood when it asked for its first lock */
    uint64_t since_ns;              /* waiting: env_now_ns scale */
    bool granted, exclusive;
};
/* Visits the locks of the ranges that this node leads: key after key as their holders came, then those who wait. The
 * lock is borrowed for the call. */
void kv_locks(const struct kv *kv, void (*visit)(void *ctx, const struct kv_lock *lock), void *ctx);
/* What a transaction has prepared in a range that this node leads: its part of a commit over several ranges, which is not
 * decided yet as far as this leader knows. */
struct kv_prepared {
    struct range_id range;
    struct txn_id id;        /* its range: that of the anchor, which decides, as far as this node knows; 0: it does not */
    uint64_t node, number;   /* of the transaction */
    uint32_t key_count;
    struct bytes first_key;  /* of these; borrowed for the visit */
    uint32_t staged_count;   /* other keys that the anchor's part lists: with all of them prepared it is committed; 0: it lists none */
    uint64_t since_ns;       /* env_now_ns scale; since this leader has it */
    bool ends;               /* it is decided, and on its way */
    bool pushed;             /* somebody finds out what becomes of it */
};
void kv_prepared(const struct kv *kv, void (*visit)(void *ctx, const struct kv_prepared *prepared), void *ctx);
/* How many; how long the oldest one has been there. */
uint64_t kv_prepared_count(const struct kv *kv, uint64_t *oldest_ns_out);
/* Keys that are locked, and requests that wait, here. */
void kv_lock_counts(const struct kv *kv, uint64_t *held_out, uint64_t *waiting_out);

#endif
