# Rows are locked several at once, but none that is not given.
CREATE TABLE t (a int PRIMARY KEY, b int)
----
CREATE TABLE

INSERT INTO t SELECT g, g % 10 FROM generate_series(1, 1000) g
----
INSERT 0 1000

@a
BEGIN; SELECT sum(1) FROM t WHERE a < 0
----
BEGIN
sum int8
| <null> |
SELECT 1
[T]

# A page of rows and its locks, and so on: not a request for each row.
@a
EXPLAIN (ANALYZE, TIMING OFF) SELECT a FROM t FOR UPDATE
----
QUERY PLAN text
| Seq Scan on t (actual rows=1000 loops=1) |
| Requests: 6 |
| Retries: 0 |
EXPLAIN
[T]

@a
SELECT count(*) FROM ostraka.locks WHERE table_name = 't'
----
count int8
| 1000 |
SELECT 1
[T]

@a
ROLLBACK
----
ROLLBACK

# Points, too.
@a
BEGIN; EXPLAIN (ANALYZE, TIMING OFF) SELECT a FROM t WHERE a IN (1, 3, 5, 7, 9, 11, 2000) FOR UPDATE; ROLLBACK
----
BEGIN
QUERY PLAN text
| Index Scan using t_pkey on t (actual rows=6 loops=1) |
|   Index Cond: (a IN (1, 3, 5, 7, 9, 11, 2000)) |
| Requests: 2 |
| Retries: 0 |
EXPLAIN
ROLLBACK

# No more than LIMIT takes, of rows that pass.
@a
BEGIN; SELECT a FROM t WHERE b = 3 ORDER BY a LIMIT 2 OFFSET 1 FOR UPDATE
----
BEGIN
a int4
| 13 |
| 23 |
SELECT 2
[T]

@b
SELECT key FROM ostraka.locks WHERE table_name = 't' ORDER BY 1
----
key text
| (13) |
| (23) |
| (3) |
SELECT 3

@b
SELECT a FROM t WHERE b = 3 ORDER BY a LIMIT 3 FOR UPDATE SKIP LOCKED
----
a int4
| 33 |
| 43 |
| 53 |
SELECT 3

@b
SELECT a FROM t WHERE a IN (3, 13, 23, 33, 43) AND b = 3 ORDER BY a DESC LIMIT 2 FOR UPDATE SKIP LOCKED
----
a int4
| 43 |
| 33 |
SELECT 2

@b
SELECT a FROM t WHERE b = 3 ORDER BY a DESC FOR UPDATE NOWAIT
----
ERROR 55P03: could not obtain lock on row in relation "t"

@a
ROLLBACK
----
ROLLBACK

# From the other end, in the order of the scan.
@a
BEGIN; SELECT a FROM t WHERE a > 3 AND b = 3 ORDER BY a DESC LIMIT 3 FOR UPDATE
----
BEGIN
a int4
| 993 |
| 983 |
| 973 |
SELECT 3
[T]

@b
SELECT key FROM ostraka.locks WHERE table_name = 't' ORDER BY 1
----
key text
| (973) |
| (983) |
| (993) |
SELECT 3

@a
ROLLBACK
----
ROLLBACK

# A cursor locks what is fetched.
@a
BEGIN; DECLARE c CURSOR FOR SELECT a FROM t FOR UPDATE; FETCH 2 FROM c
----
BEGIN
DECLARE CURSOR
a int4
| 1 |
| 2 |
FETCH 2
[T]

@b
SELECT key FROM ostraka.locks WHERE table_name = 't' ORDER BY 1
----
key text
| (1) |
| (2) |
SELECT 2

@a
ROLLBACK
----
ROLLBACK

# So does a query around it that stops.
@a
BEGIN; SELECT a FROM (SELECT a FROM t FOR UPDATE) q LIMIT 2
----
BEGIN
a int4
| 1 |
| 2 |
SELECT 2
[T]

@b
SELECT key FROM ostraka.locks WHERE table_name = 't' ORDER BY 1
----
key text
| (1) |
| (2) |
SELECT 2

@a
ROLLBACK
----
ROLLBACK
