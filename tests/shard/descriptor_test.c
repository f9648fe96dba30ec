#include "shard/descriptor.h"
#include "tests/test.h"

static struct descriptor example(void)
{
    return (struct descriptor){.range = {7}, .created = {3}, .epoch = 9, .next_replica_id = 4,
                               .start = bytes_of_string("a"), .end = bytes_of_string("m"),
                               .config = {.voter_count = 1, .voters = {{1, 1}}}};
}

/* As which version it was written: its first byte. */
static uint8_t comes_back(const struct descriptor *d)
{
    struct buf b;
    struct descriptor back;
    buf_init(&b, DESCRIPTOR_BYTES_MAX);
    descriptor_encode(d, &b);
    assert_int_equal(STATUS_OK, descriptor_decode(buf_view(&b), &back));
    assert_u64_equal(back.range.value, d->range.value);
    assert_u64_equal(back.created.value, d->created.value);
    assert_u64_equal(back.epoch, d->epoch);
    assert_u64_equal(back.next_replica_id, d->next_replica_id);
    assert_true(bytes_equal(back.start, d->start) && bytes_equal(back.end, d->end));
    assert_u64_equal(back.frozen_for.value, d->frozen_for.value);
    assert_u64_equal(back.frozen_epoch, d->frozen_epoch);
    assert_int_equal(back.kept, d->kept);
    uint8_t version = b.data[0];
    for (size_t size = 0; size < b.size; size++)
        assert_int_not_equal(STATUS_OK, descriptor_decode(bytes_make(b.data, size), &back));
    buf_deinit(&b);
    return version;
}

TEST(descriptor, comes_back_as_it_was)
{
    struct descriptor d = example();
    assert_int_equal(2, comes_back(&d));
    d.kept = true;
    assert_int_equal(4, comes_back(&d));
    d.frozen_for.value = 5;
    d.frozen_epoch = 8;
    assert_int_equal(4, comes_back(&d));
    d.kept = false;
    assert_int_equal(3, comes_back(&d));
}

TEST(descriptor, of_another_version_is_refused)
{
    struct descriptor d = example(), back;
    struct buf b;
    buf_init(&b, DESCRIPTOR_BYTES_MAX);
    descriptor_encode(&d, &b);
    for (int version = 0; version < 256; version++) {
        b.data[0] = (uint8_t)version;
        enum status expected = version == 2 ? STATUS_OK : version == 3 || version == 4 ? STATUS_INVALID : STATUS_VERSION;
        assert_int_equal(expected, descriptor_decode(buf_view(&b), &back));
    }
    buf_deinit(&b);
}
