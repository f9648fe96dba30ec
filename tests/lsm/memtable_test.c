#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/codec.h"
#include "tests/lsm/memory.h"

static void write(struct memtable *m, uint64_t index, enum lsm_space space, const char *key,
                  uint64_t ts, const char *value)
{
    struct lsm_write w = {space, false, bytes_of_string(key), ts, bytes_of_string(value), false};
    assert_int_equal(memtable_write(m, index, &w, NULL), STATUS_OK);
}

static struct cursor *open_cursor(struct memtable *m, uint64_t view, bool reverse)
{
    struct cursor *c;
    assert_int_equal(memtable_cursor_open(m, view, reverse, NULL, &c), STATUS_OK);
    return c;
}

static const struct item_key whole = {LSM_SPACE_FIRST, {NULL, 0}, LSM_TS_MAX};
static const struct item_key past_all = {
    (enum lsm_space)(LSM_SPACE_LAST + 1), {NULL, 0}, LSM_TS_MAX};

/* The cursor's items, from where it is sought to, are exactly the model's. */
static void check_equal(struct memtable *m, const struct model *model)
{
    struct cursor *c = open_cursor(m, UINT64_MAX, false);
    enum status status = c->table->seek(c, &whole, NULL);
    for (size_t i = 0; i < model->count; i++) {
        assert_int_equal(status, STATUS_OK);
        const struct model_item *want = &model->items[i];
        assert_int_equal(c->item.space, want->space);
        assert_true(bytes_equal(c->item.key, model_key(want)));
        assert_u64_equal(c->item.ts, want->ts);
        assert_true(bytes_equal(c->item.value, model_value(want)));
        status = c->table->step(c, NULL);
    }
    assert_int_equal(status, STATUS_NOT_FOUND);
    c->table->close(c);
    c = open_cursor(m, UINT64_MAX, true);
    status = c->table->seek(c, &past_all, NULL);
    for (size_t i = model->count; i-- > 0;) {
        assert_int_equal(status, STATUS_OK);
        assert_true(bytes_equal(c->item.key, model_key(&model->items[i])));
        assert_u64_equal(c->item.ts, model->items[i].ts);
        status = c->table->step(c, NULL);
    }
    assert_int_equal(status, STATUS_NOT_FOUND);
    c->table->close(c);
}

static void write_both(struct memtable *m, struct model *model, uint64_t index,
                       const struct lsm_write *w)
{
    assert_int_equal(memtable_write(m, index, w, NULL), STATUS_OK);
    model_write(model, w);
}

enum order { ASCENDING, DESCENDING, SHUFFLED, TWO_PREFIXES };

static void fill(struct memtable *m, struct model *model, enum order order, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        char key[64];
        uint64_t n = order == DESCENDING ? count - i : i;
        if (order == SHUFFLED || order == TWO_PREFIXES) n = hash_u64(i) % count;
        bool second = order == TWO_PREFIXES && i > count / 4;
        snprintf(key, sizeof key, "%s/%08llu", second ? "zone/b" : "zone/a/long/prefix",
                 (unsigned long long)n);
        struct lsm_write w = {LSM_SPACE_VERSIONS, false, bytes_of_string(key), 1 + i % 3,
                              bytes_make(&i, sizeof i), false};
        write_both(m, model, i + 1, &w);
    }
}

/* Entries of one Raft entry that lie together, in any order, also where leaves are full or about to be, and the same twice. */
TEST(lsm_memtable, keeps_what_is_written_together_sorted)
{
    struct memtable *m;
    struct model model;
    static const char *const beside[] = {"", "-b", "-a", "-c", "-a"};
    assert_int_equal(memtable_create(&m), STATUS_OK);
    model_init(&model);
    for (uint64_t i = 0; i < 3000; i++) {
        for (uint64_t k = 0; k < 1 + i % 5; k++) {
            char key[64];
            snprintf(key, sizeof key, "row/%08llu%s", (unsigned long long)(hash_u64(i) % 700), beside[k]);
            uint64_t value = i * 10 + k;
            struct lsm_write w = {LSM_SPACE_VERSIONS, false, bytes_of_string(key), 1 + i, bytes_make(&value, sizeof value), false};
            write_both(m, &model, i + 1, &w);
        }
    }
    check_equal(m, &model);
    model_deinit(&model);
    memtable_unpin(m);
}

/* As lsm_apply does: places are looked for before others are written, which may split the leaves or fill them. */
TEST(lsm_memtable, what_is_asked_for_ahead_is_put_where_it_belongs)
{
    struct memtable *m;
    struct model model;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    model_init(&model);
    for (uint64_t i = 0; i < 1500; i++) {
        char keys[8][32];
        struct lsm_write w[8];
        struct mem_hint hints[8];
        for (uint64_t k = 0; k < 8; k++) {
            snprintf(keys[k], sizeof keys[k], "row/%06llu", (unsigned long long)(hash_u64(i) % 500 * 5 + hash_u64(i * 8 + k) % 9));
            w[k] = (struct lsm_write){LSM_SPACE_VERSIONS, false, bytes_of_string(keys[k]), 1 + i / 3, bytes_of_string(keys[k]), false};
            hints[k] = memtable_ask_ahead(m, &w[k], false);
        }
        for (uint64_t k = 0; k < 8; k++) {
            assert_int_equal(memtable_write(m, i + 1, &w[k], &hints[k]), STATUS_OK);
            model_write(&model, &w[k]);
        }
    }
    check_equal(m, &model);
    model_deinit(&model);
    memtable_unpin(m);
}

TEST(lsm_memtable, keeps_any_order_of_insertion_sorted)
{
    for (enum order order = ASCENDING; order <= TWO_PREFIXES; order++) {
        struct memtable *m;
        struct model model;
        assert_int_equal(memtable_create(&m), STATUS_OK);
        model_init(&model);
        fill(m, &model, order, 3000);
        assert_u64_equal(memtable_entry_count(m), model.count);
        check_equal(m, &model);
        model_deinit(&model);
        memtable_unpin(m);
    }
}

TEST(lsm_memtable, agrees_with_the_model_on_random_keys)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct prng p;
        prng_init(&p, seed);
        struct memtable *m;
        struct model model;
        assert_int_equal(memtable_create(&m), STATUS_OK);
        model_init(&model);
        uint64_t ts = 0;
        for (uint64_t index = 1; index < 800; index++) {
            struct random_writes w;
            random_writes_make(&w, &p, 300, &ts);
            for (uint32_t i = 0; i < w.count; i++)
                write_both(m, &model, index, &w.writes[i]);
            uint8_t key[600];
            size_t size;
            random_key(&p, 300, key, &size);
            uint64_t at = prng_between(&p, 0, ts);
            const struct mem_entry *e =
                memory_find(m, LSM_SPACE_VERSIONS, bytes_make(key, size), at);
            const struct model_item *want =
                model_get(&model, LSM_SPACE_VERSIONS, bytes_make(key, size), at);
            assert_int_equal(e != NULL, want != NULL);
            if (e != NULL) assert_u64_equal(e->ts, want->ts);
        }
        check_equal(m, &model);
        model_deinit(&model);
        memtable_unpin(m);
    }
}

TEST(lsm_memtable, ascending_keys_leave_full_leaves)
{
    struct memtable *m;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    for (uint64_t i = 0; i < 64 * 20; i++) {
        char key[32];
        snprintf(key, sizeof key, "row%08llu", (unsigned long long)i);
        write(m, i + 1, LSM_SPACE_VERSIONS, key, 1, "v");
    }
    for (const struct mem_leaf *l = m->trees[0].first; l != NULL; l = l->next)
        assert_int_equal(l->node.count, MEM_NODE_SLOTS);
    memtable_unpin(m);
}

static struct bytes key_of(const struct mem_entry *e)
{
    return bytes_make(e->key, e->key_size);
}

/* What lies between first and last begins with what both begin with, and so with what the node skips. */
static void check_node(const struct mem_node *n, struct bytes first, struct bytes last)
{
    assert_true(n->skip <= first.size && n->skip <= last.size);
    assert_memory_equal(first.data, last.data, n->skip);
    for (uint32_t i = n->level > 0 ? 1 : 0; i < n->count; i++) {
        struct bytes key = key_of(n->entries[i]);
        uint8_t next[8] = {0};
        assert_true(bytes_compare(first, key) <= 0 && bytes_compare(key, last) <= 0);
        memcpy(next, key.data + n->skip, key.size - n->skip < 8 ? key.size - n->skip : 8);
        assert_u64_equal(n->heads[i], load_be64(next));
        assert_u64_equal(n->times[i], n->entries[i]->ts);
        assert_int_equal(n->sizes[i], key.size);
    }
    for (uint32_t i = 0; n->level > 0 && i < n->count; i++)
        check_node(CONTAINER_OF(n, struct mem_inner, node)->children[i], i == 0 ? first : key_of(n->entries[i]),
                   i + 1 < n->count ? key_of(n->entries[i + 1]) : last);
}

static void check_tree(const struct mem_tree *t)
{
    const struct mem_node *last = &t->last->node;
    check_node(t->root, key_of(t->first->node.entries[0]), key_of(last->entries[last->count - 1]));
}

TEST(lsm_memtable, nodes_skip_what_all_keys_between_their_bounds_begin_with)
{
    for (enum order order = ASCENDING; order <= TWO_PREFIXES; order++) {
        for (uint64_t count = 1; count < 6000; count *= 3) {
            struct memtable *m;
            struct model model;
            assert_int_equal(memtable_create(&m), STATUS_OK);
            model_init(&model);
            fill(m, &model, order, count);
            check_tree(&m->trees[0]);
            model_deinit(&model);
            memtable_unpin(m);
        }
    }
}

TEST(lsm_memtable, keys_of_several_kinds_do_not_hide_what_each_kind_has_in_common)
{
    struct memtable *m;
    struct model model;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    model_init(&model);
    fill(m, &model, TWO_PREFIXES, 6000);
    const struct mem_tree *t = &m->trees[0];
    uint32_t leaves = 0, poor = 0;
    for (const struct mem_leaf *l = t->first; l != NULL; l = l->next) {
        leaves++;
        poor += l->node.skip < strlen("zone/b/");
    }
    assert_true(leaves > 50);
    assert_true(poor <= 2); /* where one kind ends and the other begins */
    check_equal(m, &model);
    model_deinit(&model);
    memtable_unpin(m);
}

TEST(lsm_memtable, a_view_shows_the_state_it_was_opened_on)
{
    struct memtable *m;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    write(m, 1, LSM_SPACE_LOCAL, "a", 0, "old");
    write(m, 2, LSM_SPACE_LOCAL, "b", 0, "old");
    struct cursor *c = open_cursor(m, 2, false);
    write(m, 3, LSM_SPACE_LOCAL, "a", 0, "new and longer than before");
    write(m, 3, LSM_SPACE_LOCAL, "aa", 0, "new");
    write(m, 4, LSM_SPACE_LOCAL, "a", 0, "n");
    assert_int_equal(c->table->seek(c, &whole, NULL), STATUS_OK);
    assert_true(bytes_equal(c->item.value, BYTES_LITERAL("old")));
    write(m, 5, LSM_SPACE_LOCAL, "b", 0, "NEW");
    assert_int_equal(c->table->step(c, NULL), STATUS_OK);
    assert_true(bytes_equal(c->item.key, BYTES_LITERAL("b")));
    assert_true(bytes_equal(c->item.value, BYTES_LITERAL("old")));
    assert_int_equal(c->table->step(c, NULL), STATUS_NOT_FOUND);
    c->table->close(c);
    const struct mem_entry *e = memory_find(m, LSM_SPACE_LOCAL, BYTES_LITERAL("a"), 0);
    assert_true(bytes_equal(bytes_make(e->newest->data, e->newest->size), BYTES_LITERAL("n")));
    memtable_unpin(m);
}

TEST(lsm_memtable, a_cursor_keeps_its_place_while_entries_are_inserted_around_it)
{
    struct memtable *m;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    for (uint64_t i = 0; i < 200; i++) {
        char key[32];
        snprintf(key, sizeof key, "k%04llu", (unsigned long long)(i * 10));
        write(m, 1, LSM_SPACE_VERSIONS, key, 1, "v");
    }
    struct cursor *up = open_cursor(m, 1, false), *down = open_cursor(m, 1, true);
    assert_int_equal(up->table->seek(up, &whole, NULL), STATUS_OK);
    assert_int_equal(down->table->seek(down, &past_all, NULL), STATUS_OK);
    for (uint64_t i = 0; i < 199; i++) {
        char key[32];
        for (uint64_t j = 0; j < 10; j++) {
            snprintf(key, sizeof key, "k%04llu", (unsigned long long)(hash_u64(i * 10 + j) % 2000));
            if (key[4] != '0') write(m, 2 + i, LSM_SPACE_VERSIONS, key, 1, "w");
        }
        assert_int_equal(up->table->step(up, NULL), STATUS_OK);
        snprintf(key, sizeof key, "k%04llu", (unsigned long long)((i + 1) * 10));
        assert_true(bytes_equal(up->item.key, bytes_of_string(key)));
        assert_int_equal(down->table->step(down, NULL), STATUS_OK);
        snprintf(key, sizeof key, "k%04llu", (unsigned long long)((198 - i) * 10));
        assert_true(bytes_equal(down->item.key, bytes_of_string(key)));
    }
    assert_int_equal(up->table->step(up, NULL), STATUS_NOT_FOUND);
    assert_int_equal(down->table->step(down, NULL), STATUS_NOT_FOUND);
    up->table->close(up);
    down->table->close(down);
    memtable_unpin(m);
}

TEST(lsm_memtable, a_record_written_over_and_over_takes_no_more_room)
{
    struct memtable *m;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    write(m, 1, LSM_SPACE_LOCAL, "counter", 0, "00000000");
    uint64_t bytes = memtable_bytes(m);
    for (uint64_t i = 2; i < 100000; i++)
        write(m, i, LSM_SPACE_LOCAL, "counter", 0, "11111111");
    assert_u64_equal(memtable_bytes(m), bytes);
    memtable_unpin(m);
}

TEST(lsm_memtable, the_last_write_of_one_entry_to_a_place_wins_for_views_too)
{
    struct memtable *m;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    write(m, 1, LSM_SPACE_LOCAL, "a", 0, "one");
    struct cursor *before = open_cursor(m, 1, false);
    write(m, 2, LSM_SPACE_LOCAL, "a", 0, "two");
    write(m, 2, LSM_SPACE_LOCAL, "a", 0, "two again, and longer");
    struct cursor *after = open_cursor(m, 2, false);
    write(m, 3, LSM_SPACE_LOCAL, "a", 0, "three");
    assert_int_equal(before->table->seek(before, &whole, NULL), STATUS_OK);
    assert_true(bytes_equal(before->item.value, BYTES_LITERAL("one")));
    assert_int_equal(after->table->seek(after, &whole, NULL), STATUS_OK);
    assert_true(bytes_equal(after->item.value, BYTES_LITERAL("two again, and longer")));
    before->table->close(before);
    after->table->close(after);
    memtable_unpin(m);
}

/* ---- intents that come and go ---- */

static void place(struct memtable *m, struct model *model, uint64_t index, uint64_t n, bool there)
{
    char key[32];
    uint8_t value[20];
    snprintf(key, sizeof key, "row%07llu", (unsigned long long)(n * 7919 % 1000003)); /* no two are the same */
    memset(value, (int)n, sizeof value);
    struct lsm_write w = {LSM_SPACE_INTENTS, !there, bytes_of_string(key), 0,
                          there ? bytes_make(value, sizeof value) : BYTES_EMPTY, there};
    assert_int_equal(memtable_write(m, index, &w, NULL), STATUS_OK);
    if (model != NULL) model_write(model, &w);
}

static void check_voids(const struct mem_tree *t)
{
    uint64_t found = 0;
    for (const struct mem_leaf *l = t->first; l != NULL; l = l->next)
        for (uint32_t i = 0; i < l->node.count; i++) found += mem_is_void(l->node.entries[i], l->node.entries[i]->newest);
    assert_u64_equal(t->void_count, found);
    LIST_FOR_EACH(link, &t->told) found++;
    assert_u64_equal(t->count, found);
}

TEST(lsm_memtable, what_was_alone_and_is_deleted_leaves_nothing)
{
    struct memtable *m;
    struct model model;
    const uint64_t count = 50000, kept = 60, every = 1000;
    uint64_t index = 0;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    const struct mem_tree *t = &m->trees[LSM_SPACE_INTENTS - LSM_SPACE_FIRST];
    model_init(&model);
    for (uint64_t n = 0; n < count; n++) {
        bool stays = n + kept >= count || n % every == 0;
        bool gone_before = n % every == 1; /* it was placed in an older memtable: its deletion is news */
        place(m, stays || gone_before ? &model : NULL, ++index, n, !gone_before);
        if (gone_before) {
            place(m, &model, ++index, n, false);
            check_voids(t);
        }
        bool stayed = n < kept || (n - kept) % every <= 1;
        if (!stayed) place(m, NULL, ++index, n - kept, false);
    }
    assert_true(memtable_bytes(m) < 128 << 10);
    check_equal(m, &model);
    check_tree(t);
    check_voids(t);
    model_deinit(&model);
    memtable_unpin(m);
}

/* Many that were placed at once, as a large transaction does, are no burden once they are gone. */
TEST(lsm_memtable, many_intents_are_swept_out_when_few_are_left)
{
    struct memtable *m;
    uint64_t index = 0;
    const uint64_t many = 5 * MEM_SWEEP_MAX;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    const struct mem_tree *t = &m->trees[LSM_SPACE_INTENTS - LSM_SPACE_FIRST];
    for (uint64_t n = 0; n < many; n++) place(m, NULL, ++index, n, true);
    for (uint64_t n = 0; n + MEM_SWEEP_MAX < many; n++) place(m, NULL, ++index, n, false);
    place(m, NULL, ++index, many + 1, true);
    place(m, NULL, ++index, many + 1, false);
    assert_true(memtable_entry_count(m) <= MEM_SWEEP_MAX + 1);
    check_tree(t);
    check_voids(t);
    for (uint64_t n = many - MEM_SWEEP_MAX; n < many; n++) place(m, NULL, ++index, n, false);
    place(m, NULL, ++index, many, true);
    assert_true(memtable_entry_count(m) <= MEM_VOID_MAX + 1);
    assert_true(memtable_bytes(m) < 10240);
    memtable_unpin(m);
}

TEST(lsm_memtable, nothing_is_swept_out_under_a_reader)
{
    struct memtable *m;
    uint64_t index = 0, seen = 0;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    for (uint64_t n = 0; n < 50; n++) place(m, NULL, ++index, n, true);
    struct cursor *c = open_cursor(m, index, false);
    for (uint64_t n = 0; n < 50; n++) place(m, NULL, ++index, n, false);
    for (uint64_t n = 50; n < 500; n++) {
        place(m, NULL, ++index, n, true);
        place(m, NULL, ++index, n, false);
    }
    for (enum status s = c->table->seek(c, &whole, NULL); s == STATUS_OK; s = c->table->step(c, NULL)) {
        assert_false(c->item.tombstone);
        assert_int_equal(c->item.value.size, 20);
        seen++;
    }
    assert_u64_equal(seen, 50);
    uint64_t bytes = memtable_bytes(m), held = memtable_entry_count(m);
    c->table->close(c);
    place(m, NULL, ++index, 1000, true);
    assert_true(memtable_bytes(m) < bytes / 2);
    assert_true(held > 490 && memtable_entry_count(m) == 1);
    memtable_unpin(m);
}

TEST(lsm_memtable, without_memory_nothing_is_swept_out_and_nothing_lost)
{
    struct memtable *m;
    uint64_t index = 0;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    place(m, NULL, ++index, 999, true);
    for (uint64_t n = 0; n < MEM_VOID_MAX + 1; n++) {
        place(m, NULL, ++index, n, true);
        place(m, NULL, ++index, n, false);
    }
    struct arena_account full = {.held = 2u << 20, .held_max = 1u << 20};
    m->intents.account = &full;
    place(m, NULL, ++index, 1000, true); /* its entry still fits */
    assert_true(full.refused > 0);
    assert_u64_equal(memtable_entry_count(m), MEM_VOID_MAX + 3);
    m->intents.account = NULL;
    place(m, NULL, ++index, 1001, true);
    assert_u64_equal(memtable_entry_count(m), 3);
    memtable_unpin(m);
}

/* What is deleted and was not known to be alone hides what may be below, also when it was placed again alone. */
TEST(lsm_memtable, a_deletion_that_may_hide_something_stays)
{
    struct memtable *m;
    assert_int_equal(memtable_create(&m), STATUS_OK);
    struct lsm_write deletion = {LSM_SPACE_INTENTS, true, BYTES_LITERAL("k"), 0, BYTES_EMPTY, false};
    struct lsm_write alone = {LSM_SPACE_INTENTS, false, BYTES_LITERAL("k"), 0, BYTES_LITERAL("v"), true};
    assert_int_equal(memtable_write(m, 1, &deletion, NULL), STATUS_OK);
    assert_int_equal(memtable_write(m, 2, &alone, NULL), STATUS_OK);
    assert_int_equal(memtable_write(m, 3, &deletion, NULL), STATUS_OK);
    struct cursor *c = open_cursor(m, 3, false);
    assert_int_equal(c->table->seek(c, &whole, NULL), STATUS_OK);
    assert_true(c->item.tombstone);
    c->table->close(c);
    memtable_unpin(m);
}

/* ---- order without a look at the entries ---- */

/* Heads end in zeros where keys end: these have the same ones. Versions come newest first, and not. */
TEST(lsm_memtable, keys_that_end_in_zeros_are_told_apart)
{
    static const struct bytes keys[] = {BYTES_LITERAL("row"), BYTES_LITERAL("row\0"), BYTES_LITERAL("row\0\0"), BYTES_LITERAL("rox")};
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct memtable *m;
        struct model model;
        assert_int_equal(memtable_create(&m), STATUS_OK);
        model_init(&model);
        for (uint64_t i = 0; i < 40; i++) {
            uint64_t chance = hash_u64(seed * 1000 + i), ts = 10 * i + (chance >> 8) % 30;
            struct lsm_write w = {LSM_SPACE_VERSIONS, false, keys[chance % (seed % 4 + 1)], ts, bytes_make(&i, sizeof i), false};
            write_both(m, &model, i + 1, &w);
        }
        check_equal(m, &model);
        model_deinit(&model);
        memtable_unpin(m);
    }
}
