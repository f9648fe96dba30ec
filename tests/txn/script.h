/* Scripted leaders for tests of a gateway's part of a commit over several ranges: they note what they are sent, and answer PREPARE
 * and DECIDE as they are told. Three machines, three ranges; refreshes and locks are asked of the real leaders. */
#ifndef OSTRAKA_TESTS_TXN_SCRIPT_H
#define OSTRAKA_TESTS_TXN_SCRIPT_H

#include "tests/txn/world.h"
#include "txn/txn_state.h"

#define LEFT 2u   /* to g */
#define MIDDLE 3u /* h to o */
#define RIGHT 4u
#define RANGES_MAX 8
#define SENT_MAX 256

/* A request as it came. */
struct sent {
    enum rpc_kind kind;
    uint64_t range, node, number, read_ts, sent_ts, tag, last_ct, ct;
    uint8_t what;
    char anchor[32], low[32], high[32]; /* keys, without the prefix */
    char staged[64];                    /* PREPARE: the keys that it lists, with a space behind each */
    bool gated;
    uint32_t spans, writes, participants;
    uint8_t body[128];                  /* PREPARE: its beginning, */
    size_t size;                        /* and how long all of it was */
};

/* What a range answers to PREPARE, or the anchor to DECIDE, in turn; then STATUS_OK. */
struct answers {
    enum status status[16];
    uint64_t reading[16];   /* that comes with BUSY */
    uint32_t count, at;
    bool silent;            /* no answer */
};

struct script {
    struct world w;
    uint64_t gateway; /* it leads the left range, which so has the anchor of what is written there */
    struct answers prepare[RANGES_MAX], decide;
    uint64_t lb[RANGES_MAX]; /* how much later than the clock */
    uint8_t decided;         /* what DECIDE answers; 0: as asked */
    uint64_t decided_ct;     /* and its ct; 0: the one that came */
    struct sent sent[SENT_MAX];
    uint32_t count;
    struct rpc_token unanswered; /* the last one that got no answer, at that node (0: none) */
    uint32_t unanswered_by;
    struct node {
        struct script *script;
        struct core *core;
    } nodes[3];
};

/* parallel: commits may be staged. world_close(&s->w) ends it. */
void script_open(struct script *s, bool parallel);
/* Writes a and b in the left range, z in the right one. */
void script_put_both(struct actor *a);
/* A transaction at the gateway that writes those. */
void script_begin_both(struct script *s, struct actor *a);
/* In turn. reading: that comes with STATUS_BUSY. */
void script_will_answer(struct answers *a, enum status status, uint64_t reading);
/* To the last request that got no answer. */
void script_answer_late(struct script *s, enum status status);
/* The i-th request of a kind; NULL: there were not so many. */
const struct sent *script_nth(const struct script *s, enum rpc_kind kind, uint32_t nth);
uint32_t script_count(const struct script *s, enum rpc_kind kind);
/* The first of a kind to that range; NULL: there was none. */
const struct sent *script_to_range(const struct script *s, enum rpc_kind kind, uint64_t range);
/* What has been seen of the cluster's clock anywhere. */
uint64_t script_clock(const struct script *s);
/* At its leader. */
struct range *script_range(struct world *w, uint64_t range);
const struct kv_metrics *script_metrics(struct world *w, uint64_t machine);

#endif
