# SPDX-License-Identifier: Apache-2.0
"""Small random checkpoints of the families beside Qwen3-MoE (random_checkpoint.py), as Hugging Face folders with the
tensor names of the published ones. `model_type` in a configuration says which family it is."""

import json
from pathlib import Path
from typing import NamedTuple

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
GEMMA = {"attention_bias": False, "head_dim": 16, "hidden_act": ..., "hidden_activation": "gelu_pytorch_tanh",
         "query_pre_attn_scalar": 16, "rms_norm_eps": 1e-6, "sliding_window": 20, "tie_word_embeddings": True}
GEMMA4_ROPES = {"full_attention": {"rope_type": "proportional", "partial_rotary_factor": 0.25, "rope_theta": 1e6},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0}}
LAGUNA_ROPES = {"full_attention": {"rope_type": "default", "partial_rotary_factor": 0.5, "rope_theta": 500000.0},
                "sliding_attention": {"rope_type": "default", "partial_rotary_factor": 1.0, "rope_theta": 10000.0}}
YARN_OF_MISTRAL = {"rope_type": "yarn", "rope_theta": 1e6, "factor": 4.0, "original_max_position_embeddings": 32,
                   "beta_fast": 32.0, "beta_slow": 1.0, "mscale": 1.0, "mscale_all_dim": 1.0,
                   "llama_4_scaling_beta": 0.1}
YARN_OF_GPT_OSS = {"rope_type": "yarn", "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0, "truncate": False,
                   "original_max_position_embeddings": 32}
ROUTED = {"moe_intermediate_size": 16, "n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 3,
          "n_group": 1, "topk_group": 1, "norm_topk_prob": True, "routed_scaling_factor": 1.5,
          "first_k_dense_replace": 1}
V3 = DENSE | LATENT | {
    "topk_method": "noaux_tc", "n_group": 4, "topk_group": 2, "norm_topk_prob": True, "routed_scaling_factor": 2.5,
    "scoring_func": "sigmoid", "num_nextn_predict_layers": 1}
ALPHA = {"alpha": 1000.0, "beta_fast": 32, "beta_slow": 1, "factor": 1.0, "mscale": 1.0, "mscale_all_dim": 0.0,
         "type": "dynamic"}
FAMILIES = {
    "afmoe": ("AfmoeForCausalLM", DENSE | {
        "attention_bias": False, "global_attn_every_n_layers": 4, "head_dim": 8, "moe_intermediate_size": 16,
        "mup_enabled": True, "num_dense_layers": 1, "num_experts": 8, "num_experts_per_tok": 3, "num_hidden_layers": 4,
        "num_shared_experts": 1, "rope_scaling": None, "rope_theta": 10000.0, "route_norm": True, "route_scale": 2.826,
        "score_func": "sigmoid", "sliding_window": 20}),
    "cohere2_moe": ("Cohere2MoeForCausalLM", {
        "attention_bias": False, "expert_selection_fn": "sigmoid", "head_dim": 8, "intermediate_size": 16,
        "layer_norm_eps": 1e-5, "layer_types": ["sliding_attention"] * 3 + ["full_attention"], "logit_scale": 0.5,
        "mlp_layer_types": ["dense"] + ["sparse"] * 3, "norm_topk_prob": True, "num_experts": 8,
        "num_experts_per_tok": 3, "num_hidden_layers": 4, "num_shared_experts": 1,
        "prefix_dense_intermediate_size": 48, "prefix_dense_sliding_window_pattern": 1, "rms_norm_eps": ...,
        "rope_scaling": None, "rope_theta": 10000.0, "shared_expert_combination_strategy": "average",
        "sliding_window": 20, "tie_word_embeddings": True}),
    "deepseek_v2": ("DeepseekV2ForCausalLM", DENSE | LATENT | {
        "topk_method": "greedy", "n_group": 1, "topk_group": 1, "norm_topk_prob": False, "routed_scaling_factor": 1.0,
        "scoring_func": "softmax"}),
    "deepseek_v3": ("DeepseekV3ForCausalLM", V3),
    "dots1": ("Dots1ForCausalLM", DENSE | ROUTED | {"attention_bias": False, "n_shared_experts": 2,
                                                    "rope_theta": 10000.0, "scoring_func": "noaux_tc"}),
    "ernie4_5_moe": ("Ernie4_5_MoeForCausalLM", DENSE | {
        "moe_intermediate_size": 16, "moe_k": 3, "moe_num_experts": 8, "moe_num_shared_experts": 2,
        "moe_layer_start_index": 1, "moe_layer_end_index": -1, "moe_layer_interval": 1, "use_bias": False,
        "rope_theta": 500000.0, "rope_scaling": None, "tie_word_embeddings": True}),
    "exaone_moe": ("ExaoneMoeForCausalLM", DENSE | {
        "first_k_dense_replace": 1, "layer_types": ["sliding_attention"] * 3 + ["full_attention"],
        "mlp_layer_types": ["dense"] + ["sparse"] * 3, "moe_intermediate_size": 16, "n_group": 1,
        "norm_topk_prob": True, "num_experts": 8, "num_experts_per_tok": 3, "num_hidden_layers": 4,
        "num_shared_experts": 1, "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0},
        "routed_scaling_factor": 2.5, "sliding_window": 20, "sliding_window_pattern": 4, "topk_group": 1}),
    "flex_olmo": ("FlexOlmoForCausalLM", {
        "attention_bias": False, "intermediate_size": 16, "norm_topk_prob": False, "num_experts": 8,
        "num_experts_per_tok": 3, "pad_token_id": 0, "rope_scaling": None, "rope_theta": 500000.0}),
    "gemma2": ("Gemma2ForCausalLM", DENSE | GEMMA | {
        "attn_logit_softcapping": 3.0, "final_logit_softcapping": 6.0, "rope_theta": 10000.0}),
    "gemma3_text": ("Gemma3ForCausalLM", DENSE | GEMMA | {
        "rope_theta": 1000000.0, "rope_local_base_freq": 10000.0, "sliding_window_pattern": 6,
        "rope_scaling": {"rope_type": "linear", "factor": 8.0}}),
    "gemma4_text": ("Gemma4ForCausalLM", DENSE | {
        "attention_bias": False, "attention_k_eq_v": True, "enable_moe_block": True, "final_logit_softcapping": 6.0,
        "global_head_dim": 32, "head_dim": 16, "hidden_act": ..., "hidden_activation": "gelu_pytorch_tanh",
        "hidden_size_per_layer_input": 0, "moe_intermediate_size": 16, "num_experts": 8,
        "num_global_key_value_heads": 1, "num_hidden_layers": 4, "num_kv_shared_layers": 0, "rms_norm_eps": 1e-6,
        "layer_types": ["sliding_attention", "sliding_attention", "full_attention", "full_attention"],
        "rope_parameters": GEMMA4_ROPES, "sliding_window": 20, "tie_word_embeddings": True, "top_k_experts": 3,
        "use_bidirectional_attention": None, "use_double_wide_mlp": False, "vocab_size_per_layer_input": 64}),
    "glm4_moe": ("Glm4MoeForCausalLM", DENSE | ROUTED | {
        "attention_bias": True, "head_dim": 16, "use_qk_norm": True, "partial_rotary_factor": 0.5,
        "rope_theta": 1000000.0, "rope_scaling": None, "num_nextn_predict_layers": 1}),
    "glm4_moe_lite": ("Glm4MoeLiteForCausalLM", DENSE | LATENT | ROUTED | {
        "rms_norm_eps": 1e-5, "num_nextn_predict_layers": 1, "partial_rotary_factor": 1.0, "rope_theta": 1000000.0,
        "routed_scaling_factor": 1.8, "topk_method": "noaux_tc"}),
    "gpt_oss": ("GptOssForCausalLM", {"attention_bias": True, "experts_per_token": 3, "head_dim": 8,
                                      "initial_context_length": 32, "intermediate_size": 32, "layer_types": ...,
                                      "num_experts_per_tok": 3, "num_local_experts": 8,
                                      "rope_scaling": YARN_OF_GPT_OSS, "rope_theta": 150000, "sliding_window": 33,
                                      "swiglu_limit": 7.0}),
    "granite": ("GraniteForCausalLM", DENSE | {
        "attention_bias": False, "attention_multiplier": 0.3, "embedding_multiplier": 3.0, "logits_scaling": 2.0,
        "mlp_bias": False, "residual_multiplier": 0.4, "rope_scaling": None, "rope_theta": 10000.0}),
    "granitemoe": ("GraniteMoeForCausalLM", {
        "attention_bias": False, "attention_multiplier": 0.3, "embedding_multiplier": 3.0, "intermediate_size": 16,
        "logits_scaling": 2.0, "num_experts_per_tok": 3, "num_local_experts": 8, "residual_multiplier": 0.4,
        "rope_scaling": None, "rope_theta": 10000.0}),
    "hunyuan_v1_moe": ("HunYuanMoEV1ForCausalLM", {
        "attention_bias": False, "head_dim": 8, "intermediate_size": 16, "moe_intermediate_size": [16, 16],
        "moe_topk": [3, 3], "num_experts": 8, "num_shared_expert": [1, 1], "rope_scaling": ALPHA,
        "rope_theta": 10000.0, "tie_word_embeddings": True, "use_cla": False, "use_qk_norm": True}),
    "hy_v3": ("HYV3ForCausalLM", DENSE | {
        "first_k_dense_replace": 1, "head_dim": 8, "moe_intermediate_size": 16, "num_experts": 8,
        "num_experts_per_tok": 3, "num_shared_experts": 1, "qk_norm": True, "route_norm": True,
        "router_scaling_factor": 2.826, "rope_theta": 11158840.0, "rope_scaling": None}),
    "kimi_k2": ("DeepseekV3ForCausalLM", V3 | {"n_group": 1, "topk_group": 1, "routed_scaling_factor": 2.827,
                                               "rope_theta": 50000.0}),
    "laguna": ("LagunaForCausalLM", DENSE | {
        "attention_bias": False, "gating": "per-head", "head_dim": 8,
        "layer_types": ["full_attention"] + ["sliding_attention"] * 3, "mlp_layer_types": ["dense"] + ["sparse"] * 3,
        "moe_apply_router_weight_on_input": False, "moe_intermediate_size": 16, "moe_routed_scaling_factor": 2.5,
        "num_attention_heads_per_layer": [4, 6, 6, 6], "num_experts": 8, "num_experts_per_tok": 3,
        "num_hidden_layers": 4, "rope_parameters": LAGUNA_ROPES, "shared_expert_intermediate_size": 24,
        "sliding_window": 20}),
    "llama": ("LlamaForCausalLM", DENSE | {"attention_bias": False, "rope_scaling": None}),
    "minimax_m2": ("MiniMaxM2ForCausalLM", {
        "attn_type_list": [1, 1], "head_dim": 16, "intermediate_size": 16, "num_local_experts": 8,
        "num_experts_per_tok": 3, "qk_norm_type": "per_layer", "rope_theta": 5000000, "rotary_dim": 8,
        "scoring_func": "sigmoid", "shared_intermediate_size": 0, "use_qk_norm": True, "use_routing_bias": True}),
    "ministral3": ("Ministral3ForCausalLM", DENSE | {"head_dim": 16, "rope_parameters": YARN_OF_MISTRAL,
                                                     "sliding_window": None}),
    "mistral4": ("Mistral4ForCausalLM", DENSE | LATENT | {
        "n_group": 1, "topk_group": 1, "norm_topk_prob": True, "routed_scaling_factor": 1.0, "n_shared_experts": 1,
        "first_k_dense_replace": 0, "rope_interleave": True, "rope_scaling": ..., "rope_theta": ...,
        "rope_parameters": YARN_OF_MISTRAL | {"rope_theta": 10000.0, "partial_rotary_factor": 0.4}}),
    "mistral": ("MistralForCausalLM", DENSE | {"sliding_window": None, "rope_theta": 10000.0}),
    "mixtral": ("MixtralForCausalLM", {"intermediate_size": 16, "num_local_experts": 8, "num_experts_per_tok": 2,
                                       "sliding_window": None, "rope_theta": 1e6}),
    "olmo2": ("Olmo2ForCausalLM", DENSE | {"attention_bias": False, "rope_scaling": None, "rope_theta": 500000.0}),
    "olmo3": ("Olmo3ForCausalLM", DENSE | {
        "attention_bias": False, "layer_types": ["sliding_attention"] * 3 + ["full_attention"], "num_hidden_layers": 4,
        "rope_theta": 500000.0, "sliding_window": 20,
        "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}}),
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
    "seed_oss": ("SeedOssForCausalLM", DENSE | {"attention_bias": True, "attention_out_bias": False, "head_dim": 16,
                                                "mlp_bias": False, "rope_theta": 10000000.0,
                                                "rope_scaling": {"rope_type": "default"}}),
    "smollm3": ("SmolLM3ForCausalLM", DENSE | {
        "attention_bias": False, "mlp_bias": False, "no_rope_layer_interval": 4, "no_rope_layers": [1, 1, 1, 0],
        "num_hidden_layers": 4, "rope_scaling": None, "rope_theta": 5000000.0, "sliding_window": None,
        "tie_word_embeddings": True, "use_sliding_window": False, "pad_token_id": 0}),
    "solar_open": ("SolarOpenForCausalLM", ROUTED | {
        "attention_bias": False, "first_k_dense_replace": 0, "head_dim": 8, "partial_rotary_factor": 1.0,
        "rope_theta": 1000000.0, "use_qk_norm": False,
        "rope_scaling": {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}}),
}


class Names(NamedTuple):
    """What a family calls tensors of its feed-forward, where not as most."""
    block: str = "mlp"
    router: str = "gate"
    bias: str | None = None
    shared: str = "shared_experts"
    parts: tuple = ("gate_proj", "up_proj", "down_proj")
    query_norm: str = "q_norm"
    key_norm: str = "k_norm"


V3_NAMES = Names(bias="gate.e_score_correction_bias")
NAMES = {"afmoe": Names(router="router.gate", bias="expert_bias")} | dict.fromkeys(("deepseek_v3", "dots1", "glm4_moe", "glm4_moe_lite", "kimi_k2", "solar_open"), V3_NAMES) | {
    "ernie4_5_moe": Names(bias="moe_statics.e_score_correction_bias"),
    "cohere2_moe": Names(),
    "exaone_moe": Names(bias="e_score_correction_bias"),
    "granitemoe": Names(block="block_sparse_moe", router="router.layer"),
    "laguna": Names(bias="experts.e_score_correction_bias", shared="shared_expert"),
    "hunyuan_v1_moe": Names(router="gate.wg", shared="shared_mlp", query_norm="query_layernorm",
                            key_norm="key_layernorm"),
    "hy_v3": Names(router="router.gate", bias="expert_bias", shared="shared_mlp"),
    "minimax_m2": Names(block="block_sparse_moe", bias="e_score_correction_bias", parts=("w1", "w3", "w2")),
    "mixtral": Names(block="block_sparse_moe", parts=("w1", "w3", "w2")),
}
# Norms on queries and keys: over a head, or over all together.
HEAD_NORMS = ("afmoe", "dots1", "exaone_moe", "laguna", "gemma3_text", "gemma4_text", "hunyuan_v1_moe", "hy_v3", "qwen3")
WHOLE_NORMS = ("flex_olmo", "minimax_m2", "olmo2", "olmo3", "olmoe")
# Norms of a layer, where not before attention and feed-forward under the usual names.
LAYER_NORMS = dict.fromkeys(("gemma2", "gemma3_text", "gemma4_text"), ("input_layernorm", "post_attention_layernorm",
                                                        "pre_feedforward_layernorm", "post_feedforward_layernorm"))
LAYER_NORMS["cohere2_moe"] = ("input_layernorm",)
LAYER_NORMS |= dict.fromkeys(("flex_olmo", "olmo2", "olmo3"), ("post_attention_layernorm", "post_feedforward_layernorm"))
LAYER_NORMS["afmoe"] = ("input_layernorm", "post_attention_layernorm", "pre_mlp_layernorm", "post_mlp_layernorm")
ABOVE_ONE = ("gemma2", "gemma3_text")


class Heads(NamedTuple):
    """Of one layer's attention."""
    count: int
    kv: int
    width: int
    value_width: int
    stores: bool = True
    has_value: bool = True


def heads_of(config: dict, layer: int) -> Heads:
    count = config["num_attention_heads"]
    if "num_attention_heads_per_layer" in config:
        count = config["num_attention_heads_per_layer"][layer]
    width = config.get("head_dim") or config["hidden_size"] // count
    kv = config.get("num_key_value_heads", count)
    if config["model_type"] != "gemma4_text":
        return Heads(count, kv, width, width)
    stores = layer < config["num_hidden_layers"] - config["num_kv_shared_layers"]
    if config["layer_types"][layer] == "sliding_attention":
        return Heads(count, kv, width, width, stores)
    same = config["attention_k_eq_v"]
    width = config["global_head_dim"]
    return Heads(count, config["num_global_key_value_heads"] if same else kv, width, width, stores, not same)


def dense_width(config: dict, layer: int) -> int:
    shared = config.get("num_kv_shared_layers", 0)
    wide = config.get("use_double_wide_mlp") and layer >= config["num_hidden_layers"] - shared
    return config.get("prefix_dense_intermediate_size", config["intermediate_size"]) * (2 if wide else 1)


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
    if config["model_type"] in ("flex_olmo", "gpt_oss", "granitemoe", "hunyuan_v1_moe", "minimax_m2", "mixtral", "olmoe"):
        return True
    if "enable_moe_block" in config:
        return config["enable_moe_block"]
    if "mlp_layer_types" in config:
        return config["mlp_layer_types"][layer] == "sparse"
    for dense in ("first_k_dense_replace", "num_dense_layers"):
        if dense in config:
            return layer >= config[dense]
    if "moe_k" in config:
        last = config["moe_layer_end_index"] % config["num_hidden_layers"]
        return config["moe_layer_start_index"] <= layer <= last and (layer + 1) % config["moe_layer_interval"] == 0
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
        mean -= self.config["model_type"] in ABOVE_ONE
        self.put(f"{name}.weight", mean + 0.25 * self.rng.standard_normal(width))

    def mlp(self, name: str, inner: int, parts=("gate_proj", "up_proj", "down_proj"), bias: bool = False) -> None:
        gate, up, down = parts
        self.linear(f"{name}.{gate}", inner, self.hidden, 1.5, bias)
        self.linear(f"{name}.{up}", inner, self.hidden, 1.5, bias)
        self.linear(f"{name}.{down}", self.hidden, inner, 1.5, bias)

    def attention(self, name: str, layer: int) -> None:
        c, family = self.config, self.config["model_type"]
        of = heads_of(c, layer)
        heads, head_dim = of.count, of.width
        query, kv = heads * head_dim, of.kv * head_dim
        bias = bool(c.get("attention_bias")) or family in ("qwen2", "qwen2_moe")
        output = bool(c.get("attention_out_bias", c.get("attention_bias") and family not in ("glm4_moe", "solar_open")))
        whole = family in WHOLE_NORMS
        norms = whole or family in HEAD_NORMS or c.get("use_qk_norm")
        # Without norms on queries and keys, scores need a gain of their own to be of some size.
        gain = 1.0 if norms else 1.6
        self.linear(f"{name}.q_proj", query, self.hidden, gain, bias)
        if of.stores:
            self.linear(f"{name}.k_proj", kv, self.hidden, gain, bias)
        if of.stores and of.has_value:
            self.linear(f"{name}.v_proj", of.kv * of.value_width, self.hidden, 1.0, bias)
        self.linear(f"{name}.o_proj", self.hidden, heads * of.value_width, 2.0, output)
        if family == "afmoe":
            self.linear(f"{name}.gate_proj", query, self.hidden, 1.5)
        if family == "laguna":
            self.linear(f"{name}.g_proj", heads, self.hidden, 1.5)
        if family == "gpt_oss":
            self.put(f"{name}.sinks", 1.5 * self.rng.standard_normal(heads))
        if norms:
            names = NAMES.get(family, Names())
            mean = 1.3 * head_dim**-0.25 if family == "gemma4_text" else 1.3  # which leaves scores as they are
            self.norm(f"{name}.{names.query_norm}", query if whole else head_dim, mean)
            if of.stores:
                self.norm(f"{name}.{names.key_norm}", kv if whole else head_dim, mean)

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

    def gemma4_experts(self, layer: str) -> None:
        count, inner = self.config["num_experts"], self.config["moe_intermediate_size"]
        normal = self.rng.standard_normal
        for norm in ("pre_feedforward_layernorm_2", "post_feedforward_layernorm_1", "post_feedforward_layernorm_2"):
            self.norm(f"{layer}.{norm}", self.hidden)
        self.linear(f"{layer}.router.proj", count, self.hidden, 1.0)
        self.put(f"{layer}.router.scale", (1 + 0.25 * normal(self.hidden)) * 1.5 * np.sqrt(self.hidden))
        self.put(f"{layer}.router.per_expert_scale", 1 + 0.25 * normal(count))
        self.joined_experts(f"{layer}.experts.gate_up_proj", f"{layer}.experts.down_proj", count, inner)

    def joined_experts(self, gate_up: str, down: str, count: int, inner: int) -> None:
        """Of all experts one tensor with gate rows, then up rows, and one with down rows."""
        normal = self.rng.standard_normal
        self.put(gate_up, normal((count, 2 * inner, self.hidden)) * 1.5 / np.sqrt(self.hidden))
        self.put(down, normal((count, self.hidden, inner)) * 1.5 / np.sqrt(inner))

    def layer_inputs(self) -> None:
        width, layers = self.config["hidden_size_per_layer_input"], self.config["num_hidden_layers"]
        if not width:
            return
        rows = self.config["vocab_size_per_layer_input"]
        self.put("model.embed_tokens_per_layer.weight", self.rng.standard_normal((rows, layers * width)) / np.sqrt(width))
        self.linear("model.per_layer_model_projection", layers * width, self.hidden, 1.0)
        self.norm("model.per_layer_projection_norm", width)

    def end_layer(self, layer: str) -> None:
        if self.config["model_type"] != "gemma4_text":
            return
        if width := self.config["hidden_size_per_layer_input"]:
            self.linear(f"{layer}.per_layer_input_gate", width, self.hidden, 1.5)
            self.linear(f"{layer}.per_layer_projection", self.hidden, width, 1.5)
            self.norm(f"{layer}.post_per_layer_input_norm", self.hidden)
        self.put(f"{layer}.layer_scalar", 0.8 + 0.2 * self.rng.standard_normal(1))

    def experts(self, layer: str) -> None:
        c = self.config
        if c["model_type"] == "gemma4_text":
            self.mlp(f"{layer}.mlp", c["intermediate_size"])
            self.gemma4_experts(layer)
            return
        if c["model_type"] == "gpt_oss":
            self.linear(f"{layer}.mlp.router", c["num_local_experts"], self.hidden, 1.5, bias=True)
            # Large enough that some reach the limits of the activation.
            self.stacked(f"{layer}.mlp.experts.gate_up_proj", 2 * c["intermediate_size"], self.hidden, 4.0)
            self.stacked(f"{layer}.mlp.experts.down_proj", self.hidden, c["intermediate_size"], 0.5)
            return
        names = NAMES.get(c["model_type"], Names())
        block = f"{layer}.{names.block}"
        count = c[next(key for key in ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
                       if key in c)]
        self.linear(f"{block}.{names.router}", count, self.hidden, 1.5)
        if names.bias is not None:
            bias = self.rng.standard_normal(count) * (0.05 if "moe_k" in c else 0.2)  # beside a softmax, less is as much
            self.put(f"{block}.{names.bias}", bias[None] if "moe_k" in c else bias)
        inner = c.get("moe_intermediate_size") or c["intermediate_size"]
        inner = inner[0] if isinstance(inner, list) else inner
        if c["model_type"] == "granitemoe":
            self.joined_experts(f"{block}.input_linear.weight", f"{block}.output_linear.weight", count, inner)
        elif c["model_type"] == "mistral4":
            self.joined_experts(f"{block}.experts.gate_up_proj", f"{block}.experts.down_proj", count, inner)
        else:
            for e in range(count):
                self.mlp(f"{block}.experts.{e}", inner, names.parts)
        if c["model_type"] == "laguna":
            self.mlp(f"{block}.{names.shared}", c["shared_expert_intermediate_size"])
        elif "shared_expert_intermediate_size" in c:
            self.mlp(f"{block}.shared_expert", c["shared_expert_intermediate_size"])
            self.linear(f"{block}.shared_expert_gate", 1, self.hidden, 1.5)
        shared = next((c[key] for key in ("n_shared_experts", "num_shared_experts", "moe_num_shared_experts",
                                          "num_shared_expert") if key in c), 0)
        if shared:
            self.mlp(f"{block}.{names.shared}", inner * (shared[0] if isinstance(shared, list) else shared))

    def make(self) -> dict[str, torch.Tensor]:
        c = self.config
        self.put("model.embed_tokens.weight", self.rng.standard_normal((c["vocab_size"], self.hidden)))
        if c["model_type"] == "gemma4_text":
            self.layer_inputs()
        for i in range(c["num_hidden_layers"]):
            layer = f"model.layers.{i}"
            first, *others = LAYER_NORMS.get(c["model_type"], ("input_layernorm", "post_attention_layernorm"))
            self.norm(f"{layer}.{first}", self.hidden)
            if "kv_lora_rank" in c:
                self.latent_attention(f"{layer}.self_attn")
            else:
                self.attention(f"{layer}.self_attn", i)
            for norm in others:
                self.norm(f"{layer}.{norm}", self.hidden)
            if is_sparse(c, i):
                self.experts(layer)
            else:
                self.mlp(f"{layer}.mlp", dense_width(c, i), bias=c.get("mlp_bias", False))
            self.end_layer(layer)
        self.norm("model.norm", self.hidden)
        if not c["tie_word_embeddings"]:
            self.linear("lm_head", c["vocab_size"], self.hidden, 2.0)
        return self.tensors


# Folders that have a part of the layer that predicts further tokens.
WITH_NEXT = ("glm4_moe", "glm4_moe_lite", "kimi_k2")
# What transformers calls a family that it has under another name, or within other models.
KNOWN_AS = {"kimi_k2": "deepseek_v3"}


def nested(config: dict) -> bool:
    """Whether the model lies within one of several, beside a tower for pictures."""
    return "wrapper" in config


def unknown(config: dict) -> bool:
    """Whether transformers needs another folder of the same model."""
    return nested(config) or config["model_type"] in KNOWN_AS


def write_checkpoint(folder: Path, config: dict, seed: int, form: str, shards: int = 1) -> None:
    folder.mkdir(parents=True)
    tensors = Maker(config, seed).make()
    layers = config["num_hidden_layers"]
    if config["model_type"] in WITH_NEXT:
        hidden = config["hidden_size"]
        for name, shape in (("eh_proj", (hidden, 2 * hidden)), ("enorm", (hidden,)), ("hnorm", (hidden,))):
            tensors[f"model.layers.{layers}.{name}.weight"] = torch.full(shape, 0.5)
    if nested(config):
        text = {key: value for key, value in config.items() if key != "wrapper"}
        model_type, architecture, prefix = config["wrapper"]
        config = {"architectures": [architecture], "model_type": model_type, "text_config": text,
                  "vision_config": {"hidden_size": 8, "scale": float("inf")}}
        bare = "model." if prefix.startswith("model.") else ""  # published with one more name in the middle
        tensors = {prefix + name.removeprefix(bare): tensor for name, tensor in tensors.items()}
        tensors["vision_tower.patch_embed.proj.weight"] = torch.ones((8, 3, 2, 2), dtype=torch.bfloat16)
        tensors["vision_tower.patch_embed.positions"] = torch.arange(4, dtype=torch.int64)
        tensors["mm_projector.linear_1.weight"] = torch.ones((4, 8))
    write_config(folder, config, form)
    write_weights(folder, tensors, shards)


def write_known(folder: Path, config: dict, seed: int) -> None:
    """The same model in a folder that transformers knows."""
    plain = {key: value for key, value in config.items() if key not in ("wrapper", "num_nextn_predict_layers")}
    plain["model_type"] = KNOWN_AS.get(config["model_type"], config["model_type"])
    folder.mkdir(parents=True)
    write_config(folder, plain, "published")
    write_weights(folder, Maker(config, seed).make(), 1)
