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
            "  --address HOST:PORT  numeric address of the server\n"
            "  --connections N      connections (1)\n"
            "  --pipeline N         requests in flight per connection (1)\n"
            "  --seconds N          length of the measured window (5)\n"
            "  --warmup-ms N        load before the window opens (500)\n"
            "  --keys N             keys 1 to N are used (10000)\n"
            "  --value-bytes N      size of a value (100)\n"
            "  --pids P,P,...       server processes whose CPU time is counted\n"
            "  --no-header          print the row only\n",
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

static bool set(struct load_options *o, const char *name, const char *value)
{
    if (strcmp(name, "--address") == 0)
        return env_addr_parse(bytes_of_string(value), &o->address) == STATUS_OK;
    if (strcmp(name, "--connections") == 0)
        return parse_number(value, 1, LOAD_CONNECTIONS_MAX, &o->connections);
    if (strcmp(name, "--pipeline") == 0)
        return parse_number(value, 1, LOAD_PIPELINE_MAX, &o->pipeline);
    if (strcmp(name, "--seconds") == 0) return parse_number(value, 1, 86400, &o->seconds);
    if (strcmp(name, "--warmup-ms") == 0) return parse_number(value, 0, 3600000, &o->warmup_ms);
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
    if (o.workload == NULL || o.address.family == 0) {
        usage(argv[0]);
        return false;
    }
    *options_out = o;
    return true;
}
