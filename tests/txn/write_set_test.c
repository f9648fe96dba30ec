/* The ordered set of buffered writes, against a sorted array. */
#include "tests/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "txn/write_set.h"

#define KEYS 200u

struct expected {
    bool there;
    struct write write;
    char value[16];
};

struct fixture {
    struct arena arena;
    struct write_set set;
    struct expected expected[KEYS];
    uint32_t count;
};

static struct bytes key_of(uint32_t i, char room[8])
{
    snprintf(room, 8, "k%03u", i);
    return bytes_make(room, 4);
}

static void fixture_init(struct fixture *f, uint64_t seed)
{
    *f = (struct fixture){0};
    arena_init(&f->arena, 8u << 20);
    assert_int_equal(write_set_init(&f->set, &f->arena, seed), STATUS_OK);
}

static void put_random(struct fixture *f, struct prng *prng)
{
    char room[8];
    uint32_t i = (uint32_t)prng_below(prng, KEYS);
    struct expected *e = &f->expected[i];
    int size = snprintf(e->value, sizeof e->value, "%u", (unsigned)prng_below(prng, 1000000));
    struct write w = {.key = key_of(i, room), .value = bytes_make(e->value, (size_t)size)};
    switch (prng_below(prng, 3)) {
    case 0: break;
    case 1: w.tombstone = true, w.value = BYTES_EMPTY; break;
    default: w.insert = true; break;
    }
    assert_int_equal(write_set_put(&f->set, &w), STATUS_OK);
    f->count += !e->there;
    bool was_insert = e->there && e->write.insert;
    e->there = true;
    e->write = w;
    e->write.insert = w.insert || (was_insert && !w.tombstone);
}

static void check_same(const struct fixture *f, const struct write *w, uint32_t i)
{
    char room[8];
    assert_non_null(w);
    assert_true(bytes_equal(w->key, key_of(i, room)));
    assert_true(bytes_equal(w->value, f->expected[i].write.value));
    assert_int_equal(w->tombstone, f->expected[i].write.tombstone);
    assert_int_equal(w->insert, f->expected[i].write.insert);
}

static const struct expected *at_or_after(const struct fixture *f, uint32_t i)
{
    while (i < KEYS && !f->expected[i].there) i++;
    return i == KEYS ? NULL : &f->expected[i];
}

static void check_all(const struct fixture *f)
{
    char room[8];
    const struct write *walk = write_set_first(&f->set), *before = NULL;
    for (uint32_t i = 0; i < KEYS; i++) {
        struct bytes key = key_of(i, room);
        assert_ptr_equal(write_set_seek(&f->set, key, false, WRITE_SET_NOW), walk);
        assert_ptr_equal(write_set_seek_before(&f->set, key, WRITE_SET_NOW), before);
        if (!f->expected[i].there) {
            assert_null(write_set_find(&f->set, key));
            assert_ptr_equal(write_set_seek(&f->set, key, true, WRITE_SET_NOW), walk);
            continue;
        }
        check_same(f, write_set_find(&f->set, key), i);
        check_same(f, walk, i);
        before = walk;
        walk = write_set_next(walk);
        assert_ptr_equal(write_set_seek(&f->set, key, true, WRITE_SET_NOW), walk);
    }
    assert_null(walk);
    assert_ptr_equal(write_set_seek_before(&f->set, BYTES_EMPTY, WRITE_SET_NOW), before); /* the last of all */
    assert_u64_equal(f->set.count, f->count);
}

TEST(txn_write_set, holds_what_a_sorted_array_holds)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct fixture f;
        struct prng prng;
        fixture_init(&f, seed);
        prng_init(&prng, seed);
        check_all(&f);
        for (int i = 0; i < 400; i++) {
            put_random(&f, &prng);
            if (i % 20 == 0) check_all(&f);
        }
        check_all(&f);
        assert_non_null(at_or_after(&f, 0));
        arena_deinit(&f.arena);
    }
}

/* What the commit's limit is compared with must not be less than what is sent. */
TEST(txn_write_set, its_size_covers_what_is_encoded)
{
    struct fixture f;
    struct prng prng;
    fixture_init(&f, 1);
    prng_init(&prng, 1);
    for (int i = 0; i < 300; i++) put_random(&f, &prng);
    struct buf b;
    buf_init(&b, 1 << 20);
    for (const struct write *w = write_set_first(&f.set); w != NULL; w = write_set_next(w)) encode_write(&b, w);
    assert_false(b.failed);
    assert_true(f.set.bytes >= b.size);
    assert_true(f.set.bytes <= b.size + 6u * f.set.count); /* and not much more */
    buf_deinit(&b);
    arena_deinit(&f.arena);
}

/* Else the commit would not ask any more whether the key had a value. */
TEST(txn_write_set, a_key_that_was_inserted_stays_inserted_when_it_is_written_again)
{
    struct fixture f;
    fixture_init(&f, 1);
    struct bytes key = bytes_of_string("k");
    assert_int_equal(write_set_put(&f.set, &(struct write){.key = key, .value = key, .insert = true}), STATUS_OK);
    assert_int_equal(write_set_put(&f.set, &(struct write){.key = key, .value = BYTES_EMPTY}), STATUS_OK);
    assert_true(write_set_find(&f.set, key)->insert);
    arena_deinit(&f.arena);
}

TEST(txn_write_set, a_full_arena_is_said_and_leaves_the_set_whole)
{
    struct arena arena;
    struct write_set set;
    arena_init(&arena, 16 << 10);
    assert_int_equal(write_set_init(&set, &arena, 1), STATUS_OK);
    enum status status = STATUS_OK;
    uint32_t done = 0;
    for (uint32_t i = 0; i < 10000 && status == STATUS_OK; i++) {
        char key[16];
        int size = snprintf(key, sizeof key, "%06u", i);
        struct bytes bytes = bytes_make(key, (size_t)size);
        status = write_set_put(&set, &(struct write){.key = bytes, .value = bytes});
        done += status == STATUS_OK;
    }
    assert_int_equal(status, STATUS_NO_MEMORY);
    assert_u64_equal(set.count, done);
    uint32_t walked = 0;
    for (const struct write *w = write_set_first(&set); w != NULL; w = write_set_next(w)) walked++;
    assert_u64_equal(walked, done);
    arena_deinit(&arena);
}

/* ---- marks ---- */

struct moment {
    uint64_t mark;
    struct expected expected[KEYS];
    uint32_t count;
    uint64_t bytes;
};

static void check_view(const struct fixture *f, const struct moment *m)
{
    char room[8];
    for (uint32_t i = 0; i < KEYS; i++) {
        const struct write *w = write_set_find_at(&f->set, key_of(i, room), m->mark);
        const struct expected *e = &m->expected[i];
        assert_int_equal(w != NULL, e->there);
        if (w == NULL) continue;
        assert_int_equal(w->tombstone, e->write.tombstone);
        assert_true(bytes_equal(w->value, e->write.tombstone ? BYTES_EMPTY : bytes_of_string(e->value)));
    }
}

static void moment_take(struct fixture *f, struct moment *m)
{
    m->mark = write_set_mark(&f->set);
    memcpy(m->expected, f->expected, sizeof m->expected);
    m->count = f->count;
    m->bytes = f->set.bytes;
}

/* Values in f->expected are found by their own room: it moves with them. */
static void moment_restore(struct fixture *f, const struct moment *m)
{
    memcpy(f->expected, m->expected, sizeof f->expected);
    for (uint32_t i = 0; i < KEYS; i++)
        if (f->expected[i].there && !f->expected[i].write.tombstone) {
            size_t size = f->expected[i].write.value.size;
            f->expected[i].write.value = bytes_make(f->expected[i].value, size);
        }
    f->count = m->count;
}

TEST(txn_write_set, goes_back_to_marks_and_shows_what_was_there)
{
    struct moment *moments = calloc(8, sizeof *moments);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct fixture f;
        struct prng prng;
        uint32_t depth = 0;
        fixture_init(&f, seed);
        prng_init(&prng, seed);
        for (int i = 0; i < 2000; i++) {
            uint64_t what = prng_below(&prng, 40);
            if (what == 0 && depth < 8) {
                moment_take(&f, &moments[depth++]);
            } else if (what == 1 && depth > 0) {
                depth = (uint32_t)prng_below(&prng, depth) + 1; /* the mark gone back to stays */
                write_set_back(&f.set, moments[depth - 1].mark);
                moment_restore(&f, &moments[depth - 1]);
                assert_u64_equal(f.set.bytes, moments[depth - 1].bytes);
                check_all(&f);
            } else if (what == 2 && depth > 0) {
                depth--; /* released */
            } else {
                put_random(&f, &prng);
            }
            if (i % 50 == 0)
                for (uint32_t k = 0; k < depth; k++) check_view(&f, &moments[k]);
        }
        check_all(&f);
        arena_deinit(&f.arena);
    }
    free(moments);
}

TEST(txn_write_set, marks_of_an_empty_set_outlive_a_new_attempt)
{
    struct fixture f;
    fixture_init(&f, 1);
    uint64_t mark = write_set_mark(&f.set);
    struct bytes key = bytes_of_string("k");
    assert_int_equal(write_set_put(&f.set, &(struct write){.key = key, .value = key}), STATUS_OK);
    arena_reset(&f.arena);
    assert_int_equal(write_set_clear(&f.set, &f.arena), STATUS_OK);
    assert_int_equal(write_set_put(&f.set, &(struct write){.key = key, .value = key}), STATUS_OK);
    assert_null(write_set_find_at(&f.set, key, mark));
    write_set_back(&f.set, mark);
    assert_null(write_set_find(&f.set, key));
    assert_null(write_set_first(&f.set));
    assert_u64_equal(f.set.bytes, 0);
    arena_deinit(&f.arena);
}
