/* Fuzzes what is replicated and what travels between nodes, as far as it can be decoded alone: commands of
 * transactions, descriptors, the engine's record of a range, node records, configurations and messages of Raft.
 *
 * The first byte says which, the rest is the bytes. What must hold: nothing outside of the bytes is read, and what
 * was accepted is the same after it was encoded and decoded again. */
#include <stdlib.h>

#include "shard/nodes.h"
#include "txn/leader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define ENTRIES_MAX 64
#define ROOM (8u << 20)

static void check_descriptor(struct bytes in)
{
    struct descriptor *d = calloc(2, sizeof *d);
    ASSERT(d != NULL);
    struct buf b, again;
    buf_init(&b, ROOM);
    buf_init(&again, ROOM);
    if (descriptor_decode(in, &d[0]) == STATUS_OK) {
        descriptor_encode(&d[0], &b);
        enum status status = descriptor_decode(buf_view(&b), &d[1]);
        ASSERT(status == STATUS_OK);
        descriptor_encode(&d[1], &again);
        ASSERT(bytes_equal(buf_view(&b), buf_view(&again)));
        ASSERT(d[0].end.size == 0 || bytes_compare(d[0].start, d[0].end) < 0);
        ASSERT(descriptor_contains(&d[0], d[0].start));
    }
    buf_deinit(&b);
    buf_deinit(&again);
    free(d);
}

static void check_range_meta(struct bytes in)
{
    struct descriptor *d = calloc(1, sizeof *d);
    ASSERT(d != NULL);
    struct log_pos pos;
    struct app_state state;
    uint64_t id;
    if (range_meta_decode(in, d, &id, &pos, &state) == STATUS_OK) {
        struct buf b;
        buf_init(&b, ROOM);
        struct bytes view = bytes_make(state.data, state.size);
        range_meta_encode(d, id, pos, view, &b);
        struct log_pos pos_again;
        struct app_state state_again;
        uint64_t id_again;
        enum status status = range_meta_decode(buf_view(&b), d, &id_again, &pos_again, &state_again);
        ASSERT(status == STATUS_OK);
        ASSERT(id == id_again && pos.term == pos_again.term && pos.index == pos_again.index);
        ASSERT(bytes_equal(view, bytes_make(state_again.data, state_again.size)));
        buf_deinit(&b);
    }
    free(d);
}

static void check_config(struct bytes in)
{
    struct raft_config config, again;
    if (raft_config_decode(in, &config) != STATUS_OK) return;
    struct buf b;
    buf_init(&b, ROOM);
    raft_config_encode(&config, &b);
    enum status status = raft_config_decode(buf_view(&b), &again);
    ASSERT(status == STATUS_OK);
    ASSERT(config.voter_count == again.voter_count);
    ASSERT(config.learner_count == again.learner_count && config.outgoing_count == again.outgoing_count);
    buf_deinit(&b);
}

static void check_message(struct bytes in)
{
    static struct raft_entry entries[ENTRIES_MAX], entries_again[ENTRIES_MAX];
    struct raft_message m, n;
    if (raft_message_decode(in, &m, entries, ENTRIES_MAX) != STATUS_OK) return;
    struct buf b, again;
    buf_init(&b, ROOM);
    buf_init(&again, ROOM);
    raft_message_encode(&m, &b);
    enum status status = raft_message_decode(buf_view(&b), &n, entries_again, ENTRIES_MAX);
    ASSERT(status == STATUS_OK);
    raft_message_encode(&n, &again);
    ASSERT(bytes_equal(buf_view(&b), buf_view(&again)));
    buf_deinit(&b);
    buf_deinit(&again);
}

static void check_node(struct bytes in)
{
    struct node_record record, copy;
    struct reader r = reader_make(in);
    if (node_record_decode(&r, &record) != STATUS_OK) return;
    struct buf b, again;
    buf_init(&b, ROOM);
    buf_init(&again, ROOM);
    node_record_encode(&record, &b);
    struct reader s = reader_make(buf_view(&b));
    enum status status = node_record_decode(&s, &copy);
    ASSERT(status == STATUS_OK && reader_done(&s));
    node_record_encode(&copy, &again);
    ASSERT(bytes_equal(buf_view(&b), buf_view(&again)));
    buf_deinit(&b);
    buf_deinit(&again);
}

/* As a replica applies it; the safe point is above all of them, so that none is handed to an engine. */
static void check_command(struct bytes in)
{
    struct range g = {.safe = {.applied = 0}};
    struct shard_batch batch;
    if (in.size > 1 && in.data[1] == 2) g.safe.applied = UINT64_MAX;
    batch_init(&batch);
    enum status status = command_apply(&g, (struct log_pos){1, 1}, in, &batch);
    ASSERT(status == STATUS_OK || status == STATUS_VERSION || status == STATUS_INVALID);
    if (status == STATUS_OK && !batch.failed) {
        batch_seal(&batch);
        for (uint32_t i = 0; i < batch.count; i++) {
            const struct lsm_write *w = &batch.writes[i];
            ASSERT(w->key.size > 0 && w->key.size <= SHARD_KEY_BYTES_MAX);
            ASSERT(w->ts > g.safe.applied || batch.count == 0);
            ASSERT(g.high == w->ts);
        }
    }
    batch_deinit(&batch);
}

/* Spans and writes as a commit carries them. */
static void check_request(struct bytes in)
{
    struct reader r = reader_make(in);
    struct buf b;
    buf_init(&b, ROOM);
    while (reader_left(&r) > 0) {
        bool is_span = (*r.at & 0x80) != 0;
        const uint8_t *at = r.at;
        struct span span;
        struct write write;
        buf_reset(&b);
        if (is_span) {
            r.at++;
            if (!decode_span(&r, &span)) break;
            encode_span(&b, &span);
        } else {
            if (!decode_write(&r, &write)) break;
            encode_write(&b, &write);
        }
        ASSERT(r.at > at);
        struct reader again = reader_make(buf_view(&b));
        bool ok = is_span ? decode_span(&again, &span) : decode_write(&again, &write);
        ASSERT(ok && reader_done(&again));
    }
    buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct bytes) = {check_descriptor, check_range_meta, check_config, check_message,
                                                   check_node, check_command, check_request};
    if (size < 1) return 0;
    uint8_t *copy = malloc(size); /* of exactly its size */
    ASSERT(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    checks[data[0] % (sizeof checks / sizeof checks[0])](bytes_make(copy, size - 1));
    free(copy);
    return 0;
}
