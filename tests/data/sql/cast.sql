SELECT 1::int2, 2::int4, 3::int8, 4::numeric, 5::float4, 6::float8, 7::text, 8::varchar(1), 9::char(3), 1::bool
----
int2 int2, int4 int4, int8 int8, numeric numeric, float4 float4, float8 float8, text text, varchar varchar, bpchar bpchar, bool bool
| 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9   | t |
SELECT 1

SELECT CAST(1.5 AS int), CAST(2.5 AS int), CAST(-1.5 AS int), CAST(1.5::float8 AS int), CAST(2.5::float8 AS int)
----
int4 int4, int4 int4, int4 int4, int4 int4, int4 int4
| 2 | 3 | -2 | 2 | 2 |
SELECT 1

SELECT '12'::int, ' 12 '::int, '+12'::int8, '-0'::int2
----
int4 int4, int4 int4, int8 int8, int2 int2
| 12 | 12 | 12 | 0 |
SELECT 1

SELECT '12x'::int
----
ERROR 22P02 at 8: invalid input syntax for type integer: "12x"

SELECT ''::int
----
ERROR 22P02 at 8: invalid input syntax for type integer: ""

SELECT '1.5'::int
----
ERROR 22P02 at 8: invalid input syntax for type integer: "1.5"

SELECT '0x10'::int
----
ERROR 22P02 at 8: invalid input syntax for type integer: "0x10"

SELECT 32768::int2
----
ERROR 22003: smallint out of range

SELECT '32768'::int2
----
ERROR 22003 at 8: value "32768" is out of range for type smallint

SELECT 2147483648::int4
----
ERROR 22003: integer out of range

SELECT '2147483648'::int4
----
ERROR 22003 at 8: value "2147483648" is out of range for type integer

SELECT 9223372036854775807::int8
----
int8 int8
| 9223372036854775807 |
SELECT 1

SELECT 9223372036854775808::int8
----
ERROR 22003: bigint out of range

SELECT '9223372036854775808'::int8
----
ERROR 22003 at 8: value "9223372036854775808" is out of range for type bigint

SELECT 1e20::int8
----
ERROR 22003: bigint out of range

SELECT 'NaN'::float8::int
----
ERROR 22003: integer out of range

SELECT 'NaN'::numeric::int
----
ERROR 0A000: cannot convert NaN to integer

SELECT 'Infinity'::numeric::int
----
ERROR 0A000: cannot convert infinity to integer

SELECT 1e40::float4
----
ERROR 22003: "10000000000000000000000000000000000000000" is out of range for type real

SELECT '1e40'::float4
----
ERROR 22003 at 8: "1e40" is out of range for type real

SELECT '1e400'::float8
----
ERROR 22003 at 8: "1e400" is out of range for type double precision

SELECT '1e-400'::float8
----
ERROR 22003 at 8: "1e-400" is out of range for type double precision

SELECT 1e-400::float8
----
ERROR 22003: "0.0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001" is out of range for type double precision

SELECT 'inf'::float8, '-Infinity'::float8, 'nan'::float8, ' 1.5e3 '::float8
----
float8 float8, float8 float8, float8 float8, float8 float8
| Infinity | -Infinity | NaN | 1500 |
SELECT 1

SELECT 'x'::float8
----
ERROR 22P02 at 8: invalid input syntax for type double precision: "x"

SELECT 't'::bool, 'TRUE'::bool, 'on'::bool, '1'::bool, 'yes'::bool, 'f'::bool, 'of'::bool, 'n'::bool, ' tr '::bool
----
bool bool, bool bool, bool bool, bool bool, bool bool, bool bool, bool bool, bool bool, bool bool
| t | t | t | t | t | f | f | f | t |
SELECT 1

SELECT 'o'::bool
----
ERROR 22P02 at 8: invalid input syntax for type boolean: "o"

SELECT ''::bool
----
ERROR 22P02 at 8: invalid input syntax for type boolean: ""

SELECT 0::bool, 5::bool, true::int, false::text, true::text
----
bool bool, bool bool, int4 int4, text text, text text
| f | t | 1 | false | true |
SELECT 1

SELECT 1.5::bool
----
ERROR 42846 at 11: cannot cast type numeric to boolean

SELECT true::int8
----
ERROR 42846 at 12: cannot cast type boolean to bigint

SELECT true::numeric
----
ERROR 42846 at 12: cannot cast type boolean to numeric

SELECT 1::timestamptz
----
ERROR 42846 at 9: cannot cast type integer to timestamp with time zone

SELECT true::timestamptz
----
ERROR 42846 at 12: cannot cast type boolean to timestamp with time zone

SELECT 1::uuid
----
ERROR 42846 at 9: cannot cast type integer to uuid

SELECT 1::bytea
----
ERROR 42846 at 9: cannot cast type integer to bytea

SELECT 'abc'::varchar(2), 'abc'::char(2), 'a'::char(3) || '|', 'abc  '::varchar(3), 'äöü'::varchar(2)
----
varchar varchar, bpchar bpchar, ?column? text, varchar varchar, varchar varchar
| ab | ab | a| | abc | äö |
SELECT 1

SELECT 12345::varchar(3), 12345::char(3)
----
varchar varchar, bpchar bpchar
| 123 | 123 |
SELECT 1

SELECT 'abc'::char, 'abc'::"char", 'abc'::text::char
----
bpchar bpchar, char char, bpchar bpchar
| a | a | a |
SELECT 1

SELECT 'abc'::numeric
----
ERROR 22P02 at 8: invalid input syntax for type numeric: "abc"

SELECT '1e5'::numeric, '-1.50'::numeric, '.5'::numeric, '5.'::numeric, 'NaN'::numeric, '-Infinity'::numeric, ' 1 '::numeric
----
numeric numeric, numeric numeric, numeric numeric, numeric numeric, numeric numeric, numeric numeric, numeric numeric
| 100000 | -1.50 | 0.5 | 5 | NaN | -Infinity | 1 |
SELECT 1

SELECT 123.456::numeric(5,1), 123.456::numeric(5), 123.456::numeric(5,-1), 0.05::numeric(1,1), 0.0012::numeric(3,4)
----
numeric numeric, numeric numeric, numeric numeric, numeric numeric, numeric numeric
| 123.5 | 123 | 120 | 0.1 | 0.0012 |
SELECT 1

SELECT 99.96::numeric(3,1)
----
ERROR 22003: numeric field overflow
  detail: A field with precision 3, scale 1 must round to an absolute value less than 10^2.

SELECT 1000::numeric(3)
----
ERROR 22003: numeric field overflow
  detail: A field with precision 3, scale 0 must round to an absolute value less than 10^3.

SELECT 'Infinity'::numeric(3)
----
ERROR 22003: numeric field overflow
  detail: A field with precision 3, scale 0 cannot hold an infinite value.

SELECT 'NaN'::numeric(3)
----
numeric numeric
| NaN |
SELECT 1

SELECT 1::numeric(0)
----
ERROR 22023 at 11: NUMERIC precision 0 must be between 1 and 1000

SELECT 1::numeric(3,1001)
----
ERROR 22023 at 11: NUMERIC scale 1001 must be between -1000 and 1000

SELECT '2024-01-01'::date, '2024-01-01 10:00'::timestamp, '10:00'::time, '1 day'::interval
----
date date, timestamp timestamp, time time, interval interval
| 2024-01-01 | 2024-01-01 10:00:00 | 10:00:00 | 1 day |
SELECT 1

SELECT '2024-13-01'::date
----
ERROR 22008 at 8: date/time field value out of range: "2024-13-01"
  hint: Perhaps you need a different "datestyle" setting.

SELECT '2024-02-30'::date
----
ERROR 22008 at 8: date/time field value out of range: "2024-02-30"

SELECT 'x'::date
----
ERROR 22007 at 8: invalid input syntax for type date: "x"

SELECT '25:00'::time
----
ERROR 22008 at 8: date/time field value out of range: "25:00"

SELECT '2024-01-01'::timestamptz::date, '2024-01-01 23:30:00'::timestamp::date, '2024-01-01'::date::timestamptz
----
date date, date date, timestamptz timestamptz
| 2024-01-01 | 2024-01-01 | 2024-01-01 00:00:00+00 |
SELECT 1

SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, 'A0EEBC999C0B4EF8BB6D6BB9BD380A11'::uuid, '{a0eebc999c0b4ef8-bb6d6bb9bd380a11}'::uuid
----
uuid uuid, uuid uuid, uuid uuid
| a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 | a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 | a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11 |
SELECT 1

SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1'::uuid
----
ERROR 22P02 at 8: invalid input syntax for type uuid: "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1"

SELECT '\xDEADbeef'::bytea, 'abc\\\001'::bytea, '\x'::bytea, ''::bytea
----
bytea bytea, bytea bytea, bytea bytea, bytea bytea
| \xdeadbeef | \x6162635c01 | \x | \x |
SELECT 1

SELECT '\xabc'::bytea
----
ERROR 22023 at 8: invalid hexadecimal data: odd number of digits

SELECT '\xzz'::bytea
----
ERROR 22023 at 8: invalid hexadecimal digit: "z"

SELECT 'a\b'::bytea
----
ERROR 22P02 at 8: invalid input syntax for type bytea

SELECT '\x4142'::bytea::text, length('\x4142'::bytea), '\x41'::bytea || '\x42'::bytea
----
text text, length int4, ?column? bytea
| \x4142 | 2 | \x4142 |
SELECT 1

SELECT NULL::int, NULL::text, NULL
----
int4 int4, text text, ?column? text
| <null> | <null> | <null> |
SELECT 1

SELECT int '5', float8 '1.5', date '2024-01-01', timestamptz '2024-01-01 00:00+01', bool 't', numeric '1.50', bytea '\x00', uuid '00000000-0000-0000-0000-000000000000'
----
int4 int4, float8 float8, date date, timestamptz timestamptz, bool bool, numeric numeric, bytea bytea, uuid uuid
| 5 | 1.5 | 2024-01-01 | 2023-12-31 23:00:00+00 | t | 1.50 | \x00 | 00000000-0000-0000-0000-000000000000 |
SELECT 1

SELECT int 'x'
----
ERROR 22P02 at 12: invalid input syntax for type integer: "x"

SELECT int4(5.6), text(5), numeric(5), float8(1), bool('t'), int8('7')
----
ERROR 42601 at 38: syntax error at or near ","

SELECT int4('x')
----
ERROR 22P02 at 13: invalid input syntax for type integer: "x"

SELECT 1::nosuch
----
ERROR 42704 at 11: type "nosuch" does not exist

SELECT 1::public.nosuch
----
ERROR 42704 at 11: type "public.nosuch" does not exist

SELECT 'a'::text::int
----
ERROR 22P02: invalid input syntax for type integer: "a"

SELECT '5'::text::int, '5'::varchar::numeric, '5 '::char(2)::int
----
int4 int4, numeric numeric, int4 int4
| 5 | 5 | 5 |
SELECT 1

SELECT 1 || 2
----
ERROR 42883 at 10: operator does not exist: integer || integer
  hint: No operator matches the given name and argument types. You might need to add explicit type casts.

SELECT 1 || 'a', 'a' || 1.5, 'a' || true, 'a' || NULL
----
?column? text, ?column? text, ?column? text, ?column? text
| 1a | a1.5 | atrue | <null> |
SELECT 1

SELECT 'a' + 1
----
ERROR 22P02 at 8: invalid input syntax for type integer: "a"

SELECT 1 + '2', 1 + '2.5'
----
ERROR 22P02 at 21: invalid input syntax for type integer: "2.5"

SELECT '1' + '2'
----
ERROR 42725 at 12: operator is not unique: unknown + unknown
  hint: Could not choose a best candidate operator. You might need to add explicit type casts.

SELECT '1'::text + 2
----
ERROR 42883 at 18: operator does not exist: text + integer
  hint: No operator matches the given name and argument types. You might need to add explicit type casts.

SELECT 1 = '1', 1 = 1.0, 1 = 1::float8, 1::int2 = 1::int8, 'a' = 'a'::text, 'a'::char(3) = 'a'::text, 'a '::char(3) = 'a'::varchar
----
?column? bool, ?column? bool, ?column? bool, ?column? bool, ?column? bool, ?column? bool, ?column? bool
| t | t | t | t | t | t | t |
SELECT 1

SELECT 1 = true
----
ERROR 42883 at 10: operator does not exist: integer = boolean
  hint: No operator matches the given name and argument types. You might need to add explicit type casts.

SELECT 1 = 'x'
----
ERROR 22P02 at 12: invalid input syntax for type integer: "x"

SELECT 1 < '2'::text
----
ERROR 42883 at 10: operator does not exist: integer < text
  hint: No operator matches the given name and argument types. You might need to add explicit type casts.

SELECT NULL = NULL, NULL IS NULL, 1 + NULL, NULL AND false, NULL OR true, NOT NULL
----
?column? bool, ?column? bool, ?column? int4, ?column? bool, ?column? bool, ?column? bool
| <null> | t | <null> | f | t | <null> |
SELECT 1

SELECT 'abc' LIKE 'a%', 'abc' LIKE NULL, 1 IN (1, NULL), 2 IN (1, NULL), NULL IN (1)
----
?column? bool, ?column? bool, ?column? bool, ?column? bool, ?column? bool
| t | <null> | t | <null> | <null> |
SELECT 1

SELECT 1 IN (1.0, 2), 1 IN ('1', '2'), 'a' IN ('a'), 1.5 IN (1, 2)
----
?column? bool, ?column? bool, ?column? bool, ?column? bool
| t | t | t | f |
SELECT 1

SELECT 1 IN ('a')
----
ERROR 22P02 at 14: invalid input syntax for type integer: "a"

SELECT 1 IN (1, true)
----
ERROR 42883 at 10: operator does not exist: integer = boolean
  hint: No operator matches the given name and argument types. You might need to add explicit type casts.

SELECT 1 BETWEEN 0 AND 2, 'b' BETWEEN 'a' AND 'c', 1 BETWEEN '0' AND 2.5, 1 NOT BETWEEN 2 AND 3
----
?column? bool, ?column? bool, ?column? bool, ?column? bool
| t | t | t | t |
SELECT 1

SELECT nosuch(1)
----
ERROR 42883 at 8: function nosuch(integer) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT length(1)
----
ERROR 42883 at 8: function length(integer) does not exist
  hint: No function matches the given name and argument types. You might need to add explicit type casts.

SELECT abs('x')
----
ERROR 22P02 at 12: invalid input syntax for type double precision: "x"

SELECT abs('-5'), abs(-5.5), abs(NULL)
----
abs float8, abs numeric, abs float8
| 5 | 5.5 | <null> |
SELECT 1

SELECT upper(NULL), coalesce(NULL, NULL), coalesce(NULL, 1, 2.5), greatest(1, 2.5, NULL), least('a', 'b')
----
upper text, coalesce text, coalesce numeric, greatest numeric, least text
| <null> | <null> | 1 | 2.5 | a |
SELECT 1

SELECT coalesce(1, 'x')
----
ERROR 22P02 at 20: invalid input syntax for type integer: "x"

SELECT coalesce(1, true)
----
ERROR 42804 at 20: COALESCE types integer and boolean cannot be matched

SELECT nullif(1, 2), nullif(1, 1), nullif('a', 'b'), nullif(1, 1.0)
----
nullif int4, nullif int4, nullif text, nullif numeric
| 1 | <null> | a | <null> |
SELECT 1

SELECT pg_typeof(1), pg_typeof(1.5), pg_typeof('x'), pg_typeof(1::int2 + 1::int2), pg_typeof(1::int2 + 1::int8), pg_typeof(1 + 1.5), pg_typeof(1.5::float4 + 1), pg_typeof(NULL)
----
pg_typeof regtype, pg_typeof regtype, pg_typeof regtype, pg_typeof regtype, pg_typeof regtype, pg_typeof regtype, pg_typeof regtype, pg_typeof regtype
| integer | numeric | unknown | smallint | bigint | numeric | double precision | unknown |
SELECT 1

SELECT 1 AS one, 'x', 1 + 1, length('x'), 'x'::text, now() IS NULL, CASE WHEN true THEN 1 END, -1, (2)
----
one int4, ?column? text, ?column? int4, length int4, text text, ?column? bool, case int4, ?column? int4, ?column? int4
| 1 | x | 2 | 1 | x | f | 1 | -1 | 2 |
SELECT 1

SELECT "a" FROM nosuch
----
ERROR 42P01 at 17: relation "nosuch" does not exist

SELECT $$dollar$$, $t$quo'ted$t$, E'esc\n\t\x41', U&'\0041', 'con'
'cat', N'n'
----
ERROR 0A000 at 51: strings and identifiers with U& escapes are not supported
  hint: Write E'\uXXXX' or the character itself.

SELECT 'unterminated
----
ERROR 42601 at 8: unterminated quoted string at or near "'unterminated"

SELECT E'\xff'
----
ERROR 22021: invalid byte sequence for encoding "UTF8": 0xff

SELECT 1.5.5
----
ERROR 42601 at 11: syntax error at or near ".5"

SELECT 1 +
----
ERROR 42601 at 11: syntax error at end of input

SELECT 1 FROM
----
ERROR 42601 at 14: syntax error at end of input

SELECT * FROM t WHERE
----
ERROR 42601 at 22: syntax error at end of input

SELECT 1 1
----
ERROR 42601 at 10: syntax error at or near "1"

SELECT a b c
----
ERROR 42601 at 12: syntax error at or near "c"
