#include "tests/wal/flights.h"

#include "base/assert.h"
#include "tests/wal/detect.h"

void flights_disk(struct rig *r, uint64_t write_ns, uint64_t sync_ns)
{
    struct sim_options *o = sim_options(r->sim);
    o->disk_write_ns = write_ns;
    o->disk_sync_ns = sync_ns;
    o->disk_tail_ns = 0;
    o->disk_bytes_per_sec = 0;
}

void flights_create(struct rig *r, uint64_t seed, enum wal_sync_mode mode)
{
    rig_create(r, seed);
    r->options.sync_mode = mode;
    flights_disk(r, FLIGHTS_FAST, FLIGHTS_FAST);
    enum status status = rig_open(r);
    ASSERT(status == STATUS_OK);
    rig_continue(r);
    status = rig_next(r, 1, 1, 100);
    ASSERT(status == STATUS_OK);
    bool durable = rig_flush(r);
    ASSERT(durable);
    rig_idle(r);
    ASSERT(r->wal->next != NULL);
}

static uint64_t sectors_left(const struct rig *r)
{
    const struct wal_segment *s = wal_current(r->wal);
    return (s->size_bytes - s->write_offset) / WAL_SECTOR_BYTES;
}

void flights_fill(struct rig *r)
{
    while (sectors_left(r) > 2) {
        flights_entry(r, 100);
        rig_flush(r);
    }
    rig_idle(r);
    ASSERT(r->wal->next != NULL);
}

void flights_start(struct rig *r)
{
    unsigned before = r->wal->flight_count;
    wal_submit(r->wal);
    ASSERT(r->wal->flight_count == before + 1);
}

void flights_entry(struct rig *r, size_t size)
{
    enum status status = rig_next(r, 1, 1, size);
    ASSERT(status == STATUS_OK);
    flights_start(r);
}

bool flights_over(const struct rig *r, unsigned n)
{
    ASSERT(n < r->wal->flight_count);
    return r->wal->groups[wal_ring_place(r->wal, n)].flight.pending == 0;
}

void flights_halt(struct rig *r)
{
    sim_disk_crash_after(r->disk, sim_disk_op_count(r->disk));
}

size_t flights_lose_power(struct rig *r, size_t lost)
{
    while (rig_turn(r)) continue;
    bool keep[16];
    size_t count = sim_disk_crash_choices(r->disk);
    ASSERT(lost < count && count <= sizeof keep);
    for (size_t i = 0; i < count; i++) keep[i] = i != lost;
    sim_disk_crash_choose(r->disk, keep, count);
    rig_crash(r, SIM_CRASH_POWER);
    return count;
}

/* ---- what proves that a frame was durable ---- */

enum after { ALONE, TOGETHER };

/* Frames 3 and 4 hold an entry each, and so does frame 5, of three sectors, if it is wanted. */
static void make_log(struct rig *r, enum after fourth, bool fifth)
{
    flights_create(r, 7, WAL_SYNC_FDATASYNC);
    flights_entry(r, 100);
    if (fourth == ALONE) rig_flush(r);
    flights_entry(r, 100);
    rig_flush(r);
    if (fifth) flights_entry(r, 9000);
    rig_flush(r);
    rig_close(r);
}

#define IN_HEAD 20
#define BEHIND_HEAD 200

static void spoil(struct rig *r, const char *path, uint64_t sector, uint64_t byte)
{
    bool there = sim_disk_rot(r->disk, path, sector * WAL_SECTOR_BYTES + byte, 1);
    ASSERT(there);
}

const char *detect_proofs(void)
{
    static const struct {
        enum after fourth;
        bool fifth, fifth_head_bad, damaged;
        const char *wrong;
    } cases[] = {
        {ALONE, false, false, true, "the next frame knew it durable, and it is not called damaged"},
        {TOGETHER, false, false, false, "both may be unfinished, and it is called damaged"},
        {TOGETHER, true, false, true, "a frame two further on is there, and it is not damaged"},
        {TOGETHER, true, true, true, "a sector of such a frame is there, and it is not damaged"},
    };
    const char *wrong = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0] && wrong == NULL; i++) {
        struct rig r;
        make_log(&r, cases[i].fourth, cases[i].fifth);
        spoil(&r, FLIGHTS_SEGMENT_1, 3, BEHIND_HEAD);
        if (cases[i].fifth_head_bad) spoil(&r, FLIGHTS_SEGMENT_1, 5, IN_HEAD);
        if (rig_open(&r) != STATUS_OK) wrong = "does not boot";
        else if (r.recovery.damaged != cases[i].damaged) wrong = cases[i].wrong;
        else if (r.recovery.uncertain == cases[i].damaged) wrong = "another verdict";
        else if (r.recovery.entry_count != 1) wrong = "more or less than the entry before it";
        rig_destroy(&r);
    }
    return wrong;
}

/* ---- a whole frame behind an unfinished one ---- */

#define NEW_RANGE 5
#define CUT_TERM 77

/* The power fails with two groups in flight; of the first one a sector is missing, the second is
 * whole, and would show. */
static const char *cut(struct rig *r)
{
    rig_fact(r, 1, rig_pattern(1, 20));
    rig_flush(r);
    for (int i = 0; i < 3; i++) {
        rig_next(r, 1, 1, 100);
        rig_flush(r);
    }
    flights_halt(r);
    flights_entry(r, 9000);
    rig_hard_state(r, 1, CUT_TERM, 5, 0);
    rig_hard_state(r, NEW_RANGE, CUT_TERM, 5, 0);
    rig_fact(r, 2, rig_pattern(2, 20));
    flights_start(r);
    size_t sectors = flights_lose_power(r, 1);
    ASSERT(sectors == 4);
    if (rig_open(r) != STATUS_OK) return "does not boot";
    return r->recovery.torn ? rig_check(r) : "another verdict";
}

static bool came_back(const struct rig *r)
{
    return r->recovered.ranges[NEW_RANGE].exists || r->recovered.ranges[1].term == CUT_TERM ||
           r->recovered.facts[2].exists;
}

/* Lives that each go further than what was cut; the last one has ended. */
static const char *live_on(struct rig *r, unsigned restarts)
{
    for (unsigned life = 0;; life++) {
        if (came_back(r)) return "what was cut came back at a start";
        if (life > 0 && model_digest(&r->recovered) != model_digest(&r->model))
            return "lost something else";
        rig_continue(r);
        for (int i = 0; i < 6; i++) {
            if (rig_next(r, 1, 1, 100) != STATUS_OK || !rig_flush(r)) return "does not go on";
        }
        if (life % 2 == 1) rig_crash(r, SIM_CRASH_PROCESS);
        else rig_close(r);
        if (life == restarts) return NULL;
        if (rig_open(r) != STATUS_OK) return "does not boot again";
    }
}

static const char *open_damaged(struct rig *r)
{
    if (rig_open(r) != STATUS_OK) return "does not boot damaged";
    if (!r->recovery.damaged) return "damage was not noticed";
    if (came_back(r)) return "what was cut came back with the damage";
    rig_close(r);
    return NULL;
}

/* Then a frame goes bad: one before what was cut, or the one with which the log went on. */
static const char *cut_and_damaged(bool before, unsigned restarts)
{
    struct rig r;
    flights_create(&r, 8, WAL_SYNC_DSYNC);
    const char *wrong = cut(&r);
    struct wal_path next = wal_path_segment(RIG_DIRECTORY, (uint32_t)r.recovery.generation);
    if (wrong == NULL) wrong = live_on(&r, restarts);
    if (wrong == NULL) {
        spoil(&r, before ? FLIGHTS_SEGMENT_1 : next.text, before ? 3 : 1, BEHIND_HEAD);
        wrong = open_damaged(&r);
    }
    if (wrong == NULL) wrong = open_damaged(&r);
    rig_destroy(&r);
    return wrong;
}

const char *detect_cut_frame(void)
{
    const char *wrong = NULL;
    for (unsigned i = 0; i < 4 && wrong == NULL; i++)
        wrong = cut_and_damaged(i % 2 == 0, i / 2 * 3);
    return wrong;
}

/* ---- the first frame of a segment ---- */

/* The power fails in the middle of it with more to come behind, or right before it with something
 * in flight. */
static const char *opening(bool behind)
{
    struct rig r;
    flights_create(&r, 10, WAL_SYNC_DSYNC);
    flights_fill(&r);
    flights_halt(&r);
    flights_entry(&r, behind ? 9000 : 5000); /* does not fit, or just so */
    rig_next(&r, 1, 1, behind ? 100 : 9000);
    wal_submit(r.wal);
    flights_lose_power(&r, 0);
    const char *wrong = NULL;
    if (rig_open(&r) != STATUS_OK) wrong = "does not boot";
    else if (r.recovery.damaged) wrong = "damaged without damage";
    else if (!r.recovery.torn) wrong = "another verdict";
    else wrong = rig_check(&r);
    rig_destroy(&r);
    return wrong;
}

const char *detect_opening(void)
{
    const char *wrong = opening(true);
    return wrong != NULL ? wrong : opening(false);
}

/* ---- the page cache says clean what the disk has not ---- */

/* The sync of the first of two fails, both lie in the page cache, and the process ends. What the
 * next one is told outlives the power loss that follows. */
const char *detect_both_rewritten(void)
{
    struct rig r;
    const char *wrong = NULL;
    flights_create(&r, 9, WAL_SYNC_FDATASYNC);
    sim_disk_inject(r.disk, &(struct sim_disk_fault){.kind = SIM_FAULT_SYNC_ERROR, .count = 1});
    flights_disk(&r, FLIGHTS_FAST, FLIGHTS_SLOW);
    flights_entry(&r, 100);
    rig_turn(&r); /* its sync is under way: the second write is none of its business */
    flights_entry(&r, 200);
    while (!wal_failed(r.wal)) rig_turn(&r);
    rig_crash(&r, SIM_CRASH_PROCESS);
    if (rig_open(&r) != STATUS_OK) wrong = "does not boot";
    else if (r.recovery.entry_count != 3) wrong = "the cache has both, and it does not see them";
    rig_crash(&r, SIM_CRASH_POWER);
    if (wrong == NULL && rig_open(&r) != STATUS_OK) wrong = "does not boot again";
    else if (wrong == NULL && r.recovery.damaged) wrong = "handed out what was never on disk";
    else if (wrong == NULL && r.recovery.entry_count != 3) wrong = "it took back what it said";
    rig_destroy(&r);
    return wrong;
}
