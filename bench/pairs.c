#include "bench/pairs.h"

#include <stdlib.h>

#include "base/assert.h"

void pairs_init(struct pairs *p, uint64_t count)
{
    *p = (struct pairs){.count = count};
    p->versions = calloc(count + 1, sizeof *p->versions);
    p->taken = calloc(count + 1, sizeof *p->taken);
    ASSERT(p->versions != NULL && p->taken != NULL);
}

void pairs_deinit(struct pairs *p)
{
    free(p->versions);
    free(p->taken);
}

void pairs_take(struct pairs *p, struct load *l, struct pair_key out[2])
{
    uint64_t half = p->count / 2;
    for (int i = 0; i < 2; i++) {
        uint64_t key;
        do key = prng_below(&l->prng, half) + 1 + (i == 0 ? 0 : half);
        while (p->taken[key]);
        p->taken[key] = true;
        out[i] = (struct pair_key){key, p->versions[key]};
    }
}

void pairs_give_back(struct pairs *p, const struct pair_key pair[2], bool swapped)
{
    for (int i = 0; i < 2; i++) {
        ASSERT(p->taken[pair[i].key]);
        p->taken[pair[i].key] = false;
        p->versions[pair[i].key] += swapped;
    }
}
