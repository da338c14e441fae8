"""Programs that try to exhaust the sandbox's time, memory, stack or output, or to lie."""

from collections.abc import Callable

import pytest

TIME, MEMORY, RAISED = "TimeLimitError", "MemoryLimitError", "ProgramError"
SYNTAX, TOO_MUCH, NOT_JSON = "ProgramSyntaxError", "OutputTooLargeError", "InvalidOutputError"

ATTACKS: list[tuple[str, str, str | list[object], str | list[object]]] = [
    # Time
    ("infinite loop", "while True: pass", TIME, TIME),
    (
        "loop that catches its own end",
        "while True:\n  try:\n    while True: pass\n  except BaseException: pass",
        TIME,
        TIME,
    ),
    ("endless sum", "print(sum(range(10**12)))", TIME, TIME),
    ("squaring", "x = 3\nwhile True: x = x * x", TIME, TIME),
    (
        "catastrophic regular expression, backtracking",
        "import re\nre.match(r'(?=(a+))(a|a)*\\1$', 'a' * 40 + 'b')",
        RAISED,
        TIME,
    ),
    (
        "catastrophic regular expression, nested",
        "import re\nprint(1 if re.match('(a+)+$', 'a' * 40 + 'b') else 0)",
        [0],
        TIME,
    ),
    ("factorial", "import math\nmath.factorial(10**7)", TIME, TIME),
    ("sleep", "import time\ntime.sleep(10**6)\nprint(1)", [1], RAISED),
    ("busy clock", "import time\nt = time.time()\nwhile time.time() == t: pass", TIME, TIME),
    # Memory
    ("list of text", "a = []\nwhile True: a.append('x' * 10**6)", MEMORY, MEMORY),
    ("one huge text", "'x' * 10**10", MEMORY, RAISED),
    ("one huge list", "[0] * 10**10", MEMORY, RAISED),
    ("doubling", "s = 'a'\nwhile True: s += s", MEMORY, MEMORY),
    ("growing dictionary", "d = {}\nfor i in range(10**8): d[i] = [i] * 10**5", MEMORY, MEMORY),
    ("huge integer", "10**10**8", MEMORY, TIME),
    ("huge shift", "1 << 10**12", MEMORY, RAISED),
    ("huge width", "'%1000000000d' % 1", MEMORY, MEMORY),
    ("huge join", "'x'.join(['a' * 10**6] * 10**6)", MEMORY, RAISED),
    ("huge replace", "('a' * 10**5).replace('a', 'b' * 10**6)", MEMORY, RAISED),
    (
        "huge product",
        "from itertools import product\nlist(product(range(100), repeat=6))",
        MEMORY,
        MEMORY,
    ),
    (
        "memory error caught and repeated",
        (
            "a = []\nwhile True:\n  try:\n    while True: a.append('x' * 10**6)\n"
            "  except MemoryError: pass"
        ),
        MEMORY,
        TIME,
    ),
    ("bytes", "b'x' * 10**10", MEMORY, RAISED),
    # Depth
    ("recursion", "def f(n): return f(n + 1)\nf(0)", RAISED, RAISED),
    ("mutual recursion by lambda", "f = lambda: g()\ng = lambda: f()\nf()", RAISED, RAISED),
    (
        "recursion in ==",
        "class A:\n  def __eq__(s, o): return s == o\nA() == A()",
        RAISED,
        "EngineCrashedError",
    ),
    (
        "recursive repr",
        "a = []\nfor i in range(10**5): a = [a]\nprint(len(repr(a)))",
        [1999],
        RAISED,
    ),
    (
        "recursion limit raised",
        "import sys\nsys.setrecursionlimit(10**9)\ndef f(): return f()\nf()",
        RAISED,
        TIME,
    ),
    ("deep JSON read", "import json\njson.loads('[' * 10**5)", RAISED, RAISED),
    ("nested parentheses", "x = " + "(" * 5000 + "1" + ")" * 5000, SYNTAX, SYNTAX),
    ("nested brackets", "x = " + "[" * 30000, SYNTAX, SYNTAX),
    ("unary chain", "x = " + "-" * 30000 + "1", SYNTAX, SYNTAX),
    ("attribute chain", "x = a" + ".b" * 16000, SYNTAX, SYNTAX),
    ("sum chain", "x = " + "1+" * 15000 + "1", SYNTAX, SYNTAX),
    ("nested lambdas", "x = " + "lambda:" * 4000 + "1", SYNTAX, SYNTAX),
    (
        "nested blocks",
        "".join(" " * i + "if 1:\n" for i in range(200)) + " " * 200 + "pass",
        SYNTAX,
        SYNTAX,
    ),
    # Output
    ("endless printing", "while True: print('x' * 1000)", TOO_MUCH, TOO_MUCH),
    (
        "endless printing, caught",
        "while True:\n  try: print('x' * 1000)\n  except BaseException: pass",
        TOO_MUCH,
        TIME,
    ),
    ("one huge line", "print('x' * 10**8)", TOO_MUCH, MEMORY),
    ("one huge error", "raise ValueError('x' * 6 * 10**7)", RAISED, RAISED),
    ("one huge last value", "['x' * 100 + str(i) for i in range(10**5)]", NOT_JSON, NOT_JSON),
    ("huge exit code", "raise SystemExit('x' * 10**7)", RAISED, RAISED),
    ("answer over its limit", "print('\"' + 'x' * 70000 + '\"')", TOO_MUCH, TOO_MUCH),
    ("no answer", "x = 1", NOT_JSON, NOT_JSON),
    ("answer that is no JSON", "print({'a': 1})", NOT_JSON, NOT_JSON),
    ("two values", "print('1 2')", NOT_JSON, NOT_JSON),
    ("NaN", "print('NaN')", NOT_JSON, NOT_JSON),
    ("infinity", "print('[1e999]')", NOT_JSON, NOT_JSON),
    ("duplicate keys", 'print(\'{"ok": false, "ok": true}\')', NOT_JSON, NOT_JSON),
    ("deeply nested answer", "print('[' * 20000 + ']' * 20000)", NOT_JSON, NOT_JSON),
    ("surrogate escape", "print('\"\\\\ud800\"')", NOT_JSON, NOT_JSON),
    ("surrogate itself", "print('\"\\ud800\"')", ["�"], RAISED),
    ("huge integer as answer", "print('9' * 4000)", NOT_JSON, NOT_JSON),
    ("integer beyond conversion", "print('9' * 60000)", NOT_JSON, NOT_JSON),
    ("NUL in the answer", "print('\"\\0\"')", NOT_JSON, NOT_JSON),
    ("fake earlier lines", 'print(\'{"ok": true, "engine": "root"}\')\nprint(\'[]\')', [[]], [[]]),
    (
        "fake report on stderr",
        'import sys\nprint(\'{"kind": "memory"}\', file=sys.stderr)\nprint(1)',
        [1],
        [1],
    ),
    (
        "fake report by descriptor",
        "import os\nos.write(2, b'\\n{\"kind\": [{}]}')\nos._exit(81)",
        RAISED,
        RAISED,
    ),
    (
        "spoiled report",
        "import os\nos.write(2, b'\\n' + b'[' * 10**5)\nos._exit(81)",
        RAISED,
        RAISED,
    ),
    ("killed report", "import os\nos.write(1, b'[]')\nos._exit(7)", RAISED, RAISED),
    (
        "hostile exception text",
        "class E(Exception):\n  def __str__(s): raise SystemExit(0)\nraise E()",
        RAISED,
        RAISED,
    ),
    (
        "exception with control characters",
        "raise ValueError('\\x1b[2J\\n' + 'x' * 10**5)",
        RAISED,
        RAISED,
    ),
]
"""Name, program, and what must come of it in tier 1 and tier 2: an error, or [a harmless value].

Each runs with the triage of imports switched off, so that the engine alone must hold.
"""


@pytest.mark.parametrize("tier", ["monty", "wasi"])
@pytest.mark.parametrize(
    ("code", "monty", "wasi"), [pytest.param(*rest, id=name) for name, *rest in ATTACKS]
)
def test_is_contained(
    attack: Callable[..., object], code: str, monty: object, wasi: object, tier: str
) -> None:
    expected = monty if tier == "monty" else wasi
    assert attack(code, tier, short=expected == "TimeLimitError") == expected
