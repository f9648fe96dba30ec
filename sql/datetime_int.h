/* Splitting date, time and interval texts into fields, for sql/datetime*.c. */
#ifndef OSTRAKA_SQL_DATETIME_INT_H
#define OSTRAKA_SQL_DATETIME_INT_H

#include "base/assert.h"
#include "sql/datetime.h"

#define DATETIME_FIELDS_MAX      25
#define DATETIME_INPUT_BYTES_MAX 160

enum field_kind {
    FIELD_NUMBER = 1,  /* 12, 12.5, .5 */
    FIELD_DATE,        /* 1999-01-08, 1/8/1999, 8-jan-1999, jan-8-1999, america/new_york */
    FIELD_TIME,        /* 04:05:06.789 */
    FIELD_WORD,        /* january, pm, t */
    FIELD_OFFSET,      /* +03, -8:00; in an interval, a signed number or time */
    FIELD_SIGNED_WORD, /* -infinity */
};

/* Lower-case, NUL-terminated views of the splitter's text. */
struct field {
    enum field_kind kind;
    const char *text;
};
struct fields {
    struct field list[DATETIME_FIELDS_MAX];
    uint32_t count;
    char text[DATETIME_INPUT_BYTES_MAX + 2 * DATETIME_FIELDS_MAX];
};

/* False when the text cannot be a date, time or interval at all. */
bool datetime_split(struct bytes text, struct fields *out);

/* What went wrong, to be told with the whole text. */
enum datetime_fault {
    DATETIME_SOUND = 0,
    DATETIME_BAD_FORMAT,        /* 22007 */
    DATETIME_FIELD_OVERFLOW,    /* 22008 */
    DATETIME_MONTH_DAY,         /* 22008, with a hint about DateStyle */
    DATETIME_INTERVAL_OVERFLOW, /* 22015 */
    DATETIME_OFFSET_OVERFLOW,   /* 22009 */
    DATETIME_REPORTED,          /* e->error is set */
};
enum status datetime_fail(struct sql_eval *e, enum datetime_fault fault, uint32_t oid,
                          struct bytes text);

enum word_kind {
    WORD_NONE = 0,
    WORD_MONTH, /* value 1 to 12 */
    WORD_WEEKDAY,
    WORD_MERIDIEM,  /* 0 am, 1 pm */
    WORD_ERA,       /* 0 ad, 1 bc */
    WORD_SPECIAL,   /* enum special */
    WORD_TIME_MARK, /* t */
    WORD_JULIAN,    /* j */
    WORD_DAYLIGHT,  /* dst: an hour more */
    WORD_IGNORED,   /* at, on */
};
enum special {
    SPECIAL_NOW = 1,
    SPECIAL_TODAY,
    SPECIAL_TOMORROW,
    SPECIAL_YESTERDAY,
    SPECIAL_ALLBALLS,
    SPECIAL_EPOCH, /* from here on what is no place on a calendar */
    SPECIAL_INFINITY,
    SPECIAL_MINUS_INFINITY,
};
enum word_kind datetime_word(const char *word, int32_t *value_out);

/* Units of intervals, date_trunc and extract: a word in any of its spellings. */
enum datetime_unit {
    UNIT_NONE = 0,
    UNIT_MICROSECOND,
    UNIT_MILLISECOND,
    UNIT_SECOND,
    UNIT_MINUTE,
    UNIT_HOUR,
    UNIT_DAY,
    UNIT_WEEK,
    UNIT_MONTH,
    UNIT_QUARTER,
    UNIT_YEAR,
    UNIT_DECADE,
    UNIT_CENTURY,
    UNIT_MILLENNIUM,
    /* Only extract knows these. */
    UNIT_DOW,
    UNIT_ISODOW,
    UNIT_DOY,
    UNIT_ISOYEAR,
    UNIT_EPOCH,
    UNIT_JULIAN,
    UNIT_TIMEZONE,
    UNIT_TIMEZONE_HOUR,
    UNIT_TIMEZONE_MINUTE,
};
enum datetime_unit datetime_unit(struct bytes word);

/* hh:mm[:ss[.ffffff]] or mm:ss.ffffff; hours are unbounded. Signs are the caller's. */
struct clock_reading {
    int64_t hours;
    int32_t minutes, seconds, us;
};
enum datetime_fault datetime_read_clock(const char *text, bool minutes_first,
                                        struct clock_reading *out);
/* The digits behind a point as us; more than six are rounded (it may reach 1000000). False when
 * anything but digits follows the point. */
bool datetime_read_fraction(const char *text, int32_t *us_out);
/* [+-]h, hh, hhmm, hh:mm, hh:mm:ss in seconds east. */
enum datetime_fault datetime_read_offset(const char *text, int32_t *offset_out);

#endif
