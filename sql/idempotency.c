/* How a transaction with an idempotency key is executed once.
 *
 * Its record is a row that it reads and writes like any other. Who finds the row answers from it; who does not find it
 * writes it with everything else, and the commit validates that it still is not there. Before they read it,
 * transactions of several requests lock the row, so that a repetition waits for the one under way. A statement alone
 * saves that request: it inserts the row unread, shows nothing before it has committed, and looks for the row when
 * anything but success came of it. */
#include "sql/idempotency.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/assert.h"
#include "base/hash.h"
#include "sql/idempotency_anchor.h"
#include "sql/session_int.h"
#include "sql/types_io.h"

#define RECORD_KEPT_BYTES 1024 /* of the memory of a record, from one transaction to the next */
#define DIGEST_ROOM_BYTES 512   /* for parameters: mostly enough */
#define RESOLVE_PAUSE_NS 20000000u
#define RESOLVE_NS UINT64_C(12000000000) /* an outcome is decided after 10 s at the latest */
#define WAITED_NS 10000000u

static struct idempotency *shared(const struct sql_session *s) { return s->options.idempotency; }

static void count(const struct sql_session *s, size_t counter)
{
    if (shared(s) != NULL) ++*(uint64_t *)(void *)((char *)shared(s) + counter);
}
#define COUNT(s, field) count(s, offsetof(struct idempotency, field))

static uint64_t life_ns(const struct sql_session *s)
{
    uint64_t life = shared(s) != NULL && shared(s)->life_ns != 0 ? shared(s)->life_ns : IDEMPOTENCY_LIFE_NS;
    return s->idem.anchored && life > IDEMPOTENCY_ANCHORED_LIFE_NS ? IDEMPOTENCY_ANCHORED_LIFE_NS : life;
}

/* Nothing is done under the key later; its record goes only then. */
static uint64_t last_ts(const struct sql_session *s)
{
    return s->idem.issued_ns + life_ns(s);
}

/* What stands before the statements of the record. */
static size_t head_bytes(const struct idem *i)
{
    return idempotency_head_bytes(i->anchored) + (i->anchored ? TXN_ASIDE_HEAD_BYTES : 0);
}

static enum status decode_record(const struct idem *i, struct bytes value, struct idempotency_record *out)
{
    if (!i->anchored) return idempotency_record_decode(value, out);
    if (!txn_is_aside(value)) return STATUS_CORRUPT;
    return idempotency_record_decode(bytes_make(value.data + TXN_ASIDE_HEAD_BYTES, value.size - TXN_ASIDE_HEAD_BYTES), out);
}

void idem_init(struct sql_session *s)
{
    buf_init(&s->idem.record, TXN_ASIDE_HEAD_BYTES + IDEMPOTENCY_HEAD_BYTES + IDEMPOTENCY_RESULT_BYTES_MAX);
    buf_init(&s->idem.row_key, TXN_KEY_BYTES_MAX);
}

void idem_deinit(struct sql_session *s)
{
    buf_deinit(&s->idem.record);
    buf_deinit(&s->idem.row_key);
}

static void forget(struct sql_session *s)
{
    struct idem *i = &s->idem;
    i->mode = IDEM_NONE;
    i->statements = 0;
    if (i->record.capacity > RECORD_KEPT_BYTES) buf_deinit(&i->record);
    buf_reset(&i->record);
}

void idem_restarted(struct sql_session *s)
{
    forget(s);
    s->idem.others_ran = s->idem.named_here = false;
}

void idem_ended(struct sql_session *s)
{
    struct idem *i = &s->idem;
    if (i->mode != IDEM_NONE || i->record.size > 0) forget(s);
    i->others_ran = i->named_here = i->unread = i->read_first = i->holds = false;
}

/* Before its first statement: it will have one. */
static bool has_key(const struct sql_session *s)
{
    return s->idem.mode != IDEM_NONE || (s->settings.idempotency_key[0] != '\0' && !s->idem.others_ran);
}

bool idem_commits(const struct sql_session *s)
{
    return s->idem.mode != IDEM_NONE || (s->idem.named_here && has_key(s));
}

const char *idempotency_key_problem(const char *key)
{
    size_t size = strlen(key);
    return size > IDEMPOTENCY_KEY_BYTES_MAX ? "A key has at most 128 bytes." : NULL;
}

/* ---- refusals ---- */

static bool mismatch(struct sql_session *s, struct exec *x, const char *how)
{
    COVER("sql_idempotency_mismatch");
    COUNT(s, mismatches);
    sql_error_set(x->error, x->arena, SQLSTATE_IDEMPOTENCY_KEY_MISMATCH, 0,
                  "idempotency key \"%s\" belongs to other statements", s->idem.key);
    sql_error_detail(x->error, x->arena, "%s", how);
    sql_error_hint(x->error, x->arena, "Nothing was done. Another transaction needs another key.");
    return false;
}

static bool expired(struct sql_session *s, struct exec *x)
{
    COVER("sql_idempotency_expired");
    COUNT(s, expired);
    sql_error_set(x->error, x->arena, SQLSTATE_IDEMPOTENCY_KEY_EXPIRED, 0, "idempotency key \"%s\" is too old",
                  s->idem.key);
    sql_error_detail(x->error, x->arena,
                     "Its transaction may have been committed; what it answered is not kept any more.");
    sql_error_hint(x->error, x->arena, "Nothing was done now. Read what is there before you use a new key.");
    return false;
}

/* A key older than its table's rows: it may have been used with others. */
static bool outlived(struct sql_session *s, struct exec *x)
{
    COVER("sql_idempotency_outlived");
    COUNT(s, expired);
    sql_error_set(x->error, x->arena, SQLSTATE_IDEMPOTENCY_KEY_EXPIRED, 0,
                  "idempotency key \"%s\" is too old for the table of its anchor", s->idem.key);
    sql_error_detail(x->error, x->arena,
                     "A table was dropped, truncated or renamed since: what was done under the key before is not known.");
    sql_error_hint(x->error, x->arena, "Nothing was done now. Read what is there before you use a new key.");
    return false;
}

static bool made_ahead(struct sql_session *s, struct exec *x, const char *by)
{
    sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                  "idempotency key \"%s\" says that it is made more than %s from now", s->idem.key, by);
    sql_error_hint(x->error, x->arena, "Is the clock of this client right?");
    return false;
}

static const char key_name[] = "ostraka.idempotency_key", anchor_name[] = "ostraka.idempotency_anchor";

bool idem_may_set(struct sql_session *s, struct exec *x, const struct sql_set *n)
{
    bool names = strcasecmp(n->name, key_name) == 0;
    if (!names && strcasecmp(n->name, anchor_name) != 0) return true;
    if (s->idem.mode == IDEM_NONE && !s->idem.others_ran && s->savepoint_count == 0) {
        if (names) s->idem.named_here = n->local && s->state == TRANSACTION_OPEN;
        return true;
    }
    return sql_error_set(x->error, x->arena, SQLSTATE_ACTIVE_SQL_TRANSACTION, 0,
                         "SET %s must be the first statement of a transaction", names ? key_name : anchor_name);
}

bool idem_may_run(struct sql_session *s, const struct sql_node *node, struct arena *arena, struct sql_error *error)
{
    const char *what = NULL;
    if (!has_key(s)) return true;
    if (node->kind == SQL_STMT_COPY) what = "COPY";
    if (node->kind == SQL_STMT_DECLARE_CURSOR || node->kind == SQL_STMT_FETCH || node->kind == SQL_STMT_CLOSE)
        what = "a cursor";
    if (node->kind == SQL_STMT_TRANSACTION) {
        enum sql_transaction_kind kind = sql_as_transaction(node)->transaction;
        if (kind == SQL_TRANSACTION_SAVEPOINT || kind == SQL_TRANSACTION_RELEASE ||
            kind == SQL_TRANSACTION_ROLLBACK_TO)
            what = "a savepoint";
    }
    return what == NULL || sql_error_set(error, arena, SQLSTATE_FEATURE_NOT_SUPPORTED, node->position,
                                         "%s under an idempotency key is not supported yet", what);
}

bool idem_may_pause(struct sql_session *s, struct sql_error *error)
{
    if (!has_key(s)) return true;
    return sql_error_set(error, &s->query_arena, SQLSTATE_FEATURE_NOT_SUPPORTED, 0,
                         "a portal with a row limit under an idempotency key is not supported yet");
}

/* ---- which statement it is ---- */

static void digest_parameters(struct buf *text, struct exec *x)
{
    uint32_t parameter_count = x->parameters == NULL ? 0 : x->parameters->count;
    put_u32(text, parameter_count);
    for (uint32_t i = 0; i < parameter_count; i++) {
        const struct sql_datum *v = &x->parameters->values[i];
        put_u32(text, x->parameters->types[i]);
        put_u8(text, v->is_null);
        size_t at = text->size;
        put_u64(text, 0);
        if (!v->is_null) sql_type_send(&x->eval, x->parameters->types[i], v, text);
        if (!text->failed) store_le64(text->data + at, text->size - at - 8);
    }
}

/* Text and values. An EXECUTE is what it names, too. */
static bool digest(struct sql_session *s, struct exec *x, const struct sql_statement *statement,
                   uint8_t out[IDEMPOTENCY_DIGEST_BYTES])
{
    struct buf text;
    uint64_t halves[2] = {0};
    buf_init(&text, 64u << 20);
    buf_reserve(&text, statement->size + DIGEST_ROOM_BYTES);
    struct bytes whole = s->running != NULL ? s->running->prepared->text : s->text;
    ASSERT((size_t)statement->offset + statement->size <= whole.size);
    put_sized(&text, bytes_make(whole.data + statement->offset, statement->size));
    if (statement->node->kind == SQL_STMT_EXECUTE) {
        struct sql_error missing = {0};
        const struct sql_prepared *p =
            session_prepared_named(s, sql_as_execute(statement->node)->name, &missing);
        if (p != NULL) put_sized(&text, p->text);
    }
    digest_parameters(&text, x);
    bool ok = !text.failed;
    if (ok) hash128(text.data, text.size, halves);
    store_le64(out, halves[0]);
    store_le64(out + 8, halves[1]);
    buf_deinit(&text);
    return ok || sql_error_out_of_memory(x->error);
}

/* ---- the record is looked for ---- */

static bool note_key(struct sql_session *s, struct exec *x)
{
    struct idem *i = &s->idem;
    struct bytes key = bytes_of_string(s->settings.idempotency_key);
    ASSERT(key.size > 0 && key.size < sizeof i->key);
    memcpy(i->key, key.data, key.size);
    i->key[key.size] = '\0';
    i->issued_ns = idempotency_issued_ns(key);
    i->ttl_ns = s->settings.idempotency_ttl_ns;
    i->anchored = s->settings.idempotency_anchor[0] != '\0';
    uint64_t now = kv_timestamp_seen(s->options.kv);
    return now == 0 || i->issued_ns <= now + IDEMPOTENCY_FUTURE_NS || made_ahead(s, x, "a day");
}

/* [fiber] Where the record lies. */
static bool note_place(struct sql_session *s, struct exec *x)
{
    struct idem *i = &s->idem;
    struct bytes key = bytes_of_string(i->key);
    if (!i->anchored) {
        uint8_t row_key[IDEMPOTENCY_ROW_KEY_BYTES_MAX];
        buf_reset(&i->row_key);
        buf_append_bytes(&i->row_key, idempotency_row_key(key, row_key));
        return !i->row_key.failed || sql_error_out_of_memory(x->error);
    }
    if (i->issued_ns == 0) {
        sql_error_set(x->error, x->arena, SQLSTATE_INVALID_PARAMETER_VALUE, 0,
                      "idempotency key \"%s\" has an anchor and does not say when it was made", i->key);
        sql_error_hint(x->error, x->arena, "Use a UUID of version 7, or MILLISECONDS/ANYTHING with 13 digits.");
        return false;
    }
    struct idempotency_place place = {.row_key = &i->row_key};
    if (!idempotency_anchor_place(x, s->settings.idempotency_anchor, key, i->issued_ns, &place)) return false;
    i->keys_after = place.keys_after;
    return true;
}

/* Made at a time from which other rows of that name may have records that are gone. */
static bool may_be_outlived(const struct idem *i)
{
    if (!i->anchored || i->keys_after == 0 || MUTANT("idempotency_outlived")) return false;
    return i->keys_after == UINT64_MAX || i->issued_ns <= i->keys_after + IDEMPOTENCY_ANCHORED_AHEAD_NS;
}

/* By what is known of the clock at least. */
static bool is_ahead_of(const struct idem *i, uint64_t now)
{
    return i->anchored && i->issued_ns > now + IDEMPOTENCY_ANCHORED_AHEAD_NS;
}

/* Record absent, at the transaction's timestamp, or not looked for. */
static bool begin_executing(struct sql_session *s, struct exec *x)
{
    struct idem *i = &s->idem;
    if (i->issued_ns != 0 && !MUTANT("idempotency_expiry")) {
        if (txn_read_ts(s->txn) > last_ts(s)) return expired(s, x);
        txn_set_last_ct(s->txn, last_ts(s));
    }
    if (may_be_outlived(i)) return outlived(s, x);
    if (!i->unread && is_ahead_of(i, txn_read_ts(s->txn))) return made_ahead(s, x, "5 seconds");
    buf_reset(&i->record);
    buf_append_zero(&i->record, head_bytes(i)); /* written when it is complete */
    if (i->record.failed) return sql_error_out_of_memory(x->error);
    i->mode = IDEM_EXECUTES;
    return true;
}

static bool begin_replaying(struct sql_session *s, struct exec *x, const struct txn_locked *row)
{
    struct idem *i = &s->idem;
    enum status status = decode_record(i, row->value, &i->stored);
    if (status != STATUS_OK) return exec_fail(x, status);
    uint64_t end = idempotency_results_end(&i->stored, row->ts, i->issued_ns), now = txn_read_ts(s->txn);
    /* Some replicas may have forgotten by then what others have not. */
    if (i->stored.emptied || now >= end || (i->anchored && now > last_ts(s))) return expired(s, x);
    COVER("sql_idempotency_replay");
    COUNT(s, replays);
    i->mode = IDEM_REPLAYS;
    i->at = reader_make(i->stored.statements);
    i->stored_ts = row->ts;
    return true;
}

/* [fiber] The transaction's key takes effect: before its first statement. */
static bool begin(struct sql_session *s, struct exec *x)
{
    struct idem *i = &s->idem;
    if (!note_key(s, x) || !note_place(s, x)) return false;
    /* Before it is refused the record is looked for: it may have been answered already. */
    i->unread = i->holds && !i->read_first && !may_be_outlived(i) && !is_ahead_of(i, kv_timestamp_seen(s->options.kv));
    if (i->unread) return begin_executing(s, x);
    struct txn_locked row;
    struct bytes keys[1] = {buf_view(&i->row_key)};
    uint64_t start_ns = env_now_ns(s->options.env);
    txn_set_overlay(s->txn, false); /* what is not committed is no answer */
    enum txn_lock_mode mode = MUTANT("idempotency_no_lock") ? TXN_LOCK_SHARED : TXN_LOCK_EXCLUSIVE;
    enum status status = txn_lock(s->txn, keys, 1, mode, TXN_LOCK_WAIT, &row);
    if (env_now_ns(s->options.env) - start_ns > WAITED_NS) COUNT(s, waits);
    if (status != STATUS_OK) return exec_fail(x, status);
    return row.found ? begin_replaying(s, x, &row) : begin_executing(s, x);
}

/* ---- a statement ---- */

static bool too_large(struct exec *x, const struct buf *record)
{
    return sql_error_set(x->error, x->arena, SQLSTATE_PROGRAM_LIMIT_EXCEEDED, 0,
                         "the results of a transaction with an idempotency key are limited to %u bytes; these have %zu or more",
                         IDEMPOTENCY_RESULT_BYTES_MAX,
                         record->size + record->refused - TXN_ASIDE_HEAD_BYTES - IDEMPOTENCY_HEAD_BYTES);
}

static bool sink_begin(void *ctx, const struct sql_result_column *columns, uint32_t column_count)
{
    struct idem *i = ctx;
    i->columns = columns;
    i->column_count = column_count;
    idempotency_put_columns(&i->record, columns, column_count);
    if (i->record.failed) return too_large(i->x, &i->record);
    return i->holds || i->client->begin(i->client->ctx, columns, column_count);
}

static bool sink_row(void *ctx, struct sql_eval *eval, const struct sql_datum *values)
{
    struct idem *i = ctx;
    idempotency_put_row(&i->record, eval, i->columns, i->column_count, values);
    if (i->record.failed) return too_large(i->x, &i->record);
    return i->holds || i->client->row(i->client->ctx, eval, values);
}

static void sink_notice(void *ctx, const char *severity, const struct sql_error *notice)
{
    struct idem *i = ctx;
    i->client->notice(i->client->ctx, severity, notice);
}

static bool execute_recorded(struct sql_session *s, struct exec *x, const struct sql_node *node)
{
    struct idem *i = &s->idem;
    i->x = x;
    i->client = x->sink;
    i->sink = (struct sql_sink){.begin = sink_begin, .row = sink_row, .notice = sink_notice, .ctx = i};
    x->sink = &i->sink;
    bool ok = session_execute(s, x, node) && exec_held_send(x); /* the rows of RETURNING */
    x->sink = i->client;
    if (i->holds) x->rows_sent = false;
    i->x = NULL;
    if (!ok) return false;
    idempotency_put_tag(&i->record, x->tag);
    return !i->record.failed || too_large(x, &i->record);
}

/* What concerns the session and not the data: done each time. */
static bool is_local(const struct sql_node *node)
{
    switch ((enum sql_node_kind)node->kind) {
    case SQL_STMT_SET:
    case SQL_STMT_SET_TRANSACTION:
    case SQL_STMT_DISCARD:
    case SQL_STMT_PREPARE:
    case SQL_STMT_DEALLOCATE: return true;
    default: return false;
    }
}

static bool sets_key(const struct sql_node *node)
{
    const char *name = node->kind == SQL_STMT_SET ? sql_as_set(node)->name : NULL;
    return name != NULL && (strcasecmp(name, key_name) == 0 || strcasecmp(name, anchor_name) == 0);
}

static bool execute_again(struct sql_session *s, struct exec *x, const struct sql_node *node,
                          const uint8_t wanted[IDEMPOTENCY_DIGEST_BYTES])
{
    struct idem *i = &s->idem;
    if (i->statements == i->stored.count) return mismatch(s, x, "The first time it consisted of fewer statements.");
    if (i->holds && i->stored.count != 1) return mismatch(s, x, "The first time it consisted of more statements.");
    struct bytes stored = get_bytes(&i->at, IDEMPOTENCY_DIGEST_BYTES);
    if (i->at.failed) return exec_fail(x, STATUS_CORRUPT);
    if (memcmp(stored.data, wanted, IDEMPOTENCY_DIGEST_BYTES) != 0 && !MUTANT("idempotency_digest_ignored"))
        return mismatch(s, x, "This statement, or the value of a parameter, is not that of the first time.");
    i->statements++;
    if (is_local(node) && !session_execute(s, x, node)) return false;
    return idempotency_replay(x, &i->at);
}

/* Not a part of what the key names: the SET of the key itself, what only concerns the session in front of the first
 * statement, and SHOW where it is a transaction of its own. */
static bool stands_apart(const struct sql_session *s, const struct exec *x, const struct sql_node *node)
{
    return sets_key(node) || (s->idem.mode == IDEM_NONE && is_local(node)) ||
           (x->alone && node->kind == SQL_STMT_SHOW);
}

bool idem_prepare(struct sql_session *s, struct exec *x, const struct sql_statement *statement)
{
    struct idem *i = &s->idem;
    if (i->mode != IDEM_NONE || stands_apart(s, x, statement->node)) return true;
    i->holds = x->alone;
    if (has_key(s)) return idem_may_run(s, statement->node, x->arena, x->error) && begin(s, x);
    i->others_ran = true;
    return true;
}

bool idem_execute(struct sql_session *s, struct exec *x, const struct sql_statement *statement)
{
    struct idem *i = &s->idem;
    uint8_t wanted[IDEMPOTENCY_DIGEST_BYTES];
    if (!idem_prepare(s, x, statement)) return false;
    if (i->mode == IDEM_NONE || stands_apart(s, x, statement->node)) return session_execute(s, x, statement->node);
    if (!idem_may_run(s, statement->node, x->arena, x->error) || !digest(s, x, statement, wanted)) return false;
    if (i->mode == IDEM_REPLAYS) return execute_again(s, x, statement->node, wanted);
    size_t start = i->record.size;
    buf_append(&i->record, wanted, sizeof wanted);
    i->statements++;
    if (execute_recorded(s, x, statement->node)) return true;
    i->statements--; /* it may be tried again */
    buf_truncate(&i->record, start);
    return false;
}

bool idem_again(struct sql_session *s, struct exec *x, bool ok, enum status status)
{
    struct idem *i = &s->idem;
    if (ok || i->mode == IDEM_NONE) return false;
    bool doubtful = i->unread && status != STATUS_UNKNOWN_OUTCOME && strncmp(x->error->sqlstate, "57", 2) != 0 &&
                    strncmp(x->error->sqlstate, "53", 2) != 0;
    if (doubtful) COVER("sql_idempotency_looks_again");
    i->read_first = true;
    return doubtful;
}

bool idem_deliver(struct sql_session *s, struct exec *x, const struct sql_sink *sink)
{
    struct idem *i = &s->idem;
    if (i->mode != IDEM_EXECUTES || !i->holds) return true;
    struct reader in = reader_make(buf_view(&i->record));
    get_bytes(&in, head_bytes(i) + IDEMPOTENCY_DIGEST_BYTES);
    x->sink = sink;
    if (sink->committed != NULL) sink->committed(sink->ctx);
    return idempotency_replay(x, &in);
}

/* ---- the commit ---- */

static enum status write_record(struct sql_session *s)
{
    struct idem *i = &s->idem;
    struct txn_id id = txn_id_of(s->txn);
    struct idempotency_record r = {.ends = i->anchored, .ttl_ns = i->ttl_ns, .seen_ts = kv_timestamp_seen(s->options.kv),
                                   .row_until = i->issued_ns == 0 ? 0 : last_ts(s),
                                   .tag = id.tag, .count = i->statements};
    struct bytes key = buf_view(&i->row_key);
    ASSERT(!i->record.failed && i->record.size >= head_bytes(i));
    if (i->anchored) txn_aside_head(last_ts(s) + 1, i->record.data);
    idempotency_record_head(&r, i->record.data + head_bytes(i) - idempotency_head_bytes(i->anchored));
    return i->unread && !MUTANT("idempotency_row_unchecked") ? txn_insert(s->txn, key, buf_view(&i->record))
                                                             : txn_put(s->txn, key, buf_view(&i->record));
}

/* [fiber] STATUS_OK, the record is the attempt's own; STATUS_CONFLICT, it was not committed and never will be;
 * STATUS_WAIT, neither is known. */
static enum status look(struct sql_session *s, struct txn_id id, uint64_t *ts_out)
{
    struct bytes value;
    enum txn_outcome outcome;
    if (txn_restart(s->txn, &s->transaction_arena) != STATUS_OK) return STATUS_NO_MEMORY;
    enum status status = txn_get(s->txn, buf_view(&s->idem.row_key), &value);
    struct idempotency_record r;
    if (status == STATUS_OK) {
        status = decode_record(&s->idem, value, &r);
        if (status != STATUS_OK) return status;
        if (r.tag != id.tag) return STATUS_CONFLICT;
        status = txn_outcome_of(s->txn, id, &outcome, ts_out); /* when it was */
        if (status != STATUS_OK || outcome != TXN_OUTCOME_COMMITTED) *ts_out = 0;
        return STATUS_OK;
    }
    if (status != STATUS_NOT_FOUND) return status;
    status = txn_outcome_of(s->txn, id, &outcome, ts_out);
    if (status != STATUS_OK) return status;
    return outcome == TXN_OUTCOME_ABORTED ? STATUS_CONFLICT : STATUS_WAIT;
}

static enum status unresolved(struct exec *x, const char *id)
{
    COVER("sql_idempotency_unresolved");
    sql_error_set(x->error, x->arena, SQLSTATE_TRANSACTION_RESOLUTION_UNKNOWN, 0,
                  "the outcome of transaction %s is not known", id);
    sql_error_hint(x->error, x->arena,
                   "Send it again with the same idempotency key: it will not be done twice.");
    return STATUS_UNKNOWN_OUTCOME;
}

/* [fiber] The answer to the commit was lost: asks for it, while the statement has time and there is a quorum. */
static enum status resolve(struct sql_session *s, struct exec *x)
{
    COVER("sql_idempotency_resolve");
    struct env *env = s->options.env;
    struct txn_id id = txn_id_of(s->txn);
    char text[TXN_ID_BYTES];
    txn_id(s->txn, text);
    uint64_t give_up_ns = env_now_ns(env) + RESOLVE_NS;
    if (s->deadline_ns != 0 && s->deadline_ns < give_up_ns) give_up_ns = s->deadline_ns;
    while (env_now_ns(env) < give_up_ns) {
        uint64_t ts = 0;
        enum status status = look(s, id, &ts);
        bool known = status == STATUS_OK || status == STATUS_CONFLICT;
        if (status == STATUS_OK) s->commit_ts = ts;
        if (known) return status;
        if (status != STATUS_WAIT) break;
        txn_pause(s->txn, RESOLVE_PAUSE_NS);
    }
    return unresolved(x, text);
}

/* A deliberate bug: the record follows in an entry of its own. */
static enum status commit_apart(struct sql_session *s)
{
    enum status status = txn_commit(s->txn, &s->commit_ts);
    if (status != STATUS_OK || txn_restart(s->txn, &s->transaction_arena) != STATUS_OK) return status;
    if (write_record(s) == STATUS_OK && txn_commit(s->txn, NULL) != STATUS_OK) s->idem.unread = false;
    return STATUS_OK;
}

enum status idem_commit(struct sql_session *s, struct exec *x)
{
    struct idem *i = &s->idem;
    if (i->mode == IDEM_NONE) { /* without any statement */
        i->holds = false;
        if (!begin(s, x)) return STATUS_INVALID;
    }
    if (i->mode == IDEM_REPLAYS) {
        if (i->statements != i->stored.count) {
            mismatch(s, x, "The first time it consisted of more statements.");
            return STATUS_INVALID;
        }
        s->commit_ts = i->stored_ts;
        return STATUS_OK;
    }
    if (MUTANT("idempotency_record_apart")) return commit_apart(s);
    enum status status = write_record(s);
    if (status == STATUS_OK) status = txn_commit(s->txn, &s->commit_ts);
    if (status == STATUS_EXPIRED) expired(s, x);
    return status == STATUS_UNKNOWN_OUTCOME ? resolve(s, x) : status;
}
