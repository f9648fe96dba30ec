/* COPY's text and csv formats, from bytes in any pieces to rows of fields (PostgreSQL 15, COPY, File
 * Formats). Pure; bounded by row_bytes_max. */
#ifndef OSTRAKA_SQL_COPY_PARSE_H
#define OSTRAKA_SQL_COPY_PARSE_H

#include "base/buf.h"
#include "sql/error.h"

struct copy_options {
    bool csv;
    char delimiter;            /* tab, or comma for csv */
    char quote, escape;        /* csv: '"' */
    const char *null_text;     /* "\\N", or "" for csv; borrowed */
    bool header;               /* the first line is skipped */
    bool header_match;         /* and has to hold the names of the columns */
    const bool *force_not_null, *force_null; /* per column; NULL: none. csv only */
    uint32_t column_count;
    uint32_t row_bytes_max;    /* 1 GiB at most; default 2 MiB */
};

struct copy_field {
    struct bytes text; /* decoded; valid until the next call of copy_parse_next or copy_parse_feed */
    bool is_null;
};

struct copy_parser;
MUST_USE enum status copy_parser_create(const struct copy_options *options, struct copy_parser **out);
void copy_parser_destroy(struct copy_parser *p);
/* Takes a piece (copied as needed). STATUS_TOO_LARGE: a row is over its bound. */
MUST_USE enum status copy_parse_feed(struct copy_parser *p, struct bytes data);
/* No more pieces follow: a last row may end without a newline. */
void copy_parse_end(struct copy_parser *p);
/* The next row: STATUS_OK with column_count fields; STATUS_WAIT: feed more; STATUS_NOT_FOUND: the end (after
 * copy_parse_end, or "\." in text format); STATUS_INVALID: *error is set as PostgreSQL words it (22P04 missing data
 * for column, extra data after last expected column, unterminated CSV quoted field, literal carriage return found
 * in data ...; names: the column's name when known through column_names). */
MUST_USE enum status copy_parse_next(struct copy_parser *p, struct arena *arena,
                                     const char *const *column_names, struct copy_field *fields,
                                     struct sql_error *error);
/* Bytes of rows that were not given yet. */
size_t copy_parse_held(const struct copy_parser *p);
/* 1-based line of the row that was given last, for "COPY t, line 3, column c". */
uint64_t copy_parse_line(const struct copy_parser *p);
/* The current row as it came, without its line end; valid until the next feed. Data NULL: the line is no row. */
struct bytes copy_parse_row(const struct copy_parser *p);

#endif
