/* Each deliberate bug of the module is noticed by a check that passes without it. */
#include "base/assert.h"
#include "tests/test.h"
#include "tests/wal/detect.h"

#include <string.h>

static const struct {
    const char *mutant;
    const char *(*detect)(void);
} catches[] = {
    {"k10_ack_before_sync", detect_crash},
    {"k10_ack_out_of_order", detect_crash},
    {"k10_checkpoint_without_vote", detect_lost_state},
    {"k10_recovered_tail_not_synced", detect_handed_out},
    {"k21_segments_go_too_early", detect_crash_recycled},
    {"k22_one_frame_rewritten", detect_both_rewritten},
    {"k22_recovered_tail_not_rewritten", detect_failed_sync_reread},
    {"k22_sync_retried", detect_failed_sync},
    {"k23_no_directory_sync", detect_crash},
    {"k24_cut_frame_joins", detect_cut_frame},
    {"k24_old_life_joins", detect_crash_recycled},
    {"k25_damage_cut_as_torn", detect_flips},
    {"k25_later_frames_ignored", detect_proofs},
    {"k25_next_frame_proves", detect_proofs},
    {"k25_next_head_ignored", detect_proofs},
    {"k25_opening_not_alone", detect_opening},
    {"k25_rotation_at_once", detect_opening},
    {"k25_verdict_forgotten", detect_garbage},
    {"k26_checkpoint_without_facts", detect_lost_state},
    {"k26_store_id_unchecked", detect_foreign_store},
};
#define CATCH_COUNT (sizeof catches / sizeof catches[0])

TEST(mutant, every_check_passes_without_a_mutant)
{
    for (size_t i = 0; i < CATCH_COUNT; i++) {
        const char *wrong = catches[i].detect();
        if (wrong != NULL) fail_msg("%s: %s", catches[i].mutant, wrong);
    }
}

TEST(mutant, every_mutant_is_caught)
{
    for (size_t i = 0; i < CATCH_COUNT; i++) {
        assert_true(mutant_select(catches[i].mutant) > 0);
        const char *wrong = catches[i].detect();
        mutant_select(NULL);
        if (wrong == NULL) fail_msg("%s is not caught", catches[i].mutant);
        print_message("%s: %s\n", catches[i].mutant, wrong);
    }
}

static void must_be_listed(const struct mutant_site *site, void *ctx)
{
    unsigned *missing = ctx;
    if (site->name[0] != 'k') return; /* of other modules */
    for (size_t i = 0; i < CATCH_COUNT; i++)
        if (strcmp(site->name, catches[i].mutant) == 0) return;
    print_message("no check for %s\n", site->name);
    ++*missing;
}

TEST(mutant, every_site_has_a_check)
{
    unsigned missing = 0;
    mutant_visit(must_be_listed, &missing);
    assert_int_equal(missing, 0);
}
