/* Skip list of nodes. A node's value is the newest version; what a mark or a view may still want of
 * older ones hangs behind it, and all of them, newest first, form the list that going back to a
 * mark undoes. */
#include "base/assert.h"
#include "txn/spill.h"
#include "txn/write_set.h"

#define LEVELS_MAX 16
#define SEQ_FIRST 1

/* What a node was before a write that came after a mark. */
struct write_version {
    struct write write;
    bool absent;                 /* there was no node */
    uint64_t seq;                /* since when it was so */
    struct write_version *older; /* of the same node */
    struct write_node *node;
    struct write_version *before; /* the change before this one */
    uint64_t until;              /* the sequence of the write that replaced it */
};

struct write_node {
    struct write write;
    uint64_t seq;                /* of this value */
    struct write_version *older;
    uint32_t level_count;
    struct write_node *next[];
};

static struct write_node *node_create(struct write_set *ws, uint32_t level_count)
{
    struct write_node *n = arena_zalloc(ws->arena, 1, sizeof *n + level_count * sizeof(struct write_node *));
    if (n != NULL) n->level_count = level_count;
    return n;
}

static enum status set_start(struct write_set *ws, struct arena *arena)
{
    ws->arena = arena;
    ws->undo = NULL;
    ws->count = 0;
    ws->bytes = ws->kept_bytes = 0;
    ws->height = 1;
    ws->head = node_create(ws, LEVELS_MAX);
    return ws->head == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

enum status write_set_init(struct write_set *ws, struct arena *arena, uint64_t seed)
{
    *ws = (struct write_set){.seq = SEQ_FIRST};
    prng_init(&ws->prng, seed);
    return set_start(ws, arena);
}

enum status write_set_clear(struct write_set *ws, struct arena *arena)
{
    ws->seq++;
    return set_start(ws, arena);
}

/* The last node before key at every level that any node has. */
static void find_path(const struct write_set *ws, struct bytes key, struct write_node *path[LEVELS_MAX])
{
    struct write_node *n = ws->head;
    for (uint32_t level = ws->height; level-- > 0;) {
        while (n->next[level] != NULL && bytes_compare(n->next[level]->write.key, key) < 0)
            n = n->next[level];
        path[level] = n;
    }
}

static struct write_node *find_node(const struct write_set *ws, struct bytes key)
{
    struct write_node *path[LEVELS_MAX];
    find_path(ws, key, path);
    struct write_node *n = path[0]->next[0];
    return n != NULL && bytes_equal(n->write.key, key) ? n : NULL;
}

static uint64_t encoded_bytes(const struct write *w)
{
    return 1 + 3 + w->key.size + 4 + w->value.size;
}

/* Keeps what the node is now, for those who took a mark or a view since it became so. */
static enum status keep_version(struct write_set *ws, struct write_node *n, bool absent)
{
    struct write_version *v = ARENA_NEW(ws->arena, struct write_version);
    if (v == NULL) return STATUS_NO_MEMORY;
    *v = (struct write_version){.write = n->write, .absent = absent, .seq = n->seq, .older = n->older,
                                .node = n, .before = ws->undo, .until = ws->seq};
    n->older = v;
    ws->undo = v;
    return STATUS_OK;
}

static struct write_node *node_insert(struct write_set *ws, struct bytes key, struct write_node *path[LEVELS_MAX])
{
    uint32_t level_count = 1;
    while (level_count < LEVELS_MAX && prng_chance(&ws->prng, 1, 4)) level_count++;
    struct write_node *n = node_create(ws, level_count);
    struct bytes key_copy = n == NULL ? BYTES_EMPTY : arena_copy(ws->arena, key);
    if (n == NULL || key_copy.data == NULL) return NULL;
    /* Nobody can ask for a time before the first mark. */
    if (ws->seq > SEQ_FIRST && keep_version(ws, n, true) != STATUS_OK) return NULL;
    n->write.key = key_copy;
    for (; ws->height < level_count; ws->height++) path[ws->height] = ws->head;
    for (uint32_t level = 0; level < level_count; level++) {
        n->next[level] = path[level]->next[level];
        path[level]->next[level] = n;
    }
    ws->count++;
    return n;
}

enum status write_set_put(struct write_set *ws, const struct write *write)
{
    struct write_node *path[LEVELS_MAX];
    find_path(ws, write->key, path);
    struct write_node *n = path[0]->next[0];
    bool found = n != NULL && bytes_equal(n->write.key, write->key);
    bool spilled = spill_has(write);
    struct bytes copy = spilled ? write->value : arena_copy(ws->arena, write->value);
    if (copy.data == NULL && !spilled) return STATUS_NO_MEMORY;
    if (!found) {
        n = node_insert(ws, write->key, path);
        if (n == NULL) return STATUS_NO_MEMORY;
    } else {
        if (n->seq != ws->seq && keep_version(ws, n, false) != STATUS_OK) return STATUS_NO_MEMORY;
        ws->bytes -= encoded_bytes(&n->write);
    }
    /* What this transaction inserted still needs the key to have had no value. */
    n->write.insert = !write->tombstone && (write->insert || n->write.insert);
    n->write.value = copy;
    if (spilled) {
        n->write.spilled_at = write->spilled_at;
        n->write.spilled_hash = write->spilled_hash;
    } else {
        ws->kept_bytes += copy.size;
    }
    n->write.tombstone = write->tombstone;
    n->seq = ws->seq;
    ws->bytes += encoded_bytes(&n->write);
    return STATUS_OK;
}

/* ---- marks and views ---- */

uint64_t write_set_mark(struct write_set *ws)
{
    return ws->seq++;
}

static void node_remove(struct write_set *ws, struct write_node *n)
{
    struct write_node *path[LEVELS_MAX];
    find_path(ws, n->write.key, path);
    ASSERT(path[0]->next[0] == n);
    for (uint32_t level = 0; level < n->level_count; level++) path[level]->next[level] = n->next[level];
    ws->count--;
}

void write_set_back(struct write_set *ws, uint64_t mark)
{
    ASSERT(mark < ws->seq);
    for (struct write_version *v = ws->undo; v != NULL && v->until > mark; v = v->before) {
        struct write_node *n = v->node;
        ASSERT(n->older == v);
        ws->undo = v->before;
        ws->bytes -= encoded_bytes(&n->write);
        if (v->absent) {
            node_remove(ws, n);
            continue;
        }
        n->write = v->write;
        n->seq = v->seq;
        n->older = v->older;
        ws->bytes += encoded_bytes(&n->write);
    }
    ws->seq++;
}

/* The node's value at a view; NULL: it had none. */
static const struct write *node_at(const struct write_node *n, uint64_t view)
{
    if (n->seq <= view) return &n->write;
    const struct write_version *v = n->older;
    while (v != NULL && v->seq > view) v = v->older;
    return v == NULL || v->absent ? NULL : &v->write;
}

/* ---- looking ---- */

const struct write *write_set_find_at(const struct write_set *ws, struct bytes key, uint64_t view)
{
    const struct write_node *n = ws->count == 0 ? NULL : find_node(ws, key);
    return n == NULL ? NULL : node_at(n, view);
}

const struct write *write_set_find(const struct write_set *ws, struct bytes key)
{
    return write_set_find_at(ws, key, WRITE_SET_NOW);
}

const struct write *write_set_seek(const struct write_set *ws, struct bytes key, bool after, uint64_t view)
{
    if (ws->count == 0) return NULL;
    struct write_node *path[LEVELS_MAX];
    find_path(ws, key, path);
    const struct write_node *n = path[0]->next[0];
    if (after && n != NULL && bytes_equal(n->write.key, key)) n = n->next[0];
    const struct write *w = NULL;
    for (; n != NULL && (w = node_at(n, view)) == NULL; n = n->next[0]) {}
    return w;
}

/* The last node with key < key (empty key: the last of all); the head when there is none. */
static const struct write_node *find_before(const struct write_set *ws, struct bytes key)
{
    const struct write_node *n = ws->head;
    for (uint32_t level = ws->height; level-- > 0;)
        while (n->next[level] != NULL &&
               (key.size == 0 || bytes_compare(n->next[level]->write.key, key) < 0))
            n = n->next[level];
    return n;
}

const struct write *write_set_seek_before(const struct write_set *ws, struct bytes key, uint64_t view)
{
    if (ws->count == 0) return NULL;
    for (;;) {
        const struct write_node *n = find_before(ws, key);
        if (n == ws->head) return NULL;
        const struct write *w = node_at(n, view);
        if (w != NULL) return w;
        key = n->write.key;
    }
}

const struct write *write_set_first(const struct write_set *ws)
{
    return ws->head->next[0] == NULL ? NULL : &ws->head->next[0]->write;
}

const struct write *write_set_next(const struct write *w)
{
    const struct write_node *n = (const struct write_node *)(const void *)w; /* its first member */
    return n->next[0] == NULL ? NULL : &n->next[0]->write;
}
