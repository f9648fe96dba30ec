# Two sessions. Rows that are changed are locked until the transaction ends; the rest is decided at the commit.
@a
SET lock_timeout = '100ms'
----
SET

@b
SET lock_timeout = '100ms'
----
SET

CREATE TABLE t (a int PRIMARY KEY, b int)
----
CREATE TABLE

INSERT INTO t VALUES (1, 10), (2, 20)
----
INSERT 0 2

@a
BEGIN
----
BEGIN
[T]

@b
BEGIN
----
BEGIN
[T]

@a
SELECT * FROM t ORDER BY a
----
a int4, b int4
| 1 | 10 |
| 2 | 20 |
SELECT 2
[T]

@b
UPDATE t SET b = 11 WHERE a = 1
----
UPDATE 1
[T]

@a
SELECT b FROM t WHERE a = 1
----
b int4
| 10 |
SELECT 1
[T]

@b
COMMIT
----
COMMIT

# a reads at its timestamp still.
@a
SELECT b FROM t WHERE a = 1
----
b int4
| 10 |
SELECT 1
[T]

# It may end without having written,
@a
COMMIT
----
COMMIT

@a
SELECT b FROM t WHERE a = 1
----
b int4
| 11 |
SELECT 1

# but not write after what it read has changed.
@a
BEGIN; SELECT b FROM t WHERE a = 1
----
BEGIN
b int4
| 11 |
SELECT 1
[T]

@b
UPDATE t SET b = 12 WHERE a = 1
----
UPDATE 1

@a
UPDATE t SET b = b + 1 WHERE a = 1
----
ERROR 40001: could not serialize access due to concurrent update
  hint: The transaction might succeed if retried.
[E]

@a
COMMIT
----
ROLLBACK

@a
SELECT b FROM t WHERE a = 1
----
b int4
| 12 |
SELECT 1

# Write skew
@a
BEGIN; SELECT sum(b) FROM t
----
BEGIN
sum int8
| 32 |
SELECT 1
[T]

@b
BEGIN; SELECT sum(b) FROM t
----
BEGIN
sum int8
| 32 |
SELECT 1
[T]

@a
UPDATE t SET b = 0 WHERE a = 1
----
UPDATE 1
[T]

@b
UPDATE t SET b = 0 WHERE a = 2
----
UPDATE 1
[T]

@a
COMMIT
----
COMMIT

@b
COMMIT
----
ERROR 40001: could not serialize access due to concurrent update
  hint: The transaction might succeed if retried.

SELECT * FROM t ORDER BY a
----
a int4, b int4
| 1 | 0 |
| 2 | 20 |
SELECT 2

# A phantom
@a
BEGIN; SELECT count(*) FROM t WHERE a BETWEEN 5 AND 9
----
BEGIN
count int8
| 0 |
SELECT 1
[T]

@b
INSERT INTO t VALUES (7, 70)
----
INSERT 0 1

@a
INSERT INTO t VALUES (100, 0)
----
ERROR 40001: could not serialize access due to concurrent update
  hint: The transaction might succeed if retried.
[E]

@a
COMMIT
----
ROLLBACK

# Rows outside of what was read do no harm.
@a
BEGIN; SELECT count(*) FROM t WHERE a BETWEEN 5 AND 9
----
BEGIN
count int8
| 1 |
SELECT 1
[T]

@b
INSERT INTO t VALUES (10, 100)
----
INSERT 0 1

@a
INSERT INTO t VALUES (101, 0)
----
INSERT 0 1
[T]

@a
COMMIT
----
COMMIT

# Two of one key
@a
BEGIN; INSERT INTO t VALUES (200, 1)
----
BEGIN
INSERT 0 1
[T]

@b
INSERT INTO t VALUES (200, 2)
----
ERROR 55P03: canceling statement due to lock timeout

@a
COMMIT
----
COMMIT

SELECT b FROM t WHERE a = 200
----
b int4
| 1 |
SELECT 1

# A table that is dropped or made anew under a transaction that has used it.
@a
BEGIN; INSERT INTO t VALUES (300, 1)
----
BEGIN
INSERT 0 1
[T]

@b
DROP TABLE t; CREATE TABLE t (a int PRIMARY KEY, b int)
----
DROP TABLE
CREATE TABLE

@a
COMMIT
----
ERROR 40001: could not serialize access due to concurrent update
  hint: The transaction might succeed if retried.

SELECT * FROM t
----
a int4, b int4
SELECT 0

@a
BEGIN; SELECT * FROM t
----
BEGIN
a int4, b int4
SELECT 0
[T]

@b
TRUNCATE t
----
TRUNCATE TABLE

@a
INSERT INTO t VALUES (1, 1)
----
ERROR 40001: could not serialize access due to concurrent update
  hint: The transaction might succeed if retried.
[E]

@a
COMMIT
----
ROLLBACK

# Sessions that have used a table do not go on using it when it is another.
@b
INSERT INTO t VALUES (1, 1)
----
INSERT 0 1

@a
SELECT * FROM t
----
a int4, b int4
| 1 | 1 |
SELECT 1

@b
DROP TABLE t; CREATE TABLE t (x text, y text); INSERT INTO t VALUES ('x', 'y')
----
DROP TABLE
CREATE TABLE
INSERT 0 1

@a
SELECT * FROM t
----
x text, y text
| x | y |
SELECT 1

@a
INSERT INTO t VALUES ('z', 'z')
----
INSERT 0 1

@a
UPDATE t SET y = 'w' WHERE x = 'z'
----
UPDATE 1

@b
TRUNCATE t; INSERT INTO t VALUES ('1', '1')
----
TRUNCATE TABLE
INSERT 0 1

@a
INSERT INTO t VALUES ('2', '2')
----
INSERT 0 1

@a
SELECT * FROM t ORDER BY x
----
x text, y text
| 1 | 1 |
| 2 | 2 |
SELECT 2

@b
DROP TABLE t
----
DROP TABLE

@a
SELECT * FROM t
----
ERROR 42P01 at 15: relation "t" does not exist

@a
INSERT INTO t VALUES ('3', '3')
----
ERROR 42P01 at 13: relation "t" does not exist

@a
DELETE FROM t
----
ERROR 42P01 at 13: relation "t" does not exist
