/* Configurations: their rules, their quorums and their bytes. */
#include "raft/raft_int.h"

#include "base/codec.h"

#define CONFIG_VERSION 1

static bool members_sorted(const struct raft_member *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (members[i].id == 0) return false;
        if (i > 0 && members[i - 1].id >= members[i].id) return false;
    }
    return true;
}

static const struct raft_member *member_in(const struct raft_member *members, uint32_t count,
                                           uint64_t id)
{
    for (uint32_t i = 0; i < count; i++)
        if (members[i].id == id) return &members[i];
    return NULL;
}

bool config_valid(const struct raft_config *c)
{
    if (c->voter_count > RAFT_VOTERS_MAX || c->outgoing_count > RAFT_VOTERS_MAX) return false;
    if (c->learner_count > RAFT_LEARNERS_MAX) return false;
    /* A configuration without voters is what a newcomer has: then it has nobody at all. */
    if (c->voter_count == 0 && (c->outgoing_count > 0 || c->learner_count > 0)) return false;
    if (!members_sorted(c->voters, c->voter_count)) return false;
    if (!members_sorted(c->outgoing, c->outgoing_count)) return false;
    if (!members_sorted(c->learners, c->learner_count)) return false;
    /* A learner may be an outgoing voter (it is being demoted), never an incoming one. */
    for (uint32_t i = 0; i < c->learner_count; i++)
        if (member_in(c->voters, c->voter_count, c->learners[i].id) != NULL) return false;
    return true;
}

bool config_is_joint(const struct raft_config *c)
{
    return c->outgoing_count > 0;
}

bool config_same_voters(const struct raft_config *a, const struct raft_config *b)
{
    if (a->voter_count != b->voter_count) return false;
    for (uint32_t i = 0; i < a->voter_count; i++)
        if (a->voters[i].id != b->voters[i].id) return false;
    return true;
}

bool raft_config_is_voter(const struct raft_config *config, uint64_t id)
{
    return member_in(config->voters, config->voter_count, id) != NULL;
}

bool config_decides(const struct raft_config *c, uint64_t id)
{
    return raft_config_is_voter(c, id) || member_in(c->outgoing, c->outgoing_count, id) != NULL;
}

bool raft_config_has(const struct raft_config *config, uint64_t id)
{
    return config_decides(config, id) ||
           member_in(config->learners, config->learner_count, id) != NULL;
}

uint64_t config_node_of(const struct raft_config *c, uint64_t id)
{
    const struct raft_member *m = member_in(c->voters, c->voter_count, id);
    if (m == NULL) m = member_in(c->outgoing, c->outgoing_count, id);
    if (m == NULL) m = member_in(c->learners, c->learner_count, id);
    return m == NULL ? 0 : m->node;
}

static uint32_t members_add(uint64_t *ids, uint32_t count, const struct raft_member *members,
                            uint32_t member_count)
{
    for (uint32_t i = 0; i < member_count; i++) {
        uint32_t at = 0;
        while (at < count && ids[at] < members[i].id)
            at++;
        if (at < count && ids[at] == members[i].id) continue;
        ASSERT(count < RAFT_MEMBERS_MAX);
        memmove(ids + at + 1, ids + at, (count - at) * sizeof *ids);
        ids[at] = members[i].id;
        count++;
    }
    return count;
}

uint32_t config_members(const struct raft_config *c, uint64_t ids_out[RAFT_MEMBERS_MAX])
{
    uint32_t count = members_add(ids_out, 0, c->voters, c->voter_count);
    count = members_add(ids_out, count, c->outgoing, c->outgoing_count);
    return members_add(ids_out, count, c->learners, c->learner_count);
}

/* ---- quorums ---- */

static uint32_t majority(uint32_t count)
{
    ASSERT(count > 0);
    if (MUTANT("k9_even_quorum"))
        return (count + 1) / 2; /* half of an even number is no majority */
    return count / 2 + 1;
}

static enum quorum half_quorum(const struct raft_member *members, uint32_t count,
                               enum ballot (*of)(const void *ctx, uint64_t id), const void *ctx)
{
    uint32_t yes = 0, no = 0;
    for (uint32_t i = 0; i < count; i++) {
        enum ballot b = of(ctx, members[i].id);
        yes += b == BALLOT_YES;
        no += b == BALLOT_NO;
    }
    ASSERT(yes + no <= count);
    if (yes >= majority(count)) return QUORUM_WON;
    return count - no < majority(count) ? QUORUM_LOST : QUORUM_PENDING;
}

enum quorum config_quorum(const struct raft_config *c,
                          enum ballot (*of)(const void *ctx, uint64_t id), const void *ctx)
{
    if (c->voter_count == 0) return QUORUM_LOST; /* nobody may decide anything */
    enum quorum incoming = half_quorum(c->voters, c->voter_count, of, ctx);
    if (!config_is_joint(c)) return incoming;
    enum quorum outgoing = half_quorum(c->outgoing, c->outgoing_count, of, ctx);
    if (incoming == QUORUM_LOST || outgoing == QUORUM_LOST) return QUORUM_LOST;
    return incoming == QUORUM_WON ? outgoing : incoming;
}

static uint64_t half_reached(const struct raft_member *members, uint32_t count,
                             uint64_t (*of)(const void *ctx, uint64_t id), const void *ctx)
{
    uint64_t values[RAFT_VOTERS_MAX];
    ASSERT(count > 0 && count <= RAFT_VOTERS_MAX);
    for (uint32_t i = 0; i < count; i++) { /* kept in falling order */
        uint64_t value = of(ctx, members[i].id);
        uint32_t at = i;
        for (; at > 0 && values[at - 1] < value; at--)
            values[at] = values[at - 1];
        values[at] = value;
    }
    return values[majority(count) - 1];
}

uint64_t config_reached(const struct raft_config *c, uint64_t (*of)(const void *ctx, uint64_t id),
                        const void *ctx)
{
    if (c->voter_count == 0) return 0;
    uint64_t incoming = half_reached(c->voters, c->voter_count, of, ctx);
    if (!config_is_joint(c) || MUTANT("k15_joint_counts_one_half")) return incoming;
    uint64_t outgoing = half_reached(c->outgoing, c->outgoing_count, of, ctx);
    return incoming < outgoing ? incoming : outgoing;
}

/* ---- bytes ---- */

static void put_members(struct buf *out, const struct raft_member *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        put_u64(out, members[i].id);
        put_u64(out, members[i].node);
    }
}

void raft_config_encode(const struct raft_config *config, struct buf *out)
{
    ASSERT(config_valid(config));
    put_u8(out, CONFIG_VERSION);
    put_u8(out, (uint8_t)config->voter_count);
    put_u8(out, (uint8_t)config->outgoing_count);
    put_u8(out, (uint8_t)config->learner_count);
    put_members(out, config->voters, config->voter_count);
    put_members(out, config->outgoing, config->outgoing_count);
    put_members(out, config->learners, config->learner_count);
}

static void get_members(struct reader *r, struct raft_member *members, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        members[i].id = get_u64(r);
        members[i].node = get_u64(r);
    }
}

enum status raft_config_decode(struct bytes bytes, struct raft_config *config_out)
{
    struct reader r = reader_make(bytes);
    struct raft_config c = {0};
    if (get_u8(&r) != CONFIG_VERSION) return STATUS_INVALID;
    c.voter_count = get_u8(&r);
    c.outgoing_count = get_u8(&r);
    c.learner_count = get_u8(&r);
    if (c.voter_count > RAFT_VOTERS_MAX || c.outgoing_count > RAFT_VOTERS_MAX)
        return STATUS_INVALID;
    if (c.learner_count > RAFT_LEARNERS_MAX) return STATUS_INVALID;
    get_members(&r, c.voters, c.voter_count);
    get_members(&r, c.outgoing, c.outgoing_count);
    get_members(&r, c.learners, c.learner_count);
    if (!reader_done(&r) || !config_valid(&c)) return STATUS_INVALID;
    *config_out = c;
    return STATUS_OK;
}
