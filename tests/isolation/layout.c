#include "tests/isolation/layout.h"

#include <stdlib.h>
#include <string.h>

#include "tests/test.h"

struct layout layout_of_environment(void)
{
    static const char *const kinds[] = {"one", "apart", "tables", "rows"};
    const char *kind = getenv("OSTRAKA_LAYOUT"), *clock = getenv("OSTRAKA_CLOCK");
    struct layout layout = {LAYOUT_ONE, clock != NULL && strcmp(clock, "interval") == 0};
    while (kind != NULL && strcmp(kinds[layout.kind], kind) != 0)
        if (++layout.kind > LAYOUT_ROWS) fail_msg("OSTRAKA_LAYOUT=%s: one, apart, tables or rows", kind);
    return layout;
}

const char *layout_name(enum layout_kind kind)
{
    static const char *const names[] = {"", "apart", "tables", "rows"};
    return names[kind];
}
