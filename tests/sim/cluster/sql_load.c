#include "tests/sim/cluster/sql_load_int.h"

#include <stdlib.h>
#include <string.h>

#define CONNECT_TIMEOUT_NS SIM_SEC
#define PREPARE_TIMEOUT_NS (10 * SIM_SEC)
#define PAUSE_NS (5 * SIM_MS)
#define TIRED_NS (100 * SIM_MS)
#define CANCEL_NS (5 * SIM_MS)
#define HISTORY_BYTES_MAX (256u << 20)
#define ASK_AGAIN_NS (400 * SIM_MS)
#define ASKS_MAX 40u /* longer than an outcome is open */

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

static void think(struct sql_actor *a, uint64_t mean_ns);
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

/* ---- what must not be ---- */

static void complain(struct sql_actor *a, const char *what, const struct sql_result *r)
{
    struct sql_load *l = a->load;
    if (l->failure[0] != '\0') return;
    snprintf(l->failure, sizeof l->failure, "%s: client %llu at machine %llu, phase %d: %s (%s %s, state %c)",
             l->options.kind->name, (unsigned long long)a->number, (unsigned long long)a->machine, a->phase, what,
             r->sqlstate, r->message, r->state != 0 ? r->state : '-');
}

/* Errors that a right server may give to statements that make sense. */
static bool expected_error(const char *sqlstate)
{
    static const char *const states[] = {"40001", "40P01", "55P03", "57P03", "23505", "23514", "53200", "53100",
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
    if (r->state != wanted && !(script_failed && r->state == 'E')) complain(a, "transaction state", r);
}

/* ---- the end of a transaction ---- */

static void transaction_end(struct sql_actor *a, enum history_outcome outcome)
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

static void transaction_over(struct sql_actor *a, enum history_outcome outcome)
{
    transaction_end(a, outcome);
    think(a, a->load->options.think_mean_ns);
}

/* ---- sending ---- */

static void draw_trouble(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    struct sim *sim = sql_load_sim(l);
    sql_client_cut(a->client, SQL_CUT_NONE);
    if (l->calm || l->preparing) return;
    if (sim_chance(sim, l->options.cut_ppm)) {
        l->counts.disconnects++;
        enum sql_cut drawn = (enum sql_cut)(1 + sim_below(sim, SQL_CUT_COUNT - 1));
        sql_client_cut(a->client, l->options.cut != SQL_CUT_NONE ? l->options.cut : drawn);
    }
}

static void request_begin(struct sql_load *l)
{
    buf_reset(&l->text);
    l->text_count = 0;
}

/* Opens a statement; what is appended to l->text until the next one is its text. */
static struct buf *request_next(struct sql_load *l)
{
    ASSERT(l->text_count < SQL_CLIENT_RESULTS_MAX);
    if (l->text_count > 0) buf_append_byte(&l->text, 0);
    l->starts[l->text_count++] = l->text.size;
    return &l->text;
}

/* The simple protocol takes all statements as one text. */
static void send_simple(struct sql_actor *a, uint64_t timeout_ns, uint32_t piece_bytes)
{
    struct sql_load *l = a->load;
    for (uint32_t i = 1; i < l->text_count; i++) l->text.data[l->starts[i] - 1] = ';';
    sql_client_query(a->client, (const char *)l->text.data, timeout_ns, piece_bytes);
}

static void send_extended(struct sql_actor *a, uint64_t timeout_ns, uint32_t piece_bytes)
{
    struct sql_load *l = a->load;
    const char *texts[SQL_CLIENT_RESULTS_MAX];
    for (uint32_t i = 0; i < l->text_count; i++) texts[i] = (const char *)l->text.data + l->starts[i];
    bool sync_each = a->mode == SQL_SCRIPT && l->text_count > 2 && sql_below(a, 2) == 0;
    sql_client_execute(a->client, texts, l->text_count, sync_each, timeout_ns, piece_bytes);
}

static void trace_request(struct sql_actor *a, bool extended)
{
    const struct sql_load *l = a->load;
    for (uint32_t i = 0; i < l->text_count; i++)
        sim_trace(sql_load_sim(a->load), "sql %s client %llu m%llu%s: %s", l->options.kind->name,
                  (unsigned long long)a->process, (unsigned long long)a->machine, extended ? " extended" : "",
                  (const char *)l->text.data + l->starts[i]);
}

static void send(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    struct sim *sim = sql_load_sim(l);
    bool trouble = !l->calm && !l->preparing;
    draw_trouble(a);
    bool pieces = trouble && sim_chance(sim, l->options.piece_ppm);
    bool late = trouble && sim_chance(sim, l->options.piece_ppm);
    bool extended = !l->preparing && sim_chance(sim, l->options.extended_ppm);
    a->simple = !extended;
    uint64_t timeout_ns = l->preparing ? PREPARE_TIMEOUT_NS : l->options.timeout_ns;
    uint32_t piece_bytes = pieces ? 1 + (uint32_t)sim_below(sim, 20) : 0;
    buf_append_byte(&l->text, 0);
    ASSERT(!l->text.failed);
    trace_request(a, extended);
    if (late) sql_client_read_later(a->client, sim_exponential(sim, 20 * SIM_MS));
    if (trouble && sim_chance(sim, l->options.cancel_ppm))
        sql_client_cancel_later(a->client, sim_exponential(sim, CANCEL_NS));
    if (extended) send_extended(a, timeout_ns, piece_bytes);
    else send_simple(a, timeout_ns, piece_bytes);
}

static void send_text(struct sql_actor *a, const char *text)
{
    request_begin(a->load);
    buf_append_string(request_next(a->load), text);
    send(a);
}

static void add_op(struct sql_actor *a, struct sql_op *op)
{
    op->tries++;
    a->load->options.kind->text(a, op, request_next(a->load));
}

static void send_op(struct sql_actor *a)
{
    request_begin(a->load);
    add_op(a, &a->ops[a->op_at]);
    send(a);
}

static void send_script(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    request_begin(l);
    if (a->mode == SQL_SCRIPT) buf_append_string(request_next(l), "BEGIN");
    for (uint32_t i = 0; i < a->op_count; i++) add_op(a, &a->ops[i]);
    if (a->mode == SQL_SCRIPT) buf_append_string(request_next(l), "COMMIT");
    send(a);
}

static void transaction_begin(struct sql_actor *a)
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
    case SQL_ALONE: send_op(a); break;
    case SQL_EXPLICIT: send_text(a, sql_below(a, 4) > 0 ? "BEGIN" : "START TRANSACTION ISOLATION LEVEL SERIALIZABLE"); break;
    case SQL_SCRIPT:
    case SQL_IMPLICIT: send_script(a); break;
    default: UNREACHABLE();
    }
}

/* A transaction that must not commit: rolled back, or left to the server. Nothing of it was asked to commit. */
static void roll_back(struct sql_actor *a)
{
    a->phase = ACTOR_ROLLS_BACK;
    send_text(a, "ROLLBACK");
}

/* ---- savepoints ---- */

/* A statement that is taken back stands before the next one: nobody may see what it did, whatever comes of it. */
static bool detour_begin(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    if (l->options.kind->stray == NULL || !sim_chance(sql_load_sim(l), l->options.savepoint_ppm)) return false;
    a->detour = DETOUR_MARKS;
    send_text(a, "SAVEPOINT here");
    return true;
}

static void detour_return(struct sql_actor *a)
{
    a->detour = DETOUR_RETURNS;
    send_text(a, sql_below(a, 2) == 0 ? "ROLLBACK TO here" : "ROLLBACK TO SAVEPOINT here");
}

static void detour_took(struct sql_actor *a, const struct sql_result *r)
{
    const char *tag = r->count == 1 ? r->results[0].tag : "";
    struct sql_load *l = a->load;
    switch (a->detour) {
    case DETOUR_MARKS:
        if (strcmp(tag, "SAVEPOINT") != 0) complain(a, "tag of SAVEPOINT", r);
        a->detour = DETOUR_STRAYS;
        request_begin(l);
        l->options.kind->stray(a, request_next(l));
        send(a);
        return;
    case DETOUR_STRAYS: detour_return(a); return;
    case DETOUR_RETURNS:
        if (strcmp(tag, "ROLLBACK") != 0) complain(a, "tag of ROLLBACK TO", r);
        a->detour = DETOUR_NONE;
        a->marked = true;
        send_op(a);
        return;
    case DETOUR_NONE: break;
    }
    UNREACHABLE();
}

/* An error behind a savepoint is forgiven: that of what is taken back anyway, and one of a statement right behind it, which
 * is tried again. */
static bool detour_forgives(struct sql_actor *a, const struct sql_result *r)
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

/* The next statement of a transaction, or its end. */
static void go_on(struct sql_actor *a)
{
    a->marked = false;
    if (a->op_at < a->op_count && a->ops[a->op_at].tries == 0 && !a->ops[a->op_at].straight &&
        detour_begin(a))
        return;
    if (a->op_at < a->op_count) {
        send_op(a);
        return;
    }
    a->phase = ACTOR_COMMITS;
    send_text(a, sql_below(a, 4) > 0 ? "COMMIT" : "END");
}

static void on_pause_over(void *ctx)
{
    go_on(ctx);
}

/* People think within transactions, too. */
static void go_on_in_time(struct sql_actor *a)
{
    if (a->pause_ns == 0) go_on(a);
    else sim_call_after(sql_load_sim(a->load), sim_exponential(sql_load_sim(a->load), a->pause_ns), on_pause_over, a);
}

/* ---- answers ---- */

static enum sql_verdict judge(struct sql_actor *a, struct sql_op *op, const struct sql_rows *rows,
                              const struct sql_result *r)
{
    enum sql_verdict verdict = a->load->options.kind->took(a, op, rows);
    if (verdict == SQL_OP_WRONG) complain(a, a->wrong, r);
    return verdict;
}

static void took_op(struct sql_actor *a, const struct sql_result *r)
{
    if (r->count != 1) {
        complain(a, "one statement, one result", r);
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
        go_on_in_time(a);
        return;
    case SQL_OP_AGAIN:
        if (a->mode == SQL_ALONE) send_op(a);
        else go_on_in_time(a);
        return;
    case SQL_OP_GIVE_UP:
        if (a->mode == SQL_ALONE) transaction_over(a, HISTORY_FAIL);
        else roll_back(a);
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
    if (!right) complain(a, "results of a script", r);
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
    if (sql_client_connected(a->client)) send_text(a, text);
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
    if (!committed && !aborted && !undecided && strcmp(word, "expired") != 0) complain(a, "a status of a transaction", r);
    if (undecided && a->asked++ < ASKS_MAX) {
        sim_call_after(sql_load_sim(a->load), ASK_AGAIN_NS, ask, a);
        return;
    }
    if (committed || aborted) COVER("sim_outcome_asked_for");
    transaction_over(a, aborted                                  ? HISTORY_FAIL
                        : committed && a->mode == SQL_EXPLICIT ? HISTORY_OK
                                                               : HISTORY_INFO);
}

static void took_error(struct sql_actor *a, const struct sql_result *r)
{
    if (a->phase == ACTOR_ASKS) {
        if (!expected_error(r->sqlstate)) complain(a, "unexpected error", r);
        transaction_over(a, HISTORY_INFO);
        return;
    }
    if (shows_commit(a, r)) complain(a, "an error behind what was returned", r);
    if (!expected_error(r->sqlstate)) complain(a, "unexpected error", r);
    check_state(a, r);
    if (detour_forgives(a, r)) return;
    a->detour = DETOUR_NONE;
    bool committing = a->mode != SQL_EXPLICIT || a->phase == ACTOR_COMMITS;
    if (committing && a->writes && outcome_hidden(r->sqlstate)) {
        if (begins_to_ask(a, r)) return;
        transaction_end(a, HISTORY_INFO);
        if (r->state == 'I') think(a, a->load->options.think_mean_ns);
        else roll_back(a);
        return;
    }
    if (r->state == 'I') transaction_over(a, HISTORY_FAIL);
    else roll_back(a);
}

static void took_lost(struct sql_actor *a, const struct sql_result *r)
{
    bool committing = (a->mode != SQL_EXPLICIT && a->phase == ACTOR_WORKS) || a->phase == ACTOR_COMMITS;
    if (r->sqlstate[0] != '\0' && !expected_error(r->sqlstate)) complain(a, "unexpected end", r);
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
    think(a, a->load->options.think_mean_ns);
}

static void took_answer(struct sql_actor *a, const struct sql_result *r)
{
    const char *tag = r->count > 0 ? r->results[0].tag : "";
    check_state(a, r);
    switch (a->phase) {
    case ACTOR_BEGINS:
        if (strcmp(tag, "BEGIN") != 0 && strcmp(tag, "START TRANSACTION") != 0) complain(a, "tag of BEGIN", r);
        a->phase = ACTOR_WORKS;
        go_on(a);
        return;
    case ACTOR_WORKS:
        if (a->detour != DETOUR_NONE) detour_took(a, r);
        else if (a->mode == SQL_ALONE || a->mode == SQL_EXPLICIT) took_op(a, r);
        else took_script(a, r);
        return;
    case ACTOR_COMMITS:
        if (strcmp(tag, "COMMIT") != 0) complain(a, "tag of COMMIT", r);
        transaction_over(a, strcmp(tag, "COMMIT") == 0 ? HISTORY_OK : HISTORY_FAIL);
        return;
    case ACTOR_ASKS: took_status(a, r); return;
    case ACTOR_ROLLS_BACK:
        if (strcmp(tag, "ROLLBACK") != 0) complain(a, "tag of ROLLBACK", r);
        if (a->load->seen.txns[a->txn].outcome == HISTORY_PENDING) transaction_end(a, HISTORY_FAIL);
        think(a, a->load->options.think_mean_ns);
        return;
    default: UNREACHABLE();
    }
}

/* ---- preparing ---- */

static void prepare_next(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    request_begin(l);
    if (l->options.kind->prepare(l, l->step, request_next(l))) {
        send(a);
        return;
    }
    l->preparing = false;
    l->prepared = true;
    a->phase = ACTOR_THINKS;
}

static void took_prepare(struct sql_actor *a, const struct sql_result *r)
{
    if (r->end == SQL_END_OK || strcmp(r->sqlstate, "23505") == 0) a->load->step++;
    if (r->end == SQL_END_LOST) think(a, 10 * SIM_MS);
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
        if (r->sqlstate[0] != '\0' && !expected_error(r->sqlstate)) complain(a, "refused", r);
        think(a, a->load->options.think_mean_ns + 10 * SIM_MS);
        return;
    }
    if (a->load->preparing) {
        took_prepare(a, r);
        return;
    }
    if (r->end == SQL_END_OK) took_answer(a, r);
    else if (r->end == SQL_END_ERROR) took_error(a, r);
    else took_lost(a, r);
}

static void connect_somewhere(struct sql_actor *a)
{
    struct sql_load *l = a->load;
    uint64_t machine = 1 + sim_below(sql_load_sim(l), cluster_size(l->cluster));
    a->machine = machine;
    a->phase = ACTOR_CONNECTS;
    draw_trouble(a);
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

static void think(struct sql_actor *a, uint64_t mean_ns)
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
    think(&l->actors[0], SIM_MS);
    return cluster_run_until(l->cluster, is_prepared, l, timeout_ns);
}

void sql_load_start(struct sql_load *l)
{
    for (uint32_t i = 0; i < l->options.client_count; i++) think(&l->actors[i], l->options.think_mean_ns);
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
