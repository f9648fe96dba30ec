/* Rows as they are stored: columns by number, so that a row written before a column was added or
 * dropped still reads. A column that the row does not have takes its default; one that is not asked
 * for is passed over without knowing its type. Byte by byte: sql/TYPES.md. */
#ifndef OSTRAKA_SQL_ROWCODE_H
#define OSTRAKA_SQL_ROWCODE_H

#include "base/buf.h"
#include "sql/datum.h"

#define SQL_ROW_FORMAT      1
#define SQL_ROW_COLUMNS_MAX 1600

/* A column of the schema. id is never used again once its column is dropped; 1 and up. */
struct sql_row_column {
    uint32_t id;
    struct sql_type type;
};

/* Appends a row. columns are in ascending order of id. buf_status(row) tells whether it fitted. */
void sql_row_encode(struct buf *row, uint32_t schema_version, const struct sql_row_column *columns,
                    const struct sql_datum *values, uint32_t count);

/* Reads the wanted columns (in ascending order of id) into values_out. Where the row has no such
 * column, values_out is left as it is: the caller puts the default there first. Bytes are views
 * into `row`, but for char(n), whose padding is put back in the arena. STATUS_CORRUPT: not a row,
 * or a value that its type cannot have. STATUS_VERSION: written by a later program.
 * STATUS_NO_MEMORY. */
MUST_USE enum status sql_row_decode(struct arena *arena, struct bytes row,
                                    const struct sql_row_column *wanted, uint32_t count,
                                    struct sql_datum *values_out);
/* The version of the schema that the row was written with. */
MUST_USE enum status sql_row_schema_version(struct bytes row, uint32_t *version_out);

#endif
