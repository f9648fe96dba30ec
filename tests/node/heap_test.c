#include "node/heap.h"

#include "tests/test.h"

#define SECOND UINT64_C(1000000000)
#define MIB    (UINT64_C(1) << 20)

TEST(heap, is_looked_at_now_and_then)
{
    struct heap h = {.looked_ns = 100 * SECOND};
    assert_false(heap_due(&h, 100 * SECOND));
    assert_false(heap_due(&h, 100 * SECOND + HEAP_LOOK_NS - 1));
    assert_true(heap_due(&h, 100 * SECOND + HEAP_LOOK_NS));
}

TEST(heap, is_looked_at_less_often_where_nothing_is_found)
{
    struct heap h = {0};
    heap_looked(&h, true);
    assert_u64_equal(h.wait_ns, HEAP_LOOK_NS);
    heap_looked(&h, true);
    assert_u64_equal(h.wait_ns, 2 * HEAP_LOOK_NS);
    assert_false(heap_due(&h, 2 * HEAP_LOOK_NS - 1));
    assert_true(heap_due(&h, 2 * HEAP_LOOK_NS));
    for (int i = 0; i < 10; i++) heap_looked(&h, true);
    assert_u64_equal(h.wait_ns, HEAP_LOOK_NS_MAX);
    heap_looked(&h, false); /* the process works: soon there will be something to give back */
    assert_u64_equal(h.wait_ns, HEAP_LOOK_NS);
}

TEST(heap, is_left_alone_while_the_process_works)
{
    struct heap h = {.looked_ns = 100 * SECOND, .cpu_ns = 7 * SECOND};
    assert_true(heap_quiet(&h, 110 * SECOND, 7 * SECOND));
    assert_true(heap_quiet(&h, 110 * SECOND, 8 * SECOND - 1));
    assert_false(heap_quiet(&h, 110 * SECOND, 8 * SECOND));
    h.looked_ns = 0; /* nobody knows what it used before */
    assert_false(heap_quiet(&h, 110 * SECOND, 7 * SECOND));
}

TEST(heap, is_given_back_once)
{
    struct heap h = {0};
    assert_false(heap_worth_it(&h, 1 * MIB));
    assert_true(heap_worth_it(&h, 100 * MIB));
    assert_false(heap_worth_it(&h, 100 * MIB)); /* the library counts what the machine has as free */
    assert_false(heap_worth_it(&h, 101 * MIB));
    assert_false(heap_worth_it(&h, 40 * MIB)); /* 60 MiB of it are in use again, */
    assert_true(heap_worth_it(&h, 60 * MIB));  /* and free once more */
}
