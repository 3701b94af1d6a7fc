#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the tokens of the program moxie with those of the `tokenizers` library.

    compare_tokenizers.py all --moxie build/moxie              make, run and check in a temporary folder

or step by step, where the program runs on another system than the library (`run` needs Python alone):

    compare_tokenizers.py make DIR [--bytes 2000000]           trains vocabularies, writes texts and expected ids
    compare_tokenizers.py run DIR --moxie build/moxie          the program's answers
    compare_tokenizers.py check DIR

    compare_tokenizers.py make DIR --folder MODELS             the same with real tokenizers: every folder below MODELS
                                                               that has a tokenizer.json

    compare_tokenizers.py data tests/data/tokenizers           the small ones that a unit test checks

One vocabulary is trained for each normalizer, pre-tokenizer and model that moxie runs; with gguf-py, those that GGUF
has a name for are compared once more from a .gguf file. All must give the same ids for the whole corpus, and decoding
them must give the library's text. The exit status is 0 when all is well.
"""

import argparse
import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf_tokenizer

# First and last code point of 24 scripts; characters that a script leaves unassigned are stepped over.
SCRIPTS = {
    "latin": (0x41, 0x17F), "greek": (0x370, 0x3FF), "cyrillic": (0x400, 0x4FF), "armenian": (0x531, 0x58A),
    "hebrew": (0x5D0, 0x5EA), "arabic": (0x620, 0x6D5), "syriac": (0x710, 0x74A), "devanagari": (0x900, 0x97F),
    "bengali": (0x980, 0x9FB), "gurmukhi": (0xA01, 0xA76), "tamil": (0xB82, 0xBFA), "telugu": (0xC00, 0xC7F),
    "thai": (0xE01, 0xE5B), "lao": (0xE81, 0xEDF), "tibetan": (0xF00, 0xFD4), "myanmar": (0x1000, 0x109F),
    "georgian": (0x10A0, 0x10FF), "hangul": (0xAC00, 0xD7A3), "jamo": (0x1100, 0x11FF), "ethiopic": (0x1200, 0x139F),
    "khmer": (0x1780, 0x17F9), "kana": (0x3041, 0x30FF), "han": (0x4E00, 0x9FA5), "vietnamese": (0x1EA0, 0x1EF9),
}
WORDS = ("the of and to in is that it was for on are with as his they be at one have this from or had by hot but some "
         "what there we can out other were all your when up use word how said an each she which do their time if will "
         "way about many then them would write like so these her long make thing see him two has look more day could "
         "go come did number sound no most people my over know water than call first who may down side been now find "
         "don't it's I'm we've THE'S you'll they'd he'D Expert Router kernel").split()
CODE = ("def route(x, k=2):\n    return [i for i, w in enumerate(x) if w > 0.5][:k]\n",
        "for (int i = 0; i < n; ++i) {\n\ty[i] += a * x[i]; // axpy\n}\r\n", "SELECT * FROM t WHERE a>=10 AND b!='x';\n",
        '{"key": [1, 2.5e-3, null], "path": "C:\\\\dir\\\\file.txt"}\n', "<div class=\"a b\">&nbsp;&amp;</div>\n",
        "https://example.org/a?b=c&d=%20#frag ", "x86_64-linux-gnu/libfoo.so.1.2.3\n", "#include <vector>\n\n\n")
EMOJI = ("😀", "👩‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪", "❤️", "1️⃣", "🧑🏿‍🚀", "☂", "✈️")
SPACES = (" ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", " \n ", "\u00a0", "\u2003", "\u3000", "\u200b", "\u180e", "\x85",
          "\u2028", "\v", "\f", " " * 17, "\n" * 9, "\t\t\t")
MARKS = [chr(c) for c in (*range(0x300, 0x345), 0x5B0, 0x5C1, 0x64B, 0x651, 0x93C, 0x9BE, 0x3099, 0x302A, 0x20D0, 0xFE0F)]
COMPOSED = "ÀÉîõüǖṩẛ̣ﬁﬀ①½²ªℌĳŉΆΏϓῼÅΩ각힣豈ﷺ㍿İıßẞſ"


# Bytes that no UTF-8 has are written to files as they are. The library, which takes text alone, sees each as a character
# that nobody uses, and its ids for such a character (of its 4 bytes, or one unknown) are what the byte's must be.
BAD_BYTES = (0xC0, 0xC1, 0xF8, 0xFA, 0xFB, 0xFF)  # the last of their four bytes is no digit in the byte alphabet
BAD = [chr(0x10FF00 + byte) for byte in BAD_BYTES]


def raw_bytes(text: str) -> bytes:
    return b"".join(piece.encode() if i % 2 == 0 else bytes([ord(piece) - 0x10FF00])
                    for i, piece in enumerate(re.split("([\U0010ff00-\U0010ffff])", text)))


def bad_as_bytes(tokenizer, ids: list) -> list:
    """Each bad byte's character was encoded as four bytes: as the one that it stands for."""
    from tokenizers.pre_tokenizers import ByteLevel

    model = json.loads(tokenizer.to_str())["model"]
    if model.get("byte_fallback"):
        token_of = {byte: tokenizer.token_to_id(f"<0x{byte:02X}>") for byte in range(256)}
    else:
        first = {chr(b) for b in (*range(33, 127), *range(161, 173), *range(174, 256))}
        others = iter(sorted(set(ByteLevel.alphabet()) - first))
        token_of = {b: tokenizer.token_to_id(chr(b) if chr(b) in first else next(others)) for b in range(256)}
    quads = {tuple(token_of[byte] for byte in c.encode()): token_of[ord(c) - 0x10FF00] for c in BAD}
    out, at = [], 0
    lead = token_of[0xF4]
    while at < len(ids):
        quad = quads.get(tuple(ids[at:at + 4])) if ids[at] == lead and lead is not None else None
        out.append(ids[at] if quad is None else quad)
        at += 1 if quad is None else 4
    return out


# Assigned after Unicode 14: whether they are letters depends on the age of PCRE2's tables and of the library's.
NEW = "\u0ece"


def sentence(rng: random.Random, script: str) -> str:
    import unicodedata

    first, last = SCRIPTS[script]
    letters = [c for c in map(chr, range(first, last + 1)) if unicodedata.category(c)[0] in "LMN" and c not in NEW]
    words = ("".join(rng.choices(letters, k=rng.randint(1, 9))) for _ in range(rng.randint(3, 12)))
    return " ".join(words) + rng.choice([".", "!", " ", "?\n", "。", "…", ", "])


def corpus(rng: random.Random, size: int) -> str:
    """Mixed text of about `size` bytes."""
    kinds = [
        lambda: " ".join(rng.choices(WORDS, k=rng.randint(3, 20))) + rng.choice([". ", "\n", ", ", "; "]),
        lambda: sentence(rng, rng.choice(list(SCRIPTS))),
        lambda: rng.choice(CODE),
        lambda: rng.choice(["", "-", "$", "#"]) + str(rng.randrange(10 ** rng.randint(1, 14))) + rng.choice(["", ".5", "%", " "]),
        lambda: "".join(rng.choices(SPACES, k=rng.randint(1, 6))),
        lambda: "".join(rng.choices(EMOJI, k=rng.randint(1, 4))),
        lambda: rng.choice("aeiouAEU가กक") + "".join(rng.choices(MARKS, k=rng.randint(1, 5))),
        lambda: rng.choice(COMPOSED),
        lambda: "".join(chr(rng.randrange(0x20, 0x250)) for _ in range(rng.randint(1, 12))),
        lambda: "".join(rng.choices("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~«»“”‘’、。「」—–¿¡§", k=rng.randint(1, 8))),
        # Between characters that no vocabulary was trained on, so that none of the four bytes merges with others.
        lambda: "\1" + "".join(rng.choices(BAD, k=rng.randint(1, 3))) + "\1",
        lambda: rng.choice(["٣", "४", "௧", "Ⅷ", "½", "㉓", "𝟘"]) * rng.randint(1, 5),
        lambda: rng.choice(["<s>", "</s>", "<|end|>", "<think>", "<tool_call>", "wörd", " wörd ", "<|end", "▁", "<0x41>"]),
    ]
    weights = [8, 8, 3, 3, 3, 1, 2, 1, 1, 2, 1, 1, 1]
    parts, total = [], 0
    while total < size:
        part = rng.choices(kinds, weights)[0]()
        parts.append(part)
        total += len(part.encode())
    return "".join(parts)


GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"


def published(root: Path) -> dict:
    """The patterns of src/text/tokenizer/published_patterns.hpp, by name."""
    import re

    text = (root / "src/text/tokenizer/published_patterns.hpp").read_text()
    found = {}
    for match in re.finditer(r'string_view (k\w+) =\s*((?:R"\(.*?\)"|"[^"\n]*"|\s)+);', text):
        pieces = re.findall(r'R"\((.*?)\)"|(?<!R)"([^"]*)"', match[2], re.S)
        found[match[1]] = "".join(a or b.encode().decode("unicode_escape") for a, b in pieces)
    return found


def recipes(root: Path) -> dict:
    """name: (normalizer, pre-tokenizer, decoder, model options); every combination that moxie runs, at least once."""
    from tokenizers import Regex, decoders, normalizers, pre_tokenizers

    p = published(root)
    byte_decoder = decoders.ByteLevel()

    def split(*patterns, behavior="isolated", invert=False):
        steps = [pre_tokenizers.Split(Regex(x), behavior, invert) for x in patterns]
        return pre_tokenizers.Sequence([*steps, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])

    def plain(*steps):
        return pre_tokenizers.Sequence(list(steps))

    level = pre_tokenizers.ByteLevel
    digits = pre_tokenizers.Digits
    sp = dict(byte_fallback=True, fuse_unk=True, unk="<unk>")
    sp_decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    legacy = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    meta = pre_tokenizers.Metaspace
    meta_decoder = decoders.Metaspace
    out = {
        "gpt2": (None, level(add_prefix_space=False), byte_decoder, {}),
        "gpt2-prefix": (None, level(add_prefix_space=True), byte_decoder, {}),
        "qwen2": (normalizers.NFC(), split(p["kQwen2"]), byte_decoder, {}),
        "qwen35": (normalizers.NFC(), split(p["kQwen35"]), byte_decoder, {}),
        "llama3": (None, split(p["kCl100k"]), byte_decoder, dict(ignore_merges=True)),
        "o200k": (None, split(p["kO200k"]), byte_decoder, {}),
        "tekken": (None, split(p["kTekken"]), byte_decoder, dict(ignore_merges=True)),
        "deepseek-llm": (None, pre_tokenizers.Sequence([
            *[pre_tokenizers.Split(Regex(p[x]), "isolated") for x in
              ("kLineEnd", "kDeepSeekLetters", "kDeepSeekSigns", "kTrailingSpace", "kDeepSeekCjk")],
            digits(True), level(False, use_regex=False)]), byte_decoder, {}),
        "deepseek-coder": (None, split(p["kLineEnd"], p["kAnyLetters"], p["kAnySigns"], p["kDeepSeekCjk"], p["kDigit"]), byte_decoder, {}),
        "deepseek-v3": (normalizers.Sequence([]), split(p["kThreeDigits"], p["kDeepSeek3Cjk"], p["kDeepSeek3"]), byte_decoder, {}),
        "starcoder": (None, plain(digits(True), level(False)), byte_decoder, {}),
        "falcon": (None, plain(pre_tokenizers.Punctuation("contiguous"), level(False), digits(False),
                               pre_tokenizers.Split(Regex(p["kThreeAsciiDigits"]), "isolated")), byte_decoder, {}),
        "nfd": (normalizers.NFD(), split(p["kQwen2"]), byte_decoder, {}),
        "nfkc-lower": (normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()]), split(GPT2), byte_decoder, {}),
        "nfkd-strip": (normalizers.Sequence([normalizers.NFKD(), normalizers.Strip()]), level(False), byte_decoder, {}),
        "replace-regex": (normalizers.Replace(Regex(r"\s{2,}"), "  "), level(False), byte_decoder, {}),
        "split-removed": (None, split(r"\s+", behavior="removed"), byte_decoder, {}),
        "split-previous": (None, split(r"[,.;\s]", behavior="merged_with_previous"), byte_decoder, {}),
        "split-next": (None, split(r"\s", behavior="merged_with_next"), byte_decoder, {}),
        "split-contiguous": (None, split(r"\p{P}", behavior="contiguous"), byte_decoder, {}),
        "split-invert": (None, split(r"\w+| ", behavior="removed", invert=True), byte_decoder, {}),
        "split-own": (None, split(r"(?i:ab|[^\d_\s\p{P}]+)|\d{1,2}+|\h(?=\s)|.", behavior="isolated"), byte_decoder, {}),
        "split-string": (None, plain(pre_tokenizers.Split(" ", "merged_with_next"), level(False, use_regex=False)), byte_decoder, {}),
        "punctuation": (None, plain(pre_tokenizers.Punctuation("isolated"), level(False, use_regex=False)), byte_decoder, {}),
        "whitespace": (None, plain(pre_tokenizers.Whitespace(), level(False, use_regex=False)), byte_decoder, {}),
        "whitespace-split": (None, plain(pre_tokenizers.WhitespaceSplit(), level(True, use_regex=False)), byte_decoder, {}),
        "whole": (None, level(False, use_regex=False), byte_decoder, {}),
        "llama2": (legacy, None, sp_decoder, sp),
        "mixtral-metaspace": (None, meta(prepend_scheme="first", split=False), sp_decoder, sp),
        "metaspace-always": (None, meta(prepend_scheme="always"), meta_decoder(), dict(unk="<unk>")),
        "metaspace-never": (None, meta(prepend_scheme="never"), meta_decoder(prepend_scheme="never"), dict(unk="<unk>", fuse_unk=True)),
        "suffix": (None, pre_tokenizers.Whitespace(), None, dict(unk="<unk>", suffix="</w>")),
        "prefix": (normalizers.Lowercase(), pre_tokenizers.WhitespaceSplit(), None, dict(unk="<unk>", prefix="##")),
        "unigram": (normalizers.NFKC(), meta(), meta_decoder(), dict(unigram=True)),
        "unigram-bytes": (legacy, None, sp_decoder, dict(unigram=True, byte_fallback=True)),
    }
    return out


BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def train(name: str, recipe: tuple, texts: list, vocab_size: int) -> str:
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors, trainers

    normalizer, pre_tokenizer, decoder, options = recipe
    specials = ["<unk>", "<s>", "</s>"]
    byte_level = "ByteLevel" in repr(pre_tokenizer)
    if options.get("unigram"):
        model = models.Unigram()
        trainer = trainers.UnigramTrainer(vocab_size=max(vocab_size, 800), special_tokens=specials, unk_token="<unk>", show_progress=False)
    else:
        extra = {k: v for k, v in {"continuing_subword_prefix": options.get("prefix"),
                                   "end_of_word_suffix": options.get("suffix")}.items() if v}
        model = models.BPE(unk_token=options.get("unk"), fuse_unk=options.get("fuse_unk", False),
                           byte_fallback=options.get("byte_fallback", False), **extra)
        alphabet = pre_tokenizers.ByteLevel.alphabet() if byte_level else []
        tokens = specials + (BYTES if options.get("byte_fallback") else [])
        # The trainer takes most characters only where they are frequent, so that unknown ones are left.
        trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=tokens, initial_alphabet=alphabet, min_frequency=3,
                                      limit_alphabet=1000 if byte_level else min(400, vocab_size // 3), show_progress=False, **extra)
    tokenizer = Tokenizer(model)
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    if decoder is not None:
        tokenizer.decoder = decoder
    if options.get("unigram"):
        # This trainer keeps every character that it sees.
        texts = ["".join(c for c in text if ord(c) < 0x180).replace("s>", "").replace("0x", "") for text in texts]
    # Without a pre-tokenizer a text is one word: give the trainer short ones.
    tokenizer.train_from_iterator([piece for text in texts for piece in text.split("\n")], trainer)
    tokenizer.add_special_tokens(["<|end|>"])
    tokenizer.add_tokens([AddedToken("<think>", normalized=False), AddedToken("<tool_call>", lstrip=True, rstrip=True),
                          AddedToken("wörd", single_word=True, normalized=True), AddedToken("\n" * 4, normalized=False)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A" + (" </s>" if len(name) % 2 else ""), special_tokens=[("<s>", 1), ("</s>", 2)])
    data = json.loads(tokenizer.to_str())
    if options.get("ignore_merges"):
        data["model"]["ignore_merges"] = True
    if options.get("unigram"):
        # The library's reader of numbers is exact for few digits alone, and ties hang on the last bit.
        data["model"]["vocab"] = [[token, round(score, 6)] for token, score in data["model"]["vocab"]]
    if options.get("unigram") and options.get("byte_fallback"):
        # The trainer has no byte tokens; added tokens come behind.
        for token in data["added_tokens"]:
            token["id"] += len(BYTES) * (token["id"] >= len(data["model"]["vocab"]))
        data["model"]["vocab"] += [[byte, -20.0] for byte in BYTES]
        data["model"]["byte_fallback"] = True
    # Merges as text, the older form, where they can be written so.
    merges = data["model"].get("merges")
    if merges and len(name) % 3 == 0 and not any(" " in part for merge in merges for part in merge):
        data["model"]["merges"] = [" ".join(merge) for merge in merges]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def write_expected(case: Path, text: str) -> None:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(case / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    (case / "text.txt").write_bytes(raw_bytes(text))
    (case / "short.txt").write_bytes(raw_bytes(text[:2000]))
    ids = bad_as_bytes(tokenizer, tokenizer.encode(text).ids)
    # An added token decodes to its content here. The library gives the normalized content since 0.22, and reads what is
    # not ASCII as characters of the byte alphabet where its decoder has one.
    contents = {token["id"]: token["content"] for token in json.loads(tokenizer.to_str())["added_tokens"]}
    same = {i for i, content in contents.items()
            if tokenizer.id_to_token(i) == content == tokenizer.decode([i], skip_special_tokens=False)}
    # Bad bytes decode to themselves, in the library to U+FFFD.
    bad = set(bad_as_bytes(tokenizer, tokenizer.encode("".join(BAD), add_special_tokens=False).ids))
    few = [i for i in ids[:4000] if (i not in contents or i in same) and i not in bad]
    while few and tokenizer.decode(few, skip_special_tokens=False).endswith("\ufffd"):
        few.pop()  # the cut went through a character
    expected = {"ids": ids, "few": few, "decoded": tokenizer.decode(few, skip_special_tokens=False),
                "plain": bad_as_bytes(tokenizer, tokenizer.encode(text[:2000], add_special_tokens=False).ids),
                "decoded_plain": tokenizer.decode(few, skip_special_tokens=True)}
    (case / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, separators=(",", ":")))


def make(folder: Path, size: int, seed: int, real: Path | None, vocab_size: int, names: list | None,
         gguf: bool = True) -> None:
    root = Path(__file__).resolve().parents[2]
    text = corpus(random.Random(seed), size)
    if real is not None:
        sources = {str(path.parent.relative_to(real)).replace("/", "--"): path.parent for path in sorted(real.rglob("tokenizer.json"))}
        if not sources:
            raise SystemExit(f"{real}: no tokenizer.json below it")
        for name, source in sources.items():
            case = folder / name
            case.mkdir(parents=True)
            for file in ("tokenizer.json", "tokenizer_config.json"):
                if (source / file).exists():
                    shutil.copyfile(source / file, case / file)
            write_expected(case, text)
        return
    training = re.sub("[\1\U0010ff00-\U0010ffff]", "", corpus(random.Random(seed + 1), 400_000)).split("\n")
    for name, recipe in recipes(root).items():
        if names and name not in names:
            continue
        case = folder / name
        case.mkdir(parents=True)
        trained = train(name, recipe, training, vocab_size)
        (case / "tokenizer.json").write_text(trained)
        write_expected(case, text)
        if name in gguf_tokenizer.PRE and gguf:
            make_gguf(folder / f"{name}-gguf", name, json.loads(trained), text)
        print(f"made {name}", flush=True)


def make_gguf(case: Path, name: str, trained: dict, text: str) -> None:
    case.mkdir()
    data = gguf_tokenizer.expressible(name, trained)
    (case / "tokenizer.json").write_text(json.dumps(data, ensure_ascii=False))
    gguf_tokenizer.write(case / "model.gguf", name, data)
    write_expected(case, text)


def data(folder: Path) -> None:
    """tests/data/tokenizers: tiny vocabularies and one short text for all."""
    make(folder, 3_600, 5, None, 330, None, gguf=False)
    for i, case in enumerate(cases(folder)):
        text = case / "text.txt"
        expected = json.loads((case / "expected.json").read_text())
        left_out = sorted(set(expected["ids"]) - set(expected["few"]))
        small = {"ids": expected["ids"], "left_out": left_out, "decoded": expected["decoded"]}
        (case / "expected.json").write_text(json.dumps(small, ensure_ascii=False, separators=(",", ":")))
        if i == 0:
            shutil.copyfile(text, folder / "text.txt")
        text.unlink()
        (case / "short.txt").unlink()


def cases(folder: Path) -> list:
    found = sorted(path.parent for path in folder.glob("*/expected.json"))
    if not found:
        raise SystemExit(f"{folder}: no cases here; `make` writes them")
    return found


def run(folder: Path, moxie: str) -> None:
    for case in cases(folder):
        expected = json.loads((case / "expected.json").read_text())
        ids = ",".join(map(str, expected["few"]))
        lines = {"ids": ["--file", str(case / "text.txt")], "plain": ["--file", str(case / "short.txt"), "--no-special"],
                 "decoded": ["--decode", ids], "decoded_plain": ["--decode", ids, "--no-special"]}
        answers = {}
        model = case / "model.gguf" if (case / "model.gguf").exists() else case
        for name, options in lines.items():
            done = subprocess.run([moxie, "tokenize", "-m", str(model), *options, "--json"], capture_output=True, timeout=600)
            if done.returncode:
                answers = {"error": f"{name}: exit status {done.returncode}: {done.stderr.decode(errors='replace').strip()}"}
                break
            answer = json.loads(done.stdout)
            answers[name] = answer["text"] if name.startswith("decoded") else answer["tokens"]
        (case / "answer.json").write_text(json.dumps(answers))


def judge(case: Path) -> str:
    """What is wrong ("" for nothing)."""
    expected = json.loads((case / "expected.json").read_text())
    file = case / "answer.json"
    if not file.exists():
        return "no answer; `run` writes it"
    answers = json.loads(file.read_text())
    if "error" in answers:
        return answers["error"]
    for name in ("ids", "plain", "decoded", "decoded_plain"):
        want, came = expected[name], answers[name]
        if want == came:
            continue
        at = next((i for i, (a, b) in enumerate(zip(want, came)) if a != b), min(len(want), len(came)))
        near = slice(max(0, at - 3), at + 8)
        return f"{name} of {len(want)}/{len(came)} differ at {at}: needed {want[near]!r}, came {came[near]!r}"
    return ""


def check(folder: Path) -> int:
    failed = 0
    for case in cases(folder):
        problem = judge(case)
        failed += bool(problem)
        tokens = len(json.loads((case / "expected.json").read_text())["ids"])
        print(f"{case.name:20}  {tokens} tokens  {'FAILED: ' + problem if problem else 'ok'}")
    print(f"{failed} of {len(cases(folder))} failed" if failed else f"all {len(cases(folder))} ok")
    return 1 if failed else 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    actions = parser.add_subparsers(dest="action", required=True)
    for name in ("all", "make", "run", "check", "data"):
        action = actions.add_parser(name)
        if name != "all":
            action.add_argument("directory", type=Path)
        if name in ("all", "make"):
            action.add_argument("--bytes", type=int, default=2_000_000, help="of the corpus (default: 2000000)")
            action.add_argument("--seed", type=int, default=1)
            action.add_argument("--folder", type=Path, help="take the tokenizers below this folder, train none")
            action.add_argument("--vocabulary", type=int, default=3000, help="tokens of a trained one (default: 3000)")
            action.add_argument("--only", nargs="*", help="names of the trained ones")
        if name in ("all", "run"):
            action.add_argument("--moxie", required=True, help="path of the program")
    return parser.parse_args()


def main() -> int:
    arguments = parse()
    if arguments.action == "data":
        return data(arguments.directory) or 0

    def steps(folder: Path) -> int:
        if arguments.action in ("all", "make"):
            make(folder, arguments.bytes, arguments.seed, arguments.folder, arguments.vocabulary, arguments.only)
        if arguments.action in ("all", "run"):
            run(folder, arguments.moxie)
        return check(folder) if arguments.action in ("all", "check") else 0

    if arguments.action != "all":
        return steps(arguments.directory)
    with tempfile.TemporaryDirectory() as folder:
        return steps(Path(folder))


if __name__ == "__main__":
    sys.exit(main())
