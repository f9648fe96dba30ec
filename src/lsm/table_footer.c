#include "base/hash.h"
#include "lsm/table_int.h"

#define TABLE_MAGIC 0x4c4254415254534fu /* "OSTRATBL" */

static void put_key(struct buf *b, const struct item_key *key)
{
    put_u8(b, (uint8_t)key->space);
    put_u64(b, key->ts);
    put_sized(b, key->key);
}

static struct item_key get_key(struct reader *r)
{
    struct item_key key = {0};
    uint8_t space = get_u8(r);
    key.ts = get_u64(r);
    key.key = get_sized(r);
    if (!lsm_space_valid(space) || key.key.size > LSM_KEY_BYTES_MAX) r->failed = true;
    key.space = (enum lsm_space)space;
    return key;
}

void table_footer_put(struct buf *raw, const struct table_facts *facts)
{
    put_u64(raw, facts->newest_ts);
    put_u64(raw, facts->oldest_ts);
    put_u64(raw, facts->entry_count);
    put_u64(raw, facts->raw_bytes);
    put_u64(raw, facts->garbage_count);
    put_u64(raw, facts->garbage_ts);
    put_u64(raw, facts->ending_count);
    put_u64(raw, facts->ends_ts);
    put_u64(raw, facts->filter_offset);
    put_u32(raw, facts->filter_line_count);
    put_u64(raw, facts->top.offset);
    put_u32(raw, facts->top.size);
    put_key(raw, &facts->first);
    put_key(raw, &facts->last);
}

enum status table_footer_get(struct bytes raw, uint32_t version, struct table_facts *facts_out)
{
    struct reader r = reader_make(raw);
    struct table_facts facts = {0};
    facts.newest_ts = get_u64(&r);
    facts.oldest_ts = get_u64(&r);
    facts.entry_count = get_u64(&r);
    facts.raw_bytes = get_u64(&r);
    facts.garbage_count = get_u64(&r);
    facts.garbage_ts = get_u64(&r);
    if (version > 1) facts.ending_count = get_u64(&r);
    if (version > 1) facts.ends_ts = get_u64(&r);
    facts.filter_offset = get_u64(&r);
    facts.filter_line_count = get_u32(&r);
    facts.top.offset = get_u64(&r);
    facts.top.size = get_u32(&r);
    facts.first = get_key(&r);
    facts.last = get_key(&r);
    if (!reader_done(&r) || facts.entry_count == 0 || facts.filter_line_count == 0)
        return STATUS_CORRUPT;
    if (item_key_compare(&facts.first, &facts.last) > 0) return STATUS_CORRUPT;
    if (facts.ending_count > facts.entry_count || (facts.ending_count > 0) != (facts.ends_ts > 0)) return STATUS_CORRUPT;
    /* Where all end, all are versions, and none ends before it was written. */
    bool versions = facts.first.space == LSM_SPACE_VERSIONS && facts.last.space == LSM_SPACE_VERSIONS;
    if (facts.ending_count == facts.entry_count && (!versions || facts.ends_ts < facts.newest_ts)) return STATUS_CORRUPT;
    *facts_out = facts;
    return STATUS_OK;
}

static uint64_t tail_hash(const struct table_tail *tail)
{
    return hash64(tail, offsetof(struct table_tail, hash), 0);
}

void table_tail_make(struct table_tail *tail, struct table_uid uid, uint64_t store_id,
                     struct block_handle footer)
{
    *tail = (struct table_tail){.magic = TABLE_MAGIC,
                                .version = TABLE_VERSION,
                                .footer_size = footer.size,
                                .footer_offset = footer.offset,
                                .uid_high = uid.high,
                                .uid_low = uid.low,
                                .store_id = store_id};
    tail->hash = tail_hash(tail);
}

enum status table_tail_check(const struct table_tail *tail, struct table_uid uid, uint64_t store_id)
{
    if (tail->hash != tail_hash(tail) || tail->magic != TABLE_MAGIC) return STATUS_CORRUPT;
    if (tail->version == 0 || tail->version > TABLE_VERSION) return STATUS_VERSION;
    if (tail->uid_high != uid.high || tail->uid_low != uid.low) return STATUS_CORRUPT;
    if (tail->store_id != store_id || tail->zero != 0) return STATUS_CORRUPT;
    return STATUS_OK;
}
