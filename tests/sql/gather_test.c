/* Rows of other nodes: what was sent arrives, and what nobody should send does no harm. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/prng.h"
#include "sql/datum.h"
#include "sql/virtual.h"
#include "tests/test.h"

static void add_row(const struct virtual_table *v, struct virtual_rows *rows, struct prng *prng)
{
    virtual_row(rows);
    for (uint32_t i = 0; i < v->column_count; i++) {
        uint64_t r = prng_next(prng);
        if (r % 5 == 0) {
            virtual_null(rows);
            continue;
        }
        switch (sql_type_find(v->columns[i].type)->storage) {
        case SQL_STORAGE_BOOLEAN: virtual_boolean(rows, r & 1); break;
        case SQL_STORAGE_REAL: virtual_real(rows, (double)(r % 100000) / 8); break;
        case SQL_STORAGE_INTEGER: virtual_integer(rows, (int64_t)(r % 1000000)); break;
        default: virtual_text(rows, r & 1 ? "h\xc3\xa9llo" : ""); break;
        }
    }
}

static void fill(const struct virtual_table *v, struct virtual_rows *rows, struct arena *arena,
                 uint32_t count)
{
    struct prng prng;
    prng_init(&prng, v->id);
    virtual_rows_init(rows, arena, v);
    for (uint32_t i = 0; i < count; i++)
        add_row(v, rows, &prng);
}

/* Every value of every row is one that its type can have. */
static void check(const struct virtual_table *v, const struct virtual_rows *rows)
{
    for (uint32_t i = 0; i < rows->count; i++)
        for (uint32_t k = 0; k < v->column_count; k++)
            assert_true(sql_datum_check(v->columns[k].type, &rows->rows[i][k]));
}

TEST(gather, rows_of_every_table_arrive_as_they_were)
{
    const struct virtual_table *v;
    for (size_t t = 0; (v = virtual_at(t)) != NULL; t++) {
        if (v->scope != VIRTUAL_CLUSTER) continue;
        struct arena arena;
        struct buf body;
        struct virtual_rows sent, got;
        bool whole = false;
        arena_init(&arena, 8u << 20);
        buf_init(&body, 8u << 20);
        fill(v, &sent, &arena, 50);
        virtual_encode(v, &sent, &body);
        virtual_rows_init(&got, &arena, v);
        assert_true(virtual_decode(v, buf_view(&body), &got, &whole));
        assert_true(whole);
        assert_int_equal(got.count, 50);
        for (uint32_t i = 0; i < 50; i++)
            for (uint32_t k = 0; k < v->column_count; k++) {
                const struct sql_datum *a = &sent.rows[i][k], *b = &got.rows[i][k];
                assert_int_equal(a->is_null, b->is_null);
                if (!a->is_null) assert_int_equal(sql_datum_compare(v->columns[k].type, a, b), 0);
            }
        buf_deinit(&body);
        arena_deinit(&arena);
    }
}

TEST(gather, damaged_answers_are_refused_or_hold_valid_values)
{
    const struct virtual_table *v = virtual_find("ostraka", "sessions");
    struct arena arena, work;
    struct buf body;
    struct virtual_rows sent, got;
    bool whole;
    arena_init(&arena, 1u << 20);
    arena_init(&work, 1u << 20);
    buf_init(&body, 1u << 20);
    fill(v, &sent, &arena, 3);
    virtual_encode(v, &sent, &body);
    for (size_t size = 0; size < body.size; size++) {
        arena_reset(&work);
        virtual_rows_init(&got, &work, v);
        assert_false(virtual_decode(v, bytes_make(body.data, size), &got, &whole));
    }
    for (size_t at = 0; at < body.size; at++)
        for (int bit = 0; bit < 8; bit++) {
            body.data[at] ^= (uint8_t)(1 << bit);
            arena_reset(&work);
            virtual_rows_init(&got, &work, v);
            (void)virtual_decode(v, buf_view(&body), &got, &whole);
            check(v, &got);
            body.data[at] ^= (uint8_t)(1 << bit);
        }
    buf_append_byte(&body, 0); /* and nothing behind */
    virtual_rows_init(&got, &work, v);
    assert_false(virtual_decode(v, buf_view(&body), &got, &whole));
    buf_deinit(&body);
    arena_deinit(&arena);
    arena_deinit(&work);
}

TEST(gather, too_many_rows_are_cut_and_it_is_said_so)
{
    const struct virtual_table *v = virtual_find("ostraka", "statements");
    struct arena arena;
    struct buf body;
    struct virtual_rows sent, got;
    bool whole = true;
    arena_init(&arena, 200u << 20);
    buf_init(&body, 8u << 20);
    fill(v, &sent, &arena, 80000);
    virtual_encode(v, &sent, &body);
    assert_false(body.failed);
    virtual_rows_init(&got, &arena, v);
    assert_true(virtual_decode(v, buf_view(&body), &got, &whole));
    assert_false(whole);
    assert_true(got.count > 1000 && got.count < 80000);
    buf_deinit(&body);
    arena_deinit(&arena);
}
