SELECT 1 / 2, -1 / 2, 1 % 2, -5 % 3, 5 % -3, -5 / 3
----
?column? int4, ?column? int4, ?column? int4, ?column? int4, ?column? int4, ?column? int4
| 0 | 0 | 1 | -2 | 2 | -1 |
SELECT 1

SELECT 1 / 0
----
ERROR 22012: division by zero

SELECT 1 % 0
----
ERROR 22012: division by zero

SELECT 1.0 / 0
----
ERROR 22012: division by zero

SELECT 1.0 % 0
----
ERROR 22012: division by zero

SELECT 1::float8 / 0
----
ERROR 22012: division by zero

SELECT 2147483647 + 1
----
ERROR 22003: integer out of range

SELECT -2147483648 - 1
----
ERROR 22003: integer out of range

SELECT 2147483647 * 2
----
ERROR 22003: integer out of range

SELECT (-2147483648) / -1
----
ERROR 22003: integer out of range

SELECT -(-2147483648)
----
?column? int8
| 2147483648 |
SELECT 1

SELECT abs(-2147483648)
----
ERROR 22003: integer out of range

SELECT 9223372036854775807 + 1
----
ERROR 22003: bigint out of range

SELECT (-9223372036854775808) / -1
----
ERROR 22003: bigint out of range

SELECT (-9223372036854775808) % -1
----
?column? int8
| 0 |
SELECT 1

SELECT 9223372036854775807 * 9223372036854775807
----
ERROR 22003: bigint out of range

SELECT 32767::int2 + 1::int2
----
ERROR 22003: smallint out of range

SELECT 32767::int2 + 1, 32767::int2 * 2::int8
----
?column? int4, ?column? int8
| 32768 | 65534 |
SELECT 1

SELECT 1.10 + 2.2, 1.10 - 2.2, 1.10 * 2.20, 1.0 / 3, 10.0 / 3, 2 / 3.0, 1e10 / 3, 0.0001 / 7
----
?column? numeric, ?column? numeric, ?column? numeric, ?column? numeric, ?column? numeric, ?column? numeric, ?column? numeric, ?column? numeric
| 3.30 | -1.10 | 2.4200 | 0.33333333333333333333 | 3.3333333333333333 | 0.66666666666666666667 | 3333333333.33333333 | 0.000014285714285714285714 |
SELECT 1

SELECT 100000000000000000000000000000.5 * 3, 1e100 + 0.1, -1e-100
----
?column? numeric, ?column? numeric, ?column? numeric
| 300000000000000000000000000001.5 | 10000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000.1 | -0.0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001 |
SELECT 1

SELECT 10 ^ 2, 2 ^ 0.5, 2.0 ^ 10, 2 ^ -1, 0 ^ 0, 10.0 ^ 30
----
?column? float8, ?column? numeric, ?column? numeric, ?column? float8, ?column? float8, ?column? numeric
| 100 | 1.4142135623730950 | 1024.0000000000000000 | 0.5 | 1 | 1000000000000000000000000000000.0000000000000000 |
SELECT 1

SELECT 0.0 ^ -1
----
ERROR 2201F: zero raised to a negative power is undefined

SELECT (-8.0) ^ 0.5
----
ERROR 2201F: a negative number raised to a non-integer power yields a complex result

SELECT round(2.5), round(-2.5), round(2.567, 2), round(1234.5, -2), trunc(2.9), trunc(-2.9), trunc(2.567, 1), ceil(2.1), ceil(-2.1), floor(2.9), floor(-2.1)
----
round numeric, round numeric, round numeric, round numeric, trunc numeric, trunc numeric, trunc numeric, ceil numeric, ceil numeric, floor numeric, floor numeric
| 3 | -3 | 2.57 | 1200 | 2 | -2 | 2.5 | 3 | -2 | 2 | -3 |
SELECT 1

SELECT round(2.5::float8), round(3.5::float8), round(-2.5::float8), ceil(1.5::float8), floor(-1.5::float8)
----
round float8, round float8, round float8, ceil float8, floor float8
| 2 | 4 | -2 | 2 | -2 |
SELECT 1

SELECT sign(-5), sign(0.0), sign(5.5), abs(-5.50), mod(7, 3), mod(-7.5, 2), div(7, 2), div(-7.5, 2)
----
sign float8, sign numeric, sign numeric, abs numeric, mod int4, mod numeric, div numeric, div numeric
| -1 | 0 | 1 | 5.50 | 1 | -1.5 | 3 | -3 |
SELECT 1

SELECT sqrt(2), sqrt(2.0), cbrt(27::float8), exp(1.0), ln(10.0), log(100.0), log(2.0, 64.0), power(2, 3), power(2.0, 0.5)
----
sqrt float8, sqrt numeric, cbrt float8, exp numeric, ln numeric, log numeric, log numeric, power float8, power numeric
| 1.4142135623730951 | 1.414213562373095 | 3.0000000000000004 | 2.7182818284590452 | 2.3025850929940457 | 2.0000000000000000 | 6.0000000000000000 | 8 | 1.4142135623730950 |
SELECT 1

SELECT sqrt(-1)
----
ERROR 2201F: cannot take square root of a negative number

SELECT ln(0)
----
ERROR 2201E: cannot take logarithm of zero

SELECT ln(-1.0)
----
ERROR 2201E: cannot take logarithm of a negative number

SELECT pi(), degrees(pi()), radians(180::float8), sin(0::float8), cos(0::float8)
----
pi float8, degrees float8, radians float8, sin float8, cos float8
| 3.141592653589793 | 180 | 3.141592653589793 | 0 | 1 |
SELECT 1

SELECT 1e308::float8 * 10
----
ERROR 22003: value out of range: overflow

SELECT 1e-308::float8 / 1e100
----
ERROR 22003: value out of range: underflow

SELECT 'Infinity'::float8 - 'Infinity'::float8, 'NaN'::float8 = 'NaN'::float8, 'NaN'::float8 > 'Infinity'::float8
----
?column? float8, ?column? bool, ?column? bool
| NaN | t | t |
SELECT 1

SELECT 'NaN'::numeric = 'NaN'::numeric, 'NaN'::numeric > 1e300, 'Infinity'::numeric + 1, 'Infinity'::numeric - 'Infinity'::numeric
----
?column? bool, ?column? bool, ?column? numeric, ?column? numeric
| t | t | Infinity | NaN |
SELECT 1

SELECT 0.1 + 0.2, 0.1::float8 + 0.2::float8, 0.1::float4 + 0.2::float4, 0.1::float4::float8
----
?column? numeric, ?column? float8, ?column? float4, float8 float8
| 0.3 | 0.30000000000000004 | 0.3 | 0.10000000149011612 |
SELECT 1

SELECT 1e15::float8, 1e16::float8, 1e-5::float8, 123456789012345680::float8, 0.00001234::float8, 1e6::float4, 1234567::float4, 100000000::float4
----
float8 float8, float8 float8, float8 float8, float8 float8, float8 float8, float4 float4, float4 float4, float4 float4
| 1e+15 | 1e+16 | 1e-05 | 1.2345678901234568e+17 | 1.234e-05 | 1e+06 | 1.234567e+06 | 1e+08 |
SELECT 1

SELECT -0.0::float8, 0.0 * -1, -0.0
----
?column? float8, ?column? numeric, ?column? numeric
| -0 | 0.0 | 0.0 |
SELECT 1

SELECT 1.0, 1.00, 1.50::numeric(10,3), 100::numeric(10,2), 1e3, 1E-3, .5, 5.
----
?column? numeric, ?column? numeric, numeric numeric, numeric numeric, ?column? numeric, ?column? numeric, ?column? numeric, ?column? numeric
| 1.0 | 1.00 | 1.500 | 100.00 | 1000 | 0.001 | 0.5 | 5 |
SELECT 1

SELECT 1.5 = 1.50, 1.5 <> 1.5, 2 > 1.5, 1::numeric < 1.0000001
----
?column? bool, ?column? bool, ?column? bool, ?column? bool
| t | f | t | t |
SELECT 1

SELECT 12345678901234567890, 123456789012345678901234567890.123456789
----
?column? numeric, ?column? numeric
| 12345678901234567890 | 123456789012345678901234567890.123456789 |
SELECT 1

SELECT 5 & 3, 5 | 3, 5 # 3, ~5, 1 << 10, 1024 >> 3, 1::int8 << 40, 1 << 33
----
?column? int4, ?column? int4, ?column? int4, ?column? int4, ?column? int4, ?column? int4, ?column? int8, ?column? int4
| 1 | 7 | 6 | -6 | 1024 | 128 | 1099511627776 | 2 |
SELECT 1

SELECT |/ 25.0, ||/ 27.0, @ -5, -(-5), + 5
----
?column? float8, ?column? float8, ?column? int4, ?column? int4, ?column? int4
| 5 | 3.0000000000000004 | 5 | 5 | 5 |
SELECT 1

SELECT 5 !
----
ERROR 42601 at 11: syntax error at end of input

SELECT 1 <> 2, 1 != 2
----
?column? bool, ?column? bool
| t | t |
SELECT 1

SELECT 2 + 3 * 4 - 5 / 2, (2 + 3) * 4, -2 ^ 2, 2 ^ 3 ^ 2, 10 - 5 - 2, 7 % 4 * 2, NOT true OR true, 1 < 2 AND 2 < 3 OR false
----
?column? int4, ?column? int4, ?column? float8, ?column? float8, ?column? int4, ?column? int4, ?column? bool, ?column? bool
| 12 | 20 | 4 | 64 | 3 | 6 | t | t |
SELECT 1

SELECT 1 < 2 < 3
----
ERROR 42601 at 14: syntax error at or near "<"

SELECT greatest(1, 2.5, 3::float8), least(1::int8, 2)
----
greatest float8, least int8
| 3 | 1 |
SELECT 1

SELECT to_char(1234.5, '9,999.99')
----
to_char text
|  1,234.50 |
SELECT 1

SELECT gcd(12, 18), lcm(4, 6)
----
gcd int4, lcm int4
| 6 | 12 |
SELECT 1

SELECT min_scale(1.500), scale(1.500), trim_scale(1.500)
----
min_scale int4, scale int4, trim_scale numeric
| 1 | 3 | 1.5 |
SELECT 1

SELECT random() < 1, random() >= 0
----
?column? bool, ?column? bool
| t | t |
SELECT 1
