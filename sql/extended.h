/* The messages of the extended query protocol (PostgreSQL 15, 55.2.3 and 55.7): Parse, Bind, Describe, Execute,
 * Close, Sync. What they mean is the session's business (session.h); here they are read and answered. */
#ifndef OSTRAKA_SQL_EXTENDED_H
#define OSTRAKA_SQL_EXTENDED_H

#include "sql/pgwire.h"
#include "sql/session.h"

struct extended {
    struct sql_session *session;
    struct buf *out;
    const struct sql_sink *sink;
    /* While Execute runs: the client knows the columns, and has chosen their formats. */
    bool executing;
    const uint16_t *formats;
    uint32_t format_count;
};

bool extended_is(uint8_t message_type);
/* True when the message is an Execute that cannot be judged before the type of the next one is known. */
bool extended_waits(uint8_t message_type, struct bytes behind);
/* [fiber] Handles one message. behind: what has arrived after it. False: sql_session_failed, *error has to be sent, and all
 * up to the next Sync passed over; unless sql_session_batch_again. A Sync is not handled here but by extended_sync. */
bool extended_handle(struct extended *x, const struct pgwire_message *m, struct bytes behind,
                     struct sql_error *error);
/* 0 text, 1 binary. */
uint16_t extended_format(const struct extended *x, uint32_t column);
/* RowDescription. formats NULL: all text. */
void extended_put_columns(struct buf *out, const struct sql_result_column *columns, uint32_t count,
                          const uint16_t *formats, uint32_t format_count);

#endif
