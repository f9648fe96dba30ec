/* Text to values and casts between them, against PostgreSQL's answers. */
#include "sql/cast.h"
#include "sql/types_io.h"
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

static void check_input(struct golden *g, const struct golden_row *row)
{
    struct sql_type type = golden_type(g, row->columns[0]);
    struct sql_datum value = SQL_NULL;
    enum status status = golden_value(g, type, row, 1, &value);
    golden_expect(g, row, 2, status, type.oid, &value);
}

TEST(types, read_and_write_as_postgresql_does)
{
    replay("input.txt", NULL, check_input);
}
TEST(types, know_new_york)
{
    replay("zone_new_york.txt", "America/New_York", check_input);
}
TEST(types, know_berlin)
{
    replay("zone_berlin.txt", "Europe/Berlin", check_input);
}
TEST(types, know_kolkata)
{
    replay("zone_kolkata.txt", "Asia/Kolkata", check_input);
}
TEST(types, know_lord_howe)
{
    replay("zone_lord_howe.txt", "Australia/Lord_Howe", check_input);
}
TEST(types, know_fixed_zones)
{
    replay("zone_fixed.txt", "<+03>-03", check_input);
}
TEST(types, know_zone_rules)
{
    replay("zone_rule.txt", "EST5EDT,M3.2.0,M11.1.0", check_input);
}

static void check_cast(struct golden *g, const struct golden_row *row)
{
    struct sql_type source = golden_type(g, row->columns[0]);
    struct sql_type target = golden_type(g, row->columns[2]);
    struct sql_datum value;
    enum status status = golden_value(g, source, row, 1, &value);
    if (status == STATUS_OK) {
        if (sql_cast_find(source.oid, target.oid, SQL_CAST_EXPLICIT) == SQL_CAST_NONE) {
            golden_fail(g, row, "no such cast");
            return;
        }
        status = sql_cast(&g->eval, source.oid, target, SQL_CAST_EXPLICIT, &value, &value);
    }
    golden_expect(g, row, 3, status, target.oid, &value);
}

TEST(types, cast_as_postgresql_does)
{
    replay("cast.txt", NULL, check_cast);
}

static void check_context(struct golden *g, const struct golden_row *row)
{
    uint32_t source = golden_type(g, row->columns[0]).oid;
    uint32_t target = golden_type(g, row->columns[1]).oid;
    static const char *const names[] = {"none", "implicit", "assignment", "explicit"};
    int narrowest = 0;
    for (int context = SQL_CAST_EXPLICIT; context >= SQL_CAST_IMPLICIT; context--)
        if (sql_cast_find(source, target, (enum sql_cast_context)context) != SQL_CAST_NONE)
            narrowest = context;
    if (!bytes_equal(row->columns[2], bytes_of_string(names[narrowest])))
        golden_fail(g, row, "found %s", names[narrowest]);
}

TEST(types, are_cast_in_the_contexts_of_pg_cast)
{
    replay("cast_context.txt", NULL, check_context);
}
