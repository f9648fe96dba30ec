#include "tests/sim/check/bank.h"

#include <stdlib.h>

#include "base/assert.h"

static bool is_certain_read(const struct history_txn *t, const struct history_op *op, uint64_t key)
{
    return t->outcome == HISTORY_OK && op->kind == HISTORY_READ_ALL && op->key == key && op->known;
}

static bool balances_hold(const struct history_op *op, int64_t total, bool overdrafts_allowed)
{
    int64_t sum = 0;
    for (size_t i = 0; i < op->list_count; i++) {
        if (op->list[i] < 0 && !overdrafts_allowed) return false;
        sum += op->list[i];
    }
    return sum == total;
}

enum check_result bank_check(const struct history *h, uint64_t key, int64_t total,
                             bool overdrafts_allowed, struct buf *report)
{
    enum check_result result = CHECK_VALID;
    for (size_t i = 0; i < h->txn_count; i++)
        for (const struct history_op *op = h->txns[i].first; op != NULL; op = op->next) {
            if (!is_certain_read(&h->txns[i], op, key)) continue;
            if (balances_hold(op, total, overdrafts_allowed)) continue;
            buf_printf(report, "bank: the sum of %llu should be %lld: ", (unsigned long long)key,
                       (long long)total);
            check_print_txn(report, h, i);
            buf_append_string(report, "\n");
            result = CHECK_INVALID;
        }
    return result;
}

enum check_result count_check(const struct history *h, uint64_t key, int64_t least, int64_t most, struct buf *report)
{
    enum check_result result = CHECK_VALID;
    for (size_t i = 0; i < h->txn_count; i++)
        for (const struct history_op *op = h->txns[i].first; op != NULL; op = op->next) {
            if (!is_certain_read(&h->txns[i], op, key)) continue;
            if (op->list_count == 1 && op->list[0] >= least && op->list[0] <= most) continue;
            buf_printf(report, "count: of %llu there should be %lld to %lld: ", (unsigned long long)key,
                       (long long)least, (long long)most);
            check_print_txn(report, h, i);
            buf_append_string(report, "\n");
            result = CHECK_INVALID;
        }
    return result;
}

/* ---- sets ---- */

struct insert {
    int64_t value;
    size_t txn;
};

static int compare_inserts(const void *a, const void *b)
{
    const struct insert *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

static int compare_values(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static size_t collect_inserts(const struct history *h, uint64_t key, struct insert **inserts_out)
{
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++) {
        if (pass == 1) *inserts_out = check_alloc(count, sizeof **inserts_out);
        count = 0;
        for (size_t i = 0; i < h->txn_count; i++)
            for (const struct history_op *op = h->txns[i].first; op != NULL; op = op->next) {
                if (op->kind != HISTORY_INSERT || op->key != key) continue;
                if (pass == 1) (*inserts_out)[count] = (struct insert){op->value, i};
                count++;
            }
    }
    qsort(*inserts_out, count, sizeof **inserts_out, compare_inserts);
    return count;
}

static void complain(struct buf *report, const struct history *h, const char *what, int64_t value,
                     size_t reader)
{
    buf_printf(report, "%s: value %lld as seen by T%zu process %llu\n", what, (long long)value,
               reader, (unsigned long long)h->txns[reader].process);
}

/* What one read says about one attempt to insert. */
static const char *judge(const struct history_txn *insert, const struct history_txn *read,
                         bool seen)
{
    if (insert->outcome == HISTORY_FAIL) return seen ? "failed insert visible" : NULL;
    if (seen && insert->invoke_index > read->complete_index)
        return "insert visible before it began";
    bool acknowledged = insert->complete_index < read->invoke_index;
    return acknowledged && !seen ? "acknowledged insert lost" : NULL;
}

/* Merges the sorted values of a read with the sorted inserts. */
static bool check_read(const struct history *h, const struct insert *inserts, size_t insert_count,
                       const struct history_op *op, size_t reader, struct buf *report)
{
    bool valid = true;
    int64_t *values = check_alloc(op->list_count, sizeof *values);
    if (op->list_count > 0) memcpy(values, op->list, op->list_count * sizeof *values);
    qsort(values, op->list_count, sizeof *values, compare_values);
    size_t at = 0;
    for (size_t i = 0; i < op->list_count; i++) {
        const char *wrong = NULL;
        for (; at < insert_count && inserts[at].value < values[i]; at++) {
            wrong = judge(&h->txns[inserts[at].txn], &h->txns[reader], false);
            if (wrong != NULL) complain(report, h, wrong, inserts[at].value, reader);
            valid = valid && wrong == NULL;
        }
        if (i > 0 && values[i] == values[i - 1]) wrong = "value twice";
        else if (at == insert_count || inserts[at].value != values[i]) wrong = "value from nowhere";
        else wrong = judge(&h->txns[inserts[at++].txn], &h->txns[reader], true);
        if (wrong != NULL) complain(report, h, wrong, values[i], reader);
        valid = valid && wrong == NULL;
    }
    for (; at < insert_count; at++) {
        const char *wrong = judge(&h->txns[inserts[at].txn], &h->txns[reader], false);
        if (wrong != NULL) complain(report, h, wrong, inserts[at].value, reader);
        valid = valid && wrong == NULL;
    }
    free(values);
    return valid;
}

enum check_result insert_check(const struct history *h, uint64_t key, struct buf *report)
{
    struct insert *inserts = NULL;
    size_t insert_count = collect_inserts(h, key, &inserts);
    bool valid = true;
    for (size_t i = 1; i < insert_count; i++)
        ASSERT(inserts[i - 1].value != inserts[i].value); /* the workload inserts unique values */
    for (size_t i = 0; i < h->txn_count; i++)
        for (const struct history_op *op = h->txns[i].first; op != NULL; op = op->next)
            if (is_certain_read(&h->txns[i], op, key))
                valid = check_read(h, inserts, insert_count, op, i, report) && valid;
    free(inserts);
    return valid ? CHECK_VALID : CHECK_INVALID;
}
