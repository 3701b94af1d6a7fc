# SPDX-License-Identifier: Apache-2.0
"""Whether two programs part because a router's choice of experts was close.

After the same tokens each program has its routes: the K experts of each layer and row. They are read off by
gguf_qwen3_moe.cut_models(), files that end behind a router, so that a program's logits are the router's own scores.
explain() then asks a model in double, on the dequantised weights and checked against transformers,

- to go each program's way: that program's token must be the best, or as good but for the rounding of the type, so that
  routes and nothing else make the difference;
- by how much the two programs' scores differ where both still had the same rows of experts below: that is rounding;
- how far apart the scores of the experts are that only one of them chose, in the first layer where they do: closer than
  that rounding, or it was no close choice.

Needs numpy, gguf, torch and transformers.
"""
import tempfile
from pathlib import Path

import numpy as np

import gguf_qwen3_moe
import transformers_double


def router_scores(files, logits, experts: int) -> np.ndarray:
    """[L, T, N] of a program: `logits` runs a file."""
    return np.stack([np.asarray(logits(file), np.float64)[:, :experts] for file in files])


def chosen(scores: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-scores, axis=-1, kind="stable")[..., :k]


def first_difference(a: np.ndarray, b: np.ndarray) -> tuple[int, np.ndarray] | None:
    """The lowest layer in which two routes differ, and the rows in which they do."""
    for layer, (x, y) in enumerate(zip(np.sort(a, -1), np.sort(b, -1))):
        rows = np.nonzero((x != y).any(-1))[0]
        if len(rows):
            return layer, rows
    return None


def explain(path: Path, tokens: list[int], ours: int, theirs: int, moxie_logits, llama_logits,
            close: float) -> tuple[bool, str]:
    """Behind the tokens one program says `ours`, the other `theirs`. `moxie_logits(file)` and `llama_logits(file, n)`:
    [T, V], and [T, n] up to a number for each row. `close`: what rounding does to the distance of two logits. Whether it
    was a close choice of experts, and the figures."""
    model = gguf_qwen3_moe.GgufQwen3Moe(path, quantise=False)
    n, k = model.config["num_experts"], model.config["num_experts_per_tok"]

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = gguf_qwen3_moe.cut_models(path, folder, with_tokenizer=True)
        a = router_scores(files, moxie_logits, n)
        b = router_scores(files, lambda file: llama_logits(file, n), n)
        gguf_qwen3_moe.write_folder(model, folder / "hugging_face")
        exact = transformers_double.compute(folder / "hugging_face", np.array(tokens))
    plain = model.run(tokens)[0]
    doubt = np.abs(plain - exact.logits).max() / np.abs(exact.logits).max()
    if not doubt < 1e-9:
        raise RuntimeError(f"the reference is in doubt: numpy and transformers differ by {doubt:.1e}")

    routes = [chosen(a, k), chosen(b, k)]
    differ = first_difference(*routes)
    if differ is None:
        return False, "both choose the same experts"
    layer, rows = differ
    ways = [model.run(tokens, way)[0][-1] for way in routes]
    lead = [float(way[mine] - way[way != way[mine]].max()) for way, mine in zip(ways, (ours, theirs))]
    # In the lowest layer where they differ, all rows had the same experts below, and differ by rounding alone.
    shift = a[layer] - b[layer]
    rounding = float(np.abs(shift - shift.mean(-1, keepdims=True)).max())
    gaps = []
    for row in rows:
        only = [sorted(set(x) - set(y)) for x, y in ((routes[0][layer][row], routes[1][layer][row]),
                                                     (routes[1][layer][row], routes[0][layer][row]))]
        gaps.append(max(float(a[layer, row, i] - a[layer, row, j]) for i in only[0] for j in only[1]))
    fine = min(lead) >= -close and max(gaps) <= 2 * rounding
    return fine, (f"layer {layer}, rows {rows.tolist()} of {len(tokens)}: scores at the border are "
                  f"{', '.join(f'{gap:.1e}' for gap in gaps)} apart, the programs' differ by up to {rounding:.1e}; "
                  f"in double, by moxie's experts {ours} is {lead[0]:+.3f} ahead, by llama.cpp's {theirs} is {lead[1]:+.3f} ahead")
