CREATE TABLE t (a int PRIMARY KEY, b int, c text, d numeric, e bool, f float8)
----
CREATE TABLE

INSERT INTO t VALUES (1, 10, 'apple', 1.5, true, 0.1), (2, 20, 'Banana', 2.5, false, 0.2), (3, NULL, 'cherry', NULL, NULL, 'NaN'), (4, 40, NULL, 4.50, true, '-Infinity'), (5, 10, 'a_b%c', -1, false, 1e10)
----
INSERT 0 5

SELECT a FROM t WHERE b = 10 ORDER BY a
----
a int4
| 1 |
| 5 |
SELECT 2

SELECT a FROM t WHERE b <> 10 ORDER BY a
----
a int4
| 2 |
| 4 |
SELECT 2

SELECT a FROM t WHERE b != 10 ORDER BY a
----
a int4
| 2 |
| 4 |
SELECT 2

SELECT a FROM t WHERE b < 20 ORDER BY a
----
a int4
| 1 |
| 5 |
SELECT 2

SELECT a FROM t WHERE b <= 20 ORDER BY a
----
a int4
| 1 |
| 2 |
| 5 |
SELECT 3

SELECT a FROM t WHERE b > 20 ORDER BY a
----
a int4
| 4 |
SELECT 1

SELECT a FROM t WHERE b >= 20 ORDER BY a
----
a int4
| 2 |
| 4 |
SELECT 2

SELECT a FROM t WHERE b = NULL
----
a int4
SELECT 0

SELECT a FROM t WHERE b IS NULL
----
a int4
| 3 |
SELECT 1

SELECT a FROM t WHERE b IS NOT NULL ORDER BY a
----
a int4
| 1 |
| 2 |
| 4 |
| 5 |
SELECT 4

SELECT a FROM t WHERE b ISNULL
----
a int4
| 3 |
SELECT 1

SELECT a FROM t WHERE b NOTNULL ORDER BY a
----
a int4
| 1 |
| 2 |
| 4 |
| 5 |
SELECT 4

SELECT a FROM t WHERE b IS DISTINCT FROM 10 ORDER BY a
----
a int4
| 2 |
| 3 |
| 4 |
SELECT 3

SELECT a FROM t WHERE b IS NOT DISTINCT FROM NULL ORDER BY a
----
a int4
| 3 |
SELECT 1

SELECT a FROM t WHERE e ORDER BY a
----
a int4
| 1 |
| 4 |
SELECT 2

SELECT a FROM t WHERE NOT e ORDER BY a
----
a int4
| 2 |
| 5 |
SELECT 2

SELECT a FROM t WHERE e IS TRUE ORDER BY a
----
a int4
| 1 |
| 4 |
SELECT 2

SELECT a FROM t WHERE e IS NOT TRUE ORDER BY a
----
a int4
| 2 |
| 3 |
| 5 |
SELECT 3

SELECT a FROM t WHERE e IS FALSE ORDER BY a
----
a int4
| 2 |
| 5 |
SELECT 2

SELECT a FROM t WHERE e IS NOT FALSE ORDER BY a
----
a int4
| 1 |
| 3 |
| 4 |
SELECT 3

SELECT a FROM t WHERE e IS UNKNOWN ORDER BY a
----
a int4
| 3 |
SELECT 1

SELECT a FROM t WHERE e IS NOT UNKNOWN ORDER BY a
----
a int4
| 1 |
| 2 |
| 4 |
| 5 |
SELECT 4

SELECT a FROM t WHERE b IS TRUE
----
ERROR 42804 at 23: argument of IS TRUE must be type boolean, not type integer

SELECT a FROM t WHERE b
----
ERROR 42804 at 23: argument of WHERE must be type boolean, not type integer

SELECT a FROM t WHERE b AND e
----
ERROR 42804 at 23: argument of AND must be type boolean, not type integer

SELECT a FROM t WHERE b IN (10, 40) ORDER BY a
----
a int4
| 1 |
| 4 |
| 5 |
SELECT 3

SELECT a FROM t WHERE b NOT IN (10, 40) ORDER BY a
----
a int4
| 2 |
SELECT 1

SELECT a FROM t WHERE b NOT IN (10, NULL) ORDER BY a
----
a int4
SELECT 0

SELECT a FROM t WHERE b IN (NULL, 20) ORDER BY a
----
a int4
| 2 |
SELECT 1

SELECT a FROM t WHERE b IN ('10', 20) ORDER BY a
----
a int4
| 1 |
| 2 |
| 5 |
SELECT 3

SELECT a FROM t WHERE b IN ('x', 20)
----
ERROR 22P02 at 29: invalid input syntax for type integer: "x"

SELECT a FROM t WHERE b IN (10.0, 20.5) ORDER BY a
----
a int4
| 1 |
| 5 |
SELECT 2

SELECT a FROM t WHERE b BETWEEN 10 AND 20 ORDER BY a
----
a int4
| 1 |
| 2 |
| 5 |
SELECT 3

SELECT a FROM t WHERE b BETWEEN 20 AND 10 ORDER BY a
----
a int4
SELECT 0

SELECT a FROM t WHERE b BETWEEN SYMMETRIC 20 AND 10 ORDER BY a
----
a int4
| 1 |
| 2 |
| 5 |
SELECT 3

SELECT a FROM t WHERE b NOT BETWEEN 10 AND 20 ORDER BY a
----
a int4
| 4 |
SELECT 1

SELECT a FROM t WHERE c LIKE 'a%' ORDER BY a
----
a int4
| 1 |
| 5 |
SELECT 2

SELECT a FROM t WHERE c NOT LIKE 'a%' ORDER BY a
----
a int4
| 2 |
| 3 |
SELECT 2

SELECT a FROM t WHERE c ILIKE '%AN%' ORDER BY a
----
a int4
| 2 |
SELECT 1

SELECT a FROM t WHERE c LIKE 'a\_b\%c'
----
a int4
| 5 |
SELECT 1

SELECT a FROM t WHERE c LIKE 'a#_b#%c' ESCAPE '#'
----
a int4
| 5 |
SELECT 1

SELECT a FROM t WHERE c LIKE '_____'
----
a int4
| 1 |
| 5 |
SELECT 2

SELECT a FROM t WHERE c LIKE 'a\'
----
ERROR 22025: LIKE pattern must not end with escape character

SELECT a FROM t WHERE c LIKE 'a' ESCAPE 'xx'
----
ERROR 22025: invalid escape string
  hint: Escape string must be empty or one character.

SELECT a FROM t WHERE c SIMILAR TO 'a%'
----
ERROR 0A000 at 25: SIMILAR TO is not supported yet

SELECT a FROM t WHERE c ~ '^[a-c].*e$' ORDER BY a
----
a int4
| 1 |
SELECT 1

SELECT a FROM t WHERE c ~* 'B' ORDER BY a
----
a int4
| 2 |
| 5 |
SELECT 2

SELECT a FROM t WHERE c !~ 'a' ORDER BY a
----
a int4
| 3 |
SELECT 1

SELECT a FROM t WHERE c !~* 'A' ORDER BY a
----
a int4
| 3 |
SELECT 1

SELECT a FROM t WHERE c ~ '('
----
ERROR 2201B: invalid regular expression: parentheses () not balanced

SELECT a FROM t WHERE c < 'b' ORDER BY a
----
a int4
| 1 |
| 2 |
| 5 |
SELECT 3

SELECT a FROM t WHERE c >= 'apple' ORDER BY a
----
a int4
| 1 |
| 3 |
SELECT 2

SELECT a FROM t WHERE d = 4.5
----
a int4
| 4 |
SELECT 1

SELECT a FROM t WHERE d > 1 AND d < 3 ORDER BY a
----
a int4
| 1 |
| 2 |
SELECT 2

SELECT a FROM t WHERE d = b ORDER BY a
----
a int4
SELECT 0

SELECT a FROM t WHERE f = 'NaN'
----
a int4
| 3 |
SELECT 1

SELECT a FROM t WHERE f > 1 ORDER BY a
----
a int4
| 3 |
| 5 |
SELECT 2

SELECT a FROM t WHERE f < 0
----
a int4
| 4 |
SELECT 1

SELECT a FROM t WHERE f = 0.1
----
a int4
| 1 |
SELECT 1

SELECT a FROM t WHERE f::real = 0.1::real
----
a int4
| 1 |
SELECT 1

SELECT a FROM t WHERE a = 1 OR b = 20 OR c = 'cherry' ORDER BY a
----
a int4
| 1 |
| 2 |
| 3 |
SELECT 3

SELECT a FROM t WHERE (a = 1 OR a = 2) AND b = 20
----
a int4
| 2 |
SELECT 1

SELECT a FROM t WHERE NOT (a = 1 OR b = 20) ORDER BY a
----
a int4
| 4 |
| 5 |
SELECT 2

SELECT a FROM t WHERE NULL
----
a int4
SELECT 0

SELECT a FROM t WHERE NULL AND a = 1 / 0
----
ERROR 22012: division by zero

SELECT a FROM t WHERE false AND a = 1 / 0
----
a int4
SELECT 0

SELECT a FROM t WHERE 'true' ORDER BY a
----
a int4
| 1 |
| 2 |
| 3 |
| 4 |
| 5 |
SELECT 5

SELECT a FROM t WHERE 'x'
----
ERROR 22P02 at 23: invalid input syntax for type boolean: "x"

SELECT a FROM t WHERE 1
----
ERROR 42804 at 23: argument of WHERE must be type boolean, not type integer

SELECT a FROM t WHERE a = 'x'
----
ERROR 22P02 at 27: invalid input syntax for type integer: "x"

SELECT a FROM t WHERE c = 1
----
ERROR 42883 at 25: operator does not exist: text = integer
  hint: No operator matches the given name and argument types. You might need to add explicit type casts.

SELECT a FROM t WHERE c = 1::text
----
a int4
SELECT 0

SELECT a FROM t WHERE a = 1::text
----
ERROR 42883 at 25: operator does not exist: integer = text
  hint: No operator matches the given name and argument types. You might need to add explicit type casts.

SELECT a FROM t WHERE a = 1.0
----
a int4
| 1 |
SELECT 1

SELECT a FROM t WHERE a = 1.5
----
a int4
SELECT 0

SELECT a FROM t WHERE a = 3000000000
----
a int4
SELECT 0

SELECT a FROM t WHERE a > -3000000000 ORDER BY a
----
a int4
| 1 |
| 2 |
| 3 |
| 4 |
| 5 |
SELECT 5

SELECT a FROM t WHERE a < 2.5 ORDER BY a
----
a int4
| 1 |
| 2 |
SELECT 2

SELECT a FROM t WHERE a >= 2.5 ORDER BY a
----
a int4
| 3 |
| 4 |
| 5 |
SELECT 3

SELECT a FROM t WHERE a = 2e0
----
a int4
| 2 |
SELECT 1

SELECT a FROM t WHERE a = 2::float8
----
a int4
| 2 |
SELECT 1

SELECT a FROM t WHERE a = 2::int2 OR a = 3::int8 ORDER BY a
----
a int4
| 2 |
| 3 |
SELECT 2

SELECT a FROM t WHERE z = 1
----
ERROR 42703 at 23: column "z" does not exist

SELECT a FROM t WHERE t.z = 1
----
ERROR 42703 at 23: column t.z does not exist

SELECT a FROM t WHERE u.a = 1
----
ERROR 42P01 at 23: missing FROM-clause entry for table "u"

SELECT a FROM t WHERE count(*) = 1
----
ERROR 42803 at 23: aggregate functions are not allowed in WHERE

SELECT a FROM t WHERE (a, b) = (1, 10)
----
a int4
| 1 |
SELECT 1

SELECT a FROM t WHERE a = ANY (ARRAY[1, 2])
----
a int4
| 1 |
| 2 |
SELECT 2

SELECT a FROM t WHERE a IN (SELECT 1)
----
a int4
| 1 |
SELECT 1

SELECT a FROM t WHERE EXISTS (SELECT 1)
----
a int4
| 1 |
| 2 |
| 3 |
| 4 |
| 5 |
SELECT 5

SELECT a, CASE WHEN b = 10 THEN 'ten' WHEN b > 10 THEN 'more' ELSE 'none' END FROM t ORDER BY a
----
a int4, case text
| 1 | ten |
| 2 | more |
| 3 | none |
| 4 | more |
| 5 | ten |
SELECT 5

SELECT a, CASE b WHEN 10 THEN 'ten' WHEN 20 THEN 'twenty' END AS word FROM t ORDER BY a
----
a int4, word text
| 1 | ten |
| 2 | twenty |
| 3 | <null> |
| 4 | <null> |
| 5 | ten |
SELECT 5

SELECT a, CASE WHEN e THEN 1 ELSE 2.5 END FROM t ORDER BY a
----
a int4, case numeric
| 1 | 1 |
| 2 | 2.5 |
| 3 | 2.5 |
| 4 | 1 |
| 5 | 2.5 |
SELECT 5

SELECT CASE WHEN true THEN 1 ELSE 'x' END
----
ERROR 22P02 at 35: invalid input syntax for type integer: "x"

SELECT CASE WHEN 1 THEN 1 END
----
ERROR 42804 at 18: argument of CASE/WHEN must be type boolean, not type integer

SELECT a, coalesce(b, -1), nullif(b, 10), greatest(a, b), least(a, b, 3) FROM t ORDER BY a
----
a int4, coalesce int4, nullif int4, greatest int4, least int4
| 1 | 10 | <null> | 10 | 1 |
| 2 | 20 | 20 | 20 | 2 |
| 3 | -1 | <null> | 3 | 3 |
| 4 | 40 | 40 | 40 | 3 |
| 5 | 10 | <null> | 10 | 3 |
SELECT 5

SELECT a, b + 1, b - 1, b * 2, b / 3, b % 3, -b, @ (b - 15), b ^ 2 FROM t ORDER BY a
----
a int4, ?column? int4, ?column? int4, ?column? int4, ?column? int4, ?column? int4, ?column? int4, ?column? int4, ?column? float8
| 1 | 11 | 9 | 20 | 3 | 1 | -10 | 5 | 100 |
| 2 | 21 | 19 | 40 | 6 | 2 | -20 | 5 | 400 |
| 3 | <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> |
| 4 | 41 | 39 | 80 | 13 | 1 | -40 | 25 | 1600 |
| 5 | 11 | 9 | 20 | 3 | 1 | -10 | 5 | 100 |
SELECT 5

SELECT a, b & 6, b | 1, b # 3, ~b, b << 1, b >> 1 FROM t ORDER BY a
----
a int4, ?column? int4, ?column? int4, ?column? int4, ?column? int4, ?column? int4, ?column? int4
| 1 | 2 | 11 | 9 | -11 | 20 | 5 |
| 2 | 4 | 21 | 23 | -21 | 40 | 10 |
| 3 | <null> | <null> | <null> | <null> | <null> | <null> |
| 4 | 0 | 41 | 43 | -41 | 80 | 20 |
| 5 | 2 | 11 | 9 | -11 | 20 | 5 |
SELECT 5

SELECT a, c || '!', c || a, length(c), upper(c), lower(c), substr(c, 2, 3), position('a' in c), replace(c, 'a', 'o') FROM t ORDER BY a
----
a int4, ?column? text, ?column? text, length int4, upper text, lower text, substr text, position int4, replace text
| 1 | apple! | apple1 | 5 | APPLE | apple | ppl | 1 | opple |
| 2 | Banana! | Banana2 | 6 | BANANA | banana | ana | 2 | Bonono |
| 3 | cherry! | cherry3 | 6 | CHERRY | cherry | her | 0 | cherry |
| 4 | <null> | <null> | <null> | <null> | <null> | <null> | <null> | <null> |
| 5 | a_b%c! | a_b%c5 | 5 | A_B%C | a_b%c | _b% | 1 | o_b%c |
SELECT 5

# What constants decide keeps the types of what is left.
SELECT CASE WHEN a = 1 THEN CASE WHEN 1 NOT IN (a, 1) THEN 'x'::char(3) ELSE e::char(3) END END FROM t WHERE a = 1
----
case bpchar
| tru |
SELECT 1

SELECT NULL / (a - a), 1 / (a - a) IS NULL AND false, coalesce(1, 1 / (a - a)), CASE WHEN true THEN 1 ELSE 1 / 0 END FROM t WHERE a = 1
----
?column? int4, ?column? bool, coalesce int4, case int4
| <null> | f | 1 | 1 |
SELECT 1

SELECT abs(NULL::int / (a - a)) FROM t WHERE a = 1
----
abs int4
| <null> |
SELECT 1

SELECT a FROM t WHERE c NOT IN (d)
----
ERROR 42883 at 25: operator does not exist: text <> numeric
  hint: No operator matches the given name and argument types. You might need to add explicit type casts.

DROP TABLE t
----
DROP TABLE
