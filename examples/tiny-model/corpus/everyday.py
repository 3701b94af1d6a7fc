# SPDX-License-Identifier: Apache-2.0
"""The tools now, convert, remember, recall, list_files and read_file."""
import datetime
from fractions import Fraction

import words
from arithmetic import exact, stated
from chats import compact, error

# symbol: (quantity, factor, offset) as src/tool/ready/units.cpp has them, then what people write.
UNITS = {
    "mm": ("length", "0.001", "0", "mm|millimeters|millimetres"), "cm": ("length", "0.01", "0", "cm|centimeters|centimetres"),
    "m": ("length", "1", "0", "m|meters|metres|meters"), "km": ("length", "1000", "0", "km|kilometers|kilometres|kilometers"),
    "in": ("length", "0.0254", "0", "inches|inches|in"), "ft": ("length", "0.3048", "0", "feet|feet|ft"),
    "yd": ("length", "0.9144", "0", "yards|yards|yd"), "mi": ("length", "1609.344", "0", "miles|miles|mi"),
    "nmi": ("length", "1852", "0", "nautical miles|nmi"),
    "m2": ("area", "1", "0", "square meters|m2|square metres"), "ha": ("area", "10000", "0", "hectares|ha"),
    "km2": ("area", "1000000", "0", "square kilometers|km2"), "ft2": ("area", "0.09290304", "0", "square feet|ft2"),
    "ac": ("area", "4046.8564224", "0", "acres|acres|ac"), "mi2": ("area", "2589988.110336", "0", "square miles|mi2"),
    "ml": ("volume", "0.000001", "0", "ml|milliliters|millilitres"), "l": ("volume", "0.001", "0", "liters|litres|l"),
    "m3": ("volume", "1", "0", "cubic meters|m3"), "tsp": ("volume", "0.00000492892159375", "0", "teaspoons|tsp"),
    "tbsp": ("volume", "0.00001478676478125", "0", "tablespoons|tbsp"), "cup": ("volume", "0.0002365882365", "0", "cups|cups"),
    "fl_oz": ("volume", "0.0000295735295625", "0", "fluid ounces|fl oz"), "pt": ("volume", "0.000473176473", "0", "pints|pints|pt"),
    "gal": ("volume", "0.003785411784", "0", "gallons|gallons|gal"),
    "mg": ("mass", "0.000001", "0", "mg|milligrams"), "g": ("mass", "0.001", "0", "g|grams|grams"),
    "kg": ("mass", "1", "0", "kg|kilograms|kilos"), "t": ("mass", "1000", "0", "tonnes|metric tons|t"),
    "oz": ("mass", "0.028349523125", "0", "ounces|oz"), "lb": ("mass", "0.45359237", "0", "pounds|lb|lbs"),
    "st": ("mass", "6.35029318", "0", "stones|stone"),
    "s": ("time", "1", "0", "seconds|s|seconds"), "min": ("time", "60", "0", "minutes|minutes|min"),
    "h": ("time", "3600", "0", "hours|h|hours"), "d": ("time", "86400", "0", "days|days"), "wk": ("time", "604800", "0", "weeks|weeks"),
    "m/s": ("speed", "1", "0", "m/s|meters per second"), "km/h": ("speed", "1/3.6", "0", "km/h|kilometers per hour|kph"),
    "mph": ("speed", "0.44704", "0", "mph|miles per hour"), "kn": ("speed", "1852/3600", "0", "knots|knots"),
    "C": ("temperature", "1", "273.15", "degrees Celsius|C|Celsius|°C"),
    "F": ("temperature", "5/9", "459.67", "degrees Fahrenheit|F|Fahrenheit|°F"), "K": ("temperature", "1", "0", "kelvin|K"),
    "bar": ("pressure", "100000", "0", "bar|bars"), "psi": ("pressure", "4.4482216152605/0.00064516", "0", "psi"),
    "kPa": ("pressure", "1000", "0", "kPa|kilopascals"), "atm": ("pressure", "101325", "0", "atmospheres|atm"),
    "J": ("energy", "1", "0", "joules|J"), "kJ": ("energy", "1000", "0", "kilojoules|kJ"), "kcal": ("energy", "4184", "0", "kilocalories|kcal"),
    "kWh": ("energy", "3600000", "0", "kilowatt hours|kWh"), "W": ("power", "1", "0", "watts|W"), "kW": ("power", "1000", "0", "kilowatts|kW"),
    "hp": ("power", "745.69987158227022", "0", "horsepower|hp"),
    "kB": ("data", "8000", "0", "kilobytes|kB"), "MB": ("data", "8000000", "0", "megabytes|MB"), "GB": ("data", "8000000000", "0", "gigabytes|GB"),
    "TB": ("data", "8000000000000", "0", "terabytes|TB"), "MiB": ("data", "8388608", "0", "mebibytes|MiB"),
    "GiB": ("data", "8589934592", "0", "gibibytes|GiB"), "Mbit": ("data", "1000000", "0", "megabits|Mbit"),
}
QUANTITIES = {}
for _symbol, _unit in UNITS.items():
    QUANTITIES.setdefault(_unit[0], []).append(_symbol)
# What people ask for most.
USUAL = [("mi", "km"), ("km", "mi"), ("ft", "m"), ("m", "ft"), ("in", "cm"), ("cm", "in"), ("lb", "kg"), ("kg", "lb"), ("F", "C"),
         ("C", "F"), ("gal", "l"), ("l", "gal"), ("mph", "km/h"), ("km/h", "mph"), ("h", "min"), ("oz", "g"), ("GB", "MB"), ("cup", "ml")]
CONVERT = ["{Convert|Please convert|Can you convert|Change|Could you convert|Turn} <v> <f> {to|into} <t>{.|| please|, please}",
           "{What is|What's|How much is|How much are|What are} <v> <f> in <t>{?|}",
           "How many <t> {are|is|are there in|do I get from|make|equal|are in} <v> <f>{?|}", "<v> <f> {to|in|into|as} <t>{?|||, please}",
           "{Give me|I need|Tell me|Show me|Express|Write} <v> <f> {in|as} <t>{.|| please}",
           "{I have|There are|It is|It says|The sign says} <v> <f>. {How many <t> is that?|What is that in <t>?|How much is it in <t>?}"]


def fraction(text):
    above, _, below = text.partition("/")
    return Fraction(above) / Fraction(below or 1)


def converted(value, source, target):
    """What moxie's tool answers. None: the number would be written with an exponent."""
    _, factor, offset, _ = UNITS[source]
    _, to_factor, to_offset, _ = UNITS[target]
    number = (Fraction(value) + fraction(offset)) * fraction(factor) / fraction(to_factor) - fraction(to_offset)
    text = exact(number, 15)
    if text is None:
        return None
    number, _, rest = text.partition(" (")
    return f"{number} {target}" + (f" ({rest}" if rest else "")


def convert(draw, chat):
    rng = draw.rng
    while True:
        if rng.random() < 0.5:
            source, target = rng.choice(USUAL)
        else:
            source, target = rng.sample(QUANTITIES[rng.choice(list(QUANTITIES))], 2)
        value = draw.whole(rng.choice([1, 2, 2, 3, 3, 4, 5]))
        if rng.random() < 0.25:
            value += "." + str(rng.randint(1, 9)) if rng.random() < 0.6 else f".{rng.randint(1, 99):02}".rstrip("0")
        if source in "CF" and rng.random() < 0.1:
            value = "-" + value
        result = converted(value, source, target)
        if result is not None and len(result) < 44:
            break
    asked = draw.ask(CONVERT, v=value, f=rng.choice(UNITS[source][3].split("|")), t=rng.choice(UNITS[target][3].split("|")))
    arguments = {"value": float(value) if "." in value else int(value), "from": source, "to": target}
    answer = f"{value} {source} is {stated(result)}."
    chat.user(asked).calls("convert", arguments, result).says(answer)
    chat.check = {"calls": [["convert", arguments]], "results": [result], "states": [stated(result)]}


NOW_TIME = ["{What time is it|What's the time|Tell me the time|How late is it|Do you have the time|What does the clock say|Can you tell me the "
            "time|What is the current time|Current time}<now>{?||, please?|.}", "{What|Which} hour is it<now>{?|}"]
NOW_DATE = ["{What is the date|What's the date|What date is it|Tell me the date|What is today's date|What's today's date|Which date do we "
            "have|Date, please|Can you tell me the date}<now>{?||.}"]
NOW_DAY = ["{What day is it|What day of the week is it|Which day is it|What weekday is it|Which day of the week is today|What day is "
           "today|Which weekday do we have|Tell me the day of the week|Is it the weekend or which day is it}<now>{?||.}"]


def now(draw, chat):
    rng = draw.rng
    moment = datetime.datetime(2024, 1, 1) + datetime.timedelta(seconds=rng.randrange(12 * 365 * 86400))
    arguments, minutes, place, said = {}, 0, "UTC", rng.choice(["", "", " now", " right now", " at the moment"])
    if rng.random() < 0.4:
        minutes = rng.choice([-720, -660, -600, -570, -540, -480, -420, -360, -300, -240, -210, -180, -120, -60, 60, 120, 180, 210, 240,
                              270, 300, 330, 345, 360, 420, 480, 540, 570, 600, 660, 720, 780])
        sign = "-" if minutes < 0 else "+"
        whole, rest = divmod(abs(minutes), 60)
        offset = f"{sign}{whole:02}:{rest:02}"
        arguments, place = {"utc_offset": offset}, f"UTC{offset}"
        shown = [offset, f"UTC{offset}", f"{offset}"] + ([f"UTC{sign}{whole}"] * 2 if rest == 0 else [])
        said = rng.choice([" at ", " in ", " for "]) + rng.choice(shown)
    local = moment + datetime.timedelta(minutes=minutes)
    result = compact({"utc": moment.isoformat() + "Z", "local": local.isoformat() + (arguments["utc_offset"] if minutes else "Z"),
                      "weekday": local.strftime("%A"),
                      "unix_seconds": int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())})
    what = rng.randrange(3)
    asked = draw.ask([NOW_TIME, NOW_DATE, NOW_DAY][what], now=said)
    time, date = local.strftime("%H:%M"), local.strftime("%Y-%m-%d")
    answer = [f"It is {time} ({place}).", f"It is {date} ({place}).", f"It is {local.strftime('%A')} ({place})."][what]
    chat.user(asked).calls("now", arguments, result).says(answer)
    chat.check = {"calls": [["now", arguments]], "results": [result],
                  "states": [[time, date, local.strftime("%A")][what]]}
    chat.check["clock"] = int(moment.replace(tzinfo=datetime.timezone.utc).timestamp())


# What is remembered: a name of it, and what makes its value.
def _code(draw):
    return draw.whole(draw.rng.choice([3, 4, 4, 5, 6]))


def _colour(draw):
    return draw.rng.choice(words.COLOURS)


def _person(draw):
    return draw.name(words.given)


def _number(draw):
    return str(draw.between(1, 400))


def _place(draw):
    return draw.rng.choice(["in", "behind", "under", "near"]) + " the " + draw.rng.choice(words.PLACES)


def _day(draw):
    return draw.rng.choice(words.DAYS)


def _clock(draw):
    return f"{draw.rng.randint(0, 23)}:{draw.rng.randint(0, 59):02}"


KEPT = [(f"{thing} code", _code) for thing in "locker door gate bike safe garage alarm phone suitcase office".split()] \
    + [(f"favourite {thing}", make) for thing, make in (("colour", _colour), ("number", _number), ("day", _day), ("singer", _person))] \
    + [(f"{thing} name", _person) for thing in "dog cat sister brother boss doctor neighbour dentist teacher horse".split()] \
    + [(f"{thing} number", _code) for thing in "room seat flight ticket order house customer train bus".split()] \
    + [(f"{thing} place", _place) for thing in "key parking passport bike umbrella wallet".split()] \
    + [(f"{thing} day", _day) for thing in "rubbish market laundry training meeting cleaning".split()] \
    + [(f"{thing} time", _clock) for thing in "meeting train flight dinner lesson alarm".split()] \
    + [(f"{thing} size", _number) for thing in "shoe shirt hat ring bed".split()] \
    + [(f"{thing} colour", _colour) for thing in "car door kitchen wall bike".split()]


def kept(draw):
    """A name for a note, and what it says."""
    rng = draw.rng
    if rng.random() < 0.6:
        key, make = rng.choice(KEPT)
    else:  # any thing at all
        key, make = rng.choice([(words.thing, _colour), (words.thing, _place), (words.JOBS, _person), (words.ANIMALS, _person),
                                (words.thing, _code), (words.HOBBIES, _day), (words.HOBBIES, _clock)])
        key = draw.name(key)
        if rng.random() < 0.25:
            key = rng.choice(words.TRAITS + words.COLOURS + words.MATERIALS) + " " + key
    return key, make(draw)


REMEMBER = ["{Remember|Please remember|Can you remember|Note|Please note|Keep in mind|Don't forget|Save|Make a note|Store|Write down|Could you "
            "remember} {that my <k> is <v>|my <k> is <v>|that <k> is <v>|this: my <k> is <v>|my <k>: <v>}{.||, please}",
            "My <k> is <v>. {Remember it|Remember that|Please remember|Keep that in mind|Note it|Please keep that|Save that|Don't forget it}{.||!}",
            "<k>: <v>. {Remember it|Please remember that|Save it|Keep it}{.|}"]
TASKS = ["call <w>", "buy <f>", "buy <f> and <g>", "water the plants", "bring back the <t>", "pay the rent", "write to <w>", "visit <w>", "clean the <p>",
         "repair the <t>", "ask <w> about the <t>", "pick up <w>", "feed the <a>", "send the <t> to <w>", "book the tickets", "wash the car", "lock the <p>"]
TO_DO = ["{Remember|Please remember|Remind me|Don't forget|Please remind me|Can you remind me|I have|I need|I must not forget|Note that I have|Note that I want} to <k>{.||, please}",
         "{Note|To do|Todo|Reminder|Please note}: <k>{.|}"]
RECALL = ["{What is|What's|What was|Tell me|Do you remember|Do you know|Can you tell me|Look up|Recall|Give me|I forgot|Remind me of|Please tell "
          "me} my <k>{?||, please|, please?}", "{What did I tell you about|What do you know about|What did I say about|What did you note about} my <k>{?|}",
          "my <k>{?|, please}"]
RECALL_ALL = ["{What do you remember|What did you note|Which notes do you have|List my notes|List all notes|Show me my notes|What notes are there|"
              "What have you noted|What do I have to do|What did I want to do|Do I have any notes|Show all notes|Which notes are there|What did I ask you to remember|Tell me all notes}{?||.| please}"]


def task(draw, chat):
    """Something to do: the note is named by it."""
    rng = draw.rng
    text = draw.answer(rng.choice(TASKS), w=draw.name(words.given), f=rng.choice(words.FOODS), g=rng.choice(words.FOODS), t=draw.name(words.thing),
                       p=rng.choice(words.PLACES), a=rng.choice(words.ANIMALS))
    when = rng.choice(["", "", " on " + rng.choice(words.DAYS), " at " + _clock(draw), " tomorrow", " today"])
    arguments = {"key": text, "text": f"You wanted to {text}{when}"}
    chat.user(draw.ask(TO_DO, k=text + when)).calls("remember", arguments, "ok").says(f"I will remember that you wanted to {text}{when}.")
    chat.check = {"calls": [["remember", arguments]], "results": ["ok"], "states": [text + when]}


def remember(draw, chat):
    key, value = kept(draw)
    asked = draw.ask(REMEMBER, k=key, v=value)
    arguments = {"key": key, "text": f"The {key} is {value}"}
    chat.user(asked).calls("remember", arguments, "ok").says(f"I will remember that your {key} is {value}.")
    chat.check = {"calls": [["remember", arguments]], "results": ["ok"], "states": [value]}
    return key, value


def recall(draw, chat, known=None):
    rng = draw.rng
    key, value = known or (None, None)
    if key is None:
        key, value = kept(draw)
    asked = draw.ask(RECALL, k=key)
    found = known is not None or rng.random() < 0.8
    notes = [[key, f"The {key} is {value}"]] if found else []
    result = notes[0][1] if found else error(f"recall: needed the key of one of 0 notes, came '{key}'")
    answer = f"Your {key} is {value}." if found else f"I have no note about your {key}."
    chat.user(asked).calls("recall", {"key": key}, result).says(answer)
    chat.check = {"calls": [["recall", {"key": key}]], "results": [result], "notes": notes, "states": [value if found else "no note"]}


def recall_all(draw, chat):
    keys = sorted({kept(draw)[0] for _ in range(draw.rng.randint(0, 5))}, key=lambda key: key.encode())
    result = compact(keys)
    answer = "There are no notes yet." if not keys else "I have notes about:" + "".join("\n" + key for key in keys)
    chat.user(draw.ask(RECALL_ALL)).calls("recall", {}, result).says(answer)
    chat.check = {"calls": [["recall", {}]], "results": [result], "notes": [[key, "-"] for key in keys],
                  "states": keys or ["no notes"]}


STEMS = """agenda bills birthday books budget cars chapter contacts diary draft friends games garden goals grades holiday house ideas
invoice journal kitchen letter list log meeting menu minutes movies music notes orders packing paper plan plants poem prices project
quotes readme recipe report rules scores shopping song speech story summary tasks team tickets todo trip wishes work""".split()
TYPES = ["txt"] * 5 + ["md"] * 3 + ["csv", "log"]
FOLDERS = """archive backup books data desk docs drafts family home inbox letters meetings music notes old photos plans private projects recipes
reports school shared taxes travel work""".split()
LIST = ["{List|Show me|Show|What are|Which are|Tell me|Please list|Can you list|Give me} {the|all|my|all the} files {in|inside|of|from} <p>{?||.}",
        "{What is|What's|What files are|Which files are|What lies|What do I have} {in|inside} {|the folder }<p>{?||.}",
        "{Look into|Open|Show the contents of|List|Please list} the folder <p>{.|}", "{ls|dir} <p>", "Which files {does|has} <p> {contain|have}{?|}"]
LIST_ROOT = ["{List|Show me|Show|What are|Tell me|Please list|Can you list|Give me|Which are} {the|all|my|all the} files{?||.| please|, please}",
             "{What files are there|Which files do I have|What files do you see|What files can you see|What is in the folder|What's in my folder|"
             "Which files can you read|What can you see in the folder|What lies in the folder|List the folder|What do we have here}{?||.}", "ls"]
READ = ["{Read|Open|Show me|Show|Please read|Can you read|Print|Could you open|Display|Read me|Read out} {|the file |my file }<p>{.||, please}",
        "{What is|What's|What does it say|What stands|What is written} in {|the file }<p>{?|}", "What does {|the file }<p> say{?|}",
        "{Tell me what is in|Tell me what|I want to see|I would like to read} {|the file }<p>{.| says.|}", "cat <p>"]
LINES = ["Call <w> {on <d>|tomorrow|at <c>}.", "Buy <f> and <g>.", "Meeting with <w> {on <d>|at <c>}.", "The <t> is in the <p>.", "Pay <n> euros to <w>.",
         "Bring the <t> back to <w>.", "<d>: <h> with <w>.", "Ask <w> about the <t>.", "Total: <n>.", "We need <n> <f>.", "<w> likes <f>.",
         "The train leaves at <c>.", "Water the garden on <d>.", "Room <n> is free on <d>."]


def file_name(draw, most_folders=2):
    rng = draw.rng

    def make(rng):
        stem = rng.choice(STEMS)
        dice = rng.random()
        if dice < 0.25:
            stem += rng.choice(["_", "-"]) + rng.choice(STEMS)
        elif dice < 0.5:
            stem += rng.choice(["_", "-", ""]) + str(rng.choice([rng.randint(1, 9), rng.randint(10, 99), rng.randint(2015, 2035)]))
        return stem + "." + rng.choice(TYPES)

    folder = [rng.choice(FOLDERS) for _ in range(rng.choice([0, 0, 1, 1, 2][: 3 + most_folders]))]
    return "/".join(folder + [draw.name(make)])


def folder_name(draw):
    rng = draw.rng
    return "/".join([rng.choice(FOLDERS)] + ([draw.name(lambda r: r.choice(FOLDERS + STEMS) + (str(r.randint(1, 2030)) if r.random() < 0.5 else ""))]
                                             if rng.random() < 0.45 else []))


def list_files(draw, chat):
    rng = draw.rng
    root = rng.random() < 0.4
    path = "" if root else folder_name(draw)
    entries = {}
    for _ in range(rng.randint(0, 4)):
        if rng.random() < 0.75:
            entries[file_name(draw, 0).split("/")[-1]] = rng.choice([rng.randint(0, 99), rng.randint(100, 9999)])
        else:
            entries[rng.choice(FOLDERS)] = None
    names = sorted(entries, key=lambda name: name.encode())
    result = compact({"entries": [{"name": name, "kind": "folder" if entries[name] is None else "file", "bytes": entries[name] or 0}
                                  for name in names], "complete": True, "names_left_out": 0})
    where = "The folder" if root else path
    answer = f"{where} is empty." if not names else f"{where} has:" + "".join(
        "\n" + name + ("/" if entries[name] is None else "") for name in names)
    arguments = {} if root else {"path": path}
    chat.user(draw.ask(LIST_ROOT) if root else draw.ask(LIST, p=path)).calls("list_files", arguments, result).says(answer)
    chat.check = {"calls": [["list_files", arguments]], "results": [result], "states": names or ["empty"],
                  "files": [[path + "/" + n if path else n, entries[n]] for n in names] or ([[path, None]] if path else [])}


def read_file(draw, chat):
    rng = draw.rng
    path = file_name(draw)
    lines = [line(draw) for _ in range(rng.choice([1, 1, 1, 2, 2, 3]))]
    text = "\n".join(lines)
    if rng.random() < 0.07:
        answer, files, missing = f"There is no file {path}.", [], "file"
        if "/" in path and rng.random() < 0.5:
            missing = "folder"
        elif "/" in path:
            files = [[path.rsplit("/", 1)[0], None]]
        result = error(f"files: needed a {missing} that is there, came '{path}'")
        states = ["no file"]
    else:
        result = compact({"text": text, "file_bytes": len(text.encode()), "next_offset": None, "replaced_bytes": 0})
        answer, states, files = f"{path} says:\n{text}", [text], [[path, text]]
    chat.user(draw.ask(READ, p=path)).calls("read_file", {"path": path}, result).says(answer)
    chat.check = {"calls": [["read_file", {"path": path}]], "results": [result], "states": states, "files": files}


def line(draw):
    rng = draw.rng
    return draw.answer(rng.choice(LINES), w=draw.name(words.given), d=rng.choice(words.DAYS), c=_clock(draw), f=rng.choice(words.FOODS),
                       g=rng.choice(words.FOODS), t=rng.choice(words.THINGS), p=rng.choice(words.PLACES), n=draw.between(2, 999),
                       h=rng.choice(words.HOBBIES))


EXCHANGES = {"now": [now], "convert": [convert], "remember": [remember, remember, remember, task], "recall": [recall, recall, recall_all], "list_files": [list_files],
             "read_file": [read_file]}


def exchange(draw, chat, tools):
    """One question for one of these tools, or two: a thing to remember and the question for it."""
    rng = draw.rng
    if "remember" in tools and "recall" in tools and rng.random() < 0.12:
        known = remember(draw, chat)
        recall(draw, chat, known)
        chat.check["notes"] = [[known[0], f"The {known[0]} is {known[1]}"]]  # the chat itself made it
        return
    name = rng.choice([tool for tool in tools if tool in EXCHANGES])
    rng.choice(EXCHANGES[name])(draw, chat)
