CREATE TABLE t (a int PRIMARY KEY, b int NOT NULL, c int DEFAULT 7, d text DEFAULT 'x' || 'y', CHECK (b > 0), CONSTRAINT small CHECK (c < 100))
----
CREATE TABLE

INSERT INTO t (a, b) VALUES (1, 1)
----
INSERT 0 1

SELECT * FROM t
----
a int4, b int4, c int4, d text
| 1 | 1 | 7 | xy |
SELECT 1

INSERT INTO t (a, b) VALUES (1, 2)
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(1) already exists.

INSERT INTO t (a) VALUES (2)
----
ERROR 23502: null value in column "b" of relation "t" violates not-null constraint
  detail: Failing row contains (2, null, 7, xy).

INSERT INTO t (b) VALUES (2)
----
ERROR 23502: null value in column "a" of relation "t" violates not-null constraint
  detail: Failing row contains (null, 2, 7, xy).

INSERT INTO t VALUES (2, 0)
----
ERROR 23514: new row for relation "t" violates check constraint "t_b_check"
  detail: Failing row contains (2, 0, 7, xy).

INSERT INTO t VALUES (2, 1, 100)
----
ERROR 23514: new row for relation "t" violates check constraint "small"
  detail: Failing row contains (2, 1, 100, xy).

INSERT INTO t VALUES (2, 1, NULL, NULL)
----
INSERT 0 1

INSERT INTO t VALUES (3, 1, DEFAULT, DEFAULT), (4, 1, 5)
----
ERROR 42601 at 49: VALUES lists must all be the same length

SELECT * FROM t ORDER BY a
----
a int4, b int4, c int4, d text
| 1 | 1 | 7 | xy |
| 2 | 1 | <null> | <null> |
SELECT 2

UPDATE t SET b = NULL WHERE a = 1
----
ERROR 23502: null value in column "b" of relation "t" violates not-null constraint
  detail: Failing row contains (1, null, 7, xy).

UPDATE t SET b = -1 WHERE a = 1
----
ERROR 23514: new row for relation "t" violates check constraint "t_b_check"
  detail: Failing row contains (1, -1, 7, xy).

UPDATE t SET a = 2 WHERE a = 1
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(2) already exists.

UPDATE t SET c = DEFAULT, d = DEFAULT WHERE a = 2
----
UPDATE 1

SELECT * FROM t WHERE a = 2
----
a int4, b int4, c int4, d text
| 2 | 1 | 7 | xy |
SELECT 1

DROP TABLE t
----
DROP TABLE

# Two rows of one statement with one key.
CREATE TABLE t (a int PRIMARY KEY, b text)
----
CREATE TABLE

INSERT INTO t VALUES (1, 'a'), (2, 'b'), (1, 'c')
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(1) already exists.

SELECT count(*) FROM t
----
count int8
| 0 |
SELECT 1

INSERT INTO t VALUES (1, 'a'); INSERT INTO t VALUES (1, 'b')
----
INSERT 0 1
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(1) already exists.

SELECT count(*) FROM t
----
count int8
| 0 |
SELECT 1

DROP TABLE t
----
DROP TABLE

# Composite keys, named constraints, keys of every type.
CREATE TABLE t (a int, b text, c bool, CONSTRAINT "the key" PRIMARY KEY (b, a))
----
CREATE TABLE

INSERT INTO t VALUES (1, 'x', true), (2, 'x', false), (1, 'y', NULL)
----
INSERT 0 3

INSERT INTO t VALUES (1, 'x', false)
----
ERROR 23505: duplicate key value violates unique constraint "the key"
  detail: Key (b, a)=(x, 1) already exists.

INSERT INTO t (a, c) VALUES (1, true)
----
ERROR 23502: null value in column "b" of relation "t" violates not-null constraint
  detail: Failing row contains (1, null, t).

SELECT * FROM t ORDER BY b, a
----
a int4, b text, c bool
| 1 | x | t |
| 2 | x | f |
| 1 | y | <null> |
SELECT 3

DROP TABLE t
----
DROP TABLE

CREATE TABLE k (n numeric PRIMARY KEY)
----
CREATE TABLE

INSERT INTO k VALUES (1.0), (1.10), (-2), ('NaN'), (100000000000000000000), (0.000001), ('Infinity')
----
INSERT 0 7

INSERT INTO k VALUES (1)
----
ERROR 23505: duplicate key value violates unique constraint "k_pkey"
  detail: Key (n)=(1) already exists.

INSERT INTO k VALUES (1.1)
----
ERROR 23505: duplicate key value violates unique constraint "k_pkey"
  detail: Key (n)=(1.1) already exists.

SELECT * FROM k ORDER BY n
----
n numeric
| -2 |
| 0.000001 |
| 1.0 |
| 1.10 |
| 100000000000000000000 |
| Infinity |
| NaN |
SELECT 7

DROP TABLE k
----
DROP TABLE

CREATE TABLE k (c char(5) PRIMARY KEY)
----
CREATE TABLE

INSERT INTO k VALUES ('ab'), ('abc'), ('a')
----
INSERT 0 3

INSERT INTO k VALUES ('ab   ')
----
ERROR 23505: duplicate key value violates unique constraint "k_pkey"
  detail: Key (c)=(ab   ) already exists.

SELECT c, length(c), c || '|' FROM k ORDER BY c DESC
----
c bpchar, length int4, ?column? text
| abc   | 3 | abc| |
| ab    | 2 | ab| |
| a     | 1 | a| |
SELECT 3

DROP TABLE k
----
DROP TABLE

CREATE TABLE k (f float8 PRIMARY KEY)
----
CREATE TABLE

INSERT INTO k VALUES (0), (1e300), (-1e-300), ('NaN'), ('-Infinity')
----
INSERT 0 5

INSERT INTO k VALUES (-0.0)
----
ERROR 23505: duplicate key value violates unique constraint "k_pkey"
  detail: Key (f)=(0) already exists.

INSERT INTO k VALUES ('nan')
----
ERROR 23505: duplicate key value violates unique constraint "k_pkey"
  detail: Key (f)=(NaN) already exists.

SELECT * FROM k ORDER BY f
----
f float8
| -Infinity |
| -1e-300 |
| 0 |
| 1e+300 |
| NaN |
SELECT 5

DROP TABLE k
----
DROP TABLE

CREATE TABLE k (u uuid, y bytea, t timestamptz, b bool, PRIMARY KEY (u, y, t, b))
----
CREATE TABLE

INSERT INTO k VALUES ('a0eebc999c0b4ef8bb6d6bb9bd380a11', '\x0001', '2024-01-01 00:00:00+00', false)
----
INSERT 0 1

INSERT INTO k VALUES ('{A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11}', '\x0001', '2024-01-01 01:00:00+01', false)
----
ERROR 23505: duplicate key value violates unique constraint "k_pkey"
  detail: Key (u, y, t, b)=(a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11, \x0001, 2024-01-01 00:00:00+00, f) already exists.

DROP TABLE k
----
DROP TABLE

# Mistakes in definitions.
CREATE TABLE t (a int PRIMARY KEY, b int PRIMARY KEY)
----
ERROR 42P16 at 42: multiple primary keys for table "t" are not allowed

CREATE TABLE t (a int PRIMARY KEY, PRIMARY KEY (a))
----
ERROR 42P16 at 36: multiple primary keys for table "t" are not allowed

CREATE TABLE t (a int, PRIMARY KEY (b))
----
ERROR 42703 at 24: column "b" named in key does not exist

CREATE TABLE t (a int, PRIMARY KEY (a, a))
----
ERROR 42701 at 24: column "a" appears twice in primary key constraint

CREATE TABLE t (a int DEFAULT 'x')
----
ERROR 22P02 at 31: invalid input syntax for type integer: "x"

CREATE TABLE t (a int DEFAULT b)
----
ERROR 0A000 at 31: cannot use column reference in DEFAULT expression

CREATE TABLE t (a int, b int DEFAULT a)
----
ERROR 0A000 at 38: cannot use column reference in DEFAULT expression

CREATE TABLE t (a int DEFAULT count(*))
----
ERROR 42803 at 31: aggregate functions are not allowed in DEFAULT expressions

CREATE TABLE t (a bool DEFAULT 1)
----
ERROR 42804: column "a" is of type boolean but default expression is of type integer
  hint: You will need to rewrite or cast the expression.

CREATE TABLE t (a int CHECK (b > 0))
----
ERROR 42703 at 30: column "b" does not exist

CREATE TABLE t (a int CHECK (a))
----
ERROR 42804 at 30: argument of CHECK must be type boolean, not type integer

CREATE TABLE t (a int CHECK (a + 1))
----
ERROR 42804 at 30: argument of CHECK must be type boolean, not type integer

CREATE TABLE t (a int CHECK (count(a) > 0))
----
ERROR 42803 at 30: aggregate functions are not allowed in check constraints

CREATE TABLE t (a int NOT NULL NULL)
----
ERROR 42601 at 32: conflicting NULL/NOT NULL declarations for column "a" of table "t"

CREATE TABLE t (a int DEFAULT 1 DEFAULT 2)
----
ERROR 42601 at 33: multiple default values specified for column "a" of table "t"

CREATE TABLE t (a int, CONSTRAINT x CHECK (a > 0), CONSTRAINT x CHECK (a < 9))
----
ERROR 42710: check constraint "x" already exists

CREATE TABLE t (a int CHECK (a > 0) CHECK (a < 9), b int, CHECK (a < b), CHECK (a > b - 100))
----
CREATE TABLE

INSERT INTO t VALUES (0, 1)
----
ERROR 23514: new row for relation "t" violates check constraint "t_a_check"
  detail: Failing row contains (0, 1).

INSERT INTO t VALUES (9, 10)
----
ERROR 23514: new row for relation "t" violates check constraint "t_a_check1"
  detail: Failing row contains (9, 10).

INSERT INTO t VALUES (5, 5)
----
ERROR 23514: new row for relation "t" violates check constraint "t_check"
  detail: Failing row contains (5, 5).

INSERT INTO t VALUES (5, 500)
----
ERROR 23514: new row for relation "t" violates check constraint "t_check1"
  detail: Failing row contains (5, 500).

INSERT INTO t VALUES (5, NULL)
----
INSERT 0 1

DROP TABLE t
----
DROP TABLE

# A default is computed for each row, at the time of the statement.
CREATE TABLE t (a int PRIMARY KEY, u uuid DEFAULT gen_random_uuid(), ts timestamptz DEFAULT now(), s text DEFAULT current_user)
----
CREATE TABLE

INSERT INTO t (a) VALUES (1), (2)
----
INSERT 0 2

SELECT count(DISTINCT u), count(DISTINCT ts), min(s) FROM t
----
count int8, count int8, min text
| 2 | 1 | postgres |
SELECT 1

DROP TABLE t
----
DROP TABLE

CREATE TABLE t (a varchar(3) DEFAULT 'abcd')
----
CREATE TABLE

INSERT INTO t VALUES (DEFAULT)
----
ERROR 22001: value too long for type character varying(3)

DROP TABLE IF EXISTS t
----
DROP TABLE
