/* Parses SQL text into statements (sql/ast.h). Grammar and messages are PostgreSQL 15's; what is
 * read, and what is refused as unsupported, is listed in sql/PARSER.md.
 *
 * Errors come as PostgreSQL words them, with the position of the first token that cannot follow
 * what stands before it:
 *   42601  syntax error at or near "x" / at end of input, and what else the grammar refuses
 *   0A000  a clause that PostgreSQL has and Ostraka has not. A whole statement of that sort parses
 *          to SQL_STMT_UNSUPPORTED instead, so that the statements before it in the text can run.
 *   22021  malformed UTF-8 or NUL; 22025 a bad escape in E''
 *   42P02  a parameter below $1 or over SQL_PARAM_MAX
 *   54000  text over SQL_STATEMENT_BYTES_MAX; 54001 nested deeper than SQL_NESTING_MAX
 *   53200  the arena is full: a tree takes 2 to 30 bytes per byte of common text, at most 80 */
#ifndef OSTRAKA_SQL_PARSER_H
#define OSTRAKA_SQL_PARSER_H

#include "base/arena.h"
#include "sql/ast.h"
#include "sql/error.h"

struct sql_statement {
    const struct sql_node *node;
    uint32_t offset, size; /* its bytes in the whole text, without space and semicolon around it */
    uint32_t param_max;    /* the highest n of $n in it; 0: no parameter */
};

struct sql_script {
    const struct sql_statement *statements;
    uint32_t count; /* 0: nothing but white space, comments and semicolons */
};

/* Parses all statements of a text. text is borrowed until return; trees and errors live in the
 * arena. False with *error set, and *script_out untouched, when any statement is malformed. */
MUST_USE bool sql_parse(struct arena *arena, struct bytes text, struct sql_script *script_out,
                        struct sql_error *error);

/* Parses a text that is one expression, such as a DEFAULT or CHECK kept as text in a catalogue. */
MUST_USE bool sql_parse_expression(struct arena *arena, struct bytes text,
                                   const struct sql_node **expr_out, struct sql_error *error);

/* Parses a text that is a type's name, as 'numeric(10,2)'::regtype would. */
MUST_USE bool sql_parse_type(struct arena *arena, struct bytes text, struct sql_type_name *type_out,
                             struct sql_error *error);

#endif
