/* ostraka.prepared: what transactions over several ranges have prepared in ranges that are led by a node, and what is not known
 * there yet to be committed or not. In a healthy cluster each row is there for some milliseconds. A staged one (its anchor's part
 * lists the other keys) may be committed: it is as soon as all parts are there, and its client may have been told so. */
#include <string.h>

#include "base/assert.h"
#include "sql/activity_int.h"
#include "sql/query.h"
#include "sql/session_int.h"

#define T(t) SQL_TYPE_##t

#define TABLE_COLUMN 9
#define KEY_COLUMN   10
static const struct virtual_column columns[] = {
    {"id", T(TEXT)},           {"node", T(INT8)},        {"range", T(INT8)},     {"anchor_range", T(INT8)},
    {"session_node", T(INT8)}, {"lock_name", T(TEXT)},   {"state", T(TEXT)},     {"keys", T(INT8)},
    {"staged_keys", T(INT8)},  {"table_name", T(TEXT)},  {"first_key", T(TEXT)}, {"age_ms", T(INT8)}};

struct fill {
    struct store *store;
    struct virtual_rows *rows;
};

static const char *state_of(const struct kv_prepared *p)
{
    if (p->ends) return "decided";
    if (p->pushed) return "in doubt";
    return p->staged_count > 0 ? "staged" : "prepared";
}

static void row(void *ctx, const struct kv_prepared *p)
{
    const struct fill *f = ctx;
    struct virtual_rows *r = f->rows;
    char id[TXN_ID_BYTES], name[LOCK_NAME_BYTES];
    txn_id_format(p->id, id);
    virtual_row(r);
    virtual_text(r, id);
    virtual_count(r, store_identity(f->store)->node.value);
    virtual_count(r, p->range.value);
    if (p->id.range.value == 0) virtual_null(r);
    else virtual_count(r, p->id.range.value);
    virtual_count(r, p->node);
    virtual_text(r, virtual_lock_name(p->node, p->number, name));
    virtual_text(r, state_of(p));
    virtual_count(r, p->key_count);
    if (p->staged_count == 0) virtual_null(r);
    else virtual_count(r, p->staged_count);
    virtual_null(r);
    virtual_key(r, p->first_key);
    virtual_count(r, (env_now_ns(store_env(f->store)) - p->since_ns) / 1000000);
}

static void prepared_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    struct fill f = {source->kv == NULL ? NULL : kv_store(source->kv), r};
    if (f.store != NULL) kv_prepared(source->kv, row, &f);
}

static bool prepared_finish(struct exec *x, struct virtual_rows *rows)
{
    ASSERT(strcmp(columns[TABLE_COLUMN].name, "table_name") == 0 && strcmp(columns[KEY_COLUMN].name, "first_key") == 0);
    virtual_keys_name(x, rows, TABLE_COLUMN, KEY_COLUMN);
    return true;
}

const struct virtual_table virtual_prepared_tables[] = {
    {.id = 13016, .schema = "ostraka", .name = "prepared", .scope = VIRTUAL_CLUSTER, .columns = columns,
     .column_count = sizeof columns / sizeof columns[0], .fill = prepared_fill, .finish = prepared_finish},
};
const size_t virtual_prepared_table_count = 1;
