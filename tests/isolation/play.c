#include "tests/isolation/play.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "sql/session.h"
#include "sql/types_io.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/test.h"

#define NODES 3
#define TIMEOUT_NS (120 * SIM_SEC)
#define WAIT_NS (50 * SIM_MS)  /* what is not done by then waits for a lock; nothing else takes nearly as long */
#define SPLIT_KEY_BYTES 9
#define SPLIT_NS (2 * SIM_SEC) /* new ranges are at work by then, and all nodes know of them */
#define SETTLE_NS (5 * SIM_MS) /* for locks that are given back behind the answer */

/* A session and the text that it works on. */
struct player {
    struct stage *stage;
    struct sql_session *session;
    struct cluster_machine *machine;
    char sql[2048];
    struct answer *answer;
    uint32_t column_count;
    struct sql_type types[16];
    bool busy, rows_shown;
    uint32_t step;
};
struct stage {
    const struct spec *spec;
    struct cluster *cluster;
    struct player players[SPEC_SESSIONS_MAX + 1]; /* the last one is for setting up */
    uint32_t events;
};

/* ---- what a text answers becomes one line ---- */

static void say(struct answer *a, const char *text)
{
    size_t size = strlen(a->text);
    int more = snprintf(a->text + size, sizeof a->text - size, "%s%s", size > 0 ? " " : "", text);
    assert_true(more >= 0 && (size_t)more < sizeof a->text - size);
}

static bool on_begin(void *ctx, const struct sql_result_column *columns, uint32_t count)
{
    struct player *p = ctx;
    assert_true(count <= 16);
    p->column_count = count;
    p->rows_shown = false;
    for (uint32_t i = 0; i < count; i++) p->types[i] = columns[i].type;
    return true;
}

static bool on_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    struct player *p = ctx;
    struct buf row;
    buf_init(&row, 4096);
    for (uint32_t i = 0; i < p->column_count; i++) {
        buf_append_string(&row, i == 0 ? "(" : ", ");
        if (values[i].is_null) buf_append_string(&row, "null");
        else sql_type_write(eval, p->types[i].oid, &values[i], &row);
    }
    buf_append_byte(&row, ')');
    buf_append_byte(&row, 0);
    assert_int_equal(buf_status(&row), STATUS_OK);
    say(p->answer, (const char *)row.data);
    p->rows_shown = true;
    buf_deinit(&row);
    return true;
}

static bool on_complete(void *ctx, const char *tag)
{
    struct player *p = ctx;
    snprintf(p->answer->tag, sizeof p->answer->tag, "%s", tag);
    if (strncmp(tag, "SELECT ", 7) != 0) say(p->answer, tag);
    else if (!p->rows_shown) say(p->answer, "no rows");
    return true;
}

static bool on_empty(void *ctx)
{
    (void)ctx;
    return true;
}

static void on_notice(void *ctx, const char *severity, const struct sql_error *notice)
{
    (void)ctx;
    (void)severity;
    (void)notice;
}

static void on_parameter(void *ctx, const char *name, const char *value)
{
    (void)ctx;
    (void)name;
    (void)value;
}

static bool on_copy_begin(void *ctx, enum sql_copy_format format, uint32_t column_count)
{
    (void)ctx;
    (void)format;
    (void)column_count;
    return false;
}

static bool on_copy_read(void *ctx, struct bytes *data_out, bool *end_out, struct sql_error *error)
{
    (void)ctx;
    (void)data_out;
    (void)error;
    *end_out = true;
    return false;
}

static void run_on_fiber(void *arg)
{
    struct player *p = arg;
    struct sql_sink sink = {.begin = on_begin, .row = on_row, .complete = on_complete, .empty = on_empty,
                            .notice = on_notice, .parameter = on_parameter, .copy_begin = on_copy_begin,
                            .copy_read = on_copy_read, .ctx = p};
    struct sql_error error = {0};
    sql_session_work_begin(p->session);
    bool ok = sql_session_query(p->session, bytes_of_string(p->sql), &sink, &error);
    sql_session_work_end(p->session, ok ? NULL : &error);
    if (!ok) {
        char text[ANSWER_BYTES_MAX / 2];
        snprintf(p->answer->sqlstate, sizeof p->answer->sqlstate, "%s", error.sqlstate);
        snprintf(text, sizeof text, "%s %.150s", error.sqlstate, error.message);
        say(p->answer, text);
        p->answer->failed = true;
        p->answer->tag[0] = 0;
    }
    p->answer->ended = ++p->stage->events;
    p->busy = false;
}

static void start(struct player *p, struct answer *answer, const char *sql)
{
    assert_false(p->busy);
    assert_true(strlen(sql) < sizeof p->sql);
    snprintf(p->sql, sizeof p->sql, "%s", sql);
    p->answer = answer;
    *answer = (struct answer){.taken = true, .began = ++p->stage->events};
    p->busy = true;
    assert_int_equal(fiber_spawn(core_fibers(p->machine->core), run_on_fiber, p, NULL), STATUS_OK);
    sim_env_set_deadline(p->machine->env, env_now_ns(p->machine->env));
}

static bool is_idle(struct cluster *c, void *ctx)
{
    (void)c;
    return !((struct player *)ctx)->busy;
}

static bool all_idle(struct cluster *c, void *ctx)
{
    struct stage *stage = ctx;
    (void)c;
    for (uint32_t i = 0; i < stage->spec->session_count; i++)
        if (stage->players[i].busy) return false;
    return true;
}

/* For texts that nobody disturbs. */
static void run_whole(struct player *p, struct answer *answer, const char *sql)
{
    start(p, answer, sql);
    assert_true(cluster_run_until(p->stage->cluster, is_idle, p, TIMEOUT_NS));
}

static void must(struct player *p, const char *sql)
{
    struct answer answer;
    run_whole(p, &answer, sql);
    if (answer.failed) fail_msg("%s: %s: %s", p->stage->spec->path, sql, answer.text);
}

/* ---- one order ---- */

static void log_answer(struct buf *log, const struct spec_step *step, const struct answer *a, bool late)
{
    if (log == NULL) return;
    if (late) buf_printf(log, "  ... %s -> %s\n", step->name, a->text);
    else buf_printf(log, "  %s: %s -> %s\n", step->name, step->sql, a->ended != 0 ? a->text : "waits");
}

/* Steps that waited and are done now, in the order in which they ended. */
static void tell_late(struct stage *stage, bool waiting[SPEC_SESSIONS_MAX], struct buf *log)
{
    for (;;) {
        struct player *first = NULL;
        for (uint32_t i = 0; i < stage->spec->session_count; i++) {
            struct player *p = &stage->players[i];
            if (waiting[i] && !p->busy && (first == NULL || p->answer->ended < first->answer->ended)) first = p;
        }
        if (first == NULL) return;
        waiting[first - stage->players] = false;
        log_answer(log, &stage->spec->steps[first->step], first->answer, true);
    }
}

/* BEGIN, at the level that is asked for. */
static void step_text(const struct spec_step *step, const char *level, char *out, size_t size)
{
    if (level != NULL && strcmp(step->sql, "BEGIN") == 0) snprintf(out, size, "BEGIN ISOLATION LEVEL %s", level);
    else snprintf(out, size, "%s", step->sql);
}

static void take_step(struct stage *stage, uint32_t number, const char *level, bool waiting[SPEC_SESSIONS_MAX],
                      struct buf *log, struct played *out)
{
    const struct spec_step *step = &stage->spec->steps[number];
    struct player *p = &stage->players[step->session];
    char sql[2048];
    step_text(step, level, sql, sizeof sql);
    p->step = number;
    start(p, &out->answers[number], sql);
    if (!cluster_run_until(stage->cluster, is_idle, p, WAIT_NS)) {
        waiting[step->session] = true;
        out->answers[number].waited = true;
    }
    log_answer(log, step, &out->answers[number], false);
    cluster_run(stage->cluster, SETTLE_NS);
    bool any = false;
    for (uint32_t i = 0; i < stage->spec->session_count; i++) any = any || waiting[i];
    if (any) cluster_run_until(stage->cluster, all_idle, stage, WAIT_NS);
    tell_late(stage, waiting, log);
}

/* Ends what is open and what waits; a step that had no answer keeps none. */
static void clear(struct stage *stage)
{
    struct answer nowhere[SPEC_SESSIONS_MAX];
    for (uint32_t i = 0; i < stage->spec->session_count; i++) {
        struct player *p = &stage->players[i];
        if (!p->busy) continue;
        nowhere[i] = (struct answer){0};
        p->answer = &nowhere[i];
        sql_session_interrupt(p->session, false);
    }
    assert_true(cluster_run_until(stage->cluster, all_idle, stage, TIMEOUT_NS));
    for (uint32_t i = 0; i < stage->spec->session_count; i++)
        if (sql_session_state(stage->players[i].session) != 'I') must(&stage->players[i], "ROLLBACK");
}

void stage_play(struct stage *stage, const uint32_t *steps, uint32_t count, const char *level, struct buf *log,
                struct played *out)
{
    const struct spec *s = stage->spec;
    struct player *own = &stage->players[s->session_count];
    bool waiting[SPEC_SESSIONS_MAX] = {0};
    *out = (struct played){.spec = s};
    for (uint32_t i = 0; i < s->row_count; i++) must(own, s->rows[i]);
    stage->events = 0;
    for (uint32_t i = 0; i < count && !out->impossible; i++) {
        if (waiting[s->steps[steps[i]].session]) out->impossible = true;
        else take_step(stage, steps[i], level, waiting, log, out);
    }
    /* Those that still wait are given time: for a deadlock to be found, for a lock_timeout. */
    if (!out->impossible) {
        cluster_run_until(stage->cluster, all_idle, stage, 20 * WAIT_NS);
        tell_late(stage, waiting, log);
    }
    clear(stage);
    struct answer final = {0};
    for (uint32_t i = 0; i < s->final_count; i++) {
        run_whole(own, &final, s->finals[i]);
        snprintf(out->final + strlen(out->final), sizeof out->final - strlen(out->final), "%s%s", i > 0 ? " / " : "",
                 final.text);
    }
    if (log != NULL) buf_printf(log, "  final -> %s\n", out->final);
}

/* ---- lifecycle ---- */

static void open_session(struct stage *stage, uint32_t number)
{
    struct player *p = &stage->players[number];
    *p = (struct player){.stage = stage, .machine = cluster_machine(stage->cluster, 1 + number % NODES)};
    struct sql_session_options o = {.kv = core_kv(p->machine->core), .env = p->machine->env,
                                    .fibers = core_fibers(p->machine->core), .user = "postgres",
                                    .database = "postgres"};
    assert_int_equal(sql_session_create(&o, &p->session), STATUS_OK);
}

/* Where data ranges begin: the first one has the catalog, and more or less of the tables. */
static uint32_t split_keys(enum layout_kind kind, uint32_t table_count, uint8_t keys[][SPLIT_KEY_BYTES],
                           struct bytes *splits)
{
    const uint32_t database_id = 1, table_id_first = 16384;
    uint32_t count = kind == LAYOUT_ONE ? 0 : kind == LAYOUT_APART ? 1 : table_count;
    for (uint32_t i = 0; i < count; i++) {
        keys[i][0] = KEY_PREFIX_TABLE;
        store_be32(keys[i] + 1, database_id);
        store_be32(keys[i] + 5, table_id_first + i);
        splits[i] = bytes_make(keys[i], SPLIT_KEY_BYTES);
    }
    return count;
}

/* A range begins at each row of the table; its primary key begins with its first column. */
static void split_rows(struct player *own, const char *create)
{
    struct answer rows;
    char table[64], sql[2048];
    assert_int_equal(sscanf(create, "CREATE TABLE %63s", table), 1);
    snprintf(sql, sizeof sql, "SELECT * FROM %s ORDER BY 1", table);
    run_whole(own, &rows, sql);
    assert_false(rows.failed);
    for (const char *row = strchr(rows.text, '('); row != NULL; row = strchr(row + 1, '(')) {
        snprintf(sql, sizeof sql, "ALTER TABLE %s SPLIT AT VALUES ('%.*s')", table, (int)strcspn(row + 1, ",)"), row + 1);
        must(own, sql);
    }
}

struct stage *stage_create(const struct spec *s, struct layout layout, uint64_t seed)
{
    struct stage *stage = calloc(1, sizeof *stage);
    struct player *own = &stage->players[s->session_count];
    uint8_t keys[SPEC_LINES_MAX][SPLIT_KEY_BYTES];
    struct bytes splits[SPEC_LINES_MAX];
    struct cluster_options options;
    assert_non_null(stage);
    stage->spec = s;
    cluster_options_init(&options, seed);
    options.node_count = NODES;
    options.clock_source = layout.interval ? KV_CLOCK_INTERVAL : KV_CLOCK_ORACLE;
    options.split_keys = splits;
    options.split_count = split_keys(layout.kind, s->table_count, keys, splits);
    stage->cluster = cluster_create(&options);
    assert_true(cluster_boot(stage->cluster, 30 * SIM_SEC));
    for (uint32_t i = 0; i <= s->session_count; i++) open_session(stage, i);
    /* Locks are lost with their leader: none is to change while somebody holds them. */
    must(own, "ALTER SYSTEM SET rebalance = off");
    for (uint32_t i = 0; i < s->table_count; i++) must(own, s->tables[i]);
    if (layout.kind != LAYOUT_ROWS) return stage;
    for (uint32_t i = 0; i < s->row_count; i++) must(own, s->rows[i]);
    for (uint32_t i = 0; i < s->table_count; i++) split_rows(own, s->tables[i]);
    cluster_run(stage->cluster, SPLIT_NS);
    return stage;
}

void stage_destroy(struct stage *stage)
{
    for (uint32_t i = 0; i <= stage->spec->session_count; i++) sql_session_destroy(stage->players[i].session);
    cluster_destroy(stage->cluster);
    free(stage);
}
