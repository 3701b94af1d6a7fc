# SPDX-License-Identifier: Apache-2.0
"""Whether two programs part because a router's choice of experts was close.

After the same tokens each program has its routes: the K experts of each layer and row. They are read off by
gguf_qwen3_moe.cut_models(), files that end behind a router, so that a program's logits are the router's own scores.
explain() then asks a model in double, on the dequantized weights and checked against transformers,

- to go each program's way: that program's token must be the best, or as good but for the rounding of the type, so that
  routes and nothing else make the difference;
- how far apart the scores of the experts are that only one of the programs chose, in the lowest layer where they do;
- what rounding does to the scores of that layer: the same model, still in double, with the rows that go into products
  rounded as the type has it (to f16, to bf16, to 8 bits in blocks). Further apart than that, it was no close choice.

None of the last two comes from a program's own scores: those of a row that went another way are as far apart as they are,
whatever the reason.

Needs numpy, gguf, torch and transformers.
"""
import tempfile
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType as T

import gguf_qwen3_moe
import transformers_double


class Rounded(gguf_qwen3_moe.GgufQwen3Moe):
    """Keeps the routers' scores; where `rounds`, with rows rounded as programs do before a product."""

    def __init__(self, path: Path):
        super().__init__(path, quantize=False)
        self.rounds, self.scores = False, []

    def linear(self, x: np.ndarray, name: str) -> np.ndarray:
        kind = self.types[name]
        if self.rounds and kind == T.F16:
            x = x.astype(np.float16).astype(np.float64)
        elif self.rounds and kind == T.BF16:
            bits = x.astype(np.float32).view(np.uint32)
            bits = (bits + 0x7FFF + (bits >> 16 & 1)) & 0xFFFF0000
            x = bits.astype(np.uint32).view(np.float32).astype(np.float64)
        elif self.rounds and kind != T.F32:
            x = gguf_qwen3_moe.quantize_rows(x, gguf.GGML_QUANT_SIZES[kind][0])
        y = super().linear(x, name)
        if name.endswith(".mlp.gate"):
            self.scores.append(y)
        return y

    def scores_of(self, tokens, routes, rounds: bool) -> np.ndarray:
        self.scores, self.rounds = [], rounds
        self.run(tokens, routes)
        self.rounds = False
        return np.stack(self.scores)


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
    model = Rounded(path)
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
    # Below that layer both programs have the same routes.
    exact_scores, rounded = (model.scores_of(tokens, routes[0], rounds)[layer] for rounds in (False, True))
    rounding = float(np.abs(rounded - exact_scores).max())
    gaps = []
    for row in rows:
        x, y = (set(way[layer][row]) for way in routes)
        gaps.append(max(float(abs(exact_scores[row, i] - exact_scores[row, j])) for i in x - y for j in y - x))
    fine = min(lead) >= -close and max(gaps) <= 2 * rounding
    return fine, (f"layer {layer}, rows {rows.tolist()} of {len(tokens)}: the experts' scores are "
                  f"{', '.join(f'{gap:.1e}' for gap in gaps)} apart, rounding moves one by up to {rounding:.1e}; "
                  f"in double, by moxie's experts {ours} is {lead[0]:+.3f} ahead, by llama.cpp's {theirs} is "
                  f"{lead[1]:+.3f} ahead")
