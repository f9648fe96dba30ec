/* What the metadata range says of the others, compared with what they say themselves. */
#ifndef OSTRAKA_TESTS_SIM_META_CHECK_H
#define OSTRAKA_TESTS_SIM_META_CHECK_H

#include "tests/sim/cluster/cluster.h"

/* At any time, on every machine that is up: the mirror covers the keys without hole or overlap, and replicas of range 1
 * that have applied the same entries know the same. NULL, or what does not hold. */
const char *meta_check(struct cluster *c);
/* Once it is quiet: moreover every mirrored range has a serving leader whose descriptor is the mirror's, and no job is
 * left. A split may stay pending that did not come about: the next change of its range ends it. NULL, or what does not
 * hold (yet). */
const char *meta_check_quiet(struct cluster *c);
/* And: every replica on machines that are up is a member of a mirrored range. */
const char *meta_check_orphans(struct cluster *c);

/* The two say the same, byte for byte. */
bool meta_check_same(const struct descriptor *a, const struct descriptor *b);

#endif
