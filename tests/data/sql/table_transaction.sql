# Tables are made, changed and dropped within transactions; other sessions see all of it at the commit, or nothing.
CREATE TABLE t (a int PRIMARY KEY, b int)
----
CREATE TABLE

INSERT INTO t VALUES (1, 1)
----
INSERT 0 1

@b
SELECT * FROM t
----
a int4, b int4
| 1 | 1 |
SELECT 1

@a
BEGIN
----
BEGIN
[T]

@a
CREATE TABLE u (a int PRIMARY KEY)
----
CREATE TABLE
[T]

@a
INSERT INTO u VALUES (1)
----
INSERT 0 1
[T]

# differs: PostgreSQL waits for the lock; here a table is there when it is committed.
@b
INSERT INTO u VALUES (2)
----
ERROR 42P01 at 13: relation "u" does not exist

@a
COMMIT
----
COMMIT

@b
INSERT INTO u VALUES (2)
----
INSERT 0 1

@b
SELECT * FROM u ORDER BY a
----
a int4
| 1 |
| 2 |
SELECT 2

@a
BEGIN
----
BEGIN
[T]

@a
DROP TABLE u
----
DROP TABLE
[T]

@a
SELECT * FROM u
----
ERROR 42P01 at 15: relation "u" does not exist
[E]

@a
ROLLBACK
----
ROLLBACK

@a
SELECT * FROM u ORDER BY a
----
a int4
| 1 |
| 2 |
SELECT 2

@a
BEGIN
----
BEGIN
[T]

@a
TRUNCATE t
----
TRUNCATE TABLE
[T]

@a
INSERT INTO t VALUES (5, 5)
----
INSERT 0 1
[T]

@a
SELECT * FROM t
----
a int4, b int4
| 5 | 5 |
SELECT 1
[T]

@a
ROLLBACK
----
ROLLBACK

@a
SELECT * FROM t
----
a int4, b int4
| 1 | 1 |
SELECT 1

# A statement alone knows the table as it is, not as it was.
@b
SELECT * FROM t
----
a int4, b int4
| 1 | 1 |
SELECT 1

@a
ALTER TABLE t ADD c int DEFAULT 3
----
ALTER TABLE

@b
INSERT INTO t (a) VALUES (2)
----
INSERT 0 1

@b
SELECT * FROM t ORDER BY a
----
a int4, b int4, c int4
| 1 | 1 | 3 |
| 2 | <null> | 3 |
SELECT 2

@a
ALTER TABLE t DROP b
----
ALTER TABLE

@b
INSERT INTO t VALUES (3, 4, 5)
----
ERROR 42601 at 29: INSERT has more expressions than target columns

@b
SELECT * FROM t ORDER BY a
----
a int4, c int4
| 1 | 3 |
| 2 | 3 |
SELECT 2

@a
ALTER TABLE t RENAME TO v
----
ALTER TABLE

@b
UPDATE t SET c = 0
----
ERROR 42P01 at 8: relation "t" does not exist

@b
UPDATE v SET c = 0 WHERE a = 1
----
UPDATE 1

@a
CREATE TABLE t (x text)
----
CREATE TABLE

@b
INSERT INTO t VALUES ('x')
----
INSERT 0 1

@b
SELECT * FROM t
----
x text
| x |
SELECT 1

# differs: PostgreSQL waits for those who use the table; here they begin again.
@b
BEGIN
----
BEGIN
[T]

# differs: PostgreSQL waits for those who use the table; here they begin again.
@b
INSERT INTO v VALUES (7, 7)
----
INSERT 0 1
[T]

# differs: PostgreSQL waits for those who use the table; here they begin again.
@a
ALTER TABLE v ADD CHECK (a < 7)
----
ALTER TABLE

# differs: PostgreSQL waits for those who use the table; here they begin again.
@b
COMMIT
----
ERROR 40001: could not serialize access due to concurrent update
  hint: The transaction might succeed if retried.

@b
ROLLBACK
----
WARNING 25P01: there is no transaction in progress
ROLLBACK

# differs: PostgreSQL waits for those who use the table; here they begin again.
@b
SELECT * FROM v ORDER BY a
----
a int4, c int4
| 1 | 0 |
| 2 | 3 |
SELECT 2

# differs: PostgreSQL waits for those who use the table; here they begin again.
@b
BEGIN
----
BEGIN
[T]

# differs: PostgreSQL waits for those who use the table; here they begin again.
@b
DELETE FROM v WHERE a = 1
----
DELETE 1
[T]

# differs: PostgreSQL waits for those who use the table; here they begin again.
@a
TRUNCATE v
----
TRUNCATE TABLE

# differs: PostgreSQL waits for those who use the table; here they begin again.
@b
COMMIT
----
ERROR 40001: could not serialize access due to concurrent update
  hint: The transaction might succeed if retried.

# differs: PostgreSQL waits for those who use the table; here they begin again.
@b
SELECT * FROM v ORDER BY a
----
a int4, c int4
SELECT 0
