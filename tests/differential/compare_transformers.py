#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the logits of the program moxie with transformers in double, on random small Qwen3-MoE checkpoints.

    compare_transformers.py all --moxie build/moxie            make, run and check in a temporary folder

or step by step, where the program runs on another system than transformers (only `make` needs more than Python):

    compare_transformers.py make DIR --count 20 --seed 1       checkpoints and expected logits
    compare_transformers.py run DIR --moxie build/moxie        the program's answers
    compare_transformers.py check DIR

For each checkpoint the largest difference of a logit must be at most 1e-4 of the largest logit, and the program must
print the same text for a whole prompt, for one cut into chunks, and for any number of threads. --moxie-command gives
the program with arguments before its own, for example "taskset 3 build/moxie". The exit status is 0 when all is well.
"""

import argparse
import json
import random
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

LIMIT = 1e-4
TOKENS = 70
RUNS = {
    "whole": [],
    "chunk-1": ["--chunk", "1"],
    "chunk-7": ["--chunk", "7"],
    "threads-1": ["-t", "1"],
    "threads-3": ["-t", "3"],
    "chunk-33-threads-2": ["--chunk", "33", "-t", "2"],
}


def random_config(rng: random.Random) -> dict:
    """Every field that changes the numbers, over the values a checkpoint may have; widths are mostly odd ones."""
    layers = rng.randint(1, 4)
    step = rng.randint(1, min(3, layers))
    sparse = list(range(step - 1, layers, step))
    dense = rng.sample(range(layers), rng.randint(0, layers - 1)) if rng.random() < 0.3 else []
    if set(sparse) <= set(dense):
        dense.remove(sparse[0])
    experts = rng.choice([2, 3, 5, 8, 11, 16])
    kv_heads = rng.randint(1, 4)
    return {
        "attention_bias": rng.random() < 0.3,
        "decoder_sparse_step": step,
        "head_dim": 2 * rng.randint(2, 16),
        "hidden_size": rng.randint(12, 80),
        "intermediate_size": rng.randint(8, 80),
        "mlp_only_layers": sorted(dense),
        "moe_intermediate_size": rng.randint(4, 48),
        "norm_topk_prob": rng.random() < 0.5,
        "num_attention_heads": kv_heads * rng.randint(1, 4),
        "num_experts": experts,
        "num_experts_per_tok": rng.randint(1, experts),
        "num_hidden_layers": layers,
        "num_key_value_heads": kv_heads,
        "rms_norm_eps": rng.choice([1e-6, 1e-5, 1e-2]),
        "rope_theta": rng.choice([500.0, 10000.0, 1000000.0, 5000000.0]),
        "tie_word_embeddings": rng.random() < 0.4,
        "torch_dtype": rng.choice(["float32", "bfloat16"]),
        "vocab_size": rng.randint(20, 300),
    }


def make(folder: Path, count: int, seed: int) -> None:
    """Writes folder/000, folder/001, …: a checkpoint, and expected.json with {"tokens": [...], "logits": [[...]]}."""
    import numpy_qwen3_moe
    import random_checkpoint
    import transformers_double

    rng = random.Random(seed)
    for i in range(count):
        changes = random_config(rng)
        form, shards, weights_seed = rng.choice(["published", "transformers"]), rng.randint(1, 3), rng.getrandbits(32)
        case = folder / f"{i:03}"
        if case.exists():
            raise SystemExit(f"{case} is there already")
        random_checkpoint.write_checkpoint(case, random_checkpoint.complete(changes), weights_seed, form, shards)
        reference = transformers_double.compute_clear(case, TOKENS, weights_seed)
        difference = numpy_qwen3_moe.disagreement(case, reference._asdict())
        if not difference < 1e-10:
            raise ValueError(f"{case}: the reference is in doubt: numpy and transformers differ by {difference:.1e}")
        expected = {"tokens": reference.tokens.tolist(), "logits": reference.logits.tolist()}
        (case / "expected.json").write_text(json.dumps(expected))


def cases(folder: Path) -> list[Path]:
    found = sorted(path.parent for path in folder.glob("*/expected.json"))
    if not found:
        raise SystemExit(f"{folder}: no cases here; `make` writes them")
    return found


def run(folder: Path, command: list[str]) -> None:
    """Writes answer.NAME.json beside each checkpoint for every NAME of RUNS; a failed run leaves its message there."""
    for case in cases(folder):
        tokens = ",".join(map(str, json.loads((case / "expected.json").read_text())["tokens"]))
        for name, options in RUNS.items():
            line = [*command, "logits", "-m", str(case), "--tokens", tokens, "--all", *options, "--json"]
            done = subprocess.run(line, capture_output=True, text=True, timeout=600)
            failure = f"exit status {done.returncode}: {done.stderr.strip()}" if done.returncode else None
            (case / f"answer.{name}.json").write_text(failure or done.stdout)


def judge(case: Path) -> tuple[float, str]:
    """The largest difference relative to the largest logit, and what is wrong ("" for nothing)."""
    expected = json.loads((case / "expected.json").read_text())["logits"]
    answers = {}
    for name in RUNS:
        file = case / f"answer.{name}.json"
        if not file.exists():
            return float("nan"), f"no answer {file.name}; `run` writes it"
        answers[name] = file.read_text()
    try:
        logits = json.loads(answers["whole"])["logits"]
        if [len(row) for row in logits] != [len(row) for row in expected]:
            return float("nan"), f"not {len(expected)} rows of {len(expected[0])} logits"
        differences = [abs(a - e) for answer, row in zip(logits, expected) for a, e in zip(answer, row)]
    except (ValueError, KeyError, TypeError):
        return float("nan"), f"not an answer: {answers['whole'].strip()[:200]!r}"

    largest = max(abs(e) for row in expected for e in row)
    # max() would step over a NaN
    worst = float("nan") if any(d != d for d in differences) else max(differences) / largest
    if not worst <= LIMIT:
        return worst, f"differs by more than {LIMIT:g}"
    changed = [name for name in RUNS if answers[name] != answers["whole"]]
    return worst, f"other text than for the whole prompt: {', '.join(changed)}" if changed else ""


def check(folder: Path) -> int:
    failed = 0
    for case in cases(folder):
        worst, problem = judge(case)
        failed += bool(problem)
        print(f"{case.name}  {worst:.1e}  {'FAILED: ' + problem if problem else 'ok'}")
    print(f"{failed} of {len(cases(folder))} failed" if failed else f"all {len(cases(folder))} ok")
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("all", "make", "run", "check"):
        action = actions.add_parser(name)
        if name != "all":
            action.add_argument("folder", type=Path)
        if name in ("all", "make"):
            action.add_argument("--count", type=int, default=20, help="checkpoints (default: 20)")
            action.add_argument("--seed", type=int, default=1)
        if name in ("all", "run"):
            program = action.add_mutually_exclusive_group(required=True)
            program.add_argument("--moxie", dest="command", type=lambda path: [path], help="path of the program")
            program.add_argument("--moxie-command", dest="command", type=shlex.split, help="program with arguments")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    if arguments.action == "make":
        make(arguments.folder, arguments.count, arguments.seed)
    elif arguments.action == "run":
        run(arguments.folder, arguments.command)
    elif arguments.action == "check":
        return check(arguments.folder)
    else:
        with tempfile.TemporaryDirectory() as folder:
            make(Path(folder), arguments.count, arguments.seed)
            run(Path(folder), arguments.command)
            return check(Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
