#include <stdarg.h>
#include <stdio.h>

#include "base/hex.h"
#include "lsm/open_int.h"

#define DUMP_KEY_BYTES_MAX 32 /* of a key that are shown */

struct dump {
    void (*line)(void *ctx, const char *text);
    void *ctx;
};

__attribute__((format(printf, 2, 3))) static void print(const struct dump *d, const char *format,
                                                        ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    d->line(d->ctx, text);
}

static void key_text(const struct item_key *key, char text[2 * DUMP_KEY_BYTES_MAX + 4])
{
    size_t size = key->key.size < DUMP_KEY_BYTES_MAX ? key->key.size : DUMP_KEY_BYTES_MAX;
    hex_encode(bytes_make(key->key.data, size), text);
    if (size < key->key.size) memcpy(text + 2 * size, "...", 4);
}

static void print_piece(const struct dump *d, uint32_t level, const struct piece *p)
{
    const struct table *t = p->table;
    if (t->corrupt) {
        print(d, "  level=%u table=%016llx DAMAGED bytes=%llu", level,
              (unsigned long long)t->number, (unsigned long long)t->size_bytes);
        return;
    }
    char first[2 * DUMP_KEY_BYTES_MAX + 4], last[2 * DUMP_KEY_BYTES_MAX + 4];
    const struct table_facts *f = &t->facts;
    key_text(&p->first, first);
    key_text(&p->last, last);
    print(d,
          "  level=%u table=%016llx uid=%016llx%016llx bytes=%llu entries=%llu garbage=%llu "
          "newest_ts=%llu first=%d/%s last=%d/%s%s",
          level, (unsigned long long)t->number, (unsigned long long)t->uid.high,
          (unsigned long long)t->uid.low, (unsigned long long)t->size_bytes,
          (unsigned long long)f->entry_count, (unsigned long long)f->garbage_count,
          (unsigned long long)f->newest_ts, (int)p->first.space, first, (int)p->last.space, last,
          piece_is_part(p) ? " part" : "");
}

static void print_range(const struct dump *d, const struct range *r)
{
    print(d, "range=%llu flushed_index=%llu newest_ts=%llu meta_bytes=%zu tables=%u%s",
          (unsigned long long)r->id.value, (unsigned long long)r->flushed_index,
          (unsigned long long)r->flushed_newest_ts, range_flushed_meta(r).size,
          version_piece_count(r->version), r->corrupt ? " DAMAGED" : "");
    for (uint32_t level = 0; level < LSM_LEVELS; level++)
        for (uint32_t i = 0; i < r->version->counts[level]; i++)
            print_piece(d, level, r->version->levels[level][i]);
}

enum status lsm_dump(struct fio *f, const char *directory,
                     void (*line)(void *ctx, const char *text), void *ctx)
{
    struct dump d = {line, ctx};
    struct lsm_options options = {.env = f->env,
                                  .fibers = f->fibers,
                                  .logger = f->env->logger,
                                  .directory = directory,
                                  .store_id = 1,
                                  .memtable_bytes = 1};
    struct lsm *l;
    enum status status = lsm_create(&options, &l);
    if (status != STATUS_OK) return status;
    status = lsm_load(l, true);
    if (status == STATUS_OK) {
        print(&d, "store=%llu ranges=%zu tables=%llu table_bytes=%llu",
              (unsigned long long)l->options.store_id, l->ranges.count,
              (unsigned long long)l->metrics.table_count,
              (unsigned long long)l->metrics.table_bytes);
        LIST_FOR_EACH(link, &l->durable_ranges)
        {
            const struct range *r = CONTAINER_OF(link, struct range, durable_link);
            print_range(&d, r);
            if (r->corrupt) status = STATUS_CORRUPT;
        }
    } else {
        print(&d, "cannot be read: %s", status_name(status));
    }
    lsm_destroy(l);
    return status;
}
