/* ostraka.txn_status(id): what became of a transaction whose outcome a client was not told (08007). */
#include "sql/session_int.h"

enum status session_txn_status(void *ctx, struct sql_eval *e, struct bytes text, const char **status_out)
{
    static const char *const words[] = {[TXN_OUTCOME_COMMITTED] = "committed",
                                        [TXN_OUTCOME_ABORTED] = "aborted",
                                        [TXN_OUTCOME_IN_PROGRESS] = "in progress",
                                        [TXN_OUTCOME_EXPIRED] = "expired"};
    struct sql_session *s = ctx;
    struct txn_id id;
    enum txn_outcome outcome;
    uint64_t ts;
    enum status status = STATUS_INVALID;
    if (s->txn == NULL)
        return sql_eval_fail(e, SQLSTATE_FEATURE_NOT_SUPPORTED, "ostraka.txn_status cannot be called here");
    if (txn_id_parse(text, &id)) status = txn_outcome_of(s->txn, id, &outcome, &ts);
    if (status == STATUS_INVALID)
        return sql_eval_fail(e, SQLSTATE_INVALID_PARAMETER_VALUE, "\"%.*s\" is not the id of a transaction",
                             SQL_SHOWN(text));
    struct exec x = {.arena = e->arena, .error = e->error, .txn = s->txn};
    if (status == STATUS_OK) *status_out = words[outcome];
    else exec_fail(&x, status);
    return status;
}
