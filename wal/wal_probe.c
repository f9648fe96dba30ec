/* Which way of making a write durable is faster here? Disks with power-loss protection like
 * O_DSYNC, others like a plain write and one flush; the only way to know is to try. Of two that differ little the one that is
 * one call wins: between a write and its sync there is a turn of the loop, and a thread more to wake. */
#include <stdlib.h>

#include "wal/wal_int.h"

#define ROUNDS 16
#define LIMIT_NS UINT64_C(200000000) /* of both together, however slow the disk; each is tried once at least */

enum { FDATASYNC, DSYNC, WAYS };

struct probe {
    struct wal *w;
    struct fio *f;
    env_file files[WAYS];
    uint8_t *sector;
    uint64_t offset;
    uint64_t least_ns[WAYS]; /* what else goes on here, as other nodes' starts, can only add to it */
};

static enum status time_write(struct probe *p, int way)
{
    uint64_t start_ns = env_now_ns(p->w->options.env);
    enum status status = fio_write(p->f, p->files[way], p->sector, WAL_SECTOR_BYTES, p->offset);
    if (status == STATUS_OK && way == FDATASYNC) status = fio_sync(p->f, p->files[way]);
    uint64_t ns = env_now_ns(p->w->options.env) - start_ns;
    if (ns < p->least_ns[way]) p->least_ns[way] = ns;
    return status;
}

/* By turns, so that a moment in which the disk is busy meets both. */
static enum status time_writes(struct probe *p)
{
    uint64_t start_ns = env_now_ns(p->w->options.env);
    enum status status = STATUS_OK;
    for (int i = 0; i < ROUNDS * WAYS && status == STATUS_OK; i++) {
        if (i >= WAYS && env_now_ns(p->w->options.env) - start_ns >= LIMIT_NS) break;
        status = time_write(p, i % WAYS);
    }
    return status;
}

static enum status open_both(struct probe *p, const char *path)
{
    unsigned flags = ENV_OPEN_READ | ENV_OPEN_WRITE;
    enum status status = wal_file_open(p->w, p->f, path, flags, &p->files[FDATASYNC]);
    if (status != STATUS_OK) return status;
    status = wal_file_open(p->w, p->f, path, flags | ENV_OPEN_DSYNC, &p->files[DSYNC]);
    if (status != STATUS_OK) fio_close(p->f, p->files[FDATASYNC]);
    return status;
}

static enum status time_both(struct probe *p, const char *path)
{
    enum status status = open_both(p, path);
    if (status != STATUS_OK) return status;
    status = time_writes(p);
    for (int way = 0; way < WAYS; way++) fio_close(p->f, p->files[way]);
    return status;
}

enum wal_sync_mode wal_sync_mode_for(uint64_t dsync_ns, uint64_t fdatasync_ns)
{
    return dsync_ns / 2 <= fdatasync_ns ? WAL_SYNC_DSYNC : WAL_SYNC_FDATASYNC;
}

enum status wal_probe_sync(struct wal *w, struct fio *f, const char *path,
                           enum wal_sync_mode *mode_out)
{
    struct probe p = {.w = w,
                      .f = f,
                      .sector = aligned_alloc(WAL_SECTOR_BYTES, WAL_SECTOR_BYTES),
                      .offset = w->options.segment_bytes - WAL_SECTOR_BYTES,
                      .least_ns = {UINT64_MAX, UINT64_MAX}};
    if (p.sector == NULL) return STATUS_NO_MEMORY;
    memset(p.sector, 0, WAL_SECTOR_BYTES);
    enum status status = time_both(&p, path);
    free(p.sector);
    if (status != STATUS_OK) return status;
    *mode_out = wal_sync_mode_for(p.least_ns[DSYNC], p.least_ns[FDATASYNC]);
    LOG_INFO(w->options.logger, "wal", "timed both ways to sync",
             "fdatasync_us=%llu dsync_us=%llu chosen=%s", (unsigned long long)p.least_ns[FDATASYNC] / 1000,
             (unsigned long long)p.least_ns[DSYNC] / 1000,
             *mode_out == WAL_SYNC_DSYNC ? "dsync" : "fdatasync");
    return STATUS_OK;
}
