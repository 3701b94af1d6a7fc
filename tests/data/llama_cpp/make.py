#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes what is beside it: a small checkpoint that llama-quantize wrote in every type, and what llama.cpp and numpy say
to it; and what llama.cpp says to files that `moxie synth` writes.

    make.py                         all_types.gguf, all_types.safetensors
    make.py --moxie build/moxie     synth.safetensors

Needs numpy, gguf, torch, safetensors, llama-quantize and libllama.
"""
import argparse
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np
import torch
from safetensors.torch import save_file

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "differential"))
import gguf_qwen3_moe  # noqa: E402
import llama_cpp  # noqa: E402
from compare_quantised import Moxie, divergence  # noqa: E402

# Rows of 256 for the types that need them, of 128 and 64 behind attention and in the experts.
LAYERS, D, HEADS, KV_HEADS, C, EXPERTS, CHOSEN, H, V = 2, 256, 4, 2, 32, 4, 2, 64, 260
TYPES = {
    "token_embd": "q4_K", "output": "q6_K",
    "blk.0.attn_q": "q2_K", "blk.0.attn_k": "q3_K", "blk.0.attn_v": "q4_K", "blk.0.attn_output": "q4_0",
    "blk.0.ffn_gate_exps": "q5_K", "blk.0.ffn_up_exps": "q6_K", "blk.0.ffn_down_exps": "q4_1",
    "blk.1.attn_q": "q8_0", "blk.1.attn_k": "f16", "blk.1.attn_v": "bf16", "blk.1.attn_output": "q5_0",
    "blk.1.ffn_gate_exps": "iq4_nl", "blk.1.ffn_up_exps": "iq4_xs", "blk.1.ffn_down_exps": "q5_1",
}  # fmt: skip
TOKENS = 16
# Of router logits, between the last expert chosen and the first left out: above what quantised activations move them.
MIN_MARGIN = 0.05
SYNTH = ["--layers", "2", "--hidden", "256", "--experts", "8", "--experts-per-token", "2", "--expert-width", "256", "--heads", "4",
         "--kv-heads", "2", "--head-width", "32", "--vocab", "259", "--seed", "4"]
SYNTH_TYPES = ["q4_k_m", "q8_0", "q4_0", "bf16", "f32"]


def write_exact(path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "qwen3moe")
    writer.add_block_count(LAYERS)
    writer.add_context_length(512)
    writer.add_embedding_length(D)
    writer.add_feed_forward_length(H * CHOSEN)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(C)
    writer.add_value_length(C)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_expert_count(EXPERTS)
    writer.add_expert_used_count(CHOSEN)
    writer.add_expert_feed_forward_length(H)
    # Bytes, one piece of two, and control tokens.
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    tokens = [chr(byte) if byte in printable else chr(next(others)) for byte in range(256)]
    writer.add_token_list(tokens + ["et", "<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    writer.add_token_types([1] * 257 + [3] * 3)
    writer.add_token_merges(["e t"])
    writer.add_eos_token_id(259)

    def matrix(name, *shape, gain=1.0):
        values = rng.standard_normal(shape) * gain / np.sqrt(shape[-1])
        writer.add_tensor(f"{name}.weight", values.astype(np.float32))

    def norm(name, width, mean=1.0):
        writer.add_tensor(f"{name}.weight", (mean + 0.25 * rng.standard_normal(width)).astype(np.float32))

    matrix("token_embd", V, D, gain=np.sqrt(D))
    for layer in range(LAYERS):
        block = f"blk.{layer}"
        norm(f"{block}.attn_norm", D)
        matrix(f"{block}.attn_q", HEADS * C, D)
        matrix(f"{block}.attn_k", KV_HEADS * C, D)
        matrix(f"{block}.attn_v", KV_HEADS * C, D)
        matrix(f"{block}.attn_output", D, HEADS * C)
        norm(f"{block}.attn_q_norm", C, 1.3)
        norm(f"{block}.attn_k_norm", C, 1.3)
        norm(f"{block}.ffn_norm", D)
        matrix(f"{block}.ffn_gate_inp", EXPERTS, D, gain=2.0)
        matrix(f"{block}.ffn_gate_exps", EXPERTS, H, D)
        matrix(f"{block}.ffn_up_exps", EXPERTS, H, D)
        matrix(f"{block}.ffn_down_exps", EXPERTS, D, H)
    norm("output_norm", D)
    matrix("output", V, D)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


class Margins(gguf_qwen3_moe.GgufQwen3Moe):
    """Remembers how close the closest choice of experts was."""

    def moe(self, x, name):
        chosen = self.config["num_experts_per_tok"]
        scores = -np.sort(-self.linear(x, f"{name}.gate"), axis=-1)
        self.margin = min(self.margin, (scores[:, chosen - 1] - scores[:, chosen]).min())
        return super().moe(x, name)


def clear_tokens(model: Margins, vocab: int) -> np.ndarray:
    """The first draw with which no choice of experts is close, with and without quantised activations."""
    for attempt in range(3000):
        tokens = np.random.default_rng([7, attempt]).integers(0, vocab, TOKENS)
        model.margin = np.inf
        for model.quantise in (False, True):
            if model.margin >= MIN_MARGIN:
                model.run(tokens)
        if model.margin >= MIN_MARGIN:
            return tokens
    raise ValueError("no draw of tokens routes clearly")


def make_all_types() -> None:
    target = HERE / "all_types.gguf"
    with tempfile.TemporaryDirectory() as name:
        exact = Path(name) / "exact.gguf"
        write_exact(exact, 7)
        options = [part for tensor, kind in TYPES.items()
                   for part in ("--tensor-type", rf"^{tensor.replace('.', chr(92) + '.')}\.weight={kind}")]
        subprocess.run(["llama-quantize", *options, exact, target, "Q8_0", "2"], check=True, capture_output=True)
    for tensor in gguf.GGUFReader(target).tensors:
        wanted = TYPES.get(tensor.name.removesuffix(".weight"), "f32")
        if tensor.tensor_type.name.lower() != wanted.lower():
            raise ValueError(f"{tensor.name} came as {tensor.tensor_type.name}, not {wanted}")
    model = Margins(target)
    tokens = clear_tokens(model, V)
    rule = model.run(tokens)[0]
    model.quantise = False
    exact_logits = model.run(tokens)[0]
    with llama_cpp.Model(target) as llama:
        logits = llama.logits(tokens)
    print(f"margin {model.margin:.3f}; KL of llama.cpp {divergence(exact_logits, logits).mean():.2e}, "
          f"of the rule {divergence(exact_logits, rule).mean():.2e}")
    save_file({"tokens": torch.from_numpy(tokens.astype(np.int32)), "llama": torch.from_numpy(logits),
               "rule": torch.from_numpy(rule), "exact": torch.from_numpy(exact_logits)}, HERE / "all_types.safetensors")


def make_synth(moxie: Moxie) -> None:
    tensors = {}
    with tempfile.TemporaryDirectory() as name:
        for kind in SYNTH_TYPES:
            path = Path(name) / f"{kind}.gguf"
            moxie.run("synth", *SYNTH, "--type", kind, "-o", path)
            tokens = clear_tokens(Margins(path), 259)
            with llama_cpp.Model(path) as llama:
                logits = llama.logits(tokens)
            tensors[f"{kind}.tokens"] = torch.from_numpy(tokens.astype(np.int32))
            tensors[f"{kind}.llama"] = torch.from_numpy(logits)
            print(f"{kind}: KL {divergence(logits, moxie.logits(path, tokens)).mean():.2e}")
    save_file(tensors, HERE / "synth.safetensors")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moxie", type=shlex.split, help="the program, also with arguments before its own")
    options = parser.parse_args()
    (HERE / "config.json").write_text("{}\n")  # without one, moxie reads no safetensors
    if options.moxie:
        make_synth(Moxie(options.moxie))
    else:
        make_all_types()


if __name__ == "__main__":
    main()
