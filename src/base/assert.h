/* Assertions stay on in release builds. ASSERT is cheap; ASSERT_SLOW may scan and is on in the
 * OSTRAKA_SIM flavour only, which tests and simulation link. COVER marks a rare branch that tests
 * and simulation must reach, MUTANT a deliberate bug that the simulation build can switch on to
 * prove that a checker notices. */
#ifndef OSTRAKA_BASE_ASSERT_H
#define OSTRAKA_BASE_ASSERT_H

#include <stdbool.h>
#include <stdint.h>

__attribute__((cold)) _Noreturn void assert_failed(const char *expression, const char *file, int line,
                                                   const char *function);

#define ASSERT(x) \
    (__builtin_expect(!!(x), 1) ? (void)0 : assert_failed(#x, __FILE__, __LINE__, __func__))
#define UNREACHABLE() assert_failed("unreachable", __FILE__, __LINE__, __func__)

#ifdef OSTRAKA_SIM
#define ASSERT_SLOW(x) ASSERT(x)

/* One mark per COVER site, collected by the linker into one array. */
struct cover_mark {
    const char *name, *file;
    int line;
    uint64_t hits;
};
#define COVER(mark_name) \
    do { \
        static struct cover_mark cover_here \
            __attribute__((section("ostraka_cover"), used, aligned(8))) = {mark_name, __FILE__, \
                                                                           __LINE__, 0}; \
        cover_here.hits++; \
    } while (0)

/* True when the simulation was started with --mutant NAME. Every MUTANT site registers itself, so
 * that `ostraka-sim --mutants` can list them and tests can demand that each is caught. */
struct mutant_site {
    const char *name;
    bool active;
};
#define MUTANT(mutant_name) \
    (__extension__({ \
        static struct mutant_site mutant_here \
            __attribute__((section("ostraka_mutant"), used, aligned(8))) = {mutant_name, false}; \
        mutant_here.active; \
    }))
/* Switches every site of that name on (all others off; NULL: all off). Returns how many matched. */
int mutant_select(const char *name);
/* Calls visit once per mark or site, in link order. */
void cover_visit(void (*visit)(const struct cover_mark *mark, void *ctx), void *ctx);
void mutant_visit(void (*visit)(const struct mutant_site *site, void *ctx), void *ctx);
#else
#define ASSERT_SLOW(x)      ((void)sizeof(!(x)))
#define COVER(mark_name)    ((void)0)
#define MUTANT(mutant_name) false
#endif

#endif
