#include <stdlib.h>
#include <string.h>

#include "sql/types.h"
#include "tests/sim/cluster/sql_client_int.h"

static uint64_t below(struct sql_client *c, uint64_t bound)
{
    return sim_below(c->options.sim, bound);
}

static const char *text_of(const struct sql_client *c, const struct sql_part *part)
{
    return (const char *)c->request.texts.data + part->text_at;
}

/* ---- prepared statements ---- */

static void prepared_free(struct sql_prepared_text *prepared)
{
    free(prepared->text);
    *prepared = (struct sql_prepared_text){0};
}

void extended_forget(struct sql_client *c)
{
    for (uint32_t i = 0; i < SQL_PREPARED_MAX; i++) prepared_free(&c->prepared[i]);
}

static struct sql_prepared_text *prepared_find(struct sql_client *c, const char *text)
{
    for (uint32_t i = 0; i < SQL_PREPARED_MAX; i++)
        if (c->prepared[i].text != NULL && strcmp(c->prepared[i].text, text) == 0) return &c->prepared[i];
    return NULL;
}

static bool prepared_is_used(const struct sql_client *c, const struct sql_prepared_text *prepared)
{
    for (uint32_t i = 0; i < c->request.count; i++)
        if (c->request.parts[i].prepared == prepared) return true;
    return false;
}

static void put_name(struct buf *out, const struct sql_prepared_text *prepared)
{
    char name[16] = "";
    if (prepared != NULL) snprintf(name, sizeof name, "s%u", prepared->number);
    pgwire_put_text(out, name);
}

/* ---- choosing how a statement is sent ---- */

static bool fits_int4(int64_t number)
{
    return number >= INT32_MIN && number <= INT32_MAX;
}

static void choose_types(struct sql_client *c, struct sql_part *part)
{
    /* Nothing says what the parameters of a CASE are. */
    bool open = strstr(text_of(c, part), "CASE") == NULL && below(c, 2) == 0;
    for (uint32_t i = 0; i < part->lifted.count; i++) {
        const struct sql_lifted_value *value = &part->lifted.values[i];
        uint32_t type = !value->is_number ? SQL_TYPE_TEXT
                        : fits_int4(value->number) && below(c, 3) == 0 ? SQL_TYPE_INT4 : SQL_TYPE_INT8;
        part->parameter_types[i] = open && below(c, 2) == 0 ? 0 : type;
    }
}

/* A place for a new name; one that is no longer wanted is closed. */
static struct sql_prepared_text *prepared_make(struct sql_client *c, struct sql_part *part)
{
    struct sql_prepared_text *prepared = &c->prepared[below(c, SQL_PREPARED_MAX)];
    if (prepared->text != NULL && (!prepared->ready || prepared_is_used(c, prepared))) return NULL;
    prepared_free(prepared);
    prepared->text = strdup(text_of(c, part));
    ASSERT(prepared->text != NULL);
    prepared->number = ++c->name_next;
    memcpy(prepared->parameter_types, part->parameter_types, sizeof part->parameter_types);
    return prepared;
}

/* Its numbers are no larger than what they were declared as for another one. */
static bool suits(const struct sql_prepared_text *known, const struct sql_part *part)
{
    for (uint32_t i = 0; i < part->lifted.count; i++)
        if (known->parameter_types[i] == SQL_TYPE_INT4 && !fits_int4(part->lifted.values[i].number)) return false;
    return true;
}

static void choose_name(struct sql_client *c, struct sql_part *part)
{
    part->parse = true;
    if (below(c, 3) == 0) return;
    struct sql_prepared_text *known = prepared_find(c, text_of(c, part));
    if (known == NULL) {
        part->prepared = prepared_make(c, part);
    } else if (known->ready && suits(known, part)) {
        part->prepared = known;
        part->parse = false;
        memcpy(part->parameter_types, known->parameter_types, sizeof part->parameter_types);
    }
}

/* Without a Describe the columns have to be known from an earlier one. */
static void choose_describe(struct sql_client *c, struct sql_part *part)
{
    bool known = !part->parse && part->prepared->described;
    if (known && below(c, 2) == 0) {
        part->column_count = part->prepared->column_count;
        memcpy(part->column_types, part->prepared->column_types, sizeof part->column_types);
    } else {
        part->describe = below(c, 2) == 0 ? 'S' : 'P';
    }
}

static void choose(struct sql_client *c, struct sql_part *part)
{
    const char *text = text_of(c, part);
    bool gives_rows = strncmp(text, "SELECT", 6) == 0 || strstr(text, " RETURNING ") != NULL;
    choose_types(c, part);
    choose_name(c, part);
    choose_describe(c, part);
    part->binary_results = below(c, 2) == 0;
    if (below(c, 4) == 0) snprintf(part->portal, sizeof part->portal, "p%u", ++c->name_next);
    if (!c->options.plain && below(c, gives_rows ? 5 : 15) == 0) part->rows_max = 1 + (uint32_t)below(c, 3);
    part->flush = !c->options.plain && (below(c, 8) == 0 || (gives_rows && part->rows_max > 0));
}

/* ---- writing ---- */

static void expect(struct sql_client *c, enum expected_kind kind, const struct sql_part *part)
{
    struct sql_request *q = &c->request;
    ASSERT(q->expected_first + q->expected_count < SQL_EXPECTED_MAX);
    uint32_t place = part == NULL ? 0 : (uint32_t)(part - q->parts);
    q->expected[q->expected_first + q->expected_count++] = (struct expected){kind, place};
}

static void put_parse(struct sql_client *c, const struct sql_part *part)
{
    struct buf *out = &c->out;
    uint32_t count = part->lifted.count;
    while (count > 0 && part->parameter_types[count - 1] == 0) count--; /* the last ones may be left out */
    size_t start = pgwire_begin(out, 'P');
    put_name(out, part->prepared);
    pgwire_put_text(out, text_of(c, part));
    put_be16(out, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) put_be32(out, part->parameter_types[i]);
    pgwire_end(out, start);
    expect(c, EXPECT_PARSE, part);
}

static void put_value(struct sql_client *c, const struct sql_part *part, uint32_t i, bool binary)
{
    const struct sql_lifted_value *value = &part->lifted.values[i];
    struct buf *out = &c->out;
    if (!value->is_number) {
        put_be32(out, (uint32_t)value->size);
        buf_append(out, c->request.strings.data + value->at, value->size);
    } else if (!binary) {
        char digits[24];
        int size = snprintf(digits, sizeof digits, "%lld", (long long)value->number);
        put_be32(out, (uint32_t)size);
        buf_append_string(out, digits);
    } else if (part->parameter_types[i] == SQL_TYPE_INT4) {
        put_be32(out, 4);
        put_be32(out, (uint32_t)value->number);
    } else {
        put_be32(out, 8);
        put_be64(out, (uint64_t)value->number);
    }
}

static void put_bind(struct sql_client *c, const struct sql_part *part)
{
    struct buf *out = &c->out;
    uint32_t count = part->lifted.count;
    bool declared = true, binary[SQL_LIFT_MAX];
    for (uint32_t i = 0; i < count; i++) declared = declared && part->parameter_types[i] != 0;
    bool all = declared && below(c, 2) == 0;
    size_t start = pgwire_begin(out, 'B');
    pgwire_put_text(out, part->portal);
    put_name(out, part->prepared);
    put_be16(out, (uint16_t)(all ? 1 : count));
    for (uint32_t i = 0; i < count; i++) {
        binary[i] = all || (part->parameter_types[i] != 0 && below(c, 2) == 0);
        if (!all) put_be16(out, binary[i]);
    }
    if (all) put_be16(out, 1);
    put_be16(out, (uint16_t)count);
    for (uint32_t i = 0; i < count; i++) put_value(c, part, i, binary[i]);
    put_be16(out, part->binary_results);
    if (part->binary_results) put_be16(out, 1);
    pgwire_end(out, start);
    expect(c, EXPECT_BIND, part);
}

static void put_describe(struct sql_client *c, const struct sql_part *part)
{
    if (part->describe == 0) return;
    size_t start = pgwire_begin(&c->out, 'D');
    put_u8(&c->out, part->describe);
    if (part->describe == 'S') put_name(&c->out, part->prepared);
    else pgwire_put_text(&c->out, part->portal);
    pgwire_end(&c->out, start);
    if (part->describe == 'S') expect(c, EXPECT_PARAMETERS, part);
    expect(c, EXPECT_COLUMNS, part);
}

static void put_execute(struct sql_client *c, const struct sql_part *part)
{
    size_t start = pgwire_begin(&c->out, 'E');
    pgwire_put_text(&c->out, part->portal);
    put_be32(&c->out, part->rows_max);
    pgwire_end(&c->out, start);
    expect(c, EXPECT_EXECUTE, part);
    /* It is executed when it is known what comes next. */
    if (part == &c->request.parts[c->request.count - 1]) c->commit_at = c->out.size + 1;
}

static void put_plain(struct sql_client *c, uint8_t type)
{
    pgwire_end(&c->out, pgwire_begin(&c->out, type));
    if (type == 'S') expect(c, EXPECT_READY, NULL);
}

static void put_close(struct sql_client *c, const struct sql_part *part)
{
    size_t start = pgwire_begin(&c->out, 'C');
    put_u8(&c->out, 'P');
    pgwire_put_text(&c->out, part->portal);
    pgwire_end(&c->out, start);
    expect(c, EXPECT_CLOSE, part);
}

/* Describe may stand before Bind when it is about the statement. */
static void put_part(struct sql_client *c, struct sql_part *part)
{
    bool early = part->describe == 'S' && below(c, 2) == 0;
    if (part->parse) put_parse(c, part);
    if (early) put_describe(c, part);
    put_bind(c, part);
    if (!early) put_describe(c, part);
    put_execute(c, part);
    if (!c->options.plain && !part->flush && part->rows_max == 0 && below(c, 6) == 0) put_close(c, part);
}

/* Everything up to where an answer is needed. */
static void put_parts(struct sql_client *c)
{
    struct sql_request *q = &c->request;
    while (!q->waits && q->next < q->count) {
        struct sql_part *part = &q->parts[q->next++];
        put_part(c, part);
        q->waits = part->flush;
        if (q->waits) {
            put_plain(c, 'H');
        } else if (q->sync_each && q->next >= 2 && q->next < q->count) {
            put_plain(c, 'S');
            q->waits = q->next == 2;
        }
    }
}

/* More rows of a portal that was suspended: some, or all. */
static void put_resumed(struct sql_client *c)
{
    struct sql_request *q = &c->request;
    struct sql_part *part = &q->parts[q->next - 1];
    q->suspended = false;
    part->rows_max = (uint32_t)below(c, 4);
    put_execute(c, part);
    q->waits = part->rows_max > 0;
    if (q->waits) put_plain(c, 'H');
}

void extended_proceed(struct sql_client *c)
{
    struct sql_request *q = &c->request;
    bool writing = c->sending || c->out_at < c->out_stop || c->out_stop < c->out.size;
    if (writing || q->synced || (q->waits && q->expected_count > 0)) return;
    q->waits = false;
    q->expected_first = 0;
    buf_reset(&c->out);
    c->commit_at = SIZE_MAX;
    if (q->suspended && !q->failed) put_resumed(c);
    if (!q->failed) put_parts(c);
    if (q->failed || (!q->waits && q->next == q->count)) {
        put_plain(c, 'S');
        q->synced = true;
    }
    client_send_all(c, SQL_CUT_QUERY_HALF);
}

static bool takes_parameters(const char *text)
{
    static const char *const verbs[] = {"SELECT", "INSERT", "UPDATE", "DELETE"};
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
        if (strncmp(text, verbs[i], strlen(verbs[i])) == 0) return true;
    return false;
}

void extended_begin(struct sql_client *c, const char *const *texts, uint32_t count, bool sync_each)
{
    struct sql_request *q = &c->request;
    ASSERT(count > 0 && count <= SQL_CLIENT_RESULTS_MAX);
    buf_reset(&q->texts);
    buf_reset(&q->strings);
    q->count = count;
    q->next = q->expected_first = q->expected_count = 0;
    q->sync_each = sync_each;
    q->waits = q->suspended = q->synced = q->failed = false;
    for (uint32_t i = 0; i < count; i++) {
        q->parts[i] = (struct sql_part){.text_at = q->texts.size};
        if (takes_parameters(texts[i])) sql_lift(texts[i], &q->parts[i].lifted, &q->texts, &q->strings);
        else buf_append_string(&q->texts, texts[i]);
        buf_append_byte(&q->texts, 0);
    }
    ASSERT(!q->texts.failed && !q->strings.failed);
    for (uint32_t i = 0; i < count; i++) choose(c, &q->parts[i]);
    buf_reset(&c->out);
    c->out_at = c->out_stop = 0;
    extended_proceed(c);
}

/* ---- answers ---- */

static void expected_pop(struct sql_request *q)
{
    ASSERT(q->expected_count > 0);
    q->expected_first++;
    q->expected_count--;
}

static bool take_parameters(const struct sql_part *part, struct reader *r)
{
    uint16_t count = get_be16(r);
    if (count != part->lifted.count) return false;
    for (uint16_t i = 0; i < count && !r->failed; i++) {
        uint32_t type = get_be32(r), declared = part->parameter_types[i];
        if (declared != 0 ? type != declared : type == 0) return false;
    }
    return reader_done(r);
}

static bool take_columns(struct sql_part *part, struct reader *r)
{
    uint16_t count = get_be16(r), format = part->describe == 'P' && part->binary_results ? 1 : 0;
    if (count == 0 || count > SQL_COLUMNS_MAX) return false;
    for (uint16_t i = 0; i < count && !r->failed; i++) {
        pgwire_text(r);
        get_bytes(r, 6); /* table, column */
        part->column_types[i] = get_be32(r);
        get_bytes(r, 6); /* size, modifier */
        if (get_be16(r) != format) return false;
    }
    part->column_count = count;
    return reader_done(r);
}

static bool take_description(struct sql_part *part, const struct pgwire_message *m, struct reader *r)
{
    bool right = m->type == 'T' ? take_columns(part, r) : m->type == 'n' && reader_done(r);
    if (part->prepared != NULL) {
        part->prepared->described = true;
        part->prepared->column_count = part->column_count;
        memcpy(part->prepared->column_types, part->column_types, sizeof part->column_types);
    }
    return right;
}

/* The tag of a query counts the rows of this Execute; what is given out counts all. */
static bool take_tag(struct sql_part *part, struct sql_rows *rows, const char *tag)
{
    snprintf(rows->tag, sizeof rows->tag, "%s", tag);
    if (strncmp(tag, "SELECT ", 7) != 0) return *tag != '\0';
    char wanted[32];
    snprintf(wanted, sizeof wanted, "SELECT %llu", (unsigned long long)(rows->row_count - part->rows_before));
    snprintf(rows->tag, sizeof rows->tag, "SELECT %u", rows->row_count);
    return strcmp(tag, wanted) == 0;
}

static bool take_executed(struct sql_client *c, struct sql_part *part, const struct pgwire_message *m, struct reader *r)
{
    struct sql_rows *rows = client_rows(c);
    if (rows == NULL) return false;
    rows->column_count = part->column_count;
    c->rows_open = part->column_count > 0;
    if (m->type == 'D') return client_take_row(c, r, part->binary_results ? part->column_types : NULL);
    expected_pop(&c->request);
    c->rows_open = false;
    if (m->type == 's') {
        bool right = part->rows_max > 0 && rows->row_count - part->rows_before == part->rows_max;
        part->rows_before = rows->row_count;
        c->request.suspended = true;
        return right && reader_done(r);
    }
    /* Behind an error in another batch only the end of the transaction is executed. */
    if (m->type != 'C' || !take_tag(part, rows, pgwire_text(r))) return false;
    if (c->result.sqlstate[0] == '\0') c->result.count++;
    return reader_done(r);
}

bool extended_take(struct sql_client *c, const struct pgwire_message *m)
{
    struct sql_request *q = &c->request;
    struct reader r = reader_make(m->body);
    if (q->expected_count == 0) return false;
    const struct expected *expected = &q->expected[q->expected_first];
    struct sql_part *part = &q->parts[expected->part];
    bool right = false;
    switch (expected->kind) {
    case EXPECT_PARSE:
        if (part->prepared != NULL) part->prepared->ready = true;
        right = m->type == '1' && reader_done(&r);
        break;
    case EXPECT_BIND: right = m->type == '2' && reader_done(&r); break;
    case EXPECT_PARAMETERS: right = m->type == 't' && take_parameters(part, &r); break;
    case EXPECT_COLUMNS: right = take_description(part, m, &r); break;
    case EXPECT_CLOSE: right = m->type == '3' && reader_done(&r); break;
    case EXPECT_EXECUTE: right = take_executed(c, part, m, &r); break;
    case EXPECT_READY: break;
    }
    if (right && expected->kind != EXPECT_EXECUTE) expected_pop(q);
    if (right) extended_proceed(c);
    return right;
}

bool extended_failed(struct sql_client *c)
{
    struct sql_request *q = &c->request;
    if (q->expected_count == 0) return false;
    c->rows_open = false;
    for (; q->expected_count > 0 && q->expected[q->expected_first].kind != EXPECT_READY; expected_pop(q)) {
        const struct expected *left_out = &q->expected[q->expected_first];
        struct sql_part *part = &q->parts[left_out->part];
        if (left_out->kind == EXPECT_PARSE && part->prepared != NULL) prepared_free(part->prepared);
    }
    q->failed = true;
    if (q->expected_count == 0) extended_proceed(c);
    return true;
}

bool extended_ready(struct sql_client *c, bool *last_out)
{
    struct sql_request *q = &c->request;
    if (q->expected_count == 0 || q->expected[q->expected_first].kind != EXPECT_READY) return false;
    expected_pop(q);
    *last_out = q->expected_count == 0 && (q->synced || q->failed || (q->sync_each && c->result.state != 'T'));
    if (!*last_out) extended_proceed(c);
    return true;
}
