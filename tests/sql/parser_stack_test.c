/* How much stack the deepest statements take: a session parses on the stack of a fiber. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "sql/parser.h"
#include "tests/test.h"

#define STACK_BYTES (4u << 20)
#define PAINT       0xA5
/* Of optimised code; a fiber's stack must be larger than this by what calls the parser. */
#define STACK_PARSE_BYTES_MAX (208u << 10)

struct job {
    struct bytes text;
    char sqlstate[6]; /* "" when it parsed */
};

static void *parse_job(void *arg)
{
    struct job *job = arg;
    struct arena arena;
    struct sql_script script;
    struct sql_error error = {.message = NULL};
    arena_init(&arena, 64u << 20);
    if (!sql_parse(&arena, job->text, &script, &error))
        memcpy(job->sqlstate, error.sqlstate, sizeof job->sqlstate);
    arena_deinit(&arena);
    return NULL;
}

/* Runs the job on a painted stack and answers how far down it got. */
static size_t stack_of(struct job *job)
{
    uint8_t *stack = aligned_alloc(4096, STACK_BYTES);
    assert_non_null(stack);
    memset(stack, PAINT, STACK_BYTES);
    pthread_attr_t attributes;
    pthread_t thread;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, stack, STACK_BYTES), 0);
    assert_int_equal(pthread_create(&thread, &attributes, parse_job, job), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    size_t untouched = 0;
    while (untouched < STACK_BYTES && stack[untouched] == PAINT)
        untouched++;
    pthread_attr_destroy(&attributes);
    free(stack);
    return STACK_BYTES - untouched;
}

static void check(const char *prefix, const char *open, const char *middle, const char *close)
{
    for (int count = 100; count <= 600; count += 100) {
        struct buf text;
        buf_init(&text, 1u << 20);
        buf_append_string(&text, prefix);
        for (int i = 0; i < count; i++)
            buf_append_string(&text, open);
        buf_append_string(&text, middle);
        for (int i = 0; i < count; i++)
            buf_append_string(&text, close);
        struct job job = {.text = buf_view(&text)};
        size_t used = stack_of(&job);
        if (job.sqlstate[0] != 0 && strcmp(job.sqlstate, "54001") != 0)
            fail_msg("%s: %s", open, job.sqlstate);
        if (used > STACK_PARSE_BYTES_MAX) fail_msg("%s x %d takes %zu bytes", open, count, used);
        buf_deinit(&text);
    }
}

TEST(parser_stack, fits_the_stack_of_a_fiber)
{
#if defined(__SANITIZE_ADDRESS__) || !defined(__OPTIMIZE__)
    skip(); /* frames are larger */
#endif
    check("SELECT ", "(", "1", ")");
    check("SELECT ", "f(", "1", ")");
    check("SELECT ", "f(a ORDER BY ", "1", ")");
    check("SELECT ", "f(a) OVER (ORDER BY ", "1", ")");
    check("SELECT ", "f(a) FILTER (WHERE ", "1", ")");
    check("SELECT ", "NOT ", "a", "");
    check("SELECT ", "a OR b AND NOT c = d LIKE e || f + g * h ^ (", "1", ")");
    check("SELECT ", "a LIKE ANY (", "1", ")");
    check("SELECT ", "a BETWEEN (", "1", ") AND 1");
    check("SELECT ", "a IN (", "1", ")");
    check("SELECT ", "a IS DISTINCT FROM (", "1", ")");
    check("SELECT ", "x::t(", "1", ")");
    check("SELECT ", "CASE WHEN ", "a", " THEN 1 END");
    check("SELECT ", "trim(", "1", ")");
    check("SELECT ", "substring(a from ", "1", ")");
    check("SELECT ", "cast(", "1", " as int)");
    check("SELECT ", "(SELECT ", "1", ")");
    check("SELECT ", "EXISTS (SELECT ", "1", ")");
    check("SELECT * FROM ", "(SELECT * FROM ", "t", ") a");
    check("SELECT * FROM ", "(", "a JOIN b ON true", ")");
    check("SELECT * FROM ", "a JOIN ", "b", " ON true");
    check("SELECT * FROM t WHERE ", "a = (SELECT 1 FROM t WHERE ", "1", ")");
    check("", "WITH a AS (", "SELECT 1", ") SELECT 2");
    check("", "(", "SELECT 1", ")");
    check("SELECT 1 GROUP BY ", "GROUPING SETS (", "a", ")");
    check("ALTER TABLE t ADD a int DEFAULT ", "f(", "1", ")");
}
