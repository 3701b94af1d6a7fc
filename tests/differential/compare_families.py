#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the program moxie with transformers in double and with llama.cpp, on random small checkpoints of each family.

    compare_families.py --moxie build/moxie [--seeds 20] [--families llama,qwen3]

For each checkpoint, with options drawn from what the family has (rope, window, biases, heads, tied embeddings):

transformers  continues a prompt greedily by 64 tokens in double. moxie's logits at all those places are off by at most
              1e-4 of the largest logit, and its best token is the same but where the two best are closer than that, which
              are counted.
GGUF          where the file can be said in GGUF, `moxie convert` to f32 gives the very same text of logits.
llama.cpp     names the same best token from that file, but where its two best are closer than the two programs; which
              keep keys and values as f16 and f32.
half a head   where GGUF's rope.dimension_count says so, logits are those of transformers with its embedding cut so.

Exits with 1 where anything differs by more. Needs numpy, torch, transformers, and libllama where --llama-cpp is given.
"""
import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch

import random_families
import transformers_double

PROMPT, ANSWER = 24, 64
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 32}


def draw(family: str, seed: int) -> tuple[dict, str]:
    """A configuration of the family, and the form of its file."""
    rng = np.random.default_rng([seed, *family.encode()])
    pick = lambda *choices: choices[rng.integers(len(choices))]  # noqa: E731
    heads = int(pick(2, 3, 4, 6))
    changes = {
        "num_attention_heads": heads,
        "num_key_value_heads": int(pick(*(g for g in (1, 2, 3, heads) if heads % g == 0))),
        "hidden_size": heads * int(pick(8, 12)),
        "num_hidden_layers": int(pick(1, 2, 3)),
        "vocab_size": int(pick(64, 97)),
        "rms_norm_eps": float(pick(1e-6, 1e-5, 1e-3)),
        "tie_word_embeddings": bool(pick(True, False, False)),
        "rope_theta": float(pick(500.0, 1e4, 1e6)),
    }
    scalings = [None, {"rope_type": "linear", "factor": 3.0},
                {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}]
    changes["rope_scaling"] = pick(*scalings, *([LLAMA3] if family in ("llama", "mistral", "mixtral") else []))
    if family in ("llama", "qwen3", "mistral", "mixtral", "seed_oss", "hy_v3", "solar_open"):
        changes["head_dim"] = int(pick(8, 16))
    if family in ("llama", "qwen3", "olmoe") and pick(True, False, False):
        changes["attention_bias"] = True
    if family == "llama":
        changes["mlp_bias"] = bool(pick(True, False))
    if family in ("mistral", "mixtral"):
        changes["sliding_window"] = pick(None, None, 5, 33)
    if family in ("qwen2", "qwen3", "qwen2_moe") and pick(True, False, False):
        changes |= {"use_sliding_window": True, "sliding_window": int(pick(5, 33)),
                    "max_window_layers": int(pick(0, 1, 2))}
    if family == "qwen2_moe" and pick(True, False, False):
        changes["decoder_sparse_step"] = 2
    if family in ("qwen2_moe", "olmoe"):
        changes["norm_topk_prob"] = bool(pick(True, False, False, False))
    if family in ("deepseek_v2", "deepseek_v3", "glm4_moe_lite", "kimi_k2"):
        changes |= draw_deepseek(family, heads, pick)
    changes |= draw_routed(family, changes, pick)
    if family == "gpt_oss":
        layers = changes["num_hidden_layers"]
        kinds = lambda slides: ["sliding_attention" if s else "full_attention" for s in slides]  # noqa: E731
        changes |= {
            "hidden_size": int(pick(32, 64)), "intermediate_size": int(pick(32, 64)), "head_dim": int(pick(8, 16)),
            "sliding_window": int(pick(5, 33)), "attention_bias": bool(pick(*[True] * 7, False)),
            "tie_word_embeddings": bool(pick(*[False] * 7, True)),
            "layer_types": pick(..., ..., kinds(i % 2 == 0 for i in range(layers)),
                                kinds(rng.integers(2) for _ in range(layers))),
            "rope_scaling": pick({"rope_type": "default"}, {"rope_type": "linear", "factor": 3.0},
                                 random_families.YARN_OF_GPT_OSS,
                                 random_families.YARN_OF_GPT_OSS | {"truncate": True, "factor": 4.0}),
        }
    if family == "olmoe":  # most have as many of both, as llama.cpp wants it
        changes["num_key_value_heads"] = int(pick(heads, heads, changes["num_key_value_heads"]))
    # What transformers writes of Cohere 2 has a rope_theta that it passes over.
    as_published = family in (*random_families.KNOWN_AS, "cohere2_moe") or "rope_parameters" in changes
    forms = ("published",) if as_published else ("published", "transformers")
    return random_families.complete(family, changes), pick(*forms)


def draw_routed(family: str, changes: dict, pick) -> dict:
    """Of the families that route as DeepSeek-V3 does, or nearly so, and of Seed-OSS."""
    layers = changes["num_hidden_layers"]
    router = {"norm_topk_prob": bool(pick(True, True, False)), "routed_scaling_factor": float(pick(1.0, 2.5)),
              "n_shared_experts": int(pick(1, 2)), "num_experts_per_tok": int(pick(1, 3))}
    groups = pick((1, 1), (1, 1), (4, 2))
    router |= {"n_group": groups[0], "topk_group": groups[1]}
    dense = {"first_k_dense_replace": int(pick(*range(layers)))}
    if family == "dots1":  # most have as many of both, as llama.cpp wants it
        heads = changes["num_attention_heads"]
        return router | dense | {"num_key_value_heads": int(pick(heads, heads, changes["num_key_value_heads"])),
                                 "tie_word_embeddings": bool(pick(*[False] * 7, True))}
    if family == "ernie4_5_moe":
        return {"moe_layer_interval": int(pick(1, 1, 2)), "moe_layer_start_index": int(pick(0, 1)), "num_hidden_layers": 3,
                "moe_num_shared_experts": int(pick(1, 2)), "moe_k": int(pick(1, 3))}
    if family == "glm4_moe":
        part = pick((0.5, 16), (0.5, 8), (0.25, 16), (1.0, 8))
        return router | dense | {"attention_bias": bool(pick(True, False)), "use_qk_norm": bool(pick(True, False)),
                                 "partial_rotary_factor": part[0], "head_dim": part[1]}
    if family == "hunyuan_v1_moe":
        k = int(pick(1, 3))
        alpha = random_families.ALPHA | {"alpha": float(pick(1000.0, 50.0))}
        return {"moe_topk": [k] * layers, "moe_intermediate_size": [16] * layers, "num_shared_expert": [1] * layers,
                "rope_scaling": pick(alpha, alpha, None), "head_dim": int(pick(8, 16)),
                "tie_word_embeddings": bool(pick(True, True, False))}
    if family == "hy_v3":
        return {"mlp_layer_types": ["dense" if i < dense["first_k_dense_replace"] else "sparse" for i in range(layers)],
                "num_experts_per_tok": int(pick(1, 3)), "num_shared_experts": int(pick(1, 2)),
                "router_scaling_factor": float(pick(1.0, 2.826))}
    if family == "minimax_m2":
        rotary = pick((8, 16), (4, 8), (8, 8))
        return {"attn_type_list": [1] * layers, "rotary_dim": rotary[0], "head_dim": rotary[1],
                "num_experts_per_tok": int(pick(1, 3))}
    if family == "solar_open":
        return router
    if family in ("gemma2", "gemma3_text"):
        head_dim = int(pick(8, 16))
        caps = {"attn_logit_softcapping": pick(3.0, 50.0), "final_logit_softcapping": pick(6.0, 30.0)}
        return {"head_dim": head_dim, "query_pre_attn_scalar": pick(head_dim, head_dim, head_dim, 5),
                "sliding_window": int(pick(5, 33)), "num_hidden_layers": int(pick(2, 3, 7)),
                "tie_word_embeddings": True, "rope_scaling": None if family == "gemma2" else pick(
                    None, {"rope_type": "linear", "factor": 8.0})} | (caps if family == "gemma2" else {})
    if family == "gemma4_text":
        return draw_gemma4(changes, pick)
    if family in ("cohere2_moe", "exaone_moe", "laguna"):
        return draw_windows(family, changes, pick)
    if family in ("flex_olmo", "granitemoe"):
        granite = {"attention_multiplier": pick(0.3, 0.1), "embedding_multiplier": pick(1.0, 3.0),
                   "logits_scaling": pick(1.0, 2.0), "residual_multiplier": pick(1.0, 0.4),
                   "attention_bias": bool(pick(True, False))}
        return {"num_experts_per_tok": int(pick(1, 3))} | (granite if family == "granitemoe" else
                                                           {"norm_topk_prob": bool(pick(True, False))})
    if family == "ministral3":
        return {"head_dim": int(pick(8, 16)), "rope_scaling": ..., "rope_theta": ..., "rope_parameters":
                random_families.YARN_OF_MISTRAL | {"llama_4_scaling_beta": float(pick(0.1, 0.3)),
                                                   "factor": float(pick(4.0, 16.0))}}
    if family == "mistral4":
        nope, rope = pick((8, 8), (12, 8), (12, 4))
        heads = changes["num_attention_heads"]
        return {"num_key_value_heads": heads, "q_lora_rank": pick(None, 20), "kv_lora_rank": int(pick(16, 24)),
                "qk_nope_head_dim": nope, "qk_rope_head_dim": rope, "v_head_dim": int(pick(8, 12)),
                "n_shared_experts": int(pick(1, 2)), "num_experts_per_tok": int(pick(1, 3)),
                "first_k_dense_replace": int(pick(0, layers - 1)), "rms_norm_eps": 1e-6, "rope_scaling": ...,
                "rope_theta": ..., "norm_topk_prob": bool(pick(True, True, False)), "rope_parameters":
                random_families.YARN_OF_MISTRAL | {"rope_theta": 10000.0, "partial_rotary_factor": rope / (nope + rope)}}
    if family == "granite":
        return {"attention_multiplier": pick(0.3, 0.1), "embedding_multiplier": pick(1.0, 3.0),
                "logits_scaling": pick(1.0, 2.0), "residual_multiplier": pick(1.0, 0.4),
                "mlp_bias": bool(pick(True, False)), "attention_bias": bool(pick(True, False))}
    if family == "olmo3":
        count = int(pick(2, 4, 5))
        return {"num_hidden_layers": count, "layer_types": ["full_attention" if i % 4 == 3 else "sliding_attention"
                                                            for i in range(count)], "sliding_window": int(pick(5, 33)),
                "tie_word_embeddings": bool(pick(*[False] * 7, True))}
    if family == "afmoe":
        return {"num_hidden_layers": int(pick(2, 4, 5)), "num_dense_layers": int(pick(0, 1)),
                "num_experts_per_tok": int(pick(1, 3)), "num_shared_experts": int(pick(1, 2)),
                "route_scale": float(pick(1.0, 2.826)), "mup_enabled": bool(pick(True, True, True, False)),
                "sliding_window": int(pick(5, 33)), "head_dim": int(pick(8, 16))}
    if family == "olmo2":
        return {"tie_word_embeddings": bool(pick(*[False] * 7, True))}
    if family == "smollm3":
        count = int(pick(2, 4, 5))
        return {"num_hidden_layers": count, "no_rope_layers": [int(i % 4 != 3) for i in range(count)],
                "tie_word_embeddings": bool(pick(True, False)), "attention_bias": False, "mlp_bias": False}
    if family == "seed_oss":
        return {"attention_bias": bool(pick(True, True, False)), "attention_out_bias": bool(pick(*[False] * 7, True)),
                "mlp_bias": bool(pick(*[False] * 7, True))}
    return {}


def draw_gemma4(changes: dict, pick) -> dict:
    """With experts, dense, or small: with inputs for each layer, and keys and values of other layers."""
    kind = pick("experts", "experts", "dense", "small")
    kinds = {"s": "sliding_attention", "f": "full_attention"}
    layers = pick("sf", "ssf", "sffsf") if kind != "small" else pick("sfsf", "ssfsf", "sfssf")
    heads = changes["num_attention_heads"]
    same = bool(pick(True, True, False)) if kind != "small" else False
    part = pick((0.25, 32), (0.5, 16), (1.0, 8), (0.25, 16))
    ropes = {name: dict(rope) for name, rope in random_families.GEMMA4_ROPES.items()}
    ropes["full_attention"]["partial_rotary_factor"] = part[0]
    return {"num_hidden_layers": len(layers), "layer_types": [kinds[kind] for kind in layers],
            "enable_moe_block": kind == "experts", "attention_k_eq_v": same, "global_head_dim": part[1],
            "head_dim": int(pick(8, 16)), "rope_parameters": ropes, "rope_scaling": ..., "rope_theta": ...,
            "num_global_key_value_heads": int(pick(*(g for g in (1, 2, 3) if heads % g == 0))),
            "sliding_window": int(pick(5, 33)), "top_k_experts": int(pick(1, 3)), "tie_word_embeddings": True,
            "final_logit_softcapping": pick(6.0, 30.0, None), "vocab_size_per_layer_input": changes["vocab_size"],
            "hidden_size_per_layer_input": int(pick(8, 16)) if kind == "small" else 0,
            "num_kv_shared_layers": int(pick(0, 1, 2)) if kind == "small" else 0,
            "use_double_wide_mlp": bool(pick(True, False)) if kind == "small" else False}


def draw_windows(family: str, changes: dict, pick) -> dict:
    """Of families whose layers with a window differ from the others."""
    count = int(pick(2, 4, 5))
    first = 0 if family == "laguna" else 3
    kinds = ["full_attention" if i % 4 == first else "sliding_attention" for i in range(count)]
    dense = int(pick(0, 1))
    common = {"num_hidden_layers": count, "layer_types": kinds, "num_experts_per_tok": int(pick(1, 3)),
              "mlp_layer_types": ["dense"] * dense + ["sparse"] * (count - dense), "sliding_window": int(pick(5, 33))}
    if family == "cohere2_moe":
        return common | {"head_dim": int(pick(8, 16)), "expert_selection_fn": pick("sigmoid", "softmax"),
                         "norm_topk_prob": bool(pick(True, True, False)), "num_shared_experts": int(pick(0, 1, 2)),
                         "shared_expert_combination_strategy": pick("average", "average", "sum"),
                         "rms_norm_eps": pick(..., ..., 1e-5), "logit_scale": pick(0.5, 0.0625),
                         "prefix_dense_sliding_window_pattern": int(pick(1, 1, 4)),
                         "attention_bias": False, "rope_scaling": None}
    plain = {"rope_scaling": ..., "rope_theta": ...}
    if family == "exaone_moe":
        return common | plain | {"first_k_dense_replace": dense, "num_shared_experts": int(pick(1, 2)),
                                 "norm_topk_prob": bool(pick(True, True, False)), "rope_parameters":
                                 {"rope_type": "default", "rope_theta": float(pick(1e4, 1e6))}}
    heads, kv = changes["num_attention_heads"], changes["num_key_value_heads"]
    ropes = {name: dict(rope) for name, rope in random_families.LAGUNA_ROPES.items()}
    if pick(True, False):
        ropes["full_attention"] |= {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
    return common | plain | {
        "head_dim": int(pick(8, 16)), "moe_router_logit_softcapping": pick(0.0, 0.0, 2.0), "rope_parameters": ropes,
        "num_attention_heads_per_layer": [heads if kind == "full_attention" else heads + kv for kind in kinds]}


def draw_deepseek(family: str, heads: int, pick) -> dict:
    yarn = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}
    layers, groups = int(pick(1, 2, 3)), int(pick(1, 2, 4))
    used = int(pick(*range(1, groups + 1)))
    changes = {
        "num_key_value_heads": heads,
        "num_hidden_layers": layers,
        "first_k_dense_replace": int(pick(*range(layers))),
        "q_lora_rank": pick(None, 20),
        "kv_lora_rank": int(pick(16, 24, 40)),
        "qk_nope_head_dim": int(pick(8, 12)),
        "qk_rope_head_dim": int(pick(4, 8)),
        "v_head_dim": int(pick(8, 12, 16)),
        "n_shared_experts": int(pick(1, 2)),
        "n_group": groups,
        "topk_group": used,
        "num_experts_per_tok": int(pick(1, min(3, used * 8 // groups))),
        "routed_scaling_factor": float(pick(1.0, 2.5)),
        "rms_norm_eps": float(pick(*[1e-6] * 7, 1e-3)),
        "rope_scaling": pick(None, yarn | {"mscale": 1.0, "mscale_all_dim": 1.0},
                             yarn | {"mscale": 0.707, "mscale_all_dim": 0.707},
                             yarn | {"mscale": 0.707, "mscale_all_dim": 0.707}, yarn | {"mscale": 1.0}),
        "attention_bias": bool(pick(True, *[False] * 7)),
    }
    if family == "glm4_moe_lite":
        first = changes["first_k_dense_replace"]
        changes["mlp_layer_types"] = ["dense" if i < first else "sparse" for i in range(layers)]
    if family == "deepseek_v2":
        changes["topk_method"] = pick("greedy", "greedy", "greedy", "group_limited_greedy")
    else:
        changes["norm_topk_prob"] = bool(pick(True, True, False))
        changes["rope_interleave"] = bool(pick(*[True] * 7, False))
    return changes


def greedy(folder: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Prompt and answer, and the logits at every place. Prompts are drawn until experts are chosen clearly there."""
    tokens = transformers_double.compute_clear(folder, PROMPT, seed).tokens
    with torch.no_grad(), transformers_double.WidenCasts():
        model = transformers_double.load(folder)
        ids = torch.tensor(tokens.astype(np.int64))[None]
        for _ in range(ANSWER):
            logits = model(ids, use_cache=False).logits[0]
            ids = torch.cat([ids, logits[-1].argmax()[None, None]], dim=1)
    return ids[0].numpy(), logits.numpy()


class Count:
    def __init__(self):
        self.worst, self.places, self.close, self.wrong = 0.0, 0, 0, []
        self.gguf, self.unsayable, self.llama, self.llama_close, self.llama_worst = 0, {}, 0, 0, 0.0
        self.partial, self.partial_worst = 0, 0.0


def moxie(command: list[str], *arguments) -> subprocess.CompletedProcess:
    return subprocess.run([*command, *map(str, arguments)], capture_output=True, text=True)


def logits_text(command: list[str], path: Path, tokens) -> str:
    done = moxie(command, "logits", "-m", path, "--all", "--json", "--matmul", "native", "--tokens",
                 ",".join(map(str, tokens)))
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


def write_tokenizer(folder: Path, vocab_size: int) -> None:
    """Without one, llama.cpp takes no file."""
    vocab = {chr(0x41 + i): i for i in range(vocab_size - 1)} | {"AB": vocab_size - 1}
    text = {"version": "1.0", "added_tokens": [], "model": {"type": "BPE", "vocab": vocab, "merges": [["A", "B"]]}}
    (folder / "tokenizer.json").write_text(json.dumps(text))


def compare_llama_cpp(path: Path, tokens: np.ndarray, ours: np.ndarray, count: Count, name: str) -> None:
    import llama_cpp

    with llama_cpp.Model(path) as model:
        theirs = model.logits(tokens[: len(ours)]).astype(np.float64)
    count.llama += 1
    # Of the row in the middle: where two experts are close, one row may have the other of them.
    middle = np.median(np.abs(ours - theirs).max(axis=1)) / np.abs(theirs).max()
    count.llama_worst = max(count.llama_worst, middle)
    for a, b in zip(ours, theirs):
        if a.argmax() != b.argmax():
            if b[b.argmax()] - b[a.argmax()] <= 2 * np.abs(a - b).max() and np.abs(a - b).max() < 0.05 * np.abs(b).max():
                count.llama_close += 1
            else:
                count.wrong.append(f"{name}: llama.cpp has another best token")
                return


def partial_logits(folder: Path, tokens: np.ndarray, theta: float, part: int) -> np.ndarray:
    """Of the same model, but that the rotary embedding turns the first `part` elements of each head: cut off and put
    back around transformers' own, as its families with a partial_rotary_factor do it."""
    with torch.no_grad(), transformers_double.WidenCasts():
        model = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float64, attn_implementation="eager", experts_implementation="eager",
            local_files_only=True).eval()
        model.model.rotary_emb.inv_freq = theta ** (-torch.arange(0, part, 2, dtype=torch.float64) / part)
        module = sys.modules[type(model).__module__]
        whole = module.apply_rotary_pos_emb

        def turn(q, k, *arguments, **named):
            turned = whole(q[..., :part], k[..., :part], *arguments, **named)
            return tuple(torch.cat([a, b[..., part:]], dim=-1) for a, b in zip(turned, (q, k)))

        module.apply_rotary_pos_emb = turn
        try:
            return model(torch.tensor(tokens)[None], use_cache=False).logits[0].numpy()
        finally:
            module.apply_rotary_pos_emb = whole


def compare_partial_rope(command: list[str], folder: Path, tokens: np.ndarray, config: dict, count: Count,
                         name: str) -> None:
    """The file with another rope.dimension_count. (libllama ends the process where these families have one.)"""
    import gguf

    half = (config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]) // 2
    if config["model_type"] not in ("qwen2", "qwen2_moe", "qwen3", "olmoe") or half % 2 or config.get("rope_scaling"):
        return
    reader = gguf.GGUFReader(folder / "m.gguf", "r+")
    architecture = reader.get_field("general.architecture").contents()
    field = reader.get_field(f"{architecture}.rope.dimension_count")
    field.parts[field.data[0]][0] = half
    reader.data.flush()
    del reader
    expected = partial_logits(folder, tokens[:-1], config["rope_theta"], half)
    ours = np.array(json.loads(logits_text(command, folder / "m.gguf", tokens[:-1]))["logits"], np.float64)
    count.partial += 1
    off = np.abs(ours - expected).max() / np.abs(expected).max()
    count.partial_worst = max(count.partial_worst, off)
    if not off <= 1e-4:
        count.wrong.append(f"{name}: off by {off:.1e} with half of each head turned")


def compare(command: list[str], family: str, seed: int, folder: Path, count: Count, llama: bool) -> None:
    config, form = draw(family, seed)
    name = f"{family} seed {seed}"
    random_families.write_checkpoint(folder, config, seed, form)
    write_tokenizer(folder, config["vocab_size"])
    known = folder
    if random_families.unknown(config):
        known = folder.parent / "known"
        random_families.write_known(known, config, seed)
    tokens, expected = greedy(known, seed)
    text = logits_text(command, folder, tokens[:-1])
    ours = np.array(json.loads(text)["logits"], np.float64)
    bound = 1e-4 * np.abs(expected).max()
    count.worst = max(count.worst, np.abs(ours - expected).max() / np.abs(expected).max())
    if not np.abs(ours - expected).max() <= bound:
        count.wrong.append(f"{name}: off by {np.abs(ours - expected).max() / np.abs(expected).max():.1e} {config}")
    for a, b in zip(ours[PROMPT - 1 :], expected[PROMPT - 1 :]):
        count.places += 1
        if a.argmax() != b.argmax():
            count.close += 1
            if b.max() - b[a.argmax()] > bound:
                count.wrong.append(f"{name}: another best token")
    path = folder / "m.gguf"
    done = moxie(command, "convert", "-m", folder, "--type", "f32", "-o", path)
    if done.returncode:
        reason = done.stderr.strip().split("needed ")[-1]
        count.unsayable[reason] = count.unsayable.get(reason, 0) + 1
        return
    count.gguf += 1
    if json.loads(logits_text(command, path, tokens[:-1]))["logits"] != json.loads(text)["logits"]:
        count.wrong.append(f"{name}: GGUF gives other bits")
    # llama.cpp reads past the key that says it, and rounds the bounds of yarn.
    if llama and (config.get("rope_scaling") or {}).get("truncate", True):
        compare_llama_cpp(path, tokens, ours, count, name)
    compare_partial_rope(command, folder, tokens, config, count, name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moxie", type=shlex.split, required=True, help="the program, also with arguments before its own")
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--families", type=lambda text: text.split(","), default=list(random_families.FAMILIES))
    parser.add_argument("--llama-cpp", action="store_true", help="compare with libllama too")
    options = parser.parse_args()
    wrong = []
    for family in options.families:
        count = Count()
        for seed in range(options.seeds):
            with tempfile.TemporaryDirectory() as name:
                compare(options.moxie, family, seed, Path(name) / "model", count, options.llama_cpp)
        print(f"{family:10} {options.seeds} checkpoints: largest difference {count.worst:.1e} of the largest logit; "
              f"{count.places} greedy tokens, {count.close} too close to tell; {count.gguf} also as GGUF; "
              f"{count.partial} with half of each head turned, off by {count.partial_worst:.1e}; "
              f"llama.cpp on {count.llama}: {count.llama_close} places too close to tell, "
              f"middle row off by {count.llama_worst:.1e} at most; {len(count.wrong)} wrong", flush=True)
        for reason, times in count.unsayable.items():
            print(f"           not said in GGUF, {times}: needed {reason}")
        wrong += count.wrong
    print(f"{len(wrong)} wrong" + "".join(f"\n  {line}" for line in wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
