/* Trees as text: queries, INSERT, UPDATE, DELETE. */
#include "sql/parser_print_int.h"

/* --- FROM --- */

static void print_alias(const struct sql_alias *alias, struct buf *out)
{
    if (alias->name == NULL) return;
    print_text(out, " AS ");
    sql_ast_print_identifier(alias->name, out);
    print_columns(&alias->columns, out);
}

static void print_relation(const struct sql_name *name, bool only, struct buf *out)
{
    if (only) print_text(out, "ONLY ");
    print_name(name, out);
}

static void print_from_subquery(const struct sql_from_subquery *node, struct buf *out)
{
    print_text(out, node->lateral ? "LATERAL (" : "(");
    print_query(node->query, out);
    print_text(out, ")");
    print_alias(&node->alias, out);
}

static void print_from_function(const struct sql_from_function *node, struct buf *out)
{
    if (node->lateral) print_text(out, "LATERAL ");
    if (node->call->kind == SQL_EXPR_CAST) {
        const struct sql_cast *cast = sql_as_cast(node->call);
        print_text(out, "CAST(");
        print_expr(cast->arg, out);
        print_text(out, " AS ");
        sql_ast_print_type(&cast->type, out);
        print_text(out, ")");
    } else {
        print_expr(node->call, out);
    }
    if (node->ordinality) print_text(out, " WITH ORDINALITY");
    print_alias(&node->alias, out);
    if (node->column_count == 0) return;
    print_text(out, node->alias.name == NULL ? " AS (" : " (");
    for (uint32_t i = 0; i < node->column_count; i++) {
        print_comma(i, out);
        sql_ast_print_identifier(node->columns[i].name, out);
        print_text(out, " ");
        sql_ast_print_type(&node->columns[i].type, out);
        if (node->columns[i].collation.name == NULL) continue;
        print_text(out, " COLLATE ");
        print_name(&node->columns[i].collation, out);
    }
    print_text(out, ")");
}

static void print_join_side(const struct sql_node *node, bool left, struct buf *out)
{
    bool paren = node->kind == SQL_FROM_JOIN && !left;
    if (paren) print_text(out, "(");
    print_from(node, out);
    if (paren) print_text(out, ")");
}

static void print_join_body(const struct sql_from_join *join, struct buf *out)
{
    static const char *const words[] = {
        "", " JOIN ", " LEFT JOIN ", " RIGHT JOIN ", " FULL JOIN ", " CROSS JOIN "};
    print_join_side(join->left, true, out);
    if (join->natural) print_text(out, " NATURAL");
    print_text(out, words[join->join]);
    const struct sql_node *right = join->right;
    bool aliased = right->kind == SQL_FROM_JOIN && sql_as_from_join(right)->alias.name != NULL;
    print_join_side(right, aliased, out);
    if (join->on != NULL) print_text(out, " ON ");
    if (join->on != NULL) print_expr(join->on, out);
    if (join->using_columns.count == 0) return;
    print_text(out, " USING");
    print_columns(&join->using_columns, out);
    if (join->using_alias == NULL) return;
    print_text(out, " AS ");
    sql_ast_print_identifier(join->using_alias, out);
}

static void print_join(const struct sql_from_join *join, struct buf *out)
{
    if (join->alias.name != NULL) print_text(out, "(");
    print_join_body(join, out);
    if (join->alias.name != NULL) print_text(out, ")");
    print_alias(&join->alias, out);
}

void print_from(const struct sql_node *node, struct buf *out)
{
    if (node->kind == SQL_FROM_TABLE) {
        const struct sql_from_table *table = sql_as_from_table(node);
        print_relation(&table->name, table->only, out);
        print_alias(&table->alias, out);
    } else if (node->kind == SQL_FROM_SUBQUERY) {
        print_from_subquery(sql_as_from_subquery(node), out);
    } else if (node->kind == SQL_FROM_FUNCTION) {
        print_from_function(sql_as_from_function(node), out);
    } else {
        print_join(sql_as_from_join(node), out);
    }
}

static void print_from_list(const char *word, const struct sql_list *from, struct buf *out)
{
    if (from->count == 0) return;
    print_text(out, word);
    for (uint32_t i = 0; i < from->count; i++) {
        print_comma(i, out);
        print_from(from->items[i], out);
    }
}

/* --- Parts of queries --- */

void print_where(const struct sql_node *where, struct buf *out)
{
    if (where == NULL) return;
    print_text(out, " WHERE ");
    print_expr(where, out);
}

static void print_targets(const struct sql_targets *targets, struct buf *out)
{
    for (uint32_t i = 0; i < targets->count; i++) {
        print_text(out, i > 0 ? ", " : " ");
        print_expr(targets->items[i].expr, out);
        if (targets->items[i].alias == NULL) continue;
        print_text(out, " AS ");
        sql_ast_print_identifier(targets->items[i].alias, out);
    }
}

static void print_returning(const struct sql_targets *targets, struct buf *out)
{
    if (targets->count > 0) print_text(out, " RETURNING");
    print_targets(targets, out);
}

static void print_with(const struct sql_with *with, struct buf *out)
{
    static const char *const materialized[] = {"", "MATERIALIZED ", "NOT MATERIALIZED "};
    if (with->count == 0) return;
    print_text(out, with->recursive ? "WITH RECURSIVE " : "WITH ");
    for (uint32_t i = 0; i < with->count; i++) {
        const struct sql_cte *cte = &with->ctes[i];
        print_comma(i, out);
        print_quoted(cte->name, out); /* may be called RECURSIVE */
        print_columns(&cte->columns, out);
        print_text(out, " AS ");
        print_text(out, materialized[cte->materialized]);
        print_text(out, "(");
        print_statement(cte->statement, out);
        print_text(out, ")");
    }
    print_text(out, " ");
}

static void print_group_by(const struct sql_select *select, struct buf *out)
{
    if (select->group_by.count == 0) return;
    print_text(out, select->group_distinct ? " GROUP BY DISTINCT " : " GROUP BY ");
    for (uint32_t i = 0; i < select->group_by.count; i++) {
        const struct sql_node *item = select->group_by.items[i];
        bool call = item->kind == SQL_EXPR_CALL; /* of a function that may be called CUBE */
        print_comma(i, out);
        if (call) print_text(out, "(");
        print_expr(item, out);
        if (call) print_text(out, ")");
    }
}

static void print_windows(const struct sql_select *select, struct buf *out)
{
    for (uint32_t i = 0; i < select->window_count; i++) {
        print_text(out, i == 0 ? " WINDOW " : ", ");
        sql_ast_print_identifier(select->windows[i].name, out);
        print_text(out, " AS ");
        print_window(&select->windows[i], out);
    }
}

static void print_plain(const struct sql_select *select, struct buf *out)
{
    print_text(out, select->distinct ? "SELECT DISTINCT" : "SELECT");
    if (select->distinct_on.count > 0) {
        print_text(out, " ON (");
        print_list(&select->distinct_on, out);
        print_text(out, ")");
    }
    print_targets(&select->targets, out);
    print_from_list(" FROM ", &select->from, out);
    if (select->as_of != NULL) print_text(out, " AS OF SYSTEM TIME ");
    if (select->as_of != NULL) print_operand(select->as_of, out);
    print_where(select->where, out);
    print_group_by(select, out);
    if (select->having != NULL) print_text(out, " HAVING ");
    if (select->having != NULL) print_expr(select->having, out);
    print_windows(select, out);
}

static void print_values(const struct sql_select *select, struct buf *out)
{
    print_text(out, "VALUES");
    for (uint32_t i = 0; i < select->row_count; i++) {
        print_text(out, i > 0 ? ", (" : " (");
        print_list(&select->rows[i], out);
        print_text(out, ")");
    }
}

/* Whether a query may stand beside a set operation without parentheses. */
static bool has_clauses(const struct sql_select *s)
{
    return s->with.count > 0 || s->order_by.count > 0 || s->limit != NULL || s->offset != NULL ||
           s->locking_count > 0;
}

static void print_set_operand(const struct sql_select *s, bool bare, struct buf *out)
{
    if (!bare) print_text(out, "(");
    print_query(s, out);
    if (!bare) print_text(out, ")");
}

static void print_set_operation(const struct sql_select *s, struct buf *out)
{
    static const char *const words[] = {"", "", "", " UNION ", " INTERSECT ", " EXCEPT "};
    bool intersect = s->op == SQL_SELECT_INTERSECT;
    bool left_set = s->left->op > SQL_SELECT_VALUES, right_set = s->right->op > SQL_SELECT_VALUES;
    bool left_same = !intersect || s->left->op == SQL_SELECT_INTERSECT;
    print_set_operand(s->left, !has_clauses(s->left) && (!left_set || left_same), out);
    print_text(out, words[s->op]);
    if (s->all) print_text(out, "ALL ");
    print_set_operand(s->right, !has_clauses(s->right) && !right_set, out);
}

static void print_limit(const struct sql_select *s, struct buf *out)
{
    if (s->offset != NULL) print_text(out, " OFFSET ");
    if (s->offset != NULL) print_operand(s->offset, out);
    if (s->limit == NULL) return;
    print_text(out, s->with_ties ? " FETCH FIRST (" : " LIMIT ");
    if (s->with_ties)
        print_expr(s->limit, out);
    else
        print_operand(s->limit, out);
    if (s->with_ties) print_text(out, ") ROWS WITH TIES");
}

static void print_locking(const struct sql_select *s, struct buf *out)
{
    static const char *const strengths[] = {"", " FOR KEY SHARE", " FOR SHARE",
                                            " FOR NO KEY UPDATE", " FOR UPDATE"};
    static const char *const waits[] = {"", " NOWAIT", " SKIP LOCKED"};
    for (uint32_t i = 0; i < s->locking_count; i++) {
        const struct sql_locking *l = &s->locking[i];
        print_text(out, strengths[l->strength]);
        if (l->tables.count > 0) print_text(out, " OF ");
        print_names(&l->tables, out);
        print_text(out, waits[l->wait]);
    }
}

void print_query(const struct sql_select *select, struct buf *out)
{
    print_with(&select->with, out);
    if (select->op == SQL_SELECT_PLAIN)
        print_plain(select, out);
    else if (select->op == SQL_SELECT_VALUES)
        print_values(select, out);
    else
        print_set_operation(select, out);
    print_sorts(&select->order_by, out);
    print_limit(select, out);
    print_locking(select, out);
}

/* --- INSERT, UPDATE, DELETE --- */

static void print_set_target(const struct sql_set_target *target, struct buf *out)
{
    sql_ast_print_identifier(target->column, out);
    print_steps(&target->steps, out);
}

static void print_set_targets(const struct sql_set_target *targets, uint32_t count, struct buf *out)
{
    print_text(out, "(");
    for (uint32_t i = 0; i < count; i++) {
        print_comma(i, out);
        print_set_target(&targets[i], out);
    }
    print_text(out, ")");
}

static void print_set(const struct sql_set_clauses *set, struct buf *out)
{
    print_text(out, " SET ");
    for (uint32_t i = 0; i < set->count; i++) {
        const struct sql_set_clause *clause = &set->items[i];
        print_comma(i, out);
        if (clause->multiple)
            print_set_targets(clause->targets, clause->target_count, out);
        else
            print_set_target(clause->targets, out);
        print_text(out, " = ");
        print_expr(clause->expr, out);
    }
}

static void print_index_element(const struct sql_index_element *e, struct buf *out)
{
    if (e->column != NULL) {
        sql_ast_print_identifier(e->column, out);
    } else {
        bool call = print_is_call(e->expr);
        if (!call) print_text(out, "(");
        print_expr(e->expr, out);
        if (!call) print_text(out, ")");
    }
    if (e->collation.name != NULL) {
        print_text(out, " COLLATE ");
        print_name(&e->collation, out);
    }
    if (e->operator_class.name != NULL) {
        print_text(out, " ");
        if (e->operator_class.schema == NULL)
            print_quoted(e->operator_class.name, out);
        else
            print_name(&e->operator_class, out);
        print_options(" ", &e->operator_class_options, out);
    }
    if (e->ascending) print_text(out, " ASC");
    if (e->descending) print_text(out, " DESC");
    if (e->nulls_first) print_text(out, " NULLS FIRST");
    if (e->nulls_last) print_text(out, " NULLS LAST");
}

void print_index_elements(const struct sql_index_elements *elements, struct buf *out)
{
    print_text(out, "(");
    for (uint32_t i = 0; i < elements->count; i++) {
        print_comma(i, out);
        print_index_element(&elements->items[i], out);
    }
    print_text(out, ")");
}

static void print_on_conflict(const struct sql_on_conflict *c, struct buf *out)
{
    if (c->action == SQL_CONFLICT_NONE) return;
    print_text(out, " ON CONFLICT ");
    if (c->elements.count > 0) {
        print_index_elements(&c->elements, out);
        print_where(c->elements_where, out);
        print_text(out, " ");
    } else if (c->constraint != NULL) {
        print_text(out, "ON CONSTRAINT ");
        sql_ast_print_identifier(c->constraint, out);
        print_text(out, " ");
    }
    print_text(out, c->action == SQL_CONFLICT_NOTHING ? "DO NOTHING" : "DO UPDATE");
    if (c->action == SQL_CONFLICT_NOTHING) return;
    print_set(&c->set, out);
    print_where(c->where, out);
}

void print_insert(const struct sql_insert *insert, struct buf *out)
{
    static const char *const overriding[] = {"", " OVERRIDING USER VALUE",
                                             " OVERRIDING SYSTEM VALUE"};
    print_with(&insert->with, out);
    print_text(out, "INSERT INTO ");
    print_name(&insert->table, out);
    if (insert->alias != NULL) print_text(out, " AS ");
    if (insert->alias != NULL) sql_ast_print_identifier(insert->alias, out);
    if (insert->column_count > 0) {
        print_text(out, " ");
        print_set_targets(insert->columns, insert->column_count, out);
    }
    print_text(out, overriding[insert->overriding]);
    print_text(out, insert->source == NULL ? " DEFAULT VALUES" : " ");
    if (insert->source != NULL) print_query(insert->source, out);
    print_on_conflict(&insert->on_conflict, out);
    print_returning(&insert->returning, out);
}

static void print_target_alias(const char *alias, struct buf *out)
{
    if (alias == NULL) return;
    print_text(out, " AS ");
    sql_ast_print_identifier(alias, out);
}

void print_update(const struct sql_update *update, struct buf *out)
{
    print_with(&update->with, out);
    print_text(out, "UPDATE ");
    print_relation(&update->table, update->only, out);
    print_target_alias(update->alias, out);
    print_set(&update->set, out);
    print_from_list(" FROM ", &update->from, out);
    print_where(update->where, out);
    print_returning(&update->returning, out);
}

void print_delete(const struct sql_delete *delete, struct buf *out)
{
    print_with(&delete->with, out);
    print_text(out, "DELETE FROM ");
    print_relation(&delete->table, delete->only, out);
    print_target_alias(delete->alias, out);
    print_from_list(" USING ", &delete->using_from, out);
    print_where(delete->where, out);
    print_returning(&delete->returning, out);
}
