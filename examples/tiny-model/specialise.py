#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether experts have specialised in domains, and a picture of it.

    specialise.py FOLDER [--chats 200] [--heat-map experts.svg]

Held-out chats of each domain, all with the same tools, go through the model. For each layer: the mutual information of domain and
chosen expert given the token, in bits; each token counts once in a chat, so that what is counted is independent. It is compared with
- untrained routers: the same model, the layer's router replaced by random ones of the same size. p is the share of those that reach the
  trained one's, the trained one counted in;
- no relation: domains permuted among the occurrences of each token. p likewise, and the mean is what so many counts give by chance.
"""
import argparse
import json
import random
from pathlib import Path

import numpy as np
import torch

from batches import Reader
from chats import ALL_BUT_FILES, Chat
from grammar import Draw
from mix import DOMAINS, add_exchange
from model import loaded


def information(token, domain, expert, experts):
    """I(domain; expert | token) in bits, of the counts as they are."""
    D = len(DOMAINS)
    counts = np.bincount((token * D + domain) * experts + expert, minlength=(token.max() + 1) * D * experts)
    counts = counts.reshape(-1, D, experts).astype(float)

    def entropies(c):
        return -(c * np.log2(np.maximum(c, 1))).sum()

    whole = counts.sum()
    return (entropies(counts.sum(2)) + entropies(counts.sum(1)) - entropies(counts) - entropies(counts.sum((1, 2)))) / whole


def held_chats(count, seed):
    """(chats, their domains)"""
    made = []
    for number, domain in enumerate(DOMAINS):
        draw = Draw(random.Random(f"specialise {domain} {seed}"), held=True)
        for _ in range(count):
            chat = Chat(domain, tools=ALL_BUT_FILES)
            add_exchange(draw, chat, domain)
            made.append((chat, number))
    return made


@torch.no_grad()
def choices(model, reader, made):
    """(tokens, domains, chats, what each layer's router sees, what it chose)"""
    inputs = [[] for _ in model.layers]
    original = type(model).mlp

    def mlp(self, layer, h, routing):
        inputs[list(self.layers).index(layer)].append(h)
        return original(self, layer, h, routing)

    type(model).mlp = mlp
    tokens, domains, owners, chosen, rows = [], [], [], [[] for _ in model.layers], [[] for _ in model.layers]
    for i in range(0, len(made), 20):
        part = made[i:i + 20]
        prefix, encoded = reader.batch(ALL_BUT_FILES, "", [chat for chat, _ in part])
        batch = reader.tensors(prefix, encoded)
        for kept in inputs:
            kept.clear()
        routing = []
        model.hidden(batch.prefix, batch.ids, routing)
        real = batch.real.flatten()
        behind = slice(len(prefix), len(prefix) + len(real))
        tokens.append(batch.ids.flatten()[real])
        numbers = torch.arange(len(part))[:, None].expand_as(batch.ids).flatten()[real]
        owners.append(numbers + i)
        domains.append(torch.tensor([domain for _, domain in part])[numbers])
        for layer, (_, experts) in enumerate(routing):
            chosen[layer].append(experts[behind][real])
            rows[layer].append(inputs[layer][0][behind][real])
    type(model).mlp = original
    return [torch.cat(x) for x in (tokens, domains, owners)] + [[torch.cat(x) for x in chosen], [torch.cat(x) for x in rows]]


def heat_map(shares, path):
    """shares: [layers, experts, domains], 1 where an expert gets its even share of a domain's tokens."""
    L, N, D = shares.shape
    cell, left, top = 22, 70, 60
    width, height = left + L * (N * cell + 14), top + D * cell + 30
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="11">',
           f'<text x="{left}" y="16" font-size="13">Share of each domain\'s choices by expert; 1: an even share</text>']
    for layer in range(L):
        x = left + layer * (N * cell + 14)
        out.append(f'<text x="{x}" y="36">layer {layer}</text>')
        for e in range(N):
            out.append(f'<text x="{x + e * cell + cell / 2}" y="52" text-anchor="middle" fill="#666">{e}</text>')
            for d in range(D):
                share = shares[layer, e, d]
                depth = min(1.0, share / 4)
                colour = "rgb({},{},{})".format(*(round(255 + (end - 255) * depth) for end in (8, 48, 107)))
                out.append(f'<rect x="{x + e * cell}" y="{top + d * cell}" width="{cell - 1}" height="{cell - 1}" '
                           f'fill="{colour}"><title>layer {layer}, expert {e}, {DOMAINS[d]}: {share:.2f}</title></rect>')
    for d, name in enumerate(DOMAINS):
        out.append(f'<text x="{left - 6}" y="{top + d * cell + 15}" text-anchor="end">{name}</text>')
    out.append("</svg>\n")
    path.write_text("\n".join(out))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="model")
    parser.add_argument("--chats", type=int, default=200, help="of each domain")
    parser.add_argument("--draws", type=int, default=1999, help="random routers, and permutations")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--heat-map", type=Path)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    numbers = np.random.default_rng(options.seed)
    reader = Reader(options.folder)
    model = loaded(torch.load(options.folder / f"{options.name}.pt", weights_only=True)["model"])
    N, K = model.shape.experts, model.shape.chosen
    tokens, domains, owners, chosen, rows = choices(model, reader, held_chats(options.chats, options.seed))
    all_domains = np.repeat(domains.numpy(), K)
    _, first = np.unique(tokens.numpy() + owners.numpy() * (int(tokens.max()) + 1), return_index=True)
    first = first[np.argsort(tokens.numpy()[first], kind="stable")]  # by token
    once, once_domain = tokens.numpy()[first], domains.numpy()[first]
    token, domain = np.repeat(np.unique(once, return_inverse=True)[1], K), np.repeat(once_domain, K)

    def shuffled():
        return np.repeat(once_domain[np.lexsort((numbers.random(len(once)), once))], K)

    shares = np.zeros((len(chosen), N, len(DOMAINS)))
    for layer, experts in enumerate(chosen):
        for d in range(len(DOMAINS)):
            mine = experts.numpy().ravel()[all_domains == d]
            shares[layer, :, d] = np.bincount(mine, minlength=N) / len(mine) * N
        expert = experts.numpy()[first].ravel()
        found = information(token, domain, expert, N)
        permuted = np.array([information(token, shuffled(), expert, N) for _ in range(options.draws)])
        h = rows[layer][first]

        def by_random_router():
            return (h @ torch.randn(h.shape[1], N)).topk(K, -1).indices.numpy().ravel()

        def p(others):
            return (1 + int((others >= found).sum())) / (1 + len(others))

        untrained = np.array([information(token, domain, by_random_router(), N) for _ in range(options.draws)])
        print(json.dumps({
            "layer": layer, "bits": round(found, 4), "untrained": round(untrained.mean(), 4),
            "most of untrained": round(untrained.max(), 4), "p untrained": p(untrained),
            "permuted": round(permuted.mean(), 4), "p permuted": p(permuted)}), flush=True)
    if options.heat_map:
        heat_map(shares, options.heat_map)
        print(f"{options.heat_map}: {len(tokens)} tokens of {int(owners.max()) + 1} chats")


if __name__ == "__main__":
    main()
