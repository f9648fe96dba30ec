/* COPY's text and csv formats, from rows to bytes (PostgreSQL 15, COPY, File Formats). Pure. */
#ifndef OSTRAKA_SQL_COPY_WRITE_H
#define OSTRAKA_SQL_COPY_WRITE_H

#include "sql/copy_parse.h"

/* Appends one field, with the delimiter in front unless it is the first. text: of the value; data NULL: null.
 * force_quote: csv, also where it needs no quotes. What goes wrong is in out->failed. */
void copy_write_field(const struct copy_options *o, bool first, struct bytes text, bool force_quote, struct buf *out);

#endif
