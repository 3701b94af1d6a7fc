#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares greedy answers of moxie with those of llama.cpp's server, token by token.

    compare_answers.py make FOLDER
    compare_answers.py explain FOLDER --moxie BUILD/examples/moxie/moxie
    compare_answers.py compare FOLDER --moxie BUILD/examples/moxie/moxie [--llama-server "llama-server"] [-n 48]

`make` writes random checkpoints in Hugging Face's format, with one of the tests' tokenizers; it needs torch and
transformers. `compare` makes GGUF files of them with `moxie convert`, adds some of `moxie synth`, and asks both programs
to go on with the same prompts; it needs Python alone. llama.cpp keeps keys and values in f32 for it, as moxie does.

An answer may part from llama.cpp's where the two best tokens are closer than rounding can tell; those are counted, with
their distance. With f32 weights everything else is wrong. With other types llama.cpp rounds the rows that go into
products, so that now and then a router chooses another expert and logits differ by more: `explain` shows of each such
answer that it was a close choice of experts (expert_choices.py), and it is wrong where it was not. `compare` writes them to
FOLDER/far.json and says how many there are; `explain` also needs numpy, gguf, torch and transformers. Exits with 1 where
anything is wrong.
"""
import argparse
import json
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOKENIZER = HERE.parent / "data/tokenizers/qwen2/tokenizer.json"
PROMPTS = ["Hello", "the quick brown fox jumps over the lazy dog", "1 + 1 = 2, 2 + 2 = 4, 4 + 4 =",
           "def f(x):\n    return x", "a " * 60, "Once upon a time there was", "zzzz", "What is it? It is"]
# How far apart the two best logprobs may be where answers part: what the types' own rounding does to a logit. llama.cpp
# rounds the rows that go into products with quantized weights to 8 bits in blocks of 32 or 256, moxie in its own way.
CLOSE = {"f32": 0.002, "f16": 0.02, "bf16": 0.02, "q8_0": 0.25, "q4_0": 0.25, "q4_k_m": 0.25}


def make(folder):
    from random_checkpoint import complete, write_checkpoint

    ids = [token["id"] for token in json.loads(TOKENIZER.read_text())["added_tokens"]]
    size = max(max(ids) + 1, len(json.loads(TOKENIZER.read_text())["model"]["vocab"]))
    shapes = [dict(hidden_size=64, moe_intermediate_size=32),
              dict(hidden_size=256, moe_intermediate_size=256, head_dim=64, num_experts=4, tie_word_embeddings=True)]
    for seed, shape in enumerate(shapes):
        config = complete(dict(vocab_size=(size + 31) // 32 * 32, max_position_embeddings=512, head_dim=16,
                               eos_token_id=size - 1) | shape)
        write_checkpoint(folder / f"hf{seed}", config, seed, "published")
        shutil.copy(TOKENIZER, folder / f"hf{seed}" / "tokenizer.json")


def run(*words):
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def models(folder, moxie):
    for source in sorted(path for path in folder.glob("hf*") if path.is_dir()):
        for kind in ["f32", "f16", "q8_0"]:
            target = folder / f"{source.name}-{kind}.gguf"
            if not target.exists():
                run(*moxie, "convert", "-m", str(source), "-o", str(target), "--type", kind)
            yield target, kind
    for seed, kind in enumerate(["f32", "f16", "bf16", "q8_0", "q4_0", "q4_k_m"]):
        target = folder / f"synth-{kind}.gguf"
        if not target.exists():
            run(*moxie, "synth", "-o", str(target), "--type", kind, "--seed", str(seed), "--layers", "2", "--hidden",
                "256", "--experts", "16", "--experts-per-token", "2", "--expert-width", "256", "--heads", "4",
                "--kv-heads", "2", "--head-width", "64", "--vocab", "1000")
        yield target, kind


class Server:
    def __init__(self, command, model, port=18437):
        self.url = f"http://127.0.0.1:{port}"
        self.log = open(model.with_suffix(".log"), "w")
        self.process = subprocess.Popen(
            shlex.split(command) + ["-m", str(model), "--port", str(port), "-c", "512", "-t", "2", "-ctk", "f32", "-ctv",
                                    "f32", "-fa", "off", "--no-warmup", "-np", "1", "--no-webui"],
            stdout=self.log, stderr=self.log)
        for _ in range(300):
            if self.process.poll() is not None:
                sys.exit(f"{command} ended; see {self.log.name}")
            try:
                urllib.request.urlopen(self.url + "/health", timeout=2).read()
                return
            except OSError:
                time.sleep(0.2)
        sys.exit(f"{command} does not answer; see {self.log.name}")

    def answer(self, prompt, n):
        body = {"prompt": prompt, "n_predict": n, "samplers": ["top_k"], "top_k": 1, "cache_prompt": False,
                "return_tokens": True}
        request = urllib.request.Request(self.url + "/completion", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        return json.load(urllib.request.urlopen(request, timeout=120))

    def scores(self, tokens, prompt, n):
        """Log probabilities of tokens 0 to n behind each position: [T, n]. As in an answer, the rows of the prompt are
        computed together and those behind it one by one."""
        rows = []
        for end in range(1, len(tokens) + 1):
            body = {"prompt": tokens[:end], "n_predict": 1, "samplers": ["top_k"], "top_k": 1, "n_probs": 1 << 20,
                    "cache_prompt": end > prompt}
            request = urllib.request.Request(self.url + "/completion", json.dumps(body).encode(),
                                             {"Content-Type": "application/json"})
            told = json.load(urllib.request.urlopen(request, timeout=120))["completion_probabilities"][0]["top_logprobs"]
            by_id = {one["id"]: one["logprob"] for one in told}
            rows.append([by_id[i] for i in range(n)])
        return rows

    def stop(self):
        self.process.terminate()
        self.process.wait()


def tokens_of(moxie, model, prompt):
    return json.loads(run(*moxie, "tokenize", "-m", str(model), "--text", prompt, "--json"))["tokens"]


def apart(moxie, model, prompt, ours, theirs, at):
    """How far apart the logits of two choices are behind the tokens that are equal."""
    tokens = tokens_of(moxie, model, prompt) + ours[:at]
    logits = json.loads(run(*moxie, "logits", "-m", str(model), "--tokens", ",".join(map(str, tokens)), "--json", "-t", "1"))
    logits = logits["logits"][0]
    best = max(logits)
    return sum(best - logits[answer[at]] for answer in (ours, theirs) if at < len(answer))


def compare(options):
    wrong, far = 0, []
    total = {"answers": 0, "equal": 0, "close": 0, "far": 0, "tokens": 0}
    for model, kind in models(options.folder, options.moxie):
        server = Server(options.llama_server, model)
        equal, close = 0, []
        try:
            for prompt in PROMPTS:
                theirs = server.answer(prompt, options.n)
                ours = json.loads(run(*options.moxie, "run", "-m", str(model), "-p", prompt, "-n", str(options.n), "--raw",
                                      "--json", "-t", "1", "--temperature", "0"))
                if ours["usage"]["prompt_tokens"] != theirs["tokens_evaluated"]:
                    print(f"WRONG {model.name}: {prompt!r} has {ours['usage']['prompt_tokens']} tokens, not "
                          f"{theirs['tokens_evaluated']}")
                    wrong += 1
                    continue
                a, b = ours["tokens"], theirs["tokens"]
                total["answers"] += 1
                if ours["stop_reason"] == "end token" and theirs["stop_type"] == "eos":
                    a = a + b[-1:] if len(a) + 1 == len(b) else a  # llama.cpp tells its end token, moxie does not
                at = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
                total["tokens"] += at
                if at == len(a) and at == len(b):
                    equal += 1
                    continue
                gap = apart(options.moxie, model, prompt, a, b, at)
                if gap <= CLOSE[kind]:
                    close.append(gap)
                    continue
                wrong += kind == "f32"
                if kind != "f32":
                    far.append({"model": model.name, "prompt": tokens_of(options.moxie, model, prompt), "common": a[:at],
                                "moxie": a[at:at + 1], "llama": b[at:at + 1], "gap": gap})
                total["far"] += kind != "f32"
                word = "WRONG" if kind == "f32" else "FAR  "
                print(f"{word} {model.name}: {prompt!r}: token {at} of {len(a)} is {a[at:at + 1]}, not {b[at:at + 1]} of "
                      f"{len(b)}; their logits are {gap:.4f} apart")
        finally:
            server.stop()
        total["equal"] += equal
        total["close"] += len(close)
        said = ", ".join(f"{gap:.4f}" for gap in close)
        print(f"{model.name}: {equal} of {len(PROMPTS)} answers are equal, {len(close)} part where it is close"
              f"{' (' + said + ')' if close else ''}", flush=True)
    (options.folder / "far.json").write_text(json.dumps(far))
    print(f"{total['answers']} answers, {total['tokens']} tokens equal: {total['equal']} whole answers, {total['close']} "
          f"part where it is close, {total['far']} by more, {wrong} wrong")
    return 1 if wrong or total["far"] * 10 > total["answers"] else 0


def explain(options):
    """Of the answers that parted by more than rounding does to a logit: whether a choice of experts was close."""
    import numpy as np

    from expert_choices import explain as explain_choice

    def moxie_logits(file, tokens):
        text = run(*options.moxie, "logits", "-m", str(file), "--all", "--json", "-t", "1", "--tokens",
                   ",".join(map(str, tokens)))
        return np.array(json.loads(text)["logits"])

    def llama_scores(file, tokens, prompt, n):
        server = Server(options.llama_server, file)
        try:
            return np.array(server.scores(tokens, prompt, n))
        finally:
            server.stop()

    far = json.loads((options.folder / "far.json").read_text())
    close = 0
    for case in far:
        if not case["moxie"] or not case["llama"]:
            print(f"WRONG: {case['model']}: one answer ends at token {len(case['common'])} and the other does not")
            continue
        tokens = case["prompt"] + case["common"]
        kind = case["model"].split("-")[-1].removesuffix(".gguf")
        fine, figures = explain_choice(
            options.folder / case["model"], tokens, case["moxie"][0], case["llama"][0], lambda file: moxie_logits(file, tokens),
            lambda file, n: llama_scores(file, tokens, len(case["prompt"]), n), CLOSE[kind])
        close += fine
        print(f"{'close choice of experts' if fine else 'WRONG'}: {case['model']}, token {len(case['common'])}, logits "
              f"{case['gap']:.3f} apart: {figures}", flush=True)
    print(f"{len(far)} answers parted by more than rounding, {close} of them at a close choice of experts")
    return 1 if close < len(far) else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["make", "compare", "explain"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--moxie", type=shlex.split, default=["build/release/examples/moxie/moxie"],
                        help="the program, also with arguments before its own")
    parser.add_argument("--llama-server", default="llama-server", help="the command; more words go behind it")
    parser.add_argument("-n", type=int, default=48, help="tokens of each answer")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    steps = {"make": lambda: make(options.folder), "compare": lambda: compare(options),
             "explain": lambda: explain(options)}
    sys.exit(steps[options.step]())


if __name__ == "__main__":
    main()
