#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The trainer's model against transformers: logits, losses and gradients in float32, with a shared prefix and without, with
experts and dense; and the router's second loss against the definition. Exits with 1 where they differ by more than rounding."""
import math
import sys

import torch

import model as trained
from model import DOMAINS, Shape, TinyModel, domain_bits, to_transformers

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


def specialising():
    """Steps along the router's second loss alone: mutual information rises to what is wanted, and is what the definition says."""
    torch.manual_seed(1)
    shape = Shape(vocab=97, hidden=32, layers=1, heads=2, kv_heads=1, head_width=16, expert_width=16, positions=64)
    model = TinyModel(shape, bf16=False)
    model.bits_wanted, trained.RECENT = 0.4, 5
    domain = torch.arange(20)[:, None].expand(20, 12) % DOMAINS
    ids = domain * 19 + torch.randint(19, (20, 12))
    optimizer = torch.optim.AdamW([model.layers[0].router], 2e-4)
    real = torch.ones(20, 12, dtype=torch.bool)
    for _ in range(400):
        model(ids[0, :0], ids, real, real, domain)[3][1].backward()
        optimizer.step()
        model.zero_grad()
    routing = []
    model.hidden(ids[0, :0], ids, routing)
    joint = torch.zeros(DOMAINS, shape.experts, dtype=torch.double)
    for d, experts in zip(domain.flatten().tolist(), routing[0][1].tolist()):
        for e in experts:
            joint[d, e] += 1 / (len(experts) * domain.numel())
    defined = sum(p * math.log2(p / (joint[d].sum() * joint[:, e].sum()))
                  for d, row in enumerate(joint.tolist()) for e, p in enumerate(row) if p)
    found = domain_bits(model.by_domain).item()
    right = abs(found - 0.4) < 0.1 and abs(found - defined) < 0.1
    print(f"{'equal' if right else 'WRONG'}: of 0.4 bits of domain and expert that are wanted {found:.2f} on the run, {defined:.2f} by definition")
    return right


def main():
    wrong = not specialising()
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
