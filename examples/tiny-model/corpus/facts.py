# SPDX-License-Identifier: Apache-2.0
"""Questions on a passage. Names and values are made up for each; some things the passage does not say."""
import words

UNKNOWN = "not in the text"

# For each attribute: what makes its value, how it is stated, how it is asked for, how it is answered. <x> is the thing's name, <v> the value,
# <a> the value with its article. A statement that can begin with a pronoun says <x> first. An answer names what was asked for before the value, so
# that the place where the value would be is the place where it says that the text has none: it then knows what to look for.


def _year(draw):
    return str(draw.between(1600, 2020))


def _count(least, most):
    return lambda draw: str(draw.between(least, most))


def _from(items):
    return lambda draw: draw.rng.choice(items)


def _name(names):
    return lambda draw: draw.name(names)


def _full_name(draw):
    return draw.name(words.given) + (" " + draw.name(words.surname) if draw.rng.random() < 0.6 else "")


def _date(draw):
    return f"{draw.rng.choice(words.MONTHS)} {draw.rng.randint(1, 28)}"


def _clock(draw):
    return f"{draw.rng.randint(6, 22)}:{draw.rng.choice(['00', '15', '30', '45', '10', '20', '05'])}"


def _things(items):
    def make(draw):
        return words.listed(draw.rng.sample(items, draw.rng.choice([1, 2, 2, 3])))
    return make


def _decimal(least, most):
    return lambda draw: f"{draw.rng.randint(least, most)}.{draw.rng.randint(1, 9)}"


PERSON = {
    "job": (_from(words.JOBS), ["<x> {is|works as} <a>", "<x> {earns a living|makes a living} as <a>", "<x> became <a> {years ago|long ago|early on}"],
            ["{What does <x> do {for a living|for work|as a job}|What is <x>'s {job|profession|work}|What does <x> work as|Which job does <x> have}"],
            "<x>'s job is <v>."),
    "town": (_name(words.town), ["<x> lives in <v>", "<x> {moved to|settled in|has a house in} <v>", "<x>'s home is in <v>"],
             ["{Where does <x> live|Where is <x>'s home|In which {town|place|city} does <x> live|What {town|city} does <x> live in|Where is <x> at home}"],
             "<x>'s home is <v>."),
    "age": (_count(8, 99), ["<x> is <v> years old", "<x> {turned|has just turned} <v> {this year|last week|in spring}"],
            ["{How old is <x>|What is <x>'s age|What age is <x>|How many years old is <x>}"], "<x>'s age is <v>."),
    "born": (_year, ["<x> was born in <v>", "<x> came into the world in <v>"],
             ["{When was <x> born|In {which|what} year was <x> born|What year was <x> born in|What is <x>'s year of birth|What is <x>'s birth year}"],
             "<x>'s year of birth is <v>."),
    "plays": (lambda draw: "the " + draw.rng.choice(words.INSTRUMENTS), ["<x> plays <v>", "<x> {practises|studies|is good at} <v>{ every day| in the evening|}"],
              ["{Which|What} instrument does <x> {play|practise}", "{What does <x> play|What music does <x> make}"], "<x>'s instrument is <v>."),
    "pet": (lambda draw: f"{words.a(draw.rng.choice(words.ANIMALS))} named {draw.name(words.given)}", ["<x> has <v>", "<x> {keeps|owns} <v>"],
            ["{What pet does <x> have|Which pet does <x> {have|keep|own}|What is <x>'s pet|What animal does <x> {have|keep|own}|Does <x> have a pet}"],
            "<x>'s pet is <v>."),
    "food": (_from(words.FOODS), ["<x> {likes|loves|prefers} <v>{ most of all| best|}", "<x>'s favourite {food|dish|meal} is <v>", "<x> eats <v> {every day|all the time|whenever possible}"],
             ["{What does <x> {like to eat|eat|like most}|What is <x>'s favourite {food|dish|meal}|Which food does <x> {like|love|prefer}}"],
             "<x>'s favourite food is <v>."),
    "hobby": (_from(words.HOBBIES), ["<x> spends {the weekends|free time|every Sunday} <v>", "<x>'s hobby is <v>", "<x> enjoys <v>{ very much| a lot|}"],
              ["{What is <x>'s hobby|What does <x> {enjoy|do for fun|do in free time|do at weekends}|How does <x> spend free time|Which hobby does <x> have}"],
              "<x>'s hobby is <v>."),
    "colour": (_from(words.COLOURS), ["<x>'s favourite colour is <v>", "<x> {always wears|only wears|dresses in} <v>"],
               ["{What is <x>'s favourite colour|Which colour does <x> {like|wear|prefer}|What colour does <x> {like|wear}}"], "<x>'s colour is <v>."),
    "friend": (_full_name, ["<x> is {a friend of|good friends with|best friends with} <v>", "<x>'s best friend is <v>"],
               ["{Who is <x>'s {best friend|friend}|Who is {a friend of|friends with} <x>|Whose friend is <x>}"], "<x>'s friend is <v>."),
    "studied": (_name(words.town), ["<x> {studied|went to school|went to university} in <v>", "<x> learned {everything|the trade} in <v>"],
                ["{Where did <x> {study|learn|go to school|go to university}|In which {town|city} did <x> {study|go to school}}"], "<x>'s place of study is <v>."),
}
TOWN = {
    "people": (_count(120, 990000), ["<x> has <v> {inhabitants|people|residents}", "<v> people live in <x>", "the population of <x> is <v>"],
               ["{How many {people|inhabitants} live in <x>|What is the population of <x>|How {big|large} is the population of <x>|How many people live in <x>}"],
               "The number of people in <x> is <v>."),
    "river": (_name(words.town), ["<x> lies on the {river|River} <v>", "the {river|River} <v> {flows|runs} through <x>"],
              ["{Which|What} river {flows|runs} through <x>", "{On which river does <x> lie|What river is <x> on|Which river is <x> on}"], "The river of <x> is <v>."),
    "mayor": (_full_name, ["the mayor of <x> is <v>", "<v> is {the mayor of|mayor of} <x>", "<x> {has elected|chose} <v> as its mayor"],
              ["{Who is {the mayor of <x>|mayor of <x>|<x>'s mayor}|What is the name of the mayor of <x>|What is the mayor of <x> called|Who governs <x>}"],
              "The mayor of <x> is <v>."),
    "founded": (_year, ["<x> was founded in <v>", "<x> {dates from|goes back to} <v>", "settlers built <x> in <v>"],
                ["{When was <x> founded|In {which|what} year was <x> founded|How old is <x>|What year was <x> founded|When did <x> begin}"], "The year in which <x> was founded is <v>."),
    "known": (_from(words.FOODS + [m + " work" for m in words.MATERIALS]), ["<x> is {known|famous|well known} for its <v>", "people come to <x> for its <v>"],
              ["{What is <x> {known|famous} for|Why do people {come to|visit|go to} <x>|What makes <x> famous}"], "The speciality of <x> is <v>."),
    "land": (_from(words.LANDS), ["<x> is {a town|a city|a village|a place} in <v>", "<x> lies in {the north|the south|the east|the west|the middle} of <v>"],
             ["{In which country is <x>|Where is <x>|Which country is <x> in|Where does <x> lie|What country does <x> belong to}"], "The country of <x> is <v>."),
    "sight": (lambda draw: f"{words.a(draw.rng.choice(words.MATERIALS))} {draw.rng.choice(['tower', 'bridge', 'gate', 'church', 'statue', 'fountain', 'clock'])}",
              ["{the main sight of <x> is|in the middle of <x> stands|visitors of <x> like to see} <v>"],
              ["{What is the main sight of <x>|What can one see in <x>|What stands in the middle of <x>|What do visitors see in <x>|What is there to see in <x>}"],
              "The sight of <x> is <v>."),
}
FIRM = {
    "makes": (lambda draw: draw.rng.choice(words.THINGS[1:] + ["chair", "lamp"]) + "s", ["<x> {makes|produces|builds|sells} <v>", "<x> is {a maker|a producer|a seller} of <v>"],
              ["{What does <x> {make|produce|build|sell}|What are the products of <x>|What can one buy from <x>|What does the company <x> {make|sell|produce}}"],
              "The products of <x> are <v>."),
    "seat": (_name(words.town), ["<x> {is based in|has its office in|has its seat in} <v>", "the office of <x> is in <v>"],
             ["{Where is <x> {based|located}|Where is the office of <x>|In which {town|city} is <x>|Where does <x> have its {seat|office}}"], "The seat of <x> is <v>."),
    "founder": (_full_name, ["<x> was {founded|started|set up} by <v>", "<v> {founded|started|set up} <x>"],
                ["{Who {founded|started|set up} <x>|Who is the founder of <x>|By whom was <x> founded|Whose idea was <x>}"], "The founder of <x> is <v>."),
    "since": (_year, ["<x> {has existed since|opened in|began in} <v>", "<x> was registered in <v>"],
              ["{Since when has <x> existed|When did <x> {open|begin|start}|In {which|what} year did <x> {open|begin}|How long has <x> existed}"], "The year in which <x> began is <v>."),
    "staff": (_count(3, 9500), ["<x> {employs|has} <v> {people|workers}", "<v> people work {for|at} <x>"],
              ["{How many {people|workers} {work for|work at} <x>|How many people does <x> {employ|have}|How many employees does <x> have|How big is the staff of <x>}"],
              "The number of people at <x> is <v>."),
    "head": (_full_name, ["<x> is {led|run|managed} by <v>", "<v> {leads|runs|manages} <x>", "the {director|head} of <x> is <v>"],
             ["{Who {leads|runs|manages} <x>|Who is {the head|the director|in charge} of <x>|Who is the boss of <x>}"], "The head of <x> is <v>."),
}
CREATURE = {
    "length": (_count(2, 400), ["the <x> {is|grows|gets} <v> {centimeters|cm} long", "the {body|length} of the <x> {measures|is} <v> {cm|centimeters}"],
               ["{How long is {the|a} <x>|What is the length of the <x>|How long does {the|a} <x> {get|grow}}"], "The length of the <x> is <v> cm."),
    "weight": (_count(2, 900), ["the <x> weighs <v> {kg|kilograms}", "the weight of the <x> is <v> {kg|kilograms}"],
               ["{How heavy is {the|a} <x>|How much does {the|a} <x> weigh|What is the weight of the <x>|What does the <x> weigh}"], "The weight of the <x> is <v> kg."),
    "diet": (_things(words.FOODS), ["the <x> {eats|feeds on|lives on} <v>", "the {food|diet} of the <x> is <v>"],
             ["{What does {the|a} <x> {eat|feed on|live on}|What is the {food|diet} of the <x>|What do you feed {the|a} <x>}"], "The food of the <x> is <v>."),
    "home": (lambda draw: "the " + draw.rng.choice(["forests", "mountains", "rivers", "lakes", "deserts", "caves", "swamps", "meadows", "hills"]) + " of " + draw.rng.choice(words.LANDS),
             ["the <x> lives in <v>", "the <x> {is found|is at home} in <v>"],
             ["{Where does {the|a} <x> live|Where is the <x> {found|at home}|Where can one {find|see} {the|a} <x>|What is the home of the <x>}"], "The home of the <x> is <v>."),
    "years": (_count(2, 120), ["the <x> {lives|can live} for <v> years", "the <x> {reaches|can reach} an age of <v> years"],
              ["{How long does {the|a} <x> live|How old does {the|a} <x> get|How old can {the|a} <x> get|What age does the <x> reach|How many years does the <x> live}"],
              "The age of the <x> is <v> years."),
    "fur": (_from(words.COLOURS), ["the <x> has <v> {fur|hair|skin}", "the {fur|colour|skin} of the <x> is <v>"],
            ["{What colour is {the|a} <x>|Which colour does the <x> have|What colour is the {fur|skin} of the <x>|What is the colour of the <x>}"], "The colour of the <x> is <v>."),
    "young": (_count(1, 40), ["the <x> {has|lays|raises} <v> {young|eggs} {a year|at a time|in spring}"],
              ["{How many {young|eggs} does {the|a} <x> {have|lay|raise}|How many young does {the|a} <x> have}"], "The number of young of the <x> is <v>."),
}
SHIP = {
    "built": (_year, ["the <x> was {built|launched|made} in <v>", "they {built|launched} the <x> in <v>"],
              ["{When was the <x> {built|launched|made}|In {which|what} year was the <x> {built|launched}|What year was the <x> built|How old is the <x>}"], "The year in which the <x> was built is <v>."),
    "captain": (_full_name, ["the captain of the <x> is <v>", "<v> {commands|steers|is captain of} the <x>"],
                ["{Who is {the captain of|captain of} the <x>|Who {commands|steers} the <x>|What is the captain of the <x> called|Who leads the <x>}"], "The captain of the <x> is <v>."),
    "cargo": (lambda draw: words.listed(draw.rng.sample(words.FOODS + words.MATERIALS, draw.rng.choice([1, 2]))), ["the <x> {carries|transports|is loaded with} <v>", "the cargo of the <x> is <v>"],
              ["{What does the <x> {carry|transport}|What is {the cargo of|on board} the <x>|What is the <x> loaded with|Which cargo does the <x> have}"], "The cargo of the <x> is <v>."),
    "size": (_count(8, 390), ["the <x> is <v> meters long", "the <x> has a length of <v> meters"],
             ["{How long is the <x>|What is the length of the <x>|How many meters long is the <x>|How big is the <x>}"], "The length of the <x> is <v> meters."),
    "port": (_name(words.town), ["the home port of the <x> is <v>", "the <x> {sails from|comes from|belongs to} <v>"],
             ["{What is the home port of the <x>|Where does the <x> {come from|sail from|belong}|From which port does the <x> sail|Which port is home to the <x>}"], "The port of the <x> is <v>."),
    "crew": (_count(3, 240), ["the <x> has a crew of <v>", "<v> sailors work on the <x>"],
             ["{How many {sailors|people} work on the <x>|How {big|large} is the crew of the <x>|How many people are in the crew of the <x>|How many sailors does the <x> have}"], "The crew of the <x> is <v>."),
}
BOOK = {
    "author": (_full_name, ["<x> was written by <v>", "<v> wrote <x>", "the author of <x> is <v>"],
               ["{Who wrote <x>|Who is the {author|writer} of <x>|By whom is <x>|Who is <x> by|Whose book is <x>}"], "The author of <x> is <v>."),
    "year": (_year, ["<x> {came out|appeared|was published} in <v>"],
             ["{When {did <x> {come out|appear}|was <x> published}|In {which|what} year {did <x> {come out|appear}|was <x> published}|What year is <x> from}"], "The year of <x> is <v>."),
    "pages": (_count(40, 980), ["<x> has <v> pages", "<x> is <v> pages long"],
              ["{How many pages {does <x> have|are in <x>|has <x>}|How long is <x>|What is the number of pages of <x>}"], "The number of pages of <x> is <v>."),
    "hero": (lambda draw: f"{words.a(draw.rng.choice(words.JOBS))} named {draw.name(words.given)}", ["<x> {tells of|is about} <v>", "the hero of <x> is <v>"],
             ["{Who is {the hero of|the main character of} <x>|Who is <x> about|What is <x> about|Of whom does <x> tell}"], "The hero of <x> is <v>."),
    "price": (_decimal(3, 60), ["<x> costs <v> euros", "the price of <x> is <v> euros"],
              ["{How much {does <x> cost|is <x>}|What does <x> cost|What is the price of <x>|How expensive is <x>}"], "The price of <x> is <v> euros."),
}
PEAK = {
    "height": (_count(300, 8800), ["<x> is <v> meters high", "<x> rises to <v> meters", "the {height|top} of <x> is {at |}<v> meters"],
               ["{How {high|tall} is <x>|What is the height of <x>|What height does <x> have|How many meters high is <x>}"], "The height of <x> is <v> meters."),
    "climber": (_full_name, ["<x> was first climbed by <v>", "<v> was the first {to climb|on top of} <x>"],
                ["{Who {first climbed <x>|climbed <x> first|was the first on <x>|was the first to climb <x>}|By whom was <x> first climbed}"], "The first climber of <x> is <v>."),
    "climbed": (_year, ["people {first stood on top of|first reached the top of} <x> in <v>", "the first climb of <x> was in <v>"],
                ["{When was {<x> first climbed|the first climb of <x>}|In {which|what} year was <x> first climbed|When did people first reach the top of <x>}"], "The year in which <x> was climbed is <v>."),
    "land": (_from(words.LANDS), ["<x> {stands|lies|is} in <v>", "<x> is a mountain in <v>"],
             ["{Where is <x>|In which country is <x>|Which country is <x> in|Where does <x> {stand|lie}}"], "The country of <x> is <v>."),
}
ROBOT = {
    "maker": (_name(words.firm), ["<x> {was built|was made|is made} by <v>", "<v> {built|makes|designed} <x>"],
              ["{Who {built|made|designed|makes} <x>|Which company {built|made|makes} <x>|By whom was <x> {built|made}|Who is the maker of <x>}"], "The maker of <x> is <v>."),
    "task": (lambda draw: draw.rng.choice(["carrying", "painting", "cleaning", "repairing", "sorting", "counting", "washing", "packing"]) + " " + draw.rng.choice(words.THINGS[1:]) + "s",
             ["<x> is {used for|made for|good at|built for} <v>", "<x> {helps with|spends the day} <v>"], ["{What does <x> do|What is the {task|job|work} of <x>|What is <x> for|What can <x> do}"], "The task of <x> is <v>."),
    "weight": (_count(3, 950), ["<x> weighs <v> {kg|kilograms}", "the weight of <x> is <v> {kg|kilograms}"],
               ["{How heavy is <x>|How much does <x> weigh|What is the weight of <x>|What does <x> weigh}"], "The weight of <x> is <v> kg."),
    "speed": (_count(2, 180), ["<x> {moves|drives|walks} at <v> km/h", "the {top speed|speed} of <x> is <v> km/h"],
              ["{How fast is <x>|What is the {top speed|speed} of <x>|How fast does <x> {move|drive|walk}|What speed does <x> reach}"], "The speed of <x> is <v> km/h."),
    "colour": (_from(words.COLOURS), ["<x> is painted <v>", "the colour of <x> is <v>"], ["{What colour {is <x>|does <x> have}|Which colour does <x> have|How is <x> painted}"], "The colour of <x> is <v>."),
    "battery": (_count(2, 90), ["the battery of <x> lasts <v> hours", "<x> {works|runs} <v> hours {on one charge|without a charge}"],
                ["{How long does {the battery of <x> last|<x> {work|run}}|How many hours does <x> {work|run}|What is the battery life of <x>}"], "The battery life of <x> is <v> hours."),
}
EVENT = {
    "day": (_from(words.DAYS), ["the <x> is on <v>", "the <x> {takes place|will be held} on {a |}<v>"],
            ["{On {which|what} day is the <x>|What day is the <x>|When is the <x>|Which day is the <x> on}"], "The day of the <x> is <v>."),
    "time": (_clock, ["the <x> {begins|starts} at <v>", "the {start|beginning} of the <x> is at <v>"],
             ["{At what time {does the <x> {begin|start}|is the <x>}|What time {does the <x> {begin|start}|is the <x>}|When does the <x> {begin|start}}"], "The time of the <x> is <v>."),
    "place": (lambda draw: "the " + draw.rng.choice(words.PLACES), ["the <x> {is|takes place} in <v>", "{we|they|people} meet {for|at} the <x> in <v>"],
              ["{Where {is|does|will} the <x>{| take place| be}|In which place is the <x>|Where do people meet for the <x>|Where is the <x>}"], "The place of the <x> is <v>."),
    "cost": (_count(2, 90), ["the <x> costs <v> euros", "a ticket for the <x> {is|costs} <v> euros"],
             ["{How much {does the <x> cost|is a ticket for the <x>|is the <x>}|What does the <x> cost|What is the price of the <x>}"], "The price of the <x> is <v> euros."),
    "guests": (_count(5, 900), ["<v> {guests|people|visitors} {come|are expected|will come} {to|at} the <x>"],
               ["{How many {guests|people|visitors} {come to|are expected at|will come to} the <x>}"], "The number of guests of the <x> is <v>."),
    "host": (_full_name, ["the <x> is {organised|planned|hosted} by <v>", "<v> {organises|plans|hosts} the <x>"],
             ["{Who {organises|plans|hosts} the <x>|Who is the host of the <x>|By whom is the <x> {organised|planned}}"], "The host of the <x> is <v>."),
}


def _event(rng):
    return rng.choice(["spring", "summer", "autumn", "winter", "village", "town", "school", "music", "book", "flower", "garden", "harbour", "night", "street",
                       "chess", "film", "bread", "wine", "science", "sports"]) + " " + rng.choice(
        ["festival", "market", "party", "concert", "fair", "meeting", "dinner", "race", "show", "lecture", "dance", "contest", "picnic", "lesson"])


KINDS = {  # what makes its name, its attributes, its pronouns
    "person": (_full_name, PERSON), "town": (_name(words.town), TOWN), "firm": (_name(words.firm), FIRM), "creature": (_name(words.creature), CREATURE),
    "ship": (_name(words.ship), SHIP), "book": (_name(words.title), BOOK), "peak": (_name(words.peak), PEAK), "robot": (_name(words.robot), ROBOT),
    "event": (_name(_event), EVENT),
}
FILLERS = """The weather was mild that year.|Many people know this.|It was a long day.|Nobody was surprised.|The road is steep.|There is more to tell.|The
newspapers wrote about it.|That is well known there.|It rained in the evening.|Some remember it well.|The old stories say so.|Everybody was glad.|It
is quiet in winter.|Visitors are welcome.|The bells ring at noon.|It took some time.|Not all agree.|The photos are in the archive.""".replace("\n", " ").split("|")
"""Sentences that answer nothing."""
