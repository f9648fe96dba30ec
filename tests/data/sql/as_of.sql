# differs: all of it; PostgreSQL has no reads of the past.
CREATE TABLE t (k int PRIMARY KEY, v text)
----
CREATE TABLE

INSERT INTO t VALUES (1, 'one'), (2, 'two')
----
INSERT 0 2

SELECT pg_sleep(2)
----
pg_sleep void
|  |
SELECT 1

UPDATE t SET v = 'ONE' WHERE k = 1
----
UPDATE 1

DELETE FROM t WHERE k = 2
----
DELETE 1

INSERT INTO t VALUES (3, 'three')
----
INSERT 0 1

SELECT pg_sleep(1)
----
pg_sleep void
|  |
SELECT 1

SELECT * FROM t ORDER BY k
----
k int4, v text
| 1 | ONE |
| 3 | three |
SELECT 2

SELECT * FROM t AS OF SYSTEM TIME '-2s' ORDER BY k
----
k int4, v text
| 1 | one |
| 2 | two |
SELECT 2

SELECT * FROM t AS OF SYSTEM TIME interval '-2000 ms' WHERE k = 1
----
k int4, v text
| 1 | one |
SELECT 1

SELECT v FROM t AS OF SYSTEM TIME now() - interval '2 seconds' WHERE k > 1
----
v text
| two |
SELECT 1

SELECT count(*) FROM t x JOIN t y ON x.k = y.k AS OF SYSTEM TIME '-2s'
----
count int8
| 2 |
SELECT 1

# A query as a whole is of one time.
SELECT v FROM t AS OF SYSTEM TIME '-2s' UNION SELECT 'x' ORDER BY 1
----
v text
| one |
| two |
| x |
SELECT 3

SELECT v FROM t UNION SELECT v FROM t AS OF SYSTEM TIME '-2s'
----
ERROR 0A000 at 57: AS OF SYSTEM TIME of a part of a statement is not supported yet

SELECT (SELECT max(k) FROM t AS OF SYSTEM TIME '-2s')
----
ERROR 0A000 at 48: AS OF SYSTEM TIME of a part of a statement is not supported yet

INSERT INTO t SELECT k + 10, v FROM t AS OF SYSTEM TIME '-2s'
----
ERROR 0A000 at 57: AS OF SYSTEM TIME of a part of a statement is not supported yet

# Bounds: the newest is near enough, whoever serves it.
SELECT * FROM t AS OF SYSTEM TIME with_max_staleness('10s') WHERE k = 1
----
k int4, v text
| 1 | ONE |
SELECT 1

SELECT * FROM t AS OF SYSTEM TIME with_max_staleness(interval '1 min') ORDER BY k
----
k int4, v text
| 1 | ONE |
| 3 | three |
SELECT 2

SELECT * FROM t AS OF SYSTEM TIME with_min_timestamp(now() - interval '10 s') WHERE k = 1
----
k int4, v text
| 1 | ONE |
SELECT 1

SELECT v FROM t AS OF SYSTEM TIME with_max_staleness('-1s')
----
ERROR 22023: AS OF SYSTEM TIME: the staleness has to be positive

SELECT v FROM t AS OF SYSTEM TIME with_max_staleness(3)
----
ERROR 22023: AS OF SYSTEM TIME: an interval is expected

SELECT v FROM t AS OF SYSTEM TIME with_max_staleness('1s', '2s')
----
ERROR 42883 at 35: function with_max_staleness(unknown, unknown) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT pg_sleep(3)
----
pg_sleep void
|  |
SELECT 1

SELECT v FROM t AS OF SYSTEM TIME follower_read_timestamp() ORDER BY k
----
v text
| one |
| two |
SELECT 2

# What makes no sense.
SELECT v FROM t AS OF SYSTEM TIME '1s'
----
ERROR 22007: invalid input syntax for type timestamp with time zone: "1s"

SELECT v FROM t AS OF SYSTEM TIME interval '1 s'
----
ERROR 22023: AS OF SYSTEM TIME: an interval has to be negative: a time before now

SELECT v FROM t AS OF SYSTEM TIME 'yesterday noon or so'
----
ERROR 22007: invalid input syntax for type timestamp with time zone: "yesterday noon or so"

SELECT v FROM t AS OF SYSTEM TIME NULL
----
ERROR 22023 at 35: AS OF SYSTEM TIME: it is null

SELECT v FROM t AS OF SYSTEM TIME k
----
ERROR 42703 at 35: column "k" does not exist

SELECT v FROM t AS OF SYSTEM TIME (SELECT now())
----
ERROR 0A000 at 35: cannot use subquery in AS OF SYSTEM TIME

SELECT v FROM t AS OF SYSTEM TIME true
----
ERROR 22023: AS OF SYSTEM TIME: a time, an interval or nanoseconds are expected

SELECT v FROM t AS OF SYSTEM TIME 0
----
ERROR 22023: AS OF SYSTEM TIME: the time is before 1970

SELECT v FROM t AS OF SYSTEM TIME '1969-12-31'
----
ERROR 22023: AS OF SYSTEM TIME: the time is before 1970

SELECT v FROM t AS OF SYSTEM TIME 'infinity'
----
ERROR 22023 at 35: AS OF SYSTEM TIME: that time has not come yet

# Before the table there was none.
SELECT v FROM t AS OF SYSTEM TIME '-5 min'
----
ERROR 42P01 at 15: relation "t" does not exist
  detail: It did not at the time that AS OF SYSTEM TIME says.

# A transaction.
BEGIN AS OF SYSTEM TIME '-5s'
----
BEGIN
[T]

SHOW transaction_read_only
----
transaction_read_only text
| on |
SHOW
[T]

SELECT * FROM t ORDER BY k
----
k int4, v text
| 1 | one |
| 2 | two |
SELECT 2
[T]

SELECT pg_sleep(1)
----
pg_sleep void
|  |
SELECT 1
[T]

SELECT * FROM t ORDER BY k
----
k int4, v text
| 1 | one |
| 2 | two |
SELECT 2
[T]

SELECT ostraka.read_timestamp() = ostraka.read_timestamp() AS same, ostraka.read_timestamp() > 0 AS some
----
same bool, some bool
| t | t |
SELECT 1
[T]

INSERT INTO t VALUES (4, 'four')
----
ERROR 25006: cannot execute INSERT in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN AS OF SYSTEM TIME '-1s'
----
BEGIN
[T]

SELECT v FROM t WHERE k = 1 FOR UPDATE
----
ERROR 25006: cannot execute SELECT FOR UPDATE in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN AS OF SYSTEM TIME '-1s'
----
BEGIN
[T]

CREATE TABLE u (a int)
----
ERROR 25006: cannot execute CREATE TABLE in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

BEGIN AS OF SYSTEM TIME '-1s'
----
BEGIN
[T]

SET TRANSACTION READ WRITE
----
ERROR 25001: a transaction that reads the past cannot be made read-write
[E]

ROLLBACK
----
ROLLBACK

BEGIN TRANSACTION AS OF SYSTEM TIME '-1s' READ WRITE
----
ERROR 42601 at 37: AS OF SYSTEM TIME specified with READ WRITE mode
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

SET TRANSACTION AS OF SYSTEM TIME '-7s'
----
SET
[T]

SELECT * FROM t ORDER BY k
----
k int4, v text
| 1 | one |
| 2 | two |
SELECT 2
[T]

SELECT * FROM t AS OF SYSTEM TIME '-1s'
----
ERROR 0A000 at 35: AS OF SYSTEM TIME differs from that of the transaction
  hint: Leave it out: all statements of the transaction read at its time.
[E]

COMMIT
----
ROLLBACK

BEGIN
----
BEGIN
[T]

SELECT count(*) FROM t
----
count int8
| 2 |
SELECT 1
[T]

SET TRANSACTION AS OF SYSTEM TIME '-1s'
----
ERROR 25001 at 35: AS OF SYSTEM TIME must be set before any query
[E]

ROLLBACK
----
ROLLBACK

BEGIN
----
BEGIN
[T]

SELECT * FROM t AS OF SYSTEM TIME '-1s'
----
ERROR 25001 at 35: AS OF SYSTEM TIME in a transaction that reads the present
  hint: Begin the transaction with BEGIN AS OF SYSTEM TIME.
[E]

ROLLBACK
----
ROLLBACK

BEGIN AS OF SYSTEM TIME with_max_staleness('5s')
----
BEGIN
[T]

SELECT * FROM t ORDER BY k
----
k int4, v text
| 1 | ONE |
| 3 | three |
SELECT 2
[T]

DECLARE c CURSOR FOR SELECT k FROM t ORDER BY k
----
DECLARE CURSOR
[T]

FETCH ALL FROM c
----
k int4
| 1 |
| 3 |
FETCH 2
[T]

COMMIT
----
COMMIT

BEGIN AS OF SYSTEM TIME '-1s'
----
BEGIN
[T]

COMMIT AND CHAIN
----
ERROR 0A000 at 1: AND CHAIN behind AS OF SYSTEM TIME is not supported yet
[E]

ROLLBACK
----
ROLLBACK

BEGIN AS OF SYSTEM TIME '1h'
----
ERROR 22007: invalid input syntax for type timestamp with time zone: "1h"
[E]

ROLLBACK
----
ROLLBACK

SET SESSION CHARACTERISTICS AS TRANSACTION AS OF SYSTEM TIME '-1s'
----
ERROR 0A000 at 1: AS OF SYSTEM TIME for a session is not supported yet

# Prepared, copied, explained.
PREPARE p AS SELECT v FROM t AS OF SYSTEM TIME $1 ORDER BY k
----
PREPARE

EXECUTE p('-10 min')
----
ERROR 42P01 at 28: relation "t" does not exist
  detail: It did not at the time that AS OF SYSTEM TIME says.

EXECUTE p('-1us')
----
v text
| ONE |
| three |
SELECT 2

DEALLOCATE p
----
DEALLOCATE

COPY (SELECT * FROM t AS OF SYSTEM TIME '-1us' ORDER BY k) TO STDOUT
----
copy of 2 columns
> 1	ONE
> 3	three
COPY 2

EXPLAIN SELECT v FROM t AS OF SYSTEM TIME '-1us' WHERE k = 1
----
QUERY PLAN text
| Index Scan using t_pkey on t |
|   Index Cond: (k = 1) |
EXPLAIN

EXPLAIN (ANALYZE, SUMMARY OFF, TIMING OFF) SELECT v FROM t AS OF SYSTEM TIME '-1us' WHERE k = 1
----
QUERY PLAN text
| Index Scan using t_pkey on t (actual rows=1 loops=1) |
|   Index Cond: (k = 1) |
EXPLAIN

# The catalog is of that time, too.
ALTER TABLE t ADD COLUMN w int DEFAULT 7
----
ALTER TABLE

SELECT * FROM t AS OF SYSTEM TIME '-1us' ORDER BY k
----
k int4, v text, w int4
| 1 | ONE | 7 |
| 3 | three | 7 |
SELECT 2

ALTER TABLE t DROP COLUMN v
----
ALTER TABLE

SELECT pg_sleep(1)
----
pg_sleep void
|  |
SELECT 1

DROP TABLE t
----
DROP TABLE

SELECT pg_sleep(1)
----
pg_sleep void
|  |
SELECT 1

SELECT * FROM t
----
ERROR 42P01 at 15: relation "t" does not exist

SELECT * FROM t AS OF SYSTEM TIME '-1500ms' ORDER BY k
----
k int4, w int4
| 1 | 7 |
| 3 | 7 |
SELECT 2

SELECT relname FROM pg_class AS OF SYSTEM TIME '-1500ms' WHERE relname = 't'
----
relname name
| t |
SELECT 1

# A default for queries that change nothing.
CREATE TABLE s (k int PRIMARY KEY)
----
CREATE TABLE

INSERT INTO s VALUES (1)
----
INSERT 0 1

SET ostraka.read_staleness = '10s'
----
SET

SHOW ostraka.read_staleness
----
ostraka.read_staleness text
| 10s |
SHOW

SELECT pg_sleep(1)
----
pg_sleep void
|  |
SELECT 1

SELECT * FROM s
----
k int4
| 1 |
SELECT 1

INSERT INTO s VALUES (2)
----
INSERT 0 1

SELECT k FROM s WHERE k = 1 FOR UPDATE
----
k int4
| 1 |
SELECT 1

BEGIN
----
BEGIN
[T]

SELECT * FROM s ORDER BY k
----
k int4
| 1 |
| 2 |
SELECT 2
[T]

INSERT INTO s VALUES (3)
----
INSERT 0 1
[T]

COMMIT
----
COMMIT

RESET ostraka.read_staleness
----
RESET

SELECT * FROM s ORDER BY k
----
k int4
| 1 |
| 2 |
| 3 |
SELECT 3

# A key makes a transaction write.
SET ostraka.idempotency_key = 'as of'
----
SET

SELECT * FROM s AS OF SYSTEM TIME '-1us'
----
ERROR 0A000 at 35: AS OF SYSTEM TIME under an idempotency key is not supported yet

RESET ostraka.idempotency_key
----
RESET
