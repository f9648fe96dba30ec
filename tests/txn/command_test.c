/* What stands in the log, and what travels: encoded, decoded, refused. */
#include "tests/test.h"

#include <stdlib.h>

#include "shard/shard_int.h"
#include "txn/leader.h"

static void put_writes(struct buf *b)
{
    put_u32(b, 3);
    encode_write(b, &(struct write){.key = bytes_of_string("a"), .value = bytes_of_string("1")});
    encode_write(b, &(struct write){.key = bytes_of_string("b"), .tombstone = true});
    encode_write(b, &(struct write){.key = bytes_of_string("c"), .value = bytes_of_string("3"), .insert = true});
}

static void commit_command(struct buf *out, uint64_t ct)
{
    struct buf writes;
    buf_init(&writes, 1 << 16);
    buf_init(out, 1 << 16);
    put_writes(&writes);
    command_encode_commit(ct, ct - 1, ct * 3, buf_view(&writes), out);
    buf_deinit(&writes);
    assert_false(out->failed);
}

static enum status apply(struct range *g, struct bytes command, struct shard_batch *batch)
{
    batch_init(batch);
    enum status status = command_apply(g, (struct log_pos){1, 1}, command, batch);
    batch_seal(batch);
    outcomes_deinit(&g->outcomes);
    return status;
}

TEST(txn_command, a_commit_becomes_versions_at_its_timestamp)
{
    struct range g = {0};
    struct shard_batch batch;
    struct buf command;
    commit_command(&command, 77);
    assert_int_equal(apply(&g, buf_view(&command), &batch), STATUS_OK);
    assert_u64_equal(g.high, 77);
    assert_u64_equal(batch.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_u64_equal(batch.writes[i].ts, 77);
        assert_int_equal(batch.writes[i].space, LSM_SPACE_VERSIONS);
        assert_int_equal(batch.writes[i].tombstone, i == 1);
        assert_true(bytes_equal(batch.writes[i].key, bytes_make(&"abc"[i], 1)));
    }
    assert_true(bytes_equal(batch.writes[2].value, bytes_of_string("3")));
    batch_deinit(&batch);
    buf_deinit(&command);
}

TEST(txn_command, high_never_falls)
{
    struct range g = {.high = 100};
    struct shard_batch batch;
    struct buf command;
    commit_command(&command, 77);
    assert_int_equal(apply(&g, buf_view(&command), &batch), STATUS_OK);
    assert_u64_equal(g.high, 100);
    batch_deinit(&batch);
    buf_deinit(&command);
}

TEST(txn_command, a_commit_at_or_below_the_safe_point_is_refused)
{
    for (uint64_t ct = 76; ct <= 78; ct++) {
        struct range g = {.safe = {.applied = 77}};
        struct shard_batch batch;
        struct buf command;
        commit_command(&command, ct);
        assert_int_equal(apply(&g, buf_view(&command), &batch), ct <= 77 ? STATUS_INVALID : STATUS_OK);
        batch_deinit(&batch);
        buf_deinit(&command);
    }
}

/* It may come from a leader that knew less, and must not lower anything. */
TEST(txn_command, a_safe_point_that_is_none_any_more_changes_nothing)
{
    struct range g = {.safe = {.applied = 77}};
    for (uint64_t safe_point = 0; safe_point <= 77; safe_point += 11) {
        struct shard_batch batch;
        struct buf command;
        buf_init(&command, 64);
        command_encode_safe_point(safe_point, &command);
        assert_int_equal(apply(&g, buf_view(&command), &batch), STATUS_OK);
        assert_u64_equal(batch.count, 0);
        assert_u64_equal(g.safe.applied, 77);
        batch_deinit(&batch);
        buf_deinit(&command);
    }
}

TEST(txn_command, every_prefix_and_every_extension_is_refused)
{
    for (int kind = 0; kind < 2; kind++) {
        struct buf command;
        if (kind == 0) commit_command(&command, 77);
        else {
            buf_init(&command, 64);
            command_encode_safe_point(77, &command);
        }
        for (size_t size = 0; size <= command.size + 1; size++) {
            struct range g = {.safe = {.applied = kind == 0 ? 0 : 77}};
            struct shard_batch batch;
            uint8_t *copy = calloc(1, size + 1); /* so that reading beyond is seen */
            assert_non_null(copy);
            memcpy(copy, command.data, size < command.size ? size : command.size);
            enum status expected = size == command.size ? STATUS_OK : STATUS_VERSION;
            assert_int_equal(apply(&g, bytes_make(copy, size), &batch), expected);
            batch_deinit(&batch);
            free(copy);
        }
        buf_deinit(&command);
    }
}

TEST(txn_command, other_versions_and_kinds_are_refused)
{
    struct buf command;
    commit_command(&command, 77);
    for (int byte = 0; byte < 2; byte++)
        for (unsigned value = 0; value < 256; value++) {
            struct range g = {.safe = {.applied = UINT64_MAX}};
            struct shard_batch batch;
            uint8_t was = command.data[byte];
            command.data[byte] = (uint8_t)value;
            enum status status = apply(&g, buf_view(&command), &batch);
            bool known = value == was || (byte == 1 && value == 3); /* COMMIT, or HELD */
            assert_int_equal(status, known ? STATUS_INVALID : STATUS_VERSION);
            command.data[byte] = was;
            batch_deinit(&batch);
        }
    buf_deinit(&command);
}

TEST(txn_command, the_state_beside_the_engine_comes_back)
{
    struct range g = {.safe = {.applied = 0}}, again = {.safe = {.applied = 5}};
    struct buf b;
    buf_init(&b, SHARD_APP_STATE_BYTES_MAX);
    gc_state_encode(&g, &b);
    assert_int_equal(gc_state_restore(&again, buf_view(&b)), STATUS_OK);
    assert_u64_equal(again.safe.applied, 0);
    b.data[0]++;
    assert_int_equal(gc_state_restore(&again, buf_view(&b)), STATUS_VERSION);
    b.data[0]--;
    assert_int_equal(gc_state_restore(&again, bytes_make(b.data, b.size - 1)), STATUS_VERSION);
    again.safe.applied = 5;
    assert_int_equal(gc_state_restore(&again, BYTES_EMPTY), STATUS_OK); /* a new range */
    assert_u64_equal(again.safe.applied, 0);
    buf_deinit(&b);
}

TEST(txn_command, spans_and_writes_come_back_as_they_were)
{
    static const struct span spans[] = {{{(const uint8_t *)"a", 1}, {NULL, 0}, true},
                                        {{(const uint8_t *)"a", 1}, {(const uint8_t *)"b", 1}, false},
                                        {{NULL, 0}, {NULL, 0}, false}};
    struct buf b;
    buf_init(&b, 1 << 16);
    for (size_t i = 0; i < 3; i++) {
        struct span span;
        buf_reset(&b);
        encode_span(&b, &spans[i]);
        struct reader r = reader_make(buf_view(&b));
        assert_true(decode_span(&r, &span));
        assert_true(reader_done(&r));
        assert_int_equal(span.point, spans[i].point);
        assert_true(bytes_equal(span.start, spans[i].start));
        assert_true(bytes_equal(span.end, spans[i].end));
    }
    buf_deinit(&b);
}

TEST(txn_command, writes_over_the_limits_are_refused)
{
    struct buf b;
    buf_init(&b, 16u << 20);
    uint8_t *big = calloc(1, LSM_VALUE_BYTES_MAX + 1u);
    assert_non_null(big);
    const struct write writes[] = {
        {.key = bytes_make(big, SHARD_KEY_BYTES_MAX), .value = bytes_make(big, LSM_VALUE_BYTES_MAX)},
        {.key = bytes_make(big, SHARD_KEY_BYTES_MAX + 1), .value = BYTES_EMPTY},
        {.key = bytes_make(big, 1), .value = bytes_make(big, LSM_VALUE_BYTES_MAX + 1u)},
        {.key = BYTES_EMPTY, .value = BYTES_EMPTY}};
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        struct write w;
        buf_reset(&b);
        encode_write(&b, &writes[i]);
        struct reader r = reader_make(buf_view(&b));
        assert_int_equal(decode_write(&r, &w), i == 0);
    }
    free(big);
    buf_deinit(&b);
}
