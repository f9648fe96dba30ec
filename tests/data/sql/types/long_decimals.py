#!/usr/bin/env python3
"""Writes numeric_decimal.txt: arithmetic of long decimals as Python's decimal module does it.

Columns: operation, a, b (or -), scale that the result is rounded to (half away from zero), result."""
import decimal
import os
import random

decimal.getcontext().prec = 1500
decimal.getcontext().rounding = decimal.ROUND_HALF_UP
random.seed(20240229)


def number(digits, scale, positive=False):
    text = "".join(random.choice("0000123456789999") for _ in range(random.randint(1, digits)))
    value = decimal.Decimal(text).scaleb(-random.randint(0, scale))
    return value if positive or random.random() < 0.5 else -value


def rounded(value, scale):
    return value.quantize(decimal.Decimal(1).scaleb(-scale))


rows = []
for size in (4, 9, 20, 60, 200):
    for _ in range(40):
        a, b = number(size, size), number(size, size)
        scale = random.randint(0, size)
        rows.append(("+", a, b, None, a + b))
        rows.append(("-", a, b, None, a - b))
        rows.append(("*", a, b, scale, rounded(a * b, scale)))
        if b != 0:
            rows.append(("/", a, b, scale, rounded(a / b, scale)))
            if abs(a / b) < decimal.Decimal(10) ** 300:
                rows.append(("%", a, b, None, a - b * (a / b).to_integral_value(decimal.ROUND_DOWN)))
        rows.append(("round", a, None, scale, rounded(a, scale)))
        p = abs(a)
        rows.append(("sqrt", p, None, scale + 4, rounded(p.sqrt(), scale + 4)))
        if p != 0:
            rows.append(("ln", p, None, min(scale, 60), rounded(p.ln(), min(scale, 60))))
        small = number(6, 4)
        if abs(small) < 100:
            rows.append(("exp", small, None, min(scale, 60), rounded(small.exp(), min(scale, 60))))
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "numeric_decimal.txt"), "w") as f:
    f.write("# operation, a, b, scale, result\n# Written by long_decimals.py with Python's decimal module.\n")
    for op, a, b, scale, result in rows:
        f.write(f"{op}\t{a:f}\t{'-' if b is None else format(b, 'f')}\t{'-' if scale is None else scale}\t{result + 0:f}\n")
