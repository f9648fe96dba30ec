/* `ostraka bench`: loads a cluster through SQL and says what came of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "cli/bench_int.h"
#include "cli/cli.h"

/* ---- counting ---- */

static void count_errors(struct bench_counts *c, const char *sqlstate, uint64_t count)
{
    size_t i = 0;
    while (i < c->error_count && strcmp(c->errors[i].sqlstate, sqlstate) != 0) i++;
    if (i == BENCH_ERRORS_MAX) return; /* more kinds than anybody would read */
    if (i == c->error_count) {
        c->error_count++;
        snprintf(c->errors[i].sqlstate, sizeof c->errors[i].sqlstate, "%s", sqlstate);
    }
    c->errors[i].count += count;
}

void bench_count_error(struct bench_counts *c, const char *sqlstate)
{
    count_errors(c, sqlstate, 1);
}

void bench_counts_merge(struct bench_counts *into, const struct bench_counts *from)
{
    into->ok += from->ok;
    into->fail += from->fail;
    into->info += from->info;
    histogram_merge(&into->latency, &from->latency);
    for (size_t i = 0; i < from->error_count; i++)
        count_errors(into, from->errors[i].sqlstate, from->errors[i].count);
}

static double ms(const struct bench_counts *c, double q)
{
    return (double)histogram_quantile(&c->latency, q) / 1e6;
}

void bench_print(const char *workload, const struct bench_counts *c, uint64_t elapsed_ns)
{
    double seconds = (double)elapsed_ns / 1e9;
    printf("%s: %" PRIu64 " transactions in %.1f s: %" PRIu64 " ok (%.0f/s), %" PRIu64 " failed, %" PRIu64
           " of unknown outcome\n",
           workload, c->ok + c->fail + c->info, seconds, c->ok, seconds > 0 ? (double)c->ok / seconds : 0, c->fail,
           c->info);
    printf("latency of those that are ok, ms: p50 %.2f  p95 %.2f  p99 %.2f  max %.2f\n", ms(c, 0.5), ms(c, 0.95),
           ms(c, 0.99), ms(c, 1));
    if (c->error_count > 0) printf("errors:");
    for (size_t i = 0; i < c->error_count; i++)
        printf(" %s %" PRIu64, c->errors[i].sqlstate[0] != '\0' ? c->errors[i].sqlstate : "connection",
               c->errors[i].count);
    if (c->error_count > 0) printf("\n");
}

/* ---- the command ---- */

static const char *split_nodes(const char *text, struct bench_options *o)
{
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        if (o->node_count == BENCH_NODES_MAX) return "--nodes has 64 places at most";
        snprintf(o->nodes[o->node_count++], sizeof o->nodes[0], "%.*s", (int)size, text);
        text += size + (text[size] == ',');
    }
    return NULL;
}

static const char *check_options(const struct bench_options *o)
{
    if (o->clients < 1 || o->clients > BENCH_CLIENTS_MAX) return "--clients is 1 to 1024";
    if (o->keys < 1 || o->keys > 1000000) return "--keys is 1 to 1000000";
    if (o->appends_per_key < 1 || o->appends_per_key > BENCH_APPENDS_MAX) return "--appends-per-key is 1 to 1000";
    if (o->transactions == 0 && o->seconds == 0) return "give --transactions or --seconds";
    if (o->timeout_ns < 1000000u || o->timeout_ns > UINT64_C(600000000000)) return "--timeout is 1ms to 10m";
    return NULL;
}

int cli_bench(int argc, char **argv)
{
    struct bench_options o = {.clients = 16, .transactions = 10000, .keys = 10, .appends_per_key = 64,
                              .timeout_ns = UINT64_C(10000000000), .seed = bench_now_ns()};
    const char *nodes = "127.0.0.1:7432", *workload = NULL;
    size_t word_count = 0;
    const struct cli_flag flags[] = {
        {"nodes", 'n', CLI_PLACES, &nodes, "H:P,...", "SQL addresses, used in turn (127.0.0.1:7432)"},
        {"history", 0, CLI_TEXT, &o.history, "FILE", "write what clients did and saw, as lines of JSON (Jepsen, Elle)"},
        {"clients", 'c', CLI_NUMBER, &o.clients, "N", "connections at a time (16)"},
        {"transactions", 't', CLI_NUMBER, &o.transactions, "N", "how many in all (10000; 0: no bound)"},
        {"seconds", 's', CLI_NUMBER, &o.seconds, "N", "for how long at most (0: no bound)"},
        {"keys", 'k', CLI_NUMBER, &o.keys, "N", "lists in use at a time (10); fewer make more conflicts"},
        {"appends-per-key", 0, CLI_NUMBER, &o.appends_per_key, "N", "then a list is left for a new one (64)"},
        {"apart", 0, CLI_SWITCH, &o.apart, NULL, "keys of list N and those that follow it are N * 2^32 + 1, + 2, ... (else 1, 2, 3 as they come)"},
        {"timeout", 0, CLI_DURATION, &o.timeout_ns, "TIME", "for one answer; then its outcome is unknown (10s)"},
        {"seed", 0, CLI_NUMBER, &o.seed, "N", "of what the clients do (drawn, and printed)"},
    };
    const struct cli_command command = {
        "bench", "Loads a cluster. WORKLOAD append: transactions that read lists and append to them; the table "
                 "bench_append is dropped and made anew.",
        "bench append [flags]", flags, sizeof flags / sizeof flags[0], NULL};
    int status = cli_parse(&command, argc, argv, &workload, 1, &word_count);
    if (status != CLI_OK) return status < 0 ? CLI_OK : status;
    const char *wrong = split_nodes(nodes, &o);
    if (wrong == NULL) wrong = check_options(&o);
    if (wrong == NULL && (word_count == 0 || strcmp(workload, "append") != 0)) wrong = "the workloads are: append";
    if (wrong == NULL) return bench_append(&o);
    fprintf(stderr, "ostraka bench: %s\n", wrong);
    return CLI_USAGE;
}
