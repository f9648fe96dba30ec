/* Names: a tree of directories, and the changes of names that no directory sync covered yet.
 *
 * Changes of one directory survive a power loss as a prefix, those of different directories
 * independently; a rename between two directories belongs to both. */
#include <errno.h>
#include <stdlib.h>

#include "tests/sim/env/sim_disk.h"

/* ---- entries ---- */

/* The place of a name in a directory, or where it would go. */
static size_t entry_place(const struct sim_inode *directory, const char *name, bool *found_out)
{
    size_t low = 0, high = directory->entry_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(directory->entries[middle].name, name);
        if (order == 0) {
            *found_out = true;
            return middle;
        }
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    *found_out = false;
    return low;
}

static struct sim_inode *entry_get(const struct sim_inode *directory, const char *name)
{
    bool found;
    size_t at = entry_place(directory, name, &found);
    return found ? directory->entries[at].inode : NULL;
}

static void entry_insert(struct sim_inode *directory, size_t at, const char *name)
{
    if (directory->entry_count == directory->entry_capacity) {
        size_t capacity = directory->entry_capacity == 0 ? 8 : directory->entry_capacity * 2;
        directory->entries = realloc(directory->entries, capacity * sizeof *directory->entries);
        ASSERT(directory->entries != NULL);
        directory->entry_capacity = capacity;
    }
    memmove(&directory->entries[at + 1], &directory->entries[at],
            (directory->entry_count - at) * sizeof *directory->entries);
    directory->entry_count++;
    memset(&directory->entries[at], 0, sizeof directory->entries[at]);
    snprintf(directory->entries[at].name, SIM_NAME_MAX, "%s", name);
}

void sim_entry_set(struct sim_inode *directory, const char *name, struct sim_inode *inode)
{
    bool found;
    size_t at = entry_place(directory, name, &found);
    ASSERT(directory->is_directory);
    if (!found && inode == NULL) return;
    if (!found) entry_insert(directory, at, name);
    struct sim_inode *before = directory->entries[at].inode;
    directory->entries[at].inode = sim_inode_pin(inode);
    if (inode == NULL) {
        directory->entry_count--;
        memmove(&directory->entries[at], &directory->entries[at + 1],
                (directory->entry_count - at) * sizeof *directory->entries);
    }
    sim_inode_unpin(before);
}

/* ---- paths ---- */

/* Splits off the last component: the directory it lies in and the name. 0 or -errno. */
static int64_t resolve(const struct sim_disk *disk, const char *path,
                       struct sim_inode **directory_out, char name[SIM_NAME_MAX])
{
    struct sim_inode *at = disk->root;
    if (path[0] == '/') return -EINVAL;
    for (;;) {
        const char *slash = strchr(path, '/');
        size_t size = slash != NULL ? (size_t)(slash - path) : strlen(path);
        if (size >= SIM_NAME_MAX) return -ENAMETOOLONG;
        memset(name, 0, SIM_NAME_MAX);
        memcpy(name, path, size);
        if (strcmp(name, "..") == 0) return -EINVAL;
        if (slash == NULL) break;
        path = slash + 1;
        if (size == 0 || strcmp(name, ".") == 0) continue;
        at = entry_get(at, name);
        if (at == NULL) return -ENOENT;
        if (!at->is_directory) return -ENOTDIR;
    }
    *directory_out = at;
    return 0;
}

/* Whether a path leads into that directory (or is it): it cannot be moved there. */
static bool leads_through(const struct sim_inode *above, const struct sim_inode *inode)
{
    if (above == inode) return true;
    for (size_t i = 0; i < above->entry_count; i++)
        if (above->entries[i].inode->is_directory && leads_through(above->entries[i].inode, inode))
            return true;
    return false;
}

static bool names_itself(const char *name)
{
    return name[0] == '\0' || strcmp(name, ".") == 0;
}

struct sim_inode *sim_name_find(const struct sim_disk *disk, const char *path)
{
    char name[SIM_NAME_MAX];
    struct sim_inode *directory;
    if (resolve(disk, path, &directory, name) != 0) return NULL;
    return names_itself(name) ? directory : entry_get(directory, name);
}

/* ---- changes ---- */

static struct sim_name_change *change_create(struct sim_disk *disk)
{
    struct sim_name_change *change = sim_alloc(sizeof *change);
    change->order = ++disk->next_order;
    list_push_back(&disk->name_changes, &change->link);
    return change;
}

static void change_slot(struct sim_name_change *change, struct sim_inode *directory,
                        const char *name, struct sim_inode *after)
{
    ASSERT(change->slot_count < 2);
    struct sim_name_slot *slot = &change->slots[change->slot_count++];
    snprintf(slot->name, sizeof slot->name, "%s", name);
    slot->directory = sim_inode_pin(directory);
    slot->before = sim_inode_pin(entry_get(directory, name));
    slot->after = sim_inode_pin(after);
    sim_entry_set(directory, name, after);
}

static void change_free(struct sim_name_change *change)
{
    list_remove(&change->link);
    for (size_t i = 0; i < change->slot_count; i++) {
        sim_inode_unpin(change->slots[i].before);
        sim_inode_unpin(change->slots[i].after);
        sim_inode_unpin(change->slots[i].directory);
    }
    free(change);
}

int64_t sim_name_create(struct sim_disk *disk, const char *path, bool is_directory,
                        struct sim_inode **inode_out)
{
    char name[SIM_NAME_MAX];
    struct sim_inode *directory;
    int64_t result = resolve(disk, path, &directory, name);
    if (result != 0) return result;
    if (names_itself(name) || entry_get(directory, name) != NULL) return -EEXIST;
    struct sim_inode *inode = sim_inode_create(disk, is_directory, path);
    change_slot(change_create(disk), directory, name, inode);
    *inode_out = inode;
    return 0;
}

int64_t sim_name_link(struct sim_disk *disk, const char *from, const char *to)
{
    char name[SIM_NAME_MAX];
    struct sim_inode *directory, *inode = sim_name_find(disk, from);
    if (inode == NULL) return -ENOENT;
    if (inode->is_directory) return -EPERM;
    int64_t result = resolve(disk, to, &directory, name);
    if (result != 0) return result;
    if (names_itself(name) || entry_get(directory, name) != NULL) return -EEXIST;
    change_slot(change_create(disk), directory, name, inode);
    return 0;
}

int64_t sim_name_rename(struct sim_disk *disk, const char *from, const char *to)
{
    char from_name[SIM_NAME_MAX], to_name[SIM_NAME_MAX];
    struct sim_inode *from_directory, *to_directory;
    int64_t result = resolve(disk, from, &from_directory, from_name);
    if (result != 0) return result;
    result = resolve(disk, to, &to_directory, to_name);
    if (result != 0) return result;
    struct sim_inode *inode = names_itself(from_name) ? NULL : entry_get(from_directory, from_name);
    if (inode == NULL) return -ENOENT;
    if (names_itself(to_name)) return -EBUSY;
    if (inode->is_directory && leads_through(inode, to_directory)) return -EINVAL;
    struct sim_inode *replaced = entry_get(to_directory, to_name);
    if (replaced == inode) return 0; /* two names of one file: nothing happens (rename(2)) */
    if (replaced != NULL && replaced->is_directory)
        return inode->is_directory ? -ENOTEMPTY : -EISDIR;
    if (replaced != NULL && inode->is_directory) return -ENOTDIR;
    struct sim_name_change *change = change_create(disk);
    change_slot(change, to_directory, to_name, inode);
    change_slot(change, from_directory, from_name, NULL);
    snprintf(inode->path, sizeof inode->path, "%s", to);
    return 0;
}

int64_t sim_name_unlink(struct sim_disk *disk, const char *path)
{
    char name[SIM_NAME_MAX];
    struct sim_inode *directory;
    int64_t result = resolve(disk, path, &directory, name);
    if (result != 0) return result;
    struct sim_inode *inode = names_itself(name) ? directory : entry_get(directory, name);
    if (inode == NULL) return -ENOENT;
    if (inode->is_directory) return -EISDIR;
    change_slot(change_create(disk), directory, name, NULL);
    return 0;
}

/* ---- syncing and power loss ---- */

struct directory_set {
    const struct sim_inode **items;
    size_t count;
};

static bool set_has(const struct directory_set *set, const struct sim_inode *directory)
{
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i] == directory) return true;
    return false;
}

static bool set_touches(const struct directory_set *set, const struct sim_name_change *change)
{
    for (size_t i = 0; i < change->slot_count; i++)
        if (set_has(set, change->slots[i].directory)) return true;
    return false;
}

static void set_add(struct directory_set *set, const struct sim_name_change *change)
{
    for (size_t i = 0; i < change->slot_count; i++) {
        if (set_has(set, change->slots[i].directory)) continue;
        set->items = realloc(set->items, (set->count + 1) * sizeof *set->items);
        ASSERT(set->items != NULL);
        set->items[set->count++] = change->slots[i].directory;
    }
}

/* What one durable rename pulls along: the earlier changes of its other directory. */
void sim_name_sync(struct sim_disk *disk, struct sim_inode *directory)
{
    struct directory_set set = {sim_alloc(sizeof *set.items), 1};
    set.items[0] = directory;
    for (struct list *item = disk->name_changes.prev, *before; item != &disk->name_changes;
         item = before) {
        struct sim_name_change *change = CONTAINER_OF(item, struct sim_name_change, link);
        before = item->prev;
        if (!set_touches(&set, change)) continue;
        set_add(&set, change);
        change_free(change);
    }
    free(set.items);
}

void sim_names_settle(struct sim_disk *disk)
{
    while (!list_empty(&disk->name_changes))
        change_free(CONTAINER_OF(disk->name_changes.next, struct sim_name_change, link));
}

void sim_names_power_loss(struct sim_disk *disk, struct sim_dice *dice)
{
    struct directory_set cut = {NULL, 0};
    LIST_FOR_EACH(item, &disk->name_changes) {
        struct sim_name_change *change = CONTAINER_OF(item, struct sim_name_change, link);
        bool keep = sim_dice_keep(dice);
        change->keep = keep && !set_touches(&cut, change);
        if (!change->keep) set_add(&cut, change);
    }
    for (struct list *item = disk->name_changes.prev; item != &disk->name_changes;
         item = item->prev) {
        struct sim_name_change *change = CONTAINER_OF(item, struct sim_name_change, link);
        if (change->keep) continue;
        sim_fault_hit(disk->sim, SIM_FAULT_NAME_LOST);
        for (size_t i = change->slot_count; i-- > 0;)
            sim_entry_set(change->slots[i].directory, change->slots[i].name,
                          change->slots[i].before);
    }
    free(cut.items);
    sim_names_settle(disk);
}
