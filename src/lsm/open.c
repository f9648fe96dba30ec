#include <stdio.h>
#include <stdlib.h>

#include "lsm/manifest_int.h"
#include "lsm/open_int.h"
#include "lsm/worker_int.h"

#define OPENERS_MAX 8 /* besides the one that opens the store */

/* ---- what the directory holds ---- */

struct listing {
    uint64_t *numbers; /* of tables */
    size_t count, capacity;
    bool failed;
};

static bool table_number(const char *name, uint64_t *number_out)
{
    if (strlen(name) != 20 || strcmp(name + 16, ".tbl") != 0) return false;
    uint64_t number = 0;
    for (int i = 0; i < 16; i++) {
        char c = name[i];
        bool digit = c >= '0' && c <= '9', letter = c >= 'a' && c <= 'f';
        if (!digit && !letter) return false;
        number = number << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    *number_out = number;
    return number != 0;
}

static void list_entry(void *ctx, const char *name, bool is_directory,
                       __attribute__((unused)) uint64_t size_bytes)
{
    struct listing *listing = ctx;
    uint64_t number;
    if (is_directory || !table_number(name, &number)) return;
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity == 0 ? 64 : listing->capacity * 2;
        uint64_t *numbers = realloc(listing->numbers, capacity * sizeof *numbers);
        if (numbers == NULL) {
            listing->failed = true;
            return;
        }
        listing->numbers = numbers;
        listing->capacity = capacity;
    }
    listing->numbers[listing->count++] = number;
}

static enum status list_tables(struct lsm *l, struct listing *listing)
{
    struct env_dir_visitor visitor = {list_entry, listing};
    enum status status = env_dir_list(l->options.env, l->options.directory, &visitor);
    if (status == STATUS_OK && listing->failed) status = STATUS_NO_MEMORY;
    return status;
}

/* ---- opening ---- */

/* Makes the directory and its name durable. */
static enum status make_directory(struct lsm *l, struct worker *w)
{
    const char *directory = l->options.directory, *slash = strrchr(directory, '/');
    enum status status = fio_dir_make(&w->fio, directory);
    if (status != STATUS_OK) return status;
    char parent[LSM_PATH_BYTES_MAX] = ".";
    if (slash != NULL && slash != directory) {
        int size = snprintf(parent, sizeof parent, "%.*s", (int)(slash - directory), directory);
        ASSERT(size > 0 && (size_t)size < sizeof parent);
    }
    return fio_dir_sync(&w->fio, parent);
}

/* Tables by number while they are being opened: ranges that were split share them. */
struct loading {
    struct lsm *lsm;
    const struct manifest_state *state;
    uint64_t
        *ids; /* of the ranges, rising: an order that does not depend on how the map came about */
    size_t id_count;
    struct map numbers;    /* number -> struct table */
    struct table **tables; /* pinned */
    size_t table_count, table_capacity;
    size_t next; /* to be opened */
    uint32_t helpers;
    struct fiber *waiter; /* for the last of them */
    enum status status;
};

static void loading_deinit(struct loading *g)
{
    for (size_t i = 0; i < g->table_count; i++)
        table_unpin(g->tables[i]);
    map_deinit(&g->numbers);
    free(g->tables);
    free(g->ids);
}

static enum status add_table(struct loading *g, struct table *t)
{
    if (g->table_count == g->table_capacity) {
        size_t capacity = g->table_capacity == 0 ? 64 : g->table_capacity * 2;
        struct table **tables = realloc(g->tables, capacity * sizeof *tables);
        if (tables == NULL) return STATUS_NO_MEMORY;
        g->tables = tables;
        g->table_capacity = capacity;
    }
    enum status status = map_put(&g->numbers, t->number, t);
    if (status == STATUS_OK) g->tables[g->table_count++] = t;
    return status;
}

/* STATUS_CORRUPT: two pieces contradict each other about their table. */
static enum status meet_table(struct loading *g, struct range_id range,
                              const struct manifest_piece *p)
{
    struct table *t = map_get(&g->numbers, p->number);
    if (t != NULL) {
        bool same = t->uid.high == p->uid.high && t->uid.low == p->uid.low &&
                    t->size_bytes == p->size_bytes;
        return same ? STATUS_OK : STATUS_CORRUPT;
    }
    enum status status = table_create(g->lsm, range, p->number, p->uid, p->size_bytes, &t);
    if (status != STATUS_OK) return status;
    status = add_table(g, t);
    if (status != STATUS_OK) table_unpin(t);
    return status;
}

static enum status meet_tables(struct loading *g)
{
    enum status status = STATUS_OK;
    for (size_t i = 0; i < g->id_count && status == STATUS_OK; i++) {
        const struct manifest_range *r = map_get(&g->state->ranges, g->ids[i]);
        for (uint32_t piece = 0; piece < r->piece_count && status == STATUS_OK; piece++)
            status = meet_table(g, r->range, &r->pieces[piece]);
    }
    return status;
}

/* Opening a table waits for the disk several times, so some fibers do it side by side. */
static void open_some(struct loading *g)
{
    struct worker w;
    worker_init(&w, g->lsm);
    while (g->next < g->table_count && g->status == STATUS_OK) {
        enum status status = table_open(&w.fio, g->tables[g->next++]);
        if (status != STATUS_OK) g->status = status;
    }
}

static void open_entry(void *arg)
{
    struct loading *g = arg;
    open_some(g);
    if (--g->helpers == 0 && g->waiter != NULL) fiber_resume(g->waiter);
}

static enum status open_tables(struct loading *g)
{
    struct fiber_pool *fibers = g->lsm->options.fibers;
    size_t wanted = g->table_count / 8 < OPENERS_MAX ? g->table_count / 8 : OPENERS_MAX;
    while (g->helpers < wanted && fiber_spawn(fibers, open_entry, g, NULL) == STATUS_OK)
        g->helpers++;
    open_some(g);
    g->waiter = fiber_current(fibers);
    while (g->helpers > 0)
        fiber_suspend(fibers);
    return g->status;
}

static void note_number(struct lsm *l, uint64_t number)
{
    if (number >= l->next_table_number) l->next_table_number = number + 1;
}

static enum status load_piece(struct loading *g, struct range *r, const struct manifest_piece *from,
                              struct leveled_piece *to)
{
    struct table *t = map_get(&g->numbers, from->number);
    ASSERT(t != NULL);
    note_number(g->lsm, from->number);
    note_number(g->lsm, from->id);
    if (t->corrupt) r->corrupt = true;
    if (t->facts.newest_ts > r->newest_ts) r->newest_ts = t->facts.newest_ts;
    to->level = from->level;
    return piece_create(t, from->id, &from->low, &from->high, &to->piece);
}

static enum status load_version(struct loading *g, struct range *r,
                                const struct manifest_range *from)
{
    struct leveled_piece *pieces = calloc(from->piece_count + 1, sizeof *pieces);
    if (pieces == NULL) return STATUS_NO_MEMORY;
    uint32_t loaded = 0;
    enum status status = STATUS_OK;
    while (loaded < from->piece_count) {
        status = load_piece(g, r, &from->pieces[loaded], &pieces[loaded]);
        if (status != STATUS_OK) break;
        loaded++;
    }
    struct version *version;
    if (status == STATUS_OK) status = version_edit(NULL, NULL, 0, pieces, loaded, &version);
    if (status == STATUS_OK) {
        version_renamed(NULL, version, NULL);
        range_set_version(r, version);
    }
    while (loaded > 0)
        piece_unpin(pieces[--loaded].piece);
    free(pieces);
    return status;
}

static enum status load_range(struct loading *g, const struct manifest_range *from)
{
    struct lsm *l = g->lsm;
    struct range *r;
    enum status status = range_alloc(l, from->range, &r);
    if (status != STATUS_OK) return status;
    r->newest_ts = r->flushed_newest_ts = from->newest_ts;
    r->applied_index = r->flushed_index = from->flushed_index;
    buf_append_bytes(&r->meta, buf_view(&from->meta));
    r->meta_is_flushed = true;
    status = r->meta.failed ? STATUS_NO_MEMORY : STATUS_OK;
    if (status == STATUS_OK) status = load_version(g, r, from);
    if (status == STATUS_OK) status = range_enter(r);
    if (status == STATUS_OK) {
        list_push_back(&l->durable_ranges, &r->durable_link);
        compact_enqueue(r);
    } else {
        version_detach(r->version);
    }
    range_unpin(r);
    return status;
}

static int by_number(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static enum status list_ids(struct loading *g)
{
    g->ids = calloc(g->state->ranges.count + 1, sizeof *g->ids);
    if (g->ids == NULL) return STATUS_NO_MEMORY;
    size_t cursor = 0;
    struct map_slot *slot;
    while ((slot = map_next(&g->state->ranges, &cursor)) != NULL)
        g->ids[g->id_count++] = slot->key;
    qsort(g->ids, g->id_count, sizeof *g->ids, by_number);
    return STATUS_OK;
}

static enum status load_ranges(struct lsm *l, const struct manifest_state *state)
{
    struct loading g = {.lsm = l, .state = state};
    map_init(&g.numbers);
    enum status status = list_ids(&g);
    if (status == STATUS_OK) status = meet_tables(&g);
    if (status == STATUS_OK) status = open_tables(&g);
    for (size_t i = 0; i < g.id_count && status == STATUS_OK; i++)
        status = load_range(&g, map_get(&state->ranges, g.ids[i]));
    loading_deinit(&g);
    return status;
}

static enum status load_manifest(struct lsm *l, struct worker *w, bool any_table, bool read_only,
                                 struct manifest_state *state)
{
    struct manifest_scan scan;
    enum status status = manifest_load(&w->fio, l->options.directory, &scan, state);
    if (status == STATUS_NOT_FOUND) {
        /* The manifest is made before the first table. */
        if (!any_table && !read_only) return STATUS_OK;
        status = STATUS_CORRUPT;
        snprintf(scan.detail, sizeof scan.detail, "missing");
    }
    if (status == STATUS_CORRUPT)
        LOG_ERROR(l->options.logger, "lsm", "manifest damaged", "directory=%s what=\"%s\"",
                  l->options.directory, scan.detail);
    if (status != STATUS_OK) return status;
    if (read_only) l->options.store_id = scan.store_id;
    if (scan.store_id != l->options.store_id) return STATUS_INVALID;
    if (scan.torn)
        LOG_INFO(l->options.logger, "lsm", "unfinished manifest frame cut",
                 "directory=%s offset=%zu", l->options.directory, scan.end);
    return STATUS_OK;
}

static enum status named_tables(const struct lsm *l, struct map *named)
{
    LIST_FOR_EACH(link, &l->durable_ranges)
    {
        const struct range *r = CONTAINER_OF(link, struct range, durable_link);
        for (uint32_t i = 0; i < version_piece_count(r->version); i++) {
            struct table *t = r->version->pieces[i]->table;
            enum status status = map_put(named, t->number, t);
            if (status != STATUS_OK) return status;
        }
    }
    return STATUS_OK;
}

/* Files that no edit adopted, or whose removal was cut short. */
static enum status remove_orphans(struct lsm *l, struct worker *w, const struct listing *listing)
{
    struct map named;
    map_init(&named);
    enum status status = named_tables(l, &named);
    for (size_t i = 0; i < listing->count && status == STATUS_OK; i++) {
        uint64_t number = listing->numbers[i];
        if (number >= l->next_table_number) l->next_table_number = number + 1;
        if (map_get(&named, number) != NULL || MUTANT("lsm_orphans_kept")) continue;
        COVER("lsm_orphan_removed");
        char path[LSM_PATH_BYTES_MAX];
        table_path(l->options.directory, number, path);
        status = fio_unlink(&w->fio, path);
        if (status == STATUS_NOT_FOUND) status = STATUS_OK;
    }
    map_deinit(&named);
    return status;
}

enum status lsm_visit_ranges(struct lsm *l, const struct lsm_range_visitor *visitor)
{
    if (visitor == NULL || visitor->visit == NULL) return STATUS_OK;
    LIST_FOR_EACH(link, &l->durable_ranges)
    {
        const struct range *r = CONTAINER_OF(link, struct range, durable_link);
        struct lsm_range_info info = {r->id, r->flushed_index, range_flushed_meta(r), r->corrupt};
        enum status status = visitor->visit(visitor->ctx, &info);
        if (status != STATUS_OK) return status;
    }
    return STATUS_OK;
}

/* The manifest is always written anew: what follows never builds on bytes that were read back from
 * a cache but had not reached the disk, nor on the remains of an unfinished frame. */
static enum status load(struct lsm *l, struct worker *w, bool read_only, struct listing *listing,
                        struct manifest_state *state)
{
    enum status status = read_only ? STATUS_OK : make_directory(l, w);
    if (status == STATUS_OK) status = list_tables(l, listing);
    if (status == STATUS_OK) status = load_manifest(l, w, listing->count > 0, read_only, state);
    if (status == STATUS_OK) status = load_ranges(l, state);
    if (status != STATUS_OK || read_only) return status;
    status = manifest_create(l, w);
    return status == STATUS_OK ? remove_orphans(l, w, listing) : status;
}

enum status lsm_load(struct lsm *l, bool read_only)
{
    struct worker w;
    struct listing listing = {0};
    struct manifest_state state;
    worker_init(&w, l);
    manifest_state_init(&state);
    enum status status = load(l, &w, read_only, &listing, &state);
    manifest_state_deinit(&state);
    free(listing.numbers);
    return status;
}
