/* The catalogue is sound, and functions of the context answer from the context. */
#include "sql/function.h"

#include <stdio.h>

#include "sql/cast.h"
#include "sql/datetime.h"
#include "sql/function_int.h"
#include "sql/operator.h"
#include "sql/types_io.h"
#include "tests/sql/types_golden.h"
#include "tests/sql/types_random.h"
#include "tests/test.h"

/* --- The catalogue --------------------------------------------------------------------------- */

TEST(types, are_in_the_catalogue_once_and_found)
{
    uint32_t last = 0;
    const struct sql_type_info *info;
    for (size_t i = 0; (info = sql_type_at(i)) != NULL; i++) {
        assert_true(info->oid > last); /* sql_type_find relies on the order */
        last = info->oid;
        assert_true(sql_type_find(info->oid) == info);
        assert_true(sql_type_find_name(bytes_of_string(info->name), true) == info);
        if (info->can_be_key) assert_int_not_equal(info->storage, SQL_STORAGE_NONE);
    }
    assert_null(sql_type_find(0));
    assert_null(sql_type_find(99999));
    assert_int_equal(sql_type_find_name(BYTES_LITERAL("char"), false)->oid, SQL_TYPE_BPCHAR);
    assert_int_equal(sql_type_find_name(BYTES_LITERAL("char"), true)->oid, SQL_TYPE_CHAR);
    assert_int_equal(sql_type_find_name(BYTES_LITERAL("double precision"), false)->oid,
                     SQL_TYPE_FLOAT8);
    assert_null(sql_type_find_name(BYTES_LITERAL("intx"), false));
}

TEST(functions, are_in_the_catalogue_once)
{
    const struct sql_function *f, *g;
    for (size_t i = 0; (f = sql_function_at(i)) != NULL; i++) {
        assert_true((f->evaluate == NULL) != (f->aggregate == NULL));
        assert_non_null(sql_type_find(f->result));
        for (uint32_t k = 0; k < f->arg_count; k++)
            assert_non_null(sql_type_find(f->args[k]));
        if (f->variadic) assert_int_equal(f->args[f->arg_count - 1], SQL_TYPE_ANY);
        for (size_t j = 0; j < i; j++) {
            g = sql_function_at(j);
            if (f->oid == g->oid) fail_msg("%s and %s are both %u", f->name, g->name, f->oid);
            bool same = strcmp(f->name, g->name) == 0 && f->arg_count == g->arg_count &&
                        memcmp(f->args, g->args, sizeof f->args) == 0;
            if (same) fail_msg("%s is there twice", f->name);
        }
        assert_true(sql_function_find(f->oid) == f);
        assert_true(sql_function_exists(bytes_of_string(f->name)));
    }
    assert_false(sql_function_exists(BYTES_LITERAL("nosuch")));
}

/* A call with a function's own types finds that function. */
TEST(functions, are_found_by_their_own_signature)
{
    struct golden g;
    golden_init(&g, NULL);
    const struct sql_function *f;
    for (size_t i = 0; (f = sql_function_at(i)) != NULL; i++) {
        golden_reset(&g);
        uint32_t targets[SQL_SIGNATURE_MAX];
        struct sql_function_match match;
        bool any = false;
        for (uint32_t k = 0; k < f->arg_count; k++)
            any = any || f->args[k] == SQL_TYPE_ANY;
        if (any) continue;
        assert_int_equal(sql_function_resolve(&g.arena, bytes_of_string(f->name), f->args,
                                              f->arg_count, targets, &match, &g.error),
                         STATUS_OK);
        assert_true(match.function == f);
        assert_int_equal(match.result, f->result);
    }
    golden_deinit(&g);
}

TEST(operators, are_in_the_catalogue_once)
{
    const struct sql_operator *a, *b;
    for (size_t i = 0; (a = sql_operator_at(i)) != NULL; i++) {
        assert_non_null(a->evaluate);
        for (size_t j = 0; j < i; j++) {
            b = sql_operator_at(j);
            if (a->oid == b->oid) fail_msg("%s and %s are both %u", a->name, b->name, a->oid);
            assert_false(strcmp(a->name, b->name) == 0 && a->left == b->left &&
                         a->right == b->right);
        }
        assert_true(sql_operator_find(a->oid) == a);
    }
}

/* Else the search for it would go past its table. */
TEST(operators, begin_as_their_table_says)
{
    const struct operator_table *tables[] = {&operator_compare_table, &operator_arith_table, &operator_time_table,
                                             &operator_text_table};
    for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
        for (size_t i = 0; i < tables[t]->count; i++)
            assert_non_null(strchr(tables[t]->first, tables[t]->rows[i].name[0]));
}

/* Every type that has an order has the six operators, and each has its mirror and its opposite. */
TEST(operators, come_in_sixes)
{
    const struct sql_operator *op;
    for (size_t i = 0; (op = sql_operator_at(i)) != NULL; i++) {
        if (op->relation == SQL_RELATION_NONE) continue;
        assert_non_null(
            sql_operator_of_relation(sql_relation_swap(op->relation), op->right, op->left));
        assert_non_null(
            sql_operator_of_relation(sql_relation_negate(op->relation), op->left, op->right));
        assert_int_equal(sql_relation_swap(sql_relation_swap(op->relation)), op->relation);
        assert_int_equal(sql_relation_negate(sql_relation_negate(op->relation)), op->relation);
    }
    for (size_t i = 0; i < random_key_type_count; i++) {
        uint32_t oid = random_key_types[i];
        if (oid == SQL_TYPE_VARCHAR || oid == SQL_TYPE_REGCLASS) continue; /* compared as others */
        assert_non_null(sql_operator_of_relation(SQL_RELATION_EQUAL, oid, oid));
    }
}

/* The operators and sql_datum_compare are of one mind. */
TEST(operators, order_values_as_keys_do)
{
    struct golden g;
    struct prng p;
    golden_init(&g, NULL);
    prng_init(&p, 1);
    for (int i = 0; i < 60000; i++) {
        struct sql_eval *e = golden_reset(&g);
        uint32_t oid = random_key_types[prng_below(&p, random_key_type_count)];
        struct sql_datum args[2] = {random_datum(&p, &g.arena, oid),
                                    random_datum(&p, &g.arena, oid)};
        const struct sql_operator *op = sql_operator_of_relation(SQL_RELATION_LESS, oid, oid);
        if (op == NULL) continue;
        struct sql_type types[2] = {sql_type_of(oid), sql_type_of(oid)};
        struct sql_datum result;
        assert_int_equal(sql_operator_call(e, op, types, args, &result), STATUS_OK);
        assert_int_equal(result.boolean, sql_datum_compare(oid, &args[0], &args[1]) < 0);
        args[1] = SQL_NULL;
        assert_int_equal(sql_operator_call(e, op, types, args, &result), STATUS_OK);
        assert_true(result.is_null);
    }
    golden_deinit(&g);
}

/* --- Calls ----------------------------------------------------------------------------------- */

static struct sql_datum call(struct golden *g, const char *name, const uint32_t *types,
                             const struct sql_datum *args, uint32_t count, uint32_t *result_out)
{
    uint32_t targets[SQL_ARGUMENTS_MAX];
    struct sql_type given[SQL_ARGUMENTS_MAX];
    struct sql_function_match match;
    assert_int_equal(sql_function_resolve(&g->arena, bytes_of_string(name), types, count, targets,
                                          &match, &g->error),
                     STATUS_OK);
    for (uint32_t i = 0; i < count; i++)
        given[i] = sql_type_of(targets[i]);
    struct sql_call c = {args, given, count, match.result};
    struct sql_datum out;
    assert_int_equal(sql_function_call(&g->eval, match.function, &c, &out), STATUS_OK);
    if (result_out != NULL) *result_out = match.result;
    return out;
}

TEST(functions, answer_from_the_context)
{
    struct golden g;
    golden_init(&g, NULL);
    g.eval.user_name = "ada";
    g.eval.session_user_name = "charles";
    g.eval.database_name = "engine";
    g.eval.version = "PostgreSQL 15.0 (Ostraka)";
    g.eval.transaction_us = 1;
    g.eval.statement_us = 2;
    g.eval.clock_us = 3;
    uint32_t type;
    struct sql_datum v = call(&g, "current_user", NULL, NULL, 0, &type);
    assert_true(bytes_equal(v.bytes, BYTES_LITERAL("ada")) && type == SQL_TYPE_NAME);
    v = call(&g, "session_user", NULL, NULL, 0, NULL);
    assert_true(bytes_equal(v.bytes, BYTES_LITERAL("charles")));
    v = call(&g, "current_database", NULL, NULL, 0, NULL);
    assert_true(bytes_equal(v.bytes, BYTES_LITERAL("engine")));
    v = call(&g, "version", NULL, NULL, 0, NULL);
    assert_true(bytes_equal(v.bytes, BYTES_LITERAL("PostgreSQL 15.0 (Ostraka)")));
    assert_true(call(&g, "now", NULL, NULL, 0, NULL).integer == 1);
    assert_true(call(&g, "current_timestamp", NULL, NULL, 0, NULL).integer == 1);
    assert_true(call(&g, "statement_timestamp", NULL, NULL, 0, NULL).integer == 2);
    assert_true(call(&g, "clock_timestamp", NULL, NULL, 0, NULL).integer == 3);
    g.eval.transaction_us = 3 * US_PER_DAY + US_PER_HOUR;
    assert_true(call(&g, "current_date", NULL, NULL, 0, NULL).integer == 3);
    assert_true(call(&g, "localtime", NULL, NULL, 0, NULL).integer == US_PER_HOUR);
    g.eval.schema_name = NULL;
    assert_true(call(&g, "current_schema", NULL, NULL, 0, NULL).is_null);
    uint32_t numeric = SQL_TYPE_NUMERIC;
    v = SQL_NULL;
    assert_int_equal(call(&g, "pg_typeof", &numeric, &v, 1, &type).integer, SQL_TYPE_NUMERIC);
    assert_int_equal(type, SQL_TYPE_REGTYPE);
    golden_deinit(&g);
}

static void counting_random(void *ctx, uint8_t *out, size_t size)
{
    uint8_t *next = ctx;
    for (size_t i = 0; i < size; i++)
        out[i] = (*next)++;
}

TEST(functions, take_randomness_from_the_context)
{
    struct golden g;
    golden_init(&g, NULL);
    uint8_t next = 0xF0;
    g.eval.random = counting_random;
    g.eval.random_ctx = &next;
    struct sql_datum v = call(&g, "gen_random_uuid", NULL, NULL, 0, NULL);
    char text[SQL_UUID_TEXT_BYTES];
    sql_uuid_format(v.bytes, text);
    assert_memory_equal(text, "f0f1f2f3-f4f5-46f7-b8f9-fafbfcfdfeff", SQL_UUID_TEXT_BYTES);
    double r = call(&g, "random", NULL, NULL, 0, NULL).real;
    assert_true(r >= 0 && r < 1);
    golden_deinit(&g);
}

TEST(functions, named_like_types_are_casts)
{
    struct golden g;
    golden_init(&g, NULL);
    uint32_t numeric = SQL_TYPE_NUMERIC, target;
    struct sql_function_match match;
    assert_int_equal(sql_function_resolve(&g.arena, BYTES_LITERAL("int4"), &numeric, 1, &target,
                                          &match, &g.error),
                     STATUS_OK);
    assert_null(match.function);
    assert_int_equal(match.result, SQL_TYPE_INT4);
    golden_deinit(&g);
}

TEST(functions, say_why_there_is_none)
{
    struct golden g;
    golden_init(&g, NULL);
    uint32_t types[2] = {SQL_TYPE_INT4, SQL_TYPE_TEXT}, targets[2];
    struct sql_function_match match;
    assert_int_equal(sql_function_resolve(&g.arena, BYTES_LITERAL("nosuch"), types, 2, targets,
                                          &match, &g.error),
                     STATUS_NOT_FOUND);
    assert_true(sql_error_is(&g.error, SQLSTATE_UNDEFINED_FUNCTION));
    assert_string_equal(g.error.message, "function nosuch(integer, text) does not exist");
    golden_reset(&g);
    types[0] = types[1] = SQL_TYPE_UNKNOWN;
    assert_int_equal(
        sql_function_resolve(&g.arena, BYTES_LITERAL("mod"), types, 2, targets, &match, &g.error),
        STATUS_NOT_FOUND);
    assert_true(sql_error_is(&g.error, SQLSTATE_AMBIGUOUS_FUNCTION));
    assert_string_equal(g.error.message, "function mod(unknown, unknown) is not unique");
    golden_reset(&g);
    uint32_t left, right;
    const struct sql_operator *op;
    assert_int_equal(sql_operator_resolve(&g.arena, BYTES_LITERAL("="), SQL_TYPE_INT4,
                                          SQL_TYPE_TEXT, &left, &right, &op, &g.error),
                     STATUS_NOT_FOUND);
    assert_string_equal(g.error.message, "operator does not exist: integer = text");
    assert_non_null(g.error.hint);
    golden_deinit(&g);
}

/* --- One type for several -------------------------------------------------------------------- */

static uint32_t common(struct golden *g, uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t types[3] = {a, b, c}, out = 0;
    golden_reset(g);
    if (sql_type_common(&g->arena, "CASE", types, 3, &out, &g->error) != STATUS_OK) return 0;
    return out;
}

TEST(types, have_a_common_type_as_in_postgresql)
{
    struct golden g;
    golden_init(&g, NULL);
    enum {
        U = SQL_TYPE_UNKNOWN,
        I4 = SQL_TYPE_INT4,
        I8 = SQL_TYPE_INT8,
        N = SQL_TYPE_NUMERIC,
        F = SQL_TYPE_FLOAT8,
        X = SQL_TYPE_TEXT,
        V = SQL_TYPE_VARCHAR,
        D = SQL_TYPE_DATE,
        TZ = SQL_TYPE_TIMESTAMPTZ
    };
    assert_int_equal(common(&g, U, U, U), X);
    assert_int_equal(common(&g, U, I4, U), I4);
    assert_int_equal(common(&g, I4, I8, I4), I8);
    assert_int_equal(common(&g, I4, N, I8), N);
    assert_int_equal(common(&g, N, I4, F), F);
    assert_int_equal(common(&g, V, X, U), V); /* each can be had from the other: the first stays */
    assert_int_equal(common(&g, X, V, V), X);
    assert_int_equal(common(&g, V, V, V), V);
    assert_int_equal(common(&g, D, TZ, U), TZ);
    assert_int_equal(common(&g, I4, X, U), 0);
    assert_true(sql_error_is(&g.error, SQLSTATE_DATATYPE_MISMATCH));
    assert_string_equal(g.error.message, "CASE types integer and text cannot be matched");
    golden_deinit(&g);
}

/* --- Modifiers ------------------------------------------------------------------------------- */

static const char *made(struct golden *g, uint32_t oid, int64_t a, int64_t b, size_t count)
{
    int64_t arguments[2] = {a, b};
    struct sql_type type = {oid, 0};
    golden_reset(g);
    if (sql_type_make_typmod(&g->arena, oid, arguments, count, &type.typmod, &g->error) !=
        STATUS_OK)
        return g->error.message;
    return sql_type_format(&g->arena, type);
}

TEST(types, modifiers_are_checked_and_shown)
{
    struct golden g;
    golden_init(&g, NULL);
    assert_string_equal(made(&g, SQL_TYPE_VARCHAR, 10, 0, 1), "character varying(10)");
    assert_string_equal(made(&g, SQL_TYPE_BPCHAR, 0, 0, 1),
                        "length for type char must be at least 1");
    assert_string_equal(made(&g, SQL_TYPE_VARCHAR, 10485761, 0, 1),
                        "length for type varchar cannot exceed 10485760");
    assert_string_equal(made(&g, SQL_TYPE_NUMERIC, 10, 2, 2), "numeric(10,2)");
    assert_string_equal(made(&g, SQL_TYPE_NUMERIC, 10, 0, 1), "numeric(10,0)");
    assert_string_equal(made(&g, SQL_TYPE_NUMERIC, 3, -2, 2), "numeric(3,-2)");
    assert_string_equal(made(&g, SQL_TYPE_NUMERIC, 1001, 0, 1),
                        "NUMERIC precision 1001 must be between 1 and 1000");
    assert_string_equal(made(&g, SQL_TYPE_TIMESTAMPTZ, 3, 0, 1), "timestamp(3) with time zone");
    assert_string_equal(made(&g, SQL_TYPE_TIME, 9, 0, 1), "time(6) without time zone");
    assert_string_equal(made(&g, SQL_TYPE_INTERVAL, 2, 0, 1), "interval(2)");
    assert_string_equal(made(&g, SQL_TYPE_INT4, 2, 0, 1),
                        "type modifier is not allowed for type \"int4\"");
    golden_deinit(&g);
}

/* --- Aggregates ------------------------------------------------------------------------------ */

static struct sql_aggregate_state *start(struct golden *g, const char *name, const uint32_t *types,
                                         uint32_t count)
{
    uint32_t targets[2];
    struct sql_type given[2];
    struct sql_function_match match;
    struct sql_aggregate_state *state = NULL;
    assert_int_equal(sql_function_resolve(&g->arena, bytes_of_string(name), types, count, targets,
                                          &match, &g->error),
                     STATUS_OK);
    for (uint32_t i = 0; i < count; i++)
        given[i] = sql_type_of(targets[i]);
    assert_int_equal(sql_aggregate_init(&g->eval, match.function, given, count, &state), STATUS_OK);
    return state;
}

TEST(aggregates, count_rows_and_values)
{
    struct golden g;
    golden_init(&g, NULL);
    uint32_t type = SQL_TYPE_INT4;
    struct sql_aggregate_state *rows = start(&g, "count", NULL, 0);
    struct sql_aggregate_state *values = start(&g, "count", &type, 1);
    for (int i = 0; i < 10; i++) {
        struct sql_datum v = i % 3 == 0 ? SQL_NULL : sql_integer(i);
        assert_int_equal(sql_aggregate_step(&g.eval, rows, NULL), STATUS_OK);
        assert_int_equal(sql_aggregate_step(&g.eval, values, &v), STATUS_OK);
    }
    struct sql_datum out;
    assert_int_equal(sql_aggregate_final(&g.eval, rows, &out), STATUS_OK);
    assert_int_equal(out.integer, 10);
    assert_int_equal(sql_aggregate_final(&g.eval, values, &out), STATUS_OK);
    assert_int_equal(out.integer, 6);
    golden_deinit(&g);
}

TEST(aggregates, join_strings)
{
    struct golden g;
    golden_init(&g, NULL);
    uint32_t types[2] = {SQL_TYPE_TEXT, SQL_TYPE_TEXT};
    struct sql_aggregate_state *group = start(&g, "string_agg", types, 2);
    struct sql_datum out;
    assert_int_equal(sql_aggregate_final(&g.eval, group, &out), STATUS_OK);
    assert_true(out.is_null);
    static const char *const words[] = {"a", NULL, "b", "", "c"};
    for (int i = 0; i < 5; i++) {
        struct sql_datum args[2] = {words[i] == NULL ? SQL_NULL
                                                     : sql_bytes(bytes_of_string(words[i])),
                                    i == 4 ? SQL_NULL : sql_bytes(BYTES_LITERAL(", "))};
        assert_int_equal(sql_aggregate_step(&g.eval, group, args), STATUS_OK);
    }
    assert_int_equal(sql_aggregate_final(&g.eval, group, &out), STATUS_OK);
    assert_true(bytes_equal(out.bytes, BYTES_LITERAL("a, b, c")));
    golden_deinit(&g);
}

/* A million rows leave as much in the arena as a thousand. */
TEST(aggregates, take_bounded_memory)
{
    struct golden g;
    struct prng p;
    struct arena rows;
    golden_init(&g, NULL);
    prng_init(&p, 1);
    arena_init(&rows, 1 << 20);
    static const struct {
        const char *name;
        uint32_t type;
    } cases[] = {{"sum", SQL_TYPE_NUMERIC},    {"avg", SQL_TYPE_NUMERIC},
                 {"stddev", SQL_TYPE_NUMERIC}, {"max", SQL_TYPE_TEXT},
                 {"min", SQL_TYPE_NUMERIC},    {"sum", SQL_TYPE_INT8},
                 {"variance", SQL_TYPE_INT4}};
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        struct sql_eval *e = golden_reset(&g);
        struct sql_aggregate_state *group = start(&g, cases[c].name, &cases[c].type, 1);
        size_t used = 0;
        for (int i = 0; i < 20000; i++) {
            struct sql_datum v = random_datum(&p, &rows, cases[c].type);
            e->arena = &rows;
            assert_int_equal(sql_aggregate_step(e, group, &v), STATUS_OK);
            assert_true(e->arena == &rows);
            e->arena = &g.arena;
            arena_reset(&rows);
            if (i == 5000) used = g.arena.used;
        }
        assert_int_equal(g.arena.used, used);
    }
    arena_deinit(&rows);
    golden_deinit(&g);
}

/* --- Catalogue objects ----------------------------------------------------------------------- */

static enum status find_object(void *ctx, uint32_t oid, struct bytes name, uint32_t *out)
{
    (void)ctx;
    if (oid != SQL_TYPE_REGCLASS || !bytes_equal(name, BYTES_LITERAL("accounts")))
        return STATUS_NOT_FOUND;
    *out = 16384;
    return STATUS_OK;
}

static enum status name_object(void *ctx, uint32_t oid, uint32_t object, struct arena *arena,
                               struct bytes *out)
{
    (void)ctx;
    (void)arena;
    if (oid != SQL_TYPE_REGCLASS || object != 16384) return STATUS_NOT_FOUND;
    *out = BYTES_LITERAL("accounts");
    return STATUS_OK;
}

TEST(types, objects_go_through_the_catalogue)
{
    struct golden g;
    golden_init(&g, NULL);
    struct sql_datum v;
    struct bytes text;
    struct sql_type regclass = sql_type_of(SQL_TYPE_REGCLASS);
    assert_int_equal(sql_type_input(&g.eval, regclass, BYTES_LITERAL("accounts"), &v),
                     STATUS_INVALID);
    assert_true(sql_error_is(&g.error, SQLSTATE_UNDEFINED_TABLE));
    golden_reset(&g);
    g.eval.object_find = find_object;
    g.eval.object_name = name_object;
    assert_int_equal(sql_type_input(&g.eval, regclass, BYTES_LITERAL("accounts"), &v), STATUS_OK);
    assert_int_equal(v.integer, 16384);
    assert_int_equal(sql_type_output(&g.eval, SQL_TYPE_REGCLASS, &v, &text), STATUS_OK);
    assert_true(bytes_equal(text, BYTES_LITERAL("accounts")));
    v.integer = 5;
    assert_int_equal(sql_type_output(&g.eval, SQL_TYPE_REGCLASS, &v, &text), STATUS_OK);
    assert_true(bytes_equal(text, BYTES_LITERAL("5")));
    v.integer = SQL_TYPE_INT4;
    assert_int_equal(sql_type_output(&g.eval, SQL_TYPE_REGTYPE, &v, &text), STATUS_OK);
    assert_true(bytes_equal(text, BYTES_LITERAL("integer")));
    golden_deinit(&g);
}
