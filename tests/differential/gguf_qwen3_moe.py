# SPDX-License-Identifier: Apache-2.0
"""Qwen3-MoE from a GGUF file in numpy and double, with activations quantized as docs/design/009 says.

The weights are what gguf-py makes of the blocks; everything else is numpy_qwen3_moe.py. Three ways to run it:

    GgufQwen3Moe(path)                              activations quantized where weights are
    GgufQwen3Moe(path, quantize=False)              the dequantized weights, as any program would run them
    model.run(tokens, routes)                       each row goes to the experts that are given, [L, T, K]

write_folder() gives the dequantized weights to transformers. cut_models() gives files whose logits are the scores of
one layer's router, so that any program can be asked for its routes.
"""

import json
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

from numpy_qwen3_moe import Qwen3Moe, softmax

FLOATS = (T.F32, T.F16, T.BF16)
LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate_inp": "mlp.gate",
}
EXPERT_NAMES = {"ffn_gate_exps": "gate_proj", "ffn_up_exps": "up_proj", "ffn_down_exps": "down_proj"}
OUTER_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def quantize_rows(x: np.ndarray, block: int) -> np.ndarray:
    """What the activations stand for after they were quantized: largest / 127 for each block, codes to nearest even.
    The arithmetic is f32, as the rule has it; the result is exact in double."""
    single = x.astype(np.float32).reshape(*x.shape[:-1], -1, block)
    largest = np.abs(single).max(axis=-1, keepdims=True)
    zero = largest < np.float32(2.0**-119)
    factor = np.float32(127) / np.where(zero, np.float32(1), largest)
    codes = np.where(zero, 0, np.rint(single * factor).astype(np.float64))
    scale = np.where(zero, 0, (largest / np.float32(127)).astype(np.float64))
    return (codes * scale).reshape(x.shape)


def read_config(reader: gguf.GGUFReader) -> dict:
    def value(key):
        return reader.fields[f"qwen3moe.{key}"].contents()

    shapes = {t.name: list(map(int, reversed(t.shape))) for t in reader.tensors}
    return {
        "architectures": ["Qwen3MoeForCausalLM"],
        "model_type": "qwen3_moe",
        "attention_bias": False,
        "decoder_sparse_step": 1,
        "mlp_only_layers": [],
        "norm_topk_prob": True,
        "hidden_act": "silu",
        "hidden_size": value("embedding_length"),
        "head_dim": value("attention.key_length"),
        "intermediate_size": value("feed_forward_length"),
        "max_position_embeddings": value("context_length"),
        "moe_intermediate_size": value("expert_feed_forward_length"),
        "num_attention_heads": value("attention.head_count"),
        "num_key_value_heads": value("attention.head_count_kv"),
        "num_hidden_layers": value("block_count"),
        "num_experts": value("expert_count"),
        "num_experts_per_tok": value("expert_used_count"),
        "rms_norm_eps": float(np.format_float_positional(np.float32(value("attention.layer_norm_rms_epsilon")))),
        "rope_theta": float(value("rope.freq_base")),
        "tie_word_embeddings": "output.weight" not in shapes,
        "torch_dtype": "float32",
        "vocab_size": shapes["token_embd.weight"][0],
    }


class GgufQwen3Moe(Qwen3Moe):
    def __init__(self, path: Path, quantize: bool = True):
        reader = gguf.GGUFReader(path)
        self.config = read_config(reader)
        self.eps = self.config["rms_norm_eps"]
        self.heads = self.config["num_attention_heads"]
        self.kv_heads = self.config["num_key_value_heads"]
        self.head_dim = self.config["head_dim"]
        self.theta = self.config["rope_theta"]
        self.quantize = quantize
        self.weights, self.types, self.routes = {}, {}, None
        for tensor in reader.tensors:
            shape = list(map(int, reversed(tensor.shape)))
            values = gguf.quants.dequantize(tensor.data, tensor.tensor_type).reshape(shape).astype(np.float64)
            for name, part in self._parts(tensor.name.removesuffix(".weight"), values):
                self.weights[f"{name}.weight"] = part
                self.types[name] = tensor.tensor_type

    @staticmethod
    def _parts(name: str, values: np.ndarray):
        if name in OUTER_NAMES:
            return [(OUTER_NAMES[name], values)]
        _, layer, part = name.split(".")
        if part in LAYER_NAMES:
            return [(f"model.layers.{layer}.{LAYER_NAMES[part]}", values)]
        projection = EXPERT_NAMES[part]
        return [(f"model.layers.{layer}.mlp.experts.{e}.{projection}", v) for e, v in enumerate(values)]

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        kind = self.types[name]
        if self.quantize and kind not in FLOATS:
            x = quantize_rows(x, gguf.GGML_QUANT_SIZES[kind][0])
        return super().linear(x, name)

    def moe(self, x: np.ndarray, name: str):
        """Row by row in numpy_qwen3_moe.py, here expert by expert, which is the same and faster."""
        probability = softmax(self.linear(x, f"{name}.gate"))
        if self.routes is None:
            chosen = np.argsort(-probability, axis=-1, kind="stable")[:, : self.config["num_experts_per_tok"]]
        else:
            chosen = self.routes[int(name.split(".")[2])]
        weight = np.take_along_axis(probability, chosen, -1)
        weight = weight / weight.sum(axis=-1, keepdims=True)
        y = np.zeros_like(x)
        for e in range(self.config["num_experts"]):
            rows, slots = np.nonzero(chosen == e)
            if len(rows):
                y[rows] += weight[rows, slots][:, None] * self.mlp(x[rows], f"{name}.experts.{e}")
        return y, chosen, weight

    def run(self, tokens, routes: np.ndarray | None = None):
        self.routes = routes
        return super().run(list(map(int, tokens)))


def write_folder(model: GgufQwen3Moe, folder: Path) -> None:
    """The dequantized weights as a Hugging Face folder, in f32, which holds every one of them."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(model.config, indent=2))
    save_file({name: torch.from_numpy(v.astype(np.float32)) for name, v in model.weights.items()},
              folder / "model.safetensors", metadata={"format": "pt"})


def cut_models(path: Path, folder: Path, with_tokenizer: bool = False) -> list[Path]:
    """For each layer a file that ends behind its router: the layers below as they are, this one's experts zero, its
    norm in the place of the last one, its router in the place of the head. A program's logits are then the scores of
    that router over the very rows that it has in the whole model (the head's other rows are zero). llama.cpp loads none
    without a tokenizer."""
    reader = gguf.GGUFReader(path)
    config = read_config(reader)
    tensors = {t.name: t for t in reader.tensors}
    files = []
    for layer in range(config["num_hidden_layers"]):
        target = folder / f"{path.stem}-router-{layer}.gguf"
        writer = gguf.GGUFWriter(target, "qwen3moe")
        for key, field in reader.fields.items():
            if key.startswith("qwen3moe."):
                contents = layer + 1 if key == "qwen3moe.block_count" else field.contents()
                writer.add_key_value(key, contents, field.types[0])
            elif with_tokenizer and key.startswith("tokenizer."):
                array = field.types[0] == gguf.GGUFValueType.ARRAY
                writer.add_key_value(key, field.contents(), field.types[0], field.types[1] if array else None)
        for name, tensor in tensors.items():
            if name.startswith("output") or (name.startswith("blk.") and int(name.split(".")[1]) > layer):
                continue
            data = np.array(tensor.data)
            if name == f"blk.{layer}.ffn_down_exps.weight":
                data = np.zeros_like(data)
            writer.add_tensor(name, data, raw_dtype=tensor.tensor_type)
        head = np.zeros((config["vocab_size"], config["hidden_size"]), np.float32)
        head[: config["num_experts"]] = tensors[f"blk.{layer}.ffn_gate_inp.weight"].data
        writer.add_tensor("output_norm.weight", np.array(tensors[f"blk.{layer}.ffn_norm.weight"].data))
        writer.add_tensor("output.weight", head)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        files.append(target)
    return files
