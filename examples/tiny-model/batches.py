# SPDX-License-Identifier: Apache-2.0
"""The corpus as batches: an endless stream that depends on its seed alone, and can be entered anywhere.

The stream is a row of pools. A pool has chats of several sets of tools; those of a set are sorted by length and cut into batches of
about as many tokens, so that little is padded, and the pool's batches are then shuffled.
"""
import random
import sys
from dataclasses import dataclass
from pathlib import Path

import torch
from tokenizers import Tokenizer

sys.path.insert(0, str(Path(__file__).resolve().parent / "corpus"))
import chats
import mix

SETS = 8         # sets of tools in a pool
EARLY = 12       # pools at the beginning that copy more, some 2 million tokens
LATE = 45        # the pool from which on facts weigh more, behind some 14 million tokens
LONGEST = 800    # tokens of a chat behind its system's block; longer ones, about one in a thousand, are left out


@dataclass
class Batch:
    prefix: torch.Tensor  # [P]
    ids: torch.Tensor     # [n, t]
    said: torch.Tensor    # [n, t]: the model is to say it
    real: torch.Tensor    # [n, t]: no padding
    piece: torch.Tensor   # [n, t]: the number of the piece that is said, from 1 on; 0: none
    domain: torch.Tensor  # [n, t]: the domain of the chat's last question

    @property
    def tokens(self):
        return len(self.prefix) + int(self.real.sum())


class Reader:
    def __init__(self, folder):
        self.tokenizer = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))

    def encode(self, texts):
        return [e.ids for e in self.tokenizer.encode_batch(texts, add_special_tokens=False)]

    def batch(self, tools, system, group):
        """Chats with one system's block as one batch."""
        pieces = [chats.rendered(chat.messages) for chat in group]
        ids = iter(self.encode([text for rendered in pieces for text, _ in rendered]))
        rows = []
        for chat, rendered in zip(group, pieces):
            row = []
            for number, (_, said) in enumerate(rendered, 1):
                row += [(token, said, number if said else 0) for token in next(ids)]
            rows.append((row, mix.DOMAINS.index(chat.domain)))
        return self.encode([chats.system_block(tools, system)])[0] if tools or system else [], rows

    @staticmethod
    def tensors(prefix, rows):
        n, t = len(rows), -(-max(len(row) for row, _ in rows) // 16) * 16
        ids, piece = torch.zeros(n, t, dtype=torch.long), torch.zeros(n, t, dtype=torch.int)
        said, real = torch.zeros(n, t, dtype=torch.bool), torch.zeros(n, t, dtype=torch.bool)
        domain = torch.zeros(n, t, dtype=torch.int)
        for i, (row, where) in enumerate(rows):
            ids[i, :len(row)] = torch.tensor([token for token, _, _ in row])
            said[i, :len(row)] = torch.tensor([said for _, said, _ in row])
            piece[i, :len(row)] = torch.tensor([piece for _, _, piece in row])
            real[i, :len(row)], domain[i] = True, where
        return Batch(torch.tensor(prefix, dtype=torch.long), ids, said, real, piece, domain)

    def pool(self, seed, number, tokens):
        stage = "early" if number < EARLY else "middle" if number < LATE else "late"
        made = []
        for group in range(SETS):
            name = f"{seed} {number} {group}"
            tools, system, texts = mix.group(name, 220, stage=stage)
            prefix, rows = self.batch(tools, system, texts)
            rows = sorted((row for row in rows if len(row[0]) <= LONGEST), key=lambda row: len(row[0]))
            while rows:
                # Taken from the long end; a set with a long block has larger batches, for it costs as much for few rows.
                budget, longest = tokens + len(prefix), len(rows[-1][0])
                count = max(1, budget // longest)
                made.append((prefix, rows[-count:]))
                del rows[-count:]
        random.Random(f"{seed} {number}").shuffle(made)
        return made

    def stream(self, seed, tokens, pool=0, at=0):
        """Batches, each with the place behind it: (batch, pool, at)."""
        while True:
            made = self.pool(seed, pool, tokens)
            for i in range(at, len(made)):
                yield self.tensors(*made[i]), (pool, i + 1) if i + 1 < len(made) else (pool + 1, 0)
            pool, at = pool + 1, 0

    def held(self, domain, count, seed=1, held=True):
        """Questions of the held-out split as batches, one for each set of tools."""
        by_tools = {}
        for chat in mix.cases(domain, count, seed, held):
            by_tools.setdefault(chat.tools, []).append(chat)
        return [self.tensors(*self.batch(tools, "", group)) for tools, group in by_tools.items()]
