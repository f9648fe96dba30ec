CREATE TABLE t (a int PRIMARY KEY)
----
CREATE TABLE

BEGIN ISOLATION LEVEL READ COMMITTED
----
BEGIN
[T]

# differs: there is one level, and that is what is told.
SHOW transaction_isolation
----
transaction_isolation text
| serializable |
SHOW
[T]

COMMIT
----
COMMIT

BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY DEFERRABLE
----
BEGIN
[T]

SHOW transaction_isolation
----
transaction_isolation text
| serializable |
SHOW
[T]

SHOW transaction_read_only
----
transaction_read_only text
| on |
SHOW
[T]

SHOW transaction_deferrable
----
transaction_deferrable text
| on |
SHOW
[T]

INSERT INTO t VALUES (1)
----
ERROR 25006: cannot execute INSERT in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

START TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE
----
START TRANSACTION
[T]

SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED
----
SET
[T]

SELECT 1
----
?column? int4
| 1 |
SELECT 1
[T]

SET TRANSACTION ISOLATION LEVEL READ COMMITTED
----
ERROR 25001: SET TRANSACTION ISOLATION LEVEL must be called before any query
[E]

SELECT 1
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

ROLLBACK
----
ROLLBACK

BEGIN ISOLATION LEVEL SERIALIZABLE
----
BEGIN
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

SET TRANSACTION ISOLATION LEVEL READ COMMITTED
----
ERROR 25001: SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN ISOLATION LEVEL SERIALIZABLE
----
BEGIN
[T]

SELECT 1
----
?column? int4
| 1 |
SELECT 1
[T]

SET TRANSACTION ISOLATION LEVEL SERIALIZABLE
----
SET
[T]

SET TRANSACTION READ ONLY
----
SET
[T]

SHOW transaction_read_only
----
transaction_read_only text
| on |
SHOW
[T]

SET TRANSACTION READ WRITE
----
ERROR 25001: transaction read-write mode must be set before any query
[E]

ROLLBACK
----
ROLLBACK

BEGIN READ ONLY
----
BEGIN
[T]

SET TRANSACTION READ WRITE
----
SET
[T]

INSERT INTO t VALUES (1)
----
INSERT 0 1
[T]

ROLLBACK
----
ROLLBACK

BEGIN READ ONLY
----
BEGIN
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

SET TRANSACTION READ WRITE
----
ERROR 25001: cannot set transaction read-write mode inside a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

SELECT 1
----
?column? int4
| 1 |
SELECT 1
[T]

SET TRANSACTION DEFERRABLE
----
ERROR 25001: SET TRANSACTION [NOT] DEFERRABLE must be called before any query
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

SET TRANSACTION DEFERRABLE
----
SET
[T]

SHOW transaction_deferrable
----
transaction_deferrable text
| on |
SHOW
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

SET TRANSACTION NOT DEFERRABLE
----
ERROR 25001: SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction
[E]

ROLLBACK
----
ROLLBACK

SHOW transaction_deferrable
----
transaction_deferrable text
| off |
SHOW

# differs: the notice comes in its place.
SET TRANSACTION READ ONLY
----
WARNING 25P01: SET TRANSACTION can only be used in transaction blocks
SET

SHOW transaction_read_only
----
transaction_read_only text
| off |
SHOW

SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY
----
SET
(default_transaction_read_only is now "on")

SHOW transaction_read_only
----
transaction_read_only text
| on |
SHOW

SHOW default_transaction_read_only
----
default_transaction_read_only text
| on |
SHOW

INSERT INTO t VALUES (1)
----
ERROR 25006: cannot execute INSERT in a read-only transaction

BEGIN READ WRITE
----
BEGIN
[T]

INSERT INTO t VALUES (1)
----
INSERT 0 1
[T]

COMMIT
----
COMMIT

SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE, NOT DEFERRABLE
----
SET
(default_transaction_read_only is now "off")

SET transaction_read_only = on
----
SET

SHOW transaction_read_only
----
transaction_read_only text
| off |
SHOW

BEGIN
----
BEGIN
[T]

SET transaction_read_only = yes
----
SET
[T]

INSERT INTO t VALUES (2)
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

SET LOCAL transaction_read_only TO 'on'
----
SET
[T]

INSERT INTO t VALUES (2)
----
ERROR 25006: cannot execute INSERT in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

SET transaction_read_only = 3
----
ERROR 22023: parameter "transaction_read_only" requires a Boolean value

SET default_transaction_isolation = 'read committed'
----
SET

# differs: there is one level, and that is what is told.
SHOW default_transaction_isolation
----
default_transaction_isolation text
| serializable |
SHOW

SET default_transaction_isolation = 'nosuch'
----
ERROR 22023: invalid value for parameter "default_transaction_isolation": "nosuch"
  hint: Available values: serializable, repeatable read, read committed, read uncommitted.

RESET default_transaction_isolation
----
RESET

# The next transaction begins at once, as this one did.
BEGIN READ ONLY
----
BEGIN
[T]

COMMIT AND CHAIN
----
COMMIT
[T]

SHOW transaction_read_only
----
transaction_read_only text
| on |
SHOW
[T]

INSERT INTO t VALUES (2)
----
ERROR 25006: cannot execute INSERT in a read-only transaction
[E]

ROLLBACK AND CHAIN
----
ROLLBACK
[T]

SHOW transaction_read_only
----
transaction_read_only text
| on |
SHOW
[T]

COMMIT AND NO CHAIN
----
COMMIT

COMMIT AND CHAIN
----
ERROR 25P01: COMMIT AND CHAIN can only be used in transaction blocks

ROLLBACK AND CHAIN
----
ERROR 25P01: ROLLBACK AND CHAIN can only be used in transaction blocks

BEGIN
----
BEGIN
[T]

INSERT INTO t VALUES (3)
----
INSERT 0 1
[T]

COMMIT AND CHAIN
----
COMMIT
[T]

INSERT INTO t VALUES (4)
----
INSERT 0 1
[T]

ROLLBACK AND CHAIN
----
ROLLBACK
[T]

INSERT INTO t VALUES (5)
----
INSERT 0 1
[T]

COMMIT
----
COMMIT

SELECT a FROM t ORDER BY a
----
a int4
| 1 |
| 3 |
| 5 |
SELECT 3

BEGIN
----
BEGIN
[T]

SELECT 1 / 0
----
ERROR 22012: division by zero
[E]

COMMIT AND CHAIN
----
ROLLBACK
[T]

INSERT INTO t VALUES (6)
----
INSERT 0 1
[T]

COMMIT
----
COMMIT

SELECT a FROM t ORDER BY a
----
a int4
| 1 |
| 3 |
| 5 |
| 6 |
SELECT 4

INSERT INTO t VALUES (7); COMMIT AND CHAIN
----
INSERT 0 1
ERROR 25P01: COMMIT AND CHAIN can only be used in transaction blocks

SELECT count(*) FROM t
----
count int8
| 4 |
SELECT 1

BEGIN
----
BEGIN
[T]

SET LOCAL statement_timeout = '3s'
----
SET
[T]

COMMIT AND CHAIN
----
COMMIT
[T]

SHOW statement_timeout
----
statement_timeout text
| 0 |
SHOW
[T]

COMMIT
----
COMMIT

SET idle_session_timeout = '2min'
----
SET

SHOW idle_session_timeout
----
idle_session_timeout text
| 2min |
SHOW

RESET idle_session_timeout
----
RESET

SET idle_in_transaction_session_timeout = 1500
----
SET

SHOW idle_in_transaction_session_timeout
----
idle_in_transaction_session_timeout text
| 1500ms |
SHOW

RESET ALL
----
RESET

SHOW idle_in_transaction_session_timeout
----
idle_in_transaction_session_timeout text
| 0 |
SHOW
