/* Which condition goes where, which join comes first, and how each is done.
 *
 * There are no statistics. What counts is what is known of the keys: a table whose whole key is given comes before
 * one with a part of it, then come those that equal values connect with what is there already; otherwise the order is
 * the one that was written. */
#include "sql/select_int.h"

struct conditions {
    struct expr **items;
    uint32_t count, capacity;
};

struct planner {
    struct select *s;
    bool failed;
};

/* ---- conditions ---- */

uint64_t from_bits(const struct select *s, const struct expr *e)
{
    uint64_t bits = 0;
    if (e->kind == EXPR_COLUMN && s->row_items != NULL) return (uint64_t)1 << s->row_items[e->index];
    for (uint32_t i = 0; i < e->arg_count; i++) bits |= from_bits(s, e->args[i]);
    return bits;
}

static bool is_integer(uint32_t oid)
{
    return oid == SQL_TYPE_INT2 || oid == SQL_TYPE_INT4 || oid == SQL_TYPE_INT8;
}

uint32_t from_key_type(uint32_t left, uint32_t right)
{
    const struct sql_type_info *info = sql_type_find(left);
    if (left == right) return info != NULL && info->can_be_key ? left : 0;
    return is_integer(left) && is_integer(right) ? SQL_TYPE_INT8 : 0;
}

static void add(struct planner *p, struct conditions *list, struct expr *e)
{
    if (list->count == list->capacity) {
        uint32_t capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        struct expr **items = ARENA_ARRAY(p->s->x->arena, struct expr *, capacity);
        if (items == NULL) {
            p->failed = !sql_error_out_of_memory(p->s->x->error);
            return;
        }
        if (list->count > 0) memcpy(items, list->items, list->count * sizeof *items);
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = e;
}

/* The operands of AND, one by one. */
static void split(struct planner *p, struct conditions *list, struct expr *e)
{
    if (e == NULL || p->failed) return;
    if (e->kind != EXPR_AND) {
        add(p, list, e);
        return;
    }
    for (uint32_t i = 0; i < e->arg_count; i++) split(p, list, e->args[i]);
}

/* All of them in one; NULL: none. */
static struct expr *join_up(struct planner *p, const struct conditions *list)
{
    if (list->count <= 1) return list->count == 0 ? NULL : list->items[0];
    struct expr *e = ARENA_NEW(p->s->x->arena, struct expr);
    if (e == NULL) {
        p->failed = !sql_error_out_of_memory(p->s->x->error);
        return NULL;
    }
    *e = (struct expr){.kind = EXPR_AND, .type = sql_type_of(SQL_TYPE_BOOL), .args = list->items,
                       .arg_count = list->count};
    return e;
}

/* Moves the conditions that read nothing but `bits` from one list to another. */
static void move(struct planner *p, struct conditions *from, uint64_t bits, struct conditions *to)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < from->count; i++) {
        uint64_t reads = from_bits(p->s, from->items[i]);
        bool fits = reads != 0 && (reads & ~bits) == 0 && !expr_is_volatile(from->items[i]);
        if (fits) add(p, to, from->items[i]);
        else from->items[kept++] = from->items[i];
    }
    from->count = kept;
}

/* ---- outer joins that are none ---- */

/* It is null when the columns of `bits` are. */
static bool null_with(const struct select *s, const struct expr *e, uint64_t bits)
{
    if (e->kind == EXPR_COLUMN) return (from_bits(s, e) & bits) != 0;
    bool strict = e->kind == EXPR_OPERATOR || e->kind == EXPR_CAST || e->kind == EXPR_NOT ||
                  (e->kind == EXPR_FUNCTION && e->function->strict);
    for (uint32_t i = 0; strict && i < e->arg_count; i++)
        if (null_with(s, e->args[i], bits)) return true;
    return false;
}

/* It does not hold when the columns of `bits` are null. */
static bool rejects_nulls(const struct select *s, const struct expr *e, uint64_t bits)
{
    if (e->kind == EXPR_IS)
        return (e->test == SQL_IS_NULL ? e->negated : e->test != SQL_IS_UNKNOWN && !e->negated) &&
               null_with(s, e->args[0], bits);
    if (e->kind == EXPR_IN) return null_with(s, e->args[0], bits);
    if (e->kind != EXPR_AND && e->kind != EXPR_OR) return null_with(s, e, bits);
    for (uint32_t i = 0; i < e->arg_count; i++)
        if (rejects_nulls(s, e->args[i], bits) == (e->kind == EXPR_AND)) return e->kind == EXPR_AND;
    return e->kind == EXPR_OR;
}

static bool any_rejects(const struct select *s, const struct conditions *list, uint64_t bits)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (rejects_nulls(s, list->items[i], bits)) return true;
    return false;
}

/* A LEFT or RIGHT join whose rows without a partner are thrown away above it is an inner one. */
static bool is_inner(const struct select *s, const struct from_node *n, const struct conditions *above)
{
    if (n->source != NULL) return false;
    if (n->type == SQL_JOIN_LEFT) return any_rejects(s, above, n->right->bits);
    if (n->type == SQL_JOIN_RIGHT) return any_rejects(s, above, n->left->bits);
    return n->type == SQL_JOIN_INNER;
}

/* ---- two sides ---- */

/* How many leading columns of a table's key the conditions give values for, with what `given` has. */
static uint32_t key_columns(const struct select *s, const struct source *o, const struct conditions *list,
                            uint64_t given)
{
    const struct sql_table *t = o->table;
    uint32_t count = 0;
    for (bool found = true; found && count < t->key_count; count += found) {
        found = false;
        for (uint32_t i = 0; i < list->count && !found; i++) {
            const struct expr *other;
            if (!access_binds(list->items[i], o->offset + t->key[count], &other)) continue;
            found = other == NULL || ((from_bits(s, other) & ~given) == 0 && !expr_is_volatile(other));
        }
    }
    return count;
}

/* The conditions that are equalities between the sides become keys. */
static uint32_t take_keys(struct planner *p, const struct source *left, const struct source *right,
                          struct conditions *list, struct join_key **keys_out)
{
    uint32_t count = 0, kept = 0;
    struct join_key *keys = ARENA_ARRAY(p->s->x->arena, struct join_key, list->count + 1);
    if (keys == NULL) p->failed = !sql_error_out_of_memory(p->s->x->error);
    for (uint32_t i = 0; i < list->count && !p->failed; i++) {
        struct expr *e = list->items[i];
        bool used = false;
        for (int side = 0; side < 2 && !used; side++) {
            if (e->kind != EXPR_OPERATOR || e->arg_count != 2 || e->op->relation != SQL_RELATION_EQUAL) break;
            uint64_t a = from_bits(p->s, e->args[side]), b = from_bits(p->s, e->args[1 - side]);
            uint32_t type = from_key_type(e->args[0]->type.oid, e->args[1]->type.oid);
            used = a != 0 && b != 0 && (a & ~left->bits) == 0 && (b & ~right->bits) == 0 && type != 0 &&
                   !expr_is_volatile(e);
            if (used) keys[count++] = (struct join_key){e->args[side], e->args[1 - side], type};
        }
        if (!used) list->items[kept++] = e;
    }
    list->count = kept;
    *keys_out = keys;
    return count;
}

static struct source *plan_node(struct planner *p, struct from_node *n, struct conditions *above);

/* A copy: lists are taken apart. */
static struct conditions both_of(struct planner *p, const struct conditions *a, const struct conditions *b)
{
    struct conditions both = {0};
    for (uint32_t i = 0; i < a->count; i++) add(p, &both, a->items[i]);
    for (uint32_t i = 0; b != NULL && i < b->count; i++) add(p, &both, b->items[i]);
    return both;
}

/* Will the key of the table be looked up for every row of the left side? */
static bool looks_up(const struct planner *p, const struct source *left, const struct source *table,
                     const struct conditions *right_on, const struct conditions *both)
{
    return key_columns(p->s, table, both, ~table->bits) >
           key_columns(p->s, table, right_on, ~left->bits & ~table->bits);
}

/* right_on: what the right side has to pass alone; on: what both have to. */
static struct source *plan_join(struct planner *p, enum sql_join_type type, struct source *left,
                                struct from_node *right, struct conditions *right_on, struct conditions *on)
{
    struct join j = {.type = type, .method = JOIN_KEPT, .left = left};
    struct join_key *keys = NULL;
    struct conditions both = both_of(p, right_on, on), rest = both_of(p, on, NULL);
    bool table = right->source != NULL && source_is_table(right->source) && type != SQL_JOIN_FULL;
    if (p->failed) return NULL;
    if (table && looks_up(p, left, right->source, right_on, &both)) {
        j.method = JOIN_LOOP;
        j.right = plan_node(p, right, &both);
        if (j.right == NULL) return NULL;
        j.key_count = take_keys(p, left, j.right, &rest, &keys);
        j.may_hash = j.key_count > 0;
        j.hash_on = join_up(p, &rest);
        j.hash_filter = join_up(p, right_on);
    } else {
        j.right = plan_node(p, right, right_on);
        if (j.right == NULL) return NULL;
        if ((right->needs & left->bits) != 0) j.method = JOIN_LOOP;
        else j.key_count = take_keys(p, left, j.right, &rest, &keys);
        if (j.key_count > 0) j.method = JOIN_HASH;
        j.on = join_up(p, &rest);
    }
    j.keys = keys;
    struct source *o = p->failed ? NULL : source_of_join(p->s, &j);
    if (o == NULL) return NULL;
    o->bits = left->bits | j.right->bits;
    o->needs = (left->needs | j.right->needs) & ~o->bits;
    return o;
}

static struct source *plan_outer(struct planner *p, struct from_node *n, struct conditions *above)
{
    struct from_node *left = n->left, *right = n->right;
    enum sql_join_type type = n->type;
    if (type == SQL_JOIN_RIGHT) {
        left = n->right;
        right = n->left;
        type = SQL_JOIN_LEFT;
    }
    struct conditions left_above = {0}, on = {0}, right_on = {0};
    split(p, &on, n->on);
    if (type == SQL_JOIN_LEFT) {
        move(p, above, left->bits, &left_above);
        /* What is asked of the right side above the join is not asked below it: that would make up partners' lack. */
        if (MUTANT("outer_join_filters_early")) move(p, above, right->bits, &right_on);
        move(p, &on, right->bits, &right_on);
    }
    struct source *l = plan_node(p, left, &left_above);
    struct source *o = l == NULL ? NULL : plan_join(p, type, l, right, &right_on, &on);
    if (o != NULL) o->filter = join_up(p, above);
    return p->failed ? NULL : o;
}

/* ---- many sides: inner joins in any order ---- */

struct group {
    struct from_node *items[FROM_ITEMS_MAX];
    uint32_t count;
    uint64_t bits;
    struct conditions conditions;
};

static void collect(struct planner *p, struct from_node *n, struct group *g)
{
    if (!is_inner(p->s, n, &g->conditions)) {
        ASSERT(g->count < FROM_ITEMS_MAX);
        g->items[g->count++] = n;
        return;
    }
    split(p, &g->conditions, n->on);
    collect(p, n->left, g);
    collect(p, n->right, g);
}

/* Conditions that were found later may turn joins that were met before into inner ones. */
static void flatten(struct planner *p, struct from_node *n, struct group *g)
{
    collect(p, n, g);
    for (uint32_t i = 0; i < g->count; i++) {
        if (!is_inner(p->s, g->items[i], &g->conditions)) continue;
        struct group again = {.conditions = g->conditions};
        split(p, &again.conditions, g->items[i]->on);
        for (uint32_t k = 0; k < g->count; k++) {
            if (k != i) {
                again.items[again.count++] = g->items[k];
            } else {
                again.items[again.count++] = g->items[i]->left;
                again.items[again.count++] = g->items[i]->right;
            }
        }
        *g = again;
        i = UINT32_MAX; /* from the start */
    }
    g->bits = n->bits;
}

static bool is_connected(const struct select *s, const struct group *g, uint64_t bits, uint64_t done)
{
    for (uint32_t i = 0; i < g->conditions.count; i++) {
        const struct expr *e = g->conditions.items[i];
        if (e->kind != EXPR_OPERATOR || e->arg_count != 2 || e->op->relation != SQL_RELATION_EQUAL) continue;
        uint64_t a = from_bits(s, e->args[0]), b = from_bits(s, e->args[1]);
        if (a == 0 || b == 0) continue;
        if ((a & ~bits) == 0 && (b & ~done) == 0) return true;
        if ((b & ~bits) == 0 && (a & ~done) == 0) return true;
    }
    return false;
}

static bool has_condition(const struct select *s, const struct group *g, uint64_t bits)
{
    for (uint32_t i = 0; i < g->conditions.count; i++) {
        uint64_t reads = from_bits(s, g->conditions.items[i]);
        if (reads != 0 && (reads & ~bits) == 0) return true;
    }
    return false;
}

/* The less, the sooner. */
static uint32_t cost(const struct select *s, const struct group *g, const struct from_node *n, uint64_t done)
{
    const struct source *o = n->source;
    uint32_t found = o != NULL && source_is_table(o) ? key_columns(s, o, &g->conditions, done | ~g->bits) : 0;
    if (found > 0) return found == o->table->key_count ? 0 : 1;
    if (done != 0) return is_connected(s, g, n->bits, done) ? 2 : 4;
    return has_condition(s, g, n->bits) ? 2 : 3;
}

/* The place of the one that comes next. What reads values of others comes behind them. */
static uint32_t choose(const struct select *s, const struct group *g, uint64_t done)
{
    uint32_t best = UINT32_MAX, least = UINT32_MAX;
    for (uint32_t i = 0; i < g->count; i++) {
        const struct from_node *n = g->items[i];
        if ((n->bits & done) != 0 || (n->needs & g->bits & ~done) != 0) continue;
        uint32_t c = cost(s, g, n, done);
        if (c >= least) continue;
        least = c;
        best = i;
    }
    ASSERT(best != UINT32_MAX);
    return best;
}

static struct source *plan_group(struct planner *p, struct group *g)
{
    uint64_t done = 0, outside = ~g->bits;
    struct source *o = NULL;
    for (uint32_t step = 0; step < g->count && !p->failed; step++) {
        struct from_node *n = g->items[choose(p->s, g, done)];
        struct conditions own = {0}, on = {0};
        move(p, &g->conditions, n->bits | outside, &own);
        if (o == NULL) {
            o = plan_node(p, n, &own);
        } else {
            move(p, &g->conditions, n->bits | done | outside, &on);
            o = plan_join(p, SQL_JOIN_INNER, o, n, &own, &on);
        }
        if (o == NULL) return NULL;
        done |= n->bits;
    }
    return p->failed ? NULL : o;
}

/* Conditions in front of what a source has to pass already. */
static struct source *with_filter(struct planner *p, struct source *o, struct conditions *list)
{
    struct conditions all = {0};
    if (list->count == 0) return o;
    split(p, &all, o->filter);
    for (uint32_t i = 0; i < list->count; i++) add(p, &all, list->items[i]);
    o->filter = join_up(p, &all);
    return p->failed ? NULL : o;
}

/* above: what its rows have to pass. */
static struct source *plan_node(struct planner *p, struct from_node *n, struct conditions *above)
{
    if (p->failed) return NULL;
    if (n->source != NULL) return with_filter(p, n->source, above);
    struct source *o;
    struct group g = {.conditions = *above};
    if (is_inner(p->s, n, above)) {
        flatten(p, n, &g);
        o = plan_group(p, &g);
        if (o != NULL) o = with_filter(p, o, &g.conditions); /* volatile ones are left */
    } else {
        o = plan_outer(p, n, above);
    }
    if (o == NULL) return NULL;
    o->offset = n->offset;
    o->count = n->count;
    return o;
}

bool from_plan(struct select *s)
{
    struct planner p = {.s = s};
    struct conditions all = {0}, where = {0}, gate = {0};
    split(&p, &all, s->where);
    for (uint32_t i = 0; i < all.count; i++) {
        bool free_of_rows = from_bits(s, all.items[i]) == 0 && !expr_is_volatile(all.items[i]);
        add(&p, free_of_rows ? &gate : &where, all.items[i]);
    }
    s->gate = join_up(&p, &gate);
    s->root = p.failed ? NULL : plan_node(&p, s->from, &where);
    return s->root != NULL;
}
