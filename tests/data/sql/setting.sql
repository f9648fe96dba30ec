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
(application_name is now "x y")
SET

SHOW application_name
----
application_name text
| x y |
SHOW

SET application_name TO DEFAULT
----
(application_name is now "")
SET

SHOW application_name
----
application_name text
|  |
SHOW

SET application_name = abc
----
(application_name is now "abc")
SET

SHOW application_name
----
application_name text
| abc |
SHOW

RESET application_name
----
(application_name is now "")
RESET

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
| 0.30000000000000004 | 0.3333333333333333 | 0.3333333333333333 |
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
SET

SET extra_float_digits = -15
----
SET

SELECT 1::float8 / 3
----
?column? float8
| 0.3333333333333333 |
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
| 100 |
SHOW

SET statement_timeout = '1min'
----
ERROR 22023: invalid value for parameter "statement_timeout": "1min"

SHOW statement_timeout
----
statement_timeout text
| 100 |
SHOW

SET statement_timeout = -1
----
ERROR 22023: invalid value for parameter "statement_timeout": "-1"

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
(application_name is now "inside")
SET
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

SHOW application_name
----
application_name text
| inside |
SHOW

BEGIN
----
BEGIN
[T]

SET application_name = 'inside'
----
(application_name is now "inside")
SET
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
(application_name is now "local")
SET
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

SHOW application_name
----
application_name text
| local |
SHOW

SET LOCAL application_name = 'local'
----
(application_name is now "local")
SET

SHOW application_name
----
application_name text
| local |
SHOW

RESET ALL
----
RESET

SHOW application_name
----
application_name text
|  |
SHOW

SET client_encoding = 'UTF8'
----
(client_encoding is now "UTF8")
SET

SET NAMES 'utf-8'
----
(client_encoding is now "UTF8")
SET

# differs: only UTF8.
SET client_encoding = 'LATIN1'
----
ERROR 55P02: parameter "client_encoding" can only be "UTF8"

SET standard_conforming_strings = on
----
(standard_conforming_strings is now "on")
SET

SET DateStyle = ISO
----
(DateStyle is now "ISO, MDY")
SET

SET DateStyle = 'ISO, DMY'
----
(DateStyle is now "ISO, MDY")
SET

SHOW DateStyle
----
DateStyle text
| ISO, MDY |
SHOW

SELECT '1/2/2003'::date
----
date date
| 2003-01-02 |
SELECT 1

SET DateStyle = 'ISO, MDY'
----
(DateStyle is now "ISO, MDY")
SET

SELECT '1/2/2003'::date
----
date date
| 2003-01-02 |
SELECT 1

RESET DateStyle
----
(DateStyle is now "ISO, MDY")
RESET

SET TimeZone = 'Europe/Berlin'
----
ERROR 0A000: time zones other than UTC are not supported yet

SHOW TimeZone
----
TimeZone text
| UTC |
SHOW

SELECT '2024-07-01 12:00:00+00'::timestamptz, '2024-01-01 12:00:00+00'::timestamptz
----
timestamptz timestamptz, timestamptz timestamptz
| 2024-07-01 12:00:00+00 | 2024-01-01 12:00:00+00 |
SELECT 1

SET TIME ZONE 'america/new_york'
----
ERROR 0A000: time zones other than UTC are not supported yet

SHOW TimeZone
----
TimeZone text
| UTC |
SHOW

SELECT '2024-07-01 12:00:00+00'::timestamptz
----
timestamptz timestamptz
| 2024-07-01 12:00:00+00 |
SELECT 1

SET TIME ZONE 5.5
----
ERROR 0A000: time zones other than UTC are not supported yet

SHOW TimeZone
----
TimeZone text
| UTC |
SHOW

SELECT '2024-07-01 12:00:00+00'::timestamptz
----
timestamptz timestamptz
| 2024-07-01 12:00:00+00 |
SELECT 1

SET TIME ZONE -8
----
ERROR 0A000: time zones other than UTC are not supported yet

SHOW TimeZone
----
TimeZone text
| UTC |
SHOW

SET TIME ZONE INTERVAL '-03:30' HOUR TO MINUTE
----
ERROR 0A000 at 1: this value is not supported yet

SHOW TimeZone
----
TimeZone text
| UTC |
SHOW

SET TIME ZONE 'nosuch/zone'
----
ERROR 0A000: time zones other than UTC are not supported yet

SET TIME ZONE LOCAL
----
(TimeZone is now "UTC")
SET

SET TIME ZONE 'UTC'
----
(TimeZone is now "UTC")
SET

SHOW TimeZone
----
TimeZone text
| UTC |
SHOW

SET TIME ZONE DEFAULT
----
(TimeZone is now "UTC")
SET

SET TimeZone = 'Europe/Berlin'; DISCARD ALL
----
ERROR 0A000: time zones other than UTC are not supported yet

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
DISCARD ALL
[T]

ROLLBACK
----
ROLLBACK

DISCARD PLANS
----
DISCARD ALL

DISCARD TEMP
----
DISCARD ALL

DISCARD SEQUENCES
----
DISCARD ALL

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
ERROR 55P02: parameter "is_superuser" can only be "on"

SET server_version = '1'
----
ERROR 55P02: parameter "server_version" can only be "15.0 (Ostraka 0.0.1)"

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
| $user, public |
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
