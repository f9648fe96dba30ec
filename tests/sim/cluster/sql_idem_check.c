#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/sim/cluster/sql_idem_int.h"

void idem_complain(struct sql_idem *l, const char *format, ...)
{
    if (l->failure[0] != '\0') return;
    va_list args;
    va_start(args, format);
    vsnprintf(l->failure, sizeof l->failure, format, args);
    va_end(args);
}

/* ---- the last look ---- */

const char *idem_read_text(uint32_t step)
{
    static const char *const texts[] = {"RESET ostraka.idempotency_key", "SELECT k, n FROM idem_counters",
                                        "SELECT j, n FROM idem_marks", "SELECT p FROM idem_plain"};
    return step < sizeof texts / sizeof texts[0] ? texts[step] : NULL;
}

static int64_t number(const struct sql_rows *rows, uint32_t row, uint32_t column)
{
    const struct sql_cell *cell = &rows->cells[row * rows->column_count + column];
    return cell->text == NULL ? -1 : strtoll(cell->text, NULL, 10);
}

void idem_read_took(struct sql_idem *l, uint32_t step, const struct sql_rows *rows)
{
    static const int64_t limits[] = {0, IDEM_COUNTERS_MAX, IDEM_JOBS_MAX, IDEM_PLAIN_MAX};
    for (uint32_t i = 0; step > 0 && i < rows->row_count; i++) {
        int64_t key = number(rows, i, 0);
        if (key < 1 || key > limits[step]) idem_complain(l, "a row nobody wrote: %lld", (long long)key);
        else if (step == 1) l->counters[key] = number(rows, i, 1);
        else if (step == 2) l->marks[key] = (uint32_t)number(rows, i, 1);
        else l->there[key] = true;
    }
}

/* ---- the judgement ---- */

/* Every job raised its counter by one, and was told to what: no two jobs were told the same, and the counter ends at
 * the number of those that took effect. */
static void check_counter(struct sql_idem *l, uint32_t counter)
{
    int64_t answered = 0, possible = 0, last = l->counters[counter];
    bool *seen = calloc(IDEM_JOBS_MAX + 2, sizeof *seen);
    ASSERT(seen != NULL);
    for (uint32_t i = 0; i < l->job_count; i++) {
        const struct idem_job *job = &l->jobs[i];
        if (job->counter != counter) continue;
        possible++;
        if (!job->answered) continue;
        answered++;
        if (job->answer < 1 || job->answer > IDEM_JOBS_MAX || (l->read_all && job->answer > last))
            idem_complain(l, "key %s: answer %lld, the counter is %lld", job->key, (long long)job->answer,
                          (long long)last);
        else if (seen[job->answer])
            idem_complain(l, "key %s: answer %lld was given to another job", job->key, (long long)job->answer);
        else seen[job->answer] = true;
    }
    free(seen);
    if (l->read_all && (last < answered || last > possible))
        idem_complain(l, "counter %u is %lld after %lld jobs of %lld were answered", counter, (long long)last,
                      (long long)answered, (long long)possible);
}

static void check_marks(struct sql_idem *l)
{
    for (uint32_t i = 0; i < l->job_count; i++) {
        const struct idem_job *job = &l->jobs[i];
        uint32_t count = l->marks[i + 1], least = job->answered && job->form != IDEM_ALONE ? 1 : 0;
        if (count < least || count > 1)
            idem_complain(l, "key %s took effect %u times%s", job->key, count, job->answered ? "" : " (unanswered)");
    }
}

static void check_plain(struct sql_idem *l)
{
    for (uint32_t i = 1; i <= l->plain_count; i++) {
        if (l->plain[i] == IDEM_THERE && !l->there[i]) idem_complain(l, "row %u was committed and is not there", i);
        if (l->plain[i] == IDEM_ABSENT && l->there[i]) idem_complain(l, "row %u was aborted and is there", i);
    }
}

bool sql_idem_check(struct sql_idem *l, char *failure, size_t failure_size)
{
    for (uint32_t i = 0; i < l->options.client_count; i++)
        if (sql_client_violation(l->actors[i].client) != NULL)
            idem_complain(l, "protocol: %s", sql_client_violation(l->actors[i].client));
    for (uint32_t k = 1; k <= l->options.counter_count; k++) check_counter(l, k);
    if (l->read_all) {
        check_marks(l);
        check_plain(l);
    }
    if (l->failure[0] == '\0') return true;
    snprintf(failure, failure_size, "sql idem: %s", l->failure);
    return false;
}
