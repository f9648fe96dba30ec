/* Transcripts of SQL (tests/data/sql/NAME.sql): a text, a line of four dashes, what came of it
 * (show.h), an empty line. Lines that begin with # before a case are comments on it. Before the
 * text may stand
 *
 *     @b              run it in session b (each is opened when it is first named; the first is "a")
 *     @reads          write down how many rows the text read from tables
 *
 * and after it, behind a line <<, what the client sends for COPY. With OSTRAKA_REWRITE=1 in the
 * environment, or
 * --rewrite, the tests write what they got into the scripts; read the change before you keep it. */
#ifndef OSTRAKA_TESTS_SQL_SCRIPT_H
#define OSTRAKA_TESTS_SQL_SCRIPT_H

#include <stdbool.h>

#include "base/buf.h"

struct script_case {
    char *comment, *options, *text, *copy; /* with their newlines; copy: NULL when there is none */
    char *expected;
    char session[16];
    bool counts_reads;
    int line;
};

struct script {
    char path[512];
    struct script_case *cases;
    size_t count;
};

/* Reads a whole script; fails the test when it cannot. */
void script_load(struct script *s, const char *path);
void script_free(struct script *s);
void script_save(const struct script *s);

/* Runs tests/data/sql/NAME.sql on a database of its own and compares. */
void script_run(const char *name);

#endif
