/* Each deliberate bug of the module is noticed by a check that passes without it. */
#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "io/io_int.h"
#include "tests/test.h"

static const char *short_write(void)
{
    struct io_request r = {.kind = IO_WRITE, .size = 100};
    return io_request_advance(&r, 40) ? "a short write counts as whole" : NULL;
}

static const char *failed_sync(void)
{
    struct io_request r = {.kind = IO_SYNC};
    if (!io_request_advance(&r, -EIO)) return "a failed sync is repeated";
    return r.result == -EIO ? NULL : "a failed sync is forgotten";
}

static const char *sleepless(void)
{
    struct busy_poll b = {.limit_ns = 10, .pays = true};
    for (int i = 0; i < BUSY_POLL_LONG_MAX; i++) busy_poll_over(&b, 10, 20, true);
    return b.pays ? "an idle loop goes on looking" : NULL;
}

static const char *in_a_crowd(void)
{
    struct busy_poll b = {.limit_ns = 10, .pays = true};
    return busy_poll_shared(&b, 1, 2 * BUSY_POLL_LOST_NS_MAX) ? "the loop goes on looking while others compute" : NULL;
}

static const struct {
    const char *mutant;
    const char *(*detect)(void);
} catches[] = {
    {"io_short_transfer_is_whole", short_write},
    {"io_sync_error_forgotten", failed_sync},
    {"io_busy_poll_never_sleeps", sleepless},
    {"io_busy_poll_in_a_crowd", in_a_crowd},
};
#define CATCH_COUNT (sizeof catches / sizeof catches[0])

TEST(io_mutant, every_bug_is_caught_and_nothing_else)
{
    for (size_t i = 0; i < CATCH_COUNT; i++) {
        assert_null(catches[i].detect());
        assert_true(mutant_select(catches[i].mutant) > 0);
        const char *wrong = catches[i].detect();
        mutant_select(NULL);
        if (wrong == NULL) fail_msg("%s is not caught", catches[i].mutant);
    }
}

static void must_be_listed(const struct mutant_site *site, void *ctx)
{
    unsigned *missing = ctx;
    for (size_t i = 0; i < CATCH_COUNT; i++)
        if (strcmp(site->name, catches[i].mutant) == 0) return;
    print_message("no check for %s\n", site->name);
    ++*missing;
}

TEST(io_mutant, every_site_has_a_check)
{
    unsigned missing = 0;
    mutant_visit(must_be_listed, &missing);
    assert_int_equal(missing, 0);
}
