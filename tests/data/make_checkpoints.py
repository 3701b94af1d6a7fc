#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the checkpoints of this folder, each with a reference.safetensors computed by transformers in double.

    python3 make_checkpoints.py [--out DIR] [NAME...]

Replaces the folders it makes. README.md says what each is for; tests/differential has the parts.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "differential"))

import numpy_qwen3_moe  # noqa: E402
import random_checkpoint  # noqa: E402
import random_families  # noqa: E402
import transformers_double  # noqa: E402

TOKENS = 80  # positions fill two KV pages of 32 and half of a third
MAX_DISAGREEMENT = 1e-10  # between transformers and numpy, both in double


class Variant(NamedTuple):
    seed: int
    changes: dict
    form: str = "transformers"
    shards: int = 1
    family: str = "qwen3_moe"


LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}
YARN = {"type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
VARIANTS = {
    "tiny_tied": Variant(1, {"tie_word_embeddings": True, "head_dim": ..., "rope_theta": 10000.0}),
    "untied_norm_topk_false": Variant(2, {"norm_topk_prob": False, "num_experts_per_tok": 3}, "published"),
    "sparse_step_2": Variant(3, {"decoder_sparse_step": 2, "num_hidden_layers": 4}),
    "mlp_only_layers": Variant(4, {"mlp_only_layers": [0], "num_hidden_layers": 3}, "published"),
    "biases": Variant(5, {"attention_bias": True, "rms_norm_eps": 1e-5}),
    "odd_widths": Variant(
        6,
        {
            "hidden_size": 44,
            "head_dim": 10,
            "num_attention_heads": 3,
            "num_key_value_heads": 1,
            "intermediate_size": 52,
            "moe_intermediate_size": 20,
            "mlp_only_layers": [1],
            "num_experts": 11,
            "num_experts_per_tok": 3,
            "vocab_size": 97,
        },
        "published",
    ),
    "bf16": Variant(7, {"torch_dtype": "bfloat16", "hidden_size": 48, "head_dim": 16}, "published", shards=3),
    "gqa_6_heads_2_kv": Variant(
        8, {"hidden_size": 40, "head_dim": 16, "num_attention_heads": 6, "rms_norm_eps": 1e-2, "rope_theta": 500.0}
    ),
    "mha_4_heads_4_kv": Variant(9, {"num_key_value_heads": 4, "norm_topk_prob": False}),
    "top_1": Variant(10, {"num_experts_per_tok": 1, "norm_topk_prob": False}, "published"),
    "top_all": Variant(11, {"num_experts": 5, "num_experts_per_tok": 5}),
    "llama_biases": Variant(12, {"attention_bias": True, "mlp_bias": True}, family="llama"),
    "llama_early": Variant(13, {"num_key_value_heads": ..., "attention_bias": ...}, "published", family="llama"),
    "llama3_rope": Variant(
        14,
        {"rope_scaling": LLAMA3, "rope_theta": 500000.0, "head_dim": 16, "tie_word_embeddings": True},
        "published",
        family="llama",
    ),
    "llama_linear_rope": Variant(
        15, {"rope_scaling": {"rope_type": "linear", "factor": 2.5}, "num_key_value_heads": 1}, family="llama"
    ),
    "mistral_window": Variant(16, {"sliding_window": 33}, "published", family="mistral"),
    "mixtral": Variant(17, {}, "published", family="mixtral"),
    "mixtral_window": Variant(18, {"sliding_window": 7, "head_dim": 16}, family="mixtral"),
    "olmoe": Variant(19, {"num_key_value_heads": 4}, "published", family="olmoe"),
    "olmoe_normalised": Variant(20, {"norm_topk_prob": True, "attention_bias": True}, family="olmoe"),
    "qwen2": Variant(21, {"tie_word_embeddings": True, "rms_norm_eps": 1e-6}, "published", family="qwen2"),
    "qwen2_window_above": Variant(
        22, {"use_sliding_window": True, "sliding_window": 20, "max_window_layers": 1}, "published", family="qwen2"
    ),
    "qwen2_moe": Variant(23, {}, "published", family="qwen2_moe"),
    "qwen2_moe_mixed": Variant(
        24,
        {"decoder_sparse_step": 2, "mlp_only_layers": [3], "num_hidden_layers": 4, "norm_topk_prob": True,
         "use_sliding_window": True, "sliding_window": 40, "max_window_layers": 4},
        family="qwen2_moe",
    ),
    "deepseek_v2_lite": Variant(
        40, {"q_lora_rank": None, "kv_lora_rank": 32, "qk_nope_head_dim": 32, "rope_scaling": YARN | {"mscale": 0.707, "mscale_all_dim": 0.707}}, "published",
        family="deepseek_v2",
    ),
    "deepseek_v2": Variant(
        41,
        {"topk_method": "group_limited_greedy", "n_group": 4, "topk_group": 2, "routed_scaling_factor": 16.0,
         "num_hidden_layers": 3, "n_shared_experts": 1},
        "published",
        family="deepseek_v2",
    ),
    "deepseek_v3": Variant(
        42, {"rope_scaling": YARN | {"mscale": 1.0, "mscale_all_dim": 1.0}, "num_hidden_layers": 3}, "published",
        family="deepseek_v3",
    ),
    "deepseek_v3_halves": Variant(
        43,
        {"rope_interleave": False, "attention_bias": True, "n_group": 1, "topk_group": 1, "norm_topk_prob": False,
         "num_attention_heads": 3, "num_key_value_heads": 3, "hidden_size": 36, "kv_lora_rank": 33, "v_head_dim": 7,
         "first_k_dense_replace": 0, "rope_scaling": {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}},
        family="deepseek_v3",
    ),
    "glm4_moe_lite": Variant(44, {}, "published", family="glm4_moe_lite"),
    "glm4_moe": Variant(45, {"num_hidden_layers": 3}, "published", family="glm4_moe"),
    "afmoe": Variant(59, {}, "published", family="afmoe"),
    "gemma2": Variant(60, {}, "published", family="gemma2"),
    "gemma3": Variant(61, {"num_hidden_layers": 7, "intermediate_size": 32, "hidden_size": 24, "num_attention_heads": 2,
                           "num_key_value_heads": 1,
                           "wrapper": ("gemma3", "Gemma3ForConditionalGeneration", "language_model.")},
                      "published", family="gemma3_text"),
    "gemma4_moe": Variant(66, {"hidden_size": 24, "num_attention_heads": 2, "num_key_value_heads": 2,
                               "wrapper": ("gemma4", "Gemma4ForConditionalGeneration", "model.language_model.")},
                          "published", family="gemma4_text"),
    "gemma4_small": Variant(67, {
        "attention_k_eq_v": False, "enable_moe_block": False, "global_head_dim": 16, "head_dim": 8, "hidden_size": 24,
        "hidden_size_per_layer_input": 8, "intermediate_size": 32, "num_attention_heads": 2, "num_hidden_layers": 5,
        "num_key_value_heads": 1, "num_kv_shared_layers": 2, "use_double_wide_mlp": True,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention", "sliding_attention",
                        "full_attention"]}, "published", family="gemma4_text"),
    "cohere2_moe": Variant(68, {}, "published", family="cohere2_moe"),
    "exaone_moe": Variant(69, {}, "published", family="exaone_moe"),
    "flex_olmo": Variant(70, {}, "published", family="flex_olmo"),
    "granitemoe": Variant(71, {}, "published", family="granitemoe"),
    "laguna": Variant(72, {}, "published", family="laguna"),
    "ministral3": Variant(73, {"wrapper": ("mistral3", "Mistral3ForConditionalGeneration", "language_model.")},
                          "published", family="ministral3"),
    "mistral4": Variant(74, {"num_attention_heads": 3, "num_key_value_heads": 3}, "published", family="mistral4"),
    "granite": Variant(62, {}, "published", family="granite"),
    "olmo2": Variant(63, {}, "published", family="olmo2"),
    "olmo3": Variant(64, {}, "published", family="olmo3"),
    "smollm3": Variant(65, {}, "published", family="smollm3"),
    "minimax_m2": Variant(46, {}, "published", family="minimax_m2"),
    "kimi_k25": Variant(
        47,
        {"rope_scaling": YARN | {"mscale": 1.0, "mscale_all_dim": 1.0, "beta_fast": 1.0},
         "wrapper": ("kimi_k25", "KimiK25ForConditionalGeneration", "language_model.")},
        "published",
        family="kimi_k2",
    ),
    "hy_v3": Variant(48, {}, "published", family="hy_v3"),
    "hunyuan_v1_moe": Variant(49, {}, "published", family="hunyuan_v1_moe"),
    "ernie4_5_moe": Variant(50, {}, "published", family="ernie4_5_moe"),
    "ernie4_5_moe_step": Variant(
        54,
        {"num_hidden_layers": 3, "moe_layer_start_index": 0, "moe_layer_interval": 2, "moe_num_shared_experts": 0,
         "tie_word_embeddings": False},
        family="ernie4_5_moe",
    ),
    "dots1": Variant(51, {"num_key_value_heads": 4}, "published", family="dots1"),
    "solar_open": Variant(52, {}, "published", family="solar_open"),
    "seed_oss": Variant(53, {}, "published", family="seed_oss"),
    "qwen3": Variant(25, {"head_dim": 16}, "published", family="qwen3"),
    "qwen3_yarn": Variant(
        26,
        {"rope_scaling": YARN, "attention_bias": True, "use_sliding_window": True, "sliding_window": 9,
         "layer_types": ["sliding_attention", "full_attention"]},
        "published",
        family="qwen3",
    ),
    "gpt_oss": Variant(27, {}, "published", family="gpt_oss"),
    "gpt_oss_listed": Variant(
        28,
        {"layer_types": ["full_attention", "sliding_attention", "sliding_attention"], "num_hidden_layers": 3,
         "attention_bias": False, "intermediate_size": 64, "num_attention_heads": 6,
         "rope_scaling": {"rope_type": "default"}, "sliding_window": 7, "num_local_experts": 5,
         "num_experts_per_tok": 5, "tie_word_embeddings": True},
        family="gpt_oss",
    ),
}
# The same weights in another form, for which transformers' answer to the first stands.
SAME = {"gpt_oss_mxfp4": ("gpt_oss", {"quantization_config": {
    "modules_to_not_convert": ["model.layers.*.self_attn", "model.layers.*.mlp.router", "model.embed_tokens",
                               "lm_head"], "quant_method": "mxfp4"}})}


def make(folder: Path, variant: Variant) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    ours = variant.family == "qwen3_moe"
    maker = random_checkpoint if ours else random_families
    config = maker.complete(*([] if ours else [variant.family]), variant.changes)
    maker.write_checkpoint(folder, config, variant.seed, variant.form, variant.shards)
    with tempfile.TemporaryDirectory() as name:
        known = folder
        if not ours and random_families.unknown(config):
            known = Path(name) / "known"
            random_families.write_known(known, config, variant.seed)
        reference = transformers_double.compute_clear(known, TOKENS, variant.seed)
    tensors = reference._asdict()
    margin = tensors.pop("margin")
    file = folder / "reference.safetensors"
    save_file({name: values for name, values in tensors.items() if values is not None}, file)
    size = sum(part.stat().st_size for part in folder.iterdir())
    line = f"{folder.name:24} {size // 1024:4} KB, router margin {margin:.1e}"
    if not ours:
        return line
    difference = numpy_qwen3_moe.disagreement(folder, numpy_qwen3_moe.read_safetensors(file))
    if not difference < MAX_DISAGREEMENT:
        raise ValueError(f"{folder.name}: numpy and transformers differ by {difference:.1e}")
    return f"{line}, numpy differs by {difference:.1e}"


def make_same(folder: Path, name: str, changes: dict) -> str:
    shutil.rmtree(folder, ignore_errors=True)
    variant = VARIANTS[name]
    config = random_families.complete(variant.family, variant.changes | changes)
    random_families.write_checkpoint(folder, config, variant.seed, variant.form, variant.shards)
    return f"{folder.name:24} {sum(part.stat().st_size for part in folder.iterdir()) // 1024:4} KB, {name} once more"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE, help="where the folders go (default: beside this file)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these folders")
    arguments = parser.parse_args()
    for name in arguments.names or [*VARIANTS, *SAME]:
        folder = arguments.out / name
        print(make_same(folder, *SAME[name]) if name in SAME else make(folder, VARIANTS[name]), flush=True)


if __name__ == "__main__":
    main()
