/* Node records: one per node, never used again; and what shall become of each. */
#include <stdlib.h>

#include "shard/meta_int.h"

static uint32_t place_of(const struct meta_state *m, struct node_id node)
{
    uint32_t at = 0;
    while (at < m->node_count && m->nodes[at]->node.value < node.value) at++;
    return at;
}

struct node_record *meta_node(struct meta_state *m, struct node_id node)
{
    uint32_t at = place_of(m, node);
    return at < m->node_count && m->nodes[at]->node.value == node.value ? m->nodes[at] : NULL;
}

enum node_state meta_node_state(const struct meta_state *m, struct node_id node)
{
    uint32_t at = place_of(m, node);
    return at < m->node_count && m->nodes[at]->node.value == node.value ? m->states[at].state : 0;
}

enum status meta_node_set(struct meta_state *m, const struct node_record *record)
{
    uint32_t at = place_of(m, record->node);
    if (at == m->node_count || m->nodes[at]->node.value != record->node.value) {
        if (m->node_count == SHARD_NODES_MAX) return STATUS_TOO_LARGE;
        struct node_record *n = malloc(sizeof *n);
        if (n == NULL) return STATUS_NO_MEMORY;
        memmove(m->nodes + at + 1, m->nodes + at, (m->node_count - at) * sizeof *m->nodes);
        memmove(m->states + at + 1, m->states + at, (m->node_count - at) * sizeof *m->states);
        m->nodes[at] = n;
        m->states[at] = (struct meta_node_state){.state = NODE_STATE_ACTIVE};
        m->node_count++;
    }
    *m->nodes[at] = *record;
    if (record->removed) m->states[at].state = NODE_STATE_REMOVED;
    return STATUS_OK;
}

void meta_node_state_set(struct meta_state *m, struct node_id node, const struct meta_node_state *state)
{
    uint32_t at = place_of(m, node);
    ASSERT(at < m->node_count && m->nodes[at]->node.value == node.value);
    m->states[at] = *state;
}

const struct node_record *meta_node_by_token(const struct meta_state *m, uint64_t token)
{
    for (uint32_t i = 0; i < m->node_count; i++)
        if (m->nodes[i]->token == token) return m->nodes[i];
    return NULL;
}

/* Node 0 asks for an id; with a token that has one, it gets that one again. */
enum status meta_node_judge_put(const struct meta_state *m, const struct node_record *record, bool *news_out)
{
    if (record->node.value == 0) {
        if (meta_node_by_token(m, record->token) != NULL) return STATUS_OK;
        if (m->node_count == SHARD_NODES_MAX) return STATUS_TOO_LARGE;
        *news_out = true;
        return STATUS_OK;
    }
    const struct node_record *known = meta_node((struct meta_state *)(uintptr_t)m, record->node);
    if (known == NULL) return STATUS_NOT_FOUND;
    *news_out = !known->removed && known->incarnation < record->incarnation;
    return STATUS_OK;
}

enum status meta_node_put(struct meta_change *x, const struct node_record *record, struct node_record *learnt)
{
    struct meta_state *m = x->m;
    *learnt = *record;
    if (learnt->node.value == 0) learnt->node.value = m->next_node_id++;
    enum status status = meta_node_set(m, learnt);
    if (status != STATUS_OK) return status;
    meta_record_put_node(x, learnt);
    meta_record_put_counters(x);
    return STATUS_OK;
}

static bool has_replicas(const struct meta_state *m, struct node_id node)
{
    for (uint32_t i = 0; i < m->ranges.count; i++)
        if (descriptor_member_on(m->ranges.items[i], node) != NULL) return true;
    return false;
}

/* A removed node never comes back, so it must not be counted on anywhere. */
enum status meta_node_judge_state(const struct meta_state *m, const struct meta_command *c, bool *news_out)
{
    enum node_state now = meta_node_state(m, c->node.node);
    if (now == 0) return STATUS_NOT_FOUND;
    if (now == c->state) return STATUS_OK;
    if (now == NODE_STATE_REMOVED) return STATUS_INVALID;
    if (c->state == NODE_STATE_REMOVED && has_replicas(m, c->node.node)) return STATUS_BUSY;
    *news_out = true;
    return STATUS_OK;
}

void meta_node_put_state(struct meta_change *x, const struct meta_command *c, struct node_record *learnt)
{
    struct node_record *record = meta_node(x->m, c->node.node);
    struct meta_node_state state = {.state = c->state, .since_ms = c->value};
    meta_node_state_set(x->m, c->node.node, &state);
    meta_record_put_state(x, c->node.node, &state);
    if (c->state != NODE_STATE_REMOVED) return;
    record->removed = true;
    meta_record_put_node(x, record);
    *learnt = *record;
}
