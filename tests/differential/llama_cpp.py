# SPDX-License-Identifier: Apache-2.0
"""llama.cpp through its C library, for the logits of every position: its programs print text alone.

Parameters are taken as llama.cpp makes them and handed back untouched, in room that is larger than they are: a function
that takes a struct on the stack reads only the front of it, so no field but the few of a batch must be known. With them
a context has the model's own length, and keys and values are kept as f16.

    with Model("m.gguf") as model:
        logits = model.logits([1, 2, 3])        # [3, V] float32
"""
import ctypes
from pathlib import Path

import numpy as np


class Params(ctypes.Structure):
    """A struct of parameters, whichever its fields are."""

    _fields_ = [("words", ctypes.c_uint32 * 256)]


class Batch(ctypes.Structure):
    _fields_ = [
        ("n_tokens", ctypes.c_int32),
        ("token", ctypes.POINTER(ctypes.c_int32)),
        ("embd", ctypes.c_void_p),
        ("pos", ctypes.c_void_p),
        ("n_seq_id", ctypes.c_void_p),
        ("seq_id", ctypes.c_void_p),
        ("logits", ctypes.POINTER(ctypes.c_int8)),
    ]


LOG = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_char_p, ctypes.c_void_p)
CONTEXT = 512  # positions: n_ctx, the first field of a context's parameters


def _load() -> ctypes.CDLL:
    ggml = ctypes.CDLL("libggml.so.0", ctypes.RTLD_GLOBAL)
    ggml.ggml_backend_load_all()
    llama = ctypes.CDLL("libllama.so.0")
    pointers = ["llama_model_load_from_file", "llama_init_from_model", "llama_model_get_vocab", "llama_get_logits_ith"]
    for name in pointers:
        getattr(llama, name).restype = ctypes.c_void_p
    for name in ("llama_model_default_params", "llama_context_default_params"):
        getattr(llama, name).restype = Params
    llama.llama_model_load_from_file.argtypes = [ctypes.c_char_p, Params]
    llama.llama_init_from_model.argtypes = [ctypes.c_void_p, Params]
    llama.llama_decode.argtypes = [ctypes.c_void_p, Batch]
    llama.llama_get_logits_ith.argtypes = [ctypes.c_void_p, ctypes.c_int32]
    for name in ("llama_free", "llama_model_free", "llama_model_get_vocab", "llama_vocab_n_tokens"):
        getattr(llama, name).argtypes = [ctypes.c_void_p]
    return llama


class Model:
    _library = None
    _lines: list[str] = []
    _log = LOG(lambda level, text, _: Model._lines.append(text.decode("utf-8", "replace")))

    def __init__(self, path):
        if Model._library is None:
            Model._library = _load()
            Model._library.llama_log_set(Model._log, None)
        library = Model._library
        Model._lines.clear()
        self._model = library.llama_model_load_from_file(str(path).encode(), library.llama_model_default_params())
        if not self._model:
            raise RuntimeError(f"llama.cpp does not load {path}: {''.join(Model._lines)[-2000:]}")
        self.vocab_size = library.llama_vocab_n_tokens(library.llama_model_get_vocab(self._model))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        Model._library.llama_model_free(self._model)

    def logits(self, tokens) -> np.ndarray:
        """[T, V], the whole prompt in one batch."""
        library, count = Model._library, len(tokens)
        if count > CONTEXT:
            raise ValueError(f"at most {CONTEXT} tokens, not {count}")
        context = library.llama_init_from_model(self._model, library.llama_context_default_params())
        if not context:
            raise RuntimeError(f"llama.cpp makes no context: {''.join(Model._lines)[-2000:]}")
        try:
            ids = (ctypes.c_int32 * count)(*map(int, tokens))
            wanted = (ctypes.c_int8 * count)(*([1] * count))
            batch = Batch(count, ids, None, None, None, None, wanted)
            if library.llama_decode(context, batch) != 0:
                raise RuntimeError(f"llama_decode failed: {''.join(Model._lines)[-2000:]}")
            rows = []
            for i in range(count):
                at = library.llama_get_logits_ith(context, i)
                rows.append(np.ctypeslib.as_array((ctypes.c_float * self.vocab_size).from_address(at)).copy())
            return np.stack(rows)
        finally:
            library.llama_free(context)

    def greedy(self, prompt, count: int) -> list[int]:
        """The `count` tokens of largest logit that follow the prompt."""
        tokens = list(prompt)
        for _ in range(count):
            tokens.append(int(self.logits(tokens)[-1].argmax()))
        return tokens[len(prompt):]


def main():
    import sys

    with Model(Path(sys.argv[1])) as model:
        print(model.logits([int(t) for t in sys.argv[2].split(",")]))


if __name__ == "__main__":
    main()
