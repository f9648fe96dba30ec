/* Savepoints, and cursors, among others who change the same rows. */
#include "tests/isolation/run.h"
#include "tests/test.h"

TEST(savepoint, a_delete_that_is_gone_back_on_is_waited_for) { isolation_run("savepoint_delete"); }
TEST(savepoint, what_is_gone_back_on_is_seen_by_nobody) { isolation_run("savepoint_update"); }
TEST(savepoint, an_error_is_gone_back_on) { isolation_run("savepoint_error"); }
TEST(cursor, is_one_snapshot) { isolation_run("cursor"); }
