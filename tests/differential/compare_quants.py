#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares moxie's block formats with gguf-py and llama-quantize.

    compare_quants.py BUILD/tests/unit/backend/quant/quantize_file [--blocks N] [--rows N] [--seed S]

1. Dequantized values: the same bits as gguf-py's for random blocks and for every f16 as a scale.
2. Quantized bytes of Q4_0, Q4_1, Q5_0, Q5_1, Q8_0, MXFP4, F16 and BF16: the same as gguf-py's.
3. All types: the RMSE of what llama-quantize makes of the same rows, within 2 %. Needs llama-quantize.

Exits with 1 where anything differs by more than it may. Needs numpy and gguf.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

FLAT = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "MXFP4"]
SEARCHED = ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
# The f16 fields of a block: where they lie.
HALVES = {"Q4_0": [0], "Q4_1": [0, 2], "Q5_0": [0], "Q5_1": [0, 2], "Q8_0": [0], "Q2_K": [80, 82], "Q3_K": [108],
          "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "IQ4_NL": [0], "IQ4_XS": [0], "MXFP4": []}
LLAMA_NAMES = {"Q3_K": "Q3_K_S", "Q4_K": "Q4_K_S", "Q5_K": "Q5_K_S", "MXFP4": "MXFP4_MOE"}
failures = []


def check(ok, text):
    print(("ok    " if ok else "WRONG ") + text)
    if not ok:
        failures.append(text)


class Moxie:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, action, name, array):
        source, target = (os.path.join(self.folder, n) for n in ("in", "out"))
        array.tofile(source)
        took = subprocess.run([self.program, action, name, source, target], check=True, capture_output=True, text=True)
        self.seconds = float(took.stdout)
        return np.fromfile(target, np.uint8)

    def dequantize(self, name, blocks):
        return self.run("dequantize", name, blocks).view(np.float32)

    def quantize(self, name, values):
        return self.run("quantize", name, np.ascontiguousarray(values, np.float32))


def random_blocks(rng, name, count):
    """Random bytes, which have NaN and infinite scales among them, then one block for each f16 as each scale."""
    size = gguf.GGML_QUANT_SIZES[T[name]][1]
    parts = [rng.integers(0, 256, (count, size), np.uint8)]
    for at in HALVES[name]:
        blocks = rng.integers(0, 256, (65536, size), np.uint8)
        blocks[:, at:at + 2] = np.arange(65536, dtype=np.uint16).view(np.uint8).reshape(-1, 2)
        parts.append(blocks)
    if name == "MXFP4":  # its scale is a byte
        blocks = rng.integers(0, 256, (256, size), np.uint8)
        blocks[:, 0] = np.arange(256)
        parts.append(blocks)
    return np.concatenate(parts)


def compare_dequantized(moxie, rng, count):
    for name in FLAT + SEARCHED:
        blocks = random_blocks(rng, name, count)
        ours = moxie.dequantize(name, blocks).view(np.uint32)
        with np.errstate(all="ignore"):
            theirs = gguf.quants.dequantize(blocks, T[name]).ravel().view(np.uint32)
        is_nan = lambda bits: (bits & 0x7fffffff) > 0x7f800000
        same = (ours == theirs) | (is_nan(ours) & is_nan(theirs))
        check(same.all(), f"dequantize {name}: {ours.size} elements, {(~same).sum()} differ, "
              f"{is_nan(ours).sum()} NaN, of them {(ours != theirs)[is_nan(ours)].sum()} with other bits")
    every = np.arange(65536, dtype=np.uint16)
    for name, theirs in (("F16", every.view(np.float16).astype(np.float32)),
                         ("BF16", gguf.quants.dequantize(every.view(np.uint8), T.BF16))):
        ours = moxie.dequantize(name, every)
        same = (ours.view(np.uint32) == theirs.view(np.uint32)) | (np.isnan(ours) & np.isnan(theirs))
        check(same.all(), f"dequantize {name}: all 65536, {(~same).sum()} differ")


def rows_of(rng, kind, rows, width):
    if kind == "normal":
        return rng.standard_normal((rows, width)).astype(np.float32) * np.float32(0.02)
    if kind == "heavy-tailed":
        return rng.standard_t(3, (rows, width)).astype(np.float32) * np.float32(0.02)
    if kind == "uniform":
        return rng.uniform(-1, 1, (rows, width)).astype(np.float32)
    if kind == "outliers":
        x = rng.standard_normal((rows, width)).astype(np.float32) * np.float32(0.01)
        return np.where(rng.random((rows, width)) < 0.002, x * 40, x).astype(np.float32)
    if kind == "shifted":
        return (rng.standard_normal((rows, width)) * 0.02 + 0.05).astype(np.float32)
    if kind == "scales":  # rows from 1e-6 to 1e3
        return (rng.standard_normal((rows, width)) * 10.0 ** rng.uniform(-6, 3, (rows, 1))).astype(np.float32)
    if kind == "few values":  # ties and zeros
        return rng.integers(-3, 4, (rows, width)).astype(np.float32) * np.float32(0.125)
    raise ValueError(kind)


KINDS = ["normal", "heavy-tailed", "uniform", "outliers", "shifted", "scales", "few values"]


def compare_quantized_flat(moxie, rng, rows):
    for kind in KINDS:
        x = rows_of(rng, kind, rows, 4096)
        for name in FLAT:
            with np.errstate(all="ignore"):
                theirs = gguf.quants.quantize(x, T[name]).ravel()
            wrong = (moxie.quantize(name, x) != theirs).sum()
            check(wrong == 0, f"quantize {name}, {kind}: {wrong} of {theirs.size} bytes differ")
    bits = rng.integers(0, 2**32, 1 << 20, np.uint64).astype(np.uint32)
    halves = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
    with np.errstate(all="ignore"):
        ties = (halves.astype(np.float64) * (1 + 2.0**-11)).astype(np.float32)
        x = np.concatenate([bits.view(np.float32), halves, ties, np.nextafter(ties, np.float32(0))])
        for name, theirs in (("F16", x.astype(np.float16).view(np.uint16)),
                             ("BF16", gguf.quants.quantize(x, T.BF16).view(np.uint16))):
            ours = moxie.quantize(name, x).view(np.uint16)
            mantissa = 0x3ff if name == "F16" else 0x7f
            nan = lambda h: ((h | 0x8000 | mantissa) == 0xffff) & ((h & mantissa) != 0)
            same = (ours == theirs) | (nan(ours) & nan(theirs))
            check(same.all(), f"quantize {name}: {(~same).sum()} of {x.size} differ")


def llama_quantize(folder, name, tensors):
    source, target = os.path.join(folder, "f32.gguf"), os.path.join(folder, "quantized.gguf")
    width = next(iter(tensors.values())).shape[1]
    writer = gguf.GGUFWriter(source, "llama")
    writer.add_block_count(len(tensors))
    writer.add_context_length(64)
    writer.add_embedding_length(width)
    writer.add_feed_forward_length(width)
    writer.add_head_count(8)
    writer.add_layer_norm_rms_eps(1e-5)
    for tensor, x in tensors.items():
        writer.add_tensor(tensor, x)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    done = subprocess.run(["llama-quantize", "--pure", source, target, LLAMA_NAMES.get(name, name), "1"],
                          capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(done.stdout[-2000:] + done.stderr[-2000:])
    result = {}
    for tensor in gguf.GGUFReader(target).tensors:
        if tensor.tensor_type != T[name]:
            raise RuntimeError(f"{tensor.name} came as {tensor.tensor_type.name}, not {name}")
        result[tensor.name] = np.array(tensor.data).reshape(-1)
    return result


def compare_with_llama(moxie, rng, rows, folder):
    data = {f"blk.{i}.ffn_up.weight": rows_of(rng, kind, rows, 4096) for i, kind in enumerate(KINDS)}
    for name in FLAT + SEARCHED:
        theirs = llama_quantize(folder, name, data)
        size = gguf.GGML_QUANT_SIZES[T[name]][1]
        for kind, (tensor, x) in zip(KINDS, data.items()):
            ours = moxie.quantize(name, x)
            rmse = lambda blocks: np.sqrt(np.mean((gguf.quants.dequantize(blocks, T[name]).ravel().astype(np.float64)
                                                   - x.ravel()) ** 2))
            a, b = rmse(ours), rmse(theirs[tensor])
            ratio = a / b if b else (1.0 if a == b else np.inf)
            same = (ours.reshape(-1, size) == theirs[tensor].reshape(-1, size)).all(1).mean()
            equal = (gguf.quants.dequantize(ours, T[name]) == gguf.quants.dequantize(theirs[tensor], T[name])).mean()
            check(ratio <= 1.02, f"llama-quantize {name}, {kind}: RMSE {a:.6g}, {ratio:.5f} of theirs, "
                  f"{100 * same:.2f} % of blocks identical, {100 * equal:.4f} % of values equal")


def measure(moxie, rng):
    x = rng.standard_normal(1 << 24).astype(np.float32) * np.float32(0.02)
    for name in ["F16", "BF16"] + FLAT + SEARCHED:
        blocks = moxie.quantize(name, x)
        narrow = x.nbytes / moxie.seconds / 1e6
        moxie.dequantize(name, blocks)
        print(f"speed of one thread, {name}: quantize {narrow:.0f} MB/s, dequantize {x.nbytes / moxie.seconds / 1e6:.0f} MB/s of f32")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--blocks", type=int, default=20000)
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=["dequantize", "flat", "llama", "speed"])
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        moxie = Moxie(os.path.abspath(options.program), folder)
        wanted = lambda part: options.only in (None, part)
        if wanted("dequantize"):
            compare_dequantized(moxie, rng, options.blocks)
        if wanted("flat"):
            compare_quantized_flat(moxie, rng, options.rows)
        if wanted("llama"):
            compare_with_llama(moxie, rng, options.rows, folder)
        if wanted("speed"):
            measure(moxie, rng)
    print(f"seed {options.seed}: {len(failures)} wrong")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
