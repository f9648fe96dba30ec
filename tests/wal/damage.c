#include "tests/wal/damage.h"

#include <stdio.h>

#include "base/assert.h"
#include "tests/test.h"
#include "wal/wal_int.h"

#define HEAD_BYTES 16 /* every bit of these is flipped in each sector */

static void warm_up(struct rig *r, struct prng *prng)
{
    for (int i = 0; i < 3; i++) {
        rig_workload(r, prng, 60);
        for (uint64_t range = 1; range <= 3; range++)
            if (r->model.ranges[range].count > 0)
                rig_truncate(r, range, model_last(&r->model.ranges[range]));
    }
}

/* What was cut at the end of a life stays where it is. */
static void crash_often(struct rig *r, struct prng *prng)
{
    for (int i = 0; i < 3; i++) {
        sim_disk_crash_after(r->disk, sim_disk_op_count(r->disk) + prng_below(prng, 60));
        rig_workload(r, prng, 60);
        rig_crash(r, SIM_CRASH_POWER);
        assert_int_equal(rig_open(r), STATUS_OK);
        assert_null(rig_check(r));
        rig_continue(r);
    }
}

void damage_create(struct damage *d, uint64_t seed, size_t append_count, enum damage_past past)
{
    struct prng prng;
    prng_init(&prng, seed);
    rig_create(&d->r, seed);
    rig_must_open(&d->r);
    if (past == DAMAGE_WARM) warm_up(&d->r, &prng);
    if (past == DAMAGE_CRASHED) crash_often(&d->r, &prng);
    bool ok = rig_workload(&d->r, &prng, append_count) && rig_idle(&d->r);
    ASSERT(ok);
    rig_kill(&d->r, SIM_CRASH_POWER);
    d->image = sim_disk_snapshot(d->r.disk);
    rig_boot(&d->r);
}

void damage_destroy(struct damage *d)
{
    sim_disk_image_destroy(d->image);
    rig_destroy(&d->r);
}

void damage_reset(struct damage *d)
{
    rig_kill(&d->r, SIM_CRASH_PROCESS);
    sim_disk_restore(d->r.disk, d->image);
    rig_boot(&d->r);
}

const char *damage_judge(struct damage *d)
{
    struct rig *r = &d->r;
    if (rig_open(r) != STATUS_OK) return "does not boot";
    const struct wal_recovery *found = &r->recovery;
    if (r->recovered.hole) return "a hole in the entries of a range";
    if (!rig_only_appended_entries(r)) return "an entry that was never appended";
    if (!found->damaged && !rig_is_prefix(r, 0)) return "a state that never was";
    bool complete = model_digest(&r->recovered) == model_digest(&r->model);
    if (!complete && !found->damaged && !found->uncertain) return "silently shortened";
    if (!found->damaged && !rig_is_prefix(r, r->acked_before[WAL_FLIGHTS_MAX - 1]))
        return "more than the tail is gone";
    if ((found->damaged || found->uncertain || found->torn) && found->detail[0] == '\0')
        return "no reason given";
    return NULL;
}

const char *damage_flip(struct damage *d, const char *path, uint64_t offset, unsigned bit)
{
    damage_reset(d);
    bool there = sim_disk_rot(d->r.disk, path, offset, bit);
    ASSERT(there);
    return damage_judge(d);
}

static const char *describe(const char *wrong, const char *path, uint64_t offset, unsigned bit)
{
    static char text[256];
    snprintf(text, sizeof text, "%s: %s at %llu bit %u", wrong, path, (unsigned long long)offset,
             bit);
    return text;
}

static const char *flip_sector(struct damage *d, const char *path, uint64_t sector,
                               uint64_t *runs_out)
{
    struct prng prng;
    prng_init(&prng, sector);
    for (unsigned i = 0; i < HEAD_BYTES * 8 + 12; i++) {
        uint64_t at = i < HEAD_BYTES * 8 ? i : prng_below(&prng, WAL_SECTOR_BYTES * 8);
        if (i >= HEAD_BYTES * 8 && i < HEAD_BYTES * 8 + 6) at %= 150 * 8;
        const char *wrong = damage_flip(d, path, sector + at / 8, (unsigned)at % 8);
        ++*runs_out;
        if (wrong != NULL) return describe(wrong, path, sector + at / 8, (unsigned)at % 8);
    }
    return NULL;
}

const char *damage_flip_all(struct damage *d, uint64_t *runs_out)
{
    char path[128];
    uint64_t size;
    damage_reset(d);
    unsigned count = rig_file_count(&d->r, ".wal");
    for (unsigned n = 0; n < count; n++) {
        damage_reset(d);
        if (!rig_file_path(&d->r, ".wal", n, path, &size)) break;
        for (uint64_t sector = 0; sector < size; sector += WAL_SECTOR_BYTES) {
            const char *wrong = flip_sector(d, path, sector, runs_out);
            if (wrong != NULL) return wrong;
        }
    }
    return NULL;
}

/* ---- whole sectors ---- */

struct place {
    char path[128];
    uint64_t offset;
};

static struct place random_place(struct rig *r, struct prng *prng)
{
    struct place p;
    uint64_t size;
    unsigned count = rig_file_count(r, ".wal");
    bool found = rig_file_path(r, ".wal", (unsigned)prng_below(prng, count), p.path, &size);
    ASSERT(found);
    p.offset = prng_below(prng, size / WAL_SECTOR_BYTES) * WAL_SECTOR_BYTES;
    return p;
}

static uint32_t generation_at(struct rig *r, const struct place *p, uint8_t *sector)
{
    uint64_t stamp;
    uint32_t generation = 0, number;
    rig_file_read(r, p->path, sector, WAL_SECTOR_BYTES, p->offset);
    memcpy(&stamp, sector, sizeof stamp);
    wal_stamp_read(stamp, &generation, &number);
    return generation;
}

/* A sector that is older than the one it replaces looks like a write that was lost: that much
 * nobody can tell, so no such is made. */
static void spoil(struct rig *r, struct prng *prng)
{
    uint8_t sector[WAL_SECTOR_BYTES];
    struct place to = random_place(r, prng), from = random_place(r, prng);
    uint32_t before = generation_at(r, &to, sector);
    if (prng_chance(prng, 1, 2) || generation_at(r, &from, sector) < before)
        memcpy(sector, rig_pattern(prng_next(prng) | 1, sizeof sector).data, sizeof sector);
    rig_file_write(r, to.path, sector, sizeof sector, to.offset);
}

static const char *go_on(struct rig *r, struct prng *prng)
{
    struct wal_recovery found = r->recovery;
    rig_continue(r);
    if (!rig_workload(r, prng, 10)) return "does not take appends";
    rig_close(r);
    if (rig_open(r) != STATUS_OK) return "does not boot again";
    if (r->recovery.damaged != found.damaged) return "another verdict";
    if (found.uncertain && !r->recovery.uncertain) return "doubt was forgotten";
    if (model_digest(&r->recovered) != model_digest(&r->model)) return "appends after it are gone";
    return NULL;
}

const char *damage_garbage(struct damage *d, struct prng *prng)
{
    struct rig *r = &d->r;
    damage_reset(d);
    spoil(r, prng);
    const char *wrong = damage_judge(d);
    return wrong != NULL ? wrong : go_on(r, prng);
}
