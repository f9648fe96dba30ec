# UPDATE ... FROM, DELETE ... USING, and changes with WITH.
CREATE TABLE t (a int PRIMARY KEY, b int, s text)
----
CREATE TABLE

CREATE TABLE u (id int PRIMARY KEY, a int, v int)
----
CREATE TABLE

CREATE TABLE h (x int)
----
CREATE TABLE

INSERT INTO t VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, 'three')
----
INSERT 0 3

INSERT INTO u VALUES (1, 1, 100), (2, 1, 100), (3, 2, 300), (4, 9, 400)
----
INSERT 0 4

INSERT INTO h VALUES (1), (1), (2)
----
INSERT 0 3

UPDATE t SET b = u.v FROM u WHERE u.a = t.a
----
UPDATE 2

SELECT * FROM t ORDER BY a
----
a int4, b int4, s text
| 1 | 100 | one |
| 2 | 300 | two |
| 3 | 30 | three |
SELECT 3

UPDATE t AS x SET b = x.b + y.v, s = y.id || s FROM u AS y WHERE y.a = x.a AND y.id = 3 RETURNING x.a, x.b, x.s, y.v
----
a int4, b int4, s text, v int4
| 2 | 600 | 3two | 300 |
UPDATE 1

UPDATE t SET b = 0 FROM u WHERE u.id = 4 AND t.a = 2 RETURNING *
----
a int4, b int4, s text, id int4, a int4, v int4
| 2 | 0 | 3two | 4 | 9 | 400 |
UPDATE 1

UPDATE t SET b = 1 FROM u WHERE u.a = t.a AND u.id = 1 RETURNING t.*, u.id
----
a int4, b int4, s text, id int4
| 1 | 1 | one | 1 |
UPDATE 1

UPDATE t SET b = t2.b + 5 FROM t AS t2 WHERE t2.a = t.a + 1
----
UPDATE 2

SELECT * FROM t ORDER BY a
----
a int4, b int4, s text
| 1 | 5 | one |
| 2 | 35 | 3two |
| 3 | 30 | three |
SELECT 3

UPDATE t SET b = g FROM generate_series(7, 7) AS g WHERE t.a = 3
----
UPDATE 1

UPDATE t SET b = 99 FROM (SELECT max(a) AS m FROM u WHERE a < 5) AS q WHERE t.a = q.m
----
UPDATE 1

SELECT * FROM t ORDER BY a
----
a int4, b int4, s text
| 1 | 5 | one |
| 2 | 99 | 3two |
| 3 | 7 | three |
SELECT 3

UPDATE t SET b = 1 FROM t WHERE t.a = 1
----
ERROR 42712: table name "t" specified more than once

UPDATE t SET u.b = 1 FROM u
----
ERROR 0A000 at 14: a part of a column is not supported yet

UPDATE t SET b = zz FROM u
----
ERROR 42703 at 18: column "zz" does not exist

UPDATE t SET a = 1 FROM u WHERE u.id = t.a AND t.a = 2
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"
  detail: Key (a)=(1) already exists.

UPDATE h SET x = x + u.v FROM u WHERE u.id = h.x
----
UPDATE 3

SELECT x FROM h ORDER BY x
----
x int4
| 101 |
| 101 |
| 102 |
SELECT 3

WITH w AS (SELECT 2 AS k) UPDATE t SET s = 'with' WHERE a = (SELECT k FROM w)
----
UPDATE 1

WITH w AS (SELECT a, v FROM u WHERE id = 1) UPDATE t SET b = w.v FROM w WHERE w.a = t.a RETURNING t.a, b
----
a int4, b int4
| 1 | 100 |
UPDATE 1

DELETE FROM t USING u WHERE u.a = t.a AND u.id < 3
----
DELETE 1

SELECT a FROM t ORDER BY a
----
a int4
| 2 |
| 3 |
SELECT 2

DELETE FROM t USING u AS y, h WHERE y.a = t.a AND h.x > 0 RETURNING t.a, y.id
----
a int4, id int4
| 2 | 3 |
DELETE 1

WITH w AS (SELECT 3 AS k) DELETE FROM t WHERE a IN (SELECT k FROM w) RETURNING *
----
a int4, b int4, s text
| 3 | 7 | three |
DELETE 1

DELETE FROM h USING h AS other WHERE h.x = other.x
----
DELETE 3

SELECT count(*) FROM t
----
count int8
| 0 |
SELECT 1

DELETE FROM t USING t
----
ERROR 42712: table name "t" specified more than once
