/* A test is a fact: TEST(module, states_the_fact) { ... }. Tests register themselves; test_main.c runs
 * them all, or those whose name contains the first argument. */
#ifndef OSTRAKA_TESTS_TEST_H
#define OSTRAKA_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

void test_register(const char *name, void (*function)(void **state));

#define TEST(module, fact)                                                   \
    static void test_##module##_##fact(void **state);                       \
    __attribute__((constructor)) static void register_##module##_##fact(void) \
    {                                                                        \
        test_register(#module "." #fact, test_##module##_##fact);           \
    }                                                                        \
    static void test_##module##_##fact(__attribute__((unused)) void **state)

/* Compares two unsigned integers and shows both on failure. */
#define assert_u64_equal(a, b) assert_int_equal((unsigned long long)(a), (unsigned long long)(b))

#endif
