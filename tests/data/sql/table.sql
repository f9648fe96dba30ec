# Every type of a column, and what psql's clients learn of a result.
CREATE TABLE types (b bool, i2 int2, i4 int4, i8 int8, f4 real, f8 float8, n numeric, n2 numeric(10,2), t text, v varchar(5), c char(4), y bytea, ts timestamptz, u uuid, d date, tm time, tsn timestamp, iv interval)
----
CREATE TABLE

SELECT * FROM types
----
b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, n2 numeric, t text, v varchar, c bpchar, y bytea, ts timestamptz, u uuid, d date, tm time, tsn timestamp, iv interval
SELECT 0

INSERT INTO types VALUES (true, 1, 2, 3, 1.5, 2.5, 1.10, 3.456, 'text', 'vchar', 'ch', '\x00ff', '2024-02-29 12:34:56.789+02', '00112233-4455-6677-8899-aabbccddeeff', '2024-02-29', '12:34:56', '2024-02-29 12:34:56', '1 day 2 hours')
----
INSERT 0 1

SELECT * FROM types
----
b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, n2 numeric, t text, v varchar, c bpchar, y bytea, ts timestamptz, u uuid, d date, tm time, tsn timestamp, iv interval
| t | 1 | 2 | 3 | 1.5 | 2.5 | 1.10 | 3.46 | text | vchar | ch   | \x00ff | 2024-02-29 10:34:56.789+00 | 00112233-4455-6677-8899-aabbccddeeff | 2024-02-29 | 12:34:56 | 2024-02-29 12:34:56 | 1 day 02:00:00 |
SELECT 1

INSERT INTO types (b) VALUES (NULL)
----
INSERT 0 1

SELECT * FROM types WHERE b IS NULL
----
b bool, i2 int2, i4 int4, i8 int8, f4 float4, f8 float8, n numeric, n2 numeric, t text, v varchar, c bpchar, y bytea, ts timestamptz, u uuid, d date, tm time, tsn timestamp, iv interval
| <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> |
SELECT 1

DROP TABLE types
----
DROP TABLE

SELECT * FROM types
----
ERROR 42P01 at 15: relation "types" does not exist

# Names of types and what they become.
CREATE TABLE names (a smallint, b integer, c bigint, d double precision, e decimal(5), f character varying(3), g character(2), h timestamp with time zone, i boolean, j char, k varchar, l int, m "char")
----
CREATE TABLE

SELECT * FROM names
----
a int2, b int4, c int8, d float8, e numeric, f varchar, g bpchar, h timestamptz, i bool, j bpchar, k varchar, l int4, m char
SELECT 0

DROP TABLE names
----
DROP TABLE

CREATE TABLE bad (a nosuchtype)
----
ERROR 42704 at 21: type "nosuchtype" does not exist

CREATE TABLE bad (a varchar(0))
----
ERROR 22023 at 21: length for type varchar must be at least 1

CREATE TABLE bad (a char(10485761))
----
ERROR 22023 at 21: length for type char cannot exceed 10485760

CREATE TABLE bad (a numeric(1001))
----
ERROR 22023 at 21: NUMERIC precision 1001 must be between 1 and 1000

CREATE TABLE bad (a numeric(10,2,3))
----
ERROR 22023 at 21: invalid NUMERIC type modifier

CREATE TABLE bad (a int(4))
----
ERROR 42601 at 24: syntax error at or near "("

CREATE TABLE bad (a int, a text)
----
ERROR 42701: column "a" specified more than once

CREATE TABLE bad (a int, "A" text, b int, B int)
----
ERROR 42701: column "b" specified more than once

CREATE TABLE t (a int)
----
CREATE TABLE

CREATE TABLE t (a int)
----
ERROR 42P07: relation "t" already exists

CREATE TABLE IF NOT EXISTS t (a int, b int)
----
NOTICE 42P07: relation "t" already exists, skipping
CREATE TABLE

# differs: another schema there.
CREATE TABLE public.p (a int)
----
CREATE TABLE

CREATE TABLE nosuch.p (a int)
----
ERROR 3F000 at 14: schema "nosuch" does not exist

# differs: another schema there.
SELECT * FROM public.p
----
a int4
SELECT 0

SELECT * FROM nosuch.p
----
ERROR 42P01 at 15: relation "nosuch.p" does not exist

DROP TABLE nosuch.p
----
ERROR 3F000: schema "nosuch" does not exist

DROP TABLE IF EXISTS nosuch.p
----
NOTICE 00000: schema "nosuch" does not exist, skipping
DROP TABLE

# differs: another schema there.
DROP TABLE t, p
----
DROP TABLE

# differs: there the statement before failed.
DROP TABLE IF EXISTS t
----
NOTICE 00000: table "t" does not exist, skipping
DROP TABLE

DROP TABLE t
----
ERROR 42P01: table "t" does not exist

DROP TABLE IF EXISTS t, p
----
NOTICE 00000: table "t" does not exist, skipping
NOTICE 00000: table "p" does not exist, skipping
DROP TABLE

CREATE TABLE one (a int); CREATE TABLE two (a int)
----
CREATE TABLE
CREATE TABLE

DROP TABLE one, nosuch, two
----
ERROR 42P01: table "nosuch" does not exist

SELECT * FROM one
----
a int4
SELECT 0

DROP TABLE IF EXISTS one, nosuch, two
----
NOTICE 00000: table "nosuch" does not exist, skipping
DROP TABLE

# A table without columns has rows.
CREATE TABLE nothing ()
----
CREATE TABLE

INSERT INTO nothing DEFAULT VALUES
----
INSERT 0 1

SELECT * FROM nothing
----
(no columns)
|
SELECT 1

SELECT count(*) FROM nothing
----
count int8
| 1 |
SELECT 1

DROP TABLE nothing
----
DROP TABLE

# Quoted names keep their letters.
CREATE TABLE "Mixed ""Case" ("Sélect" int PRIMARY KEY, "b c" text)
----
CREATE TABLE

INSERT INTO "Mixed ""Case" VALUES (1, 'x')
----
INSERT 0 1

SELECT "Sélect", "b c", "Mixed ""Case"."b c" FROM "Mixed ""Case"
----
Sélect int4, b c text, b c text
| 1 | x | x |
SELECT 1

SELECT sélect FROM "Mixed ""Case"
----
ERROR 42703 at 8: column "sélect" does not exist
  hint: Perhaps you meant to reference the column "Mixed "Case.Sélect".

INSERT INTO "Mixed ""Case" VALUES (1, 'y')
----
ERROR 23505: duplicate key value violates unique constraint "Mixed "Case_pkey"
  detail: Key ("Sélect")=(1) already exists.

DROP TABLE "Mixed ""Case"
----
DROP TABLE

# Names are cut at 63 bytes.
# differs: without a notice.
CREATE TABLE a23456789012345678901234567890123456789012345678901234567890123456789 (b int)
----
CREATE TABLE

SELECT * FROM a23456789012345678901234567890123456789012345678901234567890123
----
b int4
SELECT 0

# differs: without a notice.
DROP TABLE a23456789012345678901234567890123456789012345678901234567890123456789
----
DROP TABLE

# TRUNCATE
CREATE TABLE t (a int PRIMARY KEY, b int)
----
CREATE TABLE

INSERT INTO t VALUES (1, 1), (2, 2)
----
INSERT 0 2

TRUNCATE t
----
TRUNCATE TABLE

SELECT * FROM t
----
a int4, b int4
SELECT 0

INSERT INTO t VALUES (1, 3)
----
INSERT 0 1

TRUNCATE TABLE t, nosuch
----
ERROR 42P01: relation "nosuch" does not exist

SELECT * FROM t
----
a int4, b int4
| 1 | 3 |
SELECT 1

TRUNCATE TABLE ONLY t
----
TRUNCATE TABLE

SELECT count(*) FROM t
----
count int8
| 0 |
SELECT 1

# The first statement after it that uses the table writes.
INSERT INTO t VALUES (1, 1)
----
INSERT 0 1

TRUNCATE t
----
TRUNCATE TABLE

INSERT INTO t VALUES (1, 4)
----
INSERT 0 1

SELECT * FROM t
----
a int4, b int4
| 1 | 4 |
SELECT 1

DELETE FROM t
----
DELETE 1

DROP TABLE t CASCADE
----
DROP TABLE
