#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Chat templates as Jinja2 renders them, with the settings of transformers, against moxie.

    compare_templates.py make                      writes tests/data/templates/expected.json
    compare_templates.py check --render R          all of tests/data/templates, by the program R (render_cases)
    compare_templates.py random --render R [-n N] [--seed S]
                                                   N templates made at random
    compare_templates.py folder DIR --render R     every template found below DIR: *.jinja, and chat_template in
                                                   tokenizer_config.json, each with every input of tests/data/templates
    compare_templates.py calls DIR --render R      what moxie finds out about the calls of every template below DIR

Where Jinja2 raises, moxie must return an error, and the other way round: except for what moxie says it does not
support (kUnsupported) and for its limits (kBudget), which are counted.
"""
import argparse
import copy
import datetime
import json
import subprocess
import sys
from pathlib import Path

import jinja2
import jinja2.ext
import jinja2.nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

import random_templates

DATA = Path(__file__).resolve().parent.parent / "data" / "templates"
NOW = datetime.datetime(2024, 2, 9, 15, 4, 5)  # render_cases has the same


class Generation(jinja2.ext.Extension):
    """{% generation %}: as in transformers, where nothing is tracked."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_body"), [], [], body).set_lineno(line)

    def _body(self, caller):
        return caller()


class Refused(jinja2.exceptions.TemplateError):
    """raise_exception."""


def environment():
    def raise_exception(message):
        raise Refused(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True,
                                        extensions=[Generation, jinja2.ext.loopcontrols])
    env.filters["tojson"] = tojson
    # As authors mean it: Jinja escapes what is added to a safe text, although nothing else is escaped.
    env.filters["safe"] = str
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


ENVIRONMENT = environment()


def render(case):
    """{"text": ...}, {"refused": message} or {"error": what}."""
    try:
        # A copy: "s += newline" of the filter indent changes a list in its place.
        text = ENVIRONMENT.from_string(case["template"]).render(**copy.deepcopy(case["variables"]))
    except Refused as error:
        return {"refused": str(error)}
    except Exception as error:  # whatever a template makes Python raise
        return {"error": f"{type(error).__name__}: {error}"}
    return {"text": text, "address": True} if " at 0x" in text else {"text": text}


def run_moxie(program, cases, *mode):
    done = subprocess.run([program, *mode], input=json.dumps(cases, ensure_ascii=False).encode(), stdout=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f"{program} failed with {done.returncode}")
    return json.loads(done.stdout)


def judge(expected, got):
    """None where they agree, "unsupported" or "budget" where moxie says so, else what is wrong."""
    if "address" in expected:  # of a Python object: there is nothing to compare
        return "shows an address" if "text" in got else "unsupported"
    if "text" in expected and "text" in got:
        return None if expected["text"] == got["text"] else "another text"
    if "text" in got and "TemplateAssertionError: No " in expected.get("error", ""):
        return "unknown filter in a part that does not run"
    if "text" in got:
        return "rendered what Jinja2 refuses"
    if "refused" in expected:
        return None if got["error"] == "invalid argument" and expected["refused"][:100] in got["message"] else "not refused"
    if "error" in expected:
        return None if got["error"] != "internal" else "internal error"
    return got["error"] if got["error"] in ("unsupported", "budget") else "refused what Jinja2 renders"


def compare(program, cases, show=20):
    expected = [render(case) for case in cases]
    counts = {}
    wrong = 0
    for case, want, got in zip(cases, expected, run_moxie(program, cases)):
        verdict = judge(want, got)
        key = verdict or ("rendered" if "text" in want else "refused by both")
        counts[key] = counts.get(key, 0) + 1
        if verdict in (None, "budget") or verdict.startswith("unknown filter"):
            continue
        if verdict == "unsupported":
            if show > 0 and "--verbose" in sys.argv:
                print("unsupported:", got["message"])
            continue
        wrong += 1
        if wrong <= show:
            print(f"--- {case.get('name', '')} {verdict}\ntemplate  {case['template']!r}\nvariables "
                  f"{json.dumps(case['variables'], ensure_ascii=False)[:600]}\njinja2    {want}\nmoxie     {got}")
    print(", ".join(f"{key}: {value}" for key, value in sorted(counts.items())))
    return wrong


def inputs():
    return {path.stem: json.loads(path.read_text()) for path in sorted((DATA / "inputs").glob("*.json"))}


def own_cases():
    cases = []
    for path in sorted(DATA.glob("*.jinja")):
        for name, variables in inputs().items():
            cases.append({"name": f"{path.stem} {name}", "template": path.read_bytes().decode(), "variables": variables})
    return cases


def folder_templates(folder):
    found = {}
    for path in sorted(Path(folder).rglob("*.jinja")):
        found[str(path)] = path.read_bytes().decode()
    for path in sorted(Path(folder).rglob("tokenizer_config.json")):
        chat = json.loads(path.read_text()).get("chat_template")
        if isinstance(chat, str):
            found[str(path)] = chat
        for each in chat if isinstance(chat, list) else []:
            found[f"{path} {each['name']}"] = each["template"]
    texts = set()
    found = {name: text for name, text in found.items() if not (text in texts or texts.add(text))}
    print(f"{len(found)} different templates")
    return found


def folder_cases(folder):
    found = folder_templates(folder)
    return [{"name": f"{name} {given}", "template": template, "variables": variables}
            for name, template in found.items() for given, variables in inputs().items()]


def show_calls(program, folder):
    """A line for each template, and how many of them write calls in each form."""
    found = folder_templates(folder)
    counts = {}
    for name, traits in zip(found, run_moxie(program, [{"template": text} for text in found.values()], "traits")):
        forms = traits.get("forms", [])
        kind = (forms[0] if forms else "refused" if "error" in traits else "calls of no known form"
                if traits["writes_calls"] else "no tools" if traits["ignores_tools"] else "tools, no calls")
        counts[kind] = counts.get(kind, 0) + 1
        flags = [key for key, value in traits.items() if value is True] + [f"behind {traits.get('behind_answer', '')[:20]!r}"]
        print(f"{Path(name).name}: {kind} {forms[1:]} {' '.join(flags)} {traits.get('behind_call', '')[:20]!r} "
              f"{traits.get('example', '')[:80] if not forms else ''!r}")
    print(", ".join(f"{kind}: {count}" for kind, count in sorted(counts.items(), key=lambda item: -item[1])))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mode", choices=["make", "check", "random", "folder", "calls"])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--render", help="the program render_cases")
    parser.add_argument("-n", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="show what is not supported, too")
    options = parser.parse_args()
    if options.mode == "make":
        expected = {}
        for case in own_cases():
            result = render(case)
            if "error" in result:
                result["error"] = result["error"][:120]
            template, given = case["name"].split()
            expected.setdefault(template, {})[given] = result
        (DATA / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1, sort_keys=True) + "\n")
        return 0
    if options.mode == "calls":
        return show_calls(options.render, options.folder)
    if options.mode == "check":
        cases = own_cases()
    elif options.mode == "folder":
        cases = folder_cases(options.folder)
    else:
        cases = random_templates.cases(options.n, options.seed)
    return 1 if compare(options.render, cases) else 0


if __name__ == "__main__":
    sys.exit(main())
