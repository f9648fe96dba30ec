CREATE TABLE t (a int PRIMARY KEY, b int)
----
CREATE TABLE

INSERT INTO t VALUES (1, 1)
----
INSERT 0 1

# Outside of a transaction there is nothing to mark.
SAVEPOINT s
----
ERROR 25P01: SAVEPOINT can only be used in transaction blocks

RELEASE s
----
ERROR 25P01: RELEASE SAVEPOINT can only be used in transaction blocks

ROLLBACK TO s
----
ERROR 25P01: ROLLBACK TO SAVEPOINT can only be used in transaction blocks

SELECT 1; SAVEPOINT s
----
?column? int4
| 1 |
SELECT 1
ERROR 25P01: SAVEPOINT can only be used in transaction blocks

BEGIN
----
BEGIN
[T]

RELEASE nosuch
----
ERROR 3B001: savepoint "nosuch" does not exist
[E]

SELECT 1
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

ROLLBACK TO nosuch
----
ERROR 3B001: savepoint "nosuch" does not exist
[E]

ROLLBACK
----
ROLLBACK

# What came after a savepoint is forgotten; it stays and can be gone back to again.
BEGIN
----
BEGIN
[T]

INSERT INTO t VALUES (2, 2)
----
INSERT 0 1
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

INSERT INTO t VALUES (3, 3)
----
INSERT 0 1
[T]

UPDATE t SET b = 20 WHERE a = 2
----
UPDATE 1
[T]

DELETE FROM t WHERE a = 1
----
DELETE 1
[T]

SELECT * FROM t ORDER BY a
----
a int4, b int4
| 2 | 20 |
| 3 | 3 |
SELECT 2
[T]

ROLLBACK TO SAVEPOINT s
----
ROLLBACK
[T]

SELECT * FROM t ORDER BY a
----
a int4, b int4
| 1 | 1 |
| 2 | 2 |
SELECT 2
[T]

INSERT INTO t VALUES (3, 4)
----
INSERT 0 1
[T]

ROLLBACK TO s
----
ROLLBACK
[T]

SELECT * FROM t ORDER BY a DESC
----
a int4, b int4
| 2 | 2 |
| 1 | 1 |
SELECT 2
[T]

COMMIT
----
COMMIT

SELECT * FROM t ORDER BY a
----
a int4, b int4
| 1 | 1 |
| 2 | 2 |
SELECT 2

# Released, its changes belong to what was before.
BEGIN
----
BEGIN
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

INSERT INTO t VALUES (4, 4)
----
INSERT 0 1
[T]

RELEASE SAVEPOINT s
----
RELEASE
[T]

ROLLBACK TO s
----
ERROR 3B001: savepoint "s" does not exist
[E]

SELECT 1
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

ROLLBACK
----
ROLLBACK

SELECT count(*) FROM t
----
count int8
| 2 |
SELECT 1

BEGIN
----
BEGIN
[T]

SAVEPOINT a
----
SAVEPOINT
[T]

INSERT INTO t VALUES (4, 4)
----
INSERT 0 1
[T]

SAVEPOINT b
----
SAVEPOINT
[T]

INSERT INTO t VALUES (5, 5)
----
INSERT 0 1
[T]

SAVEPOINT c
----
SAVEPOINT
[T]

INSERT INTO t VALUES (6, 6)
----
INSERT 0 1
[T]

RELEASE b
----
RELEASE
[T]

ROLLBACK TO a
----
ROLLBACK
[T]

SELECT a FROM t ORDER BY a
----
a int4
| 1 |
| 2 |
SELECT 2
[T]

ROLLBACK TO b
----
ERROR 3B001: savepoint "b" does not exist
[E]

ROLLBACK TO a
----
ROLLBACK
[T]

COMMIT
----
COMMIT

SELECT count(*) FROM t
----
count int8
| 2 |
SELECT 1

# A name may be used again: the newest counts, and the older shows when that is released.
BEGIN
----
BEGIN
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

INSERT INTO t VALUES (4, 4)
----
INSERT 0 1
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

INSERT INTO t VALUES (5, 5)
----
INSERT 0 1
[T]

ROLLBACK TO s
----
ROLLBACK
[T]

SELECT a FROM t ORDER BY a
----
a int4
| 1 |
| 2 |
| 4 |
SELECT 3
[T]

RELEASE s
----
RELEASE
[T]

ROLLBACK TO s
----
ROLLBACK
[T]

SELECT a FROM t ORDER BY a
----
a int4
| 1 |
| 2 |
SELECT 2
[T]

ROLLBACK
----
ROLLBACK

# An error is forgiven by going back.
BEGIN
----
BEGIN
[T]

INSERT INTO t VALUES (4, 4)
----
INSERT 0 1
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

INSERT INTO t VALUES (1, 1)
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(1) already exists.
[E]

SELECT 1
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

SAVEPOINT u
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

RELEASE s
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

COMMIT AND NO CHAIN
----
ROLLBACK

SELECT count(*) FROM t
----
count int8
| 2 |
SELECT 1

BEGIN
----
BEGIN
[T]

INSERT INTO t VALUES (4, 4)
----
INSERT 0 1
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

INSERT INTO t VALUES (1, 1)
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(1) already exists.
[E]

ROLLBACK TO s
----
ROLLBACK
[T]

INSERT INTO t VALUES (5, 5)
----
INSERT 0 1
[T]

SELEC
----
ERROR 42601 at 1: syntax error at or near "SELEC"
[E]

ROLLBACK TO s
----
ROLLBACK
[T]

SELECT 1 / 0
----
ERROR 22012: division by zero
[E]

ROLLBACK TO s
----
ROLLBACK
[T]

COMMIT
----
COMMIT

SELECT a FROM t ORDER BY a
----
a int4
| 1 |
| 2 |
| 4 |
SELECT 3

# Of an error before the savepoint nothing is forgiven.
BEGIN
----
BEGIN
[T]

SELECT 1 / 0
----
ERROR 22012: division by zero
[E]

SAVEPOINT s
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

ROLLBACK TO s
----
ERROR 3B001: savepoint "s" does not exist
[E]

ROLLBACK
----
ROLLBACK

# Names are names.
BEGIN
----
BEGIN
[T]

SAVEPOINT "A b"
----
SAVEPOINT
[T]

savepoint SAVEPOINT
----
SAVEPOINT
[T]

ROLLBACK WORK TO SAVEPOINT "A b"
----
ROLLBACK
[T]

ROLLBACK TO savepoint
----
ERROR 3B001: savepoint "savepoint" does not exist
[E]

ROLLBACK TRANSACTION TO "A b"
----
ROLLBACK
[T]

RELEASE "A b"
----
RELEASE
[T]

COMMIT
----
COMMIT

# Settings go back, too.
SET statement_timeout = '7s'
----
SET

BEGIN
----
BEGIN
[T]

SET statement_timeout = '8s'
----
SET
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

SET statement_timeout = '9s'
----
SET
[T]

SAVEPOINT u
----
SAVEPOINT
[T]

SET LOCAL statement_timeout = '10s'
----
SET
[T]

SET extra_float_digits = 0
----
SET
[T]

SHOW statement_timeout
----
statement_timeout text
| 10s |
SHOW
[T]

ROLLBACK TO u
----
ROLLBACK
[T]

SHOW statement_timeout
----
statement_timeout text
| 9s |
SHOW
[T]

SET statement_timeout = '11s'
----
SET
[T]

RELEASE u
----
RELEASE
[T]

SHOW statement_timeout
----
statement_timeout text
| 11s |
SHOW
[T]

ROLLBACK TO s
----
ROLLBACK
[T]

SHOW statement_timeout
----
statement_timeout text
| 8s |
SHOW
[T]

SHOW extra_float_digits
----
extra_float_digits text
| 1 |
SHOW
[T]

COMMIT
----
COMMIT

SHOW statement_timeout
----
statement_timeout text
| 8s |
SHOW

BEGIN
----
BEGIN
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

SET LOCAL statement_timeout = '1s'
----
SET
[T]

RELEASE s
----
RELEASE
[T]

SHOW statement_timeout
----
statement_timeout text
| 1s |
SHOW
[T]

COMMIT
----
COMMIT

SHOW statement_timeout
----
statement_timeout text
| 8s |
SHOW

BEGIN
----
BEGIN
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

SET statement_timeout = '1s'
----
SET
[T]

ROLLBACK
----
ROLLBACK

SHOW statement_timeout
----
statement_timeout text
| 8s |
SHOW

BEGIN
----
BEGIN
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

SET statement_timeout = '1s'
----
SET
[T]

ROLLBACK TO s
----
ROLLBACK
[T]

COMMIT
----
COMMIT

SHOW statement_timeout
----
statement_timeout text
| 8s |
SHOW

BEGIN
----
BEGIN
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

SET TRANSACTION READ ONLY
----
SET
[T]

INSERT INTO t VALUES (9, 9)
----
ERROR 25006: cannot execute INSERT in a read-only transaction
[E]

ROLLBACK TO s
----
ROLLBACK
[T]

INSERT INTO t VALUES (9, 9)
----
INSERT 0 1
[T]

ROLLBACK
----
ROLLBACK

# Tables that were made behind it are gone, those dropped are back.
BEGIN
----
BEGIN
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

CREATE TABLE u (a int PRIMARY KEY)
----
CREATE TABLE
[T]

INSERT INTO u VALUES (1)
----
INSERT 0 1
[T]

TRUNCATE t
----
TRUNCATE TABLE
[T]

SELECT count(*) FROM t
----
count int8
| 0 |
SELECT 1
[T]

DROP TABLE t
----
DROP TABLE
[T]

SELECT count(*) FROM t
----
ERROR 42P01 at 22: relation "t" does not exist
[E]

ROLLBACK TO s
----
ROLLBACK
[T]

SELECT count(*) FROM t
----
count int8
| 3 |
SELECT 1
[T]

SELECT * FROM u
----
ERROR 42P01 at 15: relation "u" does not exist
[E]

ROLLBACK TO s
----
ROLLBACK
[T]

CREATE TABLE u (b text)
----
CREATE TABLE
[T]

INSERT INTO u VALUES ('x')
----
INSERT 0 1
[T]

COMMIT
----
COMMIT

SELECT * FROM u
----
b text
| x |
SELECT 1

SELECT count(*) FROM t
----
count int8
| 3 |
SELECT 1

# A text that fails behind a savepoint can be gone on with.
BEGIN; SAVEPOINT s; INSERT INTO t VALUES (7, 7); SELECT 1 / 0; SELECT 2
----
BEGIN
SAVEPOINT
INSERT 0 1
ERROR 22012: division by zero
[E]

ROLLBACK TO s; INSERT INTO t VALUES (8, 8); COMMIT
----
ROLLBACK
INSERT 0 1
COMMIT

SELECT a FROM t ORDER BY a
----
a int4
| 1 |
| 2 |
| 4 |
| 8 |
SELECT 4

# The same key again and again.
BEGIN
----
BEGIN
[T]

UPDATE t SET b = 100 WHERE a = 1
----
UPDATE 1
[T]

SAVEPOINT s1
----
SAVEPOINT
[T]

UPDATE t SET b = b + 1 WHERE a = 1
----
UPDATE 1
[T]

UPDATE t SET b = b + 1 WHERE a = 1
----
UPDATE 1
[T]

SAVEPOINT s2
----
SAVEPOINT
[T]

UPDATE t SET b = b + 1 WHERE a = 1
----
UPDATE 1
[T]

DELETE FROM t WHERE a = 1
----
DELETE 1
[T]

INSERT INTO t VALUES (1, -1)
----
INSERT 0 1
[T]

SELECT b FROM t WHERE a = 1
----
b int4
| -1 |
SELECT 1
[T]

ROLLBACK TO s2
----
ROLLBACK
[T]

SELECT b FROM t WHERE a = 1
----
b int4
| 102 |
SELECT 1
[T]

ROLLBACK TO s1
----
ROLLBACK
[T]

SELECT b FROM t WHERE a = 1
----
b int4
| 100 |
SELECT 1
[T]

COMMIT
----
COMMIT

SELECT b FROM t WHERE a = 1
----
b int4
| 100 |
SELECT 1
