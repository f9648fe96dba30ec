CREATE TABLE t (a int PRIMARY KEY, b int)
----
CREATE TABLE

INSERT INTO t VALUES (1, 10), (2, 20), (3, 30), (4, 40), (5, 50)
----
INSERT 0 5

DECLARE c CURSOR FOR SELECT * FROM t
----
ERROR 25P01: DECLARE CURSOR can only be used in transaction blocks

FETCH c
----
ERROR 34000: cursor "c" does not exist

CLOSE c
----
ERROR 34000: cursor "c" does not exist

CLOSE ALL
----
CLOSE CURSOR ALL

BEGIN
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT * FROM t ORDER BY a
----
DECLARE CURSOR
[T]

FETCH c
----
a int4, b int4
| 1 | 10 |
FETCH 1
[T]

FETCH NEXT FROM c
----
a int4, b int4
| 2 | 20 |
FETCH 1
[T]

FETCH 2 FROM c
----
a int4, b int4
| 3 | 30 |
| 4 | 40 |
FETCH 2
[T]

FETCH FORWARD 5 IN c
----
a int4, b int4
| 5 | 50 |
FETCH 1
[T]

FETCH c
----
a int4, b int4
FETCH 0
[T]

FETCH ALL c
----
a int4, b int4
FETCH 0
[T]

FETCH 0 c
----
a int4, b int4
FETCH 0
[T]

CLOSE c
----
CLOSE CURSOR
[T]

FETCH c
----
ERROR 34000: cursor "c" does not exist
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT a FROM t ORDER BY a
----
DECLARE CURSOR
[T]

DECLARE c CURSOR FOR SELECT 1
----
ERROR 42P03: cursor "c" already exists
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

DECLARE c NO SCROLL CURSOR WITHOUT HOLD FOR SELECT a FROM t ORDER BY a DESC
----
DECLARE CURSOR
[T]

MOVE 2 IN c
----
MOVE 2
[T]

FETCH FORWARD ALL FROM c
----
a int4
| 3 |
| 2 |
| 1 |
FETCH 3
[T]

MOVE c
----
MOVE 0
[T]

MOVE ALL c
----
MOVE 0
[T]

CLOSE c
----
CLOSE CURSOR
[T]

DECLARE c CURSOR FOR SELECT a FROM t ORDER BY a
----
DECLARE CURSOR
[T]

FETCH 5 c
----
a int4
| 1 |
| 2 |
| 3 |
| 4 |
| 5 |
FETCH 5
[T]

FETCH c
----
a int4
FETCH 0
[T]

FETCH c
----
a int4
FETCH 0
[T]

CLOSE ALL
----
CLOSE CURSOR ALL
[T]

FETCH c
----
ERROR 34000: cursor "c" does not exist
[E]

COMMIT
----
ROLLBACK

# Exactly as many as there are, then none.
BEGIN
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT a FROM t WHERE a > 10
----
DECLARE CURSOR
[T]

FETCH ALL c
----
a int4
FETCH 0
[T]

FETCH 3 c
----
a int4
FETCH 0
[T]

MOVE 3 c
----
MOVE 0
[T]

DECLARE g CURSOR FOR SELECT count(*), sum(b) FROM t
----
DECLARE CURSOR
[T]

FETCH g
----
count int8, sum int8
| 5 | 150 |
FETCH 1
[T]

FETCH g
----
count int8, sum int8
FETCH 0
[T]

COMMIT
----
COMMIT

# With the transaction they end.
FETCH g
----
ERROR 34000: cursor "g" does not exist

BEGIN
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT a FROM t ORDER BY a
----
DECLARE CURSOR
[T]

FETCH c
----
a int4
| 1 |
FETCH 1
[T]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

FETCH c
----
ERROR 34000: cursor "c" does not exist
[E]

ROLLBACK
----
ROLLBACK

# What is written later it does not see; other statements do.
BEGIN
----
BEGIN
[T]

UPDATE t SET b = 11 WHERE a = 1
----
UPDATE 1
[T]

DECLARE c CURSOR FOR SELECT * FROM t ORDER BY a
----
DECLARE CURSOR
[T]

FETCH c
----
a int4, b int4
| 1 | 11 |
FETCH 1
[T]

UPDATE t SET b = b + 1
----
UPDATE 5
[T]

DELETE FROM t WHERE a = 4
----
DELETE 1
[T]

INSERT INTO t VALUES (6, 60)
----
INSERT 0 1
[T]

FETCH 2 c
----
a int4, b int4
| 2 | 20 |
| 3 | 30 |
FETCH 2
[T]

SELECT * FROM t ORDER BY a
----
a int4, b int4
| 1 | 12 |
| 2 | 21 |
| 3 | 31 |
| 5 | 51 |
| 6 | 60 |
SELECT 5
[T]

FETCH ALL c
----
a int4, b int4
| 4 | 40 |
| 5 | 50 |
FETCH 2
[T]

DECLARE p CURSOR FOR SELECT * FROM t WHERE a IN (1, 4, 6)
----
DECLARE CURSOR
[T]

UPDATE t SET b = 0 WHERE a = 1
----
UPDATE 1
[T]

DELETE FROM t WHERE a = 6
----
DELETE 1
[T]

INSERT INTO t VALUES (4, 0)
----
INSERT 0 1
[T]

FETCH ALL p
----
a int4, b int4
| 1 | 12 |
| 6 | 60 |
FETCH 2
[T]

SELECT * FROM t WHERE a IN (1, 4, 6) ORDER BY a
----
a int4, b int4
| 1 | 0 |
| 4 | 0 |
SELECT 2
[T]

ROLLBACK
----
ROLLBACK

# Savepoints: what was declared behind one goes with it, the others keep their place.
BEGIN
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT a FROM t ORDER BY a
----
DECLARE CURSOR
[T]

FETCH c
----
a int4
| 1 |
FETCH 1
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

DECLARE d CURSOR FOR SELECT a FROM t ORDER BY a
----
DECLARE CURSOR
[T]

FETCH 2 c
----
a int4
| 2 |
| 3 |
FETCH 2
[T]

FETCH 2 d
----
a int4
| 1 |
| 2 |
FETCH 2
[T]

DELETE FROM t
----
DELETE 5
[T]

ROLLBACK TO s
----
ROLLBACK
[T]

FETCH c
----
a int4
| 4 |
FETCH 1
[T]

FETCH d
----
ERROR 34000: cursor "d" does not exist
[E]

ROLLBACK TO s
----
ROLLBACK
[T]

FETCH ALL c
----
a int4
| 5 |
FETCH 1
[T]

DECLARE d CURSOR FOR SELECT a FROM t ORDER BY a DESC
----
DECLARE CURSOR
[T]

FETCH d
----
a int4
| 5 |
FETCH 1
[T]

RELEASE s
----
RELEASE
[T]

FETCH d
----
a int4
| 4 |
FETCH 1
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

CLOSE d
----
CLOSE CURSOR
[T]

ROLLBACK TO s
----
ROLLBACK
[T]

FETCH d
----
ERROR 34000: cursor "d" does not exist
[E]

ROLLBACK
----
ROLLBACK

# An error in a cursor fails the transaction.
BEGIN
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT 10 / (a - 3) FROM t ORDER BY a
----
DECLARE CURSOR
[T]

FETCH 2 c
----
?column? int4
| -5 |
| -10 |
FETCH 2
[T]

FETCH c
----
?column? int4
ERROR 22012: division by zero
[E]

FETCH c
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT 10 / (a - 3) FROM t ORDER BY a
----
DECLARE CURSOR
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

FETCH ALL c
----
?column? int4
| -5 |
| -10 |
ERROR 22012: division by zero
[E]

ROLLBACK TO s
----
ROLLBACK
[T]

FETCH c
----
ERROR 55000: portal "c" cannot be run
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT nosuch FROM t
----
ERROR 42703 at 29: column "nosuch" does not exist
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT * FROM t ORDER BY a FOR UPDATE
----
DECLARE CURSOR
[T]

FETCH c
----
a int4, b int4
| 1 | 10 |
FETCH 1
[T]

UPDATE t SET b = 12 WHERE a = 1
----
UPDATE 1
[T]

FETCH c
----
a int4, b int4
| 2 | 20 |
FETCH 1
[T]

COMMIT
----
COMMIT

BEGIN
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT a FROM t ORDER BY a
----
DECLARE CURSOR
[T]

MOVE FORWARD 0 c
----
MOVE 0
[T]

FETCH RELATIVE 2 c
----
a int4
| 2 |
FETCH 1
[T]

FETCH ABSOLUTE 4 c
----
a int4
| 4 |
FETCH 1
[T]

FETCH FIRST c
----
ERROR 0A000 at 1: fetching backwards is not supported yet
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT a FROM t ORDER BY a
----
DECLARE CURSOR
[T]

FETCH FIRST c
----
a int4
| 1 |
FETCH 1
[T]

FETCH LAST c
----
ERROR 0A000 at 1: fetching backwards is not supported yet
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT a FROM t ORDER BY a
----
DECLARE CURSOR
[T]

FETCH 2 c
----
a int4
| 1 |
| 2 |
FETCH 2
[T]

FETCH BACKWARD 1 c
----
ERROR 0A000 at 1: fetching backwards is not supported yet
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

DECLARE c CURSOR WITH HOLD FOR SELECT a FROM t
----
ERROR 0A000 at 1: DECLARE CURSOR ... WITH HOLD is not supported yet
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

DECLARE c SCROLL CURSOR FOR SELECT a FROM t
----
ERROR 0A000 at 1: a SCROLL cursor is not supported yet
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

DECLARE c BINARY CURSOR FOR SELECT a FROM t
----
ERROR 0A000 at 1: a BINARY cursor is not supported yet
[E]

ROLLBACK
----
ROLLBACK

# In one text.
BEGIN; DECLARE c CURSOR FOR SELECT a FROM t ORDER BY a; FETCH 2 c; MOVE 1 c; FETCH 1 c; CLOSE c; COMMIT
----
BEGIN
DECLARE CURSOR
a int4
| 1 |
| 2 |
FETCH 2
MOVE 1
a int4
| 4 |
FETCH 1
CLOSE CURSOR
COMMIT

BEGIN READ ONLY
----
BEGIN
[T]

DECLARE c CURSOR FOR SELECT a FROM t ORDER BY a
----
DECLARE CURSOR
[T]

FETCH c
----
a int4
| 1 |
FETCH 1
[T]

COMMIT
----
COMMIT
