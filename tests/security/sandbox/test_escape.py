"""Programs that try to reach files, environment, network, processes or the interpreter's inside."""

from collections.abc import Callable

import pytest

RAISED, SYNTAX, NOT_JSON = "ProgramError", "ProgramSyntaxError", "InvalidOutputError"

ATTACKS: list[tuple[str, str, str | list[object], str | list[object]]] = [
    # Files and environment
    ("read a file", "print(open('FILE_CANARY').read())", RAISED, RAISED),
    ("read /etc/passwd", "print(open('/etc/passwd').read())", RAISED, RAISED),
    ("read /proc/self/environ", "print(open('/proc/self/environ').read())", RAISED, RAISED),
    (
        "read a file by pathlib",
        "from pathlib import Path\nprint(Path('FILE_CANARY').read_text())",
        RAISED,
        RAISED,
    ),
    ("read by descriptor", "import os\nfor n in range(3, 50):\n  os.read(n, 100)", RAISED, RAISED),
    (
        "scan descriptors",
        (
            "import os\nfound = []\nfor n in range(3, 300):\n"
            "  try: os.read(n, 9); found.append(n)\n  except OSError: pass\nprint(found)"
        ),
        RAISED,
        [[]],
    ),
    ("write a file", "open('/tmp/escaped', 'w').write('x')", RAISED, RAISED),
    ("list folders", "import os\nprint(os.listdir('/'))", RAISED, RAISED),
    ("parent folders", "print(open('../../../../../../FILE_CANARY').read())", RAISED, RAISED),
    ("environment", "import os\nprint(sorted(os.environ))", RAISED, NOT_JSON),
    (
        "environment as JSON",
        "import os, json\nprint(json.dumps(dict(os.environ)))",
        RAISED,
        [{"PYTHONHASHSEED": "0"}],
    ),
    ("getenv", "import os\nprint(os.getenv('SANDBOX_CANARY') or '\"none\"')", RAISED, ["none"]),
    ("temporary file", "import tempfile\ntempfile.mkstemp()", RAISED, RAISED),
    ("symbolic link", "import os\nos.symlink('/etc/passwd', 'x')", RAISED, RAISED),
    # Network, processes, native code
    ("socket", "import socket\nsocket.create_connection(('127.0.0.1', 80), 1)", RAISED, RAISED),
    ("urllib", "import urllib.request\nurllib.request.urlopen('http://127.0.0.1')", RAISED, RAISED),
    (
        "metadata service",
        "__import__('http.client').client.HTTPConnection('169.254.169.254').request('GET', '/')",
        RAISED,
        RAISED,
    ),
    ("select", "import select\nselect.select([0], [], [], 10**6)", RAISED, RAISED),
    ("subprocess", "import subprocess\nsubprocess.run(['id'])", RAISED, RAISED),
    ("os.system", "import os\nos.system('id')", RAISED, RAISED),
    ("os.popen", "__import__('os').popen('id').read()", RAISED, RAISED),
    ("fork", "import os\nos.fork()", RAISED, RAISED),
    ("kill the parent", "import os\nos.kill(os.getppid(), 9)", RAISED, RAISED),
    ("exec", "import os\nos.execv('/bin/sh', ['sh'])", RAISED, RAISED),
    ("ctypes", "import ctypes\nctypes.CDLL(None).system(b'id')", RAISED, RAISED),
    ("ctypes memory", "import ctypes\nctypes.string_at(0)", RAISED, RAISED),
    ("mmap", "import mmap\nmmap.mmap(-1, 10**10)", RAISED, RAISED),
    (
        "threads",
        "import threading\nfor i in range(999): threading.Thread(target=int).start()",
        RAISED,
        RAISED,
    ),
    ("multiprocessing", "import multiprocessing as m\nm.Pool(4)", RAISED, RAISED),
    ("signals", "import signal\nsignal.signal(signal.SIGTERM, print)\nprint(1)", RAISED, [1]),
    ("alarm", "import signal\nsignal.alarm(1)", RAISED, RAISED),
    # Introspection
    (
        "subclasses",
        (
            "n = [c for c in ().__class__.__base__.__subclasses__() "
            "if c.__name__ == '_wrap_close']\n"
            "print(n[0].__init__.__globals__['system']('id') if n else 0)"
        ),
        RAISED,
        RAISED,
    ),
    ("import by __import__", "print(__import__('os').getcwd())", RAISED, NOT_JSON),
    (
        "import by importlib",
        "import importlib\nimportlib.import_module('_posixsubprocess')",
        RAISED,
        RAISED,
    ),
    (
        "import by builtins",
        "__builtins__.__dict__['__import__']('socket').socket()",
        RAISED,
        RAISED,
    ),
    (
        "frames",
        (
            "import sys\nf = sys._getframe()\nwhile f.f_back: f = f.f_back\n"
            "print(len(str(f.f_globals)) > 10**6)"
        ),
        RAISED,
        NOT_JSON,
    ),
    (
        "garbage collector",
        (
            "import gc, json\nprint(json.dumps([o for o in gc.get_objects() "
            "if isinstance(o, str) and 'CANARY' in o]))"
        ),
        RAISED,
        [[]],
    ),
    (
        "format string",
        "class A: pass\nprint('\"{0.__class__.__init__.__globals__[FOO]}\"'.format(A()))",
        RAISED,
        RAISED,
    ),
    ("eval", 'print(eval(\'__import__("os").system("id")\'))', RAISED, RAISED),
    ("pickle", "import pickle\npickle.loads(b'cos\\nsystem\\n(S\\'id\\'\\ntR.')", RAISED, RAISED),
    (
        "code object",
        "def f(): pass\nf.__code__ = f.__code__.replace(co_code=b'\\x53\\x00' * 4)\nf()",
        RAISED,
        NOT_JSON,
    ),
    ("interpreter abort", "import os\nos.abort()", RAISED, "EngineCrashedError"),
    ("fault handler", "import faulthandler\nfaulthandler._sigsegv()", RAISED, "EngineCrashedError"),
    ("sys.exit with an answer", "import sys\nprint('[]')\nsys.exit(3)", RAISED, RAISED),
    ("exit code by exception", "raise SystemExit('FAIL')", RAISED, RAISED),
    ("unhooked exit", "import os\nprint(1, flush=True)\nos._exit(0)", RAISED, [1]),
    ("exit handler", "import atexit\natexit.register(print, 'x' * 10**6)\nprint(2)", RAISED, [2]),
    ("replaced stdout", "import sys\nsys.stdout = None\nprint(1)", RAISED, RAISED),
    ("closed stdout", "import sys\nprint(1)\nsys.stdout.close()", RAISED, RAISED),
    # The program's text
    ("NUL in the program", "x = '\x00'", SYNTAX, SYNTAX),
    ("surrogate in the program", "x = '\ud800'", SYNTAX, SYNTAX),
    ("encoding declaration", "# -*- coding: utf-7 -*-\nprint(1)", [1], [1]),
    ("bidirectional text", "x = '\u202e'\nprint(1)", [1], [1]),
    ("form feeds", "\x0c\nprint(1)", [1], [1]),
]
"""Name, program, and what must come of it in tier 1 and tier 2: an error, or [a harmless value].

Each runs with the triage of imports switched off, so that the engine alone must hold.
`FILE_CANARY` stands for the path of a file with a secret, which is in the environment too.
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
