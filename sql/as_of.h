/* What a value says behind AS OF SYSTEM TIME. 22023 and the errors of reading the text of a time. */
#ifndef OSTRAKA_SQL_AS_OF_H
#define OSTRAKA_SQL_AS_OF_H

#include "sql/datum.h"

#define AS_OF_FUTURE ((uint64_t)INT64_MAX) /* a time beyond all that can be said */

/* Nanoseconds since 1970, on the cluster's clock, which is at `now`. */
MUST_USE enum status as_of_time(struct sql_eval *e, uint32_t oid, const struct sql_datum *value, uint64_t now, uint64_t *ts_out);
/* A positive interval. */
MUST_USE enum status as_of_age(struct sql_eval *e, uint32_t oid, const struct sql_datum *value, uint64_t *age_ns_out);

#endif
