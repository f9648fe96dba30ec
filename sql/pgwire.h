/* The framing of PostgreSQL's protocol, version 3 (PostgreSQL 15, chapter 55): pure, for both directions.
 * A message is a type byte, a big-endian length that counts itself, and a body. */
#ifndef OSTRAKA_SQL_PGWIRE_H
#define OSTRAKA_SQL_PGWIRE_H

#include "base/buf.h"
#include "base/codec.h"
#include "sql/error.h"

#define PGWIRE_VERSION_3 196608u
#define PGWIRE_SSL_REQUEST 80877103u
#define PGWIRE_GSSENC_REQUEST 80877104u
#define PGWIRE_CANCEL_REQUEST 80877102u
#define PGWIRE_STARTUP_BYTES_MAX 10000u
#define PGWIRE_STATEMENT_BYTES_MAX (16u << 20)
#define PGWIRE_MESSAGE_BYTES_MAX (PGWIRE_STATEMENT_BYTES_MAX + 1024)

enum pgwire_parse { PGWIRE_MORE, PGWIRE_MESSAGE, PGWIRE_TOO_LARGE, PGWIRE_BAD };

struct pgwire_message {
    uint8_t type;       /* 0: a start-up packet */
    struct bytes body;  /* view into the input */
    size_t size;        /* bytes of the input it takes */
};
/* The message at the front of the input. startup: it has no type byte. TOO_LARGE: size is what it would take. */
enum pgwire_parse pgwire_next(struct bytes input, bool startup, struct pgwire_message *message);

/* A text up to its NUL; sets failed when there is none. */
const char *pgwire_text(struct reader *r);

/* Writing: begin, put_..., end. */
size_t pgwire_begin(struct buf *out, uint8_t type);
void pgwire_end(struct buf *out, size_t start);
void pgwire_put_text(struct buf *out, const char *text);
/* ErrorResponse ('E') or NoticeResponse ('N'). */
void pgwire_put_error(struct buf *out, uint8_t type, const char *severity, const struct sql_error *error);

#endif
