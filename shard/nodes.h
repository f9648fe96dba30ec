/* The nodes of a cluster and what they tell each other; what the metadata range says, and who shall hold what (placement.md). */
#ifndef OSTRAKA_SHARD_NODES_H
#define OSTRAKA_SHARD_NODES_H

#include "shard/shard_int.h"

/* ---- meta.c ---- */

enum status meta_apply(struct replica *r, struct bytes command, struct shard_batch *batch,
                       struct buf *result);
/* Reads the whole state from the engine. Runs on a fiber. */
MUST_USE enum status meta_load(struct store *s);
/* This replica of range 1 knows the metadata; and: it may decide. */
bool meta_ready(const struct store *s);
bool meta_serving(const struct store *s);
void settings_on_message(struct store *s, struct bytes payload);
void meta_serve(struct store *s);
MUST_USE enum status meta_propose_init(struct store *s, struct proposal *p);
MUST_USE enum status meta_propose_node(struct store *s, const struct node_record *record,
                                       struct proposal *p);

/* ---- bootstrap.c ---- */

#define SHARD_DESCRIPTOR_HEAD_MAX 128       /* encoded, of a range with one member, without its keys */
#define SHARD_FOUND_BYTES_MAX (3u << 20)    /* all descriptors of a new cluster: they fit one command */
void bootstrap_init(struct store *s, struct bytes payload, void (*done)(void *ctx, enum status status), void *ctx);
void bootstrap_tick(struct store *s);
void node_record_encode(const struct node_record *record, struct buf *out);
MUST_USE enum status node_record_decode(struct reader *r, struct node_record *record);

/* ---- nodes.c ---- */

void nodes_learn(struct store *s, const struct node_record *record);
struct node_entry *nodes_find(struct store *s, struct node_id node);
bool nodes_alive(const struct store *s, struct node_id node, uint64_t within_ns);
/* What people are told: it was heard of within a support period. Decisions wait for longer (placement.c). */
bool nodes_heard(const struct store *s, struct node_id node);
void nodes_deinit(struct store *s);

/* ---- identity.c ---- */

/* Raises the incarnation and writes the identity; on_identity follows when it is durable. */
void identity_write(struct store *s);
void nodes_own_record(const struct store *s, struct node_record *record);
/* Writes a fact to the log. */
void nodes_fact(struct store *s, uint32_t key, struct bytes value);

/* ---- gossip.c ---- */

void gossip_tick(struct store *s);
void gossip_on_link_up(struct store *s, struct node_id peer);
/* Repeated node records. */
void gossip_on_message(struct store *s, struct node_id from, struct bytes payload);
/* All records that are whole. */
void nodes_encode(const struct store *s, struct buf *out);

/* ---- join.c, join_serve.c ---- */

#define JOIN_TIMEOUT_NS 3000000000u /* of a visit, and of what is asked for a guest */

/* ---- placement.c ---- */

void placement_tick(struct store *s);
void placement_serve(struct store *s);
void placement_forget(struct store *s);

/* ---- move.c ---- */

/* Its descriptor, or whether it leads, has changed. */
void move_touch(struct replica *r);
/* The voters are those of the nodes, and nothing is under way. */
bool move_settled(const struct raft_config *c, const uint64_t *nodes, uint32_t count);
void move_tick(struct store *s);
void move_serve(struct store *s);

/* ---- admin.c ---- */

void admin_serve(struct store *s);
void overview_serve(struct store *s);

/* ---- orphan.c ---- */

/* A member of any kind: the id, on that node. */
bool orphan_is_member(const struct raft_config *c, struct raft_member who);
/* The metadata range's word proves that nobody counts a replica (as of epoch) any more, nor will. */
bool orphan_proven(enum range_verdict verdict, const struct descriptor *mirror, uint64_t epoch, struct raft_member who);
/* It may be made because of a message: it never was an orphan. */
bool orphan_may_be_born(enum range_verdict verdict, const struct descriptor *mirror, struct raft_member who);
/* An orphan of that range is on its way out: no other replica may be made yet. */
bool orphan_buried(struct store *s, struct range_id range);
/* It may be one. */
void orphan_hint(struct replica *r);
/* On the leader, after a change of members: tells those who are out. */
void orphan_tell_left(struct replica *r, const struct raft_config *before);
/* Somebody takes this leader for its own: if it is out, it is told so. */
void orphan_tell_stranger(struct replica *r, struct node_id node, uint64_t id);
void orphan_tick(struct store *s);
void orphan_serve(struct store *s);
void orphan_deinit(struct store *s);

/* ---- load.c ---- */

void load_tick(struct store *s);
void load_serve(struct store *s);

#endif
