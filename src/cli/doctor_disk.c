/* The disk under a data directory: room, kind, and how long a durable write takes. Leaves nothing
 * behind. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor.h"

#define WRITES       64
#define BLOCK_BYTES  4096
#define SLOW_US      10000u /* a commit takes two of these */
#define VERY_SLOW_US 100000u
#define ROOM_BYTES   ((uint64_t)1 << 30)
#define MAGIC_TMPFS  0x01021994
#define MAGIC_NFS    0x6969

static uint64_t now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void check_room(struct doctor *d)
{
    struct statvfs v;
    if (statvfs(d->data, &v) != 0) return;
    uint64_t room = (uint64_t)v.f_bavail * v.f_frsize, size = (uint64_t)v.f_blocks * v.f_frsize;
    bool enough = room >= ROOM_BYTES && room >= size / 10;
    doctor_add(d, enough ? DOCTOR_OK : DOCTOR_WARN, "free space",
               enough
                   ? ""
                   : "Make room: a node refuses writes when its disk is full, until there is some.",
               "%llu of %llu MiB at %s", (unsigned long long)(room >> 20),
               (unsigned long long)(size >> 20), d->data);
}

static void check_kind(struct doctor *d)
{
    struct statfs s;
    if (statfs(d->data, &s) != 0) return;
    if (s.f_type == MAGIC_TMPFS)
        doctor_add(d, DOCTOR_WARN, "file system",
                   "Put --data on a disk: what is here is gone with the machine.", "tmpfs");
    if (s.f_type == MAGIC_NFS)
        doctor_add(d, DOCTOR_ERROR, "file system",
                   "Put --data on a local disk: locks and syncs of NFS are not what a node needs.",
                   "NFS");
}

/* How long WRITES writes of a block took, each made durable; an errno, or 0. */
static int measure(int fd, uint64_t took_us[WRITES])
{
    static const char block[BLOCK_BYTES];
    for (int i = 0; i < WRITES;
         i++) { /* room first, as in the log: then a sync has no metadata to write */
        if (pwrite(fd, block, sizeof block, (off_t)i * BLOCK_BYTES) != BLOCK_BYTES)
            return errno != 0 ? errno : EIO;
    }
    if (fsync(fd) != 0) return errno;
    for (int i = 0; i < WRITES; i++) {
        uint64_t start = now_us();
        if (pwrite(fd, block, sizeof block, (off_t)i * BLOCK_BYTES) != BLOCK_BYTES)
            return errno != 0 ? errno : EIO;
        if (fdatasync(fd) != 0) return errno;
        took_us[i] = now_us() - start;
    }
    return 0;
}

static void check_sync(struct doctor *d)
{
    char path[4200];
    uint64_t took_us[WRITES];
    snprintf(path, sizeof path, "%s/.doctor-%d", d->data, (int)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    int error = fd < 0 ? errno : measure(fd, took_us);
    if (fd >= 0) close(fd);
    if (fd >= 0) unlink(path);
    if (error != 0) {
        doctor_add(
            d, DOCTOR_ERROR, "disk",
            "A node could not write here either: check owner, mode and mount of the directory.",
            "cannot write to %s: %s", d->data, strerror(error));
        return;
    }
    qsort(took_us, WRITES, sizeof took_us[0], compare);
    uint64_t median = took_us[WRITES / 2], worst = took_us[WRITES - 1];
    enum doctor_level level = median > VERY_SLOW_US ? DOCTOR_ERROR
                              : median > SLOW_US    ? DOCTOR_WARN
                                                    : DOCTOR_OK;
    doctor_add(d, level, "disk sync",
               level == DOCTOR_OK ? ""
                                  : "Every commit waits for this. Use a disk whose write cache "
                                    "survives power loss, and nothing else "
                                    "that writes to it.",
               "%llu us to write %d bytes durably (median; %llu at worst) at %s",
               (unsigned long long)median, BLOCK_BYTES, (unsigned long long)worst, d->data);
}

void doctor_disk(struct doctor *d)
{
    if (d->data == NULL) return;
    if (access(d->data, F_OK) != 0) {
        doctor_add(d, DOCTOR_ERROR, "data directory",
                   "Name the --data of a node, or a directory on the disk that one will use.",
                   "%s: %s", d->data, strerror(errno));
        return;
    }
    check_room(d);
    check_kind(d);
    check_sync(d);
}
