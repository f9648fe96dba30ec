/* What the sql_load*.c files share: the run, and the steps of an actor. */
#ifndef OSTRAKA_TESTS_SIM_CLUSTER_SQL_LOAD_ACTOR_H
#define OSTRAKA_TESTS_SIM_CLUSTER_SQL_LOAD_ACTOR_H

#include "tests/sim/cluster/sql_load_int.h"

struct sql_load {
    struct cluster *cluster;
    struct sql_load_options options;
    struct history seen;
    struct sql_actor *actors;
    struct sql_load_state state;
    struct sql_load_counts counts;
    int64_t next_value;
    uint64_t next_process;
    uint32_t gone;
    bool stopping, calm;
    /* preparing, by actor 0 */
    bool preparing, prepared;
    uint32_t step;
    char failure[256];
    struct buf text;                               /* statements of a request, each with its NUL */
    size_t starts[SQL_CLIENT_RESULTS_MAX];
    uint32_t text_count;
};

/* ---- sql_load.c ---- */

/* Goes on with another transaction, after a while. */
void actor_think(struct sql_actor *a, uint64_t mean_ns);

/* ---- sql_load_send.c ---- */

/* For the request that follows: does its client walk away in the middle? */
void actor_draw_trouble(struct sql_actor *a);
void request_begin(struct sql_load *l);
/* Opens a statement; what is appended to l->text until the next one is its text. */
struct buf *request_next(struct sql_load *l);
void request_send(struct sql_actor *a);
void actor_send_text(struct sql_actor *a, const char *text);
void actor_send_op(struct sql_actor *a);     /* the one at op_at */
void actor_send_script(struct sql_actor *a); /* all */

/* ---- sql_load_transaction.c ---- */

void transaction_begin(struct sql_actor *a);
/* The next statement, or the end; _in_time: people think within transactions, too. */
void transaction_go_on(struct sql_actor *a);
void transaction_go_on_in_time(struct sql_actor *a);
/* One that must not commit: rolled back, or left to the server. Nothing of it was asked to commit. */
void transaction_roll_back(struct sql_actor *a);
/* It has ended so; _over: and the actor goes on with another one. */
void transaction_end(struct sql_actor *a, enum history_outcome outcome);
void transaction_over(struct sql_actor *a, enum history_outcome outcome);
/* An answer on a detour. */
void detour_took(struct sql_actor *a, const struct sql_result *r);
/* An error behind a savepoint is forgiven: that of what is taken back anyway, and one of a statement right behind it, which
 * is tried again. */
bool detour_forgives(struct sql_actor *a, const struct sql_result *r);

/* ---- sql_load_take.c ---- */

/* What a right server does not do; the first is kept. */
void actor_complain(struct sql_actor *a, const char *what, const struct sql_result *r);
/* Errors that a right server may give to statements that make sense. */
bool sql_error_expected(const char *sqlstate);
void actor_took_answer(struct sql_actor *a, const struct sql_result *r);
void actor_took_error(struct sql_actor *a, const struct sql_result *r);
void actor_took_lost(struct sql_actor *a, const struct sql_result *r);

#endif
