/* The run: its actors, who connect, think and leave; what kinds may ask of it; the calls of its owner. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/cluster/sql_load_actor.h"

#define CONNECT_TIMEOUT_NS SIM_SEC
#define TIRED_NS (100 * SIM_MS)
#define HISTORY_BYTES_MAX (256u << 20)

static void proceed(struct sql_actor *a);

/* ---- for kinds ---- */

struct sim *sql_load_sim(struct sql_load *l) { return cluster_sim(l->cluster); }
const struct sql_load_options *sql_load_options(const struct sql_load *l) { return &l->options; }
struct history *sql_load_seen(struct sql_load *l) { return &l->seen; }
const struct history *sql_load_history(const struct sql_load *l) { return &l->seen; }
int64_t sql_load_unique(struct sql_load *l) { return ++l->next_value; }
struct sql_load_state *sql_load_state(struct sql_load *l) { return &l->state; }
struct sql_load_counts sql_load_counts(const struct sql_load *l) { return l->counts; }

struct sql_op *sql_op_add(struct sql_actor *a, uint32_t what, uint64_t key)
{
    ASSERT(a->op_count < SQL_OPS_MAX);
    struct sql_op *op = &a->ops[a->op_count++];
    *op = (struct sql_op){.what = what, .key = key};
    return op;
}

enum sql_lock sql_lock_draw(struct sql_actor *a, bool skips)
{
    static const enum sql_lock locks[] = {SQL_LOCK_UPDATE, SQL_LOCK_UPDATE, SQL_LOCK_SHARE, SQL_LOCK_NOWAIT,
                                          SQL_LOCK_SKIP};
    if (sql_below(a, 2) == 0) return SQL_LOCK_NONE;
    return locks[sql_below(a, skips ? 5 : 4)];
}

void sql_lock_write(enum sql_lock lock, struct buf *text)
{
    static const char *const clauses[] = {"", " FOR UPDATE", " FOR SHARE", " FOR UPDATE NOWAIT",
                                          " FOR UPDATE SKIP LOCKED"};
    buf_append_string(text, clauses[lock]);
}

bool sql_cell_number(const struct sql_cell *cell, int64_t *value_out)
{
    if (cell->text == NULL || cell->size == 0) return false;
    char *stop;
    *value_out = strtoll(cell->text, &stop, 10);
    return stop == cell->text + cell->size;
}

/* ---- preparing ---- */

static void prepare_next(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    request_begin(l);
    if (l->options.kind->prepare(l, l->step, request_next(l))) {
        request_send(a);
        return;
    }
    l->preparing = false;
    l->prepared = true;
    a->phase = ACTOR_THINKS;
}

static void took_prepare(struct sql_actor *a, const struct sql_result *r)
{
    if (r->end == SQL_END_OK || strcmp(r->sqlstate, "23505") == 0) a->load->step++;
    if (r->end == SQL_END_LOST) actor_think(a, 10 * SIM_MS);
    else prepare_next(a);
}

/* ---- an actor's life ---- */

static void on_done(void *ctx, const struct sql_result *r)
{
    struct sql_actor *a = ctx;
    if (r->end != SQL_END_OK)
        sim_trace(sql_load_sim(a->load), "sql %s client %llu: %s %s %s", a->load->options.kind->name,
                  (unsigned long long)a->process, r->end == SQL_END_LOST ? "lost" : "error", r->sqlstate, r->message);
    if (a->phase == ACTOR_CONNECTS) {
        if (r->end == SQL_END_OK) {
            proceed(a);
            return;
        }
        if (r->sqlstate[0] != '\0' && !sql_error_expected(r->sqlstate)) actor_complain(a, "refused", r);
        actor_think(a, a->load->options.think_mean_ns + 10 * SIM_MS);
        return;
    }
    if (a->load->preparing) {
        took_prepare(a, r);
        return;
    }
    if (r->end == SQL_END_OK) actor_took_answer(a, r);
    else if (r->end == SQL_END_ERROR) actor_took_error(a, r);
    else actor_took_lost(a, r);
}

static void connect_somewhere(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    uint64_t machine = 1 + sim_below(sql_load_sim(l), cluster_size(l->cluster));
    a->machine = machine;
    a->phase = ACTOR_CONNECTS;
    actor_draw_trouble(a);
    sql_client_connect(a->client, sim_addr(machine, CLUSTER_SQL_PORT), CONNECT_TIMEOUT_NS);
}

static void leave(struct sql_actor *a)
{
    a->phase = ACTOR_GONE;
    a->load->gone++;
    sql_client_close(a->client, sql_below(a, 2) == 0);
}

/* Connected, and nothing under way. */
static void proceed(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    a->phase = ACTOR_THINKS;
    if (l->preparing) prepare_next(a);
    else if (l->stopping) leave(a);
    else transaction_begin(a);
}

static void on_thought(void *ctx)
{
    struct sql_actor *a = ctx;
    struct sql_load *l = a->load;
    struct sim *sim = sql_load_sim(l);
    if (a->phase == ACTOR_GONE) return;
    if (l->stopping) {
        leave(a);
        return;
    }
    if (sql_client_connected(a->client) && sim_chance(sim, l->options.hop_ppm)) {
        bool politely = sim_chance(sim, SIM_ALWAYS / 2);
        if (!politely) sim_fault_hit(sim, SIM_FAULT_CLIENT_DISCONNECT);
        sql_client_close(a->client, politely);
    }
    if (sql_client_connected(a->client)) proceed(a);
    else if (sql_client_closed(a->client)) connect_somewhere(a);
    else sim_call_after(sim, SIM_MS, on_thought, a); /* the last connection is on its way out */
}

void actor_think(struct sql_actor *a, uint64_t mean_ns)
{
    struct sim *sim = sql_load_sim(a->load);
    a->phase = ACTOR_THINKS;
    /* A run that has seen enough goes on slowly: it still has to show that it is alive. */
    if (a->load->counts.transactions >= a->load->options.transaction_max) mean_ns = TIRED_NS;
    sim_call_after(sim, sim_exponential(sim, mean_ns), on_thought, a);
}

/* ---- calls ---- */

struct sql_load *sql_load_create(struct cluster *c, const struct sql_load_options *options)
{
    struct sql_load *l = calloc(1, sizeof *l);
    ASSERT(l != NULL);
    l->cluster = c;
    l->options = *options;
    l->next_process = options->client_count;
    history_init(&l->seen, HISTORY_BYTES_MAX);
    buf_init(&l->text, SQL_CLIENT_TEXT_BYTES_MAX);
    l->actors = calloc(options->client_count, sizeof *l->actors);
    ASSERT(l->actors != NULL);
    for (uint32_t i = 0; i < options->client_count; i++) {
        struct sql_actor *a = &l->actors[i];
        *a = (struct sql_actor){.load = l, .number = i, .process = i};
        a->client = sql_client_create(&(struct sql_client_options){
            .sim = cluster_sim(c), .env = cluster_client_env(c), .on_done = on_done, .ctx = a});
    }
    return l;
}

void sql_load_destroy(struct sql_load *l)
{
    for (uint32_t i = 0; i < l->options.client_count; i++) sql_client_destroy(l->actors[i].client);
    free(l->actors);
    buf_deinit(&l->text);
    history_deinit(&l->seen);
    free(l);
}

static bool is_prepared(struct cluster *c, void *ctx)
{
    (void)c;
    return ((const struct sql_load *)ctx)->prepared;
}

bool sql_load_prepare(struct sql_load *l, uint64_t timeout_ns)
{
    l->preparing = true;
    actor_think(&l->actors[0], SIM_MS);
    return cluster_run_until(l->cluster, is_prepared, l, timeout_ns);
}

void sql_load_start(struct sql_load *l)
{
    for (uint32_t i = 0; i < l->options.client_count; i++) actor_think(&l->actors[i], l->options.think_mean_ns);
}

void sql_load_calm(struct sql_load *l) { l->calm = true; }
void sql_load_stop(struct sql_load *l) { l->stopping = true; }
bool sql_load_idle(const struct sql_load *l) { return l->gone == l->options.client_count; }

bool sql_load_check(struct sql_load *l, char *failure, size_t failure_size)
{
    for (uint32_t i = 0; i < l->options.client_count; i++) {
        const char *violation = sql_client_violation(l->actors[i].client);
        if (violation == NULL) continue;
        snprintf(failure, failure_size, "sql %s: protocol: %s", l->options.kind->name, violation);
        return false;
    }
    if (l->failure[0] != '\0') {
        snprintf(failure, failure_size, "sql %s", l->failure);
        return false;
    }
    struct buf report;
    buf_init(&report, 1 << 16);
    bool valid = l->options.kind->check(l, &report);
    if (!valid)
        snprintf(failure, failure_size, "sql %s: %.*s", l->options.kind->name, (int)report.size,
                 (const char *)report.data);
    buf_deinit(&report);
    return valid;
}
