#include "tests/isolation/serial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

#define REMEMBERED_MAX 4096

struct remembered {
    uint32_t txns[SPEC_STEPS_MAX], count;
    struct played played;
};
struct serial {
    struct stage *stage;
    const struct spec *spec;
    struct remembered *remembered[REMEMBERED_MAX];
    uint32_t count;
};

/* What became of a transaction. */
enum fate { FATE_ABSENT = 0, FATE_NOTHING, FATE_COUNTS, FATE_MIXED };

struct txn_view {
    enum fate fate;
    uint32_t began, ended;
};

static bool is_retry(const char *sqlstate)
{
    return strcmp(sqlstate, "40001") == 0 || strcmp(sqlstate, "40P01") == 0 || strcmp(sqlstate, "55P03") == 0;
}

static struct txn_view view(const struct played *played, uint32_t txn)
{
    const struct spec *s = played->spec;
    struct txn_view v = {FATE_ABSENT, 0, 0};
    bool retry = false, open = false, left = false, committed = false;
    for (uint32_t i = 0; i < s->step_count; i++) {
        const struct answer *a = &played->answers[i];
        if (s->steps[i].txn != txn || !a->taken) continue;
        if (v.fate == FATE_ABSENT) v = (struct txn_view){FATE_COUNTS, a->began, 0};
        v.ended = a->ended;
        retry = retry || (a->failed && is_retry(a->sqlstate));
        left = left || a->ended == 0;
        if (spec_begins(s->steps[i].sql)) open = true;
        if (spec_ends(s->steps[i].sql)) open = false;
        committed = strcmp(a->tag, "COMMIT") == 0;
    }
    if (v.fate == FATE_ABSENT) return v;
    if (retry && committed) v.fate = FATE_MIXED;
    else if (retry || open || left) v.fate = FATE_NOTHING;
    return v;
}

static const struct played *play_serially(struct serial *serial, const uint32_t *txns, uint32_t count)
{
    for (uint32_t i = 0; i < serial->count; i++) {
        const struct remembered *r = serial->remembered[i];
        if (r->count == count && memcmp(r->txns, txns, count * sizeof *txns) == 0) return &r->played;
    }
    assert_true(serial->count < REMEMBERED_MAX);
    struct remembered *r = calloc(1, sizeof *r);
    assert_non_null(r);
    serial->remembered[serial->count++] = r;
    memcpy(r->txns, txns, count * sizeof *txns);
    r->count = count;
    uint32_t steps[SPEC_STEPS_MAX], step_count = 0;
    for (uint32_t t = 0; t < count; t++)
        for (uint32_t i = 0; i < serial->spec->step_count; i++)
            if (serial->spec->steps[i].txn == txns[t]) steps[step_count++] = i;
    stage_play(serial->stage, steps, step_count, NULL, NULL, &r->played);
    assert_false(r->played.impossible);
    return &r->played;
}

static bool agrees(const struct played *played, const struct played *serially, const uint32_t *txns, uint32_t count)
{
    const struct spec *s = played->spec;
    if (strcmp(played->final, serially->final) != 0) return false;
    for (uint32_t t = 0; t < count; t++)
        for (uint32_t i = 0; i < s->step_count; i++)
            if (s->steps[i].txn == txns[t] && strcmp(played->answers[i].text, serially->answers[i].text) != 0)
                return false;
    return true;
}

/* Tries every order of txns[at..] that keeps real time: whoever ended before another began comes first. */
static bool search(struct serial *serial, const struct played *played, const struct txn_view *views, uint32_t *txns,
                   uint32_t at, uint32_t count)
{
    if (at == count) return agrees(played, play_serially(serial, txns, count), txns, count);
    for (uint32_t i = at; i < count; i++) {
        bool early = false;
        for (uint32_t j = at; j < count; j++)
            early = early || (j != i && views[txns[j]].ended < views[txns[i]].began);
        if (early) continue;
        uint32_t chosen = txns[i];
        memmove(&txns[at + 1], &txns[at], (i - at) * sizeof *txns);
        txns[at] = chosen;
        if (search(serial, played, views, txns, at + 1, count)) return true;
        memmove(&txns[at], &txns[at + 1], (i - at) * sizeof *txns);
        txns[i] = chosen;
    }
    return false;
}

static void write_order(const struct spec *s, const uint32_t *txns, uint32_t count, char *out, size_t size)
{
    size_t at = 0;
    out[0] = 0;
    for (uint32_t t = 0; t < count; t++) {
        uint32_t first = 0;
        while (s->steps[first].txn != txns[t]) first++;
        at += (size_t)snprintf(out + at, size - at, "%s%s", t > 0 ? " " : "", s->sessions[s->steps[first].session]);
        assert_true(at < size);
    }
    if (count == 0) snprintf(out, size, "nothing");
}

enum serial_verdict serial_judge(struct serial *serial, const struct played *played, char *order, size_t order_size)
{
    const struct spec *s = played->spec;
    struct txn_view views[SPEC_STEPS_MAX] = {0};
    uint32_t txns[SPEC_STEPS_MAX], count = 0;
    for (uint32_t t = 0; t < s->txn_count; t++) {
        views[t] = view(played, t);
        if (views[t].fate == FATE_MIXED) return SERIAL_UNKNOWN;
        if (views[t].fate == FATE_COUNTS) txns[count++] = t;
    }
    if (!search(serial, played, views, txns, 0, count)) return SERIAL_NO;
    write_order(s, txns, count, order, order_size);
    return SERIAL_YES;
}

struct serial *serial_create(struct stage *stage, const struct spec *s)
{
    struct serial *serial = calloc(1, sizeof *serial);
    assert_non_null(serial);
    serial->stage = stage;
    serial->spec = s;
    return serial;
}

void serial_destroy(struct serial *serial)
{
    for (uint32_t i = 0; i < serial->count; i++) free(serial->remembered[i]);
    free(serial);
}
