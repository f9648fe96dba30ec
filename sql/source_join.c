/* Joins of two sources. The left side's values stay in the row while the right side's are tried beside them. */
#include "sql/explain_int.h"

struct source_join {
    struct source source;
    enum sql_join_type type; /* INNER, LEFT, FULL */
    enum join_method method;
    struct source *left, *right;
    struct expr *on;         /* besides the keys */
    const struct join_key *keys;
    uint32_t key_count;
    struct arena kept, key_arena; /* the right side's rows; the left row's keys */
    struct row_table rows;   /* of each: the part of the row, then the keys */
    struct sql_type *types;  /* of these */
    struct sql_datum *scratch, *left_keys;
    bool filled, has_left, matched, left_done;
    const struct row_entry *entry; /* the last that was tried; NULL: none yet */
    bool no_match;           /* a key of the left row is null */
    uint32_t at;
};

static struct sql_datum *part_of(const struct source *o) { return o->query->row + o->offset; }

static void fill_nulls(const struct source *o)
{
    for (uint32_t i = 0; i < o->count; i++) part_of(o)[i] = SQL_NULL;
}

static bool no_memory(struct source_join *j)
{
    sql_error_set(j->source.query->x->error, j->source.query->x->arena, SQLSTATE_OUT_OF_MEMORY, 0,
                  "the rows of a join do not fit into the memory of a statement");
    return false;
}

/* Evaluates the keys of one side over the row, in an arena of their own. */
static bool eval_keys(struct source_join *j, bool left, struct sql_datum *out, bool *null_out)
{
    struct sql_eval *eval = &j->source.query->x->eval;
    struct arena *before = eval->arena;
    bool ok = true;
    arena_reset(&j->key_arena);
    eval->arena = &j->key_arena;
    *null_out = false;
    for (uint32_t i = 0; ok && i < j->key_count; i++) {
        ok = expr_eval(eval, left ? j->keys[i].left : j->keys[i].right, j->source.query->row, NULL, &out[i]);
        *null_out |= ok && out[i].is_null;
    }
    eval->arena = before;
    return ok;
}

static const struct sql_type *key_types(const struct source_join *j) { return j->types + j->right->count; }

/* Reads the right side. A row with a null among its keys has no partner: only FULL gives it. */
static bool fill(struct source_join *j)
{
    uint32_t count = j->right->count;
    bool found, null;
    if (!source_open(j->right)) return false;
    for (;;) {
        if (!source_next(j->right, &found)) return false;
        if (!found) break;
        if (count > 0) memcpy(j->scratch, part_of(j->right), count * sizeof *j->scratch);
        if (!eval_keys(j, false, j->scratch + count, &null)) return false;
        if (null && j->type != SQL_JOIN_FULL) continue;
        uint64_t hash = row_hash(key_types(j), j->scratch + count, j->key_count);
        if (row_table_add(&j->rows, j->scratch, hash) == NULL) return no_memory(j);
    }
    source_close(j->right);
    j->filled = true;
    return true;
}

static bool join_open(struct source *o)
{
    struct source_join *j = (struct source_join *)o;
    j->filled = j->has_left = j->left_done = false;
    j->at = 0;
    arena_reset(&j->kept);
    row_table_init(&j->rows, &j->kept, j->types, j->right->count + j->key_count);
    return source_open(j->left);
}

static bool next_left(struct source_join *j, bool *found_out)
{
    if (!source_next(j->left, found_out)) return false;
    if (!*found_out) return true;
    j->has_left = true;
    j->matched = j->no_match = false;
    j->entry = NULL;
    j->at = 0;
    if (j->method == JOIN_LOOP) return source_open(j->right);
    if (!j->filled && !fill(j)) return false;
    return j->method != JOIN_HASH || eval_keys(j, true, j->left_keys, &j->no_match);
}

static struct row_entry *next_entry(struct source_join *j)
{
    if (j->method == JOIN_KEPT) return j->at < j->rows.count ? &j->rows.rows[j->at++] : NULL;
    if (j->no_match) return NULL;
    uint64_t hash = row_hash(key_types(j), j->left_keys, j->key_count);
    struct row_entry *e = row_table_find(&j->rows, hash, j->entry);
    while (e != NULL && !row_equal(key_types(j), j->left_keys, e->values + j->right->count, j->key_count))
        e = row_table_find(&j->rows, hash, e);
    j->entry = e;
    return e;
}

/* The next row of the right side for this left one; *entry_out: that it is, when they are kept. */
static bool next_right(struct source_join *j, struct row_entry **entry_out, bool *found_out)
{
    *entry_out = NULL;
    if (j->method == JOIN_LOOP) return source_next(j->right, found_out);
    *entry_out = next_entry(j);
    *found_out = *entry_out != NULL;
    if (*found_out && j->right->count > 0)
        memcpy(part_of(j->right), (*entry_out)->values, j->right->count * sizeof *j->scratch);
    return true;
}

/* FULL: the rows of the right side that have had no partner. */
static bool next_unmatched(struct source_join *j, bool *found_out)
{
    *found_out = false;
    if (!j->filled && !fill(j)) return false;
    while (j->at < j->rows.count && j->rows.rows[j->at].count > 0) j->at++;
    if (j->at == j->rows.count) return true;
    fill_nulls(j->left);
    if (j->right->count > 0)
        memcpy(part_of(j->right), j->rows.rows[j->at].values, j->right->count * sizeof *j->scratch);
    j->at++;
    *found_out = true;
    return true;
}

static bool join_next(struct source *o, bool *found_out)
{
    struct source_join *j = (struct source_join *)o;
    struct row_entry *entry;
    bool passes;
    while (!j->left_done) {
        if (!j->has_left && !next_left(j, found_out)) return false;
        if (!j->has_left) {
            j->left_done = true;
            j->at = 0;
            break;
        }
        if (!next_right(j, &entry, found_out)) return false;
        if (!*found_out) {
            j->has_left = false;
            if (j->type == SQL_JOIN_INNER || j->matched) continue;
            fill_nulls(j->right);
            *found_out = true;
            return true;
        }
        arena_reset(&o->arena);
        if (!exec_breathe(o->query->x)) return false;
        if (j->on != NULL && !source_passes(o, j->on, &passes)) return false;
        if (j->on != NULL && !passes) continue;
        j->matched = true;
        if (entry != NULL) entry->count = 1;
        return true;
    }
    *found_out = false;
    return j->type != SQL_JOIN_FULL || next_unmatched(j, found_out);
}

static void join_close(struct source *o)
{
    struct source_join *j = (struct source_join *)o;
    source_close(j->left);
    source_close(j->right);
}

static void join_release(struct source *o)
{
    struct source_join *j = (struct source_join *)o;
    arena_deinit(&j->kept);
    arena_deinit(&j->key_arena);
}

/* (left = right) for each key. */
static void explain_keys(struct explain *e, struct explain_node *n, const struct source_join *j)
{
    const char *text = "";
    for (uint32_t i = 0; i < j->key_count && text != NULL; i++) {
        const char *left = explain_text(e, j->source.query, j->keys[i].left);
        const char *right = explain_text(e, j->source.query, j->keys[i].right);
        text = arena_printf(e->x->arena, "%s%s(%s = %s)", text, i > 0 ? " AND " : "", left, right);
    }
    if (j->key_count > 0) explain_add(e, n, "Hash Cond", j->key_count > 1 ? "(%s)" : "%s", text);
}

static void join_explain(struct explain *e, struct explain_node *above, const struct source *o)
{
    const struct source_join *j = (const struct source_join *)o;
    bool hash = j->method == JOIN_HASH;
    const char *kind = j->type == SQL_JOIN_LEFT ? "Left" : j->type == SQL_JOIN_FULL ? "Full" : "Inner";
    struct explain_node *n = explain_node(e, above, hash ? "Hash Join" : "Nested Loop");
    if (n == NULL) return;
    if (j->type != SQL_JOIN_INNER)
        n->title = arena_printf(e->x->arena, "%s %s Join", hash ? "Hash" : "Nested Loop", kind);
    n->rows = &o->rows;
    n->loops = &o->loops;
    explain_keys(e, n, j);
    explain_condition(e, n, "Join Filter", o->query, j->on);
    explain_condition(e, n, "Filter", o->query, o->filter);
    explain_source(e, n, j->left);
    struct explain_node *kept = j->method == JOIN_LOOP ? n : explain_node(e, n, hash ? "Hash" : "Materialize");
    if (kept != NULL) explain_source(e, kept, j->right);
}

static const struct source_ops join_ops = {join_open, join_next, join_close, join_release, join_explain};

struct source *source_of_join(struct select *s, enum sql_join_type type, enum join_method method,
                              struct source *left, struct source *right, struct expr *on,
                              const struct join_key *keys, uint32_t key_count)
{
    struct arena *arena = s->x->arena;
    uint32_t width = right->count + key_count;
    struct source_join *j = ARENA_NEW(arena, struct source_join);
    if (j == NULL) goto fail;
    source_init(&j->source, &join_ops, s);
    arena_init(&j->kept, arena->size_max);
    arena_init(&j->key_arena, arena->size_max);
    j->type = type;
    j->method = method;
    j->left = left;
    j->right = right;
    j->on = on;
    j->keys = keys;
    j->key_count = key_count;
    j->types = ARENA_ARRAY(arena, struct sql_type, width + 1);
    j->scratch = ARENA_ARRAY(arena, struct sql_datum, width + 1);
    j->left_keys = ARENA_ARRAY(arena, struct sql_datum, key_count + 1);
    if (j->types == NULL || j->scratch == NULL || j->left_keys == NULL) goto fail;
    for (uint32_t i = 0; i < right->count; i++) j->types[i] = s->row_types[right->offset + i];
    for (uint32_t i = 0; i < key_count; i++) j->types[right->count + i] = sql_type_of(keys[i].type);
    return &j->source;
fail:
    sql_error_out_of_memory(s->x->error);
    return NULL;
}
