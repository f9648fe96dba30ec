/* Private structs of shard/; range_change.h has what changes bounds, nodes.h what concerns the nodes of a cluster. One file per idea:
 *   store.c             lifecycle, turn, failure          recover.c   what start-up finds
 *   replica.c           one Raft group and its driver     apply.c     committed entries -> engine
 *   transport.c         Raft messages <-> frames          snapshot.c, snapshot_send.c  whole ranges between stores
 *   meta.c              the metadata range's state        nodes.c     the node table
 *   identity.c          who this node is                  gossip.c    what nodes tell each other
 *   join.c              how a node becomes one            join_serve.c  what guests are answered
 *   placement.c         who shall hold what (allocator.c) route.c     where a key is served
 *   move.c              a range changes hands             load.c      what nodes tell of themselves
 *   job.c               decisions under way               orphan.c    replicas that nobody counts
 *   admin.c             what operators ask for            autosplit.c large and busy ranges divide
 *   bootstrap.c         the first node of a cluster       journal.c   what the groups write
 *   fence.c             damaged replicas, their way back  space.c     a disk that fills up
 *   liveness.c          support between stores, on which leases rest
 *   split.c             a range is divided: its leader   split_apply.c  and every replica
 *   merge.c             two ranges become one: their leader  merge_apply.c  and every replica
 *   automerge.c         small cold neighbours do so by themselves
 *   birth.c             replicas that a leader elsewhere knows before we do
 *   rest.c              groups at rest, who calls them    campaign.c  elections by turns
 *   replica_request.c   proposals and reads of a replica  replica_query.c  what it knows of itself
 *   pace.c              how fast a move may go            byte_rate.c bytes over time
 *   log_trim.c          how long the logs get */
#ifndef OSTRAKA_SHARD_SHARD_INT_H
#define OSTRAKA_SHARD_SHARD_INT_H

#include "base/assert.h"
#include "base/codec.h"
#include "base/map.h"
#include "base/prng.h"
#include "shard/byte_rate.h"
#include "shard/pace.h"
#include "shard/key_index.h"
#include "shard/key_sample.h"
#include "shard/meta.h"
#include "shard/shard.h"

/* The vote in the hard state of a lost replica (fence.c): no replica has this id. */
#define HARD_STATE_LOST UINT64_MAX

/* Facts about the store in its log. */
enum fact_key {
    FACT_IDENTITY = 2,    /* cluster id, node id, incarnation, start marks (1: without marks) */
    FACT_NODE_BASE = 256, /* + node id: its last known record */
};

struct shard_batch {
    struct lsm_write *writes;
    uint32_t count, capacity;
    struct buf bytes;  /* keys and values; writes hold offsets until batch_seal */
    bool failed;
};
void batch_init(struct shard_batch *b);
void batch_deinit(struct shard_batch *b);
void batch_reset(struct shard_batch *b);
/* Turns offsets into views. */
void batch_seal(struct shard_batch *b);

/* An output of a group that waits for its log bytes to become durable. */
struct pending_ticket {
    struct list link; /* store.tickets, by lsn */
    struct replica *replica;
    uint64_t ticket, lsn;
};

enum overflow_kind { OVERFLOW_ENTRY, OVERFLOW_HARD_STATE, OVERFLOW_START, OVERFLOW_TICKET };

/* Log records that did not fit into the log's buffers, in order (WAL order is never changed). */
struct overflow_record {
    struct list link;
    struct replica *replica; /* of the ticket */
    struct range_id range;
    enum overflow_kind kind;
    uint64_t a, b, c; /* entry: term, index; hard state: term, vote, commit; start: term, index; ticket */
    uint8_t entry_kind;
    size_t size;
    uint8_t payload[];
};

/* What the application keeps of a range beside the engine; opaque here. */
struct app_state {
    size_t size;
    uint8_t data[SHARD_APP_STATE_BYTES_MAX];
};

#define SENDERS_MAX 8
#define FED_MAX (2 * RAFT_VOTERS_MAX + RAFT_LEARNERS_MAX)
#define RECEIVE_ENTRIES_MAX 4096 /* entries in one Raft message */

enum replica_state {
    REPLICA_STATE_RUNNING,
    REPLICA_STATE_INSTALLING, /* a snapshot replaces the state; nothing is applied */
    REPLICA_STATE_LEAVING,    /* damaged, and leads: hands over, serves nothing */
    REPLICA_STATE_FENCED,     /* damaged: a lost replica of its group, waits for a snapshot */
};

enum campaign_state { CAMPAIGN_NONE, CAMPAIGN_WAITS, CAMPAIGN_OPEN, CAMPAIGN_OVERDUE };

struct replica {
    struct list link;        /* store.replicas, by range id */
    struct list dirty_link;  /* store.dirty: has something to apply or answer */
    struct list held_link;   /* store.held: has proposals that are neither written nor sent */
    struct store *store;
    struct range_id range;
    uint64_t id; /* replica id; 0: not told yet */
    struct raft *raft;
    struct descriptor descriptor; /* as of applied */
    struct log_pos applied;
    void *app;
    struct timer timer;
    enum replica_state state;
    bool lost;               /* fenced, or refetched and not settled yet */
    uint64_t floor;          /* fenced: a snapshot below what was applied here is of no use */
    uint64_t fence_deadline_ns; /* LEAVING */
    uint64_t refetch_ns;     /* fenced: snapshots are refused before */
    uint32_t fence_count;    /* since the start of the node */
    bool was_serving;
    uint64_t commit_index;
    struct list proposals;   /* by index */
    uint64_t proposal_deadline_ns; /* a lower bound of theirs */
    struct list reads;       /* struct read_wait in order of asking */
    uint64_t next_read_context;
    struct node_id told_leader; /* who leads it, as others say; our group knows better when it knows */
    uint64_t route_asked_ns;
    struct list campaign_link; /* in one list of store.campaigns */
    enum campaign_state campaign;
    uint64_t campaign_ns;    /* since when it stands */
    uint64_t active_ns;      /* when it last took entries */
    bool tidy;               /* its log was cut to nothing and its memory given back, and it took no entries since */
    bool resting;            /* its group wants no TIMER while the stores' support goes on (raft.h) */
    uint64_t support_seen;   /* what the group was told of liveness; store.liveness.version */
    uint64_t support_news;   /* and store.liveness.news */
    uint64_t support_fresh_ns; /* until then what it was told decides what the latest would */
    struct raft_member *fed; /* and about whose stores; up to FED_MAX */
    uint32_t fed_count, fed_capacity;
    struct raft_member senders[SENDERS_MAX]; /* replica id -> node, learnt from messages */
    uint32_t sender_next;
    uint64_t log_bytes;      /* appended since the log's start, roughly */
    /* placement's order for this range (leader) */
    uint64_t target[RAFT_VOTERS_MAX];
    uint32_t target_count;
    struct list merging_link;    /* store.merging */
    struct list moving_link;     /* store.moving: has a target, or the mirror lacks its descriptor */
    uint64_t mirrored_epoch; /* the metadata range is known to have it */
    uint64_t told_epoch;     /* of which its leader was told (load.c) */
    bool mirror_busy;
    uint64_t transfer_ns;        /* leadership was offered to another then; 0: it was not */
    uint64_t requests, load, load_since_ns; /* since then; each second (load.c) */
    struct key_sample *sample;   /* of its keys, while it is busy; or NULL (autosplit.c) */
    uint64_t sample_since_ns, split_after_ns;
    uint64_t cold_since_ns, cold_epoch; /* small and little used since then, at that epoch (automerge.c) */
    uint64_t leaderless_ns, orphan_asked_ns; /* since when it has no leader; when it was asked about (orphan.c) */
    uint8_t orphan_hints;        /* asks left because somebody says that it is out */
    struct snapshot_send *sends; /* linked by next */
    uint64_t hold_until_ns;      /* who got a snapshot catches up until then */
    struct snapshot_receive *receive;
    struct split_order *split;   /* leader: under way; or NULL */
    uint64_t frozen_ns;          /* since when it is known here to be frozen; 0: not */
    uint64_t merge_wait_ns;      /* its next entry is a merge whose right side lacks the freeze, since then; or 0 */
    bool thawing;                /* leader: a fiber finds out whether it may thaw */
    bool apply_waits;            /* its next entry is a split or a merge that cannot be applied yet */
};

/* What the log holds of a range that the engine does not have yet: the right side of a split that has to be applied
 * again (split_apply.c). */
struct unborn {
    struct list link; /* store.unborn */
    struct range_id range, left; /* left 0: nobody here has the entry that made it */
    struct log_pos start;
    struct raft_hard_state hard_state;
    bool lost;
    struct raft_entry *entries; /* payloads owned */
    uint32_t count;
};

/* An empty replica that shall be made because of a message (birth.c). */
struct birth {
    struct list link; /* in store.births_waiting, then in store.births_open */
    struct rpc_call call;
    struct range_lookup lookup;
    struct store *store;
    struct node_id from;
    struct range_id range;
    struct range_id waiter;     /* a split of that range waits for the end of this; or 0 */
    uint64_t id, orphans;       /* destroyed here when the proof was asked for */
    bool making;                /* all was answered: the empty replica is on its way into the engine */
    struct descriptor expected; /* assigned: what the metadata range says of its bounds, or else the sender */
};

/* A range that has no replica here, or about which more is known than that replica has applied. */
struct route_entry {
    struct descriptor descriptor; /* in routes.by_key; the end may have been trimmed */
    struct node_id leader;        /* 0: not known */
    uint64_t asked_ns;            /* the metadata range, because nobody answered */
    bool used;                    /* since the hand passed by */
};

struct route_lookup;

/* route.c */
struct routes {
    struct key_index by_key;
    struct map by_id;
    uint32_t hand;
    struct list lookups; /* struct route_lookup, under way */
    uint32_t lookup_count, id_lookup_count;
    uint64_t lookups_ever, misses;
};

/* Support between this store and the store of one peer (liveness.c). */
struct liveness_peer {
    bool asks;               /* for our support, when last heard of: its disk works, and it stays */
    uint64_t asker;          /* the newest incarnation that asked for ours; 0: none */
    uint64_t given_epoch, given_until_ns, given_since_ns;
    uint64_t answer_stamp;   /* of its last request, not answered yet; 0: none */
    uint64_t received_epoch, received_until_ns;
    /* As it was when the groups at rest were last called for it. */
    uint64_t seen_given_epoch, seen_received_epoch;
    bool seen_given, seen_received; /* it lasted */
};

struct liveness {
    struct timer beat;
    uint64_t version;        /* rises when the groups should be told something */
    uint64_t news;           /* rises when support began or ended: it does not only last longer */
    uint64_t epoch;          /* given out last */
    uint64_t durable, looked_ns, stalled_ns, warned_ns;
    uint64_t turned_ns;      /* when the loop came by last */
    uint64_t gap_ns;         /* when it went on after it had stood still; 0: never */
    struct timer lapse;      /* when the next support ends, unless it is renewed */
    struct timer call;       /* groups at rest are called in portions */
    struct range_id called;  /* the last one */
    uint64_t calls_left, call_due_ns;
    uint32_t calls_at_once;  /* fewer while the store is busy */
    struct range_id asked;   /* the last group that was woken without a reason */
    uint64_t ask_credit_ns;
};

/* Elections of this store's groups (campaign.c). */
struct campaigns {
    struct list open, waiting; /* struct replica; the first stands for longest, is next */
    uint32_t open_count, waiting_count, open_most;
    struct timer timer;
};

struct node_entry {
    struct liveness_peer liveness;
    struct node_record record;
    uint64_t last_seen_ns, removed_ns;
    bool link_up[NET_LINK_COUNT];
    bool fact_stale; /* our log does not have this record yet */
    bool news;       /* gossip has not told everybody yet */
    bool partial;    /* a link said which start this is; where it serves SQL and stands, its own record will */
    bool forked;     /* two starts claimed one incarnation: nobody is believed to be this node */
};

struct store {
    struct store_options options;
    struct env *env;
    struct logger *logger;
    struct wal *wal;
    struct lsm *lsm;
    struct net *net;
    struct rpc *rpc;
    struct prng prng;
    struct map replicas_by_id;
    struct key_index replicas_by_key; /* those that hold something */
    struct key_index empty_by_key;    /* the others: their bounds are what they may come to hold (birth.c) */
    struct list replicas, dirty, held, moving;
#ifdef OSTRAKA_SIM
    uint64_t held_ns, held_count; /* since when `held` is not empty; how often it was */
#endif
    struct range_id moving_cursor, load_cursor; /* who was looked at last */
    bool load_busy;          /* a report is under way */
    bool load_news;          /* the last one told of changes */
    uint32_t leaders_seen, leaders_told; /* in this round over all replicas, in the last one */
    bool automerge_busy;     /* a merge by itself is asked for */
    struct placement *placement; /* of the metadata leader; or NULL */
    struct list job_calls;   /* struct job_call, to the metadata range */
    struct list orphans;     /* struct orphan: asked about, or on their way out */
    struct range_id orphan_cursor;
    uint32_t orphan_count_asked;
    struct list tickets;    /* struct pending_ticket */
    struct list overflow;   /* struct overflow_record */
    size_t overflow_bytes;
    struct byte_rate snapshot_rate, receive_rate; /* of those sent; of those received, while the log is slow */
    struct pace pace;               /* how much of the rate is used */
    struct list incoming_snapshots, outgoing_snapshots;
    struct shard_batch batch;
    struct buf scratch, command;
    struct liveness liveness;
    struct campaigns campaigns;
    struct timer tick;      /* every 100 ms: gossip, placement, mirrors */
    uint64_t tick_count, started_ns;
    bool failed, stopping;
    struct list births_open, births_waiting; /* struct birth: under way; those that wait for their turn */
    uint32_t births_open_count, births_waiting_count;
    struct list early;      /* struct early_message, birth.c */
    uint32_t early_count;
    struct list unborn;     /* struct unborn */
    struct list merging;    /* replicas that are frozen, or wait for one that is */
    struct timer merge_timer; /* looks whether those that wait may go on */
    struct list merges;     /* struct merge_order: under way, led from here */
    struct list united;     /* struct united: whose logs are to be dropped */
    bool unborn_asked;      /* a question about one is under way */
    uint32_t leaving_count; /* replicas that are LEAVING */
    struct range_id log_cursor; /* the tick looks at the log of some ranges behind it */
    struct {
        bool full;     /* writes are refused */
        bool held;     /* the reserve is there, whole */
        bool busy;     /* a fiber works on it */
        uint64_t retry_ns;
    } space;           /* space.c */
    bool log_in_doubt;      /* recovery found a tail that may have lost acknowledged entries */
    uint32_t fiber_count;   /* fibers of this module that are running */

    struct net_identity identity;
    uint64_t identity_lsn;  /* durable from here on */
    bool identity_durable;
    struct node_entry *nodes[SHARD_NODES_MAX];
    uint32_t node_count;
    uint32_t gossip_cursor;  /* who is told everything next */
    uint64_t settings_told;  /* the version that everybody was told of */
    char seeds[1024];
    uint32_t seed_next;
    bool seeds_seen;         /* each was looked for once */
    uint32_t seed_strangers; /* seeds in a row that belong to another cluster */
    enum net_refusal join_refused; /* as it was logged */
    struct net_visit *visit; /* join in progress */
    uint64_t join_token;
    struct timer join_timer;
    struct list joins;       /* struct join_request, nodes.c */
    struct net_guest *init_guest;
    struct list sleepers;    /* fibers that wait for a time, store.c */
    struct raft_entry *receive_entries;
    void (*init_done)(void *ctx, enum status status);
    void *init_ctx;

    struct meta_state meta;  /* meaningful on replicas of range 1 */
    struct cluster_settings settings; /* of the cluster, as far as heard of */
    struct routes routes;
    struct buf transport[SHARD_NODES_MAX][2]; /* Raft messages of this turn by node slot, by link */
    uint64_t transport_node[SHARD_NODES_MAX];
    uint32_t transport_count;
    struct store_metrics metrics;
};

/* ---- store.c ---- */

void store_fail(struct store *s, enum status status, const char *what);
void store_mark_dirty(struct store *s, struct replica *r);
#define HAND_OVER_AT_ONCE 512 /* when the node stops: each is an election */
/* Asks a voter whose store may lead to do so, for up to `most` ranges that are led here. */
void store_hand_over(struct store *s, uint32_t most);
/* Starts entry(arg) on a fiber of the store; the fiber must end with store_fiber_end(s). */
MUST_USE enum status store_fiber(struct store *s, void (*entry)(void *arg), void *arg);
void store_fiber_end(struct store *s);
/* Suspends the running fiber for about that long. */
void store_fiber_sleep(struct store *s, uint64_t duration_ns);

void store_log_callbacks(struct wal_options *o, struct store *s);
void store_engine_callbacks(struct lsm_options *o, struct store *s);

/* ---- log writes with overflow (journal.c) ---- */

void journal_write_output(struct replica *r, const struct raft_output *out);
void journal_write_start(struct replica *r, struct log_pos pos);
/* Of a group that begins: what follows from how it begins, so that nobody waits for it. */
void journal_write_term(struct replica *r, struct raft_hard_state state);
/* Cuts the range's log behind pos, which the log on disk has. It does not stand in line: what waits there is
 * behind pos, and may wait for the room that this makes. False: not now. */
MUST_USE bool journal_cut(struct replica *r, struct log_pos pos);
/* The hard state of a lost replica, and of one that is whole again. */
void journal_write_lost(struct replica *r, uint64_t term);
void journal_write_vote(struct replica *r, const struct raft_status *status);
/* on_durable of the log: answers tickets and drains the overflow. */
void journal_on_durable(void *ctx, struct lsn durable);
void journal_drain_overflow(struct store *s);
void journal_forget_replica(struct replica *r);
void journal_deinit(struct store *s);

/* ---- replica.c ---- */

struct replica_start {
    struct range_id range;
    uint64_t id;
    const struct descriptor *descriptor; /* copied */
    struct raft_restore restore;
    struct raft_entry *entries; /* after restore.start */
    uint32_t entry_count;
    bool uncertain;
    struct bytes app_state; /* empty: none was kept */
};
MUST_USE enum status replica_create(struct store *s, const struct replica_start *start,
                                    struct replica **replica_out);
void replica_destroy(struct replica *r);
/* One raft step and everything its output asks for, but applies (they come with the turn). */
enum status replica_step(struct replica *r, const struct raft_event *event);
/* The same; where a proposal lies in the log. */
enum status replica_step_proposing(struct replica *r, const struct raft_event *event, struct log_pos *proposed);
/* replica_step for an event of liveness_feed. */
enum status replica_step_fed(struct replica *r, const struct raft_event *event);
/* Writes and sends what was proposed in this turn. */
void replica_flush(struct replica *r);
void replica_persisted(struct replica *r, uint64_t ticket);
/* Applies, answers reads and proposals. Returns true when entries are left for the next turn. */
bool replica_turn(struct replica *r, uint64_t now_ns);
/* Makes the group of a replica anew from start (its range and id stay). STATUS_NO_MEMORY. */
MUST_USE enum status replica_regroup(struct replica *r, const struct replica_start *start);
/* Tells the engine how far the log is durable here: it writes nothing beyond (LSM-1). */
void replica_limit_flush(struct replica *r);
/* The state of a replica that holds nothing: it knows its range and id, and may come to hold the keys that it held. */
void replica_forget(struct replica *r);
/* It may become what d, a descriptor of its range, says: no other replica here stands in the way, and an empty one gets
 * nothing that it was not made for (SHARD-16). */
bool replica_fits(const struct replica *r, const struct descriptor *d);
/* A replica here, of another range than `but`, holds some of the keys or may come to; or one that is being born. */
bool store_keys_taken(const struct store *s, struct range_id but, struct bytes start, struct bytes end);
/* An empty replica may come to hold what the metadata range says now. STATUS_BUSY: it is not empty, or another one
 * here stands in the way. STATUS_NO_MEMORY. */
MUST_USE enum status replica_expect(struct replica *r, const struct descriptor *mirror);
/* Other bounds or members. d: assigned; its keys are taken, and it remains a view. Whoever changes nothing but epoch
 * and members may do so in place. */
void replica_describe(struct replica *r, struct descriptor *d);
/* What the leader's group knows of a member; STATUS_NOT_FOUND. */
MUST_USE enum status replica_progress(const struct replica *r, uint64_t member, struct raft_progress *progress_out);
uint64_t replica_node_of(const struct replica *r, uint64_t replica_id);
void replica_learn_sender(struct replica *r, uint64_t replica_id, uint64_t node);

/* ---- liveness.c ---- */

void liveness_start(struct store *s);
void liveness_stop(struct store *s);
/* At the beginning of each turn. */
void liveness_look(struct store *s, uint64_t now_ns);
/* A lease until then rests on what was asked for since this process last stood still (A9). */
bool liveness_counts(const struct store *s, uint64_t now_ns, uint64_t lease_until_ns);
void liveness_on_message(struct store *s, struct node_id from, struct bytes payload);
/* A group of this store starts anew and has forgotten what it promised: all promises are asked for again. */
void liveness_begin_anew(struct store *s);
/* The store of that node asks for support, so its disk works and it stays. */
bool liveness_may_lead(const struct store *s, const struct node_entry *n);
/* Before each step: the group is told what has changed since it was told last. */
void liveness_feed(struct replica *r);
/* The same where that could make a difference to a step. */
void liveness_feed_if_old(struct replica *r);
/* The same without a step, before a question about the lease. */
void liveness_renew(struct replica *r);

/* ---- rest.c ---- */

void rest_init(struct store *s);
void rest_deinit(struct store *s);
/* After support was given or received, or when some may have ended. */
void rest_look(struct store *s); /* at all peers */
void rest_look_at(struct store *s, struct liveness_peer *p); /* at one, of whom there is news */
/* Wakes as many groups at rest as are due after that time, to ask whether they are still led. */
void rest_ask(struct store *s, uint64_t passed_ns);

/* ---- campaign.c ---- */

void campaigns_init(struct store *s);
void campaigns_deinit(struct store *s);
/* The timer of a group is due. False: it would stand, and shall not yet; it gets its TIMER later. */
MUST_USE bool campaign_admit(struct replica *r, uint64_t now_ns);
/* After a step: it stands in line for an election, and is still due; so it needs no timer. */
bool campaign_waits(struct replica *r, const struct raft_output *out);
/* After a step: has an election begun, or ended? */
void campaign_note(struct replica *r);
void campaign_forget(struct replica *r);

/* ---- fence.c ---- */

/* Takes a damaged replica out of service; it comes back by itself. Not from inside a step of it. */
void replica_fence(struct replica *r, const char *why);
void fence_turn(struct replica *r, uint64_t now_ns);
void fence_tick(struct store *s);
/* After a step of a lost replica: has a leader settled it? */
void fence_note_settled(struct replica *r);

/* ---- log_trim.c ---- */

/* Looks at the logs of some ranges by turns, and at that of the one which holds back the oldest segment. */
void log_trim_tick(struct store *s, uint64_t now_ns);

/* ---- space.c ---- */

void space_tick(struct store *s);
/* No room for more of that range. */
bool space_refuses(const struct store *s, struct range_id range);
/* The log has little room left, and more than `bytes` should not go in. */
bool space_is_low(const struct store *s, uint64_t bytes);

/* ---- apply.c ---- */

/* Applies entries up to the commit index, at most budget of them. */
uint32_t apply_committed(struct replica *r, uint32_t budget);
/* The engine's opaque record of a range: descriptor, replica id and Raft position. */
void range_meta_encode(const struct descriptor *d, uint64_t replica_id, struct log_pos pos,
                       struct bytes app_state, struct buf *out);
/* The same for a replica as it is now, with the application's state. */
void range_meta_of(struct replica *r, uint64_t replica_id, struct log_pos pos, struct buf *out);
MUST_USE enum status range_meta_decode(struct bytes bytes, struct descriptor *d,
                                       uint64_t *replica_id_out, struct log_pos *pos_out,
                                       struct app_state *app_state_out);
void proposals_end_all(struct replica *r, enum status status);
void reads_end_all(struct replica *r, enum status status);
/* In each turn: those whose time is up, and those that what was applied or confirmed lets go on. */
void proposals_expire(struct replica *r, uint64_t now_ns);
void reads_turn(struct replica *r, uint64_t now_ns);

/* ---- transport.c ---- */

void transport_send(struct replica *r, const struct raft_message *message);
void transport_receive(struct store *s, struct node_id from, struct bytes payload);
void transport_flush(struct store *s);
/* One message that has come; encoded: the same, as it travelled. */
void transport_deliver(struct store *s, struct node_id from, struct range_id range, const struct raft_message *m,
                       struct bytes encoded);

/* ---- snapshot.c, snapshot_send.c ---- */

void snapshot_send_start(struct replica *r, uint64_t member, uint64_t node);
void snapshot_on_message(struct store *s, struct node_id from, uint16_t type, struct bytes payload);
void snapshot_on_link_down(struct store *s, struct node_id peer);
/* Gives up streams that stand still. */
void snapshot_tick(struct store *s);
void snapshot_forget_replica(struct replica *r);
void snapshot_abort_all(struct store *s);
/* The log behind this index is needed by who receives a snapshot now; UINT64_MAX: nobody does. */
uint64_t snapshot_held_index(const struct replica *r);

/* ---- recover.c ---- */

MUST_USE enum status recover_store(struct store *s, const char **why);

/* ---- route.c ---- */

void routes_init(struct routes *t);
void routes_deinit(struct store *s);
/* SHARD_MESSAGE_ROUTES: repeated { sized descriptor, leader node u64 }. */
void route_encode(struct store *s, struct buf *out);
void route_on_message(struct store *s, struct bytes payload);
/* Who may lead a range, as far as this node knows, or 0. */
struct node_id route_leader_hint(struct store *s, struct range_id range);

/* ---- lookup.c ---- */

void lookup_serve(struct store *s);

#endif
