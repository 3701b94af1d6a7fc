#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The exported checkpoint in moxie against transformers: prompts byte for byte, tokens, logits.

    compare.py make HF FILE.json               with transformers: chats of the corpus, their prompts, tokens and logits
    compare.py check FILE.json HF MODEL.gguf [--moxie CMD]
                                               with moxie; the GGUF file has float32 weights

A prompt must be the same three times: as the corpus writes it for training, by transformers from the chat template, and by moxie.
Logits may differ by what rounding does: at most 1e-4 of the largest, at each position.
"""
import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "corpus"))
import chats
import mix
from cases import as_case

BOUND = 1e-4


def make(options):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    tokenizer = AutoTokenizer.from_pretrained(options.hf)
    model = AutoModelForCausalLM.from_pretrained(options.hf, dtype=torch.float32)
    made = []
    for seed in range(12):
        tools, system, group = mix.group(f"compare {seed}", 4)
        for chat in group:
            messages = ([{"role": "system", "content": system}] if system else []) + as_case(chat)["messages"]
            schemas = [chats.TOOLS[name] for name in tools]
            text = tokenizer.apply_chat_template(messages, tools=schemas or None, add_generation_prompt=True, tokenize=False)
            ids = tokenizer(text, add_special_tokens=False).input_ids
            pieces = [chats.system_block(tools, system)] + [piece for piece, _ in chats.rendered(as_corpus(messages))]
            made.append({"messages": messages, "tools": schemas, "text": text, "ids": ids,
                         "corpus": "".join(pieces) + "<|im_start|>assistant\n"})
            if len(made) % 4 == 1:
                with torch.no_grad():
                    made[-1]["logits"] = model(torch.tensor([ids])).logits[0, -8:].tolist()
    options.file.write_text(json.dumps(made))
    print(f"{len(made)} prompts in {options.file}")
    return 0


def as_corpus(messages):
    """Back from OpenAI's form."""
    def as_is(message):
        if "tool_calls" not in message:
            return message
        return message | {"tool_calls": [call["function"] for call in message["tool_calls"]]}

    return [as_is(message) for message in messages if message["role"] != "system"]


def check(options):
    def moxie(*words):
        return subprocess.run([*options.moxie, *map(str, words)], capture_output=True, text=True, check=True).stdout

    wrong, worst, logits = 0, 0.0, 0
    made = json.loads(options.file.read_text())
    with tempfile.TemporaryDirectory() as folder:
        messages, tools = Path(folder) / "messages.json", Path(folder) / "tools.json"
        for one in made:
            messages.write_text(json.dumps(one["messages"]))
            tools.write_text(json.dumps(one["tools"]))
            words = ["-m", options.hf, "--messages", messages, "--generation-prompt", "--json"]
            words += ["--tools", tools] if one["tools"] else []
            text = json.loads(moxie("template", *words))["prompt"]
            ids = json.loads(moxie("tokenize", "-m", options.hf, "--text", text, "--json"))["tokens"]
            for what, same in (("corpus' text", one["corpus"] == one["text"]), ("moxie's text", text == one["text"]),
                               ("moxie's tokens", ids == one["ids"])):
                if not same:
                    wrong += 1
                    print(f"WRONG: {what} of {one['messages'][-1]['content']!r}")
            if "logits" in one:
                words = ["-m", options.gguf, "--tokens", ",".join(map(str, one["ids"])), "--all", "--json", "-t", 1]
                rows = json.loads(moxie("logits", *words))["logits"]
                for ours, theirs in zip(rows[-len(one["logits"]):], one["logits"]):
                    worst = max(worst, max(abs(a - b) for a, b in zip(ours, theirs)) / max(map(abs, theirs)))
                    logits += 1
    wrong += worst > BOUND
    print(f"{len(made)} prompts, {wrong} wrong; {logits} rows of logits, apart by at most {worst:.1e} of the largest")
    return 1 if wrong else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("make")
    step.add_argument("hf", type=Path)
    step.add_argument("file", type=Path)
    step.set_defaults(run=make)
    step = steps.add_parser("check")
    step.add_argument("file", type=Path)
    step.add_argument("hf", type=Path)
    step.add_argument("gguf", type=Path)
    step.add_argument("--moxie", type=shlex.split, default=["build/release/examples/moxie/moxie"])
    step.set_defaults(run=check)
    options = parser.parse_args()
    return options.run(options)


if __name__ == "__main__":
    sys.exit(main())
