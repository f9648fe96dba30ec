#include "tests/test.h"

#include "base/bytes.h"
#include "base/ids.h"

TEST(bytes, equal_means_same_size_and_content)
{
    assert_true(bytes_equal(BYTES_LITERAL("abc"), bytes_of_string("abc")));
    assert_false(bytes_equal(BYTES_LITERAL("abc"), BYTES_LITERAL("abd")));
    assert_false(bytes_equal(BYTES_LITERAL("abc"), BYTES_LITERAL("ab")));
    assert_true(bytes_equal(BYTES_EMPTY, BYTES_LITERAL("")));
    assert_true(bytes_equal(BYTES_LITERAL("a\0b"), bytes_make("a\0b", 3)));
}

TEST(bytes, order_is_unsigned_bytewise_and_a_prefix_sorts_first)
{
    assert_true(bytes_compare(BYTES_LITERAL("a"), BYTES_LITERAL("b")) < 0);
    assert_true(bytes_compare(BYTES_LITERAL("\x7f"), BYTES_LITERAL("\x80")) < 0);
    assert_true(bytes_compare(BYTES_LITERAL("ab"), BYTES_LITERAL("a")) > 0);
    assert_true(bytes_compare(BYTES_LITERAL("a"), BYTES_LITERAL("a\0")) < 0);
    assert_int_equal(bytes_compare(BYTES_LITERAL("ab"), BYTES_LITERAL("ab")), 0);
    assert_int_equal(bytes_compare(BYTES_EMPTY, BYTES_LITERAL("")), 0);
    assert_true(bytes_compare(BYTES_EMPTY, BYTES_LITERAL("\0")) < 0);
}

TEST(bytes, every_view_starts_with_the_empty_one_and_itself)
{
    assert_true(bytes_has_prefix(BYTES_LITERAL("abc"), BYTES_EMPTY));
    assert_true(bytes_has_prefix(BYTES_LITERAL("abc"), BYTES_LITERAL("ab")));
    assert_true(bytes_has_prefix(BYTES_LITERAL("abc"), BYTES_LITERAL("abc")));
    assert_false(bytes_has_prefix(BYTES_LITERAL("ab"), BYTES_LITERAL("abc")));
    assert_false(bytes_has_prefix(BYTES_LITERAL("abc"), BYTES_LITERAL("b")));
}

TEST(ids, log_positions_compare_by_term_first)
{
    assert_true(log_pos_at_least((struct log_pos){3, 1}, (struct log_pos){2, 9}));
    assert_false(log_pos_at_least((struct log_pos){2, 9}, (struct log_pos){3, 1}));
    assert_true(log_pos_at_least((struct log_pos){2, 9}, (struct log_pos){2, 9}));
    assert_false(log_pos_at_least((struct log_pos){2, 8}, (struct log_pos){2, 9}));
}
