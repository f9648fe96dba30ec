/* What `ostraka doctor` finds: one finding per thing it looked at, each with what to do about it.
 */
#ifndef OSTRAKA_CLI_DOCTOR_H
#define OSTRAKA_CLI_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

enum doctor_level { DOCTOR_OK, DOCTOR_WARN, DOCTOR_ERROR };

#define DOCTOR_FINDINGS_MAX 400 /* several for each of 128 nodes */

struct doctor_finding {
    enum doctor_level level;
    char check[40], found[300], advice[300]; /* advice: empty when all is well */
};

struct doctor {
    const char *host;    /* admin address of a node */
    bool host_given;     /* else it is no fault when nobody answers there */
    const char *data;    /* data directory; NULL: the disk is not measured */
    uint64_t timeout_ns; /* for each answer */
    bool no_quorum, unreachable;
    struct doctor_finding findings[DOCTOR_FINDINGS_MAX];
    unsigned count;
};

/* advice: a format for the same arguments is not wanted; plain text, "" for DOCTOR_OK. */
__attribute__((format(printf, 5, 6))) void doctor_add(struct doctor *d, enum doctor_level level,
                                                      const char *check, const char *advice,
                                                      const char *format, ...);

/* doctor_machine.c, doctor_disk.c, doctor_cluster.c */
void doctor_machine(struct doctor *d);
void doctor_disk(struct doctor *d);
void doctor_cluster(struct doctor *d);

#endif
