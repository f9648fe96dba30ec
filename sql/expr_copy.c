/* Copies of bound expressions, for what is kept of a prepared statement (bindings.h). */
#include <string.h>

#include "sql/expr.h"

static bool copy_types(struct arena *arena, struct expr *e)
{
    if (e->arg_types == NULL || e->arg_count == 0) return true;
    struct sql_type *types = arena_alloc(arena, e->arg_count * sizeof *types);
    if (types == NULL) return false;
    memcpy(types, e->arg_types, e->arg_count * sizeof *types);
    e->arg_types = types;
    return true;
}

/* The node alone, with room for copies of its arguments. */
static struct expr *copy_node(struct arena *arena, const struct expr *e)
{
    struct expr *copy = arena_alloc(arena, sizeof *copy);
    if (copy == NULL) return NULL;
    *copy = *e;
    copy->shared = false;
    if (e->arg_count == 0) return copy;
    copy->args = arena_alloc(arena, e->arg_count * sizeof *copy->args);
    return copy->args != NULL ? copy : NULL;
}

struct expr *expr_without_values(struct arena *arena, const struct expr *e)
{
    struct expr *copy = copy_node(arena, e);
    if (copy == NULL || !copy_types(arena, copy)) return NULL;
    if (e->kind == EXPR_CONST && e->parameter != 0) {
        copy->kind = EXPR_PARAMETER;
        copy->value = SQL_NULL;
    } else if (e->kind == EXPR_CONST && sql_datum_copy(arena, e->type.oid, &e->value, &copy->value) != STATUS_OK) {
        return NULL;
    }
    for (uint32_t i = 0; i < e->arg_count; i++)
        if ((copy->args[i] = expr_without_values(arena, e->args[i])) == NULL) return NULL;
    return copy;
}

struct expr *expr_with_values(struct arena *arena, const struct expr *e, const struct sql_datum *values)
{
    struct expr *copy = copy_node(arena, e);
    if (copy == NULL) return NULL;
    if (e->kind == EXPR_PARAMETER) {
        copy->kind = EXPR_CONST;
        copy->value = values[e->parameter - 1];
    }
    for (uint32_t i = 0; i < e->arg_count; i++)
        if ((copy->args[i] = expr_with_values(arena, e->args[i], values)) == NULL) return NULL;
    return copy;
}
