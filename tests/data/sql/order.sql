CREATE TABLE t (a int PRIMARY KEY, b int, c text, f float8)
----
CREATE TABLE

INSERT INTO t VALUES (1, 3, 'b', 'NaN'), (2, NULL, 'a', 1), (3, 1, NULL, '-Infinity'), (4, 3, 'a', 'Infinity'), (5, 2, 'C', NULL)
----
INSERT 0 5

SELECT a, b FROM t ORDER BY b, a
----
a int4, b int4
| 3 | 1 |
| 5 | 2 |
| 1 | 3 |
| 4 | 3 |
| 2 | <null> |
SELECT 5

SELECT a, b FROM t ORDER BY b DESC, a
----
a int4, b int4
| 2 | <null> |
| 1 | 3 |
| 4 | 3 |
| 5 | 2 |
| 3 | 1 |
SELECT 5

SELECT a, b FROM t ORDER BY b NULLS FIRST, a
----
a int4, b int4
| 2 | <null> |
| 3 | 1 |
| 5 | 2 |
| 1 | 3 |
| 4 | 3 |
SELECT 5

SELECT a, b FROM t ORDER BY b DESC NULLS LAST, a DESC
----
a int4, b int4
| 4 | 3 |
| 1 | 3 |
| 5 | 2 |
| 3 | 1 |
| 2 | <null> |
SELECT 5

SELECT a, b FROM t ORDER BY b ASC NULLS LAST, a
----
a int4, b int4
| 3 | 1 |
| 5 | 2 |
| 1 | 3 |
| 4 | 3 |
| 2 | <null> |
SELECT 5

SELECT a, f FROM t ORDER BY f
----
a int4, f float8
| 3 | -Infinity |
| 2 | 1 |
| 4 | Infinity |
| 1 | NaN |
| 5 | <null> |
SELECT 5

SELECT a, f FROM t ORDER BY f DESC
----
a int4, f float8
| 5 | <null> |
| 1 | NaN |
| 4 | Infinity |
| 2 | 1 |
| 3 | -Infinity |
SELECT 5

SELECT a, c FROM t ORDER BY c, a
----
a int4, c text
| 5 | C |
| 2 | a |
| 4 | a |
| 1 | b |
| 3 | <null> |
SELECT 5

SELECT a, c FROM t ORDER BY lower(c), a
----
a int4, c text
| 2 | a |
| 4 | a |
| 1 | b |
| 5 | C |
| 3 | <null> |
SELECT 5

SELECT a, c FROM t ORDER BY 2, 1
----
a int4, c text
| 5 | C |
| 2 | a |
| 4 | a |
| 1 | b |
| 3 | <null> |
SELECT 5

SELECT a, c FROM t ORDER BY 2 DESC, 1 DESC
----
a int4, c text
| 3 | <null> |
| 1 | b |
| 4 | a |
| 2 | a |
| 5 | C |
SELECT 5

SELECT a, c FROM t ORDER BY 3
----
ERROR 42P10 at 29: ORDER BY position 3 is not in select list

SELECT a, c FROM t ORDER BY 0
----
ERROR 42P10 at 29: ORDER BY position 0 is not in select list

SELECT a, c FROM t ORDER BY -1
----
ERROR 42P10 at 29: ORDER BY position -1 is not in select list

SELECT a, c FROM t ORDER BY 1.5
----
ERROR 42601 at 29: non-integer constant in ORDER BY

SELECT a, c FROM t ORDER BY 'x'
----
ERROR 42601 at 29: non-integer constant in ORDER BY

SELECT a, c FROM t ORDER BY NULL, a
----
ERROR 42601 at 29: non-integer constant in ORDER BY

SELECT a, c FROM t ORDER BY true
----
ERROR 42601 at 29: non-integer constant in ORDER BY

SELECT a AS x, -a AS y FROM t ORDER BY y
----
x int4, y int4
| 5 | -5 |
| 4 | -4 |
| 3 | -3 |
| 2 | -2 |
| 1 | -1 |
SELECT 5

SELECT a AS x, -a AS y FROM t ORDER BY x + y, a
----
ERROR 42703 at 40: column "x" does not exist

SELECT -a AS a FROM t ORDER BY a
----
a int4
| -5 |
| -4 |
| -3 |
| -2 |
| -1 |
SELECT 5

SELECT -a AS a FROM t ORDER BY -a
----
a int4
| -5 |
| -4 |
| -3 |
| -2 |
| -1 |
SELECT 5

SELECT -a AS a FROM t ORDER BY t.a
----
a int4
| -1 |
| -2 |
| -3 |
| -4 |
| -5 |
SELECT 5

SELECT a AS x, b AS x FROM t ORDER BY x
----
ERROR 42702 at 39: ORDER BY "x" is ambiguous

SELECT a AS x, a AS x FROM t ORDER BY x
----
x int4, x int4
| 1 | 1 |
| 2 | 2 |
| 3 | 3 |
| 4 | 4 |
| 5 | 5 |
SELECT 5

SELECT a FROM t ORDER BY b + 1 DESC NULLS LAST, a
----
a int4
| 1 |
| 4 |
| 5 |
| 3 |
| 2 |
SELECT 5

SELECT a FROM t ORDER BY b USING >
----
ERROR 0A000 at 26: ORDER BY USING is not supported yet

SELECT a FROM t ORDER BY z
----
ERROR 42703 at 26: column "z" does not exist

SELECT a FROM t ORDER BY count(*)
----
ERROR 42803 at 8: column "t.a" must appear in the GROUP BY clause or be used in an aggregate function

SELECT a FROM t ORDER BY a LIMIT 2
----
a int4
| 1 |
| 2 |
SELECT 2

SELECT a FROM t ORDER BY a LIMIT 2 OFFSET 2
----
a int4
| 3 |
| 4 |
SELECT 2

SELECT a FROM t ORDER BY a OFFSET 4
----
a int4
| 5 |
SELECT 1

SELECT a FROM t ORDER BY a OFFSET 10
----
a int4
SELECT 0

SELECT a FROM t ORDER BY a LIMIT 0
----
a int4
SELECT 0

SELECT a FROM t ORDER BY a LIMIT NULL
----
a int4
| 1 |
| 2 |
| 3 |
| 4 |
| 5 |
SELECT 5

SELECT a FROM t ORDER BY a LIMIT ALL OFFSET 3
----
a int4
| 4 |
| 5 |
SELECT 2

SELECT a FROM t ORDER BY a LIMIT -1
----
ERROR 2201W: LIMIT must not be negative

SELECT a FROM t ORDER BY a OFFSET -1
----
ERROR 2201X: OFFSET must not be negative

SELECT a FROM t ORDER BY a LIMIT 1.5
----
a int4
| 1 |
| 2 |
SELECT 2

SELECT a FROM t ORDER BY a LIMIT 2.5
----
a int4
| 1 |
| 2 |
| 3 |
SELECT 3

SELECT a FROM t ORDER BY a LIMIT '2'
----
a int4
| 1 |
| 2 |
SELECT 2

SELECT a FROM t ORDER BY a LIMIT 'x'
----
ERROR 22P02 at 34: invalid input syntax for type bigint: "x"

SELECT a FROM t ORDER BY a LIMIT 1 + 1
----
a int4
| 1 |
| 2 |
SELECT 2

SELECT a FROM t ORDER BY a LIMIT a
----
ERROR 42P10 at 34: argument of LIMIT must not contain variables

SELECT a FROM t ORDER BY a LIMIT count(*)
----
ERROR 42803 at 34: aggregate functions are not allowed in LIMIT

SELECT a FROM t ORDER BY a LIMIT 9223372036854775807 OFFSET 1
----
a int4
| 2 |
| 3 |
| 4 |
| 5 |
SELECT 4

SELECT a FROM t ORDER BY a LIMIT 9223372036854775808
----
ERROR 22003: bigint out of range

SELECT a FROM t ORDER BY a LIMIT true
----
ERROR 42804 at 34: argument of LIMIT must be type bigint, not type boolean

SELECT a FROM t ORDER BY a FETCH FIRST 2 ROWS ONLY
----
a int4
| 1 |
| 2 |
SELECT 2

SELECT a FROM t ORDER BY a OFFSET 1 ROW FETCH NEXT ROW ONLY
----
a int4
| 2 |
SELECT 1

SELECT a FROM t ORDER BY b FETCH FIRST 2 ROWS WITH TIES
----
a int4
| 3 |
| 5 |
SELECT 2

SELECT DISTINCT b FROM t ORDER BY b
----
b int4
| 1 |
| 2 |
| 3 |
| <null> |
SELECT 4

SELECT DISTINCT b FROM t ORDER BY b DESC
----
b int4
| <null> |
| 3 |
| 2 |
| 1 |
SELECT 4

SELECT DISTINCT b, c FROM t ORDER BY c, b
----
b int4, c text
| 2 | C |
| 3 | a |
| <null> | a |
| 3 | b |
| 1 | <null> |
SELECT 5

SELECT DISTINCT b FROM t ORDER BY a
----
ERROR 42P10 at 35: for SELECT DISTINCT, ORDER BY expressions must appear in select list

SELECT DISTINCT b AS x FROM t ORDER BY x
----
x int4
| 1 |
| 2 |
| 3 |
| <null> |
SELECT 4

SELECT DISTINCT b + 1 FROM t ORDER BY b + 1
----
?column? int4
| 2 |
| 3 |
| 4 |
| <null> |
SELECT 4

SELECT DISTINCT b FROM t ORDER BY b + 1
----
ERROR 42P10 at 35: for SELECT DISTINCT, ORDER BY expressions must appear in select list

SELECT DISTINCT b FROM t ORDER BY b LIMIT 2 OFFSET 1
----
b int4
| 2 |
| 3 |
SELECT 2

SELECT DISTINCT c FROM t WHERE a > 1 ORDER BY 1 NULLS FIRST
----
c text
| <null> |
| C |
| a |
SELECT 3

SELECT DISTINCT ON (b) a FROM t
----
a int4
| 3 |
| 5 |
| 1 |
| 2 |
SELECT 4

SELECT DISTINCT b FROM t ORDER BY b NULLS FIRST
----
b int4
| <null> |
| 1 |
| 2 |
| 3 |
SELECT 4

SELECT ALL b FROM t ORDER BY b
----
b int4
| 1 |
| 2 |
| 3 |
| 3 |
| <null> |
SELECT 5

SELECT DISTINCT 1, 'x' FROM t
----
?column? int4, ?column? text
| 1 | x |
SELECT 1

SELECT *, a FROM t ORDER BY a LIMIT 1
----
a int4, b int4, c text, f float8, a int4
| 1 | 3 | b | NaN | 1 |
SELECT 1

SELECT t.* FROM t ORDER BY a LIMIT 1
----
a int4, b int4, c text, f float8
| 1 | 3 | b | NaN |
SELECT 1

SELECT x.* FROM t AS x ORDER BY x.a LIMIT 1
----
a int4, b int4, c text, f float8
| 1 | 3 | b | NaN |
SELECT 1

SELECT t.* FROM t AS x
----
ERROR 42P01 at 8: invalid reference to FROM-clause entry for table "t"
  hint: Perhaps you meant to reference the table alias "x".

SELECT nosuch.* FROM t
----
ERROR 42P01 at 8: missing FROM-clause entry for table "nosuch"

SELECT *
----
ERROR 42601 at 8: SELECT * with no tables specified is not valid

SELECT
----
(no columns)
|
SELECT 1

SELECT FROM t WHERE a < 3
----
(no columns)
|
|
SELECT 2

SELECT a b, c "D" FROM t WHERE a = 1
----
b int4, D text
| 1 | b |
SELECT 1

SELECT 1 AS a ORDER BY a
----
a int4
| 1 |
SELECT 1

SELECT 1 WHERE false
----
?column? int4
SELECT 0

SELECT 1 LIMIT 0
----
?column? int4
SELECT 0

DROP TABLE t
----
DROP TABLE

CREATE TABLE m (i int PRIMARY KEY, n numeric, c char(3), ts timestamptz, y bytea, u uuid, b bool)
----
CREATE TABLE

INSERT INTO m VALUES (1, 1.0, 'b', '2024-01-02', '\x02', '00000000-0000-0000-0000-000000000002', true), (2, 1.00, 'b ', '2024-01-01 23:00:00-01', '\x01ff', '00000000-0000-0000-0000-000000000001', false), (3, -1, 'a', 'infinity', '\x', NULL, NULL), (4, 'NaN', NULL, '-infinity', NULL, 'ffffffff-0000-0000-0000-000000000000', true)
----
INSERT 0 4

SELECT n FROM m ORDER BY n DESC, c, i
----
n numeric
| NaN |
| 1.0 |
| 1.00 |
| -1 |
SELECT 4

SELECT DISTINCT c || '|' FROM m ORDER BY 1
----
?column? text
| a| |
| b| |
| <null> |
SELECT 3

SELECT ts FROM m ORDER BY ts
----
ts timestamptz
| -infinity |
| 2024-01-02 00:00:00+00 |
| 2024-01-02 00:00:00+00 |
| infinity |
SELECT 4

SELECT DISTINCT ts FROM m ORDER BY ts
----
ts timestamptz
| -infinity |
| 2024-01-02 00:00:00+00 |
| infinity |
SELECT 3

SELECT y FROM m ORDER BY y
----
y bytea
| \x |
| \x01ff |
| \x02 |
| <null> |
SELECT 4

SELECT u FROM m ORDER BY u DESC
----
u uuid
| <null> |
| ffffffff-0000-0000-0000-000000000000 |
| 00000000-0000-0000-0000-000000000002 |
| 00000000-0000-0000-0000-000000000001 |
SELECT 4

SELECT b FROM m ORDER BY b
----
b bool
| f |
| t |
| t |
| <null> |
SELECT 4

SELECT b, n FROM m ORDER BY b DESC, n DESC
----
b bool, n numeric
| <null> | -1 |
| t | NaN |
| t | 1.0 |
| f | 1.00 |
SELECT 4

DROP TABLE m
----
DROP TABLE
