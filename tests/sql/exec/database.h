/* A database for tests of statements: one node of the simulated cluster, and sessions on it. What a
 * statement answers is written down as text, the same text that a script holds (script.h). */
#ifndef OSTRAKA_TESTS_SQL_DATABASE_H
#define OSTRAKA_TESTS_SQL_DATABASE_H

#include "base/buf.h"
#include "sql/session.h"

struct database;

/* Boots; fails the test when the node does not come up. */
struct database *database_create(uint64_t seed);
/* With several data ranges, which begin at these keys. */
struct database *database_create_split(uint64_t seed, const struct bytes *splits, uint32_t split_count);
void database_destroy(struct database *d);

/* The session of this name; opened when it is first asked for. */
struct sql_session *database_session(struct database *d, const char *name);
/* Ends a session as a client that goes away does. No effect when there is none of that name. */
void database_disconnect(struct database *d, const char *name);

/* Runs one text to its end and appends what came of it. copy: what the client sends when it is
 * asked to, or NULL; it arrives in pieces of piece_bytes (0: whole). True when there was no error.
 */
bool database_run(struct database *d, const char *session, const char *text, const char *copy,
                  size_t piece_bytes, struct buf *out);
/* The same for a text that has to answer this. */
void database_must(struct database *d, const char *session, const char *text, const char *expected);

/* Starts a text; database_await runs it to its end, and appends what came of it to out. */
struct call;
struct call *database_start(struct database *d, const char *session, const char *text, struct buf *out);
bool database_await(struct database *d, struct call *call);
void database_run_ns(struct database *d, uint64_t ns);
uint64_t database_now(struct database *d);
/* Of its node. */
struct kv *database_kv(struct database *d);

/* The range that holds the key will be asked to split before it, so much virtual time after now. One at a time. */
void database_split_after(struct database *d, struct bytes key, uint64_t delay_ns);
/* Waits for it; it must have come true. */
void database_split_await(struct database *d);

/* Requests that leaders have served so far, whoever asked. */
uint64_t database_reads(struct database *d);
uint64_t database_commits(struct database *d);
/* Of these, those whose leader asked others before. */
uint64_t database_held(struct database *d);

#endif
