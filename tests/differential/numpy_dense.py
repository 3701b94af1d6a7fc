#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dense checkpoints in plain numpy and double: after tens of thousands of positions, and with rounded keys and values.

transformers' eager attention would hold all scores of a layer at once, gigabytes in double, and keeps keys and values as
they are. Here rows go through attention in blocks, of the last layer only those whose logits are wanted, and keys and
values are rounded as docs/design/005 says. The rest is numpy_qwen3_moe.py's, written without transformers; on the first
80 positions it must equal what transformers recorded, to 1e-10.

    numpy_dense.py FOLDER OUT.safetensors [--positions 32768] [--kv-types f16,bf16,q8_0]

writes `positions` I32 [P] and for each type `logits.TYPE` F64 [P, V] for the tokens that tokens_of() names.
"""
import argparse
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import numpy_qwen3_moe

BLOCK = 256  # rows of attention at once


def tokens_of(count: int, vocab: int) -> np.ndarray:
    """Token i is the upper half of i times 2654435761 in 32 bits, modulo the vocabulary."""
    return ((np.arange(count, dtype=np.uint64) * 2654435761 % 2**32 >> 16) % vocab).astype(np.int64)


def round_f16(x: np.ndarray) -> np.ndarray:
    return x.astype(np.float16).astype(np.float64)


def round_bf16(x: np.ndarray) -> np.ndarray:
    bits = x.view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000).view(np.float32).astype(np.float64)


def round_q8_0(x: np.ndarray) -> np.ndarray:
    """Of each 32 channels the scale is the largest magnitude / 127, rounded up to a float16."""
    out = np.empty(x.shape)
    for begin in range(0, x.shape[-1], 32):
        span = x[..., begin : begin + 32]
        wanted = np.abs(span).max(axis=-1, keepdims=True) / np.float32(127)
        scale = wanted.astype(np.float16)
        scale = np.where(scale.astype(np.float32) < wanted, np.nextafter(scale, np.float16(np.inf)), scale)
        scale = scale.astype(np.float64)
        out[..., begin : begin + 32] = np.rint(span / np.where(scale == 0, 1, scale)) * scale
    return out


# Of what a program that computes in float32 would keep.
ROUND = {"f32": lambda x: x.astype(np.float64), "f16": round_f16, "bf16": round_bf16, "q8_0": round_q8_0}


class Dense(numpy_qwen3_moe.Qwen3Moe):
    """Qwen3 without experts, Llama and Mistral."""

    round_kv = staticmethod(lambda x: x)

    def head_norm(self, x: np.ndarray, name: str) -> np.ndarray:
        return self.norm(x, name) if f"{name}.weight" in self.weights else x

    def attend(self, x: np.ndarray, name: str, rows: np.ndarray) -> np.ndarray:
        """Attention of the rows named, over all."""
        shape = (len(x), -1, self.head_dim)
        q = self.rotate(self.head_norm(self.linear(x, f"{name}.q_proj").reshape(shape), f"{name}.q_norm"))[rows]
        k = self.rotate(self.head_norm(self.linear(x, f"{name}.k_proj").reshape(shape), f"{name}.k_norm"))
        v = self.linear(x, f"{name}.v_proj").reshape(shape)
        k, v = self.round_kv(k), self.round_kv(v)
        window = self.config.get("sliding_window") or len(x)
        out = np.empty_like(q)
        for begin in range(0, len(rows), BLOCK):
            here = rows[begin : begin + BLOCK]
            first, end = max(0, here[0] + 1 - window), here[-1] + 1
            position = np.arange(first, end)
            unseen = (position > here[:, None]) | (position <= here[:, None] - window)
            for h in range(self.heads):
                g = h // (self.heads // self.kv_heads)
                scores = q[begin : begin + BLOCK, h] @ k[first:end, g].T / np.sqrt(self.head_dim)
                scores[unseen] = -np.inf
                out[begin : begin + BLOCK, h] = numpy_qwen3_moe.softmax(scores) @ v[first:end, g]
        return self.linear(out.reshape(len(rows), -1), f"{name}.o_proj")

    def logits(self, tokens: np.ndarray, wanted: np.ndarray) -> np.ndarray:
        x = self.weights["model.embed_tokens.weight"][tokens]
        layers = self.config["num_hidden_layers"]
        for i in range(layers):
            layer = f"model.layers.{i}"
            rows = wanted if i + 1 == layers else np.arange(len(x))
            x = x[rows] + self.attend(self.norm(x, f"{layer}.input_layernorm"), f"{layer}.self_attn", rows)
            x = x + self.mlp(self.norm(x, f"{layer}.post_attention_layernorm"), f"{layer}.mlp")
        head = "model.embed_tokens" if self.config["tie_word_embeddings"] else "lm_head"
        return self.linear(self.norm(x, "model.norm"), head)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--positions", type=int, default=32768)
    parser.add_argument("--kv-types", type=lambda text: text.split(","), default=["f32"])
    options = parser.parse_args()
    model = Dense(options.folder)
    known = numpy_qwen3_moe.read_safetensors(options.folder / "reference.safetensors")
    own = model.logits(known["tokens"], np.arange(len(known["tokens"])))
    difference = np.abs(own - known["logits"]).max() / np.abs(known["logits"]).max()
    if not difference < 1e-10:
        print(f"{options.folder}: off by {difference:.1e} on the recorded positions", file=sys.stderr)
        return 1
    n = options.positions
    wanted = np.unique(np.concatenate([np.arange(0, n, max(n // 32, 1)) + 777, [0, 31, 32, n - 33, n - 32, n - 2, n - 1]]))
    wanted = wanted[wanted < n]
    tensors = {"positions": wanted.astype(np.int32)}
    for kv_type in options.kv_types:
        model.round_kv = lambda x: ROUND[kv_type](x.astype(np.float32))  # noqa: B023
        tensors[f"logits.{kv_type}"] = model.logits(tokens_of(n, model.config["vocab_size"]), wanted)
    save_file(tensors, options.out)
    print(f"{options.folder.name}: {len(wanted)} of {n} positions, {difference:.1e} from transformers on its 80")
    return 0


if __name__ == "__main__":
    sys.exit(main())
