/* Tables that a session has read before, decoded. What is here may be old: whoever uses an entry
 * has the transaction check that the catalog still holds the same record (CAT-1). */
#ifndef OSTRAKA_SQL_CATALOG_CACHE_H
#define OSTRAKA_SQL_CATALOG_CACHE_H

#include "base/list.h"
#include "sql/catalog.h"

#define CATALOG_CACHE_ENTRIES_MAX      32
#define CATALOG_CACHE_RECORD_BYTES_MAX (32u << 10) /* larger ones are read anew each time */

struct catalog_entry {
    struct list link;         /* newest use first */
    struct arena arena;       /* of everything below */
    struct bytes key, record; /* as the catalog holds them */
    struct sql_table *table;
    bool is_retired;
    uint64_t ts; /* the catalog held this record at this timestamp */
};

struct catalog_cache {
    struct list entries, retired; /* retired: replaced, but a statement under way may use it */
    uint32_t count;
    uint64_t numbers;             /* given to records so far; never again */
};

void catalog_cache_init(struct catalog_cache *c);
void catalog_cache_deinit(struct catalog_cache *c);
/* NULL: not there. Valid until the next catalog_cache_sweep. */
struct catalog_entry *catalog_cache_find(struct catalog_cache *c, struct bytes key);
/* Decodes a record of version_ts (0: of the transaction itself) that was read at ts. Replaces an entry of the same key. STATUS_TOO_LARGE: it is
 * not kept; others as catalog_table_decode. */
MUST_USE enum status catalog_cache_add(struct catalog_cache *c, struct bytes key,
                                       struct bytes record, uint64_t ts, uint64_t version_ts,
                                       struct catalog_entry **entry_out);
/* It has turned out to be old. */
void catalog_cache_forget(struct catalog_cache *c, struct catalog_entry *entry);
/* No statement is under way: frees what was replaced. */
void catalog_cache_sweep(struct catalog_cache *c);

#endif
