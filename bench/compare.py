#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""moxie beside other engines, on one machine in one run.

  bench/compare.py -m MODEL.gguf --moxie build/release/examples/moxie/moxie --probe build/release/bench/bench_probe \\
      --llama-bench /usr/bin/llama-bench [--llama-bench ...] [-p 512] [-n 128] [-t 2] [-r 5] [--json F] [--svg F]

Engines take turns: each round runs the probe and then every engine, so that a slow phase of the machine meets them
all. Printed are medians; ratios of medians with a 95 % interval from resampling rounds; and fractions of what the
probed bandwidth (generation) and int8 or f32 peak (prompt) of the same run allow. Python's standard library alone.
"""
import argparse
import json
import os
import random
import shlex
import statistics
import subprocess
import sys


def run_json(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"compare: {shlex.join(command)} failed:\n{done.stderr.strip()}")
    begin = min(i for i in (done.stdout.find("{"), done.stdout.find("["), len(done.stdout)) if i >= 0)
    return json.loads(done.stdout[begin:])


def run_moxie(command, model, test, a):
    sizes = ["-p", str(a.prompt), "-n", "0"] if test.startswith("pp") else ["-p", "0", "-n", str(a.generate)]
    out = run_json(command + ["bench", "-m", model, *sizes, "-t", str(a.threads), "-r", str(a.repeat), "--json"])
    return out["results"][0]["median_ts"]


def run_llama(command, model, test, a):
    sizes = ["-p", str(a.prompt), "-n", "0"] if test.startswith("pp") else ["-p", "0", "-n", str(a.generate)]
    out = run_json(command + ["-m", model, *sizes, "-t", str(a.threads), "-r", str(a.repeat), "-o", "json"])
    return statistics.median(out[0]["samples_ts"])


def costs(moxie, model):
    """Bytes that a generated token reads, and products that a prompt's token needs, from the list of tensors."""
    info = run_json(moxie + ["info", "-m", model, "--tensors", "--json"])
    keys = info["metadata"]

    def number(name):
        text = next(v for k, v in keys.items() if k.endswith("." + name))
        return int(text.split()[-1])

    n, k = number("expert_count"), number("expert_used_count")
    last = f"blk.{number('block_count') - 1}."
    read, products, quantized = 0, 0, False
    tied = not any(t["name"] == "output.weight" for t in info["tensors"])
    for t in info["tensors"]:
        if len(t["shape"]) < 2:
            continue
        elements = 1
        for dim in t["shape"]:
            elements *= dim
        share = k / n if "_exps" in t["name"] else 1
        head = t["name"] == "output.weight" or (tied and t["name"] == "token_embd.weight")
        if t["name"] == "token_embd.weight" and not head:
            continue
        read += t["bytes"] * share
        # Of a prompt only the last row has logits, and in the last layer only it goes past the keys and values.
        if not head and not (t["name"].startswith(last) and ("ffn" in t["name"] or "attn_q." in t["name"]
                                                             or "attn_output" in t["name"])):
            products += 2 * elements * share
        quantized = quantized or ("_exps" in t["name"] and t["type"] not in ("F32", "F16", "BF16"))
    return read, products, quantized


def interval(mine, theirs, rounds=2000):
    """95 % of the ratios of medians when rounds are drawn anew. Seeded: the same samples give the same interval."""
    rng = random.Random(1)
    ratios = []
    for _ in range(rounds):
        picks = [rng.randrange(len(mine)) for _ in mine]
        ratios.append(statistics.median(mine[i] for i in picks) / statistics.median(theirs[i] for i in picks))
    ratios.sort()
    return ratios[int(0.025 * rounds)], ratios[int(0.975 * rounds)]


def svg(report, path):
    bars = [(test, e) for test in report["tests"] for e in report["engines"]]
    width, row, left = 860, 30, 250
    height = 60 + row * len(bars) + 24 * len(report["tests"])
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" '
           f'font-size="13"><rect width="100%" height="100%" fill="white"/>'
           f'<text x="16" y="24" font-size="15">tokens/s, median of {report["rounds"]} rounds; line: the limit</text>']
    y = 44
    for test in report["tests"]:
        data = report["results"][test]
        most = max([data["limit_ts"]] + [d["median_ts"] for d in data["engines"].values()])
        scale = (width - left - 90) / most
        out.append(f'<text x="16" y="{y + 14}" font-weight="bold">{test}</text>')
        y += 24
        top = y
        for i, engine in enumerate(report["engines"]):
            d = data["engines"][engine]
            color = "#2b6cb0" if i == 0 else "#a0aec0"
            length = d["median_ts"] * scale
            out.append(f'<text x="{left - 10}" y="{y + 16}" text-anchor="end">{engine}</text>'
                       f'<rect x="{left}" y="{y + 3}" width="{length:.1f}" height="18" fill="{color}"/>'
                       f'<line x1="{left + d["low_ts"] * scale:.1f}" x2="{left + d["high_ts"] * scale:.1f}" '
                       f'y1="{y + 12}" y2="{y + 12}" stroke="black"/>'
                       f'<text x="{left + max(length, d["high_ts"] * scale) + 6:.1f}" y="{y + 16}">{d["median_ts"]:.1f}'
                       f'</text>')
            y += row
        at = left + data["limit_ts"] * scale
        out.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{top}" y2="{y - 6}" stroke="#c53030" stroke-width="2"/>'
                   f'<text x="{at:.1f}" y="{top - 4}" fill="#c53030" text-anchor="middle">{data["limit_ts"]:.0f}</text>')
    out.append("</svg>")
    with open(path, "w") as file:
        file.write("\n".join(out) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-m", "--model", required=True, help="a GGUF file that all engines read")
    parser.add_argument("--packed", help="the same model, packed for moxie (moxie pack)")
    parser.add_argument("--moxie", required=True)
    parser.add_argument("--probe", required=True)
    parser.add_argument("--llama-bench", action="append", default=[],
                        help="a llama-bench, or a command that runs one; may be given several times")
    parser.add_argument("-p", "--prompt", type=int, default=512)
    parser.add_argument("-n", "--generate", type=int, default=128)
    parser.add_argument("-t", "--threads", type=int, default=os.cpu_count())
    parser.add_argument("-r", "--rounds", type=int, default=5)
    parser.add_argument("--repeat", type=int, default=3, help="runs in each turn, of which the median counts: in the first "
                        "ones pages of a mapped file may still have to be found")
    parser.add_argument("--json", help="write everything here")
    parser.add_argument("--svg", help="draw it here")
    a = parser.parse_args()
    if a.rounds < 2:
        parser.error("--rounds: at least 2, and 5 for figures that are to be shown")
    moxie = shlex.split(a.moxie)
    engines = {"moxie": lambda test: run_moxie(moxie, a.packed or a.model, test, a)}
    for i, text in enumerate(a.llama_bench):
        command = shlex.split(text)
        name = os.path.basename(command[-1]) + (f" {i + 1}" if len(a.llama_bench) > 1 else "")
        engines[name] = lambda test, command=command: run_llama(command, a.model, test, a)
    tests = [f"pp{a.prompt}"] * (a.prompt > 0) + [f"tg{a.generate}"] * (a.generate > 0)
    read, products, quantized = costs(moxie, a.model)

    samples = {test: {engine: [] for engine in engines} for test in tests}
    probes, loads = [], []
    for r in range(a.rounds):
        for test in tests:
            order = list(engines) if r % 2 == 0 else list(engines)[::-1]
            probes.append(run_json(shlex.split(a.probe) + [str(a.threads)]))
            for engine in order:
                samples[test][engine].append(engines[engine](test))
            loads.append(os.getloadavg()[0])
        print(f"round {r + 1} of {a.rounds}", file=sys.stderr)

    probe = {key: max(p[key] for p in probes) for key in ("read_gbs", "int8_gops", "f32_gflops")}
    peak = probe["int8_gops"] if quantized else probe["f32_gflops"]
    report = {"model": a.model, "threads": a.threads, "rounds": a.rounds, "tests": tests, "engines": list(engines),
              "probe": probe, "load_average": statistics.median(loads), "bytes_per_token": read,
              "products_per_prompt_token": products, "results": {}}
    print(f"{a.model}, {a.threads} threads, {a.rounds} rounds; probed {probe['read_gbs']:.1f} GB/s, "
          f"{probe['int8_gops']:.0f} int8 GOP/s, {probe['f32_gflops']:.0f} f32 GFLOP/s; load average "
          f"{report['load_average']:.1f}")
    print(f"{'test':8} {'engine':20} {'median':>9} {'lowest':>9} {'highest':>9} {'of limit':>9}   moxie is")
    for test in tests:
        limit = peak * 1e9 / products if test.startswith("pp") else probe["read_gbs"] * 1e9 / read
        report["results"][test] = {"limit_ts": limit, "engines": {}}
        for engine, values in samples[test].items():
            entry = {"samples_ts": values, "median_ts": statistics.median(values), "low_ts": min(values),
                     "high_ts": max(values), "of_limit": statistics.median(values) / limit}
            text = ""
            if engine != "moxie":
                low, high = interval(samples[test]["moxie"], values)
                entry["moxie_ratio"] = statistics.median(samples[test]["moxie"]) / entry["median_ts"]
                entry["moxie_ratio_95"] = [low, high]
                text = f"{entry['moxie_ratio']:.2f} times as fast (95 %: {low:.2f} to {high:.2f})"
            report["results"][test]["engines"][engine] = entry
            print(f"{test:8} {engine:20} {entry['median_ts']:9.2f} {entry['low_ts']:9.2f} {entry['high_ts']:9.2f} "
                  f"{entry['of_limit']:9.2f}   {text}")
    if a.json:
        with open(a.json, "w") as file:
            json.dump(report, file, indent=1)
    if a.svg:
        svg(report, a.svg)


if __name__ == "__main__":
    main()
