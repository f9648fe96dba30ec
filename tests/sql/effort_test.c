/* What may work for long lets others go on, and ends when the statement is interrupted. */
#include "sql/function.h"
#include "sql/numeric_int.h"
#include "sql/operator.h"
#include "sql/sort.h"
#include "tests/sql/types_golden.h"
#include "tests/sql/types_random.h"
#include "tests/test.h"

struct breaths {
    uint32_t count, interrupt_at; /* 0: never */
};

static enum status breathe(void *ctx, struct sql_eval *e)
{
    struct breaths *b = ctx;
    if (++b->count != b->interrupt_at) return STATUS_OK;
    sql_eval_fail(e, SQLSTATE_QUERY_CANCELED, "canceling statement due to user request");
    return STATUS_TIMEOUT;
}

static const struct sql_surroundings surroundings = {.breathe = breathe};

struct fixture {
    struct golden g;
    struct breaths breaths;
};

static void fixture_init(struct fixture *f, uint32_t interrupt_at)
{
    golden_init(&f->g, NULL);
    arena_deinit(&f->g.arena);
    arena_init(&f->g.arena, 64 << 20);
    f->breaths = (struct breaths){.interrupt_at = interrupt_at};
    f->g.eval.session = &surroundings;
    f->g.eval.session_ctx = &f->breaths;
}

static struct sql_datum repeated(struct fixture *f, const char *text, size_t count)
{
    size_t size = strlen(text);
    uint8_t *to = arena_alloc(&f->g.arena, size * count + 1);
    assert_non_null(to);
    for (size_t i = 0; i < count; i++) memcpy(to + i * size, text, size);
    return sql_bytes(bytes_make(to, size * count));
}

static struct sql_datum number(struct fixture *f, const char *digits, size_t count)
{
    struct sql_datum text = repeated(f, digits, count), out = {0};
    assert_int_equal(sql_numeric_parse(&f->g.eval, text.bytes, SQL_TYPMOD_NONE, &out.bytes), STATUS_OK);
    return out;
}

/* The function of that oid. */
static enum status call(struct fixture *f, uint32_t oid, const struct sql_datum *args)
{
    struct sql_type types[SQL_SIGNATURE_MAX];
    const struct sql_function *function = sql_function_find(oid);
    assert_non_null(function);
    for (uint32_t i = 0; i < function->arg_count; i++) types[i] = sql_type_of(function->args[i]);
    struct sql_call c = {.args = args, .types = types, .count = function->arg_count, .result = function->result};
    struct sql_datum out;
    return sql_function_call(&f->g.eval, function, &c, &out);
}

enum kind { QUOTIENT, PRODUCT, SQUARE_ROOT, REMAINDER, DIVISOR, LONG_ROOT, MD5, SHA256, REPLACE, REVERSE, UPPER, REPEAT,
            PAD, ENCODE, PARTS, KINDS };

static enum status work(struct fixture *f, enum kind kind)
{
    struct sql_datum a[3], text = repeated(f, "ab", kind >= MD5 ? 1500000 : 0);
    switch (kind) {
    case QUOTIENT:
    case SQUARE_ROOT:
        a[0] = number(f, "7", 60000);
        if (kind == SQUARE_ROOT) return call(f, 1730, a);
        a[1] = number(f, "3", 30000);
        return call(f, 1973, a); /* div */
    case PRODUCT:
        a[0] = number(f, "7", 30000);
        return sql_numeric_apply2(&f->g.eval, SQL_NUMERIC_MULTIPLY, a[0].bytes, a[0].bytes, &a[1].bytes);
    case REMAINDER:
        a[0] = number(f, "7", 60000);
        a[1] = number(f, "3", 30000);
        return call(f, 1728, a);
    case DIVISOR:
        a[0] = number(f, "7", 16000);
        a[1] = number(f, "3", 8000);
        return call(f, 5048, a);
    case LONG_ROOT:
        return sql_numeric_sqrt(&f->g.eval, number(f, "2", 1).bytes, 6000, &a[1].bytes);
    case MD5: return call(f, 2311, &text);
    case SHA256: return call(f, 3420, &text);
    case REPLACE:
        a[0] = text;
        a[1] = repeated(f, "b", 1);
        a[2] = repeated(f, "c", 1);
        return call(f, 2087, a);
    case REVERSE: return call(f, 3062, &text);
    case UPPER: return call(f, 871, &text);
    case REPEAT:
        a[0] = repeated(f, "ab", 1);
        a[1] = sql_integer(12000000);
        return call(f, 1622, a);
    case PAD:
        a[0] = repeated(f, "ab", 1);
        a[1] = sql_integer(12000000);
        a[2] = repeated(f, "xyz", 1);
        return call(f, 873, a);
    case ENCODE:
        a[0] = text;
        a[1] = repeated(f, "base64", 1);
        return call(f, 1946, a);
    case PARTS:
        a[0] = text;
        a[1] = repeated(f, "b", 1);
        a[2] = sql_integer(-3);
        return call(f, 2088, a);
    case KINDS: break;
    }
    fail();
    return STATUS_INVALID;
}

TEST(effort, long_work_lets_others_go_on)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        struct fixture f;
        fixture_init(&f, 0);
        if (work(&f, kind) != STATUS_OK) fail_msg("%d: %s", (int)kind, f.g.error.message);
        if (f.breaths.count < 3) fail_msg("%d gave way %u times", (int)kind, f.breaths.count);
        golden_deinit(&f.g);
    }
}

TEST(effort, long_work_ends_when_it_is_interrupted)
{
    for (enum kind kind = 0; kind < KINDS; kind++) {
        struct fixture f;
        fixture_init(&f, 2);
        if (work(&f, kind) != STATUS_TIMEOUT) fail_msg("%d went on", (int)kind);
        assert_true(sql_error_is(&f.g.error, SQLSTATE_QUERY_CANCELED));
        assert_int_equal(f.breaths.count, 2);
        golden_deinit(&f.g);
    }
}

/* Small calls add up, whatever the function. */
TEST(effort, many_calls_let_others_go_on)
{
    struct fixture f;
    fixture_init(&f, 0);
    struct sql_datum a[2] = {sql_integer(1), sql_integer(2)};
    for (int i = 0; i < 1000000; i++) assert_int_equal(call(&f, 941, a), STATUS_OK); /* mod */
    assert_in_range(f.breaths.count, 3, 1000);
    golden_deinit(&f.g);
}

/* ---- sorting ---- */

struct item {
    uint32_t key, place;
};

static int compare_items(const void *a, const void *b, void *ctx)
{
    const struct item *x = a, *y = b;
    (void)ctx;
    return (x->key > y->key) - (x->key < y->key);
}

TEST(sort, keeps_equal_items_as_they_were)
{
    struct prng prng;
    prng_init(&prng, 1);
    for (size_t count = 0; count < 2000; count += 1 + count / 7) {
        struct fixture f;
        fixture_init(&f, 0);
        struct item *items = ARENA_ARRAY(&f.g.arena, struct item, count + 1);
        uint32_t keys = 1 + (uint32_t)prng_below(&prng, count + 3);
        for (uint32_t i = 0; i < count; i++) items[i] = (struct item){(uint32_t)prng_below(&prng, keys), i};
        uint64_t sum = 0;
        assert_int_equal(sql_sort(&f.g.eval, &f.g.arena, items, count, sizeof *items, compare_items, NULL), STATUS_OK);
        for (uint32_t i = 0; i < count; i++) {
            sum += items[i].place;
            if (i == 0) continue;
            assert_true(items[i - 1].key < items[i].key ||
                        (items[i - 1].key == items[i].key && items[i - 1].place < items[i].place));
        }
        assert_int_equal(sum, count * (count > 0 ? count - 1 : 0) / 2);
        golden_deinit(&f.g);
    }
}

TEST(sort, lets_others_go_on_and_ends_when_it_is_interrupted)
{
    for (uint32_t interrupt_at = 0; interrupt_at <= 5; interrupt_at += 5) {
        struct fixture f;
        fixture_init(&f, interrupt_at);
        enum { COUNT = 200000 };
        struct item *items = ARENA_ARRAY(&f.g.arena, struct item, COUNT);
        for (uint32_t i = 0; i < COUNT; i++) items[i] = (struct item){COUNT - i, i};
        enum status status = sql_sort(&f.g.eval, &f.g.arena, items, COUNT, sizeof *items, compare_items, NULL);
        assert_int_equal(status, interrupt_at == 0 ? STATUS_OK : STATUS_TIMEOUT);
        assert_true(f.breaths.count >= 5);
        assert_int_equal(f.g.arena.lent, 0);
        golden_deinit(&f.g);
    }
}

/* What it works in counts against the statement. */
TEST(sort, has_no_more_room_than_the_statement)
{
    struct fixture f;
    fixture_init(&f, 0);
    arena_deinit(&f.g.arena);
    arena_init(&f.g.arena, 1 << 20);
    enum { COUNT = 100000 };
    struct item *items = ARENA_ARRAY(&f.g.arena, struct item, COUNT);
    assert_non_null(items);
    assert_int_equal(sql_sort(&f.g.eval, &f.g.arena, items, COUNT, sizeof *items, compare_items, NULL), STATUS_NO_MEMORY);
    assert_true(sql_error_is(&f.g.error, SQLSTATE_OUT_OF_MEMORY));
    golden_deinit(&f.g);
}
