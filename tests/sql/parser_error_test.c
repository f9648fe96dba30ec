/* struct sql_error. */
#include "sql/error.h"

#include <stdlib.h>

#include "tests/test.h"

TEST(sql_error, the_first_error_wins)
{
    struct arena arena;
    struct sql_error e = {.message = NULL};
    arena_init(&arena, 1u << 20);
    assert_false(sql_error_is_set(&e));
    assert_false(sql_error_set(&e, &arena, SQLSTATE_UNDEFINED_COLUMN, 8, "no column %s", "x"));
    sql_error_set(&e, &arena, SQLSTATE_INTERNAL_ERROR, 0, "later");
    sql_error_out_of_memory(&e);
    assert_true(sql_error_is(&e, SQLSTATE_UNDEFINED_COLUMN));
    assert_string_equal(e.message, "no column x");
    assert_int_equal(e.position, 8);
    sql_error_at(&e, 9);
    assert_int_equal(e.position, 8);
    sql_error_clear(&e);
    assert_false(sql_error_is_set(&e));
    arena_deinit(&arena);
}

TEST(sql_error, details_hints_and_names_are_added)
{
    struct arena arena;
    struct sql_error e = {.message = NULL};
    arena_init(&arena, 1u << 20);
    sql_error_set(&e, &arena, SQLSTATE_UNIQUE_VIOLATION, 0, "duplicate");
    sql_error_detail(&e, &arena, "Key (%s) exists.", "a");
    sql_error_detail(&e, &arena, "not this");
    sql_error_hint(&e, &arena, "Try %d.", 2);
    sql_error_names(&e, "public", "t", NULL, NULL, "t_pkey");
    sql_error_at(&e, 3);
    assert_string_equal(e.detail, "Key (a) exists.");
    assert_string_equal(e.hint, "Try 2.");
    assert_string_equal(e.schema_name, "public");
    assert_string_equal(e.table_name, "t");
    assert_null(e.column_name);
    assert_string_equal(e.constraint_name, "t_pkey");
    assert_int_equal(e.position, 3);
    arena_deinit(&arena);
}

TEST(sql_error, long_messages_are_cut_between_characters)
{
    char *text = calloc(1, 10001);
    assert_non_null(text);
    for (int i = 0; i < 10000; i += 2)
        memcpy(text + i, "ä", 2);
    struct arena arena;
    arena_init(&arena, 1u << 20);
    for (int shift = 0; shift < 2; shift++) {
        struct sql_error e = {.message = NULL};
        sql_error_set(&e, &arena, SQLSTATE_INTERNAL_ERROR, 0, "%s%s", shift == 0 ? "" : "x", text);
        size_t size = strlen(e.message);
        assert_int_equal(size, SQL_ERROR_TEXT_BYTES_MAX - (size_t)shift);
        assert_memory_equal(e.message + size - 2, "ä", 2);
    }
    arena_deinit(&arena);
    free(text);
}

TEST(sql_error, becomes_out_of_memory_when_the_arena_is_full)
{
    struct arena arena;
    struct sql_error e = {.message = NULL}, copy = {.message = NULL};
    arena_init(&arena, 0);
    sql_error_set(&e, &arena, SQLSTATE_UNDEFINED_TABLE, 5, "no table");
    assert_true(sql_error_is(&e, SQLSTATE_OUT_OF_MEMORY));
    assert_string_equal(e.message, "out of memory");
    sql_error_copy(&copy, &arena, &e);
    assert_true(sql_error_is(&copy, SQLSTATE_OUT_OF_MEMORY));
    arena_deinit(&arena);
}

TEST(sql_error, copies_outlive_their_arena)
{
    struct arena first, second;
    struct sql_error e = {.message = NULL}, copy = {.message = NULL};
    arena_init(&first, 1u << 20);
    arena_init(&second, 1u << 20);
    sql_error_set(&e, &first, SQLSTATE_CHECK_VIOLATION, 7, "row %d", 1);
    sql_error_hint(&e, &first, "hint");
    sql_error_names(&e, arena_strdup(&first, "s"), NULL, NULL, NULL, NULL);
    sql_error_copy(&copy, &second, &e);
    arena_deinit(&first);
    assert_string_equal(copy.message, "row 1");
    assert_string_equal(copy.hint, "hint");
    assert_string_equal(copy.schema_name, "s");
    assert_null(copy.detail);
    assert_int_equal(copy.position, 7);
    arena_deinit(&second);
}
