/* The disk of a machine: life, timing, injected faults, power loss, damage, hashing, images. */
#include "tests/sim/env/sim_disk.h"

#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"

static void disk_make_root(struct sim_disk *disk)
{
    disk->root = sim_inode_pin(sim_inode_create(disk, true, "."));
}

struct sim_disk *sim_disk_create(struct sim *sim, struct sim_node *node)
{
    struct sim_disk *disk = sim_alloc(sizeof *disk);
    disk->sim = sim;
    disk->node = node;
    disk->quota_bytes = UINT64_MAX;
    disk->crash_at = UINT64_MAX;
    disk->slow_factor = 1;
    list_init(&disk->inodes);
    list_init(&disk->name_changes);
    list_init(&disk->rules);
    disk_make_root(disk);
    return disk;
}

static void drop_rules(struct sim_disk *disk)
{
    for (struct list *item; (item = list_pop_front(&disk->rules)) != NULL;)
        free(CONTAINER_OF(item, struct sim_rule, link));
}

static void drop_contents(struct sim_disk *disk)
{
    sim_names_settle(disk);
    sim_inode_unpin(disk->root);
    ASSERT(list_empty(&disk->inodes)); /* no handle is open */
    ASSERT(disk->used_bytes == 0);
}

void sim_disk_destroy(struct sim_disk *disk)
{
    drop_contents(disk);
    drop_rules(disk);
    free(disk->choices);
    free(disk);
}

struct sim_disk *sim_disk(struct sim *sim, uint64_t node)
{
    return sim_node_of(sim, node)->disk;
}

/* ---- timing, space ---- */

uint64_t sim_disk_completion(struct sim_disk *disk, uint64_t base_ns, uint64_t size_bytes)
{
    struct sim *sim = disk->sim;
    const struct sim_options *o = &sim->options;
    uint64_t moving = o->disk_bytes_per_sec == 0 ? 0 : size_bytes * SIM_SEC / o->disk_bytes_per_sec;
    uint64_t start = disk->busy_until_ns > sim->now_ns ? disk->busy_until_ns : sim->now_ns;
    disk->busy_until_ns = start + moving * disk->slow_factor;
    uint64_t wait = base_ns + sim_exponential(sim, o->disk_tail_ns);
    uint64_t done = disk->busy_until_ns + wait * disk->slow_factor;
    return done < disk->stall_until_ns ? disk->stall_until_ns + wait : done;
}

uint64_t sim_disk_used_bytes(const struct sim_disk *disk)
{
    return disk->used_bytes;
}

void sim_disk_set_quota(struct sim_disk *disk, uint64_t bytes)
{
    disk->quota_bytes = bytes;
}

void sim_disk_refuse_direct(struct sim_disk *disk, bool refused)
{
    disk->direct_refused = refused;
}

void sim_disk_slow(struct sim_disk *disk, uint32_t factor)
{
    ASSERT(factor >= 1);
    disk->slow_factor = factor;
    if (factor > 1) sim_fault_hit(disk->sim, SIM_FAULT_DISK_SLOW);
}

void sim_disk_stall(struct sim_disk *disk, uint64_t duration_ns)
{
    disk->stall_until_ns = disk->sim->now_ns + duration_ns;
    sim_fault_hit(disk->sim, SIM_FAULT_DISK_STALL);
    if (disk->node != NULL) sim_files_restall(disk->node, disk->stall_until_ns);
}

/* ---- injected faults ---- */

void sim_disk_inject(struct sim_disk *disk, const struct sim_disk_fault *fault)
{
    struct sim_rule *rule = sim_alloc(sizeof *rule);
    rule->fault = *fault;
    list_push_back(&disk->rules, &rule->link);
}

void sim_disk_heal(struct sim_disk *disk)
{
    drop_rules(disk);
    disk->slow_factor = 1;
    disk->stall_until_ns = 0;
    disk->quota_bytes = UINT64_MAX;
}

bool sim_disk_has_rule(const struct sim_disk *disk, enum sim_fault kind)
{
    LIST_FOR_EACH(item, &disk->rules)
        if (CONTAINER_OF(item, struct sim_rule, link)->fault.kind == kind) return true;
    return false;
}

static bool rule_strikes(struct sim_disk *disk, struct sim_rule *rule, const char *path)
{
    const struct sim_disk_fault *f = &rule->fault;
    if (f->path_part != NULL && strstr(path, f->path_part) == NULL) return false;
    if (rule->seen++ < f->skip) return false;
    if (f->count > 0 && rule->struck >= f->count) return false;
    if (f->ppm > 0 && !sim_chance(disk->sim, f->ppm)) return false;
    rule->struck++;
    return true;
}

bool sim_disk_struck(struct sim_disk *disk, enum sim_fault kind, const char *path,
                     int64_t *error_out)
{
    LIST_FOR_EACH(item, &disk->rules) {
        struct sim_rule *rule = CONTAINER_OF(item, struct sim_rule, link);
        if (rule->fault.kind != kind || !rule_strikes(disk, rule, path)) continue;
        *error_out = rule->fault.error != 0 ? -rule->fault.error : -EIO;
        return true;
    }
    return false;
}

/* ---- power loss and crash points ---- */

bool sim_disk_tick(struct sim_disk *disk)
{
    if (disk->op_count >= disk->crash_at) {
        disk->crash_reached = true;
        disk->node->halted = true;
        return false;
    }
    disk->op_count++;
    return true;
}

uint64_t sim_disk_op_count(const struct sim_disk *disk)
{
    return disk->op_count;
}

void sim_disk_crash_after(struct sim_disk *disk, uint64_t op_count)
{
    ASSERT(op_count >= disk->op_count);
    disk->crash_at = op_count;
}

bool sim_disk_crash_reached(const struct sim_disk *disk)
{
    return disk->crash_reached;
}

static void settle_in_flight(struct sim_disk *disk, bool always)
{
    if (disk->settled) return;
    LIST_FOR_EACH(item, &disk->node->envs)
        sim_files_settle(CONTAINER_OF(item, struct sim_env, node_link), always);
    disk->settled = true;
}

size_t sim_disk_crash_choices(struct sim_disk *disk)
{
    size_t count = 0;
    ASSERT(disk->crash_reached);
    settle_in_flight(disk, true);
    LIST_FOR_EACH(item, &disk->inodes) {
        const struct sim_inode *inode = CONTAINER_OF(item, struct sim_inode, link);
        LIST_FOR_EACH(link, &inode->changes)
            count += sim_change_choice_count(CONTAINER_OF(link, struct sim_change, link));
    }
    LIST_FOR_EACH(item, &disk->name_changes) count++;
    return count;
}

void sim_disk_crash_choose(struct sim_disk *disk, const bool *keep, size_t count)
{
    free(disk->choices);
    disk->choices = sim_alloc(count * sizeof *keep);
    if (count > 0) memcpy(disk->choices, keep, count * sizeof *keep);
    disk->choice_count = count;
}

/* Runs differ in how much a power loss keeps, from nothing to all. */
static uint32_t draw_keep_ppm(struct sim *sim)
{
    static const uint32_t keep_ppm[] = {0, 100000, 500000, 900000, SIM_ALWAYS};
    return keep_ppm[sim_below(sim, sizeof keep_ppm / sizeof keep_ppm[0])];
}

static void power_loss(struct sim_disk *disk)
{
    struct sim_dice dice = {disk->sim, disk->choices, disk->choice_count, 0, 0};
    dice.keep_ppm = draw_keep_ppm(disk->sim);
    LIST_FOR_EACH(item, &disk->inodes)
        sim_changes_power_loss(CONTAINER_OF(item, struct sim_inode, link), &dice);
    dice.keep_ppm = draw_keep_ppm(disk->sim);
    sim_names_power_loss(disk, &dice);
    ASSERT(disk->choices == NULL || dice.next == dice.choice_count);
}

void sim_disk_crash(struct sim_disk *disk, bool power)
{
    ASSERT(disk->node != NULL);
    settle_in_flight(disk, power);
    if (power) power_loss(disk);
    free(disk->choices);
    disk->choices = NULL;
    disk->choice_count = 0;
    disk->settled = disk->crash_reached = false;
    disk->crash_at = UINT64_MAX;
    disk->stall_until_ns = disk->busy_until_ns = 0;
    sim_trace_mix(disk->sim, sim_disk_hash(disk));
}

/* ---- damage ---- */

bool sim_disk_rot(struct sim_disk *disk, const char *path, uint64_t offset, unsigned bit)
{
    struct sim_inode *inode = sim_name_find(disk, path);
    uint8_t byte;
    ASSERT(bit < 8);
    if (inode == NULL || inode->is_directory || offset >= inode->size) return false;
    sim_inode_read(inode, &byte, 1, offset);
    byte = (uint8_t)(byte ^ (1u << bit));
    sim_inode_write(inode, &byte, 1, offset);
    sim_fault_hit(disk->sim, SIM_FAULT_BIT_ROT);
    sim_trace(disk->sim, "n%llu rot %s at %llu bit %u",
              (unsigned long long)(disk->node != NULL ? disk->node->id : 0), path,
              (unsigned long long)offset, bit);
    return true;
}

/* A walk over the stored pages of all files, by name, that stops at a given one. */
struct rot_walk {
    struct sim_disk *disk;
    const char *path_part;
    uint64_t left; /* pages to pass before the chosen one */
    bool done;
};

static void rot_page(struct rot_walk *walk, const char *path, const struct sim_inode *inode,
                     uint64_t page)
{
    struct sim *sim = walk->disk->sim;
    uint64_t start = page * SIM_PAGE_BYTES, room = inode->size - start;
    uint64_t byte = start + sim_below(sim, room < SIM_PAGE_BYTES ? room : SIM_PAGE_BYTES);
    walk->done = sim_disk_rot(walk->disk, path, byte, (unsigned)sim_below(sim, 8));
}

static void rot_file(struct rot_walk *walk, const char *path, const struct sim_inode *inode)
{
    if (walk->path_part != NULL && strstr(path, walk->path_part) == NULL) return;
    for (uint64_t page = 0; page < inode->page_capacity && !walk->done; page++) {
        if (inode->pages[page] == NULL || page * SIM_PAGE_BYTES >= inode->size) continue;
        if (walk->left-- == 0) rot_page(walk, path, inode, page);
    }
}

static void rot_directory(struct rot_walk *walk, const char *prefix, const struct sim_inode *inode)
{
    for (size_t i = 0; i < inode->entry_count && !walk->done; i++) {
        const struct sim_dirent *entry = &inode->entries[i];
        char path[SIM_PATH_MAX];
        int size = snprintf(path, sizeof path, "%s%s", prefix, entry->name);
        if (size < 0 || (size_t)size + 1 >= sizeof path) continue;
        if (!entry->inode->is_directory) {
            rot_file(walk, path, entry->inode);
            continue;
        }
        path[size] = '/';
        path[size + 1] = '\0';
        rot_directory(walk, path, entry->inode);
    }
}

bool sim_disk_rot_random(struct sim_disk *disk, const char *path_part)
{
    struct rot_walk count = {disk, path_part, UINT64_MAX, false};
    rot_directory(&count, "", disk->root);
    uint64_t pages = UINT64_MAX - count.left;
    if (pages == 0) return false;
    struct rot_walk walk = {disk, path_part, sim_below(disk->sim, pages), false};
    rot_directory(&walk, "", disk->root);
    ASSERT(walk.done);
    return true;
}

/* ---- hashing ---- */

static uint64_t hash_inode(const struct sim_inode *inode, uint64_t hash)
{
    static const uint8_t zeros[SIM_PAGE_BYTES];
    uint64_t head[2] = {inode->is_directory, inode->size};
    hash = hash64(head, sizeof head, hash);
    for (uint64_t page = 0; page < inode->page_capacity; page++) {
        const uint8_t *data = inode->pages[page];
        if (data == NULL || memcmp(data, zeros, SIM_PAGE_BYTES) == 0) continue;
        hash = hash64(&page, sizeof page, hash);
        hash = hash64(data, SIM_PAGE_BYTES, hash);
    }
    for (size_t i = 0; i < inode->entry_count; i++) {
        hash = hash64(inode->entries[i].name, strlen(inode->entries[i].name), hash);
        hash = hash_inode(inode->entries[i].inode, hash);
    }
    return hash;
}

uint64_t sim_disk_hash(const struct sim_disk *disk)
{
    return hash_inode(disk->root, 1);
}

/* ---- images ---- */

struct sim_disk_image {
    struct sim_disk *disk;
};

static void copy_content(struct sim_inode *to, const struct sim_inode *from)
{
    for (uint64_t page = 0; page < from->page_capacity; page++)
        if (from->pages[page] != NULL)
            sim_inode_write(to, from->pages[page], SIM_PAGE_BYTES, page * SIM_PAGE_BYTES);
    to->size = from->size;
}

static void copy_tree(struct sim_disk *to, struct sim_inode *to_directory,
                      const struct sim_inode *from_directory)
{
    for (size_t i = 0; i < from_directory->entry_count; i++) {
        struct sim_inode *from = from_directory->entries[i].inode;
        if (from->copy == NULL) {
            from->copy = sim_inode_create(to, from->is_directory, from->path);
            copy_content(from->copy, from);
        }
        sim_entry_set(to_directory, from_directory->entries[i].name, from->copy);
        if (from->is_directory) copy_tree(to, from->copy, from);
    }
}

static void copy_disk(struct sim_disk *to, const struct sim_disk *from)
{
    LIST_FOR_EACH(item, &from->inodes) CONTAINER_OF(item, struct sim_inode, link)->copy = NULL;
    copy_tree(to, to->root, from->root);
}

struct sim_disk_image *sim_disk_snapshot(const struct sim_disk *disk)
{
    struct sim_disk_image *image = sim_alloc(sizeof *image);
    image->disk = sim_disk_create(disk->sim, NULL);
    copy_disk(image->disk, disk);
    return image;
}

void sim_disk_image_destroy(struct sim_disk_image *image)
{
    sim_disk_destroy(image->disk);
    free(image);
}

static void empty(struct sim_disk *disk)
{
    ASSERT(disk->node == NULL || list_empty(&disk->node->envs));
    drop_contents(disk);
    disk_make_root(disk);
}

void sim_disk_wipe(struct sim_disk *disk)
{
    empty(disk);
    sim_fault_hit(disk->sim, SIM_FAULT_DISK_WIPED);
}

void sim_disk_restore(struct sim_disk *disk, const struct sim_disk_image *image)
{
    empty(disk);
    copy_disk(disk, image->disk);
    sim_fault_hit(disk->sim, SIM_FAULT_DISK_ROLLED_BACK);
}

static struct sim_inode *child_of(const struct sim_inode *directory, const char *name, size_t size)
{
    for (size_t i = 0; i < directory->entry_count; i++) {
        const char *entry = directory->entries[i].name;
        if (strlen(entry) == size && memcmp(entry, name, size) == 0) return directory->entries[i].inode;
    }
    return NULL;
}

void sim_disk_restore_part(struct sim_disk *disk, const struct sim_disk_image *image,
                           const char *path)
{
    ASSERT(disk->node == NULL || list_empty(&disk->node->envs));
    struct sim_inode *to = disk->root, *from = image->disk->root;
    const char *slash;
    for (; (slash = strchr(path, '/')) != NULL; path = slash + 1) {
        to = child_of(to, path, (size_t)(slash - path));
        from = child_of(from, path, (size_t)(slash - path));
        ASSERT(to != NULL && from != NULL);
    }
    from = child_of(from, path, strlen(path));
    ASSERT(from != NULL && from->is_directory);
    LIST_FOR_EACH(item, &image->disk->inodes) CONTAINER_OF(item, struct sim_inode, link)->copy = NULL;
    struct sim_inode *copy = sim_inode_create(disk, true, from->path);
    copy_tree(disk, copy, from);
    sim_entry_set(to, path, copy);
    sim_fault_hit(disk->sim, SIM_FAULT_DISK_ROLLED_BACK);
}
