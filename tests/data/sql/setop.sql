# UNION, INTERSECT, EXCEPT.
CREATE TABLE t (a int, b text)
----
CREATE TABLE

INSERT INTO t VALUES (1, 'x'), (1, 'x'), (2, 'y'), (2, 'y'), (2, 'y'), (3, NULL), (3, NULL), (NULL, 'z')
----
INSERT 0 8

CREATE TABLE u (a int, b text)
----
CREATE TABLE

INSERT INTO u VALUES (1, 'x'), (2, 'y'), (2, 'y'), (3, NULL), (4, 'w')
----
INSERT 0 5

SELECT 1 UNION SELECT 2 ORDER BY 1
----
?column? int4
| 1 |
| 2 |
SELECT 2

SELECT a, b FROM t UNION SELECT a, b FROM u ORDER BY a, b
----
a int4, b text
| 1 | x |
| 2 | y |
| 3 | <null> |
| 4 | w |
| <null> | z |
SELECT 5

SELECT a, b FROM t UNION ALL SELECT a, b FROM u ORDER BY a, b
----
a int4, b text
| 1 | x |
| 1 | x |
| 1 | x |
| 2 | y |
| 2 | y |
| 2 | y |
| 2 | y |
| 2 | y |
| 3 | <null> |
| 3 | <null> |
| 3 | <null> |
| 4 | w |
| <null> | z |
SELECT 13

SELECT a, b FROM t INTERSECT SELECT a, b FROM u ORDER BY a, b
----
a int4, b text
| 1 | x |
| 2 | y |
| 3 | <null> |
SELECT 3

SELECT a, b FROM t INTERSECT ALL SELECT a, b FROM u ORDER BY a, b
----
a int4, b text
| 1 | x |
| 2 | y |
| 2 | y |
| 3 | <null> |
SELECT 4

SELECT a, b FROM t EXCEPT SELECT a, b FROM u ORDER BY a, b
----
a int4, b text
| <null> | z |
SELECT 1

SELECT a, b FROM t EXCEPT ALL SELECT a, b FROM u ORDER BY a, b
----
a int4, b text
| 1 | x |
| 2 | y |
| 3 | <null> |
| <null> | z |
SELECT 4

SELECT a FROM u EXCEPT SELECT a FROM t ORDER BY a
----
a int4
| 4 |
SELECT 1

SELECT 1 UNION SELECT 2 UNION ALL SELECT 2 ORDER BY 1
----
?column? int4
| 1 |
| 2 |
| 2 |
SELECT 3

SELECT 1 UNION ALL SELECT 2 INTERSECT SELECT 2 ORDER BY 1
----
?column? int4
| 1 |
| 2 |
SELECT 2

(SELECT 1 UNION ALL SELECT 2) EXCEPT SELECT 2
----
?column? int4
| 1 |
SELECT 1

SELECT 1 AS n UNION SELECT 2.5 ORDER BY n
----
n numeric
| 1 |
| 2.5 |
SELECT 2

SELECT 1 AS a, 'x' AS b UNION SELECT 2, 'y' ORDER BY b DESC
----
a int4, b text
| 2 | y |
| 1 | x |
SELECT 2

SELECT 'a' UNION SELECT 'b' ORDER BY 1
----
?column? text
| a |
| b |
SELECT 2

SELECT 'a' UNION SELECT 1
----
ERROR 22P02 at 8: invalid input syntax for type integer: "a"

SELECT 1 UNION SELECT true
----
ERROR 42804 at 23: UNION types integer and boolean cannot be matched

SELECT NULL UNION SELECT 1 ORDER BY 1
----
?column? int4
| 1 |
| <null> |
SELECT 2

SELECT NULL UNION SELECT NULL UNION SELECT 1
----
ERROR 42804 at 44: UNION types text and integer cannot be matched

SELECT 1, 2 UNION SELECT 1
----
ERROR 42601 at 26: each UNION query must have the same number of columns

SELECT 1 UNION SELECT 1, 2
----
ERROR 42601 at 23: each UNION query must have the same number of columns

SELECT a FROM t UNION SELECT a FROM u ORDER BY a + 1
----
ERROR 0A000 at 48: invalid UNION/INTERSECT/EXCEPT ORDER BY clause
  detail: Only result column names can be used, not expressions or functions.
  hint: Add the expression/function to every SELECT, or move the UNION into a FROM clause.

SELECT a FROM t UNION SELECT a FROM u ORDER BY b
----
ERROR 42703 at 48: column "b" does not exist

SELECT a FROM t UNION SELECT a FROM u ORDER BY 2
----
ERROR 42P10 at 48: ORDER BY position 2 is not in select list

SELECT a FROM t UNION SELECT a FROM u ORDER BY a LIMIT 2 OFFSET 1
----
a int4
| 2 |
| 3 |
SELECT 2

(SELECT a FROM t ORDER BY a DESC LIMIT 1) UNION ALL (SELECT a FROM u ORDER BY a LIMIT 1) ORDER BY 1
----
a int4
| 1 |
| <null> |
SELECT 2

SELECT a FROM (SELECT a FROM t UNION SELECT a FROM u) AS s WHERE a > 1 ORDER BY a
----
a int4
| 2 |
| 3 |
| 4 |
SELECT 3

SELECT count(*) FROM (SELECT a FROM t EXCEPT SELECT a FROM u) AS s
----
count int8
| 1 |
SELECT 1

SELECT a FROM u WHERE a IN (SELECT 1 UNION SELECT 4) ORDER BY a
----
a int4
| 1 |
| 4 |
SELECT 2

SELECT a FROM u WHERE EXISTS (SELECT a FROM t WHERE t.a = u.a UNION SELECT 1 WHERE u.a = 4) ORDER BY a
----
a int4
| 1 |
| 2 |
| 2 |
| 3 |
| 4 |
SELECT 5

SELECT (SELECT u.a UNION SELECT u.a) FROM u ORDER BY 1
----
a int4
| 1 |
| 2 |
| 2 |
| 3 |
| 4 |
SELECT 5

VALUES (1), (2) UNION VALUES (2), (3) ORDER BY 1
----
column1 int4
| 1 |
| 2 |
| 3 |
SELECT 3

TABLE t EXCEPT TABLE u ORDER BY a
----
a int4, b text
| <null> | z |
SELECT 1

SELECT a FROM t UNION SELECT a FROM u FOR UPDATE
----
ERROR 0A000: FOR UPDATE is not allowed with UNION/INTERSECT/EXCEPT

WITH w AS (SELECT 1 AS x UNION SELECT 2) SELECT * FROM w UNION ALL SELECT x + 10 FROM w ORDER BY 1
----
x int4
| 1 |
| 2 |
| 11 |
| 12 |
SELECT 4

SELECT 'abc'::varchar(5) AS v UNION SELECT 'de'::varchar(5) ORDER BY v
----
v varchar
| abc |
| de |
SELECT 2

SELECT 'abc'::varchar(5) AS v UNION SELECT 'de'::varchar(7) ORDER BY v
----
v varchar
| abc |
| de |
SELECT 2

SELECT sum(a) FROM t UNION SELECT a FROM u WHERE a = 4 ORDER BY 1
----
sum int8
| 4 |
| 14 |
SELECT 2
