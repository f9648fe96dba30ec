#include "tests/sim/story.h"

#include <stdlib.h>

#include "base/assert.h"

void story_begin(struct story *s)
{
    *s = (struct story){0};
    history_init(&s->h, 1u << 30);
    buf_init(&s->report, 1u << 20);
}

void story_end(struct story *s)
{
    history_deinit(&s->h);
    buf_deinit(&s->report);
}

/* ---- written down ---- */

size_t story_invoke(struct story *s, uint64_t process)
{
    return history_invoke(&s->h, process, ++s->time_ns);
}

void story_append(struct story *s, size_t txn, uint64_t key, int64_t value)
{
    history_add(&s->h, txn, HISTORY_APPEND, key, value);
}

static void set_list(struct story *s, struct history_op *op, const char *text)
{
    int64_t list[64];
    size_t count = 0;
    for (char *end; *text != '\0'; text = end) {
        ASSERT(count < sizeof list / sizeof list[0]);
        list[count++] = strtoll(text, &end, 10);
        ASSERT(end != text);
    }
    history_result(&s->h, op, list, count);
}

void story_read(struct story *s, size_t txn, uint64_t key, const char *list)
{
    set_list(s, history_add(&s->h, txn, HISTORY_READ_LIST, key, 0), list);
}

void story_read_set(struct story *s, size_t txn, uint64_t key, const char *values)
{
    set_list(s, history_add(&s->h, txn, HISTORY_READ_ALL, key, 0), values);
}

void story_ok(struct story *s, size_t txn)
{
    history_complete(&s->h, txn, HISTORY_OK, ++s->time_ns);
}

void story_fail(struct story *s, size_t txn)
{
    history_complete(&s->h, txn, HISTORY_FAIL, ++s->time_ns);
}

void story_info(struct story *s, size_t txn)
{
    history_complete(&s->h, txn, HISTORY_INFO, ++s->time_ns);
}

void story_did_append(struct story *s, uint64_t process, uint64_t key, int64_t value)
{
    size_t txn = story_invoke(s, process);
    story_append(s, txn, key, value);
    story_ok(s, txn);
}

void story_did_read(struct story *s, uint64_t process, uint64_t key, const char *list)
{
    size_t txn = story_invoke(s, process);
    story_read(s, txn, key, list);
    story_ok(s, txn);
}

size_t story_write(struct story *s, uint64_t process, uint64_t key, int64_t value)
{
    size_t txn = story_invoke(s, process);
    history_add(&s->h, txn, HISTORY_WRITE, key, value);
    return txn;
}

size_t story_cas(struct story *s, uint64_t process, uint64_t key, int64_t expected, int64_t value)
{
    size_t txn = story_invoke(s, process);
    history_add_cas(&s->h, txn, key, expected, value);
    return txn;
}

size_t story_get(struct story *s, uint64_t process, uint64_t key, int64_t seen)
{
    size_t txn = story_invoke(s, process);
    struct history_op *op = history_add(&s->h, txn, HISTORY_READ, key, 0);
    history_result(&s->h, op, &seen, seen == HISTORY_NIL ? 0 : 1);
    return txn;
}

size_t story_insert(struct story *s, uint64_t process, uint64_t key, int64_t value)
{
    size_t txn = story_invoke(s, process);
    history_add(&s->h, txn, HISTORY_INSERT, key, value);
    return txn;
}

size_t story_read_all(struct story *s, uint64_t process, uint64_t key, const char *list)
{
    size_t txn = story_invoke(s, process);
    story_read_set(s, txn, key, list);
    return txn;
}

/* ---- the model database ---- */

#define LIST_MAX 4096

struct model_list {
    int64_t values[LIST_MAX];
    size_t count, old_count;
};

struct client {
    uint64_t process;
    enum { CLIENT_IDLE, CLIENT_INVOKED, CLIENT_HALF, CLIENT_APPLIED } state;
    size_t txn;
};

struct model {
    struct story *s;
    const struct model_options *options;
    struct prng prng;
    struct model_list *lists;
    int64_t *registers, *old_registers;
    struct client *clients;
    uint64_t next_process;
    int64_t next_value;
};

static bool chance(struct model *m, uint32_t ppm)
{
    return prng_chance(&m->prng, ppm, 1000000);
}

static void begin_lists(struct model *m, size_t txn)
{
    size_t count = 1 + (size_t)prng_below(&m->prng, m->options->op_count_max);
    for (size_t i = 0; i < count; i++) {
        uint64_t key = prng_below(&m->prng, m->options->key_count);
        bool reads = chance(m, 500000) || m->lists[key].count + 8 >= LIST_MAX;
        history_add(&m->s->h, txn, reads ? HISTORY_READ_LIST : HISTORY_APPEND, key,
                    reads ? 0 : ++m->next_value);
    }
}

static void begin_register(struct model *m, size_t txn)
{
    uint64_t key = prng_below(&m->prng, m->options->key_count);
    uint64_t kind = prng_below(&m->prng, 3);
    if (kind == 0) history_add(&m->s->h, txn, HISTORY_READ, key, 0);
    else if (kind == 1) history_add(&m->s->h, txn, HISTORY_WRITE, key, ++m->next_value);
    else history_add_cas(&m->s->h, txn, key, m->registers[key], ++m->next_value);
}

/* Half of a transaction with MODEL_SPLIT: the reads, or the writes. */
static void apply_lists(struct model *m, struct history_op *first, bool reads, bool writes)
{
    for (struct history_op *op = first; op != NULL; op = op->next) {
        struct model_list *list = &m->lists[op->key];
        if (op->kind == HISTORY_APPEND) {
            if (!writes) continue;
            if (m->options->fault == MODEL_LOSES && chance(m, 20000)) continue;
            list->values[list->count++] = op->value;
            ASSERT(list->count < LIST_MAX);
            if (chance(m, 200000)) list->old_count = list->count;
        } else if (reads) {
            bool stale = m->options->fault == MODEL_STALE && chance(m, 50000);
            history_result(&m->s->h, op, list->values, stale ? list->old_count : list->count);
        }
    }
}

/* False: the swap found another value, and the transaction fails. */
static bool apply_register(struct model *m, struct history_op *op)
{
    int64_t *value = &m->registers[op->key];
    bool loses = m->options->fault == MODEL_LOSES && chance(m, 20000);
    bool stale = m->options->fault == MODEL_STALE && chance(m, 50000);
    if (op->kind == HISTORY_READ) {
        int64_t seen = stale ? m->old_registers[op->key] : *value;
        history_result(&m->s->h, op, &seen, seen == HISTORY_NIL ? 0 : 1);
        return true;
    }
    if (op->kind == HISTORY_CAS && *value != op->expected) return false;
    if (chance(m, 200000)) m->old_registers[op->key] = *value;
    if (!loses) *value = op->value;
    return true;
}

/* With MODEL_SPLIT, the own appends of before are not read: only one kind of operation per
 * transaction and key is then checked for order, which is what the test wants. */
static void apply(struct model *m, struct client *c)
{
    struct history_op *first = m->s->h.txns[c->txn].first;
    bool split = m->options->fault == MODEL_SPLIT && !m->options->registers;
    if (split && c->state == CLIENT_INVOKED) {
        apply_lists(m, first, true, false);
        c->state = CLIENT_HALF;
        return;
    }
    c->state = CLIENT_APPLIED;
    if (!m->options->registers) {
        apply_lists(m, first, !split, true);
    } else if (!apply_register(m, first)) {
        story_fail(m->s, c->txn);
        c->state = CLIENT_IDLE;
    }
}

static void forget(struct model *m, struct client *c)
{
    if (chance(m, 500000)) story_info(m->s, c->txn); /* else it stays pending */
    c->state = CLIENT_IDLE;
    c->process = m->next_process++;
}

static void step(struct model *m, struct client *c, bool draining)
{
    switch (c->state) {
    case CLIENT_IDLE:
        if (draining) return;
        c->txn = story_invoke(m->s, c->process);
        if (m->options->registers) begin_register(m, c->txn);
        else begin_lists(m, c->txn);
        c->state = CLIENT_INVOKED;
        return;
    case CLIENT_INVOKED:
        if (chance(m, m->options->unknown_ppm)) forget(m, c);
        else apply(m, c);
        return;
    case CLIENT_HALF: apply(m, c); return;
    case CLIENT_APPLIED:
        if (chance(m, m->options->unknown_ppm)) {
            forget(m, c);
            return;
        }
        story_ok(m->s, c->txn);
        c->state = CLIENT_IDLE;
        return;
    }
}

void story_model(struct story *s, const struct model_options *o)
{
    struct model m = {.s = s, .options = o, .next_process = o->process_count};
    prng_init(&m.prng, o->seed);
    m.lists = check_alloc(o->key_count, sizeof *m.lists);
    m.registers = check_alloc(o->key_count, sizeof *m.registers);
    m.old_registers = check_alloc(o->key_count, sizeof *m.old_registers);
    m.clients = check_alloc(o->process_count, sizeof *m.clients);
    for (size_t i = 0; i < o->key_count; i++) m.registers[i] = m.old_registers[i] = HISTORY_NIL;
    for (size_t i = 0; i < o->process_count; i++) m.clients[i].process = i;
    while (s->h.txn_count < o->txn_count)
        step(&m, &m.clients[prng_below(&m.prng, o->process_count)], false);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < o->process_count; i++) step(&m, &m.clients[i], true);
    free(m.lists);
    free(m.registers);
    free(m.old_registers);
    free(m.clients);
}
