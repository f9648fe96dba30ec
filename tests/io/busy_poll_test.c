/* When a wait looks for what completes, when it sleeps, and what is counted of it. */
#include <pthread.h>
#include <sched.h>

#include "io/io_int.h"
#include "tests/test.h"

#define LIMIT_NS 1000000u
#define LONG_NS (2 * LIMIT_NS)

TEST(busy_poll, pays_from_a_short_wait_on_until_some_in_a_row_are_long)
{
    struct busy_poll b = {.limit_ns = LIMIT_NS};
    assert_int_equal(busy_poll_span(&b, 1, IO_NEVER), 0); /* nothing is known yet */
    busy_poll_over(&b, 0, LONG_NS, true);
    assert_int_equal(busy_poll_span(&b, 1, IO_NEVER), 0);
    busy_poll_over(&b, 0, LIMIT_NS, true); /* it would have been found */
    assert_int_equal(busy_poll_span(&b, 1, IO_NEVER), LIMIT_NS);
    assert_int_equal(busy_poll_span(&b, 1, 10), 10); /* no longer than the wait itself may last */
    for (int round = 0; round < 3; round++) {
        for (int i = 1; i < BUSY_POLL_LONG_MAX; i++) busy_poll_over(&b, LIMIT_NS, LONG_NS, true);
        assert_int_equal(busy_poll_span(&b, 1, IO_NEVER), LIMIT_NS);
        busy_poll_over(&b, 5, 5, false);
    }
    for (int i = 0; i < BUSY_POLL_LONG_MAX; i++) busy_poll_over(&b, LIMIT_NS, LONG_NS, true);
    assert_int_equal(busy_poll_span(&b, 1, IO_NEVER), 0);
    assert_int_equal(b.found, 3);
    assert_int_equal(b.slept, 2 + 4 * BUSY_POLL_LONG_MAX - 3);
    assert_int_equal(b.looked_ns, 3 * 5 + (4 * BUSY_POLL_LONG_MAX - 3) * LIMIT_NS);
}

TEST(busy_poll, loses_a_small_part_of_the_time_to_others_who_compute)
{
    struct busy_poll b = {.limit_ns = LIMIT_NS, .pays = true};
    uint64_t now_ns = 1000000000u, away_ns = BUSY_POLL_LOST_NS_MAX / 2;
    assert_true(busy_poll_shared(&b, now_ns, BUSY_POLL_CROWDED_NS - 1)); /* somebody's turn */
    for (int i = 0; i < 20; i++) { /* now and then, as when the machine below takes the processor away */
        assert_true(busy_poll_shared(&b, now_ns, away_ns));
        now_ns += away_ns * BUSY_POLL_LOST_PART;
    }
    for (int round = 0; round < 3; round++) {
        assert_true(busy_poll_shared(&b, now_ns, away_ns));
        assert_true(busy_poll_shared(&b, now_ns, away_ns));
        assert_int_equal(busy_poll_span(&b, now_ns, IO_NEVER), LIMIT_NS);
        assert_false(busy_poll_shared(&b, now_ns, away_ns));
        uint64_t pause_ns = 3 * away_ns * BUSY_POLL_LOST_PART;
        assert_int_equal(busy_poll_span(&b, now_ns + pause_ns - 1, IO_NEVER), 0);
        now_ns += pause_ns;
        assert_int_equal(busy_poll_span(&b, now_ns, IO_NEVER), LIMIT_NS);
    }
    assert_int_equal(b.crowded, 3);
}

/* An environment that has nothing but the books, and what its wait did. */
struct waiting {
    struct io_env e;
    struct busy_poll b;
    int looks, looks_until, sleeps; /* looks_until: the look that finds something */
    uint64_t slept_for;
};

static bool look(struct io_env *e)
{
    struct waiting *w = CONTAINER_OF(e, struct waiting, e);
    return ++w->looks == w->looks_until;
}

static void sleep_for(struct io_env *e, uint64_t timeout_ns)
{
    struct waiting *w = CONTAINER_OF(e, struct waiting, e);
    w->sleeps++;
    w->slept_for = timeout_ns;
}

static void begin(struct waiting *w, uint64_t limit_ns, int looks_until)
{
    memset(w, 0, sizeof *w);
    w->b = (struct busy_poll){.limit_ns = limit_ns, .pays = limit_ns > 0};
    w->e.busy_poll = &w->b;
    w->looks_until = looks_until;
}

TEST(busy_poll, a_wait_that_finds_something_does_not_sleep)
{
    struct waiting w;
    begin(&w, 60000000000u, 3);
    io_wait(&w.e, IO_NEVER, look, sleep_for);
    bool crowded = w.b.crowded > 0; /* the machine has other work */
    assert_true(crowded || (w.looks == 3 && w.sleeps == 0 && w.b.found == 1));
    begin(&w, LIMIT_NS, 1);
    io_wait(&w.e, IO_NEVER, look, sleep_for);
    assert_true(w.looks == 1 && w.sleeps == 0 && w.b.found == 1);
}

TEST(busy_poll, a_wait_that_finds_nothing_sleeps_for_what_is_left)
{
    struct waiting w;
    begin(&w, LIMIT_NS, 0);
    io_wait(&w.e, 60000000000u, look, sleep_for);
    assert_true(w.looks > 0);
    assert_int_equal(w.sleeps, 1);
    assert_true(w.slept_for <= 60000000000u - LIMIT_NS);
    assert_true(w.b.looked_ns >= LIMIT_NS);
    assert_int_equal(w.b.slept, 1);
    begin(&w, LIMIT_NS, 0);
    io_wait(&w.e, IO_NEVER, look, sleep_for);
    assert_true(w.slept_for == IO_NEVER);
}

TEST(busy_poll, a_deadline_within_the_limit_ends_the_wait_without_sleep)
{
    struct waiting w;
    begin(&w, LIMIT_NS, 0);
    io_wait(&w.e, LIMIT_NS / 10, look, sleep_for);
    assert_true(w.looks > 0);
    assert_int_equal(w.sleeps, 0);
}

TEST(busy_poll, who_may_not_wait_or_has_no_limit_does_not_look)
{
    struct waiting w;
    begin(&w, LIMIT_NS, 1);
    io_wait(&w.e, 0, look, sleep_for);
    assert_true(w.looks == 0 && w.sleeps == 1 && w.slept_for == 0);
    begin(&w, 0, 1);
    io_wait(&w.e, 17, look, sleep_for);
    assert_true(w.looks == 0 && w.sleeps == 1 && w.slept_for == 17);
    w.e.busy_poll = NULL;
    io_wait(&w.e, 18, look, sleep_for);
    assert_true(w.looks == 0 && w.sleeps == 2 && w.slept_for == 18);
}

static int policy_behind_a_wait(struct waiting *w)
{
    io_wait(&w->e, LIMIT_NS / 10, look, sleep_for);
    return sched_getscheduler(0);
}

/* Not of the thread that runs tests: who is idle once may not go back. */
static void *policies(void *failed)
{
    struct waiting w;
    struct sched_param none = {0};
    uint64_t now_ns;
    begin(&w, LIMIT_NS, 1);
    now_ns = io_now_ns(&w.e.base);
    *(const char **)failed = "looks";
    if (sched_setscheduler(0, SCHED_OTHER, &none) != 0 || policy_behind_a_wait(&w) != SCHED_BATCH) return NULL;
    *(const char **)failed = "sleeps at once, in a crowd";
    w.b.pause_end_ns = now_ns + 60000000000u;
    if (policy_behind_a_wait(&w) != SCHED_OTHER) return NULL;
    *(const char **)failed = "looks again";
    w.b.pause_end_ns = 0;
    if (policy_behind_a_wait(&w) != SCHED_BATCH) return NULL;
    *(const char **)failed = "has nothing to do";
    w.b.pays = false;
    if (policy_behind_a_wait(&w) != SCHED_OTHER) return NULL;
    *(const char **)failed = "was given another policy";
    w.b.pays = true;
    if (sched_setscheduler(0, SCHED_IDLE, &none) != 0 || policy_behind_a_wait(&w) != SCHED_IDLE) return NULL;
    *(const char **)failed = NULL;
    return NULL;
}

TEST(busy_poll, who_looks_does_not_interrupt_others)
{
    const char *failed = "did not run";
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, policies, &failed), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (failed != NULL) fail_msg("who %s has the wrong policy", failed);
}
