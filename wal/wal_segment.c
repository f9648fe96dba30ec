/* Segment files: their names, how they are made ready and put away. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "wal/wal_int.h"

#define FILL_BYTES ((size_t)256 << 10) /* one write of zeros: small enough not to hold up a group */

/* ---- names ---- */

static bool parse_hex8(const char *text, uint32_t *value_out)
{
    uint32_t value = 0;
    for (int i = 0; i < 8; i++) {
        char c = text[i];
        if (c >= '0' && c <= '9') value = value << 4 | (uint32_t)(c - '0');
        else if (c >= 'a' && c <= 'f') value = value << 4 | (uint32_t)(c - 'a' + 10);
        else return false;
    }
    *value_out = value;
    return value > 0 && value <= WAL_GENERATION_MAX;
}

enum wal_name_kind wal_name_parse(const char *name, uint32_t *generation_out)
{
    if (strcmp(name, "new.tmp") == 0) return WAL_NAME_NEW;
    bool spare = strncmp(name, "spare-", 6) == 0;
    const char *digits = spare ? name + 6 : name;
    if (strlen(digits) != 12 || strcmp(digits + 8, ".wal") != 0) return WAL_NAME_OTHER;
    if (!parse_hex8(digits, generation_out)) return WAL_NAME_OTHER;
    return spare ? WAL_NAME_SPARE : WAL_NAME_SEGMENT;
}

struct wal_path wal_path_segment(const char *directory, uint32_t generation)
{
    struct wal_path path;
    snprintf(path.text, sizeof path.text, "%s/%08x.wal", directory, generation);
    return path;
}

struct wal_path wal_path_spare(const char *directory, uint32_t generation)
{
    struct wal_path path;
    snprintf(path.text, sizeof path.text, "%s/spare-%08x.wal", directory, generation);
    return path;
}

struct wal_path wal_path_new(const char *directory)
{
    struct wal_path path;
    snprintf(path.text, sizeof path.text, "%s/new.tmp", directory);
    return path;
}

/* ---- the list ---- */

struct wal_segment *wal_segment_create(uint32_t generation, uint32_t size_bytes)
{
    ASSERT(generation > 0 && generation <= WAL_GENERATION_MAX);
    struct wal_segment *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    list_init(&s->link);
    s->generation = generation;
    s->size_bytes = size_bytes;
    s->file = -1;
    s->write_offset = WAL_SECTOR_BYTES;
    return s;
}

enum status wal_segments_reserve(struct wal *w, size_t count)
{
    if (count <= w->segment_capacity) return STATUS_OK;
    size_t capacity = w->segment_capacity == 0 ? 16 : w->segment_capacity * 2;
    if (capacity < count) capacity = count;
    struct wal_segment **list = realloc(w->segments, capacity * sizeof(struct wal_segment *));
    if (list == NULL) return STATUS_NO_MEMORY;
    w->segments = list;
    w->segment_capacity = capacity;
    return STATUS_OK;
}

void wal_segments_push(struct wal *w, struct wal_segment *segment)
{
    ASSERT(w->segment_count < w->segment_capacity);
    ASSERT(w->segment_count == 0 || wal_current(w)->generation < segment->generation);
    w->segments[w->segment_count++] = segment;
    w->metrics.segment_count = w->segment_count;
}

struct wal_segment *wal_segment_of(const struct wal *w, uint64_t lsn)
{
    size_t low = 0, high = w->segment_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (w->segments[middle]->start_lsn <= lsn) low = middle + 1;
        else high = middle;
    }
    return low == 0 ? NULL : w->segments[low - 1];
}

/* ---- making one ready ---- */

enum status wal_file_open(struct wal *w, struct fio *f, const char *path, unsigned flags,
                          env_file *file_out)
{
    enum status status = fio_open(f, path, flags | (w->direct ? ENV_OPEN_DIRECT : 0), file_out);
    if (status != STATUS_IO || !w->direct || f->last_errno != EINVAL) return status;
    COVER("wal_direct_refused");
    w->direct = false;
    LOG_INFO(w->options.logger, "wal", "the file system refuses direct I/O, the log is buffered",
             "directory=\"%s\"", w->directory);
    return fio_open(f, path, flags, file_out);
}

/* Blocks that were never written cost a second, slower kind of sync when they are (the file system
 * has to note that they are in use now), so every block is written once, here. */
static enum status fill(struct wal *w, struct fio *f, env_file file)
{
    uint8_t *zeros = aligned_alloc(WAL_SECTOR_BYTES, FILL_BYTES);
    if (zeros == NULL) return STATUS_NO_MEMORY;
    memset(zeros, 0, FILL_BYTES);
    enum status status = STATUS_OK;
    for (uint64_t at = 0; at < w->options.segment_bytes && status == STATUS_OK; at += FILL_BYTES) {
        uint64_t left = w->options.segment_bytes - at;
        status = fio_write(f, file, zeros, left < FILL_BYTES ? (size_t)left : FILL_BYTES, at);
    }
    free(zeros);
    return status == STATUS_OK ? fio_sync(f, file) : status;
}

static enum status make_new(struct wal *w, struct fio *f, const char *path)
{
    env_file file;
    enum status status = wal_file_open(
        w, f, path, ENV_OPEN_READ | ENV_OPEN_WRITE | ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE, &file);
    if (status != STATUS_OK) return status;
    status = fill(w, f, file);
    fio_close(f, file);
    if (status == STATUS_OK || status == STATUS_CANCELLED) return status;
    enum status removed = fio_unlink(f, path); /* gives the space back; the next open does so too */
    if (removed != STATUS_OK && removed != STATUS_CANCELLED)
        LOG_WARN(w->options.logger, "wal", "unfinished segment was not removed", "status=%s",
                 status_name(removed));
    return status;
}

static enum status write_head(struct wal *w, struct fio *f, env_file file, uint32_t generation)
{
    uint8_t *sector = aligned_alloc(WAL_SECTOR_BYTES, WAL_SECTOR_BYTES);
    if (sector == NULL) return STATUS_NO_MEMORY;
    wal_segment_head_encode(sector, generation, w->options.segment_bytes, w->options.store_id);
    enum status status = fio_write(f, file, sector, WAL_SECTOR_BYTES, 0);
    free(sector);
    return status == STATUS_OK ? fio_sync(f, file) : status;
}

/* Head, name, directory: in this order, so that a file under a segment's name is complete, and its
 * name is durable before anything in it is acknowledged (K23). */
static enum status christen(struct wal *w, struct fio *f, const char *source,
                            struct wal_segment *s, const char **what_out)
{
    unsigned flags = ENV_OPEN_READ | ENV_OPEN_WRITE;
    if (w->sync_mode == WAL_SYNC_DSYNC) flags |= ENV_OPEN_DSYNC;
    *what_out = "cannot open a prepared segment";
    enum status status = wal_file_open(w, f, source, flags, &s->file);
    if (status != STATUS_OK) return status;
    *what_out = "cannot write a segment's head";
    status = write_head(w, f, s->file, s->generation);
    if (status == STATUS_OK) {
        *what_out = "cannot rename a segment";
        struct wal_path path = wal_path_segment(w->directory, s->generation);
        w->last_generation = s->generation;
        status = fio_rename(f, source, path.text);
    }
    if (status == STATUS_OK && !MUTANT("k23_no_directory_sync")) {
        *what_out = "cannot sync the log's directory";
        status = fio_dir_sync(f, w->directory);
    }
    if (status == STATUS_OK) return STATUS_OK;
    fio_close(f, s->file);
    s->file = -1;
    return status;
}

enum status wal_segment_prepare(struct wal *w, struct fio *f, struct wal_segment **segment_out,
                                const char **what_out)
{
    *what_out = "cannot prepare a segment";
    if (w->last_generation >= WAL_GENERATION_MAX) return STATUS_TOO_LARGE;
    enum status status = wal_segments_reserve(w, w->segment_count + 2);
    struct wal_segment *s = wal_segment_create(w->last_generation + 1, w->options.segment_bytes);
    if (s == NULL || status != STATUS_OK) goto fail_memory;

    bool recycled = w->spare_count > 0;
    uint32_t spare = recycled ? w->spares[w->spare_count - 1] : 0;
    struct wal_path source =
        recycled ? wal_path_spare(w->directory, spare) : wal_path_new(w->directory);
    status = recycled ? STATUS_OK : make_new(w, f, source.text);
    if (status == STATUS_OK && w->sync_mode == WAL_SYNC_AUTO)
        status = wal_probe_sync(w, f, source.text, &w->sync_mode);
    if (status == STATUS_OK) status = christen(w, f, source.text, s, what_out);
    if (status != STATUS_OK) goto fail;
    if (recycled) {
        w->spare_count--;
        w->metrics.segments_recycled++;
    } else {
        w->metrics.disk_bytes += s->size_bytes;
    }
    *segment_out = s;
    return STATUS_OK;
fail_memory:
    status = STATUS_NO_MEMORY;
fail:
    ASSERT(status != STATUS_OK);
    free(s);
    return status;
}

/* ---- putting one away ---- */

enum status wal_file_put_away(struct wal *w, struct fio *f, uint32_t generation,
                              uint64_t size_bytes)
{
    struct wal_path path = wal_path_segment(w->directory, generation);
    enum status status;
    if (w->spare_count < WAL_SPARES_MAX && size_bytes == w->options.segment_bytes) {
        struct wal_path spare = wal_path_spare(w->directory, generation);
        status = fio_rename(f, path.text, spare.text);
        if (status == STATUS_OK) w->spares[w->spare_count++] = generation;
    } else {
        status = fio_unlink(f, path.text);
        if (status == STATUS_OK) w->metrics.disk_bytes -= size_bytes;
    }
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}
