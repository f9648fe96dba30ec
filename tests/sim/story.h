/* Short histories written down in tests, and long ones made by a model database. */
#ifndef OSTRAKA_TESTS_SIM_STORY_H
#define OSTRAKA_TESTS_SIM_STORY_H

#include "base/prng.h"
#include "tests/sim/check/check.h"

struct story {
    struct history h;
    struct buf report;
    uint64_t time_ns;
};

void story_begin(struct story *s);
void story_end(struct story *s);
/* Every call is one moment. Lists are text: "1 2 3". */
size_t story_invoke(struct story *s, uint64_t process);
void story_append(struct story *s, size_t txn, uint64_t key, int64_t value);
void story_read(struct story *s, size_t txn, uint64_t key, const char *list);
void story_read_set(struct story *s, size_t txn, uint64_t key, const char *values);
void story_ok(struct story *s, size_t txn);
void story_fail(struct story *s, size_t txn);
void story_info(struct story *s, size_t txn);
/* Single operations with invocation and completion: nothing lies between. */
void story_did_append(struct story *s, uint64_t process, uint64_t key, int64_t value);
void story_did_read(struct story *s, uint64_t process, uint64_t key, const char *list);
/* Begin only: the caller completes them. */
size_t story_write(struct story *s, uint64_t process, uint64_t key, int64_t value);
size_t story_cas(struct story *s, uint64_t process, uint64_t key, int64_t expected, int64_t value);
size_t story_get(struct story *s, uint64_t process, uint64_t key, int64_t seen);
size_t story_insert(struct story *s, uint64_t process, uint64_t key, int64_t value);
size_t story_read_all(struct story *s, uint64_t process, uint64_t key, const char *list);

/* What the model database does wrong. */
enum model_fault {
    MODEL_RIGHT,
    MODEL_SPLIT,  /* a transaction reads at one moment and writes at a later one */
    MODEL_STALE,  /* some reads see what was there a while ago */
    MODEL_LOSES,  /* some acknowledged writes never happen */
};
struct model_options {
    uint64_t seed;
    size_t txn_count, process_count, key_count, op_count_max;
    bool registers; /* single reads, writes and swaps; else transactions on lists */
    uint32_t unknown_ppm; /* outcomes that nobody learns */
    enum model_fault fault;
};
/* A history of overlapping transactions that take effect one at a time, each between its invocation
 * and its completion. */
void story_model(struct story *s, const struct model_options *options);

#endif
