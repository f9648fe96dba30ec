/* The command line of the load generators. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "bench/load.h"

static void usage(const char *program)
{
    fprintf(stderr,
            "usage: %s WORKLOAD [flags]\n"
            "  --address HOST:PORT,...  numeric addresses of servers; connections go to them in turn\n"
            "  --connections N      connections (1)\n"
            "  --pipeline N         requests in flight per connection (1)\n"
            "  --seconds N          length of the measured window (5)\n"
            "  --warmup-ms N        load before the window opens (500)\n"
            "  --keys N             keys 1 to N are used (10000)\n"
            "  --value-bytes N      size of a value (100)\n"
            "  --rate N             requests a second over all connections, started in steps of 1 ms (0: as fast as answers come)\n"
            "  --patience-ms N      starts one more where no request was started for so long; servers are killed (0: never)\n"
            "  --pids P,P,...       server processes whose CPU time is counted\n"
            "  --no-header          print the row only\n"
            "  --arrivals           three columns more: quantiles until the answer had come to this machine\n"
            "sql_bench only:\n"
            "  --prepared           parse statements once per connection; Bind, Execute, Sync each time\n"
            "  --first S            sends with each request: key (SET ostraka.idempotency_key, a new one), anchored\n"
            "                       (with the row as its anchor), or set (SET lock_timeout, to compare with)\n"
            "  --statement S        what upsert sends: update (default) or upsert (INSERT ... ON CONFLICT)\n",
            program);
}

static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
    uint64_t value;
    if (parse_u64(bytes_of_string(text), &value) != STATUS_OK || value < min || value > max)
        return false;
    *out = value;
    return true;
}

static bool parse_pids(const char *text, struct load_options *o)
{
    while (*text != '\0') {
        char *end;
        long pid = strtol(text, &end, 10);
        if (end == text || pid <= 0 || o->pid_count == LOAD_PIDS_MAX) return false;
        o->pids[o->pid_count++] = (pid_t)pid;
        if (*end != ',' && *end != '\0') return false;
        text = *end == ',' ? end + 1 : end;
    }
    return true;
}

static bool parse_addresses(const char *text, struct load_options *o)
{
    while (*text != '\0') {
        const char *comma = strchr(text, ',');
        size_t size = comma != NULL ? (size_t)(comma - text) : strlen(text);
        if (o->address_count == LOAD_ADDRESSES_MAX) return false;
        if (env_addr_parse(bytes_make(text, size), &o->addresses[o->address_count]) != STATUS_OK) return false;
        o->address_count++;
        text += size + (comma != NULL);
    }
    return o->address_count > 0;
}

static bool parse_statement(const char *text, struct load_options *o)
{
    o->statement = text;
    return strcmp(text, "update") == 0 || strcmp(text, "upsert") == 0;
}

static bool parse_first(const char *text, struct load_options *o)
{
    o->first = text;
    return strcmp(text, "key") == 0 || strcmp(text, "anchored") == 0 || strcmp(text, "set") == 0;
}

static bool set(struct load_options *o, const char *name, const char *value)
{
    if (strcmp(name, "--first") == 0) return parse_first(value, o);
    if (strcmp(name, "--address") == 0) return parse_addresses(value, o);
    if (strcmp(name, "--statement") == 0) return parse_statement(value, o);
    if (strcmp(name, "--connections") == 0)
        return parse_number(value, 1, LOAD_CONNECTIONS_MAX, &o->connections);
    if (strcmp(name, "--pipeline") == 0)
        return parse_number(value, 1, LOAD_PIPELINE_MAX, &o->pipeline);
    if (strcmp(name, "--seconds") == 0) return parse_number(value, 1, 86400, &o->seconds);
    if (strcmp(name, "--warmup-ms") == 0) return parse_number(value, 0, 3600000, &o->warmup_ms);
    if (strcmp(name, "--patience-ms") == 0) return parse_number(value, 0, 60000, &o->patience_ms);
    if (strcmp(name, "--rate") == 0) return parse_number(value, 0, 100000000, &o->rate);
    if (strcmp(name, "--keys") == 0) return parse_number(value, 1, 1000000000, &o->keys);
    if (strcmp(name, "--value-bytes") == 0)
        return parse_number(value, 1, LOAD_VALUE_BYTES_MAX, &o->value_bytes);
    if (strcmp(name, "--pids") == 0) return parse_pids(value, o);
    return false;
}

bool load_options_parse(int argc, char **argv, struct load_options *options_out)
{
    struct load_options o = {.connections = 1, .pipeline = 1, .seconds = 5, .warmup_ms = 500,
                             .keys = 10000, .value_bytes = 100, .header = true};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--no-header") == 0) {
            o.header = false;
        } else if (strcmp(argv[i], "--arrivals") == 0) {
            o.arrivals = true;
        } else if (strcmp(argv[i], "--prepared") == 0) {
            o.prepared = true;
        } else if (argv[i][0] != '-' && o.workload == NULL) {
            o.workload = argv[i];
        } else if (i + 1 < argc && set(&o, argv[i], argv[i + 1])) {
            i++;
        } else {
            fprintf(stderr, "%s: cannot use %s\n", argv[0], argv[i]);
            usage(argv[0]);
            return false;
        }
    }
    if (o.workload == NULL || o.address_count == 0) {
        usage(argv[0]);
        return false;
    }
    *options_out = o;
    return true;
}
