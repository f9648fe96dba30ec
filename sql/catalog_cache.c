#include "sql/catalog_cache.h"

#include <stdlib.h>

#include "base/assert.h"

#define ENTRY_BYTES_MAX (1u << 20) /* a decoded record of the largest size kept */

static void entry_free(struct catalog_entry *e)
{
    list_remove(&e->link);
    arena_deinit(&e->arena);
    free(e);
}

void catalog_cache_init(struct catalog_cache *c)
{
    list_init(&c->entries);
    list_init(&c->retired);
    c->count = 0;
    c->numbers = 0;
}

void catalog_cache_sweep(struct catalog_cache *c)
{
    LIST_FOR_EACH_SAFE(item, &c->retired)
    entry_free(CONTAINER_OF(item, struct catalog_entry, link));
}

void catalog_cache_deinit(struct catalog_cache *c)
{
    LIST_FOR_EACH_SAFE(item, &c->entries)
    entry_free(CONTAINER_OF(item, struct catalog_entry, link));
    catalog_cache_sweep(c);
    c->count = 0;
}

struct catalog_entry *catalog_cache_find(struct catalog_cache *c, struct bytes key)
{
    LIST_FOR_EACH(item, &c->entries)
    {
        struct catalog_entry *e = CONTAINER_OF(item, struct catalog_entry, link);
        if (!bytes_equal(e->key, key)) continue;
        if (c->entries.next != &e->link) { /* the next search ends soon */
            list_remove(&e->link);
            list_push_front(&c->entries, &e->link);
        }
        return e;
    }
    return NULL;
}

void catalog_cache_forget(struct catalog_cache *c, struct catalog_entry *entry)
{
    if (entry->is_retired) return; /* a newer one has taken its place meanwhile */
    ASSERT(c->count > 0);
    entry->is_retired = true;
    list_remove(&entry->link);
    list_push_front(&c->retired, &entry->link);
    c->count--;
}

enum status catalog_cache_add(struct catalog_cache *c, struct bytes key, struct bytes record,
                              uint64_t ts, uint64_t version_ts, struct catalog_entry **entry_out)
{
    if (record.size > CATALOG_CACHE_RECORD_BYTES_MAX) return STATUS_TOO_LARGE;
    struct catalog_entry *old = catalog_cache_find(c, key);
    if (old != NULL) catalog_cache_forget(c, old);
    if (c->count == CATALOG_CACHE_ENTRIES_MAX)
        catalog_cache_forget(c, CONTAINER_OF(c->entries.prev, struct catalog_entry, link));
    struct catalog_entry *e = calloc(1, sizeof *e);
    if (e == NULL) return STATUS_NO_MEMORY;
    arena_init(&e->arena, ENTRY_BYTES_MAX);
    e->key = arena_copy(&e->arena, key);
    e->record = arena_copy(&e->arena, record);
    e->ts = ts;
    enum status status = STATUS_NO_MEMORY;
    if (e->key.data != NULL && e->record.data != NULL)
        status = catalog_table_decode(&e->arena, e->record, &e->table);
    if (status != STATUS_OK) {
        arena_deinit(&e->arena);
        free(e);
        return status;
    }
    catalog_table_written(e->table, version_ts);
    e->table->known_as = ++c->numbers;
    list_push_front(&c->entries, &e->link);
    c->count++;
    *entry_out = e;
    return STATUS_OK;
}
