/* A program that holds no mark and no mutant: the sections do not exist, and nothing may crash. */
#include "tests/test.h"

#include "base/assert.h"

static void count_mark(const struct cover_mark *mark, void *ctx)
{
    (void)mark;
    ++*(int *)ctx;
}

static void count_mutant(const struct mutant_site *site, void *ctx)
{
    (void)site;
    ++*(int *)ctx;
}

TEST(assert, a_program_without_marks_links_and_lists_none)
{
    int count = 0;
    cover_visit(count_mark, &count);
    mutant_visit(count_mutant, &count);
    assert_int_equal(count, 0);
    assert_int_equal(mutant_select("anything"), 0);
}
