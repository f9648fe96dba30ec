/* For facts about programs that must stop: runs a function in a child process. */
#ifndef OSTRAKA_TESTS_BASE_DIES_H
#define OSTRAKA_TESTS_BASE_DIES_H

#include <stddef.h>

/* The signal that ended the child, or 0 when it came back. What it wrote to stderr goes to
 * text_out (size bytes with the NUL), which may be NULL. */
int dies_of(void (*function)(void *ctx), void *ctx, char *text_out, size_t size);

#endif
