/* Load through the PostgreSQL protocol, over the tables kv (k bigint primary key, v text) and
 * hot (k bigint primary key, v bigint), which has one row.
 *
 *   load    makes the tables anew and fills keys 1 to --keys
 *   upsert  writes the row of a random key, which must exist
 *   insert  INSERT of a new key
 *   get     SELECT of a random key, which must exist
 *   hot     adds 1 to the one row, all connections the same
 *   cas     compare-and-swap of two rows of table cas (k bigint primary key, n bigint, v text), which holds keys 1 to --keys
 *           with n = 0: a row of each half of the keys, if their n are what they are known to be
 *
 * As simple queries, or with --prepared by the extended protocol: Parse once per connection, then Bind, Execute
 * and Sync each time, with parameters as text.
 *
 * With --first key each request is sent under an idempotency key of its own, set by a query in front of it in the same
 * packet; --first anchored gives the key the row as its anchor, --first set sends another SET there, for comparison.
 *
 * An answer counts as an error when the server reports one or when not exactly one row (cas: two) was touched
 * or found. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/codec.h"
#include "bench/pairs.h"

#define LOAD_ROWS 100u /* per INSERT while the table is filled */

enum key { KEY_NONE, KEY_RANDOM, KEY_FRESH, KEY_PAIR };

/* What is sent: $1 stands for the key, $2 for a value. Of a pair: $1 and $3 for the keys, $2 and $4 for their versions, $5 for a
 * value. */
struct statement {
    const char *text;
    const char *tag; /* the CommandComplete that is expected; NULL: any */
    enum key key;
    bool has_value;
};

static const struct statement update = {"UPDATE kv SET v=$2 WHERE k=$1", "UPDATE 1", KEY_RANDOM, true};
static const struct statement upsert = {"INSERT INTO kv VALUES ($1,$2) ON CONFLICT (k) DO UPDATE SET v=excluded.v",
                                        "INSERT 0 1", KEY_RANDOM, true};
static const struct statement insert = {"INSERT INTO kv VALUES ($1,$2)", "INSERT 0 1", KEY_FRESH, true};
static const struct statement get = {"SELECT v FROM kv WHERE k=$1", "SELECT 1", KEY_RANDOM, false};
static const struct statement hot = {"UPDATE hot SET v=v+1 WHERE k=1", "UPDATE 1", KEY_NONE, false};
/* A row whose n is another one divides by zero, and nothing is written. */
static const struct statement cas = {"UPDATE cas SET v=$5,n=CASE WHEN n=CASE k WHEN $1 THEN $2::bigint ELSE $4::bigint END "
                                     "THEN n+1 ELSE 1/(n-n) END WHERE k IN ($1,$3)",
                                     "UPDATE 2", KEY_PAIR, true};
/* INSERTs of LOAD_ROWS rows, never prepared. */
static const struct statement load_rows = {"INSERT INTO kv VALUES ", NULL, KEY_NONE, false};

struct sql_bench {
    const struct statement *statement;
    bool prepared;
    const char *first;
    uint64_t insert_base;
    struct pairs pairs;
    bool complained;
};

/* One connection: when each request in flight started, oldest first, and its answer so far. */
struct sql_state {
    uint64_t started_ns[LOAD_PIPELINE_MAX], first, count;
    struct pair_key pairs[LOAD_PIPELINE_MAX][2];
    bool greeted, parsing, error, tagged;
    bool second; /* the SET in front has been answered */
};

static size_t begin(struct buf *out, uint8_t type)
{
    buf_append_byte(out, type);
    size_t at = out->size;
    put_be32(out, 0);
    return at;
}

static void end(struct buf *out, size_t at)
{
    if (!out->failed) store_be32(out->data + at, (uint32_t)(out->size - at));
}

static void put_text(struct buf *out, const char *text)
{
    buf_append(out, text, strlen(text) + 1);
}

static void put_sync(struct buf *out)
{
    end(out, begin(out, 'S'));
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

static uint64_t key_of(struct load *l, const struct sql_bench *b, uint64_t number)
{
    return b->statement->key == KEY_FRESH ? b->insert_base + number : load_key(l);
}

/* The pair of the request that was begun last. */
static const struct pair_key *pair_of(const struct sql_state *s)
{
    return s->pairs[(s->first + s->count - 1) % LOAD_PIPELINE_MAX];
}

static void put_query(struct load_conn *c, const struct sql_bench *b, uint64_t number, uint64_t row)
{
    size_t at = begin(&c->out, 'Q');
    if (b->statement == &load_rows) {
        append_rows(c->load, &c->out, number);
    } else {
        for (const char *p = b->statement->text; *p != '\0'; p++) {
            if (*p != '$') {
                buf_append_byte(&c->out, (uint8_t)*p);
            } else if (*++p <= '4' && b->statement->key == KEY_PAIR) {
                const struct pair_key *key = &pair_of(c->state)[*p >= '3'];
                buf_printf(&c->out, "%" PRIu64, *p % 2 != 0 ? key->key : key->version);
            } else if (*p == '1') {
                buf_printf(&c->out, "%" PRIu64, row);
            } else {
                buf_append_byte(&c->out, '\'');
                buf_append_bytes(&c->out, load_value(c->load));
                buf_append_byte(&c->out, '\'');
            }
        }
    }
    buf_append_byte(&c->out, 0);
    end(&c->out, at);
}

/* Statement "s", types left to the server. */
static void put_parse(struct load_conn *c, const struct sql_bench *b)
{
    size_t at = begin(&c->out, 'P');
    put_text(&c->out, "s");
    put_text(&c->out, b->statement->text);
    put_be16(&c->out, 0);
    end(&c->out, at);
    put_sync(&c->out);
}

static void put_parameter(struct buf *out, struct bytes value)
{
    put_be32(out, (uint32_t)value.size);
    buf_append_bytes(out, value);
}

static void put_number(struct buf *out, uint64_t number)
{
    char text[24];
    int size = snprintf(text, sizeof text, "%" PRIu64, number);
    put_parameter(out, bytes_make(text, (size_t)size));
}

static void put_execution(struct load_conn *c, const struct sql_bench *b, uint64_t row)
{
    const struct statement *s = b->statement;
    struct buf *out = &c->out;
    size_t at = begin(out, 'B');
    put_text(out, "");
    put_text(out, "s");
    put_be16(out, 0);
    put_be16(out, (uint16_t)((s->key == KEY_PAIR ? 4 : s->key != KEY_NONE) + s->has_value));
    for (int i = 0; i < 2 && s->key == KEY_PAIR; i++) {
        put_number(out, pair_of(c->state)[i].key);
        put_number(out, pair_of(c->state)[i].version);
    }
    if (s->key == KEY_RANDOM || s->key == KEY_FRESH) put_number(out, row);
    if (s->has_value) put_parameter(out, load_value(c->load));
    put_be16(out, 0);
    end(out, at);
    at = begin(out, 'E');
    put_text(out, "");
    put_be32(out, 0);
    end(out, at);
    put_sync(out);
}

/* With every request: no printf. */
static void put_decimal(struct buf *out, uint64_t number)
{
    uint8_t digits[20];
    size_t at = sizeof digits;
    do digits[--at] = (uint8_t)('0' + number % 10);
    while ((number /= 10) != 0);
    buf_append(out, digits + at, sizeof digits - at);
}

/* Keys say when they were made, as those of programs should. */
static void put_first(struct load_conn *c, const struct sql_bench *b, uint64_t row)
{
    size_t at = begin(&c->out, 'Q');
    if (strcmp(b->first, "set") != 0) {
        struct timespec t;
        clock_gettime(CLOCK_REALTIME, &t);
        buf_append_string(&c->out, "SET ostraka.idempotency_key='");
        put_decimal(&c->out, (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000);
        buf_append_byte(&c->out, '/');
        put_decimal(&c->out, prng_next(&c->load->prng));
        buf_append_byte(&c->out, '\'');
        if (strcmp(b->first, "anchored") == 0) {
            buf_append_string(&c->out, ",'kv(");
            put_decimal(&c->out, row);
            buf_append_string(&c->out, ")'");
        }
    } else {
        buf_append_string(&c->out, "SET lock_timeout='1000000000'");
    }
    buf_append_byte(&c->out, 0);
    end(&c->out, at);
}

static bool request(struct load_conn *c, uint64_t number, uint64_t started_ns)
{
    struct sql_state *s = c->state;
    struct sql_bench *b = c->load->protocol->ctx;
    ASSERT(s->count < LOAD_PIPELINE_MAX);
    uint64_t at = (s->first + s->count++) % LOAD_PIPELINE_MAX;
    s->started_ns[at] = started_ns;
    if (b->statement->key == KEY_PAIR) pairs_take(&b->pairs, c->load, s->pairs[at]);
    bool keyed = b->statement->key == KEY_RANDOM || b->statement->key == KEY_FRESH;
    uint64_t row = keyed ? key_of(c->load, b, number) : 0;
    if (b->first != NULL) put_first(c, b, row);
    if (b->prepared) put_execution(c, b, row);
    else put_query(c, b, number, row);
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
    struct sql_bench *b = c->load->protocol->ctx;
    if (!s->greeted && b->prepared && !s->parsing) {
        s->parsing = true;
        put_parse(c, b); /* sent with whatever comes next */
    } else if (!s->greeted) {
        s->greeted = true;
        load_greeted(c);
    } else if (b->first != NULL && !s->second && !s->error) {
        s->second = true;
    } else {
        if (s->count == 0) return false;
        s->second = false;
        bool ok = !s->error && s->tagged;
        uint64_t started_ns = s->started_ns[s->first];
        if (b->statement->key == KEY_PAIR) pairs_give_back(&b->pairs, s->pairs[s->first], ok);
        s->first = (s->first + 1) % LOAD_PIPELINE_MAX;
        s->count--;
        load_answered(c, started_ns, ok);
    }
    s->error = s->tagged = false;
    return true;
}

static bool tag_is_expected(const struct sql_bench *b, struct bytes body)
{
    const char *tag = b->statement->tag;
    return tag == NULL || bytes_equal(body, bytes_make(tag, strlen(tag) + 1));
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

static bool run(const struct load_options *o, struct sql_bench *b, const struct statement *statement,
                uint64_t request_max, struct load_result *result)
{
    const struct load_protocol protocol = {open_connection, request, received, close_connection, b};
    b->statement = statement;
    return load_run(o, &protocol, request_max, result) &&
           (request_max == 0 || result->errors == 0);
}

static bool fill(const struct load_options *o, struct sql_bench *b, struct load_result *result)
{
    static const struct statement first[] = {
        {.text = "DROP TABLE IF EXISTS kv"},
        {.text = "CREATE TABLE kv (k bigint PRIMARY KEY, v text)"},
        {.text = "DROP TABLE IF EXISTS hot"},
        {.text = "CREATE TABLE hot (k bigint PRIMARY KEY, v bigint)"},
        {.text = "INSERT INTO hot VALUES (1,0)"},
    };
    struct load_options one = *o;
    one.connections = one.pipeline = 1;
    for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
        if (!run(&one, b, &first[i], 1, result)) return false;
    return run(o, b, &load_rows, (o->keys + LOAD_ROWS - 1) / LOAD_ROWS, result);
}

/* Later runs insert after earlier ones: no million inserts per second are reached. */
static uint64_t fresh_key(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

static const struct statement *statement_of(const struct load_options *o)
{
    bool on_conflict = o->statement != NULL && strcmp(o->statement, "upsert") == 0;
    if (strcmp(o->workload, "upsert") == 0) return on_conflict ? &upsert : &update;
    if (strcmp(o->workload, "insert") == 0) return &insert;
    if (strcmp(o->workload, "get") == 0) return &get;
    if (strcmp(o->workload, "hot") == 0) return &hot;
    if (strcmp(o->workload, "cas") == 0) return &cas;
    return NULL;
}

int main(int argc, char **argv)
{
    struct load_options o;
    struct load_result result;
    struct sql_bench b = {.insert_base = fresh_key()};
    if (!load_options_parse(argc, argv, &o)) return 2;
    bool filling = strcmp(o.workload, "load") == 0;
    const struct statement *statement = statement_of(&o);
    if (statement == NULL && !filling) {
        fprintf(stderr, "sql_bench: the workloads are load, upsert, insert, get, hot and cas\n");
        return 2;
    }
    b.prepared = o.prepared && !filling;
    b.first = filling ? NULL : o.first;
    if (statement == &cas && o.keys / 4 < o.connections * o.pipeline) {
        fprintf(stderr, "sql_bench: cas needs at least four keys for each request in flight\n");
        return 2;
    }
    pairs_init(&b.pairs, o.keys);
    bool done = filling ? fill(&o, &b, &result) : run(&o, &b, statement, 0, &result);
    pairs_deinit(&b.pairs);
    if (!done) return 1;
    if (o.header) load_print_header(&o);
    load_print_row(&o, o.workload, &result);
    return 0;
}
