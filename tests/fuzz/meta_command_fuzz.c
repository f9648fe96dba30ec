/* Fuzzes the metadata state: commands as they stand in the log of range 1, and as peers ask for them.
 *
 * Input: repeated { size u8, command }. What must hold: nothing outside of the bytes is read; what was judged is what
 * the result says; and after every command the ranges cover the keys without hole or overlap. */
#include <stdlib.h>

#include "shard/nodes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put_first_command(struct buf *out)
{
    struct node_record node = {.node = {1}, .token = 1, .peer_address = "a:1"};
    struct descriptor d[2] = {{.range = {1}, .epoch = 1, .next_replica_id = 2, .end = BYTES_LITERAL("\x02")},
                              {.range = {2}, .epoch = 1, .next_replica_id = 2, .start = BYTES_LITERAL("\x02")}};
    struct buf encoded;
    buf_init(&encoded, 4096);
    put_u8(out, META_INIT);
    buf_append(out, "0123456789abcdef", 16);
    node_record_encode(&node, out);
    put_varint(out, 2);
    for (int i = 0; i < 2; i++) {
        d[i].config = (struct raft_config){.voter_count = 1, .voters = {{1, 1}}};
        buf_reset(&encoded);
        descriptor_encode(&d[i], &encoded);
        put_sized(out, buf_view(&encoded));
    }
    buf_deinit(&encoded);
}

static void run(struct meta_state *m, struct bytes bytes)
{
    struct meta_command c;
    if (meta_command_parse(bytes, &c) != STATUS_OK) return;
    struct shard_batch batch;
    struct buf result;
    struct node_record learnt;
    batch_init(&batch);
    buf_init(&result, 4096);
    bool news;
    enum status judged = meta_judge(m, &c, &news);
    enum status status = meta_carry_out(m, &c, &batch, &result, &learnt);
    ASSERT(status == STATUS_OK && result.size >= 2 && !result.failed);
    ASSERT(load_le16(result.data) == judged);
    ASSERT(!batch.failed && (batch.count == 0 || news));
    const char *fault = meta_state_fault(m);
    ASSERT(fault == NULL);
    buf_deinit(&result);
    batch_deinit(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct meta_state m;
    struct buf first;
    meta_state_init(&m);
    buf_init(&first, 4096);
    put_first_command(&first);
    run(&m, buf_view(&first));
    ASSERT(m.initialized && m.ranges.count == 2);
    buf_deinit(&first);
    while (size > 0) {
        size_t length = data[0] < size - 1 ? data[0] : size - 1;
        uint8_t *copy = malloc(length + 1);
        ASSERT(copy != NULL);
        memcpy(copy, data + 1, length);
        run(&m, bytes_make(copy, length));
        free(copy);
        data += 1 + length;
        size -= 1 + length;
    }
    meta_state_deinit(&m);
    return 0;
}
