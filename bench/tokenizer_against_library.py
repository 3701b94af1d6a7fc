#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How fast is moxie beside the `tokenizers` library, on one thread and the same text?

    bench/tokenizer_against_library.py --moxie build/release/examples/moxie/moxie [--only qwen2 llama2] [--rounds 5]
    bench/tokenizer_against_library.py --moxie ... --folder MODELS     with real tokenizers

Both encode 10 MB of mixed text (the corpus of tests/differential/compare_tokenizers.py) in turns; loading is not
counted. Shown are medians in MB/s and their ratio: above 1, moxie is faster.
"""

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests/differential"))
import compare_tokenizers  # noqa: E402


def seconds_of_moxie(moxie: str, case: Path, text: Path) -> float:
    command = [moxie, "tokenize", "-m", str(case), "--file", str(text), "--time", "1"]
    return float(subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()[0])


def seconds_of_library(tokenizer, text: str) -> float:
    begin = time.perf_counter()
    tokenizer.encode(text)
    return time.perf_counter() - begin


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moxie", required=True, help="path of the program")
    parser.add_argument("--folder", type=Path, help="take the tokenizers below this folder, train none")
    parser.add_argument("--only", nargs="*", help="names of the trained ones")
    parser.add_argument("--bytes", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--vocabulary", type=int, default=30_000)
    options = parser.parse_args()
    from tokenizers import Tokenizer

    worst = float("inf")
    with tempfile.TemporaryDirectory() as folder:
        cases = Path(folder) / "cases"
        compare_tokenizers.make(cases, 2000, 1, options.folder, options.vocabulary, options.only, gguf=False)
        text = Path(folder) / "text.txt"
        mixed = compare_tokenizers.corpus(random.Random(2), options.bytes)
        text.write_bytes(compare_tokenizers.raw_bytes(mixed))
        for case in compare_tokenizers.cases(cases):
            library = Tokenizer.from_file(str(case / "tokenizer.json"))
            rounds = [(seconds_of_library(library, mixed), seconds_of_moxie(options.moxie, case, text))
                      for _ in range(options.rounds)]
            theirs, ours = (statistics.median(column) for column in zip(*rounds))
            worst = min(worst, theirs / ours)
            print(f"{case.name:20} library {1e-6 * options.bytes / theirs:6.2f} MB/s  moxie "
                  f"{1e-6 * options.bytes / ours:6.2f} MB/s  ratio {theirs / ours:5.2f}", flush=True)
    print(f"worst ratio {worst:.2f}")
    return 0 if worst >= 1 else 1


if __name__ == "__main__":
    sys.exit(main())
