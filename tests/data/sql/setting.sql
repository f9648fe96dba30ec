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

# differs
SET TIME ZONE INTERVAL '-03:30' HOUR TO MINUTE
----
ERROR 0A000 at 1: this value is not supported yet

# differs
SHOW TimeZone
----
TimeZone text
| <-08>+08 |
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
