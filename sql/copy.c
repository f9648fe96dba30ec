/* COPY: the statement and its columns. */
#include <string.h>

#include "sql/copy_int.h"

static bool find_place(struct copy *c, const char *name, uint32_t *place_out)
{
    const struct sql_table *t = c->table;
    uint32_t place = 0;
    while (place < t->column_count && strcmp(t->columns[place].name, name) != 0) place++;
    *place_out = place;
    return place < t->column_count ||
           sql_error_set(c->x->error, c->x->arena, SQLSTATE_UNDEFINED_COLUMN, 0,
                         "column \"%s\" of relation \"%s\" does not exist", name, t->name);
}

static bool bind_columns(struct copy *c)
{
    struct exec *x = c->x;
    const struct sql_name_list *list = &c->node->columns;
    uint32_t count = list->count == 0 ? c->table->column_count : list->count;
    c->options.column_count = count;
    c->places = ARENA_ARRAY(x->arena, uint32_t, count + 1);
    c->names = ARENA_ARRAY(x->arena, const char *, count + 1);
    if (c->places == NULL || c->names == NULL) return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < count; i++) {
        c->places[i] = i;
        if (list->count > 0 && !find_place(c, list->items[i], &c->places[i])) return false;
        for (uint32_t k = 0; k < i; k++)
            if (c->places[k] == c->places[i])
                return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_COLUMN, 0,
                                     "column \"%s\" specified more than once", list->items[i]);
        c->names[i] = c->table->columns[c->places[i]].name;
    }
    return true;
}

static bool open_table(struct copy *c)
{
    struct sql_name name = c->node->table;
    if (name.name == NULL) return true;
    name.position = 0; /* as PostgreSQL reports it */
    c->table = c->node->from ? exec_table_to_write(c->x, &name) : exec_table(c->x, &name);
    return c->table != NULL;
}

bool exec_copy(struct exec *x, const struct sql_copy *n)
{
    if (n->file != NULL || n->program)
        return sql_error_set(x->error, x->arena, SQLSTATE_INSUFFICIENT_PRIVILEGE, n->node.position,
                             n->from ? "COPY reads from STDIN only" : "COPY writes to STDOUT only");
    struct copy c = {.x = x, .node = n};
    if (!open_table(&c)) return false;
    if (n->from && !exec_verify(x)) return false; /* what the client sends cannot be had again */
    if (!copy_read_options(&c) || (c.table != NULL && !bind_columns(&c))) return false;
    return n->from ? copy_receive(&c) : copy_send(&c);
}
