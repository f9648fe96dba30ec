#include "shard/cluster_setting.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/codec.h"
#include "base/parse.h"

#define SECOND UINT64_C(1000000000)
#define DAY    (86400 * SECOND)
#define KIB    (UINT64_C(1) << 10)
#define MIB    (UINT64_C(1) << 20)
#define GIB    (UINT64_C(1) << 30)
#define TIB    (UINT64_C(1) << 40)

/* In order of their names. */
static const struct cluster_setting_info table[] = {
    {SETTING_AUTO_MERGE, "auto_merge", SETTING_UNIT_SWITCH, 0, 1, 0, false,
     "Small neighbouring ranges that are little used become one by themselves."},
    {SETTING_AUTO_SPLIT, "auto_split", SETTING_UNIT_SWITCH, 0, 1, 1, false,
     "Ranges that grow large or hot are divided by themselves."},
    {SETTING_DEAD_AFTER, "dead_after", SETTING_UNIT_DURATION, SECOND, 30 * DAY, 300 * SECOND, false,
     "A node that is silent for so long is replaced."},
    {SETTING_PARALLEL_COMMIT, "parallel_commit", SETTING_UNIT_SWITCH, 0, 1, 1, false,
     "A transaction that writes to several ranges is acknowledged one round sooner, where what it has read allows that."},
    {SETTING_RANGE_MERGE_BYTES, "range_merge_bytes", SETTING_UNIT_BYTES, 0, TIB, 64 * MIB, false,
     "Neighbouring ranges that are smaller together may become one."},
    {SETTING_RANGE_SPLIT_BYTES, "range_split_bytes", SETTING_UNIT_BYTES, 64 * KIB, TIB, 512 * MIB, false,
     "A range that is larger is divided."},
    {SETTING_RANGE_SPLIT_LOAD, "range_split_load", SETTING_UNIT_COUNT, 10, 10000000, 50000, false,
     "A range with more requests per second is divided."},
    {SETTING_RANGES_MAX, "ranges_max", SETTING_UNIT_COUNT, 16, 16 * MIB, 256 * KIB, false,
     "No range is divided when there are so many; each costs the metadata's replicas half a kilobyte of memory."},
    {SETTING_REBALANCE, "rebalance", SETTING_UNIT_SWITCH, 0, 1, 1, false,
     "Replicas and leaders move to even out the nodes."},
    {SETTING_REPLICATION_FACTOR, "replication_factor", SETTING_UNIT_COUNT, 1, 7, 3, true,
     "Nodes that hold each range; an even number tolerates no more losses than the odd one below."},
    {SETTING_SNAPSHOT_RATE, "snapshot_rate", SETTING_UNIT_BYTES, MIB, TIB, 64 * MIB, false,
     "Bytes per second that a node sends in snapshots."},
    {SETTING_SNAPSHOTS_PER_NODE, "snapshots_per_node", SETTING_UNIT_COUNT, 1, 64, 2, false,
     "Snapshots that a node sends or takes at a time."},
};
#define TABLE_COUNT ((uint32_t)(sizeof table / sizeof table[0]))

const struct cluster_setting_info *cluster_setting_at(uint32_t i)
{
    ASSERT(i < TABLE_COUNT);
    return &table[i];
}

uint32_t cluster_setting_count(void)
{
    return TABLE_COUNT;
}

const struct cluster_setting_info *cluster_setting_info(enum cluster_setting id)
{
    for (uint32_t i = 0; i < TABLE_COUNT; i++)
        if (table[i].id == id) return &table[i];
    return NULL;
}

const struct cluster_setting_info *cluster_setting_by_name(struct bytes name)
{
    for (uint32_t i = 0; i < TABLE_COUNT; i++)
        if (bytes_equal(bytes_of_string(table[i].name), name)) return &table[i];
    return NULL;
}

/* As a session's settings are spelt. */
static enum status parse_switch(struct bytes text, uint64_t *value_out)
{
    static const char *const words[] = {"off", "on", "false", "true", "no", "yes", "0", "1"};
    for (uint32_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t size = strlen(words[i]);
        if (text.size != size || strncasecmp((const char *)text.data, words[i], size) != 0) continue;
        *value_out = i % 2;
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

enum status cluster_setting_parse(const struct cluster_setting_info *info, struct bytes text, uint64_t *value_out)
{
    uint64_t value = 0;
    enum status status = STATUS_INVALID;
    switch (info->unit) {
    case SETTING_UNIT_COUNT: status = parse_u64(text, &value); break;
    case SETTING_UNIT_BYTES: status = parse_size(text, &value); break;
    case SETTING_UNIT_DURATION: status = parse_duration(text, &value); break;
    case SETTING_UNIT_SWITCH: status = parse_switch(text, &value); break;
    }
    if (status == STATUS_OK && (value < info->min || value > info->max)) status = STATUS_TOO_LARGE;
    if (status == STATUS_OK) *value_out = value;
    return status;
}

/* In the largest unit that leaves no rest. */
static void format_in(uint64_t value, const char *const *names, const uint64_t *sizes, uint32_t count, struct buf *out)
{
    uint32_t i = count - 1;
    while (i > 0 && (value == 0 || value % sizes[i] != 0)) i--;
    buf_printf(out, "%" PRIu64 "%s", value / sizes[i], names[i]);
}

void cluster_setting_format(const struct cluster_setting_info *info, uint64_t value, struct buf *out)
{
    static const char *const byte_names[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    static const uint64_t bytes[] = {1, KIB, MIB, GIB, TIB};
    static const char *const time_names[] = {"ns", "us", "ms", "s", "m", "h", "d"};
    static const uint64_t times[] = {1, 1000, 1000000, SECOND, 60 * SECOND, 3600 * SECOND, DAY};
    switch (info->unit) {
    case SETTING_UNIT_COUNT: buf_printf(out, "%" PRIu64, value); break;
    case SETTING_UNIT_BYTES: format_in(value, byte_names, bytes, 5, out); break;
    case SETTING_UNIT_DURATION: format_in(value, time_names, times, 7, out); break;
    case SETTING_UNIT_SWITCH: buf_append_string(out, value != 0 ? "on" : "off"); break;
    }
}

/* ---- values that were set ---- */

void cluster_settings_init(struct cluster_settings *t)
{
    *t = (struct cluster_settings){0};
}

void cluster_settings_deinit(struct cluster_settings *t)
{
    free(t->values);
    cluster_settings_init(t);
}

static struct bytes scope_of(const struct cluster_value *v)
{
    return bytes_make(v->scope, v->scope_size);
}

/* Where it stands, or would stand. */
static uint32_t place_of(const struct cluster_settings *t, enum cluster_setting id, struct bytes scope, bool *found_out)
{
    uint32_t i = 0;
    int order = 1;
    for (; i < t->count; i++) {
        const struct cluster_value *v = &t->values[i];
        order = v->id != id ? (v->id > id) - (v->id < id) : bytes_compare(scope_of(v), scope);
        if (order >= 0) break;
    }
    *found_out = i < t->count && order == 0;
    return i;
}

enum status cluster_settings_judge(const struct cluster_settings *t, enum cluster_setting id,
                                   struct bytes scope, uint64_t value)
{
    const struct cluster_setting_info *info = cluster_setting_info(id);
    if (info == NULL || value < info->min || value > info->max) return STATUS_INVALID;
    if (scope.size > SETTING_SCOPE_BYTES_MAX || (scope.size > 0 && !info->scoped)) return STATUS_INVALID;
    bool found;
    (void)place_of(t, id, scope, &found);
    return found || t->count < SETTING_VALUES_MAX ? STATUS_OK : STATUS_TOO_LARGE;
}

enum status cluster_settings_put(struct cluster_settings *t, enum cluster_setting id,
                                 struct bytes scope, uint64_t value)
{
    ASSERT(scope.size <= SETTING_SCOPE_BYTES_MAX);
    bool found;
    uint32_t at = place_of(t, id, scope, &found);
    if (!found) {
        if (t->count == t->capacity) {
            uint32_t capacity = t->capacity == 0 ? 8 : t->capacity * 2;
            struct cluster_value *values = realloc(t->values, capacity * sizeof *values);
            if (values == NULL) return STATUS_NO_MEMORY;
            t->values = values;
            t->capacity = capacity;
        }
        memmove(t->values + at + 1, t->values + at, (t->count - at) * sizeof *t->values);
        t->values[at] = (struct cluster_value){.id = id, .scope_size = (uint32_t)scope.size};
        if (scope.size > 0) memcpy(t->values[at].scope, scope.data, scope.size);
        t->count++;
    }
    t->values[at].value = value;
    return STATUS_OK;
}

bool cluster_settings_reset(struct cluster_settings *t, enum cluster_setting id, struct bytes scope)
{
    bool found;
    uint32_t at = place_of(t, id, scope, &found);
    if (!found) return false;
    t->count--;
    memmove(t->values + at, t->values + at + 1, (t->count - at) * sizeof *t->values);
    return true;
}

bool cluster_settings_find(const struct cluster_settings *t, enum cluster_setting id,
                           struct bytes scope, uint64_t *value_out)
{
    bool found;
    uint32_t at = place_of(t, id, scope, &found);
    if (found) *value_out = t->values[at].value;
    return found;
}

bool cluster_settings_get(const struct cluster_settings *t, enum cluster_setting id,
                          struct bytes key, uint64_t *value_out)
{
    bool any = false;
    for (uint32_t i = 0; i < t->count; i++) { /* shorter scopes stand in front of those they begin */
        const struct cluster_value *v = &t->values[i];
        if (v->id != id || !bytes_has_prefix(key, scope_of(v))) continue;
        *value_out = v->value;
        any = true;
    }
    return any;
}

void cluster_settings_encode(const struct cluster_settings *t, struct buf *out)
{
    put_u64(out, t->version);
    for (uint32_t i = 0; i < t->count; i++) {
        put_u16(out, (uint16_t)t->values[i].id);
        put_sized(out, scope_of(&t->values[i]));
        put_u64(out, t->values[i].value);
    }
}

enum status cluster_settings_adopt(struct cluster_settings *t, struct bytes encoded)
{
    struct reader r = reader_make(encoded);
    struct cluster_settings next;
    cluster_settings_init(&next);
    next.version = get_u64(&r);
    enum status status = STATUS_OK;
    while (status == STATUS_OK && !r.failed && reader_left(&r) > 0) {
        enum cluster_setting id = (enum cluster_setting)get_u16(&r);
        struct bytes scope = get_sized(&r);
        uint64_t value = get_u64(&r);
        if (r.failed || cluster_setting_info(id) == NULL) continue;
        status = cluster_settings_judge(&next, id, scope, value);
        if (status == STATUS_OK) status = cluster_settings_put(&next, id, scope, value);
    }
    if (r.failed) status = STATUS_INVALID;
    if (status != STATUS_OK || next.version <= t->version) {
        cluster_settings_deinit(&next);
        return status;
    }
    cluster_settings_deinit(t);
    *t = next;
    return STATUS_OK;
}
