/* Values that end by themselves, in a memtable. */
#include <stdio.h>

#include "base/hash.h"
#include "tests/lsm/memory.h"

TEST(lsm_memory, each_is_found_and_they_come_in_order)
{
    memory_run();
}

TEST(lsm_memory, a_cursor_begins_anywhere)
{
    struct memory x;
    const struct window window = {BYTES_LITERAL("row/005"), BYTES_LITERAL("row/030")};
    memory_open(&x);
    memory_fill(&x, 200);
    for (uint64_t i = 0; i < 100; i++) {
        char key[32];
        snprintf(key, sizeof key, "row/%03u!%u", (unsigned)(hash_u64(i) % 42), (unsigned)(hash_u64(i + 7) % 200));
        const struct item_key from = {LSM_SPACE_VERSIONS, bytes_of_string(key), hash_u64(i) % 1000};
        memory_expect(&x, i % 2 == 0, i % 3 == 0 ? &window : NULL, &from);
    }
    const struct item_key behind = {LSM_SPACE_INTENTS, {NULL, 0}, LSM_TS_MAX};
    memory_expect(&x, true, NULL, &behind);
    memory_expect(&x, true, &window, &behind);
    memory_expect(&x, false, NULL, &behind);
    memory_close(&x);
}

static uint64_t count_items(struct cursor *c, const char *value)
{
    const struct item_key first = {LSM_SPACE_FIRST, {NULL, 0}, LSM_TS_MAX};
    uint64_t count = 0;
    for (enum status s = c->table->seek(c, &first, NULL); s == STATUS_OK; s = c->table->step(c, NULL))
        count += value == NULL || bytes_equal(c->item.value, bytes_of_string(value));
    return count;
}

/* Also when the run that it stands in becomes full, and what it shows is written again. */
TEST(lsm_memory, a_view_sees_nothing_of_what_comes_later)
{
    for (uint64_t before = 1; before < 40; before++) {
        struct memory x;
        struct cursor *old, *now;
        memory_open(&x);
        for (uint64_t i = 0; i < before; i++) {
            char key[16];
            snprintf(key, sizeof key, "key%03u", (unsigned)(i * 7 % 40));
            assert_int_equal(memory_put(&x, key, 5, "old"), STATUS_OK);
        }
        assert_int_equal(mem_ending_cursor_open(x.m, x.index, false, NULL, &old), STATUS_OK);
        assert_u64_equal(count_items(old, "old"), before);
        for (uint64_t i = 0; i < 40; i++) {
            char key[16];
            snprintf(key, sizeof key, "key%03u", (unsigned)i);
            assert_int_equal(memory_put(&x, key, 5, "new"), STATUS_OK);
        }
        assert_u64_equal(count_items(old, NULL), before);
        assert_u64_equal(count_items(old, "old"), before);
        assert_int_equal(mem_ending_cursor_open(x.m, x.index, false, NULL, &now), STATUS_OK);
        assert_u64_equal(count_items(now, "new"), 40);
        assert_u64_equal(memtable_entry_count(x.m), 40);
        old->table->close(old);
        now->table->close(now);
        memory_close(&x);
    }
}

/* The owner would not, but then the last one holds, as of any. */
TEST(lsm_memory, a_place_that_is_written_again_is_replaced)
{
    struct memory x;
    memory_open(&x);
    memory_fill(&x, 50);
    assert_int_equal(memory_put(&x, "row/001!x", 7, "first"), STATUS_OK);
    assert_int_equal(memory_put(&x, "row/001!x", 7, "second, and longer"), STATUS_OK);
    assert_u64_equal(memtable_entry_count(x.m), 51);
    memory_expect(&x, false, NULL, NULL);
    memory_expect(&x, true, NULL, NULL);
    memory_close(&x);
}

TEST(lsm_memory, without_memory_what_is_there_stays)
{
    struct memory x;
    struct arena_account full = {.held = 2u << 20, .held_max = 1u << 20};
    memory_open(&x);
    memory_fill(&x, 10);
    uint64_t count = 10, refused = 0;
    x.m->endings.account = &full;
    for (uint64_t i = 0; i < 20000; i++) {
        char key[32];
        snprintf(key, sizeof key, "more/%llu", (unsigned long long)i);
        enum status status = memory_put(&x, key, 1, "value");
        if (status == STATUS_OK) count++;
        else assert_int_equal(status, STATUS_NO_MEMORY);
        refused += status != STATUS_OK;
    }
    assert_true(refused > 0);
    assert_u64_equal(x.m->ending.count, count);
    x.m->endings.account = NULL;
    assert_int_equal(memory_put(&x, "last", 1, "value"), STATUS_OK);
    memory_expect(&x, false, NULL, NULL);
    memory_close(&x);
}

static bool reaches(const struct memory *x, const char *low, const char *high)
{
    const struct item_key from = {LSM_SPACE_VERSIONS, bytes_of_string(low), LSM_TS_MAX}, to = {LSM_SPACE_VERSIONS, bytes_of_string(high), LSM_TS_MAX};
    return mem_ending_reaches(&x->m->ending, &from, &to);
}

/* Scans open nothing over them where none are. */
TEST(lsm_memory, it_is_known_where_they_lie)
{
    struct memory x;
    memory_open(&x);
    assert_false(reaches(&x, "", "z"));
    memory_fill(&x, 100);
    assert_int_equal(memory_put(&x, "above them", 7, "value"), STATUS_OK);
    assert_int_equal(memory_put(&x, "to be behind them", 7, "value"), STATUS_OK);
    assert_int_equal(memory_put(&x, "row/020!between", 7, "value"), STATUS_OK);
    assert_true(reaches(&x, "", "z"));
    assert_true(reaches(&x, "above them", "b"));
    assert_true(reaches(&x, "t", "z"));
    assert_true(reaches(&x, "c", "d")); /* by their ends alone */
    assert_false(reaches(&x, "", "above them"));
    assert_false(reaches(&x, "to be behind them!", "z"));
    memory_close(&x);
}
