#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the tokens that moxie and llama.cpp make of the same .gguf file.

    compare_llama_tokens.py ids DIR                        llama.cpp's ids (needs libllama.so.0 and numpy)
    compare_llama_tokens.py check DIR --moxie build/moxie  the program's, and what differs

DIR is what `compare_tokenizers.py make DIR` wrote: every folder in it with a model.gguf, over the first bytes of its
text.txt, in pieces of some lines; or any folder of folders with a model.gguf and a text.txt. Bytes that are no UTF-8 are
left out, for llama.cpp puts other characters in their places.

A piece that differs is told apart: moxie normalizes as the tokenizer of the checkpoint does (NFC for Qwen), llama.cpp
does not; where it gives moxie's ids for the normalized piece, that is all. The rest is counted and shown. The exit
status is 0 where no more than `--most` of the pieces differ otherwise.
"""
import argparse
import ctypes
import json
import re
import subprocess
import sys
import tempfile
import unicodedata
from pathlib import Path


# Where llama_model_params has vocab_only, in build 11669; llama.cpp's log tells whether it was heard.
VOCAB_ONLY = 72


def pieces(path: Path, size: int) -> list:
    text = path.read_bytes()[:size].decode("utf-8", "ignore")
    out = [""]
    for line in text.splitlines(keepends=True):
        if len(out[-1]) > 400:
            out.append("")
        out[-1] += line
    return out


class Vocabulary:
    """llama.cpp's tokenizer of a file, without its tensors."""

    def __init__(self, path: Path):
        import llama_cpp

        self.library = llama_cpp._load()
        lines = []
        self.log = llama_cpp.LOG(lambda level, text, _: lines.append(text.decode("utf-8", "replace")))
        self.library.llama_log_set(self.log, None)
        params = self.library.llama_model_default_params()
        ctypes.cast(ctypes.pointer(params), ctypes.POINTER(ctypes.c_uint8))[VOCAB_ONLY] = 1
        model = self.library.llama_model_load_from_file(str(path).encode(), params)
        if not model or not any(re.match(r"print_info: vocab_only += 1", line) for line in lines):
            raise SystemExit(f"llama.cpp does not load {path}: {''.join(lines)[-500:]}")
        self.vocab = self.library.llama_model_get_vocab(model)
        self.library.llama_tokenize.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32,
                                                ctypes.POINTER(ctypes.c_int32), ctypes.c_int32, ctypes.c_bool, ctypes.c_bool]

    def encode(self, text: str) -> list:
        data = text.encode()
        room = (ctypes.c_int32 * (4 * len(data) + 16))()
        n = self.library.llama_tokenize(self.vocab, data, len(data), room, len(room), True, True)
        if n < 0:
            raise SystemExit(f"llama_tokenize: {n}")
        return list(room[:n])


def cases(folder: Path) -> list:
    found = sorted(path.parent for path in folder.glob("*/model.gguf"))
    if not found:
        raise SystemExit(f"{folder}: no folder with a model.gguf")
    return found


def ids(folder: Path, size: int) -> None:
    for case in cases(folder):
        vocabulary = Vocabulary(case / "model.gguf")
        out = []
        for text in pieces(case / "text.txt", size):
            normal = unicodedata.normalize("NFC", text)
            out.append({"text": text, "ids": vocabulary.encode(text),
                        "normalized": vocabulary.encode(normal) if normal != text else None})
        (case / "llama.json").write_text(json.dumps(out))
        print(f"{case.name}: {len(out)} pieces", flush=True)


def check(folder: Path, moxie: str, most: float) -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "text"
        for case in cases(folder):
            counts = {"same": 0, "normalized": 0, "other": 0}
            example = ""
            wanted = json.loads((case / "llama.json").read_text())
            for piece in wanted:
                file.write_text(piece["text"], newline="")
                done = subprocess.run([moxie, "tokenize", "-m", str(case / "model.gguf"), "--file", str(file), "--json"],
                                      capture_output=True, check=True)
                came = json.loads(done.stdout)["tokens"]
                kind = "same" if came == piece["ids"] else "normalized" if came == piece["normalized"] else "other"
                counts[kind] += 1
                if kind == "other" and not example:
                    pairs = list(zip(came, piece["ids"]))
                    at = next((i for i, (a, b) in enumerate(pairs) if a != b), len(pairs))
                    near = slice(max(0, at - 2), at + 6)
                    example = (f"    at token {at}: moxie {came[near]}, llama.cpp {piece['ids'][near]}\n"
                               f"    of {piece['text'][:60]!r}")
            share = counts["other"] / len(wanted)
            failed += share > most
            print(f"{case.name:20} {counts['same']} same, {counts['normalized']} but for NFC, {counts['other']} differ"
                  f"{' FAILED' if share > most else ''}", flush=True)
            if example:
                print(example, flush=True)
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["ids", "check"])
    parser.add_argument("directory", type=Path)
    parser.add_argument("--bytes", type=int, default=200_000, help="of each text (default: 200000)")
    parser.add_argument("--moxie", help="path of the program")
    parser.add_argument("--most", type=float, default=0.0, help="share of the pieces that may differ (default: 0)")
    arguments = parser.parse_args()
    if arguments.action == "ids":
        return ids(arguments.directory, arguments.bytes) or 0
    if not arguments.moxie:
        parser.error("check needs --moxie")
    return check(arguments.directory, arguments.moxie, arguments.most)


if __name__ == "__main__":
    sys.exit(main())
