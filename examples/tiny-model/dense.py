#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the mixture gains: against a dense model of its active size and one of its whole size, trained on the same tokens.

    train.py FOLDER                                                     # 8 experts of 160 units, 2 for a token
    train.py FOLDER --name dense-active --experts 0 --expert-width 320  # as many weights for a token
    train.py FOLDER --name dense-total --experts 0 --expert-width 1280  # as many weights in all
    dense.py FOLDER [--n 300]
    moxie bench -m FILE.gguf -p 256 -n 64                               # for each, exported: the time for a token

The table has the loss on held-out questions, of tokens that the model is to say, and the arithmetic of one token behind 500 others.
"""
import argparse
from pathlib import Path

import torch

from batches import Reader
from mix import DOMAINS
from model import loaded
from train import held_out


def arithmetic(model, positions=500):
    """Millions of multiply-adds for a token that gives logits."""
    s = model.shape
    _, active = model.parameters_active()
    return (active + s.layers * 2 * positions * s.heads * s.head_width) / 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("names", nargs="*", default=["model", "dense-active", "dense-total"])
    parser.add_argument("-n", type=int, default=300, help="held-out questions of each domain")
    options = parser.parse_args()
    reader = Reader(options.folder)
    held = {domain: reader.held(domain, options.n, seed=2) for domain in DOMAINS}
    call = reader.tokenizer.token_to_id("<tool_call>")
    print("| " + " | ".join(["model", "weights", "for a token", "multiply-adds, millions", "tokens seen", *DOMAINS, "mean loss"]) + " |")
    print("|---|---|---|---|---|" + "---|" * (len(DOMAINS) + 1))
    for name in options.names:
        state = torch.load(options.folder / f"{name}.pt", weights_only=True)
        model = loaded(state["model"], bf16=False)
        total, active = model.parameters_active()
        losses = [held_out(model, held[domain], call)["loss"] for domain in DOMAINS]
        figures = [f"{total:,}", f"{active:,}", f"{arithmetic(model):.2f}", f"{state['seen']:,}"]
        figures += [f"{loss:.4f}" for loss in losses + [sum(losses) / len(losses)]]
        print(f"| {name} | " + " | ".join(figures) + " |", flush=True)


if __name__ == "__main__":
    main()
