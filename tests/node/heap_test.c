#include "node/heap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- the heap itself: glibc's, which the sanitizers replace ---- */

#if defined __GLIBC__ && !defined __SANITIZE_ADDRESS__

#define BLOCK_BYTES 4096
#define BLOCKS      (64 * MIB / BLOCK_BYTES)

static uint64_t resident_bytes(void)
{
    unsigned long long pages = 0;
    FILE *from = fopen("/proc/self/statm", "re");
    assert_non_null(from);
    assert_int_equal(fscanf(from, "%*u %llu", &pages), 1);
    fclose(from);
    return pages * 4096;
}

/* Free blocks below one that is in use: the library gives nothing of them back by itself. */
TEST(heap, is_given_back_to_the_machine_where_somebody_looks)
{
    static void *blocks[BLOCKS];
    struct heap h;
    heap_init(&h);
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK_BYTES);
        assert_non_null(blocks[i]);
        memset(blocks[i], 1, BLOCK_BYTES);
    }
    for (size_t i = 0; i + 1 < BLOCKS; i++) free(blocks[i]);
    uint64_t before = resident_bytes();
    heap_tick(&h, 1 * SECOND); /* nobody knows how busy the process was */
    assert_true(resident_bytes() + MIB > before);
    heap_tick(&h, 1 * SECOND + HEAP_LOOK_NS - 1);
    assert_true(resident_bytes() + MIB > before);
    heap_tick(&h, 1000 * SECOND);
    assert_true(resident_bytes() + 32 * MIB < before);
    free(blocks[BLOCKS - 1]);
}

#endif
