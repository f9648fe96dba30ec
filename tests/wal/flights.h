/* Two groups in flight, each as fast as the test wants it. */
#ifndef OSTRAKA_TESTS_WAL_FLIGHTS_H
#define OSTRAKA_TESTS_WAL_FLIGHTS_H

#include "tests/wal/rig.h"

#define FLIGHTS_FAST (10 * SIM_US)
#define FLIGHTS_SLOW (10 * SIM_MS)
#define FLIGHTS_SEGMENT_1 RIG_DIRECTORY "/00000001.wal"

/* A log with one durable entry of range 1, in frame 2, that has nothing to do, on a fast disk. */
void flights_create(struct rig *r, uint64_t seed, enum wal_sync_mode mode);
/* What is started from here on takes so long, and no longer. */
void flights_disk(struct rig *r, uint64_t write_ns, uint64_t sync_ns);
/* One-sector frames until only two sectors of the segment are left. */
void flights_fill(struct rig *r);
/* Submits the open group, and it flies at once. */
void flights_start(struct rig *r);
/* Starts one with the next entry of range 1. */
void flights_entry(struct rig *r, size_t size);
/* Is the write of the n-th in flight over? */
bool flights_over(const struct rig *r, unsigned n);
/* The disk does nothing any more: what starts from here on is in flight when the power fails. */
void flights_halt(struct rig *r);
/* The power fails. Of the sectors in flight, oldest first, all survive but this one. Answers how
 * many there were. */
size_t flights_lose_power(struct rig *r, size_t lost);

#endif
