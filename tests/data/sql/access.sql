# How many rows are read: only those that the primary key leads to.
CREATE TABLE t (a int PRIMARY KEY, b text)
----
CREATE TABLE

INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e'), (6, 'f'), (7, 'g'), (8, 'h'), (9, 'i'), (10, 'j')
----
INSERT 0 10

@reads
SELECT * FROM t WHERE a = 3
----
a int4, b text
| 3 | c |
SELECT 1
(rows read: 1)

@reads
SELECT * FROM t WHERE 3 = a
----
a int4, b text
| 3 | c |
SELECT 1
(rows read: 1)

@reads
SELECT * FROM t WHERE a = 3 AND b = 'x'
----
a int4, b text
SELECT 0
(rows read: 1)

@reads
SELECT * FROM t WHERE a = 99
----
a int4, b text
SELECT 0
(rows read: 0)

@reads
SELECT count(*) FROM t WHERE a = 3::int8
----
count int8
| 1 |
SELECT 1
(rows read: 1)

@reads
SELECT count(*) FROM t WHERE a = 3.0
----
count int8
| 1 |
SELECT 1
(rows read: 1)

@reads
SELECT count(*) FROM t WHERE a = 3.5
----
count int8
| 0 |
SELECT 1
(rows read: 0)

@reads
SELECT count(*) FROM t WHERE a = 3e0::float8
----
count int8
| 1 |
SELECT 1
(rows read: 1)

@reads
SELECT count(*) FROM t WHERE a = '3'
----
count int8
| 1 |
SELECT 1
(rows read: 1)

@reads
SELECT count(*) FROM t WHERE a = 1 + 2
----
count int8
| 1 |
SELECT 1
(rows read: 1)

@reads
SELECT count(*) FROM t WHERE a = 3000000000
----
count int8
| 0 |
SELECT 1
(rows read: 0)

@reads
SELECT count(*) FROM t WHERE a = NULL
----
count int8
| 0 |
SELECT 1
(rows read: 0)

@reads
SELECT count(*) FROM t WHERE a = 3 AND a = 4
----
count int8
| 0 |
SELECT 1
(rows read: 1)

@reads
SELECT count(*) FROM t WHERE false
----
count int8
| 0 |
SELECT 1
(rows read: 0)

@reads
SELECT count(*) FROM t WHERE a = 3 AND false
----
count int8
| 0 |
SELECT 1
(rows read: 0)

# Ranges
@reads
SELECT a FROM t WHERE a > 7 ORDER BY a
----
a int4
| 8 |
| 9 |
| 10 |
SELECT 3
(rows read: 3)

@reads
SELECT a FROM t WHERE a >= 7 ORDER BY a DESC
----
a int4
| 10 |
| 9 |
| 8 |
| 7 |
SELECT 4
(rows read: 4)

@reads
SELECT a FROM t WHERE a < 3 ORDER BY a
----
a int4
| 1 |
| 2 |
SELECT 2
(rows read: 2)

@reads
SELECT a FROM t WHERE 3 >= a ORDER BY a
----
a int4
| 1 |
| 2 |
| 3 |
SELECT 3
(rows read: 3)

@reads
SELECT a FROM t WHERE a BETWEEN 4 AND 6 ORDER BY a
----
a int4
| 4 |
| 5 |
| 6 |
SELECT 3
(rows read: 3)

@reads
SELECT a FROM t WHERE a BETWEEN 6 AND 4
----
a int4
SELECT 0
(rows read: 0)

@reads
SELECT a FROM t WHERE a > 3 AND a > 5 AND a <= 8 AND a < 8 ORDER BY a
----
a int4
| 6 |
| 7 |
SELECT 2
(rows read: 2)

@reads
SELECT a FROM t WHERE a > 3.5 AND a < 5.5 ORDER BY a
----
a int4
| 4 |
| 5 |
SELECT 2
(rows read: 2)

@reads
SELECT a FROM t WHERE a >= 3.5 AND a <= 5.5 ORDER BY a
----
a int4
| 4 |
| 5 |
SELECT 2
(rows read: 2)

@reads
SELECT a FROM t WHERE a > 8.0 ORDER BY a
----
a int4
| 9 |
| 10 |
SELECT 2
(rows read: 2)

@reads
SELECT a FROM t WHERE a > 8.5::float8 ORDER BY a
----
a int4
| 9 |
| 10 |
SELECT 2
(rows read: 2)

@reads
SELECT a FROM t WHERE a < 1.5::float8 ORDER BY a
----
a int4
| 1 |
SELECT 1
(rows read: 1)

@reads
SELECT count(*) FROM t WHERE a < 3000000000
----
count int8
| 10 |
SELECT 1
(rows read: 10)

@reads
SELECT count(*) FROM t WHERE a > 3000000000
----
count int8
| 0 |
SELECT 1
(rows read: 0)

@reads
SELECT count(*) FROM t WHERE a > -1e30
----
count int8
| 10 |
SELECT 1
(rows read: 10)

@reads
SELECT count(*) FROM t WHERE a > 'NaN'::float8
----
count int8
| 0 |
SELECT 1
(rows read: 0)

@reads
SELECT count(*) FROM t WHERE a < 'NaN'::float8
----
count int8
| 10 |
SELECT 1
(rows read: 10)

@reads
SELECT count(*) FROM t WHERE a <> 3
----
count int8
| 9 |
SELECT 1
(rows read: 10)

@reads
SELECT count(*) FROM t WHERE NOT a = 3
----
count int8
| 9 |
SELECT 1
(rows read: 10)

# Lists
@reads
SELECT a FROM t WHERE a IN (9, 2, 5, 2)
----
a int4
| 2 |
| 5 |
| 9 |
SELECT 3
(rows read: 3)

@reads
SELECT a FROM t WHERE a IN (9, 2, 5, 2) ORDER BY a DESC
----
a int4
| 9 |
| 5 |
| 2 |
SELECT 3
(rows read: 3)

@reads
SELECT a FROM t WHERE a IN (9, 2, NULL, 77)
----
a int4
| 2 |
| 9 |
SELECT 2
(rows read: 2)

@reads
SELECT a FROM t WHERE a IN (9, 2.0, 5.5)
----
a int4
| 2 |
| 9 |
SELECT 2
(rows read: 2)

@reads
SELECT a FROM t WHERE a IN (3000000000, 2)
----
a int4
| 2 |
SELECT 1
(rows read: 1)

@reads
SELECT a FROM t WHERE a = 2 OR a = 9 OR a = 2 ORDER BY a
----
a int4
| 2 |
| 9 |
SELECT 2
(rows read: 2)

@reads
SELECT a FROM t WHERE a = 2 OR a IN (3, 4) ORDER BY a
----
a int4
| 2 |
| 3 |
| 4 |
SELECT 3
(rows read: 3)

@reads
SELECT a FROM t WHERE a = 2 OR b = 'c' ORDER BY a
----
a int4
| 2 |
| 3 |
SELECT 2
(rows read: 10)

@reads
SELECT a FROM t WHERE a NOT IN (1, 2, 3) ORDER BY a
----
a int4
| 4 |
| 5 |
| 6 |
| 7 |
| 8 |
| 9 |
| 10 |
SELECT 7
(rows read: 10)

@reads
SELECT a FROM t WHERE a IN (1, 2, 3) AND a IN (2, 3, 4) ORDER BY a
----
a int4
| 2 |
| 3 |
SELECT 2
(rows read: 3)

@reads
SELECT a FROM t WHERE a IN (1, 2, 3) AND a > 2
----
a int4
| 3 |
SELECT 1
(rows read: 3)

# Order and LIMIT
@reads
SELECT a FROM t ORDER BY a LIMIT 2
----
a int4
| 1 |
| 2 |
SELECT 2
(rows read: 2)

@reads
SELECT a FROM t ORDER BY a DESC LIMIT 2
----
a int4
| 10 |
| 9 |
SELECT 2
(rows read: 2)

@reads
SELECT a FROM t ORDER BY a LIMIT 2 OFFSET 3
----
a int4
| 4 |
| 5 |
SELECT 2
(rows read: 5)

@reads
SELECT a FROM t WHERE a > 4 ORDER BY a LIMIT 1
----
a int4
| 5 |
SELECT 1
(rows read: 1)

@reads
SELECT a FROM t WHERE a > 4 ORDER BY a DESC LIMIT 1
----
a int4
| 10 |
SELECT 1
(rows read: 1)

@reads
SELECT a FROM t WHERE a IN (1, 4, 7) ORDER BY a DESC LIMIT 2
----
a int4
| 7 |
| 4 |
SELECT 2
(rows read: 2)

@reads
SELECT a, b FROM t ORDER BY 1 DESC, b LIMIT 1
----
a int4, b text
| 10 | j |
SELECT 1
(rows read: 1)

@reads
SELECT a FROM t ORDER BY a NULLS FIRST LIMIT 1
----
a int4
| 1 |
SELECT 1
(rows read: 1)

@reads
SELECT a FROM t ORDER BY b LIMIT 1
----
a int4
| 1 |
SELECT 1
(rows read: 10)

@reads
SELECT a FROM t ORDER BY -a LIMIT 1
----
a int4
| 10 |
SELECT 1
(rows read: 10)

@reads
SELECT a FROM t LIMIT 3
----
a int4
| 1 |
| 2 |
| 3 |
SELECT 3
(rows read: 3)

@reads
SELECT a FROM t WHERE b > 'c' LIMIT 2
----
a int4
| 4 |
| 5 |
SELECT 2
(rows read: 5)

@reads
SELECT 1 FROM t LIMIT 0
----
?column? int4
SELECT 0
(rows read: 0)

# Changes read what they change.
@reads
UPDATE t SET b = 'x' WHERE a = 5
----
UPDATE 1
(rows read: 1)

@reads
UPDATE t SET b = 'y' WHERE a IN (5, 6)
----
UPDATE 2
(rows read: 2)

@reads
DELETE FROM t WHERE a = 10
----
DELETE 1
(rows read: 1)

@reads
DELETE FROM t WHERE a > 8
----
DELETE 1
(rows read: 1)

@reads
INSERT INTO t VALUES (11, 'k')
----
INSERT 0 1
(rows read: 0)

DROP TABLE t
----
DROP TABLE

# Keys of several columns
CREATE TABLE k (a int, b text, c int8, d int, PRIMARY KEY (a, b, c))
----
CREATE TABLE

INSERT INTO k VALUES (1, 'x', 1, 1), (1, 'x', 2, 2), (1, 'y', 1, 3), (1, 'y', 2, 4), (2, 'x', 1, 5), (2, 'x', 2, 6), (2, 'y', 1, 7), (2, 'y', 2, 8), (3, 'x', 1, 9)
----
INSERT 0 9

@reads
SELECT d FROM k WHERE a = 1 AND b = 'y' AND c = 2
----
d int4
| 4 |
SELECT 1
(rows read: 1)

@reads
SELECT d FROM k WHERE c = 2 AND b = 'y' AND a = 1
----
d int4
| 4 |
SELECT 1
(rows read: 1)

@reads
SELECT d FROM k WHERE a = 1 AND b = 'y'
----
d int4
| 3 |
| 4 |
SELECT 2
(rows read: 2)

@reads
SELECT d FROM k WHERE a = 1
----
d int4
| 1 |
| 2 |
| 3 |
| 4 |
SELECT 4
(rows read: 4)

@reads
SELECT d FROM k WHERE a = 1 AND c = 2
----
d int4
| 2 |
| 4 |
SELECT 2
(rows read: 4)

@reads
SELECT d FROM k WHERE b = 'y'
----
d int4
| 3 |
| 4 |
| 7 |
| 8 |
SELECT 4
(rows read: 9)

@reads
SELECT d FROM k WHERE a = 1 AND b > 'x'
----
d int4
| 3 |
| 4 |
SELECT 2
(rows read: 2)

@reads
SELECT d FROM k WHERE a = 1 AND b = 'x' AND c > 1
----
d int4
| 2 |
SELECT 1
(rows read: 1)

@reads
SELECT d FROM k WHERE a = 2 AND b >= 'x' AND b < 'y' AND c = 2
----
d int4
| 6 |
SELECT 1
(rows read: 2)

@reads
SELECT d FROM k WHERE a > 1 AND b = 'x'
----
d int4
| 5 |
| 6 |
| 9 |
SELECT 3
(rows read: 5)

@reads
SELECT d FROM k WHERE a IN (1, 3) AND b = 'x'
----
d int4
| 1 |
| 2 |
| 9 |
SELECT 3
(rows read: 3)

@reads
SELECT d FROM k WHERE a IN (1, 2) AND b IN ('x', 'y') AND c = 1
----
d int4
| 1 |
| 3 |
| 5 |
| 7 |
SELECT 4
(rows read: 4)

@reads
SELECT d FROM k WHERE a IN (1, 2) AND b = 'x' AND c >= 2
----
d int4
| 2 |
| 6 |
SELECT 2
(rows read: 2)

@reads
SELECT d FROM k WHERE (a = 1 OR a = 3) AND (b = 'x' OR b = 'y') ORDER BY a, b, c
----
d int4
| 1 |
| 2 |
| 3 |
| 4 |
| 9 |
SELECT 5
(rows read: 5)

# What is fixed need not be sorted by.
@reads
SELECT d FROM k WHERE a = 1 ORDER BY b, c LIMIT 1
----
d int4
| 1 |
SELECT 1
(rows read: 1)

@reads
SELECT d FROM k WHERE a = 1 ORDER BY a, b, c LIMIT 1
----
d int4
| 1 |
SELECT 1
(rows read: 1)

@reads
SELECT d FROM k WHERE a = 1 ORDER BY b DESC, a, c DESC LIMIT 1
----
d int4
| 4 |
SELECT 1
(rows read: 1)

@reads
SELECT d FROM k WHERE a = 1 AND b = 'y' ORDER BY c DESC LIMIT 1
----
d int4
| 4 |
SELECT 1
(rows read: 1)

@reads
SELECT d FROM k WHERE b = 'x' ORDER BY a LIMIT 1
----
d int4
| 1 |
SELECT 1
(rows read: 1)

@reads
SELECT d FROM k WHERE a = 1 ORDER BY c LIMIT 1
----
d int4
| 1 |
SELECT 1
(rows read: 4)

@reads
SELECT d FROM k ORDER BY a, b, c, d LIMIT 1
----
d int4
| 1 |
SELECT 1
(rows read: 1)

@reads
SELECT d FROM k ORDER BY a, b DESC LIMIT 1
----
d int4
| 3 |
SELECT 1
(rows read: 9)

@reads
SELECT d FROM k ORDER BY a DESC, b DESC LIMIT 1
----
d int4
| 9 |
SELECT 1
(rows read: 1)

@reads
SELECT d FROM k WHERE a IN (1, 2) ORDER BY b, c LIMIT 1
----
d int4
| 1 |
SELECT 1
(rows read: 8)

@reads
SELECT d FROM k WHERE a IN (1, 2) ORDER BY a DESC, b DESC, c DESC LIMIT 1
----
d int4
| 8 |
SELECT 1
(rows read: 1)

DROP TABLE k
----
DROP TABLE

# Texts and numbers with more than one look
CREATE TABLE s (v varchar(10) PRIMARY KEY)
----
CREATE TABLE

INSERT INTO s VALUES ('ab'), ('ab '), ('abc'), ('b')
----
INSERT 0 4

@reads
SELECT v FROM s WHERE v = 'ab'
----
v varchar
| ab |
SELECT 1
(rows read: 1)

@reads
SELECT v FROM s WHERE v = 'ab'::text
----
v varchar
| ab |
SELECT 1
(rows read: 1)

@reads
SELECT v || '|' FROM s WHERE v::varchar(2) = 'ab' ORDER BY v
----
?column? text
| ab| |
| ab | |
| abc| |
SELECT 3
(rows read: 4)

@reads
SELECT v || '|' FROM s WHERE v::char(5) = 'ab' ORDER BY v
----
?column? text
| ab| |
| ab | |
SELECT 2
(rows read: 4)

@reads
SELECT v FROM s WHERE v > 'ab' AND v < 'b' ORDER BY v
----
v varchar
| ab  |
| abc |
SELECT 2
(rows read: 2)

@reads
SELECT v FROM s WHERE v LIKE 'ab%' ORDER BY v
----
v varchar
| ab |
| ab  |
| abc |
SELECT 3
(rows read: 4)

DROP TABLE s
----
DROP TABLE

CREATE TABLE n (n numeric PRIMARY KEY)
----
CREATE TABLE

INSERT INTO n VALUES (1.50), (2), (-3)
----
INSERT 0 3

@reads
SELECT n FROM n WHERE n = 1.5
----
n numeric
| 1.50 |
SELECT 1
(rows read: 1)

@reads
SELECT n FROM n WHERE n = 2.000
----
n numeric
| 2 |
SELECT 1
(rows read: 1)

@reads
SELECT n FROM n WHERE n::int = 2 ORDER BY n
----
n numeric
| 1.50 |
| 2 |
SELECT 2
(rows read: 3)

@reads
SELECT n FROM n WHERE n < 1.5::float8 ORDER BY n
----
n numeric
| -3 |
SELECT 1
(rows read: 3)

DROP TABLE n
----
DROP TABLE

CREATE TABLE b (i int8 PRIMARY KEY)
----
CREATE TABLE

INSERT INTO b VALUES (9007199254740992), (9007199254740993), (5)
----
INSERT 0 3

@reads
SELECT i FROM b WHERE i = 9007199254740993::float8 ORDER BY i
----
i int8
| 9007199254740992 |
| 9007199254740993 |
SELECT 2
(rows read: 3)

@reads
SELECT i FROM b WHERE i = 9007199254740993 ORDER BY i
----
i int8
| 9007199254740993 |
SELECT 1
(rows read: 1)

@reads
SELECT i FROM b WHERE i = 5::int2
----
i int8
| 5 |
SELECT 1
(rows read: 1)

@reads
SELECT i FROM b WHERE i < 5.5 ORDER BY i
----
i int8
| 5 |
SELECT 1
(rows read: 1)

DROP TABLE b
----
DROP TABLE

CREATE TABLE f (f float4 PRIMARY KEY)
----
CREATE TABLE

INSERT INTO f VALUES (0.1), (0.5), ('NaN')
----
INSERT 0 3

@reads
SELECT f FROM f WHERE f = 0.1
----
f float4
SELECT 0
(rows read: 3)

@reads
SELECT f FROM f WHERE f = 0.1::float4
----
f float4
| 0.1 |
SELECT 1
(rows read: 1)

@reads
SELECT f FROM f WHERE f = 0.5
----
f float4
| 0.5 |
SELECT 1
(rows read: 1)

@reads
SELECT f FROM f WHERE f = 'NaN'
----
f float4
| NaN |
SELECT 1
(rows read: 1)

@reads
SELECT f FROM f WHERE f > 0.1 ORDER BY f
----
f float4
| 0.1 |
| 0.5 |
| NaN |
SELECT 3
(rows read: 3)

DROP TABLE f
----
DROP TABLE

CREATE TABLE z (ts timestamptz PRIMARY KEY)
----
CREATE TABLE

INSERT INTO z VALUES ('2024-01-01 00:00+00'), ('2024-01-01 12:00+00'), ('infinity')
----
INSERT 0 3

@reads
SELECT ts FROM z WHERE ts = '2024-01-01 13:00+01'
----
ts timestamptz
| 2024-01-01 12:00:00+00 |
SELECT 1
(rows read: 1)

@reads
SELECT ts FROM z WHERE ts = date '2024-01-01'
----
ts timestamptz
| 2024-01-01 00:00:00+00 |
SELECT 1
(rows read: 1)

@reads
SELECT ts FROM z WHERE ts >= timestamp '2024-01-01 06:00' ORDER BY ts
----
ts timestamptz
| 2024-01-01 12:00:00+00 |
| infinity |
SELECT 2
(rows read: 2)

DROP TABLE z
----
DROP TABLE

# Points are fetched together: also the transaction's own rows, missing ones, and large ones.
CREATE TABLE p (a int PRIMARY KEY, b text)
----
CREATE TABLE

INSERT INTO p VALUES (1, repeat('x', 200000)), (2, repeat('y', 200000)), (3, repeat('z', 200000)), (5, '5'), (100, '100')
----
INSERT 0 5

@reads
SELECT a, length(b) FROM p WHERE a IN (1, 2, 3, 4, 5, 100) ORDER BY a
----
a int4, length int4
| 1 | 200000 |
| 2 | 200000 |
| 3 | 200000 |
| 5 | 1 |
| 100 | 3 |
SELECT 5
(rows read: 5)

BEGIN
----
BEGIN
[T]

INSERT INTO p VALUES (4, 'own'), (6, 'own')
----
INSERT 0 2
[T]

DELETE FROM p WHERE a IN (2, 5)
----
DELETE 2
[T]

UPDATE p SET b = 'changed' WHERE a IN (1, 2, 4, 77)
----
UPDATE 2
[T]

@reads
SELECT a, left(b, 10) FROM p WHERE a IN (1, 2, 3, 4, 5, 6, 7, 100) ORDER BY a
----
a int4, left text
| 1 | changed |
| 3 | zzzzzzzzzz |
| 4 | changed |
| 6 | own |
| 100 | 100 |
SELECT 5
[T]
(rows read: 5)

@reads
SELECT a, left(b, 10) FROM p WHERE a IN (1, 2, 3, 4, 5, 6, 7, 100) ORDER BY a DESC LIMIT 3
----
a int4, left text
| 100 | 100 |
| 6 | own |
| 4 | changed |
SELECT 3
[T]
(rows read: 3)

@reads
SELECT a FROM p WHERE a IN (4, 6, 5) ORDER BY a
----
a int4
| 4 |
| 6 |
SELECT 2
[T]
(rows read: 2)

ROLLBACK
----
ROLLBACK

SELECT a FROM p ORDER BY a
----
a int4
| 1 |
| 2 |
| 3 |
| 5 |
| 100 |
SELECT 5

DROP TABLE p
----
DROP TABLE
