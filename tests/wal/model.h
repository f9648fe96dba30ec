/* What a log should hold: a plain model that applies the same appends, and remembers a digest of
 * its state after each, so that a recovered state can be found among them. */
#ifndef OSTRAKA_TESTS_WAL_MODEL_H
#define OSTRAKA_TESTS_WAL_MODEL_H

#include "base/bytes.h"
#include "wal/wal.h"

#define MODEL_RANGES 8
#define MODEL_FACTS 4

struct model_entry {
    uint64_t term, payload_hash;
    uint32_t size;
    uint8_t kind;
};

struct model_range {
    bool exists;
    struct log_pos start;
    uint64_t term, vote, commit;
    struct model_entry *entries; /* of start.index + 1 and up */
    size_t count, capacity;
};

struct model {
    struct model_range ranges[MODEL_RANGES + 1]; /* by id, from 1 */
    struct {
        bool exists;
        uint64_t hash;
    } facts[MODEL_FACTS];
    bool hole; /* an entry did not follow the one before: only a broken log does that */
};

void model_init(struct model *m);
void model_deinit(struct model *m);
void model_copy(struct model *to, const struct model *from);
uint64_t model_digest(const struct model *m);
uint64_t model_last(const struct model_range *r);

void model_entry(struct model *m, uint64_t range, uint64_t term, uint64_t index, uint8_t kind,
                 struct bytes payload);
void model_hard_state(struct model *m, uint64_t range, uint64_t term, uint64_t vote,
                      uint64_t commit);
void model_start(struct model *m, uint64_t range, struct log_pos pos);
void model_dropped(struct model *m, uint64_t range);
void model_fact(struct model *m, uint32_t key, struct bytes value);

/* A visitor that rebuilds a model from what recovery hands out. */
struct wal_visitor model_visitor(struct model *m);

#endif
