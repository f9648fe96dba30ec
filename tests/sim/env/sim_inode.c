/* Inodes: contents as sparse pages, and what was overwritten last. */
#include <stdlib.h>

#include "tests/sim/env/sim_disk.h"

struct sim_inode *sim_inode_create(struct sim_disk *disk, bool is_directory, const char *path)
{
    struct sim_inode *inode = sim_alloc(sizeof *inode);
    inode->disk = disk;
    inode->id = ++disk->next_inode;
    inode->is_directory = is_directory;
    snprintf(inode->path, sizeof inode->path, "%s", path);
    list_init(&inode->changes);
    list_init(&inode->history);
    list_push_back(&disk->inodes, &inode->link);
    return inode;
}

static void inode_destroy(struct sim_inode *inode)
{
    ASSERT(inode->refs == 0);
    sim_changes_free(inode);
    sim_inode_clear_from(inode, 0);
    for (struct list *item; (item = list_pop_front(&inode->history)) != NULL;)
        free(CONTAINER_OF(item, struct sim_past, link));
    while (inode->entry_count > 0) sim_entry_set(inode, inode->entries[0].name, NULL);
    free(inode->entries);
    free(inode->pages);
    list_remove(&inode->link);
    free(inode);
}

void sim_inode_unpin(struct sim_inode *inode)
{
    if (inode == NULL) return;
    ASSERT(inode->refs > 0);
    if (--inode->refs == 0) inode_destroy(inode);
}

/* ---- pages ---- */

static uint8_t *page_at(const struct sim_inode *inode, uint64_t page)
{
    return page < inode->page_capacity ? inode->pages[page] : NULL;
}

static uint8_t *page_make(struct sim_inode *inode, uint64_t page)
{
    ASSERT(page < SIM_FILE_BYTES_MAX / SIM_PAGE_BYTES);
    if (page >= inode->page_capacity) {
        size_t capacity = inode->page_capacity == 0 ? 8 : inode->page_capacity;
        while (capacity <= page) capacity *= 2;
        inode->pages = realloc(inode->pages, capacity * sizeof *inode->pages);
        ASSERT(inode->pages != NULL);
        memset(inode->pages + inode->page_capacity, 0,
               (capacity - inode->page_capacity) * sizeof *inode->pages);
        inode->page_capacity = capacity;
    }
    if (inode->pages[page] == NULL) {
        inode->pages[page] = sim_alloc(SIM_PAGE_BYTES);
        inode->disk->used_bytes += SIM_PAGE_BYTES;
    }
    return inode->pages[page];
}

/* The part of [offset, offset + left) that lies in one page. */
static size_t page_part(uint64_t offset, size_t left)
{
    size_t room = SIM_PAGE_BYTES - (size_t)(offset % SIM_PAGE_BYTES);
    return left < room ? left : room;
}

void sim_inode_read(const struct sim_inode *inode, void *data, size_t size, uint64_t offset)
{
    uint8_t *to = data;
    for (size_t done = 0; done < size;) {
        size_t part = page_part(offset + done, size - done);
        const uint8_t *page = page_at(inode, (offset + done) / SIM_PAGE_BYTES);
        if (page == NULL) memset(to + done, 0, part);
        else memcpy(to + done, page + (offset + done) % SIM_PAGE_BYTES, part);
        done += part;
    }
}

void sim_inode_write(struct sim_inode *inode, const void *data, size_t size, uint64_t offset)
{
    const uint8_t *from = data;
    for (size_t done = 0; done < size;) {
        size_t part = page_part(offset + done, size - done);
        uint8_t *page = page_make(inode, (offset + done) / SIM_PAGE_BYTES);
        memcpy(page + (offset + done) % SIM_PAGE_BYTES, from + done, part);
        done += part;
    }
}

void sim_inode_clear_from(struct sim_inode *inode, uint64_t offset)
{
    uint64_t page = offset / SIM_PAGE_BYTES;
    uint8_t *first = page_at(inode, page);
    if (first != NULL && offset % SIM_PAGE_BYTES != 0) {
        memset(first + offset % SIM_PAGE_BYTES, 0, SIM_PAGE_BYTES - offset % SIM_PAGE_BYTES);
        page++;
    } else if (offset % SIM_PAGE_BYTES != 0) {
        page++;
    }
    for (; page < inode->page_capacity; page++) {
        if (inode->pages[page] == NULL) continue;
        free(inode->pages[page]);
        inode->pages[page] = NULL;
        ASSERT(inode->disk->used_bytes >= SIM_PAGE_BYTES);
        inode->disk->used_bytes -= SIM_PAGE_BYTES;
    }
}

bool sim_inode_all_holes(const struct sim_inode *inode, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size; done += page_part(offset + done, size - done))
        if (page_at(inode, (offset + done) / SIM_PAGE_BYTES) != NULL) return false;
    return true;
}

uint64_t sim_inode_growth(const struct sim_inode *inode, size_t size, uint64_t offset)
{
    uint64_t growth = 0;
    for (size_t done = 0; done < size; done += page_part(offset + done, size - done))
        if (page_at(inode, (offset + done) / SIM_PAGE_BYTES) == NULL) growth += SIM_PAGE_BYTES;
    return growth;
}

bool sim_inode_overlay_past(const struct sim_inode *inode, uint8_t *data, size_t size,
                            uint64_t offset)
{
    LIST_FOR_EACH(item, &inode->history) {
        const struct sim_past *past = CONTAINER_OF(item, struct sim_past, link);
        uint64_t low = past->offset > offset ? past->offset : offset;
        uint64_t high = past->offset + past->size < offset + size ? past->offset + past->size
                                                                  : offset + size;
        if (low >= high) continue;
        const uint8_t *old = past->data + (low - past->offset);
        if (memcmp(data + (low - offset), old, (size_t)(high - low)) == 0) continue;
        memcpy(data + (low - offset), old, (size_t)(high - low));
        return true;
    }
    return false;
}
