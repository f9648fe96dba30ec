/* NUMERIC: exact decimals, to 131,072 digits before the point and 16,383 behind it, with NaN and
 * the infinities, and results digit for digit as PostgreSQL 15 gives them.
 *
 * A numeric datum holds the bytes of PostgreSQL's binary format, big-endian:
 *
 *   0  int16   digit count n
 *   2  int16   weight: the first digit stands for itself times 10000^weight
 *   4  uint16  sign: 0x0000 plus, 0x4000 minus, 0xC000 NaN, 0xD000 Infinity, 0xF000 -Infinity
 *   6  uint16  scale: decimal digits shown behind the point, 0 to 16383
 *   8  int16   n digits, each 0 to 9999, the first and the last not 0; zero has none and no minus
 *
 * so that sending one is a copy. Every function here takes such payloads (made by this module or
 * passed by sql_numeric_check) and allocates in e->arena. */
#ifndef OSTRAKA_SQL_NUMERIC_H
#define OSTRAKA_SQL_NUMERIC_H

#include "sql/datum.h"

#define SQL_NUMERIC_WEIGHT_MAX 32767
#define SQL_NUMERIC_SCALE_MAX  16383
#define SQL_NUMERIC_HEAD_BYTES 8

/* True when the bytes are a payload in the canonical form above: to be asked of bytes from a row.
 */
bool sql_numeric_check(struct bytes payload);
/* From a client: like sql_numeric_check, but digits may have zeros around them and digits behind
 * the scale, which are cut off; then made canonical and fitted to typmod. 22P03 when malformed. */
MUST_USE enum status sql_numeric_receive(struct sql_eval *e, struct bytes wire, int32_t typmod,
                                         struct bytes *out);

/* Text: '12.50', '-1e-3', 'NaN', 'Infinity', '-inf', blanks around it. */
MUST_USE enum status sql_numeric_parse(struct sql_eval *e, struct bytes text, int32_t typmod,
                                       struct bytes *out);
/* How many bytes sql_numeric_format writes at most. */
size_t sql_numeric_text_bound(struct bytes payload);
/* Returns the size; no NUL. */
size_t sql_numeric_format(struct bytes payload, char *text_out);

/* Rounds to the typmod's scale and checks its precision: 22003. */
MUST_USE enum status sql_numeric_fit(struct sql_eval *e, struct bytes a, int32_t typmod,
                                     struct bytes *out);

MUST_USE enum status sql_numeric_from_integer(struct sql_eval *e, int64_t v, struct bytes *out);
MUST_USE enum status sql_numeric_from_wide(struct sql_eval *e, __int128 v, int32_t scale,
                                           struct bytes *out);
/* The decimal with `digits` significant digits nearest to v (15 for float8, 6 for float4). */
MUST_USE enum status sql_numeric_from_real(struct sql_eval *e, double v, int digits,
                                           struct bytes *out);
/* Rounded half away from zero. `oid` (int2, int4, int8) bounds the result: 22003. */
MUST_USE enum status sql_numeric_to_integer(struct sql_eval *e, struct bytes a, uint32_t oid,
                                            int64_t *out);
/* `oid` is float4 or float8: 22003 when too large. */
MUST_USE enum status sql_numeric_to_real(struct sql_eval *e, struct bytes a, uint32_t oid,
                                         double *out);

int sql_numeric_compare(struct bytes a, struct bytes b);
bool sql_numeric_is_nan(struct bytes a);
bool sql_numeric_is_finite(struct bytes a); /* neither NaN nor an infinity */
/* -1, 0 or 1; 0 for NaN. */
int sql_numeric_sign(struct bytes a);
int32_t sql_numeric_scale(struct bytes a);

enum sql_numeric_unary {
    SQL_NUMERIC_NEGATE,
    SQL_NUMERIC_ABS,
    SQL_NUMERIC_SIGN,
    SQL_NUMERIC_CEIL,
    SQL_NUMERIC_FLOOR,
    SQL_NUMERIC_SQRT,
    SQL_NUMERIC_EXP,
    SQL_NUMERIC_LN,
    SQL_NUMERIC_LOG10,
    SQL_NUMERIC_TRIM_SCALE,
};
enum sql_numeric_binary {
    SQL_NUMERIC_ADD,
    SQL_NUMERIC_SUBTRACT,
    SQL_NUMERIC_MULTIPLY,
    SQL_NUMERIC_DIVIDE, /* 22012 */
    SQL_NUMERIC_REMAINDER,
    SQL_NUMERIC_QUOTIENT, /* div(): cut to an integer */
    SQL_NUMERIC_POWER,
    SQL_NUMERIC_LOG, /* log(base, x) */
    SQL_NUMERIC_GCD,
    SQL_NUMERIC_LCM,
};
MUST_USE enum status sql_numeric_apply1(struct sql_eval *e, enum sql_numeric_unary op,
                                        struct bytes a, struct bytes *out);
MUST_USE enum status sql_numeric_apply2(struct sql_eval *e, enum sql_numeric_binary op,
                                        struct bytes a, struct bytes b, struct bytes *out);
/* To `scale` decimal digits (negative: to tens, hundreds, ...), half away from zero or towards
 * zero. */
MUST_USE enum status sql_numeric_round(struct sql_eval *e, struct bytes a, int32_t scale,
                                       struct bytes *out);
MUST_USE enum status sql_numeric_truncate(struct sql_eval *e, struct bytes a, int32_t scale,
                                          struct bytes *out);
/* The root of a finite number that is not negative, rounded to `scale` digits behind the point. */
MUST_USE enum status sql_numeric_sqrt(struct sql_eval *e, struct bytes a, int32_t scale,
                                      struct bytes *out);
/* The fewest digits behind the point that show the value exactly. */
int32_t sql_numeric_scale_min(struct bytes a);

/* A sum of very many numerics in bounded memory: sql/numeric_sum.c. Zeroed is empty. */
struct sql_numeric_sum {
    int64_t *digits; /* base 10000, not yet carried; digits[i] stands for 10000^(weight - i) */
    int32_t digit_count, weight, scale;
    uint32_t pending; /* additions since carries were last settled */
    uint64_t nan_count, positive_infinity_count, negative_infinity_count;
};
MUST_USE enum status sql_numeric_sum_add(struct sql_eval *e, struct sql_numeric_sum *sum,
                                         struct bytes a);
MUST_USE enum status sql_numeric_sum_result(struct sql_eval *e, struct sql_numeric_sum *sum,
                                            struct bytes *out);

#endif
