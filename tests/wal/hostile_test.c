/* Logs whose every hash holds and whose contents make no sense: whoever wrote them, recovery and
 * dump come to an end, and the log can be used afterwards. */
#include "base/assert.h"
#include "base/codec.h"
#include "tests/test.h"
#include "tests/wal/rig.h"
#include "wal/wal_int.h"

#define PATH "store/wal/00000001.wal"

static uint8_t file[RIG_SEGMENT_BYTES], scratch[RIG_SEGMENT_BYTES];

static uint64_t nasty(struct prng *prng)
{
    static const uint64_t values[] = {0, 1, 2, 3, 255, UINT32_MAX, UINT64_C(1) << 32,
                                      WAL_INDEX_MAX - 1, WAL_INDEX_MAX, WAL_INDEX_MAX + 1,
                                      UINT64_MAX - 1, UINT64_MAX};
    return prng_chance(prng, 1, 3) ? prng_below(prng, 12)
                                   : values[prng_below(prng, sizeof values / sizeof values[0])];
}

static void change_record(struct wal_record_head *head, struct prng *prng)
{
    switch (prng_below(prng, 7)) {
    case 0: head->range = 1 + nasty(prng) % MODEL_RANGES; break;
    case 1: head->term = nasty(prng); break;
    case 2: head->index = nasty(prng); break;
    case 3: head->kind = (uint8_t)prng_below(prng, 8); break;
    case 4: head->detail = (uint8_t)nasty(prng); break;
    case 5: head->flags = (uint8_t)prng_below(prng, 3); break;
    default: head->size = (uint32_t)nasty(prng); break;
    }
}

/* Changes the n-th record of a part and makes its hash hold again. */
static void change_part(uint8_t *part, uint64_t used, uint32_t n, struct prng *prng)
{
    uint64_t place = WAL_PART_HEAD_BYTES;
    struct wal_record_head head;
    for (uint32_t i = 0;; i++) {
        uint64_t start = place;
        struct bytes stored;
        if (!wal_record_get(part, used, &place, &head, scratch, &stored)) return;
        if (i < n) continue;
        change_record(&head, prng);
        uint32_t size = head.size;
        head.size = (uint32_t)stored.size;
        wal_record_seal(&head, stored);
        if (size != stored.size) head.size = size;
        wal_part_put(part, start, &head, sizeof head);
        return;
    }
}

static void change_head(struct wal_frame_head *h, struct prng *prng)
{
    switch (prng_below(prng, 9)) {
    case 0: h->lsn = nasty(prng); break;
    case 1: h->durable_upto = nasty(prng); break;
    case 2: h->prev_hash = nasty(prng); break;
    case 3: h->group_count = (uint32_t)nasty(prng); break;
    case 4: h->checkpoint_count = (uint32_t)nasty(prng); break;
    case 5: h->oldest_generation = (uint32_t)nasty(prng); break;
    case 6: h->prev_generation = (uint32_t)nasty(prng); break;
    case 7: h->flags = (uint32_t)prng_below(prng, 4); break;
    default: h->group_used = (uint32_t)nasty(prng); break;
    }
}

/* Changes something in the n-th frame of the file; every hash holds afterwards. */
static void change_frame(uint32_t n, struct prng *prng)
{
    uint64_t at = WAL_SECTOR_BYTES;
    struct wal_frame_head h;
    for (uint32_t i = 0; i <= n; i++) {
        if (i > 0) at += h.size_bytes;
        if (at >= sizeof file || !wal_frame_head_decode(file + at, sizeof file - at, &h)) return;
    }
    uint8_t *frame = file + at;
    bool in_checkpoint = h.checkpoint_count > 0 && prng_chance(prng, 1, 2);
    if (prng_chance(prng, 1, 3)) change_head(&h, prng);
    else if (in_checkpoint)
        change_part(frame, h.checkpoint_used, (uint32_t)prng_below(prng, h.checkpoint_count), prng);
    else if (h.group_count > 0)
        change_part(frame + h.group_offset, h.group_used,
                    (uint32_t)prng_below(prng, h.group_count), prng);
    memcpy(frame, &h, sizeof h);
    struct bytes parts[2] = {bytes_make(frame, h.size_bytes), BYTES_EMPTY};
    wal_frame_seal(parts, frame);
}

static enum status no_drop(void *ctx, struct range_id range)
{
    (void)ctx;
    return range.value > 0 ? STATUS_OK : STATUS_INVALID;
}

struct session {
    struct rig *r;
    enum status open_status, dump_status;
    uint64_t entries;
};

static enum status count_entry(void *ctx, struct range_id range, uint64_t term, uint64_t index,
                               uint8_t kind, struct bytes payload)
{
    struct session *s = ctx;
    (void)term;
    (void)kind;
    ASSERT(range.value > 0 && index > 0 && payload.size <= WAL_PAYLOAD_BYTES_MAX);
    s->entries++;
    return STATUS_OK;
}

static void ignore_line(void *ctx, const char *text)
{
    struct session *s = ctx;
    ASSERT(s->r != NULL && text != NULL);
}

static void session_main(void *arg)
{
    struct session *s = arg;
    struct rig *r = s->r;
    struct fio f = {.env = r->env, .fibers = r->fibers};
    struct wal_visitor visitor = {.on_entry = count_entry, .on_dropped = no_drop, .ctx = s};
    s->dump_status = wal_dump(&f, RIG_DIRECTORY, ignore_line, s);
    s->open_status = wal_open(&r->options, &visitor, &r->recovery, &r->wal);
}

static void one_session(struct rig *r, struct prng *prng, unsigned *odd)
{
    for (uint64_t i = 0; i <= prng_below(prng, 3); i++)
        change_frame((uint32_t)prng_below(prng, 8), prng);
    assert_int_equal(rig_file_write(r, PATH, file, sizeof file, 0), sizeof file);
    struct session s = {.r = r};
    r->acked = 0;
    assert_true(rig_on_fiber(r, session_main, &s));
    assert_true(s.dump_status == STATUS_OK || s.dump_status == STATUS_CORRUPT);
    assert_int_equal(s.open_status, STATUS_OK);
    if (r->recovery.damaged || r->recovery.uncertain) ++*odd;
    struct lsn lsn;
    assert_int_equal(wal_append_hard_state(r->wal, (struct range_id){8}, 1, 1, 1, &lsn), STATUS_OK);
    wal_submit(r->wal);
    while (wal_durable(r->wal).value < lsn.value) assert_true(rig_turn(r));
    rig_close(r);
}

TEST(hostile, contents_that_make_no_sense_are_survived)
{
    struct rig r;
    struct prng prng;
    unsigned odd = 0;
    prng_init(&prng, 1);
    rig_create(&r, 1);
    r.options.compress = true;
    rig_must_open(&r);
    rig_fact(&r, 1, rig_pattern(1, 50));
    for (int i = 0; i < 3; i++) rig_next(&r, 2, 1, 300);
    assert_true(rig_workload(&r, &prng, 12));
    rig_close(&r);
    rig_kill(&r, SIM_CRASH_PROCESS);
    struct sim_disk_image *image = sim_disk_snapshot(r.disk);
    rig_boot(&r);
    for (int round = 0; round < 3000; round++) {
        rig_kill(&r, SIM_CRASH_PROCESS);
        sim_disk_restore(r.disk, image);
        rig_boot(&r);
        assert_int_equal(rig_file_read(&r, PATH, file, sizeof file, 0), sizeof file);
        one_session(&r, &prng, &odd);
    }
    assert_true(odd > 300);
    sim_disk_image_destroy(image);
    rig_destroy(&r);
}
