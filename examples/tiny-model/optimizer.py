# SPDX-License-Identifier: Apache-2.0
"""Muon for matrices (K. Jordan and others, 2024; scaled as in "Muon is scalable for LLM training", 2025), AdamW for others."""
import torch


def orthogonal(m):
    """The nearest matrix with singular values near 1, of each [.., rows, columns], by five Newton-Schulz steps."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = m.to(torch.bfloat16)
    wide = x.shape[-2] > x.shape[-1]
    if wide:
        x = x.transpose(-1, -2)
    x = x / (x.float().norm(dim=(-2, -1), keepdim=True).to(x.dtype) + 1e-7)
    for _ in range(5):
        s = x @ x.transpose(-1, -2)
        x = a * x + (b * s + c * (s @ s)) @ x
    return (x.transpose(-1, -2) if wide else x).float()


class Optimizer:
    """Matrices are all parameters of layers with two dimensions or three, but the router; three: several matrices."""

    def __init__(self, model, decay=0.05):
        self.decay, self.steps = decay, 0
        named = list(model.named_parameters())
        self.matrices = {n: p for n, p in named if n.startswith("layers.") and p.dim() > 1 and "router" not in n}
        self.others = {n: p for n, p in named if n not in self.matrices}
        self.first = {n: torch.zeros_like(p) for n, p in named}
        self.second = {n: torch.zeros_like(p) for n, p in self.others.items()}

    @torch.no_grad()
    def step(self, rate):
        self.steps += 1
        shapes = {}
        for name, p in self.matrices.items():
            m = self.first[name].mul_(0.95).add_(p.grad)
            update = p.grad.add(m, alpha=0.95)
            parts = update.chunk(2, -2) if "gate_up" in name else (update,)
            for i, part in enumerate(parts):
                for j, one in enumerate(part if part.dim() == 3 else (part,)):
                    shapes.setdefault(one.shape, []).append((name, len(parts), i, j, one))
        for (rows, columns), found in shapes.items():
            made = orthogonal(torch.stack([one for *_, one in found]))
            for (name, parts, i, j, _), one in zip(found, made):
                p = self.matrices[name]
                target = p[j] if p.dim() == 3 else p
                if parts == 2:
                    target = target.chunk(2, -2)[i]
                target.mul_(1 - rate * self.decay).add_(one, alpha=-rate * 0.2 * max(rows, columns) ** 0.5)
        for name, p in self.others.items():
            g, a, b = p.grad, self.first[name], self.second[name]
            a.lerp_(g, 0.1)
            b.mul_(0.95).addcmul_(g, g, value=0.05)
            size = (b / (1 - 0.95 ** self.steps)).sqrt_().add_(1e-8)
            p.addcdiv_(a, size, value=-rate / (1 - 0.9 ** self.steps) * (0.6 if p.dim() > 1 else 1.0))

    def state_dict(self):
        return {"steps": self.steps, "first": self.first, "second": self.second}

    def load_state_dict(self, state):
        self.steps = state["steps"]
        for mine, theirs in ((self.first, state["first"]), (self.second, state["second"])):
            for name in mine:
                mine[name].copy_(theirs[name])
