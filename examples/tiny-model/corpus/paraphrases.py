# SPDX-License-Identifier: Apache-2.0
"""Questions as a person typed them, by hand and not by the forms that training text is made of."""
from chats import ALL, Chat
from facts import UNKNOWN

CALLS = [  # what is typed, the tool, its arguments, what the answer must state
    ("whats 12*12", "calculate", {"expression": "12*12"}, "144"),
    ("i need to know how much 340 and 1260 make when you add them up", "calculate", {"expression": "340 + 1260"}, "1600"),
    ("can u tell me 99 times 101 pls", "calculate", {"expression": "99 * 101"}, "9999"),
    ("hey could you do 5000 divided by 8 for me?", "calculate", {"expression": "5000 / 8"}, "625"),
    ("How much is left if I take 37 away from 110?", "calculate", {"expression": "110 - 37"}, "73"),
    ("What would 15% of 240 be?", "calculate", {"expression": "15 * 240 / 100"}, "36"),
    ("(12 + 8) * 3 - what do you get?", "calculate", {"expression": "(12 + 8) * 3"}, "60"),
    ("Please multiply 250 by 16 for me.", "calculate", {"expression": "250 * 16"}, "4000"),
    ("What's the total of 19.99 and 5.01?", "calculate", {"expression": "19.99 + 5.01"}, "25"),
    ("I have 48 cookies and 6 kids. How many does each kid get?", "calculate", {"expression": "48 / 6"}, "8"),
    ("quickly: 123456789 + 987654321", "calculate", {"expression": "123456789 + 987654321"}, "1111111110"),
    ("do you know what 17 squared is?", "calculate", {"expression": "17^2"}, "289"),
    ("Subtract 19 from 84 please", "calculate", {"expression": "84 - 19"}, "65"),
    ("what's 7 + 8 * 9?", "calculate", {"expression": "7 + 8 * 9"}, "79"),
    ("Hi! What is 2 to the power of 10?", "calculate", {"expression": "2^10"}, "1024"),
    ("what time do we have right now?", "now", {}, ":"),
    ("could you tell me what day of the week it is today?", "now", {}, "day"),
    ("What's today's date, please?", "now", {}, "-"),
    ("what is the time in UTC+2?", "now", {"utc_offset": "+02:00"}, "+02:00"),
    ("how many km is 26 miles?", "convert", {"value": 26, "from": "mi", "to": "km"}, "41.842944 km"),
    ("I'm 6 feet tall, how many cm is that?", "convert", {"value": 6, "from": "ft", "to": "cm"}, "182.88 cm"),
    ("what's 100 F in celsius", "convert", {"value": 100, "from": "F", "to": "C"}, "37.777777... C"),
    ("convert 3 lbs to kg", "convert", {"value": 3, "from": "lb", "to": "kg"}, "1.36077711 kg"),
    ("5 liters in gallons please", "convert", {"value": 5, "from": "l", "to": "gal"}, "1.320860... gal"),
    ("My bike is blue, please keep that in mind", "remember", {"key": "bike", "text": "The bike is blue"}, "blue"),
    ("can you remember that my locker code is 4711?", "remember", {"key": "locker code", "text": "The locker code is 4711"}, "4711"),
    ("please remember my shoe size is 43", "remember", {"key": "shoe size", "text": "The shoe size is 43"}, "43"),
    ("remind me to call Peter tomorrow", "remember", {"key": "call Peter", "text": "You wanted to call Peter tomorrow"}, "call Peter"),
    ("which files do we have?", "list_files", {}, "has"),
    ("show me what's in the folder notes", "list_files", {"path": "notes"}, "notes"),
    ("open notes/todo.txt for me", "read_file", {"path": "notes/todo.txt"}, "todo.txt"),
    ("can you read the file budget.csv?", "read_file", {"path": "budget.csv"}, "budget.csv"),
]
TEXT = ("Anna Berg is a baker. She lives in Holmstad and plays the violin. Her neighbour Tom Lund is 45 years old. He repairs bicycles and has a dog "
        "named Rex. The ferry to Holmstad leaves at 8:30 and costs 12 euros.")
ON_TEXT = [  # what is typed, what the answer must state; None: the text does not say
    ("Where does Anna live?", "Holmstad"), ("what instrument does anna play?", "violin"), ("How old is Tom?", "45"), ("what does Anna do for a living", "baker"),
    ("How much is the ferry?", "12"), ("At what time does the ferry leave?", "8:30"), ("what's the name of Tom's dog?", "Rex"), ("How old is Anna?", None),
    ("Which instrument does Tom play?", None), ("Who is the mayor of Holmstad?", None), ("Where was Anna born?", None), ("how long does the ferry take?", None),
]
STORIES = [("could you tell me a little story about a mouse named Pip and a red balloon", "Pip", "balloon"), ("Write a story where a girl called Nora loses her kite.", "Nora", "kite"),
           ("i'd like a bedtime story about Bruno the bear and his lamp", "Bruno", "lamp"), ("A story, please: Olga the owl finds a key.", "Olga", "key"),
           ("tell me something about a fox, Felix, and a golden bell", "Felix", "bell"), ("Please write a story about Emma and her boat.", "Emma", "boat")]
TALK = [("hi", "Hello!"), ("who r u", "moxie"), ("So what are you able to do?", "tools"), ("thx!", "welcome"), ("good bye then", "Goodbye"), ("Are you a real person?", "program"),
        ("Why is the sky blue?", "do not know"), ("what's the capital of France?", "do not know"), ("Who won the world cup in 1990?", "do not know")]


def chats():
    folder = [["notes/todo.txt", "Buy bread and milk."], ["budget.csv", "rent,900"]]
    made = []

    def put(kind, question, tools, **check):
        chat = Chat(f"typed by hand, {kind}", tools=tools, check={"calls": [], "files": folder} | check)
        made.append(chat.user(question))

    for question, tool, arguments, stated in CALLS:
        put("calls", question, ALL, calls=[[tool, arguments]], states=[stated])
    for question, stated in ON_TEXT:
        put("facts", f"{TEXT}\n\n{question}", (), states=[stated or UNKNOWN], declined=stated is None)
    for question, hero, thing in STORIES:
        put("stories", question, (), hero=hero, object=thing)
    for question, stated in TALK:
        put("talk", question, (), states=[stated])
    return made
