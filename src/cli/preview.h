/* `start --join --dry-run`. */
#ifndef OSTRAKA_CLI_PREVIEW_H
#define OSTRAKA_CLI_PREVIEW_H

/* Asks those of `join` in turn what another node at `locality` (NULL: nowhere in particular) would change, and prints it. Exit
 * status. */
int cli_preview(const char *join, const char *locality);

#endif
