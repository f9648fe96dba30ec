/* Which way of making a write durable is faster here? Disks with power-loss protection like
 * O_DSYNC, others like a plain write and one flush; the only way to know is to try. Of two that take about the same the one that is
 * one call wins: between a write and its sync there is a turn of the loop, and a thread more to wake. */
#include <stdlib.h>

#include "wal/wal_int.h"

#define ROUNDS 16
#define LIMIT_NS UINT64_C(100000000) /* of each way */

struct probe {
    struct wal *w;
    struct fio *f;
    uint8_t *sector;
    uint64_t offset;
};

/* The least time that a durable write took: what else goes on here, as other nodes' starts, can only add to it. */
static enum status time_writes(struct probe *p, const char *path, bool dsync, uint64_t *least_out)
{
    struct env *env = p->w->options.env;
    unsigned flags = ENV_OPEN_READ | ENV_OPEN_WRITE | (dsync ? ENV_OPEN_DSYNC : 0);
    env_file file;
    enum status status = wal_file_open(p->w, p->f, path, flags, &file);
    if (status != STATUS_OK) return status;
    uint64_t start_ns = env_now_ns(env), before_ns = start_ns, rounds = 0;
    *least_out = UINT64_MAX;
    while (rounds < ROUNDS && before_ns - start_ns < LIMIT_NS && status == STATUS_OK) {
        status = fio_write(p->f, file, p->sector, WAL_SECTOR_BYTES, p->offset);
        if (status == STATUS_OK && !dsync) status = fio_sync(p->f, file);
        uint64_t now_ns = env_now_ns(env);
        if (now_ns - before_ns < *least_out) *least_out = now_ns - before_ns;
        before_ns = now_ns;
        rounds++;
    }
    fio_close(p->f, file);
    return status;
}

enum wal_sync_mode wal_sync_mode_for(uint64_t dsync_ns, uint64_t fdatasync_ns)
{
    return dsync_ns / 3 <= fdatasync_ns / 2 ? WAL_SYNC_DSYNC : WAL_SYNC_FDATASYNC;
}

enum status wal_probe_sync(struct wal *w, struct fio *f, const char *path,
                           enum wal_sync_mode *mode_out)
{
    struct probe p = {w, f, aligned_alloc(WAL_SECTOR_BYTES, WAL_SECTOR_BYTES),
                      w->options.segment_bytes - WAL_SECTOR_BYTES};
    if (p.sector == NULL) return STATUS_NO_MEMORY;
    memset(p.sector, 0, WAL_SECTOR_BYTES);
    uint64_t fdatasync_ns = 0, dsync_ns = 0;
    enum status status = time_writes(&p, path, false, &fdatasync_ns);
    if (status == STATUS_OK) status = time_writes(&p, path, true, &dsync_ns);
    free(p.sector);
    if (status != STATUS_OK) return status;
    *mode_out = wal_sync_mode_for(dsync_ns, fdatasync_ns);
    LOG_INFO(w->options.logger, "wal", "timed both ways to sync",
             "fdatasync_us=%llu dsync_us=%llu chosen=%s", (unsigned long long)fdatasync_ns / 1000,
             (unsigned long long)dsync_ns / 1000,
             *mode_out == WAL_SYNC_DSYNC ? "dsync" : "fdatasync");
    return STATUS_OK;
}
