/* Tables: immutable sorted files. Data blocks with index blocks between them, then filter blocks,
 * the top index, a footer and a fixed tail (README, Formats). */
#ifndef OSTRAKA_LSM_TABLE_INT_H
#define OSTRAKA_LSM_TABLE_INT_H

#include "lsm/block_int.h"
#include "lsm/cursor_int.h"
#include "lsm/filter_int.h"

#define TABLE_VERSION    2 /* 1: does not say what ends */
#define TABLE_ALIGN      ENV_DIRECT_ALIGN
#define TABLE_TAIL_BYTES 64
/* The footer holds two keys and a few numbers; with the padding behind it, it is in the last so
 * many bytes. */
#define TABLE_END_BYTES    16384
#define LSM_PATH_BYTES_MAX 512

struct block;
struct worker;

/* What the footer says. */
struct table_facts {
    struct item_key first, last;   /* keys point into table->keys */
    uint64_t newest_ts, oldest_ts; /* of LSM_SPACE_VERSIONS; 0 and LSM_TS_MAX: none */
    uint64_t entry_count, raw_bytes;
    /* What compaction can drop later: superseded versions and tombstones, and the mean of the GC
     * timestamps from which each of them may go. */
    uint64_t garbage_count, garbage_ts;
    uint64_t ending_count, ends_ts; /* values that end by themselves, and the GC timestamp at which all of them have */
    uint64_t filter_offset;
    uint32_t filter_line_count;
    struct block_handle top;
};

struct table {
    uint32_t refs;   /* pieces, readers, jobs */
    uint32_t named;  /* pieces of it that the manifest names */
    struct lsm *lsm; /* NULL: closing, and the store is gone already */
    struct env *env;
    struct list closing_link; /* in lsm.closing, from the last unpin on */
    struct range_id range; /* that wrote it, or named it first at open: for the log */
    uint64_t number, size_bytes;
    struct table_uid uid;
    env_file file; /* -1: not open */
    bool corrupt;  /* every read answers STATUS_CORRUPT */
    bool unsynced; /* its contents are not durable yet: nothing may name it */
    bool obsolete; /* the manifest no longer names it: unlink when the last reader is gone */
    struct table_facts facts;
    struct buf keys; /* first.key, then last.key */
    uint8_t *top;    /* raw block */
    uint32_t top_size;
    struct env_op op; /* closing and unlinking */
    char path[];
};

void table_path(const char *directory, uint64_t number, char path[LSM_PATH_BYTES_MAX]);
/* A table of that number which is not open yet. STATUS_NO_MEMORY. */
MUST_USE enum status table_create(struct lsm *l, struct range_id range, uint64_t number,
                                  struct table_uid uid, uint64_t size_bytes,
                                  struct table **table_out);
void table_pin(struct table *t);
/* The last unpin closes the file, and unlinks it when obsolete. */
void table_unpin(struct table *t);
/* Closes the file without a callback, for the end of the store: the polls that follow do it. */
void table_detach(struct table *t);
void file_close_detached(struct env *env, env_file file);
/* Copies the facts, keys included; t->keys.failed tells. */
void table_set_facts(struct table *t, const struct table_facts *facts);
/* Damage: fences the table and its range, and tells the owner. */
void table_damaged(struct table *t, const char *what, uint64_t offset);
/* Opens the file and checks tail, footer and top index. Runs on a fiber. STATUS_OK also for a
 * damaged or missing file: then the table is corrupt. */
MUST_USE enum status table_open(struct fio *f, struct table *t);

/* The same for the bytes of a table that has no file yet. STATUS_CORRUPT; STATUS_VERSION. */
MUST_USE enum status table_open_image(struct table *t, struct bytes image);

/* ---- footer (table_footer.c) ---- */

void table_footer_put(struct buf *raw, const struct table_facts *facts);
MUST_USE enum status table_footer_get(struct bytes raw, uint32_t version, struct table_facts *facts_out);
struct table_tail {
    uint64_t magic;
    uint32_t version, footer_size;
    uint64_t footer_offset;
    uint64_t uid_high, uid_low;
    uint64_t store_id, zero;
    uint64_t hash; /* XXH3 of the fields before */
};
_Static_assert(sizeof(struct table_tail) == TABLE_TAIL_BYTES, "on-disk layout, src/lsm/README.md");
void table_tail_make(struct table_tail *tail, struct table_uid uid, uint64_t store_id,
                     struct block_handle footer);
/* STATUS_CORRUPT; STATUS_VERSION. */
MUST_USE enum status table_tail_check(const struct table_tail *tail, struct table_uid uid,
                                      uint64_t store_id);

/* ---- where blocks come from ---- */

struct block_source {
    /* *block_out is pinned. STATUS_WAIT: the read was started. */
    enum status (*load)(struct block_source *s, struct table *t, struct block_handle handle,
                        enum block_kind kind, struct lsm_waiter *waiter, struct block **block_out);
    /* A hint that these will be asked for next; may be NULL. */
    void (*ahead)(struct block_source *s, struct table *t, struct block_handle handle,
                  enum block_kind kind);
    void (*close)(struct block_source *s); /* may be NULL */
};

/* A source that reads a table front to back on a fiber, in large pieces, past the block cache. */
MUST_USE enum status file_source_open(struct worker *w, struct block_source **source_out);

/* ---- walking one table (table_cursor.c) ---- */

enum table_pending {
    TABLE_PENDING_NONE,
    TABLE_PENDING_INDEX, /* the block the top cursor points at, then its edge */
    TABLE_PENDING_DATA,  /* the block the index cursor points at, then its edge */
};

struct table_cursor {
    struct table *table;
    struct block_source *source;
    bool reverse;
    enum table_pending pending;
    uint32_t sequential; /* data blocks entered one after the other */
    struct block_cursor top, index, data;
    struct block *index_block, *data_block;
    uint64_t index_offset, data_offset; /* of the pinned blocks */
    /* The last item of the data block that was left, going forward. */
    bool has_behind;
    struct buf behind_key;
    enum lsm_space behind_space;
    uint64_t behind_ts;
};
void table_cursor_init(struct table_cursor *c, struct block_source *source, bool reverse);
void table_cursor_deinit(struct table_cursor *c);
/* The table is borrowed until another is attached or the cursor is gone. */
void table_cursor_attach(struct table_cursor *c, struct table *t);
/* As struct cursor_table; edge: to the first item in the cursor's direction. data.item is it. */
MUST_USE enum status table_cursor_seek(struct table_cursor *c, const struct item_key *target,
                                       struct lsm_waiter *waiter);
MUST_USE enum status table_cursor_edge(struct table_cursor *c, struct lsm_waiter *waiter);
MUST_USE enum status table_cursor_step(struct table_cursor *c, struct lsm_waiter *waiter);

#endif
