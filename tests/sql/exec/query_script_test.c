/* What queries over several sources answer, as transcripts in tests/data/sql. */
#include "tests/sql/exec/script.h"
#include "tests/test.h"

TEST(query_script, tables_are_joined)
{
    script_run("join");
}

TEST(query_script, queries_stand_in_from_and_in_expressions)
{
    script_run("subquery");
}

TEST(query_script, results_are_united_and_subtracted)
{
    script_run("setop");
}

TEST(query_script, functions_give_rows)
{
    script_run("from_function");
}

TEST(query_script, plans_are_explained)
{
    script_run("explain");
}

TEST(query_script, changes_join_other_tables)
{
    script_run("update_from");
}

TEST(query_script, rows_are_told_apart_and_compared)
{
    script_run("distinct_on");
}
