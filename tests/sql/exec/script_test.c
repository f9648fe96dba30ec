/* What SQL answers, as transcripts in tests/data/sql. */
#include "tests/sql/exec/script.h"
#include "tests/test.h"

TEST(script, tables_are_made_and_dropped)
{
    script_run("table");
}

TEST(script, constraints_hold)
{
    script_run("constraint");
}

TEST(script, rows_are_inserted)
{
    script_run("insert");
}

TEST(script, rows_are_changed_and_deleted)
{
    script_run("update");
}

TEST(script, statements_return_what_they_wrote)
{
    script_run("returning");
}

TEST(script, rows_that_are_there_are_passed_over_or_changed)
{
    script_run("on_conflict");
}

TEST(script, rows_of_queries_are_inserted)
{
    script_run("insert_select");
}

TEST(script, conditions_choose_rows)
{
    script_run("where");
}

TEST(script, rows_are_ordered_and_cut)
{
    script_run("order");
}

TEST(script, rows_are_grouped_and_counted)
{
    script_run("group");
}

TEST(script, transactions_begin_and_end)
{
    script_run("transaction");
}

TEST(script, sessions_do_not_see_each_other_before_the_commit)
{
    script_run("isolation");
}

TEST(script, copy_reads_text_and_csv)
{
    script_run("copy");
}

TEST(script, copy_writes_and_knows_the_binary_format)
{
    script_run("copy_to");
}

TEST(script, functions_answer_as_in_postgresql)
{
    script_run("function");
}

TEST(script, settings_are_kept_and_reset)
{
    script_run("setting");
}

TEST(script, pools_take_connections_back)
{
    script_run("pool_reset");
}

TEST(script, types_are_cast)
{
    script_run("cast");
}

TEST(script, numbers_are_computed)
{
    script_run("numeric");
}

TEST(script, moments_are_read_in_zones)
{
    script_run("timestamptz");
}

TEST(script, texts_and_bytes_are_computed)
{
    script_run("text");
}

TEST(script, what_is_not_done_is_refused_with_its_place)
{
    script_run("unsupported");
}

TEST(script, keys_lead_to_the_rows_that_are_read)
{
    script_run("access");
}

TEST(script, rows_are_locked)
{
    script_run("lock");
}

TEST(script, rows_are_locked_several_at_once_and_no_others)
{
    script_run("lock_ahead");
}

TEST(script, names_and_clauses_mean_what_they_do_in_postgresql)
{
    script_run("more");
}

TEST(script, savepoints_are_gone_back_to)
{
    script_run("savepoint");
}

TEST(script, cursors_give_their_rows_in_pieces)
{
    script_run("cursor");
}

TEST(script, queries_and_transactions_read_the_past)
{
    script_run("as_of");
}

TEST(script, transactions_have_modes)
{
    script_run("transaction_mode");
}

TEST(script, nodes_tell_what_they_know_as_tables)
{
    script_run("virtual");
}

TEST(script, the_catalog_is_shown_as_postgresql_shows_it)
{
    script_run("catalog");
}

TEST(script, a_key_makes_a_transaction_happen_once)
{
    script_run("idempotency");
}

TEST(script, a_key_may_lie_beside_a_row)
{
    script_run("idempotency_anchor");
}

TEST(script, tables_are_altered)
{
    script_run("alter");
}

TEST(script, changes_of_tables_are_transactions)
{
    script_run("table_transaction");
}

TEST(script, statements_are_prepared_and_executed)
{
    script_run("prepare");
}

TEST(script, settings_of_the_cluster_are_told_and_changed)
{
    script_run("cluster");
}
