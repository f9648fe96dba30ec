/* The log of one replica against a plain array. */
#include "raft/raft_int.h"
#include "tests/test.h"

#include <stdlib.h>

static void append(struct raft_log *l, uint64_t term, size_t size)
{
    uint8_t *payload = malloc(size + 1);
    assert_non_null(payload);
    memset(payload, (int)(l->last_index & 0xff), size + 1);
    struct raft_entry e = {term, l->last_index + 1, RAFT_ENTRY_COMMAND, bytes_make(payload, size)};
    assert_true(log_reserve(l, 1, size, 0));
    log_append(l, &e);
    free(payload);
}

static void open_log(struct raft_log *l, uint64_t term, uint64_t index)
{
    struct raft_config none = {0};
    assert_true(log_init(l, (struct log_pos){term, index}, index, &none));
}

static void check_payloads(const struct raft_log *l)
{
    for (uint64_t i = log_cache_first(l); i <= l->last_index; i++) {
        const struct raft_entry *e = log_entry(l, i);
        for (size_t k = 0; k < e->payload.size; k++)
            assert_int_equal(e->payload.data[k], (i - 1) & 0xff);
    }
}

TEST(raft_log, keeps_terms_of_what_has_left_memory)
{
    struct raft_log l;
    open_log(&l, 1, 10);
    for (uint64_t i = 0; i < 30; i++)
        append(&l, 2 + i / 10, 50);
    log_evict(&l, 35, 0);
    assert_u64_equal(log_cache_first(&l), 36);
    uint64_t term;
    for (uint64_t i = 11; i <= 40; i++) {
        assert_true(log_term_at(&l, i, &term));
        assert_u64_equal(term, 2 + (i - 11) / 10);
    }
    assert_false(log_term_at(&l, 9, &term));
    assert_false(log_term_at(&l, 41, &term));
    assert_true(log_has(&l, (struct log_pos){1, 10}));
    check_payloads(&l);
    log_deinit(&l);
}

static bool extend(struct raft_log *l, size_t size)
{
    uint8_t *payload = malloc(size);
    assert_non_null(payload);
    memset(payload, (int)((l->last_index - 1) & 0xff), size);
    bool extended = log_extend(l, bytes_make(payload, size));
    free(payload);
    return extended;
}

TEST(raft_log, the_last_entry_grows_where_there_is_room_behind_it)
{
    struct raft_log l;
    open_log(&l, 1, 10);
    size_t sizes[100] = {0};
    for (uint32_t i = 0; i < 100; i++) {
        append(&l, 2, sizes[i] = 300 + i);
        for (size_t more = 1; more < 500; more += 70)
            if (extend(&l, more)) sizes[i] += more;
        if (i % 10 == 9) { /* what was cut off leaves room for others */
            log_truncate_after(&l, l.last_index - 2);
            append(&l, 2, sizes[i - 1] = 20);
            if (extend(&l, 33)) sizes[i - 1] += 33;
            append(&l, 2, sizes[i] = 40);
        }
    }
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < 100; i++) {
        assert_int_equal(log_entry(&l, 11 + i)->payload.size, sizes[i]);
        bytes += sizes[i] + RAFT_ENTRY_OVERHEAD;
    }
    assert_u64_equal(l.cached_bytes, bytes);
    check_payloads(&l);
    while (extend(&l, 1000)) check_payloads(&l);
    log_deinit(&l);
}

TEST(raft_log, finds_where_logs_may_agree)
{
    struct raft_log l;
    open_log(&l, 1, 10);
    const uint64_t terms[] = {2, 2, 2, 5, 5, 7};
    for (uint32_t i = 0; i < 6; i++)
        append(&l, terms[i], 0);
    assert_u64_equal(log_agree_at_most(&l, 16, 7), 16);
    assert_u64_equal(log_agree_at_most(&l, 16, 6), 15);
    assert_u64_equal(log_agree_at_most(&l, 16, 4), 13);
    assert_u64_equal(log_agree_at_most(&l, 14, 9), 14);
    assert_u64_equal(log_agree_at_most(&l, 16, 1), 10);
    assert_u64_equal(log_agree_at_most(&l, 16, 0), 9);
    assert_u64_equal(log_agree_at_most(&l, 99, 9), 16); /* beyond the end */
    assert_u64_equal(log_agree_at_most(&l, 5, 9), 5);   /* before the start: unknown */
    log_deinit(&l);
}

/* Found by random schedules: the room that a reservation counts on may be in a chunk that the
 * truncation before the append hands back. */
TEST(raft_log, a_reservation_outlives_a_truncation)
{
    struct raft_log l;
    open_log(&l, 1, 1);
    append(&l, 2, 900);
    append(&l, 2, 1500); /* a second, larger chunk with room left */
    for (uint32_t i = 0; i < 3; i++)
        append(&l, 2, 100);
    assert_true(l.chunk_count >= 2);
    uint8_t payload[200] = {0};
    struct log_chunk *tail = l.chunks[l.chunk_count - 1];
    assert_true(tail->size - tail->used >= sizeof payload);
    free(l.spare); /* a spare that is too small for it */
    l.spare = malloc(sizeof *l.spare + 16);
    assert_non_null(l.spare);
    *l.spare = (struct log_chunk){.size = 16};
    assert_true(log_reserve(&l, 1, sizeof payload, 0));
    log_truncate_after(&l, 2);
    struct raft_entry e = {3, 3, RAFT_ENTRY_COMMAND, bytes_make(payload, sizeof payload)};
    log_append(&l, &e);
    assert_u64_equal(l.last_index, 3);
    log_deinit(&l);
}

TEST(raft_log, agrees_with_a_plain_array)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct prng prng;
        prng_init(&prng, seed);
        struct raft_log l;
        open_log(&l, 1, 0);
        uint64_t terms[4096] = {1}, last = 0, start = 0, term = 1, evicted = 0;
        for (uint32_t step = 0; step < 400; step++) {
            uint64_t at;
            switch (prng_below(&prng, 8)) {
            case 0:
                at = evicted + prng_below(&prng, last - evicted + 1);
                log_truncate_after(&l, at);
                last = at;
                break;
            case 1:
                evicted += prng_below(&prng, last - evicted + 1);
                log_evict(&l, evicted, prng_below(&prng, 2000));
                break;
            case 2:
                at = start + prng_below(&prng, evicted - start + 1);
                log_forget(&l, (struct log_pos){terms[at], at});
                start = at;
                break;
            default:
                term += prng_chance(&prng, 1, 6);
                append(&l, term, prng_chance(&prng, 1, 5) ? 0 : prng_below(&prng, 700));
                terms[++last] = term;
            }
            assert_u64_equal(l.last_index, last);
            assert_u64_equal(l.start.index, start);
            assert_true(log_cache_first(&l) <= evicted + 1);
            uint64_t found;
            for (uint64_t i = start; i <= last; i++) {
                assert_true(log_term_at(&l, i, &found));
                assert_u64_equal(found, terms[i]);
            }
            check_payloads(&l);
        }
        log_deinit(&l);
    }
}

static void append_config(struct raft_log *l, uint64_t voter)
{
    struct raft_config c = {.voter_count = 1, .voters = {{voter, 1}}};
    struct buf b;
    buf_init(&b, 1024);
    raft_config_encode(&c, &b);
    struct raft_entry e = {1, l->last_index + 1, RAFT_ENTRY_CONFIG, buf_view(&b)};
    assert_true(log_reserve(l, 1, b.size, 1));
    log_append(l, &e);
    buf_deinit(&b);
}

TEST(raft_log, a_configuration_lives_as_long_as_its_entry)
{
    struct raft_log l;
    open_log(&l, 1, 0);
    append(&l, 1, 5);
    append_config(&l, 21); /* index 2 */
    append(&l, 1, 5);
    append_config(&l, 22); /* index 4 */
    assert_u64_equal(log_config(&l)->config.voters[0].id, 22);
    assert_u64_equal(log_config_at(&l, 1)->voter_count, 0);
    assert_u64_equal(log_config_at(&l, 3)->voters[0].id, 21);
    log_truncate_after(&l, 3);
    assert_u64_equal(log_config(&l)->config.voters[0].id, 21);
    log_forget(&l, (struct log_pos){1, 3});
    assert_u64_equal(log_config(&l)->config.voters[0].id, 21);
    log_truncate_after(&l, 3);
    assert_u64_equal(log_config(&l)->config.voters[0].id, 21); /* not undone any more */
    log_deinit(&l);
}

/* One record is kept of what is settled: the configuration that is in force, and those that may yet be cut off. */
TEST(raft_log, settled_configurations_are_forgotten_but_for_the_last)
{
    struct raft_log l;
    open_log(&l, 1, 0);
    for (uint64_t voter = 21; voter <= 24; voter++) append_config(&l, voter); /* indexes 1 to 4 */
    assert_u64_equal(l.config_count, 5);
    log_settle(&l, 3);
    assert_u64_equal(l.config_count, 2);
    assert_u64_equal(log_config_at(&l, 3)->voters[0].id, 23);
    assert_u64_equal(log_config(&l)->config.voters[0].id, 24);
    log_truncate_after(&l, 3);
    assert_u64_equal(log_config(&l)->config.voters[0].id, 23);
    log_forget(&l, (struct log_pos){1, 1}); /* cut before the configuration: it stays in force */
    assert_u64_equal(log_config(&l)->config.voters[0].id, 23);
    struct raft_config older = {.voter_count = 1, .voters = {{22, 1}}};
    log_adopt(&l, (struct log_pos){1, 2}, &older); /* a snapshot of before it */
    assert_u64_equal(log_config(&l)->config.voters[0].id, 23);
    append_config(&l, 25); /* index 4 */
    log_settle(&l, 4);
    assert_u64_equal(l.config_count, 1);
    assert_u64_equal(log_config(&l)->config.voters[0].id, 25);
    log_deinit(&l);
}

TEST(raft_log, what_was_applied_at_the_start_is_not_rolled_back)
{
    struct raft_log l;
    struct raft_config at_applied = {.voter_count = 1, .voters = {{50, 1}}};
    assert_true(log_init(&l, (struct log_pos){1, 0}, 3, &at_applied)); /* applied: 3 */
    append(&l, 1, 1);
    append_config(&l, 49);
    append_config(&l, 50); /* index 3: what at_applied says */
    assert_u64_equal(log_config(&l)->config.voters[0].id, 50);
    append_config(&l, 51);
    assert_u64_equal(log_config(&l)->config.voters[0].id, 51);
    log_truncate_after(&l, 3);
    assert_u64_equal(log_config(&l)->config.voters[0].id, 50);
    log_deinit(&l);
}
