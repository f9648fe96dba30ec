/* Casts: which exist in which context, as PostgreSQL's pg_cast has them, and what they do.
 *
 * implicit    anywhere: function arguments, operators, UNION. Never loses information by surprise.
 * assignment  also where a value is stored: INSERT, UPDATE, defaults.
 * explicit    also CAST(x AS t) and x::t. */
#ifndef OSTRAKA_SQL_CAST_H
#define OSTRAKA_SQL_CAST_H

#include "sql/datum.h"

enum sql_cast_context {
    SQL_CAST_IMPLICIT = 1,
    SQL_CAST_ASSIGNMENT,
    SQL_CAST_EXPLICIT,
};

enum sql_cast_method {
    SQL_CAST_NONE = 0,
    SQL_CAST_SAME,    /* the type itself */
    SQL_CAST_RELABEL, /* the same bytes under another name */
    SQL_CAST_CONVERT, /* a function */
    SQL_CAST_TEXT,    /* written as text and read again */
};

/* How to get from one type to another in this context; a cast that is allowed in a narrower context
 * is allowed in the wider ones. From unknown every type can be had (SQL_CAST_TEXT), to ANY from
 * every one (SQL_CAST_SAME). */
enum sql_cast_method sql_cast_find(uint32_t source, uint32_t target, enum sql_cast_context context);

/* pg_cast itself, for the catalogue tables: false past the end. */
struct sql_cast_entry {
    uint32_t source, target;
    enum sql_cast_context context;
    enum sql_cast_method method; /* RELABEL or CONVERT */
};
const struct sql_cast_entry *sql_cast_at(size_t index);

/* Casts a value; NULL stays NULL. target.typmod is applied afterwards, strictly unless the context
 * is explicit. The cast must exist. The result may be a view into the value. */
MUST_USE enum status sql_cast(struct sql_eval *e, uint32_t source, struct sql_type target,
                              enum sql_cast_context context, const struct sql_datum *value,
                              struct sql_datum *out);

#endif
