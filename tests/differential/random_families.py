# SPDX-License-Identifier: Apache-2.0
"""Small random checkpoints of the families beside Qwen3-MoE (random_checkpoint.py), as Hugging Face folders with the
tensor names of the published ones. `model_type` in a configuration says which family it is."""

import json
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import AutoConfig

from random_checkpoint import write_weights

SHAPE = {
    "hidden_act": "silu",
    "hidden_size": 32,
    "initializer_range": 0.02,
    "max_position_embeddings": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "num_key_value_heads": 2,
    "rms_norm_eps": 1e-5,
    "tie_word_embeddings": False,
    "use_cache": True,
    "vocab_size": 64,
}
DENSE = {"intermediate_size": 48}
# What each family's published files have beside the shape; sizes are ours.
LATENT = {"num_key_value_heads": 4, "q_lora_rank": 24, "kv_lora_rank": 20, "qk_nope_head_dim": 12,
          "qk_rope_head_dim": 8, "v_head_dim": 10, "rms_norm_eps": 1e-6, "rope_theta": 10000.0, "rope_scaling": None,
          "attention_bias": False, "moe_intermediate_size": 16, "moe_layer_freq": 1, "n_routed_experts": 8,
          "n_shared_experts": 2, "num_experts_per_tok": 3, "first_k_dense_replace": 1, "aux_loss_alpha": 0.001,
          "ep_size": 1, "seq_aux": True, "pretraining_tp": 1}
YARN_OF_GPT_OSS = {"rope_type": "yarn", "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False,
                   "original_max_position_embeddings": 32}
FAMILIES = {
    "deepseek_v2": ("DeepseekV2ForCausalLM", DENSE | LATENT | {
        "topk_method": "greedy", "n_group": 1, "topk_group": 1, "norm_topk_prob": False, "routed_scaling_factor": 1.0,
        "scoring_func": "softmax"}),
    "deepseek_v3": ("DeepseekV3ForCausalLM", DENSE | LATENT | {
        "topk_method": "noaux_tc", "n_group": 4, "topk_group": 2, "norm_topk_prob": True, "routed_scaling_factor": 2.5,
        "scoring_func": "sigmoid", "num_nextn_predict_layers": 1}),
    "gpt_oss": ("GptOssForCausalLM", {"attention_bias": True, "experts_per_token": 3, "head_dim": 8,
                                      "initial_context_length": 32, "intermediate_size": 32, "layer_types": ...,
                                      "num_experts_per_tok": 3, "num_local_experts": 8,
                                      "rope_scaling": YARN_OF_GPT_OSS, "rope_theta": 150000, "sliding_window": 33,
                                      "swiglu_limit": 7.0}),
    "llama": ("LlamaForCausalLM", DENSE | {"attention_bias": False, "rope_scaling": None}),
    "mistral": ("MistralForCausalLM", DENSE | {"sliding_window": None, "rope_theta": 10000.0}),
    "mixtral": ("MixtralForCausalLM", {"intermediate_size": 16, "num_local_experts": 8, "num_experts_per_tok": 2,
                                       "sliding_window": None, "rope_theta": 1e6}),
    "olmoe": ("OlmoeForCausalLM", {"intermediate_size": 16, "num_experts": 8, "num_experts_per_tok": 3,
                                   "norm_topk_prob": False, "clip_qkv": None, "rope_theta": 10000.0,
                                   "attention_bias": False, "rope_scaling": None}),
    "qwen2": ("Qwen2ForCausalLM", DENSE | {"use_sliding_window": False, "sliding_window": 64, "max_window_layers": 2,
                                           "rope_theta": 1e6}),
    "qwen2_moe": ("Qwen2MoeForCausalLM", DENSE | {"use_sliding_window": False, "sliding_window": 64,
                                                  "max_window_layers": 2, "rope_theta": 1e6, "decoder_sparse_step": 1,
                                                  "mlp_only_layers": [], "moe_intermediate_size": 16,
                                                  "shared_expert_intermediate_size": 40, "num_experts": 8,
                                                  "num_experts_per_tok": 3, "norm_topk_prob": False}),
    "qwen3": ("Qwen3ForCausalLM", DENSE | {"use_sliding_window": False, "sliding_window": None, "max_window_layers": 2,
                                           "rope_theta": 1e6, "attention_bias": False, "head_dim": 8,
                                           "rope_scaling": None}),
}


def complete(model_type: str, changes: dict) -> dict:
    """The family's fields with `changes`; a field changed to ... (Ellipsis) is left out of the file."""
    architecture, fields = FAMILIES[model_type]
    whole = {"architectures": [architecture], "model_type": model_type} | SHAPE | fields | {"torch_dtype": "float32"}
    return {name: value for name, value in (whole | changes).items() if value is not ...}


def write_config(folder: Path, config: dict, form: str) -> None:
    """`form` is "published" (the fields as they are) or "transformers" (what the installed version makes of them)."""
    if form == "published":
        (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        return
    fields = {k: v for k, v in config.items() if k not in ("model_type", "rope_scaling", "rope_theta", "torch_dtype")}
    fields["rope_parameters"] = {"rope_type": "default", "rope_theta": config.get("rope_theta", 10000.0)} | (
        config.get("rope_scaling") or {}
    )
    AutoConfig.for_model(config["model_type"], dtype=config["torch_dtype"], **fields).save_pretrained(folder)


def is_sparse(config: dict, layer: int) -> bool:
    if config["model_type"] in ("gpt_oss", "mixtral", "olmoe"):
        return True
    if config["model_type"] in ("deepseek_v2", "deepseek_v3"):
        return layer >= config["first_k_dense_replace"]
    return "moe_intermediate_size" in config and (
        layer not in config["mlp_only_layers"] and (layer + 1) % config["decoder_sparse_step"] == 0
    )


class Maker:
    """Weights at the scale of random_checkpoint.make_tensors: nothing is negligible, nothing saturates."""

    def __init__(self, config: dict, seed: int):
        self.config, self.tensors = config, {}
        self.rng = np.random.default_rng(seed)
        self.dtype = getattr(torch, config["torch_dtype"])
        self.hidden = config["hidden_size"]

    def put(self, name: str, values: np.ndarray) -> None:
        self.tensors[name] = torch.from_numpy(values.astype(np.float32)).to(self.dtype)

    def linear(self, name: str, rows: int, columns: int, gain: float, bias: bool = False) -> None:
        self.put(f"{name}.weight", self.rng.standard_normal((rows, columns)) * gain / np.sqrt(columns))
        if bias:
            self.put(f"{name}.bias", self.rng.standard_normal(rows) * 0.4)

    def norm(self, name: str, width: int, mean: float = 1.0) -> None:
        self.put(f"{name}.weight", mean + 0.25 * self.rng.standard_normal(width))

    def mlp(self, name: str, inner: int, parts=("gate_proj", "up_proj", "down_proj"), bias: bool = False) -> None:
        gate, up, down = parts
        self.linear(f"{name}.{gate}", inner, self.hidden, 1.5, bias)
        self.linear(f"{name}.{up}", inner, self.hidden, 1.5, bias)
        self.linear(f"{name}.{down}", self.hidden, inner, 1.5, bias)

    def attention(self, name: str) -> None:
        c, family = self.config, self.config["model_type"]
        head_dim = c.get("head_dim") or self.hidden // c["num_attention_heads"]
        heads = c["num_attention_heads"]
        query, kv = heads * head_dim, c.get("num_key_value_heads", heads) * head_dim
        output = bool(c.get("attention_bias"))
        bias = output or family in ("qwen2", "qwen2_moe")
        # Without norms on queries and keys, scores need a gain of their own to be of some size.
        gain = 1.0 if family in ("qwen3", "olmoe") else 1.6
        self.linear(f"{name}.q_proj", query, self.hidden, gain, bias)
        self.linear(f"{name}.k_proj", kv, self.hidden, gain, bias)
        self.linear(f"{name}.v_proj", kv, self.hidden, 1.0, bias)
        self.linear(f"{name}.o_proj", self.hidden, query, 2.0, output)
        if family == "gpt_oss":
            self.put(f"{name}.sinks", 1.5 * self.rng.standard_normal(heads))
        if family in ("qwen3", "olmoe"):
            self.norm(f"{name}.q_norm", head_dim if family == "qwen3" else query, 1.3)
            self.norm(f"{name}.k_norm", head_dim if family == "qwen3" else kv, 1.3)

    def latent_attention(self, name: str) -> None:
        c = self.config
        heads, nope, rope = c["num_attention_heads"], c["qk_nope_head_dim"], c["qk_rope_head_dim"]
        rank, value, bias = c["kv_lora_rank"], c["v_head_dim"], c["attention_bias"]
        if c["q_lora_rank"] is None:
            self.linear(f"{name}.q_proj", heads * (nope + rope), self.hidden, 1.6)
        else:
            self.linear(f"{name}.q_a_proj", c["q_lora_rank"], self.hidden, 1.6, bias)
            self.norm(f"{name}.q_a_layernorm", c["q_lora_rank"])
            self.linear(f"{name}.q_b_proj", heads * (nope + rope), c["q_lora_rank"], 1.6)
        self.linear(f"{name}.kv_a_proj_with_mqa", rank + rope, self.hidden, 1.6, bias)
        self.norm(f"{name}.kv_a_layernorm", rank)
        self.linear(f"{name}.kv_b_proj", heads * (nope + value), rank, 1.3)
        self.linear(f"{name}.o_proj", self.hidden, heads * value, 2.0, bias)

    def stacked(self, name: str, rows: int, columns: int, gain: float) -> None:
        """Of all experts, input first. Values are those of MXFP4, so that the same model can be written as such."""
        count = self.config["num_local_experts"]
        values = self.rng.standard_normal((count, rows, columns)) * gain / np.sqrt(columns)
        blocks = gguf.quants.quantize(values.astype(np.float32), gguf.GGMLQuantizationType.MXFP4)
        if not self.config.get("quantization_config"):
            values = gguf.quants.dequantize(blocks, gguf.GGMLQuantizationType.MXFP4)
            self.put(name, np.ascontiguousarray(values.swapaxes(1, 2)))
        else:
            blocks = blocks.reshape(count, rows, columns // 32, 17)
            halves = np.concatenate([blocks[..., 1:] & 15, blocks[..., 1:] >> 4], axis=-1)  # 32 codes in order
            self.tensors[f"{name}_blocks"] = torch.from_numpy(halves[..., 0::2] | (halves[..., 1::2] << 4))
            self.tensors[f"{name}_scales"] = torch.from_numpy(np.ascontiguousarray(blocks[..., 0]))
        self.put(f"{name}_bias", self.rng.standard_normal((count, rows)) * 0.4)

    def experts(self, layer: str) -> None:
        c = self.config
        if c["model_type"] == "gpt_oss":
            self.linear(f"{layer}.mlp.router", c["num_local_experts"], self.hidden, 1.5, bias=True)
            # Large enough that some reach the limits of the activation.
            self.stacked(f"{layer}.mlp.experts.gate_up_proj", 2 * c["intermediate_size"], self.hidden, 4.0)
            self.stacked(f"{layer}.mlp.experts.down_proj", self.hidden, c["intermediate_size"], 0.5)
            return
        mixtral = c["model_type"] == "mixtral"
        block = f"{layer}.{'block_sparse_moe' if mixtral else 'mlp'}"
        count = c[next(key for key in ("num_local_experts", "num_experts", "n_routed_experts") if key in c)]
        self.linear(f"{block}.gate", count, self.hidden, 1.5)
        if c["model_type"] == "deepseek_v3":
            self.put(f"{block}.gate.e_score_correction_bias", self.rng.standard_normal(count) * 0.2)
        for e in range(count):
            inner = c.get("moe_intermediate_size", c["intermediate_size"])
            parts = ("w1", "w3", "w2") if mixtral else ("gate_proj", "up_proj", "down_proj")
            self.mlp(f"{block}.experts.{e}", inner, parts)
        if "shared_expert_intermediate_size" in c:
            self.mlp(f"{block}.shared_expert", c["shared_expert_intermediate_size"])
            self.linear(f"{block}.shared_expert_gate", 1, self.hidden, 1.5)
        if "n_shared_experts" in c:
            self.mlp(f"{block}.shared_experts", c["moe_intermediate_size"] * c["n_shared_experts"])

    def make(self) -> dict[str, torch.Tensor]:
        c = self.config
        self.put("model.embed_tokens.weight", self.rng.standard_normal((c["vocab_size"], self.hidden)))
        for i in range(c["num_hidden_layers"]):
            layer = f"model.layers.{i}"
            self.norm(f"{layer}.input_layernorm", self.hidden)
            if "kv_lora_rank" in c:
                self.latent_attention(f"{layer}.self_attn")
            else:
                self.attention(f"{layer}.self_attn")
            self.norm(f"{layer}.post_attention_layernorm", self.hidden)
            if is_sparse(c, i):
                self.experts(layer)
            else:
                self.mlp(f"{layer}.mlp", c["intermediate_size"], bias=c.get("mlp_bias", False))
        self.norm("model.norm", self.hidden)
        if not c["tie_word_embeddings"]:
            self.linear("lm_head", c["vocab_size"], self.hidden, 2.0)
        return self.tensors


def write_checkpoint(folder: Path, config: dict, seed: int, form: str, shards: int = 1) -> None:
    folder.mkdir(parents=True)
    write_config(folder, config, form)
    write_weights(folder, Maker(config, seed).make(), shards)
