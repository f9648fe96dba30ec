SELECT md5(''), md5('abc'), md5('message digest'), md5(repeat('a', 1000)), md5('\x00ff'::bytea), md5(NULL)
----
md5 text, md5 text, md5 text, md5 text, md5 text, md5 text
| d41d8cd98f00b204e9800998ecf8427e | 900150983cd24fb0d6963f7d28e17f72 | f96b697d7cb7938d525a2f31aaf161d0 | cabe45dcc9ae5b66ba86600cca6b8ba8 | d07d34efac6328007ad67c7e0a985e00 | <null> |
SELECT 1

SELECT md5(repeat('x', 55)), md5(repeat('x', 56)), md5(repeat('x', 63)), md5(repeat('x', 64)), md5(repeat('x', 119)), md5(repeat('x', 120))
----
md5 text, md5 text, md5 text, md5 text, md5 text, md5 text
| 04364420e25c512fd958a70738aa8f72 | 668a72d5ba17f08e62dabcafad6db14b | 7dc2ca208106a2f703567bdff99d8981 | c1bb4f81d892b2d57947682aeb252456 | ab347a5f68c8a443cfcddc633f12c24f | fb98667f98096de92620b64f46e1c5b5 |
SELECT 1

SELECT sha224('abc'), sha256('abc'), sha384('abc'), sha512('abc')
----
sha224 bytea, sha256 bytea, sha384 bytea, sha512 bytea
| \x23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7 | \xba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad | \xcb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7 | \xddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f |
SELECT 1

SELECT sha256(''), sha512(''), sha256(repeat('x', 56)::bytea), sha512(repeat('x', 112)::bytea), sha256(repeat('x', 1000)::bytea), sha512(repeat('x', 1000)::bytea)
----
sha256 bytea, sha512 bytea, sha256 bytea, sha512 bytea, sha256 bytea, sha512 bytea
| \xe3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 | \xcf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e | \x04c26261370ee7541549d16dee320c723e3fd14671e66a099afe0a377c16888e | \xa3722b515ef40c910f2419f6e0da8ca51d410114ce6272faae64045f9e9f630e7fa8dd5a3243c9860b899d148c3da4bc0f9e07454542604d030bb55531fe0d5b | \x44f8354494a5ba03ba1792a8d3e9c534c47a9181980fde7a3f44b06ef2ae7c7f | \xae13575c5d98bfa689617bb19f0f55efdd52b39397fd620bcd1fbc03fda979e6b69bfba24698176eafe766d31c48b70273b03198064323082e04cc4eb9126310 |
SELECT 1

SELECT encode(sha256('secret'), 'hex')
----
encode text
| 2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b |
SELECT 1

SELECT acos(0.5), asin(0.5), atan(0.5), atan2(1, 2), cot(0.5), sinh(1), cosh(1), tanh(1), asinh(1), acosh(2), atanh(0.5)
----
acos float8, asin float8, atan float8, atan2 float8, cot float8, sinh float8, cosh float8, tanh float8, asinh float8, acosh float8, atanh float8
| 1.0471975511965979 | 0.5235987755982989 | 0.4636476090008061 | 0.4636476090008061 | 1.830487721712452 | 1.1752011936438014 | 1.5430806348152437 | 0.7615941559557649 | 0.881373587019543 | 1.3169578969248166 | 0.5493061443340548 |
SELECT 1

SELECT acos(1.5)
----
ERROR 22003: input is out of range

SELECT asin(-2)
----
ERROR 22003: input is out of range

SELECT acosh(0.5)
----
ERROR 22003: input is out of range

SELECT atanh(2)
----
ERROR 22003: input is out of range

SELECT cot('infinity')
----
ERROR 22003: input is out of range

SELECT atan('infinity'), sinh('-infinity'), atanh(1), cot(0), acos('NaN')
----
atan float8, sinh float8, atanh float8, cot float8, acos float8
| 1.5707963267948966 | -Infinity | Infinity | Infinity | NaN |
SELECT 1

SELECT current_setting('standard_conforming_strings'), current_setting('TimeZone')
----
current_setting text, current_setting text
| on | UTC |
SELECT 1

SELECT current_setting('missing.one', true)
----
current_setting text
| <null> |
SELECT 1

SELECT current_setting('missing')
----
ERROR 42704: unrecognized configuration parameter "missing"

SELECT set_config('application_name', 'me', false)
----
set_config text
| me |
SELECT 1
(application_name is now "me")

SELECT current_setting('application_name')
----
current_setting text
| me |
SELECT 1

SHOW application_name
----
application_name text
| me |
SHOW

BEGIN
----
BEGIN
[T]

SELECT set_config('application_name', 'inside', true)
----
set_config text
| inside |
SELECT 1
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
(application_name is now "me")

SHOW application_name
----
application_name text
| me |
SHOW

SELECT set_config('statement_timeout', 'nonsense', false)
----
ERROR 22023: invalid value for parameter "statement_timeout": "nonsense"

SELECT set_config('statement_timeout', '70s', false)
----
set_config text
| 70s |
SELECT 1

SELECT set_config('statement_timeout', NULL, false)
----
set_config text
| 0 |
SELECT 1

SELECT set_config(NULL, 'x', false)
----
ERROR 22004: SET requires parameter name

SELECT pg_sleep(0), pg_sleep(0.001), pg_sleep(-1)
----
pg_sleep void, pg_sleep void, pg_sleep void
|  |  |  |
SELECT 1

SET statement_timeout = 50
----
SET

SELECT pg_sleep(100)
----
ERROR 57014: canceling statement due to statement timeout

SELECT pg_sleep_for('5 minutes')
----
ERROR 57014: canceling statement due to statement timeout

RESET statement_timeout
----
RESET

SELECT pg_sleep_for('1 millisecond')
----
pg_sleep_for void
|  |
SELECT 1

SELECT pg_is_in_recovery(), pg_trigger_depth(), inet_client_port() IS NULL, inet_server_addr() IS NULL
----
pg_is_in_recovery bool, pg_trigger_depth int4, ?column? bool, ?column? bool
| f | 0 | t | t |
SELECT 1

SELECT obj_description(1, 'pg_class'), col_description(1, 1), shobj_description(999999, 'pg_database')
----
obj_description text, col_description text, shobj_description text
| <null> | <null> | <null> |
SELECT 1

SELECT pg_get_userbyid(10), pg_get_userbyid(999999), pg_encoding_to_char(6), pg_char_to_encoding('utf8'), pg_char_to_encoding('nonsense'), pg_client_encoding(), getdatabaseencoding()
----
pg_get_userbyid name, pg_get_userbyid name, pg_encoding_to_char name, pg_char_to_encoding int4, pg_char_to_encoding int4, pg_client_encoding name, getdatabaseencoding name
| postgres | unknown (OID=999999) | UTF8 | 6 | -1 | UTF8 | UTF8 |
SELECT 1

SELECT has_database_privilege('postgres', 'CONNECT'), has_schema_privilege('public', 'USAGE'), has_schema_privilege('postgres', 'public', 'CREATE')
----
has_database_privilege bool, has_schema_privilege bool, has_schema_privilege bool
| t | t | t |
SELECT 1

SELECT pg_size_pretty(0::bigint), pg_size_pretty(10239::bigint), pg_size_pretty(10240::bigint), pg_size_pretty(-10240::bigint), pg_size_pretty(1048576::bigint), pg_size_pretty(123456789012::bigint), pg_size_pretty(9223372036854775807)
----
pg_size_pretty text, pg_size_pretty text, pg_size_pretty text, pg_size_pretty text, pg_size_pretty text, pg_size_pretty text, pg_size_pretty text
| 0 bytes | 10239 bytes | 10 kB | -10 kB | 1024 kB | 115 GB | 8192 PB |
SELECT 1

SELECT format_type(23, NULL), format_type(1043, 14), current_database(), version() LIKE 'PostgreSQL 15%'
----
format_type text, format_type text, current_database name, ?column? bool
| integer | character varying(10) | postgres | t |
SELECT 1

# Types as columns and as keys.
CREATE TABLE types (d date, t time, ts timestamp, tz timestamptz, i interval, f4 real, f8 double precision, u uuid, b bytea, o bool, n numeric, v varchar(5), c char(5), PRIMARY KEY (d, t, ts, tz, i, f4, f8, u, b, o, n, v, c))
----
CREATE TABLE

INSERT INTO types VALUES ('2024-02-29', '12:34:56.789', '2024-02-29 12:34:56', '2024-02-29 12:34:56+02', '1 mon 2 days 03:04:05', 1.5, -2.5, '00112233-4455-6677-8899-aabbccddeeff', '\x00ff', true, 12.50, 'abc', 'abc') RETURNING *
----
d date, t time, ts timestamp, tz timestamptz, i interval, f4 float4, f8 float8, u uuid, b bytea, o bool, n numeric, v varchar, c bpchar
| 2024-02-29 | 12:34:56.789 | 2024-02-29 12:34:56 | 2024-02-29 10:34:56+00 | 1 mon 2 days 03:04:05 | 1.5 | -2.5 | 00112233-4455-6677-8899-aabbccddeeff | \x00ff | t | 12.50 | abc | abc   |
INSERT 0 1

INSERT INTO types VALUES ('0044-03-15 BC', '00:00', '-infinity', 'infinity', '-1 year', 'NaN', '-infinity', '00000000-0000-0000-0000-000000000000', '', false, 'NaN', '', '') RETURNING d, t, ts, tz, i, f4, f8, n
----
d date, t time, ts timestamp, tz timestamptz, i interval, f4 float4, f8 float8, n numeric
| 0044-03-15 BC | 00:00:00 | -infinity | infinity | -1 years | NaN | -Infinity | NaN |
INSERT 0 1

SELECT d, t FROM types WHERE d = '2024-02-29' AND t > '12:00' AND t <= time '12:34:56.789'
----
d date, t time
| 2024-02-29 | 12:34:56.789 |
SELECT 1

SELECT count(*) FROM types WHERE ts < '2024-01-01'
----
count int8
| 1 |
SELECT 1

SELECT d FROM types ORDER BY d, t
----
d date
| 0044-03-15 BC |
| 2024-02-29 |
SELECT 2

INSERT INTO types SELECT * FROM types WHERE o
----
ERROR 23505: duplicate key value violates unique constraint "types_pkey"
  detail: Key (d, t, ts, tz, i, f4, f8, u, b, o, n, v, c)=(2024-02-29, 12:34:56.789, 2024-02-29 12:34:56, 2024-02-29 10:34:56+00, 1 mon 2 days 03:04:05, 1.5, -2.5, 00112233-4455-6677-8899-aabbccddeeff, \x00ff, t, 12.50, abc, abc  ) already exists.

UPDATE types SET i = i + '1 day', t = t + interval '1 hour', d = d + 1, ts = ts + interval '1 month' WHERE o RETURNING d, t, ts, i
----
d date, t time, ts timestamp, i interval
| 2024-03-01 | 13:34:56.789 | 2024-03-29 12:34:56 | 1 mon 3 days 03:04:05 |
UPDATE 1

COPY types TO STDOUT
----
copy of 13 columns
> 0044-03-15 BC	00:00:00	-infinity	infinity	-1 years	NaN	-Infinity	00000000-0000-0000-0000-000000000000	\\x	f	NaN		     
> 2024-03-01	13:34:56.789	2024-03-29 12:34:56	2024-02-29 10:34:56+00	1 mon 3 days 03:04:05	1.5	-2.5	00112233-4455-6677-8899-aabbccddeeff	\\x00ff	t	12.50	abc	abc  
COPY 2

COPY (SELECT d, t, ts, tz, i, f4, f8, u, b, o, n, v, c FROM types WHERE o) TO STDOUT (FORMAT binary)
----
copy of 13 columns, binary
> 5047434f50590aff0d0a000000000000000000000d000000040000227a000000080000000b6279ca08000000080002b7caa2cc5c00000000080002b581943f34000000001000000002925553400000000300000001000000043fc0000000000008c0040000000000000000001000112233445566778899aabbccddeeff0000000200ff00000001010000000c0002000000000002000c138800000003616263000000056162632020
> ffff
COPY 1

DELETE FROM types WHERE d > 'today'::date - 100000 AND o
----
DELETE 1

DROP TABLE types
----
DROP TABLE

# What pgbench loads.
CREATE TABLE history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22))
----
CREATE TABLE

INSERT INTO history (tid, bid, aid, delta, mtime) VALUES (1, 2, 3, 4, CURRENT_TIMESTAMP)
----
INSERT 0 1

INSERT INTO history SELECT 1, 1, 1, 1, '2024-01-01 00:00:00', ''
----
INSERT 0 1

SELECT count(mtime), min(filler) FROM history
----
count int8, min bpchar
| 2 |                        |
SELECT 1

DROP TABLE history
----
DROP TABLE

SELECT format('Hello %s', 'World'), format('%s-%s', 1, true), format('%%'), format('plain'), format(NULL, 1)
----
format text, format text, format text, format text, format text
| Hello World | 1-t | % | plain | <null> |
SELECT 1

SELECT format('INSERT INTO %I VALUES(%L)', 'Foo bar', E'O\'Reilly'), format('%I', 'plain'), format('%L', NULL), format('%s', NULL), format('[%10s][%-10s][%3s]', 'foo', 'foo', 'longer')
----
format text, format text, format text, format text, format text
| INSERT INTO "Foo bar" VALUES('O''Reilly') | plain | NULL |  | [       foo][foo       ][longer] |
SELECT 1

SELECT format('%2$s %1$s', 'a', 'b'), format('%1$s %s', 'a', 'b'), format('|%*s|%-*s|', 5, 'x', 5, 'y'), format('|%2$*1$s|', 6, 'z'), format('|%*s|', -5, 'x')
----
format text, format text, format text, format text, format text
| b a | a b | |    x|y    | | |     z| | |x    | |
SELECT 1

SELECT format('%')
----
ERROR 22023: unterminated format() type specifier
  hint: For a single "%" use "%%".

SELECT format('%z', 1)
----
ERROR 22023: unrecognized format() type specifier "z"
  hint: For a single "%" use "%%".

SELECT format('%s %s', 1)
----
ERROR 22023: too few arguments for format()

SELECT format('%0$s', 1)
----
ERROR 22023: format specifies argument 0, but arguments are numbered from 1

SELECT format('%I', NULL)
----
ERROR 22004: null values cannot be formatted as an SQL identifier

SELECT format('%-')
----
ERROR 22023: unterminated format() type specifier
  hint: For a single "%" use "%%".

SELECT format('%s', 1.50::numeric), format('%s', '2024-01-02'::date), format('ü%3sü', 'ö')
----
format text, format text, format text
| 1.50 | 2024-01-02 | ü  öü |
SELECT 1

SET TimeZone = 'UTC'
----
SET

SELECT to_date('2024-02-03', 'YYYY-MM-DD'), to_date('03/02/2024', 'DD/MM/YYYY'), to_date('20240203', 'YYYYMMDD'), to_date('03 Feb 2024', 'DD Mon YYYY'), to_date('february 3, 2024', 'month DD, YYYY')
----
to_date date, to_date date, to_date date, to_date date, to_date date
| 2024-02-03 | 2024-02-03 | 2024-02-03 | 2024-02-03 | 2024-02-03 |
SELECT 1

SELECT to_date('24-2-3', 'YY-MM-DD'), to_date('70-2-3', 'YY-MM-DD'), to_date('69-2-3', 'YY-MM-DD'), to_date('2024 034', 'YYYY DDD'), to_date('2460344', 'J'), to_date('44-03-15 BC', 'YYYY-MM-DD BC')
----
to_date date, to_date date, to_date date, to_date date, to_date date, to_date date
| 2024-02-03 | 1970-02-03 | 2069-02-03 | 2024-02-03 | 2024-02-03 | 0044-03-15 BC |
SELECT 1

SELECT to_timestamp('2024-02-03 04:05:06', 'YYYY-MM-DD HH24:MI:SS'), to_timestamp('2024-02-03 04:05:06.789', 'YYYY-MM-DD HH24:MI:SS.MS'), to_timestamp('2024-02-03 04:05:06.123456', 'YYYY-MM-DD HH24:MI:SS.US')
----
to_timestamp timestamptz, to_timestamp timestamptz, to_timestamp timestamptz
| 2024-02-03 04:05:06+00 | 2024-02-03 04:05:06.789+00 | 2024-02-03 04:05:06.123456+00 |
SELECT 1

SELECT to_timestamp('03.02.2024 11:30 PM', 'DD.MM.YYYY HH12:MI PM'), to_timestamp('03.02.2024 12:30 am', 'DD.MM.YYYY HH:MI am'), to_timestamp('20240203040506', 'YYYYMMDDHH24MISS'), to_timestamp('2024-02-03T04:05:06', 'YYYY-MM-DD"T"HH24:MI:SS')
----
to_timestamp timestamptz, to_timestamp timestamptz, to_timestamp timestamptz, to_timestamp timestamptz
| 2024-02-03 23:30:00+00 | 2024-02-03 00:30:00+00 | 2024-02-03 04:05:06+00 | 2024-02-03 04:05:06+00 |
SELECT 1

SELECT to_timestamp('2024-02-03 04:05 +02:30', 'YYYY-MM-DD HH24:MI TZH:TZM'), to_timestamp('2024-02-03 04:05 -0330', 'YYYY-MM-DD HH24:MI TZHTZM')
----
to_timestamp timestamptz, to_timestamp timestamptz
| 2024-02-03 01:35:00+00 | 2024-02-03 07:35:00+00 |
SELECT 1

SELECT to_timestamp('2024', 'YYYY'), to_timestamp('', 'YYYY-MM-DD'), to_date('  2024  -  02 - 03', 'YYYY-MM-DD'), to_timestamp('45000', 'SSSSS')
----
to_timestamp timestamptz, to_timestamp timestamptz, to_date date, to_timestamp timestamptz
| 2024-01-01 00:00:00+00 | 0001-01-01 00:00:00+00 BC | 2024-02-03 | 0001-01-01 12:30:00+00 BC |
SELECT 1

SELECT to_date('2024-02-30', 'YYYY-MM-DD')
----
ERROR 22008: date/time field value out of range: "2024-02-30"

SELECT to_date('2024-13-01', 'YYYY-MM-DD')
----
ERROR 22008: date/time field value out of range: "2024-13-01"

SELECT to_date('no date', 'YYYY-MM-DD')
----
ERROR 22007: invalid value "no d" for "YYYY"
  detail: Value must be an integer.

SELECT to_date('03 Fob 2024', 'DD Mon YYYY')
----
ERROR 22007: invalid value "Fob" for "Mon"
  detail: The given value did not match any of the allowed values for this field.

SELECT to_timestamp('25:00', 'HH24:MI')
----
ERROR 22008: date/time field value out of range: "25:00"

SELECT to_timestamp('13:00 PM', 'HH12:MI PM')
----
ERROR 22007: hour "13" is invalid for the 12-hour clock
  hint: Use the 24-hour clock, or give an hour between 1 and 12.

SELECT to_date('2024-05', 'IYYY-IW')
----
ERROR 0A000: "iyyy" in to_date and to_timestamp is not supported yet
