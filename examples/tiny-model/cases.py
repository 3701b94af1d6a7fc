#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Questions for evaluate.cpp, of the held-out split: wordings, names and numbers that training never sees.

    cases.py FILE.json [-n 1000] [--seed 1] [--trained] [--domains arithmetic tools ...] [--by-hand]

--trained asks for the other split, to see what is learned by heart. --by-hand adds the questions of corpus/paraphrases.py.
"""
import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent / "corpus"))
import mix
import paraphrases


def as_case(chat):
    """The chat up to its last question, in OpenAI's form."""
    last = max(i for i, message in enumerate(chat.messages) if message["role"] == "user")
    messages = []
    for message in chat.messages[:last + 1]:
        message = dict(message)
        if "tool_calls" in message:
            message["tool_calls"] = [{"type": "function", "function": call} for call in message["tool_calls"]]
        messages.append(message)
    return {"domain": chat.domain, "tools": list(chat.tools), "messages": messages, "check": chat.check}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("-n", type=int, default=1000,
                        help="of each domain; of facts, which are of two kinds, three times as many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trained", action="store_true")
    parser.add_argument("--domains", nargs="*", default=mix.DOMAINS)
    parser.add_argument("--by-hand", action="store_true")
    options = parser.parse_args()
    cases = [as_case(chat) for domain in options.domains
             for chat in mix.cases(domain, options.n * (3 if domain == "facts" else 1), options.seed, not options.trained)]
    cases += [as_case(chat) for chat in paraphrases.chats()] if options.by_hand else []
    options.file.write_text("[" + ",\n".join(json.dumps(case, ensure_ascii=False) for case in cases) + "]\n")
    print(f"{len(cases)} cases in {options.file}")


if __name__ == "__main__":
    main()
