SHOW TimeZone
----
TimeZone text
| UTC |
SHOW

SHOW timezone
----
TimeZone text
| UTC |
SHOW

SHOW nosuch
----
ERROR 42704: unrecognized configuration parameter "nosuch"

SET application_name = 'x y'
----
SET
(application_name is now "x y")

SHOW application_name
----
application_name text
| x y |
SHOW

SET application_name TO DEFAULT
----
SET
(application_name is now "")

SHOW application_name
----
application_name text
|  |
SHOW

SET application_name = abc
----
SET
(application_name is now "abc")

SHOW application_name
----
application_name text
| abc |
SHOW

RESET application_name
----
RESET
(application_name is now "")

SHOW application_name
----
application_name text
|  |
SHOW

SET nosuch = 1
----
ERROR 42704: unrecognized configuration parameter "nosuch"

SET extra_float_digits = 0
----
SET

SELECT 0.1::float8 + 0.2::float8, 1::float8 / 3, 1::real / 3
----
?column? float8, ?column? float8, ?column? float8
| 0.3 | 0.333333333333333 | 0.333333333333333 |
SELECT 1

SET extra_float_digits = 3
----
SET

SELECT 0.1::float8 + 0.2::float8
----
?column? float8
| 0.30000000000000004 |
SELECT 1

SET extra_float_digits = 4
----
ERROR 22023: 4 is outside the valid range for parameter "extra_float_digits" (-15 .. 3)

SET extra_float_digits = -15
----
SET

SELECT 1::float8 / 3
----
?column? float8
| 0.3 |
SELECT 1

RESET extra_float_digits
----
RESET

SHOW extra_float_digits
----
extra_float_digits text
| 1 |
SHOW

SET statement_timeout = '5s'
----
SET

SHOW statement_timeout
----
statement_timeout text
| 5s |
SHOW

SET statement_timeout = 100
----
SET

SHOW statement_timeout
----
statement_timeout text
| 100ms |
SHOW

SET statement_timeout = '1min'
----
SET

SHOW statement_timeout
----
statement_timeout text
| 1min |
SHOW

SET statement_timeout = -1
----
ERROR 22023: -1 ms is outside the valid range for parameter "statement_timeout" (0 .. 2147483647)

SET statement_timeout = 'x'
----
ERROR 22023: invalid value for parameter "statement_timeout": "x"

SET statement_timeout = 0
----
SET

# The transaction's end takes settings back that were made in it, when it fails.
BEGIN
----
BEGIN
[T]

SET application_name = 'inside'
----
SET
(application_name is now "inside")
[T]

SHOW application_name
----
application_name text
| inside |
SHOW
[T]

ROLLBACK
----
ROLLBACK
(application_name is now "")

SHOW application_name
----
application_name text
|  |
SHOW

BEGIN
----
BEGIN
[T]

SET application_name = 'inside'
----
SET
(application_name is now "inside")
[T]

COMMIT
----
COMMIT

SHOW application_name
----
application_name text
| inside |
SHOW

BEGIN
----
BEGIN
[T]

SET LOCAL application_name = 'local'
----
SET
(application_name is now "local")
[T]

SHOW application_name
----
application_name text
| local |
SHOW
[T]

COMMIT
----
COMMIT
(application_name is now "inside")

SHOW application_name
----
application_name text
| inside |
SHOW

SET LOCAL application_name = 'local'
----
WARNING 25P01: SET LOCAL can only be used in transaction blocks
SET
(application_name is now "inside")

SHOW application_name
----
application_name text
| inside |
SHOW

RESET ALL
----
RESET
(application_name is now "")

SHOW application_name
----
application_name text
|  |
SHOW

SET client_encoding = 'UTF8'
----
SET

SET NAMES 'utf-8'
----
SET

# differs: only UTF8.
SET client_encoding = 'LATIN1'
----
ERROR 0A000: the value "LATIN1" of parameter "client_encoding" is not supported yet

SET standard_conforming_strings = on
----
SET

SET DateStyle = ISO
----
SET

SET DateStyle = 'ISO, DMY'
----
SET
(DateStyle is now "ISO, DMY")

SHOW DateStyle
----
DateStyle text
| ISO, DMY |
SHOW

SELECT '1/2/2003'::date
----
date date
| 2003-02-01 |
SELECT 1

SET DateStyle = 'ISO, MDY'
----
SET
(DateStyle is now "ISO, MDY")

SELECT '1/2/2003'::date
----
date date
| 2003-01-02 |
SELECT 1

RESET DateStyle
----
RESET

SET TimeZone = 'Europe/Berlin'
----
SET
(TimeZone is now "Europe/Berlin")

SHOW TimeZone
----
TimeZone text
| Europe/Berlin |
SHOW

SELECT '2024-07-01 12:00:00+00'::timestamptz, '2024-01-01 12:00:00+00'::timestamptz
----
timestamptz timestamptz, timestamptz timestamptz
| 2024-07-01 14:00:00+02 | 2024-01-01 13:00:00+01 |
SELECT 1

SET TIME ZONE 'america/new_york'
----
SET
(TimeZone is now "America/New_York")

SHOW TimeZone
----
TimeZone text
| America/New_York |
SHOW

SELECT '2024-07-01 12:00:00+00'::timestamptz
----
timestamptz timestamptz
| 2024-07-01 08:00:00-04 |
SELECT 1

SET TIME ZONE 5.5
----
SET
(TimeZone is now "<+05:30>-05:30")

SHOW TimeZone
----
TimeZone text
| <+05:30>-05:30 |
SHOW

SELECT '2024-07-01 12:00:00+00'::timestamptz
----
timestamptz timestamptz
| 2024-07-01 17:30:00+05:30 |
SELECT 1

SET TIME ZONE -8
----
SET
(TimeZone is now "<-08>+08")

SHOW TimeZone
----
TimeZone text
| <-08>+08 |
SHOW

SET TIME ZONE INTERVAL '-03:30' HOUR TO MINUTE
----
SET
(TimeZone is now "<-03:30>+03:30")

SHOW TimeZone
----
TimeZone text
| <-03:30>+03:30 |
SHOW

SET TIME ZONE 'nosuch/zone'
----
ERROR 22023: invalid value for parameter "TimeZone": "nosuch/zone"

SET TIME ZONE LOCAL
----
SET
(TimeZone is now "UTC")

SET TIME ZONE 'UTC'
----
SET

SHOW TimeZone
----
TimeZone text
| UTC |
SHOW

SET TIME ZONE DEFAULT
----
SET

SET TimeZone = 'Europe/Berlin'; DISCARD ALL
----
SET
(TimeZone is now "UTC")
ERROR 25001: DISCARD ALL cannot run inside a transaction block

SHOW TimeZone
----
TimeZone text
| UTC |
SHOW

BEGIN
----
BEGIN
[T]

DISCARD ALL
----
ERROR 25001: DISCARD ALL cannot run inside a transaction block
[E]

ROLLBACK
----
ROLLBACK

DISCARD PLANS
----
DISCARD PLANS

DISCARD TEMP
----
DISCARD TEMP

DISCARD SEQUENCES
----
DISCARD SEQUENCES

# differs
SHOW server_version_num
----
server_version_num text
| 150000 |
SHOW

SHOW transaction_isolation
----
transaction_isolation text
| serializable |
SHOW

SHOW is_superuser
----
is_superuser text
| on |
SHOW

SET is_superuser = off
----
ERROR 55P02: parameter "is_superuser" cannot be changed

SET server_version = '1'
----
ERROR 55P02: parameter "server_version" cannot be changed

SHOW server_encoding
----
server_encoding text
| UTF8 |
SHOW

SHOW search_path
----
search_path text
| "$user", public |
SHOW

SET search_path = public
----
SET

SET search_path TO "$user", public
----
SET

SHOW search_path
----
search_path text
| "$user", public |
SHOW

RESET search_path
----
RESET

SELECT current_user, session_user, current_database(), user, current_role, current_catalog
----
current_user name, session_user name, current_database name, user name, current_role name, current_catalog name
| postgres | postgres | postgres | postgres | postgres | postgres |
SELECT 1

SELECT current_schema()
----
current_schema name
| public |
SELECT 1

SET TIME ZONE INTERVAL '-08:00' HOUR TO MINUTE
----
SET
(TimeZone is now "<-08>+08")

SHOW timezone
----
TimeZone text
| <-08>+08 |
SHOW

SET TIME ZONE INTERVAL '3' HOUR
----
SET
(TimeZone is now "<+03>-03")

SHOW timezone
----
TimeZone text
| <+03>-03 |
SHOW

SET TIME ZONE -7
----
SET
(TimeZone is now "<-07>+07")

SHOW timezone
----
TimeZone text
| <-07>+07 |
SHOW

SET TIME ZONE 5.5
----
SET
(TimeZone is now "<+05:30>-05:30")

SHOW timezone
----
TimeZone text
| <+05:30>-05:30 |
SHOW

SET TIME ZONE LOCAL
----
SET
(TimeZone is now "UTC")

SET TIME ZONE DEFAULT
----
SET

SET TIME ZONE 'UTC'
----
SET

SHOW TIME ZONE
----
TimeZone text
| UTC |
SHOW

SET SESSION statement_timeout = 1000
----
SET

SHOW statement_timeout
----
statement_timeout text
| 1s |
SHOW

SET LOCAL statement_timeout = 2000
----
WARNING 25P01: SET LOCAL can only be used in transaction blocks
SET

SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE
----
SET

SHOW TRANSACTION ISOLATION LEVEL
----
transaction_isolation text
| serializable |
SHOW

SET search_path = public, "A b", pg_catalog
----
SET

SHOW search_path
----
search_path text
| public, "A b", pg_catalog |
SHOW

SET search_path TO DEFAULT
----
SET

RESET search_path
----
RESET

SET statement_timeout TO '1min'
----
SET

SHOW statement_timeout
----
statement_timeout text
| 1min |
SHOW

SET statement_timeout = 1.5
----
SET

SHOW statement_timeout
----
statement_timeout text
| 2ms |
SHOW

SET statement_timeout = on
----
ERROR 22023: invalid value for parameter "statement_timeout": "on"

SET statement_timeout = -1
----
ERROR 22023: -1 ms is outside the valid range for parameter "statement_timeout" (0 .. 2147483647)

SET default_transaction_read_only = TRUE
----
SET
(default_transaction_read_only is now "on")

SHOW default_transaction_read_only
----
default_transaction_read_only text
| on |
SHOW

SET default_transaction_read_only = 0
----
SET
(default_transaction_read_only is now "off")

SHOW default_transaction_read_only
----
default_transaction_read_only text
| off |
SHOW

RESET default_transaction_read_only
----
RESET

SET application_name FROM CURRENT
----
SET

SET client_encoding = utf8
----
SET

SET NAMES 'UTF8'
----
SET

SET NAMES
----
SET

SET SCHEMA 'public'
----
SET

SHOW search_path
----
search_path text
| public |
SHOW

SET ROLE postgres
----
SET

SET ROLE NONE
----
SET

SET SESSION AUTHORIZATION DEFAULT
----
SET

SHOW SESSION AUTHORIZATION
----
session_authorization text
| postgres |
SHOW

RESET SESSION AUTHORIZATION
----
RESET

RESET nosuch
----
ERROR 42704: unrecognized configuration parameter "nosuch"

SET extra_float_digits = 'x'
----
ERROR 22023: invalid value for parameter "extra_float_digits": "x"

SET bytea_output = 'nosuch'
----
ERROR 22023: invalid value for parameter "bytea_output": "nosuch"
  hint: Available values: escape, hex.

SET synchronous_commit = 'maybe'
----
ERROR 22023: invalid value for parameter "synchronous_commit": "maybe"
  hint: Available values: local, remote_write, remote_apply, on, off.

SET client_min_messages = 'loud'
----
ERROR 22023: invalid value for parameter "client_min_messages": "loud"
  hint: Available values: debug5, debug4, debug3, debug2, debug1, log, notice, warning, error.

SET transaction_isolation = 'serializable'
----
SET

SET a, b = 1
----
ERROR 42601 at 6: syntax error at or near ","

SET statement_timeout = 1, 2
----
ERROR 22023: SET statement_timeout takes only one argument

SET DateStyle = 'ISO, DMY'
----
SET
(DateStyle is now "ISO, DMY")

SHOW DateStyle
----
DateStyle text
| ISO, DMY |
SHOW

SET DateStyle = iso, mdy
----
SET
(DateStyle is now "ISO, MDY")

SHOW DateStyle
----
DateStyle text
| ISO, MDY |
SHOW

DISCARD PLANS
----
DISCARD PLANS

DISCARD TEMP
----
DISCARD TEMP

BEGIN; DISCARD ALL
----
BEGIN
ERROR 25001: DISCARD ALL cannot run inside a transaction block
[E]

ROLLBACK
----
ROLLBACK

DISCARD ALL
----
DISCARD ALL

SET TIME ZONE INTERVAL '1 day'
----
ERROR 0A000 at 1: this value is not supported yet

# differs: other settings.
SHOW ALL
----
name text, setting text, description text
| application_name |  | Sets the application name to be reported in statistics and logs. |
| bytea_output | hex | Sets the output format for bytea. |
| client_encoding | UTF8 | Sets the client's character set encoding. |
| client_min_messages | notice | Sets the message levels that are sent to the client. |
| DateStyle | ISO, MDY | Sets the display format for date and time values. |
| default_transaction_deferrable | off | Sets the default deferrable status of new transactions. |
| default_transaction_isolation | serializable | Sets the transaction isolation level of each new transaction. |
| default_transaction_read_only | off | Sets the default read-only status of new transactions. |
| extra_float_digits | 1 | Sets the number of digits displayed for floating-point values. |
| idle_in_transaction_session_timeout | 0 | Sets the maximum allowed idle time between queries, when in a transaction. |
| idle_session_timeout | 0 | Sets the maximum allowed idle time between queries, when not in a transaction. |
| in_hot_standby | off | Shows whether hot standby is currently active. |
| integer_datetimes | on | Shows whether datetimes are integer based. |
| IntervalStyle | postgres | Sets the display format for interval values. |
| is_superuser | on | Shows whether the current user is a superuser. |
| lock_timeout | 0 | Sets the maximum allowed duration of any wait for a lock. |
| log_min_duration_statement | -1 | Sets the minimum execution time above which all statements will be logged. |
| max_identifier_length | 63 | Shows the maximum identifier length. |
| ostraka.idempotency_anchor |  | Says which row the idempotency key belongs to, so that what is kept of it lies beside the row. |
| ostraka.idempotency_key |  | Names the next transaction, so that it happens once however often it is sent. |
| ostraka.idempotency_ttl | 1d | Sets how long the results of a transaction with an idempotency key are kept. |
| ostraka.no_quorum_timeout | 5s | Sets how long a request looks for a quorum. |
| ostraka.read_staleness | 0 | Sets how old what queries read may be, so that replicas can serve it. |
| ostraka.transaction_write_limit | 32MB | Sets how much a transaction may write. |
| role | none | Sets the current role. |
| row_security | on | Enable row security. |
| search_path | "$user", public | Sets the schema search order for names that are not schema-qualified. |
| server_encoding | UTF8 | Shows the server (database) character set encoding. |
| server_version | 15.0 (Ostraka 0.0.1) | Shows the server version. |
| server_version_num | 150000 | Shows the server version as an integer. |
| session_authorization | postgres | Sets the session user name. |
| standard_conforming_strings | on | Causes '...' strings to treat backslashes literally. |
| statement_timeout | 0 | Sets the maximum allowed duration of any statement. |
| synchronous_commit | on | Sets the current transaction's synchronization level. |
| TimeZone | UTC | Sets the time zone for displaying and interpreting time stamps. |
| transaction_deferrable | off | Whether to defer a read-only serializable transaction until it can be executed with no possible serialization failures. |
| transaction_isolation | serializable | Sets the current transaction's isolation level. |
| transaction_read_only | off | Sets the current transaction's read-only status. |
SHOW
