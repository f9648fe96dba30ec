/* The grammar, as scripts in tests/data/sql/parser. */
#include "tests/sql/parser_script.h"
#include "tests/test.h"

TEST(parser, expressions_group_as_in_postgresql)
{
    parser_script_run("expressions");
}
TEST(parser, reads_queries)
{
    parser_script_run("select");
}
TEST(parser, reads_changes_of_rows)
{
    parser_script_run("dml");
}
TEST(parser, reads_tables)
{
    parser_script_run("table");
}
TEST(parser, reads_other_objects)
{
    parser_script_run("object");
}
TEST(parser, reads_copy_in_both_syntaxes)
{
    parser_script_run("copy");
}
TEST(parser, reads_transactions_and_settings)
{
    parser_script_run("session");
}
TEST(parser, reads_utility_statements)
{
    parser_script_run("utility");
}
TEST(parser, reads_what_ostraka_adds)
{
    parser_script_run("extension");
}
TEST(parser, reads_what_clients_send)
{
    parser_script_run("client");
}
TEST(parser, names_statements_it_does_not_support)
{
    parser_script_run("unsupported");
}
TEST(parser, reports_errors_where_postgresql_does)
{
    parser_script_run("error");
}
