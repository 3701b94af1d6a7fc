#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How much whole models lose by quantized activations, and whether moxie loses what its documented rule says.

    compare_quantized.py --moxie build/moxie [--types q4_k_m,Q2_K,...] [--experts N] [--tokens T] [--seeds S]

For each type a small Qwen3-MoE checkpoint: q4_k_m, q8_0 and q4_0 as `moxie synth` writes them, the others by
llama-quantize from an f32 one. Over the same random tokens, with the mean over positions of the KL divergence of the
distribution over the vocabulary:

rule       of moxie from numpy in double that quantizes activations by the documented rule, with moxie's routes: at
           most 1e-4. The routes are read off the program (gguf_qwen3_moe.py, cut_models).
exact      of moxie from transformers in double on the dequantized weights, each choosing its own experts: at most 1.1
           times llama.cpp's own.

Where a choice of experts is close, rounding decides it, and the few positions where it fell otherwise make most of the
second figure, of moxie's and of llama.cpp's. So each type is run twice: with 4 of 16 experts, where the ratio comes with
its standard error and may be above 1.1 by twice that, and with 4 of 4, where there is nothing to choose.

Exits with 1 where one is larger. Needs numpy, gguf, torch, transformers, llama-quantize and libllama.
"""
import argparse
import itertools
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import gguf_qwen3_moe
import llama_cpp
import numpy_qwen3_moe
import transformers_double

SYNTHETIC = ["q4_k_m", "q8_0", "q4_0"]
QUANTISED = ["Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
LLAMA_NAMES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_S", "Q5_K": "Q5_K_M"}
RULE_LIMIT = 1e-4
EXACT_LIMIT = 1.1
CHOSEN = 4
SIZES = ["--layers", "2", "--hidden", "512", "--experts-per-token", "4", "--expert-width", "256", "--heads", "8",
         "--kv-heads", "2", "--head-width", "64", "--vocab", "1024"]


def log_softmax(x: np.ndarray) -> np.ndarray:
    x = x.astype(np.float64) - x.max(axis=-1, keepdims=True)
    return x - np.log(np.exp(x).sum(axis=-1, keepdims=True))


def divergence(reference: np.ndarray, other: np.ndarray) -> np.ndarray:
    """KL of each position, in nats."""
    p, q = log_softmax(reference), log_softmax(other)
    return (np.exp(p) * (p - q)).sum(axis=-1)


def ratio_of(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """Of the means, and its standard error over positions."""
    ratio = ours.mean() / theirs.mean()
    return ratio, (ours - ratio * theirs).std() / np.sqrt(len(ours)) / theirs.mean()


class Moxie:
    def __init__(self, command: list[str]):
        self.command = command

    def run(self, *arguments) -> str:
        done = subprocess.run([*self.command, *map(str, arguments)], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def logits(self, path: Path, tokens) -> np.ndarray:
        """Native float products: whatever their shape, each output is the same chain of sums, so that the scores of a
        router are the same bits when it stands in the place of the head."""
        text = self.run("logits", "-m", path, "--all", "--json", "--matmul", "native", "--tokens",
                        ",".join(map(str, tokens)))
        return np.array(json.loads(text)["logits"], np.float64)

    def routes(self, path: Path, tokens, experts: int, chosen: int, folder: Path) -> np.ndarray:
        scores = []
        for cut in gguf_qwen3_moe.cut_models(path, folder):
            scores.append(self.logits(cut, tokens)[:, :experts])
            cut.unlink()
        return np.argsort(-np.stack(scores), axis=-1, kind="stable")[..., :chosen]


def make(moxie: Moxie, kind: str, experts: int, seed: int, folder: Path) -> Path:
    path = folder / f"{kind}-{seed}.gguf"
    source = kind if kind in SYNTHETIC else "f32"
    written = path if source == kind else folder / f"f32-{seed}.gguf"
    moxie.run("synth", *SIZES, "--experts", experts, "--seed", seed, "--type", source, "-o", written)
    if source != kind:
        done = subprocess.run(["llama-quantize", "--pure", written, path, LLAMA_NAMES.get(kind, kind), "2"],
                              capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
        written.unlink()
    return path


def compare(moxie: Moxie, path: Path, tokens: np.ndarray, folder: Path) -> dict[str, np.ndarray | float]:
    model = gguf_qwen3_moe.GgufQwen3Moe(path)
    ours = moxie.logits(path, tokens)
    with llama_cpp.Model(path) as llama:
        theirs = llama.logits(tokens)
    config = model.config
    routes = moxie.routes(path, tokens, config["num_experts"], config["num_experts_per_tok"], folder)
    ruled, own_routes, _ = model.run(tokens, routes)[0], *model.run(tokens)[1:]

    hugging_face = folder / "hugging_face"
    gguf_qwen3_moe.write_folder(model, hugging_face)
    exact = transformers_double.compute(hugging_face, tokens)
    model.quantize = False
    doubt = np.abs(model.run(tokens)[0] - exact.logits).max() / np.abs(exact.logits).max()
    if not doubt < 1e-9:
        raise RuntimeError(f"the reference is in doubt: numpy and transformers differ by {doubt:.1e}")
    for file in hugging_face.iterdir():
        file.unlink()
    hugging_face.rmdir()

    def differing(a, b):
        return float((np.sort(a, -1) != np.sort(b, -1)).any(-1).mean())

    return {
        "rule": divergence(ruled, ours),
        "rule_routes": differing(routes, own_routes),
        "moxie": divergence(exact.logits, ours),
        "moxie_routes": differing(routes, exact.experts),
        "llama": divergence(exact.logits, theirs),
        "same_best": float((exact.logits.argmax(-1) == ours.argmax(-1)).mean()),
        "llama_same_best": float((exact.logits.argmax(-1) == theirs.argmax(-1)).mean()),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moxie", type=shlex.split, required=True, help="the program, also with arguments before its own")
    parser.add_argument("--types", type=lambda text: text.split(","), default=SYNTHETIC + QUANTISED)
    parser.add_argument("--tokens", type=int, default=256)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=1, help="weights and tokens of a seed are those of every type")
    parser.add_argument("--experts", type=lambda text: [int(n) for n in text.split(",")], default=[4, 16])
    options = parser.parse_args()
    moxie, failed, everything = Moxie(options.moxie), 0, []
    print("type     experts  rule, max  routes   moxie     llama.cpp  ratio           same best: moxie, llama.cpp")
    for kind, experts in itertools.product(options.types, options.experts):
        results = []
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                path = make(moxie, kind, experts, seed, folder)
                tokens = np.random.default_rng(seed).integers(0, 1024, options.tokens)
                results.append(compare(moxie, path, tokens, folder))
        rule = max(r["rule"].mean() for r in results)
        ours, theirs = (np.concatenate([r[name] for r in results]) for name in ("moxie", "llama"))
        everything += [(experts, ours, theirs)]
        ratio, error = ratio_of(ours, theirs)
        good = rule <= RULE_LIMIT and ratio - (2 * error if experts > CHOSEN else 0) <= EXACT_LIMIT
        failed += not good
        routes, best, llama_best = (100 * np.mean([r[name] for r in results])
                                    for name in ("rule_routes", "same_best", "llama_same_best"))
        print(f"{kind:8} {CHOSEN} of {experts:2}  {rule:.2e}  {routes:5.2f} %  {ours.mean():.3e} {theirs.mean():.3e}  "
              f"{ratio:.3f} +-{error:.3f}  {best:6.2f} % {llama_best:6.2f} %  {'ok' if good else 'WRONG'}", flush=True)
    for experts in options.experts:
        ours, theirs = (np.concatenate([pair[i] for pair in everything if pair[0] == experts]) for i in (1, 2))
        ratio, error = ratio_of(ours, theirs)
        print(f"all types, {CHOSEN} of {experts} experts: {ours.mean():.3e} {theirs.mean():.3e}  {ratio:.3f} +-{error:.3f}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
