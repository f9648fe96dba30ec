#include "tests/shard/meta_world.h"

#include <stdlib.h>

#include "shard/meta_call.h"
#include "shard/nodes.h"
#include "tests/test.h"

static void begin(struct meta_world *w, enum meta_command_kind kind)
{
    buf_reset(&w->command);
    put_u8(&w->command, (uint8_t)kind);
}

void world_open(struct meta_world *w)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) assert_true(mutant_select(mutant) > 0);
    *w = (struct meta_world){.record_count = 0};
    meta_state_init(&w->state);
    batch_init(&w->batch);
    buf_init(&w->command, 4u << 20);
    buf_init(&w->result, 4096);
    struct node_record node = {.node = {1}, .token = 11, .peer_address = "a:1"};
    struct descriptor d[2] = {{.range = {1}, .epoch = 1, .next_replica_id = 2, .end = BYTES_LITERAL("\x02")},
                              {.range = {2}, .epoch = 1, .next_replica_id = 2, .start = BYTES_LITERAL("\x02")}};
    struct buf encoded;
    buf_init(&encoded, 4096);
    begin(w, META_INIT);
    buf_append(&w->command, "0123456789abcdef", 16);
    node_record_encode(&node, &w->command);
    put_varint(&w->command, 2);
    for (int i = 0; i < 2; i++) {
        d[i].config = (struct raft_config){.voter_count = 1, .voters = {{1, 1}}};
        buf_reset(&encoded);
        descriptor_encode(&d[i], &encoded);
        put_sized(&w->command, buf_view(&encoded));
    }
    buf_deinit(&encoded);
    assert_int_equal(world_do(w), STATUS_OK);
}

void world_close(struct meta_world *w)
{
    meta_state_deinit(&w->state);
    batch_deinit(&w->batch);
    for (uint32_t i = 0; i < w->record_count; i++) free(w->records[i].value);
    free(w->records);
    buf_deinit(&w->command);
    buf_deinit(&w->result);
}

static void keep(struct meta_world *w, const struct lsm_write *write)
{
    uint32_t at = 0;
    int order = 1;
    for (; at < w->record_count; at++) {
        struct bytes key = bytes_make(w->records[at].key, w->records[at].key_size);
        order = bytes_compare(key, write->key);
        if (order >= 0) break;
    }
    bool there = at < w->record_count && order == 0;
    if (there) free(w->records[at].value);
    if (there && write->tombstone) {
        w->record_count--;
        memmove(w->records + at, w->records + at + 1, (w->record_count - at) * sizeof *w->records);
    }
    if (write->tombstone) return;
    if (!there) {
        if (w->record_count == w->record_capacity) {
            w->record_capacity = w->record_capacity * 2 + 16;
            w->records = realloc(w->records, w->record_capacity * sizeof *w->records);
            assert_non_null(w->records);
        }
        memmove(w->records + at + 1, w->records + at, (w->record_count - at) * sizeof *w->records);
        w->record_count++;
    }
    struct kept_record *r = &w->records[at];
    assert_true(write->key.size <= sizeof r->key);
    memcpy(r->key, write->key.data, write->key.size);
    r->key_size = write->key.size;
    r->value_size = write->value.size;
    r->value = malloc(write->value.size + 1);
    assert_non_null(r->value);
    memcpy(r->value, write->value.data, write->value.size);
}

enum status world_do(struct meta_world *w)
{
    struct meta_command c;
    assert_false(w->command.failed);
    assert_int_equal(meta_command_parse(buf_view(&w->command), &c), STATUS_OK);
    batch_reset(&w->batch);
    buf_reset(&w->result);
    assert_int_equal(meta_carry_out(&w->state, &c, &w->batch, &w->result, &w->learnt), STATUS_OK);
    batch_seal(&w->batch);
    for (uint32_t i = 0; i < w->batch.count; i++) keep(w, &w->batch.writes[i]);
    const char *fault = meta_state_fault(&w->state);
    if (fault != NULL) fail_msg("%s", fault);
    enum status status = (enum status)load_le16(w->result.data);
    buf_consume(&w->result, 2);
    return status;
}

void world_restart(struct meta_world *w)
{
    struct buf before, after;
    buf_init(&before, 64u << 20);
    buf_init(&after, 64u << 20);
    meta_state_dump(&w->state, &before);
    meta_state_deinit(&w->state);
    for (uint32_t i = 0; i < w->record_count; i++) {
        struct kept_record *r = &w->records[i];
        assert_int_equal(meta_record_load(&w->state, bytes_make(r->key, r->key_size),
                                          bytes_make(r->value, r->value_size)), STATUS_OK);
    }
    assert_null(meta_state_fault(&w->state));
    meta_state_dump(&w->state, &after);
    assert_true(bytes_equal(buf_view(&before), buf_view(&after)));
    buf_deinit(&before);
    buf_deinit(&after);
}

enum status world_put(struct meta_world *w, const struct descriptor *d)
{
    begin(w, META_RANGE_PUT);
    descriptor_encode(d, &w->command);
    return world_do(w);
}

enum status world_split(struct meta_world *w, struct range_id left, uint64_t epoch, struct bytes key,
                        uint64_t *right_out)
{
    begin(w, META_SPLIT_BEGIN);
    put_u64(&w->command, left.value);
    put_u64(&w->command, epoch);
    put_sized(&w->command, key);
    enum status status = world_do(w);
    if (status == STATUS_OK) *right_out = load_le64(w->result.data);
    return status;
}
