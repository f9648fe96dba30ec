/* Settings of the whole cluster: kept in the metadata range, known to every node a moment later. One table says what
 * there is. A value holds for all keys, or, where a setting allows it, for those that begin with a prefix (of
 * several the longest decides). */
#ifndef OSTRAKA_SHARD_CLUSTER_SETTING_H
#define OSTRAKA_SHARD_CLUSTER_SETTING_H

#include "base/buf.h"
#include "base/status.h"

/* The numbers are kept on disk. */
enum cluster_setting {
    SETTING_REPLICATION_FACTOR = 1,
    SETTING_DEAD_AFTER = 2,
    SETTING_RANGES_MAX = 3,
    SETTING_AUTO_SPLIT = 4,
    SETTING_AUTO_MERGE = 5,
    SETTING_RANGE_SPLIT_BYTES = 6,
    SETTING_RANGE_SPLIT_LOAD = 7,
    SETTING_RANGE_MERGE_BYTES = 8,
    SETTING_REBALANCE = 9,
    SETTING_SNAPSHOTS_PER_NODE = 10,
    SETTING_SNAPSHOT_RATE = 11,
    SETTING_PARALLEL_COMMIT = 12,
};

enum cluster_setting_unit {
    SETTING_UNIT_COUNT = 1,
    SETTING_UNIT_BYTES,
    SETTING_UNIT_DURATION, /* nanoseconds */
    SETTING_UNIT_SWITCH,   /* 0, 1 */
};

struct cluster_setting_info {
    enum cluster_setting id;
    const char *name;
    enum cluster_setting_unit unit;
    uint64_t min, max, fallback; /* fallback: while nobody has set it */
    bool scoped;                 /* may be set for keys with a prefix */
    const char *help;            /* one sentence */
};

/* NULL: there is none. */
const struct cluster_setting_info *cluster_setting_info(enum cluster_setting id);
const struct cluster_setting_info *cluster_setting_by_name(struct bytes name);
/* All of them, in order of their names. */
const struct cluster_setting_info *cluster_setting_at(uint32_t i);
uint32_t cluster_setting_count(void);

/* "on", "512MiB", "5m", "3". STATUS_INVALID: malformed. STATUS_TOO_LARGE: out of bounds. */
MUST_USE enum status cluster_setting_parse(const struct cluster_setting_info *info,
                                           struct bytes text, uint64_t *value_out);
void cluster_setting_format(const struct cluster_setting_info *info, uint64_t value, struct buf *out);

/* ---- values that were set ---- */

#define SETTING_SCOPE_BYTES_MAX 64
#define SETTING_VALUES_MAX      4096

struct cluster_value {
    enum cluster_setting id;
    uint64_t value;
    uint32_t scope_size;
    uint8_t scope[SETTING_SCOPE_BYTES_MAX];
};

/* By id, then scope. */
struct cluster_settings {
    uint64_t version; /* rises with every change */
    struct cluster_value *values;
    uint32_t count, capacity;
};

void cluster_settings_init(struct cluster_settings *t);
void cluster_settings_deinit(struct cluster_settings *t);
/* May it be put? STATUS_INVALID: no such setting, out of bounds, or not for single keys. STATUS_TOO_LARGE: too many. */
MUST_USE enum status cluster_settings_judge(const struct cluster_settings *t, enum cluster_setting id,
                                            struct bytes scope, uint64_t value);
/* Puts what was judged; does not touch the version. STATUS_NO_MEMORY. */
MUST_USE enum status cluster_settings_put(struct cluster_settings *t, enum cluster_setting id,
                                          struct bytes scope, uint64_t value);
/* Back to the fallback. False: it was not set. */
bool cluster_settings_reset(struct cluster_settings *t, enum cluster_setting id, struct bytes scope);
/* What was set for exactly that scope. */
bool cluster_settings_find(const struct cluster_settings *t, enum cluster_setting id,
                           struct bytes scope, uint64_t *value_out);
/* What holds for a key; false: nothing was set. key empty: what holds for all keys. */
bool cluster_settings_get(const struct cluster_settings *t, enum cluster_setting id,
                          struct bytes key, uint64_t *value_out);

/* As nodes tell each other: version u64, then repeated { setting u16, sized scope, value u64 }. */
void cluster_settings_encode(const struct cluster_settings *t, struct buf *out);
/* Takes over what is newer than `t`. STATUS_INVALID, STATUS_NO_MEMORY leave it as it was. Settings that this program
 * does not know are passed by. */
MUST_USE enum status cluster_settings_adopt(struct cluster_settings *t, struct bytes encoded);

#endif
