# SPDX-License-Identifier: Apache-2.0
"""Logits of a checkpoint computed by transformers, in double from the first operation to the last.

A model loaded as float64 still computes much in float32: transformers casts there for the rotary tables (inverse
frequencies, angles, cosines), every RMSNorm, the softmax of attention and the softmax of the router. That is an error
of about 1e-7, which says nothing about whether a program that computes in float32 is right. So float32 is replaced by
float64 wherever transformers asks for it, while its own code runs as it is; and each operation is checked to have
returned nothing narrower, so that a cast overlooked here is an error and not a worse reference.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import transformers
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import routers

torch.set_default_dtype(torch.float64)  # of what whole numbers become where they are divided


class WidenCasts(TorchFunctionMode):
    """Turns every request for float32 into one for float64."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        if func is torch.Tensor.float:
            func = torch.Tensor.double

        def widen(argument):
            return torch.float64 if argument is torch.float32 else argument

        return func(*map(widen, args), **{name: widen(value) for name, value in (kwargs or {}).items()})


class RefuseNarrow(TorchDispatchMode):
    """Fails when an operation returns floating-point numbers other than float64."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor) and tensor.is_floating_point() and tensor.dtype != torch.float64:
                raise TypeError(f"{func} returned {tensor.dtype}: the reference would not be in double")
        return result


# Of router logits: far above what float32 loses, far below what is usual. Where the last expert chosen and the first
# one left out are closer than that, a right program in float32 may choose the other one.
MIN_MARGIN = 1e-3


class Reference(NamedTuple):
    tokens: np.ndarray  # [T] int32
    logits: np.ndarray  # [T, V] float64
    moe_layers: np.ndarray | None  # [L] int32: the layers that have a router; None where none has
    experts: np.ndarray | None  # [L, T, K] int32, heaviest first
    expert_weights: np.ndarray | None  # [L, T, K] float64
    margin: float  # smallest gap of router logits between the last expert chosen and the first one left out


def compute_clear(folder: Path, count: int, seed: int) -> Reference:
    """For the first draw of `count` random tokens with which no choice of experts is closer than MIN_MARGIN. The last
    and the first row of the vocabulary are always among them."""
    vocab = json.loads((folder / "config.json").read_text())["vocab_size"]
    for attempt in range(100):
        tokens = np.random.default_rng([seed, attempt]).integers(0, vocab, count)
        tokens[0], tokens[count // 2] = vocab - 1, 0
        reference = compute(folder, tokens)
        if reference.margin >= MIN_MARGIN:
            return reference
    raise ValueError(f"{folder}: no draw of tokens routes clearly; are the router's weights degenerate?")


def load(folder: Path):
    """The model in double; within WidenCasts."""
    config = transformers.AutoConfig.from_pretrained(folder, local_files_only=True)
    routers.mend_config(config)
    model_class = getattr(transformers, config.architectures[0])  # AutoModelForCausalLM does not know Mistral 4
    model, info = model_class.from_pretrained(
        folder,
        config=config,
        dtype=torch.float64,
        attn_implementation="eager",
        experts_implementation="eager",
        output_loading_info=True,
        local_files_only=True,
    )
    behind = f"model.layers.{config.num_hidden_layers}."  # what predicts further tokens
    info["unexpected_keys"] = [name for name in info["unexpected_keys"] if not name.startswith(behind)]
    wrong = {kind: sorted(names) for kind, names in info.items() if names}
    if wrong:
        raise ValueError(f"{folder}: transformers reports {wrong}")
    routers.mend(model)
    return model.eval()


class Choice(NamedTuple):
    experts: torch.Tensor  # [T, K], heaviest first
    weights: torch.Tensor  # [T, K]
    margin: float


def watch(model, routed: dict) -> None:
    """Notes what each layer's router chooses."""
    for i, layer in enumerate(model.model.layers):
        owner = getattr(layer, "mlp", None)
        if not hasattr(owner, "experts"):
            owner = getattr(layer, "block_sparse_moe", layer)
        if hasattr(owner, "experts") or hasattr(owner, "input_linear"):
            routers.watch(owner, lambda *choice, i=i: routed.__setitem__(i, Choice(*choice)))


def compute(folder: Path, tokens: np.ndarray) -> Reference:
    torch.set_num_threads(1)  # the order of a sum must not depend on the machine's cores
    torch.use_deterministic_algorithms(True)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    routed = {}

    with torch.no_grad(), WidenCasts():
        model = load(folder)
        watch(model, routed)
        with RefuseNarrow():
            logits = model(torch.tensor(tokens)[None], use_cache=False).logits[0]

    layers = sorted(routed)
    if not layers:  # a dense family
        return Reference(tokens.astype(np.int32), logits.numpy(), None, None, None, float("inf"))
    return Reference(
        tokens=tokens.astype(np.int32),
        logits=logits.numpy(),
        moe_layers=np.array(layers, np.int32),
        experts=np.stack([routed[i].experts.numpy() for i in layers]).astype(np.int32),
        expert_weights=np.stack([routed[i].weights.numpy() for i in layers]),
        margin=min(routed[i].margin for i in layers),
    )

