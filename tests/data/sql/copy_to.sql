CREATE TABLE t (a int PRIMARY KEY, b text, c numeric(6, 2), d timestamptz)
----
CREATE TABLE

INSERT INTO t VALUES (1, 'plain', 1.5, '2024-01-02 03:04:05+00'), (2, NULL, NULL, NULL), (3, '', 0, 'infinity')
----
INSERT 0 3

INSERT INTO t (a, b) VALUES (4, E'tab\there, back\\slash, new\nline, return\r, bell\b\f\v.'), (5, 'say "hi", it''s'), (6, '\.'), (7, '\N'), (8, 'äöü€')
----
INSERT 0 5

COPY t TO STDOUT
----
copy of 4 columns
> 1	plain	1.50	2024-01-02 03:04:05+00
> 2	\N	\N	\N
> 3		0.00	infinity
> 4	tab\there, back\\slash, new\nline, return\r, bell\b\fv.	\N	\N
> 5	say "hi", it's	\N	\N
> 6	\\.	\N	\N
> 7	\\N	\N	\N
> 8	äöü€	\N	\N
COPY 8

COPY t (b, a) TO STDOUT
----
copy of 2 columns
> plain	1
> \N	2
> 	3
> tab\there, back\\slash, new\nline, return\r, bell\b\fv.	4
> say "hi", it's	5
> \\.	6
> \\N	7
> äöü€	8
COPY 8

COPY (SELECT a, b || '!' AS shout FROM t WHERE a < 3 ORDER BY a DESC) TO STDOUT
----
copy of 2 columns
> 2	\N
> 1	plain!
COPY 2

COPY (SELECT 1, 'x' WHERE false) TO STDOUT
----
copy of 2 columns
COPY 0

COPY (SELECT count(*), max(a) FROM t) TO STDOUT WITH (FORMAT csv, HEADER)
----
copy of 2 columns
> count,max
> 8,8
COPY 1

COPY t TO STDOUT (FORMAT csv)
----
copy of 4 columns
> 1,plain,1.50,2024-01-02 03:04:05+00
> 2,,,
> 3,"",0.00,infinity
> 4,"tab	here, back\slash, new
> line, return, bellv.",,
> 5,"say ""hi"", it's",,
> 6,\.,,
> 7,\N,,
> 8,äöü€,,
COPY 8

COPY t TO STDOUT CSV HEADER
----
copy of 4 columns
> a,b,c,d
> 1,plain,1.50,2024-01-02 03:04:05+00
> 2,,,
> 3,"",0.00,infinity
> 4,"tab	here, back\slash, new
> line, return, bellv.",,
> 5,"say ""hi"", it's",,
> 6,\.,,
> 7,\N,,
> 8,äöü€,,
COPY 8

COPY t (a, b) TO STDOUT (FORMAT csv, HEADER true, DELIMITER ';', QUOTE '''', NULL 'none')
----
copy of 2 columns
> a;b
> 1;plain
> 2;none
> 3;
> 4;'tab	here, back\slash, new
> line, return, bellv.'
> 5;'say "hi", it''s'
> 6;\.
> 7;\N
> 8;äöü€
COPY 8

COPY t (b, a) TO STDOUT (FORMAT csv, QUOTE '"', ESCAPE '\', FORCE_QUOTE (a))
----
copy of 2 columns
> plain,"1"
> ,"2"
> "","3"
> "tab	here, back\\slash, new
> line, return, bellv.","4"
> "say \"hi\", it's","5"
> \.,"6"
> \N,"7"
> äöü€,"8"
COPY 8

COPY t (a, b) TO STDOUT (FORMAT csv, FORCE_QUOTE *)
----
copy of 2 columns
> "1","plain"
> "2",
> "3",""
> "4","tab	here, back\slash, new
> line, return, bellv."
> "5","say ""hi"", it's"
> "6","\."
> "7","\N"
> "8","äöü€"
COPY 8

COPY t (b) TO STDOUT (FORMAT csv)
----
copy of 1 column
> plain
> 
> ""
> "tab	here, back\slash, new
> line, return, bellv."
> "say ""hi"", it's"
> "\."
> \N
> äöü€
COPY 8

COPY t (a, b) TO STDOUT (DELIMITER '|', NULL 'NIL')
----
copy of 2 columns
> 1|plain
> 2|NIL
> 3|
> 4|tab\there, back\\slash, new\nline, return\r, bell\b\fv.
> 5|say "hi", it's
> 6|\\.
> 7|\\N
> 8|äöü€
COPY 8

COPY t (a, b) TO STDOUT (HEADER)
----
copy of 2 columns
> a	b
> 1	plain
> 2	\N
> 3	
> 4	tab\there, back\\slash, new\nline, return\r, bell\b\fv.
> 5	say "hi", it's
> 6	\\.
> 7	\\N
> 8	äöü€
COPY 8

COPY t (a, b) TO STDOUT DELIMITER ',' NULL 'nothing'
----
copy of 2 columns
> 1,plain
> 2,nothing
> 3,
> 4,tab\there\, back\\slash\, new\nline\, return\r\, bell\b\fv.
> 5,say "hi"\, it's
> 6,\\.
> 7,\\N
> 8,äöü€
COPY 8

COPY t TO STDOUT BINARY
----
copy of 4 columns, binary
> 5047434f50590aff0d0a0000000000000000000004000000040000000100000005706c61696e0000000c000200000000000200011388000000080002b0ec8515f340
> 00040000000400000002ffffffffffffffffffffffff
> 0004000000040000000300000000000000080000000000000002000000087fffffffffffffff
> 000400000004000000040000003174616209686572652c206261636b5c736c6173682c206e65770a6c696e652c2072657475726e0d2c2062656c6c080c762effffffffffffffff
> 000400000004000000050000000e73617920226869222c2069742773ffffffffffffffff
> 00040000000400000006000000025c2effffffffffffffff
> 00040000000400000007000000025c4effffffffffffffff
> 0004000000040000000800000009c3a4c3b6c3bce282acffffffffffffffff
> ffff
COPY 8

COPY (SELECT 1::int2, 2::int8, true, 1.25::float8, 'x'::char(3), '\xdeadbeef'::bytea, '00112233-4455-6677-8899-aabbccddeeff'::uuid) TO STDOUT (FORMAT binary)
----
copy of 7 columns, binary
> 5047434f50590aff0d0a00000000000000000000070000000200010000000800000000000000020000000101000000083ff40000000000000000000378202000000004deadbeef0000001000112233445566778899aabbccddeeff
> ffff
COPY 1

COPY (SELECT NULL::int, '') TO STDOUT (FORMAT binary)
----
copy of 2 columns, binary
> 5047434f50590aff0d0a0000000000000000000002ffffffff00000000
> ffff
COPY 1

# Mistakes.
COPY missing TO STDOUT
----
ERROR 42P01: relation "missing" does not exist

COPY t (a, missing) TO STDOUT
----
ERROR 42703: column "missing" of relation "t" does not exist

COPY t (a, a) TO STDOUT
----
ERROR 42701: column "a" specified more than once

COPY (SELECT missing FROM t) TO STDOUT
----
ERROR 42703 at 14: column "missing" does not exist

COPY t TO STDOUT (FORMAT binary, DELIMITER ',')
----
ERROR 42601: cannot specify DELIMITER in BINARY mode

COPY t TO STDOUT (FORMAT binary, NULL 'x')
----
ERROR 42601: cannot specify NULL in BINARY mode

COPY t TO STDOUT (FORMAT binary, HEADER)
----
ERROR 0A000: cannot specify HEADER in BINARY mode

COPY t TO STDOUT (HEADER MATCH)
----
ERROR 0A000: cannot use "match" with HEADER in COPY TO

COPY t TO STDOUT (FORCE_QUOTE (a))
----
ERROR 0A000: COPY force quote available only in CSV mode

COPY t TO STDOUT (FORMAT csv, FORCE_QUOTE (missing))
----
ERROR 42703: column "missing" of relation "t" does not exist

COPY t (b) TO STDOUT (FORMAT csv, FORCE_QUOTE (a))
----
ERROR 42P10: FORCE_QUOTE column "a" not referenced by COPY

COPY t TO STDOUT (FORMAT csv, FORCE_NULL (a))
----
ERROR 0A000: COPY force null only available using COPY FROM

COPY t TO STDOUT (FORMAT csv, FORCE_NOT_NULL (a))
----
ERROR 0A000: COPY force not null only available using COPY FROM

COPY t FROM STDIN (FORMAT csv, FORCE_QUOTE (a))
----
ERROR 0A000: COPY force quote only available using COPY TO

COPY t TO STDOUT (FORMAT other)
----
ERROR 22023 at 19: COPY format "other" not recognized

COPY t TO STDOUT (DELIMITER 'ab')
----
ERROR 0A000: COPY delimiter must be a single one-byte character

COPY (SELECT 1 / (a - 3) FROM t ORDER BY a) TO STDOUT
----
copy of 1 column
> 0
> -1
ERROR 22012: division by zero

# In a transaction it shows what that has written.
BEGIN
----
BEGIN
[T]

DELETE FROM t WHERE a > 2
----
DELETE 6
[T]

COPY t (a) TO STDOUT
----
copy of 1 column
> 1
> 2
COPY 2
[T]

COPY t TO STDOUT (FORMAT other)
----
ERROR 22023 at 19: COPY format "other" not recognized
[E]

COPY t TO STDOUT
----
ERROR 25P02: current transaction is aborted, commands ignored until end of transaction block
[E]

ROLLBACK
----
ROLLBACK

COPY t (a) TO STDOUT; SELECT 1; COPY (SELECT 'two') TO STDOUT
----
copy of 1 column
> 1
> 2
> 3
> 4
> 5
> 6
> 7
> 8
COPY 8
?column? int4
| 1 |
SELECT 1
copy of 1 column
> two
COPY 1

# The binary format, read. What PostgreSQL wrote of (1, 'one'), (2, NULL).
CREATE TABLE b (k int PRIMARY KEY, v text)
----
CREATE TABLE

COPY b FROM STDIN BINARY
<<
hex:
5047434f50590aff0d0a00 00000000 00000000
0002 00000004 00000001 00000003 6f6e65
0002 00000004 00000002 ffffffff
ffff
----
COPY 2

SELECT * FROM b ORDER BY k
----
k int4, v text
| 1 | one |
| 2 | <null> |
SELECT 2

# Without a trailer, with a header extension, columns in another order.
COPY b (v, k) FROM STDIN (FORMAT binary)
<<
hex:
5047434f50590aff0d0a00 00000001 00000003 aabbcc
0002 00000000 00000004 00000003
----
COPY 1

COPY b FROM STDIN (FORMAT binary)
<<
hex:
5047434f50590aff0d0a00 00000000 00000000 ffff
----
COPY 0

COPY b FROM STDIN (FORMAT binary)
<<
not binary at all
----
ERROR 22P04: COPY file signature not recognized

COPY b FROM STDIN (FORMAT binary)
<<
hex:
5047434f50590aff0d0a00 00000000
----
ERROR 22P04: invalid COPY file header (missing length)

COPY b FROM STDIN (FORMAT binary)
<<
hex:
5047434f50590aff0d0a00 00010000 00000000 ffff
----
ERROR 22P04: invalid COPY file header (WITH OIDS)

COPY b FROM STDIN (FORMAT binary)
<<
hex:
5047434f50590aff0d0a00 00020000 00000000 ffff
----
ERROR 22P04: unrecognized critical flags in COPY file header

COPY b FROM STDIN (FORMAT binary)
<<
hex:
5047434f50590aff0d0a00 00000000 00000000 0003 00000000
----
ERROR 22P04: row field count is 3, expected 2
  context: COPY b, line 1

COPY b FROM STDIN (FORMAT binary)
<<
hex:
5047434f50590aff0d0a00 00000000 00000000 0002 00000004 00000009 00000003 6f6e65 0002 00000004 0000
----
ERROR 22P04: unexpected EOF in COPY data
  context: COPY b, line 2, column k

COPY b FROM STDIN (FORMAT binary)
<<
hex:
5047434f50590aff0d0a00 00000000 00000000 0002 00000002 0009 00000003 6f6e65 ffff
----
ERROR 08P01: insufficient data left in message
  context: COPY b, line 1, column k

COPY b FROM STDIN (FORMAT binary)
<<
hex:
5047434f50590aff0d0a00 00000000 00000000 0002 fffffff0 0009 ffff
----
ERROR 22P04: invalid field size
  context: COPY b, line 1, column k

COPY b FROM STDIN (FORMAT binary)
<<
hex:
5047434f50590aff0d0a00 00000000 00000000 0002 00000004 00000009 00000002 c328 ffff
----
ERROR 22021: invalid byte sequence for encoding "UTF8": 0xc3 0x28
  context: COPY b, line 1, column v

COPY b FROM STDIN (FORMAT binary)
<<
hex:
5047434f50590aff0d0a00 00000000 00000000 ffff 00
----
ERROR 22P04: received copy data after EOF marker
  context: COPY b, line 1

SELECT * FROM b ORDER BY k
----
k int4, v text
| 1 | one |
| 2 | <null> |
| 3 |  |
SELECT 3

# Only rows that pass.
COPY b FROM STDIN WHERE k > 10 AND v <> 'no'
<<
5	five
11	eleven
12	no
----
COPY 1

COPY b FROM STDIN WHERE missing
<<
1	x
----
ERROR 42703 at 25: column "missing" does not exist

COPY b FROM STDIN WHERE k
<<
1	x
----
ERROR 42804 at 25: argument of WHERE must be type boolean, not type integer

SELECT * FROM b WHERE k > 4 ORDER BY k
----
k int4, v text
| 11 | eleven |
SELECT 1

DROP TABLE t, b
----
DROP TABLE
