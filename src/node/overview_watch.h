/* What the leader of the metadata range last said of the cluster, for who cannot wait for its answer: /status shows what is
 * known, and asks for more. */
#ifndef OSTRAKA_NODE_OVERVIEW_WATCH_H
#define OSTRAKA_NODE_OVERVIEW_WATCH_H

#include "shard/overview.h"

struct overview_watch {
    struct overview_call call;
    struct env *env;
    bool busy;        /* asked, not answered yet */
    uint64_t at_ns;   /* of the last answer; 0: none yet */
    struct overview last;
};

/* Asks unless an answer is on its way or only just came. The watch must outlive the store. */
void overview_watch_ask(struct overview_watch *w, struct store *s);

#endif
