# What is not done yet is refused, with its place, before anything happens.
CREATE TABLE t (a int PRIMARY KEY, b text)
----
CREATE TABLE

INSERT INTO t VALUES (1, 'x')
----
INSERT 0 1

CREATE TABLE u (a int UNIQUE)
----
ERROR 0A000 at 23: a UNIQUE constraint is not supported yet

CREATE TABLE u (a int, UNIQUE (a))
----
ERROR 0A000 at 24: a UNIQUE constraint is not supported yet

CREATE TABLE u (a int REFERENCES t)
----
ERROR 0A000 at 23: a foreign key is not supported yet

CREATE TABLE u (a int, FOREIGN KEY (a) REFERENCES t (a))
----
ERROR 0A000 at 24: a foreign key is not supported yet

CREATE TABLE u (a serial)
----
ERROR 0A000 at 19: type "serial" is not supported yet

CREATE TABLE u (a int GENERATED ALWAYS AS IDENTITY)
----
ERROR 0A000 at 23: an identity column is not supported yet

CREATE TABLE u (a int, b int GENERATED ALWAYS AS (a + 1) STORED)
----
ERROR 0A000 at 30: a generated column is not supported yet

CREATE TABLE u (a int, EXCLUDE (a WITH =))
----
ERROR 0A000 at 24: EXCLUDE constraint is not supported

CREATE TEMP TABLE u (a int)
----
ERROR 0A000 at 1: a temporary table is not supported yet

CREATE TABLE u (LIKE t)
----
ERROR 0A000 at 17: LIKE in CREATE TABLE is not supported

CREATE TABLE u (a int[])
----
ERROR 0A000 at 19: array types are not supported yet

CREATE TABLE u (a json)
----
ERROR 0A000 at 19: type "json" is not supported yet

CREATE TABLE u (a text COLLATE "C")
----
ERROR 0A000 at 17: COLLATE is not supported yet

CREATE TABLE u (a int) PARTITION BY RANGE (a)
----
ERROR 0A000 at 24: PARTITION BY is not supported

CREATE TABLE u () INHERITS (t)
----
ERROR 0A000 at 19: INHERITS is not supported

CREATE TABLE u (a int PRIMARY KEY DEFERRABLE)
----
ERROR 0A000 at 23: a deferrable constraint is not supported yet

CREATE TABLE u (a int, b int, PRIMARY KEY (a) INCLUDE (b))
----
ERROR 0A000 at 31: INCLUDE is not supported yet

CREATE TABLE u (a int CHECK (a > 0) NOT VALID)
----
ERROR 42601 at 41: syntax error at or near "VALID"

CREATE TABLE u (a int, CHECK (a IN (SELECT 1)))
----
ERROR 0A000 at 33: cannot use subquery in check constraint

CREATE TABLE u (a interval year to month)
----
ERROR 0A000 at 19: intervals restricted to some fields are not supported yet

ALTER TABLE t ALTER COLUMN b TYPE bytea
----
ERROR 0A000 at 15: changing the type of a column is not supported yet

ALTER INDEX t_pkey RENAME TO v
----
ERROR 0A000 at 1: renaming anything but tables, columns and constraints is not supported yet

CREATE INDEX i ON t (b)
----
ERROR 0A000 at 1: CREATE INDEX is not supported yet

CREATE UNIQUE INDEX i ON t (b)
----
ERROR 0A000 at 1: CREATE INDEX is not supported yet

CREATE VIEW v AS SELECT 1
----
ERROR 0A000 at 1: CREATE VIEW is not supported yet

CREATE SCHEMA s
----
ERROR 0A000 at 1: CREATE SCHEMA is not supported yet

CREATE SEQUENCE s
----
ERROR 0A000 at 1: CREATE SEQUENCE is not supported yet

CREATE ROLE r
----
ERROR 0A000 at 1: CREATE ROLE is not supported yet

CREATE DATABASE d
----
ERROR 0A000 at 1: CREATE DATABASE is not supported yet

CREATE FUNCTION f() RETURNS int AS 'SELECT 1' LANGUAGE sql
----
ERROR 0A000 at 1: CREATE FUNCTION is not supported yet

GRANT SELECT ON t TO postgres
----
ERROR 0A000 at 1: GRANT or REVOKE is not supported yet

DROP INDEX i
----
ERROR 0A000 at 1: dropping anything but a table is not supported yet

DROP VIEW v
----
ERROR 0A000 at 1: dropping anything but a table is not supported yet

SELECT * FROM t TABLESAMPLE system (1)
----
ERROR 0A000 at 17: TABLESAMPLE is not supported

TABLE t
----
a int4, b text
| 1 | x |
SELECT 1

SELECT ARRAY[1, 2]
----
ERROR 0A000 at 13: an array is not supported yet

SELECT ROW (1, 2)
----
ERROR 0A000 at 8: a row as a value is not supported yet

SELECT t FROM t
----
ERROR 0A000 at 8: a row as a value is not supported yet

SELECT (t).a FROM t
----
ERROR 0A000 at 9: a subscript or field is not supported yet

SELECT a FROM t ORDER BY a USING >
----
ERROR 0A000 at 26: ORDER BY USING is not supported yet

SELECT a FROM t FETCH FIRST 1 ROW WITH TIES
----
ERROR 42601: WITH TIES cannot be specified without ORDER BY clause

SELECT sum(a) OVER () FROM t
----
ERROR 0A000 at 8: a window function is not supported yet

SELECT row_number() OVER (ORDER BY a) FROM t
----
ERROR 0A000 at 8: a window function is not supported yet

SELECT sum(a) OVER w FROM t WINDOW w AS ()
----
ERROR 0A000 at 41: a window is not supported yet

SELECT count(*) FROM t GROUP BY GROUPING SETS ((a), ())
----
ERROR 0A000 at 42: GROUPING SETS is not supported yet

SELECT count(*) FROM t GROUP BY CUBE (a)
----
ERROR 0A000 at 33: GROUPING SETS is not supported yet

SELECT string_agg(b, ',' ORDER BY a) FROM t
----
ERROR 0A000 at 8: ORDER BY in an aggregate is not supported yet

SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY a) FROM t
----
ERROR 0A000 at 8: ORDER BY in an aggregate is not supported yet

SELECT b COLLATE "C" FROM t
----
ERROR 0A000 at 10: COLLATE is not supported yet

SELECT b SIMILAR TO 'x' FROM t
----
ERROR 0A000 at 10: SIMILAR TO is not supported yet

SELECT B'101'
----
ERROR 0A000 at 8: a bit string is not supported yet

SELECT current_time
----
ERROR 0A000 at 8: CURRENT_TIME is not supported yet

SELECT a::int[] FROM t
----
ERROR 0A000 at 11: array types are not supported yet

SELECT INTERVAL '1' YEAR
----
ERROR 0A000 at 8: intervals restricted to some fields are not supported yet

SELECT b IS NORMALIZED FROM t
----
ERROR 42883 at 10: function is_normalized(text) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT xmlparse(content 'x')
----
ERROR 0A000 at 8: XML is not supported

SELECT 1 INTO u
----
ERROR 0A000 at 10: SELECT INTO is not supported

INSERT INTO t (a) OVERRIDING SYSTEM VALUE VALUES (2)
----
ERROR 0A000 at 1: OVERRIDING is not supported yet

WITH w AS (SELECT 1) INSERT INTO t VALUES (2)
----
ERROR 0A000 at 1: WITH is not supported yet

INSERT INTO t (a[1]) VALUES (2)
----
ERROR 0A000 at 16: a part of a column is not supported yet

UPDATE t SET (a, b) = (SELECT 2, 'y' LIMIT 1)
----
ERROR 0A000 at 23: SET of several columns to such a subquery is not supported yet

COPY (DELETE FROM t RETURNING a) TO STDOUT
----
ERROR 0A000 at 7: COPY of a statement that writes is not supported yet

DELETE FROM t WHERE CURRENT OF c
----
ERROR 0A000 at 21: WHERE CURRENT OF is not supported

MERGE INTO t USING t AS u ON true WHEN MATCHED THEN DELETE
----
ERROR 0A000 at 1: MERGE is not supported yet

LISTEN x
----
ERROR 0A000 at 1: LISTEN is not supported yet

LOCK TABLE t
----
ERROR 0A000 at 1: LOCK TABLE is not supported yet

SET CONSTRAINTS ALL DEFERRED
----
ERROR 0A000 at 1: SET CONSTRAINTS is not supported yet

COMMENT ON TABLE t IS 'x'
----
ERROR 0A000 at 1: COMMENT is not supported yet

REINDEX TABLE t
----
ERROR 0A000 at 1: REINDEX is not supported yet

CLUSTER t
----
ERROR 0A000 at 1: CLUSTER is not supported yet

CALL f()
----
ERROR 0A000 at 1: CALL is not supported yet

DO 'x'
----
ERROR 0A000 at 1: DO is not supported yet

# Nothing of it has had an effect.
SELECT * FROM t
----
a int4, b text
| 1 | x |
SELECT 1

SELECT * FROM u
----
ERROR 42P01 at 15: relation "u" does not exist

DROP TABLE t
----
DROP TABLE
