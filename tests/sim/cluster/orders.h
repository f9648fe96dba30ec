/* Orders as an operator gives them: leaders handed over, ranges moved, nodes drained, decommissioned and taken back. Each
 * is asked once, by way of any machine that is up; what became of it is counted, nothing more. */
#ifndef OSTRAKA_TESTS_SIM_ORDERS_H
#define OSTRAKA_TESTS_SIM_ORDERS_H

#include "tests/sim/cluster/cluster.h"

/* How many were taken on. */
struct orders_counts {
    uint64_t transfers, moves, states;
};
struct orders;
struct orders *orders_create(struct cluster *c);
/* After cluster_destroy: until then replies may come. */
void orders_destroy(struct orders *o);
/* False: nobody was there to ask, or to be named. */
bool orders_transfer(struct orders *o, struct range_id range, struct node_id to);
bool orders_move(struct orders *o, struct range_id range, const struct node_id *nodes, uint32_t count);
bool orders_state(struct orders *o, struct node_id node, enum node_state state, uint32_t flags);
struct orders_counts orders_counts(const struct orders *o);

/* NULL: the machine is down, or its store not open. */
struct store *cluster_store(struct cluster *c, uint64_t number);
/* The node that runs there now; 0: none, or it has no id yet. */
struct node_id cluster_node(struct cluster *c, uint64_t number);

#endif
