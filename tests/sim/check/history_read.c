#include "tests/sim/check/history_read.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/map.h"
#include "tests/sim/check/check.h"

/* What a process is at. */
struct process {
    size_t txn;
    bool busy, gone; /* gone: it ended with info */
};

struct reader {
    struct history *h;
    struct map processes; /* number -> struct process */
    uint64_t line_count;
    json_int_t last_index;
    const char *why; /* what is wrong with the line; NULL: nothing */
    int64_t *list;   /* of a read, while it is taken over */
    size_t list_capacity;
};

static bool wrong(struct reader *r, const char *why)
{
    if (r->why == NULL) r->why = why;
    return false;
}

/* ---- operations ---- */

/* ["append", k, v] or ["r", k, null or list]; *argument_out is borrowed. */
static bool take_op(struct reader *r, json_t *json, enum history_kind *kind_out, uint64_t *key_out,
                    json_t **argument_out)
{
    const char *name = json_string_value(json_array_get(json, 0));
    json_t *key = json_array_get(json, 1);
    if (json_array_size(json) != 3 || name == NULL || !json_is_integer(key)) return wrong(r, "no operation");
    if (strcmp(name, "append") == 0) *kind_out = HISTORY_APPEND;
    else if (strcmp(name, "r") == 0) *kind_out = HISTORY_READ_LIST;
    else return wrong(r, "neither an append nor a read");
    *key_out = (uint64_t)json_integer_value(key);
    *argument_out = json_array_get(json, 2);
    if (*kind_out == HISTORY_APPEND && !json_is_integer(*argument_out)) return wrong(r, "an append of no number");
    return true;
}

static bool take_list(struct reader *r, struct history_op *op, json_t *list)
{
    size_t count = json_array_size(list);
    if (!json_is_array(list)) return wrong(r, "a read that is ok has a list");
    if (count > r->list_capacity) {
        r->list_capacity = count * 2;
        r->list = realloc(r->list, r->list_capacity * sizeof *r->list);
        ASSERT(r->list != NULL);
    }
    for (size_t i = 0; i < count; i++) {
        if (!json_is_integer(json_array_get(list, i))) return wrong(r, "a list of something else than numbers");
        r->list[i] = json_integer_value(json_array_get(list, i));
    }
    history_result(r->h, op, r->list, count);
    return true;
}

/* ---- events ---- */

static struct process *process_of(struct reader *r, uint64_t number)
{
    struct process *p = map_get(&r->processes, number);
    if (p != NULL) return p;
    p = check_alloc(1, sizeof *p);
    ASSERT(map_put(&r->processes, number, p) == STATUS_OK);
    return p;
}

static bool invoke(struct reader *r, uint64_t number, uint64_t time_ns, json_t *value)
{
    struct process *p = process_of(r, number);
    enum history_kind kind;
    uint64_t key;
    json_t *argument;
    if (p->busy) return wrong(r, "an invocation by a process that is not done with another");
    if (p->gone) return wrong(r, "an invocation by a process that ended with info");
    p->busy = true;
    p->txn = history_invoke(r->h, number, time_ns);
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!take_op(r, json_array_get(value, i), &kind, &key, &argument)) return false;
        history_add(r->h, p->txn, kind, key, kind == HISTORY_APPEND ? json_integer_value(argument) : 0);
    }
    return true;
}

static bool complete_ops(struct reader *r, struct history_txn *t, json_t *value, bool ok)
{
    enum history_kind kind;
    uint64_t key;
    json_t *argument;
    size_t i = 0;
    for (struct history_op *op = t->first; op != NULL; op = op->next, i++) {
        if (!take_op(r, json_array_get(value, i), &kind, &key, &argument)) return false;
        bool same = kind == op->kind && key == op->key;
        if (kind == HISTORY_APPEND) same = same && json_integer_value(argument) == op->value;
        if (!same) return wrong(r, "a completion of something else than was invoked");
        if (ok && kind == HISTORY_READ_LIST && !take_list(r, op, argument)) return false;
    }
    return i == json_array_size(value) || wrong(r, "a completion of more than was invoked");
}

static bool complete(struct reader *r, uint64_t number, uint64_t time_ns, json_t *value, enum history_outcome outcome)
{
    struct process *p = process_of(r, number);
    if (!p->busy) return wrong(r, "a completion without an invocation");
    if (!complete_ops(r, &r->h->txns[p->txn], value, outcome == HISTORY_OK)) return false;
    history_complete(r->h, p->txn, outcome, time_ns);
    p->busy = false;
    p->gone = outcome == HISTORY_INFO;
    return true;
}

static bool take_event(struct reader *r, json_t *event)
{
    json_t *process = json_object_get(event, "process"), *value = json_object_get(event, "value");
    json_t *index = json_object_get(event, "index");
    const char *type = json_string_value(json_object_get(event, "type"));
    uint64_t time_ns = (uint64_t)json_integer_value(json_object_get(event, "time"));
    if (!json_is_object(event) || process == NULL || type == NULL) return wrong(r, "no event");
    if (!json_is_integer(process)) return true;
    if (!json_is_integer(index) || json_integer_value(index) <= r->last_index) return wrong(r, "index does not rise");
    r->last_index = json_integer_value(index);
    if (!json_is_array(value)) return wrong(r, "no array of operations");
    uint64_t number = (uint64_t)json_integer_value(process);
    if (strcmp(type, "invoke") == 0) return invoke(r, number, time_ns, value);
    if (strcmp(type, "ok") == 0) return complete(r, number, time_ns, value, HISTORY_OK);
    if (strcmp(type, "fail") == 0) return complete(r, number, time_ns, value, HISTORY_FAIL);
    if (strcmp(type, "info") == 0) return complete(r, number, time_ns, value, HISTORY_INFO);
    return wrong(r, "type is none of invoke, ok, fail, info");
}

/* ---- all appends ---- */

static int compare_appends(const void *a, const void *b)
{
    const struct history_op *x = *(struct history_op *const *)a, *y = *(struct history_op *const *)b;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    return (x->value > y->value) - (x->value < y->value);
}

static bool appends_are_unique(const struct history *h)
{
    size_t count = 0, at = 0;
    for (size_t i = 0; i < h->txn_count; i++)
        for (struct history_op *op = h->txns[i].first; op != NULL; op = op->next) count += op->kind == HISTORY_APPEND;
    struct history_op **all = check_alloc(count, sizeof(struct history_op *));
    for (size_t i = 0; i < h->txn_count; i++)
        for (struct history_op *op = h->txns[i].first; op != NULL; op = op->next)
            if (op->kind == HISTORY_APPEND) all[at++] = op;
    qsort(all, count, sizeof(struct history_op *), compare_appends);
    bool unique = true;
    for (size_t i = 1; i < count; i++) unique &= compare_appends(&all[i - 1], &all[i]) != 0;
    free(all);
    return unique;
}

/* ---- the file ---- */

static void read_lines(struct reader *r, FILE *from)
{
    char *line = NULL;
    size_t capacity = 0;
    for (ssize_t size; r->why == NULL && (size = getline(&line, &capacity, from)) >= 0;) {
        r->line_count++;
        json_t *event = json_loadb(line, (size_t)size, 0, NULL);
        if (event == NULL) wrong(r, "no JSON");
        else take_event(r, event);
        json_decref(event);
    }
    free(line);
}

bool history_read_json(struct history *h, FILE *from, char *problem, size_t problem_size)
{
    struct reader r = {.h = h, .last_index = -1};
    ASSERT(h->txn_count == 0);
    map_init(&r.processes);
    read_lines(&r, from);
    if (r.why != NULL) snprintf(problem, problem_size, "line %llu: %s", (unsigned long long)r.line_count, r.why);
    else if (ferror(from) != 0 && !wrong(&r, "")) snprintf(problem, problem_size, "it cannot be read to its end");
    if (r.why == NULL && !appends_are_unique(h)) {
        wrong(&r, "");
        snprintf(problem, problem_size, "a number is appended to the same list twice");
    }
    struct map_slot *slot;
    for (size_t cursor = 0; (slot = map_next(&r.processes, &cursor)) != NULL;) free(slot->value);
    map_deinit(&r.processes);
    free(r.list);
    return r.why == NULL;
}
