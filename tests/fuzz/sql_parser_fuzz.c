/* Fuzzes the SQL lexer and parser. The input is a statement text as a client would send it. What
 * must hold: parsing ends, takes no more memory than its arena may, and either gives statements or
 * an error whose position lies in the text; the ranges of the statements are in order and apart;
 * and a tree prints as text that parses to the same tree again, by its print. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "sql/parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ARENA_BYTES_MAX (32u << 20)
#define PRINT_BYTES_MAX (4u << 20)

static void check_error(const struct sql_error *error, struct bytes text)
{
    ASSERT(sql_error_is_set(error));
    ASSERT(error->position <= text.size + 1);
    ASSERT(utf8_valid(bytes_of_string(error->message)));
    if (utf8_valid(text)) ASSERT(error->position <= utf8_length(text) + 1);
}

static void check_script(const struct sql_script *script, struct bytes text)
{
    size_t end = 0;
    for (uint32_t i = 0; i < script->count; i++) {
        const struct sql_statement *s = &script->statements[i];
        ASSERT(s->node->kind >= SQL_STMT_SELECT);
        ASSERT(s->offset >= end);
        ASSERT(s->size > 0);
        end = s->offset + s->size;
        ASSERT(end <= text.size);
    }
}

/* Every statement, with what is only recognised left out: it has no tree to print. */
static void print_script(const struct sql_script *script, struct buf *out)
{
    for (uint32_t i = 0; i < script->count; i++) {
        const struct sql_node *node = script->statements[i].node;
        if (node->kind == SQL_STMT_UNSUPPORTED) continue;
        if (node->kind == SQL_STMT_EXPLAIN &&
            sql_as_explain(node)->statement->kind == SQL_STMT_UNSUPPORTED)
            continue;
        sql_ast_print(node, out);
        buf_append_string(out, ";");
    }
}

/* More parentheses may take the print over the bound on nesting, and it may be longer than a
 * statement. */
static bool may_fail_again(const struct sql_error *error)
{
    return sql_error_is(error, SQLSTATE_STATEMENT_TOO_COMPLEX) ||
           sql_error_is(error, SQLSTATE_PROGRAM_LIMIT_EXCEEDED) ||
           sql_error_is(error, SQLSTATE_OUT_OF_MEMORY);
}

static void check_print(const struct sql_script *script)
{
    struct arena arena;
    struct buf first, second;
    struct sql_script again = {.count = 0};
    struct sql_error error = {.message = NULL};
    arena_init(&arena, ARENA_BYTES_MAX);
    buf_init(&first, PRINT_BYTES_MAX);
    buf_init(&second, PRINT_BYTES_MAX);
    print_script(script, &first);
    if (buf_status(&first) == STATUS_OK) {
        if (sql_parse(&arena, buf_view(&first), &again, &error)) {
            print_script(&again, &second);
            ASSERT(bytes_equal(buf_view(&first), buf_view(&second)));
        } else {
            ASSERT(may_fail_again(&error));
        }
    }
    buf_deinit(&first);
    buf_deinit(&second);
    arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bytes text = bytes_make(data, size);
    struct arena arena;
    struct sql_script script = {.count = 0};
    struct sql_error error = {.message = NULL};
    arena_init(&arena, ARENA_BYTES_MAX);
    if (sql_parse(&arena, text, &script, &error)) {
        check_script(&script, text);
        check_print(&script);
    } else {
        check_error(&error, text);
    }
    arena_reset(&arena);
    const struct sql_node *expr;
    sql_error_clear(&error);
    if (!sql_parse_expression(&arena, text, &expr, &error)) check_error(&error, text);
    struct sql_type_name type;
    sql_error_clear(&error);
    if (!sql_parse_type(&arena, text, &type, &error)) check_error(&error, text);
    arena_deinit(&arena);
    return 0;
}
