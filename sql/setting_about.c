/* A word about each setting, as PostgreSQL says it, for SHOW ALL. In order of name. */
#include "sql/setting.h"

static const struct {
    const char *name, *about;
} texts[] = {
    {"application_name", "Sets the application name to be reported in statistics and logs."},
    {"bytea_output", "Sets the output format for bytea."},
    {"client_encoding", "Sets the client's character set encoding."},
    {"client_min_messages", "Sets the message levels that are sent to the client."},
    {"DateStyle", "Sets the display format for date and time values."},
    {"default_transaction_deferrable",
     "Sets the default deferrable status of new transactions."},
    {"default_transaction_isolation",
     "Sets the transaction isolation level of each new transaction."},
    {"default_transaction_read_only", "Sets the default read-only status of new transactions."},
    {"extra_float_digits", "Sets the number of digits displayed for floating-point values."},
    {"idle_in_transaction_session_timeout",
     "Sets the maximum allowed idle time between queries, when in a transaction."},
    {"idle_session_timeout",
     "Sets the maximum allowed idle time between queries, when not in a transaction."},
    {"in_hot_standby", "Shows whether hot standby is currently active."},
    {"integer_datetimes", "Shows whether datetimes are integer based."},
    {"IntervalStyle", "Sets the display format for interval values."},
    {"is_superuser", "Shows whether the current user is a superuser."},
    {"lock_timeout", "Sets the maximum allowed duration of any wait for a lock."},
    {"log_min_duration_statement",
     "Sets the minimum execution time above which all statements will be logged."},
    {"max_identifier_length", "Shows the maximum identifier length."},
    {"ostraka.idempotency_anchor", "Says which row the idempotency key belongs to, so that what is kept of it lies beside the row."},
    {"ostraka.idempotency_key", "Names the next transaction, so that it happens once however often it is sent."},
    {"ostraka.idempotency_ttl", "Sets how long the results of a transaction with an idempotency key are kept."},
    {"ostraka.no_quorum_timeout", "Sets how long a request looks for a quorum."},
    {"ostraka.read_staleness", "Sets how old what queries read may be, so that replicas can serve it."},
    {"ostraka.transaction_write_limit", "Sets how much a transaction may write."},
    {"role", "Sets the current role."},
    {"row_security", "Enable row security."},
    {"search_path", "Sets the schema search order for names that are not schema-qualified."},
    {"server_encoding", "Shows the server (database) character set encoding."},
    {"server_version", "Shows the server version."},
    {"server_version_num", "Shows the server version as an integer."},
    {"session_authorization", "Sets the session user name."},
    {"standard_conforming_strings", "Causes '...' strings to treat backslashes literally."},
    {"statement_timeout", "Sets the maximum allowed duration of any statement."},
    {"synchronous_commit", "Sets the current transaction's synchronization level."},
    {"TimeZone", "Sets the time zone for displaying and interpreting time stamps."},
    {"transaction_deferrable",
     "Whether to defer a read-only serializable transaction until it can be executed with no possible serialization failures."},
    {"transaction_isolation", "Sets the current transaction's isolation level."},
    {"transaction_read_only", "Sets the current transaction's read-only status."},
};

const char *settings_sorted(uint32_t index, const char **about_out)
{
    if (index >= sizeof texts / sizeof texts[0]) return NULL;
    *about_out = texts[index].about;
    return texts[index].name;
}
