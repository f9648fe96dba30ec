/* Scripts of the parser: SQL text, a line of four dashes, what comes of it, an empty line. What
 * comes is one line per statement as the tree prints, or one line of error, or nothing. Lines that
 * begin with # before a case are comments on it. With OSTRAKA_REWRITE=1 in the environment the
 * tests write what they got into the scripts instead of comparing; read the change before you keep
 * it. */
#ifndef OSTRAKA_TESTS_SQL_PARSER_SCRIPT_H
#define OSTRAKA_TESTS_SQL_PARSER_SCRIPT_H

#include "base/buf.h"
#include "sql/parser.h"

struct parser_script_case {
    char *comment, *input, *expected; /* each with its newlines; input without the last one */
    int line;
};

struct parser_script {
    char path[512];
    struct parser_script_case *cases;
    size_t count;
};

/* Reads TEST_DATA_DIR/sql/parser/NAME.txt; fails the test when it cannot. */
void parser_script_load(struct parser_script *s, const char *name);
void parser_script_free(struct parser_script *s);
/* Parses each case, compares what comes of it, and that what is printed parses to the same again.
 */
void parser_script_run(const char *name);

#endif
