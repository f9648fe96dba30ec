#include "sql/extended.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/utf8.h"
#include "sql/types.h"

#define PARAMETER_TYPES_MAX 65535

static void put_empty(struct buf *out, uint8_t type)
{
    pgwire_end(out, pgwire_begin(out, type));
}

static uint16_t format_at(const uint16_t *formats, uint32_t count, uint32_t index)
{
    return count == 0 ? 0 : formats[count == 1 ? 0 : index];
}

uint16_t extended_format(const struct extended *x, uint32_t column)
{
    return x->executing ? format_at(x->formats, x->format_count, column) : 0;
}

void extended_put_columns(struct buf *out, const struct sql_result_column *columns, uint32_t count,
                          const uint16_t *formats, uint32_t format_count)
{
    size_t start = pgwire_begin(out, 'T');
    put_be16(out, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) {
        const struct sql_type_info *info = sql_type_find(columns[i].type.oid);
        pgwire_put_text(out, columns[i].name);
        put_be32(out, columns[i].table_oid);
        put_be16(out, (uint16_t)columns[i].column_number);
        put_be32(out, columns[i].type.oid);
        put_be16(out, (uint16_t)(info != NULL ? info->size_bytes : -1));
        put_be32(out, (uint32_t)columns[i].type.typmod);
        put_be16(out, format_at(formats, formats == NULL ? 0 : format_count, i));
    }
    pgwire_end(out, start);
}

static bool malformed(struct sql_error *error)
{
    *error = (struct sql_error){.message = "invalid message format"};
    memcpy(error->sqlstate, SQLSTATE_PROTOCOL_VIOLATION, sizeof error->sqlstate);
    return false;
}

/* A name is shown in messages: it is text, as all that clients see. */
static bool is_text(const char *name, struct sql_error *error)
{
    if (utf8_valid(bytes_of_string(name))) return true;
    *error = (struct sql_error){.message = "invalid byte sequence for encoding \"UTF8\" in a name"};
    memcpy(error->sqlstate, SQLSTATE_CHARACTER_NOT_IN_REPERTOIRE, sizeof error->sqlstate);
    return false;
}

/* Parse: name, text, count of types, types. */
static bool handle_parse(struct extended *x, struct reader *r, struct sql_error *error)
{
    const char *name = pgwire_text(r);
    const char *text = pgwire_text(r);
    uint32_t count = get_be16(r);
    if (r->failed || reader_left(r) != 4 * (size_t)count) return malformed(error);
    if (!is_text(name, error)) return false;
    uint32_t *types = NULL;
    if (count > 0 && (types = calloc(count, sizeof *types)) == NULL) return sql_error_out_of_memory(error);
    for (uint32_t i = 0; i < count; i++) types[i] = get_be32(r);
    bool ok = sql_session_parse(x->session, name, bytes_of_string(text), types, count, error);
    free(types);
    if (ok) put_empty(x->out, '1');
    return ok;
}

/* Bind: portal, statement, and what the session reads. */
static bool handle_bind(struct extended *x, struct reader *r, struct sql_error *error)
{
    const char *portal = pgwire_text(r);
    const char *statement = pgwire_text(r);
    if (r->failed) return malformed(error);
    if (!is_text(portal, error) || !is_text(statement, error)) return false;
    struct bytes body = bytes_make(r->at, reader_left(r));
    if (!sql_session_bind(x->session, portal, statement, body, error)) return false;
    put_empty(x->out, '2');
    return true;
}

static void put_description(struct buf *out, const struct sql_description *d)
{
    if (d->has_columns) extended_put_columns(out, d->columns, d->column_count, d->formats, d->format_count);
    else put_empty(out, 'n');
}

/* Describe: 'S' or 'P', name. */
static bool handle_describe(struct extended *x, struct reader *r, struct sql_error *error)
{
    uint8_t what = get_u8(r);
    const char *name = pgwire_text(r);
    struct sql_description d;
    if (!reader_done(r) || (what != 'S' && what != 'P')) return malformed(error);
    if (!is_text(name, error)) return false;
    if (what == 'P') {
        if (!sql_session_describe_portal(x->session, name, &d, error)) return false;
        put_description(x->out, &d);
        return true;
    }
    if (!sql_session_describe_statement(x->session, name, &d, error)) return false;
    size_t start = pgwire_begin(x->out, 't');
    put_be16(x->out, (uint16_t)d.parameter_count);
    for (uint32_t i = 0; i < d.parameter_count; i++) put_be32(x->out, d.parameter_types[i]);
    pgwire_end(x->out, start);
    put_description(x->out, &d);
    return true;
}

/* Execute: portal, most rows (0: all). */
static bool handle_execute(struct extended *x, struct reader *r, struct bytes behind, struct sql_error *error)
{
    const char *name = pgwire_text(r);
    uint32_t rows_max = get_be32(r);
    struct sql_description d;
    if (!reader_done(r)) return malformed(error);
    if (!is_text(name, error)) return false;
    if (!sql_session_describe_portal(x->session, name, &d, error)) return false;
    x->executing = true;
    x->formats = d.formats;
    x->format_count = d.format_count;
    bool alone = behind.size > 0 && behind.data[0] == 'S', paused;
    bool ok = sql_session_execute(x->session, name, rows_max > INT32_MAX ? 0 : rows_max, alone, x->sink, &paused,
                                  error);
    x->executing = false;
    if (ok && paused) put_empty(x->out, 's');
    return ok;
}

/* Close: 'S' or 'P', name. */
static bool handle_close(struct extended *x, struct reader *r, struct sql_error *error)
{
    uint8_t what = get_u8(r);
    const char *name = pgwire_text(r);
    if (!reader_done(r) || (what != 'S' && what != 'P')) return malformed(error);
    if (!is_text(name, error)) return false;
    if (what == 'S') sql_session_close_statement(x->session, name);
    else sql_session_close_portal(x->session, name);
    put_empty(x->out, '3');
    return true;
}

bool extended_is(uint8_t type)
{
    return type == 'P' || type == 'B' || type == 'D' || type == 'E' || type == 'C';
}

/* Whether a Sync follows decides if the statement may be a transaction of its own. Nothing would be sent
 * before the client's next message anyway. */
bool extended_waits(uint8_t type, struct bytes behind)
{
    return type == 'E' && behind.size == 0;
}

bool extended_handle(struct extended *x, const struct pgwire_message *m, struct bytes behind,
                     struct sql_error *error)
{
    struct reader r = reader_make(m->body);
    bool ok;
    switch (m->type) {
    case 'P': ok = handle_parse(x, &r, error); break;
    case 'B': ok = handle_bind(x, &r, error); break;
    case 'D': ok = handle_describe(x, &r, error); break;
    case 'E': ok = handle_execute(x, &r, behind, error); break;
    case 'C': ok = handle_close(x, &r, error); break;
    default: UNREACHABLE();
    }
    return ok;
}
