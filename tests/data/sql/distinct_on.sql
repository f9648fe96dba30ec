# DISTINCT ON, WITH TIES, comparisons of rows.
CREATE TABLE t (a int PRIMARY KEY, b int, c text)
----
CREATE TABLE

INSERT INTO t VALUES (1, 1, 'x'), (2, 1, 'y'), (3, 2, 'x'), (4, 2, 'z'), (5, NULL, 'w'), (6, NULL, 'v')
----
INSERT 0 6

SELECT DISTINCT ON (b) b, a FROM t ORDER BY b, a
----
b int4, a int4
| 1 | 1 |
| 2 | 3 |
| <null> | 5 |
SELECT 3

SELECT DISTINCT ON (b) b, a FROM t ORDER BY b DESC, a DESC
----
b int4, a int4
| <null> | 6 |
| 2 | 4 |
| 1 | 2 |
SELECT 3

SELECT DISTINCT ON (b) a FROM t ORDER BY b, c DESC
----
a int4
| 2 |
| 4 |
| 5 |
SELECT 3

SELECT DISTINCT ON (1) b, a FROM t ORDER BY b, 2
----
b int4, a int4
| 1 | 1 |
| 2 | 3 |
| <null> | 5 |
SELECT 3

SELECT DISTINCT ON (b, c) b, c, a FROM t ORDER BY c, b, a LIMIT 3 OFFSET 1
----
b int4, c text, a int4
| <null> | w | 5 |
| 1 | x | 1 |
| 2 | x | 3 |
SELECT 3

SELECT count(*) FROM (SELECT DISTINCT ON (c) a FROM t) AS s
----
count int8
| 5 |
SELECT 1

SELECT DISTINCT ON (a % 2) a FROM t ORDER BY a % 2, a
----
a int4
| 2 |
| 1 |
SELECT 2

SELECT DISTINCT ON (b) a FROM t ORDER BY a
----
ERROR 42P10 at 21: SELECT DISTINCT ON expressions must match initial ORDER BY expressions

SELECT DISTINCT ON (b, c) a FROM t ORDER BY b, a, c
----
ERROR 42P10 at 24: SELECT DISTINCT ON expressions must match initial ORDER BY expressions

SELECT DISTINCT ON (b) count(*) FROM t GROUP BY b ORDER BY b
----
count int8
| 2 |
| 2 |
| 2 |
SELECT 3

SELECT DISTINCT ON (zz) a FROM t
----
ERROR 42703 at 21: column "zz" does not exist

SELECT DISTINCT ON (7) a FROM t
----
ERROR 42P10 at 21: DISTINCT ON position 7 is not in select list

SELECT b FROM t ORDER BY b FETCH FIRST 1 ROW WITH TIES
----
b int4
| 1 |
| 1 |
SELECT 2

SELECT a FROM t ORDER BY b FETCH FIRST 3 ROWS WITH TIES
----
a int4
| 1 |
| 2 |
| 3 |
| 4 |
SELECT 4

SELECT b, a FROM t ORDER BY b DESC OFFSET 1 FETCH FIRST 2 ROWS WITH TIES
----
b int4, a int4
| <null> | 6 |
| 2 | 3 |
| 2 | 4 |
SELECT 3

SELECT a FROM t ORDER BY a FETCH FIRST 2 ROWS WITH TIES
----
a int4
| 1 |
| 2 |
SELECT 2

SELECT a FROM t ORDER BY a FETCH FIRST 0 ROWS WITH TIES
----
a int4
SELECT 0

SELECT (1, 2) = (1, 2), (1, 2) = (1, 3), (1, NULL) = (1, 2), (1, NULL) = (2, NULL), ROW(1, 2) <> (1, 3)
----
?column? bool, ?column? bool, ?column? bool, ?column? bool, ?column? bool
| t | f | <null> | f | t |
SELECT 1

SELECT (1, 2) < (1, 3), (1, 2) < (0, 3), (1, 2) <= (1, 2), (2, NULL) > (1, 1), (1, NULL) > (1, 1), (1, 2) >= (1, 3)
----
?column? bool, ?column? bool, ?column? bool, ?column? bool, ?column? bool, ?column? bool
| t | f | t | t | <null> | f |
SELECT 1

SELECT a FROM t WHERE (b, c) = (1, 'y')
----
a int4
| 2 |
SELECT 1

SELECT a FROM t WHERE (b, c) IN ((1, 'x'), (2, 'z')) ORDER BY a
----
a int4
| 1 |
| 4 |
SELECT 2

SELECT a FROM t WHERE (b, c) NOT IN ((1, 'x'), (2, 'z')) ORDER BY a
----
a int4
| 2 |
| 3 |
| 5 |
| 6 |
SELECT 4

SELECT a FROM t WHERE (b, a) > (1, 1) ORDER BY a
----
a int4
| 2 |
| 3 |
| 4 |
SELECT 3

SELECT (1, 2) IS DISTINCT FROM (1, NULL), (1, NULL) IS NOT DISTINCT FROM (1, NULL)
----
?column? bool, ?column? bool
| t | t |
SELECT 1

SELECT (1, 2) = (1, 2, 3)
----
ERROR 42601 at 15: unequal number of entries in row expressions

SELECT (1, 2) = (1, 'x')
----
ERROR 22P02 at 21: invalid input syntax for type integer: "x"

SELECT (1, 2) + (1, 2)
----
ERROR 0A000 at 8: this comparison of rows is not supported yet

SELECT (1, 2) = 3
----
ERROR 0A000 at 8: a row as a value is not supported yet

@reads
SELECT a FROM t WHERE (a, b) = (3, 2)
----
a int4
| 3 |
SELECT 1
(rows read: 1)

@reads
SELECT a FROM t WHERE a IN (SELECT 3 UNION SELECT 4) AND (b, c) = (2, 'z')
----
a int4
| 4 |
SELECT 1
(rows read: 6)
