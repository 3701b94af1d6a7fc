#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the vectors of tests/unit/backend/quant. None of it comes from moxie.

    TYPE.blocks   blocks: random bytes, then one for each f16 of EDGES as each scale
    TYPE.f32      what gguf-py makes of them
    values.f32    rows to quantise
    TYPE.made     what gguf-py (flat types) or llama-quantize (the others) makes of values.f32

Needs numpy, gguf and llama-quantize. A second run gives the same bytes.
"""
import os
import sys
import tempfile

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

here = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(here, "..", "..", "differential"))
from compare_quants import FLAT, HALVES, KINDS, SEARCHED, llama_quantize, rows_of  # noqa: E402

# +0, -0, the smallest and largest subnormal, the smallest normal, 1, the largest of both signs, infinities, NaNs.
EDGES = [0x0000, 0x8000, 0x0001, 0x83ff, 0x0400, 0x3c00, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0xfd55]
ROWS, WIDTH = 2, 512


def blocks_of(rng, name):
    size = gguf.GGML_QUANT_SIZES[T[name]][1]
    parts = [rng.integers(0, 256, (6, size), np.uint8)]
    for at in HALVES[name]:
        blocks = rng.integers(0, 256, (len(EDGES), size), np.uint8)
        for other in HALVES[name]:  # finite, so that the other scale does not hide this one
            blocks[:, other:other + 2] = np.frombuffer(np.float16(0.37).tobytes(), np.uint8)
        blocks[:, at:at + 2] = np.array(EDGES, np.uint16).view(np.uint8).reshape(-1, 2)
        parts.append(blocks)
    if name == "MXFP4":
        blocks = rng.integers(0, 256, (12, size), np.uint8)
        blocks[:, 0] = [0, 1, 2, 3, 64, 126, 127, 128, 200, 253, 254, 255]
        parts.append(blocks)
    return np.concatenate(parts)


def main():
    rng = np.random.default_rng(20)
    write = lambda name, array: array.tofile(os.path.join(here, name))
    data = {f"blk.{i}.ffn_up.weight": rows_of(rng, kind, ROWS, WIDTH) for i, kind in enumerate(KINDS)}
    data["blk.7.ffn_up.weight"] = np.zeros((ROWS, WIDTH), np.float32)
    values = np.concatenate(list(data.values()))
    write("values.f32", values)
    for name in sorted(FLAT + SEARCHED, key=lambda name: name == "MXFP4"):  # the last that came takes its draws last
        blocks = blocks_of(rng, name)
        write(f"{name}.blocks", blocks)
        with np.errstate(all="ignore"):
            write(f"{name}.f32", gguf.quants.dequantize(blocks, T[name]))
        if name in FLAT:
            write(f"{name}.made", gguf.quants.quantize(values, T[name]))
            continue
        with tempfile.TemporaryDirectory() as folder:
            write(f"{name}.made", np.concatenate(list(llama_quantize(folder, name, data).values())))


if __name__ == "__main__":
    main()
