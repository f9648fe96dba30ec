#include "base/status.h"

#include "base/assert.h"

static const char *const names[STATUS_COUNT] = {
    [STATUS_OK] = "ok",
    [STATUS_WAIT] = "wait",
    [STATUS_BUSY] = "busy",
    [STATUS_NOT_FOUND] = "not_found",
    [STATUS_EXISTS] = "exists",
    [STATUS_INVALID] = "invalid",
    [STATUS_TOO_LARGE] = "too_large",
    [STATUS_CORRUPT] = "corrupt",
    [STATUS_FENCED] = "fenced",
    [STATUS_IO] = "io",
    [STATUS_NO_SPACE] = "no_space",
    [STATUS_NO_MEMORY] = "no_memory",
    [STATUS_CLOSED] = "closed",
    [STATUS_TIMEOUT] = "timeout",
    [STATUS_CANCELLED] = "cancelled",
    [STATUS_NOT_LEADER] = "not_leader",
    [STATUS_STALE_ROUTE] = "stale_route",
    [STATUS_UNAVAILABLE] = "unavailable",
    [STATUS_UNKNOWN_OUTCOME] = "unknown_outcome",
    [STATUS_CONFLICT] = "conflict",
    [STATUS_UNSUPPORTED] = "unsupported",
    [STATUS_VERSION] = "version",
    [STATUS_SNAPSHOT_TOO_OLD] = "snapshot_too_old",
    [STATUS_LOCKED] = "locked",
    [STATUS_DEADLOCK] = "deadlock",
    [STATUS_EXPIRED] = "expired",
};

const char *status_name(enum status status)
{
    if ((unsigned)status >= STATUS_COUNT) return "unknown";
    ASSERT(names[status] != 0);
    return names[status];
}
