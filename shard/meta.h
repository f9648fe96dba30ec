/* The metadata range's state: who belongs to the cluster, which ranges there are, what they may become, settings, and
 * the clock's limit. It is small, so every replica of range 1 keeps all of it in memory. Each command is evaluated
 * when it is applied: the same on every replica. Records live in the range-local space of range 1 (README, Formats).
 *
 * The mirrored ranges cover the keys from the first to the last without hole or overlap, after every command
 * (META-1). How a split gets there: SPLIT_BEGIN leaves a *pending split*, which alone allows the right side's first
 * descriptor in; that is carved out of the left's record, whose epoch stays; then the left's own follows. */
#ifndef OSTRAKA_SHARD_META_H
#define OSTRAKA_SHARD_META_H

#include "base/list.h"
#include "base/map.h"
#include "shard/key_index.h"
#include "shard/cluster_setting.h"
#include "shard/shard.h"

#define META_SPLITS_MAX      4096 /* pending at a time */
#define META_SPLITS_LEFT_MAX 16   /* of one range */
#define META_JOBS_MAX        65536

struct meta_split {
    struct list link; /* by right id */
    struct range_id right, left;
    uint64_t epoch;   /* of the left side: the split happens at this epoch or never */
    struct bytes key; /* strictly inside the left's record (META-2) */
    uint8_t room[];
};

struct meta_node_state {
    enum node_state state;
    uint64_t since_ms; /* of whoever asked for it */
};

struct meta_state {
    bool initialized;
    uint8_t cluster_id[16];
    uint64_t next_node_id, next_range_id, next_job_id, clock_limit;
    struct node_record *nodes[SHARD_NODES_MAX]; /* by id */
    struct meta_node_state states[SHARD_NODES_MAX];
    uint32_t node_count;
    struct key_index ranges; /* the mirror; each made by descriptor_new */
    struct map ranges_by_id;
    struct list splits;      /* struct meta_split */
    uint32_t split_count;
    struct meta_job **jobs;  /* by range; at most one each */
    uint32_t job_count, job_capacity;
    struct cluster_settings settings;
};

void meta_state_init(struct meta_state *m);
void meta_state_deinit(struct meta_state *m);
/* META-1 to META-4 (README); costs a walk. NULL: they hold. */
const char *meta_state_fault(const struct meta_state *m);
/* All records as they are stored, in order: equal states have equal dumps. */
void meta_state_dump(const struct meta_state *m, struct buf *out);

struct node_record *meta_node(struct meta_state *m, struct node_id node);
enum node_state meta_node_state(const struct meta_state *m, struct node_id node); /* 0: there is none */
struct descriptor *meta_range(const struct meta_state *m, struct range_id range);
struct meta_split *meta_split(const struct meta_state *m, struct range_id right);

/* ---- commands ---- */

enum meta_command_kind {
    META_INIT = 1,
    META_NODE_PUT = 2,
    META_RANGE_PUT = 3,
    META_CLOCK_LIMIT = 4,
    META_SPLIT_BEGIN = 5,
    META_NODE_STATE = 7,
    META_SETTING_PUT = 8,
    META_SETTING_RESET = 9,
    META_JOB_PUT = 10,
    META_JOB_END = 11,
};

/* One command, with views into its bytes. Which fields mean something: README, Formats. */
struct meta_command {
    enum meta_command_kind kind;
    struct bytes cluster_id, descriptors; /* INIT */
    uint64_t count;
    struct node_record node;
    struct descriptor descriptor;
    struct range_id range; /* SPLIT_BEGIN: left */
    uint64_t epoch, value; /* value: clock limit, value of a setting, job id, since */
    struct bytes key;      /* SPLIT_BEGIN; the scope of a setting */
    struct meta_job job;
    enum node_state state;
    enum cluster_setting setting;
};

/* STATUS_VERSION: a kind that this program does not know. STATUS_INVALID: malformed. Looks at the form only. */
MUST_USE enum status meta_command_parse(struct bytes bytes, struct meta_command *c);
/* What would come of it now; *news_out: it would change something. The statuses are those of the results (README). */
MUST_USE enum status meta_judge(const struct meta_state *m, const struct meta_command *c, bool *news_out);
/* Carries it out, or not, as meta_judge says. result: status u16, then what the kind says. *learnt (node 0: nobody):
 * a node record that is new. Anything but STATUS_OK means that the store has to stop: STATUS_NO_MEMORY. */
MUST_USE enum status meta_carry_out(struct meta_state *m, const struct meta_command *c, struct shard_batch *batch,
                                    struct buf *result, struct node_record *learnt);
/* What the kind adds to a result, for a command that changes nothing (judged: STATUS_OK, no news). */
void meta_result_known(const struct meta_state *m, const struct meta_command *c, struct buf *result);
/* What is known of a range. */
enum range_verdict meta_verdict(const struct meta_state *m, struct range_id range);
/* One record as stored, into the state. STATUS_VERSION, STATUS_CORRUPT, STATUS_NO_MEMORY. */
MUST_USE enum status meta_record_load(struct meta_state *m, struct bytes key, struct bytes value);

#endif
