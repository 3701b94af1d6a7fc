#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Files between moxie and llama.cpp: what one writes, the other runs, and both say the same.

    compare_llama_cpp.py --moxie build/moxie [--tokens T] [--seed S]

synth      `moxie synth` of every type, in llama.cpp
convert    `moxie convert` of every type from a Hugging Face folder, in llama.cpp; and each of its tensors beside that of
           llama-quantize from the same weights: the same type, the same values
quantize   llama-quantize of every type that moxie reads, in moxie

llama.cpp continues a prompt greedily; moxie is given the same tokens and must name the same best one at each place, but
where the two best are closer than the two programs (which are counted: each rounds its activations in its own place).

Exits with 1 where anything differs by more. Needs numpy, gguf, torch, llama-quantize and libllama.
"""
import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np

import gguf_qwen3_moe
import llama_cpp
from compare_quantized import Moxie, divergence

SIZES = ["--layers", "2", "--hidden", "512", "--experts", "8", "--experts-per-token", "2", "--expert-width", "256",
         "--heads", "4", "--kv-heads", "2", "--head-width", "64", "--vocab", "1024"]
SYNTHETIC = ["q4_k_m", "q8_0", "q4_0", "f16", "bf16", "f32"]
CONVERTED = ["f32", "f16", "bf16", "q8_0", "q6_k", "q5_k_m", "q5_1", "q5_0", "q4_k_m", "q4_1", "q4_0"]
QUANTISED = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M",
             "Q5_K_S", "Q5_K_M", "Q6_K", "IQ4_NL", "IQ4_XS", "F16", "BF16"]
failures = []


def quantize(source: Path, target: Path, kind: str) -> None:
    done = subprocess.run(["llama-quantize", source, target, kind, "2"], capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])


def write_tokenizer(source: Path, folder: Path) -> None:
    """The tokenizer of a GGUF file as Hugging Face has it."""
    fields = gguf.GGUFReader(source).fields
    tokens, types, merges = (fields[f"tokenizer.ggml.{key}"].contents() for key in ("tokens", "token_type", "merges"))
    added = [{"id": i, "content": token, "special": True} for i, token in enumerate(tokens) if types[i] != 1]
    model = {"type": "BPE", "vocab": {token: i for i, token in enumerate(tokens) if types[i] == 1}, "merges": merges}
    text = json.dumps({"version": "1.0", "added_tokens": added, "model": model}, ensure_ascii=False)
    (folder / "tokenizer.json").write_text(text)


def judge(what: str, moxie: Moxie, path: Path, prompt: list[int], count: int) -> None:
    with llama_cpp.Model(path) as model:
        tokens = prompt + model.greedy(prompt, count)
        theirs = model.logits(tokens)
    ours = moxie.logits(path, tokens)
    ties, wrong = 0, 0
    for a, b in zip(ours, theirs.astype(np.float64)):
        if a.argmax() == b.argmax():
            continue
        gap = b[b.argmax()] - b[a.argmax()]
        if gap <= 2 * np.abs(a - b).max():
            ties += 1
        else:
            wrong += 1
    spread = theirs.std()
    kl = divergence(theirs, ours)
    # Far apart, the two would agree by chance alone: another model has a divergence of some tenths or more.
    good = wrong == 0 and ties <= len(tokens) // 8 and np.median(kl) < 5e-3
    print(f"{what:18} {len(tokens)} places, {ties} too close to tell, {wrong} differ; KL median {np.median(kl):.1e}, "
          f"largest difference {np.abs(ours - theirs).max() / spread:.1e} of the spread  {'ok' if good else 'WRONG'}",
          flush=True)
    if not good:
        failures.append(what)


def same_tensors(what: str, ours: Path, theirs: Path) -> None:
    a, b = ({t.name: t for t in gguf.GGUFReader(path).tensors} for path in (ours, theirs))
    types = [name for name in b if name not in a or a[name].tensor_type != b[name].tensor_type]
    values = 0
    for name in set(a) & set(b) - set(types):
        left, right = (gguf.quants.dequantize(t[name].data, t[name].tensor_type).ravel() for t in (a, b))
        values += int((left.view(np.uint32) != right.view(np.uint32)).sum())
    good = not types and set(a) == set(b) and values == 0
    print(f"{what:18} {len(b)} tensors, {len(types)} of another type, {values} values differ  {'ok' if good else 'WRONG'}")
    if not good:
        failures.append(f"{what}: {types}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moxie", type=shlex.split, required=True, help="the program, also with arguments before its own")
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    moxie = Moxie(options.moxie)
    prompt = np.random.default_rng(options.seed).integers(0, 1000, 16).tolist()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def synth(kind: str) -> Path:
            path = folder / f"synth-{kind}.gguf"
            moxie.run("synth", *SIZES, "--seed", options.seed, "--type", kind, "-o", path)
            return path

        for kind in SYNTHETIC:
            judge(f"synth {kind}", moxie, synth(kind), prompt, options.tokens)
        exact = folder / "synth-f32.gguf"
        hugging_face = folder / "hugging_face"
        gguf_qwen3_moe.write_folder(gguf_qwen3_moe.GgufQwen3Moe(exact), hugging_face)
        write_tokenizer(exact, hugging_face)
        for kind in CONVERTED:
            ours, theirs = folder / "converted.gguf", folder / "quantized.gguf"
            moxie.run("convert", "-m", hugging_face, "--type", kind, "-o", ours)
            quantize(exact, theirs, kind.upper())
            same_tensors(f"convert {kind}", ours, theirs)
            judge(f"convert {kind}", moxie, ours, prompt, options.tokens)
        for kind in QUANTISED:
            quantize(exact, theirs, kind)
            judge(f"quantize {kind}", moxie, theirs, prompt, options.tokens)
    print(f"{len(failures)} wrong" + "".join(f"\n  {failure}" for failure in failures))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
