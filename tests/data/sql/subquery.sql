# Queries in FROM and within expressions.
CREATE TABLE t (a int PRIMARY KEY, b int, s text)
----
CREATE TABLE

CREATE TABLE u (id int PRIMARY KEY, a int, v numeric)
----
CREATE TABLE

CREATE TABLE e (x int)
----
CREATE TABLE

INSERT INTO t VALUES (1, 10, 'one'), (2, 20, 'two'), (3, NULL, 'three'), (4, 20, NULL)
----
INSERT 0 4

INSERT INTO u VALUES (1, 1, 1.5), (2, 1, 2.5), (3, 2, 3), (4, NULL, 4), (5, 4, NULL)
----
INSERT 0 5

SELECT * FROM (SELECT a, b FROM t) AS s ORDER BY a
----
a int4, b int4
| 1 | 10 |
| 2 | 20 |
| 3 | <null> |
| 4 | 20 |
SELECT 4

SELECT s.x FROM (SELECT a AS x FROM t WHERE a > 1) AS s WHERE s.x < 4 ORDER BY 1
----
x int4
| 2 |
| 3 |
SELECT 2

SELECT * FROM (SELECT a, b FROM t) AS s (p) ORDER BY p
----
p int4, b int4
| 1 | 10 |
| 2 | 20 |
| 3 | <null> |
| 4 | 20 |
SELECT 4

SELECT * FROM (SELECT a, b FROM t) AS s (p, q, r)
----
ERROR 42P10: table "s" has 2 columns available but 3 columns specified

SELECT t.a FROM (SELECT a FROM t) AS s
----
ERROR 42P01 at 8: missing FROM-clause entry for table "t"

SELECT a FROM (SELECT 1) AS s
----
ERROR 42703 at 8: column "a" does not exist

SELECT * FROM (SELECT b, count(*) AS n FROM t GROUP BY b) AS g WHERE n > 1
----
b int4, n int8
| 20 | 2 |
SELECT 1

SELECT s.a, u.v FROM (SELECT a FROM t WHERE b = 20) AS s JOIN u ON u.a = s.a ORDER BY u.id
----
a int4, v numeric
| 2 | 3 |
| 4 | <null> |
SELECT 2

SELECT * FROM (SELECT a FROM t ORDER BY a DESC LIMIT 2) AS s ORDER BY a
----
a int4
| 3 |
| 4 |
SELECT 2

SELECT * FROM (VALUES (1, 'x'), (2, 'y')) AS v (i, j) ORDER BY i
----
i int4, j text
| 1 | x |
| 2 | y |
SELECT 2

SELECT * FROM (VALUES (1), (2.5), (NULL)) AS v
----
column1 numeric
| 1 |
| 2.5 |
| <null> |
SELECT 3

SELECT * FROM (VALUES ('a'), (NULL)) AS v
----
column1 text
| a |
| <null> |
SELECT 2

SELECT t.a, v.n FROM t JOIN (VALUES (1, 'I'), (3, 'III')) AS v (a, n) ON v.a = t.a ORDER BY 1
----
a int4, n text
| 1 | I |
| 3 | III |
SELECT 2

VALUES (1, 'a'), (2, 'b') ORDER BY 1 DESC
----
column1 int4, column2 text
| 2 | b |
| 1 | a |
SELECT 2

VALUES (3), (1), (2) ORDER BY column1 LIMIT 2
----
column1 int4
| 1 |
| 2 |
SELECT 2

VALUES (1, 2), (3)
----
ERROR 42601 at 17: VALUES lists must all be the same length

VALUES (1), ('x')
----
ERROR 22P02 at 14: invalid input syntax for type integer: "x"

VALUES (1), (true)
----
ERROR 42804 at 14: VALUES types integer and boolean cannot be matched

VALUES (DEFAULT)
----
ERROR 42601 at 9: DEFAULT is not allowed in this context

SELECT (SELECT 1)
----
?column? int4
| 1 |
SELECT 1

SELECT (SELECT max(b) FROM t), (SELECT s FROM t WHERE a = 2) AS two
----
max int4, two text
| 20 | two |
SELECT 1

SELECT (SELECT s FROM t WHERE a = 99)
----
s text
| <null> |
SELECT 1

SELECT (SELECT a FROM t)
----
ERROR 21000: more than one row returned by a subquery used as an expression

SELECT (SELECT a, b FROM t)
----
ERROR 42601 at 8: subquery must return only one column

SELECT a, (SELECT count(*) FROM u WHERE u.a = t.a) FROM t ORDER BY a
----
a int4, count int8
| 1 | 2 |
| 2 | 1 |
| 3 | 0 |
| 4 | 1 |
SELECT 4

SELECT a, (SELECT sum(v) FROM u WHERE u.a = t.a) AS total FROM t WHERE (SELECT count(*) FROM u WHERE u.a = t.a) > 0 ORDER BY a
----
a int4, total numeric
| 1 | 4.0 |
| 2 | 3 |
| 4 | <null> |
SELECT 3

SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a) ORDER BY a
----
a int4
| 1 |
| 2 |
| 4 |
SELECT 3

SELECT a FROM t WHERE NOT EXISTS (SELECT * FROM u WHERE u.a = t.a) ORDER BY a
----
a int4
| 3 |
SELECT 1

SELECT EXISTS (SELECT 1 FROM e), EXISTS (SELECT 1 / 0 FROM t), EXISTS (SELECT count(*) FROM e)
----
exists bool, exists bool, exists bool
| f | t | t |
SELECT 1

SELECT a FROM t WHERE a IN (SELECT a FROM u) ORDER BY a
----
a int4
| 1 |
| 2 |
| 4 |
SELECT 3

SELECT a FROM t WHERE a NOT IN (SELECT a FROM u) ORDER BY a
----
a int4
SELECT 0

SELECT a FROM t WHERE a NOT IN (SELECT a FROM u WHERE a IS NOT NULL) ORDER BY a
----
a int4
| 3 |
SELECT 1

SELECT a FROM t WHERE a NOT IN (SELECT x FROM e) ORDER BY a
----
a int4
| 1 |
| 2 |
| 3 |
| 4 |
SELECT 4

SELECT NULL IN (SELECT x FROM e), NULL IN (SELECT 1), 1 IN (SELECT NULL::int), 1 NOT IN (SELECT x FROM e)
----
?column? bool, ?column? bool, ?column? bool, ?column? bool
| f | <null> | <null> | t |
SELECT 1

SELECT a FROM t WHERE b IN (SELECT b FROM t AS o WHERE o.a <> t.a) ORDER BY a
----
a int4
| 2 |
| 4 |
SELECT 2

SELECT a FROM t WHERE (a, b) IN (SELECT 1, 10) ORDER BY a
----
a int4
| 1 |
SELECT 1

SELECT a FROM t WHERE (a, b) NOT IN (SELECT 1, 10) ORDER BY a
----
a int4
| 2 |
| 3 |
| 4 |
SELECT 3

SELECT a FROM t WHERE (a, b) IN (SELECT 1)
----
ERROR 42601 at 30: subquery has too few columns

SELECT a FROM t WHERE a IN (SELECT 1, 2)
----
ERROR 42601 at 25: subquery has too many columns

SELECT a FROM t WHERE a IN (SELECT 'x')
----
ERROR 42883 at 25: operator does not exist: integer = text
  hint: No operator matches the given name and argument types. You might need to add explicit type casts.

SELECT a FROM t WHERE a = ANY (SELECT a FROM u) ORDER BY a
----
a int4
| 1 |
| 2 |
| 4 |
SELECT 3

SELECT a FROM t WHERE a > ALL (SELECT a FROM u WHERE a < 3) ORDER BY a
----
a int4
| 3 |
| 4 |
SELECT 2

SELECT a FROM t WHERE a >= ALL (SELECT x FROM e) ORDER BY a
----
a int4
| 1 |
| 2 |
| 3 |
| 4 |
SELECT 4

SELECT a FROM t WHERE a < ANY (SELECT a FROM u) ORDER BY a
----
a int4
| 1 |
| 2 |
| 3 |
SELECT 3

SELECT a FROM t WHERE a <> ALL (SELECT a FROM u) ORDER BY a
----
a int4
SELECT 0

SELECT a FROM t WHERE s LIKE ANY (SELECT 't%') ORDER BY a
----
a int4
| 2 |
| 3 |
SELECT 2

SELECT 2::bigint IN (SELECT a FROM t), 2.0 IN (SELECT a FROM t), 2.5 IN (SELECT a FROM t)
----
?column? bool, ?column? bool, ?column? bool
| t | t | f |
SELECT 1

SELECT a FROM t WHERE b = (SELECT max(b) FROM t) ORDER BY a
----
a int4
| 2 |
| 4 |
SELECT 2

SELECT a FROM t WHERE a = (SELECT min(a) FROM u WHERE v > 2) ORDER BY a
----
a int4
| 1 |
SELECT 1

SELECT a FROM t ORDER BY (SELECT count(*) FROM u WHERE u.a = t.a) DESC, a
----
a int4
| 1 |
| 2 |
| 4 |
| 3 |
SELECT 4

SELECT b, (SELECT count(*) FROM u WHERE u.a = t.b) FROM t GROUP BY b ORDER BY b
----
b int4, count int8
| 10 | 0 |
| 20 | 0 |
| <null> | 0 |
SELECT 3

SELECT b, (SELECT count(*) FROM u WHERE u.a = t.a) FROM t GROUP BY b
----
ERROR 42803 at 47: subquery uses ungrouped column "t.a" from outer query

SELECT b, count(*) FROM t GROUP BY b HAVING count(*) > (SELECT 1) ORDER BY b
----
b int4, count int8
| 20 | 2 |
SELECT 1

SELECT sum((SELECT count(*) FROM u WHERE u.a = t.a)) FROM t
----
sum numeric
| 4 |
SELECT 1

SELECT (SELECT (SELECT t.a + u.id) FROM u WHERE u.id = 1) FROM t ORDER BY 1
----
?column? int4
| 2 |
| 3 |
| 4 |
| 5 |
SELECT 4

SELECT a, (SELECT x.a FROM (SELECT u.a FROM u WHERE u.a = t.a) AS x LIMIT 1) FROM t ORDER BY a
----
ERROR 42702 at 94: ORDER BY "a" is ambiguous

SELECT CASE WHEN EXISTS (SELECT 1 FROM u WHERE u.a = t.a) THEN 'has' ELSE 'none' END, a FROM t ORDER BY a
----
case text, a int4
| has | 1 |
| has | 2 |
| none | 3 |
| has | 4 |
SELECT 4

SELECT a FROM t LIMIT (SELECT 2)
----
a int4
| 1 |
| 2 |
SELECT 2

SELECT a FROM t LIMIT (SELECT t.a)
----
ERROR 42P10 at 31: argument of LIMIT must not contain variables

SELECT (SELECT zz)
----
ERROR 42703 at 16: column "zz" does not exist

SELECT (SELECT a FROM u WHERE q.x = 1) FROM t
----
ERROR 42P01 at 31: missing FROM-clause entry for table "q"

SELECT * FROM t, (SELECT * FROM u WHERE u.a = t.a) AS s
----
ERROR 42P01 at 47: invalid reference to FROM-clause entry for table "t"
  hint: There is an entry for table "t", but it cannot be referenced from this part of the query.

SELECT * FROM t, (SELECT b) AS s
----
ERROR 42703 at 26: column "b" does not exist
  hint: There is a column named "b" in table "t", but it cannot be referenced from this part of the query.

SELECT t.a, s.id FROM t, LATERAL (SELECT * FROM u WHERE u.a = t.a) AS s ORDER BY 1, 2
----
a int4, id int4
| 1 | 1 |
| 1 | 2 |
| 2 | 3 |
| 4 | 5 |
SELECT 4

SELECT t.a, s.id FROM t LEFT JOIN LATERAL (SELECT * FROM u WHERE u.a = t.a ORDER BY id DESC LIMIT 1) AS s ON true ORDER BY 1
----
a int4, id int4
| 1 | 2 |
| 2 | 3 |
| 3 | <null> |
| 4 | 5 |
SELECT 4

SELECT t.a, s.n FROM t CROSS JOIN LATERAL (SELECT count(*) AS n FROM u WHERE u.a = t.a) AS s WHERE s.n > 0 ORDER BY 1
----
a int4, n int8
| 1 | 2 |
| 2 | 1 |
| 4 | 1 |
SELECT 3

SELECT t.a FROM t RIGHT JOIN LATERAL (SELECT t.a AS b) AS s ON true
----
ERROR 42P10 at 46: invalid reference to FROM-clause entry for table "t"
  detail: The combining JOIN type must be INNER or LEFT for a LATERAL reference.

SELECT t.a FROM t WHERE t.a = (SELECT u.a FROM u WHERE u.id = t.a) ORDER BY 1
----
a int4
| 1 |
SELECT 1

UPDATE t SET b = (SELECT max(id) FROM u WHERE u.a = t.a)
----
UPDATE 4

SELECT a, b FROM t ORDER BY a
----
a int4, b int4
| 1 | 2 |
| 2 | 3 |
| 3 | <null> |
| 4 | 5 |
SELECT 4

DELETE FROM t WHERE a IN (SELECT a FROM u WHERE id > 3)
----
DELETE 1

SELECT a FROM t ORDER BY a
----
a int4
| 1 |
| 2 |
| 3 |
SELECT 3

INSERT INTO e VALUES ((SELECT max(a) FROM t)), ((SELECT 100))
----
INSERT 0 2

SELECT x FROM e ORDER BY x
----
x int4
| 3 |
| 100 |
SELECT 2

@reads
SELECT a, (SELECT s FROM t AS o WHERE o.a = t.a) FROM t WHERE a = 2
----
a int4, s text
| 2 | two |
SELECT 1
(rows read: 2)

@reads
SELECT (SELECT max(x) FROM e), x FROM e ORDER BY x
----
max int4, x int4
| 100 | 3 |
| 100 | 100 |
SELECT 2
(rows read: 4)

@reads
SELECT EXISTS (SELECT 1 FROM u)
----
exists bool
| t |
SELECT 1
(rows read: 1)

WITH w AS (SELECT a FROM t) SELECT * FROM w ORDER BY a
----
a int4
| 1 |
| 2 |
| 3 |
SELECT 3

WITH w (p) AS (SELECT a FROM t) SELECT x.p, y.p FROM w AS x, w AS y ORDER BY 1, 2
----
p int4, p int4
| 1 | 1 |
| 1 | 2 |
| 1 | 3 |
| 2 | 1 |
| 2 | 2 |
| 2 | 3 |
| 3 | 1 |
| 3 | 2 |
| 3 | 3 |
SELECT 9

WITH w AS (SELECT 1 AS n), z AS (SELECT n + 1 AS m FROM w) SELECT * FROM w, z
----
n int4, m int4
| 1 | 2 |
SELECT 1

WITH w AS (SELECT a FROM t) SELECT (SELECT count(*) FROM w), (SELECT max(a) FROM w)
----
count int8, max int4
| 3 | 3 |
SELECT 1

WITH w AS (SELECT 1), w AS (SELECT 2) SELECT * FROM w
----
ERROR 42712 at 23: WITH query name "w" specified more than once

WITH w (a, b) AS (SELECT 1) SELECT * FROM w
----
ERROR 42P10 at 6: WITH query "w" has 1 columns available but 2 columns specified

WITH t AS (SELECT 7 AS a) SELECT a FROM t
----
a int4
| 7 |
SELECT 1

SELECT a, (WITH w AS (SELECT t.a AS z) SELECT z + 1 FROM w) FROM t ORDER BY a
----
a int4, ?column? int4
| 1 | 2 |
| 2 | 3 |
| 3 | 4 |
SELECT 3

SELECT a, (WITH w AS (SELECT t.a AS z) SELECT x.z + y.z FROM w AS x, w AS y) FROM t ORDER BY a
----
a int4, ?column? int4
| 1 | 2 |
| 2 | 4 |
| 3 | 6 |
SELECT 3

WITH RECURSIVE w AS (SELECT 1) SELECT * FROM w
----
ERROR 0A000 at 1: WITH RECURSIVE is not supported yet

WITH w AS (SELECT 1 AS a) SELECT * FROM (SELECT a FROM w) AS s
----
a int4
| 1 |
SELECT 1

WITH w AS (VALUES (1), (2)) SELECT * FROM w ORDER BY 1
----
column1 int4
| 1 |
| 2 |
SELECT 2

WITH w AS (SELECT a FROM t) SELECT * FROM w FOR UPDATE
----
ERROR 0A000 at 45: locking the rows of a join is not supported yet

CREATE TABLE bad (a int DEFAULT (SELECT 1))
----
ERROR 0A000 at 33: cannot use subquery in DEFAULT expression

PREPARE p (int) AS SELECT $1
----
PREPARE

EXECUTE p ((SELECT 1))
----
ERROR 0A000 at 12: cannot use subquery in EXECUTE parameter

CREATE TABLE bad (a int CHECK (a IN (SELECT 1)))
----
ERROR 0A000 at 34: cannot use subquery in check constraint

# A change does not see itself.
CREATE TABLE m (id int PRIMARY KEY, v int)
----
CREATE TABLE

INSERT INTO m VALUES (1, 10), (2, 20), (3, 30)
----
INSERT 0 3

UPDATE m SET v = (SELECT sum(x.v) FROM m AS x WHERE x.id <= m.id)
----
UPDATE 3

SELECT * FROM m ORDER BY id
----
id int4, v int4
| 1 | 10 |
| 2 | 30 |
| 3 | 60 |
SELECT 3

UPDATE m SET v = v + 1 RETURNING id, (SELECT sum(x.v) FROM m AS x WHERE x.id <= m.id)
----
id int4, sum int8
| 1 | 10 |
| 2 | 40 |
| 3 | 100 |
UPDATE 3

DELETE FROM m RETURNING id, (SELECT count(*) FROM m AS x WHERE x.id <= m.id)
----
id int4, count int8
| 1 | 1 |
| 2 | 2 |
| 3 | 3 |
DELETE 3
