# SPDX-License-Identifier: Apache-2.0
"""Writes the files of this folder with the safetensors library, and says what is in them.

Needs torch, safetensors and huggingface_hub. Element i of the n-th tensor (in the order below) is (7 * n + i) % 100,
as a number of its type; of a bool tensor, whether that is odd.
"""
import json
import pathlib

import torch
from huggingface_hub import save_torch_state_dict
from safetensors.torch import save_file

TYPES = [
    ("BOOL", torch.bool), ("U8", torch.uint8), ("I8", torch.int8), ("F8_E5M2", torch.float8_e5m2),
    ("F8_E4M3", torch.float8_e4m3fn), ("U16", torch.uint16), ("I16", torch.int16), ("F16", torch.float16),
    ("BF16", torch.bfloat16), ("U32", torch.uint32), ("I32", torch.int32), ("F32", torch.float32),
    ("U64", torch.uint64), ("I64", torch.int64), ("F64", torch.float64),
]
SHAPES = [[3], [2, 3], [1, 2, 3], [2, 1, 2, 3], []]


def tensors():
    out = {}
    for n, (name, dtype) in enumerate(TYPES):
        shape = SHAPES[n % len(SHAPES)]
        count = 1
        for dim in shape:
            count *= dim
        values = [(7 * n + i) % 100 for i in range(count)]
        if dtype == torch.bool:
            values = [v % 2 for v in values]
        flat = torch.tensor(values, dtype=torch.float64).to(dtype)
        out[f"tensor.{name}"] = flat.reshape(shape).contiguous()
    out["tensor.none"] = torch.zeros([0, 4])
    return out


def main():
    here = pathlib.Path(__file__).resolve().parent
    config = json.dumps({"model_type": "none"}) + "\n"
    for folder in ("single", "sharded"):
        (here / folder).mkdir(exist_ok=True)
        (here / folder / "config.json").write_text(config)
    save_file(tensors(), here / "single" / "model.safetensors", metadata={"format": "pt", "made by": "make.py"})
    # huggingface_hub does not know the wider unsigned types.
    known = {name: t for name, t in tensors().items() if name not in ("tensor.U16", "tensor.U32", "tensor.U64")}
    save_torch_state_dict(known, here / "sharded", max_shard_size=64)
    for path in here.glob("*/*"):
        path.chmod(0o644)


if __name__ == "__main__":
    main()
