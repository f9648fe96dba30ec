# differs: there under the C locale.
SELECT length('äöü'), octet_length('äöü'), char_length('abc  '::char(10)), bit_length('a'), upper('äöß'), lower('ÄÖ'), initcap('hello wORLD')
----
length int4, octet_length int4, char_length int4, bit_length int4, upper text, lower text, initcap text
| 3 | 6 | 3 | 8 | ÄÖß | äö | Hello World |
SELECT 1

SELECT substring('hello' FROM 2 FOR 3), substring('hello', 2), substr('hello', -1, 3), left('hello', 2), left('hello', -2), right('hello', 2), right('hello', -2)
----
substring text, substring text, substr text, left text, left text, right text, right text
| ell | ello | h | he | hel | lo | llo |
SELECT 1

SELECT substring('hello' FROM 2 FOR -1)
----
ERROR 22011: negative substring length not allowed

SELECT position('l' IN 'hello'), strpos('hello', 'z'), overlay('hello' PLACING 'XX' FROM 2 FOR 3), replace('hello', 'l', 'LL'), translate('hello', 'el', 'ip')
----
position int4, strpos int4, overlay text, replace text, translate text
| 3 | 0 | hXXo | heLLLLo | hippo |
SELECT 1

SELECT trim('  x  ') || '|', trim(BOTH 'x' FROM 'xxaxx'), ltrim('  a'), rtrim('a  ') || '|', btrim('xyax', 'xy'), trim(LEADING FROM '  a')
----
?column? text, btrim text, ltrim text, ?column? text, btrim text, ltrim text
| x| | a | a | a| | a | a |
SELECT 1

SELECT lpad('x', 5, 'ab'), rpad('x', 5, 'ab'), lpad('hello', 2), repeat('ab', 3), reverse('äbc'), concat('a', NULL, 1, true), concat_ws(',', 'a', NULL, 'b'), split_part('a,b,c', ',', 2), split_part('a,b,c', ',', -1)
----
lpad text, rpad text, lpad text, repeat text, reverse text, concat text, concat_ws text, split_part text, split_part text
| ababx | xabab | he | ababab | cbä | a1t | a,b | b | c |
SELECT 1

SELECT split_part('a,b', ',', 0)
----
ERROR 22023: field position must not be zero

SELECT ascii('a'), chr(228), chr(65), to_hex(255), encode('\x0041ff', 'hex'), encode('\x0041ff', 'base64'), encode('\x0041ff', 'escape'), decode('AEH/', 'base64'), decode('0041ff', 'hex')
----
ascii int4, chr text, chr text, to_hex text, encode text, encode text, encode text, decode bytea, decode bytea
| 97 | ä | A | ff | 0041ff | AEH/ | \000A\377 | \x0041ff | \x0041ff |
SELECT 1

SELECT chr(0)
----
ERROR 54000: null character not permitted

SELECT quote_ident('a b'), quote_literal('it''s'), quote_nullable(NULL)
----
quote_ident text, quote_literal text, quote_nullable text
| "a b" | 'it''s' | NULL |
SELECT 1

SELECT starts_with('hello', 'he'), 'hello' ^@ 'he', 'hello' ~~ 'h%', 'hello' !~~ 'h%', 'HELLO' ~~* 'h%'
----
starts_with bool, ?column? bool, ?column? bool, ?column? bool, ?column? bool
| t | t | t | f | t |
SELECT 1

SELECT regexp_replace('hello', 'l+', 'L'), regexp_replace('hello', '(.)l', '\1_', 'g')
----
regexp_replace text, regexp_replace text
| heLo | he_lo |
SELECT 1

SELECT 'a' < 'B', 'a' < 'b', 'Z' < 'a', 'ä' > 'z', '' < 'a', 'a' < 'aa'
----
?column? bool, ?column? bool, ?column? bool, ?column? bool, ?column? bool, ?column? bool
| f | t | t | t | t | t |
SELECT 1

SELECT 'abc' || '', '' IS NULL, '' = '', 'a' || 'b' || 'c'
----
?column? text, ?column? bool, ?column? bool, ?column? text
| abc | f | t | abc |
SELECT 1

SELECT 'a'::char(3) = 'a', 'a'::char(3) = 'a  '::text, 'a'::char(3)::text = 'a', 'a '::varchar = 'a', length('a  '::char(5))
----
?column? bool, ?column? bool, ?column? bool, ?column? bool, length int4
| t | f | t | f | 1 |
SELECT 1

SELECT E'tab\there', E'\u00e4', E'nul\000'
----
ERROR 22021: invalid byte sequence for encoding "UTF8": 0x00

SELECT 'quote''d', 'back\slash', E'back\\slash'
----
?column? text, ?column? text, ?column? text
| quote'd | back\slash | back\slash |
SELECT 1

SELECT '\x00ff'::bytea < '\x0100'::bytea, '\x00'::bytea = '\x00'::bytea, substring('\x001122'::bytea FROM 2 FOR 1), get_byte('\x01ff', 1), set_byte('\x01ff', 0, 255), position('\x11'::bytea IN '\x001122'::bytea)
----
?column? bool, ?column? bool, substring bytea, get_byte int4, set_byte bytea, position int4
| t | t | \x11 | 255 | \xffff | 2 |
SELECT 1

SELECT 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid < 'b0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'::uuid, length(gen_random_uuid()::text)
----
?column? bool, length int4
| t | 36 |
SELECT 1

# differs: within the statement's memory.
SELECT repeat('x', 300000000)
----
ERROR 53200: out of memory
  detail: The memory of a statement is limited to N bytes; it held N, and N more are too many.
  hint: There is no setting for it: have the statement sort, group or gather less at a time.

SELECT length(repeat('x', 1000000))
----
length int4
| 1000000 |
SELECT 1

SELECT regexp_count(repeat('a', 1000000), 'a')
----
regexp_count int4
| 1000000 |
SELECT 1

SELECT length(regexp_replace(repeat('ab', 50000), 'a?', 'xy', 'g'))
----
length int4
| 250002 |
SELECT 1
