# SPDX-License-Identifier: Apache-2.0
"""Random wording, and what is kept out of training.

A form is a text with alternatives in braces, which may be nested, and slots in angle brackets: "{What is|What's} the
{size|area} of <thing>?". What remains once the alternatives are chosen and the slots are still empty is a wording. Wordings,
names and numbers are held out by a hash of themselves, so it does not matter when or how often they are drawn.
"""
import functools
import re
import zlib

HELD_WORDINGS = 8  # one of so many
HELD_NAMES = 5
HELD_NUMBERS = 10


def held_out(text, one_of):
    return zlib.crc32(text.encode()) % one_of == 0


@functools.lru_cache(maxsize=None)
def parse(form):
    """A form as a list of texts and of alternatives, which are lists of such lists."""
    def sequence(at):
        parts, text = [], []
        while at < len(form) and form[at] not in "|}":
            if form[at] != "{":
                text.append(form[at])
                at += 1
                continue
            parts.append("".join(text))
            text = []
            alternatives = []
            while True:
                inner, at = sequence(at + 1)
                alternatives.append(inner)
                if at >= len(form):
                    raise ValueError("an open brace: " + form)
                if form[at] == "}":
                    break
            parts.append(alternatives)
            at += 1
        parts.append("".join(text))
        return parts, at

    parts, at = sequence(0)
    if at != len(form):
        raise ValueError("a brace too many: " + form)
    return parts


def expand(rng, form):
    """A form with its alternatives chosen."""
    if "{" not in form:
        return form
    out = []
    stack = [iter(parse(form))]
    while stack:
        part = next(stack[-1], None)
        if part is None:
            stack.pop()
        elif isinstance(part, str):
            out.append(part)
        else:
            stack.append(iter(rng.choice(part)))
    return "".join(out)


def fill(text, slots):
    return re.sub(r"<(\w+)>", lambda match: str(slots[match[1]]), text)


class TooFew(Exception):
    """None of a form's wordings, of a list's names, is of the split that is asked for."""


class Draw:
    """Draws for one of the two splits: what one may use, the other may not."""

    def __init__(self, rng, held=False):
        self.rng = rng
        self.held = held

    def wording(self, *forms):
        """Forms are expanded and joined; the whole is one wording of this split."""
        for _ in range(80):
            chosen = "".join(expand(self.rng, self.rng.choice(form) if isinstance(form, list) else form) for form in forms)
            if held_out(chosen, HELD_WORDINGS) == self.held:
                return re.sub(r"^(And|Now,|So,|Well,|Okay,|Oh,) ([A-Z])", lambda match: match[0].lower().capitalize(), chosen)
        raise TooFew(f"wordings of {forms[0]!r}")

    def ask(self, *forms, **slots):
        """As people type: sometimes in small letters, without a mark at the end."""
        return fill(casual(self.rng, self.wording(*forms)), slots)

    def answer(self, form, **slots):
        """What the model shall say: not held out, for it is not asked to guess how we say it."""
        return fill(expand(self.rng, form), slots)

    def name(self, names):
        """One of a list, or of what a function makes."""
        for _ in range(2000):
            name = names(self.rng) if callable(names) else self.rng.choice(names)
            if held_out(name, HELD_NAMES) == self.held:
                return name
        raise TooFew("names")

    def names(self, names, count):
        found = []
        while len(found) < count:
            name = self.name(names)
            if name not in found:
                found.append(name)
        return found

    def whole(self, digits):
        """A whole number of so many digits. Those of one or two digits are too few to hold any out."""
        while True:
            number = self.rng.randrange(10 ** (digits - 1) if digits > 1 else 0, 10 ** digits)
            if digits < 3 or held_out(str(number), HELD_NUMBERS) == self.held:
                return str(number)

    def between(self, least, most):
        for _ in range(2000):
            number = self.rng.randint(least, most)
            if number < 100 or held_out(str(number), HELD_NUMBERS) == self.held:
                return number
        raise TooFew(f"numbers from {least} to {most}")


def casual(rng, wording):
    """A wording as it might be typed. Slots stay as they are."""
    dice = rng.random()
    if dice < 0.12:
        wording = "".join(part if part.startswith("<") else part.lower() for part in re.split(r"(<\w+>)", wording))
    elif dice < 0.17 and not wording.startswith("<"):
        wording = wording[0].upper() + wording[1:]
    dice = rng.random()
    if dice < 0.12:
        wording = wording.rstrip("?.!")
    elif dice < 0.15:
        wording = wording.rstrip(".") + rng.choice(["", "!", " please", ", please"])
    return wording
