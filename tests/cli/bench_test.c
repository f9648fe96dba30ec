/* What `ostraka bench append` concludes from an error, and what it writes down. */
#include <stdlib.h>
#include <string.h>

#include "cli/bench_int.h"
#include "tests/test.h"

TEST(bench, an_error_is_definite_only_when_it_says_that_nothing_was_changed)
{
    static const char *const definite[] = {"40001", "40P01", "23505", "23502", "25P02", "57P03", "57014", "53200",
                                           "53100", "54000", "72000", "42P01", "22012", "0A000", "55P03"};
    static const char *const open[] = {"", "08007", "08006", "08P01", "57P01", "57P02", "58030", "XX000", "40003", "57"};
    for (size_t i = 0; i < sizeof definite / sizeof definite[0]; i++)
        if (!bench_sqlstate_is_definite(definite[i])) fail_msg("%s", definite[i]);
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
        if (bench_sqlstate_is_definite(open[i])) fail_msg("%s", open[i]);
}

static void expect_json(const struct bench_txn *t, bool with_lists, const char *expected)
{
    struct buf out;
    buf_init(&out, 4096);
    bench_txn_json(t, with_lists, &out);
    buf_append_byte(&out, 0);
    assert_string_equal((char *)out.data, expected);
    buf_deinit(&out);
}

TEST(bench, a_transaction_is_written_as_elle_reads_it)
{
    struct bench_txn t = {.mode = BENCH_BLOCK, .op_count = 4};
    t.ops[0] = (struct bench_op){.kind = BENCH_READ, .key = 7, .lists = {strdup("1,2")}};
    t.ops[1] = (struct bench_op){.kind = BENCH_APPEND, .key = 7, .value = 3};
    t.ops[2] = (struct bench_op){.kind = BENCH_READ_LOCKED, .key = 8, .value = 1, .lists = {strdup("")}};
    t.ops[3] = (struct bench_op){.kind = BENCH_READ_RANGE, .key = 1,
                                 .lists = {strdup(""), strdup("5"), strdup(""), strdup("9,8")}};
    expect_json(&t, true, "[[\"r\",7,[1,2]],[\"append\",7,3],[\"r\",8,[]],[\"append\",8,1],"
                          "[\"r\",1,[]],[\"r\",2,[5]],[\"r\",3,[]],[\"r\",4,[9,8]]]");
    expect_json(&t, false, "[[\"r\",7,null],[\"append\",7,3],[\"r\",8,null],[\"append\",8,1],"
                           "[\"r\",1,null],[\"r\",2,null],[\"r\",3,null],[\"r\",4,null]]");
    bench_txn_clear(&t);
    assert_int_equal(t.op_count, 0);
    t.op_count = 1;
    t.ops[0] = (struct bench_op){.kind = BENCH_UPSERT, .key = 4, .value = 2, .lists = {strdup("1,2")}};
    expect_json(&t, true, "[[\"append\",4,2],[\"r\",4,[1,2]]]");
    bench_txn_clear(&t);
}

TEST(bench, errors_are_counted_by_their_code_and_merged)
{
    struct bench_counts a = {.ok = 1}, b = {.fail = 2};
    histogram_init(&a.latency);
    histogram_init(&b.latency);
    bench_count_error(&a, "40001");
    bench_count_error(&b, "40001");
    bench_count_error(&b, "");
    bench_count_error(&b, "");
    bench_counts_merge(&a, &b);
    assert_int_equal(a.error_count, 2);
    assert_string_equal(a.errors[0].sqlstate, "40001");
    assert_int_equal(a.errors[0].count, 2);
    assert_string_equal(a.errors[1].sqlstate, "");
    assert_int_equal(a.errors[1].count, 2);
    assert_int_equal(a.ok, 1);
    assert_int_equal(a.fail, 2);
}
