/* Numbers as people write them in options and configuration. All of the text must match: no spaces,
 * no sign, no fraction. Each answers STATUS_INVALID for a malformed text and STATUS_TOO_LARGE for a
 * value that does not fit 64 bits; the output is written on STATUS_OK only. */
#ifndef OSTRAKA_BASE_PARSE_H
#define OSTRAKA_BASE_PARSE_H

#include "base/bytes.h"
#include "base/status.h"

/* Decimal digits. */
MUST_USE enum status parse_u64(struct bytes text, uint64_t *value_out);
/* A number of bytes: "4096", "4096B", or with K, M, G, T or KiB, MiB, GiB, TiB (powers of 1024,
 * either case). MB and the like mean 10^6 to some and 2^20 to others, and are refused. */
MUST_USE enum status parse_size(struct bytes text, uint64_t *bytes_out);
/* A time: a number and one of ns, us, ms, s, m, h, d. Only "0" may stand without a unit. */
MUST_USE enum status parse_duration(struct bytes text, uint64_t *ns_out);

#endif
