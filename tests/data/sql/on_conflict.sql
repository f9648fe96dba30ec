CREATE TABLE t (k int PRIMARY KEY, v text DEFAULT 'd', n int CHECK (n > 0))
----
CREATE TABLE

INSERT INTO t VALUES (1, 'a', 1), (2, 'b', 2)
----
INSERT 0 2

INSERT INTO t VALUES (1, 'x', 9) ON CONFLICT DO NOTHING
----
INSERT 0 0

INSERT INTO t VALUES (1, 'x', 9), (3, 'c', 3), (3, 'again', 3) ON CONFLICT (k) DO NOTHING
----
INSERT 0 1

INSERT INTO t VALUES (1, 'x', 9), (4, 'c', 3) ON CONFLICT ON CONSTRAINT t_pkey DO NOTHING RETURNING k
----
k int4
| 4 |
INSERT 0 1

SELECT * FROM t ORDER BY k
----
k int4, v text, n int4
| 1 | a | 1 |
| 2 | b | 2 |
| 3 | c | 3 |
| 4 | c | 3 |
SELECT 4

# Every column is replaced: nothing of the old row is needed.
INSERT INTO t VALUES (1, 'new', 10) ON CONFLICT (k) DO UPDATE SET v = excluded.v, n = excluded.n
----
INSERT 0 1

INSERT INTO t VALUES (5, 'five', 5), (1, 'newer', 11) ON CONFLICT (k) DO UPDATE SET v = excluded.v, n = excluded.n RETURNING *
----
k int4, v text, n int4
| 5 | five | 5 |
| 1 | newer | 11 |
INSERT 0 2

# Some columns stay.
INSERT INTO t VALUES (2, 'only v', 99) ON CONFLICT (k) DO UPDATE SET v = excluded.v RETURNING *
----
k int4, v text, n int4
| 2 | only v | 2 |
INSERT 0 1

INSERT INTO t VALUES (2, 'x', 3) ON CONFLICT (k) DO UPDATE SET n = t.n + excluded.n, v = t.v || '+' || excluded.v
----
INSERT 0 1

INSERT INTO t AS old VALUES (2, 'x', 3) ON CONFLICT (k) DO UPDATE SET n = old.n * excluded.n RETURNING old.n, v
----
n int4, v text
| 15 | only v+x |
INSERT 0 1

INSERT INTO t VALUES (2, 'y') ON CONFLICT (k) DO UPDATE SET v = 'constant', n = 5
----
INSERT 0 1

INSERT INTO t (k) VALUES (2) ON CONFLICT (k) DO UPDATE SET v = DEFAULT RETURNING *
----
k int4, v text, n int4
| 2 | d | 5 |
INSERT 0 1

INSERT INTO t (k) VALUES (2) ON CONFLICT (k) DO UPDATE SET (v, n) = (excluded.v || '!', 77) RETURNING *
----
k int4, v text, n int4
| 2 | d! | 77 |
INSERT 0 1

# WHERE leaves rows alone: they do not count.
INSERT INTO t VALUES (2, 'where', 1), (6, 'six', 6) ON CONFLICT (k) DO UPDATE SET v = excluded.v WHERE t.n > 100 RETURNING k
----
k int4
| 6 |
INSERT 0 1

INSERT INTO t VALUES (2, 'where', 1), (6, 'SIX', 6) ON CONFLICT (k) DO UPDATE SET v = excluded.v WHERE excluded.n = t.n
----
INSERT 0 1

SELECT * FROM t ORDER BY k
----
k int4, v text, n int4
| 1 | newer | 11 |
| 2 | d! | 77 |
| 3 | c | 3 |
| 4 | c | 3 |
| 5 | five | 5 |
| 6 | SIX | 6 |
SELECT 6

# A row is met twice.
INSERT INTO t VALUES (1, 'a', 1), (1, 'b', 1) ON CONFLICT (k) DO UPDATE SET v = excluded.v
----
ERROR 21000: ON CONFLICT DO UPDATE command cannot affect row a second time
  hint: Ensure that no rows proposed for insertion within the same command have duplicate constrained values.

INSERT INTO t VALUES (7, 'a', 1), (7, 'b', 1) ON CONFLICT (k) DO UPDATE SET v = excluded.v, n = excluded.n
----
ERROR 21000: ON CONFLICT DO UPDATE command cannot affect row a second time
  hint: Ensure that no rows proposed for insertion within the same command have duplicate constrained values.

INSERT INTO t VALUES (1, 'a', 1), (1, 'b', 1) ON CONFLICT (k) DO UPDATE SET v = excluded.v WHERE false
----
INSERT 0 0

# The key may change.
INSERT INTO t VALUES (6, 'moved', 6) ON CONFLICT (k) DO UPDATE SET k = t.k + 100, v = excluded.v RETURNING *
----
k int4, v text, n int4
| 106 | moved | 6 |
INSERT 0 1

INSERT INTO t VALUES (1, 'a', 1) ON CONFLICT (k) DO UPDATE SET k = 2
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (k)=(2) already exists.

INSERT INTO t VALUES (106, 'a', 1), (106, 'b', 2) ON CONFLICT (k) DO UPDATE SET k = 6 RETURNING *
----
k int4, v text, n int4
| 6 | moved | 6 |
| 106 | b | 2 |
INSERT 0 2

SELECT * FROM t ORDER BY k
----
k int4, v text, n int4
| 1 | newer | 11 |
| 2 | d! | 77 |
| 3 | c | 3 |
| 4 | c | 3 |
| 5 | five | 5 |
| 6 | moved | 6 |
| 106 | b | 2 |
SELECT 7

# What is proposed has to be right, also where there is a row.
INSERT INTO t VALUES (1, 'x', -1) ON CONFLICT (k) DO UPDATE SET v = 'no'
----
ERROR 23514: new row for relation "t" violates check constraint "t_n_check"
  detail: Failing row contains (1, x, -1).

INSERT INTO t VALUES (1, 'x', -1) ON CONFLICT DO NOTHING
----
ERROR 23514: new row for relation "t" violates check constraint "t_n_check"
  detail: Failing row contains (1, x, -1).

INSERT INTO t VALUES (NULL, 'x', 1) ON CONFLICT DO NOTHING
----
ERROR 23502: null value in column "k" of relation "t" violates not-null constraint
  detail: Failing row contains (null, x, 1).

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k) DO UPDATE SET n = -5
----
ERROR 23514: new row for relation "t" violates check constraint "t_n_check"
  detail: Failing row contains (1, newer, -5).

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k) DO UPDATE SET k = NULL
----
ERROR 23502: null value in column "k" of relation "t" violates not-null constraint
  detail: Failing row contains (null, newer, 11).

# What does not name a unique key.
INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (v) DO NOTHING
----
ERROR 42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k, v) DO NOTHING
----
ERROR 42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (missing) DO NOTHING
----
ERROR 42703 at 46: column "missing" does not exist

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT ON CONSTRAINT missing DO NOTHING
----
ERROR 42704: constraint "missing" for table "t" does not exist

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT DO UPDATE SET v = 'x'
----
ERROR 42601 at 34: ON CONFLICT DO UPDATE requires inference specification or constraint name
  hint: For example, ON CONFLICT (column_name).

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k DESC) DO NOTHING
----
ERROR 42P10 at 46: ASC/DESC is not allowed in ON CONFLICT clause

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k NULLS FIRST) DO NOTHING
----
ERROR 42P10 at 46: NULLS FIRST/LAST is not allowed in ON CONFLICT clause

# Names.
INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k) DO UPDATE SET v = v || 'x'
----
ERROR 42702 at 68: column reference "v" is ambiguous

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k) DO UPDATE SET v = excluded.missing
----
ERROR 42703 at 68: column excluded.missing does not exist

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k) DO UPDATE SET missing = 1
----
ERROR 42703 at 64: column "missing" of relation "t" does not exist

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k) DO UPDATE SET n = excluded.v
----
ERROR 42804 at 68: column "n" is of type integer but expression is of type text
  hint: You will need to rewrite or cast the expression.

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k) DO UPDATE SET v = 'x' WHERE excluded.n
----
ERROR 42804 at 78: argument of WHERE must be type boolean, not type integer

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k) DO UPDATE SET v = 'x', v = 'y'
----
ERROR 42601: multiple assignments to same column "v"

# differs: there with a hint.
INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k) DO UPDATE SET v = 'x' RETURNING excluded.v
----
ERROR 42P01 at 82: missing FROM-clause entry for table "excluded"

INSERT INTO t AS u VALUES (1, 'x', 1) ON CONFLICT (k) DO UPDATE SET v = t.v
----
ERROR 42P01 at 73: invalid reference to FROM-clause entry for table "t"
  hint: Perhaps you meant to reference the table alias "u".

INSERT INTO t VALUES (1, 'x', 1) ON CONFLICT (k) DO UPDATE SET v = count(*)
----
ERROR 42803 at 68: aggregate functions are not allowed in UPDATE

INSERT INTO t VALUES (1, 'pred', 1) ON CONFLICT (k) WHERE k > 0 DO UPDATE SET v = excluded.v
----
INSERT 0 1

# In a transaction.
BEGIN
----
BEGIN
[T]

INSERT INTO t VALUES (20, 'own', 1)
----
INSERT 0 1
[T]

INSERT INTO t VALUES (20, 'own again', 2) ON CONFLICT (k) DO UPDATE SET v = excluded.v, n = t.n + excluded.n RETURNING *
----
k int4, v text, n int4
| 20 | own again | 3 |
INSERT 0 1
[T]

INSERT INTO t VALUES (20, 'no', 2), (21, 'yes', 2) ON CONFLICT DO NOTHING
----
INSERT 0 1
[T]

DELETE FROM t WHERE k = 20
----
DELETE 1
[T]

INSERT INTO t VALUES (20, 'back', 2) ON CONFLICT (k) DO UPDATE SET v = 'wrong' RETURNING v
----
v text
| back |
INSERT 0 1
[T]

COMMIT
----
COMMIT

SELECT * FROM t WHERE k >= 20 ORDER BY k
----
k int4, v text, n int4
| 20 | back | 2 |
| 21 | yes | 2 |
| 106 | b | 2 |
SELECT 3

PREPARE up (int, text, int) AS INSERT INTO t (k, v, n) VALUES ($1, $2, $3) ON CONFLICT (k) DO UPDATE SET v = $2, n = $3
----
PREPARE

EXECUTE up (30, 'one', 1)
----
INSERT 0 1

EXECUTE up (30, 'two', 2)
----
INSERT 0 1

SELECT * FROM t WHERE k = 30
----
k int4, v text, n int4
| 30 | two | 2 |
SELECT 1

PREPARE inc AS INSERT INTO t (k, n) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET n = t.n + excluded.n RETURNING n
----
PREPARE

EXECUTE inc (30, 5)
----
n int4
| 7 |
INSERT 0 1

EXECUTE inc (31, 5)
----
n int4
| 5 |
INSERT 0 1

DROP TABLE t
----
DROP TABLE

# Keys of several columns; keys that are equal in more than one way.
CREATE TABLE m (a int, b text, c numeric, PRIMARY KEY (b, a))
----
CREATE TABLE

INSERT INTO m VALUES (1, 'x', 1), (1, 'x', 2) ON CONFLICT (a, b) DO NOTHING
----
INSERT 0 1

INSERT INTO m VALUES (1, 'x', 2) ON CONFLICT (b, a, b) DO UPDATE SET c = m.c + excluded.c RETURNING *
----
a int4, b text, c numeric
| 1 | x | 3 |
INSERT 0 1

INSERT INTO m VALUES (1, 'x', 2) ON CONFLICT (b) DO NOTHING
----
ERROR 42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification

DROP TABLE m
----
DROP TABLE

CREATE TABLE e (k numeric PRIMARY KEY, v int)
----
CREATE TABLE

INSERT INTO e VALUES (1.0, 1)
----
INSERT 0 1

INSERT INTO e VALUES (1.00, 2) ON CONFLICT (k) DO UPDATE SET v = excluded.v
----
INSERT 0 1

SELECT * FROM e
----
k numeric, v int4
| 1.0 | 2 |
SELECT 1

DROP TABLE e
----
DROP TABLE

CREATE TABLE ch (k char(3) PRIMARY KEY, v int)
----
CREATE TABLE

INSERT INTO ch VALUES ('a', 1)
----
INSERT 0 1

INSERT INTO ch VALUES ('a  ', 2) ON CONFLICT (k) DO UPDATE SET v = excluded.v RETURNING *
----
k bpchar, v int4
| a   | 2 |
INSERT 0 1

DROP TABLE ch
----
DROP TABLE

# Nothing is unique.
CREATE TABLE h (a int)
----
CREATE TABLE

INSERT INTO h VALUES (1), (1) ON CONFLICT DO NOTHING
----
INSERT 0 2

INSERT INTO h VALUES (1) ON CONFLICT (a) DO NOTHING
----
ERROR 42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification

DROP TABLE h
----
DROP TABLE

# The key is all there is.
CREATE TABLE one (k int PRIMARY KEY)
----
CREATE TABLE

INSERT INTO one VALUES (1)
----
INSERT 0 1

INSERT INTO one VALUES (1), (2) ON CONFLICT (k) DO UPDATE SET k = excluded.k RETURNING k
----
k int4
| 1 |
| 2 |
INSERT 0 2

INSERT INTO one VALUES (1) ON CONFLICT (k) DO UPDATE SET k = one.k + 10 RETURNING k
----
k int4
| 11 |
INSERT 0 1

SELECT * FROM one ORDER BY k
----
k int4
| 2 |
| 11 |
SELECT 2

DROP TABLE one
----
DROP TABLE
