/* What snapshots alone would let through, as stories: each ends like some serial order, or with 40001. */
#include "tests/isolation/run.h"
#include "tests/test.h"

TEST(serializable, write_skew) { isolation_run("write_skew"); }
TEST(serializable, a_range_of_time_keeps_its_rule) { isolation_run("temporal_range"); }
TEST(serializable, a_report_of_a_closed_day_is_complete) { isolation_run("receipt_report"); }
TEST(serializable, a_room_is_booked_once) { isolation_run("classroom"); }
TEST(serializable, projects_go_to_managers) { isolation_run("project_manager"); }
TEST(serializable, the_total_of_two_accounts_is_seen) { isolation_run("total_cash"); }
TEST(serializable, children_have_their_parents) { isolation_run("referential"); }
TEST(serializable, a_circle_of_three_is_broken) { isolation_run("two_ids"); }
TEST(serializable, a_statement_that_reads_only_makes_no_anomaly) { isolation_run("read_only_anomaly"); }
TEST(serializable, a_block_that_reads_only_makes_no_anomaly) { isolation_run("read_only_anomaly_2"); }
TEST(serializable, a_deferrable_reader_makes_no_anomaly) { isolation_run("read_only_anomaly_3"); }
TEST(serializable, conditions_beside_the_key_are_kept) { isolation_run("partial_condition"); }
TEST(serializable, inserts_that_check_absence) { isolation_run("insert_after_absence"); }
TEST(serializable, a_new_row_is_updated_by_two_others) { isolation_run("insert_then_update"); }
TEST(serializable, one_key_is_inserted_once) { isolation_run("same_key_insert"); }
TEST(serializable, readers_see_one_order) { isolation_run("long_fork"); }
TEST(serializable, answers_come_after_questions) { isolation_run("causal"); }
TEST(serializable, transactions_see_their_own_writes) { isolation_run("own_writes"); }
TEST(serializable, tables_change_as_rows_do) { isolation_run("ddl"); }
