#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One write on the raw descriptor: the heap and stdio may be what is broken. */
_Noreturn void assert_failed(const char *expression, const char *file, int line,
                             const char *function)
{
    char text[512];
    int size = snprintf(text, sizeof text, "%s:%d: %s: assertion `%s` failed\n", file, line,
                        function, expression);
    if (size >= (int)sizeof text) {
        size = (int)sizeof text - 1;
        text[size - 1] = '\n';
    }
    if (size > 0 && write(STDERR_FILENO, text, (size_t)size) < 0) abort();
    abort();
}

#ifdef OSTRAKA_SIM
/* The linker names the bounds of a section whose name is a C identifier; weak, because a program
 * without a single mark has no such section. */
extern struct cover_mark __start_ostraka_cover[] __attribute__((weak));
extern struct cover_mark __stop_ostraka_cover[] __attribute__((weak));
extern struct mutant_site __start_ostraka_mutant[] __attribute__((weak));
extern struct mutant_site __stop_ostraka_mutant[] __attribute__((weak));

/* The linker lays the marks of all object files end to end. They form an array only when no padding
 * comes between them: sizes are multiples of the alignment that the macros ask for. */
_Static_assert(sizeof(struct cover_mark) % 8 == 0, "cover marks must form an array");
_Static_assert(sizeof(struct mutant_site) % 8 == 0, "mutant sites must form an array");

int mutant_select(const char *name)
{
    int matched = 0;
    for (struct mutant_site *site = __start_ostraka_mutant; site < __stop_ostraka_mutant; site++) {
        ASSERT(site->name != NULL);
        site->active = name != NULL && strcmp(site->name, name) == 0;
        matched += site->active;
    }
    return matched;
}

void cover_visit(void (*visit)(const struct cover_mark *mark, void *ctx), void *ctx)
{
    ASSERT(visit != NULL);
    for (struct cover_mark *mark = __start_ostraka_cover; mark < __stop_ostraka_cover; mark++) {
        ASSERT(mark->name != NULL);
        visit(mark, ctx);
    }
}

void mutant_visit(void (*visit)(const struct mutant_site *site, void *ctx), void *ctx)
{
    ASSERT(visit != NULL);
    for (struct mutant_site *site = __start_ostraka_mutant; site < __stop_ostraka_mutant; site++) {
        ASSERT(site->name != NULL);
        visit(site, ctx);
    }
}
#endif
