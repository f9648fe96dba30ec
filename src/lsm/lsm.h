/* The storage engine of one store, behind verbs by range id. A range is a small LSM of its own;
 * memory, block cache, files, manifest and background work belong to the store. The Raft log is the
 * redo log: the engine has none. What it holds on disk for a range is its state at flushed_index;
 * everything after is applied again by the range's replica at start (LSM-1).
 *
 * Every entry is (space, key, ts) -> value or tombstone. In LSM_SPACE_VERSIONS ts is a commit
 * timestamp and many versions of a key exist; in LSM_SPACE_LOCAL ts is a number that the owner
 * chooses, and each (key, ts) stands for itself; in LSM_SPACE_INTENTS it is 0. Of what is written
 * to one (space, key, ts) the last counts. Keys are opaque bytes, ordered bytewise, a proper prefix first; versions of a key
 * newest first.
 *
 * Nothing here reads the disk synchronously: get, seek and next answer STATUS_WAIT when a block is
 * not in memory, start the read, and call the waiter back when it is worth asking again. They also
 * answer it after a slice of work without a result; the next lsm_step calls back then. A waiter may
 * be NULL.
 *
 * One core only. The callbacks of struct lsm_options run in lsm_step, on the core's own stack. */
#ifndef OSTRAKA_LSM_LSM_H
#define OSTRAKA_LSM_LSM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/fiber.h"
#include "base/ids.h"
#include "base/list.h"
#include "base/status.h"
#include "io/env.h"
#include "io/fio.h"

#define LSM_KEY_BYTES_MAX   4352       /* 4 KiB user key + prefixes */
#define LSM_VALUE_BYTES_MAX (4u << 20) /* a row of 1 MiB and any system record fit */
#define LSM_TS_MAX          UINT64_MAX

enum lsm_space {
    LSM_SPACE_VERSIONS = 1, /* MVCC versions of user and system keys */
    LSM_SPACE_INTENTS = 2,  /* prepared intents */
    LSM_SPACE_LOCAL = 3, /* records of the range itself: descriptor, transaction records, floors */
};

struct lsm;
struct lsm_iter;

struct lsm_options {
    struct env *env;
    struct fiber_pool *fibers; /* open, flush, compaction and snapshots run on its fibers */
    struct logger *logger;
    const char *directory; /* relative to the root; made when missing */
    uint64_t store_id;
    uint64_t memtable_bytes; /* budget for all memtables of the store */
    uint64_t cache_bytes;    /* block cache */
    uint64_t table_bytes;    /* target size of a table, default 8 MiB (tests: small) */
    uint32_t block_bytes;    /* default 8192 raw */
    uint32_t manifest_bytes; /* at least; default 1 MiB, a multiple of 4096 (tests: small) */
    bool compress;           /* LZ4 blocks */
    /* NULL, or: from which GC timestamp on a version with this value may go by itself, though nothing supersedes it; 0:
     * never. The same on all replicas, for ever; of all values that a key ever gets it answers the same. Whoever reads
     * such a version at that timestamp or later does not depend on whether it is still there. */
    uint64_t (*value_ends)(struct bytes value);
    /* NULL, or: false for keys none of whose values ever ends, whatever value_ends says of it. What keeps values that end is not
     * asked for these. */
    bool (*key_may_end)(struct bytes key);
    uint64_t seed;           /* for table uids */
    /* A flush made this the range's state on disk: the log up to here is no longer needed. */
    void (*on_flushed)(void *ctx, struct range_id range, uint64_t index);
    /* Appends the record of a range as it is now to out, which is empty; asked for only after
     * lsm_range_note_meta, at a moment at which the range's memtable is frozen. */
    void (*on_meta)(void *ctx, struct range_id range, struct buf *out);
    /* Damage was found in a file of the range (reads of it answer STATUS_CORRUPT): fence the
     * replica. */
    void (*on_corrupt)(void *ctx, struct range_id range, const char *what);
    /* The engine cannot go on (manifest write or sync failed): stop the store. */
    void (*on_failed)(void *ctx, enum status status, const char *what);
    void *ctx;
};

/* What the manifest says of one range. meta is the owner's opaque record (shard/: descriptor, Raft
 * configuration and log position of flushed_index), written atomically with that state. */
struct lsm_range_info {
    struct range_id range;
    uint64_t flushed_index;
    struct bytes meta; /* view, valid during the visit */
    bool corrupt;      /* a file is missing or its footer is bad */
};
struct lsm_range_visitor {
    enum status (*visit)(void *ctx, const struct lsm_range_info *info);
    void *ctx;
};

/* Runs on a fiber. Visits every range there is. STATUS_CORRUPT: the manifest itself is damaged
 * (what: log line); STATUS_VERSION, STATUS_INVALID: another format or store. */
MUST_USE enum status lsm_open(const struct lsm_options *options,
                              const struct lsm_range_visitor *visitor, struct lsm **lsm_out);
/* Starts nothing more and ends background work where it stands; after it lsm_idle comes true as
 * soon as what the environment has in hand is complete (env_shutdown and poll, or drain). For the
 * end of a process that cannot wait; nothing is lost that was told to be durable. Called on the
 * core's stack. */
void lsm_abandon(struct lsm *l);
/* Frees everything. Nothing may wait for the environment: wait for lsm_idle, or shut the
 * environment down and drain it (lsm_abandon is implied). Iterators, snapshots, hashes and ingests
 * were closed. Files are closed by the polls that follow: poll or drain once more before
 * env_destroy. */
void lsm_close(struct lsm *l);
/* True when no background work and no file operation of the engine is under way. */
bool lsm_idle(const struct lsm *l);
/* Once per turn: starts flushes and compactions that are due, on fibers, which then work in slices
 * of at most 200 us and continue from lsm_step. Returns when it wants to be called again. */
uint64_t lsm_step(struct lsm *l, uint64_t now_ns);

/* ---- ranges ---- */

/* Makes an empty range; durable with its first flush. STATUS_EXISTS. */
MUST_USE enum status lsm_range_create(struct lsm *l, struct range_id range);
/* Durable drop: the range is gone for every call at once, its files when the manifest says so and
 * the last reader is through. on_done is called once, from lsm_step, with 0, -ENOENT, -EIO or
 * -ECANCELED. */
void lsm_range_drop(struct lsm *l, struct range_id range, struct env_op *on_done);
bool lsm_range_exists(const struct lsm *l, struct range_id range);
/* The opaque record that goes into the manifest with the next flush: describes the state as of
 * every lsm_write so far. Copied. */
void lsm_range_set_meta(struct lsm *l, struct range_id range, struct bytes meta);
/* The same for who changes the record with every write: it is asked for with on_meta when it is
 * needed. flush_limit: as in lsm_range_set_flush_limit. */
void lsm_range_note_meta(struct lsm *l, struct range_id range, uint64_t flush_limit);
/* Asks now, if that is still due: on_meta could not answer later. Nothing to do: no such range. */
void lsm_range_settle_meta(struct lsm *l, struct range_id range);
/* Flushes the range as it is now; on_flushed follows, also when there was nothing new. */
void lsm_range_flush(struct lsm *l, struct range_id range);
/* Memtables that hold writes beyond this Raft index are not flushed yet (default: no limit). The
 * owner keeps it at the index up to which its log is durable here: LSM-1 needs every entry behind
 * flushed_index, and none of a log that was lost. */
void lsm_range_set_flush_limit(struct lsm *l, struct range_id range, uint64_t index);
/* Versions that a newer one at or below ts supersedes may go at compaction, and tombstones at or
 * below it when nothing older of their key is left: no read at ts or later can tell. Rises only;
 * not remembered over a restart. The owner writes no more versions at or below it. */
void lsm_range_set_gc(struct lsm *l, struct range_id range, uint64_t ts);

/* Divides a range at `key`, strictly inside of it: the right one is born with every key from there
 * on, in all spaces. Called after lsm_apply of the entry that says so, and after lsm_range_set_meta
 * of the left one as it is from now on. Nothing is copied: both go on with the same tables and
 * memtables, each seeing its keys only; readers opened before see what they saw. The right one
 * starts at the left one's applied index, with its GC timestamp and right_meta.
 *
 * Not durable yet: the flush of what was written before it is due at once, and one edit then says
 * what both are (LSM-11). Before that no flushed index of the left one beyond it, and none of the
 * right one, is told; the owner keeps the log from the left one's flushed index on, and after a
 * restart applies it again, this call included. Meanwhile either may be divided again. Drop and
 * lsm_ingest_commit of either wait for it, so the owner keeps the left one's log until a drop of it
 * has ended.
 *
 * STATUS_EXISTS: there is a right one already (or one is being received or dropped): the left one
 * only shrinks. STATUS_NOT_FOUND: no left one. STATUS_NO_MEMORY is fatal for the store. Not while
 * the left one is being replaced by lsm_ingest_commit. */
MUST_USE enum status lsm_range_split(struct lsm *l, struct range_id left, struct range_id right,
                                     struct bytes key, struct bytes right_meta);
/* The range loses everything from `end` on; durable as a split is. */
MUST_USE enum status lsm_range_shrink(struct lsm *l, struct range_id range, struct bytes end);

/* Makes the right neighbour, which begins with `key`, part of the left one: the reverse of a split,
 * called in the same way (after lsm_apply and lsm_range_set_meta of the left one). The right one
 * gets no more writes and is gone for callers at once; in its place in the manifest, and in that of
 * the left one, the flush that is then due puts what both are; before that a restart finds both,
 * and applies this again. The GC timestamp of both is the later one: no read of either below it may
 * come any more.
 *
 * STATUS_BUSY: nothing was done, because what the right one has is not on disk entirely or work on
 * its tables is under way, or a split or merge of either is not durable yet; it has been asked for:
 * call again in a later turn. STATUS_CORRUPT: one of them is damaged; nothing was done, and what
 * the left one would be must come from elsewhere. STATUS_NOT_FOUND; STATUS_NO_MEMORY. */
MUST_USE enum status lsm_range_merge(struct lsm *l, struct range_id left, struct range_id right,
                                     struct bytes key);
/* What lsm_range_merge would say, without doing it. After STATUS_OK it does not say BUSY until something is
 * written to the right one, or either is divided or replaced. */
MUST_USE enum status lsm_range_merge_ready(struct lsm *l, struct range_id left, struct range_id right);

struct lsm_range_stats {
    uint64_t applied_index, flushed_index;
    uint64_t memtable_bytes, table_bytes, table_count, entry_estimate;
    uint64_t newest_ts; /* highest ts in VERSIONS, ever (survives restarts) */
    uint64_t gc_ts;     /* of lsm_range_set_gc */
    bool corrupt;
};
MUST_USE enum status lsm_range_stats(const struct lsm *l, struct range_id range,
                                     struct lsm_range_stats *stats_out);

/* ---- writes ---- */

struct lsm_write {
    enum lsm_space space;
    bool tombstone;
    struct bytes key;
    uint64_t ts;
    struct bytes value;
    /* Of a put in LSM_SPACE_INTENTS: the owner knows that the range holds no value under this key. Then a deletion that follows
     * has nothing below to hide, and when it comes before a flush neither of the two is ever written to a table. Where it was
     * not true, the value below is back after the deletion. */
    bool alone;
};
/* Applies one Raft entry's writes, all or none visible together. index rises by each call per range
 * (entries without writes are told with count 0). Never waits, never refuses for lack of budget:
 * admission happens before proposing, by lsm_pressure. STATUS_NO_MEMORY is fatal for the store. */
MUST_USE enum status lsm_apply(struct lsm *l, struct range_id range, uint64_t index,
                               const struct lsm_write *writes, uint32_t count);
/* 0: fine; 1..99: slow writers down; 100: refuse new writes until flushes caught up. */
uint32_t lsm_pressure(const struct lsm *l);
/* True while flushes fail for lack of disk space: refuse new writes (53100), reads go on. */
bool lsm_disk_full(const struct lsm *l);

/* ---- reads ---- */

/* Called back once, from env_poll or lsm_step, when it is worth asking again; then unlinked. The
 * owner may cancel with lsm_waiter_cancel. */
struct lsm_waiter {
    struct list link;
    void (*on_ready)(struct lsm_waiter *w);
};
void lsm_waiter_init(struct lsm_waiter *w, void (*on_ready)(struct lsm_waiter *w));
void lsm_waiter_cancel(struct lsm_waiter *w);
/* Called back by the next lsm_step: for readers that have done enough for one step. */
void lsm_wait_turn(struct lsm *l, struct lsm_waiter *w);

struct lsm_version {
    uint64_t ts;
    bool tombstone;
};
/* The newest version with ts <= ts_max. value (may be NULL) gets the bytes appended.
 * STATUS_OK also for a tombstone; STATUS_NOT_FOUND: none; STATUS_WAIT: waiter was queued;
 * STATUS_CORRUPT: the range is damaged. */
MUST_USE enum status lsm_get(struct lsm *l, struct range_id range, enum lsm_space space,
                             struct bytes key, uint64_t ts_max, struct lsm_waiter *waiter,
                             struct lsm_version *version_out, struct buf *value);

/* The newest version of a key all of whose values end by themselves, and were written at or above ts_min: what holds nothing
 * such is not asked. So a tombstone may be passed over. Answers as lsm_get. */
MUST_USE enum status lsm_find_ending(struct lsm *l, struct range_id range, struct bytes key, uint64_t ts_min,
                                     struct lsm_waiter *waiter, struct lsm_version *version_out);

enum lsm_iter_mode {
    LSM_ITER_NEWEST,       /* per key, the newest version with ts <= ts_max, tombstones included */
    LSM_ITER_LASTING,      /* as NEWEST; keys whose values end by themselves may be left out */
    LSM_ITER_ALL_VERSIONS, /* every version with ts <= ts_max, newest first within a key */
};
struct lsm_item {
    enum lsm_space space;
    struct bytes key; /* views, valid until the iterator moves or closes */
    uint64_t ts;
    bool tombstone;
    struct bytes value;
};
/* Iterates keys in [start, end) of one space (end empty: to the end of the space), ascending or,
 * with reverse, descending. Sees every write so far, and none after its creation (a consistent
 * view; it pins memtables and files until closed). Positioned before the first item. */
MUST_USE enum status lsm_iter_open(struct lsm *l, struct range_id range, enum lsm_space space,
                                   struct bytes start, struct bytes end, uint64_t ts_max,
                                   enum lsm_iter_mode mode, bool reverse,
                                   struct lsm_iter **iter_out);
/* Moves to the next item. STATUS_OK: *item_out is it; STATUS_NOT_FOUND: the end; STATUS_WAIT:
 * waiter was queued, call again; STATUS_CORRUPT. */
MUST_USE enum status lsm_iter_next(struct lsm_iter *it, struct lsm_waiter *waiter,
                                   struct lsm_item *item_out);
void lsm_iter_close(struct lsm_iter *it);

/* Appends a key of LSM_SPACE_VERSIONS that has about half of the range's bytes on each side and
 * something before it, as index blocks and samples of the memtables tell. STATUS_NOT_FOUND: no
 * range, or no such key (it holds one key, or nothing); STATUS_WAIT: the waiter was queued;
 * STATUS_CORRUPT. */
MUST_USE enum status lsm_range_middle(struct lsm *l, struct range_id range,
                                      struct lsm_waiter *waiter, struct buf *key_out);

/* ---- snapshots: the whole range as a stream of chunks ---- */

/* A consistent view of the range at its applied index. Tables that are the range's as a whole
 * travel as they are, checked block by block on both sides; parts of tables and what is in memory
 * as items. What lsm_range_set_gc lets go may or may not be among it. */
struct lsm_snapshot;
MUST_USE enum status lsm_snapshot_open(struct lsm *l, struct range_id range,
                                       struct lsm_snapshot **snapshot_out, uint64_t *index_out);
/* Appends a chunk (format: src/lsm/README.md, self-checking) of about size_target bytes.
 * STATUS_OK: more follows; STATUS_NOT_FOUND: this chunk (maybe without items, never without bytes)
 * was the last, and lsm_ingest_commit demands it; STATUS_WAIT: nothing was appended, call again. */
MUST_USE enum status lsm_snapshot_read(struct lsm_snapshot *s, size_t size_target,
                                       struct lsm_waiter *waiter, struct buf *chunk);
void lsm_snapshot_close(struct lsm_snapshot *s);

/* The receiving side: chunks go into new tables; lsm_ingest_commit replaces the range (made when
 * missing) by them in one manifest edit, with flushed_index = index and meta. Both run on a fiber.
 * A crash at any point leaves the old state or the new one. */
struct lsm_ingest;
MUST_USE enum status lsm_ingest_begin(struct lsm *l, struct range_id range,
                                      struct lsm_ingest **ingest_out);
/* STATUS_CORRUPT: the chunk is malformed or out of order. */
MUST_USE enum status lsm_ingest_chunk(struct lsm_ingest *in, struct bytes chunk);
/* Without any chunk: an empty range. STATUS_INVALID: the last chunk has not come. Ends the ingest
 * in any case. STATUS_CANCELLED: the range was dropped meanwhile. The range's GC timestamp starts
 * at 0 again. */
MUST_USE enum status lsm_ingest_commit(struct lsm_ingest *in, uint64_t index, struct bytes meta);
/* Drops what was received. */
void lsm_ingest_abort(struct lsm_ingest *in);

/* ---- inspection ---- */

struct lsm_metrics {
    uint64_t memtable_bytes, cache_bytes, cache_hits, cache_misses;
    uint64_t flush_count, flush_bytes, compaction_count, compaction_read_bytes,
        compaction_write_bytes;
    uint64_t table_count, table_bytes, blocks_read, blocks_corrupt;
};
const struct lsm_metrics *lsm_metrics(const struct lsm *l);
/* Prints manifest and tables for `ostraka debug lsm`. Runs on a fiber; never writes. */
MUST_USE enum status lsm_dump(struct fio *f, const char *directory,
                              void (*line)(void *ctx, const char *text), void *ctx);
/* XXH3 over every item of the range at its applied index, in order, leaving out what
 * lsm_range_set_gc lets go; STATUS_WAIT as above. Replicas with the same applied index and GC
 * timestamp have the same hash, whatever each has flushed and compacted. */
struct lsm_hash;
MUST_USE enum status lsm_hash_open(struct lsm *l, struct range_id range,
                                   struct lsm_hash **hash_out);
MUST_USE enum status lsm_hash_step(struct lsm_hash *h, struct lsm_waiter *waiter,
                                   uint64_t *hash_out);
void lsm_hash_close(struct lsm_hash *h);

#endif
