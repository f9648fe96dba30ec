/* Printing a log directory for people: `ostraka debug wal`. Only reads. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/hex.h"
#include "wal/wal_int.h"

#define SHOWN_BYTES 16u /* of a payload */

struct dump_file {
    char name[64];
    uint64_t size;
    uint32_t generation;
};

struct dump {
    struct fio *fio;
    const char *directory;
    void (*line)(void *ctx, const char *text);
    void *ctx;
    struct dump_file *files;
    size_t file_count, file_capacity;
    struct wal_scan scan;
    struct buf scratch;
    bool no_memory, bad;
};

__attribute__((format(printf, 2, 3))) static void print(struct dump *d, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    d->line(d->ctx, text);
}

static void on_name(void *ctx, const char *name, bool is_directory, uint64_t size_bytes)
{
    struct dump *d = ctx;
    uint32_t generation = 0;
    if (is_directory || d->no_memory) return;
    enum wal_name_kind kind = wal_name_parse(name, &generation);
    if (kind != WAL_NAME_SEGMENT) {
        if (kind != WAL_NAME_OTHER)
            print(d, "file %s size=%" PRIu64 " not in use", name, size_bytes);
        return;
    }
    if (d->file_count == d->file_capacity) {
        size_t capacity = d->file_capacity == 0 ? 16 : d->file_capacity * 2;
        struct dump_file *files = realloc(d->files, capacity * sizeof files[0]);
        if (files == NULL) {
            d->no_memory = true;
            return;
        }
        d->files = files;
        d->file_capacity = capacity;
    }
    struct dump_file *file = &d->files[d->file_count++];
    *file = (struct dump_file){.size = size_bytes, .generation = generation};
    snprintf(file->name, sizeof file->name, "%s", name);
}

/* ---- records ---- */

static const char *payload_text(struct bytes bytes, char text[SHOWN_BYTES * 2 + 4])
{
    bool cut = bytes.size > SHOWN_BYTES;
    if (bytes.size == 0) return "-";
    if (cut) bytes.size = SHOWN_BYTES;
    hex_encode(bytes, text);
    if (cut) memcpy(text + (size_t)SHOWN_BYTES * 2, "...", 4);
    return text;
}

static enum status on_record(void *ctx, const struct wal_record *record)
{
    struct dump *d = ctx;
    const struct wal_record_head *h = &record->head;
    const uint8_t *data = record->stored.data;
    char text[SHOWN_BYTES * 2 + 4];
    switch (h->kind) {
    case WAL_RECORD_ENTRY:
        print(d, "    entry range=%" PRIu64 " term=%" PRIu64 " index=%" PRIu64
                 " kind=%u size=%u%s lsn=%" PRIu64 " %s",
              h->range, h->term, h->index, h->detail, h->size,
              (h->flags & WAL_RECORD_LZ4) != 0 ? " lz4" : "", record->lsn,
              payload_text(record->stored, text));
        break;
    case WAL_RECORD_HARD_STATE:
        print(d, "    hard_state range=%" PRIu64 " term=%" PRIu64 " vote=%" PRIu64
                 " commit=%" PRIu64,
              h->range, h->term, load_le64(data), h->index);
        break;
    case WAL_RECORD_START:
        print(d, "    start range=%" PRIu64 " term=%" PRIu64 " index=%" PRIu64 "%s", h->range,
              h->term, h->index, h->detail != 0 ? " all" : "");
        break;
    case WAL_RECORD_DROPPED: print(d, "    dropped range=%" PRIu64, h->range); break;
    case WAL_RECORD_FACT:
        print(d, "    fact key=%" PRIu64 " size=%u %s", h->range, h->size,
              payload_text(record->stored, text));
        break;
    case WAL_RECORD_RANGE:
        print(d, "    range range=%" PRIu64 " start=%" PRIu64 "/%" PRIu64 " term=%" PRIu64
                 " vote=%" PRIu64 " commit=%" PRIu64 " last=%" PRIu64,
              h->range, h->term, h->index, load_le64(data), load_le64(data + 8),
              load_le64(data + 16), load_le64(data + 24));
        break;
    default: UNREACHABLE();
    }
    return STATUS_OK;
}

/* ---- frames ---- */

static enum status print_frame(struct dump *d, uint64_t offset, const struct wal_frame_head *h,
                               const uint8_t *frame)
{
    print(d, "  frame %u at=%" PRIu64 " size=%u lsn=%" PRIu64 " durable=%" PRIu64
             " records=%u oldest=%08x hash=%016" PRIx64 "%s%s",
          (uint32_t)h->stamp, offset, h->size_bytes, h->lsn, h->durable_upto,
          h->checkpoint_count + h->group_count, h->oldest_generation, h->hash,
          (h->flags & WAL_FRAME_DAMAGED) != 0 ? " damaged" : "",
          (h->flags & WAL_FRAME_UNCERTAIN) != 0 ? " uncertain" : "");
    if (h->group_offset > 0)
        print(d, "    checkpoint after=%08x prev_hash=%016" PRIx64, h->prev_generation,
              h->prev_hash);
    enum status status = wal_checkpoint_visit(frame, h, on_record, d, &d->scratch);
    if (status == STATUS_OK) status = wal_group_visit(frame, h, on_record, d, &d->scratch);
    if (status != STATUS_CORRUPT) return status;
    print(d, "    BAD record");
    d->bad = true;
    return STATUS_OK;
}

/* What comes behind the last good frame. */
static enum status print_tail(struct dump *d, const struct wal_tail_place *place)
{
    static const char *const text[] = {"end", "unfinished frame", "BAD frame at the tail",
                                       "BAD frame that was durable"};
    enum wal_tail tail;
    if (place->offset >= d->scan.size) return STATUS_OK;
    enum status status = wal_scan_tail(&d->scan, place, &tail);
    if (status != STATUS_OK) return status;
    print(d, "  %s at=%" PRIu64, text[tail], place->offset);
    if (tail >= WAL_TAIL_UNCERTAIN) d->bad = true;
    return STATUS_OK;
}

static enum status print_frames(struct dump *d)
{
    struct wal_tail_place at = {.offset = WAL_SECTOR_BYTES, .number = 1};
    for (;;) {
        struct wal_frame_head head;
        uint8_t *frame;
        enum status status = wal_scan_frame(&d->scan, at.offset, &head, &frame);
        if (status != STATUS_OK) return status;
        if (frame == NULL || (uint32_t)head.stamp != at.number) return print_tail(d, &at);
        status = print_frame(d, at.offset, &head, frame);
        if (status != STATUS_OK) return status;
        at.offset += head.size_bytes;
        at.lsn = wal_frame_end(&head);
        at.number++;
    }
}

static enum status print_head(struct dump *d, const struct dump_file *file)
{
    struct wal_segment_head head;
    uint8_t *view;
    if (d->scan.size < WAL_SECTOR_BYTES) {
        print(d, "segment %s size=%" PRIu64 " BAD size", file->name, file->size);
        d->bad = true;
        return STATUS_OK;
    }
    enum status status = wal_scan_view(&d->scan, 0, WAL_SECTOR_BYTES, &view);
    if (status != STATUS_OK) return status;
    status = wal_segment_head_decode(view, &head);
    if (status == STATUS_CORRUPT) {
        print(d, "segment %s size=%" PRIu64 " BAD head", file->name, file->size);
        d->bad = true;
        return STATUS_OK;
    }
    print(d, "segment %s size=%" PRIu64 " version=%u store=%" PRIx64, file->name, file->size,
          head.version, head.store_id);
    return status;
}

static enum status print_segment(struct dump *d, const struct dump_file *file)
{
    struct wal_path path = wal_path_segment(d->directory, file->generation);
    env_file handle;
    enum status status = fio_open(d->fio, path.text, ENV_OPEN_READ, &handle);
    if (status != STATUS_OK) return status;
    wal_scan_begin(&d->scan, d->fio, handle, file->generation, file->size);
    status = print_head(d, file);
    if (status == STATUS_OK) status = print_frames(d);
    fio_close(d->fio, handle);
    return status;
}

enum status wal_dump(struct fio *f, const char *directory,
                     void (*line)(void *ctx, const char *text), void *ctx)
{
    ASSERT(strlen(directory) < WAL_PATH_BYTES_MAX);
    struct dump d = {.fio = f, .directory = directory, .line = line, .ctx = ctx};
    struct env_dir_visitor visitor = {on_name, &d};
    buf_init(&d.scratch, WAL_SEGMENT_BYTES_MAX);
    enum status status = env_dir_list(f->env, directory, &visitor);
    if (status == STATUS_OK && d.no_memory) status = STATUS_NO_MEMORY;
    for (size_t i = 0; i < d.file_count && status == STATUS_OK; i++)
        status = print_segment(&d, &d.files[i]);
    wal_scan_deinit(&d.scan);
    buf_deinit(&d.scratch);
    free(d.files);
    if (status != STATUS_OK) return status;
    return d.bad ? STATUS_CORRUPT : STATUS_OK;
}
