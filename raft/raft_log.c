/* The log as one replica sees it: terms and configurations of all of it, payloads of its cached
 * tail.
 *
 *          start          evicted: on disk only        cached: items[head .. head+count)
 *   ...truncated | . . . . . . . . . . . . . . . . . | # # # # # # # # # # # # # # # # |
 *            start.index                             last - count                  last_index
 *
 * Payloads lie in chunks, in log order: the front is freed by eviction, the back by truncation. */
#include "raft/raft_int.h"

#include <stdlib.h>

#define CHUNK_BYTES_MIN 1024u
#define CHUNK_BYTES_MAX (256u << 10)

/* ---- memory ---- */

static bool items_reserve(struct raft_log *l, uint32_t more)
{
    if (l->head + l->count + more <= l->capacity) return true;
    if (l->head > 0 && l->head >= l->capacity / 2) {
        memmove(l->items, l->items + l->head, l->count * sizeof *l->items);
        l->head = 0;
        if (l->count + more <= l->capacity) return true;
    }
    return array_reserve((void **)&l->items, &l->capacity, l->head + l->count + more,
                         sizeof *l->items);
}

static struct log_chunk *chunk_tail(const struct raft_log *l)
{
    return l->chunk_count == 0 ? NULL : l->chunks[l->chunk_count - 1];
}

/* The larger one stays: log_reserve may have counted on the room in a chunk that a truncation then
 * gives back, and what it promised must hold until the entries are appended. */
static void chunk_recycle(struct raft_log *l, struct log_chunk *c)
{
    struct log_chunk *smaller = c;
    if (l->spare == NULL || l->spare->size < c->size) {
        smaller = l->spare;
        l->spare = c;
    }
    free(smaller);
}

/* Outgrown memory for one large payload goes back when its entry has left. */
static void spare_shrink(struct raft_log *l)
{
    if (l->spare == NULL || l->spare->size <= CHUNK_BYTES_MAX) return;
    free(l->spare);
    l->spare = NULL;
}

/* After this, payloads of `bytes` in total fit: into the last chunk, or all of them into the spare.
 */
static bool chunk_reserve(struct raft_log *l, size_t bytes)
{
    struct log_chunk *tail = chunk_tail(l);
    if (bytes == 0 || (tail != NULL && tail->size - tail->used >= bytes)) return true;
    if (!array_reserve((void **)&l->chunks, &l->chunk_capacity, l->chunk_count + 1,
                       sizeof(struct log_chunk *)))
        return false;
    if (l->spare != NULL && l->spare->size >= bytes) return true;
    size_t size = tail == NULL ? CHUNK_BYTES_MIN : 2u * (size_t)tail->size;
    if (size > CHUNK_BYTES_MAX) size = CHUNK_BYTES_MAX;
    if (size < bytes) size = bytes;
    if (size > UINT32_MAX) return false;
    struct log_chunk *c = malloc(sizeof *c + size);
    if (c == NULL) return false;
    c->size = (uint32_t)size;
    free(l->spare);
    l->spare = c;
    return true;
}

static bool configs_resize(struct raft_log *l, uint32_t capacity)
{
    struct config_record *configs = realloc(l->configs, capacity * sizeof *configs);
    if (configs == NULL) return false;
    l->configs = configs;
    l->config_capacity = capacity;
    return true;
}

/* To size: they are large and few, and there may be thousands of groups. */
static bool configs_reserve(struct raft_log *l, uint32_t more)
{
    return l->config_capacity - l->config_count >= more || configs_resize(l, l->config_count + more);
}

bool log_reserve(struct raft_log *l, uint32_t entry_count, size_t payload_bytes,
                 uint32_t config_count)
{
    return items_reserve(l, entry_count) && chunk_reserve(l, payload_bytes) &&
           array_reserve((void **)&l->runs, &l->run_capacity, l->run_count + entry_count,
                         sizeof *l->runs) &&
           configs_reserve(l, config_count);
}

static const uint8_t *payload_store(struct raft_log *l, uint64_t index, struct bytes payload)
{
    if (payload.size == 0) return NULL;
    struct log_chunk *tail = chunk_tail(l);
    if (tail == NULL || tail->size - tail->used < payload.size) {
        ASSERT(l->spare != NULL && l->spare->size >= payload.size); /* log_reserve */
        ASSERT(l->chunk_count < l->chunk_capacity);
        tail = l->spare;
        l->spare = NULL;
        tail->used = 0;
        l->chunks[l->chunk_count++] = tail;
    }
    if (tail->used == 0) tail->first_index = index;
    uint8_t *at = tail->data + tail->used;
    memcpy(at, payload.data, payload.size);
    tail->used += (uint32_t)payload.size;
    return at;
}

/* Frees chunks whose entries have all left at the front. */
static void chunks_trim_front(struct raft_log *l)
{
    uint64_t first = log_cache_first(l);
    uint32_t gone = 0;
    while (gone + 1 < l->chunk_count && l->chunks[gone + 1]->first_index <= first)
        chunk_recycle(l, l->chunks[gone++]);
    if (gone > 0) {
        l->chunk_count -= gone;
        memmove(l->chunks, l->chunks + gone, l->chunk_count * sizeof(struct log_chunk *));
    }
    if (l->count == 0 && l->chunk_count == 1) l->chunks[0]->used = 0;
}

/* Takes back the memory of entries that were cut off at the end. */
static void chunks_trim_back(struct raft_log *l)
{
    while (l->chunk_count > 0 && chunk_tail(l)->first_index > l->last_index)
        chunk_recycle(l, l->chunks[--l->chunk_count]);
    struct log_chunk *tail = chunk_tail(l);
    if (tail == NULL) return;
    for (uint32_t i = l->count; i > 0; i--) {
        const struct raft_entry *e = &l->items[l->head + i - 1];
        if (e->index < tail->first_index) break;
        if (e->payload.size == 0) continue;
        tail->used = (uint32_t)(e->payload.data - tail->data + (ptrdiff_t)e->payload.size);
        return;
    }
    tail->used = 0;
}

void array_shrink(void **items, uint32_t count, uint32_t *capacity, size_t item_size)
{
    if (count == 0 || count == *capacity) return;
    void *smaller = realloc(*items, (size_t)count * item_size);
    if (smaller == NULL) return;
    *items = smaller;
    *capacity = count;
}

void log_trim(struct raft_log *l, uint64_t up_to)
{
    log_evict(l, up_to, 0);
    free(l->spare);
    l->spare = NULL;
    array_shrink((void **)&l->runs, l->run_count, &l->run_capacity, sizeof *l->runs);
    array_shrink((void **)&l->configs, l->config_count, &l->config_capacity, sizeof *l->configs);
    if (l->count > 0) return;
    while (l->chunk_count > 0) free(l->chunks[--l->chunk_count]);
    free(l->chunks);
    free(l->items);
    l->chunks = NULL;
    l->items = NULL;
    l->head = l->capacity = l->chunk_capacity = 0;
}

/* ---- life ---- */

bool log_init(struct raft_log *l, struct log_pos start, uint64_t config_index,
              const struct raft_config *config)
{
    ASSERT(config_index >= start.index);
    *l = (struct raft_log){.start = start, .last_index = start.index};
    if (!configs_reserve(l, 1) || !array_reserve((void **)&l->runs, &l->run_capacity, 1, sizeof *l->runs)) return false;
    l->runs[l->run_count++] = (struct term_run){start.index, start.term};
    l->configs[l->config_count++] = (struct config_record){config_index, *config};
    return true;
}

void log_deinit(struct raft_log *l)
{
    for (uint32_t i = 0; i < l->chunk_count; i++)
        free(l->chunks[i]);
    free(l->chunks);
    free(l->spare);
    free(l->items);
    free(l->runs);
    free(l->configs);
}

void log_append(struct raft_log *l, const struct raft_entry *entry)
{
    ASSERT(entry->index == l->last_index + 1);
    ASSERT(entry->term >= log_last_term(l));
    ASSERT(l->head + l->count < l->capacity);
    struct raft_entry copy = *entry;
    copy.payload.data = payload_store(l, entry->index, entry->payload);
    l->items[l->head + l->count++] = copy;
    l->cached_bytes += entry_bytes(entry);
    if (entry->term != log_last_term(l)) {
        ASSERT(l->run_count < l->run_capacity);
        l->runs[l->run_count++] = (struct term_run){entry->index, entry->term};
    }
    l->last_index = entry->index;
    /* Configurations at or below the first record are part of what it says already. */
    if (entry->kind == RAFT_ENTRY_CONFIG && entry->index > l->configs[0].index) {
        ASSERT(l->config_count < l->config_capacity);
        struct config_record *c = &l->configs[l->config_count++];
        c->index = entry->index;
        enum status status = raft_config_decode(copy.payload, &c->config);
        ASSERT(status == STATUS_OK); /* checked before it came here */
    }
}

bool log_extend(struct raft_log *l, struct bytes payload)
{
    ASSERT(l->count > 0);
    struct raft_entry *last = &l->items[l->head + l->count - 1];
    struct log_chunk *tail = chunk_tail(l);
    uint8_t *end = tail->data + tail->used;
    ASSERT(last->payload.size > 0 && last->payload.data + last->payload.size == end);
    if (tail->size - tail->used < payload.size) return false;
    memcpy(end, payload.data, payload.size);
    tail->used += (uint32_t)payload.size;
    last->payload.size += payload.size;
    l->cached_bytes += payload.size;
    return true;
}

void log_truncate_after(struct raft_log *l, uint64_t index)
{
    ASSERT(index >= l->start.index);
    ASSERT(index + 1 >= log_cache_first(l)); /* what may be cut is in memory */
    while (l->last_index > index) {
        ASSERT(l->count > 0);
        l->cached_bytes -= entry_bytes(&l->items[l->head + l->count - 1]);
        l->count--;
        l->last_index--;
    }
    while (l->run_count > 1 && l->runs[l->run_count - 1].first_index > index)
        l->run_count--;
    if (!MUTANT("k15_config_kept_on_truncation"))
        while (l->config_count > 1 && l->configs[l->config_count - 1].index > index)
            l->config_count--;
    chunks_trim_back(l);
}

static void cache_drop_front(struct raft_log *l)
{
    ASSERT(l->count > 0);
    l->cached_bytes -= entry_bytes(&l->items[l->head]);
    l->head++;
    l->count--;
    if (l->count == 0) l->head = 0;
}

void log_evict(struct raft_log *l, uint64_t up_to, uint64_t bytes_max)
{
    ASSERT(up_to <= l->last_index);
    spare_shrink(l); /* here only: nothing is reserved between steps */
    if (l->cached_bytes <= bytes_max) return;
    while (l->cached_bytes > bytes_max && l->count > 0 && log_cache_first(l) <= up_to)
        cache_drop_front(l);
    chunks_trim_front(l);
}

static void runs_start_at(struct raft_log *l, struct log_pos pos)
{
    uint32_t gone = 0;
    while (gone + 1 < l->run_count && l->runs[gone + 1].first_index <= pos.index)
        gone++;
    l->run_count -= gone;
    memmove(l->runs, l->runs + gone, l->run_count * sizeof *l->runs);
    ASSERT(l->runs[0].term == pos.term);
    l->runs[0].first_index = pos.index;
}

static void configs_start_at(struct raft_log *l, uint64_t index)
{
    uint32_t gone = 0;
    while (gone + 1 < l->config_count && l->configs[gone + 1].index <= index)
        gone++;
    l->config_count -= gone;
    memmove(l->configs, l->configs + gone, l->config_count * sizeof *l->configs);
    /* What a step has reserved stays (step_reserve). */
    uint32_t room = l->config_count + STEP_CONFIGS;
    if (gone > 0 && l->config_capacity > room && !configs_resize(l, room))
        COVER("raft_configs_not_shrunk");
}

void log_forget(struct raft_log *l, struct log_pos pos)
{
    ASSERT(pos.index >= l->start.index);
    ASSERT(log_has(l, pos));
    while (l->count > 0 && log_cache_first(l) <= pos.index)
        cache_drop_front(l);
    runs_start_at(l, pos);
    configs_start_at(l, pos.index);
    l->start = pos;
    chunks_trim_front(l);
}

void log_reset(struct raft_log *l, struct log_pos pos, const struct raft_config *config)
{
    while (l->chunk_count > 0)
        chunk_recycle(l, l->chunks[--l->chunk_count]);
    l->head = l->count = 0;
    l->cached_bytes = 0;
    l->start = pos;
    l->last_index = pos.index;
    l->run_count = l->config_count = 1;
    l->runs[0] = (struct term_run){pos.index, pos.term};
    l->configs[0] = (struct config_record){pos.index, *config};
}

void log_adopt(struct raft_log *l, struct log_pos pos, const struct raft_config *config)
{
    log_forget(l, pos);
    if (l->configs[0].index <= pos.index) l->configs[0] = (struct config_record){pos.index, *config};
}

void log_settle(struct raft_log *l, uint64_t index)
{
    ASSERT(index <= l->last_index);
    if (l->config_count > 1) configs_start_at(l, index);
}

/* ---- questions ---- */

const struct raft_entry *log_entry(const struct raft_log *l, uint64_t index)
{
    ASSERT(index >= log_cache_first(l));
    ASSERT(index <= l->last_index);
    const struct raft_entry *e = &l->items[l->head + (index - log_cache_first(l))];
    ASSERT(e->index == index);
    return e;
}

/* The run that index lies in. */
static uint32_t run_of(const struct raft_log *l, uint64_t index)
{
    ASSERT(index >= l->start.index);
    uint32_t low = 0, high = l->run_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (l->runs[middle].first_index <= index)
            low = middle;
        else
            high = middle;
    }
    return low;
}

bool log_term_at(const struct raft_log *l, uint64_t index, uint64_t *term_out)
{
    /* K13: what was truncated has no term; it is an error to ask, never term 0. */
    if (index < l->start.index || index > l->last_index) return false;
    *term_out = l->runs[run_of(l, index)].term;
    return true;
}

bool log_has(const struct raft_log *l, struct log_pos pos)
{
    uint64_t term;
    return log_term_at(l, pos.index, &term) && term == pos.term;
}

uint64_t log_agree_at_most(const struct raft_log *l, uint64_t index, uint64_t term)
{
    if (index < l->start.index) return index;
    if (index > l->last_index) index = l->last_index;
    uint32_t run = run_of(l, index);
    while (l->runs[run].term > term) {
        if (run == 0) return l->start.index == 0 ? 0 : l->start.index - 1;
        index = l->runs[run].first_index - 1;
        run--;
    }
    return index;
}

const struct raft_config *log_config_at(const struct raft_log *l, uint64_t index)
{
    uint32_t i = l->config_count - 1;
    while (i > 0 && l->configs[i].index > index)
        i--;
    return &l->configs[i].config;
}
