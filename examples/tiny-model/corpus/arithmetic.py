# SPDX-License-Identifier: Apache-2.0
"""Arithmetic through the tool calculate: numbers are copied digit by digit, words become operators and brackets."""
from fractions import Fraction

from chats import error
from words import FOODS, THINGS, given


def exact(value, digits=50):
    """A fraction as moxie's tools write it: exactly where it ends, else rounded half to even. None: neither is short."""
    below = value.denominator
    twos = fives = 0
    while below % 2 == 0:
        below, twos = below // 2, twos + 1
    while below % 5 == 0:
        below, fives = below // 5, fives + 1
    sign, value = ("-" if value < 0 else ""), abs(value)
    if below == 1:
        decimals = max(twos, fives)
        text = str(value.numerator * 10 ** decimals // value.denominator)
        if decimals:
            text = text.rjust(decimals + 1, "0")
            text = text[:-decimals] + "." + text[-decimals:]
        return sign + text
    scale = 0
    while value * 10 ** scale >= 10 ** digits:
        scale -= 1
    while value * 10 ** scale < 10 ** (digits - 1):
        scale += 1
    rounded = str(round(value * 10 ** scale))  # Python rounds half to even
    point = len(rounded) - scale
    if point > digits or point <= -10:
        return None
    if point <= 0:
        text = "0." + "0" * -point + rounded
    else:
        text = rounded[:point] + ("." + rounded[point:] if point < len(rounded) else "")
    return f"{sign}{text} (rounded to {digits} digits)"


def stated(result):
    """How an answer states a result: whole where it ends, else its first six decimals."""
    if "(rounded" not in result:
        return result
    number, _, rest = result.split(" (")[0].partition(".")
    unit = result.split(" (rounded")[0].partition(" ")[2]
    return number + "." + rest.split(" ")[0][:6] + "..." + (" " + unit if unit else "")


def number(draw, most=9):
    """A number as it is written, mostly a whole one."""
    rng = draw.rng
    dice = rng.random()
    if dice < 0.82:
        return draw.whole(min(most, rng.choice([1, 1, 2, 2, 2, 3, 3, 4, 5, 6, 7, 8, 9])))
    return draw.whole(rng.randint(1, min(most, 4))) + "." + "".join(rng.choice("0123456789") for _ in range(rng.randint(1, 2))) \
        + rng.choice("123456789")


def value_of(expression):
    """The value of an expression of numbers, + - * / % ^ and brackets; None where a divisor is zero."""
    at = 0
    text = expression.replace(" ", "")

    def factor():
        nonlocal at
        if text[at] == "-":
            at += 1
            return -power()
        if text[at] == "(":
            at += 1
            inner = total()
            at += 1
            return inner
        begin = at
        while at < len(text) and (text[at].isdigit() or text[at] == "."):
            at += 1
        return Fraction(text[begin:at])

    def power():
        nonlocal at
        base = factor()
        if at < len(text) and text[at] == "^":
            at += 1
            return base ** int(factor())
        return base

    def product():
        nonlocal at
        left = power()
        while at < len(text) and text[at] in "*/%":
            sign = text[at]
            at += 1
            right = power()
            if sign == "*":
                left *= right
            elif sign == "/":
                left /= right
            else:
                left %= right
        return left

    def total():
        nonlocal at
        left = product()
        while at < len(text) and text[at] in "+-":
            sign = text[at]
            at += 1
            right = product()
            left = left + right if sign == "+" else left - right
        return left

    try:
        return total()
    except ZeroDivisionError:
        return None


def symbols(draw, depth, spaced, most):
    """An expression with a random tree."""
    rng = draw.rng
    if depth == 0 or rng.random() < 0.2:
        return number(draw, most)
    left = symbols(draw, depth - 1, spaced, most)
    right = symbols(draw, depth - 1 if rng.random() < 0.4 else 0, spaced, most)
    if rng.random() < 0.3:
        left, right = right, left
    sign = rng.choice("+-*/+-*")
    space = " " if spaced else ""

    def side(text):
        compound = any(c in text for c in "+-*/")
        return f"({text})" if compound and (sign in "*/" or rng.random() < 0.25) else text

    return f"{side(left)}{space}{sign}{space}{side(right)}"


ASKED = ["{What is|What's|How much is|Calculate|Compute|Work out|Evaluate|Solve|Find|Tell me|Give me|Can you calculate|Please "
         "compute|Could you work out|I need|Figure out|Do you know|What do you get for|What does|Let us see:|Quick:|Hey, what is|"
         "Now|And|So what is|Then|Okay,|Could you tell me|Would you compute|Help me with|Please tell me} ", ""]
SYMBOLS = ["<e>{?|| =| = ?|.|?|| please?|, please}", "the result of <e>{?|.|}", "<e> {equal|make|give|come to}{?|}",
           "the value of <e>{?|.|}", "<e>{, | - |; |. }{what is that|how much is that|what comes out|what is the result}{?|}"]

# What is said, and the expression. The slots are numbers, or parts in brackets where NESTED puts them.
BINARY = [
    ("<a> {plus|and} <b>", "<a> + <b>"), ("the sum of <a> and <b>", "<a> + <b>"), ("<a> added to <b>", "<a> + <b>"),
    ("{the total of|the total when you add} <a> and <b>", "<a> + <b>"), ("<a> plus <b>", "<a> + <b>"),
    ("<a> minus <b>", "<a> - <b>"), ("<a> minus <b>", "<a> - <b>"), ("the difference {of|between} <a> and <b>", "<a> - <b>"),
    ("<a> less <b>", "<a> - <b>"), ("<a> take away <b>", "<a> - <b>"), ("<b> {subtracted|taken} from <a>", "<a> - <b>"),
    ("<a> times <b>", "<a> * <b>"), ("<a> times <b>", "<a> * <b>"), ("<a> multiplied {by|with} <b>", "<a> * <b>"),
    ("the product of <a> and <b>", "<a> * <b>"), ("<a> divided by <b>", "<a> / <b>"), ("<a> divided by <b>", "<a> / <b>"),
    ("<a> over <b>", "<a> / <b>"), ("the quotient of <a> and <b>", "<a> / <b>"),
]
ORDERS = [  # they are whole sentences
    ("{Add|Please add|Sum up|Can you add|Could you please add} <a> {and|to} <b>", "<a> + <b>"),
    ("{What do I get|What is the result|How much is it} if I add <a> {and|to} <b>", "<a> + <b>"),
    ("{Subtract|Please subtract|Can you subtract|Take} <b> from <a>", "<a> - <b>"),
    ("Take <b> away from <a>", "<a> - <b>"),
    ("{What remains|What is left|How much is left|How much remains} {of|from} <a> {if|when|after} {I take|you take|we take} away <b>",
     "<a> - <b>"),
    ("{How much|By how much} is <a> {more|larger|bigger} than <b>", "<a> - <b>"),
    ("{Multiply|Please multiply|Can you multiply|Could you multiply} <a> {by|with|and} <b>", "<a> * <b>"),
    ("{Divide|Please divide|Can you divide|Could you divide|Split} <a> by <b>", "<a> / <b>"),
    ("How {many times|often} does <b> {go|fit} into <a>", "<a> / <b>"),
    ("{What do I get|What is it|What happens} {if|when} I divide <a> by <b>", "<a> / <b>"),
    ("{What do I get|What is it|How much do I get} {if|when} I multiply <a> by <b>", "<a> * <b>"),
]
SMALL = [  # the second number is a small one
    ("<a> squared", "<a>^2"), ("the square of <a>", "<a>^2"), ("<a> cubed", "<a>^3"),
    ("<a> to the {power of <n>|power <n>}", "<a>^<n>"), ("<a> to the <n>th power", "<a>^<n>"),
    ("<n>{ percent|%} of <a>", "<n> * <a> / 100"), ("<n>{ percent|%} of <a>", "<n> * <a> / 100"),
    ("the remainder of <a> divided by <n>", "<a> % <n>"), ("<a> {mod|modulo} <n>", "<a> % <n>"),
    ("{half of <a>|a half of <a>}", "<a> / 2"), ("{twice|double} <a>", "<a> * 2"), ("a {third|third part} of <a>", "<a> / 3"),
    ("a quarter of <a>", "<a> / 4"), ("three times <a>", "<a> * 3"),
]
THEN = [
    ("{add|then add|plus} <n>", "+"), ("{subtract|then subtract|take away|minus} <n>", "-"),
    ("{multiply|then multiply|multiply the result|multiply that|multiply it} by <n>", "*"), ("{times|then times} <n>", "*"),
    ("{divide|then divide|divide the result|divide that|divide it} by <n>", "/"),
]
PROBLEMS = [
    ("{I have|<w> has|We have} <a> <t> and {buy|get|find|gets|receive} <b> more. How many <t> {are there|is that} {now|in all|together|altogether}?",
     "<a> + <b>"),
    ("There are <a> <t> {on the table|in the box|in the shop|in one basket} and <b> {in the bag|on the shelf|in another one}. "
     "{How many are there|How many <t> are there} {in total|together|in all|altogether}?", "<a> + <b>"),
    ("{I had|<w> had|We had} <a> <t> and {gave away|sold|lost|used} <b>. How many {are left|remain|<t> are left}?", "<a> - <b>"),
    ("Of <a> <t>, <b> {were sold|are broken|were eaten|are gone}. How many {are left|remain}?", "<a> - <b>"),
    ("{One box holds|Each box holds|There are} <a> <t>{| in a box}. How many {are|<t> are} in <b> boxes?", "<a> * <b>"),
    ("{One ticket|A ticket|One of them|A room} costs <a> {euros|dollars|coins}. {How much do <b> cost|What do <b> cost|What is the price of <b>}?",
     "<a> * <b>"),
    ("<b> {people|friends|children} share <a> <t> {equally|fairly|evenly}. How many does {each|each one|everyone} get?", "<a> / <b>"),
    ("A {car|train|ship|bus} {drives|goes|travels} <a> km in <b> hours. {What is its speed|How fast is it} in km per hour?",
     "<a> / <b>"),
    ("{There are|I bought} <a> <t> and <b> {bags|boxes} with <n> each. How many <t> is that?", "<a> + (<b> * <n>)"),
    ("{I bought|<w> bought} <b> {bags|boxes} with <a> <t> each and {ate|lost|gave away|used} <n>. How many are left?",
     "(<b> * <a>) - <n>"),
]
ANSWER = "The result is <r>."
NO_DIVISION = "That cannot be calculated: it would be a division by zero."
NO_REMAINDER = "That cannot be calculated: there is no remainder of a division by zero."


def commas(text):
    """1234567 as 1,234,567: people write that, calculate does not read it."""
    whole, point, rest = text.partition(".")
    return f"{int(whole):,}{point}{rest}"


def worded(draw):
    """(what is asked, the expression)"""
    rng = draw.rng
    dice = rng.random()
    most = 9 if rng.random() < 0.7 else 4
    slots = {"a": number(draw, most), "b": number(draw, most), "n": draw.whole(rng.choice([1, 1, 2])),
             "w": draw.name(given), "t": rng.choice(FOODS + [thing + "s" for thing in THINGS[:40] if thing[-1] not in "shx"])}
    if dice < 0.36:
        form, expression = rng.choice(BINARY)
        question = draw.ask([start + form + "{?||.}" for start in ASKED], **(shown := written(rng, slots)))
    elif dice < 0.52:
        form, expression = rng.choice(ORDERS)
        question = draw.ask([form + "{?|.||?}"], **(shown := written(rng, slots)))
    elif dice < 0.62:
        form, expression = rng.choice(SMALL)
        slots["n"] = str(rng.choice([2, 3, 4, 5, 10]) if "^" in expression else rng.randint(2, 99))
        if "^" in expression:
            slots["a"] = draw.whole(rng.choice([1, 2, 2, 3]))
        question = draw.ask([start + form + "{?||.}" for start in ASKED], **(shown := written(rng, slots)))
    elif dice < 0.72:
        form, expression = rng.choice(PROBLEMS)
        slots["a"], slots["b"] = draw.whole(rng.choice([1, 2, 3, 4, 5])), draw.whole(rng.choice([1, 2, 2, 3]))
        question = draw.ask([form], **(shown := slots))
    elif dice < 0.86:  # step by step
        steps = [rng.choice(THEN) for _ in range(rng.choice([1, 1, 2]))]
        begin, expression = rng.choice([("{Start|Begin} with <a>", "<a>"), ("Take <a>", "<a>"), ("{Add|Please add} <a> {and|to} <b>", "<a> + <b>"),
                                        ("Subtract <b> from <a>", "<a> - <b>"), ("Multiply <a> {by|with} <b>", "<a> * <b>"),
                                        ("{Divide|Please divide} <a> by <b>", "<a> / <b>")])
        form = begin
        for i, (said, sign) in enumerate(steps):
            slots[f"n{i}"] = number(draw, 4)
            form += ("{, | and |, then |, and }" if i == 0 else "{, | and |, and |, then }") + said.replace("<n>", f"<n{i}>")
            expression = (f"({expression})" if " " in expression else expression) + f" {sign} <n{i}>"
        question = draw.ask([form + "{.||?}"], **(shown := written(rng, slots)))
    else:  # a part in brackets
        form, expression = rng.choice(BINARY[5:])
        inner_form, inner = rng.choice([("the sum of <c> and <d>", "<c> + <d>"), ("the difference {of|between} <c> and <d>", "<c> - <d>"),
                                        ("the product of <c> and <d>", "<c> * <d>"), ("the quotient of <c> and <d>", "<c> / <d>"),
                                        ("the sum of <c> and <d>", "<c> + <d>")])
        slots["c"], slots["d"] = number(draw, 5), number(draw, 5)
        place = rng.choice("ab")
        if rng.random() < 0.25:
            slots["e"], slots["f"] = number(draw, 4), number(draw, 4)
            other_form, other = rng.choice([("the sum of <e> and <f>", "<e> + <f>"), ("the difference between <e> and <f>", "<e> - <f>")])
            form = form.replace("<a>", inner_form).replace("<b>", other_form)
            expression = expression.replace("<a>", f"({inner})").replace("<b>", f"({other})")
        else:
            form = form.replace(f"<{place}>", inner_form)
            expression = expression.replace(f"<{place}>", f"({inner})")
        question = draw.ask([start + form + "{?||.}" for start in ASKED], **(shown := written(rng, slots)))
    del shown
    for name, value in slots.items():
        expression = expression.replace(f"<{name}>", value)
    return question, expression


def written(rng, slots):
    """The numbers as a user writes them: rarely with commas."""
    if rng.random() > 0.04:
        return slots
    return {name: commas(v) if v.replace(".", "").isdigit() and len(v.split(".")[0]) > 3 else v for name, v in slots.items()}


def symbolic(draw):
    rng = draw.rng
    depth = rng.choice([1, 1, 1, 2, 2, 3])
    expression = symbols(draw, depth, rng.random() < 0.6, 9 if depth < 3 else 4)
    if not any(c in expression for c in "+-*/"):
        expression += " + " + number(draw)
    if rng.random() < 0.04:
        expression = "-" + expression
    shown = expression
    dice = rng.random()
    if dice < 0.12 and "*" in shown:
        shown = shown.replace("*", rng.choice(["x", "×", "x"]))
    elif dice < 0.15 and "/" in shown:
        shown = shown.replace("/", rng.choice(["÷", ":"]))
    return draw.ask([start + form for start in ASKED for form in SYMBOLS], e=shown), expression


def question(draw):
    """(what is asked, expression, result): never a quotient so small that it is written with an exponent."""
    while True:
        asked, expression = symbolic(draw) if draw.rng.random() < 0.45 else worded(draw)
        value = value_of(expression)
        if value is None:
            if draw.rng.random() < 0.3:
                what = "no remainder of a division by zero" if "%" in expression else "no division by zero"
                return asked, expression, error(f"calculate: needed {what}, came one")
            continue
        result = exact(value)
        if result is not None and len(result.split(" (")[0]) <= (30 if "(" not in result else 60) and len(expression) <= 60:
            return asked, expression, result


def exchange(draw, chat):
    asked, expression, result = question(draw)
    if result.startswith("{"):
        answer = NO_REMAINDER if "remainder" in result else NO_DIVISION
        must = [answer]
    else:
        answer = draw.answer(ANSWER, r=stated(result)).replace("....", "...")
        must = [stated(result)]
    chat.user(asked).calls("calculate", {"expression": expression}, result).says(answer)
    chat.check = {"calls": [["calculate", {"expression": expression}]], "results": [result], "states": must}
