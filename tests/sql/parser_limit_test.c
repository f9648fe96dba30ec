/* Bounds, memory, ranges of statements, positions in the tree, and errors as objects. */
#include "sql/parser.h"

#include <stdio.h>
#include <stdlib.h>

#include "sql/lexer.h"
#include "tests/test.h"

#define BYTES_MAX (256u << 20)

struct fixture {
    struct arena arena;
    struct sql_script script;
    struct sql_error error;
};

static bool parse_bytes(struct fixture *f, struct bytes text)
{
    *f = (struct fixture){.error = {.message = NULL}};
    arena_init(&f->arena, BYTES_MAX);
    return sql_parse(&f->arena, text, &f->script, &f->error);
}

static void parse(struct fixture *f, const char *text)
{
    if (!parse_bytes(f, bytes_of_string(text))) fail_msg("%s: %s", text, f->error.message);
}

static void stop(struct fixture *f)
{
    arena_deinit(&f->arena);
}

static const struct sql_node *only(const struct fixture *f)
{
    assert_int_equal(f->script.count, 1);
    return f->script.statements[0].node;
}

/* prefix, `open` count times, middle, `close` count times. */
static void repeat(struct buf *b, const char *prefix, const char *open, const char *middle,
                   const char *close, int count)
{
    buf_init(b, 32u << 20);
    buf_append_string(b, prefix);
    for (int i = 0; i < count; i++)
        buf_append_string(b, open);
    buf_append_string(b, middle);
    for (int i = 0; i < count; i++)
        buf_append_string(b, close);
    assert_int_equal(buf_status(b), STATUS_OK);
}

/* --- Nesting --- */

static void check_nesting(const char *prefix, const char *open, const char *middle,
                          const char *close, int accepted, int refused)
{
    struct fixture f;
    struct buf text;
    repeat(&text, prefix, open, middle, close, accepted);
    if (!parse_bytes(&f, buf_view(&text))) fail_msg("%s x %d: %s", open, accepted, f.error.message);
    stop(&f);
    buf_deinit(&text);
    repeat(&text, prefix, open, middle, close, refused);
    assert_false(parse_bytes(&f, buf_view(&text)));
    assert_string_equal(f.error.sqlstate, "54001");
    assert_string_equal(f.error.message, "statement is nested too deeply");
    stop(&f);
    buf_deinit(&text);
}

TEST(parser_limit, nesting_ends_at_its_bound)
{
    check_nesting("SELECT ", "(", "1", ")", 490, 520);
    check_nesting("SELECT ", "f(", "1", ")", 490, 520);
    check_nesting("SELECT ", "NOT ", "true", "", 490, 520);
    check_nesting("SELECT ", "- ", "a", "", 490, 520);
    check_nesting("SELECT ", "@ ", "a", "", 490, 520);
    check_nesting("SELECT ", "CASE WHEN ", "a", " THEN 1 END", 490, 520);
    check_nesting("SELECT ", "a[", "1", "]", 490, 520);
    check_nesting("SELECT ARRAY", "[", "", "]", 490, 520);
    check_nesting("SELECT ", "1 + (", "1", ")", 240, 520);
    check_nesting("SELECT ", "ROW(", "1", ")", 490, 520);
    check_nesting("SELECT ", "CAST(", "1", " AS int)", 490, 520);
    check_nesting("SELECT 1::", "t(", "1", ")", 1, 1000000);
    check_nesting("", "(", "SELECT 1", ")", 490, 520);
    check_nesting("SELECT ", "(SELECT ", "1", ")", 240, 520);
    check_nesting("SELECT ", "a IN (", "1", ")", 240, 520);
    check_nesting("SELECT ", "EXISTS (SELECT ", "1", ")", 160, 520);
    check_nesting("SELECT * FROM ", "(SELECT * FROM ", "t", ") a", 240, 520);
    check_nesting("SELECT * FROM ", "(", "a JOIN b ON true", ")", 490, 520);
    check_nesting("SELECT * FROM ", "a JOIN ", "b", " ON true", 400, 520);
    check_nesting("", "WITH a AS (", "SELECT 1", ") SELECT 2", 490, 520);
    check_nesting("SELECT 1 GROUP BY ", "GROUPING SETS (", "a", ")", 490, 520);
    check_nesting("SELECT ", "f(", "*", ") OVER (ORDER BY 1)", 490, 520);
}

/* Operators of one level make a tree that is as high as the chain is long. */
TEST(parser_limit, chains_end_at_the_same_bound)
{
    check_nesting("SELECT a", " + 1", "", "", 499, 501);
    check_nesting("SELECT a", " || b", "", "", 499, 501);
    check_nesting("SELECT a", "::int", "", "", 499, 501);
    check_nesting("SELECT a", " IS NULL", "", "", 499, 501);
    check_nesting("SELECT a", " COLLATE c", "", "", 499, 501);
    check_nesting("SELECT a", " AT TIME ZONE b", "", "", 499, 501);
    check_nesting("SELECT 1", " UNION SELECT 1", "", "", 499, 501);
    check_nesting("SELECT * FROM a", " CROSS JOIN b", "", "", 499, 501);
    check_nesting("SELECT * FROM a", " JOIN b USING (c)", "", "", 499, 501);
}

/* Chains count through parentheses: the height of the tree is what is bounded. */
TEST(parser_limit, chains_inside_chains_count_together)
{
    struct fixture f;
    struct buf text;
    repeat(&text, "SELECT (a", " + 1", ")", " + 1", 300);
    assert_false(parse_bytes(&f, buf_view(&text)));
    assert_string_equal(f.error.sqlstate, "54001");
    stop(&f);
    buf_deinit(&text);
    repeat(&text, "SELECT a", " + 1", ", a", " + 1", 400); /* side by side they do not */
    assert_true(parse_bytes(&f, buf_view(&text)));
    stop(&f);
    buf_deinit(&text);
}

TEST(parser_limit, lists_have_no_bound_but_memory)
{
    struct fixture f;
    struct buf text;
    repeat(&text, "SELECT a = 0", " OR a = 1", "", " AND b", 20000);
    assert_true(parse_bytes(&f, buf_view(&text)));
    const struct sql_node *expr = sql_as_select(only(&f))->targets.items[0].expr;
    assert_int_equal(expr->kind, SQL_EXPR_OR);
    assert_int_equal(sql_as_expr_list(expr)->list.count, 20001);
    stop(&f);
    buf_deinit(&text);
    repeat(&text, "INSERT INTO t VALUES (0)", ",(1,'x',NULL)", "", "", 50000);
    assert_true(parse_bytes(&f, buf_view(&text)));
    assert_int_equal(sql_as_insert(only(&f))->source->row_count, 50001);
    stop(&f);
    buf_deinit(&text);
    repeat(&text, "SELECT 1", ",1", "", "", 100000);
    assert_true(parse_bytes(&f, buf_view(&text)));
    stop(&f);
    buf_deinit(&text);
}

TEST(parser_limit, a_statement_after_a_deep_one_is_not_deep)
{
    struct fixture f;
    struct buf text;
    repeat(&text, "SELECT a", " + 1", "; SELECT a", " + 1", 450);
    assert_true(parse_bytes(&f, buf_view(&text)));
    assert_int_equal(f.script.count, 2);
    stop(&f);
    buf_deinit(&text);
}

/* --- Memory --- */

static const char *const everything[] = {
    "SELECT a, b AS c, count(DISTINCT d) FILTER (WHERE e) OVER (w PARTITION BY f ORDER BY g) FROM "
    "s.t AS u (x, y) JOIN (VALUES (1, 'a')) v (p) USING (q), LATERAL f(z => 1) WHERE a IN (1, 2) "
    "AND "
    "b BETWEEN 1 AND 2 OR c LIKE 'x' ESCAPE 'y' GROUP BY 1 HAVING true ORDER BY 2 LIMIT 3 FOR "
    "UPDATE",
    "INSERT INTO t (a, b[1]) VALUES (1, -2.5), ($1, E'\\n') ON CONFLICT (a) DO UPDATE SET (a, b) = "
    "(SELECT 1, 2) RETURNING *; UPDATE t SET a = CASE WHEN b THEN 1 END; DELETE FROM t USING u",
    "CREATE TABLE t (a numeric(10, 2) NOT NULL DEFAULT 1 + 2, b text[] COLLATE \"C\" REFERENCES u "
    "(c), "
    "PRIMARY KEY (a), CHECK (a > 0)) WITH (fillfactor = 70); ALTER TABLE t ADD c int, DROP d",
    "COPY t (a, b) FROM STDIN WITH CSV HEADER FORCE NOT NULL a; SET a.b TO 1, 'x'; GRANT SELECT ON "
    "t TO u; CREATE ROLE r PASSWORD 'x' IN ROLE s; CREATE SEQUENCE s OWNED BY t.a START 5",
    "WITH RECURSIVE a AS (SELECT interval '1' day, ARRAY[[1]], ROW(1), EXTRACT(year FROM b)) "
    "SELECT "
    "(TABLE a), a[1].b, EXISTS (SELECT 1), x AT TIME ZONE 'UTC' UNION SELECT TRIM(a), 1::int; "
    "CREATE "
    "TRIGGER x; PREPARE p (int) AS SELECT $1; DECLARE c CURSOR FOR SELECT 1; EXPLAIN (COSTS off) "
    "SELECT 1",
};

/* Every size of arena either parses the text or says 53200, and never harms anything. */
TEST(parser_limit, survives_running_out_of_memory_anywhere)
{
    for (size_t i = 0; i < sizeof everything / sizeof everything[0]; i++) {
        bool parsed = false;
        for (size_t size = 0; !parsed; size += 96) {
            struct arena arena;
            struct sql_script script;
            struct sql_error error = {.message = NULL};
            arena_init(&arena, size);
            parsed = sql_parse(&arena, bytes_of_string(everything[i]), &script, &error);
            if (!parsed) assert_string_equal(error.sqlstate, "53200");
            arena_deinit(&arena);
            assert_true(size < 1u << 20);
        }
    }
}

/* A statement cut anywhere is an error or a shorter statement. */
TEST(parser_limit, survives_texts_cut_anywhere)
{
    struct fixture f;
    for (size_t i = 0; i < sizeof everything / sizeof everything[0]; i++) {
        for (size_t size = 0; size <= strlen(everything[i]); size++) {
            bool parsed = parse_bytes(&f, bytes_make(everything[i], size));
            assert_int_equal(parsed, !sql_error_is_set(&f.error));
            if (!parsed) assert_true(f.error.position <= size + 1);
            stop(&f);
        }
    }
}

/* --- Statements of a text --- */

TEST(parser_limit, statements_have_their_ranges)
{
    const char *text = " SELECT 1 ;; /* x */ SELECT 'ä', $3, $2 /* y */ ; SELECT $1 -- z\n";
    struct fixture f;
    parse(&f, text);
    assert_int_equal(f.script.count, 3);
    const char *const expected[] = {"SELECT 1", "SELECT 'ä', $3, $2", "SELECT $1"};
    const uint32_t params[] = {0, 3, 1};
    for (uint32_t i = 0; i < 3; i++) {
        const struct sql_statement *s = &f.script.statements[i];
        assert_int_equal(s->size, strlen(expected[i]));
        assert_memory_equal(text + s->offset, expected[i], s->size);
        assert_int_equal(s->param_max, params[i]);
    }
    stop(&f);
}

TEST(parser_limit, a_text_without_statements_has_none)
{
    const char *const texts[] = {"", " ", ";", ";;-- x", "/* a */"};
    struct fixture f;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        parse(&f, texts[i]);
        assert_int_equal(f.script.count, 0);
        stop(&f);
    }
}

TEST(parser_limit, one_malformed_statement_refuses_the_text)
{
    struct fixture f;
    assert_false(parse_bytes(&f, bytes_of_string("SELECT 1; SELEC 2; SELECT 3")));
    assert_int_equal(f.error.position, 11);
    assert_int_equal(f.script.count, 0);
    stop(&f);
}

TEST(parser_limit, prepare_keeps_the_range_of_its_statement)
{
    const char *text = "SELECT 1; PREPARE p AS SELECT $1 + 1 ;";
    struct fixture f;
    parse(&f, text);
    const struct sql_prepare *prepare = sql_as_prepare(f.script.statements[1].node);
    assert_int_equal(prepare->size, strlen("SELECT $1 + 1"));
    assert_memory_equal(text + prepare->offset, "SELECT $1 + 1", prepare->size);
    stop(&f);
}

/* --- Positions --- */

TEST(parser_limit, nodes_know_where_they_stand)
{
    struct fixture f;
    parse(&f, "SELECT a + 1 AS x, f(b) FROM s.t WHERE c IS NULL ORDER BY d");
    const struct sql_select *s = sql_as_select(only(&f));
    assert_int_equal(s->node.position, 1);
    assert_int_equal(s->targets.items[0].position, 8);
    const struct sql_operator_expr *plus = sql_as_operator_expr(s->targets.items[0].expr);
    assert_int_equal(plus->node.position, 10); /* the operator, as PostgreSQL reports it */
    assert_int_equal(plus->left->position, 8);
    assert_int_equal(plus->right->position, 12);
    assert_int_equal(s->targets.items[1].expr->position, 20);
    assert_int_equal(s->from.items[0]->position, 30);
    assert_int_equal(sql_as_from_table(s->from.items[0])->name.position, 30);
    assert_int_equal(s->where->position, 42);
    assert_int_equal(s->order_by.items[0].expr->position, 59);
    stop(&f);
}

/* --- Expressions and types on their own --- */

TEST(parser_limit, parses_an_expression_alone)
{
    struct arena arena;
    struct sql_error error = {.message = NULL};
    const struct sql_node *expr = NULL;
    arena_init(&arena, BYTES_MAX);
    assert_true(sql_parse_expression(&arena, BYTES_LITERAL("a + 1 > 2"), &expr, &error));
    assert_int_equal(expr->kind, SQL_EXPR_OPERATOR);
    expr = NULL;
    assert_false(sql_parse_expression(&arena, BYTES_LITERAL("a, b"), &expr, &error));
    assert_string_equal(error.message, "syntax error at or near \",\"");
    assert_null(expr);
    sql_error_clear(&error);
    assert_false(sql_parse_expression(&arena, BYTES_LITERAL(""), &expr, &error));
    assert_string_equal(error.message, "syntax error at end of input");
    arena_deinit(&arena);
}

TEST(parser_limit, parses_a_type_alone)
{
    struct arena arena;
    struct sql_error error = {.message = NULL};
    struct sql_type_name type;
    arena_init(&arena, BYTES_MAX);
    assert_true(sql_parse_type(&arena, BYTES_LITERAL(" character varying(5)[] "), &type, &error));
    assert_string_equal(type.name.schema, "pg_catalog");
    assert_string_equal(type.name.name, "varchar");
    assert_int_equal(type.modifiers.count, 1);
    assert_int_equal(type.array_bound_count, 1);
    assert_true(sql_parse_type(&arena, BYTES_LITERAL("s.\"T\""), &type, &error));
    assert_string_equal(type.name.schema, "s");
    assert_string_equal(type.name.name, "T");
    assert_false(sql_parse_type(&arena, BYTES_LITERAL("int x"), &type, &error));
    assert_string_equal(error.sqlstate, "42601");
    arena_deinit(&arena);
}

TEST(parser_limit, identifiers_print_as_quote_ident_would)
{
    static const char *const pairs[][2] = {{"abc", "abc"},           {"Abc", "\"Abc\""},
                                           {"a b", "\"a b\""},       {"select", "\"select\""},
                                           {"name", "name"},         {"left", "\"left\""},
                                           {"values", "\"values\""}, {"1a", "\"1a\""},
                                           {"a\"b", "\"a\"\"b\""},   {"ä", "\"ä\""}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        struct buf out;
        buf_init(&out, 1024);
        sql_ast_print_identifier(pairs[i][0], &out);
        assert_int_equal(out.size, strlen(pairs[i][1]));
        assert_memory_equal(out.data, pairs[i][1], out.size);
        buf_deinit(&out);
    }
}
