#include "tests/sim/cluster/sql_lift.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool is_word(char c)
{
    return is_digit(c) || c == '_' || c == '$' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* A sign belongs to the number when a space, a parenthesis or a comma is before it: "a - 1" has an operator. */
static bool number_starts(const char *text, const char *at)
{
    char before = at > text ? at[-1] : ' ';
    if (is_digit(*at)) return !is_word(before) && before != '.';
    return *at == '-' && is_digit(at[1]) && strchr(" (,", before) != NULL;
}

static const char *lift_string(const char *at, struct sql_lifted_value *value, struct buf *strings)
{
    value->at = strings->size;
    for (at++; *at != '\0' && (*at != '\'' || at[1] == '\''); at++) {
        if (*at == '\'') at++;
        buf_append_byte(strings, (uint8_t)*at);
    }
    ASSERT(*at == '\'');
    value->size = strings->size - value->at;
    return at + 1;
}

void sql_lift(const char *text, struct sql_lifted *lifted, struct buf *out, struct buf *strings)
{
    lifted->count = 0;
    for (const char *at = text; *at != '\0';) {
        bool number = number_starts(text, at);
        if ((!number && *at != '\'') || lifted->count == SQL_LIFT_MAX) {
            buf_append_byte(out, (uint8_t)*at++);
            continue;
        }
        struct sql_lifted_value *value = &lifted->values[lifted->count++];
        *value = (struct sql_lifted_value){.is_number = number};
        if (number) {
            char *stop;
            value->number = strtoll(at, &stop, 10);
            at = stop;
        } else {
            at = lift_string(at, value, strings);
        }
        buf_printf(out, "$%u", lifted->count);
    }
}
