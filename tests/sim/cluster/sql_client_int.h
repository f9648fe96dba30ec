/* The inside of a client: the conversation (sql_client.c), what comes (sql_client_take.c), what the extended protocol
 * sends (sql_client_extended.c), and cancel requests (sql_client_cancel.c). */
#ifndef OSTRAKA_TESTS_SIM_CLUSTER_SQL_CLIENT_INT_H
#define OSTRAKA_TESTS_SIM_CLUSTER_SQL_CLIENT_INT_H

#include "base/assert.h"
#include "base/buf.h"
#include "sql/pgwire.h"
#include "tests/sim/cluster/sql_client.h"
#include "tests/sim/cluster/sql_lift.h"

#define SQL_PREPARED_MAX 24
#define SQL_COLUMNS_MAX 8
#define SQL_EXPECTED_MAX 128

enum client_state {
    CLIENT_CLOSED,
    CLIENT_CONNECTING,
    CLIENT_SSL,       /* SSLRequest sent: one byte comes */
    CLIENT_STARTUP,   /* until the first ReadyForQuery */
    CLIENT_IDLE,
    CLIENT_QUERY,     /* until the last ReadyForQuery of what was asked */
};

/* A statement that this connection has prepared under a name. */
struct sql_prepared_text {
    char *text;              /* NULL: free */
    uint32_t number;         /* of its name, s<number> */
    bool ready, described;   /* ParseComplete was seen; the columns are known */
    uint32_t parameter_types[SQL_LIFT_MAX];
    uint32_t column_count, column_types[SQL_COLUMNS_MAX];
};

enum expected_kind {
    EXPECT_PARSE = 1,
    EXPECT_BIND,
    EXPECT_PARAMETERS,  /* and then the columns */
    EXPECT_COLUMNS,
    EXPECT_EXECUTE,
    EXPECT_CLOSE,
    EXPECT_READY,
};
/* An answer that has to come, in this order. */
struct expected {
    enum expected_kind kind;
    uint32_t part;           /* of the request */
};

/* One statement of a request. */
struct sql_part {
    size_t text_at;          /* in sql_request.texts */
    struct sql_lifted lifted;
    uint32_t parameter_types[SQL_LIFT_MAX]; /* as declared; 0: left open */
    struct sql_prepared_text *prepared; /* NULL: the unnamed statement */
    bool parse;              /* it has to be parsed first */
    char portal[16];
    bool binary_results;
    uint8_t describe;        /* 'S', 'P' or 0 */
    uint32_t rows_max;       /* of one Execute; 0: all */
    bool flush;              /* the answer is awaited before anything else is sent */
    uint32_t column_count, column_types[SQL_COLUMNS_MAX];
    uint64_t rows_before;    /* of earlier Executes */
};

/* What is asked by messages of the extended protocol. */
struct sql_request {
    struct buf texts, strings; /* of the statements, with parameters; what these are */
    struct sql_part parts[SQL_CLIENT_RESULTS_MAX];
    uint32_t count, next;    /* next: the first part whose messages were not written */
    bool sync_each;
    bool waits;              /* until all has been answered, before anything else is written */
    bool suspended;          /* the portal of part next - 1 has more rows */
    bool synced;             /* the last Sync was written */
    bool failed;             /* an error came: the rest is not sent, but for a Sync */
    struct expected expected[SQL_EXPECTED_MAX];
    uint32_t expected_first, expected_count;
};

struct sql_client {
    struct sql_client_options options;
    enum client_state state;
    struct env_addr addr;
    struct env_socket *socket; /* may outlive the conversation until on_closed */
    struct buf in, out;
    size_t out_at;             /* sent so far */
    size_t out_stop;           /* a cut: no more than this is sent */
    size_t commit_at;          /* once so much is sent, it may be executed and committed; SIZE_MAX: not in this part */
    uint32_t piece_bytes;
    bool sending, terminating, rows_open, authenticated, extended;
    enum sql_cut cut;
    uint32_t cut_after;        /* messages, with SQL_CUT_LATER_REPLY */
    uint64_t deadline_ns, piece_ns, read_ns; /* virtual times; UINT64_MAX: none */
    uint64_t timer_ns;                       /* of the call that is pending; UINT64_MAX: none */
    struct sql_result result;
    struct sql_cell cells[SQL_CLIENT_CELLS_MAX];
    uint32_t cell_count;
    size_t *offsets;           /* of cells in `text`, until the result is given out */
    struct buf text;
    char violation[160];
    struct sql_request request;
    struct sql_prepared_text prepared[SQL_PREPARED_MAX];
    uint32_t name_next;
    /* cancelling */
    uint32_t key_pid, key_secret;
    struct env_socket *cancel_socket;
    struct buf cancel_out;
    bool cancel_due;
};

/* ---- sql_client.c ---- */
void client_lose(struct sql_client *c);
void client_violate(struct sql_client *c, const char *what, uint8_t type);
void client_cut_here(struct sql_client *c);
void client_end(struct sql_client *c, enum sql_end how);
/* Sends what is in `out`, or a part of it when the client is to walk away there. */
void client_send_all(struct sql_client *c, enum sql_cut half);
void client_send_startup(struct sql_client *c);

/* ---- sql_client_take.c ---- */
/* What arrived is looked at as far as it goes. */
void client_take(struct sql_client *c, struct env_socket *socket);

/* ---- sql_client_extended.c ---- */
void extended_begin(struct sql_client *c, const char *const *texts, uint32_t count, bool sync_each);
/* Writes and sends what may go now. */
void extended_proceed(struct sql_client *c);
/* True when the message is what has to come next. */
bool extended_take(struct sql_client *c, const struct pgwire_message *m);
/* An error came: what was asked behind it up to the Sync is not answered. False: no error may come now. */
bool extended_failed(struct sql_client *c);
/* ReadyForQuery; false: not now. */
bool extended_ready(struct sql_client *c, bool *last_out);
/* A new connection has prepared nothing. */
void extended_forget(struct sql_client *c);

/* ---- sql_client_take.c, for the extended protocol ---- */
/* The result that is coming in; NULL: too many. */
struct sql_rows *client_rows(struct sql_client *c);
/* types: of the columns when they are binary; NULL: text. */
bool client_take_row(struct sql_client *c, struct reader *r, const uint32_t *types);

#endif
