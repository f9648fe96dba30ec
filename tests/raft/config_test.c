/* Quorums against a brute-force reading of "majority of each half", and the bytes of a
 * configuration. */
#include "raft/raft_int.h"
#include "tests/test.h"

static struct raft_config make(uint32_t voters, uint32_t outgoing, uint32_t learners)
{
    struct raft_config c = {0};
    for (uint64_t id = 1; id < 24; id++) {
        struct raft_member m = {id, id * 7};
        if (voters >> id & 1) c.voters[c.voter_count++] = m;
        if (outgoing >> id & 1) c.outgoing[c.outgoing_count++] = m;
        if (learners >> id & 1) c.learners[c.learner_count++] = m;
    }
    return c;
}

static enum ballot ballot_of(const void *ctx, uint64_t id)
{
    const uint32_t *masks = ctx; /* who said yes, who said no */
    if (masks[0] >> id & 1) return BALLOT_YES;
    return masks[1] >> id & 1 ? BALLOT_NO : BALLOT_NONE;
}

static bool more_than_half(uint32_t members, uint32_t of)
{
    return 2 * __builtin_popcount(members & of) > __builtin_popcount(members);
}

static enum quorum expected(uint32_t members, const uint32_t *masks)
{
    if (more_than_half(members, masks[0])) return QUORUM_WON;
    return more_than_half(members, ~masks[1]) ? QUORUM_PENDING : QUORUM_LOST;
}

TEST(raft_config, a_majority_of_one_to_seven_is_more_than_half)
{
    for (uint32_t size = 1; size <= 7; size++) {
        uint32_t members = ((1u << size) - 1) << 1;
        struct raft_config c = make(members, 0, 0);
        for (uint32_t yes = 0; yes < 1u << size; yes++)
            for (uint32_t no = 0; no < 1u << size; no++) {
                if (yes & no) continue;
                uint32_t masks[2] = {yes << 1, no << 1};
                assert_int_equal(config_quorum(&c, ballot_of, masks), expected(members, masks));
            }
    }
}

TEST(raft_config, two_majorities_of_one_configuration_always_meet)
{
    for (uint32_t size = 1; size <= 7; size++) {
        struct raft_config c = make(((1u << size) - 1) << 1, 0, 0);
        for (uint32_t a = 0; a < 1u << size; a++)
            for (uint32_t b = 0; b < 1u << size; b++) {
                uint32_t one[2] = {a << 1, 0}, other[2] = {b << 1, 0};
                if (config_quorum(&c, ballot_of, one) != QUORUM_WON) continue;
                if (config_quorum(&c, ballot_of, other) != QUORUM_WON) continue;
                assert_true((a & b) != 0);
            }
    }
}

TEST(raft_config, a_joint_configuration_needs_both_halves)
{
    for (uint32_t incoming = 1; incoming < 32; incoming++)
        for (uint32_t outgoing = 1; outgoing < 32; outgoing++) {
            struct raft_config c = make(incoming << 1, outgoing << 1, 0);
            for (uint32_t yes = 0; yes < 32; yes++) {
                uint32_t masks[2] = {yes << 1, (~yes & 31) << 1};
                bool both = more_than_half(incoming, yes) && more_than_half(outgoing, yes);
                assert_int_equal(config_quorum(&c, ballot_of, masks),
                                 both ? QUORUM_WON : QUORUM_LOST);
            }
        }
}

static uint64_t value_of(const void *ctx, uint64_t id)
{
    return ((const uint64_t *)ctx)[id];
}

TEST(raft_config, what_is_reached_is_what_a_majority_has)
{
    struct prng prng;
    prng_init(&prng, 7);
    for (uint32_t round = 0; round < 20000; round++) {
        uint32_t incoming = (1 + (uint32_t)prng_below(&prng, 127)) << 1;
        uint32_t outgoing = prng_chance(&prng, 1, 2) ? (uint32_t)prng_below(&prng, 128) << 1 : 0;
        struct raft_config c = make(incoming, outgoing, 0);
        uint64_t values[16], best = 0;
        for (uint32_t i = 0; i < 16; i++)
            values[i] = prng_below(&prng, 10);
        for (uint64_t v = 0; v < 10; v++) {
            uint32_t has = 0;
            for (uint32_t i = 0; i < 16; i++)
                has |= (uint32_t)(values[i] >= v) << i;
            if (more_than_half(incoming, has) && (outgoing == 0 || more_than_half(outgoing, has)))
                best = v;
        }
        assert_u64_equal(config_reached(&c, value_of, values), best);
    }
}

TEST(raft_config, nobody_decides_in_an_empty_configuration)
{
    struct raft_config none = {0};
    uint32_t masks[2] = {~0u, 0};
    assert_int_equal(config_quorum(&none, ballot_of, masks), QUORUM_LOST);
    assert_true(config_valid(&none));
    assert_false(config_decides(&none, 1));
}

TEST(raft_config, bytes_come_back_as_they_were)
{
    for (uint32_t i = 0; i < 4096; i++) {
        uint32_t voters = (i & 15) << 1, outgoing = (i >> 4 & 15) << 1, learners = (i >> 8) << 3;
        struct raft_config c = make(voters, outgoing, learners & ~voters), back;
        if (!config_valid(&c)) continue;
        struct buf b;
        buf_init(&b, 1024);
        raft_config_encode(&c, &b);
        assert_false(b.failed);
        assert_true(b.size <= RAFT_CONFIG_BYTES_MAX);
        assert_int_equal(raft_config_decode(buf_view(&b), &back), STATUS_OK);
        assert_memory_equal(&c, &back, sizeof c);
        for (size_t cut = 0; cut < b.size; cut++)
            assert_int_equal(raft_config_decode(bytes_make(b.data, cut), &back), STATUS_INVALID);
        buf_append_byte(&b, 0);
        assert_int_equal(raft_config_decode(buf_view(&b), &back), STATUS_INVALID);
        buf_deinit(&b);
    }
}

TEST(raft_config, disorder_is_refused)
{
    struct raft_config c = make(6, 0, 8);
    assert_true(config_valid(&c));
    c.voters[1].id = c.voters[0].id; /* twice */
    assert_false(config_valid(&c));
    c = make(6, 0, 8);
    c.voters[0].id = 0;
    assert_false(config_valid(&c));
    c = make(6, 0, 4); /* voter and learner at once */
    assert_false(config_valid(&c));
    c = make(0, 6, 0); /* only outgoing */
    assert_false(config_valid(&c));
    c = make(6, 0, 0);
    c.voter_count = RAFT_VOTERS_MAX + 1;
    assert_false(config_valid(&c));
    c = make(6, 8, 8); /* being demoted */
    assert_true(config_valid(&c));
}
