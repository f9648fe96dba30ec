/* What a node makes of another's answer about the cluster: all of it, or nothing. */
#include "shard/overview.h"

#include "base/codec.h"
#include "tests/test.h"

/* As RPC_OVERVIEW answers (shard/overview.c). */
static void put_answer(struct buf *b, uint16_t nodes, uint16_t jobs, uint8_t job_nodes, size_t text_size)
{
    static const uint8_t text[ADMIN_TEXT_MAX] = "can lose 1 more node";
    put_u8(b, 1);
    for (uint32_t i = 1; i <= 6; i++) put_u32(b, i); /* ranges to jobs */
    put_u8(b, 2);
    put_u64(b, 7000);
    put_u64(b, 8);
    put_sized(b, bytes_make(text, text_size));
    put_u16(b, nodes);
    for (uint32_t i = 0; i < nodes; i++) {
        put_u64(b, i + 1);
        put_u8(b, NODE_STATE_DRAINING);
        put_u8(b, ALLOCATOR_DEAD);
        put_u8(b, 1);
        for (uint32_t k = 0; k < 5; k++) put_u32(b, 10 + k);
        for (uint32_t k = 0; k < 3; k++) put_u64(b, 20 + k);
    }
    put_u16(b, jobs);
    for (uint32_t i = 0; i < jobs; i++) {
        put_u64(b, i + 1);
        put_u8(b, ALLOCATOR_BALANCE);
        put_u64(b, 1700000000000u);
        put_u8(b, job_nodes);
        for (uint32_t k = 0; k < job_nodes; k++) put_u64(b, k + 1);
    }
    assert_false(b->failed);
}

static bool taken(uint16_t nodes, uint16_t jobs, uint8_t job_nodes, size_t text_size)
{
    static struct overview o;
    struct buf b;
    buf_init(&b, 1u << 20);
    put_answer(&b, nodes, jobs, job_nodes, text_size);
    bool ok = overview_decode(buf_view(&b), &o);
    buf_deinit(&b);
    return ok;
}

TEST(overview, is_read_as_it_was_told)
{
    static struct overview o;
    struct buf b;
    buf_init(&b, 1u << 20);
    put_answer(&b, 3, 2, 3, 20);
    assert_true(overview_decode(buf_view(&b), &o));
    assert_int_equal(o.ranges, 1);
    assert_int_equal(o.jobs, 6);
    assert_int_equal(o.tolerance, 1);
    assert_string_equal(o.text, "can lose 1 more node");
    assert_int_equal(o.node_count, 3);
    assert_int_equal(o.nodes[2].node.value, 3);
    assert_int_equal(o.nodes[2].incoming_bytes, 22);
    assert_true(o.nodes[2].reported && !o.nodes[2].full);
    assert_int_equal(overview_share(&o), 0); /* nobody takes any */
    o.nodes[0].state = NODE_STATE_ACTIVE;
    o.nodes[0].health = ALLOCATOR_ALIVE;
    assert_int_equal(overview_share(&o), 30);
    assert_int_equal(o.job_count, 2);
    assert_int_equal(o.list[1].nodes[2], 3);
    for (size_t size = 0; size < b.size; size++) assert_false(overview_decode(bytes_make(b.data, size), &o));
    put_u8(&b, 0);
    assert_false(overview_decode(buf_view(&b), &o));
    buf_deinit(&b);
}

TEST(overview, with_more_than_there_is_room_for_is_refused)
{
    assert_true(taken(ALLOCATOR_NODES_MAX, OVERVIEW_JOBS_MAX, RAFT_VOTERS_MAX, ADMIN_TEXT_MAX - 1));
    assert_false(taken(ALLOCATOR_NODES_MAX + 1, 0, 0, 0));
    assert_false(taken(1, OVERVIEW_JOBS_MAX + 1, 1, 0));
    assert_false(taken(1, 1, RAFT_VOTERS_MAX + 1, 0));
    assert_false(taken(1, 1, 1, ADMIN_TEXT_MAX));
}
