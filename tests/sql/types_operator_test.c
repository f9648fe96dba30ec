/* Operators, functions and aggregates, against PostgreSQL's answers. */
#include <string.h>

#include "sql/cast.h"
#include "sql/datetime_zone.h"
#include "sql/operator.h"
#include "tests/sql/types_golden.h"
#include "tests/test.h"

static void replay(const char *file, const char *zone,
                   void (*check)(struct golden *g, const struct golden_row *row))
{
    struct golden g;
    golden_init(&g, zone);
    golden_replay(&g, file, check);
    golden_deinit(&g);
}

static bool is_dash(struct bytes text)
{
    return bytes_equal(text, BYTES_LITERAL("-"));
}

static const char *name_of(uint32_t oid)
{
    return sql_type_find(oid)->sql_name;
}

/* --- Operators ------------------------------------------------------------------------------- */

static void check_operator(struct golden *g, const struct golden_row *row)
{
    struct sql_eval *e = &g->eval;
    bool prefix = is_dash(row->columns[1]);
    struct sql_type types[2] = {{0, SQL_TYPMOD_NONE}, golden_type(g, row->columns[3])};
    if (!prefix) types[0] = golden_type(g, row->columns[1]);
    uint32_t left, right;
    const struct sql_operator *op;
    enum status status = sql_operator_resolve(e->arena, row->columns[0], types[0].oid, types[1].oid,
                                              &left, &right, &op, e->error);
    struct sql_datum args[2], result = SQL_NULL;
    uint32_t result_type = 0;
    if (status == STATUS_OK) {
        result_type = op->result;
        status = golden_value(g, types[1], row, 4, &args[1]);
        if (status == STATUS_OK && !prefix) status = golden_value(g, types[0], row, 2, &args[0]);
        struct sql_type given[2] = {sql_type_of(left), sql_type_of(right)};
        for (int i = prefix; i < 2 && status == STATUS_OK; i++)
            status = sql_cast(e, types[i].oid, given[i], SQL_CAST_IMPLICIT, &args[i], &args[i]);
        if (status == STATUS_OK)
            status = sql_operator_call(e, op, given + prefix, args + prefix, &result);
        if (status == STATUS_OK &&
            !bytes_equal(row->columns[5], bytes_of_string(name_of(result_type))))
            golden_fail(g, row, "has type %s", name_of(result_type));
    }
    golden_expect(g, row, 6, status, result_type, &result);
}

TEST(operators, compute_as_postgresql_does)
{
    replay("operator.txt", NULL, check_operator);
}

/* The first row of a matrix names the types of its columns. */
static struct sql_type matrix_types[GOLDEN_COLUMNS_MAX];
static uint32_t matrix_count;

static bool read_matrix_head(struct golden *g, const struct golden_row *row)
{
    if (!bytes_equal(row->columns[0], BYTES_LITERAL("types"))) return false;
    matrix_count = row->count - 1;
    for (uint32_t i = 0; i < matrix_count; i++)
        matrix_types[i] = golden_type(g, row->columns[i + 1]);
    return true;
}

static const char *outcome(struct golden *g, enum status status, uint32_t type)
{
    if (status == STATUS_OK) return name_of(type);
    return sql_error_is(&g->error, SQLSTATE_AMBIGUOUS_FUNCTION) ? "?" : ".";
}

static void check_resolution(struct golden *g, const struct golden_row *row)
{
    if (read_matrix_head(g, row)) return;
    bool prefix = is_dash(row->columns[1]);
    uint32_t left_type = prefix ? 0 : golden_type(g, row->columns[1]).oid;
    for (uint32_t i = 0; i < matrix_count; i++) {
        uint32_t left, right;
        const struct sql_operator *op = NULL;
        sql_error_clear(&g->error);
        enum status status =
            sql_operator_resolve(&g->arena, row->columns[0], left_type, matrix_types[i].oid, &left,
                                 &right, &op, &g->error);
        const char *found = outcome(g, status, op == NULL ? 0 : op->result);
        if (!bytes_equal(row->columns[i + 2], bytes_of_string(found)))
            golden_fail(g, row, "with %s: %s, not %.*s", name_of(matrix_types[i].oid), found,
                        (int)row->columns[i + 2].size, (const char *)row->columns[i + 2].data);
    }
}

TEST(operators, resolve_as_postgresql_does)
{
    replay("operator_resolution.txt", NULL, check_resolution);
}

/* --- Functions ------------------------------------------------------------------------------- */

static void check_function(struct golden *g, const struct golden_row *row)
{
    struct sql_eval *e = &g->eval;
    struct sql_type types[GOLDEN_COLUMNS_MAX], given[GOLDEN_COLUMNS_MAX];
    struct sql_datum args[GOLDEN_COLUMNS_MAX], result = SQL_NULL;
    uint32_t oids[GOLDEN_COLUMNS_MAX] = {0}, targets[GOLDEN_COLUMNS_MAX],
             count = (row->count - 3) / 2;
    enum status status = STATUS_OK;
    for (uint32_t i = 0; i < count; i++) {
        types[i] = golden_type(g, row->columns[3 + 2 * i]);
        oids[i] = types[i].oid;
    }
    struct sql_function_match match = {.function = NULL};
    status =
        sql_function_resolve(e->arena, row->columns[0], oids, count, targets, &match, e->error);
    for (uint32_t i = 0; i < count && status == STATUS_OK; i++) {
        status = golden_value(g, types[i], row, 4 + 2 * i, &args[i]);
        given[i] = sql_type_of(targets[i]);
        if (status == STATUS_OK)
            status = sql_cast(e, oids[i], given[i], SQL_CAST_IMPLICIT, &args[i], &args[i]);
    }
    if (status == STATUS_OK) {
        assert_non_null(match.function);
        struct sql_call call = {args, given, count, match.result};
        status = sql_function_call(e, match.function, &call, &result);
    }
    if (status == STATUS_OK &&
        !bytes_equal(row->columns[1], bytes_of_string(name_of(match.result))))
        golden_fail(g, row, "has type %s", name_of(match.result));
    golden_expect(g, row, 2, status, match.result, &result);
}

TEST(functions, compute_as_postgresql_does)
{
    replay("function.txt", NULL, check_function);
}
TEST(functions, know_the_session_zone)
{
    replay("function_zone.txt", "America/New_York", check_function);
}

static void check_function_resolution(struct golden *g, const struct golden_row *row)
{
    if (read_matrix_head(g, row)) return;
    bool single = is_dash(row->columns[1]);
    uint32_t types[2] = {single ? 0 : golden_type(g, row->columns[1]).oid}, targets[2];
    for (uint32_t i = 0; i < matrix_count; i++) {
        types[single ? 0 : 1] = matrix_types[i].oid;
        struct sql_function_match match = {.function = NULL};
        sql_error_clear(&g->error);
        enum status status = sql_function_resolve(&g->arena, row->columns[0], types, single ? 1 : 2,
                                                  targets, &match, &g->error);
        const char *found = outcome(g, status, match.result);
        if (!bytes_equal(row->columns[i + 2], bytes_of_string(found)))
            golden_fail(g, row, "with %s: %s, not %.*s", name_of(matrix_types[i].oid), found,
                        (int)row->columns[i + 2].size, (const char *)row->columns[i + 2].data);
    }
}

TEST(functions, resolve_as_postgresql_does)
{
    replay("function_resolution.txt", NULL, check_function_resolution);
}

/* --- Aggregates ------------------------------------------------------------------------------ */

static void check_aggregate(struct golden *g, const struct golden_row *row)
{
    struct sql_eval *e = &g->eval;
    struct sql_type type = golden_type(g, row->columns[1]);
    uint32_t target;
    struct sql_function_match match;
    assert_int_equal(
        sql_function_resolve(e->arena, row->columns[0], &type.oid, 1, &target, &match, e->error),
        STATUS_OK);
    struct sql_type given = sql_type_of(target);
    struct sql_aggregate_state *state;
    assert_int_equal(sql_aggregate_init(e, match.function, &given, 1, &state), STATUS_OK);
    /* Rows come and go in an arena of their own. */
    struct arena rows;
    arena_init(&rows, 1 << 20);
    enum status status = STATUS_OK;
    for (uint32_t i = 4; i < row->count && status == STATUS_OK; i++) {
        e->arena = &rows;
        struct sql_datum value;
        status = golden_value(g, type, row, i, &value);
        if (status == STATUS_OK)
            status = sql_cast(e, type.oid, given, SQL_CAST_IMPLICIT, &value, &value);
        if (status == STATUS_OK) status = sql_aggregate_step(e, state, &value);
        arena_reset(&rows);
    }
    e->arena = &g->arena;
    struct sql_datum result = SQL_NULL;
    if (status == STATUS_OK) status = sql_aggregate_final(e, state, &result);
    if (status == STATUS_OK &&
        !bytes_equal(row->columns[2], bytes_of_string(name_of(match.result))))
        golden_fail(g, row, "has type %s", name_of(match.result));
    golden_expect(g, row, 3, status, match.result, &result);
    arena_deinit(&rows);
}

TEST(aggregates, compute_as_postgresql_does)
{
    replay("aggregate.txt", NULL, check_aggregate);
}
