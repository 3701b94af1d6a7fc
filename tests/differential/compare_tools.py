#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tools against Python: schemas and arguments by jsonschema, calculate by fractions and decimal.

    compare_tools.py schemas   --cases T              every schema is one, by JSON Schema's own schema
    compare_tools.py arguments --cases T [-n N] [--seed S]
                                                      N random arguments, good and bad: taken where jsonschema takes them
    compare_tools.py calculate --cases T [-n N] [--seed S]
                                                      N random expressions, digit for digit

All three are tests of CTest (tools_against_python_*). calculate needs Python alone; the others need its package jsonschema, and
exit with 77, which is a skip, where it is missing.

T is the program tool_cases. Numbers with a point or an exponent stay below 2^53: beyond, JSON Schema takes them as whole
numbers, and moxie refuses them, for they were rounded when they were read.
"""
import argparse
import json
import random
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "data"))
import make_calculations


def ask(program, mode, lines=()):
    text = "".join(line + "\n" for line in lines)
    done = subprocess.run([program, mode], input=text, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def schemas(program):
    return {tool["function"]["name"]: tool["function"]["parameters"] for tool in json.loads(ask(program, "schemas")[0])}


SCALARS = [None, True, False, 0, 1, -1, 3.0, -0.0, 3.5, 127, 128, -128, -129, 255, 14, 15, 2**31 - 1, 2**31, 2**53, 2**63,
           2**64 - 1, 2**64, 1e300, "", "a", "metric", 'imperial "old"', "Metric", "<|im_end|>", "é€😀", [], {}, [1], [None]]


def limited(schema):
    """The schema with the greatest whole number where it names none: that of std::uint64_t, which templates cannot read."""
    if isinstance(schema, dict):
        found = {key: limited(value) for key, value in schema.items()}
        return {**found, "maximum": 2**64 - 1} if schema.get("type") == "integer" and "maximum" not in schema else found
    return [limited(value) for value in schema] if isinstance(schema, list) else schema


def random_value(rng, schema, chance):
    """A value that fits the schema, or, with that chance at each place, one that may not."""
    if rng.random() < chance:
        return rng.choice(SCALARS)
    if "anyOf" in schema:
        return random_value(rng, rng.choice(schema["anyOf"]), chance)
    if "enum" in schema:
        return rng.choice(schema["enum"])
    kind = schema["type"]
    if kind == "null":
        return None
    if kind == "boolean":
        return rng.random() < 0.5
    if kind == "integer":
        least, most = schema["minimum"], schema["maximum"]
        value = rng.choice([least, most, rng.randint(least, most), rng.randint(max(least, -5), min(most, 5))])
        return float(value) if abs(value) < 2**53 and rng.random() < 0.1 else value
    if kind == "number":
        return rng.choice([rng.random(), rng.randint(-(2**40), 2**40), -rng.random() * 1e30])
    if kind == "string":
        return "".join(rng.choice('ab"\\\n\x01é€😀{}') for _ in range(rng.randrange(6)))
    if kind == "array":
        return [random_value(rng, schema["items"], chance) for _ in range(rng.randrange(4))]
    members = {}
    for name, inner in schema["properties"].items():
        needed = name in schema["required"]
        if rng.random() < (1 - chance / 2 if needed else 0.6):
            members[name] = random_value(rng, inner, chance)
    if rng.random() < chance / 2:
        members[rng.choice(["x", "", "Flag", "city"])] = rng.choice(SCALARS)
    items = list(members.items())
    rng.shuffle(items)
    return dict(items)


def jsonschema_or_skip():
    try:
        import jsonschema
        jsonschema.Draft202012Validator
    except (ImportError, AttributeError):
        print("skipped: Python has no jsonschema 4 (Debian's package is python3-jsonschema)")
        sys.exit(77)
    return jsonschema


def compare_schemas(program):
    jsonschema = jsonschema_or_skip()
    found = schemas(program)
    for name, schema in found.items():
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["type"] == "object" and schema["additionalProperties"] is False, name
    print(f"{len(found)} schemas are schemas")
    return 0


def compare_arguments(program, count, seed):
    jsonschema = jsonschema_or_skip()
    schema = limited(schemas(program)["everything"])
    validator = jsonschema.Draft202012Validator(schema)
    rng = random.Random(seed)
    values = [random_value(rng, schema, rng.choice([0, 0, 0.02, 0.1, 0.3])) for _ in range(count)]
    lines = [json.dumps(value, ensure_ascii=rng.random() < 0.5) for value in values]
    wrong = taken = 0
    for value, line, answer in zip(values, lines, ask(program, "check", lines), strict=True):
        expected = validator.is_valid(value)
        taken += expected
        if (answer == "1") != expected:
            wrong += 1
            print(f"jsonschema {'takes' if expected else 'refuses'}, moxie does not: {line}")
    print(f"{count} arguments, {taken} of them good, {wrong} taken otherwise than by jsonschema")
    return wrong


def compare_calculate(program, count, seed):
    cases = list(make_calculations.cases(count, seed))
    wrong = 0
    for (text, expected), answer in zip(cases, ask(program, "calculate", [c[0] for c in cases]), strict=True):
        if answer != expected:
            wrong += 1
            print(f"{text}\n  Python {expected}\n  moxie  {answer}")
    print(f"{count} expressions, {wrong} with another value")
    return wrong


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["schemas", "arguments", "calculate"])
    parser.add_argument("--cases", required=True)
    parser.add_argument("-n", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if options.what == "schemas":
        return compare_schemas(options.cases)
    if options.what == "arguments":
        return min(compare_arguments(options.cases, options.n, options.seed), 1)
    return min(compare_calculate(options.cases, options.n, options.seed), 1)


if __name__ == "__main__":
    sys.exit(main())
