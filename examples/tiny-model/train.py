#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains the built-in model, or one to compare it with.

    tokenizer.py FOLDER
    train.py FOLDER [--tokens 30e6] [--minutes M]     begins, or goes on where FOLDER/NAME.pt ends
    train.py FOLDER --name dense-active --experts 0 --expert-width 320

It may be killed at any time: a checkpoint is written beside the last and then put in its place, and batches depend on the
seed and their number alone. FOLDER/NAME.log has a line of JSON for each report: losses by domain, and of held-out questions
also how many calls and answers are right to the last token when each token is the most probable one (which is what greedy
answers are; stories have more than one right answer). The learning rate is constant, and falls to zero over the last part
of --tokens, which may be changed on the way.
"""
import argparse
import json
import os
import time
from dataclasses import fields
from pathlib import Path

import torch

from batches import Reader
from mix import DOMAINS
from model import Shape, TinyModel, domain_bits, loaded, saved
from optimizer import Optimizer


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="model")
    parser.add_argument("--tokens", type=float, default=34e6, help="of the whole training")
    parser.add_argument("--minutes", type=float, default=1e9, help="of this run")
    parser.add_argument("--steps", type=int, default=1 << 60, help="of this run")
    parser.add_argument("--batch", type=int, default=3000, help="tokens of a batch")
    parser.add_argument("--batches", type=int, default=2, help="of a step")
    parser.add_argument("--rate", type=float, default=4e-3)
    parser.add_argument("--cooldown", type=float, default=0.6, help="the part of all tokens over which the rate falls")
    parser.add_argument("--balance", type=float, default=0.03, help="weight of the load-balancing loss")
    parser.add_argument("--specialise", type=float, default=0.1, help="weight of the mutual information of domain and expert,")
    parser.add_argument("--bits", type=float, default=0.3, help="in each layer where it is less than so many bits")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--every", type=int, default=100, help="steps between reports and checkpoints")
    parser.add_argument("--held", type=int, default=60, help="held-out questions of each domain in a report")
    for field in fields(Shape):
        if field.type is int and field.name not in ("vocab", "positions"):
            parser.add_argument("--" + field.name.replace("_", "-"), type=int, default=field.default)
    return parser.parse_args()


def checkpoint(model, optimizer, place, seen=0, said=0, seconds=0.0):
    """place: in the stream of batches; seen and said: tokens."""
    return {"model": saved(model), "optimizer": optimizer.state_dict(), "seen": seen, "said": said, "place": place, "seconds": seconds}


def write(path, state):
    beside = path.with_suffix(".new")
    torch.save(state, beside)
    with open(beside, "rb") as file:
        os.fsync(file.fileno())
    os.replace(beside, path)


@torch.no_grad()
def held_out(model, batches, call):
    """(loss, calls right, answers right) of held-out questions; `call` is the token that opens a call."""
    total = count = 0
    right = {"calls": [0, 0], "answers": [0, 0]}
    for batch in batches:
        _, losses, best, _ = model(batch.prefix, batch.ids, batch.said, batch.real)
        total, count = total + losses.sum().item(), count + len(losses)
        ids, where, piece = batch.ids[:, 1:], batch.said[:, 1:], batch.piece[:, 1:]
        wrong = torch.zeros_like(ids, dtype=torch.bool)
        wrong[where] = best != ids[where]
        for i in range(len(ids)):
            for number in piece[i].unique().tolist():
                if number:
                    mine = piece[i] == number
                    kind = right["calls" if call in ids[i][mine] else "answers"]
                    kind[0] += not bool(wrong[i][mine].any())
                    kind[1] += 1
    return {"loss": round(total / count, 4)} | {kind: round(n / of, 3) for kind, (n, of) in right.items() if of}


class Training:
    """Model, optimizer and place in the stream of batches; what a checkpoint keeps."""

    def __init__(self, options):
        self.options, self.path = options, options.folder / f"{options.name}.pt"
        self.reader = Reader(options.folder)
        self.seen, self.said, self.place, self.seconds = 0, 0, (0, 0), 0.0
        if self.path.exists():
            state = torch.load(self.path, weights_only=True)
            self.model = loaded(state["model"], bf16=True)
            self.optimizer = Optimizer(self.model)
            self.optimizer.load_state_dict(state["optimizer"])
            self.seen, self.said, self.place, self.seconds = (state[k] for k in ("seen", "said", "place", "seconds"))
        else:
            wanted = {f.name: getattr(options, f.name) for f in fields(Shape) if hasattr(options, f.name)}
            self.model = TinyModel(Shape(vocab=self.reader.tokenizer.get_vocab_size(), **wanted))
            self.optimizer = Optimizer(self.model)
        self.model.bits_wanted = options.bits
        self.stream = self.reader.stream(options.seed, options.batch, *self.place)
        self.held = {domain: self.reader.held(domain, options.held) for domain in DOMAINS}
        self.call = self.reader.tokenizer.token_to_id("<tool_call>")
        self.begin_report()

    def begin_report(self):
        self.last, self.spent, self.unbalanced = time.time(), 0, 0.0
        self.sums, self.counts = torch.zeros(len(DOMAINS)), torch.zeros(len(DOMAINS))

    def rate(self):
        """Warms up over 100 steps, falls over the last part of all tokens."""
        left = (self.options.tokens - self.seen) / (self.options.tokens * self.options.cooldown)
        return self.options.rate * min(1.0, (self.optimizer.steps + 1) / 100) * max(0.02, min(1.0, left))

    def step(self):
        parts = []
        for _ in range(self.options.batches):
            batch, self.place = next(self.stream)
            parts.append(batch)
        targets = sum(int(batch.said[:, 1:].sum()) for batch in parts)
        for batch in parts:
            loss, losses, _, (balance, vague) = self.model(batch.prefix, batch.ids, batch.said, batch.real, batch.domain)
            (loss / targets + (self.options.balance * balance + self.options.specialise * vague) / len(parts)).backward()
            domains = batch.domain[:, 1:][batch.said[:, 1:]].long()
            self.sums.index_add_(0, domains, losses)
            self.counts.index_add_(0, domains, torch.ones_like(losses))
            self.seen += batch.tokens
            self.spent += batch.tokens
            self.unbalanced += float(balance.detach()) / len(parts)
        self.said += targets
        self.norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step(self.rate())
        self.model.zero_grad()

    def report(self):
        seconds = time.time() - self.last
        self.seconds += seconds
        means = (self.sums / self.counts).tolist()
        line = json.dumps({
            "step": self.optimizer.steps, "tokens": self.seen, "said": self.said, "minutes": round(self.seconds / 60, 1),
            "tokens_s": round(self.spent / seconds), "rate": round(self.rate(), 6), "norm": round(self.norm.item(), 3),
            "balance": round(self.unbalanced / self.options.every, 3), "bits": [round(b, 3) for b in domain_bits(self.model.by_domain).tolist()],
            "train": {domain: round(mean, 4) for domain, mean in zip(DOMAINS, means) if mean == mean},
            "held": {domain: held_out(self.model, parts, self.call) for domain, parts in self.held.items()}})
        with open(self.path.with_suffix(".log"), "a") as file:
            file.write(line + "\n")
        print(line, flush=True)
        self.save()
        self.begin_report()

    def save(self):
        write(self.path, checkpoint(self.model, self.optimizer, self.place, self.seen, self.said, self.seconds))


def main():
    options = read_options()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    training = Training(options)
    total, active = training.model.parameters_active()
    print(f"{total} parameters, {active} of them for a token; {training.seen} tokens seen in "
          f"{training.optimizer.steps} steps", flush=True)
    end, last_step = time.time() + options.minutes * 60, training.optimizer.steps + options.steps
    while training.seen < options.tokens and time.time() < end and training.optimizer.steps < last_step:
        training.step()
        if training.optimizer.steps % options.every == 0:
            training.report()
    training.seconds += time.time() - training.last
    training.save()


if __name__ == "__main__":
    main()
