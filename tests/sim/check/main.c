/* append_check FILE: is this history of list-append transactions strictly serializable? Exit 0: yes; 1: no, and the
 * anomalies are printed with their cycles; 2: the file is no history. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "tests/sim/check/append.h"
#include "tests/sim/check/history_read.h"

#define HISTORY_BYTES_MAX ((size_t)16 << 30)
#define REPORT_BYTES_MAX  ((size_t)64 << 20)

static long peak_mib(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? usage.ru_maxrss / 1024 : 0;
}

static int judge(const struct history *h)
{
    struct buf report;
    buf_init(&report, REPORT_BYTES_MAX);
    struct append_result r = append_check(h, &report);
    fwrite(report.data, 1, report.size, stdout);
    for (int i = 0; i < APPEND_ANOMALY_COUNT; i++)
        if (r.counts[i] > 0)
            printf("%s: %llu\n", append_anomaly_name((enum append_anomaly)i), (unsigned long long)r.counts[i]);
    size_t outcomes[4] = {0};
    for (size_t i = 0; i < h->txn_count; i++) outcomes[h->txns[i].outcome]++;
    printf("%s: %zu transactions (%zu ok, %zu failed, %zu of unknown outcome), %zu committed, %zu edges, %ld MiB\n",
           check_result_name(r.result), h->txn_count, outcomes[HISTORY_OK], outcomes[HISTORY_FAIL],
           outcomes[HISTORY_INFO] + outcomes[HISTORY_PENDING], r.committed_count, r.edge_count, peak_mib());
    buf_deinit(&report);
    return r.result == CHECK_VALID ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc != 2 || strcmp(argv[1], "--help") == 0) {
        fprintf(stderr, "usage: append_check FILE|-\n");
        return 2;
    }
    FILE *from = strcmp(argv[1], "-") == 0 ? stdin : fopen(argv[1], "re");
    char problem[160] = "cannot be read";
    struct history h;
    history_init(&h, HISTORY_BYTES_MAX);
    if (from == NULL || !history_read_json(&h, from, problem, sizeof problem)) {
        fprintf(stderr, "append_check: %s: %s\n", argv[1], problem);
        return 2;
    }
    int status = judge(&h);
    history_deinit(&h);
    fclose(from);
    return status;
}
