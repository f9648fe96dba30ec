/* Un-synced changes of a file, and what a power loss makes of them. */
#include <stdlib.h>

#include "tests/sim/env/sim_disk.h"

static size_t sector_bytes(const struct sim_inode *inode)
{
    return inode->disk->sim->options.sector_bytes;
}

/* ---- recording ---- */

static struct sim_change *change_create(struct sim_inode *inode, uint64_t low, uint64_t high)
{
    struct sim_change *change = sim_alloc(sizeof *change);
    size_t sector = sector_bytes(inode);
    change->order = ++inode->disk->next_order;
    change->size_before = inode->size;
    if (low < high) {
        change->sector_first = low / sector;
        change->sector_count = (size_t)((high - 1) / sector - change->sector_first + 1);
    }
    list_push_back(&inode->changes, &change->link);
    return change;
}

static void change_save_old(struct sim_inode *inode, struct sim_change *change)
{
    size_t size = change->sector_count * sector_bytes(inode);
    uint64_t offset = change->sector_first * sector_bytes(inode);
    if (size == 0 || sim_inode_all_holes(inode, size, offset)) return;
    change->old = sim_alloc(size);
    sim_inode_read(inode, change->old, size, offset);
}

static void change_free(struct sim_inode *inode, struct sim_change *change)
{
    if (change->doomed) inode->doomed_count--;
    list_remove(&change->link);
    free(change->old);
    free(change->keep);
    free(change);
}

void sim_changes_free(struct sim_inode *inode)
{
    while (!list_empty(&inode->changes))
        change_free(inode, CONTAINER_OF(inode->changes.next, struct sim_change, link));
}

static void remember_past(struct sim_inode *inode, size_t size, uint64_t offset)
{
    if (!sim_disk_has_rule(inode->disk, SIM_FAULT_READ_STALE)) return;
    struct sim_past *past = sim_alloc(sizeof *past + size);
    past->offset = offset;
    past->size = size;
    sim_inode_read(inode, past->data, size, offset);
    list_push_front(&inode->history, &past->link);
    if (inode->history_count < SIM_HISTORY_MAX) {
        inode->history_count++;
        return;
    }
    struct list *oldest = inode->history.prev;
    list_remove(oldest);
    free(CONTAINER_OF(oldest, struct sim_past, link));
}

void sim_change_write(struct sim_inode *inode, const void *data, size_t size, uint64_t offset,
                      bool durable)
{
    ASSERT(size > 0);
    ASSERT(offset + size <= SIM_FILE_BYTES_MAX);
    remember_past(inode, size, offset);
    struct sim_change *change = NULL;
    if (!durable || !list_empty(&inode->changes)) {
        change = change_create(inode, offset, offset + size);
        change->durable = durable;
        if (!durable) change_save_old(inode, change);
    }
    sim_inode_write(inode, data, size, offset);
    if (offset + size > inode->size) inode->size = offset + size;
    if (change != NULL) change->size_after = inode->size;
}

void sim_change_truncate(struct sim_inode *inode, uint64_t size)
{
    ASSERT(size <= SIM_FILE_BYTES_MAX);
    if (size == inode->size) return;
    struct sim_change *change = change_create(inode, size, inode->size);
    change->truncates = size < inode->size;
    if (change->truncates) {
        change_save_old(inode, change);
        sim_inode_clear_from(inode, size);
    }
    inode->size = change->size_after = size;
}

/* ---- syncing ---- */

void sim_change_sync(struct sim_inode *inode, uint64_t order_max)
{
    LIST_FOR_EACH_SAFE(item, &inode->changes) {
        struct sim_change *change = CONTAINER_OF(item, struct sim_change, link);
        if (change->order > order_max) break;
        if (change->doomed) continue;
        /* What lies over a doomed change has to say so at the next power loss. */
        if (inode->doomed_count > 0) change->durable = true;
        else change_free(inode, change);
    }
}

static void change_undo(struct sim_inode *inode, struct sim_change *change)
{
    size_t sector = sector_bytes(inode);
    uint64_t offset = change->sector_first * sector;
    if (change->old != NULL)
        sim_inode_write(inode, change->old, change->sector_count * sector, offset);
    else if (!sim_inode_all_holes(inode, change->sector_count * sector, offset))
        for (size_t i = 0; i < change->sector_count; i++) {
            static const uint8_t zeros[4096];
            sim_inode_write(inode, zeros, sector, offset + i * sector);
        }
}

/* Whether the pages of all changes can simply be put back: none of them is settled or newer. */
static bool can_drop(const struct sim_inode *inode, uint64_t order_max)
{
    if (inode->doomed_count > 0) return false;
    LIST_FOR_EACH(item, &inode->changes) {
        const struct sim_change *change = CONTAINER_OF(item, struct sim_change, link);
        if (change->durable || change->truncates || change->order > order_max) return false;
    }
    return true;
}

/* The page cache drops the pages (their old contents come back), or keeps them marked clean. */
void sim_change_forget(struct sim_inode *inode, uint64_t order_max, bool at_once)
{
    if (at_once && can_drop(inode, order_max)) {
        for (struct list *item = inode->changes.prev; item != &inode->changes; item = item->prev)
            change_undo(inode, CONTAINER_OF(item, struct sim_change, link));
        sim_changes_free(inode);
        return;
    }
    LIST_FOR_EACH(item, &inode->changes) {
        struct sim_change *change = CONTAINER_OF(item, struct sim_change, link);
        if (change->order > order_max || change->durable || change->doomed) continue;
        if (change->truncates) continue;
        change->doomed = true;
        inode->doomed_count++;
    }
}

/* ---- power loss ---- */

bool sim_dice_keep(struct sim_dice *dice)
{
    if (dice->choices == NULL) return sim_chance(dice->sim, dice->keep_ppm);
    ASSERT(dice->next < dice->choice_count);
    return dice->choices[dice->next++];
}

size_t sim_change_choice_count(const struct sim_change *change)
{
    if (change->durable || change->doomed) return 0;
    return change->truncates || change->sector_count == 0 ? 1 : change->sector_count;
}

/* Draws for each sector of each change, oldest first. */
static void draw(struct sim_inode *inode, struct sim_dice *dice)
{
    LIST_FOR_EACH(item, &inode->changes) {
        struct sim_change *change = CONTAINER_OF(item, struct sim_change, link);
        size_t choices = sim_change_choice_count(change);
        size_t slots = change->sector_count > 0 ? change->sector_count : 1;
        ASSERT(change->keep == NULL);
        change->keep = sim_alloc(slots * sizeof *change->keep);
        for (size_t i = 0; i < slots; i++) {
            if (choices == 0) change->keep[i] = change->durable;
            else if (i < choices) change->keep[i] = sim_dice_keep(dice);
            else change->keep[i] = change->keep[0];
        }
    }
}

static bool keeps_any(const struct sim_change *change)
{
    size_t slots = change->sector_count > 0 ? change->sector_count : 1;
    for (size_t i = 0; i < slots; i++)
        if (change->keep[i]) return true;
    return false;
}

static bool keeps_all(const struct sim_change *change)
{
    size_t slots = change->sector_count > 0 ? change->sector_count : 1;
    for (size_t i = 0; i < slots; i++)
        if (!change->keep[i]) return false;
    return true;
}

/* File systems journal sizes in order: a prefix of the changes of size survives. Returns the order
 * up to which they do; never before a durable change. */
static uint64_t draw_size_cut(struct sim_inode *inode, struct sim_dice *dice)
{
    uint64_t durable = 0, kept = 0, newest = 0;
    LIST_FOR_EACH(item, &inode->changes) {
        struct sim_change *change = CONTAINER_OF(item, struct sim_change, link);
        if (change->durable) durable = change->order;
        if (keeps_any(change)) kept = change->order;
        newest = change->order;
    }
    if (dice->choices != NULL || sim_chance(dice->sim, SIM_ALWAYS / 2)) return kept;
    return durable + sim_below(dice->sim, newest - durable + 1);
}

/* A write after a truncation that did not survive cannot have survived either, and truncations
 * follow the cut of sizes, not their own draw. */
static void apply_size_cut(struct sim_inode *inode, uint64_t cut)
{
    bool lose_rest = false;
    LIST_FOR_EACH(item, &inode->changes) {
        struct sim_change *change = CONTAINER_OF(item, struct sim_change, link);
        bool lost_truncation = change->truncates && change->order > cut;
        size_t slots = change->sector_count > 0 ? change->sector_count : 1;
        lose_rest = lose_rest || lost_truncation;
        for (size_t i = 0; i < slots; i++) {
            if (change->truncates) change->keep[i] = true;
            if (lose_rest) change->keep[i] = false;
        }
    }
}

static void count_losses(struct sim_inode *inode)
{
    struct sim *sim = inode->disk->sim;
    bool lost_before = false;
    LIST_FOR_EACH(item, &inode->changes) {
        const struct sim_change *change = CONTAINER_OF(item, struct sim_change, link);
        if (change->durable) continue;
        bool any = keeps_any(change), all = keeps_all(change);
        if (!all) sim_fault_hit(sim, SIM_FAULT_UNSYNCED_LOST);
        if (any && !all) sim_fault_hit(sim, SIM_FAULT_UNSYNCED_TORN);
        if (any && lost_before) sim_fault_hit(sim, SIM_FAULT_UNSYNCED_REORDERED);
        lost_before = lost_before || !all;
    }
}

static void sector_lose(struct sim_inode *inode, const struct sim_change *change, size_t i,
                        size_t from_byte)
{
    static const uint8_t zeros[4096];
    size_t sector = sector_bytes(inode);
    const uint8_t *old = change->old != NULL ? change->old + i * sector : zeros;
    uint64_t offset = (change->sector_first + i) * sector;
    if (change->old == NULL && sim_inode_all_holes(inode, sector, offset)) return;
    sim_inode_write(inode, old + from_byte, sector - from_byte, offset + from_byte);
}

struct settled {
    uint64_t low;
    uint8_t *flags;
};

static struct settled settled_create(const struct sim_inode *inode)
{
    uint64_t low = UINT64_MAX, high = 0;
    LIST_FOR_EACH(item, &inode->changes) {
        const struct sim_change *change = CONTAINER_OF(item, struct sim_change, link);
        if (change->sector_count == 0) continue;
        if (change->sector_first < low) low = change->sector_first;
        if (change->sector_first + change->sector_count > high)
            high = change->sector_first + change->sector_count;
    }
    size_t count = low < high ? (size_t)(high - low) : 1;
    return (struct settled){low, sim_alloc(count)};
}

/* From the newest change to the oldest: the newest surviving version of a sector settles it. */
static void undo_lost(struct sim_inode *inode)
{
    struct sim *sim = inode->disk->sim;
    struct settled settled = settled_create(inode);
    for (struct list *item = inode->changes.prev; item != &inode->changes; item = item->prev) {
        struct sim_change *change = CONTAINER_OF(item, struct sim_change, link);
        for (size_t i = 0; i < change->sector_count; i++) {
            uint8_t *flag = &settled.flags[change->sector_first + i - settled.low];
            if (*flag) continue;
            if (!change->keep[i]) {
                sector_lose(inode, change, i, 0);
                continue;
            }
            *flag = 1;
            if (change->durable || change->truncates) continue;
            if (!sim_chance(sim, sim->options.tear_sector_ppm)) continue;
            sector_lose(inode, change, i, (size_t)sim_below(sim, sector_bytes(inode)));
            sim_fault_hit(sim, SIM_FAULT_UNSYNCED_TORN);
        }
    }
    free(settled.flags);
}

void sim_changes_power_loss(struct sim_inode *inode, struct sim_dice *dice)
{
    if (list_empty(&inode->changes)) return;
    draw(inode, dice);
    uint64_t cut = draw_size_cut(inode, dice);
    apply_size_cut(inode, cut);
    count_losses(inode);
    undo_lost(inode);
    LIST_FOR_EACH(item, &inode->changes) {
        const struct sim_change *change = CONTAINER_OF(item, struct sim_change, link);
        if (change->order <= cut) continue;
        inode->size = change->size_before;
        break;
    }
    sim_inode_clear_from(inode, inode->size);
    sim_changes_free(inode);
}
