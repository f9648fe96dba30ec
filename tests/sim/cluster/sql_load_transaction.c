/* A transaction of an actor: how it begins, goes on from statement to statement, is rolled back, and ends. */
#include <string.h>

#include "tests/sim/cluster/sql_load_actor.h"

#define PAUSE_NS (5 * SIM_MS)

void transaction_end(struct sql_actor *a, enum history_outcome outcome)
{
    struct sql_load *l = a->load;
    struct sim *sim = sql_load_sim(l);
    history_complete(&l->seen, a->txn, outcome, sim_now(sim));
    sim_trace(sim, "sql %s client %llu T%zu -> outcome %d", l->options.kind->name,
              (unsigned long long)a->process, a->txn, outcome);
    sim_trace_mix(sim, sim_now(sim) * 31 + a->txn * 7 + outcome);
    if (outcome == HISTORY_OK) {
        l->counts.committed++;
        if (l->options.kind->committed != NULL) l->options.kind->committed(a);
    } else if (outcome == HISTORY_FAIL) {
        l->counts.failed++;
    } else {
        l->counts.unknown++;
        a->process = l->next_process++; /* what it asked for may still happen */
    }
}

void transaction_over(struct sql_actor *a, enum history_outcome outcome)
{
    transaction_end(a, outcome);
    actor_think(a, a->load->options.think_mean_ns);
}

void transaction_begin(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    a->op_count = a->op_at = 0;
    a->writes = a->marked = a->recovered = false;
    a->detour = DETOUR_NONE;
    a->pause_ns = sql_below(a, 4) == 0 ? 1 + sql_below(a, 2 * PAUSE_NS) : 0;
    a->txn = history_invoke(&l->seen, a->process, sim_now(sql_load_sim(l)));
    l->counts.transactions++;
    l->options.kind->draw(a);
    ASSERT(a->op_count > 0 && (a->mode != SQL_ALONE || a->op_count == 1));
    a->phase = a->mode == SQL_EXPLICIT ? ACTOR_BEGINS : ACTOR_WORKS;
    switch (a->mode) {
    case SQL_ALONE: actor_send_op(a); break;
    case SQL_EXPLICIT: actor_send_text(a, sql_below(a, 4) > 0 ? "BEGIN" : "START TRANSACTION ISOLATION LEVEL SERIALIZABLE"); break;
    case SQL_SCRIPT:
    case SQL_IMPLICIT: actor_send_script(a); break;
    default: UNREACHABLE();
    }
}

void transaction_roll_back(struct sql_actor *a)
{
    a->phase = ACTOR_ROLLS_BACK;
    actor_send_text(a, "ROLLBACK");
}

/* ---- savepoints ---- */

/* A statement that is taken back stands before the next one: nobody may see what it did, whatever comes of it. */
static bool detour_begin(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    if (l->options.kind->stray == NULL || !sim_chance(sql_load_sim(l), l->options.savepoint_ppm)) return false;
    a->detour = DETOUR_MARKS;
    actor_send_text(a, "SAVEPOINT here");
    return true;
}

static void detour_return(struct sql_actor *a)
{
    a->detour = DETOUR_RETURNS;
    actor_send_text(a, sql_below(a, 2) == 0 ? "ROLLBACK TO here" : "ROLLBACK TO SAVEPOINT here");
}

void detour_took(struct sql_actor *a, const struct sql_result *r)
{
    const char *tag = r->count == 1 ? r->results[0].tag : "";
    struct sql_load *l = a->load;
    switch (a->detour) {
    case DETOUR_MARKS:
        if (strcmp(tag, "SAVEPOINT") != 0) actor_complain(a, "tag of SAVEPOINT", r);
        a->detour = DETOUR_STRAYS;
        request_begin(l);
        l->options.kind->stray(a, request_next(l));
        request_send(a);
        return;
    case DETOUR_STRAYS: detour_return(a); return;
    case DETOUR_RETURNS:
        if (strcmp(tag, "ROLLBACK") != 0) actor_complain(a, "tag of ROLLBACK TO", r);
        a->detour = DETOUR_NONE;
        a->marked = true;
        actor_send_op(a);
        return;
    case DETOUR_NONE: break;
    }
    UNREACHABLE();
}

bool detour_forgives(struct sql_actor *a, const struct sql_result *r)
{
    bool stray = a->detour == DETOUR_STRAYS;
    bool first = a->detour == DETOUR_NONE && a->marked && !a->recovered && a->phase == ACTOR_WORKS &&
                 a->ops[a->op_at].tries == 1;
    if (r->state != 'E' || !(stray || first)) return false;
    if (first) {
        a->recovered = true;
        a->ops[a->op_at].tries = 0;
    }
    detour_return(a);
    return true;
}

void transaction_go_on(struct sql_actor *a)
{
    a->marked = false;
    if (a->op_at < a->op_count && a->ops[a->op_at].tries == 0 && !a->ops[a->op_at].straight &&
        detour_begin(a))
        return;
    if (a->op_at < a->op_count) {
        actor_send_op(a);
        return;
    }
    a->phase = ACTOR_COMMITS;
    actor_send_text(a, sql_below(a, 4) > 0 ? "COMMIT" : "END");
}

static void on_pause_over(void *ctx)
{
    transaction_go_on(ctx);
}

void transaction_go_on_in_time(struct sql_actor *a)
{
    if (a->pause_ns == 0) transaction_go_on(a);
    else sim_call_after(sql_load_sim(a->load), sim_exponential(sql_load_sim(a->load), a->pause_ns), on_pause_over, a);
}
