#include "tests/isolation/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/prng.h"
#include "tests/isolation/serial.h"
#include "tests/test.h"

#define SEED 1
#define OUTPUT_BYTES_MAX (4u << 20)
#define OUTCOMES_MAX 512
#define LEVELS 4

static const char *const levels[LEVELS] = {"SERIALIZABLE", "REPEATABLE READ", "READ COMMITTED", "READ UNCOMMITTED"};

struct outcome {
    char *text;
    uint32_t count;
    struct spec_order first;
};
struct run {
    struct spec spec;
    struct stage *stage;
    struct serial *serial;
    struct buf out;
    struct outcome outcomes[OUTCOMES_MAX];
    uint32_t outcome_count, order_count, impossible_count, violations;
    bool quiet;
};

/* ---- the verdict on one order ---- */

static void write_order(const struct run *r, const struct spec_order *o, struct buf *out)
{
    for (uint32_t i = 0; i < o->count; i++)
        buf_printf(out, "%s%s", i > 0 ? " " : "", r->spec.steps[o->steps[i]].name);
}

static void complain(struct run *r, const struct spec_order *o, const char *what)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    write_order(r, o, &text);
    r->violations++;
    if (!r->quiet)
        fprintf(stderr, "%s: %s: %.*s\n", r->spec.path, what, (int)text.size, (const char *)text.data);
    buf_deinit(&text);
}

/* How the transactions stand in the serial order that explains what was seen. */
static void judge(struct run *r, const struct spec_order *o, const struct played *played, char *text, size_t size)
{
    char order[256];
    if (r->spec.unordered) {
        snprintf(text, size, "not judged");
        return;
    }
    switch (serial_judge(r->serial, played, order, sizeof order)) {
    case SERIAL_YES: snprintf(text, size, "as %s", order); return;
    case SERIAL_UNKNOWN: snprintf(text, size, "not judged: went on after an error"); return;
    case SERIAL_NO:
        snprintf(text, size, "AS NO SERIAL ORDER");
        complain(r, o, "no serial order explains");
        return;
    }
}

/* ---- orders with a transcript ---- */

static void play_named(struct run *r, const struct spec_order *o)
{
    struct buf first, log;
    buf_init(&first, OUTPUT_BYTES_MAX);
    buf_init(&log, OUTPUT_BYTES_MAX);
    for (int level = 0; level < (r->spec.levels ? LEVELS : 1); level++) {
        struct played played;
        char verdict[300];
        buf_reset(&log);
        stage_play(r->stage, o->steps, o->count, r->spec.levels ? levels[level] : NULL, &log, &played);
        if (played.impossible) complain(r, o, "cannot be taken, a session waits");
        judge(r, o, &played, verdict, sizeof verdict);
        buf_printf(&log, "  %s\n", verdict);
        if (level == 0) buf_append_bytes(&first, buf_view(&log));
        if (!bytes_equal(buf_view(&first), buf_view(&log))) complain(r, o, levels[level]);
    }
    buf_append_string(&r->out, "order ");
    write_order(r, o, &r->out);
    buf_printf(&r->out, "\n%.*s\n", (int)first.size, (const char *)first.data);
    buf_deinit(&first);
    buf_deinit(&log);
}

/* ---- all orders, counted by their outcomes ---- */

/* Rows that were read, errors, and changes that met no row. */
static void write_outcome(const struct run *r, const struct played *played, const char *verdict, struct buf *out)
{
    for (uint32_t i = 0; i < r->spec.step_count; i++) {
        const struct answer *a = &played->answers[i];
        const char *none = strstr(a->tag, " 0");
        bool plain = a->ended != 0 && !a->failed && strncmp(a->tag, "SELECT", 6) != 0 && none == NULL;
        if (strcmp(a->tag, "ROLLBACK") == 0 && strcmp(r->spec.steps[i].sql, "COMMIT") == 0) plain = false;
        if (strncmp(a->tag, "INSERT 0 ", 9) == 0) plain = strcmp(a->tag, "INSERT 0 0") != 0;
        if (a->text[0] == '(') plain = false;
        if (plain || strcmp(a->sqlstate, "25P02") == 0) continue;
        buf_printf(out, "%s %s; ", r->spec.steps[i].name,
                   a->failed ? a->sqlstate : a->ended == 0 ? "waits" : a->text);
    }
    buf_printf(out, "final %s; %s", played->final, verdict);
}

static void count_outcome(struct run *r, const struct spec_order *o, const struct played *played, const char *verdict)
{
    struct buf text;
    buf_init(&text, 1 << 16);
    write_outcome(r, played, verdict, &text);
    buf_append_byte(&text, 0);
    assert_int_equal(buf_status(&text), STATUS_OK);
    struct outcome *found = NULL;
    for (uint32_t i = 0; i < r->outcome_count && found == NULL; i++)
        if (strcmp(r->outcomes[i].text, (const char *)text.data) == 0) found = &r->outcomes[i];
    if (found == NULL) {
        assert_true(r->outcome_count < OUTCOMES_MAX);
        found = &r->outcomes[r->outcome_count++];
        *found = (struct outcome){.text = strdup((const char *)text.data), .first = *o};
        assert_non_null(found->text);
    }
    found->count++;
    buf_deinit(&text);
}

static void play_counted(struct run *r, const struct spec_order *o)
{
    struct played played;
    char verdict[300];
    const char *level = r->spec.levels ? levels[r->order_count % LEVELS] : NULL;
    r->order_count++;
    stage_play(r->stage, o->steps, o->count, level, NULL, &played);
    if (played.impossible) {
        r->impossible_count++;
        return;
    }
    judge(r, o, &played, verdict, sizeof verdict);
    count_outcome(r, o, &played, verdict);
}

/* Every interleaving of what is left of the sessions' steps. */
static void play_all(struct run *r, struct spec_order *o, const uint32_t left[SPEC_SESSIONS_MAX])
{
    const struct spec *s = &r->spec;
    if (o->count == s->step_count) {
        play_counted(r, o);
        return;
    }
    for (uint32_t session = 0; session < s->session_count; session++) {
        uint32_t next = left[session], after[SPEC_SESSIONS_MAX];
        while (next < s->step_count && s->steps[next].session != session) next++;
        if (next == s->step_count) continue;
        memcpy(after, left, sizeof after);
        after[session] = next + 1;
        o->steps[o->count++] = next;
        play_all(r, o, after);
        o->count--;
    }
}

static void play_sample(struct run *r)
{
    const struct spec *s = &r->spec;
    struct prng prng;
    prng_init(&prng, SEED);
    for (uint32_t n = 0; n < s->sample; n++) {
        struct spec_order o = {.count = s->step_count};
        uint32_t sessions[SPEC_STEPS_MAX], next[SPEC_SESSIONS_MAX] = {0};
        for (uint32_t i = 0; i < s->step_count; i++) sessions[i] = s->steps[i].session;
        for (uint32_t i = s->step_count - 1; i > 0; i--) {
            uint32_t j = (uint32_t)prng_below(&prng, i + 1), swapped = sessions[i];
            sessions[i] = sessions[j];
            sessions[j] = swapped;
        }
        for (uint32_t i = 0; i < s->step_count; i++) {
            uint32_t *at = &next[sessions[i]];
            while (s->steps[*at].session != sessions[i]) ++*at;
            o.steps[i] = (*at)++;
        }
        play_counted(r, &o);
    }
}

static void write_outcomes(struct run *r)
{
    if (r->order_count == 0) return;
    buf_printf(&r->out, "%u orders, %u of them impossible: the next step's session waits\n", r->order_count,
               r->impossible_count);
    for (uint32_t i = 0; i < r->outcome_count; i++) {
        buf_printf(&r->out, "%5u: %s\n       ", r->outcomes[i].count, r->outcomes[i].text);
        write_order(r, &r->outcomes[i].first, &r->out);
        buf_append_string(&r->out, "\n");
    }
}

/* ---- a script ---- */

static void run_open(struct run *r, const char *name, struct layout layout, bool quiet)
{
    char path[512];
    snprintf(path, sizeof path, "%s/isolation/%s.iso", TEST_DATA_DIR, name);
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    *r = (struct run){.quiet = quiet};
    spec_load(&r->spec, path);
    r->stage = stage_create(&r->spec, layout, SEED);
    r->serial = serial_create(r->stage, &r->spec);
    buf_init(&r->out, OUTPUT_BYTES_MAX);
}

static void run_close(struct run *r)
{
    for (uint32_t i = 0; i < r->outcome_count; i++) free(r->outcomes[i].text);
    buf_deinit(&r->out);
    serial_destroy(r->serial);
    stage_destroy(r->stage);
    spec_free(&r->spec);
}

static void play(struct run *r)
{
    const uint32_t left[SPEC_SESSIONS_MAX] = {0};
    struct spec_order order = {0};
    for (uint32_t i = 0; i < r->spec.order_count; i++) play_named(r, &r->spec.orders[i]);
    if (r->spec.all) play_all(r, &order, left);
    if (r->spec.sample > 0) play_sample(r);
    write_outcomes(r);
    assert_int_equal(buf_status(&r->out), STATUS_OK);
}

/* malloc, and *size_out; NULL: there is no such file. */
static char *load_output(const char *path, size_t *size_out)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return NULL;
    char *text = malloc(OUTPUT_BYTES_MAX);
    assert_non_null(text);
    *size_out = fread(text, 1, OUTPUT_BYTES_MAX, file);
    fclose(file);
    return text;
}

static bool equals_file(const struct run *r, const char *path)
{
    size_t size = 0;
    char *wanted = load_output(path, &size);
    bool equal = wanted != NULL && bytes_equal(buf_view(&r->out), bytes_make(wanted, size));
    free(wanted);
    return equal;
}

static void rewrite(const struct run *r, const char *path)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) fail_msg("cannot open %s", path);
    fwrite(r->out.data, 1, r->out.size, file);
    fclose(file);
}

/* With the outputs of the layout, if it has any of its own. */
static void compare(const struct run *r, const char *name, struct layout layout)
{
    char common[512], own[512];
    const char *layout_word = layout_name(layout.kind);
    snprintf(common, sizeof common, "%s/isolation/%s.out", TEST_DATA_DIR, name);
    snprintf(own, sizeof own, "%s/isolation/%s.%s.out", TEST_DATA_DIR, name, layout_word);
    bool has_own = layout_word[0] != '\0' && access(own, R_OK) == 0;
    if (getenv("OSTRAKA_REWRITE") == NULL) {
        if (equals_file(r, has_own ? own : common)) return;
        fprintf(stderr, "---- %s\n%.*s", name, (int)r->out.size, (const char *)r->out.data);
        fail_msg("%s has changed; OSTRAKA_REWRITE=1 writes the above", has_own ? own : common);
    }
    if (layout_word[0] == '\0') rewrite(r, common);
    else if (!equals_file(r, common)) rewrite(r, own);
    else if (has_own) remove(own);
}

void isolation_run(const char *name)
{
    struct run r;
    struct layout layout = layout_of_environment();
    run_open(&r, name, layout, false);
    play(&r);
    uint32_t violations = r.violations;
    compare(&r, name, layout);
    run_close(&r);
    assert_int_equal(violations, 0);
}

bool isolation_is_serial(const char *name, struct layout layout)
{
    struct run r;
    run_open(&r, name, layout, true);
    play(&r);
    bool serial = r.violations == 0;
    run_close(&r);
    return serial;
}
