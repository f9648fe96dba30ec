#include "txn/txn_int.h"

#define LEVELS_MAX 16

struct write_node {
    struct write write;
    uint32_t level_count;
    struct write_node *next[];
};

static struct write_node *node_create(struct write_set *ws, uint32_t level_count)
{
    struct write_node *n = arena_zalloc(
        ws->arena, 1, sizeof *n + level_count * sizeof(struct write_node *));
    if (n != NULL) n->level_count = level_count;
    return n;
}

enum status write_set_init(struct write_set *ws, struct arena *arena, uint64_t seed)
{
    *ws = (struct write_set){.arena = arena};
    prng_init(&ws->prng, seed);
    ws->head = node_create(ws, LEVELS_MAX);
    return ws->head == NULL ? STATUS_NO_MEMORY : STATUS_OK;
}

/* The last node before key at every level. */
static void find_path(const struct write_set *ws, struct bytes key, struct write_node *path[LEVELS_MAX])
{
    struct write_node *n = ws->head;
    for (int level = LEVELS_MAX - 1; level >= 0; level--) {
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

enum status write_set_put(struct write_set *ws, const struct write *write)
{
    struct bytes key = write->key;
    struct write_node *path[LEVELS_MAX];
    find_path(ws, key, path);
    struct write_node *n = path[0]->next[0];
    bool found = n != NULL && bytes_equal(n->write.key, key);
    struct bytes copy = arena_copy(ws->arena, write->value);
    if (copy.data == NULL) return STATUS_NO_MEMORY;
    if (!found) {
        uint32_t level_count = 1;
        while (level_count < LEVELS_MAX && prng_chance(&ws->prng, 1, 4)) level_count++;
        n = node_create(ws, level_count);
        struct bytes key_copy = n == NULL ? BYTES_EMPTY : arena_copy(ws->arena, key);
        if (n == NULL || key_copy.data == NULL) return STATUS_NO_MEMORY;
        n->write.key = key_copy;
        for (uint32_t level = 0; level < level_count; level++) {
            n->next[level] = path[level]->next[level];
            path[level]->next[level] = n;
        }
        ws->count++;
    } else {
        ws->bytes -= encoded_bytes(&n->write);
    }
    /* What this transaction inserted still needs the key to have had no value. */
    n->write.insert = !write->tombstone && (write->insert || n->write.insert);
    n->write.value = copy;
    n->write.tombstone = write->tombstone;
    ws->bytes += encoded_bytes(&n->write);
    return STATUS_OK;
}

const struct write *write_set_find(const struct write_set *ws, struct bytes key)
{
    struct write_node *n = ws->count == 0 ? NULL : find_node(ws, key);
    return n == NULL ? NULL : &n->write;
}

const struct write *write_set_seek(const struct write_set *ws, struct bytes key, bool after)
{
    if (ws->count == 0) return NULL;
    struct write_node *path[LEVELS_MAX];
    find_path(ws, key, path);
    struct write_node *n = path[0]->next[0];
    if (after && n != NULL && bytes_equal(n->write.key, key)) n = n->next[0];
    return n == NULL ? NULL : &n->write;
}

const struct write *write_set_seek_before(const struct write_set *ws, struct bytes key)
{
    if (ws->count == 0) return NULL;
    struct write_node *n = ws->head;
    for (int level = LEVELS_MAX - 1; level >= 0; level--)
        while (n->next[level] != NULL &&
               (key.size == 0 || bytes_compare(n->next[level]->write.key, key) < 0))
            n = n->next[level];
    return n == ws->head ? NULL : &n->write;
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
