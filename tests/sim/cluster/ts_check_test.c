/* The checker of timestamps rejects what it has to. */
#include "tests/test.h"

#include <string.h>

#include "tests/sim/cluster/ts_check.h"

#define OPERATIONS_MAX 8

struct story {
    struct operation operations[OPERATIONS_MAX];
    size_t count;
    bool reads_ahead;
};

static struct operation *add(struct story *s, enum operation_kind kind, uint64_t invoked, uint64_t returned, uint64_t ts)
{
    assert_true(s->count < OPERATIONS_MAX);
    struct operation *op = &s->operations[s->count];
    *op = (struct operation){.process = s->count + 1, .key = 1, .kind = kind, .outcome = OUTCOME_OK, .invoked_ns = invoked,
                             .returned_ns = returned, .ts = ts};
    s->count++;
    return op;
}

static struct operation *writes(struct story *s, uint64_t value, uint64_t invoked, uint64_t returned, uint64_t ts)
{
    struct operation *op = add(s, OPERATION_WRITE, invoked, returned, ts);
    op->argument = value;
    return op;
}

static struct operation *reads(struct story *s, uint64_t value, uint64_t invoked, uint64_t returned, uint64_t ts)
{
    struct operation *op = add(s, OPERATION_READ, invoked, returned, ts);
    op->result = value;
    return op;
}

static struct operation *swaps(struct story *s, uint64_t expected, uint64_t value, uint64_t invoked, uint64_t returned, uint64_t ts)
{
    struct operation *op = add(s, OPERATION_CAS, invoked, returned, ts);
    op->expected = expected;
    op->argument = value;
    return op;
}

/* NULL: it is right. */
static void judge(const struct story *s, const char *rule)
{
    char failure[512] = "";
    bool right = ts_check_history(s->operations, s->count, s->reads_ahead, failure, sizeof failure);
    if (right != (rule == NULL)) fail_msg("%s", right ? "accepted" : failure);
    if (rule != NULL) assert_memory_equal(failure, rule, strlen(rule));
}

TEST(ts_check, accepts_what_timestamps_explain)
{
    struct story s = {.count = 0};
    reads(&s, 0, 1, 2, 5); /* before everything */
    writes(&s, 10, 1, 9, 20);
    reads(&s, 10, 3, 12, 20); /* at its very timestamp */
    swaps(&s, 10, 11, 10, 15, 30);
    reads(&s, 10, 13, 14, 29); /* below the swap, which was under way */
    judge(&s, NULL);
}

TEST(ts_check, a_read_that_misses_a_write_below_it_is_rejected)
{
    struct story s = {.count = 0};
    writes(&s, 10, 1, 2, 20);
    reads(&s, 0, 3, 4, 25);
    judge(&s, "TS-1");
}

TEST(ts_check, a_read_of_what_is_above_it_is_rejected)
{
    struct story s = {.count = 0};
    writes(&s, 10, 1, 9, 20);
    reads(&s, 10, 2, 8, 19);
    judge(&s, "TS-1");
}

TEST(ts_check, a_lost_update_is_rejected)
{
    struct story s = {.count = 0};
    writes(&s, 10, 1, 2, 20);
    swaps(&s, 10, 11, 3, 9, 30);
    swaps(&s, 10, 12, 4, 8, 31);
    judge(&s, "TS-1");
}

TEST(ts_check, what_was_read_although_it_failed_is_rejected)
{
    struct story s = {.count = 0};
    writes(&s, 10, 1, 2, 0)->outcome = OUTCOME_FAIL;
    reads(&s, 10, 3, 4, 25);
    judge(&s, "TS-1");
    s.operations[0].outcome = OUTCOME_UNKNOWN; /* then it may have happened */
    judge(&s, NULL);
}

TEST(ts_check, a_timestamp_below_one_that_was_acknowledged_is_rejected)
{
    struct story s = {.count = 0};
    writes(&s, 10, 1, 2, 20);
    writes(&s, 11, 3, 4, 19);
    judge(&s, "TS-2");
    s.operations[1].invoked_ns = 2; /* they overlap */
    judge(&s, NULL);
}

/* A later reader goes back, on another key or the same one. */
TEST(ts_check, a_read_below_an_earlier_read_is_rejected_unless_reads_may_be_ahead)
{
    struct story s = {.count = 0};
    reads(&s, 0, 1, 2, 25);
    reads(&s, 0, 3, 4, 24)->key = 2;
    judge(&s, "TS-2");
    s.reads_ahead = true;
    judge(&s, NULL);
    writes(&s, 10, 5, 6, 30);
    reads(&s, 0, 7, 8, 29)->key = 2; /* commits are acknowledged when the clock is past them */
    judge(&s, "TS-2");
}

TEST(ts_check, two_writes_of_a_key_at_one_timestamp_are_rejected)
{
    struct story s = {.count = 0};
    writes(&s, 10, 1, 5, 20);
    writes(&s, 11, 2, 6, 20)->key = 2;
    judge(&s, NULL); /* of two keys */
    s.operations[1].key = 1;
    judge(&s, "TS-3");
}
