#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the tokenizer: byte-level BPE as Qwen3 has it, digits apart, 4,096 tokens, of the corpus's own text.

    tokenizer.py FOLDER        writes tokenizer.json, tokenizer_config.json and chat_template.jinja
"""
import json
import sys
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "corpus"))
import chats
import mix
import words

VOCABULARY = 4096
# Qwen's pattern: a digit is a token, and a letter's word takes the character before it.
PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+")
CONTROLS = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "<tool_response>", "</tool_response>"]
SPECIAL = 3  # of them; the others are added tokens, as in Qwen3


def texts():
    for seed in range(1200):
        tools, system, made = mix.group(f"tokenizer {seed}", 24)
        yield chats.system_block(tools, system)
        for chat in made:
            yield "".join(text for text, _ in chats.rendered(chat.messages))
    # Every word of the small world, with a space before it and without, so that a copy need not be spelled.
    known = [word for name, value in vars(words).items() if isinstance(value, list) and name.isupper() for word in value]
    for word in known:
        yield "\n".join([word, "a " + word, word.lower(), "a " + word.lower()] * 15)


def make():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Split(Regex(PATTERN), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY - len(CONTROLS), show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))

    def plain():
        for text in texts():
            for token in CONTROLS:  # they are no text
                text = text.replace(token, "\n")
            yield text

    tokenizer.train_from_iterator(plain(), trainer)
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
