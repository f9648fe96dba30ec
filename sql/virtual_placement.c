/* Who holds how much, what is on its way, and what decides it: ostraka.nodes, ostraka.jobs,
 * ostraka.cluster_settings. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "shard/overview.h"
#include "sql/query.h"
#include "sql/session_int.h"

#define T(t) SQL_TYPE_##t
#define OVERVIEW_TIMEOUT_NS 2500000000u
#define EPOCH_2000_US INT64_C(946684800000000)
#define MOMENT_MS_MAX UINT64_C(253402300800000) /* the year 10,000: another node told it */
#define SCOPE_TABLE_AT 5 /* 04, database id, table id: catalog_table_scope */

static struct store *store_of(const struct virtual_source *source)
{
    return source->kv == NULL ? NULL : kv_store(source->kv);
}

/* ---- ostraka.nodes ---- */

static const struct virtual_column node_columns[] = {
    {"node", T(INT8)},         {"state", T(TEXT)},       {"alive", T(BOOL)},        {"ranges", T(INT8)},
    {"leaders", T(INT8)},      {"bytes", T(INT8)},       {"requests", T(INT8)},     {"incoming", T(INT8)},
    {"outgoing", T(INT8)},     {"locality", T(TEXT)},    {"sql_address", T(TEXT)},  {"incarnation", T(INT8)},
    {"removed", T(BOOL)},      {"asked", T(BOOL)},       {"silent_ms", T(INT8)},    {"peer_address", T(TEXT)},
    {"http_address", T(TEXT)}};
enum node_column {
    NODE_ID,
    NODE_STATE,
    NODE_ALIVE,
    NODE_RANGES,
    NODE_LEADERS,
    NODE_BYTES,
    NODE_REQUESTS,
    NODE_INCOMING,
    NODE_OUTGOING
};

static void node_row(struct virtual_rows *r, struct store *s, const struct node_view *view)
{
    const struct node_record *n = &view->record;
    uint64_t now_ns = env_now_ns(store_env(s)), seen_ns = view->last_seen_ns;
    virtual_row(r);
    virtual_count(r, n->node.value);
    virtual_text(r, n->removed ? "removed" : NULL);
    virtual_boolean(r, store_node_seen(s, view));
    for (int i = NODE_RANGES; i <= NODE_OUTGOING; i++) virtual_null(r);
    virtual_text(r, n->locality);
    virtual_text(r, n->sql_address);
    virtual_count(r, n->incarnation);
    virtual_boolean(r, n->removed);
    virtual_boolean(r, n->node.value == store_identity(s)->node.value);
    if (seen_ns == 0) virtual_null(r);
    else virtual_count(r, (now_ns - seen_ns) / 1000000);
    virtual_text(r, n->peer_address);
    virtual_text(r, n->http_address);
}

static void nodes_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    struct store *s = store_of(source);
    struct node_view *nodes = s == NULL ? NULL : ARENA_ARRAY(r->arena, struct node_view, SHARD_NODES_MAX);
    uint32_t count = nodes == NULL ? 0 : store_nodes(s, nodes, SHARD_NODES_MAX);
    for (uint32_t i = 0; i < count; i++) node_row(r, s, &nodes[i]);
}

static void node_describe(struct sql_datum *row, const struct overview_node *n)
{
    row[NODE_STATE] = sql_bytes(bytes_of_string(overview_state_name(n->state)));
    row[NODE_RANGES] = sql_integer(n->replicas);
    if (n->reported) row[NODE_LEADERS] = sql_integer(n->leaders);
    row[NODE_BYTES] = sql_integer((int64_t)n->bytes);
    row[NODE_REQUESTS] = sql_integer((int64_t)n->load);
    row[NODE_INCOMING] = sql_integer(n->incoming);
    row[NODE_OUTGOING] = sql_integer(n->outgoing);
}

/* [fiber] Apart from the transaction under way. */
static enum status overview_ask(struct exec *x, struct overview *o)
{
    struct txn *txn;
    enum status status = txn_create(x->session->options.kv, x->arena, &txn);
    if (status != STATUS_OK) return status;
    txn_set_deadline(txn, env_now_ns(x->session->options.env) + OVERVIEW_TIMEOUT_NS);
    status = txn_overview(txn, o);
    txn_destroy(txn);
    return status;
}

/* [fiber] What the metadata leader knows of them. */
static bool nodes_finish(struct exec *x, struct virtual_rows *r)
{
    struct overview *o = ARENA_NEW(x->arena, struct overview);
    if (o == NULL) return sql_error_out_of_memory(x->error);
    if (x->session->options.kv == NULL) return true;
    if (overview_ask(x, o) != STATUS_OK)
        return exec_notice(x, "WARNING", SQLSTATE_WARNING, "%s does not answer: what nodes hold is not known",
                           "the metadata range");
    for (uint32_t i = 0; i < r->count; i++)
        for (uint32_t k = 0; k < o->node_count; k++)
            if ((uint64_t)r->rows[i][NODE_ID].integer == o->nodes[k].node.value) node_describe(r->rows[i], &o->nodes[k]);
    return true;
}

/* ---- ostraka.jobs: ranges on their way ---- */

static const struct virtual_column job_columns[] = {
    {"range", T(INT8)}, {"reason", T(TEXT)}, {"since", T(TIMESTAMPTZ)}, {"nodes", T(TEXT)}};

static void jobs_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    (void)source; /* jobs_finish: it has to ask */
    (void)r;
}

static void job_row(struct virtual_rows *r, const struct overview_job *j)
{
    char text[RAFT_VOTERS_MAX * 22 + 1] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < j->node_count; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%llu", i > 0 ? "," : "", (unsigned long long)j->nodes[i]);
    virtual_row(r);
    virtual_count(r, j->range.value);
    virtual_text(r, allocator_reason_text(j->reason));
    if (j->since_ms < MOMENT_MS_MAX) virtual_moment(r, (int64_t)(j->since_ms * 1000) - EPOCH_2000_US);
    else virtual_null(r);
    virtual_text(r, text);
}

/* [fiber] */
static bool jobs_finish(struct exec *x, struct virtual_rows *r)
{
    struct overview *o = ARENA_NEW(x->arena, struct overview);
    if (o == NULL) return sql_error_out_of_memory(x->error);
    if (x->session->options.kv == NULL) return true;
    enum status status = overview_ask(x, o);
    if (status != STATUS_OK) return exec_fail(x, status);
    for (uint32_t i = 0; i < o->job_count; i++) job_row(r, &o->list[i]);
    if (o->job_count == OVERVIEW_JOBS_MAX && o->jobs > OVERVIEW_JOBS_MAX &&
        !exec_notice(x, "WARNING", SQLSTATE_WARNING, "%s ranges are moving; these are the first of them", "more"))
        return false;
    return !r->failed || sql_error_out_of_memory(x->error);
}

/* ---- ostraka.cluster_settings ---- */

static const struct virtual_column setting_columns[] = {
    {"name", T(TEXT)},        {"table_name", T(TEXT)}, {"value", T(TEXT)},
    {"default_value", T(TEXT)}, {"is_set", T(BOOL)},   {"description", T(TEXT)}};
enum setting_column { SETTING_TABLE = 1 };

static void put_value(struct virtual_rows *r, const struct cluster_setting_info *info, uint64_t value)
{
    struct buf b;
    buf_init(&b, 64);
    cluster_setting_format(info, value, &b);
    virtual_bytes(r, buf_view(&b));
    buf_deinit(&b);
}

/* table: its id as text, which settings_finish makes its name; NULL: for all keys. */
static void setting_row(struct virtual_rows *r, const struct cluster_setting_info *info, const char *table, uint64_t value,
                        uint64_t fallback, bool is_set)
{
    virtual_row(r);
    virtual_text(r, info->name);
    virtual_text(r, table);
    put_value(r, info, value);
    put_value(r, info, fallback);
    virtual_boolean(r, is_set);
    virtual_text(r, info->help);
}

static void scoped_rows(struct virtual_rows *r, const struct cluster_settings *all, const struct cluster_setting_info *info,
                        uint64_t fallback)
{
    for (uint32_t i = 0; i < all->count; i++) {
        const struct cluster_value *v = &all->values[i];
        char id[24] = "";
        if (v->id != info->id || v->scope_size < SCOPE_TABLE_AT + 4) continue;
        snprintf(id, sizeof id, "%u", load_be32(v->scope + SCOPE_TABLE_AT));
        setting_row(r, info, id, v->value, fallback, true);
    }
}

static void settings_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    struct store *s = store_of(source);
    for (uint32_t i = 0; s != NULL && i < cluster_setting_count(); i++) {
        const struct cluster_setting_info *info = cluster_setting_at(i);
        uint64_t value = store_setting(s, info->id, BYTES_EMPTY), was;
        bool is_set = cluster_settings_find(store_settings(s), info->id, BYTES_EMPTY, &was);
        setting_row(r, info, NULL, value, info->fallback, is_set);
        scoped_rows(r, store_settings(s), info, value);
    }
}

/* [fiber] Names of tables. What was set for one that is dropped meanwhile keeps its number. */
static bool settings_finish(struct exec *x, struct virtual_rows *r)
{
    struct virtual_tables tables = {0};
    for (uint32_t i = 0; i < r->count; i++) {
        struct sql_datum *table = &r->rows[i][SETTING_TABLE];
        if (table->is_null) continue;
        if (tables.count == 0) virtual_tables_read(x, &tables);
        uint32_t id = 0;
        for (size_t k = 0; k < table->bytes.size; k++) id = id * 10 + (uint32_t)(table->bytes.data[k] - '0');
        const struct sql_table *t = virtual_tables_find(&tables, id);
        if (t != NULL) *table = sql_bytes(bytes_of_string(t->name));
    }
    return true;
}

#define TABLE(i, n, where, c, f, end) \
    { \
        .id = (i), .schema = "ostraka", .name = (n), .scope = (where), .columns = (c), \
        .column_count = sizeof(c) / sizeof((c)[0]), .fill = (f), .finish = (end) \
    }

const struct virtual_table virtual_placement_tables[] = {
    TABLE(13010, "nodes", VIRTUAL_HERE, node_columns, nodes_fill, nodes_finish),
    TABLE(13015, "jobs", VIRTUAL_HERE, job_columns, jobs_fill, jobs_finish),
    TABLE(13014, "cluster_settings", VIRTUAL_HERE, setting_columns, settings_fill, settings_finish),
};
const size_t virtual_placement_table_count = sizeof virtual_placement_tables / sizeof virtual_placement_tables[0];
