#include "tests/test.h"

#include "base/utf8.h"

/* Encodes by the definition, for code points of any size. */
static size_t encode(uint32_t code, size_t size, uint8_t *out)
{
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    if (size == 1) {
        out[0] = (uint8_t)code;
        return 1;
    }
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (uint8_t)(0x80 | (code & 0x3f));
        code >>= 6;
    }
    out[0] = (uint8_t)(lead[size] | code);
    return size;
}

static size_t shortest(uint32_t code)
{
    return code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
}

TEST(utf8, every_code_point_is_valid_in_its_shortest_form_only)
{
    for (uint32_t code = 0; code < 0x1fffff; code += code < 0x11000 ? 1 : 97) {
        bool exists = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
        for (size_t size = shortest(code); size <= 4; size++) {
            uint8_t text[4];
            uint32_t decoded = 0;
            encode(code, size, text);
            bool expected = exists && size == shortest(code);
            assert_int_equal(utf8_valid(bytes_make(text, size)), expected);
            assert_int_equal(utf8_decode(bytes_make(text, size), &decoded), expected ? size : 0);
            if (expected) assert_int_equal(decoded, code);
        }
    }
}

TEST(utf8, the_edges_of_what_exists)
{
    assert_true(utf8_valid(BYTES_LITERAL("\xf4\x8f\xbf\xbf")));
    assert_false(utf8_valid(BYTES_LITERAL("\xf4\x90\x80\x80")));
    assert_false(utf8_valid(BYTES_LITERAL("\xed\xa0\x80")));
    assert_true(utf8_valid(BYTES_LITERAL("\xee\x80\x80")));
    assert_false(utf8_valid(BYTES_LITERAL("\xc0\x80")));
    assert_false(utf8_valid(BYTES_LITERAL("\xf8\x88\x80\x80\x80")));
    assert_false(utf8_valid(BYTES_LITERAL("\xff")));
    assert_false(utf8_valid(BYTES_LITERAL("\x80")));
}

TEST(utf8, a_cut_sequence_is_not_valid_anywhere)
{
    static const char euro[] = "\xe2\x82\xac";
    for (size_t size = 1; size < 3; size++) {
        assert_false(utf8_valid(bytes_make(euro, size)));
        assert_int_equal(utf8_decode(bytes_make(euro, size), NULL), 0);
    }
    assert_false(utf8_valid(BYTES_LITERAL("\xe2\x82"
                                          "abcdefghijkl")));
    assert_false(utf8_valid(BYTES_LITERAL("abcdefghabcdefgh\xe2\x82")));
    assert_false(utf8_valid(BYTES_LITERAL("\xe2\xac")));
}

TEST(utf8, long_ascii_with_one_bad_byte_is_found_at_every_place)
{
    for (size_t bad = 0; bad < 40; bad++) {
        uint8_t text[40];
        for (size_t i = 0; i < sizeof text; i++)
            text[i] = 'a';
        assert_true(utf8_valid(bytes_make(text, sizeof text)));
        text[bad] = 0xbf;
        assert_false(utf8_valid(bytes_make(text, sizeof text)));
        assert_true(utf8_valid(bytes_make(text, bad)));
    }
}

TEST(utf8, nul_is_a_character_and_the_empty_text_is_valid)
{
    assert_true(utf8_valid(BYTES_EMPTY));
    assert_true(utf8_valid(BYTES_LITERAL("a\0b")));
    assert_int_equal(utf8_length(BYTES_LITERAL("a\0b")), 3);
    assert_int_equal(utf8_length(BYTES_EMPTY), 0);
    assert_int_equal(utf8_decode(BYTES_EMPTY, NULL), 0);
}

TEST(utf8, length_counts_code_points)
{
    assert_int_equal(utf8_length(BYTES_LITERAL("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80x")), 4);
}
