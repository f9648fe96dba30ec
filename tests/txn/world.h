/* A small cluster for scripted transactions: each verb runs on a fiber of a machine, and the script sees its
 * outcome. A verb may also be started and awaited later, so that a script can hold one transaction in the
 * middle of its commit while others go on. */
#ifndef OSTRAKA_TESTS_TXN_WORLD_H
#define OSTRAKA_TESTS_TXN_WORLD_H

#include "tests/sim/cluster/cluster.h"
#include "txn/range.h"

#define WORLD_RANGE ((struct range_id){2}) /* holds the keys of these tests */
/* Of three ranges: keys below h, keys below p, and the rest. */
#define WORLD_LEFT   ((struct range_id){2})
#define WORLD_MIDDLE ((struct range_id){3})
#define WORLD_RIGHT  ((struct range_id){4})

struct splits;
struct world {
    struct cluster *cluster;
};

/* A cluster of `nodes` machines that serves. retention_ns 0: the default. */
void world_open(struct world *w, uint32_t nodes, uint64_t retention_ns);
/* One machine whose tables are so large that what ends by itself does not get tables of its own. */
void world_open_large_tables(struct world *w);
/* The same with leases, under which a leader answers reads without a quorum. */
void world_open_leased(struct world *w, uint32_t nodes);
/* With leases, and several data ranges: the second one begins at the first of the keys, which are borrowed. */
void world_open_split(struct world *w, uint32_t nodes, const struct bytes *split_keys, uint32_t split_count);
/* Three data ranges, as above, whose leaders are where they shall be: nothing moves any more. */
void world_open_three(struct world *w, uint32_t nodes);
/* The same, and commits over several ranges are acknowledged when their record is there, not before. */
void world_open_three_plain(struct world *w, uint32_t nodes);
void world_close(struct world *w);
/* For a script that rests on each reading being asked for: skips the test, and closes the world, where none is. */
void world_need_oracle(struct world *w);
/* Lets virtual time pass. */
void world_run_ms(struct world *w, uint64_t ms);
/* The machine that leads the range of the tests; waits for one. */
uint64_t world_leader(struct world *w);
/* Cuts a machine off from all others; sim_net_heal undoes it. */
void world_isolate(struct world *w, uint64_t machine);
/* The leader's state of that range. */
struct range *world_range(struct world *w);
/* The machine that leads a range now, which somebody does; the state of that leader. */
uint64_t world_leader_of(struct world *w, struct range_id range);
struct range *world_range_of(struct world *w, struct range_id range);
/* The range's leader is told to hand over to that machine; world_hand_over: and does. */
void world_transfer(struct world *w, struct range_id range, uint64_t to);
void world_hand_over(struct world *w, struct range_id range, uint64_t to);
/* Of three machines: the one behind the range's leader leads it, and has for a while. */
void world_move_leader(struct world *w, struct range_id range);
/* Divides the range at the key, and lets it settle. */
void world_split(struct world *w, struct splits *s, struct range_id range, const char *key);
struct kv *world_kv(struct world *w, uint64_t machine);
struct lsm_range_stats world_stats(struct world *w, uint64_t machine);
/* Flushes the range on a machine and waits until it is on disk. */
void world_flush(struct world *w, uint64_t machine);

/* Runs function(core, ctx) on a fiber of a machine and waits for it to end; returns what it returned. */
enum status world_call(struct world *w, uint64_t machine, enum status (*function)(struct core *core, void *ctx),
                       void *ctx);

/* Stands in for a leader: takes requests of one kind, and answers the last one when it is told to. */
struct late_leader {
    struct rpc *rpc;
    struct cluster_machine *machine;
    struct rpc_token token;
    uint32_t asked;
};
void late_leader_begin(struct late_leader *l, struct world *w, uint64_t machine, enum rpc_kind kind);
void late_leader_answer(struct late_leader *l, enum status status, struct bytes body);

/* One transaction at a time, at the gateway of one machine. */
struct actor {
    struct world *world;
    uint64_t machine;
    struct arena arena;
    struct txn *txn;
    /* the verb under way */
    enum { VERB_GET, VERB_COUNT, VERB_COMMIT, VERB_LOCK, VERB_LOCK_MANY } verb;
    struct bytes key, key_end;
    struct bytes keys[8]; /* LOCK_MANY */
    uint32_t key_count;
    char key_text[128], key_end_text[128];
    bool reverse, rows_alone; /* COUNT */
    enum txn_lock_mode mode; /* LOCK */
    enum txn_lock_wait wait;
    bool overlay;
    bool running;
    bool ends_itself; /* its transaction goes with the end of the verb, as on a node that stops */
    enum status status;
    char value[2048]; /* GET: what it found, as text */
    uint64_t count, ts;  /* COUNT: rows in [key, key_end); COMMIT: its timestamp */
};
void actor_begin(struct actor *a, struct world *w, uint64_t machine);
/* At the range's leader. */
void actor_begin_at_leader(struct actor *a, struct world *w);
/* Drops the transaction, and the arena with it. */
void actor_end(struct actor *a);
/* Keys and values are texts; keys go behind the prefix of user tables. */
enum status actor_get(struct actor *a, const char *key);
enum status actor_count(struct actor *a, const char *start, const char *end);
/* The same between keys that are given whole. */
enum status actor_count_bytes(struct actor *a, struct bytes start, struct bytes end);
/* There are so many, in both directions. */
void actor_must_count(struct actor *a, const char *start, const char *end, uint64_t count);
void actor_put(struct actor *a, const char *key, const char *value);
enum status actor_insert(struct actor *a, const char *key, const char *value);
void actor_delete(struct actor *a, const char *key);
enum status actor_commit(struct actor *a);
void actor_start_commit(struct actor *a);
void actor_start_get(struct actor *a, const char *key);
/* Locks one key exclusively and waits for it, unless a->mode and a->wait say otherwise. STATUS_NOT_FOUND: locked, and
 * it has no value; STATUS_BUSY: passed over. */
enum status actor_lock(struct actor *a, const char *key);
void actor_start_lock(struct actor *a, const char *key);
/* The same for several keys, with a space between each. a->value: what they hold, in their order, with a space behind each; - where
 * there is nothing, * where it was passed over. */
enum status actor_lock_many(struct actor *a, const char *keys);
void actor_start_lock_many(struct actor *a, const char *keys);
enum status actor_await(struct actor *a);
/* A transaction that writes one key (NULL: deletes it) and must succeed; returns its ct. */
uint64_t world_put(struct world *w, const char *key, const char *value);
/* That is what one finds who begins now, at machine 1. */
void world_must_read(struct world *w, const char *key, const char *value);

#endif
