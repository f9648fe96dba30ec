/* Requests of a transaction that commits in several ranges, sent to their leaders one by one: by a test in place of its gateway. */
#ifndef OSTRAKA_TESTS_TXN_ASK_H
#define OSTRAKA_TESTS_TXN_ASK_H

#include "tests/txn/world.h"

/* An attempt of a transaction that lives as long as the actor does, which has locked something. */
struct asker {
    struct world *world;
    uint64_t machine;
    struct txn_name name;
    struct attempt attempt;
};
void asker_begin(struct asker *a, const struct actor *owner);
/* The same transaction under another tag, which its node does not answer for. */
void asker_begin_other(struct asker *a, const struct actor *owner, uint64_t tag);
/* Puts the value under the key, which is a text behind the prefix of user tables. lb_out may be NULL. */
enum status ask_prepare(struct asker *a, const char *key, const char *value, uint64_t *lb_out);
/* What became of some attempts, each at one key, in one request to the range of the first key. ct 0: aborted. */
struct asked_resolve {
    const struct asker *asker;
    uint64_t ct;
    const char *key;
};
enum status ask_resolve(struct asker *a, const struct asked_resolve *items, uint32_t count);

#endif
