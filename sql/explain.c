/* EXPLAIN: the plan of a statement as PostgreSQL shows plans, without estimates, since there are no statistics.
 * ANALYZE runs the statement and adds what was counted. */
#include "sql/explain_int.h"

#include <inttypes.h>
#include <stdarg.h>

#include "base/assert.h"
#include "io/env.h"

#define TEXT_BYTES_MAX (4u << 20)

/* ---- the tree ---- */

struct explain_node *explain_node(struct explain *e, struct explain_node *above, const char *type)
{
    struct explain_node *n = ARENA_NEW(e->x->arena, struct explain_node);
    if (n == NULL) {
        e->failed = true;
        return NULL;
    }
    n->type = n->title = type;
    n->properties_end = &n->properties;
    n->children_end = &n->children;
    if (above != NULL) {
        *above->children_end = n;
        above->children_end = &n->next;
    }
    return n;
}

static void add(struct explain *e, struct explain_node *n, const char *name, const char *value, bool number)
{
    struct explain_property *p = ARENA_NEW(e->x->arena, struct explain_property);
    if (p == NULL || value == NULL) {
        e->failed = true;
        return;
    }
    *p = (struct explain_property){.name = name, .value = value, .number = number};
    *n->properties_end = p;
    n->properties_end = &p->next;
}

void explain_add(struct explain *e, struct explain_node *n, const char *name, const char *format, ...)
{
    char text[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add(e, n, name, arena_strdup(e->x->arena, text), false);
}

void explain_condition(struct explain *e, struct explain_node *n, const char *name, const struct select *s,
                       const struct expr *condition)
{
    if (condition == NULL) return;
    struct explain_node *before = e->at;
    e->at = n;
    add(e, n, name, explain_text(e, s, condition), false);
    e->at = before;
}

void explain_source(struct explain *e, struct explain_node *above, const struct source *o)
{
    if (!e->failed) o->ops->explain(e, above, o);
}

/* The conjuncts that find keys, and the others, each joined by AND. */
static void split_filter(struct explain *e, struct explain_node *n, const struct select *s,
                         const struct sql_table *table, uint32_t base, const struct expr *filter)
{
    uint32_t count = filter->kind == EXPR_AND ? filter->arg_count : 1;
    for (int uses = 1; uses >= 0; uses--) {
        struct expr **items = ARENA_ARRAY(e->x->arena, struct expr *, count + 1);
        struct expr *all = ARENA_NEW(e->x->arena, struct expr);
        if (items == NULL || all == NULL) {
            e->failed = true;
            return;
        }
        *all = (struct expr){.kind = EXPR_AND, .type = filter->type, .args = items};
        for (uint32_t i = 0; i < count; i++) {
            struct expr *item = filter->kind == EXPR_AND ? filter->args[i] : (struct expr *)(uintptr_t)filter;
            if (access_uses(table, base, filter, item) == (uses == 1)) items[all->arg_count++] = item;
        }
        if (all->arg_count == 0) continue;
        explain_condition(e, n, uses == 1 ? "Index Cond" : "Filter", s, all->arg_count == 1 ? items[0] : all);
    }
}

void explain_table(struct explain *e, struct explain_node *above, const struct select *s,
                   const struct sql_table *table, const char *alias, uint32_t base, const struct expr *filter,
                   const struct source *counted)
{
    bool keyed = false;
    for (uint32_t i = 0; filter != NULL && filter->kind == EXPR_AND && i < filter->arg_count; i++)
        keyed |= access_uses(table, base, filter, filter->args[i]);
    if (filter != NULL && filter->kind != EXPR_AND) keyed = access_uses(table, base, filter, filter);
    struct explain_node *n = explain_node(e, above, keyed ? "Index Scan" : "Seq Scan");
    if (n == NULL) return;
    bool renamed = strcmp(alias, table->name) != 0;
    bool backward = counted == NULL && s->sorted_by_scan && s->access.reverse;
    keyed |= counted == NULL && s->sorted_by_scan;
    n->type = keyed ? "Index Scan" : "Seq Scan";
    n->title = keyed ? arena_printf(e->x->arena, "Index Scan %susing %s on %s%s%s", backward ? "Backward " : "", table->key_name, table->name,
                                    renamed ? " " : "", renamed ? alias : "")
                     : arena_printf(e->x->arena, "Seq Scan on %s%s%s", table->name, renamed ? " " : "",
                                    renamed ? alias : "");
    n->rows = counted != NULL ? &counted->rows : &s->inputs;
    n->loops = counted != NULL ? &counted->loops : &s->loops;
    if (filter != NULL) split_filter(e, n, s, table, base, filter);
}

static const char *list_text(struct explain *e, const struct select *s, bool sorts)
{
    const char *text = "";
    uint32_t count = sorts ? s->sort_count : s->key_count;
    for (uint32_t i = 0; i < count && text != NULL; i++) {
        const struct sort_key *key = sorts ? &s->sorts[i] : NULL;
        const char *one = explain_text(e, s, sorts ? select_sort_expr(s, i) : s->keys[i]);
        bool usual = key == NULL || key->nulls_first == key->descending;
        text = arena_printf(e->x->arena, "%s%s%s%s%s", text, i > 0 ? ", " : "", one != NULL ? one : "",
                            key != NULL && key->descending ? " DESC" : "",
                            usual ? "" : key->nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
    return text;
}

/* Queries within targets are run where the targets are made. */
static void explain_targets(struct explain *e, struct explain_node *n, const struct select *s)
{
    struct explain_node *before = e->at;
    e->at = n;
    for (uint32_t i = 0; i < s->target_count; i++)
        if (expr_has_subquery(s->targets[i])) explain_text(e, s, s->targets[i]);
    e->at = before;
}

static void explain_input(struct explain *e, struct explain_node *above, const struct select *s)
{
    if (s->table != NULL) {
        explain_table(e, above, s, s->table, s->binder.scope.alias, 0, s->where, NULL);
        return;
    }
    const struct expr *once = s->root != NULL ? s->gate : s->where;
    struct explain_node *n = above;
    if (s->root == NULL || once != NULL) {
        n = explain_node(e, above, "Result");
        if (n == NULL) return;
        explain_condition(e, n, "One-Time Filter", s, once);
    }
    if (s->root != NULL) explain_source(e, n, s->root);
}

/* The steps above the input, the last one first. */
static struct explain_node *explain_steps(struct explain *e, struct explain_node *above, const struct select *s)
{
    struct explain_node *n = above;
    if (s->limit_expr != NULL || s->offset_expr != NULL) n = explain_node(e, n, "Limit");
    if (s->sort_count > 0 && !s->sorted_by_scan && n != NULL) {
        n = explain_node(e, n, "Sort");
        if (n != NULL) add(e, n, "Sort Key", list_text(e, s, true), false);
    }
    if (s->node->distinct && n != NULL) n = explain_node(e, n, s->node->distinct_on.count > 0 ? "Unique" : "HashAggregate");
    if (s->grouped && n != NULL) {
        n = explain_node(e, n, "Aggregate");
        if (n != NULL && s->key_count > 0) {
            n->title = "HashAggregate";
            add(e, n, "Group Key", list_text(e, s, false), false);
        }
        if (n != NULL) explain_condition(e, n, "Filter", s, s->having);
    }
    return n;
}

struct explain_node *explain_query(struct explain *e, struct explain_node *above, const struct select *s)
{
    struct explain_node top = {.children_end = &top.children};
    struct explain_node *bottom = explain_steps(e, &top, s);
    if (bottom == NULL) return NULL;
    if (!e->failed) explain_input(e, bottom, s);
    struct explain_node *n = top.children;
    if (e->failed || n == NULL) return NULL;
    if (bottom != &top || n->rows == NULL) {
        n->rows = &s->rows_total;
        n->loops = &s->loops;
    }
    for (struct cte *c = s->binder.ctes; c != NULL; c = c->next) {
        struct explain_node *w = explain_query(e, n, c->query);
        if (w == NULL) return NULL;
        w->relation = "InitPlan";
        w->subplan = arena_printf(e->x->arena, "CTE %s", c->name);
    }
    explain_targets(e, n, s);
    if (above == NULL) return n;
    *above->children_end = n;
    above->children_end = &n->next;
    return n;
}

/* ---- options ---- */

struct options {
    bool analyze, timing, summary, json, timing_given, summary_given;
};

static bool refuse_option(struct exec *x, const struct sql_option *o, const char *format, const char *text)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, o->position, format, text);
}

static bool option_flag(struct exec *x, const struct sql_option *o, bool *out)
{
    const struct sql_const *c = o->value != NULL && o->value->kind == SQL_EXPR_CONST ? sql_as_const(o->value) : NULL;
    const char *text = c == NULL ? NULL : c->text;
    *out = true;
    if (o->value == NULL) return true;
    if (c != NULL && (c->type == SQL_CONST_BOOL || (c->type == SQL_CONST_INTEGER && (c->integer | 1) == 1))) {
        *out = c->integer != 0;
        return true;
    }
    if (text != NULL && (strcasecmp(text, "on") == 0 || strcasecmp(text, "true") == 0)) return true;
    *out = false;
    if (text != NULL && (strcasecmp(text, "off") == 0 || strcasecmp(text, "false") == 0)) return true;
    return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, 0, "%s requires a Boolean value", o->name);
}

static bool option_format(struct exec *x, const struct sql_option *o, bool *json_out)
{
    const char *text = o->value != NULL && o->value->kind == SQL_EXPR_CONST ? sql_as_const(o->value)->text : NULL;
    if (text == NULL)
        return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, 0, "format requires a parameter");
    *json_out = strcmp(text, "json") == 0;
    if (*json_out || strcmp(text, "text") == 0) return true;
    if (strcmp(text, "xml") == 0 || strcmp(text, "yaml") == 0)
        return exec_unsupported(x, o->position, "EXPLAIN in this format");
    return refuse_option(x, o, "unrecognized value for EXPLAIN option \"format\": \"%s\"", text);
}

static bool parse_option(struct exec *x, const struct sql_option *o, struct options *out)
{
    static const char *const ignored[] = {"verbose", "costs", "settings", "buffers", "wal"};
    bool aside;
    if (strcmp(o->name, "analyze") == 0) return option_flag(x, o, &out->analyze);
    if (strcmp(o->name, "format") == 0) return option_format(x, o, &out->json);
    if (strcmp(o->name, "timing") == 0) return (out->timing_given = true) && option_flag(x, o, &out->timing);
    if (strcmp(o->name, "summary") == 0) return (out->summary_given = true) && option_flag(x, o, &out->summary);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        if (strcmp(o->name, ignored[i]) == 0) return option_flag(x, o, &aside);
    return sql_error_set(x->error, x->arena, SQLSTATE_SYNTAX_ERROR, o->position, "unrecognized EXPLAIN option \"%s\"",
                         o->name);
}

static bool parse_options(struct exec *x, const struct sql_options *list, struct options *out)
{
    *out = (struct options){.timing = true};
    for (uint32_t i = 0; i < list->count; i++)
        if (!parse_option(x, &list->items[i], out)) return false;
    if (out->timing_given && out->timing && !out->analyze)
        return sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                             "EXPLAIN option TIMING requires ANALYZE");
    if (!out->summary_given) out->summary = out->analyze;
    return true;
}

/* ---- as text and as JSON ---- */

struct report {
    const struct options *options;
    const struct explain_node *top;
    struct explain_property *summary;
};

static void indent(struct buf *out, uint32_t spaces)
{
    for (uint32_t i = 0; i < spaces; i++) buf_append_byte(out, ' ');
}

static void text_node(struct buf *out, const struct report *r, const struct explain_node *n, uint32_t spaces, bool top)
{
    indent(out, spaces);
    if (!top) buf_append_string(out, "->  ");
    buf_append_string(out, n->title);
    if (r->options->analyze && n->rows != NULL) {
        if (*n->loops == 0) buf_append_string(out, " (never executed)");
        else buf_printf(out, " (actual rows=%" PRIu64 " loops=%" PRIu64 ")", *n->rows / *n->loops, *n->loops);
    }
    buf_append_byte(out, '\n');
    uint32_t inner = top ? spaces + 2 : spaces + 6;
    for (const struct explain_property *p = n->properties; p != NULL; p = p->next) {
        indent(out, inner);
        buf_printf(out, "%s: %s\n", p->name, p->value);
    }
    for (const struct explain_node *c = n->children; c != NULL; c = c->next) {
        if (c->subplan != NULL) {
            indent(out, inner);
            buf_printf(out, "%s\n", c->subplan);
        }
        text_node(out, r, c, inner + (c->subplan != NULL ? 2 : 0), false);
    }
}

static void json_string(struct buf *out, const char *text)
{
    buf_append_byte(out, '"');
    for (; *text != 0; text++) {
        if (*text == '"' || *text == '\\') buf_append_byte(out, '\\');
        if ((unsigned char)*text < 0x20) buf_printf(out, "\\u%04x", (unsigned)(unsigned char)*text);
        else buf_append_byte(out, (uint8_t)*text);
    }
    buf_append_byte(out, '"');
}

static void json_field(struct buf *out, uint32_t spaces, const char *name, const char *value, bool number)
{
    buf_append_string(out, ",\n");
    indent(out, spaces);
    json_string(out, name);
    buf_append_string(out, ": ");
    if (number) buf_append_string(out, value);
    else json_string(out, value);
}

static void json_node(struct buf *out, const struct report *r, const struct explain_node *n, uint32_t spaces, bool top)
{
    char number[24];
    buf_append_string(out, "{\n");
    indent(out, spaces + 2);
    buf_append_string(out, "\"Node Type\": ");
    json_string(out, n->type);
    if (strcmp(n->type, n->title) != 0) json_field(out, spaces + 2, "Title", n->title, false);
    if (!top) json_field(out, spaces + 2, "Parent Relationship", n->relation != NULL ? n->relation : "Outer", false);
    if (n->subplan != NULL) json_field(out, spaces + 2, "Subplan Name", n->subplan, false);
    if (r->options->analyze && n->rows != NULL) {
        snprintf(number, sizeof number, "%" PRIu64, *n->loops == 0 ? 0 : *n->rows / *n->loops);
        json_field(out, spaces + 2, "Actual Rows", number, true);
        snprintf(number, sizeof number, "%" PRIu64, *n->loops);
        json_field(out, spaces + 2, "Actual Loops", number, true);
    }
    for (const struct explain_property *p = n->properties; p != NULL; p = p->next)
        json_field(out, spaces + 2, p->name, p->value, p->number);
    if (n->children != NULL) {
        buf_append_string(out, ",\n");
        indent(out, spaces + 2);
        buf_append_string(out, "\"Plans\": [\n");
        for (const struct explain_node *c = n->children; c != NULL; c = c->next) {
            indent(out, spaces + 4);
            json_node(out, r, c, spaces + 4, false);
            buf_append_string(out, c->next != NULL ? ",\n" : "\n");
        }
        indent(out, spaces + 2);
        buf_append_string(out, "]");
    }
    buf_append_byte(out, '\n');
    indent(out, spaces);
    buf_append_byte(out, '}');
}

static bool is_duration(const char *name)
{
    size_t size = strlen(name);
    return (size > 5 && strcmp(name + size - 5, " Time") == 0) || strcmp(name, "Read Age") == 0;
}

static void render(struct buf *out, const struct report *r)
{
    if (!r->options->json) {
        text_node(out, r, r->top, 0, true);
        for (const struct explain_property *p = r->summary; p != NULL; p = p->next)
            buf_printf(out, "%s: %s%s\n", p->name, p->value, is_duration(p->name) ? " ms" : "");
        return;
    }
    buf_append_string(out, "[\n  {\n    \"Plan\": ");
    json_node(out, r, r->top, 4, true);
    for (const struct explain_property *p = r->summary; p != NULL; p = p->next)
        json_field(out, 4, p->name, p->value, p->number);
    buf_append_string(out, "\n  }\n]\n");
}

/* ---- statements ---- */

/* query: what it reads; NULL: nothing. */
static struct explain_node *explain_change(struct explain *e, const char *what, const struct sql_name *table,
                                           const char *alias, const struct select *query)
{
    struct explain_node *n = explain_node(e, NULL, "ModifyTable");
    if (n == NULL) return NULL;
    n->title = arena_printf(e->x->arena, "%s on %s%s%s", what, table->name, alias != NULL ? " " : "",
                            alias != NULL ? alias : "");
    if (query == NULL) explain_node(e, n, "Result");
    return n;
}

/* What UPDATE and DELETE read. Without FROM and the like it is a query over one table. */
static struct select *bind_reads(struct exec *x, const struct sql_with *with, const struct sql_name *table,
                                 const char *alias, const struct sql_list *more, const struct sql_node *where)
{
    if (with->count > 0 || more->count > 0) {
        struct select *s = select_of_change(x, with, table, alias, more, where);
        return s != NULL && select_finish(s) ? s : NULL;
    }
    struct sql_select *n = ARENA_NEW(x->arena, struct sql_select);
    struct sql_from_table *from = ARENA_NEW(x->arena, struct sql_from_table);
    const struct sql_node **item = ARENA_ARRAY(x->arena, const struct sql_node *, 1);
    if (n == NULL || from == NULL || item == NULL) {
        sql_error_out_of_memory(x->error);
        return NULL;
    }
    *from = (struct sql_from_table){.node = {.kind = SQL_FROM_TABLE}, .name = *table};
    from->alias.name = alias;
    item[0] = &from->node;
    *n = (struct sql_select){.node = {.kind = SQL_STMT_SELECT}, .op = SQL_SELECT_PLAIN, .from = {item, 1},
                             .where = where};
    return query_bind(x, n, NULL, 0);
}

/* Binds the statement, or what it reads. *above_out: the node of the change, NULL: it changes nothing. */
static bool explain_bind(struct explain *e, const struct sql_node *node, struct select **query_out,
                         struct explain_node **above_out)
{
    struct exec *x = e->x;
    *above_out = NULL;
    if (node->kind == SQL_STMT_SELECT) {
        *query_out = query_bind(x, sql_as_select(node), NULL, 0);
        return *query_out != NULL;
    }
    if (node->kind == SQL_STMT_INSERT) {
        const struct sql_insert *n = sql_as_insert(node);
        bool values = n->source == NULL || (n->source->op == SQL_SELECT_VALUES && n->source->order_by.count == 0);
        if (exec_table(x, &n->table) == NULL) return false;
        if (!values && (*query_out = query_bind(x, n->source, NULL, 0)) == NULL) return false;
        *above_out = explain_change(e, "Insert", &n->table, n->alias, *query_out);
    } else if (node->kind == SQL_STMT_UPDATE) {
        const struct sql_update *n = sql_as_update(node);
        *query_out = bind_reads(x, &n->with, &n->table, n->alias, &n->from, n->where);
        if (*query_out == NULL) return false;
        *above_out = explain_change(e, "Update", &n->table, n->alias, *query_out);
    } else if (node->kind == SQL_STMT_DELETE) {
        const struct sql_delete *n = sql_as_delete(node);
        *query_out = bind_reads(x, &n->with, &n->table, n->alias, &n->using_from, n->where);
        if (*query_out == NULL) return false;
        *above_out = explain_change(e, "Delete", &n->table, n->alias, *query_out);
    } else {
        return exec_unsupported(x, node->position, "EXPLAIN of this statement");
    }
    return *above_out != NULL || sql_error_out_of_memory(x->error);
}

static bool drop_begin(void *ctx, const struct sql_result_column *columns, uint32_t count)
{
    (void)ctx, (void)columns, (void)count;
    return true;
}

static bool drop_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    (void)ctx, (void)eval, (void)values;
    return true;
}

/* What a change reads is read by the change itself: the query beside it was never run. */
static void forget_counts(struct explain_node *n)
{
    n->rows = NULL;
    for (struct explain_node *c = n->children; c != NULL; c = c->next) forget_counts(c);
}

/* Runs what is explained; its rows go nowhere. *rows_out: how many it changed. */
static bool run_change(struct exec *x, const struct sql_node *node,
                       bool (*run)(void *ctx, struct exec *x, const struct sql_node *node), void *ctx,
                       uint64_t *rows_out)
{
    struct sql_sink nowhere = *x->sink;
    const struct sql_sink *before = x->sink;
    struct held_rows *held = x->held;
    bool sent = x->rows_sent, expected = x->expected;
    nowhere.begin = drop_begin;
    nowhere.row = drop_row;
    x->sink = &nowhere;
    x->expected = false; /* the columns that were promised are those of EXPLAIN */
    bool ok = run(ctx, x, node);
    x->sink = before;
    x->expected = expected;
    x->held = held;
    x->rows_sent = sent;
    const char *count = strrchr(x->tag, ' ');
    *rows_out = ok && count != NULL ? strtoull(count, NULL, 10) : 0;
    return ok;
}

static bool run_query(struct select *s)
{
    const struct sql_datum *values;
    if (!query_open(s)) return false;
    while (query_next(s, &values))
        if (values == NULL) return true;
    return false;
}

static const char *ms_text(struct exec *x, uint64_t ns)
{
    return arena_printf(x->arena, "%" PRIu64 ".%03" PRIu64, ns / 1000000, ns / 1000 % 1000);
}

/* Where it was read, and of when that is. */
static void summarize_past(struct explain *e, struct explain_node *aside)
{
    struct exec *x = e->x;
    struct txn_reading reading;
    txn_reading(x->txn, &reading);
    add(e, aside, "Read Timestamp", arena_printf(x->arena, "%" PRIu64, reading.ts), true);
    add(e, aside, "Read Age", ms_text(x, reading.age_ns), true);
    add(e, aside, "Replica Reads", arena_printf(x->arena, "%" PRIu64, reading.at_replica), true);
    add(e, aside, "Leader Reads", arena_printf(x->arena, "%" PRIu64, reading.at_leader), true);
}

static void summarize(struct explain *e, struct report *r, uint64_t planning_ns, uint64_t running_ns,
                      uint64_t requests, uint64_t retries)
{
    struct explain_node aside = {.properties_end = &aside.properties};
    const struct options *o = r->options;
    if (o->analyze && o->summary) {
        add(e, &aside, "Requests", arena_printf(e->x->arena, "%" PRIu64, requests), true);
        add(e, &aside, "Retries", arena_printf(e->x->arena, "%" PRIu64, retries), true);
    }
    if (o->summary && o->timing) {
        add(e, &aside, "Planning Time", ms_text(e->x, planning_ns), true);
        if (o->analyze) add(e, &aside, "Execution Time", ms_text(e->x, running_ns), true);
    }
    if (o->analyze && o->summary && txn_reads_past(e->x->txn)) summarize_past(e, &aside);
    r->summary = aside.properties;
}

/* Text goes line by line, JSON as one value. */
static bool send(struct exec *x, const struct report *r, const struct sql_result_column *column)
{
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    render(&text, r);
    bool ok = !text.failed || sql_error_out_of_memory(x->error);
    ok = ok && exec_verify(x);
    if (ok) ok = x->sink->begin(x->sink->ctx, column, 1) || exec_fail(x, STATUS_CANCELLED);
    size_t at = 0;
    while (ok && at < text.size) {
        const uint8_t *end = r->options->json ? NULL : memchr(text.data + at, '\n', text.size - at);
        size_t size = end != NULL ? (size_t)(end - text.data) - at : text.size - at - 1;
        struct sql_datum line = sql_bytes(bytes_make(text.data + at, size));
        x->rows_sent = true;
        ok = x->sink->row(x->sink->ctx, &x->eval, &line) || exec_fail(x, STATUS_CANCELLED);
        at += size + 1;
    }
    buf_deinit(&text);
    if (ok) snprintf(x->tag, sizeof x->tag, "EXPLAIN");
    return ok;
}

bool exec_explain(struct exec *x, const struct sql_explain *n,
                  bool (*run)(void *ctx, struct exec *x, const struct sql_node *node), void *ctx)
{
    struct options options;
    struct explain e = {.x = x};
    struct explain_node *above;
    struct select *query = NULL;
    struct sql_result_column column = {.name = "QUERY PLAN", .type = sql_type_of(SQL_TYPE_TEXT)};
    uint64_t requests, retries, requests_before, retries_before, rows = 0, one = 1;
    if (!parse_options(x, &n->options, &options) || !exec_columns(x, &column, 1)) return false;
    uint64_t start_ns = env_now_ns(x->env);
    txn_requests(x->txn, &requests_before, &retries_before);
    if (!explain_bind(&e, n->statement, &query, &above)) return false;
    if (x->describe) return true;
    uint64_t planned_ns = env_now_ns(x->env);
    if (options.analyze && above == NULL && !run_query(query)) return false;
    for (struct select *s = x->queries; s != NULL; s = s->next)
        if (!select_foresee(s)) return false;
    struct explain_node *below = query == NULL ? NULL : explain_query(&e, above, query);
    if (e.failed || (query != NULL && below == NULL)) return sql_error_out_of_memory(x->error);
    if (options.analyze && above != NULL) {
        if (!run_change(x, n->statement, run, ctx, &rows)) return false;
        above->rows = &rows;
        above->loops = &one;
        for (struct explain_node *c = above->children; c != NULL; c = c->next) forget_counts(c);
    }
    txn_requests(x->txn, &requests, &retries);
    struct report report = {.options = &options, .top = above != NULL ? above : below};
    summarize(&e, &report, planned_ns - start_ns, env_now_ns(x->env) - planned_ns, requests - requests_before,
              retries - retries_before);
    if (e.failed) return sql_error_out_of_memory(x->error);
    return send(x, &report, &column);
}
