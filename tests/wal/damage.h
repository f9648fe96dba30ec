/* A log whose every append was acknowledged, and what recovery makes of it after damage. */
#ifndef OSTRAKA_TESTS_WAL_DAMAGE_H
#define OSTRAKA_TESTS_WAL_DAMAGE_H

#include "tests/wal/rig.h"

struct damage {
    struct rig r;
    struct sim_disk_image *image; /* all is durable and acknowledged, the process was killed */
};

enum damage_past {
    DAMAGE_NEW,
    DAMAGE_WARM,    /* the segments have had earlier lives */
    DAMAGE_CRASHED, /* the power has failed a few times with writes in flight */
};
void damage_create(struct damage *d, uint64_t seed, size_t append_count, enum damage_past past);
void damage_destroy(struct damage *d);
/* Back to the undamaged disk, no log open. */
void damage_reset(struct damage *d);
/* Opens and judges: acknowledged appends may be missing only when recovery says so. */
const char *damage_judge(struct damage *d);
/* Flips one bit of a log file and judges. */
const char *damage_flip(struct damage *d, const char *path, uint64_t offset, unsigned bit);
/* Flips bits all over all segments: each of the stamp and the frame head, some others. NULL or the
 * first thing that went wrong, described. */
const char *damage_flip_all(struct damage *d, uint64_t *runs_out);

/* Fills one sector with something else (garbage, or another sector of the log), judges, lets the
 * log go on, and demands the same verdict and all that was appended since at the next start. */
const char *damage_garbage(struct damage *d, struct prng *prng);

#endif
