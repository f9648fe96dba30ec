/* Values of every type as text and as PostgreSQL's binary format. What comes in is hostile: every
 * function here checks it and answers with PostgreSQL's message and SQLSTATE. */
#ifndef OSTRAKA_SQL_TYPES_IO_H
#define OSTRAKA_SQL_TYPES_IO_H

#include "base/buf.h"
#include "sql/datum.h"

/* From text: a literal, a text parameter, COPY. The result may be a view into `text`. typmod is
 * applied the way PostgreSQL's input functions do: too long a varchar(n) is 22001 unless only
 * blanks are lost. Not called for NULL. */
MUST_USE enum status sql_type_input(struct sql_eval *e, struct sql_type type, struct bytes text,
                                    struct sql_datum *out);
/* From the binary format. 22P03 when malformed, 22021 for text that is not UTF-8. */
MUST_USE enum status sql_type_receive(struct sql_eval *e, struct sql_type type, struct bytes wire,
                                      struct sql_datum *out);

/* To text, in the arena; a view for text types. value is not null. */
MUST_USE enum status sql_type_output(struct sql_eval *e, uint32_t oid,
                                     const struct sql_datum *value, struct bytes *text_out);
/* The same appended to a buffer without touching the arena, but for reg* types. What goes wrong is
 * in buf->failed. */
void sql_type_write(struct sql_eval *e, uint32_t oid, const struct sql_datum *value,
                    struct buf *out);
/* Appends the binary format (without the length that pgwire puts in front). */
void sql_type_send(struct sql_eval *e, uint32_t oid, const struct sql_datum *value,
                   struct buf *out);

/* Applies a length, precision or scale to a value that is of the type already. Implicitly
 * (assignment) too long a string is 22001 unless only blanks are lost; explicitly (a cast) it is
 * cut. */
MUST_USE enum status sql_type_fit(struct sql_eval *e, struct sql_type type, bool explicitly,
                                  const struct sql_datum *value, struct sql_datum *out);

/* --- Pieces that functions use too ----------------------------------------------------------- */

/* Whole numbers with blanks around; oid is int2, int4 or int8. 22P02, 22003. */
MUST_USE enum status sql_integer_parse(struct sql_eval *e, uint32_t oid, struct bytes text,
                                       int64_t *out);
#define SQL_REAL_TEXT_BYTES_MAX 400
/* oid is float4 or float8. */
MUST_USE enum status sql_real_parse(struct sql_eval *e, uint32_t oid, struct bytes text,
                                    double *out);
/* With extra_digits above 0 the shortest text that reads back as the same value, else rounded to 15
 * (6 for float4) plus extra_digits significant digits. No NUL. */
size_t sql_real_format(uint32_t oid, double value, int32_t extra_digits, char *text_out);
MUST_USE enum status sql_boolean_parse(struct sql_eval *e, struct bytes text, bool *out);
#define SQL_UUID_BYTES      16
#define SQL_UUID_TEXT_BYTES 36
MUST_USE enum status sql_uuid_parse(struct sql_eval *e, struct bytes text, struct bytes *out);
void sql_uuid_format(struct bytes uuid, char *text_out);
/* bytea: '\x' hexadecimal or escapes. */
MUST_USE enum status sql_bytea_parse(struct sql_eval *e, struct bytes text, struct bytes *out);
/* encode() and decode(): 22023 for what is no hexadecimal or base64. */
enum sql_bytea_format { SQL_BYTEA_HEX, SQL_BYTEA_BASE64, SQL_BYTEA_ESCAPE };
MUST_USE enum status sql_bytea_encode(struct sql_eval *e, enum sql_bytea_format format,
                                      struct bytes bytes, struct bytes *text_out);
MUST_USE enum status sql_bytea_decode(struct sql_eval *e, enum sql_bytea_format format,
                                      struct bytes text, struct bytes *out);
/* STATUS_OK when it is UTF-8 without NUL: 22021. */
MUST_USE enum status sql_text_check(struct sql_eval *e, struct bytes text);

#endif
