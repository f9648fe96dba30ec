/* ALTER TABLE ... RENAME: tables, columns, constraints. Conditions that the catalog keeps as text
 * get the new name; that they mean the same as before is checked by binding them. */
#include <stdio.h>
#include <string.h>

#include "sql/ddl_int.h"
#include "sql/lexer.h"
#include "sql/parser.h"
#include "sql/write.h"

/* ---- names within kept expressions ---- */

/* Is the token a name of the kind that is renamed: a qualifier (in front of a dot), or a column? */
static bool is_name(const struct sql_token *before, const struct sql_token *token, const struct sql_token *behind,
                    bool qualifier)
{
    if (token->kind != SQL_TOKEN_IDENTIFIER && token->kind != SQL_TOKEN_KEYWORD) return false;
    if (qualifier) return behind->kind == '.' && before->kind != '.';
    return behind->kind != '.' && behind->kind != '(' && before->kind != SQL_TOKEN_TYPECAST &&
           !(before->kind == SQL_TOKEN_KEYWORD && before->keyword == SQL_KW_AS);
}

/* The text with one name instead of another; NULL: no memory, or it cannot be read. */
static const char *rename_in(struct arena *arena, const char *text, const char *from, const char *to, bool qualifier)
{
    struct sql_lexer l;
    struct sql_error ignored = {0};
    struct sql_token before = {.kind = SQL_TOKEN_END}, token, behind;
    if (!sql_lexer_init(&l, arena, bytes_of_string(text), &ignored)) return NULL;
    struct buf out;
    uint32_t done = 0;
    buf_init(&out, 1 << 17);
    sql_lexer_next(&l, &token);
    for (; token.kind != SQL_TOKEN_END && token.kind != SQL_TOKEN_FAILED; before = token, token = behind) {
        sql_lexer_next(&l, &behind);
        if (!is_name(&before, &token, &behind, qualifier) || strcmp(token.text, from) != 0) continue;
        buf_append(&out, text + done, token.offset - done);
        sql_ast_print_identifier(to, &out);
        done = token.offset + token.size;
    }
    buf_append_string(&out, text + done);
    bool failed = out.failed || token.kind == SQL_TOKEN_FAILED;
    struct bytes copy = failed ? BYTES_EMPTY : arena_copy(arena, buf_view(&out));
    buf_deinit(&out);
    return (const char *)copy.data;
}

/* Every check says of `renamed` what it said of `old`, in its words. */
static bool rename_in_checks(struct exec *x, const struct sql_table *old, struct sql_table *renamed, const char *from,
                             const char *to, bool qualifier)
{
    struct writer before, after;
    const char **texts = ARENA_ARRAY(x->arena, const char *, old->check_count + 1);
    if (texts == NULL) return sql_error_out_of_memory(x->error);
    if (!writer_open(x, &before, old)) return false;
    for (uint32_t i = 0; i < old->check_count; i++) {
        texts[i] = rename_in(x->arena, old->checks[i], from, to, qualifier);
        if (texts[i] == NULL) return sql_error_out_of_memory(x->error);
    }
    renamed->checks = texts;
    bool same = writer_open(x, &after, renamed);
    for (uint32_t i = 0; same && i < old->check_count; i++) same = expr_equal(before.checks[i], after.checks[i]);
    if (same) return true;
    sql_error_clear(x->error);
    return exec_unsupported(x, 0, "renaming what a check constraint names in this way");
}

/* ---- what is renamed ---- */

static bool rename_table(struct exec *x, const struct sql_rename *n, struct sql_table *t)
{
    struct sql_table old = *t;
    struct sql_table renamed = *t;
    renamed.name = n->new_name;
    if (!rename_in_checks(x, &old, &renamed, t->name, n->new_name, true)) return false;
    renamed.name = t->name; /* until its record has moved */
    enum status status = catalog_rename(x->txn, x->arena, &renamed, n->new_name);
    if (status == STATUS_EXISTS)
        return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_TABLE, 0, "relation \"%s\" already exists",
                             n->new_name);
    return status == STATUS_OK || exec_fail(x, status);
}

static uint32_t place_of(const struct sql_table *t, const char *name)
{
    uint32_t place = 0;
    while (place < t->column_count && strcmp(t->columns[place].name, name) != 0) place++;
    return place;
}

static bool rename_column(struct exec *x, const struct sql_rename *n, struct sql_table *t)
{
    uint32_t place = place_of(t, n->part);
    if (place == t->column_count)
        return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_COLUMN, 0,
                             "column \"%s\" does not exist", n->part);
    if (place_of(t, n->new_name) < t->column_count)
        return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_COLUMN, 0,
                             "column \"%s\" of relation \"%s\" already exists", n->new_name, t->name);
    struct sql_table old = *t;
    old.columns = ARENA_ARRAY(x->arena, struct sql_table_column, t->column_count + 1);
    if (old.columns == NULL) return sql_error_out_of_memory(x->error);
    memcpy(old.columns, t->columns, t->column_count * sizeof *old.columns);
    t->columns[place].name = n->new_name;
    if (!rename_in_checks(x, &old, t, n->part, n->new_name, false)) return false;
    enum status status = catalog_update(x->txn, t);
    return status == STATUS_OK || exec_fail(x, status);
}

static bool rename_constraint(struct exec *x, const struct sql_rename *n, struct sql_table *t)
{
    const char **names = ARENA_ARRAY(x->arena, const char *, t->check_count + 1);
    if (names == NULL) return sql_error_out_of_memory(x->error);
    bool found = t->key_name != NULL && strcmp(t->key_name, n->part) == 0;
    bool taken = t->key_name != NULL && strcmp(t->key_name, n->new_name) == 0;
    if (found) t->key_name = n->new_name;
    for (uint32_t i = 0; i < t->check_count; i++) {
        names[i] = t->check_names[i];
        if (strcmp(names[i], n->new_name) == 0) taken = true;
        if (strcmp(names[i], n->part) != 0) continue;
        names[i] = n->new_name;
        found = true;
    }
    if (!found)
        return sql_error_set(x->error, x->arena, SQLSTATE_UNDEFINED_OBJECT, 0,
                             "constraint \"%s\" for table \"%s\" does not exist", n->part, t->name);
    if (taken)
        return sql_error_set(x->error, x->arena, SQLSTATE_DUPLICATE_OBJECT, 0,
                             "constraint \"%s\" for relation \"%s\" already exists", n->new_name, t->name);
    const char **checks = ARENA_ARRAY(x->arena, const char *, t->check_count + 1);
    if (checks == NULL) return sql_error_out_of_memory(x->error);
    for (uint32_t i = 0; i < t->check_count; i++) checks[i] = t->checks[i];
    struct building b = {.x = x, .table = t, .checks = checks, .check_names = names};
    ddl_sort_checks(&b);
    t->checks = checks;
    t->check_names = names;
    enum status status = catalog_update(x->txn, t);
    return status == STATUS_OK || exec_fail(x, status);
}

bool exec_rename(struct exec *x, const struct sql_rename *n)
{
    struct sql_table *t;
    bool is_part = n->object == SQL_OBJECT_COLUMN || n->object == SQL_OBJECT_CONSTRAINT;
    if ((is_part ? n->within : n->object) != SQL_OBJECT_TABLE)
        return exec_unsupported(x, n->node.position, "renaming anything but tables, columns and constraints");
    snprintf(x->tag, sizeof x->tag, "ALTER TABLE");
    if (!ddl_find_table(x, &n->name, n->if_exists, &t)) return false;
    if (t == NULL) return true;
    if (n->object == SQL_OBJECT_COLUMN) return rename_column(x, n, t);
    return n->object == SQL_OBJECT_CONSTRAINT ? rename_constraint(x, n, t) : rename_table(x, n, t);
}
