/* The list-append checker: every named anomaly is rejected under its name, valid histories pass. */
#include <string.h>

#include "tests/sim/check/append.h"
#include "tests/sim/story.h"
#include "tests/test.h"

#define X 1
#define Y 2

static bool report_says(struct story *s, const char *text)
{
    buf_append_byte(&s->report, 0);
    bool found = strstr((const char *)s->report.data, text) != NULL;
    buf_truncate(&s->report, s->report.size - 1);
    return found;
}

/* The history is rejected, with exactly this anomaly. */
static void expect_only(struct story *s, enum append_anomaly anomaly)
{
    struct append_result r = append_check(&s->h, &s->report);
    assert_int_equal(r.result, CHECK_INVALID);
    for (int i = 0; i < APPEND_ANOMALY_COUNT; i++) {
        if ((r.counts[i] > 0) == (i == (int)anomaly)) continue;
        print_message("%.*s", (int)s->report.size, (const char *)s->report.data);
        fail_msg("%s was %s", append_anomaly_name((enum append_anomaly)i),
                 r.counts[i] > 0 ? "found" : "not found");
    }
    assert_true(report_says(s, append_anomaly_name(anomaly)));
    story_end(s);
}

static void expect_some(struct story *s, enum append_anomaly anomaly)
{
    struct append_result r = append_check(&s->h, &s->report);
    assert_int_equal(r.result, CHECK_INVALID);
    assert_true(r.counts[anomaly] > 0);
    story_end(s);
}

static void expect_valid(struct story *s)
{
    struct append_result r = append_check(&s->h, &s->report);
    if (r.result != CHECK_VALID) print_message("%.*s", (int)s->report.size, (char *)s->report.data);
    assert_int_equal(r.result, CHECK_VALID);
    assert_int_equal(s->report.size, 0);
    story_end(s);
}

/* Two transactions that overlap. */
static void begin_two(struct story *s, size_t *a, size_t *b)
{
    story_begin(s);
    *a = story_invoke(s, 1);
    *b = story_invoke(s, 2);
}

TEST(append, empty_history_is_valid)
{
    struct story s;
    story_begin(&s);
    expect_valid(&s);
}

TEST(append, serial_history_is_valid)
{
    struct story s;
    story_begin(&s);
    story_did_append(&s, 1, X, 1);
    story_did_read(&s, 2, X, "1");
    story_did_append(&s, 1, X, 2);
    story_did_read(&s, 2, X, "1 2");
    story_did_read(&s, 2, Y, "");
    expect_valid(&s);
}

TEST(append, write_skew_is_g2_item)
{
    struct story s;
    size_t a, b;
    begin_two(&s, &a, &b);
    story_read(&s, a, X, "");
    story_append(&s, a, Y, 1);
    story_read(&s, b, Y, "");
    story_append(&s, b, X, 2);
    story_ok(&s, a);
    story_ok(&s, b);
    story_did_read(&s, 3, X, "2");
    story_did_read(&s, 3, Y, "1");
    expect_only(&s, APPEND_G2_ITEM);
}

TEST(append, write_skew_shows_without_later_reads)
{
    struct story s;
    size_t a, b;
    begin_two(&s, &a, &b);
    story_read(&s, a, X, "");
    story_append(&s, a, Y, 1);
    story_read(&s, b, Y, "");
    story_append(&s, b, X, 2);
    story_ok(&s, a);
    story_ok(&s, b);
    expect_only(&s, APPEND_G2_ITEM);
}

TEST(append, lost_update_is_g_single)
{
    struct story s;
    size_t a, b;
    begin_two(&s, &a, &b);
    story_read(&s, a, X, "");
    story_append(&s, a, X, 1);
    story_read(&s, b, X, "");
    story_append(&s, b, X, 2);
    story_ok(&s, a);
    story_ok(&s, b);
    story_did_read(&s, 3, X, "1 2");
    expect_only(&s, APPEND_G_SINGLE);
}

TEST(append, fractured_read_is_g_single)
{
    struct story s;
    size_t a, b;
    begin_two(&s, &a, &b);
    story_append(&s, a, X, 1);
    story_append(&s, a, Y, 2);
    story_read(&s, b, X, "1");
    story_read(&s, b, Y, "");
    story_ok(&s, a);
    story_ok(&s, b);
    story_did_read(&s, 3, Y, "2");
    expect_only(&s, APPEND_G_SINGLE);
}

TEST(append, long_fork_is_g2_item)
{
    struct story s;
    size_t a, b;
    begin_two(&s, &a, &b);
    size_t c = story_invoke(&s, 3), d = story_invoke(&s, 4);
    story_append(&s, a, X, 1);
    story_append(&s, b, Y, 2);
    story_read(&s, c, X, "1");
    story_read(&s, c, Y, "");
    story_read(&s, d, X, "");
    story_read(&s, d, Y, "2");
    for (size_t t = 0; t < 4; t++) story_ok(&s, t);
    expect_only(&s, APPEND_G2_ITEM);
}

TEST(append, stale_read_is_g_single_realtime)
{
    struct story s;
    story_begin(&s);
    story_did_append(&s, 1, X, 1);
    story_did_read(&s, 2, X, "");
    story_did_read(&s, 3, X, "1");
    expect_only(&s, APPEND_G_SINGLE_REALTIME);
}

TEST(append, non_monotonic_read_is_g_single_realtime)
{
    struct story s;
    story_begin(&s);
    size_t writer = story_invoke(&s, 1); /* concurrent with both reads */
    story_append(&s, writer, X, 1);
    story_did_read(&s, 2, X, "1");
    story_did_read(&s, 2, X, "");
    story_ok(&s, writer);
    expect_only(&s, APPEND_G_SINGLE_REALTIME);
}

TEST(append, causal_reverse_is_g_single_realtime)
{
    struct story s;
    story_begin(&s);
    size_t reader = story_invoke(&s, 3);
    story_did_append(&s, 1, X, 1);
    story_did_append(&s, 2, Y, 2);
    story_read(&s, reader, X, "");
    story_read(&s, reader, Y, "2");
    story_ok(&s, reader);
    story_did_read(&s, 1, X, "1");
    expect_only(&s, APPEND_G_SINGLE_REALTIME);
}

TEST(append, lost_append_is_named)
{
    struct story s;
    story_begin(&s);
    story_did_append(&s, 1, X, 1);
    story_did_append(&s, 1, X, 2);
    story_did_read(&s, 2, X, "1");
    expect_some(&s, APPEND_LOST);
}

TEST(append, reversed_order_of_writes_is_g0_realtime)
{
    struct story s;
    story_begin(&s);
    size_t reader = story_invoke(&s, 3);
    story_did_append(&s, 1, X, 1);
    story_did_append(&s, 2, X, 2);
    story_read(&s, reader, X, "2 1");
    story_ok(&s, reader);
    expect_only(&s, APPEND_G0_REALTIME);
}

TEST(append, reading_the_future_is_named)
{
    struct story s;
    story_begin(&s);
    story_did_read(&s, 1, X, "1");
    story_did_append(&s, 2, X, 1);
    struct append_result r = append_check(&s.h, &s.report);
    assert_int_equal(r.result, CHECK_INVALID);
    assert_int_equal(r.counts[APPEND_FUTURE], 1);
    assert_int_equal(r.counts[APPEND_G1C_REALTIME], 1);
    story_end(&s);
}

TEST(append, interleaved_writes_are_g0)
{
    struct story s;
    size_t a, b;
    begin_two(&s, &a, &b);
    story_append(&s, a, X, 1);
    story_append(&s, a, Y, 2);
    story_append(&s, b, X, 3);
    story_append(&s, b, Y, 4);
    story_ok(&s, a);
    story_ok(&s, b);
    story_did_read(&s, 3, X, "1 3");
    story_did_read(&s, 3, Y, "4 2");
    expect_only(&s, APPEND_G0);
}

TEST(append, circular_information_flow_is_g1c)
{
    struct story s;
    size_t a, b;
    begin_two(&s, &a, &b);
    story_append(&s, a, X, 1);
    story_read(&s, a, Y, "2");
    story_append(&s, b, Y, 2);
    story_read(&s, b, X, "1");
    story_ok(&s, a);
    story_ok(&s, b);
    expect_only(&s, APPEND_G1C);
}

TEST(append, aborted_read_is_g1a)
{
    struct story s;
    size_t a, b;
    begin_two(&s, &a, &b);
    story_append(&s, a, X, 1);
    story_read(&s, b, X, "1");
    story_fail(&s, a);
    story_ok(&s, b);
    expect_only(&s, APPEND_G1A);
}

TEST(append, intermediate_read_is_g1b)
{
    struct story s;
    size_t a, b;
    begin_two(&s, &a, &b);
    story_append(&s, a, X, 1);
    story_append(&s, a, X, 2);
    story_read(&s, b, X, "1");
    story_ok(&s, b);
    story_info(&s, a);
    expect_some(&s, APPEND_G1B);
}

TEST(append, internal_contradictions_are_named)
{
    struct story s;
    size_t a;
    story_begin(&s);
    a = story_invoke(&s, 1);
    story_append(&s, a, X, 1);
    story_read(&s, a, X, "");
    story_ok(&s, a);
    expect_some(&s, APPEND_INTERNAL);
    story_begin(&s);
    story_did_append(&s, 1, X, 1);
    a = story_invoke(&s, 1);
    story_read(&s, a, X, "1");
    story_append(&s, a, X, 2);
    story_read(&s, a, X, "1");
    story_ok(&s, a);
    expect_some(&s, APPEND_INTERNAL);
    story_begin(&s);
    a = story_invoke(&s, 1);
    story_append(&s, a, X, 1);
    story_read(&s, a, X, "1");
    story_append(&s, a, X, 2);
    story_read(&s, a, X, "1 2");
    story_ok(&s, a);
    expect_valid(&s);
}

TEST(append, repeated_reads_must_agree)
{
    const char *second[] = {"1 9 2", "2", "9 1 2", "9 2"};
    for (int i = 0; i < 4; i++) {
        struct story s;
        story_begin(&s);
        story_did_append(&s, 1, X, 1);
        story_did_append(&s, 1, X, 9);
        size_t a = story_invoke(&s, 1);
        story_read(&s, a, X, "1");
        story_append(&s, a, X, 2);
        story_read(&s, a, X, second[i]);
        story_ok(&s, a);
        expect_some(&s, APPEND_INTERNAL);
    }
}

TEST(append, unread_write_that_came_first_is_g0_realtime)
{
    struct story s;
    story_begin(&s);
    size_t reader = story_invoke(&s, 3);
    story_did_append(&s, 1, X, 1);
    story_did_append(&s, 2, X, 2);
    story_read(&s, reader, X, "2"); /* so 1 came after 2 */
    story_ok(&s, reader);
    expect_only(&s, APPEND_G0_REALTIME);
}

TEST(append, duplicates_phantoms_and_forked_lists_are_named)
{
    struct story s;
    story_begin(&s);
    story_did_append(&s, 1, X, 1);
    story_did_read(&s, 1, X, "1 1");
    expect_some(&s, APPEND_DUPLICATE);
    story_begin(&s);
    story_did_read(&s, 1, X, "7");
    expect_only(&s, APPEND_PHANTOM);
    story_begin(&s);
    size_t a = story_invoke(&s, 1), b = story_invoke(&s, 2);
    story_append(&s, a, X, 1);
    story_append(&s, b, X, 2);
    story_did_read(&s, 3, X, "1");
    story_did_read(&s, 4, X, "2");
    story_ok(&s, a);
    story_ok(&s, b);
    expect_some(&s, APPEND_INCOMPATIBLE);
}

TEST(append, unknown_outcomes_may_be_either)
{
    struct story s;
    size_t a;
    story_begin(&s);
    a = story_invoke(&s, 1);
    story_append(&s, a, X, 1);
    story_info(&s, a);
    story_did_read(&s, 2, X, "");
    story_did_read(&s, 2, X, ""); /* not yet */
    story_did_read(&s, 2, X, "1"); /* and now */
    expect_valid(&s);
    story_begin(&s);
    a = story_invoke(&s, 1);
    story_append(&s, a, X, 1);
    story_did_read(&s, 2, X, ""); /* never completed, never seen */
    expect_valid(&s);
}

TEST(append, unknown_outcome_takes_effect_whole_or_not_at_all)
{
    struct story s;
    story_begin(&s);
    size_t a = story_invoke(&s, 1);
    story_append(&s, a, X, 1);
    story_append(&s, a, Y, 2);
    story_info(&s, a);
    story_did_read(&s, 2, X, "1");
    story_did_read(&s, 2, Y, "");
    expect_only(&s, APPEND_G_SINGLE_REALTIME);
}

TEST(append, cycle_is_readable)
{
    struct story s;
    story_begin(&s);
    story_did_append(&s, 1, X, 1);
    story_did_read(&s, 2, X, "");
    story_did_read(&s, 3, X, "1");
    append_check(&s.h, &s.report);
    assert_true(report_says(&s, "G-single-realtime: a cycle of 2\n"
                                "  T1 process 2 [r 1 []]\n"
                                "    rw: T1 read 1 without the next value, 1 of T0\n"
                                "  T0 process 1 [append 1 1]\n"
                                "    rt: T0 completed before T1 was invoked\n"));
    story_end(&s);
}

/* ---- long histories ---- */

static struct model_options model(uint64_t seed, enum model_fault fault)
{
    return (struct model_options){
        .seed = seed,
        .txn_count = 200 + seed % 7 * 100,
        .process_count = 1 + seed % 12,
        .key_count = 1 + seed % 5,
        .op_count_max = 1 + seed % 4,
        .unknown_ppm = seed % 3 == 0 ? 100000 : 0,
        .fault = fault,
    };
}

TEST(append, serializable_model_is_always_accepted)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct story s;
        struct model_options options = model(seed, MODEL_RIGHT);
        story_begin(&s);
        story_model(&s, &options);
        expect_valid(&s);
    }
}

static int rejected(enum model_fault fault)
{
    int count = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct story s;
        struct model_options options = model(seed, fault);
        options.process_count += 3;
        options.op_count_max += 2;
        options.key_count++;
        story_begin(&s);
        story_model(&s, &options);
        count += append_check(&s.h, &s.report).result == CHECK_INVALID;
        story_end(&s);
    }
    return count;
}

TEST(append, broken_models_are_rejected)
{
    /* A fault of the model need not show in every history. */
    assert_in_range(rejected(MODEL_SPLIT), 98, 100);
    assert_in_range(rejected(MODEL_STALE), 98, 100);
    assert_in_range(rejected(MODEL_LOSES), 98, 100);
}

TEST(append, hundred_thousand_transactions_are_checked)
{
    struct story s;
    struct model_options options = {.seed = 1, .txn_count = 100000, .process_count = 50,
                                    .key_count = 400, .op_count_max = 4, .unknown_ppm = 10000};
    story_begin(&s);
    story_model(&s, &options);
    struct append_result r = append_check(&s.h, &s.report);
    assert_int_equal(r.result, CHECK_VALID);
    assert_true(r.committed_count > 90000);
    assert_true(r.edge_count < 100 * options.txn_count); /* real time is reduced */
    story_end(&s);
}
