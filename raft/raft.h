/* The consensus step machine: one struct raft is one replica of one group. Event in, output out; no
 * I/O, clock, threads or global state. Time arrives inside events, randomness from a seed.
 *
 * Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), cited as Raft §n; pre-vote and
 * check-quorum §9.6 and §6.2; joint consensus as in Ongaro & Ousterhout 2014 §6.
 *
 * The driver (shard/) must, for each output of raft_step and in this order:
 *  1. append output.persist (hard state, then entries) to the log under output.ticket;
 *  2. send output.messages: those that depend on what is being persisted are held back by the group
 *     itself until RAFT_EVENT_PERSISTED(ticket), so everything in an output may leave at once;
 *  3. apply the entries up to output.commit_index, in order, then answer RAFT_EVENT_APPLIED;
 *  4. serve output.loads, output.snapshots and output.reads.
 * Appends may be persisted in parallel with their replication: a leader counts itself only when its own
 * write is durable (trap K11). */
#ifndef OSTRAKA_RAFT_RAFT_H
#define OSTRAKA_RAFT_RAFT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/status.h"

#define RAFT_VOTERS_MAX 7
#define RAFT_LEARNERS_MAX 8
#define RAFT_ENTRY_BYTES_MAX (4u << 20)
#define RAFT_JOINED_BYTES_MAX (64u << 10) /* of an entry that several commands share */
#define RAFT_APPEND_ENTRIES_MAX 1024 /* entries in one APPEND */

/* A member is named by its replica id, never used twice in a group; node says where it lives and is
 * not interpreted here. */
struct raft_member {
    uint64_t id, node;
};

/* Who votes. Joint while outgoing_count > 0: decisions then need a majority of `voters` and a majority
 * of `outgoing`. Members of each array are sorted by id. */
struct raft_config {
    uint32_t voter_count, outgoing_count, learner_count;
    struct raft_member voters[RAFT_VOTERS_MAX];
    struct raft_member outgoing[RAFT_VOTERS_MAX];
    struct raft_member learners[RAFT_LEARNERS_MAX];
};

enum raft_entry_kind {
    RAFT_ENTRY_COMMAND = 1, /* opaque to this module */
    RAFT_ENTRY_NOOP = 2,    /* a new leader's first entry (Raft §6.4) */
    RAFT_ENTRY_CONFIG = 3,  /* payload: raft_config_encode; in force from the moment it is appended */
};

struct raft_entry {
    uint64_t term, index;
    enum raft_entry_kind kind;
    struct bytes payload; /* view into the group's log cache; valid until the next step */
};

/* What must survive a crash besides entries. commit is a hint that is allowed to be old. */
struct raft_hard_state {
    uint64_t term, vote, commit;
};

enum raft_role { RAFT_ROLE_FOLLOWER, RAFT_ROLE_PRE_CANDIDATE, RAFT_ROLE_CANDIDATE, RAFT_ROLE_LEADER };

enum raft_message_kind {
    RAFT_MESSAGE_PRE_VOTE = 1,
    RAFT_MESSAGE_PRE_VOTE_REPLY = 2,
    RAFT_MESSAGE_VOTE = 3,
    RAFT_MESSAGE_VOTE_REPLY = 4,
    RAFT_MESSAGE_APPEND = 5,
    RAFT_MESSAGE_APPEND_REPLY = 6,
    RAFT_MESSAGE_HEARTBEAT = 7,       /* carries read_seq: confirms leadership for ReadIndex */
    RAFT_MESSAGE_HEARTBEAT_REPLY = 8,
    RAFT_MESSAGE_TIMEOUT_NOW = 9,     /* leadership transfer (Raft §3.10) */
    RAFT_MESSAGE_READ_INDEX = 10,     /* a follower asks the leader for a read index */
    RAFT_MESSAGE_READ_INDEX_REPLY = 11,
    RAFT_MESSAGE_FORTIFY = 12,        /* lease: asks for a promise bound to this term; with reject: releases
                                       * what was promised for terms up to hint_term */
    RAFT_MESSAGE_FORTIFY_REPLY = 13,  /* the promise; with reject: asks whether that of hint_term is needed */
};

/* One message. Unused fields are zero. */
struct raft_message {
    enum raft_message_kind kind;
    uint64_t from, to;           /* replica ids */
    uint64_t term;
    uint64_t log_term, log_index; /* APPEND: the entry before the first; VOTE: the candidate's last */
    uint64_t commit;
    uint64_t hint_index, hint_term; /* rejected APPEND: where the logs may still agree (fast back-up).
                                     * VOTE with force: sequence and term of the lease that was released */
    uint64_t read_seq;           /* HEARTBEAT, READ_INDEX, votes: fresh per attempt, bound to the term
                                  * (K17); answers carry it back. FORTIFY, TIMEOUT_NOW: which
                                  * fortification of the term */
    uint64_t support_epoch;      /* FORTIFY_REPLY: tag of the promise. uncertain, settled: which life of the
                                  * uncertain replica is meant */
    bool reject, force;          /* force: a transfer's vote ignores leader stickiness */
    bool uncertain;              /* replies: the sender's log may have lost acknowledged entries */
    bool settled;                /* APPEND, HEARTBEAT: the receiver has all it may have lost */
    uint32_t entry_count;
    const struct raft_entry *entries; /* borrowed; valid until the next step (outgoing) or the call */
};

struct raft_options {
    uint64_t id;          /* own replica id */
    uint64_t seed;        /* for election jitter */
    uint64_t heartbeat_ns;         /* default 100 ms */
    uint64_t election_timeout_ns;  /* least; drawn from [1, 2) times this. Default 600 ms */
    uint64_t silence_ns;           /* a replica that held anything neither votes nor stands for so long after
                                    * its start: as long as stores support each other; 0: no leases */
    uint32_t inflight_bytes_max;    /* per follower, default 4 MiB */
    uint32_t inflight_count_max;    /* messages per follower, default 64 */
    uint32_t append_bytes_max;      /* entries in one APPEND, default 512 KiB */
    uint64_t uncommitted_bytes_max; /* proposals answer STATUS_BUSY beyond, default 32 MiB */
    uint64_t cache_bytes_max;       /* applied entries kept in memory for followers, default 16 MiB */
    struct logger *logger;          /* borrowed, may be NULL */
};

/* What recovery found. The log starts after `start` (the last truncated or snapshotted entry), whose
 * configuration is `config`; applied >= start.index is what the engine already holds. */
struct raft_restore {
    struct raft_hard_state hard_state;
    struct log_pos start;
    struct raft_config config;
    uint64_t applied_index;
    /* This replica has lost what it acknowledged and voted for, wholly or in part, and comes back as a
     * newcomer (start {0,0}, no configuration, no entries) under the same id: uncertain, and beyond
     * that it neither stands nor grants a vote until a leader has settled it. */
    bool lost;
    /* The group begins with this very start (a split): the replica cannot have promised anything in this life of its
     * store, so it is silent only until silent_until_ns, for the sake of an earlier one: that may have begun it, too, and
     * not remember. hard_state.term is beyond that of the start: nobody stands in it. */
    bool newborn;
    uint64_t silent_until_ns;
};

enum raft_event_kind {
    RAFT_EVENT_TIMER = 1,       /* now_ns reached output.wake_at_ns (early or late is harmless) */
    RAFT_EVENT_MESSAGE,
    RAFT_EVENT_PROPOSE,         /* append a command; leader only */
    RAFT_EVENT_FLUSH,           /* write and send what proposals with `more` have left */
    RAFT_EVENT_CHANGE_CONFIG,   /* change members; leader only; one at a time (K1) */
    RAFT_EVENT_PERSISTED,       /* everything up to that ticket is durable */
    RAFT_EVENT_APPLIED,         /* the state machine has applied up to index */
    RAFT_EVENT_READ,            /* ask for a read index; answered in output.reads */
    RAFT_EVENT_TRANSFER,        /* hand leadership to `member` (0: to the best voter) */
    RAFT_EVENT_CAMPAIGN,        /* start an election now (after a split; first start of a group) */
    RAFT_EVENT_INHERIT,         /* lead this newborn group in its first term, which is ours alone (README, Newborn groups) */
    RAFT_EVENT_TRUNCATED,       /* the log before and including index may be forgotten */
    RAFT_EVENT_LOADED,          /* answer to output.loads */
    RAFT_EVENT_SNAPSHOT_INSTALLED, /* a snapshot from the leader is durable in the engine */
    RAFT_EVENT_SNAPSHOT_SENT,   /* leader: the stream to `member` ended, ok or not */
    RAFT_EVENT_UNREACHABLE,     /* the link to `member` broke: back to probing */
    RAFT_EVENT_ANNOUNCE,        /* leader: everybody shall hear of the commit index now, not with the next message */
    RAFT_EVENT_RESIGN,          /* a leader steps down and releases those that it had bound: this replica is taken away */
    RAFT_EVENT_SUPPORT,         /* store liveness (shard/): see struct raft_support; STATUS_BUSY: no room */
    RAFT_EVENT_COMMITTED,       /* the driver knows from elsewhere that this entry is committed; STATUS_NOT_FOUND: it is
                                 * not here, or not durable here */
};

/* What store liveness (shard/) says about the store of one member, all of it in the clock of the events.
 * Support is given and received for a while, again and again. An epoch is a number that rises whenever
 * support begins after it had lapsed, or after the giving store was started anew; 0: there was none yet.
 *
 * The driver must have said what is true now before any other event: a vote that was given on an older
 * `given_until_ns` could break a lease. `received_until_ns` may be old, which only shortens ours. */
struct raft_support {
    uint64_t member;
    uint64_t given_epoch, given_until_ns;
    uint64_t received_epoch, received_until_ns;
};

struct raft_event {
    enum raft_event_kind kind;
    uint64_t now_ns;
    union {
        const struct raft_message *message;
        /* more: nothing is written or sent; the driver promises another step, of any kind, before it waits. Commands
         * that come together so share a ticket and a message. joins: it may stand behind others that join, in their entry,
         * when nothing of that was written or sent. */
        struct { struct bytes payload; bool more, joins; } propose;
        const struct raft_config *config; /* target voters and learners; outgoing must be empty */
        uint64_t ticket;
        uint64_t index;                   /* APPLIED */
        uint64_t read_context;            /* READ: comes back in output.reads */
        uint64_t member;                  /* TRANSFER, UNREACHABLE */
        struct log_pos truncated;         /* TRUNCATED: index <= applied */
        struct log_pos committed;         /* COMMITTED */
        struct { const struct raft_entry *entries; uint32_t count; uint64_t first_index;
                 bool ok; } loaded;
        struct { uint64_t from, term; struct log_pos pos; const struct raft_config *config;
               } installed;
        struct { uint64_t member; uint64_t index; bool ok; } snapshot_sent;
        struct raft_support support;
    };
};

struct raft_read {
    uint64_t context;
    uint64_t index;   /* serve once applied_index >= index */
    bool ok;          /* false: leadership was lost or is unknown; ask again */
};
struct raft_load {
    uint64_t first_index, last_index; /* entries wanted back from the log on disk */
};
struct raft_snapshot_request {
    uint64_t member, node; /* who needs one: its next entry is gone from our log */
};

/* Views into the group, valid until its next step. */
struct raft_output {
    bool hard_state_changed;
    struct raft_hard_state hard_state;
    const struct raft_entry *entries; /* to persist, consecutive; the first may overwrite */
    uint32_t entry_count;
    uint64_t ticket;                  /* 0: nothing to persist */
    const struct raft_message *messages;
    uint32_t message_count;
    const struct raft_read *reads;
    uint32_t read_count;
    const struct raft_load *loads;
    uint32_t load_count;
    const struct raft_snapshot_request *snapshots;
    uint32_t snapshot_count;
    uint64_t commit_index;            /* may be applied up to here */
    uint64_t wake_at_ns;              /* when TIMER is due; UINT64_MAX: never */
    bool resting;                     /* wake_at_ns is when support ends that the group was told of, and nothing else is
                                       * due. TIMER need not come while it goes on in the same epochs, but soon after
                                       * that has changed: whether the group is told (SUPPORT) or not */
    uint64_t proposed_index, proposed_term; /* PROPOSE, CHANGE_CONFIG: where it went */
    bool role_changed;                /* role, term or leader differ from before the step */
};

struct raft;

/* A group starts as a follower. Entries of the log on disk are then handed in by raft_restore_entry, in
 * order (an index at or below the last one replaces it and all after), and raft_start ends it.
 * STATUS_NO_MEMORY; STATUS_INVALID for options or a configuration out of bounds. */
MUST_USE enum status raft_create(const struct raft_options *options,
                                 const struct raft_restore *restore, struct raft **raft_out);
/* STATUS_CORRUPT: the entry leaves a hole or its term falls. payload is copied. */
MUST_USE enum status raft_restore_entry(struct raft *r, const struct raft_entry *entry);
/* Ends recovery. While `uncertain` (the tail of the log on disk may have lost acknowledged entries,
 * wal/README.md) the votes of the replica, also for itself, count only as raft/README.md says. The doubt
 * ends when raft_status says so and must outlive a restart until then: a replica that goes down uncertain
 * has to be started as uncertain again. STATUS_CORRUPT: the log ends before applied_index. */
MUST_USE enum status raft_start(struct raft *r, uint64_t now_ns, bool uncertain,
                                struct raft_output *out);
void raft_destroy(struct raft *r);

/* One step. *out is written always, also when the status is not STATUS_OK:
 * STATUS_NOT_LEADER     PROPOSE, CHANGE_CONFIG, TRANSFER on another role (or while transferring); INHERIT of a group
 *                       that has begun already
 * STATUS_BUSY           PROPOSE over the uncommitted bound; CHANGE_CONFIG while one is under way or
 *                       before the first entry of this term is committed (K1); READ while too many
 *                       wait
 * STATUS_NOT_FOUND      TRANSFER to one that is no voter or out of reach, or to nobody when no voter is in reach
 * STATUS_TOO_LARGE      PROPOSE over RAFT_ENTRY_BYTES_MAX
 * STATUS_INVALID        malformed message or configuration; ignored
 * STATUS_NO_MEMORY      nothing happened */
MUST_USE enum status raft_step(struct raft *r, const struct raft_event *event,
                               struct raft_output *out);

/* Does what SUPPORT does, without a step, where support only lasts longer. False: it has changed, and nothing was
 * done; SUPPORT must say so. */
MUST_USE bool raft_renew_support(struct raft *r, const struct raft_support *support);

/* Does what APPLIED does, without a step: nothing follows from it but that the log may forget entries. False: beyond what is
 * committed or durable, and nothing was done. */
MUST_USE bool raft_note_applied(struct raft *r, uint64_t index);

/* Gives back the memory that a group needs only while it does something; for groups that have been idle for a while,
 * where there are thousands. The next step takes what it needs. Ends the views of the last output. Entries that are
 * applied leave memory; who lacks them is served from the log on disk (output.loads). */
void raft_trim(struct raft *r);

/* ---- questions; cheap, any time ---- */

struct raft_status {
    enum raft_role role;
    uint64_t id, term, leader, vote; /* leader: replica id or 0 */
    uint64_t leader_node;
    struct log_pos start, last;
    uint64_t commit_index, applied_index, persisted_index;
    uint64_t own_term_committed;     /* leader: its first own-term entry is committed */
    uint64_t uncommitted_bytes, cached_bytes;
    /* Leader: while the clock of the events is below this nobody else leads, nor will before; so what is
     * committed here is all there is, and reads need no round. 0: no lease; UINT64_MAX: a sole voter. */
    uint64_t lease_until_ns;
    uint64_t promised_to;            /* replica that a promise of ours binds us to, while it lasts; or 0 */
    bool transferring, uncertain, config_pending;
    uint64_t transfer_to;            /* leader: the member that it hands over to; 0: to none */
    bool lost;                       /* as restored, and not settled yet; implies uncertain */
    const struct raft_config *config; /* in force; valid until the next step */
};
void raft_status(const struct raft *r, struct raft_status *status_out);
/* The fields of it that are asked for with every request. */
bool raft_leads(const struct raft *r);
bool raft_is_heir(const struct raft *r); /* it leads by INHERIT: what the group began with is all that others may have committed */
/* An election that this replica began is under way: it asks for votes, or leads and nothing of its term is committed. */
bool raft_stands(const struct raft *r);
/* It stands, and has only asked yet whether it is worth it. */
bool raft_asks_first(const struct raft *r);
/* TIMER at now_ns would make it stand. A driver of many groups may let them stand by turns: TIMER may come late. */
bool raft_due_to_stand(struct raft *r, uint64_t now_ns);
uint64_t raft_term(const struct raft *r);
uint64_t raft_leader_node(const struct raft *r);
uint64_t raft_commit_index(const struct raft *r);
uint64_t raft_persisted_index(const struct raft *r);
uint64_t raft_log_start(const struct raft *r); /* index; the log holds what follows */
uint64_t raft_lease_until(const struct raft *r);
const struct raft_config *raft_config(const struct raft *r); /* in force; valid until the next step */
/* Progress of one member as the leader sees it. STATUS_NOT_FOUND. */
struct raft_progress {
    uint64_t match_index, next_index, last_contact_ns;
    bool probing, snapshotting;
};
MUST_USE enum status raft_progress(const struct raft *r, uint64_t member,
                                   struct raft_progress *progress_out);
/* An entry still in memory, STATUS_NOT_FOUND when truncated or beyond the end, STATUS_WAIT when only
 * on disk. Entries in (applied, commit] are always in memory. */
MUST_USE enum status raft_entry_at(const struct raft *r, uint64_t index, struct raft_entry *entry_out);
/* Term of an index in [start, last]; false outside (a truncated index is an error, never term 0: K13). */
bool raft_term_at(const struct raft *r, uint64_t index, uint64_t *term_out);
/* Would a snapshot offered by `from` at `pos` in `term` be of use? Asked before streaming. */
bool raft_wants_snapshot(const struct raft *r, uint64_t term, struct log_pos pos);

/* ---- formats (raft/README.md) ---- */

void raft_config_encode(const struct raft_config *config, struct buf *out);
MUST_USE enum status raft_config_decode(struct bytes bytes, struct raft_config *config_out);
bool raft_config_is_voter(const struct raft_config *config, uint64_t id);
bool raft_config_has(const struct raft_config *config, uint64_t id);
void raft_message_encode(const struct raft_message *message, struct buf *out);
/* Entries are decoded into the caller's array of entry_max; payloads are views into bytes.
 * STATUS_INVALID: malformed, or more entries than fit. */
MUST_USE enum status raft_message_decode(struct bytes bytes, struct raft_message *message_out,
                                         struct raft_entry *entries, uint32_t entry_max);

#endif
