/* Hermitage's cases (M. Kleppmann), at the name of every isolation level: all of them are prevented at each. */
#include "tests/isolation/run.h"
#include "tests/test.h"

TEST(hermitage, g0_writes_do_not_interleave) { isolation_run("g0"); }
TEST(hermitage, g1a_nothing_aborted_is_read) { isolation_run("g1a"); }
TEST(hermitage, g1b_nothing_intermediate_is_read) { isolation_run("g1b"); }
TEST(hermitage, g1c_information_does_not_flow_in_circles) { isolation_run("g1c"); }
TEST(hermitage, otv_observed_transactions_do_not_vanish) { isolation_run("otv"); }
TEST(hermitage, pmp_a_condition_finds_the_same_rows_again) { isolation_run("pmp"); }
TEST(hermitage, pmp_write_a_condition_is_that_of_its_snapshot) { isolation_run("pmp_write"); }
TEST(hermitage, p4_no_update_is_lost) { isolation_run("p4"); }
TEST(hermitage, g_single_reads_do_not_skew) { isolation_run("g_single"); }
TEST(hermitage, g_single_conditions_do_not_skew) { isolation_run("g_single_dependencies"); }
TEST(hermitage, g_single_writes_do_not_skew) { isolation_run("g_single_write"); }
TEST(hermitage, g2_item_writes_do_not_skew_over_rows) { isolation_run("g2_item"); }
TEST(hermitage, g2_writes_do_not_skew_over_conditions) { isolation_run("g2"); }
TEST(hermitage, g2_readers_see_no_order_that_is_none) { isolation_run("g2_two_edges"); }
