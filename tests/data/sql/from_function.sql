# Functions in FROM.
SELECT * FROM generate_series(1, 3)
----
generate_series int4
| 1 |
| 2 |
| 3 |
SELECT 3

SELECT * FROM generate_series(1, 10, 4) AS g
----
g int4
| 1 |
| 5 |
| 9 |
SELECT 3

SELECT g FROM generate_series(3, 1, -1) AS g
----
g int4
| 3 |
| 2 |
| 1 |
SELECT 3

SELECT i, i * 2 FROM generate_series(1, 2) AS g(i)
----
i int4, ?column? int4
| 1 | 2 |
| 2 | 4 |
SELECT 2

SELECT g.i FROM generate_series(1, 2) AS g(i)
----
i int4
| 1 |
| 2 |
SELECT 2

SELECT g.g FROM generate_series(1, 2) AS g
----
g int4
| 1 |
| 2 |
SELECT 2

SELECT * FROM generate_series(1, 0)
----
generate_series int4
SELECT 0

SELECT * FROM generate_series(1, NULL)
----
generate_series int4
SELECT 0

SELECT * FROM generate_series(1, 3, 0)
----
ERROR 22023: step size cannot equal zero

SELECT * FROM generate_series(2147483646, 2147483647)
----
generate_series int4
| 2147483646 |
| 2147483647 |
SELECT 2

SELECT * FROM generate_series(1::bigint, 2)
----
generate_series int8
| 1 |
| 2 |
SELECT 2

SELECT * FROM generate_series(9223372036854775806, 9223372036854775807)
----
generate_series int8
| 9223372036854775806 |
| 9223372036854775807 |
SELECT 2

SELECT * FROM generate_series(1::smallint, 2::smallint)
----
ERROR 42725 at 15: function generate_series(smallint, smallint) is not unique
  hint: Could not choose a best candidate function. You might need to add explicit type casts.

SELECT * FROM generate_series(1.0, 2.5, 0.5)
----
generate_series numeric
| 1.0 |
| 1.5 |
| 2.0 |
| 2.5 |
SELECT 4

SELECT * FROM generate_series('NaN'::numeric, 2)
----
ERROR 22023: start value cannot be NaN

SELECT * FROM generate_series(1, 'infinity'::numeric)
----
ERROR 22023: stop value cannot be infinity

SELECT * FROM generate_series(1, 2, 'NaN'::numeric)
----
ERROR 22023: step size cannot be NaN

SELECT * FROM generate_series('2024-01-30'::timestamp, '2024-04-01', '1 month')
----
generate_series timestamp
| 2024-01-30 00:00:00 |
| 2024-02-29 00:00:00 |
| 2024-03-29 00:00:00 |
SELECT 3

SELECT * FROM generate_series('2024-01-01'::date, '2024-01-02', interval '12 hours') AS at
----
at timestamptz
| 2024-01-01 00:00:00+00 |
| 2024-01-01 12:00:00+00 |
| 2024-01-02 00:00:00+00 |
SELECT 3

SELECT * FROM generate_series('2024-01-01'::timestamptz, '2024-01-03', '1 day')
----
generate_series timestamptz
| 2024-01-01 00:00:00+00 |
| 2024-01-02 00:00:00+00 |
| 2024-01-03 00:00:00+00 |
SELECT 3

SELECT * FROM generate_series('2024-01-01'::timestamp, '2024-01-03', '0 day')
----
ERROR 22023: step size cannot equal zero

SELECT * FROM generate_series('a', 'b')
----
ERROR 42725 at 15: function generate_series(unknown, unknown) is not unique
  hint: Could not choose a best candidate function. You might need to add explicit type casts.

SELECT * FROM generate_series(1)
----
ERROR 42883 at 15: function generate_series(integer) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT * FROM generate_series(true, false)
----
ERROR 42883 at 15: function generate_series(boolean, boolean) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT * FROM generate_series(1, 2.5)
----
generate_series numeric
| 1 |
| 2 |
SELECT 2

SELECT * FROM generate_series(1, 2) WITH ORDINALITY
----
generate_series int4, ordinality int8
| 1 | 1 |
| 2 | 2 |
SELECT 2

SELECT * FROM generate_series(5, 6) WITH ORDINALITY AS g (v, n)
----
v int4, n int8
| 5 | 1 |
| 6 | 2 |
SELECT 2

SELECT a, b FROM generate_series(1, 2) AS a, generate_series(a, 2) AS b ORDER BY 1, 2
----
a int4, b int4
| 1 | 1 |
| 1 | 2 |
| 2 | 2 |
SELECT 3

SELECT count(*), sum(i) FROM generate_series(1, 100000) AS i
----
count int8, sum int8
| 100000 | 5000050000 |
SELECT 1

SELECT i FROM generate_series(1, 1000000000) AS i LIMIT 2
----
i int4
| 1 |
| 2 |
SELECT 2

SELECT count(*) FROM generate_series(1, 200) AS i JOIN generate_series(1, 300) AS j ON i = j
----
count int8
| 200 |
SELECT 1

SELECT * FROM upper('x')
----
upper text
| X |
SELECT 1

SELECT * FROM abs(-1) AS a
----
a int4
| 1 |
SELECT 1

SELECT * FROM lower('X') AS l (v)
----
v text
| x |
SELECT 1

SELECT * FROM current_date LIMIT 0
----
current_date date
SELECT 0

SELECT * FROM no_such_function(1)
----
ERROR 42883 at 15: function no_such_function(integer) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT * FROM count(*)
----
ERROR 42803 at 15: aggregate functions are not allowed in functions in FROM

SELECT x FROM generate_series(1, 3) AS g
----
ERROR 42703 at 8: column "x" does not exist

SELECT 1 + g FROM generate_series(1, 2) g ORDER BY g DESC
----
?column? int4
| 3 |
| 2 |
SELECT 2

SELECT (SELECT sum(i) FROM generate_series(1, n) AS i) FROM generate_series(1, 4) AS n
----
sum int8
| 1 |
| 3 |
| 6 |
| 10 |
SELECT 4

SELECT array_agg(i) FROM generate_series(1, 3) AS i
----
ERROR 42883 at 8: function array_agg(integer) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT generate_series(1, 3)
----
ERROR 0A000 at 8: generate_series elsewhere than in FROM is not supported yet

SELECT 1 WHERE 1 IN (generate_series(1, 3, 1))
----
ERROR 0A000 at 22: generate_series elsewhere than in FROM is not supported yet
