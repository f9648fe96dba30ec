#include "tests/lsm/memory.h"

#include <stdio.h>

#include "base/hash.h"

void memory_open(struct memory *x)
{
    *x = (struct memory){.index = 0};
    assert_int_equal(memtable_create(&x->m), STATUS_OK);
    model_init(&x->model);
}

void memory_close(struct memory *x)
{
    model_deinit(&x->model);
    memtable_unpin(x->m);
}

enum status memory_put(struct memory *x, const char *key, uint64_t ts, const char *value)
{
    struct lsm_write w = {LSM_SPACE_VERSIONS, false, bytes_of_string(key), ts, bytes_of_string(value), false};
    struct mem_hint hint = memtable_ask_ahead(x->m, &w, true);
    enum status status = memtable_write(x->m, ++x->index, &w, &hint);
    if (status == STATUS_OK) model_write(&x->model, &w);
    return status;
}

static void key_of(uint64_t i, char key[32])
{
    snprintf(key, 32, "row/%03llu!%llu", (unsigned long long)(hash_u64(i) % 40), (unsigned long long)i);
}

void memory_fill(struct memory *x, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        char key[32];
        key_of(i, key);
        assert_int_equal(memory_put(x, key, 1 + hash_u64(i + 1) % 1000, key), STATUS_OK);
    }
    assert_u64_equal(x->m->ending.count, count);
    assert_u64_equal(memtable_entry_count(x->m), count);
}

static bool in_window(const struct window *w, const struct model_item *i)
{
    return w == NULL || window_has(w, model_key(i));
}

static void expect_item(const struct cursor *c, const struct model_item *want)
{
    assert_int_equal(c->item.space, LSM_SPACE_VERSIONS);
    assert_true(bytes_equal(c->item.key, model_key(want)));
    assert_u64_equal(c->item.ts, want->ts);
    assert_true(bytes_equal(c->item.value, model_value(want)));
}

void memory_expect(const struct memory *x, bool reverse, const struct window *window, const struct item_key *from)
{
    const struct item_key first = {LSM_SPACE_FIRST, {NULL, 0}, LSM_TS_MAX}, end = {(enum lsm_space)(LSM_SPACE_LAST + 1), {NULL, 0}, LSM_TS_MAX};
    const struct item_key *start = from != NULL ? from : reverse ? &end : &first;
    const struct model *model = &x->model;
    size_t at = start == &end ? model->count : model_seek(model, start->space, start->key, start->ts);
    struct cursor *c;
    assert_int_equal(mem_ending_cursor_open(x->m, x->index, reverse, window, &c), STATUS_OK);
    enum status status = c->table->seek(c, start, NULL);
    while (reverse ? at > 0 : at < model->count) {
        const struct model_item *want = &model->items[reverse ? --at : at++];
        if (!in_window(window, want)) continue;
        assert_int_equal(status, STATUS_OK);
        expect_item(c, want);
        status = c->table->step(c, NULL);
    }
    assert_int_equal(status, STATUS_NOT_FOUND);
    c->table->close(c);
}

static void expect_found(const struct memory *x)
{
    for (size_t i = 0; i < x->model.count; i++) {
        const struct model_item *want = &x->model.items[i];
        struct bytes key = model_key(want);
        uint64_t hash = filter_hash(LSM_SPACE_VERSIONS, key);
        const struct mem_entry *e = mem_ending_find(&x->m->ending, key, want->ts, hash);
        assert_non_null(e);
        assert_true(bytes_equal(mem_entry_key(e), key));
        assert_u64_equal(e->ts, want->ts);
        assert_null(mem_ending_find(&x->m->ending, key, want->ts - 1, hash));
    }
}

void memory_run(void)
{
    static const uint64_t counts[] = {1, 2, 3, 9, 10, 11, 26, 27, 300, 1000};
    const struct window window = {BYTES_LITERAL("row/010"), BYTES_LITERAL("row/020!5")};
    for (size_t n = 0; n < sizeof counts / sizeof counts[0]; n++) {
        struct memory x;
        memory_open(&x);
        memory_fill(&x, counts[n]);
        expect_found(&x);
        for (int reverse = 0; reverse < 2; reverse++) {
            memory_expect(&x, reverse, NULL, NULL);
            memory_expect(&x, reverse, &window, NULL);
        }
        memory_close(&x);
    }
}
