/* What a range wrote since its last flush, sorted: per space one B+tree over entries that live in
 * the memtable's arena; values that end by themselves apart (memtable_ending.c). Written only while active; frozen before it is flushed.
 *
 * Every state of an entry carries the index of the Raft entry that wrote it. A view is an index
 * too: it shows each entry's newest state at or below it, so an iterator never sees a write made
 * after it was opened (LSM-3). States that no view can ask for are overwritten in place. */
#ifndef OSTRAKA_LSM_MEMTABLE_INT_H
#define OSTRAKA_LSM_MEMTABLE_INT_H

#include "base/arena.h"
#include "base/codec.h"
#include "base/list.h"
#include "lsm/cursor_int.h"
#include "lsm/filter_int.h"
#include "lsm/window_int.h"

#define MEM_NODE_SLOTS 64
#define MEM_SKIP_STEP  4  /* bytes that heads have to gain before they are made anew */
#define MEM_HEIGHT_MAX 12 /* inner nodes are at least half full but for the right edge: ample */
#define MEM_RECENT_SLOTS 256
/* Entries that say nothing; more are swept out. In simulation, whose memtables hold little, soon. */
#ifdef OSTRAKA_SIM
#define MEM_VOID_MAX 4
#else
#define MEM_VOID_MAX 64
#endif
#define MEM_SWEEP_MAX 4096 /* to write so many entries anew takes a millisecond (LSM-9) */
/* Entries from which on a tree of versions knows keys by their hash. Below, a search is as cheap. */
#ifdef OSTRAKA_SIM
#define MEM_NEWEST_FROM 32
#else
#define MEM_NEWEST_FROM 4096
#endif
#define MEM_NEWEST_SLOTS_MAX 32768
/* Then, too, it gets a filter, for so many keys, and later a second one, for the others. */
#ifdef OSTRAKA_SIM
#define MEM_FILTER_KEYS {100, 400}
#else
#define MEM_FILTER_KEYS {100000, 400000}
#endif

/* One state of an entry. */
struct mem_value {
    struct mem_value *older; /* what it replaced, kept while a view may ask for it */
    uint64_t index;
    uint32_t size, capacity;
    bool tombstone;
    uint8_t data[];
};

struct mem_entry {
    struct mem_value *newest;
    uint64_t ts;
    uint16_t key_size;
    bool alone; /* below this memtable there is nothing of it */
    uint8_t key[];
};
_Static_assert(LSM_KEY_BYTES_MAX <= UINT16_MAX, "the size of a key fits");

/* All keys between the bounds that led a search to a node begin with the same `skip` bytes, or more. heads[i] is the
 * next 8 bytes of entries[i]'s key as a big-endian number, zeros behind its end: heads never order two keys wrongly. Of two with
 * the same head the sizes tell which comes first, unless both keys go on behind it; so mostly no entry has to be looked at, each of
 * which would be a wait for memory. In inner nodes entries[i] bounds child i from below; what slot 0 says there is not used. */
struct mem_node {
    uint32_t count;
    uint32_t level; /* 0: leaf */
    uint32_t skip;
    uint64_t heads[MEM_NODE_SLOTS];
    uint64_t times[MEM_NODE_SLOTS];
    uint16_t sizes[MEM_NODE_SLOTS]; /* of the keys */
    struct mem_entry *entries[MEM_NODE_SLOTS];
};
struct mem_leaf {
    struct mem_node node;
    struct mem_leaf *next, *prev;
};
struct mem_inner {
    struct mem_node node;
    struct mem_node *children[MEM_NODE_SLOTS];
};

/* The newest version of a key, found by the key's hash (memtable_newest.c). */
struct mem_newest {
    struct mem_entry *entry; /* NULL: of no key */
    struct mem_leaf *leaf;   /* where it was when this was noted; splits may have moved it */
    uint32_t hash;           /* its upper half */
    bool again;              /* written again since another key wanted the slot */
};

/* Keys of versions that are there (memtable_filter.c). */
struct mem_filter {
    uint8_t *lines;
    uint32_t line_count; /* 0: there is no filter */
    uint64_t keys;       /* that were added */
};
#define MEM_FILTERS 2
/* Values that end: the size of the first and of any later run, and of the first and the largest table of hashes; each is so many times as
 * large as the one before. To sort 2,048 entries takes a tenth of a millisecond (LSM-9). */
#ifdef OSTRAKA_SIM
#define MEM_RUN_FIRST  2
#define MEM_RUN_MAX    16
#define MEM_INDEX_FIRST 4
#define MEM_INDEX_MAX   64
#else
#define MEM_RUN_FIRST  64
#define MEM_RUN_MAX    2048
#define MEM_INDEX_FIRST 256
#define MEM_INDEX_MAX   65536
#endif
#define MEM_RUN_GROWTH   4
#define MEM_INDEX_GROWTH 16

struct mem_tree {
    struct arena *arena; /* of the memtable */
    struct mem_node *root;
    struct mem_leaf *first, *last;
    uint64_t count;   /* entries */
    uint64_t changes; /* rises whenever an entry may have moved to another slot */
    uint64_t splits;  /* of leaves */
    bool swept;          /* of intents: entries that say nothing are swept out now and then */
    uint64_t void_count; /* such entries */
    struct list told;    /* the others; each one's link stands in front of it */
    struct mem_entry **recent; /* of a space without times: what was written lately, by the hash of the key; NULL: nothing was */
    struct mem_newest *newest; /* of versions; each key has one slot in which it may be */
    uint32_t newest_slots;     /* 0 or a power of two */
    struct mem_filter filters[MEM_FILTERS];
};

/* Some entries in the order of their places; the last run is written, and sorted when it is full. */
struct mem_run_slot {
    uint64_t head; /* sorted: as in mem_node */
    struct mem_entry *entry;
};
struct mem_run {
    struct mem_run_slot *slots;
    uint32_t count, capacity;
};

/* Entries by the hash of their keys: in that slot, or the next free one. */
struct mem_index {
    struct mem_index *older; /* full; NULL: none */
    uint32_t size, used;
    uint64_t slots[]; /* 0, or an entry's address with 16 bits of its hash above it */
};

/* Values that end by themselves (memtable_ending.c). */
struct mem_ending {
    struct arena *arena; /* of the memtable */
    struct mem_run *runs;
    uint32_t run_count, run_capacity;
    struct mem_index *index; /* NULL: nothing was put in */
    const struct mem_entry *first, *last; /* in the order of their places */
    uint64_t count;
};

struct memtable {
    uint32_t refs;    /* one per range that has it, per view, per flush */
    uint32_t holders; /* ranges in whose state it is: counted in the store's memory until none is left */
    bool frozen;
    struct arena arena;
    struct arena intents; /* apart, since what is swept out of them is given back */
    struct arena endings; /* apart, since they are not what makes a flush due */
    struct mem_tree trees[LSM_SPACE_COUNT]; /* by space */
    struct mem_ending ending; /* what of LSM_SPACE_VERSIONS is not in its tree */
    uint64_t ending_bytes;    /* of its keys and values */
    uint64_t newest_ts, oldest_ts;          /* of LSM_SPACE_VERSIONS; oldest_ts LSM_TS_MAX: none */
};

MUST_USE enum status memtable_create(struct memtable **memtable_out);
void memtable_pin(struct memtable *m);
void memtable_unpin(struct memtable *m);
/* The leaf that a write will change. */
struct mem_hint {
    struct mem_leaf *leaf; /* NULL: it is not known */
    uint64_t splits;       /* holds while the tree has had no more */
    uint64_t hash;         /* of the key of a version; 0: it was not asked for */
    bool ends;             /* the value ends by itself: it is put in once, and not asked for soon */
};
/* Has memory bring what a write will touch; worth it when a few others are written in between. ends: a version's value does so by itself. */
struct mem_hint memtable_ask_ahead(const struct memtable *m, const struct lsm_write *w, bool ends);
/* Inserts or replaces (space, key, ts); hint: of this write, or NULL: its value lasts. STATUS_NO_MEMORY. */
MUST_USE enum status memtable_write(struct memtable *m, uint64_t index, const struct lsm_write *w, const struct mem_hint *hint);
/* The newest version of the key with ts <= ts_max, at the latest state, or NULL; of values that end mem_ending_find knows.
 * hash: filter_hash of space and key. */
const struct mem_entry *memtable_find(const struct memtable *m, enum lsm_space space, struct bytes key, uint64_t ts_max, uint64_t hash);
uint64_t memtable_entry_count(const struct memtable *m);
static inline uint64_t memtable_bytes(const struct memtable *m)
{
    return m->arena.size + m->intents.size + m->endings.size;
}
/* As last written it says: nothing. Nor does anything below, so neither a reader nor a table needs to know of it. */
static inline bool mem_is_void(const struct mem_entry *e, const struct mem_value *v)
{
    return e->alone && v->tombstone;
}

/* The state that the view shows, or NULL when the entry was made after it. */
static inline const struct mem_value *mem_visible(const struct mem_entry *e, uint64_t view_index)
{
    const struct mem_value *v = e->newest;
    while (v != NULL && v->index > view_index && !MUTANT("lsm_view_sees_later_writes")) v = v->older;
    return v;
}

/* ---- trees (memtable_tree.c) ---- */

static inline struct bytes mem_entry_key(const struct mem_entry *e)
{
    return bytes_make(e->key, e->key_size);
}

/* The 8 bytes of the key behind the first `skip`, as a big-endian number. */
static inline uint64_t mem_head_at(struct bytes key, uint32_t skip)
{
    if (key.size >= (size_t)skip + 8) return load_be64(key.data + skip);
    if (key.size <= skip) return 0;
    /* The key ends in there, as it mostly does where keys have all but a number in common: its last 8 bytes, less those before. */
    if (key.size >= 8) return load_be64(key.data + key.size - 8) << 8 * (skip + 8 - key.size);
    uint64_t head = 0;
    for (size_t i = skip; i < (size_t)skip + 8; i++) head = head << 8 | (i < key.size ? key.data[i] : 0);
    return head;
}

static inline uint32_t mem_common_size(struct bytes a, struct bytes b)
{
    size_t most = a.size < b.size ? a.size : b.size, size = 0;
    while (size < most && a.data[size] == b.data[size]) size++;
    return (uint32_t)size;
}

/* The order of versions: by key, then the newest first. */
static inline int mem_entry_compare(const struct mem_entry *a, const struct mem_entry *b)
{
    int order = bytes_compare(mem_entry_key(a), mem_entry_key(b));
    return order != 0 ? order : (a->ts < b->ts) - (a->ts > b->ts);
}

/* From the root to a leaf. */
struct mem_path {
    struct mem_inner *inner[MEM_HEIGHT_MAX]; /* by level */
    uint32_t slot[MEM_HEIGHT_MAX];
};

/* Where an entry belongs, until the tree is changed. */
struct mem_spot {
    struct mem_path path; /* unless it is there, or its leaf has room */
    struct mem_leaf *leaf; /* NULL: the tree is empty */
    uint32_t slot;
    bool found; /* it is there */
};

struct mem_hint mem_tree_ask_ahead(const struct mem_tree *t, struct bytes key, uint64_t ts);
void mem_tree_find(struct mem_tree *t, struct bytes key, uint64_t ts, const struct mem_hint *hint, struct mem_spot *s_out);
/* Puts it where mem_tree_find has just said that it belongs, and is not; *s: where it stands now. STATUS_NO_MEMORY. */
MUST_USE enum status mem_tree_insert(struct mem_tree *t, struct mem_spot *s, struct mem_entry *entry);
void mem_leaf_ask_ahead(const struct mem_leaf *leaf);

/* Where an entry stands. */
struct mem_place {
    struct mem_leaf *leaf; /* NULL: past either end */
    uint32_t slot;
};
/* The first entry at or after the key in the tree of its space. */
struct mem_place mem_tree_seek(const struct mem_tree *t, struct bytes key, uint64_t ts);

/* ---- the newest version of each key (memtable_newest.c) ---- */

static inline bool mem_newest_known(const struct mem_tree *t)
{
    return t->newest_slots > 0;
}
/* hash, here and below: filter_hash of the key. NULL: it is not known which one is. */
const struct mem_newest *mem_newest_find(const struct mem_tree *t, struct bytes key, uint64_t hash);
/* False: it is not known; else what writing a newer one will touch is on its way. */
bool mem_newest_ask_ahead(const struct mem_tree *t, uint64_t hash);
/* Where a version goes that is newer than n's. False: that has to be searched for. */
bool mem_newest_spot(const struct mem_newest *n, struct mem_spot *s_out);
/* The entry at s is new, and the newest one of its key; newer: than what was known as that. */
void mem_newest_note(struct mem_tree *t, const struct mem_spot *s, uint64_t hash, bool newer);
/* It is the newest one of its key. */
bool mem_spot_is_first(const struct mem_spot *s);

/* ---- which keys there are (memtable_filter.c) ---- */

/* A version of the key was put into the tree; called for the first one of each. */
void mem_filter_add(struct mem_tree *t, uint64_t hash);
/* False: the tree has no version of the key. */
bool mem_filter_may_have(const struct mem_tree *t, uint64_t hash);

/* All spaces, in engine order, as of view_index, without values that end; only keys in the window (NULL: all), which is
 * copied. Pins the memtable. STATUS_NO_MEMORY. */
MUST_USE enum status memtable_cursor_open(struct memtable *m, uint64_t view_index, bool reverse,
                                          const struct window *window, struct cursor **cursor_out);

/* ---- values that end (memtable_ending.c, memtable_ending_cursor.c) ---- */

/* hash, here and below: filter_hash of its key. STATUS_NO_MEMORY. */
MUST_USE enum status mem_ending_add(struct mem_ending *z, struct mem_entry *e, uint64_t hash);
void mem_ending_ask_ahead(const struct mem_ending *z, uint64_t hash);
/* As memtable_find. */
struct mem_entry *mem_ending_find(const struct mem_ending *z, struct bytes key, uint64_t ts_max, uint64_t hash);
/* Some may lie in [low, high). */
bool mem_ending_reaches(const struct mem_ending *z, const struct item_key *low, const struct item_key *high);
/* Puts slots in the order of their places. */
void mem_run_sort(struct mem_run_slot *slots, uint32_t count);
/* As memtable_cursor_open, of these alone. */
MUST_USE enum status mem_ending_cursor_open(struct memtable *m, uint64_t view_index, bool reverse,
                                            const struct window *window, struct cursor **cursor_out);

#endif
