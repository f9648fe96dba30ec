#include "tests/wal/detect.h"

#include "base/assert.h"
#include "tests/wal/crash.h"
#include "tests/wal/damage.h"

const char *detect_crash(void)
{
    struct crash_count count = {0};
    struct crash_plan plan = {.seed = 3, .append_count = 90, .sector_bytes = 4096};
    return crash_all(&plan, 3, 6, &count);
}

const char *detect_crash_recycled(void)
{
    struct crash_count count = {0};
    struct crash_plan plan = {.seed = 21, .append_count = 120, .sector_bytes = 4096, .warm = true};
    return crash_all(&plan, 3, 6, &count);
}

const char *detect_flips(void)
{
    struct damage d;
    uint64_t runs = 0;
    damage_create(&d, 4, 70, DAMAGE_NEW);
    const char *wrong = damage_flip_all(&d, &runs);
    damage_destroy(&d);
    return wrong;
}

const char *detect_garbage(void)
{
    const char *wrong = NULL;
    struct prng prng;
    prng_init(&prng, 8);
    for (uint64_t seed = 1; seed <= 30 && wrong == NULL; seed++) {
        struct damage d;
        damage_create(&d, seed, 60, (enum damage_past)(seed % 3));
        wrong = damage_garbage(&d, &prng);
        damage_destroy(&d);
    }
    return wrong;
}

/* The n-th sync of a segment fails once, all later ones succeed; then the power fails. */
static const char *failed_sync(uint64_t n)
{
    struct rig r;
    struct prng prng;
    const char *wrong = NULL;
    prng_init(&prng, n);
    rig_create(&r, n);
    rig_must_open(&r);
    rig_idle(&r);
    sim_disk_inject(r.disk, &(struct sim_disk_fault){.kind = SIM_FAULT_SYNC_ERROR, .skip = n,
                                                     .count = 1});
    bool all = rig_workload(&r, &prng, 40);
    bool hit = sim_fault_hits(r.sim, SIM_FAULT_SYNC_ERROR) > 0;
    struct lsn lsn;
    if (hit && !wal_failed(r.wal)) wrong = "a failed sync was forgiven";
    else if (hit && (all || r.failed_calls != 1)) wrong = "the owner was not told once";
    else if (hit && wal_append_marker(r.wal, &lsn) != STATUS_FENCED) wrong = "accepts appends";
    sim_disk_heal(r.disk);
    rig_crash(&r, SIM_CRASH_POWER);
    if (rig_open(&r) != STATUS_OK) wrong = "does not boot";
    else if (wrong == NULL) wrong = rig_check(&r);
    rig_destroy(&r);
    return wrong;
}

const char *detect_failed_sync(void)
{
    for (uint64_t n = 0; n < 12; n++) {
        const char *wrong = failed_sync(n);
        if (wrong != NULL) return wrong;
    }
    return NULL;
}

/* The same, but the process is killed first and another one reads what the page cache calls clean: what it
 * was told must outlive the power loss that follows. */
static const char *failed_sync_reread(uint64_t n)
{
    struct rig r;
    struct prng prng;
    const char *wrong = NULL;
    prng_init(&prng, n);
    rig_create(&r, n);
    rig_must_open(&r);
    rig_idle(&r);
    sim_disk_inject(r.disk, &(struct sim_disk_fault){.kind = SIM_FAULT_SYNC_ERROR, .skip = n % 12,
                                                     .path_part = ".wal", .count = 1});
    rig_workload(&r, &prng, 40);
    sim_disk_heal(r.disk);
    rig_crash(&r, SIM_CRASH_PROCESS);
    if (rig_open(&r) != STATUS_OK) wrong = "does not boot";
    if (wrong == NULL) wrong = rig_check(&r);
    uint64_t handed = model_digest(&r.recovered);
    rig_crash(&r, SIM_CRASH_POWER);
    if (wrong == NULL && rig_open(&r) != STATUS_OK) wrong = "does not boot again";
    if (wrong == NULL && r.recovery.damaged) wrong = "handed out what was never on disk";
    if (wrong == NULL && model_digest(&r.recovered) != handed) wrong = "it took back what it said";
    rig_destroy(&r);
    return wrong;
}

const char *detect_failed_sync_reread(void)
{
    for (uint64_t n = 0; n < 60; n++) {
        const char *wrong = failed_sync_reread(n);
        if (wrong != NULL) return wrong;
    }
    return NULL;
}

const char *detect_lost_state(void)
{
    struct rig r;
    rig_create(&r, 5);
    rig_must_open(&r);
    rig_fact(&r, 1, rig_pattern(1, 100));
    rig_hard_state(&r, 1, 9, 3, 0);
    rig_hard_state(&r, 2, 8, 2, 0);
    for (int i = 0; i < 60; i++) { /* until the segment with those records is gone */
        rig_next(&r, 1, 9, 5000);
        rig_flush(&r);
        if (i % 8 == 7) rig_truncate(&r, 1, model_last(&r.model.ranges[1]) - 1);
    }
    rig_flush(&r);
    rig_close(&r);
    const char *wrong = rig_open(&r) != STATUS_OK ? "does not boot" : NULL;
    if (wrong == NULL && model_digest(&r.model) != model_digest(&r.recovered))
        wrong = "state was lost with its segment";
    if (wrong == NULL && wal_metrics(r.wal)->segment_count > 5) wrong = "nothing was freed";
    rig_destroy(&r);
    return wrong;
}

const char *detect_foreign_store(void)
{
    struct rig r;
    rig_create(&r, 6);
    rig_must_open(&r);
    rig_next(&r, 1, 1, 10);
    rig_flush(&r);
    rig_close(&r);
    r.options.store_id++;
    const char *wrong = rig_open(&r) == STATUS_INVALID ? NULL : "opens the log of another store";
    rig_destroy(&r);
    return wrong;
}

/* A process is killed with a frame written and not synced; the next one reads it, and then the
 * power fails: what it was told must still be there. */
static const char *handed_out(uint64_t n)
{
    struct rig r;
    struct prng prng;
    const char *wrong = NULL;
    prng_init(&prng, n);
    rig_create(&r, n);
    rig_must_open(&r);
    rig_workload(&r, &prng, 30);
    rig_next(&r, 1, 90, 300);
    wal_submit(r.wal);
    for (uint64_t i = 0; i < n % 4; i++) rig_turn(&r);
    rig_crash(&r, SIM_CRASH_PROCESS);
    if (rig_open(&r) != STATUS_OK) wrong = "does not boot";
    if (wrong == NULL) wrong = rig_check(&r);
    uint64_t handed = model_digest(&r.recovered);
    rig_crash(&r, SIM_CRASH_POWER);
    if (wrong == NULL && rig_open(&r) != STATUS_OK) wrong = "does not boot again";
    if (wrong == NULL && model_digest(&r.recovered) != handed) wrong = "it took back what it said";
    rig_destroy(&r);
    return wrong;
}

const char *detect_handed_out(void)
{
    for (uint64_t n = 1; n <= 60; n++) {
        const char *wrong = handed_out(n);
        if (wrong != NULL) return wrong;
    }
    return NULL;
}
