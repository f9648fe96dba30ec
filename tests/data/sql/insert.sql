CREATE TABLE t (a int PRIMARY KEY, b text, c numeric(6,2))
----
CREATE TABLE

INSERT INTO t VALUES (1, 'one', 1)
----
INSERT 0 1

INSERT INTO t (c, a) VALUES (2.345, 2)
----
INSERT 0 1

INSERT INTO t (a, b, c) VALUES (3, 'three', NULL), (4, DEFAULT, 4.005), (5, NULL, -5.005)
----
INSERT 0 3

INSERT INTO t (a) VALUES (6), (7)
----
INSERT 0 2

INSERT INTO t VALUES (8)
----
INSERT 0 1

SELECT * FROM t ORDER BY a
----
a int4, b text, c numeric
| 1 | one | 1.00 |
| 2 | <null> | 2.35 |
| 3 | three | <null> |
| 4 | <null> | 4.01 |
| 5 | <null> | -5.01 |
| 6 | <null> | <null> |
| 7 | <null> | <null> |
| 8 | <null> | <null> |
SELECT 8

INSERT INTO t VALUES (9, 'x', 1, 2)
----
ERROR 42601 at 34: INSERT has more expressions than target columns

INSERT INTO t (a, b) VALUES (9)
----
ERROR 42601 at 19: INSERT has more target columns than expressions

INSERT INTO t (a, b) VALUES (9, 'x', 1)
----
ERROR 42601 at 38: INSERT has more expressions than target columns

INSERT INTO t VALUES (9, 'x'), (10)
----
ERROR 42601 at 33: VALUES lists must all be the same length

INSERT INTO t (a, a) VALUES (9, 9)
----
ERROR 42701 at 19: column "a" specified more than once

INSERT INTO t (a, z) VALUES (9, 9)
----
ERROR 42703 at 19: column "z" of relation "t" does not exist

INSERT INTO nosuch VALUES (1)
----
ERROR 42P01 at 13: relation "nosuch" does not exist

INSERT INTO t VALUES ('9', 9, '9')
----
INSERT 0 1

INSERT INTO t VALUES ('x')
----
ERROR 22P02 at 23: invalid input syntax for type integer: "x"

INSERT INTO t VALUES (true)
----
ERROR 42804 at 23: column "a" is of type integer but expression is of type boolean
  hint: You will need to rewrite or cast the expression.

INSERT INTO t VALUES (9.4), (10.5), (11.5)
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(9) already exists.

SELECT a FROM t WHERE a > 8 ORDER BY a
----
a int4
| 9 |
SELECT 1

INSERT INTO t VALUES (3000000000)
----
ERROR 22003: integer out of range

INSERT INTO t VALUES (12, 'x', 10000)
----
ERROR 22003: numeric field overflow
  detail: A field with precision 6, scale 2 must round to an absolute value less than 10^4.

INSERT INTO t VALUES (12, 'x', 9999.995)
----
ERROR 22003: numeric field overflow
  detail: A field with precision 6, scale 2 must round to an absolute value less than 10^4.

INSERT INTO t VALUES (12, 'x', 1e3)
----
INSERT 0 1

INSERT INTO t VALUES (1 + 20, 'a' || 1, 10 / 3.0)
----
INSERT 0 1

SELECT * FROM t WHERE a IN (12, 21) ORDER BY a
----
a int4, b text, c numeric
| 12 | x | 1000.00 |
| 21 | a1 | 3.33 |
SELECT 2

INSERT INTO t VALUES (a, 'x')
----
ERROR 42703 at 23: column "a" does not exist
  hint: There is a column named "a" in table "t", but it cannot be referenced from this part of the query.

INSERT INTO t VALUES (count(*), 'x')
----
ERROR 42803 at 23: aggregate functions are not allowed in VALUES

INSERT INTO t VALUES (22, t.b)
----
ERROR 42P01 at 27: invalid reference to FROM-clause entry for table "t"
  hint: There is an entry for table "t", but it cannot be referenced from this part of the query.

INSERT INTO t AS alias VALUES (22, 'alias')
----
INSERT 0 1

# differs: the scripts run in another schema there.
INSERT INTO public.t VALUES (23, 'public')
----
INSERT 0 1

INSERT INTO t DEFAULT VALUES
----
ERROR 23502: null value in column "a" of relation "t" violates not-null constraint
  detail: Failing row contains (null, null, null).

# Without a primary key equal rows are kept apart.
CREATE TABLE bag (a int, b text)
----
CREATE TABLE

INSERT INTO bag VALUES (1, 'x'), (1, 'x'), (1, 'x'), (NULL, NULL)
----
INSERT 0 4

SELECT count(*), count(a), count(DISTINCT a) FROM bag
----
count int8, count int8, count int8
| 4 | 3 | 1 |
SELECT 1

INSERT INTO bag DEFAULT VALUES
----
INSERT 0 1

SELECT count(*) FROM bag
----
count int8
| 5 |
SELECT 1

DROP TABLE bag
----
DROP TABLE

# Strings have to fit, blanks beyond are cut.
CREATE TABLE s (i int PRIMARY KEY, v varchar(3), c char(3))
----
CREATE TABLE

INSERT INTO s VALUES (1, 'abc   ', 'de   ')
----
INSERT 0 1

INSERT INTO s VALUES (2, 'abcd', 'x')
----
ERROR 22001: value too long for type character varying(3)

INSERT INTO s VALUES (2, 'x', 'abcd')
----
ERROR 22001: value too long for type character(3)

INSERT INTO s VALUES (2, 'äöü', 'äöü')
----
INSERT 0 1

INSERT INTO s VALUES (3, 'abcd'::varchar(3), 'abcd'::char(3))
----
INSERT 0 1

SELECT v, c, length(v), length(c), octet_length(v), octet_length(c), v || '|', c || '|' FROM s
----
v varchar, c bpchar, length int4, length int4, octet_length int4, octet_length int4, ?column? text, ?column? text
| abc | de  | 3 | 2 | 3 | 3 | abc| | de| |
| äöü | äöü | 3 | 3 | 6 | 6 | äöü| | äöü| |
| abc | abc | 3 | 3 | 3 | 3 | abc| | abc| |
SELECT 3

SELECT * FROM s WHERE c = 'de'
----
i int4, v varchar, c bpchar
| 1 | abc | de  |
SELECT 1

SELECT * FROM s WHERE c = 'de '
----
i int4, v varchar, c bpchar
| 1 | abc | de  |
SELECT 1

SELECT * FROM s WHERE v = 'abc '
----
i int4, v varchar, c bpchar
SELECT 0

DROP TABLE s
----
DROP TABLE

DROP TABLE t
----
DROP TABLE
