/* What a kind of workload provides, and what it may look at. */
#ifndef OSTRAKA_TESTS_SIM_CLUSTER_SQL_LOAD_INT_H
#define OSTRAKA_TESTS_SIM_CLUSTER_SQL_LOAD_INT_H

#include "base/assert.h"
#include "base/buf.h"
#include "tests/sim/cluster/sql_client.h"
#include "tests/sim/cluster/sql_load.h"

#define SQL_OPS_MAX 8

enum sql_mode {
    SQL_ALONE = 1, /* one statement, its own transaction (or several in a row, if the first ones change nothing) */
    SQL_EXPLICIT,  /* BEGIN, statements one by one, COMMIT */
    SQL_SCRIPT,    /* all of it in one query, BEGIN and COMMIT included */
    SQL_IMPLICIT,  /* several statements in one query: one transaction */
};

/* How a SELECT locks what it returns. */
enum sql_lock { SQL_LOCK_NONE, SQL_LOCK_UPDATE, SQL_LOCK_SHARE, SQL_LOCK_NOWAIT, SQL_LOCK_SKIP };

/* A statement of a transaction; what the numbers mean is the kind's affair. */
struct sql_op {
    uint32_t what;
    uint32_t tries;          /* texts made for it so far */
    uint64_t key, key_last;
    int64_t value, expected;
    enum sql_lock lock;      /* of its SELECT */
    bool straight;           /* no detour stands before it */
    struct history_op *record;
};

enum sql_verdict {
    SQL_OP_DONE = 1,
    SQL_OP_AGAIN,    /* another statement for the same op */
    SQL_OP_GIVE_UP,  /* nothing is to happen: roll back (ALONE: nothing has happened) */
    SQL_OP_WRONG,    /* no right database answers this: written to sql_actor.wrong */
};

struct sql_actor {
    struct sql_load *load;
    struct sql_client *client;
    uint64_t number, process, machine;
    enum { ACTOR_THINKS, ACTOR_CONNECTS, ACTOR_BEGINS, ACTOR_WORKS, ACTOR_COMMITS, ACTOR_ROLLS_BACK,
           ACTOR_ASKS, ACTOR_GONE } phase;
    char id[33];             /* of the transaction, when it was told that its outcome is unknown */
    uint32_t asked;
    enum sql_mode mode;
    struct sql_op ops[SQL_OPS_MAX];
    uint32_t op_count, op_at;
    size_t txn;              /* in the history */
    bool writes;
    /* Savepoints of explicit transactions: a detour sets one, does something, and takes it back. */
    enum { DETOUR_NONE, DETOUR_MARKS, DETOUR_STRAYS, DETOUR_RETURNS } detour;
    bool marked;             /* there is a savepoint, and nothing has been done since */
    bool recovered;          /* an error was forgiven */
    bool simple;             /* the request under way is a simple query */
    uint64_t pause_ns;       /* between statements, on average */
    char wrong[160];
};

struct sql_kind {
    const char *name;
    /* Statement number `step` that makes the tables, or false. One that fails with 23505 counts as done. */
    bool (*prepare)(struct sql_load *l, uint32_t step, struct buf *text);
    /* Draws mode and ops and records them: history_invoke was called, history_add is due. */
    void (*draw)(struct sql_actor *a);
    void (*text)(struct sql_actor *a, const struct sql_op *op, struct buf *text);
    enum sql_verdict (*took)(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows);
    /* A statement that will be taken back: nobody may ever see what it does. NULL: there is none. */
    void (*stray)(struct sql_actor *a, struct buf *text);
    /* The transaction took effect, for certain; NULL: nothing to do. */
    void (*committed)(struct sql_actor *a);
    bool (*check)(struct sql_load *l, struct buf *report);
};

/* Of the run: for kinds. */
struct sim *sql_load_sim(struct sql_load *l);
const struct sql_load_options *sql_load_options(const struct sql_load *l);
struct history *sql_load_seen(struct sql_load *l);
int64_t sql_load_unique(struct sql_load *l);
/* State of the kind, zeroed at first. */
struct sql_load_state {
    uint64_t keys[16], counts[16];
    uint64_t next;
};
struct sql_load_state *sql_load_state(struct sql_load *l);

static inline uint64_t sql_below(struct sql_actor *a, uint64_t bound)
{
    return sim_below(sql_load_sim(a->load), bound);
}
/* Adds an op to the transaction that is being drawn. */
struct sql_op *sql_op_add(struct sql_actor *a, uint32_t what, uint64_t key);
/* None as often as any. skips: locked rows may be left out of the answer. */
enum sql_lock sql_lock_draw(struct sql_actor *a, bool skips);
/* Appends the clause, if any. */
void sql_lock_write(enum sql_lock lock, struct buf *text);
/* A number as text; false: it is none. */
bool sql_cell_number(const struct sql_cell *cell, int64_t *value_out);

#endif
