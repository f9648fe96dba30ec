/* What an actor makes of what comes: which answers are right, and how a transaction ended. */
#include <string.h>

#include "tests/sim/cluster/sql_load_actor.h"

#define ASK_AGAIN_NS (400 * SIM_MS)
#define ASKS_MAX 40u /* longer than an outcome is open */

/* ---- what must not be ---- */

void actor_complain(struct sql_actor *a, const char *what, const struct sql_result *r)
{
    struct sql_load *l = a->load;
    if (l->failure[0] != '\0') return;
    snprintf(l->failure, sizeof l->failure, "%s: client %llu at machine %llu, phase %d: %s (%s %s, state %c)",
             l->options.kind->name, (unsigned long long)a->number, (unsigned long long)a->machine, a->phase, what,
             r->sqlstate, r->message, r->state != 0 ? r->state : '-');
}

bool sql_error_expected(const char *sqlstate)
{
    static const char *const states[] = {"40001", "40P01", "55P03", "57P03", "23505", "23514", "53200", "53100", "58030",
                                         "53300", "57014", "57P01", "08007", "72000"};
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++)
        if (strcmp(states[i], sqlstate) == 0) return true;
    return false;
}

static bool outcome_hidden(const char *sqlstate)
{
    return strcmp(sqlstate, "08007") == 0 || strcmp(sqlstate, "57P01") == 0;
}

/* The transaction state that every answer has to show. */
static void check_state(struct sql_actor *a, const struct sql_result *r)
{
    bool block = a->mode == SQL_EXPLICIT && (a->phase == ACTOR_BEGINS || a->phase == ACTOR_WORKS);
    bool script_failed = a->mode == SQL_SCRIPT && r->end == SQL_END_ERROR && a->phase == ACTOR_WORKS;
    char wanted = !block ? 'I' : r->end == SQL_END_ERROR ? 'E' : 'T';
    /* The error of a script may be the COMMIT's: then the block is over. */
    if (r->state != wanted && !(script_failed && r->state == 'E')) actor_complain(a, "transaction state", r);
}

/* ---- answers ---- */

static enum sql_verdict judge(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows,
                              const struct sql_result *r)
{
    enum sql_verdict verdict = a->load->options.kind->took(a, op, rows);
    if (verdict == SQL_OP_WRONG) actor_complain(a, a->wrong, r);
    return verdict;
}

static void took_op(struct sql_actor *a, const struct sql_result *r)
{
    if (r->count != 1) {
        actor_complain(a, "one statement, one result", r);
        transaction_over(a, HISTORY_INFO);
        return;
    }
    switch (judge(a, &a->ops[a->op_at], &r->results[0], r)) {
    case SQL_OP_DONE:
        if (a->mode == SQL_ALONE) {
            transaction_over(a, HISTORY_OK);
            return;
        }
        a->op_at++;
        transaction_go_on_in_time(a);
        return;
    case SQL_OP_AGAIN:
        if (a->mode == SQL_ALONE) actor_send_op(a);
        else transaction_go_on_in_time(a);
        return;
    case SQL_OP_GIVE_UP:
        if (a->mode == SQL_ALONE) transaction_over(a, HISTORY_FAIL);
        else transaction_roll_back(a);
        return;
    default: transaction_over(a, HISTORY_INFO); return;
    }
}

static void took_script(struct sql_actor *a, const struct sql_result *r)
{
    uint32_t head = a->mode == SQL_SCRIPT ? 1 : 0;
    bool right = r->count == a->op_count + 2 * head;
    if (right && head == 1)
        right = strcmp(r->results[0].tag, "BEGIN") == 0 && strcmp(r->results[r->count - 1].tag, "COMMIT") == 0;
    for (uint32_t i = 0; right && i < a->op_count; i++)
        right = judge(a, &a->ops[i], &r->results[head + i], r) == SQL_OP_DONE;
    if (!right) actor_complain(a, "results of a script", r);
    transaction_over(a, right ? HISTORY_OK : HISTORY_INFO);
}

/* A statement alone shows what it returns when it has committed, and never before: rows prove it. */
static bool shows_commit(const struct sql_actor *a, const struct sql_result *r)
{
    return a->simple && a->mode == SQL_ALONE && a->writes && r->count == 0 && r->results[0].row_count > 0;
}

/* ---- unknown outcomes, asked for by id ---- */

static void ask(void *ctx)
{
    struct sql_actor *a = ctx;
    char text[96];
    snprintf(text, sizeof text, "SELECT ostraka.txn_status('%s')", a->id);
    a->phase = ACTOR_ASKS;
    if (sql_client_connected(a->client)) actor_send_text(a, text);
    else transaction_over(a, HISTORY_INFO);
}

/* Half of those that were told an id ask; the others live with it. */
static bool begins_to_ask(struct sql_actor *a, const struct sql_result *r)
{
    static const char start[] = "the outcome of transaction ";
    if (strcmp(r->sqlstate, "08007") != 0 || strncmp(r->message, start, sizeof start - 1) != 0) return false;
    if (r->state != 'I' || sql_below(a, 2) == 0) return false;
    snprintf(a->id, sizeof a->id, "%.32s", r->message + sizeof start - 1);
    a->asked = 0;
    ask(a);
    return true;
}

/* What it says is believed by the history: aborted is a failure for certain, committed a success if what the
 * statements answered is known. */
static void took_status(struct sql_actor *a, const struct sql_result *r)
{
    const struct sql_rows *rows = &r->results[0];
    const char *word = r->count == 1 && rows->row_count == 1 && rows->cells[0].text != NULL ? rows->cells[0].text : "";
    bool committed = strcmp(word, "committed") == 0, aborted = strcmp(word, "aborted") == 0;
    bool undecided = strcmp(word, "in progress") == 0;
    if (!committed && !aborted && !undecided && strcmp(word, "expired") != 0) actor_complain(a, "a status of a transaction", r);
    if (undecided && a->asked++ < ASKS_MAX) {
        sim_call_after(sql_load_sim(a->load), ASK_AGAIN_NS, ask, a);
        return;
    }
    if (committed || aborted) COVER("sim_outcome_asked_for");
    transaction_over(a, aborted                                  ? HISTORY_FAIL
                        : committed && a->mode == SQL_EXPLICIT ? HISTORY_OK
                                                               : HISTORY_INFO);
}

void actor_took_error(struct sql_actor *a, const struct sql_result *r)
{
    if (a->phase == ACTOR_ASKS) {
        if (!sql_error_expected(r->sqlstate)) actor_complain(a, "unexpected error", r);
        transaction_over(a, HISTORY_INFO);
        return;
    }
    if (shows_commit(a, r)) actor_complain(a, "an error behind what was returned", r);
    if (!sql_error_expected(r->sqlstate)) actor_complain(a, "unexpected error", r);
    check_state(a, r);
    if (detour_forgives(a, r)) return;
    a->detour = DETOUR_NONE;
    bool committing = a->mode != SQL_EXPLICIT || a->phase == ACTOR_COMMITS;
    if (committing && a->writes && outcome_hidden(r->sqlstate)) {
        if (begins_to_ask(a, r)) return;
        transaction_end(a, HISTORY_INFO);
        if (r->state == 'I') actor_think(a, a->load->options.think_mean_ns);
        else transaction_roll_back(a);
        return;
    }
    if (r->state == 'I') transaction_over(a, HISTORY_FAIL);
    else transaction_roll_back(a);
}

void actor_took_lost(struct sql_actor *a, const struct sql_result *r)
{
    bool committing = (a->mode != SQL_EXPLICIT && a->phase == ACTOR_WORKS) || a->phase == ACTOR_COMMITS;
    if (r->sqlstate[0] != '\0' && !sql_error_expected(r->sqlstate)) actor_complain(a, "unexpected end", r);
    if (a->phase == ACTOR_ASKS) {
        transaction_over(a, HISTORY_INFO);
        return;
    }
    /* A transaction whose rollback was cut off may have ended in INFO before: then it is over already. */
    bool over = a->load->seen.txns[a->txn].outcome != HISTORY_PENDING;
    bool done = !over && a->phase == ACTOR_WORKS && shows_commit(a, r);
    if (done) COVER("sim_rows_prove_commit");
    if (!over)
        transaction_end(a, done ? HISTORY_OK : committing && a->writes && r->sent ? HISTORY_INFO : HISTORY_FAIL);
    actor_think(a, a->load->options.think_mean_ns);
}

void actor_took_answer(struct sql_actor *a, const struct sql_result *r)
{
    const char *tag = r->count > 0 ? r->results[0].tag : "";
    check_state(a, r);
    switch (a->phase) {
    case ACTOR_BEGINS:
        if (strcmp(tag, "BEGIN") != 0 && strcmp(tag, "START TRANSACTION") != 0) actor_complain(a, "tag of BEGIN", r);
        a->phase = ACTOR_WORKS;
        transaction_go_on(a);
        return;
    case ACTOR_WORKS:
        if (a->detour != DETOUR_NONE) detour_took(a, r);
        else if (a->mode == SQL_ALONE || a->mode == SQL_EXPLICIT) took_op(a, r);
        else took_script(a, r);
        return;
    case ACTOR_COMMITS:
        if (strcmp(tag, "COMMIT") != 0) actor_complain(a, "tag of COMMIT", r);
        transaction_over(a, strcmp(tag, "COMMIT") == 0 ? HISTORY_OK : HISTORY_FAIL);
        return;
    case ACTOR_ASKS: took_status(a, r); return;
    case ACTOR_ROLLS_BACK:
        if (strcmp(tag, "ROLLBACK") != 0) actor_complain(a, "tag of ROLLBACK", r);
        if (a->load->seen.txns[a->txn].outcome == HISTORY_PENDING) transaction_end(a, HISTORY_FAIL);
        actor_think(a, a->load->options.think_mean_ns);
        return;
    default: UNREACHABLE();
    }
}
