#include "sql/datetime_zone.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/assert.h"
#include "base/codec.h"
#include "sql/datetime.h"
#include "sql/text_ascii.h"

#define FILE_BYTES_MAX  (64 * 1024)
#define CHANGES_MAX     4096
#define TYPES_MAX       256
#define ZONES_MAX       4096
#define DEPTH_MAX       3
#define SECONDS_PER_DAY 86400

/* --- POSIX rules ----------------------------------------------------------------------------- */

/* Reads digits, at most `max`; false when there are none. */
static bool read_number(struct bytes *text, int32_t max, int32_t *out)
{
    int32_t value = 0;
    size_t size = 0;
    while (size < text->size && text->data[size] >= '0' && text->data[size] <= '9') {
        value = value * 10 + (text->data[size] - '0');
        if (value > max) return false;
        size++;
    }
    text->data += size;
    text->size -= size;
    *out = value;
    return size > 0;
}

static bool skip(struct bytes *text, char c)
{
    if (text->size == 0 || text->data[0] != (uint8_t)c) return false;
    text->data++;
    text->size--;
    return true;
}

/* [+-]h[h][:mm[:ss]], in seconds. */
static bool read_time(struct bytes *text, int32_t hours_max, int32_t *out)
{
    bool negative = skip(text, '-');
    if (!negative) skip(text, '+');
    int32_t hours, minutes = 0, seconds = 0;
    if (!read_number(text, hours_max, &hours)) return false;
    if (skip(text, ':') && !read_number(text, 59, &minutes)) return false;
    if (skip(text, ':') && !read_number(text, 59, &seconds)) return false;
    int32_t value = hours * 3600 + minutes * 60 + seconds;
    *out = negative ? -value : value;
    return true;
}

/* Three letters or more, or anything in angle brackets. */
static bool skip_abbreviation(struct bytes *text)
{
    size_t size = 0;
    if (skip(text, '<')) {
        while (size < text->size && text->data[size] != '>')
            size++;
        if (size == text->size) return false;
        text->data += size + 1;
        text->size -= size + 1;
        return size > 0;
    }
    while (size < text->size && ascii_is_letter(text->data[size]))
        size++;
    text->data += size;
    text->size -= size;
    return size >= 3;
}

static bool read_change(struct bytes *text, struct sql_zone_change *out)
{
    *out = (struct sql_zone_change){.time = 2 * 3600};
    if (skip(text, 'M')) {
        out->kind = SQL_ZONE_CHANGE_MONTH_WEEK;
        bool sound = read_number(text, 12, &out->month) && skip(text, '.') &&
                     read_number(text, 5, &out->week) && skip(text, '.') &&
                     read_number(text, 6, &out->day);
        if (!sound || out->month == 0 || out->week == 0) return false;
    } else if (skip(text, 'J')) {
        out->kind = SQL_ZONE_CHANGE_JULIAN;
        if (!read_number(text, 365, &out->day) || out->day == 0) return false;
    } else {
        out->kind = SQL_ZONE_CHANGE_DAY;
        if (!read_number(text, 365, &out->day)) return false;
    }
    return !skip(text, '/') || read_time(text, 167, &out->time);
}

enum status sql_zone_parse_rule(struct bytes text, struct sql_zone_rule *out)
{
    ASSERT(out != NULL);
    struct sql_zone_rule rule = {0};
    int32_t west;
    if (!skip_abbreviation(&text) || !read_time(&text, 24, &west)) return STATUS_INVALID;
    rule.standard = -west;
    rule.daylight = rule.standard + 3600;
    if (text.size > 0) {
        rule.has_daylight = true;
        if (!skip_abbreviation(&text)) return STATUS_INVALID;
        if (text.size > 0 && text.data[0] != ',') {
            if (!read_time(&text, 24, &west)) return STATUS_INVALID;
            rule.daylight = -west;
        }
        if (text.size == 0) text = BYTES_LITERAL(",M3.2.0,M11.1.0"); /* as PostgreSQL assumes */
        if (!skip(&text, ',') || !read_change(&text, &rule.start)) return STATUS_INVALID;
        if (!skip(&text, ',') || !read_change(&text, &rule.end)) return STATUS_INVALID;
    }
    if (text.size > 0) return STATUS_INVALID;
    *out = rule;
    return STATUS_OK;
}

/* Unix seconds of the change in `year`, as if the clock read UTC. */
static int64_t change_in_year(const struct sql_zone_change *c, int32_t year)
{
    int64_t day = sql_days_of_civil(year, 1, 1);
    bool leap = sql_days_in_month(year, 2) == 29;
    switch (c->kind) {
    case SQL_ZONE_CHANGE_JULIAN: day += c->day - 1 + (leap && c->day >= 60); break;
    case SQL_ZONE_CHANGE_DAY: day += c->day; break;
    case SQL_ZONE_CHANGE_MONTH_WEEK: {
        day = sql_days_of_civil(year, c->month, 1);
        int32_t ahead = (c->day - sql_day_of_week(day) + 7) % 7 + (c->week - 1) * 7;
        if (ahead >= sql_days_in_month(year, c->month)) ahead -= 7; /* week 5: the last */
        day += ahead;
        break;
    }
    }
    return (day + SQL_UNIX_EPOCH_DAYS) * SECONDS_PER_DAY + c->time;
}

/* The first change of the rule after `unix_seconds`, and the offsets around it. The offset before
 * any change is the one after the change before it. */
struct change {
    int64_t at;
    int32_t before, after;
};

static int32_t year_of(int64_t unix_seconds)
{
    int64_t days = unix_seconds / SECONDS_PER_DAY - (unix_seconds % SECONDS_PER_DAY < 0);
    int32_t year, month, day;
    sql_civil_of_days(days - SQL_UNIX_EPOCH_DAYS, &year, &month, &day);
    return year;
}

static struct change rule_next_change(const struct sql_zone_rule *r, int64_t unix_seconds)
{
    ASSERT(r->has_daylight);
    int32_t year = year_of(unix_seconds);
    struct change best = {.at = INT64_MAX};
    for (int32_t y = year - 1; y <= year + 2; y++) { /* a rule may reach a week into another year */
        int64_t start = change_in_year(&r->start, y) - r->standard;
        int64_t end = change_in_year(&r->end, y) - r->daylight;
        if (start > unix_seconds && start < best.at)
            best = (struct change){.at = start, .before = r->standard, .after = r->daylight};
        if (end > unix_seconds && end < best.at)
            best = (struct change){.at = end, .before = r->daylight, .after = r->standard};
    }
    ASSERT(best.at != INT64_MAX);
    return best;
}

static int32_t rule_offset_at(const struct sql_zone_rule *r, int64_t unix_seconds)
{
    return r->has_daylight ? rule_next_change(r, unix_seconds).before : r->standard;
}

/* --- Offsets --------------------------------------------------------------------------------- */

/* How many changes are at or before the moment. */
static uint32_t changes_until(const struct sql_zone *z, int64_t unix_seconds)
{
    uint32_t low = 0, high = z->change_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (z->changes[middle] <= unix_seconds)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int32_t sql_zone_offset_at(const struct sql_zone *z, int64_t unix_seconds)
{
    if (z == NULL) return 0;
    uint32_t passed = changes_until(z, unix_seconds);
    if (passed == z->change_count && z->has_rule) return rule_offset_at(&z->rule, unix_seconds);
    return passed == 0 ? z->first_offset : z->offsets[passed - 1];
}

/* False when nothing changes any more. */
static bool next_change(const struct sql_zone *z, int64_t unix_seconds, struct change *out)
{
    uint32_t passed = changes_until(z, unix_seconds);
    if (passed < z->change_count) {
        out->at = z->changes[passed];
        out->before = passed == 0 ? z->first_offset : z->offsets[passed - 1];
        out->after = z->offsets[passed];
        return true;
    }
    if (!z->has_rule || !z->rule.has_daylight) return false;
    *out = rule_next_change(&z->rule, unix_seconds);
    return true;
}

int32_t sql_zone_offset_of_local(const struct sql_zone *z, int64_t local_seconds)
{
    if (z == NULL) return 0;
    /* The only change that can matter is the first one after a day before the reading. */
    int64_t day_before = local_seconds - SECONDS_PER_DAY;
    struct change c;
    if (!next_change(z, day_before, &c)) return sql_zone_offset_at(z, day_before);
    int64_t if_before = local_seconds - c.before, if_after = local_seconds - c.after;
    if (if_before < c.at && if_after < c.at) return c.before;
    if (if_before > c.at && if_after >= c.at) return c.after;
    COVER("zone_local_time_skipped_or_repeated");
    return if_before > if_after ? c.before : c.after;
}

/* --- TZif ------------------------------------------------------------------------------------ */

struct tzif_counts {
    uint32_t utc_flags, standard_flags, leap_seconds, changes, types, name_bytes;
};

static bool read_head(struct reader *r, uint8_t *version_out, struct tzif_counts *c)
{
    struct bytes magic = get_bytes(r, 4);
    *version_out = get_u8(r);
    get_bytes(r, 15);
    c->utc_flags = get_be32(r);
    c->standard_flags = get_be32(r);
    c->leap_seconds = get_be32(r);
    c->changes = get_be32(r);
    c->types = get_be32(r);
    c->name_bytes = get_be32(r);
    return !r->failed && bytes_equal(magic, BYTES_LITERAL("TZif")) && c->changes <= CHANGES_MAX &&
           c->types > 0 && c->types <= TYPES_MAX && c->name_bytes <= 1024 &&
           c->leap_seconds <= 1024 && c->utc_flags <= c->types && c->standard_flags <= c->types;
}

static size_t body_size(const struct tzif_counts *c, size_t time_size)
{
    return c->changes * (time_size + 1) + c->types * 6 + c->name_bytes +
           c->leap_seconds * (time_size + 4) + c->standard_flags + c->utc_flags;
}

static bool read_changes(struct reader *r, const struct tzif_counts *c, size_t time_size,
                         int64_t *changes)
{
    for (uint32_t i = 0; i < c->changes; i++) {
        changes[i] = time_size == 8 ? (int64_t)get_be64(r) : (int32_t)get_be32(r);
        if (i > 0 && changes[i] <= changes[i - 1]) return false;
    }
    return !r->failed;
}

static bool read_body(struct reader *r, const struct tzif_counts *c, size_t time_size,
                      struct sql_zone *z)
{
    int64_t *changes = malloc((c->changes + 1) * sizeof *changes);
    int32_t *offsets = malloc((c->changes + 1) * sizeof *offsets);
    z->changes = changes;
    z->offsets = offsets;
    z->change_count = c->changes;
    if (changes == NULL || offsets == NULL) return false;
    if (!read_changes(r, c, time_size, changes)) return false;
    struct bytes types = get_bytes(r, c->changes);
    int32_t type_offsets[TYPES_MAX];
    for (uint32_t i = 0; i < c->types; i++) {
        type_offsets[i] = (int32_t)get_be32(r);
        get_bytes(r, 2);
        if (type_offsets[i] > 26 * 3600 || type_offsets[i] < -26 * 3600) return false;
    }
    get_bytes(r,
              c->name_bytes + c->leap_seconds * (time_size + 4) + c->standard_flags + c->utc_flags);
    if (r->failed) return false;
    for (uint32_t i = 0; i < c->changes; i++) {
        if (types.data[i] >= c->types) return false;
        offsets[i] = type_offsets[types.data[i]];
    }
    z->first_offset = type_offsets[0];
    return true;
}

/* The last line: the rule for times after the table, or nothing. */
static bool read_footer(struct reader *r, struct sql_zone *z)
{
    if (get_u8(r) != '\n') return false;
    const uint8_t *end = r->failed ? NULL : memchr(r->at, '\n', reader_left(r));
    if (end == NULL) return false;
    struct bytes rule = get_bytes(r, (size_t)(end - r->at));
    z->has_rule = rule.size > 0;
    return rule.size == 0 || sql_zone_parse_rule(rule, &z->rule) == STATUS_OK;
}

static bool read_tzif(struct bytes file, struct sql_zone *z)
{
    struct reader r = reader_make(file);
    struct tzif_counts counts;
    uint8_t version;
    if (!read_head(&r, &version, &counts)) return false;
    if (version == 0) return counts.leap_seconds == 0 && read_body(&r, &counts, 4, z);
    get_bytes(&r, body_size(&counts, 4));
    if (!read_head(&r, &version, &counts) || counts.leap_seconds > 0) return false;
    return read_body(&r, &counts, 8, z) && read_footer(&r, z);
}

/* --- The set --------------------------------------------------------------------------------- */

struct sql_zones {
    struct sql_zone *list; /* by name, whatever its case */
    size_t count, capacity;
};

struct sql_zones *sql_zones_create(void)
{
    return calloc(1, sizeof(struct sql_zones));
}

static void free_tables(struct sql_zone *z)
{
    free((void *)(uintptr_t)z->changes);
    free((void *)(uintptr_t)z->offsets);
}

void sql_zones_destroy(struct sql_zones *zones)
{
    if (zones == NULL) return;
    for (size_t i = 0; i < zones->count; i++)
        free_tables(&zones->list[i]);
    free(zones->list);
    free(zones);
}

static int compare_names(const char *a, struct bytes b)
{
    int order = strncasecmp(a, (const char *)b.data, b.size);
    return order != 0 ? order : a[b.size] != 0;
}

/* The place of the first zone whose name is not below. */
static size_t place_of(const struct sql_zones *zones, struct bytes name)
{
    size_t low = 0, high = zones->count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (compare_names(zones->list[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct sql_zone *sql_zones_find(const struct sql_zones *zones, struct bytes name)
{
    if (zones == NULL || name.size == 0 || name.size > SQL_ZONE_NAME_BYTES_MAX) return NULL;
    size_t place = place_of(zones, name);
    if (place == zones->count || compare_names(zones->list[place].name, name) != 0) return NULL;
    return &zones->list[place];
}

const struct sql_zone *sql_zones_at(const struct sql_zones *zones, size_t index)
{
    return zones != NULL && index < zones->count ? &zones->list[index] : NULL;
}

static bool is_sound_name(struct bytes name)
{
    if (name.size == 0 || name.size > SQL_ZONE_NAME_BYTES_MAX) return false;
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        bool digit = c >= '0' && c <= '9';
        if (!ascii_is_letter(c) && !digit && c != '_' && c != '+' && c != '-' && c != '/')
            return false;
    }
    return ascii_is_letter(name.data[0]);
}

static enum status make_room(struct sql_zones *zones)
{
    if (zones->count < zones->capacity) return STATUS_OK;
    if (zones->count >= ZONES_MAX) return STATUS_TOO_LARGE;
    size_t capacity = zones->capacity == 0 ? 256 : zones->capacity * 2;
    struct sql_zone *list = realloc(zones->list, capacity * sizeof *list);
    if (list == NULL) return STATUS_NO_MEMORY;
    zones->list = list;
    zones->capacity = capacity;
    return STATUS_OK;
}

enum status sql_zones_add(struct sql_zones *zones, struct bytes name, struct bytes file)
{
    ASSERT(zones != NULL);
    if (!is_sound_name(name) || file.size > FILE_BYTES_MAX) return STATUS_INVALID;
    if (sql_zones_find(zones, name) != NULL) return STATUS_EXISTS;
    enum status status = make_room(zones);
    if (status != STATUS_OK) return status;
    struct sql_zone zone = {.change_count = 0};
    memcpy(zone.name, name.data, name.size);
    if (!read_tzif(file, &zone)) {
        free_tables(&zone);
        return STATUS_INVALID;
    }
    size_t place = place_of(zones, name);
    memmove(zones->list + place + 1, zones->list + place,
            (zones->count - place) * sizeof *zones->list);
    zones->list[place] = zone;
    zones->count++;
    return STATUS_OK;
}

static enum status load_file(struct sql_zones *zones, const char *path, const char *name,
                             uint8_t *buffer)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return STATUS_OK;
    size_t size = fread(buffer, 1, FILE_BYTES_MAX + 1, file);
    fclose(file);
    enum status status = sql_zones_add(zones, bytes_of_string(name), bytes_make(buffer, size));
    return status == STATUS_NO_MEMORY ? status : STATUS_OK;
}

/* `name` is the path below the root, "" for the root itself. */
static enum status load_below(struct sql_zones *zones, const char *root, const char *name,
                              int depth, uint8_t *buffer)
{
    char path[1024], inner[SQL_ZONE_NAME_BYTES_MAX + 2];
    int written = snprintf(path, sizeof path, "%s/%s", root, name);
    if (written < 0 || (size_t)written >= sizeof path) return STATUS_TOO_LARGE;
    DIR *directory = opendir(path);
    if (directory == NULL) return depth == 0 ? STATUS_NOT_FOUND : STATUS_OK;
    enum status status = STATUS_OK;
    for (struct dirent *d; status == STATUS_OK && (d = readdir(directory)) != NULL;) {
        bool twin =
            depth == 0 && (strcmp(d->d_name, "posix") == 0 || strcmp(d->d_name, "right") == 0 ||
                           strcmp(d->d_name, "localtime") == 0);
        if (d->d_name[0] == '.' || twin) continue; /* posix/ and right/ hold all zones once more */
        written = snprintf(inner, sizeof inner, "%s%s%s", name, depth == 0 ? "" : "/", d->d_name);
        if (written < 0 || (size_t)written >= sizeof inner) continue;
        written = snprintf(path, sizeof path, "%s/%s", root, inner);
        struct stat info;
        if (written < 0 || (size_t)written >= sizeof path || stat(path, &info) != 0) continue;
        if (S_ISREG(info.st_mode))
            status = load_file(zones, path, inner, buffer);
        else if (S_ISDIR(info.st_mode) && depth < DEPTH_MAX)
            status = load_below(zones, root, inner, depth + 1, buffer);
    }
    closedir(directory);
    return status;
}

enum status sql_zones_load(struct sql_zones *zones, const char *directory)
{
    ASSERT(zones != NULL);
    ASSERT(directory != NULL);
    uint8_t *buffer = malloc(FILE_BYTES_MAX + 1);
    if (buffer == NULL) return STATUS_NO_MEMORY;
    enum status status = load_below(zones, directory, "", 0, buffer);
    free(buffer);
    return status;
}

/* --- Names ----------------------------------------------------------------------------------- */

void sql_zone_fixed(int32_t offset, struct sql_zone *out)
{
    ASSERT(offset >= -SQL_ZONE_OFFSET_MAX && offset <= SQL_ZONE_OFFSET_MAX);
    *out =
        (struct sql_zone){.first_offset = offset, .has_rule = true, .rule = {.standard = offset}};
    int32_t size = offset < 0 ? -offset : offset;
    char east[16];
    int written = snprintf(east, sizeof east, "%02d", size / 3600);
    if (size % 3600 != 0)
        written += snprintf(east + written, sizeof east - (size_t)written, ":%02d", size / 60 % 60);
    if (size % 60 != 0) snprintf(east + written, sizeof east - (size_t)written, ":%02d", size % 60);
    snprintf(out->name, sizeof out->name, "<%c%s>%c%s", offset < 0 ? '-' : '+', east,
             offset < 0 ? '+' : '-', east);
}

/* Hours east: "5", "-8", "5.5". */
static bool resolve_number(struct bytes text, struct sql_zone *out)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    if (!negative)
        skip(&text, '+');
    else
        skip(&text, '-');
    int32_t hours, fraction = 0, unit = 3600;
    if (!read_number(&text, 15, &hours)) return false;
    if (skip(&text, '.'))
        for (; text.size > 0 && ascii_is_digit(text.data[0]); text.data++, text.size--) {
            unit /= 10;
            fraction += (text.data[0] - '0') * unit;
        }
    if (text.size > 0) return false;
    int32_t offset = hours * 3600 + fraction;
    sql_zone_fixed(negative ? -offset : offset, out);
    return true;
}

/* A rule, or one without an abbreviation: "+03:30" is west. */
static bool resolve_rule(struct bytes text, struct sql_zone_rule *out)
{
    if (sql_zone_parse_rule(text, out) == STATUS_OK) return true;
    int32_t west;
    if (!read_time(&text, 15, &west) || text.size > 0) return false;
    *out = (struct sql_zone_rule){.standard = -west};
    return true;
}

enum status sql_zone_resolve(const struct sql_zones *zones, struct bytes text, struct sql_zone *out)
{
    ASSERT(out != NULL);
    if (text.size == 0 || text.size > SQL_ZONE_NAME_BYTES_MAX) return STATUS_NOT_FOUND;
    const struct sql_zone *found = sql_zones_find(zones, text);
    if (found != NULL) {
        *out = *found;
        return STATUS_OK;
    }
    bool utc = ascii_equals_word(text, "utc") || ascii_equals_word(text, "gmt") ||
               ascii_equals_word(text, "z") || ascii_equals_word(text, "zulu");
    struct sql_zone zone = {.has_rule = true};
    if (!utc && !resolve_rule(text, &zone.rule)) return STATUS_NOT_FOUND;
    zone.first_offset = zone.rule.standard;
    struct bytes name = utc ? BYTES_LITERAL("UTC") : text;
    memcpy(zone.name, name.data, name.size);
    *out = zone;
    return STATUS_OK;
}

enum status sql_zone_resolve_setting(const struct sql_zones *zones, struct bytes text,
                                     struct sql_zone *out)
{
    return resolve_number(text, out) ? STATUS_OK : sql_zone_resolve(zones, text, out);
}

/* The abbreviations that PostgreSQL's default set and people both use; names with several meanings
 * keep PostgreSQL's. In quarters of an hour east. */
static const struct {
    char word[6];
    int8_t quarters;
} abbreviations[] = {
    {"acdt", 42},  {"acst", 38}, {"adt", -12}, {"aedt", 44}, {"aest", 40}, {"akdt", -32},
    {"akst", -36}, {"art", -12}, {"ast", -16}, {"awst", 32}, {"bdt", 24},  {"brt", -12},
    {"bst", 4},    {"cadt", 42}, {"cast", 38}, {"cdt", -20}, {"cest", 8},  {"cet", 4},
    {"cot", -20},  {"cst", -24}, {"eat", 12},  {"edt", -16}, {"eest", 12}, {"eet", 8},
    {"est", -20},  {"gmt", 0},   {"hkt", 32},  {"hst", -40}, {"ict", 28},  {"idt", 12},
    {"ist", 8},    {"jst", 36},  {"kst", 36},  {"mdt", -24}, {"mest", 8},  {"met", 4},
    {"mez", 4},    {"msd", 16},  {"msk", 12},  {"mst", -28}, {"ndt", -10}, {"nst", -14},
    {"nzdt", 52},  {"nzst", 48}, {"pdt", -28}, {"pht", 32},  {"pkt", 20},  {"pst", -32},
    {"sast", 8},   {"sgt", 32},  {"ut", 0},    {"utc", 0},   {"west", 4},  {"wet", 0},
    {"z", 0},      {"zulu", 0},
};

bool sql_zone_abbreviation(struct bytes word, int32_t *offset_out)
{
    for (size_t i = 0; i < sizeof abbreviations / sizeof abbreviations[0]; i++) {
        if (!bytes_equal(word, bytes_of_string(abbreviations[i].word))) continue;
        *offset_out = abbreviations[i].quarters * 15 * 60;
        return true;
    }
    return false;
}
