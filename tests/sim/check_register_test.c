/* Registers, sums, sets, and the history's own format. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/check/bank.h"
#include "tests/sim/check/register.h"
#include "tests/sim/story.h"
#include "tests/test.h"

static void expect(struct story *s, enum check_result result)
{
    assert_int_equal(register_check(&s->h, 0, &s->report), result);
    assert_int_equal(s->report.size > 0, result != CHECK_VALID);
    story_end(s);
}

static void did_write(struct story *s, int64_t value)
{
    story_ok(s, story_write(s, 1, 1, value));
}

static void did_get(struct story *s, int64_t value)
{
    story_ok(s, story_get(s, 2, 1, value));
}

TEST(register, serial_history_is_linearizable)
{
    struct story s;
    story_begin(&s);
    did_get(&s, HISTORY_NIL);
    did_write(&s, 1);
    did_get(&s, 1);
    story_ok(&s, story_cas(&s, 1, 1, 1, 2));
    did_get(&s, 2);
    story_fail(&s, story_cas(&s, 1, 1, 1, 3));
    did_get(&s, 2);
    expect(&s, CHECK_VALID);
}

TEST(register, stale_read_is_rejected)
{
    struct story s;
    story_begin(&s);
    did_write(&s, 1);
    did_write(&s, 2);
    did_get(&s, 1);
    expect(&s, CHECK_INVALID);
}

TEST(register, value_from_nowhere_is_rejected)
{
    struct story s;
    story_begin(&s);
    did_get(&s, 9);
    expect(&s, CHECK_INVALID);
}

TEST(register, lost_write_is_rejected)
{
    struct story s;
    story_begin(&s);
    did_write(&s, 1);
    did_get(&s, HISTORY_NIL);
    expect(&s, CHECK_INVALID);
}

TEST(register, failed_write_must_stay_invisible)
{
    struct story s;
    story_begin(&s);
    story_fail(&s, story_write(&s, 1, 1, 1));
    did_get(&s, 1);
    expect(&s, CHECK_INVALID);
}

TEST(register, concurrent_reads_may_not_go_back)
{
    struct story s;
    story_begin(&s);
    size_t writer = story_write(&s, 1, 1, 1);
    did_get(&s, 1);
    did_get(&s, HISTORY_NIL);
    story_ok(&s, writer);
    expect(&s, CHECK_INVALID);
}

TEST(register, two_swaps_from_one_value_are_rejected)
{
    struct story s;
    story_begin(&s);
    did_write(&s, 1);
    size_t a = story_cas(&s, 1, 1, 1, 2), b = story_cas(&s, 2, 1, 1, 3);
    story_ok(&s, a);
    story_ok(&s, b);
    expect(&s, CHECK_INVALID);
}

TEST(register, concurrent_writes_take_any_order)
{
    struct story s;
    story_begin(&s);
    size_t a = story_write(&s, 1, 1, 1), b = story_write(&s, 3, 1, 2);
    did_get(&s, 2);
    did_get(&s, 1);
    story_ok(&s, a);
    story_ok(&s, b);
    expect(&s, CHECK_VALID);
}

TEST(register, unknown_write_may_happen_late_or_never)
{
    struct story s;
    story_begin(&s);
    story_info(&s, story_write(&s, 1, 1, 1));
    did_get(&s, HISTORY_NIL);
    did_write(&s, 2);
    did_get(&s, 2);
    did_get(&s, 1);
    expect(&s, CHECK_VALID);
    story_begin(&s);
    story_info(&s, story_write(&s, 1, 1, 1));
    did_get(&s, 1);
    did_write(&s, 2);
    did_get(&s, 1); /* but not twice */
    expect(&s, CHECK_INVALID);
}

TEST(register, keys_are_independent)
{
    struct story s;
    story_begin(&s);
    did_write(&s, 1);
    story_ok(&s, story_get(&s, 1, 2, HISTORY_NIL));
    story_ok(&s, story_write(&s, 1, 2, 1));
    did_get(&s, 1);
    expect(&s, CHECK_VALID);
}

TEST(register, report_names_the_operation_that_cannot_be_placed)
{
    struct story s;
    story_begin(&s);
    did_write(&s, 1);
    did_write(&s, 2);
    did_get(&s, 1);
    register_check(&s.h, 0, &s.report);
    buf_append_byte(&s.report, 0);
    assert_string_equal((char *)s.report.data,
        "register 1 is not linearizable: after 2 of 3 operations the value is 2, and this cannot "
        "be placed:\n  T2 process 2 [r 1 [1]]\n concurrent with it:\n");
    story_end(&s);
}

static struct model_options model(uint64_t seed, enum model_fault fault)
{
    return (struct model_options){
        .seed = seed, .txn_count = 600, .process_count = 1 + seed % 10, .key_count = 1 + seed % 4,
        .registers = true, .unknown_ppm = seed % 3 == 0 ? 30000 : 0, .fault = fault,
    };
}

static int count_results(enum model_fault fault, enum check_result wanted)
{
    int count = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct story s;
        struct model_options options = model(seed, fault);
        story_begin(&s);
        story_model(&s, &options);
        count += register_check(&s.h, 0, &s.report) == wanted;
        story_end(&s);
    }
    return count;
}

TEST(register, linearizable_model_is_always_accepted)
{
    assert_int_equal(count_results(MODEL_RIGHT, CHECK_VALID), 100);
}

TEST(register, broken_models_are_rejected)
{
    /* A fault of the model need not show in every history. */
    assert_in_range(count_results(MODEL_STALE, CHECK_INVALID), 70, 100);
    assert_in_range(count_results(MODEL_LOSES, CHECK_INVALID), 70, 100);
}

TEST(register, search_is_given_up_at_its_bound)
{
    struct story s;
    struct model_options options = model(5, MODEL_RIGHT);
    story_begin(&s);
    story_model(&s, &options);
    assert_int_equal(register_check(&s.h, 10, &s.report), CHECK_UNKNOWN);
    story_end(&s);
}

/* ---- sums and sets ---- */

TEST(bank, wrong_sums_and_overdrafts_are_rejected)
{
    struct story s;
    story_begin(&s);
    story_ok(&s, story_read_all(&s, 1, 1, "50 50"));
    story_info(&s, story_read_all(&s, 1, 1, "7"));
    assert_int_equal(bank_check(&s.h, 1, 100, false, &s.report), CHECK_VALID);
    story_ok(&s, story_read_all(&s, 1, 1, "110 -10"));
    assert_int_equal(bank_check(&s.h, 1, 100, true, &s.report), CHECK_VALID);
    assert_int_equal(bank_check(&s.h, 1, 100, false, &s.report), CHECK_INVALID);
    story_ok(&s, story_read_all(&s, 1, 1, "50 49"));
    assert_int_equal(bank_check(&s.h, 1, 100, true, &s.report), CHECK_INVALID);
    story_end(&s);
}

/* Write skew leaves nobody, or two that exclude each other; what is uncertain proves nothing. */
TEST(count, too_few_and_too_many_are_rejected)
{
    struct story s;
    story_begin(&s);
    story_ok(&s, story_read_all(&s, 1, 1, "1"));
    story_ok(&s, story_read_all(&s, 1, 1, "3"));
    story_info(&s, story_read_all(&s, 1, 1, "0"));
    story_fail(&s, story_read_all(&s, 1, 1, "9"));
    assert_int_equal(count_check(&s.h, 1, 1, 3, &s.report), CHECK_VALID);
    assert_int_equal(count_check(&s.h, 1, 2, 3, &s.report), CHECK_INVALID);
    assert_int_equal(count_check(&s.h, 1, 1, 2, &s.report), CHECK_INVALID);
    story_ok(&s, story_read_all(&s, 1, 2, "1 1"));
    assert_int_equal(count_check(&s.h, 2, 0, 9, &s.report), CHECK_INVALID);
    story_end(&s);
}

/* ---- format ---- */

TEST(history, is_written_as_json_lines)
{
    struct story s;
    char *text = NULL;
    size_t size = 0;
    story_begin(&s);
    size_t a = story_invoke(&s, 3);
    story_append(&s, a, 1, 5);
    story_read(&s, a, 2, "7 8");
    story_ok(&s, a);
    story_fail(&s, story_write(&s, 4, 1, 6));
    story_info(&s, story_cas(&s, 4, 1, 6, 7));
    story_ok(&s, story_get(&s, 4, 1, 7));
    FILE *out = open_memstream(&text, &size);
    history_write_json(&s.h, out);
    fclose(out);
    assert_string_equal(text,
        "{\"index\":0,\"type\":\"invoke\",\"f\":\"txn\",\"process\":3,\"time\":1,"
        "\"value\":[[\"append\",1,5],[\"r\",2,null]]}\n"
        "{\"index\":1,\"type\":\"ok\",\"f\":\"txn\",\"process\":3,\"time\":2,"
        "\"value\":[[\"append\",1,5],[\"r\",2,[7,8]]]}\n"
        "{\"index\":2,\"type\":\"invoke\",\"f\":\"txn\",\"process\":4,\"time\":3,"
        "\"value\":[[\"w\",1,6]]}\n"
        "{\"index\":3,\"type\":\"fail\",\"f\":\"txn\",\"process\":4,\"time\":4,"
        "\"value\":[[\"w\",1,6]]}\n"
        "{\"index\":4,\"type\":\"invoke\",\"f\":\"txn\",\"process\":4,\"time\":5,"
        "\"value\":[[\"cas\",1,[6,7]]]}\n"
        "{\"index\":5,\"type\":\"info\",\"f\":\"txn\",\"process\":4,\"time\":6,"
        "\"value\":[[\"cas\",1,[6,7]]]}\n"
        "{\"index\":6,\"type\":\"invoke\",\"f\":\"txn\",\"process\":4,\"time\":7,"
        "\"value\":[[\"r\",1,null]]}\n"
        "{\"index\":7,\"type\":\"ok\",\"f\":\"txn\",\"process\":4,\"time\":8,"
        "\"value\":[[\"r\",1,7]]}\n");
    free(text);
    story_end(&s);
}
