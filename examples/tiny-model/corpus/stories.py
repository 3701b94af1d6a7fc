# SPDX-License-Identifier: Apache-2.0
"""Short stories with a hero and an object that are kept."""
import words
from grammar import casual, fill

HEROES = ["girl", "boy"] + words.ANIMALS + ["baker", "farmer", "pilot", "sailor", "robot", "king", "queen", "knight", "painter", "gardener", "fisher", "shepherd"]
ASKED = [
    "{Tell me|Write|Please write|Please tell me|Can you tell me|Can you write|I want|Make up|Give me|Could you write|I would like|Tell us|Invent} {a|a short|a little|one} "
    "{story|tale|bedtime story} about <about>{.||!| please|, please}",
    "{A|A short|A little|One} {story|tale} about <about>{.||, please}", "{Story time|Story}: <about>{.|}",
    "{Do you know|Know} {a|a short} {story|tale} about <about>{?|}", "Once more{:|,} {a|a new} story{:| about} <about>{.|}",
]
ABOUT = ["{a|the} <k> {named|called} <x> and <o>", "<x> the <k> and <o>", "<x>, a <k>, who {finds|has|loses|looks for|owns} <o>", "<o> and {a|the} <k> {named|called} <x>",
         "a <t> <k> {named|called} <x> {with|and} <o>", "the <k> <x> and <o>", "{a|the} <k> named <x> who {finds|loses|wants|has} <o>", "how <x> the <k> {found|lost|got} <o>"]
PLAIN_ABOUT = ["<x> and <o>", "a <k> and <o>", "<x> the <k>", "<o>"]

BEGIN = ["Once upon a time there was a <t> <k> named <x>.", "In {a village|a small town|an old house} near the <p> lived a <t> <k> named <x>.",
         "There was once a <t> <k> whose name was <x>.", "Long ago, a <t> <k> named <x> lived {near|by|behind} the <p>."]
PLOTS = {
    "lost": ["<x> had a <c> <o>{ and loved it very much|, and nothing was dearer to <him>| from <his> grandmother}.",
             "One {morning|day|evening} the <o> was gone.", "<x> looked {under the table|in the <q>|everywhere}, but the <o> was not there.",
             "\"{Have you seen|Do you know where is} my <o>?\" <x> asked <y> the <z>.", "<y> {thought for a while|nodded|smiled}. \"{I saw it|There was something <c>} {near|behind|in} the <p>.\"",
             "So they {ran|walked|went} to the <p> together.", "There, {under a leaf|behind a stone|in the grass|between two boxes}, lay the <o>.",
             "<x> {laughed|jumped for joy|was so happy} and {thanked|hugged} <y>.", "{From then on|After that}, <x> {took good care of|always looked after} the <o>."],
    "gift": ["{One day|On a <s> morning|On <his> birthday} <x> found a <c> <o> {in|near|behind} the <p>.", "\"{Whose is it|To whom may it belong}?\" {thought|wondered} <x>.",
             "<x> asked <y> the <z>, but the <o> was not <y>'s.", "{Then|In the end} they asked {an old woman|an old man} by the <q>.",
             "\"{That is|It is} my <o>!\" {she cried|came the answer}. \"{I lost it|I have looked for it} {years ago|for so long}.\"",
             "<x> gave the <o> back, {although it was hard|and it felt good}.", "The next day there was {a present|a box} {in front of|at} the door.",
             "In it was {another|a new} <o>, {and it was even more beautiful|as <c> as the first one}.", "<x> {smiled|was happy} {all day|for a long time}."],
    "wish": ["<x> {wished for|wanted|dreamed of} a <o> {more than anything|for a long time|every night}.", "But a <o> {was expensive|cost many coins}, and <x> had {no money|only one coin}.",
             "So <x> helped <y> the <z> {in|at} the <p>.", "<He> {carried water|swept the floor|picked apples|fed the hens} {every day|all week|from morning to evening}.",
             "{At the end of the week|On Sunday} <y> said: \"{You worked hard|You helped me so much}. {This is|Here is something} for you.\"",
             "It was a <c> <o>!", "<x> {could not believe it|was speechless|laughed out loud}.", "{That night|In the evening} <x> put the <o> next to the bed and slept well."],
    "rescue": ["<x> {always|never went anywhere without <his> <o> and} carried a <c> <o>{ along|}.", "{One day|One <s> day} <x> heard {a cry|someone calling} from the <p>.",
               "It was <y> the <z>, who had fallen into {a hole|the water|a ditch}.", "\"{Help|Help me}!\" {cried|called} <y>. \"{I cannot get out|It is so cold}!\"",
               "<x> {thought quickly|was not afraid|had an idea} and took the <o>.", "With the <o> <he> {pulled|helped} <y> out{, step by step|}.",
               "\"{Thank you|You saved me},\" {said|whispered} <y>. \"{You and your <o> are the best|What a good <o>}!\"", "{From that day on|Since then} <x> and <y> were {friends|best friends}."],
    "share": ["<x> {owned|had} a <c> <o>, and {everybody|everyone} {in the village|near the <p>} {admired|liked} it.", "But <x> never {shared|gave it to anyone}.",
              "{One day|Then} <y> the <z> asked: \"May I {hold|see|use} your <o>?\"", "\"No,\" said <x>, and <y> went away {sadly|with tears}.",
              "{In the evening|That night} <x> sat alone with the <o> and {felt lonely|was not happy}.", "{The next morning|The next day} <x> went to <y>. \"{I am sorry|Forgive me}. Let us share the <o>.\"",
              "They took the <o> to the <p> and {played|laughed} {all day|until dark}.", "<x> {learned|understood}: {a <o> is nicer with a friend|sharing makes everyone happy}."],
    "contest": ["{In spring|Every year|One summer} there was a {contest|great contest} at the <p>.", "{Whoever had the most beautiful <o>|The finest <o>} would win.",
                "<x> had only an old <o>, {a bit broken|with a crack|not very pretty}.", "{All night|For three days} <x> cleaned the <o> and painted it <c>.",
                "<y> the <z> helped{ with a brush|, too|}.", "At the contest {everybody looked at|all eyes were on} the <o>.", "\"{The winner is|First place goes to} <x>!\" {called|cried} the judge.",
                "<x> {blushed|beamed} and {held up the <o>|thanked everyone}.", "{Back home|Later} <x> and <y> {celebrated|ate cake} together."],
}
END = ["And {so|that is how} they lived happily.", "The end.", "And that was a {good|fine|wonderful} day.", "And {everyone|everybody} slept well that night.", ""]


def told(draw, x, kind, obj, trait, colour):
    """A story: sentences of one plot, with a friend."""
    rng = draw.rng
    y = next(name for name in draw.names(words.given, 2) if name != x)
    he = ("she", "her", "her") if words.girl(x) else ("he", "his", "him")
    p, q = rng.sample(words.PLACES, 2)
    slots = {"x": x, "k": kind, "o": obj, "y": y, "z": rng.choice([animal for animal in words.ANIMALS if animal != kind]), "p": p, "q": q,
             "t": trait, "c": colour, "s": rng.choice(["sunny", "rainy", "windy", "cold", "warm"]),
             "he": he[0], "He": he[0].capitalize(), "his": he[1], "him": he[2]}
    forms = [rng.choice(BEGIN)] + PLOTS[rng.choice(list(PLOTS))] + [rng.choice(END)]
    text = " ".join(draw.answer(form, **slots) for form in forms if form)
    return articles(text).replace(" ,", ",")


def articles(text):
    """a before a vowel is an."""
    out = text.split(" ")
    for i in range(len(out) - 1):
        if out[i].lstrip("\"") in ("a", "A") and out[i + 1][:1] in "aeiou" and not out[i + 1].startswith(("useful", "one", "uni")):
            out[i] += "n"
    return " ".join(out)


def exchange(draw, chat):
    rng = draw.rng
    x = draw.name(words.given)
    kind = rng.choice(HEROES)
    if kind in ("boy", "king") and words.girl(x) or kind in ("girl", "queen") and not words.girl(x):
        kind = rng.choice(words.ANIMALS)
    obj = draw.name(words.thing)
    trait, colour = rng.choice(words.TRAITS), rng.choice(words.COLOURS)
    thing = rng.choice([words.a(obj), "the " + obj, f"{'her' if words.girl(x) else 'his'} {obj}", f"a {colour} {obj}"])
    plain = rng.random() < 0.12
    about = rng.choice(PLAIN_ABOUT if plain else ABOUT)
    wording = draw.wording([form.replace("<about>", about) for form in ASKED]) if not plain else draw.wording(
        [form.replace("<about>", other) for form in ASKED for other in PLAIN_ABOUT])
    said_name, said_object = "<x>" in wording, "<o>" in wording
    question = articles(fill(casual(rng, wording), {"x": x, "k": kind, "o": thing, "t": trait}))
    chat.user(question).says(told(draw, x, kind, obj, trait, colour))
    chat.check = {"calls": [], "hero": x if said_name else None, "object": obj if said_object else None}
