/* LIKE against its definition, regular expressions against POSIX's, case against Unicode's. */
#include "sql/text.h"

#include <regex.h>

#include "sql/text_regex.h"
#include "tests/sql/types_golden.h"
#include "tests/sql/types_random.h"
#include "tests/test.h"

/* --- LIKE ------------------------------------------------------------------------------------ */

/* The definition, exponential and obvious. */
static bool like_by_definition(const char *t, const char *p)
{
    if (*p == 0) return *t == 0;
    if (*p == '%') return like_by_definition(t, p + 1) || (*t != 0 && like_by_definition(t + 1, p));
    if (*p == '_') return *t != 0 && like_by_definition(t + 1, p + 1);
    if (*p == '\\') p++;
    return *t == *p && *t != 0 && like_by_definition(t + 1, p + 1);
}

static void random_string(struct prng *p, const char *alphabet, char *out, size_t size_max)
{
    size_t size = prng_below(p, size_max);
    for (size_t i = 0; i < size; i++)
        out[i] = alphabet[prng_below(p, strlen(alphabet))];
    out[size] = 0;
}

TEST(text, like_does_what_its_definition_says)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 1);
    for (int i = 0; i < 300000; i++) {
        char text[12], pattern[10];
        golden_reset(&g);
        random_string(&p, "ab", text, sizeof text);
        random_string(&p, "aabb%%_", pattern, sizeof pattern);
        bool actual;
        assert_int_equal(
            text_like(&g.eval, bytes_of_string(text), bytes_of_string(pattern), false, &actual),
            STATUS_OK);
        if (actual != like_by_definition(text, pattern)) fail_msg("%s like %s", text, pattern);
    }
    golden_deinit(&g);
}

/* A pattern of many % over a long text must not take for ever. */
TEST(text, like_takes_no_exponential_time)
{
    struct golden g;
    golden_init(&g, NULL);
    static char text[100000], pattern[2001];
    memset(text, 'a', sizeof text);
    for (int i = 0; i < 1000; i++)
        memcpy(pattern + 2 * i, "%a", 2);
    pattern[2000] = 'b';
    bool actual;
    assert_int_equal(text_like(&g.eval, bytes_make(text, sizeof text), bytes_make(pattern, 2001),
                               false, &actual),
                     STATUS_OK);
    assert_false(actual);
    golden_deinit(&g);
}

TEST(text, like_prefix_is_what_every_match_begins_with)
{
    struct golden g;
    golden_init(&g, NULL);
    struct bytes prefix;
    bool exact;
    assert_int_equal(text_like_prefix(&g.eval, BYTES_LITERAL("ab\\%c%d"), &prefix, &exact),
                     STATUS_OK);
    assert_true(bytes_equal(prefix, BYTES_LITERAL("ab%c")) && !exact);
    assert_int_equal(text_like_prefix(&g.eval, BYTES_LITERAL("abc"), &prefix, &exact), STATUS_OK);
    assert_true(bytes_equal(prefix, BYTES_LITERAL("abc")) && exact);
    golden_deinit(&g);
}

/* --- Regular expressions --------------------------------------------------------------------- */

static bool search(struct golden *g, const char *pattern, const char *text,
                   struct text_regex_match *match, enum status *status_out)
{
    struct text_regex *regex;
    bool found = false;
    *status_out = text_regex_compile(&g->eval, bytes_of_string(pattern),
                                     (struct text_regex_options){.ignore_case = false}, &regex);
    if (*status_out != STATUS_OK) return false;
    assert_int_equal(text_regex_search(&g->eval, regex, bytes_of_string(text), 0, &found, match),
                     STATUS_OK);
    return found;
}

/* POSIX's extended expressions are a part of ours: the same matches, at the same places. */
TEST(regex, agrees_with_posix)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 2);
    static const char *const pieces[] = {
        "a",      "b",    "c",          ".",  "[ab]",  "[^a]",    "(a|b)", "(ab|a)",
        "(a)",    "a*",   "b+",         "c?", "(ab)*", "(a|bc)+", "a{2}",  "b{1,2}",
        "(a*b)*", "(|a)", "(ab|c){2,}", "^",  "$",     "[b-c]*",  "|"};
    int compared = 0;
    for (int i = 0; i < 60000; i++) {
        golden_reset(&g);
        char pattern[64] = "", text[14];
        for (uint64_t k = 1 + prng_below(&p, 5); k > 0; k--)
            strcat(pattern, pieces[prng_below(&p, sizeof pieces / sizeof pieces[0])]);
        random_string(&p, "abc", text, sizeof text);
        regex_t posix;
        regmatch_t where[1];
        struct text_regex_match match;
        enum status status;
        bool found = search(&g, pattern, text, &match, &status);
        if (regcomp(&posix, pattern, REG_EXTENDED) != 0) continue;
        if (status == STATUS_OK) {
            bool expected = regexec(&posix, text, 1, where, 0) == 0;
            if (found != expected) fail_msg("\"%s\" in \"%s\": %d", pattern, text, found);
            if (found && ((regoff_t)match.start[0] != where[0].rm_so ||
                          (regoff_t)match.end[0] != where[0].rm_eo))
                fail_msg("\"%s\" in \"%s\": %zu to %zu, not %d to %d", pattern, text,
                         match.start[0], match.end[0], (int)where[0].rm_so, (int)where[0].rm_eo);
            compared++;
        }
        regfree(&posix);
    }
    assert_true(compared > 30000);
    golden_deinit(&g);
}

/* Patterns on which backtracking would take longer than the universe has. */
TEST(regex, takes_no_exponential_time)
{
    struct golden g;
    golden_init(&g, NULL);
    struct text_regex_match match;
    enum status status;
    static char text[3001];
    memset(text, 'a', 3000);
    assert_false(search(&g, "^(a*)*b$", text, &match, &status));
    assert_int_equal(status, STATUS_OK);
    assert_false(search(&g, "^(a|aa)+$b", text, &match, &status));
    assert_false(search(&g, "(a?){50}a{50}b", text, &match, &status));
    golden_deinit(&g);
}

TEST(regex, bounds_what_it_compiles)
{
    struct golden g;
    golden_init(&g, NULL);
    struct text_regex_match match;
    enum status status;
    static const char *const too_much[] = {
        "((((a{255}){255}){255}){255}){255}",
        "(?:(?:(?:(?:(?:(?:a){255}){255}){255}){255}){255}){255}",
    };
    for (size_t i = 0; i < sizeof too_much / sizeof too_much[0]; i++) {
        golden_reset(&g);
        search(&g, too_much[i], "a", &match, &status);
        assert_int_equal(status, STATUS_INVALID);
        assert_true(sql_error_is(&g.error, SQLSTATE_INVALID_REGULAR_EXPRESSION));
    }
    static char deep[2001];
    memset(deep, '(', 1000);
    memset(deep + 1000, ')', 1000);
    golden_reset(&g);
    search(&g, deep, "a", &match, &status);
    assert_int_equal(status, STATUS_INVALID);
    /* Nothing repeated is nothing, however often. */
    golden_reset(&g);
    assert_true(search(&g, "(?:(?:(?:(?:(?:){255}){255}){255}){255}){255}", "a", &match, &status));
    golden_deinit(&g);
}

TEST(regex, refuses_what_it_does_not_know)
{
    struct golden g;
    golden_init(&g, NULL);
    struct text_regex_match match;
    enum status status;
    static const char *const unknown[] = {"(a)\\1", "a(?=b)", "a(?!b)", "[[.a.]]", "[[=a=]]"};
    for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
        golden_reset(&g);
        search(&g, unknown[i], "aa", &match, &status);
        assert_int_equal(status, STATUS_INVALID);
        assert_true(sql_error_is(&g.error, SQLSTATE_FEATURE_NOT_SUPPORTED));
    }
    golden_deinit(&g);
}

TEST(regex, survives_any_pattern)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 3);
    for (int i = 0; i < 200000; i++) {
        golden_reset(&g);
        char pattern[24], text[8];
        struct text_regex_match match;
        enum status status;
        random_string(&p, "ab(()|)*+?{}1,2[]^-$.\\dwsmyu\xC3\xA9", pattern, sizeof pattern);
        random_string(&p, "ab \xC3\xA9", text, sizeof text);
        bool found = search(&g, pattern, text, &match, &status);
        if (found) assert_true(match.start[0] <= match.end[0] && match.end[0] <= strlen(text));
    }
    golden_deinit(&g);
}

/* --- Case ------------------------------------------------------------------------------------ */

static void expect_case(struct golden *g, enum text_case to, const char *text, const char *expected)
{
    struct bytes out;
    assert_int_equal(text_change_case(&g->eval, bytes_of_string(text), to, &out), STATUS_OK);
    if (!bytes_equal(out, bytes_of_string(expected)))
        fail_msg("%s became %.*s", text, (int)out.size, (const char *)out.data);
}

TEST(text, case_follows_unicode)
{
    struct golden g;
    golden_init(&g, NULL);
    expect_case(&g, TEXT_LOWER, "ÀÉÎ ΑΒΓ ЖЩ", "àéî αβγ жщ");
    expect_case(&g, TEXT_UPPER, "àéî straße αβγ", "ÀÉÎ STRAßE ΑΒΓ");
    expect_case(&g, TEXT_INITCAP, "élan VITAL o'neill 3rd", "Élan Vital O'Neill 3rd");
    expect_case(&g, TEXT_UPPER, "日本 \xF0\x9F\x98\x80", "日本 \xF0\x9F\x98\x80");
    expect_case(&g, TEXT_LOWER, "Ⱥ", "ⱥ"); /* two bytes become three */
    golden_deinit(&g);
}
