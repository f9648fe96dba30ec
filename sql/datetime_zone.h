/* Time zones: fixed offsets, POSIX rules ("EST5EDT,M3.2.0,M11.1.0") and the named zones of the tz
 * database, read from its compiled files (TZif, RFC 8536). Offsets are seconds east of UTC; times
 * are seconds since 1970-01-01 UTC here, as in those files.
 *
 * Files are read once, at start-up, by sql_zones_load: evaluation never waits for a disk. */
#ifndef OSTRAKA_SQL_DATETIME_ZONE_H
#define OSTRAKA_SQL_DATETIME_ZONE_H

#include "base/bytes.h"
#include "base/status.h"

#define SQL_ZONE_NAME_BYTES_MAX 63
#define SQL_ZONE_OFFSET_MAX     (15 * 3600 + 59 * 60 + 59)

/* One day of the year on which clocks change, in a POSIX rule. */
struct sql_zone_change {
    enum { SQL_ZONE_CHANGE_MONTH_WEEK = 1, SQL_ZONE_CHANGE_JULIAN, SQL_ZONE_CHANGE_DAY } kind;
    int32_t month, week, day; /* week 5 is the last; day: of the week, or of the year */
    int32_t time;             /* seconds after midnight, -167 h to 167 h */
};
struct sql_zone_rule {
    int32_t standard, daylight; /* offsets */
    bool has_daylight;
    struct sql_zone_change start, end; /* of daylight time, each on the clock before it */
};
/* A zone is a table of past changes (may be empty) and a rule for the time after. Copied freely:
 * the tables belong to the sql_zones that it came from. */
struct sql_zone {
    char name[SQL_ZONE_NAME_BYTES_MAX + 1];
    const int64_t *changes; /* ascending; offsets[i] holds from changes[i] on */
    const int32_t *offsets;
    uint32_t change_count;
    int32_t first_offset; /* before changes[0] */
    bool has_rule;
    struct sql_zone_rule rule;
};

struct sql_zones;

struct sql_zones *sql_zones_create(void); /* NULL: no memory */
void sql_zones_destroy(struct sql_zones *zones);
/* Adds every zone file below a directory such as /usr/share/zoneinfo. Reads files: for start-up
 * only. What is not a zone file is passed over; malformed and oversized ones too. STATUS_NOT_FOUND:
 * no such directory. */
MUST_USE enum status sql_zones_load(struct sql_zones *zones, const char *directory);
/* STATUS_INVALID: not a sound TZif file, or an impossible name. STATUS_EXISTS, STATUS_NO_MEMORY. */
MUST_USE enum status sql_zones_add(struct sql_zones *zones, struct bytes name, struct bytes file);
/* By name in any case; NULL when there is none (zones may be NULL). */
const struct sql_zone *sql_zones_find(const struct sql_zones *zones, struct bytes name);
/* In order of name, for pg_timezone_names; NULL past the end. */
const struct sql_zone *sql_zones_at(const struct sql_zones *zones, size_t index);

/* What AT TIME ZONE accepts beside abbreviations: a zone's name, "UTC", or a POSIX rule, whose
 * signs are reversed: "UTC+3" and "+03:30" lie west of Greenwich. STATUS_NOT_FOUND otherwise. */
MUST_USE enum status sql_zone_resolve(const struct sql_zones *zones, struct bytes text,
                                      struct sql_zone *out);
/* What SET TimeZone accepts: the same, and a plain number of hours east ("-8", "5.5"). */
MUST_USE enum status sql_zone_resolve_setting(const struct sql_zones *zones, struct bytes text,
                                              struct sql_zone *out);
/* Named as PostgreSQL names it: <+03>-03. */
void sql_zone_fixed(int32_t offset, struct sql_zone *out);
/* A POSIX rule; all of the text. */
MUST_USE enum status sql_zone_parse_rule(struct bytes text, struct sql_zone_rule *out);
/* An abbreviation such as "est" in lower case. */
bool sql_zone_abbreviation(struct bytes word, int32_t *offset_out);

/* The offset in force at a moment; a NULL zone is UTC. */
int32_t sql_zone_offset_at(const struct sql_zone *zone, int64_t unix_seconds);
/* The offset meant by a reading of the local clock. A reading that the clock skipped is taken on
 * the clock before the change, one that it showed twice on the clock after it. */
int32_t sql_zone_offset_of_local(const struct sql_zone *zone, int64_t local_seconds);

#endif
