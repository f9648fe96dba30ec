/* Clients: each writes a rising number to its own key and reads it back, through any node that is up. What was
 * acknowledged has to be read, and nothing that was not written. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/codec.h"
#include "tests/sim/big/big_int.h"
#include "txn/txn.h"

#define THINK_NS (200 * SIM_MS)
#define KEYS     (UINT64_C(1) << 32)
#define FINAL_TRIES 100
/* So long after a loss everybody has noticed it: no request goes to a machine that will not answer. */
#define KNOWN_NS (4 * SIM_SEC)

struct client {
    struct big_load *load;
    uint64_t number, machine, began_ns;
    uint64_t acknowledged, attempted; /* values */
    bool writes, busy, final;
};

struct big_load {
    struct big *big;
    struct client *clients;
    uint32_t count;
    bool stopping;
};

void big_key(uint64_t at, uint64_t count, uint8_t key[9])
{
    key[0] = KEY_PREFIX_TABLE;
    store_be64(key + 1, KEYS / count * at);
}

static void client_schedule(struct client *c);

/* ---- an operation, on a fiber ---- */

static enum status write_next(struct client *c, struct txn *t)
{
    uint8_t key[9], value[64] = {0};
    uint64_t ts;
    big_key(c->number, c->load->count, key);
    store_le64(value, c->attempted);
    enum status status = txn_put(t, bytes_make(key, sizeof key), bytes_make(value, sizeof value));
    return status == STATUS_OK ? txn_commit(t, &ts) : status;
}

static enum status read_back(struct client *c, struct txn *t, uint64_t *value_out)
{
    uint8_t key[9];
    struct bytes value;
    big_key(c->number, c->load->count, key);
    enum status status = txn_get(t, bytes_make(key, sizeof key), &value);
    *value_out = 0;
    if (status == STATUS_NOT_FOUND) return STATUS_OK;
    if (status == STATUS_OK) *value_out = load_le64(value.data);
    return status;
}

/* Values of this key only rise: nobody else writes it, and each is tried once. */
static void judge_read(struct client *c, uint64_t value)
{
    if (value < c->acknowledged || value > c->attempted)
        big_fail(c->load->big, "client %llu reads %llu; %llu was acknowledged, %llu tried last", (unsigned long long)c->number,
                 (unsigned long long)value, (unsigned long long)c->acknowledged, (unsigned long long)c->attempted);
    c->acknowledged = value; /* what was seen stays */
}

static void count(struct client *c, enum status status)
{
    struct big_phase *p = &c->load->big->phase;
    uint64_t took_ns = sim_now(c->load->big->sim) - c->began_ns;
    if (status == STATUS_CANCELLED) return; /* its gateway was lost */
    if (took_ns > p->longest_ns) p->longest_ns = took_ns;
    bool unknown = status == STATUS_UNKNOWN_OUTCOME || status == STATUS_TIMEOUT;
    if (status == STATUS_OK) p->answered++;
    else if (unknown) p->unknown++;
    else p->refused++;
    if (unknown && c->began_ns > c->load->big->lost_ns + KNOWN_NS)
        big_fail(c->load->big, "client %llu does not know what became of its operation, %.1f s after the last machine was lost",
                 (unsigned long long)c->number, (double)(c->began_ns - c->load->big->lost_ns) / 1e9);
}

static void client_run(void *arg)
{
    struct client *c = arg;
    struct core *core = c->load->big->machines[c->machine].core;
    struct arena arena;
    struct txn *t;
    uint64_t value = 0;
    arena_init(&arena, 1 << 20);
    enum status status = txn_create(core_kv(core), &arena, &t);
    ASSERT(status == STATUS_OK);
    status = c->writes ? write_next(c, t) : read_back(c, t, &value);
    txn_destroy(t);
    arena_deinit(&arena);
    count(c, status);
    if (status == STATUS_OK && c->writes) c->acknowledged = c->attempted;
    if (status == STATUS_OK && !c->writes) {
        judge_read(c, value);
        c->final = c->load->stopping;
    }
    c->busy = false;
    client_schedule(c);
}

static bool serves(struct big *b, uint64_t machine)
{
    return big_store(b, machine) != NULL && core_joined(b->machines[machine].core);
}

static void client_start(void *ctx)
{
    struct client *c = ctx;
    struct big *b = c->load->big;
    if (c->load->stopping) return;
    uint64_t machine = 1 + sim_below(b->sim, b->machine_count);
    if (!serves(b, machine)) {
        client_schedule(c);
        return;
    }
    c->machine = machine;
    c->writes = !c->writes;
    if (c->writes) c->attempted++;
    c->busy = true;
    c->began_ns = sim_now(b->sim);
    enum status status = fiber_spawn(core_fibers(b->machines[machine].core), client_run, c, NULL);
    ASSERT(status == STATUS_OK);
    big_poke(b, machine);
}

static void client_schedule(struct client *c)
{
    struct sim *sim = c->load->big->sim;
    if (!c->load->stopping) sim_call_after(sim, sim_exponential(sim, THINK_NS), client_start, c);
}

/* ---- all of them ---- */

struct big_load *big_load_create(struct big *b, uint32_t client_count)
{
    struct big_load *l = calloc(1, sizeof *l);
    ASSERT(l != NULL);
    l->clients = calloc(client_count, sizeof *l->clients);
    ASSERT(l->clients != NULL);
    l->big = b;
    l->count = client_count;
    for (uint32_t i = 0; i < client_count; i++) {
        l->clients[i] = (struct client){.load = l, .number = i};
        client_schedule(&l->clients[i]);
    }
    return l;
}

void big_load_stop(struct big_load *l)
{
    l->stopping = true;
}

bool big_load_idle(const struct big_load *l)
{
    for (uint32_t i = 0; i < l->count; i++)
        if (l->clients[i].busy) return false;
    return true;
}

static bool all_idle(struct big *b, void *ctx)
{
    (void)b;
    return big_load_idle(ctx);
}

/* Every key once more, now that nothing fails any more. */
static void read_finally(struct big_load *l)
{
    struct big *b = l->big;
    for (uint32_t i = 0; i < l->count; i++) {
        struct client *c = &l->clients[i];
        uint64_t machine = 1 + (i + (uint64_t)sim_below(b->sim, b->machine_count)) % b->machine_count;
        if (c->final || c->busy || !serves(b, machine)) continue;
        c->machine = machine;
        c->writes = false;
        c->busy = true;
        enum status status = fiber_spawn(core_fibers(b->machines[machine].core), client_run, c, NULL);
        ASSERT(status == STATUS_OK);
        big_poke(b, machine);
    }
}

bool big_load_check(struct big_load *l)
{
    ASSERT(l->stopping);
    uint32_t left = l->count;
    for (int tries = 0; tries < FINAL_TRIES && left > 0 && !big_failed(l->big); tries++) {
        read_finally(l);
        if (!big_run_until(l->big, all_idle, l, 20 * SIM_SEC)) break;
        left = 0;
        for (uint32_t i = 0; i < l->count; i++) left += !l->clients[i].final;
    }
    if (left > 0) big_fail(l->big, "%u keys cannot be read at the end", left);
    return !big_failed(l->big);
}

void big_load_destroy(struct big_load *l)
{
    free(l->clients);
    free(l);
}
