#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes what train.py made as a checkpoint of transformers: config, safetensors, tokenizer, chat template.

    export.py FOLDER TARGET [--name model]       then: moxie convert -m TARGET -o model.gguf --type q8_0
"""
import argparse
import json
import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer

from model import loaded, to_transformers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--name", default="model")
    options = parser.parse_args()
    state = torch.load(options.folder / f"{options.name}.pt", weights_only=True)
    model = to_transformers(loaded(state["model"]))
    tokenizer = Tokenizer.from_file(str(options.folder / "tokenizer.json"))
    end, pad = (tokenizer.token_to_id(token) for token in ("<|im_end|>", "<|endoftext|>"))
    model.config.eos_token_id, model.config.pad_token_id = end, pad
    model.generation_config.eos_token_id, model.generation_config.pad_token_id = end, pad
    model.save_pretrained(options.target)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        shutil.copy(options.folder / name, options.target / name)
    generation = {"do_sample": False, "eos_token_id": end, "pad_token_id": pad}
    (options.target / "generation_config.json").write_text(json.dumps(generation, indent=2) + "\n")
    print(f"{options.target}: {sum(p.numel() for p in model.parameters())} parameters after {state['seen']} tokens")


if __name__ == "__main__":
    main()
