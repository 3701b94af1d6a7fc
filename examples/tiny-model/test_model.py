#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The trainer's model against transformers: logits, losses and gradients in float32, with a shared prefix and without, with
experts and dense. Exits with 1 where they differ by more than rounding."""
import sys

import torch

from model import Shape, TinyModel, to_transformers

BOUND = 2e-5  # relative, of a whole tensor: a few times the rounding of float32 over sums of some hundred products


def difference(a, b):
    return ((a - b).norm() / b.norm()).item()


def compare(shape, P, n, t):
    torch.manual_seed(1)
    ours = TinyModel(shape, bf16=False)
    with torch.no_grad():
        for p in ours.parameters():  # norms of 1 and a router of nothing would hide what they do
            p.add_(torch.randn_like(p) * 0.1)
    theirs = to_transformers(ours)
    prefix, ids = torch.randint(shape.vocab, (P,)), torch.randint(shape.vocab, (n, t))
    said = torch.rand(n, t) < 0.5
    real = torch.ones(n, t, dtype=torch.bool)
    loss, _, _, _ = ours(prefix, ids, said, real)
    loss.backward()
    whole = torch.cat([prefix.expand(n, P), ids], 1)
    logits = theirs(whole).logits
    expected = torch.nn.functional.cross_entropy(logits[:, P:-1][said[:, 1:]], ids[:, 1:][said[:, 1:]], reduction="sum")
    expected.backward()
    found = {"logits": difference(ours.hidden(prefix, ids, [])[P:] @ ours.embedding.t(), logits[:, P:].reshape(n * t, -1)),
             "loss": difference(loss, expected),
             "embedding": difference(ours.embedding.grad, theirs.model.embed_tokens.weight.grad)}
    for i, layer in enumerate(ours.layers):
        other = theirs.model.layers[i]
        attention = other.self_attn
        pairs = [(layer.q, attention.q_proj.weight), (layer.k, attention.k_proj.weight), (layer.v, attention.v_proj.weight),
                 (layer.o, attention.o_proj.weight), (layer.norm_1, other.input_layernorm.weight),
                 (layer.q_norm, attention.q_norm.weight)]
        if shape.experts:
            pairs += [(layer.gate_up, other.mlp.experts.gate_up_proj), (layer.down, other.mlp.experts.down_proj),
                      (layer.router, other.mlp.gate.weight)]
        else:
            pairs += [(layer.down, other.mlp.down_proj.weight)]
        found[f"layer {i}"] = max(difference(a.grad, b.grad) for a, b in pairs)
    return found


def main():
    wrong = 0
    for experts in (8, 0):
        for P, n, t in ((0, 3, 17), (23, 4, 9), (1, 1, 12)):
            shape = Shape(vocab=211, hidden=64, layers=2, heads=4, kv_heads=2, head_width=16, experts=experts, chosen=2,
                          expert_width=32, positions=64)
            found = compare(shape, P, n, t)
            bad = {name: value for name, value in found.items() if not value <= BOUND}
            wrong += bool(bad)
            figures = ", ".join(f"{name} {value:.1e}" for name, value in found.items())
            print(f"{'WRONG' if bad else 'equal'}: {experts} experts, a prefix of {P}, {n} rows of {t}: {figures}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
