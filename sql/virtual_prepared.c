/* ostraka.prepared: what transactions over several ranges have prepared in ranges that are led by a node, and what is not known
 * there yet to be committed or not. In a healthy cluster each row is there for some milliseconds. */
#include "sql/activity_int.h"
#include "sql/query.h"
#include "sql/session_int.h"

#define T(t) SQL_TYPE_##t

static const struct virtual_column columns[] = {
    {"id", T(TEXT)},           {"node", T(INT8)},      {"range", T(INT8)}, {"anchor_range", T(INT8)},
    {"session_node", T(INT8)}, {"lock_name", T(TEXT)}, {"state", T(TEXT)}, {"keys", T(INT8)},
    {"age_ms", T(INT8)}};

struct fill {
    struct store *store;
    struct virtual_rows *rows;
};

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
    virtual_text(r, p->ends ? "decided" : p->pushed ? "in doubt" : "prepared");
    virtual_count(r, p->key_count);
    virtual_count(r, (env_now_ns(store_env(f->store)) - p->since_ns) / 1000000);
}

static void prepared_fill(const struct virtual_source *source, struct virtual_rows *r)
{
    struct fill f = {source->kv == NULL ? NULL : kv_store(source->kv), r};
    if (f.store != NULL) kv_prepared(source->kv, row, &f);
}

const struct virtual_table virtual_prepared_tables[] = {
    {.id = 13016, .schema = "ostraka", .name = "prepared", .scope = VIRTUAL_CLUSTER, .columns = columns,
     .column_count = sizeof columns / sizeof columns[0], .fill = prepared_fill},
};
const size_t virtual_prepared_table_count = 1;
