# SPDX-License-Identifier: Apache-2.0
"""Chats of all domains in the shares that training sees."""
import random

import arithmetic
import everyday
import passages
import smalltalk
import stories
from chats import ALL, ALL_BUT_FILES, Chat
from grammar import Draw, TooFew

DOMAINS = ("arithmetic", "tools", "facts", "stories", "talk")
SYSTEMS = ["You are a helpful assistant.", "Be brief.", "You are moxie.", "Answer in short sentences.",
           "You are a friendly assistant who helps with numbers and texts.", "Answer politely.", "You help the user with small tasks.", "Use tools where they help."]
# Of the parts of a training: how many groups have tools, and shares in percent with them and without, of arithmetic, tools, facts,
# stories, talk, repeat, refusals, questions about the real world. The first is shorter and copies more: whoever can copy learns the rest
# faster. The last has more facts, for what a text does not say is learned last of all.
STAGES = {"early": (0.45, (35, 36, 10, 3, 3, 6, 4, 3), (0, 0, 42, 10, 3, 38, 4, 3)),
          "middle": (0.62, (35, 36, 10, 3, 3, 6, 4, 3), (0, 0, 52, 12, 5, 20, 5, 6)),
          "late": (0.56, (32, 30, 22, 5, 2, 4, 3, 2), (0, 0, 61, 16, 4, 10, 5, 4))}
EXCHANGES = {0: arithmetic.exchange, 2: passages.exchange, 3: stories.exchange, 4: smalltalk.talk, 5: smalltalk.repeat,
             6: smalltalk.without, 7: smalltalk.wide}


def tool_set(rng):
    """In the order in which moxie lists them."""
    dice = rng.random()
    if dice < 0.20:
        return ALL_BUT_FILES
    if dice < 0.35:
        return ALL
    if dice < 0.55:
        return ("calculate",)
    chosen = set(rng.sample(ALL, rng.choice([1, 2, 2, 3, 3])))
    return tuple(name for name in ALL if name in chosen)


def add_exchange(draw, chat, domain=None, stage="middle"):
    """One domain's question and answer; which domain it was."""
    rng = draw.rng
    if domain is None:
        _, with_tools, without = STAGES[stage]
        shares = list(with_tools if chat.tools else without)
        if chat.tools:
            if "calculate" not in chat.tools:
                shares[0] = 0
            if not set(chat.tools) - {"calculate"}:
                shares[1] = 0
        which = rng.choices(range(8), shares)[0]
    else:
        which = DOMAINS.index(domain) if domain != "talk" else rng.choices([4, 6, 7], [4, 3, 3])[0]
    before = len(chat.messages)
    while True:
        try:
            if which == 1:
                everyday.exchange(draw, chat, chat.tools)
            elif which == 2 and domain is None:
                # More of each text than evaluations ask, for reading it costs as much for one; more of what is harder: values that
                # stand before what they are asked by.
                passages.exchange(draw, chat, questions=(1, 2, 3, 4, 5, 6, 7), lists=0.4, kinds=(3, 1, 1, 1, 2), answered=0.64)
            else:
                EXCHANGES[which](draw, chat)
            return DOMAINS[min(which, 4)]
        except TooFew:  # of this split, with what was drawn: another one then
            del chat.messages[before:]


def chat_of(draw, tools, system, turns, stage="middle"):
    chat = Chat("", tools=tools, system=system)
    for _ in range(turns):
        chat.domain = add_exchange(draw, chat, stage=stage)
    return chat


def turns_of(rng):
    return rng.choices([1, 2, 3, 4, 6], [70, 16, 8, 4, 2])[0]


def group(seed, chats, held=False, stage="middle"):
    """Chats that share their system's block: (tools, system, chats)."""
    rng = random.Random(seed)
    draw = Draw(rng, held)
    has_tools = rng.random() < STAGES[stage][0]
    if stage == "early":
        tools, system = ("calculate",) if has_tools else (), ""
        return tools, system, [chat_of(draw, tools, system, 1, stage) for _ in range(chats)]
    tools = tool_set(rng) if has_tools else ()
    system = rng.choice(SYSTEMS) if rng.random() < (0.15 if tools else 0.3) else ""
    return tools, system, [chat_of(draw, tools, system, turns_of(rng), stage) for _ in range(chats)]


def cases(domain, count, seed, held=True):
    """Single questions of one domain, for an evaluation."""
    rng = random.Random(f"{domain} {seed}")
    draw = Draw(rng, held)
    made = []
    for _ in range(count):
        tools = ALL if domain == "tools" else ALL_BUT_FILES if domain == "arithmetic" or rng.random() < 0.3 else ()
        if domain == "tools" and rng.random() < 0.5:
            tools = rng.choice([ALL, ALL_BUT_FILES])
        chat = Chat(domain, tools=tools)
        add_exchange(draw, chat, domain)
        made.append(chat)
    return made
