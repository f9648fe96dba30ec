/* One visit to a peer port, as a guest that is no node: a handshake, a request, its reply. */
#ifndef OSTRAKA_CLI_VISIT_H
#define OSTRAKA_CLI_VISIT_H

#include "base/buf.h"
#include "cli/cli.h"

struct cli_visit {
    uint16_t request, reply; /* enum shard_message */
    struct bytes payload;    /* of the request; borrowed */
    struct buf answer;       /* payload of the reply; the caller inits and deinits it */
};

/* Visits until there is an answer, again and again for at most timeout_ns: the node may still be starting. CLI_OK; CLI_TIMEOUT
 * or CLI_ERROR with *why (static text). */
int cli_visit_run(struct cli_visit *v, const char *host_port, uint64_t timeout_ns, const char **why);

#endif
