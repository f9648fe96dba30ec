/* Random values of every type, edges more often than chance would have them. */
#ifndef OSTRAKA_TESTS_SQL_TYPES_RANDOM_H
#define OSTRAKA_TESTS_SQL_TYPES_RANDOM_H

#include "base/prng.h"
#include "sql/datum.h"

/* Never NULL. Bytes are in the arena. Values of small domains collide often, so that equality is
 * met. */
struct sql_datum random_datum(struct prng *p, struct arena *arena, uint32_t oid);
/* All types that can be keys. */
extern const uint32_t random_key_types[];
extern const size_t random_key_type_count;

#endif
