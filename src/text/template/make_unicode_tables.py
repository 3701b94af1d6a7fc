#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes unicode_tables.inc: what Python's str knows about characters, found by asking it. Run: python3 FILE > unicode_tables.inc"""
import sys
import unicodedata

POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]


def ranges(member):
    out = []
    for c in range(0x110000):
        if 0xD800 <= c < 0xE000 or not member(chr(c)):
            continue
        if out and out[-1][1] == c - 1:
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def emit(name, type_name, rows, per_line):
    print(f"\nconstexpr {type_name} {name}[] = {{")
    for i in range(0, len(rows), per_line):
        print("    " + " ".join(rows[i:i + per_line]))
    print("};")


def simple(method):
    """Runs of characters one `step` apart that all move by the same distance."""
    runs = []
    for c in POINTS:
        to = getattr(chr(c), method)()
        if len(to) != 1 or ord(to) == c:
            continue
        delta = ord(to) - c
        if runs and runs[-1][3] == delta:
            first, last, step, _ = runs[-1]
            if first == last and c - last <= 2:
                runs[-1] = [first, c, c - last, delta]
                continue
            if step == c - last:
                runs[-1][1] = c
                continue
        runs.append([c, c, 1, delta])
    return [f"{{0x{a:X}, 0x{b:X}, {s}, {d}}}," for a, b, s, d in runs]


def special(method, base=None):
    rows = []
    for c in POINTS:
        to = getattr(chr(c), method)()
        if (len(to) != 1) if base is None else (to != getattr(chr(c), base)()):
            text = "".join(f"\\x{b:02x}" for b in to.encode())
            rows.append(f'{{0x{c:X}, "{text}"}},')
    return rows


print("// SPDX-License-Identifier: Apache-2.0")
print(f"// Made by make_unicode_tables.py from Unicode {unicodedata.unidata_version}; not to be edited. clang-format off")
pair = lambda rows: [f"{{0x{a:X}, 0x{b:X}}}," for a, b in rows]
emit("kUnprintable", "Range", pair(ranges(lambda ch: not ch.isprintable())), 6)
final = lambda text: text.lower()[-1] == "\u03c2"
emit("kCased", "Range", pair(ranges(lambda ch: final(ch + "\u03a3"))), 6)
emit("kCaseIgnorable", "Range", pair(ranges(lambda ch: final("A" + ch + "\u03a3") and not final(ch + "\u03a3"))), 6)
emit("kUpper", "Shift", simple("upper"), 5)
emit("kLower", "Shift", simple("lower"), 5)
emit("kUpperSpecial", "Special", special("upper"), 4)
emit("kLowerSpecial", "Special", special("lower"), 4)
emit("kTitleSpecial", "Special", special("title", "upper"), 4)
