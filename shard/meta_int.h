/* Between the files of the metadata state: meta_command.c parses, meta_range.c, meta_node.c and meta_job.c judge and
 * carry out, meta_record.c knows the records. */
#ifndef OSTRAKA_SHARD_META_INT_H
#define OSTRAKA_SHARD_META_INT_H

#include "base/assert.h"
#include "base/codec.h"
#include "shard/meta.h"
#include "shard/shard_int.h"

/* A command on its way into the state. */
struct meta_change {
    struct meta_state *m;
    struct shard_batch *batch;
    struct buf scratch; /* records */
};

/* ---- meta_record.c: the engine's side ---- */
void meta_record_put_counters(struct meta_change *x);
void meta_record_put_node(struct meta_change *x, const struct node_record *record);
void meta_record_put_state(struct meta_change *x, struct node_id node, const struct meta_node_state *state);
void meta_record_put_range(struct meta_change *x, const struct descriptor *d);
void meta_record_put_split(struct meta_change *x, const struct meta_split *split);
void meta_record_put_job(struct meta_change *x, const struct meta_job *job);
void meta_record_put_setting(struct meta_change *x, enum cluster_setting id, struct bytes scope, uint64_t value);
void meta_record_delete_range(struct meta_change *x, struct range_id range);
void meta_record_delete_split(struct meta_change *x, struct range_id right);
void meta_record_delete_job(struct meta_change *x, struct range_id range);
void meta_record_delete_setting(struct meta_change *x, enum cluster_setting id, struct bytes scope);

/* ---- meta_range.c ---- */
/* Puts or replaces a mirrored descriptor, in memory only. STATUS_NO_MEMORY. */
MUST_USE enum status meta_range_set(struct meta_state *m, const struct descriptor *d);
MUST_USE enum status meta_split_add(struct meta_state *m, const struct meta_split *like);
enum status meta_range_judge_put(const struct meta_state *m, const struct descriptor *d, bool *news_out);
MUST_USE enum status meta_range_put(struct meta_change *x, const struct descriptor *d);
enum status meta_split_judge(const struct meta_state *m, const struct meta_command *c, bool *news_out);
MUST_USE enum status meta_split_begin(struct meta_change *x, const struct meta_command *c);
/* The id that it gave, now or when it came for the first time. */
struct range_id meta_split_right_of(const struct meta_state *m, const struct meta_command *c);
void meta_ranges_clear(struct meta_state *m);
const char *meta_ranges_fault(const struct meta_state *m);

/* ---- meta_node.c ---- */
MUST_USE enum status meta_node_set(struct meta_state *m, const struct node_record *record);
void meta_node_state_set(struct meta_state *m, struct node_id node, const struct meta_node_state *state);
enum status meta_node_judge_put(const struct meta_state *m, const struct node_record *record, bool *news_out);
MUST_USE enum status meta_node_put(struct meta_change *x, const struct node_record *record, struct node_record *learnt);
enum status meta_node_judge_state(const struct meta_state *m, const struct meta_command *c, bool *news_out);
void meta_node_put_state(struct meta_change *x, const struct meta_command *c, struct node_record *learnt);
const struct node_record *meta_node_by_token(const struct meta_state *m, uint64_t token);

/* ---- meta_job.c ---- */
MUST_USE enum status meta_job_set(struct meta_state *m, const struct meta_job *job);
enum status meta_job_judge_put(const struct meta_state *m, const struct meta_job *job, bool *news_out);
MUST_USE enum status meta_job_put(struct meta_change *x, const struct meta_job *job);
/* Ends the job of a range, if there is one with this id (0: whichever). */
void meta_job_end(struct meta_change *x, struct range_id range, uint64_t id);
const struct meta_job *meta_job_get(const struct meta_state *m, struct range_id range);
void meta_jobs_clear(struct meta_state *m);

#endif
