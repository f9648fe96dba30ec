CREATE TABLE t (a int PRIMARY KEY, b int, c text)
----
CREATE TABLE

INSERT INTO t VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c'), (4, NULL, NULL)
----
INSERT 0 4

UPDATE t SET b = b + 1
----
UPDATE 4

UPDATE t SET b = a, a = b WHERE a = 1
----
UPDATE 1

SELECT * FROM t ORDER BY a
----
a int4, b int4, c text
| 2 | 21 | b |
| 3 | 31 | c |
| 4 | <null> | <null> |
| 11 | 1 | a |
SELECT 4

UPDATE t SET c = 'x' WHERE a = 99
----
UPDATE 0

UPDATE t SET c = upper(c) || b WHERE b >= 20
----
UPDATE 2

SELECT * FROM t ORDER BY a
----
a int4, b int4, c text
| 2 | 21 | B21 |
| 3 | 31 | C31 |
| 4 | <null> | <null> |
| 11 | 1 | a |
SELECT 4

# Keys may change, also onto keys that the statement itself frees... which PostgreSQL refuses when it meets them first.
UPDATE t SET a = a + 100
----
UPDATE 4

SELECT a FROM t ORDER BY a
----
a int4
| 102 |
| 103 |
| 104 |
| 111 |
SELECT 4

UPDATE t SET a = 104 WHERE a = 103
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(104) already exists.

UPDATE t SET a = NULL WHERE a = 103
----
ERROR 23502: null value in column "a" of relation "t" violates not-null constraint
  detail: Failing row contains (null, 31, C31).

UPDATE t SET a = a WHERE a = 103
----
UPDATE 1

UPDATE t SET z = 1
----
ERROR 42703 at 14: column "z" of relation "t" does not exist

UPDATE t SET b = 1, b = 2
----
ERROR 42601: multiple assignments to same column "b"

UPDATE t SET b = 'x'
----
ERROR 22P02 at 18: invalid input syntax for type integer: "x"

UPDATE t SET b = 'x'::text
----
ERROR 42804 at 18: column "b" is of type integer but expression is of type text
  hint: You will need to rewrite or cast the expression.

UPDATE t SET b = 1.5 WHERE a = 104
----
UPDATE 1

SELECT b FROM t WHERE a = 104
----
b int4
| 2 |
SELECT 1

UPDATE t SET b = count(*)
----
ERROR 42803 at 18: aggregate functions are not allowed in UPDATE

UPDATE t SET b = 1 WHERE count(*) > 1
----
ERROR 42803 at 26: aggregate functions are not allowed in WHERE

UPDATE t SET b = 1 WHERE b
----
ERROR 42804 at 26: argument of WHERE must be type boolean, not type integer

UPDATE nosuch SET b = 1
----
ERROR 42P01 at 8: relation "nosuch" does not exist

UPDATE t AS x SET b = x.a WHERE x.a = 104
----
UPDATE 1

UPDATE t AS x SET b = t.a WHERE x.a = 104
----
ERROR 42P01 at 23: invalid reference to FROM-clause entry for table "t"
  hint: Perhaps you meant to reference the table alias "x".

UPDATE t SET t.b = 1
----
ERROR 0A000 at 14: a part of a column is not supported yet

UPDATE t SET b = b / 0 WHERE a = 104
----
ERROR 22012: division by zero

SELECT * FROM t ORDER BY a
----
a int4, b int4, c text
| 102 | 21 | B21 |
| 103 | 31 | C31 |
| 104 | 104 | <null> |
| 111 | 1 | a |
SELECT 4

DELETE FROM t WHERE a = 104
----
DELETE 1

DELETE FROM t WHERE a = 104
----
DELETE 0

DELETE FROM t AS x WHERE x.b IS NOT NULL AND x.a > 102
----
DELETE 2

SELECT a FROM t ORDER BY a
----
a int4
| 102 |
SELECT 1

DELETE FROM t WHERE z = 1
----
ERROR 42703 at 21: column "z" does not exist

DELETE FROM nosuch
----
ERROR 42P01 at 13: relation "nosuch" does not exist

DELETE FROM t
----
DELETE 1

SELECT * FROM t
----
a int4, b int4, c text
SELECT 0

DROP TABLE t
----
DROP TABLE

CREATE TABLE bag (a int, b text)
----
CREATE TABLE

INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (2, 'y')
----
INSERT 0 3

UPDATE bag SET a = a + 1
----
UPDATE 3

SELECT * FROM bag ORDER BY a, b
----
a int4, b text
| 2 | x |
| 2 | x |
| 3 | y |
SELECT 3

DELETE FROM bag WHERE a = 2
----
DELETE 2

SELECT * FROM bag
----
a int4, b text
| 3 | y |
SELECT 1

DROP TABLE bag
----
DROP TABLE

# Rows that are locked are read with their locks, as many at a time as a reply holds (8 MiB).
CREATE TABLE heavy (k int PRIMARY KEY, v text)
----
CREATE TABLE

INSERT INTO heavy SELECT g, repeat('x', 20000) FROM generate_series(1, 600) g
----
INSERT 0 600

BEGIN
----
BEGIN
[T]

UPDATE heavy SET v = k WHERE v <> ''
----
UPDATE 600
[T]

COMMIT
----
COMMIT

SELECT count(*), min(length(v)), max(length(v)) FROM heavy
----
count int8, min int4, max int4
| 600 | 1 | 3 |
SELECT 1

DROP TABLE heavy
----
DROP TABLE
