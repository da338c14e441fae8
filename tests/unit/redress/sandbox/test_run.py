import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from redress.sandbox import ENGINES, Limits, SandboxUsageError, run_program
from redress.sandbox import run as run_module
from redress.sandbox.answer import canonical_json, sha256
from redress.sandbox.errors import SandboxUnavailableError

CASE = {
    "charges": [
        {"id": "ch_1", "amount_minor": 4200, "currency": "USD", "at": "2025-03-01T10:00:00Z"},
        {"id": "ch_2", "amount_minor": 4200, "currency": "USD", "at": "2025-03-01T10:00:09Z"},
        {"id": "ch_3", "amount_minor": 1550, "currency": "EUR", "at": "2025-03-02T11:30:00Z"},
    ],
    "invoice": {"total_minor": 4200, "currency": "USD", "lines": [["sku_1", 2], ["sku_2", 1]]},
    "shipped": {"sku_1": 2},
}

# Name, tier that answers, program, answer.
PROGRAMS: list[tuple[str, str, str, Any]] = [
    (
        "sums by currency", "monty",
        ("import json\ntotals = {}\nfor c in INPUT['charges']:\n"
        "    totals[c['currency']] = totals.get(c['currency'], 0) + c['amount_minor']\n"
        "print(json.dumps(totals, sort_keys=True))"),
        {"EUR": 1550, "USD": 8400},
    ),
    (
        "duplicates within a minute", "monty",
        ("import json\nfrom datetime import datetime, timedelta\n"
        "def when(c): return datetime.fromisoformat(c['at'].replace('Z', '+00:00'))\n"
        "found = []\ncs = sorted(INPUT['charges'], key=lambda c: (c['currency'], c['at']))\n"
        "for a, b in zip(cs, cs[1:]):\n"
        "    same = a['amount_minor'] == b['amount_minor'] and a['currency'] == b['currency']\n"
        "    if same and when(b) - when(a) <= timedelta(minutes=1):\n"
        "        found.append([a['id'], b['id']])\nprint(json.dumps(found))"),
        [["ch_1", "ch_2"]],
    ),
    (
        "counter", "monty",
        ("import json\nfrom collections import Counter\n"
        "n = Counter((c['amount_minor'], c['currency']) for c in INPUT['charges'])\n"
        "print(json.dumps([list(k) for k, v in n.items() if v > 1]))"),
        [[4200, "USD"]],
    ),
    (
        "default dictionary", "monty",
        ("import json\nfrom collections import defaultdict\ng = defaultdict(list)\n"
        "for c in INPUT['charges']: g[c['currency']].append(c['id'])\nprint(json.dumps(g))"),
        {"USD": ["ch_1", "ch_2"], "EUR": ["ch_3"]},
    ),
    (
        "missing lines by comprehension", "monty",
        ("import json\nmissing = {s: n - INPUT['shipped'].get(s, 0)"
        " for s, n in INPUT['invoice']['lines'] if INPUT['shipped'].get(s, 0) < n}\n"
        "print(json.dumps(missing))"),
        {"sku_2": 1},
    ),
    (
        "formatted text", "monty",
        ("import json\nt = sum(c['amount_minor'] for c in INPUT['charges'])\n"
        "print(json.dumps(f'{t / 100:,.2f} {\"total\":>7}'))"),
        "99.50   total",
    ),
    (
        "decimal", "monty",
        ("import json\nfrom decimal import Decimal, ROUND_HALF_UP\n"
        "v = (Decimal(4205) / 1000).quantize(Decimal('0.01'), rounding=ROUND_HALF_UP)\n"
        "print(json.dumps(str(v)))"),
        "4.21",
    ),
    (
        "plain class", "monty",
        ("import json\nclass Sum:\n    def __init__(self): self.n = 0\n"
        "    def add(self, x): self.n += x\ns = Sum()\n"
        "for c in INPUT['charges']: s.add(c['amount_minor'])\nprint(json.dumps(s.n))"),
        9950,
    ),
    (
        "groupby, match and try", "monty",
        ("import json\nfrom itertools import groupby\nout = {}\n"
        "for k, g in groupby(INPUT['charges'], key=lambda c: c['currency']):\n"
        "    match k:\n        case 'USD': out['usd'] = len(list(g))\n"
        "        case other: out[other] = 0\n"
        "try: out['x'] = INPUT['nope']\nexcept KeyError as e: out['x'] = e.args[0]\n"
        "print('note')\nprint(json.dumps(out))"),
        {"usd": 2, "EUR": 0, "x": "nope"},
    ),
    (
        "regular expression and date parsing", "monty",
        ("import json, re\nfrom datetime import datetime\n"
        "m = re.search(r'(\\d+)-(\\d+)-(\\d+)', INPUT['charges'][2]['at'])\n"
        "d = datetime.strptime(m.group(0), '%Y-%m-%d')\nprint(json.dumps(d.strftime('%d.%m.%y')))"),
        "02.03.25",
    ),
    (
        "random, clock and sets are fixed", "monty",
        ("import json, random, time\nprint(json.dumps([random.randint(1, 10**6), time.time(), "
        "sorted(set('cab'))]))"),
        [885441, 946684800.0, ["a", "b", "c"]],
    ),
    (
        "statistics", "wasi",
        ("import json, statistics\n"
        "print(json.dumps(statistics.median(c['amount_minor'] for c in INPUT['charges'])))"),
        4200,
    ),
    (
        "generator", "wasi",
        ("import json\ndef ids():\n    for c in INPUT['charges']: yield c['id']\n"
        "print(json.dumps(list(ids())))"),
        ["ch_1", "ch_2", "ch_3"],
    ),
    (
        "inheritance, dataclass and enum", "wasi",
        ("import json, enum\nfrom dataclasses import dataclass, asdict\n"
        "class Kind(enum.Enum):\n    A = 'a'\n@dataclass\nclass P:\n    x: int\n    kind: str\n"
        "class Q(P): pass\nprint(json.dumps(asdict(Q(1, Kind.A.value))))"),
        {"x": 1, "kind": "a"},
    ),
    (
        "custom exception, del and sys.exit", "wasi",
        ("import json, sys\nclass E(Exception): pass\nd = {'a': 1, 'b': 2}\ndel d['a']\n"
        "try: raise E('x')\nexcept E as e: print(json.dumps([str(e), d]))\nsys.exit(0)"),
        ["x", {"b": 2}],
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("tier", "code", "answer"), [pytest.param(*rest, id=name) for name, *rest in PROGRAMS]
)
def test_reconciliations_are_answered(tier: str, code: str, answer: Any) -> None:
    result = run_program(code, CASE)
    assert (result.error, result.value, result.engine) == (None, answer, tier)
    assert result.code_sha256 == sha256(code.encode())
    assert result.output_sha256 == sha256(canonical_json(answer))
    assert result.engine_version


@pytest.mark.parametrize("code", [pytest.param(p[2], id=p[0]) for p in PROGRAMS if p[1] == "monty"])
def test_both_tiers_give_the_same_answer(code: str) -> None:
    first = run_program(code, CASE, engines=("monty",))
    second = run_program(code, CASE, engines=("wasi",))
    assert first.output_sha256 == second.output_sha256
    assert first.stdout == second.stdout


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        ("1/0", "ProgramError", "ZeroDivisionError: division by zero (line 1)"),
        ("x = 1\nINPUT['nope']", "ProgramError", "KeyError: 'nope' (line 2)"),
        ("def f():\n  raise ValueError('a\\x1b\\nb')\nf()", "ProgramError",
         "ValueError: a  b (line 2)"),
        ("x = (", "ProgramSyntaxError", "SyntaxError: '(' was never closed (line 1)"),
        ("import os", "ForbiddenImportError", "import of 'os' in line 1 is not allowed"),
        ("x = 1" + " " * 40000, "CodeTooLargeError", "over 32768 bytes"),
    ],
)  # fmt: skip
def test_failures_are_typed_and_say_where(code: str, kind: str, message: str) -> None:
    result = run_program(code, {})
    assert (result.ok, result.value, result.output_sha256) == (False, None, None)
    assert result.error is not None
    assert result.error.type == kind
    assert message in result.error.message


def test_an_input_over_its_limit_is_a_typed_error() -> None:
    result = run_program("print(1)", "x" * 100, Limits(input_bytes=50))
    assert result.error is not None
    assert result.error.type == "InputTooLargeError"


@pytest.mark.parametrize("tier", ENGINES)
def test_a_large_input_is_seen_whole(tier: Any) -> None:
    rows = [{"id": f"é{i}", "n": i} for i in range(30_000)]
    code = "print(sum(r['n'] for r in INPUT), end='')"
    result = run_program(code, rows, engines=(tier,))
    assert result.value == sum(range(30_000))


@pytest.mark.parametrize("tier", ENGINES)
def test_input_values_arrive_as_json_has_them(tier: Any) -> None:
    value = {"a": (1, 2), "é\u2028\"'": None, "f": 0.1, "n": -(2**70), "t": True}
    code = "import json\nprint(json.dumps([INPUT['a'], INPUT['f'], str(INPUT['n']), list(INPUT)]))"
    result = run_program(code, value, engines=(tier,))
    assert result.value == [[1, 2], 0.1, str(-(2**70)), list(value)]


def test_the_callers_input_is_not_touched() -> None:
    value = {"a": [1]}
    run_program("INPUT['a'].append(2)\nprint(1)", value)
    assert value == {"a": [1]}


def test_runs_share_nothing() -> None:
    for tier in ENGINES:
        run_program("leak = 1\nprint(1)", None, engines=(tier,))
        result = run_program("print(leak)", None, engines=(tier,))
        assert result.error is not None
        assert "NameError" in result.error.message


def test_programs_run_at_once_from_many_threads() -> None:
    answers: dict[int, Any] = {}

    def work(number: int) -> None:
        answers[number] = run_program("print(INPUT * 2)", number).value

    threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {n: 2 * n for n in range(12)}


@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_a_forked_process_does_without_tier_1() -> None:
    assert run_program("print(1)", None).engine == "monty"
    pid = os.fork()
    if pid == 0:
        signal.alarm(30)
        os._exit(0 if run_program("print(2)", None).engine == "wasi" else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert run_program("print(3)", None).engine == "monty"


@pytest.mark.parametrize(
    "call",
    [
        lambda: run_program(b"print(1)", None),  # type: ignore[arg-type]
        lambda: run_program("print(1)", {1, 2}),
        lambda: run_program("print(1)", None, engines=()),
        lambda: run_program("print(1)", None, engines=("cpython",)),  # type: ignore[arg-type]
        lambda: Limits(wall_seconds=0),
        lambda: Limits(memory_bytes=1),
        lambda: Limits(code_bytes=True),
        lambda: Limits(wall_seconds=float("nan")),
    ],
)
def test_a_callers_mistake_is_raised(call: Any) -> None:
    with pytest.raises(SandboxUsageError):
        call()


def test_without_tier_2_a_gap_is_unavailable_but_a_fault_is_the_programs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(*_: object) -> None:
        raise SandboxUnavailableError("the WASI tier needs Linux on x86_64")

    monkeypatch.setattr(run_module._Run, "wasi", missing)
    gap = run_program("import statistics\nprint(1)", None)
    assert gap.error is not None
    assert gap.error.type == "SandboxUnavailableError"
    assert gap.engine == "monty"
    fault = run_program("int('x')", None)
    assert fault.error is not None
    assert fault.error.type == "ProgramError"
    assert run_program("print(1)", None).value == 1


def test_a_shipped_module_that_is_missing_or_foreign_is_unavailable(tmp_path: Path) -> None:
    bad = tmp_path / "bad.cwasm"
    bad.write_bytes(b"\x7fELF" + bytes(1000))
    for module in (tmp_path / "none.cwasm", bad):
        result = run_program("print(1)", None, engines=("wasi",), wasi_module=module)
        assert result.error is not None
        assert result.error.type == "SandboxUnavailableError"
        assert str(module) in result.error.message


def test_the_result_is_json() -> None:
    import msgspec

    result = run_program("print('\"\\u00e9\"')", None)
    assert json.loads(msgspec.json.encode(result))["value"] == "é"


@pytest.mark.parametrize("tier", ENGINES)
def test_the_smallest_memory_limit_still_runs_a_program(tier: Any) -> None:
    limits = Limits(memory_bytes=32 * 1024 * 1024)
    code = "import json\nprint(json.dumps(INPUT))"
    assert run_program(code, [1], limits, engines=(tier,)).value == [1]
