/* Bound expressions as text, close to how PostgreSQL shows them in plans. */
#include "sql/explain_int.h"

#include "sql/parser.h"
#include "sql/types_io.h"

#define TEXT_BYTES_MAX 65536

struct printer {
    struct explain *e;
    const struct select *s;
    struct buf out;
};

static void print(struct printer *p, const struct expr *e);

static void print_list(struct printer *p, struct expr *const *items, uint32_t count, const char *between)
{
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) buf_append_string(&p->out, between);
        print(p, items[i]);
    }
}

static void print_column(struct printer *p, const struct expr *e)
{
    const struct select *s = p->s;
    if (s->table != NULL) {
        sql_ast_print_identifier(s->table->columns[e->index].name, &p->out);
        return;
    }
    const struct source *o = s->items[s->row_items[e->index]];
    if (s->item_count > 1 && o->alias != NULL) {
        sql_ast_print_identifier(o->alias, &p->out);
        buf_append_string(&p->out, ".");
    }
    sql_ast_print_identifier(s->row_names[e->index], &p->out);
}

static bool is_bare_number(uint32_t oid)
{
    return oid == SQL_TYPE_INT4 || oid == SQL_TYPE_NUMERIC;
}

static void print_const(struct printer *p, const struct expr *e)
{
    struct sql_eval *eval = &p->e->x->eval;
    struct bytes text = BYTES_EMPTY;
    struct sql_error *before = eval->error, aside = {.message = NULL};
    if (e->value.is_null) {
        buf_printf(&p->out, "NULL::%s", sql_type_format(p->e->x->arena, e->type));
        return;
    }
    if (e->type.oid == SQL_TYPE_BOOL) {
        buf_append_string(&p->out, e->value.boolean ? "true" : "false");
        return;
    }
    eval->error = &aside;
    bool ok = sql_type_output(eval, e->type.oid, &e->value, &text) == STATUS_OK;
    eval->error = before;
    if (!ok) text = BYTES_LITERAL("?");
    if (is_bare_number(e->type.oid) && text.size > 0 && text.data[0] != '-' && text.data[0] != 'N') {
        buf_append_bytes(&p->out, text);
        return;
    }
    buf_append_string(&p->out, "'");
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\'') buf_append_string(&p->out, "'");
        buf_append_byte(&p->out, text.data[i]);
    }
    buf_printf(&p->out, "'::%s", sql_type_format(p->e->x->arena, e->type));
}

static void print_operator(struct printer *p, const struct expr *e)
{
    buf_append_string(&p->out, "(");
    if (e->arg_count == 2) {
        print(p, e->args[0]);
        buf_append_string(&p->out, " ");
    }
    buf_append_string(&p->out, e->op->name);
    buf_append_string(&p->out, " ");
    print(p, e->args[e->arg_count - 1]);
    buf_append_string(&p->out, ")");
}

static void print_call(struct printer *p, const char *name, struct expr *const *args, uint32_t count)
{
    buf_append_string(&p->out, name);
    buf_append_string(&p->out, "(");
    print_list(p, args, count, ", ");
    buf_append_string(&p->out, ")");
}

static void print_aggregate(struct printer *p, const struct expr *e)
{
    const struct aggregate *a = &p->s->binder.aggregates[e->index];
    buf_append_string(&p->out, a->function->name);
    buf_append_string(&p->out, a->distinct ? "(DISTINCT " : "(");
    if (a->arg_count == 0) buf_append_string(&p->out, "*");
    print_list(p, a->args, a->arg_count, ", ");
    buf_append_string(&p->out, ")");
    if (a->filter == NULL) return;
    buf_append_string(&p->out, " FILTER (WHERE ");
    print(p, a->filter);
    buf_append_string(&p->out, ")");
}

static void print_is(struct printer *p, const struct expr *e)
{
    static const char *const names[] = {[SQL_IS_NULL] = "NULL", [SQL_IS_TRUE] = "TRUE", [SQL_IS_FALSE] = "FALSE",
                                        [SQL_IS_UNKNOWN] = "UNKNOWN"};
    buf_append_string(&p->out, "(");
    print(p, e->args[0]);
    buf_printf(&p->out, " IS %s%s)", e->negated ? "NOT " : "", names[e->test]);
}

static void print_case(struct printer *p, const struct expr *e)
{
    buf_append_string(&p->out, "CASE");
    for (uint32_t i = 0; i + 1 < e->arg_count; i += 2) {
        buf_append_string(&p->out, " WHEN ");
        print(p, e->args[i]);
        buf_append_string(&p->out, " THEN ");
        print(p, e->args[i + 1]);
    }
    buf_append_string(&p->out, " ELSE ");
    print(p, e->args[e->arg_count - 1]);
    buf_append_string(&p->out, " END");
}

static void print_in(struct printer *p, const struct expr *e)
{
    buf_append_string(&p->out, "(");
    print(p, e->args[0]);
    buf_append_string(&p->out, " IN (");
    print_list(p, e->args + 1, e->arg_count - 1, ", ");
    if (e->has_null_item) buf_append_string(&p->out, e->arg_count > 1 ? ", NULL" : "NULL");
    buf_append_string(&p->out, "))");
}

/* A value of the query around. */
static void print_outer(struct printer *p, const struct expr *e)
{
    uint32_t number = 0;
    for (const struct outer *o = p->s->binder.outers; o != NULL; o = o->next, number++) {
        if (&o->slot != e->slot) continue;
        buf_printf(&p->out, "$%u", number);
        return;
    }
    buf_append_string(&p->out, "column"); /* of the query that is compared with */
}

static void print_pair(struct printer *p, const struct expr *e, const char *between)
{
    buf_append_string(&p->out, "(");
    print_list(p, e->args, e->arg_count, between);
    buf_append_string(&p->out, ")");
}

static void print_cast(struct printer *p, const struct expr *e)
{
    buf_append_string(&p->out, "(");
    print(p, e->args[0]);
    buf_printf(&p->out, ")::%s", sql_type_format(p->e->x->arena, e->type));
}

static void print(struct printer *p, const struct expr *e)
{
    switch (e->kind) {
    case EXPR_CONST: print_const(p, e); break;
    case EXPR_COLUMN: print_column(p, e); break;
    case EXPR_OPERATOR: print_operator(p, e); break;
    case EXPR_FUNCTION: print_call(p, e->function->name, e->args, e->arg_count); break;
    case EXPR_CAST: print_cast(p, e); break;
    case EXPR_AND: print_pair(p, e, " AND "); break;
    case EXPR_OR: print_pair(p, e, " OR "); break;
    case EXPR_NOT:
        buf_append_string(&p->out, "(NOT ");
        print(p, e->args[0]);
        buf_append_string(&p->out, ")");
        break;
    case EXPR_IS: print_is(p, e); break;
    case EXPR_DISTINCT: print_pair(p, e, e->negated ? " IS NOT DISTINCT FROM " : " IS DISTINCT FROM "); break;
    case EXPR_CASE: print_case(p, e); break;
    case EXPR_COALESCE: print_call(p, "COALESCE", e->args, e->arg_count); break;
    case EXPR_NULLIF:
        buf_append_string(&p->out, "NULLIF(");
        print_list(p, e->args[1]->kind == EXPR_OPERATOR ? e->args[1]->args : e->args, 2, ", ");
        buf_append_string(&p->out, ")");
        break;
    case EXPR_IN: print_in(p, e); break;
    case EXPR_EXTREME: print_call(p, e->negated ? "LEAST" : "GREATEST", e->args, e->arg_count); break;
    case EXPR_AGGREGATE: print_aggregate(p, e); break;
    case EXPR_OUTER: print_outer(p, e); break;
    case EXPR_SUBQUERY: {
        const char *text = explain_subquery(p->e, p->s, e);
        buf_append_string(&p->out, text != NULL ? text : "?");
        break;
    }
    default: buf_append_string(&p->out, "?"); break;
    }
}

const char *explain_text(struct explain *e, const struct select *s, const struct expr *expr)
{
    struct printer p = {.e = e, .s = s};
    buf_init(&p.out, TEXT_BYTES_MAX);
    print(&p, expr);
    const char *text = p.out.failed ? arena_strdup(e->x->arena, "...")
                                    : (const char *)arena_copy(e->x->arena, buf_view(&p.out)).data;
    buf_deinit(&p.out);
    if (text == NULL) e->failed = true;
    return text;
}
