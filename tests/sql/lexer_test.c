/* Tokens, key words, and what the lexer refuses. The parser's scripts hold its error messages. */
#include "sql/lexer.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/prng.h"
#include "tests/test.h"

struct fixture {
    struct arena arena;
    struct sql_lexer lexer;
    struct sql_error error;
    struct sql_token token;
};

static void start(struct fixture *f, const char *text)
{
    *f = (struct fixture){.error = {.message = NULL}};
    arena_init(&f->arena, 64u << 20);
    assert_true(sql_lexer_init(&f->lexer, &f->arena, bytes_of_string(text), &f->error));
}

static void stop(struct fixture *f)
{
    arena_deinit(&f->arena);
}

static const struct sql_token *next(struct fixture *f)
{
    sql_lexer_next(&f->lexer, &f->token);
    return &f->token;
}

static void expect_text(struct fixture *f, uint16_t kind, const char *text)
{
    const struct sql_token *token = next(f);
    assert_int_equal(token->kind, kind);
    assert_string_equal(token->text, text);
    assert_int_equal(token->text_size, strlen(text));
}

static void expect_kind(struct fixture *f, uint16_t kind)
{
    assert_int_equal(next(f)->kind, kind);
}

static void expect_integer(struct fixture *f, int64_t value)
{
    assert_int_equal(next(f)->kind, SQL_TOKEN_INTEGER);
    assert_true(f->token.integer == value);
}

static void expect_failure(const char *text, const char *sqlstate, const char *message)
{
    struct fixture f;
    start(&f, text);
    while (next(&f)->kind != SQL_TOKEN_FAILED)
        assert_int_not_equal(f.token.kind, SQL_TOKEN_END);
    assert_string_equal(f.lexer.error.sqlstate, sqlstate);
    assert_string_equal(f.lexer.error.message, message);
    expect_kind(&f, SQL_TOKEN_FAILED); /* for ever */
    stop(&f);
}

/* --- Key words --- */

TEST(lexer, finds_every_key_word_and_its_properties)
{
    int counts[SQL_KEYWORD_RESERVED + 1] = {0}, bare = 0;
    for (int k = SQL_KEYWORD_NONE + 1; k < SQL_KEYWORD_COUNT; k++) {
        const struct sql_keyword_info *info = sql_keyword_info((enum sql_keyword)k);
        assert_int_equal(info->size, strlen(info->word));
        assert_int_equal(sql_keyword_find(info->word, info->size), k);
        counts[info->class]++;
        bare += info->bare_label;
    }
    /* As pg_get_keywords() of PostgreSQL 15 counts them. */
    assert_int_equal(counts[SQL_KEYWORD_UNRESERVED], 309);
    assert_int_equal(counts[SQL_KEYWORD_COL_NAME], 51);
    assert_int_equal(counts[SQL_KEYWORD_TYPE_FUNC], 23);
    assert_int_equal(counts[SQL_KEYWORD_RESERVED], 77);
    assert_int_equal(bare, 421);
}

TEST(lexer, finds_no_key_word_in_other_words)
{
    const char *const words[] = {"a",
                                 "selec",
                                 "selects",
                                 "SELECT",
                                 "ranges",
                                 "split",
                                 "x",
                                 "zz",
                                 "current_timestamps",
                                 "a_word_longer_than_any_key_word"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        assert_int_equal(sql_keyword_find(words[i], strlen(words[i])), SQL_KEYWORD_NONE);
}

/* Builds the table that keywords.c must hold; prints it when a look-up disagrees, for pasting. */
TEST(lexer, key_word_table_follows_from_the_list)
{
    static uint16_t slots[SQL_KEYWORD_SLOTS];
    uint32_t probes_max = 0;
    for (int k = SQL_KEYWORD_NONE + 1; k < SQL_KEYWORD_COUNT; k++) {
        const struct sql_keyword_info *info = sql_keyword_info((enum sql_keyword)k);
        uint32_t slot = sql_keyword_hash(info->word, info->size), probes = 1;
        assert_true(slot < SQL_KEYWORD_SLOTS);
        while (slots[slot] != 0) {
            slot = (slot + 1) % SQL_KEYWORD_SLOTS;
            probes++;
        }
        slots[slot] = (uint16_t)k;
        if (probes > probes_max) probes_max = probes;
    }
    bool same = true;
    for (int k = SQL_KEYWORD_NONE + 1; k < SQL_KEYWORD_COUNT; k++) {
        const struct sql_keyword_info *info = sql_keyword_info((enum sql_keyword)k);
        same = same && sql_keyword_find(info->word, info->size) == (enum sql_keyword)k;
    }
    for (int i = 0; i < SQL_KEYWORD_SLOTS && !same; i++)
        printf("%s%d,", i % 20 == 0 ? "\n    " : " ", slots[i]);
    assert_true(same);
    assert_true(probes_max <= 8);
}

TEST(lexer, key_words_stand_sorted_by_length_and_bytes)
{
    for (int k = SQL_KEYWORD_NONE + 2; k < SQL_KEYWORD_COUNT; k++) {
        const struct sql_keyword_info *a = sql_keyword_info((enum sql_keyword)(k - 1));
        const struct sql_keyword_info *b = sql_keyword_info((enum sql_keyword)k);
        assert_true(a->size < b->size || (a->size == b->size && strcmp(a->word, b->word) < 0));
    }
}

/* --- Identifiers --- */

TEST(lexer, folds_unquoted_names_in_ascii_only)
{
    struct fixture f;
    start(&f, "Foo SELECT \"Foo\" ÄÖ_1$ \"a\"\"b\" \"select\" _x");
    expect_text(&f, SQL_TOKEN_IDENTIFIER, "foo");
    expect_text(&f, SQL_TOKEN_KEYWORD, "select");
    assert_int_equal(f.token.keyword, SQL_KW_SELECT);
    expect_text(&f, SQL_TOKEN_IDENTIFIER, "Foo");
    expect_text(&f, SQL_TOKEN_IDENTIFIER, "ÄÖ_1$");
    expect_text(&f, SQL_TOKEN_IDENTIFIER, "a\"b");
    expect_text(&f, SQL_TOKEN_IDENTIFIER, "select");
    assert_int_equal(f.token.keyword, SQL_KEYWORD_NONE);
    expect_text(&f, SQL_TOKEN_IDENTIFIER, "_x");
    expect_kind(&f, SQL_TOKEN_END);
    expect_kind(&f, SQL_TOKEN_END);
    stop(&f);
}

TEST(lexer, cuts_names_to_63_bytes_between_characters)
{
    char text[400] = "", expected[64] = "";
    for (int i = 0; i < 40; i++)
        strcat(text, "ñ");
    for (int i = 0; i < 31; i++)
        strcat(expected, "ñ"); /* 62 bytes: the next would be 64 */
    struct fixture f;
    start(&f, text);
    expect_text(&f, SQL_TOKEN_IDENTIFIER, expected);
    assert_int_equal(f.token.size, 80);
    stop(&f);
    char quoted[400];
    snprintf(quoted, sizeof quoted, "\"%s\" x", text);
    start(&f, quoted);
    expect_text(&f, SQL_TOKEN_IDENTIFIER, expected);
    expect_text(&f, SQL_TOKEN_IDENTIFIER, "x");
    stop(&f);
    memset(text, 'A', 100);
    text[100] = 0;
    memset(expected, 'a', 63);
    start(&f, text);
    expect_text(&f, SQL_TOKEN_IDENTIFIER, expected);
    stop(&f);
}

/* --- Numbers and parameters --- */

TEST(lexer, reads_numbers)
{
    struct fixture f;
    start(&f, "0 123 9223372036854775807 9223372036854775808 1.5 .5 1. 1e5 1.5E-3 .5e+1 1..2");
    expect_integer(&f, 0);
    expect_integer(&f, 123);
    expect_integer(&f, INT64_MAX);
    expect_text(&f, SQL_TOKEN_NUMBER, "9223372036854775808");
    expect_text(&f, SQL_TOKEN_NUMBER, "1.5");
    expect_text(&f, SQL_TOKEN_NUMBER, ".5");
    expect_text(&f, SQL_TOKEN_NUMBER, "1.");
    expect_text(&f, SQL_TOKEN_NUMBER, "1e5");
    expect_text(&f, SQL_TOKEN_NUMBER, "1.5E-3");
    expect_text(&f, SQL_TOKEN_NUMBER, ".5e+1");
    expect_integer(&f, 1);
    expect_kind(&f, SQL_TOKEN_DOT_DOT);
    expect_integer(&f, 2);
    stop(&f);
}

TEST(lexer, refuses_letters_glued_to_numbers)
{
    expect_failure("123abc", "42601", "trailing junk after numeric literal at or near \"123a\"");
    expect_failure("0x10", "42601", "trailing junk after numeric literal at or near \"0x\"");
    expect_failure("1e", "42601", "trailing junk after numeric literal at or near \"1e\"");
    expect_failure("1.e-", "42601", "trailing junk after numeric literal at or near \"1.e-\"");
    expect_failure("1é", "42601", "trailing junk after numeric literal at or near \"1é\"");
    expect_failure("$1x", "42601", "trailing junk after parameter at or near \"$1x\"");
}

TEST(lexer, reads_parameters)
{
    struct fixture f;
    start(&f, "$1 $0 $65536 $99999999999999999999 $");
    for (int i = 0; i < 4; i++)
        expect_kind(&f, SQL_TOKEN_PARAM);
    assert_true(f.token.integer == INT64_MAX);
    expect_kind(&f, '$');
    stop(&f);
}

/* --- Strings --- */

TEST(lexer, reads_strings_in_all_spellings)
{
    struct fixture f;
    start(&f, "'it''s' '' 'a\\n' E'a\\n\\'\\\\\\x41\\101\\u00e9\\U0001F600\\q' $$x'$y$$ $t$a$$b$t$ "
              "b'101' X'1f' n'z'");
    expect_text(&f, SQL_TOKEN_STRING, "it's");
    expect_text(&f, SQL_TOKEN_STRING, "");
    expect_text(&f, SQL_TOKEN_STRING, "a\\n");
    expect_text(&f, SQL_TOKEN_STRING, "a\n'\\AA\u00e9\U0001F600q");
    expect_text(&f, SQL_TOKEN_STRING, "x'$y");
    expect_text(&f, SQL_TOKEN_STRING, "a$$b");
    expect_text(&f, SQL_TOKEN_BIT_STRING, "101");
    expect_text(&f, SQL_TOKEN_HEX_STRING, "1f");
    expect_text(&f, SQL_TOKEN_KEYWORD, "nchar");
    expect_text(&f, SQL_TOKEN_STRING, "z");
    expect_kind(&f, SQL_TOKEN_END);
    stop(&f);
}

TEST(lexer, joins_strings_across_a_newline_only)
{
    struct fixture f;
    start(&f, "'a' \n 'b' 'c' -- comment\n 'd' e'\\x41'\n'\\x42'");
    expect_text(&f, SQL_TOKEN_STRING, "ab");
    expect_text(&f, SQL_TOKEN_STRING, "cd");
    expect_text(&f, SQL_TOKEN_STRING, "AB");
    stop(&f);
    start(&f, "'a' 'b' 'c' /* x */\n 'd'");
    expect_text(&f, SQL_TOKEN_STRING, "a");
    expect_text(&f, SQL_TOKEN_STRING, "b");
    expect_text(&f, SQL_TOKEN_STRING, "c");
    expect_text(&f, SQL_TOKEN_STRING, "d");
    stop(&f);
}

TEST(lexer, refuses_escapes_that_spell_no_text)
{
    expect_failure("E'\\000'", "22021", "invalid byte sequence for encoding \"UTF8\": 0x00");
    expect_failure("E'\\xc3('", "22021", "invalid byte sequence for encoding \"UTF8\": 0xc3 0x28");
    expect_failure("E'\\u00'", "22025", "invalid Unicode escape");
    expect_failure("E'\\u0000'", "42601", "invalid Unicode escape value at or near \"\\u0000\"");
    struct fixture f;
    start(&f, "E'\\xc3\\xa9'"); /* bytes of one character, each escaped */
    expect_text(&f, SQL_TOKEN_STRING, "é");
    stop(&f);
}

/* --- Operators, comments, space --- */

TEST(lexer, cuts_operators_as_postgresql_does)
{
    struct fixture f;
    start(&f, "a=-1 @- +- *- <> != <= >= => <=> :: := .. ||/ !~~* -> ->> @>");
    expect_kind(&f, SQL_TOKEN_IDENTIFIER);
    expect_kind(&f, '=');
    expect_kind(&f, '-');
    expect_integer(&f, 1);
    expect_text(&f, SQL_TOKEN_OPERATOR, "@-");
    expect_kind(&f, '+');
    expect_kind(&f, '-');
    expect_kind(&f, '*');
    expect_kind(&f, '-');
    expect_kind(&f, SQL_TOKEN_NOT_EQUALS);
    expect_kind(&f, SQL_TOKEN_NOT_EQUALS);
    expect_kind(&f, SQL_TOKEN_LESS_EQUALS);
    expect_kind(&f, SQL_TOKEN_GREATER_EQUALS);
    expect_kind(&f, SQL_TOKEN_EQUALS_GREATER);
    expect_text(&f, SQL_TOKEN_OPERATOR, "<=>");
    expect_kind(&f, SQL_TOKEN_TYPECAST);
    expect_kind(&f, SQL_TOKEN_COLON_EQUALS);
    expect_kind(&f, SQL_TOKEN_DOT_DOT);
    expect_text(&f, SQL_TOKEN_OPERATOR, "||/");
    expect_text(&f, SQL_TOKEN_OPERATOR, "!~~*");
    expect_text(&f, SQL_TOKEN_OPERATOR, "->");
    expect_text(&f, SQL_TOKEN_OPERATOR, "->>");
    expect_text(&f, SQL_TOKEN_OPERATOR, "@>");
    stop(&f);
}

TEST(lexer, ends_operators_at_comments)
{
    struct fixture f;
    start(&f, "a+--x\n*/* y */- -/*z*/~--");
    expect_kind(&f, SQL_TOKEN_IDENTIFIER);
    expect_kind(&f, '+');
    expect_kind(&f, '*');
    expect_kind(&f, '-');
    expect_kind(&f, '-');
    expect_text(&f, SQL_TOKEN_OPERATOR, "~");
    expect_kind(&f, SQL_TOKEN_END);
    stop(&f);
}

TEST(lexer, skips_space_and_nested_comments)
{
    struct fixture f;
    start(&f, " \t\r\n\f/* a /* b */ */ x -- y\r z /* ' */ \"/*\" --");
    expect_text(&f, SQL_TOKEN_IDENTIFIER, "x");
    expect_text(&f, SQL_TOKEN_IDENTIFIER, "z");
    expect_text(&f, SQL_TOKEN_IDENTIFIER, "/*");
    expect_kind(&f, SQL_TOKEN_END);
    stop(&f);
    expect_failure("a /* b /* c */", "42601",
                   "unterminated /* comment at or near \"/* b /* c */\"");
}

/* --- Positions and the whole text --- */

TEST(lexer, counts_positions_in_characters)
{
    struct fixture f;
    start(&f, "é 'ñ' x");
    assert_int_equal(next(&f)->position, 1);
    assert_int_equal(next(&f)->position, 3);
    assert_int_equal(next(&f)->position, 7);
    assert_int_equal(f.token.offset, 8);
    assert_int_equal(next(&f)->position, 8);
    assert_int_equal(f.token.kind, SQL_TOKEN_END);
    stop(&f);
}

static void refuse(struct bytes text, const char *sqlstate, const char *message)
{
    struct fixture f = {.error = {.message = NULL}};
    arena_init(&f.arena, 1u << 20);
    assert_false(sql_lexer_init(&f.lexer, &f.arena, text, &f.error));
    assert_string_equal(f.error.sqlstate, sqlstate);
    if (message != NULL) assert_string_equal(f.error.message, message);
    stop(&f);
}

TEST(lexer, refuses_malformed_utf8_and_nul)
{
    refuse(BYTES_LITERAL("select '\xff'"), "22021",
           "invalid byte sequence for encoding \"UTF8\": 0xff");
    refuse(BYTES_LITERAL("12345678\xe2\x28\xa1"), "22021",
           "invalid byte sequence for encoding \"UTF8\": 0xe2 0x28 0xa1");
    refuse(BYTES_LITERAL("\xed\xa0\x80"), "22021",
           "invalid byte sequence for encoding \"UTF8\": 0xed 0xa0 0x80"); /* a surrogate */
    refuse(BYTES_LITERAL("sel\0ect"), "22021", "invalid byte sequence for encoding \"UTF8\": 0x00");
    refuse(BYTES_LITERAL("abc\xc3"), "22021", "invalid byte sequence for encoding \"UTF8\": 0xc3");
}

/* NUL and high bytes at every offset, so that both the eight-byte steps and the rest are met. */
TEST(lexer, notices_bad_bytes_at_every_offset)
{
    char text[24];
    for (size_t i = 0; i < sizeof text; i++) {
        memset(text, 'a', sizeof text);
        text[i] = 0;
        refuse(bytes_make(text, sizeof text), "22021", NULL);
        text[i] = (char)0x80;
        refuse(bytes_make(text, sizeof text), "22021", NULL);
    }
}

TEST(lexer, refuses_texts_over_the_limit)
{
    char *text = malloc(SQL_STATEMENT_BYTES_MAX + 1);
    assert_non_null(text);
    memset(text, ' ', SQL_STATEMENT_BYTES_MAX + 1);
    refuse(bytes_make(text, SQL_STATEMENT_BYTES_MAX + 1), "54000",
           "statement is too long: 16777217 bytes");
    struct fixture f = {.error = {.message = NULL}};
    arena_init(&f.arena, 1u << 20);
    assert_true(
        sql_lexer_init(&f.lexer, &f.arena, bytes_make(text, SQL_STATEMENT_BYTES_MAX), &f.error));
    expect_kind(&f, SQL_TOKEN_END);
    assert_int_equal(f.token.position, SQL_STATEMENT_BYTES_MAX + 1);
    stop(&f);
    free(text);
}

/* Any bytes give tokens that lie in the text, in order, and end. */
TEST(lexer, ends_on_any_text)
{
    static const char alphabet[] = "ab1$'\"\\.;:-+*/<>=!@#E(x u&\n\t\xc3\xa9_";
    struct prng prng;
    prng_init(&prng, 7);
    for (int round = 0; round < 20000; round++) {
        char text[24];
        size_t size = prng_below(&prng, sizeof text);
        for (size_t i = 0; i < size; i++)
            text[i] = alphabet[prng_below(&prng, sizeof alphabet - 1)];
        struct fixture f = {.error = {.message = NULL}};
        arena_init(&f.arena, 1u << 20);
        if (sql_lexer_init(&f.lexer, &f.arena, bytes_make(text, size), &f.error)) {
            uint32_t end = 0, steps = 0;
            while (next(&f)->kind != SQL_TOKEN_END && f.token.kind != SQL_TOKEN_FAILED) {
                assert_true(f.token.offset >= end);
                end = f.token.offset + f.token.size;
                assert_true(end <= size);
                assert_true(++steps <= size);
            }
        }
        stop(&f);
    }
}
