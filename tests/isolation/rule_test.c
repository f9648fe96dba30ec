/* The rule that judges orders (serial.h) can say no: with a rule of the database switched off there are orders that no
 * serial one explains. */
#include <stdio.h>

#include "base/assert.h"
#include "tests/isolation/run.h"
#include "tests/test.h"

struct row {
    const char *mutant, *script;
    enum layout_kind layout;
};

static const struct row rows[] = {
    {"refresh", "g2_item", LAYOUT_ONE},                /* write skew */
    {"refresh", "read_only_anomaly", LAYOUT_ONE},
    {"refresh_at_ct0", "g2", LAYOUT_ONE},
    {"earlier_reads_forgotten", "insert_after_absence", LAYOUT_ONE},
    {"lock_view_unvalidated", "update_locked", LAYOUT_ONE},
    {"refresh", "g2_item", LAYOUT_ROWS},
    {"span_refresh_unvalidated", "g2", LAYOUT_ROWS},
    {"held_commit_refreshed_at_read", "g2_item", LAYOUT_ROWS},
};

TEST(rule, says_no_where_a_rule_of_the_database_is_off)
{
    bool all = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_true(mutant_select(rows[i].mutant) > 0);
        bool serial = isolation_is_serial(rows[i].script, (struct layout){rows[i].layout, false});
        mutant_select(NULL);
        if (!serial) continue;
        fprintf(stderr, "%s is not noticed by %s\n", rows[i].mutant, rows[i].script);
        all = false;
    }
    assert_true(all);
}
