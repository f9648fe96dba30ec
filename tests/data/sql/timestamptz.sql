SELECT '2024-02-29 12:34:56.789+02'::timestamptz, '2024-02-29T12:34:56Z'::timestamptz, '20240229T123456-0530'::timestamptz
----
timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz
| 2024-02-29 10:34:56.789+00 | 2024-02-29 12:34:56+00 | 2024-02-29 18:04:56+00 |
SELECT 1

SELECT '2024-07-01 12:00 Europe/Berlin'::timestamptz, '2024-01-01 12:00 Europe/Berlin'::timestamptz, '2024-07-01 12:00 EST'::timestamptz, '2024-07-01 12:00 America/New_York'::timestamptz
----
timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz
| 2024-07-01 10:00:00+00 | 2024-01-01 11:00:00+00 | 2024-07-01 17:00:00+00 | 2024-07-01 16:00:00+00 |
SELECT 1

SELECT '2024-07-01 12:00 Nosuch/Zone'::timestamptz
----
ERROR 22023 at 8: time zone "nosuch/zone" not recognized

SELECT 'infinity'::timestamptz, '-infinity'::timestamptz, 'epoch'::timestamptz
----
timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz
| infinity | -infinity | 1970-01-01 00:00:00+00 |
SELECT 1

SELECT '294277-01-01'::timestamptz
----
ERROR 22008 at 8: timestamp out of range: "294277-01-01"

SELECT '294276-12-31 23:59:59.999999+00'::timestamptz, '4714-11-24 00:00:00+00 BC'::timestamptz, '0001-01-01 00:00+00'::timestamptz, '0044-03-15 BC'::timestamptz
----
timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz
| 294276-12-31 23:59:59.999999+00 | 4714-11-24 00:00:00+00 BC | 0001-01-01 00:00:00+00 | 0044-03-15 00:00:00+00 BC |
SELECT 1

SELECT '2024-01-01 24:00:00'::timestamptz, '2024-01-01 23:59:60'::timestamptz, '2016-12-31 23:59:60.5+00'::timestamptz
----
ERROR 22008 at 80: date/time field value out of range: "2016-12-31 23:59:60.5+00"

SELECT '2024-01-01 25:00:00'::timestamptz
----
ERROR 22008 at 8: date/time field value out of range: "2024-01-01 25:00:00"

SELECT 'Jan 5, 2024 3:04 PM'::timestamptz, '5 January 2024'::timestamptz, '2024.01.05'::timestamptz, '1/5/2024'::timestamptz, '2024-005'::timestamptz
----
timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz
| 2024-01-05 15:04:00+00 | 2024-01-05 00:00:00+00 | 2024-01-05 00:00:00+00 | 2024-01-05 00:00:00+00 | 2024-01-05 00:00:00+00 |
SELECT 1

SELECT 'x'::timestamptz
----
ERROR 22007 at 8: invalid input syntax for type timestamp with time zone: "x"

SELECT '2024-01-01 00:00:00.1234567+00'::timestamptz, '2024-01-01 00:00:00.1234564+00'::timestamptz, '2024-01-01 00:00:00+00'::timestamptz(0), '2024-01-01 00:00:00.567+00'::timestamptz(1)
----
timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz
| 2024-01-01 00:00:00.123457+00 | 2024-01-01 00:00:00.123456+00 | 2024-01-01 00:00:00+00 | 2024-01-01 00:00:00.6+00 |
SELECT 1

SELECT timestamptz '2024-01-31 00:00+00' + interval '1 month', timestamptz '2024-03-31 00:00+00' - interval '1 month', timestamptz '2024-01-01 00:00+00' + interval '1 day 2:03:04.5'
----
?column? timestamptz, ?column? timestamptz, ?column? timestamptz
| 2024-02-29 00:00:00+00 | 2024-02-29 00:00:00+00 | 2024-01-02 02:03:04.5+00 |
SELECT 1

SELECT timestamptz '2024-03-01 00:00+00' - timestamptz '2024-02-28 12:00+00', timestamp '2024-03-01' - timestamp '2024-02-01', date '2024-03-01' - date '2024-02-01', date '2024-03-01' + 5
----
?column? interval, ?column? interval, ?column? int4, ?column? date
| 1 day 12:00:00 | 29 days | 29 | 2024-03-06 |
SELECT 1

SELECT timestamptz '2024-01-01 00:00+00' < timestamptz '2024-01-01 00:00+01', timestamptz '2024-01-01 00:00+00' = timestamptz '2024-01-01 01:00+01', timestamptz '2024-01-01 00:00+00' > date '2023-12-31'
----
?column? bool, ?column? bool, ?column? bool
| f | t | t |
SELECT 1

SELECT extract(year FROM timestamptz '2024-02-29 12:34:56.789+00'), extract(epoch FROM timestamptz '2024-02-29 12:34:56.789+00'), extract(dow FROM timestamptz '2024-02-29 00:00+00'), extract(doy FROM timestamptz '2024-02-29 00:00+00'), extract(week FROM timestamptz '2024-12-30 00:00+00'), extract(timezone FROM timestamptz '2024-02-29 00:00+00')
----
extract numeric, extract numeric, extract numeric, extract numeric, extract numeric, extract numeric
| 2024 | 1709210096.789000 | 4 | 60 | 1 | 0 |
SELECT 1

SELECT extract(nosuch FROM now())
----
ERROR 22023: unit "nosuch" not recognized for type timestamp with time zone

SELECT date_trunc('month', timestamptz '2024-02-29 12:34:56+00'), date_trunc('week', timestamptz '2024-02-29 12:34:56+00'), date_trunc('hour', timestamp '2024-02-29 12:34:56'), date_trunc('day', timestamptz '2024-02-29 23:34:56+00', 'Europe/Berlin')
----
date_trunc timestamptz, date_trunc timestamptz, date_trunc timestamp, date_trunc timestamptz
| 2024-02-01 00:00:00+00 | 2024-02-26 00:00:00+00 | 2024-02-29 12:00:00 | 2024-02-29 23:00:00+00 |
SELECT 1

SELECT date_part('hour', timestamptz '2024-02-29 12:34:56+00'), age(timestamptz '2024-02-29 00:00+00', timestamptz '2020-01-31 00:00+00')
----
date_part float8, age interval
| 12 | 4 years 29 days |
SELECT 1

SELECT timestamptz '2024-07-01 12:00+00' AT TIME ZONE 'Europe/Berlin', timestamp '2024-07-01 12:00' AT TIME ZONE 'Europe/Berlin', timestamptz '2024-07-01 12:00+00' AT TIME ZONE 'UTC+3', timestamptz '2024-07-01 12:00+00' AT TIME ZONE INTERVAL '-5 hours', timestamptz '2024-07-01 12:00+00' AT TIME ZONE 'PST'
----
timezone timestamp, timezone timestamptz, timezone timestamp, timezone timestamp, timezone timestamp
| 2024-07-01 14:00:00 | 2024-07-01 10:00:00+00 | 2024-07-01 09:00:00 | 2024-07-01 07:00:00 | 2024-07-01 04:00:00 |
SELECT 1

SELECT now() AT TIME ZONE 'nosuch'
----
ERROR 22023: time zone "nosuch" not recognized

SELECT to_char(timestamptz '2024-02-29 12:34:56.789+00', 'YYYY-MM-DD HH24:MI:SS.MS TZ'), to_timestamp(1709210096.789), make_date(2024, 2, 29), make_timestamptz(2024, 2, 29, 1, 2, 3.5)
----
to_char text, to_timestamp timestamptz, make_date date, make_timestamptz timestamptz
| 2024-02-29 12:34:56.789 UTC | 2024-02-29 12:34:56.789+00 | 2024-02-29 | 2024-02-29 01:02:03.5+00 |
SELECT 1

SET TimeZone = 'Europe/Berlin'
----
SET
(TimeZone is now "Europe/Berlin")

SELECT '2024-07-01 12:00'::timestamptz, '2024-01-01 12:00'::timestamptz, '2024-03-31 02:30'::timestamptz, '2024-10-27 02:30'::timestamptz, '2024-07-01 12:00+00'::timestamptz
----
timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz, timestamptz timestamptz
| 2024-07-01 12:00:00+02 | 2024-01-01 12:00:00+01 | 2024-03-31 03:30:00+02 | 2024-10-27 02:30:00+01 | 2024-07-01 14:00:00+02 |
SELECT 1

SELECT '1890-01-01 00:00'::timestamptz, '2024-07-01'::date::timestamptz, timestamptz '2024-07-01 23:30+00'::date, timestamptz '2024-07-01 23:30+00'::timestamp
----
timestamptz timestamptz, timestamptz timestamptz, date date, timestamp timestamp
| 1890-01-01 00:00:00+00:53:28 | 2024-07-01 00:00:00+02 | 2024-07-02 | 2024-07-02 01:30:00 |
SELECT 1

SELECT timestamptz '2024-03-30 12:00' + interval '1 day', timestamptz '2024-03-30 12:00' + interval '24 hours', date_trunc('day', timestamptz '2024-07-01 23:30+00'), extract(hour FROM timestamptz '2024-07-01 12:00+00'), extract(timezone_hour FROM timestamptz '2024-07-01 12:00+00')
----
?column? timestamptz, ?column? timestamptz, date_trunc timestamptz, extract numeric, extract numeric
| 2024-03-31 12:00:00+02 | 2024-03-31 13:00:00+02 | 2024-07-02 00:00:00+02 | 14 | 2 |
SELECT 1

SET TimeZone = 'America/New_York'
----
SET
(TimeZone is now "America/New_York")

SELECT '2024-07-01 12:00+00'::timestamptz, '2024-11-03 01:30'::timestamptz, to_char(timestamptz '2024-07-01 12:00+00', 'HH24:MI OF')
----
timestamptz timestamptz, timestamptz timestamptz, to_char text
| 2024-07-01 08:00:00-04 | 2024-11-03 01:30:00-05 | 08:00 -04 |
SELECT 1

SET TimeZone = 'Asia/Kolkata'
----
SET
(TimeZone is now "Asia/Kolkata")

SELECT '2024-07-01 12:00+00'::timestamptz
----
timestamptz timestamptz
| 2024-07-01 17:30:00+05:30 |
SELECT 1

SET TimeZone = 'EST5EDT'
----
SET
(TimeZone is now "EST5EDT")

SELECT '2024-07-01 12:00+00'::timestamptz, '2024-01-01 12:00+00'::timestamptz
----
timestamptz timestamptz, timestamptz timestamptz
| 2024-07-01 08:00:00-04 | 2024-01-01 07:00:00-05 |
SELECT 1

SET TimeZone = 'Nosuch'
----
ERROR 22023: invalid value for parameter "TimeZone": "Nosuch"

SET TimeZone = '<+03>-3'
----
SET
(TimeZone is now "<+03>-3")

SELECT '2024-07-01 12:00+00'::timestamptz
----
timestamptz timestamptz
| 2024-07-01 15:00:00+03 |
SELECT 1

RESET TimeZone
----
RESET
(TimeZone is now "UTC")

CREATE TABLE t (ts timestamptz PRIMARY KEY, tsn timestamp, ts0 timestamptz(0))
----
CREATE TABLE

INSERT INTO t VALUES ('2024-07-01 12:00 Europe/Berlin', '2024-07-01 12:00 Europe/Berlin', '2024-07-01 12:00:00.5+00'), ('infinity', '-infinity', NULL), ('2024-07-01 12:00+00', '2024-07-01', '2024-07-01')
----
INSERT 0 3

INSERT INTO t VALUES ('2024-07-01 10:00+00')
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (ts)=(2024-07-01 10:00:00+00) already exists.

SELECT * FROM t ORDER BY ts DESC
----
ts timestamptz, tsn timestamp, ts0 timestamptz
| infinity | -infinity | <null> |
| 2024-07-01 12:00:00+00 | 2024-07-01 00:00:00 | 2024-07-01 00:00:00+00 |
| 2024-07-01 10:00:00+00 | 2024-07-01 12:00:00 | 2024-07-01 12:00:01+00 |
SELECT 3

SELECT * FROM t WHERE ts = '2024-07-01 14:00:00+02'
----
ts timestamptz, tsn timestamp, ts0 timestamptz
| 2024-07-01 12:00:00+00 | 2024-07-01 00:00:00 | 2024-07-01 00:00:00+00 |
SELECT 1

SELECT * FROM t WHERE ts > '2024-07-01' AND ts < 'infinity' ORDER BY ts
----
ts timestamptz, tsn timestamp, ts0 timestamptz
| 2024-07-01 10:00:00+00 | 2024-07-01 12:00:00 | 2024-07-01 12:00:01+00 |
| 2024-07-01 12:00:00+00 | 2024-07-01 00:00:00 | 2024-07-01 00:00:00+00 |
SELECT 2

SELECT min(ts), max(ts), count(DISTINCT ts) FROM t
----
min timestamptz, max timestamptz, count int8
| 2024-07-01 10:00:00+00 | infinity | 3 |
SELECT 1

DROP TABLE t
----
DROP TABLE
