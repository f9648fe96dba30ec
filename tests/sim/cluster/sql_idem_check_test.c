/* The checker of idempotency keys rejects what it has to: effects that are there twice or not at all, answers that were given to two. */
#include "tests/test.h"

#include <stdlib.h>
#include <string.h>

#include "tests/sim/cluster/sql_idem_int.h"

/* Three jobs on counter 1, all answered, in the forms there are; rows 1 to 3 without a key: there, absent, perhaps. */
static struct sql_idem *begin(void)
{
    struct sql_idem *l = calloc(1, sizeof *l);
    assert_non_null(l);
    l->options.counter_count = 1;
    l->job_count = IDEM_FORMS;
    for (uint32_t i = 0; i < l->job_count; i++) {
        l->jobs[i] = (struct idem_job){.form = (enum idem_form)i, .counter = 1, .answered = true, .answer = i + 1};
        l->marks[i + 1] = 1;
    }
    l->marks[1] = 0; /* a statement alone leaves none */
    l->counters[1] = l->job_count;
    l->plain_count = 3;
    l->plain[1] = IDEM_THERE;
    l->plain[2] = IDEM_ABSENT;
    l->plain[3] = IDEM_MAYBE;
    l->there[1] = true;
    l->read_all = true;
    return l;
}

/* words NULL: it is right. */
static void judge(struct sql_idem *l, const char *words)
{
    char failure[300] = "";
    bool right = sql_idem_check(l, failure, sizeof failure);
    if (right != (words == NULL)) fail_msg("%s", right ? "accepted" : failure);
    if (words != NULL && strstr(failure, words) == NULL) fail_msg("\"%s\", without \"%s\"", failure, words);
    free(l);
}

TEST(sql_idem_check, accepts_one_effect_each)
{
    struct sql_idem *l = begin();
    l->there[3] = true;
    judge(l, NULL);
    l = begin(); /* one whose outcome nobody was told may have happened */
    l->jobs[2].answered = false;
    judge(l, NULL);
    l = begin(); /* or not */
    l->jobs[2].answered = false;
    l->counters[1] = 2;
    l->marks[3] = 0;
    judge(l, NULL);
}

TEST(sql_idem_check, an_effect_that_is_there_twice_is_rejected)
{
    struct sql_idem *l = begin();
    l->counters[1] = 4;
    judge(l, "counter 1 is 4");
    l = begin();
    l->marks[2] = 2;
    judge(l, "took effect 2 times");
    l = begin(); /* also of one that nobody was told of */
    l->jobs[1].answered = false;
    l->marks[2] = 2;
    judge(l, "took effect 2 times");
}

TEST(sql_idem_check, an_effect_that_was_answered_and_is_gone_is_rejected)
{
    struct sql_idem *l = begin();
    l->counters[1] = 2;
    judge(l, "the counter is 2");
    l = begin();
    l->marks[3] = 0;
    judge(l, "took effect 0 times");
}

TEST(sql_idem_check, one_answer_for_two_jobs_is_rejected)
{
    struct sql_idem *l = begin();
    l->jobs[2].answer = 2;
    judge(l, "was given to another job");
    l = begin();
    l->jobs[2].answer = 0;
    judge(l, "answer 0");
}

TEST(sql_idem_check, outcomes_by_id_that_were_not_so_are_rejected)
{
    struct sql_idem *l = begin();
    l->there[1] = false;
    judge(l, "row 1 was committed and is not there");
    l = begin();
    l->there[2] = true;
    judge(l, "row 2 was aborted and is there");
}

TEST(sql_idem_check, what_was_noted_on_the_way_is_told)
{
    struct sql_idem *l = begin();
    idem_complain(l, "another answer than the first time");
    judge(l, "another answer");
}
