/* WITH. */
#include "sql/select_int.h"

#define QUERIES_MAX 1000 /* names are looked for one by one */

struct cte *select_find_cte(const struct binder *b, const char *name)
{
    for (; b != NULL; b = b->around)
        for (struct cte *c = b->ctes; c != NULL; c = c->next)
            if (strcmp(c->name, name) == 0) return c;
    return NULL;
}

static bool too_many_names(struct select *s, const struct sql_cte *n, uint32_t count)
{
    return sql_error_set(s->x->error, s->x->arena, SQLSTATE_INVALID_COLUMN_REFERENCE, n->position,
                         "WITH query \"%s\" has %u columns available but %u columns specified", n->name, count,
                         n->columns.count);
}

static bool bind_one(struct select *s, const struct sql_cte *n)
{
    for (struct cte *c = s->binder.ctes; c != NULL; c = c->next)
        if (strcmp(c->name, n->name) == 0)
            return sql_error_set(s->x->error, s->x->arena, SQLSTATE_DUPLICATE_ALIAS, n->position,
                                 "WITH query name \"%s\" specified more than once", n->name);
    if (n->statement->kind != SQL_STMT_SELECT)
        return exec_unsupported(s->x, n->statement->position, "a statement that writes in WITH");
    struct cte *c = ARENA_NEW(s->x->arena, struct cte);
    if (c == NULL) return sql_error_out_of_memory(s->x->error);
    c->name = n->name;
    c->query = select_child(&s->binder, &s->binder, sql_as_select(n->statement), true);
    if (c->query == NULL || !select_finish(c->query)) return false;
    uint32_t count;
    const struct sql_result_column *columns = query_columns(c->query, &count);
    if (n->columns.count > count) return too_many_names(s, n, count);
    c->names = n->columns.items;
    c->name_count = n->columns.count;
    struct sql_type *types = ARENA_ARRAY(s->x->arena, struct sql_type, count + 1);
    if (types == NULL) return sql_error_out_of_memory(s->x->error);
    for (uint32_t i = 0; i < count; i++) types[i] = columns[i].type;
    row_table_init(&c->rows, s->run_arena, types, count);
    c->next = s->binder.ctes; /* those that follow may use it */
    s->binder.ctes = c;
    return true;
}

bool select_bind_with(struct select *s)
{
    const struct sql_with *with = &s->node->with;
    if (with->recursive && with->count > 0) return exec_unsupported(s->x, with->position, "WITH RECURSIVE");
    if (with->count > QUERIES_MAX)
        return sql_error_set(s->x->error, s->x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, with->position,
                             "WITH has at most %d queries; this one has %u", QUERIES_MAX, with->count);
    for (uint32_t i = 0; i < with->count; i++)
        if (!bind_one(s, &with->ctes[i])) return false;
    return true;
}
