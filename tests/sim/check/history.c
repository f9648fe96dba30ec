/* Recording and writing of histories. */
#include "tests/sim/check/history.h"

#include <stdlib.h>

#include "base/assert.h"
#include "tests/sim/check/check.h"

void history_init(struct history *h, size_t size_max)
{
    *h = (struct history){0};
    arena_init(&h->arena, size_max);
}

void history_deinit(struct history *h)
{
    arena_deinit(&h->arena);
    free(h->txns);
    free(h->events);
    *h = (struct history){0};
}

static uint64_t event_add(struct history *h, size_t txn, bool completes)
{
    if (h->event_count == h->event_capacity) {
        h->event_capacity = h->event_capacity == 0 ? 256 : h->event_capacity * 2;
        h->events = realloc(h->events, h->event_capacity * sizeof *h->events);
        ASSERT(h->events != NULL);
    }
    h->events[h->event_count] = (struct history_event){txn, completes};
    return h->event_count++;
}

size_t history_invoke(struct history *h, uint64_t process, uint64_t time_ns)
{
    if (h->txn_count == h->txn_capacity) {
        h->txn_capacity = h->txn_capacity == 0 ? 128 : h->txn_capacity * 2;
        h->txns = realloc(h->txns, h->txn_capacity * sizeof *h->txns);
        ASSERT(h->txns != NULL);
    }
    size_t txn = h->txn_count++;
    h->txns[txn] = (struct history_txn){
        .process = process,
        .invoke_index = event_add(h, txn, false),
        .invoke_ns = time_ns,
        .complete_index = HISTORY_NEVER,
    };
    return txn;
}

struct history_op *history_add(struct history *h, size_t txn, enum history_kind kind, uint64_t key,
                               int64_t value)
{
    ASSERT(txn < h->txn_count);
    struct history_txn *t = &h->txns[txn];
    struct history_op *op = ARENA_NEW(&h->arena, struct history_op);
    ASSERT(op != NULL);
    ASSERT(t->outcome == HISTORY_PENDING);
    op->kind = kind;
    op->key = key;
    op->value = value;
    if (t->last == NULL) t->first = op;
    else t->last->next = op;
    t->last = op;
    return op;
}

struct history_op *history_add_cas(struct history *h, size_t txn, uint64_t key, int64_t expected,
                                   int64_t value)
{
    struct history_op *op = history_add(h, txn, HISTORY_CAS, key, value);
    op->expected = expected;
    return op;
}

void history_result_more(struct history *h, struct history_op *op, const int64_t *list, size_t count)
{
    op->known = true;
    if (count == 0) return;
    int64_t *copy = ARENA_ARRAY(&h->arena, int64_t, op->list_count + count);
    ASSERT(copy != NULL);
    if (op->list_count > 0) memcpy(copy, op->list, op->list_count * sizeof *copy);
    memcpy(copy + op->list_count, list, count * sizeof *copy);
    op->list = copy;
    op->list_count += count;
}

void history_result(struct history *h, struct history_op *op, const int64_t *list, size_t count)
{
    ASSERT(!op->known);
    history_result_more(h, op, list, count);
}

void history_complete(struct history *h, size_t txn, enum history_outcome outcome,
                      uint64_t time_ns)
{
    ASSERT(txn < h->txn_count);
    ASSERT(outcome != HISTORY_PENDING);
    struct history_txn *t = &h->txns[txn];
    ASSERT(t->outcome == HISTORY_PENDING);
    uint64_t index = event_add(h, txn, true);
    t->outcome = outcome;
    t->complete_ns = time_ns;
    if (outcome != HISTORY_INFO) t->complete_index = index;
}

/* ---- JSON ---- */

static void print_list(FILE *out, const struct history_op *op)
{
    fputc('[', out);
    for (size_t i = 0; i < op->list_count; i++)
        fprintf(out, "%s%lld", i > 0 ? "," : "", (long long)op->list[i]);
    fputc(']', out);
}

static void print_read(FILE *out, const struct history_op *op, bool with_result)
{
    if (!with_result || !op->known) fputs("null", out);
    else if (op->kind != HISTORY_READ) print_list(out, op);
    else if (op->list_count == 0) fputs("null", out);
    else fprintf(out, "%lld", (long long)op->list[0]);
}

static void print_op(FILE *out, const struct history_op *op, bool with_result)
{
    unsigned long long key = op->key;
    long long value = op->value;
    switch (op->kind) {
    case HISTORY_APPEND: fprintf(out, "[\"append\",%llu,%lld]", key, value); return;
    case HISTORY_INSERT: fprintf(out, "[\"add\",%llu,%lld]", key, value); return;
    case HISTORY_WRITE: fprintf(out, "[\"w\",%llu,%lld]", key, value); return;
    case HISTORY_CAS:
        fprintf(out, "[\"cas\",%llu,[%lld,%lld]]", key, (long long)op->expected, value);
        return;
    case HISTORY_READ: case HISTORY_READ_LIST: case HISTORY_READ_ALL:
        fprintf(out, "[\"r\",%llu,", key);
        print_read(out, op, with_result);
        fputc(']', out);
        return;
    }
    UNREACHABLE();
}

void history_write_json(const struct history *h, FILE *out)
{
    static const char *const types[] = {[HISTORY_OK] = "ok", [HISTORY_FAIL] = "fail",
                                        [HISTORY_INFO] = "info"};
    for (size_t i = 0; i < h->event_count; i++) {
        const struct history_event *event = &h->events[i];
        const struct history_txn *t = &h->txns[event->txn];
        unsigned long long time_ns = event->completes ? t->complete_ns : t->invoke_ns;
        fprintf(out, "{\"index\":%zu,\"type\":\"%s\",\"f\":\"txn\",\"process\":%llu,\"time\":%llu,"
                "\"value\":[", i, event->completes ? types[t->outcome] : "invoke",
                (unsigned long long)t->process, time_ns);
        for (const struct history_op *op = t->first; op != NULL; op = op->next) {
            print_op(out, op, event->completes && t->outcome == HISTORY_OK);
            if (op->next != NULL) fputc(',', out);
        }
        fputs("]}\n", out);
    }
}

/* ---- reports ---- */

const char *check_result_name(enum check_result result)
{
    return result == CHECK_VALID ? "valid" : result == CHECK_INVALID ? "invalid" : "unknown";
}

void *check_alloc(size_t count, size_t size)
{
    void *memory = calloc(count > 0 ? count : 1, size);
    ASSERT(memory != NULL);
    return memory;
}

static void report_list(struct buf *report, const struct history_op *op)
{
    if (!op->known) {
        buf_append_string(report, "?");
        return;
    }
    buf_append_string(report, "[");
    for (size_t i = 0; i < op->list_count; i++)
        buf_printf(report, "%s%lld", i > 0 ? " " : "", (long long)op->list[i]);
    buf_append_string(report, "]");
}

static void report_op(struct buf *report, const struct history_op *op)
{
    static const char *const names[] = {
        [HISTORY_APPEND] = "append", [HISTORY_READ_LIST] = "r", [HISTORY_WRITE] = "w",
        [HISTORY_READ] = "r", [HISTORY_CAS] = "cas", [HISTORY_INSERT] = "add",
        [HISTORY_READ_ALL] = "r",
    };
    bool reads = op->kind == HISTORY_READ_LIST || op->kind == HISTORY_READ ||
                 op->kind == HISTORY_READ_ALL;
    buf_printf(report, " [%s %llu ", names[op->kind], (unsigned long long)op->key);
    if (reads) report_list(report, op);
    else if (op->kind == HISTORY_CAS)
        buf_printf(report, "%lld -> %lld", (long long)op->expected, (long long)op->value);
    else buf_printf(report, "%lld", (long long)op->value);
    buf_append_string(report, "]");
}

void check_print_txn(struct buf *report, const struct history *h, size_t txn)
{
    ASSERT(txn < h->txn_count);
    const struct history_txn *t = &h->txns[txn];
    buf_printf(report, "T%zu process %llu", txn, (unsigned long long)t->process);
    for (const struct history_op *op = t->first; op != NULL; op = op->next) report_op(report, op);
    if (t->outcome == HISTORY_FAIL) buf_append_string(report, " (failed)");
    else if (t->outcome != HISTORY_OK) buf_append_string(report, " (unknown outcome)");
}
