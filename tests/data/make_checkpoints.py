#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the checkpoints of this folder, each with a reference.safetensors computed by transformers in double.

    python3 make_checkpoints.py [--out DIR] [NAME...]

Replaces the folders it makes. README.md says what each is for; tests/differential has the parts.
"""

import argparse
import shutil
import sys
from pathlib import Path
from typing import NamedTuple

from safetensors.numpy import save_file

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "differential"))

import numpy_qwen3_moe  # noqa: E402
import random_checkpoint  # noqa: E402
import transformers_double  # noqa: E402

TOKENS = 80  # positions fill two KV pages of 32 and half of a third
MAX_DISAGREEMENT = 1e-10  # between transformers and numpy, both in double


class Variant(NamedTuple):
    seed: int
    changes: dict
    form: str = "transformers"
    shards: int = 1


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
}


def make(folder: Path, variant: Variant) -> str:
    config = random_checkpoint.complete(variant.changes)
    shutil.rmtree(folder, ignore_errors=True)
    random_checkpoint.write_checkpoint(folder, config, variant.seed, variant.form, variant.shards)
    reference = transformers_double.compute_clear(folder, TOKENS, variant.seed)
    tensors = reference._asdict()
    margin = tensors.pop("margin")
    file = folder / "reference.safetensors"
    save_file(tensors, file)
    difference = numpy_qwen3_moe.disagreement(folder, numpy_qwen3_moe.read_safetensors(file))
    if not difference < MAX_DISAGREEMENT:
        raise ValueError(f"{folder.name}: numpy and transformers differ by {difference:.1e}")
    size = sum(part.stat().st_size for part in folder.iterdir())
    return f"{folder.name:24} {size // 1024:4} KB, router margin {margin:.1e}, numpy differs by {difference:.1e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=HERE, help="where the folders go (default: beside this file)")
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these folders")
    arguments = parser.parse_args()
    for name in arguments.names or VARIANTS:
        print(make(arguments.out / name, VARIANTS[name]), flush=True)


if __name__ == "__main__":
    main()
