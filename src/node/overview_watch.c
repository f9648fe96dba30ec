#include "node/overview_watch.h"

#define FRESH_NS 200000000u

static void on_overview(struct overview_call *c, enum status status, const struct overview *o)
{
    struct overview_watch *w = CONTAINER_OF(c, struct overview_watch, call);
    w->busy = false;
    if (status != STATUS_OK) return;
    w->last = *o;
    w->at_ns = env_now_ns(w->env);
}

void overview_watch_ask(struct overview_watch *w, struct store *s)
{
    w->env = store_env(s);
    if (w->busy || (w->at_ns != 0 && env_now_ns(w->env) - w->at_ns < FRESH_NS)) return;
    w->call.on_done = on_overview;
    w->busy = store_overview(s, &w->call) == STATUS_OK;
}
