#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the built-in model, or one to compare it with.

    tokenizer.py FOLDER
    train.py FOLDER [--tokens 40e6] [--minutes M]     begins, or goes on where FOLDER/NAME.pt ends
    train.py FOLDER --name dense-active --experts 0 --expert-width 320

It may be killed at any time: a checkpoint is written beside the last and then put in its place, and batches depend on the seed and
their number alone. FOLDER/NAME.log has a line of JSON for each report: losses by domain, and of held-out questions also how many calls
and answers are right to the last token when each token is the most probable one (which is what greedy answers are; stories have more
than one right answer). The learning rate is constant, and falls to zero over the last part of --tokens, which may be changed
on the way.
"""
import argparse
import json
import os
import time
from pathlib import Path

import torch

from batches import Reader
from mix import DOMAINS
from model import Shape, TinyModel, loaded, saved
from optimizer import Optimizer


def write(path, state):
    beside = path.with_suffix(".new")
    torch.save(state, beside)
    with open(beside, "rb") as file:
        os.fsync(file.fileno())
    os.replace(beside, path)


def rate_at(options, step, seen):
    """Warms up over 100 steps, falls over the last `--cooldown` of all tokens."""
    left = (options.tokens - seen) / (options.tokens * options.cooldown)
    return options.rate * min(1.0, (step + 1) / 100) * max(0.02, min(1.0, left))


@torch.no_grad()
def held_out(model, batches):
    """{domain: (loss, calls right, answers right)} of held-out questions."""
    report = {}
    for domain, parts in batches.items():
        total = count = 0
        right = {True: [0, 0], False: [0, 0]}
        for batch in parts:
            _, losses, best, _ = model(batch.prefix, batch.ids, batch.said, batch.real)
            total, count = total + losses.sum().item(), count + len(losses)
            where = batch.said[:, 1:]
            wrong = torch.zeros_like(batch.ids[:, 1:], dtype=torch.bool)
            wrong[where] = best != batch.ids[:, 1:][where]
            piece = batch.piece[:, 1:]
            for i in range(len(batch.ids)):
                for number in piece[i].unique().tolist():
                    if number:
                        mine = piece[i] == number
                        call = batch.call in batch.ids[i, 1:][mine]
                        right[call][0] += not bool(wrong[i][mine].any())
                        right[call][1] += 1
        report[domain] = {"loss": round(total / count, 4)} | {
            name: round(right[call][0] / right[call][1], 3) for call, name in ((True, "calls"), (False, "answers")) if right[call][1]}
    return report


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="model")
    parser.add_argument("--tokens", type=float, default=40e6, help="of the whole training")
    parser.add_argument("--minutes", type=float, default=1e9, help="of this run")
    parser.add_argument("--steps", type=int, default=1 << 60, help="of this run")
    parser.add_argument("--batch", type=int, default=3000, help="tokens of a batch")
    parser.add_argument("--batches", type=int, default=3, help="of a step")
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--cooldown", type=float, default=0.4)
    parser.add_argument("--balance", type=float, default=0.01, help="weight of the load-balancing loss")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--every", type=int, default=50, help="steps between reports")
    parser.add_argument("--held", type=int, default=60, help="held-out questions of each domain in a report")
    for name, value in (("experts", Shape.experts), ("expert-width", Shape.expert_width), ("layers", Shape.layers), ("hidden", Shape.hidden),
                        ("heads", Shape.heads), ("kv-heads", Shape.kv_heads), ("head-width", Shape.head_width)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)

    path, log = options.folder / f"{options.name}.pt", options.folder / f"{options.name}.log"
    reader = Reader(options.folder)
    shape = Shape(vocab=reader.tokenizer.get_vocab_size(), experts=options.experts, expert_width=options.expert_width, layers=options.layers,
                  hidden=options.hidden, heads=options.heads, kv_heads=options.kv_heads, head_width=options.head_width)
    model, seen, said, place, seconds = TinyModel(shape), 0, 0, (0, 0), 0.0
    optimizer = Optimizer(model)
    if path.exists():
        state = torch.load(path, weights_only=True)
        model = loaded(state["model"], bf16=True)
        optimizer = Optimizer(model)
        optimizer.load_state_dict(state["optimizer"])
        seen, said, place, seconds = state["seen"], state["said"], tuple(state["place"]), state["seconds"]
    total, active = model.parameters_active()
    print(f"{total} parameters, {active} of them for a token; {seen} tokens seen in {optimizer.steps} steps", flush=True)

    held = {domain: reader.held(domain, options.held) for domain in DOMAINS}
    call = reader.tokenizer.token_to_id("<tool_call>")
    for parts in held.values():
        for batch in parts:
            batch.call = call

    stream = reader.stream(options.seed, options.batch, *place)
    begin = last = time.time()
    first_step, sums, counts, spent, unbalanced = optimizer.steps, torch.zeros(len(DOMAINS)), torch.zeros(len(DOMAINS)), 0, 0.0
    while seen < options.tokens and time.time() - begin < options.minutes * 60 and optimizer.steps - first_step < options.steps:
        parts = []
        for _ in range(options.batches):
            batch, place = next(stream)
            parts.append(batch)
        targets = sum(int(batch.said[:, 1:].sum()) for batch in parts)
        for batch in parts:
            loss, losses, _, balance = model(batch.prefix, batch.ids, batch.said, batch.real)
            (loss / targets + options.balance * balance / len(parts)).backward()
            domains = batch.domain[:, 1:][batch.said[:, 1:]].long()
            sums.index_add_(0, domains, losses)
            counts.index_add_(0, domains, torch.ones_like(losses))
            seen, spent, unbalanced = seen + batch.tokens, spent + batch.tokens, unbalanced + float(balance.detach()) / len(parts)
        said += targets
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step(rate_at(options, optimizer.steps, seen))
        model.zero_grad()
        if optimizer.steps % options.every == 0:
            now = time.time()
            seconds += now - last
            report = {"step": optimizer.steps, "tokens": seen, "said": said, "minutes": round(seconds / 60, 1), "tokens_s": round(spent / (now - last)),
                      "rate": round(rate_at(options, optimizer.steps, seen), 6), "norm": round(norm.item(), 3), "balance": round(unbalanced / options.every, 3),
                      "train": {d: round((sums[i] / counts[i]).item(), 4) for i, d in enumerate(DOMAINS) if counts[i]},
                      "held": held_out(model, held)}
            with open(log, "a") as file:
                file.write(json.dumps(report) + "\n")
            print(json.dumps(report), flush=True)
            write(path, {"model": saved(model), "optimizer": optimizer.state_dict(), "seen": seen, "said": said, "place": place, "seconds": seconds})
            sums, counts, spent, unbalanced, last = torch.zeros(len(DOMAINS)), torch.zeros(len(DOMAINS)), 0, 0.0, time.time()
    write(path, {"model": saved(model), "optimizer": optimizer.state_dict(), "seen": seen, "said": said, "place": place,
                 "seconds": seconds + time.time() - last})


if __name__ == "__main__":
    main()
