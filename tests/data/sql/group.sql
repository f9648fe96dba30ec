CREATE TABLE t (a int PRIMARY KEY, g text, n int, d numeric, f float8, b bool)
----
CREATE TABLE

INSERT INTO t VALUES (1, 'x', 1, 1.5, 0.5, true), (2, 'x', 2, 2.50, 1.5, false), (3, 'y', 2, NULL, NULL, NULL), (4, NULL, 4, -1, 2, true), (5, NULL, NULL, 3, 'NaN', false), (6, 'y', 2, 0.1, 1, NULL)
----
INSERT 0 6

SELECT count(*) FROM t
----
count int8
| 6 |
SELECT 1

SELECT count(*), count(n), count(DISTINCT n), sum(n), sum(DISTINCT n), avg(n), min(n), max(n) FROM t
----
count int8, count int8, count int8, sum int8, sum int8, avg numeric, min int4, max int4
| 6 | 5 | 3 | 11 | 7 | 2.2000000000000000 | 1 | 4 |
SELECT 1

SELECT sum(d), avg(d), min(d), max(d), sum(DISTINCT d) FROM t
----
sum numeric, avg numeric, min numeric, max numeric, sum numeric
| 6.10 | 1.2200000000000000 | -1 | 3 | 6.10 |
SELECT 1

SELECT sum(f), avg(f), min(f), max(f) FROM t
----
sum float8, avg float8, min float8, max float8
| NaN | NaN | 0.5 | NaN |
SELECT 1

SELECT min(g), max(g), count(g) FROM t
----
min text, max text, count int8
| x | y | 4 |
SELECT 1

SELECT bool_and(b), bool_or(b), every(b) FROM t
----
bool_and bool, bool_or bool, every bool
| f | t | f |
SELECT 1

SELECT min(b) FROM t
----
ERROR 42883 at 8: function min(boolean) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT sum(g) FROM t
----
ERROR 42883 at 8: function sum(text) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT sum(n::int2), sum(n::int8), sum(n::real), avg(n::float8), sum(n::numeric(5,2)) FROM t
----
sum int8, sum numeric, sum float4, avg float8, sum numeric
| 11 | 11 | 11 | 2.2 | 11.00 |
SELECT 1

SELECT count(*), sum(n), avg(n), min(n), max(n), bool_and(b) FROM t WHERE false
----
count int8, sum int8, avg numeric, min int4, max int4, bool_and bool
| 0 | <null> | <null> | <null> | <null> | <null> |
SELECT 1

SELECT count(*) FROM t WHERE false GROUP BY g
----
count int8
SELECT 0

SELECT g, count(*) FROM t GROUP BY g ORDER BY g
----
g text, count int8
| x | 2 |
| y | 2 |
| <null> | 2 |
SELECT 3

SELECT g, count(*) FROM t GROUP BY g ORDER BY g NULLS FIRST
----
g text, count int8
| <null> | 2 |
| x | 2 |
| y | 2 |
SELECT 3

SELECT g, count(*), sum(n), avg(d) FROM t GROUP BY g ORDER BY 2 DESC, 1
----
g text, count int8, sum int8, avg numeric
| x | 2 | 3 | 2.0000000000000000 |
| y | 2 | 4 | 0.10000000000000000000 |
| <null> | 2 | 4 | 1.00000000000000000000 |
SELECT 3

SELECT g, n, count(*) FROM t GROUP BY g, n ORDER BY g, n
----
g text, n int4, count int8
| x | 1 | 1 |
| x | 2 | 1 |
| y | 2 | 2 |
| <null> | 4 | 1 |
| <null> | <null> | 1 |
SELECT 5

SELECT g, n, count(*) FROM t GROUP BY 1, 2 ORDER BY 1, 2
----
g text, n int4, count int8
| x | 1 | 1 |
| x | 2 | 1 |
| y | 2 | 2 |
| <null> | 4 | 1 |
| <null> | <null> | 1 |
SELECT 5

SELECT g AS x, count(*) FROM t GROUP BY x ORDER BY x
----
x text, count int8
| x | 2 |
| y | 2 |
| <null> | 2 |
SELECT 3

SELECT upper(g), count(*) FROM t GROUP BY upper(g) ORDER BY upper(g)
----
upper text, count int8
| X | 2 |
| Y | 2 |
| <null> | 2 |
SELECT 3

SELECT upper(g) || '!', count(*) FROM t GROUP BY upper(g) ORDER BY 1
----
?column? text, count int8
| X! | 2 |
| Y! | 2 |
| <null> | 2 |
SELECT 3

SELECT n % 2 AS odd, sum(n) FROM t GROUP BY n % 2 ORDER BY odd
----
odd int4, sum int8
| 0 | 10 |
| 1 | 1 |
| <null> | <null> |
SELECT 3

SELECT n % 2, sum(n) FROM t GROUP BY n ORDER BY n
----
?column? int4, sum int8
| 1 | 1 |
| 0 | 6 |
| 0 | 4 |
| <null> | <null> |
SELECT 4

SELECT g, sum(n) FROM t GROUP BY g HAVING sum(n) > 3 ORDER BY g
----
g text, sum int8
| y | 4 |
| <null> | 4 |
SELECT 2

SELECT g FROM t GROUP BY g HAVING count(*) > 1 ORDER BY g
----
g text
| x |
| y |
| <null> |
SELECT 3

SELECT count(*) FROM t HAVING count(*) > 100
----
count int8
SELECT 0

SELECT 1 FROM t HAVING true
----
?column? int4
| 1 |
SELECT 1

SELECT g FROM t HAVING true
----
ERROR 42803 at 8: column "t.g" must appear in the GROUP BY clause or be used in an aggregate function

SELECT g, n FROM t GROUP BY g
----
ERROR 42803 at 11: column "t.n" must appear in the GROUP BY clause or be used in an aggregate function

SELECT g, t.n + 1 FROM t GROUP BY g
----
ERROR 42803 at 11: column "t.n" must appear in the GROUP BY clause or be used in an aggregate function

SELECT g, count(*) FROM t
----
ERROR 42803 at 8: column "t.g" must appear in the GROUP BY clause or be used in an aggregate function

SELECT * FROM t GROUP BY g
----
ERROR 42803 at 8: column "t.a" must appear in the GROUP BY clause or be used in an aggregate function

SELECT a, g, n FROM t GROUP BY a ORDER BY a LIMIT 2
----
a int4, g text, n int4
| 1 | x | 1 |
| 2 | x | 2 |
SELECT 2

SELECT g FROM t GROUP BY g ORDER BY n
----
ERROR 42803 at 37: column "t.n" must appear in the GROUP BY clause or be used in an aggregate function

SELECT g FROM t GROUP BY g ORDER BY count(*), g
----
g text
| x |
| y |
| <null> |
SELECT 3

SELECT g FROM t GROUP BY g ORDER BY min(a)
----
g text
| x |
| y |
| <null> |
SELECT 3

SELECT g, count(*) AS c FROM t GROUP BY g ORDER BY c, g
----
g text, c int8
| x | 2 |
| y | 2 |
| <null> | 2 |
SELECT 3

SELECT g, count(*) AS c FROM t GROUP BY g HAVING c > 1
----
ERROR 42703 at 50: column "c" does not exist

SELECT count(*) AS c FROM t GROUP BY c
----
ERROR 42803 at 8: aggregate functions are not allowed in GROUP BY

SELECT count(*) FROM t GROUP BY count(*)
----
ERROR 42803 at 33: aggregate functions are not allowed in GROUP BY

SELECT count(*) FROM t GROUP BY 1
----
ERROR 42803 at 8: aggregate functions are not allowed in GROUP BY

SELECT count(*) FROM t GROUP BY 2
----
ERROR 42P10 at 33: GROUP BY position 2 is not in select list

SELECT count(*) FROM t GROUP BY 'x'
----
ERROR 42601 at 33: non-integer constant in GROUP BY

SELECT count(*) FROM t GROUP BY z
----
ERROR 42703 at 33: column "z" does not exist

SELECT sum(sum(n)) FROM t
----
ERROR 42803 at 12: aggregate function calls cannot be nested

SELECT sum(n) FROM t WHERE sum(n) > 1
----
ERROR 42803 at 28: aggregate functions are not allowed in WHERE

SELECT count(*) FILTER (WHERE n > 1), sum(n) FILTER (WHERE b), count(*) FILTER (WHERE false) FROM t
----
count int8, sum int8, count int8
| 4 | 5 | 0 |
SELECT 1

SELECT g, count(DISTINCT n) FROM t GROUP BY g ORDER BY g
----
g text, count int8
| x | 2 |
| y | 1 |
| <null> | 1 |
SELECT 3

SELECT count(DISTINCT g), count(DISTINCT d), count(DISTINCT f), count(DISTINCT b) FROM t
----
count int8, count int8, count int8, count int8
| 2 | 5 | 5 | 2 |
SELECT 1

SELECT sum(DISTINCT n), avg(DISTINCT n), min(DISTINCT n), max(DISTINCT n) FROM t
----
sum int8, avg numeric, min int4, max int4
| 7 | 2.3333333333333333 | 1 | 4 |
SELECT 1

SELECT count(DISTINCT n) FILTER (WHERE a > 2) FROM t
----
count int8
| 2 |
SELECT 1

SELECT count(DISTINCT *) FROM t
----
ERROR 42601 at 23: syntax error at or near "*"

SELECT count(DISTINCT n, d) FROM t
----
ERROR 42883 at 8: function count(integer, numeric) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT upper(DISTINCT g) FROM t
----
ERROR 42809 at 8: DISTINCT specified, but upper is not an aggregate function

SELECT count() FROM t
----
ERROR 42809 at 8: count(*) must be used to call a parameterless aggregate function

SELECT count(n, d) FROM t
----
ERROR 42883 at 8: function count(integer, numeric) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT sum(*) FROM t
----
ERROR 42883 at 8: function sum() does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT sum() FROM t
----
ERROR 42883 at 8: function sum() does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT string_agg(g, ',') FROM t WHERE a < 4
----
string_agg text
| x,x,y |
SELECT 1

SELECT string_agg(DISTINCT g, ',') FROM t WHERE a < 4
----
string_agg text
| x,y |
SELECT 1

SELECT string_agg(DISTINCT g, g) FROM t WHERE a < 4
----
string_agg text
| xyy |
SELECT 1

SELECT sum(n) + 1, -sum(n), sum(n) * count(*), sum(n + 1) FROM t
----
?column? int8, ?column? int8, ?column? int8, sum int8
| 12 | -11 | 66 | 16 |
SELECT 1

SELECT avg(n)::numeric(10,2), round(avg(n), 3), sum(n)::text || '!' FROM t
----
avg numeric, round numeric, ?column? text
| 2.20 | 2.200 | 11! |
SELECT 1

SELECT DISTINCT count(*) FROM t GROUP BY g ORDER BY 1
----
count int8
| 2 |
SELECT 1

SELECT count(*), n FROM t GROUP BY n ORDER BY n DESC LIMIT 2
----
count int8, n int4
| 1 | <null> |
| 1 | 4 |
SELECT 2

SELECT count(*), n FROM t GROUP BY n ORDER BY n DESC LIMIT 2 OFFSET 1
----
count int8, n int4
| 1 | 4 |
| 3 | 2 |
SELECT 2

SELECT g, sum(n) OVER () FROM t
----
ERROR 0A000 at 11: a window function is not supported yet

SELECT count(*) FROM t GROUP BY GROUPING SETS ((g), (n))
----
ERROR 0A000 at 42: GROUPING SETS is not supported yet

SELECT g, count(*) FROM t GROUP BY ROLLUP (g)
----
ERROR 0A000 at 36: GROUPING SETS is not supported yet

SELECT count(*), 1, 'x'
----
count int8, ?column? int4, ?column? text
| 1 | 1 | x |
SELECT 1

SELECT sum(1), max('x'), min(NULL), count(NULL)
----
sum int8, max text, min text, count int8
| 1 | x | <null> | 0 |
SELECT 1

SELECT count(*) WHERE false
----
count int8
| 0 |
SELECT 1

SELECT sum(n) FROM t GROUP BY ()
----
ERROR 0A000 at 31: GROUPING SETS is not supported yet

SELECT stddev(n), variance(n), stddev_pop(n), var_pop(n) FROM t
----
stddev numeric, variance numeric, stddev_pop numeric, var_pop numeric
| 1.0954451150103322 | 1.2000000000000000 | 0.97979589711327123928 | 0.96000000000000000000 |
SELECT 1

SELECT bit_and(n), bit_or(n) FROM t
----
bit_and int4, bit_or int4
| 0 | 7 |
SELECT 1

SELECT max(2147483647::int4) + 1
----
ERROR 22003: integer out of range

SELECT sum(9223372036854775807) FROM t
----
sum numeric
| 55340232221128654842 |
SELECT 1

SELECT avg(9223372036854775807) FROM t
----
avg numeric
| 9223372036854775807 |
SELECT 1

SELECT sum(x) FROM t
----
ERROR 42703 at 12: column "x" does not exist

SELECT CASE WHEN count(*) > 3 THEN 'many' ELSE 'few' END FROM t
----
case text
| many |
SELECT 1

SELECT coalesce(sum(n), 0) FROM t WHERE a > 100
----
coalesce int8
| 0 |
SELECT 1

SELECT g IS NULL, count(*) FROM t GROUP BY g IS NULL ORDER BY 1
----
?column? bool, count int8
| f | 4 |
| t | 2 |
SELECT 2

SELECT d, count(*) FROM t GROUP BY d ORDER BY d
----
d numeric, count int8
| -1 | 1 |
| 0.1 | 1 |
| 1.5 | 1 |
| 2.50 | 1 |
| 3 | 1 |
| <null> | 1 |
SELECT 6

SELECT f, count(*) FROM t GROUP BY f ORDER BY f
----
f float8, count int8
| 0.5 | 1 |
| 1 | 1 |
| 1.5 | 1 |
| 2 | 1 |
| NaN | 1 |
| <null> | 1 |
SELECT 6

SELECT max(a), g FROM t WHERE b IS NOT NULL GROUP BY g HAVING max(a) < 5 ORDER BY max(a) DESC
----
max int4, g text
| 2 | x |
SELECT 1

DROP TABLE t
----
DROP TABLE

CREATE TABLE m (i int PRIMARY KEY, n numeric, c char(3))
----
CREATE TABLE

INSERT INTO m VALUES (1, 1.0, 'a'), (2, 1.00, 'a  '), (3, 1, 'b')
----
INSERT 0 3

SELECT n, count(*) FROM m GROUP BY n
----
n numeric, count int8
| 1.0 | 3 |
SELECT 1

SELECT c, count(*) FROM m GROUP BY c ORDER BY c
----
c bpchar, count int8
| a   | 2 |
| b   | 1 |
SELECT 2

SELECT count(DISTINCT n), count(DISTINCT c) FROM m
----
count int8, count int8
| 1 | 2 |
SELECT 1

SELECT DISTINCT n FROM m
----
n numeric
| 1.0 |
SELECT 1

DROP TABLE m
----
DROP TABLE
