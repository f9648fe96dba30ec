/* Joins of two sources. The left side's values stay in the row while the right side's are tried beside them. */
#include "sql/explain_int.h"

#define BATCH_ROWS_MAX TXN_GET_MANY_MAX
#define LOOKUPS_MAX 1024          /* then the right side may be read as a whole */
#define HASH_TRY_BYTES (16u << 20) /* as much of it */

/* Rows of the left side that were read ahead, to look up the keys of several in one request. While a batch is read the
 * row still holds the last one of the batch before, and a join on the left goes on from there: batches take turns with
 * two arenas. */
struct batch {
    struct arena arenas[2];
    struct arena *arena; /* of this batch */
    struct sql_datum *rows[BATCH_ROWS_MAX]; /* whole rows; the left side's part counts */
    struct bytes keys[BATCH_ROWS_MAX], values[BATCH_ROWS_MAX]; /* keys.data NULL: not one key, or none */
    uint32_t count, at, wanted;
    bool left_ended, fetched;
};

struct source_join {
    struct source source;
    struct join is;
    enum join_method method;      /* at the moment */
    struct expr *on, *loop_filter;
    struct arena kept, key_arena; /* the right side's rows; the left row's keys */
    struct row_table rows;        /* of each: the part of the row, then the keys */
    struct sql_type *types;       /* of these */
    struct sql_datum *scratch, *left_keys;
    bool filled, has_left, matched, left_done, hash_failed;
    const struct row_entry *entry; /* the last that was tried; NULL: none yet */
    bool no_match;                /* a key of the left row is null */
    uint32_t at;
    uint64_t lookups;
    struct batch *batch;          /* of lookups; NULL: of other joins */
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
    for (uint32_t i = 0; ok && i < j->is.key_count; i++) {
        ok = expr_eval(eval, left ? j->is.keys[i].left : j->is.keys[i].right, j->source.query->row, NULL, &out[i]);
        *null_out |= ok && out[i].is_null;
    }
    eval->arena = before;
    return ok;
}

static const struct sql_type *key_types(const struct source_join *j) { return j->types + j->is.right->count; }

/* Reads the right side. A row with a null among its keys has no partner: only FULL gives it. */
static bool fill(struct source_join *j)
{
    uint32_t count = j->is.right->count;
    bool found, null;
    if (!source_open(j->is.right)) return false;
    for (;;) {
        if (!source_next(j->is.right, &found)) return false;
        if (!found) break;
        if (count > 0) memcpy(j->scratch, part_of(j->is.right), count * sizeof *j->scratch);
        if (!eval_keys(j, false, j->scratch + count, &null)) return false;
        if (null && j->is.type != SQL_JOIN_FULL) continue;
        uint64_t hash = row_hash(key_types(j), j->scratch + count, j->is.key_count);
        if (row_table_add(&j->rows, j->scratch, hash) == NULL) {
            if (!j->is.may_hash) return no_memory(j);
            j->hash_failed = true;
            break;
        }
    }
    source_close(j->is.right);
    j->filled = true;
    return true;
}

/* ---- lookups, several at once ---- */

/* Copies the left side's part of the row, or puts it back. */
static bool save_left(struct source_join *j, struct sql_datum *to)
{
    const struct select *s = j->source.query;
    for (uint32_t i = 0; i < s->item_count; i++) {
        const struct source *o = s->items[i];
        for (uint32_t k = o->offset; (o->bits & j->is.left->bits) != 0 && k < o->offset + o->count; k++) {
            to[k] = SQL_NULL;
            if (!s->row[k].is_null &&
                sql_datum_copy(j->batch->arena, s->row_types[k].oid, &s->row[k], &to[k]) != STATUS_OK)
                return sql_error_out_of_memory(s->x->error);
        }
    }
    return true;
}

static void restore_left(struct source_join *j, const struct sql_datum *from)
{
    const struct select *s = j->source.query;
    for (uint32_t i = 0; i < s->item_count; i++) {
        const struct source *o = s->items[i];
        if ((o->bits & j->is.left->bits) != 0 && o->count > 0)
            memcpy(s->row + o->offset, from + o->offset, o->count * sizeof *from);
    }
}

/* Fetches the values of the keys that were found, in one request. */
static bool fetch_batch(struct source_join *j)
{
    struct batch *b = j->batch;
    struct bytes keys[BATCH_ROWS_MAX], values[BATCH_ROWS_MAX];
    uint32_t count = 0, at = 0;
    b->fetched = false;
    for (uint32_t i = 0; i < b->count; i++)
        if (b->keys[i].data != NULL) keys[count++] = b->keys[i];
    if (count < 2) return true; /* it may as well be asked for alone */
    enum status status = txn_get_many(j->source.query->x->txn, keys, count, values);
    if (status != STATUS_OK) return exec_fail(j->source.query->x, status);
    for (uint32_t i = 0; i < b->count; i++)
        if (b->keys[i].data != NULL) b->values[i] = values[at++];
    b->fetched = true;
    return true;
}

static bool fill_batch(struct source_join *j)
{
    struct batch *b = j->batch;
    struct select *s = j->source.query;
    bool found = true;
    b->arena = b->arena == &b->arenas[0] ? &b->arenas[1] : &b->arenas[0];
    arena_reset(b->arena);
    b->count = b->at = 0;
    /* More and more, so that a LIMIT above pays for little that nobody wants. */
    b->wanted = b->wanted == 0 ? 1 : b->wanted < BATCH_ROWS_MAX ? b->wanted * 2 : BATCH_ROWS_MAX;
    while (b->count < b->wanted) {
        if (!source_next(j->is.left, &found)) return false;
        b->left_ended = !found;
        if (!found) break;
        b->rows[b->count] = arena_alloc(b->arena, (s->width + 1) * sizeof(struct sql_datum));
        if (b->rows[b->count] == NULL) return sql_error_out_of_memory(s->x->error);
        if (!save_left(j, b->rows[b->count]) || !source_find_key(j->is.right, b->arena, &b->keys[b->count]))
            return false;
        b->count++;
    }
    return fetch_batch(j);
}

/* The next row of the left side, and the right side opened for it. */
static bool next_lookup(struct source_join *j, bool *found_out)
{
    struct batch *b = j->batch;
    *found_out = false;
    if (b->at == b->count && !b->left_ended && !fill_batch(j)) return false;
    if (b->at == b->count) return true;
    *found_out = true;
    restore_left(j, b->rows[b->at]);
    bool fetched = b->fetched && b->keys[b->at].data != NULL;
    j->lookups++;
    if (fetched) source_open_at(j->is.right, b->keys[b->at], b->values[b->at]);
    bool ok = fetched || source_open(j->is.right);
    b->at++;
    return ok;
}

/* So many rows on the left: it is better to read the right side once, when it fits. */
static bool try_hash(struct source_join *j)
{
    COVER("sql_join_lookups_end");
    j->is.right->filter = j->is.hash_filter;
    if (!fill(j)) return false;
    if (j->hash_failed) {
        COVER("sql_join_too_large_to_hash");
        j->is.right->filter = j->loop_filter;
        arena_reset(&j->kept);
        return true;
    }
    j->method = JOIN_HASH;
    j->on = j->is.hash_on;
    return true;
}

/* ---- rows ---- */

static bool join_open(struct source *o)
{
    struct source_join *j = (struct source_join *)o;
    j->filled = j->has_left = j->left_done = j->hash_failed = false;
    j->at = 0;
    j->lookups = 0;
    j->method = j->is.method;
    j->on = j->is.on;
    if (j->is.may_hash) j->is.right->filter = j->loop_filter;
    if (j->batch != NULL) {
        j->batch->count = j->batch->at = j->batch->wanted = 0;
        j->batch->left_ended = false;
    }
    arena_reset(&j->kept);
    row_table_init(&j->rows, &j->kept, j->types, j->is.right->count + j->is.key_count);
    return source_open(j->is.left);
}

/* Rows that were read ahead for lookups come first, also when it is hashed from now on. */
static bool read_left(struct source_join *j, bool *found_out)
{
    struct batch *b = j->batch;
    bool idle = b == NULL || b->at == b->count;
    if (idle && j->method == JOIN_LOOP && j->is.may_hash && j->lookups >= LOOKUPS_MAX && !j->hash_failed &&
        !try_hash(j))
        return false;
    if (b != NULL && j->method == JOIN_LOOP) return next_lookup(j, found_out);
    if (b != NULL && b->left_ended) {
        *found_out = false;
        return true;
    }
    return source_next(j->is.left, found_out);
}

static bool next_left(struct source_join *j, bool *found_out)
{
    if (!read_left(j, found_out)) return false;
    if (!*found_out) return true;
    j->has_left = true;
    j->matched = j->no_match = false;
    j->entry = NULL;
    j->at = 0;
    if (j->method == JOIN_LOOP) return j->batch != NULL || source_open(j->is.right);
    if (!j->filled && !fill(j)) return false;
    return j->method != JOIN_HASH || eval_keys(j, true, j->left_keys, &j->no_match);
}

static struct row_entry *next_entry(struct source_join *j)
{
    if (j->method == JOIN_KEPT) return j->at < j->rows.count ? &j->rows.rows[j->at++] : NULL;
    if (j->no_match) return NULL;
    uint64_t hash = row_hash(key_types(j), j->left_keys, j->is.key_count);
    struct row_entry *e = row_table_find(&j->rows, hash, j->entry);
    while (e != NULL && !row_equal(key_types(j), j->left_keys, e->values + j->is.right->count, j->is.key_count))
        e = row_table_find(&j->rows, hash, e);
    j->entry = e;
    return e;
}

/* The next row of the right side for this left one; *entry_out: that it is, when they are kept. */
static bool next_right(struct source_join *j, struct row_entry **entry_out, bool *found_out)
{
    *entry_out = NULL;
    if (j->method == JOIN_LOOP) return source_next(j->is.right, found_out);
    *entry_out = next_entry(j);
    *found_out = *entry_out != NULL;
    if (*found_out && j->is.right->count > 0)
        memcpy(part_of(j->is.right), (*entry_out)->values, j->is.right->count * sizeof *j->scratch);
    return true;
}

/* FULL: the rows of the right side that have had no partner. */
static bool next_unmatched(struct source_join *j, bool *found_out)
{
    *found_out = false;
    if (!j->filled && !fill(j)) return false;
    while (j->at < j->rows.count && j->rows.rows[j->at].count > 0) j->at++;
    if (j->at == j->rows.count) return true;
    fill_nulls(j->is.left);
    if (j->is.right->count > 0)
        memcpy(part_of(j->is.right), j->rows.rows[j->at].values, j->is.right->count * sizeof *j->scratch);
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
            if (j->is.type == SQL_JOIN_INNER || j->matched) continue;
            fill_nulls(j->is.right);
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
    return j->is.type != SQL_JOIN_FULL || next_unmatched(j, found_out);
}

static void join_close(struct source *o)
{
    struct source_join *j = (struct source_join *)o;
    source_close(j->is.left);
    source_close(j->is.right);
}

static void join_release(struct source *o)
{
    struct source_join *j = (struct source_join *)o;
    arena_deinit(&j->kept);
    arena_deinit(&j->key_arena);
    for (int i = 0; j->batch != NULL && i < 2; i++) arena_deinit(&j->batch->arenas[i]);
}

/* (left = right) for each key. */
static void explain_keys(struct explain *e, struct explain_node *n, const struct source_join *j)
{
    const char *text = "";
    for (uint32_t i = 0; i < j->is.key_count && text != NULL; i++) {
        const char *left = explain_text(e, j->source.query, j->is.keys[i].left);
        const char *right = explain_text(e, j->source.query, j->is.keys[i].right);
        text = arena_printf(e->x->arena, "%s%s(%s = %s)", text, i > 0 ? " AND " : "", left, right);
    }
    if (j->is.key_count > 0) explain_add(e, n, "Hash Cond", j->is.key_count > 1 ? "(%s)" : "%s", text);
}

static void join_explain(struct explain *e, struct explain_node *above, const struct source *o)
{
    const struct source_join *j = (const struct source_join *)o;
    bool hash = (o->loops > 0 ? j->method : j->is.method) == JOIN_HASH;
    const char *kind = j->is.type == SQL_JOIN_LEFT ? "Left" : j->is.type == SQL_JOIN_FULL ? "Full" : "Inner";
    struct explain_node *n = explain_node(e, above, hash ? "Hash Join" : "Nested Loop");
    if (n == NULL) return;
    if (j->is.type != SQL_JOIN_INNER)
        n->title = arena_printf(e->x->arena, "%s %s Join", hash ? "Hash" : "Nested Loop", kind);
    n->rows = &o->rows;
    n->loops = &o->loops;
    if (hash) explain_keys(e, n, j);
    explain_condition(e, n, "Join Filter", o->query, o->loops > 0 ? j->on : j->is.on);
    explain_condition(e, n, "Filter", o->query, o->filter);
    explain_source(e, n, j->is.left);
    struct explain_node *kept = !hash && j->is.method == JOIN_LOOP ? n : explain_node(e, n, hash ? "Hash" : "Materialize");
    if (kept != NULL) explain_source(e, kept, j->is.right);
}

static const struct source_ops join_ops = {join_open, join_next, join_close, join_release, join_explain};

static bool prepare(struct source_join *j, struct arena *arena)
{
    const struct source *right = j->is.right;
    uint32_t width = right->count + j->is.key_count;
    j->types = ARENA_ARRAY(arena, struct sql_type, width + 1);
    j->scratch = ARENA_ARRAY(arena, struct sql_datum, width + 1);
    j->left_keys = ARENA_ARRAY(arena, struct sql_datum, j->is.key_count + 1);
    if (j->is.method == JOIN_LOOP && source_is_table(right)) {
        j->batch = ARENA_NEW(arena, struct batch);
        if (j->batch == NULL) return false;
        for (int i = 0; i < 2; i++) arena_init_part(&j->batch->arenas[i], arena, arena->size_max);
    }
    if (j->types == NULL || j->scratch == NULL || j->left_keys == NULL) return false;
    for (uint32_t i = 0; i < right->count; i++) j->types[i] = j->source.query->row_types[right->offset + i];
    for (uint32_t i = 0; i < j->is.key_count; i++) j->types[right->count + i] = sql_type_of(j->is.keys[i].type);
    return true;
}

struct source *source_of_join(struct select *s, const struct join *join)
{
    struct source_join *j = ARENA_NEW(s->x->arena, struct source_join);
    if (j == NULL) goto fail;
    source_init(&j->source, &join_ops, s);
    arena_init_part(&j->kept, s->x->arena, join->may_hash ? HASH_TRY_BYTES : s->x->arena->size_max);
    arena_init_part(&j->key_arena, s->x->arena, s->x->arena->size_max);
    j->is = *join;
    j->method = join->method;
    j->loop_filter = join->right->filter;
    if (prepare(j, s->x->arena)) return &j->source;
fail:
    sql_error_out_of_memory(s->x->error);
    return NULL;
}
