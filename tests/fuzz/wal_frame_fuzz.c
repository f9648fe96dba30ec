/* Fuzzes the recovery of the log, its dump, and what comes after.
 *
 * A log of a few frames is made once. The input edits its file: a byte of choices, then edits of five bytes (where
 * u16 in units that the choice says, value u8, length u8, stride u8). Hashes would stop the fuzzer at the door, so
 * one choice makes the hashes of records and frames hold again. What must hold: recovery and dump come to an end
 * with a verdict, and the log takes appends afterwards. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "tests/wal/rig.h"
#include "wal/wal_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPAIR_FRAMES = 1, REPAIR_RECORDS = 2, CUT = 4, SECTORS = 8 };
#define PATH "store/wal/00000001.wal"
#define EDIT_BYTES 5

static struct rig rig;
static struct sim_disk_image *image;
static uint8_t original[RIG_SEGMENT_BYTES], file[RIG_SEGMENT_BYTES], scratch[RIG_SEGMENT_BYTES];
static size_t used; /* bytes of the file that mean something */

static void make_log(void)
{
    struct prng prng;
    prng_init(&prng, 1);
    rig_create(&rig, 1);
    rig.options.compress = true;
    rig_must_open(&rig);
    rig_fact(&rig, 1, rig_pattern(1, 50));
    for (int i = 0; i < 3; i++) rig_next(&rig, 2, 1, 300);
    bool ok = rig_workload(&rig, &prng, 10);
    ASSERT(ok);
    rig_close(&rig);
    rig_kill(&rig, SIM_CRASH_PROCESS);
    image = sim_disk_snapshot(rig.disk);
    rig_boot(&rig);
    int64_t read = rig_file_read(&rig, PATH, original, sizeof original, 0);
    ASSERT(read == sizeof original);
    for (size_t i = 0; i < sizeof original; i++)
        if (original[i] != 0) used = i + 1;
}

/* Seals every record that can be found again, with the size its head says. */
static void repair_records(uint8_t *part, uint64_t part_size, uint64_t used_bytes)
{
    uint64_t place = WAL_PART_HEAD_BYTES;
    if (used_bytes > part_size) used_bytes = part_size;
    while (wal_place_after(place, WAL_RECORD_HEAD_BYTES) <= used_bytes) {
        struct wal_record_head head;
        uint64_t payload = wal_part_get(part, place, &head, sizeof head);
        if (head.zero != 0) return; /* no writer seals that */
        if (head.size > sizeof scratch || wal_place_after(payload, head.size) > used_bytes) return;
        wal_part_get(part, payload, scratch, head.size);
        wal_record_seal(&head, bytes_make(scratch, head.size));
        wal_part_put(part, place, &head, sizeof head);
        place = wal_place_after(payload, head.size);
    }
}

static void repair(bool records)
{
    uint64_t at = WAL_SECTOR_BYTES, size = 0;
    for (; at + WAL_SECTOR_BYTES <= sizeof file; at += size) {
        struct wal_frame_head h, was;
        uint8_t *frame = file + at;
        memcpy(&h, frame, sizeof h);
        memcpy(&was, original + at, sizeof was);
        size = was.size_bytes; /* frames stay where they were */
        if (size == 0 || was.magic != WAL_FRAME_MAGIC || size > sizeof file - at) return;
        if (h.size_bytes != size) continue;
        uint64_t group = h.group_offset < size ? h.group_offset : 0;
        if (records && group > 0) repair_records(frame, group, h.checkpoint_used);
        if (records) repair_records(frame + group, size - group, h.group_used);
        struct bytes parts[2] = {bytes_make(frame, size), BYTES_EMPTY};
        wal_frame_seal(parts, frame);
    }
}

static void edit(uint8_t choices, const uint8_t *data, size_t size)
{
    memcpy(file, original, sizeof file);
    for (; size >= EDIT_BYTES; data += EDIT_BYTES, size -= EDIT_BYTES) {
        size_t where = load_le16(data);
        if ((choices & SECTORS) != 0) where = (where & 15) * WAL_SECTOR_BYTES + (where >> 4);
        size_t stride = data[4] % 64u + 1;
        for (size_t i = 0; i <= data[3] % 64u; i++) file[(where + i * stride) % used] = data[2];
    }
    if ((choices & REPAIR_FRAMES) != 0) repair((choices & REPAIR_RECORDS) != 0);
}

static enum status on_entry(void *ctx, struct range_id range, uint64_t term, uint64_t index, uint8_t kind,
                            struct bytes payload)
{
    (void)ctx, (void)term, (void)kind;
    ASSERT(range.value > 0 && index > 0);
    ASSERT(payload.size <= WAL_PAYLOAD_BYTES_MAX);
    return STATUS_OK;
}

static void on_line(void *ctx, const char *text)
{
    (void)ctx;
    ASSERT(text != NULL);
}

static enum status open_status, dump_status;

static void session(void *arg)
{
    struct rig *r = arg;
    struct fio f = {.env = r->env, .fibers = r->fibers};
    struct wal_visitor visitor = {.on_entry = on_entry};
    dump_status = wal_dump(&f, RIG_DIRECTORY, on_line, NULL);
    open_status = wal_open(&r->options, &visitor, &r->recovery, &r->wal);
}

static void append_one(void)
{
    struct lsn lsn;
    enum status status = wal_append_hard_state(rig.wal, (struct range_id){8}, 1, 1, 1, &lsn);
    ASSERT(status == STATUS_OK);
    wal_submit(rig.wal);
    while (wal_durable(rig.wal).value < lsn.value) {
        bool turned = rig_turn(&rig);
        ASSERT(turned);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) return 0;
    if (image == NULL) make_log();
    edit(data[0], data + 1, size - 1);
    rig_kill(&rig, SIM_CRASH_PROCESS);
    sim_disk_restore(rig.disk, image);
    rig_boot(&rig);
    int64_t written = rig_file_write(&rig, PATH, file, sizeof file, 0);
    ASSERT(written == sizeof file);
    if ((data[0] & CUT) != 0) written = rig_truncate_file(&rig, PATH, used - size % used);
    ASSERT(written >= 0);
    rig.acked = 0;
    bool ended = rig_on_fiber(&rig, session, &rig);
    ASSERT(ended);
    ASSERT(dump_status == STATUS_OK || dump_status == STATUS_CORRUPT || dump_status == STATUS_VERSION);
    ASSERT(open_status == STATUS_OK || open_status == STATUS_CORRUPT || open_status == STATUS_VERSION ||
           open_status == STATUS_INVALID);
    if (open_status != STATUS_OK) return 0;
    append_one();
    rig_close(&rig);
    return 0;
}
