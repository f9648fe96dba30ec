/* Messages as bytes: they come back as they were, and nothing malformed gets in. */
#include "raft/raft_int.h"
#include "tests/test.h"

static struct raft_message sample(struct prng *p, struct raft_entry *entries)
{
    struct raft_message m = {
        .kind = RAFT_MESSAGE_PRE_VOTE + prng_below(p, 13),
        .from = 1 + prng_below(p, 9),
        .to = 1 + prng_below(p, 9),
        .term = 5 + prng_below(p, 100),
        .log_term = prng_below(p, 3),
        .log_index = prng_below(p, 1000),
        .commit = prng_below(p, 1000),
        .hint_index = prng_below(p, 1000),
        .hint_term = prng_below(p, 9),
        .read_seq = prng_next(p),
        .support_epoch = prng_next(p),
        .reject = prng_chance(p, 1, 2),
        .force = prng_chance(p, 1, 2),
        .uncertain = prng_chance(p, 1, 2),
        .settled = prng_chance(p, 1, 2),
    };
    if (m.kind != RAFT_MESSAGE_APPEND) return m;
    m.entry_count = (uint32_t)prng_below(p, 4);
    m.entries = m.entry_count == 0 ? NULL : entries;
    for (uint32_t i = 0; i < m.entry_count; i++)
        entries[i] = (struct raft_entry){4, m.log_index + 1 + i, RAFT_ENTRY_COMMAND,
                                         bytes_of_string("payload")};
    return m;
}

TEST(raft_codec, messages_come_back_as_they_were)
{
    struct prng p;
    prng_init(&p, 3);
    for (uint32_t round = 0; round < 2000; round++) {
        struct raft_entry entries[4], back_entries[4];
        struct raft_message m = sample(&p, entries), back;
        struct buf b;
        buf_init(&b, 4096);
        raft_message_encode(&m, &b);
        assert_false(b.failed);
        assert_int_equal(raft_message_decode(buf_view(&b), &back, back_entries, 4), STATUS_OK);
        for (uint32_t i = 0; i < m.entry_count; i++) {
            assert_u64_equal(back.entries[i].index, entries[i].index);
            assert_u64_equal(back.entries[i].term, entries[i].term);
            assert_true(bytes_equal(back.entries[i].payload, entries[i].payload));
        }
        struct buf again;
        buf_init(&again, 4096);
        raft_message_encode(&back, &again);
        assert_true(bytes_equal(buf_view(&b), buf_view(&again)));
        for (size_t cut = 0; cut < b.size; cut++)
            assert_int_equal(raft_message_decode(bytes_make(b.data, cut), &back, back_entries, 4),
                             STATUS_INVALID);
        buf_deinit(&again);
        buf_deinit(&b);
    }
}

TEST(raft_codec, damaged_bytes_are_refused_or_harmless)
{
    struct prng p;
    prng_init(&p, 4);
    for (uint32_t round = 0; round < 20000; round++) {
        struct raft_entry entries[4];
        struct raft_message m = sample(&p, entries);
        struct buf b;
        buf_init(&b, 4096);
        raft_message_encode(&m, &b);
        for (uint32_t i = 0; i < 3; i++)
            b.data[prng_below(&p, b.size)] = (uint8_t)prng_next(&p);
        if (raft_message_decode(buf_view(&b), &m, entries, 4) == STATUS_OK)
            assert_int_equal(message_check(&m), STATUS_OK);
        buf_deinit(&b);
    }
}

static struct raft_message append_of(struct raft_entry *entries, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        entries[i] = (struct raft_entry){3, 11 + i, RAFT_ENTRY_COMMAND, BYTES_EMPTY};
    return (struct raft_message){.kind = RAFT_MESSAGE_APPEND,
                                 .from = 1,
                                 .to = 2,
                                 .term = 4,
                                 .log_term = 3,
                                 .log_index = 10,
                                 .entry_count = count,
                                 .entries = entries};
}

TEST(raft_codec, an_append_is_looked_at_closely)
{
    struct raft_entry e[3];
    struct raft_message m = append_of(e, 3);
    assert_int_equal(message_check(&m), STATUS_OK);
    e[1].index = 13; /* a hole */
    assert_int_equal(message_check(&m), STATUS_INVALID);
    m = append_of(e, 3);
    e[2].term = 2; /* terms fall */
    assert_int_equal(message_check(&m), STATUS_INVALID);
    m = append_of(e, 3);
    e[2].term = 5; /* of the future */
    assert_int_equal(message_check(&m), STATUS_INVALID);
    m = append_of(e, 3);
    e[0].kind = (enum raft_entry_kind)9;
    assert_int_equal(message_check(&m), STATUS_INVALID);
    m = append_of(e, 3);
    e[0].kind = RAFT_ENTRY_CONFIG; /* unreadable */
    assert_int_equal(message_check(&m), STATUS_INVALID);
    m = append_of(e, 1);
    m.log_index = UINT64_MAX - 1; /* sums would overflow */
    assert_int_equal(message_check(&m), STATUS_INVALID);
    m = append_of(e, 1);
    m.term = UINT64_MAX;
    assert_int_equal(message_check(&m), STATUS_INVALID);
    m = append_of(e, 1);
    m.kind = RAFT_MESSAGE_HEARTBEAT; /* entries do not belong there */
    assert_int_equal(message_check(&m), STATUS_INVALID);
}
