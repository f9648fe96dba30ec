/* The write-ahead log of one store: one stream of group frames that carries the Raft entries and
 * hard states of all ranges in the store. Appends go into the open group; wal_submit (once per turn
 * of the core) writes it when at most one earlier group is in flight, so a group is whatever
 * arrived meanwhile. Groups become durable in order. Formats, invariants and recovery:
 * wal/README.md. */
#ifndef OSTRAKA_WAL_WAL_H
#define OSTRAKA_WAL_WAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/fiber.h"
#include "base/histogram.h"
#include "base/ids.h"
#include "io/env.h"
#include "io/fio.h"

/* A place in the log of the store: bytes of groups since its creation; never falls. */
struct lsn {
    uint64_t value;
};

#define WAL_PAYLOAD_BYTES_MAX (4u << 20)

enum wal_sync_mode {
    WAL_SYNC_AUTO,      /* time both for a moment when it opens: DSYNC unless a write takes half as long again */
    WAL_SYNC_DSYNC,     /* O_DSYNC writes */
    WAL_SYNC_FDATASYNC, /* one write, then fdatasync, per group */
};

struct wal;

struct wal_options {
    struct env *env;
    struct fiber_pool *fibers;   /* recovery runs on one of its fibers */
    struct logger *logger;
    const char *directory;       /* relative to the environment's root; made when missing */
    uint64_t store_id;           /* written into every segment and checked */
    uint32_t segment_bytes;      /* 0: 64 MiB; a multiple of 4096 from 64 KiB to 1 GiB */
    uint32_t group_bytes_max;    /* of one group; 0: 5 MiB; at most half a segment is used */
    enum wal_sync_mode sync_mode;
    bool compress;               /* LZ4 for large payloads */
    /* Both are called from env_poll on the core's own stack. on_durable: durability advanced, or an
     * append that was refused may be tried again. on_failed: once, when the log fails; not after
     * env_shutdown. */
    void (*on_durable)(void *ctx, struct lsn durable);
    void (*on_failed)(void *ctx, enum status status, const char *what);
    void *ctx;
};

/* What recovery hands out, once the extent of the log is known, in this order: the facts by key;
 * each range by id with on_start and then on_hard_state (both always, zeros when never set); ranges
 * that were dropped; then the live entries of all ranges in log order. Entries that were
 * overwritten, truncated or dropped are not shown: per range, indexes follow the start without a
 * hole. Views are valid during the call. A status other than STATUS_OK from a callback ends
 * recovery with it. Callbacks may be NULL. */
struct wal_visitor {
    enum status (*on_entry)(void *ctx, struct range_id range, uint64_t term, uint64_t index,
                            uint8_t kind, struct bytes payload);
    enum status (*on_hard_state)(void *ctx, struct range_id range, uint64_t term, uint64_t vote,
                                 uint64_t commit);
    /* The range's log starts after pos: entries up to it are gone. */
    enum status (*on_start)(void *ctx, struct range_id range, struct log_pos pos);
    /* wal_append_dropped was the last word about this range; said while its record exists. */
    enum status (*on_dropped)(void *ctx, struct range_id range);
    /* Small opaque facts about the store (identity, incarnation), latest value per key. */
    enum status (*on_fact)(void *ctx, uint32_t key, struct bytes value);
    void *ctx;
};

struct wal_recovery {
    bool created;          /* there was no log */
    bool torn;             /* unfinished frames (at most two) were cut: never acknowledged */
    bool uncertain;        /* the last frame, or the last two, may have been acknowledged, and are
                            * gone */
    bool damaged;          /* acknowledged bytes are bad: entries were lost in the middle; every
                            * range with state in this store has to be fenced and refetched */
    /* uncertain and damaged are said again at every start until wal_append_settled is durable. */
    uint64_t generation;   /* of the segment that this start begins: rises with every start, unless
                            * the disk is full (then it is the last one's, and nothing can be
                            * appended yet) */
    uint64_t frame_count, entry_count, bytes; /* of the valid log; entries: those handed out */
    char detail[160];      /* for the log line: where and why; "" when all is well */
};

/* Opens or creates the log. Runs on a fiber of options->fibers. STATUS_OK also when damaged (the
 * caller reads recovery_out, which is written always); STATUS_VERSION or STATUS_INVALID for a log
 * of another version or store; STATUS_IO, STATUS_NO_SPACE (only for a new or damaged log),
 * STATUS_CANCELLED or STATUS_CORRUPT (a frame went bad while it was being read) from the disk;
 * STATUS_NO_MEMORY; STATUS_TOO_LARGE when segment_bytes was made too small for the ranges there
 * are. visitor may be NULL. */
MUST_USE enum status wal_open(const struct wal_options *options, const struct wal_visitor *visitor,
                              struct wal_recovery *recovery_out, struct wal **wal_out);
/* Nothing may be in flight: wait for wal_idle, or shut the environment down first and drain it.
 * Closes the files: w is not to be touched any more, and its memory is freed by later polls. */
void wal_close(struct wal *w);
/* At least one group is being written; what is appended now goes into another one. */
bool wal_writing(const struct wal *w);
/* True when no write, sync or file operation of the log is under way. */
bool wal_idle(const struct wal *w);

/* Append to the open group. None waits for the disk: what was appended is durable once wal_durable
 * has reached *lsn_out, the first byte after it (WAL-2). On any status but STATUS_OK nothing was
 * appended.
 * STATUS_BUSY      the buffers are full, or the next segment is still being prepared: retry after
 *                  on_durable.
 * STATUS_NO_SPACE  the disk has no room for another segment and this one is full. Entries are
 *                  refused first, hard states, facts and markers later; starts and drops, which
 *                  free segments, last. The log tries to get room by itself: retry after
 *                  on_durable, or later.
 * STATUS_FENCED    an earlier write or sync failed; the log accepts nothing more (WAL-4).
 * STATUS_TOO_LARGE over WAL_PAYLOAD_BYTES_MAX or what a group holds; or more ranges or facts than
 *                  the checkpoint of a segment has room for.
 * STATUS_NO_MEMORY the index could not grow. */

/* index: from the range's start + 1 to its last + 1 (asserted). Replaces it and all after. */
MUST_USE enum status wal_append_entry(struct wal *w, struct range_id range, uint64_t term,
                                      uint64_t index, uint8_t kind, struct bytes payload,
                                      struct lsn *lsn_out);
MUST_USE enum status wal_append_hard_state(struct wal *w, struct range_id range, uint64_t term,
                                           uint64_t vote, uint64_t commit, struct lsn *lsn_out);
/* The range's log starts after pos from now on (pos.index never falls): entries up to it are gone,
 * and all of them when the log does not hold an entry of that very term there (a snapshot took its
 * place). Frees segments once it is durable. */
MUST_USE enum status wal_append_start(struct wal *w, struct range_id range, struct log_pos pos,
                                      struct lsn *lsn_out);
/* The range is gone from this store. */
MUST_USE enum status wal_append_dropped(struct wal *w, struct range_id range, struct lsn *lsn_out);
/* value: at most 1024 bytes, at most 64 keys; repeated in every segment. */
MUST_USE enum status wal_append_fact(struct wal *w, uint32_t key, struct bytes value,
                                     struct lsn *lsn_out);
/* An empty durable frame: the idle marker that says how far the log was known durable. */
MUST_USE enum status wal_append_marker(struct wal *w, struct lsn *lsn_out);
/* The owner has dealt with what recovery reported (damaged, uncertain): it is not reported again,
 * and files that were kept because of it may go at the next start. */
MUST_USE enum status wal_append_settled(struct wal *w, struct lsn *lsn_out);

/* Closes the open group and starts its write, beside one that is in flight if it has to be. When it
 * cannot be (two are, or the segment changes), it starts by itself as soon as one is durable. Call
 * once at the end of each turn, also when nothing was appended. */
void wal_submit(struct wal *w);
/* Everything before this place is durable. */
struct lsn wal_durable(const struct wal *w);
bool wal_failed(const struct wal *w);
/* The disk has no room for the next segment; it is tried again. */
bool wal_no_space(const struct wal *w);
/* Bytes that entries may still take before they are refused for lack of a next segment; UINT64_MAX:
 * there is one. */
uint64_t wal_room(const struct wal *w);

/* Reads entries [first, last] of a range back, as many as fit into size_max payload bytes but at
 * least one; fewer, too, when the range is truncated or overwritten meanwhile. Runs on a fiber.
 * visit is called in order with views valid during the call. STATUS_NOT_FOUND: not in the log (any
 * more);
 * STATUS_CORRUPT: bad on disk now; STATUS_FENCED: never became durable; STATUS_IO,
 * STATUS_NO_MEMORY. */
MUST_USE enum status wal_read(struct wal *w, struct range_id range, uint64_t first, uint64_t last,
                              uint64_t size_max,
                              void (*visit)(void *ctx, uint64_t term, uint64_t index, uint8_t kind,
                                            struct bytes payload),
                              void *ctx);

/* The range whose entries keep the oldest full segment alive (flush it first, up to *last_index_out
 * at least). STATUS_NOT_FOUND: none. */
MUST_USE enum status wal_oldest_pin(const struct wal *w, struct range_id *range_out,
                                    uint64_t *last_index_out);

struct wal_metrics {
    uint64_t appended_bytes, written_bytes, group_count, entry_count, sync_count;
    uint64_t segment_count, segments_recycled, disk_bytes;
    uint64_t inflight_since_ns; /* start of the oldest in flight, 0: none (disk-stall detection) */
    struct histogram sync_ns;   /* from the start of a group's write until it is durable */
    struct histogram group_bytes, group_entries;
    enum wal_sync_mode sync_mode; /* the one in use */
    bool direct;                  /* O_DIRECT in use */
};
const struct wal_metrics *wal_metrics(const struct wal *w);

/* Prints a log directory, one line per file, frame and record, for `ostraka debug wal`. Runs on a
 * fiber; never writes. Lines go to `line`. STATUS_CORRUPT after printing what is bad. */
MUST_USE enum status wal_dump(struct fio *f, const char *directory,
                              void (*line)(void *ctx, const char *text), void *ctx);

#endif
