/* Runs tests/data/isolation/NAME.iso and compares what came of it with NAME.out: the transcripts of the orders that
 * the script names, and how often each outcome of the others was seen. With OSTRAKA_REWRITE=1, or --rewrite, NAME.out
 * is written anew; read the change before you keep it. Every order is judged (serial.h).
 *
 * On either clock it comes to the same, and over several ranges mostly (layout.h); where it does not, NAME.LAYOUT.out is
 * what is compared with. */
#ifndef OSTRAKA_TESTS_ISOLATION_RUN_H
#define OSTRAKA_TESTS_ISOLATION_RUN_H

#include <stdbool.h>

#include "tests/isolation/layout.h"

void isolation_run(const char *name);
/* True when every order of the script has a serial one; prints nothing, compares nothing. */
bool isolation_is_serial(const char *name, struct layout layout);

#endif
