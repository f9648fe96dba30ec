#include "sql/error.h"

#include <stdio.h>

#include "base/assert.h"

static void check(const struct sql_error *e)
{
    ASSERT(e->sqlstate[5] == 0);
    ASSERT((e->message != NULL) == sql_error_is_set(e));
}

/* Cuts at the start of a UTF-8 sequence, so that what is left stays well formed. */
static void cut(char *text, size_t size)
{
    ASSERT(size <= SQL_ERROR_TEXT_BYTES_MAX);
    while (size > 0 && ((uint8_t)text[size] & 0xC0) == 0x80)
        size--;
    text[size] = 0;
}

/* The formatted text, cut to the limit; NULL when the arena is full. */
__attribute__((format(printf, 2, 0))) static const char *
format_text(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    va_copy(again, args);
    char small[256]; /* nearly all messages fit: format once */
    int size = vsnprintf(small, sizeof small, format, args);
    ASSERT(size >= 0);
    char *text = NULL;
    if ((size_t)size < sizeof small) {
        text = arena_strdup(arena, small);
    } else {
        size_t room = (size_t)size < SQL_ERROR_TEXT_BYTES_MAX ? (size_t)size + 1
                                                              : SQL_ERROR_TEXT_BYTES_MAX + 1;
        text = arena_alloc(arena, room + 1); /* one byte more: cut() looks behind what is kept */
        if (text != NULL) {
            int written = vsnprintf(text, room + 1, format, again);
            ASSERT(written == size);
            if ((size_t)size > SQL_ERROR_TEXT_BYTES_MAX) cut(text, SQL_ERROR_TEXT_BYTES_MAX);
        }
    }
    va_end(again);
    return text;
}

bool sql_error_is(const struct sql_error *e, const char *sqlstate)
{
    ASSERT(strlen(sqlstate) == 5);
    return memcmp(e->sqlstate, sqlstate, 5) == 0;
}

void sql_error_clear(struct sql_error *e)
{
    *e = (struct sql_error){.message = NULL};
    check(e);
}

bool sql_error_out_of_memory(struct sql_error *e)
{
    check(e);
    if (sql_error_is_set(e)) return false;
    memcpy(e->sqlstate, SQLSTATE_OUT_OF_MEMORY, sizeof e->sqlstate);
    e->message = "out of memory";
    check(e);
    return false;
}

bool sql_error_vset(struct sql_error *e, struct arena *arena, const char *sqlstate,
                    uint32_t position, const char *format, va_list args)
{
    check(e);
    ASSERT(strlen(sqlstate) == 5);
    if (sql_error_is_set(e)) return false;
    const char *message = format_text(arena, format, args);
    if (message == NULL) return sql_error_out_of_memory(e);
    memcpy(e->sqlstate, sqlstate, sizeof e->sqlstate);
    e->position = position;
    e->message = message;
    check(e);
    return false;
}

bool sql_error_set(struct sql_error *e, struct arena *arena, const char *sqlstate,
                   uint32_t position, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    sql_error_vset(e, arena, sqlstate, position, format, args);
    va_end(args);
    return false;
}

void sql_error_detail(struct sql_error *e, struct arena *arena, const char *format, ...)
{
    ASSERT(sql_error_is_set(e));
    if (e->detail != NULL) return;
    va_list args;
    va_start(args, format);
    e->detail = format_text(arena, format, args);
    va_end(args);
}

void sql_error_hint(struct sql_error *e, struct arena *arena, const char *format, ...)
{
    ASSERT(sql_error_is_set(e));
    if (e->hint != NULL) return;
    va_list args;
    va_start(args, format);
    e->hint = format_text(arena, format, args);
    va_end(args);
}

void sql_error_context(struct sql_error *e, struct arena *arena, const char *format, ...)
{
    ASSERT(sql_error_is_set(e));
    if (e->context != NULL) return;
    va_list args;
    va_start(args, format);
    e->context = format_text(arena, format, args);
    va_end(args);
}

void sql_error_names(struct sql_error *e, const char *schema, const char *table, const char *column,
                     const char *datatype, const char *constraint)
{
    ASSERT(sql_error_is_set(e));
    if (schema != NULL) e->schema_name = schema;
    if (table != NULL) e->table_name = table;
    if (column != NULL) e->column_name = column;
    if (datatype != NULL) e->datatype_name = datatype;
    if (constraint != NULL) e->constraint_name = constraint;
}

void sql_error_at(struct sql_error *e, uint32_t position)
{
    ASSERT(sql_error_is_set(e));
    if (e->position == 0) e->position = position;
}

static bool copy_text(const char **to, struct arena *arena, const char *from)
{
    *to = from == NULL ? NULL : arena_strdup(arena, from);
    return from == NULL || *to != NULL;
}

void sql_error_copy(struct sql_error *to, struct arena *arena, const struct sql_error *from)
{
    check(from);
    ASSERT(!sql_error_is_set(to));
    struct sql_error copy = *from;
    bool complete = copy_text(&copy.message, arena, from->message) &&
                    copy_text(&copy.detail, arena, from->detail) &&
                    copy_text(&copy.hint, arena, from->hint) &&
                    copy_text(&copy.context, arena, from->context) &&
                    copy_text(&copy.schema_name, arena, from->schema_name) &&
                    copy_text(&copy.table_name, arena, from->table_name) &&
                    copy_text(&copy.column_name, arena, from->column_name) &&
                    copy_text(&copy.datatype_name, arena, from->datatype_name) &&
                    copy_text(&copy.constraint_name, arena, from->constraint_name);
    if (complete)
        *to = copy;
    else
        sql_error_out_of_memory(to);
    check(to);
}
