/* Checks that stand for a trap each: NULL when the log keeps its promise, else what it broke. The
 * tests of the module demand NULL; the tests of the mutants demand the opposite. */
#ifndef OSTRAKA_TESTS_WAL_DETECT_H
#define OSTRAKA_TESTS_WAL_DETECT_H

const char *detect_crash(void);          /* K10, K23, K24: power loss at every point */
const char *detect_crash_recycled(void); /* K21, K24: the same in segments with earlier lives */
const char *detect_flips(void);          /* K25: flipped bits */
const char *detect_garbage(void);        /* K25: other bytes, and what becomes of the verdict */
const char *detect_failed_sync(void);
const char *detect_failed_sync_reread(void);    /* K22: the first failed sync is the last */
const char *detect_lost_state(void);     /* K10, K26: hard states and facts outlive segments */
const char *detect_foreign_store(void);  /* K26: a log of another store */
const char *detect_handed_out(void);     /* K10: what recovery hands out stays */
/* With two groups in flight (flights.c). */
const char *detect_proofs(void);         /* K25: which frames prove that another one was durable */
const char *detect_cut_frame(void);      /* K24: a whole frame behind an unfinished one stays out */
const char *detect_opening(void);        /* K25: the first frame of a segment flies alone */
const char *detect_both_rewritten(void); /* K22: both may be in a cache only */

#endif
