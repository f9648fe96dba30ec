/* A large cluster in the simulator: nodes by the hundred, ranges by the thousand, and what it costs to keep them in
 * order. One run goes through the life of a cluster (README.md lists the phases), measures each phase, and checks that
 * every range is led except for so long as is explained, that the metadata range says of the ranges what they say
 * themselves, and that nothing acknowledged is lost.
 *
 * The cost model is BIG_*_NS and the disk and network of sim_options_init: no other faults than nodes that are lost. */
#ifndef OSTRAKA_TESTS_SIM_BIG_BIG_H
#define OSTRAKA_TESTS_SIM_BIG_BIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct big_options {
    uint64_t seed;
    uint32_t node_count;  /* at the start; one more joins. 6 to BIG_NODES_MAX - 1 */
    uint32_t range_count; /* that hold data, once they are split; 0: 10 for each node */
    uint32_t client_count; /* 0: one for each node */
    bool verbose;         /* logs of the nodes to stderr */
    FILE *report;         /* NULL: none */
};
#define BIG_NODES_MAX 120

#define BIG_TURN_NS    5000u /* CPU: of a turn, */
#define BIG_MESSAGE_NS 2000u /* of a message sent or received, */
#define BIG_KIB_NS     500u  /* and of each KiB of them */

struct big_result {
    bool passed;
    char failure[256];
    uint64_t hash, virtual_ns, events;
};

void big_run(const struct big_options *options, struct big_result *result);

#endif
