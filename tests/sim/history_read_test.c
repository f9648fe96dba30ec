/* Histories from files: what was written is read back, what is no history is refused with its line, and hand-made bad
 * ones are rejected under their names. */
#include <stdio.h>
#include <string.h>

#include "tests/sim/check/append.h"
#include "tests/sim/check/history_read.h"
#include "tests/sim/story.h"
#include "tests/test.h"

#define HISTORY_BYTES_MAX (64u << 20)

static bool read_text(struct history *h, const char *text, char *problem, size_t size)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    assert_non_null(file);
    history_init(h, HISTORY_BYTES_MAX);
    bool ok = history_read_json(h, file, problem, size);
    fclose(file);
    return ok;
}

static void expect_refused(const char *text, const char *why)
{
    struct history h;
    char problem[160] = "";
    assert_false(read_text(&h, text, problem, sizeof problem));
    if (strstr(problem, why) == NULL) fail_msg("\"%s\", not \"%s\"", problem, why);
    history_deinit(&h);
}

/* The lines, one event each, are numbered and given times here. */
static struct append_result judge(const char *const *events, struct buf *report)
{
    struct buf text;
    struct history h;
    char problem[160] = "";
    buf_init(&text, HISTORY_BYTES_MAX);
    buf_init(report, HISTORY_BYTES_MAX);
    for (size_t i = 0; events[i] != NULL; i++)
        buf_printf(&text, "{\"index\":%zu,\"f\":\"txn\",\"time\":%zu,%s}\n", i, i * 1000, events[i]);
    buf_append_byte(&text, 0);
    if (!read_text(&h, (char *)text.data, problem, sizeof problem)) fail_msg("%s", problem);
    struct append_result r = append_check(&h, report);
    buf_append_byte(report, 0);
    history_deinit(&h);
    buf_deinit(&text);
    return r;
}

static void expect_anomaly(const char *const *events, enum append_anomaly anomaly, const char *said)
{
    struct buf report;
    struct append_result r = judge(events, &report);
    assert_int_equal(r.result, CHECK_INVALID);
    assert_true(r.counts[anomaly] > 0);
    if (strstr((char *)report.data, said) == NULL) fail_msg("no \"%s\" in: %s", said, (char *)report.data);
    buf_deinit(&report);
}

static void expect_valid(const char *const *events)
{
    struct buf report;
    struct append_result r = judge(events, &report);
    if (r.result != CHECK_VALID) fail_msg("%s", (char *)report.data);
    buf_deinit(&report);
}

/* ---- good and bad ones ---- */

TEST(history_read, an_append_of_unknown_outcome_may_be_read_or_not)
{
    const char *seen[] = {"\"process\":1,\"type\":\"invoke\",\"value\":[[\"append\",1,1]]",
                          "\"process\":1,\"type\":\"info\",\"value\":[[\"append\",1,1]],\"error\":\"08007\"",
                          "\"process\":2,\"type\":\"invoke\",\"value\":[[\"r\",1,null]]",
                          "\"process\":2,\"type\":\"ok\",\"value\":[[\"r\",1,[1]]]", NULL};
    expect_valid(seen);
    seen[3] = "\"process\":2,\"type\":\"ok\",\"value\":[[\"r\",1,[]]]";
    expect_valid(seen);
}

TEST(history_read, a_read_of_a_failed_append_is_g1a)
{
    const char *events[] = {"\"process\":1,\"type\":\"invoke\",\"value\":[[\"append\",1,1]]",
                            "\"process\":1,\"type\":\"fail\",\"value\":[[\"append\",1,1]],\"error\":\"40001\"",
                            "\"process\":2,\"type\":\"invoke\",\"value\":[[\"r\",1,null]]",
                            "\"process\":2,\"type\":\"ok\",\"value\":[[\"r\",1,[1]]]", NULL};
    expect_anomaly(events, APPEND_G1A, "T1 process 2 [r 1 [1]]");
}

TEST(history_read, an_acknowledged_append_that_is_gone_is_lost)
{
    const char *events[] = {"\"process\":1,\"type\":\"invoke\",\"value\":[[\"append\",1,1]]",
                            "\"process\":1,\"type\":\"ok\",\"value\":[[\"append\",1,1]]",
                            "\"process\":2,\"type\":\"invoke\",\"value\":[[\"r\",1,null]]",
                            "\"process\":2,\"type\":\"ok\",\"value\":[[\"r\",1,[]]]", NULL};
    expect_anomaly(events, APPEND_LOST, "T0 process 1 [append 1 1]");
}

TEST(history_read, write_skew_is_g2_item_and_its_cycle_is_printed)
{
    const char *events[] = {"\"process\":1,\"type\":\"invoke\",\"value\":[[\"r\",1,null],[\"append\",2,1]]",
                            "\"process\":2,\"type\":\"invoke\",\"value\":[[\"r\",2,null],[\"append\",1,1]]",
                            "\"process\":1,\"type\":\"ok\",\"value\":[[\"r\",1,[]],[\"append\",2,1]]",
                            "\"process\":2,\"type\":\"ok\",\"value\":[[\"r\",2,[]],[\"append\",1,1]]",
                            "\"process\":1,\"type\":\"invoke\",\"value\":[[\"r\",1,null],[\"r\",2,null]]",
                            "\"process\":1,\"type\":\"ok\",\"value\":[[\"r\",1,[1]],[\"r\",2,[1]]]", NULL};
    expect_anomaly(events, APPEND_G2_ITEM, "a cycle of 2");
    expect_anomaly(events, APPEND_G2_ITEM, "T0 process 1 [r 1 []] [append 2 1]");
    expect_anomaly(events, APPEND_G2_ITEM, "T1 process 2 [r 2 []] [append 1 1]");
}

/* Each read by itself is of some moment; the second begins after the first, which saw more, has ended. */
TEST(history_read, a_stale_read_is_named_by_real_time)
{
    const char *events[] = {"\"process\":1,\"type\":\"invoke\",\"value\":[[\"append\",1,1]]",
                            "\"process\":2,\"type\":\"invoke\",\"value\":[[\"r\",1,null]]",
                            "\"process\":2,\"type\":\"ok\",\"value\":[[\"r\",1,[1]]]",
                            "\"process\":2,\"type\":\"invoke\",\"value\":[[\"r\",1,null]]",
                            "\"process\":2,\"type\":\"ok\",\"value\":[[\"r\",1,[]]]",
                            "\"process\":1,\"type\":\"ok\",\"value\":[[\"append\",1,1]]", NULL};
    expect_anomaly(events, APPEND_G_SINGLE_REALTIME, "a cycle of 3");
}

/* ---- there and back ---- */

static enum check_result judge_again(const struct story *s)
{
    FILE *file = tmpfile();
    struct history h;
    struct buf report;
    char problem[160] = "";
    assert_non_null(file);
    history_write_json(&s->h, file);
    rewind(file);
    history_init(&h, HISTORY_BYTES_MAX);
    if (!history_read_json(&h, file, problem, sizeof problem)) fail_msg("%s", problem);
    assert_int_equal(h.txn_count, s->h.txn_count);
    assert_int_equal(h.event_count, s->h.event_count);
    buf_init(&report, HISTORY_BYTES_MAX);
    enum check_result result = append_check(&h, &report).result;
    buf_deinit(&report);
    history_deinit(&h);
    fclose(file);
    return result;
}

TEST(history_read, reads_back_what_was_written)
{
    for (enum model_fault fault = MODEL_RIGHT; fault <= MODEL_LOSES; fault++) {
        struct story s;
        struct model_options o = {.seed = 11, .txn_count = 600, .process_count = 8, .key_count = 4,
                                  .op_count_max = 4, .fault = fault};
        story_begin(&s);
        story_model(&s, &o);
        struct append_result r = append_check(&s.h, &s.report);
        assert_int_equal(r.result, fault == MODEL_RIGHT ? CHECK_VALID : CHECK_INVALID);
        assert_int_equal(judge_again(&s), r.result);
        story_end(&s);
    }
}

/* ---- what is no history ---- */

#define EVENT(index, process, type, value) \
    "{\"index\":" index ",\"process\":" process ",\"type\":\"" type "\",\"time\":0,\"value\":" value "}\n"

TEST(history_read, refuses_what_is_no_event)
{
    expect_refused("{\"index\":0,", "line 1: no JSON");
    expect_refused("[]\n", "line 1: no event");
    expect_refused("{\"index\":0}\n", "line 1: no event");
    expect_refused(EVENT("0", "1", "invoke", "7"), "no array");
    expect_refused(EVENT("0", "1", "begin", "[]"), "type is none of");
    expect_refused(EVENT("0", "1", "invoke", "[[\"w\",1,1]]"), "neither an append nor a read");
    expect_refused(EVENT("0", "1", "invoke", "[[\"append\",1,null]]"), "an append of no number");
    expect_refused(EVENT("0", "1", "invoke", "[[\"r\",1]]"), "no operation");
    expect_refused(EVENT("0", "1", "invoke", "[]") EVENT("0", "2", "invoke", "[]"), "line 2: index does not rise");
}

TEST(history_read, refuses_processes_that_do_two_things)
{
    expect_refused(EVENT("0", "1", "invoke", "[]") EVENT("1", "1", "invoke", "[]"), "line 2: an invocation by a");
    expect_refused(EVENT("0", "1", "invoke", "[]") EVENT("1", "1", "info", "[]") EVENT("2", "1", "invoke", "[]"),
                   "line 3: an invocation by a process that ended");
    expect_refused(EVENT("0", "1", "ok", "[]"), "line 1: a completion without");
}

TEST(history_read, refuses_completions_of_something_else)
{
    expect_refused(EVENT("0", "1", "invoke", "[[\"r\",1,null]]") EVENT("1", "1", "ok", "[[\"r\",2,[]]]"),
                   "something else");
    expect_refused(EVENT("0", "1", "invoke", "[[\"append\",1,1]]") EVENT("1", "1", "ok", "[[\"append\",1,2]]"),
                   "something else");
    expect_refused(EVENT("0", "1", "invoke", "[[\"r\",1,null]]") EVENT("1", "1", "ok", "[]"), "no operation");
    expect_refused(EVENT("0", "1", "invoke", "[]") EVENT("1", "1", "ok", "[[\"r\",2,[]]]"), "more than");
    expect_refused(EVENT("0", "1", "invoke", "[[\"r\",1,null]]") EVENT("1", "1", "ok", "[[\"r\",1,null]]"),
                   "has a list");
    expect_refused(EVENT("0", "1", "invoke", "[[\"r\",1,null]]") EVENT("1", "1", "ok", "[[\"r\",1,[\"x\"]]]"),
                   "something else than numbers");
}

TEST(history_read, refuses_a_number_that_is_appended_twice)
{
    expect_refused(EVENT("0", "1", "invoke", "[[\"append\",1,5]]") EVENT("1", "2", "invoke", "[[\"append\",1,5]]"),
                   "to the same list twice");
}

TEST(history_read, passes_over_what_no_client_did)
{
    struct history h;
    char problem[160] = "";
    assert_true(read_text(&h, EVENT("0", "\"nemesis\"", "info", "\"kill 2\"") EVENT("1", "1", "invoke", "[]"), problem,
                          sizeof problem));
    assert_int_equal(h.txn_count, 1);
    history_deinit(&h);
}
