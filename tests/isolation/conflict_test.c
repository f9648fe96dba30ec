/* INSERT ... ON CONFLICT among others who insert, update and delete the same key. */
#include "tests/isolation/run.h"
#include "tests/test.h"

TEST(conflict, do_nothing_waits_for_the_other_insert) { isolation_run("conflict_do_nothing"); }
TEST(conflict, do_nothing_in_transactions_that_have_read) { isolation_run("conflict_do_nothing_2"); }
TEST(conflict, do_update_builds_on_the_other_insert) { isolation_run("conflict_do_update"); }
TEST(conflict, do_update_meets_a_row_that_is_deleted) { isolation_run("conflict_do_update_2"); }
TEST(conflict, upserts_that_replace_the_whole_row) { isolation_run("conflict_blind"); }
