# Row locks between two sessions.
CREATE TABLE t (a int PRIMARY KEY, b int)
----
CREATE TABLE

INSERT INTO t VALUES (1, 10), (2, 20), (3, 30), (4, 40)
----
INSERT 0 4

@a
BEGIN
----
BEGIN
[T]

@a
SELECT b FROM t WHERE a = 2 FOR UPDATE
----
b int4
| 20 |
SELECT 1
[T]

@b
SELECT a FROM t WHERE a = 2 FOR UPDATE NOWAIT
----
ERROR 55P03: could not obtain lock on row in relation "t"

@b
SELECT a FROM t ORDER BY a FOR UPDATE SKIP LOCKED
----
a int4
| 1 |
| 3 |
| 4 |
SELECT 3

@b
SELECT a FROM t WHERE b > 10 ORDER BY a LIMIT 1 FOR UPDATE SKIP LOCKED
----
a int4
| 3 |
SELECT 1

@b
SET lock_timeout = 50
----
SET

@b
UPDATE t SET b = 0 WHERE a = 2
----
ERROR 55P03: canceling statement due to lock timeout

@b
DELETE FROM t WHERE b >= 20
----
ERROR 55P03: canceling statement due to lock timeout

# Reads are not in the way, and nothing is in theirs.
@b
SELECT a, b FROM t WHERE a = 2
----
a int4, b int4
| 2 | 20 |
SELECT 1

@a
COMMIT
----
COMMIT

@b
UPDATE t SET b = 21 WHERE a = 2
----
UPDATE 1

# Shared locks admit each other, and nobody who writes.
@a
BEGIN; SELECT b FROM t WHERE a = 1 FOR SHARE
----
BEGIN
b int4
| 10 |
SELECT 1
[T]

@b
BEGIN; SELECT b FROM t WHERE a = 1 FOR KEY SHARE
----
BEGIN
b int4
| 10 |
SELECT 1
[T]

@b
UPDATE t SET b = 11 WHERE a = 1
----
ERROR 55P03: canceling statement due to lock timeout
[E]

@b
ROLLBACK
----
ROLLBACK

@a
UPDATE t SET b = 12 WHERE a = 1; COMMIT
----
UPDATE 1
COMMIT

# The first statement of a transaction sees what it waited for.
@a
BEGIN; UPDATE t SET b = b + 1 WHERE a = 3
----
BEGIN
UPDATE 1
[T]

@a
COMMIT
----
COMMIT

@b
BEGIN; UPDATE t SET b = b + 1 WHERE a = 3; SELECT b FROM t WHERE a = 3; COMMIT
----
BEGIN
UPDATE 1
b int4
| 32 |
SELECT 1
COMMIT

SELECT a FROM t GROUP BY a FOR UPDATE
----
ERROR 0A000: FOR UPDATE is not allowed with GROUP BY clause

SELECT count(*) FROM t FOR SHARE
----
ERROR 0A000: FOR SHARE is not allowed with aggregate functions

SELECT DISTINCT b FROM t FOR UPDATE
----
ERROR 0A000: FOR UPDATE is not allowed with DISTINCT clause

SELECT a FROM t FOR UPDATE OF other
----
ERROR 42P01 at 31: relation "other" in FOR UPDATE clause not found in FROM clause

SELECT a FROM t AS x WHERE a = 4 FOR UPDATE OF x
----
a int4
| 4 |
SELECT 1
