/* What the checker of sets says about small histories, good and bad. */
#include "tests/sim/check/set.h"
#include "tests/sim/story.h"
#include "tests/test.h"

/* Of all kinds only this one was found; COUNT: none was. */
static void expect_only(struct story *s, enum set_anomaly anomaly)
{
    struct set_result r = set_check(&s->h, 1, &s->report);
    for (int i = 0; i < SET_ANOMALY_COUNT; i++) assert_int_equal(r.counts[i] > 0, i == (int)anomaly);
    assert_int_equal(r.result, anomaly == SET_ANOMALY_COUNT ? CHECK_VALID : CHECK_INVALID);
    assert_int_equal(s->report.size > 0, anomaly != SET_ANOMALY_COUNT);
    story_end(s);
}

static void insert(struct story *s, size_t txn, int64_t value)
{
    history_add(&s->h, txn, HISTORY_INSERT, 1, value);
}

/* Inserts 1 (acknowledged), 2 (failed), 3 (unknown), 4 (acknowledged); then a read. */
static void expect_of(const char *seen, enum set_anomaly anomaly)
{
    struct story s;
    story_begin(&s);
    story_ok(&s, story_insert(&s, 1, 1, 1));
    story_fail(&s, story_insert(&s, 1, 1, 2));
    story_info(&s, story_insert(&s, 1, 1, 3));
    story_ok(&s, story_insert(&s, 2, 1, 4));
    story_ok(&s, story_read_all(&s, 3, 1, seen));
    story_ok(&s, story_insert(&s, 2, 1, 5));
    story_info(&s, story_read_all(&s, 3, 1, "8 8")); /* proves nothing */
    story_ok(&s, story_read_all(&s, 3, 2, "")); /* another set */
    expect_only(&s, anomaly);
}

TEST(set, acknowledged_values_are_there_and_nothing_else)
{
    expect_of("1 4", SET_ANOMALY_COUNT);
    expect_of("4 3 1", SET_ANOMALY_COUNT);
    expect_of("1 2 4", SET_FAILED);
    expect_of("1 4 9", SET_NOWHERE);
    expect_of("1 4 4", SET_TWICE);
    expect_of("1 4 5", SET_FUTURE);
    expect_of("1", SET_LOST);
    expect_of("", SET_LOST);
}

TEST(set, what_is_acknowledged_stays)
{
    struct story s;
    story_begin(&s);
    story_ok(&s, story_insert(&s, 1, 1, 1));
    story_ok(&s, story_insert(&s, 1, 1, 2));
    story_ok(&s, story_read_all(&s, 2, 1, "1"));
    expect_only(&s, SET_LOST);
}

TEST(set, inserts_of_one_transaction_come_together)
{
    struct story s;
    for (int seen = 0; seen < 2; seen++) {
        story_begin(&s);
        size_t txn = story_invoke(&s, 1);
        insert(&s, txn, 1);
        insert(&s, txn, -5);
        story_ok(&s, story_read_all(&s, 2, 1, seen == 0 ? "1 -5" : "-5"));
        story_info(&s, txn);
        expect_only(&s, seen == 0 ? SET_ANOMALY_COUNT : SET_TORN);
    }
}

static size_t reads_itself(struct story *s, const char *before, const char *behind)
{
    size_t txn = story_invoke(s, 1);
    story_read_set(s, txn, 1, before);
    insert(s, txn, 1);
    story_read_set(s, txn, 1, behind);
    return txn;
}

TEST(set, transactions_see_what_they_have_inserted_themselves)
{
    struct story s;
    story_begin(&s);
    story_ok(&s, reads_itself(&s, "", "1"));
    expect_only(&s, SET_ANOMALY_COUNT);
    story_begin(&s);
    story_ok(&s, reads_itself(&s, "", ""));
    expect_only(&s, SET_OWN);
    story_begin(&s);
    story_ok(&s, reads_itself(&s, "1", "1"));
    expect_only(&s, SET_OWN);
}

/* 2 was inserted when 1 was acknowledged: nobody may see 2 alone, not even who began before both. */
TEST(set, causal_reverse_is_rejected)
{
    struct story s;
    for (int both = 0; both < 2; both++) {
        story_begin(&s);
        size_t reader = story_invoke(&s, 3);
        story_ok(&s, story_insert(&s, 1, 1, 1));
        story_ok(&s, story_insert(&s, 2, 1, 2));
        story_read_set(&s, reader, 1, both ? "1 2" : "2");
        story_ok(&s, reader);
        expect_only(&s, both ? SET_ANOMALY_COUNT : SET_REVERSE);
    }
}

/* Two inserts that overlap, and two readers of which each sees another one first. */
TEST(set, long_fork_is_rejected)
{
    struct story s;
    for (int forked = 0; forked < 2; forked++) {
        story_begin(&s);
        size_t one = story_insert(&s, 1, 1, 1), two = story_insert(&s, 2, 1, 2);
        size_t x = story_read_all(&s, 3, 1, "1"), y = story_read_all(&s, 4, 1, forked ? "2" : "1 2");
        story_ok(&s, x);
        story_ok(&s, y);
        story_ok(&s, one);
        story_ok(&s, two);
        expect_only(&s, forked ? SET_FORK : SET_ANOMALY_COUNT);
    }
}

/* What one reader was shown, every later one is, though nobody has acknowledged it. */
TEST(set, reads_that_go_back_are_rejected)
{
    struct story s;
    for (int back = 0; back < 2; back++) {
        story_begin(&s);
        size_t one = story_insert(&s, 1, 1, 1);
        story_ok(&s, story_read_all(&s, 2, 1, back ? "1" : ""));
        story_ok(&s, story_read_all(&s, 3, 1, back ? "" : "1"));
        story_info(&s, one);
        expect_only(&s, back ? SET_BACK : SET_ANOMALY_COUNT);
    }
}
