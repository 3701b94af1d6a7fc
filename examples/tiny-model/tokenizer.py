#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the tokenizer: byte-level BPE as Qwen3 has it, digits apart, 4,096 tokens, of the corpus's own text.

    tokenizer.py FOLDER        writes tokenizer.json, tokenizer_config.json and chat_template.jinja

A word is cut alike wherever it stands: merges are learned of words without what stands before them, and only then the commonest
words get a token with the space before them. So a name that no training has seen, asked for behind a space and wanted behind a
quotation mark, is copied piece by piece.
"""
import json
import re
import sys
from collections import Counter
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "corpus"))
import chats
import grammar
import mix
import words

VOCABULARY = 4096
PIECES = 2700  # of them; the others are words with the space before them
# Qwen's pattern: a digit is a token, and a letter's word takes the character before it.
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
# The same, but no word takes a character before it.
APART = PATTERN.replace(r"[^\r\n\p{L}\p{N}]?\p{L}+", r"\p{L}+")
CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
SPECIAL = 3  # of them; the others are added tokens, as in Qwen3


def texts():
    for seed in range(1200):
        tools, system, made = mix.group(f"tokenizer {seed}", 24)
        yield chats.system_block(tools, system)
        for chat in made:
            yield "".join(text for text, _ in chats.rendered(chat.messages))
    # Every word of the small world, with a space before it and without, so that a copy need not be spelled. But those that are
    # held out: a token of their own would be one that no training has ever seen.
    known = [word for name, value in vars(words).items() if isinstance(value, list) and name.isupper() for word in value
             if not grammar.held_out(word, grammar.HELD_NAMES)]
    for word in known:
        yield "\n".join([word, "a " + word, word.lower(), "a " + word.lower()] * 15)


def plain():
    for text in texts():
        for token in CONTROLS:  # they are no text
            text = text.replace(token, "\n")
        yield text


def cut(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), behavior="isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def make():
    pieces = Tokenizer(models.BPE())
    pieces.normalizer = normalizers.NFC()
    pieces.pre_tokenizer = cut(APART)
    made = list(plain())
    pieces.train_from_iterator(made, trainers.BpeTrainer(
        vocab_size=PIECES, show_progress=False, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet())))
    learned = json.loads(pieces.to_str())["model"]
    vocabulary, merges = learned["vocab"], [tuple(m.split(" ") if isinstance(m, str) else m) for m in learned["merges"]]
    space = "\u0120"  # a space, as byte-level BPE writes it
    counts = Counter(word for text in made for word in re.findall(r" (a|I|[A-Za-z]{2,})\b", text))
    for word, _ in counts.most_common():
        if len(vocabulary) == VOCABULARY - len(CONTROLS):
            break
        if word in vocabulary:
            vocabulary[space + word] = len(vocabulary)
            merges.append((space, word))
    return assembled(vocabulary, merges)


def assembled(vocabulary, merges):
    """Of tokens by number, without the controls, which come behind them, and pairs that are joined, first ones first."""
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = cut(PATTERN)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_tokens([AddedToken(token, special=i < SPECIAL, normalized=False) for i, token in enumerate(CONTROLS)])
    return tokenizer


def save(tokenizer, folder):
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    plain = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False}
    added = {str(tokenizer.token_to_id(token)): {"content": token, **plain, "special": i < SPECIAL}
             for i, token in enumerate(CONTROLS)}
    template = (HERE / "chat_template.jinja").read_text()
    (folder / "chat_template.jinja").write_text(template)
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "add_bos_token": False, "add_prefix_space": False, "added_tokens_decoder": added, "bos_token": None,
        "chat_template": template, "clean_up_tokenization_spaces": False, "eos_token": "<|im_end|>", "errors": "replace",
        "model_max_length": 2048, "pad_token": "<|endoftext|>", "split_special_tokens": False,
        "tokenizer_class": "Qwen2Tokenizer", "unk_token": None}, indent=2) + "\n")


def main():
    folder = Path(sys.argv[1])
    tokenizer = make()
    save(tokenizer, folder)
    print(f"{tokenizer.get_vocab_size()} tokens in {folder}")


if __name__ == "__main__":
    main()
