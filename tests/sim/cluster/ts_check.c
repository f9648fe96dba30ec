#include "tests/sim/cluster/ts_check.h"

#include <stdlib.h>

#include "base/assert.h"

static bool is_write(const struct operation *op)
{
    return op->kind != OPERATION_READ;
}

static int by_ts(const void *a, const void *b)
{
    const struct operation *x = *(const struct operation *const *)a;
    const struct operation *y = *(const struct operation *const *)b;
    if (x->ts != y->ts) return x->ts < y->ts ? -1 : 1;
    return (int)is_write(y) - (int)is_write(x); /* a read at ts sees the write at ts */
}

static bool complain(char *failure, size_t size, const char *what, const struct operation *a,
                     const struct operation *b)
{
    snprintf(failure, size,
             "%s: key %llu, process %llu kind %d value %llu saw %llu ts %llu [%llu..%llu], process %llu "
             "kind %d value %llu saw %llu ts %llu [%llu..%llu]",
             what, (unsigned long long)a->key, (unsigned long long)a->process, a->kind,
             (unsigned long long)a->argument, (unsigned long long)a->result, (unsigned long long)a->ts,
             (unsigned long long)a->invoked_ns, (unsigned long long)a->returned_ns,
             (unsigned long long)b->process, b->kind, (unsigned long long)b->argument,
             (unsigned long long)b->result, (unsigned long long)b->ts,
             (unsigned long long)b->invoked_ns, (unsigned long long)b->returned_ns);
    return false;
}

static const struct operation *writer_of(const struct operation *history, size_t count, uint64_t key,
                                         uint64_t value)
{
    for (size_t i = 0; i < count; i++)
        if (history[i].key == key && is_write(&history[i]) && history[i].argument == value)
            return &history[i];
    return NULL;
}

/* Walks the operations of one key in timestamp order. An unknown write has no timestamp; the first read of
 * its value shows that it happened, and it must not have been overwritten before. */
static bool check_key(const struct operation *history, size_t count, struct operation **ops, size_t n,
                      char *failure, size_t size)
{
    uint64_t current = 0;
    const struct operation *last_write = NULL;
    for (size_t i = 0; i < n; i++) {
        struct operation *op = ops[i];
        uint64_t seen = op->kind == OPERATION_READ ? op->result : op->expected;
        if (op->kind != OPERATION_WRITE && seen != current) {
            const struct operation *writer = writer_of(history, count, op->key, seen);
            bool explained = writer != NULL && writer->outcome == OUTCOME_UNKNOWN;
            if (!explained) return complain(failure, size, "TS-1 wrong value", op, last_write ? last_write : op);
            current = seen;
        }
        if (is_write(op)) {
            if (last_write != NULL && last_write->ts == op->ts)
                return complain(failure, size, "TS-3 equal commit timestamps", op, last_write);
            current = op->argument;
            last_write = op;
        }
    }
    return true;
}

static int by_return(const void *a, const void *b)
{
    const struct operation *x = *(const struct operation *const *)a;
    const struct operation *y = *(const struct operation *const *)b;
    return x->returned_ns < y->returned_ns ? -1 : x->returned_ns > y->returned_ns;
}

static int by_invoke(const void *a, const void *b)
{
    const struct operation *x = *(const struct operation *const *)a;
    const struct operation *y = *(const struct operation *const *)b;
    return x->invoked_ns < y->invoked_ns ? -1 : x->invoked_ns > y->invoked_ns;
}

/* In order of invocation, nothing has a timestamp below the highest of what had returned before: of the commits among it,
 * where a read may be at a timestamp that the clock has not reached yet. */
static bool check_real_time(struct operation **ops, size_t n, bool reads_ahead, char *failure, size_t size)
{
    struct operation **returned = malloc((n + 1) * sizeof *returned);
    ASSERT(returned != NULL);
    memcpy(returned, ops, n * sizeof *ops);
    qsort(returned, n, sizeof *returned, by_return);
    qsort(ops, n, sizeof *ops, by_invoke);
    const struct operation *highest = NULL;
    size_t r = 0;
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        while (r < n && returned[r]->returned_ns < ops[i]->invoked_ns) {
            bool counts = !reads_ahead || is_write(returned[r]);
            if (counts && (highest == NULL || returned[r]->ts > highest->ts)) highest = returned[r];
            r++;
        }
        if (highest != NULL && ops[i]->ts < highest->ts)
            ok = complain(failure, size, "TS-2 timestamp below an earlier one", ops[i], highest);
    }
    free(returned);
    return ok;
}

bool ts_check_values(const struct operation *history, size_t count, char *failure, size_t failure_size)
{
    struct operation **ops = malloc((count + 1) * sizeof *ops);
    ASSERT(ops != NULL);
    uint64_t key_max = 0;
    for (size_t i = 0; i < count; i++)
        if (history[i].key > key_max) key_max = history[i].key;
    bool ok = true;
    for (uint64_t key = 1; ok && key <= key_max; key++) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++)
            if (history[i].key == key && history[i].outcome == OUTCOME_OK)
                ops[n++] = (struct operation *)(uintptr_t)&history[i];
        qsort(ops, n, sizeof *ops, by_ts);
        ok = check_key(history, count, ops, n, failure, failure_size);
    }
    free(ops);
    return ok;
}

bool ts_check_history(const struct operation *history, size_t count, bool reads_ahead, char *failure, size_t failure_size)
{
    if (!ts_check_values(history, count, failure, failure_size)) return false;
    struct operation **ops = malloc((count + 1) * sizeof *ops);
    ASSERT(ops != NULL);
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        if (history[i].outcome == OUTCOME_OK) ops[n++] = (struct operation *)(uintptr_t)&history[i];
    bool ok = check_real_time(ops, n, reads_ahead, failure, failure_size);
    free(ops);
    return ok;
}

bool ts_check(const struct workload *w, char *failure, size_t failure_size)
{
    size_t count;
    const struct operation *history = workload_history(w, &count);
    return ts_check_history(history, count, workload_clock_source(w) == KV_CLOCK_INTERVAL, failure, failure_size);
}
