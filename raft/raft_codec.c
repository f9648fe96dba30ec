/* Messages as bytes, and what a message must be to be looked at. README, Formats. */
#include "raft/raft_int.h"

#include "base/codec.h"

#define MESSAGE_VERSION 1
#define HEAD_BYTES_MAX (3 + 11 * VARINT_BYTES_MAX)

enum { /* flag bits */
       FLAG_REJECT = 1,
       FLAG_FORCE = 2,
       FLAG_UNCERTAIN = 4,
       FLAG_SETTLED = 8,
       FLAGS_KNOWN = 15,
};

static bool number_ok(uint64_t n)
{
    return n < RAFT_NUMBER_MAX;
}

static bool kind_ok(enum raft_message_kind kind)
{
    return kind >= RAFT_MESSAGE_PRE_VOTE && kind <= RAFT_MESSAGE_FORTIFY_REPLY;
}

static bool entry_ok(const struct raft_message *m, uint32_t i)
{
    const struct raft_entry *e = &m->entries[i];
    uint64_t term_before = i == 0 ? m->log_term : m->entries[i - 1].term;
    struct raft_config c;
    if (e->index != m->log_index + 1 + i || e->term < term_before || e->term > m->term)
        return false;
    if (e->payload.size > RAFT_ENTRY_BYTES_MAX) return false;
    switch (e->kind) {
    case RAFT_ENTRY_COMMAND: return true;
    case RAFT_ENTRY_NOOP: return e->payload.size == 0;
    case RAFT_ENTRY_CONFIG:
        return raft_config_decode(e->payload, &c) == STATUS_OK && c.voter_count > 0;
    }
    return false;
}

enum status message_check(const struct raft_message *m)
{
    if (!kind_ok(m->kind) || m->from == 0 || m->to == 0 || m->term == 0) return STATUS_INVALID;
    if (!number_ok(m->term) || !number_ok(m->log_term) || !number_ok(m->log_index))
        return STATUS_INVALID;
    if (!number_ok(m->commit) || !number_ok(m->hint_index) || !number_ok(m->hint_term))
        return STATUS_INVALID;
    if (m->kind != RAFT_MESSAGE_APPEND) return m->entry_count == 0 ? STATUS_OK : STATUS_INVALID;
    if (m->log_term > m->term || m->entry_count > RAFT_APPEND_ENTRIES_MAX) return STATUS_INVALID;
    for (uint32_t i = 0; i < m->entry_count; i++)
        if (!entry_ok(m, i)) return STATUS_INVALID;
    return STATUS_OK;
}

static uint8_t flags_of(const struct raft_message *m)
{
    return (uint8_t)((m->reject ? FLAG_REJECT : 0) | (m->force ? FLAG_FORCE : 0) |
                     (m->uncertain ? FLAG_UNCERTAIN : 0) | (m->settled ? FLAG_SETTLED : 0));
}

/* Room for the whole head is taken at once: most messages of most groups are little else. */
static void put_head(const struct raft_message *m, struct buf *out)
{
    const uint64_t numbers[] = {m->from, m->to, m->term, m->log_term, m->log_index, m->commit,
                                m->hint_index, m->hint_term, m->read_seq, m->support_epoch, m->entry_count};
    uint8_t *begin = buf_reserve(out, HEAD_BYTES_MAX), *at = begin;
    if (begin == NULL) return;
    *at++ = MESSAGE_VERSION;
    *at++ = (uint8_t)m->kind;
    *at++ = flags_of(m);
    for (uint32_t i = 0; i < sizeof numbers / sizeof *numbers; i++) at = lay_varint(at, numbers[i]);
    ASSERT(at <= begin + HEAD_BYTES_MAX);
    out->size += (size_t)(at - begin);
}

void raft_message_encode(const struct raft_message *message, struct buf *out)
{
    const struct raft_message *m = message;
    ASSERT(kind_ok(m->kind));
    put_head(m, out);
    for (uint32_t i = 0; i < m->entry_count; i++) {
        put_u8(out, (uint8_t)m->entries[i].kind);
        put_varint(out, m->entries[i].term);
        put_sized(out, m->entries[i].payload); /* indexes follow log_index without a gap */
    }
}

static void get_head(struct reader *r, struct raft_message *m)
{
    m->kind = (enum raft_message_kind)get_u8(r);
    uint8_t flags = get_u8(r);
    if ((flags & ~FLAGS_KNOWN) != 0) r->failed = true;
    m->reject = (flags & FLAG_REJECT) != 0;
    m->force = (flags & FLAG_FORCE) != 0;
    m->uncertain = (flags & FLAG_UNCERTAIN) != 0;
    m->settled = (flags & FLAG_SETTLED) != 0;
    m->from = get_varint(r);
    m->to = get_varint(r);
    m->term = get_varint(r);
    m->log_term = get_varint(r);
    m->log_index = get_varint(r);
    m->commit = get_varint(r);
    m->hint_index = get_varint(r);
    m->hint_term = get_varint(r);
    m->read_seq = get_varint(r);
    m->support_epoch = get_varint(r);
}

enum status raft_message_decode(struct bytes bytes, struct raft_message *message_out,
                                struct raft_entry *entries, uint32_t entry_max)
{
    struct reader r = reader_make(bytes);
    struct raft_message m = {0};
    if (get_u8(&r) != MESSAGE_VERSION) return STATUS_INVALID;
    get_head(&r, &m);
    uint64_t count = get_varint(&r);
    if (r.failed || count > entry_max || count > reader_left(&r)) return STATUS_INVALID;
    if (!number_ok(m.log_index)) return STATUS_INVALID;
    m.entry_count = (uint32_t)count;
    m.entries = count == 0 ? NULL : entries;
    for (uint32_t i = 0; i < m.entry_count; i++) {
        entries[i].kind = (enum raft_entry_kind)get_u8(&r);
        entries[i].term = get_varint(&r);
        entries[i].index = m.log_index + 1 + i;
        entries[i].payload = get_sized(&r);
    }
    if (!reader_done(&r) || message_check(&m) != STATUS_OK) return STATUS_INVALID;
    *message_out = m;
    return STATUS_OK;
}
