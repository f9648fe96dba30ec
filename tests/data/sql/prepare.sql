CREATE TABLE t (a int PRIMARY KEY, b text)
----
CREATE TABLE

PREPARE ins (int, text) AS INSERT INTO t VALUES ($1, $2)
----
PREPARE

EXECUTE ins (1, 'one')
----
INSERT 0 1

EXECUTE ins (2, NULL)
----
INSERT 0 1

EXECUTE ins (3)
----
ERROR 42601: wrong number of parameters for prepared statement "ins"
  detail: Expected 2 parameters but got 1.

EXECUTE ins ('x', 'y')
----
ERROR 22P02 at 14: invalid input syntax for type integer: "x"

EXECUTE ins (1, 'again')
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(1) already exists.

EXECUTE nosuch
----
ERROR 26000: prepared statement "nosuch" does not exist

PREPARE ins AS SELECT 1
----
ERROR 42P05: prepared statement "ins" already exists

PREPARE sel AS SELECT a, b FROM t WHERE a >= $1 ORDER BY a
----
PREPARE

EXECUTE sel (1)
----
a int4, b text
| 1 | one |
| 2 | <null> |
SELECT 2

EXECUTE sel (1 + 1)
----
a int4, b text
| 2 | <null> |
SELECT 1

EXECUTE sel ('2')
----
a int4, b text
| 2 | <null> |
SELECT 1

EXECUTE sel (2.4)
----
a int4, b text
| 2 | <null> |
SELECT 1

EXECUTE sel (a)
----
ERROR 42703 at 14: column "a" does not exist

PREPARE upd AS UPDATE t SET b = $2 WHERE a = $1
----
PREPARE

EXECUTE upd (2, 'two')
----
UPDATE 1

PREPARE ret (int) AS DELETE FROM t WHERE a = $1 RETURNING a, b
----
PREPARE

EXECUTE ret (2)
----
a int4, b text
| 2 | two |
DELETE 1

EXECUTE ret (2)
----
a int4, b text
DELETE 0

PREPARE b AS BEGIN
----
ERROR 42601 at 14: syntax error at or near "BEGIN"

PREPARE s AS SELECT $1::int + $2::int AS sum
----
PREPARE

EXECUTE s (1, 2)
----
sum int4
| 3 |
SELECT 1

PREPARE u AS SELECT $1
----
PREPARE

EXECUTE u ('x')
----
?column? text
| x |
SELECT 1

PREPARE v AS SELECT $2::int
----
ERROR 42P18: could not determine data type of parameter $1

PREPARE p (nosuch) AS SELECT $1
----
ERROR 42704 at 12: type "nosuch" does not exist

PREPARE p AS SELECT nosuch
----
ERROR 42703 at 21: column "nosuch" does not exist

PREPARE p AS SELECT 1; EXECUTE p; DEALLOCATE p
----
PREPARE
?column? int4
| 1 |
SELECT 1
DEALLOCATE

EXECUTE p
----
ERROR 26000: prepared statement "p" does not exist

BEGIN
----
BEGIN
[T]

EXECUTE ins (5, 'five')
----
INSERT 0 1
[T]

SAVEPOINT s
----
SAVEPOINT
[T]

EXECUTE ins (5, 'five')
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(5) already exists.
[E]

EXECUTE sel (0)
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

ROLLBACK TO s
----
ROLLBACK
[T]

EXECUTE sel (0)
----
a int4, b text
| 1 | one |
| 5 | five |
SELECT 2
[T]

DECLARE c CURSOR FOR SELECT a FROM t
----
DECLARE CURSOR
[T]

COMMIT
----
COMMIT

BEGIN
----
BEGIN
[T]

PREPARE within AS SELECT 7 AS seven
----
PREPARE
[T]

ROLLBACK
----
ROLLBACK

EXECUTE within
----
seven int4
| 7 |
SELECT 1

ALTER TABLE t ADD c int DEFAULT 9
----
ALTER TABLE

EXECUTE sel (5)
----
a int4, b text
| 5 | five |
SELECT 1

PREPARE star AS SELECT * FROM t WHERE a = $1
----
PREPARE

EXECUTE star (5)
----
a int4, b text, c int4
| 5 | five | 9 |
SELECT 1

ALTER TABLE t DROP c
----
ALTER TABLE

EXECUTE star (5)
----
ERROR 0A000: cached plan must not change result type

DROP TABLE t
----
DROP TABLE

EXECUTE sel (1)
----
ERROR 42P01 at 33: relation "t" does not exist

DEALLOCATE PREPARE sel
----
DEALLOCATE

DEALLOCATE nosuch
----
ERROR 26000: prepared statement "nosuch" does not exist

DEALLOCATE ALL
----
DEALLOCATE ALL

EXECUTE ins (1, 'x')
----
ERROR 26000: prepared statement "ins" does not exist
