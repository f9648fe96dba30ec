#include "cli/bench_history.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"
#include "cli/bench_client.h"

bool bench_history_open(struct bench_history *h, const char *path)
{
    *h = (struct bench_history){.start_ns = bench_now_ns()};
    ASSERT(pthread_mutex_init(&h->mutex, NULL) == 0);
    if (path == NULL) return true;
    h->file = fopen(path, "we");
    if (h->file == NULL) fprintf(stderr, "ostraka bench: %s: %s\n", path, strerror(errno));
    return h->file != NULL;
}

uint64_t bench_history_write(struct bench_history *h, const char *type, uint64_t process, struct bytes value,
                             const char *error)
{
    pthread_mutex_lock(&h->mutex);
    uint64_t time_ns = bench_now_ns() - h->start_ns; /* read under the mutex: times rise with the index */
    if (h->file != NULL) {
        fprintf(h->file, "{\"index\":%llu,\"type\":\"%s\",\"f\":\"txn\",\"process\":%llu,\"time\":%llu,\"value\":",
                (unsigned long long)h->line_count, type, (unsigned long long)process, (unsigned long long)time_ns);
        fwrite(value.data, 1, value.size, h->file);
        if (error[0] != '\0') fprintf(h->file, ",\"error\":\"%s\"", error);
        fputs("}\n", h->file);
    }
    h->line_count++;
    pthread_mutex_unlock(&h->mutex);
    return time_ns;
}

bool bench_history_close(struct bench_history *h)
{
    pthread_mutex_destroy(&h->mutex);
    if (h->file == NULL) return true;
    bool failed = ferror(h->file) != 0;
    failed |= fclose(h->file) != 0;
    h->file = NULL;
    if (failed) fprintf(stderr, "ostraka bench: the history could not be written: %s\n", strerror(errno));
    return !failed;
}
