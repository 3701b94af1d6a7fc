#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a folder to train on from: the tokenizer and the weights of a GGUF that export.py and `moxie convert` made.

    start_from.py moxie-tiny.gguf FOLDER [--name model] [--pool 1000]      then: train.py FOLDER --tokens 20e6 --rate 2.5e-3

The optimizer begins anew, and so do the count of tokens and the rate. Text comes from pool 1000 on, which no other training has seen.
"""
import argparse
from pathlib import Path

import torch
from gguf import GGUFReader
from gguf.quants import dequantize

import tokenizer
from model import Shape, TinyModel
from optimizer import Optimizer
from train import checkpoint, write

LAYER = {"norm_1": "attn_norm", "norm_2": "ffn_norm", "q": "attn_q", "k": "attn_k", "v": "attn_v", "o": "attn_output",
         "q_norm": "attn_q_norm", "k_norm": "attn_k_norm", "router": "ffn_gate_inp", "down": "ffn_down_exps"}


def shape_of(reader):
    def value(key):
        return reader.fields[f"qwen3moe.{key}"].contents()

    return Shape(vocab=len(reader.fields["tokenizer.ggml.tokens"].data), hidden=value("embedding_length"),
                 layers=value("block_count"), heads=value("attention.head_count"), kv_heads=value("attention.head_count_kv"),
                 head_width=value("attention.key_length"), experts=value("expert_count"), chosen=value("expert_used_count"),
                 expert_width=value("expert_feed_forward_length"), positions=value("context_length"),
                 theta=value("rope.freq_base"), epsilon=round(value("attention.layer_norm_rms_epsilon"), 12))


def tokenizer_of(reader):
    tokens, merges = (reader.fields[f"tokenizer.ggml.{name}"].contents() for name in ("tokens", "merges"))
    end = len(tokens) - len(tokenizer.CONTROLS)
    if tokens[end:] != tokenizer.CONTROLS:
        raise SystemExit(f"its last tokens should be {tokenizer.CONTROLS}, and are {tokens[end:]}")
    return tokenizer.assembled({token: i for i, token in enumerate(tokens[:end])}, [tuple(pair.split(" ")) for pair in merges])


def weights(reader, shape):
    tensors = {tensor.name: tensor for tensor in reader.tensors}

    def read(name):
        tensor = tensors[name + ".weight"]
        return torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy())

    found = {"embedding": read("token_embd"), "norm": read("output_norm")}
    for i in range(shape.layers):
        found |= {f"layers.{i}.{name}": read(f"blk.{i}.{theirs}") for name, theirs in LAYER.items()}
        found[f"layers.{i}.gate_up"] = torch.cat([read(f"blk.{i}.ffn_gate_exps"), read(f"blk.{i}.ffn_up_exps")], 1)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="model")
    parser.add_argument("--pool", type=int, default=1000, help="of the corpus, to begin with")
    options = parser.parse_args()
    path = options.folder / f"{options.name}.pt"
    if path.exists():
        parser.error(f"{path} is there already")
    reader = GGUFReader(options.file)
    model = TinyModel(shape_of(reader))
    shares = {name: value for name, value in model.named_buffers() if "." not in name and name in model.state_dict()}
    model.load_state_dict(weights(reader, model.shape) | shares)  # how often experts are chosen is of a training alone
    tokenizer.save(tokenizer_of(reader), options.folder)
    write(path, checkpoint(model, Optimizer(model), place=(options.pool, 0)))
    print(f"{path}: {sum(p.numel() for p in model.parameters())} parameters of {options.file}")


if __name__ == "__main__":
    main()
