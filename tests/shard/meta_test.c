/* The metadata state alone: commands in any order, doubled and late, and what the mirror makes of them. Ranges are
 * played by a list of what they really are; what a cluster makes of all this is in tests/sim/cluster. */
#include <stdlib.h>

#include "base/prng.h"
#include "shard/meta_call.h"
#include "shard/nodes.h"
#include "tests/shard/meta_world.h"
#include "tests/test.h"

static struct descriptor side(uint64_t range, uint64_t created, uint64_t epoch, const char *start, const char *end)
{
    return (struct descriptor){.range = {range}, .created = {created}, .epoch = epoch, .next_replica_id = 2,
                               .start = bytes_of_string(start), .end = bytes_of_string(end),
                               .config = {.voter_count = 1, .voters = {{1, 1}}}};
}

static const struct range_id data = {2};

/* ---- splits ---- */

TEST(meta, a_split_is_mirrored_right_side_first)
{
    struct meta_world w;
    world_open(&w);
    uint64_t right, again;
    assert_int_equal(world_split(&w, data, 1, BYTES_LITERAL("m"), &right), STATUS_OK);
    assert_int_equal(right, 3);
    assert_int_equal(world_split(&w, data, 1, BYTES_LITERAL("m"), &again), STATUS_OK);
    assert_int_equal(again, 3); /* asked twice */
    assert_int_equal(meta_verdict(&w.state, (struct range_id){3}), RANGE_VERDICT_PENDING);
    struct descriptor l = side(2, 0, 2, "\x02", "m"), r = side(3, 2, 2, "m", "");
    assert_int_equal(world_put(&w, &l), STATUS_BUSY);
    assert_int_equal(world_put(&w, &r), STATUS_OK);
    assert_true(bytes_equal(meta_range(&w.state, data)->end, BYTES_LITERAL("m")));
    assert_u64_equal(meta_range(&w.state, data)->epoch, 1);
    assert_int_equal(meta_verdict(&w.state, (struct range_id){3}), RANGE_VERDICT_KNOWN);
    world_restart(&w);
    assert_int_equal(world_put(&w, &l), STATUS_OK);
    assert_u64_equal(meta_range(&w.state, data)->epoch, 2);
    assert_int_equal(world_split(&w, data, 1, BYTES_LITERAL("m"), &again), STATUS_STALE_ROUTE);
    world_close(&w);
}

TEST(meta, a_split_that_did_not_happen_leaves_nothing_and_does_not_come_back)
{
    struct meta_world w;
    world_open(&w);
    uint64_t right;
    assert_int_equal(world_split(&w, data, 1, BYTES_LITERAL("m"), &right), STATUS_OK);
    struct descriptor whole = side(2, 0, 2, "\x02", "");
    assert_int_equal(world_put(&w, &whole), STATUS_OK); /* the epoch is used up by something else */
    assert_int_equal(meta_verdict(&w.state, (struct range_id){right}), RANGE_VERDICT_GONE);
    assert_int_equal(world_split(&w, data, 1, BYTES_LITERAL("m"), &right), STATUS_STALE_ROUTE); /* came late */
    assert_u64_equal(w.state.split_count, 0);
    struct descriptor r = side(3, 2, 2, "m", "");
    assert_int_equal(world_put(&w, &r), STATUS_NOT_FOUND);
    world_restart(&w);
    world_close(&w);
}

TEST(meta, an_older_epoch_changes_nothing)
{
    struct meta_world w;
    world_open(&w);
    struct descriptor newer = side(2, 0, 5, "\x02", ""), older = side(2, 0, 4, "\x02", "");
    older.config.voters[0].node = 7;
    assert_int_equal(world_put(&w, &newer), STATUS_OK);
    assert_int_equal(world_put(&w, &older), STATUS_OK);
    assert_u64_equal(meta_range(&w.state, data)->epoch, 5);
    assert_u64_equal(meta_range(&w.state, data)->config.voters[0].node, 1);
    world_close(&w);
}

TEST(meta, nobody_gets_in_without_a_split_that_was_begun)
{
    struct meta_world w;
    world_open(&w);
    uint64_t right;
    struct descriptor stranger = side(9, 2, 2, "m", "");
    assert_int_equal(world_put(&w, &stranger), STATUS_NOT_FOUND);
    assert_int_equal(world_split(&w, RANGE_META, 1, BYTES_LITERAL("\x01"), &right), STATUS_INVALID);
    assert_int_equal(world_split(&w, (struct range_id){8}, 1, BYTES_LITERAL("m"), &right), STATUS_NOT_FOUND);
    assert_int_equal(world_split(&w, data, 1, BYTES_LITERAL("\x02"), &right), STATUS_STALE_ROUTE);
    assert_int_equal(world_split(&w, data, 1, BYTES_LITERAL("m"), &right), STATUS_OK);
    struct descriptor wrong = side(right, 2, 2, "n", "");
    assert_int_equal(world_put(&w, &wrong), STATUS_INVALID);
    wrong = side(right, 2, 1, "m", "");
    assert_int_equal(world_put(&w, &wrong), STATUS_INVALID);
    wrong = side(right, 1, 2, "m", "");
    assert_int_equal(world_put(&w, &wrong), STATUS_INVALID);
    wrong = side(right, 2, 2, "m", "p"); /* who has the rest? */
    assert_int_equal(world_put(&w, &wrong), STATUS_BUSY);
    world_close(&w);
}

TEST(meta, two_splits_of_a_range_wait_for_each_other)
{
    struct meta_world w;
    world_open(&w);
    uint64_t first, second;
    assert_int_equal(world_split(&w, data, 1, BYTES_LITERAL("p"), &first), STATUS_OK);
    assert_int_equal(world_split(&w, data, 2, BYTES_LITERAL("g"), &second), STATUS_OK);
    struct descriptor a = side(first, 2, 2, "p", ""), b = side(second, 2, 3, "g", "p"), l = side(2, 0, 3, "\x02", "g");
    assert_int_equal(world_put(&w, &b), STATUS_BUSY);
    assert_int_equal(world_put(&w, &a), STATUS_OK);
    assert_int_equal(world_put(&w, &l), STATUS_BUSY);
    assert_int_equal(world_put(&w, &b), STATUS_OK);
    assert_int_equal(world_put(&w, &l), STATUS_OK);
    assert_u64_equal(w.state.split_count, 0);
    world_close(&w);
}

TEST(meta, one_range_has_few_splits_pending_and_the_cluster_a_limit_of_ranges)
{
    struct meta_world w;
    world_open(&w);
    uint64_t right;
    char key[3] = "a0";
    for (uint32_t i = 0; i < META_SPLITS_LEFT_MAX; i++, key[1]++)
        assert_int_equal(world_split(&w, data, 1, bytes_of_string(key), &right), STATUS_OK);
    assert_int_equal(world_split(&w, data, 1, BYTES_LITERAL("z"), &right), STATUS_BUSY);
    buf_reset(&w.command);
    meta_put_setting(&w.command, SETTING_RANGES_MAX, BYTES_EMPTY, 18);
    assert_int_equal(world_do(&w), STATUS_OK);
    assert_int_equal(world_split(&w, data, 1, BYTES_LITERAL("z"), &right), STATUS_TOO_LARGE);
    world_restart(&w);
    world_close(&w);
}

/* ---- merges ---- */

TEST(meta, a_range_that_has_grown_by_whole_older_ones_took_them_in)
{
    struct meta_world w;
    world_open(&w);
    uint64_t right;
    assert_int_equal(world_split(&w, data, 1, BYTES_LITERAL("m"), &right), STATUS_OK);
    struct descriptor r = side(3, 2, 3, "m", "");
    assert_int_equal(world_put(&w, &r), STATUS_OK);
    struct descriptor older = side(2, 0, 3, "\x02", ""), part = side(2, 0, 4, "\x02", "z"), whole = side(2, 0, 4, "\x02", "");
    assert_int_equal(world_put(&w, &older), STATUS_BUSY); /* it was so before the split */
    assert_int_equal(world_put(&w, &part), STATUS_BUSY);
    assert_int_equal(world_put(&w, &whole), STATUS_OK);
    assert_int_equal(world_put(&w, &whole), STATUS_OK); /* came twice */
    assert_int_equal(meta_verdict(&w.state, (struct range_id){3}), RANGE_VERDICT_GONE);
    assert_int_equal(world_put(&w, &r), STATUS_NOT_FOUND);
    assert_int_equal(meta_verdict(&w.state, (struct range_id){4}), RANGE_VERDICT_NEVER);
    world_restart(&w);
    world_close(&w);
}

/* United and divided again at another key, and nobody has told of the first. */
TEST(meta, a_right_side_may_hold_what_its_left_side_took_in_before)
{
    struct meta_world w;
    world_open(&w);
    uint64_t right;
    assert_int_equal(world_split(&w, data, 1, BYTES_LITERAL("m"), &right), STATUS_OK);
    struct descriptor r = side(3, 2, 2, "m", ""), left = side(2, 0, 5, "\x02", "c"), new = side(4, 2, 5, "c", "");
    assert_int_equal(world_put(&w, &r), STATUS_OK);
    assert_int_equal(world_split(&w, data, 4, BYTES_LITERAL("c"), &right), STATUS_OK);
    assert_int_equal(world_put(&w, &left), STATUS_BUSY);
    assert_int_equal(world_put(&w, &new), STATUS_OK);
    assert_int_equal(world_put(&w, &left), STATUS_OK);
    assert_int_equal(meta_verdict(&w.state, (struct range_id){3}), RANGE_VERDICT_GONE);
    world_restart(&w);
    world_close(&w);
}

/* ---- nodes, settings, jobs ---- */

static enum status node_state(struct meta_world *w, uint64_t node, enum node_state state)
{
    buf_reset(&w->command);
    meta_put_node_state(&w->command, (struct node_id){node}, state, 77);
    return world_do(w);
}

static enum status join(struct meta_world *w, uint64_t token, uint64_t *node_out)
{
    struct node_record record = {.token = token, .peer_address = "b:1"};
    buf_reset(&w->command);
    put_u8(&w->command, META_NODE_PUT);
    node_record_encode(&record, &w->command);
    enum status status = world_do(w);
    if (status == STATUS_OK) *node_out = load_le64(w->result.data);
    return status;
}

TEST(meta, a_node_is_removed_for_ever_and_only_when_it_holds_nothing)
{
    struct meta_world w;
    world_open(&w);
    uint64_t node, again;
    assert_int_equal(join(&w, 5, &node), STATUS_OK);
    assert_int_equal(join(&w, 5, &again), STATUS_OK);
    assert_u64_equal(node, 2);
    assert_u64_equal(again, 2);
    assert_int_equal(node_state(&w, 1, NODE_STATE_REMOVED), STATUS_BUSY);
    assert_int_equal(node_state(&w, 2, NODE_STATE_DRAINING), STATUS_OK);
    assert_int_equal(meta_node_state(&w.state, (struct node_id){2}), NODE_STATE_DRAINING);
    world_restart(&w);
    assert_int_equal(node_state(&w, 2, NODE_STATE_REMOVED), STATUS_OK);
    assert_true(w.learnt.removed);
    assert_int_equal(node_state(&w, 2, NODE_STATE_ACTIVE), STATUS_INVALID);
    assert_int_equal(node_state(&w, 3, NODE_STATE_DRAINING), STATUS_NOT_FOUND);
    struct node_record back = {.node = {2}, .incarnation = 9, .peer_address = "b:2"};
    buf_reset(&w.command);
    put_u8(&w.command, META_NODE_PUT);
    node_record_encode(&back, &w.command);
    assert_int_equal(world_do(&w), STATUS_OK);
    assert_true(meta_node(&w.state, (struct node_id){2})->removed);
    world_restart(&w);
    world_close(&w);
}

static enum status set(struct meta_world *w, enum cluster_setting id, struct bytes scope, uint64_t value)
{
    buf_reset(&w->command);
    meta_put_setting(&w->command, id, scope, value);
    return world_do(w);
}

TEST(meta, settings_are_checked_and_the_longest_prefix_decides)
{
    struct meta_world w;
    world_open(&w);
    uint64_t value = 0;
    assert_int_equal(set(&w, SETTING_REPLICATION_FACTOR, BYTES_EMPTY, 8), STATUS_INVALID);
    assert_int_equal(set(&w, (enum cluster_setting)99, BYTES_EMPTY, 1), STATUS_INVALID);
    assert_int_equal(set(&w, SETTING_AUTO_SPLIT, BYTES_LITERAL("t"), 1), STATUS_INVALID);
    assert_int_equal(set(&w, SETTING_REPLICATION_FACTOR, BYTES_LITERAL("ta"), 7), STATUS_OK);
    assert_int_equal(set(&w, SETTING_REPLICATION_FACTOR, BYTES_EMPTY, 1), STATUS_OK);
    assert_int_equal(set(&w, SETTING_REPLICATION_FACTOR, BYTES_LITERAL("t"), 5), STATUS_OK);
    world_restart(&w);
    const struct cluster_settings *t = &w.state.settings;
    assert_true(cluster_settings_get(t, SETTING_REPLICATION_FACTOR, BYTES_LITERAL("tab"), &value));
    assert_u64_equal(value, 7);
    assert_true(cluster_settings_get(t, SETTING_REPLICATION_FACTOR, BYTES_LITERAL("tb"), &value));
    assert_u64_equal(value, 5);
    assert_true(cluster_settings_get(t, SETTING_REPLICATION_FACTOR, BYTES_LITERAL("u"), &value));
    assert_u64_equal(value, 1);
    struct buf encoded;
    buf_init(&encoded, 4096);
    cluster_settings_encode(t, &encoded);
    struct cluster_settings elsewhere;
    cluster_settings_init(&elsewhere);
    assert_int_equal(cluster_settings_adopt(&elsewhere, buf_view(&encoded)), STATUS_OK);
    assert_u64_equal(elsewhere.version, 3);
    assert_u64_equal(elsewhere.count, 3);
    cluster_settings_deinit(&elsewhere);
    buf_deinit(&encoded);
    buf_reset(&w.command);
    meta_put_setting_reset(&w.command, SETTING_REPLICATION_FACTOR, BYTES_LITERAL("t"));
    assert_int_equal(world_do(&w), STATUS_OK);
    assert_true(cluster_settings_get(t, SETTING_REPLICATION_FACTOR, BYTES_LITERAL("tb"), &value));
    assert_u64_equal(value, 1);
    world_restart(&w);
    world_close(&w);
}

TEST(meta, every_setting_reads_what_it_writes)
{
    for (uint32_t i = 0; i < cluster_setting_count(); i++) {
        const struct cluster_setting_info *info = cluster_setting_at(i);
        if (i > 0) assert_true(strcmp(cluster_setting_at(i - 1)->name, info->name) < 0);
        assert_ptr_equal(cluster_setting_info(info->id), info);
        assert_ptr_equal(cluster_setting_by_name(bytes_of_string(info->name)), info);
        uint64_t values[] = {info->min, info->max, info->fallback}, back;
        for (int k = 0; k < 3; k++) {
            struct buf text;
            buf_init(&text, 64);
            cluster_setting_format(info, values[k], &text);
            assert_int_equal(cluster_setting_parse(info, buf_view(&text), &back), STATUS_OK);
            assert_u64_equal(back, values[k]);
            buf_deinit(&text);
        }
        assert_int_equal(cluster_setting_parse(info, BYTES_LITERAL("-1"), &back), STATUS_INVALID);
    }
}

TEST(meta, a_job_is_ended_by_its_id_and_goes_with_its_range)
{
    struct meta_world w;
    world_open(&w);
    const struct meta_job job = {.range = data, .reason = 4, .since_ms = 99, .node_count = 1, .nodes = {1}};
    for (int i = 0; i < 2; i++) {
        buf_reset(&w.command);
        meta_put_job(&w.command, &job);
        assert_int_equal(world_do(&w), STATUS_OK);
        assert_u64_equal(load_le64(w.result.data), i + 1);
    }
    world_restart(&w);
    for (uint64_t id = 1; id <= 2; id++) {
        assert_u64_equal(w.state.job_count, 1); /* the first is not there any more */
        buf_reset(&w.command);
        meta_put_job_end(&w.command, data, id);
        assert_int_equal(world_do(&w), STATUS_OK);
    }
    assert_u64_equal(w.state.job_count, 0);
    world_restart(&w);
    world_close(&w);
}

/* ---- everything at once ---- */

#define PAST_MAX  4096
#define TRUTH_MAX 64

struct past {
    struct descriptor *d;
};

struct promise {
    uint64_t left, epoch, right;
    uint8_t key[2];
};

struct play {
    struct meta_world w;
    struct prng prng;
    struct descriptor *truth[TRUTH_MAX]; /* by key */
    uint32_t truth_count;
    struct past past[PAST_MAX];
    uint32_t past_count;
    struct promise promises[256];
    uint32_t promise_count;
};

static void remember(struct play *p, struct past past)
{
    if (p->past_count == PAST_MAX) return;
    past.d = descriptor_new(past.d);
    p->past[p->past_count++] = past;
}

static void become(struct play *p, uint32_t i, const struct descriptor *d)
{
    struct descriptor *next = descriptor_new(d);
    free(p->truth[i]);
    p->truth[i] = next;
    remember(p, (struct past){.d = next});
}

static void act_begin(struct play *p)
{
    struct descriptor *d = p->truth[1 + prng_below(&p->prng, p->truth_count - 1)];
    uint8_t key[2] = {(uint8_t)(2 + prng_below(&p->prng, 250)), (uint8_t)prng_below(&p->prng, 4)};
    struct bytes k = bytes_make(key, 2);
    uint64_t epoch = d->epoch - (prng_below(&p->prng, 4) == 0), right;
    if (!descriptor_contains(d, k) || bytes_equal(d->start, k)) return;
    if (world_split(&p->w, d->range, epoch, k, &right) != STATUS_OK || p->promise_count == 256) return;
    p->promises[p->promise_count++] =
        (struct promise){.left = d->range.value, .epoch = epoch, .right = right, .key = {key[0], key[1]}};
}

static void act_split(struct play *p)
{
    if (p->promise_count == 0 || p->truth_count == TRUTH_MAX) return;
    const struct promise *s = &p->promises[prng_below(&p->prng, p->promise_count)];
    struct bytes key = bytes_make(s->key, 2);
    for (uint32_t i = 0; i < p->truth_count; i++) {
        struct descriptor *d = p->truth[i];
        if (d->range.value != s->left || d->epoch != s->epoch || !descriptor_contains(d, key)) continue;
        struct descriptor left = *d, right = *d;
        left.end = right.start = key;
        left.epoch = right.epoch = s->epoch + 1;
        right.created.value = s->left;
        right.range.value = s->right;
        memmove(p->truth + i + 2, p->truth + i + 1, (p->truth_count - i - 1) * sizeof *p->truth);
        p->truth[i + 1] = NULL;
        p->truth_count++;
        become(p, i + 1, &right);
        become(p, i, &left);
        return;
    }
}

static void act_change(struct play *p)
{
    uint32_t i = (uint32_t)prng_below(&p->prng, p->truth_count);
    struct descriptor next = *p->truth[i];
    next.epoch++;
    next.next_replica_id++;
    become(p, i, &next);
}

static bool mirrored(const struct play *p, const struct descriptor *d)
{
    const struct descriptor *m = meta_range(&p->w.state, d->range);
    return m != NULL && m->epoch == d->epoch;
}

static void act_merge(struct play *p)
{
    if (p->truth_count < 3) return;
    uint32_t i = 1 + (uint32_t)prng_below(&p->prng, p->truth_count - 2);
    struct descriptor *l = p->truth[i], *r = p->truth[i + 1];
    if (!mirrored(p, l) || !mirrored(p, r)) return;
    struct descriptor whole = *l;
    whole.end = r->end;
    whole.epoch = (l->epoch > r->epoch ? l->epoch : r->epoch) + 1;
    become(p, i, &whole);
    free(r);
    p->truth_count--;
    memmove(p->truth + i + 1, p->truth + i + 2, (p->truth_count - i - 1) * sizeof *p->truth);
}

static void act_tell(struct play *p)
{
    uint32_t recent = p->past_count < 8 ? p->past_count : 8;
    uint32_t back = (uint32_t)prng_below(&p->prng, prng_below(&p->prng, 3) == 0 ? p->past_count : recent);
    enum status status = world_put(&p->w, p->past[p->past_count - 1 - back].d);
    assert_true(status == STATUS_OK || status == STATUS_BUSY || status == STATUS_NOT_FOUND);
}

/* Everybody repeats what it is until the mirror has it. */
static void settle(struct play *p)
{
    for (uint32_t round = 0; round < 2 * TRUTH_MAX; round++) {
        for (uint32_t i = 0; i < p->truth_count; i++) (void)world_put(&p->w, p->truth[i]);
    }
    assert_u64_equal(p->w.state.ranges.count, p->truth_count);
    for (uint32_t i = 0; i < p->truth_count; i++) {
        const struct descriptor *m = p->w.state.ranges.items[i], *d = p->truth[i];
        assert_u64_equal(m->range.value, d->range.value);
        assert_u64_equal(m->epoch, d->epoch);
        assert_true(bytes_equal(m->start, d->start) && bytes_equal(m->end, d->end));
    }
}

static void play(uint64_t seed)
{
    struct play p = {.truth_count = 0};
    world_open(&p.w);
    prng_init(&p.prng, seed);
    p.truth_count = 2;
    become(&p, 0, p.w.state.ranges.items[0]);
    become(&p, 1, p.w.state.ranges.items[1]);
    static void (*const acts[])(struct play *) = {act_begin, act_begin, act_split, act_split, act_change,
                                                  act_merge, act_tell, act_tell, act_tell, act_tell};
    for (uint32_t i = 0; i < 600; i++) {
        acts[prng_below(&p.prng, sizeof acts / sizeof acts[0])](&p);
        if (i % 50 == 49) world_restart(&p.w);
    }
    settle(&p);
    for (uint32_t i = 0; i < p.truth_count; i++) { /* no split that was begun before can still happen */
        struct descriptor next = *p.truth[i];
        next.epoch += 2;
        become(&p, i, &next);
    }
    settle(&p);
    assert_u64_equal(p.w.state.split_count, 0);
    world_restart(&p.w);
    for (uint32_t i = 0; i < p.truth_count; i++) free(p.truth[i]);
    for (uint32_t i = 0; i < p.past_count; i++) free(p.past[i].d);
    world_close(&p.w);
}

TEST(meta, whatever_comes_in_whatever_order_leaves_no_hole_and_no_overlap)
{
    for (uint64_t seed = 1; seed <= 60; seed++) play(seed);
}
