/* Who this node is. It gets its id once, from the metadata range; each start raises its incarnation and draws a mark,
 * durably, before it talks to anybody. */
#include <stdio.h>

#include "shard/nodes.h"

const struct net_identity *store_identity(const struct store *s)
{
    return &s->identity;
}

void nodes_fact(struct store *s, uint32_t key, struct bytes value)
{
    struct lsn lsn;
    enum status status = wal_append_fact(s->wal, key, value, &lsn);
    if (status == STATUS_OK && key == FACT_IDENTITY) {
        s->identity_lsn = lsn.value;
        s->identity_durable = false;
    } else if (status != STATUS_OK && key == FACT_IDENTITY) {
        store_fail(s, status,
                   status == STATUS_NO_SPACE
                       ? "the disk is full, and every start has to write to the log; make room, then start the node "
                         "again: nothing is lost"
                       : "the node's identity cannot be written");
    }
}

void nodes_own_record(const struct store *s, struct node_record *record)
{
    *record = (struct node_record){.node = s->identity.node,
                                   .incarnation = s->identity.incarnation,
                                   .start_mark = s->identity.start_marks[0],
                                   .token = s->join_token};
    const struct store_options *o = &s->options;
    snprintf(record->peer_address, sizeof record->peer_address, "%s", o->peer_address);
    snprintf(record->sql_address, sizeof record->sql_address, "%s", o->sql_address);
    snprintf(record->http_address, sizeof record->http_address, "%s", o->http_address);
    snprintf(record->locality, sizeof record->locality, "%s", o->locality);
}

/* A new mark in front of those of the earlier starts. */
static void draw_mark(struct store *s)
{
    uint64_t *marks = s->identity.start_marks;
    memmove(marks + 1, marks, (NET_START_MARKS - 1) * sizeof *marks);
    marks[0] = env_random_u64(s->env) | 1; /* never 0: that means none */
}

void identity_write(struct store *s)
{
    ASSERT(s->identity.node.value != 0);
    s->identity.incarnation++;
    draw_mark(s);
    buf_reset(&s->scratch);
    buf_append(&s->scratch, s->identity.cluster_id, sizeof s->identity.cluster_id);
    put_u64(&s->scratch, s->identity.node.value);
    put_u64(&s->scratch, s->identity.incarnation);
    for (int i = 0; i < NET_START_MARKS; i++) put_u64(&s->scratch, s->identity.start_marks[i]);
    nodes_fact(s, FACT_IDENTITY, buf_view(&s->scratch));
    if (s->logger != NULL) s->logger->node_id = s->identity.node.value;
    rpc_set_self(s->rpc, s->identity.node, s->identity.incarnation);
    struct node_record own; /* the network learns of it when it is durable (on_identity) */
    nodes_own_record(s, &own);
    nodes_learn(s, &own);
}
