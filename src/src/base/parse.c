#include "base/parse.h"

#include <strings.h>

#include "base/assert.h"

struct unit {
    const char *name;
    uint64_t factor;
};

/* Reads leading digits; *size_out of them. */
static enum status parse_digits(struct bytes text, uint64_t *value_out, size_t *size_out)
{
    uint64_t value = 0;
    size_t size = 0;
    bool overflow = false;
    for (; size < text.size && text.data[size] >= '0' && text.data[size] <= '9'; size++) {
        overflow |= __builtin_mul_overflow(value, (uint64_t)10, &value);
        overflow |= __builtin_add_overflow(value, (uint64_t)(text.data[size] - '0'), &value);
    }
    if (size == 0) return STATUS_INVALID;
    *size_out = size;
    *value_out = overflow ? UINT64_MAX : value;
    return overflow ? STATUS_TOO_LARGE : STATUS_OK;
}

enum status parse_u64(struct bytes text, uint64_t *value_out)
{
    ASSERT(value_out != NULL);
    uint64_t value;
    size_t size;
    enum status status = parse_digits(text, &value, &size);
    if (status == STATUS_INVALID || size != text.size) return STATUS_INVALID;
    if (status == STATUS_OK) *value_out = value;
    return status;
}

static bool unit_matches(const struct unit *unit, struct bytes name)
{
    return strlen(unit->name) == name.size &&
           (name.size == 0 || strncasecmp(unit->name, (const char *)name.data, name.size) == 0);
}

/* A number followed by the name of one of the units. */
static enum status parse_scaled(struct bytes text, const struct unit *units, size_t unit_count,
                                uint64_t *value_out)
{
    uint64_t value;
    size_t size;
    enum status status = parse_digits(text, &value, &size);
    if (status == STATUS_INVALID) return status;
    struct bytes name = bytes_make(text.data + size, text.size - size);
    for (size_t i = 0; i < unit_count; i++) {
        if (!unit_matches(&units[i], name)) continue;
        if (status != STATUS_OK) return status;
        uint64_t scaled;
        if (__builtin_mul_overflow(value, units[i].factor, &scaled)) return STATUS_TOO_LARGE;
        *value_out = scaled;
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

enum status parse_size(struct bytes text, uint64_t *bytes_out)
{
    static const struct unit units[] = {
        {"", 1},           {"B", 1},
        {"K", 1ull << 10}, {"KiB", 1ull << 10},
        {"M", 1ull << 20}, {"MiB", 1ull << 20},
        {"G", 1ull << 30}, {"GiB", 1ull << 30},
        {"T", 1ull << 40}, {"TiB", 1ull << 40},
    };
    ASSERT(bytes_out != NULL);
    return parse_scaled(text, units, sizeof units / sizeof units[0], bytes_out);
}

enum status parse_duration(struct bytes text, uint64_t *ns_out)
{
    static const struct unit units[] = {
        {"ns", 1},          {"us", 1000},         {"ms", 1000000},       {"s", 1000000000},
        {"m", 60000000000}, {"h", 3600000000000}, {"d", 86400000000000},
    };
    ASSERT(ns_out != NULL);
    if (bytes_equal(text, BYTES_LITERAL("0"))) {
        *ns_out = 0;
        return STATUS_OK;
    }
    return parse_scaled(text, units, sizeof units / sizeof units[0], ns_out);
}
