/* A PostgreSQL client of the simulator: one connection, one request at a time, driven by the callbacks of its
 * socket and by one timer. It speaks both protocols, simple and extended. It never waits, its memory is bounded, and it believes nothing: what a server may
 * not send in the state the conversation is in becomes a `violation`.
 *
 * Every call ends in one on_done, except sql_client_close. What on_done gets is valid during the call; the next
 * call may be made inside it. */
#ifndef OSTRAKA_TESTS_SIM_CLUSTER_SQL_CLIENT_H
#define OSTRAKA_TESTS_SIM_CLUSTER_SQL_CLIENT_H

#include "tests/sim/env/sim.h"

#define SQL_CLIENT_RESULTS_MAX 16   /* statements of one query */
#define SQL_CLIENT_CELLS_MAX 4096
#define SQL_CLIENT_INPUT_BYTES_MAX (1u << 20)
#define SQL_CLIENT_TEXT_BYTES_MAX (64u << 10)

enum sql_end {
    SQL_END_OK = 1, /* all statements were executed; the connection goes on */
    SQL_END_ERROR,  /* a statement failed; the connection goes on */
    SQL_END_LOST,   /* the connection is gone; with a sqlstate when the server said why */
};

/* Where the client walks away in the middle of a conversation. */
enum sql_cut {
    SQL_CUT_NONE,
    SQL_CUT_CONNECTED,    /* before the first byte */
    SQL_CUT_STARTUP_HALF, /* within the start-up packet */
    SQL_CUT_STARTUP_SENT, /* without reading the answer */
    SQL_CUT_QUERY_HALF,   /* within the query: it cannot be executed */
    SQL_CUT_QUERY_SENT,   /* without reading the answer */
    SQL_CUT_FIRST_REPLY,  /* within the answer */
    SQL_CUT_LATER_REPLY,  /* behind some messages of the answer */
    SQL_CUT_COUNT
};

struct sql_cell {
    const char *text; /* NULL: SQL's NULL */
    size_t size;
};
struct sql_rows {
    char tag[32];     /* of CommandComplete; empty: the statement did not complete */
    uint32_t column_count, row_count;
    const struct sql_cell *cells; /* row by row */
};
struct sql_result {
    enum sql_end end;
    bool sent;        /* what may be committed was given to the network */
    char state;       /* 'I', 'T', 'E' as the server says; 0: gone */
    char sqlstate[6]; /* of the error, or empty */
    char message[128];
    uint32_t count;
    struct sql_rows results[SQL_CLIENT_RESULTS_MAX];
};

struct sql_client;
struct sql_client_options {
    struct sim *sim;
    struct env *env;
    void (*on_done)(void *ctx, const struct sql_result *result);
    void *ctx;
    bool plain; /* extended protocol without row limits, Flush and Close: nothing is answered before the Sync */
};
struct sql_client *sql_client_create(const struct sql_client_options *options);
/* The environment has been drained. */
void sql_client_destroy(struct sql_client *c);

/* Ends OK when the server is ready for queries. Only when sql_client_closed. */
void sql_client_connect(struct sql_client *c, struct env_addr addr, uint64_t timeout_ns);
/* One simple query. The client must be connected and idle. piece_bytes > 0: sent in pieces of about that size, with
 * pauses. */
void sql_client_query(struct sql_client *c, const char *text, uint64_t timeout_ns, uint32_t piece_bytes);
/* Statements through the extended protocol, with the constants in them as parameters. How is drawn for each: named
 * or not, prepared before, declared types, text or binary, Describe, row limits, Flush. A Sync comes at the end; with
 * sync_each behind each statement from the second on, the later ones all at once. The first must be BEGIN then: if it
 * does not leave a transaction open, the rest is not sent. Results are as of sql_client_query: all cells are
 * text. */
void sql_client_execute(struct sql_client *c, const char *const *texts, uint32_t count, bool sync_each,
                        uint64_t timeout_ns, uint32_t piece_bytes);
/* Asks the server, through a connection of its own, to cancel what this one does then. */
void sql_client_cancel_later(struct sql_client *c, uint64_t delay_ns);
/* The next connection or query is left there. It ends LOST. */
void sql_client_cut(struct sql_client *c, enum sql_cut cut);
/* Takes nothing from the socket for a while. */
void sql_client_read_later(struct sql_client *c, uint64_t duration_ns);
/* Ends the connection; politely: with Terminate. No on_done. Only while nothing is under way. */
void sql_client_close(struct sql_client *c, bool politely);
bool sql_client_connected(const struct sql_client *c);
/* Nothing is left of the last connection: the next may be made. */
bool sql_client_closed(const struct sql_client *c);
/* What the server did that the protocol does not allow; NULL: nothing so far. */
const char *sql_client_violation(const struct sql_client *c);

#endif
