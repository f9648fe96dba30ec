/* The disk of one machine (private to the simulated environment).
 *
 * Contents are kept once, as a process would read them: what a power loss may undo is kept beside
 * them, as a list of un-synced changes with the bytes that were there before (oldest first).
 * Syncing forgets changes; a power loss walks them from the newest to the oldest and puts old bytes
 * back. The same holds for names, with one list per disk. */
#ifndef OSTRAKA_TESTS_SIM_ENV_SIM_DISK_H
#define OSTRAKA_TESTS_SIM_ENV_SIM_DISK_H

#include "tests/sim/env/sim_int.h"

#define SIM_PAGE_BYTES 4096u
#define SIM_FILE_BYTES_MAX (UINT64_C(1) << 34)
#define SIM_NAME_MAX 128
#define SIM_HISTORY_MAX 16 /* overwritten pieces kept for stale reads, per file */

struct sim_dirent {
    char name[SIM_NAME_MAX];
    struct sim_inode *inode;
};

struct sim_inode {
    struct list link; /* of the disk, in order of creation */
    struct sim_disk *disk;
    uint64_t id;
    bool is_directory;
    size_t refs; /* names, handles, operations, un-synced changes of names */
    char path[SIM_PATH_MAX]; /* its latest name, for faults and traces */
    /* files */
    uint8_t **pages; /* NULL: zeros */
    size_t page_capacity;
    uint64_t size;
    struct list changes; /* struct sim_change, oldest first */
    struct list history; /* struct sim_past, newest first */
    size_t history_count, doomed_count;
    /* directories */
    struct sim_dirent *entries; /* sorted by name */
    size_t entry_count, entry_capacity;
    struct sim_inode *copy; /* while a tree is copied */
};

/* One un-synced write or truncation. */
struct sim_change {
    struct list link;
    uint64_t order;
    bool truncates;
    bool durable; /* synced, and only kept because older doomed or un-synced changes are */
    bool doomed;  /* a failed sync forgot it: readable until a power loss, never written */
    uint64_t sector_first, size_before, size_after;
    size_t sector_count;
    uint8_t *old;  /* sector_count sectors; NULL: they were zeros */
    bool *keep;    /* during a power loss */
};

/* Bytes that were overwritten, for stale reads. */
struct sim_past {
    struct list link;
    uint64_t offset;
    size_t size;
    uint8_t data[];
};

/* One un-synced change of one or two names. */
struct sim_name_change {
    struct list link;
    uint64_t order;
    size_t slot_count;
    bool keep;
    struct sim_name_slot {
        struct sim_inode *directory, *before, *after; /* pinned; before, after: NULL for no name */
        char name[SIM_NAME_MAX];
    } slots[2];
};

struct sim_rule {
    struct list link;
    struct sim_disk_fault fault;
    uint64_t seen, struck;
};

struct sim_disk {
    struct sim *sim;
    struct sim_node *node; /* NULL: an image */
    struct sim_inode *root;
    struct list inodes, name_changes, rules;
    uint64_t next_inode, next_order, used_bytes, quota_bytes;
    uint64_t op_count, crash_at;
    bool crash_reached, settled, direct_refused;
    uint32_t slow_factor;
    uint64_t stall_until_ns, busy_until_ns;
    bool *choices; /* of the next power loss; NULL: from the seed */
    size_t choice_count;
};

struct sim_disk *sim_disk_create(struct sim *sim, struct sim_node *node);
void sim_disk_destroy(struct sim_disk *disk);
/* Settles what is in flight on the machine; on a power loss also undoes un-synced changes. */
void sim_disk_crash(struct sim_disk *disk, bool power);
/* Counts an operation that is about to take effect; false: the crash point was reached, it must
 * not. */
bool sim_disk_tick(struct sim_disk *disk);
/* True when an injected fault strikes this operation; *error_out is its negative errno. */
bool sim_disk_struck(struct sim_disk *disk, enum sim_fault kind, const char *path,
                     int64_t *error_out);
/* When an operation that starts now and moves that many bytes completes. */
uint64_t sim_disk_completion(struct sim_disk *disk, uint64_t base_ns, uint64_t size_bytes);

/* ---- inodes and contents (sim_inode.c) ---- */

struct sim_inode *sim_inode_create(struct sim_disk *disk, bool is_directory, const char *path);
static inline struct sim_inode *sim_inode_pin(struct sim_inode *inode)
{
    if (inode != NULL) inode->refs++;
    return inode;
}
void sim_inode_unpin(struct sim_inode *inode);
/* Zeros where nothing was written; may run beyond the size. */
void sim_inode_read(const struct sim_inode *inode, void *data, size_t size, uint64_t offset);
void sim_inode_write(struct sim_inode *inode, const void *data, size_t size, uint64_t offset);
/* Zeros everything from that byte on. */
void sim_inode_clear_from(struct sim_inode *inode, uint64_t offset);
bool sim_inode_all_holes(const struct sim_inode *inode, size_t size, uint64_t offset);
/* Pages that a write there would add, in bytes. */
uint64_t sim_inode_growth(const struct sim_inode *inode, size_t size, uint64_t offset);
/* Lays older bytes over what was read; false when none of them differ. */
bool sim_inode_overlay_past(const struct sim_inode *inode, uint8_t *data, size_t size,
                            uint64_t offset);

/* ---- un-synced changes (sim_change.c) ---- */

void sim_change_write(struct sim_inode *inode, const void *data, size_t size, uint64_t offset,
                      bool durable);
void sim_change_truncate(struct sim_inode *inode, uint64_t size);
void sim_change_sync(struct sim_inode *inode, uint64_t order_max);
/* A failed sync: the changes are forgotten, at once or at the next power loss. */
void sim_change_forget(struct sim_inode *inode, uint64_t order_max, bool at_once);
void sim_changes_free(struct sim_inode *inode);
size_t sim_change_choice_count(const struct sim_change *change);
/* How a power loss decides: explicit choices first, then chance. */
struct sim_dice {
    struct sim *sim;
    const bool *choices;
    size_t choice_count, next;
    uint32_t keep_ppm;
};
bool sim_dice_keep(struct sim_dice *dice);
void sim_changes_power_loss(struct sim_inode *inode, struct sim_dice *dice);

/* ---- names (sim_name.c); results are 0 or -errno ---- */

/* The inode of a path ("" and ".": the root), or NULL. */
struct sim_inode *sim_name_find(const struct sim_disk *disk, const char *path);
int64_t sim_name_create(struct sim_disk *disk, const char *path, bool is_directory,
                        struct sim_inode **inode_out);
int64_t sim_name_link(struct sim_disk *disk, const char *from, const char *to);
int64_t sim_name_rename(struct sim_disk *disk, const char *from, const char *to);
int64_t sim_name_unlink(struct sim_disk *disk, const char *path);
void sim_name_sync(struct sim_disk *disk, struct sim_inode *directory);
void sim_names_power_loss(struct sim_disk *disk, struct sim_dice *dice);
/* Forgets that changes are un-synced. */
void sim_names_settle(struct sim_disk *disk);
/* Sets an entry (inode NULL: removes it) without recording a change. */
void sim_entry_set(struct sim_inode *directory, const char *name, struct sim_inode *inode);

#endif
