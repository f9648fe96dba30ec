/* What fortified leases must and must not do, each with the deliberate bug that breaks it. A
 * scenario ends well without the bug and aborts with it; mutant_test.c demands both. */
#ifndef OSTRAKA_TESTS_RAFT_LEASE_SCENARIOS_H
#define OSTRAKA_TESTS_RAFT_LEASE_SCENARIOS_H

#include <stdint.h>

struct lease_scenario {
    const char *mutant;
    void (*run)(void);
};
extern const struct lease_scenario lease_scenarios[];
extern const uint32_t lease_scenario_count;

/* rest_scenarios.c */
void rest_begins_when_all_know_all(void);
void rest_needs_a_lease(void);
void rest_is_not_begun_by_answers_of_an_earlier_life(void);
void rest_waits_for_the_end_of_a_doubt(void);
void rest_is_no_silence_of_the_others(void);
void rest_waits_for_the_next_append(void);
void rest_is_patient_with_who_keeps_up(void);
void rest_is_not_patient_across_lives(void);
void rest_hands_over_to_who_is_there(void);
void held_follower_freed_by_old_news_is_held_again(void);
void held_follower_stands_when_support_has_lapsed(void);

#endif
