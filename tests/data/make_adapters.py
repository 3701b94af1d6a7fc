#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Low-rank adapters as PEFT writes them, and the logits that they give, in numpy and double.

    make_adapters.py            writes tests/data/adapters

The reference is PEFT's forward pass of a linear layer: base(x) + scale * B(A(x)) for each adapter in turn, by
tests/differential/numpy_qwen3_moe.py, which shares no code with moxie.
"""
import json
import struct
import sys
from pathlib import Path

import numpy as np

DATA = Path(__file__).resolve().parent
sys.path.insert(0, str(DATA.parent / "differential"))
from numpy_qwen3_moe import Qwen3Moe, read_safetensors  # noqa: E402

TYPES = {np.dtype("<f4"): "F32", np.dtype("<f8"): "F64", np.dtype("<f2"): "F16"}


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, array in sorted(tensors.items()):
        raw = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": TYPES[array.dtype], "shape": list(array.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def make(name, shapes, config, dtype, seed):
    """Random A and B for each module of [out, in]; their ranks as the configuration says."""
    modules = list(shapes)
    random = np.random.default_rng(seed)
    folder = DATA / "adapters" / name
    folder.mkdir(parents=True, exist_ok=True)
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "bias": "none", "use_dora": False, "fan_in_fan_out": False,
              "modules_to_save": None, "target_modules": sorted({m.split(".")[-1] for m in modules})} | config
    tensors, scales = {}, {}
    for module in modules:
        out, inner = shapes[module]
        last = module.split(".")[-1]
        rank = config.get("rank_pattern", {}).get(last, config["r"])
        alpha = config.get("alpha_pattern", {}).get(last, config["lora_alpha"])
        scales[module] = alpha / (rank**0.5 if config.get("use_rslora") else rank)
        tensors[f"base_model.model.{module}.lora_A.weight"] = (random.standard_normal((rank, inner)) * 0.2).astype(dtype)
        tensors[f"base_model.model.{module}.lora_B.weight"] = (random.standard_normal((out, rank)) * 0.2).astype(dtype)
    write_safetensors(folder / "adapter_model.safetensors", tensors)
    (folder / "adapter_config.json").write_text(json.dumps(config, indent=2) + "\n")
    return tensors, scales


class Adapted(Qwen3Moe):
    adapters = ()  # of (tensors, scales, weight)

    def shapes(self, modules):
        return {module: self.weights[f"{module}.weight"].shape for module in modules}

    def linear(self, x, name):
        y = super().linear(x, name)
        for tensors, scales, weight in self.adapters:
            if name not in scales:
                continue
            a = tensors[f"base_model.model.{name}.lora_A.weight"].astype(np.float64)
            b = tensors[f"base_model.model.{name}.lora_B.weight"].astype(np.float64)
            y = y + weight * scales[name] * ((x @ a.T) @ b.T)
        return y


def main():
    experts = Adapted(DATA / "tiny_tied")
    attention = [f"model.layers.{i}.self_attn.{m}_proj" for i in range(2) for m in "qkvo"]
    of_experts = [f"model.layers.{i}.mlp.experts.{e}.{m}_proj" for i in range(2) for e in (0, 3, 5) for m in ("gate", "up", "down")]
    first = make("first", experts.shapes(attention + of_experts), {"r": 4, "lora_alpha": 8}, np.dtype("<f4"), 1)
    second = make("second", experts.shapes(attention[:3] + of_experts[:5]),
                  {"r": 2, "lora_alpha": 6, "use_rslora": True, "rank_pattern": {"up_proj": 3}, "alpha_pattern": {"q_proj": 1}},
                  np.dtype("<f2"), 2)
    dense = Adapted(DATA / "mlp_only_layers")
    layer = dense.config["mlp_only_layers"][0]
    of_dense = [f"model.layers.{layer}.mlp.{m}_proj" for m in ("gate", "up", "down")] + [f"model.layers.{layer}.self_attn.q_proj"]
    third = make("dense", dense.shapes(of_dense), {"r": 3, "lora_alpha": 3}, np.dtype("<f4"), 3)

    # For examples/15_add_an_adapter: of the sizes of the model that comes with moxie.
    tiny = {"model.layers.2.self_attn.q_proj": (256, 192)}
    for expert in range(8):
        tiny |= {f"model.layers.2.mlp.experts.{expert}.{m}_proj": (192, 160) if m == "down" else (160, 192) for m in ("gate", "up", "down")}
    make("moxie_tiny", tiny, {"r": 2, "lora_alpha": 16}, np.dtype("<f2"), 4)

    tokens = read_safetensors(DATA / "tiny_tied" / "reference.safetensors")["tokens"].tolist()
    reference = {}
    experts.adapters = [(*first, 1.0)]
    reference["first"] = experts.run(tokens)[0]
    experts.adapters = [(*first, 1.0), (*second, -0.5)]
    reference["both"] = experts.run(tokens)[0]
    dense.adapters = [(*third, 1.0)]
    reference["dense"] = dense.run(read_safetensors(DATA / "mlp_only_layers" / "reference.safetensors")["tokens"].tolist())[0]
    write_safetensors(DATA / "adapters" / "logits.safetensors", {k: v.astype("<f8") for k, v in reference.items()})
    (DATA / "adapters" / "config.json").write_text("{}\n")
    for name, logits in reference.items():
        print(name, logits.shape, float(np.abs(logits).max()))


if __name__ == "__main__":
    main()
