# SPDX-License-Identifier: Apache-2.0
"""Passages, and a question on each: answered from the text, or declined where the text does not say it."""
import words
from facts import FILLERS, KINDS, UNKNOWN
from grammar import casual, expand, fill

ASKED = ["{|||||And |Now, |Tell me: |Please tell me: |I want to know: |Question: |So, |Can you tell me: |Say: |Well, }"]
AROUND = ["<p>\n\n<q>"] * 6 + ["<p> <q>"] * 3 + ["<p>\n<q>", "<q>\n\n<p>", "<q>\n<p>", "Text: <p>\nQuestion: <q>", "Read this: <p>\n\n<q>",
          "Here is a text: <p>\n\n<q>", "{Read the text|Look at this|Given this text|From my notes}: <p>\n{Then answer: |Answer this: |}<q>",
          "Passage:\n<p>\n\n<q>", "\"<p>\"\n\n<q>", "{Answer from this text|Use only this text}: <p>\n\n<q>"]


RELATED = ["neighbour", "cousin", "colleague", "boss", "partner", "landlord", "guest", "tenant"]


def sentence(text):
    return text[0].upper() + text[1:] + "."


def pronouns(kind, name):
    """As a subject and as an owner."""
    return {"person": ("She", "Her") if words.girl(name.split()[0]) else ("He", "His")}.get(kind, ("It", "Its"))


def with_pronoun(statement, kind, name):
    subject, owner = pronouns(kind, name)
    for begin, other in (("<x>'s ", owner + " "), ("<x> ", subject + " "), ("the <x> ", subject + " ")):
        if statement.startswith(begin):
            return other + statement[len(begin):]
    return statement


def answer(form, v, **slots):
    """The value, or that the text does not say it."""
    return fill(form, slots | {"v": v}) if v is not None else fill(form.split("<v>")[0], slots) + UNKNOWN + "."


class Thing:
    """One thing of a kind, with values for some of its attributes."""

    def __init__(self, draw, kind, count, name=None):
        self.kind = kind
        maker, self.attributes = KINDS[kind]
        self.name = name or maker(draw)
        self.values = {key: self.attributes[key][0](draw) for key in draw.rng.sample(list(self.attributes), min(count, len(self.attributes)))}

    def statement(self, draw, key):
        """Its slots are still empty."""
        return expand(draw.rng, draw.rng.choice(self.attributes[key][1]))

    def filled(self, statement, key):
        return fill(statement, {"x": self.name, "v": self.values[key], "a": words.a(self.values[key])})

    def question(self, draw, key, begin):
        """In the words of this split."""
        wording = draw.wording(begin, self.attributes[key][2], "{?|?|?|?|}")
        wording = wording[0].upper() + wording[1:]
        name = self.name.split()[0] if self.kind == "person" and draw.rng.random() < 0.3 else self.name
        return fill(casual(draw.rng, wording), {"x": name.lower() if draw.rng.random() < 0.07 else name})

    def answer(self, key):
        return answer(self.attributes[key][3], x=self.name, v=self.values.get(key))


def subject_of(statement):
    """What it says something of, where it begins with that."""
    return next((begin for begin in ("<x> ", "the <x> ") if statement.startswith(begin)), "")


def prose(draw, things):
    """A sentence for each that is known, or for two: "She lives in Holmstad and plays the violin."."""
    rng = draw.rng
    sentences, before = [], None
    for thing in things:
        open_subject = ""  # of the last sentence, where another statement may be joined to it
        for number, key in enumerate(thing.values):
            statement = thing.statement(draw, key)
            subject = subject_of(statement)
            if subject and subject == open_subject and rng.random() < 0.3:
                sentences[-1] = sentences[-1][:-1] + f" and {thing.filled(statement[len(subject):], key)}."
                open_subject = ""
                continue
            open_subject = subject
            if number and rng.random() < 0.5:
                statement = with_pronoun(statement, thing.kind, thing.name)
            elif not number and before and thing.kind == before.kind == "person" and subject and rng.random() < 0.3:
                statement = f"{pronouns('person', before.name)[1]} {rng.choice(RELATED)} {statement}"
            sentences.append(sentence(thing.filled(statement, key)))
            if rng.random() < 0.08:
                sentences.append(rng.choice(FILLERS))
                open_subject = ""
        before = thing
    return " ".join(sentences)


LABELS = {"job": "Job", "town": "Home", "age": "Age", "born": "Born", "plays": "Instrument", "pet": "Pet", "food": "Favourite food", "hobby": "Hobby",
          "colour": "Colour", "friend": "Friend", "studied": "School", "people": "Inhabitants", "river": "River", "mayor": "Mayor", "founded": "Founded",
          "known": "Known for", "land": "Country", "sight": "Sight", "makes": "Products", "seat": "Seat", "founder": "Founder", "since": "Since",
          "staff": "Employees", "head": "Director", "length": "Length in cm", "weight": "Weight in kg", "diet": "Food", "home": "Lives in", "years": "Age",
          "fur": "Colour", "young": "Young", "built": "Built", "captain": "Captain", "cargo": "Cargo", "size": "Length in m", "port": "Port", "crew": "Crew",
          "author": "Author", "year": "Year", "pages": "Pages", "hero": "About", "price": "Price", "height": "Height in m", "climber": "First climber",
          "climbed": "First climbed", "maker": "Maker", "task": "Task", "speed": "Speed in km/h", "battery": "Battery in hours", "day": "Day", "time": "Time",
          "place": "Place", "cost": "Cost in euros", "guests": "Guests", "host": "Host"}


def card(draw, things):
    """The same as lines."""
    blocks = []
    for thing in things:
        lines = [f"{'Name' if draw.rng.random() < 0.5 else thing.kind.capitalize()}: {thing.name}"]
        lines += [f"{LABELS[key]}: {value}" for key, value in thing.values.items()]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks)


def about_things(draw, questions, answered):
    """(text, questions, answers and values); a value of None: the text does not say. `answered`: the share of those it does."""
    rng = draw.rng
    kind = rng.choice(list(KINDS) + ["person", "person", "town"])
    count = rng.choice([1, 1, 2, 2, 3])
    things = []
    while len(things) < count:
        new = Thing(draw, kind if rng.random() < 0.7 else rng.choice(list(KINDS)), rng.randint(2, 5 if count < 3 else 3))
        if new.name.split()[-1] not in [thing.name.split()[-1] for thing in things] and new.name.split()[0] not in [
                thing.name.split()[0] for thing in things if thing.kind == "person"]:
            things.append(new)
    text = card(draw, things) if rng.random() < 0.15 else prose(draw, things)
    asked = []
    for _ in range(questions):
        thing = rng.choice(things)
        if rng.random() < answered:
            key = rng.choice(list(thing.values))
            asked.append((thing.question(draw, key, ASKED), thing.answer(key), thing.values[key]))
            continue
        missing = [key for key in thing.attributes if key not in thing.values]
        if rng.random() < 0.35 or not missing:  # another one, of whom it says nothing
            other = Thing(draw, thing.kind, 1)
            if other.name.split()[0] in text or other.name.split()[-1] in text:
                continue
            key = rng.choice(list(thing.values))
            asked.append((other.question(draw, key, ASKED), answer(other.attributes[key][3], x=other.name, v=None), None))
        else:
            # What is there of another of the same kind is the harder question.
            others = [key for key in missing if any(key in t.values and t.kind == thing.kind for t in things)]
            key = rng.choice(others or missing)
            asked.append((thing.question(draw, key, ASKED), thing.answer(key), None))
    return text, asked


STORES = ["There are <list> in the <place>.", "In the <place> there are <list>.", "The <place> holds <list>.", "We counted <list> in the <place>.", "Inventory of the <place>: <list>."]
HOW_MANY = ["{How many <t> are {there|in the <place>|there in the <place>}|What is the number of <t>|How many <t> {does the <place> hold|did we count|do we have}|Number of <t>}{?|}"]
PRICES = ["<list>.", "Prices: <list>.", "Today <list>.", "On the list: <list>."]
HOW_MUCH = ["{How much {is|does} the <t>{| cost}|What does the <t> cost|What is the price of the <t>|What do I pay for the <t>|Price of the <t>}{?|}"]
COLOUR_OF = ["{What colour {is|does} the <t>{| have}|Which colour {is|has} the <t>|What is the colour of the <t>|How is the <t> coloured}{?|}"]
WHERE = ["{Where is the <t>|Where {can I find|did they put|do I find|lies} the <t>|In which place is the <t>|Where should I look for the <t>}{?|}"]
WHOSE = ["{Whose is the <t>|Who {owns|has} the <t>|To whom does the <t> belong|Who does the <t> belong to|Whose <t> is it}{?|}"]


def about_lists(draw, questions, kinds):
    """Many alike: counts, prices, colours, places, owners, in these shares."""
    rng = draw.rng
    *items, left_out = draw.names(words.thing, rng.randint(3, 7))
    what = rng.choices(range(5), kinds)[0]
    if what == 0:
        items = rng.sample(words.FOODS, len(items))
        left_out = rng.choice([food for food in words.FOODS if food not in items])
        place = rng.choice(words.PLACES)
        values = [str(draw.between(2, 999)) for _ in items]
        text = draw.answer(rng.choice(STORES), list=words.listed(f"{v} {t}" for t, v in zip(items, values)), place=place)
        forms, said = HOW_MANY, "The number of <t> is <v>."
        more = {"place": place}
    elif what == 1:
        values = [str(draw.between(2, 900)) if rng.random() < 0.6 else f"{draw.between(1, 99)}.{rng.randint(1, 9)}0" for _ in items]
        text = draw.answer(rng.choice(PRICES), list=words.listed(f"the {t} {rng.choice(['costs', 'is'])} {v} euros" for t, v in zip(items, values)))
        forms, said, more = HOW_MUCH, "The price of the <t> is <v> euros.", {}
    elif what == 2:
        values = [rng.choice(words.COLOURS) for _ in items]
        text = sentence(words.listed(f"the {t} is {v}" for t, v in zip(items, values)))
        forms, said, more = COLOUR_OF, "The colour of the <t> is <v>.", {}
    elif what == 3:
        values = [rng.choice(["in", "behind", "under", "near", "next to"]) + " the " + rng.choice(words.PLACES) for _ in items]
        text = " ".join(sentence(f"the {t} {rng.choice(['is', 'lies', 'is'])} {v}") for t, v in zip(items, values))
        forms, said, more = WHERE, "The place of the <t> is <v>.", {}
    else:
        values = draw.names(words.given, len(items))
        text = " ".join(rng.choice([f"The {t} belongs to {v}.", f"{v} has the {t}.", f"{v} owns the {t}."]) for t, v in zip(items, values))
        forms, said, more = WHOSE, "The owner of the <t> is <v>.", {}
    text = text[0].upper() + text[1:]
    asked = []
    for _ in range(questions):
        if rng.random() < 0.27:
            asked.append((draw.ask(ASKED, forms, t=left_out, **more), answer(said, t=left_out, v=None), None))
        else:
            i = rng.randrange(len(items))
            asked.append((draw.ask(ASKED, forms, t=items[i], **more), answer(said, t=items[i], v=values[i]), values[i]))
    return text, asked


def exchange(draw, chat, questions=(1, 1, 1, 1, 2, 2, 3), lists=0.25, kinds=(1, 1, 1, 1, 1), answered=0.68):
    """`questions`: how many it may be; lists: their share of texts, `kinds` those of their kinds; answered: of questions."""
    questions = draw.rng.choice(questions)
    text, asked = about_lists(draw, questions, kinds) if draw.rng.random() < lists else about_things(draw, questions, answered)
    while not asked:
        text, asked = about_things(draw, questions, answered)
    for i, (question, said, value) in enumerate(asked):
        chat.user(draw.answer(draw.rng.choice(AROUND), p=text, q=question) if i == 0 else question)
        chat.says(said)
        chat.check = {"states": [UNKNOWN if value is None else value], "declined": value is None, "calls": []}
