/* A disk that fills up. A file of some size, the reserve, lies beside the log and the engine. When either has
 * no room for what it wants to write, the reserve is given up: flushes and the log's next segment find room,
 * the log can be cut, and nothing that was acknowledged is in the way of anything. Meanwhile the ranges here take
 * no new writes (STATUS_NO_SPACE), and a leader hands over once, for others may have room. When everything is
 * written and the whole reserve fits again, writes are taken again. The metadata range goes on all the time: its
 * entries are few, and without its clock there are no reads.
 *
 *   OPEN --no room--> FULL: reserve given up --room for log, engine and reserve--> OPEN */
#include <stdio.h>
#include <stdlib.h>

#include "shard/shard_int.h"

#define RESERVE_PIECE_BYTES (256u << 10)
#define RESERVE_PAUSE_NS 5000000u /* between pieces: nobody else shall feel it */
#define RETRY_NS 1000000000u

static void reserve_path(const struct store *s, char path[256])
{
    snprintf(path, 256, "%s/reserve", s->options.directory);
}

/* Zeros, not a hole: only what was written takes room. */
static enum status reserve_write(struct store *s, struct fio *fio, const char *path)
{
    env_file file;
    enum status status = fio_open(fio, path, ENV_OPEN_WRITE | ENV_OPEN_CREATE, &file);
    if (status != STATUS_OK) return status;
    uint64_t size = 0;
    status = fio_size(fio, file, &size);
    uint8_t *zeros = calloc(1, RESERVE_PIECE_BYTES);
    if (zeros == NULL && status == STATUS_OK) status = STATUS_NO_MEMORY;
    while (status == STATUS_OK && size < s->options.reserve_bytes && !s->failed && !s->stopping) {
        uint64_t left = s->options.reserve_bytes - size;
        size_t piece = left < RESERVE_PIECE_BYTES ? (size_t)left : RESERVE_PIECE_BYTES;
        status = fio_write(fio, file, zeros, piece, size);
        size += piece;
        store_fiber_sleep(s, RESERVE_PAUSE_NS);
    }
    free(zeros);
    fio_close(fio, file);
    if (status == STATUS_OK && size < s->options.reserve_bytes) status = STATUS_CANCELLED;
    return status;
}

static bool no_room(const struct store *s)
{
    return lsm_disk_full(s->lsm) || wal_no_space(s->wal);
}

static void become_open(struct store *s)
{
    if (!s->space.full) return;
    s->space.full = false;
    COVER("shard_disk_has_room");
    LOG_INFO(s->logger, "shard", "disk has room again, writes are taken", "");
}

static void become_full(struct store *s)
{
    if (s->space.full) return;
    s->space.full = true;
    s->metrics.disk_full++;
    COVER("shard_disk_full");
    LOG_ERROR(s->logger, "shard", "disk full, no writes are taken until there is room", "");
    LIST_FOR_EACH(item, &s->replicas) {
        struct replica *r = CONTAINER_OF(item, struct replica, link);
        if (replica_transfer(r, (struct node_id){0}) == STATUS_OK) COVER("shard_full_leader_hands_over");
    }
}

static void reserve_run(void *arg)
{
    struct store *s = arg;
    struct fio fio = {s->env, s->options.fibers, 0};
    char path[256];
    reserve_path(s, path);
    bool give_up = s->space.full && no_room(s);
    enum status status = give_up ? STATUS_NO_SPACE : reserve_write(s, &fio, path);
    if (s->failed) status = STATUS_CANCELLED;
    if (status == STATUS_NO_SPACE) {
        enum status gone = fio_unlink(&fio, path);
        if (gone != STATUS_OK && gone != STATUS_NOT_FOUND) COVER("shard_reserve_stays");
    }
    s->space.held = status == STATUS_OK;
    if (!s->failed) {
        if (s->space.held && !no_room(s)) become_open(s);
        else if (status == STATUS_NO_SPACE) become_full(s);
        s->space.retry_ns = env_now_ns(s->env) + RETRY_NS;
    }
    s->space.busy = false;
    store_fiber_end(s);
}

void space_tick(struct store *s)
{
    if (s->space.busy) return;
    bool none = no_room(s), act;
    if (none) become_full(s);
    if (none) act = s->space.held; /* is given up, once */
    else act = (!s->space.held || s->space.full) && env_now_ns(s->env) >= s->space.retry_ns;
    if (!act) return;
    s->space.busy = true;
    if (store_fiber(s, reserve_run, s) != STATUS_OK) s->space.busy = false;
}

bool space_refuses(const struct store *s, struct range_id range)
{
    return s->space.full && range.value != RANGE_META.value;
}

bool store_disk_is_full(const struct store *s)
{
    return s->space.full;
}

/* What is left when entries are refused serves votes and what frees segments. It must not be stood in line
 * before by entries that were refused, so those are turned away while there is still a little more room. */
#define LOW_BYTES (64u << 10)

bool space_is_low(const struct store *s, uint64_t bytes)
{
    return s->space.full && wal_room(s->wal) < LOW_BYTES + 2 * bytes;
}
