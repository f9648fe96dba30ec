/* Who waits for whom, who is refused at once, and what is found after the wait. */
#include "tests/isolation/run.h"
#include "tests/test.h"

TEST(lock, a_deadlock_of_two_is_found) { isolation_run("deadlock_simple"); }
TEST(lock, a_deadlock_of_three_is_found) { isolation_run("deadlock_hard"); }
TEST(lock, a_deadlock_over_the_queue_is_found) { isolation_run("deadlock_soft"); }
TEST(lock, nowait_is_refused_where_others_wait) { isolation_run("nowait"); }
TEST(lock, nowait_goes_by_the_strength_of_the_lock) { isolation_run("nowait_2"); }
TEST(lock, nowait_does_not_join_a_queue) { isolation_run("nowait_3"); }
TEST(lock, nowait_meets_rows_that_have_changed) { isolation_run("nowait_4"); }
TEST(lock, skip_locked_takes_the_next_row) { isolation_run("skip_locked"); }
TEST(lock, skip_locked_goes_by_the_strength_of_the_lock) { isolation_run("skip_locked_2"); }
TEST(lock, skip_locked_meets_rows_that_have_changed) { isolation_run("skip_locked_4"); }
TEST(lock, a_row_that_is_waited_for_is_updated_or_deleted) { isolation_run("lock_update_delete"); }
TEST(lock, a_row_that_is_waited_for_gets_another_key) { isolation_run("lock_key_update"); }
TEST(lock, rows_that_are_locked_are_updated_behind_it) { isolation_run("update_locked"); }
TEST(lock, those_who_wait_are_served_in_order) { isolation_run("lock_queue"); }
TEST(lock, those_who_share_do_not_overtake) { isolation_run("lock_starvation"); }
TEST(lock, a_wait_that_is_too_long_acquires_nothing) { isolation_run("lock_timeout"); }
