# SPDX-License-Identifier: Apache-2.0
"""A tokenizer.json as a GGUF file, written by gguf-py: for compare_tokenizers.py."""

import copy
import json
from pathlib import Path

# name of a trained vocabulary: what tokenizer.ggml.pre calls its way to cut text; "" where none does.
PRE = {"gpt2": "gpt-2", "qwen2": "qwen2", "qwen35": "qwen35", "llama3": "llama-bpe", "o200k": "gpt-4o", "tekken": "tekken",
       "deepseek-llm": "deepseek-llm", "deepseek-coder": "deepseek-coder", "deepseek-v3": "deepseek-v3",
       "starcoder": "starcoder", "falcon": "falcon", "llama2": "", "unigram": ""}
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, BYTE = 1, 2, 3, 4, 6


def expressible(name: str, data: dict) -> dict:
    """The tokenizer without what GGUF has no words for: flags of added tokens, NFKC, and merges that are not those of
    the scores: SentencePiece merges wherever the joined text is a token, the token with the best score first."""
    data = copy.deepcopy(data)
    data["added_tokens"] = [token for token in data["added_tokens"] if not token["content"].startswith("<0x")]
    for token in data["added_tokens"]:
        token.update(single_word=False, lstrip=False, rstrip=False, normalized=False)
    if name == "unigram":
        data["normalizer"] = None
        # Numbers that a float holds as they are, written in few digits.
        data["model"]["vocab"] = [[token, round(score * 64) / 64] for token, score in data["model"]["vocab"]]
    if name == "llama2":
        vocab = data["model"]["vocab"]
        merges = []
        for token, rank in vocab.items():
            cuts = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in vocab and token[i:] in vocab]
            merges += [(rank, cut) for cut in sorted(cuts, key=lambda cut: (vocab[cut[0]], vocab[cut[1]]))]
        special = {token["content"] for token in data["added_tokens"]}
        special |= {f"<0x{byte:02X}>" for byte in range(256)}
        data["model"]["merges"] = [list(cut) for _, cut in sorted(merges, key=lambda merge: merge[0])
                                   if not special & {"".join(cut), *cut}]
    return data


def write(path: Path, name: str, data: dict) -> None:
    import gguf

    model = data["model"]
    unigram = model["type"] == "Unigram"
    spm = not unigram and model.get("byte_fallback")
    if unigram:
        entries = {token: (i, score) for i, (token, score) in enumerate(model["vocab"])}
    else:
        entries = {token: (i, -float(i)) for token, i in model["vocab"].items()}
    added = {token["id"]: token for token in data["added_tokens"]}
    size = 1 + max([i for i, _ in entries.values()] + list(added))
    tokens, scores, types = [f"[PAD{i}]" for i in range(size)], [-1e9] * size, [5] * size
    for token, (i, score) in entries.items():
        is_byte = (spm or unigram) and len(token) == 6 and token.startswith("<0x")
        tokens[i], scores[i], types[i] = token, score, BYTE if is_byte else NORMAL
    for i, token in added.items():
        unknown = token["content"] == "<unk>" and (spm or unigram)
        tokens[i], types[i] = token["content"], UNKNOWN if unknown else CONTROL if token["special"] else USER_DEFINED
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_tokenizer_model("t5" if unigram else "llama" if spm else "gpt2")
    if unigram:
        # What a file without these keys means is not the same to all.
        writer.add_add_space_prefix(True)
        writer.add_unk_token_id(model["unk_id"])
    if PRE[name]:
        writer.add_tokenizer_pre(PRE[name])
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    if unigram or spm:
        writer.add_token_scores(scores)
    else:
        writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    single = json.dumps(data["post_processor"]["single"])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token("<s>" in single)
    writer.add_add_eos_token("</s>" in single)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
