/* Requests of a transaction that commits in several ranges, sent to their leaders one by one: by a test in place of its gateway,
 * as a coordinator, a late message or somebody who waits would send them. Keys are letters, behind the prefix of user tables. */
#ifndef OSTRAKA_TESTS_TXN_ASK_H
#define OSTRAKA_TESTS_TXN_ASK_H

#include "tests/txn/world.h"
#include "txn/two_phase_leader.h"

struct asker {
    struct world *world;
    uint64_t machine;
    uint64_t patience_ns; /* 0: as long as it takes */
    struct txn_name name;
    struct attempt attempt;
    uint64_t ct;          /* the highest lb that it was given: a commit has it */
    char anchor;          /* 0: the first key of each PREPARE, and there is no DECIDE */
    const char *staged;   /* what the anchor's PREPARE lists; NULL: it is not staged */
    bool gated;
    bool inserts;         /* what it prepares must have no value */
    const char *parts;    /* of a commit: the first and the last key of each */
    struct request *under_way; /* ask_start_... */
};
/* An attempt of a transaction that lives as long as the actor does, which has locked something. */
void asker_begin(struct asker *a, const struct actor *owner);
/* The same transaction under another tag, which its node does not answer for. */
void asker_begin_other(struct asker *a, const struct actor *owner, uint64_t tag);
/* An attempt of a transaction that no node knows: whoever waits for its intents finds that it is gone. Its anchor is a, and it
 * writes from a to c, from k to l and z. */
void asker_begin_unknown(struct asker *a, struct world *w, uint64_t machine, uint64_t tag);
/* The node of the actor, which has locked something, answers for it, and for this attempt. */
void asker_live_as(struct asker *a, const struct actor *owner);
/* Begins an actor for that, which locks y. */
void asker_bring_alive(struct asker *a, struct actor *owner);
/* The actor makes another attempt: nobody answers for the last one any more. */
void actor_attempt_again(struct actor *owner);

/* Puts the value under each of the keys, which lie in one range. */
enum status ask_prepare(struct asker *a, const char *keys, const char *value);
void must_prepare(struct asker *a, const char *keys, const char *value);
/* The same while the script looks on. */
void ask_start_prepare(struct asker *a, const char *keys, const char *value);
enum status ask_await_prepare(struct asker *a);
/* One that has read these keys at read_ts. */
enum status ask_prepare_read(struct asker *a, const char *keys, const char *value, uint64_t read_ts);
/* What the record says after it. A commit has the highest lb. */
enum record_state ask_decide(struct asker *a, enum decide_what what);
enum status ask_try_decide(struct asker *a, enum decide_what what, enum record_state *state_out);
/* The same while the script looks on. */
void ask_start_decide(struct asker *a, enum decide_what what);
enum record_state ask_await_decide(struct asker *a);
/* Are all of the keys, which lie in one range, prepared, and from which timestamp on? */
enum status ask_staged(struct asker *a, const char *keys, bool *all_out, uint64_t *lb_out);
enum txn_outcome ask_outcome(struct asker *a);
/* What became of some attempts, each at one key, in one request to the range of the first key. ct 0: aborted. */
struct asked_resolve {
    const struct asker *asker;
    uint64_t ct;
    char key;
};
enum status ask_resolve(struct asker *a, const struct asked_resolve *items, uint32_t count);
/* The same while the script looks on. */
void ask_start_resolve(struct asker *a, const struct asked_resolve *items, uint32_t count);
enum status ask_await_resolve(struct asker *a);

#endif
