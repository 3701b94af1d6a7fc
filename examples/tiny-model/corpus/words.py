# SPDX-License-Identifier: Apache-2.0
"""The words of the small world."""
from grammar import HELD_NAMES, held_out

GIRLS = """Ada Alma Amina Anna Astrid Bella Berta Carla Clara Cora Dalia Dina Dora Edith Elena Ella Emma Erika Esther Eva
Fanny Flora Freya Gerda Gina Greta Hanna Hazel Heidi Helen Ida Ina Inga Iris Ivy Jana Jenny Jill Johanna Josie Julia Karin
Katya Kira Lara Laura Lea Lena Leonie Lily Linda Lotte Lucy Luna Mabel Maja Mara Maria Marta Maya Mia Mila Mina Mira Molly
Nadia Nana Nelly Nina Nora Olga Olive Paula Petra Polly Rita Rosa Rosie Ruth Sally Sara Selma Sina Sofia Stella Susan Tara
Tessa Thea Tina Toni Ursula Vera Wanda Wilma Yara Zoe""".split()
BOYS = """Adam Albert Alex Amir Anton Arne Axel Ben Bernd Boris Bruno Carl Casper Chris Colin Conrad Dan David Dennis Emil Eric
Ernst Felix Finn Frank Fred Fritz Gabriel Georg Gregor Gus Hal Hans Harry Henry Hugo Ian Igor Ivan Jack Jakob Jan Jim Joel John
Jonas Karl Kaspar Kevin Kurt Lars Leo Leon Levi Linus Louis Lucas Luke Magnus Marc Marco Mark Martin Max Milo Moritz Ned
Nick Niels Noah Olaf Oleg Oliver Omar Oscar Otis Otto Owen Paul Pedro Peter Philip Ralf Ray Rico Robert Rolf Sam Samir Simon
Stefan Sven Theo Tim Tobias Tom Toni Tristan Victor Viggo Walter Will Yusuf Zack""".split()
GIVEN = sorted(set(GIRLS + BOYS))

ANIMALS = """badger bear beaver cat cow crab deer dog donkey duck fox frog goat goose hamster hare hedgehog hen horse lamb lion
mole mouse otter owl parrot penguin pig pony rabbit raven seal sheep snail sparrow squirrel swan tiger toad turtle wolf""".split()
THINGS = """ball basket bell bicycle blanket boat book boot bottle bowl box bracelet broom brush bucket button cake camera candle
cap chair clock coat coin comb compass cup doll drum feather flag flute fork glove guitar hammer harp hat helmet jar kettle key
kite knife ladder lamp lantern letter locket map marble mirror mug necklace needle notebook paintbrush pencil pillow pipe plate
pot purse puzzle ribbon ring rope saddle scarf shell shoe shovel sled spoon stone stool suitcase sword table teapot telescope
tent ticket torch toy train trumpet umbrella vase violin wagon watch whistle""".split()
COLOURS = "red blue green yellow white black brown grey orange purple pink golden silver".split()
FOODS = """apples bananas beans bread butter carrots cheese cherries cookies corn dates eggs figs fish grapes honey lemons mushrooms
noodles nuts olives onions oranges pancakes peaches pears peas pizza plums potatoes rice salad salmon soup spinach tomatoes
waffles yogurt""".split()
JOBS = """actor baker barber blacksmith bookseller builder butcher captain carpenter chemist cook dentist doctor driver
electrician engineer farmer firefighter fisher florist gardener glazier guard hunter journalist judge lawyer librarian mason
mechanic miller musician nurse painter pharmacist photographer pilot plumber poet postman potter printer sailor shepherd
shoemaker singer smith tailor teacher translator vet waiter watchmaker weaver writer""".split()
INSTRUMENTS = "accordion banjo cello clarinet drums fiddle flute guitar harp horn lute oboe organ piano trombone trumpet tuba viola".split()
HOBBIES = """baking chess climbing cycling dancing diving drawing fishing gardening hiking juggling kayaking knitting painting
pottery reading rowing running sailing sewing singing skating skiing swimming tennis weaving wrestling""".split()
PLACES = """attic barn beach bridge castle cave cellar church court field forest garden garage hall harbour hill island kitchen lake
library market meadow mill museum orchard park pond river school shed shop square stable station tower valley village well
workshop yard""".split()
MATERIALS = "brass bronze clay copper glass gold iron leather marble oak paper pine silk silver steel stone tin velvet wool".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
MONTHS = "January February March April May June July August September October November December".split()
LANDS = """Austria Belgium Brazil Canada Chile China Cuba Denmark Egypt Estonia Finland France Ghana Greece Iceland India Iran
Ireland Italy Japan Kenya Latvia Malta Mexico Morocco Nepal Norway Peru Poland Portugal Scotland Serbia Spain Sweden Tunisia
Turkey Vietnam Wales Zambia""".split()
TRAITS = "brave bright calm careful cheerful clever curious friendly gentle happy kind little patient quick quiet shy small smart young".split()
SHIPS = "Anchor Arrow Aurora Comet Coral Dawn Eagle Falcon Gull Harmony Heron Hope Lark Liberty Lily Moon Morning Neptune North Pearl Pelican Pilgrim Raven Rose Star Storm Sun Swallow Swan Venture Victory Wave Wind".split()
SHIP_FIRST = "Bright Brave Golden Grey Lucky Merry Northern Old Proud Red Silent Silver Southern Swift White Wild".split()
TITLES_FIRST = "Blue Broken Burning Cold Distant Empty Forgotten Frozen Golden Hidden Last Lonely Lost Quiet Red Secret Silent Sleeping White Wild".split()
TITLES_LAST = "Bridge Candle City Clock Door Forest Garden Harbour House Island Key Lamp Letter Mirror Mountain Night River Road Sea Song Star Storm Summer Tower Valley Winter".split()

_HEADS = """Al Ar Bel Bor Bran Cal Cor Dal Dor Dun El Er Fal Fen Gar Gel Gran Hal Har Hol Il Is Kal Kel Kor Lan Lin Lor Mal Mar Mel
Mor Nar Nor Ol Or Pel Per Quin Ral Ran Ros Sal Sel Sil Sor Tal Tar Tel Tor Ul Val Var Vel Ver Vor Wal Wil Yar Zel Zor""".split()
_MIDDLES = ["", "", "", "a", "e", "i", "o", "u", "an", "en", "in", "or", "ar", "el", "er"]
_TOWN_TAILS = """bach beck berg borg bridge burg bury by dale den dorf field ford gate ham haven heim hill holm hurst land ley mont
mouth ness port sand stad stead stone ton vale vik ville ward wick wood worth""".split()
_PERSON_TAILS = "berg croft den dez dottir er es feld gren idge in ini ko ler ley lin lund man mann ner off ola ova quist rez rin sen ski son stein ström tin ton vik wall well".split()
_BEGINS = "B Br C Ch D Dr F Fl G Gr H J K Kl L M N P Pr Qu R S Sh St T Tr V W Y Z".split() + [""]
_VOWELS = "a e i o u a e i o ai ei ou".split()
_INNER = "b d dr f g k l ll m n nd nn p r rr s ss t th v z".split()
_GIRLS_TAILS = "la na ra sa va lia nia ria ba tta lle nne".split()
_THING_TAILS = "t p ck g m b sh ng lk net kin ble dle ster per let pot bell box wig".split()
_BOYS_TAILS = "n r s l t x k m nd rd rt ron lan ster vid bert rik mo do ko".split()
_CREATURE_TAILS = "ak ander ark ax eel ek ibis il ink ion ith ix mander moth oc odon oon oth ox puff rat tail uk wing wort".split()


def _made_up(rng):
    begin = rng.choice(_BEGINS) + rng.choice(_VOWELS)
    return begin + rng.choice(_INNER) + rng.choice(_VOWELS) if rng.random() < 0.4 else begin


def _trained(names):
    return [name for name in names if not held_out(name, HELD_NAMES)]


_SOURCES = [word for word in _trained(GIVEN + THINGS + FOODS + JOBS + HOBBIES + PLACES + MATERIALS + LANDS) if len(word) > 3]
_NAMES = [name for name in _trained(GIVEN) if len(name) > 2]


def _fragments(rng):
    """Parts of two words: any pieces of the tokenizer in any order, which syllables of a list are not."""
    first, second = rng.choice(_SOURCES), rng.choice(_SOURCES)
    begin, end = rng.randrange(len(first) - 2), rng.randrange(1, len(second) - 1)
    return first[begin:begin + rng.randint(2, 4)] + second[end:end + rng.randint(1, 4)]


def _blended(rng):
    """The beginning of one name and the end of another, or of itself with another first letter."""
    if rng.random() < 0.3:
        return rng.choice("ABCDEFGHIJKLMNOPQRSTUVWYZ") + rng.choice(_NAMES)[1:]
    first, second = rng.choice(_NAMES), rng.choice(_NAMES)
    return first[:rng.randint(1, len(first) - 1)] + second[rng.randint(1, len(second) - 1):]


# Whoever knows all names and things by heart need not learn to copy them: some are made up.
def given(rng):
    dice = rng.random()
    if dice < 0.4:
        return rng.choice(GIVEN)
    if dice < 0.75:
        begin = _made_up(rng)
        name = begin + rng.choice(_GIRLS_TAILS if rng.random() < 0.5 else _BOYS_TAILS)
    else:
        name = _blended(rng) if dice < 0.9 else _fragments(rng)
    return name[0].upper() + name[1:].lower()


def thing(rng):
    dice = rng.random()
    if dice < 0.6:
        return rng.choice(THINGS)
    return (_made_up(rng) + rng.choice(_THING_TAILS) if dice < 0.85 else _fragments(rng)).lower()


def girl(name):
    return name in GIRLS or name not in BOYS and name.endswith(tuple(_GIRLS_TAILS))


def town(rng):
    return rng.choice(_HEADS) + rng.choice(_MIDDLES) + rng.choice(_TOWN_TAILS)


def surname(rng):
    return rng.choice(_HEADS) + rng.choice(_MIDDLES) + rng.choice(_PERSON_TAILS)


def creature(rng):
    return (rng.choice(_HEADS) + rng.choice(_MIDDLES) + rng.choice(_CREATURE_TAILS)).lower()


def firm(rng):
    return surname(rng) + rng.choice([" Works", " Tools", " Foods", " Systems", " Motors", " Glass", " Press", " Toys", " Labs", " Optics"])


def ship(rng):
    return rng.choice(SHIP_FIRST) + " " + rng.choice(SHIPS)


def title(rng):
    return "The " + rng.choice(TITLES_FIRST) + " " + rng.choice(TITLES_LAST)


def peak(rng):
    return rng.choice(["Mount ", "Mount ", "Pic ", "Monte "]) + surname(rng)


def robot(rng):
    return "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXZ") for _ in range(rng.randint(1, 3))) + "-" + str(rng.randint(2, 99))


def a(noun):
    """The noun with its article."""
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def listed(items, last="and"):
    items = list(items)
    return items[0] if len(items) == 1 else ", ".join(items[:-1]) + f" {last} {items[-1]}"
