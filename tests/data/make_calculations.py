#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Random expressions and their values by Python's fractions and decimal: "EXPRESSION<tab>ANSWER" per line.

    make_calculations.py COUNT SEED > tests/data/calculate/random.txt      # in the repository: 300 1

tests/differential/compare_tools.py makes many more and compares them at once.
"""
import random
import sys
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction

MAX_BITS = 3322
DIGITS = 50
MAX_DECIMALS = 1000


class Refused(Exception):
    """Beyond the limits, or no number at all."""


def checked(value):
    if value.numerator.bit_length() > MAX_BITS or value.denominator.bit_length() > MAX_BITS:
        raise Refused
    return value


def power(base, exponent):
    if exponent.denominator != 1 or (base == 0 and exponent < 0):
        raise Refused
    size = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(base) not in (0, 1) and (size - 1) * abs(exponent) > MAX_BITS:
        raise Refused
    return Fraction(base ** int(exponent)) if abs(base) not in (0, 1) else Fraction(base ** int(abs(exponent)))


def literal(rng):
    kind = rng.random()
    if kind < 0.5:
        text = str(rng.randrange(10 ** rng.choice([1, 1, 2, 3, 6, 12, 40])))
    elif kind < 0.85:
        text = f"{rng.randrange(10 ** rng.choice([1, 2, 5]))}.{rng.randrange(10 ** rng.choice([1, 2, 8])):0{rng.choice([1, 2, 8])}d}"
    else:
        text = f"{rng.randrange(1, 100)}e{rng.randrange(-30, 30)}"
    return text, Fraction(text)


def expression(rng, depth):
    """The text, its value, and how strongly its outermost operator binds."""
    if depth == 0 or rng.random() < 0.15:
        return (*literal(rng), 9)
    kind = rng.random()
    if kind < 0.12:
        text, value, rank = expression(rng, depth - 1)
        return "-" + (text if rank >= 3 else f"({text})"), -value, 3
    if kind < 0.22:
        text, value, rank = expression(rng, depth - 1)
        exponent = rng.choice([0, 1, 2, 3, 5, 10, -1, -2])
        shown = rng.choice(["^", "**"])
        value = power(value, Fraction(exponent))
        return (text if rank >= 9 else f"({text})") + shown + str(exponent), checked(value), 4
    left, a, left_rank = expression(rng, depth - 1)
    right, b, right_rank = expression(rng, depth - 1)
    sign = rng.choice("+-*/%+-*/")
    rank = 1 if sign in "+-" else 2
    if sign in "/%" and b == 0:
        raise Refused
    value = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b, "%": lambda: a % b}[sign]()
    left = left if left_rank >= rank else f"({left})"
    right = right if right_rank > rank else f"({right})"
    space = rng.choice(["", " "])
    return f"{left}{space}{sign}{space}{right}", checked(value), rank


def decimals_of(denominator):
    """How many decimals a fraction with that denominator has; None where it does not end."""
    twos = fives = 0
    while denominator % 2 == 0:
        denominator //= 2
        twos += 1
    while denominator % 5 == 0:
        denominator //= 5
        fives += 1
    return max(twos, fives) if denominator == 1 else None


def answer(value, digits=DIGITS):
    decimals = decimals_of(value.denominator)
    sign = "-" if value < 0 else ""
    value = abs(value)
    if decimals is not None and decimals <= MAX_DECIMALS:
        scaled = str(value.numerator * 10**decimals // value.denominator)
        if decimals:
            scaled = scaled.rjust(decimals + 1, "0")
            scaled = f"{scaled[:-decimals]}.{scaled[-decimals:]}"
        return sign + scaled
    context = Context(prec=digits, rounding=ROUND_HALF_EVEN, Emax=10**6, Emin=-(10**6))
    decimal = context.divide(Decimal(value.numerator), Decimal(value.denominator))
    quotient = decimal.as_tuple()
    shown = "".join(map(str, quotient.digits)).ljust(digits, "0")
    point = len(quotient.digits) + quotient.exponent
    if 0 < point <= digits:
        shown = shown[:point] + "." + shown[point:] if point < digits else shown
    elif -10 < point <= 0:
        shown = "0." + "0" * -point + shown
    else:
        shown = f"{shown[0]}.{shown[1:]}e{point - 1:+d}"
    return f"{sign}{shown}" + (f" (rounded to {digits} digits)" if Fraction(decimal) != value else "")


def cases(count, seed):
    rng = random.Random(seed)
    made = 0
    while made < count:
        try:
            text, value, _ = expression(rng, rng.randrange(1, 7))
        except Refused:
            continue
        if len(text) <= 400:
            made += 1
            yield text, answer(value)


if __name__ == "__main__":
    for case in cases(int(sys.argv[1]), int(sys.argv[2])):
        print("\t".join(case))
