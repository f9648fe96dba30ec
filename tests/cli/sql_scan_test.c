/* Where statements end, however the text comes in. */
#include "cli/sql_scan.h"

#include <string.h>

#include "tests/test.h"

/* Feeds the text byte by byte and at once; both have to say the same. */
static size_t end_of(const char *text)
{
    struct sql_scan whole = {0}, pieces = {0};
    size_t size = strlen(text), found = 0;
    size_t at_once = sql_scan_end(&whole, text, size);
    for (size_t i = 1; i <= size && found == 0; i++) found = sql_scan_end(&pieces, text, i);
    assert_int_equal(found, at_once);
    return at_once;
}

static void ends_whole(const char *text)
{
    if (end_of(text) != strlen(text)) fail_msg("%s ends after %zu bytes", text, end_of(text));
}

static void goes_on(const char *text)
{
    if (end_of(text) != 0) fail_msg("%s ends after %zu bytes", text, end_of(text));
}

TEST(sql_scan, ends_behind_a_semicolon)
{
    ends_whole(";");
    ends_whole("SELECT 1;");
    assert_int_equal(end_of("SELECT 1; SELECT 2;"), 9);
    goes_on("");
    goes_on("SELECT 1");
}

TEST(sql_scan, not_inside_quotes)
{
    ends_whole("SELECT ';', 'it''s;', \";\";");
    goes_on("SELECT ';");
    goes_on("SELECT \";");
    ends_whole("SELECT E'it\\';', e'\\\\';");
    goes_on("SELECT E'\\';");
    ends_whole("SELECT 'a\\';"); /* no escape without E */
    ends_whole("SELECT name'\\';");
}

TEST(sql_scan, not_inside_dollar_quotes)
{
    ends_whole("SELECT $$;$$;");
    ends_whole("SELECT $a$ $b$ ; $$ $a$;");
    goes_on("SELECT $a$ ; $b$;");
    goes_on("SELECT $a$ ; $a;");
    ends_whole("SELECT $1;");
    ends_whole("SELECT a$b$;");
}

TEST(sql_scan, not_inside_comments)
{
    ends_whole("SELECT 1 -- ;\n;");
    goes_on("SELECT 1 -- ;");
    ends_whole("/* ; /* ; */ ; */;");
    goes_on("/* ; /* ; */ ;");
    ends_whole("SELECT 1 - 2 / 3 * 4;");
}

TEST(sql_scan, blank_is_what_need_not_be_sent)
{
    const char *const blank[] = {"", " \n\t;;", "-- words\n", "-- words", "/* words */ ;", "/* open"};
    const char *const other[] = {"SELECT 1", "1", "- 1", "/ 2", "'", "-- words\n1"};
    for (size_t i = 0; i < 6; i++) assert_true(sql_scan_is_blank(blank[i], strlen(blank[i])));
    for (size_t i = 0; i < 6; i++) assert_false(sql_scan_is_blank(other[i], strlen(other[i])));
}
