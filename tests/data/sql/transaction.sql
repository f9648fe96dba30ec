CREATE TABLE t (a int PRIMARY KEY, b int)
----
CREATE TABLE

# Statements of one text are one transaction.
INSERT INTO t VALUES (1, 1); INSERT INTO t VALUES (2, 2); SELECT count(*) FROM t
----
INSERT 0 1
INSERT 0 1
count int8
| 2 |
SELECT 1

INSERT INTO t VALUES (3, 3); INSERT INTO t VALUES (1, 1); INSERT INTO t VALUES (4, 4)
----
INSERT 0 1
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(1) already exists.

SELECT * FROM t ORDER BY a
----
a int4, b int4
| 1 | 1 |
| 2 | 2 |
SELECT 2

INSERT INTO t VALUES (3, 3); SELECT 1 / 0
----
INSERT 0 1
ERROR 22012: division by zero

SELECT count(*) FROM t
----
count int8
| 2 |
SELECT 1

# differs: the notice comes in its place.
INSERT INTO t VALUES (3, 3); COMMIT; INSERT INTO t VALUES (4, 4); SELECT 1 / 0
----
INSERT 0 1
WARNING 25P01: there is no transaction in progress
COMMIT
INSERT 0 1
ERROR 22012: division by zero

SELECT count(*) FROM t
----
count int8
| 3 |
SELECT 1

# differs: the notice comes in its place.
INSERT INTO t VALUES (5, 5); ROLLBACK; INSERT INTO t VALUES (6, 6)
----
INSERT 0 1
WARNING 25P01: there is no transaction in progress
ROLLBACK
INSERT 0 1

SELECT a FROM t ORDER BY a
----
a int4
| 1 |
| 2 |
| 3 |
| 6 |
SELECT 4

INSERT INTO t VALUES (7, 7); SELEC 1
----
ERROR 42601 at 30: syntax error at or near "SELEC"

SELECT count(*) FROM t
----
count int8
| 4 |
SELECT 1

INSERT INTO t VALUES (7, 7); BEGIN; INSERT INTO t VALUES (8, 8)
----
INSERT 0 1
BEGIN
INSERT 0 1
[T]

SELECT count(*) FROM t
----
count int8
| 6 |
SELECT 1
[T]

ROLLBACK
----
ROLLBACK

SELECT a FROM t ORDER BY a
----
a int4
| 1 |
| 2 |
| 3 |
| 6 |
SELECT 4

;
----
(empty)

-- a comment
----
(empty)

/* another */ ; ; SELECT 1; ;
----
?column? int4
| 1 |
SELECT 1

# Explicit transactions
BEGIN
----
BEGIN
[T]

INSERT INTO t VALUES (10, 10)
----
INSERT 0 1
[T]

UPDATE t SET b = 11 WHERE a = 10
----
UPDATE 1
[T]

SELECT * FROM t WHERE a = 10
----
a int4, b int4
| 10 | 11 |
SELECT 1
[T]

DELETE FROM t WHERE a = 1
----
DELETE 1
[T]

SELECT a FROM t ORDER BY a
----
a int4
| 2 |
| 3 |
| 6 |
| 10 |
SELECT 4
[T]

COMMIT
----
COMMIT

SELECT a, b FROM t ORDER BY a
----
a int4, b int4
| 2 | 2 |
| 3 | 3 |
| 6 | 6 |
| 10 | 11 |
SELECT 4

BEGIN
----
BEGIN
[T]

SELECT 1 / 0
----
ERROR 22012: division by zero
[E]

SELECT 1
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

INSERT INTO t VALUES (20, 20)
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

BEGIN
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

SELEC
----
ERROR 42601 at 1: syntax error at or near "SELEC"
[E]

COMMIT
----
ROLLBACK

SELECT 1
----
?column? int4
| 1 |
SELECT 1

BEGIN; INSERT INTO t VALUES (20, 20); SELECT 1 / 0; SELECT 2
----
BEGIN
INSERT 0 1
ERROR 22012: division by zero
[E]

ROLLBACK
----
ROLLBACK

SELECT count(*) FROM t WHERE a = 20
----
count int8
| 0 |
SELECT 1

COMMIT
----
WARNING 25P01: there is no transaction in progress
COMMIT

ROLLBACK
----
WARNING 25P01: there is no transaction in progress
ROLLBACK

END
----
WARNING 25P01: there is no transaction in progress
COMMIT

ABORT
----
WARNING 25P01: there is no transaction in progress
ROLLBACK

BEGIN
----
BEGIN
[T]

BEGIN
----
WARNING 25001: there is already a transaction in progress
BEGIN
[T]

COMMIT
----
COMMIT

START TRANSACTION
----
START TRANSACTION
[T]

ROLLBACK WORK
----
ROLLBACK

BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ WRITE
----
BEGIN
[T]

SHOW transaction_isolation
----
transaction_isolation text
| serializable |
SHOW
[T]

END TRANSACTION
----
COMMIT

BEGIN ISOLATION LEVEL REPEATABLE READ
----
BEGIN
[T]

ROLLBACK
----
ROLLBACK

BEGIN READ ONLY
----
BEGIN
[T]

SELECT count(*) > 0 FROM t
----
?column? bool
| t |
SELECT 1
[T]

INSERT INTO t VALUES (30, 30)
----
ERROR 25006: cannot execute INSERT in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN READ ONLY; UPDATE t SET b = 1
----
BEGIN
ERROR 25006: cannot execute UPDATE in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN READ ONLY
----
BEGIN
[T]

DELETE FROM t
----
ERROR 25006: cannot execute DELETE in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN READ ONLY
----
BEGIN
[T]

CREATE TABLE ro (a int)
----
ERROR 25006: cannot execute CREATE TABLE in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN READ ONLY
----
BEGIN
[T]

DROP TABLE t
----
ERROR 25006: cannot execute DROP TABLE in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN READ ONLY
----
BEGIN
[T]

TRUNCATE t
----
ERROR 25006: cannot execute TRUNCATE TABLE in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN READ ONLY
----
BEGIN
[T]

COPY t FROM STDIN
----
ERROR 25006: cannot execute COPY FROM in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

SET default_transaction_read_only = on
----
SET
(default_transaction_read_only is now "on")

INSERT INTO t VALUES (31, 31)
----
ERROR 25006: cannot execute INSERT in a read-only transaction

BEGIN READ WRITE
----
BEGIN
[T]

INSERT INTO t VALUES (31, 31)
----
INSERT 0 1
[T]

ROLLBACK
----
ROLLBACK

SET default_transaction_read_only = off
----
SET
(default_transaction_read_only is now "off")

BEGIN
----
BEGIN
[T]

SET TRANSACTION READ ONLY
----
SET
[T]

INSERT INTO t VALUES (32, 32)
----
ERROR 25006: cannot execute INSERT in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
----
SET
[T]

SELECT count(*) > 0 FROM t
----
?column? bool
| t |
SELECT 1
[T]

ROLLBACK
----
ROLLBACK

SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
----
WARNING 25P01: SET TRANSACTION can only be used in transaction blocks
SET

SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE
----
SET

# Tables are made and dropped in transactions.
BEGIN
----
BEGIN
[T]

CREATE TABLE u (a int PRIMARY KEY)
----
CREATE TABLE
[T]

INSERT INTO u VALUES (1)
----
INSERT 0 1
[T]

SELECT * FROM u
----
a int4
| 1 |
SELECT 1
[T]

ROLLBACK
----
ROLLBACK

SELECT * FROM u
----
ERROR 42P01 at 15: relation "u" does not exist

BEGIN; CREATE TABLE u (a int PRIMARY KEY); INSERT INTO u VALUES (1); COMMIT
----
BEGIN
CREATE TABLE
INSERT 0 1
COMMIT

SELECT * FROM u
----
a int4
| 1 |
SELECT 1

BEGIN
----
BEGIN
[T]

DROP TABLE u
----
DROP TABLE
[T]

SELECT * FROM u
----
ERROR 42P01 at 15: relation "u" does not exist
[E]

ROLLBACK
----
ROLLBACK

SELECT * FROM u
----
a int4
| 1 |
SELECT 1

BEGIN; DROP TABLE u; CREATE TABLE u (b text); INSERT INTO u VALUES ('x'); COMMIT
----
BEGIN
DROP TABLE
CREATE TABLE
INSERT 0 1
COMMIT

SELECT * FROM u
----
b text
| x |
SELECT 1

BEGIN; TRUNCATE u; SELECT count(*) FROM u; INSERT INTO u VALUES ('y')
----
BEGIN
TRUNCATE TABLE
count int8
| 0 |
SELECT 1
INSERT 0 1
[T]

ROLLBACK
----
ROLLBACK

SELECT * FROM u
----
b text
| x |
SELECT 1

DROP TABLE u
----
DROP TABLE

# now() is the transaction's time.
BEGIN
----
BEGIN
[T]

SELECT now() = transaction_timestamp(), now() = current_timestamp, statement_timestamp() >= now(), clock_timestamp() >= now()
----
?column? bool, ?column? bool, ?column? bool, ?column? bool
| t | t | t | t |
SELECT 1
[T]

COMMIT
----
COMMIT

DROP TABLE t
----
DROP TABLE
