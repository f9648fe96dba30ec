/* Which keys an empty replica keeps free on its store, and which snapshots may fill it (SHARD-16). The replicas have no
 * groups here: only their bounds count. */
#include "tests/test.h"

#include <stdlib.h>

#include "base/assert.h"
#include "shard/shard_int.h"

struct rig {
    struct store *store;
    struct replica *replicas[4];
    uint32_t count;
};

static void rig_open(struct rig *g)
{
    const char *mutant = getenv("OSTRAKA_MUTANT"); /* a deliberate bug, which is to be noticed */
    if (mutant != NULL) mutant_select(mutant);
    *g = (struct rig){.store = calloc(1, sizeof *g->store)};
    assert_non_null(g->store);
    list_init(&g->store->moving);
    list_init(&g->store->births_open);
    key_index_init(&g->store->replicas_by_key);
    key_index_init(&g->store->empty_by_key);
}

static void rig_close(struct rig *g)
{
    for (uint32_t i = 0; i < g->count; i++) {
        descriptor_clear(&g->replicas[i]->descriptor);
        free(g->replicas[i]);
    }
    key_index_deinit(&g->store->replicas_by_key);
    key_index_deinit(&g->store->empty_by_key);
    free(g->store);
}

static struct descriptor range(uint64_t id, uint64_t epoch, const char *start, const char *end)
{
    return (struct descriptor){.range = {id}, .epoch = epoch, .start = bytes_of_string(start),
                               .end = bytes_of_string(end)};
}

/* epoch 0: it is empty. */
static struct replica *put(struct rig *g, const struct descriptor *d)
{
    struct replica *r = g->replicas[g->count++] = calloc(1, sizeof *r);
    assert_non_null(r);
    r->store = g->store;
    r->range = d->range;
    list_init(&r->moving_link);
    assert_int_equal(STATUS_OK, descriptor_assign(&r->descriptor, d));
    struct key_index *x = d->epoch > 0 ? &g->store->replicas_by_key : &g->store->empty_by_key;
    assert_int_equal(STATUS_OK, key_index_put(x, &r->descriptor));
    return r;
}

static bool taken(const struct rig *g, const char *start, const char *end)
{
    return store_keys_taken(g->store, (struct range_id){9}, bytes_of_string(start), bytes_of_string(end));
}

TEST(birth, is_not_beside_an_empty_replica_that_may_get_the_keys)
{
    struct rig g;
    rig_open(&g);
    struct descriptor left = range(3, 0, "c", "m"), other = range(4, 7, "s", "");
    put(&g, &left);
    put(&g, &other);
    assert_true(taken(&g, "k", "p"));
    assert_true(taken(&g, "", ""));
    assert_true(taken(&g, "t", "u"));
    assert_false(taken(&g, "m", "s"));
    assert_false(taken(&g, "a", "c"));
    rig_close(&g);
}

/* Its right side has been here since, perhaps, and was destroyed: applied again, the split would make it once more. */
TEST(birth, leaves_an_empty_replica_that_takes_no_snapshot_of_before_a_split)
{
    struct rig g;
    rig_open(&g);
    struct descriptor expected = range(3, 0, "c", "m"), before = range(3, 5, "c", "s"), fit = range(3, 6, "c", "m"),
                      later = range(3, 8, "c", "g");
    struct replica *r = put(&g, &expected);
    assert_false(replica_fits(r, &before));
    assert_true(replica_fits(r, &fit));
    assert_true(replica_fits(r, &later)); /* divided again since */
    rig_close(&g);
}

TEST(birth, leaves_no_replica_that_takes_the_keys_of_another_one)
{
    struct rig g;
    rig_open(&g);
    struct descriptor expected = range(3, 0, "c", "m"), right = range(4, 6, "h", "m"), before = range(3, 5, "c", "m"),
                      after = range(3, 6, "c", "h");
    put(&g, &right);
    struct replica *r = put(&g, &expected);
    assert_false(replica_fits(r, &before));
    assert_true(replica_fits(r, &after));
    rig_close(&g);
}

/* After a merge the range has more keys than it was made for. */
TEST(birth, expects_what_the_metadata_range_says_later)
{
    struct rig g;
    rig_open(&g);
    struct descriptor expected = range(3, 0, "c", "m"), merged = range(3, 9, "c", "s"), beyond = range(3, 9, "c", "z"),
                      other = range(4, 7, "s", "");
    struct replica *r = put(&g, &expected), *full = put(&g, &other);
    assert_false(replica_fits(r, &merged));
    assert_int_equal(STATUS_BUSY, replica_expect(r, &beyond));
    assert_int_equal(STATUS_OK, replica_expect(r, &merged));
    assert_true(replica_fits(r, &merged));
    assert_true(taken(&g, "n", "o"));
    assert_int_equal(STATUS_BUSY, replica_expect(full, &merged)); /* it knows better itself */
    rig_close(&g);
}

TEST(birth, keeps_the_keys_of_a_replica_that_has_lost_what_it_held)
{
    struct rig g;
    rig_open(&g);
    struct descriptor held = range(3, 5, "c", "m"), other = range(4, 7, "s", "");
    struct replica *r = put(&g, &held);
    put(&g, &other);
    replica_forget(r);
    assert_u64_equal(r->descriptor.epoch, 0);
    assert_true(taken(&g, "d", "e"));
    assert_u64_equal(g.store->replicas_by_key.count, 1);
    struct descriptor anew = {0}, snapshot = range(3, 6, "c", "h");
    assert_int_equal(STATUS_OK, descriptor_assign(&anew, &snapshot));
    replica_describe(r, &anew);
    assert_false(taken(&g, "h", "m"));
    assert_u64_equal(g.store->empty_by_key.count, 0);
    list_remove(&r->moving_link);
    rig_close(&g);
}

/* Several are made side by side: what one has been promised is not promised to the next. */
TEST(birth, keeps_the_keys_of_one_that_is_being_made)
{
    struct rig g;
    rig_open(&g);
    struct birth b = {.range = {5}, .expected = range(5, 0, "c", "m")};
    list_push_back(&g.store->births_open, &b.link);
    assert_false(taken(&g, "d", "e")); /* nobody has answered it yet */
    b.making = true;
    assert_true(taken(&g, "d", "e"));
    assert_true(taken(&g, "", ""));
    assert_false(taken(&g, "m", ""));
    assert_false(store_keys_taken(g.store, (struct range_id){5}, bytes_of_string("d"), bytes_of_string("e")));
    list_remove(&b.link);
    rig_close(&g);
}
