#include "tests/test.h"

#include "base/hex.h"

TEST(hex, encodes_lower_case_and_decodes_either)
{
    char text[9];
    uint8_t bytes[4] = {0};
    hex_encode(BYTES_LITERAL("\x00\x9f\xab\xff"), text);
    assert_string_equal(text, "009fabff");
    assert_int_equal(hex_decode(BYTES_LITERAL("009FabFf"), bytes), STATUS_OK);
    assert_memory_equal(bytes, "\x00\x9f\xab\xff", 4);
}

TEST(hex, every_byte_comes_back)
{
    for (unsigned value = 0; value < 256; value++) {
        uint8_t byte = (uint8_t)value, back = (uint8_t)~value;
        char text[3];
        hex_encode(bytes_make(&byte, 1), text);
        assert_int_equal(hex_decode(bytes_make(text, 2), &back), STATUS_OK);
        assert_int_equal(back, byte);
    }
}

TEST(hex, anything_but_pairs_of_digits_is_invalid)
{
    uint8_t out[4];
    assert_int_equal(hex_decode(bytes_make("abcd", 3), out), STATUS_INVALID);
    for (unsigned c = 0; c < 256; c++) {
        uint8_t text[2] = {'0', (uint8_t)c};
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        enum status expected = digit ? STATUS_OK : STATUS_INVALID;
        assert_int_equal(hex_decode(bytes_make(text, 2), out), expected);
    }
}

TEST(hex, nothing_is_nothing)
{
    char text[1] = {'x'};
    uint8_t out[1];
    hex_encode(BYTES_EMPTY, text);
    assert_string_equal(text, "");
    assert_int_equal(hex_decode(BYTES_EMPTY, out), STATUS_OK);
}

TEST(hex, appends_to_a_buffer_within_its_bound)
{
    struct buf b;
    buf_init(&b, 5);
    hex_append(&b, BYTES_LITERAL("\x12\x34"));
    assert_true(bytes_equal(buf_view(&b), BYTES_LITERAL("1234")));
    hex_append(&b, BYTES_LITERAL("\x56"));
    assert_int_equal(buf_status(&b), STATUS_TOO_LARGE);
    buf_deinit(&b);
}
