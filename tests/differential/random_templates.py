# SPDX-License-Identifier: Apache-2.0
"""Templates made at random: expressions of everything that the interpreter knows, and statements around them."""
import random

VARIABLES = {
    "s": "Hello, World", "t": "  a b\tc \n", "u": "na\u00efve \u00c9t\u00e9 \u4f60\u597d \U0001f600 \u00df", "e": "", "q": "it's \"x\" \\ <&>",
    "i": 7, "n": -3, "z": 0, "f": 2.5, "g": -0.125, "h": 1e20, "k": 3.0, "y": True, "o": False, "m": None,
    "l": [3, 1, 2], "w": ["b", "A", "c", "a"], "x": [], "mixed": [1, "a", None, 2.5, [1, 2], {"k": 1}],
    "d": {"a": 1, "b": "two", "items": 3, "c": {"e": [1, {"f": "g"}]}}, "v": {},
    "r": [{"name": "b", "n": 2, "tags": ["x", "y"]}, {"name": "A", "n": 1}, {"name": "c", "n": 2, "tags": []}],
    "messages": [{"role": "system", "content": "Be <b>"}, {"role": "user", "content": "Hi\n"},
                 {"role": "assistant", "content": None,
                  "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1.0, "y": "\u00e9\n"}}}]}],
}
STRINGS = ["s", "t", "u", "e", "q", "'a'", "'b c'", '"x\\ny"', "''", "'%s-%d'", "'é'", "'lo'", "s[0]", "d.b", "r[0].name",
           "messages[0].role", "messages[1]['content']", "'  pad '", "'1,2,,3'", "'12'", "'-4.5'", "'0x1f'"]
NUMBERS = ["i", "n", "z", "f", "g", "k", "h", "0", "1", "2", "3", "10", "-1", "2.5", "1e3", "0.1", "r[0].n", "1_000", "0x10"]
LISTS = ["l", "w", "x", "mixed", "r", "[1, 2, 3]", "['a', 'b']", "[]", "(1, 2)", "range(4)", "range(5, 0, -2)", "messages",
         "r[0].tags", "[[1, 'a'], [2, 'b']]", "[true, none, 1.5]", "['B', 'a', 'C', 'a']", "(1,)", "[1, 1.0, true, 'x']"]
MAPS = ["d", "v", "{'a': 1, 'b': [1]}", "{}", "d.c", "r[0]", "dict(a=1, b='c')", "messages[2]", "{1: 2, none: 'n'}"]
OTHERS = ["m", "y", "o", "undefined_name", "d.nothing", "l[9]", "r[1].tags", "true", "none", "namespace(a=1).a", "d['b']"]
UNARY_STRING = ["strip()", "lstrip()", "rstrip()", "upper()", "lower()", "title()", "capitalize()", "split()", "splitlines()",
                "split(',')", "split('l', 1)", "rsplit('l', 1)", "rsplit()", "split(' ', 1)", "startswith('H')", "endswith('d')",
                "endswith(('d', 'c'))", "replace('l', 'L')", "replace('', '-')", "replace('o', '0', 1)", "find('o')", "rfind('o')", "count('l')",
                "index('z')", "strip('Hd')", "lstrip('H ')", "isdigit()", "isalpha()", "isupper()", "islower()", "isspace()",
                "join(['x', 'y'])", "join('abc')", "center(9, '*')", "ljust(8)", "rjust(8, '.')", "zfill(6)", "partition(' ')",
                "rpartition('o')", "swapcase()", "removeprefix('He')", "removesuffix('ld')", "format(1, 'x')", "splitlines(true)",
                "find('l', 4)", "count('l', 3, -1)", "nothing", "nothing()", "__class__", "split(none, 1)", "rsplit(none, 1)"]
MAP_METHODS = ["get('a')", "get('q')", "get('q', 5)", "items()", "keys()", "values()", "a", "items", "['items']", "['a']", "['q']",
               "items()|list", "keys()|list", "values()|list|length", "update({})", "c.e[1].f", "c.e[0]", "copy()", "pop('a')", "__class__"]
LIST_METHODS = ["[0]", "[-1]", "[1:]", "[:2]", "[::-1]", "[::2]", "[-2:]", "[3:1:-1]", "[5:]", "[-9:9:3]", "[:-1]", "count(1)", "index(1)",
                "append(1)", "[none:1]", "['a']", "[0][0]", "[1.0]", "[true]", "copy()"]
FILTERS = ["upper", "lower", "title", "capitalize", "trim", "length", "count", "first", "last", "list", "string", "int", "float", "abs",
           "round", "round(1)", "round(2, 'floor')", "round(0, 'ceil')", "round(-1)", "sort", "sort(reverse=true)", "sort(case_sensitive=true)", "unique|list", "unique(true)|list",
           "reverse", "reverse|list", "join", "join(', ')", "join('-', attribute='name')", "tojson", "tojson(indent=2)", "tojson(sort_keys=true)",
           "tojson(separators=(',', ':'))", "tojson(ensure_ascii=true)", "tojson(indent=0)", "tojson(indent='\t')", "default('D')", "d('D', true)", "items|list", "dictsort", "dictsort(by='value')",
           "dictsort(reverse=true)", "batch(2)|list", "batch(2, 'f')|list", "slice(2)|list", "slice(3, 'f')|list", "sum", "sum(start=10)", "min", "max", "min(attribute='n')",
           "map('upper')|list", "map(attribute='name')|list", "map(attribute='tags', default=[])|list", "map(attribute='tags.0')|list", "map('string')|join('|')", "map('length')|list",
           "select|list", "reject|list", "select('string')|list", "select('number')|list", "reject('none')|list", "select('gt', 1)|list", "select('in', [1, 2])|list",
           "selectattr('name')|list", "selectattr('n', 'equalto', 2)|map(attribute='name')|list", "rejectattr('tags')|list", "rejectattr('tags', 'defined')|list",
           "groupby('n')", "groupby('n')|map('first')|list", "groupby('name')|map(attribute='grouper')|list", "replace('a', 'b')", "replace('l', '')", "replace(1, 2)", "indent", "indent(2, true)", "indent('> ', blank=true)", "center(15)", "truncate(5)", "truncate(8, true)", "truncate(8, false, '!', 0)",
           "wordcount", "safe", "e", "format(1, 2)", "format('x')", "attr('name')", "nosuchfilter", "sum(attribute='n')", "sort(attribute='n')|map(attribute='name')|list", "sort(attribute='n,name')|map(attribute='name')|list",
           "int(5)", "int(base=16)", "float(1.5)", "max(attribute='name')", "tojson|length", "list|tojson", "join(1)", "string|length", "first|default('none')"]
TESTS = ["defined", "undefined", "none", "string", "number", "integer", "float", "boolean", "mapping", "iterable", "sequence", "true", "false",
         "odd", "even", "divisibleby 2", "divisibleby(3)", "eq 1", "ne 1", "lt 3", "gt(1)", "ge 2", "le 2", "in [1, 'a']", "equalto 'a'", "sameas none", "sameas true",
         "callable", "lower", "upper", "filter", "test", "escaped", "not defined", "not none", "not string", "nosuchtest", "greaterthan 1", "lessthan(0)"]
BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "and", "or", "in", "not in"]


class Maker:
    def __init__(self, rng):
        self.rng = rng
        self.names = 0

    def pick(self, *lists):
        return self.rng.choice(self.rng.choice(lists))

    def atom(self):
        return self.pick(STRINGS, NUMBERS, LISTS, MAPS, OTHERS)

    def expression(self, depth):
        rng = self.rng
        if depth == 0:
            return self.atom()
        kind = rng.randrange(13)
        sub = lambda: self.expression(depth - 1)
        if kind == 0:
            return f"{self.pick(STRINGS)}.{rng.choice(UNARY_STRING)}"
        if kind == 1:
            member = rng.choice(MAP_METHODS)
            return f"{self.pick(MAPS)}{'' if member[0] == '[' else '.'}{member}"
        if kind == 2:
            member = rng.choice(LIST_METHODS)
            return f"{self.pick(LISTS, STRINGS)}{'' if member[0] == '[' else '.'}{member}"
        if kind in (3, 4, 5):
            base = {3: lambda: self.pick(LISTS), 4: lambda: self.atom(), 5: lambda: f"({sub()})"}[kind]()
            return f"{base}|{rng.choice(FILTERS)}"
        if kind == 6:
            return f"({sub()}) is {rng.choice(TESTS)}"
        if kind in (7, 8):
            a, b = rng.choice([(NUMBERS, NUMBERS), (STRINGS, STRINGS), (LISTS, LISTS), (STRINGS, NUMBERS)])
            if rng.random() < 0.4:
                return f"({sub()}) {rng.choice(BINARY)} ({sub()})"
            return f"{rng.choice(a)} {rng.choice(BINARY)} {rng.choice(b)}"
        if kind == 9:
            return f"({sub()} if {sub()}" + (f" else {sub()})" if rng.random() < 0.7 else ")")
        if kind == 10:
            return f"[{sub()}, {sub()}]" if rng.random() < 0.5 else f"{{'k': {sub()}, {self.pick(STRINGS)}: {sub()}}}"
        if kind == 11:
            return rng.choice(["not ", "-", "+"]) + f"({sub()})"
        return f"{self.pick(NUMBERS)} {rng.choice(['<', '<=', '==', '!='])} {self.pick(NUMBERS)} {rng.choice(['<', '>', '>='])} {self.pick(NUMBERS)}"

    def tag(self, inside):
        rng = self.rng
        return "{%" + rng.choice(["", "", "-", "+"]) + f" {inside} " + rng.choice(["", "", "-", "+"]) + "%}"

    def show(self, inside):
        rng = self.rng
        return "{{" + rng.choice(["", "", "-"]) + f" {inside} " + rng.choice(["", "", "-"]) + "}}"

    def text(self):
        return self.rng.choice(["", " ", "\n", "a", "  \n  ", "x\n  ", "<|im_start|>", "\n\n", "\t", "{ }", "%", "é\n", "{# note #}", "{#- n -#}\n", "\r\n"])

    def body(self, depth):
        return "".join(self.text() + self.statement(depth) for _ in range(self.rng.randrange(1, 4))) + self.text()

    def statement(self, depth):
        rng = self.rng
        if depth == 0 or rng.random() < 0.35:
            return self.show(self.expression(rng.randrange(1, 3)))
        kind = rng.randrange(12)
        body = lambda: self.body(depth - 1)
        e = lambda: self.expression(1)
        if kind == 0:
            return self.tag(f"if {e()}") + body() + (self.tag(f"elif {e()}") + body() if rng.random() < 0.3 else "") + \
                (self.tag("else") + body() if rng.random() < 0.5 else "") + self.tag("endif")
        if kind in (1, 2):
            items = self.pick(LISTS, MAPS)
            loop = rng.choice(["loop.index", "loop.first", "loop.last", "loop.length", "loop.index0", "loop.revindex", "loop.previtem",
                               "loop.nextitem", "loop.cycle('o', 'e')", "loop.depth", "loop.changed(it)", "it", "loop.revindex0"])
            test = f" if {rng.choice(['it', 'it is not none', 'it != 1', 'it is string'])}" if rng.random() < 0.3 else ""
            control = rng.choice(["", "", self.tag("if it == 2") + self.tag(rng.choice(["break", "continue"])) + self.tag("endif")])
            other = self.tag("else") + body() if rng.random() < 0.3 else ""
            return self.tag(f"for it in {items}{test}") + control + self.show(loop) + body() + other + self.tag("endfor")
        if kind == 3:
            return self.tag(f"for key, value in {self.pick(MAPS)}.items()") + self.show("key") + ":" + self.show("value") + self.tag("endfor")
        if kind == 4:
            name = f"var{rng.randrange(3)}"
            return self.tag(f"set {name} = {e()}") + self.show(name)
        if kind == 5:
            name = f"blk{rng.randrange(3)}"
            return self.tag(f"set {name}{rng.choice(['', ' | upper', ' | trim | length'])}") + body() + self.tag("endset") + self.show(name)
        if kind == 6:
            return self.tag("set ns = namespace(n=0, t='')") + self.tag(f"for it in {self.pick(LISTS)}") + self.tag("set ns.n = ns.n + 1") + \
                self.tag("set ns.t = ns.t ~ it") + self.tag("endfor") + self.show("ns.n") + self.show("ns.t")
        if kind == 7:
            name = f"mac{rng.randrange(3)}"
            call = rng.choice(["1", "1, 2", "a=3", "1, b='x'", "", "1, 2, 3", "c=1"])
            return self.tag(f"macro {name}(a, b={self.pick(NUMBERS, STRINGS)})") + self.show("a") + body() + self.show("b") + self.tag("endmacro") + \
                self.show(f"{name}({call})")
        if kind == 8:
            name = f"wrap{rng.randrange(3)}"
            return self.tag(f"macro {name}(a)") + "[" + self.show("caller(a)") + "]" + self.tag("endmacro") + \
                self.tag(f"call(x1) {name}({self.pick(NUMBERS)})") + self.show("x1") + body() + self.tag("endcall")
        if kind == 9:
            return self.tag(f"filter {rng.choice(['upper', 'trim', 'replace(\"a\", \"b\")', 'indent(2)|length'])}") + body() + self.tag("endfilter")
        if kind == 10:
            return self.tag(f"with w1 = {e()}, w2 = {self.pick(NUMBERS)}") + self.show("w1") + body() + self.show("w2") + self.tag("endwith")
        return rng.choice([self.tag("raw") + "{{ raw }} {% x %}" + self.tag("endraw"), self.tag("generation") + body() + self.tag("endgeneration"),
                           self.tag("set a1, b1 = (1, 'z')") + self.show("a1 ~ b1"), self.show("strftime_now('%d %b %Y %H:%M')"),
                           self.tag("if false") + self.show("raise_exception('no')") + self.tag("endif")])


def cases(count, seed):
    rng = random.Random(seed)
    made = []
    for i in range(count):
        maker = Maker(rng)
        if i % 3 < 2:
            template = "{{ " + maker.expression(rng.randrange(1, 4)) + " }}"
        else:
            template = maker.body(rng.randrange(1, 4))
        made.append({"name": str(i), "template": template, "variables": VARIABLES})
    return made
