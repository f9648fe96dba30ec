/* Queries over many sources at their limits: they end with an answer or a clear error, and the session goes on. */
#include <stdio.h>
#include <string.h>

#include "tests/sql/exec/database.h"
#include "tests/test.h"

static struct database *d;

/* Behind the message of an error: which memory it was. */
#define TOO_MUCH \
    "  detail: The memory of a statement is limited to N bytes; it held N, and N more are too many.\n" \
    "  hint: There is no setting for it: have the statement sort, group or gather less at a time.\n"

static void answers(const char *text, const char *expected)
{
    struct buf out;
    buf_init(&out, 64u << 20);
    database_run(d, "a", text, NULL, 0, &out);
    buf_append_byte(&out, 0);
    char *got = (char *)out.data;
    if (strlen(got) > 300) got[300] = 0;
    if (strcmp(got, expected) != 0) fail_msg("%.80s: expected\n%s\ngot\n%s", text, expected, got);
    buf_deinit(&out);
}

static void text_answers(struct buf *text, const char *expected)
{
    buf_append_byte(text, 0);
    assert_false(text->failed);
    answers((const char *)text->data, expected);
    buf_deinit(text);
}

static void begin(void)
{
    d = database_create(1);
    answers("CREATE TABLE t (a int PRIMARY KEY, b int)", "CREATE TABLE\n");
    answers("INSERT INTO t SELECT i, i FROM generate_series(1, 2000) AS i", "INSERT 0 2000\n");
}

static void end(void)
{
    answers("SELECT count(*) FROM t", "count int8\n| 2000 |\nSELECT 1\n");
    database_destroy(d);
}

static void repeat(struct buf *text, const char *piece, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) buf_append_string(text, piece);
}

/* (SELECT (SELECT ... 1)): so many of them. */
static void nested(struct buf *text, uint32_t count)
{
    buf_init(text, 1 << 20);
    repeat(text, "SELECT (", count);
    buf_append_string(text, "SELECT a FROM t WHERE a = 7");
    repeat(text, ")", count);
}

TEST(query_limits, queries_nest)
{
    struct buf text;
    begin();
    nested(&text, 63);
    text_answers(&text, "a int4\n| 7 |\nSELECT 1\n");
    nested(&text, 66);
    text_answers(&text, "ERROR 54001 at 521: queries are nested deeper than 64 levels\n");
    buf_init(&text, 1 << 20);
    repeat(&text, "SELECT a FROM (", 60);
    buf_append_string(&text, "SELECT a FROM t WHERE a = 7");
    for (uint32_t i = 0; i < 60; i++) buf_printf(&text, ") AS s%u WHERE a + %u > 0", i, i);
    text_answers(&text, "a int4\n| 7 |\nSELECT 1\n");
    end();
}

TEST(query_limits, correlated_queries_nest)
{
    struct buf text;
    begin();
    buf_init(&text, 1 << 20);
    buf_append_string(&text, "SELECT a FROM t AS t0 WHERE a < 3");
    for (uint32_t i = 1; i < 30; i++)
        buf_printf(&text, " AND EXISTS (SELECT 1 FROM t AS t%u WHERE t%u.a = t%u.a + 1 AND t0.a > 0", i, i, i - 1);
    repeat(&text, ")", 29);
    buf_append_string(&text, " ORDER BY a");
    text_answers(&text, "a int4\n| 1 |\n| 2 |\nSELECT 2\n");
    end();
}

TEST(query_limits, from_holds_64_items)
{
    struct buf text;
    begin();
    for (uint32_t count = 64; count <= 65; count++) {
        buf_init(&text, 1 << 20);
        buf_append_string(&text, "SELECT count(*) FROM t AS t1");
        for (uint32_t i = 2; i <= count; i++) buf_printf(&text, " JOIN t AS t%u ON t%u.a = t%u.a", i, i, i - 1);
        buf_append_string(&text, " WHERE t1.a = 3");
        text_answers(&text, count == 64 ? "count int8\n| 1 |\nSELECT 1\n"
                                        : "ERROR 54000: a query can have at most 64 tables, functions and subqueries "
                                          "in FROM\n");
    }
    end();
}

TEST(query_limits, unions_are_long)
{
    struct buf text;
    begin();
    buf_init(&text, 1 << 20);
    buf_append_string(&text, "SELECT count(*), sum(n) FROM (SELECT 1 AS n");
    repeat(&text, " UNION ALL SELECT 1", 300);
    buf_append_string(&text, ") AS s");
    text_answers(&text, "count int8, sum int8\n| 301 | 301 |\nSELECT 1\n");
    end();
}

TEST(query_limits, memory_ends_with_an_error)
{
    begin();
    answers("SELECT count(*) FROM t JOIN generate_series(1, 10000000) AS g ON t.b = g",
            "ERROR 53200: the rows of a join do not fit into the memory of a statement\n" TOO_MUCH);
    answers("SELECT g FROM generate_series(1, 10000000) AS g ORDER BY g DESC LIMIT 1", "ERROR 53200: out of memory\n" TOO_MUCH);
    answers("SELECT count(*) FROM (SELECT g FROM generate_series(1, 10000000) AS g UNION SELECT 1) AS s", "ERROR 53200: out of memory\n" TOO_MUCH);
    end();
}

TEST(query_limits, time_ends_what_asks_no_range)
{
    begin();
    answers("SET statement_timeout = 5", "SET\n");
    answers("SELECT count(*) FROM generate_series(1, 1000000000) AS g",
            "ERROR 57014: canceling statement due to statement timeout\n");
    answers("SELECT count(*) FROM t AS x, t AS y, t AS z WHERE x.b + y.b < z.b - 1000000",
            "ERROR 57014: canceling statement due to statement timeout\n");
    answers("RESET statement_timeout", "RESET\n");
    end();
}
