#include "sql/bindings.h"

#include <string.h>

#include "base/assert.h"
#include "sql/query.h"

/* An expression that was bound. */
struct binding {
    const void *source;     /* its syntax tree, or text */
    uint64_t table;         /* the record's number; 0: no table */
    struct expr *expr;      /* NULL: it is bound each time */
    bool folds;             /* when parameters are values, there is something to fold */
    bool has_parameters;
};

void bindings_init(struct bindings *k, struct arena_account *account, size_t *session_bytes)
{
    *k = (struct bindings){.session_bytes = session_bytes};
    arena_init(&k->arena, BINDINGS_BYTES_MAX);
    arena_share(&k->arena, account);
}

static void count_bytes(struct bindings *k)
{
    ASSERT(*k->session_bytes >= k->held_bytes);
    *k->session_bytes = *k->session_bytes - k->held_bytes + k->arena.size;
    k->held_bytes = k->arena.size;
}

static void forget(struct bindings *k)
{
    ASSERT(k->users == 0);
    arena_deinit(&k->arena);
    count_bytes(k);
    k->list = NULL;
    k->count = k->capacity = 0;
    k->old = false;
}

void bindings_deinit(struct bindings *k)
{
    forget(k);
}

/* ---- around an execution ---- */

static bool has_null(const struct parameters *p)
{
    for (uint32_t i = 0; p != NULL && i < p->count; i++)
        if (p->values[i].is_null) return true;
    return false;
}

/* Others make up trees for each execution: none of their nodes is one of the statement's. */
static bool is_kept(const struct sql_node *statement)
{
    return statement->kind == SQL_STMT_SELECT || statement->kind == SQL_STMT_INSERT ||
           statement->kind == SQL_STMT_UPDATE || statement->kind == SQL_STMT_DELETE;
}

struct bindings *bindings_enter(struct exec *x, const struct sql_node *statement)
{
    struct bindings *k = x->bindings;
    bool first = k != NULL && !k->executed;
    if (k == NULL || first || k->old || k->refused || x->describe || !is_kept(statement)) {
        if (first) k->executed = true;
        x->bindings = NULL;
        return NULL;
    }
    x->binding_at = 0;
    x->null_parameter = has_null(x->parameters);
    k->users++;
    return k;
}

void bindings_leave(struct bindings *k)
{
    if (k == NULL) return;
    ASSERT(k->users > 0);
    k->users--;
    if (k->users == 0 && (k->old || k->refused)) forget(k);
    else count_bytes(k);
}

/* ---- what is kept ---- */

/* A table that has no number is not known beyond the statement. */
static bool may_use(const struct exec *x, const struct sql_table *table)
{
    return x->bindings != NULL && (table == NULL || table->known_as != 0);
}

/* Mostly the one behind the last that was found. */
static struct binding *look(struct exec *x, const void *source)
{
    struct bindings *k = x->bindings;
    for (uint32_t i = 0; i < k->count; i++) {
        uint32_t at = x->binding_at + i < k->count ? x->binding_at + i : x->binding_at + i - k->count;
        if (k->list[at].source != source) continue;
        x->binding_at = at + 1;
        return &k->list[at];
    }
    return NULL;
}

struct expr *bindings_find(struct exec *x, const void *source, const struct sql_table *table)
{
    if (!may_use(x, table)) return NULL;
    const struct binding *b = look(x, source);
    if (b == NULL) return NULL;
    if (b->table != (table != NULL ? table->known_as : 0) && !MUTANT("binding_of_an_old_table")) {
        COVER("sql_binding_old");
        x->bindings->old = true; /* the copies that this execution has taken from it stay good */
        x->bindings = NULL;
        return NULL;
    }
    if (b->expr == NULL) return NULL;
    if (!b->folds && !(b->has_parameters && x->null_parameter)) return b->expr;
    return expr_with_values(x->arena, b->expr, x->parameters != NULL ? x->parameters->values : NULL);
}

/* What belongs to one execution is not kept. */
static bool may_last(const struct expr *e)
{
    bool may = e->kind != EXPR_SUBQUERY && e->kind != EXPR_AGGREGATE && e->kind != EXPR_OUTER;
    for (uint32_t i = 0; may && i < e->arg_count; i++) may = may_last(e->args[i]);
    return may;
}

static bool has_parameters(const struct expr *e)
{
    bool has = e->kind == EXPR_PARAMETER;
    for (uint32_t i = 0; !has && i < e->arg_count; i++) has = has_parameters(e->args[i]);
    return has;
}

static bool fill(struct bindings *k, struct binding *b, const struct expr *e)
{
    b->expr = expr_without_values(&k->arena, e);
    if (b->expr == NULL) return false;
    b->has_parameters = has_parameters(b->expr);
    b->folds = b->expr->kind == EXPR_PARAMETER || expr_may_fold(b->expr);
    b->expr->shared = !b->folds;
    return true;
}

static bool reserve(struct bindings *k)
{
    if (k->count < k->capacity) return true;
    uint32_t capacity = k->capacity == 0 ? 4 : k->capacity * 2;
    struct binding *list = ARENA_ARRAY(&k->arena, struct binding, capacity);
    if (list == NULL) return false;
    if (k->count > 0) memcpy(list, k->list, k->count * sizeof *list);
    k->list = list;
    k->capacity = capacity;
    return true;
}

void bindings_add(struct exec *x, const void *source, const struct sql_table *table, const struct expr *e, bool lasting)
{
    struct bindings *k = x->bindings;
    if (!may_use(x, table) || look(x, source) != NULL) return;
    struct binding b = {.source = source, .table = table != NULL ? table->known_as : 0};
    bool fits = k->count < BINDINGS_MAX && *k->session_bytes < BINDINGS_SESSION_BYTES_MAX && reserve(k) &&
                (!lasting || !may_last(e) || fill(k, &b, e));
    if (!fits) {
        COVER("sql_binding_refused");
        k->refused = true;
        x->bindings = NULL;
        return;
    }
    k->list[k->count++] = b;
    x->binding_at = k->count;
}

struct expr *bind_expr_kept(struct binder *b, const struct sql_node *node)
{
    struct exec *x = b->x;
    const struct sql_table *table = b->scope.table;
    bool one_table = b->parent == NULL && b->scope.item_count == 0;
    if (x == NULL || x->bindings == NULL || !one_table || node->kind == SQL_EXPR_SUBQUERY) return bind_expr(b, node);
    struct expr *e = bindings_find(x, node, table);
    if (e != NULL) return e;
    b->passing = false;
    e = bind_expr(b, node);
    if (e != NULL) bindings_add(x, node, table, e, !b->passing);
    return e;
}
