CREATE TABLE t (a int PRIMARY KEY, b int CHECK (b < 100), c text DEFAULT 'c')
----
CREATE TABLE

INSERT INTO t VALUES (1, 10, 'x'), (2, NULL, 'y')
----
INSERT 0 2

# Rows that are there have the default that the new column was given, whatever it becomes.
ALTER TABLE t ADD COLUMN d int DEFAULT 7
----
ALTER TABLE

ALTER TABLE t ADD e text, ADD COLUMN f numeric NOT NULL DEFAULT 1.5
----
ALTER TABLE

SELECT * FROM t ORDER BY a
----
a int4, b int4, c text, d int4, e text, f numeric
| 1 | 10 | x | 7 | <null> | 1.5 |
| 2 | <null> | y | 7 | <null> | 1.5 |
SELECT 2

INSERT INTO t (a, b) VALUES (3, 30)
----
INSERT 0 1

ALTER TABLE t ALTER COLUMN d SET DEFAULT 8, ALTER e SET DEFAULT 'e'
----
ALTER TABLE

INSERT INTO t (a) VALUES (4)
----
INSERT 0 1

ALTER TABLE t ALTER d DROP DEFAULT
----
ALTER TABLE

INSERT INTO t (a) VALUES (5)
----
INSERT 0 1

INSERT INTO t (a, d) VALUES (6, NULL)
----
INSERT 0 1

SELECT * FROM t ORDER BY a
----
a int4, b int4, c text, d int4, e text, f numeric
| 1 | 10 | x | 7 | <null> | 1.5 |
| 2 | <null> | y | 7 | <null> | 1.5 |
| 3 | 30 | c | 7 | <null> | 1.5 |
| 4 | <null> | c | 8 | e | 1.5 |
| 5 | <null> | c | <null> | e | 1.5 |
| 6 | <null> | c | <null> | e | 1.5 |
SELECT 6

UPDATE t SET c = 'z' WHERE a = 1
----
UPDATE 1

SELECT * FROM t WHERE d = 7 ORDER BY a
----
a int4, b int4, c text, d int4, e text, f numeric
| 1 | 10 | z | 7 | <null> | 1.5 |
| 2 | <null> | y | 7 | <null> | 1.5 |
| 3 | 30 | c | 7 | <null> | 1.5 |
SELECT 3

SELECT sum(d), count(e), sum(f) FROM t
----
sum int8, count int8, sum numeric
| 29 | 3 | 9.0 |
SELECT 1

ALTER TABLE t ADD COLUMN g char(5) DEFAULT 'ab', ADD h timestamptz DEFAULT '2020-01-02 03:04:05+00', ADD i bool DEFAULT 1 < 2
----
ALTER TABLE

SELECT a, g, h, i, g || '|' FROM t WHERE a < 3 ORDER BY a
----
a int4, g bpchar, h timestamptz, i bool, ?column? text
| 1 | ab    | 2020-01-02 03:04:05+00 | t | ab| |
| 2 | ab    | 2020-01-02 03:04:05+00 | t | ab| |
SELECT 2

ALTER TABLE t DROP COLUMN g, DROP h, DROP COLUMN IF EXISTS i CASCADE, DROP COLUMN IF EXISTS i
----
NOTICE 00000: column "i" of relation "t" does not exist, skipping
ALTER TABLE

SELECT * FROM t ORDER BY a
----
a int4, b int4, c text, d int4, e text, f numeric
| 1 | 10 | z | 7 | <null> | 1.5 |
| 2 | <null> | y | 7 | <null> | 1.5 |
| 3 | 30 | c | 7 | <null> | 1.5 |
| 4 | <null> | c | 8 | e | 1.5 |
| 5 | <null> | c | <null> | e | 1.5 |
| 6 | <null> | c | <null> | e | 1.5 |
SELECT 6

SELECT g FROM t
----
ERROR 42703 at 8: column "g" does not exist

# A column that comes again is another one.
ALTER TABLE t ADD g int
----
ALTER TABLE

SELECT a, g FROM t WHERE a < 3 ORDER BY a
----
a int4, g int4
| 1 | <null> |
| 2 | <null> |
SELECT 2

ALTER TABLE t ADD g int
----
ERROR 42701: column "g" of relation "t" already exists

ALTER TABLE t ADD COLUMN IF NOT EXISTS g int
----
NOTICE 42701: column "g" of relation "t" already exists, skipping
ALTER TABLE

ALTER TABLE t DROP nosuch
----
ERROR 42703: column "nosuch" of relation "t" does not exist

ALTER TABLE t ADD xmin int
----
ERROR 42701: column name "xmin" conflicts with a system column name

ALTER TABLE t ADD j int NOT NULL
----
ERROR 23502: column "j" of relation "t" contains null values

# differs: the place is told, too.
ALTER TABLE t ADD j int DEFAULT 'x'
----
ERROR 22P02 at 33: invalid input syntax for type integer: "x"

ALTER TABLE t ADD j nosuch
----
ERROR 42704 at 21: type "nosuch" does not exist

ALTER TABLE t ADD j int DEFAULT a
----
ERROR 0A000 at 33: cannot use column reference in DEFAULT expression

ALTER TABLE t ADD j int CHECK (j > 0) DEFAULT 0
----
ERROR 23514: check constraint "t_j_check" of relation "t" is violated by some row

ALTER TABLE t ADD j int DEFAULT 1 CHECK (j > 0)
----
ALTER TABLE

INSERT INTO t (a, j) VALUES (7, 0)
----
ERROR 23514: new row for relation "t" violates check constraint "t_j_check"
  detail: Failing row contains (7, null, c, null, e, 1.5, null, 0).

ALTER TABLE nosuch ADD j int
----
ERROR 42P01: relation "nosuch" does not exist

ALTER TABLE IF EXISTS nosuch ADD j int
----
NOTICE 00000: relation "nosuch" does not exist, skipping
ALTER TABLE

ALTER TABLE nosuch.t ADD j int
----
ERROR 3F000: schema "nosuch" does not exist

# Nulls.
ALTER TABLE t ALTER b SET NOT NULL
----
ERROR 23502: column "b" of relation "t" contains null values

UPDATE t SET b = 0 WHERE b IS NULL
----
UPDATE 4

ALTER TABLE t ALTER b SET NOT NULL
----
ALTER TABLE

INSERT INTO t (a, b) VALUES (8, NULL)
----
ERROR 23502: null value in column "b" of relation "t" violates not-null constraint
  detail: Failing row contains (8, null, c, null, e, 1.5, null, 1).

ALTER TABLE t ALTER COLUMN b DROP NOT NULL
----
ALTER TABLE

INSERT INTO t (a, b) VALUES (8, NULL)
----
INSERT 0 1

ALTER TABLE t ALTER a DROP NOT NULL
----
ERROR 42P16: column "a" is in a primary key

ALTER TABLE t ALTER nosuch SET NOT NULL
----
ERROR 42703: column "nosuch" of relation "t" does not exist

ALTER TABLE t ALTER nosuch SET DEFAULT 1
----
ERROR 42703: column "nosuch" of relation "t" does not exist

# differs: the place is told, too.
ALTER TABLE t ALTER b SET DEFAULT 'x'
----
ERROR 22P02 at 35: invalid input syntax for type integer: "x"

# Constraints are looked for in the rows that are there.
ALTER TABLE t ADD CONSTRAINT small CHECK (b < 20)
----
ERROR 23514: check constraint "small" of relation "t" is violated by some row

ALTER TABLE t ADD CONSTRAINT small CHECK (b < 50)
----
ALTER TABLE

INSERT INTO t (a, b) VALUES (9, 60)
----
ERROR 23514: new row for relation "t" violates check constraint "small"
  detail: Failing row contains (9, 60, c, null, e, 1.5, null, 1).

ALTER TABLE t ADD CONSTRAINT small CHECK (b < 50)
----
ERROR 42710: constraint "small" for relation "t" already exists

ALTER TABLE t ADD CHECK (b + a < 1000)
----
ALTER TABLE

ALTER TABLE t ADD CHECK (c <> 'q'), ADD CONSTRAINT t_c_check1 CHECK (c <> 'r')
----
ALTER TABLE

INSERT INTO t (a, c) VALUES (9, 'q')
----
ERROR 23514: new row for relation "t" violates check constraint "t_c_check"
  detail: Failing row contains (9, null, q, null, e, 1.5, null, 1).

INSERT INTO t (a, c) VALUES (9, 'r')
----
ERROR 23514: new row for relation "t" violates check constraint "t_c_check1"
  detail: Failing row contains (9, null, r, null, e, 1.5, null, 1).

INSERT INTO t (a, b) VALUES (9, 2000)
----
ERROR 23514: new row for relation "t" violates check constraint "small"
  detail: Failing row contains (9, 2000, c, null, e, 1.5, null, 1).

ALTER TABLE t DROP CONSTRAINT small
----
ALTER TABLE

ALTER TABLE t DROP CONSTRAINT small
----
ERROR 42704: constraint "small" of relation "t" does not exist

ALTER TABLE t DROP CONSTRAINT IF EXISTS small
----
NOTICE 00000: constraint "small" of relation "t" does not exist, skipping
ALTER TABLE

INSERT INTO t (a, b) VALUES (9, 60)
----
INSERT 0 1

ALTER TABLE t DROP CONSTRAINT t_b_check
----
ALTER TABLE

INSERT INTO t (a, b) VALUES (10, 600)
----
INSERT 0 1

INSERT INTO t (a, b) VALUES (11, 6000)
----
ERROR 23514: new row for relation "t" violates check constraint "t_check"
  detail: Failing row contains (11, 6000, c, null, e, 1.5, null, 1).

# The constraints that speak of a column go with it.
ALTER TABLE t DROP COLUMN b
----
ALTER TABLE

ALTER TABLE t DROP CONSTRAINT t_check
----
ERROR 42704: constraint "t_check" of relation "t" does not exist

INSERT INTO t (a, c) VALUES (11, 'q')
----
ERROR 23514: new row for relation "t" violates check constraint "t_c_check"
  detail: Failing row contains (11, q, null, e, 1.5, null, 1).

SELECT a, c, d, j FROM t ORDER BY a
----
a int4, c text, d int4, j int4
| 1 | z | 7 | 1 |
| 2 | y | 7 | 1 |
| 3 | c | 7 | 1 |
| 4 | c | 8 | 1 |
| 5 | c | <null> | 1 |
| 6 | c | <null> | 1 |
| 8 | c | <null> | 1 |
| 9 | c | <null> | 1 |
| 10 | c | <null> | 1 |
SELECT 9

# Names.
CREATE TABLE r (id int PRIMARY KEY, v int CHECK (v > 0), w int, CHECK (v < w AND r.v <> 5), "Odd" text CHECK ("Odd" <> 'v'))
----
CREATE TABLE

INSERT INTO r VALUES (1, 1, 2, 'x')
----
INSERT 0 1

ALTER TABLE r RENAME COLUMN v TO "V v"
----
ALTER TABLE

INSERT INTO r VALUES (2, 0, 2, 'x')
----
ERROR 23514: new row for relation "r" violates check constraint "r_v_check"
  detail: Failing row contains (2, 0, 2, x).

INSERT INTO r VALUES (2, 3, 2, 'x')
----
ERROR 23514: new row for relation "r" violates check constraint "r_check"
  detail: Failing row contains (2, 3, 2, x).

INSERT INTO r VALUES (2, 5, 6, 'x')
----
ERROR 23514: new row for relation "r" violates check constraint "r_check"
  detail: Failing row contains (2, 5, 6, x).

INSERT INTO r VALUES (2, 4, 6, 'v')
----
ERROR 23514: new row for relation "r" violates check constraint "r_Odd_check"
  detail: Failing row contains (2, 4, 6, v).

INSERT INTO r VALUES (2, 4, 6, 'V v')
----
INSERT 0 1

SELECT * FROM r ORDER BY id
----
id int4, V v int4, w int4, Odd text
| 1 | 1 | 2 | x |
| 2 | 4 | 6 | V v |
SELECT 2

ALTER TABLE r RENAME "Odd" TO odd
----
ALTER TABLE

ALTER TABLE r RENAME nosuch TO x
----
ERROR 42703: column "nosuch" does not exist

ALTER TABLE r RENAME w TO odd
----
ERROR 42701: column "odd" of relation "r" already exists

ALTER TABLE r RENAME id TO key
----
ALTER TABLE

ALTER TABLE r RENAME TO t
----
ERROR 42P07: relation "t" already exists

ALTER TABLE r RENAME TO s
----
ALTER TABLE

SELECT * FROM r
----
ERROR 42P01 at 15: relation "r" does not exist

INSERT INTO s VALUES (2, 5, 6, 'x')
----
ERROR 23514: new row for relation "s" violates check constraint "r_check"
  detail: Failing row contains (2, 5, 6, x).

INSERT INTO s VALUES (2, 1, 6, 'x')
----
ERROR 23505: duplicate key value violates unique constraint "r_pkey"
  detail: Key (key)=(2) already exists.

SELECT key, "V v", odd FROM s WHERE key = 1
----
key int4, V v int4, odd text
| 1 | 1 | x |
SELECT 1

ALTER TABLE IF EXISTS r RENAME TO s
----
NOTICE 00000: relation "r" does not exist, skipping
ALTER TABLE

ALTER TABLE r RENAME TO s
----
ERROR 42P01: relation "r" does not exist

ALTER TABLE s RENAME CONSTRAINT r_pkey TO s_key
----
ALTER TABLE

INSERT INTO s VALUES (1, 1, 6, 'x')
----
ERROR 23505: duplicate key value violates unique constraint "s_key"
  detail: Key (key)=(1) already exists.

ALTER TABLE s RENAME CONSTRAINT nosuch TO x
----
ERROR 42704: constraint "nosuch" for table "s" does not exist

ALTER TABLE s RENAME CONSTRAINT r_check TO s_key
----
ERROR 42710: constraint "s_key" for relation "s" already exists

ALTER TABLE s RENAME CONSTRAINT r_check TO s_check
----
ALTER TABLE

INSERT INTO s VALUES (9, 3, 2, 'x')
----
ERROR 23514: new row for relation "s" violates check constraint "s_check"
  detail: Failing row contains (9, 3, 2, x).

CREATE TABLE r (a int)
----
CREATE TABLE

DROP TABLE r, s
----
DROP TABLE

# Key columns keep their place when others go.
CREATE TABLE k (x int, a int, y int, b int, v text, PRIMARY KEY (b, a))
----
CREATE TABLE

INSERT INTO k VALUES (0, 1, 0, 2, 'one'), (0, 2, 0, 1, 'two')
----
INSERT 0 2

ALTER TABLE k DROP x, DROP y
----
ALTER TABLE

SELECT * FROM k WHERE b = 2
----
a int4, b int4, v text
| 1 | 2 | one |
SELECT 1

SELECT * FROM k ORDER BY b, a
----
a int4, b int4, v text
| 2 | 1 | two |
| 1 | 2 | one |
SELECT 2

INSERT INTO k VALUES (1, 2, 'again')
----
ERROR 23505: duplicate key value violates unique constraint "k_pkey"
  detail: Key (b, a)=(2, 1) already exists.

UPDATE k SET a = 9 WHERE b = 1 AND a = 2
----
UPDATE 1

SELECT * FROM k ORDER BY b, a
----
a int4, b int4, v text
| 9 | 1 | two |
| 1 | 2 | one |
SELECT 2

TRUNCATE k
----
TRUNCATE TABLE

ALTER TABLE k ADD n int NOT NULL
----
ALTER TABLE

INSERT INTO k VALUES (1, 1, 'x', 1)
----
INSERT 0 1

SELECT * FROM k
----
a int4, b int4, v text, n int4
| 1 | 1 | x | 1 |
SELECT 1

# Within a transaction.
BEGIN
----
BEGIN
[T]

INSERT INTO k VALUES (2, 2, 'y', 2)
----
INSERT 0 1
[T]

ALTER TABLE k ADD m int DEFAULT 5
----
ALTER TABLE
[T]

INSERT INTO k VALUES (3, 3, 'z', 3, 6)
----
INSERT 0 1
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

ALTER TABLE k DROP n
----
ALTER TABLE
[T]

SELECT * FROM k ORDER BY b
----
a int4, b int4, v text, m int4
| 1 | 1 | x | 5 |
| 2 | 2 | y | 5 |
| 3 | 3 | z | 6 |
SELECT 3
[T]

ALTER TABLE k RENAME TO kk
----
ALTER TABLE
[T]

SELECT count(*) FROM kk
----
count int8
| 3 |
SELECT 1
[T]

ROLLBACK TO s
----
ROLLBACK
[T]

SELECT * FROM k ORDER BY b
----
a int4, b int4, v text, n int4, m int4
| 1 | 1 | x | 1 | 5 |
| 2 | 2 | y | 2 | 5 |
| 3 | 3 | z | 3 | 6 |
SELECT 3
[T]

ALTER TABLE k ADD CHECK (m < 6)
----
ERROR 23514: check constraint "k_m_check" of relation "k" is violated by some row
[E]

ROLLBACK TO s
----
ROLLBACK
[T]

COMMIT
----
COMMIT

SELECT * FROM k ORDER BY b
----
a int4, b int4, v text, n int4, m int4
| 1 | 1 | x | 1 | 5 |
| 2 | 2 | y | 2 | 5 |
| 3 | 3 | z | 3 | 6 |
SELECT 3

BEGIN
----
BEGIN
[T]

ALTER TABLE k DROP m
----
ALTER TABLE
[T]

SELECT * FROM k ORDER BY b
----
a int4, b int4, v text, n int4
| 1 | 1 | x | 1 |
| 2 | 2 | y | 2 |
| 3 | 3 | z | 3 |
SELECT 3
[T]

ROLLBACK
----
ROLLBACK

SELECT * FROM k ORDER BY b
----
a int4, b int4, v text, n int4, m int4
| 1 | 1 | x | 1 | 5 |
| 2 | 2 | y | 2 | 5 |
| 3 | 3 | z | 3 | 6 |
SELECT 3

BEGIN READ ONLY
----
BEGIN
[T]

ALTER TABLE k DROP m
----
ERROR 25006: cannot execute ALTER TABLE in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

# Not done.
ALTER TABLE k ALTER a TYPE bigint
----
ERROR 0A000 at 15: changing the type of a column is not supported yet

ALTER TABLE k ADD PRIMARY KEY (a)
----
ERROR 0A000 at 19: adding a primary key is not supported yet

ALTER TABLE k ADD UNIQUE (a)
----
ERROR 0A000 at 19: a UNIQUE constraint is not supported yet

ALTER TABLE k DROP CONSTRAINT k_pkey
----
ERROR 0A000 at 15: dropping the primary key is not supported yet

ALTER TABLE k DROP a
----
ERROR 0A000 at 15: dropping a column of the primary key is not supported yet

ALTER TABLE k ADD z float8 DEFAULT random()
----
ERROR 0A000 at 36: adding a column with a volatile default is not supported yet

ALTER TABLE k ADD CHECK (a > 0) NOT VALID
----
ERROR 0A000 at 19: NOT VALID is not supported yet

ALTER TABLE k OWNER TO postgres
----
ERROR 0A000 at 15: OWNER TO is not supported yet
