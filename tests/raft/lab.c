#include "tests/raft/lab.h"

#include "base/assert.h"

struct raft_config lab_config(uint32_t voters, uint32_t outgoing, uint32_t learners)
{
    struct raft_config c = {0};
    for (uint64_t id = 1; id < 32; id++) {
        struct raft_member m = {id, id + 100};
        if (voters >> id & 1) c.voters[c.voter_count++] = m;
        if (outgoing >> id & 1) c.outgoing[c.outgoing_count++] = m;
        if (learners >> id & 1) c.learners[c.learner_count++] = m;
    }
    return c;
}

static void on_message(void *ctx, struct sim_node *n, const struct raft_message *m)
{
    struct lab *l = ctx;
    ASSERT(m->from == n->id);
    ASSERT(l->sent_count < LAB_SENT_MAX);
    l->sent[l->sent_count] = *m;
    l->sent[l->sent_count++].entries = NULL;
}

static void on_read(void *ctx, struct sim_node *n, const struct raft_read *read)
{
    struct lab *l = ctx;
    (void)n;
    ASSERT(l->read_count < 16);
    l->reads[l->read_count++] = *read;
}

static void on_snapshot(void *ctx, struct sim_node *n, const struct raft_snapshot_request *request)
{
    struct lab *l = ctx;
    (void)n;
    ASSERT(l->snapshot_count < 16);
    l->snapshots[l->snapshot_count++] = *request;
}

void lab_init(struct lab *l, const struct raft_options *options, struct raft_config config)
{
    struct raft_options defaults = {0};
    *l = (struct lab){.now_ns = 1000 * LAB_MS};
    l->hooks = (struct sim_hooks){
        .on_message = on_message, .on_read = on_read, .on_snapshot = on_snapshot, .ctx = l};
    sim_node_init(&l->node, 1, options == NULL ? &defaults : options, &l->hooks, &config);
    sim_node_start(&l->node, l->now_ns, false);
}

void lab_deinit(struct lab *l)
{
    sim_node_deinit(&l->node);
}

void lab_forget(struct lab *l)
{
    l->sent_count = l->read_count = l->snapshot_count = 0;
}

enum status lab_step(struct lab *l, struct raft_event event)
{
    return sim_node_step(&l->node, event, l->now_ns);
}

enum status lab_receive(struct lab *l, struct raft_message m)
{
    m.to = 1;
    return lab_step(l, (struct raft_event){.kind = RAFT_EVENT_MESSAGE, .message = &m});
}

enum status lab_propose(struct lab *l, const char *payload)
{
    struct raft_event event = {.kind = RAFT_EVENT_PROPOSE};
    event.propose.payload = bytes_of_string(payload);
    return lab_step(l, event);
}

enum status lab_propose_more(struct lab *l, struct bytes payload, bool joins)
{
    struct raft_event event = {.kind = RAFT_EVENT_PROPOSE};
    event.propose.payload = payload;
    event.propose.more = true;
    event.propose.joins = joins;
    return lab_step(l, event);
}

enum status lab_change(struct lab *l, struct raft_config config)
{
    return lab_step(l, (struct raft_event){.kind = RAFT_EVENT_CHANGE_CONFIG, .config = &config});
}

void lab_wait(struct lab *l, uint64_t ns)
{
    uint64_t until_ns = l->now_ns + ns;
    while (l->node.wake_at_ns <= until_ns) {
        if (l->node.wake_at_ns > l->now_ns) l->now_ns = l->node.wake_at_ns;
        enum status status = lab_step(l, (struct raft_event){.kind = RAFT_EVENT_TIMER});
        ASSERT(status == STATUS_OK);
    }
    l->now_ns = until_ns;
}

void lab_sync(struct lab *l)
{
    while (sim_node_sync(&l->node, UINT32_MAX, l->now_ns)) {
    }
}

void lab_apply(struct lab *l)
{
    sim_node_apply(&l->node, UINT32_MAX, l->now_ns);
}

struct raft_status lab_status(const struct lab *l)
{
    return sim_node_status(&l->node);
}

const struct raft_message *lab_sent(const struct lab *l, enum raft_message_kind kind, uint64_t to)
{
    for (uint32_t i = l->sent_count; i > 0; i--) {
        const struct raft_message *m = &l->sent[i - 1];
        if (m->kind == kind && (to == 0 || m->to == to)) return m;
    }
    return NULL;
}

uint32_t lab_sent_count(const struct lab *l, enum raft_message_kind kind, uint64_t to)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < l->sent_count; i++)
        count += l->sent[i].kind == kind && (to == 0 || l->sent[i].to == to);
    return count;
}

static void answer_votes(struct lab *l, enum raft_message_kind request, uint32_t voters)
{
    for (uint64_t id = 2; id < 32; id++) {
        const struct raft_message *asked = lab_sent(l, request, id);
        if (asked == NULL || !(voters >> id & 1)) continue;
        struct raft_message reply = {
            .kind = request + 1, .from = id, .term = asked->term, .read_seq = asked->read_seq};
        enum status status = lab_receive(l, reply);
        ASSERT(status == STATUS_OK);
    }
}

void lab_lead(struct lab *l, uint32_t voters)
{
    lab_forget(l);
    enum status status = lab_step(l, (struct raft_event){.kind = RAFT_EVENT_CAMPAIGN});
    ASSERT(status == STATUS_OK);
    answer_votes(l, RAFT_MESSAGE_PRE_VOTE, voters);
    lab_sync(l);
    answer_votes(l, RAFT_MESSAGE_VOTE, voters);
    ASSERT(lab_status(l).role == RAFT_ROLE_LEADER);
}

void lab_ack(struct lab *l, uint64_t from, uint64_t index)
{
    struct raft_message m = {.kind = RAFT_MESSAGE_APPEND_REPLY,
                             .from = from,
                             .term = lab_status(l).term,
                             .log_index = index,
                             .hint_index = index};
    enum status status = lab_receive(l, m);
    ASSERT(status == STATUS_OK);
}

enum status lab_append(struct lab *l, uint64_t from, uint64_t term, struct log_pos previous,
                       uint64_t commit, const uint64_t *terms, uint32_t count)
{
    struct raft_entry entries[64];
    ASSERT(count <= 64);
    for (uint32_t i = 0; i < count; i++)
        entries[i] = (struct raft_entry){terms[i], previous.index + 1 + i, RAFT_ENTRY_COMMAND,
                                         BYTES_LITERAL("x")};
    struct raft_message m = {.kind = RAFT_MESSAGE_APPEND,
                             .from = from,
                             .term = term,
                             .log_term = previous.term,
                             .log_index = previous.index,
                             .commit = commit,
                             .entry_count = count,
                             .entries = entries};
    return lab_receive(l, m);
}
