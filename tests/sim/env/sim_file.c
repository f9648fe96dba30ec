/* File operations: each takes effect and completes in one event, some time after it was started. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#include "base/hash.h"
#include "tests/sim/env/sim_disk.h"

static const char *op_name(enum sim_op_kind kind)
{
    static const char *const names[] = {
        [SIM_OP_OPEN] = "open", [SIM_OP_CLOSE] = "close", [SIM_OP_READ] = "read",
        [SIM_OP_WRITE] = "write", [SIM_OP_SYNC] = "sync", [SIM_OP_SIZE] = "size",
        [SIM_OP_TRUNCATE] = "truncate", [SIM_OP_RENAME] = "rename", [SIM_OP_LINK] = "link",
        [SIM_OP_UNLINK] = "unlink", [SIM_OP_DIR_MAKE] = "mkdir", [SIM_OP_DIR_SYNC] = "sync-dir",
        [SIM_OP_RESOLVE] = "resolve",
    };
    return names[kind];
}

/* ---- life of an operation ---- */

static void op_fire(struct sim *sim, struct sim_event *event);

static struct sim_op *op_create(struct sim_env *env, enum sim_op_kind kind, struct env_op *op)
{
    struct sim *sim = env->sim;
    struct list *item = list_pop_front(&sim->free_ops);
    struct sim_op *o = item != NULL ? CONTAINER_OF(item, struct sim_op, link)
                                    : sim_alloc(sizeof *o);
    ASSERT(op != NULL);
    ASSERT(op->on_done != NULL);
    memset(o, 0, offsetof(struct sim_op, path));
    o->path[0] = o->path_to[0] = '\0';
    sim_event_init(&o->event, SIM_EVENT_FILE, env, (uint64_t)kind, op_fire);
    list_init(&o->link);
    list_push_back(&env->ops, &o->link);
    o->op = op;
    o->kind = kind;
    o->file = -1;
    o->start_order = env->node->disk->next_order;
    return o;
}

/* Arms its completion; nothing may be changed afterwards. */
static void op_start(struct sim_env *env, struct sim_op *o, uint64_t base_ns, uint64_t size_bytes)
{
    if (env->down) o->preset = -ECANCELED;
    uint64_t when = o->preset != 0 ? env->sim->now_ns + SIM_US
                                   : sim_disk_completion(env->node->disk, base_ns, size_bytes);
    sim_arm(env->sim, &o->event, when);
}

static void op_finish(struct sim_env *env, struct sim_op *o, int64_t result)
{
    struct env_op *op = o->op;
    sim_trace(env->sim, "n%llu p%llu %s %s%s%s +%llu %zu = %lld",
              (unsigned long long)env->node->id, (unsigned long long)env->process,
              op_name(o->kind), o->inode != NULL ? o->inode->path : o->path,
              o->path_to[0] != '\0' ? " -> " : "", o->path_to, (unsigned long long)o->offset,
              o->size, (long long)result);
    sim_disarm(env->sim, &o->event);
    list_remove(&o->link);
    sim_inode_unpin(o->inode);
    o->inode = NULL;
    list_push_front(&env->sim->free_ops, &o->link);
    op->on_done(op, result);
}

void sim_op_cancel(struct sim_env *env, struct sim_op *o)
{
    op_finish(env, o, -ECANCELED);
}

static bool set_path(char to[SIM_PATH_MAX], const char *path)
{
    ASSERT(path != NULL);
    size_t size = strlen(path);
    if (size >= SIM_PATH_MAX) return false;
    memcpy(to, path, size + 1);
    return true;
}

/* ---- handles ---- */

static struct sim_handle *handle_at(struct sim_env *env, env_file file)
{
    if (file < 0 || (size_t)file >= env->handle_count) return NULL;
    return env->handles[file].inode != NULL ? &env->handles[file] : NULL;
}

static env_file handle_open(struct sim_env *env, struct sim_inode *inode, unsigned flags)
{
    size_t at = 0;
    while (at < env->handle_count && env->handles[at].inode != NULL) at++;
    if (at == env->handle_count) {
        size_t count = env->handle_count == 0 ? 16 : env->handle_count * 2;
        env->handles = realloc(env->handles, count * sizeof *env->handles);
        ASSERT(env->handles != NULL);
        memset(env->handles + env->handle_count, 0,
               (count - env->handle_count) * sizeof *env->handles);
        env->handle_count = count;
    }
    env->handles[at] = (struct sim_handle){sim_inode_pin(inode), flags};
    return (env_file)at;
}

static void handle_close(struct sim_handle *handle)
{
    sim_inode_unpin(handle->inode);
    *handle = (struct sim_handle){NULL, 0};
}

void sim_env_close_handles(struct sim_env *env)
{
    for (size_t i = 0; i < env->handle_count; i++)
        if (env->handles[i].inode != NULL) handle_close(&env->handles[i]);
    free(env->handles);
    env->handles = NULL;
    env->handle_count = 0;
}

/* Pins the file of a handle, or presets an error. need: a flag the handle must have, or 0. */
static void op_set_file(struct sim_env *env, struct sim_op *o, env_file file, unsigned need)
{
    const struct sim_handle *handle = handle_at(env, file);
    o->file = file;
    if (handle == NULL || (handle->flags & need) != need) {
        o->preset = -EBADF;
        return;
    }
    o->flags = handle->flags;
    o->inode = sim_inode_pin(handle->inode);
}

static void op_set_range(struct sim_op *o, const void *data, size_t size, uint64_t offset)
{
    uint64_t mask = ENV_DIRECT_ALIGN - 1;
    o->data = (void *)(uintptr_t)data;
    o->size = size;
    o->offset = offset;
    if (o->preset != 0) return;
    if ((o->flags & ENV_OPEN_DIRECT) != 0 && (((uintptr_t)data | size | offset) & mask) != 0)
        o->preset = -EINVAL;
    if (offset > SIM_FILE_BYTES_MAX || size > SIM_FILE_BYTES_MAX - offset) o->preset = -EFBIG;
}

/* ---- effects ---- */

/* The inode that opening this path gives, made or emptied as the flags say. */
static int64_t open_inode(struct sim_disk *disk, const struct sim_op *o,
                          struct sim_inode **inode_out)
{
    struct sim_inode *inode = sim_name_find(disk, o->path);
    if ((o->flags & ENV_OPEN_DIRECT) != 0 && disk->direct_refused) {
        sim_fault_hit(disk->sim, SIM_FAULT_DIRECT_REFUSED);
        return -EINVAL;
    }
    if (inode == NULL) {
        if ((o->flags & ENV_OPEN_CREATE) != 0)
            return sim_name_create(disk, o->path, false, inode_out);
        return -ENOENT;
    }
    if ((o->flags & ENV_OPEN_CREATE) != 0 && (o->flags & ENV_OPEN_EXCLUSIVE) != 0) return -EEXIST;
    if (inode->is_directory) return -EISDIR;
    if ((o->flags & ENV_OPEN_TRUNCATE) != 0) sim_change_truncate(inode, 0);
    snprintf(inode->path, sizeof inode->path, "%s", o->path);
    *inode_out = inode;
    return 0;
}

static int64_t do_open(struct sim_env *env, struct sim_op *o)
{
    struct sim_inode *inode = NULL;
    int64_t result = open_inode(env->node->disk, o, &inode);
    return result != 0 ? result : handle_open(env, inode, o->flags);
}

static int64_t do_close(struct sim_env *env, struct sim_op *o)
{
    struct sim_handle *handle = handle_at(env, o->file);
    if (handle == NULL) return -EBADF;
    handle_close(handle);
    return 0;
}

static int64_t do_read(struct sim_env *env, struct sim_op *o)
{
    int64_t error;
    struct sim_disk *disk = env->node->disk;
    const struct sim_inode *inode = o->inode;
    if (sim_disk_struck(disk, SIM_FAULT_READ_ERROR, inode->path, &error)) {
        sim_fault_hit(env->sim, SIM_FAULT_READ_ERROR);
        return error;
    }
    if (o->offset >= inode->size) return 0;
    uint64_t left = inode->size - o->offset;
    size_t size = o->size < left ? o->size : (size_t)left;
    sim_inode_read(inode, o->data, size, o->offset);
    if (sim_disk_struck(disk, SIM_FAULT_READ_STALE, inode->path, &error) &&
        sim_inode_overlay_past(inode, o->data, size, o->offset))
        sim_fault_hit(env->sim, SIM_FAULT_READ_STALE);
    return (int64_t)size;
}

/* An error may leave any whole number of sectors behind. */
static int64_t fail_write(struct sim_env *env, struct sim_op *o, int64_t error)
{
    size_t sector = env->sim->options.sector_bytes;
    size_t size = (size_t)sim_below(env->sim, o->size / sector + 1) * sector;
    sim_fault_hit(env->sim, error == -ENOSPC ? SIM_FAULT_DISK_FULL : SIM_FAULT_WRITE_ERROR);
    if (size > 0) sim_change_write(o->inode, o->data, size, o->offset, false);
    return error;
}

static uint64_t misdirected(struct sim_env *env, const struct sim_op *o)
{
    uint64_t sector = env->sim->options.sector_bytes;
    uint64_t offset = sim_below(env->sim, o->inode->size / sector + 1) * sector;
    sim_fault_hit(env->sim, SIM_FAULT_WRITE_MISDIRECTED);
    return offset == o->offset ? offset + sector : offset;
}

static int64_t do_write(struct sim_env *env, struct sim_op *o, bool durable)
{
    int64_t error;
    struct sim_disk *disk = env->node->disk;
    ASSERT(hash64(o->data, o->size, 0) == o->data_hash); /* ENV-2: nobody touched the buffer */
    if (o->size == 0) return 0;
    if (sim_disk_struck(disk, SIM_FAULT_WRITE_ERROR, o->inode->path, &error))
        return fail_write(env, o, error);
    uint64_t growth = sim_inode_growth(o->inode, o->size, o->offset);
    if (growth > 0 && disk->used_bytes + growth > disk->quota_bytes) {
        sim_fault_hit(env->sim, SIM_FAULT_DISK_FULL);
        return -ENOSPC;
    }
    if (sim_disk_struck(disk, SIM_FAULT_WRITE_LOST, o->inode->path, &error)) {
        sim_fault_hit(env->sim, SIM_FAULT_WRITE_LOST);
        return (int64_t)o->size;
    }
    uint64_t offset = o->offset;
    if (sim_disk_struck(disk, SIM_FAULT_WRITE_MISDIRECTED, o->inode->path, &error))
        offset = misdirected(env, o);
    sim_change_write(o->inode, o->data, o->size, offset, durable);
    return (int64_t)o->size;
}

static int64_t do_sync(struct sim_env *env, struct sim_op *o)
{
    int64_t error;
    if (sim_disk_struck(env->node->disk, SIM_FAULT_SYNC_ERROR, o->inode->path, &error)) {
        sim_fault_hit(env->sim, SIM_FAULT_SYNC_ERROR);
        sim_change_forget(o->inode, o->start_order, sim_chance(env->sim, SIM_ALWAYS / 2));
        return error;
    }
    sim_change_sync(o->inode, o->start_order);
    return 0;
}

static int64_t do_dir_make(struct sim_disk *disk, const char *path)
{
    struct sim_inode *inode = sim_name_find(disk, path);
    if (inode != NULL) return inode->is_directory ? 0 : -EEXIST;
    return sim_name_create(disk, path, true, &inode);
}

static int64_t do_dir_sync(struct sim_env *env, struct sim_op *o)
{
    int64_t error;
    struct sim_inode *inode = sim_name_find(env->node->disk, o->path);
    if (inode == NULL) return -ENOENT;
    if (!inode->is_directory) return -ENOTDIR;
    if (sim_disk_struck(env->node->disk, SIM_FAULT_SYNC_ERROR, inode->path, &error)) {
        sim_fault_hit(env->sim, SIM_FAULT_SYNC_ERROR);
        return error;
    }
    sim_name_sync(env->node->disk, inode);
    return 0;
}

static int64_t do_resolve(struct sim_op *o)
{
    struct env_addr *addr = o->data;
    unsigned long long node;
    char junk;
    if (sscanf(o->path, "node%llu%c", &node, &junk) == 1 && node >= 1 && node <= SIM_NODE_MAX) {
        *addr = sim_addr(node, (uint16_t)o->offset);
        return 0;
    }
    const char *text = strcmp(o->path, "localhost") == 0 ? "127.0.0.1" : o->path;
    *addr = (struct env_addr){.port = (uint16_t)o->offset};
    if (inet_pton(AF_INET, text, addr->ip) == 1) addr->family = 4;
    else if (inet_pton(AF_INET6, text, addr->ip) == 1) addr->family = 6;
    return addr->family != 0 ? 0 : -ENOENT;
}

static bool mutates(const struct sim_op *o)
{
    switch (o->kind) {
    case SIM_OP_OPEN: return (o->flags & (ENV_OPEN_CREATE | ENV_OPEN_TRUNCATE)) != 0;
    case SIM_OP_WRITE: case SIM_OP_SYNC: case SIM_OP_TRUNCATE: case SIM_OP_RENAME: case SIM_OP_LINK:
    case SIM_OP_UNLINK: case SIM_OP_DIR_MAKE: case SIM_OP_DIR_SYNC: return true;
    case SIM_OP_CLOSE: case SIM_OP_READ: case SIM_OP_SIZE: case SIM_OP_RESOLVE: return false;
    }
    UNREACHABLE();
}

static int64_t execute(struct sim_env *env, struct sim_op *o)
{
    struct sim_disk *disk = env->node->disk;
    switch (o->kind) {
    case SIM_OP_OPEN: return do_open(env, o);
    case SIM_OP_CLOSE: return do_close(env, o);
    case SIM_OP_READ: return do_read(env, o);
    case SIM_OP_WRITE: return do_write(env, o, (o->flags & ENV_OPEN_DSYNC) != 0);
    case SIM_OP_SYNC: return do_sync(env, o);
    case SIM_OP_SIZE: return (int64_t)o->inode->size;
    case SIM_OP_TRUNCATE: sim_change_truncate(o->inode, o->offset); return 0;
    case SIM_OP_RENAME: return sim_name_rename(disk, o->path, o->path_to);
    case SIM_OP_LINK: return sim_name_link(disk, o->path, o->path_to);
    case SIM_OP_UNLINK: return sim_name_unlink(disk, o->path);
    case SIM_OP_DIR_MAKE: return do_dir_make(disk, o->path);
    case SIM_OP_DIR_SYNC: return do_dir_sync(env, o);
    case SIM_OP_RESOLVE: return do_resolve(o);
    }
    UNREACHABLE();
}

static void op_fire(struct sim *sim, struct sim_event *event)
{
    struct sim_op *o = CONTAINER_OF(event, struct sim_op, event);
    int64_t result = o->preset;
    if (result == 0 && mutates(o) && !sim_disk_tick(event->env->node->disk)) {
        sim_arm(sim, event, sim->now_ns); /* the machine stands still; it will never fire */
        return;
    }
    if (result == 0) result = execute(event->env, o);
    uint64_t record[3] = {(uint64_t)result, o->offset, o->data_hash};
    sim_trace_mix_bytes(sim, record, sizeof record);
    op_finish(event->env, o, result);
}

/* ---- crashes and stalls ---- */

/* The effect of an operation whose completion nobody will see: never durable, no handle. */
static void execute_unseen(struct sim_env *env, struct sim_op *o, bool whole)
{
    struct sim_inode *inode;
    size_t sector = env->sim->options.sector_bytes;
    switch (o->kind) {
    case SIM_OP_OPEN: (void)open_inode(env->node->disk, o, &inode); return;
    case SIM_OP_SYNC: case SIM_OP_DIR_SYNC: return;
    case SIM_OP_WRITE:
        if (!whole && o->size > sector)
            o->size = (size_t)(1 + sim_below(env->sim, o->size / sector)) * sector;
        o->data_hash = hash64(o->data, o->size, 0);
        (void)do_write(env, o, false);
        return;
    default: (void)execute(env, o); return;
    }
}

void sim_files_settle(struct sim_env *env, bool always)
{
    LIST_FOR_EACH(item, &env->ops) {
        struct sim_op *o = CONTAINER_OF(item, struct sim_op, link);
        if (o->preset == 0 && mutates(o) && (always || sim_chance(env->sim, SIM_ALWAYS / 2)))
            execute_unseen(env, o, always);
        o->preset = -ECANCELED;
    }
}

void sim_files_restall(struct sim_node *node, uint64_t until_ns)
{
    struct sim *sim = node->sim;
    LIST_FOR_EACH(item, &node->envs) {
        struct sim_env *env = CONTAINER_OF(item, struct sim_env, node_link);
        LIST_FOR_EACH(link, &env->ops) {
            struct sim_op *o = CONTAINER_OF(link, struct sim_op, link);
            if (o->preset != 0 || o->event.heap_index == 0) continue;
            if (o->event.time_ns >= until_ns) continue;
            uint64_t late = o->event.time_ns - sim->now_ns;
            sim_disarm(sim, &o->event);
            sim_arm(sim, &o->event, until_ns + late);
        }
    }
}

/* ---- the table ---- */

static void table_open(struct env *e, const char *path, unsigned flags, struct env_op *op)
{
    struct sim_env *env = sim_env_of(e);
    struct sim_op *o = op_create(env, SIM_OP_OPEN, op);
    ASSERT((flags & (ENV_OPEN_READ | ENV_OPEN_WRITE)) != 0);
    o->flags = flags;
    if (!set_path(o->path, path)) o->preset = -ENAMETOOLONG;
    op_start(env, o, env->sim->options.disk_write_ns, 0);
}

static void table_close(struct env *e, env_file file, struct env_op *op)
{
    struct sim_env *env = sim_env_of(e);
    struct sim_op *o = op_create(env, SIM_OP_CLOSE, op);
    op_set_file(env, o, file, 0);
    op_start(env, o, SIM_US, 0);
}

static void table_read(struct env *e, env_file file, void *data, size_t size, uint64_t offset,
                       struct env_op *op)
{
    struct sim_env *env = sim_env_of(e);
    struct sim_op *o = op_create(env, SIM_OP_READ, op);
    op_set_file(env, o, file, ENV_OPEN_READ);
    op_set_range(o, data, size, offset);
    op_start(env, o, env->sim->options.disk_read_ns, size);
}

static void table_write(struct env *e, env_file file, const void *data, size_t size,
                        uint64_t offset, struct env_op *op)
{
    struct sim_env *env = sim_env_of(e);
    const struct sim_options *options = &env->sim->options;
    struct sim_op *o = op_create(env, SIM_OP_WRITE, op);
    op_set_file(env, o, file, ENV_OPEN_WRITE);
    op_set_range(o, data, size, offset);
    o->data_hash = hash64(data, size, 0);
    bool dsync = (o->flags & ENV_OPEN_DSYNC) != 0;
    op_start(env, o, options->disk_write_ns + (dsync ? options->disk_sync_ns : 0), size);
}

static void table_sync(struct env *e, env_file file, struct env_op *op)
{
    struct sim_env *env = sim_env_of(e);
    struct sim_op *o = op_create(env, SIM_OP_SYNC, op);
    op_set_file(env, o, file, 0);
    op_start(env, o, env->sim->options.disk_sync_ns, 0);
}

static void table_size(struct env *e, env_file file, struct env_op *op)
{
    struct sim_env *env = sim_env_of(e);
    struct sim_op *o = op_create(env, SIM_OP_SIZE, op);
    op_set_file(env, o, file, 0);
    op_start(env, o, SIM_US, 0);
}

static void table_truncate(struct env *e, env_file file, uint64_t size, struct env_op *op)
{
    struct sim_env *env = sim_env_of(e);
    struct sim_op *o = op_create(env, SIM_OP_TRUNCATE, op);
    op_set_file(env, o, file, ENV_OPEN_WRITE);
    o->offset = size;
    if (size > SIM_FILE_BYTES_MAX) o->preset = -EFBIG;
    op_start(env, o, env->sim->options.disk_write_ns, 0);
}

static void start_names(struct env *e, enum sim_op_kind kind, const char *path, const char *path_to,
                        uint64_t base_ns, struct env_op *op)
{
    struct sim_env *env = sim_env_of(e);
    struct sim_op *o = op_create(env, kind, op);
    if (!set_path(o->path, path)) o->preset = -ENAMETOOLONG;
    if (path_to != NULL && !set_path(o->path_to, path_to)) o->preset = -ENAMETOOLONG;
    op_start(env, o, base_ns, 0);
}

static void table_rename(struct env *e, const char *from, const char *to, struct env_op *op)
{
    start_names(e, SIM_OP_RENAME, from, to, sim_of(e)->options.disk_write_ns, op);
}

static void table_link(struct env *e, const char *from, const char *to, struct env_op *op)
{
    start_names(e, SIM_OP_LINK, from, to, sim_of(e)->options.disk_write_ns, op);
}

static void table_unlink(struct env *e, const char *path, struct env_op *op)
{
    start_names(e, SIM_OP_UNLINK, path, NULL, sim_of(e)->options.disk_write_ns, op);
}

static void table_dir_make(struct env *e, const char *path, struct env_op *op)
{
    start_names(e, SIM_OP_DIR_MAKE, path, NULL, sim_of(e)->options.disk_write_ns, op);
}

static void table_dir_sync(struct env *e, const char *path, struct env_op *op)
{
    start_names(e, SIM_OP_DIR_SYNC, path, NULL, sim_of(e)->options.disk_sync_ns, op);
}

static enum status table_dir_list(struct env *e, const char *path,
                                  const struct env_dir_visitor *visitor)
{
    const struct sim_env *env = sim_env_of(e);
    const struct sim_inode *inode = sim_name_find(env->node->disk, path);
    if (env->down) return STATUS_CANCELLED;
    if (inode == NULL) return STATUS_NOT_FOUND;
    if (!inode->is_directory) return STATUS_IO;
    for (size_t i = 0; i < inode->entry_count; i++) {
        const struct sim_dirent *entry = &inode->entries[i];
        bool is_directory = entry->inode->is_directory;
        visitor->visit(visitor->ctx, entry->name, is_directory,
                       is_directory ? 0 : entry->inode->size);
    }
    return STATUS_OK;
}

static void table_resolve(struct env *e, const char *host, uint16_t port, struct env_addr *addr_out,
                          struct env_op *op)
{
    struct sim_env *env = sim_env_of(e);
    struct sim_op *o = op_create(env, SIM_OP_RESOLVE, op);
    if (!set_path(o->path, host)) o->preset = -ENOENT;
    o->data = addr_out;
    o->offset = port;
    op_start(env, o, env->sim->options.net_base_ns, 0);
}

void sim_file_fill_table(struct env_table *table)
{
    table->file_open = table_open;
    table->file_close = table_close;
    table->file_read = table_read;
    table->file_write = table_write;
    table->file_sync = table_sync;
    table->file_size = table_size;
    table->file_truncate = table_truncate;
    table->path_rename = table_rename;
    table->path_link = table_link;
    table->path_unlink = table_unlink;
    table->dir_make = table_dir_make;
    table->dir_sync = table_dir_sync;
    table->dir_list = table_dir_list;
    table->resolve = table_resolve;
}
