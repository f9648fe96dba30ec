/* Idempotency keys: a transaction that names a key is executed once, however often it is sent, and every repetition is
 * answered with what the first one answered (README.md, Idempotency keys).
 *
 * Private to the session: session.c calls these where a transaction begins, runs a statement, commits, ends. */
#ifndef OSTRAKA_SQL_IDEMPOTENCY_H
#define OSTRAKA_SQL_IDEMPOTENCY_H

#include "sql/idempotency_record.h"

/* A key that says when it was made is refused this long after that, whatever became of its record; and its record goes
 * only then. All nodes have to agree on it: it is no setting. */
#define IDEMPOTENCY_LIFE_NS UINT64_C(604800000000000)   /* 7 days */
#define IDEMPOTENCY_TTL_NS UINT64_C(86400000000000)     /* how long results are kept; ostraka.idempotency_ttl */
#define IDEMPOTENCY_FUTURE_NS UINT64_C(86400000000000)  /* a key made later than this from now is refused */

/* Of one SQL port. */
struct idempotency {
    uint64_t life_ns;    /* 0: IDEMPOTENCY_LIFE_NS; shorter in tests, then on all nodes */
    uint64_t replays;    /* transactions that were answered from their record */
    uint64_t mismatches; /* refused: other statements than the first time */
    uint64_t expired;    /* refused: too old */
    uint64_t waits;      /* for another transaction with the same key (more than 10 ms) */
    uint64_t emptied, removed; /* records whose results, and that themselves, were swept */
};

enum idem_mode { IDEM_NONE, IDEM_EXECUTES, IDEM_REPLAYS };

/* The transaction under way. */
struct idem {
    enum idem_mode mode;
    char key[IDEMPOTENCY_KEY_BYTES_MAX + 1];
    uint64_t issued_ns, ttl_ns;
    bool anchored;        /* to a row: the record stands beside it */
    uint64_t keys_after;  /* of the row's table */
    struct buf row_key;   /* of the record */
    bool others_ran;      /* statements ran before there was a key */
    bool named_here;      /* by SET LOCAL in this transaction: it has a record even if it has no statement */
    bool unread;          /* a statement alone that has not looked for the record: its commit does */
    bool read_first;      /* a statement alone whose first attempt failed: the record may say why */
    bool holds;           /* a statement alone: nothing is shown before it has committed */
    uint32_t statements;  /* recorded, or replayed */
    struct buf record;    /* EXECUTES: the statements so far */
    struct idempotency_record stored; /* REPLAYS; in the transaction's arena */
    struct reader at;
    uint64_t stored_ts;
    /* while a statement runs */
    struct exec *x;
    const struct sql_sink *client;
    struct sql_sink sink;
    const struct sql_result_column *columns;
    uint32_t column_count;
};

struct sql_session;
struct sql_set;
struct sql_statement;

void idem_init(struct sql_session *s);
void idem_deinit(struct sql_session *s);

/* [fiber] Before a statement: the transaction's key takes effect when this is the first. Reads the record, as a
 * part of the transaction and not of the statement. */
bool idem_prepare(struct sql_session *s, struct exec *x, const struct sql_statement *statement);
/* [fiber] session_execute for a statement of the client: under a key it is recorded, or answered from the record. */
bool idem_execute(struct sql_session *s, struct exec *x, const struct sql_statement *statement);
/* The transaction's commit is idem_commit's. */
bool idem_commits(const struct sql_session *s);
/* [fiber] The commit of a transaction that has a key: writes the record with it. Where the status does not say
 * everything, x->error is set. */
enum status idem_commit(struct sql_session *s, struct exec *x);
/* After a statement alone: it has to be run again, since nobody knows whether it has been executed before. */
bool idem_again(struct sql_session *s, struct exec *x, bool ok, enum status status);
/* [fiber] What a committed statement alone held back is shown. */
bool idem_deliver(struct sql_session *s, struct exec *x, const struct sql_sink *sink);
/* Everything the transaction did is forgotten, and will be done anew. */
void idem_restarted(struct sql_session *s);
void idem_ended(struct sql_session *s);

/* False with the error set: a setting that must not be changed now; a statement that cannot be recorded. */
bool idem_may_set(struct sql_session *s, struct exec *x, const struct sql_set *n);
bool idem_may_run(struct sql_session *s, const struct sql_node *node, struct arena *arena, struct sql_error *error);
bool idem_may_pause(struct sql_session *s, struct sql_error *error);

/* For setting.c: NULL, or why this is no key. */
const char *idempotency_key_problem(const char *key);

#endif
