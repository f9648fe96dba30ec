CREATE TABLE s (a int PRIMARY KEY, b text, c numeric(5, 1))
----
CREATE TABLE

INSERT INTO s VALUES (1, 'x', 1.5), (2, 'y', 2.5), (3, 'z', NULL)
----
INSERT 0 3

CREATE TABLE d (a bigint PRIMARY KEY, b varchar(3) DEFAULT 'dft', c int NOT NULL DEFAULT 5, t timestamptz)
----
CREATE TABLE

INSERT INTO d SELECT a, b FROM s ORDER BY a LIMIT 2
----
INSERT 0 2

INSERT INTO d (a, c) SELECT a + 10, c FROM s WHERE c IS NOT NULL RETURNING *
----
a int8, b varchar, c int4, t timestamptz
| 11 | dft | 2 | <null> |
| 12 | dft | 3 | <null> |
INSERT 0 2

# Nothing decides the type of a bare literal but the column.
INSERT INTO d SELECT '20', 'lit', '7', '2024-02-03 04:05:06+00'
----
INSERT 0 1

INSERT INTO d SELECT a, b, c, t FROM d WHERE a = 1
----
ERROR 23505: duplicate key value violates unique constraint "d_pkey"
  detail: Key (a)=(1) already exists.

INSERT INTO d SELECT a, b, c, t FROM d WHERE a = 1 ON CONFLICT DO NOTHING
----
INSERT 0 0

INSERT INTO d SELECT a, 'up', 9 FROM d WHERE a <= 2 ON CONFLICT (a) DO UPDATE SET b = excluded.b, c = d.c + excluded.c RETURNING a, b, c
----
a int8, b varchar, c int4
| 1 | up | 14 |
| 2 | up | 14 |
INSERT 0 2

# It does not meet what it writes.
INSERT INTO d SELECT a + 100, b, c FROM d
----
INSERT 0 5

SELECT * FROM d ORDER BY a
----
a int8, b varchar, c int4, t timestamptz
| 1 | up | 14 | <null> |
| 2 | up | 14 | <null> |
| 11 | dft | 2 | <null> |
| 12 | dft | 3 | <null> |
| 20 | lit | 7 | 2024-02-03 04:05:06+00 |
| 101 | up | 14 | <null> |
| 102 | up | 14 | <null> |
| 111 | dft | 2 | <null> |
| 112 | dft | 3 | <null> |
| 120 | lit | 7 | <null> |
SELECT 10

INSERT INTO d SELECT 1, 2, 3, now(), 5
----
ERROR 42601 at 38: INSERT has more expressions than target columns

INSERT INTO d (a, b) SELECT a FROM s
----
ERROR 42601 at 19: INSERT has more target columns than expressions

INSERT INTO d (a) SELECT a, b FROM s
----
ERROR 42601 at 29: INSERT has more expressions than target columns

INSERT INTO d (a) SELECT b FROM s
----
ERROR 42804 at 26: column "a" is of type bigint but expression is of type text
  hint: You will need to rewrite or cast the expression.

INSERT INTO d (a, c) SELECT a + 500, b FROM s
----
ERROR 42804 at 38: column "c" is of type integer but expression is of type text
  hint: You will need to rewrite or cast the expression.

INSERT INTO d (a, b) SELECT 50, 'too long'
----
ERROR 22001: value too long for type character varying(3)

INSERT INTO d (a, c) SELECT 50, NULL
----
ERROR 23502: null value in column "c" of relation "d" violates not-null constraint
  detail: Failing row contains (50, dft, null, null).

INSERT INTO d (a) SELECT missing FROM s
----
ERROR 42703 at 26: column "missing" does not exist

INSERT INTO d (a) SELECT a FROM missing
----
ERROR 42P01 at 33: relation "missing" does not exist

INSERT INTO d SELECT * FROM s WHERE false
----
INSERT 0 0

INSERT INTO d (a) SELECT count(*) + 1000 FROM s
----
INSERT 0 1

INSERT INTO d (a, c) SELECT max(a) + 2000, sum(a) FROM s GROUP BY b ORDER BY 1 RETURNING a, c
----
a int8, c int4
| 2001 | 1 |
| 2002 | 2 |
| 2003 | 3 |
INSERT 0 3

INSERT INTO d DEFAULT VALUES
----
ERROR 23502: null value in column "a" of relation "d" violates not-null constraint
  detail: Failing row contains (null, dft, 5, null).

INSERT INTO d (a) VALUES (DEFAULT)
----
ERROR 23502: null value in column "a" of relation "d" violates not-null constraint
  detail: Failing row contains (null, dft, 5, null).

INSERT INTO d (a, b) VALUES (3000, DEFAULT), (3001, 'x') RETURNING a, b, c
----
a int8, b varchar, c int4
| 3000 | dft | 5 |
| 3001 | x | 5 |
INSERT 0 2

BEGIN
----
BEGIN
[T]

INSERT INTO d SELECT a + 4000, b, c FROM d WHERE a < 100
----
INSERT 0 5
[T]

INSERT INTO d SELECT a, b, c FROM d WHERE a > 4000
----
ERROR 23505: duplicate key value violates unique constraint "d_pkey"
  detail: Key (a)=(4001) already exists.
[E]

ROLLBACK
----
ROLLBACK

PREPARE p AS INSERT INTO d (a, b) SELECT $1, $2 RETURNING a, b
----
PREPARE

EXECUTE p (5000, 'par')
----
a int8, b varchar
| 5000 | par |
INSERT 0 1

PREPARE q AS INSERT INTO d (a, b, c) SELECT a + $1, b, 1 FROM s WHERE b = $2
----
PREPARE

EXECUTE q (6000, 'x')
----
INSERT 0 1

DEALLOCATE ALL
----
DEALLOCATE ALL

# Tables of queries.
CREATE TABLE made AS SELECT a, b AS name, c * 2 AS twice, 'text' AS t FROM s
----
SELECT 3

SELECT * FROM made ORDER BY a
----
a int4, name text, twice numeric, t text
| 1 | x | 3.0 | text |
| 2 | y | 5.0 | text |
| 3 | z | <null> | text |
SELECT 3

CREATE TABLE made AS SELECT 1
----
ERROR 42P07: relation "made" already exists

CREATE TABLE IF NOT EXISTS made AS SELECT 1
----
NOTICE 42P07: relation "made" already exists, skipping
CREATE TABLE AS

CREATE TABLE empty (x, y) AS SELECT a, b, c FROM s WITH NO DATA
----
CREATE TABLE AS

SELECT * FROM empty
----
x int4, y text, c numeric
SELECT 0

INSERT INTO empty VALUES (1, 'one', 123.45)
----
INSERT 0 1

CREATE TABLE wrong (x, y, z) AS SELECT 1
----
ERROR 42601: too many column names were specified

CREATE TABLE wrong AS SELECT 1 AS a, 2 AS a
----
ERROR 42701: column "a" specified more than once

CREATE TABLE wrong AS SELECT missing FROM s
----
ERROR 42703 at 30: column "missing" does not exist

BEGIN
----
BEGIN
[T]

CREATE TABLE inside AS SELECT a FROM s
----
SELECT 3
[T]

INSERT INTO inside SELECT a + 10 FROM inside
----
INSERT 0 3
[T]

SELECT count(*) FROM inside
----
count int8
| 6 |
SELECT 1
[T]

ROLLBACK
----
ROLLBACK

SELECT * FROM inside
----
ERROR 42P01 at 15: relation "inside" does not exist

DROP TABLE made, empty, s, d
----
DROP TABLE

# What pgbench loads, in batches.
CREATE TABLE pgbench_accounts (aid int PRIMARY KEY, bid int, abalance int, filler char(84))
----
CREATE TABLE

INSERT INTO pgbench_accounts (aid, bid, abalance, filler) SELECT aid, (aid - 1) / 100 + 1, 0, '' FROM generate_series(1, 1000) AS aid
----
INSERT 0 1000

BEGIN; INSERT INTO pgbench_accounts SELECT aid, (aid - 1) / 100 + 1, 0, '' FROM generate_series(1001, 2500) AS aid; COMMIT
----
BEGIN
INSERT 0 1500
COMMIT

INSERT INTO pgbench_accounts SELECT aid, 1, 0, '' FROM generate_series(2400, 2600) AS aid ON CONFLICT DO NOTHING
----
INSERT 0 100

INSERT INTO pgbench_accounts SELECT aid, 1, 1, 'changed' FROM generate_series(1, 2600, 100) AS aid ON CONFLICT (aid) DO UPDATE SET abalance = pgbench_accounts.abalance + excluded.abalance
----
INSERT 0 26

SELECT count(*), sum(aid), sum(abalance), count(DISTINCT bid), max(length(filler)) FROM pgbench_accounts
----
count int8, sum int8, sum int8, count int8, max int4
| 2600 | 3381300 | 26 | 25 | 0 |
SELECT 1

# differs: there in another order.
INSERT INTO pgbench_accounts SELECT a.aid + 10000, b.bid, 0, a.filler FROM pgbench_accounts a JOIN pgbench_accounts b ON b.aid = a.aid + 1 WHERE a.aid <= 3 RETURNING aid, bid, abalance
----
aid int4, bid int4, abalance int4
| 10001 | 1 | 0 |
| 10002 | 1 | 0 |
| 10003 | 1 | 0 |
INSERT 0 3

INSERT INTO pgbench_accounts (aid) SELECT max(aid) + 1 FROM pgbench_accounts UNION ALL VALUES (-1), (-2) RETURNING aid
----
aid int4
| 10004 |
| -1 |
| -2 |
INSERT 0 3

INSERT INTO pgbench_accounts (aid, bid) VALUES ((SELECT min(aid) FROM pgbench_accounts) - 1, 7) RETURNING aid, bid
----
aid int4, bid int4
| -3 | 7 |
INSERT 0 1

CREATE TABLE made (a, b) AS SELECT i, i * i FROM generate_series(1, 5) AS i
----
SELECT 5

SELECT * FROM made ORDER BY a
----
a int4, b int4
| 1 | 1 |
| 2 | 4 |
| 3 | 9 |
| 4 | 16 |
| 5 | 25 |
SELECT 5

COPY (SELECT i, 'row ' || i FROM generate_series(1, 3) AS i) TO STDOUT (FORMAT csv, HEADER)
----
copy of 2 columns
> i,?column?
> 1,row 1
> 2,row 2
> 3,row 3
COPY 3

SET ostraka.transaction_write_limit = '4MB'
----
SET

# differs: there a transaction has no such limit.
INSERT INTO pgbench_accounts SELECT aid, 1, 0, '' FROM generate_series(1000000, 1200000) AS aid
----
ERROR 54000: a transaction is limited to 4194304 bytes of writes; it has 4194304, and 32 more are too many
  hint: Write in several transactions, each below the limit, or raise ostraka.transaction_write_limit.

DROP TABLE pgbench_accounts, made
----
DROP TABLE
