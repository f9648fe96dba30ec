/* The part of `status` that comes from the leader of the metadata range: what nodes hold, what is under way, what may be
 * lost. */
#ifndef OSTRAKA_CLI_STATUS_OVERVIEW_H
#define OSTRAKA_CLI_STATUS_OVERVIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* What /status of a node answers; asked again for a moment while that node waits for the leader of the metadata range.
 * NULL: no answer; *body_out (the caller's to free) is the text as it came. */
json_t *status_fetch(const char *host, uint64_t timeout_ns, char **body_out);
/* What is known of the whole cluster; NULL: nobody has answered lately. */
const json_t *status_overview(const json_t *status);
/* Of one node; NULL. */
const json_t *status_overview_node(const json_t *overview, long long node);

/* One line for each node of which something is under way, and one for moves. */
void status_print_progress(const json_t *overview);

/* A member's text ("" when there is none), number (0), and whether it is true. */
const char *status_text(const json_t *object, const char *name);
long long status_number(const json_t *object, const char *name);
bool status_true(const json_t *object, const char *name);

#endif
