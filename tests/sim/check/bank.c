#include "tests/sim/check/bank.h"

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
