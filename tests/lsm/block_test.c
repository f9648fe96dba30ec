#include <stdio.h>
#include <stdlib.h>

#include "lsm/block_int.h"
#include "lsm/filter_int.h"
#include "tests/lsm/model.h"
#include "tests/test.h"

static const struct table_uid uid = {0x1122334455667788, 0x99aabbccddeeff00};

static void build(const struct model *m, struct buf *raw)
{
    struct block_builder b;
    block_builder_init(&b);
    for (size_t i = 0; i < m->count; i++) {
        const struct model_item *item = &m->items[i];
        struct lsm_item add = {item->space, model_key(item), item->ts, item->tombstone,
                               model_value(item)};
        block_builder_add(&b, &add);
    }
    buf_append_bytes(raw, block_builder_finish(&b));
    assert_false(block_builder_failed(&b));
    block_builder_deinit(&b);
}

static void make_model(struct model *m, uint64_t seed, int entries)
{
    struct prng p;
    uint64_t ts = 0;
    prng_init(&p, seed);
    model_init(m);
    while (m->count == 0 || entries-- > 0) {
        struct random_writes w;
        random_writes_make(&w, &p, 100, &ts);
        for (uint32_t i = 0; i < w.count; i++)
            model_write(m, &w.writes[i]);
    }
}

static void check_item(const struct block_cursor *c, const struct model_item *want)
{
    assert_int_equal(c->item.space, want->space);
    assert_true(bytes_equal(c->item.key, model_key(want)));
    assert_u64_equal(c->item.ts, want->ts);
    assert_int_equal(c->item.tombstone, want->tombstone);
    assert_true(bytes_equal(c->item.value, model_value(want)));
}

TEST(lsm_block, gives_back_its_items_in_both_directions)
{
    for (uint64_t seed = 1; seed < 40; seed++) {
        struct model m;
        struct buf raw;
        struct block_cursor c;
        make_model(&m, seed, (int)seed % 20);
        buf_init(&raw, 1 << 20);
        build(&m, &raw);
        block_cursor_init(&c);
        assert_int_equal(block_cursor_open(&c, buf_view(&raw)), STATUS_OK);
        enum status status = block_cursor_first(&c);
        for (size_t i = 0; i < m.count; i++, status = block_cursor_next(&c)) {
            assert_int_equal(status, STATUS_OK);
            check_item(&c, &m.items[i]);
        }
        assert_int_equal(status, STATUS_NOT_FOUND);
        status = block_cursor_last(&c);
        for (size_t i = m.count; i-- > 0; status = block_cursor_prev(&c)) {
            assert_int_equal(status, STATUS_OK);
            check_item(&c, &m.items[i]);
        }
        assert_int_equal(status, STATUS_NOT_FOUND);
        block_cursor_deinit(&c);
        buf_deinit(&raw);
        model_deinit(&m);
    }
}

TEST(lsm_block, seeks_to_the_first_item_at_or_after_the_target)
{
    struct model m;
    struct buf raw;
    struct block_cursor c;
    struct prng p;
    prng_init(&p, 5);
    make_model(&m, 5, 60);
    buf_init(&raw, 1 << 20);
    build(&m, &raw);
    block_cursor_init(&c);
    assert_int_equal(block_cursor_open(&c, buf_view(&raw)), STATUS_OK);
    for (int i = 0; i < 3000; i++) {
        uint8_t key[600];
        size_t size;
        random_key(&p, 120, key, &size);
        struct item_key target = {(enum lsm_space)prng_between(&p, 1, 3), bytes_make(key, size),
                                  prng_below(&p, 400)};
        size_t at = model_seek(&m, target.space, target.key, target.ts);
        enum status status = block_cursor_seek(&c, &target);
        assert_int_equal(status, at == m.count ? STATUS_NOT_FOUND : STATUS_OK);
        if (status == STATUS_OK) check_item(&c, &m.items[at]);
    }
    block_cursor_deinit(&c);
    buf_deinit(&raw);
    model_deinit(&m);
}

static enum status check_sealed(struct bytes sealed, struct table_uid from, uint64_t offset)
{
    uint32_t raw_size;
    enum status status = block_check(sealed, BLOCK_KIND_DATA, from, offset, &raw_size);
    if (status != STATUS_OK) return status;
    uint8_t *raw = malloc(raw_size);
    status = block_unpack(sealed, raw, raw_size);
    free(raw);
    return status;
}

TEST(lsm_block, any_flipped_bit_is_noticed)
{
    for (int compress = 0; compress < 2; compress++) {
        struct model m;
        struct buf raw, sealed;
        make_model(&m, 9, 10);
        buf_init(&raw, 1 << 20);
        buf_init(&sealed, 1 << 20);
        build(&m, &raw);
        block_seal(&sealed, BLOCK_KIND_DATA, buf_view(&raw), compress == 1, uid, 4711);
        assert_int_equal(check_sealed(buf_view(&sealed), uid, 4711), STATUS_OK);
        for (size_t i = 0; i < sealed.size * 8; i++) {
            sealed.data[i / 8] ^= (uint8_t)(1u << (i % 8));
            assert_int_equal(check_sealed(buf_view(&sealed), uid, 4711), STATUS_CORRUPT);
            sealed.data[i / 8] ^= (uint8_t)(1u << (i % 8));
        }
        for (size_t size = 0; size < sealed.size; size++)
            assert_int_equal(check_sealed(bytes_make(sealed.data, size), uid, 4711),
                             STATUS_CORRUPT);
        buf_deinit(&raw);
        buf_deinit(&sealed);
        model_deinit(&m);
    }
}

TEST(lsm_block, a_good_block_in_the_wrong_place_is_noticed)
{
    struct model m;
    struct buf raw, sealed;
    make_model(&m, 9, 10);
    buf_init(&raw, 1 << 20);
    buf_init(&sealed, 1 << 20);
    build(&m, &raw);
    block_seal(&sealed, BLOCK_KIND_DATA, buf_view(&raw), true, uid, 8192);
    struct table_uid other = {uid.high, uid.low + 1};
    uint32_t raw_size;
    assert_int_equal(check_sealed(buf_view(&sealed), uid, 8192), STATUS_OK);
    assert_int_equal(check_sealed(buf_view(&sealed), uid, 4096), STATUS_CORRUPT); /* misdirected */
    assert_int_equal(check_sealed(buf_view(&sealed), other, 8192), STATUS_CORRUPT); /* stale */
    assert_int_equal(block_check(buf_view(&sealed), BLOCK_KIND_INDEX, uid, 8192, &raw_size),
                     STATUS_CORRUPT);
    buf_deinit(&raw);
    buf_deinit(&sealed);
    model_deinit(&m);
}

/* A checksum protects from chance, not from a bug: whatever the bytes, reading stays in bounds. */
TEST(lsm_block, nonsense_is_refused_and_never_read_beyond)
{
    struct prng p;
    prng_init(&p, 3);
    struct model m;
    struct buf raw;
    make_model(&m, 9, 20);
    buf_init(&raw, 1 << 20);
    build(&m, &raw);
    uint8_t *bytes = malloc(raw.size);
    for (int round = 0; round < 20000; round++) {
        size_t size = round % 2 == 0 ? raw.size : (size_t)prng_below(&p, raw.size);
        memcpy(bytes, raw.data + (raw.size - size), size);
        for (uint64_t i = prng_below(&p, 8); i-- > 0 && size > 0;)
            bytes[prng_below(&p, size)] = (uint8_t)prng_next(&p);
        uint8_t *exact = malloc(size + 1); /* so that AddressSanitizer sees the end */
        exact = realloc(exact, size == 0 ? 1 : size);
        memcpy(exact, bytes, size);
        struct block_cursor c;
        block_cursor_init(&c);
        if (block_cursor_open(&c, bytes_make(exact, size)) == STATUS_OK) {
            struct item_key target = {LSM_SPACE_VERSIONS, BYTES_LITERAL("table/1/row/00000050"), 9};
            enum status status = block_cursor_first(&c);
            for (int i = 0; i < 1000 && status == STATUS_OK; i++)
                status = block_cursor_next(&c);
            status = block_cursor_last(&c);
            for (int i = 0; i < 100 && status == STATUS_OK; i++)
                status = block_cursor_prev(&c);
            status = block_cursor_seek(&c, &target);
            (void)status;
        }
        block_cursor_deinit(&c);
        free(exact);
    }
    free(bytes);
    buf_deinit(&raw);
    model_deinit(&m);
}

/* A checksum says who wrote it, not that it makes sense: readers, and the writers of compactions, rely on the
 * order. Found by the fuzzer as a failed assertion in a compaction. */
TEST(lsm_block, items_out_of_order_are_refused)
{
    static const struct {
        const char *first, *second;
        uint64_t first_ts, second_ts;
        uint8_t first_space, second_space;
        bool good;
    } cases[] = {{"a", "b", 5, 5, 1, 1, true},  {"b", "a", 5, 5, 1, 1, false}, {"a", "a", 5, 4, 1, 1, true},
                 {"a", "a", 4, 5, 1, 1, false}, {"a", "a", 5, 5, 1, 1, false}, {"b", "a", 5, 0, 1, 2, true},
                 {"a", "b", 0, 5, 2, 1, false}, {"a", "b", 5, 0, 1, 3, true},  {"a", "b", 0, 1, 2, 2, false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct buf raw;
        buf_init(&raw, 1 << 10);
        for (int k = 0; k < 2; k++) {
            put_u8(&raw, (uint8_t)((k == 0 ? cases[i].first_space : cases[i].second_space) | 0x08));
            put_u8(&raw, 0); /* shared */
            put_u8(&raw, 1);
            put_u8(&raw, 0);
            put_u64(&raw, k == 0 ? cases[i].first_ts : cases[i].second_ts);
            buf_append_string(&raw, k == 0 ? cases[i].first : cases[i].second);
        }
        put_u32(&raw, 0); /* one restart */
        put_u32(&raw, 1);
        struct block_cursor c;
        block_cursor_init(&c);
        assert_int_equal(block_cursor_open(&c, buf_view(&raw)), STATUS_OK);
        assert_int_equal(block_cursor_first(&c), STATUS_OK);
        assert_int_equal(block_cursor_next(&c), cases[i].good ? STATUS_OK : STATUS_CORRUPT);
        assert_int_equal(block_cursor_last(&c), cases[i].good ? STATUS_OK : STATUS_CORRUPT);
        block_cursor_deinit(&c);
        buf_deinit(&raw);
    }
}

TEST(lsm_filter, never_denies_a_key_and_seldom_affirms_a_wrong_one)
{
    enum { KEYS = 20000 };
    uint32_t lines = filter_line_count(KEYS, false);
    uint8_t *bits = calloc(lines, FILTER_LINE_BYTES);
    unsigned wrong = 0;
    for (uint64_t i = 0; i < 2 * KEYS; i++) {
        char key[32];
        snprintf(key, sizeof key, "key%llu", (unsigned long long)i);
        uint64_t hash = filter_hash(LSM_SPACE_VERSIONS, bytes_of_string(key));
        uint8_t *line = bits + (size_t)filter_line(hash, lines) * FILTER_LINE_BYTES;
        if (i < KEYS)
            filter_line_add(line, hash);
        else
            wrong += filter_line_may_contain(line, hash);
        if (i < KEYS) assert_true(filter_line_may_contain(line, hash));
    }
    assert_true(wrong > 0);
    assert_true(wrong < KEYS * 2 / 100);
    free(bits);
}

TEST(lsm_filter, tells_the_spaces_of_a_key_apart)
{
    assert_true(filter_hash(LSM_SPACE_VERSIONS, BYTES_LITERAL("k")) !=
                filter_hash(LSM_SPACE_INTENTS, BYTES_LITERAL("k")));
}
