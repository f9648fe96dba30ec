/* Load on one node through the PostgreSQL protocol's simple queries, over the table
 * kv (k bigint primary key, v text).
 *
 *   load    makes the table anew and fills keys 1 to --keys
 *   upsert  UPDATE of a random key, which must exist
 *   insert  INSERT of a new key
 *   get     SELECT of a random key, which must exist
 *
 * An answer counts as an error when the server reports one or when not exactly one row was touched
 * or found. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/codec.h"
#include "bench/load.h"

#define LOAD_ROWS 100u /* per INSERT while the table is filled */

struct sql_bench {
    const char *kind; /* what request() makes */
    const char *tag;  /* the CommandComplete that is expected; NULL: any */
    uint64_t insert_base;
    bool complained;
};

/* One connection: when each request in flight started, oldest first, and its answer so far. */
struct sql_state {
    uint64_t started_ns[LOAD_PIPELINE_MAX], first, count;
    bool greeted, error, tagged;
};

static size_t begin(struct buf *out)
{
    buf_append_byte(out, 'Q');
    size_t at = out->size;
    put_be32(out, 0);
    return at;
}

static void end(struct buf *out, size_t at)
{
    buf_append_byte(out, 0);
    if (!out->failed) store_be32(out->data + at, (uint32_t)(out->size - at));
}

static bool open_connection(struct load_conn *c)
{
    static const char parameters[] = "user\0postgres\0database\0postgres\0";
    c->state = calloc(1, sizeof(struct sql_state));
    ASSERT(c->state != NULL);
    put_be32(&c->out, (uint32_t)(8 + sizeof parameters));
    put_be32(&c->out, 3u << 16); /* protocol 3.0 */
    buf_append(&c->out, parameters, sizeof parameters);
    return true;
}

static void append_rows(struct load *l, struct buf *out, uint64_t number)
{
    uint64_t first = number * LOAD_ROWS + 1, last = first + LOAD_ROWS - 1;
    if (last > l->options->keys) last = l->options->keys;
    buf_append_string(out, "INSERT INTO kv VALUES ");
    for (uint64_t key = first; key <= last; key++) {
        buf_printf(out, "%s(%" PRIu64 ",'", key == first ? "" : ",", key);
        buf_append_bytes(out, load_value(l));
        buf_append_string(out, "')");
    }
}

static void append_query(struct load_conn *c, const struct sql_bench *b, uint64_t number)
{
    struct load *l = c->load;
    switch (b->kind[0]) {
    case 'd': buf_append_string(&c->out, "DROP TABLE IF EXISTS kv"); break;
    case 'c': buf_append_string(&c->out, "CREATE TABLE kv (k bigint PRIMARY KEY, v text)"); break;
    case 'l': append_rows(l, &c->out, number); break;
    case 'u':
        buf_append_string(&c->out, "UPDATE kv SET v='");
        buf_append_bytes(&c->out, load_value(l));
        buf_printf(&c->out, "' WHERE k=%" PRIu64, load_key(l));
        break;
    case 'i':
        buf_printf(&c->out, "INSERT INTO kv VALUES (%" PRIu64 ",'", b->insert_base + number);
        buf_append_bytes(&c->out, load_value(l));
        buf_append_string(&c->out, "')");
        break;
    case 'g': buf_printf(&c->out, "SELECT v FROM kv WHERE k=%" PRIu64, load_key(l)); break;
    default: UNREACHABLE();
    }
}

static bool request(struct load_conn *c, uint64_t number, uint64_t started_ns)
{
    struct sql_state *s = c->state;
    ASSERT(s->count < LOAD_PIPELINE_MAX);
    s->started_ns[(s->first + s->count++) % LOAD_PIPELINE_MAX] = started_ns;
    size_t at = begin(&c->out);
    append_query(c, c->load->protocol->ctx, number);
    end(&c->out, at);
    return true;
}

/* The first error is shown, the others are counted. Fields: a type byte and a text each. */
static void complain(struct sql_bench *b, struct bytes body)
{
    if (b->complained) return;
    b->complained = true;
    fprintf(stderr, "sql_bench: the server reports:");
    for (size_t i = 0; i < body.size && body.data[i] != 0;) {
        char type = (char)body.data[i++];
        size_t start = i;
        while (i < body.size && body.data[i] != 0) i++;
        if (type == 'C' || type == 'M')
            fprintf(stderr, " %.*s", (int)(i - start), (const char *)body.data + start);
        i++;
    }
    fprintf(stderr, "\n");
}

static bool on_ready(struct load_conn *c)
{
    struct sql_state *s = c->state;
    if (!s->greeted) {
        s->greeted = true;
        load_greeted(c);
    } else {
        if (s->count == 0) return false;
        uint64_t started_ns = s->started_ns[s->first];
        s->first = (s->first + 1) % LOAD_PIPELINE_MAX;
        s->count--;
        load_answered(c, started_ns, !s->error && s->tagged);
    }
    s->error = s->tagged = false;
    return true;
}

static bool tag_is_expected(const struct sql_bench *b, struct bytes body)
{
    return b->tag == NULL || bytes_equal(body, bytes_make(b->tag, strlen(b->tag) + 1));
}

static bool on_message(struct load_conn *c, uint8_t type, struct bytes body)
{
    struct sql_state *s = c->state;
    struct sql_bench *b = c->load->protocol->ctx;
    switch (type) {
    case 'Z': return on_ready(c);
    case 'C': s->tagged = tag_is_expected(b, body); return true;
    case 'R':
        if (body.size >= 4 && load_be32(body.data) == 0) return true;
        fprintf(stderr, "sql_bench: the server wants a password\n");
        return false;
    case 'E':
        s->error = true;
        complain(b, body);
        return s->greeted; /* before the greeting it is a refusal */
    default: return true;
    }
}

static bool received(struct load_conn *c)
{
    size_t at = 0;
    while (c->in.size - at >= 5) {
        const uint8_t *p = c->in.data + at;
        size_t size = load_be32(p + 1);
        if (size < 4 || size > (16u << 20)) {
            fprintf(stderr, "sql_bench: a malformed message\n");
            return false;
        }
        if (c->in.size - at < size + 1) break;
        if (!on_message(c, p[0], bytes_make(p + 5, size - 4))) return false;
        at += size + 1;
    }
    buf_consume(&c->in, at);
    return true;
}

static void close_connection(struct load_conn *c)
{
    free(c->state);
    c->state = NULL;
}

static bool run(const struct load_options *o, struct sql_bench *b, const char *kind,
                const char *tag, uint64_t request_max, struct load_result *result)
{
    const struct load_protocol protocol = {open_connection, request, received, close_connection, b};
    b->kind = kind;
    b->tag = tag;
    return load_run(o, &protocol, request_max, result) &&
           (request_max == 0 || result->errors == 0);
}

static bool fill(const struct load_options *o, struct sql_bench *b, struct load_result *result)
{
    struct load_options one = *o;
    one.connections = one.pipeline = 1;
    return run(&one, b, "drop", NULL, 1, result) && run(&one, b, "create", NULL, 1, result) &&
           run(o, b, "load", NULL, (o->keys + LOAD_ROWS - 1) / LOAD_ROWS, result);
}

/* Later runs insert after earlier ones: no million inserts per second are reached. */
static uint64_t fresh_key(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

int main(int argc, char **argv)
{
    struct load_options o;
    struct load_result result;
    struct sql_bench b = {.insert_base = fresh_key()};
    bool ok;
    if (!load_options_parse(argc, argv, &o)) return 2;
    if (strcmp(o.workload, "load") == 0) ok = fill(&o, &b, &result);
    else if (strcmp(o.workload, "upsert") == 0) ok = run(&o, &b, "upsert", "UPDATE 1", 0, &result);
    else if (strcmp(o.workload, "insert") == 0)
        ok = run(&o, &b, "insert", "INSERT 0 1", 0, &result);
    else if (strcmp(o.workload, "get") == 0) ok = run(&o, &b, "get", "SELECT 1", 0, &result);
    else {
        fprintf(stderr, "sql_bench: the workloads are load, upsert, insert and get\n");
        return 2;
    }
    if (!ok) return 1;
    if (o.header) load_print_header();
    load_print_row(o.workload, o.connections, o.pipeline, &result);
    return 0;
}
