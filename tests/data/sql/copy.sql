CREATE TABLE t (a int PRIMARY KEY, b text, c numeric(5,2) DEFAULT 1.5)
----
CREATE TABLE

COPY t FROM STDIN
<<
1	one	1.00
2	two	\N
3	\N	3.333
\.
----
COPY 3

SELECT * FROM t ORDER BY a
----
a int4, b text, c numeric
| 1 | one | 1.00 |
| 2 | two | <null> |
| 3 | <null> | 3.33 |
SELECT 3

COPY t (b, a) FROM STDIN
<<
four	4
	5
----
COPY 2

SELECT * FROM t WHERE a > 3 ORDER BY a
----
a int4, b text, c numeric
| 4 | four | 1.50 |
| 5 |  | 1.50 |
SELECT 2

# Escapes
COPY t (a, b) FROM STDIN
<<
10	a\tb\nc\\d
11	\x41\101\u
12	\
line
13	end\.
----
COPY 4

SELECT a, b FROM t WHERE a >= 10 ORDER BY a
----
a int4, b text
| 10 | a	b\nc\d |
| 11 | AAu |
| 12 | \nline |
| 13 | end |
SELECT 4

# What only begins like the end marker ends nothing, and is no data either
COPY t (a, b) FROM STDIN
<<
14	one\.two
15	three
----
ERROR 22P04: end-of-copy marker corrupt
  context: COPY t, line 1

COPY t (a, b) FROM STDIN
<<
14	one
\.\.
----
ERROR 22P04: end-of-copy marker corrupt
  context: COPY t, line 2

COPY t (a, b) FROM STDIN (HEADER MATCH)
<<
----
ERROR 22P04: wrong number of fields in header line: got 1, expected 2
  context: COPY t, line 1: ""

SELECT a, b FROM t WHERE a >= 14
----
a int4, b text
SELECT 0

# An empty text, and no last newline
COPY t FROM STDIN
<<
----
COPY 0

COPY t FROM STDIN
<<
\.
----
COPY 0

COPY t FROM STDIN
<<
20	x
----
ERROR 22P04: missing data for column "c"
  context: COPY t, line 1: "20	x"

# Errors, with their line.
COPY t FROM STDIN
<<
21	x	1
x	y	1
----
ERROR 22P02: invalid input syntax for type integer: "x"
  context: COPY t, line 2, column a: "x"

COPY t FROM STDIN
<<
21	x	1
22	y
----
ERROR 22P04: missing data for column "c"
  context: COPY t, line 2: "22	y"

COPY t FROM STDIN
<<
21	x	1
22	y	1	2
----
ERROR 22P04: extra data after last expected column
  context: COPY t, line 2: "22	y	1	2"

COPY t FROM STDIN
<<
21	x	1
22	y	1000
----
ERROR 22003: numeric field overflow
  detail: A field with precision 5, scale 2 must round to an absolute value less than 10^3.
  context: COPY t, line 2, column c: "1000"

COPY t FROM STDIN
<<
\N	x	1
----
ERROR 23502: null value in column "a" of relation "t" violates not-null constraint
  detail: Failing row contains (null, x, 1.00).
  context: COPY t, line 1: "\N	x	1"

# differs: there the row's text is not known any more.
COPY t FROM STDIN
<<
21	x	1
1	y	1
----
ERROR 23505: duplicate key value violates unique constraint "t_pkey"

COPY t FROM STDIN
<<
21	x	1
----
COPY 1

22	y	2
----
ERROR 42601 at 1: syntax error at or near "22"

# The last byte is a backslash.
COPY t (b, a) FROM STDIN
<<
x	90\
----
COPY 1

# differs: without the line.
COPY t FROM STDIN
----
ERROR 57014: COPY from stdin failed: no data

SELECT count(*) FROM t WHERE a > 20
----
count int8
| 2 |
SELECT 1

COPY t (a, z) FROM STDIN
----
ERROR 42703: column "z" of relation "t" does not exist

COPY t (a, a) FROM STDIN
----
ERROR 42701: column "a" specified more than once

COPY nosuch FROM STDIN
----
ERROR 42P01: relation "nosuch" does not exist

# Delimiters, NULL, header.
COPY t FROM STDIN (DELIMITER ';', NULL 'nil')
<<
30;x;nil
31;nil;1
----
COPY 2

COPY t FROM STDIN WITH (FORMAT text, DELIMITER '|', HEADER)
<<
a|b|c
32|x|1
----
COPY 1

COPY t FROM STDIN DELIMITER ',' NULL ''
<<
33,,
----
COPY 1

SELECT * FROM t WHERE a BETWEEN 30 AND 39 ORDER BY a
----
a int4, b text, c numeric
| 30 | x | <null> |
| 31 | <null> | 1.00 |
| 32 | x | 1.00 |
| 33 | <null> | <null> |
SELECT 4

# CSV
COPY t FROM STDIN (FORMAT csv)
<<
40,one,1
41,"two, ""three""",2
42,"two
lines",3
43,,
44,"",4
"45",plain " quote,5
----
ERROR 22P04: unterminated CSV quoted field
  context: COPY t, line 8: ""45",plain " quote,5
"

SELECT * FROM t WHERE a BETWEEN 40 AND 49 ORDER BY a
----
a int4, b text, c numeric
SELECT 0

COPY t FROM STDIN (FORMAT csv, HEADER, QUOTE '''', ESCAPE '\', NULL 'NULL', DELIMITER ';')
<<
a;b;c
50;'it\'s';1
51;NULL;2
52;'NULL';NULL
----
COPY 3

COPY t FROM STDIN CSV HEADER
<<
a,b,c
53,x,1
----
COPY 1

SELECT * FROM t WHERE a BETWEEN 50 AND 59 ORDER BY a
----
a int4, b text, c numeric
| 50 | it's | 1.00 |
| 51 | <null> | 2.00 |
| 52 | NULL | <null> |
| 53 | x | 1.00 |
SELECT 4

# differs: there the line where the row begins, when it is the first.
COPY t FROM STDIN (FORMAT csv)
<<
60,"x,1
61,y,2
----
ERROR 22P04: unterminated CSV quoted field
  context: COPY t, line 3: "60,"x,1
61,y,2
"

COPY t FROM STDIN (FORMAT csv)
<<
60,x
61
----
ERROR 22P04: missing data for column "c"
  context: COPY t, line 1: "60,x"

COPY t FROM STDIN (FORMAT csv)
<<
x,x,1
----
ERROR 22P02: invalid input syntax for type integer: "x"
  context: COPY t, line 1, column a: "x"

COPY t FROM STDIN (FORMAT csv)
<<
,x,1
----
ERROR 23502: null value in column "a" of relation "t" violates not-null constraint
  detail: Failing row contains (null, x, 1.00).
  context: COPY t, line 1: ",x,1"

COPY t FROM STDIN (FORMAT csv, FORCE_NOT_NULL (b), FORCE_NULL (c))
<<
62,,""
----
COPY 1

SELECT * FROM t WHERE a = 62
----
a int4, b text, c numeric
| 62 |  | <null> |
SELECT 1

# Options that do not go together
COPY t FROM STDIN (FORMAT csv, DELIMITER '"')
----
ERROR 22023: COPY delimiter and quote must be different

COPY t FROM STDIN (FORMAT text, QUOTE '"')
----
ERROR 0A000: COPY quote available only in CSV mode

COPY t FROM STDIN (FORMAT text, ESCAPE '"')
----
ERROR 0A000: COPY escape available only in CSV mode

COPY t FROM STDIN (DELIMITER 'ab')
----
ERROR 0A000: COPY delimiter must be a single one-byte character

COPY t FROM STDIN (DELIMITER '')
----
ERROR 0A000: COPY delimiter must be a single one-byte character

COPY t FROM STDIN (DELIMITER 'a')
----
ERROR 22023: COPY delimiter cannot be "a"

COPY t FROM STDIN (DELIMITER E'\n')
----
ERROR 22023: COPY delimiter cannot be newline or carriage return

COPY t FROM STDIN (NULL E'\n')
----
ERROR 22023: COPY null representation cannot use newline or carriage return

COPY t FROM STDIN (NULL 'a,b', DELIMITER ',')
----
ERROR 0A000: COPY delimiter must not appear in the NULL specification

COPY t FROM STDIN (FORMAT csv, QUOTE 'ab')
----
ERROR 0A000: COPY quote must be a single one-byte character

COPY t FROM STDIN (FORMAT csv, ESCAPE 'ab')
----
ERROR 0A000: COPY escape must be a single one-byte character

COPY t FROM STDIN (FORMAT csv, FORMAT csv)
----
ERROR 42601 at 32: conflicting or redundant options

COPY t FROM STDIN (DELIMITER ',', DELIMITER ';')
----
ERROR 42601 at 35: conflicting or redundant options

COPY t FROM STDIN (FORMAT nosuch)
----
ERROR 22023 at 20: COPY format "nosuch" not recognized

COPY t FROM STDIN (nosuch)
----
ERROR 42601 at 20: option "nosuch" not recognized

COPY t FROM STDIN (HEADER maybe)
----
ERROR 42601: header requires a Boolean value or "match"

COPY t FROM STDIN (FORMAT text, FORCE_NULL (b))
----
ERROR 0A000: COPY force null available only in CSV mode

COPY t FROM STDIN (FORMAT csv, FORCE_NULL (z))
----
ERROR 42703: column "z" of relation "t" does not exist

COPY t FROM STDIN (ENCODING 'nosuch')
----
ERROR 0A000 at 20: another encoding than UTF8 is not supported yet

COPY t FROM STDIN (HEADER match)
<<
a	b	c
70	x	1
----
COPY 1

COPY t FROM STDIN (HEADER match)
<<
a	b	d
71	x	1
----
ERROR 22P04: column name mismatch in header line field 3: got "d", expected "c"
  context: COPY t, line 1: "a	b	d"

COPY t FROM STDIN (HEADER match)
<<
a	b
71	x	1
----
ERROR 22P04: wrong number of fields in header line: got 2, expected 3
  context: COPY t, line 1: "a	b"

SELECT a FROM t WHERE a >= 70 ORDER BY a
----
a int4
| 70 |
| 90 |
SELECT 2

# In a transaction, and in one that fails.
BEGIN
----
BEGIN
[T]

COPY t (a) FROM STDIN
<<
80
----
COPY 1
[T]

SELECT count(*) FROM t WHERE a = 80
----
count int8
| 1 |
SELECT 1
[T]

ROLLBACK
----
ROLLBACK

SELECT count(*) FROM t WHERE a = 80
----
count int8
| 0 |
SELECT 1

BEGIN
----
BEGIN
[T]

SELECT 1 / 0
----
ERROR 22012: division by zero
[E]

COPY t FROM STDIN
<<
81	x	1
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

ROLLBACK
----
ROLLBACK

COPY t (a) FROM STDIN; SELECT count(*) FROM t WHERE a = 82
<<
82
----
COPY 1
count int8
| 1 |
SELECT 1

DROP TABLE t
----
DROP TABLE

CREATE TABLE c (v varchar(3), ch char(3), CONSTRAINT short CHECK (length(v) < 3), n int NOT NULL DEFAULT 5)
----
CREATE TABLE

COPY c (v) FROM STDIN
<<
abcd
----
ERROR 22001: value too long for type character varying(3)
  context: COPY c, line 1, column v: "abcd"

COPY c (v) FROM STDIN
<<
abc
----
ERROR 23514: new row for relation "c" violates check constraint "short"
  detail: Failing row contains (abc, null, 5).
  context: COPY c, line 1: "abc"

COPY c (v, n) FROM STDIN
<<
ab	\N
----
ERROR 23502: null value in column "n" of relation "c" violates not-null constraint
  detail: Failing row contains (ab, null, null).
  context: COPY c, line 1: "ab	\N"

COPY c FROM STDIN
<<
ab	äö	7
----
COPY 1

SELECT * FROM c
----
v varchar, ch bpchar, n int4
| ab | äö  | 7 |
SELECT 1

DROP TABLE c
----
DROP TABLE
