/* What a node knows of the cluster: ostraka.ranges, ostraka.replicas, ostraka.locks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/codec.h"
#include "base/hash.h"
#include "base/map.h"
#include "sql/activity_int.h"
#include "sql/keycode.h"
#include "sql/query.h"
#include "sql/session_int.h"
#include "sql/types_io.h"

#define T(t)             SQL_TYPE_##t
#define KEY_SHOWN_BYTES  64
#define CELL_KEY_BYTES   1024 /* of a key that travels */
#define NAMES_TIMEOUT_NS 1000000000u
#define RANGES_TIMEOUT_NS 5000000000u
#define TABLE_KEY_HEAD   13 /* 04, database, table and index id (README, Row keys) */

static struct store *store_of(const struct virtual_source *source)
{
    return source->kv == NULL ? NULL : kv_store(source->kv);
}

/* ---- ostraka.replicas ---- */

static void hex_of(struct bytes key, size_t size_max, char *text)
{
    size_t size = key.size < size_max ? key.size : size_max;
    strcpy(text, "\\x");
    for (size_t i = 0; i < size; i++)
        snprintf(text + 2 + 2 * i, 3, "%02x", key.data[i]);
    if (size < key.size) strcpy(text + 2 + 2 * size, "...");
}

static void put_members(struct virtual_rows *r, const struct raft_member *members, uint32_t count)
{
    char text[RAFT_VOTERS_MAX * 22 + 1] = "";
    size_t at = 0;
    for (uint32_t i = 0; i < count && at + 22 < sizeof text; i++)
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%llu", i > 0 ? "," : "",
                               (unsigned long long)members[i].node);
    virtual_text(r, text);
}

static bool alive(const struct node_view *nodes, uint32_t count, struct store *s, uint64_t node)
{
    for (uint32_t i = 0; i < count; i++)
        if (nodes[i].record.node.value == node) return store_node_seen(s, &nodes[i]);
    return false;
}

static const struct virtual_column range_columns[] = {
    {"range", T(INT8)},        {"start_key", T(TEXT)}, {"end_key", T(TEXT)}, {"epoch", T(INT8)},
    {"leader", T(INT8)},       {"term", T(INT8)},      {"voters", T(TEXT)},  {"learners", T(TEXT)},
    {"voters_alive", T(INT4)}, {"can_lose", T(INT4)},  {"bytes", T(INT8)},   {"keys", T(INT8)},
    {"requests", T(INT8)},     {"kept", T(BOOL)}};

static const struct virtual_column replica_columns[] = {
    {"node", T(INT8)},    {"range", T(INT8)},     {"role", T(TEXT)},    {"leader", T(INT8)},
    {"term", T(INT8)},    {"committed", T(INT8)}, {"applied", T(INT8)}, {"last", T(INT8)},
    {"serving", T(BOOL)}, {"leased", T(BOOL)},    {"fenced", T(BOOL)},  {"bytes", T(INT8)},
    {"keys", T(INT8)},    {"requests", T(INT8)}};
enum replica_column {
    REPLICA_NODE = 0,
    REPLICA_RANGE = 1,
    REPLICA_TERM = 4,
    REPLICA_SERVING = 8,
    REPLICA_BYTES = 11,
    REPLICA_KEYS,
    REPLICA_REQUESTS
};

/* Bytes, and keys as estimated from them. */
static void put_size(struct virtual_rows *r, struct store *s, const struct replica *p)
{
    struct lsm_range_stats stats = {0};
    bool known = lsm_range_stats(store_lsm(s), replica_range(p), &stats) == STATUS_OK;
    if (known) virtual_count(r, stats.table_bytes + stats.memtable_bytes);
    else virtual_null(r);
    if (known) virtual_count(r, stats.entry_estimate);
    else virtual_null(r);
}

static void replicas_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    static const char *const roles[] = {"follower", "pre-candidate", "candidate", "leader"};
    struct store *s = store_of(source);
    struct replica *p = NULL;
    while (s != NULL && (p = store_replica_next(s, p)) != NULL) {
        struct raft_status raft;
        replica_raft_status(p, &raft);
        virtual_row(r);
        virtual_count(r, store_identity(s)->node.value);
        virtual_count(r, replica_range(p).value);
        virtual_text(r, roles[raft.role]);
        if (raft.leader_node == 0)
            virtual_null(r);
        else
            virtual_count(r, raft.leader_node);
        virtual_count(r, raft.term);
        virtual_count(r, raft.commit_index);
        virtual_count(r, raft.applied_index);
        virtual_count(r, raft.last.index);
        virtual_boolean(r, replica_serving(p));
        virtual_boolean(r, replica_leased(p));
        virtual_boolean(r, replica_fenced(p));
        put_size(r, s, p);
        virtual_count(r, replica_load(p));
    }
}

/* ---- ostraka.locks ---- */

enum lock_column {
    LOCK_NODE,
    LOCK_RANGE,
    LOCK_TABLE,
    LOCK_KEY,
    LOCK_MODE,
    LOCK_GRANTED,
    LOCK_WAITING_MS,
    LOCK_NAME,
    LOCK_TRANSACTION,
    LOCK_SESSION_NODE,
    LOCK_PID
};
static const struct virtual_column lock_columns[] = {
    {"node", T(INT8)},         {"range", T(INT8)},     {"table_name", T(TEXT)},
    {"key", T(TEXT)},          {"mode", T(TEXT)},      {"granted", T(BOOL)},
    {"waiting_ms", T(INT8)},   {"lock_name", T(TEXT)}, {"transaction", T(TEXT)},
    {"session_node", T(INT8)}, {"pid", T(INT4)}};

struct lock_fill {
    const struct virtual_source *source;
    struct virtual_rows *rows;
};

static void lock_row(void *ctx, const struct kv_lock *l)
{
    const struct lock_fill *f = ctx;
    struct virtual_rows *r = f->rows;
    struct store *s = store_of(f->source);
    char name[LOCK_NAME_BYTES];
    virtual_row(r);
    virtual_count(r, store_identity(s)->node.value);
    virtual_count(r, l->range.value);
    virtual_null(r);
    virtual_key(r, l->key);
    virtual_text(r, l->exclusive ? "exclusive" : "shared");
    virtual_boolean(r, l->granted);
    if (l->granted || l->since_ns == 0)
        virtual_null(r);
    else
        virtual_count(r, (env_now_ns(store_env(s)) - l->since_ns) / 1000000);
    virtual_text(r, virtual_lock_name(l->node, l->number, name));
    virtual_null(r);
    virtual_null(r);
    virtual_null(r);
}

static void locks_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    struct lock_fill f = {source, r};
    if (store_of(source) != NULL) kv_locks(source->kv, lock_row, &f);
}

/* [fiber] Whose transaction it is: found among the transactions of all nodes. */
static bool name_owners(struct exec *x, struct virtual_rows *locks)
{
    enum { ID = 0, NODE = 1, PID = 2, LOCK = 10 }; /* columns of ostraka.transactions */
    const struct virtual_table *v = virtual_find("ostraka", "transactions");
    struct virtual_rows transactions;
    ASSERT(v != NULL && strcmp(v->columns[LOCK].name, "lock_name") == 0);
    if (!virtual_read(x, x->arena, v, &transactions)) return false;
    struct map by_name;
    map_init(&by_name);
    for (uint32_t i = 0; i < transactions.count; i++) {
        struct sql_datum *row = transactions.rows[i];
        if (row[LOCK].is_null) continue;
        if (map_put(&by_name, hash64(row[LOCK].bytes.data, row[LOCK].bytes.size, 0), row) !=
            STATUS_OK)
            break;
    }
    for (uint32_t i = 0; i < locks->count; i++) {
        struct sql_datum *lock = locks->rows[i];
        if (lock[LOCK_NAME].is_null) continue;
        const struct sql_datum *row =
            map_get(&by_name, hash64(lock[LOCK_NAME].bytes.data, lock[LOCK_NAME].bytes.size, 0));
        if (row == NULL || !bytes_equal(row[LOCK].bytes, lock[LOCK_NAME].bytes)) continue;
        lock[LOCK_TRANSACTION] = row[ID];
        lock[LOCK_SESSION_NODE] = row[NODE];
        lock[LOCK_PID] = row[PID];
    }
    map_deinit(&by_name);
    return true;
}

/* ---- rows of tables by their keys: names of tables, values of keys ---- */

void virtual_key(struct virtual_rows *r, struct bytes key)
{
    char text[2 * CELL_KEY_BYTES + 6];
    hex_of(key, CELL_KEY_BYTES, text);
    virtual_text(r, text);
}

static void tables_add(struct exec *x, struct virtual_tables *t, struct bytes record)
{
    struct sql_table *table;
    if (catalog_table_decode(x->arena, record, &table) != STATUS_OK) return;
    if (t->count == t->capacity) {
        uint32_t capacity = t->capacity == 0 ? 16 : 2 * t->capacity;
        const struct sql_table **list = ARENA_ARRAY(x->arena, const struct sql_table *, capacity);
        if (list == NULL) return;
        if (t->count > 0) memcpy(list, t->list, t->count * sizeof *list);
        t->list = list;
        t->capacity = capacity;
    }
    t->list[t->count++] = table;
}

void virtual_tables_read(struct exec *x, struct virtual_tables *t)
{
    struct txn *txn;
    struct txn_scan *scan;
    struct env *env = x->session->options.env;
    struct bytes start, end, key, record;
    catalog_tables_span(&start, &end);
    if (txn_create(x->session->options.kv, x->arena, &txn) != STATUS_OK) return;
    txn_set_deadline(txn, env_now_ns(env) + NAMES_TIMEOUT_NS);
    if (txn_scan_open(txn, start, end, false, 0, &scan) == STATUS_OK) {
        while (txn_scan_next(scan, &key, &record) == STATUS_OK)
            tables_add(x, t, record);
        txn_scan_close(scan);
    }
    txn_destroy(txn);
}

const struct sql_table *virtual_tables_find(const struct virtual_tables *t, uint32_t id)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (t->list[i]->id == id) return t->list[i];
    return NULL;
}

static bool hex_bytes(struct bytes text, uint8_t *out, size_t *size_out)
{
    if (text.size < 2 || text.size % 2 != 0)
        return false; /* one that was cut ends in three points */
    for (size_t i = 2; i < text.size; i += 2) {
        unsigned value;
        char digits[3] = {(char)text.data[i], (char)text.data[i + 1], 0};
        if (sscanf(digits, "%2x", &value) != 1) return false;
        out[i / 2 - 1] = (uint8_t)value;
    }
    *size_out = text.size / 2 - 1;
    return true;
}

/* "(1, abc)" of as many columns, or NULL when the key is not one of that table. */
static const char *key_text(struct exec *x, const struct sql_table *t, struct bytes key, uint32_t columns)
{
    const char *text = "";
    for (uint32_t i = 0; i < columns && text != NULL; i++) {
        struct sql_datum value;
        struct bytes shown = BYTES_LITERAL("null");
        uint32_t oid = t->columns[t->key[i]].type.oid;
        if (sql_key_decode(x->arena, &key, oid, SQL_KEY_ASCENDING, &value) != STATUS_OK)
            return NULL;
        if (!value.is_null && sql_type_output(&x->eval, oid, &value, &shown) != STATUS_OK)
            return NULL;
        text = arena_printf(x->arena, "%s%s%.*s", text, i > 0 ? ", " : "(", (int)shown.size,
                            (const char *)shown.data);
    }
    return columns == 0 || key.size != 0 || text == NULL ? NULL
                                                              : arena_printf(x->arena, "%s)", text);
}

static void name_row(struct exec *x, const struct virtual_tables *tables, struct sql_datum *table_cell, struct sql_datum *key_cell)
{
    uint8_t bytes[CELL_KEY_BYTES];
    size_t size;
    if (key_cell->is_null || key_cell->bytes.size > 2 * CELL_KEY_BYTES + 2 || !hex_bytes(key_cell->bytes, bytes, &size) ||
        size < TABLE_KEY_HEAD || bytes[0] != KEY_PREFIX_TABLE)
        return;
    for (uint32_t i = 0; i < tables->count; i++) {
        if (tables->list[i]->id != load_be32(bytes + 5)) continue;
        const struct sql_table *t = tables->list[i];
        struct bytes key = bytes_make(bytes + TABLE_KEY_HEAD, size - TABLE_KEY_HEAD), row = txn_aside_row(key);
        const char *text = key_text(x, t, key, t->key_count);
        if (text == NULL && row.size < key.size) {
            text = key_text(x, t, row, t->key_count);
            if (text != NULL) text = arena_printf(x->arena, "idempotency key of %s", text);
        }
        *table_cell = sql_bytes(bytes_of_string(tables->list[i]->name));
        if (text != NULL) *key_cell = sql_bytes(bytes_of_string(text));
        return;
    }
}

void virtual_keys_name(struct exec *x, struct virtual_rows *rows, uint32_t table_column, uint32_t key_column)
{
    struct virtual_tables tables = {0};
    if (rows->count == 0) return;
    virtual_tables_read(x, &tables);
    for (uint32_t i = 0; i < rows->count; i++)
        name_row(x, &tables, &rows->rows[i][table_column], &rows->rows[i][key_column]);
    sql_error_clear(x->error); /* of values that could not be shown */
}

static bool locks_finish(struct exec *x, struct virtual_rows *locks)
{
    if (locks->count == 0) return true;
    if (!name_owners(x, locks)) return false;
    virtual_keys_name(x, locks, LOCK_TABLE, LOCK_KEY);
    return true;
}

/* ---- ostraka.ranges: all that there are, as the metadata range has them ---- */

static void ranges_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    (void)source; /* ranges_finish: it has to ask */
    (void)r;
}

struct range_walk {
    struct exec *x;
    struct virtual_rows *rows;
    struct store *store;
    struct virtual_tables tables;
    struct node_view *nodes;
    uint32_t node_count;
    struct map replicas; /* range -> its row of ostraka.replicas: the one that serves, or any */
};

/* [fiber] What the nodes say of their replicas. */
static bool replicas_gather(struct range_walk *w)
{
    const struct virtual_table *v = virtual_find("ostraka", "replicas");
    struct virtual_rows rows;
    ASSERT(v != NULL && strcmp(v->columns[REPLICA_REQUESTS].name, "requests") == 0);
    ASSERT(strcmp(v->columns[REPLICA_SERVING].name, "serving") == 0);
    if (!virtual_read(w->x, w->x->arena, v, &rows)) return false;
    for (uint32_t i = 0; i < rows.count; i++) {
        struct sql_datum *row = rows.rows[i];
        uint64_t range = (uint64_t)row[REPLICA_RANGE].integer;
        const struct sql_datum *known = map_get(&w->replicas, range);
        bool better = known == NULL || row[REPLICA_SERVING].boolean > known[REPLICA_SERVING].boolean ||
                      (row[REPLICA_SERVING].boolean == known[REPLICA_SERVING].boolean &&
                       row[REPLICA_TERM].integer > known[REPLICA_TERM].integer);
        if (better && map_put(&w->replicas, range, row) != STATUS_OK) return sql_error_out_of_memory(w->x->error);
    }
    return true;
}

/* "kv", "kv (1, abc)"; of part of a key "kv (1)". NULL: no table's. */
static const char *boundary_text(struct range_walk *w, struct bytes key)
{
    if (key.size < TABLE_KEY_HEAD || key.data[0] != KEY_PREFIX_TABLE) return NULL;
    const struct sql_table *t = NULL;
    for (uint32_t i = 0; i < w->tables.count && t == NULL; i++)
        if (w->tables.list[i]->id == load_be32(key.data + 5)) t = w->tables.list[i];
    if (t == NULL) return NULL;
    struct bytes rest = bytes_make(key.data + TABLE_KEY_HEAD, key.size - TABLE_KEY_HEAD);
    if (rest.size == 0) return t->name;
    uint32_t columns = 0;
    for (struct bytes left = rest; left.size > 0; columns++)
        if (columns == t->key_count ||
            sql_key_skip(&left, t->columns[t->key[columns]].type.oid, SQL_KEY_ASCENDING) != STATUS_OK)
            return NULL;
    const char *values = key_text(w->x, t, rest, columns);
    return values == NULL ? NULL : arena_printf(w->x->arena, "%s %s", t->name, values);
}

/* What is no table's key is shown as it is: "\\x0401"; cut. */
static void put_boundary(struct range_walk *w, struct bytes key)
{
    char hex[2 * KEY_SHOWN_BYTES + 6];
    const char *text = boundary_text(w, key);
    hex_of(key, KEY_SHOWN_BYTES, hex);
    virtual_text(w->rows, key.size == 0 ? NULL : text != NULL ? text : hex);
}

static void put_number(struct virtual_rows *r, uint64_t value)
{
    if (value == 0) virtual_null(r);
    else virtual_count(r, value);
}

static void range_row(void *ctx, const struct descriptor *d, struct node_id leader)
{
    struct range_walk *w = ctx;
    struct virtual_rows *r = w->rows;
    const struct replica *local = store_replica(w->store, d->range);
    struct raft_status raft = {0};
    if (local != NULL) replica_raft_status(local, &raft);
    struct route route;
    if (leader.value == 0 && store_route_of(w->store, d->range, &route) == STATUS_OK) leader = route.leader;
    const struct sql_datum *replica = map_get(&w->replicas, d->range.value);
    bool serves = replica != NULL && replica[REPLICA_SERVING].boolean;
    if (serves) leader.value = (uint64_t)replica[REPLICA_NODE].integer;
    else if (raft.leader_node != 0) leader.value = raft.leader_node;
    int voters = (int)d->config.voter_count, here = 0;
    for (int i = 0; i < voters; i++) here += alive(w->nodes, w->node_count, w->store, d->config.voters[i].node);
    int spare = here - (voters / 2 + 1);
    virtual_row(r);
    virtual_count(r, d->range.value);
    put_boundary(w, d->start);
    put_boundary(w, d->end);
    virtual_count(r, d->epoch);
    put_number(r, leader.value);
    put_number(r, serves ? (uint64_t)replica[REPLICA_TERM].integer : raft.term);
    put_members(r, d->config.voters, d->config.voter_count);
    put_members(r, d->config.learners, d->config.learner_count);
    virtual_integer(r, here);
    virtual_integer(r, spare < 0 ? 0 : spare);
    virtual_cell(r, replica == NULL ? SQL_NULL : replica[REPLICA_BYTES]);
    virtual_cell(r, replica == NULL ? SQL_NULL : replica[REPLICA_KEYS]);
    virtual_cell(r, serves ? replica[REPLICA_REQUESTS] : SQL_NULL);
    virtual_boolean(r, d->kept);
}

/* From the metadata range, apart from the transaction under way. */
static enum status ranges_ask(struct range_walk *w, struct bytes from, struct bytes end)
{
    struct txn *txn;
    enum status status = txn_create(w->x->session->options.kv, w->x->arena, &txn);
    if (status != STATUS_OK) return status;
    txn_set_deadline(txn, env_now_ns(w->x->session->options.env) + RANGES_TIMEOUT_NS);
    status = txn_ranges(txn, from, end, range_row, w);
    txn_destroy(txn);
    return status;
}

/* Nobody answers for the metadata range: what this node has replicas of. */
static bool ranges_here(struct range_walk *w, struct bytes from, struct bytes end)
{
    struct replica *p = NULL;
    while ((p = store_replica_next(w->store, p)) != NULL)
        if (descriptor_overlaps(replica_descriptor(p), from, end))
            range_row(w, replica_descriptor(p), (struct node_id){0});
    return exec_notice(w->x, "WARNING", SQLSTATE_WARNING,
                       "the metadata range does not answer: these are the ranges of which %s has a replica",
                       "this node");
}

static bool ranges_walk(struct range_walk *w)
{
    struct exec *x = w->x;
    struct buf bounds[2];
    if (!replicas_gather(w)) return false;
    virtual_tables_read(x, &w->tables);
    buf_init(&bounds[0], SHARD_KEY_BYTES_MAX);
    buf_init(&bounds[1], SHARD_KEY_BYTES_MAX);
    if (x->ranges_of != NULL) catalog_table_span(x->ranges_of, &bounds[0], &bounds[1]);
    enum status status = ranges_ask(w, buf_view(&bounds[0]), buf_view(&bounds[1]));
    bool ok = true;
    if (status == STATUS_UNAVAILABLE || status == STATUS_TIMEOUT) {
        virtual_rows_init(w->rows, w->rows->arena, virtual_find("ostraka", "ranges"));
        ok = ranges_here(w, buf_view(&bounds[0]), buf_view(&bounds[1]));
    } else if (status != STATUS_OK) {
        ok = exec_fail(x, status);
    }
    buf_deinit(&bounds[0]);
    buf_deinit(&bounds[1]);
    return ok;
}

static bool ranges_finish(struct exec *x, struct virtual_rows *rows)
{
    struct kv *kv = x->session->options.kv;
    struct range_walk w = {.x = x, .rows = rows, .store = kv == NULL ? NULL : kv_store(kv)};
    if (w.store == NULL) return true;
    w.nodes = ARENA_ARRAY(x->arena, struct node_view, SHARD_NODES_MAX);
    if (w.nodes == NULL) return sql_error_out_of_memory(x->error);
    w.node_count = store_nodes(w.store, w.nodes, SHARD_NODES_MAX);
    map_init(&w.replicas);
    bool ok = ranges_walk(&w);
    map_deinit(&w.replicas);
    if (!ok) return false;
    sql_error_clear(x->error); /* of values that could not be shown */
    return !rows->failed || sql_error_out_of_memory(x->error);
}

#define TABLE(i, n, where, c, f, end) \
    { \
        .id = (i), .schema = "ostraka", .name = (n), .scope = (where), .columns = (c), \
        .column_count = sizeof(c) / sizeof((c)[0]), .fill = (f), .finish = (end) \
    }

const struct virtual_table virtual_cluster_tables[] = {
    TABLE(13011, "ranges", VIRTUAL_HERE, range_columns, ranges_fill, ranges_finish),
    TABLE(13012, "replicas", VIRTUAL_CLUSTER, replica_columns, replicas_fill, NULL),
    TABLE(13013, "locks", VIRTUAL_CLUSTER, lock_columns, locks_fill, locks_finish),
};
const size_t virtual_cluster_table_count =
    sizeof virtual_cluster_tables / sizeof virtual_cluster_tables[0];
