/* Takes the steps of a script, in one order after another, on a simulated cluster of three nodes whose sessions
 * are on different nodes. */
#ifndef OSTRAKA_TESTS_ISOLATION_PLAY_H
#define OSTRAKA_TESTS_ISOLATION_PLAY_H

#include "base/buf.h"
#include "tests/isolation/layout.h"
#include "tests/isolation/spec.h"

#define ANSWER_BYTES_MAX 400

struct answer {
    bool taken, waited, failed;
    char sqlstate[6];
    char tag[32];                  /* of the last statement; empty when it failed */
    char text[ANSWER_BYTES_MAX];   /* rows and tags, or the error, on one line */
    uint32_t began, ended;         /* events of the order, counted from 1; ended 0: not */
};
struct played {
    const struct spec *spec;
    bool impossible;               /* the next step's session waits still */
    struct answer answers[SPEC_STEPS_MAX];
    char final[ANSWER_BYTES_MAX];
};

struct stage;
struct stage *stage_create(const struct spec *s, struct layout layout, uint64_t seed);
void stage_destroy(struct stage *stage);
/* Puts the rows back, then takes these steps. level: of every BEGIN, or NULL as written. log: appends a transcript;
 * may be NULL. All sessions are idle afterwards. */
void stage_play(struct stage *stage, const uint32_t *steps, uint32_t count, const char *level, struct buf *log,
                struct played *out);

#endif
