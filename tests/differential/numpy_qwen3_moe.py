# SPDX-License-Identifier: Apache-2.0
"""Qwen3-MoE in plain numpy and double, written from the architecture and the file format alone.

A second opinion on the reference: it shares no code with transformers, torch or the safetensors library, so where both
agree to rounding, the casts replaced in transformers_double.py were all of them, and the weights were read as meant.

    python3 numpy_qwen3_moe.py FOLDER...     compares with FOLDER/reference.safetensors
"""

import json
import sys
from pathlib import Path

import numpy as np

NUMPY_TYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "I64": "<i8", "I32": "<i4"}


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """All tensors of one file; floating-point ones as float64."""
    data = path.read_bytes()
    header_bytes = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + header_bytes])
    payload = data[8 + header_bytes :]
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        values = np.frombuffer(payload[begin:end], NUMPY_TYPES[entry["dtype"]])
        if entry["dtype"] == "BF16":  # the upper half of a float32
            values = (values.astype(np.uint32) << 16).view(np.float32)
        if entry["dtype"] in ("F32", "F16", "BF16"):
            values = values.astype(np.float64)
        tensors[name] = values.reshape(entry["shape"])
    return tensors


def read_weights(folder: Path) -> dict[str, np.ndarray]:
    index = folder / "model.safetensors.index.json"
    if not index.exists():
        return read_safetensors(folder / "model.safetensors")
    weight_map = json.loads(index.read_text())["weight_map"]
    shards = {file: read_safetensors(folder / file) for file in set(weight_map.values())}
    return {name: shards[file][name] for name, file in weight_map.items()}


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


class Qwen3Moe:
    def __init__(self, folder: Path):
        self.config = json.loads((folder / "config.json").read_text())
        self.weights = read_weights(folder)
        c = self.config
        self.eps = c["rms_norm_eps"]
        self.heads = c["num_attention_heads"]
        self.kv_heads = c["num_key_value_heads"]
        self.head_dim = c.get("head_dim") or c["hidden_size"] // self.heads
        rope = c.get("rope_parameters") or {}
        self.theta = rope["rope_theta"] if "rope_theta" in rope else c["rope_theta"]

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        y = x @ self.weights[f"{name}.weight"].T
        bias = self.weights.get(f"{name}.bias")
        return y if bias is None else y + bias

    def norm(self, x: np.ndarray, name: str) -> np.ndarray:
        return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.eps) * self.weights[f"{name}.weight"]

    def rotate(self, x: np.ndarray) -> np.ndarray:
        """x: [T, heads, C]. Lane j and lane j + C/2 turn together by position * theta^(-2j/C)."""
        half = self.head_dim // 2
        frequency = self.theta ** (-2.0 * np.arange(half) / self.head_dim)
        angle = (np.arange(len(x))[:, None] * frequency)[:, None, :]
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], -1)

    def attention(self, x: np.ndarray, name: str) -> np.ndarray:
        rows = len(x)
        q = self.linear(x, f"{name}.q_proj").reshape(rows, self.heads, self.head_dim)
        k = self.linear(x, f"{name}.k_proj").reshape(rows, self.kv_heads, self.head_dim)
        v = self.linear(x, f"{name}.v_proj").reshape(rows, self.kv_heads, self.head_dim)
        q = self.rotate(self.norm(q, f"{name}.q_norm"))
        k = self.rotate(self.norm(k, f"{name}.k_norm"))
        future = np.triu(np.ones((rows, rows), bool), 1)
        out = np.empty_like(q)
        for h in range(self.heads):
            g = h // (self.heads // self.kv_heads)
            scores = q[:, h] @ k[:, g].T / np.sqrt(self.head_dim)
            out[:, h] = softmax(np.where(future, -np.inf, scores)) @ v[:, g]
        return self.linear(out.reshape(rows, -1), f"{name}.o_proj")

    def mlp(self, x: np.ndarray, name: str) -> np.ndarray:
        gate, up = self.linear(x, f"{name}.gate_proj"), self.linear(x, f"{name}.up_proj")
        return self.linear(silu(gate) * up, f"{name}.down_proj")

    def moe(self, x: np.ndarray, name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The output and, heaviest first, the experts chosen and their weights."""
        probability = softmax(self.linear(x, f"{name}.gate"))
        chosen = np.argsort(-probability, axis=-1, kind="stable")[:, : self.config["num_experts_per_tok"]]
        weight = np.take_along_axis(probability, chosen, -1)
        if self.config["norm_topk_prob"]:
            weight = weight / weight.sum(axis=-1, keepdims=True)
        y = np.zeros_like(x)
        for t, row in enumerate(x):
            for e, w in zip(chosen[t], weight[t]):
                y[t] += w * self.mlp(row, f"{name}.experts.{e}")
        return y, chosen, weight

    def run(self, tokens: list[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Logits [T, V]; experts and their weights [L, T, K] of the layers that have a router."""
        x = self.weights["model.embed_tokens.weight"][tokens]
        experts, expert_weights = [], []
        for i in range(self.config["num_hidden_layers"]):
            layer = f"model.layers.{i}"
            x = x + self.attention(self.norm(x, f"{layer}.input_layernorm"), f"{layer}.self_attn")
            normed = self.norm(x, f"{layer}.post_attention_layernorm")
            dense = i in (self.config.get("mlp_only_layers") or []) or (i + 1) % self.config["decoder_sparse_step"]
            if dense:
                x = x + self.mlp(normed, f"{layer}.mlp")
            else:
                y, chosen, weight = self.moe(normed, f"{layer}.mlp")
                x = x + y
                experts.append(chosen)
                expert_weights.append(weight)
        head = "model.embed_tokens" if self.config["tie_word_embeddings"] else "lm_head"
        return self.linear(self.norm(x, "model.norm"), head), np.array(experts), np.array(expert_weights)


def disagreement(folder: Path, reference: dict[str, np.ndarray]) -> float:
    """The largest difference of a logit or an expert weight, relative to the largest of its kind; infinite when
    another expert was chosen."""
    logits, experts, weights = Qwen3Moe(folder).run(reference["tokens"].tolist())
    if not np.array_equal(experts, reference["experts"]):
        return float("inf")
    return max(
        float(np.abs(own - theirs).max() / np.abs(theirs).max())
        for own, theirs in ((logits, reference["logits"]), (weights, reference["expert_weights"]))
    )


def main() -> int:
    worst = 0.0
    for folder in map(Path, sys.argv[1:]):
        difference = disagreement(folder, read_safetensors(folder / "reference.safetensors"))
        print(f"{folder.name:24} {difference:.1e}")
        worst = max(worst, difference)
    return 0 if worst < 1e-10 else 1


if __name__ == "__main__":
    sys.exit(main())
