CREATE TABLE t (a int PRIMARY KEY, b int DEFAULT 7, c text CHECK (c <> 'bad'))
----
CREATE TABLE

INSERT INTO t VALUES (1, 10, 'x') RETURNING a
----
a int4
| 1 |
INSERT 0 1

INSERT INTO t (a) VALUES (2), (3) RETURNING *
----
a int4, b int4, c text
| 2 | 7 | <null> |
| 3 | 7 | <null> |
INSERT 0 2

INSERT INTO t (a, c) VALUES (4, 'y') RETURNING t.a AS key, b + 1, upper(c), t.*, 'literal', now() > '2000-01-01'
----
key int4, ?column? int4, upper text, a int4, b int4, c text, ?column? text, ?column? bool
| 4 | 8 | Y | 4 | 7 | y | literal | t |
INSERT 0 1

INSERT INTO t AS target (a, c) VALUES (5, 'z') RETURNING target.c, target.*
----
c text, a int4, b int4, c text
| z | 5 | 7 | z |
INSERT 0 1

# The table is known by its alias only.
INSERT INTO t AS target (a, c) VALUES (6, 'z') RETURNING t.c
----
ERROR 42P01 at 58: invalid reference to FROM-clause entry for table "t"
  hint: Perhaps you meant to reference the table alias "target".

INSERT INTO t (a) VALUES (6) RETURNING nothing
----
ERROR 42703 at 40: column "nothing" does not exist

INSERT INTO t (a) VALUES (6) RETURNING count(*)
----
ERROR 42803 at 40: aggregate functions are not allowed in RETURNING

INSERT INTO t (a) VALUES (6) RETURNING u.*
----
ERROR 42P01 at 40: missing FROM-clause entry for table "u"

# What fails returns nothing.
INSERT INTO t (a, c) VALUES (6, 'fine'), (7, 'bad') RETURNING a
----
ERROR 23514: new row for relation "t" violates check constraint "t_c_check"
  detail: Failing row contains (7, 7, bad).

INSERT INTO t (a) VALUES (6), (1) RETURNING a
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(1) already exists.

INSERT INTO t (a, b) VALUES (6, 0) RETURNING 1 / b
----
ERROR 22012: division by zero

SELECT count(*) FROM t
----
count int8
| 5 |
SELECT 1

UPDATE t SET b = b + 1 WHERE a <= 2 RETURNING a, b, b - 1 AS before
----
a int4, b int4, before int4
| 1 | 11 | 10 |
| 2 | 8 | 7 |
UPDATE 2

UPDATE t AS u SET b = 0, c = 'w' WHERE u.a = 3 RETURNING u.*
----
a int4, b int4, c text
| 3 | 0 | w |
UPDATE 1

UPDATE t SET b = 0 WHERE a = 99 RETURNING a
----
a int4
UPDATE 0

UPDATE t SET a = a + 100 WHERE a = 5 RETURNING *
----
a int4, b int4, c text
| 105 | 7 | z |
UPDATE 1

UPDATE t SET b = 1 RETURNING 1 / (b - 1)
----
ERROR 22012: division by zero

UPDATE t SET b = 'q' RETURNING missing
----
ERROR 42703 at 32: column "missing" does not exist

DELETE FROM t WHERE a > 100 RETURNING *
----
a int4, b int4, c text
| 105 | 7 | z |
DELETE 1

DELETE FROM t AS d WHERE a = 4 RETURNING d.a, 'gone' AS what, c || '!'
----
a int4, what text, ?column? text
| 4 | gone | y! |
DELETE 1

DELETE FROM t WHERE a = 4 RETURNING *
----
a int4, b int4, c text
DELETE 0

# Several columns at once.
UPDATE t SET (b, c) = (b * 2, 'pair') WHERE a = 1 RETURNING *
----
a int4, b int4, c text
| 1 | 22 | pair |
UPDATE 1

UPDATE t SET (b, c) = ROW(DEFAULT, 'row') WHERE a = 1 RETURNING *
----
a int4, b int4, c text
| 1 | 7 | row |
UPDATE 1

UPDATE t SET (b, c) = (1, 2, 3) WHERE a = 1
----
ERROR 42601 at 23: number of columns does not match number of values

UPDATE t SET (b) = (1) WHERE a = 1
----
ERROR 0A000 at 21: source for a multiple-column UPDATE item must be a sub-SELECT or ROW() expression

UPDATE t SET (b, b) = (1, 2) WHERE a = 1
----
ERROR 42601: multiple assignments to same column "b"

UPDATE t SET (b, d) = (1, 2) WHERE a = 1
----
ERROR 42703 at 18: column "d" of relation "t" does not exist

# Within a transaction the rows come with the statement.
BEGIN
----
BEGIN
[T]

INSERT INTO t (a) VALUES (8) RETURNING a
----
a int4
| 8 |
INSERT 0 1
[T]

UPDATE t SET b = 80 WHERE a = 8 RETURNING *
----
a int4, b int4, c text
| 8 | 80 | <null> |
UPDATE 1
[T]

DELETE FROM t WHERE a = 8 RETURNING b
----
b int4
| 80 |
DELETE 1
[T]

INSERT INTO t (a) VALUES (8) RETURNING a
----
a int4
| 8 |
INSERT 0 1
[T]

INSERT INTO t (a) VALUES (9), (8) RETURNING a
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(8) already exists.
[E]

ROLLBACK
----
ROLLBACK

# One transaction of several statements.
INSERT INTO t (a) VALUES (8) RETURNING a; UPDATE t SET b = 81 WHERE a = 8 RETURNING b; DELETE FROM t WHERE a = 8 RETURNING a, b
----
a int4
| 8 |
INSERT 0 1
b int4
| 81 |
UPDATE 1
a int4, b int4
| 8 | 81 |
DELETE 1

SELECT * FROM t ORDER BY a
----
a int4, b int4, c text
| 1 | 7 | row |
| 2 | 8 | <null> |
| 3 | 0 | w |
SELECT 3

PREPARE p (int, text) AS INSERT INTO t (a, c) VALUES ($1, $2) RETURNING a * 2 AS twice, c
----
PREPARE

EXECUTE p (20, 'prepared')
----
twice int4, c text
| 40 | prepared |
INSERT 0 1

EXECUTE p (21, NULL)
----
twice int4, c text
| 42 | <null> |
INSERT 0 1

PREPARE d AS DELETE FROM t WHERE a >= $1 RETURNING *
----
PREPARE

EXECUTE d (20)
----
a int4, b int4, c text
| 20 | 7 | prepared |
| 21 | 7 | <null> |
DELETE 2

# Types and widths as the table has them.
CREATE TABLE w (k char(4) PRIMARY KEY, n numeric(6, 2), v varchar(3), f float8, s smallint)
----
CREATE TABLE

INSERT INTO w VALUES ('ab', 1.005, 'abc', 0.1, 3) RETURNING k, n, v, f, s, k || '|', s + 1
----
k bpchar, n numeric, v varchar, f float8, s int2, ?column? text, ?column? int4
| ab   | 1.01 | abc | 0.1 | 3 | ab| | 4 |
INSERT 0 1

INSERT INTO w VALUES ('ac', 1, 'abcd', 0.1, 3) RETURNING *
----
ERROR 22001: value too long for type character varying(3)

DROP TABLE w
----
DROP TABLE

DROP TABLE t
----
DROP TABLE

# Without a key, too.
CREATE TABLE h (a int, b text)
----
CREATE TABLE

INSERT INTO h VALUES (1, 'x'), (1, 'x') RETURNING b, a
----
b text, a int4
| x | 1 |
| x | 1 |
INSERT 0 2

UPDATE h SET a = a + 1 RETURNING *
----
a int4, b text
| 2 | x |
| 2 | x |
UPDATE 2

DELETE FROM h RETURNING a
----
a int4
| 2 |
| 2 |
DELETE 2

DROP TABLE h
----
DROP TABLE

# Several columns from a subquery.
CREATE TABLE s (k int PRIMARY KEY, v int, w text)
----
CREATE TABLE

INSERT INTO s VALUES (1, 10, 'a'), (2, 20, 'b'), (3, 30, 'c')
----
INSERT 0 3

UPDATE s SET (v, w) = (SELECT o.v + 1, o.w || '!' FROM s o WHERE o.k = s.k + 1) WHERE k < 3 RETURNING *
----
k int4, v int4, w text
| 1 | 21 | b! |
| 2 | 31 | c! |
UPDATE 2

UPDATE s SET (v, w) = (SELECT sum(v), max(w) FROM s) WHERE k = 3 RETURNING *
----
k int4, v int4, w text
| 3 | 82 | c! |
UPDATE 1

UPDATE s SET (v, w) = (SELECT 1, 'x' WHERE false), k = 9 WHERE k = 3 RETURNING *
----
k int4, v int4, w text
| 9 | <null> | <null> |
UPDATE 1

UPDATE s SET (v, w) = (SELECT v, w FROM s) WHERE k = 1
----
ERROR 21000: more than one row returned by a subquery used as an expression

UPDATE s SET (v, w) = (SELECT v FROM s)
----
ERROR 42601 at 23: number of columns does not match number of values

# differs: there at the expression.
UPDATE s SET (v, w) = (SELECT w, v FROM s WHERE k = 1) WHERE k = 1
----
ERROR 42804 at 23: column "v" is of type integer but expression is of type text
  hint: You will need to rewrite or cast the expression.

DELETE FROM s WHERE v = (SELECT max(v) FROM s) RETURNING (SELECT count(*) FROM s), k
----
count int8, k int4
| 3 | 2 |
DELETE 1

INSERT INTO s VALUES (1, 5, 'q') ON CONFLICT (k) DO UPDATE SET (v, w) = (SELECT excluded.v + s.v, 'joined') RETURNING *
----
k int4, v int4, w text
| 1 | 26 | joined |
INSERT 0 1

DROP TABLE s
----
DROP TABLE
