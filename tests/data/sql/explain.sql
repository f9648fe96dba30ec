# Plans, without estimates.
CREATE TABLE t (a int PRIMARY KEY, b int, s text)
----
CREATE TABLE

CREATE TABLE u (p int, q int, v numeric, PRIMARY KEY (p, q))
----
CREATE TABLE

INSERT INTO t VALUES (1, 10, 'one'), (2, 20, 'two'), (3, 30, NULL)
----
INSERT 0 3

INSERT INTO u VALUES (1, 1, 1.5), (1, 2, 2), (3, 1, 7)
----
INSERT 0 3

EXPLAIN SELECT * FROM t
----
QUERY PLAN text
| Seq Scan on t |
EXPLAIN

EXPLAIN SELECT * FROM t WHERE a = 3
----
QUERY PLAN text
| Index Scan using t_pkey on t |
|   Index Cond: (a = 3) |
EXPLAIN

EXPLAIN SELECT * FROM t AS x WHERE a > 3 AND s = 'it''s' AND b IS NOT NULL
----
QUERY PLAN text
| Index Scan using t_pkey on t x |
|   Index Cond: (a > 3) |
|   Filter: ((s = 'it''s'::text) AND (b IS NOT NULL)) |
EXPLAIN

EXPLAIN SELECT * FROM u WHERE p IN (1, 2) AND q >= 3 AND v < 2.5
----
QUERY PLAN text
| Index Scan using u_pkey on u |
|   Index Cond: ((p IN (1, 2)) AND (q >= 3)) |
|   Filter: (v < 2.5) |
EXPLAIN

EXPLAIN SELECT * FROM u WHERE q = 3
----
QUERY PLAN text
| Seq Scan on u |
|   Filter: (q = 3) |
EXPLAIN

EXPLAIN SELECT b, count(*) FROM t WHERE a < 10 GROUP BY b HAVING count(*) > 1 ORDER BY 2 DESC, b LIMIT 3
----
QUERY PLAN text
| Limit |
|   ->  Sort |
|         Sort Key: count(*) DESC, b |
|         ->  HashAggregate |
|               Group Key: b |
|               Filter: (count(*) > 1) |
|               ->  Index Scan using t_pkey on t |
|                     Index Cond: (a < 10) |
EXPLAIN

EXPLAIN SELECT DISTINCT s FROM t ORDER BY s NULLS FIRST
----
QUERY PLAN text
| Sort |
|   Sort Key: s NULLS FIRST |
|   ->  HashAggregate |
|         ->  Seq Scan on t |
EXPLAIN

EXPLAIN SELECT a FROM t ORDER BY a DESC LIMIT 1
----
QUERY PLAN text
| Limit |
|   ->  Index Scan Backward using t_pkey on t |
EXPLAIN

EXPLAIN SELECT t.s, u.v FROM t JOIN u ON u.p = t.a WHERE t.b > 5
----
QUERY PLAN text
| Nested Loop |
|   ->  Seq Scan on t |
|         Filter: (t.b > 5) |
|   ->  Index Scan using u_pkey on u |
|         Index Cond: (u.p = t.a) |
EXPLAIN

EXPLAIN SELECT t.s, u.v FROM t LEFT JOIN u ON u.v = t.a AND u.q > t.b
----
QUERY PLAN text
| Hash Left Join |
|   Hash Cond: ((t.a)::numeric = u.v) |
|   Join Filter: (u.q > t.b) |
|   ->  Seq Scan on t |
|   ->  Hash |
|         ->  Seq Scan on u |
EXPLAIN

EXPLAIN SELECT t.s, u.v FROM t FULL JOIN u ON u.p = t.a
----
QUERY PLAN text
| Hash Full Join |
|   Hash Cond: (t.a = u.p) |
|   ->  Seq Scan on t |
|   ->  Hash |
|         ->  Seq Scan on u |
EXPLAIN

EXPLAIN SELECT * FROM t AS x, t AS y WHERE x.a < y.a
----
QUERY PLAN text
| Nested Loop |
|   Join Filter: (x.a < y.a) |
|   ->  Seq Scan on t x |
|   ->  Materialize |
|         ->  Seq Scan on t y |
EXPLAIN

EXPLAIN SELECT * FROM (SELECT p, max(v) AS m FROM u GROUP BY p) AS g WHERE g.m > 1
----
QUERY PLAN text
| Subquery Scan on g |
|   Filter: (m > 1) |
|   ->  HashAggregate |
|         Group Key: p |
|         ->  Seq Scan on u |
EXPLAIN

EXPLAIN SELECT a FROM t WHERE a IN (SELECT p FROM u) AND b > (SELECT min(q) FROM u)
----
QUERY PLAN text
| Seq Scan on t |
|   Filter: (((a = column) ANY (hashed SubPlan 1)) AND (b > (InitPlan 2))) |
|   SubPlan 1 |
|     ->  Seq Scan on u |
|   InitPlan 2 |
|     ->  Aggregate |
|           ->  Seq Scan on u |
EXPLAIN

EXPLAIN SELECT a, (SELECT sum(v) FROM u WHERE u.p = t.a) FROM t WHERE EXISTS (SELECT 1 FROM u WHERE p = t.a)
----
QUERY PLAN text
| Seq Scan on t |
|   Filter: EXISTS(SubPlan 1) |
|   SubPlan 1 |
|     ->  Index Scan using u_pkey on u |
|           Index Cond: (p = $0) |
|   SubPlan 2 |
|     ->  Aggregate |
|           ->  Index Scan using u_pkey on u |
|                 Index Cond: (p = $0) |
EXPLAIN

EXPLAIN SELECT 1
----
QUERY PLAN text
| Result |
EXPLAIN

EXPLAIN SELECT 1 WHERE false
----
QUERY PLAN text
| Result |
|   One-Time Filter: false |
EXPLAIN

EXPLAIN SELECT a FROM t UNION SELECT p FROM u ORDER BY 1
----
QUERY PLAN text
| Sort |
|   Sort Key: a |
|   ->  HashAggregate Append |
|         ->  Seq Scan on t |
|         ->  Seq Scan on u |
EXPLAIN

EXPLAIN SELECT a FROM t EXCEPT ALL SELECT p FROM u
----
QUERY PLAN text
| HashSetOp Except All |
|   ->  Seq Scan on t |
|   ->  Seq Scan on u |
EXPLAIN

EXPLAIN VALUES (1), (2)
----
QUERY PLAN text
| Values Scan on *VALUES* |
|   Values: 2 |
EXPLAIN

EXPLAIN WITH w AS (SELECT a FROM t) SELECT * FROM w, generate_series(1, 3) AS g
----
QUERY PLAN text
| Nested Loop |
|   ->  CTE Scan on w |
|         CTE Name: w |
|   ->  Materialize |
|         ->  Function Scan on g |
|   CTE w |
|     ->  Seq Scan on t |
EXPLAIN

EXPLAIN INSERT INTO t VALUES (9, 9, 'nine')
----
QUERY PLAN text
| Insert on t |
|   ->  Result |
EXPLAIN

EXPLAIN INSERT INTO t SELECT p + 10, q, 'x' FROM u WHERE q = 1
----
QUERY PLAN text
| Insert on t |
|   ->  Seq Scan on u |
|         Filter: (q = 1) |
EXPLAIN

EXPLAIN UPDATE t SET b = 1 WHERE a = 2
----
QUERY PLAN text
| Update on t |
|   ->  Index Scan using t_pkey on t |
|         Index Cond: (a = 2) |
EXPLAIN

EXPLAIN DELETE FROM t AS x WHERE b = 2
----
QUERY PLAN text
| Delete on t x |
|   ->  Seq Scan on t x |
|         Filter: (b = 2) |
EXPLAIN

EXPLAIN (FORMAT JSON) SELECT t.s, u.v FROM t JOIN u ON u.p = t.a WHERE t.b > 5
----
QUERY PLAN text
| [\n  {\n    "Plan": {\n      "Node Type": "Nested Loop",\n      "Plans": [\n        {\n          "Node Type": "Seq Scan",\n          "Title": "Seq Scan on t",\n          "Parent Relationship": "Outer",\n          "Filter": "(t.b > 5)"\n        },\n        {\n          "Node Type": "Index Scan",\n          "Title": "Index Scan using u_pkey on u",\n          "Parent Relationship": "Outer",\n          "Index Cond": "(u.p = t.a)"\n        }\n      ]\n    }\n  }\n] |
EXPLAIN

EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) SELECT t.s, u.v FROM t JOIN u ON u.p = t.a WHERE t.b > 5
----
QUERY PLAN text
| Nested Loop (actual rows=3 loops=1) |
|   ->  Seq Scan on t (actual rows=3 loops=1) |
|         Filter: (t.b > 5) |
|   ->  Index Scan using u_pkey on u (actual rows=1 loops=3) |
|         Index Cond: (u.p = t.a) |
EXPLAIN

EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, COSTS OFF) SELECT count(*) FROM t WHERE a < 3
----
QUERY PLAN text
| Aggregate (actual rows=1 loops=1) |
|   ->  Index Scan using t_pkey on t (actual rows=2 loops=1) |
|         Index Cond: (a < 3) |
EXPLAIN

EXPLAIN (ANALYZE, TIMING OFF) SELECT * FROM t WHERE a IN (1, 3)
----
QUERY PLAN text
| Index Scan using t_pkey on t (actual rows=2 loops=1) |
|   Index Cond: (a IN (1, 3)) |
| Requests: 1 |
| Retries: 0 |
EXPLAIN

EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF, FORMAT JSON) SELECT * FROM t WHERE a = 1
----
QUERY PLAN text
| [\n  {\n    "Plan": {\n      "Node Type": "Index Scan",\n      "Title": "Index Scan using t_pkey on t",\n      "Actual Rows": 1,\n      "Actual Loops": 1,\n      "Index Cond": "(a = 1)"\n    }\n  }\n] |
EXPLAIN

EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) UPDATE t SET b = b + 1 WHERE a < 3
----
QUERY PLAN text
| Update on t (actual rows=2 loops=1) |
|   ->  Index Scan using t_pkey on t |
|         Index Cond: (a < 3) |
EXPLAIN

EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) INSERT INTO t VALUES (7, 7, 'seven') RETURNING a
----
QUERY PLAN text
| Insert on t (actual rows=1 loops=1) |
|   ->  Result |
EXPLAIN

SELECT a, b FROM t ORDER BY a
----
a int4, b int4
| 1 | 11 |
| 2 | 21 |
| 3 | 30 |
| 7 | 7 |
SELECT 4

EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) DELETE FROM t WHERE a = 7
----
QUERY PLAN text
| Delete on t (actual rows=1 loops=1) |
|   ->  Index Scan using t_pkey on t |
|         Index Cond: (a = 7) |
EXPLAIN

SELECT count(*) FROM t
----
count int8
| 3 |
SELECT 1

EXPLAIN SELECT nothing FROM t
----
ERROR 42703 at 16: column "nothing" does not exist

EXPLAIN (FORMAT XML) SELECT 1
----
ERROR 0A000 at 10: EXPLAIN in this format is not supported yet

EXPLAIN (FORMAT nothing) SELECT 1
----
ERROR 22023 at 10: unrecognized value for EXPLAIN option "format": "nothing"

EXPLAIN (NOTHING) SELECT 1
----
ERROR 42601 at 10: unrecognized EXPLAIN option "nothing"

EXPLAIN (TIMING) SELECT 1
----
ERROR 22023: EXPLAIN option TIMING requires ANALYZE

EXPLAIN (ANALYZE 3) SELECT 1
----
ERROR 42601: analyze requires a Boolean value

BEGIN READ ONLY
----
BEGIN
[T]

EXPLAIN DELETE FROM t
----
QUERY PLAN text
| Delete on t |
|   ->  Seq Scan on t |
EXPLAIN
[T]

EXPLAIN ANALYZE DELETE FROM t
----
ERROR 25006: cannot execute DELETE in a read-only transaction
[E]

ROLLBACK
----
ROLLBACK

EXPLAIN UPDATE t SET b = u.q FROM u WHERE u.p = t.a
----
QUERY PLAN text
| Update on t |
|   ->  Nested Loop |
|         ->  Seq Scan on t |
|         ->  Index Scan using u_pkey on u |
|               Index Cond: (u.p = t.a) |
EXPLAIN

EXPLAIN DELETE FROM u USING t WHERE u.p = t.b
----
QUERY PLAN text
| Delete on u |
|   ->  Hash Join |
|         Hash Cond: (u.p = t.b) |
|         ->  Seq Scan on u |
|         ->  Hash |
|               ->  Seq Scan on t |
EXPLAIN

EXPLAIN SELECT * FROM t, LATERAL (SELECT * FROM u WHERE u.p = t.a LIMIT 1) AS s
----
QUERY PLAN text
| Nested Loop |
|   ->  Seq Scan on t |
|   ->  Subquery Scan on s |
|         ->  Limit |
|               ->  Index Scan using u_pkey on u |
|                     Index Cond: (p = $0) |
EXPLAIN

PREPARE p (int) AS SELECT t.s FROM t JOIN u ON u.p = t.a WHERE u.q = $1 AND t.b IN (SELECT $1 + q FROM u)
----
PREPARE

EXECUTE p (1)
----
s text
SELECT 0

CREATE TABLE big (id int PRIMARY KEY, v int)
----
CREATE TABLE

INSERT INTO big SELECT i, i % 7 FROM generate_series(1, 3000) AS i
----
INSERT 0 3000

EXPLAIN (ANALYZE, TIMING OFF) SELECT big.v FROM generate_series(1, 100) AS g JOIN big ON big.id = g
----
QUERY PLAN text
| Nested Loop (actual rows=100 loops=1) |
|   ->  Function Scan on g (actual rows=100 loops=1) |
|   ->  Index Scan using big_pkey on big (actual rows=1 loops=100) |
|         Index Cond: (big.id = g.g) |
| Requests: 7 |
| Retries: 0 |
EXPLAIN

EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) SELECT big.v FROM generate_series(1, 6000) AS g JOIN big ON big.id = g
----
QUERY PLAN text
| Hash Join (actual rows=3000 loops=1) |
|   Hash Cond: (g.g = big.id) |
|   ->  Function Scan on g (actual rows=6000 loops=1) |
|   ->  Hash |
|         ->  Seq Scan on big (actual rows=3 loops=1088) |
EXPLAIN
