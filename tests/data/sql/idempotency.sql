# differs: PostgreSQL has no idempotency keys; this script is for Ostraka alone.
CREATE TABLE t (a int PRIMARY KEY, b text, n numeric, at timestamptz)
----
CREATE TABLE

# A transaction under a key, and the same again in another session: the same answers, done once.
BEGIN
----
BEGIN
[T]

SET LOCAL ostraka.idempotency_key = 'k1'
----
SET
[T]

INSERT INTO t VALUES (1, 'one', 1.50, '2024-01-02 03:04:05+00'), (2, NULL, NULL, NULL)
----
INSERT 0 2
[T]

SELECT a, b, n, at, a / 2.0 AS half, NULL::int AS nothing FROM t ORDER BY a
----
a int4, b text, n numeric, at timestamptz, half numeric, nothing int4
| 1 | one | 1.50 | 2024-01-02 03:04:05+00 | 0.50000000000000000000 | <null> |
| 2 | <null> | <null> | <null> | 1.00000000000000000000 | <null> |
SELECT 2
[T]

UPDATE t SET b = 'two' WHERE a = 2
----
UPDATE 1
[T]

COMMIT
----
COMMIT

@b
BEGIN
----
BEGIN
[T]

@b
SET LOCAL ostraka.idempotency_key = 'k1'
----
SET
[T]

@b
INSERT INTO t VALUES (1, 'one', 1.50, '2024-01-02 03:04:05+00'), (2, NULL, NULL, NULL)
----
INSERT 0 2
[T]

@b
SELECT a, b, n, at, a / 2.0 AS half, NULL::int AS nothing FROM t ORDER BY a
----
a int4, b text, n numeric, at timestamptz, half numeric, nothing int4
| 1 | one | 1.50 | 2024-01-02 03:04:05+00 | 0.50000000000000000000 | <null> |
| 2 | <null> | <null> | <null> | 1.00000000000000000000 | <null> |
SELECT 2
[T]

@b
UPDATE t SET b = 'two' WHERE a = 2
----
UPDATE 1
[T]

@b
COMMIT
----
COMMIT

SELECT a, b FROM t ORDER BY a
----
a int4, b text
| 1 | one |
| 2 | two |
SELECT 2

# What has changed since does not matter.
UPDATE t SET b = 'changed'
----
UPDATE 2

# All of it in one text.
@reads
BEGIN; SET LOCAL ostraka.idempotency_key = 'k1'; INSERT INTO t VALUES (1, 'one', 1.50, '2024-01-02 03:04:05+00'), (2, NULL, NULL, NULL); SELECT a, b, n, at, a / 2.0 AS half, NULL::int AS nothing FROM t ORDER BY a; UPDATE t SET b = 'two' WHERE a = 2; COMMIT
----
BEGIN
SET
INSERT 0 2
a int4, b text, n numeric, at timestamptz, half numeric, nothing int4
| 1 | one | 1.50 | 2024-01-02 03:04:05+00 | 0.50000000000000000000 | <null> |
| 2 | <null> | <null> | <null> | 1.00000000000000000000 | <null> |
SELECT 2
UPDATE 1
COMMIT
(rows read: 0)

SELECT a, b FROM t ORDER BY a
----
a int4, b text
| 1 | changed |
| 2 | changed |
SELECT 2

# Another statement, at the first place, at a later one, one more, or one less: an error, and nothing is done.
BEGIN; SET LOCAL ostraka.idempotency_key = 'k1'; INSERT INTO t VALUES (3, NULL, NULL, NULL); COMMIT
----
BEGIN
SET
ERROR 22K01: idempotency key "k1" belongs to other statements
  detail: This statement, or the value of a parameter, is not that of the first time.
  hint: Nothing was done. Another transaction needs another key.
[E]

ROLLBACK
----
ROLLBACK

BEGIN; SET LOCAL ostraka.idempotency_key = 'k1'; INSERT INTO t VALUES (1, 'one', 1.50, '2024-01-02 03:04:05+00'), (2, NULL, NULL, NULL); DELETE FROM t; COMMIT
----
BEGIN
SET
INSERT 0 2
ERROR 22K01: idempotency key "k1" belongs to other statements
  detail: This statement, or the value of a parameter, is not that of the first time.
  hint: Nothing was done. Another transaction needs another key.
[E]

SELECT 1
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

ROLLBACK
----
ROLLBACK

BEGIN; SET LOCAL ostraka.idempotency_key = 'k1'; INSERT INTO t VALUES (1, 'one', 1.50, '2024-01-02 03:04:05+00'), (2, NULL, NULL, NULL); COMMIT
----
BEGIN
SET
INSERT 0 2
ERROR 22K01: idempotency key "k1" belongs to other statements
  detail: The first time it consisted of more statements.
  hint: Nothing was done. Another transaction needs another key.

SELECT count(*) FROM t
----
count int8
| 2 |
SELECT 1

# The key of a session is that of its next transaction. To go on under it is an error, not silence.
SET ostraka.idempotency_key = 'k2'
----
SET

INSERT INTO t VALUES (10, 'ten', NULL, NULL)
----
INSERT 0 1

INSERT INTO t VALUES (10, 'ten', NULL, NULL)
----
INSERT 0 1

INSERT INTO t VALUES (11, 'eleven', NULL, NULL)
----
ERROR 22K01: idempotency key "k2" belongs to other statements
  detail: This statement, or the value of a parameter, is not that of the first time.
  hint: Nothing was done. Another transaction needs another key.

SHOW ostraka.idempotency_key
----
ostraka.idempotency_key text
| k2 |
SHOW

BEGIN; INSERT INTO t VALUES (10, 'ten', NULL, NULL); COMMIT
----
BEGIN
INSERT 0 1
COMMIT

SET ostraka.idempotency_key = 'k3'; INSERT INTO t VALUES (12, 'twelve', NULL, NULL); SELECT a FROM t WHERE a > 9 ORDER BY a
----
SET
INSERT 0 1
a int4
| 10 |
| 12 |
SELECT 2

DELETE FROM t WHERE a = 12
----
ERROR 22K01: idempotency key "k3" belongs to other statements
  detail: The first time it consisted of more statements.
  hint: Nothing was done. Another transaction needs another key.

SET ostraka.idempotency_key = 'k3'; INSERT INTO t VALUES (12, 'twelve', NULL, NULL); SELECT a FROM t WHERE a > 9 ORDER BY a
----
SET
INSERT 0 1
a int4
| 10 |
| 12 |
SELECT 2

RESET ostraka.idempotency_key
----
RESET

SELECT a FROM t WHERE a > 9 ORDER BY a
----
a int4
| 10 |
| 12 |
SELECT 2

# A statement alone that would fail the second time does not.
SET ostraka.idempotency_key = 'k4'
----
SET

CREATE TABLE u (a int PRIMARY KEY)
----
CREATE TABLE

CREATE TABLE u (a int PRIMARY KEY)
----
CREATE TABLE

SET ostraka.idempotency_key = 'k5'
----
SET

UPDATE t SET a = a + 100 WHERE a = 1
----
UPDATE 1

UPDATE t SET a = a + 100 WHERE a = 1
----
UPDATE 1

SET ostraka.idempotency_key = 'k6'
----
SET

DELETE FROM t WHERE a = 101
----
DELETE 1

DELETE FROM t WHERE a = 101
----
DELETE 1

# What only reads has a record, too.
SET ostraka.idempotency_key = 'k7'
----
SET

SELECT a, b FROM t ORDER BY a
----
a int4, b text
| 2 | changed |
| 10 | ten |
| 12 | twelve |
SELECT 3

@b
UPDATE t SET b = 'once more'
----
UPDATE 3

SELECT a, b FROM t ORDER BY a
----
a int4, b text
| 2 | changed |
| 10 | ten |
| 12 | twelve |
SELECT 3

# An error is not recorded: nothing was committed.
SET ostraka.idempotency_key = 'k8'
----
SET

INSERT INTO t VALUES (10, 'again', NULL, NULL)
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(10) already exists.

@b
DELETE FROM t WHERE a = 10
----
DELETE 1

INSERT INTO t VALUES (10, 'again', NULL, NULL)
----
INSERT 0 1

# Prepared statements: the statement that the name stands for, and the values.
RESET ostraka.idempotency_key
----
RESET

PREPARE p AS INSERT INTO u VALUES ($1)
----
PREPARE

SET ostraka.idempotency_key = 'k9'
----
SET

EXECUTE p(1)
----
INSERT 0 1

EXECUTE p(1)
----
INSERT 0 1

EXECUTE p(2)
----
ERROR 22K01: idempotency key "k9" belongs to other statements
  detail: This statement, or the value of a parameter, is not that of the first time.
  hint: Nothing was done. Another transaction needs another key.

# The first statement of the transaction, or none.
RESET ostraka.idempotency_key
----
RESET

BEGIN; SELECT count(*) FROM u
----
BEGIN
count int8
| 1 |
SELECT 1
[T]

SET LOCAL ostraka.idempotency_key = 'k10'
----
ERROR 25001: SET ostraka.idempotency_key must be the first statement of a transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN; SET LOCAL ostraka.idempotency_key = 'k10'; INSERT INTO u VALUES (5)
----
BEGIN
SET
INSERT 0 1
[T]

SET LOCAL ostraka.idempotency_key = 'k11'
----
ERROR 25001: SET ostraka.idempotency_key must be the first statement of a transaction
[E]

ROLLBACK
----
ROLLBACK

# That key was not used, then.
BEGIN; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE; SET LOCAL ostraka.idempotency_key = 'k10'; SELECT count(*) FROM u; COMMIT
----
BEGIN
SET
SET
count int8
| 1 |
SELECT 1
COMMIT

# A transaction without statements.
BEGIN; SET LOCAL ostraka.idempotency_key = 'k12'; COMMIT
----
BEGIN
SET
COMMIT

BEGIN; SET LOCAL ostraka.idempotency_key = 'k12'; SELECT 1; COMMIT
----
BEGIN
SET
ERROR 22K01: idempotency key "k12" belongs to other statements
  detail: The first time it consisted of fewer statements.
  hint: Nothing was done. Another transaction needs another key.
[E]

ROLLBACK
----
ROLLBACK

# Results are kept, so they are limited; nothing is written when they are too large.
SET ostraka.idempotency_key = 'k13'
----
SET

SELECT repeat('x', 70000)
----
ERROR 54000: the results of a transaction with an idempotency key are limited to 65536 bytes; these have 70033 or more

BEGIN; INSERT INTO u VALUES (6); SELECT repeat('x', 40000) = 'x'; SELECT repeat('x', 70000); COMMIT
----
BEGIN
INSERT 0 1
?column? bool
| f |
SELECT 1
repeat text
ERROR 54000: the results of a transaction with an idempotency key are limited to 65536 bytes; these have 70116 or more
[E]

ROLLBACK
----
ROLLBACK

INSERT INTO u VALUES (7)
----
INSERT 0 1

# Keys that say when they were made.
SET ostraka.idempotency_key = '0000000000001/order-1'
----
SET

INSERT INTO u VALUES (8)
----
ERROR 22K02: idempotency key "0000000000001/order-1" is too old
  detail: Its transaction may have been committed; what it answered is not kept any more.
  hint: Nothing was done now. Read what is there before you use a new key.

BEGIN
----
BEGIN
[T]

SELECT 1
----
ERROR 22K02: idempotency key "0000000000001/order-1" is too old
  detail: Its transaction may have been committed; what it answered is not kept any more.
  hint: Nothing was done now. Read what is there before you use a new key.
[E]

ROLLBACK
----
ROLLBACK

SET ostraka.idempotency_key = '9999999999999/order-1'
----
SET

INSERT INTO u VALUES (8)
----
ERROR 22023: idempotency key "9999999999999/order-1" says that it is made more than a day from now
  hint: Is the clock of this client right?

SET ostraka.idempotency_key = 'ffffffff-ffff-7fff-bfff-ffffffffffff'
----
SET

INSERT INTO u VALUES (8)
----
ERROR 22023: idempotency key "ffffffff-ffff-7fff-bfff-ffffffffffff" says that it is made more than a day from now
  hint: Is the clock of this client right?

SET ostraka.idempotency_key = '9999999999999'
----
SET

INSERT INTO u VALUES (8)
----
INSERT 0 1

# What is refused.
RESET ostraka.idempotency_key
----
RESET


SET ostraka.idempotency_key = '12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678x'
----
ERROR 22023: invalid value for parameter "ostraka.idempotency_key": "12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678x"
  detail: A key has at most 128 bytes.

SET ostraka.idempotency_key = '12345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678'
----
SET

SET ostraka.idempotency_ttl = '500ms'
----
ERROR 22023: 500ms is outside the valid range for parameter "ostraka.idempotency_ttl" (1s .. 7d)

SET ostraka.idempotency_ttl = '8d'
----
ERROR 22023: 8d is outside the valid range for parameter "ostraka.idempotency_ttl" (1s .. 7d)

SET ostraka.idempotency_ttl = '7d'
----
SET

SHOW ostraka.idempotency_ttl
----
ostraka.idempotency_ttl text
| 7d |
SHOW

SET ostraka.idempotency_key = 'k14'
----
SET

COPY u FROM STDIN
<<
77
----
ERROR 0A000 at 1: COPY under an idempotency key is not supported yet

RESET ostraka.idempotency_key
----
RESET

SELECT a FROM u ORDER BY a
----
a int4
| 1 |
| 7 |
| 8 |
SELECT 3

BEGIN; SAVEPOINT a; SET LOCAL ostraka.idempotency_key = 'k15'
----
BEGIN
SAVEPOINT
ERROR 25001: SET ostraka.idempotency_key must be the first statement of a transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN; SET LOCAL ostraka.idempotency_key = 'k15'; INSERT INTO u VALUES (20); SAVEPOINT a
----
BEGIN
SET
INSERT 0 1
ERROR 0A000 at 78: a savepoint under an idempotency key is not supported yet
[E]

ROLLBACK
----
ROLLBACK

BEGIN; SET LOCAL ostraka.idempotency_key = 'k15'; DECLARE c CURSOR FOR SELECT 1
----
BEGIN
SET
ERROR 0A000 at 51: a cursor under an idempotency key is not supported yet
[E]

ROLLBACK
----
ROLLBACK

# Chained transactions go on without it.
BEGIN; SET LOCAL ostraka.idempotency_key = 'k16'; INSERT INTO u VALUES (21); COMMIT AND CHAIN; INSERT INTO u VALUES (22); COMMIT
----
BEGIN
SET
INSERT 0 1
COMMIT
INSERT 0 1
COMMIT

BEGIN; SET LOCAL ostraka.idempotency_key = 'k16'; INSERT INTO u VALUES (21); COMMIT AND CHAIN; INSERT INTO u VALUES (22); COMMIT
----
BEGIN
SET
INSERT 0 1
COMMIT
ERROR 23505: duplicate key value violates unique constraint "u_pkey"
  detail: Key (a)=(22) already exists.
[E]

ROLLBACK
----
ROLLBACK

# Outcomes by id.
SELECT ostraka.txn_status('nonsense')
----
ERROR 22023: "nonsense" is not the id of a transaction

SELECT ostraka.txn_status('00000000000100000002000000000001')
----
txn_status text
| expired |
SELECT 1

SELECT ostraka.txn_status('7fffffffffff00000002000000000001')
----
ERROR 22023: "7fffffffffff00000002000000000001" is not the id of a transaction

SELECT ostraka.txn_status(NULL)
----
txn_status text
| <null> |
SELECT 1

SELECT ostraka.nothing(1)
----
ERROR 42883 at 8: function ostraka.nothing(integer) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.
