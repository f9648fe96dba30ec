#include "tests/sql/exec/database.h"

#include <stdlib.h>
#include <string.h>

#include "base/codec.h"
#include "sql/datetime_zone.h"
#include "sql/server.h"
#include "sql/types_io.h"
#include "tests/sim/cluster/cluster.h"
#include "tests/sim/cluster/splits.h"
#include "tests/sql/exec/show.h"
#include "tests/test.h"

#define SESSIONS_MAX 8
#define SPLITS_MAX   32
#define SPLIT_KEY_BYTES 9
#define TIMEOUT_NS   (600 * SIM_SEC)
#define STEP_NS      (10 * SIM_US)

struct named_session {
    char name[16];
    struct sql_session *session;
};

struct database {
    struct cluster *cluster;
    struct sql_zones *zones;
    struct named_session sessions[SESSIONS_MAX];
    uint32_t session_count;
    struct splits *splits;
    const struct split_result *split; /* the last one ordered */
    struct buf split_key;
    uint64_t split_at_ns;             /* 0: none is to be ordered */
    bool splitting;                   /* time passes in small steps from the first one on */
};

/* One text under way. */
struct call {
    struct database *database;
    struct sql_session *session;
    struct bytes text;
    struct buf copy;
    bool has_copy, binary;
    size_t copy_at, piece_bytes;
    struct show show;
    struct sql_error error;
    bool ok, done;
};

/* ---- the sink: everything becomes text ---- */

static bool on_begin(void *ctx, const struct sql_result_column *columns, uint32_t count)
{
    struct call *c = ctx;
    show_begin(&c->show);
    for (uint32_t i = 0; i < count; i++)
        show_column(&c->show, columns[i].name, columns[i].type);
    show_columns_end(&c->show);
    return true;
}

static bool on_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    struct call *c = ctx;
    for (uint32_t i = 0; i < c->show.column_count; i++) {
        struct buf text;
        buf_init(&text, 64u << 20);
        if (!values[i].is_null) sql_type_write(eval, c->show.types[i].oid, &values[i], &text);
        buf_append_byte(&text, 0);
        assert_false(text.failed);
        show_value(&c->show, values[i].is_null ? NULL : (const char *)text.data);
        buf_deinit(&text);
    }
    show_row_end(&c->show);
    return true;
}

static bool on_complete(void *ctx, const char *tag)
{
    struct call *c = ctx;
    show_tag(&c->show, tag);
    return true;
}

static bool on_empty(void *ctx)
{
    struct call *c = ctx;
    show_tag(&c->show, "(empty)");
    return true;
}

static void on_notice(void *ctx, const char *severity, const struct sql_error *notice)
{
    struct call *c = ctx;
    show_message(&c->show, severity, notice);
}

static void on_parameter(void *ctx, const char *name, const char *value)
{
    struct call *c = ctx;
    show_parameter(&c->show, name, value);
}

static bool on_copy_begin(void *ctx, enum sql_copy_format format, uint32_t column_count)
{
    (void)ctx;
    (void)format;
    (void)column_count;
    return true;
}

static bool on_copy_out_begin(void *ctx, enum sql_copy_format format, uint32_t column_count)
{
    struct call *c = ctx;
    c->binary = format == SQL_COPY_BINARY;
    show_copy(&c->show, column_count, c->binary);
    return true;
}

static bool on_copy_out_data(void *ctx, struct bytes data)
{
    struct call *c = ctx;
    show_copy_data(&c->show, data, c->binary);
    return true;
}

static bool on_copy_out_end(void *ctx)
{
    (void)ctx;
    return true;
}

/* A client without data gives up. */
static bool on_copy_read(void *ctx, struct bytes *data_out, bool *end_out, struct sql_error *error)
{
    struct call *c = ctx;
    if (!c->has_copy) {
        *error = (struct sql_error){.sqlstate = SQLSTATE_QUERY_CANCELED, .message = "COPY from stdin failed: no data"};
        return false;
    }
    size_t left = c->copy.size - c->copy_at;
    size_t size = c->piece_bytes > 0 && c->piece_bytes < left ? c->piece_bytes : left;
    *end_out = left == 0;
    *data_out = bytes_make(c->copy.data + c->copy_at, size);
    c->copy_at += size;
    return true;
}

/* Nothing leaves before the text has ended. */
static uint64_t on_mark(void *ctx)
{
    return ((struct call *)ctx)->show.out->size;
}

static bool on_rewind(void *ctx, uint64_t mark)
{
    struct call *c = ctx;
    c->show.out->size = (size_t)mark;
    c->copy_at = 0;
    return true;
}

/* ---- running ---- */

static void run_on_fiber(void *arg)
{
    struct call *c = arg;
    struct sql_sink sink = {.begin = on_begin,
                            .row = on_row,
                            .complete = on_complete,
                            .empty = on_empty,
                            .notice = on_notice,
                            .parameter = on_parameter,
                            .copy_begin = on_copy_begin,
                            .copy_read = on_copy_read,
                            .mark = on_mark,
                            .rewind = on_rewind,
                            .copy_out_begin = on_copy_out_begin,
                            .copy_out_data = on_copy_out_data,
                            .copy_out_end = on_copy_out_end,
                            .ctx = c};
    sql_session_work_begin(c->session);
    c->ok = sql_session_query(c->session, c->text, &sink, &c->error);
    sql_session_work_end(c->session, c->ok ? NULL : &c->error);
    c->done = true;
}

uint64_t database_now(struct database *d)
{
    return env_now_ns(cluster_machine(d->cluster, 1)->env);
}

struct kv *database_kv(struct database *d)
{
    return core_kv(cluster_machine(d->cluster, 1)->core);
}

static bool run_until(struct database *d, bool (*holds)(struct cluster *c, void *ctx), void *ctx)
{
    if (!d->splitting) return cluster_run_until(d->cluster, holds, ctx, TIMEOUT_NS);
    uint64_t end_ns = database_now(d) + TIMEOUT_NS;
    while (!holds(d->cluster, ctx) && database_now(d) < end_ns) cluster_run(d->cluster, STEP_NS);
    return holds(d->cluster, ctx);
}

/* When its time has come; again and again while it is refused for the one before. */
static void split_order(struct database *d)
{
    bool refused = d->split != NULL && d->split->done && d->split->status == STATUS_BUSY;
    if (refused && d->split_at_ns == 0) d->split_at_ns = database_now(d) + SIM_MS;
    if (d->split_at_ns == 0 || database_now(d) < d->split_at_ns) return;
    struct route route;
    struct store *store = core_store(cluster_machine(d->cluster, 1)->core);
    assert_int_equal(store_route(store, buf_view(&d->split_key), &route), STATUS_OK);
    d->split = splits_order(d->splits, route.range, buf_view(&d->split_key));
    d->split_at_ns = d->split == NULL ? database_now(d) + SIM_MS : 0;
}

void database_split_after(struct database *d, struct bytes key, uint64_t delay_ns)
{
    buf_reset(&d->split_key);
    buf_append_bytes(&d->split_key, key);
    d->split = NULL;
    d->splitting = true;
    d->split_at_ns = database_now(d) + delay_ns;
}

static bool split_done(struct cluster *cluster, void *ctx)
{
    (void)cluster;
    struct database *d = ctx;
    split_order(d);
    return d->split != NULL && d->split->done && d->split->status != STATUS_BUSY;
}

void database_split_await(struct database *d)
{
    assert_true(run_until(d, split_done, d));
    assert_int_equal(d->split->status, STATUS_OK);
}

static bool call_done(struct cluster *cluster, void *ctx)
{
    (void)cluster;
    struct call *c = ctx;
    split_order(c->database);
    return c->done;
}

static struct call *start(struct database *d, const char *session, const char *text, const char *copy,
                          size_t piece_bytes, struct buf *out)
{
    struct cluster_machine *m = cluster_machine(d->cluster, 1);
    struct call *c = calloc(1, sizeof *c);
    assert_non_null(c);
    *c = (struct call){.database = d,
                       .session = database_session(d, session),
                       .text = bytes_of_string(text),
                       .has_copy = copy != NULL,
                       .piece_bytes = piece_bytes};
    show_init(&c->show, out);
    show_copy_input(copy, &c->copy);
    assert_int_equal(fiber_spawn(core_fibers(m->core), run_on_fiber, c, NULL), STATUS_OK);
    sim_env_set_deadline(m->env, env_now_ns(m->env));
    return c;
}

bool database_await(struct database *d, struct call *c)
{
    assert_true(run_until(d, call_done, c));
    assert_int_equal(c->ok, !sql_error_is_set(&c->error));
    if (!c->ok) show_message(&c->show, "ERROR", &c->error);
    show_state(&c->show, sql_session_state(c->session));
    show_deinit(&c->show);
    buf_deinit(&c->copy);
    bool ok = c->ok;
    free(c);
    return ok;
}

struct call *database_start(struct database *d, const char *session, const char *text, struct buf *out)
{
    return start(d, session, text, NULL, 0, out);
}

bool database_run(struct database *d, const char *session, const char *text, const char *copy,
                  size_t piece_bytes, struct buf *out)
{
    return database_await(d, start(d, session, text, copy, piece_bytes, out));
}

void database_must(struct database *d, const char *session, const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, 1u << 20);
    database_run(d, session, text, NULL, 0, &out);
    buf_append_byte(&out, 0);
    assert_string_equal((const char *)out.data, expected);
    buf_deinit(&out);
}

void database_run_ns(struct database *d, uint64_t ns)
{
    split_order(d);
    cluster_run(d->cluster, ns);
}

/* ---- lifecycle ---- */

/* OSTRAKA_RANGES=N: the first N - 1 tables that are made lie in data ranges of their own, apart from the catalog; those
 * that follow in one more. */
static uint32_t split_keys(uint8_t keys[][SPLIT_KEY_BYTES], struct bytes *splits)
{
    const char *set = getenv("OSTRAKA_RANGES");
    uint32_t count = set == NULL ? 0 : (uint32_t)strtoul(set, NULL, 10);
    assert_true(count <= SPLITS_MAX + 1);
    for (uint32_t i = 0; i + 1 < count; i++) {
        const uint32_t database_id = 1, table_id_first = 16384;
        keys[i][0] = KEY_PREFIX_TABLE;
        store_be32(keys[i] + 1, database_id);
        store_be32(keys[i] + 5, table_id_first + i);
        splits[i] = bytes_make(keys[i], SPLIT_KEY_BYTES);
    }
    return count == 0 ? 0 : count - 1;
}

struct database *database_create(uint64_t seed)
{
    uint8_t keys[SPLITS_MAX][SPLIT_KEY_BYTES];
    struct bytes splits[SPLITS_MAX];
    return database_create_split(seed, splits, split_keys(keys, splits));
}

struct database *database_create_split(uint64_t seed, const struct bytes *splits, uint32_t split_count)
{
    struct database *d = calloc(1, sizeof *d);
    assert_non_null(d);
    d->zones = sql_zones_create();
    assert_non_null(d->zones);
    assert_int_equal(sql_zones_load(d->zones, TEST_DATA_DIR "/sql/zoneinfo"), STATUS_OK);
    struct cluster_options options;
    cluster_options_init(&options, seed);
    options.node_count = 1;
    options.memory_bytes = 64u << 20; /* statements as large as they may be fit */
    options.wal_segment_bytes = 16u << 20;
    options.table_bytes = 2u << 20;
    options.log_bytes_max = 64u << 20;
    options.split_keys = splits;
    options.split_count = split_count;
    d->cluster = cluster_create(&options);
    d->splits = splits_create(d->cluster);
    buf_init(&d->split_key, 1024);
    assert_true(cluster_boot(d->cluster, 30 * SIM_SEC));
    return d;
}

void database_destroy(struct database *d)
{
    for (uint32_t i = 0; i < d->session_count; i++)
        sql_session_destroy(d->sessions[i].session);
    cluster_destroy(d->cluster);
    splits_destroy(d->splits);
    buf_deinit(&d->split_key);
    sql_zones_destroy(d->zones);
    free(d);
}

static struct named_session *find(struct database *d, const char *name)
{
    for (uint32_t i = 0; i < d->session_count; i++)
        if (strcmp(d->sessions[i].name, name) == 0) return &d->sessions[i];
    return NULL;
}

struct sql_session *database_session(struct database *d, const char *name)
{
    struct named_session *known = find(d, name);
    if (known != NULL) return known->session;
    assert_true(d->session_count < SESSIONS_MAX);
    struct named_session *n = &d->sessions[d->session_count++];
    snprintf(n->name, sizeof n->name, "%s", name);
    struct cluster_machine *m = cluster_machine(d->cluster, 1);
    struct sql_session_options o = {.zones = d->zones,
                                    .kv = core_kv(m->core),
                                    .fibers = core_fibers(m->core),
                                    .env = m->env,
                                    .user = "postgres",
                                    .database = "postgres",
                                    .activity = sql_server_activity(m->sql),
                                    .pid = (int32_t)d->session_count};
    assert_int_equal(sql_session_create(&o, &n->session), STATUS_OK);
    return n->session;
}

void database_disconnect(struct database *d, const char *name)
{
    struct named_session *known = find(d, name);
    if (known == NULL) return;
    sql_session_destroy(known->session);
    *known = d->sessions[--d->session_count];
}

uint64_t database_reads(struct database *d)
{
    return kv_metrics(core_kv(cluster_machine(d->cluster, 1)->core))->reads;
}

uint64_t database_held(struct database *d)
{
    return kv_metrics(core_kv(cluster_machine(d->cluster, 1)->core))->held_commits;
}

uint64_t database_commits(struct database *d)
{
    return kv_metrics(core_kv(cluster_machine(d->cluster, 1)->core))->commits;
}
