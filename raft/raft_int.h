/* What the files of raft/ share. Reading order: README.md, then raft.c. */
#ifndef OSTRAKA_RAFT_RAFT_INT_H
#define OSTRAKA_RAFT_RAFT_INT_H

#include "base/assert.h"
#include "base/prng.h"
#include "raft/raft.h"

#define RAFT_MEMBERS_MAX      (2 * RAFT_VOTERS_MAX + RAFT_LEARNERS_MAX)
#define RAFT_NUMBER_MAX       (UINT64_MAX >> 2) /* terms and indexes stay below: sums cannot overflow */
#define RAFT_CONFIG_BYTES_MAX (4 + 16 * RAFT_MEMBERS_MAX)
#define RAFT_READS_MAX        4096 /* reads waiting in one group */
#define RAFT_HELD_MAX         64   /* messages waiting for the disk; the oldest is lost beyond */
#define RAFT_ENTRY_OVERHEAD   64   /* what an entry costs besides its payload */
#define RAFT_QUIET_HEARTBEATS 10   /* until a round says that the last command is committed, unless another follows */
#define RAFT_PATIENT_HEARTBEATS 3  /* until a round asks who keeps up what has become of the entries sent to it */
#define RAFT_TURN_HEARTBEATS  3    /* between the turns in which those who were held by a leader stand */
#define RAFT_BACK_OFF_MAX     2    /* campaigns in vain that double the election timeout, each */
#define RAFT_SNAPSHOT_RETRY   10 /* election timeouts until a silent snapshot is asked for again */

/* ---- raft_config.c: who decides ---- */

bool config_valid(const struct raft_config *c);
bool config_is_joint(const struct raft_config *c);
bool config_same_voters(const struct raft_config *a, const struct raft_config *b);
/* Voter of either half: such a member may campaign and its votes are asked for. */
bool config_decides(const struct raft_config *c, uint64_t id);
uint64_t config_node_of(const struct raft_config *c, uint64_t id);
/* The ids of all members, each once, ascending. Returns how many. */
uint32_t config_members(const struct raft_config *c, uint64_t ids_out[RAFT_MEMBERS_MAX]);

enum quorum { QUORUM_PENDING, QUORUM_WON, QUORUM_LOST };
enum ballot { BALLOT_NONE, BALLOT_YES, BALLOT_NO };
/* Each half must be won; one lost half loses all. */
enum quorum config_quorum(const struct raft_config *c,
                          enum ballot (*of)(const void *ctx, uint64_t id), const void *ctx);
/* The greatest value that a majority of each half has reached. */
uint64_t config_reached(const struct raft_config *c, uint64_t (*of)(const void *ctx, uint64_t id),
                        const void *ctx);

/* ---- raft_log.c: entries, terms and configurations by index ---- */

struct log_chunk { /* payload memory, filled in log order */
    uint64_t first_index;
    uint32_t size, used;
    uint8_t data[];
};
struct term_run { /* entries from first_index up to the next run have this term */
    uint64_t first_index, term;
};
struct config_record { /* in force from index on */
    uint64_t index;
    struct raft_config config;
};

struct raft_log {
    struct log_pos start; /* the log begins after it */
    uint64_t last_index;
    struct raft_entry *items; /* the cached tail: indexes (last_index - count, last_index] */
    uint32_t head, count, capacity;
    struct log_chunk **chunks, *spare;
    uint32_t chunk_count, chunk_capacity;
    struct term_run *runs; /* ascending; the first one is start */
    uint32_t run_count, run_capacity;
    struct config_record *configs; /* ascending; the first one stands for all before it, which nobody asks for */
    uint32_t config_count, config_capacity;
    uint64_t cached_bytes;
};

#define STEP_CONFIGS 2 /* configurations that a step may append: what was asked for, and what leaves a joint one */

/* Memory that log_append may then use without failing. */
MUST_USE bool log_reserve(struct raft_log *l, uint32_t entry_count, size_t payload_bytes,
                          uint32_t config_count);
MUST_USE bool log_init(struct raft_log *l, struct log_pos start, uint64_t config_index,
                       const struct raft_config *config);
void log_deinit(struct raft_log *l);
void log_append(struct raft_log *l, const struct raft_entry *entry); /* payload is copied */
/* Puts payload behind that of the last entry, which has one. False: there is no room behind it; nothing has changed. */
MUST_USE bool log_extend(struct raft_log *l, struct bytes payload);
void log_truncate_after(struct raft_log *l, uint64_t index);
void log_forget(struct raft_log *l, struct log_pos pos);
/* Nothing is left but pos and its configuration. */
void log_reset(struct raft_log *l, struct log_pos pos, const struct raft_config *config);
/* pos was reached by a snapshot; entries after it stay. A later configuration that is settled does, too. */
void log_adopt(struct raft_log *l, struct log_pos pos, const struct raft_config *config);
/* What lies up to index will not be cut off: configurations before the one that is in force there are forgotten. */
void log_settle(struct raft_log *l, uint64_t index);
void log_evict(struct raft_log *l, uint64_t up_to, uint64_t bytes_max);
/* Gives back what holds nothing above up_to. What log_reserve has promised ends. */
void log_trim(struct raft_log *l, uint64_t up_to);
/* First index in memory, or last_index + 1. */
static inline uint64_t log_cache_first(const struct raft_log *l)
{
    return l->last_index - l->count + 1;
}
const struct raft_entry *log_entry(const struct raft_log *l, uint64_t index); /* must be cached */
bool log_term_at(const struct raft_log *l, uint64_t index, uint64_t *term_out);
bool log_has(const struct raft_log *l, struct log_pos pos);
static inline uint64_t log_last_term(const struct raft_log *l)
{
    return l->runs[l->run_count - 1].term;
}
/* The greatest index <= index whose term is <= term: where logs may still agree (Raft §5.3). Below
 * start nothing is known and the answer is index itself or start.index - 1. */
uint64_t log_agree_at_most(const struct raft_log *l, uint64_t index, uint64_t term);
/* In force at the end. */
static inline const struct config_record *log_config(const struct raft_log *l)
{
    ASSERT(l->config_count > 0);
    return &l->configs[l->config_count - 1];
}
const struct raft_config *log_config_at(const struct raft_log *l, uint64_t index); /* not below what log_settle was told */
static inline uint64_t entry_bytes(const struct raft_entry *entry)
{
    return entry->payload.size + RAFT_ENTRY_OVERHEAD;
}

/* ---- arrays ---- */

MUST_USE bool array_grow(void **items, uint32_t *capacity, uint32_t count, size_t item_size);
static inline bool array_reserve(void **items, uint32_t *capacity, uint32_t count, size_t item_size)
{
    return count <= *capacity || array_grow(items, capacity, count, item_size);
}
/* Drops the first `gone` of *count items. */
void array_shift(void *items, uint32_t *count, uint32_t gone, size_t item_size);
void array_free(void **items, uint32_t *count, uint32_t *capacity);

/* ---- the group ---- */

enum progress_state { PROGRESS_PROBE, PROGRESS_REPLICATE, PROGRESS_SNAPSHOT };

struct inflight {
    uint64_t last_index;
    uint64_t bytes;
};
/* What a leader knows about one other member, or about itself. */
struct progress {
    uint64_t id;
    enum progress_state state;
    uint64_t match, next;           /* durable there up to match; next to send */
    uint64_t contact_ns;            /* last message of this term */
    uint64_t round_acked;           /* newest heartbeat round it answered */
    uint64_t round_sent, round_commit; /* newest heartbeat sent to it, and the commit index in it */
    uint64_t commit_acked;          /* commit index that it is known to know */
    uint64_t confirm_round;         /* answers to earlier rounds may be from another life (raft_rest.c) */
    uint64_t settle_index;          /* it is uncertain until its match is here; 0: it is not */
    uint64_t life;                  /* which life of it is uncertain */
    uint64_t vouched_life;          /* that life voted for us together with all others */
    uint64_t snapshot_ns;           /* when the snapshot was asked for */
    bool paused;                    /* PROBE: one message is out, or waiting for a sign of life */
    uint64_t paused_ns, lagging_ns; /* since when */
    bool lagging; /* the last heartbeat reply showed less than was sent: `received` */
    uint64_t received;
    uint64_t fortified_epoch; /* of its support, in which it gave its promise for fortify_seq; 0: not */
    struct inflight *ring; /* inflight_count_max slots */
    uint32_t ring_head, ring_count;
    uint64_t inflight_bytes;
};

struct vote_record {
    uint64_t id;
    bool granted, uncertain;
    uint64_t life; /* of an uncertain voter */
};

struct held_message {
    uint64_t ticket; /* leaves when this is durable */
    struct raft_message message;
};

/* A message with the entries it carries as indexes: views are taken when the step ends. */
struct queued_message {
    uint64_t first_index;
    bool from_window;
};

struct persist_mark {
    uint64_t ticket;
    uint64_t
        index; /* entries up to here are durable with that ticket; falls when they are replaced */
};

struct pending_read {
    uint64_t context, from,
        seq;              /* from 0: asked here. seq: of the asking follower, or our own forward */
    uint64_t round;       /* leader: the heartbeats that confirm it, 0: none sent yet */
    uint64_t index;       /* commit when that round began */
    uint64_t deadline_ns; /* follower: given up then */
};

/* What this voter promised: not to help depose `member`, leader of `term`, while the support lasts that
 * its own store gave that of the member in `epoch`. */
struct lease_promise {
    uint64_t member; /* 0: nothing */
    uint64_t term, seq, epoch;
};

struct load_window { /* entries read back from disk, for followers far behind */
    struct raft_entry *entries;
    uint8_t *payloads;
    uint32_t count;
    bool pending;
    uint64_t asked_first, not_before_ns;
};

struct raft {
    struct raft_options options;
    struct prng prng;
    struct raft_log log;
    struct buf config_bytes; /* where configurations are encoded; has its memory where one may be (config_reserve) */
    uint64_t now_ns;
    bool started;

    /* Hard state: in force, handed out last, and under which ticket. */
    uint64_t term, vote;
    uint64_t handed_term, handed_vote, hard_state_ticket;
    /* start.index <= applied <= commit <= last; persisted <= handed <= last. */
    uint64_t applied_index, commit_index, persisted_index, handed_index;
    uint64_t uncommitted_bytes;
    uint64_t ticket, persisted_ticket; /* last given out; durable up to */
    struct persist_mark *marks;
    uint32_t mark_count, mark_capacity;
    struct held_message *held;
    uint32_t held_count, held_capacity;

    enum raft_role role;
    uint64_t leader, leader_contact_ns;
    uint64_t election_deadline_ns;
    uint64_t campaign_seq; /* of the running campaign: answers carry it back */
    bool forced;           /* candidate by TIMEOUT_NOW: our requests ignore stickiness */
    uint8_t campaigns_in_vain; /* in a row: nobody was elected in time, by us or by others */
    bool uncertain, lost, newborn;
    uint64_t life; /* a number for this life of the replica, by which a doubt about it is named */
    /* Follower: the log agrees with the leader of this term up to here; an ack is owed for it. */
    uint64_t verified_index;
    bool ack_due;

    struct vote_record *votes; /* room for RAFT_MEMBERS_MAX in steps of those who stand */
    uint32_t vote_count, vote_capacity;
    struct log_pos release; /* forced: the term and fortification that TIMEOUT_NOW released */

    /* Leases (raft_lease.c). */
    struct raft_support *supports; /* as the driver said last; at most RAFT_MEMBERS_MAX */
    uint32_t support_count, support_capacity;
    struct lease_promise promise;
    uint64_t silent_until_ns;

    /* Leader. */
    struct progress *progress; /* memory while it leads or may become leader (progress_reserve) */
    uint32_t progress_count, progress_capacity;
    uint64_t heartbeat_deadline_ns;
    uint64_t first_own_index; /* the no-op of this term */
    uint64_t joined_index;    /* while it is the last one and not handed out more may join it; 0: none */
    bool heir;                /* it leads in the first term of its group: what comes before that entry is known to all */
    uint64_t transfer_target, transfer_deadline_ns;
    bool transfer_sent;   /* TIMEOUT_NOW left, and with it the lease */
    uint64_t fortify_seq; /* fortification of this term that is being asked for */
    uint64_t awake_ns;    /* leader: since when it does not rest; 0: it has not rested in this term */
    uint32_t round_wait;  /* leader: heartbeats that its next round waits for (raft_rest.c) */
    bool resting;         /* leader or follower: nothing is due while support lasts (raft_rest.c) */
    struct load_window window;

    struct pending_read *pending_reads;
    uint32_t pending_read_count, pending_read_capacity;
    uint64_t round; /* newest heartbeat round of this term */
    uint64_t forward_seq;

    /* Outputs of the running step. */
    struct raft_message *messages;
    struct queued_message *queued;
    uint32_t message_count, message_capacity, queued_capacity;
    struct raft_read *reads;
    uint32_t read_count, read_capacity;
    struct raft_snapshot_request *snapshots;
    uint32_t snapshot_count, snapshot_capacity;
    struct raft_load load;
    uint64_t proposed_index, proposed_term;
};

/* raft.c */
/* Gives back what lies behind `count` items. */
void array_shrink(void **items, uint32_t count, uint32_t *capacity, size_t item_size);
uint64_t bytes_between(const struct raft *r, uint64_t first, uint64_t last); /* of the entries [first, last] */
/* What an output says at least: where the group stands, and when it wants to be woken. */
void output_fill(struct raft *r, struct raft_output *out);
void become_follower(struct raft *r, uint64_t term, uint64_t leader);
/* The one way to a role, checked against the table of allowed moves. */
void role_move(struct raft *r, enum raft_role role);
void append_own(struct raft *r, enum raft_entry_kind kind, struct bytes payload);
void append_received(struct raft *r, const struct raft_entry *entry);
void truncate_after(struct raft *r, uint64_t index);
void commit_to(struct raft *r, uint64_t index);
void persisted_clamp(struct raft *r, uint64_t index);
static inline const struct raft_config *config_of(const struct raft *r)
{
    return &log_config(&r->log)->config;
}
bool config_pending(const struct raft *r);

/* raft_send.c */
/* Queues a message (from and term are filled in). Lost when memory is short: messages may be lost.
 */
void send_now(struct raft *r, const struct raft_message *m);
void send_entries(struct raft *r, const struct raft_message *m, uint64_t first_index,
                  bool from_window);
/* Queues it for when the hard state in force is durable. */
void send_when_durable(struct raft *r, const struct raft_message *m);
bool hard_state_durable(const struct raft *r);

/* raft_election.c */
void election_reset_timer(struct raft *r);
bool election_may_campaign(const struct raft *r);
void election_start(struct raft *r, bool pre_vote, bool force);
void election_on_timer(struct raft *r);
void election_on_persisted(struct raft *r);
void election_on_vote_request(struct raft *r, const struct raft_message *m);
void election_on_vote_reply(struct raft *r, const struct raft_message *m);
void election_on_timeout_now(struct raft *r, const struct raft_message *m);
bool election_sticky(const struct raft *r);
bool election_unanimous(const struct raft *r);
/* False: a promise, or silence after the start, forbids it. Asks the holder of the promise back. */
bool election_may_grant(struct raft *r, const struct raft_message *m);

/* raft_leader.c */
void leader_become(struct raft *r);
void leader_leave(struct raft *r); /* forgets what only a leader knows */
void leader_on_timer(struct raft *r);
void leader_finish(struct raft *r); /* end of every step: commit, leave joint, send */
void leader_sync_members(struct raft *r);
/* Memory for the members of the configuration in force and of another one (may be NULL). */
MUST_USE bool progress_reserve(struct raft *r, const struct raft_config *other);
struct progress *leader_progress(struct raft *r, uint64_t id);
void leader_heartbeat(struct raft *r);
enum status leader_propose(struct raft *r, struct bytes payload, bool joins);
enum status leader_transfer(struct raft *r, uint64_t member);

/* raft_replicate.c */
void replicate_to(struct raft *r, struct progress *p);
void replicate_on_append_reply(struct raft *r, const struct raft_message *m);
void replicate_on_heartbeat_reply(struct raft *r, const struct raft_message *m);
enum status replicate_on_loaded(struct raft *r, const struct raft_event *event);
void replicate_on_snapshot_sent(struct raft *r, uint64_t member, uint64_t index, bool ok);
void replicate_on_unreachable(struct raft *r, uint64_t member);
void progress_probe(struct progress *p, uint64_t next);
/* An uncertain member that lacks nothing any more. */
bool progress_settled(const struct raft *r, const struct progress *p);
/* False: it is uncertain, and what it says now may contradict what it said and forgot. */
bool progress_counts(const struct progress *p);
void window_clear(struct raft *r);

/* raft_follow.c */
enum status follow_append(struct raft *r, const struct raft_message *m);
void follow_heartbeat(struct raft *r, const struct raft_message *m);
void follow_commit(struct raft *r, uint64_t commit);
void follow_ack(struct raft *r); /* end of a step: sends the ack that is owed and durable */
enum status follow_installed(struct raft *r, const struct raft_event *event);

/* raft_read.c */
enum status read_on_event(struct raft *r, uint64_t context);
void read_on_request(struct raft *r, const struct raft_message *m);
void read_on_reply(struct raft *r, const struct raft_message *m);
void read_attach(struct raft *r);   /* leader: a round begins; what waits is confirmed by it */
void read_finish(struct raft *r);   /* leader: answers what is confirmed, begins rounds */
void read_fail_all(struct raft *r); /* role, term or leader changed */
void read_on_timer(struct raft *r);
uint64_t read_deadline(const struct raft *r);

/* raft_lease.c */
enum status lease_on_support(struct raft *r, const struct raft_support *support);
bool lease_bound(const struct raft *r);
bool lease_silent(const struct raft *r);
/* May this voter help one whose log ends in last_term? release: what a transfer's vote names, or zeros. */
bool lease_may_grant(const struct raft *r, uint64_t last_term, struct log_pos release);
bool lease_may_campaign(const struct raft *r);
uint64_t lease_free_ns(const struct raft *r);
void lease_ask_back(struct raft *r);
void lease_forget_older(struct raft *r);
void lease_on_term(struct raft *r);
void lease_on_fortify(struct raft *r, const struct raft_message *m);
void lease_on_fortify_reply(struct raft *r, const struct raft_message *m);
void lease_on_release(struct raft *r, const struct raft_message *m);
void lease_begin(struct raft *r);       /* a term begins */
void lease_begin_anew(struct raft *r);  /* a transfer was aborted */
void lease_release_all(struct raft *r); /* stepping down */
void lease_fortify(struct raft *r);
uint64_t lease_until(const struct raft *r);

/* raft_rest.c */
bool rest_allowed(const struct raft *r); /* leader: members may be left in peace */
bool rest_skips(const struct raft *r, const struct progress *p); /* then this one is */
void rest_begin_anew(struct raft *r, uint64_t member);
void rest_note_contact(struct raft *r, const struct raft_support *support);
void rest_on_timer(struct raft *r);
/* Follower: bound to the leader it has. It may have been freed because the news of the support was old. */
bool rest_holds(const struct raft *r);
void rest_update(struct raft *r); /* end of every step */
uint64_t rest_until(const struct raft *r);

/* raft_change.c */
enum status change_propose(struct raft *r, const struct raft_config *target);
void change_finish(struct raft *r); /* leaves a committed joint configuration */
bool change_removed_leader(
    struct raft *r); /* true: a committed change took us out, we stepped down */

/* raft_codec.c */
enum status message_check(const struct raft_message *m);

/* raft_check.c */
void raft_check(const struct raft *r);

#endif
