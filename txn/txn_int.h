/* The service of a core (struct kv), and what is where in txn/. The private headers:
 *   span.h, catalog_lease.h, outcome.h             of a gateway and of a leader
 *   gateway.h, write_set.h, spill.h, txn_state.h, txn_lock.h, two_phase.h  of a gateway
 *   range.h, leader.h, lock_table.h, lock.h, divide.h, two_phase_leader.h  of the leader of a range
 * and the sources:
 *   clock*.c   timestamps from the clock master, and the master itself (clock.h)
 *   range.c    a range as its leader serves it: readiness, floor; in_flight.c: writes that are not applied yet
 *   read.c     reads at the leader (R1-R4)        commit.c  one-phase commit at the leader (T1)
 *   command.c  what stands in the log             gateway.c requests to leaders, retries
 *   spans.c    spans and the bounds of ranges
 *   refresh.c  what was read is unchanged at a later timestamp; refresh_ask.c asks the leaders of all of it
 *   hold.c     commits that have read in other ranges
 *   prepare.c  the first phase of commits that write to several ranges; intents at the leader
 *   attempts.c which requests belong to one attempt
 *   record.c   decisions at the leader of the anchor, and how long they are kept
 *   decide.c   the decision                       resolve.c intents become versions, or go
 *   resolver.c has decisions carried out where their intents are; later.c: what waits for company on its way to the log
 *   push.c     who waits for an intent finds out what becomes of it
 *   staged.c   commits that are acknowledged before their record is there: what the leaders know of them; recover.c finds out
 *   load.c     intents and records as a new leader reads them back
 *   catalog_lease.c    until when the catalog does not change
 *   gc.c       how long old versions are kept
 *   outcome.c  what became of a commit that was not answered; txn_outcome.c asks for it
 *   lock.c     locks at the leader (W2), on lock_table.c, which is pure; lock_handed.c: what becomes of them when a range changes hands (W4)
 *   divide.c   a range that is split
 *   promise.c  what replicas may serve of the past; replica_read.c serves it, txn_past.c asks for it
 *   deadlock.c circles of locks over several ranges
 *   inspect.c  what operators may see of transactions and locks
 *   handover.c leadership goes where the clock can be reached
 *   txn*.c     the transaction                    write_set.c  its buffered writes; spill.c: large values of them
 *   two_phase*.c  its commit when what it writes lies in several ranges */
#ifndef OSTRAKA_TXN_TXN_INT_H
#define OSTRAKA_TXN_TXN_INT_H

#include "base/assert.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/pool.h"
#include "base/prng.h"
#include "txn/catalog_lease.h"
#include "txn/clock.h"
#include "txn/txn.h"

#define REQUEST_TIMEOUT_NS 3000000000u /* one attempt at one node */
#define NO_QUORUM_TIMEOUT_NS 5000000000u
#define GATEWAY_HEAD_BYTES 16 /* of a request: range id and epoch */

/* One attempt of a transaction to commit: a reading that its gateway had seen when it began, and a random number
 * (outcome.c). tag 0: none. */
struct attempt {
    uint64_t sent, tag;
};
static inline bool attempt_equal(struct attempt a, struct attempt b)
{
    return a.sent == b.sent && a.tag == b.tag;
}
static inline bool attempt_is_older(struct attempt a, struct attempt b)
{
    return a.sent != b.sent ? a.sent < b.sent : a.tag < b.tag;
}

/* Flags of a SCAN (read.c). */
#define READ_SCAN_REVERSE    1u
#define READ_SCAN_ROWS_ALONE 2u

/* ---- handover.c ---- */

struct handover {
    struct timer timer;
    uint64_t attempt; /* whose turn it is to be handed the leadership */
    uint64_t next_ns, pause_ns;
};
void handover_attach(struct handover *h, struct kv *kv);
void handover_stop(struct handover *h, struct kv *kv);

/* ---- later.c ---- */

/* What waits there for company need not wait any more. */
void later_go(struct kv *kv);

/* ---- txn.c ---- */

void txn_unlocks_stop(struct kv *kv);
void txn_kept_free(struct kv *kv);

/* ---- kv.c ---- */

struct kv {
    struct store *store;
    struct shard_app app;
    struct clock clock;
    struct handover handover;
    struct catalog_lease lease;
    struct list ranges;
    struct list calls;      /* gateway calls under way */
    struct prng prng;
    uint64_t key_seed;      /* of the hashes by which keys in flight are known: who chooses keys does not know it */
    bool stopping;
    uint64_t no_quorum_timeout_ns;
    uint64_t version_retention_ns;
    uint64_t entry_bytes;
    struct kv_spill spill;
    struct timer gc_timer, lock_timer;
    struct pool pool;       /* of requests at the leader, and of what a transaction needs for as long as it runs */
    struct txn *kept;       /* transactions that have ended, for their memory */
    uint32_t kept_count;
    struct map locking;     /* number -> transaction of this node that may hold locks */
    uint64_t txn_numbers;   /* drawn so far */
    uint32_t outcome_chunks; /* of all ranges */
    struct list inquiries, unlocks, tellings; /* lock.c, txn_lock.c, lock_handed.c: requests that nobody waits for */
    struct list promises;   /* struct promise, of ranges that are read here */
    struct list two_phase;  /* ranges that hold intents or records */
    struct timer two_phase_timer;
    uint32_t resolvers, resolve_fibers; /* records that resolver.c is about; those that have a fiber */
    struct list resolve_batches;
    struct timer resolve_timer; /* sends those that are open */
    struct list later;      /* requests that wait for company (later.c) */
    struct timer later_timer;
    struct list questions; /* known.c */
    uint32_t recoveries;    /* fibers of recover.c */
    bool no_parallel_commit; /* whatever the cluster's setting says */
    struct map settling;    /* tag -> struct settlement: commits of this node whose record is on its way (two_phase_staged.c) */
    struct kv_metrics metrics;
    const struct kv_witness *witness; /* NULL: none */
};

#endif
