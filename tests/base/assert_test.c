#include "tests/test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "tests/base/dies.h"

static void fail_assertion(void *ctx)
{
    int two = 2;
    (void)ctx;
    fprintf(stderr, "%d ", __LINE__ + 1);
    ASSERT(two == 3);
}

static void fail_slow_assertion(void *ctx)
{
    ASSERT_SLOW(ctx != NULL);
}

static void reach_unreachable(void *ctx)
{
    (void)ctx;
    UNREACHABLE();
}

static void fail_at_length(void *ctx)
{
    assert_failed(ctx, "file.c", 1, "f");
}

TEST(assert, a_false_condition_aborts_and_says_where)
{
    char text[512], expected[512];
    assert_int_equal(dies_of(fail_assertion, NULL, text, sizeof text), SIGABRT);
    int line = atoi(text);
    snprintf(expected, sizeof expected, "%d %s:%d: fail_assertion: assertion `two == 3` failed\n",
             line, __FILE__, line);
    assert_string_equal(text, expected);
}

TEST(assert, slow_assertions_are_on_in_this_flavour)
{
    assert_int_equal(dies_of(fail_slow_assertion, NULL, NULL, 0), SIGABRT);
    assert_int_equal(dies_of(fail_slow_assertion, "", NULL, 0), 0);
}

TEST(assert, unreachable_aborts)
{
    assert_int_equal(dies_of(reach_unreachable, NULL, NULL, 0), SIGABRT);
}

TEST(assert, a_very_long_expression_is_cut_and_still_ends_its_line)
{
    char expression[2000], text[4000];
    memset(expression, 'x', sizeof expression);
    expression[sizeof expression - 1] = 0;
    assert_int_equal(dies_of(fail_at_length, expression, text, sizeof text), SIGABRT);
    assert_int_equal(strlen(text), 511);
    assert_int_equal(text[510], '\n');
}

TEST(assert, a_condition_is_evaluated_once)
{
    int count = 0;
    ASSERT(++count == 1);
    assert_int_equal(count, 1);
}

static int rare_branch(int how_often)
{
    int line = 0;
    for (int i = 0; i < how_often; i++) {
        line = __LINE__ + 1;
        COVER("test_rare");
    }
    return line;
}

static void never_called(void)
{
    COVER("test_never");
}
void (*const keep_never_called)(void) = never_called;

struct seen {
    int count;
    uint64_t rare_hits, never_hits;
    int rare_line;
};

static void see_mark(const struct cover_mark *mark, void *ctx)
{
    struct seen *seen = ctx;
    seen->count++;
    assert_non_null(strstr(mark->file, "_test.c"));
    if (strcmp(mark->name, "test_rare") == 0) {
        seen->rare_hits = mark->hits;
        seen->rare_line = mark->line;
    }
    if (strcmp(mark->name, "test_never") == 0) seen->never_hits = mark->hits + 1;
}

TEST(assert, cover_marks_count_how_often_they_were_reached)
{
    struct seen before = {0}, after = {0};
    cover_visit(see_mark, &before);
    int line = rare_branch(3);
    cover_visit(see_mark, &after);
    assert_int_equal(before.count, 2);
    assert_int_equal(after.count, 2);
    assert_u64_equal(after.rare_hits - before.rare_hits, 3);
    assert_u64_equal(after.never_hits, 1); /* listed though never reached */
    assert_int_equal(after.rare_line, line);
}

static int decide(void)
{
    int answer = 0;
    if (MUTANT("test_flip")) answer |= 1;
    if (MUTANT("test_other")) answer |= 2;
    if (MUTANT("test_flip")) answer |= 4;
    return answer;
}

struct mutants {
    int count, active;
};

static void see_mutant(const struct mutant_site *site, void *ctx)
{
    struct mutants *mutants = ctx;
    assert_true(strncmp(site->name, "test_", 5) == 0);
    mutants->count++;
    mutants->active += site->active;
}

TEST(assert, mutants_are_off_until_selected_by_name)
{
    assert_int_equal(decide(), 0);
    assert_int_equal(mutant_select("test_flip"), 2);
    assert_int_equal(decide(), 5);
    assert_int_equal(mutant_select("test_other"), 1);
    assert_int_equal(decide(), 2);
    assert_int_equal(mutant_select("test_absent"), 0);
    assert_int_equal(decide(), 0);
}

TEST(assert, every_mutant_site_is_listed)
{
    struct mutants all = {0};
    assert_int_equal(mutant_select("test_flip"), 2);
    mutant_visit(see_mutant, &all);
    assert_int_equal(all.count, 3);
    assert_int_equal(all.active, 2);
    assert_int_equal(mutant_select(NULL), 0);
    all = (struct mutants){0};
    mutant_visit(see_mutant, &all);
    assert_int_equal(all.active, 0);
}
