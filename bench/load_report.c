/* Clocks, CPU accounting and the table of the load generators. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "bench/load.h"

uint64_t load_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool load_process_cpu_ns(pid_t pid, uint64_t *ns_out)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *f = fopen(path, "r");
    if (f == NULL) return false;
    size_t size = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[size] = '\0';
    /* The command name is in parentheses and may hold anything, so count from the last one. After
     * it come the state (field 3) and, as fields 14 and 15, user and system time in ticks. */
    const char *at = strrchr(text, ')');
    uint64_t user, system;
    static const char format[] =
        " %*c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64;
    if (at == NULL || sscanf(at + 1, format, &user, &system) != 2) return false;
    *ns_out = (user + system) * (1000000000u / (uint64_t)sysconf(_SC_CLK_TCK));
    return true;
}

uint64_t load_own_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void load_print_header(const struct load_options *o)
{
    printf("%-16s %5s %5s %10s %9s %9s %9s %12s %12s %8s %8s", "op", "conns", "pipe", "ops/s",
           "p50_us", "p99_us", "p99.9_us", "srv_cpu_us", "cli_cpu_us", "errors", "gap_ms");
    if (o->arrivals) printf(" %9s %9s %9s", "in_p50_us", "in_p99_us", "in_p99.9");
    printf("\n");
}

static double quantile_us(const struct histogram *h, double q)
{
    return (double)histogram_quantile(h, q) / 1000.0;
}

static void print_quantiles(const struct histogram *h)
{
    printf(" %9.1f %9.1f %9.1f", quantile_us(h, 0.5), quantile_us(h, 0.99), quantile_us(h, 0.999));
}

void load_print_row(const struct load_options *o, const char *op, const struct load_result *r)
{
    ASSERT(r->elapsed_ns > 0);
    double ops = r->ops > 0 ? (double)r->ops : 1.0;
    char server[32] = "-";
    if (r->server_cpu_known)
        snprintf(server, sizeof server, "%.1f", (double)r->server_cpu_ns / 1000.0 / ops);
    printf("%-16s %5" PRIu64 " %5" PRIu64 " %10.0f", op, o->connections, o->pipeline,
           (double)r->ops * 1e9 / (double)r->elapsed_ns);
    print_quantiles(&r->latency_ns);
    printf(" %12s %12.1f %8" PRIu64 " %8.1f", server, (double)r->client_cpu_ns / 1000.0 / ops,
           r->errors, (double)r->gap_ns / 1e6);
    if (o->arrivals) print_quantiles(&r->arrival_ns);
    printf("\n");
    fflush(stdout);
}
