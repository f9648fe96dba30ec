CREATE TABLE t (a int PRIMARY KEY, b text)
----
CREATE TABLE

CREATE TABLE u (ctid int)
----
ERROR 42701: column name "ctid" conflicts with a system column name

CREATE TABLE u (a int, xmin int, tableoid int)
----
ERROR 42701: column name "xmin" conflicts with a system column name

DROP TABLE t, t
----
DROP TABLE

CREATE TABLE t (a int PRIMARY KEY, b text)
----
CREATE TABLE

TRUNCATE t, t
----
TRUNCATE TABLE

VACUUM t
----
VACUUM

VACUUM nosuch
----
ERROR 42P01: relation "nosuch" does not exist

ANALYZE nosuch
----
ERROR 42P01: relation "nosuch" does not exist

ANALYZE t (z)
----
ERROR 42703: column "z" of relation "t" does not exist

ANALYZE t (b)
----
ANALYZE

VACUUM ANALYZE t
----
VACUUM

VACUUM
----
VACUUM

BEGIN
----
BEGIN
[T]

VACUUM t
----
ERROR 25001: VACUUM cannot run inside a transaction block
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

ANALYZE t
----
ANALYZE
[T]

ROLLBACK
----
ROLLBACK

VACUUM t; SELECT 1
----
ERROR 25001: VACUUM cannot run inside a transaction block

SELECT a FROM t WHERE b = '\x' AND a = 1.
----
a int4
SELECT 0

SELECT 'a' 'b'
----
ERROR 42601 at 12: syntax error at or near "'b'"

SELECT 5 AS "a b", 6 b
----
a b int4, b int4
| 5 | 6 |
SELECT 1

SELECT x.y.z.a FROM t
----
ERROR 0A000 at 8: a reference to another database is not supported yet

INSERT INTO t (a, b) VALUES (1, DEFAULT), (DEFAULT, 'x')
----
ERROR 23502: null value in column "a" of relation "t" violates not-null constraint
  detail: Failing row contains (null, x).

UPDATE t SET a = DEFAULT
----
UPDATE 0

SELECT DEFAULT
----
ERROR 42601 at 8: DEFAULT is not allowed in this context

SELECT a FROM t WHERE DEFAULT
----
ERROR 42601 at 23: DEFAULT is not allowed in this context

SELECT count(DEFAULT) FROM t
----
ERROR 42601 at 14: DEFAULT is not allowed in this context

SELECT 1 FROM t GROUP BY DEFAULT
----
ERROR 42601 at 26: DEFAULT is not allowed in this context

SELECT current_date > '2020-01-01', current_timestamp > '2020-01-01', localtime IS NOT NULL, localtimestamp > '2020-01-01'
----
?column? bool, ?column? bool, ?column? bool, ?column? bool
| t | t | t | t |
SELECT 1

SELECT now()::date = current_date
----
?column? bool
| t |
SELECT 1

SELECT pg_typeof(current_date), pg_typeof(current_timestamp), pg_typeof(localtime), pg_typeof(localtimestamp), pg_typeof(current_user)
----
pg_typeof regtype, pg_typeof regtype, pg_typeof regtype, pg_typeof regtype, pg_typeof regtype
| date | timestamp with time zone | time without time zone | timestamp without time zone | name |
SELECT 1

SELECT version() LIKE 'PostgreSQL 15%'
----
?column? bool
| t |
SELECT 1

SELECT a FROM ONLY t
----
a int4
SELECT 0

SELECT * FROM t *
----
a int4, b text
SELECT 0

SELECT a, FROM t
----
ERROR 42601 at 11: syntax error at or near "FROM"

SELECT count(*) FILTER (WHERE count(*) > 1) FROM t
----
ERROR 42803 at 31: aggregate functions are not allowed in FILTER

SELECT sum(a) FILTER (WHERE a) FROM t
----
ERROR 42804 at 29: argument of FILTER must be type boolean, not type integer

SELECT sum(a) FROM t WHERE sum(a) > 1
----
ERROR 42803 at 28: aggregate functions are not allowed in WHERE

SELECT a FROM t GROUP BY sum(a)
----
ERROR 42803 at 26: aggregate functions are not allowed in GROUP BY

SELECT a FROM t ORDER BY sum(a)
----
ERROR 42803 at 8: column "t.a" must appear in the GROUP BY clause or be used in an aggregate function

SELECT a FROM t HAVING a > 1
----
ERROR 42803 at 8: column "t.a" must appear in the GROUP BY clause or be used in an aggregate function

SELECT * FROM t HAVING true
----
ERROR 42803 at 8: column "t.a" must appear in the GROUP BY clause or be used in an aggregate function

SELECT max(a) FROM t HAVING max(a) IS NULL
----
max int4
| <null> |
SELECT 1

SELECT a FROM t GROUP BY a, a, b ORDER BY b
----
a int4
SELECT 0

SELECT b FROM t GROUP BY a
----
b text
SELECT 0

SELECT lower(b) FROM t GROUP BY b
----
lower text
SELECT 0

SELECT a + 1 FROM t GROUP BY a + 1
----
?column? int4
SELECT 0

SELECT a + 2 FROM t GROUP BY a + 1
----
ERROR 42803 at 8: column "t.a" must appear in the GROUP BY clause or be used in an aggregate function

INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'x')
----
INSERT 0 3

SELECT b, count(*) FROM t GROUP BY b HAVING b > 'x'
----
b text, count int8
| y | 1 |
SELECT 1

SELECT b AS a, count(*) FROM t GROUP BY a ORDER BY 1
----
a text, count int8
| x | 1 |
| x | 1 |
| y | 1 |
SELECT 3

SELECT min(b || 'z'), max(length(b)) FROM t
----
min text, max int4
| xz | 1 |
SELECT 1

SELECT sum(a) AS s FROM t ORDER BY s
----
s int8
| 6 |
SELECT 1

SELECT sum(a) AS s FROM t HAVING s > 1
----
ERROR 42703 at 34: column "s" does not exist

SELECT b, sum(a) s FROM t GROUP BY b ORDER BY s DESC
----
b text, s int8
| x | 4 |
| y | 2 |
SELECT 2

SELECT b, sum(a) s FROM t GROUP BY b ORDER BY s + 1 DESC
----
ERROR 42703 at 47: column "s" does not exist

SELECT b, sum(a) s FROM t GROUP BY b ORDER BY sum(a) + 1 DESC
----
b text, s int8
| x | 4 |
| y | 2 |
SELECT 2

SELECT DISTINCT b, length(b) FROM t ORDER BY length(b), b
----
b text, length int4
| x | 1 |
| y | 1 |
SELECT 2

SELECT DISTINCT b FROM t ORDER BY length(b)
----
ERROR 42P10 at 35: for SELECT DISTINCT, ORDER BY expressions must appear in select list

SELECT t.b FROM t ORDER BY t.b, a DESC
----
b text
| x |
| x |
| y |
SELECT 3

UPDATE t SET b = b || a WHERE a > 1
----
UPDATE 2

SELECT * FROM t ORDER BY a
----
a int4, b text
| 1 | x |
| 2 | y2 |
| 3 | x3 |
SELECT 3

UPDATE t SET a = a + 10 WHERE b LIKE 'x%'
----
UPDATE 2

SELECT * FROM t ORDER BY a
----
a int4, b text
| 2 | y2 |
| 11 | x |
| 13 | x3 |
SELECT 3

DELETE FROM t WHERE b IN ('y2', 'q')
----
DELETE 1

SELECT * FROM t ORDER BY a
----
a int4, b text
| 11 | x |
| 13 | x3 |
SELECT 2

DROP TABLE t
----
DROP TABLE
