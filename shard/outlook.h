/* What people are told about losing nodes: how many more, which, and what a change of membership would make of
 * that, before anything is changed. Like the allocator it knows nothing but what it is given. */
#ifndef OSTRAKA_SHARD_OUTLOOK_H
#define OSTRAKA_SHARD_OUTLOOK_H

#include "shard/allocator.h"

struct outlook {
    uint32_t ranges;
    uint32_t unavailable; /* no majority of their voters answers */
    uint32_t under;       /* fewer voters that answer than wanted */
    uint32_t voters_min, voters_max;
    int tolerance;        /* whichever nodes: so many more may be lost before a range stops; -1: one has */
    uint32_t nodes, nodes_live;
    /* Ranges that stop when that node, or everything in that place, is lost; by slot, by tier and class. */
    uint32_t node_stops[ALLOCATOR_NODES_MAX];
    uint32_t place_stops[ALLOCATOR_TIERS_MAX][ALLOCATOR_NODES_MAX];
};

void outlook_begin(struct outlook *o, const struct allocator *a);
void outlook_add(struct outlook *o, const struct allocator *a, const struct allocator_range *r);
/* "can lose 1 more node; loss of rack=b stops 12 ranges". Nothing is said of places that everything
 * survives, nor of those where all nodes stand. */
void outlook_text(const struct outlook *o, const struct allocator *a, struct buf *out);

/* What would become of the ranges if some nodes were of another state, there were more of them, or other numbers of
 * voters were wanted. */
struct outlook_plan {
    struct outlook before, after; /* after: when all that can be moved has been */
    uint32_t moves;       /* ranges that move */
    uint64_t move_bytes;
    uint32_t stuck;       /* ranges that stay on nodes that are leaving: nobody else takes them, or there is no majority */
    uint32_t fewer;       /* ranges that end with fewer voters than wanted */
    uint32_t stops_now;   /* ranges that would stop if the nodes that shall drain or leave were stopped at once */
};

struct outlook_trial {
    struct allocator before, after; /* after: the states that are tried */
    struct outlook_plan *plan;
};
/* a: a survey of everything, all ranges counted. Then the caller sets states in trial->after, gives each range
 * once, and reads *plan. */
void outlook_plan_begin(struct outlook_trial *trial, const struct allocator *a, struct outlook_plan *plan);
void outlook_plan_start(struct outlook_trial *trial); /* the states are set */
void outlook_plan_add(struct outlook_trial *trial, const struct allocator_range *r);
/* The same, of a range of which so many voters would be wanted. */
void outlook_plan_add_wanting(struct outlook_trial *trial, const struct allocator_range *r, uint32_t factor);

#endif
