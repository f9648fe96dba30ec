/* The checker of owners rejects what it has to. Range 2 splits at "m": epoch 1 -> 2, range 3 begins at epoch 2. */
#include "tests/test.h"

#include <string.h>

#include "tests/sim/cluster/owners.h"

static struct bytes text(const char *s)
{
    return bytes_make(s, strlen(s));
}

static void see(struct owners *o, uint64_t range, uint64_t epoch, const char *start, const char *end)
{
    owners_see(o, &(struct descriptor){.range = {range}, .epoch = epoch, .start = text(start), .end = text(end)});
}

static void serve(struct owners *o, uint64_t range, uint64_t epoch, bool wrote, const char *key, uint64_t ts)
{
    struct kv_served s = {{range}, epoch, ts, wrote, true, text(key), BYTES_EMPTY};
    owners_witness(o)->on_served(owners_witness(o)->ctx, &s);
}

static void scan(struct owners *o, uint64_t range, uint64_t epoch, const char *start, const char *end, uint64_t ts)
{
    struct kv_served s = {{range}, epoch, ts, false, false, text(start), text(end)};
    owners_witness(o)->on_served(owners_witness(o)->ctx, &s);
}

static struct owners *split_at_m(void)
{
    struct owners *o = owners_create();
    see(o, 2, 1, "a", "");
    see(o, 2, 2, "a", "m");
    see(o, 3, 2, "m", "");
    return o;
}

static void expect(struct owners *o, const char *failure)
{
    char found[256] = "";
    bool good = owners_check(o, found, sizeof found);
    if (failure == NULL && !good) print_error("%s\n", found);
    assert_int_equal(good, failure == NULL);
    if (failure != NULL) assert_memory_equal(found, failure, strlen(failure));
    owners_destroy(o);
}

TEST(owners, accepts_owners_that_follow_each_other)
{
    struct owners *o = split_at_m();
    serve(o, 2, 1, true, "q", 10);
    scan(o, 2, 1, "b", "", 15);
    serve(o, 3, 2, true, "q", 20);
    serve(o, 2, 2, true, "b", 16); /* the left side need not follow the right one's clock */
    serve(o, 3, 2, false, "q", 11);
    scan(o, 2, 2, "a", "m", 30);
    expect(o, NULL);
}

TEST(owners, two_pairs_of_bounds_for_an_epoch_are_noticed)
{
    struct owners *o = split_at_m();
    see(o, 3, 2, "n", "");
    expect(o, "OWNER-1");
}

TEST(owners, a_key_that_is_given_away_is_not_served)
{
    struct owners *o = split_at_m();
    serve(o, 2, 2, false, "q", 10);
    expect(o, "OWNER-2");
    o = split_at_m();
    scan(o, 2, 2, "b", "n", 10);
    expect(o, "OWNER-2");
    o = split_at_m();
    scan(o, 2, 2, "b", "", 10);
    expect(o, "OWNER-2");
}

TEST(owners, an_old_owner_does_not_commit_above_a_new_one)
{
    struct owners *o = split_at_m();
    serve(o, 3, 2, true, "q", 20);
    serve(o, 2, 1, true, "q", 21);
    expect(o, "OWNER-3");
}

TEST(owners, a_new_owner_does_not_commit_below_what_was_shown)
{
    struct owners *o = split_at_m();
    serve(o, 2, 1, false, "q", 30);
    serve(o, 3, 2, true, "q", 30);
    expect(o, "OWNER-4");
    o = split_at_m();
    scan(o, 2, 1, "b", "r", 31);
    serve(o, 3, 2, true, "q", 30);
    expect(o, "OWNER-4");
}
