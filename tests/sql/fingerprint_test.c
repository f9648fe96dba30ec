#include "sql/fingerprint.h"

#include <stdlib.h>

#include "tests/test.h"

static void expect(const char *text, const char *normalized)
{
    struct arena arena;
    struct buf out;
    arena_init(&arena, 1u << 20);
    buf_init(&out, FINGERPRINT_BYTES_MAX);
    fingerprint_normalize(&arena, bytes_of_string(text), &out);
    buf_append_byte(&out, 0);
    assert_string_equal((const char *)out.data, normalized);
    buf_deinit(&out);
    arena_deinit(&arena);
}

TEST(fingerprint, leaves_out_constants_comments_and_spaces)
{
    expect("select  1", "select ?");
    expect("SELECT a, b FROM t WHERE id = 17 -- note\n AND name = 'x'",
           "select a, b from t where id = ? and name = ?");
    expect("SELECT a FROM t WHERE id=$1", "select a from t where id = ?");
    expect("SELECT \"Mixed\".b::int, count(*) FROM \"Mixed\"",
           "select Mixed.b::int, count(*) from Mixed");
    expect("SELECT E'a\\n' || $$x$$, 1.5e3, -2, x'ff'", "select ? || ?, ..., - ?, ...");
}

TEST(fingerprint, writes_lists_and_repeated_groups_once)
{
    expect("SELECT * FROM t WHERE a IN (1, 2, 3)", "select * from t where a in (?, ...)");
    expect("SELECT * FROM t WHERE a IN (1, 2)", "select * from t where a in (?, ...)");
    expect("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')", "insert into t values (?, ...)");
    expect("INSERT INTO t VALUES (1, now()), (2, now())",
           "insert into t values (?, now()), (?, now())");
    expect("INSERT INTO t(a, b) VALUES (1, 2)", "insert into t(a, b) values (?, ...)");
}

TEST(fingerprint, ends_where_the_statement_does_or_is_no_sql)
{
    expect("", "");
    expect("SELECT 1; SELECT 2", "select ?");
    expect("SELECT 'unterminated", "select");
    expect("SELECT a \xff", "");
}

TEST(fingerprint, is_bounded)
{
    struct arena arena;
    struct buf out;
    size_t size = 200000;
    char *text = malloc(size);
    assert_non_null(text);
    arena_init(&arena, 16u << 20);
    buf_init(&out, FINGERPRINT_BYTES_MAX);
    for (size_t i = 0; i < size; i++)
        text[i] = i % 7 == 0 ? ' ' : 'x';
    fingerprint_normalize(&arena, bytes_make(text, size), &out);
    assert_true(out.size > FINGERPRINT_BYTES_MAX / 2);
    assert_true(out.size <= FINGERPRINT_BYTES_MAX);
    for (size_t i = 0; i < size; i++)
        text[i] = (char)(i % 2 == 0 ? '(' : '1');
    buf_reset(&out);
    fingerprint_normalize(&arena, bytes_make(text, size), &out);
    assert_true(out.size <= FINGERPRINT_BYTES_MAX);
    buf_deinit(&out);
    arena_deinit(&arena);
    free(text);
}

static void same(const char *a, const char *b)
{
    if (fingerprint_hash(bytes_of_string(a)) != fingerprint_hash(bytes_of_string(b)))
        fail_msg("%s <> %s", a, b);
}

static void differ(const char *a, const char *b)
{
    if (fingerprint_hash(bytes_of_string(a)) == fingerprint_hash(bytes_of_string(b)))
        fail_msg("%s == %s", a, b);
}

TEST(fingerprint, number_is_the_same_for_other_constants)
{
    same("SELECT 1", "select\t2 -- two");
    same("SELECT a FROM t WHERE b = 'it''s' AND c=1",
         "SELECT a FROM t WHERE b = $tag$x$tag$ /* /* */ */ AND c = 1.5e-3");
    same("SELECT E'\\'', 1", "SELECT x'ff', $1");
    same("SELECT * FROM t WHERE a IN (1, 2)", "SELECT * FROM t WHERE a IN (1, 2, 3, 4)");
    same("INSERT INTO t VALUES (1, 'a')", "INSERT INTO t VALUES (2, 'b'), (3, 'c'), (4, 'd')");
    same("INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2), (3)");
    same("SELECT 1;", "SELECT 1");
}

TEST(fingerprint, number_tells_statements_apart)
{
    differ("SELECT a FROM t", "SELECT b FROM t");
    differ("SELECT a1 FROM t", "SELECT a2 FROM t");
    differ("SELECT \"A\" FROM t", "SELECT \"a\" FROM t");
    differ("SELECT a b", "SELECT ab");
    differ("SELECT 1", "SELECT 1, 2");
    differ("SELECT 1, a", "SELECT 1, 2, 3, b");
    differ("INSERT INTO t VALUES (1, now())", "INSERT INTO t VALUES (1, 2)");
    differ("SELECT f(1), f(2)", "SELECT f(1)");
}
