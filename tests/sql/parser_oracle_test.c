/* Compares the parser with PostgreSQL 15's own grammar, on the texts of the scripts: what is
 * accepted, the message and position of what is refused, and whether a printed query means what the
 * query meant. PostgreSQL's grammar comes from Debian's libpg-query1504.0; where that is not
 * installed the tests are skipped. A script's comment "beyond the grammar" marks a case where
 * PostgreSQL refuses only later. */
#include <dlfcn.h>
#include <stdlib.h>

#include "tests/sql/parser_script.h"
#include "tests/test.h"

/* As pg_query.h has them. */
struct pg_error {
    char *message, *function, *file;
    int line, position;
    char *context;
};
struct pg_parse_result {
    char *tree, *stderr_text;
    struct pg_error *error;
};

struct oracle {
    void *library;
    struct pg_parse_result (*parse)(const char *text);
    void (*free_parse)(struct pg_parse_result result);
};

static bool oracle_open(struct oracle *o)
{
    o->library = dlopen("libpg_query.so.1504.0", RTLD_NOW | RTLD_LOCAL);
    if (o->library == NULL) return false;
    *(void **)&o->parse = dlsym(o->library, "pg_query_parse");
    *(void **)&o->free_parse = dlsym(o->library, "pg_query_free_parse_result");
    return o->parse != NULL && o->free_parse != NULL;
}

/* What PostgreSQL's grammar does not decide alone: features that are missing, and limits. */
static bool is_ours_alone(const struct sql_error *error)
{
    return sql_error_is(error, SQLSTATE_FEATURE_NOT_SUPPORTED) ||
           sql_error_is(error, SQLSTATE_UNDEFINED_PARAMETER) ||
           sql_error_is(error, SQLSTATE_CHARACTER_NOT_IN_REPERTOIRE);
}

static void compare_error(const struct oracle *o, const char *text, const struct sql_error *error)
{
    if (is_ours_alone(error)) return;
    struct pg_parse_result result = o->parse(text);
    if (result.error == NULL) fail_msg("refused: %s\n%s", error->message, text);
    if (strcmp(result.error->message, error->message) != 0)
        fail_msg("says %s, not %s\n%s", error->message, result.error->message, text);
    if (result.error->position != (int)error->position)
        fail_msg("at %u, not %d\n%s", error->position, result.error->position, text);
    o->free_parse(result);
}

/* Where the value of a JSON member ends, if the member is one that says nothing of the meaning:
 * where things stand, and how they were spelled. NULL if it is not. */
static const char *skip_member(const char *at)
{
    static const char *const keys[] = {"\"location\":", "\"stmt_location\":", "\"stmt_len\":",
                                       "\"funcformat\":", "\"frameOptions\":"};
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        size_t size = strlen(keys[i]);
        if (strncmp(at, keys[i], size) == 0) return at + size + strcspn(at + size, ",}");
    }
    return NULL;
}

/* PostgreSQL's tree of a text as JSON, without those members. Given: free it. */
static char *tree_of(const struct oracle *o, const char *text)
{
    struct pg_parse_result result = o->parse(text);
    if (result.error != NULL) fail_msg("%s\n%s", result.error->message, text);
    char *out = calloc(1, strlen(result.tree) + 16), *to = out;
    assert_non_null(out);
    for (const char *at = result.tree; *at != 0;) {
        const char *behind = skip_member(at);
        if (behind == NULL) {
            *to++ = *at++;
            continue;
        }
        at = behind;
        if (*at == ',')
            at++;
        else if (to > out && to[-1] == ',')
            to--;
    }
    o->free_parse(result);
    for (char *asc = out; (asc = strstr(asc, "SORTBY_ASC")) != NULL;)
        memcpy(asc, "SORTBY_DEF", 10); /* the same order */
    for (char *def = out; (def = strstr(def, "SORTBY_DEFAULT")) != NULL;)
        memmove(def + 10, def + 14, strlen(def + 14) + 1);
    return out;
}

/* Options are written in another form; of queries and changes of rows the meaning is compared. */
static bool is_query(const struct sql_node *node)
{
    return node->kind >= SQL_STMT_SELECT && node->kind <= SQL_STMT_DELETE;
}

static void compare_statement(const struct oracle *o, const char *text,
                              const struct sql_statement *statement)
{
    if (!is_query(statement->node)) return;
    struct buf printed;
    buf_init(&printed, 1u << 20);
    sql_ast_print(statement->node, &printed);
    buf_append_byte(&printed, 0);
    assert_int_equal(buf_status(&printed), STATUS_OK);
    char *original = strndup(text + statement->offset, statement->size);
    assert_non_null(original);
    char *expected = tree_of(o, original), *got = tree_of(o, (const char *)printed.data);
    if (strcmp(expected, got) != 0)
        fail_msg("%s\nprints as\n%s\n%s\n%s", original, (const char *)printed.data, expected, got);
    free(expected);
    free(got);
    free(original);
    buf_deinit(&printed);
}

static void compare_accepted(const struct oracle *o, const char *text,
                             const struct sql_script *script)
{
    struct pg_parse_result result = o->parse(text);
    if (result.error != NULL) fail_msg("accepted, and not: %s\n%s", result.error->message, text);
    o->free_parse(result);
    for (uint32_t i = 0; i < script->count; i++)
        compare_statement(o, text, &script->statements[i]);
}

static void compare_case(const struct oracle *o, const struct parser_script_case *c)
{
    if (strstr(c->comment, "beyond the grammar") != NULL) return;
    struct arena arena;
    struct sql_script script = {.count = 0};
    struct sql_error error = {.message = NULL};
    arena_init(&arena, 16u << 20);
    if (sql_parse(&arena, bytes_of_string(c->input), &script, &error))
        compare_accepted(o, c->input, &script);
    else
        compare_error(o, c->input, &error);
    arena_deinit(&arena);
}

static void compare_script(const char *name)
{
    struct oracle o;
#ifdef __SANITIZE_ADDRESS__
    skip(); /* the library leaks */
#endif
    if (!oracle_open(&o)) skip();
    struct parser_script s;
    parser_script_load(&s, name);
    for (size_t i = 0; i < s.count; i++)
        compare_case(&o, &s.cases[i]);
    parser_script_free(&s);
}

TEST(parser_oracle, agrees_on_expressions)
{
    compare_script("expressions");
}
TEST(parser_oracle, agrees_on_queries)
{
    compare_script("select");
}
TEST(parser_oracle, agrees_on_changes_of_rows)
{
    compare_script("dml");
}
TEST(parser_oracle, agrees_on_tables)
{
    compare_script("table");
}
TEST(parser_oracle, agrees_on_other_objects)
{
    compare_script("object");
}
TEST(parser_oracle, agrees_on_copy)
{
    compare_script("copy");
}
TEST(parser_oracle, agrees_on_transactions_and_settings)
{
    compare_script("session");
}
TEST(parser_oracle, agrees_on_utility_statements)
{
    compare_script("utility");
}
TEST(parser_oracle, agrees_on_what_clients_send)
{
    compare_script("client");
}
TEST(parser_oracle, agrees_on_unsupported_statements)
{
    compare_script("unsupported");
}
TEST(parser_oracle, agrees_on_errors)
{
    compare_script("error");
}
