/* Private to doctor_cluster.c and doctor_ranges.c. */
#ifndef OSTRAKA_CLI_DOCTOR_INT_H
#define OSTRAKA_CLI_DOCTOR_INT_H

#include <jansson.h>

#include "cli/doctor.h"

/* What a node said, and when, by this machine's clock. */
struct doctor_answer {
    json_t *status;
    long long node, offset_us, uncertain_us; /* its clock less ours; half of what asking took */
};

/* doctor_ranges.c: ranges, as those nodes know them that answered, and as the leader of the metadata range sees the whole. */
void doctor_ranges(struct doctor *d, const struct doctor_answer *answers, unsigned count);

#endif
