#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct CMUnitTest *tests;
static size_t test_count;

void test_register(const char *name, void (*function)(void **state))
{
    tests = realloc(tests, (test_count + 1) * sizeof *tests);
    if (tests == NULL) abort();
    tests[test_count++] = (struct CMUnitTest){.name = name, .test_func = function};
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--rewrite") == 0) { /* for tests that run scripts */
        setenv("OSTRAKA_REWRITE", "1", 1);
        argc--;
        argv++;
    }
    if (argc > 1) {
        size_t kept = 0;
        for (size_t i = 0; i < test_count; i++)
            if (strstr(tests[i].name, argv[1]) != NULL) tests[kept++] = tests[i];
        test_count = kept;
    }
    if (test_count == 0) {
        fprintf(stderr, "no test matches\n");
        return 1;
    }
    int failed = _cmocka_run_group_tests(argv[0], tests, test_count, NULL, NULL);
    free(tests);
    return failed != 0;
}
