/* Records of idempotency keys: what a key says, what is kept, and that damage is refused. */
#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

#include "sql/idempotency.h"
#include "sql/idempotency_record.h"

#define MS UINT64_C(1000000)

TEST(idempotency_record, a_key_may_say_when_it_was_made)
{
    static const struct {
        const char *key;
        uint64_t ms;
    } keys[] = {
        {"1732175302123/order-1", 1732175302123},
        {"1732175302123/", 1732175302123},
        {"0000000000001/x", 1},
        {"1732175302123", 0},      /* no slash */
        {"173217530212/x", 0},     /* twelve digits */
        {"17321753021234/x", 0},   /* fourteen */
        {"1732175302x23/x", 0},
        {"order-1", 0},
        {"01936c5f-1a2b-7c3d-8e4f-0123456789ab", 0x01936c5f1a2b},
        {"01936C5F-1A2B-7C3D-8E4F-0123456789AB", 0x01936c5f1a2b},
        {"01936c5f-1a2b-4c3d-8e4f-0123456789ab", 0}, /* another version */
        {"01936c5f-1a2b-7c3d-8e4f-0123456789a", 0},
        {"01936c5f11a2b-7c3d-8e4f-0123456789ab", 0},
        {"01936c5f-1a2b-7c3d-8e4f-0123456789ag", 0},
    };
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++)
        assert_u64_equal(idempotency_issued_ns(bytes_of_string(keys[i].key)), keys[i].ms * MS);
    /* Later than any clock: a number that can be added to. */
    uint64_t far = idempotency_issued_ns(bytes_of_string("ffffffff-ffff-7fff-bfff-ffffffffffff"));
    assert_u64_equal(far, UINT64_MAX / 4);
    assert_u64_equal(idempotency_issued_ns(bytes_of_string("9999999999999/x")), far);
}

TEST(idempotency_record, keys_are_short)
{
    char key[IDEMPOTENCY_KEY_BYTES_MAX + 2];
    memset(key, 'k', sizeof key);
    key[IDEMPOTENCY_KEY_BYTES_MAX + 1] = '\0';
    assert_non_null(idempotency_key_problem(key));
    key[IDEMPOTENCY_KEY_BYTES_MAX] = '\0';
    assert_null(idempotency_key_problem(key));
    assert_null(idempotency_key_problem(""));
}

TEST(idempotency_record, results_end_after_the_commit_and_after_the_key_was_made)
{
    struct idempotency_record r = {.ttl_ns = 100};
    assert_u64_equal(idempotency_results_end(&r, 1000, 0), 1100);
    assert_u64_equal(idempotency_results_end(&r, 1000, 5000), 5100);
    r.ttl_ns = UINT64_MAX;
    assert_u64_equal(idempotency_results_end(&r, 1000, 0), UINT64_MAX);
}

static void encode(struct buf *out, bool emptied, bool ends)
{
    struct idempotency_record r = {.emptied = emptied, .ends = ends, .ttl_ns = 1, .seen_ts = 2, .row_until = 3, .tag = 4,
                                   .count = emptied ? 0 : 5};
    uint8_t head[IDEMPOTENCY_HEAD_BYTES];
    idempotency_record_head(&r, head);
    buf_init(out, 1 << 12);
    buf_append(out, head, idempotency_head_bytes(ends));
    if (!emptied) buf_append_string(out, "statements");
    assert_false(out->failed);
}

TEST(idempotency_record, what_was_encoded_is_decoded)
{
    for (int kind = 0; kind < 3; kind++) {
        struct buf b;
        struct idempotency_record r;
        bool emptied = kind == 1, ends = kind == 2;
        encode(&b, emptied, ends);
        assert_int_equal(idempotency_record_decode(buf_view(&b), &r), STATUS_OK);
        assert_int_equal(r.emptied, emptied);
        assert_int_equal(r.ends, ends);
        assert_u64_equal(r.ttl_ns, 1);
        assert_u64_equal(r.seen_ts, ends ? 0 : 2);
        assert_u64_equal(r.row_until, ends ? 0 : 3);
        assert_u64_equal(r.tag, 4);
        assert_u64_equal(r.count, emptied ? 0 : 5);
        assert_true(bytes_equal(r.statements, bytes_of_string(emptied ? "" : "statements")));
        buf_deinit(&b);
    }
}

TEST(idempotency_record, damage_is_refused)
{
    struct buf b;
    struct idempotency_record r;
    encode(&b, true, false);
    for (size_t size = 0; size < b.size; size++) {
        uint8_t *copy = malloc(size + 1); /* so that reading beyond is seen */
        assert_non_null(copy);
        memcpy(copy, b.data, size);
        assert_int_not_equal(idempotency_record_decode(bytes_make(copy, size), &r), STATUS_OK);
        free(copy);
    }
    b.data[0] = 2;
    assert_int_equal(idempotency_record_decode(buf_view(&b), &r), STATUS_VERSION);
    b.data[0] = 1;
    b.data[1] = 3;
    assert_int_equal(idempotency_record_decode(buf_view(&b), &r), STATUS_CORRUPT);
    b.data[1] = 1;
    put_u8(&b, 0); /* an emptied record with statements */
    assert_int_equal(idempotency_record_decode(buf_view(&b), &r), STATUS_CORRUPT);
    buf_deinit(&b);
}

/* ---- statements ---- */

struct shown {
    uint32_t columns, rows;
    int64_t last;
};

static bool on_begin(void *ctx, const struct sql_result_column *columns, uint32_t count)
{
    struct shown *s = ctx;
    (void)columns;
    s->columns = count;
    return true;
}

static bool on_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    struct shown *s = ctx;
    (void)eval;
    s->rows++;
    s->last = values[0].is_null ? -1 : values[0].integer;
    return true;
}

static bool replay(struct bytes statement, struct shown *shown, char tag[64], char sqlstate[6])
{
    struct arena arena, rows;
    struct sql_error error = {0};
    struct sql_sink sink = {.begin = on_begin, .row = on_row, .ctx = shown};
    arena_init(&arena, 1 << 20);
    arena_init(&rows, 1 << 20);
    struct exec x = {.arena = &arena, .row_arena = &rows, .error = &error, .sink = &sink};
    sql_eval_init(&x.eval, &arena, &error);
    struct reader in = reader_make(statement);
    *shown = (struct shown){0};
    bool ok = idempotency_replay(&x, &in);
    assert_true(ok || sql_error_is_set(&error));
    memcpy(sqlstate, error.sqlstate, 6);
    memcpy(tag, x.tag, 64);
    arena_deinit(&arena);
    arena_deinit(&rows);
    return ok;
}

static void put_statement(struct buf *out)
{
    struct sql_result_column columns[] = {{.name = "a", .type = {SQL_TYPE_INT8, -1}},
                                          {.name = "b", .type = {SQL_TYPE_TEXT, -1}}};
    struct sql_eval eval;
    struct sql_error error = {0};
    struct arena arena;
    arena_init(&arena, 1 << 16);
    sql_eval_init(&eval, &arena, &error);
    buf_init(out, 1 << 16);
    idempotency_put_columns(out, columns, 2);
    struct sql_datum first[] = {{.integer = 7}, {.bytes = bytes_of_string("seven")}}, second[] = {SQL_NULL, SQL_NULL};
    idempotency_put_row(out, &eval, columns, 2, first);
    idempotency_put_row(out, &eval, columns, 2, second);
    idempotency_put_tag(out, "SELECT 2");
    assert_false(out->failed);
    arena_deinit(&arena);
}

TEST(idempotency_record, an_answer_is_shown_again)
{
    struct buf b;
    struct shown shown;
    char tag[64], sqlstate[6];
    put_statement(&b);
    assert_true(replay(buf_view(&b), &shown, tag, sqlstate));
    assert_u64_equal(shown.columns, 2);
    assert_u64_equal(shown.rows, 2);
    assert_int_equal(shown.last, -1);
    assert_string_equal(tag, "SELECT 2");
    buf_deinit(&b);
}

TEST(idempotency_record, a_damaged_answer_is_an_error_and_no_crash)
{
    struct buf b;
    struct shown shown;
    char tag[64], sqlstate[6];
    put_statement(&b);
    for (size_t size = 0; size < b.size; size++) {
        uint8_t *copy = malloc(size + 1);
        assert_non_null(copy);
        memcpy(copy, b.data, size);
        assert_false(replay(bytes_make(copy, size), &shown, tag, sqlstate));
        free(copy);
    }
    for (size_t at = 0; at < b.size; at++) { /* anything may come of it but a crash */
        uint8_t was = b.data[at];
        for (unsigned bit = 0; bit < 8; bit++) {
            b.data[at] = (uint8_t)(was ^ 1u << bit);
            (void)replay(buf_view(&b), &shown, tag, sqlstate);
        }
        b.data[at] = was;
    }
    buf_deinit(&b);
}
