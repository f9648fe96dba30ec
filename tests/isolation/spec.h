/* Isolation scripts (tests/data/isolation/NAME.iso): sessions, their steps, and the orders in which the steps are
 * taken. One directive a line; # begins a comment.
 *
 *     table SQL          run once, before everything
 *     rows SQL           run before each order: puts the rows back
 *     session NAME       the steps that follow are this session's
 *       STEP: SQL        a step; its name is unique in the script
 *     final SQL          run after each order: what is left
 *     order STEP STEP    one order; its transcript is kept
 *     orders all         every interleaving; their outcomes are counted
 *     orders N           N of them, drawn from a fixed seed
 *     levels all         BEGIN at each isolation level's name in turn: nothing may depend on it
 *     unordered WHY      outcomes are not compared with serial orders
 *
 * Transactions are found in the steps: from BEGIN to COMMIT or ROLLBACK, or one step alone. */
#ifndef OSTRAKA_TESTS_ISOLATION_SPEC_H
#define OSTRAKA_TESTS_ISOLATION_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPEC_SESSIONS_MAX 5
#define SPEC_STEPS_MAX 40
#define SPEC_ORDERS_MAX 64
#define SPEC_LINES_MAX 16

struct spec_step {
    char *name, *sql;
    uint32_t session, txn; /* txn: counted over the whole script */
};
struct spec_order {
    uint32_t steps[SPEC_STEPS_MAX];
    uint32_t count;
};
struct spec {
    char path[512];
    char *text;            /* the file; names and statements are in it */
    char *tables[SPEC_LINES_MAX], *rows[SPEC_LINES_MAX], *finals[SPEC_LINES_MAX];
    uint32_t table_count, row_count, final_count;
    char *sessions[SPEC_SESSIONS_MAX];
    uint32_t session_count;
    struct spec_step steps[SPEC_STEPS_MAX];
    uint32_t step_count, txn_count;
    struct spec_order orders[SPEC_ORDERS_MAX];
    uint32_t order_count;
    bool all, levels, unordered;
    uint32_t sample;       /* 0: none */
};

/* Fails the test when the file cannot be read or says nonsense. */
void spec_load(struct spec *s, const char *path);
void spec_free(struct spec *s);
/* The step begins (ends) a transaction block. */
bool spec_begins(const char *sql);
bool spec_ends(const char *sql);

#endif
