# SPDX-License-Identifier: Apache-2.0
"""Small random Qwen3-MoE checkpoints as Hugging Face folders, with the tensor names of the published ones."""

import json
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from transformers import Qwen3MoeConfig

# The fields and the order of the config.json published with Qwen3-30B-A3B; sizes are ours.
PUBLISHED = {
    "architectures": ["Qwen3MoeForCausalLM"],
    "attention_bias": False,
    "attention_dropout": 0.0,
    "bos_token_id": 1,
    "decoder_sparse_step": 1,
    "eos_token_id": 2,
    "head_dim": 8,
    "hidden_act": "silu",
    "hidden_size": 32,
    "initializer_range": 0.02,
    "intermediate_size": 48,
    "max_position_embeddings": 128,
    "max_window_layers": 2,
    "mlp_only_layers": [],
    "model_type": "qwen3_moe",
    "moe_intermediate_size": 16,
    "norm_topk_prob": True,
    "num_attention_heads": 4,
    "num_experts": 8,
    "num_experts_per_tok": 2,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "output_router_logits": False,
    "rms_norm_eps": 1e-06,
    "rope_scaling": None,
    "rope_theta": 1000000.0,
    "router_aux_loss_coef": 0.001,
    "sliding_window": None,
    "tie_word_embeddings": False,
    "torch_dtype": "float32",
    "transformers_version": "4.51.0",
    "use_cache": True,
    "use_sliding_window": False,
    "vocab_size": 64,
}


def complete(changes: dict) -> dict:
    """The published field set with `changes`; a field changed to ... (Ellipsis) is left out of the file."""
    unknown = set(changes) - set(PUBLISHED)
    if unknown:
        raise ValueError(f"no such config field: {sorted(unknown)}")
    return {name: value for name, value in (PUBLISHED | changes).items() if value is not ...}


def write_config(folder: Path, config: dict, form: str) -> None:
    """`form` is "published" (transformers 4: rope_theta at the top, num_experts, torch_dtype) or "transformers"
    (what the installed version writes; 5 has rope_parameters, num_local_experts, dtype)."""
    if form == "published":
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        return
    fields = {k: v for k, v in config.items() if k not in ("transformers_version", "rope_scaling", "rope_theta")}
    fields["rope_parameters"] = {"rope_type": "default", "rope_theta": config["rope_theta"]}
    fields["dtype"] = fields.pop("torch_dtype")
    Qwen3MoeConfig(**fields).save_pretrained(folder)


def is_sparse(config: dict, layer: int) -> bool:
    return layer not in config["mlp_only_layers"] and (layer + 1) % config["decoder_sparse_step"] == 0


def make_tensors(config: dict, seed: int) -> dict[str, torch.Tensor]:
    """Weights at a scale where nothing is negligible: the residual stream, every attention and every expert output
    are of order 1, attention and routing are neither flat nor one-hot, norm weights differ along their width."""
    rng = np.random.default_rng(seed)
    dtype = getattr(torch, config["torch_dtype"])
    tensors = {}

    def put(name: str, values: np.ndarray) -> None:
        tensors[name] = torch.from_numpy(values.astype(np.float32)).to(dtype)

    def linear(name: str, rows: int, columns: int, gain: float, bias: bool = False) -> None:
        put(f"{name}.weight", rng.standard_normal((rows, columns)) * gain / np.sqrt(columns))
        if bias:
            put(f"{name}.bias", rng.standard_normal(rows) * 0.4)

    def norm(name: str, width: int, mean: float = 1.0) -> None:
        put(f"{name}.weight", mean + 0.25 * rng.standard_normal(width))

    def mlp(name: str, inner: int) -> None:
        linear(f"{name}.gate_proj", inner, hidden, 1.5)
        linear(f"{name}.up_proj", inner, hidden, 1.5)
        linear(f"{name}.down_proj", hidden, inner, 1.5)

    hidden, vocab = config["hidden_size"], config["vocab_size"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    head_dim = config.get("head_dim", hidden // heads)
    bias = config["attention_bias"]

    put("model.embed_tokens.weight", rng.standard_normal((vocab, hidden)))
    for i in range(config["num_hidden_layers"]):
        layer = f"model.layers.{i}"
        norm(f"{layer}.input_layernorm", hidden)
        linear(f"{layer}.self_attn.q_proj", heads * head_dim, hidden, 1.0, bias)
        linear(f"{layer}.self_attn.k_proj", kv_heads * head_dim, hidden, 1.0, bias)
        linear(f"{layer}.self_attn.v_proj", kv_heads * head_dim, hidden, 1.0, bias)
        linear(f"{layer}.self_attn.o_proj", hidden, heads * head_dim, 2.0, bias)
        norm(f"{layer}.self_attn.q_norm", head_dim, 1.3)
        norm(f"{layer}.self_attn.k_norm", head_dim, 1.3)
        norm(f"{layer}.post_attention_layernorm", hidden)
        if is_sparse(config, i):
            linear(f"{layer}.mlp.gate", config["num_experts"], hidden, 1.5)
            for e in range(config["num_experts"]):
                mlp(f"{layer}.mlp.experts.{e}", config["moe_intermediate_size"])
        else:
            mlp(f"{layer}.mlp", config["intermediate_size"])
    norm("model.norm", hidden)
    if not config["tie_word_embeddings"]:
        linear("lm_head", vocab, hidden, 2.0)
    return tensors


def write_weights(folder: Path, tensors: dict[str, torch.Tensor], shards: int) -> None:
    """One model.safetensors, or `shards` files of about equal bytes with an index, cut in the order of the model."""
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return
    total = sum(t.nbytes for t in tensors.values())
    files: list[dict] = [{} for _ in range(shards)]
    weight_map, written = {}, 0
    for name, tensor in tensors.items():
        i = min(written * shards // total, shards - 1)
        files[i][name] = tensor
        weight_map[name] = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        written += tensor.nbytes
    for i, part in enumerate(files):
        save_file(part, folder / f"model-{i + 1:05}-of-{shards:05}.safetensors", metadata={"format": "pt"})
    index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(weight_map.items()))}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=2) + "\n")


def write_checkpoint(folder: Path, config: dict, seed: int, form: str, shards: int = 1) -> None:
    folder.mkdir(parents=True)
    write_config(folder, config, form)
    write_weights(folder, make_tensors(config, seed), shards)
